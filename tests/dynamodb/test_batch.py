"""BatchWriteItem and BatchGetItem."""

import pytest


def put(item):
    return {"PutRequest": {"Item": item}}


def delete(key):
    return {"DeleteRequest": {"Key": key}}


def key(i):
    return {"id": {"S": f"k{i}"}}


def test_puts_and_deletes_of_several_tables(db, table, ranged):
    db.put_item(TableName=table, Item=key("old"))
    reply = db.batch_write_item(
        RequestItems={
            table: [put({**key(i), "v": {"N": str(i)}}) for i in range(20)] + [delete(key("old"))],
            ranged: [put({"id": {"S": "a"}, "at": {"N": str(i)}}) for i in range(4)],
        },
        ReturnConsumedCapacity="TOTAL",
    )
    assert reply["UnprocessedItems"] == {}
    units = {each["TableName"]: each["CapacityUnits"] for each in reply["ConsumedCapacity"]}
    assert units == {table: 21, ranged: 4}
    assert db.scan(TableName=table)["Count"] == 20
    got = db.batch_get_item(
        RequestItems={
            table: {"Keys": [key(i) for i in range(25)], "ProjectionExpression": "v"},
            ranged: {"Keys": [{"id": {"S": "a"}, "at": {"N": "3"}}], "ConsistentRead": True},
        },
        ReturnConsumedCapacity="TOTAL",
    )
    assert sorted(int(item["v"]["N"]) for item in got["Responses"][table]) == list(range(20))
    assert got["Responses"][ranged] == [{"id": {"S": "a"}, "at": {"N": "3"}}]
    assert got["UnprocessedKeys"] == {}
    units = {each["TableName"]: each["CapacityUnits"] for each in got["ConsumedCapacity"]}
    assert units == {table: 12.5, ranged: 1}


def test_a_batch_is_checked_whole_before_anything_is_written(db, table, refused):
    duplicates = "Provided list of item keys contains duplicates"
    refused(
        "ValidationException",
        duplicates,
        db.batch_write_item,
        RequestItems={table: [put(key(1)), put(key(2)), delete(key(1))]},
    )
    refused(
        "ValidationException",
        "The provided key element does not match the schema",
        db.batch_write_item,
        RequestItems={table: [put(key(1)), delete({"x": {"S": "1"}})]},
    )
    refused(
        "ResourceNotFoundException",
        "Requested resource not found",
        db.batch_write_item,
        RequestItems={table: [put(key(1))], "nowhere": [put(key(1))]},
    )
    refused(
        "ValidationException",
        duplicates,
        db.batch_get_item,
        RequestItems={table: {"Keys": [key(1), key(1)]}},
    )
    assert db.scan(TableName=table)["Count"] == 0


def test_more_than_the_limits_are_refused(db, table, ranged):
    with pytest.raises(db.exceptions.ClientError) as caught:
        db.batch_write_item(RequestItems={table: [put(key(i)) for i in range(26)]})
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert "length less than or equal to 25" in caught.value.response["Error"]["Message"]
    with pytest.raises(db.exceptions.ClientError) as caught:
        db.batch_write_item(
            RequestItems={
                table: [put(key(i)) for i in range(20)],
                ranged: [put({"id": {"S": "a"}, "at": {"N": str(i)}}) for i in range(6)],
            }
        )
    assert (
        caught.value.response["Error"]["Message"]
        == "Too many items requested for the BatchWriteItem call"
    )
    # "If you request more than 100 items, BatchGetItem returns a ValidationException with the
    # message", wherever they are.
    for first in (101, 60):
        keys = {table: {"Keys": [key(i) for i in range(first)]}}
        if first < 100:
            keys[ranged] = {"Keys": [{"id": {"S": "a"}, "at": {"N": str(i)}} for i in range(41)]}
        with pytest.raises(db.exceptions.ClientError) as caught:
            db.batch_get_item(RequestItems=keys)
        error = caught.value.response["Error"]
        assert error["Code"] == "ValidationException"
        assert error["Message"] == "Too many items requested for the BatchGetItem call"


def test_the_batch_writer_of_the_resource_layer(resource, table):
    it = resource("dynamodb").Table(table)
    with it.batch_writer() as batch:
        for i in range(60):
            batch.put_item(Item={"id": f"k{i}", "n": i})
    assert it.scan()["Count"] == 60


def test_a_large_reply_leaves_keys_unprocessed(db, table):
    for i in range(50):
        db.put_item(TableName=table, Item={**key(i), "v": {"S": "x" * 400_000}})
    wanted = {table: {"Keys": [key(i) for i in range(50)]}}
    seen = 0
    rounds = 0
    while wanted:
        reply = db.batch_get_item(RequestItems=wanted)
        seen += len(reply["Responses"][table])
        wanted = reply["UnprocessedKeys"]
        rounds += 1
    assert (seen, rounds) == (50, 2)


def test_a_reply_does_not_exceed_its_limit(db, table):
    # AWS's own example: of a hundred items of 300 KB each, 52 are returned.
    for i in range(100):
        item = {**key(i), "v": {"S": ""}}
        length = 300 * 1024 - sum(len(name) + len(value["S"]) for name, value in item.items())
        db.put_item(TableName=table, Item={**item, "v": {"S": "x" * length}})
    wanted = {table: {"Keys": [key(i) for i in range(100)], "ProjectionExpression": "id"}}
    reply = db.batch_get_item(RequestItems=wanted)
    assert len(reply["Responses"][table]) == 52
    assert len(reply["UnprocessedKeys"][table]["Keys"]) == 48


def test_a_batch_of_large_items_is_written_whole(db, table):
    for letter in "xy":
        items = [put({**key(i), "v": {"S": letter * 390_000}}) for i in range(25)]
        reply = db.batch_write_item(RequestItems={table: items})
        assert reply["UnprocessedItems"] == {}
    for i in range(25):
        item = db.get_item(TableName=table, Key=key(i))["Item"]
        assert item["v"]["S"][:1] == "y"
