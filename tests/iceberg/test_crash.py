"""A server killed while Firehose or a statement commits: all of it is there, once, or nothing."""

import random

import pytest
from support import wait_until

from athena.test_write_crash import dies
from iceberg.conftest import House

BATCHES, EACH, KILLS = 30, 20, 4


def test_killed_while_it_commits_nothing_is_lost_or_doubled(own_server, own_house):
    house = own_house
    house.table(columns="id string, n bigint")
    name = house.delivery(keys=("id",))
    deadly = set(random.Random(7).sample(range(BATCHES), KILLS))
    for batch in range(BATCHES):
        house.put(name, *({"id": f"{batch}-{i}", "n": i} for i in range(EACH)))
        if batch in deadly:
            own_server.kill9()
            own_server.restart()
    total = BATCHES * EACH
    wait_until(lambda: house.rows("SELECT count(*) FROM t") == [(str(total),)], interval=0.05)
    assert house.rows("SELECT count(*), count(DISTINCT id), sum(n) FROM t") == [
        (str(total), str(total), str(BATCHES * sum(range(EACH))))]
    summary = house.metadata()["snapshots"][-1]["summary"]
    assert summary["total-records"] == str(total)
    assert house.errors() == []


class Statements:
    """What `dies` wants of a lake."""

    def __init__(self, house):
        self.house, self.athena = house, house.athena

    def start(self, sql):
        return self.athena.start_query_execution(
            QueryString=sql, QueryExecutionContext={"Database": self.house.database},
            ResultConfiguration={"OutputLocation": f"s3://{self.house.bucket}/results"},
        )["QueryExecutionId"]


ROWS = "SELECT n AS a, n % 3 AS p FROM UNNEST(sequence(1, 30)) AS u(n)"


def strike(make_server, point, prepare, sql, check):
    """Kills at the first, second, ... passing of the point, until the statement comes through;
    `check` is told the house, and whether it did."""
    for number in range(1, 40):
        server = make_server()
        house = House(server, server.client, "k")
        for statement in prepare:
            house.rows(statement % {"bucket": house.bucket})
        server.arm(f"{point}:{number}:kill")
        died = dies(server, Statements(house), sql % {"bucket": house.bucket})
        if died:
            server.start()
        check(house, died)
        server.close()
        if not died:
            assert number > 2, "nothing was struck"
            return
    raise AssertionError("the statement never came through")


def objects(house, prefix):
    listed = house.s3.list_objects_v2(Bucket=house.bucket, Prefix=prefix)
    return [item["Key"] for item in listed.get("Contents", [])]


TABLE = ("CREATE TABLE t (a bigint, p bigint) PARTITIONED BY (p) LOCATION 's3://%(bucket)s/t/' "
         "TBLPROPERTIES ('table_type'='ICEBERG')")


@pytest.mark.parametrize("point", ["journal.append", "journal.synced"])
def test_an_insert_is_whole_or_was_never_there(make_server, point):
    def check(house, died):
        rows = house.rows("SELECT count(*), sum(a) FROM t")
        if not died or rows == [("30", "465")]:
            assert rows == [("30", "465")] and len(house.metadata()["snapshots"]) == 1
        else:
            assert rows == [("0", None)] and objects(house, "t/data/") == []
            assert len(objects(house, "t/metadata/")) == 1

    strike(make_server, point, [TABLE], "INSERT INTO t " + ROWS.replace("%", "%%"), check)


@pytest.mark.parametrize("point", ["journal.append", "journal.synced"])
def test_a_table_made_of_a_query_is_whole_or_was_never_there(make_server, point):
    sql = ("CREATE TABLE t WITH (table_type = 'ICEBERG', is_external = false, "
           "location = 's3://%(bucket)s/t/', partitioning = ARRAY['p']) AS "
           + ROWS.replace("%", "%%"))

    def check(house, died):
        if house.tables() == ["t"]:
            assert house.rows("SELECT count(*), sum(a) FROM t") == [("30", "465")]
        else:
            assert died and objects(house, "t/") == []

    strike(make_server, point, [], sql, check)


@pytest.mark.parametrize("point", ["journal.append", "journal.synced"])
def test_a_merge_is_whole_or_was_never_there(make_server, point):
    sql = ("MERGE INTO t USING (SELECT n FROM UNNEST(sequence(21, 40)) AS u(n)) AS s ON t.a = s.n "
           "WHEN MATCHED THEN UPDATE SET a = t.a + 100 WHEN NOT MATCHED THEN INSERT VALUES (n, 0)")

    def check(house, died):
        rows = house.rows("SELECT count(*), sum(a) FROM t")
        if not died or rows == [("40", str(465 + 1000 + sum(range(31, 41))))]:
            assert rows == [("40", str(465 + 1000 + sum(range(31, 41))))]
        else:
            assert rows == [("30", "465")] and len(house.metadata()["snapshots"]) == 1

    strike(make_server, point, [TABLE, "INSERT INTO t " + ROWS.replace("%", "%%")], sql, check)
