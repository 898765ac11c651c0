"""The machine's clock is set forward and back while the chain runs: nothing that waits for a time
waits longer, times do not go back, and each change lands once, in order."""

import json

from support import wait_until
from support.chain import (
    make_delivery,
    make_function,
    make_pipe,
    make_stream,
    make_table,
    numbers_of,
    objects_of,
    put_number,
    shard_records,
)

from .test_kill import FLAT, flat_rows, plain_rows

HOUR_MS = 3600 * 1000


def set_clock_by(server, ms):
    status, _, body = server.request("POST", "/_millrace/clock", json.dumps({"system_by_ms": ms}))
    assert status == 200, body


def set_up(server, seen):
    source, changes = make_table(server, "orders"), make_stream(server, "changes")
    server.client("s3").create_bucket(Bucket="lake")
    make_pipe(server, "copy", source, changes, MaximumBatchingWindowInSeconds=1)
    make_delivery(server, "plain", "lake", changes, seconds=2, Prefix="plain/")
    flat = make_function(server, "flat", FLAT)
    make_delivery(server, "flat", "lake", changes, flat, seconds=2, Prefix="flat/")
    text = f"def handler(event, context):\n    open({str(seen)!r}, 'a').write('.')\n"
    make_function(server, "seen", text)
    server.client("lambda").create_event_source_mapping(
        EventSourceArn=changes, FunctionName="seen", StartingPosition="TRIM_HORIZON",
        MaximumBatchingWindowInSeconds=1,
    )  # fmt: skip


def landed(server, prefix, read):
    return sorted(row["new"] for body in objects_of(server, "lake", prefix).values()
                  for row in read(body))  # fmt: skip


def wait_for(server, numbers):
    for prefix, read in (("plain/", plain_rows), ("flat/", flat_rows)):
        wait_until(lambda p=prefix, r=read: landed(server, p, r) == numbers)


def arrivals(server):
    records = shard_records(server, "changes", "shardId-000000000000")
    assert numbers_of([json.loads(record["Data"]) for record in records]) == sorted(
        numbers_of([json.loads(record["Data"]) for record in records])
    )
    return [record["ApproximateArrivalTimestamp"] for record in records]


def test_a_clock_that_is_set_holds_nothing_up(make_server, tmp_path):
    server, seen = make_server(), tmp_path / "seen"
    set_up(server, seen)
    db = server.client("dynamodb")
    for number, by_ms in enumerate([-HOUR_MS, -HOUR_MS, HOUR_MS, 3 * HOUR_MS, -2 * HOUR_MS]):
        put_number(db, "orders", number)
        set_clock_by(server, by_ms)  # what was written waits in windows and buffers
        wait_for(server, list(range(number + 1)))
        wait_until(lambda n=number: seen.exists() and len(seen.read_text()) > n)
    times = arrivals(server)
    assert times == sorted(times) and len(times) == 5


def test_times_do_not_go_back_when_the_clock_was_set_back_between_two_runs(make_server, tmp_path):
    server = make_server()
    set_up(server, tmp_path / "seen")
    db = server.client("dynamodb")
    set_clock_by(server, HOUR_MS)
    put_number(db, "orders", 0)
    wait_for(server, [0])
    server.kill9()
    server.start()  # the clock is right again: an hour earlier
    assert "s behind the newest change in the journal" in server.log()
    put_number(db, "orders", 1)
    set_clock_by(server, -HOUR_MS)
    wait_for(server, [0, 1])
    times = arrivals(server)
    assert times == sorted(times) and len(times) == 2
    after = shard_records(server, "changes", "shardId-000000000000", "AT_TIMESTAMP",
                          Timestamp=times[1])  # fmt: skip
    assert numbers_of([json.loads(record["Data"]) for record in after]) == [1]


def test_an_item_expires_though_the_clock_was_set_back(own_server):
    server = own_server
    db = server.client("dynamodb")
    make_table(server, "orders")
    db.update_time_to_live(
        TableName="orders", TimeToLiveSpecification={"Enabled": True, "AttributeName": "ends"}
    )
    ends = server.clock.now_ms // 1000 + 2
    db.put_item(TableName="orders", Item={"id": {"S": "a"}, "ends": {"N": str(ends)}})
    set_clock_by(server, -HOUR_MS)
    wait_until(lambda: db.scan(TableName="orders")["Count"] == 0)
