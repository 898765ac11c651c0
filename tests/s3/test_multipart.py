"""Uploads in parts."""

import base64
import concurrent.futures
import hashlib
import io
import os
import zlib

import pytest
from boto3.s3.transfer import TransferConfig

from s3.conftest import LARGE, NEW_BOTO3, bodies, crc32, md5, refused, sha256
from support import wait_until

MIB = 1024 * 1024
SMALL = b"p" * (5 * MIB)  # the smallest of parts that others follow
SUMS = {"CRC32": crc32, "SHA256": sha256}


def begin(s3, bucket, key="big", **more):
    return {"Bucket": bucket, "Key": key,
            "UploadId": s3.create_multipart_upload(Bucket=bucket, Key=key, **more)["UploadId"]}


def send(s3, upload, number, body, **more):
    reply = s3.upload_part(**upload, PartNumber=number, Body=body, **more)
    return {"PartNumber": number, "ETag": reply["ETag"]}


def finish(s3, upload, parts):
    return s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})


def test_parts_become_one_object(s3, bucket):
    blocks = [os.urandom(5 * MIB), os.urandom(5 * MIB + 7), os.urandom(11)]
    upload = begin(s3, bucket, ContentType="text/plain", Metadata={"m": "1"})
    numbers = [2, 30, 7000]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        parts = list(pool.map(lambda pair: send(s3, upload, *pair), zip(numbers, blocks)))
    done = finish(s3, upload, parts)
    digest = hashlib.md5(b"".join(hashlib.md5(block).digest() for block in blocks)).hexdigest()
    assert done["ETag"] == f'"{digest}-3"'
    assert (done["Bucket"], done["Key"]) == (bucket, "big")
    body = b"".join(blocks)
    got = s3.get_object(Bucket=bucket, Key="big")
    assert got["Body"].read() == body
    assert (got["ContentType"], got["Metadata"]) == ("text/plain", {"m": "1"})
    got = s3.get_object(Bucket=bucket, Key="big", Range=f"bytes={5 * MIB - 3}-{5 * MIB + 3}")
    assert got["Body"].read() == body[5 * MIB - 3:5 * MIB + 4]
    got = s3.get_object(Bucket=bucket, Key="big", PartNumber=30)
    assert got["Body"].read() == blocks[1]
    assert got["PartsCount"] == 3
    head = s3.head_object(Bucket=bucket, Key="big", PartNumber=2)
    assert head["ContentLength"] == 5 * MIB
    refused(s3.get_object, "InvalidPartNumber", 416, Bucket=bucket, Key="big", PartNumber=3)
    refused(s3.list_parts, "NoSuchUpload", 404, **upload)


def test_a_part_sent_again_replaces_the_first(own_server):
    s3 = own_server.client("s3")
    s3.create_bucket(Bucket="lake")
    upload = begin(s3, "lake")
    send(s3, upload, 1, b"1" * LARGE)
    again = send(s3, upload, 1, b"2" * LARGE)
    send(s3, upload, 2, b"3" * LARGE)
    finish(s3, upload, [again])
    assert s3.get_object(Bucket="lake", Key="big")["Body"].read() == b"2" * LARGE
    wait_until(lambda: len(bodies(own_server)) == 1)


def test_parts_and_uploads_are_listed(s3, bucket):
    upload = begin(s3, bucket, key="x/1")
    other = begin(s3, bucket, key="y")
    for number in (1, 3, 5):
        send(s3, upload, number, b"p%d" % number)
    page = s3.list_parts(**upload, MaxParts=2)
    assert [row["PartNumber"] for row in page["Parts"]] == [1, 3]
    assert (page["IsTruncated"], page["NextPartNumberMarker"]) == (True, 3)
    assert page["Parts"][0]["ETag"] == f'"{md5(b"p1")}"'
    assert page["Parts"][0]["Size"] == 2
    rest = s3.list_parts(**upload, PartNumberMarker=3)
    assert [row["PartNumber"] for row in rest["Parts"]] == [5]
    found = s3.list_multipart_uploads(Bucket=bucket)
    assert [(row["Key"], row["UploadId"]) for row in found["Uploads"]] == [
        ("x/1", upload["UploadId"]), ("y", other["UploadId"])]
    page = s3.list_multipart_uploads(Bucket=bucket, MaxUploads=1)
    assert (page["IsTruncated"], page["NextKeyMarker"]) == (True, "x/1")
    rest = s3.list_multipart_uploads(Bucket=bucket, KeyMarker=page["NextKeyMarker"],
                                     UploadIdMarker=page["NextUploadIdMarker"])
    assert [row["Key"] for row in rest["Uploads"]] == ["y"]
    rolled = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [row["Prefix"] for row in rolled["CommonPrefixes"]] == ["x/"]
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_an_aborted_upload_leaves_nothing(own_server):
    s3 = own_server.client("s3")
    s3.create_bucket(Bucket="lake")
    upload = begin(s3, "lake")
    send(s3, upload, 1, b"x" * LARGE)
    assert len(bodies(own_server)) == 1
    reply = s3.abort_multipart_upload(**upload)
    assert reply["ResponseMetadata"]["HTTPStatusCode"] == 204
    refused(s3.abort_multipart_upload, "NoSuchUpload", 404, **upload)
    refused(s3.upload_part, "NoSuchUpload", 404, **upload, PartNumber=1, Body=b"x")
    wait_until(lambda: bodies(own_server) == [])


