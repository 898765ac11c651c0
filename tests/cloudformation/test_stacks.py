"""Stacks through boto3: life, updates, failures, deletion."""

import json

import pytest
from botocore.exceptions import ClientError, WaiterError

from .conftest import bucket, log_group

REFUSED = bucket(BucketName="no..bucket")

TABLE = {
    "Type": "AWS::DynamoDB::Table",
    "Properties": {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    },
}


def test_a_stack_is_made_described_and_deleted(stacks, client, fresh):
    name = fresh("life")
    template = {
        "Description": "one table",
        "Parameters": {
            "Secret": {"Type": "String", "NoEcho": True, "Default": "s3cret"},
            "Days": {"Type": "Number", "Default": 7},
        },
        "Resources": {
            "Table": TABLE,
            "Log": log_group(RetentionInDays={"Ref": "Days"}),
        },
        "Outputs": {
            "Name": {"Value": {"Ref": "Table"}, "Description": "the table"},
            "Arn": {"Value": {"Fn::GetAtt": ["Table", "Arn"]}},
        },
    }
    stack_id = stacks.create(name, template, Tags=[{"Key": "team", "Value": "a"}])
    stack = stacks.describe(stack_id)
    assert stack["StackName"] == name and stack["Description"] == "one table"
    assert stack["Tags"] == [{"Key": "team", "Value": "a"}]
    assert {"ParameterKey": "Secret", "ParameterValue": "****"} in stack["Parameters"]
    assert stack["DriftInformation"] == {"StackDriftStatus": "NOT_CHECKED"}
    assert stack["EnableTerminationProtection"] is False and stack["DisableRollback"] is False
    table = stacks.outputs(name)["Name"]
    assert table.startswith(f"{name}-Table-")
    described = client("dynamodb").describe_table(TableName=table)["Table"]
    assert described["TableArn"] == stacks.outputs(name)["Arn"]
    group = stacks.physical(name, "Log")
    found = client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert found[0]["retentionInDays"] == 7

    one = stacks.client.describe_stack_resource(StackName=name, LogicalResourceId="Table")
    assert one["StackResourceDetail"]["PhysicalResourceId"] == table
    by_physical = stacks.client.describe_stack_resources(PhysicalResourceId=table)
    assert {r["LogicalResourceId"] for r in by_physical["StackResources"]} == {"Table", "Log"}

    assert stacks.delete(name)["StackStatus"] == "DELETE_COMPLETE"
    assert "DeletionTime" in stacks.describe(stack_id)
    with pytest.raises(ClientError, match=f"Stack with id {name} does not exist"):
        stacks.describe(name)
    listed = stacks.client.list_stacks(StackStatusFilter=["DELETE_COMPLETE"])["StackSummaries"]
    assert stack_id in {s["StackId"] for s in listed}
    stacks.client.delete_stack(StackName=name)  # what is gone counts as deleted
    assert table not in client("dynamodb").list_tables()["TableNames"]


def test_an_existing_name_is_refused(stacks, fresh, error_of):
    name = fresh("twice")
    stacks.create(name, {"Resources": {"Log": log_group()}})
    code, text = error_of(lambda: stacks.create(name, {"Resources": {"Log": log_group()}}))
    assert (code, text) == ("AlreadyExistsException", f"Stack [{name}] already exists")


def test_order_follows_dependencies_and_deletion_is_the_reverse(stacks, fresh):
    name = fresh("order")
    template = {
        "Resources": {
            "C": {**log_group(), "DependsOn": "B"},
            "B": {**log_group(), "DependsOn": ["A"]},
            "A": log_group(),
        }
    }
    stack_id = stacks.create(name, template)
    stacks.delete(name)
    events = stacks.events(stack_id)
    made = [e[0] for e in events if e[1] == "CREATE_COMPLETE"]
    gone = [e[0] for e in events if e[1] == "DELETE_COMPLETE"]
    assert made == ["A", "B", "C", name]
    assert gone == ["C", "B", "A", name]


