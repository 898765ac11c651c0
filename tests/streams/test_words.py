"""What the Streams API says to bad requests."""

import json

import pytest

PREFIX = "1 validation error detected: Value "
ENUM = "failed to satisfy constraint: Member must satisfy enum value set: "
INVALID = "One or more parameter values were invalid: "
NO_SHARD = "shardId-00000000000000000000-00000000"
NO_STREAM = "arn:aws:dynamodb:us-east-1:000000000000:table/none/stream/2020-01-01T00:00:00.000"


def told(value, path, constraint):
    return f"{PREFIX}{value} at '{path}' failed to satisfy constraint: Member must {constraint}"


def between(path, least, most):
    return [
        (least - 1, told(f"'{least - 1}'", path, f"have value greater than or equal to {least}")),
        (most + 1, told(f"'{most + 1}'", path, f"have value less than or equal to {most}")),
    ]


@pytest.fixture(scope="module")
def stream(server):
    """(ask, the names of a stream's parts); ask(operation, **members): (code, message) or reply."""

    def call(service, operation, body):
        target = {"X-Amz-Target": f"{service}_20120810.{operation}"}
        _, _, reply = server.request("POST", "/", json.dumps(body), {
            **target, "Content-Type": "application/x-amz-json-1.0"})  # fmt: skip
        return json.loads(reply)

    def ask(operation, **members):
        reply = call("DynamoDBStreams", operation, members)
        if "__type" not in reply:
            return reply
        return reply["__type"].split("#")[-1], reply.get("message", reply.get("Message"))

    name = "stream-words"
    made = call("DynamoDB", "CreateTable", {
        "TableName": name, "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    })  # fmt: skip
    arn = made["TableDescription"]["LatestStreamArn"]
    shard = ask("DescribeStream", StreamArn=arn)["StreamDescription"]["Shards"][0]
    place = {"StreamArn": arn, "ShardId": shard["ShardId"]}
    start = ask("GetShardIterator", ShardIteratorType="TRIM_HORIZON", **place)["ShardIterator"]
    yield ask, {
        "arn": arn,
        "shard": shard["ShardId"],
        "number": shard["SequenceNumberRange"]["StartingSequenceNumber"],
        "iterator": start,
    }
    call("DynamoDB", "DeleteTable", {"TableName": name})


GET = {"StreamArn": "{arn}", "ShardId": "{shard}"}
SHORT = "have length greater than or equal to "
CASES = [
    *(("ListStreams", {"Limit": limit}, text) for limit, text in between("limit", 1, 100)),
    *(
        ("DescribeStream", {"StreamArn": "{arn}", "Limit": limit}, text)
        for limit, text in between("limit", 1, 100)
    ),
    *(
        ("GetRecords", {"ShardIterator": "{iterator}", "Limit": limit}, text)
        for limit, text in between("limit", 1, 1000)
    ),
    *(
        ("GetRecords", {"ShardIterator": "none", "Limit": limit}, text)  # before what it reads
        for limit, text in between("limit", 1, 1000)
    ),
    (
        "ListStreams",
        {"ExclusiveStartStreamArn": "x"},
        told("'x'", "exclusiveStartStreamArn", SHORT + "37"),
    ),
    ("DescribeStream", {}, told("null", "streamArn", "not be null")),
    ("DescribeStream", {"StreamArn": "x"}, told("'x'", "streamArn", SHORT + "37")),
    (
        "DescribeStream",
        {"StreamArn": "{arn}", "ExclusiveStartShardId": "x"},
        told("'x'", "exclusiveStartShardId", SHORT + "28"),
    ),
    (
        "DescribeStream",
        {"StreamArn": "{arn}", "ShardFilter": {"Type": "CHILD_SHARDS"}},
        INVALID + "ShardFilter of Type CHILD_SHARDS must have a ShardId",
    ),
    (
        "DescribeStream",
        {"StreamArn": "{arn}", "ShardFilter": {"Type": "X", "ShardId": "{shard}"}},
        f"{PREFIX}'X' at 'shardFilter.type' {ENUM}[CHILD_SHARDS]",
    ),
    (
        "GetShardIterator",
        {**GET, "ShardIteratorType": "X"},
        f"{PREFIX}'X' at 'shardIteratorType' {ENUM}[TRIM_HORIZON, LATEST, AT_SEQUENCE_NUMBER, "
        "AFTER_SEQUENCE_NUMBER]",
    ),
    (
        "GetShardIterator",
        {**GET, "ShardIteratorType": "AT_SEQUENCE_NUMBER"},
        INVALID + "SequenceNumber must be provided for ShardIteratorType AT_SEQUENCE_NUMBER",
    ),
    (
        "GetShardIterator",
        {**GET, "ShardIteratorType": "AFTER_SEQUENCE_NUMBER"},
        INVALID + "SequenceNumber must be provided for ShardIteratorType AFTER_SEQUENCE_NUMBER",
    ),
    (
        "GetShardIterator",
        {**GET, "ShardIteratorType": "TRIM_HORIZON", "SequenceNumber": "{number}"},
        INVALID + "SequenceNumber must not be provided for ShardIteratorType TRIM_HORIZON",
    ),
    (
        "GetShardIterator",
        {**GET, "ShardIteratorType": "LATEST", "SequenceNumber": "{number}"},
        INVALID + "SequenceNumber must not be provided for ShardIteratorType LATEST",
    ),
    (
        "GetShardIterator",
        {**GET, "ShardIteratorType": "AT_SEQUENCE_NUMBER", "SequenceNumber": "abc"},
        told("'abc'", "sequenceNumber", SHORT + "21"),
    ),
    (
        "GetShardIterator",
        {**GET, "ShardIteratorType": "AT_SEQUENCE_NUMBER", "SequenceNumber": "9" * 21},
        f"Invalid SequenceNumber: {'9' * 21}",
    ),
    (
        "GetShardIterator",
        {**GET, "ShardId": "x", "ShardIteratorType": "LATEST"},
        told("'x'", "shardId", SHORT + "28"),
    ),
    ("GetRecords", {}, told("null", "shardIterator", "not be null")),
    ("GetRecords", {"ShardIterator": "x"}, "Invalid ShardIterator"),
    ("GetRecords", {"ShardIterator": "{arn}|1|AAAA"}, "Invalid ShardIterator"),
]


def filled(value, parts):
    if isinstance(value, dict):
        return {name: filled(each, parts) for name, each in value.items()}
    return value.format(**parts) if isinstance(value, str) else value


@pytest.mark.parametrize("operation, members, text", CASES, ids=[c[2][-60:] for c in CASES])
def test_a_bad_request_is_refused(stream, operation, members, text):
    ask, parts = stream
    assert ask(operation, **filled(members, parts)) == ("ValidationException", text)


MISSING = [
    ("DescribeStream", {"StreamArn": NO_STREAM}, f"Stream: {NO_STREAM} not found"),
    (
        "GetShardIterator",
        {"StreamArn": NO_STREAM, "ShardId": NO_SHARD, "ShardIteratorType": "LATEST"},
        f"Stream: {NO_STREAM} not found",
    ),
    (
        "GetShardIterator",
        {"StreamArn": "{arn}", "ShardId": NO_SHARD, "ShardIteratorType": "LATEST"},
        f"Shard: {NO_SHARD} in Stream: {{arn}} not found",
    ),
]


@pytest.mark.parametrize("operation, members, what", MISSING)
def test_what_is_not_there(stream, operation, members, what):
    ask, parts = stream
    text = f"Requested resource not found: {what.format(**parts)}"
    assert ask(operation, **filled(members, parts)) == ("ResourceNotFoundException", text)


def test_what_is_not_there_and_no_error(stream):
    ask, parts = stream
    assert ask("ListStreams", TableName="no-such-table") == {"Streams": []}
    for more in (
        {"ExclusiveStartShardId": NO_SHARD},
        {"ShardFilter": {"Type": "CHILD_SHARDS", "ShardId": parts["shard"]}},
    ):
        told_of = ask("DescribeStream", StreamArn=parts["arn"], **more)["StreamDescription"]
        assert told_of["Shards"] == [] and "LastEvaluatedShardId" not in told_of
