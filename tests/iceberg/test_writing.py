"""Rows written into Iceberg tables by SQL: INSERT, and CREATE TABLE AS."""

import pathlib
import tempfile
import threading

import pytest
from athena.duck import duck
from support import wait_until

from . import avro

CTAS = ("CREATE TABLE %s WITH (table_type = 'ICEBERG', is_external = false, "
        "location = 's3://%s/%s/'%s) AS %s")


def summary(house, name="t"):
    return house.metadata(name)["snapshots"][-1]["summary"]


def folders(house, name="t"):
    """Of a table's data, without files' names."""
    listed = house.s3.list_objects_v2(Bucket=house.bucket, Prefix=f"{name}/data/")
    return sorted(item["Key"].removeprefix(f"{name}/data/").rpartition("/")[0]
                  for item in listed.get("Contents", []))


def ctas(house, name, select, more=""):
    return CTAS % (name, house.bucket, name, more, select)


def test_inserted_rows_are_a_snapshot(house):
    house.table()
    query = house.athena.start_query_execution(
        QueryString="INSERT INTO t VALUES ('a', 1, DECIMAL '2.50', TIMESTAMP "
                    "'2026-07-03 10:11:12', ARRAY['x', NULL]), ('b', NULL, NULL, NULL, NULL)",
        QueryExecutionContext={"Database": house.database},
        ResultConfiguration={"OutputLocation": f"s3://{house.bucket}/results"})["QueryExecutionId"]
    house.wait("SELECT id, n, price, date_format(at, '%H:%i:%s'), tags FROM t ORDER BY id", [
        ("a", "1", "2.50", "10:11:12", "[x, null]"), ("b", None, None, None, None)])

    def told_of_success():
        reply = house.athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]
        return reply if reply["Status"]["State"] == "SUCCEEDED" else None

    told = wait_until(told_of_success)
    assert told["StatementType"] == "DML"
    assert house.athena.get_query_results(QueryExecutionId=query)["UpdateCount"] == 2
    [snapshot] = house.metadata()["snapshots"]
    assert snapshot["summary"]["operation"] == "append"
    assert {name: snapshot["summary"][name] for name in (
        "added-data-files", "added-records", "total-records", "total-data-files",
        "total-delete-files")} == {
            "added-data-files": "1", "added-records": "2", "total-records": "2",
            "total-data-files": "1", "total-delete-files": "0"}
    assert int(snapshot["summary"]["added-files-size"]) > 0


def test_columns_may_be_named_in_any_order_and_left_out(house):
    house.table(columns="id string, n bigint, price decimal(9,2), d double")
    house.rows("INSERT INTO t (n, id) SELECT 2 * n, CAST(n AS varchar) "
               "FROM UNNEST(sequence(1, 3)) AS u(n)")
    house.rows("INSERT INTO t (d, price, id) VALUES (0.5e0, 3, 'x')")
    assert house.rows("SELECT * FROM t ORDER BY id") == [
        ("1", "2", None, None), ("2", "4", None, None), ("3", "6", None, None),
        ("x", None, "3.00", "0.5")]
    assert summary(house)["total-data-files"] == "2"


def test_no_rows_make_no_snapshot(house):
    house.table(columns="id string")
    house.rows("INSERT INTO t SELECT id FROM t")
    assert house.metadata()["snapshots"] == []


