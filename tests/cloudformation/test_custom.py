"""Custom resources: a function makes them, and answers by a PUT to the URL of its request."""

import functools
import json
import types
import urllib.error
import urllib.request

import pytest
from support import wait_until

# Keeps every request in a table, and answers as the properties say.
PYTHON = """
import json, os, boto3, cfnresponse

def handler(event, context):
    properties = event["ResourceProperties"]
    table = boto3.client("dynamodb", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    table.put_item(TableName=properties["Log"], Item={
        "id": {"S": event["RequestId"]}, "event": {"S": json.dumps(event)}})
    if properties.get("Silent") == event["RequestType"]:
        return
    failed = properties.get("FailOn") == event["RequestType"]
    cfnresponse.send(event, context, cfnresponse.FAILED if failed else cfnresponse.SUCCESS,
                     {"Name": "n-" + properties["Name"], "Number": 5, "Flag": True},
                     properties.get("Id"))
"""
NODE = """
const response = require("cfn-response");
exports.handler = (event, context) => {
  response.send(event, context, response.SUCCESS, { Said: event.ResourceProperties.Word }, "js-1");
};
"""
# As bundles of libraries send it: the host and the path of the URL, by https.
NODE_HTTPS = """
const https = require("https"), url = require("url");
exports.handler = (event) => new Promise((resolve, reject) => {
  const body = JSON.stringify({ Status: "SUCCESS", PhysicalResourceId: "tls-1", Data: {},
    StackId: event.StackId, RequestId: event.RequestId,
    LogicalResourceId: event.LogicalResourceId });
  const { hostname, path } = url.parse(event.ResponseURL);
  const headers = { "content-type": "", "content-length": Buffer.byteLength(body) };
  const request = https.request({ hostname, path, method: "PUT", headers }, (reply) => {
    reply.resume();
    reply.statusCode === 200 ? resolve() : reject(new Error(String(reply.statusCode)));
  });
  request.on("error", reject);
  request.end(body);
});
"""


def function(code, runtime="python3.12"):
    return {"Type": "AWS::Lambda::Function", "Properties": {
        "Runtime": runtime, "Handler": "index.handler", "Timeout": 30,
        "Role": "arn:aws:iam::000000000000:role/r", "Code": {"ZipFile": code}}}


class Custom:
    """A table that holds what the function was asked, and templates with a resource of it."""

    def __init__(self, server, table):
        self.client, self.table = server.client("dynamodb"), table
        self.client.create_table(
            TableName=table, BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])

    def template(self, kind="Custom::Thing", more=None, **properties):
        token = {"Fn::GetAtt": ["Maker", "Arn"]}
        thing = {"Type": kind, "Properties": {
            "ServiceToken": token, "Log": self.table, "Name": "one", **properties}}
        outputs = {name: {"Value": {"Fn::GetAtt": ["Thing", name]}}
                   for name in ("Name", "Number", "Flag")}
        outputs["Ref"] = {"Value": {"Ref": "Thing"}}
        resources = {"Maker": function(PYTHON), "Thing": thing, **(more or {})}
        return {"Resources": resources, "Outputs": outputs}

    def events(self):
        items = self.client.scan(TableName=self.table)["Items"]
        return [json.loads(item["event"]["S"]) for item in items]

    def asked(self, *types):
        """What was asked, once each type of `types` has come exactly once."""
        events = self.events()
        assert sorted(e["RequestType"] for e in events) == sorted(types)
        for item in events:
            self.client.delete_item(TableName=self.table, Key={"id": {"S": item["RequestId"]}})
        return {event["RequestType"]: event for event in events}


@pytest.fixture
def custom(server, fresh):
    return Custom(server, fresh("custom"))


def failure(stacks, name, logical="Thing"):
    return [reason for who, status, reason in stacks.events(name)
            if who == logical and status in ("CREATE_FAILED", "UPDATE_FAILED")]


def test_a_life(stacks, custom, fresh):
    name = fresh("custom")
    stack = stacks.create(name, custom.template(Count=3, Deep={"On": True, "List": [1, "a"]}))
    event = custom.asked("Create")["Create"]
    assert event["StackId"] == stack and event["LogicalResourceId"] == "Thing"
    assert event["ResourceType"] == "Custom::Thing"
    assert event["ServiceToken"] == event["ResourceProperties"]["ServiceToken"]
    assert event["ResourceProperties"]["Count"] == "3"  # AWS: all are texts
    assert event["ResourceProperties"]["Deep"] == {"On": "true", "List": ["1", "a"]}
    assert "PhysicalResourceId" not in event and "OldResourceProperties" not in event
    told = stacks.outputs(name)
    assert (told["Name"], told["Number"], told["Flag"]) == ("n-one", "5", "true")
    log_stream = told["Ref"]
    assert "[$LATEST]" in log_stream

    # The function names none, so that it answers with its log stream, perhaps the same one.
    stacks.update(name, custom.template(Name="two", Id=log_stream))
    event = custom.asked("Update")["Update"]
    assert event["PhysicalResourceId"] == log_stream
    assert event["OldResourceProperties"]["Name"] == "one"
    assert event["ResourceProperties"]["Name"] == "two"
    assert stacks.outputs(name)["Name"] == "n-two"

    stacks.delete(name)
    event = custom.asked("Delete")["Delete"]
    assert event["PhysicalResourceId"] == log_stream
    assert event["ResourceProperties"]["Name"] == "two"


