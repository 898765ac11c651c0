"""What a workgroup allows a query to read, results that are shown again, plans."""

import contextlib
import json
import os
import pathlib

import pytest
from support import wait_until
from support.server import private_kb

from athena.conftest import Lake, refused
from athena.duck import parquet

REUSE = {"ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {
    "Enabled": True, "MaxAgeInMinutes": 60}}}


def test_a_query_that_reads_too_much_is_cancelled(lake, fresh):
    name = fresh("small")
    lake.athena.create_work_group(Name=name, Configuration={
        "BytesScannedCutoffPerQuery": 10_000_000,
        "ResultConfiguration": {"OutputLocation": f"s3://{lake.bucket}/results/"}})
    lake.s3.put_object(Bucket=lake.bucket, Key="big/one",
                       Body=(json.dumps({"a": "x" * 1000}) + "\n").encode() * 11_000)
    lake.run(f"""CREATE EXTERNAL TABLE big (a string)
        ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe' LOCATION 's3://{lake.bucket}/big/'""")
    ended = lake.run("SELECT count(*) FROM big", WorkGroup=name)
    assert ended["Status"]["State"] == "CANCELLED"
    assert ended["Status"]["StateChangeReason"] == (
        "Query cancelled! : Bytes scanned limit was exceeded")
    assert ended["Statistics"]["DataScannedInBytes"] > 10_000_000
    assert lake.rows("SELECT count(*) FROM big") == [["11000"]]


def unlinked_bytes(pid):
    """How long the files are that the process has open and that have no name; each alone."""
    found = []
    for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            if os.readlink(link).endswith(" (deleted)"):
                found.append(link.stat().st_size)
    return found


def test_a_result_leaves_the_memory_as_it_comes(own_server):
    """Results of 200 GB, of few bytes of Parquet and of no table: neither ends, so whoever would
    hold one as a whole never comes to write the first of it."""
    lake = Lake(own_server.client, "large")
    lake.s3.put_object(Bucket=lake.bucket, Key="t/f", Body=parquet(
        "SELECT 1 AS one FROM range(50000000)"))
    lake.run("CREATE EXTERNAL TABLE t (one int) STORED AS PARQUET "
             f"LOCATION 's3://{lake.bucket}/t/'")
    pid = own_server.pid
    queries = [lake.start(sql) for sql in (
        "SELECT rpad('', 4000, 'x') FROM t",
        "SELECT rpad('', 4000, 'x') FROM UNNEST(sequence(1, 10000)) AS a(x) "
        "CROSS JOIN UNNEST(sequence(1, 5000)) AS b(y)")]

    def both_are_written():
        assert private_kb(pid) < 8_000_000, "they are held"
        return len([size for size in unlinked_bytes(pid) if size > 50_000_000]) == len(queries)

    try:
        wait_until(both_are_written)
    finally:
        for query in queries:
            lake.athena.stop_query_execution(QueryExecutionId=query)
    for query in queries:
        assert lake.wait(query)["Status"]["State"] == "CANCELLED"
    wait_until(lambda: not unlinked_bytes(pid))


def test_a_young_result_is_shown_again(lake):
    lake.put("t/one", {"a": 1})
    lake.run(f"""CREATE EXTERNAL TABLE t (a int)
        ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe' LOCATION 's3://{lake.bucket}/t/'""")
    first = lake.run("SELECT count(*) AS n FROM t", **REUSE)
    assert first["Statistics"]["ResultReuseInformation"] == {"ReusedPreviousResult": False}
    assert first["ResultReuseConfiguration"]["ResultReuseByAgeConfiguration"] == {
        "Enabled": True, "MaxAgeInMinutes": 60}
    lake.put("t/two", {"a": 2})
    again = lake.run("SELECT count(*) AS n FROM t", **REUSE)
    assert again["Statistics"]["ResultReuseInformation"] == {"ReusedPreviousResult": True}
    assert again["Statistics"]["DataScannedInBytes"] == 0
    assert again["ResultConfiguration"] == first["ResultConfiguration"]
    result = lake.athena.get_query_results(QueryExecutionId=again["QueryExecutionId"])["ResultSet"]
    assert [d["Data"] for d in result["Rows"]] == [[{"VarCharValue": "n"}], [{"VarCharValue": "1"}]]
    assert result["ResultSetMetadata"]["ColumnInfo"][0]["Type"] == "bigint"
    # without asking for it, with another text, or once the result is gone, it is computed
    assert lake.rows("SELECT count(*) AS n FROM t") == [["2"]]
    assert lake.rows("SELECT count(*) AS m FROM t", **REUSE) == [["2"]]
    bucket, key = first["ResultConfiguration"]["OutputLocation"].removeprefix("s3://").split("/", 1)
    lake.s3.delete_object(Bucket=bucket, Key=key)
    third = lake.rows("SELECT count(*) AS n FROM t", **REUSE)
    assert third == [["2"]]


