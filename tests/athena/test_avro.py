"""Tables of Avro object files: types, schemas that changed, what is damaged."""

import json

import pytest
from iceberg import avro

SERDE = "org.apache.hadoop.hive.serde2.avro.AvroSerDe"


def schema(*fields):
    return {"type": "record", "name": "r", "namespace": "a.b", "fields": [
        {"name": name, "type": kind, **(more[0] if more else {})} for name, kind, *more in fields]}


def body(fields, records, **options):
    named = {"avro.schema": json.dumps(schema(*fields)).encode()}
    return avro.write(named, records, **options)


def table(lake, columns, *bodies, literal=None, name="t"):
    for i, one in enumerate(bodies):
        lake.s3.put_object(Bucket=lake.bucket, Key=f"{name}/{i}.avro", Body=one)
    text = json.dumps(literal).replace("'", "''") if literal else ""
    words = f"WITH SERDEPROPERTIES ('avro.schema.literal' = '{text}')" if literal else ""
    done = lake.run(f"CREATE EXTERNAL TABLE {name} ({columns}) ROW FORMAT SERDE '{SERDE}' {words} "
                    f"STORED AS AVRO LOCATION 's3://{lake.bucket}/{name}/'")
    assert done["Status"]["State"] == "SUCCEEDED", done["Status"]


def logical(kind, meaning, **more):
    return {"type": kind, "logicalType": meaning, **more}


POINT = {"type": "record", "name": "Point", "fields": [
    {"name": "x", "type": "int"}, {"name": "label", "type": ["null", "string"]}]}


@pytest.mark.parametrize("kind, value, declared, shown", [
    ("boolean", True, "boolean", "true"), ("int", -7, "int", "-7"),
    ("long", 2 ** 40, "bigint", str(2 ** 40)), ("float", 1.5, "float", "1.5"),
    ("double", 0.1, "double", "0.1"), ("double", float("nan"), "double", "NaN"),
    ("string", 'say "\u00e9"\n', "string", 'say "\u00e9"\n'),
    ("bytes", b"\xff\x01", "binary", "ff 01"), (["null", "string"], None, "string", None),
    (["null", "int"], 5, "int", "5"),
    ({"type": "fixed", "name": "f", "size": 2}, b"ab", "binary", "61 62"),
    ({"type": "enum", "name": "e", "symbols": ["A", "B"]}, "B", "string", "B"),
    (logical("int", "date"), 20637, "date", "2026-07-03"),
    (logical("long", "timestamp-millis"), 1783073472123, "timestamp", "2026-07-03 10:11:12.123"),
    (logical("long", "timestamp-micros"), -1, "timestamp", "1969-12-31 23:59:59.999"),
    (logical("bytes", "decimal", precision=9, scale=2), b"\xff\x38", "decimal(9,2)", "-2.00"),
    (logical("fixed", "decimal", precision=9, scale=2, size=4, name="d"), b"\0\0\x01\0",
     "decimal(9,2)", "2.56"),
    ({"type": "array", "items": "int"}, [1, 2], "array<int>", "[1, 2]"),
    ({"type": "map", "values": "long"}, {"k": 1}, "map<string,bigint>", "{k=1}"),
    (POINT, {"x": 1, "label": "p"}, "struct<x:int,label:string>", "{x=1, label=p}"),
    ({"type": "array", "items": POINT}, [{"x": 1, "label": None}],
     "array<struct<x:int,label:string>>", "[{x=1, label=null}]"),
])
def test_each_type_is_read(lake, kind, value, declared, shown):
    table(lake, f"v {declared}, i int", body([("i", "int"), ("V", kind)], [{"i": 1, "V": value}]))
    assert lake.rows("SELECT v, i FROM t") == [[shown, "1"]]


