"""A pipe's life: states, updates, stops, ends that go and come back, restarts."""

import json
import re

from support import wait_until
from support.chain import (
    ACCOUNT,
    ROLE,
    events_of,
    make_pipe,
    make_stream,
    make_table,
    numbers_of,
    pipe_status,
    put_number,
    refused,
    stream_records,
)


def state(pipes, name):
    return pipes.describe_pipe(Name=name)["CurrentState"]


def arrives(server, ends, count):
    wait_until(lambda: len(stream_records(server, ends.stream)) >= count)


def arguments(ends, name, **source):
    return {
        "Name": name,
        "RoleArn": ROLE,
        "Source": ends.source,
        "SourceParameters": {
            "DynamoDBStreamParameters": {"StartingPosition": "TRIM_HORIZON", **source}
        },
        "Target": ends.target,
        "TargetParameters": {"KinesisStreamParameters": {"PartitionKey": "$.eventID"}},
    }


def test_a_pipe_is_made_described_listed_and_deleted(pipes, ends, fresh):
    it, name = ends(), fresh("pipe")
    made = pipes.create_pipe(**arguments(it, name), Description="copies", Tags={"team": "sales"})
    arn = f"arn:aws:pipes:us-east-1:{ACCOUNT}:pipe/{name}"
    assert (made["Name"], made["Arn"]) == (name, arn)
    assert (made["DesiredState"], made["CurrentState"]) == ("RUNNING", "CREATING")
    assert made["CreationTime"] == made["LastModifiedTime"]
    wait_until(lambda: state(pipes, name) == "RUNNING")
    found = pipes.describe_pipe(Name=name)
    del found["ResponseMetadata"]
    assert found == {
        **{k: made[k] for k in ("Name", "Arn", "CreationTime", "LastModifiedTime")},
        "DesiredState": "RUNNING",
        "CurrentState": "RUNNING",
        "Description": "copies",
        "Source": it.source,
        "SourceParameters": {
            "DynamoDBStreamParameters": {
                "BatchSize": 100,
                "MaximumBatchingWindowInSeconds": 0,
                "MaximumRecordAgeInSeconds": -1,
                "ParallelizationFactor": 1,
                "StartingPosition": "TRIM_HORIZON",
            }
        },
        "Target": it.target,
        "TargetParameters": {"KinesisStreamParameters": {"PartitionKey": "$.eventID"}},
        "RoleArn": ROLE,
        "Tags": {"team": "sales"},
    }
    listed = pipes.list_pipes(NamePrefix=name)["Pipes"]
    assert [p["Name"] for p in listed] == [name]
    assert listed[0]["Source"] == it.source and listed[0]["Target"] == it.target
    assert pipes.list_pipes(NamePrefix=name, CurrentState="STOPPED")["Pipes"] == []
    text = refused(pipes.create_pipe, "ConflictException", 409, **arguments(it, name))
    assert text == f"Pipe {name} already exists"
    text = refused(pipes.start_pipe, "ConflictException", 409, Name=name)
    gone = pipes.delete_pipe(Name=name)
    assert (gone["DesiredState"], gone["CurrentState"]) == ("DELETED", "DELETING")
    for call in (pipes.describe_pipe, pipes.delete_pipe, pipes.start_pipe, pipes.stop_pipe):
        text = refused(call, "NotFoundException", 404, Name=name)
        assert text == f"Pipe {name} does not exist."


def test_lists_are_paged(pipes, ends, fresh):
    it, stem = ends(), fresh("many")
    names = [f"{stem}-{i}" for i in range(5)]
    for name in names:
        pipes.create_pipe(**arguments(it, name), DesiredState="STOPPED")
    pages = list(
        pipes.get_paginator("list_pipes").paginate(
            NamePrefix=stem, PaginationConfig={"PageSize": 2}
        )
    )
    assert [p["Name"] for page in pages for p in page["Pipes"]] == names
    assert len(pages) == 3
    for name in names:
        pipes.delete_pipe(Name=name)


