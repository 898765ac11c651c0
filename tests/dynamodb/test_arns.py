"""Tables named by ARNs: those of other regions and accounts, and what is no table's."""

import pytest
from botocore.exceptions import ClientError

KEY = {"id": {"S": "k"}}
PLAIN = {
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}


@pytest.fixture
def arn(api, table):
    return api.describe_table(TableName=table)["Table"]["TableArn"]


def calls(api, arn):
    """(needed permission, call, arguments) of every operation that takes a table's ARN."""
    put = {"Put": {"TableName": arn, "Item": KEY}}
    check = {"TableName": arn, "Key": KEY, "ConditionExpression": "attribute_exists(id)"}
    query = {"KeyConditionExpression": "id = :k", "ExpressionAttributeValues": {":k": KEY["id"]}}
    select = {"Statement": f"SELECT * FROM \"{arn}\" WHERE id = 'k'"}
    remove = {"Statement": f"DELETE FROM \"{arn}\" WHERE id = 'k'"}
    return [
        ("GetItem", api.get_item, {"TableName": arn, "Key": KEY}),
        ("PutItem", api.put_item, {"TableName": arn, "Item": KEY}),
        ("DeleteItem", api.delete_item, {"TableName": arn, "Key": KEY}),
        ("UpdateItem", api.update_item, {"TableName": arn, "Key": KEY}),
        ("Scan", api.scan, {"TableName": arn}),
        ("Query", api.query, {"TableName": arn, **query}),
        ("BatchGetItem", api.batch_get_item, {"RequestItems": {arn: {"Keys": [KEY]}}}),
        ("PutItem", api.transact_write_items, {"TransactItems": [put]}),
        (
            "ConditionCheckItem",
            api.transact_write_items,
            {"TransactItems": [{"ConditionCheck": check}]},
        ),
        (
            "GetItem",
            api.transact_get_items,
            {"TransactItems": [{"Get": {"TableName": arn, "Key": KEY}}]},
        ),
        ("PartiQLSelect", api.execute_statement, select),
        ("PartiQLDelete", api.execute_statement, remove),
        ("DescribeTable", api.describe_table, {"TableName": arn}),
        ("DeleteTable", api.delete_table, {"TableName": arn}),
        ("DescribeTimeToLive", api.describe_time_to_live, {"TableName": arn}),
        ("DescribeContinuousBackups", api.describe_continuous_backups, {"TableName": arn}),
        ("CreateBackup", api.create_backup, {"TableName": arn, "BackupName": "abc"}),
        ("ListBackups", api.list_backups, {"TableName": arn}),
        ("CreateTable", api.create_table, {"TableName": arn, **PLAIN}),
        ("ListTagsOfResource", api.list_tags_of_resource, {"ResourceArn": arn}),
        ("GetResourcePolicy", api.get_resource_policy, {"ResourceArn": arn}),
        (
            "ExportTableToPointInTime",
            api.export_table_to_point_in_time,
            {"TableArn": arn, "S3Bucket": "abc"},
        ),
    ]


def test_a_table_may_be_made_by_its_arn(api, arn, table, refused):
    new = arn.replace(table, f"{table}-new")
    made = api.create_table(TableName=new, **PLAIN)["TableDescription"]
    assert (made["TableName"], made["TableArn"]) == (f"{table}-new", new)
    assert api.describe_table(TableName=f"{table}-new")["Table"]["TableArn"] == new
    refused(
        "ResourceInUseException",
        f"Table already exists: {table}",
        api.create_table,
        TableName=arn,
        **PLAIN,
    )
    api.delete_table(TableName=new)
    for name in ("ab", "a" * 256):
        refused(
            "ValidationException",
            "TableName must be at least 3 characters long and at most 255 characters long",
            api.create_table,
            TableName=arn.replace(table, name),
            **PLAIN,
        )


