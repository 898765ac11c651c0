"""Notifications: what happens to objects is told to functions, in AWS's own JSON."""

import datetime
import io
import json
import re
import zipfile

import pytest

from s3.conftest import refused
from support import wait_until

TELL = "import json\n\ndef handler(event, context):\n    print('EVENT ' + json.dumps(event))\n"


def create_function(functions, name, source):
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("index.py", source)
    made = functions.create_function(
        FunctionName=name, Runtime="python3.11", Handler="index.handler", Timeout=10,
        Role="arn:aws:iam::000000000000:role/lambda", Code={"ZipFile": package.getvalue()})
    functions.get_waiter("function_active_v2").wait(FunctionName=name)
    return made["FunctionArn"]


@pytest.fixture
def function(client, fresh):
    name = fresh("told")
    arn = create_function(client("lambda"), name, TELL)
    return name, arn


def configure(s3, bucket, *functions):
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={
        "LambdaFunctionConfigurations": list(functions)})


def told(client, name):
    """The records that the function was given so far."""
    logs = client("logs")
    try:
        events = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}", limit=1000)["events"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    found = [json.loads(row["message"].split("EVENT ", 1)[1])["Records"][0]
             for row in events if "EVENT " in row["message"]]
    return sorted(found, key=lambda record: record["s3"]["object"]["sequencer"])


def names(client, name):
    return [record["eventName"] for record in told(client, name)]


def test_a_put_is_told_as_aws_tells_it(s3, client, bucket, function):
    name, arn = function
    configure(s3, bucket, {"Id": "mine", "LambdaFunctionArn": arn,
                           "Events": ["s3:ObjectCreated:*"]})
    put = s3.put_object(Bucket=bucket, Key="a b/ü+c.txt", Body=b"hello")
    record = wait_until(lambda: told(client, name))[0]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record.pop("eventTime"))
    request = put["ResponseMetadata"]["RequestId"]
    assert re.fullmatch(r"[0-9A-F]{18}", record["s3"]["object"].pop("sequencer"))
    assert record.pop("userIdentity").keys() == {"principalId"}
    assert record["s3"]["bucket"].pop("ownerIdentity").keys() == {"principalId"}
    assert record == {
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
        "eventName": "ObjectCreated:Put",
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": request, "x-amz-id-2": request},
        "s3": {"s3SchemaVersion": "1.0", "configurationId": "mine",
               "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
               "object": {"key": "a+b/%C3%BC%2Bc.txt", "size": 5,
                          "eTag": "5d41402abc4b2a76b9719d911017c592"}},
    }


def test_each_kind_of_change_has_its_name(s3, client, bucket, function):
    name, arn = function
    configure(s3, bucket, {"LambdaFunctionArn": arn, "Events": [
        "s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*"]})
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
    where = {"Bucket": bucket, "Key": "m", "UploadId": upload}
    part = s3.upload_part(**where, PartNumber=1, Body=b"x")
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": [
        {"PartNumber": 1, "ETag": part["ETag"]}]})
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [
        {"Key": "a", "Value": "b"}]})
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_object(Bucket=bucket, Key="never there")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    marker = s3.delete_object(Bucket=bucket, Key="copy")["VersionId"]
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "copy", "VersionId": marker}]})
    wanted = ["ObjectCreated:Put", "ObjectCreated:Copy", "ObjectCreated:CompleteMultipartUpload",
              "ObjectTagging:Put", "ObjectTagging:Delete", "ObjectRemoved:Delete",
              "ObjectRemoved:DeleteMarkerCreated", "ObjectRemoved:Delete"]
    wait_until(lambda: len(told(client, name)) >= len(wanted))
    assert names(client, name) == wanted
    records = told(client, name)
    assert records[3]["eventVersion"] == "2.3"
    assert "size" not in records[5]["s3"]["object"]
    assert records[6]["s3"]["object"]["versionId"] == marker
    assert records[6]["s3"]["object"]["eTag"] == "d41d8cd98f00b204e9800998ecf8427e"


