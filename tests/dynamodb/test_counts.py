"""ItemCount, TableSizeBytes and those of indexes: live, and exact after restarts."""

import itertools
import threading
import time

import pytest
from support import wait_until

from .conftest import KEY, make_table

BY_KIND = {
    "IndexName": "by-kind",
    "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}],
    "Projection": {"ProjectionType": "KEYS_ONLY"},
}


def size_of(item):
    """Names and texts: the items here hold nothing else."""
    return sum(len(name.encode()) + len(value["S"].encode()) for name, value in item.items())


def told(db, table):
    """(items, bytes) of the table, then of each index."""
    described = db.describe_table(TableName=table)["Table"]
    indexes = described.get("GlobalSecondaryIndexes", []) + described.get(
        "LocalSecondaryIndexes", []
    )
    return [(described["ItemCount"], described["TableSizeBytes"])] + [
        (index["ItemCount"], index["IndexSizeBytes"]) for index in indexes
    ]


def counted(db, table, *indexes):
    """The same by reading everything."""
    sums = []
    for where in [{}, *({"IndexName": name} for name in indexes)]:
        paginate = db.get_paginator("scan").paginate
        pages = paginate(TableName=table, ConsistentRead=not where, **where)
        items = [item for page in pages for item in page["Items"]]
        sums.append((len(items), sum(map(size_of, items))))
    return sums


def item(i, **more):
    return {"id": {"S": f"{i:05}"}, **{name: {"S": value} for name, value in more.items()}}


@pytest.fixture
def indexed(db, fresh):
    name = fresh("counted")
    make_table(db, name, KEY["hash"], extra={"kind": "S"}, GlobalSecondaryIndexes=[BY_KIND])
    yield name
    db.delete_table(TableName=name)


def test_every_kind_of_write_is_counted_at_once(db, indexed):
    table = indexed
    assert told(db, table) == [(0, 0), (0, 0)]

    def check(*expected):
        assert told(db, table) == counted(db, table, "by-kind")
        assert [items for items, _ in told(db, table)] == list(expected)

    where = {"TableName": table}
    db.put_item(**where, Item=item(1, kind="a", text="x" * 100))
    check(1, 1)
    db.put_item(**where, Item=item(1, kind="a", text="x" * 100))
    db.put_item(**where, Item=item(1, kind="b", text="x" * 10))
    check(1, 1)
    db.put_item(**where, Item=item(2, text="not in the index"))
    check(2, 1)
    update = {"ExpressionAttributeValues": {":v": {"S": "longer"}}}
    db.update_item(**where, Key=item(2), UpdateExpression="SET kind = :v", **update)
    db.update_item(**where, Key=item(3), UpdateExpression="SET kind = :v", **update)
    check(3, 3)
    db.update_item(**where, Key=item(3), UpdateExpression="REMOVE kind")
    check(3, 2)
    puts = [{"PutRequest": {"Item": item(i, kind="k")}} for i in range(10, 20)]
    db.batch_write_item(RequestItems={table: puts + [{"DeleteRequest": {"Key": item(1)}}]})
    check(12, 11)
    db.transact_write_items(TransactItems=[
        {"Put": {**where, "Item": item(30, kind="t")}},
        {"Delete": {**where, "Key": item(10)}},
        {"Update": {**where, "Key": item(11), "UpdateExpression": "SET kind = :v", **update}},
    ])  # fmt: skip
    check(12, 11)
    db.execute_statement(Statement=f"DELETE FROM \"{table}\" WHERE id = '00012'")
    check(11, 10)
    with pytest.raises(db.exceptions.ConditionalCheckFailedException):
        db.put_item(**where, Item=item(99), ConditionExpression="attribute_exists(id)")
    db.delete_item(**where, Key=item(98))
    check(11, 10)


