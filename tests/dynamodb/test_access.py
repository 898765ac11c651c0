"""Resource policies of tables, indexes and streams act."""

import json

import pytest
from botocore.exceptions import ClientError

from .conftest import KEY, Api, make_table

ACCOUNT = "000000000000"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
ID = {"id": {"S": "a"}, "at": {"N": "1"}}


@pytest.fixture
def guarded(db, fresh):
    """A table with an index, a stream and an item."""
    name = fresh("guarded")
    description = make_table(
        db, name, KEY["range"], extra={"kind": "S"},
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        GlobalSecondaryIndexes=[{
            "IndexName": "by-kind", "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"}}])["TableDescription"]
    db.put_item(TableName=name, Item={**ID, "kind": {"S": "k"}, "n": {"N": "1"}})
    yield description
    Api(db.meta.server).delete_resource_policy(ResourceArn=description["TableArn"])
    db.delete_table(TableName=name)


@pytest.fixture
def db(client, server):
    db = client("dynamodb")
    db.meta.server = server
    return db


@pytest.fixture
def put(api):
    """put(arn, statement, ...): the policy of that table or stream."""

    def do(arn, *changes, **more):
        statements = [{"Effect": "Deny", "Principal": "*", "Resource": arn, **change}
                      for change in changes]
        return api.put_resource_policy(ResourceArn=arn, Policy=json.dumps(
            {"Version": "2012-10-17", "Statement": statements}), **more)

    return do


def may(call, **arguments):
    """True, or False for an access denied; any other error is one."""
    try:
        call(**arguments)
        return True
    except ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDeniedException", error
        return False


