"""Settings that are alike for all: code signing, runtimes, URLs, provisioned concurrency."""

import json
import os

import pytest
from botocore.exceptions import ClientError

HANDLER = "def handler(event, context):\n    return event\n"


def refused(call, **members):
    with pytest.raises(ClientError) as caught:
        call(**members)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_function_has_no_code_signing_url_or_provisioned_concurrency(functions, make_function):
    name = make_function(HANDLER)
    found = functions.get_function_code_signing_config(FunctionName=name)
    assert not found.get("CodeSigningConfigArn")
    assert functions.list_function_url_configs(FunctionName=name)["FunctionUrlConfigs"] == []
    listed = functions.list_provisioned_concurrency_configs(FunctionName=name)
    assert listed["ProvisionedConcurrencyConfigs"] == []
    code, text = refused(functions.get_function_code_signing_config, FunctionName="nobody")
    assert code == "ResourceNotFoundException" and "function:nobody" in text


def test_the_runtime_is_the_machine_s(server, make_function):
    name = make_function(HANDLER)
    path = f"/2021-07-20/functions/{name}/runtime-management-config"  # newer than Debian's boto3
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"

    def ask(method, body=None):
        code, _, answer = server.request(method, path, body and json.dumps(body))
        return code, json.loads(answer)

    assert ask("GET") == (200, {"UpdateRuntimeOn": "Auto", "FunctionArn": arn})
    assert ask("PUT", {"UpdateRuntimeOn": "Auto"})[0] == 200
    code, answer = ask("PUT", {"UpdateRuntimeOn": "FunctionUpdate"})
    assert code == 400 and "Auto only" in answer["message"]


def test_a_storage_that_the_machine_has_not_is_refused(functions, make_function):
    tmp = os.statvfs("/tmp")
    there = tmp.f_blocks * tmp.f_frsize >> 20
    name = make_function(HANDLER, EphemeralStorage={"Size": min(there, 10240)})
    if there < 10240:
        code, text = refused(functions.update_function_configuration, FunctionName=name,
                             EphemeralStorage={"Size": 10240})  # fmt: skip
        assert code == "InvalidParameterValueException" and f"({there} MB)" in text
    shown = functions.get_function_configuration(FunctionName=name)["EphemeralStorage"]
    assert shown == {"Size": min(there, 10240)}


@pytest.mark.parametrize("principal", ["nobody", "12345", "s3amazonaws", "arn:aws:iam:x"])
def test_a_permission_s_principal_is_an_account_a_service_or_an_arn(
    functions, make_function, principal
):
    name = make_function(HANDLER)
    code, text = refused(
        functions.add_permission, FunctionName=name, StatementId="s",
        Action="lambda:InvokeFunction", Principal=principal,
    )  # fmt: skip
    assert code == "InvalidParameterValueException"
    assert text == (
        "The provided principal was invalid. Please check the principal and try again."
    )


ARN = "arn:aws:lambda:us-east-1:000000000000:function:"


def test_tags_are_at_most_fifty_and_of_functions(functions, make_function, fresh, zipped):
    name = make_function(HANDLER)
    many = {str(i): "v" for i in range(51)}
    too_many = ("InvalidParameterValueException", "Number of tags exceeds resource tag limit.")
    new = dict(FunctionName=fresh("t"), Runtime="python3.11", Handler="index.handler",
               Role="arn:aws:iam::000000000000:role/r",
               Code={"ZipFile": zipped({"index.py": HANDLER})})
    assert refused(functions.create_function, Tags=many, **new) == too_many
    assert refused(functions.create_function, Tags={"aws:x": "v"}, **new)[0] == too_many[0]
    assert refused(functions.tag_resource, Resource=ARN + name, Tags=many) == too_many
    functions.tag_resource(Resource=ARN + name, Tags={str(i): "v" for i in range(50)})
    assert refused(functions.tag_resource, Resource=ARN + name, Tags={"x": "v"}) == too_many
    functions.tag_resource(Resource=ARN + name, Tags={"1": "w"})
    assert refused(functions.tag_resource, Resource=ARN + name, Tags={}) == (
        "InvalidParameterValueException", "An error occurred and the request cannot be processed.")
    functions.publish_version(FunctionName=name)
    code, text = refused(functions.tag_resource, Resource=f"{ARN}{name}:1", Tags={"a": "b"})
    assert code == "InvalidParameterValueException" and "versions are not supported" in text


def test_an_arn_of_another_region_or_account_is_no_function_here(functions, make_function):
    name = make_function(HANDLER)
    other = (ARN + name).replace("us-east-1", "eu-west-1")
    assert refused(functions.get_function, FunctionName=other) == (
        "ResourceNotFoundException",
        "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')")
    other = (ARN + name).replace("000000000000", 12 * "1")
    assert refused(functions.invoke, FunctionName=other) == (
        "ResourceNotFoundException", f"Function not found: {other}")


def test_a_runtime_that_aws_does_not_know_is_an_invalid_value(functions, make_function):
    name = make_function(HANDLER)
    code, text = refused(
        functions.update_function_configuration, FunctionName=name, Runtime="python9")
    assert code == "InvalidParameterValueException"
    assert text.startswith("Value python9 at 'runtime' failed to satisfy constraint: Member must ")
    assert "or be a valid ARN" in text


def test_levels_belong_to_json_logs(server, make_function):
    name = make_function(HANDLER)
    path = f"/2015-03-31/functions/{name}/configuration"  # newer than Debian's boto3
    body = {"LoggingConfig": {"LogFormat": "Text", "SystemLogLevel": "WARN"}}
    status, headers, _ = server.request("PUT", path, json.dumps(body))
    assert (status, headers["x-amzn-errortype"]) == (400, "InvalidParameterValueException")
