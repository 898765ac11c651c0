"""Streams and shards: made, described, listed, deleted."""

import re

from support import wait_until
from support.chain import ACCOUNT, refused, shard_records, unchecked

MAX_HASH = 2**128 - 1


def test_a_description_has_exactly_what_aws_shows(kinesis, stream):
    name = stream(1)
    found = kinesis.describe_stream(StreamName=name)["StreamDescription"]
    created = found.pop("StreamCreationTimestamp")
    assert created.timestamp() > 0
    shard = found["Shards"][0]
    assert re.fullmatch("49[0-9]{54}", shard["SequenceNumberRange"]["StartingSequenceNumber"])
    assert found == {
        "StreamName": name,
        "StreamARN": f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/{name}",
        "StreamStatus": "ACTIVE",
        "StreamModeDetails": {"StreamMode": "PROVISIONED"},
        "Shards": [
            {
                "ShardId": "shardId-000000000000",
                "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": str(MAX_HASH)},
                "SequenceNumberRange": shard["SequenceNumberRange"],
            }
        ],
        "HasMoreShards": False,
        "RetentionPeriodHours": 24,
        "EnhancedMonitoring": [{"ShardLevelMetrics": []}],
        "EncryptionType": "NONE",
    }
    summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert summary["OpenShardCount"] == 1
    assert summary["ConsumerCount"] == 0
    assert "Shards" not in summary
    by_arn = kinesis.describe_stream(StreamName=name)["StreamDescription"]
    assert by_arn["StreamCreationTimestamp"] == created


def test_shards_cut_the_hash_space_into_equal_parts(kinesis, stream):
    for count in (2, 3, 7):
        shards = kinesis.describe_stream(StreamName=stream(count))["StreamDescription"]["Shards"]
        width = 2**128 // count
        ranges = [
            (int(s["HashKeyRange"]["StartingHashKey"]), int(s["HashKeyRange"]["EndingHashKey"]))
            for s in shards
        ]
        wanted = [(i * width, (i + 1) * width - 1) for i in range(count)]
        wanted[-1] = (wanted[-1][0], MAX_HASH)
        assert ranges == wanted
        assert [s["ShardId"] for s in shards] == [f"shardId-{i:012}" for i in range(count)]


