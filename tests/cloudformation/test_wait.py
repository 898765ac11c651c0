"""Wait conditions: a stack waits for what others send to the URL of a handle."""

import json
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError
from support import wait_until

from .conftest import log_group


def template(count=1, timeout=60, handle=None):
    return {
        "Resources": {
            "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
            "Done": {"Type": "AWS::CloudFormation::WaitCondition", "Properties": {
                "Handle": handle or {"Ref": "Handle"}, "Timeout": str(timeout), "Count": count}},
            "After": {**log_group(), "DependsOn": "Done"},
        },
        "Outputs": {"Data": {"Value": {"Fn::GetAtt": ["Done", "Data"]}}},
    }


@pytest.fixture
def waiting(stacks, fresh):
    """waiting(template) -> (name, URL) of a stack that waits"""

    def make(wanted, **more):
        name = fresh("wait")
        stacks.create(name, wanted, wait=None, **more)
        wait_until(lambda: stacks.resources(name).get("Done", ("", ""))[1] == "CREATE_IN_PROGRESS")
        return name, stacks.physical(name, "Handle")

    return make


def send(url, **signal):
    text = json.dumps(signal).encode()
    request = urllib.request.Request(url, data=text, method="PUT", headers={"content-type": ""})
    return urllib.request.urlopen(request).status


def reasons(stacks, name):
    return [reason for who, _, reason in stacks.failures(name) if who == "Done"]


def test_a_stack_goes_on_when_all_have_told(stacks, waiting):
    name, url = waiting(template(count=2))
    assert send(url, Status="SUCCESS", UniqueId="a", Data="one", Reason="r") == 200
    assert send(url, Status="SUCCESS", UniqueId="a", Data="again") == 200  # does not count
    assert send(url, Nothing="of use") == 200
    assert send(url, Status="SUCCESS", UniqueId="b", Data='"2"') == 200
    stacks.wait(name, "CREATE_COMPLETE")
    assert json.loads(stacks.outputs(name)["Data"]) == {"a": "one", "b": '"2"'}
    assert stacks.physical(name, "Done").startswith("arn:aws:cloudformation:")
    stacks.delete(name)
    with pytest.raises(urllib.error.HTTPError) as gone:
        send(url, Status="SUCCESS", UniqueId="c")
    assert gone.value.code == 403


def test_a_failure_ends_it(stacks, waiting):
    name, url = waiting(template(count=2))
    send(url, Status="FAILURE", UniqueId="x", Reason="no disk", Data="")
    stacks.wait(name, "ROLLBACK_COMPLETE")
    assert reasons(stacks, name) == [
        "WaitCondition received failed message: 'no disk' for uniqueId: x"]


def test_time_runs_out(stacks, waiting):
    name, url = waiting(template(count=3, timeout=2))
    send(url, Status="SUCCESS", UniqueId="x")
    stacks.wait(name, "ROLLBACK_COMPLETE")
    assert reasons(stacks, name) == [
        "WaitCondition timed out. Received 1 conditions when expecting 3"]


def test_a_condition_is_made_once(stacks, waiting):
    name, url = waiting(template())
    send(url, Status="SUCCESS", UniqueId="x")
    stacks.wait(name, "CREATE_COMPLETE")
    stacks.update(name, template(count=2), wait="UPDATE_ROLLBACK_COMPLETE")
    assert reasons(stacks, name)[0] == (
        "Update to resource type AWS::CloudFormation::WaitCondition is not supported.")


@pytest.mark.parametrize("properties, told", [
    ({}, "{/Handle} is required"),
    ({"Handle": {"Ref": "Handle"}}, "{/Timeout} is required"),
    ({"Handle": "https://example.com/", "Timeout": 5}, "not the URL of a WaitConditionHandle"),
    ({"Handle": {"Ref": "Handle"}, "Timeout": 43201}, "{/Timeout} must be a number"),
    ({"Handle": {"Ref": "Handle"}, "Timeout": 5, "Count": "many"}, "{/Count} must be a number"),
])
def test_what_a_condition_must_say(stacks, fresh, properties, told):
    name = fresh("wait")
    wanted = template()
    wanted["Resources"]["Done"]["Properties"] = properties
    wanted["Resources"]["Done"]["DependsOn"] = "Handle"
    stacks.create(name, wanted, wait="ROLLBACK_COMPLETE")
    assert told in reasons(stacks, name)[0]


def by_policy(**signal):
    return {"Resources": {"Done": {
        "Type": "AWS::CloudFormation::WaitCondition",
        "CreationPolicy": {"ResourceSignal": signal} if signal else {}}}}


def begun(stacks, fresh, wanted):
    name = fresh("signal")
    stacks.create(name, wanted, wait=None)
    wait_until(lambda: stacks.resources(name).get("Done", ("", ""))[1] == "CREATE_IN_PROGRESS")

    def signal(status, unique="1", logical="Done", stack=name):
        return stacks.client.signal_resource(
            StackName=stack, LogicalResourceId=logical, UniqueId=unique, Status=status)

    return name, signal


def test_resources_are_signaled(stacks, fresh, error_of):
    name, signal = begun(stacks, fresh, by_policy(Count=2, Timeout="PT1H"))
    assert error_of(lambda: signal("SUCCESS", logical="No")) == (
        "ValidationError", f"Resource No does not exist for stack {name}")
    assert error_of(lambda: signal("SUCCESS", stack="none")) == (
        "ValidationError", "Stack [none] does not exist")
    wait_until(lambda: attempt(lambda: signal("SUCCESS")) is None)
    signal("SUCCESS")  # does not count
    signal("SUCCESS", "2")
    stacks.wait(name, "CREATE_COMPLETE")
    assert error_of(lambda: signal("SUCCESS", "3")) == (
        "ValidationError", "Resource Done is in CREATE_COMPLETE state and cannot be signaled")


def attempt(call):
    """What it raises, or None: the resource's status comes a moment before it takes signals."""
    try:
        call()
    except ClientError as error:
        return error
    return None


def test_a_signal_of_failure(stacks, fresh):
    name, signal = begun(stacks, fresh, by_policy())
    wait_until(lambda: attempt(lambda: signal("FAILURE", "i-1")) is None)
    stacks.wait(name, "ROLLBACK_COMPLETE")
    assert reasons(stacks, name) == ["Received FAILURE signal with UniqueId i-1"]


def test_signals_that_do_not_come(stacks, fresh):
    name = fresh("signal")
    stacks.create(name, by_policy(Count="2", Timeout="PT1S"), wait="ROLLBACK_COMPLETE")
    assert reasons(stacks, name) == [
        "Failed to receive 2 resource signal(s) within the specified duration"]


@pytest.mark.parametrize("signal", [
    {"Timeout": "5"}, {"Timeout": "PT13H"}, {"Timeout": "PT5"}, {"Timeout": "PTxM"}, {"Count": "x"},
])
def test_wrong_policies(stacks, fresh, signal):
    name = fresh("signal")
    stacks.create(name, by_policy(**signal), wait="ROLLBACK_COMPLETE")
    assert "no right Count or Timeout" in reasons(stacks, name)[0]


def test_policies_of_other_resources_are_refused(stacks, fresh):
    for member, told in (("CreationPolicy", "CreationPolicy is not supported for AWS::Logs::"),
                         ("UpdatePolicy", "millrace does not carry out UpdatePolicy")):
        name = fresh("signal")
        wanted = {"Resources": {"Done": {**log_group(), member: {"A": "b"}}}}
        stacks.create(name, wanted, wait="ROLLBACK_COMPLETE")
        assert told in reasons(stacks, name)[0]
