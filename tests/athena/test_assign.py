"""What INSERT, UPDATE and MERGE may put into a column, and what becomes of it there."""

import pytest

from athena.test_ddl import succeed

HIVE = ("CREATE EXTERNAL TABLE t (a tinyint, b varchar(3), c char(3), d decimal(5,2), e float, "
        "f int, g array<int>) STORED AS PARQUET LOCATION 's3://{bucket}/t/'")
ICEBERG = ("CREATE TABLE t (f int, d decimal(5,2), e float, b string, g array<int>) "
           "LOCATION 's3://{bucket}/t' TBLPROPERTIES ('table_type' = 'ICEBERG')")
TRUNCATED = ("INVALID_CAST_ARGUMENT: Cannot truncate non-space characters when casting from "
             "{} to {} on INSERT")


@pytest.mark.parametrize("column, value, wanted", [
    ("a", "5", "5"), ("a", "BIGINT '-128'", "-128"), ("a", "1.7", "2"), ("a", "2.5e0", "3"),
    ("a", "-2.5e0", "-3"), ("f", "12345678901 - 12345678900", "1"), ("e", "1.5e0", "1.5"),
    ("d", "1.555", "1.56"), ("d", "2e0", "2.00"), ("b", "'ab    '", "ab "), ("b", "'abc'", "abc"),
    ("c", "'ab'", "ab "), ("c", "'abc  '", "abc"), ("b", "CAST('x' AS char(9))", "x  "),
    ("g", "ARRAY[BIGINT '7']", "[7]"), ("b", "NULL", None), ("a", "NULL", None)])
def test_what_fits_is_put_in(lake, column, value, wanted):
    succeed(lake, HIVE.format(bucket=lake.bucket))
    succeed(lake, f"INSERT INTO t ({column}) VALUES ({value})")
    assert lake.rows(f"SELECT {column} FROM t") == [[wanted]]


@pytest.mark.parametrize("column, value, reason", [
    ("a", "300", "NUMERIC_VALUE_OUT_OF_RANGE: Out of range for tinyint: 300"),
    ("b", "'abcd'", TRUNCATED.format("varchar(4)", "varchar(3)")),
    ("b", "'abcd' || ''", TRUNCATED.format("varchar", "varchar(3)")),
    ("c", "'abcd'", TRUNCATED.format("varchar(4)", "char(3)")),
    ("g", "ARRAY[5000000000]", "NUMERIC_VALUE_OUT_OF_RANGE: Out of range for integer: 5000000000"),
    ("f", "1e15", "INVALID_CAST_ARGUMENT: Unable to cast 1.0E15 to integer"),
    ("f", "'1'", "Table: [integer], Query: [varchar(1)]"),
    ("f", "ARRAY['x']", "Table: [integer], Query: [array(varchar(1))]"),
    ("a, a", "1, 2", "Insert column name is specified more than once: a"),
    ("a, b", "'x'", "Table: [tinyint, varchar(3)], Query: [varchar(1)]")])
def test_what_does_not_fails_and_leaves_nothing(lake, column, value, reason):
    succeed(lake, HIVE.format(bucket=lake.bucket))
    assert reason in lake.reason(f"INSERT INTO t ({column}) VALUES ({value})")
    assert lake.rows("SELECT count(*) FROM t") == [["0"]]


def test_changes_are_put_in_alike(lake):
    succeed(lake, ICEBERG.format(bucket=lake.bucket))
    succeed(lake, "INSERT INTO t (f) VALUES (BIGINT '1')")
    succeed(lake, "UPDATE t SET f = BIGINT '2', d = 1.555, e = 2.5e0, g = ARRAY[BIGINT '3']")
    assert lake.rows("SELECT f, d, e, g FROM t") == [["2", "1.56", "2.5", "[3]"]]
    succeed(lake, "MERGE INTO t USING (VALUES BIGINT '2') AS s(n) ON t.f = s.n "
                  "WHEN MATCHED THEN UPDATE SET f = s.n * 4, b = 'merged'")
    assert lake.rows("SELECT f, b FROM t") == [["8", "merged"]]
    assert "Out of range for integer: 5000000000" in lake.reason("UPDATE t SET f = 5000000000")
    assert lake.reason("UPDATE t SET b = 'x', f = 'y'") == (
        "TYPE_MISMATCH: line 1:1: UPDATE table column types don't match SET expressions: "
        "Table: [varchar, integer], Expressions: [varchar(1), varchar(1)]")
    assert lake.rows("SELECT f, b FROM t") == [["8", "merged"]]
