"""Kinesis streaming destinations: a table's changes as records of a Kinesis stream."""

import json
import re
import threading
import time

import pytest
from support import wait_until
from support.chain import make_stream, quiet

from .conftest import KEY, Api, make_table

STATE = "Table is not in a valid state to enable Kinesis Streaming Destination: "
NOT_DEAD = STATE + (
    "EnableKinesisStreamingDestination must be DISABLED or ENABLE_FAILED to perform ENABLE "
    "operation."
)
NOT_ACTIVE = STATE + "KinesisStreamingDestination must be ACTIVE to perform DISABLE operation."
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def destinations(api, table):
    told = api.describe_kinesis_streaming_destination(TableName=table)
    assert told["TableName"] == table
    return told["KinesisDataStreamDestinations"]


def status_of(api, table, stream):
    found = [d["DestinationStatus"] for d in destinations(api, table) if d["StreamArn"] == stream]
    return found[0] if found else None


def enable(api, table, stream, precision=None):
    config = {"ApproximateCreationDateTimePrecision": precision} if precision else None
    more = {"EnableKinesisStreamingConfiguration": config} if config else {}
    reply = api.enable_kinesis_streaming_destination(TableName=table, StreamArn=stream, **more)
    assert (reply["TableName"], reply["StreamArn"]) == (table, stream)
    assert reply["DestinationStatus"] == "ENABLING"
    assert reply["EnableKinesisStreamingConfiguration"] == (config or {})
    wait_until(lambda: status_of(api, table, stream) == "ACTIVE")


def disable(api, table, stream):
    reply = api.disable_kinesis_streaming_destination(TableName=table, StreamArn=stream)
    assert reply["DestinationStatus"] == "DISABLING"
    wait_until(lambda: status_of(api, table, stream) == "DISABLED")


def records_of(kinesis, stream):
    """(partition key, record) of all shards, parents before children."""
    found = []
    name = stream.split("/")[-1]
    for shard in kinesis.list_shards(StreamName=name)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while iterator:
            page = kinesis.get_records(ShardIterator=iterator)
            found += [(r["PartitionKey"], json.loads(r["Data"])) for r in page["Records"]]
            iterator = page.get("NextShardIterator")
            if not page["Records"] and page["MillisBehindLatest"] == 0:
                break
    return found


def wait_for(kinesis, stream, count):
    found = wait_until(lambda: (f := records_of(kinesis, stream)) and len(f) >= count and f)
    assert len(found) == count
    return found


@pytest.fixture
def kinesis(client):
    return client("kinesis")


@pytest.fixture
def stream(server, kinesis, fresh):
    """stream(shards=1) -> the ARN of a Kinesis stream; deleted afterwards."""
    made = []

    def make(shards=1):
        made.append(fresh("to"))
        return make_stream(server, made[-1], shards)

    yield make
    for name in made:
        quiet(kinesis.delete_stream, StreamName=name)


def test_each_change_is_a_record_as_aws_writes_it(api, db, kinesis, table, stream):
    arn = stream()
    db.put_item(TableName=table, Item={"id": {"S": "before"}})
    enable(api, table, arn)
    began = time.time()
    db.put_item(TableName=table, Item={"id": {"S": "a"}, "n": {"N": "1"}})
    db.put_item(TableName=table, Item={"id": {"S": "a"}, "n": {"N": "2"}})
    db.put_item(TableName=table, Item={"id": {"S": "a"}, "n": {"N": "2"}})
    db.delete_item(TableName=table, Key={"id": {"S": "a"}})
    found = wait_for(kinesis, arn, 3)
    keys, one, two = {"id": {"S": "a"}}, {"n": {"N": "1"}}, {"n": {"N": "2"}}
    for _, record in found:
        assert UUID.fullmatch(record.pop("eventID"))
        made = record["dynamodb"].pop("ApproximateCreationDateTime")
        assert began - 1 <= made / 1000 <= time.time() + 1
    assert [record for _, record in found] == [
        {
            "awsRegion": "us-east-1",
            "eventName": name,
            "userIdentity": None,
            "recordFormat": "application/json",
            "tableName": table,
            "dynamodb": change,
            "eventSource": "aws:dynamodb",
        }
        for name, change in [
            ("INSERT", {"Keys": keys, "NewImage": {**keys, **one}, "SizeBytes": 9}),
            (
                "MODIFY",
                {
                    "Keys": keys,
                    "NewImage": {**keys, **two},
                    "OldImage": {**keys, **one},
                    "SizeBytes": 15,
                },
            ),
            ("REMOVE", {"Keys": keys, "OldImage": {**keys, **two}, "SizeBytes": 9}),
        ]
    ]
    assert {key for key, _ in found} == {found[0][0]}
    assert re.fullmatch("[0-9A-F]{32}", found[0][0])


