"""Tables whose metadata other tools wrote: without field ids, in other spellings."""

import json

from . import avro
from .test_optimize import OPTIMIZE, snapshot
from .test_pruning import files_of, put, scanned


def without_ids(schema):
    if isinstance(schema, dict):
        return {key: without_ids(value) for key, value in schema.items() if key != "field-id"}
    return [without_ids(item) for item in schema] if isinstance(schema, list) else schema


def stripped(metadata):
    schema = without_ids(json.loads(metadata["avro.schema"]))
    return {**metadata, "avro.schema": json.dumps(schema).encode()}


def write_as_others_do(house):
    """Manifests and their list without field ids (Iceberg's library goes by names then), the format
    of files in another spelling."""
    for path, (metadata, entries) in files_of(house).items():
        for entry in entries:
            entry["data_file"]["file_format"] = "Parquet"
        put(house, path, avro.write(stripped(metadata), entries))
    listed = snapshot(house)["manifest-list"]
    metadata, lines = avro.read(house.body(listed))
    put(house, listed, avro.write(stripped(metadata), lines))


def filled(house):
    house.table(columns="id int, name string, day date", more="PARTITIONED BY (day, bucket(4, id))")
    house.rows("INSERT INTO t VALUES (1, 'a', DATE '2026-07-01'), (2, 'b', DATE '2026-07-02'), "
               "(3, 'c', DATE '2026-07-02')")
    house.rows("DELETE FROM t WHERE id = 3")


def test_files_without_field_ids_are_read_by_their_names(house):
    filled(house)
    queries = ("SELECT * FROM t ORDER BY id", "SELECT count(*) FROM t",
               "SELECT id FROM t WHERE day = DATE '2026-07-02'",
               'SELECT partition, record_count FROM "t$partitions" ORDER BY 2, 1',
               'SELECT file_path, file_format, lower_bounds FROM "t$files" ORDER BY 1',
               'SELECT path, added_data_files_count, partition_summaries FROM "t$manifests" '
               "ORDER BY 1")
    before = [house.rows(sql) for sql in queries]
    costs = scanned(house, queries[2])
    write_as_others_do(house)
    assert [house.rows(sql) for sql in queries] == before
    assert scanned(house, queries[2]) == costs, "partitions still rule files out"
    house.rows("UPDATE t SET name = 'z' WHERE id = 1")
    house.rows(OPTIMIZE)
    assert house.rows("SELECT id, name FROM t ORDER BY id") == [("1", "z"), ("2", "b")]


def test_a_location_that_ends_with_a_slash_is_the_same_folder(house):
    filled(house)
    table = house.glue.get_table(DatabaseName=house.database, Name="t")["Table"]
    metadata = {**house.metadata(), "location": f"s3://{house.bucket}/t/"}
    put(house, table["Parameters"]["metadata_location"], json.dumps(metadata).encode())
    house.rows("INSERT INTO t VALUES (4, 'd', DATE '2026-07-03')")
    assert house.rows("SELECT id FROM t ORDER BY id") == [("1",), ("2",), ("4",)]
    keys = [item["Key"] for item in house.s3.list_objects_v2(
        Bucket=house.bucket, Prefix="t/")["Contents"]]
    assert not [key for key in keys if "//" in key]


def test_transforms_in_the_plural_are_the_same(house):
    house.table(columns="id int, at timestamp", more="PARTITIONED BY (day(at), hour(at))")
    house.rows("INSERT INTO t VALUES (1, TIMESTAMP '2026-07-01 10:00:00')")
    table = house.glue.get_table(DatabaseName=house.database, Name="t")["Table"]
    text = json.dumps(house.metadata())
    for word in ("day", "hour"):
        assert f'"transform": "{word}"' in text
        text = text.replace(f'"transform": "{word}"', f'"transform": "{word}s"')
    put(house, table["Parameters"]["metadata_location"], text.encode())
    house.rows("INSERT INTO t VALUES (2, TIMESTAMP '2026-07-02 11:00:00')")
    assert house.rows("SELECT id FROM t WHERE at > TIMESTAMP '2026-07-02 00:00:00'") == [("2",)]
    assert [row["transform"] for row in house.metadata()["partition-specs"][0]["fields"]] == [
        "day", "hour"]
