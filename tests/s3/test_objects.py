"""Objects: stored, read back whole and in part, under conditions, with all that belongs to them."""

import base64
import concurrent.futures
import datetime
import hashlib
import os

import pytest

from s3.conftest import LARGE, NEW_BOTO3, bodies, crc32, md5, refused, sha256
from support import wait_until


def test_an_object_comes_back_as_it_was_stored(s3, bucket):
    expires = datetime.datetime(2030, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    put = s3.put_object(
        Bucket=bucket, Key="k", Body=b"hello", ContentType="text/plain", CacheControl="no-store",
        ContentDisposition="inline", ContentEncoding="identity", ContentLanguage="de",
        Expires=expires, Metadata={"Owner": "sales", "empty": ""}, StorageClass="STANDARD_IA")
    assert put["ETag"] == '"5d41402abc4b2a76b9719d911017c592"'
    assert put["ServerSideEncryption"] == "AES256"
    for got in (s3.get_object(Bucket=bucket, Key="k"), s3.head_object(Bucket=bucket, Key="k")):
        assert got["ContentLength"] == 5
        assert got["ETag"] == put["ETag"]
        assert got["ContentType"] == "text/plain"
        assert got["CacheControl"] == "no-store"
        assert got["ContentDisposition"] == "inline"
        assert got["ContentEncoding"] == "identity"
        assert got["ContentLanguage"] == "de"
        assert got["Expires"] == expires
        assert got["Metadata"] == {"owner": "sales", "empty": ""}
        assert got["StorageClass"] == "STANDARD_IA"
        assert got["AcceptRanges"] == "bytes"
        assert got["ServerSideEncryption"] == "AES256"
        age = datetime.datetime.now(datetime.timezone.utc) - got["LastModified"]
        assert abs(age.total_seconds()) < 60
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"hello"


def test_an_object_without_a_type_is_bytes(server, s3, bucket):
    server.request("PUT", f"/{bucket}/plain", body=b"x")
    got = s3.get_object(Bucket=bucket, Key="plain")
    assert got["ContentType"] == "binary/octet-stream"
    assert "StorageClass" not in got


def test_an_empty_object_is_an_object(s3, bucket):
    assert s3.put_object(Bucket=bucket, Key="e", Body=b"")["ETag"] == f'"{md5(b"")}"'
    assert s3.get_object(Bucket=bucket, Key="e")["Body"].read() == b""
    assert s3.head_object(Bucket=bucket, Key="e")["ContentLength"] == 0
    refused(s3.get_object, "InvalidRange", 416, Bucket=bucket, Key="e", Range="bytes=0-0")


def test_a_missing_key_is_told_by_name(s3, bucket):
    error = refused(s3.get_object, "NoSuchKey", 404, Bucket=bucket, Key="no/such")
    assert error["Message"] == "The specified key does not exist."
    assert error["Key"] == "no/such"
    refused(s3.head_object, "404", 404, Bucket=bucket, Key="no/such")


@pytest.mark.parametrize("text, wanted", [
    ("bytes=2-4", b"234"), ("bytes=7-", b"789"), ("bytes=-3", b"789"), ("bytes=0-0", b"0"),
    ("bytes=5-100", b"56789"), ("bytes=-100", b"0123456789"),
])
def test_a_range_is_that_part(s3, bucket, text, wanted):
    s3.put_object(Bucket=bucket, Key="digits", Body=b"0123456789")
    got = s3.get_object(Bucket=bucket, Key="digits", Range=text)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert got["Body"].read() == wanted
    first = b"0123456789".index(wanted)
    assert got["ContentRange"] == f"bytes {first}-{first + len(wanted) - 1}/10"
    head = s3.head_object(Bucket=bucket, Key="digits", Range=text)
    assert head["ContentLength"] == len(wanted)


@pytest.mark.parametrize(
    "text", ["bytes=4-2", "bytes=0-1,3-4", "lines=1-2", "bytes=a-b", "bytes=-"])
def test_a_range_that_makes_no_sense_gives_everything(s3, bucket, text):
    s3.put_object(Bucket=bucket, Key="digits", Body=b"0123456789")
    got = s3.get_object(Bucket=bucket, Key="digits", Range=text)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert got["Body"].read() == b"0123456789"


def test_a_range_behind_the_end_is_not_satisfiable(s3, bucket):
    s3.put_object(Bucket=bucket, Key="digits", Body=b"0123456789")
    error = refused(s3.get_object, "InvalidRange", 416, Bucket=bucket, Key="digits",
                    Range="bytes=10-12")
    assert error["RangeRequested"] == "bytes=10-12"
    assert error["ActualObjectSize"] == "10"


def test_conditional_reads(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    modified = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    past = modified - datetime.timedelta(hours=1)
    get = lambda **more: s3.get_object(Bucket=bucket, Key="k", **more)["Body"].read()  # noqa: E731
    assert get(IfMatch=etag) == b"x"
    assert get(IfMatch=etag, IfUnmodifiedSince=past) == b"x"
    assert get(IfNoneMatch='"other"') == b"x"
    assert get(IfNoneMatch='"other"', IfModifiedSince=modified) == b"x"
    assert get(IfModifiedSince=past) == b"x"
    later = modified + datetime.timedelta(days=1)  # a time to come says nothing
    assert get(IfModifiedSince=later) == b"x"
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k",
                   CopySourceIfModifiedSince=later)
    refused(s3.get_object, "PreconditionFailed", 412, Bucket=bucket, Key="k", IfMatch='"other"')
    refused(s3.get_object, "PreconditionFailed", 412, Bucket=bucket, Key="k",
            IfUnmodifiedSince=past)
    refused(s3.get_object, "304", 304, Bucket=bucket, Key="k", IfNoneMatch=etag)
    refused(s3.get_object, "304", 304, Bucket=bucket, Key="k", IfModifiedSince=modified)


def test_a_request_may_say_what_headers_it_wants(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    got = s3.get_object(
        Bucket=bucket, Key="k", ResponseContentType="text/csv", ResponseCacheControl="max-age=1",
        ResponseContentDisposition='attachment; filename="a b.csv"', ResponseContentLanguage="fr")
    assert got["ContentType"] == "text/csv"
    assert got["CacheControl"] == "max-age=1"
    assert got["ContentDisposition"] == 'attachment; filename="a b.csv"'
    assert got["ContentLanguage"] == "fr"


def test_conditional_writes(server, s3, bucket):
    def put(body, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        status, found, text = server.request("PUT", f"/{bucket}/once", body=body, headers=headers)
        return status, found.get("ETag"), text

    assert put(b"a", If_Match='"x"')[0] == 404
    status, etag, _ = put(b"a", If_None_Match="*")
    assert status == 200
    status, _, text = put(b"b", If_None_Match="*")
    assert status == 412 and b"<Condition>If-None-Match</Condition>" in text
    status, _, text = put(b"b", If_Match='"0123"')
    assert status == 412 and b"<Condition>If-Match</Condition>" in text
    assert put(b"b", If_Match=etag)[0] == 200
    assert put(b"c", If_None_Match='"x"')[0] == 501
    assert put(b"c", If_None_Match="*", If_Match=etag)[0] == 501
    assert s3.get_object(Bucket=bucket, Key="once")["Body"].read() == b"b"


def test_a_wrong_md5_is_refused_and_nothing_is_stored(own_server):
    s3 = own_server.client("s3")
    s3.create_bucket(Bucket="lake")
    large = b"x" * LARGE
    wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    error = refused(s3.put_object, "BadDigest", 400, Bucket="lake", Key="k", Body=large,
                    ContentMD5=wrong)
    assert error["Message"] == "The Content-MD5 you specified did not match what we received."
    refused(s3.put_object, "InvalidDigest", 400, Bucket="lake", Key="k", Body=large,
            ContentMD5="rubbish")
    assert bodies(own_server) == []
    right = base64.b64encode(hashlib.md5(large).digest()).decode()
    s3.put_object(Bucket="lake", Key="k", Body=large, ContentMD5=right)
    assert len(bodies(own_server)) == 1


@pytest.mark.parametrize("name, value", [
    ("CRC32", crc32(b"some bytes")), ("SHA256", sha256(b"some bytes")),
    ("SHA1", base64.b64encode(hashlib.sha1(b"some bytes").digest()).decode()),
    ("CRC32C", "Qd7yZg=="), ("CRC64NVME", None),
])
def test_each_checksum_is_kept_and_given_back(server, bucket, name, value):
    header = f"x-amz-checksum-{name.lower()}"
    path = f"/{bucket}/sum-{name}"
    if name in ("CRC32C", "CRC64NVME"):
        algorithm = {"x-amz-checksum-mode": "ENABLED"}
        sent = {} if name == "CRC64NVME" else {header: crc32c(b"some bytes")}
        value = None if name == "CRC64NVME" else sent[header]
    else:
        algorithm, sent = {"x-amz-checksum-mode": "ENABLED"}, {header: value}
    status, headers, text = server.request("PUT", path, body=b"some bytes", headers=sent)
    assert status == 200, text
    assert headers["x-amz-checksum-type"] == "FULL_OBJECT"
    kept = headers[header]
    assert value is None or kept == value
    _, got, body = server.request("GET", path, headers=algorithm)
    assert (body, got[header]) == (b"some bytes", kept)
    _, plain, _ = server.request("GET", path)
    assert header not in plain


def crc32c(body):
    """Bit by bit: what cannot be wrong."""
    crc = 0xFFFFFFFF
    for byte in body:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return base64.b64encode((crc ^ 0xFFFFFFFF).to_bytes(4, "big")).decode()


@pytest.mark.parametrize("headers, code, words", [
    ({"x-amz-checksum-crc32": "AAAAAA=="}, "BadDigest",
     "The CRC32 you specified did not match the calculated checksum."),
    ({"x-amz-checksum-sha256": sha256(b"other")}, "BadDigest",
     "The SHA256 you specified did not match the calculated checksum."),
    ({"x-amz-checksum-crc32": "short"}, "InvalidRequest",
     "Value for x-amz-checksum-crc32 header is invalid."),
    ({"x-amz-checksum-crc32": crc32(b"x"), "x-amz-checksum-sha256": sha256(b"x")},
     "InvalidRequest", "Multiple checksum Types are not allowed."),
    ({"x-amz-content-sha256": "0" * 64}, "XAmzContentSHA256Mismatch", ""),
])
def test_a_wrong_checksum_is_refused(server, s3, bucket, headers, code, words):
    status, _, text = server.request("PUT", f"/{bucket}/bad", body=b"x", headers=headers)
    assert status == 400
    assert f"<Code>{code}</Code>".encode() in text
    assert words.encode() in text
    refused(s3.head_object, "404", 404, Bucket=bucket, Key="bad")


def test_framed_bodies_are_unframed_and_their_trailer_checked(server, s3, bucket):
    first, whole = b"hello" * 2000, b"hello" * 2000 + b" world"

    def put(trailer):
        body = b"%x\r\n%b\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:%b\r\n\r\n" % (
            len(first), first, trailer)
        return server.request("PUT", f"/{bucket}/framed", body=body, headers={
            "content-encoding": "aws-chunked", "x-amz-trailer": "x-amz-checksum-crc32",
            "x-amz-decoded-content-length": str(len(whole)),
            "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"})

    status, _, text = put(b"AAAAAA==")
    assert (status, b"BadDigest" in text) == (400, True)
    status, headers, _ = put(crc32(whole).encode())
    assert status == 200
    assert headers["x-amz-checksum-crc32"] == crc32(whole)
    got = s3.get_object(Bucket=bucket, Key="framed")
    assert got["Body"].read() == whole
    assert "ContentEncoding" not in got


def test_large_bodies_stream_both_ways(s3, bucket):
    body = os.urandom(20 * 1024 * 1024 + 3)
    put = s3.put_object(Bucket=bucket, Key="large", Body=body)
    assert put["ETag"] == f'"{md5(body)}"'
    if NEW_BOTO3:
        assert put["ChecksumCRC32"] == crc32(body)
    assert s3.get_object(Bucket=bucket, Key="large")["Body"].read() == body
    got = s3.get_object(Bucket=bucket, Key="large", Range=f"bytes=10000000-{len(body) - 2}")
    assert got["Body"].read() == body[10000000:-1]


def test_deletes_are_idempotent(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for _ in range(2):
        reply = s3.delete_object(Bucket=bucket, Key="k")
        assert reply["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_many_keys_are_deleted_at_once(s3, bucket):
    for i in range(30):
        s3.put_object(Bucket=bucket, Key=f"k{i}", Body=b"x")
    objects = [{"Key": f"k{i}"} for i in range(29)] + [{"Key": "none"}]
    gone = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    assert [row["Key"] for row in gone["Deleted"]] == [row["Key"] for row in objects]
    assert "Errors" not in gone
    quiet = s3.delete_objects(Bucket=bucket,
                              Delete={"Objects": [{"Key": "k29"}], "Quiet": True})
    assert "Deleted" not in quiet
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_delete_of_many_needs_a_digest_and_some_keys(server, bucket):
    body = b"<Delete><Object><Key>k</Key></Object></Delete>"
    status, _, text = server.request("POST", f"/{bucket}?delete", body=body)
    assert (status, b"<Code>InvalidRequest</Code>" in text) == (400, True)
    assert b"Missing required header for this request: Content-MD5" in text
    status, _, text = server.request("POST", f"/{bucket}?delete=", body=body,
                                     headers={"x-amz-checksum-crc32": "AAAAAA=="})
    assert (status, b"BadDigest" in text) == (400, True)
    empty = b"<Delete></Delete>"
    status, _, text = server.request("POST", f"/{bucket}?delete", body=empty,
                                     headers={"x-amz-checksum-crc32": crc32(empty)})
    assert (status, b"MalformedXML" in text) == (400, True)


def test_copies(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a +b/ü", Body=b"text", ContentType="text/plain",
                  Metadata={"m": "1"}, Tagging="t=1")
    source = {"Bucket": bucket, "Key": "a +b/ü"}
    done = s3.copy_object(Bucket=bucket, Key="to", CopySource=source)["CopyObjectResult"]
    assert done["ETag"] == f'"{md5(b"text")}"'
    got = s3.get_object(Bucket=bucket, Key="to")
    assert (got["Body"].read(), got["ContentType"], got["Metadata"]) == (b"text", "text/plain",
                                                                        {"m": "1"})
    assert s3.get_object_tagging(Bucket=bucket, Key="to")["TagSet"] == [{"Key": "t", "Value": "1"}]
    s3.copy_object(Bucket=bucket, Key="to", CopySource=source, MetadataDirective="REPLACE",
                   Metadata={"n": "2"}, ContentType="text/csv")
    got = s3.head_object(Bucket=bucket, Key="to")
    assert (got["ContentType"], got["Metadata"]) == ("text/csv", {"n": "2"})
    refused(s3.copy_object, "InvalidRequest", 400, Bucket=bucket, Key="to",
            CopySource={"Bucket": bucket, "Key": "to"})
    s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "to"},
                   MetadataDirective="REPLACE", Metadata={"n": "3"})
    assert s3.get_object(Bucket=bucket, Key="to")["Body"].read() == b"text"
    refused(s3.copy_object, "NoSuchKey", 404, Bucket=bucket, Key="to",
            CopySource={"Bucket": bucket, "Key": "none"})
    refused(s3.copy_object, "PreconditionFailed", 412, Bucket=bucket, Key="to", CopySource=source,
            CopySourceIfMatch='"other"')


def test_tags_of_objects(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=1&b=two%20words")
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "two words"}]
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == tags
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": tags[:1]})
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == tags[:1]
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    twice = {"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}
    refused(s3.put_object_tagging, "InvalidTag", 400, Bucket=bucket, Key="k", Tagging=twice)


def test_attributes_of_an_object(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello")
    found = s3.get_object_attributes(
        Bucket=bucket, Key="k", ObjectAttributes=["ETag", "ObjectSize", "StorageClass", "Checksum"])
    assert (found["ETag"], found["ObjectSize"], found["StorageClass"]) == (md5(b"hello"), 5,
                                                                          "STANDARD")
    assert found["Checksum"] or not NEW_BOTO3


def test_what_cannot_be_done_is_refused_by_name(s3, server, bucket):
    error = refused(s3.get_object, "InvalidArgument", 400, Bucket=bucket, Key="k", VersionId="v1")
    assert error["Message"] == "Invalid version id specified"
    status, _, text = server.request("PUT", f"/{bucket}/k", body=b"x", headers={
        "x-amz-write-offset-bytes": "0"})
    assert (status, b"NotImplemented" in text) == (501, True)
    long = {"x-amz-meta-big": "x" * 2100}
    status, _, text = server.request("PUT", f"/{bucket}/k", body=b"x", headers=long)
    assert (status, b"MetadataTooLarge" in text) == (400, True)
    refused(s3.put_object, "InvalidStorageClass", 400, Bucket=bucket, Key="k", Body=b"",
            StorageClass="COLD")


HOSTILE = [
    "..", "../../etc/passwd", "a/../../b", "//", "/absolute", "a//b", ".", "./x", "a%00b",
    "nul\x01\x7f", "new\nline", "日本語/ключ/😀", "x" * 1024, " ", "a b+c&d=e?f#g", "%2e%2e%2f",
    "\\..\\", "con", "a/", "*",
]


def test_keys_that_are_hostile_to_file_systems_are_only_names(own_server):
    s3 = own_server.client("s3")
    s3.create_bucket(Bucket="lake")
    outside = set(os.listdir(own_server.data.parent))
    for size in (1, LARGE):
        for key in HOSTILE:
            s3.put_object(Bucket="lake", Key=key, Body=key.encode() * size)
        for key in HOSTILE:
            assert s3.get_object(Bucket="lake", Key=key)["Body"].read() == key.encode() * size
    listed = [row["Key"] for row in s3.list_objects_v2(Bucket="lake")["Contents"]]
    assert listed == sorted(HOSTILE, key=lambda key: key.encode())
    names = bodies(own_server)
    assert len(names) == len(HOSTILE)
    for path in names:
        folder, name = path.relative_to(own_server.data / "objects").parts
        assert len(folder) == 2 and len(name) == 30
        assert all(c in "0123456789abcdef" for c in folder + name)
    assert set(os.listdir(own_server.data.parent)) == outside


def test_a_nul_in_a_key_is_a_byte_like_others(server, s3, bucket):
    for path in ("a%00b", "a%00", "a"):
        status, _, text = server.request("PUT", f"/{bucket}/{path}", body=path.encode())
        assert status == 200, text
    for path in ("a%00b", "a%00", "a"):
        assert server.request("GET", f"/{bucket}/{path}")[2] == path.encode()
    status, _, _ = server.request("DELETE", f"/{bucket}/a%00b")
    assert status == 204


def test_a_key_that_is_too_long_or_no_text_is_refused(server, bucket):
    status, _, text = server.request("PUT", f"/{bucket}/{'x' * 1025}", body=b"")
    assert (status, b"<Code>KeyTooLongError</Code>" in text) == (400, True)
    assert b"<MaxSizeAllowed>1024</MaxSizeAllowed>" in text
    status, _, text = server.request("PUT", f"/{bucket}/%ff%fe", body=b"")
    assert (status, b"<Code>InvalidURI</Code>" in text) == (400, True)


def test_of_many_writers_of_one_key_one_wins_whole(own_server):
    s3 = own_server.client("s3")
    s3.create_bucket(Bucket="lake")
    all_bodies = [bytes([i]) * (100_000 + i) for i in range(40)]

    def put(body):
        return s3.put_object(Bucket="lake", Key="contended", Body=body)["ETag"]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        etags = list(pool.map(put, all_bodies))
    got = s3.get_object(Bucket="lake", Key="contended")
    body = got["Body"].read()
    assert body in all_bodies
    assert got["ETag"] == etags[all_bodies.index(body)]


def test_one_of_many_wins_the_right_to_create(server, bucket):
    def put(i):
        return server.request("PUT", f"/{bucket}/lock", body=str(i).encode(),
                              headers={"If-None-Match": "*"})[0]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(put, range(24)))
    assert sorted(statuses) == [200] + [412] * 23


def test_replies_carry_what_s3s_carry(server, bucket):
    status, headers, _ = server.request("PUT", f"/{bucket}/k", body=b"x")
    assert status == 200
    assert len(headers["x-amz-request-id"]) == 16
    assert headers["x-amz-id-2"] and headers["Date"] and headers["Server"] == "AmazonS3"
    status, headers, body = server.request("HEAD", f"/{bucket}/k")
    assert (status, body, headers["Content-Length"]) == (200, b"", "1")
    status, headers, body = server.request("HEAD", f"/{bucket}/none")
    assert (status, body) == (404, b"")
    status, headers, body = server.request("GET", f"/{bucket}/none")
    assert headers["Content-Type"] == "application/xml"
    assert b"<RequestId>" in body and b"<HostId>" in body


def test_the_bucket_may_stand_in_the_hosts_name(server, bucket):
    host = {"Host": f"{bucket}.localhost:{server.port}"}
    assert server.request("PUT", "/deep/key", body=b"virtual", headers=host)[0] == 200
    assert server.request("GET", f"/{bucket}/deep/key")[2] == b"virtual"
    assert b"<Key>deep/key</Key>" in server.request("GET", "/", headers=host)[2]


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_presigned_urls_work_with_plain_http(server, bucket, version):
    import urllib.request

    from botocore.config import Config

    s3 = server.client("s3", config=Config(signature_version=version))
    names = {"Bucket": bucket, "Key": "pre signed/ü"}
    put = urllib.request.Request(s3.generate_presigned_url("put_object", Params=names),
                                 data=b"by url", method="PUT", headers={"Content-Type": ""})
    with urllib.request.urlopen(put) as reply:
        assert reply.status == 200
    with urllib.request.urlopen(s3.generate_presigned_url("get_object", Params=names)) as reply:
        assert reply.read() == b"by url"


def test_the_resource_layer(resource, fresh):
    s3 = resource("s3")
    bucket = s3.create_bucket(Bucket=fresh("lake"))
    bucket.wait_until_exists()
    bucket.put_object(Key="a/1", Body=b"one")
    s3.Object(bucket.name, "a/2").put(Body=b"two", Metadata={"x": "y"})
    assert [row.key for row in bucket.objects.filter(Prefix="a/")] == ["a/1", "a/2"]
    assert s3.Object(bucket.name, "a/2").metadata == {"x": "y"}
    assert s3.Object(bucket.name, "a/1").get()["Body"].read() == b"one"
    bucket.objects.all().delete()
    bucket.object_versions.all().delete()
    bucket.delete()
    bucket.wait_until_not_exists()


def test_the_host_may_name_the_bucket(server, s3, bucket):
    for host in (f"{bucket}.localhost:4566", f"{bucket}.s3.localhost",
                 f"{bucket}.s3.eu-west-1.amazonaws.com", f"{bucket}.s3-eu-west-1.amazonaws.com"):
        status, _, _ = server.request("PUT", "/a%20k", body=b"x", headers={"Host": host})
        assert status == 200
        assert server.request("GET", "/a%20k", headers={"Host": host})[2] == b"x"
        assert b"<Key>a k</Key>" in server.request("GET", "/", headers={"Host": host})[2]
        s3.delete_object(Bucket=bucket, Key="a k")


def test_an_object_put_by_another_service_tells_its_buckets_encryption(client, s3, bucket, fresh):
    key = "arn:aws:kms:us-east-1:000000000000:key/5f0e0a6e-0000-4000-8000-000000000000"
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [
        {"ApplyServerSideEncryptionByDefault": {
            "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}]})
    athena = client("athena")
    query = athena.start_query_execution(
        QueryString="SELECT 1", ResultConfiguration={"OutputLocation": f"s3://{bucket}/"})
    name = query["QueryExecutionId"] + ".csv"
    wait_until(lambda: "Contents" in s3.list_objects_v2(Bucket=bucket, Prefix=name))
    assert s3.head_object(Bucket=bucket, Key=name)["SSEKMSKeyId"] == key


@pytest.mark.parametrize("sent, kept", [
    ("gzip", "gzip"), ("deflate, gzip", "deflate, gzip"), ("gzip, aws-chunked", "gzip"),
    ("aws-chunked, gzip", "gzip"), ("aws-chunked", None),
    ("aws-chunked,gzip, aws-chunked", "gzip")])
def test_an_encoding_without_frames_is_a_name_alone(s3, bucket, sent, kept):
    for body in (b"", b"hello"):
        s3.put_object(Bucket=bucket, Key="k", Body=body, ContentEncoding=sent)
        got = s3.get_object(Bucket=bucket, Key="k")
        assert (got["Body"].read(), got.get("ContentEncoding")) == (body, kept)
