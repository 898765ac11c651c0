"""A server killed while Firehose commits: each record is in the table once."""

import random

from support import wait_until

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
    wait_until(lambda: house.rows("SELECT count(*) FROM t") == [(str(total),)], 40, 0.05)
    assert house.rows("SELECT count(*), count(DISTINCT id), sum(n) FROM t") == [
        (str(total), str(total), str(BATCHES * sum(range(EACH))))]
    summary = house.metadata()["snapshots"][-1]["summary"]
    assert summary["total-records"] == str(total)
    assert house.errors() == []
