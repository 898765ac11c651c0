"""CTAS, INSERT INTO and UNLOAD: objects, tables, partitions, manifests, what is refused."""

import gzip

import pytest

from athena.duck import rows_of
from athena.test_ddl import SERDE, succeed


def keys(lake, prefix):
    reply = lake.s3.list_objects_v2(Bucket=lake.bucket, Prefix=prefix)
    return [item["Key"] for item in reply.get("Contents", [])]


def stored(lake, name):
    return lake.glue.get_table(DatabaseName=lake.database, Name=name)["Table"]


def manifest(lake, execution):
    location = execution["Statistics"]["DataManifestLocation"]
    assert location == (f"s3://{lake.bucket}/results/{execution['QueryExecutionId']}"
                        "-manifest.csv")
    return lake.body(location).decode().splitlines()


def test_ctas_makes_a_parquet_table_below_the_results(lake):
    done = succeed(lake, "CREATE TABLE t AS SELECT 1 AS a, 'x' AS B, ARRAY[1, 2] AS l, "
                         "CAST(1.5 AS decimal(5,2)) AS d, DATE '2026-07-03' AS dt, "
                         "map(ARRAY['k'], ARRAY[2]) AS m, CAST(ROW(1) AS ROW(f integer)) AS r")
    assert done["StatementType"] == "DDL"
    location = f"s3://{lake.bucket}/results/tables/{done['QueryExecutionId']}/"
    table = stored(lake, "t")
    assert table["StorageDescriptor"]["Location"] == location
    assert [(c["Name"], c["Type"]) for c in table["StorageDescriptor"]["Columns"]] == [
        ("a", "int"), ("b", "string"), ("l", "array<int>"), ("d", "decimal(5,2)"),
        ("dt", "date"), ("m", "map<string,int>"), ("r", "struct<f:int>")]
    assert lake.rows("SELECT * FROM t") == [
        ["1", "x", "[1, 2]", "1.50", "2026-07-03", "{k=2}", "{f=1}"]]
    made = keys(lake, f"results/tables/{done['QueryExecutionId']}/")
    assert manifest(lake, done) == [f"s3://{lake.bucket}/{key}" for key in made]
    assert len(made) == 1
    assert rows_of(lake.body(f"s3://{lake.bucket}/{made[0]}"), "a, b") == [["1", "x"]]
    reply = lake.athena.get_query_results(QueryExecutionId=done["QueryExecutionId"])
    assert reply["UpdateCount"] == 1 and reply["ResultSet"]["Rows"] == []
    assert lake.fault("CREATE TABLE t AS SELECT 2 AS a") == (
        f"TABLE_ALREADY_EXISTS: line 1:1: Destination table 'awsdatacatalog.{lake.database}.t' "
        "already exists")
    succeed(lake, "CREATE TABLE IF NOT EXISTS t AS SELECT 2 AS a")
    assert lake.rows("SELECT a FROM t") == [["1"]]


def test_zstandard_packs_as_tightly_as_it_is_told(lake):
    sizes = []
    for level in (1, 22):
        assert lake.run(f"""CREATE TABLE z{level} WITH (format = 'PARQUET',
            write_compression = 'ZSTD', compression_level = {level},
            external_location = 's3://{lake.bucket}/z{level}/') AS
            SELECT CAST(n * 7919 % 1000 AS varchar) || 'abc' AS s
            FROM UNNEST(sequence(1, 10000)) AS t(n)""")["Status"]["State"] == "SUCCEEDED"
        assert lake.rows(f"SELECT count(DISTINCT s) FROM z{level}") == [["1000"]]
        sizes.append(sum(file["Size"] for file in lake.s3.list_objects_v2(
            Bucket=lake.bucket, Prefix=f"z{level}/")["Contents"]))
        assert lake.run(f"""UNLOAD (SELECT s FROM z{level}) TO 's3://{lake.bucket}/u{level}/'
            WITH (format = 'PARQUET', compression = 'ZSTD', compression_level = {level})"""
                        )["Status"]["State"] == "SUCCEEDED"
        sizes.append(sum(file["Size"] for file in lake.s3.list_objects_v2(
            Bucket=lake.bucket, Prefix=f"u{level}/")["Contents"]))
    assert sizes[0] != sizes[2] and sizes[1] != sizes[3]
    for wrong in ("'SNAPPY', compression_level = 2", "'ZSTD', compression_level = 23"):
        assert lake.reason(f"CREATE TABLE w WITH (write_compression = {wrong}) AS SELECT 1 AS a"
                           ).startswith("INVALID_TABLE_PROPERTY: ")


