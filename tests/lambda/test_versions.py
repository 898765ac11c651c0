"""Versions, aliases and layers."""

import json

import pytest
from botocore.exceptions import ClientError
from support import wait_until

ARN = "arn:aws:lambda:us-east-1:000000000000:function:"
VERSIONED = "def handler(e, c):\n    return [%d, c.function_version, c.invoked_function_arn]\n"


def refused(call, *args, **members):
    with pytest.raises(ClientError) as caught:
        call(*args, **members)
    error = caught.value.response
    return (
        error["Error"]["Code"],
        error["Error"]["Message"],
        error["ResponseMetadata"]["HTTPStatusCode"],
    )


def answer(api, name, **members):
    reply = api.invoke(FunctionName=name, **members)
    return json.load(reply["Payload"]), reply["ExecutedVersion"]


@pytest.fixture
def versioned(functions, make_function, zipped):
    """A function with versions 1 and 2, $LATEST being a third."""
    name = make_function(VERSIONED % 1)
    functions.publish_version(FunctionName=name, Description="first")
    for number in (2, 3):
        code = zipped({"index.py": VERSIONED % number})
        functions.update_function_code(FunctionName=name, ZipFile=code, Publish=number == 2)
        functions.get_waiter("function_updated_v2").wait(FunctionName=name)
    return name


def test_a_version_keeps_its_code_and_tells_its_number(functions, versioned):
    arn = ARN + versioned
    assert answer(functions, versioned) == ([3, "$LATEST", arn], "$LATEST")
    assert answer(functions, versioned, Qualifier="1") == ([1, "1", f"{arn}:1"], "1")
    assert answer(functions, f"{arn}:2") == ([2, "2", f"{arn}:2"], "2")
    shown = functions.get_function_configuration(FunctionName=versioned, Qualifier="1")
    assert shown["Version"] == "1" and shown["FunctionArn"] == f"{arn}:1"
    assert shown["Description"] == "first" and shown["State"] == "Active"
    functions.get_waiter("published_version_active").wait(FunctionName=versioned, Qualifier="1")


def test_versions_are_listed_and_deleted(functions, versioned):
    arn = ARN + versioned
    listed = functions.list_versions_by_function(FunctionName=versioned)["Versions"]
    assert [it["Version"] for it in listed] == ["$LATEST", "1", "2"]
    assert [it["FunctionArn"] for it in listed] == [f"{arn}:$LATEST", f"{arn}:1", f"{arn}:2"]
    page = functions.list_versions_by_function(FunctionName=versioned, MaxItems=2)
    rest = functions.list_versions_by_function(FunctionName=versioned, Marker=page["NextMarker"])
    assert [it["Version"] for it in rest["Versions"]] == ["2"]
    every = functions.get_paginator("list_functions").paginate(FunctionVersion="ALL")
    mine = [
        it["Version"]
        for page in every
        for it in page["Functions"]
        if it["FunctionName"] == versioned
    ]
    assert mine == ["$LATEST", "1", "2"]
    functions.delete_function(FunctionName=versioned, Qualifier="1")
    wanted = ("ResourceNotFoundException", f"Function not found: {arn}:1", 404)
    assert refused(functions.invoke, FunctionName=versioned, Qualifier="1") == wanted
    assert refused(functions.delete_function, FunctionName=versioned, Qualifier="$LATEST")[1] == (
        "$LATEST version cannot be deleted without deleting the function."
    )
    made = functions.publish_version(FunctionName=versioned)
    assert made["Version"] == "3"


