"""Object lock: retention in both modes, legal hold, and who may do what about them."""

import base64
import datetime
import hashlib

import pytest

from s3.conftest import NEW_BOTO3, refused

DENIED = "Access Denied because object protected by object lock."
MISSING = "Bucket is missing Object Lock Configuration"


def later(days):
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    return now + datetime.timedelta(days=days)


@pytest.fixture
def locked(s3, fresh):
    name = fresh("locked")
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


def put(s3, bucket, key="k", **lock):
    if not NEW_BOTO3:  # newer ones send a checksum by themselves
        lock["ContentMD5"] = base64.b64encode(hashlib.md5(b"x").digest()).decode()
    return s3.put_object(Bucket=bucket, Key=key, Body=b"x", **lock)["VersionId"]


def retain(s3, bucket, mode, until, **more):
    s3.put_object_retention(Bucket=bucket, Key="k",
                            Retention={"Mode": mode, "RetainUntilDate": until}, **more)


def test_a_bucket_is_made_for_it_or_configured_later(s3, locked, bucket):
    found = s3.get_object_lock_configuration(Bucket=locked)["ObjectLockConfiguration"]
    assert found == {"ObjectLockEnabled": "Enabled"}
    assert s3.get_bucket_versioning(Bucket=locked)["Status"] == "Enabled"
    refused(s3.put_bucket_versioning, "InvalidBucketState", 409, Bucket=locked,
            VersioningConfiguration={"Status": "Suspended"})
    config = {"ObjectLockEnabled": "Enabled",
              "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 5}}}
    refused(s3.get_object_lock_configuration, "ObjectLockConfigurationNotFoundError", 404,
            Bucket=bucket)
    refused(s3.put_object_lock_configuration, "InvalidBucketState", 409, Bucket=bucket,
            ObjectLockConfiguration=config)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=config)
    found = s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
    assert found == config


@pytest.mark.parametrize("default, code", [
    ({"Mode": "GOVERNANCE"}, "MalformedXML"), ({"Mode": "NONE", "Days": 1}, "MalformedXML"),
    ({"Mode": "GOVERNANCE", "Days": 1, "Years": 1}, "MalformedXML"),
    ({"Mode": "GOVERNANCE", "Days": 0}, "InvalidArgument"),
])
def test_defaults_that_make_no_sense_are_refused(s3, locked, default, code):
    refused(s3.put_object_lock_configuration, code, 400, Bucket=locked, ObjectLockConfiguration={
        "ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": default}})


def test_a_governed_version_goes_with_leave_alone(s3, locked):
    until = later(1)
    version = put(s3, locked, ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until)
    head = s3.head_object(Bucket=locked, Key="k")
    assert (head["ObjectLockMode"], head["ObjectLockRetainUntilDate"]) == ("GOVERNANCE", until)
    error = refused(s3.delete_object, "AccessDenied", 403, Bucket=locked, Key="k",
                    VersionId=version)
    assert error["Message"] == DENIED
    gone = s3.delete_objects(Bucket=locked, Delete={"Objects": [
        {"Key": "k", "VersionId": version}]})
    assert gone["Errors"][0]["Code"] == "AccessDenied"
    assert s3.delete_object(Bucket=locked, Key="k")["DeleteMarker"] is True  # hides, ends nothing
    s3.delete_object(Bucket=locked, Key="k", VersionId=version, BypassGovernanceRetention=True)
    refused(s3.head_object, "404", 404, Bucket=locked, Key="k", VersionId=version)


def test_a_compliant_version_stays_whatever_is_asked(own_server):
    s3, clock = own_server.client("s3"), own_server.clock
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    version = put(s3, "locked", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=later(2))
    for more in ({}, {"BypassGovernanceRetention": True}):
        refused(s3.delete_object, "AccessDenied", 403, Bucket="locked", Key="k",
                VersionId=version, **more)
        for mode, days in (("COMPLIANCE", 1), ("GOVERNANCE", 9)):
            with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
                retain(s3, "locked", mode, later(days), **more)
    retain(s3, "locked", "COMPLIANCE", later(3))
    clock.advance(hours=49)
    refused(s3.delete_object, "AccessDenied", 403, Bucket="locked", Key="k", VersionId=version)
    clock.advance(hours=24)
    s3.delete_object(Bucket="locked", Key="k", VersionId=version)
    s3.delete_bucket(Bucket="locked")


