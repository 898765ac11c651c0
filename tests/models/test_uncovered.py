"""Operations that no story of another folder needs, asked for once each."""

import pytest
from botocore.exceptions import ClientError


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
