"""Tables of Parquet objects: columns by name, types, partitions, bytes, messages."""

import pathlib
import tempfile

import pytest
from athena.duck import duck, parquet


def table(lake, name, columns, *files, partitioned=""):
    for i, body in enumerate(files):
        lake.s3.put_object(Bucket=lake.bucket, Key=f"{name}/f{i}.parquet", Body=body)
    lake.run(f"CREATE EXTERNAL TABLE {name} ({columns}) {partitioned} STORED AS PARQUET "
             f"LOCATION 's3://{lake.bucket}/{name}/'")


def test_columns_are_found_by_name_and_missing_ones_are_null(lake):
    table(lake, "t", "ID bigint, name string, late int",
          parquet("SELECT 1::INTEGER AS id, 'a' AS \"Name\", 9 AS other"),
          parquet("SELECT 'b' AS name, 2::BIGINT AS id"),
          parquet("SELECT 3::SMALLINT AS id, 7 AS late"))
    assert lake.rows("SELECT * FROM t ORDER BY id") == [
        ["1", "a", None], ["2", "b", None], ["3", None, "7"]]
    assert lake.rows("SELECT count(*), sum(late) FROM t WHERE id > 1") == [["2", "7"]]


def test_nested_types_timestamps_decimals_and_binary(lake):
    table(lake, "t", "l array<struct<x:bigint,y:string>>, m map<string,double>, "
          "s struct<a:int,missing:string>, ts timestamp, tz timestamp, n timestamp, "
          "d decimal(10,2), dt date, raw string, f float, b boolean",
          parquet("SELECT [{x:1,y:'p'},{x:2,y:NULL}] AS l, MAP{'k':1.5} AS m, {a:1} AS s, "
                  "TIMESTAMP '2026-01-02 03:04:05.678' AS ts, "
                  "TIMESTAMPTZ '2026-01-02 03:04:05+01' AS tz, "
                  "TIMESTAMP_NS '2026-01-02 03:04:05.123456789' AS n, "
                  "12.345::DECIMAL(12,3) AS d, DATE '2026-01-02' AS dt, 'text'::BLOB AS raw, "
                  "1.25::FLOAT AS f, true AS b"))
    assert lake.rows("SELECT * FROM t") == [[
        "[{x=1, y=p}, {x=2, y=null}]", "{k=1.5}", "{a=1, missing=null}",
        "2026-01-02 03:04:05.678", "2026-01-02 02:04:05.000", "2026-01-02 03:04:05.123", "12.35",
        "2026-01-02", "text", "1.25", "true"]]
    table(lake, "bin", "raw binary", parquet("SELECT '\\xFF\\x01'::BLOB AS raw"))
    assert lake.rows("SELECT raw FROM bin") == [["ff 01"]]


def test_partitions_and_hidden_columns(lake):
    for day in (1, 2):
        lake.s3.put_object(Bucket=lake.bucket, Key=f"t/day={day}/f", Body=parquet(
            f"SELECT i AS id FROM range({day * 10}) t(i)"))
    lake.run("CREATE EXTERNAL TABLE t (id bigint) PARTITIONED BY (day int) STORED AS PARQUET "
             f"LOCATION 's3://{lake.bucket}/t/'")
    lake.run("MSCK REPAIR TABLE t")
    assert lake.rows("SELECT day, count(*) FROM t GROUP BY day ORDER BY 1") == [
        ["1", "10"], ["2", "20"]]
    assert lake.rows("SELECT count(*) FROM t WHERE day > 1 AND id < 3") == [["3"]]
    assert lake.rows("SELECT DISTINCT \"$path\", day FROM t ORDER BY 1") == [
        [f"s3://{lake.bucket}/t/day=1/f", "1"], [f"s3://{lake.bucket}/t/day=2/f", "2"]]
    size = lake.s3.head_object(Bucket=lake.bucket, Key="t/day=1/f")["ContentLength"]
    rows = lake.rows("SELECT *, \"$file_size\", \"$file_modified_time\" FROM t WHERE day = 1 "
                     "AND id = 3")
    assert rows[0][:3] == ["3", "1", str(size)] and rows[0][3].endswith(" UTC")