def test_precision_is_told_as_it_was_given_and_may_change(api, db, kinesis, table, stream, refused):
    arn = stream()
    enable(api, table, arn)
    assert destinations(api, table) == [{"StreamArn": arn, "DestinationStatus": "ACTIVE"}]
    update = api.update_kinesis_streaming_destination
    where = {"TableName": table, "StreamArn": arn}
    uuid = db.describe_table(TableName=table)["Table"]["TableId"]
    nothing = (
        "Streaming destination cannot be updated with given parameters: "
        "UpdateKinesisStreamingConfiguration cannot be null or contain only null values"
    )
    same = (
        "Invalid Request: Precision is already set to the desired value of {} for tableId: {}, "
        "kdsArn: {}"
    )
    micro = {"ApproximateCreationDateTimePrecision": "MICROSECOND"}
    milli = {"ApproximateCreationDateTimePrecision": "MILLISECOND"}
    refused("ValidationException", nothing, update, **where)
    refused(
        "ValidationException", nothing, update, **where, UpdateKinesisStreamingConfiguration={}
    )
    refused(
        "ValidationException",
        same.format("MILLISECOND", uuid, arn),
        update,
        **where,
        UpdateKinesisStreamingConfiguration=milli,
    )
    reply = update(**where, UpdateKinesisStreamingConfiguration=micro)
    assert reply["DestinationStatus"] == "UPDATING"
    assert reply["UpdateKinesisStreamingConfiguration"] == micro
    assert destinations(api, table) == [{"StreamArn": arn, "DestinationStatus": "ACTIVE", **micro}]
    refused(
        "ValidationException",
        same.format("MICROSECOND", uuid, arn),
        update,
        **where,
        UpdateKinesisStreamingConfiguration=micro,
    )
    for n in range(20):
        db.put_item(TableName=table, Item={"id": {"S": "a"}, "n": {"N": str(n)}})
    changes = [record["dynamodb"] for _, record in wait_for(kinesis, arn, 20)]
    assert {c["ApproximateCreationDateTimePrecision"] for c in changes} == {"MICROSECOND"}
    times = [c["ApproximateCreationDateTime"] for c in changes]
    assert times == sorted(set(times))
    assert abs(times[-1] / 1e6 - time.time()) < 60
    disable(api, table, arn)
    enable(api, table, arn)
    assert destinations(api, table) == [{"StreamArn": arn, "DestinationStatus": "ACTIVE"}]


