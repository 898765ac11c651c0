"""Lifecycle rules: kept, judged, and carried out as the server's clock goes on."""

import base64
import datetime
import hashlib

import pytest

from s3.conftest import LARGE, bodies, keys, refused
from support import wait_until

EXPIRE = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "tmp/"},
          "Expiration": {"Days": 2}}


def configure(s3, bucket, *rules):
    return s3.put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration={"Rules": list(rules)})


def rows(s3, bucket):
    found = s3.list_object_versions(Bucket=bucket)
    return len(found.get("Versions", [])), len(found.get("DeleteMarkers", []))


def test_rules_are_kept_and_taken_away(s3, bucket):
    rules = [
        EXPIRE,
        {"ID": "all", "Status": "Disabled",
         "Filter": {"And": {"Prefix": "a", "Tags": [{"Key": "k", "Value": "v"}],
                            "ObjectSizeGreaterThan": 10}},
         "NoncurrentVersionExpiration": {"NoncurrentDays": 3, "NewerNoncurrentVersions": 2},
         "Transitions": [{"Days": 30, "StorageClass": "STANDARD_IA"}]},
        {"ID": "uploads", "Status": "Enabled", "Filter": {"Prefix": ""},
         "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
        {"ID": "date", "Status": "Enabled", "Filter": {"Prefix": "x"}, "Expiration": {
            "Date": datetime.datetime(2040, 1, 1, tzinfo=datetime.timezone.utc)}},
    ]
    configure(s3, bucket, *rules)
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == rules
    configure(s3, bucket, {**EXPIRE, "ID": ""})
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"][0]["ID"]
    s3.delete_bucket_lifecycle(Bucket=bucket)
    error = refused(s3.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration", 404,
                    Bucket=bucket)
    assert error["Message"] == "The lifecycle configuration does not exist"


NOON = datetime.datetime(2040, 1, 1, 12, tzinfo=datetime.timezone.utc)


@pytest.mark.parametrize("change, code, words", [
    ({"Status": "On"}, "MalformedXML", ""),
    ({"Expiration": {"Days": 0}}, "InvalidArgument",
     "'Days' for Expiration action must be a positive integer"),
    ({"Expiration": {"Date": NOON}}, "InvalidArgument", "'Date' must be at midnight GMT"),
    ({"Expiration": {"Days": 1, "ExpiredObjectDeleteMarker": True}}, "MalformedXML", ""),
    ({"Filter": {"Tag": {"Key": "a", "Value": "b"}},
      "Expiration": {"ExpiredObjectDeleteMarker": True}}, "InvalidRequest",
     "ExpiredObjectDeleteMarker cannot be specified with tags."),
    ({"Filter": {"Prefix": "a", "ObjectSizeLessThan": 5}}, "MalformedXML", ""),
    ({"Expiration": None}, "InvalidRequest",
     "At least one action needs to be specified in a rule"),
    ({"ID": "x" * 256}, "InvalidArgument", "ID length should not exceed allowed limit of 255"),
    ({"NoncurrentVersionExpiration": {"NoncurrentDays": 0}}, "InvalidArgument",
     "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer"),
    ({"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 0}}, "InvalidArgument",
     "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer"),
    ({"Transitions": [{"Days": 1, "StorageClass": "STANDARD_IA"}]}, "InvalidArgument",
     "must be greater than or equal to 30 for storageClass 'STANDARD_IA'"),
    ({"Transitions": [{"Days": 90, "StorageClass": "NONE"}]}, "MalformedXML", ""),
    ({"Expiration": {"Days": 90}, "Transitions": [{"Days": 90, "StorageClass": "GLACIER_IR"}]},
     "InvalidArgument", "'Days' in the Expiration action for filter '(prefix=tmp/)' must be "
     "greater than 'Days' in the Transition action"),
    ({"Expiration": {"Days": 99},
      "Transitions": [{"Date": "2040-01-01T00:00:00Z", "StorageClass": "GLACIER_IR"}]},
     "InvalidRequest", "Found mixed 'Date' and 'Days' based Expiration and Transition actions in "
     "lifecycle rule for filter '(prefix=tmp/)'"),
    ({"Expiration": {"Date": "2039-01-01T00:00:00Z"},
      "Transitions": [{"Date": "2040-01-01T00:00:00Z", "StorageClass": "GLACIER_IR"}]},
     "InvalidArgument", "'Date' in the Expiration action for filter"),
    ({"Expiration": None, "Transitions": [{"Days": 90, "StorageClass": "GLACIER_IR"},
                                          {"Days": 91, "StorageClass": "GLACIER_IR"}]},
     "InvalidRequest", "'StorageClass' must be different for 'Transition' actions in same 'Rule'"),
    ({"NoncurrentVersionExpiration": {"NoncurrentDays": 30}, "NoncurrentVersionTransitions":
      [{"NoncurrentDays": 30, "StorageClass": "STANDARD_IA"}]}, "InvalidArgument",
     "'NoncurrentDays' in the NoncurrentVersionExpiration action"),
    ({"Prefix": "a"}, "MalformedXML", ""),
])
def test_rules_that_make_no_sense_are_refused(s3, bucket, change, code, words):
    rule = {key: value for key, value in {**EXPIRE, **change}.items() if value is not None}
    with pytest.raises(s3.exceptions.ClientError) as caught:
        configure(s3, bucket, rule)
    error = caught.value.response["Error"]
    assert error["Code"] == code and words in error["Message"], error


def test_the_size_below_which_nothing_moves_is_told(server, s3, bucket):
    rule = (b"<LifecycleConfiguration><Rule><Status>Enabled</Status><Prefix>a</Prefix><Expiration>"
            b"<Days>1</Days></Expiration></Rule></LifecycleConfiguration>")
    name = "x-amz-transition-default-minimum-object-size"
    headers = {"content-md5": base64.b64encode(hashlib.md5(rule).digest()).decode()}
    for given, told in ((None, "all_storage_classes_128K"),
                        ("varies_by_storage_class", "varies_by_storage_class"),
                        ("all_storage_classes_128K", "all_storage_classes_128K")):
        asked = {**headers, name: given} if given else headers
        status, reply, _ = server.request("PUT", f"/{bucket}?lifecycle", rule, asked)
        assert (status, reply[name]) == (200, told)
        assert server.request("GET", f"/{bucket}?lifecycle")[1][name] == told
    status, _, text = server.request("PUT", f"/{bucket}?lifecycle", rule, {**headers, name: "1"})
    assert status == 400 and b"<Code>InvalidRequest</Code>" in text


def test_rules_have_names_of_their_own(s3, bucket):
    with pytest.raises(s3.exceptions.ClientError) as caught:
        configure(s3, bucket, EXPIRE, EXPIRE)
    assert "Rule ID must be unique" in caught.value.response["Error"]["Message"]


def test_replies_tell_when_an_object_will_go(s3, bucket):
    configure(s3, bucket, EXPIRE)
    put = s3.put_object(Bucket=bucket, Key="tmp/k", Body=b"x")
    head = s3.head_object(Bucket=bucket, Key="tmp/k")
    assert put["Expiration"] == head["Expiration"]
    midnight = head["LastModified"].replace(hour=0, minute=0, second=0)
    due = midnight + datetime.timedelta(days=3)
    assert head["Expiration"] == due.strftime(
        'expiry-date="%a, %d %b %Y 00:00:00 GMT", rule-id="old"')
    assert "Expiration" not in s3.put_object(Bucket=bucket, Key="other", Body=b"x")


def test_an_upload_tells_when_it_will_be_given_up(own_server):
    s3 = own_server.client("s3")
    s3.create_bucket(Bucket="lake")
    rules = [{"ID": f"after {days}", "Status": "Enabled", "Filter": {"Prefix": prefix},
              "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": days}}
             for prefix, days in (("a/", 5), ("a/b/", 2))]
    configure(s3, "lake", *rules)
    with own_server.clock.held() as now_ms:
        for key, days in (("a/k", 5), ("a/b/k", 2)):
            begun = s3.create_multipart_upload(Bucket="lake", Key=key)
            listed = s3.list_parts(Bucket="lake", Key=key, UploadId=begun["UploadId"])
            midnight = -(-(now_ms + days * 86_400_000) // 86_400_000) * 86_400
            for reply in (begun, listed):
                assert reply["AbortDate"].timestamp() == midnight
                assert reply["AbortRuleId"] == f"after%20{days}"
        other = s3.create_multipart_upload(Bucket="lake", Key="k")
    assert "AbortDate" not in other and "AbortRuleId" not in other


def test_objects_go_when_their_time_has_come(own_server):
    s3, clock = own_server.client("s3"), own_server.clock
    s3.create_bucket(Bucket="lake")
    s3.create_bucket(Bucket="other")
    for key in ("tmp/a", "tmp/b", "kept"):
        s3.put_object(Bucket="lake", Key=key, Body=b"x" * LARGE)
    s3.put_object(Bucket="other", Key="tmp/a", Body=b"x" * LARGE)
    begun = s3.create_multipart_upload(Bucket="lake", Key="tmp/m")["UploadId"]
    s3.upload_part(Bucket="lake", Key="tmp/m", UploadId=begun, PartNumber=1, Body=b"x" * LARGE)
    configure(s3, "lake", EXPIRE, {
        "ID": "uploads", "Status": "Enabled", "Filter": {"Prefix": "tmp/"},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 4}})
    clock.advance(hours=25)
    s3.put_object(Bucket="lake", Key="tmp/b", Body=b"new")
    clock.advance(hours=47)
    wait_until(lambda: keys(s3, "lake") == ["kept", "tmp/b"])
    assert len(s3.list_multipart_uploads(Bucket="lake")["Uploads"]) == 1
    clock.advance(hours=48)
    wait_until(lambda: keys(s3, "lake") == ["kept"])
    wait_until(lambda: "Uploads" not in s3.list_multipart_uploads(Bucket="lake"))
    assert keys(s3, "other") == ["tmp/a"]
    wait_until(lambda: len(bodies(own_server)) == 2)


def test_versions_markers_and_classes_follow_their_rules(own_server):
    s3, clock = own_server.client("s3"), own_server.clock
    s3.create_bucket(Bucket="lake")
    s3.put_bucket_versioning(Bucket="lake", VersioningConfiguration={"Status": "Enabled"})
    for i in range(5):
        s3.put_object(Bucket="lake", Key="k", Body=str(i).encode())
    s3.put_object(Bucket="lake", Key="large", Body=b"x" * 200_000)
    s3.put_object(Bucket="lake", Key="small", Body=b"x")
    configure(
        s3, "lake",
        {"ID": "past", "Status": "Enabled", "Filter": {"Prefix": "k"},
         "NoncurrentVersionExpiration": {"NoncurrentDays": 1, "NewerNoncurrentVersions": 2}},
        {"ID": "now", "Status": "Enabled", "Filter": {"Prefix": "k"}, "Expiration": {"Days": 10}},
        {"ID": "move", "Status": "Enabled", "Filter": {},
         "Transitions": [{"Days": 30, "StorageClass": "STANDARD_IA"}]})
    assert rows(s3, "lake") == (7, 0)
    clock.advance(hours=49)
    wait_until(lambda: rows(s3, "lake") == (5, 0))
    assert s3.get_object(Bucket="lake", Key="k")["Body"].read() == b"4"
    clock.advance(hours=24 * 10)
    wait_until(lambda: rows(s3, "lake") == (5, 1))
    refused(s3.get_object, "NoSuchKey", 404, Bucket="lake", Key="k")
    clock.advance(hours=24 * 20)
    wait_until(lambda: "StorageClass" in s3.head_object(Bucket="lake", Key="large"))
    assert s3.head_object(Bucket="lake", Key="large")["StorageClass"] == "STANDARD_IA"
    assert "StorageClass" not in s3.head_object(Bucket="lake", Key="small")
    configure(s3, "lake",
              {"ID": "past", "Status": "Enabled", "Filter": {"Prefix": "k"},
               "NoncurrentVersionExpiration": {"NoncurrentDays": 1}},
              {"ID": "markers", "Status": "Enabled", "Filter": {},
               "Expiration": {"ExpiredObjectDeleteMarker": True}})
    wait_until(lambda: rows(s3, "lake")[0] == 2)  # at midnight the marker may have gone by now
    clock.advance(hours=24)
    wait_until(lambda: rows(s3, "lake") == (2, 0))