def test_bytes_are_those_of_the_columns_read(lake):
    table(lake, "t", "small int, large string", parquet(
        "SELECT 1 AS small, md5(i::VARCHAR) AS large FROM range(10000) t(i)"))
    whole = lake.run("SELECT * FROM t LIMIT 1")["Statistics"]["DataScannedInBytes"]
    part = lake.run("SELECT sum(small) FROM t")["Statistics"]["DataScannedInBytes"]
    assert 0 < part < whole / 10
    assert lake.run("SELECT count(*) FROM t")["Statistics"]["DataScannedInBytes"] == 0


def chunks(*bodies):
    """What DuckDB finds in the files' footers: [(row group, column, bytes)]."""
    found = []
    for body in bodies:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "file"
            path.write_bytes(body)
            found += [(int(group), name.split(", ")[0], int(size)) for group, name, size in
                      duck().query("SELECT row_group_id, path_in_schema, total_compressed_size "
                                   f"FROM parquet_metadata('{path}')")]
    return found


GROUPED = ("SELECT i AS id, (i // 100)::INTEGER AS part, DATE '2026-01-01' + (i // 4096)::INTEGER "
           "AS day, lpad(i::VARCHAR, 6, '0') AS name, {x: i, y: 'y' || i} AS s, "
           "CASE WHEN i >= 8192 THEN i END AS late FROM range(12288) t(i)")


@pytest.mark.parametrize("where, groups, columns", [
    ("", {0, 1, 2}, {"id"}),
    ("WHERE id < 10", {0}, {"id"}),
    ("WHERE id BETWEEN 5000 AND 6000 AND name > ''", {1}, {"id", "name"}),
    ("WHERE part IN (1, 100)", {0, 2}, {"id", "part"}),
    ("WHERE day = DATE '2026-01-02' OR name = '000001'", {0, 1}, {"id", "day", "name"}),
    ("WHERE late IS NOT NULL", {2}, {"id", "late"}),
    ("WHERE late IS NULL", {0, 1}, {"id", "late"}),
    ("WHERE s.x < 10", {0, 1, 2}, {"id", "s"}),
    ("WHERE id < 0", set(), {"id"}),
    ("WHERE id * 2 < 10", {0, 1, 2}, {"id"}),
])
def test_bytes_are_those_of_the_row_groups_read(lake, where, groups, columns):
    bodies = [parquet(GROUPED, ", ROW_GROUP_SIZE 4096")]
    if not lake.rows("SHOW TABLES 'grouped'"):
        table(lake, "grouped", "id bigint, part int, day date, name string, "
              "s struct<x:bigint,y:string>, late bigint", *bodies)
    told = lake.run(f"SELECT sum(id) FROM grouped {where}")["Statistics"]["DataScannedInBytes"]
    assert told == sum(size for group, name, size in chunks(*bodies)
                       if group in groups and name in columns)