def test_expired_items_are_counted_off(db, indexed):
    ttl = {"N": str(int(time.time()) - 60)}
    db.put_item(TableName=indexed, Item={**item(1, kind="a"), "ttl": ttl})
    assert told(db, indexed)[0][0] == 1
    db.update_time_to_live(
        TableName=indexed, TimeToLiveSpecification={"AttributeName": "ttl", "Enabled": True}
    )
    wait_until(lambda: told(db, indexed) == [(0, 0), (0, 0)])


def test_a_table_made_again_begins_at_nothing(db, fresh):
    name = fresh("again")
    for _ in range(2):
        make_table(db, name, KEY["hash"])
        assert told(db, name) == [(0, 0)]
        db.put_item(TableName=name, Item=item(1))
        gone = db.delete_table(TableName=name)["TableDescription"]
        assert gone["ItemCount"] == 1


def test_a_restored_table_is_counted(db, indexed, fresh):
    for i in range(50):
        db.put_item(TableName=indexed, Item=item(i, **({"kind": "a"} if i % 2 else {})))
    arn = db.create_backup(TableName=indexed, BackupName="all")["BackupDetails"]["BackupArn"]
    wait_until(
        lambda: db.describe_backup(BackupArn=arn)["BackupDescription"]["BackupDetails"][
            "BackupStatus"
        ]
        == "AVAILABLE"
    )
    name = fresh("restored")
    db.restore_table_from_backup(TargetTableName=name, BackupArn=arn)
    wait_until(lambda: db.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE")
    assert told(db, name) == told(db, indexed) == counted(db, name, "by-kind")
    db.delete_table(TableName=name)
    db.delete_backup(BackupArn=arn)


def test_counts_outlast_stops_and_kills_while_an_index_is_made(own_server):
    """Writers change, add and delete all the time; in the end what is told is what is there."""
    db, table = own_server.client("dynamodb"), "table"
    make_table(db, table, KEY["hash"], extra={"kind": "S"}, GlobalSecondaryIndexes=[BY_KIND])
    for i in range(400):
        db.put_item(TableName=table, Item=item(i, kind=f"k{i % 5}", late=f"l{i % 3}"))
    ending = threading.Event()

    def write(first):
        for n in itertools.count(first):
            if ending.is_set():
                return
            call, more = [
                ("put_item", {"Item": item(n % 500, kind=f"k{n % 7}", late=f"l{n % 4}")}),
                ("put_item", {"Item": item(n % 500, text="x" * (n % 50))}),
                ("delete_item", {"Key": item(n % 500)}),
            ][n % 3]
            try:
                getattr(own_server.client("dynamodb"), call)(TableName=table, **more)
            except Exception:
                pass

    writers = [threading.Thread(target=write, args=(first,)) for first in (0, 250)]
    for writer in writers:
        writer.start()
    try:
        db.update_table(
            TableName=table,
            AttributeDefinitions=[{"AttributeName": "late", "AttributeType": "S"}],
            GlobalSecondaryIndexUpdates=[{"Create": {
                "IndexName": "by-late",
                "KeySchema": [{"AttributeName": "late", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }}],
        )  # fmt: skip
        own_server.kill9()
        own_server.start()
        db = own_server.client("dynamodb")
        wait_until(lambda: db.describe_table(TableName=table)["Table"]["TableStatus"] == "ACTIVE")
    finally:
        ending.set()
    for writer in writers:
        writer.join()
    exact = counted(db, table, "by-kind", "by-late")
    wait_until(lambda: told(db, table) == exact, message=lambda: f"{told(db, table)} {exact}")
    own_server.restart()
    db = own_server.client("dynamodb")
    assert told(db, table) == exact
    db.put_item(TableName=table, Item=item(9000, kind="k", late="l"))
    own_server.kill9()
    own_server.start()
    db = own_server.client("dynamodb")
    exact = counted(db, table, "by-kind", "by-late")
    wait_until(lambda: told(db, table) == exact, message=lambda: f"{told(db, table)} {exact}")
