"""Queries over crawled tables through boto3: results, pages, files, errors, life."""

import csv
import gzip
import io
import pathlib

import pytest

from athena.conftest import ORDERS, Lake, refused

from support import wait_until

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples" / "sales" / "queries.sql"


def test_a_crawled_table_is_selected_with_its_partitions(orders):
    result = orders.result("SELECT * FROM orders ORDER BY cdc_time")
    shown = [(c["Name"], c["Type"]) for c in result["ResultSetMetadata"]["ColumnInfo"]]
    assert shown == [
        ("orderid", "varchar"), ("cdc_event", "varchar"), ("product_name", "varchar"),
        ("quantity", "integer"), ("price", "double"), ("cdc_sequence", "varchar"),
        ("cdc_time", "double"), ("tags", "array"), ("meta", "row"), ("partition_0", "varchar"),
        ("partition_1", "varchar"), ("partition_2", "varchar"), ("partition_3", "varchar")]
    rows = [[d.get("VarCharValue") for d in row["Data"]] for row in result["Rows"]]
    assert rows[0] == [name for name, _ in shown]
    assert rows[1] == ["a", "INSERT", "tea", "2", "1.5", "100", "1.7000000005E9", "[x, y]",
                       "{n=1}", "2026", "07", "03", "10"]
    assert rows[4] == ["b", "REMOVE", None, None, None, "1001", "1.700000003E9", None, None,
                       "2026", "07", "03", "11"]


def test_column_info_is_complete(orders):
    info = orders.result("SELECT orderid, quantity, price FROM orders")["ResultSetMetadata"]
    assert info["ColumnInfo"][0] == {
        "CatalogName": "hive", "SchemaName": "", "TableName": "", "Name": "orderid",
        "Label": "orderid", "Type": "varchar", "Precision": 2147483647, "Scale": 0,
        "Nullable": "UNKNOWN", "CaseSensitive": True}
    assert [c["Precision"] for c in info["ColumnInfo"]] == [2147483647, 10, 17]


def test_partitions_are_pruned_before_objects_are_read(orders):
    whole = orders.run("SELECT count(*) FROM orders")["Statistics"]["DataScannedInBytes"]
    for where in ("partition_3 = '11'", "partition_3 > '10' AND quantity >= 0",
                  "o.partition_3 IN ('11', '12')", "partition_3 BETWEEN '11' AND '20'",
                  "NOT partition_3 = '10'", "partition_3 LIKE '%1'"):
        part = orders.run(f"SELECT count(*) FROM orders o WHERE {where}")["Statistics"]
        assert 0 < part["DataScannedInBytes"] < whole, where
    nothing = orders.run("SELECT count(*) FROM orders WHERE partition_0 = '1999'")
    assert nothing["Statistics"]["DataScannedInBytes"] == 0
    assert orders.rows("SELECT count(*) FROM orders WHERE partition_0 = '1999'") == [["0"]]
    rows = orders.rows("SELECT a.orderid FROM orders a JOIN orders b ON a.orderid = b.orderid "
                       "WHERE a.partition_3 = '11' AND b.partition_3 = '10' ORDER BY 1")
    assert rows == [["a"], ["b"]]


def test_runtime_statistics_are_those_of_the_execution(orders):
    for sql in ("SELECT count(*) FROM orders WHERE quantity > 0", "SELECT nosuch FROM orders"):
        execution = orders.run(sql)
        statistics = execution["Statistics"]
        shown = orders.athena.get_query_runtime_statistics(
            QueryExecutionId=execution["QueryExecutionId"])["QueryRuntimeStatistics"]
        timeline = shown["Timeline"]
        assert set(timeline) >= {"QueryQueueTimeInMillis", "QueryPlanningTimeInMillis",
                                 "EngineExecutionTimeInMillis", "TotalExecutionTimeInMillis"}
        assert timeline == {name: statistics[name] for name in timeline}
        assert shown["Rows"] == {"InputBytes": statistics["DataScannedInBytes"]}
    nobody = "00000000-0000-0000-0000-000000000000"
    error = refused(orders.athena.get_query_runtime_statistics, "InvalidRequestException",
                    QueryExecutionId=nobody)["Error"]
    assert error["Message"] == f"QueryExecution {nobody} was not found"


