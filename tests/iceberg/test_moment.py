"""What a statement reads of a table, metadata, manifests, data, stood there at one moment: nothing
that is removed meanwhile is missed."""

import contextlib
import json

import pytest
from support import wait_until

from .test_optimize import OPTIMIZE, with_properties

AGED = {"vacuum_max_snapshot_age_seconds": 0, "vacuum_max_metadata_files_to_keep": 1,
        "optimize_rewrite_data_file_threshold": 2}
HOLD_MS = 60000  # longer than any statement takes


def passed(server):
    return json.loads(server.request("GET", "/_millrace/points")[2])["iceberg.load"]


@contextlib.contextmanager
def held(server, house, sql, at=1):
    """The statement, running, between what the catalog says of a table and the first look at it;
    it goes on when the block ends, and must succeed."""
    server.arm(f"iceberg.load:{at}:delay-{HOLD_MS}")
    before = passed(server)
    query_id = house.athena.start_query_execution(
        QueryString=sql, QueryExecutionContext={"Database": house.database},
        ResultConfiguration={"OutputLocation": f"s3://{house.bucket}/results"},
    )["QueryExecutionId"]
    result = []
    try:
        wait_until(lambda: passed(server) == before + at)
        yield result
    finally:
        server.arm()
    house.succeeds(query_id)
    rows = house.athena.get_query_results(QueryExecutionId=query_id)["ResultSet"]["Rows"]
    result += [tuple(cell.get("VarCharValue") for cell in row["Data"]) for row in rows[1:]]


def objects(house):
    pages = house.s3.get_paginator("list_objects_v2").paginate(Bucket=house.bucket, Prefix="t/")
    return {item["Key"] for page in pages for item in page.get("Contents", [])}


def filled(house):
    with_properties(house, **AGED)("id int, n int")
    for i in range(3):
        house.rows(f"INSERT INTO t VALUES ({i}, {i * 10})")


def swept(house):
    """All that the table was is gone, and its rows are others."""
    before = objects(house)
    house.rows("UPDATE t SET n = n + 1")
    house.rows(OPTIMIZE)
    house.rows("VACUUM t")
    assert not before & objects(house)


@pytest.mark.parametrize("sql, want", [
    ("SELECT id, n FROM t ORDER BY id", [("0", "0"), ("1", "10"), ("2", "20")]),
    ("SELECT sum(n), count(*) FROM t WHERE n < 15", [("10", "2")]),
    ("SELECT count(*) FROM t", [("3",)]),
    ('SELECT sum(record_count) FROM "t$files"', [("3",)]),
    ('SELECT count(*) FROM "t$manifests"', [("3",)]),
])
def test_a_query_reads_what_a_vacuum_removes_meanwhile(own_server, own_house, sql, want):
    house = own_house
    filled(house)
    with held(own_server, house, sql) as rows:
        swept(house)
    assert rows == want
    assert house.rows("SELECT sum(n), count(*) FROM t") == [("33", "3")]


def test_a_table_is_the_same_wherever_a_query_names_it(own_server, own_house):
    house = own_house
    filled(house)
    sql = ("SELECT a.n, b.n FROM t AS a FULL JOIN t AS b ON a.n = b.n "
           'WHERE (SELECT count(*) FROM "t$files") = 3 ORDER BY 1')
    with held(own_server, house, sql, at=2) as rows:
        swept(house)
    assert rows == [("0", "0"), ("10", "10"), ("20", "20")]


def test_a_dropped_table_is_read_to_its_end(own_server, own_house):
    house = own_house
    filled(house)
    with held(own_server, house, "SELECT sum(n) FROM t") as rows:
        house.rows("DROP TABLE t")
        assert not objects(house)
    assert rows == [("30",)]


def test_rows_come_into_what_the_table_has_become(own_server, own_house):
    house = own_house
    filled(house)
    with held(own_server, house, "INSERT INTO t VALUES (9, 90)"):
        swept(house)
    assert house.rows("SELECT id, n FROM t ORDER BY id") == [
        ("0", "1"), ("1", "11"), ("2", "21"), ("9", "90")]


@pytest.mark.parametrize("sql", [
    OPTIMIZE, "VACUUM t",
    "ALTER TABLE t SET TBLPROPERTIES ('vacuum_min_snapshots_to_keep'='2')"])
def test_maintenance_passes_maintenance(own_server, own_house, sql):
    house = own_house
    filled(house)
    with held(own_server, house, sql):
        swept(house)
    assert house.rows("SELECT id, n FROM t ORDER BY id") == [("0", "1"), ("1", "11"), ("2", "21")]
