"""VACUUM of Iceberg tables: snapshots expire, files that nothing names go."""

import json

import pytest
from support import wait_until

from .test_optimize import OPTIMIZE, filled, snapshot, with_properties

DAY = 86400


def keys(house, prefix="t/"):
    pages = house.s3.get_paginator("list_objects_v2").paginate(Bucket=house.bucket, Prefix=prefix)
    return {item["Key"] for page in pages for item in page.get("Contents", [])}


def named(house):
    """Every object that the table's metadata reaches, by reading it as any program would."""
    found = set()
    location = house.glue.get_table(DatabaseName=house.database, Name="t")["Table"][
        "Parameters"]["metadata_location"]
    metadata = house.metadata()
    found |= {location, *(entry["metadata-file"] for entry in metadata["metadata-log"])}
    for one in metadata["snapshots"]:
        found.add(one["manifest-list"])
        version = f"FOR VERSION AS OF {one['snapshot-id']}"
        house.rows(f"SELECT count(*) FROM t {version}")
    found |= {path for path, in house.rows('SELECT path FROM "t$manifests"')}
    found |= {path for path, in house.rows('SELECT file_path FROM "t$files"')}
    return {path.removeprefix(f"s3://{house.bucket}/") for path in found}


def test_young_snapshots_stay(house):
    house.table(columns="id string, n bigint")
    filled(house, 3)
    before = keys(house)
    house.rows("VACUUM t")
    assert keys(house) == before
    assert len(house.metadata()["snapshots"]) == 3


def test_old_snapshots_go_with_their_files(own_server, own_house):
    house = own_house
    house.table(columns="id string, n bigint")
    filled(house)
    first = min(house.metadata()["snapshots"], key=lambda one: one["sequence-number"])
    house.rows(OPTIMIZE)
    want = house.rows("SELECT * FROM t ORDER BY n")
    old_data = {path.removeprefix(f"s3://{house.bucket}/") for path, in house.rows(
        f"SELECT file_path FROM \"t$files\"")}
    house.s3.put_object(Bucket=house.bucket, Key="t/data/stray.parquet", Body=b"stray")
    house.s3.put_object(Bucket=house.bucket, Key="t/other/mine.txt", Body=b"mine")
    own_server.clock.hold()
    own_server.clock.advance(minutes=5 * 24 * 60 + 1)
    house.s3.put_object(Bucket=house.bucket, Key="t/data/young.parquet", Body=b"young")
    house.rows("VACUUM t")
    assert house.rows("SELECT * FROM t ORDER BY n") == want
    assert [one["snapshot-id"] for one in house.metadata()["snapshots"]] == [
        snapshot(house)["snapshot-id"]]
    assert house.metadata()["snapshot-log"][0]["snapshot-id"] == snapshot(house)["snapshot-id"]
    left = keys(house)
    assert {key for key in left if key.startswith("t/data/")} == old_data | {"t/data/young.parquet"}
    assert "t/other/mine.txt" in left
    assert left == named(house) | {"t/data/young.parquet", "t/other/mine.txt"}
    state, why, _ = house.query(f"SELECT * FROM t FOR VERSION AS OF {first['snapshot-id']}")
    assert state == "FAILED" and "snapshot ID does not exists" in why
    own_server.clock.advance(minutes=5 * 24 * 60 + 1)
    house.rows("VACUUM t")
    assert "t/data/young.parquet" not in keys(house)


@pytest.mark.parametrize("properties, left", [
    ({"vacuum_min_snapshots_to_keep": 3}, 3),
    ({"vacuum_min_snapshots_to_keep": 100}, 6),
    ({"vacuum_max_snapshot_age_seconds": 10 * DAY}, 6),
    ({"vacuum_max_snapshot_age_seconds": DAY}, 1),
])
def test_the_table_s_properties_decide(own_server, own_house, properties, left):
    house = own_house
    with_properties(house, **properties)("id string, n bigint")
    filled(house)
    own_server.clock.hold()
    own_server.clock.advance(minutes=6 * 24 * 60)
    house.rows("VACUUM t")
    assert len(house.metadata()["snapshots"]) == left
    assert house.rows("SELECT count(*) FROM t") == [("18",)]
    assert house.rows('SELECT count(*) FROM "t$history"') == [(str(left),)]