def test_a_failed_creation_is_rolled_back_with_the_services_words(stacks, client, fresh):
    name, taken = fresh("rollback"), fresh("taken")
    client("dynamodb").create_table(TableName=taken, **TABLE["Properties"])
    table = {**TABLE, "Properties": {**TABLE["Properties"], "TableName": taken}}
    table["DependsOn"] = "Bucket"
    template = {"Resources": {"Bucket": bucket(), "Table": table}}
    stacks.create(name, template, wait="ROLLBACK_COMPLETE")
    ((logical, _, reason),) = stacks.failures(name)
    assert logical == "Table"
    assert f"Table already exists: {taken}" in reason
    assert "Service: DynamoDb, Status Code: 400" in reason and "AlreadyExists)" in reason
    resources = stacks.resources(name)
    assert resources["Bucket"][1] == "DELETE_COMPLETE"
    with pytest.raises(ClientError):
        client("s3").head_bucket(Bucket=resources["Bucket"][0])
    # What others made stays.
    assert taken in client("dynamodb").list_tables()["TableNames"]
    with pytest.raises(ClientError, match="is in ROLLBACK_COMPLETE state and can not be updated."):
        stacks.update(name, template)
    client("dynamodb").delete_table(TableName=taken)


def test_waiters_know_a_rolled_back_stack(stacks, fresh):
    name = fresh("waiter")
    stacks.create(name, {"Resources": {"X": REFUSED}}, wait=None)
    with pytest.raises(WaiterError):
        stacks.client.get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 10}
        )


@pytest.mark.parametrize(
    "how, status",
    [
        ({"OnFailure": "DO_NOTHING"}, "CREATE_FAILED"),
        ({"DisableRollback": True}, "CREATE_FAILED"),
        ({"OnFailure": "DELETE"}, "DELETE_COMPLETE"),
    ],
)
def test_what_happens_on_failure_can_be_chosen(stacks, fresh, how, status):
    name = fresh("onfailure")
    template = {
        "Resources": {"Log": log_group(), "X": {**REFUSED, "DependsOn": "Log"}}
    }
    stack_id = stacks.create(name, template, wait=None, **how)
    stacks.wait(stack_id, status)
    left = stacks.resources(stack_id)["Log"][1]
    assert left == ("DELETE_COMPLETE" if status == "DELETE_COMPLETE" else "CREATE_COMPLETE")


def test_properties_fail_a_resource_rather_than_being_dropped(stacks, fresh):
    name = fresh("properties")
    template = {"Resources": {"B": bucket(AnalyticsConfigurations=[])}}
    stacks.create(name, template, wait="ROLLBACK_COMPLETE")
    assert "Encountered unsupported property AnalyticsConfigurations" in stacks.failures(name)[0][2]
    name = fresh("properties")
    template = {"Resources": {"Q": {"Type": "AWS::Athena::NamedQuery", "Properties": {}}}}
    stacks.create(name, template, wait="ROLLBACK_COMPLETE")
    assert stacks.failures(name)[0][2] == (
        "Property validation failure: [The property {/Database} is required, "
        "The property {/QueryString} is required]"
    )


# ---- updates ----


