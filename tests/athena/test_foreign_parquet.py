"""Parquet of shapes that other writers make, old ones too: what crawlers say, what is read."""

import struct

import pytest
from athena.duck import parquet
from support.raw_parquet import BYTE_STREAM_SPLIT, STRUCT, group, leaf, raw_parquet


def int96(day, nanos):
    return struct.pack("<qi", nanos, day + 2440588)


def text(name, repetition="optional"):
    return leaf(name, "BYTE_ARRAY", repetition, "UTF8")


def fixed(length, **more):
    return leaf("v", "FIXED_LEN_BYTE_ARRAY", length=length, **more)


def pairs(outer, inner, marked=None, key="key", value="value"):
    return group("v", group(inner, text(key, "required"), leaf(value, "INT32"),
                            repetition="repeated", converted=marked), converted=outer)


# name: (column v, its values, the crawler's type, what Athena shows)
SHAPES = {
    "int96": (leaf("v", "INT96"), [int96(20455, 3723_123456789), None, int96(-1, 0)], "timestamp",
              ["2026-01-02 01:02:03.123", None, "1969-12-31 00:00:00.000"]),
    "millis": (leaf("v", "INT64", "required", "TIMESTAMP_MILLIS"), [1767323045678], "timestamp",
               ["2026-01-02 03:04:05.678"]),
    "ends_of_time": (leaf("v", "INT64", converted="TIMESTAMP_MICROS"),
                     [-62135596800000000, 253402300799999999], "timestamp",
                     ["0001-01-01 00:00:00.000", "9999-12-31 23:59:59.999"]),
    "repeated": (leaf("v", "INT32", "repeated"), [[1, 2], [], [3]], "array<int>",
                 ["[1, 2]", "[]", "[3]"]),
    "repeated_groups": (
        group("v", leaf("a", "INT32"), text("b"), repetition="repeated"),
        [[{"a": 1, "b": b"x"}, {"a": 2}], []], "array<struct<a:int,b:string>>",
        ["[{a=1, b=x}, {a=2, b=null}]", "[]"]),
    "two_levels": (group("v", leaf("element", "INT32", "repeated"), converted="LIST"),
                   [{"element": [1, 2]}, {"element": []}, None], "array<int>",
                   ["[1, 2]", "[]", None]),
    "two_levels_of_groups": (
        group("v", group("array", text("s"), leaf("n", "INT32"), repetition="repeated"),
              converted="LIST"),
        [{"array": [{"s": b"q", "n": 1}, {"n": 2}]}, None], "array<struct<s:string,n:int>>",
        ["[{s=q, n=1}, {s=null, n=2}]", None]),
    "hive_bag": (group("v", group("bag", leaf("array_element", "INT32"), repetition="repeated"),
                       converted="LIST"),
                 [{"bag": [{"array_element": 1}, {"array_element": None}]}, None], "array<int>",
                 ["[1, null]", None]),
    "lists_of_lists": (
        group("v", group("list", group("element", leaf("array", "INT32", "repeated"),
                                       converted="LIST"), repetition="repeated"),
              converted="LIST"),
        [{"list": [{"element": {"array": [1, 2]}}, {"element": None}]}, None],
        "array<array<int>>", ["[[1, 2], null]", None]),
    "old_map": (pairs("MAP", "map", "MAP_KEY_VALUE"),
                [{"map": [{"key": b"k", "value": 1}, {"key": b"m"}]}, None], "map<string,int>",
                ["{k=1, m=null}", None]),
    "map_of_other_names": (pairs("MAP", "kv", key="k", value="n"), [{"kv": [{"k": b"k", "n": 1}]}],
                           "map<string,int>", ["{k=1}"]),
    "binary": (leaf("v", "BYTE_ARRAY"), [b"abc", None], "binary", ["61 62 63", None]),
    "enum": (leaf("v", "BYTE_ARRAY", converted="ENUM"), [b"abc"], "string", ["abc"]),
    "json": (leaf("v", "BYTE_ARRAY", converted="JSON"), [b'{"a": 1}'], "string", ['{"a": 1}']),
    "unsigned": (leaf("v", "INT32", converted="UINT_32"), [-1, None], "bigint",
                 ["4294967295", None]),
    "unsigned_long": (leaf("v", "INT64", converted="UINT_64"), [2 ** 63 - 1], "bigint",
                      ["9223372036854775807"]),
    "decimal_bytes": (leaf("v", "BYTE_ARRAY", converted="DECIMAL", scale=2, precision=10),
                      [b"\x01\x00", b"\xff", None], "decimal(10,2)", ["2.56", "-0.01", None]),
    "decimal_fixed": (fixed(5, converted="DECIMAL", scale=2, precision=10),
                      [b"\0\0\0\x01\x00", b"\xff" * 5], "decimal(10,2)", ["2.56", "-0.01"]),
    "decimal_int": (leaf("v", "INT32", converted="DECIMAL", scale=2, precision=9), [-125],
                    "decimal(9,2)", ["-1.25"]),
    "uuid": (fixed(16, logical={14: (STRUCT, {})}), [bytes(range(16)), None], "string",
             ["00010203-0405-0607-0809-0a0b0c0d0e0f", None]),
    "only_null": (leaf("v", "INT32", logical={11: (STRUCT, {})}), [None, None], "int",
                  [None, None]),
}