def test_what_cannot_be_is_refused_by_name(pipes, ends, fresh):
    it = ends()

    def text(**change):
        asked = {**arguments(it, fresh("pipe")), **change}
        return refused(pipes.create_pipe, "ValidationException", 400, **asked)

    missing = it.source[:-1] + ("1" if it.source[-1] != "1" else "2")
    assert text(Source=missing) == f"Source {missing} does not exist."
    assert "exceeds the target's maximum of 500" in text(
        SourceParameters={
            "DynamoDBStreamParameters": {"StartingPosition": "LATEST", "BatchSize": 501}
        }
    )
    assert "is not a valid path" in text(
        TargetParameters={"KinesisStreamParameters": {"PartitionKey": "$."}}
    )
    assert "PartitionKey is required" in text(TargetParameters={})
    reason = text(
        SourceParameters={
            "DynamoDBStreamParameters": {"StartingPosition": "LATEST"},
            "FilterCriteria": {"Filters": [{"Pattern": "{}"}]},
        }
    )
    assert reason == "Event pattern is not valid. Reason: Empty objects are not allowed"
    assert "StartingPosition is required" in text(SourceParameters={})
    assert "are reserved" in text(Tags={"aws:x": "y"})


def test_an_update_that_turns_to_a_function_leaves_the_stream_s_parameters(
    pipes, ends, pipe, function
):
    it = ends()
    name = pipe(it, MaximumRetryAttempts=3, filters=[{"eventName": ["INSERT"]}])
    arn = function("def handler(events, context):\n    return None\n")
    pipes.update_pipe(Name=name, RoleArn=ROLE, Target=arn, TargetParameters={})
    found = pipes.describe_pipe(Name=name)
    assert found["Target"] == arn and found["TargetParameters"] == {}
    # AWS: the object of a service is taken whole, its siblings stay.
    pipes.update_pipe(
        Name=name, RoleArn=ROLE, SourceParameters={"DynamoDBStreamParameters": {"BatchSize": 9}}
    )
    source = pipes.describe_pipe(Name=name)["SourceParameters"]
    stream = source["DynamoDBStreamParameters"]
    assert stream["BatchSize"] == 9 and "MaximumRetryAttempts" not in stream
    assert source["FilterCriteria"] == {"Filters": [{"Pattern": '{"eventName": ["INSERT"]}'}]}


def test_a_table_s_stream_has_no_time_to_start_at(pipes, ends, fresh):
    asked = arguments(ends(), fresh("pipe"), StartingPosition="AT_TIMESTAMP")
    text = refused(pipes.create_pipe, "ValidationException", 400, **asked)
    assert "startingPosition' failed to satisfy constraint" in text


def test_a_stopped_pipe_goes_on_where_it_was(server, pipes, db, ends, pipe):
    it = ends()
    name = pipe(it)
    put_number(db, it.table, 1)
    arrives(server, it, 1)
    stopped = pipes.stop_pipe(Name=name)
    assert (stopped["DesiredState"], stopped["CurrentState"]) == ("STOPPED", "STOPPING")
    assert state(pipes, name) == "STOPPED"
    put_number(db, it.table, 2)
    put_number(db, it.table, 3)
    assert numbers_of(events_of(server, it.stream)) == [1]
    started = pipes.start_pipe(Name=name)
    assert (started["DesiredState"], started["CurrentState"]) == ("RUNNING", "STARTING")
    arrives(server, it, 3)
    assert numbers_of(events_of(server, it.stream)) == [1, 2, 3]


def test_a_pipe_may_begin_stopped(server, pipes, db, ends, fresh):
    it, name = ends(), fresh("pipe")
    pipes.create_pipe(**arguments(it, name), DesiredState="STOPPED")
    assert state(pipes, name) == "STOPPED"
    put_number(db, it.table, 1)
    assert stream_records(server, it.stream) == []
    pipes.start_pipe(Name=name)
    arrives(server, it, 1)
    pipes.delete_pipe(Name=name)


def test_an_update_changes_key_and_batch_and_keeps_the_place(server, pipes, db, ends, pipe):
    it = ends()
    name = pipe(it, key="one")
    put_number(db, it.table, 1)
    arrives(server, it, 1)
    changed = pipes.update_pipe(
        Name=name,
        RoleArn=ROLE,
        SourceParameters={"DynamoDBStreamParameters": {"BatchSize": 2}},
        TargetParameters={"KinesisStreamParameters": {"PartitionKey": "two"}},
    )
    assert changed["CurrentState"] == "UPDATING"
    wait_until(lambda: state(pipes, name) == "RUNNING")
    found = pipes.describe_pipe(Name=name)
    source = found["SourceParameters"]["DynamoDBStreamParameters"]
    assert (source["BatchSize"], source["StartingPosition"]) == (2, "TRIM_HORIZON")
    put_number(db, it.table, 2)
    arrives(server, it, 2)
    records = stream_records(server, it.stream)
    assert [record["PartitionKey"] for record in records] == ["one", "two"]
    pipes.update_pipe(Name=name, RoleArn=ROLE, DesiredState="STOPPED", Description="later")
    assert state(pipes, name) == "STOPPED"
    assert pipes.describe_pipe(Name=name)["Description"] == "later"
    refused(
        pipes.update_pipe,
        "ValidationException",
        400,
        Name=name,
        RoleArn=ROLE,
        TargetParameters={"KinesisStreamParameters": {"PartitionKey": "$.a[x]"}},
    )


