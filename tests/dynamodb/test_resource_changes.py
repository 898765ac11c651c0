"""boto3's resource layer: tables that change, transactions, statements and batches in Python's own
types."""

from decimal import Decimal, Inexact

import boto3
import pytest
from boto3.dynamodb.conditions import Attr, Key

from support import wait_until


@pytest.fixture
def resource(db):
    return boto3.resource("dynamodb", endpoint_url=db.meta.endpoint_url,
                          region_name=db.meta.region_name,
                          aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="secret")


def make(resource, name, hashes, ranges=(), **options):
    keys = [*[(it, "HASH") for it in hashes], *[(it, "RANGE") for it in ranges]]
    kinds = {name: "S" for name, _ in keys} | options.pop("kinds", {})
    table = resource.create_table(
        TableName=name, BillingMode=options.pop("mode", "PAY_PER_REQUEST"),
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": k} for n, k in kinds.items()],
        KeySchema=[{"AttributeName": n, "KeyType": k} for n, k in keys], **options)
    table.wait_until_exists()
    return table


def test_a_table_changes_its_throughput_and_stream_as_an_object(resource, fresh):
    table = make(resource, fresh("t"), ["id"], mode="PROVISIONED",
                 ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 2})
    assert table.provisioned_throughput["WriteCapacityUnits"] == 2
    assert table.billing_mode_summary is None and table.stream_specification is None
    table.update(ProvisionedThroughput={"ReadCapacityUnits": 3, "WriteCapacityUnits": 2})
    table.reload()
    assert table.provisioned_throughput["ReadCapacityUnits"] == 3
    table.update(StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})
    table.reload()
    assert table.stream_specification["StreamViewType"] == "NEW_IMAGE"
    assert table.latest_stream_arn.endswith(table.latest_stream_label)
    table.update(BillingMode="PAY_PER_REQUEST")
    table.reload()
    assert table.billing_mode_summary["BillingMode"] == "PAY_PER_REQUEST"
    table.delete()
    table.wait_until_not_exists()


def test_tables_are_a_collection_with_pages_and_a_limit(resource, fresh):
    prefix = fresh("collected")
    made = [make(resource, f"{prefix}-{n}", ["id"]) for n in range(3)]
    mine = [it.name for it in resource.tables.all() if it.name.startswith(prefix)]
    assert mine == [it.name for it in made]
    assert len(list(resource.tables.limit(2))) == 2
    pages = list(resource.tables.page_size(1).pages())
    assert all(len(page) == 1 for page in pages) and len(pages) >= 3
    for table in made:
        table.delete()


def test_numbers_that_would_lose_digits_never_leave_python(resource, fresh):
    table = make(resource, fresh("n"), ["id"])
    with pytest.raises(TypeError):
        table.put_item(Item={"id": "f", "n": 1.5})
    with pytest.raises(Inexact):
        table.put_item(Item={"id": "i", "n": Decimal("1." + "1" * 40)})
    for text in ("1E-130", "-0.1", "1E+37", "12345678901234567890123456789012345678"):
        table.put_item(Item={"id": text, "n": Decimal(text)})
        assert table.get_item(Key={"id": text})["Item"]["n"] == Decimal(text)
    table.delete()


