"""Iceberg tables as they were: FOR TIMESTAMP AS OF, FOR VERSION AS OF."""

import datetime
import json

import pytest


@pytest.fixture
def past(house):
    """A table of two commits: a=1, then a=2 and b=1. Gives its snapshots, the oldest first."""
    house.table(columns="id string, n int")
    name = house.delivery(ProcessingConfiguration={"Enabled": True, "Processors": [
        {"Type": "MetadataExtraction", "Parameters": [
            {"ParameterName": "MetadataExtractionQuery", "ParameterValue":
             f'{{destinationDatabaseName: "{house.database}", destinationTableName: "t", '
             'operation: .op}'},
            {"ParameterName": "JsonParsingEngine", "ParameterValue": "JQ-1.6"}]}]})
    house.put(name, {"id": "a", "n": 1, "op": "insert"})
    house.wait("SELECT id, n FROM t", [("a", "1")])
    house.put(name, {"id": "a", "n": 2, "op": "update"},
              {"id": "b", "n": 1, "op": "insert"})
    house.wait("SELECT id, n FROM t ORDER BY id", [("a", "2"), ("b", "1")])
    return sorted(house.metadata()["snapshots"], key=lambda one: one["sequence-number"])


def moment(ms, offset_hours=0):
    zone = datetime.timezone(datetime.timedelta(hours=offset_hours))
    at = datetime.datetime.fromtimestamp(ms / 1000, zone)
    text = at.strftime("%Y-%m-%d %H:%M:%S.") + f"{ms % 1000:03}"
    return f"TIMESTAMP '{text} {at.strftime('%z')[:3]}:00'" if offset_hours else (
        f"TIMESTAMP '{text} UTC'")


def test_a_version_shows_its_rows(house, past):
    first, last = past[0]["snapshot-id"], past[-1]["snapshot-id"]
    assert house.rows(f"SELECT id, n FROM t FOR VERSION AS OF {first}") == [("a", "1")]
    assert house.rows(f"SELECT id, n FROM t FOR VERSION AS OF {last} ORDER BY id") == [
        ("a", "2"), ("b", "1")]
    assert house.rows("SELECT count(*) FROM t FOR VERSION AS OF 'main'") == [("2",)]
    assert house.rows(f"SELECT o.n, t.n FROM t FOR VERSION AS OF {first} AS o "
                      "JOIN t ON o.id = t.id") == [("1", "2")]


def test_a_moment_shows_what_was_current_then(house, past):
    first, last = past[0]["timestamp-ms"], past[-1]["timestamp-ms"]
    for zone in (0, 2, -5):
        assert house.rows(f"SELECT id, n FROM t FOR TIMESTAMP AS OF {moment(last - 1, zone)}"
                          ) == [("a", "1")]
        assert house.rows(f"SELECT id, n FROM t FOR TIMESTAMP AS OF {moment(first, zone)} x"
                          ) == [("a", "1")]
        assert house.rows(f"SELECT count(*) FROM t FOR TIMESTAMP AS OF {moment(last, zone)}"
                          ) == [("2",)]
    for now in ("current_timestamp", "(now() + interval '1' day)",
                f"({moment(last + 5000)} - interval '5' second)"):
        assert house.rows(f"SELECT count(*) FROM t FOR TIMESTAMP AS OF {now}") == [("2",)]


def test_the_past_has_the_columns_of_then(house, past):
    metadata = house.metadata()
    metadata["schemas"].append({"type": "struct", "schema-id": 7, "fields": [
        {"id": 2, "name": "number", "required": False, "type": "int"},
        {"id": 1, "name": "key", "required": False, "type": "string"}]})
    metadata["current-schema-id"] = 7
    key = "t/metadata/00099-other.metadata.json"
    house.s3.put_object(Bucket=house.bucket, Key=key, Body=json.dumps(metadata).encode())
    table = house.glue.get_table(DatabaseName=house.database, Name="t")["Table"]
    house.glue.update_table(DatabaseName=house.database, TableInput={
        "Name": "t", "StorageDescriptor": table["StorageDescriptor"], "TableType": "EXTERNAL_TABLE",
        "Parameters": {**table["Parameters"],
                       "metadata_location": f"s3://{house.bucket}/{key}"}})
    assert house.rows("SELECT number, key FROM t ORDER BY 1") == [("1", "b"), ("2", "a")]
    assert house.rows(f"SELECT * FROM t FOR VERSION AS OF {past[0]['snapshot-id']}") == [
        ("a", "1")]


@pytest.mark.parametrize("period, reason", [
    ("VERSION AS OF 17", "INVALID_ARGUMENTS: line 1:15: Iceberg snapshot ID does not exists: 17"),
    ("VERSION AS OF 'x'",
     "INVALID_ARGUMENTS: line 1:15: Cannot find snapshot with reference name: x"),
    ("VERSION AS OF 1.5", "NOT_SUPPORTED"),
    ("TIMESTAMP AS OF TIMESTAMP '2001-02-03 04:05:06 UTC'", "at or before 2001-02-03T04:05:06Z"),
    ("TIMESTAMP AS OF DATE '2001-02-03'", "at or before 2001-02-03T00:00:00Z"),
    ("TIMESTAMP AS OF (current_timestamp - interval '900' day)", "INVALID_ARGUMENTS"),
    ("TIMESTAMP AS OF TIMESTAMP '2001-02-03 04:05:06 Asia/Tokyo'", "NOT_SUPPORTED"),
    ("TIMESTAMP AS OF TIMESTAMP '2001-02-33 04:05:06'", "not a valid TIMESTAMP literal"),
    ("TIMESTAMP AS OF TIMESTAMP '2001'", "not a valid TIMESTAMP literal"),
    ("TIMESTAMP AS OF 5", "NOT_SUPPORTED"),
])
def test_what_was_never_there_says_so(house, period, reason):
    house.table(columns="id string")
    state, why, _ = house.query(f"SELECT * FROM t FOR {period}")
    assert state == "FAILED" and reason in why, why


def test_other_tables_have_no_past(house):
    house.rows(f"CREATE EXTERNAL TABLE h (a string) LOCATION 's3://{house.bucket}/h/'")
    for sql in ("SELECT * FROM h FOR VERSION AS OF 1",
                "WITH w AS (SELECT 1 AS a) SELECT * FROM w FOR VERSION AS OF 1"):
        state, why, _ = house.query(sql)
        assert state == "FAILED" and "does not support versioned tables" in why