def test_ctas_by_partitions_at_a_place_of_its_own(lake):
    done = succeed(lake, f"""CREATE TABLE {lake.database}.p WITH (format = 'PARQUET',
          write_compression = 'SNAPPY', external_location = 's3://{lake.bucket}/p',
          partitioned_by = ARRAY['day', 'n']) AS
        SELECT * FROM (VALUES (1, 'a b/c', 1), (2, 'x', 2), (3, 'x', 2), (4, NULL, 3))
          AS v(id, day, n)""")
    assert lake.raw_rows("SHOW PARTITIONS p") == [
        ["day=__HIVE_DEFAULT_PARTITION__/n=3"], ["day=a b/c/n=1"], ["day=x/n=2"]]
    folders = {key.rsplit("/", 1)[0] for key in keys(lake, "p/")}
    assert folders == {"p/day=__HIVE_DEFAULT_PARTITION__/n=3", "p/day=a b%2Fc/n=1", "p/day=x/n=2"}
    assert lake.rows("SELECT id, day, n FROM p ORDER BY id") == [
        ["1", "a b/c", "1"], ["2", "x", "2"], ["3", "x", "2"], ["4", None, "3"]]
    assert lake.rows("SELECT count(*) FROM p WHERE day = 'x'") == [["2"]]
    assert sorted(manifest(lake, done)) == [f"s3://{lake.bucket}/{k}" for k in keys(lake, "p/")]
    succeed(lake, f"CREATE EXTERNAL TABLE again (id int) PARTITIONED BY (day string, n int) "
                  f"STORED AS PARQUET LOCATION 's3://{lake.bucket}/p/'")
    lake.run("MSCK REPAIR TABLE again")
    assert lake.rows("SELECT day, n FROM again WHERE id = 1") == [["a b/c", "1"]]
    failed = lake.fault(f"CREATE TABLE q WITH (external_location = 's3://{lake.bucket}/p/') AS "
                        "SELECT 1 AS a")
    assert failed == (f"HIVE_PATH_ALREADY_EXISTS: Target directory for table '{lake.database}.q' "
                      f"already exists: s3://{lake.bucket}/p")


def test_a_failure_tells_where_files_may_be_left(lake):
    for sql, advice in (
            ("CREATE TABLE t AS SELECT 1 / 0 AS a", "DIVISION_BY_ZERO: Division by zero. "
             "You may need to manually clean the data at location '{results}tables/{id}' before "
             "retrying. Athena will not delete data in your account."),
            ("CREATE TABLE t AS SELECT b", "COLUMN_NOT_FOUND: line 1:26: Column 'b' cannot be "
             "resolved. You may need to manually clean the data at location '{results}tables/{id}' "
             "before retrying. Athena will not delete data in your account."),
            ("INSERT INTO none VALUES (1)", "TABLE_NOT_FOUND: Table 'awsdatacatalog.{database}."
             "none' does not exist. If a data manifest file was generated at "
             "'{results}{id}-manifest.csv', you may need to manually clean the data from locations "
             "specified in the manifest. Athena will not delete data in your account.")):
        execution = lake.run(sql)
        assert execution["Status"]["StateChangeReason"] == advice.format(
            results=f"s3://{lake.bucket}/results/", database=lake.database,
            id=execution["QueryExecutionId"])


