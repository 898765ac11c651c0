"""SSE-C: objects encrypted with keys that clients bring along."""

import base64
import hashlib
import os
import urllib.error
import urllib.request

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from s3.conftest import LARGE, crc32, md5, refused
from s3.test_forms import post
from support.server import KEY, SECRET

MINE, OTHER = b"0123456789abcdef0123456789abcdef", b"f" * 32
SECRET_TEXT = b"the quick brown fox keeps a secret; "
SEALED = ("The object was stored using a form of Server Side Encryption. The correct parameters "
          "must be provided to retrieve the object.")
PROVIDE = "Requests specifying Server Side Encryption with Customer provided keys must provide "


def digest(key):
    return base64.b64encode(hashlib.md5(key).digest()).decode()


def sse(key=MINE, prefix=""):
    return {f"{prefix}SSECustomerAlgorithm": "AES256", f"{prefix}SSECustomerKey": key}


def encoded(key=MINE):
    """For operations that botocore does not encode keys for."""
    return {**sse(base64.b64encode(key).decode()), "SSECustomerKeyMD5": digest(key)}


def source(key=MINE):
    return sse(key, "CopySource")


def headers(key=MINE, prefix="x-amz-"):
    name = f"{prefix}server-side-encryption-customer-"
    return {f"{name}algorithm": "AES256", f"{name}key": base64.b64encode(key).decode(),
            f"{name}key-MD5": digest(key)}


