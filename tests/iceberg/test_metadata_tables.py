"""Metadata tables of Iceberg tables: "t$snapshots", "t$files" and the others."""

import json

import pytest
from support import wait_until


def columns_of(house, sql):
    """(name, type) of a query's columns, as GetQueryResults tells them."""
    query_id = house.athena.start_query_execution(
        QueryString=sql, QueryExecutionContext={"Database": house.database},
        ResultConfiguration={"OutputLocation": f"s3://{house.bucket}/results"},
    )["QueryExecutionId"]

    def ended():
        status = house.athena.get_query_execution(
            QueryExecutionId=query_id)["QueryExecution"]["Status"]
        assert status["State"] not in ("FAILED", "CANCELLED"), status
        return status["State"] == "SUCCEEDED"

    wait_until(ended, interval=0.005)
    info = house.athena.get_query_results(QueryExecutionId=query_id)["ResultSet"][
        "ResultSetMetadata"]["ColumnInfo"]
    return [(column["Name"], column["Type"]) for column in info]


@pytest.fixture
def filled(house):
    """Two commits into a table partitioned by day; the second has two partitions."""
    house.table(columns="id string, n bigint, price decimal(9,2), at timestamp, f double",
                more="PARTITIONED BY (day(at))")
    name = house.delivery(AppendOnly=True)
    house.put(name, {"id": "a", "n": 1, "price": 1.5, "at": "2026-07-01 10:00:00", "f": 0.5})
    house.wait("SELECT count(*) FROM t", [("1",)])
    house.put(name, {"id": "b", "n": 7, "price": 2.5, "at": "2026-07-01 11:00:00"},
              {"id": "it's", "n": -3, "at": "2026-07-02 12:30:00.250"})
    house.wait("SELECT count(*) FROM t", [("3",)])
    return house


MAPS = ["column_sizes", "value_counts", "null_value_counts", "nan_value_counts", "lower_bounds",
        "upper_bounds"]


@pytest.mark.parametrize("suffix, wanted", [
    ("snapshots", [("committed_at", "timestamp with time zone"), ("snapshot_id", "bigint"),
                   ("parent_id", "bigint"), ("operation", "varchar"),
                   ("manifest_list", "varchar"), ("summary", "map")]),
    ("history", [("made_current_at", "timestamp with time zone"), ("snapshot_id", "bigint"),
                 ("parent_id", "bigint"), ("is_current_ancestor", "boolean")]),
    ("refs", [("name", "varchar"), ("type", "varchar"), ("snapshot_id", "bigint"),
              ("max_reference_age_in_ms", "bigint"), ("min_snapshots_to_keep", "integer"),
              ("max_snapshot_age_in_ms", "bigint")]),
    ("manifests", [("path", "varchar"), ("length", "bigint"), ("partition_spec_id", "integer"),
                   ("added_snapshot_id", "bigint"), ("added_data_files_count", "integer"),
                   ("added_rows_count", "bigint"), ("existing_data_files_count", "integer"),
                   ("existing_rows_count", "bigint"), ("deleted_data_files_count", "integer"),
                   ("deleted_rows_count", "bigint"), ("partition_summaries", "array")]),
    ("files", [("content", "integer"), ("file_path", "varchar"), ("file_format", "varchar"),
               ("record_count", "bigint"), ("file_size_in_bytes", "bigint"),
               *[(name, "map") for name in MAPS], ("key_metadata", "varbinary"),
               ("split_offsets", "array"), ("equality_ids", "array")]),
    ("partitions", [("partition", "row"), ("record_count", "bigint"), ("file_count", "bigint"),
                    ("total_size", "bigint"), ("data", "row")]),
])
def test_columns_are_those_of_trino_even_of_an_empty_table(house, suffix, wanted):
    house.table(columns="id string, at timestamp", more="PARTITIONED BY (day(at))")
    assert columns_of(house, f'SELECT * FROM "t${suffix}"') == wanted
    assert house.rows(f'SELECT * FROM "{house.database}"."t${suffix}"') == []


def test_snapshots_and_history_follow_the_commits(filled):
    first, second = sorted(filled.metadata()["snapshots"], key=lambda one: one["sequence-number"])
    rows = filled.rows('SELECT snapshot_id, parent_id, operation, manifest_list, '
                       "summary['added-records'] FROM \"t$snapshots\" ORDER BY committed_at")
    assert rows == [
        (str(first["snapshot-id"]), None, "append", first["manifest-list"], "1"),
        (str(second["snapshot-id"]), str(first["snapshot-id"]), "append",
         second["manifest-list"], "2")]
    assert filled.rows("SELECT to_unixtime(committed_at) * 1000 = "
                       f"{second['timestamp-ms']} FROM \"t$snapshots\" "
                       "WHERE parent_id IS NOT NULL") == [("true",)]
    assert filled.rows('SELECT h.is_current_ancestor, s.operation FROM "t$history" h '
                       'JOIN "t$snapshots" s ON h.snapshot_id = s.snapshot_id '
                       "ORDER BY h.made_current_at") == [("true", "append")] * 2
    assert filled.rows('SELECT name, type, snapshot_id, max_reference_age_in_ms FROM "t$refs"'
                       ) == [("main", "BRANCH", str(second["snapshot-id"]), None)]
    # A snapshot that it names is one to travel to.
    old = filled.rows('SELECT min_by(snapshot_id, committed_at) FROM "t$snapshots"')[0][0]
    assert filled.rows(f"SELECT id FROM t FOR VERSION AS OF {old}") == [("a",)]