@pytest.mark.parametrize("value, declared, shown", [
    ("true", "boolean", "true"), ("7::TINYINT", "tinyint", "7"), ("7::SMALLINT", "smallint", "7"),
    ("7::INTEGER", "int", "7"), ("7::BIGINT", "bigint", "7"), ("1.5::FLOAT", "float", "1.5"),
    ("1.5::DOUBLE", "double", "1.5"), ("'x'", "string", "x"), ("'x'::BLOB", "string", "x"),
    ("DATE '2026-07-03'", "date", "2026-07-03"), ("1.25::DECIMAL(4,2)", "decimal(4,2)", "1.25"),
    ("1.25::DECIMAL(18,2)", "decimal(18,2)", "1.25"),
    ("1.25::DECIMAL(38,2)", "decimal(38,2)", "1.25"),
    ("TIMESTAMP '2026-07-03 10:11:12.5'", "timestamp", "2026-07-03 10:11:12.500"),
    ("TIMESTAMP_MS '2026-07-03 10:11:12.5'", "timestamp", "2026-07-03 10:11:12.500"),
    ("TIMESTAMP_NS '2026-07-03 10:11:12.5'", "timestamp", "2026-07-03 10:11:12.500"),
    ("TIMESTAMPTZ '2026-07-03 10:11:12.5+02'", "timestamp", "2026-07-03 08:11:12.500"),
    ("7::UTINYINT", "int", "7"), ("7::UINTEGER", "bigint", "7"), ("7::SMALLINT", "bigint", "7"),
    ("'x'::ENUM('x')", "string", "x"), ("'[1]'::JSON", "string", "[1]"),
    ("[1, 2]", "array<int>", "[1, 2]"), ("{a: 1}", "struct<a:int>", "{a=1}"),
])
def test_each_type_is_what_the_catalog_says(lake, value, declared, shown):
    """Whether or not the object is just that, and large enough to be looked into."""
    for name, more in (("small", ""), ("large", ", md5(i::VARCHAR) AS pad")):
        rows = 10 if name == "small" else 6000
        table(lake, name, f"i bigint, v {declared}, pad string",
              parquet(f"SELECT i, {value} AS v{more} FROM range({rows}) t(i)"))
        assert lake.rows(f"SELECT v FROM {name} WHERE i = 7") == [[shown]]
        assert lake.rows(f"SELECT i, v FROM {name} ORDER BY 1 LIMIT 1") == [["0", shown]]


def test_what_is_no_parquet_or_of_another_type_is_told_with_its_path(lake):
    table(lake, "t", "id int", parquet("SELECT 'x' AS id"))
    failed = lake.run("SELECT id FROM t")["Status"]["StateChangeReason"]
    path = f"s3://{lake.bucket}/t/f0.parquet"
    assert failed == (f"HIVE_BAD_DATA: Malformed Parquet file. Field id's type BINARY in parquet "
                      f"file {path} is incompatible with type integer defined in table schema "
                      f"[{path}]")
    table(lake, "none", "id int", b"this is no parquet file")
    failed = lake.run("SELECT id FROM none")["Status"]["StateChangeReason"]
    assert failed.startswith("HIVE_BAD_DATA: Not valid Parquet file: "
                             f"s3://{lake.bucket}/none/f0.parquet"), failed
    table(lake, "empty", "id int")
    assert lake.rows("SELECT count(*) FROM empty") == [["0"]]


def test_a_type_that_does_not_fit_stands_in_the_way_of_who_reads_it(lake):
    table(lake, "t", "i int, v bigint", parquet("SELECT 1::INTEGER AS i, 'x' AS v"))
    assert "TableScan" in str(lake.rows("EXPLAIN SELECT v FROM t"))
    assert lake.run("CREATE VIEW w AS SELECT i, v FROM t")["Status"]["State"] == "SUCCEEDED"
    assert lake.rows("SELECT i FROM w") == [["1"]]
    assert "HIVE_BAD_DATA" in lake.run("SELECT v FROM w")["Status"]["StateChangeReason"]


@pytest.mark.parametrize("value, declared, told", [
    ("7::BIGINT", "double", "INT64 double"), ("7::INTEGER", "string", "INT32 varchar"),
    ("1.5::DOUBLE", "float", "DOUBLE real"), ("1.0::DOUBLE", "int", "DOUBLE integer"),
    ("'7'", "bigint", "BINARY bigint"), ("true", "string", "BOOLEAN varchar"),
    ("DATE '2026-07-03'", "string", "INT32 varchar"), ("7::BIGINT", "boolean", "INT64 boolean"),
    ("TIMESTAMP '2026-07-03 10:11:12'", "string", "INT64 varchar"),
    ("'2026-07-03'", "date", "BINARY date"), ("7::BIGINT", "decimal(10,2)", "INT64 decimal(10,2)"),
    ("1.5::FLOAT", "decimal(10,2)", "FLOAT decimal(10,2)"),
    ("1.25::DECIMAL(10,2)", "double", "INT64 double"),
])
def test_a_type_that_does_not_become_the_catalogs_is_refused(lake, value, declared, told):
    columns = f"i int, v {declared}"
    table(lake, "t", columns, parquet(f"SELECT 1::INTEGER AS i, {value} AS v"))
    table(lake, "copy", columns)
    kind, wanted = told.split(" ")
    for sql in ("SELECT v FROM t", "INSERT INTO copy SELECT * FROM t"):
        status = lake.run(sql)["Status"]
        assert status["State"] == "FAILED", sql
        assert (f"Field v's type {kind} in parquet file s3://{lake.bucket}/t/f0.parquet is "
                f"incompatible with type {wanted} defined") in status["StateChangeReason"]
    assert lake.rows("SELECT sum(i) FROM t") == [["1"]]
    assert lake.rows("SELECT count(*) FROM copy") == [["0"]]