def test_one_destination_is_alive_at_a_time(api, table, stream, refused):
    arn, other = stream(), stream()
    assert destinations(api, table) == []
    turn_on, turn_off = (
        api.enable_kinesis_streaming_destination,
        api.disable_kinesis_streaming_destination,
    )
    invalid = "ValidationException"
    refused(invalid, NOT_ACTIVE, turn_off, TableName=table, StreamArn=arn)
    enable(api, table, arn)
    for each in (arn, other):
        refused(invalid, NOT_DEAD, turn_on, TableName=table, StreamArn=each)
    refused(invalid, NOT_ACTIVE, turn_off, TableName=table, StreamArn=other)
    missing = STATE + (
        f"No streaming destination with streamArn: {other} found for table with tableName: {table}"
    )
    micro = {"ApproximateCreationDateTimePrecision": "MICROSECOND"}
    update = api.update_kinesis_streaming_destination
    where = {"TableName": table, "UpdateKinesisStreamingConfiguration": micro}
    refused(invalid, missing, update, StreamArn=other, **where)
    refused(
        invalid,
        "Stream cannot be disabled using EnableKinesisStreamingConfiguration parameters",
        turn_off,
        TableName=table,
        StreamArn=arn,
        EnableKinesisStreamingConfiguration=micro,
    )
    disable(api, table, arn)
    wrong = STATE + (
        "Kinesis streaming is not in ACTIVE state. Updates are only allowed in ACTIVE state. "
        f"TableName: {table}, kdsArn: {arn}"
    )
    refused(invalid, wrong, update, StreamArn=arn, **where)
    enable(api, table, other)
    assert destinations(api, table) == [
        {"StreamArn": other, "DestinationStatus": "ACTIVE"},
        {"StreamArn": arn, "DestinationStatus": "DISABLED"},
    ]


def test_a_stream_that_does_not_exist_fails_behind_the_reply(api, table, stream, refused):
    arn = stream()
    none = arn + "-none"
    for _ in range(2):
        reply = api.enable_kinesis_streaming_destination(TableName=table, StreamArn=none)
        assert reply["DestinationStatus"] == "ENABLING"
        wait_until(lambda: status_of(api, table, none) == "ENABLE_FAILED")
        assert [d["DestinationStatusDescription"] for d in destinations(api, table)] == [
            "User does not have a permission to use kinesis stream"
        ]
    refused(
        "ValidationException",
        NOT_ACTIVE,
        api.disable_kinesis_streaming_destination,
        TableName=table,
        StreamArn=none,
    )
    enable(api, table, arn)
    assert [d["DestinationStatus"] for d in destinations(api, table)] == ["ACTIVE", "ENABLE_FAILED"]
    gone = "Requested resource not found: Table: nobody not found"
    for call in (
        api.enable_kinesis_streaming_destination,
        api.disable_kinesis_streaming_destination,
        api.update_kinesis_streaming_destination,
    ):
        refused("ResourceNotFoundException", gone, call, TableName="nobody", StreamArn=arn)
    refused(
        "ResourceNotFoundException",
        gone,
        api.describe_kinesis_streaming_destination,
        TableName="nobody",
    )


def test_dead_destinations_are_forgotten_when_they_are_many(api, table, stream):
    arn = stream()
    for n in range(25):
        api.enable_kinesis_streaming_destination(TableName=table, StreamArn=f"{arn}-{n}")
    listed = [d["StreamArn"] for d in destinations(api, table)]
    assert listed == [f"{arn}-{n}" for n in range(24, 4, -1)]


