"""Kinesis in CBOR, as the Java SDKs, KCL and KPL speak it. No client at hand does, so the bytes are
made and read here."""

import math
import re
import socket
import struct
import threading
import time

import pytest
from support.chain import ACCOUNT, stream_records

FIRST = "shardId-000000000000"
TYPE = "application/x-amz-cbor-1.1"


class Time:
    """Tag 1 with milliseconds, as the SDKs write it here."""

    def __init__(self, ms):
        self.ms = ms

    def __repr__(self):
        return f"Time({self.ms})"


def head(major, number):
    for info, form in ((24, ">B"), (25, ">H"), (26, ">I"), (27, ">Q")):
        if number < 24:
            return bytes([major << 5 | number])
        if number < 1 << 8 * struct.calcsize(form):
            return bytes([major << 5 | info]) + struct.pack(form, number)
    raise ValueError(number)


def encode(value, loose=False):
    """`loose`: indefinite lengths, texts and byte strings in pieces."""
    if value is True or value is False:
        return b"\xf5" if value else b"\xf4"
    if value is None:
        return b"\xf6"
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, Time):
        return b"\xc1" + encode(value.ms)
    if isinstance(value, (bytes, str)):
        major, raw = (2, value) if isinstance(value, bytes) else (3, value.encode())
        if not loose:
            return head(major, len(raw)) + raw
        pieces = [raw[i : i + 3] for i in range(0, len(raw), 3)]
        if major == 3 and not raw.isascii():
            pieces = [raw]
        return bytes([major << 5 | 31]) + b"".join(
            head(major, len(p)) + p for p in pieces) + b"\xff"  # fmt: skip
    if isinstance(value, (list, tuple)):
        body = b"".join(encode(item, loose) for item in value)
        return b"\x9f" + body + b"\xff" if loose else head(4, len(value)) + body
    body = b"".join(encode(k, loose) + encode(v, loose) for k, v in value.items())
    return b"\xbf" + body + b"\xff" if loose else head(5, len(value)) + body


def decode_at(data, at):
    major, info = data[at] >> 5, data[at] & 31
    at += 1
    number = info
    if 24 <= info <= 27:
        size = 1 << (info - 24)
        number = int.from_bytes(data[at : at + size], "big")
        at += size
    assert info < 28, "what the server writes has definite lengths"
    if major == 0:
        return number, at
    if major == 1:
        return -1 - number, at
    if major in (2, 3):
        raw = data[at : at + number]
        assert len(raw) == number
        return (raw if major == 2 else raw.decode()), at + number
    if major == 4:
        items = []
        for _ in range(number):
            item, at = decode_at(data, at)
            items.append(item)
        return items, at
    if major == 5:
        found = {}
        for _ in range(number):
            key, at = decode_at(data, at)
            assert isinstance(key, str) and key not in found
            found[key], at = decode_at(data, at)
        return found, at
    if major == 6:
        assert number == 1
        ms, at = decode_at(data, at)
        assert isinstance(ms, int)
        return Time(ms), at
    if info == 27:
        return struct.unpack(">d", number.to_bytes(8, "big"))[0], at
    return {20: False, 21: True, 22: None}[info], at


def decode(data):
    value, end = decode_at(data, 0)
    assert end == len(data)
    return value


@pytest.fixture(params=[False, True], ids=["definite", "indefinite"])
def call(server, request):
    """call(operation, member=value...) -> (status, reply)"""

    def make(operation, **members):
        return post(server, operation, encode(members, request.param))

    return make


def post(server, operation, body):
    headers = {"Content-Type": TYPE, "X-Amz-Target": f"Kinesis_20131202.{operation}"}
    status, reply_headers, reply = server.request("POST", "/", body, headers)
    if not reply:
        return status, None
    assert reply_headers["content-type"] == TYPE
    return status, decode(reply)