def test_branches_and_tags_keep_their_snapshots(own_server, own_house):
    house = own_house
    house.table(columns="id string, n bigint")
    filled(house, 3)
    metadata = house.metadata()
    first = min(metadata["snapshots"], key=lambda one: one["sequence-number"])["snapshot-id"]
    metadata["refs"]["v1"] = {"type": "tag", "snapshot-id": first}
    key = "t/metadata/00009-tagged.metadata.json"
    house.s3.put_object(Bucket=house.bucket, Key=key, Body=json.dumps(metadata).encode())
    table = house.glue.get_table(DatabaseName=house.database, Name="t")["Table"]
    house.glue.update_table(DatabaseName=house.database, TableInput={
        "Name": "t", "StorageDescriptor": table["StorageDescriptor"],
        "Parameters": {**table["Parameters"], "metadata_location": f"s3://{house.bucket}/{key}"}})
    own_server.clock.hold()
    own_server.clock.advance(minutes=6 * 24 * 60)
    house.rows("VACUUM t")
    assert len(house.metadata()["snapshots"]) == 2
    assert house.rows("SELECT count(*) FROM t FOR VERSION AS OF 'v1'") == [("3",)]


def test_old_metadata_files_go(house):
    with_properties(house, vacuum_max_metadata_files_to_keep=2)("id string, n bigint")
    filled(house)
    house.rows("VACUUM t")
    files = {key for key in keys(house) if key.endswith(".metadata.json")}
    assert len(files) == 3  # the current one, and two before it
    assert len(house.metadata()["metadata-log"]) == 2
    assert len(house.metadata()["snapshots"]) == 6
    assert house.rows("SELECT count(*) FROM t") == [("18",)]


def test_what_metadata_names_elsewhere_is_not_touched(own_server, own_house):
    """Whoever writes a table's metadata cannot have another's objects deleted."""
    house = own_house
    house.table(columns="id string, n bigint")
    filled(house, 2)
    house.s3.put_object(Bucket=house.bucket, Key="u/data/mine.parquet", Body=b"mine")
    metadata = house.metadata()
    metadata["metadata-log"].insert(0, {
        "timestamp-ms": 1, "metadata-file": f"s3://{house.bucket}/u/data/mine.parquet"})
    metadata["properties"]["vacuum_max_metadata_files_to_keep"] = "1"
    key = "t/metadata/00009-hostile.metadata.json"
    house.s3.put_object(Bucket=house.bucket, Key=key, Body=json.dumps(metadata).encode())
    table = house.glue.get_table(DatabaseName=house.database, Name="t")["Table"]
    house.glue.update_table(DatabaseName=house.database, TableInput={
        "Name": "t", "StorageDescriptor": table["StorageDescriptor"],
        "Parameters": {**table["Parameters"], "metadata_location": f"s3://{house.bucket}/{key}"}})
    house.rows("VACUUM t")
    assert keys(house, "u/") == {"u/data/mine.parquet"}
    assert house.rows("SELECT count(*) FROM t") == [("6",)]


def test_killed_while_it_deletes_the_next_one_ends_it(own_server, own_house):
    house = own_house
    house.table(columns="id string, n bigint")
    filled(house)
    house.rows(OPTIMIZE)
    want = house.rows("SELECT * FROM t ORDER BY n")
    own_server.clock.hold()
    own_server.clock.advance(minutes=6 * 24 * 60)
    for at in (4, 6, 9, 14):
        own_server.arm(f"journal.appended:{at}:kill")
        try:
            house.query("VACUUM t")
            own_server.kill9()
        except Exception:  # noqa: BLE001, S110: the connection breaks wherever it is
            wait_until(lambda: not own_server.running)
        own_server.restart()
        own_server.clock.hold()
        own_server.clock.advance(minutes=6 * 24 * 60)
        assert house.rows("SELECT * FROM t ORDER BY n") == want
    house.rows("VACUUM t")
    assert keys(house) == named(house)
    assert house.rows("SELECT * FROM t ORDER BY n") == want


def test_what_cannot_be_says_so(house):
    house.rows(f"CREATE TABLE t (id string) LOCATION 's3://{house.bucket}/' "
               "TBLPROPERTIES ('table_type'='ICEBERG')")
    house.rows(f"CREATE EXTERNAL TABLE hive (n int) LOCATION 's3://{house.bucket}/hive/'")
    for sql, reason in (
            ("VACUUM none", "TABLE_NOT_FOUND"),
            ("VACUUM hive", "only supported for Iceberg tables"),
            ("VACUUM t", "GENERIC_INTERNAL_ERROR: Path missing in file system location: "
                         f"s3://{house.bucket}")):
        state, why, _ = house.query(sql)
        assert state == "FAILED" and reason in why, why
