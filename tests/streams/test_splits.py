"""Shards split as their table grows: two children, each with half of the parent's items."""

import json
import random

import pytest

from support.chain import (
    events_of, make_function, make_pipe, make_stream, make_table, put_number,
)
from support.wait import wait_until, whole_lines

from .conftest import Writers, by_key, read_line, read_shard, shards_of

KEYS = [f"k{i}" for i in range(40)]


@pytest.fixture
def growing(make_server):
    """A server whose clock stands, with a streamed table `orders`."""
    server = make_server("--segment-bytes", 64 << 10)
    server.arn = make_table(server, "orders")
    server.clock.hold()
    return server


def shards(server):
    return shards_of(server.client("dynamodbstreams"), server.arn)


def is_open(shard):
    return "EndingSequenceNumber" not in shard["SequenceNumberRange"]


def count_open(server):
    return sum(map(is_open, shards(server)))


def provision(server, writes):
    server.client("dynamodb").update_table(
        TableName="orders", BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": writes})


def grow(server, count):
    """Gives the table what takes so many partitions, and waits until it has them."""
    provision(server, 1000 * count)
    server.clock.advance(61)
    wait_until(lambda: count_open(server) == count, message="no shard was split")


@pytest.mark.parametrize("units, count", [((5, 5), 1), ((3000, 1000), 1), ((1, 1001), 2),
                                          ((9001, 1), 4), ((40000, 40000), 4), (None, 4)])
def test_a_new_stream_has_as_many_shards_as_its_table_needs(db, streams, fresh, units, count):
    name = fresh("units")
    billing = {"BillingMode": "PAY_PER_REQUEST"}
    if units:
        names = ("ReadCapacityUnits", "WriteCapacityUnits")
        billing = {"ProvisionedThroughput": dict(zip(names, units))}
    arn = db.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        **billing,
    )["TableDescription"]["LatestStreamArn"]
    for key in KEYS:
        db.put_item(TableName=name, Item={"id": {"S": key}})
    found = shards_of(streams, arn)
    assert len(found) == count
    read = [read_shard(streams, arn, shard["ShardId"]) for shard in found]
    assert all(read) and sum(map(len, read)) == len(KEYS)
    db.delete_table(TableName=name)


def test_the_one_shard_of_a_small_table_splits_when_its_table_grows(make_server):
    server = make_server()
    db, streams = server.client("dynamodb"), server.client("dynamodbstreams")
    server.arn = db.create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
    )["TableDescription"]["LatestStreamArn"]
    server.clock.hold()
    for round in range(2):
        for key in KEYS:
            db.put_item(TableName="orders", Item={"id": {"S": f"{round}{key}"}})
        if round == 0:
            db.update_table(TableName="orders", BillingMode="PAY_PER_REQUEST")
            for count in (2, 4):
                server.clock.advance(61)
                wait_until(
                    lambda count=count: count_open(server) == count, timeout=20,
                    message=lambda: f"{count_open(server)} shards are open",
                )
    read = [read_shard(streams, server.arn, shard["ShardId"]) for shard in shards(server)]
    assert sum(map(len, read)) == 2 * len(KEYS) and len(read[0]) == len(KEYS)


def put_all(server, number):
    for key in KEYS:
        put_number(server.client("dynamodb"), "orders", number, key)


def every_key(numbers):
    return {key: list(numbers) for key in KEYS}


def test_a_shard_is_closed_and_two_children_go_on(growing):
    streams = growing.client("dynamodbstreams")
    before = shards(growing)
    put_all(growing, 1)
    grow(growing, 8)
    put_all(growing, 2)
    listed = shards(growing)
    assert len({shard["ShardId"] for shard in listed}) == len(listed) == 12
    for parent in before:
        ids = [s["ShardId"] for s in listed if s.get("ParentShardId") == parent["ShardId"]]
        assert len(ids) == 2
        old = by_key(read_shard(streams, growing.arn, parent["ShardId"]))
        halves = [by_key(read_shard(streams, growing.arn, shard)) for shard in ids]
        assert all(halves) and not halves[0].keys() & halves[1].keys()
        assert halves[0].keys() | halves[1].keys() == old.keys()
        closed = next(s for s in listed if s["ShardId"] == parent["ShardId"])
        assert not is_open(closed)
        end = int(closed["SequenceNumberRange"]["EndingSequenceNumber"])
        for child in (s for s in listed if s["ShardId"] in ids):
            assert int(child["SequenceNumberRange"]["StartingSequenceNumber"]) >= end
    assert by_key(read_line(streams, growing.arn)) == every_key([1, 2])


