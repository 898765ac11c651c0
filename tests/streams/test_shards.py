"""Shards roll: after four hours one that has records is closed and a child goes on."""

import json
import random

import pytest
from botocore.exceptions import ClientError

from support.chain import (
    events_of, make_function, make_pipe, make_stream, make_table, numbers_of, put_number,
)
from support.wait import wait_until, whole_lines

from .conftest import Writers, read_line, read_shard, shards_of

HOUR_S = 3600


@pytest.fixture
def rolling(make_server):
    """A server whose clock stands, with a streamed table `orders`."""
    server = make_server("--segment-bytes", 64 << 10)
    server.clock.hold()
    server.arn = make_table(server, "orders")
    return server


def shards(server):
    return shards_of(server.client("dynamodbstreams"), server.arn)


def is_closed(shard):
    return "EndingSequenceNumber" in shard["SequenceNumberRange"]


def children_of(server, shard_id):
    return [s for s in shards(server) if s.get("ParentShardId") == shard_id]


def busy(server):
    """The one shard that has records."""
    streams = server.client("dynamodbstreams")
    return next(s["ShardId"] for s in shards(server)
                if read_shard(streams, server.arn, s["ShardId"]))


def roll(server, hours=4):
    """Lets the hours pass and waits until every old shard with records has a child."""
    before = {shard["ShardId"] for shard in shards(server)}
    server.clock.advance(hours=hours)
    wait_until(lambda: {shard["ShardId"] for shard in shards(server)} - before,
               message="no shard rolled")


def numbers(records):
    return [int(r["dynamodb"]["NewImage"]["n"]["N"]) for r in records]


