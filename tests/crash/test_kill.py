"""kill -9 at random moments under load: every acknowledged change lands once, in order per item.

Writers of their own items know each item's whole history: what was acknowledged, and what may or
may not have happened (the connection ended before an answer). Others all count up the same few
items. After the last restart the rows in S3 must be explained by those histories: nothing
acknowledged is missing, nothing is there twice, nothing is out of order. Two delivery streams read
the same Kinesis stream, one through a function and without a buffer, one plain with a short buffer.

CRASH_SEED=n repeats the choices of a run (not the moments that the machine makes of them);
CRASH_ROUND_S=n lets a round last up to n seconds.
"""

import contextlib
import json
import os
import random
import re
import secrets
import subprocess
import threading
import time

import pytest
from support import wait_until
from support.chain import make_delivery, make_function, make_pipe, make_stream, make_table
from support.server import millrace_bin

from .conftest import NEVER_SENT, UNKNOWN, Wire

ROUNDS = 20
ROUND_S_MAX = float(os.environ.get("CRASH_ROUND_S", 1.5))
OWNERS = 5
COUNTERS = 3
SHARED = ["shared-0", "shared-1"]
TABLE = "orders"

FLAT = """
import base64, json
def number(image):
    return int(image["n"]["N"]) if image else None
def handler(event, context):
    rows = []
    for r in event["records"]:
        change = json.loads(base64.b64decode(r["data"]))
        body = change["dynamodb"]
        row = {"id": body["Keys"]["id"]["S"], "event": change["eventName"],
               "seq": body["SequenceNumber"], "eventID": change["eventID"],
               "new": number(body.get("NewImage")), "old": number(body.get("OldImage"))}
        data = base64.b64encode((json.dumps(row) + chr(10)).encode()).decode()
        rows.append({"recordId": r["recordId"], "result": "Ok", "data": data})
    return {"records": rows}
"""


class Load:
    """What all writers share."""

    def __init__(self, port, seed):
        self.port = port
        self.seed = seed
        self.up = threading.Event()
        self.ending = threading.Event()
        self.histories = {}  # item -> [(kind, number, acknowledged)], its owner's
        self.counted = {}  # shared item -> numbers that were acknowledged
        self.lock = threading.Lock()
        self.failures = []

    def issue(self, wire, operation, body):
        """The reply, or UNKNOWN; waits while the server is down. None: the test ends."""
        while not self.ending.is_set():
            answer = wire.call(operation, body)
            if answer is not NEVER_SENT:
                if answer is not UNKNOWN and answer[0] != 200:
                    self.failures.append(answer)
                return answer
            self.up.wait(0.05)
        return None


@contextlib.contextmanager
def at_work(load, threads):
    """They run during the block, and have met no failure."""
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        load.ending.set()
        load.up.set()
        for thread in threads:
            thread.join()
    assert not load.failures, load.failures[:3]


def put_new(wire, names):
    """Items that show how far everything is: what was written before them is in front of them."""
    for name in names:
        item = {"id": {"S": name}, "n": {"N": "1"}}
        assert wire.call("PutItem", {"TableName": TABLE, "Item": item})[0] == 200


def own(load, writer):
    """Inserts, updates and deletes of items that nobody else writes: two of them hot."""
    rng = random.Random(f"{load.seed} {writer}")
    wire = Wire(load.port)
    count = cold = 0
    while not load.ending.is_set():
        if rng.random() < 0.7:
            item = f"hot-{writer}-{rng.randrange(2)}"
        else:
            cold += rng.random() < 0.6
            item = f"cold-{writer}-{cold}"
        count += 1
        key, number = {"id": {"S": item}}, {"N": str(count)}
        kind = rng.choices(["put", "update", "delete"], [4, 4, 2])[0]
        if kind == "put":
            text = {"S": "x" * rng.randrange(1, 1500)}
            body = {"Item": {**key, "n": number, "text": text}}
            answer = load.issue(wire, "PutItem", {"TableName": TABLE, **body})
        elif kind == "update":
            body = {"UpdateExpression": "SET n = :n", "ExpressionAttributeValues": {":n": number}}
            answer = load.issue(wire, "UpdateItem", {"TableName": TABLE, "Key": key, **body})
        else:
            answer = load.issue(wire, "DeleteItem", {"TableName": TABLE, "Key": key})
        if answer is None:
            break
        with load.lock:
            load.histories.setdefault(item, []).append((kind, count, answer is not UNKNOWN))
    wire.close()