@pytest.mark.parametrize("settings, reason", [
    ("partitioned_by = 'b'", "INVALID_TABLE_PROPERTY: line 1:22: Invalid value for catalog "
     "'awsdatacatalog' table property 'partitioned_by': Cannot convert ['b'] to array(varchar)"),
    ("bucketed_by = ARRAY['a'], bucket_count = '2'", "INVALID_TABLE_PROPERTY: line 1:48: Invalid "
     "value for catalog 'awsdatacatalog' table property 'bucket_count': Cannot convert ['2'] to "
     "integer"),
    ("format = 5", "Cannot convert [5] to varchar"),
    ("format = ARRAY['JSON']", "Cannot convert [ARRAY['JSON']] to varchar"),
    ("is_external = 'true'", "Cannot convert ['true'] to boolean"),
    ("format = 'JSON', format = 'PARQUET'",
     "DUPLICATE_PROPERTY: line 1:39: Duplicate property: format"),
    ("orc_compression = 'ZLIB'", "orc_compression is for files of the format ORC only"),
    ("format = 'JSON', parquet_compression = 'GZIP'",
     "parquet_compression is for files of the format PARQUET only"),
    ("parquet_compression = 'GZIP', write_compression = 'GZIP'", "exclude each other"),
    ("format = 'TEXTFILE', field_delimiter = '\\q'", "must be a single character"),
    ("bucketed_by = ARRAY['a'], bucket_count = -1", "bucket_count must be greater than zero"),
    ("location = 's3://x/y/'", "INVALID_TABLE_PROPERTY: line 1:22: Catalog 'awsdatacatalog' table "
     "property 'location' does not exist"),
    ("partitioned_by = ARRAY['Z', 'a', 'y']",
     "INVALID_TABLE_PROPERTY: Partition columns [z, y] not present in schema"),
    ("partitioned_by = ARRAY['b', 'a']", "HIVE_COLUMN_ORDER_MISMATCH: Partition keys must be the "
     "last columns in the table and in the same order as the table properties: [b, a]"),
    ("partitioned_by = ARRAY['b']", "NOT_SUPPORTED: Unsupported type [array(integer)] for "
     "partition: b"),
])
def test_settings_are_what_they_must_be(lake, settings, reason):
    found = lake.fault(f"CREATE TABLE t WITH ({settings}) AS SELECT 0 AS c, 1 AS a, ARRAY[2] AS b")
    assert reason in found
    assert lake.raw_rows("SHOW TABLES") == [] and keys(lake, "results/tables/") == []


def test_an_empty_list_of_keys_is_none(lake):
    succeed(lake, "CREATE TABLE t WITH (partitioned_by = ARRAY[]) AS SELECT 1 AS a")
    assert lake.rows("SELECT a FROM t") == [["1"]]


def test_geometries_have_no_place_in_a_table(lake):
    for sql in ("CREATE TABLE g AS SELECT ST_Point(1, 2) AS p",
                f"UNLOAD (SELECT ST_Point(1, 2) AS p) TO 's3://{lake.bucket}/g/' "
                "WITH (format = 'PARQUET')"):
        assert lake.fault(sql) == "NOT_SUPPORTED: Unsupported Hive type: Geometry"
    succeed(lake, "CREATE TABLE g AS SELECT ST_AsText(ST_Point(1, 2)) AS p")
    assert "Unsupported Hive type" in lake.reason("INSERT INTO g SELECT ST_Point(3, 4)")


def test_addresses_have_no_place_in_a_table(lake):
    address = "SELECT IPADDRESS '::1' AS a"
    for sql in (f"CREATE TABLE g AS {address}",
                f"UNLOAD ({address}) TO 's3://{lake.bucket}/g/' WITH (format = 'PARQUET')",
                "CREATE TABLE g AS SELECT ARRAY[IPADDRESS '::1'] AS a"):
        kind = "array(ipaddress)" if "ARRAY" in sql else "ipaddress"
        assert lake.fault(sql) == f"NOT_SUPPORTED: Unsupported Hive type: {kind}"
    assert lake.fault(
        "CREATE TABLE g WITH (table_type = 'ICEBERG', is_external = false, "
        f"location = 's3://{lake.bucket}/ice/') AS {address}"
    ) == "NOT_SUPPORTED: Type not supported for Iceberg: ipaddress"
    succeed(lake, "CREATE TABLE g AS SELECT CAST(a AS varchar) AS a, CAST(a AS varbinary) AS b "
                  f"FROM ({address})")
    assert lake.rows("SELECT a, CAST(b AS ipaddress) FROM g "
                     "WHERE CAST(a AS ipaddress) = CAST(b AS ipaddress)") == [["::1", "::1"]]
    assert lake.fault("INSERT INTO g SELECT IPADDRESS '::2', x'00'") == (
        "TYPE_MISMATCH: Insert query has mismatched column types: "
        "Table: [varchar, varbinary], Query: [ipaddress, varbinary]")