def test_another_physical_id_replaces(stacks, custom, fresh):
    name = fresh("custom")
    stacks.create(name, custom.template("AWS::CloudFormation::CustomResource", Id="a"))
    custom.asked("Create")
    stacks.update(name, custom.template("AWS::CloudFormation::CustomResource", Id="b", Name="x"))
    asked = custom.asked("Update", "Delete")
    assert asked["Update"]["PhysicalResourceId"] == "a"
    assert asked["Delete"]["PhysicalResourceId"] == "a"
    assert asked["Delete"]["ResourceProperties"]["Name"] == "one"
    assert stacks.physical(name, "Thing") == "b" and stacks.outputs(name)["Ref"] == "b"
    stacks.delete(name)
    assert custom.asked("Delete")["Delete"]["PhysicalResourceId"] == "b"


def test_a_failed_creation_is_rolled_back(stacks, custom, fresh):
    name = fresh("custom")
    stacks.create(name, custom.template(Id="bad", FailOn="Create"), wait="ROLLBACK_COMPLETE")
    [reason] = failure(stacks, name)
    assert reason.startswith("Received response status [FAILED] from custom resource. "
                             "Message returned: See the details in CloudWatch Log Stream: ")
    asked = custom.asked("Create", "Delete")  # AWS: also what failed is asked to go
    assert asked["Delete"]["PhysicalResourceId"] == "bad"
    assert asked["Create"]["RequestId"] in reason


def test_a_failed_update_goes_back(stacks, custom, fresh):
    name = fresh("custom")
    stacks.create(name, custom.template(Id="a"))
    custom.asked("Create")
    stacks.update(name, custom.template(Id="a", Name="two", FailOn="Update"),
                  wait="UPDATE_ROLLBACK_COMPLETE")
    updates = sorted(custom.events(), key=lambda e: e["ResourceProperties"]["Name"])
    assert [e["RequestType"] for e in updates] == ["Update", "Update"]
    assert [e["ResourceProperties"]["Name"] for e in updates] == ["one", "two"]
    assert updates[0]["OldResourceProperties"]["Name"] == "two"
    assert stacks.outputs(name)["Name"] == "n-one"


def test_a_replacement_that_is_rolled_back(stacks, custom, fresh):
    name = fresh("custom")
    stacks.create(name, custom.template(Id="a"))
    custom.asked("Create")
    bad = {"Type": "AWS::S3::Bucket", "DependsOn": "Thing", "Properties": {"BucketName": "NO"}}
    stacks.update(name, custom.template(Id="b", more={"Bad": bad}),
                  wait="UPDATE_ROLLBACK_COMPLETE")
    asked = custom.asked("Update", "Delete")
    assert asked["Delete"]["PhysicalResourceId"] == "b"
    assert stacks.physical(name, "Thing") == "a"


def test_who_does_not_answer_in_time(stacks, custom, fresh):
    name = fresh("custom")
    stacks.create(name, custom.template(Silent="Create", ServiceTimeout=4),
                  wait="ROLLBACK_COMPLETE")
    [reason] = failure(stacks, name)
    assert reason.startswith("CloudFormation did not receive a response from your Custom Resource.")
    assert custom.asked("Create", "Delete")["Delete"]["PhysicalResourceId"]


def test_a_stack_is_deleted_while_it_waits(stacks, custom, fresh):
    name = fresh("custom")
    stacks.create(name, custom.template(Silent="Create"), wait=None)
    wait_until(custom.events)
    stacks.delete(name)
    assert custom.asked("Create", "Delete")["Delete"]["PhysicalResourceId"].startswith(name)


def test_an_update_is_called_off(stacks, custom, fresh, error_of):
    name, cancel = fresh("custom"), stacks.client.cancel_update_stack
    stacks.create(name, custom.template(Id="a"))
    custom.asked("Create")
    assert error_of(lambda: cancel(StackName=name)) == (
        "ValidationError", "CancelUpdateStack cannot be called from current stack status")
    stacks.update(name, custom.template(Id="a", Name="two", Silent="Update"), wait=None)
    wait_until(custom.events)
    cancel(StackName=name)
    stacks.wait(name, "UPDATE_ROLLBACK_COMPLETE")
    assert failure(stacks, name) == ["Resource update cancelled"]
    assert len(custom.events()) == 2  # and the one that goes back
    assert stacks.outputs(name)["Name"] == "n-one"
    assert error_of(lambda: cancel(StackName="none")) == (
        "ValidationError", "Stack [none] does not exist")


def answer(event, data=None, **more):
    url = event["ResponseURL"]
    body = {"Status": "SUCCESS", "PhysicalResourceId": "p", "Data": data or {},
            **{key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}, **more}
    body = body if "raw" not in more else more["raw"]
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return urllib.request.urlopen(urllib.request.Request(url, data=text, method="PUT")).status