def test_an_update_may_turn_to_another_target(server, pipes, db, ends, pipe):
    one, two = ends(), ends()
    name = pipe(one)
    put_number(db, one.table, 1)
    arrives(server, one, 1)
    pipes.update_pipe(
        Name=name,
        RoleArn=ROLE,
        Target=two.target,
        TargetParameters={"KinesisStreamParameters": {"PartitionKey": "$.eventID"}},
    )
    put_number(db, one.table, 2)
    arrives(server, two, 1)
    assert numbers_of(events_of(server, one.stream)) == [1]
    assert numbers_of(events_of(server, two.stream)) == [2]


def test_a_pipe_made_again_under_its_name_starts_anew(server, pipes, db, ends, fresh):
    it, name = ends(), fresh("pipe")
    for life in (1, 2):
        make_pipe(server, name, it.source, it.target)
        if life == 1:
            put_number(db, it.table, 1)
        arrives(server, it, life)
        pipes.delete_pipe(Name=name)
    assert numbers_of(events_of(server, it.stream)) == [1, 1]


def test_a_target_that_goes_stops_the_pipe_until_it_is_back(server, client, pipes, db, ends, pipe):
    it = ends()
    name = pipe(it)
    put_number(db, it.table, 1)
    arrives(server, it, 1)
    client("kinesis").delete_stream(StreamName=it.stream)
    put_number(db, it.table, 2)
    wait_until(lambda: "does not exist" in pipes.describe_pipe(Name=name).get("StateReason", ""))
    wait_until(lambda: state(pipes, name) == "STOPPED")
    told = pipe_status(server, name)
    assert told["state"] == "STOPPED" and it.target in told["reason"]
    assert pipes.describe_pipe(Name=name)["DesiredState"] == "RUNNING"
    put_number(db, it.table, 3)
    make_stream(server, it.stream)
    wait_until(lambda: state(pipes, name) == "RUNNING")
    arrives(server, it, 2)
    assert numbers_of(events_of(server, it.stream)) == [2, 3]
    wait_until(lambda: "StateReason" not in pipes.describe_pipe(Name=name))


def test_a_disabled_stream_is_read_to_its_end_and_then_the_pipe_stops(
    server, pipes, db, ends, pipe
):
    it = ends()
    name = pipe(it)
    for n in range(20):
        put_number(db, it.table, n)
    db.update_table(TableName=it.table, StreamSpecification={"StreamEnabled": False})
    wait_until(lambda: state(pipes, name) == "STOPPED")
    assert "disabled" in pipes.describe_pipe(Name=name)["StateReason"]
    assert numbers_of(events_of(server, it.stream)) == list(range(20))


def test_a_deleted_table_s_last_changes_are_carried(server, pipes, db, ends, pipe):
    it = ends()
    name = pipe(it)
    for n in range(5):
        put_number(db, it.table, n)
    db.delete_table(TableName=it.table)
    wait_until(lambda: state(pipes, name) == "STOPPED")
    found = events_of(server, it.stream)
    assert numbers_of(found[:5]) == list(range(5))


def test_a_record_without_a_partition_key_blocks_until_it_is_given_up(
    server, pipes, db, ends, pipe
):
    it = ends()
    name = pipe(it, key="$.dynamodb.NewImage.who.S", MaximumRetryAttempts=1)
    item = {"id": {"S": "o1"}, "who": {"S": "me"}}
    db.put_item(TableName=it.table, Item=item)
    db.put_item(TableName=it.table, Item={"id": {"S": "o1"}})  # nobody
    db.put_item(TableName=it.table, Item={**item, "n": {"N": "3"}})
    arrives(server, it, 2)
    assert [e["eventName"] for e in events_of(server, it.stream)] == ["INSERT", "MODIFY"]
    told = wait_until(lambda: (it := pipe_status(server, name))["records"] == 2 and it)
    assert told["dropped"] == 1 and "given up" in told["last_error"]