def test_records_go_in_and_come_out_as_bytes(call, server, stream):
    name = stream(1)
    bodies = [b"", b"plain", bytes(range(256)), b"x" * 100_000]
    before = int(time.time() * 1000)
    status, one = call("PutRecord", StreamName=name, Data=bodies[0], PartitionKey="κ")
    assert status == 200 and set(one) == {"ShardId", "SequenceNumber"}
    status, many = call("PutRecords", StreamName=name, Records=[
        {"Data": body, "PartitionKey": "k", "ExplicitHashKey": "7"} for body in bodies[1:]
    ])  # fmt: skip
    assert status == 200 and many["FailedRecordCount"] == 0
    status, at = call("GetShardIterator", StreamName=name, ShardId=FIRST,
                      ShardIteratorType="AT_TIMESTAMP", Timestamp=Time(before))  # fmt: skip
    assert status == 200
    status, page = call("GetRecords", ShardIterator=at["ShardIterator"], Limit=100)
    assert status == 200
    assert [record["Data"] for record in page["Records"]] == bodies
    assert [r["PartitionKey"] for r in page["Records"]] == ["κ", "k", "k", "k"]
    assert page["MillisBehindLatest"] == 0
    numbers = [one["SequenceNumber"]] + [r["SequenceNumber"] for r in many["Records"]]
    assert [record["SequenceNumber"] for record in page["Records"]] == numbers
    # The same by JSON.
    other = stream_records(server, name)
    assert [record["Data"] for record in other] == bodies
    for here, there in zip(page["Records"], other):
        stamp = there["ApproximateArrivalTimestamp"].timestamp()
        assert here["ApproximateArrivalTimestamp"].ms == round(stamp * 1000)
        assert before <= here["ApproximateArrivalTimestamp"].ms <= time.time() * 1000


def test_streams_are_described_and_changed(call, fresh):
    name = fresh("cbor")
    status, nothing = call("CreateStream", StreamName=name, ShardCount=2, Tags={"a": "b"})
    assert (status, nothing) == (200, None)
    status, found = call("DescribeStream", StreamName=name)
    shown = found["StreamDescription"]
    assert status == 200 and shown["HasMoreShards"] is False
    assert abs(shown["StreamCreationTimestamp"].ms - time.time() * 1000) < 60_000
    assert len(shown["Shards"]) == 2
    status, _ = call("SplitShard", StreamName=name, ShardToSplit=FIRST, NewStartingHashKey="99")
    assert status == 200
    status, found = call("ListShards", StreamName=name, ShardFilter={"Type": "AT_LATEST"})
    assert [s["ShardId"][-1] for s in found["Shards"]] == ["1", "2", "3"]
    status, found = call("ListTagsForStream", StreamName=name)
    assert found == {"Tags": [{"Key": "a", "Value": "b"}], "HasMoreTags": False}
    assert call("DeleteStream", StreamName=name) == (200, None)


def test_errors_have_the_words_of_json(call, server, stream):
    assert call("DescribeStream", StreamName="nobody") == (
        400,
        {"__type": "ResourceNotFoundException",
         "message": f"Stream nobody under account {ACCOUNT} not found."},
    )  # fmt: skip
    status, reply = call("PutRecord", StreamName="s", Data=b"x", PartitionKey="")
    assert (status, reply["__type"]) == (400, "ValidationException")
    assert "at 'partitionKey' failed to satisfy constraint" in reply["message"]
    status, reply = call("GetRecords", ShardIterator=5)
    assert (status, reply["__type"]) == (400, "SerializationException")
    status, reply = call("Nonsense")
    assert (status, reply["__type"]) == (400, "UnknownOperationException")


@pytest.mark.parametrize("body", [
    b"", b"\xff", b"{}", b"\xa1", encode({"ShardIterator": "x"})[:-1], encode([1]), encode("text"),
    encode({"ShardIterator": "x"}) + b"\x00", b"\xa1\x01\x02", b"\x81" * 5000,
    b"\xbb" + b"\xff" * 8, b"\xa1\x61a\x7b" + b"\xff" * 8,
])  # fmt: skip
def test_what_is_no_cbor_is_refused(server, body):
    status, reply = post(server, "GetRecords", body)
    assert (status, reply["__type"]) == (400, "SerializationException")


