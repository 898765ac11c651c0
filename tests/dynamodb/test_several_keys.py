"""Global indexes whose keys have several attributes: up to four HASH and four RANGE ones."""

import itertools
import threading

import pytest
from support import wait_until

ALL = {"ProjectionType": "ALL"}
HASHES, RANGES = ["region", "kind"], ["state", "grade", "tag"]
KINDS = {"id": "S", "region": "S", "kind": "N", "state": "S", "grade": "N", "tag": "B"}


def schema(hashes, ranges=()):
    return [{"AttributeName": n, "KeyType": "HASH"} for n in hashes] + [
        {"AttributeName": n, "KeyType": "RANGE"} for n in ranges
    ]


def definitions(*names):
    return [{"AttributeName": n, "AttributeType": KINDS.get(n, "S")} for n in names]


def index(name="gsi", hashes=HASHES, ranges=RANGES, projection=None):
    return {
        "IndexName": name,
        "KeySchema": schema(hashes, ranges),
        "Projection": projection or ALL,
    }


def create(db, name, *indexes, **more):
    names = {"id": None}
    for each in indexes:
        names.update({e["AttributeName"]: None for e in each["KeySchema"]})
    return db.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=schema(["id"]),
        AttributeDefinitions=more.pop("definitions", definitions(*names)),
        **({"GlobalSecondaryIndexes": list(indexes)} if indexes else {}),
        **more,
    )


def value(name, v):
    kind = KINDS.get(name, "S")
    return {kind: v if kind == "B" else str(v)}


def item(**values):
    return {name: value(name, v) for name, v in values.items()}


def rows():
    """Every combination, so that any order and any range is seen."""
    found = []
    combined = itertools.product(
        ["eu", "us"], [1, 2], ["new", "old"], [-5, 3, 20], [b"\x00", b"\x01"]
    )
    for i, (region, kind, state, grade, tag) in enumerate(combined):
        found.append(
            item(id=f"{i:03}", region=region, kind=kind, state=state, grade=grade, tag=tag, i=i)
        )
    return found


def ordered(items):
    return sorted(
        items,
        key=lambda it: (it["state"]["S"], int(it["grade"]["N"]), it["tag"]["B"], it["id"]["S"]),
    )


@pytest.fixture(scope="module")
def filled(server):
    """(client, table) with all of rows()."""
    db, name = server.client("dynamodb"), "several-keys"
    create(db, name, index())
    for start in range(0, len(rows()), 25):
        puts = [{"PutRequest": {"Item": it}} for it in rows()[start : start + 25]]
        db.batch_write_item(RequestItems={name: puts})
    yield db, name
    db.delete_table(TableName=name)


def query(filled, condition, **more):
    db, table = filled
    values = {":r": "eu", ":k": 1, ":s": "new", ":n": 3, ":m": 20, ":t": b"\x01", ":b": "n"}
    kinds = {":k": "N", ":n": "N", ":m": "N", ":t": "B"}
    used = {
        name: {kinds.get(name, "S"): v if kinds.get(name) == "B" else str(v)}
        for name, v in values.items()
        if name in condition
    }
    names = {"#region": "region", "#state": "state"}
    return db.query(
        TableName=table,
        IndexName="gsi",
        KeyConditionExpression=condition,
        ExpressionAttributeValues=used,
        ExpressionAttributeNames={n: a for n, a in names.items() if n in condition},
        **more,
    )


PLACE = "#region = :r AND kind = :k"


