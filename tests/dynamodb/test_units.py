"""What is consumed, by the table and by each index; how large items and pages are, to the byte."""

import pytest
from botocore.exceptions import ClientError

from .conftest import KEY, Api, make_table

ITEM_BYTES_MAX = 409600
PAGE_BYTES = 1 << 20


def s(text):
    return {"S": text}


def n(number):
    return {"N": str(number)}


ID = {"id": s("a"), "at": n(1)}


@pytest.fixture(scope="module")
def indexed(server):
    api, name = Api(server), "units-indexed"
    by_kind = [{"AttributeName": "kind", "KeyType": "HASH"}]
    make_table(
        api,
        name,
        KEY["range"],
        extra={"kind": "S", "score": "N"},
        GlobalSecondaryIndexes=[
            {"IndexName": "all", "KeySchema": by_kind, "Projection": {"ProjectionType": "ALL"}},
            {
                "IndexName": "keys",
                "KeySchema": by_kind,
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            },
        ],
        LocalSecondaryIndexes=[
            {
                "IndexName": "local",
                "KeySchema": [
                    {"AttributeName": "id", "KeyType": "HASH"},
                    {"AttributeName": "score", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    )
    yield name
    api.delete_table(TableName=name)


def spent(reply):
    """{index or "table": units}, and they are the sum."""
    units = reply["ConsumedCapacity"]
    found = {"table": units["Table"]["CapacityUnits"]}
    for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        for name, each in units.get(kind, {}).items():
            found[name] = each["CapacityUnits"]
    assert units["CapacityUnits"] == sum(found.values())
    return found


def test_each_index_pays_for_what_changes_in_it(api, indexed):
    """The rules of "Provisioned throughput considerations for Global Secondary Indexes"."""

    def put(**more):
        return api.put_item(
            TableName=indexed, Item={**ID, **more}, ReturnConsumedCapacity="INDEXES"
        )

    def update(expression, **values):
        arguments = {f":{name}": value for name, value in values.items()}
        return api.update_item(
            TableName=indexed,
            Key=ID,
            UpdateExpression=expression,
            ReturnConsumedCapacity="INDEXES",
            **({"ExpressionAttributeValues": arguments} if values else {}),
        )

    def delete():
        return api.delete_item(TableName=indexed, Key=ID, ReturnConsumedCapacity="INDEXES")

    one = {"table": 1, "all": 1, "keys": 1}
    steps = [
        (put(), {"table": 1}, "not in any index"),
        (put(kind=s("z")), one, "comes into both"),
        (put(kind=s("z")), {"table": 1}, "the same again"),
        (update("SET x = :x", x=s("1")), {"table": 1, "all": 1}, "projected by one"),
        (update("SET kind = :x", x=s("y")), {"table": 1, "all": 2, "keys": 2}, "moves in both"),
        (update("SET score = :x", x=n(5)),
         {"table": 1, "all": 1, "local": 1}, "comes into the local one"),
        (update("SET score = :x", x=n(6)), {"table": 1, "all": 1, "local": 2}, "moves in it"),
        (update("SET big = :x", x=s("x" * 3000)), {"table": 3, "all": 3}, "by size"),
        (update("SET x = :x", x=s("2")), {"table": 3, "all": 3}, "of all the item"),
        (update("REMOVE big"), {"table": 3, "all": 1}, "the larger of before and after"),
        (update("REMOVE kind"), one, "leaves both"),
        (update("REMOVE score"), {"table": 1, "local": 1}, "leaves the local one"),
        (update("SET kind = :k, score = :r", k=s("y"), r=n(1)), {**one, "local": 1}, "comes in"),
        (delete(), {**one, "local": 1}, "is deleted"),
        (delete(), {"table": 1}, "is not there"),
    ]  # fmt: skip
    for reply, wanted, why in steps:
        assert spent(reply) == wanted, why


@pytest.mark.parametrize("text_bytes, units", [(1024 - 16, 1), (1024 - 15, 2), (10 * 1024, 11)])
def test_a_write_pays_by_whole_kilobytes(api, table, text_bytes, units):
    item = {"id": s("0123456789"), "text": s("x" * text_bytes)}  # 16 bytes and the text
    wanted = dict(TableName=table, ReturnConsumedCapacity="TOTAL")
    for write in (
        lambda: api.put_item(Item=item, **wanted),
        lambda: api.put_item(Item=item, **wanted),
        lambda: api.put_item(Item={"id": item["id"]}, **wanted),
    ):
        assert write()["ConsumedCapacity"]["CapacityUnits"] == units
    small = api.put_item(Item={"id": item["id"]}, **wanted)
    assert small["ConsumedCapacity"]["CapacityUnits"] == 1


@pytest.mark.parametrize("text_bytes, blocks", [(0, 1), (4096 - 16, 1), (4096 - 15, 2)])
def test_a_read_pays_by_blocks_of_four_kilobytes(api, table, text_bytes, blocks):
    key = {"id": s("0123456789")}
    api.put_item(TableName=table, Item={**key, "text": s("x" * text_bytes)})

    def units(operation, **more):
        reply = operation(TableName=table, ReturnConsumedCapacity="TOTAL", **more)
        return reply["ConsumedCapacity"]["CapacityUnits"]

    assert units(api.get_item, Key=key) == blocks / 2
    assert units(api.get_item, Key=key, ConsistentRead=True) == blocks
    assert units(api.get_item, Key=key, ProjectionExpression="id") == blocks / 2
    assert units(api.scan) == blocks / 2
    assert units(api.scan, ConsistentRead=True, Select="COUNT") == blocks
    assert units(api.scan, FilterExpression="attribute_exists(nothing_there)") == blocks / 2
    got = api.transact_get_items(
        TransactItems=[{"Get": {"TableName": table, "Key": key}}], ReturnConsumedCapacity="TOTAL"
    )
    assert got["ConsumedCapacity"][0]["CapacityUnits"] == 2 * blocks
    missing = {"id": s("missing")}
    assert units(api.get_item, Key=missing) == 0.5
    assert units(api.get_item, Key=missing, ConsistentRead=True) == 1


def test_a_page_is_summed_before_it_is_rounded(api, ranged):
    for at in range(5):
        item = {"id": s("a"), "at": n(at), "text": s("x" * 1000)}
        api.put_item(TableName=ranged, Item=item)
    query = dict(
        TableName=ranged,
        KeyConditionExpression="id = :id",
        ExpressionAttributeValues={":id": s("a")},
        ReturnConsumedCapacity="TOTAL",
        ConsistentRead=True,
    )
    assert api.query(**query)["ConsumedCapacity"]["CapacityUnits"] == 2  # five of 1,012 bytes
    assert api.query(Limit=1, **query)["ConsumedCapacity"]["CapacityUnits"] == 1
    query["ExpressionAttributeValues"] = {":id": s("nobody")}
    assert api.query(**query)["ConsumedCapacity"]["CapacityUnits"] == 1


# The size of an attribute `v` (a byte for its name) in an item that has the key `id` = "k" (3).
SIZES = [
    (s(""), 0),
    (s("é\U0001f600"), 6),
    ({"B": "AAECAw=="}, 4),
    (n(0), 1),
    (n(1), 2),
    (n(-1), 3),
    (n(12), 2),
    (n(123), 3),
    ({"BOOL": True}, 1),
    ({"NULL": True}, 1),
    ({"SS": ["a", "bc"]}, 3),
    ({"NS": ["1", "12"]}, 4),
    ({"BS": ["AA==", "AAE="]}, 3),
    ({"L": []}, 3),
    ({"L": [s("a"), {"BOOL": True}]}, 3 + 2 + 2),
    ({"M": {}}, 3),
    ({"M": {"key": s("value")}}, 3 + 1 + 8),
]


@pytest.mark.parametrize("value, size", SIZES, ids=[str(value)[:40] for value, _ in SIZES])
def test_an_item_may_be_so_large_to_the_byte(api, table, refused, value, size):
    """What the value weighs is seen at the limit: one byte more does not fit."""
    item = {"id": s("k"), "v": value, "t": s("x" * (ITEM_BYTES_MAX - 3 - 1 - size - 1))}
    api.put_item(TableName=table, Item=item)
    larger = {**item, "t": s(item["t"]["S"] + "x")}
    too_large = "Item size has exceeded the maximum allowed size"
    refused("ValidationException", too_large, api.put_item, TableName=table, Item=larger)
    refused(
        "ValidationException",
        "Item size to update has exceeded the maximum allowed size",
        api.update_item,
        TableName=table,
        Key={"id": s("k")},
        UpdateExpression="SET t = :t",
        ExpressionAttributeValues={":t": larger["t"]},
    )


def test_an_item_and_its_local_entries_have_400_kb_together(api, fresh, refused):
    """AWS's limit for tables with local indexes, to the byte: two of them, one with all."""
    name = fresh("locals")
    make_table(
        api,
        name,
        KEY["range"],
        extra={"one": "S", "two": "S"},
        LocalSecondaryIndexes=[
            {
                "IndexName": f"by-{attribute}",
                "KeySchema": [
                    {"AttributeName": "id", "KeyType": "HASH"},
                    {"AttributeName": attribute, "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": projection},
            }
            for attribute, projection in (("one", "ALL"), ("two", "KEYS_ONLY"))
        ],
    )
    key = {"id": s("k"), "at": n(1)}
    keys_bytes = 2 + 1 + 2 + 2
    alone = {**key, "t": s("x" * (ITEM_BYTES_MAX - keys_bytes - 1))}
    api.put_item(TableName=name, Item=alone)
    spare = ITEM_BYTES_MAX - 2 * (keys_bytes + 4 + 4 + 1) - (keys_bytes + 4)
    full = {**key, "one": s("1"), "two": s("2"), "t": s("x" * (spare // 2))}
    assert spare % 2 == 1
    api.put_item(TableName=name, Item=full)
    larger = {**full, "t": s(full["t"]["S"] + "x")}
    too_large = "Item size has exceeded the maximum allowed size"
    refused("ValidationException", too_large, api.put_item, TableName=name, Item=larger)
    put = {"PutRequest": {"Item": larger}}
    refused("ValidationException", too_large, api.batch_write_item, RequestItems={name: [put]})
    change = {
        "TableName": name,
        "Key": key,
        "UpdateExpression": "SET t = :t",
        "ExpressionAttributeValues": {":t": larger["t"]},
    }
    to_update = "Item size to update has exceeded the maximum allowed size"
    refused("ValidationException", to_update, api.update_item, **change)
    with pytest.raises(ClientError) as caught:
        api.transact_write_items(TransactItems=[{"Update": change}])
    assert "[ValidationError]" in str(caught.value)
    api.update_item(**{**change, "UpdateExpression": "SET t = :t REMOVE one"})


@pytest.mark.parametrize("more, count", [(0, 11), (1, 11), (-1, 11)])
def test_a_page_ends_with_the_item_that_exceeds_a_megabyte(api, ranged, more, count):
    """"If the total size of scanned items exceeds the maximum dataset size limit of 1 MB, the scan
    completes": ten items are a megabyte, or a byte more or less of it; the eleventh exceeds it."""
    size = PAGE_BYTES // 10  # and 6 bytes are left of the megabyte
    for at in range(12):
        spare = 6 + more if at == 0 else 0
        item = {"id": s("a"), "at": n(at + 10), "t": s("x" * (size - 3 - 4 - 1 + spare))}
        api.put_item(TableName=ranged, Item=item)
    want = 10 if more == 1 else count
    query = dict(
        TableName=ranged,
        KeyConditionExpression="id = :id",
        ExpressionAttributeValues={":id": s("a")},
    )
    for page in (
        api.query(Select="COUNT", **query),
        api.query(ProjectionExpression="id", **query),
        api.query(FilterExpression="attribute_not_exists(nothing_there)", **query),
        api.scan(TableName=ranged, Select="COUNT"),
    ):
        assert page["ScannedCount"] == page["Count"] == want
        assert page["LastEvaluatedKey"]["at"] == n(want + 9)
    rest = api.query(Select="COUNT", ExclusiveStartKey=page["LastEvaluatedKey"], **query)
    assert rest["Count"] == 12 - want and "LastEvaluatedKey" not in rest


def test_a_filter_counts_after_the_limit_and_select_shows_what_it_says(api, indexed):
    for at in range(6):
        item = {"id": s("f"), "at": n(at), "kind": s("f"), "score": n(9 - at), "v": n(at % 2)}
        api.put_item(TableName=indexed, Item=item)
    of_kind = dict(
        TableName=indexed,
        IndexName="all",
        KeyConditionExpression="kind = :k",
        FilterExpression="v = :v",
        ExpressionAttributeValues={":k": s("f"), ":v": n(0)},
    )
    page = api.query(Limit=3, **of_kind)
    assert (page["Count"], page["ScannedCount"]) == (2, 3)
    assert set(page["LastEvaluatedKey"]) == {"id", "at", "kind"}
    page = api.query(Limit=6, Select="COUNT", **of_kind)
    assert (page["Count"], page["ScannedCount"], "Items" in page) == (3, 6, False)
    assert "LastEvaluatedKey" in page  # the limit was met, whatever comes behind
    page = api.query(Limit=7, **of_kind)
    assert (page["Count"], page["ScannedCount"], "LastEvaluatedKey" in page) == (3, 6, False)
    local = dict(
        TableName=indexed,
        IndexName="local",
        KeyConditionExpression="id = :k",
        ExpressionAttributeValues={":k": s("f")},
        Limit=1,
    )
    for select, names in [
        ("ALL_PROJECTED_ATTRIBUTES", {"id", "at", "score"}),
        ("ALL_ATTRIBUTES", {"id", "at", "score", "kind", "v"}),
        (None, {"id", "at", "score"}),
    ]:
        more = {"Select": select} if select else {}
        (item,) = api.query(**local, **more)["Items"]
        assert set(item) == names
    for at in range(6):
        api.delete_item(TableName=indexed, Key={"id": s("f"), "at": n(at)})
