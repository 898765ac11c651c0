"""What belongs to functions in a template: event source mappings, versions, aliases, layers."""

import io
import json
import urllib.request
import zipfile

import pytest
from botocore.exceptions import ClientError
from support import wait_until

CODE = "def handler(event, context):\n    return {!r}\n"


def template(**resources):
    names = {f"{name}Ref": {"Value": {"Ref": name}} for name in resources}
    return {"Resources": resources, "Outputs": names}


def function(text="one", **more):
    return {"Type": "AWS::Lambda::Function", "Properties": {
        "Runtime": "python3.12", "Handler": "index.handler",
        "Role": "arn:aws:iam::000000000000:role/r", "Code": {"ZipFile": CODE.format(text)}, **more}}


def alias(version, **more):
    return {"Type": "AWS::Lambda::Alias", "Properties": {
        "FunctionName": {"Ref": "Fn"}, "FunctionVersion": version, "Name": "live", **more}}


def version(description):
    return {"Type": "AWS::Lambda::Version", "Properties": {
        "FunctionName": {"Ref": "Fn"}, "Description": description}}


def att(resource, name):
    return {"Fn::GetAtt": [resource, name]}


def test_versions_and_an_alias(stacks, client, fresh):
    name, functions = fresh("versions"), client("lambda")
    stacks.create(name, template(Fn=function("one"), First=version("1st"),
                                 Live=alias(att("First", "Version"), Description="d")))
    told = stacks.outputs(name)
    assert told["FirstRef"].endswith(":1") and told["LiveRef"].endswith(":live")

    def invoke():
        reply = functions.invoke(FunctionName=told["LiveRef"])
        return json.loads(reply["Payload"].read()), reply["ExecutedVersion"]

    assert invoke() == ("one", "1")
    shown = functions.get_alias(FunctionName=told["FnRef"], Name="live")
    assert (shown["FunctionVersion"], shown["Description"]) == ("1", "d")
    # New code and a new version beside the old one; the alias moves on, a tenth stays.
    old = {"FunctionVersion": att("First", "Version"), "FunctionWeight": 0.1}
    stacks.update(name, template(
        Fn=function("two"), First=version("1st"),
        Second={**version("2nd"), "DependsOn": "Fn"},
        Live=alias(att("Second", "Version"),
                   RoutingConfig={"AdditionalVersionWeights": [old]})))
    shown = functions.get_alias(FunctionName=told["FnRef"], Name="live")
    assert shown["FunctionVersion"] == "2" and shown["Description"] == ""
    assert shown["RoutingConfig"]["AdditionalVersionWeights"] == {"1": 0.1}
    # Routing that the template no longer says goes.
    stacks.update(name, template(
        Fn=function("two"), First=version("1st"), Second={**version("2nd"), "DependsOn": "Fn"},
        Live=alias(att("Second", "Version"))))
    assert invoke() == ("two", "2")
    stacks.delete(name)
    with pytest.raises(ClientError) as gone:
        functions.get_function(FunctionName=told["FnRef"])
    assert gone.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_an_alias_of_a_missing_version_fails_its_stack(stacks, fresh):
    name = fresh("no-version")
    stacks.create(name, template(Fn=function(), Live=alias("7")), wait="ROLLBACK_COMPLETE")


def test_a_layer(stacks, client, fresh):
    bucket, name, functions = fresh("layers"), fresh("layer"), client("lambda")
    client("s3").create_bucket(Bucket=bucket)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("python/greeting.py", "WORD = 'hello'\n")
    client("s3").put_object(Bucket=bucket, Key="layer.zip", Body=packed.getvalue())
    layer = {"Type": "AWS::Lambda::LayerVersion", "Properties": {
        "Content": {"S3Bucket": bucket, "S3Key": "layer.zip"},
        "CompatibleRuntimes": ["python3.12"], "Description": "words"}}
    using = function(Layers=[{"Ref": "Words"}], Code={
        "ZipFile": "import greeting\ndef handler(event, context):\n    return greeting.WORD\n"})
    stacks.create(name, template(Words=layer, Fn=using))
    told = stacks.outputs(name)
    assert json.loads(functions.invoke(FunctionName=told["FnRef"])["Payload"].read()) == "hello"
    shown = functions.get_layer_version_by_arn(Arn=told["WordsRef"])
    assert (shown["Version"], shown["Description"]) == (1, "words")
    stacks.delete(name)
    with pytest.raises(ClientError):
        functions.get_layer_version_by_arn(Arn=told["WordsRef"])