def test_what_does_not_fit_together_is_refused(s3, bucket):
    upload = begin(s3, bucket)
    first, second = send(s3, upload, 1, b"small"), send(s3, upload, 2, b"last")
    error = refused(finish, "EntityTooSmall", 400, s3=s3, upload=upload, parts=[first, second])
    assert (error["MinSizeAllowed"], error["ProposedSize"], error["PartNumber"]) == (
        "5242880", "5", "1")
    refused(finish, "InvalidPartOrder", 400, s3=s3, upload=upload, parts=[second, first])
    error = refused(finish, "InvalidPart", 400, s3=s3, upload=upload,
                    parts=[{**first, "ETag": '"0123"'}])
    assert error["Message"].startswith("One or more of the specified parts could not be found.  ")
    refused(finish, "InvalidPart", 400, s3=s3, upload=upload, parts=[{**first, "PartNumber": 9}])
    error = refused(s3.upload_part, "InvalidArgument", 400, **upload, PartNumber=10001, Body=b"")
    assert error["Message"] == "Part number must be an integer between 1 and 10000, inclusive"
    refused(s3.upload_part, "NoSuchUpload", 404, Bucket=bucket, Key="big", UploadId="nonsense",
            PartNumber=1, Body=b"")
    refused(s3.upload_part, "NoSuchUpload", 404, **{**upload, "Key": "other"}, PartNumber=1,
            Body=b"")


def test_parts_are_copied_from_objects(s3, bucket):
    body = os.urandom(6 * MIB)
    s3.put_object(Bucket=bucket, Key="from", Body=body)
    upload = begin(s3, bucket)
    source = {"Bucket": bucket, "Key": "from"}
    parts = []
    for number, span in ((1, f"bytes=0-{5 * MIB - 1}"), (2, "bytes=5-9")):
        done = s3.upload_part_copy(**upload, PartNumber=number, CopySource=source,
                                   CopySourceRange=span)["CopyPartResult"]
        parts.append({"PartNumber": number, "ETag": done["ETag"]})
    finish(s3, upload, parts)
    got = s3.get_object(Bucket=bucket, Key="big")["Body"].read()
    assert got == body[:5 * MIB] + body[5:10]
    refused(s3.upload_part_copy, "InvalidArgument", 400, **begin(s3, bucket), PartNumber=1,
            CopySource=source, CopySourceRange=f"bytes=0-{6 * MIB}")


def test_a_checksum_over_parts_is_one_of_their_checksums(s3, bucket):
    blocks = [os.urandom(5 * MIB), b"tail"]
    upload = begin(s3, bucket, ChecksumAlgorithm="SHA256")
    parts = []
    for number, block in enumerate(blocks, 1):
        sum_ = base64.b64encode(hashlib.sha256(block).digest()).decode()
        part = send(s3, upload, number, block, ChecksumSHA256=sum_)
        parts.append({**part, "ChecksumSHA256": sum_})
    refused(finish, "InvalidRequest", 400, s3=s3, upload=upload,
            parts=[{key: part[key] for key in ("PartNumber", "ETag")} for part in parts])
    done = finish(s3, upload, parts)
    joined = b"".join(hashlib.sha256(block).digest() for block in blocks)
    whole = base64.b64encode(hashlib.sha256(joined).digest()).decode() + "-2"
    assert done["ChecksumSHA256"] == whole
    head = s3.head_object(Bucket=bucket, Key="big", ChecksumMode="ENABLED")
    assert head["ChecksumSHA256"] == whole
    found = s3.get_object_attributes(Bucket=bucket, Key="big", ObjectAttributes=["ObjectParts"])
    assert found["ObjectParts"]["TotalPartsCount"] == 2
    refused(s3.upload_part, "InvalidRequest", 400,
            **begin(s3, bucket, ChecksumAlgorithm="SHA256"), PartNumber=1, Body=b"x",
            ChecksumCRC32=crc32(b"x"))


