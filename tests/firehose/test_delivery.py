"""What lands in S3: bytes, keys, times, and each record once."""

import datetime
import gzip
import json
import random
import re
import time

import pytest
from support import wait_until
from support.chain import ROLE, make_delivery, objects_of, refused, status_of, unchecked

UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
HOUR = "[0-9]{4}/[0-9]{2}/[0-9]{2}/[0-9]{2}/"
TIME = "[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2}"


def put(firehose, name, *bodies):
    reply = firehose.put_record_batch(
        DeliveryStreamName=name, Records=[{"Data": body} for body in bodies]
    )
    assert reply["FailedPutCount"] == 0
    return reply


def landed(server, bucket, size):
    """All bytes below the bucket once there are `size` of them."""
    def joined():
        whole = b"".join(objects_of(server, bucket).values())
        assert len(whole) <= size, "more landed than was put"
        return len(whole) == size and whole

    return wait_until(joined)


def test_records_are_joined_with_nothing_in_between(server, firehose, bucket, delivery):
    name = delivery(seconds=1)
    reply = put(firehose, name, b'{"a":1}', b'{"b":2}', b"", b"\x00\xff")
    ids = [record["RecordId"] for record in reply["RequestResponses"]]
    assert len(set(ids)) == 4 and reply["Encrypted"] is False
    assert landed(server, bucket, 16) == b'{"a":1}{"b":2}\x00\xff'
    assert len(objects_of(server, bucket)) == 1


def test_objects_are_encrypted_by_the_key_of_the_configuration(server, s3, bucket, delivery):
    key = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555"
    encryption = {"KMSEncryptionConfig": {"AWSKMSKeyARN": key}}
    name = delivery(seconds=1, EncryptionConfiguration=encryption)
    put(unchecked(server, "firehose"), name, b"secret")
    assert landed(server, bucket, 6) == b"secret"
    head = s3.head_object(Bucket=bucket, Key=next(iter(objects_of(server, bucket))))
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)


@pytest.mark.parametrize(
    "prefix, pattern",
    [
        (None, f"{HOUR}NAME-1-{TIME}-{UUID}"),
        ("raw/", f"raw/{HOUR}NAME-1-{TIME}-{UUID}"),
        ("legacy", f"legacy{HOUR}NAME-1-{TIME}-{UUID}"),
        ("y=!{timestamp:yyyy}/m=!{timestamp:MM}/",
         f"y=[0-9]{{4}}/m=[01][0-9]/NAME-1-{TIME}-{UUID}"),
        ("r/!{firehose:random-string}/", f"r/[A-Za-z0-9]{{11}}/NAME-1-{TIME}-{UUID}"),
        ("q/!{timestamp:yyyy'T'HH}/", f"q/[0-9]{{4}}T[0-9]{{2}}/NAME-1-{TIME}-{UUID}"),
    ],
)  # fmt: skip
def test_keys_follow_the_rules_of_prefixes(server, firehose, bucket, delivery, prefix, pattern):
    more = {} if prefix is None else {"Prefix": prefix, "ErrorOutputPrefix": "errors/"}
    name = delivery(**more)
    years = {datetime.datetime.now(datetime.timezone.utc).year}
    put(firehose, name, b"x")
    key = wait_until(lambda: list(objects_of(server, bucket)))[0]
    assert re.fullmatch(pattern.replace("NAME", name), key)
    years.add(datetime.datetime.now(datetime.timezone.utc).year)
    assert any(str(year) in key for year in years)


def test_an_object_says_what_it_is(server, firehose, s3, bucket, delivery):
    name = delivery(CompressionFormat="GZIP")
    put(firehose, name, b"hello ", b"world")
    key = wait_until(lambda: list(objects_of(server, bucket)))[0]
    assert key.endswith(".gz")
    found = s3.get_object(Bucket=bucket, Key=key)
    assert found["ContentType"] == "application/octet-stream"
    assert found["ContentEncoding"] == "gzip"
    assert gzip.decompress(found["Body"].read()) == b"hello world"


