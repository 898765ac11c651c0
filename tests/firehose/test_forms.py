"""The form of objects: compressions, names in a time zone, and the ages that the clock decides."""

import datetime
import gzip
import io
import re
import zipfile

import pytest
from support import wait_until
from support.chain import make_delivery, objects_of, status_of, unchecked

BODY = b"".join(b"%d some words that repeat, some words that repeat\n" % n for n in range(9000))


def unsnappy(packed):
    """One block of Snappy: literals and copies."""
    at = shift = length = 0
    while True:
        byte = packed[at]
        length |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            break
    out = bytearray()
    while at < len(packed):
        tag = packed[at]
        at += 1
        if tag & 3 == 0:
            size = tag >> 2
            if size >= 60:
                extra = size - 59
                size = int.from_bytes(packed[at : at + extra], "little")
                at += extra
            out += packed[at : at + size + 1]
            at += size + 1
            continue
        if tag & 3 == 1:
            size, offset = (tag >> 2 & 7) + 4, (tag >> 5) << 8 | packed[at]
            at += 1
        else:
            width = 2 if tag & 3 == 2 else 4
            size, offset = (tag >> 2) + 1, int.from_bytes(packed[at : at + width], "little")
            at += width
        for _ in range(size):
            out.append(out[-offset])
    assert len(out) == length
    return bytes(out)


def snappy_java(packed):
    assert packed[:16] == b"\x82SNAPPY\0\0\0\0\1\0\0\0\1"
    out, at = b"", 16
    while at < len(packed):
        size = int.from_bytes(packed[at : at + 4], "big")
        out += unsnappy(packed[at + 4 : at + 4 + size])
        at += 4 + size
    return out


def hadoop_snappy(packed):
    out, at = b"", 0
    while at < len(packed):
        whole, size = (int.from_bytes(packed[at + i : at + i + 4], "big") for i in (0, 4))
        block = unsnappy(packed[at + 8 : at + 8 + size])
        assert len(block) == whole
        out, at = out + block, at + 8 + size
    return out


def unzip(packed):
    archive = zipfile.ZipFile(io.BytesIO(packed))
    (name,) = archive.namelist()
    assert re.fullmatch("[0-9a-f-]{36}", name)
    return archive.read(name)


@pytest.mark.parametrize("form, extension, encoding, unpack", [
    ("GZIP", ".gz", "gzip", gzip.decompress),
    ("ZIP", ".zip", "zip", unzip),
    ("Snappy", ".snappy", "snappy-java", snappy_java),
    ("HADOOP_SNAPPY", ".snappy", "hadoop-snappy", hadoop_snappy),
])  # fmt: skip
def test_a_compression_has_its_framing_extension_and_encoding(
    server, firehose, s3, bucket, delivery, form, extension, encoding, unpack
):
    name = delivery(CompressionFormat=form)
    firehose.put_record(DeliveryStreamName=name, Record={"Data": BODY})
    key = wait_until(lambda: list(objects_of(server, bucket)))[0]
    assert key.endswith(extension) and name in key
    found = s3.get_object(Bucket=bucket, Key=key)
    assert found["ContentType"] == "application/octet-stream"
    assert found["ContentEncoding"] == encoding
    body = found["Body"].read()
    assert len(body) < len(BODY) / 2
    assert unpack(body) == BODY


def test_keys_and_their_times_are_of_the_custom_time_zone(own_server, fresh):
    own_server.client("s3").create_bucket(Bucket="lake")
    moment = datetime.datetime(2031, 7, 3, 22, 11, 12, tzinfo=datetime.timezone.utc)
    own_server.clock.hold()
    own_server.clock.set_ms(int(moment.timestamp() * 1000))
    firehose = unchecked(own_server, "firehose")
    cases = {
        "tokyo": ("Asia/Tokyo", None, r"2031/07/04/07/tokyo-1-2031-07-04-07-11-12-.*"),
        "york": ("America/New_York", "d=!{timestamp:yyyy-MM-dd'T'HHmmss z}/",
                 r"d=2031-07-03T181112 EDT/york-1-2031-07-03-18-11-12-.*"),
    }  # fmt: skip
    for name, (zone, prefix, _) in cases.items():
        more = {"Prefix": prefix, "ErrorOutputPrefix": "e/"} if prefix else {}
        make_delivery(own_server, name, "lake", CustomTimeZone=zone, **more)
        firehose.put_record(DeliveryStreamName=name, Record={"Data": name.encode()})
    keys = wait_until(lambda: len(objects_of(own_server, "lake")) == 2
                      and list(objects_of(own_server, "lake")))  # fmt: skip
    for _, _, pattern in cases.values():
        assert any(re.fullmatch(pattern, key) for key in keys), (pattern, keys)


def test_a_buffer_lands_at_its_very_age(own_server):
    server, firehose = own_server, own_server.client("firehose")
    server.client("s3").create_bucket(Bucket="lake")
    with server.clock.held():
        make_delivery(server, "aged", "lake", seconds=60)
        firehose.put_record(DeliveryStreamName="aged", Record={"Data": b"first "})
        wait_until(lambda: waiting_of(server, "aged") == 1)
        server.clock.advance(50)
        firehose.put_record(DeliveryStreamName="aged", Record={"Data": b"second"})
        wait_until(lambda: waiting_of(server, "aged") == 2)
        server.clock.advance(ms=9_999)
        assert waiting_of(server, "aged") == 2 and objects_of(server, "lake") == {}
        server.clock.advance(ms=1)
        wait_until(lambda: list(objects_of(server, "lake").values()) == [b"first second"])


def test_an_update_does_not_land_what_is_held_before_its_time(own_server):
    server, firehose = own_server, own_server.client("firehose")
    server.client("s3").create_bucket(Bucket="lake")
    with server.clock.held():
        make_delivery(server, "held", "lake", seconds=60, Prefix="one/")
        firehose.put_record(DeliveryStreamName="held", Record={"Data": b"held"})
        wait_until(lambda: waiting_of(server, "held") == 1)
        firehose.update_destination(
            DeliveryStreamName="held",
            CurrentDeliveryStreamVersionId="1",
            DestinationId="destinationId-000000000001",
            ExtendedS3DestinationUpdate={"Prefix": "two/"},
        )
        server.clock.advance(59)
        firehose.put_record(DeliveryStreamName="held", Record={"Data": b"."})
        wait_until(lambda: waiting_of(server, "held") == 2)
        assert objects_of(server, "lake") == {}
        server.clock.advance(1)
        key = wait_until(lambda: list(objects_of(server, "lake")))[0]
        assert key.startswith("two/") and "/held-2-" in key


def waiting_of(server, name):
    return int(next(d for d in status_of(server)["deliveries"] if d["name"] == name)["waiting"])