@pytest.mark.skipif(not EXAMPLES.exists(), reason="the example is not there")
def test_the_examples_queries_run(orders):
    results = [orders.rows(sql) for sql in EXAMPLES.read_text().split(";") if sql.strip()]
    every, current, sales = results
    assert [row[:3] for row in every] == [
        ["a", "INSERT", "100"], ["a", "MODIFY", "1000"], ["b", "INSERT", "101"],
        ["b", "REMOVE", "1001"]]
    assert every[0][3] == "2023-11-14 22:13:20.500 UTC"
    assert current == [["a", "tea", "5", "1.5"]]
    assert sales == [["tea", "1", "5", "7.50"]]


def test_names_are_resolved_through_database_and_catalog(orders):
    for name in ("orders", f"{orders.database}.orders", f'"{orders.database}"."ORDERS"',
                 f"awsdatacatalog.{orders.database}.orders"):
        assert orders.rows(f"SELECT count(*) FROM {name}", QueryExecutionContext={
            "Database": orders.database}) == [["4"]]
    assert orders.rows(f"SELECT {orders.database}.orders.orderid FROM {orders.database}.orders "
                       "WHERE orders.quantity = 5") == [["a"]]
    assert orders.rows("SELECT orders.meta.n FROM orders WHERE meta.n = 2") == [["2"]]
    assert orders.rows("SELECT t FROM orders CROSS JOIN UNNEST(tags) AS u(t) ORDER BY 1") == [
        ["x"], ["y"]]


def test_results_are_paged_with_the_header_on_the_first_page(orders):
    query = orders.run("SELECT x FROM UNNEST(sequence(1, 2500)) AS t(x) ORDER BY x")
    pages = list(orders.athena.get_paginator("get_query_results").paginate(
        QueryExecutionId=query["QueryExecutionId"]))
    rows = [[row["Data"][0]["VarCharValue"] for row in page["ResultSet"]["Rows"]]
            for page in pages]
    assert [len(page) for page in rows] == [1000, 1000, 501]
    assert sum(rows, []) == ["x"] + [str(n) for n in range(1, 2501)]
    few = orders.athena.get_query_results(QueryExecutionId=query["QueryExecutionId"], MaxResults=3)
    assert len(few["ResultSet"]["Rows"]) == 3 and few["NextToken"]


def test_the_result_is_a_csv_object_with_metadata_beside_it(orders):
    query = orders.run("""SELECT 'say "hi", you' AS text, NULL AS nothing, '' AS empty,
                          'two' || chr(10) || 'lines' AS lines""")
    location = query["ResultConfiguration"]["OutputLocation"]
    assert location == f"s3://{orders.bucket}/results/{query['QueryExecutionId']}.csv"
    body = orders.body(location).decode()
    assert body == '"text","nothing","empty","lines"\n"say ""hi"", you",,"","two\nlines"\n'
    assert list(csv.reader(io.StringIO(body)))[1] == ['say "hi", you', "", "", "two\nlines"]
    metadata = orders.body(location + ".metadata")
    assert query["QueryExecutionId"].encode() in metadata and b"varchar" in metadata
    rows = orders.athena.get_query_results(
        QueryExecutionId=query["QueryExecutionId"])["ResultSet"]["Rows"]
    assert rows[1]["Data"] == [{"VarCharValue": 'say "hi", you'}, {}, {"VarCharValue": ""},
                               {"VarCharValue": "two\nlines"}]


