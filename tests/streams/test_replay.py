"""The stream, replayed from empty, is the table: also across a kill -9 under load."""

import random
import threading

import pytest

from .conftest import read_stream

NAME = "orders"


def scan(db):
    pages = db.get_paginator("scan").paginate(TableName=NAME, ConsistentRead=True)
    return {item["id"]["S"]: item for page in pages for item in page["Items"]}


def replay(records, view="NEW_AND_OLD_IMAGES"):
    """The items after all records (of the view's images), each checked against the one before. Of
    KEYS_ONLY the items are their keys; of OLD_IMAGE those before each item's last change."""
    items, present = {}, set()
    if view == "OLD_IMAGE":
        for record in records:
            change = record["dynamodb"]
            key = change["Keys"]["id"]["S"]
            assert ("OldImage" in change) == (record["eventName"] != "INSERT")
            items[key] = change.get("OldImage")
        return items
    if view != "NEW_AND_OLD_IMAGES":
        for record in records:
            change = record["dynamodb"]
            key = change["Keys"]["id"]["S"]
            assert "OldImage" not in change
            assert (record["eventName"] == "INSERT") == (key not in present)
            if record["eventName"] == "REMOVE":
                present.remove(key)
                del items[key]
            else:
                present.add(key)
                items[key] = change["NewImage"] if view == "NEW_IMAGE" else change["Keys"]
        return items
    for record in records:
        change = record["dynamodb"]
        key = change["Keys"]["id"]["S"]
        assert change.get("OldImage") == items.get(key)
        if record["eventName"] == "REMOVE":
            del items[key]
        else:
            assert (record["eventName"] == "INSERT") == (key not in items)
            items[key] = change["NewImage"]
    return items


ALL_KEYS = [f"k{i}" for i in range(40)]


def change_every(db):
    for key in ALL_KEYS:
        db.put_item(TableName=NAME, Item={"id": {"S": key}, "last": {"BOOL": True}})


def change_at_random(db, seed, stop):
    rng = random.Random(seed)
    while not stop.is_set():
        key = {"id": {"S": f"k{rng.randrange(40)}"}}
        value = {"N": str(rng.randrange(3))}
        try:
            match rng.randrange(5):
                case 0:
                    db.put_item(TableName=NAME, Item={**key, "v": value})
                case 1:
                    db.update_item(
                        TableName=NAME,
                        Key=key,
                        UpdateExpression="SET w = :w ADD n :n",
                        ExpressionAttributeValues={":w": value, ":n": {"N": "1"}},
                    )
                case 2:
                    db.delete_item(TableName=NAME, Key=key)
                case 3:
                    keys = rng.sample(range(40), 5)
                    puts = [{"PutRequest": {"Item": {"id": {"S": f"k{k}"}}}} for k in keys]
                    db.batch_write_item(RequestItems={NAME: puts})
                case 4:
                    pair = rng.sample(range(40), 2)
                    put = {"TableName": NAME, "Item": {"id": {"S": f"k{pair[0]}"}, "t": value}}
                    delete = {"TableName": NAME, "Key": {"id": {"S": f"k{pair[1]}"}}}
                    db.transact_write_items(TransactItems=[{"Put": put}, {"Delete": delete}])
        except Exception:
            if not stop.is_set():
                raise
            return


def run_until_records(server, streams, arn, count):
    """Writers run until the stream has `count` records; returns the event that stops them."""
    stop = threading.Event()
    threads = [
        threading.Thread(target=change_at_random, args=(server.client("dynamodb"), seed, stop))
        for seed in range(3)
    ]
    for thread in threads:
        thread.start()
    while len(read_stream(streams, arn)) < count:
        stop.wait(0.05)
    return stop, threads


@pytest.mark.parametrize("view", ["NEW_AND_OLD_IMAGES", "NEW_IMAGE", "KEYS_ONLY", "OLD_IMAGE"])
def test_the_stream_replayed_is_the_table_across_kill_9(own_server, view):
    db, streams = own_server.client("dynamodb"), own_server.client("dynamodbstreams")
    arn = db.create_table(
        TableName=NAME,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": view},
    )["TableDescription"]["LatestStreamArn"]
    for wanted in (300, 700) if view == "NEW_AND_OLD_IMAGES" else (250,):
        stop, threads = run_until_records(own_server, streams, arn, wanted)
        stop.set()
        own_server.kill9()
        for thread in threads:
            thread.join()
        own_server.start()
        db, streams = own_server.client("dynamodb"), own_server.client("dynamodbstreams")
        items, table = replay(read_stream(streams, arn), view), scan(db)
        if view == "KEYS_ONLY":
            table = {key: {"id": item["id"]} for key, item in table.items()}
        if view == "OLD_IMAGE":  # one change more of each item shows what the last one left
            change_every(db)
            items, table = replay(read_stream(streams, arn), view), {
                key: table.get(key) for key in ALL_KEYS}
        assert items == table
