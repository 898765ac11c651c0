"""Crawlers and Avro: the schema in Hive's words, what Athena reads of it."""

import json

import pytest
from athena.conftest import Lake
from iceberg import avro

from support import wait_until

POINT = {"type": "record", "name": "Point", "namespace": "a.b", "fields": [
    {"name": "x", "type": "int"}, {"name": "label", "type": ["null", "string"], "default": None}]}
FIELDS = [
    ("Id", "long"), ("name", ["null", "string"]), ("day", {"type": "int", "logicalType": "date"}),
    ("at", {"type": "long", "logicalType": "timestamp-millis"}),
    ("price", {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}),
    ("kind", {"type": "enum", "name": "Kind", "symbols": ["A", "B"]}), ("raw", "bytes"),
    ("ok", "boolean"), ("f", "float"), ("p", POINT), ("q", ["null", "a.b.Point"]),
    ("list", {"type": "array", "items": "Point"}), ("m", {"type": "map", "values": "int"}),
    ("either", ["int", "string"])]
COLUMNS = [
    ("id", "bigint"), ("name", "string"), ("day", "date"), ("at", "timestamp"),
    ("price", "decimal(9,2)"), ("kind", "string"), ("raw", "binary"), ("ok", "boolean"),
    ("f", "float"), ("p", "struct<x:int,label:string>"), ("q", "struct<x:int,label:string>"),
    ("list", "array<struct<x:int,label:string>>"), ("m", "map<string,int>"), ("either", "string")]


def schema(fields):
    return json.dumps({"type": "record", "name": "r", "fields": [
        {"name": name, "type": kind} for name, kind in fields]})


def body(fields, records, **options):
    return avro.write({"avro.schema": schema(fields).encode()}, records, **options)


def record(number):
    point = {"x": number, "label": "p"}
    return {"Id": number, "name": None, "day": 20637, "at": 1783073472123, "price": b"\x01\x00",
            "kind": "B", "raw": b"x", "ok": True, "f": 1.5, "p": point, "q": None,
            "list": [point], "m": {"k": 1}, "either": "text"}


@pytest.fixture
def lake(client, fresh):
    return Lake(client, fresh("avro"))


def put(lake, key, made):
    lake.s3.put_object(Bucket=lake.bucket, Key=key, Body=made)


def test_a_table_of_avro(lake):
    for day in (1, 2):
        put(lake, f"t/day_of={day}/f.avro", body(FIELDS, [record(day)] * 50, codec="deflate",
                                                 a_block=20))
    lake.crawl("t/")
    found = lake.glue.get_table(DatabaseName=lake.database, Name="t")["Table"]
    storage, told = found["StorageDescriptor"], found["Parameters"]
    assert [(c["Name"], c["Type"]) for c in storage["Columns"]] == COLUMNS
    assert [key["Name"] for key in found["PartitionKeys"]] == ["day_of"]
    assert storage["InputFormat"] == "org.apache.hadoop.hive.ql.io.avro.AvroContainerInputFormat"
    assert storage["OutputFormat"] == "org.apache.hadoop.hive.ql.io.avro.AvroContainerOutputFormat"
    assert storage["SerdeInfo"] == {
        "SerializationLibrary": "org.apache.hadoop.hive.serde2.avro.AvroSerDe",
        "Parameters": {"avro.schema.literal": schema(FIELDS), "serialization.format": "1"}}
    assert (told["classification"], told["recordCount"], told["objectCount"]) == (
        "avro", "100", "2")
    assert told["avro.schema.literal"] == schema(FIELDS)
    [row] = lake.rows("SELECT * FROM t WHERE day_of = '2' LIMIT 1")
    assert row == ["2", None, "2026-07-03", "2026-07-03 10:11:12.123", "2.56", "B", "78", "true",
                   "1.5", "{x=2, label=p}", None, "[{x=2, label=p}]", "{k=1}", "text", "2"]
    assert lake.rows("SELECT count(*), sum(id) FROM t") == [["100", "150"]]


def test_another_crawl_finds_columns_that_came(lake):
    put(lake, "t/a", body([("id", "long"), ("b", "int"), ("c", "int")],
                          [{"id": 1, "b": 1, "c": 1}]))
    lake.crawl("t/")
    put(lake, "t/b", body([("id", "long"), ("b", "int"), ("c", "int"), ("more", "string")],
                          [{"id": 2, "b": 1, "c": 1, "more": "m"}]))
    name = f"c-{lake.bucket}-t"
    lake.glue.start_crawler(Name=name)
    wait_until(lambda: lake.glue.get_crawler(Name=name)["Crawler"]["State"] == "READY")
    assert lake.rows("SELECT id, more FROM t ORDER BY id") == [["1", None], ["2", "m"]]


@pytest.mark.parametrize("made", [
    b"Obj\x01", b"Obj\x01" + b"\xff" * 40, body([("a", "int")], [])[:60],
    b"Obj\x01\x02\x16avro.schema\x02{\x00" + bytes(16),
])
def test_a_damaged_one_is_passed_over(lake, made):
    put(lake, "t/a", made)
    lake.crawl("t/")
    assert lake.glue.get_tables(DatabaseName=lake.database)["TableList"] == []
