"""What a start promises: whoever has an ID finds the query, whatever becomes of the process."""

import pytest
from athena.conftest import Lake
from botocore.exceptions import BotoCoreError

from support import wait_until

MANY = "UNNEST(sequence(1, 10000))"
LONG = f"SELECT count(*) FROM {MANY} a(x), {MANY} b(y), {MANY} c(z) WHERE x + y * z = 7"


def state_of(lake, query):
    return lake.athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]


def test_a_query_whose_process_was_killed_has_failed(make_server):
    server = make_server()
    lake = Lake(server.client, "s")
    query = lake.start(LONG)
    server.kill9()
    server.start()
    status = state_of(lake, query)
    assert status["State"] == "FAILED"
    assert "cut short by a restart" in status["StateChangeReason"]


def test_no_id_is_told_before_it_is_on_disk(make_server):
    server = make_server()
    lake = Lake(server.client, "d")
    server.arm("journal.sync:1:kill")
    with pytest.raises(BotoCoreError):
        lake.start(LONG)
    wait_until(lambda: not server.running)


def test_starts_at_once_are_all_told(make_server):
    """One sync, and one who waits for it, does for many."""
    server = make_server()
    lake = Lake(server.client, "m")
    long = [lake.start(LONG) for _ in range(3)]
    short = [lake.start(f"SELECT {n}") for n in range(20)]
    wait_until(lambda: all(state_of(lake, q)["State"] == "SUCCEEDED" for q in short))
    assert {state_of(lake, query)["State"] for query in long} == {"RUNNING"}
    for query in long:
        lake.athena.stop_query_execution(QueryExecutionId=query)
    wait_until(lambda: all(state_of(lake, q)["State"] == "CANCELLED" for q in long))
