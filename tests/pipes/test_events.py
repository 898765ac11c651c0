"""What a pipe carries: the event's bytes, the partition key, each change once and in order."""

import json
import re
import time

from support import wait_until
from support.chain import (
    carried,
    events_of,
    make_pipe,
    make_stream,
    make_table,
    numbers_of,
    pipe_status,
    put_number,
    shard_records,
    stream_records,
)


def test_the_event_is_byte_for_byte_the_one_of_aws(server, db, ends, pipe):
    it = ends()
    pipe(it, key="$.eventID")
    before = int(time.time())
    db.put_item(TableName=it.table, Item={"id": {"S": "o1"}, "price": {"N": "9.50"}})
    db.put_item(TableName=it.table, Item={"id": {"S": "o1"}, "b": {"B": b"\x00\xff"}})
    db.delete_item(TableName=it.table, Key={"id": {"S": "o1"}})
    texts = [record["Data"].decode() for record in carried(server, it, 3)]
    tail = f'"eventSourceARN":"{it.source}"}}'
    first = '"NewImage":{"id":{"S":"o1"},"price":{"N":"9.5"}}'
    second = '"NewImage":{"b":{"B":"AP8="},"id":{"S":"o1"}}'
    old = [first.replace("New", "Old"), second.replace("New", "Old")]
    wanted = [("INSERT", first, 23), ("MODIFY", f"{second},{old[0]}", 32), ("REMOVE", old[1], 20)]
    ids, times = set(), []
    for text, (name, images, _) in zip(texts, wanted):
        pattern = (
            r'{"eventID":"([0-9a-f]{32})","eventName":"' + name + r'","eventVersion":"1\.1",'
            r'"eventSource":"aws:dynamodb","awsRegion":"us-east-1","dynamodb":{'
            r'"ApproximateCreationDateTime":([0-9]{10}),"Keys":{"id":{"S":"o1"}},'
        )
        head = re.match(pattern, text)
        assert head, text
        rest = text[head.end() :]
        sequence = re.search(
            r',"SequenceNumber":"(1[0-9]{20})","SizeBytes":([0-9]+),'
            r'"StreamViewType":"NEW_AND_OLD_IMAGES"},' + re.escape(tail) + "$",
            rest,
        )
        assert sequence, text
        got = rest[: sequence.start()]
        assert json.loads("{" + got + "}") == json.loads("{" + images + "}")
        assert list(json.loads("{" + got + "}")) == list(json.loads("{" + images + "}"))
        ids.add(head.group(1))
        times.append(int(head.group(2)))
    assert len(ids) == 3
    assert all(before <= at <= before + 60 for at in times)


