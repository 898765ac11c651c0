"""Buckets: made, found, deleted, and what can be configured about them."""

import pytest

from s3.conftest import refused


def test_a_bucket_is_made_listed_found_and_deleted(s3, fresh):
    name = fresh("lake")
    made = s3.create_bucket(Bucket=name)
    assert made["Location"] == f"/{name}"
    assert name in [row["Name"] for row in s3.list_buckets()["Buckets"]]
    head = s3.head_bucket(Bucket=name)["ResponseMetadata"]["HTTPHeaders"]
    assert head["x-amz-bucket-region"] == "us-east-1"
    assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] is None
    s3.delete_bucket(Bucket=name)
    assert name not in [row["Name"] for row in s3.list_buckets()["Buckets"]]


def test_a_bucket_is_made_with_tags_and_ownership(server, s3, fresh):
    name = fresh("lake")
    status, _, text = server.request("PUT", f"/{name}", headers={
        "x-amz-object-ownership": "ObjectWriter"}, body=(
            b"<CreateBucketConfiguration><Tags><Tag><Key>team</Key><Value>sales</Value></Tag>"
            b"</Tags></CreateBucketConfiguration>"))
    assert status == 200, text
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == [{"Key": "team", "Value": "sales"}]
    rules = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "ObjectWriter"}]
    status, _, text = server.request("PUT", f"/{fresh('lake')}", headers={
        "x-amz-object-ownership": "Nobody"})
    assert (status, b"InvalidArgument" in text) == (400, True)


def test_a_missing_bucket_is_told_by_name(s3, fresh):
    name = fresh("none")
    error = refused(s3.list_objects_v2, "NoSuchBucket", 404, Bucket=name)
    assert error["Message"] == "The specified bucket does not exist"
    assert error["BucketName"] == name
    refused(s3.head_bucket, "404", 404, Bucket=name)
    refused(s3.delete_bucket, "NoSuchBucket", 404, Bucket=name)
    refused(s3.put_object, "NoSuchBucket", 404, Bucket=name, Key="k", Body=b"x")


def test_ones_own_bucket_again_is_fine_in_the_first_region_alone(s3, server, fresh):
    name = fresh("lake")
    s3.create_bucket(Bucket=name)
    s3.create_bucket(Bucket=name)
    far = server.client("s3", region_name="eu-west-1")
    other = fresh("far")
    refused(far.create_bucket, "IllegalLocationConstraintException", 400, Bucket=other)
    where = {"LocationConstraint": "eu-west-1"}
    far.create_bucket(Bucket=other, CreateBucketConfiguration=where)
    refused(far.create_bucket, "BucketAlreadyOwnedByYou", 409, Bucket=other,
            CreateBucketConfiguration=where)
    assert far.get_bucket_location(Bucket=other)["LocationConstraint"] == "eu-west-1"


def test_who_signs_for_no_region_is_told_which(server, s3, fresh):
    """As s3cmd does, whose own name of the first region is US; like boto3 it then signs anew."""
    name = fresh("lake")
    status, _, body = server.request("PUT", f"/{name}", headers={
        "Authorization": "AWS4-HMAC-SHA256 Credential=test/20261130/US/s3/aws4_request, "
                         "SignedHeaders=host, Signature=" + 64 * "0"})
    assert (status, b"<Code>AuthorizationHeaderMalformed</Code>" in body) == (400, True)
    assert b"the region &#39;US&#39; is wrong; expecting &#39;us-east-1&#39;" in body
    assert b"<Region>us-east-1</Region>" in body
    server.client("s3", region_name="US").create_bucket(Bucket=name)
    assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] is None


@pytest.mark.parametrize("name", ["ab", "Big", "a_b", "-ab", "ab-", "a..b", "a.-b", "a-.b",
                                  "1.2.3.4", "x" * 64])
def test_a_name_no_host_could_have_is_refused(server, name):
    status, _, body = server.request("PUT", f"/{name}")
    assert status == 400
    assert b"<Code>InvalidBucketName</Code>" in body
    assert b"The specified bucket is not valid." in body


