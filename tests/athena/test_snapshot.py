"""A query sees the objects that were committed before it began, and nothing that came later."""

import concurrent.futures
import threading
import time

from athena.conftest import Lake
from athena.duck import parquet
from athena.test_ddl import SERDE, succeed

from support import wait_until


def test_queries_beside_writers_see_one_moment(lake):
    """Each version of the lake rewrites all its objects; a query must not mix two of them, nor
    lose what was acknowledged before it began, whatever is replaced under it."""
    objects, large = 12, "x" * 2000
    known, stop = [0], threading.Event()

    def write(version):
        # Small bodies and files; the version is complete once the marker says so.
        for n in range(objects):
            pad = large * 12 if n % 2 else ""
            lake.put(f"t/{n:02}.json", {"v": version, "n": n, "pad": pad})

    write(0)
    succeed(lake, f"CREATE EXTERNAL TABLE t (v int, n int, pad string) {SERDE} "
                  f"LOCATION 's3://{lake.bucket}/t/'")

    def rewrite():
        version = 0
        while not stop.is_set():
            version += 1
            write(version)
            known[0] = version

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            before = known[0]
            rows = [[int(v), int(n)] for v, n in lake.rows("SELECT v, n FROM t ORDER BY n")]
            after = known[0] + 1
            assert [n for _, n in rows] == list(range(objects))
            versions = [v for v, _ in rows]
            # The objects are rewritten in order, so one moment shows a new head and an old tail.
            assert versions == sorted(versions, reverse=True), versions
            assert versions[0] - versions[-1] <= 1, versions
            assert before <= versions[-1] and versions[0] <= after, (before, versions, after)
    finally:
        stop.set()
        writer.join()


def test_partitions_are_listed_at_one_moment_too(lake):
    """Objects land in the first and then in the last partition; a query that sees the second of a
    pair sees the first one."""
    days = 30
    succeed(lake, f"CREATE EXTERNAL TABLE t (k int) PARTITIONED BY (day int) {SERDE} "
                  f"LOCATION 's3://{lake.bucket}/t/'")
    succeed(lake, "ALTER TABLE t ADD " + " ".join(f"PARTITION (day={d})" for d in range(days)))
    stop = threading.Event()

    def land():
        k = 0
        while not stop.is_set():
            lake.put(f"t/day={days - 1}/{k:06}", {"k": k})
            lake.put(f"t/day=0/{k:06}", {"k": k})
            k += 1

    writer = threading.Thread(target=land)
    writer.start()
    try:
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            first, last = lake.rows("SELECT count(CASE WHEN day = 0 THEN 1 END), "
                                    "count(CASE WHEN day > 0 THEN 1 END) FROM t")[0]
            assert 0 <= int(last) - int(first) <= 1, (first, last)
    finally:
        stop.set()
        writer.join()


def test_what_is_deleted_meanwhile_is_still_read(lake):
    for n in range(40):
        lake.s3.put_object(Bucket=lake.bucket, Key=f"p/{n}", Body=parquet(
            f"SELECT {n} AS n, repeat('y', 20) || i AS pad FROM range(5000) t(i)"))
    succeed(lake, f"CREATE EXTERNAL TABLE p (n int, pad string) STORED AS PARQUET "
                  f"LOCATION 's3://{lake.bucket}/p/'")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        queries = [lake.start("SELECT count(DISTINCT pad), sum(n) FROM p") for _ in range(3)]
        lake_keys = [f"p/{n}" for n in range(40)]
        list(pool.map(lambda key: lake.s3.delete_object(Bucket=lake.bucket, Key=key), lake_keys))
    for query in queries:
        assert lake.wait(query)["Status"]["State"] == "SUCCEEDED"
    assert lake.rows("SELECT count(*) FROM p") == [["0"]]


def test_replaced_bodies_go_once_the_last_query_has_ended(own_server):
    """While a query runs nothing is unlinked; afterwards the data folder does not keep it."""
    lake = Lake(own_server.client, "pins")
    body = b'{"a":1}\n' * 20000
    folder = own_server.data / "objects"

    def files():
        return sum(1 for path in folder.rglob("*") if path.is_file())

    lake.s3.put_object(Bucket=lake.bucket, Key="t/x", Body=body)
    succeed(lake, f"CREATE EXTERNAL TABLE t (a int) {SERDE} LOCATION 's3://{lake.bucket}/t/'")
    for _ in range(5):
        query = lake.start("SELECT sum(a) FROM t")
        lake.s3.put_object(Bucket=lake.bucket, Key="t/x", Body=body)
        lake.wait(query)
    wait_until(lambda: files() == 1)
    assert not any(path for path in (own_server.data / "athena").rglob("*") if not path.is_dir())
