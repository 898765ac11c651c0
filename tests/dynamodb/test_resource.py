"""boto3's resource layer: tables as objects, conditions as expressions, batches, pages, waiters."""

from decimal import Decimal

import boto3
import pytest
from boto3.dynamodb.conditions import Attr, Key
from boto3.dynamodb.types import Binary
from botocore.exceptions import ClientError


@pytest.fixture
def resource(db):
    """A resource that talks to the endpoint of the client."""
    made = boto3.resource(
        "dynamodb",
        endpoint_url=db.meta.endpoint_url,
        region_name=db.meta.region_name,
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret",
    )
    return made


@pytest.fixture
def things(resource, fresh):
    table = resource.create_table(
        TableName=fresh(),
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "at", "AttributeType": "N"},
            {"AttributeName": "kind", "AttributeType": "S"},
        ],
        KeySchema=[
            {"AttributeName": "id", "KeyType": "HASH"},
            {"AttributeName": "at", "KeyType": "RANGE"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-kind",
                "KeySchema": [
                    {"AttributeName": "kind", "KeyType": "HASH"},
                    {"AttributeName": "at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    table.wait_until_exists()
    yield table
    table.delete()
    table.wait_until_not_exists()


def test_a_table_is_an_object(things, resource):
    things.load()
    assert (things.table_status, things.item_count) == ("ACTIVE", 0)
    assert things.table_arn.endswith(f":table/{things.name}")
    assert things.key_schema[0] == {"AttributeName": "id", "KeyType": "HASH"}
    assert things.name in [table.name for table in resource.tables.all()]


def test_every_type_comes_back(things):
    item = {
        "id": "a",
        "at": 1,
        "text": "é",
        "number": Decimal("1.5"),
        "large": Decimal("12345678901234567890123456789012345678"),
        "yes": True,
        "none": None,
        "bytes": Binary(b"\x00\xff"),
        "list": [1, "x", [Decimal("-2")]],
        "map": {"k": {"deep": ""}},
        "words": {"a", "b"},
        "numbers": {Decimal(1), Decimal("2.5")},
        "blobs": {Binary(b"x"), Binary(b"")},
    }
    things.put_item(Item=item)
    assert things.get_item(Key={"id": "a", "at": 1})["Item"] == item


def test_a_batch_writer_sends_what_it_was_given(things):
    with things.batch_writer(overwrite_by_pkeys=["id", "at"]) as batch:
        for at in range(60):
            batch.put_item(Item={"id": "b", "at": at, "n": 0})
            batch.put_item(Item={"id": "b", "at": at, "n": at})
        batch.delete_item(Key={"id": "b", "at": 59})
    rows = things.query(KeyConditionExpression=Key("id").eq("b"))["Items"]
    assert [row["n"] for row in rows] == list(range(59))


CONDITIONS = [
    (Key("at").eq(3), [3]),
    (Key("at").lt(2), [0, 1]),
    (Key("at").lte(2), [0, 1, 2]),
    (Key("at").gt(7), [8, 9]),
    (Key("at").gte(8), [8, 9]),
    (Key("at").between(4, 6), [4, 5, 6]),
]
FILTERS = [
    (Attr("n").eq(4), [2]),
    (Attr("n").ne(4) & Attr("n").lt(8), [0, 1, 3]),
    (Attr("even").eq(True) | Attr("at").eq(9), [0, 2, 4, 6, 8, 9]),
    (~Attr("word").begins_with("x"), [5, 6, 7, 8, 9]),
    (Attr("word").contains("-4"), [4]),
    (Attr("n").is_in([2, 6, 100]), [1, 3]),
    (Attr("n").between(16, 100), [8, 9]),
    (Attr("rare").exists(), [7]),
    (Attr("rare").not_exists() & Attr("at").gt(7), [8, 9]),
    (Attr("word").size().gt(3), [8]),
    (Attr("doc.list[0]").attribute_type("N") & Attr("doc.list[0]").gte(8), [8, 9]),
]


@pytest.fixture
def series(things):
    with things.batch_writer() as batch:
        for at in range(10):
            item = {"id": "s", "at": at, "n": 2 * at, "even": at % 2 == 0, "kind": f"k{at % 2}"}
            item["word"] = f"{'x' if at < 5 else 'y'}-{at if at != 8 else 'long'}"
            item["doc"] = {"list": [at]}
            if at == 7:
                item["rare"] = None
            batch.put_item(Item=item)
    return things


def test_key_conditions(series):
    for condition, wanted in CONDITIONS:
        found = series.query(KeyConditionExpression=Key("id").eq("s") & condition)
        assert [int(item["at"]) for item in found["Items"]] == wanted


def test_filters(series):
    for condition, wanted in FILTERS:
        found = series.scan(FilterExpression=condition)
        assert sorted(int(item["at"]) for item in found["Items"]) == wanted
        assert found["ScannedCount"] == 10


def test_an_index_is_queried_page_by_page(series):
    request = dict(
        IndexName="by-kind",
        KeyConditionExpression=Key("kind").eq("k1"),
        ProjectionExpression="#at, doc.#l",
        ExpressionAttributeNames={"#at": "at", "#l": "list"},
        ScanIndexForward=False,
        Limit=2,
    )
    pages = []
    while True:
        page = series.query(**request)
        pages.append([int(item["at"]) for item in page["Items"]])
        assert all(item["doc"]["list"] == [item["at"]] for item in page["Items"])
        if "LastEvaluatedKey" not in page:
            break
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
    assert pages == [[9, 7], [5, 3], [1]]


def test_paginators_speak_python(series):
    pages = series.meta.client.get_paginator("query").paginate(
        TableName=series.name,
        KeyConditionExpression=Key("id").eq("s"),
        PaginationConfig={"PageSize": 3},
    )
    sizes = [len(page["Items"]) for page in pages]
    assert sizes == [3, 3, 3, 1]
    scan = series.meta.client.get_paginator("scan").paginate(TableName=series.name)
    assert scan.build_full_result()["Count"] == 10


def test_conditional_writes(series):
    key = {"id": "s", "at": 1}
    changed = series.update_item(
        Key=key,
        UpdateExpression="SET n = n + :one, doc.#l = list_append(doc.#l, :more)",
        ConditionExpression=Attr("n").eq(2) & Attr("id").exists(),
        ExpressionAttributeNames={"#l": "list"},
        ExpressionAttributeValues={":one": 1, ":more": ["x"]},
        ReturnValues="UPDATED_NEW",
    )
    assert changed["Attributes"] == {"n": 3, "doc": {"list": [1, "x"]}}
    with pytest.raises(ClientError) as caught:
        series.delete_item(
            Key=key,
            ConditionExpression=Attr("n").gt(100),
        )
    assert caught.value.response["Error"]["Code"] == "ConditionalCheckFailedException"
    old = series.delete_item(Key=key, ReturnValues="ALL_OLD")["Attributes"]
    assert old["n"] == 3


def test_batch_get_of_a_resource(series, resource):
    keys = [{"id": "s", "at": at} for at in range(3)]
    found = resource.batch_get_item(RequestItems={series.name: {"Keys": keys}})
    assert sorted(item["at"] for item in found["Responses"][series.name]) == [0, 1, 2]
    assert found["UnprocessedKeys"] == {}
