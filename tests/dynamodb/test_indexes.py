"""Local and global secondary indexes: kept in step with the table, queried, projected."""

import pytest

ORDER = {"id": {"S": "o1"}, "at": {"N": "1"}, "city": {"S": "Bern"}, "price": {"N": "9.5"}}


def index(name, keys, kind="ALL", included=None):
    projection = {"ProjectionType": kind}
    if included:
        projection["NonKeyAttributes"] = included
    return {
        "IndexName": name,
        "KeySchema": [
            {"AttributeName": a, "KeyType": role} for a, role in zip(keys, ("HASH", "RANGE"))
        ],
        "Projection": projection,
    }


@pytest.fixture
def indexed(db, fresh):
    name = fresh("ix")
    db.create_table(
        TableName=name,
        KeySchema=[
            {"AttributeName": "id", "KeyType": "HASH"},
            {"AttributeName": "at", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "at", "AttributeType": "N"},
            {"AttributeName": "city", "AttributeType": "S"},
            {"AttributeName": "price", "AttributeType": "N"},
        ],
        BillingMode="PAY_PER_REQUEST",
        GlobalSecondaryIndexes=[
            index("by-city", ["city", "price"]),
            index("keys", ["city"], "KEYS_ONLY"),
            index("some", ["city"], "INCLUDE", ["note"]),
        ],
        LocalSecondaryIndexes=[index("by-price", ["id", "price"], "KEYS_ONLY")],
    )
    yield name
    db.delete_table(TableName=name)


def by_city(db, table, city="Bern", name="by-city", **more):
    return db.query(
        TableName=table,
        IndexName=name,
        KeyConditionExpression="city = :c",
        ExpressionAttributeValues={":c": {"S": city}},
        **more,
    )


def test_indexes_are_described(db, indexed):
    table = db.describe_table(TableName=indexed)["Table"]
    by_name = {i["IndexName"]: i for i in table["GlobalSecondaryIndexes"]}
    assert set(by_name) == {"by-city", "keys", "some"}
    assert by_name["some"]["Projection"] == {
        "ProjectionType": "INCLUDE",
        "NonKeyAttributes": ["note"],
    }
    assert by_name["some"]["IndexStatus"] == "ACTIVE"
    assert by_name["some"]["IndexArn"] == table["TableArn"] + "/index/some"
    assert [i["IndexName"] for i in table["LocalSecondaryIndexes"]] == ["by-price"]


def test_an_index_follows_every_write(db, indexed):
    key = {"id": ORDER["id"], "at": ORDER["at"]}
    db.put_item(TableName=indexed, Item=ORDER)
    assert by_city(db, indexed)["Items"] == [ORDER]
    db.update_item(
        TableName=indexed,
        Key=key,
        UpdateExpression="SET city = :c",
        ExpressionAttributeValues={":c": {"S": "Basel"}},
    )
    assert by_city(db, indexed)["Items"] == []
    assert by_city(db, indexed, "Basel")["Items"] == [{**ORDER, "city": {"S": "Basel"}}]
    db.update_item(TableName=indexed, Key=key, UpdateExpression="REMOVE city")
    assert by_city(db, indexed, "Basel")["Items"] == []
    db.batch_write_item(RequestItems={indexed: [{"PutRequest": {"Item": ORDER}}]})
    assert by_city(db, indexed, name="keys")["Count"] == 1
    db.delete_item(TableName=indexed, Key=key)
    assert by_city(db, indexed)["Count"] == 0
    assert db.scan(TableName=indexed, IndexName="keys")["Count"] == 0


def test_projections_hold_what_they_promise(db, indexed, refused):
    db.put_item(TableName=indexed, Item={**ORDER, "note": {"S": "n"}, "extra": {"S": "o"}})
    keys = {name: ORDER[name] for name in ("id", "at", "city")}
    assert by_city(db, indexed, name="keys")["Items"] == [keys]
    assert by_city(db, indexed, name="some")["Items"] == [{**keys, "note": {"S": "n"}}]
    refused(
        "ValidationException",
        "One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported "
        "for global secondary index keys because its projection type is not ALL",
        by_city,
        db=db,
        table=indexed,
        name="keys",
        Select="ALL_ATTRIBUTES",
    )
    local = dict(
        TableName=indexed,
        IndexName="by-price",
        KeyConditionExpression="id = :i AND price > :p",
        ExpressionAttributeValues={":i": {"S": "o1"}, ":p": {"N": "9"}},
        ConsistentRead=True,
    )
    assert db.query(**local)["Items"] == [
        {name: ORDER[name] for name in ("id", "at", "price")}
    ]
    got = db.query(Select="ALL_ATTRIBUTES", **local)["Items"]
    assert got == [{**ORDER, "note": {"S": "n"}, "extra": {"S": "o"}}]
    assert db.query(ProjectionExpression="extra", **local)["Items"] == [{"extra": {"S": "o"}}]
    refused(
        "ValidationException",
        "Consistent reads are not supported on global secondary indexes",
        by_city,
        db=db,
        table=indexed,
        ConsistentRead=True,
    )