def put(lake, key, *columns, groups, **options):
    body = raw_parquet([leaf("id", "INT64", "required"), *columns],
                       *([dict(record, id=i) for i, record in enumerate(g)] for g in groups),
                       **options)
    lake.s3.put_object(Bucket=lake.bucket, Key=f"{key}/f.parquet", Body=body)


def columns_of(lake, name):
    table = lake.glue.get_table(DatabaseName=lake.database, Name=name)["Table"]
    return {c["Name"]: c["Type"] for c in table["StorageDescriptor"]["Columns"]}


@pytest.mark.parametrize("name", SHAPES)
def test_each_shape_is_found_and_read(lake, name):
    column, values, kind, shown = SHAPES[name]
    put(lake, name, column, groups=[[{"v": value} for value in values]])
    lake.crawl(f"{name}/")
    assert columns_of(lake, name) == {"id": "bigint", "v": kind}
    assert lake.rows(f"SELECT v FROM {name} ORDER BY id") == [[value] for value in shown]
    assert lake.rows(f"SELECT count(*), count(v) FROM {name}") == [
        [str(len(shown)), str(sum(value is not None for value in shown))]]


@pytest.mark.parametrize("groups, shown", [
    ([], []), ([[]], []), ([[], [{"v": 7}], [], [{"v": 8}]], [["7"], ["8"]])])
def test_row_groups_may_be_empty_or_missing(lake, groups, shown):
    put(lake, "t", leaf("v", "INT64"), groups=groups)
    lake.crawl("t/")
    assert lake.rows("SELECT v FROM t ORDER BY v") == shown
    assert lake.rows("SELECT count(*) FROM t") == [[str(len(shown))]]


@pytest.mark.parametrize("repeated", ["array", "v_tuple"])
def test_a_group_of_one_field_is_the_element_where_its_name_says_so(lake, repeated):
    put(lake, "t", group("v", group(repeated, text("s"), repetition="repeated"),
                         converted="LIST"), groups=[[{"v": {repeated: [{"s": b"q"}]}}]])
    lake.crawl("t/")
    assert columns_of(lake, "t")["v"] == "array<struct<s:string>>"


