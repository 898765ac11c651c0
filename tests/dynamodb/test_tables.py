"""CreateTable, DescribeTable, ListTables, UpdateTable, DeleteTable."""

import json
import re

import pytest

from .conftest import KEY, make_table, raw

SCHEMA = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
INVALID = "One or more parameter values were invalid: "


def test_a_new_table_answers_creating_and_is_active_when_described(db, fresh):
    name = fresh("t")
    created = make_table(db, name, KEY["range"])["TableDescription"]
    assert created["TableStatus"] == "CREATING"
    assert created["TableName"] == name
    assert created["TableArn"] == f"arn:aws:dynamodb:us-east-1:000000000000:table/{name}"
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", created["TableId"])
    assert created["ItemCount"] == created["TableSizeBytes"] == 0
    assert created["BillingModeSummary"] == {"BillingMode": "PAY_PER_REQUEST"}
    assert created["ProvisionedThroughput"]["WriteCapacityUnits"] == 0
    db.get_waiter("table_exists").wait(TableName=name)
    described = db.describe_table(TableName=name)["Table"]
    assert described["TableStatus"] == "ACTIVE"
    assert described["KeySchema"] == [
        {"AttributeName": "id", "KeyType": "HASH"},
        {"AttributeName": "at", "KeyType": "RANGE"},
    ]
    gone = db.delete_table(TableName=name)["TableDescription"]
    assert gone["TableStatus"] == "DELETING"
    assert not {"KeySchema", "AttributeDefinitions", "CreationDateTime"} & set(gone)
    db.get_waiter("table_not_exists").wait(TableName=name)


