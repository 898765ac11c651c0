"""Which changes make a record, and what it holds."""

import re

import pytest

from .conftest import read_stream

VIEWS = ["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"]
KEY = {"id": {"S": "o1"}}
FIRST = {**KEY, "quantity": {"N": "1"}}
SECOND = {**KEY, "quantity": {"N": "2"}}


@pytest.mark.parametrize("view", VIEWS)
def test_each_view_shows_its_images(db, streams, streamed, view):
    name, arn = streamed(view)
    db.put_item(TableName=name, Item=FIRST)
    db.put_item(TableName=name, Item=SECOND)
    db.delete_item(TableName=name, Key=KEY)
    records = read_stream(streams, arn)
    assert [record["eventName"] for record in records] == ["INSERT", "MODIFY", "REMOVE"]
    images = [(None, FIRST), (FIRST, SECOND), (SECOND, None)]
    for record, (old, new) in zip(records, images):
        assert set(record) == {
            "eventID", "eventName", "eventVersion", "eventSource", "awsRegion", "dynamodb",
        }  # fmt: skip
        assert re.fullmatch("[0-9a-f]{32}", record["eventID"])
        assert record["eventVersion"] == "1.1"
        assert record["eventSource"] == "aws:dynamodb"
        assert record["awsRegion"] == "us-east-1"
        change = record["dynamodb"]
        assert change["Keys"] == KEY
        assert change["StreamViewType"] == view
        assert re.fullmatch("[1-9][0-9]{20,39}", change["SequenceNumber"])
        assert change["ApproximateCreationDateTime"].microsecond == 0
        shows_new = view in ("NEW_IMAGE", "NEW_AND_OLD_IMAGES")
        shows_old = view in ("OLD_IMAGE", "NEW_AND_OLD_IMAGES")
        assert change.get("NewImage") == (new if shows_new else None)
        assert change.get("OldImage") == (old if shows_old else None)
    sizes = {
        "KEYS_ONLY": [4, 4, 4],
        "NEW_IMAGE": [18, 18, 4],
        "OLD_IMAGE": [4, 18, 18],
        "NEW_AND_OLD_IMAGES": [18, 32, 18],
    }
    assert [record["dynamodb"]["SizeBytes"] for record in records] == sizes[view]
    assert len({record["eventID"] for record in records}) == 3
    assert read_stream(streams, arn) == records


def test_sizes_are_those_recorded_on_aws(db, streams, streamed):
    name, arn = streamed("NEW_AND_OLD_IMAGES")
    item = {"id": {"S": "my-item-id"}, "attr1": {"S": "value1"}, "attr2": {"S": "value2"}}
    db.put_item(TableName=name, Item={"id": {"S": "Fred"}})
    db.put_item(TableName=name, Item=item)
    db.update_item(
        TableName=name,
        Key={"id": {"S": "my-item-id"}},
        UpdateExpression="SET attr1 = :v",
        ExpressionAttributeValues={":v": {"S": "value9"}},
    )
    sizes = [record["dynamodb"]["SizeBytes"] for record in read_stream(streams, arn)]
    assert sizes == [12, 46, 80]


def test_a_write_that_changes_nothing_makes_no_record(db, streams, streamed):
    name, arn = streamed("NEW_AND_OLD_IMAGES")
    item = {
        **KEY,
        "m": {"M": {"a": {"N": "1"}, "b": {"S": "x"}}},
        "s": {"SS": ["p", "q"]},
        "n": {"N": "10"},
    }
    same = {
        **KEY,
        "m": {"M": {"b": {"S": "x"}, "a": {"N": "1.0"}}},
        "s": {"SS": ["q", "p"]},
        "n": {"N": "1e1"},
    }
    update = dict(TableName=name, Key=KEY)
    db.put_item(TableName=name, Item=item)
    db.put_item(TableName=name, Item=same)
    db.batch_write_item(RequestItems={name: [{"PutRequest": {"Item": same}}]})
    db.update_item(
        UpdateExpression="SET n = :n", ExpressionAttributeValues={":n": {"N": "10.0"}}, **update
    )
    db.update_item(
        UpdateExpression="ADD n :z", ExpressionAttributeValues={":z": {"N": "0"}}, **update
    )
    db.update_item(UpdateExpression="REMOVE none_there", **update)
    db.update_item(**update)
    nobody = {"id": {"S": "nobody"}}
    db.delete_item(TableName=name, Key=nobody)
    db.update_item(TableName=name, Key=nobody, UpdateExpression="REMOVE a")
    assert [record["eventName"] for record in read_stream(streams, arn)] == ["INSERT"]


def test_an_update_without_an_expression_inserts_the_bare_key(db, streams, streamed):
    name, arn = streamed("NEW_AND_OLD_IMAGES")
    db.update_item(TableName=name, Key=KEY)
    db.put_item(TableName=name, Item=FIRST)
    first, second = read_stream(streams, arn)
    assert (first["eventName"], first["dynamodb"]["NewImage"]) == ("INSERT", KEY)
    assert second["dynamodb"]["OldImage"] == KEY


def test_a_batch_makes_a_record_for_each_item_changed(db, streams, streamed):
    name, arn = streamed("NEW_IMAGE")
    db.put_item(TableName=name, Item={"id": {"S": "k0"}})
    db.batch_write_item(
        RequestItems={
            name: [{"DeleteRequest": {"Key": {"id": {"S": "k0"}}}}]
            + [{"PutRequest": {"Item": {"id": {"S": f"k{i}"}}}} for i in range(1, 10)]
        }
    )
    records = read_stream(streams, arn)
    changes = {(r["eventName"], r["dynamodb"]["Keys"]["id"]["S"]) for r in records}
    assert changes == {("INSERT", f"k{i}") for i in range(10)} | {("REMOVE", "k0")}
    assert len(records) == 11


def test_binaries_come_back(db, streams, streamed):
    name, arn = streamed("NEW_IMAGE")
    db.put_item(TableName=name, Item={**KEY, "b": {"B": b"\x00\xff\x01"}})
    assert read_stream(streams, arn)[0]["dynamodb"]["NewImage"]["b"] == {"B": b"\x00\xff\x01"}


def test_changes_of_an_item_come_in_order_under_many_writers(db, streams, streamed, server):
    import threading

    name, arn = streamed("NEW_AND_OLD_IMAGES")

    def count():
        own = server.client("dynamodb")
        for i in range(60):
            own.update_item(
                TableName=name,
                Key={"id": {"S": f"k{i % 6}"}},
                UpdateExpression="ADD n :one",
                ExpressionAttributeValues={":one": {"N": "1"}},
            )

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    last = {}
    for record in read_stream(streams, arn):
        change = record["dynamodb"]
        key = change["Keys"]["id"]["S"]
        old = int(change["OldImage"]["n"]["N"]) if "OldImage" in change else 0
        assert old == last.get(key, 0)
        last[key] = int(change["NewImage"]["n"]["N"])
    assert last == {f"k{i}": 40 for i in range(6)}