def count_up(load, writer):
    """Adds one to items that others add to as well: the answer is the change's own number."""
    rng = random.Random(f"{load.seed} counter {writer}")
    wire = Wire(load.port)
    while not load.ending.is_set():
        item = rng.choice(SHARED)
        answer = load.issue(wire, "UpdateItem", {
            "TableName": TABLE,
            "Key": {"id": {"S": item}},
            "UpdateExpression": "ADD n :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
            "ReturnValues": "UPDATED_NEW",
        })  # fmt: skip
        if answer not in (None, UNKNOWN) and answer[0] == 200:
            with load.lock:
                numbers = load.counted.setdefault(item, [])
                numbers.append(int(answer[1]["Attributes"]["n"]["N"]))
    wire.close()


class Landing:
    """The rows below a prefix of the lake; objects are read once, for they never change."""

    def __init__(self, server, prefix, read):
        self.server, self.prefix, self.read = server, prefix, read
        self.objects = {}

    def look(self):
        s3 = self.server.client("s3")
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket="lake", Prefix=self.prefix):
            for found in page.get("Contents", []):
                if found["Key"] not in self.objects:
                    body = s3.get_object(Bucket="lake", Key=found["Key"])["Body"].read()
                    self.objects[found["Key"]] = self.read(body)
        return self.objects

    def by_item(self):
        """item -> its rows in order, each object's being one stretch of them."""
        items = {}
        for rows in self.look().values():
            mine = {}
            for row in rows:
                mine.setdefault(row["id"], []).append(row)
            for item, stretch in mine.items():
                items.setdefault(item, []).append(stretch)
        joined = {}
        for item, stretches in items.items():
            stretches.sort(key=lambda rows: rows[0]["seq"])
            joined[item] = [row for stretch in stretches for row in stretch]
            numbers = [row["seq"] for row in joined[item]]
            assert numbers == sorted(set(numbers)), f"{item} is out of order or doubled: {numbers}"
        return joined


def flat_rows(body):
    return [json.loads(line) for line in body.splitlines()]


def plain_rows(body):
    """Changes as the pipe made them, joined with nothing in between."""
    rows, decoder, text, at = [], json.JSONDecoder(), body.decode(), 0
    while at < len(text):
        change, at = decoder.raw_decode(text, at)
        images = [change["dynamodb"].get(name) for name in ("NewImage", "OldImage")]
        new, old = (int(image["n"]["N"]) if image else None for image in images)
        rows.append({
            "id": change["dynamodb"]["Keys"]["id"]["S"], "event": change["eventName"],
            "seq": change["dynamodb"]["SequenceNumber"], "eventID": change["eventID"],
            "new": new, "old": old,
        })  # fmt: skip
    return rows


def explain(item, history, rows):
    """The item's final number. Fails when the rows cannot have come of that history."""
    state, at = None, 0
    for kind, number, acknowledged in history:
        if kind == "delete":
            if state is None:
                continue  # nothing was there: no change, acknowledged or not
            wanted = {"event": "REMOVE", "new": None, "old": state}
        else:
            event = "INSERT" if state is None else "MODIFY"
            wanted = {"event": event, "new": number, "old": state}
        row = rows[at] if at < len(rows) else None
        if row is not None and all(row[name] == value for name, value in wanted.items()):
            state, at = wanted["new"], at + 1
        else:
            assert not acknowledged, f"{item}: acknowledged {kind} {number} is lost; next: {row}"
    assert at == len(rows), f"{item}: nothing explains {rows[at]}"
    return state


def check(load, landing, sentinels):
    """Every item's final number."""
    items = landing.by_item()
    final = {}
    for item, history in load.histories.items():
        final[item] = explain(item, history, items.pop(item, []))
    for item, acknowledged in load.counted.items():
        numbers = [row["new"] for row in items.pop(item, [])]
        assert numbers == list(range(1, len(numbers) + 1)), f"{item}: {numbers}"
        assert len(set(acknowledged)) == len(acknowledged)
        assert max(acknowledged, default=0) <= len(numbers), f"{item}: the newest counts are lost"
        if numbers:  # a run may end before anybody has counted
            final[item] = numbers[-1]
    for sentinel in sentinels:
        assert [row["new"] for row in items.pop(sentinel)] == [1]
    assert not items, f"nobody wrote {list(items)}"
    return final