def test_an_update_changes_in_place_adds_and_removes(stacks, client, fresh):
    name = fresh("update")
    template = {"Resources": {"Keep": log_group(RetentionInDays=7), "Old": log_group()}}
    stacks.create(name, template)
    before = stacks.resources(name)
    template = {"Resources": {"Keep": log_group(RetentionInDays="14"), "New": log_group()}}
    stacks.update(name, template)
    after = stacks.resources(name)
    assert set(after) == {"Keep", "New"} and after["Keep"][0] == before["Keep"][0]
    groups = client("logs").describe_log_groups(logGroupNamePrefix=f"{name}-")["logGroups"]
    days = {g["logGroupName"]: g.get("retentionInDays") for g in groups}
    assert days == {after["Keep"][0]: 14, after["New"][0]: None}
    ours = [e for e in stacks.events(name) if e[0] in ("Old", "New", name)][-7:]
    assert [e[:2] for e in ours] == [
        ("New", "CREATE_IN_PROGRESS"),
        ("New", "CREATE_IN_PROGRESS"),
        ("New", "CREATE_COMPLETE"),
        (name, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
        ("Old", "DELETE_IN_PROGRESS"),
        ("Old", "DELETE_COMPLETE"),
        (name, "UPDATE_COMPLETE"),
    ]
    assert "LastUpdatedTime" in stacks.describe(name)


def test_an_update_without_changes_is_refused(stacks, fresh, error_of):
    name = fresh("same")
    template = {"Resources": {"Log": log_group(RetentionInDays=7)}}
    stacks.create(name, template)
    same = {"Resources": {"Log": log_group(RetentionInDays="7")}}
    assert error_of(lambda: stacks.update(name, same)) == (
        "ValidationError",
        "No updates are to be performed.",
    )
    template["Outputs"] = {"Name": {"Value": {"Ref": "Log"}}}
    stacks.update(name, template)
    assert stacks.outputs(name) == {"Name": stacks.physical(name, "Log")}


def test_a_replacement_makes_the_new_one_first(stacks, client, fresh):
    name, first, second = fresh("replace"), fresh("first"), fresh("second")

    def template(group):
        return {
            "Resources": {
                "Log": log_group(LogGroupName=group),
                "Stream": {
                    "Type": "AWS::Logs::LogStream",
                    "Properties": {"LogGroupName": {"Ref": "Log"}, "LogStreamName": "s"},
                },
            }
        }

    stacks.create(name, template(first))
    stacks.update(name, template(second))
    groups = client("logs").describe_log_groups()["logGroups"]
    names = {g["logGroupName"] for g in groups}
    assert second in names and first not in names
    streams = client("logs").describe_log_streams(logGroupName=second)["logStreams"]
    assert [s["logStreamName"] for s in streams] == ["s"]
    events = stacks.events(name)
    assert ("Log", "UPDATE_IN_PROGRESS", "Requested update requires the creation of a new physical "
            "resource; hence creating one.") in events
    order = [e[:2] for e in events]
    assert order.index(("Log", "UPDATE_COMPLETE")) < order.index(("Log", "DELETE_IN_PROGRESS"))


def test_a_named_resource_cannot_be_replaced_beside_itself(stacks, client, fresh):
    name, table = fresh("named"), fresh("Table")
    properties = {**TABLE["Properties"], "TableName": table}
    stacks.create(name, {"Resources": {"T": {**TABLE, "Properties": properties}}})
    other = {
        **properties,
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    }
    changed = {"Resources": {"T": {**TABLE, "Properties": other}}}
    stacks.update(name, changed, wait="UPDATE_ROLLBACK_COMPLETE")
    assert stacks.failures(name)[0][2] == (
        "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
        f"Rename {table} and update the stack again."
    )
    keys = client("dynamodb").describe_table(TableName=table)["Table"]["KeySchema"]
    assert keys == [{"AttributeName": "id", "KeyType": "HASH"}]


def test_a_failed_update_goes_back_to_what_was(stacks, client, fresh):
    name = fresh("back")
    template = {"Resources": {"Keep": log_group(RetentionInDays=7)}}
    stacks.create(name, template)
    group = stacks.physical(name, "Keep")
    bad = {
        "Resources": {
            "Keep": log_group(RetentionInDays=30),
            "New": {**log_group(), "DependsOn": "Keep"},
            "X": {**REFUSED, "DependsOn": "New"},
        }
    }
    stacks.update(name, bad, wait="UPDATE_ROLLBACK_COMPLETE")
    groups = client("logs").describe_log_groups(logGroupNamePrefix=f"{name}-")["logGroups"]
    assert [(g["logGroupName"], g["retentionInDays"]) for g in groups] == [(group, 7)]
    assert set(stacks.resources(name)) == {"Keep"}
    statuses = [e[1] for e in stacks.events(name) if e[0] == name]
    assert statuses[-4:] == [
        "UPDATE_IN_PROGRESS",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE",
    ]
    # And on again from there.
    template["Resources"]["Keep"]["Properties"]["RetentionInDays"] = 14
    stacks.update(name, template)


def test_a_failed_update_without_rollback_stays_and_can_go_on(stacks, fresh):
    name = fresh("stay")
    stacks.create(name, {"Resources": {"A": log_group(RetentionInDays=7)}})
    bad = {
        "Resources": {
            "A": log_group(RetentionInDays=14),
            "X": {**REFUSED, "DependsOn": "A"},
        }
    }
    stacks.update(name, bad, wait="UPDATE_FAILED", DisableRollback=True)
    assert stacks.resources(name)["X"][1] == "CREATE_FAILED"
    stacks.update(name, {"Resources": {"A": log_group(RetentionInDays=14)}})
    assert set(stacks.resources(name)) == {"A"}


def test_continuing_a_rollback_needs_a_failed_one(stacks, fresh, error_of):
    name = fresh("continue")
    stacks.create(name, {"Resources": {"A": log_group()}})
    code, text = error_of(lambda: stacks.client.continue_update_rollback(StackName=name))
    assert code == "ValidationError" and "is in CREATE_COMPLETE state" in text


def test_a_change_of_type_is_refused(stacks, fresh, error_of):
    name = fresh("type")
    stacks.create(name, {"Resources": {"A": log_group()}})
    code, text = error_of(lambda: stacks.update(name, {"Resources": {"A": bucket()}}))
    assert text.startswith("Update of resource type is not permitted.") and text.endswith("[A]")


def test_a_tables_stream_comes_changes_and_goes(stacks, client, fresh):
    name = fresh("stream")

    def template(view, output=True):
        properties = dict(TABLE["Properties"])
        if view:
            properties["StreamSpecification"] = {"StreamViewType": view}
        outputs = {"Arn": {"Value": {"Fn::GetAtt": ["T", "StreamArn"]}}} if output else {}
        return {"Resources": {"T": {**TABLE, "Properties": properties}}, "Outputs": outputs}

    stacks.create(name, template("NEW_IMAGE"))
    table, first = stacks.physical(name, "T"), stacks.outputs(name)["Arn"]
    stacks.update(name, template("NEW_AND_OLD_IMAGES"))
    described = client("dynamodb").describe_table(TableName=table)["Table"]
    assert described["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    second = stacks.outputs(name)["Arn"]
    assert described["LatestStreamArn"] == second != first
    stacks.update(name, template(None), wait="UPDATE_ROLLBACK_COMPLETE")
    stacks.update(name, template(None, output=False))
    described = client("dynamodb").describe_table(TableName=table)["Table"]
    assert not described.get("StreamSpecification", {}).get("StreamEnabled", False)


# ---- deletion ----


def test_a_bucket_with_objects_stops_the_deletion(stacks, client, fresh):
    name = fresh("full")
    template = {"Resources": {"B": bucket(), "Log": {**log_group(), "DependsOn": "B"}}}
    stacks.create(name, template)
    bucket_name = stacks.physical(name, "B")
    client("s3").put_object(Bucket=bucket_name, Key="k", Body=b"x")
    stack = stacks.delete(name)
    assert stack["StackStatus"] == "DELETE_FAILED"
    assert stack["StackStatusReason"] == "The following resource(s) failed to delete: [B]. "
    ((logical, status, reason),) = [e for e in stacks.failures(name) if e[0] != name]
    assert (logical, status) == ("B", "DELETE_FAILED")
    assert "The bucket you tried to delete is not empty (Service: S3, Status Code: 409" in reason
    assert stacks.resources(name)["Log"][1] == "DELETE_COMPLETE"
    client("s3").delete_object(Bucket=bucket_name, Key="k")
    assert stacks.delete(name)["StackStatus"] == "DELETE_COMPLETE"


def test_a_resource_that_cannot_be_removed_may_be_left(stacks, client, fresh, error_of):
    name = fresh("left")
    stacks.create(name, {"Resources": {"B": bucket()}})
    code, text = error_of(
        lambda: stacks.client.delete_stack(StackName=name, RetainResources=["B"])
    )
    assert code == "ValidationError" and "DELETE_FAILED" in text
    bucket_name = stacks.physical(name, "B")
    client("s3").put_object(Bucket=bucket_name, Key="k", Body=b"x")
    assert stacks.delete(name)["StackStatus"] == "DELETE_FAILED"
    assert stacks.delete(name, RetainResources=["B"])["StackStatus"] == "DELETE_COMPLETE"
    client("s3").head_bucket(Bucket=bucket_name)


def test_retained_resources_outlive_their_stack(stacks, client, fresh):
    name = fresh("retain")
    kept = {**log_group(), "DeletionPolicy": "Retain"}
    stack_id = stacks.create(name, {"Resources": {"Kept": kept}})
    group = stacks.physical(name, "Kept")
    stacks.delete(name)
    assert ("Kept", "DELETE_SKIPPED", None) in stacks.events(stack_id)
    found = client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert len(found) == 1


def test_types_that_are_not_known_are_refused_before_anything_is_made(stacks, fresh, error_of):
    name, cf = fresh("types"), stacks.client
    nothing = {"Type": "AWS::Nothing::Here"}
    unknown = {"A": nothing, "B": {"Type": "Bucket"}, "C": nothing}
    body = json.dumps({"Resources": {"Log": log_group(), **unknown}})
    refusal = ("ValidationError", "Template format error: Unrecognized resource types: "
                                  "[AWS::Nothing::Here, Bucket]")
    assert error_of(lambda: cf.create_stack(StackName=name, TemplateBody=body)) == refusal
    assert error_of(lambda: cf.create_change_set(
        StackName=name, ChangeSetName="set", ChangeSetType="CREATE", TemplateBody=body)) == refusal
    assert error_of(lambda: cf.describe_stacks(StackName=name))[0] == "ValidationError"
    never = {"Conditions": {"Never": {"Fn::Equals": ["a", "b"]}}, "Resources": {
        "Log": log_group(), "A": {**unknown["A"], "Condition": "Never"}}}
    stacks.create(name, never)
    assert error_of(lambda: cf.update_stack(StackName=name, TemplateBody=body)) == refusal
    assert stacks.describe(name)["StackStatus"] == "CREATE_COMPLETE"


def test_protection_keeps_a_stack(stacks, fresh, error_of):
    name = fresh("protected")
    stacks.create(name, {"Resources": {"A": log_group()}}, EnableTerminationProtection=True)
    assert error_of(lambda: stacks.client.delete_stack(StackName=name)) == (
        "ValidationError",
        f"Stack [{name}] cannot be deleted while TerminationProtection is enabled",
    )
    reply = stacks.client.update_termination_protection(
        StackName=name, EnableTerminationProtection=False
    )
    assert reply["StackId"] == stacks.describe(name)["StackId"]
    assert stacks.delete(name)["StackStatus"] == "DELETE_COMPLETE"


# ---- between stacks ----


def test_exports_are_imported(stacks, fresh, error_of):
    exporter, importer, export = fresh("exporter"), fresh("importer"), fresh("export")
    template = {
        "Resources": {"A": log_group()},
        "Outputs": {"O": {"Value": {"Ref": "A"}, "Export": {"Name": export}}},
    }
    stacks.create(exporter, template)
    listed = stacks.client.list_exports()["Exports"]
    assert [e["Value"] for e in listed if e["Name"] == export] == [stacks.physical(exporter, "A")]
    copy = {"Fn::Sub": ["${E}-copy", {"E": {"Fn::ImportValue": export}}]}
    stacks.create(importer, {"Resources": {"B": log_group(LogGroupName=copy)}})
    assert stacks.physical(importer, "B") == stacks.physical(exporter, "A") + "-copy"
    missing = {"Resources": {"B": log_group(LogGroupName={"Fn::ImportValue": "nobody"})}}
    assert error_of(lambda: stacks.create(fresh("x"), missing)) == (
        "ValidationError",
        "No export named nobody found.",
    )
    again = fresh("again")
    stacks.create(again, template, wait="ROLLBACK_COMPLETE")
    reason = [e[2] for e in stacks.events(again) if e[1] == "ROLLBACK_IN_PROGRESS"][0]
    assert reason.startswith(f"Export with name {export} is already exported by stack arn:")


def test_conditions_leave_resources_out(stacks, fresh):
    name = fresh("conditions")
    template = {
        "Parameters": {"Env": {"Type": "String", "Default": "test"}},
        "Conditions": {"IsProd": {"Fn::Equals": [{"Ref": "Env"}, "prod"]}},
        "Resources": {
            "Always": log_group(
                RetentionInDays={"Fn::If": ["IsProd", 30, {"Ref": "AWS::NoValue"}]}
            ),
            "Prod": {**log_group(), "Condition": "IsProd"},
        },
        "Outputs": {"Prod": {"Value": {"Ref": "Prod"}, "Condition": "IsProd"}},
    }
    stacks.create(name, template)
    assert set(stacks.resources(name)) == {"Always"} and stacks.outputs(name) == {}
    prod = [{"ParameterKey": "Env", "ParameterValue": "prod"}]
    stacks.update(name, template, Parameters=prod)
    assert set(stacks.resources(name)) == {"Always", "Prod"} and "Prod" in stacks.outputs(name)
    stacks.update(name, template)
    assert set(stacks.resources(name)) == {"Always"}


def test_state_survives_a_restart(own_server, stacks_of, fresh):
    stacks = stacks_of(own_server)
    name = fresh("restart")
    stacks.create(name, {"Resources": {"A": log_group(RetentionInDays=7)}})
    before = (stacks.describe(name), stacks.events(name), stacks.resources(name))
    own_server.restart()
    stacks = stacks_of(own_server)
    assert (stacks.describe(name), stacks.events(name), stacks.resources(name)) == before
    stacks.update(name, {"Resources": {"A": log_group(RetentionInDays=14)}})


def test_a_rollback_that_failed_can_be_continued(stacks, client, fresh):
    name, group = fresh("stuck"), fresh("group")
    stacks.create(name, {"Resources": {"A": log_group(LogGroupName=group, RetentionInDays=7)}})
    client("logs").delete_log_group(logGroupName=group)  # behind the stack's back
    changed = {"Resources": {"A": log_group(LogGroupName=group, RetentionInDays=14)}}
    stacks.update(name, changed, wait="UPDATE_ROLLBACK_FAILED")
    client("logs").create_log_group(logGroupName=group)
    stacks.client.continue_update_rollback(StackName=name)
    stacks.wait(name, "UPDATE_ROLLBACK_COMPLETE")
    stacks.update(name, changed)
    found = client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert found[0]["retentionInDays"] == 14


def test_what_is_gone_already_does_not_stop_a_deletion(stacks, client, fresh):
    name = fresh("gone")
    stacks.create(name, {"Resources": {"A": log_group(), "T": TABLE}})
    client("logs").delete_log_group(logGroupName=stacks.physical(name, "A"))
    client("dynamodb").delete_table(TableName=stacks.physical(name, "T"))
    assert stacks.delete(name)["StackStatus"] == "DELETE_COMPLETE"


def test_a_stack_lives_in_the_region_of_its_client(server, stacks, fresh):
    name = fresh("region")
    template = {
        "Resources": {"T": TABLE, "B": bucket()},
        "Outputs": {
            "Arn": {"Value": {"Fn::GetAtt": ["T", "Arn"]}},
            "Region": {"Value": {"Ref": "AWS::Region"}},
            "Zone": {"Value": {"Fn::Select": [0, {"Fn::GetAZs": ""}]}},
        },
    }
    elsewhere = server.client("cloudformation", region_name="eu-west-1")
    stacks.client, stacks.made = elsewhere, [name]
    stacks.create(name, template)
    outputs = stacks.outputs(name)
    assert outputs["Region"] == "eu-west-1" and outputs["Zone"] == "eu-west-1a"
    assert outputs["Arn"].startswith("arn:aws:dynamodb:eu-west-1:")
    assert ":eu-west-1:" in stacks.describe(name)["StackId"]
    location = server.client("s3").get_bucket_location(Bucket=stacks.physical(name, "B"))
    assert location["LocationConstraint"] == "eu-west-1"


def test_what_failed_can_be_rolled_back_later(stacks, client, fresh, error_of):
    name, cf = fresh("later"), stacks.client
    good = {"Resources": {"A": log_group(RetentionInDays=1)}}
    bad = {"Resources": {"A": log_group(RetentionInDays=3),
                         "B": {**log_group(RetentionInDays=2), "DependsOn": "A"}}}
    stacks.create(name, bad, wait="CREATE_FAILED", DisableRollback=True)
    cf.rollback_stack(StackName=name)
    stacks.wait(name, "ROLLBACK_COMPLETE")
    stacks.delete(name)

    stacks.create(name, good)
    group = stacks.physical(name, "A")
    stacks.update(name, bad, wait="UPDATE_FAILED", DisableRollback=True)

    def retention():
        found = client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        return found[0]["retentionInDays"]

    assert retention() == 3
    cf.rollback_stack(StackName=name)
    stacks.wait(name, "UPDATE_ROLLBACK_COMPLETE")
    assert retention() == 1 and list(stacks.resources(name)) == ["A"]
    assert error_of(lambda: cf.rollback_stack(StackName=name))[0] == "ValidationError"
