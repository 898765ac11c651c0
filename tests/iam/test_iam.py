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


def told(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_policy_has_up_to_five_versions(iam, fresh):
    made = iam.create_policy(PolicyName=fresh("policy"), PolicyDocument=json.dumps(ALLOW))
    arn = made["Policy"]["Arn"]
    other = {**ALLOW, "Statement": [{**ALLOW["Statement"][0], "Sid": "Second"}]}
    version = iam.create_policy_version(
        PolicyArn=arn, PolicyDocument=json.dumps(other), SetAsDefault=True
    )["PolicyVersion"]
    assert (version["VersionId"], version["IsDefaultVersion"]) == ("v2", True)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v2"
    got = iam.get_policy_version(PolicyArn=arn, VersionId="v2")["PolicyVersion"]
    assert got["Document"] == other and got["IsDefaultVersion"]
    first = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]
    assert first["Document"] == ALLOW
    for _ in range(3):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(ALLOW))
    assert told(iam.create_policy_version, PolicyArn=arn, PolicyDocument=json.dumps(ALLOW)) == (
        "LimitExceeded",
        "A managed policy can have up to 5 versions. Before you create a new version, you must "
        "delete an existing version.",
    )
    assert told(iam.delete_policy_version, PolicyArn=arn, VersionId="v2") == (
        "DeleteConflict", "Cannot delete the default version of a policy.")
    code, text = told(iam.delete_policy, PolicyArn=arn)
    assert code == "DeleteConflict" and text.startswith("This policy has more than one version.")
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v4")
    for version in ("v1", "v2", "v3", "v5"):
        iam.delete_policy_version(PolicyArn=arn, VersionId=version)
    listed = iam.list_policy_versions(PolicyArn=arn)["Versions"]
    assert [(v["VersionId"], v["IsDefaultVersion"]) for v in listed] == [("v4", True)]
    assert told(iam.get_policy_version, PolicyArn=arn, VersionId="v9") == (
        "NoSuchEntity", f"Policy {arn} version v9 does not exist or is not attachable.")
    iam.delete_policy(PolicyArn=arn)


def test_tags_come_change_and_go(iam, role, fresh):
    name = role["RoleName"]
    iam.tag_role(RoleName=name, Tags=[{"Key": "stage", "Value": "new"}, {"Key": "a", "Value": "b"}])
    assert iam.get_role(RoleName=name)["Role"]["Tags"] == [
        {"Key": "stage", "Value": "new"}, {"Key": "a", "Value": "b"}]
    iam.untag_role(RoleName=name, TagKeys=["stage", "other"])
    assert iam.list_role_tags(RoleName=name)["Tags"] == [{"Key": "a", "Value": "b"}]
    assert code_of(iam.tag_role, RoleName="nobody", Tags=[]) == "NoSuchEntity"
    many = [{"Key": f"k{i}", "Value": ""} for i in range(50)]
    assert code_of(iam.tag_role, RoleName=name, Tags=many) == "LimitExceeded"
    twice = [{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}]
    assert code_of(iam.tag_role, RoleName=name, Tags=twice) == "InvalidInput"

    policy = iam.create_policy(
        PolicyName=fresh("policy"), PolicyDocument=json.dumps(ALLOW),
        Tags=[{"Key": "x", "Value": "y"}])["Policy"]
    iam.tag_policy(PolicyArn=policy["Arn"], Tags=[{"Key": "z", "Value": ""}])
    iam.untag_policy(PolicyArn=policy["Arn"], TagKeys=["x"])
    assert iam.list_policy_tags(PolicyArn=policy["Arn"])["Tags"] == [{"Key": "z", "Value": ""}]


