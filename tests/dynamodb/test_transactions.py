"""TransactWriteItems and TransactGetItems."""

import json
import threading

import pytest
from botocore.exceptions import ClientError

from .conftest import KEY, make_table, raw


def key(name):
    return {"id": {"S": name}}


def put(table, name, **members):
    return {"Put": {"TableName": table, "Item": {**key(name), **members}}}


def number(db, table, name):
    item = db.get_item(TableName=table, Key=key(name), ConsistentRead=True).get("Item")
    return item and int(item["n"]["N"])


def add(table, name, amount, **more):
    return {
        "Update": {
            "TableName": table,
            "Key": key(name),
            "UpdateExpression": "ADD n :a",
            "ExpressionAttributeValues": {":a": {"N": str(amount)}},
            **more,
        }
    }


def test_all_actions_happen_together(db, table, fresh):
    other = fresh("other")
    make_table(db, other, KEY["hash"])
    db.put_item(TableName=table, Item={**key("gone"), "n": {"N": "1"}})
    reply = db.transact_write_items(
        TransactItems=[
            put(table, "a", n={"N": "1"}),
            add(other, "b", 5),
            {"Delete": {"TableName": table, "Key": key("gone")}},
            {
                "ConditionCheck": {
                    "TableName": other,
                    "Key": key("none"),
                    "ConditionExpression": "attribute_not_exists(id)",
                }
            },
        ],
        ReturnConsumedCapacity="TOTAL",
    )
    units = {each["TableName"]: each["CapacityUnits"] for each in reply["ConsumedCapacity"]}
    assert units == {table: 4, other: 4}
    got = db.transact_get_items(
        TransactItems=[
            {"Get": {"TableName": other, "Key": key("b")}},
            {"Get": {"TableName": table, "Key": key("gone")}},
            {"Get": {"TableName": table, "Key": key("a"), "ProjectionExpression": "n"}},
        ]
    )
    assert got["Responses"] == [
        {"Item": {**key("b"), "n": {"N": "5"}}},
        {},
        {"Item": {"n": {"N": "1"}}},
    ]
    db.delete_table(TableName=other)


def test_a_failed_condition_cancels_everything_and_says_why(server, db, table):
    for name in ("b", "b2"):
        db.put_item(TableName=table, Item={**key(name), "n": {"N": "1"}})
    items = [
        put(table, "a", n={"N": "1"}),
        {
            "Delete": {
                "TableName": table,
                "Key": key("b"),
                "ConditionExpression": "n > :n",
                "ExpressionAttributeValues": {":n": {"N": "5"}},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        },
        add(table, "b2", 1, UpdateExpression="SET m.x = :a"),
    ]
    items[2]["Update"]["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    status, body = raw(server, "TransactWriteItems", {"TransactItems": items})
    assert status == 400
    assert body["__type"].endswith("#TransactionCanceledException")
    assert body["Message"] == (
        "Transaction cancelled, please refer cancellation reasons for specific reasons "
        "[None, ConditionalCheckFailed, ValidationError]"
    )
    assert body["CancellationReasons"] == [
        {"Code": "None"},
        {
            "Code": "ConditionalCheckFailed",
            "Message": "The conditional request failed",
            "Item": {**key("b"), "n": {"N": "1"}},
        },
        {
            "Code": "ValidationError",
            "Message": "The document path provided in the update expression is invalid for update",
        },
    ]
    assert number(db, table, "a") is None and number(db, table, "b") == 1


def test_a_token_makes_a_repeat_harmless_also_after_a_crash(own_server):
    db = own_server.client("dynamodb")
    make_table(db, "orders", KEY["hash"])
    request = dict(TransactItems=[add("orders", "a", 1)], ClientRequestToken="token-1")
    for _ in range(3):
        db.transact_write_items(**request)
    own_server.kill9()
    own_server.start()
    db = own_server.client("dynamodb")
    db.transact_write_items(**request)
    assert number(db, "orders", "a") == 1
    with pytest.raises(ClientError) as caught:
        db.transact_write_items(
            TransactItems=[add("orders", "a", 2)], ClientRequestToken="token-1"
        )
    assert caught.value.response["Error"]["Code"] == "IdempotentParameterMismatchException"


def test_a_repeat_may_order_its_members_otherwise(server, db, table):
    def ask(token, **members):
        request = {"Put": {"TableName": table, "Item": {**members, **key("a")}}}
        body = {"TransactItems": [request], "ClientRequestToken": token}
        status, reply = raw(server, "TransactWriteItems", body)
        return "ok" if status == 200 else reply["__type"].split("#")[1]

    members = {"s": {"SS": ["x", "y"]}, "l": {"L": [{"S": "x"}, {"S": "y"}]}, "n": {"N": "1"}}
    turned = {"n": {"N": "1"}, "l": members["l"], "s": {"SS": ["y", "x"]}}
    assert [ask("t", **members), ask("t", **turned)] == ["ok", "ok"]
    for other in (
        {**members, "l": {"L": [{"S": "y"}, {"S": "x"}]}},
        {**members, "s": members["n"], "n": members["s"]},
        {**members, "s": {"NS": ["1"]}},
        {**members, "more": {"N": "1"}},
    ):
        assert ask("t", **other) == "IdempotentParameterMismatchException"


def test_one_item_cannot_be_named_twice(db, table, refused):
    text = "Transaction request cannot include multiple operations on one item"
    refused(
        "ValidationException",
        text,
        db.transact_write_items,
        TransactItems=[put(table, "a"), add(table, "a", 1)],
    )
    refused(
        "ResourceNotFoundException",
        "Requested resource not found",
        db.transact_write_items,
        TransactItems=[put("nowhere", "a")],
    )


def test_transfers_keep_the_sum_under_many_writers(server, db, table):
    names = [f"account{i}" for i in range(6)]
    for name in names:
        db.put_item(TableName=table, Item={**key(name), "n": {"N": "100"}})

    def transfer(seed):
        own = server.client("dynamodb")
        for i in range(40):
            a, b = names[(seed + i) % 6], names[(seed * 3 + i * 5 + 1) % 6]
            if a == b:
                continue
            own.transact_write_items(TransactItems=[add(table, a, -1), add(table, b, 1)])

    def total():
        reply = db.transact_get_items(
            TransactItems=[{"Get": {"TableName": table, "Key": key(name)}} for name in names]
        )
        return sum(int(each["Item"]["n"]["N"]) for each in reply["Responses"])

    threads = [threading.Thread(target=transfer, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    sums = set()
    while any(thread.is_alive() for thread in threads):
        sums.add(total())
    assert sums <= {600} and total() == 600


def test_a_transaction_makes_ordinary_stream_records(client, fresh):
    db, streams = client("dynamodb"), client("dynamodbstreams")
    name = fresh("st")
    made = make_table(
        db,
        name,
        KEY["hash"],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    arn = made["TableDescription"]["LatestStreamArn"]
    item = {"attr1": {"S": "value1"}, "attr2": {"S": "value2"}}
    db.transact_write_items(
        TransactItems=[put(name, f"k{i}", **item) for i in range(8)]
        + [
            {
                "ConditionCheck": {
                    "TableName": name,
                    "Key": key("c"),
                    "ConditionExpression": "attribute_not_exists(id)",
                }
            }
        ]
    )
    db.transact_write_items(TransactItems=[put(name, "k0", **item)])
    records = []
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records += streams.get_records(ShardIterator=iterator)["Records"]
    assert len(records) == 8, json.dumps(records, default=str)
    assert {record["eventName"] for record in records} == {"INSERT"}
    db.delete_table(TableName=name)