@pytest.mark.parametrize("codec", ["uncompressed", "snappy", "gzip", "zstd", "brotli", "lz4",
                                   "lz4_raw"])
@pytest.mark.parametrize("version", ["V1", "V2"])
def test_every_codec_and_version_of_pages(lake, codec, version):
    table(lake, "t", "i bigint, s string, l array<int>, d decimal(20,3)", parquet(
        "SELECT i, CASE WHEN i % 3 > 0 THEN 's' || i % 50 END AS s, [i % 7, NULL] AS l, "
        "(i / 8)::DECIMAL(20,3) AS d FROM range(5000) t(i)",
        f", COMPRESSION {codec}, PARQUET_VERSION {version}"))
    assert lake.rows("SELECT sum(i), count(s), sum(l[1]), sum(d), max(s) FROM t") == [
        ["12497500", "3333", "14995", "1562187.500", "s9"]]


def test_what_becomes_wider_is_the_same_in_one_object_and_in_several(lake):
    select = ("i::TINYINT AS tiny, i::INTEGER AS \"Wide\", (i / 4)::FLOAT AS real, "
              "TIMESTAMPTZ '2026-07-03 10:11:12.5+02' + i * INTERVAL 1 HOUR AS at, "
              "TIMESTAMP_NS '2026-07-03 10:11:12.123456789' AS nanos, 'x' AS more")
    columns = ("tiny smallint, wide bigint, missing string, real double, at timestamp, "
               "nanos timestamp")
    one = parquet(f"SELECT {select} FROM range(100) t(i)")
    table(lake, "one", columns, one)
    table(lake, "several", columns, one, parquet("SELECT 5::BIGINT AS wide WHERE false"))
    for sql in ("SELECT * FROM {} WHERE wide = 7 OR wide = 99 ORDER BY wide",
                "SELECT count(missing), sum(tiny), sum(real), max(at), max(nanos) FROM {}",
                "SELECT wide, count(*) FROM {} WHERE at > TIMESTAMP '2026-07-07 00:00:00' AND "
                "missing IS NULL GROUP BY wide ORDER BY 1"):
        rows = lake.rows(sql.format("one"))
        assert rows and rows == lake.rows(sql.format("several")), sql
    assert lake.rows("SELECT wide, at, nanos, missing FROM one WHERE wide = 1") == [
        ["1", "2026-07-03 09:11:12.500", "2026-07-03 10:11:12.123", None]]


BY_PLACE = ("ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe' "
            "WITH SERDEPROPERTIES ('parquet.column.index.access'='true') STORED AS PARQUET")


