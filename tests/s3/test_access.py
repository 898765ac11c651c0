"""Who may do what: bucket policies, access control lists and the block of public access at work."""

import datetime
import json

import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from s3.conftest import NEW_BOTO3, refused
from support.server import KEY, SECRET, Server

ACCOUNT = "000000000000"
NOW = datetime.datetime.now(datetime.timezone.utc)
ROOT = f"arn:aws:iam::{ACCOUNT}:root"


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    """A server that wants signatures."""
    folder = tmp_path_factory.mktemp("signed")
    path = folder / "credentials"
    path.write_text(f"[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    path.chmod(0o600)
    it = Server(folder / "data", "--credentials", path).start()
    yield it
    it.stop()


@pytest.fixture
def owner(signed):
    return signed.client("s3")


@pytest.fixture
def anybody(signed):
    return signed.client("s3", config=Config(signature_version=UNSIGNED))


@pytest.fixture
def open_bucket(owner, fresh):
    """A bucket that blocks nothing, with an object."""
    name = fresh("open")
    owner.create_bucket(Bucket=name, ObjectOwnership="ObjectWriter")
    owner.delete_public_access_block(Bucket=name)
    owner.put_object(Bucket=name, Key="a/1", Body=b"one", Tagging="colour=red&size=5")
    return name


def arn(bucket, rest=""):
    return f"arn:aws:s3:::{bucket}{rest}"


def statement(bucket, **change):
    whole = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
             "Resource": arn(bucket, "/*"), **change}
    return {name: value for name, value in whole.items() if value is not None}


def put(s3, bucket, *changes, version="2012-10-17"):
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(
        {"Version": version, "Statement": [statement(bucket, **change) for change in changes]}))


def may(call, **arguments):
    """True, or False for an access denied; any other error is one."""
    try:
        call(**arguments)
        return True
    except ClientError as error:
        reply = error.response
        assert reply["ResponseMetadata"]["HTTPStatusCode"] == 403, reply
        assert reply["Error"]["Code"] in ("AccessDenied", "403"), reply
        return False


# ---- anybody ----


def test_anybody_needs_an_allow(owner, anybody, open_bucket):
    names = {"Bucket": open_bucket, "Key": "a/1"}
    error = refused(anybody.get_object, "AccessDenied", 403, **names)
    assert error["Message"] == "Access Denied"
    refused(anybody.list_buckets, "AccessDenied", 403)
    refused(anybody.create_bucket, "AccessDenied", 403, Bucket="made-by-nobody")
    refused(anybody.get_object, "NoSuchBucket", 404, Bucket="there-is-none", Key="x")
    put(owner, open_bucket, {})
    assert anybody.get_object(**names)["Body"].read() == b"one"
    assert anybody.head_object(**names)["ContentLength"] == 3
    for call, more in ((anybody.put_object, {"Body": b"x"}), (anybody.delete_object, {}),
                       (anybody.get_object_tagging, {}), (anybody.get_object_acl, {}),
                       (anybody.create_multipart_upload, {})):
        refused(call, "AccessDenied", 403, **names, **more)
    for call in (anybody.list_objects_v2, anybody.get_bucket_policy, anybody.delete_bucket,
                 anybody.get_bucket_location):
        refused(call, "AccessDenied", 403, Bucket=open_bucket)
    owner.delete_bucket_policy(Bucket=open_bucket)
    refused(anybody.get_object, "AccessDenied", 403, **names)


def sample(shape, names):
    """The least that a shape takes."""
    if getattr(shape, "is_tagged_union", False):  # one of its members
        name, member = next(iter(shape.members.items()))
        return {name: sample(member, names)}
    if shape.type_name == "structure":
        return {name: names.get(name) or sample(member, names)
                for name, member in shape.members.items() if name in shape.required_members}
    if shape.type_name == "list":
        return [sample(shape.member, names)]
    return {"integer": 1, "long": 1, "boolean": True, "blob": b"x", "timestamp": NOW}.get(
        shape.type_name, shape.enum[0] if getattr(shape, "enum", None)
        else "x" * max(1, shape.metadata.get("min", 1)))


