"""Archive classes: objects that answer no read until they are restored."""

import base64
import datetime
import hashlib
import json

import pytest

from s3.conftest import refused
from support import wait_until

DAY = 86_400_000


def restore(s3, bucket, key, days=1, **more):
    request = {"Days": days, "GlacierJobParameters": {"Tier": "Standard"}, **more}
    reply = s3.restore_object(Bucket=bucket, Key=key, RestoreRequest=request)
    return reply["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize("name", ["GLACIER", "DEEP_ARCHIVE"])
def test_an_archived_object_is_told_of_and_not_read(s3, bucket, name):
    s3.put_object(Bucket=bucket, Key="k", Body=b"cold", StorageClass=name)
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["StorageClass"], head["ContentLength"]) == (name, 4)
    assert "Restore" not in head
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["StorageClass"] == name
    error = refused(s3.get_object, "InvalidObjectState", 403, Bucket=bucket, Key="k")
    assert error["Message"] == "The operation is not valid for the object's storage class"
    assert error["StorageClass"] == name
    refused(s3.get_object, "InvalidObjectState", 403, Bucket=bucket, Key="k", Range="bytes=0-1")
    refused(s3.copy_object, "ObjectNotInActiveTierError", 403, Bucket=bucket, Key="k2",
            CopySource=f"{bucket}/k")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k2")["UploadId"]
    refused(s3.upload_part_copy, "InvalidObjectState", 403, Bucket=bucket, Key="k2",
            UploadId=upload, PartNumber=1, CopySource=f"{bucket}/k")
    s3.put_object_tagging(Bucket=bucket, Key="k",
                          Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})
    s3.put_object(Bucket=bucket, Key="k", Body=b"warm")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"warm"