def test_a_file_extension_takes_the_place_of_the_compression_s(server, firehose, bucket, fresh):
    name = fresh("dl")
    destination = {
        "BucketARN": f"arn:aws:s3:::{bucket}",
        "RoleARN": ROLE,
        "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0},
        "CompressionFormat": "GZIP",
        "FileExtension": ".json.gz",
    }
    # On the bare wire: old SDKs do not know the member.
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "Firehose_20150804.CreateDeliveryStream",
    }
    body = {"DeliveryStreamName": name, "ExtendedS3DestinationConfiguration": destination}
    status, _, reply = server.request("POST", "/", json.dumps(body), headers)
    assert status == 200, reply
    put(firehose, name, b"x")
    key = wait_until(lambda: list(objects_of(server, bucket)))[0]
    assert re.search(UUID + r"\.json\.gz$", key)
    firehose.delete_delivery_stream(DeliveryStreamName=name)


def test_a_delimiter_is_appended_to_each_record(server, firehose, bucket, delivery):
    name = delivery(processors=[
        {"Type": "AppendDelimiterToRecord",
         "Parameters": [{"ParameterName": "Delimiter", "ParameterValue": "\\n"}]}
    ])  # fmt: skip
    put(firehose, name, b"a", b"b")
    assert landed(server, bucket, 4) == b"a\nb\n"


def test_a_buffer_lands_by_size_long_before_its_time(server, firehose, bucket, delivery):
    name = delivery(seconds=900, megabytes=1)
    rng = random.Random(20251122)
    blocks = [rng.randbytes(200_000) for _ in range(12)]
    for block in blocks:
        put(firehose, name, block)
    whole = b"".join(blocks)
    found = wait_until(lambda: len(objects_of(server, bucket)) == 2 and objects_of(server, bucket))
    assert all(1 << 20 <= len(body) < (1 << 20) + 200_000 for body in found.values())
    bodies = list(found.values())
    assert whole.startswith(bodies[0] + bodies[1]) or whole.startswith(bodies[1] + bodies[0])
    waiting = next(d for d in status_of(server)["deliveries"] if d["name"] == name)["waiting"]
    assert int(waiting) == 0


def test_a_buffer_lands_by_time(server, firehose, bucket, delivery):
    name = delivery(seconds=2, megabytes=128)
    start = time.monotonic()
    put(firehose, name, b"a")
    put(firehose, name, b"b")
    assert landed(server, bucket, 2) == b"ab"
    assert time.monotonic() - start >= 1.5


def test_a_kinesis_source_is_read_from_the_creation_on(server, client, bucket, stream, delivery):
    kinesis = client("kinesis")
    source, arn = stream(3)
    kinesis.put_record(StreamName=source, Data=b"too early", PartitionKey="k")
    delivery(source=arn)
    wanted = set()
    for n in range(60):
        body = f"<{n}>".encode()
        kinesis.put_record(StreamName=source, Data=body, PartitionKey=f"k{n}")
        wanted.add(body)
    size = sum(map(len, wanted))
    found = landed(server, bucket, size)
    assert set(re.findall(rb"<\d+>", found)) == wanted


def test_one_shard_s_records_stay_in_order(server, client, bucket, stream, delivery):
    kinesis = client("kinesis")
    source, arn = stream(3)
    delivery(source=arn, seconds=1)
    bodies = [f"{n} ".encode() for n in range(300)]
    for start in range(0, 300, 100):
        kinesis.put_records(
            StreamName=source,
            Records=[{"Data": b, "PartitionKey": "same"} for b in bodies[start : start + 100]],
        )
    found = landed(server, bucket, sum(map(len, bodies)))
    assert found == b"".join(bodies) or sorted(found.split()) == sorted(b"".join(bodies).split())
    for body in objects_of(server, bucket).values():
        numbers = [int(n) for n in body.split()]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_one_stream_may_feed_several_deliveries(
    server, client, s3, stream, delivery, bucket, fresh
):
    source, arn = stream()
    other = fresh("lake")
    s3.create_bucket(Bucket=other)
    delivery(source=arn)
    delivery(source=arn, bucket=other)
    for n in range(10):
        client("kinesis").put_record(StreamName=source, Data=b"%d" % n, PartitionKey="k")
    for lake in (bucket, other):
        assert sorted(landed(server, lake, 10)) == sorted(b"0123456789")


