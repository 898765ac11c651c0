"""Shards that split, merge and scale: lineage, closed shards read to their end, order per key."""

import collections
import datetime
import json
import threading

import pytest
from support import wait_until
from support.chain import (
    ACCOUNT,
    lines_of,
    make_delivery,
    make_pipe,
    make_stream,
    make_table,
    put_number,
    refused,
    shard_records,
    unchecked,
)

END = 2**128
HALF = str(2**127)


def shard_id(index):
    return f"shardId-{index:012d}"


def shards_of(kinesis, name, **more):
    page = kinesis.list_shards(StreamName=name, **more)
    found = page["Shards"]
    while "NextToken" in page:
        page = kinesis.list_shards(NextToken=page["NextToken"])
        found += page["Shards"]
    return found


def is_open(shard):
    return "EndingSequenceNumber" not in shard["SequenceNumberRange"]


def ids(shards):
    return [int(shard["ShardId"][8:]) for shard in shards]


def bounds(shard):
    found = shard["HashKeyRange"]
    return int(found["StartingHashKey"]), int(found["EndingHashKey"])


def check_cover(shards):
    """The open shards cover all hash keys, each once."""
    ranges = sorted(bounds(shard) for shard in shards if is_open(shard))
    assert ranges[0][0] == 0
    assert ranges[-1][1] == END - 1
    for (_, end), (start, _) in zip(ranges, ranges[1:]):
        assert end + 1 == start


def check_lineage(shards):
    """A child lies within its parents, which are closed and were made before it."""
    by_id = {shard["ShardId"]: shard for shard in shards}
    children = collections.Counter()
    for shard in shards:
        parents = [shard[key] for key in ("ParentShardId", "AdjacentParentShardId") if key in shard]
        low, high = bounds(shard)
        if len(parents) == 2:
            assert (low, high) == (
                min(bounds(by_id[p])[0] for p in parents),
                max(bounds(by_id[p])[1] for p in parents),
            )
        for parent in parents:
            children[parent] += 1
            assert parent < shard["ShardId"]
            assert not is_open(by_id[parent])
            if len(parents) == 1:
                assert bounds(by_id[parent])[0] <= low and high <= bounds(by_id[parent])[1]
    for shard in shards:
        assert is_open(shard) == (children[shard["ShardId"]] == 0)


def read_page(kinesis, name, shard, kind="TRIM_HORIZON", **where):
    at = kinesis.get_shard_iterator(
        StreamName=name, ShardId=shard, ShardIteratorType=kind, **where
    )["ShardIterator"]
    return kinesis.get_records(ShardIterator=at)


def put(kinesis, name, text, hash_key, key="k"):
    return kinesis.put_record(
        StreamName=name, Data=text, PartitionKey=key, ExplicitHashKey=str(hash_key)
    )


# ---- SplitShard ----


def test_a_split_closes_the_parent_and_opens_two_children(kinesis, stream):
    name = stream(1)
    before = put(kinesis, name, b"before", 0)
    assert kinesis.split_shard(
        StreamName=name, ShardToSplit=shard_id(0), NewStartingHashKey=HALF
    )["ResponseMetadata"]["HTTPStatusCode"] == 200
    shards = shards_of(kinesis, name)
    assert ids(shards) == [0, 1, 2]
    check_cover(shards)
    check_lineage(shards)
    assert [bounds(s) for s in shards[1:]] == [(0, 2**127 - 1), (2**127, END - 1)]
    assert all(s["ParentShardId"] == shard_id(0) for s in shards[1:])
    assert all("AdjacentParentShardId" not in s for s in shards)
    numbers = shards[0]["SequenceNumberRange"]
    assert int(numbers["StartingSequenceNumber"]) <= int(before["SequenceNumber"])
    assert int(numbers["EndingSequenceNumber"]) > int(before["SequenceNumber"])
    described = kinesis.describe_stream(StreamName=name)["StreamDescription"]
    assert described["StreamStatus"] == "ACTIVE"
    assert described["Shards"] == shards
    summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert summary["OpenShardCount"] == 2
    assert put(kinesis, name, b"low", 0)["ShardId"] == shard_id(1)
    assert put(kinesis, name, b"high", END - 1)["ShardId"] == shard_id(2)
    assert put(kinesis, name, b"edge", 2**127)["ShardId"] == shard_id(2)