def mapping(**more):
    return {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {
        "FunctionName": {"Ref": "Fn"}, "EventSourceArn": att("Records", "Arn"),
        "StartingPosition": "TRIM_HORIZON", **more}}


def test_an_event_source_mapping(stacks, client, fresh):
    name, functions = fresh("mapping"), client("lambda")
    stream = {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}}
    stacks.create(name, template(Records=stream, Fn=function(), Map=mapping(
        BatchSize=5, MaximumRetryAttempts=2, FunctionResponseTypes=["ReportBatchItemFailures"])))
    told = stacks.outputs(name)
    shown = functions.get_event_source_mapping(UUID=told["MapRef"])
    assert (shown["BatchSize"], shown["MaximumRetryAttempts"], shown["State"]) == (5, 2, "Enabled")
    assert shown["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    client("kinesis").put_record(StreamName=told["RecordsRef"], Data=b"x", PartitionKey="p")
    group = f"/aws/lambda/{told['FnRef']}"
    wait_until(lambda: [g for g in client("logs").describe_log_groups(
        logGroupNamePrefix=group)["logGroups"] if g["logGroupName"] == group])
    # In place: one setting changes, the others go back to what they are without being said.
    stacks.update(name, template(Records=stream, Fn=function(), Map=mapping(
        BatchSize=7, Enabled=False)))
    shown = functions.get_event_source_mapping(UUID=stacks.outputs(name)["MapRef"])
    assert stacks.outputs(name)["MapRef"] == told["MapRef"]
    told_now = shown["BatchSize"], shown["MaximumRetryAttempts"], shown["State"]
    assert told_now == (7, -1, "Disabled")
    assert shown["FunctionResponseTypes"] == []
    # Another source is another mapping.
    stacks.update(name, template(Records=stream, Others=stream, Fn=function(), Map=mapping(
        EventSourceArn=att("Others", "Arn"))))
    assert stacks.outputs(name)["MapRef"] != told["MapRef"]
    stacks.delete(name)
    assert functions.list_event_source_mappings()["EventSourceMappings"] == [] or all(
        m["UUID"] != told["MapRef"]
        for m in functions.list_event_source_mappings()["EventSourceMappings"])


def test_a_url(stacks, client, server, fresh):
    name, functions = fresh("url"), client("lambda")

    def wanted(**more):
        url = {"Type": "AWS::Lambda::Url", "Properties": {
            "TargetFunctionArn": att("Fn", "Arn"), "AuthType": "NONE", **more}}
        public = {"Type": "AWS::Lambda::Permission", "Properties": {
            "FunctionName": {"Ref": "Fn"}, "Action": "lambda:InvokeFunctionUrl",
            "Principal": "*", "FunctionUrlAuthType": "NONE"}}
        made = template(Fn=function("one"), Url=url, Public=public)
        made["Outputs"].update({key: {"Value": att("Url", key)} for key in (
            "FunctionUrl", "FunctionArn")})
        return made

    stacks.create(name, wanted(Cors={"AllowOrigins": ["*"], "MaxAge": "5"},
                               InvokeMode="RESPONSE_STREAM"))
    told = stacks.outputs(name)
    assert told["UrlRef"] == told["FunctionArn"]
    shown = functions.get_function_url_config(FunctionName=told["FnRef"])
    assert shown["FunctionUrl"] == told["FunctionUrl"] and shown["Cors"]["MaxAge"] == 5

    def mode():  # which older clients do not know
        path = f"/2021-10-31/functions/{told['FnRef']}/url"
        return json.loads(server.request("GET", path)[2])["InvokeMode"]

    assert mode() == "RESPONSE_STREAM"
    with urllib.request.urlopen(told["FunctionUrl"]) as reply:
        assert reply.status == 200
    stacks.update(name, wanted(AuthType="AWS_IAM"))
    shown = functions.get_function_url_config(FunctionName=told["FnRef"])
    assert shown["AuthType"] == "AWS_IAM" and not shown.get("Cors")
    assert mode() == "BUFFERED"
    without = wanted()
    del without["Resources"]["Url"], without["Outputs"]
    stacks.update(name, without)
    with pytest.raises(ClientError) as gone:
        functions.get_function_url_config(FunctionName=told["FnRef"])
    assert gone.value.response["Error"]["Code"] == "ResourceNotFoundException"
