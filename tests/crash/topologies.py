"""Every way from a table into the lake at once, and what each must have landed.

One table feeds, through pipes and as a Kinesis destination, delivery streams of each kind; the
writers are those of test_kill.py. `check_lake` holds each prefix against their histories.
"""

import json
import pathlib
import tempfile
import zlib

from support import wait_until
from support.chain import (
    ACCOUNT,
    make_delivery,
    make_function,
    make_pipe,
    make_stream,
    make_table,
)
from support.duck import rows_of

from .test_kill import FLAT, SHARED, TABLE, Landing, check, explain, flat_rows, plain_rows

LAKE = "lake"
HOT = "hot-"
# Bytes that a mapped function saw: it runs beside the server, so a file will do.
SEEN = """
import base64, json, os
def handler(event, context):
    with open(%r, "a") as out:
        for r in event["Records"]:
            image = r["dynamodb"].get("NewImage")
            out.write(json.dumps([r["dynamodb"]["Keys"]["id"]["S"], r["eventName"],
                                  int(image["n"]["N"]) if image else None]) + chr(10))
"""
COLUMNS = {
    "eventname": "string",
    "dynamodb": "struct<keys:struct<id:struct<s:string>>,sequencenumber:string,"
    "newimage:struct<n:struct<n:string>>,oldimage:struct<n:struct<n:string>>>",
}
DESERIALIZER = {"Deserializer": {"OpenXJsonSerDe": {}}}
JQ = {"Type": "MetadataExtraction", "Parameters": [
    {"ParameterName": "MetadataExtractionQuery",
     "ParameterValue": '{kind: (.dynamodb.Keys.id.S | split("-")[0])}'},
    {"ParameterName": "JsonParsingEngine", "ParameterValue": "JQ-1.6"},
]}  # fmt: skip


def gz_rows(body):
    return plain_rows(zlib.decompress(body, zlib.MAX_WBITS | 16))


def destination_rows(body):
    """Records of a Kinesis destination have no sequence number: the change's own number orders."""
    rows, decoder, text, at = [], json.JSONDecoder(), body.decode(), 0
    while at < len(text):
        change, at = decoder.raw_decode(text, at)
        images = [change["dynamodb"].get(name) for name in ("NewImage", "OldImage")]
        new, old = (int(image["n"]["N"]) if image else None for image in images)
        rows.append({
            "id": change["dynamodb"]["Keys"]["id"]["S"], "event": change["eventName"],
            "seq": new if new is not None else old + 0.5, "new": new, "old": old,
        })  # fmt: skip
    return rows


def parquet_rows(body):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "rows.parquet"
        path.write_bytes(body)
        texts = rows_of(
            path,
            "to_json({id: dynamodb.keys.id.s, event: eventname, seq: dynamodb.sequencenumber, "
            "new: dynamodb.newimage.n.n, old: dynamodb.oldimage.n.n})",
            order=None,
        )
    rows = [json.loads(text) for text in texts]
    for row in rows:
        row.update({side: row[side] and int(row[side]) for side in ("new", "old")})
    return rows


READERS = {
    "flat/": flat_rows, "plain/": plain_rows, "gz/": gz_rows, "parts/": plain_rows,
    "backup/": plain_rows, "lanes/": plain_rows, "direct/": plain_rows,
    "destination/": destination_rows, "parquet/": parquet_rows,
}  # fmt: skip


def make_glue_table(server):
    glue = server.client("glue")
    glue.create_database(DatabaseInput={"Name": "lake"})
    glue.create_table(DatabaseName="lake", TableInput={
        "Name": "changes",
        "StorageDescriptor": {
            "Columns": [{"Name": name, "Type": kind} for name, kind in COLUMNS.items()],
            "Location": "s3://lake/parquet/"},
    })  # fmt: skip


def conversion():
    return {
        "DataFormatConversionConfiguration": {
            "Enabled": True,
            "InputFormatConfiguration": DESERIALIZER,
            "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {}}},
            "SchemaConfiguration": {
                "RoleARN": f"arn:aws:iam::{ACCOUNT}:role/pipeline", "DatabaseName": "lake",
                "TableName": "changes", "Region": "us-east-1"},
        }
    }  # fmt: skip


