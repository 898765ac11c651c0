"""Enhanced fan-out: consumers, and what SubscribeToShard pushes to them."""

import datetime
import http.client
import json
import re
import struct
import threading
import zlib

import pytest
from support import wait_until
from support.chain import ACCOUNT, refused

FIRST = "shardId-000000000000"


def arn_of(name):
    return f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/{name}"


def register(kinesis, name, consumer="reader"):
    made = kinesis.register_stream_consumer(StreamARN=arn_of(name), ConsumerName=consumer)
    return made["Consumer"]["ConsumerARN"]


def put(kinesis, name, *texts, key="k"):
    return [
        kinesis.put_record(StreamName=name, Data=text, PartitionKey=key)["SequenceNumber"]
        for text in texts
    ]


class Subscription:
    """Reads events on a thread of its own, through boto3, until the server ends the stream."""

    def __init__(self, server, consumer, shard=FIRST, kind="TRIM_HORIZON", **where):
        client = server.client("kinesis")
        reply = client.subscribe_to_shard(
            ConsumerARN=consumer, ShardId=shard, StartingPosition={"Type": kind, **where}
        )
        self.stream = reply["EventStream"]
        self.events, self.failure, self.ended = [], None, False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            for event in self.stream:
                self.events.append(event["SubscribeToShardEvent"])
        except Exception as failure:
            self.failure = failure
        self.ended = True

    def texts(self):
        return [record["Data"] for event in self.events for record in event["Records"]]

    def wait(self, *texts):
        wait_until(lambda: self.texts() == list(texts) or self.ended, message=self.texts)
        assert self.texts() == list(texts)


# ---- registering ----


def test_a_consumer_is_registered_described_listed_and_deregistered(kinesis, stream):
    name = stream(1)
    made = kinesis.register_stream_consumer(StreamARN=arn_of(name), ConsumerName="reader")
    made = made["Consumer"]
    stamp = made.pop("ConsumerCreationTimestamp")
    arn = made["ConsumerARN"]
    assert made == {"ConsumerName": "reader", "ConsumerARN": arn, "ConsumerStatus": "CREATING"}
    assert arn == f"{arn_of(name)}/consumer/reader:{int(stamp.timestamp())}"
    shown = {"ConsumerName": "reader", "ConsumerARN": arn, "ConsumerStatus": "ACTIVE",
             "ConsumerCreationTimestamp": stamp}  # fmt: skip
    for where in ({"ConsumerARN": arn}, {"StreamARN": arn_of(name), "ConsumerName": "reader"}):
        described = kinesis.describe_stream_consumer(**where)["ConsumerDescription"]
        assert described == {**shown, "StreamARN": arn_of(name)}
    assert kinesis.list_stream_consumers(StreamARN=arn_of(name))["Consumers"] == [shown]

    def count():
        found = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        return found["ConsumerCount"]

    assert count() == 1
    kinesis.deregister_stream_consumer(StreamARN=arn_of(name), ConsumerName="reader")
    assert count() == 0
    assert kinesis.list_stream_consumers(StreamARN=arn_of(name))["Consumers"] == []
    text = refused(kinesis.describe_stream_consumer, "ResourceNotFoundException", ConsumerARN=arn)
    assert text == f"Consumer {arn}, account {ACCOUNT} not found."
    refused(kinesis.deregister_stream_consumer, "ResourceNotFoundException", ConsumerARN=arn)


def test_names_are_taken_once_and_at_most_twenty(kinesis, stream):
    name = stream(1)
    for i in range(20):
        register(kinesis, name, f"c{i:02d}")
    text = refused(kinesis.register_stream_consumer, "ResourceInUseException",
                   StreamARN=arn_of(name), ConsumerName="c07")  # fmt: skip
    assert text == f"Consumer c07 under stream {name} already exists for account {ACCOUNT}."
    refused(kinesis.register_stream_consumer, "LimitExceededException", StreamARN=arn_of(name),
            ConsumerName="c20")  # fmt: skip
    refused(kinesis.register_stream_consumer, "ResourceNotFoundException",
            StreamARN=arn_of("nobody"), ConsumerName="c")  # fmt: skip
    refused(kinesis.describe_stream_consumer, "InvalidArgumentException", ConsumerName="c07")
    pages = list(
        kinesis.get_paginator("list_stream_consumers").paginate(
            StreamARN=arn_of(name), PaginationConfig={"PageSize": 7}
        )
    )
    assert [len(page["Consumers"]) for page in pages] == [7, 7, 6]
    listed = [consumer["ConsumerName"] for page in pages for consumer in page["Consumers"]]
    assert listed == [f"c{i:02d}" for i in range(20)]


