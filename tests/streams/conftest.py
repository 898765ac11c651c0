"""Tables with streams, and their records."""

import contextlib
import threading

import pytest
from support.chain import events_of, put_number
from support.wait import wait_until


@pytest.fixture
def db(client):
    return client("dynamodb")


@pytest.fixture
def streams(client):
    return client("dynamodbstreams")


@pytest.fixture
def streamed(db, fresh):
    """streamed("NEW_IMAGE") -> (table name, stream ARN); the tables are deleted afterwards."""
    made = []

    def make(view):
        name = fresh("st")
        reply = db.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": view},
        )
        made.append(name)
        return name, reply["TableDescription"]["LatestStreamArn"]

    yield make
    for name in made:
        db.delete_table(TableName=name)


def shards_of(streams, arn):
    return streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]


def read_shard(streams, arn, shard, kind="TRIM_HORIZON", **more):
    """All records from there to the present end of the shard."""
    iterator = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard, ShardIteratorType=kind, **more
    )["ShardIterator"]
    records = []
    while iterator:
        page = streams.get_records(ShardIterator=iterator)
        records += page["Records"]
        iterator = page.get("NextShardIterator")
        if not page["Records"]:
            break
    return records


def read_line(streams, arn):
    """All records of a stream, each shard behind its parent: as a consumer has to read."""
    listed = shards_of(streams, arn)
    ids = {shard["ShardId"] for shard in listed}
    done, records = set(), []
    while len(done) < len(listed):
        for shard in listed:
            parent = shard.get("ParentShardId")
            if shard["ShardId"] not in done and (parent not in ids or parent in done):
                records += read_shard(streams, arn, shard["ShardId"])
                done.add(shard["ShardId"])
    return records


def read_stream(streams, arn):
    """All records, in order of their sequence numbers."""
    records = [
        record
        for shard in shards_of(streams, arn)
        for record in read_shard(streams, arn, shard["ShardId"])
    ]
    return sorted(records, key=lambda record: int(record["dynamodb"]["SequenceNumber"]))


def by_key(changes):
    """{key: its numbers, in the order of the changes}"""
    found = {}
    for change in changes:
        image = change["dynamodb"]["NewImage"]
        found.setdefault(image["id"]["S"], []).append(int(image["n"]["N"]))
    return found


class Writers:
    """Each writes the numbers 0, 1, 2, ... to an item of its own of the table `orders`, over any
    number of kills of the server; its clock stands."""

    def __init__(self, server, count=4):
        self.server, self.count = server, count
        self.done = {}  # key: how many were acknowledged

    def write(self, key, stop):
        db = self.server.client("dynamodb")
        while not stop.is_set():
            number = self.done.get(key, 0)
            try:
                put_number(db, "orders", number, key)
            except Exception:
                if not stop.is_set():
                    raise
                return
            self.done[key] = number + 1

    @contextlib.contextmanager
    def until_a_kill(self):
        """They write during the block, which gets a function that pauses; then the server dies
        under them and starts again."""
        stop = threading.Event()
        threads = [threading.Thread(target=self.write, args=(f"k{i}", stop))
                   for i in range(self.count)]
        for thread in threads:
            thread.start()
        try:
            yield stop.wait
        finally:
            stop.set()
        self.server.kill9()
        for thread in threads:
            thread.join()
        self.server.start()

    def arrived(self, stream):
        self.server.clock.advance(1)
        return by_key(events_of(self.server, stream))

    def check_arrived(self, stream):
        """Waits until a pipe has carried all into the stream: each item's once, in order."""
        last = {}
        items = self.server.client("dynamodb").scan(TableName="orders", ConsistentRead=True)
        for item in items["Items"]:
            key, number = item["id"]["S"], int(item["n"]["N"])
            last[key] = number
            count = self.done.get(key, 0)
            assert number in (count - 1, count)  # the one without an answer may have happened
        wait_until(lambda: (seen := self.arrived(stream)) and all(
            seen.get(key, [-1])[-1] == last[key] for key in last))
        # A number whose answer was lost may have been written twice; the second changes nothing.
        assert self.arrived(stream) == {key: list(range(last[key] + 1)) for key in last}
