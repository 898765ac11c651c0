"""PutItem, GetItem, UpdateItem, DeleteItem; client and resource layer (Decimal)."""

from decimal import Decimal

import pytest

from .conftest import raw

ALL_TYPES = {
    "id": {"S": "k"},
    "n": {"N": "-12.5"},
    "b": {"B": b"\x00\x01\xff"},
    "t": {"BOOL": True},
    "z": {"NULL": True},
    "ss": {"SS": ["a", "b"]},
    "ns": {"NS": ["1", "2.5"]},
    "bs": {"BS": [b"\x00", b"\x01"]},
    "l": {"L": [{"S": ""}, {"N": "1"}, {"L": []}]},
    "m": {"M": {"k": {"M": {"d": {"S": "deep"}}}, "é": {"S": "ü"}}},
}


def test_every_type_comes_back(db, table):
    assert "Attributes" not in db.put_item(TableName=table, Item=ALL_TYPES)
    assert db.get_item(TableName=table, Key={"id": {"S": "k"}})["Item"] == ALL_TYPES
    assert "Item" not in db.get_item(TableName=table, Key={"id": {"S": "none"}})


def test_the_resource_layer_stores_decimals(resource, table):
    it = resource("dynamodb").Table(table)
    item = {
        "id": "o1",
        "price": Decimal("12345678901234567890.123456789012345678"),
        "zero": Decimal("0"),
        "tiny": Decimal("1E-130"),
        "set": {Decimal("1"), Decimal("2")},
        "list": [Decimal("1.5"), "x", None, True, b"\x00"],
    }
    it.put_item(Item=item)
    got = it.get_item(Key={"id": "o1"})["Item"]
    got["list"][4] = bytes(got["list"][4])
    assert got == item
    it.update_item(
        Key={"id": "o1"},
        UpdateExpression="SET price = price + :one ADD #c :one",
        ExpressionAttributeNames={"#c": "count"},
        ExpressionAttributeValues={":one": Decimal("0.5")},
    )
    got = it.get_item(Key={"id": "o1"}, ConsistentRead=True)["Item"]
    assert got["price"] == Decimal("12345678901234567890.623456789012345678")
    assert got["count"] == Decimal("0.5")


def test_numbers_are_normalised_also_as_keys(db, fresh):
    name = fresh("n")
    db.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "N"}],
        BillingMode="PAY_PER_REQUEST",
    )
    db.put_item(TableName=name, Item={"k": {"N": "1e3"}, "v": {"N": "1.500"}})
    db.put_item(TableName=name, Item={"k": {"N": "-0"}, "v": {"N": "00012"}})
    assert db.get_item(TableName=name, Key={"k": {"N": "1000.0"}})["Item"] == {
        "k": {"N": "1000"},
        "v": {"N": "1.5"},
    }
    assert db.get_item(TableName=name, Key={"k": {"N": "0"}})["Item"]["v"] == {"N": "12"}
    db.delete_table(TableName=name)


def test_numbers_at_the_limits_come_back_in_plain_text(db, table):
    limits = {
        "1e125": "1" + "0" * 125,
        "-9.99e125": "-999" + "0" * 123,
        "1E-130": "0." + "0" * 129 + "1",
    }
    for i, (given, want) in enumerate(limits.items()):
        key = {"id": {"S": str(i)}}
        db.put_item(TableName=table, Item={**key, "n": {"N": given}})
        assert db.get_item(TableName=table, Key=key)["Item"]["n"] == {"N": want}


def test_return_values_of_put_and_delete(db, table):
    key = {"id": {"S": "k"}}
    old = {**key, "v": {"N": "1"}}
    assert "Attributes" not in db.put_item(TableName=table, Item=old, ReturnValues="ALL_OLD")
    got = db.put_item(TableName=table, Item={**key, "v": {"N": "2"}}, ReturnValues="ALL_OLD")
    assert got["Attributes"] == old
    got = db.delete_item(TableName=table, Key=key, ReturnValues="ALL_OLD")
    assert got["Attributes"]["v"] == {"N": "2"}
    assert "Attributes" not in db.delete_item(TableName=table, Key=key, ReturnValues="ALL_OLD")


