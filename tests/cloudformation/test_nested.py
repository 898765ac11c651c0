"""Stacks within stacks."""

import json

import pytest

from .conftest import log_group


@pytest.fixture
def inner(client, server, fresh):
    """inner(template) -> the URL of a template in S3; the same URL each time."""
    bucket = fresh("nested")
    client("s3").create_bucket(Bucket=bucket)

    def put(template):
        client("s3").put_object(Bucket=bucket, Key="t.json", Body=json.dumps(template))
        return f"{server.url}/{bucket}/t.json"

    return put


def template_of(**properties):
    return {
        "Parameters": {"Name": {"Type": "String"}, "Parts": {"Type": "CommaDelimitedList",
                                                            "Default": "x"}},
        "Resources": {"Group": log_group(LogGroupName={"Ref": "Name"}, **properties)},
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Group", "Arn"]}},
                    "Second": {"Value": {"Fn::Select": [1, {"Ref": "Parts"}]}}},
    }


def outer_of(url, name):
    return {
        "Resources": {
            "Child": {
                "Type": "AWS::CloudFormation::Stack",
                "Properties": {
                    "TemplateURL": url,
                    "Parameters": {"Name": name, "Parts": ["a", "b"]},
                    "Tags": [{"Key": "k", "Value": "v"}],
                },
            },
            "After": log_group(LogGroupName={"Fn::Sub": "after-${Child.Outputs.Second}-" + name}),
        },
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Child", "Outputs.Arn"]}},
                    "Id": {"Value": {"Ref": "Child"}}},
    }


def test_a_nested_stack_is_made_changed_and_goes(stacks, client, fresh, inner):
    name, group = fresh("outer"), fresh("group")
    outer = outer_of(inner(template_of(RetentionInDays=1)), group)
    stacks.create(name, outer)
    outputs = stacks.outputs(name)
    assert outputs["Arn"].endswith(f":log-group:{group}:*")
    assert stacks.physical(name, "After") == f"after-b-{group}"

    child = stacks.describe(outputs["Id"])
    assert child["StackName"].startswith(f"{name}-Child-")
    assert child["StackStatus"] == "CREATE_COMPLETE"
    assert child["ParentId"] == child["RootId"] == stacks.describe(name)["StackId"]
    assert child["Tags"] == [{"Key": "k", "Value": "v"}]
    assert {p["ParameterKey"]: p["ParameterValue"] for p in child["Parameters"]} == {
        "Name": group, "Parts": "a,b"}
    assert "ParentId" not in stacks.describe(name)

    def retention():
        found = client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        return [g.get("retentionInDays") for g in found]

    assert retention() == [1]
    inner(template_of(RetentionInDays=3))  # the same URL says something else now
    stacks.update(name, outer)
    assert retention() == [3]
    stacks.update(name, outer)
    assert stacks.describe(outputs["Id"])["StackStatus"] == "UPDATE_COMPLETE"

    stacks.delete(name)
    assert stacks.describe(outputs["Id"])["StackStatus"] == "DELETE_COMPLETE"
    assert retention() == []


def test_a_change_set_tells_that_a_nested_stack_may_change(stacks, fresh, inner):
    name = fresh("outer")
    outer = outer_of(inner(template_of()), fresh("group"))
    stacks.create(name, outer)
    stacks.client.create_change_set(
        StackName=name, ChangeSetName="c", TemplateBody=json.dumps(outer))
    changes = stacks.client.describe_change_set(StackName=name, ChangeSetName="c")["Changes"]
    change = changes[0]["ResourceChange"]
    assert len(changes) == 1 and change["LogicalResourceId"] == "Child"
    assert (change["Action"], change["Replacement"]) == ("Modify", "False")
    assert change["Details"] == [{
        "Target": {"Attribute": "Properties", "RequiresRecreation": "Never"},
        "Evaluation": "Dynamic", "ChangeSource": "Automatic"}]


def test_a_nested_stack_that_fails_fails_the_outer_one(stacks, fresh, inner):
    name, group = fresh("outer"), fresh("group")
    outer = outer_of(inner(template_of(RetentionInDays=2)), group)
    stacks.create(name, outer, wait="ROLLBACK_COMPLETE")
    reason = dict((e[0], e[2]) for e in stacks.failures(name))["Child"]
    assert reason.startswith("Embedded stack arn:aws:cloudformation:")
    assert reason.endswith(" was not successfully created: The following resource(s) failed to "
                           "create: [Group]. ")
    child = reason.split()[2]
    assert stacks.describe(child)["StackStatus"] == "DELETE_COMPLETE"


def test_a_nested_update_that_fails_is_taken_back(stacks, fresh, inner):
    name, group = fresh("outer"), fresh("group")
    outer = outer_of(inner(template_of(RetentionInDays=1)), group)
    stacks.create(name, outer)
    inner(template_of(RetentionInDays=2))
    stacks.update(name, outer, wait="UPDATE_ROLLBACK_COMPLETE")
    reason = dict((e[0], e[2]) for e in stacks.failures(name))["Child"]
    assert reason.endswith(
        " was not successfully updated. Currently in UPDATE_ROLLBACK_IN_PROGRESS with reason: "
        "The following resource(s) failed to update: [Group]. ")
    inner(template_of(RetentionInDays=1))
    stacks.update(name, outer)