def test_bytes_do_not_pass_for_a_text(server, stream):
    """They would be taken as their base64: a stream of that name might even be there."""
    name = stream(1)
    good = {"StreamName": name, "PartitionKey": "k", "Data": b"x"}
    assert post(server, "PutRecord", encode(good))[0] == 200
    for member in ("StreamName", "PartitionKey"):
        status, reply = post(server, "PutRecord", encode({**good, member: b"text"}))
        assert (status, reply["__type"]) == (400, "SerializationException"), member
    records = [{"PartitionKey": b"k", "Data": b"x"}]
    status, reply = post(server, "PutRecords", encode({"StreamName": name, "Records": records}))
    assert (status, reply["__type"]) == (400, "SerializationException")


def test_numbers_of_every_form_are_read(server, stream):
    name = stream(1)
    half = b"\xf9" + struct.pack(">e", 2.0)
    single = b"\xfa" + struct.pack(">f", 2.0)
    for number in (b"\x02", b"\x18\x02", b"\x19\x00\x02", half, single, encode(2.0)):
        body = b"\xa2" + encode("StreamName") + encode(name) + encode("Limit") + number
        status, reply = post(server, "DescribeStream", body)
        assert status == 200, reply
    seconds = b"\xc1" + encode(math.floor(time.time()) - 60)  # the RFC's seconds
    body = b"\xa4" + b"".join(map(encode, (
        "StreamName", name, "ShardId", FIRST, "ShardIteratorType", "AT_TIMESTAMP", "Timestamp",
    ))) + seconds  # fmt: skip
    status, reply = post(server, "GetShardIterator", body)
    assert status == 200, reply


def test_subscriptions_push_cbor(server, kinesis, stream):
    name = stream(1)
    kinesis.put_record(StreamName=name, Data=b"\x00\xff", PartitionKey="k")
    arn = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/{name}"
    consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="c")["Consumer"]
    body = encode({"ConsumerARN": consumer["ConsumerARN"], "ShardId": FIRST,
                   "StartingPosition": {"Type": "TRIM_HORIZON"}})  # fmt: skip
    host, port = re.fullmatch(r"http://(.*):(\d+)", server.url).groups()
    with socket.create_connection((host, int(port)), timeout=90) as connection:
        connection.sendall(
            f"POST / HTTP/1.0\r\nHost: {host}\r\nContent-Type: {TYPE}\r\n"
            f"X-Amz-Target: Kinesis_20131202.SubscribeToShard\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode() + body
        )
        # HTTP/1.0: no chunks, so the frames follow the empty line as they are.
        stop = threading.Timer(0.2, kinesis.delete_stream,
                               kwargs={"StreamName": name, "EnforceConsumerDeletion": True})
        reply = b""
        while b"SubscribeToShardEvent" not in reply:
            reply += connection.recv(65536)
        stop.start()
        while more := connection.recv(65536):
            reply += more
        stop.join()
    head_text, _, frames = reply.partition(b"\r\n\r\n")
    assert b"application/vnd.amazon.eventstream" in head_text
    payloads = []
    while frames:
        total, header_bytes = struct.unpack(">II", frames[:8])
        assert TYPE.encode() in frames[12 : 12 + header_bytes]
        payloads.append(decode(frames[12 + header_bytes : total - 4]))
        frames = frames[total:]
    assert payloads[0] == {}
    assert payloads[1]["Records"][0]["Data"] == b"\x00\xff"
    assert isinstance(payloads[1]["Records"][0]["ApproximateArrivalTimestamp"], Time)
    assert payloads[1]["MillisBehindLatest"] == 0
    assert list(payloads[-1]) == ["message"]


def test_other_services_keep_to_json(server):
    headers = {"Content-Type": TYPE, "X-Amz-Target": "DynamoDB_20120810.ListTables"}
    status, _, reply = server.request("POST", "/", encode({}), headers)
    assert status in (400, 404) and TYPE not in str(reply)