def test_a_pipe_and_the_streams_api_tell_the_same(server, client, db, ends, pipe):
    it = ends()
    pipe(it)
    for n in range(3):
        put_number(db, it.table, n)
    events = [json.loads(record["Data"]) for record in carried(server, it, 3)]
    streams = client("dynamodbstreams")
    shards = streams.describe_stream(StreamArn=it.source)["StreamDescription"]["Shards"]
    records = {}
    for shard in shards:
        at = streams.get_shard_iterator(
            StreamArn=it.source, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        for record in streams.get_records(ShardIterator=at)["Records"]:
            records[record["eventID"]] = record
    assert len(records) == 3
    for event in events:
        record = records[event["eventID"]]
        for name in ("Keys", "NewImage", "SequenceNumber", "SizeBytes", "StreamViewType"):
            assert event["dynamodb"][name] == record["dynamodb"][name]
        assert event["eventName"] == record["eventName"]
        assert event["eventSourceARN"] == it.source


def test_views_leave_out_what_they_do_not_show(server, db, ends, pipe):
    for view, members in (
        ("KEYS_ONLY", [set(), set(), set()]),
        ("NEW_IMAGE", [{"NewImage"}, {"NewImage"}, set()]),
        ("OLD_IMAGE", [set(), {"OldImage"}, {"OldImage"}]),
    ):
        it = ends(view=view)
        pipe(it)
        put_number(db, it.table, 1)
        put_number(db, it.table, 2)
        db.delete_item(TableName=it.table, Key={"id": {"S": "o1"}})
        events = [json.loads(record["Data"]) for record in carried(server, it, 3)]
        images = [set(e["dynamodb"]) & {"NewImage", "OldImage"} for e in events]
        assert images == members, view


def test_the_partition_key_is_a_literal_or_a_path(server, db, ends, pipe):
    for key, wanted in (
        ("orders", lambda event: "orders"),
        ("$.eventID", lambda event: event["eventID"]),
        ("$.dynamodb.Keys.id.S", lambda event: event["dynamodb"]["Keys"]["id"]["S"]),
        ("$.dynamodb.NewImage.n.N", lambda event: event["dynamodb"]["NewImage"]["n"]["N"]),
        ("$.dynamodb.SizeBytes", lambda event: str(event["dynamodb"]["SizeBytes"])),
    ):
        it = ends()
        pipe(it, key=key)
        for n in range(3):
            put_number(db, it.table, n, f"o{n}")
        for record in carried(server, it, 3):
            assert record["PartitionKey"] == wanted(json.loads(record["Data"])), key


def test_every_change_is_carried_once_and_in_order_per_item(server, db, ends, pipe):
    it = ends(shards=3)
    pipe(it, BatchSize=7)
    for n in range(30):
        items = [
            {"PutRequest": {"Item": {"id": {"S": f"o{k}"}, "n": {"N": str(n)}}}} for k in range(10)
        ]
        db.batch_write_item(RequestItems={it.table: items})
    carried(server, it, 300)
    seen = {}
    for shard in server.client("kinesis").list_shards(StreamName=it.stream)["Shards"]:
        for record in shard_records(server, it.stream, shard["ShardId"]):
            event = json.loads(record["Data"])
            key = event["dynamodb"]["Keys"]["id"]["S"]
            seen.setdefault(key, []).append(int(event["dynamodb"]["NewImage"]["n"]["N"]))
    assert seen == {f"o{k}": list(range(30)) for k in range(10)}


def test_trim_horizon_takes_what_was_there_and_latest_what_comes(server, db, ends, pipe):
    early, late = ends(), ends()
    for it in (early, late):
        put_number(db, it.table, 1)
    pipe(early, start="TRIM_HORIZON")
    pipe(late, start="LATEST")
    for it in (early, late):
        put_number(db, it.table, 2)
    carried(server, early, 2)
    carried(server, late, 1)
    assert numbers_of(events_of(server, early.stream)) == [1, 2]
    assert numbers_of(events_of(server, late.stream)) == [2]


def test_a_batching_window_gathers_until_it_is_over_or_the_batch_is_full(server, db, ends, pipe):
    it = ends()
    pipe(it, BatchSize=5, MaximumBatchingWindowInSeconds=300)
    for n in range(4):
        put_number(db, it.table, n)
    # A pipe without a window on the same table shows that time enough has passed.
    other = ends()
    other_name = pipe(other)
    put_number(db, other.table, 0)
    carried(server, other, 1)
    assert other_name and stream_records(server, it.stream) == []
    put_number(db, it.table, 4)
    assert numbers_of([json.loads(r["Data"]) for r in carried(server, it, 5)]) == [0, 1, 2, 3, 4]
    short = ends()
    pipe(short, BatchSize=500, MaximumBatchingWindowInSeconds=1)
    start = time.monotonic()
    put_number(db, short.table, 1)
    carried(server, short, 1)
    assert time.monotonic() - start >= 0.9


def test_a_long_window_ends_by_the_clock(own_server):
    source = make_table(own_server, "orders")
    make_stream(own_server, "to")
    target = "arn:aws:kinesis:us-east-1:000000000000:stream/to"
    make_pipe(own_server, "waits", source, target, MaximumBatchingWindowInSeconds=300)
    put_number(own_server.client("dynamodb"), "orders", 1)
    wait_until(lambda: pipe_status(own_server, "waits")["lag_ms"] > 0)
    own_server.clock.advance(seconds=280)
    put_number(own_server.client("dynamodb"), "orders", 2)
    assert stream_records(own_server, "to") == []
    # The window began when the pipe read the first one, which may have been after that.
    wait_until(lambda: own_server.clock.advance(seconds=30)
               and len(stream_records(own_server, "to")) == 2)  # fmt: skip
    wait_until(lambda: pipe_status(own_server, "waits")["hop_ms"] > 20000)


def test_two_pipes_on_one_table_carry_all_each(server, db, ends, pipe):
    one, two = ends(), ends()
    two.source, two.table = one.source, one.table
    pipe(one)
    pipe(two)
    for n in range(5):
        put_number(db, one.table, n)
    for it in (one, two):
        carried(server, it, 5)
        assert numbers_of(events_of(server, it.stream)) == list(range(5))
