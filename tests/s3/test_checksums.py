"""The checksums that S3 learnt later, beside the five of test_objects: MD5, SHA-512, XXHash64."""

import base64
import hashlib
import re

import pytest

ENABLED = {"x-amz-checksum-mode": "ENABLED"}
DIGITS = b"0123456789" * 10
XXHASH64 = {  # of the reference implementation, with seed 0
    b"": 0xEF46DB3751D8E999, b"a": 0xD24EC4F1A98C6E5B, DIGITS: 0xF80E7B96315AFFFA,
}


def base64_of(digest):
    return base64.b64encode(digest).decode()


def sum_of(name, body):
    if name == "xxhash64":
        return base64_of(XXHASH64[body].to_bytes(8, "big"))
    return base64_of(hashlib.new(name, body).digest())


NEW = ("md5", "sha512", "xxhash64")


@pytest.mark.parametrize("name", NEW)
@pytest.mark.parametrize("body", [b"", b"a", DIGITS], ids=len)
def test_an_object_is_held_against_it_and_keeps_it(server, s3, bucket, name, body):
    header, path = f"x-amz-checksum-{name}", f"/{bucket}/k"
    right = sum_of(name, body)
    wrong = base64_of(bytes(len(base64.b64decode(right))))
    status, _, text = server.request("PUT", path, body=body, headers={header: wrong})
    assert status == 400 and b"<Code>BadDigest</Code>" in text
    assert b"The %b you specified did not match" % name.upper().encode() in text
    status, _, text = server.request("PUT", path, body=body, headers={header: right[:-4]})
    assert status == 400 and b"Value for %b header is invalid." % header.encode() in text
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    status, reply, _ = server.request("PUT", path, body=body, headers={
        header: right, "x-amz-sdk-checksum-algorithm": name.upper()})
    assert (status, reply[header], reply["x-amz-checksum-type"]) == (200, right, "FULL_OBJECT")
    _, reply, got = server.request("GET", path, headers=ENABLED)
    assert (got, reply[header]) == (body, right)
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["ChecksumAlgorithm"] == [name.upper()]


@pytest.mark.parametrize("name", NEW)
def test_a_trailer_may_carry_it(server, bucket, name):
    def put(value):
        body = b"64\r\n%b\r\n0\r\nx-amz-checksum-%b:%b\r\n\r\n" % (
            DIGITS, name.encode(), value.encode())
        return server.request("PUT", f"/{bucket}/k", body=body, headers={
            "content-encoding": "aws-chunked", "x-amz-trailer": f"x-amz-checksum-{name}",
            "x-amz-decoded-content-length": "100",
            "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"})

    right = sum_of(name, DIGITS)
    assert put(base64_of(bytes(len(base64.b64decode(right)))))[0] == 400
    status, reply, _ = put(right)
    assert (status, reply[f"x-amz-checksum-{name}"]) == (200, right)


@pytest.mark.parametrize("name", NEW)
def test_a_copy_gets_it(server, s3, bucket, name):
    s3.put_object(Bucket=bucket, Key="k", Body=DIGITS)
    status, _, text = server.request("PUT", f"/{bucket}/copy", headers={
        "x-amz-copy-source": f"/{bucket}/k", "x-amz-checksum-algorithm": name.upper()})
    assert status == 200
    element = f"Checksum{name.upper()}".encode()
    assert b"<%b>%b</%b>" % (element, sum_of(name, DIGITS).encode(), element) in text


@pytest.mark.parametrize("name", NEW)
def test_an_upload_has_the_checksum_of_checksums(server, bucket, name):
    """Only CRCs can be joined to that of the whole."""
    header, path = f"x-amz-checksum-{name}", f"/{bucket}/k"
    wish = {"x-amz-checksum-algorithm": name.upper()}
    status, _, text = server.request("POST", f"{path}?uploads", headers={
        **wish, "x-amz-checksum-type": "FULL_OBJECT"})
    assert status == 400 and name.encode() in text
    status, reply, text = server.request("POST", f"{path}?uploads", headers=wish)
    assert (status, reply["x-amz-checksum-type"]) == (200, "COMPOSITE")
    upload = re.search(b"<UploadId>(.*)</UploadId>", text)[1].decode()
    part = f"{path}?partNumber=1&uploadId={upload}"
    assert server.request("PUT", part, body=DIGITS)[0] == 400, "without its checksum"
    of_part = sum_of(name, DIGITS)
    status, reply, _ = server.request("PUT", part, body=DIGITS, headers={header: of_part})
    assert (status, reply[header]) == (200, of_part)
    element = f"Checksum{name.upper()}"
    done = (f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{reply['ETag']}</ETag>"
            f"<{element}>{of_part}</{element}></Part></CompleteMultipartUpload>")
    status, _, text = server.request("POST", f"{path}?uploadId={upload}", body=done.encode())
    assert status == 200, text
    _, reply, _ = server.request("HEAD", path, headers=ENABLED)
    assert reply[header].endswith("-1")
    if name != "xxhash64":
        whole = hashlib.new(name, base64.b64decode(of_part)).digest()
        assert reply[header] == base64_of(whole) + "-1"


def test_what_is_not_known_is_refused(server, s3, bucket):
    for name in ("xxhash3", "xxhash128"):
        status, _, text = server.request("PUT", f"/{bucket}/k", body=b"x", headers={
            f"x-amz-checksum-{name}": "AAAA"})
        assert status == 501 and b"<Code>NotImplemented</Code>" in text
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