def text(size):
    return (SECRET_TEXT * (size // len(SECRET_TEXT) + 1))[:size]


def on_disk(server):
    """All bytes in the data folder."""
    return b"".join(path.read_bytes() for path in server.data.rglob("*") if path.is_file())


def head_status(s3, **arguments):
    with pytest.raises(ClientError) as caught:
        s3.head_object(**arguments)
    return caught.value.response["Error"]["Code"]


@pytest.mark.parametrize("size", [0, 1, 15, 16, 1000, LARGE, 1_000_003])
def test_what_was_put_comes_back_with_the_key(s3, bucket, size):
    body = text(size)
    put = s3.put_object(Bucket=bucket, Key="k", Body=body, ContentType="text/plain", **sse())
    assert (put["SSECustomerAlgorithm"], put["SSECustomerKeyMD5"]) == ("AES256", digest(MINE))
    assert "ServerSideEncryption" not in put and put["ETag"] != f'"{md5(body)}"'
    head = s3.head_object(Bucket=bucket, Key="k", **sse())
    got = s3.get_object(Bucket=bucket, Key="k", **sse())
    assert got["Body"].read() == body
    for reply in (head, got):
        assert (reply["SSECustomerAlgorithm"], reply["SSECustomerKeyMD5"]) == ("AES256",
                                                                              digest(MINE))
        assert "ServerSideEncryption" not in reply
        assert (reply["ETag"], reply["ContentLength"]) == (put["ETag"], size)


@pytest.mark.parametrize("size", [1000, 300_000])
def test_ranges_of_an_encrypted_object(s3, bucket, size):
    body = os.urandom(size)
    s3.put_object(Bucket=bucket, Key="k", Body=body, **sse())
    for first, last in [(0, 0), (0, 15), (1, 16), (15, 17), (16, 31), (17, 999), (size - 1, size)]:
        got = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={first}-{last}", **sse())
        assert got["Body"].read() == body[first:last + 1]
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert s3.get_object(Bucket=bucket, Key="k", Range="bytes=-33",
                         **sse())["Body"].read() == body[-33:]


def test_neither_text_nor_key_lies_on_the_disk(own_server):
    s3 = own_server.client("s3")
    s3.create_bucket(Bucket="lake")
    for size in (500, LARGE):
        s3.put_object(Bucket="lake", Key=f"k{size}", Body=text(size), **sse())
    upload = s3.create_multipart_upload(Bucket="lake", Key="m", **sse())["UploadId"]
    where = {"Bucket": "lake", "Key": "m", "UploadId": upload}
    s3.upload_part(**where, PartNumber=1, Body=text(LARGE), **sse())
    s3.put_object(Bucket="lake", Key="plain", Body=b"this can be found")
    for end in (own_server.kill9, own_server.stop):
        end()
        stored = on_disk(own_server)
        assert b"this can be found" in stored
        assert SECRET_TEXT[:16] not in stored and MINE not in stored
        assert base64.b64encode(MINE) not in stored
        own_server.start()
        for size in (500, LARGE):
            got = s3.get_object(Bucket="lake", Key=f"k{size}", **sse())
            assert got["Body"].read() == text(size)
    part = s3.list_parts(**where)["Parts"][0]
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(**where, MultipartUpload=parts)
    assert s3.get_object(Bucket="lake", Key="m", **sse())["Body"].read() == text(LARGE)


def test_who_comes_without_the_key_gets_nothing(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"hidden", **sse())
    s3.put_object(Bucket=bucket, Key="plain", Body=b"x")
    name = {"Bucket": bucket, "Key": "k"}
    attributes = {"ObjectAttributes": ["ETag", "Checksum", "ObjectSize"]}
    for call, key, more in ((s3.get_object, sse, {}),
                            (s3.get_object_attributes, encoded, attributes)):
        assert refused(call, "InvalidRequest", 400, **name, **more)["Message"] == SEALED
        error = refused(call, "AccessDenied", 403, **name, **more, **key(OTHER))
        assert error["Message"] == PROVIDE + "the correct secret key."
        refused(call, "AccessDenied", 403, **name, **more, **key(b"short"))
        error = refused(call, "InvalidRequest", 400, Bucket=bucket, Key="plain", **more, **key())
        assert error["Message"] == "The encryption parameters are not applicable to this object."
    assert head_status(s3, **name) == "400"
    assert head_status(s3, **name, **sse(OTHER)) == "403"
    assert head_status(s3, Bucket=bucket, Key="plain", **sse()) == "400"
    found = s3.get_object_attributes(**name, **attributes, **encoded())
    assert found["ObjectSize"] == 6
    assert [row["Key"] for row in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["k", "plain"]
    s3.delete_object(**name)


WRONG = [
    ({"algorithm": None}, "InvalidArgument", PROVIDE + "a valid encryption algorithm."),
    ({"algorithm": None, "key": None}, "InvalidArgument",
     PROVIDE + "a valid encryption algorithm."),
    ({"key": None}, "InvalidArgument", PROVIDE + "an appropriate secret key."),
    ({"key": None, "key-MD5": None}, "InvalidArgument", PROVIDE + "an appropriate secret key."),
    ({"key-MD5": None}, "InvalidArgument",
     PROVIDE + "the client calculated MD5 of the secret key."),
    ({"algorithm": "AES128"}, "InvalidEncryptionAlgorithmError",
     "The Encryption request you specified is not valid. Supported value: AES256."),
    ({"key-MD5": digest(OTHER)}, "InvalidArgument",
     "The calculated MD5 hash of the key did not match the hash that was provided."),
    ({"key-MD5": "not base64!"}, "InvalidArgument",
     "The calculated MD5 hash of the key did not match the hash that was provided."),
    ({"key": base64.b64encode(b"0123456789").decode(), "key-MD5": digest(b"0123456789")},
     "InvalidArgument", "The secret key was invalid for the specified algorithm."),
    ({"key": "?", "key-MD5": digest(b"")}, "InvalidArgument",
     "The secret key was invalid for the specified algorithm."),
]


@pytest.mark.parametrize("change, code, message", WRONG)
def test_what_is_wrong_by_itself(server, s3, bucket, change, code, message):
    sent = headers()
    for name, value in change.items():
        name = f"x-amz-server-side-encryption-customer-{name}"
        sent.pop(name)
        if value is not None:
            sent[name] = value
    for method, target in (("PUT", "k"), ("POST", "k?uploads")):
        status, _, body = server.request(method, f"/{bucket}/{target}", body=b"x" * 30_000,
                                         headers=sent)
        told = f"<Code>{code}</Code><Message>{message}<"
        assert (status, told in body.decode()) == (400, True), body
        assert b"<ArgumentName>x-amz-server-side-encryption</ArgumentName>" in body
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_it_does_not_go_with_another_encryption(s3, bucket):
    error = refused(s3.put_object, "InvalidArgument", 400, Bucket=bucket, Key="k", Body=b"",
                    ServerSideEncryption="AES256", **sse())
    assert error["Message"] == ("Server Side Encryption with Customer provided key is incompatible "
                                "with the encryption method specified")
    assert error["ArgumentValue"] == "AES256"


def test_digests_and_checksums_are_of_the_text(s3, bucket):
    good = base64.b64encode(hashlib.md5(b"hello").digest()).decode()
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ContentMD5=good,
                        ChecksumCRC32=crc32(b"hello"), **sse())
    assert put["ChecksumCRC32"] == crc32(b"hello")
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED", **sse())
    assert (got["ChecksumCRC32"], got["Body"].read()) == (crc32(b"hello"), b"hello")
    refused(s3.put_object, "BadDigest", 400, Bucket=bucket, Key="k", Body=b"hello",
            ContentMD5=digest(b"other"), **sse())
    again = s3.put_object(Bucket=bucket, Key="k", Body=b"hello", **sse())
    assert again["ETag"] != put["ETag"]
    refused(s3.get_object, "PreconditionFailed", 412, Bucket=bucket, Key="k", IfMatch=put["ETag"],
            **sse())
    assert s3.get_object(Bucket=bucket, Key="k", IfMatch=again["ETag"], **sse())


def test_an_upload_in_parts(s3, bucket):
    bodies = [os.urandom(5 * 2**20 + 7), os.urandom(5 * 2**20), os.urandom(100)]
    made = s3.create_multipart_upload(Bucket=bucket, Key="k", **sse())
    assert (made["SSECustomerAlgorithm"], made["SSECustomerKeyMD5"]) == ("AES256", digest(MINE))
    where = {"Bucket": bucket, "Key": "k", "UploadId": made["UploadId"]}
    error = refused(s3.upload_part, "InvalidRequest", 400, **where, PartNumber=1, Body=b"x")
    assert error["Message"].startswith("The multipart upload initiate requested encryption. ")
    error = refused(s3.upload_part, "InvalidRequest", 400, **where, PartNumber=1, Body=b"x",
                    **sse(OTHER))
    assert error["Message"] == ("The provided encryption parameters did not match the ones used "
                                "originally.")
    s3.upload_part(**where, PartNumber=2, Body=b"replaced later", **sse())
    parts = []
    for number, body in enumerate(bodies, 1):
        part = s3.upload_part(**where, PartNumber=number, Body=body, **sse())
        assert part["SSECustomerKeyMD5"] == digest(MINE)
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    done = s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    assert done["ETag"].endswith('-3"')
    whole, name = b"".join(bodies), {"Bucket": bucket, "Key": "k"}
    assert refused(s3.get_object, "InvalidRequest", 400, **name)["Message"] == SEALED
    assert s3.get_object(**name, **sse())["Body"].read() == whole
    edge = len(bodies[0])
    for first, last in [(edge - 5, edge + 5), (edge, edge), (3, len(whole) - 2),
                        (edge + len(bodies[1]) - 17, len(whole) - 1)]:
        got = s3.get_object(**name, Range=f"bytes={first}-{last}", **sse())
        assert got["Body"].read() == whole[first:last + 1]
    for number, body in enumerate(bodies, 1):
        got = s3.get_object(**name, PartNumber=number, **sse())
        assert (got["Body"].read(), got["PartsCount"]) == (body, 3)


def test_an_upload_without_a_key_takes_no_parts_with_one(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    refused(s3.upload_part, "InvalidRequest", 400, **where, PartNumber=1, Body=b"x", **sse())
    part = s3.upload_part(**where, PartNumber=1, Body=b"x")
    done = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    refused(s3.complete_multipart_upload, "InvalidRequest", 400, **where, MultipartUpload=done,
            **encoded())
    s3.complete_multipart_upload(**where, MultipartUpload=done)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


@pytest.mark.parametrize("size", [100, LARGE])
def test_copies_from_and_to_keys(s3, bucket, size):
    body = os.urandom(size)
    s3.put_object(Bucket=bucket, Key="sealed", Body=body, Metadata={"a": "b"}, **sse())
    s3.put_object(Bucket=bucket, Key="plain", Body=body)
    name = {"Bucket": bucket, "CopySource": f"{bucket}/sealed"}
    error = refused(s3.copy_object, "InvalidRequest", 400, **name, Key="copy")
    assert error["Message"] == SEALED
    refused(s3.copy_object, "AccessDenied", 403, **name, Key="copy", **source(OTHER))
    refused(s3.copy_object, "InvalidRequest", 400, Bucket=bucket, Key="copy",
            CopySource=f"{bucket}/plain", **source())
    error = refused(s3.copy_object, "InvalidArgument", 400, **name, Key="copy", **source(),
                    SSECustomerAlgorithm="AES256", SSECustomerKey=b"short")
    assert error["Message"] == "The secret key was invalid for the specified algorithm."
    # To a plain one, whose ETag is the MD5 again.
    copy = s3.copy_object(**name, Key="copy", **source())
    assert copy["CopyObjectResult"]["ETag"] == f'"{md5(body)}"'
    assert copy["ServerSideEncryption"] == "AES256" and "SSECustomerAlgorithm" not in copy
    got = s3.get_object(Bucket=bucket, Key="copy")
    assert (got["Body"].read(), got["Metadata"]) == (body, {"a": "b"})
    # From a plain one, and from one key to another.
    copy = s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/plain", **sse())
    assert copy["SSECustomerKeyMD5"] == digest(MINE)
    assert s3.get_object(Bucket=bucket, Key="copy", **sse())["Body"].read() == body
    s3.copy_object(**name, Key="copy", **source(), **sse(OTHER))
    assert s3.get_object(Bucket=bucket, Key="copy", **sse(OTHER))["Body"].read() == body
    # Onto itself: another key is a change.
    s3.copy_object(**name, Key="sealed", **source(), **sse(OTHER))
    assert s3.get_object(Bucket=bucket, Key="sealed", **sse(OTHER))["Body"].read() == body
    assert s3.get_object(Bucket=bucket, Key="plain")["Body"].read() == body


def test_parts_that_are_copied(s3, bucket):
    body = os.urandom(6 * 2**20)
    s3.put_object(Bucket=bucket, Key="sealed", Body=body, **sse(OTHER))
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", **sse())["UploadId"]
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    name = {"CopySource": f"{bucket}/sealed"}
    refused(s3.upload_part_copy, "InvalidRequest", 400, **where, PartNumber=1, **name,
            **source(OTHER))
    refused(s3.upload_part_copy, "InvalidRequest", 400, **where, PartNumber=1, **name, **sse())
    parts = []
    for number, (first, last) in enumerate([(1, 5 * 2**20 + 5), (5, 1000)], 1):
        part = s3.upload_part_copy(**where, PartNumber=number, **name, **source(OTHER), **sse(),
                                   CopySourceRange=f"bytes={first}-{last}")
        assert part["SSECustomerKeyMD5"] == digest(MINE)
        parts.append({"PartNumber": number, "ETag": part["CopyPartResult"]["ETag"]})
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts}, **encoded())
    assert s3.get_object(Bucket=bucket, Key="k", **sse())["Body"].read() == (
        body[1:5 * 2**20 + 6] + body[5:1001])


def test_each_version_has_its_own_key(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    name = {"Bucket": bucket, "Key": "k"}
    one = s3.put_object(**name, Body=b"one", **sse())["VersionId"]
    two = s3.put_object(**name, Body=b"two", **sse(OTHER))["VersionId"]
    for version, key, body in ((one, MINE, b"one"), (two, OTHER, b"two")):
        assert s3.get_object(**name, VersionId=version, **sse(key))["Body"].read() == body
    refused(s3.get_object, "AccessDenied", 403, **name, VersionId=one, **sse(OTHER))
    s3.delete_object(**name, VersionId=two)
    assert s3.get_object(**name, **sse())["Body"].read() == b"one"


def test_presigned_urls(make_server, tmp_path):
    path = tmp_path / "credentials"
    path.write_text(f"[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    path.chmod(0o600)
    server = make_server("--credentials", path)
    s3 = server.client("s3", config=Config(signature_version="s3v4"))
    s3.create_bucket(Bucket="lake")
    names = {"Bucket": "lake", "Key": "k", **sse()}
    put = urllib.request.Request(s3.generate_presigned_url("put_object", Params=names),
                                 method="PUT", data=text(LARGE), headers=headers())
    with urllib.request.urlopen(put) as reply:
        assert reply.headers["x-amz-server-side-encryption-customer-algorithm"] == "AES256"
    get = s3.generate_presigned_url("get_object", Params=names)
    with urllib.request.urlopen(urllib.request.Request(get, headers=headers())) as reply:
        assert reply.read() == text(LARGE)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(get)
    assert caught.value.code == 403


def test_a_form_with_a_key(server, s3, bucket):
    fields = {"key": "k", **headers()}
    assert post(server, bucket, fields, body=text(500))[0] == 204
    assert s3.get_object(Bucket=bucket, Key="k", **sse())["Body"].read() == text(500)
    assert refused(s3.get_object, "InvalidRequest", 400, Bucket=bucket, Key="k")
    del fields["x-amz-server-side-encryption-customer-key"]
    status, _, body = post(server, bucket, fields, body=b"x")
    assert (status, PROVIDE + "an appropriate secret key." in body) == (400, True)


AES = "<ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSide" \
    "EncryptionByDefault>"
KMS = AES.replace("AES256", "aws:kms")


def blocked(name):
    return ("<BlockedEncryptionTypes><EncryptionType>" + name
            + "</EncryptionType></BlockedEncryptionTypes>")


def test_a_bucket_may_refuse_such_keys(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="old", Body=b"old", **sse())

    def encrypt(rule, wanted=200):
        status, _, body = server.request("PUT", f"/{bucket}?encryption", body=(
            "<ServerSideEncryptionConfiguration><Rule>" + rule
            + "</Rule></ServerSideEncryptionConfiguration>").encode())
        assert status == wanted, body
        return server.request("GET", f"/{bucket}?encryption")[2].decode()

    told = encrypt(blocked("SSE-C"))
    assert blocked("SSE-C") in told and AES in told
    told = encrypt(KMS)
    assert blocked("SSE-C") in told and KMS in told  # until it is said that nothing is
    for call in (s3.put_object, s3.create_multipart_upload):
        error = refused(call, "AccessDenied", 403, Bucket=bucket, Key="k", **sse())
        assert "this bucket has blocked upload requests that specify" in error["Message"]
    refused(s3.copy_object, "AccessDenied", 403, Bucket=bucket, Key="k",
            CopySource=f"{bucket}/old", **source(), **sse())
    assert s3.get_object(Bucket=bucket, Key="old", **sse())["Body"].read() == b"old"
    assert KMS in encrypt(blocked("NONE"))
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", **sse())
    encrypt(blocked("SSE-X"), 400)
    encrypt("<BucketKeyEnabled>true</BucketKeyEnabled>", 400)


def test_who_reads_objects_elsewhere_says_that_he_cannot(client, s3, bucket):
    s3.put_object(Bucket=bucket, Key="f.zip", Body=b"x", **sse())
    with pytest.raises(ClientError) as caught:
        client("lambda").create_function(
            FunctionName="sealed", Role="arn:aws:iam::000000000000:role/r", Runtime="python3.12",
            Handler="f.g", Code={"S3Bucket": bucket, "S3Key": "f.zip"})
    assert SEALED in caught.value.response["Error"]["Message"]


def test_an_upload_with_a_checksum_is_completed_with_its_key(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm="CRC32",
                                        **sse())["UploadId"]
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    part = s3.upload_part(**where, PartNumber=1, Body=b"x", ChecksumAlgorithm="CRC32", **sse())
    parts = [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumCRC32": part["ChecksumCRC32"]}]
    error = refused(s3.complete_multipart_upload, "InvalidRequest", 400, **where,
                    MultipartUpload={"Parts": parts})
    assert error["Message"].startswith("The multipart upload initiate requested encryption. ")
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts}, **encoded())
    assert s3.get_object(Bucket=bucket, Key="k", **sse())["Body"].read() == b"x"