def test_a_boundary_is_shown_and_taken_away(iam, role, fresh):
    name = role["RoleName"]
    arn = iam.create_policy(
        PolicyName=fresh("policy"), PolicyDocument=json.dumps(ALLOW))["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=arn)
    assert iam.get_role(RoleName=name)["Role"]["PermissionsBoundary"] == {
        "PermissionsBoundaryType": "PermissionsBoundaryPolicy", "PermissionsBoundaryArn": arn}
    listed = [r for r in iam.list_roles()["Roles"] if r["RoleName"] == name]
    assert "PermissionsBoundary" not in listed[0] and "Tags" not in listed[0]
    iam.delete_role_permissions_boundary(RoleName=name)
    assert "PermissionsBoundary" not in iam.get_role(RoleName=name)["Role"]
    changed = iam.update_role_description(RoleName=name, Description="other")["Role"]
    assert changed["Description"] == "other"


def test_who_has_a_policy_is_told(iam, role, fresh):
    name = role["RoleName"]
    arn = iam.create_policy(
        PolicyName=fresh("policy"), PolicyDocument=json.dumps(ALLOW))["Policy"]["Arn"]
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 0
    iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    assert iam.list_entities_for_policy(PolicyArn=arn)["PolicyRoles"] == [
        {"RoleName": name, "RoleId": role["RoleId"]}]
    assert told(iam.delete_role, RoleName=name) == (
        "DeleteConflict", "Cannot delete entity, must detach all policies first.")
    missing = arn + "x"
    assert told(iam.attach_role_policy, RoleName=name, PolicyArn=missing) == (
        "NoSuchEntity", f"Policy {missing} does not exist or is not attachable.")
    assert iam.list_policies(Scope="AWS")["Policies"] == []


@pytest.mark.parametrize("statement, words", [
    ({"Resource": "*"}, "Has prohibited field Resource"),
    ({"Principal": None}, "Missing required field Principal"),
    ({"Action": None}, "Missing required field Action"),
    ({"Effect": "Maybe"}, "Syntax errors in policy."),
])
def test_what_is_wrong_with_a_trust_is_told(iam, fresh, statement, words):
    one = {k: v for k, v in {**TRUST["Statement"][0], **statement}.items() if v is not None}
    document = json.dumps({**TRUST, "Statement": one})
    assert told(iam.create_role, RoleName=fresh("role"), AssumeRolePolicyDocument=document) == (
        "MalformedPolicyDocument", words)
    assert told(iam.create_role, RoleName=fresh("role"), AssumeRolePolicyDocument="no") == (
        "MalformedPolicyDocument", "This policy contains invalid Json")


@pytest.mark.parametrize("statement, words", [
    ({"Principal": "*"}, "Policy document should not specify a principal."),
    ({"Resource": None}, "Policy statement must contain resources."),
    ({"Action": None}, "Policy statement must contain actions."),
    ({"Effect": None}, "Syntax errors in policy."),
])
def test_what_is_wrong_with_a_policy_is_told(iam, role, fresh, statement, words):
    one = {k: v for k, v in {**ALLOW["Statement"][0], **statement}.items() if v is not None}
    document = json.dumps({**ALLOW, "Statement": [one]})
    wrong = ("MalformedPolicyDocument", words)
    assert told(iam.create_policy, PolicyName=fresh("p"), PolicyDocument=document) == wrong
    assert told(iam.put_role_policy, RoleName=role["RoleName"], PolicyName="p",
                PolicyDocument=document) == wrong


def test_what_is_said_of_an_assumed_role_is_read_and_told(client, role):
    sts = client("sts")
    asked = {"RoleArn": role["Arn"], "RoleSessionName": "me"}
    given = sts.assume_role(**asked, SourceIdentity="somebody", Policy=json.dumps(ALLOW))
    assert given["SourceIdentity"] == "somebody"
    assert "SourceIdentity" not in sts.assume_role(**asked)
    wrong = ("MalformedPolicyDocument", "This policy contains invalid Json")
    assert told(sts.assume_role, **asked, Policy="{") == wrong
    assert told(sts.get_federation_token, Name="guest", Policy="[]") == wrong


def test_sessions_of_the_caller(client, server):
    sts = client("sts")
    given = sts.get_session_token(DurationSeconds=900)["Credentials"]
    federated = sts.get_federation_token(Name="guest")
    assert federated["FederatedUser"] == {
        "FederatedUserId": "000000000000:guest",
        "Arn": "arn:aws:sts::000000000000:federated-user/guest"}
    for credentials, arn in (
        (given, "arn:aws:iam::000000000000:root"),
        (federated["Credentials"], federated["FederatedUser"]["Arn"]),
    ):
        them = boto3.client(
            "sts", endpoint_url=server.url, region_name="us-east-1",
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
        )  # fmt: skip
        assert them.get_caller_identity()["Arn"] == arn
        assert code_of(them.get_session_token) == "AccessDenied"
    assert sts.get_access_key_info(AccessKeyId="AKIAIOSFODNN7EXAMPLE")["Account"] == "000000000000"
