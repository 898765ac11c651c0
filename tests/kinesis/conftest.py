"""Streams of this test alone."""

import pytest
from support.chain import quiet


@pytest.fixture
def kinesis(client):
    return client("kinesis")


@pytest.fixture
def stream(kinesis, fresh):
    """stream(shards) -> its name; deleted afterwards."""
    made = []

    def make(shards=1, **more):
        name = fresh("ks")
        kinesis.create_stream(StreamName=name, ShardCount=shards, **more)
        made.append(name)
        return name

    yield make
    for name in made:
        quiet(kinesis.delete_stream, StreamName=name)