def test_neither_mode_nor_count_gives_four_shards_on_demand(server, fresh):
    kinesis = unchecked(server, "kinesis")
    name = fresh("ks")
    kinesis.create_stream(StreamName=name)
    found = kinesis.describe_stream(StreamName=name)["StreamDescription"]
    assert found["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert len(found["Shards"]) == 4
    kinesis.delete_stream(StreamName=name)


def test_errors_have_the_words_of_aws(kinesis, stream, fresh):
    name = stream(1)
    text = refused(kinesis.create_stream, "ResourceInUseException", StreamName=name, ShardCount=1)
    assert text == f"Stream {name} under account {ACCOUNT} already exists."
    missing = fresh("ks")
    wanted = f"Stream {missing} under account {ACCOUNT} not found."
    for call, more in (
        (kinesis.describe_stream, {}),
        (kinesis.describe_stream_summary, {}),
        (kinesis.list_shards, {}),
        (kinesis.delete_stream, {}),
        (kinesis.put_record, {"Data": b"", "PartitionKey": "k"}),
        (kinesis.get_shard_iterator, {"ShardId": "shardId-000000000000",
                                      "ShardIteratorType": "LATEST"}),
    ):  # fmt: skip
        assert refused(call, "ResourceNotFoundException", StreamName=missing, **more) == wanted
    text = refused(
        kinesis.get_shard_iterator,
        "ResourceNotFoundException",
        StreamName=name,
        ShardId="shardId-000000000007",
        ShardIteratorType="LATEST",
    )
    assert text == (
        f"Shard shardId-000000000007 in stream {name} under account {ACCOUNT} does not exist"
    )


def test_a_wrong_count_is_told_in_the_validator_s_words(server, fresh):
    kinesis = unchecked(server, "kinesis")
    text = refused(kinesis.create_stream, "ValidationException", StreamName=fresh("ks"),
                   ShardCount=0)  # fmt: skip
    assert text == (
        "1 validation error detected: Value '0' at 'shardCount' failed to satisfy constraint: "
        "Member must have value greater than or equal to 1"
    )
    text = refused(kinesis.create_stream, "ValidationException", StreamName="no spaces",
                   ShardCount=1)  # fmt: skip
    assert "at 'streamName' failed to satisfy constraint" in text


def test_lists_are_sorted_and_paged(kinesis, stream):
    names = sorted(stream(1) for _ in range(3))
    listed = []
    page = kinesis.list_streams(Limit=1)
    while True:
        listed += page["StreamNames"]
        if not page["HasMoreStreams"]:
            break
        page = kinesis.list_streams(Limit=1, ExclusiveStartStreamName=listed[-1])
    assert [name for name in listed if name in names] == names
    assert listed == sorted(listed)


def test_shards_are_listed_by_page_and_by_filter(server, stream):
    kinesis = unchecked(server, "kinesis")
    name = stream(5)
    ids = [f"shardId-{i:012}" for i in range(5)]
    listed, page = [], kinesis.list_shards(StreamName=name, MaxResults=2)
    while True:
        listed += [shard["ShardId"] for shard in page["Shards"]]
        if "NextToken" not in page:
            break
        page = kinesis.list_shards(NextToken=page["NextToken"], MaxResults=2)
    assert listed == ids
    after = kinesis.list_shards(StreamName=name, ExclusiveStartShardId=ids[2])["Shards"]
    assert [shard["ShardId"] for shard in after] == ids[3:]
    for kind in ("AT_LATEST", "AT_TRIM_HORIZON", "FROM_TRIM_HORIZON"):
        found = kinesis.list_shards(StreamName=name, ShardFilter={"Type": kind})["Shards"]
        assert [shard["ShardId"] for shard in found] == ids, kind
    found = kinesis.list_shards(
        StreamName=name, ShardFilter={"Type": "AFTER_SHARD_ID", "ShardId": ids[1]}
    )["Shards"]
    assert [shard["ShardId"] for shard in found] == ids[2:]
    text = refused(kinesis.list_shards, "InvalidArgumentException")
    assert text == "Either NextToken or StreamName should be provided."
    text = refused(
        kinesis.list_shards, "InvalidArgumentException", StreamName=name, NextToken="1:1:x"
    )
    assert text == "NextToken and StreamName cannot be provided together."


def test_a_stream_made_again_is_empty(server, kinesis, fresh):
    name = fresh("ks")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    kinesis.put_record(StreamName=name, Data=b"first life", PartitionKey="k")
    old = kinesis.get_shard_iterator(
        StreamName=name, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    kinesis.delete_stream(StreamName=name)
    wait_until(lambda: name not in kinesis.list_streams(Limit=1000)["StreamNames"])
    kinesis.create_stream(StreamName=name, ShardCount=1)
    assert shard_records(server, name, "shardId-000000000000") == []
    refused(kinesis.get_records, "ResourceNotFoundException", ShardIterator=old)
    kinesis.put_record(StreamName=name, Data=b"second life", PartitionKey="k")
    found = shard_records(server, name, "shardId-000000000000")
    assert [record["Data"] for record in found] == [b"second life"]
    kinesis.delete_stream(StreamName=name)


def test_retention_moves_between_a_day_and_a_year(kinesis, stream):
    name = stream(1)
    kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=48)

    def hours():
        return kinesis.describe_stream(StreamName=name)["StreamDescription"][
            "RetentionPeriodHours"
        ]

    assert hours() == 48
    text = refused(
        kinesis.increase_stream_retention_period,
        "InvalidArgumentException",
        StreamName=name,
        RetentionPeriodHours=24,
    )
    assert text == (
        f"Requested retention period (24 hours) for stream {name} can not be shorter than "
        "existing retention period (48 hours). Use DecreaseRetentionPeriod API."
    )
    kinesis.decrease_stream_retention_period(StreamName=name, RetentionPeriodHours=24)
    assert hours() == 24


def test_waiters_of_the_sdk_work(kinesis, fresh):
    name = fresh("ks")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    fast = {"Delay": 1, "MaxAttempts": 5}
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig=fast)
    kinesis.delete_stream(StreamName=name)
    kinesis.get_waiter("stream_not_exists").wait(StreamName=name, WaiterConfig=fast)


def test_streams_and_records_outlive_the_process(own_server):
    kinesis = own_server.client("kinesis")
    kinesis.create_stream(StreamName="kept", ShardCount=2)
    kinesis.create_stream(StreamName="gone", ShardCount=1)
    put = [
        kinesis.put_record(StreamName="kept", Data=f"{i}".encode(), PartitionKey=f"k{i}")
        for i in range(20)
    ]
    kinesis.delete_stream(StreamName="gone")
    before = kinesis.describe_stream(StreamName="kept")["StreamDescription"]
    for end in (own_server.kill9, own_server.stop):
        end()
        own_server.start()
        kinesis = own_server.client("kinesis")
        assert kinesis.list_streams()["StreamNames"] == ["kept"]
        assert kinesis.describe_stream(StreamName="kept")["StreamDescription"] == before
        found = {
            record["SequenceNumber"]: record["Data"]
            for shard in before["Shards"]
            for record in shard_records(own_server, "kept", shard["ShardId"])
        }
        assert found == {p["SequenceNumber"]: f"{i}".encode() for i, p in enumerate(put)}


def test_the_cli_of_the_distribution_works(aws, fresh):
    name = fresh("ks")
    aws("kinesis", "create-stream", "--stream-name", name, "--shard-count", "1")
    aws("kinesis", "wait", "stream-exists", "--stream-name", name)
    put = aws("kinesis", "put-record", "--stream-name", name, "--partition-key", "k",
              "--data", "aGVsbG8=").json  # fmt: skip
    assert put["ShardId"] == "shardId-000000000000"
    at = aws("kinesis", "get-shard-iterator", "--stream-name", name, "--shard-id",
             "shardId-000000000000", "--shard-iterator-type", "TRIM_HORIZON").json  # fmt: skip
    page = aws("kinesis", "get-records", "--shard-iterator", at["ShardIterator"]).json
    assert [record["SequenceNumber"] for record in page["Records"]] == [put["SequenceNumber"]]
    aws("kinesis", "delete-stream", "--stream-name", name)
