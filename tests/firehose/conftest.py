"""Delivery streams, their buckets, sources and functions; all deleted afterwards."""

import pytest
from support.chain import make_delivery, make_function, make_stream, quiet, unchecked


@pytest.fixture
def firehose(server):
    return unchecked(server, "firehose")


@pytest.fixture
def s3(client):
    return client("s3")


@pytest.fixture
def bucket(s3, fresh):
    name = fresh("lake")
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def stream(server, fresh, client):
    """stream(shards) -> (name, ARN)"""
    made = []

    def make(shards=1):
        name = fresh("ks")
        made.append(name)
        return name, make_stream(server, name, shards)

    yield make
    for name in made:
        quiet(client("kinesis").delete_stream, StreamName=name)


@pytest.fixture
def function(server, fresh, client):
    """function(text, timeout=...) -> its ARN"""
    made = []

    def make(text, **more):
        name = fresh("fn")
        made.append(name)
        return make_function(server, name, text, **more)

    yield make
    for name in made:
        quiet(client("lambda").delete_function, FunctionName=name)


@pytest.fixture
def delivery(server, fresh, firehose, bucket):
    """delivery(source=..., function=..., seconds=...) -> its name"""
    made = []

    def make(**more):
        name = fresh("dl")
        made.append(name)
        make_delivery(server, name, more.pop("bucket", bucket), **more)
        return name

    yield make
    for name in made:
        quiet(firehose.delete_delivery_stream, DeliveryStreamName=name)
