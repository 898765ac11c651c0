"""Firehose and CloudWatch Logs as targets; LogConfiguration; tags."""

import json

from support import wait_until
from support.chain import (
    ROLE,
    lines_of,
    make_delivery,
    pipe_arguments,
    pipe_status,
    put_number,
    refused,
)

ACCOUNT = "000000000000"


def group_arn(name):
    return f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{name}"


def raw(server, method, path, body=None, status=200):
    """LogConfiguration is younger than the oldest SDK that is tested with."""
    scope = (
        "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/pipes/aws4_request, "
        "SignedHeaders=host, Signature=00"
    )
    headers = {"Authorization": scope, "Content-Type": "application/json"}
    got, _, reply = server.request(method, path, json.dumps(body) if body else None, headers)
    assert got == status, reply
    return json.loads(reply)


def logged(client, group):
    pages = client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    return [event for page in pages for event in page["events"]]


def test_a_firehose_stream_gets_each_event_as_its_record(server, client, db, ends, pipe, fresh):
    it, bucket, stream = ends(), fresh("lake"), fresh("dl")
    client("s3").create_bucket(Bucket=bucket)
    make_delivery(server, stream, bucket)
    arn = f"arn:aws:firehose:us-east-1:{ACCOUNT}:deliverystream/{stream}"
    pipe(it, target=arn, to={"InputTemplate": '{"n": <$.dynamodb.NewImage.n.N>}\n'})
    for n in range(5):
        put_number(db, it.table, n)
    wait_until(lambda: len(lines_of(server, bucket)) >= 5)
    assert sorted(line["n"] for line in lines_of(server, bucket)) == list("01234")
    client("firehose").delete_delivery_stream(DeliveryStreamName=stream)


def test_a_log_group_gets_a_line_an_event(server, client, db, ends, pipe, fresh):
    it, group = ends(), fresh("group")
    client("logs").create_log_group(logGroupName=group)
    pipe(it, target=group_arn(group), to={
        "InputTemplate": "n is <$.dynamodb.NewImage.n.N>",
        "CloudWatchLogsParameters": {"LogStreamName": "$.dynamodb.Keys.id.S"},
    })  # fmt: skip
    put_number(db, it.table, 1, "a")
    put_number(db, it.table, 2, "b")
    wait_until(lambda: len(logged(client, group)) == 2)
    lines = {(e["logStreamName"], e["message"]) for e in logged(client, group)}
    assert lines == {("a", "n is 1"), ("b", "n is 2")}


