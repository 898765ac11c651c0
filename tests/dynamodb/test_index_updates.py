"""GlobalSecondaryIndexUpdates: indexes made, changed and deleted while their table serves."""

import threading

import pytest
from botocore.exceptions import ClientError
from support import wait_until

from .conftest import KEY, make_table

BY_KIND = {
    "IndexName": "by-kind",
    "KeySchema": [
        {"AttributeName": "kind", "KeyType": "HASH"},
        {"AttributeName": "rank", "KeyType": "RANGE"},
    ],
    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["text"]},
}
DEFINED = [
    {"AttributeName": "id", "AttributeType": "S"},
    {"AttributeName": "kind", "AttributeType": "S"},
    {"AttributeName": "rank", "AttributeType": "N"},
]


def item(i, rank=None):
    return {
        "id": {"S": f"item-{i}"},
        "kind": {"S": f"k{i % 3}"},
        "rank": {"N": str(i if rank is None else rank)},
        "text": {"S": "t" * 20},
        "other": {"S": "not projected"},
    }


def fill(db, table, count):
    for start in range(0, count, 25):
        puts = [{"PutRequest": {"Item": item(i)}} for i in range(start, min(start + 25, count))]
        db.batch_write_item(RequestItems={table: puts})


def create(db, table, **changes):
    return db.update_table(
        TableName=table,
        AttributeDefinitions=DEFINED,
        GlobalSecondaryIndexUpdates=[{"Create": {**BY_KIND, **changes}}],
    )["TableDescription"]


def delete(db, table, name="by-kind"):
    change = {"Delete": {"IndexName": name}}
    return db.update_table(TableName=table, GlobalSecondaryIndexUpdates=[change])


def active(db, table):
    def check():
        told = db.describe_table(TableName=table)["Table"]
        return told if told["TableStatus"] == "ACTIVE" else None

    return wait_until(check, message="the table ACTIVE")


def index_of(db, table, kinds=("k0", "k1", "k2")):
    found = {}
    for kind in kinds:
        pages = db.get_paginator("query").paginate(
            TableName=table,
            IndexName="by-kind",
            KeyConditionExpression="kind = :k",
            ExpressionAttributeValues={":k": {"S": kind}},
        )
        for page in pages:
            ranks = [float(entry["rank"]["N"]) for entry in page["Items"]]
            assert ranks == sorted(ranks)
            found.update({entry["id"]["S"]: entry for entry in page["Items"]})
    return found


