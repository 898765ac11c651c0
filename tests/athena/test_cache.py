"""Columns of Parquet objects that are asked for again are kept: no answer tells it."""

import random
import threading

import pytest
from athena.conftest import Lake
from athena.duck import parquet
from support import wait_until

ROWS = 60_000
SELECT = ("SELECT {n} + i AS id, (i % 7)::INT AS rest, 'name ' || i AS name, "
          "(i % 100) / 4 AS price, CASE WHEN i % 3 = 0 THEN NULL ELSE i END AS gap, "
          "DATE '2026-01-01' + (i % 9)::INT AS day, [i, NULL] AS list, "
          "TIMESTAMPTZ '2026-01-01 00:00:00+00' + INTERVAL (i) SECOND AS moment "
          "FROM range({rows}) t(i)")
COLUMNS = ("id bigint, rest int, name string, price double, gap bigint, day date, "
           "list array<bigint>, moment timestamp")


def body(n=0, rows=ROWS):
    return parquet(SELECT.format(n=n, rows=rows))


class Cache:
    def __init__(self, server, name):
        self.server, self.lake = server, Lake(server.client, name)

    def __getattr__(self, name):
        """bytes, tables, hits, loads, evictions."""
        lines = self.server.request("GET", "/metrics")[2].decode().splitlines()
        [line] = [line for line in lines if line.startswith(f"millrace_query_cache_{name}")]
        return float(line.split()[1])

    def table(self, name, *bodies, columns=COLUMNS):
        for i, data in enumerate(bodies):
            self.lake.s3.put_object(Bucket=self.lake.bucket, Key=f"{name}/{i}", Body=data)
        self.lake.run(f"CREATE EXTERNAL TABLE {name} ({columns}) STORED AS PARQUET "
                      f"LOCATION 's3://{self.lake.bucket}/{name}/'")

    def ask(self, sql):
        """(rows, bytes scanned)"""
        done = self.lake.run(sql)
        assert done["Status"]["State"] == "SUCCEEDED", done["Status"]
        reply = self.lake.athena.get_query_results(QueryExecutionId=done["QueryExecutionId"])
        return (reply["ResultSet"], done["Statistics"]["DataScannedInBytes"])

    def ask_until_kept(self, sql):
        """Its answers, which are all the same, of which the last is from what is kept."""
        first, hits = self.ask(sql), self.hits_total

        def kept():
            assert self.ask(sql) == first
            return self.hits_total > hits

        wait_until(kept, timeout=30, message=f"kept: {sql}")
        return first


@pytest.fixture
def cache(make_server):
    return Cache(make_server(), "cache")


def test_what_is_kept_answers_as_the_objects_do(cache):
    cache.table("t", body())
    for sql in ("SELECT sum(id), count(gap), min(day), max(moment) FROM t",
                "SELECT rest, count(*), sum(price) FROM t GROUP BY rest ORDER BY 1",
                "SELECT * FROM t WHERE id IN (7, 59999) ORDER BY id",
                "SELECT count(*) FROM t WHERE gap IS NULL AND name LIKE '%7'",
                "SELECT sum(list[1]), sum(cardinality(list)) FROM t",
                "SELECT x.k, sum(x.p) FROM t AS x (k, r, n, p, g, d, l, m) WHERE x.k < 3 "
                "GROUP BY 1 ORDER BY 1",
                "SELECT count(*), sum(u.price) FROM t JOIN t AS u USING (id)",
                "WITH q AS (SELECT * FROM t) SELECT max(name), (SELECT min(id) FROM q) FROM q",
                "SELECT \"$path\", count(*) FROM t GROUP BY 1"):
        cache.ask_until_kept(sql)


