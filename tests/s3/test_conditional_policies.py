"""Policies that let nobody write or delete without a condition, as AWS's guide has them."""

import json

import pytest

from s3.conftest import md5, sha256

WITHOUT = {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}}


@pytest.fixture
def guarded(s3, bucket):
    """guarded('s3:PutObject', conditions) -> the bucket, which denies that while they hold."""

    def deny(action, conditions):
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({
            "Version": "2012-10-17", "Statement": [{
                "Effect": "Deny", "Principal": "*", "Action": action,
                "Resource": f"arn:aws:s3:::{bucket}/*", "Condition": conditions}]}))
        return bucket

    return deny


def status(server, method, path, body=b"", **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return server.request(method, path, body, headers)[0]


def test_nothing_is_written_without_a_condition(server, s3, guarded):
    bucket = guarded("s3:PutObject", WITHOUT)
    assert status(server, "PUT", f"/{bucket}/k", b"x") == 403
    assert status(server, "PUT", f"/{bucket}/k", b"x", If_None_Match="*") == 200
    assert status(server, "PUT", f"/{bucket}/c", x_amz_copy_source=f"{bucket}/k") == 403


def test_the_steps_of_an_upload_make_no_object_yet(server, s3, guarded):
    bucket = guarded("s3:PutObject", WITHOUT)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
    etag = s3.upload_part(Bucket=bucket, Key="m", UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
    whole = ("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
             f"<ETag>{etag}</ETag></Part></CompleteMultipartUpload>").encode()
    path = f"/{bucket}/m?uploadId={upload}"
    assert status(server, "POST", path, whole) == 403
    assert status(server, "POST", path, whole, If_None_Match="*") == 200
    bucket = guarded("s3:PutObject", {"Bool": {"s3:ObjectCreationOperation": "false"}})
    assert status(server, "PUT", f"/{bucket}/k", b"x") == 200
    assert status(server, "POST", f"/{bucket}/m?uploads") == 403


def test_of_many_deletes_each_has_a_condition_of_its_own(server, s3, bucket, guarded):
    etags = {key: s3.put_object(Bucket=bucket, Key=key, Body=b"x")["ETag"] for key in "abc"}
    guarded("s3:DeleteObject", {"Null": {"s3:if-match": "true"}})
    asked = (f"<Object><Key>a</Key><ETag>{etags['a']}</ETag></Object><Object><Key>b</Key></Object>"
             "<Object><Key>c</Key><ETag>*</ETag></Object>")
    body = f"<Delete>{asked}</Delete>".encode()
    told = server.request("POST", f"/{bucket}?delete", body, {
        "x-amz-checksum-sha256": sha256(body)})[2].decode()
    assert told.count("<Deleted>") == 2
    assert "<Error><Key>b</Key><Code>AccessDenied</Code>" in told
    assert status(server, "DELETE", f"/{bucket}/b") == 403
    assert status(server, "DELETE", f"/{bucket}/b", If_Match=f'"{md5(b"x")}"') == 204


def test_who_compares_an_etag_has_to_be_one_who_may_read(server, s3, bucket, guarded):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    guarded("s3:GetObject", {"StringEquals": {"aws:PrincipalAccount": "000000000000"}})
    asked = "".join(f"<Object><Key>k</Key><ETag>{tag}</ETag></Object>" for tag in (etag, "*"))
    body = f"<Delete>{asked}</Delete>".encode()
    path = f"/{bucket}/k"
    assert status(server, "PUT", path, b"new", If_Match=etag) == 403
    assert status(server, "PUT", path, b"new", If_Match='"none"') == 403
    assert status(server, "POST", f"{path}?uploadId={upload}", b"<CompleteMultipartUpload/>",
                  If_Match=etag) == 403
    assert status(server, "DELETE", path, If_Match=etag) == 403
    told = server.request("POST", f"/{bucket}?delete", body, {
        "x-amz-checksum-sha256": sha256(body)})[2].decode()
    assert told.count("<Code>AccessDenied</Code>") == 1 and told.count("<Deleted>") == 1, told
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert status(server, "PUT", path, b"new", If_Match="*") == 200
    assert status(server, "DELETE", path, If_Match="*") == 204