@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_many_blocks_files_and_partitions(lake, codec):
    fields = [("id", "long"), ("name", "string")]
    for day in (1, 2):
        rows = [{"id": day * 1000 + i, "name": f"n{i}"} for i in range(1000)]
        lake.s3.put_object(Bucket=lake.bucket, Key=f"t/day={day}/f", Body=body(
            fields, rows, codec=codec, a_block=37))
    lake.s3.put_object(Bucket=lake.bucket, Key="t/day=1/none", Body=body(fields, [], codec=codec))
    lake.s3.put_object(Bucket=lake.bucket, Key="t/day=1/empty", Body=b"")
    lake.run("CREATE EXTERNAL TABLE t (id bigint, name string) PARTITIONED BY (day int) "
             f"STORED AS AVRO LOCATION 's3://{lake.bucket}/t/'")
    lake.run("MSCK REPAIR TABLE t")
    assert lake.rows("SELECT count(*), sum(id), max(name) FROM t") == [["2000", "3999000", "n999"]]
    assert lake.rows("SELECT day, min(id), \"$path\" FROM t WHERE day = 2 GROUP BY 1, 3") == [
        ["2", "2000", f"s3://{lake.bucket}/t/day=2/f"]]
    told = lake.run("SELECT count(*) FROM t WHERE day = 2")["Statistics"]["DataScannedInBytes"]
    assert told == lake.s3.head_object(Bucket=lake.bucket, Key="t/day=2/f")["ContentLength"]


def test_a_type_is_used_again_by_its_name(lake):
    fields = [("a", POINT), ("b", "Point"), ("c", ["null", "a.b.Point"])]
    point = {"x": 1, "label": "p"}
    table(lake, "a struct<x:int>, b struct<x:int,label:string>, c struct<label:string>",
          body(fields, [{"a": point, "b": point, "c": point}]))
    assert lake.rows("SELECT a, b, c FROM t") == [["{x=1}", "{x=1, label=p}", "{label=p}"]]


def test_the_tables_schema_has_defaults_and_aliases(lake):
    old = body([("id", "int"), ("Was", "string")], [{"id": 1, "Was": "w"}])
    new = body([("id", "int"), ("now", "string"), ("more", "int")],
               [{"id": 2, "now": "n", "more": 5}])
    table(lake, "id int, now string, more int, tags array<string>, none string", old, new,
          literal=schema(("id", "int"), ("now", "string", {"aliases": ["was"]}),
                         ("more", "int", {"default": 7}),
                         ("tags", {"type": "array", "items": "string"}, {"default": ["it's"]}),
                         ("none", ["null", "string"], {"default": None})))
    assert lake.rows("SELECT * FROM t ORDER BY id") == [
        ["1", "w", "7", "[it's]", None], ["2", "n", "5", "[it's]", None]]


def test_what_is_wrong_is_told(lake):
    good = body([("id", "int"), ("s", "string")], [{"id": i, "s": "x" * 50} for i in range(100)])
    table(lake, "id int, s string", b"no Avro at all", name="other")
    assert lake.reason("SELECT id FROM other").startswith("HIVE_BAD_DATA: Not a valid Avro file")
    table(lake, "id int, s string", good[:-40], name="cut")
    assert lake.reason("SELECT id FROM cut").startswith("HIVE_BAD_DATA: Malformed Avro file")
    table(lake, "id int, s int", good, name="kind")
    assert lake.reason("SELECT s FROM kind").startswith("HIVE_BAD_DATA: ")
    assert lake.rows("SELECT count(*), sum(id) FROM kind") == [["100", "4950"]]
    table(lake, "id int", good, literal={"type": "string"}, name="bad")
    assert lake.reason("SELECT id FROM bad") == (
        "HIVE_INVALID_METADATA: line 1:16: avro.schema.literal is no schema of a record")
    lake.run(f"CREATE EXTERNAL TABLE url (id int) ROW FORMAT SERDE '{SERDE}' WITH "
             "SERDEPROPERTIES ('avro.schema.url' = 's3://b/s') STORED AS AVRO LOCATION "
             f"'s3://{lake.bucket}/cut/'")
    assert lake.reason("SELECT id FROM url") == (
        "NOT_SUPPORTED: line 1:16: avro.schema.url is not supported, avro.schema.literal is")
    assert lake.fault("INSERT INTO kind VALUES (1, 2)") == (
        "NOT_SUPPORTED: Inserting into a table of this SerDe is not supported")
