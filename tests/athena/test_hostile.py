"""SQL that means harm: nothing outside the lake is read or written, and the server goes on."""

import os

import pytest
from botocore.exceptions import ClientError

SECRET = "/etc/passwd"
# Each of these must be refused or fail.
REFUSED = [
    f"SELECT * FROM read_csv('{SECRET}')",
    f"SELECT * FROM read_csv_auto('{SECRET}')",
    f"SELECT * FROM read_text('{SECRET}')",
    f"SELECT * FROM read_blob('{SECRET}')",
    f"SELECT * FROM read_json('{SECRET}')",
    f"SELECT * FROM read_json_auto('{SECRET}')",
    f"SELECT * FROM read_ndjson('{SECRET}')",
    f"SELECT * FROM read_parquet('{SECRET}')",
    f"SELECT * FROM parquet_scan('{SECRET}')",
    f"SELECT * FROM sniff_csv('{SECRET}')",
    "SELECT * FROM glob('/etc/*')",
    f"SELECT * FROM '{SECRET}'",
    f'SELECT * FROM "{SECRET}"',
    f'SELECT * FROM "file://{SECRET}"',
    "SELECT * FROM \"s3://other/x.parquet\"",
    "SELECT * FROM \"https://example.com/x.csv\"",
    f"SELECT read_text('{SECRET}')",
    "SELECT getenv('HOME')",
    "SELECT current_setting('memory_limit')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM duckdb_tables",
    "SELECT * FROM duckdb_functions()",
    "SELECT * FROM pragma_database_list",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM pg_catalog.pg_tables",
    "SELECT * FROM information_schema.character_sets",
    "SELECT * FROM mr_scan(1)",
    "SELECT mr_scan(1)",
    "SELECT mr_text(1)",
    "SELECT mr_div(1, 2, 3)",
    "SELECT * FROM TABLE(mr_scan(1))",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('x')",
    "SELECT * FROM repeat_row(1, num_rows=10)",
    "SELECT * FROM range(10)",
    "SELECT * FROM generate_series(1, 10)",
    "COPY (SELECT 1) TO '/tmp/hostile-copy'",
    f"COPY t FROM '{SECRET}'",
    "EXPORT DATABASE '/tmp/hostile-export'",
    "IMPORT DATABASE '/tmp/x'",
    "ATTACH '/tmp/hostile.db' AS x",
    "ATTACH 'postgres://x' AS x (TYPE postgres)",
    "DETACH memory",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '/tmp/evil.so'",
    "FORCE INSTALL httpfs FROM community",
    "PRAGMA database_list",
    "PRAGMA enable_external_access=true",
    "SET enable_external_access = true",
    "SET GLOBAL memory_limit = '100GB'",
    "RESET memory_limit",
    "CALL pragma_version()",
    "CHECKPOINT",
    "VACUUM ANALYZE",
    "USE memory",
    "BEGIN TRANSACTION",
    "COMMIT",
    "CREATE MACRO f(x) AS x",
    "CREATE FUNCTION f(x) AS x",
    "CREATE OR REPLACE SECRET s (TYPE s3)",
    "CREATE TEMP TABLE t AS SELECT 1",
    "CREATE SEQUENCE s",
    "CREATE TYPE t AS ENUM ('a')",
    "DROP MACRO mr_div",
    "ALTER DATABASE memory SET ALIAS x",
    "UPDATE EXTENSIONS",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE orders",
    "SELECT 1;;COPY (SELECT 1) TO '/tmp/hostile-copy'",
    "SELECT * FROM orders; --\nSET threads=100",
    "SELECT COLUMNS('.*') FROM orders",
    "SELECT * EXCLUDE (orderid) FROM orders",
    "SELECT * REPLACE (1 AS orderid) FROM orders",
    "FROM orders",
    "SELECT 1::integer",
    "SELECT [1, 2]",
    "SELECT {'a': 1}",
    "SELECT x'zz'",
    "SELECT $1",
    "SELECT @@version",
    "SELECT orderid FROM orders USING SAMPLE 1",
    "PIVOT orders ON quantity",
    "SUMMARIZE orders",
    "DESCRIBE SELECT 1",
    "SHOW ALL TABLES",
    "WITH t AS MATERIALIZED (SELECT 1) INSERT INTO t SELECT 1",
    "SELECT ((((((((((1",
    "SELECT 'a' COLLATE nocase",
    "EXECUTE IMMEDIATE 'COPY x'",
    "PREPARE p FROM COPY x",
    "/* */ ATTACH 'x' /* */",
    "SELECT \"current_user\" FROM (SELECT 1 AS a)",
    "SELECT nextval('s')",
    "SELECT pg_sleep(100)",
    "SELECT sleep_ms(100000)",
    "SELECT write_log('x')",
    "SELECT add_parquet_key('k', 'v')",
    "SELECT which_secret('x', 's3')",
    "SELECT parse_path('/etc')",
    "SELECT is_histogram_other_bin(1)",
]
REFUSED += [
    f"SELECT \"read_text\"('{SECRET}')",
    f"SELECT * FROM \"read_csv\"('{SECRET}')",
    f"SELECT/**/read_text/**/('{SECRET}')",
    f"SELECT pg_catalog.read_text('{SECRET}')",
    "SELECT \"getenv\"('HOME')",
    "SELECT GetEnv('HOME')",
    "SELECT \"mr_to_integer\"('1', true)",
    "SELECT mr_format('[]')",
    "SELECT mr_subscript(ARRAY[1], 1)",
    "SELECT error('x')",
    "SELECT struct_extract_at(ROW(1), 1)",
    "SELECT list_transform(ARRAY[1], x -> x)",
    "SELECT transform(ARRAY['/etc/passwd'], x -> read_text(x))",
    "SELECT filter(ARRAY[1], x -> getenv('HOME') = 'x')",
    "SELECT array_sort(ARRAY[1, 2], (x, y) -> length(getenv('HOME')))",
    "SELECT regexp_replace('a', 'a', x -> getenv(x[1]))",
    "SELECT CAST(ROW(1) AS row(\"a\"\" , getenv\" integer)).nope",
    "SELECT date_format(current_date, '%Y') || getenv('HOME')",
    "SELECT current_timestamp AT TIME ZONE 'UTC'' || getenv(''HOME'') || '",
    "SELECT 1 FROM orders TABLESAMPLE BERNOULLI (read_text('x'))",
    "SELECT \uff52ead_text('x')",
    "SELECT * FROM httpfs.x",
    "SELECT * FROM orders WHERE orderid IN (SELECT content FROM read_text('/etc/passwd'))",
    "EXPLAIN SELECT getenv('HOME')",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '/tmp/hostile-copy'",
    "SELECT sequence(1, 10000000000)",
    "SELECT repeat('x', 1000000000)",
]
# These may succeed, but only by saying something harmless about themselves.
HARMLESS = [
    "SELECT 'COPY (SELECT 1) TO ''/tmp/hostile-copy'''",
    "SELECT '; DROP TABLE orders; --'",
    "SELECT \"a;b\" FROM (SELECT 1 AS \"a;b\")",
    "SELECT '\"; ATTACH ''/tmp/hostile.db'' --' AS \"x\"\"; y\"",
    "SELECT 'mr_div/*0*/(' || CAST(10 / 4.00 AS varchar)",
    "SELECT '$$'",
]


