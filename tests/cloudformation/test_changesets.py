"""Change sets, as the AWS CLI and people use them."""

import json

import pytest

from .conftest import log_group


@pytest.fixture
def change(stacks):
    """change(stack, template, type) -> what describe_change_set says."""

    def make(name, template, kind="UPDATE", set_name="set", **more):
        stacks.made.append(name)
        reply = stacks.client.create_change_set(
            StackName=name, ChangeSetName=set_name, ChangeSetType=kind,
            TemplateBody=json.dumps(template), **more,
        )
        stack_of = ":stack/" + name + "/"
        assert stack_of in reply["StackId"] and f":changeSet/{set_name}/" in reply["Id"]
        return stacks.client.describe_change_set(ChangeSetName=reply["Id"])

    return make


def changes_of(described):
    return [
        (c["Action"], c["LogicalResourceId"], c.get("Replacement"))
        for c in (one["ResourceChange"] for one in described["Changes"])
    ]


def test_a_stack_is_reviewed_then_made(stacks, change, fresh):
    name = fresh("review")
    template = {"Resources": {"B": log_group(), "A": log_group()}}
    made = change(name, template, "CREATE", Description="first")
    assert (made["Status"], made["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")
    assert changes_of(made) == [("Add", "A", None), ("Add", "B", None)]
    assert made["Changes"][0] == {
        "Type": "Resource",
        "ResourceChange": {
            "Action": "Add", "LogicalResourceId": "A", "ResourceType": "AWS::Logs::LogGroup",
            "Scope": [], "Details": [],
        },
    }
    assert stacks.describe(name)["StackStatus"] == "REVIEW_IN_PROGRESS"
    assert stacks.resources(name) == {}
    listed = stacks.client.list_change_sets(StackName=name)["Summaries"]
    assert [(s["ChangeSetName"], s["Description"]) for s in listed] == [("set", "first")]
    stacks.client.execute_change_set(ChangeSetName="set", StackName=name)
    stack = stacks.wait(name, "CREATE_COMPLETE")
    assert stack["ChangeSetId"] == made["ChangeSetId"] and "LastUpdatedTime" in stack
    done = stacks.client.describe_change_set(ChangeSetName=made["ChangeSetId"])
    assert done["ExecutionStatus"] == "EXECUTE_COMPLETE"
    assert stacks.client.list_change_sets(StackName=name)["Summaries"] == []


def test_a_change_is_told_before_it_is_made(stacks, change, fresh):
    name = fresh("tell")

    def template(days, group, **more):
        return {
            "Parameters": {"Days": {"Type": "Number", "Default": days}},
            "Resources": {
                "Days": log_group(RetentionInDays={"Ref": "Days"}),
                "Named": log_group(LogGroupName=group),
                "Stream": {
                    "Type": "AWS::Logs::LogStream",
                    "Properties": {"LogGroupName": {"Ref": "Named"}},
                },
                **more,
            },
        }

    stacks.create(name, template(7, fresh("one"), Old=log_group()))
    described = change(name, template(14, fresh("two"), New=log_group()))
    assert changes_of(described) == [
        ("Modify", "Days", "False"),
        ("Modify", "Named", "True"),
        ("Add", "New", None),
        ("Remove", "Old", None),
        ("Modify", "Stream", "True"),
    ]
    details = {
        c["ResourceChange"]["LogicalResourceId"]: c["ResourceChange"]["Details"]
        for c in described["Changes"]
    }
    assert details["Days"] == [
        {
            "Target": {
                "Attribute": "Properties", "Name": "RetentionInDays",
                "RequiresRecreation": "Never",
            },
            "Evaluation": "Static",
            "ChangeSource": "ParameterReference",
            "CausingEntity": "Days",
        }
    ]
    assert details["Named"][0]["ChangeSource"] == "DirectModification"
    assert details["Stream"][0]["ChangeSource"] == "ResourceReference"
    assert details["Stream"][0]["Evaluation"] == "Dynamic"
    before = stacks.resources(name)
    stacks.client.execute_change_set(ChangeSetName=described["ChangeSetId"])
    stacks.wait(name, "UPDATE_COMPLETE")
    after = stacks.resources(name)
    assert set(after) == {"Days", "Named", "New", "Stream"}
    assert after["Days"][0] == before["Days"][0] and after["Named"][0] != before["Named"][0]


def test_no_changes_is_a_failed_change_set(stacks, change, fresh, error_of):
    name = fresh("none")
    template = {"Resources": {"A": log_group()}}
    stacks.create(name, template)
    described = change(name, template)
    assert (described["Status"], described["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert described["StatusReason"] == (
        "The submitted information didn't contain changes. "
        "Submit different information to create a change set."
    )
    code, text = error_of(
        lambda: stacks.client.execute_change_set(ChangeSetName="set", StackName=name)
    )
    assert code == "InvalidChangeSetStatus"
    assert text == (
        f"ChangeSet [{described['ChangeSetId']}] cannot be executed in its current status of "
        "[FAILED]"
    )


def test_one_execution_makes_the_others_obsolete(stacks, change, fresh, error_of):
    name = fresh("obsolete")
    stacks.create(name, {"Resources": {"A": log_group(RetentionInDays=7)}})
    other = change(name, {"Resources": {"A": log_group(RetentionInDays=30)}}, set_name="other")
    change(name, {"Resources": {"A": log_group(RetentionInDays=14)}})
    stacks.client.execute_change_set(ChangeSetName="set", StackName=name)
    stacks.wait(name, "UPDATE_COMPLETE")
    described = stacks.client.describe_change_set(ChangeSetName="other", StackName=name)
    assert described["ExecutionStatus"] == "OBSOLETE"
    code, _ = error_of(
        lambda: stacks.client.execute_change_set(ChangeSetName=other["ChangeSetId"])
    )
    assert code == "InvalidChangeSetStatus"


def test_what_is_missing_is_told_exactly(stacks, change, fresh, error_of):
    name, nobody = fresh("missing"), fresh("nobody")
    template = {"Resources": {"A": log_group()}}
    stacks.create(name, template)
    client = stacks.client
    assert error_of(
        lambda: client.describe_change_set(ChangeSetName="x", StackName=name)
    ) == ("ChangeSetNotFound", "ChangeSet [x] does not exist")
    assert error_of(
        lambda: client.describe_change_set(ChangeSetName="x", StackName=nobody)
    ) == ("ValidationError", f"Stack [{nobody}] does not exist")
    assert error_of(lambda: change(nobody, template)) == (
        "ValidationError",
        f"Stack [{nobody}] does not exist",
    )
    assert error_of(lambda: change(name, template, "CREATE")) == (
        "ValidationError",
        f"Stack [{name}] already exists and cannot be created again with the changeSet [set].",
    )
    client.delete_change_set(ChangeSetName="x", StackName=name)  # counts as deleted
    stacks.made.remove(nobody)


def test_a_change_set_can_be_taken_back(stacks, change, fresh, error_of):
    name = fresh("back")
    template = {"Resources": {"A": log_group()}}
    made = change(name, template, "CREATE")
    body = stacks.client.get_template(StackName=name, ChangeSetName="set")["TemplateBody"]
    assert json.loads(json.dumps(body)) == template
    code, text = error_of(lambda: change(name, template, "CREATE"))
    assert (code, text) == ("AlreadyExistsException", "ChangeSet set already exists")
    stacks.client.delete_change_set(ChangeSetName=made["ChangeSetId"])
    assert stacks.client.list_change_sets(StackName=name)["Summaries"] == []
    assert stacks.describe(name)["StackStatus"] == "REVIEW_IN_PROGRESS"
    assert stacks.delete(name)["StackStatus"] == "DELETE_COMPLETE"


def test_previous_template_and_values_are_kept(stacks, fresh):
    name = fresh("previous")
    template = {
        "Parameters": {"Days": {"Type": "Number"}, "Class": {"Type": "String", "Default": "x"}},
        "Resources": {"A": log_group(RetentionInDays={"Ref": "Days"})},
    }
    first = [{"ParameterKey": "Days", "ParameterValue": "7"}]
    stacks.create(name, template, Parameters=first)
    stacks.client.create_change_set(
        StackName=name, ChangeSetName="set", UsePreviousTemplate=True,
        Parameters=[{"ParameterKey": "Days", "UsePreviousValue": True}],
        Tags=[{"Key": "a", "Value": "b"}],
    )
    stacks.client.execute_change_set(StackName=name, ChangeSetName="set")
    stack = stacks.wait(name, "UPDATE_COMPLETE")
    assert {"ParameterKey": "Days", "ParameterValue": "7"} in stack["Parameters"]
    assert stack["Tags"] == [{"Key": "a", "Value": "b"}]
