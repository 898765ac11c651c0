"""The life of streams, their shards and iterators."""

import re

import pytest
from botocore.exceptions import ClientError
from support import wait_until

from .conftest import read_shard, read_stream, shards_of

CODE = "ResourceNotFoundException"


def put(db, name, key, **members):
    db.put_item(TableName=name, Item={"id": {"S": key}, **members})


def busy_shard(streams, arn):
    """The first shard that has records."""
    ids = [shard["ShardId"] for shard in shards_of(streams, arn)]
    return next(i for i in ids if read_shard(streams, arn, i))


def refuse(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_stream_is_described(db, streams, streamed):
    name, arn = streamed("NEW_IMAGE")
    label = arn.rsplit("/", 1)[1]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}", label)
    assert arn == f"arn:aws:dynamodb:us-east-1:000000000000:table/{name}/stream/{label}"
    table = db.describe_table(TableName=name)["Table"]
    assert table["LatestStreamArn"] == arn and table["LatestStreamLabel"] == label
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    stream = streams.describe_stream(StreamArn=arn)["StreamDescription"]
    shards = stream.pop("Shards")
    created = stream.pop("CreationRequestDateTime")
    assert created.year >= 2024
    assert stream == {
        "StreamArn": arn,
        "StreamLabel": label,
        "StreamStatus": "ENABLED",
        "StreamViewType": "NEW_IMAGE",
        "TableName": name,
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    }
    for shard in shards:
        assert 28 <= len(shard["ShardId"]) <= 65
        assert set(shard) == {"ShardId", "SequenceNumberRange"}
        assert set(shard["SequenceNumberRange"]) == {"StartingSequenceNumber"}
    assert {"StreamArn": arn, "TableName": name, "StreamLabel": label} in streams.list_streams(
        TableName=name
    )["Streams"]
    assert streams.list_streams(TableName="nowhere")["Streams"] == []


def test_shards_are_described_in_pages(streams, streamed):
    _, arn = streamed("KEYS_ONLY")
    ids = [shard["ShardId"] for shard in shards_of(streams, arn)]
    seen, start = [], {}
    while True:
        page = streams.describe_stream(StreamArn=arn, Limit=1, **start)["StreamDescription"]
        seen += [shard["ShardId"] for shard in page["Shards"]]
        if "LastEvaluatedShardId" not in page:
            break
        start = {"ExclusiveStartShardId": page["LastEvaluatedShardId"]}
    assert seen == ids
    unknown = "shardId-00000000000000000000-00000000"
    page = streams.describe_stream(StreamArn=arn, ExclusiveStartShardId=unknown)
    assert page["StreamDescription"]["Shards"] == []


def test_streams_are_listed_in_pages(own_server):
    db, streams = own_server.client("dynamodb"), own_server.client("dynamodbstreams")
    for i in range(5):
        db.create_table(
            TableName=f"table{i}",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        )
    seen, start = [], {}
    while True:
        page = streams.list_streams(Limit=2, **start)
        seen += [stream["TableName"] for stream in page["Streams"]]
        if "LastEvaluatedStreamArn" not in page:
            break
        start = {"ExclusiveStartStreamArn": page["LastEvaluatedStreamArn"]}
    assert seen == [f"table{i}" for i in range(5)]


def test_iterators_start_where_they_say(db, streams, streamed):
    name, arn = streamed("NEW_IMAGE")
    for i in range(10):
        put(db, name, "k", n={"N": str(i)})
    shard = busy_shard(streams, arn)

    def numbers(records):
        return [int(record["dynamodb"]["NewImage"]["n"]["N"]) for record in records]

    records = read_shard(streams, arn, shard)
    assert numbers(records) == list(range(10))
    at = records[4]["dynamodb"]["SequenceNumber"]
    assert numbers(
        read_shard(streams, arn, shard, "AT_SEQUENCE_NUMBER", SequenceNumber=at)
    ) == list(range(4, 10))
    assert numbers(
        read_shard(streams, arn, shard, "AFTER_SEQUENCE_NUMBER", SequenceNumber=at)
    ) == list(range(5, 10))
    start = next(s for s in shards_of(streams, arn) if s["ShardId"] == shard)
    start = start["SequenceNumberRange"]["StartingSequenceNumber"]
    assert numbers(
        read_shard(streams, arn, shard, "AT_SEQUENCE_NUMBER", SequenceNumber=start)
    ) == list(range(10))
    latest = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="LATEST")[
        "ShardIterator"
    ]
    assert latest.startswith(arn + "|1|")
    assert streams.get_records(ShardIterator=latest)["Records"] == []
    put(db, name, "k", n={"N": "10"})
    for _ in range(2):  # an iterator may be used again
        page = streams.get_records(ShardIterator=latest)
        assert numbers(page["Records"]) == [10]
    assert streams.get_records(ShardIterator=page["NextShardIterator"])["Records"] == []


def test_pages_of_records_join(db, streams, streamed):
    name, arn = streamed("NEW_IMAGE")
    for i in range(25):
        put(db, name, "k", n={"N": str(i)})
    shard = busy_shard(streams, arn)
    iterator = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    sizes = []
    while True:
        page = streams.get_records(ShardIterator=iterator, Limit=10)
        if not page["Records"]:
            break
        sizes.append(len(page["Records"]))
        iterator = page["NextShardIterator"]
    assert sizes == [10, 10, 5]


