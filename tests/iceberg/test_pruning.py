"""Files that an Iceberg table's partitions and statistics rule out are not read; rows that match
always are, whatever the statistics claim."""

import random

import pytest
from athena.test_parquet import chunks
from support import wait_until

from . import avro

PAD = "x" * 2000


def scanned(house, sql):
    """(rows, bytes scanned) of a query."""
    query_id = house.athena.start_query_execution(
        QueryString=sql, QueryExecutionContext={"Database": house.database},
        ResultConfiguration={"OutputLocation": f"s3://{house.bucket}/results"},
    )["QueryExecutionId"]

    def ended():
        told = house.athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
        assert told["Status"]["State"] not in ("FAILED", "CANCELLED"), (sql, told["Status"])
        return told if told["Status"]["State"] == "SUCCEEDED" else None

    told = wait_until(ended, interval=0.005)
    rows = house.athena.get_query_results(QueryExecutionId=query_id)["ResultSet"]["Rows"][1:]
    return ([tuple(cell.get("VarCharValue") for cell in row["Data"]) for row in rows],
            told["Statistics"]["DataScannedInBytes"])


def fill(house, batches, columns, more=""):
    house.table(columns=columns, more=more)
    name, total = house.delivery(AppendOnly=True), 0
    for batch in batches:
        house.put(name, *batch)
        total += len(batch)
        house.wait("SELECT count(*) FROM t", [(str(total),)])


def files_of(house):
    """The manifests of the current snapshot: {location: (metadata, entries)}."""
    [one] = [one for one in house.metadata()["snapshots"]
             if one["snapshot-id"] == house.metadata()["current-snapshot-id"]]
    _, lines = avro.read(house.body(one["manifest-list"]))
    return {line["manifest_path"]: avro.read(house.body(line["manifest_path"])) for line in lines}


def put(house, location, body):
    house.s3.put_object(Bucket=house.bucket, Key=location.removeprefix(f"s3://{house.bucket}/"),
                        Body=body)


@pytest.fixture
def numbered(house):
    """Five files: n is 0..9, 10..19, ...; the last has no n at all."""
    fill(house, [[{"id": f"k{i:02}", "n": i, "day": f"2026-07-{1 + i // 10:02}",
                   "at": f"2026-07-{1 + i // 10:02} 12:00:00", "pad": PAD + str(i)}
                  for i in range(start, start + 10)] for start in range(0, 40, 10)]
         + [[{"id": "none", "pad": PAD}]],
         "id string, n int, day date, at timestamp, pad string")
    return house


@pytest.mark.parametrize("where, files", [
    ("n = 15", 1), ("15 = n", 1), ("n IN (1, 38)", 2), ("n BETWEEN 9 AND 10", 2), ("n < 10", 1),
    ("n <= 10", 2), ("n > 29", 1), ("n >= 29", 2), ("30 <= n", 1), ("n = -1", 0), ("n = 99", 0),
    ("id = 'k21'", 1), ("id > 'k29' AND id < 'l'", 1), ("day = DATE '2026-07-03'", 1),
    ("at >= TIMESTAMP '2026-07-04 00:00:00'", 1), ("at < TIMESTAMP '2026-07-01 12:00'", 0),
    ("n IS NULL", 1), ("n IS NOT NULL", 4), ("n = 5 OR id = 'k35'", 2), ("n = 5 AND id = 'k35'", 0),
    ("t.n = 15", 1), ("NOT n = 15", 5), ("n <> 15", 5), ("n + 0 = 15", 5), ("n = 15 OR true", 5),
    ("abs(n) = 15", 5), ("n NOT IN (1)", 5), ("n = 15.0", 5),
])
def test_only_files_that_may_match_are_read(numbered, where, files):
    _, all_bytes = scanned(numbered, "SELECT * FROM t")
    rows, some = scanned(numbered, f"SELECT * FROM t WHERE {where}")
    want = [row for row in numbered.rows(
        f"SELECT id, pad, CASE WHEN {where} THEN 1 END FROM t") if row[2] == "1"]
    assert sorted(row[0] for row in rows) == sorted(row[0] for row in want)
    share = {0: 0, 1: 0.3, 2: 0.55, 4: 0.99, 5: 1.001}[files]
    assert some <= all_bytes * share, (some, all_bytes)
    if files == 5:
        assert some > all_bytes * 0.85


def test_an_outer_join_keeps_what_matched(numbered):
    """IS NULL of the joined side is about rows that matched nothing."""
    assert numbered.rows(
        "SELECT v.k FROM (VALUES 15, 99) AS v(k) LEFT JOIN t ON t.n = v.k WHERE t.n IS NULL"
    ) == [("99",)]