def test_a_restored_object_is_read_until_its_days_are_over(own_server):
    s3 = own_server.client("s3")
    s3.create_bucket(Bucket="lake")
    with own_server.clock.held() as now_ms:
        s3.put_object(Bucket="lake", Key="k", Body=b"cold", StorageClass="GLACIER")
        assert restore(s3, "lake", "k", 2) == 202
        assert s3.get_object(Bucket="lake", Key="k")["Body"].read() == b"cold"
        until = datetime.datetime.fromtimestamp(
            ((now_ms + 2 * DAY) // DAY + 1) * DAY / 1000, datetime.timezone.utc)
        told = f'ongoing-request="false", expiry-date="{until:%a, %d %b %Y %H:%M:%S GMT}"'
        head = s3.head_object(Bucket="lake", Key="k")
        assert (head["Restore"], head["StorageClass"]) == (told, "GLACIER")
        s3.put_object(Bucket="lake", Key="other", Body=b"", StorageClass="GLACIER")
        status = (f"<RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress>"
                  f"<RestoreExpiryDate>{until:%Y-%m-%dT%H:%M:%S}.000Z</RestoreExpiryDate>")
        asks = {"x-amz-optional-object-attributes": "RestoreStatus"}
        for kind in ("list-type=2", "versions", "x"):
            text = own_server.request("GET", f"/lake?{kind}", headers=asks)[2].decode()
            assert status in text and text.count("<RestoreStatus>") == 1
            assert b"<RestoreStatus>" not in own_server.request("GET", f"/lake?{kind}")[2]
        own_server.restart()
        s3.copy_object(Bucket="lake", Key="k2", CopySource="lake/k", StorageClass="STANDARD")
        assert "Restore" not in s3.head_object(Bucket="lake", Key="k2")
        assert restore(s3, "lake", "k", 3) == 200, "it is prolonged"
        own_server.clock.advance(hours=72)
        assert s3.get_object(Bucket="lake", Key="k")["Body"].read() == b"cold"
        own_server.clock.advance(hours=24)
        refused(s3.get_object, "InvalidObjectState", 403, Bucket="lake", Key="k")
        assert "Restore" not in s3.head_object(Bucket="lake", Key="k")
        assert restore(s3, "lake", "k") == 202


def test_what_cannot_be_restored_is_refused(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="warm", Body=b"x")
    s3.put_object(Bucket=bucket, Key="cold", Body=b"x", StorageClass="DEEP_ARCHIVE")
    request = {"Days": 1}

    def fails(code, status, key="cold", **request):
        return refused(s3.restore_object, code, status, Bucket=bucket, Key=key,
                       RestoreRequest=request)

    error = fails("InvalidObjectState", 403, "warm", **request)
    assert error["Message"] == "Restore is not allowed for the object's current storage class"
    fails("NoSuchKey", 404, "none", **request)
    fails("InvalidArgument", 400, Days=0)
    fails("MalformedXML", 400, GlacierJobParameters={"Tier": "Standard"})
    fails("MalformedXML", 400, Days=1, GlacierJobParameters={"Tier": "Soon"})
    fails("InvalidArgument", 400, Days=1, GlacierJobParameters={"Tier": "Expedited"})
    fails("NotImplemented", 501, Type="SELECT")
    fails("NotImplemented", 501, Days=1,
          OutputLocation={"S3": {"BucketName": bucket, "Prefix": "found/"}})
    refused(s3.get_object, "InvalidObjectState", 403, Bucket=bucket, Key="cold")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    marker = s3.delete_object(Bucket=bucket, Key="cold")["VersionId"]
    refused(s3.restore_object, "MethodNotAllowed", 405, Bucket=bucket, Key="cold",
            VersionId=marker, RestoreRequest=request)
    assert s3.restore_object(Bucket=bucket, Key="cold", VersionId="null", RestoreRequest=request)
    s3.get_object(Bucket=bucket, Key="cold", VersionId="null")


RULES = (b"<LifecycleConfiguration><Rule><Status>Enabled</Status><Filter/>"
         b"<Transition><Days>1</Days><StorageClass>GLACIER_IR</StorageClass></Transition>"
         b"<Transition><Days>3</Days><StorageClass>DEEP_ARCHIVE</StorageClass></Transition>"
         b"</Rule></LifecycleConfiguration>")


def test_rules_move_small_objects_to_archives_alone_and_never_back(own_server):
    s3 = own_server.client("s3")
    for bucket, minimum in (("lake", "varies_by_storage_class"),
                            ("pond", "all_storage_classes_128K")):
        s3.create_bucket(Bucket=bucket)
        headers = {"x-amz-transition-default-minimum-object-size": minimum,
                   "content-md5": base64.b64encode(hashlib.md5(RULES).digest()).decode()}
        assert own_server.request("PUT", f"/{bucket}?lifecycle", RULES, headers)[0] == 200
        s3.put_object(Bucket=bucket, Key="small", Body=b"x")
        s3.put_object(Bucket=bucket, Key="large", Body=b"x" * 150_000)
        s3.put_object(Bucket=bucket, Key="cold", Body=b"x" * 150_000, StorageClass="GLACIER")

    def classes(bucket):
        return {row["Key"]: row["StorageClass"]
                for row in s3.list_objects_v2(Bucket=bucket)["Contents"]}

    own_server.clock.advance(hours=48)
    first = {"small": "STANDARD", "large": "GLACIER_IR", "cold": "GLACIER"}
    for bucket in ("lake", "pond"):
        wait_until(lambda name=bucket: classes(name) == first)
    own_server.clock.advance(hours=48)
    last = dict.fromkeys(first, "DEEP_ARCHIVE")
    wait_until(lambda: classes("lake") == last)
    wait_until(lambda: classes("pond") == {**last, "small": "STANDARD"})


def test_queries_and_crawls_pass_over_what_is_archived(s3, bucket, client, fresh):
    for key, amount, name in (("t/a.json", 1, "STANDARD"), ("t/b.json", 2, "GLACIER")):
        s3.put_object(Bucket=bucket, Key=key, Body=json.dumps({"amount": amount}).encode(),
                      StorageClass=name)
    glue, athena, database = client("glue"), client("athena"), fresh("db", "_")
    glue.create_database(DatabaseInput={"Name": database})
    glue.create_table(DatabaseName=database, TableInput={
        "Name": "t", "TableType": "EXTERNAL_TABLE", "StorageDescriptor": {
            "Columns": [{"Name": "amount", "Type": "int"}], "Location": f"s3://{bucket}/t/",
            "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
            "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
            "SerdeInfo": {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe"}}})

    def amounts():
        query = athena.start_query_execution(
            QueryString="SELECT amount FROM t ORDER BY 1",
            QueryExecutionContext={"Database": database},
            ResultConfiguration={"OutputLocation": f"s3://{bucket}/out/"})["QueryExecutionId"]
        wait_until(lambda: athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]
                   ["Status"]["State"] not in ("QUEUED", "RUNNING"))
        rows = athena.get_query_results(QueryExecutionId=query)["ResultSet"]["Rows"]
        return [row["Data"][0]["VarCharValue"] for row in rows[1:]]

    assert amounts() == ["1"]
    restore(s3, bucket, "t/b.json")
    assert amounts() == ["1", "2"]