def test_columns_by_their_index(lake):
    bodies = {"day=1/a": "SELECT {x: 1, y: 2} AS pair, 10::BIGINT AS id, 'a' AS name",
              "day=1/b": "SELECT {x: 3, y: 4} AS p2, 20::INTEGER AS key, 'b' AS pair, 9 AS more",
              "day=2/c": "SELECT {x: 5, y: 6} AS pair, 30::BIGINT AS id, 'c' AS name",
              "day=2/d": "SELECT {x: 7, y: 8} AS name"}
    files = {key: parquet(select) for key, select in bodies.items()}
    for key, body in files.items():
        lake.s3.put_object(Bucket=lake.bucket, Key=f"t/{key}", Body=body)
    lake.run("CREATE EXTERNAL TABLE t (pair struct<x:int,y:int>, id bigint, name string) "
             f"PARTITIONED BY (day int) {BY_PLACE} LOCATION 's3://{lake.bucket}/t/'")
    lake.run("MSCK REPAIR TABLE t")
    assert lake.rows("SELECT pair.y, id, name, day, \"$path\" FROM t ORDER BY pair.x") == [
        ["2", "10", "a", "1", f"s3://{lake.bucket}/t/day=1/a"],
        ["4", "20", "b", "1", f"s3://{lake.bucket}/t/day=1/b"],
        ["6", "30", "c", "2", f"s3://{lake.bucket}/t/day=2/c"],
        ["8", None, None, "2", f"s3://{lake.bucket}/t/day=2/d"]]
    told = lake.run("SELECT sum(id) FROM t WHERE day = 1")["Statistics"]["DataScannedInBytes"]
    assert told == sum(size for _, name, size in chunks(files["day=1/a"], files["day=1/b"])
                       if name in ("id", "key"))
    lake.run("CREATE EXTERNAL TABLE named (pair struct<x:int,y:int>, id bigint, name string) "
             f"STORED AS PARQUET LOCATION 's3://{lake.bucket}/t/day=2/'")
    assert lake.rows("SELECT id FROM named WHERE id > 0") == [["30"]]
    lake.s3.put_object(Bucket=lake.bucket, Key="t/day=1/e", Body=parquet("SELECT 'x' AS pair"))
    assert "Field pair's type BINARY in parquet file" in (
        lake.run("SELECT pair FROM t")["Status"]["StateChangeReason"])


def test_columns_by_their_index_in_objects_of_many_schemas(lake):
    for i in range(101):
        lake.s3.put_object(Bucket=lake.bucket, Key=f"t/{i}", Body=parquet(f"SELECT {i} AS c{i}"))
    lake.run(f"CREATE EXTERNAL TABLE t (n int) {BY_PLACE} LOCATION 's3://{lake.bucket}/t/'")
    assert lake.run("SELECT sum(n) FROM t")["Status"]["StateChangeReason"] == (
        "NOT_SUPPORTED: line 1:20: Columns by their index in Parquet files of more than 100 "
        "schemas")
    lake.s3.delete_object(Bucket=lake.bucket, Key="t/100")
    assert lake.rows("SELECT sum(n), count(n) FROM t") == [["4950", "100"]]


@pytest.mark.parametrize("select", [
    "i AS id, 'n' || i AS name", "'n' || i AS name, i AS id", "i AS \"ID\", 'n' || i AS name",
    "i AS id, 'n' || i AS name, 7 AS more", "7 AS more, i AS id, 'n' || i AS name",
])
def test_nothing_but_the_tables_columns_is_seen_of_an_object(lake, select):
    table(lake, "t", "id bigint, name string",
          *(parquet(f"SELECT {select} FROM range({n}, {n} + 2) t(i)") for n in (0, 2)))
    assert lake.rows("SELECT * FROM t ORDER BY 1") == [
        ["0", "n0"], ["1", "n1"], ["2", "n2"], ["3", "n3"]]
    assert lake.rows("SELECT x.b, t.id FROM t AS x (a, b) JOIN t ON x.a = t.id + 2 ORDER BY 1") == [
        ["n2", "0"], ["n3", "1"]]
    for name in ("filename", "file_index", "file_row_number", "rowid", "more"):
        for sql in (f"SELECT {name} FROM t", f"SELECT t.{name} FROM t",
                    f"SELECT 1 FROM t WHERE {name} IS NOT NULL",
                    f"SELECT max(id) FROM t ORDER BY max({name})"):
            assert lake.run(sql)["Status"]["StateChangeReason"].startswith("COLUMN_NOT_FOUND"), sql


