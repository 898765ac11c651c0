"""Stacks of the tests: made, waited for, and removed again."""

import json
import pathlib

import pytest
from botocore.exceptions import ClientError
from support import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
PIPELINE = ROOT / "examples" / "sales" / "pipeline.yaml"


class Stacks:
    """One server's stacks, by the words a test needs."""

    def __init__(self, server):
        self.server = server
        self.client = server.client("cloudformation")
        self.made = []

    def create(self, name, template, wait="CREATE_COMPLETE", **more):
        body = template if isinstance(template, str) else json.dumps(template)
        self.made.append(name)
        reply = self.client.create_stack(StackName=name, TemplateBody=body, **more)
        if wait:
            self.wait(name, wait)
        return reply["StackId"]

    def update(self, name, template, wait="UPDATE_COMPLETE", **more):
        body = template if isinstance(template, str) else json.dumps(template)
        self.client.update_stack(StackName=name, TemplateBody=body, **more)
        if wait:
            self.wait(name, wait)

    def delete(self, name, **more):
        stack = self.describe(name)["StackId"]
        self.client.delete_stack(StackName=name, **more)
        return self.wait(stack, None)

    def describe(self, name):
        return self.client.describe_stacks(StackName=name)["Stacks"][0]

    def wait(self, name, status):
        """Waits for the end of what is under way; it must have come to `status` (None: any)."""
        wait_until(
            lambda: not self.describe(name)["StackStatus"].endswith("_IN_PROGRESS")
        )
        stack = self.describe(name)
        if status:
            assert stack["StackStatus"] == status, self.failures(name) or stack
        return stack

    def events(self, name):
        """(logical id, status, reason), oldest first."""
        pages = self.client.get_paginator("describe_stack_events").paginate(StackName=name)
        found = [event for page in pages for event in page["StackEvents"]]
        return [
            (e["LogicalResourceId"], e["ResourceStatus"], e.get("ResourceStatusReason"))
            for e in reversed(found)
        ]

    def failures(self, name):
        return [event for event in self.events(name) if "FAILED" in event[1]]

    def resources(self, name):
        """logical id -> (physical id, status)"""
        found = self.client.list_stack_resources(StackName=name)["StackResourceSummaries"]
        return {
            r["LogicalResourceId"]: (r.get("PhysicalResourceId"), r["ResourceStatus"])
            for r in found
        }

    def physical(self, name, logical):
        return self.resources(name)[logical][0]

    def outputs(self, name):
        return {o["OutputKey"]: o["OutputValue"] for o in self.describe(name).get("Outputs", [])}


def remove_all(stacks):
    for name in stacks.made:
        try:
            stacks.client.update_termination_protection(
                StackName=name, EnableTerminationProtection=False
            )
            stacks.delete(name)
        except ClientError as error:
            assert "does not exist" in str(error)


@pytest.fixture
def stacks(server):
    them = Stacks(server)
    yield them
    remove_all(them)


@pytest.fixture
def stacks_of():
    """Stacks of a server that the test owns."""
    return Stacks


@pytest.fixture
def error_of():
    """error_of(lambda: call) -> (code, message)"""

    def told(call):
        with pytest.raises(ClientError) as caught:
            call()
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    return told


@pytest.fixture
def pipeline():
    return PIPELINE


def bucket(**properties):
    return {"Type": "AWS::S3::Bucket", "Properties": properties}


def log_group(**properties):
    return {"Type": "AWS::Logs::LogGroup", "Properties": properties}