def test_an_execution_is_described_whole(orders):
    query = orders.run("  SELECT 1  ")
    assert query["Query"] == "SELECT 1"
    assert query["StatementType"] == "DML"
    assert query.get("SubstatementType") in ("SELECT", None), "old clients do not show it"
    assert query["WorkGroup"] == "primary"
    assert query["QueryExecutionContext"] == {"Database": orders.database}
    assert query["EngineVersion"]["EffectiveEngineVersion"] == "Athena engine version 3"
    assert query["Status"]["CompletionDateTime"] >= query["Status"]["SubmissionDateTime"]
    assert query["Statistics"]["ResultReuseInformation"] == {"ReusedPreviousResult": False}
    batch = orders.athena.batch_get_query_execution(
        QueryExecutionIds=[query["QueryExecutionId"], "00000000-0000-0000-0000-000000000000"])
    assert len(batch["QueryExecutions"]) == 1
    assert len(batch["UnprocessedQueryExecutionIds"]) == 1
    listed = orders.athena.list_query_executions(MaxResults=1)["QueryExecutionIds"]
    assert listed == [query["QueryExecutionId"]], "the newest first"


def test_names_belong_to_the_catalog_of_the_query(orders, fresh):
    def asked(sql, catalog):
        context = {"Database": orders.database, "Catalog": catalog}
        return orders.reason(sql, QueryExecutionContext=context)

    for sql, place in (("SELECT * FROM orders", 15), ("EXPLAIN SELECT * FROM orders", 23),
                       (f"SELECT 1 FROM {orders.database}.orders", 15)):
        assert asked(sql, "nocat") == (
            f"CATALOG_NOT_FOUND: line 1:{place}: Catalog 'nocat' does not exist")
    table = fresh("t").replace("-", "_")
    for sql in (f"CREATE TABLE {table} AS SELECT 1 AS a", "INSERT INTO orders SELECT * FROM orders",
                f"CREATE VIEW {table} AS SELECT 1 AS a", f"CREATE DATABASE {table}", "SHOW TABLES",
                "DROP TABLE orders"):
        assert asked(sql, "nocat") == "CATALOG_NOT_FOUND: Catalog 'nocat' does not exist"
    for sql in ("DROP TABLE {}.orders", "CREATE TABLE {}.x AS SELECT 1 AS a", "DESCRIBE {}.orders",
                "INSERT INTO {}.orders SELECT * FROM orders", "DROP VIEW {}.orders"):
        assert orders.reason(sql.format(f"nocat.{orders.database}")) == (
            "CATALOG_NOT_FOUND: Catalog 'nocat' does not exist")
    left = [row[0] for show in ("DATABASES", "TABLES") for row in orders.raw_rows(f"SHOW {show}")]
    assert table not in left and "orders" in left
    view = fresh("v").replace("-", "_")
    orders.rows(f"CREATE VIEW {view} AS SELECT orderid FROM orders")
    for catalog, sql in (("awsdatacatalog", "SELECT count(*) FROM orders"), ("nocat", "SELECT 4"),
                         ("nocat", "SELECT count(*) FROM "
                                   f"awsdatacatalog.{orders.database}.{view}")):
        assert orders.rows(sql, QueryExecutionContext={
            "Database": orders.database, "Catalog": catalog}) == [["4"]]
    orders.rows(f"DROP VIEW {view}")


@pytest.mark.parametrize("sql, reason", [
    ("SELECT * FROM nowhere",
     "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.{db}.nowhere' does not exist"),
    ("SELECT * FROM nodb.t", "SCHEMA_NOT_FOUND: line 1:15: Schema 'nodb' does not exist"),
    ("SELECT x FROM nocat.a.t", "CATALOG_NOT_FOUND: line 1:15: Catalog 'nocat' does not exist"),
    ("SELECT\n  nope FROM orders",
     "COLUMN_NOT_FOUND: line 2:3: Column 'nope' cannot be resolved"),
    ("SELECT orders.nope FROM orders",
     "COLUMN_NOT_FOUND: line 1:8: Column 'orders.nope' cannot be resolved"),
    ("SELECT 1 / 0", "DIVISION_BY_ZERO: Division by zero"),
    ("SELECT quantity % 0 FROM orders", "DIVISION_BY_ZERO: Division by zero"),
    ("SELECT nosuch(1)", "FUNCTION_NOT_FOUND: line 1:8: Function 'nosuch' not registered"),
])
def test_failures_have_athenas_words_and_places(orders, sql, reason):
    assert orders.reason(sql) == reason.format(db=orders.database)


