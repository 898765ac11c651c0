"""Stack policies: which resources an update may change."""

import json

import pytest

from .conftest import log_group


def statement(effect, action="Update:*", resource="*", **more):
    return {"Effect": effect, "Action": action, "Principal": "*", "Resource": resource, **more}


def policy(*statements):
    return json.dumps({"Statement": list(statements)})


ALL = statement("Allow")


def template(days=1, name=None, second=True):
    more = {"LogGroupName": name} if name else {}
    resources = {"First": log_group(RetentionInDays=days, **more)}
    if second:
        resources["Second"] = log_group()
    return {"Resources": resources}


def reasons(stacks, name):
    return [event[2] for event in stacks.events(name) if "denied by stack policy" in str(event[2])]


@pytest.mark.parametrize("denied, wanted", [
    (statement("Deny", resource="LogicalResourceId/First"), {"days": 3}),
    (statement("Deny", "Update:Modify"), {"days": 3}),
    (statement("Deny", ["Update:Replace"], "LogicalResourceId/F*"), {"name": "another-name"}),
    (statement("Deny", "Update:Delete"), {"second": False}),
    (statement("Deny", Condition={"StringEquals": {"ResourceType": ["AWS::Logs::LogGroup"]}}),
     {"days": 3}),
])
def test_what_is_denied_fails_the_update(stacks, client, fresh, denied, wanted):
    name = fresh("policy")
    stacks.create(name, template(), StackPolicyBody=policy(ALL, denied))
    before = stacks.resources(name)
    stacks.update(name, template(**wanted), wait="UPDATE_ROLLBACK_COMPLETE")
    assert reasons(stacks, name)
    after = stacks.resources(name)
    assert {k: v[0] for k, v in after.items()} == {k: v[0] for k, v in before.items()}
    [group] = client("logs").describe_log_groups(
        logGroupNamePrefix=stacks.physical(name, "First"))["logGroups"]
    assert group["retentionInDays"] == 1
    # For one update another one holds.
    stacks.update(name, template(**wanted), StackPolicyDuringUpdateBody=policy(ALL))
    assert json.loads(stacks.client.get_stack_policy(StackName=name)["StackPolicyBody"])[
        "Statement"] == [ALL, denied]


def test_what_no_statement_allows_is_denied(stacks, fresh):
    name = fresh("policy")
    stacks.create(name, template())
    assert "StackPolicyBody" not in stacks.client.get_stack_policy(StackName=name)
    stacks.client.set_stack_policy(
        StackName=name, StackPolicyBody=policy(statement("Allow", "Update:Delete")))
    stacks.update(name, template(days=3), wait="UPDATE_ROLLBACK_COMPLETE")
    assert reasons(stacks, name)
    stacks.update(name, template(second=False))


def test_wrong_ones(stacks, fresh, error_of):
    name, put = fresh("policy"), stacks.client.set_stack_policy
    stacks.create(name, template())
    invalid = ("ValidationError", "Error validating stack policy: Invalid stack policy")
    for text in ("no json", "{}", '{"Statement": []}', "[]"):
        assert error_of(lambda text=text: put(StackName=name, StackPolicyBody=text)) == invalid
    assert error_of(lambda: put(StackName=name, StackPolicyURL="http://x/y"))[0] == "NotImplemented"
    assert error_of(lambda: put(StackName="none", StackPolicyBody=policy(ALL))) == (
        "ValidationError", "Stack [none] does not exist")