def test_publishing_needs_a_change(functions, make_function):
    name = make_function(VERSIONED % 1)
    first = functions.publish_version(FunctionName=name)
    again = functions.publish_version(FunctionName=name, Description="other")
    assert first["Version"] == again["Version"] == "1"
    assert again["Description"] == ""
    sha = first["CodeSha256"]
    code, message, _ = refused(functions.publish_version, FunctionName=name, CodeSha256="x")
    assert code == "InvalidParameterValueException"
    assert message == (
        f"CodeSHA256 (x) is different from current CodeSHA256 in $LATEST ({sha}). "
        "Please try again with the CodeSHA256 in $LATEST."
    )
    error = refused(functions.publish_version, FunctionName=name, RevisionId="x")
    assert error[::2] == ("PreconditionFailedException", 412)
    functions.update_function_configuration(FunctionName=name, Timeout=9)
    assert functions.publish_version(FunctionName=name, CodeSha256=sha)["Version"] == "2"


def test_a_function_can_begin_with_a_version(functions, fresh, creator):
    name = creator(functions, fresh("f"), VERSIONED % 7, Publish=True)
    assert answer(functions, name, Qualifier="1")[0][:2] == [7, "1"]
    assert refused(
        functions.get_function, FunctionName=f"{name}:1", Qualifier="2"
    )[1] == (
        "The derived qualifier from the function name does not match the specified qualifier."
    )  # fmt: skip


def test_an_alias_points_at_a_version_and_moves(functions, versioned):
    arn = ARN + versioned
    made = functions.create_alias(FunctionName=versioned, Name="live", FunctionVersion="1")
    revision = made.pop("RevisionId")
    made.pop("ResponseMetadata")
    assert made == {
        "AliasArn": f"{arn}:live", "Name": "live", "FunctionVersion": "1", "Description": "",
    }  # fmt: skip
    assert answer(functions, versioned, Qualifier="live") == ([1, "1", f"{arn}:live"], "1")
    got = functions.get_function(FunctionName=f"{versioned}:live")["Configuration"]
    assert (got["FunctionArn"], got["Version"]) == (f"{arn}:live", "1")
    moved = functions.update_alias(
        FunctionName=versioned, Name="live", FunctionVersion="2", RevisionId=revision,
        Description="d",
    )  # fmt: skip
    assert (moved["FunctionVersion"], moved["Description"]) == ("2", "d")
    assert answer(functions, f"{arn}:live")[1] == "2"
    stale = refused(functions.update_alias, FunctionName=versioned, Name="live", RevisionId="x")
    assert stale[::2] == ("PreconditionFailedException", 412)
    error = refused(functions.delete_function, FunctionName=versioned, Qualifier="2")
    assert error[::2] == ("ResourceConflictException", 409) and "[live]" in error[1]
    functions.delete_alias(FunctionName=versioned, Name="live")
    assert refused(functions.get_alias, FunctionName=versioned, Name="live") == (
        "ResourceNotFoundException", f"Cannot find alias arn: {arn}:live", 404,
    )  # fmt: skip
    assert refused(functions.update_alias, FunctionName=versioned, Name="live")[1] == (
        f"Alias not found: {arn}:live"
    )


def test_an_alias_can_share_its_calls(functions, versioned):
    functions.create_alias(
        FunctionName=versioned, Name="both", FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}},
    )  # fmt: skip
    seen = {answer(functions, versioned, Qualifier="both")[1] for _ in range(40)}
    assert seen == {"1", "2"}
    shown = functions.get_alias(FunctionName=versioned, Name="both")
    assert shown["RoutingConfig"] == {"AdditionalVersionWeights": {"2": 0.5}}
    listed = functions.list_aliases(FunctionName=versioned, FunctionVersion="1")["Aliases"]
    assert [it["Name"] for it in listed] == ["both"]
    assert functions.list_aliases(FunctionName=versioned, FunctionVersion="2")["Aliases"] == []
    functions.update_alias(
        FunctionName=versioned, Name="both", RoutingConfig={"AdditionalVersionWeights": {}}
    )
    assert "RoutingConfig" not in functions.get_alias(FunctionName=versioned, Name="both")


