"""Operations that no story of another folder needs, asked for once each."""

import io
import json
import zipfile

import pytest
from botocore.exceptions import ClientError
from support import wait_until


@pytest.fixture
def bucket(client, fresh):
    name = fresh("lake")
    client("s3").create_bucket(Bucket=name)
    return name


def test_settings_of_a_new_bucket_are_those_of_aws(client, bucket):
    s3 = client("s3")
    assert "Status" not in s3.get_bucket_accelerate_configuration(Bucket=bucket)
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    notified = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert set(notified) == {"ResponseMetadata"}


@pytest.mark.parametrize(
    "name", ["cors", "lifecycle", "website", "replication", "encryption"]
)
def test_taking_away_what_is_not_there_is_no_error(client, bucket, name):
    reply = getattr(client("s3"), f"delete_bucket_{name}")(Bucket=bucket)
    assert reply["ResponseMetadata"]["HTTPStatusCode"] == 204


@pytest.mark.parametrize(
    "name, code",
    [
        ("get_bucket_cors", "NoSuchCORSConfiguration"),
        ("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration"),
        ("get_bucket_website", "NoSuchWebsiteConfiguration"),
        ("get_bucket_replication", "ReplicationConfigurationNotFoundError"),
        ("get_bucket_ownership_controls", None),
        ("get_object_lock_configuration", "ObjectLockConfigurationNotFoundError"),
    ],
)
def test_what_nobody_configured_is_an_error_or_the_default(client, bucket, name, code):
    call = getattr(client("s3"), name)
    if code is None:
        # AWS: buckets made since April 2023 have BucketOwnerEnforced.
        rules = call(Bucket=bucket)["OwnershipControls"]["Rules"]
        assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]
        return
    with pytest.raises(ClientError) as caught:
        call(Bucket=bucket)
    assert caught.value.response["Error"]["Code"] == code


def test_an_object_belongs_to_its_owner(client, bucket):
    s3 = client("s3")
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    reply = s3.get_object_acl(Bucket=bucket, Key="k")
    assert reply["Grants"][0]["Permission"] == "FULL_CONTROL"
    assert reply["Grants"][0]["Grantee"]["ID"] == reply["Owner"]["ID"]


# ---- services other than S3; by hand where Debian's boto3 does not know the operation ----


def call(server, target, version="1.1", **body):
    headers = {"Content-Type": f"application/x-amz-json-{version}", "X-Amz-Target": target}
    status, _, reply = server.request("POST", "/", json.dumps(body), headers)
    return status, json.loads(reply) if reply else {}


POLICY = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}],
})


def test_policies_of_tables_are_kept(server, client, fresh):
    arn = client("dynamodb").create_table(
        TableName=fresh("policy"),
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )["TableDescription"]["TableArn"]
    ask = "DynamoDB_20120810."
    status, none = call(server, ask + "GetResourcePolicy", "1.0", ResourceArn=arn)
    assert (status, none["__type"].rpartition("#")[2]) == (400, "PolicyNotFoundException")
    status, put = call(server, ask + "PutResourcePolicy", "1.0", ResourceArn=arn, Policy=POLICY)
    assert status == 200, put
    status, got = call(server, ask + "GetResourcePolicy", "1.0", ResourceArn=arn)
    assert (status, json.loads(got["Policy"])) == (200, json.loads(POLICY))
    assert got["RevisionId"] == put["RevisionId"]
    assert call(server, ask + "DeleteResourcePolicy", "1.0", ResourceArn=arn)[0] == 200
    assert call(server, ask + "GetResourcePolicy", "1.0", ResourceArn=arn)[0] == 400


def test_athena_shows_a_database_of_the_catalog(client, fresh):
    name = fresh("sales", "_")
    client("glue").create_database(DatabaseInput={"Name": name, "Description": "d"})
    reply = client("athena").get_database(CatalogName="AwsDataCatalog", DatabaseName=name)
    assert (reply["Database"]["Name"], reply["Database"]["Description"]) == (name, "d")


def test_a_partition_is_deleted_alone(client, fresh):
    glue, database = client("glue"), fresh("parts", "_")
    glue.create_database(DatabaseInput={"Name": database})
    place = {"DatabaseName": database, "TableName": "t"}
    storage = {"Columns": [{"Name": "a", "Type": "int"}], "Location": "s3://nobody/t/"}
    glue.create_table(DatabaseName=database, TableInput={
        "Name": "t", "StorageDescriptor": storage,
        "PartitionKeys": [{"Name": "day", "Type": "string"}]})
    for day in ("1", "2"):
        glue.create_partition(
            **place, PartitionInput={"Values": [day], "StorageDescriptor": storage})
    glue.delete_partition(**place, PartitionValues=["1"])
    left = glue.get_partitions(**place)["Partitions"]
    assert [row["Values"] for row in left] == [["2"]]


def test_a_crawler_is_stopped_while_it_runs(client, bucket, fresh):
    glue, s3, name = client("glue"), client("s3"), fresh("crawler")
    for number in range(60):
        s3.put_object(Bucket=bucket, Key=f"t/part={number}/a.json", Body=b'{"a":1}\n' * 3000)
    glue.create_crawler(Name=name, Role="any", DatabaseName=fresh("db", "_"),
                        Targets={"S3Targets": [{"Path": f"s3://{bucket}/t/"}]})
    told = glue.batch_get_crawlers(CrawlerNames=[name, "nobody"])
    assert [row["Name"] for row in told["Crawlers"]] == [name]
    assert told["CrawlersNotFound"] == ["nobody"]

    def stopped():
        if glue.get_crawler(Name=name)["Crawler"]["State"] == "READY":
            glue.start_crawler(Name=name)
        try:
            glue.stop_crawler(Name=name)
        except ClientError as error:  # it was done already
            assert error.response["Error"]["Code"] == "CrawlerNotRunningException"
            return False
        return True

    wait_until(stopped, interval=0)
    wait_until(lambda: glue.get_crawler(Name=name)["Crawler"]["State"] == "READY")


def test_a_function_has_its_latest_version(client, fresh):
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", "def handler(event, context): return 1\n")
    name = fresh("function")
    client("lambda").create_function(
        FunctionName=name, Runtime="python3.12", Handler="index.handler",
        Role="arn:aws:iam::000000000000:role/any", Code={"ZipFile": code.getvalue()})
    versions = client("lambda").list_versions_by_function(FunctionName=name)["Versions"]
    assert [row["Version"] for row in versions] == ["$LATEST"]