def test_every_operation_is_refused_to_anybody(owner, anybody, open_bucket):
    names = {"Bucket": open_bucket, "Key": "a/1", "CopySource": f"{open_bucket}/a/1",
             "ChecksumAlgorithm": "SHA256"}
    told = {}
    model = anybody.meta.service_model
    for method, name in sorted(anybody.meta.method_to_api_mapping.items()):
        shape = model.operation_model(name).input_shape
        members = shape.members if shape is not None else {}
        if name in ("DeleteObjects", "WriteGetObjectResponse", "CreateSession") or (
                "Bucket" not in members and name != "ListBuckets"):
            continue
        try:
            getattr(anybody, method)(**sample(shape, names) if members else {})
            told[name] = "done"
        except ClientError as error:
            told[name] = error.response["Error"]["Code"]
    done = {name for name, code in told.items() if code not in ("AccessDenied", "403")}
    assert {name: told[name] for name in done if told[name] != "NotImplemented"} == {}
    assert len(told) - len(done) > 70
    assert owner.head_object(Bucket=open_bucket, Key="a/1")["ContentLength"] == 3


def test_who_may_not_list_does_not_learn_what_is_missing(owner, anybody, open_bucket):
    put(owner, open_bucket, {})
    refused(anybody.get_object, "AccessDenied", 403, Bucket=open_bucket, Key="none")
    refused(anybody.head_object, "403", 403, Bucket=open_bucket, Key="none")
    put(owner, open_bucket, {}, {"Action": "s3:ListBucket", "Resource": arn(open_bucket)})
    refused(anybody.get_object, "NoSuchKey", 404, Bucket=open_bucket, Key="none")
    refused(anybody.head_object, "404", 404, Bucket=open_bucket, Key="none")
    assert anybody.list_objects_v2(Bucket=open_bucket)["KeyCount"] == 1


def test_anybody_writes_and_deletes_where_that_is_allowed(owner, anybody, open_bucket):
    put(owner, open_bucket, {"Action": ["s3:PutObject", "s3:DeleteObject"],
                             "Resource": arn(open_bucket, "/in/*")})
    anybody.put_object(Bucket=open_bucket, Key="in/x", Body=b"x" * 100_000)
    assert owner.get_object(Bucket=open_bucket, Key="in/x")["ContentLength"] == 100_000
    refused(anybody.put_object, "AccessDenied", 403, Bucket=open_bucket, Key="x", Body=b"x")
    refused(anybody.put_object, "AccessDenied", 403, Bucket=open_bucket, Key="in/x", Body=b"x",
            Tagging="a=b")
    refused(anybody.put_object, "AccessDenied", 403, Bucket=open_bucket, Key="in/x", Body=b"x",
            ACL="public-read")
    reply = anybody.delete_objects(Bucket=open_bucket, Delete={
        "Objects": [{"Key": "in/x"}, {"Key": "a/1"}]})
    assert [row["Key"] for row in reply["Deleted"]] == ["in/x"]
    assert [(row["Key"], row["Code"], row["Message"]) for row in reply["Errors"]] == [
        ("a/1", "AccessDenied", "Access Denied")]
    assert owner.head_object(Bucket=open_bucket, Key="a/1")


def test_a_copy_reads_what_it_copies(owner, anybody, open_bucket):
    put(owner, open_bucket, {"Action": "s3:PutObject"})
    copy = {"Bucket": open_bucket, "Key": "copy", "CopySource": f"{open_bucket}/a/1"}
    refused(anybody.copy_object, "AccessDenied", 403, **copy)
    put(owner, open_bucket, {"Action": ["s3:PutObject", "s3:GetObject"]})
    anybody.copy_object(**copy)
    put(owner, open_bucket, {"Effect": "Deny", "Resource": arn(open_bucket, "/a/*")})
    error = refused(owner.copy_object, "AccessDenied", 403, **copy)
    assert error["Message"].endswith("with an explicit deny in a resource-based policy")


def test_public_access_that_is_blocked_does_not_count(owner, anybody, open_bucket):
    names = {"Bucket": open_bucket, "Key": "a/1"}
    put(owner, open_bucket, {})
    owner.put_object_acl(**names, ACL="public-read")
    assert owner.get_bucket_policy_status(Bucket=open_bucket)["PolicyStatus"]["IsPublic"]

    def block(**settings):
        owner.put_public_access_block(Bucket=open_bucket, PublicAccessBlockConfiguration=settings)
        return may(anybody.get_object, **names)

    assert block()
    assert block(BlockPublicAcls=True, BlockPublicPolicy=True)
    assert block(RestrictPublicBuckets=True)  # the list still lets everybody read
    assert not block(RestrictPublicBuckets=True, IgnorePublicAcls=True)
    assert block(IgnorePublicAcls=True)  # the policy
    owner.delete_bucket_policy(Bucket=open_bucket)
    assert not block(IgnorePublicAcls=True)
    assert block()
    assert may(owner.get_object, **names)