def test_as_many_are_split_as_it_takes_and_none_is_merged(growing):
    grow(growing, 6)
    assert sum(not is_open(shard) for shard in shards(growing)) == 2
    provision(growing, 1000)
    growing.clock.advance(61)
    growing.clock.advance(0)
    assert count_open(growing) == 6
    grow(growing, 7)
    put_all(growing, 1)
    streams = growing.client("dynamodbstreams")
    assert by_key(read_line(streams, growing.arn)) == every_key([1])


def test_both_children_are_found_by_a_filter_and_in_pages(growing):
    parent = shards(growing)[0]["ShardId"]
    grow(growing, 8)

    def describe(**more):
        ask = {"StreamArn": growing.arn,
               "ShardFilter": {"Type": "CHILD_SHARDS", "ShardId": parent}, **more}
        return json.loads(growing.request(  # an older boto3 lacks ShardFilter
            "POST", "/", json.dumps(ask), {
                "Content-Type": "application/x-amz-json-1.0",
                "X-Amz-Target": "DynamoDBStreams_20120810.DescribeStream"})[2],
        )["StreamDescription"]

    found = [shard["ShardId"] for shard in describe()["Shards"]]
    assert len(found) == 2
    first = describe(Limit=1)
    assert [shard["ShardId"] for shard in first["Shards"]] == found[:1]
    rest = describe(Limit=1, ExclusiveStartShardId=first["LastEvaluatedShardId"])
    assert [shard["ShardId"] for shard in rest["Shards"]] == found[1:]
    assert "LastEvaluatedShardId" not in rest


def test_children_roll_and_split_again_and_survive_a_kill(growing):
    put_all(growing, 1)
    grow(growing, 8)
    put_all(growing, 2)
    growing.clock.advance(hours=4)
    growing.clock.advance(61)
    wait_until(lambda: sum(not is_open(shard) for shard in shards(growing)) == 12)
    put_all(growing, 3)
    grow(growing, 16)
    before = shards(growing)
    growing.kill9()
    growing.start()
    assert shards(growing) == before
    put_all(growing, 4)
    streams = growing.client("dynamodbstreams")
    assert by_key(read_line(streams, growing.arn)) == every_key([1, 2, 3, 4])


def test_a_stream_enabled_on_a_grown_table_has_its_shards(growing):
    db = growing.client("dynamodb")
    grow(growing, 8)
    db.update_table(TableName="orders", StreamSpecification={"StreamEnabled": False})
    growing.arn = db.update_table(TableName="orders", StreamSpecification={
        "StreamEnabled": True, "StreamViewType": "NEW_IMAGE",
    })["TableDescription"]["LatestStreamArn"]
    growing.clock.advance(61)
    wait_until(lambda: count_open(growing) == 8)
    put_all(growing, 1)
    streams = growing.client("dynamodbstreams")
    assert by_key(read_line(streams, growing.arn)) == every_key([1])


def test_a_pipe_follows_a_split_exactly_once(growing):
    make_pipe(growing, "pipe", growing.arn, make_stream(growing, "changes"))
    put_all(growing, 0)
    for number, count in enumerate([8, 16, 32], start=1):
        grow(growing, count)
        put_all(growing, number)
    total = 4 * len(KEYS)
    wait_until(lambda: growing.clock.advance(1) and len(events_of(growing, "changes")) >= total)
    assert by_key(events_of(growing, "changes")) == every_key(range(4))


def test_a_mapping_follows_a_split_in_order(growing, tmp_path):
    path = tmp_path / "events"
    put_all(growing, 0)
    grow(growing, 8)
    put_all(growing, 1)
    make_function(growing, "notes", (
        "import json\n\n\ndef handler(event, context):\n"
        f"    with open({str(path)!r}, 'a') as file:\n"
        "        file.write(''.join(json.dumps(r) + chr(10) for r in event['Records']))\n"))
    growing.client("lambda").create_event_source_mapping(
        EventSourceArn=growing.arn, FunctionName="notes", StartingPosition="TRIM_HORIZON")
    grow(growing, 16)
    put_all(growing, 2)

    def seen():
        growing.clock.advance(1)
        return [json.loads(line) for line in whole_lines(path)]

    wait_until(lambda: len(seen()) >= 3 * len(KEYS))
    assert by_key(seen()) == every_key(range(3))


def test_splits_amid_writers_and_kills_lose_nothing(growing):
    make_pipe(growing, "pipe", growing.arn, make_stream(growing, "changes"))
    random.seed(11)
    writers = Writers(growing)
    for count in (8, 16, 32):
        with writers.until_a_kill() as pause:
            grow(growing, count)
            pause(random.random() * 0.1)
        assert count_open(growing) == count

    writers.check_arrived("changes")
