"""How long a stream keeps its records: RetentionPeriodHours, live, to the millisecond."""

import pytest

from support.chain import ACCOUNT, make_stream, refused, shard_records, status_of
from support.wait import wait_until

HOUR_S = 3600
SHARD = "shardId-000000000000"


@pytest.fixture
def small(make_server):
    server = make_server("--segment-bytes", 64 << 10)
    make_stream(server, "events")
    server.clock.hold()
    return server


def put(server, text, stream="events"):
    return server.client("kinesis").put_record(
        StreamName=stream, PartitionKey="k", Data=text)["SequenceNumber"]


def left(server, stream="events", **where):
    return [r["Data"][:8].decode() for r in shard_records(server, stream, SHARD, **where)]


def test_a_record_leaves_when_its_retention_period_is_over(small):
    first = put(small, b"one")
    began_ms = small.clock.advance(ms=1)
    put(small, b"two")
    small.clock.set_ms(began_ms - 1 + 24 * HOUR_S * 1000)
    assert left(small) == ["one", "two"]
    early = small.client("kinesis").get_shard_iterator(
        StreamName="events", ShardId=SHARD, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    small.clock.advance(ms=1)
    assert left(small) == ["two"]
    # Both an iterator from before and a number that has gone begin with what is left.
    page = small.client("kinesis").get_records(ShardIterator=early)
    assert [record["Data"] for record in page["Records"]] == [b"two"]
    assert left(small, iterator="AT_SEQUENCE_NUMBER", StartingSequenceNumber=first) == ["two"]
    assert left(small, iterator="AT_TIMESTAMP", Timestamp=(began_ms - 1000) / 1000) == ["two"]
    small.clock.advance(ms=1)
    assert left(small) == []


def test_the_period_is_raised_and_lowered_live(small):
    kinesis = small.client("kinesis")
    put(small, b"old")
    kinesis.increase_stream_retention_period(StreamName="events", RetentionPeriodHours=8760)
    small.clock.advance(hours=8759)
    assert left(small) == ["old"]
    put(small, b"young")
    kinesis.decrease_stream_retention_period(StreamName="events", RetentionPeriodHours=48)
    assert left(small) == ["young"]


def test_the_journal_is_kept_for_the_longest_period_and_no_longer(small):
    kinesis = small.client("kinesis")
    make_stream(small, "long")
    kinesis.increase_stream_retention_period(StreamName="long", RetentionPeriodHours=72)
    put(small, b"kept", "long")
    for _ in range(8):
        put(small, b"x" * 40000)
    journal = lambda: status_of(small)["journal"]  # noqa: E731
    assert journal()["segments"] > 4
    small.clock.advance(hours=71)
    assert left(small, "long") == ["kept"] and left(small) == []
    assert journal()["segments"] > 4
    kinesis.decrease_stream_retention_period(StreamName="long", RetentionPeriodHours=24)
    small.clock.advance(61)
    wait_until(lambda: journal()["segments"] <= 2)
    assert left(small, "long") == left(small) == []


def test_a_closed_shard_leaves_with_its_last_record(small):
    kinesis = small.client("kinesis")
    put(small, b"parent")
    kinesis.split_shard(StreamName="events", ShardToSplit=SHARD,
                        NewStartingHashKey=str(2**127))
    wait_until(lambda: kinesis.describe_stream_summary(StreamName="events")[
        "StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE")
    small.clock.advance(hours=24)
    assert len(kinesis.list_shards(StreamName="events")["Shards"]) == 3
    small.clock.advance(ms=1)
    shards = kinesis.list_shards(StreamName="events")["Shards"]
    assert [shard.get("ParentShardId") for shard in shards] == [SHARD, SHARD]
    described = kinesis.describe_stream(StreamName="events")["StreamDescription"]["Shards"]
    assert [shard["ShardId"] for shard in described] == [shard["ShardId"] for shard in shards]
    text = refused(kinesis.get_shard_iterator, "ResourceNotFoundException", StreamName="events",
                   ShardId=SHARD, ShardIteratorType="TRIM_HORIZON")  # fmt: skip
    assert text == f"Shard {SHARD} in stream events under account {ACCOUNT} does not exist"