def has_all(landing, sentinels):
    items = landing.by_item()
    return all(sentinel in items for sentinel in sentinels)


def set_up(server):
    source = make_table(server, TABLE)
    changes = make_stream(server, "changes", 2)
    server.client("s3").create_bucket(Bucket="lake")
    flat = make_function(server, "flat", FLAT, timeout=60)
    errors = {"ErrorOutputPrefix": "errors/"}
    make_delivery(server, "flat", "lake", changes, flat, seconds=0, Prefix="flat/", **errors)
    make_delivery(server, "plain", "lake", changes, seconds=1, Prefix="plain/", **errors)
    make_pipe(server, "copy", source, changes)


def crash_rounds(server, load):
    rng = random.Random(load.seed)
    load.up.set()
    for _ in range(ROUNDS):
        until = time.monotonic() + rng.choice([0, rng.uniform(0, 0.1), rng.uniform(0, ROUND_S_MAX)])
        wait_until(lambda until=until: time.monotonic() >= until, interval=0.005)
        load.up.clear()
        server.kill9()
        server.start()
        load.up.set()


def final_number(wire, item):
    status, reply = wire.call("GetItem", {"TableName": TABLE, "Key": {"id": {"S": item}},
                                          "ConsistentRead": True})  # fmt: skip
    assert status == 200, reply
    return int(reply["Item"]["n"]["N"]) if "Item" in reply else None


def row(event, new, old):
    return {"event": event, "new": new, "old": old}


def test_the_check_itself_sees_loss_doubles_and_disorder():
    history = [("put", 1, True), ("update", 2, False), ("put", 3, True), ("delete", 4, True)]
    first, maybe = row("INSERT", 1, None), row("MODIFY", 2, 1)
    with_maybe = [first, maybe, row("MODIFY", 3, 2), row("REMOVE", None, 3)]
    without = [first, row("MODIFY", 3, 1), row("REMOVE", None, 3)]
    for rows in (with_maybe, without):
        assert explain("o1", history, rows) is None
        for wrong in (
            rows[:-1],
            rows[1:],
            rows + rows[-1:],
            [rows[0], *rows],
            [*rows[:-2], rows[-1], rows[-2]],
            [*rows, row("INSERT", 9, None)],
        ):
            with pytest.raises(AssertionError):
                explain("o1", history, wrong)


def test_what_was_acknowledged_lands_once_and_in_order(make_server):
    seed = int(os.environ.get("CRASH_SEED", secrets.randbits(32)))
    print(f"CRASH_SEED={seed}")
    server = make_server()
    set_up(server)
    load = Load(server.port, seed)
    threads = [threading.Thread(target=own, args=(load, n)) for n in range(OWNERS)]
    threads += [threading.Thread(target=count_up, args=(load, n)) for n in range(COUNTERS)]
    with at_work(load, threads):
        crash_rounds(server, load)
    wire, sentinels = Wire(server.port), [f"sentinel-{n}" for n in range(64)]
    put_new(wire, sentinels)
    writes = sum(map(len, load.histories.values())) + sum(map(len, load.counted.values()))
    for prefix, read in (("flat/", flat_rows), ("plain/", plain_rows)):
        landing = Landing(server, prefix, read)
        wait_until(lambda it=landing: has_all(it, sentinels), interval=0.2)
        final = check(load, landing, sentinels)
        for item, number in final.items():
            assert final_number(wire, item) == number, f"{item} in the table"
        rows = sum(map(len, landing.objects.values()))
        print(f"{prefix} {writes} writes, {rows} rows in {len(landing.objects)} objects")
    errors = server.client("s3").list_objects_v2(Bucket="lake", Prefix="errors/")
    assert errors["KeyCount"] == 0
    assert not re.findall(r"^\S+ error .*", server.log(), re.MULTILINE)
    assert writes > 500
    audit = subprocess.run(
        [str(millrace_bin()), "verify", "--endpoint", server.url],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert audit.returncode == 0, audit.stdout + audit.stderr