@pytest.mark.parametrize(
    "more, holds",
    [
        ("", lambda s, n, t: True),
        (" AND #state = :s", lambda s, n, t: s == "new"),
        (" AND begins_with(#state, :b)", lambda s, n, t: s == "new"),
        (" AND #state > :s", lambda s, n, t: s > "new"),
        (" AND #state = :s AND grade = :n", lambda s, n, t: s == "new" and n == 3),
        (" AND grade >= :n AND #state = :s", lambda s, n, t: s == "new" and n >= 3),
        (" AND #state = :s AND grade < :n", lambda s, n, t: s == "new" and n < 3),
        (" AND #state = :s AND grade BETWEEN :n AND :m",
         lambda s, n, t: s == "new" and 3 <= n <= 20),
        (" AND #state = :s AND grade = :n AND tag = :t",
         lambda s, n, t: (s, n, t) == ("new", 3, b"\x01")),
        (" AND tag < :t AND grade = :n AND #state = :s",
         lambda s, n, t: (s, n) == ("new", 3) and t < b"\x01"),
    ],
)  # fmt: skip
def test_conditions_on_the_first_range_attributes_select_and_order(filled, more, holds):
    def wanted(it):
        return (it["region"]["S"], it["kind"]["N"]) == ("eu", "1") and holds(
            it["state"]["S"], int(it["grade"]["N"]), it["tag"]["B"]
        )

    expected = ordered(filter(wanted, rows()))
    assert expected
    assert query(filled, PLACE + more)["Items"] == expected
    assert query(filled, PLACE + more, ScanIndexForward=False)["Items"] == expected[::-1]
    assert query(filled, PLACE + more, Select="COUNT")["Count"] == len(expected)


@pytest.mark.parametrize("forward", [True, False])
def test_pages_go_on_where_the_last_one_ended(filled, forward):
    whole = query(filled, PLACE, ScanIndexForward=forward)["Items"]
    found, start = [], {}
    while True:
        page = query(filled, PLACE, ScanIndexForward=forward, Limit=5, **start)
        found += page["Items"]
        if "LastEvaluatedKey" not in page:
            break
        last = page["LastEvaluatedKey"]
        assert last == {n: found[-1][n] for n in ["id", *HASHES, *RANGES]}
        start = {"ExclusiveStartKey": last}
    assert found == whole
    db, table = filled
    scanned = list(db.get_paginator("scan").paginate(
        TableName=table, IndexName="gsi", PaginationConfig={"PageSize": 7}))  # fmt: skip
    assert sorted(it["id"]["S"] for page in scanned for it in page["Items"]) == [
        it["id"]["S"] for it in rows()
    ]


GAP = (
    "RANGE key attributes {} must have equality conditions specified in the query because a "
    "condition is present on key attribute {}"
)
HASH = "HASH key attributes {} must have equality conditions specified in the query"


@pytest.mark.parametrize(
    "condition, text",
    [
        ("#region = :r", HASH.format("kind")),
        ("#region = :r AND kind > :k", HASH.format("kind")),
        ("#region = :r AND #state = :s", HASH.format("kind")),
        (PLACE + " AND grade = :n", GAP.format("state", "grade")),
        (PLACE + " AND #state = :s AND tag = :t", GAP.format("grade", "tag")),
        (PLACE + " AND #state > :s AND grade = :n", GAP.format("state", "grade")),
        (PLACE + " AND begins_with(#state, :b) AND grade = :n", GAP.format("state", "grade")),
        (PLACE + " AND id = :s", "Query key condition not supported"),
        (
            PLACE + " AND #state = :n",
            "One or more parameter values were invalid: Condition parameter type does not match "
            "schema type",
        ),
    ],
)
def test_other_conditions_are_refused(filled, refused, condition, text):
    refused("ValidationException", text, lambda: query(filled, condition))


def test_legacy_conditions_say_the_same(filled, refused):
    db, table = filled
    conditions = {
        "region": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "eu"}]},
        "kind": {"ComparisonOperator": "EQ", "AttributeValueList": [{"N": "1"}]},
        "state": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "new"}]},
        "grade": {"ComparisonOperator": "GT", "AttributeValueList": [{"N": "3"}]},
    }
    where = {"TableName": table, "IndexName": "gsi"}
    found = db.query(**where, KeyConditions=conditions)["Items"]
    assert {it["grade"]["N"] for it in found} == {"20"} and len(found) == 2
    del conditions["state"]
    text = GAP.format("state", "grade")
    refused("ValidationException", text, db.query, **where, KeyConditions=conditions)


def test_three_conditions_fit_no_plain_key(filled, refused):
    db, table = filled
    refused(
        "ValidationException",
        "Conditions can be of length 1 or 2 only",
        db.query,
        TableName=table,
        KeyConditionExpression="id = :a AND b = :a AND c = :a",
        ExpressionAttributeValues={":a": {"S": "x"}},
    )