@pytest.mark.parametrize("sql, code", [
    ("SELECT CAST('x' AS integer)", "INVALID_CAST_ARGUMENT"),
    ("SELECT 9223372036854775807 + 1", "NUMERIC_VALUE_OUT_OF_RANGE"),
    ("SELECT quantity, count(*) FROM orders", "EXPRESSION_NOT_AGGREGATE"),
    ("SELECT (SELECT orderid FROM orders)", "SUBQUERY_MULTIPLE_ROWS"),
    ("SELECT sum('a')", "FUNCTION_NOT_FOUND"),
    ("SELECT orderid FROM orders a JOIN orders b ON a.orderid = b.orderid", "AMBIGUOUS_NAME"),
    ("SELECT CAST(1 AS nosuchtype)", "TYPE_NOT_FOUND"),
    ("SELECT current_timestamp AT TIME ZONE 'Europe' || '/Berlin'", "TYPE_MISMATCH"),
    ("CREATE TABLE t AS SELECT 1", "MISSING_COLUMN_NAME"),
    ("INSERT INTO t VALUES (1)", "TABLE_NOT_FOUND"),
    ("UNLOAD (SELECT 1) TO 's3://b/' WITH (format='PARQUET')", "HIVE_UNKNOWN_ERROR"),
])
def test_failures_have_athenas_names(orders, sql, code):
    assert orders.reason(sql).startswith(code + ": ")


@pytest.mark.parametrize("sql", [
    "SELEC 1", "SELECT", "SELECT 1,", "SELECT (1", "SELECT 'open", 'SELECT "open', "SELECT 1 2",
    "SELECT * FROM", "SELECT 1; SELECT 2", "SELECT `a`", "/* open", "SELECT #", "",
])
def test_syntax_errors_are_told_at_the_start(orders, sql):
    if sql == "":
        with pytest.raises(Exception):
            orders.start(sql)
        return
    reply = refused(orders.start, "InvalidRequestException", sql=sql)
    assert reply["AthenaErrorCode"] == "MALFORMED_QUERY"
    assert reply["Error"]["Message"].startswith("line ")


def test_requests_are_checked(orders):
    athena = orders.athena
    reply = refused(athena.start_query_execution, "InvalidRequestException",
                    QueryString="SELECT 1")
    assert reply["Error"]["Message"].startswith("No output location provided.")
    refused(athena.start_query_execution, "InvalidRequestException", QueryString="SELECT 1",
            ResultConfiguration={"OutputLocation": "/tmp/x"})
    refused(athena.start_query_execution, "InvalidRequestException", QueryString="SELECT 1",
            WorkGroup="nope")
    missing = {"QueryExecutionId": "00000000-0000-0000-0000-000000000000"}
    for call in (athena.get_query_execution, athena.get_query_results, athena.stop_query_execution):
        refused(call, "InvalidRequestException", **missing)
    failed = orders.run("SELECT 1 / 0")["QueryExecutionId"]
    reply = refused(athena.get_query_results, "InvalidRequestException", QueryExecutionId=failed)
    assert reply["Error"]["Message"] == (
        "Query did not finish successfully. Final query state: FAILED")
    reply = refused(orders.start, "InvalidRequestException", sql="SELECT 1",
                    ResultConfiguration={"OutputLocation": "s3://no-bucket/x/"})
    assert reply["Error"]["Message"] == "Unable to verify/create output bucket no-bucket"


def test_the_same_token_starts_one_query(orders, fresh):
    token = fresh("token") * 4
    one = orders.start("SELECT 1", ClientRequestToken=token)
    assert orders.start("SELECT 1", ClientRequestToken=token) == one
    refused(orders.start, "InvalidRequestException", sql="SELECT 2", ClientRequestToken=token)