def test_a_stream_with_consumers_is_deleted_only_by_force(kinesis, fresh):
    name = fresh("ks")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    register(kinesis, name)
    refused(kinesis.delete_stream, "ResourceInUseException", StreamName=name)
    kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
    refused(kinesis.describe_stream_summary, "ResourceNotFoundException", StreamName=name)


def test_consumers_and_their_tags_outlive_a_crash(own_server):
    kinesis = own_server.client("kinesis")
    kinesis.create_stream(StreamName="s", ShardCount=1)
    arn = register(kinesis, "s")

    def call(operation, **body):
        status, _, reply = own_server.request(
            "POST", "/", json.dumps(body),
            {"Content-Type": "application/x-amz-json-1.1",
             "X-Amz-Target": f"Kinesis_20131202.{operation}"})  # fmt: skip
        assert status == 200, reply
        return json.loads(reply) if reply else None

    call("TagResource", ResourceARN=arn, Tags={"team": "sales"})
    call("PutResourcePolicy", ResourceARN=arn, Policy='{"a":1}')
    before = kinesis.list_stream_consumers(StreamARN=arn_of("s"))["Consumers"]
    own_server.kill9()
    own_server.restart()
    kinesis = own_server.client("kinesis")
    assert kinesis.list_stream_consumers(StreamARN=arn_of("s"))["Consumers"] == before
    assert call("ListTagsForResource", ResourceARN=arn)["Tags"] == [
        {"Key": "team", "Value": "sales"}]  # fmt: skip
    assert call("GetResourcePolicy", ResourceARN=arn)["Policy"] == '{"a":1}'


# ---- SubscribeToShard ----


def test_records_are_pushed_as_they_become_durable(server, kinesis, stream):
    name = stream(1)
    numbers = put(kinesis, name, b"one", b"two")
    reader = Subscription(server, register(kinesis, name))
    reader.wait(b"one", b"two")
    texts = [b"one", b"two"]
    with server.clock.held():  # no time comes in which anybody would look again
        for number in range(5):
            texts.append(b"more %d" % number)
            numbers += put(kinesis, name, texts[-1])
            reader.wait(*texts)
    last = reader.events[-1]
    assert set(last) == {"Records", "ContinuationSequenceNumber", "MillisBehindLatest"}
    assert last["ContinuationSequenceNumber"] == numbers[-1]
    assert last["MillisBehindLatest"] == 0
    record = last["Records"][0]
    assert set(record) == {
        "SequenceNumber", "ApproximateArrivalTimestamp", "Data", "PartitionKey"}  # fmt: skip
    assert (record["PartitionKey"], record["SequenceNumber"]) == ("k", numbers[-1])
    age = datetime.datetime.now(datetime.timezone.utc) - record["ApproximateArrivalTimestamp"]
    assert abs(age.total_seconds()) < 60


def test_each_starting_position_is_kept(server, kinesis, stream):
    name = stream(1)
    numbers = put(kinesis, name, b"0", b"1", b"2", b"3")
    long_ago = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    cases = [
        ("TRIM_HORIZON", {}, [b"0", b"1", b"2", b"3"]),
        ("AT_SEQUENCE_NUMBER", {"SequenceNumber": numbers[2]}, [b"2", b"3"]),
        ("AFTER_SEQUENCE_NUMBER", {"SequenceNumber": numbers[2]}, [b"3"]),
        ("AT_TIMESTAMP", {"Timestamp": long_ago}, [b"0", b"1", b"2", b"3"]),
        ("LATEST", {}, []),
    ]
    readers = [
        (Subscription(server, register(kinesis, name, f"c{i}"), kind=kind, **where), texts)
        for i, (kind, where, texts) in enumerate(cases)
    ]
    put(kinesis, name, b"new")
    for reader, texts in readers:
        reader.wait(*texts, b"new")
    

