"""OPTIMIZE ... REWRITE DATA USING BIN_PACK: small files become large ones, deletes are applied."""

import json
import random
import threading

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from support import wait_until

ROUTED = {"Enabled": True, "Processors": [
    {"Type": "MetadataExtraction", "Parameters": [
        {"ParameterName": "MetadataExtractionQuery", "ParameterValue":
         '{destinationDatabaseName: "%s", destinationTableName: "t", operation: .op}'},
        {"ParameterName": "JsonParsingEngine", "ParameterValue": "JQ-1.6"}]}]}
OPTIMIZE = "OPTIMIZE t REWRITE DATA USING BIN_PACK"


def routed(house):
    return house.delivery(ProcessingConfiguration=json.loads(json.dumps(ROUTED).replace(
        "%s", house.database)))


def snapshot(house):
    return max(house.metadata()["snapshots"], key=lambda one: one["sequence-number"])


def with_properties(house, **properties):
    """CREATE TABLE t with these table properties."""
    text = "".join(f", '{name}'='{value}'" for name, value in properties.items())

    def make(columns, more=""):
        house.rows(f"CREATE TABLE t ({columns}) {more} LOCATION 's3://{house.bucket}/t/' "
                   f"TBLPROPERTIES ('table_type'='ICEBERG'{text})")
    return make


def filled(house, batches=6):
    name = routed(house)
    for i in range(batches):
        house.put(name, *({"id": f"{i}-{j}", "n": i * 10 + j, "op": "insert"} for j in range(3)))
        house.wait("SELECT count(*) FROM t", [(str(3 * (i + 1)),)])
    return name


def test_small_files_become_one(house):
    house.table(columns="id string, n bigint")
    filled(house)
    before = house.rows("SELECT * FROM t ORDER BY n")
    old = snapshot(house)["snapshot-id"]
    house.rows(OPTIMIZE)
    assert house.rows('SELECT record_count FROM "t$files"') == [("18",)]
    assert house.rows("SELECT * FROM t ORDER BY n") == before
    now = snapshot(house)
    assert now["parent-snapshot-id"] == old
    summary = now["summary"]
    assert summary["operation"] == "replace"
    assert (summary["deleted-data-files"], summary["added-data-files"]) == ("6", "1")
    assert (summary["deleted-records"], summary["added-records"]) == ("18", "18")
    assert (summary["total-data-files"], summary["total-records"]) == ("1", "18")
    # What was is there still.
    assert house.rows(f"SELECT count(*) FROM t FOR VERSION AS OF {old}") == [("18",)]
    # A second time there is nothing to do, and no commit.
    house.rows(OPTIMIZE)
    assert snapshot(house)["snapshot-id"] == now["snapshot-id"]


def test_the_new_file_tells_its_statistics(house):
    with_properties(house, optimize_rewrite_data_file_threshold=2)(
        "id string, n bigint, price decimal(9,2), at timestamp, d date, f double, ok boolean, "
        "tags array<string>, s struct<a:int,b:string>, m map<string,int>, k int")
    name = routed(house)
    rows = [
        {"id": "a", "n": -5, "price": -1.25, "at": "2026-07-01 10:00:00.5", "d": "2026-07-01",
         "f": 0.5, "ok": True, "tags": ["x", "y"], "s": {"a": 1, "b": "q"}, "m": {"k": 1}},
        {"id": "x" * 100, "n": 7, "price": 12.5, "at": "1969-07-02 10:00:00", "d": "1969-07-02",
         "f": -2.25, "ok": False, "s": {"a": 2}},
    ]
    for i, row in enumerate(rows):
        house.put(name, {**row, "op": "insert"})
        house.wait("SELECT count(*) FROM t", [(str(i + 1),)])
    before = house.rows("SELECT * FROM t ORDER BY n")
    house.rows(OPTIMIZE)
    assert house.rows("SELECT * FROM t ORDER BY n") == before
    files = house.rows(
        "SELECT lower_bounds[1], element_at(upper_bounds, 1), lower_bounds[2], upper_bounds[2], "
        "lower_bounds[3], upper_bounds[3], lower_bounds[4], upper_bounds[4], lower_bounds[5], "
        "upper_bounds[5], lower_bounds[6], upper_bounds[6], nan_value_counts[6], lower_bounds[7], "
        'upper_bounds[7], null_value_counts[11], value_counts[11] FROM "t$files"')
    assert files == [("a", "x" * 15 + "y", "-5", "7", "-1.25", "12.50", "1969-07-02T10:00",
                      "2026-07-01T10:00:00.500", "1969-07-02", "2026-07-01", "-2.25", "0.5", "0",
                      "false", "true", "2", "2")]


