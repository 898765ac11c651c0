"""What a stream keeps, to the millisecond; what the journal keeps, to the segment."""

import json
import random
import threading

import pytest
from botocore.exceptions import ClientError

from support.chain import (
    events_of, lines_of, make_delivery, make_pipe, make_stream, make_table, numbers_of, put_number,
    status_of,
)
from support.wait import wait_until

from .conftest import read_shard, read_stream, shards_of

DAY_S = 86400
SEGMENT = 64 << 10
PAD = {"S": "x" * 8000}


@pytest.fixture
def small(make_server):
    """A server whose journal has small segments."""
    return make_server("--segment-bytes", SEGMENT)


def fill(server, table, segments):
    """Grows the journal by so many segments, by changes of one item that nobody tells apart."""
    for i in range(segments * SEGMENT // 8000):
        server.client("dynamodb").put_item(
            TableName=table, Item={"id": {"S": "pad"}, "n": {"N": str(i)}, "pad": PAD})


def plain_table(server, name="plain"):
    """A table without a stream."""
    server.client("dynamodb").create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])
    return name


def journal_of(server):
    return status_of(server)["journal"]


def files_of(server):
    return sorted(path.name for path in (server.data / "journal").glob("*.log"))


def wait_for_drop(server, most, held_by=None):
    """Until the journal has at most so many segments."""
    wait_until(lambda: journal_of(server)["segments"] <= most,
               message=lambda: f"{journal_of(server)}")
    assert len(files_of(server)) <= most + 1  # the next one may be prepared already
    if held_by:
        assert journal_of(server)["held_by"] == held_by


def iterator_of(server, arn, shard, kind="TRIM_HORIZON", **more):
    return server.client("dynamodbstreams").get_shard_iterator(
        StreamArn=arn, ShardId=shard, ShardIteratorType=kind, **more)["ShardIterator"]


