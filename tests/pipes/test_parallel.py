"""ParallelizationFactor: lanes by item, their order, and changes of their number."""

import collections

import pytest
from support import wait_until
from support.chain import (
    ROLE,
    events_of,
    make_pipe,
    make_stream,
    make_table,
    pipe_status,
    put_number,
    stream_records,
)


def by_item(events):
    out = collections.defaultdict(list)
    for event in events:
        image = event["dynamodb"]["NewImage"]
        out[image["id"]["S"]].append(int(image["n"]["N"]))
    return dict(out)


def write(db, table, items, numbers):
    for n in numbers:
        for item in range(items):
            put_number(db, table, n, f"o{item}")


@pytest.mark.parametrize("factor", [2, 10])
def test_each_item_keeps_its_order(server, db, ends, pipe, factor):
    it = ends()
    name = pipe(it, ParallelizationFactor=factor, BatchSize=3)
    write(db, it.table, 12, range(10))
    wait_until(lambda: len(stream_records(server, it.stream)) >= 120)
    assert by_item(events_of(server, it.stream)) == {
        f"o{item}": list(range(10)) for item in range(12)
    }
    shown = wait_until(lambda: (it := pipe_status(server, name))["records"] == 120 and it)
    assert shown["lanes"] % factor == 0


def test_a_blocked_item_holds_only_its_own_lane(server, db, pipes, ends, pipe):
    it = ends()
    name = pipe(it, ParallelizationFactor=10, key="$.dynamodb.NewImage.n.N")
    db.put_item(TableName=it.table, Item={"id": {"S": "bad"}})  # no number
    write(db, it.table, 20, [1])
    # About nine lanes of ten are free.
    wait_until(lambda: len(stream_records(server, it.stream)) >= 10)
    wait_until(lambda: "is blocked" in pipes.describe_pipe(Name=name).get("StateReason", ""))
    pipes.update_pipe(
        Name=name,
        RoleArn=ROLE,
        TargetParameters={"KinesisStreamParameters": {"PartitionKey": "any"}},
    )
    wait_until(lambda: len(stream_records(server, it.stream)) >= 21)
    assert len(stream_records(server, it.stream)) == 21


def test_the_factor_may_change_while_lanes_are_not_level(server, db, pipes, ends, pipe):
    it = ends()
    key = "$.dynamodb.NewImage.n.N"
    name = pipe(it, ParallelizationFactor=5, key=key)
    db.put_item(TableName=it.table, Item={"id": {"S": "bad"}})
    write(db, it.table, 20, range(3))
    wait_until(lambda: len(stream_records(server, it.stream)) >= 30)
    for factor in (3, 7, 1):  # the bad one still stands at the head of a lane
        pipes.update_pipe(
            Name=name,
            RoleArn=ROLE,
            SourceParameters={"DynamoDBStreamParameters": {"ParallelizationFactor": factor}},
        )
        wait_until(lambda: "is blocked" in pipes.describe_pipe(Name=name).get("StateReason", ""))
    pipes.update_pipe(
        Name=name,
        RoleArn=ROLE,
        SourceParameters={"DynamoDBStreamParameters": {"ParallelizationFactor": 4}},
        TargetParameters={"KinesisStreamParameters": {"PartitionKey": "any"}},
    )
    wait_until(lambda: len(stream_records(server, it.stream)) >= 61)
    events = [e for e in events_of(server, it.stream) if e["dynamodb"]["Keys"]["id"]["S"] != "bad"]
    assert by_item(events) == {f"o{item}": list(range(3)) for item in range(20)}
    assert len(stream_records(server, it.stream)) == 61


def test_lanes_go_on_after_a_kill(own_server):
    source = make_table(own_server, "orders")
    make_pipe(own_server, "lanes", source, make_stream(own_server, "to"), ParallelizationFactor=4)
    for numbers in (range(3), range(3, 6)):
        write(own_server.client("dynamodb"), "orders", 8, numbers)
        own_server.kill9()
        own_server.start()
    wait_until(lambda: len(stream_records(own_server, "to")) >= 48)
    assert by_item(events_of(own_server, "to")) == {f"o{i}": list(range(6)) for i in range(8)}