def test_all_indexes_together_project_a_hundred_attributes_at_most(db, fresh):
    def index(number, count):
        return {"IndexName": f"by-{number}", "Projection": {
            "ProjectionType": "INCLUDE", "NonKeyAttributes": [f"a{i}" for i in range(count)]},
            "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}]}

    name, words = fresh("t"), "NonKeyAttributes count exceeds the per-table limit of 100"
    kind = {"kind": "S"}
    with pytest.raises(ClientError, match=words):
        make_table(db, name, KEY["hash"], extra=kind, GlobalSecondaryIndexes=[
            index(i, 20) for i in range(5)] + [index(5, 1)])
    make_table(db, name, KEY["hash"], extra=kind,
               GlobalSecondaryIndexes=[index(i, 20) for i in range(4)] + [index(4, 19)])

    def add(count):
        return db.update_table(TableName=name, AttributeDefinitions=[
            {"AttributeName": "kind", "AttributeType": "S"}],
            GlobalSecondaryIndexUpdates=[{"Create": index(5, count)}])

    with pytest.raises(ClientError, match=words):
        add(2)
    add(1)
    assert len(active(db, name)["GlobalSecondaryIndexes"]) == 6
    db.delete_table(TableName=name)


def test_an_index_is_filled_from_what_is_there(db, table):
    fill(db, table, 1200)
    odd = {"id": {"S": "odd"}, "kind": {"N": "1"}, "rank": {"N": "1"}}
    db.put_item(TableName=table, Item=odd)
    db.put_item(TableName=table, Item={"id": {"S": "sparse"}, "kind": {"S": "k0"}})
    told = create(db, table)
    assert told["TableStatus"] == "UPDATING"
    assert told["GlobalSecondaryIndexes"][0]["IndexStatus"] == "CREATING"
    assert told["GlobalSecondaryIndexes"][0]["Backfilling"] is False  # not yet
    assert told["AttributeDefinitions"] == DEFINED
    told = active(db, table)
    assert told["GlobalSecondaryIndexes"][0]["IndexStatus"] == "ACTIVE"
    assert "Backfilling" not in told["GlobalSecondaryIndexes"][0]
    found = index_of(db, table)
    assert set(found) == {f"item-{i}" for i in range(1200)}
    assert set(found["item-7"]) == {"id", "kind", "rank", "text"}


def test_what_cannot_be_a_key_is_not_indexed(db, ranged):
    lengths = [0, 1, 1024, 1025, 2048, 2049, 70000]
    for at, length in enumerate(lengths):
        for name in "sb":
            value = {"S": "x" * length} if name == "s" else {"B": b"x" * length}
            db.put_item(TableName=ranged, Item={
                "id": {"S": name}, "at": {"N": str(at)}, f"key-{name}": value, "all": {"S": "1"}})
    for name, kind in (("s", "S"), ("b", "B")):
        for number, schema in enumerate(([f"key-{name}"], ["all", f"key-{name}"])):
            roles = zip(schema, ("HASH", "RANGE"))
            index = {"IndexName": f"{name}-{number}", "Projection": {"ProjectionType": "KEYS_ONLY"},
                     "KeySchema": [{"AttributeName": a, "KeyType": role} for a, role in roles]}
            db.update_table(
                TableName=ranged, GlobalSecondaryIndexUpdates=[{"Create": index}],
                AttributeDefinitions=[{"AttributeName": f"key-{name}", "AttributeType": kind},
                                      {"AttributeName": "all", "AttributeType": "S"}])
            active(db, ranged)
            found = db.scan(TableName=ranged, IndexName=index["IndexName"])["Items"]
            most = 1024 if number else 2048
            assert sorted(lengths[int(item["at"]["N"])] for item in found) == [
                length for length in lengths if 0 < length <= most]


def test_writers_go_on_while_an_index_is_filled(db, client, table):
    fill(db, table, 1000)
    stop = threading.Event()
    failures = []

    def write(number):
        own, i = client("dynamodb"), number
        try:
            while not stop.is_set():
                i = (i + 7) % 1000
                key = {"id": {"S": f"item-{i}"}}
                if i % 5 == 0:
                    own.delete_item(TableName=table, Key=key)
                else:
                    own.put_item(TableName=table, Item=item(i, rank=i * 2 + number))
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for writer in writers:
        writer.start()
    create(db, table)
    active(db, table)
    stop.set()
    for writer in writers:
        writer.join()
    assert not failures
    truth = {}
    for page in db.get_paginator("scan").paginate(TableName=table):
        truth.update({entry["id"]["S"]: entry for entry in page["Items"]})
    for entry in truth.values():
        del entry["other"]
    assert index_of(db, table) == truth


def test_an_index_goes_and_may_come_again(db, table, refused):
    fill(db, table, 30)
    for _ in range(3):
        create(db, table)
        active(db, table)
        assert len(index_of(db, table)) == 30
        told = delete(db, table)["TableDescription"]
        assert told["GlobalSecondaryIndexes"][0]["IndexStatus"] == "DELETING"
        told = active(db, table)
        assert "GlobalSecondaryIndexes" not in told
        assert told["AttributeDefinitions"] == [{"AttributeName": "id", "AttributeType": "S"}]
        refused(
            "ValidationException",
            "The table does not have the specified index: by-kind",
            index_of,
            db=db,
            table=table,
        )


def test_throughput_of_an_index_changes(db, fresh):
    name = fresh("p")
    units = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 2}
    make_table(
        db,
        name,
        KEY["hash"],
        BillingMode="PROVISIONED",
        ProvisionedThroughput=units,
        GlobalSecondaryIndexes=[{**BY_KIND, "ProvisionedThroughput": units}],
        extra={"kind": "S", "rank": "N"},
    )
    change = {"ReadCapacityUnits": 7, "WriteCapacityUnits": 8}
    update = {"Update": {"IndexName": "by-kind", "ProvisionedThroughput": change}}
    db.update_table(TableName=name, GlobalSecondaryIndexUpdates=[update])
    told = active(db, name)["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"]
    assert (told["ReadCapacityUnits"], told["WriteCapacityUnits"]) == (7, 8)
    db.delete_table(TableName=name)


