"""S3 on a server that wants every request signed."""

import os
import urllib.error
import urllib.request

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from s3.conftest import refused
from support.server import KEY, SECRET


@pytest.fixture
def signed(make_server, tmp_path):
    path = tmp_path / "credentials"
    path.write_text(f"[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    path.chmod(0o600)
    return make_server("--credentials", path)


ODD = ["plain", "a b+c", "ü/日本", "x//y/../z", "q?a=b&c#d", "%41~(1)!*'"]


def test_signed_requests_of_every_form_are_taken(signed, tmp_path):
    s3 = signed.client("s3")
    s3.create_bucket(Bucket="lake")
    for key in ODD:
        s3.put_object(Bucket="lake", Key=key, Body=key.encode(), Metadata={"a": "b  c"})
        assert s3.get_object(Bucket="lake", Key=key)["Body"].read() == key.encode()
        s3.copy_object(Bucket="lake", Key=f"copy/{key}", CopySource={"Bucket": "lake", "Key": key})
        for version in ("s3", "s3v4"):
            presigner = signed.client("s3", config=Config(signature_version=version))
            names = {"Bucket": "lake", "Key": key}
            url = presigner.generate_presigned_url("get_object", Params=names)
            with urllib.request.urlopen(url) as reply:
                assert reply.read() == key.encode()
    body = os.urandom(9 * 1024 * 1024)
    (tmp_path / "body").write_bytes(body)
    s3.upload_file(str(tmp_path / "body"), "lake", "big")
    assert s3.get_object(Bucket="lake", Key="big")["Body"].read() == body
    assert s3.list_objects_v2(Bucket="lake", Delimiter="/", Prefix="copy/")["KeyCount"] > 3
    s3.delete_objects(Bucket="lake", Delete={"Objects": [{"Key": key} for key in ODD]})


def test_others_are_refused_before_anything_is_stored(signed):
    s3 = signed.client("s3")
    s3.create_bucket(Bucket="lake")
    wrong = signed.client("s3", aws_secret_access_key="wrong")
    refused(wrong.put_object, "SignatureDoesNotMatch", 403, Bucket="lake", Key="k", Body=b"x")
    nobody = signed.client("s3", aws_access_key_id="nobody")
    refused(nobody.put_object, "InvalidAccessKeyId", 403, Bucket="lake", Key="k", Body=b"x")
    status, _, text = signed.request("PUT", "/lake/k", body=b"x" * 100_000)
    assert (status, b"<Code>AccessDenied</Code>" in text) == (403, True)
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "lake", "Key": "k"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url.replace("/lake/k", "/lake/other"))
    assert caught.value.code == 403
    assert s3.list_objects_v2(Bucket="lake")["KeyCount"] == 0


def presigned(signed, **options):
    names = {"Bucket": "lake", "Key": "k"}
    v4 = signed.client("s3", config=Config(signature_version="s3v4"), **options)
    return v4.generate_presigned_url("get_object", Params=names, ExpiresIn=60)


def fetch(url, **headers):
    headers = {name.replace("_", "-"): text for name, text in headers.items()}
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_presigned_urls_say_what_is_wrong_with_them(signed):
    s3 = signed.client("s3")
    s3.create_bucket(Bucket="lake")
    s3.put_object(Bucket="lake", Key="k", Body=b"here")
    url = presigned(signed)
    assert fetch(url) == (200, "here")
    expires = "X-Amz-Expires=60"
    for old, new, status, says in (
        (expires, "X-Amz-Expires=604801", 400, "must be less than 604800 seconds"),
        (expires, "X-Amz-Expires=0x1", 400, "X-Amz-Expires should be a number"),
        (expires, "a=60", 400, "X-Amz-SignedHeaders, and X-Amz-Expires parameters."),
        (expires, "X-Amz-Expires=61", 403, "<CanonicalRequestBytes>47 45 54 0a "),
        ("aws4_request", "aws4", 400, "This endpoint uses"),
    ):
        answer = fetch(url.replace(old, new))
        assert answer[0] == status and says in answer[1], answer
    answer = fetch(url, x_amz_meta_a="1", x_amz_acl="private")
    assert answer[0] == 403, answer
    named = answer[1].split("<HeadersNotSigned>")[1].split("<")[0]
    assert sorted(named.split(", ")) == ["x-amz-acl", "x-amz-meta-a"]
    assert fetch(url, Authorization="Bearer x")[0] == 400


def hoisting(server, method, path, **query):
    """A URL whose query holds what others send as headers, as the SDK for JavaScript writes it."""
    request = AWSRequest(method=method, url=f"{server.url}{path}", params=query)
    S3SigV4QueryAuth(Credentials(KEY, SECRET), "s3", "us-east-1", expires=60).add_auth(request)
    return request.prepare().url


def test_headers_in_the_query_of_a_presigned_url_count(signed):
    s3 = signed.client("s3")
    s3.create_bucket(Bucket="lake")
    url = hoisting(signed, "PUT", "/lake/k", **{
        "x-amz-meta-who": "a b+c", "x-amz-storage-class": "STANDARD_IA", "x-amz-tagging": "a=b",
        "x-amz-checksum-crc32": "AAAAAA==", "x-amz-sdk-checksum-algorithm": "CRC32"})
    put = urllib.request.Request(url, method="PUT", data=b"hello")
    with urllib.request.urlopen(put) as reply:
        assert reply.status == 200  # the checksum, of no body, is not looked at
    head = s3.head_object(Bucket="lake", Key="k")
    assert (head["Metadata"], head["StorageClass"]) == ({"who": "a b+c"}, "STANDARD_IA")
    assert s3.get_object_tagging(Bucket="lake", Key="k")["TagSet"] == [{"Key": "a", "Value": "b"}]
    with pytest.raises(urllib.error.HTTPError) as caught:  # they are signed with the rest
        urllib.request.urlopen(urllib.request.Request(
            url.replace("who=a", "who=b"), method="PUT", data=b"hello"))
    assert caught.value.code == 403
    # Without a presigned query they are no headers.
    s3.put_object(Bucket="lake", Key="k", Body=b"x")
    assert s3.head_object(Bucket="lake", Key="k")["Metadata"] == {}