def test_a_start_key_elsewhere_is_refused(filled, refused):
    start = query(filled, PLACE, Limit=1)["LastEvaluatedKey"]
    invalid = "The provided starting key is invalid"
    short = {n: v for n, v in start.items() if n != "kind"}
    refused("ValidationException", invalid, lambda: query(filled, PLACE, ExclusiveStartKey=short))
    outside = "The provided starting key is outside query boundaries based on provided conditions"
    other = {**start, "kind": {"N": "2"}}
    refused("ValidationException", outside, lambda: query(filled, PLACE, ExclusiveStartKey=other))
    unlike = "The provided starting key does not match the range key predicate"
    other = {**start, "state": {"S": "old"}}
    refused(
        "ValidationException",
        unlike,
        lambda: query(filled, PLACE + " AND #state = :s", ExclusiveStartKey=other),
    )


def test_partiql_reads_the_index(filled):
    db, table = filled
    where = "WHERE region = 'eu' AND kind = 1 AND state = 'new' AND grade >= 3"
    found = db.execute_statement(Statement=f'SELECT id FROM "{table}"."gsi" {where}')["Items"]
    expected = query(filled, PLACE + " AND #state = :s AND grade >= :n")["Items"]
    assert [it["id"] for it in found] == [it["id"] for it in expected]
    order = f'SELECT id FROM "{table}"."gsi" {where} ORDER BY grade DESC'
    assert db.execute_statement(Statement=order)["Items"] == found[::-1]


def test_an_item_that_lacks_a_key_attribute_has_no_entry(db, fresh):
    name = fresh("sparse")
    create(db, name, index())
    whole = item(id="a", region="eu", kind=1, state="new", grade=3, tag=b"\x00")
    db.put_item(TableName=name, Item=whole)
    for lacking in HASHES + RANGES:
        part = {n: v for n, v in whole.items() if n != lacking}
        db.put_item(TableName=name, Item={**part, "id": {"S": lacking}})
    assert db.scan(TableName=name, IndexName="gsi")["Items"] == [whole]
    key = {"TableName": name, "Key": {"id": {"S": "kind"}}}
    one = {":v": {"N": "1"}}
    db.update_item(**key, UpdateExpression="SET kind = :v", ExpressionAttributeValues=one)
    assert db.scan(TableName=name, IndexName="gsi")["Count"] == 2
    db.update_item(**key, UpdateExpression="REMOVE tag")
    assert db.scan(TableName=name, IndexName="gsi")["Items"] == [whole]
    db.delete_table(TableName=name)


def test_key_attributes_have_their_types_and_sizes(db, fresh, refused):
    name = fresh("typed")
    create(db, name, index("gsi", ["region"], ["state", "note"]))
    good = item(id="a", region="eu", state="s", note="n")
    mismatch = (
        "One or more parameter values were invalid: Type mismatch for Index Key note Expected: S "
        "Actual: N IndexName: gsi"
    )
    empty = (
        "One or more parameter values are not valid. A value specified for a secondary index key "
        "is not supported. The AttributeValue for a key attribute cannot contain an empty string "
        "value. IndexName: gsi, IndexKey: note"
    )
    large = (
        "One or more parameter values were invalid: Aggregated size of all range keys has exceeded "
        "the size limit of 1024 bytes"
    )
    half = {"S": "x" * 513}
    for change, text in [
        ({"note": {"N": "1"}}, mismatch),
        ({"note": {"S": ""}}, empty),
        ({"note": half, "state": half}, large),
    ]:
        refused("ValidationException", text, db.put_item, TableName=name, Item={**good, **change})
    db.put_item(TableName=name, Item={**good, "note": {"S": "x" * 1023}})
    db.delete_table(TableName=name)


INVALID = "One or more parameter values were invalid: "


