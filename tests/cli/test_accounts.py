"""Who one is, roles, and what the shell shows of things that are not there."""

import json

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "pipes.amazonaws.com"},
        "Action": "sts:AssumeRole"}],
}


def test_roles_from_the_shell(aws, fresh):
    assert aws("sts", "get-caller-identity").json["Account"] == "000000000000"
    role = ("--role-name", fresh("role"))
    aws("iam", "create-role", *role, "--assume-role-policy-document", json.dumps(TRUST))
    got = aws("iam", "get-role", *role).json["Role"]
    assert got["AssumeRolePolicyDocument"] == TRUST
    aws("iam", "attach-role-policy", *role, "--policy-arn",
        "arn:aws:iam::aws:policy/AmazonKinesisFullAccess")
    listed = aws("iam", "list-attached-role-policies", *role, "--output", "text").stdout
    assert "AmazonKinesisFullAccess" in listed
    aws("iam", "detach-role-policy", *role, "--policy-arn",
        "arn:aws:iam::aws:policy/AmazonKinesisFullAccess")
    aws("iam", "delete-role", *role)
    failed = aws("iam", "get-role", *role, check=False)
    assert failed.code == 254
    assert failed.stderr.strip() == (
        "An error occurred (NoSuchEntity) when calling the GetRole operation: "
        f"The role with name {role[1]} cannot be found."
    )


def test_what_is_not_implemented_is_told(aws):
    failed = aws("glue", "list-jobs", check=False)
    assert failed.code == 254
    assert "(NotImplemented)" in failed.stderr and "Glue.ListJobs" in failed.stderr
    failed = aws("iam", "list-users", check=False)
    assert "(NotImplemented)" in failed.stderr and "IAM.ListUsers" in failed.stderr
    failed = aws("lambda", "list-code-signing-configs", check=False)
    assert "(NotImplemented)" in failed.stderr
    assert "Lambda.ListCodeSigningConfigs" in failed.stderr