@pytest.mark.parametrize("column, value, kind, told", [
    (leaf("v", "INT32", converted="TIME_MILLIS"), 1, "int", "INT32 integer"),
    (leaf("v", "INT64", converted="TIME_MICROS"), 1, "bigint", "INT64 bigint"),
    (leaf("v", "INT64", logical={7: (STRUCT, {1: (1, True), 2: (STRUCT, {3: (STRUCT, {})})})}), 1,
     "bigint", "INT64 bigint"),
    (fixed(12, converted="INTERVAL"), bytes(12), "string", "FIXED_LEN_BYTE_ARRAY varchar"),
    (fixed(2, logical={15: (STRUCT, {})}), b"\x00\x3c", "float", "FIXED_LEN_BYTE_ARRAY real"),
])
def test_what_no_type_of_hives_stands_for_is_told_by_its_physical_type(lake, column, value, kind,
                                                                       told):
    put(lake, "t", column, groups=[[{"v": value}]])
    lake.run(f"CREATE EXTERNAL TABLE t (id bigint, v {kind}) STORED AS PARQUET "
             f"LOCATION 's3://{lake.bucket}/t/'")
    physical, wanted = told.split(" ")
    assert (f"Field v's type {physical} in parquet file s3://{lake.bucket}/t/f.parquet is "
            f"incompatible with type {wanted} defined in table schema") in lake.reason(
                "SELECT v FROM t")
    assert lake.rows("SELECT id FROM t") == [["0"]]


@pytest.mark.parametrize("column, value, options, told", [
    (leaf("v", "INT32"), 1, {"codec": "LZ4"}, "Parquet files packed with LZ4 in Hadoop's frames"),
    (leaf("v", "INT32"), 1, {"codec": "LZO"}, "Parquet files packed with LZO"),
    (leaf("v", "INT32"), 1, {"encoding": BYTE_STREAM_SPLIT},
     "Parquet columns of integers in the encoding BYTE_STREAM_SPLIT"),
    (leaf("v", "BYTE_ARRAY", converted="BSON"), b"", {}, "Parquet files with a column of BSON"),
    (pairs("MAP_KEY_VALUE", "map"), {"map": [{"key": b"k", "value": 1}]}, {},
     "Parquet files with maps that are marked MAP_KEY_VALUE alone"),
])
def test_what_is_not_read_says_so(lake, column, value, options, told):
    """Not HIVE_BAD_DATA: the file is a good one."""
    put(lake, "t", column, groups=[[{"v": value}]], **options)
    lake.crawl("t/")
    assert lake.reason("SELECT v FROM t") == f"NOT_SUPPORTED: {told} are not supported"


@pytest.mark.parametrize("value, declared", [
    ("(i % 100)::TINYINT", "bigint"), ("i::SMALLINT", "int"),
    ("i::INTEGER", "bigint"), ("(i % 200)::UTINYINT", "smallint"), ("i::USMALLINT", "int"),
    ("(i + 4000000000)::UINTEGER", "bigint"), ("(i / 4)::FLOAT", "double")])
def test_large_objects_of_narrower_numbers(lake, value, declared):
    """With a WHERE clause and without one they are read in different ways."""
    select = f"SELECT i AS id, {value} AS V, md5(i::VARCHAR) AS pad FROM range(6000) t(i)"
    lake.s3.put_object(Bucket=lake.bucket, Key="t/f", Body=parquet(select))
    lake.run(f"CREATE EXTERNAL TABLE t (id bigint, v {declared}, pad string) STORED AS PARQUET "
             f"LOCATION 's3://{lake.bucket}/t/'")
    sums = [lake.result(f"SELECT sum(v), max(v), count(v), typeof(max(v)) FROM t {where}")
            for where in ("", "WHERE id >= 0", "WHERE v >= 0")]
    assert sums[0]["Rows"][1] == sums[1]["Rows"][1] == sums[2]["Rows"][1]
    assert sums[0]["Rows"][1]["Data"][2] == {"VarCharValue": "6000"}
    assert lake.rows("SELECT v, max(id) FROM t GROUP BY v ORDER BY v DESC LIMIT 3") == lake.rows(
        "SELECT v, max(id) FROM t WHERE v > 0 GROUP BY v ORDER BY v DESC LIMIT 3")
