"""serve --shard-limits: a second's 1 MiB and 1,000 records into a shard, 2 MiB and 5 calls out."""

import pytest
from botocore.config import Config
from support.chain import ACCOUNT, refused

FIRST = "shardId-000000000000"
ENDS = ("0", str(2**128 - 1))  # hash keys of the first and of the last shard
ONCE = Config(retries={"max_attempts": 0})


def rate(index, name="s"):
    return f"Rate exceeded for shard shardId-{index:012d} in stream {name} under account {ACCOUNT}."


@pytest.fixture
def limited(make_server):
    server = make_server("--shard-limits")
    server.clock.hold()
    return server


@pytest.fixture
def kinesis(limited):
    kinesis = limited.client("kinesis", config=ONCE)
    kinesis.create_stream(StreamName="s", ShardCount=2)
    return kinesis


def put(kinesis, count, size=10, shard=0):
    record = {"Data": bytes(size), "PartitionKey": "k", "ExplicitHashKey": ENDS[shard]}
    return kinesis.put_records(StreamName="s", Records=[record] * count)


def iterator(kinesis, shard=FIRST):
    where = {"ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
    return kinesis.get_shard_iterator(StreamName="s", **where)["ShardIterator"]


def read(kinesis, at):
    return kinesis.get_records(ShardIterator=at)


def metric(server, name, **dimensions):
    now = server.clock.advance(ms=0) / 1000
    found = server.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Kinesis", MetricName=name, StartTime=now - 3600, EndTime=now + 60,
        Period=3600, Statistics=["Sum"],
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
    )["Datapoints"]  # fmt: skip
    return sum(point["Sum"] for point in found)


def test_a_shard_takes_a_thousand_records_a_second(limited, kinesis):
    assert put(kinesis, 500)["FailedRecordCount"] == 0
    assert put(kinesis, 499)["FailedRecordCount"] == 0
    reply = put(kinesis, 3)
    assert reply["FailedRecordCount"] == 2
    assert set(reply["Records"][0]) == {"ShardId", "SequenceNumber"}
    wanted = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": rate(0)}
    assert reply["Records"][1:] == [wanted] * 2
    text = refused(kinesis.put_record, "ProvisionedThroughputExceededException", StreamName="s",
                   Data=b"x", PartitionKey="k", ExplicitHashKey="0")  # fmt: skip
    assert text == rate(0)
    assert put(kinesis, 500, shard=1)["FailedRecordCount"] == 0  # each has its own
    limited.clock.advance(ms=10)
    assert put(kinesis, 20)["FailedRecordCount"] == 10
    limited.clock.advance(minutes=5)  # more than a second's worth is not saved up
    assert put(kinesis, 500)["FailedRecordCount"] + put(kinesis, 500)["FailedRecordCount"] == 0
    assert put(kinesis, 1)["FailedRecordCount"] == 1


def test_a_refused_record_is_not_kept_and_the_others_keep_their_order(limited, kinesis):
    put(kinesis, 500)
    put(kinesis, 498)
    limited.clock.advance(seconds=0)
    reply = kinesis.put_records(StreamName="s", Records=[
        {"Data": b"%d" % n, "PartitionKey": "k", "ExplicitHashKey": ENDS[n % 2]}
        for n in range(8)])  # fmt: skip
    assert ["ErrorCode" in r for r in reply["Records"]] == [
        False, False, False, False, True, False, True, False]  # fmt: skip
    for shard, wanted in ((0, [b"0", b"2"]), (1, [b"1", b"3", b"5", b"7"])):
        found = read(kinesis, iterator(kinesis, f"shardId-{shard:012d}"))["Records"]
        told = [r["SequenceNumber"] for r in reply["Records"]
                if r.get("ShardId") == f"shardId-{shard:012d}"]  # fmt: skip
        assert [r["Data"] for r in found][-len(wanted):] == wanted
        assert [r["SequenceNumber"] for r in found][-len(wanted):] == told