def test_parameters_take_the_places_of_question_marks(orders):
    assert orders.rows("SELECT orderid FROM orders WHERE quantity = ? AND partition_3 = ?",
                       ExecutionParameters=["5", "'11'"]) == [["a"]]
    assert orders.rows("SELECT ?", ExecutionParameters=["'it''s; --'"]) == [["it's; --"]]
    assert "expected 1 but found 0" in orders.reason("SELECT ?")
    assert orders.run("SELECT ?", ExecutionParameters=["1) FROM x"])["Status"]["State"] == "FAILED"


def test_a_running_query_is_cancelled(orders):
    query = orders.start("SELECT count(*) FROM UNNEST(sequence(1, 10000)) AS a(x) "
                         "CROSS JOIN UNNEST(sequence(1, 10000)) AS b(y) "
                         "CROSS JOIN UNNEST(sequence(1, 1000)) AS c(z) WHERE x * y * z = 7")
    wait_until(lambda: orders.athena.get_query_execution(QueryExecutionId=query)[
        "QueryExecution"]["Status"]["State"] == "RUNNING")
    refused(orders.athena.get_query_results, "InvalidRequestException", QueryExecutionId=query)
    orders.athena.stop_query_execution(QueryExecutionId=query)
    ended = orders.wait(query)
    assert ended["Status"]["State"] == "CANCELLED"
    assert orders.rows("SELECT 1") == [["1"]]


def test_many_queries_wait_for_their_turn(orders):
    slow = "SELECT count(*) FROM UNNEST(sequence(1, 3000)) AS a(x) " \
           "CROSS JOIN UNNEST(sequence(1, 3000)) AS b(y)"
    queries = [orders.start(slow) for _ in range(12)]
    stopped = queries.pop()
    orders.athena.stop_query_execution(QueryExecutionId=stopped)
    assert {orders.wait(query)["Status"]["State"] for query in queries} == {"SUCCEEDED"}
    assert orders.wait(stopped)["Status"]["State"] in ("CANCELLED", "SUCCEEDED")


def test_what_memory_cannot_hold_fails_and_the_server_goes_on(orders):
    reason = orders.reason("SELECT array_agg(x || CAST(y AS varchar)) FROM "
                           "UNNEST(transform(sequence(1, 10000), i -> rpad('', 999, 'x'))) AS a(x) "
                           "CROSS JOIN UNNEST(sequence(1, 2000)) AS b(y)")
    assert reason.startswith("EXCEEDED_LOCAL_MEMORY_LIMIT")
    assert orders.rows("SELECT 1") == [["1"]]


def test_records_are_read_as_the_serde_reads_them(lake):
    body = "\n".join(['{"ID": 7, "s": 1.50, "n": "12", "b": "true", "extra": 1}', "",
                      '{"id": 8.9, "s": {"k": [1]}, "n": null, "b": false}{"id": 99}',
                      '{"s": 12345678901234567890, "n": -1}'])
    lake.s3.put_object(Bucket=lake.bucket, Key="t/plain", Body=body.encode())
    lake.s3.put_object(Bucket=lake.bucket, Key="t/packed.gz",
                       Body=gzip.compress(b'{"id":1}\n') + gzip.compress(b'{"id":2}'))
    lake.s3.put_object(Bucket=lake.bucket, Key="t/_hidden", Body=b"garbage")
    lake.run(f"""CREATE EXTERNAL TABLE t (id int, s string, n bigint, b boolean)
                 ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
                 LOCATION 's3://{lake.bucket}/t/'""")
    assert lake.rows("SELECT * FROM t ORDER BY id") == [
        ["1", None, None, None], ["2", None, None, None], ["7", "1.50", "12", "true"],
        ["8", '{"k":[1]}', None, "false"], [None, "12345678901234567890", "-1", None]]


