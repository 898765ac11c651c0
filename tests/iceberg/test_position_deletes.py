"""Position delete files, as other engines write them, are applied."""

import pathlib
import tempfile

import pytest
from athena.duck import Duck

from . import avro
from .test_optimize import OPTIMIZE, filled, snapshot, with_properties
from .test_pruning import files_of, put


def delete_rows(house, rows, partition=None, sequence=None):
    """Adds a position delete file to the current snapshot, by hand: rows are (path, position)."""
    one = snapshot(house)
    folder = pathlib.Path(tempfile.mkdtemp())
    values = ", ".join(f"('{path}', {at})" for path, at in rows)
    Duck().query(f"COPY (SELECT p AS file_path, CAST(n AS BIGINT) AS pos FROM (VALUES {values}) "
                 f"AS v(p, n)) TO '{folder}/d.parquet' (FORMAT parquet, FIELD_IDS "
                 "{file_path: 2147483546, pos: 2147483545})")
    body = (folder / "d.parquet").read_bytes()
    number = len(house.s3.list_objects_v2(Bucket=house.bucket, Prefix="t/")["Contents"])
    path = f"s3://{house.bucket}/t/data/deletes-{number}.parquet"
    put(house, path, body)
    metadata, entries = next(iter(files_of(house).values()))
    entry = next(entry for entry in entries if partition is None
                 or entry["data_file"]["partition"] == partition)
    sequence = sequence or one["sequence-number"]
    entry = {**entry, "status": 1, "sequence_number": sequence, "file_sequence_number": sequence,
             "data_file": {**entry["data_file"], "content": 1, "file_path": path,
                           "record_count": len(rows), "file_size_in_bytes": len(body),
                           **{name: None for name in (
                               "column_sizes", "value_counts", "null_value_counts",
                               "nan_value_counts", "lower_bounds", "upper_bounds")}}}
    manifest = f"s3://{house.bucket}/t/metadata/deletes-{number}.avro"
    made = avro.write({**metadata, "content": b"deletes"}, [entry])
    put(house, manifest, made)
    head, lines = avro.read(house.body(one["manifest-list"]))
    lines.append({**lines[0], "manifest_path": manifest, "manifest_length": len(made), "content": 1,
                  "sequence_number": sequence, "min_sequence_number": sequence,
                  "added_files_count": 1, "existing_files_count": 0, "deleted_files_count": 0,
                  "added_rows_count": len(rows), "partitions": None})
    put(house, one["manifest-list"], avro.write(head, lines))
    return path


def paths(house):
    rows = house.rows('SELECT file_path FROM "t$files" ORDER BY lower_bounds[1]')
    return [path for path, in rows]


def test_rows_that_they_name_are_gone(house):
    house.table(columns="id string, n bigint")
    name = filled(house, 3)
    files = paths(house)
    delete_rows(house, [(files[0], 0), (files[0], 2), (files[2], 1)])
    assert house.rows("SELECT id FROM t ORDER BY id") == [
        (key,) for key in ("0-1", "1-0", "1-1", "1-2", "2-0", "2-2")]
    delete_rows(house, [(files[0], 0), (files[1], 1)])
    assert house.rows("SELECT count(*), count(DISTINCT n) FROM t") == [("5", "5")]
    assert house.rows("SELECT id FROM t WHERE n = 11") == []
    # Together with equality deletes.
    house.put(name, {"id": "2-0", "op": "delete"}, {"id": "0-0", "n": 5, "op": "insert"})
    house.wait("SELECT id FROM t ORDER BY id",
               [("0-0",), ("0-1",), ("1-0",), ("1-2",), ("2-2",)])


def test_optimize_applies_them(house):
    house.table(columns="id string, n bigint")
    filled(house)
    files = paths(house)
    delete_rows(house, [(files[0], 0), (files[4], 2)])
    before = house.rows("SELECT * FROM t ORDER BY n")
    assert len(before) == 16
    house.rows(OPTIMIZE)
    assert house.rows("SELECT * FROM t ORDER BY n") == before
    assert snapshot(house)["summary"]["removed-position-delete-files"] == "1"
    assert all(line["content"] == 0 or entry["status"] == 2
               for line, entry in live(house))


def live(house):
    _, lines = avro.read(house.body(snapshot(house)["manifest-list"]))
    for line in lines:
        for entry in avro.read(house.body(line["manifest_path"]))[1]:
            yield line, entry


def test_partitions_have_their_own(house):
    with_properties(house, optimize_rewrite_data_file_threshold=2)(
        "id string, day date", "PARTITIONED BY (day)")
    name = house.delivery(AppendOnly=True)
    for i in range(2):
        house.put(name, *({"id": f"{day}{i}", "day": f"2026-07-0{day}"} for day in (1, 2)))
        house.wait("SELECT count(*) FROM t", [(str(2 * (i + 1)),)])
    first = paths(house)[0]
    [partition] = [entry["data_file"]["partition"] for _, entry in live(house)
                   if entry["data_file"]["file_path"] == first]
    delete_rows(house, [(first, 0)], partition)
    want = [("11",), ("20",), ("21",)]
    assert house.rows("SELECT id FROM t ORDER BY id") == want
    house.rows(f"{OPTIMIZE} WHERE day = DATE '2026-07-02'")
    assert house.rows("SELECT id FROM t ORDER BY id") == want
    assert sum(line["content"] == 1 and entry["status"] != 2 for line, entry in live(house)) == 1
    house.rows(OPTIMIZE)
    assert house.rows("SELECT id FROM t ORDER BY id") == want
    assert sum(line["content"] == 1 and entry["status"] != 2 for line, entry in live(house)) == 0


def test_a_file_of_another_shape_fails_the_query(house):
    house.table(columns="id string, n bigint")
    filled(house, 1)
    path = delete_rows(house, [(paths(house)[0], 0)])
    put(house, path, b"PAR1 no parquet PAR1")
    state, why, _ = house.query("SELECT * FROM t")
    assert state == "FAILED" and "BAD_DATA" in why, why


@pytest.mark.parametrize("junk", [b"", b"Obj\1", b"Obj\1\0" + bytes(100)])
def test_a_damaged_manifest_fails_the_query(house, junk):
    house.table(columns="id string, n bigint")
    filled(house, 1)
    put(house, next(iter(files_of(house))), junk)
    for sql in ("SELECT * FROM t", 'SELECT * FROM "t$files"', OPTIMIZE, "VACUUM t"):
        state, why, _ = house.query(sql)
        assert state == "FAILED" and "ICEBERG_INVALID_METADATA" in why, (sql, why)