def test_nested_columns(cache):
    cache.table("t", parquet(f"SELECT {{a: i, b: {{c: 'x' || i, d: [i]}}}} AS row, "
                             f"MAP{{'k': i}} AS m, [{{e: i}}, NULL] AS list "
                             f"FROM range({ROWS}) t(i)"),
                columns="row struct<a:bigint,b:struct<c:string,d:array<bigint>>>, "
                        "m map<string,bigint>, list array<struct<e:bigint>>")
    for sql in ("SELECT sum(row.a), max(row.b.c), sum(row.b.d[1]), sum(m['k']) FROM t",
                "SELECT * FROM t WHERE list[1].e = 7"):
        cache.ask_until_kept(sql)
    assert cache.ask("SELECT * FROM t WHERE row.a = 7")[0]["Rows"][1]["Data"] == [
        {"VarCharValue": text} for text in ("{a=7, b={c=x7, d=[7]}}", "{k=7}", "[{e=7}, null]")]


def test_the_first_query_keeps_nothing_and_previews_never_do(cache):
    cache.table("t", body())
    cache.ask("SELECT sum(id) FROM t")
    for _ in range(5):
        cache.ask("SELECT * FROM t LIMIT 10")
        cache.ask("SELECT count(*) FROM t")
    assert (cache.loads_total, cache.hits_total, cache.tables, cache.bytes) == (0, 0, 0, 0)
    cache.ask("SELECT sum(id) FROM t")
    wait_until(lambda: cache.loads_total == 1 and cache.bytes > 0)
    assert cache.tables == 1


def test_small_objects_are_not_kept(cache):
    cache.table("t", body(rows=1000))
    for _ in range(5):
        cache.ask("SELECT sum(id) FROM t")
    assert cache.loads_total == 0


def test_objects_that_are_replaced_added_and_gone(cache):
    def body(n, rows=ROWS):
        return parquet(f"SELECT {n} + i AS id FROM range({rows}) t(i)")

    cache.table("t", body(0), body(ROWS), columns="id bigint")
    sql = "SELECT count(*) AS n, sum(id), count(DISTINCT \"$path\") FROM t"

    def values():
        row = cache.ask_until_kept(sql)[0]["Rows"][1]["Data"]
        return [cell["VarCharValue"] for cell in row]

    assert values() == [str(2 * ROWS), str(sum(range(2 * ROWS))), "2"]
    cache.lake.s3.put_object(Bucket=cache.lake.bucket, Key="t/1", Body=body(5 * ROWS))
    assert values() == [str(2 * ROWS), str(sum(range(ROWS)) + sum(range(5 * ROWS, 6 * ROWS))), "2"]
    cache.lake.s3.put_object(Bucket=cache.lake.bucket, Key="t/2", Body=body(0, 10))
    assert values()[0] == str(2 * ROWS + 10)
    cache.lake.s3.delete_object(Bucket=cache.lake.bucket, Key="t/0")
    assert values()[0] == str(ROWS + 10)


def test_objects_whose_columns_stand_in_another_order(cache):
    parts = ("{n} + i AS id, 'n' || i AS name", "'n' || i AS name, {n} + i AS id")
    cache.table("t", *(parquet(f"SELECT {part.format(n=i * ROWS)} FROM range({ROWS}) t(i)")
                       for i, part in enumerate(parts)), columns="id bigint, name string")
    for sql in ("SELECT * FROM t WHERE id IN (5, 60005) ORDER BY id",
                "SELECT \"$path\", min(id), max(name) FROM t GROUP BY 1 ORDER BY 1"):
        cache.ask_until_kept(sql)
    cache.lake.s3.delete_object(Bucket=cache.lake.bucket, Key="t/0")
    rows = cache.ask_until_kept("SELECT * FROM t WHERE id = 60005")[0]["Rows"]
    assert [cell["VarCharValue"] for cell in rows[1]["Data"]] == ["60005", "n5"]


def test_an_iceberg_table_as_it_changes(cache):
    lake = cache.lake
    lake.run(f"CREATE TABLE i (id bigint, name string) LOCATION 's3://{lake.bucket}/i/' "
             "TBLPROPERTIES ('table_type'='ICEBERG')")
    cache.table("t", body())
    lake.run("INSERT INTO i SELECT id, name FROM t")
    sql = "SELECT count(*), sum(id), max(name) FROM i WHERE id > 10"
    before = cache.ask_until_kept(sql)
    lake.run("DELETE FROM i WHERE id = 59999")
    after = cache.ask(sql)
    assert after[0]["Rows"] != before[0]["Rows"]
    lake.run("ALTER TABLE i CHANGE COLUMN name title string")
    assert lake.rows("SELECT title FROM i WHERE id = 3") == [["name 3"]]
    lake.run("INSERT INTO i VALUES (100000, 'z')")
    assert lake.rows("SELECT count(*), max(title) FROM i") == [["60000", "z"]]