def test_partitions_rule_out_where_bounds_are_missing(house):
    fill(house, [[{"id": str(i), "at": f"2026-07-0{i} 1{i}:30:00", "k": i % 2, "pad": PAD * i}
                  for i in range(1, 6)]],
         "id string, at timestamp, k int, pad string", "PARTITIONED BY (hour(at), k)")
    for location, (metadata, entries) in files_of(house).items():
        for entry in entries:
            for name in ("lower_bounds", "upper_bounds", "null_value_counts", "value_counts"):
                entry["data_file"][name] = None
        put(house, location, avro.write(metadata, entries))
    _, all_bytes = scanned(house, "SELECT * FROM t")
    for where, want in (("at = TIMESTAMP '2026-07-02 12:30:00'", ["2"]),
                        ("at < TIMESTAMP '2026-07-02 13:00:00'", ["1", "2"]),
                        ("k = 0", ["2", "4"]), ("k IS NULL", [])):
        rows, some = scanned(house, f"SELECT id FROM t WHERE {where} ORDER BY id")
        assert [row[0] for row in rows] == want
        assert some < all_bytes


def test_broken_bounds_rule_nothing_out(numbered):
    """Of a wrong length, upside down, cut short or absent: every row that matches is found."""
    originals = {location: numbered.body(location) for location in files_of(numbered)}
    draw = random.Random(11)

    def broken(bounds, other):
        kind = draw.randrange(4)
        made = []
        for pair, opposite in zip(bounds, other):
            if kind == 0:
                continue
            value = [b"", pair["value"] + b"\0", pair["value"][:-1]][draw.randrange(3)]
            # A text may be cut as a lower bound alone, and have no wrong length.
            if pair["key"] in (1, 5):
                value = opposite["value"] if kind == 1 else pair["value"]
            made.append({"key": pair["key"], "value": value if kind > 1 else opposite["value"]})
        return made or None

    for _ in range(12):
        for location, body in originals.items():
            metadata, entries = avro.read(body)
            for entry in entries:
                data = entry["data_file"]
                lower, upper = data["lower_bounds"] or [], data["upper_bounds"] or []
                if not lower:
                    continue
                state = draw.getstate()
                data["lower_bounds"] = broken(lower, upper)
                draw.setstate(state)
                data["upper_bounds"] = broken(upper, lower)
            put(numbered, location, avro.write(metadata, entries))
        for where, want in (("n = 15", "1"), ("n >= 0 AND n < 40", "40"), ("id = 'k21'", "1"),
                            ("day = DATE '2026-07-02'", "10"), ("n IN (3, 33)", "2"),
                            ("at > TIMESTAMP '2026-07-01 00:00:00'", "40")):
            assert numbered.rows(f"SELECT count(*) FROM t WHERE {where}") == [(want,)], where


def read_bytes(house, columns, where=lambda group: True):
    """Of the table's data files the chunks of these columns, as their footers have them."""
    paths = [path for path, in house.rows('SELECT file_path FROM "t$files"')]
    return sum(size for group, name, size in chunks(*(house.body(path) for path in paths))
               if name in columns and where(group))


def test_bytes_are_those_of_the_columns_and_row_groups_read(house):
    house.table(columns="id int, n bigint, pad string")
    house.rows("INSERT INTO t SELECT CAST(i AS int), i * 2, rpad('', 50, 'x') || CAST(i AS "
               "varchar) FROM UNNEST(sequence(1, 9999)) AS u(i)")
    assert scanned(house, "SELECT sum(n) FROM t")[1] == read_bytes(house, {"n"})
    assert scanned(house, "SELECT * FROM t WHERE id = 5")[1] == read_bytes(
        house, {"id", "n", "pad"})
    assert scanned(house, "SELECT sum(id) FROM t WHERE id > 10000") == ([(None,)], 0)
    house.rows("ALTER TABLE t CHANGE COLUMN n m bigint")  # found by its id
    assert scanned(house, "SELECT sum(m) FROM t")[1] == read_bytes(house, {"n"})


def test_a_count_is_the_manifests(house):
    house.table(columns="id int, n bigint", more="PARTITIONED BY (bucket(4, id))")
    assert scanned(house, "SELECT count(*) FROM t") == ([("0",)], 0)
    house.rows("INSERT INTO t SELECT CAST(i AS int), i FROM UNNEST(sequence(1, 1000)) AS u(i)")
    house.rows("INSERT INTO t VALUES (1, 1)")
    for path, in house.rows('SELECT file_path FROM "t$files"'):
        put(house, path, b"nobody looks here")
    assert scanned(house, "SELECT count(*) FROM t") == ([("1001",)], 0)
    assert scanned(house, "SELECT count(*) AS n FROM t AS x") == ([("1001",)], 0)


def test_a_count_after_deletes_reads_them(house):
    house.table(columns="id int, n bigint")
    house.rows("INSERT INTO t SELECT CAST(i AS int), i FROM UNNEST(sequence(1, 100)) AS u(i)")
    house.rows("DELETE FROM t WHERE n > 90")
    [rows], size = scanned(house, "SELECT count(*) FROM t")
    assert rows == ("90",) and size > 0