def test_retention_is_told_extended_and_lifted_with_leave(s3, locked):
    put(s3, locked)
    error = refused(s3.get_object_retention, "NoSuchObjectLockConfiguration", 404, Bucket=locked,
                    Key="k")
    assert error["Message"] == "The specified object does not have a ObjectLock configuration"
    retain(s3, locked, "GOVERNANCE", later(2))
    retain(s3, locked, "GOVERNANCE", later(3))
    with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
        retain(s3, locked, "GOVERNANCE", later(1))
    retain(s3, locked, "GOVERNANCE", later(1), BypassGovernanceRetention=True)
    found = s3.get_object_retention(Bucket=locked, Key="k")["Retention"]
    assert found["Mode"] == "GOVERNANCE"
    with pytest.raises(s3.exceptions.ClientError, match="must be in the future"):
        retain(s3, locked, "GOVERNANCE", later(-1), BypassGovernanceRetention=True)
    with pytest.raises(s3.exceptions.ClientError, match="MalformedXML"):
        retain(s3, locked, "NONE", later(1))


def test_a_held_version_stays_until_it_is_let_go(s3, locked):
    version = put(s3, locked, ObjectLockLegalHoldStatus="ON")
    assert s3.get_object(Bucket=locked, Key="k")["ObjectLockLegalHoldStatus"] == "ON"
    refused(s3.delete_object, "AccessDenied", 403, Bucket=locked, Key="k", VersionId=version,
            BypassGovernanceRetention=True)
    s3.put_object_legal_hold(Bucket=locked, Key="k", LegalHold={"Status": "OFF"})
    assert s3.get_object_legal_hold(Bucket=locked, Key="k")["LegalHold"]["Status"] == "OFF"
    s3.delete_object(Bucket=locked, Key="k", VersionId=version)
    put(s3, locked, "other")
    refused(s3.get_object_legal_hold, "NoSuchObjectLockConfiguration", 404, Bucket=locked,
            Key="other")
    refused(s3.put_object_legal_hold, "MalformedXML", 400, Bucket=locked, Key="other",
            LegalHold={"Status": "MAYBE"})


def test_the_buckets_default_holds_for_all_that_say_nothing(s3, locked):
    s3.put_object_lock_configuration(Bucket=locked, ObjectLockConfiguration={
        "ObjectLockEnabled": "Enabled",
        "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}})
    version = put(s3, locked)
    head = s3.head_object(Bucket=locked, Key="k")
    assert head["ObjectLockMode"] == "COMPLIANCE"
    span = head["ObjectLockRetainUntilDate"] - head["LastModified"]
    assert abs(span.total_seconds() - 86400) <= 1
    refused(s3.delete_object, "AccessDenied", 403, Bucket=locked, Key="k", VersionId=version)


def test_headers_that_make_no_sense_are_refused(s3, server, locked, bucket):
    def put_by_hand(where, **headers):
        names = {f"x-amz-object-lock-{key.replace('_', '-')}": value
                 for key, value in headers.items()}
        status, _, body = server.request("PUT", f"/{where}/k", body=b"x", headers={
            **names, "x-amz-checksum-crc32": "jNZCgw=="})
        return status, body.decode()

    until = later(1).strftime("%Y-%m-%dT%H:%M:%SZ")
    for where, headers, words in (
        (bucket, {"legal_hold": "ON"}, MISSING),
        (locked, {"mode": "GOVERNANCE"}, "must both be supplied"),
        (locked, {"retain_until_date": until}, "must both be supplied"),
        (locked, {"mode": "NONE", "retain_until_date": until}, "Unknown wormMode directive."),
        (locked, {"mode": "GOVERNANCE", "retain_until_date": "2020-01-01T00:00:00Z"},
         "The retain until date must be in the future!"),
        (locked, {"legal_hold": "MAYBE"}, "Legal Hold must be either of"),
        (locked, {"retain_until_date": "tomorrow"}, "must be provided in ISO 8601 format"),
    ):
        status, body = put_by_hand(where, **headers)
        assert (status, words in body) == (400, True), body
    status, _, body = server.request("PUT", f"/{locked}/k", body=b"x", headers={
        "x-amz-object-lock-legal-hold": "ON"})
    assert (status, b"Content-MD5 OR x-amz-checksum-" in body) == (400, True)
    error = refused(s3.put_object_legal_hold, "InvalidRequest", 400, Bucket=bucket, Key="k",
                    LegalHold={"Status": "ON"})
    assert error["Message"] == MISSING