def test_provisioned_throughput_is_told_and_can_be_changed(db, fresh):
    name = fresh("t")
    units = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}
    made = make_table(
        db, name, KEY["hash"], BillingMode="PROVISIONED", ProvisionedThroughput=units
    )["TableDescription"]
    assert made["ProvisionedThroughput"] == {"NumberOfDecreasesToday": 0, **units}
    assert "BillingModeSummary" not in made
    changed = db.update_table(
        TableName=name,
        ProvisionedThroughput={"ReadCapacityUnits": 7, "WriteCapacityUnits": 8},
    )["TableDescription"]
    assert changed["TableStatus"] == "UPDATING"
    now = db.describe_table(TableName=name)["Table"]
    assert now["TableStatus"] == "ACTIVE"
    assert now["ProvisionedThroughput"]["ReadCapacityUnits"] == 7
    db.update_table(TableName=name, BillingMode="PAY_PER_REQUEST")
    now = db.describe_table(TableName=name)["Table"]
    assert now["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    db.delete_table(TableName=name)


def test_tables_that_cannot_be_are_refused(db, fresh, refused):
    name = fresh("t")

    def create(keys, definitions, **options):
        options.setdefault("BillingMode", "PAY_PER_REQUEST")
        return dict(
            TableName=name,
            KeySchema=[{"AttributeName": a, "KeyType": k} for a, k in keys],
            AttributeDefinitions=[
                {"AttributeName": a, "AttributeType": t} for a, t in definitions
            ],
            **options,
        )

    hash_only = [("a", "HASH")]
    units = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    cases = [
        (
            create(hash_only, [("b", "S")]),
            INVALID + "Some index key attributes are not defined in AttributeDefinitions. "
            "Keys: [a], AttributeDefinitions: [b]",
        ),
        (
            create(hash_only, [("a", "S"), ("b", "S")]),
            INVALID + "Number of attributes in KeySchema does not exactly match number of "
            "attributes defined in AttributeDefinitions",
        ),
        (
            create([("a", "RANGE")], [("a", "S")]),
            "Invalid KeySchema: The first KeySchemaElement is not a HASH key type",
        ),
        (
            create([("a", "HASH"), ("a", "RANGE")], [("a", "S"), ("b", "S")]),
            "Both the Hash Key and the Range Key element in the KeySchema have the same name",
        ),
        (
            create(hash_only, [("a", "S")], BillingMode="PROVISIONED"),
            INVALID + "ReadCapacityUnits and WriteCapacityUnits must both be specified when "
            "BillingMode is PROVISIONED",
        ),
        (
            create(hash_only, [("a", "S")], ProvisionedThroughput=units),
            INVALID + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when "
            "BillingMode is PAY_PER_REQUEST",
        ),
    ]
    for arguments, text in cases:
        refused("ValidationException", text, db.create_table, **arguments)


def test_a_name_taken_is_refused_and_free_again_after_deletion(db, table, fresh, refused):
    refused(
        "ResourceInUseException",
        f"Table already exists: {table}",
        make_table,
        client=db,
        name=table,
        keys=KEY["hash"],
    )
    name = fresh("again")
    make_table(db, name, KEY["hash"])
    db.put_item(TableName=name, Item={"id": {"S": "old"}})
    db.delete_table(TableName=name)
    make_table(db, name, KEY["hash"])
    assert db.scan(TableName=name)["Count"] == 0
    db.delete_table(TableName=name)


def test_a_missing_table_is_told_in_the_words_of_each_operation(db, refused):
    plain, long = (
        "Requested resource not found",
        "Requested resource not found: Table: nowhere not found",
    )
    code = "ResourceNotFoundException"
    refused(code, long, db.describe_table, TableName="nowhere")
    refused(code, long, db.delete_table, TableName="nowhere")
    refused(code, plain, db.get_item, TableName="nowhere", Key={"id": {"S": "1"}})
    refused(code, plain, db.put_item, TableName="nowhere", Item={"id": {"S": "1"}})
    refused(code, plain, db.scan, TableName="nowhere")


def test_table_names_are_checked(server):
    text = "TableName must be at least 3 characters long and at most 255 characters long"
    for name in ("ab", "x" * 256):
        status, body = raw(server, "DescribeTable", {"TableName": name})
        assert (status, body["message"]) == (400, text)
    for name in ("a b", "../abc", "a/b"):
        status, body = raw(server, "CreateTable", {"TableName": name, **SCHEMA})
        assert (status, body["message"]) == (
            400,
            f"1 validation error detected: Value '{name}' at 'tableName' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
        )
    status, body = raw(server, "DescribeTable", {})
    assert body["message"] == (
        "The parameter 'TableName' is required but was not present in the request"
    )


def test_tables_are_listed_by_name_in_pages(own_server):
    db = own_server.client("dynamodb")
    names = sorted(f"table{i}" for i in range(12))
    for name in reversed(names):
        make_table(db, name, KEY["hash"])
    first = db.list_tables(Limit=5)
    assert first["TableNames"] == names[:5]
    assert first["LastEvaluatedTableName"] == names[4]
    pages = db.get_paginator("list_tables").paginate(PaginationConfig={"PageSize": 4})
    assert [name for page in pages for name in page["TableNames"]] == names
    own_server.restart()
    assert db.list_tables()["TableNames"] == names


def test_a_protected_table_stays(server, db, table, refused):
    described = raw(server, "DescribeTable", {"TableName": table})[1]["Table"]
    assert described["DeletionProtectionEnabled"] is False
    assert described["WarmThroughput"] == {
        "ReadUnitsPerSecond": 12000,
        "WriteUnitsPerSecond": 4000,
        "Status": "ACTIVE",
    }
    raw(server, "UpdateTable", {"TableName": table, "DeletionProtectionEnabled": True})
    refused(
        "ValidationException",
        "Resource cannot be deleted as it is currently protected against deletion. Disable "
        "deletion protection first.",
        db.delete_table,
        TableName=table,
    )
    raw(server, "UpdateTable", {"TableName": table, "DeletionProtectionEnabled": False})


def test_an_update_must_change_something(db, table, refused):
    refused(
        "ValidationException",
        "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, "
        "GlobalSecondaryIndexUpdates, SSESpecification, ReplicaUpdates, MultiAccountReplicaReady, "
        "ReplicaTransitRoleArn, MultiRegionConsistency, DeletionProtectionEnabled, "
        "OnDemandThroughput, WarmThroughput or TableClass is required",
        db.update_table,
        TableName=table,
    )


def test_what_is_not_implemented_says_so(db, api, table, refused):
    refused(
        "NotImplemented",
        "UpdateTable with ReplicaUpdates is not implemented",
        db.update_table,
        TableName=table,
        ReplicaUpdates=[{"Create": {"RegionName": "eu-west-1"}}],
    )
    refused(
        "NotImplemented",
        "UpdateTable with GlobalTableSettingsReplicationMode is not implemented",
        api.update_table,
        TableName=table,
        GlobalTableSettingsReplicationMode="ENABLED",
        DeletionProtectionEnabled=False,
    )


def test_table_classes_have_words_of_their_own(api, table, fresh, refused):
    text = ("Invalid table-class parameter provided. Please try again with a valid table-class "
            "value: [STANDARD, STANDARD_INFREQUENT_ACCESS].")
    for name in ("standard", "", "CHEAP"):
        refused("ValidationException", text, make_table, client=api, name=fresh(),
                keys=KEY["hash"], TableClass=name)
        refused("ValidationException", text, api.update_table, TableName=table, TableClass=name)


def test_what_one_region_does_not_have_is_said(api, table, refused):
    assert api.list_global_tables() == {"GlobalTables": []}
    none = {"GlobalTableName": table}
    text = f"Global table with name '{table}' does not exist."
    for call, more in (
        (api.describe_global_table, {}),
        (api.describe_global_table_settings, {}),
        (api.update_global_table, {"ReplicaUpdates": [{"Create": {"RegionName": "eu-west-1"}}]}),
        (api.update_global_table_settings, {}),
    ):
        refused("GlobalTableNotFoundException", text, call, **none, **more)
    refused("ValidationException", "DynamoDB global tables version 2017.11.29 is not supported. We "
            "recommend using DynamoDB global tables version 2019.11.21, instead of version "
            "2017.11.29 (Legacy).", api.create_global_table, **none,
            ReplicationGroup=[{"RegionName": "us-east-1"}])
    replica = {"ReplicaUpdates": [{"Create": {"RegionName": "us-east-1"}}]}
    refused("ValidationException", "Cannot add, delete, or update the local region through "
            "ReplicaUpdates. Use CreateTable, DeleteTable, or UpdateTable as required.",
            api.update_table, TableName=table, **replica)


def test_contributor_insights_are_off(api, table, refused):
    off = {"TableName": table, "ContributorInsightsStatus": "DISABLED"}
    assert api.describe_contributor_insights(TableName=table) == off
    assert api.list_contributor_insights() == {"ContributorInsightsSummaries": []}
    assert api.list_contributor_insights(TableName=table) == {"ContributorInsightsSummaries": []}
    not_found = "Requested resource not found: "
    for call in (api.describe_contributor_insights, api.list_contributor_insights):
        refused("ResourceNotFoundException", not_found + "Table: none not found", call,
                TableName="none")
    refused("ResourceNotFoundException", not_found + f"Index none for table {table}",
            api.describe_contributor_insights, TableName=table, IndexName="none")
    refused("NotImplemented", "millrace does not implement DynamoDB.UpdateContributorInsights yet",
            api.update_contributor_insights, TableName=table, ContributorInsightsAction="ENABLE")


def test_encryption_is_described(db, fresh):
    name = fresh("sse")
    key = "arn:aws:kms:us-east-1:000000000000:key/abc"
    wish = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
    told = make_table(db, name, KEY["hash"], SSESpecification=wish)["TableDescription"]
    wanted = {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": key}
    assert told["SSEDescription"] == wanted
    assert db.describe_table(TableName=name)["Table"]["SSEDescription"] == wanted
    db.update_table(TableName=name, SSESpecification={"Enabled": False})
    assert "SSEDescription" not in db.describe_table(TableName=name)["Table"]
    db.delete_table(TableName=name)


def test_resource_policies_are_kept(server, db, table):
    arn = db.describe_table(TableName=table)["Table"]["TableArn"]
    text = '{"Version": "2012-10-17",  "Statement": []}'
    status, reply = raw(server, "GetResourcePolicy", {"ResourceArn": arn})
    assert (status, reply["__type"].split("#")[1]) == (400, "PolicyNotFoundException")
    put = {"ResourceArn": arn, "Policy": text, "ExpectedRevisionId": "NO_POLICY"}
    status, reply = raw(server, "PutResourcePolicy", put)
    assert status == 200
    revision = reply["RevisionId"]
    status, reply = raw(server, "PutResourcePolicy", {**put, "Policy": "{}"})
    assert (status, reply["__type"].split("#")[1]) == (400, "PolicyNotFoundException")
    status, reply = raw(server, "GetResourcePolicy", {"ResourceArn": arn})
    assert (status, reply) == (200, {"Policy": text, "RevisionId": revision})
    status, reply = raw(server, "PutResourcePolicy", {"ResourceArn": arn, "Policy": "{"})
    assert (status, reply["message"]) == (
        400,
        "One or more parameter values were invalid: Invalid policy document: This policy contains "
        "invalid Json",
    )
    status, reply = raw(server, "DeleteResourcePolicy", {"ResourceArn": arn})
    assert (status, reply) == (200, {"RevisionId": revision})
    assert raw(server, "DeleteResourcePolicy", {"ResourceArn": arn}) == (200, {})
    status, reply = raw(server, "GetResourcePolicy", {"ResourceArn": arn + "x"})
    assert reply["__type"].split("#")[1] == "ResourceNotFoundException"


INVALID_POLICY = "One or more parameter values were invalid: Invalid policy document: "
ROOT = {"AWS": "arn:aws:iam::000000000000:root"}


@pytest.mark.parametrize("change, words", [
    ({"Action": ["dynamodb:GetItem", "dynamodb:ListStreams", "s3:GetObject"]},
     'The following action names are invalid: "dynamodb:ListStreams", "s3:GetObject"'),
    ({"Action": "dynamodb:Frob*"}, 'The following action names are invalid: "dynamodb:Frob*"'),
    ({"Action": "dynamodb:GetRecords"},
     'The following action names are invalid: "dynamodb:GetRecords"'),
    ({"Principal": {"Service": "lambda.amazonaws.com"}},
     "Policy contains invalid service principal"),
    ({"Principal": {"AWS": "root"}}, "Invalid principal in policy"),
    ({"Principal": None}, "Missing required field Principal"),
    ({"Action": None}, "Missing required field Action"),
    ({"Resource": None}, "Missing required field Resource"),
    ({"Resource": "arn:aws:dynamodb:us-east-1:000000000000:table/other"},
     "The following resource names are invalid: "
     '"arn:aws:dynamodb:us-east-1:000000000000:table/other"'),
    ({"Effect": "Perhaps"}, "Invalid effect: Perhaps"),
    ({"Colour": "red"}, "Unknown field Colour"),
])
def test_policies_that_no_table_can_have_are_refused(server, db, table, change, words):
    arn = db.describe_table(TableName=table)["Table"]["TableArn"]
    good = {"Effect": "Allow", "Principal": ROOT, "Action": "dynamodb:GetItem", "Resource": arn}
    statement = {k: v for k, v in {**good, **change}.items() if v is not None}

    def put(statement, arn=arn):
        policy = json.dumps({"Version": "2012-10-17", "Statement": [good, statement]})
        return raw(server, "PutResourcePolicy", {"ResourceArn": arn, "Policy": policy})

    status, reply = put(statement)
    assert (status, reply["message"]) == (400, INVALID_POLICY + words)
    status, reply = raw(server, "GetResourcePolicy", {"ResourceArn": arn})
    assert reply["__type"].split("#")[1] == "PolicyNotFoundException"


def test_a_table_is_not_made_with_such_a_policy(server, db, fresh):
    name = fresh("t")
    policy = {"Statement": {"Effect": "Allow", "Principal": ROOT, "Action": "dynamodb:CreateTable",
                            "Resource": "*"}}
    status, reply = raw(server, "CreateTable", {
        "TableName": name, "BillingMode": "PAY_PER_REQUEST", "ResourcePolicy": json.dumps(policy),
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]})
    assert (status, reply["message"]) == (400, INVALID_POLICY + (
        'The following action names are invalid: "dynamodb:CreateTable"'))
    status, reply = raw(server, "DescribeTable", {"TableName": name})
    assert reply["__type"].split("#")[1] == "ResourceNotFoundException"


def test_policies_of_tables_indexes_and_streams_are_taken(server, db, table):
    db.update_table(TableName=table, StreamSpecification={
        "StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    described = db.describe_table(TableName=table)["Table"]
    arn, stream = described["TableArn"], described["LatestStreamArn"]
    for where, actions, resource in [
            (arn, "dynamodb:*", "*"), (arn, "*", [arn, arn + "/index/*"]),
            (arn, ["dynamodb:PartiQLSelect", "DynamoDB:getitem"], arn + "*"),
            (arn, "dynamodb:Get*", "arn:aws:dynamodb:*:*:table/*"),
            (stream, ["dynamodb:GetRecords", "dynamodb:GetShardIterator"], stream)]:
        policy = json.dumps({"Version": "2012-10-17", "Statement": {
            "Sid": "a", "Effect": "Deny", "Principal": "*", "Action": actions,
            "Resource": resource, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}})
        status, reply = raw(server, "PutResourcePolicy", {"ResourceArn": where, "Policy": policy})
        assert status == 200, reply
    status, reply = raw(server, "PutResourcePolicy", {"ResourceArn": stream, "Policy": json.dumps({
        "Statement": [{"Effect": "Allow", "Principal": ROOT, "Action": "dynamodb:GetItem",
                       "Resource": stream}]})})
    assert reply["message"] == (
        INVALID_POLICY + 'The following action names are invalid: "dynamodb:GetItem"')


def test_tags_are_kept_through_a_restart(own_server, fresh):
    db = own_server.client("dynamodb")
    name = fresh("t")
    make_table(db, name, KEY["hash"], Tags=[{"Key": "a", "Value": "1"}])
    arn = db.describe_table(TableName=name)["Table"]["TableArn"]
    db.tag_resource(
        ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "3"}]
    )
    own_server.restart()
    tags = db.list_tags_of_resource(ResourceArn=arn)["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"a": "3", "b": "2"}
    db.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert db.list_tags_of_resource(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]


def test_the_command_line_creates_and_waits(aws, fresh):
    name = fresh("cli")
    aws(
        "dynamodb", "create-table", "--table-name", name,
        "--attribute-definitions", "AttributeName=id,AttributeType=S",
        "--key-schema", "AttributeName=id,KeyType=HASH",
        "--billing-mode", "PAY_PER_REQUEST",
    )  # fmt: skip
    aws("dynamodb", "wait", "table-exists", "--table-name", name)
    item = '{"id":{"S":"é1"},"n":{"N":"1.50"}}'
    aws("dynamodb", "put-item", "--table-name", name, "--item", item)
    got = aws("dynamodb", "get-item", "--table-name", name, "--key", '{"id":{"S":"é1"}}').json
    assert got["Item"] == {"id": {"S": "é1"}, "n": {"N": "1.5"}}
    assert name in aws("dynamodb", "list-tables").json["TableNames"]
    aws("dynamodb", "delete-table", "--table-name", name)


@pytest.mark.parametrize("operation", ["describe_limits", "describe_endpoints"])
def test_small_operations_answer(db, operation):
    assert getattr(db, operation)()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_defaults_of_a_table_are_described(db, table):
    ttl = db.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert ttl == {"TimeToLiveStatus": "DISABLED"}
    backups = db.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    assert backups["ContinuousBackupsStatus"] == "ENABLED"