def test_what_cannot_be_is_refused(db, table, refused):
    refused(
        "ResourceNotFoundException",
        f"Requested resource not found: Index by-kind for table {table}",
        delete,
        db=db,
        table=table,
    )
    refused(
        "LimitExceededException",
        "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously "
        "per table",
        db.update_table,
        TableName=table,
        AttributeDefinitions=DEFINED,
        GlobalSecondaryIndexUpdates=[
            {"Create": BY_KIND},
            {"Create": {**BY_KIND, "IndexName": "second"}},
        ],
    )
    refused(
        "ValidationException",
        "One or more parameter values were invalid: Some index key attributes are not defined in "
        "AttributeDefinitions. Keys: [kind, rank], AttributeDefinitions: [id, rank]",
        db.update_table,
        TableName=table,
        AttributeDefinitions=[DEFINED[0], DEFINED[2]],
        GlobalSecondaryIndexUpdates=[{"Create": BY_KIND}],
    )
    by_id = {**BY_KIND, "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]}
    invalid = "One or more parameter values were invalid: "
    for index, text in (
        (by_id, invalid + "Some index key attributes are not defined in AttributeDefinitions. "
                          "Keys: [id], AttributeDefinitions: [kind]"),
        (BY_KIND, "Invalid KeySchema: Some index key attribute have no definition"),
    ):  # fmt: skip
        refused(
            "ValidationException",
            text,
            db.update_table,
            TableName=table,
            AttributeDefinitions=[DEFINED[1]],
            GlobalSecondaryIndexUpdates=[{"Create": index}],
        )
    create(db, table)
    active(db, table)
    refused(
        "ValidationException",
        "Attempting to create an index which already exists",
        create,
        db=db,
        table=table,
    )
    again = {**BY_KIND, "IndexName": "again"}
    again["KeySchema"] = [{"AttributeName": "rank", "KeyType": "HASH"},
                          {"AttributeName": "kind", "KeyType": "RANGE"}]
    refused(
        "ValidationException",
        "One or more parameter values were invalid: Attributes cannot be redefined. Please check "
        "that your attribute has the same type as previously defined. Existing schema: "
        "Schema:[SchemaElement: key{kind:S:HASH}, SchemaElement: key{rank:N:RANGE}] New schema: "
        "Schema:[SchemaElement: key{rank:S:HASH}, SchemaElement: key{kind:S:RANGE}]",
        db.update_table,
        TableName=table,
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"}
                              for name in ("rank", "kind")],
        GlobalSecondaryIndexUpdates=[{"Create": again}],
    )


@pytest.mark.parametrize("deleting", [False, True])
def test_a_crash_does_not_leave_it_unfinished(own_server, fresh, deleting):
    db = own_server.client("dynamodb")
    name = fresh("t")
    make_table(db, name, KEY["hash"])
    fill(db, name, 500)
    create(db, name)
    if deleting:
        active(db, name)
        delete(db, name)
    own_server.kill9()
    own_server.restart()
    db = own_server.client("dynamodb")
    told = active(db, name)
    if deleting:
        assert "GlobalSecondaryIndexes" not in told
        create(db, name)
        active(db, name)
    assert set(index_of(db, name)) == {f"item-{i}" for i in range(500)}
