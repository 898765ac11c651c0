"""Uploads by a browser's form, with and without a policy."""

import base64
import hmac
import json
import uuid

import pytest
from botocore.config import Config

from s3.conftest import refused
from support.server import KEY, SECRET, Server


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
    ({"key": "k", "x-ignore-it": "x" * 20480}, b"x", 400, "MaxPostPreDataLengthExceededError"),
])
def test_forms_that_make_no_sense_are_refused(server, s3, bucket, fields, body, status, code):
    found, _, text = post(server, bucket, fields, body)
    assert (found, f"<Code>{code}</Code>" in text) == (status, True), text
    refused(s3.head_object, "404", 404, Bucket=bucket, Key="k")


def test_the_fields_before_the_file_are_few_not_the_file(server, s3, bucket):
    assert post(server, bucket, {"key": "k", "x-ignore-it": "x" * 20_000}, b"y" * 100_000)[0] == 204
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == 100_000


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


# ---- what the policy's grammar is ----


def sign(policy, key=SECRET):
    text = base64.b64encode(json.dumps(policy).encode()).decode()
    digest = hmac.new(key.encode(), text.encode(), "sha1").digest()
    return {"AWSAccessKeyId": KEY, "policy": text,
            "signature": base64.b64encode(digest).decode()}


def policy(*conditions):
    return {"expiration": "2100-01-01T00:00:00Z", "conditions": list(conditions)}


ANY = ({"bucket": "lake"}, ["starts-with", "$key", ""])


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    folder = tmp_path_factory.mktemp("strict")
    path = folder / "credentials"
    path.write_text(f"[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    path.chmod(0o600)
    it = Server(folder / "data", "--credentials", path).start()
    it.client("s3").create_bucket(Bucket="lake")
    yield it
    it.stop()


def quoted(text):
    return text.replace("&quot;", '"').replace("&#39;", "'")


@pytest.mark.parametrize("conditions, status, words", [
    ([["starts-with", "$key", ""]], 403, "Extra input fields: bucket"),
    ([*ANY, {"acl": "private"}], 403, 'Policy Condition failed: ["eq", "$acl", "private"]'),
    ([*ANY, ["eq", "$acl", "private"]], 403, '["eq", "$acl", "private"]'),
    ([{"bucket": "lake"}, ["starts-with", "$key", "z/"]], 403, '["starts-with", "$key", "z/"]'),
    ([{"bucket": "lake", "key": "k"}], 400, "Invalid Simple-Condition: Simple-Conditions must "
     "have exactly one property specified."),
    ([*ANY, {"acl": ["private"]}], 400, "Invalid Simple-Condition: value must be a string."),
    ([*ANY, ["starts-with", "key", ""]], 400, "Invalid Simple-Condition"),
    ([*ANY, ["content-length-range", -1, 10]], 400, "InvalidPolicyDocument"),
    ([*ANY, ["content-length-range", 0.5, 10]], 400, "InvalidPolicyDocument"),
    ([*ANY, ["content-length-range", "a", "b"]], 400, "InvalidPolicyDocument"),
    ([*ANY, ["content-length-range", "0", "10"]], 204, ""),
    ([*ANY, ["content-length-range", 0, 5]], 204, ""),
])
def test_conditions_are_told_in_their_long_form(strict, conditions, status, words):
    found, _, text = post(strict, "lake", {"key": "k", **sign(policy(*conditions))})
    assert (found, words in quoted(text)) == (status, True), text


@pytest.mark.parametrize("missing", ["policy", "AWSAccessKeyId", "signature"])
def test_what_carries_a_policy_comes_whole(strict, missing):
    fields = {"key": "k", **sign(policy(*ANY))}
    del fields[missing]
    status, _, text = post(strict, "lake", fields)
    assert (status, "<Code>InvalidArgument</Code>" in text) == (400, True)
    assert f"Bucket POST must contain a field named '{missing}'." in quoted(text)


@pytest.mark.parametrize("filename", ["C:\\a\\b.txt", "/a/b.txt", "b.txt"])
def test_of_a_whole_path_the_last_name_counts(server, s3, bucket, filename):
    assert post(server, bucket, {"key": "u/${filename}"}, filename=filename)[0] == 204
    assert s3.head_object(Bucket=bucket, Key="u/b.txt")["ContentLength"] == 5


def test_a_form_sets_what_headers_would(server, s3, fresh):
    name = fresh("locked")
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    status, _, text = post(server, name, {
        "key": "k", "Expires": "Thu, 01 Dec 2033 16:00:00 GMT", "Content-Language": "de",
        "x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-legal-hold": "ON",
        "x-amz-object-lock-retain-until-date": "2100-01-01T00:00:00Z"})
    assert status == 204, text
    got = s3.head_object(Bucket=name, Key="k")
    assert (got["Expires"].year, got["ContentLanguage"]) == (2033, "de")
    assert (got["ObjectLockMode"], got["ObjectLockLegalHoldStatus"]) == ("GOVERNANCE", "ON")
    assert got["ObjectLockRetainUntilDate"].year == 2100
    status, _, text = post(server, name, {
        "key": "k", "x-amz-object-lock-mode": "GOVERNANCE",
        "x-amz-object-lock-retain-until-date": "tomorrow"})
    assert (status, "<Code>InvalidArgument</Code>" in text) == (400, True)
