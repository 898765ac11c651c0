"""Iceberg tables in Athena: made, read, dropped; what is not done says so."""

import json

import pytest


def test_a_table_is_made_with_its_metadata(house):
    house.table(columns="id bigint COMMENT 'the key', at timestamp, s struct<a:int,b:array<date>>",
                more="PARTITIONED BY (day(at), bucket(16, id), truncate(3, id))")
    metadata = house.metadata()
    assert metadata["format-version"] == 2
    assert metadata["last-column-id"] == 6
    [schema] = metadata["schemas"]
    assert [field["id"] for field in schema["fields"]] == [1, 2, 3]
    assert schema["fields"][0]["doc"] == "the key"
    assert schema["fields"][2]["type"]["fields"][1]["type"] == {
        "type": "list", "element-id": 6, "element": "date", "element-required": False}
    [spec] = metadata["partition-specs"]
    assert [(f["name"], f["transform"], f["source-id"], f["field-id"]) for f in spec["fields"]] == [
        ("at_day", "day", 2, 1000), ("id_bucket", "bucket[16]", 1, 1001),
        ("id_trunc", "truncate[3]", 1, 1002)]
    assert metadata["current-snapshot-id"] == -1 and metadata["refs"] == {}
    table = house.glue.get_table(DatabaseName=house.database, Name="t")["Table"]
    assert table["Parameters"]["table_type"] == "ICEBERG"
    assert table["StorageDescriptor"]["Columns"][2]["Type"] == "struct<a:int,b:array<date>>"
    assert house.rows("SELECT id, s FROM t") == []


def test_the_size_of_files_may_be_named_as_it_is_anyway(house):
    """As in AWS's own example; other sizes are refused."""
    house.rows(f"CREATE TABLE t (id int, category string) PARTITIONED BY (category) LOCATION "
               f"'s3://{house.bucket}/t/' TBLPROPERTIES ('table_type'='ICEBERG', 'format'="
               "'parquet', 'write_target_data_file_size_bytes'='536870912')")
    assert house.metadata()["properties"]["write_target_data_file_size_bytes"] == "536870912"
    house.rows("INSERT INTO t VALUES (1, 'a')")
    assert house.rows("SELECT * FROM t") == [("1", "a")]


def test_schema_changes_are_followed_by_field_id(house):
    """The catalog is pointed at metadata in which columns were renamed, dropped, added, widened."""
    house.table(columns="id string, n int, gone string")
    name = house.delivery()
    house.put(name, {"id": "a", "n": 1, "gone": "x"})
    house.wait("SELECT id, n FROM t", [("a", "1")])
    metadata = house.metadata()
    metadata["schemas"].append({"type": "struct", "schema-id": 1, "fields": [
        {"id": 4, "name": "extra", "required": False, "type": "double"},
        {"id": 2, "name": "renamed", "required": False, "type": "long"},
        {"id": 1, "name": "id", "required": False, "type": "string"}]})
    metadata.update({"current-schema-id": 1, "last-column-id": 4})
    key = "t/metadata/00009-other.metadata.json"
    house.s3.put_object(Bucket=house.bucket, Key=key, Body=json.dumps(metadata).encode())
    table = house.glue.get_table(DatabaseName=house.database, Name="t")["Table"]
    house.glue.update_table(DatabaseName=house.database, TableInput={
        "Name": "t", "StorageDescriptor": table["StorageDescriptor"], "TableType": "EXTERNAL_TABLE",
        "Parameters": {**table["Parameters"],
                       "metadata_location": f"s3://{house.bucket}/{key}"}})
    assert house.rows("SELECT * FROM t") == [(None, "1", "a")]
    house.put(name, {"id": "b", "renamed": 1 << 40, "extra": 0.5})
    house.wait("SELECT id, renamed, extra FROM t ORDER BY id",
               [("a", "1", None), ("b", str(1 << 40), "0.5")])
    assert house.metadata()["metadata-log"][-1]["metadata-file"] == f"s3://{house.bucket}/{key}"


def test_dropping_a_table_removes_its_files(house):
    house.table()
    name = house.delivery()
    house.put(name, {"id": "a"})
    house.wait("SELECT id FROM t", [("a",)])
    house.s3.put_object(Bucket=house.bucket, Key="t-other/data/x", Body=b"stays")
    house.rows("DROP TABLE t")
    left = house.s3.list_objects_v2(Bucket=house.bucket, Prefix="t").get("Contents", [])
    assert [item["Key"] for item in left] == ["t-other/data/x"]


ICE = "LOCATION 's3://b/u/' TBLPROPERTIES ('table_type'='ICEBERG', '%s'='1')"