@pytest.mark.parametrize(
    "keys, text",
    [
        (schema([f"a{i}" for i in range(5)]),
         INVALID + "The KeySchema exceeds the maximum allowed number of HASH key attributes"),
        (schema(["a0"], [f"b{i}" for i in range(5)]),
         INVALID + "The KeySchema exceeds the maximum allowed number of RANGE key attributes"),
        (schema(["a0"], ["b0"]) + schema(["a1"]),
         INVALID + "All HASH key attributes must precede RANGE key attributes in the KeySchema"),
        (schema([], ["b0", "b1"]),
         "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"),
        (schema(["a0", "a0"]), "The KeySchema contains multiple key attributes with the same name"),
        (schema(["a0", "a1"], ["a0"]),
         "The KeySchema contains multiple key attributes with the same name"),
    ],
)  # fmt: skip
def test_key_schemas_that_no_index_can_have(db, fresh, refused, keys, text):
    name, each = fresh("never"), {"IndexName": "gsi", "KeySchema": keys, "Projection": ALL}
    names = dict.fromkeys(e["AttributeName"] for e in keys)
    invalid = "ValidationException"
    with_index = {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": schema(["id"]),
        "AttributeDefinitions": definitions("id", *names),
        "GlobalSecondaryIndexes": [each],
    }
    refused(invalid, text, db.create_table, **with_index)
    create(db, name)
    refused(
        invalid,
        text,
        db.update_table,
        TableName=name,
        AttributeDefinitions=definitions("id", *names),
        GlobalSecondaryIndexUpdates=[{"Create": each}],
    )
    db.delete_table(TableName=name)


def test_tables_and_local_indexes_keep_two_attributes(api, fresh, refused):
    three = schema(["id"], ["a", "b"])
    told = ", ".join(
        f"{{AttributeName={e['AttributeName']}, KeyType={e['KeyType']}}}" for e in three
    )
    text = (
        f"1 validation error detected: Value '[{told}]' at 'PATH' failed to satisfy constraint: "
        "Member must have length less than or equal to 2"
    )
    table = {
        "TableName": fresh("two"),
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": three,
        "AttributeDefinitions": definitions("id", "a", "b"),
    }
    invalid = "ValidationException"
    refused(invalid, text.replace("PATH", "keySchema"), api.create_table, **table)
    table["KeySchema"] = three[:2]
    table["LocalSecondaryIndexes"] = [{"IndexName": "lsi", "KeySchema": three, "Projection": ALL}]
    path = "localSecondaryIndexes.1.member.keySchema"
    refused(invalid, text.replace("PATH", path), api.create_table, **table)


def test_an_index_of_eight_is_made_while_others_write_and_survives_kills(own_server):
    """Made online over items that change, through a kill: in the end its entries are its items."""
    db, name = own_server.client("dynamodb"), "table"
    create(db, name)
    names = [f"h{i}" for i in range(4)] + [f"r{i}" for i in range(4)]
    ending = threading.Event()

    def put(i, n):
        attributes = {each: {"S": f"{each}-{(i + n) % 3}"} for each in names}
        own_server.client("dynamodb").put_item(
            TableName=name, Item={"id": {"S": f"{i:04}"}, "n": {"N": str(n)}, **attributes}
        )

    for i in range(300):
        put(i, 0)

    def write():
        for n in itertools.count(1):
            if ending.is_set():
                return
            try:
                put(n % 300, n)
            except Exception:
                pass

    writer = threading.Thread(target=write)
    writer.start()
    try:
        db.update_table(
            TableName=name,
            AttributeDefinitions=definitions("id", *names),
            GlobalSecondaryIndexUpdates=[{"Create": index("gsi", names[:4], names[4:])}],
        )
        own_server.kill9()
        own_server.start()
        db = own_server.client("dynamodb")
        wait_until(
            lambda: db.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE"
        )
    finally:
        ending.set()
    writer.join()
    described = db.describe_table(TableName=name)["Table"]["GlobalSecondaryIndexes"][0]
    assert described["KeySchema"] == schema(names[:4], names[4:])
    assert described["IndexStatus"] == "ACTIVE"

    def all_of(**where):
        pages = db.get_paginator("scan").paginate(TableName=name, **where)
        return sorted((it for page in pages for it in page["Items"]), key=lambda it: it["id"]["S"])

    assert all_of(IndexName="gsi") == all_of()
    own_server.restart()
    db = own_server.client("dynamodb")
    assert all_of(IndexName="gsi") == all_of()
