"""Records: routed, ordered, read back from every kind of place."""

import base64
import datetime
import hashlib
import json
import threading

import pytest
from support import wait_until
from support.chain import ACCOUNT, refused, shard_records, stream_records, unchecked

FIRST = "shardId-000000000000"


def test_what_was_put_comes_back_with_the_number_that_put_told(server, kinesis, stream):
    name = stream(1)
    bodies = [b"", b"plain", bytes(range(256)), "žluťoučký".encode(), b"x" * 1000]
    put = [kinesis.put_record(StreamName=name, Data=b, PartitionKey=f"κ{i}")
           for i, b in enumerate(bodies)]  # fmt: skip
    found = shard_records(server, name, FIRST)
    assert [record["Data"] for record in found] == bodies
    assert [record["PartitionKey"] for record in found] == [f"κ{i}" for i in range(len(bodies))]
    assert [r["SequenceNumber"] for r in found] == [p["SequenceNumber"] for p in put]
    assert {p["ShardId"] for p in put} == {FIRST}
    assert set(found[0]) == {
        "SequenceNumber", "ApproximateArrivalTimestamp", "Data", "PartitionKey",
    }  # fmt: skip
    numbers = [int(record["SequenceNumber"]) for record in found]
    assert numbers == sorted(set(numbers))
    assert all(len(record["SequenceNumber"]) == 56 for record in found)
    times = [record["ApproximateArrivalTimestamp"] for record in found]
    assert times == sorted(times)
    age = datetime.datetime.now(datetime.timezone.utc) - times[-1]
    assert abs(age.total_seconds()) < 60


@pytest.mark.parametrize("shards", [2, 3, 5])
def test_the_md5_of_the_key_chooses_the_shard(kinesis, server, stream, shards):
    name = stream(shards)
    ranges = [
        (int(s["HashKeyRange"]["StartingHashKey"]), int(s["HashKeyRange"]["EndingHashKey"]),
         s["ShardId"])
        for s in kinesis.list_shards(StreamName=name)["Shards"]
    ]  # fmt: skip

    def shard_of(hash_key):
        return next(shard for low, high, shard in ranges if low <= hash_key <= high)

    keys = [f"key-{i}" for i in range(100)]
    reply = kinesis.put_records(
        StreamName=name, Records=[{"Data": k.encode(), "PartitionKey": k} for k in keys]
    )
    assert reply["FailedRecordCount"] == 0
    wanted = [shard_of(int(hashlib.md5(k.encode()).hexdigest(), 16)) for k in keys]
    assert [record["ShardId"] for record in reply["Records"]] == wanted
    assert len(set(wanted)) == shards
    for low, high, shard in ranges:
        for explicit in (low, high):
            put = kinesis.put_record(
                StreamName=name, Data=b"x", PartitionKey="any", ExplicitHashKey=str(explicit)
            )
            assert put["ShardId"] == shard
    for _, _, shard in ranges:
        found = shard_records(server, name, shard)
        mine = [key for key, at in zip(keys, wanted) if at == shard]
        assert [record["PartitionKey"] for record in found[: len(mine)]] == mine


def test_one_call_keeps_its_order_within_a_shard(kinesis, server, stream):
    name = stream(1)
    for start in range(0, 1500, 500):
        records = [
            {"Data": f"{i}".encode(), "PartitionKey": f"k{i % 7}"}
            for i in range(start, start + 500)
        ]
        reply = kinesis.put_records(StreamName=name, Records=records)
        numbers = [int(record["SequenceNumber"]) for record in reply["Records"]]
        assert numbers == sorted(set(numbers))
    found = shard_records(server, name, FIRST)
    assert [int(record["Data"]) for record in found] == list(range(1500))


def numbers_from(server, name, seconds):
    """Reads AT_TIMESTAMP on the bare wire: boto3 cuts the time to whole seconds."""

    def call(operation, body):
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"Kinesis_20131202.{operation}",
        }
        status, _, reply = server.request("POST", "/", json.dumps(body), headers)
        assert status == 200, reply
        return json.loads(reply)

    where = {"StreamName": name, "ShardId": FIRST, "ShardIteratorType": "AT_TIMESTAMP"}
    at = call("GetShardIterator", {**where, "Timestamp": seconds})["ShardIterator"]
    page = call("GetRecords", {"ShardIterator": at})
    return [int(base64.b64decode(record["Data"])) for record in page["Records"]]