def test_names_of_an_accounts_own_are_asked_for_as_such(server, fresh):
    def make(name, namespace=None):
        headers = {"x-amz-bucket-namespace": namespace} if namespace else {}
        status, _, text = server.request("PUT", f"/{name}", headers=headers)
        return status, text.decode()

    own = f"{fresh('lake')}-000000000000-us-east-1-an"
    status, text = make(own)
    assert status == 400 and "<Code>MissingNamespaceHeader</Code>" in text
    assert "<Header>x-amz-bucket-namespace</Header>" in text
    for name, namespace, code in (
            (own, "global", "InvalidBucketName"),
            (own, "mine", "InvalidArgument"),
            (fresh("lake"), "account-regional", "InvalidBucketName"),
            (own.replace("0000-", "0001-"), "account-regional", "InvalidBucketName"),
            (own.replace("east", "west"), "account-regional", "InvalidBucketName")):
        status, text = make(name, namespace)
        assert status == 400 and f"<Code>{code}</Code>" in text, (name, text)
    assert make(own, "account-regional")[0] == 200
    assert make(fresh("lake"), "global")[0] == 200
    assert make(f"{fresh('lake')}-an")[0] == 200


def test_a_bucket_with_objects_is_not_deleted(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    error = refused(s3.delete_bucket, "BucketNotEmpty", 409, Bucket=bucket)
    assert error["Message"] == "The bucket you tried to delete is not empty"
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_bucket(Bucket=bucket)


def test_buckets_are_listed_in_pages(s3, server, fresh):
    prefix = fresh("page")
    names = [f"{prefix}-{i}" for i in range(5)]
    for name in names:
        s3.create_bucket(Bucket=name)
    status, _, body = server.request("GET", f"/?max-buckets=2&prefix={prefix}")
    assert status == 200
    assert body.count(b"<Bucket>") == 2
    token = body.split(b"<ContinuationToken>")[1].split(b"<")[0].decode()
    _, _, rest = server.request(
        "GET", f"/?prefix={prefix}&continuation-token={token.replace('=', '%3D')}")
    assert rest.count(b"<Bucket>") == 3
    assert b"<ContinuationToken>" not in rest


def test_what_is_not_configured_is_plainly_absent(s3, bucket):
    absent = {
        "get_bucket_policy": "NoSuchBucketPolicy",
        "get_bucket_tagging": "NoSuchTagSet",
        "get_bucket_lifecycle_configuration": "NoSuchLifecycleConfiguration",
        "get_bucket_cors": "NoSuchCORSConfiguration",
        "get_bucket_website": "NoSuchWebsiteConfiguration",
        "get_bucket_replication": "ReplicationConfigurationNotFoundError",
        "get_object_lock_configuration": "ObjectLockConfigurationNotFoundError",
    }
    for name, code in absent.items():
        assert refused(getattr(s3, name), code, 404, Bucket=bucket)["BucketName"] == bucket
    versioning = s3.get_bucket_versioning(Bucket=bucket)
    assert "Status" not in versioning
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
    assert s3.get_bucket_acl(Bucket=bucket)["Grants"][0]["Permission"] == "FULL_CONTROL"


def test_deletes_of_what_is_never_there_succeed(s3, bucket):
    for name in ("cors", "lifecycle", "website", "replication", "encryption"):
        reply = getattr(s3, f"delete_bucket_{name}")(Bucket=bucket)
        assert reply["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert "Status" not in s3.get_bucket_accelerate_configuration(Bucket=bucket)
    found = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert not [name for name in found if name.endswith("Configurations")]
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"




def test_tags_policy_and_blocks_are_kept_over_a_restart(own_server):
    s3 = own_server.client("s3")
    s3.create_bucket(Bucket="lake")
    tags = [{"Key": "team", "Value": "sales"}, {"Key": "empty", "Value": ""}]
    block = {"BlockPublicAcls": True, "IgnorePublicAcls": False, "BlockPublicPolicy": True,
             "RestrictPublicBuckets": False}
    policy = ('{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*",'
              '"Action":"s3:DeleteObject","Resource":"arn:aws:s3:::lake/*"}]}')
    s3.put_bucket_tagging(Bucket="lake", Tagging={"TagSet": tags})
    s3.put_public_access_block(Bucket="lake", PublicAccessBlockConfiguration=block)
    s3.put_bucket_policy(Bucket="lake", Policy=policy)
    s3.put_bucket_ownership_controls(
        Bucket="lake", OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]})
    s3.put_bucket_encryption(Bucket="lake", ServerSideEncryptionConfiguration={
        "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
                   "BucketKeyEnabled": True}]})
    own_server.restart()
    assert s3.get_bucket_tagging(Bucket="lake")["TagSet"] == tags
    found = s3.get_public_access_block(Bucket="lake")["PublicAccessBlockConfiguration"]
    assert found == block
    assert s3.get_bucket_policy(Bucket="lake")["Policy"] == policy
    rules = s3.get_bucket_encryption(Bucket="lake")["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["BucketKeyEnabled"] is True
    s3.delete_bucket_tagging(Bucket="lake")
    s3.delete_bucket_policy(Bucket="lake")
    s3.delete_public_access_block(Bucket="lake")
    s3.delete_bucket_ownership_controls(Bucket="lake")
    refused(s3.get_bucket_tagging, "NoSuchTagSet", 404, Bucket="lake")
    refused(s3.get_bucket_policy, "NoSuchBucketPolicy", 404, Bucket="lake")
    refused(s3.get_public_access_block, "NoSuchPublicAccessBlockConfiguration", 404, Bucket="lake")
    refused(s3.get_bucket_ownership_controls, "OwnershipControlsNotFoundError", 404, Bucket="lake")


def test_who_pays_is_told(s3, bucket):
    s3.put_bucket_request_payment(Bucket=bucket,
                                  RequestPaymentConfiguration={"Payer": "Requester"})
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "Requester"


def test_the_endpoint_of_acceleration_answers_when_it_is_on(server, s3, bucket, fresh):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")

    def ask():
        status, _, text = server.request("GET", "/k", headers={
            "Host": f"{bucket}.s3-accelerate.amazonaws.com"})
        return status, text.decode()

    def switch(status, name=bucket):
        return {"Bucket": name, "AccelerateConfiguration": {"Status": status}}

    status, text = ask()
    assert (status, "<Code>InvalidRequest</Code>" in text) == (400, True)
    assert "S3 Transfer Acceleration is not configured on this bucket" in text
    s3.put_bucket_accelerate_configuration(**switch("Enabled"))
    assert s3.get_bucket_accelerate_configuration(Bucket=bucket)["Status"] == "Enabled"
    assert ask() == (200, "x")
    s3.put_bucket_accelerate_configuration(**switch("Suspended"))
    assert s3.get_bucket_accelerate_configuration(Bucket=bucket)["Status"] == "Suspended"
    assert "S3 Transfer Acceleration is disabled on this bucket" in ask()[1]
    refused(s3.put_bucket_accelerate_configuration, "MalformedXML", 400, **switch("On"))
    dotted = fresh("a.b")
    s3.create_bucket(Bucket=dotted)
    error = refused(s3.put_bucket_accelerate_configuration, "InvalidRequest", 400,
                    **switch("Enabled", dotted))
    assert "buckets with periods (.) in their names" in error["Message"]


def test_another_owner_is_denied(s3, bucket):
    refused(s3.list_objects_v2, "AccessDenied", 403, Bucket=bucket,
            ExpectedBucketOwner="123456789012")
    s3.list_objects_v2(Bucket=bucket, ExpectedBucketOwner="000000000000")


def test_malformed_xml_is_told_in_awss_words(server, bucket):
    status, _, body = server.request("PUT", f"/{bucket}?tagging", body=b"<Tagging><broken")
    assert status == 400
    assert b"<Code>MalformedXML</Code>" in body


def test_what_is_not_implemented_says_its_name(server, bucket):
    status, _, body = server.request("PUT", f"/{bucket}?analytics&id=x")
    assert status == 501
    assert b"PutBucketAnalyticsConfiguration" in body


def test_configurations_by_name_that_cannot_be_put_are_absent(s3, bucket):
    for kind in ("analytics", "intelligent_tiering", "inventory"):
        for verb in ("get", "delete"):
            error = refused(getattr(s3, f"{verb}_bucket_{kind}_configuration"),
                            "NoSuchConfiguration", 404, Bucket=bucket, Id="x")
            assert error["Message"] == "The specified configuration does not exist."
        listing = getattr(s3, f"list_bucket_{kind}_configurations")
        assert listing(Bucket=bucket)["IsTruncated"] is False
        refused(listing, "NoSuchBucket", 404, Bucket=bucket + "-none")
