"""`aws cloudformation deploy`, as people run it."""

import pytest

CAPABILITIES = ("--capabilities", "CAPABILITY_IAM")


@pytest.fixture
def deploy(aws, stacks, pipeline):
    def run(name, *more, template=pipeline, check=True):
        stacks.made.append(name)
        return aws("cloudformation", "deploy", "--stack-name", name, "--template-file", template,
                   *more, check=check)

    return run


def test_the_sales_pipeline_deploys_updates_and_goes(deploy, stacks, client, aws, fresh):
    name, table = fresh("sales"), fresh("Orders")
    parameters = [f"TableName={table}", f"DatabaseName={fresh('db', '_')}"]
    said = deploy(name, *CAPABILITIES, "--parameter-overrides", *parameters, "BufferSeconds=0")
    assert "Successfully created/updated stack" in said.stdout
    outputs = stacks.outputs(name)
    assert outputs["TableName"] == table
    assert f":table/{table}/stream/" in outputs["TableStreamArn"]

    def described():
        firehose = client("firehose")
        return firehose.describe_delivery_stream(
            DeliveryStreamName=outputs["DeliveryStreamName"]
        )["DeliveryStreamDescription"]

    def hints():
        target = described()["Destinations"][0]["ExtendedS3DestinationDescription"]
        return target["BufferingHints"]

    created = described()["CreateTimestamp"]
    assert hints()["IntervalInSeconds"] == 0
    assert client("pipes").describe_pipe(Name=outputs["PipeName"])["CurrentState"] == "RUNNING"

    again = deploy(name, *CAPABILITIES, "--parameter-overrides", *parameters, "BufferSeconds=0")
    assert "No changes to deploy" in again.stdout
    failed = deploy(name, *CAPABILITIES, "--fail-on-empty-changeset", check=False)
    assert failed.code != 0 and "No changes to deploy" in failed.stderr

    # What is not overridden keeps its value; the delivery stream is changed where it stands.
    deploy(name, *CAPABILITIES, "--parameter-overrides", "BufferSeconds=7")
    assert hints()["IntervalInSeconds"] == 7
    assert described()["CreateTimestamp"] == created
    assert stacks.outputs(name) == outputs
    changed = [event for event in stacks.events(name) if event[1] == "UPDATE_COMPLETE"]
    assert [event[0] for event in changed] == ["Landing", name]

    aws("cloudformation", "delete-stack", "--stack-name", name)
    aws("cloudformation", "wait", "stack-delete-complete", "--stack-name", name)
    assert table not in client("dynamodb").list_tables()["TableNames"]
    # The bucket outlives the stack: DeletionPolicy Retain.
    client("s3").head_bucket(Bucket=outputs["BucketName"])


def test_events_come_in_the_order_of_aws(deploy, stacks, fresh, tmp_path):
    name = fresh("events")
    template = tmp_path / "t.yaml"
    template.write_text("Resources: {Log: {Type: 'AWS::Logs::LogGroup'}}\n")
    deploy(name, template=template)
    assert stacks.events(name) == [
        (name, "REVIEW_IN_PROGRESS", "User Initiated"),
        (name, "CREATE_IN_PROGRESS", "User Initiated"),
        ("Log", "CREATE_IN_PROGRESS", None),
        ("Log", "CREATE_IN_PROGRESS", "Resource creation Initiated"),
        ("Log", "CREATE_COMPLETE", None),
        (name, "CREATE_COMPLETE", None),
    ]
    events = stacks.client.describe_stack_events(StackName=name)["StackEvents"]
    first, initiated = events[3], events[2]
    assert first["PhysicalResourceId"] == ""
    assert initiated["PhysicalResourceId"].startswith(f"{name}-Log-")
    assert first["EventId"].startswith("Log-CREATE_IN_PROGRESS-2")
    assert events[0]["PhysicalResourceId"] == events[0]["StackId"]


def test_a_template_that_fails_ends_the_deployment(deploy, stacks, fresh, tmp_path):
    name = fresh("bad")
    template = tmp_path / "t.yaml"
    template.write_text(
        "Resources:\n"
        "  Log: {Type: 'AWS::Logs::LogGroup'}\n"
        "  Bad: {Type: 'AWS::S3::Bucket', DependsOn: Log, Properties: {BucketName: a..b}}\n"
    )
    failed = deploy(name, template=template, check=False)
    assert failed.code == 255 and "Failed to create/update the stack" in failed.stderr
    stack = stacks.describe(name)
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    events = stacks.events(name)
    assert ("Bad", "CREATE_FAILED") in [event[:2] for event in events]
    assert (name, "ROLLBACK_IN_PROGRESS",
            "The following resource(s) failed to create: [Bad]. Rollback requested by user."
            ) in events
    assert stacks.resources(name)["Log"][1] == "DELETE_COMPLETE"
    again = deploy(name, template=template, check=False)
    assert "is in ROLLBACK_COMPLETE state and can not be updated." in again.stderr


def test_a_missing_capability_is_named(deploy, fresh, stacks):
    failed = deploy(fresh("cap"), check=False)
    assert "Requires capabilities : [CAPABILITY_IAM]" in failed.stderr
    stacks.made.clear()