def test_a_disabled_stream_stays_readable_and_ends(db, streams, streamed):
    name, arn = streamed("NEW_IMAGE")
    for i in range(8):
        put(db, name, f"k{i}")
    reply = db.update_table(TableName=name, StreamSpecification={"StreamEnabled": False})
    assert reply["TableDescription"]["TableStatus"] == "UPDATING"
    put(db, name, "later")
    table = db.describe_table(TableName=name)["Table"]
    assert table["TableStatus"] == "ACTIVE" and "StreamSpecification" not in table
    assert table["LatestStreamArn"] == arn
    stream = streams.describe_stream(StreamArn=arn)["StreamDescription"]
    assert stream["StreamStatus"] == "DISABLED"
    seen = 0
    for shard in stream["Shards"]:
        ends = shard["SequenceNumberRange"]
        assert int(ends["EndingSequenceNumber"]) >= int(ends["StartingSequenceNumber"])
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        page = streams.get_records(ShardIterator=iterator)
        seen += len(page["Records"])
        assert "NextShardIterator" not in page
    assert seen == 8
    db.update_table(
        TableName=name,
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    )
    new = db.describe_table(TableName=name)["Table"]["LatestStreamArn"]
    assert new != arn
    put(db, name, "after")
    assert [r["dynamodb"]["Keys"]["id"]["S"] for r in read_stream(streams, new)] == ["after"]
    assert len(streams.list_streams(TableName=name)["Streams"]) == 2


def test_a_stream_cannot_be_enabled_or_disabled_twice(db, streamed):
    name, _ = streamed("NEW_IMAGE")
    on = {"StreamEnabled": True, "StreamViewType": "OLD_IMAGE"}
    assert refuse(db.update_table, TableName=name, StreamSpecification=on) == (
        "ValidationException",
        f"Table already has an enabled stream: TableName: {name}",
    )
    db.update_table(TableName=name, StreamSpecification={"StreamEnabled": False})
    assert refuse(
        db.update_table, TableName=name, StreamSpecification={"StreamEnabled": False}
    ) == ("ValidationException", f"Table has no stream to disable: TableName: {name}")


def test_the_stream_of_a_deleted_table_stays_readable(db, streams, fresh):
    name = fresh("gone")
    arn = db.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]["LatestStreamArn"]
    put(db, name, "k")
    db.delete_table(TableName=name)
    assert [record["eventName"] for record in read_stream(streams, arn)] == ["INSERT"]
    stream = streams.describe_stream(StreamArn=arn)["StreamDescription"]
    assert stream["StreamStatus"] == "DISABLED"


def test_bad_requests_are_refused(db, streams, streamed):
    name, arn = streamed("NEW_IMAGE")
    missing = arn[:-3] + "999" if not arn.endswith("999") else arn[:-3] + "000"
    shard = shards_of(streams, arn)[0]["ShardId"]
    text = f"Requested resource not found: Stream: {missing} not found"
    assert refuse(streams.describe_stream, StreamArn=missing) == (CODE, text)
    get = streams.get_shard_iterator
    assert refuse(
        get, StreamArn=missing, ShardId=shard, ShardIteratorType="LATEST"
    ) == (CODE, text)
    unknown = "shardId-00000000000000000000-00000000"
    code, _ = refuse(get, StreamArn=arn, ShardId=unknown, ShardIteratorType="LATEST")
    assert code == CODE
    for arguments in (
        {"ShardIteratorType": "AT_SEQUENCE_NUMBER"},
        {"ShardIteratorType": "LATEST", "SequenceNumber": "1" * 21},
        {"ShardIteratorType": "SIDEWAYS"},
    ):
        code, _ = refuse(get, StreamArn=arn, ShardId=shard, **arguments)
        assert code == "ValidationException"
    code, _ = refuse(
        get, StreamArn="x" * 40, ShardId=shard, ShardIteratorType="LATEST"
    )
    assert code == "ValidationException"
    good = get(StreamArn=arn, ShardId=shard, ShardIteratorType="LATEST")["ShardIterator"]
    for iterator in ("nonsense", good[:-4] + "AAAA", good + "x"):
        code, _ = refuse(streams.get_records, ShardIterator=iterator)
        assert code == "ValidationException"
    code, _ = refuse(streams.get_records, ShardIterator=good, Limit=1001)
    assert code == "ValidationException"
    assert (
        refuse(
            get,
            StreamArn=arn,
            ShardId=shard,
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            SequenceNumber="000000000000000000001",
        )[0]
        == "TrimmedDataAccessException"
    )


def test_streams_and_records_survive_kill_9(own_server):
    db, streams = own_server.client("dynamodb"), own_server.client("dynamodbstreams")
    arn = db.create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]["LatestStreamArn"]
    for i in range(40):
        put(db, "orders", f"k{i % 7}", n={"N": str(i)})
    before = read_stream(streams, arn)
    own_server.kill9()
    own_server.start()
    db, streams = own_server.client("dynamodb"), own_server.client("dynamodbstreams")
    assert read_stream(streams, arn) == before
    put(db, "orders", "k0", n={"N": "100"})
    after = wait_until(lambda: read_stream(streams, arn)[40:])
    assert after[0]["eventName"] == "MODIFY"
    assert after[0]["dynamodb"]["OldImage"]["n"] == {"N": "35"}


def test_the_command_line_lists_streams(aws, streamed):
    name, arn = streamed("NEW_IMAGE")
    listed = aws("dynamodbstreams", "list-streams", "--table-name", name).json["Streams"]
    assert listed[0]["StreamArn"] == arn