def attempt(lake, sql):
    """The state in which it ended, REFUSED when it was not even started."""
    try:
        query = lake.start(sql)
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400, error.response
        return "REFUSED", ""
    status = lake.wait(query)["Status"]
    return status["State"], status.get("StateChangeReason", "")


def test_nothing_outside_the_lake_is_reached(orders):
    passed = []
    for sql in REFUSED:
        state, reason = attempt(orders, sql)
        if state not in ("REFUSED", "FAILED"):
            passed.append((sql, state))
        assert "root:" not in reason
    assert passed == []
    assert not [name for name in os.listdir("/tmp") if name.startswith("hostile")]
    assert orders.rows("SELECT count(*) FROM orders") == [["4"]]


def test_words_inside_literals_are_only_words(orders):
    for sql in HARMLESS:
        state, reason = attempt(orders, sql)
        assert state == "SUCCEEDED", (sql, reason)
    assert orders.rows(HARMLESS[4]) == [["mr_div/*0*/(2.50"]]
    assert not [name for name in os.listdir("/tmp") if name.startswith("hostile")]


@pytest.mark.parametrize("sql", [
    "SELECT " + "(" * 5000 + "1" + ")" * 5000,
    "PREPARE a FROM " * 17000 + "SELECT 1",
    "EXPLAIN " * 30000 + "SELECT 1",
    "SELECT * FROM json_table('[]', 'lax $' COLUMNS (" + "NESTED 'lax $' COLUMNS (" * 3000,
    "SELECT * FROM json_table('[]', 'lax $' COLUMNS (" + "NESTED 'lax $[*]' COLUMNS (" * 90 +
    "x bigint" + ")" * 92,
    "SELECT count(*) FROM json_table('[" + ",".join("1" * 200) + "]', 'lax $' COLUMNS ("
    "NESTED 'lax $[*]' COLUMNS (a FOR ORDINALITY), NESTED 'lax $[*]' COLUMNS (b FOR ORDINALITY), "
    "NESTED 'lax $[*]' COLUMNS (c FOR ORDINALITY)) PLAN DEFAULT (CROSS))",
    "SELECT CAST(JSON '" + "[" * 500 + "]" * 500 + "' AS " + "array(" * 150 + "json" + ")" * 150 +
    ")",
    "SELECT count(*) FROM orders GROUP BY DISTINCT CUBE (" + ",".join("quantity" for _ in
                                                                     range(5000)) + ")",
    "SELECT count(*) FROM orders GROUP BY DISTINCT " + ", ".join(
        "GROUPING SETS ((), (quantity), ())" for _ in range(500)),
    "SELECT numeric_histogram(9000, x) FROM UNNEST(sequence(1, 10000)) AS t(x)",
    "SELECT json_extract_scalar('" + "[" * 500 + "]" * 500 + "', '$" + "[0]" * 5000 + "')",
    "SELECT CAST(" * 60 + "ARRAY['1']" + " AS array(integer))" * 60,
    "SELECT regexp_like('a', '" + "(?:" * 20000 + "a" + ")" * 20000 + "')",
    "SELECT " + "NOT " * 20000 + "true",
    "SELECT " + "- " * 20000 + "1",
    "SELECT " + "1 + " * 20000 + "1",
    "SELECT " + "+ " * 100000 + "1",
    "SELECT " + "(" * 150 + "1" + ("+1" * 799 + ")") * 150,
    "SELECT " + "(" * 50 + "true" + (" AND true" * 550 + ")") * 50,
    "SELECT * FROM (" + "(" * 60 + "SELECT 1" + (" UNION SELECT 1" * 270 + ")") * 60 + ")",
    "SELECT " + "abs(" * 5000 + "1" + ")" * 5000,
    "SELECT 1" + " UNION SELECT 1" * 5000,
    "SELECT x" + "[1]" * 20000,
    "SELECT x" + ".y" * 20000,
    "SELECT CAST(1 AS " + "array(" * 5000 + "integer" + ")" * 5000 + ")",
    "SELECT * FROM " + "(" * 3000 + "SELECT 1" + ")" * 3000,
    "SELECT * FROM " + "((SELECT 1 FROM " * 60 + "x",
    "SELECT * FROM a" + " JOIN a ON 1 = 1" * 5000,
    "SELECT " + "CASE WHEN true THEN " * 3000 + "1" + " END" * 3000,
    "SELECT " + "greatest(1, " * 40 + "1" + ")" * 40,
    "WITH a0 AS (SELECT 1)" + "".join(f", a{i} AS (SELECT * FROM a{i-1}, a{i-1})"
                                      for i in range(1, 60)) + " SELECT count(*) FROM nope",
    "SELECT " + "transform(ARRAY[1], x -> " * 60 + "ARRAY[1]" + ")" * 60,
    "SELECT " + "x -> " * 1000 + "1",
    "SELECT transform(x -> x, ARRAY[1])",
    "SELECT if(x -> x, y -> y), nullif(x -> x, 1), coalesce(1, x -> x)",
    "SELECT " + "ARRAY[" * 100 + "1" + "]" * 100 + "[1]" * 100,
    "SELECT " + "coalesce(NULL, " * 60 + "1" + ")" * 60,
    "SELECT " + "coalesce(NULL, " * 60 + "1 / x" + ")" * 60 + " FROM (VALUES 1) AS t(x)",
    "SELECT " + "(" * 60 + "x > 0" + " OR 1 / x > 0) AND 1 / x > 1)" * 30 + " FROM (VALUES 1) AS "
    "t(x)",
    "SELECT " + " AND ".join(["1 / x > 0"] * 100) + " FROM (VALUES 1) AS t(x)",
    "SELECT json_parse('" + "[" * 5000 + "]" * 5000 + "')",
    "SELECT '" + "x" * 262_000 + "'",
    "SELECT '" + "y" * 300_000 + "'",
    "SELECT rpad('x', 2000000000, 'y')",
    "SELECT format('%99999s', 'x')",
    "SELECT format('%f', '12E2147483647')",
    "SELECT 1 WHERE 1 IN (" + ",".join("1" for _ in range(60000)) + ")",
], ids=lambda sql: sql[:24])
def test_huge_and_deep_statements_end(orders, sql):
    attempt(orders, sql)
    assert orders.rows("SELECT 1") == [["1"]]