def test_a_closed_shard_is_read_to_its_end_and_names_its_children(kinesis, stream):
    name = stream(1)
    for i in range(3):
        put(kinesis, name, b"%d" % i, 0)
    waiting = kinesis.get_shard_iterator(
        StreamName=name, ShardId=shard_id(0), ShardIteratorType="LATEST"
    )["ShardIterator"]
    kinesis.split_shard(StreamName=name, ShardToSplit=shard_id(0), NewStartingHashKey=HALF)
    at = kinesis.get_shard_iterator(
        StreamName=name, ShardId=shard_id(0), ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    page = kinesis.get_records(ShardIterator=at, Limit=2)
    assert [r["Data"] for r in page["Records"]] == [b"0", b"1"]
    assert "ChildShards" not in page
    page = kinesis.get_records(ShardIterator=page["NextShardIterator"])
    assert [r["Data"] for r in page["Records"]] == [b"2"]
    assert "NextShardIterator" not in page
    assert page["MillisBehindLatest"] == 0
    assert page["ChildShards"] == [
        {
            "ShardId": shard_id(1),
            "ParentShards": [shard_id(0)],
            "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": str(2**127 - 1)},
        },
        {
            "ShardId": shard_id(2),
            "ParentShards": [shard_id(0)],
            "HashKeyRange": {"StartingHashKey": HALF, "EndingHashKey": str(END - 1)},
        },
    ]
    for end in (kinesis.get_records(ShardIterator=waiting),
                read_page(kinesis, name, shard_id(0), "LATEST")):  # fmt: skip
        assert end["Records"] == []
        assert "NextShardIterator" not in end
        assert len(end["ChildShards"]) == 2
    number = shards_of(kinesis, name)[0]["SequenceNumberRange"]["EndingSequenceNumber"]
    end = read_page(kinesis, name, shard_id(0), "AFTER_SEQUENCE_NUMBER",
                    StartingSequenceNumber=number)  # fmt: skip
    assert end["Records"] == [] and "NextShardIterator" not in end


def test_a_split_s_place_must_lie_within_the_shard(kinesis, stream):
    name = stream(2)
    for wrong in (0, 1, 2**127 - 1, 2**127, END - 1):
        text = refused(
            kinesis.split_shard,
            "InvalidArgumentException",
            StreamName=name,
            ShardToSplit=shard_id(0),
            NewStartingHashKey=str(wrong),
        )
        assert text == (
            f"NewStartingHashKey {wrong} used in SplitShard() on shard {shard_id(0)} in stream "
            f"{name} under account {ACCOUNT} is not both greater than one plus the shard's "
            f"StartingHashKey 0 and less than the shard's EndingHashKey {2**127 - 1}."
        )
    for missing, told in ((shard_id(7), shard_id(7)), ("shardId-7", shard_id(7)),
                          ("nonsense", "nonsense")):  # fmt: skip
        text = refused(kinesis.split_shard, "ResourceNotFoundException", StreamName=name,
                       ShardToSplit=missing, NewStartingHashKey="5")  # fmt: skip
        assert text == f"Could not find shard {told} in stream {name} under account {ACCOUNT}."
    kinesis.split_shard(StreamName=name, ShardToSplit=shard_id(0), NewStartingHashKey="2")
    check_cover(shards_of(kinesis, name))
    text = refused(kinesis.split_shard, "InvalidArgumentException", StreamName=name,
                   ShardToSplit=shard_id(0), NewStartingHashKey="9")  # fmt: skip
    assert "has already been merged or split" in text
    refused(kinesis.split_shard, "ResourceNotFoundException", StreamName="nobody",
            ShardToSplit=shard_id(0), NewStartingHashKey="9")  # fmt: skip


# ---- MergeShards ----


