"""A table with a stream, a Kinesis stream, and pipes between them; all deleted afterwards."""

import json
import types

import pytest
from support.chain import make_function, make_pipe, make_stream, make_table, quiet


# Without an SDK, which the functions of a test need not have.
NOTE = """
import json, os, time, urllib.request
def call(operation, body):
    return json.load(urllib.request.urlopen(urllib.request.Request(
        os.environ["AWS_ENDPOINT_URL"], json.dumps(body).encode(),
        {"X-Amz-Target": "DynamoDB_20120810." + operation,
         "Content-Type": "application/x-amz-json-1.0",
         "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/"
                          "aws4_request, SignedHeaders=host, Signature=00"})))
def note(value):
    call("PutItem", {"TableName": "TABLE", "Item": {
        "all": {"S": "x"}, "at": {"N": str(time.time_ns())}, "v": {"S": json.dumps(value)}}})
"""


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
        target = more.pop("target", ends.target)
        make_pipe(server, name, ends.source, target, **more)
        made.append(name)
        return name

    yield make
    for name in made:
        quiet(pipes.delete_pipe, Name=name)


@pytest.fixture
def function(server, fresh, client):
    """function(text) -> its ARN; deleted afterwards."""
    made = []

    def make(text, **more):
        name = fresh("fn")
        made.append(name)
        return make_function(server, name, text, **more)

    yield make
    for name in made:
        quiet(client("lambda").delete_function, FunctionName=name)


@pytest.fixture
def seen(client, fresh):
    """A table that functions note what they get in: seen.text (Python to put in front of a handler:
    note(value)), seen() -> the values in order."""
    name = fresh("seen")
    db = client("dynamodb")
    db.create_table(
        TableName=name,
        KeySchema=[
            {"AttributeName": "all", "KeyType": "HASH"},
            {"AttributeName": "at", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "all", "AttributeType": "S"},
            {"AttributeName": "at", "AttributeType": "N"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )

    def found():
        pages = db.get_paginator("query").paginate(
            TableName=name,
            KeyConditionExpression="#a = :a",
            ExpressionAttributeNames={"#a": "all"},
            ExpressionAttributeValues={":a": {"S": "x"}},
            ConsistentRead=True,
        )
        return [json.loads(item["v"]["S"]) for page in pages for item in page["Items"]]

    found.text = NOTE.replace("TABLE", name)
    yield found
    quiet(db.delete_table, TableName=name)