def test_recursion_without_end_is_stopped(orders):
    query = orders.start("WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n FROM t) "
                         "SELECT count(*) FROM t")
    orders.athena.stop_query_execution(QueryExecutionId=query)
    assert orders.wait(query)["Status"]["State"] in ("CANCELLED", "FAILED")
    assert orders.rows("SELECT 1") == [["1"]]


def test_tables_cannot_point_outside_the_lake(lake):
    for location in ("file:///etc/", "/etc/", "s3:///etc/", "http://x/", "s3://../../etc/"):
        state, _ = attempt(lake, f"""CREATE EXTERNAL TABLE t (a string)
            ROW FORMAT DELIMITED FIELDS TERMINATED BY ':' LOCATION '{location}'""")
        if state == "SUCCEEDED":
            assert attempt(lake, "SELECT * FROM t")[0] == "FAILED"
            lake.run("DROP TABLE t")
    # The API takes any location; a query takes none but S3's.
    lake.glue.create_table(DatabaseName=lake.database, TableInput={
        "Name": "u", "TableType": "EXTERNAL_TABLE", "StorageDescriptor": {
            "Columns": [{"Name": "a", "Type": "string"}], "Location": "file:///etc/",
            "SerdeInfo": {"SerializationLibrary":
                          "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"}}})
    assert attempt(lake, "SELECT * FROM u")[0] == "FAILED"