def test_a_merge_joins_two_neighbours(kinesis, stream):
    name = stream(3)
    ranges = [bounds(s) for s in shards_of(kinesis, name)]
    put(kinesis, name, b"one", ranges[1][0])
    kinesis.merge_shards(
        StreamName=name, ShardToMerge=shard_id(1), AdjacentShardToMerge=shard_id(2)
    )
    shards = shards_of(kinesis, name)
    assert ids(shards) == [0, 1, 2, 3]
    check_cover(shards)
    check_lineage(shards)
    assert (shards[3]["ParentShardId"], shards[3]["AdjacentParentShardId"]) == (
        shard_id(1), shard_id(2))  # fmt: skip
    assert bounds(shards[3]) == (ranges[1][0], ranges[2][1])
    assert [is_open(s) for s in shards] == [True, False, False, True]
    page = read_page(kinesis, name, shard_id(2))
    assert page["Records"] == []
    assert page["ChildShards"] == [
        {"ShardId": shard_id(3), "ParentShards": [shard_id(1), shard_id(2)],
         "HashKeyRange": shards[3]["HashKeyRange"]}
    ]  # fmt: skip
    assert put(kinesis, name, b"two", ranges[2][1])["ShardId"] == shard_id(3)


def test_only_neighbours_merge(kinesis, stream):
    name = stream(3)
    for one, two in ((0, 2), (2, 0), (1, 1), (1, 0)):
        text = refused(kinesis.merge_shards, "InvalidArgumentException", StreamName=name,
                       ShardToMerge=shard_id(one), AdjacentShardToMerge=shard_id(two))  # fmt: skip
        assert text == (
            f"Shards {shard_id(one)} and {shard_id(two)} in stream {name} under account {ACCOUNT} "
            "are not an adjacent pair of shards eligible for merging"
        )
    text = refused(kinesis.merge_shards, "ResourceNotFoundException", StreamName=name,
                   ShardToMerge=shard_id(0), AdjacentShardToMerge=shard_id(9))  # fmt: skip
    assert text == f"Could not find shard {shard_id(9)} in stream {name} under account {ACCOUNT}."
    kinesis.merge_shards(
        StreamName=name, ShardToMerge=shard_id(0), AdjacentShardToMerge=shard_id(1)
    )
    text = refused(kinesis.merge_shards, "InvalidArgumentException", StreamName=name,
                   ShardToMerge=shard_id(0), AdjacentShardToMerge=shard_id(1))  # fmt: skip
    assert "has already been merged or split" in text


# ---- UpdateShardCount ----


@pytest.mark.parametrize("steps", [(1, 2, 4, 8), (2, 3, 5, 3, 2, 1), (7, 4, 6), (3, 3)])
def test_scaling_makes_shards_of_equal_width(kinesis, stream, steps):
    name = stream(steps[0])
    for now, target in zip(steps, steps[1:]):
        reply = kinesis.update_shard_count(
            StreamName=name, TargetShardCount=target, ScalingType="UNIFORM_SCALING"
        )
        assert (reply["CurrentShardCount"], reply["TargetShardCount"]) == (now, target)
        assert reply["StreamName"] == name
        assert reply.get("StreamARN", name).endswith(name)  # old SDKs do not know it
        shards = shards_of(kinesis, name)
        check_cover(shards)
        check_lineage(shards)
        width = END // target
        starts = sorted(bounds(s)[0] for s in shards if is_open(s))
        assert starts == [i * width for i in range(target)]
    assert ids(shards) == list(range(len(shards)))


def test_scaling_evens_out_uneven_shards(kinesis, stream):
    name = stream(1)
    kinesis.split_shard(StreamName=name, ShardToSplit=shard_id(0), NewStartingHashKey="1000")
    kinesis.update_shard_count(
        StreamName=name, TargetShardCount=2, ScalingType="UNIFORM_SCALING"
    )
    shards = shards_of(kinesis, name)
    check_cover(shards)
    check_lineage(shards)
    assert sorted(bounds(s)[0] for s in shards if is_open(s)) == [0, 2**127]


def test_a_stream_is_scaled_ten_times_in_24_hours(own_server):
    kinesis = own_server.client("kinesis")
    kinesis.create_stream(StreamName="s", ShardCount=1)

    def scale(target):
        return {"StreamName": "s", "TargetShardCount": target, "ScalingType": "UNIFORM_SCALING"}

    own_server.clock.hold()
    for n in range(10):
        own_server.clock.advance(ms=1)
        kinesis.update_shard_count(**scale(2 - n % 2))
    refused(kinesis.update_shard_count, "LimitExceededException", **scale(2))
    own_server.kill9()
    own_server.restart()
    kinesis = own_server.client("kinesis")
    own_server.clock.hold()
    refused(kinesis.update_shard_count, "LimitExceededException", **scale(2))
    own_server.clock.advance(hours=24)
    kinesis.update_shard_count(**scale(2))