@pytest.mark.parametrize(
    "version, weights, text",
    [
        ("9", {}, "Function not found: {arn}:9"),
        ("1", {"9": 0.1}, "Function not found: {arn}:9"),
        ("1", {"1": 0.1}, "Invalid function version 1. Function version 1 is already included"),
        ("$LATEST", {"1": 0.1}, "$LATEST is not supported for an alias pointing to more than 1"),
        ("1", {"2": 0.1, "3": 0.1}, "AdditionalVersionWeights cannot be greater than 1"),
    ],
)
def test_aliases_that_cannot_be(functions, versioned, version, weights, text):
    routing = {"RoutingConfig": {"AdditionalVersionWeights": weights}} if weights else {}
    _, message, _ = refused(
        functions.create_alias, FunctionName=versioned, Name="a", FunctionVersion=version, **routing
    )
    assert text.format(arn=ARN + versioned) in message
    functions.create_alias(FunctionName=versioned, Name="b", FunctionVersion="1")
    again = refused(
        functions.create_alias, FunctionName=versioned, Name="b", FunctionVersion="1"
    )
    wanted = f"Alias already exists: {ARN}{versioned}:b"
    assert again == ("ResourceConflictException", wanted, 409)


def test_permissions_belong_to_a_qualifier(functions, versioned):
    functions.create_alias(FunctionName=versioned, Name="live", FunctionVersion="1")
    statement = dict(
        FunctionName=versioned, StatementId="s", Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
    )  # fmt: skip
    added = json.loads(functions.add_permission(Qualifier="live", **statement)["Statement"])
    assert added["Resource"] == f"{ARN}{versioned}:live"
    assert refused(functions.get_policy, FunctionName=versioned)[2] == 404
    policy = json.loads(functions.get_policy(FunctionName=versioned, Qualifier="live")["Policy"])
    assert policy["Statement"] == [added]
    assert refused(functions.add_permission, Qualifier="$LATEST", **statement)[1] == (
        "We currently do not support adding policies for $LATEST."
    )
    functions.remove_permission(FunctionName=versioned, StatementId="s", Qualifier="live")
    assert refused(functions.get_policy, FunctionName=versioned, Qualifier="live")[2] == 404


def test_versions_and_aliases_survive_a_kill(own_server, creator, zipped):
    api = own_server.client("lambda")
    creator(api, "f", VERSIONED % 1, Publish=True)
    api.update_function_code(FunctionName="f", ZipFile=zipped({"index.py": VERSIONED % 2}))
    api.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    before = api.list_versions_by_function(FunctionName="f")["Versions"]
    own_server.kill9()
    own_server.start()
    assert api.list_versions_by_function(FunctionName="f")["Versions"] == before
    assert answer(api, "f:live")[0][:2] == [1, "1"]
    assert answer(api, "f")[0][0] == 2
    api.delete_function(FunctionName="f")
    own_server.stop()
    own_server.start()
    assert api.list_functions()["Functions"] == []
    assert not list((own_server.data / "functions").glob("*.zip"))


# ---- layers ----


def layer_arn(name, number):
    return f"arn:aws:lambda:us-east-1:000000000000:layer:{name}:{number}"


@pytest.fixture
def make_layer(functions, zipped):
    def make(name, text):
        return functions.publish_layer_version(
            LayerName=name,
            Content={"ZipFile": zipped({"python/shared.py": text, "bin/tool": "x"})},
            CompatibleRuntimes=["python3.11"], Description="d", LicenseInfo="MIT",
        )  # fmt: skip

    return make


USES_LAYER = "import shared\n\n\ndef handler(e, c):\n    return shared.VALUE\n"


