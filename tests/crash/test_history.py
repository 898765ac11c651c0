"""Random concurrent operations on a table, and what their clients were told held against every
order that could have been: single items are linearizable, transactions strictly serialisable, and
the table's stream has every acknowledged change once, per item in an order that agrees with real
time, also over kill -9.

HISTORY_S=n lets a run last n seconds; HISTORY_SEED=n repeats the choices of one.
"""

import itertools
import math
import os
import random
import secrets
import threading
import time

import pytest

from support.history import ABSENT, Op, check, check_sequence
from support.wire import NEVER_SENT, UNKNOWN, Wire

RUN_S = float(os.environ.get("HISTORY_S", 2.5))
CLIENTS = 6
TABLE = "items"
KEYS = [(part, row) for part in ("p", "q") for row in range(3)]
REFUSED = ("ConditionalCheckFailedException", "TransactionCanceledException")


def key_json(key):
    return {"p": {"S": key[0]}, "r": {"N": str(key[1])}}


def item_json(key, value):
    return {**key_json(key), "v": {"S": value}}


def value_of(item):
    return item["v"]["S"] if item else ABSENT


def condition(expected):
    if expected is ABSENT:
        return {"ConditionExpression": "attribute_not_exists(p)"}
    return {"ConditionExpression": "v = :x", "ExpressionAttributeValues": {":x": {"S": expected}}}


class Client(threading.Thread):
    """Asks at random and notes what it was told."""

    def __init__(self, port, seed, number, stop, seen):
        super().__init__(name=f"client {number}")
        self.wire, self.stop, self.seen = Wire(port), stop, seen
        self.rng, self.number, self.values = random.Random(seed), number, itertools.count()
        self.history, self.trouble = [], None

    def run(self):
        kinds = [self.get, self.put, self.put, self.update, self.delete, self.query,
                 self.write_together, self.read_together, self.write_many]
        try:
            while not self.stop.is_set():
                self.rng.choice(kinds)()
        except Exception as failure:  # told by the test
            self.trouble = failure
        self.wire.close()

    def value(self):
        return f"{self.name[7:]}.{self.prefix}.{next(self.values)}"

    prefix = 0

    def guess(self, key):
        """What the item may hold: mostly what somebody was told last."""
        return self.seen.get(key, ABSENT) if self.rng.random() < 0.8 else ABSENT

    def ask(self, operation, body, op, read=None):
        op.what = f"{self.name}: {operation}"
        op.start = time.monotonic()
        told = self.wire.call(operation, body)
        op.end = time.monotonic()
        if told == NEVER_SENT:
            time.sleep(0.01)  # the server is down; nothing came of it
            return None
        if told == UNKNOWN:
            op.ok, op.end, op.saw = None, float("inf"), {}
            if op.writes:
                self.history.append(op)
            return None
        status, reply = told
        if status != 200:
            kind = reply["__type"].rsplit("#", 1)[-1]
            assert kind in REFUSED, reply
            if kind == REFUSED[1]:
                codes = {reason["Code"] for reason in reply["CancellationReasons"]}
                assert codes <= {"None", "ConditionalCheckFailed"}, reply
            op.ok = False
        elif read is not None:
            op.saw = read(reply)
        for key in op.items():
            self.seen[key] = op.writes.get(key, op.saw.get(key)) if op.ok else op.saw.get(key)
        self.history.append(op)
        return reply

    def get(self):
        key = self.rng.choice(KEYS)
        self.ask("GetItem", {"TableName": TABLE, "Key": key_json(key), "ConsistentRead": True},
                 Op(0, 0), lambda reply: {key: value_of(reply.get("Item"))})

    def query(self):
        """Each item is read at a moment of its own."""
        part = self.rng.choice("pq")
        op = Op(0, 0)
        keys = [key for key in KEYS if key[0] == part]

        def read(reply):
            found = {int(item["r"]["N"]): value_of(item) for item in reply["Items"]}
            return {key: found.get(key[1], ABSENT) for key in keys}

        if self.ask("Query", {
            "TableName": TABLE, "ConsistentRead": True, "KeyConditionExpression": "p = :p",
            "ExpressionAttributeValues": {":p": {"S": part}},
        }, op, read):
            self.history.remove(op)
            self.history += [Op(op.start, op.end, saw={key: op.saw[key]}, what=op.what)
                             for key in keys]

    def write(self, operation, body, op):
        self.ask(operation, {"TableName": TABLE, "ReturnValues": "ALL_OLD", **body}, op,
                 lambda reply: {key: value_of(reply.get("Attributes")) for key in op.writes})

    def conditions(self, key, op):
        if self.rng.random() < 0.5:
            return {}
        op.needs = {key: self.guess(key)}
        return condition(op.needs[key])

    def put(self):
        key, value = self.rng.choice(KEYS), self.value()
        op = Op(0, 0, writes={key: value})
        self.write("PutItem", {"Item": item_json(key, value), **self.conditions(key, op)}, op)

    def update(self):
        key, value = self.rng.choice(KEYS), self.value()
        op = Op(0, 0, writes={key: value})
        more = self.conditions(key, op)
        values = {**more.pop("ExpressionAttributeValues", {}), ":v": {"S": value}}
        self.write("UpdateItem", {"Key": key_json(key), "UpdateExpression": "SET v = :v",
                                  "ExpressionAttributeValues": values, **more}, op)

    def delete(self):
        key = self.rng.choice(KEYS)
        op = Op(0, 0, writes={key: ABSENT})
        self.write("DeleteItem", {"Key": key_json(key), **self.conditions(key, op)}, op)

    def write_together(self):
        op, actions = Op(0, 0), []
        for key in self.rng.sample(KEYS, self.rng.randrange(2, 4)):
            single, value = Op(0, 0), self.value()
            checks = {"TableName": TABLE, **self.conditions(key, single)}
            kind = self.rng.choice(["Put", "Delete", "Check"])
            if kind == "Check" and single.needs and op.writes:
                actions.append({"ConditionCheck": {"Key": key_json(key), **checks}})
            elif kind == "Delete" and op.writes:
                op.writes[key] = ABSENT
                actions.append({"Delete": {"Key": key_json(key), **checks}})
            else:
                op.writes[key] = value
                actions.append({"Put": {"Item": item_json(key, value), **checks}})
            op.needs.update(single.needs)
        self.ask("TransactWriteItems", {"TransactItems": actions}, op)

    def read_together(self):
        keys = self.rng.sample(KEYS, self.rng.randrange(2, 5))
        gets = [{"Get": {"TableName": TABLE, "Key": key_json(key)}} for key in keys]
        self.ask("TransactGetItems", {"TransactItems": gets}, Op(0, 0), lambda reply: {
            key: value_of(answer.get("Item")) for key, answer in zip(keys, reply["Responses"])})

    def write_many(self):
        """A batch: each write happens at a moment of its own."""
        op, puts = Op(0, 0), []
        for key in self.rng.sample(KEYS, 3):
            op.writes[key] = self.value()
            puts.append({"PutRequest": {"Item": item_json(key, op.writes[key])}})
        before = len(self.history)
        reply = self.ask("BatchWriteItem", {"RequestItems": {TABLE: puts}}, op)
        assert not (reply or {}).get("UnprocessedItems")
        if len(self.history) > before:
            self.history.pop()
            self.history += [Op(op.start, op.end, op.ok, writes={key: value}, what=op.what)
                             for key, value in op.writes.items()]