def test_scaling_goes_from_half_to_double(server, kinesis, stream):
    name = stream(3)
    for target, words in ((7, "up over double"), (1, "down below half")):
        text = refused(kinesis.update_shard_count, "LimitExceededException", StreamName=name,
                       TargetShardCount=target, ScalingType="UNIFORM_SCALING")  # fmt: skip
        assert text == (
            f"UpdateShardCount cannot scale {words} your current open shard count. "
            f"Current open shard count: 3 Target shard count: {target}"
        )
    free = unchecked(server, "kinesis")
    refused(free.update_shard_count, "ValidationException", StreamName=name,
            TargetShardCount=0, ScalingType="UNIFORM_SCALING")  # fmt: skip
    refused(free.update_shard_count, "ValidationException", StreamName=name,
            TargetShardCount=4, ScalingType="SOMEHOW")  # fmt: skip
    assert len(shards_of(kinesis, name)) == 3


def test_on_demand_streams_are_not_resharded_by_hand(kinesis, fresh):
    name = fresh("od")
    kinesis.create_stream(StreamName=name, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    for call, more in (
        (kinesis.update_shard_count, {"TargetShardCount": 8, "ScalingType": "UNIFORM_SCALING"}),
        (kinesis.split_shard, {"ShardToSplit": shard_id(0), "NewStartingHashKey": "10"}),
        (kinesis.merge_shards,
         {"ShardToMerge": shard_id(0), "AdjacentShardToMerge": shard_id(1)}),
    ):  # fmt: skip
        text = refused(call, "ValidationException", StreamName=name, **more)
        assert text == (
            f"Request is invalid. Stream {name} under account {ACCOUNT} is in On-Demand mode."
        )
    kinesis.delete_stream(StreamName=name)


def test_the_account_s_shards_are_limited(own_server):
    kinesis = own_server.client("kinesis")
    kinesis.create_stream(StreamName="many", ShardCount=300)
    text = refused(kinesis.update_shard_count, "LimitExceededException", StreamName="many",
                   TargetShardCount=501, ScalingType="UNIFORM_SCALING")  # fmt: skip
    assert "Current shard count for the account: 300. Limit: 500." in text
    text = refused(kinesis.create_stream, "LimitExceededException", StreamName="more",
                   ShardCount=201)  # fmt: skip
    assert "Number of additional shards that would have resulted from this request: 201." in text
    kinesis.update_shard_count(
        StreamName="many", TargetShardCount=500, ScalingType="UNIFORM_SCALING"
    )
    shards = shards_of(kinesis, "many")
    assert len(shards) > 1000
    check_cover(shards)
    check_lineage(shards)
    refused(kinesis.split_shard, "LimitExceededException", StreamName="many",
            ShardToSplit=[s for s in shards if is_open(s)][0]["ShardId"],
            NewStartingHashKey="10")  # fmt: skip


# ---- ListShards ----


def later_than(stamp):
    return wait_until(
        lambda: (now := datetime.datetime.now(datetime.timezone.utc)) > stamp and now
    )


def test_each_filter_lists_the_shards_it_names(server, kinesis, stream):
    name = stream(2)

    def listed(kind=None, **more):
        """On the bare wire: boto3 cuts times to whole seconds."""
        body = {"StreamName": name}
        if kind:
            body["ShardFilter"] = {"Type": kind, **more}
        status, _, reply = server.request(
            "POST", "/", json.dumps(body),
            {"Content-Type": "application/x-amz-json-1.1",
             "X-Amz-Target": "Kinesis_20131202.ListShards"})  # fmt: skip
        assert status == 200, reply
        return ids(json.loads(reply)["Shards"])

    step = datetime.timedelta(milliseconds=20)
    made = later_than(datetime.datetime.now(datetime.timezone.utc) + step)
    later_than(made + step)
    kinesis.split_shard(StreamName=name, ShardToSplit=shard_id(0), NewStartingHashKey="1000")
    split = later_than(datetime.datetime.now(datetime.timezone.utc) + step)
    later_than(split + step)
    kinesis.merge_shards(
        StreamName=name, ShardToMerge=shard_id(3), AdjacentShardToMerge=shard_id(1)
    )
    merged = later_than(datetime.datetime.now(datetime.timezone.utc) + step)
    assert listed() == [0, 1, 2, 3, 4]
    assert listed("AT_LATEST") == [2, 4]
    assert listed("AT_TRIM_HORIZON") == [0, 1]
    assert listed("FROM_TRIM_HORIZON") == [0, 1, 2, 3, 4]
    assert listed("AFTER_SHARD_ID", ShardId=shard_id(1)) == [2, 3, 4]
    assert listed("AT_TIMESTAMP", Timestamp=made.timestamp()) == [0, 1]
    assert listed("AT_TIMESTAMP", Timestamp=split.timestamp()) == [1, 2, 3]
    assert listed("AT_TIMESTAMP", Timestamp=merged.timestamp()) == [2, 4]
    assert listed("FROM_TIMESTAMP", Timestamp=made.timestamp()) == [0, 1, 2, 3, 4]
    assert listed("FROM_TIMESTAMP", Timestamp=split.timestamp()) == [1, 2, 3, 4]
    assert listed("FROM_TIMESTAMP", Timestamp=merged.timestamp()) == [2, 4]
    refused(kinesis.list_shards, "InvalidArgumentException", StreamName=name,
            ShardFilter={"Type": "AFTER_SHARD_ID"})  # fmt: skip
    refused(kinesis.list_shards, "InvalidArgumentException", StreamName=name,
            ShardFilter={"Type": "AT_TIMESTAMP"})  # fmt: skip


def test_a_list_s_pages_keep_the_filter(kinesis, stream):
    name = stream(4)
    kinesis.split_shard(StreamName=name, ShardToSplit=shard_id(1),
                        NewStartingHashKey=str(2**126 + 5))  # fmt: skip
    found, more = [], {"StreamName": name, "ShardFilter": {"Type": "AT_LATEST"}}
    for _ in range(10):
        page = kinesis.list_shards(MaxResults=2, **more)
        assert len(page["Shards"]) <= 2
        found += ids(page["Shards"])
        if "NextToken" not in page:
            break
        more = {"NextToken": page["NextToken"]}
    assert found == [0, 2, 3, 4, 5]
    assert ids(shards_of(kinesis, name, ExclusiveStartShardId=shard_id(3))) == [4, 5]
    refused(kinesis.list_shards, "InvalidArgumentException", NextToken="nonsense")
    token = kinesis.list_shards(StreamName=name, MaxResults=1)["NextToken"]
    text = refused(kinesis.list_shards, "InvalidArgumentException", NextToken=token,
                   ExclusiveStartShardId=shard_id(0))  # fmt: skip
    assert text == "NextToken and ExclusiveStartShardId cannot be provided together."


def test_a_stream_of_another_time_is_not_found(kinesis, stream):
    name = stream(1)
    described = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    made, arn = described["StreamCreationTimestamp"], described["StreamARN"]
    before = made - datetime.timedelta(hours=1)
    assert len(kinesis.list_shards(StreamName=name, StreamCreationTimestamp=made)["Shards"]) == 1
    kinesis.list_stream_consumers(StreamARN=arn, StreamCreationTimestamp=made)
    for call, where in ((kinesis.list_shards, {"StreamName": name}),
                        (kinesis.list_stream_consumers, {"StreamARN": arn})):  # fmt: skip
        text = refused(call, "ResourceNotFoundException", StreamCreationTimestamp=before, **where)
        assert text == f"Stream {name} under account {ACCOUNT} not found."


# ---- while records flow ----


class Writer(threading.Thread):
    """Puts numbered records of each of its keys, one after the other, until it is told to end."""

    def __init__(self, server, name, keys):
        super().__init__()
        self.kinesis, self.name, self.keys = server.client("kinesis"), name, keys
        self.count, self.ending, self.failure = 0, False, None

    def run(self):
        try:
            while not self.ending:
                self.put()
                self.count += 1
        except Exception as failure:
            self.failure = failure

    def put(self):
        self.kinesis.put_records(
            StreamName=self.name,
            Records=[
                {"Data": json.dumps({"k": key, "n": self.count}).encode() + b"\n",
                 "PartitionKey": key}
                for key in self.keys
            ],
        )  # fmt: skip


def start_writers(server, name, count=3, keys=12, kind=Writer):
    writers = [kind(server, name, [f"w{w}-{k}" for k in range(keys)]) for w in range(count)]
    for writer in writers:
        writer.start()
    return writers


def end_writers(writers):
    for writer in writers:
        writer.ending = True
    for writer in writers:
        writer.join()
        assert writer.failure is None, writer.failure
    return {key: writer.count for writer in writers for key in writer.keys}


def reshard_a_lot(kinesis, name, writers):
    """Splits, merges and scales between writes."""

    def let_write(rounds=3):
        goals = [writer.count + rounds for writer in writers]
        wait_until(lambda: all(w.count >= g or w.failure for w, g in zip(writers, goals)))

    for target in (4, 3, 6, 5):
        let_write()
        kinesis.update_shard_count(
            StreamName=name, TargetShardCount=target, ScalingType="UNIFORM_SCALING"
        )
    for _ in range(3):
        let_write()
        shards = sorted(filter(is_open, shards_of(kinesis, name)), key=bounds)
        kinesis.merge_shards(StreamName=name, ShardToMerge=shards[0]["ShardId"],
                             AdjacentShardToMerge=shards[1]["ShardId"])  # fmt: skip
        let_write()
        widest = max(filter(is_open, shards_of(kinesis, name)),
                     key=lambda shard: bounds(shard)[1] - bounds(shard)[0])  # fmt: skip
        low, high = bounds(widest)
        kinesis.split_shard(StreamName=name, ShardToSplit=widest["ShardId"],
                            NewStartingHashKey=str((low + high) // 2))  # fmt: skip
    let_write()


def check_history(records, counts):
    """Each key's numbers, in the order they were seen, are 0, 1, 2, ... up to the last put."""
    seen = collections.defaultdict(list)
    for record in records:
        seen[record["k"]].append(record["n"])
    for key, count in counts.items():
        assert seen[key] == list(range(count)), f"{key}: lost, doubled or out of order"
    assert len(seen) == len(counts)


def test_readers_who_finish_parents_first_see_every_record_in_order(server, kinesis, stream):
    name = stream(2)
    writers = start_writers(server, name)
    reshard_a_lot(kinesis, name, writers)
    counts = end_writers(writers)
    shards = shards_of(kinesis, name)
    check_cover(shards)
    check_lineage(shards)
    records = []
    for shard in shards:  # ids rise: a parent's is below its children's
        records += shard_records(server, name, shard["ShardId"])
    check_history([json.loads(record["Data"]) for record in records], counts)


def test_a_delivery_stream_keeps_order_per_key_over_resharding(own_server):
    server = own_server
    kinesis = server.client("kinesis")
    arn = make_stream(server, "source", 2)
    server.client("s3").create_bucket(Bucket="lake")
    make_delivery(server, "landing", "lake", source=arn, seconds=4, megabytes=64)
    writers = start_writers(server, "source")
    reshard_a_lot(kinesis, "source", writers)
    counts = end_writers(writers)
    total = sum(counts.values())
    wait_until(lambda: len(lines_of(server, "lake")) >= total, interval=0.5)
    check_history(landed_in_order(server, "lake"), counts)


def landed_in_order(server, bucket):
    """The records in the order they landed: lines keep theirs."""
    s3 = server.client("s3")
    listed = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket).build_full_result()
    objects = []
    for item in listed["Contents"]:
        body = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
        rows = [json.loads(line) for line in body.splitlines()]
        objects.append((item["LastModified"], min(row["n"] for row in rows), rows))
    # A server that was held up lands two at once: then the earlier one has the smaller numbers.
    return [row for *_, rows in sorted(objects, key=lambda it: it[:2]) for row in rows]


def test_a_pipe_s_target_may_be_resharded_under_it(own_server):
    server = own_server
    kinesis, db = server.client("kinesis"), server.client("dynamodb")
    source = make_table(server, "orders")
    make_pipe(server, "carry", source, make_stream(server, "target", 2))

    class Changer(Writer):
        def put(self):
            for key in self.keys:
                put_number(db, "orders", self.count, key)

    writers = start_writers(server, "target", count=2, keys=6, kind=Changer)
    reshard_a_lot(kinesis, "target", writers)
    counts = end_writers(writers)
    total = sum(counts.values())

    def carried():
        events = []
        for shard in shards_of(kinesis, "target"):
            found = shard_records(server, "target", shard["ShardId"])
            events += [json.loads(record["Data"])["dynamodb"]["NewImage"] for record in found]
        return [{"k": event["id"]["S"], "n": int(event["n"]["N"])} for event in events]

    wait_until(lambda: len(carried()) >= total, interval=0.5)
    check_history(carried(), counts)


# ---- after a crash ----


class MortalWriter(Writer):
    """Knows which numbers were acknowledged; the last one may or may not have been taken."""

    def __init__(self, server, name, keys, first):
        super().__init__(server, name, keys)
        self.count, self.acknowledged = first, []

    def put(self):
        super().put()
        self.acknowledged.append(self.count)


def test_nothing_is_lost_or_doubled_when_the_server_dies_amid_resharding(own_server):
    server = own_server
    server.client("s3").create_bucket(Bucket="lake")
    make_delivery(server, "landing", "lake", source=make_stream(server, "source", 2))
    keys, acknowledged, first = [f"k{i}" for i in range(10)], set(), 0
    for targets in ((4, 3), (6,), (5, 4, 3), (2, 4)):
        kinesis = server.client("kinesis")
        writer = MortalWriter(server, "source", keys, first)
        writer.start()
        for target in targets:
            goal = writer.count + 3
            wait_until(lambda: writer.count >= goal or writer.failure)
            kinesis.update_shard_count(
                StreamName="source", TargetShardCount=target, ScalingType="UNIFORM_SCALING"
            )
        server.kill9()
        writer.ending = True
        writer.join()
        acknowledged.update(writer.acknowledged)
        first = writer.count + 1
        server.restart()
    kinesis = server.client("kinesis")
    shards = shards_of(kinesis, "source")
    check_cover(shards)
    check_lineage(shards)
    put(kinesis, "source", b'{"k": "last", "n": 0}\n', 0)
    wait_until(lambda: {"k": "last", "n": 0} in lines_of(server, "lake"))
    wanted = {(key, number) for key in keys for number in acknowledged}
    wait_until(lambda: wanted <= {(r["k"], r["n"]) for r in lines_of(server, "lake")})
    times = collections.Counter((r["k"], r["n"]) for r in lines_of(server, "lake"))
    assert max(times.values()) == 1, "doubled"
    for shard in shards:
        numbers = collections.defaultdict(list)
        for record in shard_records(server, "source", shard["ShardId"]):
            record = json.loads(record["Data"])
            numbers[record["k"]].append(record["n"])
        assert all(found == sorted(set(found)) for found in numbers.values())


def test_resharding_outlives_a_crash(own_server):
    server = own_server
    kinesis = server.client("kinesis")
    kinesis.create_stream(StreamName="s", ShardCount=2)
    put(kinesis, "s", b"first", 0)
    kinesis.split_shard(StreamName="s", ShardToSplit=shard_id(0), NewStartingHashKey="1000")
    put(kinesis, "s", b"second", 0)
    kinesis.merge_shards(StreamName="s", ShardToMerge=shard_id(3), AdjacentShardToMerge=shard_id(1))
    kinesis.update_shard_count(
        StreamName="s", TargetShardCount=4, ScalingType="UNIFORM_SCALING"
    )
    put(kinesis, "s", b"third", 0)
    before = shards_of(kinesis, "s")
    server.kill9()
    server.restart()
    kinesis = server.client("kinesis")
    assert shards_of(kinesis, "s") == before
    page = read_page(kinesis, "s", shard_id(0))
    assert [r["Data"] for r in page["Records"]] == [b"first"]
    assert "NextShardIterator" not in page and len(page["ChildShards"]) == 2
    texts = [r["Data"] for shard in before for r in shard_records(server, "s", shard["ShardId"])]
    assert texts == [b"first", b"second", b"third"]
    put(kinesis, "s", b"fourth", 0)
    open_one = next(s for s in before if is_open(s) and bounds(s)[0] == 0)
    assert shard_records(server, "s", open_one["ShardId"])[-1]["Data"] == b"fourth"