def test_a_layer_is_published_shown_and_used(functions, fresh, make_layer, make_function):
    name = fresh("layer")
    made = make_layer(name, "VALUE = 1\n")
    assert made["Version"] == 1 and made["LayerVersionArn"] == layer_arn(name, 1)
    assert set(made["Content"]) == {"Location", "CodeSha256", "CodeSize"}
    assert make_layer(name, "VALUE = 2\n")["Version"] == 2
    got = functions.get_layer_version(LayerName=name, VersionNumber=1)
    by_arn = functions.get_layer_version_by_arn(Arn=layer_arn(name, 1))
    for shown in (got, by_arn):
        shown.pop("ResponseMetadata")
    made.pop("ResponseMetadata")
    assert got == by_arn == made
    listed = functions.list_layer_versions(LayerName=name)["LayerVersions"]
    assert [it["Version"] for it in listed] == [2, 1]
    assert [it["LayerVersionArn"] for it in listed] == [layer_arn(name, 2), layer_arn(name, 1)]
    layers = functions.get_paginator("list_layers").paginate(CompatibleRuntime="python3.11")
    mine = [it for page in layers for it in page["Layers"] if it["LayerName"] == name]
    assert [it["LatestMatchingVersion"]["Version"] for it in mine] == [2]
    function = make_function(USES_LAYER, Layers=[layer_arn(name, 1)])
    shown = functions.get_function_configuration(FunctionName=function)
    assert [it["Arn"] for it in shown["Layers"]] == [layer_arn(name, 1)]
    assert shown["Layers"][0]["CodeSize"] == made["Content"]["CodeSize"]
    assert functions.invoke(FunctionName=function)["Payload"].read() == b"1"
    functions.update_function_configuration(FunctionName=function, Layers=[layer_arn(name, 2)])
    assert functions.invoke(FunctionName=function)["Payload"].read() == b"2"


def test_layers_that_cannot_be_had(functions, fresh, make_layer, creator):
    name = fresh("layer")
    for _ in range(2):
        make_layer(name, "VALUE = 1\n")
    both = [layer_arn(name, 1), layer_arn(name, 2)]
    message = refused(creator, functions, fresh("f"), "", Layers=both)[1]
    assert message.startswith("Two different versions of the same layer are not allowed")
    six = [layer_arn(name, 1)] + [layer_arn(fresh("l"), 1) for _ in range(5)]
    assert refused(creator, functions, fresh("f"), "", Layers=six)[1] == (
        "Cannot reference more than 5 layers."
    )
    gone = ("ResourceNotFoundException", "The resource you requested does not exist.", 404)
    assert refused(functions.get_layer_version, LayerName=name, VersionNumber=9) == gone
    assert refused(functions.get_layer_version, LayerName=name, VersionNumber=0)[1] == (
        "Layer Version Cannot be less than 1"
    )
    assert functions.list_layer_versions(LayerName=fresh("l"))["LayerVersions"] == []


def test_a_layer_outlives_its_version_where_it_is_used(own_server, creator, zipped):
    api = own_server.client("lambda")
    code = zipped({"python/shared.py": "VALUE = 5\n"})
    api.publish_layer_version(LayerName="l", Content={"ZipFile": code})
    creator(api, "f", USES_LAYER, Layers=[layer_arn("l", 1)])
    api.delete_layer_version(LayerName="l", VersionNumber=1)
    assert api.list_layers()["Layers"] == []
    own_server.kill9()
    own_server.start()
    assert api.invoke(FunctionName="f")["Payload"].read() == b"5"
    again = api.publish_layer_version(LayerName="l", Content={"ZipFile": code})
    assert again["Version"] == 2
    api.update_function_configuration(FunctionName="f", Layers=[])
    assert json.load(api.invoke(FunctionName="f")["Payload"])["errorType"] == (
        "Runtime.ImportModuleError"
    )
    assert "Layers" not in api.get_function_configuration(FunctionName="f")


def test_permissions_of_a_layer_are_kept(functions, fresh, make_layer):
    name = fresh("layer")
    make_layer(name, "")
    which = dict(LayerName=name, VersionNumber=1)
    assert refused(functions.get_layer_version_policy, **which) == (
        "ResourceNotFoundException", "No policy is associated with the given resource.", 404,
    )  # fmt: skip
    statement = dict(StatementId="s", Action="lambda:GetLayerVersion", Principal="*", **which)
    added = functions.add_layer_version_permission(**statement)
    assert json.loads(added["Statement"])["Resource"] == layer_arn(name, 1)
    again = refused(functions.add_layer_version_permission, **statement)
    assert again[::2] == ("ResourceConflictException", 409)
    shown = functions.get_layer_version_policy(**which)
    assert json.loads(shown["Policy"])["Statement"] == [json.loads(added["Statement"])]
    assert shown["RevisionId"] == added["RevisionId"]
    functions.remove_layer_version_permission(StatementId="s", **which)
    assert refused(functions.get_layer_version_policy, **which)[2] == 404