def java_hash(value):
    """Hive's, of a text or a whole number of 64 bits, as it is before Java cuts it."""
    if isinstance(value, int):
        return (value ^ value >> 32) & 0xffffffff
    result = 0
    for byte in value.encode():
        result = (result * 31 + (byte - 256 if byte > 127 else byte)) & 0xffffffff
    return result


@pytest.mark.parametrize("settings", [
    "format = 'PARQUET'", "format = 'JSON', write_compression = 'NONE'"])
@pytest.mark.parametrize("keys_of", ["", ", partitioned_by = ARRAY['half']"])
def test_ctas_spreads_rows_over_buckets(lake, settings, keys_of):
    done = succeed(lake, f"""CREATE TABLE b WITH ({settings}, bucketed_by = ARRAY['name', 'n'],
        bucket_count = 4, external_location = 's3://{lake.bucket}/b/'{keys_of}) AS
        SELECT n, IF(n % 10 = 0, NULL, 'n\u00e4me ' || CAST(n AS varchar)) AS name, n % 2 AS half
        FROM UNNEST(sequence(1, 60)) AS t(n)""")
    assert len(manifest(lake, done)) == (8 if keys_of else 4)
    seen = 0
    for path, n, name in lake.rows('SELECT "$path", n, name FROM b'):
        first = 0 if name is None else java_hash(name)
        number = (first * 31 + java_hash(int(n)) & 0x7fffffff) % 4
        assert f"_bucket-{number:05}_" in path, (path, n, name)
        seen += 1
    assert seen == 60
    storage = lake.glue.get_table(DatabaseName=lake.database, Name="b")["Table"]
    storage = storage["StorageDescriptor"]
    assert (storage["NumberOfBuckets"], storage["BucketColumns"]) == (4, ["name", "n"])
    assert lake.raw_rows("SHOW PARTITIONS b") == [["half=0"], ["half=1"]] if keys_of else True
    assert lake.fault("INSERT INTO b SELECT 1, 'x', 1") == (
        "NOT_SUPPORTED: Inserting into bucketed tables is not supported")


def test_buckets_take_the_types_that_have_a_hash(lake):
    succeed(lake, """CREATE TABLE b WITH (bucketed_by = ARRAY['a', 'b', 'c', 'd', 'e'],
        bucket_count = 2) AS SELECT true AS a, SMALLINT '-3' AS b, 1.5e0 AS c, REAL '-0.5' AS d,
        DATE '2026-07-03' AS e, 7 AS f""")
    # 1 and -3, then 0x3ff80000 ^ 0, 0xbf000000, and 20637 days
    number = 0
    for value in (1, -3, 0x3ff80000, 0xbf000000, 20637):
        number = number * 31 + value & 0xffffffff
    assert [row for row in lake.rows('SELECT "$path" FROM b')
            if f"_bucket-{(number & 0x7fffffff) % 2:05}_" in row[0]]
    for settings, reason in (
            ("bucketed_by = ARRAY['a']", "INVALID_TABLE_PROPERTY: bucketed_by may be specified "
             "only when bucket_count is specified"),
            ("bucket_count = 3", "INVALID_TABLE_PROPERTY: bucket_count may be specified only when "
             "bucketed_by is specified"),
            ("bucketed_by = ARRAY['a'], bucket_count = 0",
             "INVALID_TABLE_PROPERTY: bucket_count must be greater than zero"),
            ("bucketed_by = ARRAY['a'], bucket_count = 101", "HIVE_TOO_MANY_OPEN_PARTITIONS: "
             "Exceeded limit of 100 open writers for partitions/buckets"),
            ("bucketed_by = ARRAY['z'], bucket_count = 3",
             "INVALID_TABLE_PROPERTY: Bucketing columns [z] not present in schema"),
            ("bucketed_by = ARRAY['d'], bucket_count = 3", "NOT_SUPPORTED: Bucketing by the column "
             "'d' of its type is not supported")):
        found = lake.fault(f"CREATE TABLE c WITH ({settings}) AS SELECT 1 AS a, 1.5 AS d")
        assert found == reason


