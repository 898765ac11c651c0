"""What the tests of S3 share: buckets of their own, and the error of a refused call."""

import base64
import hashlib
import pathlib
import zlib

import boto3
import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def s3(client):
    return client("s3")


@pytest.fixture
def bucket(s3, fresh):
    name = fresh("lake")
    s3.create_bucket(Bucket=name)
    return name


def refused(call, code, status, **arguments):
    """Calls, expects that error, and returns it with its extra members."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    reply = caught.value.response
    assert reply["Error"]["Code"] == code, reply
    assert reply["ResponseMetadata"]["HTTPStatusCode"] == status, reply
    return reply["Error"]


def crc32(body):
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


def sha256(body):
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def md5(body):
    return hashlib.md5(body).hexdigest()


LARGE = 20_000  # a body of so many bytes is a file; a small one is kept beside its record


def bodies(server):
    """The files that hold large objects' bodies."""
    return [path for path in pathlib.Path(server.data, "objects").rglob("*") if path.is_file()]


def keys(s3, bucket, **arguments):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, **arguments)
    return [row["Key"] for page in pages for row in page.get("Contents", [])]


NEW_BOTO3 = tuple(map(int, boto3.__version__.split(".")[:2])) >= (1, 36)