def test_who_names_a_table_by_its_arn_is_told_the_arn(api, arn, table):
    put = {"TransactItems": [{"Put": {"TableName": arn, "Item": KEY}}]}
    get = {"TransactItems": [{"Get": {"TableName": arn, "Key": KEY}}]}
    select = {"Statement": f"SELECT * FROM \"{arn}\" WHERE id = 'k'"}
    update = {"Statement": f"UPDATE \"{arn}\" SET v = 1 WHERE id = 'k'"}
    asked = {":k": KEY["id"]}
    for operation, arguments in [
        (api.put_item, {"TableName": arn, "Item": KEY}),
        (api.get_item, {"TableName": arn, "Key": KEY}),
        (api.update_item, {"TableName": arn, "Key": KEY}),
        (api.scan, {"TableName": arn}),
        (
            api.query,
            {
                "TableName": arn,
                "KeyConditionExpression": "id = :k",
                "ExpressionAttributeValues": asked,
            },
        ),
        (api.batch_get_item, {"RequestItems": {arn: {"Keys": [KEY]}}}),
        (api.batch_write_item, {"RequestItems": {arn: [{"PutRequest": {"Item": KEY}}]}}),
        (api.transact_write_items, put),
        (api.transact_get_items, get),
        (api.execute_statement, select),
        (api.execute_statement, update),
        (api.batch_execute_statement, {"Statements": [update]}),
        (api.execute_transaction, {"TransactStatements": [select]}),
        (api.delete_item, {"TableName": arn, "Key": KEY}),
    ]:
        for detail in ("TOTAL", "INDEXES"):
            told = operation(ReturnConsumedCapacity=detail, **arguments)["ConsumedCapacity"]
            told = told[0] if isinstance(told, list) else told
            assert (told["TableName"], told["CapacityUnits"] > 0) == (arn, True), arguments
    told = api.scan(TableName=table, ReturnConsumedCapacity="TOTAL")["ConsumedCapacity"]
    assert told["TableName"] == table


def test_a_batch_names_no_key_twice_by_name_and_arn(api, arn, table, refused):
    keys, other = {"Keys": [KEY]}, {"Keys": [{"id": {"S": "other"}}]}
    text = "Provided list of item keys contains duplicates"
    both = {arn: keys, table: keys}
    refused("ValidationException", text, api.batch_get_item, RequestItems=both)
    api.put_item(TableName=table, Item=KEY)
    reply = api.batch_get_item(RequestItems={arn: keys, table: other})
    assert reply["Responses"] == {arn: [KEY], table: []}


def test_another_accounts_table_needs_its_policy(api, arn, refused):
    own = arn.split(":")[4]
    other = arn.replace(own, "111122223333")
    for permission, call, arguments in calls(api, other):
        refused(
            "AccessDeniedException",
            f"User: arn:aws:iam::{own}:root is not authorized to perform: dynamodb:{permission} "
            f"on resource: {other} because no resource-based policy allows the "
            f"dynamodb:{permission} action",
            call,
            **arguments,
        )


def test_a_table_of_another_region_is_not_looked_for(api, arn, refused):
    other = arn.replace(arn.split(":")[3], "eu-west-3")
    text = f"1 validation error detected: Invalid AWS region in '{other}'"
    for _, call, arguments in calls(api, other):
        refused("ValidationException", text, call, **arguments)


def test_each_statement_of_a_batch_tells_of_its_own(api, arn):
    own = arn.split(":")[4]
    strange = (arn, arn.replace(own, "111122223333"), arn.replace(":us-", ":eu-"))
    rows = api.batch_execute_statement(
        Statements=[{"Statement": f"SELECT * FROM \"{name}\" WHERE id = 'k'"} for name in strange]
    )["Responses"]
    assert [row.get("Error", {}).get("Code") for row in rows] == [
        None,
        "AccessDenied",
        "ValidationError",
    ]


@pytest.mark.parametrize("change", [
    lambda arn: arn + "/index/i",
    lambda arn: arn.replace(":dynamodb:", ":s3:"),
    lambda arn: arn.replace("arn:aws:", "arn:aws-cn:"),
    lambda arn: arn.replace(":table/", ":tables/"),
])  # fmt: skip
def test_what_is_no_tables_arn(api, arn, refused, change):
    refused(
        "ValidationException",
        f"1 validation error detected: Value '{change(arn)}' at 'tableName' failed to satisfy "
        "constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
        api.get_item,
        TableName=change(arn),
        Key=KEY,
    )


def test_a_client_of_another_region_may_use_the_arn_it_was_told(client, table, arn):
    """The server has one set of tables; their ARNs name the region of the one who made them."""
    abroad = client("dynamodb", region_name="eu-central-1")
    assert "Item" not in abroad.get_item(TableName=arn, Key=KEY)
    with pytest.raises(ClientError) as caught:
        abroad.get_item(TableName=arn.replace(":us-", ":sa-"), Key=KEY)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
