"""What was acknowledged is there after a kill -9, and deleted tables do not come back."""

import threading

from .conftest import KEY, make_table


def test_acknowledged_writes_survive_kill_9(own_server):
    db = own_server.client("dynamodb")
    make_table(db, "orders", KEY["hash"])
    acknowledged = [[] for _ in range(4)]
    stop = threading.Event()

    def write(worker):
        for i in range(100_000):
            if stop.is_set():
                return
            try:
                db.put_item(
                    TableName="orders",
                    Item={"id": {"S": f"{worker}-{i}"}, "n": {"N": str(i)}},
                )
            except Exception:
                return
            acknowledged[worker].append(i)

    threads = [threading.Thread(target=write, args=(w,)) for w in range(4)]
    for thread in threads:
        thread.start()
    while min(map(len, acknowledged)) < 50:
        stop.wait(0.01)
    own_server.kill9()
    stop.set()
    for thread in threads:
        thread.join()
    own_server.start()
    db = own_server.client("dynamodb")
    for worker, done in enumerate(acknowledged):
        for i in done:
            got = db.get_item(TableName="orders", Key={"id": {"S": f"{worker}-{i}"}})
            assert got["Item"]["n"] == {"N": str(i)}


def test_a_deleted_table_stays_deleted(own_server):
    db = own_server.client("dynamodb")
    make_table(db, "gone", KEY["hash"])
    for i in range(30):
        db.put_item(TableName="gone", Item={"id": {"S": str(i)}})
    db.delete_table(TableName="gone")
    own_server.kill9()
    own_server.start()
    db = own_server.client("dynamodb")
    assert db.list_tables()["TableNames"] == []
    make_table(db, "gone", KEY["hash"])
    assert db.scan(TableName="gone")["Count"] == 0
