"""The checksums that S3 learnt later, beside the five of test_objects: MD5, SHA-512, XXHash."""

import base64
import hashlib
import re

import pytest

ENABLED = {"x-amz-checksum-mode": "ENABLED"}
DIGITS = b"0123456789" * 10
XXHASHES = {  # of the reference implementation, without a seed
    "xxhash64": {b"": "ef46db3751d8e999", b"a": "d24ec4f1a98c6e5b",
                 DIGITS: "f80e7b96315afffa"},
    "xxhash3": {b"": "2d06800538d394c2", b"a": "e6c632b61e964e1f",
                DIGITS: "2b476d154b2d122c"},
    "xxhash128": {b"": "99aa06d3014798d86001c324468d497f", b"a": "a96faf705af16834e6c632b61e964e1f",
                  DIGITS: "931051f058803fac50f1ac05bb72ed13"},
}


def base64_of(digest):
    return base64.b64encode(digest).decode()


def sum_of(name, body):
    if name in XXHASHES:
        return base64_of(bytes.fromhex(XXHASHES[name][body]))
    return base64_of(hashlib.new(name, body).digest())


NEW = ("md5", "sha512", *XXHASHES)


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
    if name not in XXHASHES:
        whole = hashlib.new(name, base64.b64decode(of_part)).digest()
        assert reply[header] == base64_of(whole) + "-1"


def test_what_is_not_known_is_refused(server, s3, bucket):
    status, _, text = server.request("PUT", f"/{bucket}/k", body=b"x", headers={
        "x-amz-checksum-xxhash32": "AAAAAA=="})
    assert status == 400 and b"<Code>InvalidRequest</Code>" in text
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
