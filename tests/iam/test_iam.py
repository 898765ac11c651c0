"""Roles and policies: kept, and shown as AWS shows them."""

import json

import boto3
import pytest
from botocore.exceptions import ClientError

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
ALLOW = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
}


@pytest.fixture
def iam(client):
    return client("iam")


@pytest.fixture
def role(iam, fresh):
    name = fresh("role")
    made = iam.create_role(
        RoleName=name,
        AssumeRolePolicyDocument=json.dumps(TRUST),
        Description="a < b & c",
        Tags=[{"Key": "stage", "Value": "test"}],
    )["Role"]
    return made


def code_of(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def test_a_role_is_shown_as_it_was_made(iam, role):
    got = iam.get_role(RoleName=role["RoleName"])["Role"]
    assert got["Arn"] == f"arn:aws:iam::000000000000:role/{role['RoleName']}"
    assert got["AssumeRolePolicyDocument"] == TRUST
    assert got["Description"] == "a < b & c"
    assert got["MaxSessionDuration"] == 3600
    assert got["RoleId"].startswith("AROA")
    assert got["CreateDate"] == role["CreateDate"]
    tags = iam.list_role_tags(RoleName=role["RoleName"])["Tags"]
    assert tags == [{"Key": "stage", "Value": "test"}]
    assert iam.list_instance_profiles_for_role(RoleName=role["RoleName"])["InstanceProfiles"] == []


def test_roles_are_listed_by_path(iam, fresh):
    name = fresh("role")
    iam.create_role(
        RoleName=name, Path="/sales/", AssumeRolePolicyDocument=json.dumps(TRUST)
    )
    listed = iam.list_roles(PathPrefix="/sales/")["Roles"]
    assert [row["RoleName"] for row in listed if row["RoleName"] == name] == [name]
    assert all(row["Path"].startswith("/sales/") for row in listed)
    assert f":role/sales/{name}" in iam.get_role(RoleName=name)["Role"]["Arn"]


def test_a_role_changes_and_keeps_its_identity(iam, role):
    name = role["RoleName"]
    iam.update_role(RoleName=name, Description="new", MaxSessionDuration=7200)
    other = {**TRUST, "Statement": [{**TRUST["Statement"][0], "Sid": "changed"}]}
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(other))
    got = iam.get_role(RoleName=name)["Role"]
    assert (got["Description"], got["MaxSessionDuration"]) == ("new", 7200)
    assert got["AssumeRolePolicyDocument"] == other
    assert got["RoleId"] == role["RoleId"]


def test_inline_policies(iam, role):
    name = role["RoleName"]
    iam.put_role_policy(RoleName=name, PolicyName="read", PolicyDocument=json.dumps(ALLOW))
    assert iam.list_role_policies(RoleName=name)["PolicyNames"] == ["read"]
    got = iam.get_role_policy(RoleName=name, PolicyName="read")
    assert got["PolicyDocument"] == ALLOW
    assert code_of(iam.delete_role, RoleName=name) == "DeleteConflict"
    iam.delete_role_policy(RoleName=name, PolicyName="read")
    assert code_of(iam.get_role_policy, RoleName=name, PolicyName="read") == "NoSuchEntity"
    iam.delete_role(RoleName=name)
    assert code_of(iam.get_role, RoleName=name) == "NoSuchEntity"


def test_managed_policies(iam, role, fresh):
    name, policy_name = role["RoleName"], fresh("policy")
    made = iam.create_policy(PolicyName=policy_name, PolicyDocument=json.dumps(ALLOW))["Policy"]
    assert made["Arn"] == f"arn:aws:iam::000000000000:policy/{policy_name}"
    assert iam.get_policy(PolicyArn=made["Arn"])["Policy"]["PolicyId"] == made["PolicyId"]
    version = iam.get_policy_version(PolicyArn=made["Arn"], VersionId="v1")["PolicyVersion"]
    assert version["Document"] == ALLOW
    versions = iam.list_policy_versions(PolicyArn=made["Arn"])["Versions"]
    assert [row["VersionId"] for row in versions] == ["v1"]
    assert made["Arn"] in [row["Arn"] for row in iam.list_policies(Scope="Local")["Policies"]]
    iam.attach_role_policy(RoleName=name, PolicyArn=made["Arn"])
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert attached == [{"PolicyName": policy_name, "PolicyArn": made["Arn"]}]
    assert code_of(iam.delete_policy, PolicyArn=made["Arn"]) == "DeleteConflict"
    iam.detach_role_policy(RoleName=name, PolicyArn=made["Arn"])
    assert code_of(iam.detach_role_policy, RoleName=name, PolicyArn=made["Arn"]) == "NoSuchEntity"
    iam.delete_policy(PolicyArn=made["Arn"])
    assert code_of(iam.get_policy, PolicyArn=made["Arn"]) == "NoSuchEntity"


def test_policies_of_aws_can_be_attached(iam, role):
    arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    iam.attach_role_policy(RoleName=role["RoleName"], PolicyArn=arn)
    attached = iam.list_attached_role_policies(RoleName=role["RoleName"])["AttachedPolicies"]
    assert attached == [{"PolicyName": "AWSLambdaBasicExecutionRole", "PolicyArn": arn}]


def test_errors_are_those_of_iam(iam, role):
    name = role["RoleName"]
    trust = json.dumps(TRUST)
    assert (
        code_of(iam.create_role, RoleName=name, AssumeRolePolicyDocument=trust)
        == "EntityAlreadyExists"
    )
    for document in ("{", "[]", "no"):
        assert (
            code_of(iam.create_role, RoleName=name + "x", AssumeRolePolicyDocument=document)
            == "MalformedPolicyDocument"
        )
        assert (
            code_of(iam.put_role_policy, RoleName=name, PolicyName="p", PolicyDocument=document)
            == "MalformedPolicyDocument"
        )
    assert (
        code_of(iam.create_role, RoleName="a b", AssumeRolePolicyDocument=trust)
        == "ValidationError"
    )
    assert code_of(iam.delete_role, RoleName="nobody") == "NoSuchEntity"


def test_roles_survive_a_restart(own_server):
    iam = own_server.client("iam")
    iam.create_role(RoleName="kept", AssumeRolePolicyDocument=json.dumps(TRUST))
    own_server.kill9()
    own_server.restart()
    assert iam.get_role(RoleName="kept")["Role"]["AssumeRolePolicyDocument"] == TRUST


def test_the_caller_is_told(client):
    got = client("sts").get_caller_identity()
    assert got["Account"] == "000000000000"
    assert got["Arn"].startswith("arn:aws:iam::000000000000:")
    assert got["UserId"]


def test_a_role_is_assumed(client, server):
    iam, sts = client("iam"), client("sts")
    role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]
    given = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="me", DurationSeconds=900)
    credentials = given["Credentials"]
    arn = "arn:aws:sts::000000000000:assumed-role/worker/me"
    assert given["AssumedRoleUser"] == {"AssumedRoleId": f"{role['RoleId']}:me", "Arn": arn}
    assert credentials["AccessKeyId"].startswith("ASIA")
    as_role = boto3.client(
        "sts", endpoint_url=server.url, region_name="us-east-1",
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )  # fmt: skip
    assert as_role.get_caller_identity()["Arn"] == arn
    assert (
        code_of(sts.assume_role, RoleArn=role["Arn"], RoleSessionName="me", DurationSeconds=7200)
        == "ValidationError"
    )
    iam.delete_role(RoleName="worker")
    assert code_of(sts.assume_role, RoleArn=role["Arn"], RoleSessionName="me") == "AccessDenied"