def test_a_shard_of_four_hours_is_closed_and_its_child_goes_on(rolling):
    db, streams = rolling.client("dynamodb"), rolling.client("dynamodbstreams")
    put_number(db, "orders", 1)
    parent = busy(rolling)
    rolling.clock.advance(4 * HOUR_S - 1)
    rolling.clock.advance(0)
    assert not any(is_closed(shard) for shard in shards(rolling))
    put_number(db, "orders", 2)
    rolling.clock.advance(61)
    child = wait_until(lambda: children_of(rolling, parent))[0]
    closed = next(s for s in shards(rolling) if s["ShardId"] == parent)
    assert is_closed(closed) and not is_closed(child)
    ends, starts = closed["SequenceNumberRange"], child["SequenceNumberRange"]
    assert int(starts["StartingSequenceNumber"]) >= int(ends["EndingSequenceNumber"])
    assert sum(is_closed(shard) for shard in shards(rolling)) == 1  # the others have no records
    put_number(db, "orders", 3)
    assert numbers(read_shard(streams, rolling.arn, child["ShardId"])) == [3]
    # The reply that carries the last records of the parent names no further iterator.
    iterator = streams.get_shard_iterator(
        StreamArn=rolling.arn, ShardId=parent, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    first = streams.get_records(ShardIterator=iterator, Limit=1)
    assert numbers(first["Records"]) == [1]
    last = streams.get_records(ShardIterator=first["NextShardIterator"], Limit=1)
    assert numbers(last["Records"]) == [2] and "NextShardIterator" not in last
    latest = streams.get_shard_iterator(
        StreamArn=rolling.arn, ShardId=parent, ShardIteratorType="LATEST")["ShardIterator"]
    page = streams.get_records(ShardIterator=latest)
    assert page["Records"] == [] and "NextShardIterator" not in page


def test_children_are_found_by_a_filter(rolling):
    put_number(rolling.client("dynamodb"), "orders", 1)
    parent = busy(rolling)
    ask = {"StreamArn": rolling.arn, "ShardFilter": {"Type": "CHILD_SHARDS", "ShardId": parent}}
    describe = lambda: json.loads(rolling.request(  # noqa: E731 (an older boto3 lacks ShardFilter)
        "POST", "/", json.dumps(ask), {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": "DynamoDBStreams_20120810.DescribeStream"})[2])
    assert describe()["StreamDescription"]["Shards"] == []
    roll(rolling)
    found = describe()["StreamDescription"]["Shards"]
    assert [shard["ParentShardId"] for shard in found] == [parent]


def test_a_line_of_shards_keeps_the_order_and_its_parents_vanish_after_24_hours(rolling):
    db = rolling.client("dynamodb")
    for number in range(8):
        put_number(db, "orders", number)
        roll(rolling, hours=5)
    # Closed 35, 30, 25 hours ago and sooner: those of 24 hours and more are gone.
    listed = shards(rolling)
    line = [shard for shard in listed if is_closed(shard)]
    assert len(line) == 5
    assert line[0]["ParentShardId"] not in {shard["ShardId"] for shard in listed}
    assert numbers(read_line(rolling.client("dynamodbstreams"), rolling.arn)) == [4, 5, 6, 7]
    with pytest.raises(ClientError) as gone:
        rolling.client("dynamodbstreams").get_shard_iterator(
            StreamArn=rolling.arn, ShardId=line[0]["ParentShardId"],
            ShardIteratorType="TRIM_HORIZON")
    assert gone.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_a_stream_that_rolled_is_disabled_whole(rolling):
    db = rolling.client("dynamodb")
    put_number(db, "orders", 1)
    roll(rolling)
    put_number(db, "orders", 2)
    db.update_table(TableName="orders", StreamSpecification={"StreamEnabled": False})
    assert all(is_closed(shard) for shard in shards(rolling))
    assert numbers(read_line(rolling.client("dynamodbstreams"), rolling.arn)) == [1, 2]
    rolling.kill9()
    rolling.start()
    assert numbers(read_line(rolling.client("dynamodbstreams"), rolling.arn)) == [1, 2]


def test_a_roll_survives_a_kill(rolling):
    db = rolling.client("dynamodb")
    put_number(db, "orders", 1)
    roll(rolling)
    before = shards(rolling)
    rolling.kill9()
    rolling.start()
    assert shards(rolling) == before
    put_number(rolling.client("dynamodb"), "orders", 2)
    assert numbers(read_line(rolling.client("dynamodbstreams"), rolling.arn)) == [1, 2]
    # What was written before a restart counts as well: the child has records.
    rolling.kill9()
    rolling.start()
    rolling.clock.advance(hours=4)
    child = next(s for s in before if not is_closed(s) and s.get("ParentShardId"))
    wait_until(lambda: children_of(rolling, child["ShardId"]))


@pytest.mark.parametrize("start", ["TRIM_HORIZON", "LATEST"])
def test_a_pipe_follows_the_children_exactly_once(rolling, start):
    """Also one that stood still while generations of shards came and went."""
    db, pipes = rolling.client("dynamodb"), rolling.client("pipes")
    for number in range(3):
        put_number(db, "orders", number)
        roll(rolling)
    make_pipe(rolling, "pipe", rolling.arn, make_stream(rolling, "changes"), start=start)
    rolling.client("kinesis").increase_stream_retention_period(
        StreamName="changes", RetentionPeriodHours=8760)
    sent = list(range(3)) if start == "TRIM_HORIZON" else []
    for number in range(3, 12):
        if number == 6:
            pipes.stop_pipe(Name="pipe")
            wait_until(lambda: pipes.describe_pipe(Name="pipe")["CurrentState"] == "STOPPED")
        if number == 9:
            pipes.start_pipe(Name="pipe")
        put_number(db, "orders", number)
        sent.append(number)
        roll(rolling)
        rolling.clock.advance(2)
    wait_until(lambda: rolling.clock.advance(1) and len(events_of(rolling, "changes")) >= len(sent))
    assert numbers_of(events_of(rolling, "changes")) == sent


def test_a_mapping_follows_generations_of_children_in_order(rolling, tmp_path):
    """From the oldest shard on, though all of them are there when it begins."""
    db, path = rolling.client("dynamodb"), tmp_path / "events"
    for number in range(4):
        put_number(db, "orders", number)
        roll(rolling)
    make_function(rolling, "notes", (
        "import json\n\n\ndef handler(event, context):\n"
        f"    with open({str(path)!r}, 'a') as file:\n"
        "        file.write(''.join(json.dumps(r) + chr(10) for r in event['Records']))\n"))
    rolling.client("lambda").create_event_source_mapping(
        EventSourceArn=rolling.arn, FunctionName="notes", StartingPosition="TRIM_HORIZON")
    put_number(db, "orders", 4)
    roll(rolling)
    put_number(db, "orders", 5)

    def seen():
        rolling.clock.advance(1)
        return numbers([json.loads(line) for line in whole_lines(path)])

    wait_until(lambda: len(seen()) >= 6)
    assert seen() == [0, 1, 2, 3, 4, 5]


def test_rolls_amid_writers_and_kills_lose_nothing(rolling):
    """Writers of their own items, days in seconds: each item's changes arrive once, in order."""
    make_pipe(rolling, "pipe", rolling.arn, make_stream(rolling, "changes"))
    random.seed(7)
    writers = Writers(rolling)
    for _ in range(3):
        with writers.until_a_kill() as pause:
            for _ in range(4):
                rolling.clock.advance(hours=1)
                pause(0.05)
            rolling.clock.advance(hours=random.choice([0, 1]))
            pause(random.random() * 0.1)
    assert any(is_closed(shard) for shard in shards(rolling))

    writers.check_arrived("changes")