def test_an_idle_subscription_hears_every_five_seconds_where_it_stands(server, kinesis, stream):
    name = stream(1)
    put(kinesis, name, b"before")
    consumer = register(kinesis, name)
    with server.clock.held():
        reader = Subscription(server, consumer, kind="LATEST")
        server.clock.advance(ms=4999)
        assert reader.events == []
        server.clock.advance(ms=1)
        wait_until(lambda: reader.events)
        event = reader.events[0]
        assert event["Records"] == [] and event["MillisBehindLatest"] == 0
        # From the next subscription's start on: five seconds old, so it takes the place.
        put(kinesis, name, b"after")
        reader.wait(b"after")
        after = Subscription(
            server, consumer, kind="AFTER_SEQUENCE_NUMBER",
            SequenceNumber=event["ContinuationSequenceNumber"])  # fmt: skip
        after.wait(b"after")
        wait_until(lambda: reader.ended)
        assert "ResourceInUseException" in str(reader.failure)


def test_a_young_subscription_keeps_its_place(server, kinesis, stream):
    name = stream(2)
    consumer = register(kinesis, name)
    with server.clock.held():  # it stays younger than five seconds
        reader = Subscription(server, consumer)
        text = refused(
            kinesis.subscribe_to_shard, "ResourceInUseException", ConsumerARN=consumer,
            ShardId=FIRST, StartingPosition={"Type": "LATEST"})  # fmt: skip
        assert text.startswith("Another active subscription exists for this consumer: ")
    others = [
        Subscription(server, consumer, shard="shardId-000000000001"),
        Subscription(server, register(kinesis, name, "other")),
    ]
    kinesis.put_record(StreamName=name, Data=b"x", PartitionKey="k", ExplicitHashKey="0")
    for it in (reader, others[1]):
        wait_until(it.texts)
    assert others[0].texts() == []


def test_the_last_event_of_a_closed_shard_names_its_children(server, kinesis, stream):
    name = stream(1)
    reader = Subscription(server, register(kinesis, name))
    put(kinesis, name, b"one")
    reader.wait(b"one")
    kinesis.split_shard(StreamName=name, ShardToSplit=FIRST, NewStartingHashKey=str(2**127))
    wait_until(lambda: reader.ended)
    assert reader.failure is None
    last = reader.events[-1]
    assert [child["ShardId"] for child in last["ChildShards"]] == [
        "shardId-000000000001", "shardId-000000000002"]  # fmt: skip
    assert "ContinuationSequenceNumber" not in last
    assert reader.texts() == [b"one"]


def test_a_long_way_behind_comes_in_several_events(server, kinesis, stream):
    name = stream(1)
    for start in range(0, 3000, 500):
        kinesis.put_records(
            StreamName=name,
            Records=[{"Data": b"%d" % i, "PartitionKey": "k"} for i in range(start, start + 500)],
        )
    for _ in range(3):
        kinesis.put_record(StreamName=name, Data=bytes(1_000_000), PartitionKey="k")
    reader = Subscription(server, register(kinesis, name))
    wait_until(lambda: len(reader.texts()) == 3003, message=lambda: len(reader.texts()))
    assert [int(text) for text in reader.texts()[:3000]] == list(range(3000))
    assert len(reader.events) > 3
    assert all(len(event["Records"]) <= 1000 for event in reader.events)
    assert reader.events[-1]["MillisBehindLatest"] == 0


@pytest.mark.parametrize("how", ["deregister", "delete"])
def test_the_end_of_consumer_or_stream_ends_the_subscription(server, kinesis, fresh, how):
    name = fresh("ks")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    consumer = register(kinesis, name)
    reader = Subscription(server, consumer)
    if how == "deregister":
        kinesis.deregister_stream_consumer(ConsumerARN=consumer)
    else:
        kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
    wait_until(lambda: reader.ended)
    assert "ResourceNotFoundException" in str(reader.failure)
    if how == "deregister":
        kinesis.delete_stream(StreamName=name)


