"""Wait conditions: a stack waits for what others send to the URL of a handle."""

import json
import urllib.error
import urllib.request

import pytest
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
