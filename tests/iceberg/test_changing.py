"""Rows of Iceberg tables changed by SQL: DELETE, UPDATE, MERGE."""

import threading

import pytest

from iceberg.test_writing import summary


def filled(house, more="", name="t"):
    """(id, n, s): ('a', 1, 'x'), ('b', 2, 'y'), ('c', 3, NULL), two files."""
    house.table(name, columns="id string, n bigint, s string", more=more)
    house.rows(f"INSERT INTO {name} VALUES ('a', 1, 'x'), ('b', 2, 'y')")
    house.rows(f"INSERT INTO {name} VALUES ('c', 3, NULL)")


ALL = [("a", "1", "x"), ("b", "2", "y"), ("c", "3", None)]


def content(house, name="t"):
    return house.rows(f"SELECT id, n, s FROM {name} ORDER BY id, n")


def changed(house, sql):
    """How many rows the statement says it changed."""
    query = house.athena.start_query_execution(
        QueryString=sql, QueryExecutionContext={"Database": house.database},
        ResultConfiguration={"OutputLocation": f"s3://{house.bucket}/results"},
    )["QueryExecutionId"]
    house.succeeds(query)
    return house.athena.get_query_results(QueryExecutionId=query)["UpdateCount"]


@pytest.mark.parametrize("more", ["", "PARTITIONED BY (bucket(4, id))", "PARTITIONED BY (s, n)"])
@pytest.mark.parametrize("sql, rows, left", [
    ("DELETE FROM t WHERE n = 2", 1, [ALL[0], ALL[2]]),
    ("DELETE FROM t WHERE t.s IS NULL OR id = 'a'", 2, [ALL[1]]),
    ("DELETE FROM t WHERE n > 5", 0, ALL),
    ("DELETE FROM t", 3, []),
    ("DELETE FROM t WHERE n IN (SELECT max(n) FROM t)", 1, ALL[:2]),
    ("UPDATE t SET n = n * 10 WHERE s IS NOT NULL", 2,
     [("a", "10", "x"), ("b", "20", "y"), ALL[2]]),
    ("UPDATE t SET s = id, id = upper(id)", 3, [("A", "1", "a"), ("B", "2", "b"), ("C", "3", "c")]),
    ("UPDATE t SET s = NULL, n = (SELECT sum(n) FROM t) WHERE id = 'b'", 1,
     [ALL[0], ("b", "6", None), ALL[2]]),
])
def test_rows_are_deleted_and_updated(house, more, sql, rows, left):
    filled(house, more)
    assert changed(house, sql) == rows
    assert content(house) == left
    assert house.rows("SELECT count(*) FROM t") == [(str(len(left)),)]


def test_rows_tell_their_file_and_its_moment(house):
    filled(house)
    house.rows("DELETE FROM t WHERE id = 'b'")
    keys = [file["Key"] for file in house.s3.list_objects_v2(
        Bucket=house.bucket, Prefix="t/data/")["Contents"]]
    rows = house.rows('SELECT id, "$path", "$file_modified_time" > current_timestamp - '
                      "INTERVAL '1' DAY, typeof(\"$file_modified_time\") FROM t ORDER BY id")
    assert [row[0] for row in rows] == ["a", "c"]
    assert {row[1].removeprefix(f"s3://{house.bucket}/") for row in rows} < set(keys)
    assert rows[0][1] != rows[1][1]
    assert {row[2:] for row in rows} == {("true", "timestamp(3) with time zone")}
    assert house.rows(f'SELECT * FROM t WHERE "$path" = \'{rows[0][1]}\'') == [ALL[0]]
    assert house.rows('SELECT count(DISTINCT "$path") FROM t') == [("2",)]


def test_the_snapshot_tells_what_happened(house):
    filled(house)
    before = house.metadata()["current-snapshot-id"]
    house.rows("DELETE FROM t WHERE n > 1")
    told = summary(house)
    assert {name: told.get(name) for name in (
        "operation", "added-position-delete-files", "added-position-deletes",
        "added-delete-files", "added-data-files", "total-data-files", "total-delete-files",
        "total-position-deletes")} == {
            "operation": "delete", "added-position-delete-files": "2",
            "added-position-deletes": "2", "added-delete-files": "2", "added-data-files": None,
            "total-data-files": "2", "total-delete-files": "2", "total-position-deletes": "2"}
    house.rows("UPDATE t SET n = 7")
    told = summary(house)
    assert (told["operation"], told["added-position-deletes"], told["added-records"]) == (
        "overwrite", "1", "1")
    house.rows("UPDATE t SET n = 8 WHERE id = 'none'")
    assert summary(house) == told
    assert house.rows(f"SELECT id FROM t FOR VERSION AS OF {before} ORDER BY id") == [
        ("a",), ("b",), ("c",)]


