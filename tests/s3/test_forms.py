"""Uploads by a browser's form, with and without a policy."""

import uuid

import pytest
from botocore.config import Config

from s3.conftest import refused
from support.server import KEY, SECRET


def post(server, bucket, fields, body=b"hello", filename="f.txt"):
    """Status, headers and body of the reply to a form as browsers send it."""
    mark = uuid.uuid4().hex
    head = f"--{mark}\r\nContent-Disposition: form-data; name="
    parts = [f'{head}"{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items()]
    if body is not None:
        parts.append(f'--{mark}\r\nContent-Disposition: form-data; name="file"; '
                     f'filename="{filename}"\r\nContent-Type: text/x\r\n\r\n'.encode() + body
                     + b"\r\n")
    status, headers, text = server.request(
        "POST", f"/{bucket}", body=b"".join(parts) + f"--{mark}--\r\n".encode(),
        headers={"Content-Type": f"multipart/form-data; boundary={mark}"})
    return status, headers, text.decode()


def test_a_form_makes_an_object(server, s3, bucket):
    status, headers, text = post(server, bucket, {
        "key": "up/${filename}", "Content-Type": "text/plain", "x-amz-meta-who": "me",
        "Cache-Control": "no-store", "tagging":
        "<Tagging><TagSet><Tag><Key>a b</Key><Value>1&#43;2</Value></Tag></TagSet></Tagging>"},
        body=b"a\r\n--b\r\n", filename="ä.txt")
    assert (status, text) == (204, "")
    got = s3.get_object(Bucket=bucket, Key="up/ä.txt")
    assert got["Body"].read() == b"a\r\n--b\r\n"
    assert headers["ETag"] == got["ETag"]
    assert headers["Location"].endswith(f"/{bucket}/up/%C3%A4.txt")
    assert (got["ContentType"], got["CacheControl"]) == ("text/plain", "no-store")
    assert got["Metadata"] == {"who": "me"}
    tags = s3.get_object_tagging(Bucket=bucket, Key="up/ä.txt")["TagSet"]
    assert tags == [{"Key": "a b", "Value": "1+2"}]


def test_the_form_says_what_it_wants_to_hear(server, bucket):
    assert post(server, bucket, {"key": "k", "success_action_status": "200"})[::2] == (200, "")
    assert post(server, bucket, {"key": "k", "success_action_status": "300"})[0] == 204
    status, _, text = post(server, bucket, {"key": "k", "success_action_status": "201"})
    assert status == 201
    assert f"<Bucket>{bucket}</Bucket><Key>k</Key><ETag>" in text
    status, headers, _ = post(server, bucket, {
        "key": "a k", "success_action_redirect": "http://there.example/x?y=1"})
    assert status == 303
    assert headers["Location"] == (f"http://there.example/x?y=1&bucket={bucket}&key=a%20k&etag="
                                   "%225d41402abc4b2a76b9719d911017c592%22")


@pytest.mark.parametrize("fields, body, status, code", [
    ({}, b"x", 400, "InvalidArgument"), ({"key": "k"}, None, 400, "InvalidArgument"),
    ({"key": "k", "policy": "rubbish"}, b"x", 400, "InvalidPolicyDocument"),
    ({"key": "k", "x-amz-checksum-crc32": "AAAAAA=="}, b"x", 400, "BadDigest"),
    ({"key": "k", "acl": "public-read"}, b"x", 400, "AccessControlListNotSupported"),
])
def test_forms_that_make_no_sense_are_refused(server, s3, bucket, fields, body, status, code):
    found, _, text = post(server, bucket, fields, body)
    assert (found, f"<Code>{code}</Code>" in text) == (status, True), text
    refused(s3.head_object, "404", 404, Bucket=bucket, Key="k")


def test_what_is_no_form_is_refused(server, bucket, fresh):
    for body in (b"", b"--x", b"--x\r\nno header\r\n--x--", b"--x\r\n\r\nk", b"--xx--\r\n",
                 b"--x\r\n--x\r\nContent-Disposition: form-data; name=file\r\n\r\nk\r\n--x--\r\n"):
        status, _, text = server.request("POST", f"/{bucket}", body=body, headers={
            "Content-Type": "multipart/form-data; boundary=x"})
        assert (status, b"<Code>MalformedPOSTRequest</Code>" in text) == (400, True)
    assert post(server, fresh("none"), {"key": "k"})[0] == 404


@pytest.fixture
def signed(make_server, tmp_path):
    path = tmp_path / "credentials"
    path.write_text(f"[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    path.chmod(0o600)
    it = make_server("--credentials", path)
    it.client("s3").create_bucket(Bucket="lake")
    return it


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_policy_says_what_the_form_may_hold(signed, version):
    s3 = signed.client("s3", config=Config(signature_version=version))
    made = s3.generate_presigned_post(
        "lake", "up/${filename}", Fields={"x-amz-meta-a": "1"},
        Conditions=[["starts-with", "$x-amz-meta-a", "1"], ["content-length-range", 2, 10]])
    fields = made["fields"]
    assert post(signed, "lake", fields)[0] == 204
    assert s3.head_object(Bucket="lake", Key="up/f.txt")["Metadata"] == {"a": "1"}
    for change, body, status, words in (
        ({"x-amz-meta-a": "2"}, b"hello", 403, "Policy Condition failed: "),
        ({"key": "other"}, b"hello", 403, "Policy Condition failed: "),
        ({"x-amz-meta-b": "1"}, b"hello", 403, "Extra input fields: x-amz-meta-b"),
        ({"x-ignore-b": "1"}, b"hello", 204, ""),
        ({}, b"1", 400, "<MinSizeAllowed>2</MinSizeAllowed>"),
        ({}, b"0" * 11, 400, "<MaxSizeAllowed>10</MaxSizeAllowed>"),
        ({"x-amz-signature" if version == "s3v4" else "signature": "wrong"}, b"hello", 403,
         "SignatureDoesNotMatch"),
    ):
        found, _, text = post(signed, "lake", {**fields, **change}, body)
        assert (found, words in text) == (status, True), (change, text)
    old = s3.generate_presigned_post("lake", "k", ExpiresIn=-5)["fields"]
    assert "Policy expired." in post(signed, "lake", old)[2]
    assert "<Code>AccessDenied</Code>" in post(signed, "lake", {"key": "k"})[2]