def test_lists_and_restores_are_told(s3, client, bucket, function):
    name, arn = function
    configure(s3, bucket, {"LambdaFunctionArn": arn, "Events": [
        "s3:ObjectAcl:Put", "s3:ObjectRestore:*"]})
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={
        "Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", StorageClass="GLACIER")
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="aws-exec-read")
    s3.restore_object(Bucket=bucket, Key="k", RestoreRequest={"Days": 1})
    until = s3.head_object(Bucket=bucket, Key="k")["Restore"]
    wanted = ["ObjectAcl:Put", "ObjectRestore:Post", "ObjectRestore:Completed"]
    wait_until(lambda: len(told(client, name)) >= len(wanted))
    assert names(client, name) == wanted
    records = told(client, name)
    assert [record["eventVersion"] for record in records] == ["2.3", "2.1", "2.1"]
    assert "glacierEventData" not in records[1]
    data = records[2]["glacierEventData"]["restoreEventData"]
    assert data["lifecycleRestoreStorageClass"] == "GLACIER"
    expiry = datetime.datetime.fromisoformat(data["lifecycleRestorationExpiryTime"][:19])
    assert f"{expiry:%a, %d %b %Y %H:%M:%S GMT}" in until


def test_filters_choose_by_prefix_and_suffix(s3, client, bucket, function):
    name, arn = function
    configure(s3, bucket, {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:Put"],
                           "Filter": {"Key": {"FilterRules": [
                               {"Name": "Prefix", "Value": "in/"},
                               {"Name": "Suffix", "Value": ".json"}]}}})
    for key in ("in/a.csv", "out/a.json", "in/b.json"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    wait_until(lambda: told(client, name))
    assert [row["s3"]["object"]["key"] for row in told(client, name)] == ["in/b.json"]


def test_configurations_are_kept_named_and_taken_away(s3, bucket, function):
    _, arn = function
    configure(s3, bucket, {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:Put"]})
    found = s3.get_bucket_notification_configuration(Bucket=bucket)
    row = found["LambdaFunctionConfigurations"][0]
    assert row.pop("Id")
    assert row == {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:Put"]}
    configure(s3, bucket)
    found = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert "LambdaFunctionConfigurations" not in found


def test_what_makes_no_sense_is_refused(s3, bucket, function):
    _, arn = function
    events = ["s3:ObjectCreated:*"]
    rule = {"Key": {"FilterRules": [{"Name": "middle", "Value": "x"}]}}
    for row, words in (
        ([{"LambdaFunctionArn": arn + "-none", "Events": events}],
         "Unable to validate the following destination configurations"),
        ([{"LambdaFunctionArn": "none", "Events": events}], "The ARN could not be parsed"),
        ([{"LambdaFunctionArn": arn, "Events": ["s3:Object"]}],
         "The event 's3:Object' is not supported for notifications"),
        ([{"LambdaFunctionArn": arn, "Events": events, "Filter": rule}],
         "filter rule name must be either prefix or suffix"),
        ([{"LambdaFunctionArn": arn, "Events": events, "Filter": {"Key": {"FilterRules": [
            {"Name": "prefix", "Value": "ü" * 512 + "x"}]}}}],
         "Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation"),
        ([{"LambdaFunctionArn": arn, "Events": events},
          {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:Put"]}],
         "Configurations overlap."),
    ):
        error = refused(s3.put_bucket_notification_configuration, "InvalidArgument", 400,
                        Bucket=bucket,
                        NotificationConfiguration={"LambdaFunctionConfigurations": row})
        assert words in error["Message"]
    for other in ({"EventBridgeConfiguration": {}},
                  {"QueueConfigurations": [{"QueueArn": "arn:aws:sqs:us-east-1:0:q",
                                            "Events": events}]}):
        refused(s3.put_bucket_notification_configuration, "NotImplemented", 501, Bucket=bucket,
                NotificationConfiguration=other)


def test_events_outlive_a_kill(own_server):
    s3 = own_server.client("s3")
    s3.create_bucket(Bucket="lake")
    arn = create_function(own_server.client("lambda"), "told", TELL)
    configure(s3, "lake", {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]})
    keys = {f"k{i}" for i in range(20)}
    for key in sorted(keys):
        s3.put_object(Bucket="lake", Key=key, Body=b"x")
    own_server.kill9()
    own_server.start()
    wait_until(lambda: {row["s3"]["object"]["key"]
                        for row in told(own_server.client, "told")} == keys)