def test_memory_is_bounded_and_the_least_used_goes(make_server):
    cache = Cache(make_server("--query-cache-bytes", str(4 << 20)), "small")
    for n in range(8):
        cache.table(f"t{n}", parquet(f"SELECT (hash(i + {n} * {ROWS}) >> 1)::BIGINT AS id, "
                                     f"random() AS price FROM range({2 * ROWS}) t(i)"),
                    columns="id bigint, price double")
    for n in range(8):
        cache.ask_until_kept(f"SELECT sum(price) FROM t{n}")
        assert cache.bytes <= 4 << 20
    assert cache.evictions_total > 0
    hits = cache.hits_total
    cache.ask("SELECT sum(price) FROM t0")
    assert cache.hits_total == hits, "t0 was used least lately"
    cache.ask("SELECT sum(price) FROM t7")
    assert cache.hits_total == hits + 1


def test_what_does_not_fit_is_read_as_before(make_server):
    cache = Cache(make_server("--query-cache-bytes", str(1 << 20)), "none")
    cache.table("t", body())
    first = [cache.ask("SELECT * FROM t WHERE id = 5") for _ in range(4)]
    assert all(answer == first[0] for answer in first) and cache.loads_total == 0


def test_nothing_is_kept_where_it_is_turned_off(make_server):
    cache = Cache(make_server("--query-cache-bytes", "0"), "off")
    cache.table("t", body())
    for _ in range(4):
        cache.ask("SELECT sum(id) FROM t")
    assert (cache.loads_total, cache.tables, cache.bytes) == (0, 0, 0)


def test_damaged_objects_stay_what_they_are(cache):
    data = bytearray(body())
    at = data.find(b"name 3")
    data[at - 2000:at] = b"\xff" * 2000
    cache.table("t", bytes(data))
    errors = set()
    for _ in range(4):
        status = cache.lake.run("SELECT max(name), sum(id) FROM t")["Status"]
        errors.add((status["State"], status.get("StateChangeReason")))
    assert len(errors) == 1 and errors.pop()[0] == "FAILED"
    assert cache.loads_total == 0


def test_many_clients_while_tables_come_and_go(make_server):
    cache = Cache(make_server("--query-cache-bytes", str(4 << 20)), "many")
    sums = {}
    for n in range(8):
        cache.table(f"t{n}", parquet(f"SELECT (hash(i) % 1000003)::BIGINT + {n} AS id, "
                                     f"i % 10 AS rest, md5(i::VARCHAR)[:16] AS name "
                                     f"FROM range({ROWS}) t(i)"),
                    columns="id bigint, rest bigint, name string")
        for sql in ("SELECT sum(id) FROM t{}",
                    "SELECT rest, sum(id) FROM t{} GROUP BY 1 ORDER BY 1",
                    "SELECT max(name), min(rest) FROM t{}"):
            sums[sql.format(n)] = cache.ask(sql.format(n))
    wrong = []

    def client(seed):
        draw = random.Random(seed)
        for _ in range(60):
            sql = draw.choice(list(sums))
            try:
                if cache.ask(sql) != sums[sql]:
                    wrong.append(sql)
            except Exception as error:  # noqa: BLE001 (told below)
                wrong.append(error)

    threads = [threading.Thread(target=client, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[:3]
    for n in range(8):
        cache.ask_until_kept(f"SELECT max(name), sum(id) FROM t{n}")
    assert cache.evictions_total > 0
    cache.server.stop()
    cache.server.start()
    assert cache.ask("SELECT sum(id) FROM t0") == sums["SELECT sum(id) FROM t0"]
