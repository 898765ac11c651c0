"""A Kinesis stream as the source: the event, where to start, shards that split."""

import base64
import json
import time

from support import wait_until
from support.chain import ROLE, carried, make_pipe, make_stream, stream_records


def put(kinesis, stream, *numbers, key="k"):
    for n in numbers:
        kinesis.put_record(StreamName=stream, PartitionKey=key, Data=str(n).encode())


def numbers(server, stream):
    events = [json.loads(record["Data"]) for record in stream_records(server, stream)]
    return [int(base64.b64decode(event["data"])) for event in events]


def test_the_event_is_flat_and_its_data_base64(server, client, ends, pipe):
    it, to = ends(), ends()
    kinesis = client("kinesis")
    sent = kinesis.put_record(StreamName=it.stream, PartitionKey="k", Data=b'{"a":1}')
    it.source = it.target
    pipe(it, target=to.target, key="$.data.a")
    (record,) = carried(server, to, 1)
    assert record["PartitionKey"] == "1"
    event = json.loads(record["Data"])
    assert list(event) == [
        "kinesisSchemaVersion", "partitionKey", "sequenceNumber", "data",
        "approximateArrivalTimestamp", "eventSource", "eventVersion", "eventID", "eventName",
        "invokeIdentityArn", "awsRegion", "eventSourceARN",
    ]  # fmt: skip
    assert abs(event.pop("approximateArrivalTimestamp") - record[
        "ApproximateArrivalTimestamp"].timestamp()) < 60  # fmt: skip
    assert event == {
        "kinesisSchemaVersion": "1.0",
        "partitionKey": "k",
        "sequenceNumber": sent["SequenceNumber"],
        "data": base64.b64encode(b'{"a":1}').decode(),
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{sent['ShardId']}:{sent['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": ROLE,
        "awsRegion": "us-east-1",
        "eventSourceARN": it.target,
    }


def test_a_pipe_starts_at_the_horizon_at_the_end_or_at_a_time(server, client, ends, pipe):
    it, kinesis = ends(), client("kinesis")
    it.source = it.target
    put(kinesis, it.stream, 1, 2)
    # The SDK sends whole seconds.
    first = stream_records(server, it.stream)[-1]["ApproximateArrivalTimestamp"]
    # By the server's clock: one that a test has held is behind the real time.
    wait_until(lambda: server.clock.now_ms >= (int(first.timestamp()) + 1) * 1000)
    put(kinesis, it.stream, 3)
    at = stream_records(server, it.stream)[-1]["ApproximateArrivalTimestamp"]
    at = at.replace(microsecond=0)
    old, new, timed = ends(), ends(), ends()
    pipe(it, target=old.target, key="k", start="TRIM_HORIZON")
    pipe(it, target=new.target, key="k", start="LATEST")
    name = pipe(
        it, target=timed.target, key="k", start="AT_TIMESTAMP", StartingPositionTimestamp=at
    )
    shown = client("pipes").describe_pipe(Name=name)["SourceParameters"]
    assert shown["KinesisStreamParameters"]["StartingPositionTimestamp"] == at
    put(kinesis, it.stream, 4)
    for to, wanted in ((old, [1, 2, 3, 4]), (new, [4]), (timed, [3, 4])):
        carried(server, to, len(wanted))
        assert numbers(server, to.stream) == wanted


def test_the_children_of_a_split_follow_their_parent(server, client, ends, pipe):
    it, to, kinesis = ends(), ends(), client("kinesis")
    it.source = it.target
    pipe(it, target=to.target, key="one")
    put(kinesis, it.stream, *range(5))
    shard = kinesis.list_shards(StreamName=it.stream)["Shards"][0]
    kinesis.split_shard(
        StreamName=it.stream,
        ShardToSplit=shard["ShardId"],
        NewStartingHashKey=str(int(shard["HashKeyRange"]["EndingHashKey"]) // 2),
    )
    wait_until(
        lambda: kinesis.describe_stream_summary(StreamName=it.stream)[
            "StreamDescriptionSummary"
        ]["StreamStatus"]
        == "ACTIVE"
    )
    put(kinesis, it.stream, *range(5, 10))
    carried(server, to, 10)
    assert numbers(server, to.stream) == list(range(10))


def split(kinesis, stream):
    """Splits the last open shard in the middle of its first half's end."""
    shard = [s for s in kinesis.list_shards(StreamName=stream)["Shards"]
             if "EndingSequenceNumber" not in s["SequenceNumberRange"]][0]  # fmt: skip
    low, high = (int(shard["HashKeyRange"][f"{n}HashKey"]) for n in ("Starting", "Ending"))
    kinesis.split_shard(
        StreamName=stream,
        ShardToSplit=shard["ShardId"],
        NewStartingHashKey=str((low + high) // 2 + 1),
    )
    wait_until(
        lambda: kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"][
            "StreamStatus"
        ]
        == "ACTIVE"
    )


def test_a_grandchild_waits_for_its_parent_s_parent(server, client, pipes, ends, pipe):
    it, to, kinesis = ends(), ends(), client("kinesis")
    it.source = it.target
    for generation in range(3):
        for n in range(20):
            kinesis.put_record(
                StreamName=it.stream, PartitionKey="k", ExplicitHashKey="0",
                Data=str(generation * 20 + n).encode(),
            )  # fmt: skip
        if generation < 2:
            split(kinesis, it.stream)
    pipe(it, target=to.target, key="one", BatchSize=1)
    carried(server, to, 60)
    assert numbers(server, to.stream) == list(range(60))


def test_a_source_that_is_deleted_stops_the_pipe_for_good(server, client, pipes, ends, pipe):
    it, to = ends(), ends()
    it.source = it.target
    name = pipe(it, target=to.target, key="k")
    client("kinesis").delete_stream(StreamName=it.stream)
    wait_until(lambda: pipes.describe_pipe(Name=name)["CurrentState"] == "STOPPED")
    assert pipes.describe_pipe(Name=name)["StateReason"] == (
        "Stream not found. To resume processing please delete the pipe and create a new one."
    )


def test_both_kinds_go_on_after_a_kill(own_server):
    source, target = make_stream(own_server, "from", 2), make_stream(own_server, "to")
    make_pipe(own_server, "copy", source, target, key="$.partitionKey", ParallelizationFactor=2)
    for start in (0, 5):
        put(own_server.client("kinesis"), "from", *range(start, start + 5))
        own_server.kill9()
        own_server.start()
        wait_until(lambda: len(stream_records(own_server, "to")) >= start + 5)
        assert sorted(numbers(own_server, "to")) == list(range(start + 5))