# columns, partitioning, values, folders that come of them
PARTITIONS = [
    ("id string, v string", "id", "('a', 'x'), ('b', 'y'), ('', 'z'), (NULL, 'n')",
     ["id=", "id=a", "id=b", "id=null"]),
    ("id int, v string", "truncate(10, id)", "(-1, 'a'), (0, 'b'), (9, 'c'), (10, 'd')",
     ["id_trunc=-10", "id_trunc=0", "id_trunc=10"]),
    ("id string, v string", "truncate(2, id)", "('abc', 'x'), ('abd', 'y'), ('ü€x', 'z')",
     ["id_trunc=%C3%BC%E2%82%AC", "id_trunc=ab"]),
    ("id decimal(9,2), v string", "truncate(50, id)",
     "(DECIMAL '10.65', 'x'), (DECIMAL '10.50', 'y'), (DECIMAL '-0.05', 'z')",
     ["id_trunc=-0.50", "id_trunc=10.50"]),
    # Buckets by the hashes that Iceberg's specification lists.
    ("id int, v string", "bucket(1000, id)", "(34, 'x')", [f"id_bucket={2017239379 % 1000}"]),
    ("id bigint, v string", "bucket(1000, id)", "(34, 'x')", [f"id_bucket={2017239379 % 1000}"]),
    ("id string, v string", "bucket(1000, id)", "('iceberg', 'x')",
     [f"id_bucket={1210000089 % 1000}"]),
    ("id decimal(9,2), v string", "bucket(1000, id)", "(DECIMAL '14.20', 'x')",
     [f"id_bucket={(-500754589 & 0x7fffffff) % 1000}"]),
    ("id date, v string", "bucket(1000, id)", "(DATE '2017-11-16', 'x')",
     [f"id_bucket={(-653330422 & 0x7fffffff) % 1000}"]),
    ("id timestamp, v string", "bucket(1000, id)", "(TIMESTAMP '2017-11-16 22:31:08', 'x')",
     [f"id_bucket={(-2047944441 & 0x7fffffff) % 1000}"]),
    ("id binary, v string", "bucket(1000, id)", "(X'00010203', 'x')",
     [f"id_bucket={(-188683207 & 0x7fffffff) % 1000}"]),
    ("id date, v string", "year(id)", "(DATE '1969-12-31', 'x'), (DATE '2026-01-01', 'y')",
     ["id_year=1969", "id_year=2026"]),
    ("id date, v string", "month(id)", "(DATE '1969-12-31', 'x'), (DATE '2026-02-28', 'y')",
     ["id_month=1969-12", "id_month=2026-02"]),
    ("id timestamp, v string", "day(id)",
     "(TIMESTAMP '1969-12-31 23:59:59.999', 'x'), (TIMESTAMP '2026-02-28 00:00:00', 'y')",
     ["id_day=1969-12-31", "id_day=2026-02-28"]),
    ("id timestamp, v string", "hour(id)",
     "(TIMESTAMP '1969-12-31 23:59:59.999', 'x'), (TIMESTAMP '2026-02-28 00:59:00', 'y')",
     ["id_hour=1969-12-31-23", "id_hour=2026-02-28-00"]),
    ("id boolean, v double", "id, v", "(true, 0.5e0), (false, nan()), (NULL, NULL)",
     ["id=false/v=NaN", "id=null/v=null", "id=true/v=0.5"]),
]


@pytest.mark.parametrize("columns, keys, values, wanted", PARTITIONS)
def test_rows_go_to_their_partitions(house, columns, keys, values, wanted):
    house.table(columns=columns, more=f"PARTITIONED BY ({keys})")
    house.rows(f"INSERT INTO t VALUES {values}")
    assert folders(house) == sorted(wanted)
    count = str(values.count("(") - values.count("nan("))
    assert house.rows("SELECT count(*), count(DISTINCT coalesce(CAST(v AS varchar), '-')) FROM t") \
        == [(count, count)]


def test_a_hundred_partitions_and_no_more(house):
    house.table(columns="n bigint", more="PARTITIONED BY (n)")
    state, why, _ = house.query("INSERT INTO t SELECT n FROM UNNEST(sequence(1, 101)) AS u(n)")
    assert state == "FAILED" and why.startswith(
        "ICEBERG_TOO_MANY_OPEN_PARTITIONS: Exceeded limit of 100 open writers for partitions. ")
    assert house.metadata()["snapshots"] == []
    house.rows("INSERT INTO t SELECT n FROM UNNEST(sequence(1, 100)) AS u(n)")
    assert summary(house)["added-data-files"] == "100"


