"""Tables for the tests of this folder, and the way they read errors."""

import json
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

KEY = {"hash": [("id", "S", "HASH")], "range": [("id", "S", "HASH"), ("at", "N", "RANGE")]}


def make_table(client, name, keys, **options):
    options.setdefault("BillingMode", "PAY_PER_REQUEST")
    definitions = {attribute: kind for attribute, kind, _ in keys}
    definitions.update(options.pop("extra", {}))
    return client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": a, "KeyType": role} for a, _, role in keys],
        AttributeDefinitions=[
            {"AttributeName": a, "AttributeType": kind} for a, kind in definitions.items()
        ],
        **options,
    )


@pytest.fixture
def db(client):
    return client("dynamodb")


class Api:
    """The operations by plain requests, with a client's names and errors: Debian's boto3 neither
    sends nor shows what it does not know. Timestamps and blobs stay as they are on the wire."""

    def __init__(self, server):
        self.server = server

    def __getattr__(self, name):
        operation = "".join(word.capitalize() for word in name.split("_"))

        def call(**arguments):
            status, _, body = self.server.request(
                "POST",
                "/",
                json.dumps(arguments),
                {
                    "X-Amz-Target": f"DynamoDB_20120810.{operation}",
                    "Content-Type": "application/x-amz-json-1.0",
                },
            )
            reply = json.loads(body or b"null")
            if status == 200:
                return reply
            error = {
                "Code": reply["__type"].split("#")[-1],
                "Message": reply.get("message", reply.get("Message")),
            }
            raise ClientError(
                {"Error": error, "ResponseMetadata": {"HTTPStatusCode": status}}, operation
            )

        return call


@pytest.fixture
def api(server):
    return Api(server)


@pytest.fixture
def table(db, fresh):
    """A table with partition key `id` (S); deleted afterwards."""
    name = fresh("hash")
    make_table(db, name, KEY["hash"])
    yield name
    db.delete_table(TableName=name)


@pytest.fixture
def ranged(db, fresh):
    """A table with keys `id` (S) and `at` (N)."""
    name = fresh("range")
    make_table(db, name, KEY["range"])
    yield name
    db.delete_table(TableName=name)


@pytest.fixture
def refused():
    """refused(code, text, call, **arguments): the call fails so, in these words."""

    def check(code, text, call, **arguments):
        with pytest.raises(ClientError) as caught:
            call(**arguments)
        error = caught.value.response["Error"]
        assert (error["Code"], error["Message"]) == (code, text)
        return caught.value.response

    return check


def raw(server, operation, body):
    """(status, reply) of a request that no SDK has looked at; `body` a dict or bytes."""
    request = urllib.request.Request(
        server.url,
        data=body if isinstance(body, bytes) else json.dumps(body).encode(),
        headers={
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            "Content-Type": "application/x-amz-json-1.0",
        },
        method="POST",
    )
    try:
        with urllib.request.urlopen(request) as reply:
            return reply.status, json.loads(reply.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())
