"""kill -9 at random moments while pipes filter, work side by side, reshape and chain: each carries
what a plain pipe carries, less what its filter leaves out, once, and in order per item.

The plain pipe is the truth here; test_kill.py holds it against what was acknowledged. Between the
kills the lanes of a pipe change their number, and pipes are stopped and started.
"""

import json
import os
import random
import secrets
import threading
import time

from support import wait_until
from support.chain import (
    ACCOUNT,
    ROLE,
    events_of,
    lines_of,
    make_delivery,
    make_pipe,
    make_stream,
    make_table,
    shard_records,
)

from .conftest import Wire
from .test_kill import TABLE, Load, at_work, own, put_new

ROUNDS = 8
ROUND_S_MAX = float(os.environ.get("CRASH_ROUND_S", 0.8))
OWNERS = 3
ROW = '{"id": <$.dynamodb.Keys.id.S>, "event": "<$.eventName>", "seq": <$.dynamodb.SequenceNumber>}'
ROW_OF_DATA = ROW.replace("$.", "$.data.")


def set_up(server):
    source = make_table(server, TABLE)
    make_pipe(server, "plain", source, make_stream(server, "plain"))
    make_pipe(
        server, "filtered", source, make_stream(server, "filtered"),
        filters=[{"eventName": ["INSERT"]}, {"dynamodb": {"Keys": {"id": {"S": [
            {"prefix": "hot-1"}]}}}}], to={"InputTemplate": ROW},
    )  # fmt: skip
    lanes = make_stream(server, "lanes", 2)
    make_pipe(server, "lanes", source, lanes, ParallelizationFactor=5, BatchSize=7)
    make_pipe(
        server, "chained", lanes, make_stream(server, "chained", 3),
        key="$.data.dynamodb.Keys.id.S", to={"InputTemplate": ROW_OF_DATA},
        filters=[{"data": {"eventName": [{"anything-but": "REMOVE"}]}}], ParallelizationFactor=3,
    )  # fmt: skip
    server.client("s3").create_bucket(Bucket="lake")
    make_delivery(server, "landed", "lake", seconds=1)
    landed = f"arn:aws:firehose:us-east-1:{ACCOUNT}:deliverystream/landed"
    make_pipe(server, "landed", source, landed, to={"InputTemplate": ROW + "\n"})


def disturb(server, rng):
    """A change of one of the pipes, in the middle of the load."""
    pipes = server.client("pipes")
    kind = rng.choice(["factor", "stop", "none"])
    if kind == "factor":
        factor = {"ParallelizationFactor": rng.randint(1, 10), "BatchSize": 7}
        pipes.update_pipe(
            Name="lanes", RoleArn=ROLE, SourceParameters={"DynamoDBStreamParameters": factor}
        )
    elif kind == "stop":
        name = rng.choice(["filtered", "chained", "landed"])
        pipes.stop_pipe(Name=name)
        pipes.start_pipe(Name=name)


def crash_rounds(server, load):
    rng = random.Random(load.seed)
    load.up.set()
    for _ in range(ROUNDS):
        until = time.monotonic() + rng.uniform(0, ROUND_S_MAX)
        disturb(server, rng)
        wait_until(lambda until=until: time.monotonic() >= until, interval=0.005)
        load.up.clear()
        server.kill9()
        server.start()
        load.up.set()


def rows_of(server, stream):
    """(item, number, what happened) of each record, shard by shard."""
    rows = []
    for shard in server.client("kinesis").list_shards(StreamName=stream)["Shards"]:
        for record in shard_records(server, stream, shard["ShardId"]):
            row = json.loads(record["Data"])
            if "dynamodb" in row:
                row = {"id": row["dynamodb"]["Keys"]["id"]["S"], "event": row["eventName"],
                       "seq": row["dynamodb"]["SequenceNumber"]}  # fmt: skip
            rows.append((row["id"], row["seq"], row["event"]))
    return rows


def by_item(rows):
    items = {}
    for item, number, event in rows:
        items.setdefault(item, []).append((number, event))
    return items


def test_filtered_parallel_and_reshaped_changes_arrive_once_and_in_order(make_server):
    seed = int(os.environ.get("CRASH_SEED", secrets.randbits(32)))
    print(f"CRASH_SEED={seed}")
    server = make_server()
    set_up(server)
    load = Load(server.port, seed)
    threads = [threading.Thread(target=own, args=(load, n)) for n in range(OWNERS)]
    with at_work(load, threads):
        crash_rounds(server, load)
    last = [f"hot-1-last-{n}" for n in range(40)]  # new items, so that no filter leaves them out
    put_new(Wire(server.port), last)
    for stream in ("plain", "filtered", "lanes", "chained"):
        wait_until(
            lambda s=stream: set(last) <= {row[0] for row in rows_of(server, s)}, interval=0.3,
        )  # fmt: skip
    truth = by_item(rows_of(server, "plain"))
    assert sum(map(len, truth.values())) == len(events_of(server, "plain")) > 300
    for numbers in truth.values():
        assert numbers == sorted(set(numbers))
    assert by_item(rows_of(server, "lanes")) == truth
    kept = {i: [r for r in rows if r[1] != "REMOVE"] for i, rows in truth.items()}
    assert by_item(rows_of(server, "chained")) == {i: rows for i, rows in kept.items() if rows}
    kept = {
        i: [r for r in rows if r[1] == "INSERT" or i.startswith("hot-1")]
        for i, rows in truth.items()
    }
    assert by_item(rows_of(server, "filtered")) == {i: rows for i, rows in kept.items() if rows}
    wait_until(lambda: set(last) <= {row["id"] for row in lines_of(server, "lake")})
    landed = sorted((row["id"], row["seq"], row["event"]) for row in lines_of(server, "lake"))
    assert landed == sorted((i, *row) for i, rows in truth.items() for row in rows)