def test_a_missing_bucket_holds_the_records_and_says_so(server, firehose, s3, fresh, delivery):
    late = fresh("lake")
    name = delivery(bucket=late)
    put(firehose, name, b"first ")

    def told():
        return next(d for d in status_of(server)["deliveries"] if d["name"] == name)

    wait_until(lambda: f"bucket {late} does not exist" in told()["last_error"])
    bodies = [f"{n} ".encode() for n in range(200)]
    put(firehose, name, *bodies)
    s3.create_bucket(Bucket=late)
    size = 6 + sum(map(len, bodies))
    found = landed(server, late, size)
    assert sorted(found.split()) == sorted([b"first", *[b.strip() for b in bodies]])
    wait_until(lambda: told()["last_error"] == "")


def test_a_bucket_deleted_and_made_again_gets_what_came_meanwhile(
    server, firehose, s3, bucket, delivery
):
    name = delivery()
    put(firehose, name, b"one")
    key = wait_until(lambda: list(objects_of(server, bucket)))[0]
    s3.delete_object(Bucket=bucket, Key=key)
    s3.delete_bucket(Bucket=bucket)
    put(firehose, name, b"two")

    def error():
        return next(d for d in status_of(server)["deliveries"] if d["name"] == name)["last_error"]

    wait_until(lambda: "does not exist" in error())
    s3.create_bucket(Bucket=bucket)
    assert landed(server, bucket, 3) == b"two"


def test_what_is_held_back_stays_bounded(server, firehose, s3, fresh, delivery):
    """Nothing is read while what was read cannot land."""
    late = fresh("lake")
    name = delivery(bucket=late)
    block = bytes(500_000)
    for _ in range(40):
        put(firehose, name, block)

    def told():
        return next(d for d in status_of(server)["deliveries"] if d["name"] == name)

    wait_until(lambda: "does not exist" in told()["last_error"] and int(told()["records_in"]))
    put(firehose, name, block)
    unblock = time.monotonic() + 1.5  # several tries of the delivery
    wait_until(lambda: time.monotonic() > unblock)
    assert int(told()["records_in"]) < 10
    s3.create_bucket(Bucket=late)
    wait_until(lambda: sum(map(len, objects_of(server, late).values())) == 41 * len(block))


def test_a_source_deleted_and_made_again_is_taken_up(server, client, bucket, stream, delivery):
    kinesis = client("kinesis")
    source, arn = stream()
    delivery(source=arn)
    kinesis.put_record(StreamName=source, Data=b"one ", PartitionKey="k")
    landed(server, bucket, 4)
    kinesis.delete_stream(StreamName=source)
    kinesis.create_stream(StreamName=source, ShardCount=2)
    for n in range(4):
        kinesis.put_record(StreamName=source, Data=b"%d" % n, PartitionKey=f"k{n}")
    assert sorted(landed(server, bucket, 8)) == sorted(b"one 0123")


def test_limits_are_refused(firehose, delivery):
    name = delivery(seconds=900)
    text = refused(firehose.put_record, "ValidationException", DeliveryStreamName=name,
                   Record={"Data": bytes(1_024_001)})  # fmt: skip
    assert "Member must have length less than or equal to 1024000" in text
    refused(firehose.put_record_batch, "ValidationException", DeliveryStreamName=name,
            Records=[{"Data": b"x"}] * 501)  # fmt: skip
    refused(firehose.put_record_batch, "InvalidArgumentException", DeliveryStreamName=name,
            Records=[{"Data": bytes(1_000_000)}] * 5)  # fmt: skip


def test_each_record_lands_once_over_restarts(own_server):
    own_server.client("s3").create_bucket(Bucket="lake")
    make_delivery(own_server, "held", "lake", seconds=1)
    wanted = []
    for number, end in enumerate((own_server.stop, own_server.kill9, own_server.stop)):
        firehose = unchecked(own_server, "firehose")
        bodies = [f"{number}.{n} ".encode() for n in range(100)]
        put(firehose, "held", *bodies)
        wanted += bodies
        end()
        own_server.start()
    size = sum(map(len, wanted))
    found = landed(own_server, "lake", size)
    assert sorted(found.split()) == sorted(b"".join(wanted).split())