def test_a_snapshot_beside_the_line_is_no_ancestor(filled):
    """The table is rolled back by hand, as other engines do."""
    metadata = filled.metadata()
    first, second = sorted(metadata["snapshots"], key=lambda one: one["sequence-number"])
    metadata["current-snapshot-id"] = metadata["refs"]["main"]["snapshot-id"] = first["snapshot-id"]
    metadata["refs"]["kept"] = {"type": "tag", "snapshot-id": second["snapshot-id"],
                                "max-ref-age-ms": 86400000}
    key = "t/metadata/00009-back.metadata.json"
    filled.s3.put_object(Bucket=filled.bucket, Key=key, Body=json.dumps(metadata).encode())
    table = filled.glue.get_table(DatabaseName=filled.database, Name="t")["Table"]
    filled.glue.update_table(DatabaseName=filled.database, TableInput={
        "Name": "t", "StorageDescriptor": table["StorageDescriptor"],
        "Parameters": {**table["Parameters"],
                       "metadata_location": f"s3://{filled.bucket}/{key}"}})
    assert filled.rows('SELECT is_current_ancestor FROM "t$history" ORDER BY made_current_at'
                       ) == [("true",), ("false",)]
    assert filled.rows("SELECT name, max_reference_age_in_ms FROM \"t$refs\" WHERE type = 'TAG'"
                       ) == [("kept", "86400000")]
    assert filled.rows('SELECT count(*) FROM "t$files"') == [("1",)]


def test_files_tell_their_statistics(filled):
    assert filled.rows('SELECT count(*), sum(record_count), max(file_format), max(content) '
                       'FROM "t$files"') == [("3", "3", "PARQUET", "0")]
    sizes = {path: int(size) for path, size in
             filled.rows('SELECT file_path, file_size_in_bytes FROM "t$files"')}
    assert all(len(filled.body(path)) == size for path, size in sizes.items())
    assert filled.rows("SELECT lower_bounds[1], upper_bounds[2], lower_bounds[4], "
                       "null_value_counts[3], value_counts[1], nan_value_counts[5] "
                       'FROM "t$files" WHERE element_at(lower_bounds, 2) = \'-3\'') == [
        ("it's", "-3", "2026-07-02T12:30:00.250", "1", "1", "0")]


def test_partitions_sum_up_their_files(filled):
    rows = filled.rows('SELECT partition.at_day, record_count, file_count, data.n.min, '
                       'data.n.max, data.id.max, data.price.null_count FROM "t$partitions" '
                       "ORDER BY 1")
    assert rows == [("2026-07-01", "2", "2", "1", "7", "b", "0"),
                    ("2026-07-02", "1", "1", "-3", "-3", "it's", "1")]
    assert filled.rows('SELECT sum(total_size) = (SELECT sum(file_size_in_bytes) FROM "t$files") '
                       'FROM "t$partitions"') == [("true",)]


def test_manifests_tell_counts_and_partitions(filled):
    rows = filled.rows('SELECT added_data_files_count, added_rows_count, '
                       'existing_data_files_count, partition_summaries[1].lower_bound, '
                       'partition_summaries[1].upper_bound, partition_summaries[1].contains_null '
                       'FROM "t$manifests" m JOIN "t$snapshots" s '
                       "ON m.added_snapshot_id = s.snapshot_id ORDER BY s.committed_at")
    assert rows == [("1", "1", "0", "2026-07-01", "2026-07-01", "false"),
                    ("2", "2", "0", "2026-07-01", "2026-07-02", "false")]
    assert filled.rows("SELECT path, length FROM \"t$manifests\" WHERE length < 1") == []


def test_an_unpartitioned_table_has_one_line_of_totals(house):
    house.table(columns="id string, n int")
    name = house.delivery(AppendOnly=True)
    house.put(name, {"id": "a", "n": 1}, {"id": "b"})
    house.wait("SELECT count(*) FROM t", [("2",)])
    assert house.rows('SELECT * FROM (SELECT record_count, file_count, data FROM "t$partitions")'
                      ) == [("2", "1", "{id={min=a, max=b, null_count=0, nan_count=null}, "
                             "n={min=1, max=1, null_count=1, nan_count=null}}")]
    assert [name for name, _ in columns_of(house, 'SELECT * FROM "t$partitions"')] == [
        "record_count", "file_count", "total_size", "data"]


@pytest.mark.parametrize("sql, reason", [
    ('SELECT * FROM "none$snapshots"', "none$snapshots' does not exist"),
    ('SELECT * FROM "t$properties"', "t$properties' does not exist"),
    ('SELECT * FROM "t$snapshots" FOR VERSION AS OF 1', "does not support versioned tables"),
    ('SELECT nothing FROM "t$files"', "Column 'nothing' cannot be resolved"),
    ('SELECT file_path + 1 FROM "t$files"', "varchar + integer"),
])
def test_what_is_not_there_says_so(house, sql, reason):
    house.table(columns="id string")
    state, why, _ = house.query(sql)
    assert state == "FAILED" and reason in why, why