def lacks(index, names):
    return (
        f"One or more parameter values were invalid: Secondary index {index} does not project one "
        f"or more filter attributes: [{names}]"
    )


@pytest.mark.parametrize(
    "index, condition, value",
    [
        ("keys", "city = :k", {"S": "Bern"}),
        ("some", "city = :k", {"S": "Bern"}),
        ("by-price", "id = :k", {"S": "o1"}),
    ],
)
def test_a_query_filters_by_what_its_index_projects(db, indexed, refused, index, condition, value):
    db.put_item(TableName=indexed, Item={**ORDER, "note": {"S": "n"}, "extra": {"S": "o"}})
    query = dict(TableName=indexed, IndexName=index)
    keyed = dict(
        query, KeyConditionExpression=condition, ExpressionAttributeValues={":k": value}
    )
    other = "attribute_exists(zoned) OR attribute_exists(extra.deep) OR attribute_exists(extra)"
    message = lacks(index, "extra, zoned")
    refused("ValidationException", message, db.query, **keyed, FilterExpression=other)
    refused(
        "ValidationException",
        lacks(index, "extra"),
        db.query,
        **query,
        KeyConditions={
            condition.split()[0]: {"AttributeValueList": [value], "ComparisonOperator": "EQ"}
        },
        QueryFilter={"extra": {"ComparisonOperator": "NOT_NULL"}},
    )
    if index == "some":
        assert db.query(**keyed, FilterExpression="attribute_exists(note)")["Count"] == 1
    # A scan may look, and finds nothing there.
    reply = db.scan(**query, FilterExpression="attribute_exists(extra)")
    assert (reply["Count"], reply["ScannedCount"]) == (0, 1)
    text = f'SELECT id FROM "{indexed}"."{index}" WHERE '
    where = condition.replace(":k", f"'{value['S']}'")
    refused(
        "ValidationException",
        lacks(index, "extra"),
        db.execute_statement,
        Statement=text + where + " AND extra = 'o'",
    )
    assert db.execute_statement(Statement=text + "extra = 'o'")["Items"] == []


def test_pages_of_an_index_join_in_both_directions(db, indexed):
    for i in range(30):
        db.put_item(
            TableName=indexed,
            Item={**ORDER, "at": {"N": str(i)}, "price": {"N": str(i // 3)}},
        )
    for forward in (True, False):
        seen, start = [], {}
        while True:
            page = by_city(db, indexed, Limit=4, ScanIndexForward=forward, **start)
            seen += [int(item["at"]["N"]) for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                break
            assert set(page["LastEvaluatedKey"]) == {"id", "at", "city", "price"}
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
        assert seen == (list(range(30)) if forward else list(range(29, -1, -1)))


def test_index_writes_cost_their_own_units(db, indexed):
    reply = db.put_item(TableName=indexed, Item=ORDER, ReturnConsumedCapacity="INDEXES")
    assert reply["ConsumedCapacity"] == {
        "TableName": indexed,
        "CapacityUnits": 5.0,
        "Table": {"CapacityUnits": 1.0},
        "LocalSecondaryIndexes": {"by-price": {"CapacityUnits": 1.0}},
        "GlobalSecondaryIndexes": {
            name: {"CapacityUnits": 1.0} for name in ("by-city", "keys", "some")
        },
    }
    reply = by_city(db, indexed, ReturnConsumedCapacity="TOTAL")
    assert reply["ConsumedCapacity"]["CapacityUnits"] == 0.5


def test_index_keys_are_checked(db, indexed, refused):
    refused(
        "ValidationException",
        "One or more parameter values were invalid: Type mismatch for Index Key city Expected: S "
        "Actual: N IndexName: by-city",
        db.put_item,
        TableName=indexed,
        Item={**ORDER, "city": {"N": "1"}},
    )


def test_indexes_survive_a_restart(own_server):
    db = own_server.client("dynamodb")
    db.create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "city", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
        GlobalSecondaryIndexes=[index("by-city", ["city"])],
    )
    db.put_item(TableName="orders", Item={"id": {"S": "1"}, "city": {"S": "Bern"}})
    own_server.kill9()
    own_server.start()
    db = own_server.client("dynamodb")
    assert by_city(db, "orders")["Count"] == 1
    db.put_item(TableName="orders", Item={"id": {"S": "2"}, "city": {"S": "Bern"}})
    assert by_city(db, "orders")["Count"] == 2