def test_a_shard_takes_a_mebibyte_a_second(limited, kinesis):
    assert put(kinesis, 1, size=(1 << 20) - 1)["FailedRecordCount"] == 0  # and the key's byte
    assert put(kinesis, 1, size=1)["FailedRecordCount"] == 1
    limited.clock.advance(ms=500)
    assert put(kinesis, 3, size=200_000)["FailedRecordCount"] == 1


def test_a_shard_answers_five_calls_a_second(limited, kinesis):
    at = iterator(kinesis)
    for _ in range(5):
        at = read(kinesis, at)["NextShardIterator"]
    text = refused(kinesis.get_records, "ProvisionedThroughputExceededException",
                   ShardIterator=at)  # fmt: skip
    assert text == rate(0)
    read(kinesis, iterator(kinesis, "shardId-000000000001"))
    limited.clock.advance(ms=200)
    read(kinesis, at)
    refused(kinesis.get_records, "ProvisionedThroughputExceededException", ShardIterator=at)


def test_a_page_of_ten_megabytes_is_paid_off_by_the_next_seconds(limited, kinesis):
    for _ in range(11):
        limited.clock.advance(seconds=1)
        put(kinesis, 1, size=(1 << 20) - 1)
    page = read(kinesis, iterator(kinesis))
    assert len(page["Records"]) == 10
    at = page["NextShardIterator"]
    for _ in range(4):
        refused(kinesis.get_records, "ProvisionedThroughputExceededException", ShardIterator=at)
        limited.clock.advance(seconds=1)
    limited.clock.advance(ms=1)
    assert len(read(kinesis, at)["Records"]) == 1


def test_what_was_exceeded_is_measured(limited, kinesis):
    kinesis.enable_enhanced_monitoring(StreamName="s", ShardLevelMetrics=["ALL"])
    put(kinesis, 500)
    put(kinesis, 500)
    put(kinesis, 7)
    at = iterator(kinesis)
    for _ in range(5):
        read(kinesis, at)
    refused(kinesis.get_records, "ProvisionedThroughputExceededException", ShardIterator=at)
    assert metric(limited, "WriteProvisionedThroughputExceeded", StreamName="s") == 7
    assert metric(limited, "ReadProvisionedThroughputExceeded", StreamName="s") == 1
    shard = {"StreamName": "s", "ShardId": FIRST}
    assert metric(limited, "WriteProvisionedThroughputExceeded", **shard) == 7
    assert metric(limited, "ReadProvisionedThroughputExceeded", **shard) == 1
    assert metric(limited, "PutRecords.ThrottledRecords", StreamName="s") == 7
    assert metric(limited, "PutRecords.SuccessfulRecords", StreamName="s") == 1000
    assert metric(limited, "PutRecords.TotalRecords", StreamName="s") == 1007
    assert metric(limited, "IncomingRecords", StreamName="s") == 1000


def test_a_larger_record_takes_the_seconds_it_is_worth(limited, kinesis):
    headers = {"Content-Type": "application/x-amz-json-1.1",
               "X-Amz-Target": "Kinesis_20131202.UpdateMaxRecordSize"}  # fmt: skip
    body = (f'{{"StreamARN": "arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/s", '
            '"MaxRecordSizeInKiB": 4096}')  # fmt: skip
    assert limited.request("POST", "/", body, headers)[0] == 200
    assert put(kinesis, 1, size=3 << 20)["FailedRecordCount"] == 0
    limited.clock.advance(seconds=2)
    assert put(kinesis, 1)["FailedRecordCount"] == 1
    limited.clock.advance(ms=1001)
    assert put(kinesis, 1)["FailedRecordCount"] == 0


def test_without_the_option_nothing_is_refused(server, client, fresh):
    kinesis = client("kinesis")
    name = fresh("ks")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    for _ in range(5):
        reply = kinesis.put_records(StreamName=name, Records=[
            {"Data": b"x", "PartitionKey": "k"}] * 500)  # fmt: skip
        assert reply["FailedRecordCount"] == 0
    kinesis.delete_stream(StreamName=name)