def test_a_record_that_may_be_retried_for_ever_holds_its_shard_and_says_so(
    server, pipes, db, ends, pipe
):
    it = ends()
    name = pipe(it, key="$.dynamodb.NewImage.who.S")
    db.put_item(TableName=it.table, Item={"id": {"S": "o1"}})
    wait_until(lambda: "yields nothing" in pipes.describe_pipe(Name=name).get("StateReason", ""))
    put_number(db, it.table, 2)
    assert stream_records(server, it.stream) == []
    pipes.update_pipe(
        Name=name,
        RoleArn=ROLE,
        TargetParameters={"KinesisStreamParameters": {"PartitionKey": "literal"}},
    )
    arrives(server, it, 2)
    wait_until(lambda: "StateReason" not in pipes.describe_pipe(Name=name))


def test_an_event_above_the_record_limit_is_given_up_with_its_reason(server, pipes, db, ends, pipe):
    it = ends()
    name = pipe(it, MaximumRetryAttempts=0)
    wide = {"id": {"S": "o1"}, "text": {"S": "\x01" * 380_000}}  # six bytes each in JSON
    db.put_item(TableName=it.table, Item=wide)
    put_number(db, it.table, 2, "o2")
    arrives(server, it, 1)
    assert numbers_of(events_of(server, it.stream)) == [2]
    wait_until(
        lambda: "larger than the target stream's maximum record size"
        in pipe_status(server, name)["last_error"]
    )


def test_big_items_go_through_in_batches_that_stay_bounded(server, db, ends, pipe):
    it = ends()
    for n in range(24):
        text = {"id": {"S": f"o{n}"}, "n": {"N": str(n)}, "text": {"S": "x" * 390_000}}
        db.put_item(TableName=it.table, Item=text)
    pipe(it, BatchSize=500)
    wait_until(lambda: len(stream_records(server, it.stream)) == 24)
    assert sorted(numbers_of(events_of(server, it.stream))) == list(range(24))


def test_a_pipe_goes_on_after_a_restart(own_server):
    source = make_table(own_server, "orders")
    target = make_stream(own_server, "changes", 2)
    make_pipe(own_server, "runs", source, target)
    make_pipe(own_server, "rests", source, make_stream(own_server, "idle"))
    own_server.client("pipes").stop_pipe(Name="rests")
    wanted = []
    for end in (own_server.stop, own_server.kill9):
        for _ in range(5):
            n = len(wanted)
            own_server.client("dynamodb").put_item(
                TableName="orders", Item={"id": {"S": "o1"}, "n": {"N": str(n)}}
            )
            wanted.append(n)
        end()
        own_server.start()
        pipes = own_server.client("pipes")
        found = {p["Name"]: p["CurrentState"] for p in pipes.list_pipes()["Pipes"]}
        assert found["rests"] == "STOPPED"
        wait_until(lambda: state(own_server.client("pipes"), "runs") == "RUNNING")
        wait_until(lambda: len(stream_records(own_server, "changes")) >= len(wanted))
        assert numbers_of(events_of(own_server, "changes")) == wanted
    assert stream_records(own_server, "idle") == []


def test_the_rest_wire_is_that_of_aws(server, ends, fresh):
    it, name = ends(), fresh("pipe")
    scope = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/pipes/aws4_request, " \
            "SignedHeaders=host, Signature=00"  # fmt: skip
    headers = {"Authorization": scope, "Content-Type": "application/json"}
    body = {k: v for k, v in arguments(it, name).items() if k != "Name"}
    status, _, reply = server.request("POST", f"/v1/pipes/{name}", json.dumps(body), headers)
    assert status == 200, reply
    assert list(json.loads(reply)) == [
        "Arn", "Name", "DesiredState", "CurrentState", "CreationTime", "LastModifiedTime",
    ]  # fmt: skip
    assert re.search(rb'"CreationTime":[0-9]{10}(\.[0-9]+)?[,}]', reply)
    status, reply_headers, reply = server.request(
        "GET", f"/v1/pipes/{name}x", headers=headers
    )
    assert status == 404
    assert reply_headers["x-amzn-errortype"].startswith("NotFoundException")
    assert json.loads(reply) == {"message": f"Pipe {name}x does not exist."}
    status, _, _ = server.request("DELETE", f"/v1/pipes/{name}", headers=headers)
    assert status == 200