def test_a_full_object_checksum_is_that_of_the_whole(server, s3, bucket):
    blocks = [os.urandom(5 * MIB), os.urandom(5 * MIB + 1), b"tail"]
    status, headers, text = server.request("POST", f"/{bucket}/full?uploads", headers={
        "x-amz-checksum-algorithm": "CRC32", "x-amz-checksum-type": "FULL_OBJECT"})
    assert (status, headers["x-amz-checksum-type"]) == (200, "FULL_OBJECT")
    id_ = text.split(b"<UploadId>")[1].split(b"<")[0].decode()
    upload = {"Bucket": bucket, "Key": "full", "UploadId": id_}
    parts = [send(s3, upload, number, block, ChecksumCRC32=crc32(block))
             for number, block in enumerate(blocks, 1)]
    done = finish(s3, upload, parts)
    whole = base64.b64encode(zlib.crc32(b"".join(blocks)).to_bytes(4, "big")).decode()
    assert done["ChecksumCRC32"] == whole
    status, _, text = server.request("POST", f"/{bucket}/full?uploads", headers={
        "x-amz-checksum-algorithm": "SHA256", "x-amz-checksum-type": "FULL_OBJECT"})
    assert (status, b"cannot be used with the sha256" in text) == (400, True)


def test_a_checksum_of_another_algorithm_does_not_complete_an_upload(server, s3, bucket):
    body, other = b"only", base64.b64encode(bytes(20)).decode()
    for options in ({"ChecksumAlgorithm": "CRC32"}, {}):
        upload = begin(s3, bucket, **options)
        part = send(s3, upload, 1, body, ChecksumCRC32=crc32(body))
        path = f"/{bucket}/{upload['Key']}?uploadId={upload['UploadId']}"
        own = (f"<PartNumber>1</PartNumber><ETag>{part['ETag']}</ETag>"
               f"<ChecksumCRC32>{crc32(body)}</ChecksumCRC32>")
        wrong = f"{own}<ChecksumSHA1>{other}</ChecksumSHA1>"
        tries = [(own, {"x-amz-checksum-sha1": other})] + [(wrong, {})] * bool(options)
        for inner, headers in tries:
            text = f"<CompleteMultipartUpload><Part>{inner}</Part></CompleteMultipartUpload>"
            status, _, reply = server.request("POST", path, text.encode(), headers)
            assert (status, b"<Code>InvalidRequest</Code>" in reply) == (400, True), reply
            assert b"Checksum Type mismatch occurred" in reply
            assert b"actual checksum Type: sha1" in reply
        refused(s3.head_object, "404", 404, Bucket=bucket, Key=upload["Key"])
        text = f"<CompleteMultipartUpload><Part>{own}</Part></CompleteMultipartUpload>"
        assert server.request("POST", path, text.encode())[0] == 200
        s3.delete_object(Bucket=bucket, Key=upload["Key"])


def test_the_checksum_of_the_whole_has_to_be_one(server, s3, bucket):
    body = b"only"
    upload = begin(s3, bucket, ChecksumAlgorithm="CRC32")
    part = send(s3, upload, 1, body, ChecksumCRC32=crc32(body))
    text = ("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
            f"<ETag>{part['ETag']}</ETag><ChecksumCRC32>{crc32(body)}</ChecksumCRC32></Part>"
            "</CompleteMultipartUpload>").encode()

    def complete(**sums):
        return server.request(
            "POST", f"/{bucket}/{upload['Key']}?uploadId={upload['UploadId']}", text,
            {f"x-amz-checksum-{name}": value for name, value in sums.items()})

    whole = crc32(base64.b64decode(crc32(body))) + "-1"
    for sums, code, words in (
        ({"crc32": "no"}, b"InvalidRequest", b"Value for x-amz-checksum-crc32 header is invalid."),
        ({"crc32": whole + "x"}, b"InvalidRequest", b"header is invalid."),
        ({"crc32": whole, "sha1": "qvTGHdzF6KLavt4PO0gs2a6pQ00="}, b"InvalidRequest",
         b"Expecting a single x-amz-checksum- header."),
        ({"crc33": whole}, b"InvalidRequest", b"x-amz-checksum- header is invalid."),
        ({"crc32": crc32(b"other")}, b"BadDigest", b"did not match the calculated checksum."),
    ):
        status, _, reply = complete(**sums)
        assert (status, code in reply, words in reply) == (400, True, True), (sums, reply)
    refused(s3.head_object, "404", 404, Bucket=bucket, Key=upload["Key"])
    assert complete(crc32=whole)[0] == 200