@pytest.mark.parametrize("settings,suffix", [
    ("format = 'JSON'", ".gz"), ("format = 'JSON', write_compression = 'NONE'", ""),
    ("format = 'TEXTFILE', field_delimiter = ','", ".gz"), ("format = 'TEXTFILE'", ".gz"),
    ("format = 'JSON', write_compression = 'ZSTD', compression_level = 22", ".zst"),
    ("format = 'TEXTFILE', write_compression = 'zstd'", ".zst"),
    ("format = 'JSON', write_compression = 'SNAPPY'", ".snappy"),
    ("format = 'PARQUET', write_compression = 'ZSTD'", ""),
    ("parquet_compression = 'NONE'", "")])
def test_what_is_written_reads_back_the_same(lake, settings, suffix):
    select = ("SELECT 1 AS a, 'q\"x' AS b, CAST(NULL AS varchar) AS c, 1.5e0 AS d, true AS e, "
              "TIMESTAMP '2026-07-03 10:11:12.345' AS f, 12345678901 AS g, "
              "ARRAY['p', 'q'] AS h, map(ARRAY['k', 'l'], ARRAY[1, 2]) AS i, "
              "CAST(ROW(7, 'z') AS ROW(x integer, y varchar)) AS j, DATE '2026-07-03' AS k, "
              "CAST(-0.05 AS decimal(10,2)) AS l, CAST('' AS varchar) AS m")
    done = succeed(lake, f"CREATE TABLE t WITH ({settings}) AS {select}")
    made = keys(lake, f"results/tables/{done['QueryExecutionId']}/")
    assert len(made) == 1
    assert "." not in made[0] if suffix == "" else made[0].endswith(suffix)
    assert lake.rows("SELECT * FROM t") == lake.rows(select)
    done = succeed(lake, f"INSERT INTO t {select}")
    assert done["StatementType"] == "DML"
    assert lake.rows("SELECT count(*), count(DISTINCT j) FROM t") == [["2", "1"]]


def test_no_data_makes_the_table_alone(lake):
    done = succeed(lake, "CREATE TABLE t AS (SELECT 1 AS a, 'x' AS b) WITH NO DATA")
    assert keys(lake, f"results/tables/{done['QueryExecutionId']}/") == []
    assert lake.rows("SELECT * FROM t") == []
    assert [c["Type"] for c in stored(lake, "t")["StorageDescriptor"]["Columns"]] == [
        "int", "string"]


