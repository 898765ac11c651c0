"""Encryption as it is told: by the object, by its bucket's default, by nobody."""

import base64

import pytest

from s3.conftest import md5, refused

KEY = "arn:aws:kms:us-east-1:000000000000:key/5f0e0a6e-0000-4000-8000-000000000000"


def default(s3, bucket, algorithm, key=None, bucket_key=None):
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}}
    if key:
        rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] = key
    if bucket_key is not None:
        rule["BucketKeyEnabled"] = bucket_key
    s3.put_bucket_encryption(Bucket=bucket,
                             ServerSideEncryptionConfiguration={"Rules": [rule]})


def test_an_object_tells_how_it_is_encrypted(s3, bucket):
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms",
                        SSEKMSKeyId=KEY, BucketKeyEnabled=True)
    for reply in (put, s3.head_object(Bucket=bucket, Key="k"),
                  s3.get_object(Bucket=bucket, Key="k")):
        assert reply["ServerSideEncryption"] == "aws:kms"
        assert (reply["SSEKMSKeyId"], reply["BucketKeyEnabled"]) == (KEY, True)
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms",
                        SSEKMSKeyId=KEY.split("/")[1])
    assert put["SSEKMSKeyId"] == KEY and "BucketKeyEnabled" not in put
    managed = s3.put_object(Bucket=bucket, Key="k", Body=b"", ServerSideEncryption="aws:kms:dsse")
    assert managed["ServerSideEncryption"] == "aws:kms:dsse"
    assert managed["SSEKMSKeyId"].startswith("arn:aws:kms:us-east-1:000000000000:key/")


def test_the_buckets_default_holds_for_all_that_say_nothing(s3, bucket):
    default(s3, bucket, "aws:kms", KEY, True)
    rule = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule == {"ApplyServerSideEncryptionByDefault": {
        "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}, "BucketKeyEnabled": True}
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert (put["SSEKMSKeyId"], put["BucketKeyEnabled"]) == (KEY, True)
    copy = s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k",
                          ServerSideEncryption="AES256")
    assert copy["ServerSideEncryption"] == "AES256" and "SSEKMSKeyId" not in copy
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m")
    where = {"Bucket": bucket, "Key": "m", "UploadId": upload["UploadId"]}
    part = s3.upload_part(**where, PartNumber=1, Body=b"x")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    done = s3.complete_multipart_upload(**where, MultipartUpload=parts)
    for reply in (upload, part, done, s3.head_object(Bucket=bucket, Key="m")):
        assert (reply["ServerSideEncryption"], reply["SSEKMSKeyId"]) == ("aws:kms", KEY)
    s3.delete_bucket_encryption(Bucket=bucket)
    again = s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert again["ServerSideEncryption"] == "AES256"


def test_what_makes_no_sense_is_refused(s3, bucket, server):
    error = refused(s3.put_object, "InvalidArgument", 400, Bucket=bucket, Key="k", Body=b"",
                    ServerSideEncryption="rot13")
    assert error["Message"] == "The encryption method specified is not supported"
    refused(s3.put_object, "InvalidArgument", 400, Bucket=bucket, Key="k", Body=b"",
            ServerSideEncryption="AES256", SSEKMSKeyId=KEY)
    for algorithm, code in (("AES256", "InvalidArgument"), ("rot13", "MalformedXML")):
        rules = [{"ApplyServerSideEncryptionByDefault": {
            "SSEAlgorithm": algorithm, "KMSMasterKeyID": KEY}}]
        refused(s3.put_bucket_encryption, code, 400, Bucket=bucket,
                ServerSideEncryptionConfiguration={"Rules": rules})


@pytest.mark.parametrize("algorithm", ["aws:kms", "aws:kms:dsse"])
def test_an_etag_is_no_md5_where_a_key_of_kms_encrypts(server, s3, bucket, algorithm):
    """As the API reference has it for Object's ETag."""
    def put(**more):
        return s3.put_object(Bucket=bucket, Key="k", Body=b"x", **more)["ETag"]

    plain = f'"{md5(b"x")}"'
    assert put() == plain
    etags = {put(ServerSideEncryption=algorithm) for _ in range(2)}
    assert len(etags) == 2 and plain not in etags
    assert all(len(etag) == 34 for etag in etags)
    etag = s3.head_object(Bucket=bucket, Key="k")["ETag"]
    assert etag in etags
    assert s3.get_object(Bucket=bucket, Key="k", IfMatch=etag)["Body"].read() == b"x"
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["ETag"] == etag
    sealed = s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k",
                            ServerSideEncryption=algorithm)["CopyObjectResult"]["ETag"]
    assert sealed not in (plain, etag)
    opened = s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")
    assert opened["CopyObjectResult"]["ETag"] == plain
    # What the client says of the body's MD5 is still held against the body.
    digest = base64.b64encode(bytes.fromhex(md5(b"x"))).decode()
    put(ServerSideEncryption=algorithm, ContentMD5=digest)
    refused(s3.put_object, "BadDigest", 400, Bucket=bucket, Key="k", Body=b"y",
            ServerSideEncryption=algorithm, ContentMD5=digest)


def test_nor_are_those_of_parts(s3, bucket):
    where = {"Bucket": bucket, "Key": "k"}
    where["UploadId"] = s3.create_multipart_upload(**where, ServerSideEncryption="aws:kms")[
        "UploadId"]
    part = s3.upload_part(**where, PartNumber=1, Body=b"x")
    assert part["ETag"] != f'"{md5(b"x")}"'
    assert s3.list_parts(**where)["Parts"][0]["ETag"] == part["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    done = s3.complete_multipart_upload(**where, MultipartUpload=parts)["ETag"]
    assert done == f'"{md5(bytes.fromhex(part["ETag"][1:-1]))}-1"'
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
