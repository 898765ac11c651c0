"""Bucket policies: which S3 takes, and which of them let everybody in."""

import json

import pytest

from s3.conftest import refused

OWNER = {"AWS": "000000000000"}


def statement(bucket, **change):
    whole = {"Effect": "Allow", "Principal": OWNER, "Action": "s3:GetObject",
             "Resource": f"arn:aws:s3:::{bucket}/*", **change}
    return {name: value for name, value in whole.items() if value is not None}


def policy(bucket, *changes, **members):
    statements = [statement(bucket, **change) for change in changes or ({},)]
    return json.dumps({"Version": "2012-10-17", "Statement": statements, **members})


def put(s3, bucket, *changes, **members):
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(bucket, *changes, **members))


def arn(bucket, rest=""):
    return f"arn:aws:s3:::{bucket}{rest}"


@pytest.mark.parametrize("change", [
    {}, {"Sid": "a", "Effect": "Deny"}, {"Principal": {"AWS": ["000000000000"]}},
    {"Principal": {"AWS": "arn:aws:iam::000000000000:role/r"}},
    {"Principal": {"AWS": "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1"}},
    {"Principal": {"Service": "firehose.amazonaws.com", "CanonicalUser": "ab" * 32}},
    {"Principal": None, "NotPrincipal": OWNER, "Effect": "Deny"},
    {"Action": ["s3:GetObject", "s3:put*", "S3:DELETEOBJECT"]}, {"Action": "*"},
    {"Action": "s3:*"}, {"Action": None, "NotAction": "s3:PutObject"},
    {"Action": "s3:*", "Condition": {"StringLike": {"s3:prefix": "a/*"}}},
    {"Action": ["s3:GetObject", "s3:PutObject"],
     "Condition": {"StringEqualsIfExists": {"s3:x-amz-acl": "private"},
                   "ForAnyValue:StringLike": {"aws:TagKeys": ["a*"]},
                   "Bool": {"aws:SecureTransport": "false"}}},
    {"Condition": {"IpAddress": {"aws:SourceIp": ["192.168.1.1/24", "::1", "2001:db8::/32"]},
                   "StringNotEquals": {"aws:SourceIp": "999.1.1.1"}}},
])
def test_a_policy_is_kept_as_it_was_given(s3, bucket, change):
    text = policy(bucket, change)
    s3.put_bucket_policy(Bucket=bucket, Policy=text)
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == text
    s3.delete_bucket_policy(Bucket=bucket)
    refused(s3.get_bucket_policy, "NoSuchBucketPolicy", 404, Bucket=bucket)
    s3.delete_bucket_policy(Bucket=bucket)


def test_resources_are_the_bucket_and_what_is_in_it(s3, bucket):
    put(s3, bucket, {"Resource": [arn(bucket), arn(bucket, "/a/*")],
                     "Action": ["s3:ListBucket", "s3:GetObject"]},
        {"Resource": arn(bucket[:4], "*")}, {"Resource": "*", "Action": "s3:ListBucket"})
    no_target = "Action does not apply to any resource(s) in statement"
    for change, words in (
        ({"Resource": arn("other", "/*")}, "Policy has invalid resource"),
        ({"Resource": bucket}, "Policy has invalid resource"),
        ({"Resource": []}, "Policy has invalid resource"),
        ({"Resource": "arn:aws:sqs:::" + bucket}, "Policy has invalid resource"),
        ({"Resource": arn(bucket)}, no_target), ({"Action": "s3:ListBucket"}, no_target),
        ({"Action": ["s3:GetObject", "s3:ListBucket"]}, no_target),
    ):
        error = refused(s3.put_bucket_policy, "MalformedPolicy", 400, Bucket=bucket,
                        Policy=policy(bucket, change))
        assert error["Message"] == words, change