def test_bytes_of_columns_by_other_names(lake):
    table(lake, "t", "id bigint, name string", parquet(
        "SELECT i AS id, md5(i::VARCHAR) AS name FROM range(10000) t(i)"))

    def scanned(sql):
        return lake.run(sql)["Statistics"]["DataScannedInBytes"]

    small, both = scanned("SELECT sum(id) FROM t"), scanned("SELECT sum(id), max(name) FROM t")
    assert 0 < small < both / 3
    assert scanned("SELECT sum(a) FROM t AS x (a, b)") == small
    assert scanned("SELECT sum(name), max(id) FROM t AS x (name, id)") == both
    assert scanned("SELECT sum(c) FROM (t AS x JOIN t AS y ON x.id = y.id) AS j (a, b, c, d)") == (
        2 * both)
    assert scanned("SELECT max(p) FROM t MATCH_RECOGNIZE (ORDER BY id MEASURES A.id AS m ALL ROWS "
                   "PER MATCH PATTERN (A) DEFINE A AS id > 0) AS r (p, q, s)") == both


def test_hidden_columns_of_json(lake):
    lake.put("j/a.json", {"id": 1}, {"id": 2})
    lake.run("CREATE EXTERNAL TABLE j (id int) ROW FORMAT SERDE "
             f"'org.openx.data.jsonserde.JsonSerDe' LOCATION 's3://{lake.bucket}/j/'")
    path = f"s3://{lake.bucket}/j/a.json"
    assert lake.rows("SELECT \"$path\", * FROM j ORDER BY id") == [[path, "1"], [path, "2"]]
    assert lake.rows("SELECT * FROM (SELECT \"$path\" FROM j LIMIT 1) x") == [[path]]
    assert lake.rows("SELECT count(*) FROM j WHERE \"$path\" LIKE '%a.json' "
                     "AND \"$file_modified_time\" > timestamp '2020-01-01 00:00:00 UTC'") == [["2"]]


WIDE = "md5(i::VARCHAR) AS text"  # makes an object large enough to be looked at beforehand


def test_large_objects_that_are_what_the_catalog_says(lake):
    table(lake, "t", "id bigint, price double, country string, text string", *(
        parquet(f"SELECT i AS id, i / 4 AS price, 'de' AS country, {WIDE} "
                f"FROM range({n}, {n} + 5000) t(i)") for n in (0, 5000)))
    for _ in range(2):  # asked for, and known
        assert lake.rows("SELECT count(*), sum(price), max(id), min(country) FROM t") == [
            ["10000", "1.249875E7", "9999", "de"]]
        assert lake.rows("SELECT id, \"$path\" FROM t WHERE id = 7000") == [
            ["7000", f"s3://{lake.bucket}/t/f1.parquet"]]
        statistics = lake.run("SELECT sum(id) FROM t")["Statistics"]
        part, whole = statistics["DataScannedInBytes"], lake.run("SELECT * FROM t")["Statistics"]
        assert 0 < part < whole["DataScannedInBytes"] / 3


def test_large_objects_that_differ_from_the_catalog_or_each_other(lake):
    def body(select, rows=5000):
        return parquet(f"SELECT {select}, {WIDE} FROM range({rows}) t(i)")

    table(lake, "narrow", "id bigint, text string", body("i::INTEGER AS id"))
    assert lake.rows("SELECT sum(id) FROM narrow") == [["12497500"]]
    table(lake, "drift", "id bigint, text string", body("i AS id"), body("i::INTEGER AS id"))
    assert lake.rows("SELECT sum(id), count(text) FROM drift") == [["24995000", "10000"]]
    table(lake, "spelt", "id bigint, text string", body("i AS \"ID\""))
    assert lake.rows("SELECT sum(id) FROM spelt") == [["12497500"]]
    table(lake, "fewer", "id bigint, late int, text string", body("i AS id, 1::INT AS late"),
          body("i AS id"))
    assert lake.rows("SELECT sum(id), sum(late) FROM fewer") == [["24995000", "5000"]]
    table(lake, "more", "id bigint", body("i AS id"), body("i AS id, 1 AS other"))
    assert lake.rows("SELECT sum(id) FROM more") == [["24995000"]]
    table(lake, "own", "id bigint, file_index bigint, filename string",
          body("i AS id, 7::BIGINT AS file_index, 'n' AS filename"))
    assert lake.rows("SELECT sum(file_index), max(filename), max(\"$path\") FROM own") == [
        ["35000", "n", f"s3://{lake.bucket}/own/f0.parquet"]]
    table(lake, "wrong", "id int, text string", body("'x' AS id"))
    failed = lake.run("SELECT id FROM wrong")["Status"]["StateChangeReason"]
    assert "/wrong/f0.parquet is incompatible with type integer defined in table schema" in failed