def test_the_kind_of_checksum_is_the_one_it_was_begun_with(server, s3, bucket):
    upload = begin(s3, bucket, ChecksumAlgorithm="CRC32")
    part = send(s3, upload, 1, b"only", ChecksumCRC32=crc32(b"only"))
    text = ("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
            f"<ETag>{part['ETag']}</ETag><ChecksumCRC32>{crc32(b'only')}</ChecksumCRC32></Part>"
            "</CompleteMultipartUpload>").encode()
    for kind, status in (("FULL_OBJECT", 400), ("COMPOSITE", 200)):
        got, _, reply = server.request(
            "POST", f"/{bucket}/{upload['Key']}?uploadId={upload['UploadId']}", text,
            {"x-amz-checksum-type": kind})
        assert (got, b"<Code>BadDigest</Code>" in reply) == (status, status == 400), reply


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA256"])
def test_parts_with_checksums_may_have_gaps_in_their_numbers(s3, bucket, algorithm):
    """Newer SDKs name CRC32 where their caller names none."""
    upload = begin(s3, bucket, ChecksumAlgorithm=algorithm)
    rows = []
    for number, body in ((2, SMALL), (5, b"end")):
        sums = {f"Checksum{algorithm}": SUMS[algorithm](body)}
        part = send(s3, upload, number, body, **sums)
        rows.append({"PartNumber": number, "ETag": part["ETag"], **sums})
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": rows})
    got = s3.get_object(Bucket=bucket, Key=upload["Key"])["Body"].read()
    assert got == SMALL + b"end"


def test_the_transfer_manager_sends_and_fetches_in_parts(s3, bucket, tmp_path):
    body = os.urandom(26 * MIB + 5)
    config = TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=8 * MIB,
                            max_concurrency=10)
    path = tmp_path / "body"
    path.write_bytes(body)
    s3.upload_file(str(path), bucket, "file", Config=config, ExtraArgs={"Metadata": {"a": "b"}})
    s3.upload_fileobj(io.BytesIO(body), bucket, "fileobj", Config=config)
    for key in ("file", "fileobj"):
        head = s3.head_object(Bucket=bucket, Key=key)
        assert (head["ContentLength"], head["ETag"][-3:]) == (len(body), '-4"')
        s3.download_file(bucket, key, str(tmp_path / "back"), Config=config)
        assert (tmp_path / "back").read_bytes() == body
    assert s3.head_object(Bucket=bucket, Key="file")["Metadata"] == {"a": "b"}
    s3.copy({"Bucket": bucket, "Key": "file"}, bucket, "copied", Config=config)
    assert s3.get_object(Bucket=bucket, Key="copied")["Body"].read() == body


def test_an_upload_goes_on_after_a_restart(own_server):
    s3 = own_server.client("s3")
    s3.create_bucket(Bucket="lake")
    upload = begin(s3, "lake")
    block = os.urandom(5 * MIB)
    first = send(s3, upload, 1, block)
    own_server.kill9()
    own_server.restart()
    second = send(s3, upload, 2, b"tail")
    finish(s3, upload, [first, second])
    assert s3.get_object(Bucket="lake", Key="big")["Body"].read() == block + b"tail"


@pytest.mark.skipif(not NEW_BOTO3, reason="older clients do not say it")
def test_an_upload_may_be_bound_to_create(s3, bucket):
    upload = begin(s3, bucket)
    part = send(s3, upload, 1, b"x")
    s3.put_object(Bucket=bucket, Key="big", Body=b"was first")
    with pytest.raises(s3.exceptions.ClientError) as caught:
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [part]}, IfNoneMatch="*")
    assert caught.value.response["Error"]["Code"] == "PreconditionFailed"
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == b"was first"