def test_columns_are_mapped_to_members_of_other_names(lake):
    lake.put("t/x", {"Order-Id": "a", "n": 1})
    lake.run(f"""CREATE EXTERNAL TABLE t (orderid string, n int)
                 ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
                 WITH SERDEPROPERTIES ('mapping.orderid'='Order-Id')
                 LOCATION 's3://{lake.bucket}/t/'""")
    assert lake.rows("SELECT * FROM t") == [["a", "1"]]


def test_every_type_of_the_catalog_is_read(lake):
    lake.put("t/x", {"ti": 1, "si": 2, "bi": 5000000000, "f": 0.5, "de": 12.345, "da": "2026-07-03",
                     "ts": "2026-07-03 10:11:12.345", "iso": "2026-07-03T10:11:12Z",
                     "bin": "YWI=", "arr": [1, None, "3"], "m": {"k": 1.5},
                     "st": {"A": {"b": [True]}}})
    lake.run(f"""CREATE EXTERNAL TABLE t (ti tinyint, si smallint, bi bigint, f float,
                 de decimal(10,2), da date, ts timestamp, iso timestamp, bin binary,
                 arr array<int>, m map<string,double>, st struct<a:struct<b:array<boolean>>>,
                 missing string)
                 ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
                 LOCATION 's3://{lake.bucket}/t'""")
    assert lake.rows("SELECT * FROM t") == [[
        "1", "2", "5000000000", "0.5", "12.35", "2026-07-03", "2026-07-03 10:11:12.345",
        "2026-07-03 10:11:12.000", "61 62", "[1, null, 3]", "{k=1.5}", "{a={b=[true]}}", None]]
    assert lake.rows("SELECT m['k'], st.a.b[1], arr[3] FROM t") == [["1.5", "true", "3"]]


def test_bad_records_fail_or_are_ignored_as_told(lake):
    lake.s3.put_object(Bucket=lake.bucket, Key="t/x", Body=b'{"a":1}\nnonsense\n{"a":2}\n')
    for name, properties in (("strict", ""), (
            "lenient", "WITH SERDEPROPERTIES ('ignore.malformed.json'='true')")):
        lake.run(f"""CREATE EXTERNAL TABLE {name} (a int)
                     ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe' {properties}
                     LOCATION 's3://{lake.bucket}/t/'""")
    assert lake.reason("SELECT * FROM strict").startswith(
        "HIVE_CURSOR_ERROR: Row is not a valid JSON Object")
    assert lake.rows("SELECT a FROM lenient ORDER BY a") == [["1"], ["2"], [None]]
    lake.put("u/x", {"a": "words"})
    lake.run(f"""CREATE EXTERNAL TABLE u (a int)
                 ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
                 LOCATION 's3://{lake.bucket}/u/'""")
    assert lake.reason("SELECT * FROM u").startswith("HIVE_BAD_DATA: Error parsing a column")


def test_delimited_text_is_read(lake):
    lake.s3.put_object(Bucket=lake.bucket, Key="c/x.csv", Body=b"id,name\n1,tea\n2,\\N\n")
    lake.run(f"""CREATE EXTERNAL TABLE c (id int, name string)
                 ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' STORED AS TEXTFILE
                 LOCATION 's3://{lake.bucket}/c/' TBLPROPERTIES ('skip.header.line.count'='1')""")
    assert lake.rows("SELECT * FROM c ORDER BY id") == [["1", "tea"], ["2", None]]
    lake.s3.put_object(Bucket=lake.bucket, Key="c/y.csv", Body=b"id,name\n3,a\xff\xc3\xa4\xc3\n")
    assert lake.rows("SELECT name, length(name), upper(name) FROM c WHERE id = 3") == [
        ["a\ufffd\u00e4\ufffd", "4", "A\ufffd\u00c4\ufffd"]]
    lake.s3.put_object(Bucket=lake.bucket, Key="q/x.csv", Body=b'"1","a ""b"", c"\n')
    lake.run(f"""CREATE EXTERNAL TABLE q (id string, name string)
                 ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'
                 LOCATION 's3://{lake.bucket}/q/'""")
    assert lake.rows("SELECT * FROM q") == [["1", 'a "b", c']]