def run_clients(server, seed, seconds, seen, prefix, kill=False):
    """All clients for a while; returns what they noted."""
    stop = threading.Event()
    clients = [Client(server.port, seed * 100 + i, i, stop, seen) for i in range(CLIENTS)]
    for client in clients:
        client.prefix = prefix
        client.start()
    stop.wait(seconds)
    if kill:
        server.kill9()
    stop.set()
    for client in clients:
        client.join()
    assert not [client.trouble for client in clients if client.trouble]
    return [op for client in clients for op in client.history]


def make_table(server):
    return server.client("dynamodb").create_table(
        TableName=TABLE, BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"},
                   {"AttributeName": "r", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"},
                              {"AttributeName": "r", "AttributeType": "N"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]["LatestStreamArn"]


def read_stream(server, arn):
    """The values each item had, in the order of its records, whose images must join; and where in
    the whole each value stands, and the end of each as (item, value)."""
    streams = server.client("dynamodbstreams")
    values, places = {key: [] for key in KEYS}, {}
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON",
        )["ShardIterator"]
        while True:
            page = streams.get_records(ShardIterator=iterator)
            if not page["Records"]:
                break
            iterator = page["NextShardIterator"]
            for record in page["Records"]:
                change = record["dynamodb"]
                key = (change["Keys"]["p"]["S"], int(change["Keys"]["r"]["N"]))
                before = values[key][-1] if values[key] else ABSENT
                assert value_of(change.get("OldImage")) == before, record
                values[key].append(value_of(change.get("NewImage")))
                after = values[key][-1]
                place = (key, before) if after is ABSENT else after
                places[place] = int(change["SequenceNumber"])
    return values, places


def table_of(server):
    items = server.client("dynamodb").scan(TableName=TABLE, ConsistentRead=True)["Items"]
    return {(item["p"]["S"], int(item["r"]["N"])): value_of(item) for item in items}


@pytest.mark.parametrize("kills", [0, 2], ids=["running", "killed"])
def test_what_clients_were_told_has_an_order(own_server, kills):
    seed = int(os.environ.get("HISTORY_SEED", secrets.randbelow(1 << 30)))
    print(f"HISTORY_SEED={seed}")
    arn, seen, history = make_table(own_server), {}, []
    for part in range(kills + 1):
        last = part == kills
        history += run_clients(own_server, seed + part, RUN_S / (kills + 1), seen, part, not last)
        if not last:
            own_server.start()
    assert len(history) > 200
    now = time.monotonic()
    table = table_of(own_server)
    history += [Op(now, time.monotonic(), saw={key: table.get(key, ABSENT)}, what="at the end")
                for key in KEYS]
    values, places = read_stream(own_server, arn)

    def rank(op):
        ends = [places.get((key, op.saw.get(key)), math.inf) for key in op.writes]
        return min([places.get(value, math.inf) for value in op.writes.values()] + ends,
                   default=math.inf)

    verdict = check(history, rank)
    assert verdict.good, str(verdict)
    for key in KEYS:
        assert (values[key][-1] if values[key] else ABSENT) == table.get(key, ABSENT)
        wrong = check_sequence(history, key, values[key])
        assert wrong is None, wrong
