"""A table with a stream, a Kinesis stream, and pipes between them; all deleted afterwards."""

import types

import pytest
from support.chain import make_pipe, make_stream, make_table, quiet


@pytest.fixture
def pipes(client):
    return client("pipes")


@pytest.fixture
def db(client):
    return client("dynamodb")


@pytest.fixture
def ends(server, fresh, client):
    """ends(shards=1, view=...) -> .table .source .stream .target"""
    made = []

    def make(shards=1, view="NEW_AND_OLD_IMAGES"):
        it = types.SimpleNamespace(table=fresh("tb"), stream=fresh("ks"))
        it.source = make_table(server, it.table, view)
        it.target = make_stream(server, it.stream, shards)
        made.append(it)
        return it

    yield make
    for it in made:
        quiet(client("dynamodb").delete_table, TableName=it.table)
        quiet(client("kinesis").delete_stream, StreamName=it.stream)


@pytest.fixture
def pipe(server, fresh, pipes):
    """pipe(ends, key=..., start=..., BatchSize=...) -> its name, RUNNING."""
    made = []

    def make(ends, **more):
        name = fresh("pipe")
        make_pipe(server, name, ends.source, ends.target, **more)
        made.append(name)
        return name

    yield make
    for name in made:
        quiet(pipes.delete_pipe, Name=name)