def test_nobody_who_cannot_pay_is_let_in_where_the_requester_pays(owner, anybody, open_bucket):
    names = {"Bucket": open_bucket, "Key": "a/1"}
    put(owner, open_bucket, {})
    owner.put_object_acl(**names, ACL="public-read")
    for payer in ("Requester", "BucketOwner"):
        owner.put_bucket_request_payment(Bucket=open_bucket,
                                         RequestPaymentConfiguration={"Payer": payer})
        assert may(anybody.get_object, **names) is (payer == "BucketOwner")
        assert may(owner.get_object, **names)


def test_all_but_some_is_public(owner, open_bucket):
    change = {"Principal": None, "NotPrincipal": {"AWS": ROOT}}
    put(owner, open_bucket, change)
    assert owner.get_bucket_policy_status(Bucket=open_bucket)["PolicyStatus"]["IsPublic"]
    owner.put_public_access_block(Bucket=open_bucket,
                                  PublicAccessBlockConfiguration={"BlockPublicPolicy": True})
    with pytest.raises(ClientError, match="BlockPublicPolicy"):
        put(owner, open_bucket, change)


# ---- access control lists ----


def test_lists_let_everybody_do_what_they_grant(owner, anybody, open_bucket):
    names = {"Bucket": open_bucket, "Key": "a/1"}
    assert not may(anybody.get_object, **names)
    owner.put_object_acl(**names, ACL="public-read")
    assert may(anybody.get_object, **names)
    assert not may(anybody.get_object_acl, **names)
    assert not may(anybody.list_objects_v2, Bucket=open_bucket)
    owner.put_object_acl(**names, GrantReadACP='uri="http://acs.amazonaws.com/groups/global/'
                                               'AllUsers"')
    assert not may(anybody.get_object, **names)
    assert may(anybody.get_object_acl, **names)
    owner.put_object_acl(**names, ACL="authenticated-read")
    assert not may(anybody.get_object, **names)
    owner.put_bucket_acl(Bucket=open_bucket, ACL="public-read")
    assert may(anybody.list_objects_v2, Bucket=open_bucket)
    assert not may(anybody.put_object, Bucket=open_bucket, Key="b", Body=b"")
    owner.put_bucket_acl(Bucket=open_bucket, ACL="public-read-write")
    assert may(anybody.put_object, Bucket=open_bucket, Key="b", Body=b"")
    assert may(anybody.delete_object, Bucket=open_bucket, Key="b")