def test_each_kind_of_iterator_starts_where_it_says(kinesis, server, stream):
    name = stream(1)
    put = []
    for i in range(6):
        put.append(kinesis.put_record(StreamName=name, Data=b"%d" % i, PartitionKey="k"))
        found = shard_records(server, name, FIRST)
        stamp = found[-1]["ApproximateArrivalTimestamp"]
        wait_until(lambda: datetime.datetime.now(datetime.timezone.utc)
                   > stamp + datetime.timedelta(milliseconds=5))  # fmt: skip
    found = shard_records(server, name, FIRST)

    def numbers(kind, **where):
        return [int(r["Data"]) for r in shard_records(server, name, FIRST, kind, **where)]

    third = put[3]["SequenceNumber"]
    assert numbers("TRIM_HORIZON") == [0, 1, 2, 3, 4, 5]
    assert numbers("LATEST") == []
    assert numbers("AT_SEQUENCE_NUMBER", StartingSequenceNumber=third) == [3, 4, 5]
    assert numbers("AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=third) == [4, 5]
    last = put[5]["SequenceNumber"]
    assert numbers("AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=last) == []
    stamp = found[3]["ApproximateArrivalTimestamp"].timestamp()
    assert numbers_from(server, name, round(stamp, 3)) == [3, 4, 5]
    assert numbers_from(server, name, round(stamp + 0.001, 3)) == [4, 5]
    long_ago = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    assert numbers("AT_TIMESTAMP", Timestamp=long_ago) == [0, 1, 2, 3, 4, 5]
    start = kinesis.describe_stream(StreamName=name)["StreamDescription"]["Shards"][0]
    start = start["SequenceNumberRange"]["StartingSequenceNumber"]
    assert numbers("AT_SEQUENCE_NUMBER", StartingSequenceNumber=start) == [0, 1, 2, 3, 4, 5]


def test_latest_means_the_time_of_the_iterator_s_making(kinesis, stream):
    name = stream(1)
    kinesis.put_record(StreamName=name, Data=b"before", PartitionKey="k")
    at = kinesis.get_shard_iterator(
        StreamName=name, ShardId=FIRST, ShardIteratorType="LATEST"
    )["ShardIterator"]
    kinesis.put_record(StreamName=name, Data=b"after", PartitionKey="k")
    page = kinesis.get_records(ShardIterator=at)
    assert [record["Data"] for record in page["Records"]] == [b"after"]


def test_pages_join_to_the_whole_and_tell_how_far_behind_they_are(kinesis, stream):
    name = stream(1)
    for i in range(25):
        kinesis.put_record(StreamName=name, Data=b"%d" % i, PartitionKey="k")
    at = kinesis.get_shard_iterator(
        StreamName=name, ShardId=FIRST, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    seen, used = [], {at}
    for _ in range(4):
        page = kinesis.get_records(ShardIterator=at, Limit=10)
        seen += [int(record["Data"]) for record in page["Records"]]
        behind = page["MillisBehindLatest"]
        assert (behind == 0) == (len(seen) == 25) or len(seen) < 25
        at = page["NextShardIterator"]
        assert at not in used
        used.add(at)
    assert seen == list(range(25))
    assert behind == 0
    again = kinesis.get_records(ShardIterator='"' + at + '"')
    assert again["Records"] == []


def test_a_page_holds_at_most_ten_megabytes(kinesis, server, stream):
    name = stream(1)
    block = bytes(1 << 20)[: (1 << 20) - 1]
    for _ in range(12):
        kinesis.put_record(StreamName=name, Data=block, PartitionKey="k")
    at = kinesis.get_shard_iterator(
        StreamName=name, ShardId=FIRST, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    page = kinesis.get_records(ShardIterator=at)
    assert len(page["Records"]) == 10
    assert page["MillisBehindLatest"] >= 0
    page = kinesis.get_records(ShardIterator=page["NextShardIterator"])
    assert len(page["Records"]) == 2


def test_limits_are_refused_in_aws_s_words(server, kinesis, stream):
    name = stream(1)
    free = unchecked(server, "kinesis")
    text = refused(free.put_record, "ValidationException", StreamName=name,
                   Data=bytes((1 << 20) + 1), PartitionKey="k")  # fmt: skip
    assert "at 'data' failed to satisfy constraint: Member must have length less than" in text
    text = refused(free.put_records, "ValidationException", StreamName=name, Records=[
        {"Data": b"x", "PartitionKey": "k"},
        {"Data": bytes(1 << 20), "PartitionKey": "k"}])  # fmt: skip
    assert text == (
        "1 validation error detected: Value at 'records.2.member.data' failed to satisfy "
        "constraint: Member must have length less than or equal to 1048576"
    )
    text = refused(free.put_record, "ValidationException", StreamName=name, Data=b"x",
                   PartitionKey="k" * 257)  # fmt: skip
    assert "at 'partitionKey' failed to satisfy constraint" in text
    text = refused(free.put_record, "InvalidArgumentException", StreamName=name, Data=b"x",
                   PartitionKey="k", ExplicitHashKey=str(2**128))  # fmt: skip
    assert text == (
        "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "
        f"Specified value was {2**128}"
    )
    refused(free.put_records, "ValidationException", StreamName=name,
            Records=[{"Data": b"x", "PartitionKey": "k"}] * 501)  # fmt: skip
    refused(free.put_records, "ValidationException", StreamName=name, Records=[])
    big = [{"Data": bytes(1_000_000), "PartitionKey": "k"}] * 11
    refused(free.put_records, "InvalidArgumentException", StreamName=name, Records=big)
    assert stream_records(server, name) == []
    kinesis.put_record(StreamName=name, Data=bytes((1 << 20) - 1), PartitionKey="k")


def test_iterators_that_are_none_are_refused(kinesis, server, stream):
    name = stream(1)
    other = stream(1)
    text = refused(kinesis.get_records, "InvalidArgumentException", ShardIterator="garbage")
    assert text == "Invalid ShardIterator."
    foreign = kinesis.put_record(StreamName=other, Data=b"x", PartitionKey="k")
    number = foreign["SequenceNumber"]
    used = f"used in GetShardIterator on shard {FIRST} in stream {name} under account {ACCOUNT}"
    oldest = 2**124
    elsewhere = "because it did not come from this stream."
    for wrong, words in (
        ("1" + number[1:], f"StartingSequenceNumber 1{number[1:]} {used} is invalid."),
        (str(int(number) - 2**148), f"StartingSequenceNumber {int(number) - 2**148} {used} is "
                                    f"invalid {elsewhere}"),
        # AWS knows two older forms, and reads what is small as the oldest one.
        ("0", f"StartingSequenceNumber {oldest} {used} is invalid {elsewhere}"),
        ("12", "Invalid StartingSequenceNumber. It encodes shardId-000000000012, while it was "
               f"used in a call to a shard with {FIRST}"),
        (str(int("2" + "0" * 45 + "1", 16)),
         f"StartingSequenceNumber {int('2' + '0' * 45 + '1', 16)} {used} is invalid {elsewhere}"),
        (str(int("13bb2cc3d8" + "0" * 22, 16)),
         f"StartingSequenceNumber {int('13bb2cc3d8' + '0' * 22, 16)} {used} is invalid."),
        (str(int("20000000000800000000000000000000000000000000002", 16)),
         "StartingSequenceNumber "
         f"{int('20000000000800000000000000000000000000000000002', 16)} {used} is invalid."),
        ("9" * 129, f"StartingSequenceNumber {'9' * 129} {used} is invalid."),
    ):  # fmt: skip
        text = refused(
            kinesis.get_shard_iterator,
            "InvalidArgumentException",
            StreamName=name,
            ShardId=FIRST,
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            StartingSequenceNumber=wrong,
        )
        assert text == words
    text = refused(kinesis.get_shard_iterator, "InvalidArgumentException", StreamName=name,
                   ShardId=FIRST, ShardIteratorType="AT_SEQUENCE_NUMBER")  # fmt: skip
    assert text == (
        "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and "
        "StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. "
        "Request specified AT_SEQUENCE_NUMBER and no StartingSequenceNumber."
    )
    future = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    text = refused(kinesis.get_shard_iterator, "InvalidArgumentException", StreamName=name,
                   ShardId=FIRST, ShardIteratorType="AT_TIMESTAMP", Timestamp=future)  # fmt: skip
    assert text.startswith(
        "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis."
    )


def test_an_order_is_asked_for_by_a_number_that_was(kinesis, stream):
    name = stream(1)
    first = kinesis.put_record(StreamName=name, Data=b"1", PartitionKey="k")["SequenceNumber"]
    more = {"StreamName": name, "Data": b"2", "PartitionKey": "k"}
    second = kinesis.put_record(SequenceNumberForOrdering=first, **more)["SequenceNumber"]
    assert int(second) > int(first)
    for number in ("2" + "0" * 45 + "2", "2" + "0" * 45 + "1",
                   "2ffffffffff7fffffffffffffff000000000007fffffff2"):  # fmt: skip
        kinesis.put_record(SequenceNumberForOrdering=str(int(number, 16)), **more)
    soon = int(datetime.datetime.now().timestamp()) + 3600
    for number in ("2" + "0" * 46, "2" + "0" * 45 + "4", "3" + "0" * 45 + "1",
                   "20000000000800000000000000000000000000000000002",
                   f"2{0:028x}0{soon:09x}000000002"):  # fmt: skip
        wrong = int(number, 16)
        text = refused(kinesis.put_record, "InvalidArgumentException",
                       SequenceNumberForOrdering=str(wrong), **more)  # fmt: skip
        assert text == (
            f"ExclusiveMinimumSequenceNumber {wrong} used in PutRecord on stream {name} under "
            f"account {ACCOUNT} is invalid."
        )


@pytest.mark.parametrize("written", ["shardId-0", "0", "x-0000", "-0", "shardId-000000000000-x"])
def test_a_shard_is_meant_by_the_number_behind_the_first_hyphen(kinesis, stream, written):
    name = stream(1)
    kinesis.put_record(StreamName=name, Data=b"1", PartitionKey="k")
    at = kinesis.get_shard_iterator(
        StreamName=name, ShardId=written, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    assert [r["Data"] for r in kinesis.get_records(ShardIterator=at)["Records"]] == [b"1"]


def test_a_shard_that_is_not_there_is_named_in_full(kinesis, stream):
    name = stream(1)
    for written, words in (
        ("shardId-5", f"Shard shardId-000000000005 in stream {name} under account {ACCOUNT} does "
                      "not exist"),
        ("2147483647", f"Shard shardId-002147483647 in stream {name} under account {ACCOUNT} does "
                       "not exist"),
        ("2147483648", f"Could not find shard 2147483648 in stream {name} under account "
                       f"{ACCOUNT}."),
        ("2.14E4", f"Could not find shard 2.14E4 in stream {name} under account {ACCOUNT}."),
    ):  # fmt: skip
        text = refused(kinesis.get_shard_iterator, "ResourceNotFoundException", StreamName=name,
                       ShardId=written, ShardIteratorType="LATEST")  # fmt: skip
        assert text == words


def test_an_iterator_is_of_the_stream_that_is_named_with_it(server, kinesis, stream):
    name, other = stream(1), stream(1)
    at = kinesis.get_shard_iterator(StreamName=name, ShardId=FIRST, ShardIteratorType="LATEST")
    for of, wanted in ((name, 200), (other, 400)):
        body = {"ShardIterator": at["ShardIterator"],
                "StreamARN": f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/{of}"}  # fmt: skip
        headers = {"Content-Type": "application/x-amz-json-1.1",
                   "X-Amz-Target": "Kinesis_20131202.GetRecords"}  # fmt: skip
        status, _, reply = server.request("POST", "/", json.dumps(body), headers)
        assert status == wanted, reply
    assert json.loads(reply)["__type"] == "InvalidArgumentException"


def test_the_iterator_of_a_stream_that_is_gone_tells_its_shard(kinesis, fresh):
    name = fresh("ks")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    at = kinesis.get_shard_iterator(StreamName=name, ShardId=FIRST, ShardIteratorType="LATEST")
    kinesis.delete_stream(StreamName=name)
    text = refused(kinesis.get_records, "ResourceNotFoundException",
                   ShardIterator=at["ShardIterator"])  # fmt: skip
    assert text == f"Shard {FIRST} in stream {name} under account {ACCOUNT} does not exist"


def test_the_json_on_the_wire_is_that_of_aws(server, stream):
    name = stream(1)
    body = {"StreamName": name, "PartitionKey": "k",
            "Data": base64.b64encode(b"hi").decode()}  # fmt: skip
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "Kinesis_20131202.PutRecord",
    }
    status, reply_headers, reply = server.request("POST", "/", json.dumps(body), headers)
    assert status == 200
    assert list(json.loads(reply)) == ["ShardId", "SequenceNumber"]
    assert reply_headers["content-type"] == "application/x-amz-json-1.1"
    body["StreamName"] = "nobody"
    status, _, reply = server.request("POST", "/", json.dumps(body), headers)
    assert status == 400
    assert json.loads(reply)["__type"] == "ResourceNotFoundException"
    headers["X-Amz-Target"] = "Kinesis_20131202.Nonsense"
    status, _, reply = server.request("POST", "/", "{}", headers)
    assert (status, json.loads(reply)["__type"]) == (400, "UnknownOperationException")


def test_writers_at_the_same_time_lose_nothing(server, kinesis, stream):
    name = stream(3)

    def write(writer):
        client = server.client("kinesis")
        for i in range(20):
            client.put_records(
                StreamName=name,
                Records=[
                    {"Data": f"{writer} {i} {j}".encode(), "PartitionKey": f"{writer}-{j}"}
                    for j in range(10)
                ],
            )

    server.client("kinesis")  # made before the threads share it
    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    last = {}
    count = 0
    for record in stream_records(server, name):
        writer, i, j = map(int, record["Data"].split())
        assert last.get((writer, j), -1) + 1 == i, "out of order, lost or doubled"
        last[writer, j] = i
        count += 1
    assert count == 8 * 20 * 10