def test_what_is_changed_again_and_again(house):
    filled(house, "PARTITIONED BY (truncate(5, n))")
    for n in range(5):
        house.rows("UPDATE t SET n = n + 3 WHERE id <> 'b'")
        house.rows(f"INSERT INTO t VALUES ('d', {n}, 'z')")
        house.rows(f"DELETE FROM t WHERE id = 'd' AND n = {n}")
    assert content(house) == [("a", "16", "x"), ALL[1], ("c", "18", None)]


def test_beside_deletes_by_key(house):
    """Firehose's equality deletes concern what was there before them, SQL's rows or not."""
    filled(house)
    query = (f'{{destinationDatabaseName: "{house.database}", destinationTableName: "t", '
             'operation: .op}')
    name = house.delivery(ProcessingConfiguration={"Enabled": True, "Processors": [
        {"Type": "MetadataExtraction", "Parameters": [
            {"ParameterName": "MetadataExtractionQuery", "ParameterValue": query},
            {"ParameterName": "JsonParsingEngine", "ParameterValue": "JQ-1.6"}]}]})
    house.put(name, {"op": "delete", "id": "a"}, {"op": "update", "id": "b", "n": 9, "s": "k"})
    house.wait("SELECT id, n, s FROM t ORDER BY id", [("b", "9", "k"), ALL[2]])
    house.rows("UPDATE t SET n = n + 1")
    house.rows("INSERT INTO t VALUES ('a', 5, 'again')")
    assert content(house) == [("a", "5", "again"), ("b", "10", "k"), ("c", "4", None)]
    house.put(name, {"op": "delete", "id": "b"})
    house.wait("SELECT id, n, s FROM t ORDER BY id", [("a", "5", "again"), ("c", "4", None)])


MERGE = "MERGE INTO t USING (VALUES ('b', 20), ('d', 40)) AS s(id, n) ON t.id = s.id "


@pytest.mark.parametrize("more", ["", "PARTITIONED BY (bucket(4, id))"])
@pytest.mark.parametrize("sql, rows, left", [
    (MERGE + "WHEN MATCHED THEN UPDATE SET n = s.n WHEN NOT MATCHED THEN INSERT (id, n) "
             "VALUES (s.id, s.n)", 2, [ALL[0], ("b", "20", "y"), ALL[2], ("d", "40", None)]),
    (MERGE + "WHEN MATCHED THEN DELETE", 1, [ALL[0], ALL[2]]),
    (MERGE + "WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.n, 'new')", 1,
     [*ALL, ("d", "40", "new")]),
    (MERGE + "WHEN MATCHED AND t.n > 5 THEN DELETE "
             "WHEN MATCHED AND s.n > 5 THEN UPDATE SET n = t.n + s.n, s = 'sum' "
             "WHEN MATCHED THEN DELETE "
             "WHEN NOT MATCHED AND s.n > 100 THEN INSERT VALUES (s.id, 0, '')",
     1, [ALL[0], ("b", "22", "sum"), ALL[2]]),
    ("MERGE INTO t AS x USING t AS y ON x.id = y.id AND y.n < 3 "
     "WHEN MATCHED THEN UPDATE SET n = x.n + y.n", 2,
     [("a", "2", "x"), ("b", "4", "y"), ALL[2]]),
])
def test_rows_are_merged(house, more, sql, rows, left):
    filled(house, more)
    assert changed(house, sql) == rows
    assert content(house) == left


def test_a_row_may_match_once(house):
    filled(house)
    state, why, _ = house.query(
        "MERGE INTO t USING (VALUES ('b', 1), ('b', 2)) AS s(id, n) ON t.id = s.id "
        "WHEN MATCHED THEN UPDATE SET n = s.n")
    assert state == "FAILED"
    assert why.startswith("MERGE_TARGET_ROW_MULTIPLE_MATCHES: ")
    assert "One MERGE target table row matched more than one source row" in why
    assert content(house) == ALL


def test_cases_of_merge_leave_each_other_s_values_whole(house):
    house.table(columns="id bigint, d decimal(38,2), at timestamp, s string")
    house.rows("INSERT INTO t VALUES (9007199254740993, DECIMAL "
               "'123456789012345678901234567890123456.78', TIMESTAMP '2026-07-03 10:11:12.345', "
               "'a'), (2, 2, NULL, 'b')")
    house.rows("MERGE INTO t USING (VALUES 2) AS s(n) ON true "
               "WHEN MATCHED AND t.id = s.n THEN UPDATE SET id = 1.5e0, d = 7e0, "
               "at = DATE '2026-07-04' WHEN MATCHED THEN UPDATE SET s = 'c'")
    assert house.rows("SELECT * FROM t ORDER BY id") == [
        ("2", "7.00", "2026-07-04 00:00:00.000", "b"),
        ("9007199254740993", "123456789012345678901234567890123456.78",
         "2026-07-03 10:11:12.345", "c")]