def test_a_denial_names_who_what_and_where(db, guarded, put, refused):
    table, arn = guarded["TableName"], guarded["TableArn"]
    put(arn, {"Action": "dynamodb:GetItem"})
    reply = refused(
        "AccessDeniedException",
        f"User: {ROOT} is not authorized to perform: dynamodb:GetItem on resource: {arn} with an "
        "explicit deny in a resource-based policy", db.get_item, TableName=table, Key=ID)
    assert reply["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert not may(db.get_item, TableName=arn, Key=ID)
    assert db.query(TableName=table, KeyConditionExpression="id = :a",
                    ExpressionAttributeValues={":a": {"S": "a"}})["Count"] == 1
    put(arn, {"Action": "dynamodb:GetItem", "Effect": "Allow"})
    assert may(db.get_item, TableName=table, Key=ID)
    put(arn, {"Action": "dynamodb:GetItem", "Effect": "Allow"}, {"Action": "dynamodb:Get*"},
        {"Action": "dynamodb:GetItem", "Effect": "Allow"})
    assert not may(db.get_item, TableName=table, Key=ID)


def test_who_locks_himself_out_says_so_and_the_root_finds_back(api, db, guarded, put):
    table, arn = guarded["TableName"], guarded["TableArn"]
    with pytest.raises(ClientError) as caught:
        put(arn, {"Action": "dynamodb:*"})
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert "ConfirmRemoveSelfResourceAccess" in caught.value.response["Error"]["Message"]
    put(arn, {"Action": "dynamodb:*"}, ConfirmRemoveSelfResourceAccess=True)
    with pytest.raises(ClientError) as caught:
        put(arn, {"Action": "dynamodb:GetItem"})
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"
    assert not may(api.get_resource_policy, ResourceArn=arn)
    assert not may(db.delete_table, TableName=table)
    api.delete_resource_policy(ResourceArn=arn)
    assert may(db.get_item, TableName=table, Key=ID)


def test_every_operation_on_a_table_asks(api, db, guarded, put):
    table, arn = guarded["TableName"], guarded["TableArn"]
    put(arn, {"Action": "dynamodb:*", "Resource": [arn, f"{arn}/export/*"]},
        ConfirmRemoveSelfResourceAccess=True)
    name, resource = {"TableName": table}, {"ResourceArn": arn}
    write = {table: [{"DeleteRequest": {"Key": ID}}]}
    stream = {**name, "StreamArn": f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/none"}
    requests = {
        "BatchGetItem": {"RequestItems": {table: {"Keys": [ID]}}},
        "BatchWriteItem": {"RequestItems": write},
        "CreateBackup": {**name, "BackupName": "backup"},
        "DeleteItem": {**name, "Key": ID},
        "DeleteTable": name,
        "DescribeContinuousBackups": name,
        "DescribeExport": {"ExportArn": f"{arn}/export/01234567890123-12345678"},
        "DescribeKinesisStreamingDestination": name,
        "DescribeTable": name,
        "DescribeTimeToLive": name,
        "DisableKinesisStreamingDestination": stream,
        "EnableKinesisStreamingDestination": stream,
        "ExecuteStatement": {"Statement": f'SELECT * FROM "{table}"'},
        "ExecuteTransaction": {"TransactStatements": [
            {"Statement": f"SELECT * FROM \"{table}\" WHERE id = 'a' AND \"at\" = 1"}]},
        "ExportTableToPointInTime": {"TableArn": arn, "S3Bucket": "bucket"},
        "GetItem": {**name, "Key": ID},
        "GetResourcePolicy": resource,
        "ListTagsOfResource": resource,
        "PutItem": {**name, "Item": ID},
        "PutResourcePolicy": {**resource, "Policy": "{}"},
        "Query": {**name, "KeyConditionExpression": "id = :a",
                  "ExpressionAttributeValues": {":a": {"S": "a"}}},
        "RestoreTableToPointInTime": {"SourceTableName": table, "TargetTableName": "restored",
                                      "UseLatestRestorableTime": True},
        "Scan": name,
        "TagResource": {**resource, "Tags": [{"Key": "k", "Value": "v"}]},
        "TransactGetItems": {"TransactItems": [{"Get": {**name, "Key": ID}}]},
        "TransactWriteItems": {"TransactItems": [{"Delete": {**name, "Key": ID}}]},
        "UntagResource": {**resource, "TagKeys": ["k"]},
        "UpdateContinuousBackups": {**name, "PointInTimeRecoverySpecification": {
            "PointInTimeRecoveryEnabled": True}},
        "UpdateItem": {**name, "Key": ID},
        "UpdateKinesisStreamingDestination": {**stream, "UpdateKinesisStreamingConfiguration": {
            "ApproximateCreationDateTimePrecision": "MICROSECOND"}},
        "UpdateTable": {**name, "DeletionProtectionEnabled": True},
        "UpdateTimeToLive": {**name, "TimeToLiveSpecification": {
            "AttributeName": "ttl", "Enabled": True}},
    }
    told = {}
    for operation, request in requests.items():
        snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in operation).strip("_")
        try:
            getattr(api, snake)(**request)
            told[operation] = "done"
        except ClientError as error:
            told[operation] = error.response["Error"]["Code"]
    assert {o: code for o, code in told.items() if code != "AccessDeniedException"} == {}
    # Lists are of all tables.
    assert table in api.list_tables()["TableNames"]


def test_an_index_is_a_resource_of_its_own(db, guarded, put):
    table, arn = guarded["TableName"], guarded["TableArn"]
    put(arn, {"Action": ["dynamodb:Scan", "dynamodb:PartiQLSelect"], "Resource": f"{arn}/index/*"})
    assert may(db.scan, TableName=table)
    assert not may(db.scan, TableName=table, IndexName="by-kind")
    assert may(db.execute_statement, Statement=f'SELECT * FROM "{table}"')
    assert not may(db.execute_statement, Statement=f'SELECT * FROM "{table}"."by-kind"')
    put(arn, {"Action": "dynamodb:Scan"})
    assert not may(db.scan, TableName=table)
    assert may(db.scan, TableName=table, IndexName="by-kind")


def test_sessions_of_roles_are_told_apart(server, client, db, guarded, put, fresh):
    table, arn = guarded["TableName"], guarded["TableArn"]
    role = client("iam").create_role(RoleName=fresh("role"), AssumeRolePolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": []}))["Role"]
    keys = client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="me")["Credentials"]
    session = server.client("dynamodb", aws_access_key_id=keys["AccessKeyId"],
                            aws_secret_access_key=keys["SecretAccessKey"],
                            aws_session_token=keys["SessionToken"])
    put(arn, {"Action": "dynamodb:GetItem", "Principal": {"AWS": role["Arn"]}})
    assert may(db.get_item, TableName=table, Key=ID)
    with pytest.raises(ClientError) as caught:
        session.get_item(TableName=table, Key=ID)
    assert caught.value.response["Error"]["Message"].startswith(
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/{role['RoleName']}/me is not authorized")
    put(arn, {"Action": "dynamodb:GetItem",
              "Condition": {"ArnNotEquals": {"aws:PrincipalArn": role["Arn"]}}})
    assert not may(db.get_item, TableName=table, Key=ID)
    assert may(session.get_item, TableName=table, Key=ID)


def test_parts_of_a_transaction_ask_for_themselves(db, guarded, put):
    table, arn = guarded["TableName"], guarded["TableArn"]

    def write(kind, **more):
        return may(db.transact_write_items, TransactItems=[
            {kind: {"TableName": table, "Key": ID, **more}}])

    check = {"ConditionExpression": "attribute_exists(id)"}
    update = {"UpdateExpression": "REMOVE n"}
    put(arn, {"Action": "dynamodb:ConditionCheckItem"})
    assert not write("ConditionCheck", **check)
    assert write("Update", **update)
    put(arn, {"Action": "dynamodb:UpdateItem", "Condition": {
        "StringEquals": {"dynamodb:EnclosingOperation": "TransactWriteItems"}}})
    assert write("ConditionCheck", **check)
    assert not write("Update", **update)
    assert may(db.update_item, TableName=table, Key=ID)


def test_a_denied_statement_of_a_batch_fails_alone(db, guarded, table, put):
    name, arn = guarded["TableName"], guarded["TableArn"]
    db.put_item(TableName=table, Item={"id": {"S": "a"}})
    put(arn, {"Action": "dynamodb:PartiQLSelect"})
    responses = db.batch_execute_statement(Statements=[
        {"Statement": f"SELECT * FROM \"{name}\" WHERE id = 'a' AND \"at\" = 1"},
        {"Statement": f"SELECT * FROM \"{table}\" WHERE id = 'a'"}])["Responses"]
    assert responses[0]["Error"]["Code"] == "AccessDenied"
    assert "dynamodb:PartiQLSelect on resource: " + arn in responses[0]["Error"]["Message"]
    assert responses[1] == {"TableName": table, "Item": {"id": {"S": "a"}}}
    assert may(db.execute_statement,
               Statement=f"UPDATE \"{name}\" SET n = 2 WHERE id = 'a' AND \"at\" = 1")


def test_leading_keys(db, guarded, put):
    table, arn = guarded["TableName"], guarded["TableArn"]
    put(arn, {"Action": "dynamodb:*", "Resource": [arn, f"{arn}/index/*"], "Condition": {
        "ForAnyValue:StringNotLike": {"dynamodb:LeadingKeys": ["a*", "k"]}}})
    a, b = {**ID, "id": {"S": "abc"}}, {**ID, "id": {"S": "b"}}
    for call, member in ((db.get_item, "Key"), (db.put_item, "Item"), (db.update_item, "Key"),
                         (db.delete_item, "Key")):
        assert may(call, TableName=table, **{member: a})
        assert not may(call, TableName=table, **{member: b})
    assert may(db.batch_get_item, RequestItems={table: {"Keys": [a]}})
    assert not may(db.batch_get_item, RequestItems={table: {"Keys": [a, b]}})
    assert not may(db.batch_write_item, RequestItems={table: [
        {"PutRequest": {"Item": a}}, {"DeleteRequest": {"Key": b}}]})
    assert not may(db.transact_get_items, TransactItems=[{"Get": {"TableName": table, "Key": b}}])
    query = {"TableName": table, "KeyConditionExpression": "id = :v"}
    assert may(db.query, **query, ExpressionAttributeValues={":v": {"S": "a"}})
    assert not may(db.query, **query, ExpressionAttributeValues={":v": {"S": "b"}})
    old = {"AttributeValueList": [{"S": "b"}], "ComparisonOperator": "EQ"}
    assert not may(db.query, TableName=table, KeyConditions={"id": old})
    index = {"TableName": table, "IndexName": "by-kind", "KeyConditionExpression": "kind = :v"}
    assert may(db.query, **index, ExpressionAttributeValues={":v": {"S": "k"}})
    assert not may(db.query, **index, ExpressionAttributeValues={":v": {"S": "l"}})
    select = f'SELECT * FROM "{table}" WHERE id '
    assert may(db.execute_statement, Statement=select + "= 'a'")
    assert not may(db.execute_statement, Statement=select + "IN ['a', 'b']")
    assert not may(db.execute_statement,
                   Statement=f"INSERT INTO \"{table}\" VALUE {{'id': 'b', 'at': 1}}")
    assert may(db.scan, TableName=table)


def test_attributes_and_what_is_returned(db, guarded, put):
    table, arn = guarded["TableName"], guarded["TableArn"]
    deny = {"Action": ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:UpdateItem",
                       "dynamodb:PutItem", "dynamodb:PartiQL*"]}
    key = {"TableName": table, "Key": ID}
    put(arn, {**deny, "Condition": {
        "ForAnyValue:StringEquals": {"dynamodb:Attributes": ["secret", "kind"]}}})
    assert may(db.get_item, **key)  # says nothing of attributes
    assert may(db.get_item, **key, ProjectionExpression="n")
    assert not may(db.get_item, **key, ProjectionExpression="n, secret.part")
    assert not may(db.get_item, **key, AttributesToGet=["kind"])
    assert not may(db.get_item, **key, ProjectionExpression="#s",
                   ExpressionAttributeNames={"#s": "secret"})
    one = {":n": {"N": "1"}}
    assert may(db.update_item, **key, UpdateExpression="SET n = :n",
               ExpressionAttributeValues=one)
    assert not may(db.update_item, **key, UpdateExpression="SET n = if_not_exists(secret, :n)",
                   ExpressionAttributeValues=one)
    assert not may(db.update_item, **key, UpdateExpression="SET n = :n",
                   ConditionExpression="attribute_exists(secret)", ExpressionAttributeValues=one)
    assert not may(db.put_item, TableName=table, Item={**ID, "kind": {"S": "x"}})
    query = {"TableName": table, "KeyConditionExpression": "id = :a"}
    values = {":a": {"S": "a"}, **one}
    assert may(db.query, **query, FilterExpression="n = :n", ExpressionAttributeValues=values)
    assert not may(db.query, **query, FilterExpression="secret = :n",
                   ExpressionAttributeValues=values)
    assert not may(db.execute_statement,
                   Statement=f"SELECT secret FROM \"{table}\" WHERE id = 'a'")
    put(arn, {**deny, "Condition": {
        "StringNotEqualsIfExists": {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"},
        "Null": {"dynamodb:Select": "false"}}})
    assert not may(db.get_item, **key)
    assert may(db.get_item, **key, ProjectionExpression="n")
    assert not may(db.query, **query, Select="COUNT", ExpressionAttributeValues={":a": ID["id"]})
    assert may(db.update_item, **key)
    put(arn, {**deny, "Condition": {"StringEquals": {"dynamodb:ReturnValues": "ALL_OLD"}}})
    assert may(db.update_item, **key)
    assert not may(db.update_item, **key, ReturnValues="ALL_OLD")
    put(arn, {**deny, "Condition": {
        "StringEquals": {"dynamodb:ReturnConsumedCapacity": ["TOTAL", "INDEXES"]}}})
    assert may(db.get_item, **key)
    assert not may(db.get_item, **key, ReturnConsumedCapacity="TOTAL")
    put(arn, {**deny, "Condition": {"Bool": {"dynamodb:FullTableScan": "true"}}})
    assert may(db.execute_statement, Statement=f"SELECT * FROM \"{table}\" WHERE id = 'a'")
    assert not may(db.execute_statement, Statement=f'SELECT * FROM "{table}" WHERE n = 1')
    put(arn, {**deny, "Condition": {"NotIpAddress": {"aws:SourceIp": "127.0.0.0/8"}}})
    assert may(db.get_item, **key)
    put(arn, {**deny, "Condition": {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}})
    assert not may(db.get_item, **key)


def test_a_condition_has_an_operator_that_there_is(guarded, put):
    arn = guarded["TableArn"]
    with pytest.raises(ClientError) as caught:
        put(arn, {"Action": "dynamodb:GetItem",
                  "Condition": {"StringSame": {"aws:userid": "x"}}})
    assert caught.value.response["Error"]["Message"] == (
        "One or more parameter values were invalid: Invalid policy document: Invalid Condition "
        "type : StringSame")


def test_a_streams_policy_is_its_own(client, db, guarded, put, api):
    table, stream = guarded["TableName"], guarded["LatestStreamArn"]
    streams = client("dynamodbstreams")
    shard = streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"][0]["ShardId"]
    wish = {"StreamArn": stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
    iterator = streams.get_shard_iterator(**wish)["ShardIterator"]
    put(stream, {"Action": "dynamodb:GetRecords"})
    assert not may(streams.get_records, ShardIterator=iterator)
    assert may(streams.get_shard_iterator, **wish)
    assert may(streams.describe_stream, StreamArn=stream)
    put(stream, {"Action": "dynamodb:DescribeStream"}, {"Action": "dynamodb:GetShardIterator"})
    assert may(streams.get_records, ShardIterator=iterator)
    assert not may(streams.get_shard_iterator, **wish)
    assert not may(streams.describe_stream, StreamArn=stream)
    assert may(db.get_item, TableName=table, Key=ID)
    assert stream in [each["StreamArn"] for each in streams.list_streams()["Streams"]]
    api.delete_resource_policy(ResourceArn=stream)
    assert may(streams.describe_stream, StreamArn=stream)


def test_policies_outlive_the_process_but_not_their_table(make_server):
    server = make_server()
    db, api = server.client("dynamodb"), Api(server)
    arn = make_table(db, "Tee", KEY["hash"])["TableDescription"]["TableArn"]
    key = {"TableName": "Tee", "Key": {"id": {"S": "a"}}}
    policy = {"Statement": {"Effect": "Deny", "Principal": "*", "Action": "dynamodb:GetItem",
                            "Resource": arn}}
    api.put_resource_policy(ResourceArn=arn, Policy=json.dumps(policy))
    server.restart()
    db = server.client("dynamodb")
    assert not may(db.get_item, **key)
    db.delete_table(TableName="Tee")
    api.create_table(TableName="Tee", BillingMode="PAY_PER_REQUEST",
                     KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                     AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])
    assert may(db.get_item, **key)
    db.delete_table(TableName="Tee")
    api.create_table(TableName="Tee", BillingMode="PAY_PER_REQUEST",
                     ResourcePolicy=json.dumps(policy),
                     KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                     AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])
    assert not may(db.get_item, **key)
