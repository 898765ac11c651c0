"""Query and Scan: ranges, order, pages, filters, segments."""

import random

import pytest


@pytest.fixture
def filled(db, ranged):
    for start in range(0, 50, 25):
        db.batch_write_item(
            RequestItems={
                ranged: [
                    {
                        "PutRequest": {
                            "Item": {
                                "id": {"S": "a"},
                                "at": {"N": str(i - 10)},
                                "v": {"N": str(i % 3)},
                            }
                        }
                    }
                    for i in range(start, start + 25)
                ]
            }
        )
    db.put_item(TableName=ranged, Item={"id": {"S": "b"}, "at": {"N": "0"}})
    return ranged


def ask(db, table, expression="id = :h", values=(), **more):
    named = {":h": {"S": "a"}, **{f":{k}": {"N": str(v)} for k, v in dict(values).items()}}
    return db.query(
        TableName=table,
        KeyConditionExpression=expression,
        ExpressionAttributeValues=named,
        **more,
    )


def places(reply):
    return [int(item["at"]["N"]) for item in reply["Items"]]


@pytest.mark.parametrize(
    "condition, values, want",
    [
        ("at = :x", {"x": 5}, [5]),
        ("at < :x", {"x": -7}, [-10, -9, -8]),
        ("at <= :x", {"x": -8}, [-10, -9, -8]),
        ("at > :x", {"x": 37}, [38, 39]),
        ("at >= :x", {"x": 38}, [38, 39]),
        ("at BETWEEN :x AND :y", {"x": -1.5, "y": 2}, [-1, 0, 1, 2]),
        (":x < at", {"x": 37}, [38, 39]),
        ("at > :x", {"x": 100}, []),
    ],
)
def test_a_sort_key_condition_selects_a_range_in_numeric_order(db, filled, condition, values, want):
    reply = ask(db, filled, f"id = :h AND {condition}".replace(" at ", " #at ").replace(
        "AND at", "AND #at").replace("< at", "< #at"), values,
        ExpressionAttributeNames={"#at": "at"})  # fmt: skip
    assert places(reply) == want
    back = ask(db, filled, f"id = :h AND {condition}".replace(" at ", " #at ").replace(
        "AND at", "AND #at").replace("< at", "< #at"), values,
        ExpressionAttributeNames={"#at": "at"}, ScanIndexForward=False)  # fmt: skip
    assert places(back) == want[::-1]


@pytest.mark.parametrize("forward", [True, False])
def test_pages_join_to_the_whole(db, filled, forward):
    seen, start, pages = [], {}, 0
    while True:
        reply = ask(db, filled, Limit=7, ScanIndexForward=forward, **start)
        seen += places(reply)
        pages += 1
        if "LastEvaluatedKey" not in reply:
            break
        start = {"ExclusiveStartKey": reply["LastEvaluatedKey"]}
    assert seen == (list(range(-10, 40)) if forward else list(range(39, -11, -1)))
    assert pages == 8


def test_a_limit_hit_at_the_last_item_still_gives_a_key(db, filled):
    reply = ask(db, filled, Limit=50)
    assert reply["LastEvaluatedKey"] == {"id": {"S": "a"}, "at": {"N": "39"}}
    reply = ask(db, filled, Limit=50, ExclusiveStartKey=reply["LastEvaluatedKey"])
    assert reply["Count"] == 0 and "LastEvaluatedKey" not in reply


def test_filters_come_after_the_limit(db, filled):
    reply = ask(db, filled, values={"v": 0}, FilterExpression="v = :v", Limit=9)
    assert (reply["Count"], reply["ScannedCount"]) == (3, 9)
    reply = ask(db, filled, values={"v": 0}, FilterExpression="v = :v", Select="COUNT")
    assert (reply["Count"], reply["ScannedCount"]) == (17, 50)
    assert "Items" not in reply


def test_projection_and_capacity(db, filled):
    reply = ask(db, filled, ProjectionExpression="v", ReturnConsumedCapacity="TOTAL")
    assert all(set(item) == {"v"} for item in reply["Items"])
    assert reply["ConsumedCapacity"]["CapacityUnits"] == 0.5
    reply = ask(db, filled, ConsistentRead=True, ReturnConsumedCapacity="TOTAL")
    assert reply["ConsumedCapacity"]["CapacityUnits"] == 1.0


def test_a_page_ends_after_a_megabyte(db, ranged):
    for i in range(30):
        db.put_item(
            TableName=ranged,
            Item={"id": {"S": "a"}, "at": {"N": str(i)}, "v": {"S": "x" * 100_000}},
        )
    reply = ask(db, ranged)
    assert reply["Count"] == 11 and "LastEvaluatedKey" in reply
    reply = db.scan(TableName=ranged, FilterExpression="attribute_exists(nothing_there)")
    assert (reply["Count"], reply["ScannedCount"]) == (0, 11)
    pages = db.get_paginator("query").paginate(
        TableName=ranged,
        KeyConditionExpression="id = :h",
        ExpressionAttributeValues={":h": {"S": "a"}},
    )
    assert [int(i["at"]["N"]) for page in pages for i in page["Items"]] == list(range(30))


def test_strings_and_binaries_sort_by_bytes(db, fresh):
    name = fresh("s")
    db.create_table(
        TableName=name,
        KeySchema=[
            {"AttributeName": "h", "KeyType": "HASH"},
            {"AttributeName": "r", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "h", "AttributeType": "B"},
            {"AttributeName": "r", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    words = ["", "a", "a\x00", "a\x00b", "a\x01", "aa", "b", "ä", "z", "\U0001f600", "ﬀ"][1:]
    random.Random(1).shuffle(words)
    for word in words:
        db.put_item(TableName=name, Item={"h": {"B": b"\x00\xff"}, "r": {"S": word}})

    def query(condition, **values):
        return [
            item["r"]["S"]
            for item in db.query(
                TableName=name,
                KeyConditionExpression="h = :h" + condition,
                ExpressionAttributeValues={
                    ":h": {"B": b"\x00\xff"},
                    **{f":{k}": {"S": v} for k, v in values.items()},
                },
            )["Items"]
        ]

    ordered = sorted(words, key=lambda word: word.encode())
    assert query("") == ordered
    assert query(" AND begins_with(r, :p)", p="a") == [w for w in ordered if w.startswith("a")]
    assert query(" AND begins_with(r, :p)", p="a\x00") == ["a\x00", "a\x00b"]
    assert query(" AND r > :p", p="a") == [w for w in ordered if w > "a"]
    db.delete_table(TableName=name)


def test_a_scan_sees_all_and_its_segments_share_them(db, table):
    names = {f"item{i}" for i in range(200)}
    for chunk in range(0, 200, 25):
        db.batch_write_item(
            RequestItems={
                table: [
                    {"PutRequest": {"Item": {"id": {"S": name}}}}
                    for name in sorted(names)[chunk : chunk + 25]
                ]
            }
        )
    pages = db.get_paginator("scan").paginate(TableName=table, PaginationConfig={"PageSize": 7})
    seen = [item["id"]["S"] for page in pages for item in page["Items"]]
    assert len(seen) == 200 and set(seen) == names
    for total in (1, 3, 4, 7):
        parts = []
        for segment in range(total):
            start = {}
            while True:
                reply = db.scan(
                    TableName=table, Segment=segment, TotalSegments=total, Limit=30, **start
                )
                parts += [item["id"]["S"] for item in reply["Items"]]
                if "LastEvaluatedKey" not in reply:
                    break
                start = {"ExclusiveStartKey": reply["LastEvaluatedKey"]}
        assert len(parts) == 200 and set(parts) == names