@pytest.mark.parametrize("change, words", [
    ({"Effect": "Maybe"}, "Invalid effect: Maybe"),
    ({"Effect": None}, "Missing required field Effect"),
    ({"Principal": None}, "Missing required field Principal"),
    ({"Action": None}, "Missing required field Action"),
    ({"Resource": None}, "Missing required field Resource"),
    ({"Principal": "everybody"}, "Invalid policy syntax."),
    ({"Principal": {"Somebody": "x"}}, "Invalid policy syntax."),
    ({"Principal": {"AWS": "nobody"}}, "Invalid principal in policy"),
    ({"Principal": {"AWS": "arn:aws:iam::12:user/x"}}, "Invalid principal in policy"),
    ({"Principal": {"Service": "firehose"}}, "Invalid principal in policy"),
    ({"Action": "GetObject"}, "Policy has invalid action"),
    ({"Action": "s3:ListObjects"}, "Policy has invalid action"),
    ({"Action": "ec2:RunInstances"}, "Policy has invalid action"),
    ({"Action": "s3:Foo*"}, "Policy has invalid action"),
    ({"Condition": {"Sounds": {"aws:x": "y"}}}, "Invalid Condition type : Sounds"),
    ({"Condition": {"StringEquals": {"x": "y"}}}, "Policy has an invalid condition key"),
    ({"Condition": {"IpAddress": {"aws:SourceIp": "999.1.1.1"}}},
     "Invalid IP address in Conditions"),
    ({"Condition": {"NotIpAddressIfExists": {"aws:SourceIp": ["10.0.0.0/8", "10.0.0.0/33"]}}},
     "Invalid IP address in Conditions"),
    ({"Condition": {"IpAddress": {"aws:SourceIp": "2001:db8::/129"}}},
     "Invalid IP address in Conditions"),
    ({"Condition": "x"}, "Invalid policy syntax."),
    ({"Foo": "x"}, "Unknown field Foo"),
    ({"NotAction": "s3:PutObject"}, "Invalid policy syntax."),
    ({"NotResource": "*"}, "Invalid policy syntax."),
    *[({"Action": action, "Condition": {"StringLike": {key: "a"}}},
       "Conditions do not apply to combination of actions and resources in statement")
      for key, action in (
          ("s3:prefix", "s3:GetObject"), ("s3:x-amz-acl", "s3:GetObject"),
          ("S3:X-Amz-Storage-Class", ["s3:DeleteObject", "s3:GetObject*"]),
          ("s3:RequestObjectTag/a", "s3:DeleteObjectTagging"),
          ("s3:ExistingObjectTag/a", ["s3:PutObject", "s3:DeleteObject"]),
          ("s3:if-none-match", "s3:DeleteObject"), ("s3:object-lock-mode", "s3:PutObjectAcl"))],
])
def test_a_statement_has_to_make_sense(s3, bucket, change, words):
    error = refused(s3.put_bucket_policy, "MalformedPolicy", 400, Bucket=bucket,
                    Policy=policy(bucket, change))
    assert error["Message"] == words


def test_a_policy_has_to_be_one(s3, bucket):
    for text, words in (
        ("no", "Policies must be valid JSON and the first byte must be '{'"),
        ("[]", "Policies must be valid JSON and the first byte must be '{'"),
        (policy(bucket, Version="2020-01-01"), "The policy must contain a valid version string"),
        (policy(bucket, Name="x"), "Unknown field Name"),
        (policy(bucket, Statement=[]), "Could not parse the policy: Statement is empty!"),
        ('{"Version":"2012-10-17"}', "Missing required field Statement"),
        (policy(bucket, Statement=["x"]), "Invalid policy syntax."),
    ):
        error = refused(s3.put_bucket_policy, "MalformedPolicy", 400, Bucket=bucket, Policy=text)
        assert error["Message"] == words
    refused(s3.put_bucket_policy, "PolicyTooLarge", 400, Bucket=bucket,
            Policy=policy(bucket, Id="x" * 20480))
    refused(s3.get_bucket_policy, "NoSuchBucketPolicy", 404, Bucket=bucket)
    put(s3, bucket, Version="2008-10-17", Id="x", Statement=statement(bucket))


def test_a_principal_that_is_none_is_told(s3, bucket):
    error = refused(s3.put_bucket_policy, "MalformedPolicy", 400, Bucket=bucket,
                    Policy=policy(bucket, {"Principal": {"AWS": "nobody"}}))
    assert error["Detail"] == '"AWS" : "nobody"'


# ---- everybody ----


def test_a_public_policy_needs_a_bucket_that_does_not_block_it(s3, bucket):
    public = policy(bucket, {"Principal": "*"})
    error = refused(s3.put_bucket_policy, "AccessDenied", 403, Bucket=bucket, Policy=public)
    assert "blocked by the BlockPublicPolicy" in error["Message"]
    refused(s3.get_bucket_policy_status, "NoSuchBucketPolicy", 404, Bucket=bucket)
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={
        "BlockPublicAcls": True})
    s3.put_bucket_policy(Bucket=bucket, Policy=public)


def test_conditions_make_a_policy_private_when_they_fix_who(s3, bucket):
    s3.delete_public_access_block(Bucket=bucket)
    for change, public in (
        ({}, True), ({"Principal": OWNER}, False), ({"Principal": {"AWS": ["000000000000", "*"]}},
                                                    True),
        ({"Effect": "Deny"}, False),
        ({"Condition": {"StringEquals": {"aws:SourceAccount": "000000000000"}}}, False),
        ({"Condition": {"StringLike": {"aws:SourceVpc": "vpc-*"}}}, True),
        ({"Condition": {"StringLike": {"aws:sourcevpc": "vpc-1"}}}, False),
        ({"Condition": {"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}}, True),
        ({"Condition": {"StringEqualsIfExists": {"aws:SourceVpc": "vpc-1"}}}, True),
        ({"Condition": {"StringLike": {"aws:Referer": "http://example.com"}}}, True),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}}, True),
        ({"Condition": {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "0.0.0.0/1"]}}}, True),
        ({"Condition": {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "2001:db8::/32"]}}}, False),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "2001::/16"}}}, True),
        ({"Condition": {"Bool": {"aws:SecureTransport": "true"},
                        "ArnLike": {"aws:PrincipalArn": "arn:aws:iam::000000000000:root"}}}, False),
    ):
        put(s3, bucket, {"Principal": "*", **change})
        status = s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]
        assert status["IsPublic"] is public, change