@pytest.mark.parametrize("sql, reason", [
    ("CREATE TABLE u WITH (table_type = 'ICEBERG', location = 's3://b/u/') AS SELECT 1 AS a",
     "require is_external = false"),
    ("CREATE TABLE u WITH (table_type = 'ICEBERG', is_external = false) AS SELECT 1 AS a",
     "require the property 'location'"),
    ('SELECT * FROM "none$snapshots"', "TABLE_NOT_FOUND"),
    ("CREATE TABLE u (id string) " + ICE % "write.merge.mode",
     "Unsupported table property key: write.merge.mode"),
    ("CREATE TABLE u (id string) LOCATION 's3://b/u/' TBLPROPERTIES ('table_type'='ICEBERG', "
     "'write_compression'='gzip', 'compression_level'='4')", "for ZSTD compression only"),
    ("CREATE TABLE u (id string) LOCATION 's3://b/u/' TBLPROPERTIES ('table_type'='ICEBERG', "
     "'compression_level'='23')", "between 1 and 22"),
    ("ALTER TABLE t SET TBLPROPERTIES ('compression_level'='x')", "between 1 and 22"),
    ("ALTER TABLE t SET TBLPROPERTIES ('compression_level'='4', 'write_compression'='snappy')",
     "for ZSTD compression only"),
    ("CREATE TABLE u WITH (table_type = 'ICEBERG', is_external = false, location = 's3://b/u/', "
     "write_compression = 'SNAPPY', compression_level = 3) AS SELECT 1 AS a",
     "INVALID_TABLE_PROPERTY: compression_level is supported for ZSTD"),
    ("CREATE TABLE u WITH (table_type = 'ICEBERG', is_external = false, location = 's3://b/u/', "
     "compression_level = 0) AS SELECT 1 AS a", "compression_level must be between 1 and 22"),
    ("CREATE TABLE u (id string) " + ICE % "write_target_data_file_size_bytes",
     "NOT_SUPPORTED: write_target_data_file_size_bytes of Iceberg tables"),
    ("CREATE TABLE u (id string) " + ICE % "write_compression",
     "cannot be packed with 1"),
    ("CREATE TABLE u (id string) " + ICE % "format", "written as Parquet only"),
    ("CREATE TABLE u (id string) LOCATION 's3://b/u/' TBLPROPERTIES ('table_type'='ICEBERG', "
     "'vacuum_max_snapshot_age_seconds'='x')",
     "Table property vacuum_max_snapshot_age_seconds must be a whole number: x"),
    ("ALTER TABLE t SET TBLPROPERTIES ('optimize_rewrite_data_file_threshold'='-1')",
     "must be a whole number: -1"),
    ("CREATE TABLE u WITH (table_type = 'ICEBERG', is_external = false, location = 's3://b/u/', "
     "vacuum_min_snapshots_to_keep = 'x') AS SELECT 1 AS a",
     "INVALID_TABLE_PROPERTY: Table property vacuum_min_snapshots_to_keep must be a whole number"),
    ("CREATE TABLE u WITH (table_type = 'ICEBERG', is_external = false, location = 's3://b/u/', "
     "partitioning = 'a') AS SELECT 1 AS a", "Cannot convert ['a'] to array(varchar)"),
    ("ALTER TABLE t REPLACE COLUMNS (x int)", "REPLACE COLUMNS is not supported for Iceberg"),
    ("ALTER TABLE t SET LOCATION 's3://b/c/'", "not supported for Iceberg tables"),
    ("ALTER TABLE t ADD PARTITION (x = 1)", "not supported for Iceberg tables"),
    ("MSCK REPAIR TABLE t", "MSCK REPAIR TABLE is not for Iceberg tables"),
    ("CREATE TABLE u (id string) LOCATION 's3://b/u/'", "'table_type'='ICEBERG'"),
    ("CREATE TABLE u (id smallint) LOCATION 's3://b/u/' TBLPROPERTIES ('table_type'='ICEBERG')",
     "'smallint' is not supported"),
    ("CREATE TABLE u (id string) PARTITIONED BY (hour(id)) LOCATION 's3://b/u/' "
     "TBLPROPERTIES ('table_type'='ICEBERG')", "hour cannot be applied to column id"),
    ("CREATE TABLE t (id string) LOCATION 's3://b/t/' TBLPROPERTIES ('table_type'='ICEBERG')",
     None),
])
def test_what_is_wrong_or_not_done_says_so(house, sql, reason):
    house.table(columns="id string")
    state, why, _ = house.query(sql)
    assert state == "FAILED"
    assert reason is None or reason in why, why


def test_damaged_metadata_fails_the_query_alone(house):
    house.table()
    location = house.glue.get_table(DatabaseName=house.database, Name="t")["Table"]["Parameters"][
        "metadata_location"].removeprefix(f"s3://{house.bucket}/")
    house.s3.put_object(Bucket=house.bucket, Key=location, Body=b"{\"format-version\": 1}")
    state, why, _ = house.query("SELECT * FROM t")
    assert state == "FAILED" and "format version 1 is not supported" in why
    house.s3.delete_object(Bucket=house.bucket, Key=location)
    state, why, _ = house.query("SELECT * FROM t")
    assert state == "FAILED" and "does not exist" in why


def test_expressions_have_trino_s_types(house):
    """The columns' types are known before the query runs, as those of other tables are."""
    house.table(columns="id string, n int, x double")
    house.rows("INSERT INTO t VALUES ('a', 3, 1.256)")
    assert house.rows("SELECT round(sum(n * x), 2), typeof(n * 2), typeof(x), typeof(id) FROM t"
                      ) == [("3.77", "integer", "double", "varchar")]
    state, why, _ = house.query("SELECT id + 1 FROM t")
    assert state == "FAILED" and "TYPE_MISMATCH" in why
    state, why, _ = house.query("SELECT nothing FROM t")
    assert state == "FAILED" and "COLUMN_NOT_FOUND" in why