def test_return_values_of_update(db, table):
    key = {"id": {"S": "k"}}
    db.put_item(
        TableName=table,
        Item={
            **key,
            "a": {"N": "1"},
            "m": {"M": {"x": {"N": "1"}, "y": {"N": "2"}}},
            "z": {"S": "s"},
        },
    )

    def update(wanted):
        return db.update_item(
            TableName=table,
            Key=key,
            UpdateExpression="SET m.x = m.x + :i, b = :i REMOVE zz",
            ExpressionAttributeValues={":i": {"N": "1"}},
            ReturnValues=wanted,
        ).get("Attributes")

    assert update("NONE") is None
    assert update("UPDATED_OLD") == {"m": {"M": {"x": {"N": "2"}}}, "b": {"N": "1"}}
    assert update("UPDATED_NEW") == {"m": {"M": {"x": {"N": "4"}}}, "b": {"N": "1"}}
    assert update("ALL_OLD")["m"]["M"] == {"x": {"N": "4"}, "y": {"N": "2"}}
    assert update("ALL_NEW")["m"]["M"]["x"] == {"N": "6"}


def test_an_update_makes_the_item_unless_it_only_removes(db, table):
    def key(name):
        return {"id": {"S": name}}

    db.update_item(TableName=table, Key=key("bare"))
    assert db.get_item(TableName=table, Key=key("bare"))["Item"] == key("bare")
    db.update_item(TableName=table, Key=key("gone"), UpdateExpression="REMOVE a")
    db.update_item(
        TableName=table,
        Key=key("gone"),
        UpdateExpression="DELETE a :s",
        ExpressionAttributeValues={":s": {"SS": ["x"]}},
    )
    assert "Item" not in db.get_item(TableName=table, Key=key("gone"))
    db.update_item(
        TableName=table,
        Key=key("made"),
        UpdateExpression="ADD n :n",
        ExpressionAttributeValues={":n": {"N": "3"}},
    )
    assert db.get_item(TableName=table, Key=key("made"))["Item"]["n"] == {"N": "3"}


def test_conditions_guard_every_write(server, db, table, refused):
    key = {"id": {"S": "k"}}
    failed = ("ConditionalCheckFailedException", "The conditional request failed")
    absent = dict(TableName=table, ConditionExpression="attribute_not_exists(id)")
    db.put_item(Item={**key, "v": {"N": "1"}}, **absent)
    refused(*failed, db.put_item, Item=key, **absent)
    refused(*failed, db.delete_item, Key=key, **absent)
    refused(*failed, db.update_item, Key=key, UpdateExpression="REMOVE v", **absent)
    status, body = raw(
        server, "PutItem", {"Item": key, "ReturnValuesOnConditionCheckFailure": "ALL_OLD", **absent}
    )
    assert (status, body["message"]) == (400, failed[1])
    assert body["Item"] == {**key, "v": {"N": "1"}}
    db.delete_item(
        TableName=table,
        Key=key,
        ConditionExpression="v = :one",
        ExpressionAttributeValues={":one": {"N": "1.0"}},
    )


def test_get_projects_paths(db, table):
    db.put_item(TableName=table, Item=ALL_TYPES)
    got = db.get_item(
        TableName=table,
        Key={"id": {"S": "k"}},
        ProjectionExpression="n, m.#k.d, l[1]",
        ExpressionAttributeNames={"#k": "k"},
    )["Item"]
    assert got == {
        "n": {"N": "-12.5"},
        "m": {"M": {"k": {"M": {"d": {"S": "deep"}}}}},
        "l": {"L": [{"N": "1"}]},
    }
    got = db.get_item(TableName=table, Key={"id": {"S": "k"}}, AttributesToGet=["n", "none"])
    assert got["Item"] == {"n": {"N": "-12.5"}}