@pytest.mark.parametrize("more, told", [
    ({"raw": b"no json"}, "Response is not valid JSON"),
    ({"raw": b"\xff\xfe"}, "Response is not valid JSON"),
    ({"PhysicalResourceId": ""}, "Invalid PhysicalResourceId"),
    ({"RequestId": "another"}, "Invalid RequestId"),
    ({"StackId": "another"}, "Invalid StackId"),
    ({"Status": "DONE"}, "Invalid Status"),
    ({"Data": {"A": "x" * 5000}}, "Response object is too long."),
    ({"Data": {"Number": 1}}, "doesn't contain Name key"),
])
def test_wrong_answers(stacks, custom, fresh, more, told):
    name = fresh("custom")
    stacks.create(name, custom.template(Silent="Create"), wait=None, OnFailure="DO_NOTHING")
    wait_until(custom.events)
    [event] = custom.events()
    assert answer(event, **more) == 200
    stack = stacks.wait(name, "CREATE_FAILED")
    assert told in str(failure(stacks, name)) + stack["StackStatusReason"]
    with pytest.raises(urllib.error.HTTPError) as late:  # nobody waits any more
        answer(event)
    assert late.value.code == 403


def test_only_the_url_itself_opens_the_door(stacks, custom, fresh):
    name = fresh("custom")
    stacks.create(name, custom.template(Silent="Create"), wait=None)
    wait_until(custom.events)
    [event] = custom.events()
    for wrong in (event["ResponseURL"][:-1], event["ResponseURL"].split("&")[0]):
        with pytest.raises(urllib.error.HTTPError) as refused:
            answer({**event, "ResponseURL": wrong})
        assert refused.value.code == 403
    assert answer(event, {"Name": "n", "Number": 1, "Flag": False}) == 200
    stacks.wait(name, "CREATE_COMPLETE")
    assert stacks.outputs(name)["Flag"] == "false"


def test_what_is_no_function_is_refused(stacks, fresh):
    name, other = fresh("custom"), fresh("custom")
    thing = {"Type": "Custom::X", "Properties": {
        "ServiceToken": "arn:aws:sns:us-east-1:000000000000:topic"}}
    stacks.create(name, {"Resources": {"Thing": thing}}, wait="ROLLBACK_COMPLETE")
    assert "asks Lambda functions alone" in failure(stacks, name)[0]
    thing["Properties"]["ServiceToken"] = "arn:aws:lambda:us-east-1:000000000000:function:none"
    stacks.create(other, {"Resources": {"Thing": thing}}, wait="ROLLBACK_COMPLETE")
    assert "Function not found" in failure(stacks, other)[0]


def test_the_function_of_a_resource_stays(stacks, custom, fresh):
    name = fresh("custom")
    stacks.create(name, custom.template(Id="a"))
    token = "arn:aws:lambda:us-east-1:000000000000:function:another"
    stacks.update(name, custom.template(Id="a", ServiceToken=token),
                  wait="UPDATE_ROLLBACK_COMPLETE")
    assert failure(stacks, name) == ["Modifying service token is not allowed."]
    custom.asked("Create")


@pytest.mark.parametrize("code, physical", [(NODE, "js-1"), (NODE_HTTPS, "tls-1")])
def test_functions_in_node(stacks, fresh, code, physical):
    name = fresh("custom")
    thing = {"Type": "Custom::X", "Properties": {
        "ServiceToken": {"Fn::GetAtt": ["Maker", "Arn"]}, "Word": "w"}}
    stacks.create(name, {"Resources": {"Maker": function(code, "nodejs20.x"), "Thing": thing}})
    assert stacks.physical(name, "Thing") == physical
    stacks.delete(name)


def test_a_server_with_credentials_takes_the_answer_unsigned(make_server, stacks_of, tmp_path):
    path = tmp_path / "credentials"
    path.write_text("[default]\naws_access_key_id = key\naws_secret_access_key = secret\n")
    server = make_server("--credentials", path)
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
    signed = functools.partial(server.client, **keys)
    both = types.SimpleNamespace(client=signed)
    stacks_of(both).create("custom", Custom(both, "log").template())


def test_a_request_is_sent_again_after_a_crash(own_server, stacks_of):
    custom, stacks = Custom(own_server, "log"), stacks_of(own_server)
    stacks.create("custom", custom.template(Silent="Create"), wait=None)
    wait_until(custom.events)
    own_server.kill9()
    own_server.restart()
    custom.client = own_server.client("dynamodb")
    stacks.client = own_server.client("cloudformation")
    wait_until(lambda: len(custom.events()) >= 2)

    def is_taken(event):
        try:
            return answer(event, {"Name": "n", "Number": 1, "Flag": False}) == 200
        except (urllib.error.HTTPError, urllib.error.URLError):
            return False  # of before

    assert any([is_taken(event) for event in custom.events()])
    stacks.wait("custom", "CREATE_COMPLETE")