@pytest.mark.parametrize("sql, reason", [
    ("DELETE FROM none", "TABLE_NOT_FOUND"),
    ("DELETE FROM t WHERE none = 1", "COLUMN_NOT_FOUND"),
    ("DELETE FROM hive", "Modifying Hive table rows is only supported for transactional tables"),
    ("UPDATE t SET none = 1", "The UPDATE SET target column none doesn't exist"),
    ("UPDATE t SET n = 1, n = 2", "Column name 'n' specified more than once"),
    ("UPDATE t SET n = 'a'", "TYPE_MISMATCH"),
    ("MERGE INTO t USING t AS s ON true WHEN NOT MATCHED THEN INSERT VALUES (1)", "TYPE_MISMATCH"),
    ("DELETE FROM t WHERE n", "TYPE_MISMATCH: line 1:21: WHERE clause must evaluate to a boolean: "
     "actual type bigint"),
    ("DELETE FROM t WHERE n = '1'",
     "TYPE_MISMATCH: line 1:23: Cannot apply operator: bigint = varchar(1)"),
    ("UPDATE t SET id = 'x', n = 1 + max(n)",
     "EXPRESSION_NOT_SCALAR: line 1:32: SET expressions cannot contain aggregations"),
    ("MERGE INTO t USING t AS s ON false WHEN NOT MATCHED THEN INSERT (n) VALUES (count(*))",
     "EXPRESSION_NOT_SCALAR: line 1:77: Values that MERGE inserts cannot contain aggregations"),
    ("UPDATE t SET n = n + id",
     "TYPE_MISMATCH: line 1:20: Cannot apply operator: bigint + varchar"),
    ("UPDATE t SET n = 1 WHERE none = 2",
     "COLUMN_NOT_FOUND: line 1:26: Column 'none' cannot be resolved"),
    ("MERGE INTO t USING t AS s ON s.n WHEN MATCHED THEN DELETE", "TYPE_MISMATCH: line 1:30: "),
    ("MERGE INTO t USING t AS s ON t.id = s.n WHEN MATCHED THEN DELETE",
     "TYPE_MISMATCH: line 1:35: Cannot apply operator: varchar = bigint"),
    ("MERGE INTO t USING t AS s ON t.n = s.n WHEN MATCHED AND s.n = 1 THEN UPDATE SET n = 1 "
     "WHEN MATCHED THEN UPDATE SET id = 'a', n = 'b'",
     "TYPE_MISMATCH: line 1:87: MERGE table column types don't match for MERGE case 1, SET "
     "expressions: Table: [bigint], Expressions: [varchar(1)]"),
    ("MERGE INTO t USING t AS s ON t.n = s.n WHEN MATCHED AND s.n THEN DELETE",
     "TYPE_MISMATCH: line 1:57: "),
])
def test_what_is_wrong_says_so(house, sql, reason):
    filled(house)
    house.query("CREATE EXTERNAL TABLE hive (a int) LOCATION 's3://" + house.bucket + "/hive/'")
    state, why, _ = house.query(sql)
    assert state == "FAILED" and reason in why, why
    assert content(house) == ALL


@pytest.mark.parametrize("sql", [
    "DELETE t", "UPDATE t n = 1", "UPDATE t SET n", "MERGE INTO t USING s WHEN MATCHED THEN DELETE",
    "MERGE INTO t USING t s ON true WHEN MATCHED THEN INSERT VALUES (1)",
    "MERGE INTO t USING t s ON true WHEN NOT MATCHED THEN DELETE",
    "MERGE INTO t USING t s ON true",
])
def test_what_is_no_statement(house, sql):
    with pytest.raises(house.athena.exceptions.InvalidRequestException, match="mismatched input"):
        house.query(sql)


def test_who_comes_too_late_fails_and_changes_nothing(house):
    house.table(columns="id bigint, n bigint")
    house.rows("INSERT INTO t SELECT n, 0 FROM UNNEST(sequence(1, 10)) AS u(n)")
    told = []

    def add():
        for _ in range(5):
            told.append(house.query("UPDATE t SET n = n + 1")[:2])

    threads = [threading.Thread(target=add) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = sum(state == "SUCCEEDED" for state, _ in told)
    assert done >= 5
    assert all(why.startswith("ICEBERG_COMMIT_ERROR: ") and
               "Failed to commit Iceberg update to table" in why
               for state, why in told if state != "SUCCEEDED"), told
    assert house.rows("SELECT count(*), min(n), max(n) FROM t") == [("10", str(done), str(done))]