def test_table_stream_and_destination_keep_out_of_each_others_way(api, db, client,
     kinesis, fresh, stream):
    """Both read the same changes, each its own life's, each with its own images."""
    name, arn = fresh("both"), stream()
    make_table(db, name, KEY["hash"])
    reader = client("dynamodbstreams")

    def put(n):
        db.put_item(TableName=name, Item={"id": {"S": "a"}, "n": {"N": str(n)}})

    def switch(on):
        spec = {"StreamEnabled": on, **({"StreamViewType": "NEW_IMAGE"} if on else {})}
        told = db.update_table(TableName=name, StreamSpecification=spec)["TableDescription"]
        return told["LatestStreamArn"]

    def read(label):
        shards = reader.describe_stream(StreamArn=label)["StreamDescription"]["Shards"]
        found = []
        for shard in shards:
            iterator = reader.get_shard_iterator(
                StreamArn=label, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            page = reader.get_records(ShardIterator=iterator)
            closed = "EndingSequenceNumber" in shard["SequenceNumberRange"]
            assert closed == ("NextShardIterator" not in page)
            found += [r["dynamodb"] for r in page["Records"]]
        assert all("OldImage" not in change for change in found)
        return [int(change["NewImage"]["n"]["N"]) for change in found]

    enable(api, name, arn)
    put(1)
    first = switch(True)
    put(2)
    disable(api, name, arn)
    put(3)
    switch(False)
    put(4)
    enable(api, name, arn)
    put(5)
    second = switch(True)
    put(6)
    found = [record["dynamodb"] for _, record in wait_for(kinesis, arn, 4)]
    assert [c["NewImage"]["n"]["N"] for c in found] == ["1", "2", "5", "6"]
    assert [c["OldImage"]["n"]["N"] for c in found if "OldImage" in c] == ["1", "4", "5"]
    assert (read(first), read(second)) == ([2, 3], [6])
    db.delete_table(TableName=name)


def test_what_was_acknowledged_before_the_table_went_arrives(api, db, kinesis, fresh, stream):
    name, arn = fresh("gone"), stream()
    make_table(db, name, KEY["hash"])
    enable(api, name, arn)
    for n in range(200):
        db.put_item(TableName=name, Item={"id": {"S": str(n)}})
    db.delete_table(TableName=name)
    found = wait_for(kinesis, arn, 200)
    assert {r["dynamodb"]["Keys"]["id"]["S"] for _, r in found} == set(map(str, range(200)))
    make_table(db, name, KEY["hash"])
    assert destinations(api, name) == []
    db.put_item(TableName=name, Item={"id": {"S": "other"}})
    enable(api, name, arn)
    db.put_item(TableName=name, Item={"id": {"S": "more"}})
    assert wait_for(kinesis, arn, 201)[-1][1]["dynamodb"]["Keys"] == {"id": {"S": "more"}}
    db.delete_table(TableName=name)


def test_a_stream_made_again_gets_what_its_forerunner_missed(
    server, api, db, kinesis, table, stream
):
    arn = stream()
    name = arn.split("/")[-1]
    enable(api, table, arn)
    kinesis.delete_stream(StreamName=name)
    wait_until(lambda: name not in kinesis.list_streams()["StreamNames"])
    db.put_item(TableName=table, Item={"id": {"S": "missed"}})
    assert status_of(api, table, arn) == "ACTIVE"  # AWS does not notice either
    wait_until(lambda: "does not exist" in destination_status(server, table)["reason"])
    make_stream(server, name)
    assert wait_for(kinesis, arn, 1)[0][1]["dynamodb"]["Keys"] == {"id": {"S": "missed"}}
    told = destination_status(server, table)
    assert (told["state"], told["stream"], told["records"]) == ("ACTIVE", arn, 1)
    kinesis.delete_stream(StreamName=name)
    disable(api, table, arn)


def destination_status(server, table):
    told = json.loads(server.request("GET", "/_millrace/status")[2])
    return next(d for d in told["destinations"] if d["name"] == table)


def test_deletions_by_time_to_live_are_told_as_the_services(api, db, kinesis, table, stream):
    arn = stream()
    enable(api, table, arn)
    past = {"N": str(int(time.time()) - 60)}
    db.put_item(TableName=table, Item={"id": {"S": "old"}, "ttl": past})
    db.update_time_to_live(
        TableName=table, TimeToLiveSpecification={"AttributeName": "ttl", "Enabled": True}
    )
    removed = wait_for(kinesis, arn, 2)[1][1]
    assert removed["eventName"] == "REMOVE"
    assert removed["userIdentity"] == {"principalId": "dynamodb.amazonaws.com", "type": "Service"}


def test_each_item_stays_in_order_over_reshards_and_kills(own_server):
    """Every acknowledged change once, in order per item; a change whose answer was lost at most
    once."""
    table, arn = "table", make_stream(own_server, "out", 2)
    make_table(own_server.client("dynamodb"), table, KEY["hash"])
    enable(Api(own_server), table, arn)
    sure, maybe, ending = {}, {}, threading.Event()

    def write(item):
        n = 0
        while not ending.is_set():
            n += 1
            try:
                own_server.client("dynamodb").put_item(
                    TableName=table, Item={"id": {"S": item}, "n": {"N": str(n)}}
                )
                sure.setdefault(item, []).append(n)
            except Exception:
                maybe.setdefault(item, []).append(n)

    writers = [threading.Thread(target=write, args=(f"item-{i}",)) for i in range(4)]
    for writer in writers:
        writer.start()
    try:
        for shards in (4, 2, 3):
            reached = sum(map(len, sure.values())) + 150
            wait_until(lambda: sum(map(len, sure.values())) > reached)
            own_server.kill9()
            own_server.start()
            own_server.client("kinesis").update_shard_count(
                StreamName="out", TargetShardCount=shards, ScalingType="UNIFORM_SCALING"
            )
    finally:
        ending.set()
    for writer in writers:
        writer.join()
    disable(Api(own_server), table, arn)
    carried = {}
    for _, record in records_of(own_server.client("kinesis"), arn):
        change = record["dynamodb"]
        item, n = change["Keys"]["id"]["S"], int(change["NewImage"]["n"]["N"])
        carried.setdefault(item, []).append(n)
    for item, numbers in sure.items():
        got = sorted(carried[item])
        assert got == sorted(set(got))
        assert set(numbers) <= set(got) <= set(numbers) | set(maybe.get(item, []))
        in_order(own_server.client("kinesis"), item)


def in_order(kinesis, item):
    """Within each shard the item's changes rise, and a child's lie behind its parents'."""
    seen = {}
    for shard in kinesis.list_shards(StreamName="out")["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName="out", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        numbers = []
        while iterator:
            page = kinesis.get_records(ShardIterator=iterator)
            for record in page["Records"]:
                change = json.loads(record["Data"])["dynamodb"]
                if change["Keys"]["id"]["S"] == item:
                    numbers.append(int(change["NewImage"]["n"]["N"]))
            iterator = page.get("NextShardIterator")
            if not page["Records"] and page["MillisBehindLatest"] == 0:
                break
        assert numbers == sorted(numbers)
        seen[shard["ShardId"]] = numbers
        for parent in ("ParentShardId", "AdjacentParentShardId"):
            before = seen.get(shard.get(parent)) or [0]
            assert not numbers or before[-1] < numbers[0]


def test_a_destination_without_its_stream_holds_the_journal(make_server):
    """Three days pass, segments go elsewhere: what is not carried stays."""
    server = make_server("--segment-bytes", 64 << 10)
    arn = make_stream(server, "away", 1)
    db, kinesis = server.client("dynamodb"), server.client("kinesis")
    make_table(db, "table", KEY["hash"])

    def fill(numbers):
        for n in numbers:
            pad = {"S": "x" * 8000}
            db.put_item(TableName="table", Item={"id": {"S": "a"}, "n": {"N": str(n)}, "pad": pad})

    fill(range(100, 130))
    enable(Api(server), "table", arn)
    kinesis.delete_stream(StreamName="away")
    wait_until(lambda: "away" not in kinesis.list_streams()["StreamNames"])
    fill(range(60))
    server.clock.advance(3 * 86400)
    held = wait_until(lambda: journal_of(server).get("held_by") == "destinations")
    assert held and journal_of(server)["segments"] > 5
    make_stream(server, "away")
    found = wait_for(kinesis, arn, 60)
    assert [int(r["dynamodb"]["NewImage"]["n"]["N"]) for _, r in found] == list(range(60))


def journal_of(server):
    return json.loads(server.request("GET", "/_millrace/status")[2])["journal"]