def test_writers_at_once_both_come_through(house):
    house.table(columns="w bigint, n bigint")
    states = []

    def write(worker):
        for n in range(4):
            states.append(house.query(f"INSERT INTO t VALUES ({worker}, {n})")[:2])

    threads = [threading.Thread(target=write, args=(w,)) for w in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert states == [("SUCCEEDED", "")] * 12
    assert house.rows("SELECT count(*), count(DISTINCT w * 10 + n) FROM t") == [("12", "12")]
    metadata = house.metadata()
    assert [s["sequence-number"] for s in metadata["snapshots"]] == list(range(1, 13))
    assert summary(house)["total-records"] == "12"


def test_firehose_goes_on_where_sql_wrote(house):
    house.table(columns="id string, n bigint")
    house.rows("INSERT INTO t VALUES ('a', 1), ('b', 2)")
    house.put(house.delivery(), {"id": "c", "n": 3})
    house.wait("SELECT id, n FROM t ORDER BY id", [("a", "1"), ("b", "2"), ("c", "3")])


def test_a_table_is_made_of_a_query(house):
    house.rows(ctas(house, "u", "SELECT 1 AS a, 'x' AS s, DATE '2026-07-03' AS d, "
                                "CAST(1 AS smallint) AS small, ARRAY[1, 2] AS l, "
                                "CAST(ROW(1, 'y') AS ROW(p integer, q varchar)) AS r",
                    ", format = 'PARQUET', vacuum_min_snapshots_to_keep = 3, "
                    "partitioning = ARRAY['month(d)', 'bucket(s, 4)', 'a']"))
    metadata = house.metadata("u")
    [spec] = metadata["partition-specs"]
    assert [(f["name"], f["transform"]) for f in spec["fields"]] == [
        ("d_month", "month"), ("s_bucket", "bucket[4]"), ("a", "identity")]
    assert [f["type"] for f in metadata["schemas"][0]["fields"]][:4] == [
        "int", "string", "date", "int"]
    assert metadata["properties"]["vacuum_min_snapshots_to_keep"] == "3"
    [snapshot] = metadata["snapshots"]
    assert snapshot["summary"]["operation"] == "append"
    assert house.rows("SELECT * FROM u") == [
        ("1", "x", "2026-07-03", "1", "[1, 2]", "{p=1, q=y}")]
    house.rows("INSERT INTO u SELECT a + 1, s, d, small, l, r FROM u")
    assert house.rows("SELECT a FROM u ORDER BY a") == [("1",), ("2",)]
    house.rows(ctas(house, "v", "SELECT a FROM u", "") + " WITH NO DATA")
    assert house.rows("SELECT * FROM v") == []


@pytest.mark.parametrize("select, more, reason", [
    ("SELECT 1 AS a", ", partitioning = ARRAY['b']", "Cannot find source column: b"),
    ("SELECT 1 AS a", ", partitioning = ARRAY['day(a)']",
     "Invalid partition field declaration: day(a)"),
    ("SELECT 1 AS a", ", partitioning = ARRAY['bucket(a)']",
     "Invalid partition field declaration: bucket(a)"),
    ("SELECT 1 AS a", ", format = 'ORC'", "NOT_SUPPORTED"),
    ("SELECT 1 AS a", ", partitioned_by = ARRAY['a']", "partitioned_by"),
    ("SELECT 1 AS a", ", other = 'x'", "table property 'other' does not exist"),
    ("SELECT 1", "", "Column name not specified at position 1"),
    ("SELECT 1 AS a, 2 AS a", "", "Column name 'a' specified more than once"),
])
def test_what_a_table_cannot_be_made_of(house, select, more, reason):
    state, why, _ = house.query(ctas(house, "u", select, more))
    assert state == "FAILED" and reason in why, why
    assert house.tables() == [] and folders(house, "u") == []


def test_a_table_that_is_there_is_not_made_again(house):
    house.rows(ctas(house, "u", "SELECT 1 AS a"))
    state, why, _ = house.query(ctas(house, "u", "SELECT 2 AS a"))
    assert state == "FAILED" and "TABLE_ALREADY_EXISTS" in why
    assert house.rows("SELECT a FROM u") == [("1",)]


@pytest.mark.parametrize("sql, reason", [
    ("INSERT INTO t VALUES ('a')", "TYPE_MISMATCH"),
    ("INSERT INTO t VALUES (1, 2)", "TYPE_MISMATCH"),
    ("INSERT INTO t (id, no) VALUES ('a', 1)", "COLUMN_NOT_FOUND"),
])
def test_rows_that_do_not_fit(house, sql, reason):
    house.table(columns="id string, n bigint")
    state, why, _ = house.query(sql)
    assert state == "FAILED" and reason in why, why
    assert house.metadata()["snapshots"] == []


def codecs(house):
    """How the table's files, of data and deletes, are packed, by their footers."""
    metadata, found = house.metadata(), set()
    [one] = [one for one in metadata["snapshots"]
             if one["snapshot-id"] == metadata["current-snapshot-id"]]
    _, lines = avro.read(house.body(one["manifest-list"]))
    for line in lines:
        for entry in avro.read(house.body(line["manifest_path"]))[1]:
            if entry["status"] == 2:  # deleted
                continue
            with tempfile.TemporaryDirectory() as folder:
                file = pathlib.Path(folder) / "file"
                file.write_bytes(house.body(entry["data_file"]["file_path"]))
                found |= {codec for codec, in duck().query(
                    f"SELECT DISTINCT compression FROM parquet_metadata('{file}')")}
    return found


@pytest.mark.parametrize("wanted, codec", [
    (None, "zstd"), ("ZSTD", "zstd"), ("snappy", "snappy"), ("GZIP", "gzip"),
    ("NONE", "uncompressed")])
def test_files_are_packed_as_the_table_wants(house, wanted, codec):
    more = f", 'write_compression'='{wanted}'" if wanted else ""
    house.rows(f"CREATE TABLE t (id string, n bigint) LOCATION 's3://{house.bucket}/t/' "
               f"TBLPROPERTIES ('table_type'='ICEBERG', "
               f"'optimize_rewrite_data_file_threshold'='2'{more})")
    assert house.metadata()["properties"]["write.parquet.compression-codec"] == codec
    house.rows("INSERT INTO t VALUES ('a', 1), ('b', 2)")
    house.put(house.delivery(AppendOnly=True), {"id": "c", "n": 3})
    house.wait("SELECT count(*) FROM t", [("3",)])
    house.rows("UPDATE t SET n = 20 WHERE id = 'b'")
    assert codecs(house) == {codec.upper()}
    assert house.rows("SELECT id, n FROM t ORDER BY id") == [("a", "1"), ("b", "20"), ("c", "3")]
    house.rows("OPTIMIZE t REWRITE DATA USING BIN_PACK")
    assert codecs(house) == {codec.upper()}
    assert house.rows("SELECT sum(n) FROM t") == [("24",)]
    assert house.rows('SELECT count(*) FROM "t$files"') == [("1",)]


def test_how_files_are_packed_may_change(house):
    house.table(columns="n int")
    for wanted in ("gzip", "snappy"):
        house.rows(f"ALTER TABLE t SET TBLPROPERTIES ('write_compression'='{wanted}')")
        house.rows("INSERT INTO t VALUES 1")
    assert codecs(house) == {"GZIP", "SNAPPY"}
    house.rows("ALTER TABLE t UNSET TBLPROPERTIES ('write_compression')")
    assert house.metadata()["properties"]["write.parquet.compression-codec"] == "zstd"
    house.rows("INSERT INTO t VALUES 1")
    assert codecs(house) == {"GZIP", "SNAPPY", "ZSTD"}
    assert house.rows("SELECT sum(n) FROM t") == [("3",)]
    house.rows(ctas(house, "u", "SELECT 1 AS a", ", write_compression = 'GZIP'"))
    assert house.metadata("u")["properties"]["write.parquet.compression-codec"] == "gzip"


def sizes(house, name):
    return [int(size) for size, in house.rows(f'SELECT file_size_in_bytes FROM "{name}$files"')]


TEXT = ("SELECT CAST(n * 7919 % 1000 AS varchar) || 'abc' AS s "
        "FROM UNNEST(sequence(1, 5000)) AS t(n)")


def test_files_are_packed_as_tightly_as_the_table_wants(house):
    """By INSERT, CREATE TABLE AS, OPTIMIZE and Firehose; the level of Iceberg's own key counts."""
    made, wide = {}, {}
    for level in (1, 19):
        name = f"t{level}"
        house.rows(f"CREATE TABLE {name} (s string) LOCATION 's3://{house.bucket}/{name}/' "
                   "TBLPROPERTIES ('table_type'='ICEBERG', 'write_compression'='zstd', "
                   f"'compression_level'='{level}', 'optimize_rewrite_data_file_threshold'='2')")
        assert house.metadata(name)["properties"]["write.parquet.compression-level"] == str(level)
        house.rows(f"INSERT INTO {name} {TEXT}")
        made[level] = sizes(house, name)
        house.rows(f"INSERT INTO {name} SELECT s || 'x' FROM {name}")
        house.rows(f"OPTIMIZE {name} REWRITE DATA USING BIN_PACK")
        made[level] += sizes(house, name)
        house.rows(ctas(house, f"c{level}", TEXT, f", compression_level = {level}"))
        made[level] += sizes(house, f"c{level}")
        assert house.rows(f"SELECT count(*) FROM {name}") == [("10000",)]
        house.table(f"f{level}", columns="id string, n bigint")
        house.rows(f"ALTER TABLE f{level} SET TBLPROPERTIES ('compression_level'='{level}')")
        house.put(house.delivery(AppendOnly=True, tables=(f"f{level}",)), *(
            {"id": f"{i * 7919 % 1000}abc", "n": i} for i in range(500)))
        house.wait(f"SELECT count(*) FROM f{level}", [("500",)])
        wide[level] = sizes(house, f"f{level}")
    assert len(made[1]) == len(made[19]) == 3
    assert all(loose != tight for loose, tight in zip(made[1], made[19]))
    assert wide[1] > wide[19]
    house.rows("ALTER TABLE t19 UNSET TBLPROPERTIES ('compression_level')")
    assert "write.parquet.compression-level" not in house.metadata("t19")["properties"]