# ---- provisioned concurrency ----


WARM = """
import os, time
HOW = os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]
def handler(event, context):
    time.sleep(event or 0)
    return [HOW, os.getpid()]
"""


def provisioned(api, name, qualifier):
    return api.get_provisioned_concurrency_config(FunctionName=name, Qualifier=qualifier)


def test_provisioned_processes_wait_for_calls(functions, make_function):
    name = make_function(WARM)
    functions.publish_version(FunctionName=name)
    put = functions.put_provisioned_concurrency_config(
        FunctionName=name, Qualifier="1", ProvisionedConcurrentExecutions=2)
    assert put["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert (put["RequestedProvisionedConcurrentExecutions"], put["Status"]) == (2, "IN_PROGRESS")
    wait_until(lambda: provisioned(functions, name, "1")["Status"] == "READY")
    ready = provisioned(functions, name, "1")
    assert ready["AvailableProvisionedConcurrentExecutions"] == 2
    assert ready["AllocatedProvisionedConcurrentExecutions"] == 2
    assert answer(functions, name, Qualifier="1", Payload="0")[0][0] == "provisioned-concurrency"
    assert answer(functions, name, Payload="0")[0][0] == "on-demand"
    [row] = functions.list_provisioned_concurrency_configs(
        FunctionName=name)["ProvisionedConcurrencyConfigs"]
    assert row["FunctionArn"] == f"{ARN}{name}:1" and row["Status"] == "READY"
    functions.delete_provisioned_concurrency_config(FunctionName=name, Qualifier="1")
    gone = refused(provisioned, functions, name, "1")
    assert gone == ("ProvisionedConcurrencyConfigNotFoundException",
                    "No Provisioned Concurrency Config found for this function", 404)


def test_what_cannot_be_provisioned_is_refused(functions, make_function):
    name = make_function(WARM)
    functions.publish_version(FunctionName=name)
    functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")

    def put(qualifier, count=1):
        return functions.put_provisioned_concurrency_config(
            FunctionName=name, Qualifier=qualifier, ProvisionedConcurrentExecutions=count)

    assert refused(put, "$LATEST")[:2] == (
        "InvalidParameterValueException",
        "Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
    assert refused(put, "7")[0] == "ResourceNotFoundException"
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=2)
    assert "should not be greater" in refused(put, "1", 3)[1]
    put("live")
    assert refused(put, "1")[:2] == (
        "ResourceConflictException", "Version is pointed by a Provisioned Concurrency alias")


def test_a_provisioned_process_that_cannot_begin_fails(functions, make_function):
    name = make_function("raise ValueError('no')\n")
    functions.publish_version(FunctionName=name)
    functions.put_provisioned_concurrency_config(
        FunctionName=name, Qualifier="1", ProvisionedConcurrentExecutions=1)
    wait_until(lambda: provisioned(functions, name, "1")["Status"] == "FAILED")
    assert provisioned(functions, name, "1")["StatusReason"] == "FUNCTION_ERROR_INIT_FAILURE"


def test_provisioned_processes_come_back_with_the_server(own_server, creator):
    api = own_server.client("lambda")
    name = creator(api, "kept", WARM)
    api.publish_version(FunctionName=name)
    api.put_provisioned_concurrency_config(
        FunctionName=name, Qualifier="1", ProvisionedConcurrentExecutions=1)
    own_server.restart()
    api = own_server.client("lambda")
    wait_until(lambda: provisioned(api, name, "1")["Status"] == "READY")