def test_subscriptions_that_cannot_be_are_refused(kinesis, stream):
    name = stream(1)
    consumer = register(kinesis, name)

    def refuse(code, arn=consumer, shard=FIRST, **start):
        return refused(kinesis.subscribe_to_shard, code, ConsumerARN=arn, ShardId=shard,
                       StartingPosition=start or {"Type": "LATEST"})  # fmt: skip

    refuse("ResourceNotFoundException", arn=arn_of("nobody") + "/consumer/x:1")
    refuse("ResourceNotFoundException", arn=arn_of(name) + "/consumer/x:1")
    refuse("ResourceNotFoundException", shard="shardId-000000000009")
    refuse("InvalidArgumentException", Type="AT_SEQUENCE_NUMBER")
    refuse("InvalidArgumentException", Type="AT_SEQUENCE_NUMBER", SequenceNumber="12")
    refuse("InvalidArgumentException", Type="LATEST", SequenceNumber="12")


# ---- the wire ----


def read_frame(reply):
    """One message of the event stream, its checksums verified: (headers, payload)."""
    head = reply.read(12)
    total, header_bytes, crc = struct.unpack(">III", head)
    assert crc == zlib.crc32(head[:8])
    rest = reply.read(total - 12)
    assert struct.unpack(">I", rest[-4:])[0] == zlib.crc32(head + rest[:-4])
    headers, at = {}, 0
    while at < header_bytes:
        size = rest[at]
        name = rest[at + 1 : at + 1 + size].decode()
        at += 1 + size
        assert rest[at] == 7
        (size,) = struct.unpack(">H", rest[at + 1 : at + 3])
        headers[name] = rest[at + 3 : at + 3 + size].decode()
        at += 3 + size
    return headers, rest[header_bytes:-4]


def test_the_frames_are_those_of_aws(server, kinesis, stream):
    name = stream(1)
    put(kinesis, name, b"hi")
    consumer = register(kinesis, name)
    host, port = re.fullmatch(r"http://(.*):(\d+)", server.url).groups()
    connection = http.client.HTTPConnection(host, int(port), timeout=90)
    connection.request(
        "POST", "/",
        json.dumps({"ConsumerARN": consumer, "ShardId": FIRST,
                    "StartingPosition": {"Type": "TRIM_HORIZON"}}),
        {"Content-Type": "application/x-amz-json-1.1",
         "X-Amz-Target": "Kinesis_20131202.SubscribeToShard"})  # fmt: skip
    reply = connection.getresponse()
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/vnd.amazon.eventstream"
    assert reply.headers["x-amzn-RequestId"]
    kind = {":message-type": "event", ":content-type": "application/x-amz-json-1.1"}
    assert read_frame(reply) == ({**kind, ":event-type": "initial-response"}, b"{}")
    headers, payload = read_frame(reply)
    assert headers == {**kind, ":event-type": "SubscribeToShardEvent"}
    event = json.loads(payload)
    assert event["Records"][0]["Data"] == "aGk="
    assert event["MillisBehindLatest"] == 0
    connection.close()


def test_a_server_stops_though_somebody_subscribes(own_server):
    kinesis = own_server.client("kinesis")
    kinesis.create_stream(StreamName="s", ShardCount=1)
    put(kinesis, "s", b"one")
    reader = Subscription(own_server, register(kinesis, "s"))
    reader.wait(b"one")
    own_server.stop()  # long before the five minutes of a subscription are over
    wait_until(lambda: reader.ended)


def test_a_subscription_ends_after_five_minutes(own_server):
    kinesis = own_server.client("kinesis")
    kinesis.create_stream(StreamName="s", ShardCount=1)
    put(kinesis, "s", b"one")
    own_server.clock.hold()
    reader = Subscription(own_server, register(kinesis, "s"))
    reader.wait(b"one")
    own_server.clock.advance(seconds=299)
    put(kinesis, "s", b"two")
    reader.wait(b"one", b"two")
    assert not reader.ended
    own_server.clock.advance(seconds=1)
    wait_until(lambda: reader.ended)
    assert reader.failure is None
    put(kinesis, "s", b"three")
    last = reader.events[-1]["ContinuationSequenceNumber"]
    again = Subscription(
        own_server, kinesis.list_stream_consumers(StreamARN=arn_of("s"))["Consumers"][0][
            "ConsumerARN"], kind="AFTER_SEQUENCE_NUMBER", SequenceNumber=last,
    )  # fmt: skip
    again.wait(b"three")
