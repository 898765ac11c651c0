"""A process that dies while a statement writes: all of it is there afterwards, or nothing."""

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from athena.conftest import Lake
from athena.test_ddl import SERDE, succeed
from athena.test_write import keys

from support import wait_until

ROWS = "SELECT n AS a, n % 3 AS p FROM UNNEST(sequence(1, 30)) AS u(n)"


def dies(server, lake, sql):
    """Runs it until it ends or the process does. True: the process died."""
    try:
        query = lake.start(sql)
    except (BotoCoreError, ClientError):
        wait_until(lambda: not server.running)
        return True

    def ended():
        try:
            reply = lake.athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]
            return reply["Status"]["State"] in ("SUCCEEDED", "FAILED")
        except (BotoCoreError, ClientError):
            return not server.running

    wait_until(ended)
    server.arm()  # what follows must not be struck
    return not server.running


@pytest.mark.parametrize("point", ["journal.append", "journal.synced"])
def test_ctas_is_whole_or_was_never_there(make_server, point):
    for number in range(1, 40):
        server = make_server()
        lake = Lake(server.client, "c")
        sql = (f"CREATE TABLE t WITH (external_location = 's3://{lake.bucket}/t/', "
               f"partitioned_by = ARRAY['p']) AS {ROWS}")
        server.arm(f"{point}:{number}:kill")
        if not dies(server, lake, sql):
            assert number > 3, "nothing was struck"
            return
        server.start()
        if lake.raw_rows("SHOW TABLES") == [["t"]]:
            assert len(lake.raw_rows("SHOW PARTITIONS t")) == 3
            assert lake.rows("SELECT count(*), sum(a) FROM t") == [["30", "465"]]
        else:
            assert keys(lake, "t/") == []
            succeed(lake, sql)
        server.close()
    raise AssertionError("the statement never came through")


def test_an_insert_shows_all_its_rows_or_none(make_server):
    for number in range(1, 40):
        server = make_server()
        lake = Lake(server.client, "i")
        succeed(lake, f"CREATE EXTERNAL TABLE t (a bigint) PARTITIONED BY (p bigint) {SERDE} "
                      f"LOCATION 's3://{lake.bucket}/t/'")
        server.arm(f"journal.synced:{number}:kill")
        died = dies(server, lake, f"INSERT INTO t {ROWS}")
        if died:
            server.start()
        rows = lake.rows("SELECT count(*) FROM t")
        assert rows in ([["0"]], [["30"]]), rows
        server.close()
        if not died:
            assert number > 2 and rows == [["30"]]
            return
    raise AssertionError("the statement never came through")