def test_deletes_are_applied_and_go(house):
    house.table(columns="id string, n bigint")
    name = filled(house)
    house.put(name, {"id": "0-0", "op": "delete"}, {"id": "1-0", "n": 100, "op": "update"})
    house.wait("SELECT sum(n) FROM t WHERE id = '1-0'", [("100",)])
    house.put(name, {"id": "2-0", "op": "delete"})
    house.wait("SELECT count(*) FROM t", [("16",)])
    before = house.rows("SELECT * FROM t ORDER BY n")
    house.rows(OPTIMIZE)
    assert house.rows("SELECT * FROM t ORDER BY n") == before
    summary = snapshot(house)["summary"]
    assert (summary["total-data-files"], summary["total-records"]) == ("1", "16")
    assert summary["total-delete-files"] == summary["total-equality-deletes"] == "0"
    assert summary["removed-equality-delete-files"] == "2"
    # The keys can come again and go again.
    house.put(name, {"id": "0-0", "n": 1, "op": "insert"}, {"id": "3-0", "op": "delete"})
    house.wait("SELECT count(*), count_if(id = '0-0'), count_if(id = '3-0') FROM t",
               [("16", "1", "0")])


@pytest.mark.parametrize("properties, deletes, rewritten", [
    ({}, 0, False),  # three small files are fewer than five
    ({"optimize_rewrite_data_file_threshold": 3}, 0, True),
    ({"optimize_rewrite_data_file_threshold": 3,
      "optimize_rewrite_min_data_file_size_bytes": 10}, 0, False),
    ({"optimize_rewrite_data_file_threshold": 3, "optimize_rewrite_min_data_file_size_bytes": 10,
      "optimize_rewrite_max_data_file_size_bytes": 100}, 0, True),
    ({}, 1, False),
    ({}, 2, True),
    ({"optimize_rewrite_delete_file_threshold": 1}, 1, True),
    ({"optimize_rewrite_delete_file_threshold": 3}, 2, False),
])
def test_the_table_s_properties_decide(house, properties, deletes, rewritten):
    with_properties(house, **properties)("id string, n bigint")
    name = filled(house, 3)
    for i in range(deletes):
        house.put(name, {"id": f"{i}-0", "op": "delete"})
        house.wait("SELECT count(*) FROM t", [(str(8 - i),)])
    before = house.rows("SELECT * FROM t ORDER BY n"), snapshot(house)["snapshot-id"]
    house.rows(OPTIMIZE)
    assert house.rows("SELECT * FROM t ORDER BY n") == before[0]
    assert (snapshot(house)["snapshot-id"] != before[1]) == rewritten


def test_partitions_are_packed_each_for_itself(house):
    with_properties(house, optimize_rewrite_data_file_threshold=2)(
        "id string, day date, at timestamp", "PARTITIONED BY (day, hour(at))")
    name = house.delivery(AppendOnly=True)
    for i in range(2):
        house.put(name, *({"id": f"{i}{day}", "day": f"2026-07-0{day}",
                           "at": f"2026-07-0{day} 1{day}:00:00"} for day in (1, 2, 3)))
        house.wait("SELECT count(*) FROM t", [(str(3 * (i + 1)),)])
    house.rows(f"{OPTIMIZE} WHERE day = DATE '2026-07-02'")
    counts = ('SELECT partition.day, file_count, record_count FROM "t$partitions" ORDER BY 1')
    assert house.rows(counts) == [("2026-07-01", "2", "2"), ("2026-07-02", "1", "2"),
                                  ("2026-07-03", "2", "2")]
    house.rows(f"{OPTIMIZE} WHERE at >= TIMESTAMP '2026-07-03 00:00:00' AND day IS NOT NULL")
    assert [row[1] for row in house.rows(counts)] == ["2", "1", "1"]
    house.rows(OPTIMIZE)
    assert [row[1] for row in house.rows(counts)] == ["1", "1", "1"]
    assert len(house.rows("SELECT DISTINCT id FROM t")) == 6
    paths = [path for path, in house.rows('SELECT file_path FROM "t$files" ORDER BY 1')]
    assert "/t/data/day=2026-07-01/at_hour=2026-07-01-11/" in paths[0]


def test_what_is_committed_meanwhile_stays(house):
    """Inserts, updates and deletes go on while OPTIMIZE runs again and again."""
    with_properties(house, optimize_rewrite_data_file_threshold=2,
                    optimize_rewrite_delete_file_threshold=1)("id string, n bigint")
    name = routed(house)
    want, done, draw = {}, threading.Event(), random.Random(3)
    failed = []

    def optimize():
        while not done.is_set():
            state, why, _ = house.query(OPTIMIZE)
            if state != "SUCCEEDED":
                failed.append(why)

    thread = threading.Thread(target=optimize)
    thread.start()
    try:
        for i in range(150):
            key = str(draw.randrange(40))
            if key in want and draw.random() < 0.3:
                del want[key]
                house.put(name, {"id": key, "op": "delete"})
            else:
                want[key] = i
                house.put(name, {"id": key, "n": i, "op": "update"})
        wanted = sorted((key, str(n)) for key, n in want.items())
        house.wait("SELECT id, n FROM t ORDER BY id", wanted)
    finally:
        done.set()
        thread.join()
    assert failed == []
    house.rows(OPTIMIZE)
    assert house.rows("SELECT id, n FROM t ORDER BY id") == wanted
    operations = {one["summary"]["operation"] for one in house.metadata()["snapshots"]}
    assert "replace" in operations
    totals = snapshot(house)["summary"]
    assert totals["total-data-files"] == house.rows('SELECT count(*) FROM "t$files"')[0][0]