def test_transactions_take_python_types_and_tell_why_they_were_cancelled(resource, fresh):
    table = make(resource, fresh("x"), ["id"])
    client = table.meta.client
    client.transact_write_items(TransactItems=[
        {"Put": {"TableName": table.name, "Item": {"id": "a", "n": 1, "s": {"x", "y"}}}},
        {"Update": {"TableName": table.name, "Key": {"id": "b"},
                    "UpdateExpression": "SET n = :n ADD s :s",
                    "ExpressionAttributeValues": {":n": 5, ":s": {1, 2}}}}])
    with pytest.raises(client.exceptions.TransactionCanceledException) as caught:
        client.transact_write_items(TransactItems=[
            {"ConditionCheck": {"TableName": table.name, "Key": {"id": "a"},
                                "ConditionExpression": "n > :n",
                                "ExpressionAttributeValues": {":n": 1},
                                "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}},
            {"Delete": {"TableName": table.name, "Key": {"id": "b"}}}])
    reasons = caught.value.response["CancellationReasons"]
    assert [it["Code"] for it in reasons] == ["ConditionalCheckFailed", "None"]
    assert reasons[0]["Item"]["id"] in ("a", {"S": "a"}), "as the SDK's version reads it"
    found = client.transact_get_items(TransactItems=[
        {"Get": {"TableName": table.name, "Key": {"id": key}}} for key in ("b", "none", "a")])
    items = [it.get("Item") for it in found["Responses"]]
    assert items == [{"id": "b", "n": 5, "s": {1, 2}}, None, {"id": "a", "n": 1, "s": {"x", "y"}}]
    table.delete()


def test_statements_take_python_types(resource, fresh):
    table = make(resource, fresh("p"), ["id"], ["at"], kinds={"at": "N"})
    client = table.meta.client
    for at in range(3):
        client.execute_statement(
            Statement=f"INSERT INTO \"{table.name}\" VALUE {{'id': ?, 'at': ?, 'doc': ?}}",
            Parameters=["a", at, {"list": [at, Decimal("0.5")], "none": None}])
    found = client.execute_statement(
        Statement=f'SELECT "at", doc."list"[1] FROM "{table.name}" WHERE id = ? '
                      'ORDER BY "at" DESC',
        Parameters=["a"])["Items"]
    assert found == [{"at": at, "list[1]": Decimal("0.5")} for at in (2, 1, 0)]
    batch = client.batch_execute_statement(Statements=[
        {"Statement": f'UPDATE "{table.name}" SET doc."list"[0] = ? WHERE id = ? AND "at" = ?',
         "Parameters": [at * 10, "a", at]} for at in range(4)])["Responses"]
    assert [it.get("Error", {}).get("Code") for it in batch] == [
        None, None, None, "ConditionalCheckFailed"]
    table.delete()


def test_an_index_of_several_keys_is_queried_with_conditions(resource, fresh):
    index = {"IndexName": "by-place", "Projection": {"ProjectionType": "ALL"}, "KeySchema": [
        {"AttributeName": "land", "KeyType": "HASH"}, {"AttributeName": "town", "KeyType": "HASH"},
        {"AttributeName": "street", "KeyType": "RANGE"},
        {"AttributeName": "n", "KeyType": "RANGE"}]}
    table = make(resource, fresh("k"), ["id"], GlobalSecondaryIndexes=[index],
                 kinds={"land": "S", "town": "S", "street": "S", "n": "N"})
    with table.batch_writer() as batch:
        for n in range(12):
            batch.put_item(Item={"id": f"i{n}", "land": "de", "town": "ab"[n % 2],
                                 "street": "xyz"[n % 3], "n": n})
    place = Key("land").eq("de") & Key("town").eq("a")

    def numbers(condition, **more):
        found = table.query(IndexName="by-place", KeyConditionExpression=condition, **more)
        return [int(it["n"]) for it in found["Items"]]

    assert numbers(place) == [0, 6, 4, 10, 2, 8]
    assert numbers(place & Key("street").eq("y")) == [4, 10]
    assert numbers(place & Key("street").eq("y") & Key("n").gt(5)) == [10]
    assert numbers(place & Key("street").begins_with("z"), ScanIndexForward=False) == [8, 2]
    assert numbers(place, FilterExpression=Attr("id").is_in(["i6", "i8"])) == [6, 8]
    table.delete()


def test_a_batch_get_goes_on_until_nothing_is_left(resource, fresh):
    table = make(resource, fresh("b"), ["id"])
    with table.batch_writer() as batch:
        for n in range(60):
            batch.put_item(Item={"id": f"i{n}", "text": "x" * 350_000})
    wanted, seen, rounds = {table.name: {"Keys": [{"id": f"i{n}"} for n in range(60)]}}, [], 0
    while wanted:
        reply = resource.batch_get_item(RequestItems=wanted)
        seen += [it["id"] for it in reply["Responses"].get(table.name, [])]
        wanted, rounds = reply["UnprocessedKeys"], rounds + 1
    assert sorted(seen) == sorted(f"i{n}" for n in range(60)) and rounds == 2
    table.delete()


def test_old_parameters_work_beside_new_ones(resource, fresh):
    table = make(resource, fresh("o"), ["id"])
    table.put_item(Item={"id": "a", "n": 1, "s": {"x", "y"}, "gone": True})
    changed = table.update_item(Key={"id": "a"}, ReturnValues="ALL_NEW", AttributeUpdates={
        "n": {"Action": "ADD", "Value": 2}, "s": {"Action": "DELETE", "Value": {"x"}},
        "gone": {"Action": "DELETE"}, "new": {"Value": [None]}},
        Expected={"n": {"ComparisonOperator": "LE", "AttributeValueList": [1]}})["Attributes"]
    assert changed == {"id": "a", "n": 3, "s": {"y"}, "new": [None]}
    found = table.scan(ScanFilter={"s": {"ComparisonOperator": "CONTAINS",
                                         "AttributeValueList": ["y"]}}, AttributesToGet=["n"])
    assert found["Items"] == [{"n": 3}]
    table.delete()
    wait_until(lambda: table.name not in [it.name for it in resource.tables.all()])
