"""What becomes of asynchronous invocations, and what the account tells."""

import json

import pytest
from botocore.exceptions import ClientError

from support import wait_until, whole_lines

ARN = "arn:aws:lambda:us-east-1:000000000000:function:"
WRITES = (
    "import json\n\n\ndef handler(event, context):\n"
    "    with open(%r, 'a') as file:\n        file.write(json.dumps(event) + '\\n')\n"
)
FAILS = "def handler(event, context):\n    raise ValueError('no')\n"


def refused(call, **members):
    with pytest.raises(ClientError) as caught:
        call(**members)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def told(path):
    return [json.loads(line) for line in whole_lines(path)]


def send(api, name, event):
    reply = api.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event))
    return reply["ResponseMetadata"]["RequestId"]


def test_a_config_is_put_changed_listed_and_deleted(functions, make_function):
    name = make_function(FAILS)
    none = f"The function {ARN}{name}:$LATEST doesn't have an EventInvokeConfig"
    which = {"FunctionName": name}
    for call in (
        functions.get_function_event_invoke_config,
        functions.delete_function_event_invoke_config,
    ):
        assert refused(call, **which) == ("ResourceNotFoundException", none)
    change = functions.update_function_event_invoke_config
    error = refused(change, **which, MaximumRetryAttempts=1)
    assert error == ("ResourceNotFoundException", none)
    put = functions.put_function_event_invoke_config(**which, MaximumRetryAttempts=1)
    assert put["FunctionArn"] == f"{ARN}{name}:$LATEST" and put["MaximumRetryAttempts"] == 1
    assert put["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {}}
    assert "MaximumEventAgeInSeconds" not in put
    change(**which, MaximumEventAgeInSeconds=60)
    got = functions.get_function_event_invoke_config(**which)
    assert (got["MaximumRetryAttempts"], got["MaximumEventAgeInSeconds"]) == (1, 60)
    listed = functions.list_function_event_invoke_configs(**which)["FunctionEventInvokeConfigs"]
    assert [it["FunctionArn"] for it in listed] == [f"{ARN}{name}:$LATEST"]
    functions.delete_function_event_invoke_config(**which)
    assert functions.list_function_event_invoke_configs(**which)["FunctionEventInvokeConfigs"] == []


def test_configs_that_cannot_be(functions, make_function):
    name = make_function(FAILS)

    def put(**members):
        return refused(functions.put_function_event_invoke_config, FunctionName=name, **members)[1]

    assert put() == "You must specify at least one of error handling or destination setting."
    assert refused(
        functions.put_function_event_invoke_config, FunctionName="nobody", MaximumRetryAttempts=0
    ) == ("ResourceNotFoundException", "The function doesn't exist.")
    for side, arn, text in (
        ("OnFailure", ARN + name, "You can't specify the function as a destination for itself."),
        ("OnSuccess", ARN + "nobody", f"The destination ARN {ARN}nobody is invalid."),
        ("OnSuccess", "arn:aws:s3:::b",
         "The provided destination config DestinationConfig(onSuccess=OnSuccess("
         "destination=arn:aws:s3:::b), onFailure=null) is invalid."),
        ("OnFailure", "arn:aws:sqs:us-east-1:000000000000:q", "millrace does not implement"),
    ):  # fmt: skip
        assert text in put(DestinationConfig={side: {"Destination": arn}})


def test_destinations_are_told_of_success_and_failure(
    client, functions, make_function, fresh, tmp_path
):
    out, bucket = tmp_path / "out", fresh("lake")
    client("s3").create_bucket(Bucket=bucket)
    sink = make_function(WRITES % str(out))
    good = make_function("def handler(e, c):\n    return {'n': e['n'] + 1}\n")
    bad = make_function(FAILS)
    for name, failure in ((good, ARN + sink), (bad, f"arn:aws:s3:::{bucket}")):
        functions.put_function_event_invoke_config(
            FunctionName=name, MaximumRetryAttempts=1,
            DestinationConfig={
                "OnSuccess": {"Destination": ARN + sink}, "OnFailure": {"Destination": failure},
            },
        )  # fmt: skip
    request = send(functions, good, {"n": 1})
    wait_until(lambda: told(out))
    message = told(out)[0]
    message.pop("timestamp")
    assert message == {
        "version": "1.0",
        "requestContext": {
            "requestId": request, "functionArn": f"{ARN}{good}:$LATEST", "condition": "Success",
            "approximateInvokeCount": 1,
        },
        "requestPayload": {"n": 1},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
        "responsePayload": {"n": 2},
    }  # fmt: skip
    request = send(functions, bad, [1])

    def keys():
        listed = client("s3").list_objects_v2(Bucket=bucket)
        return [it["Key"] for it in listed.get("Contents", [])]

    wait_until(keys)
    assert keys()[0].startswith(f"aws/lambda/async/{bad}/") and len(keys()) == 1
    body = json.load(client("s3").get_object(Bucket=bucket, Key=keys()[0])["Body"])
    assert body["requestContext"]["condition"] == "RetriesExhausted"
    assert body["requestContext"]["approximateInvokeCount"] == 2
    assert body["requestContext"]["requestId"] == request
    assert body["responseContext"]["functionError"] == "Unhandled"
    assert body["responsePayload"]["errorType"] == "ValueError"


def test_an_event_whose_end_cannot_be_stored_runs_again(make_server, creator, tmp_path):
    """Its destination is a bucket, and the disk has no room for the object, once."""
    server = make_server("--fault-at", "s3.body.write:1:enospc")
    functions, s3, out = server.client("lambda"), server.client("s3"), tmp_path / "out"
    s3.create_bucket(Bucket="failures")
    creator(functions, "f", (WRITES % str(out)) + "    raise ValueError('no')\n")
    functions.put_function_event_invoke_config(
        FunctionName="f", MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": "arn:aws:s3:::failures"}},
    )  # fmt: skip
    request = send(functions, "f", {"text": "x" * 20000})  # so much that it is a file
    wait_until(lambda: s3.list_objects_v2(Bucket="failures").get("Contents"))
    listed = s3.list_objects_v2(Bucket="failures")["Contents"]
    assert len(listed) == 1
    body = json.load(s3.get_object(Bucket="failures", Key=listed[0]["Key"])["Body"])
    assert body["requestContext"]["requestId"] == request
    assert body["requestContext"]["condition"] == "RetriesExhausted"
    assert len(told(out)) == 2


def test_an_event_keeps_its_qualifier(functions, make_function, zipped, tmp_path):
    out = tmp_path / "out"
    name = make_function(WRITES % str(out), Publish=True)
    functions.update_function_code(FunctionName=name, ZipFile=zipped({"index.py": FAILS}))
    functions.invoke(FunctionName=name, Qualifier="1", InvocationType="Event", Payload=b'"x"')
    wait_until(lambda: told(out) == ["x"])


def test_the_account_tells_its_limits(own_server, creator):
    api = own_server.client("lambda")
    creator(api, "f", FAILS)
    api.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=40)
    account = api.get_account_settings()
    assert account["AccountLimit"] == {
        "TotalCodeSize": 80530636800, "CodeSizeUnzipped": 262144000, "CodeSizeZipped": 52428800,
        "ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 960,
    }  # fmt: skip
    size = api.get_function_configuration(FunctionName="f")["CodeSize"]
    assert account["AccountUsage"] == {"TotalCodeSize": size, "FunctionCount": 1}
    creator(api, "g", FAILS)
    code, message = refused(
        api.put_function_concurrency, FunctionName="g", ReservedConcurrentExecutions=861
    )
    assert code == "InvalidParameterValueException"
    assert message == (
        "Specified ReservedConcurrentExecutions for function decreases account's "
        "UnreservedConcurrentExecution below its minimum value of [100]."
    )