def test_inserts_add_rows_and_partitions(lake):
    succeed(lake, f"CREATE EXTERNAL TABLE t (id bigint, name string) PARTITIONED BY (day string) "
                  f"{SERDE} LOCATION 's3://{lake.bucket}/t/'")
    done = succeed(lake, "INSERT INTO t VALUES (1, 'a', 'mon'), (2, NULL, 'tue')")
    assert len(manifest(lake, done)) == 2
    reply = lake.athena.get_query_results(QueryExecutionId=done["QueryExecutionId"])
    assert reply["UpdateCount"] == 2
    info = reply["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    assert [(c["Name"], c["Type"]) for c in info] == [("rows", "bigint")]
    succeed(lake, "INSERT INTO t (day, id) SELECT day, id + 10 FROM t WHERE day = 'tue'")
    assert lake.rows("SELECT * FROM t ORDER BY id") == [
        ["1", "a", "mon"], ["2", None, "tue"], ["12", None, "tue"]]
    assert lake.raw_rows("SHOW PARTITIONS t") == [["day=mon"], ["day=tue"]]
    body = gzip.decompress(lake.body(f"s3://{lake.bucket}/{keys(lake, 't/day=mon/')[0]}"))
    assert body == b'{"id":1,"name":"a"}\n'
    query = lake.start("INSERT INTO t VALUES (?, ?, ?)",
                       ExecutionParameters=["7", "'p'", "'wed'"])
    assert lake.wait(query)["Status"]["State"] == "SUCCEEDED"
    assert lake.rows("SELECT id, name FROM t WHERE day = 'wed'") == [["7", "p"]]
    assert lake.fault("INSERT INTO t VALUES (1, 2, 'x')") == (
        "TYPE_MISMATCH: Insert query has mismatched column types: "
        "Table: [bigint, varchar, varchar], Query: [integer, integer, varchar(1)]")
    assert "mismatched column types" in lake.reason("INSERT INTO t VALUES (1, 'a')")
    assert "does not exist" in lake.reason("INSERT INTO nope VALUES (1)")
    assert "nope" in lake.reason("INSERT INTO t (nope) VALUES (1)")


def test_unload_writes_objects_and_no_table(lake):
    done = succeed(lake, f"UNLOAD (SELECT 1 AS a, 'x' AS b UNION ALL SELECT 2, 'y') "
                         f"TO 's3://{lake.bucket}/out/' WITH (format = 'PARQUET')")
    assert done["StatementType"] == "DML"
    made = keys(lake, "out/")
    assert manifest(lake, done) == [f"s3://{lake.bucket}/{key}" for key in made]
    assert rows_of(lake.body(f"s3://{lake.bucket}/{made[0]}")) == [["1", "x"], ["2", "y"]]
    assert lake.reason(
        f"UNLOAD (SELECT 1 AS a) TO 's3://{lake.bucket}/out/' WITH (format = 'JSON')"
    ) == "HIVE_PATH_ALREADY_EXISTS: Target directory already exists"
    done = succeed(lake, f"UNLOAD (SELECT 1 AS a, 'x' AS b, 'k' AS p) TO "
                         f"'s3://{lake.bucket}/text/' WITH (format = 'TEXTFILE', "
                         "field_delimiter = ',', compression = 'none', "
                         "partitioned_by = ARRAY['p'])")
    made = keys(lake, "text/")
    assert made[0].startswith("text/p=k/")
    assert lake.body(f"s3://{lake.bucket}/{made[0]}") == b"1,x\n"


def test_more_than_a_hundred_partitions_are_refused_and_leave_nothing(lake):
    for settings in ("format = 'PARQUET'", "format = 'JSON'"):
        failed = lake.fault(f"CREATE TABLE t WITH ({settings}, partitioned_by = ARRAY['p'], "
                            f"external_location = 's3://{lake.bucket}/many/') AS "
                            "SELECT 1 AS a, n AS p FROM UNNEST(sequence(1, 101)) AS u(n)")
        assert failed == ("HIVE_TOO_MANY_OPEN_PARTITIONS: Exceeded limit of 100 open writers for "
                          "partitions/buckets")
        assert keys(lake, "many/") == []
        assert lake.raw_rows("SHOW TABLES") == []
    succeed(lake, f"CREATE TABLE t WITH (partitioned_by = ARRAY['p'], "
                  f"external_location = 's3://{lake.bucket}/many/') AS "
                  "SELECT 1 AS a, n AS p FROM UNNEST(sequence(1, 100)) AS u(n)")
    assert len(lake.raw_rows("SHOW PARTITIONS t")) == 100


@pytest.mark.parametrize("sql,words", [
    ("CREATE TABLE t AS SELECT 1", "MISSING_COLUMN_NAME"),
    ("CREATE TABLE t AS SELECT 1 AS a, 2 AS a", "DUPLICATE_COLUMN_NAME"),
    ("CREATE TABLE t AS SELECT 1 AS a, NULL AS b",
     "COLUMN_TYPE_UNKNOWN: line 1:1: Column type is unknown at position 2"),
    ("CREATE TABLE t AS SELECT TIME '01:02:03' AS a",
     "NOT_SUPPORTED: Unsupported Hive type: time(0)"),
    ("CREATE TABLE t WITH (format = 'ORC') AS SELECT 1 AS a", "Writing the format ORC"),
    ("CREATE TABLE t WITH (nope = 'x') AS SELECT 1 AS a", "INVALID_TABLE_PROPERTY"),
    ("CREATE TABLE t WITH (partitioned_by = ARRAY['a']) AS SELECT 1 AS a, 2 AS b",
     "HIVE_COLUMN_ORDER_MISMATCH"),
    ("CREATE TABLE t WITH (partitioned_by = ARRAY['a']) AS SELECT 1 AS a",
     "only partition columns"),
    ("CREATE TABLE nope.t AS SELECT 1 AS a", "SCHEMA_NOT_FOUND"),
    ("CREATE TABLE t AS SELECT current_timestamp AS a", "Unsupported Hive type"),
    ("CREATE TABLE t AS SELECT 1 / 0 AS a", "DIVISION_BY_ZERO"),
    ("UNLOAD (SELECT 1 AS a) TO '/tmp/x' WITH (format = 'JSON')", "valid S3 path"),
])
def test_what_cannot_be_written_is_refused_and_leaves_nothing(lake, sql, words):
    assert words in lake.reason(sql)
    assert lake.raw_rows("SHOW TABLES") == []
    assert keys(lake, "results/tables/") == []