def refused(call, code, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == code, caught.value
    return caught.value.response["Error"]["Message"]


def shard_of_records(server, arn):
    """The one shard that has records."""
    streams = server.client("dynamodbstreams")
    return next(shard["ShardId"] for shard in shards_of(streams, arn)
                if read_shard(streams, arn, shard["ShardId"]))


def test_a_record_is_there_for_24_hours_and_not_a_millisecond_longer(own_server):
    db, streams = own_server.client("dynamodb"), own_server.client("dynamodbstreams")
    arn = make_table(own_server, "orders")
    clock = own_server.clock
    first_ms = clock.hold()
    put_number(db, "orders", 1)
    clock.advance(ms=1)
    put_number(db, "orders", 2)
    shard = shard_of_records(own_server, arn)
    numbers = [r["dynamodb"]["SequenceNumber"] for r in read_shard(streams, arn, shard)]
    clock.set_ms(first_ms + DAY_S * 1000)
    before = iterator_of(own_server, arn, shard)
    at_first = iterator_of(own_server, arn, shard, "AT_SEQUENCE_NUMBER", SequenceNumber=numbers[0])
    assert len(streams.get_records(ShardIterator=before)["Records"]) == 2
    clock.advance(ms=1)
    assert [r["dynamodb"]["NewImage"]["n"]["N"] for r in read_shard(streams, arn, shard)] == ["2"]
    for iterator in (before, at_first):  # got in time, used too late
        refused(streams.get_records, "TrimmedDataAccessException", ShardIterator=iterator)
    for kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
        refused(streams.get_shard_iterator, "TrimmedDataAccessException", StreamArn=arn,
                ShardId=shard, ShardIteratorType=kind, SequenceNumber=numbers[0])
    assert len(read_shard(streams, arn, shard, "AT_SEQUENCE_NUMBER",
                          SequenceNumber=numbers[1])) == 1
    clock.advance(ms=1)
    assert read_shard(streams, arn, shard) == []
    put_number(db, "orders", 3)
    assert len(read_stream(streams, arn)) == 1


def test_a_disabled_stream_is_there_for_24_hours(own_server):
    db, streams = own_server.client("dynamodb"), own_server.client("dynamodbstreams")
    arn = make_table(own_server, "orders")
    put_number(db, "orders", 1)
    own_server.clock.hold()
    db.update_table(TableName="orders", StreamSpecification={"StreamEnabled": False})
    own_server.clock.advance(DAY_S - 1)
    assert streams.list_streams()["Streams"][0]["StreamArn"] == arn
    own_server.clock.advance(1)
    assert streams.list_streams()["Streams"] == []
    refused(streams.describe_stream, "ResourceNotFoundException", StreamArn=arn)


def test_a_list_goes_on_behind_a_stream_that_has_gone(own_server):
    db, streams = own_server.client("dynamodb"), own_server.client("dynamodbstreams")
    arns = []
    for name in ("one", "two", "three"):
        own_server.clock.advance(1)
        arns.append(make_table(own_server, name))
    page = streams.list_streams(Limit=2)
    assert page["LastEvaluatedStreamArn"] == arns[1]
    db.update_table(TableName="two", StreamSpecification={"StreamEnabled": False})
    own_server.clock.advance(DAY_S + 1)
    listed = streams.list_streams()["Streams"]
    assert [stream["StreamArn"] for stream in listed] == [arns[0], arns[2]]
    rest = streams.list_streams(ExclusiveStartStreamArn=arns[1])["Streams"]
    assert [stream["StreamArn"] for stream in rest] == [arns[2]]
    with pytest.raises(ClientError, match="Invalid StreamArn: " + "x" * 40):
        streams.list_streams(ExclusiveStartStreamArn="x" * 40)


def test_the_journal_shrinks_when_nobody_needs_it(small):
    table = plain_table(small)
    fill(small, table, 8)
    assert journal_of(small)["segments"] > 6
    small.clock.advance(61)
    wait_for_drop(small, 2)
    small.kill9()
    small.start()
    item = small.client("dynamodb").get_item(TableName=table, Key={"id": {"S": "pad"}})["Item"]
    assert item["pad"] == PAD


def test_a_stream_holds_the_journal_for_24_hours(small):
    db = small.client("dynamodb")
    arn, plain = make_table(small, "orders"), plain_table(small)
    fill(small, plain, 4)
    small.clock.hold()
    for i in range(3):
        put_number(db, "orders", i)
    fill(small, plain, 4)
    # What lies before the stream began is of no use; what came after is.
    small.clock.advance(DAY_S - 120)
    wait_until(lambda: journal_of(small)["held_by"] == "table streams")
    assert len(read_stream(small.client("dynamodbstreams"), arn)) == 3
    assert journal_of(small)["segments"] > 4
    small.clock.advance(240)
    wait_for_drop(small, 2)
    assert read_stream(small.client("dynamodbstreams"), arn) == []
    assert db.scan(TableName="orders", Select="COUNT")["Count"] == 1
    put_number(db, "orders", 9)
    assert len(read_stream(small.client("dynamodbstreams"), arn)) == 1


def test_a_pipe_that_cannot_move_loses_nothing(small):
    """Its target is gone for two days; afterwards every change arrives, once."""
    db, kinesis = small.client("dynamodb"), small.client("kinesis")
    plain = plain_table(small)
    fill(small, plain, 3)
    arn = make_table(small, "orders")
    target = make_stream(small, "changes")
    make_pipe(small, "pipe", arn, target)
    put_number(db, "orders", 0)
    wait_until(lambda: len(events_of(small, "changes")) == 1)
    kinesis.delete_stream(StreamName="changes")
    wait_until(lambda: status_of(small)["pipes"][0]["reason"])
    for i in range(1, 6):
        put_number(db, "orders", i)
        fill(small, plain, 1)
    small.clock.advance(2 * DAY_S)
    wait_until(lambda: journal_of(small)["held_by"] == "pipes")
    assert journal_of(small)["segments"] > 4
    small.kill9()
    small.start()
    make_stream(small, "changes")
    wait_until(lambda: len(events_of(small, "changes")) >= 5)
    assert numbers_of(events_of(small, "changes")) == [1, 2, 3, 4, 5]
    # The changes just carried are the Kinesis stream's now, for a day.
    small.clock.advance(DAY_S + 120)
    fill(small, plain, 1)
    small.clock.advance(61)
    wait_for_drop(small, 3)


def test_a_stopped_pipe_holds_nothing_beyond_24_hours(small):
    arn, plain = make_table(small, "orders"), plain_table(small)
    make_pipe(small, "pipe", arn, make_stream(small, "changes"))
    pipes = small.client("pipes")
    pipes.stop_pipe(Name="pipe")
    wait_until(lambda: pipes.describe_pipe(Name="pipe")["CurrentState"] == "STOPPED")
    put_number(small.client("dynamodb"), "orders", 1)
    fill(small, plain, 4)
    small.clock.advance(DAY_S + 120)
    wait_for_drop(small, 2)
    put_number(small.client("dynamodb"), "orders", 2)
    pipes.start_pipe(Name="pipe")
    wait_until(lambda: numbers_of(events_of(small, "changes")) == [2])


def test_a_delivery_that_cannot_land_loses_nothing(small):
    """There is no bucket for three days; then every record is there, once."""
    plain = plain_table(small)
    fill(small, plain, 3)
    make_delivery(small, "delivery", "lake")
    firehose, s3 = small.client("firehose"), small.client("s3")
    for i in range(5):
        firehose.put_record(DeliveryStreamName="delivery",
                            Record={"Data": json.dumps({"n": i}).encode() + b"\n"})
        fill(small, plain, 1)
    small.clock.advance(3 * DAY_S)
    wait_until(lambda: journal_of(small)["held_by"] == "deliveries")
    assert journal_of(small)["segments"] > 4
    small.kill9()
    small.start()
    s3.create_bucket(Bucket="lake")
    wait_until(lambda: len(lines_of(small, "lake")) >= 5)
    assert sorted(row["n"] for row in lines_of(small, "lake")) == [0, 1, 2, 3, 4]
    fill(small, plain, 1)
    wait_until(lambda: small.clock.advance(61) and journal_of(small)["segments"] <= 3)


@pytest.mark.parametrize("seed", [1, 2])
def test_kills_while_the_journal_is_let_go_lose_nothing(small, seed):
    """Changes of one item go through a pipe while days pass and the process is killed: all arrive
    in order, once, and the journal stays short."""
    random.seed(seed)
    db = small.client("dynamodb")
    arn, plain = make_table(small, "orders"), plain_table(small)
    make_pipe(small, "pipe", arn, make_stream(small, "changes"))
    s3 = small.client("s3")
    s3.create_bucket(Bucket="lake")
    # A start after a kill may land two records in one object; nothing else would part them.
    make_delivery(small, "delivery", "lake",
                  source="arn:aws:kinesis:us-east-1:000000000000:stream/changes",
                  processors=[{"Type": "AppendDelimiterToRecord"}])
    sent = 0
    for _ in range(4):
        for _ in range(3):
            put_number(db, "orders", sent)
            sent += 1
            fill(small, plain, 1)
        small.clock.advance(hours=13)
        killer = threading.Timer(random.random() * 0.05, small.process.kill)
        killer.start()
        small.process.wait()
        killer.join()
        small.start()
        small.check_log()
    wait_until(lambda: len(lines_of(small, "lake")) >= sent)
    rows = sorted(lines_of(small, "lake"),
                  key=lambda row: int(row["dynamodb"]["SequenceNumber"]))
    assert numbers_of(rows) == list(range(sent))
    fill(small, plain, 1)
    wait_until(lambda: small.clock.advance(hours=25) and journal_of(small)["segments"] <= 3)