def test_enforced_ownership_ends_what_lists_grant(owner, anybody, open_bucket):
    names = {"Bucket": open_bucket, "Key": "a/1"}
    owner.put_object_acl(**names, ACL="public-read")
    assert may(anybody.get_object, **names)
    owner.put_bucket_ownership_controls(Bucket=open_bucket, OwnershipControls={
        "Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]})
    assert not may(anybody.get_object, **names)


# ---- the account's own ----


def test_a_deny_acts_on_the_owner_too_and_leaves_a_way_back(owner, open_bucket):
    names = {"Bucket": open_bucket, "Key": "a/1"}
    put(owner, open_bucket, {"Effect": "Deny", "Action": "s3:*",
                             "Resource": [arn(open_bucket), arn(open_bucket, "/*")]})
    error = refused(owner.get_object, "AccessDenied", 403, **names)
    assert error["Message"] == (
        f'User: {ROOT} is not authorized to perform: s3:GetObject on resource: '
        f'"{arn(open_bucket, "/a/1")}" with an explicit deny in a resource-based policy')
    error = refused(owner.list_objects_v2, "AccessDenied", 403, Bucket=open_bucket)
    assert f's3:ListBucket on resource: "{arn(open_bucket)}"' in error["Message"]
    refused(owner.head_bucket, "403", 403, Bucket=open_bucket)
    refused(owner.get_bucket_policy_status, "AccessDenied", 403, Bucket=open_bucket)
    reply = owner.delete_objects(Bucket=open_bucket, Delete={"Objects": [{"Key": "a/1"}]})
    assert "s3:DeleteObject on" in reply["Errors"][0]["Message"]
    assert "s3:*" in owner.get_bucket_policy(Bucket=open_bucket)["Policy"]
    put(owner, open_bucket, {"Effect": "Deny"})
    owner.delete_bucket_policy(Bucket=open_bucket)
    assert may(owner.get_object, **names)


def test_a_deny_goes_with_its_bucket(owner, fresh):
    name = fresh("gone")
    for _ in range(2):
        owner.create_bucket(Bucket=name)
        assert may(owner.put_object, Bucket=name, Key="k", Body=b"")
        put(owner, name, {"Effect": "Deny", "Action": "s3:PutObject"})
        assert not may(owner.put_object, Bucket=name, Key="k", Body=b"")
        owner.delete_object(Bucket=name, Key="k")
        owner.delete_bucket(Bucket=name)


def test_a_policy_acts_again_after_a_restart(own_server, fresh):
    s3, name = own_server.client("s3"), fresh("kept")
    s3.create_bucket(Bucket=name)
    put(s3, name, {"Effect": "Deny", "Action": "s3:PutObject"})
    own_server.restart()
    s3 = own_server.client("s3")
    assert not may(s3.put_object, Bucket=name, Key="k", Body=b"")
    s3.delete_bucket_policy(Bucket=name)
    assert may(s3.put_object, Bucket=name, Key="k", Body=b"")


def test_without_signatures_everybody_is_the_owner_and_denies_act(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    unsigned = server.client("s3", config=Config(signature_version=UNSIGNED))
    other = server.client("s3", aws_access_key_id="somebody", aws_secret_access_key="else")
    for client in (unsigned, other):
        assert client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
        assert may(client.list_buckets)
    put(s3, bucket, {"Effect": "Deny"})
    for client in (s3, unsigned, other):
        assert not may(client.get_object, Bucket=bucket, Key="k")
        assert may(client.put_object, Bucket=bucket, Key="k", Body=b"x")
    put(s3, bucket, {"Effect": "Deny", "Principal": None, "NotPrincipal": {"AWS": ROOT}})
    assert may(unsigned.get_object, Bucket=bucket, Key="k")


def test_roles_are_told_apart_by_their_sessions(server, client, s3, bucket, fresh):
    iam, name = client("iam"), fresh("reader")
    role = iam.create_role(RoleName=name, Path="/data/", AssumeRolePolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": []}))["Role"]
    keys = client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="me")["Credentials"]
    session = server.client("s3", aws_access_key_id=keys["AccessKeyId"],
                            aws_secret_access_key=keys["SecretAccessKey"],
                            aws_session_token=keys["SessionToken"])
    assumed = f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/me"
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for principal, role_is_denied, root_is_denied in (
        (role["Arn"], True, False), (assumed, True, False), (role["RoleId"], True, False),
        (ROOT, True, True), (ACCOUNT, True, True), ("*", True, True),
        (f"arn:aws:iam::{ACCOUNT}:role/other", False, False),
        (f"arn:aws:iam::{ACCOUNT}:user/{name}", False, False),
        ("arn:aws:iam::111111111111:root", False, False), ("111111111111", False, False),
    ):
        put(s3, bucket, {"Effect": "Deny", "Principal": {"AWS": principal}})
        assert may(session.get_object, Bucket=bucket, Key="k") is not role_is_denied, principal
        assert may(s3.get_object, Bucket=bucket, Key="k") is not root_is_denied, principal
    put(s3, bucket, {"Effect": "Deny", "Action": "s3:*", "Resource": arn(bucket)})
    error = refused(session.get_bucket_policy, "AccessDenied", 403, Bucket=bucket)
    assert error["Message"].startswith(f"User: {assumed} is not authorized")
    for test, denied in (
        ({"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/*"}}, True),
        ({"StringEquals": {"aws:PrincipalType": "Account"}}, False),
        ({"StringLike": {"aws:userid": f"{role['RoleId']}:me"}}, True),
    ):
        put(s3, bucket, {"Effect": "Deny", "Condition": test})
        assert may(session.get_object, Bucket=bucket, Key="k") is not denied, test
        assert may(s3.get_object, Bucket=bucket, Key="k") is denied, test


# ---- conditions: each denies the owner when it holds ----

YESTERDAY = (NOW - datetime.timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
IN_A_WEEK = (NOW + datetime.timedelta(days=7)).strftime("%Y-%m-%d")

READS = [  # of the object "a/1", tagged colour=red and size=5
    ({"StringEquals": {"s3:ExistingObjectTag/colour": "red"}}, True),
    ({"StringEquals": {"s3:ExistingObjectTag/colour": ["blue", "red"]}}, True),
    ({"StringEquals": {"s3:existingobjecttag/colour": "Red"}}, False),
    ({"StringEqualsIgnoreCase": {"s3:ExistingObjectTag/colour": "Red"}}, True),
    ({"StringNotEqualsIgnoreCase": {"s3:ExistingObjectTag/colour": "Red"}}, False),
    ({"StringNotEquals": {"s3:ExistingObjectTag/colour": ["blue", "red"]}}, False),
    ({"StringNotEquals": {"s3:ExistingObjectTag/colour": ["blue", "pink"]}}, True),
    ({"StringNotEquals": {"s3:ExistingObjectTag/none": "x"}}, True),
    ({"StringEquals": {"s3:ExistingObjectTag/none": "x"}}, False),
    ({"StringEqualsIfExists": {"s3:ExistingObjectTag/none": "x"}}, True),
    ({"StringEqualsIfExists": {"s3:ExistingObjectTag/colour": "x"}}, False),
    ({"StringLike": {"s3:ExistingObjectTag/colour": "r?d"}}, True),
    ({"StringEquals": {"s3:ExistingObjectTag/colour": "r?d"}}, False),
    ({"StringNotLike": {"s3:ExistingObjectTag/colour": "r*"}}, False),
    ({"Null": {"s3:ExistingObjectTag/none": "true"}}, True),
    ({"Null": {"s3:ExistingObjectTag/none": True}}, True),
    ({"Null": {"s3:ExistingObjectTag/colour": "true"}}, False),
    ({"Null": {"s3:ExistingObjectTag/colour": "false"}}, True),
    ({"NumericEquals": {"s3:ExistingObjectTag/size": "5.0"}}, True),
    ({"NumericEquals": {"s3:ExistingObjectTag/size": 5}}, True),
    ({"NumericNotEquals": {"s3:ExistingObjectTag/size": 5}}, False),
    ({"NumericLessThan": {"s3:ExistingObjectTag/size": "5"}}, False),
    ({"NumericLessThanEquals": {"s3:ExistingObjectTag/size": "5"}}, True),
    ({"NumericGreaterThan": {"s3:ExistingObjectTag/size": "4.5"}}, True),
    ({"NumericGreaterThanEquals": {"s3:ExistingObjectTag/size": "5.5"}}, False),
    ({"NumericLessThan": {"s3:ExistingObjectTag/colour": "5"}}, False),
    ({"DateGreaterThan": {"aws:CurrentTime": YESTERDAY}}, True),
    ({"DateGreaterThan": {"aws:CurrentTime": IN_A_WEEK}}, False),
    ({"DateLessThan": {"aws:CurrentTime": IN_A_WEEK}}, True),
    ({"DateLessThan": {"aws:EpochTime": "1600000000"}}, False),
    ({"DateGreaterThanEquals": {"aws:EpochTime": "1600000000"}}, True),
    ({"NumericGreaterThan": {"aws:EpochTime": "1600000000"}}, True),
    ({"Bool": {"aws:SecureTransport": "false"}}, False),  # it never leaves the machine
    ({"Bool": {"aws:SecureTransport": True}}, True),
    ({"IpAddress": {"aws:SourceIp": "127.0.0.1"}}, True),
    ({"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "127.0.0.0/8"]}}, True),
    ({"IpAddress": {"aws:SourceIp": "126.0.0.0/7"}}, True),
    ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, False),
    ({"IpAddress": {"aws:SourceIp": "2001:db8::/32"}}, False),
    ({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, True),
    ({"NotIpAddress": {"aws:SourceIp": "127.0.0.1/32"}}, False),
    ({"ArnEquals": {"aws:PrincipalArn": ROOT}}, True),
    ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:r??t"}}, True),
    ({"ArnLike": {"aws:PrincipalArn": "arn:aws:*:root"}}, False),
    ({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}}, True),
    ({"ArnNotEquals": {"aws:PrincipalArn": [ROOT]}}, False),
    ({"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}, True),
    ({"StringEquals": {"aws:PrincipalType": "Account"}}, True),
    ({"StringEquals": {"aws:ResourceAccount": ACCOUNT, "aws:RequestedRegion": "us-east-1"}}, True),
    ({"StringLike": {"aws:UserAgent": "*Boto3*"}}, True),
    ({"Null": {"aws:Referer": "true"}}, True),
    ({"StringEquals": {"s3:authType": "REST-HEADER", "s3:signatureversion": "AWS4-HMAC-SHA256"}},
     True),
    ({"StringEquals": {"s3:signatureversion": "AWS"}}, False),
    ({"NumericLessThan": {"s3:signatureAge": 600000}}, True),
    ({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}, True),
    ({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}, False),
    ({"Bool": {"aws:ViaAWSService": "false"}}, True),
    ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}}, True),
    ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a"]}}, False),
    ({"StringEquals": {"aws:PrincipalAccount": "${aws:ResourceAccount}"}}, True),
    ({"StringLike": {"aws:PrincipalArn": "*:${aws:userid}:*"}}, True),
    ({"StringEquals": {"s3:ExistingObjectTag/colour": "${aws:username, 'red'}"}}, True),
    ({"StringEquals": {"s3:ExistingObjectTag/colour": "${aws:username}"}}, False),
    ({"StringEquals": {"s3:ExistingObjectTag/colour": "red"},
      "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, False),
]


def test_conditions_hold_as_aws_has_it(owner, open_bucket):
    wrong = []
    for condition, holds in READS:
        put(owner, open_bucket, {"Effect": "Deny", "Condition": condition})
        if may(owner.get_object, Bucket=open_bucket, Key="a/1") is holds:
            wrong.append(condition)
    assert wrong == []


WRITES = [
    ({"StringEquals": {"s3:x-amz-acl": "public-read"}}, {"ACL": "public-read"}, True),
    ({"StringEquals": {"s3:x-amz-acl": "public-read"}}, {"ACL": "private"}, False),
    ({"Null": {"s3:x-amz-server-side-encryption": "true"}}, {}, True),
    ({"Null": {"s3:x-amz-server-side-encryption": "true"}}, {"ServerSideEncryption": "AES256"},
     False),
    ({"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}},
     {"ServerSideEncryption": "AES256"}, True),
    ({"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}},
     {"ServerSideEncryption": "aws:kms"}, False),
    ({"StringEquals": {"s3:x-amz-storage-class": "GLACIER"}}, {"StorageClass": "GLACIER"}, True),
    ({"StringEquals": {"s3:RequestObjectTag/a": "b c"}}, {"Tagging": "a=b%20c&d=e"}, True),
    ({"StringEquals": {"s3:RequestObjectTag/a": "b c"}}, {"Tagging": "a=b"}, False),
    ({"ForAllValues:StringEquals": {"s3:RequestObjectTagKeys": ["a", "d"]}},
     {"Tagging": "a=b&d=e"}, True),
    ({"ForAllValues:StringEquals": {"s3:RequestObjectTagKeys": ["a"]}},
     {"Tagging": "a=b&d=e"}, False),
    ({"ForAnyValue:StringEquals": {"s3:RequestObjectTagKeys": ["a"]}},
     {"Tagging": "a=b&d=e"}, True),
    ({"ForAnyValue:StringNotEquals": {"s3:RequestObjectTagKeys": ["a"]}},
     {"Tagging": "a=b&d=e"}, True),
    ({"ForAllValues:StringNotEquals": {"s3:RequestObjectTagKeys": ["a"]}},
     {"Tagging": "a=b&d=e"}, False),
    ({"Null": {"s3:if-none-match": "true"}}, {}, True),
    *([({"Null": {"s3:if-none-match": "true"}}, {"IfNoneMatch": "*"}, False)]
      if NEW_BOTO3 else []),
    ({"StringEquals": {"s3:x-amz-website-redirect-location": "/x"}},
     {"WebsiteRedirectLocation": "/x"}, True),
    ({"StringNotEquals": {"s3:x-amz-content-sha256": "UNSIGNED-PAYLOAD"}}, {}, True),
]


def test_conditions_see_what_a_put_says(owner, open_bucket):
    wrong = []
    for at, (condition, said, holds) in enumerate(WRITES):
        put(owner, open_bucket, {"Effect": "Deny", "Action": "s3:PutObject",
                                 "Condition": condition})
        if may(owner.put_object, Bucket=open_bucket, Key=f"w{at}", Body=b"x", **said) is holds:
            wrong.append((condition, said))
    assert wrong == []


LISTS = [
    ({"StringEquals": {"s3:prefix": "a/"}}, {"Prefix": "a/"}, True),
    ({"StringEquals": {"s3:prefix": "a/"}}, {"Prefix": "b/"}, False),
    ({"StringLike": {"s3:prefix": ["", "b/*"]}}, {}, True),
    ({"StringNotEquals": {"s3:delimiter": "/"}}, {"Delimiter": "/"}, False),
    ({"StringNotEquals": {"s3:delimiter": "/"}}, {}, True),
    ({"NumericGreaterThan": {"s3:max-keys": "10"}}, {"MaxKeys": 11}, True),
    ({"NumericGreaterThan": {"s3:max-keys": "10"}}, {"MaxKeys": 10}, False),
    ({"NumericGreaterThan": {"s3:max-keys": "10"}}, {}, False),
]


def test_conditions_see_what_a_listing_asks_for(owner, open_bucket):
    for condition, asked, holds in LISTS:
        put(owner, open_bucket, {"Effect": "Deny", "Action": "s3:ListBucket",
                                 "Resource": arn(open_bucket), "Condition": condition})
        assert may(owner.list_objects_v2, Bucket=open_bucket, **asked) is not holds, condition


def test_conditions_see_how_long_an_object_is_locked(owner, fresh):
    bucket = fresh("locked")
    owner.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    until = NOW + datetime.timedelta(days=20)
    put(owner, bucket, {"Effect": "Deny", "Action": "s3:PutObjectRetention", "Condition": {
        "NumericGreaterThan": {"s3:object-lock-remaining-retention-days": "10"}}})
    refused(owner.put_object, "AccessDenied", 403, Bucket=bucket, Key="k", Body=b"",
            ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until)
    version = owner.put_object(Bucket=bucket, Key="k", Body=b"")["VersionId"]
    retention = {"Mode": "GOVERNANCE", "RetainUntilDate": until}
    refused(owner.put_object_retention, "AccessDenied", 403, Bucket=bucket, Key="k",
            Retention=retention)
    put(owner, bucket, {"Effect": "Deny", "Action": "s3:PutObjectRetention", "Condition": {
        "StringEquals": {"s3:object-lock-mode": "COMPLIANCE"}}},
        {"Effect": "Deny", "Action": ["s3:BypassGovernanceRetention", "s3:DeleteObjectVersion"],
         "Condition": {"StringNotEquals": {"s3:VersionId": version}}})
    owner.put_object_retention(Bucket=bucket, Key="k", Retention=retention)
    owner.delete_object(Bucket=bucket, Key="k", VersionId=version, BypassGovernanceRetention=True)
    other = owner.put_object(Bucket=bucket, Key="k", Body=b"")["VersionId"]
    refused(owner.delete_object, "AccessDenied", 403, Bucket=bucket, Key="k", VersionId=other)


def test_who_puts_or_deletes_is_not_asked_what_tags_there_are(owner, open_bucket):
    put(owner, open_bucket, {
        "Effect": "Deny", "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
        "Condition": {"StringEquals": {"s3:ExistingObjectTag/colour": "red"}}})
    names = {"Bucket": open_bucket, "Key": "a/1"}
    assert not may(owner.get_object, **names) and not may(owner.head_object, **names)
    assert not may(owner.copy_object, Bucket=open_bucket, Key="c", CopySource=f"{open_bucket}/a/1")
    assert may(owner.delete_objects, Bucket=open_bucket, Delete={"Objects": [{"Key": "none"}]})
    assert may(owner.put_object, **names, Body=b"new", Tagging="colour=red")
    assert may(owner.delete_object, **names)


def test_who_may_not_list_learns_nothing_of_attributes(owner, open_bucket):
    asked = {"Bucket": open_bucket, "Key": "none", "ObjectAttributes": ["ETag"]}
    refused(owner.get_object_attributes, "NoSuchKey", 404, **asked)
    put(owner, open_bucket, {"Effect": "Deny", "Action": "s3:ListBucket",
                             "Resource": arn(open_bucket)})
    refused(owner.get_object_attributes, "AccessDenied", 403, **asked)
    assert may(owner.get_object_attributes, **{**asked, "Key": "a/1"})


def test_an_allow_counts_while_its_condition_holds(owner, anybody, signed, open_bucket):
    put(owner, open_bucket, {"Condition": {
        "StringLike": {"aws:Referer": "http://example.com/*"}}})
    assert not may(anybody.get_object, Bucket=open_bucket, Key="a/1")
    path = f"/{open_bucket}/a/1"
    assert signed.request("GET", path, headers={"Referer": "http://example.com/page"})[0] == 200
    assert signed.request("GET", path, headers={"Referer": "http://example.org/page"})[0] == 403
    put(owner, open_bucket, {"Resource": arn(open_bucket, "/${aws:Referer}/*")})
    assert signed.request("GET", path, headers={"Referer": "a"})[0] == 200
    assert signed.request("GET", path, headers={"Referer": "*"})[0] == 403  # a value is no pattern
    put(owner, open_bucket, {"Resource": arn(open_bucket, "/${aws:Referer}/*")},
        version="2008-10-17")  # knows no variables
    assert signed.request("GET", path, headers={"Referer": "a"})[0] == 403


def test_a_deny_wins_over_every_allow(owner, anybody, open_bucket):
    owner.put_object(Bucket=open_bucket, Key="b/1", Body=b"two")
    owner.put_object_acl(Bucket=open_bucket, Key="b/1", ACL="public-read")
    put(owner, open_bucket, {}, {"Effect": "Deny", "NotResource": arn(open_bucket, "/a/*"),
                                 "Resource": None, "NotAction": "s3:ListBucket", "Action": None},
        {"Action": "s3:Get*"})
    assert may(anybody.get_object, Bucket=open_bucket, Key="a/1")
    assert not may(anybody.get_object, Bucket=open_bucket, Key="b/1")
    assert may(owner.list_objects_v2, Bucket=open_bucket)


def test_presigned_requests_and_forms_are_judged(owner, signed, anybody, open_bucket):
    put(owner, open_bucket, {"Effect": "Deny", "Condition": {
        "StringEquals": {"s3:authType": "REST-QUERY-STRING"}}})
    url = owner.generate_presigned_url("get_object", Params={"Bucket": open_bucket, "Key": "a/1"})
    path = url[url.index("/", 8):]
    assert signed.request("GET", path)[0] == 403
    assert may(owner.get_object, Bucket=open_bucket, Key="a/1")

    def form(**fields):
        parts = [f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                 for name, value in fields.items()]
        body = "".join(parts) + ('--x\r\nContent-Disposition: form-data; name="file"; '
                                 'filename="f"\r\n\r\nhello\r\n--x--\r\n')
        return signed.request("POST", f"/{open_bucket}",
                              body.encode(),
                              {"Content-Type": "multipart/form-data; boundary=x"})[0]

    assert form(key="in/x") == 403
    put(owner, open_bucket, {"Action": "s3:PutObject", "Resource": arn(open_bucket, "/in/*")})
    assert form(key="in/x") == 204
    assert form(key="x") == 403
    assert owner.get_object(Bucket=open_bucket, Key="in/x")["Body"].read() == b"hello"
    signed_form = owner.generate_presigned_post(open_bucket, "y")
    assert form(**signed_form["fields"]) == 204
    put(owner, open_bucket, {"Effect": "Deny", "Action": "s3:PutObject"})
    assert form(**owner.generate_presigned_post(open_bucket, "y")["fields"]) == 403


def test_a_condition_on_what_s3_does_not_have_is_refused(s3, bucket):
    for key in ("s3:colour", "s3:x-amz-nothing"):
        with pytest.raises(ClientError, match="Policy has an invalid condition key"):
            put(s3, bucket, {"Principal": {"AWS": ACCOUNT},
                             "Condition": {"StringEquals": {key: "x"}}})


def test_who_is_refused_learns_where_a_bucket_lies(signed, owner, open_bucket):
    status, headers, _ = signed.request("HEAD", f"/{open_bucket}")
    assert (status, headers["x-amz-bucket-region"]) == (403, "us-east-1")


def test_headers_of_a_reply_are_set_by_who_signs(signed, owner, open_bucket):
    put(owner, open_bucket, {})
    path = f"/{open_bucket}/a/1"
    assert signed.request("GET", path)[0] == 200
    status, _, text = signed.request("GET", f"{path}?response-content-type=text/html")
    assert (status, b"<Code>InvalidRequest</Code>" in text) == (400, True)
    assert b"cannot be used for anonymous GET requests." in text
    got = owner.get_object(Bucket=open_bucket, Key="a/1", ResponseContentType="text/html")
    assert got["ContentType"] == "text/html"