def test_formats_that_are_not_read_are_refused(lake):
    lake.run(f"""CREATE EXTERNAL TABLE p (a int) STORED AS ORC
                 LOCATION 's3://{lake.bucket}/p/'""")
    assert lake.reason("SELECT * FROM p").startswith("NOT_SUPPORTED: line 1:15: Tables of the")


def test_large_objects_are_read_by_pieces_without_loss(lake):
    line = b'{"n":%07d,"pad":"' + b"x" * 100 + b'"}\n'
    body = b"".join(line % n for n in range(200_000))  # 25 MB, several pieces
    lake.s3.put_object(Bucket=lake.bucket, Key="big/x", Body=body.replace(b":0", b":10"))
    lake.run(f"""CREATE EXTERNAL TABLE big (n bigint)
                 ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
                 LOCATION 's3://{lake.bucket}/big/'""")
    assert lake.rows("SELECT count(*), count(DISTINCT n) FROM big") == [["200000", "200000"]]


def test_queries_survive_a_restart_and_those_cut_short_are_failed(own_server):
    lake = Lake(own_server.client, "restart")
    done = lake.run("SELECT 42 AS answer")["QueryExecutionId"]
    running = lake.start("SELECT count(*) FROM UNNEST(sequence(1, 10000)) AS a(x) "
                         "CROSS JOIN UNNEST(sequence(1, 10000)) AS b(y) "
                         "CROSS JOIN UNNEST(sequence(1, 1000)) AS c(z) WHERE x * y * z = 7")
    own_server.kill9()
    own_server.restart()
    athena = own_server.client("athena")
    rows = athena.get_query_results(QueryExecutionId=done)["ResultSet"]["Rows"]
    assert [row["Data"][0]["VarCharValue"] for row in rows] == ["answer", "42"]
    status = athena.get_query_execution(QueryExecutionId=running)["QueryExecution"]["Status"]
    assert status["State"] == "FAILED" and "restart" in status["StateChangeReason"]
    assert set(athena.list_query_executions()["QueryExecutionIds"]) >= {done, running}


def test_a_query_works_from_the_cli(aws, orders):
    started = aws("athena", "start-query-execution", "--query-string",
                  "SELECT count(*) AS n FROM orders", "--query-execution-context",
                  f"Database={orders.database}", "--result-configuration",
                  f"OutputLocation=s3://{orders.bucket}/results/").json
    orders.wait(started["QueryExecutionId"])
    reply = aws("athena", "get-query-results", "--query-execution-id",
                started["QueryExecutionId"]).json
    assert [row["Data"][0]["VarCharValue"] for row in reply["ResultSet"]["Rows"]] == ["n", "4"]


def test_every_order_is_there(orders):
    assert orders.rows("SELECT count(*) FROM orders") == [[str(len(ORDERS))]]


def test_columns_of_unnest_without_names_are_numbered(lake):
    for sql, names, rows in (
            ("SELECT * FROM UNNEST(ARRAY[5]) WITH ORDINALITY", ["_col0", "_col1"], [["5", "1"]]),
            ("SELECT * FROM UNNEST(MAP(ARRAY['k'], ARRAY[1])) AS u", ["_col0", "_col1"],
             [["k", "1"]]),
            ("SELECT * FROM UNNEST(ARRAY[ROW(1, 'a')])", ["_col0", "_col1"], [["1", "a"]]),
            ("SELECT * FROM (VALUES 1) AS t(x), UNNEST(ARRAY[2]), UNNEST(ARRAY[3])",
             ["x", "_col1", "_col2"], [["1", "2", "3"]])):
        result = lake.result(sql)
        assert [c["Name"] for c in result["ResultSetMetadata"]["ColumnInfo"]] == names, sql
        assert lake.rows(sql) == rows, sql