def test_rows_that_sql_changes_meanwhile_stay_as_they_are(house):
    """UPDATE and DELETE name rows by file and position, and OPTIMIZE takes the files away."""
    with_properties(house, optimize_rewrite_data_file_threshold=2,
                    optimize_rewrite_delete_file_threshold=1)("id int, n int")
    want, done, draw, failed = {}, threading.Event(), random.Random(1), []

    def optimize():
        while not done.is_set():
            state, why, _ = house.query(OPTIMIZE)
            if state != "SUCCEEDED":
                failed.append(why)

    thread = threading.Thread(target=optimize)
    thread.start()
    try:
        for i in range(30):
            key = draw.randrange(8)
            sql, new = f"UPDATE t SET n = {i} WHERE id = {key}", {key: i}
            if key not in want:
                sql = f"INSERT INTO t VALUES ({key}, {i})"
            elif draw.random() < 0.3:
                sql, new = f"DELETE FROM t WHERE id = {key}", {}
            state, why, _ = house.query(sql)
            if state == "SUCCEEDED":
                want = {**{k: n for k, n in want.items() if k != key}, **new}
            else:  # OPTIMIZE was faster
                assert "ICEBERG_COMMIT_ERROR" in why, why
            assert house.rows("SELECT id, n FROM t ORDER BY id") == [
                (str(k), str(n)) for k, n in sorted(want.items())], (i, sql)
    finally:
        done.set()
        thread.join()
    assert failed == []


def test_killed_on_its_way_it_happened_or_did_not(own_server, own_house):
    house = own_house
    with_properties(house, optimize_rewrite_data_file_threshold=2)("id string, n bigint")
    name, total, struck = routed(house), 0, set()
    places = [(point, at) for point in ("s3.staged", "s3.commit", "journal.append",
                                        "journal.appended", "journal.written", "s3.body.durable")
              for at in (1, 2, 3, 4)]
    for point, at in random.Random(5).sample(places, 14):
        for _ in range(2):
            house.put(name, {"id": str(total), "n": total, "op": "insert"})
            total += 1
            house.wait("SELECT count(*) FROM t", [(str(total),)])
        files, old = len(house.rows('SELECT * FROM "t$files"')), snapshot(house)["snapshot-id"]
        own_server.arm(f"{point}:{at}:kill")
        try:
            house.query(OPTIMIZE)
            own_server.kill9()
        except (BotoCoreError, ClientError, OSError, AssertionError):  # struck before, or behind it
            wait_until(lambda: not own_server.running)
            struck.add(point)
        own_server.restart()
        want = [(str(n), str(n)) for n in range(total)]
        assert house.rows("SELECT id, n FROM t ORDER BY n") == want, (point, at)
        left = len(house.rows('SELECT * FROM "t$files"'))
        assert left == (files if snapshot(house)["snapshot-id"] == old else 1), (point, at)
    assert len(struck) > 2
    house.rows(OPTIMIZE)
    assert house.rows("SELECT id, n FROM t ORDER BY n") == want


@pytest.mark.parametrize("sql, reason", [
    ("OPTIMIZE none REWRITE DATA USING BIN_PACK", "TABLE_NOT_FOUND"),
    ("OPTIMIZE hive REWRITE DATA USING BIN_PACK", "only supported for Iceberg tables"),
    ("OPTIMIZE t REWRITE DATA USING BIN_PACK WHERE n = 1", "Only partition columns"),
    ("OPTIMIZE t REWRITE DATA USING BIN_PACK WHERE day IN (SELECT day FROM t)", "Subqueries"),
])
def test_what_cannot_be_says_so(house, sql, reason):
    house.table(columns="n int, day date", more="PARTITIONED BY (day)")
    house.rows(f"CREATE EXTERNAL TABLE hive (n int) LOCATION 's3://{house.bucket}/hive/'")
    state, why, _ = house.query(sql)
    assert state == "FAILED" and reason in why, why


def test_the_grammar_is_athena_s(house):
    for sql in ("OPTIMIZE t", "OPTIMIZE t REWRITE DATA", "OPTIMIZE t REWRITE DATA USING SORT",
                "VACUUM", "VACUUM t WHERE a = 1"):
        with pytest.raises(Exception, match="mismatched input"):
            house.query(sql)