def make_deliveries(server, changes, lanes, destination):
    bucket = f"arn:aws:s3:::{LAKE}"
    role = f"arn:aws:iam::{ACCOUNT}:role/pipeline"
    flat = make_function(server, "flat", FLAT, timeout=60)
    errors = {"ErrorOutputPrefix": "errors/"}
    make_delivery(server, "flat", LAKE, changes, flat, seconds=0, Prefix="flat/", **errors)
    backup = {"BucketARN": bucket, "RoleARN": role, "Prefix": "backup/",
              "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 1}}  # fmt: skip
    make_delivery(server, "plain", LAKE, changes, seconds=1, Prefix="plain/",
                  S3BackupMode="Enabled", S3BackupConfiguration=backup, **errors)  # fmt: skip
    make_delivery(server, "gz", LAKE, changes, seconds=1, Prefix="gz/", CompressionFormat="GZIP",
                  **errors)  # fmt: skip
    make_delivery(
        server, "parts", LAKE, changes, seconds=1, megabytes=64, processors=[JQ],
        DynamicPartitioningConfiguration={"Enabled": True},
        Prefix="parts/!{partitionKeyFromQuery:kind}/",
        ErrorOutputPrefix="errors/!{firehose:error-output-type}/",
    )  # fmt: skip
    make_delivery(server, "parquet", LAKE, changes, seconds=1, megabytes=64, Prefix="parquet/",
                  **errors, **conversion())  # fmt: skip
    make_delivery(server, "lanes", LAKE, lanes, seconds=1, Prefix="lanes/", **errors)
    make_delivery(server, "destination", LAKE, destination, seconds=1, Prefix="destination/",
                  **errors)  # fmt: skip
    make_delivery(server, "direct", LAKE, seconds=1, Prefix="direct/", **errors)


def set_up(server, seen):
    """Makes it all; the mapped function notes what it saw in the file `seen`."""
    source = make_table(server, TABLE)
    changes, lanes, destination = (
        make_stream(server, name, shards)
        for name, shards in (("changes", 2), ("lanes", 2), ("destination", 1))
    )
    server.client("s3").create_bucket(Bucket=LAKE)
    make_glue_table(server)
    make_deliveries(server, changes, lanes, destination)
    make_pipe(server, "copy", source, changes)
    make_pipe(server, "lanes", source, lanes, ParallelizationFactor=5, BatchSize=7,
              filters=[{"dynamodb": {"Keys": {"id": {"S": [{"prefix": HOT}]}}}}])  # fmt: skip
    make_pipe(server, "direct", source,
              f"arn:aws:firehose:us-east-1:{ACCOUNT}:deliverystream/direct")  # fmt: skip
    db = server.client("dynamodb")
    db.enable_kinesis_streaming_destination(TableName=TABLE, StreamArn=destination)
    wait_until(
        lambda: db.describe_kinesis_streaming_destination(TableName=TABLE)[
            "KinesisDataStreamDestinations"
        ][0]["DestinationStatus"]
        == "ACTIVE"
    )
    make_function(server, "seen", SEEN % str(seen), timeout=60)
    server.client("lambda").create_event_source_mapping(
        EventSourceArn=source, FunctionName="seen", StartingPosition="TRIM_HORIZON",
        MaximumBatchingWindowInSeconds=0,
    )  # fmt: skip


# ---- what must be there ----


def wanted_of(landing, sentinels):
    return [s for s in sentinels if landing.prefix != "lanes/" or s.startswith(HOT)]


def check_lanes(load, landing, sentinels):
    """The filter leaves out all but hot items."""
    items = landing.by_item()
    for item, history in load.histories.items():
        if item.startswith(HOT):
            explain(item, history, items.pop(item, []))
    for sentinel in wanted_of(landing, sentinels):
        assert [row["new"] for row in items.pop(sentinel)] == [1]
    assert not items, f"nobody wrote, or the filter is for, {list(items)}"


def check_seen(load, seen, sentinels):
    """AWS promises a mapped function every change at least once; those acknowledged are there."""
    rows = {tuple(json.loads(line)) for line in seen.read_text().splitlines() if line[-1] == "]"}
    for item, history in load.histories.items():
        for kind, number, acknowledged in history:
            if acknowledged and kind != "delete":
                assert {(item, "INSERT", number), (item, "MODIFY", number)} & rows, (item, number)
    for item in SHARED:
        for number in load.counted.get(item, []):
            assert {(item, "INSERT", number), (item, "MODIFY", number)} & rows, (item, number)


def check_lake(server, load, sentinels, seen, timeout=90):
    """Waits for the sentinels everywhere, then holds every prefix against what was acknowledged.
    Returns the number of rows of each."""
    counts = {}
    for prefix, read in READERS.items():
        landing = Landing(server, prefix, read)
        wait_until(
            lambda it=landing: set(wanted_of(it, sentinels)) <= set(it.by_item()),
            timeout=timeout, interval=0.3,
            message=lambda it=landing: f"{it.prefix}: not all has landed",
        )  # fmt: skip
        try:
            if prefix == "lanes/":
                check_lanes(load, landing, sentinels)
            else:
                check(load, landing, sentinels)
        except AssertionError as failure:
            raise AssertionError(f"{prefix}: {failure}") from failure
        counts[prefix] = sum(map(len, landing.objects.values()))
    wait_until(
        lambda: all(f'["{s}", "INSERT"' in seen.read_text() for s in sentinels), timeout=timeout
    )
    check_seen(load, seen, sentinels)
    errors = server.client("s3").list_objects_v2(Bucket=LAKE, Prefix="errors/")
    assert errors["KeyCount"] == 0, errors["Contents"]
    return counts