def test_a_pipe_logs_its_steps_by_level(server, client, db, ends, pipe, fresh):
    steps = {}
    for level in ("ERROR", "INFO", "TRACE"):
        it, group = ends(), fresh("group")
        client("logs").create_log_group(logGroupName=group)
        config = {
            "CloudwatchLogsLogDestination": {"LogGroupArn": group_arn(group)},
            "Level": level,
            **({"IncludeExecutionData": ["ALL"]} if level == "TRACE" else {}),
        }
        name = fresh("pipe")
        body = pipe_arguments(
            name,
            it.source,
            it.target,
            key="$.dynamodb.NewImage.who.S",
            MaximumRetryAttempts=0,
            pipe={"LogConfiguration": config},
        )
        del body["Name"]
        raw(server, "POST", f"/v1/pipes/{name}", body)
        assert raw(server, "GET", f"/v1/pipes/{name}")["LogConfiguration"] == config
        good = {"id": {"S": "o1"}, "who": {"S": "me"}}
        db.put_item(TableName=it.table, Item=good)
        wait_until(lambda: pipe_status(server, name)["records"] == 1)
        db.put_item(TableName=it.table, Item={"id": {"S": "o1"}})
        wait_until(lambda: pipe_status(server, name)["dropped"] == 1)
        wait_until(lambda: any("EXECUTION_FAILED" in e["message"] for e in logged(client, group)))
        lines = [json.loads(e["message"]) for e in logged(client, group)]
        arn = client("pipes").describe_pipe(Name=name)["Arn"]
        assert {line["resourceArn"] for line in lines} == {arn}
        steps[level] = [line["messageType"] for line in lines]
        failed = next(line for line in lines if line["messageType"] == "EXECUTION_FAILED")
        assert "yields nothing" in failed["error"]["message"]
        if level == "TRACE":
            (event,) = json.loads(lines[0]["payload"])
            assert event["dynamodb"]["NewImage"] == good
        else:
            assert all("payload" not in line for line in lines)
        client("pipes").delete_pipe(Name=name)
    assert steps["ERROR"] == [
        "TARGET_INVOCATION_FAILED", "TARGET_STAGE_FAILED", "EXECUTION_FAILED",
    ]  # fmt: skip
    assert steps["INFO"][:4] == [
        "EXECUTION_STARTED", "TARGET_STAGE_ENTERED", "TARGET_STAGE_SUCCEEDED",
        "EXECUTION_SUCCEEDED",
    ]  # fmt: skip
    assert set(steps["TRACE"]) > set(steps["INFO"])
    assert steps["TRACE"][:6] == [
        "EXECUTION_STARTED", "TARGET_STAGE_ENTERED", "TARGET_INVOCATION_STARTED",
        "TARGET_INVOCATION_SUCCEEDED", "TARGET_STAGE_SUCCEEDED", "EXECUTION_SUCCEEDED",
    ]  # fmt: skip
    to_s3 = {"BucketName": "bucket", "BucketOwner": ACCOUNT}
    unsupported = {"Level": "INFO", "S3LogDestination": to_s3}
    body = pipe_arguments("x", it.source, it.target, pipe={"LogConfiguration": unsupported})
    del body["Name"]
    text = raw(server, "POST", "/v1/pipes/x", body, 400)["message"]
    assert text.startswith("LogConfiguration.S3LogDestination is not supported by millrace")


def test_tags_are_added_replaced_and_removed(client, pipes, ends, pipe):
    it = ends()
    name = pipe(it, pipe={"Tags": {"team": "sales", "stage": "dev"}})
    arn = pipes.describe_pipe(Name=name)["Arn"]
    assert pipes.list_tags_for_resource(resourceArn=arn)["tags"] == {
        "team": "sales", "stage": "dev"}  # fmt: skip
    pipes.tag_resource(resourceArn=arn, tags={"stage": "prod", "cost": "1"})
    pipes.untag_resource(resourceArn=arn, tagKeys=["team", "nothing"])
    assert pipes.list_tags_for_resource(resourceArn=arn)["tags"] == {"stage": "prod", "cost": "1"}
    assert pipes.describe_pipe(Name=name)["Tags"] == {"stage": "prod", "cost": "1"}
    assert pipes.describe_pipe(Name=name)["CurrentState"] == "RUNNING"
    many = {f"k{i}": "v" for i in range(49)}
    text = refused(pipes.tag_resource, "ValidationException", 400, resourceArn=arn, tags=many)
    assert text == "A pipe has at most 50 tags."
    for call, more in (
        (pipes.list_tags_for_resource, {}),
        (pipes.tag_resource, {"tags": {"a": "b"}}),
        (pipes.untag_resource, {"tagKeys": ["a"]}),
    ):
        refused(call, "NotFoundException", 404, resourceArn=arn + "x", **more)


def test_an_enrichment_is_listed_and_removed_by_an_empty_arn(pipes, ends, pipe, function):
    it = ends()
    arn = function("def handler(events, context):\n    return events\n")
    name = pipe(it, pipe={"Enrichment": arn})
    (listed,) = pipes.list_pipes(NamePrefix=name)["Pipes"]
    assert listed["Enrichment"] == arn
    pipes.update_pipe(Name=name, RoleArn=ROLE, Enrichment="")
    assert "Enrichment" not in pipes.describe_pipe(Name=name)