def test_capacity_is_counted_as_aws_does(db, table):
    def units(reply):
        return reply["ConsumedCapacity"]["CapacityUnits"]

    key = {"id": {"S": "k"}}
    total = {"TableName": table, "ReturnConsumedCapacity": "TOTAL"}
    big = {**key, "v": {"S": "x" * (3 * 1024)}}
    assert units(db.put_item(Item=key, **total)) == 1
    assert units(db.put_item(Item=big, **total)) == 4
    assert units(db.put_item(Item=key, **total)) == 4
    assert units(db.delete_item(Key={"id": {"S": "none"}}, **total)) == 1
    assert units(db.get_item(Key=key, **total)) == 0.5
    assert units(db.get_item(Key=key, ConsistentRead=True, **total)) == 1
    db.put_item(TableName=table, Item={**key, "v": {"S": "x" * 8192}})
    assert units(db.get_item(Key=key, **total)) == 1.5
    reply = db.put_item(TableName=table, Item=key, ReturnConsumedCapacity="INDEXES")
    assert reply["ConsumedCapacity"] == {
        "TableName": table,
        "CapacityUnits": 9.0,
        "Table": {"CapacityUnits": 9.0},
    }


def test_a_table_can_be_named_by_its_arn(db, table):
    arn = f"arn:aws:dynamodb:us-east-1:000000000000:table/{table}"
    db.put_item(TableName=arn, Item={"id": {"S": "k"}})
    assert db.get_item(TableName=arn, Key={"id": {"S": "k"}})["Item"] == {"id": {"S": "k"}}


def test_items_of_400_kb_fit_and_larger_ones_do_not(db, table, refused):
    item = {"id": {"S": "k"}, "v": {"S": "x" * (409600 - 4)}}
    db.put_item(TableName=table, Item=item)
    item["v"]["S"] += "x"
    refused(
        "ValidationException",
        "Item size has exceeded the maximum allowed size",
        db.put_item,
        TableName=table,
        Item=item,
    )
    refused(
        "ValidationException",
        "Item size to update has exceeded the maximum allowed size",
        db.update_item,
        TableName=table,
        Key={"id": {"S": "k"}},
        UpdateExpression="SET w = :w",
        ExpressionAttributeValues={":w": {"S": "ab"}},
    )


@pytest.mark.parametrize(
    "value, text",
    [
        ({"N": 123}, "NUMBER_VALUE cannot be converted to String"),
        ({"S": True}, "TRUE_VALUE cannot be converted to String"),
        ({"BOOL": "x"}, "Unexpected token received from parser"),
        ({"L": {}}, "Start of structure or map found where not expected"),
        ({"SS": "x"}, "Unexpected field type"),
    ],
)
def test_wrong_wire_types_are_serialization_errors(server, table, value, text):
    status, body = raw(
        server,
        "PutItem",
        {"TableName": table, "Item": {"id": {"S": "k"}, "v": value}},
    )
    assert status == 400
    assert body["__type"] == "com.amazon.coral.service#SerializationException"
    assert body["Message"] == text


def test_deep_nesting_is_refused_and_the_server_lives(server, db, table):
    for levels in (32, 200, 20000):
        item = b'{"L":[' * levels + b'{"S":"x"}' + b"]}" * levels
        status, body = raw(
            server,
            "PutItem",
            b'{"TableName":"%s","Item":{"id":{"S":"k"},"v":%s}}' % (table.encode(), item),
        )
        assert status == 400, body
    item = b'{"L":[' * 31 + b'{"S":"x"}' + b"]}" * 31
    status, body = raw(
        server,
        "PutItem",
        b'{"TableName":"%s","Item":{"id":{"S":"k"},"v":%s}}' % (table.encode(), item),
    )
    assert status == 200, body