def test_a_large_object_that_is_replaced_by_another(lake):
    table(lake, "t", "id bigint, text string",
          parquet(f"SELECT i AS id, {WIDE} FROM range(5000) t(i)"))
    assert lake.rows("SELECT max(id) FROM t") == [["4999"]]
    lake.s3.put_object(Bucket=lake.bucket, Key="t/f0.parquet", Body=parquet(
        f"SELECT {WIDE}, (i + 1)::SMALLINT AS id FROM range(6000) t(i)"))
    assert lake.rows("SELECT max(id), count(text) FROM t") == [["6000", "6000"]]


def footer_of(rows):
    """An object that is a footer alone, which tells so many rows: nothing else can be read."""
    number, varint = rows * 2, bytearray()
    while number > 127:
        varint.append(number & 127 | 128)
        number >>= 7
    footer = (b"\x15\x02\x19\x1c\x48\x01s\x00\x16" + bytes(varint) + bytes([number]) +
              b"\x19\x0c\x00")
    return b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def test_a_count_of_all_rows_asks_the_footers_alone(lake):
    for year, rows in (("2025", 5_000_000_000), ("2026", 7)):
        lake.s3.put_object(Bucket=lake.bucket, Key=f"t/year={year}/f", Body=footer_of(rows))
    lake.run("CREATE EXTERNAL TABLE t (id bigint) PARTITIONED BY (year string) STORED AS PARQUET "
             f"LOCATION 's3://{lake.bucket}/t/'")
    assert lake.rows("SELECT count(*) FROM t") == [["0"]]
    lake.run("MSCK REPAIR TABLE t")
    execution = lake.run("SELECT count(*) AS \"All\" FROM t")
    assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
    assert execution["Statistics"]["DataScannedInBytes"] == 0
    assert lake.body(execution["ResultConfiguration"]["OutputLocation"]) == b'"all"\n"5000000007"\n'
    result = lake.result("SELECT count(*) FROM t AS x WHERE x.year = '2026'")
    assert result["Rows"][1]["Data"] == [{"VarCharValue": "7"}]
    column = result["ResultSetMetadata"]["ColumnInfo"][0]
    assert (column["Name"], column["Type"], column["Precision"]) == ("_col0", "bigint", 19)
    both = "year IN ('2024', '2025') OR year LIKE '2026'"
    assert lake.rows(f"SELECT count(*) FROM t WHERE {both}") == [["5000000007"]]
    # What the footers cannot tell is asked of the rows, which are not there.
    for where in ("id = 1", "year = '2026' AND id IS NULL", "year IN ('2025', NULL)",
                  "\"$path\" > ''"):
        execution = lake.run(f"SELECT count(*) FROM t WHERE {where}")
        assert execution["Status"]["State"] == "FAILED", where
    assert lake.run("SELECT count(*) FROM t WHERE nope = 1")["Status"]["StateChangeReason"] == (
        "COLUMN_NOT_FOUND: line 1:30: Column 'nope' cannot be resolved")


def test_a_count_over_what_is_no_parquet_fails_as_any_query_does(lake):
    good = parquet("SELECT 1 AS id")
    table(lake, "t", "id int", good, b"no parquet at all")
    assert lake.run("SELECT count(*) FROM t")["Status"]["StateChangeReason"] == (
        f"HIVE_BAD_DATA: Not valid Parquet file: s3://{lake.bucket}/t/f1.parquet expected magic "
        "number: PAR1")
    table(lake, "u", "id int", good, b"\xff" * 20 + b"\xff\xff\xff\x7fPAR1")
    assert lake.run("SELECT count(*) FROM u")["Status"]["State"] == "FAILED"