def test_a_result_may_be_too_old_to_be_shown_again(own_server, fresh):
    from athena.conftest import Lake
    lake = Lake(own_server.client, fresh("old"))
    own_server.clock.hold()
    lake.run("SELECT 1 AS n", **REUSE)
    own_server.clock.advance(minutes=61)
    late = lake.run("SELECT 1 AS n", **REUSE)
    assert late["Statistics"]["ResultReuseInformation"] == {"ReusedPreviousResult": False}


def test_the_age_of_a_result_has_a_limit(orders):
    refused(orders.start, "InvalidRequestException", sql="SELECT 1", ResultReuseConfiguration={
        "ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 20000}})


def test_a_plan_is_explained(orders):
    query = orders.run("EXPLAIN SELECT orderid, count(*) AS n FROM orders WHERE quantity > 1 "
                       "GROUP BY orderid ORDER BY n DESC LIMIT 3")
    assert query["StatementType"] == "UTILITY"
    assert query["ResultConfiguration"]["OutputLocation"].endswith(".txt")
    result = orders.athena.get_query_results(
        QueryExecutionId=query["QueryExecutionId"])["ResultSet"]
    assert result["ResultSetMetadata"]["ColumnInfo"][0]["Name"] == "Query Plan"
    lines = [row["Data"][0]["VarCharValue"] for row in result["Rows"]]
    assert lines == [
        "Output[columnNames = [orderid, n]]",
        "    Layout: [varchar, bigint]",
        '\u2514\u2500 TopN[count = 3, orderBy = ["n" DESC NULLS LAST]]',
        '    \u2514\u2500 Aggregate[keys = ["orderid"]]',
        '        \u2514\u2500 Filter[filterPredicate = ("quantity" > 1)]',
        "            \u2514\u2500 TableScan[table = orders]",
    ]


def test_plans_tell_of_json_table_and_zones(orders):
    query = ("SELECT a, t AT TIME ZONE z FROM (VALUES (now(), 'UTC', '[1]')) AS v(t, z, j) CROSS "
             "JOIN json_table(j, 'lax $[*]' COLUMNS (a bigint PATH 'lax $')) GROUP BY DISTINCT a, "
             "t AT TIME ZONE z")
    for words in ("EXPLAIN", "EXPLAIN ANALYZE"):
        lines = [line for [line] in orders.raw_rows(f"{words} {query}")]
        assert any("TableFunctionProcessor[name = json_table, input = " in line for line in lines)
    assert orders.raw_rows(f"EXPLAIN (TYPE VALIDATE) {query}") == [["true"]]


def test_a_plan_is_analyzed_or_only_validated(orders):
    lines = orders.raw_rows("EXPLAIN ANALYZE SELECT orderid FROM orders")
    assert lines[0][0].startswith("Execution: ") and lines[0][0].endswith("Output: 4 rows")
    assert lines[1] == ["Output[columnNames = [orderid]]"]
    assert orders.raw_rows("EXPLAIN (TYPE VALIDATE) SELECT orderid FROM orders") == [["true"]]
    reason = orders.reason("EXPLAIN SELECT nope FROM orders")
    assert reason == "COLUMN_NOT_FOUND: line 1:16: Column 'nope' cannot be resolved"
    for options in ("FORMAT XML", "TYPE PHYSICAL", "COST 1"):
        refused(orders.start, "InvalidRequestException", sql=f"EXPLAIN ({options}) SELECT 1")


def test_a_plan_is_told_as_json_as_a_graph_and_by_its_inputs(orders):
    query = "SELECT a.orderid, 1 FROM orders a JOIN orders b ON a.price = b.price LIMIT 3"
    [[text]] = orders.raw_rows(f"EXPLAIN (TYPE LOGICAL, FORMAT JSON) {query}")
    output = json.loads(text)
    assert (output["name"], output["descriptor"]) == (
        "Output", {"columnNames": "[orderid, _col1]"})
    assert output["outputs"] == [{"symbol": "orderid", "type": "varchar"},
                                 {"symbol": "_col1", "type": "integer"}]
    [limit] = output["children"]
    assert (limit["name"], limit["descriptor"]) == ("Limit", {"count": "3"})
    [join] = limit["children"]
    assert join["name"] == "InnerJoin" and '"a"."price"' in join["descriptor"]["criteria"]
    assert [(scan["name"], scan["descriptor"], scan["children"]) for scan in join["children"]] == [
        ("TableScan", {"table": "orders"}, [])] * 2
    [[text]] = orders.raw_rows(f"EXPLAIN (FORMAT JSON) {query}")
    assert json.loads(text) == {"0": output}
    [[text]] = orders.raw_rows(f"EXPLAIN ANALYZE (FORMAT JSON) {query}")
    assert json.loads(text) == {"0": output}
    lines = [line for line, in orders.raw_rows(f"EXPLAIN (FORMAT GRAPHVIZ) {query}")]
    assert lines[0] == "digraph distributed_plan {" and lines[-1] == "}"
    assert lines[-5:-1] == ["plannode_1 -> plannode_2;", "plannode_2 -> plannode_3;",
                            "plannode_3 -> plannode_4;", "plannode_3 -> plannode_5;"]
    assert 'plannode_4[label="{TableScan[table = orders]}"' in lines[6]
    [[text]] = orders.raw_rows("EXPLAIN (TYPE IO, FORMAT JSON) SELECT * FROM orders")
    [table] = json.loads(text)["inputTableColumnInfos"]
    assert table["table"] == {"catalog": "awsdatacatalog", "schemaTable": {
        "schema": orders.database, "table": "orders"}}


@pytest.mark.parametrize("sql, category, kind", [
    ("SELECT nope FROM orders", 2, 1006),
    ("SELECT array_agg(x || CAST(y AS varchar)) FROM "
     "UNNEST(transform(sequence(1, 10000), i -> rpad('', 999, 'x'))) AS a(x) "
     "CROSS JOIN UNNEST(sequence(1, 2000)) AS b(y)", 1, 0),
])
def test_errors_are_classed(orders, sql, category, kind):
    error = orders.run(sql)["Status"]["AthenaError"]
    assert (error["ErrorCategory"], error["ErrorType"]) == (category, kind)
    assert error["Retryable"] is False and error["ErrorMessage"]


def wkt(kind, points, x, y, count):
    """A geometry of `count` points, at x(i), y(i), as an expression."""
    return (f"ST_GeometryFromText('{kind}' || array_join(transform({points}, "
            f"i -> CAST({x} AS varchar) || ' ' || CAST({y} AS varchar)), ', ') || "
            f"'{')' * kind.count('(')}')").replace("COUNT", str(count))


def spikes(count):
    return wkt("LINESTRING (", "sequence(1, COUNT)", "cos(i) * i", "sin(i * i) * i", count)


TEETH = "flatten(transform(sequence(1, COUNT), k -> ARRAY[2 * k, 2 * k + 1]))"


def comb(teeth):
    return wkt("LINESTRING (", TEETH, "i / 2", "if((i / 2 + i) % 2 = 0, 0, 1000)", teeth)


def turned_comb(teeth):
    return wkt("LINESTRING (", TEETH, "if((i / 2 + i) % 2 = 0, 0, 1000)", "i / 2", teeth)


def disc(count, x):
    return wkt("POLYGON ((", "sequence(0, COUNT)",
               f"{x} + 100 * cos(2 * pi() * (i % COUNT) / COUNT)",
               "100 * sin(2 * pi() * (i % COUNT) / COUNT)", count)


def long_line(y):
    points = "sequence(1, COUNT) || sequence(COUNT + 1, 2 * COUNT)"
    return wkt("LINESTRING (", points, "i", y, 10000)


MEET = ["NOT_SUPPORTED: geometries whose lines meet more than 50000 times"]
LONG = [*MEET, "NOT_SUPPORTED: geometries that take more than 3 seconds"]


@pytest.mark.parametrize("expression, messages", [
    (f"ST_Buffer({spikes(2000)}, 0.5)", LONG),
    (f"ST_Union({comb(900)}, {turned_comb(900)})", MEET),
    (f"ST_Intersection({comb(900)}, {turned_comb(900)})", MEET),
    (f"ST_Crosses({comb(900)}, {turned_comb(900)})", MEET),
    (f"ST_Relate({comb(900)}, {turned_comb(900)}, 'T********')", MEET),
    (f"simplify_geometry({spikes(2000)}, 5)", MEET),
    (f"ST_Distance({long_line(0)}, {long_line(1)})",
     ["NOT_SUPPORTED: distances between geometries of 20000 and 20000 points"]),
])
def test_geometries_that_cost_too_much_are_refused(lake, expression, messages):
    """Where lines meet n * n times GEOS keeps as many nodes, and does not look at the clock."""
    status = lake.run(f"SELECT {expression}")["Status"]
    assert status["State"] == "FAILED" and status["StateChangeReason"] in messages


@pytest.mark.parametrize("expression, value", [
    (f"ST_Area({disc(8000, 0)})", 31415.93),
    (f"ST_Area(ST_Buffer({disc(8000, 0)}, 1))", 32047.39),
    (f"ST_Area(ST_Union({disc(4000, 0)}, {disc(4000, 500)}))", 62831.83),
    (f"ST_Length(ST_Union({comb(100)}, {turned_comb(100)}))", 200198),
    (f"ST_Area(ST_Buffer({long_line(0)}, 5))", 2 * 5 * 19999 + 78.48),
])
def test_large_geometries_are_computed(lake, expression, value):
    [[shown]] = lake.rows(f"SELECT {expression}")
    assert abs(float(shown) - value) < value * 1e-4
