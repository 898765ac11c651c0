"""Waiting for the chain: one request or one command instead of a look now and then; the watermark,
and how far each hop is behind."""

import json
import subprocess
import threading

import pytest
from support import wait_until
from support.chain import (
    lines_of,
    make_delivery,
    make_function,
    make_pipe,
    make_stream,
    make_table,
    objects_of,
    put_number,
    unchecked,
    wait_for_landing,
    watermark,
)
from support.server import millrace_bin

PASS = """
def handler(event, context):
    return {"records": [{"recordId": r["recordId"], "result": "Ok", "data": r["data"]}
                        for r in event["records"]]}
"""


def make_chain(server, seconds=0, function=None, table="orders", **pipe):
    """table -> pipe -> stream -> delivery stream -> bucket, each named after the table."""
    source = make_table(server, table)
    stream = make_stream(server, f"{table}-changes", 2)
    server.client("s3").create_bucket(Bucket=f"{table}-lake")
    make_delivery(server, f"{table}-landing", f"{table}-lake", stream, function, seconds)
    make_pipe(server, f"{table}-copy", source, stream, **pipe)


def run_wait(server, *arguments):
    return subprocess.run(
        [millrace_bin(), "wait", "--endpoint", server.url, *arguments],
        capture_output=True, text=True, timeout=60, env=server.env,
    )  # fmt: skip


def landed(server, table="orders"):
    numbers = []
    for body in objects_of(server, f"{table}-lake").values():
        for text in body.decode().replace("}{", "}\n{").splitlines():
            numbers.append(int(json.loads(text)["dynamodb"]["NewImage"]["n"]["N"]))
    return numbers


def test_what_was_written_before_has_landed_when_it_answers(own_server):
    make_chain(own_server, function=make_function(own_server, "pass", PASS))
    db = own_server.client("dynamodb")
    for round_ in range(10):
        for n in range(20):
            put_number(db, "orders", round_ * 20 + n, key=f"o{n}")
        told = wait_for_landing(own_server)
        assert told["landed"] is True
        assert sorted(landed(own_server)) == list(range((round_ + 1) * 20))


def test_a_wish_to_flush_lands_what_buffers_hold_and_batching_windows(own_server):
    make_chain(own_server, seconds=900, MaximumBatchingWindowInSeconds=300)
    own_server.clock.hold()  # so that no buffer's time can come
    for n in range(5):
        put_number(own_server.client("dynamodb"), "orders", n, key=f"o{n}")
    told = wait_for_landing(own_server, 409, timeout_ms=300)
    assert told["landed"] is False
    assert [hop["name"] for hop in told["waiting"]] == ["orders-copy", "orders-landing"]
    assert (told["waiting"][0]["records_behind"], landed(own_server)) == (5, [])
    assert wait_for_landing(own_server, flush=True)["landed"] is True
    assert sorted(landed(own_server)) == list(range(5))
    put_number(own_server.client("dynamodb"), "orders", 5)  # the wish is over
    assert wait_for_landing(own_server, 409, timeout_ms=200)["landed"] is False
    assert len(landed(own_server)) == 5


def test_flush_takes_records_through_function_partitions_and_backup(own_server):
    server = own_server
    stream = make_stream(server, "changes")
    server.client("s3").create_bucket(Bucket="lake")
    query = {"Type": "MetadataExtraction", "Parameters": [
        {"ParameterName": "MetadataExtractionQuery", "ParameterValue": "{k:.k}"},
        {"ParameterName": "JsonParsingEngine", "ParameterValue": "JQ-1.6"},
    ]}  # fmt: skip
    make_delivery(
        server, "landing", "lake", stream, make_function(server, "pass", PASS),
        seconds=900, megabytes=64, processors=[query],
        Prefix="k=!{partitionKeyFromQuery:k}/", ErrorOutputPrefix="errors/",
        DynamicPartitioningConfiguration={"Enabled": True},
        S3BackupMode="Enabled",
        S3BackupConfiguration={
            "BucketARN": "arn:aws:s3:::lake", "RoleARN": "arn:aws:iam::000000000000:role/r",
            "Prefix": "backup/", "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 900},
        },
    )  # fmt: skip
    kinesis = server.client("kinesis")
    for n in range(6):
        data = json.dumps({"k": n % 2, "n": n}) if n < 5 else "no json"
        kinesis.put_record(StreamName="changes", PartitionKey=str(n), Data=data.encode())
    assert wait_for_landing(server, 409, timeout_ms=200)["landed"] is False
    assert wait_for_landing(server, flush=True)["landed"] is True
    found = objects_of(server, "lake")
    assert sorted({key.split("/")[0] for key in found}) == ["backup", "errors", "k=0", "k=1"]
    assert len(objects_of(server, "lake", "backup/")) == 1


def test_direct_put_and_a_pipe_into_a_delivery_stream(own_server):
    server = own_server
    source = make_table(server, "orders")
    server.client("s3").create_bucket(Bucket="lake")
    make_delivery(server, "landing", "lake", seconds=900)
    arn = "arn:aws:firehose:us-east-1:000000000000:deliverystream/landing"
    make_pipe(server, "copy", source, arn)
    put_number(server.client("dynamodb"), "orders", 1)
    unchecked(server, "firehose").put_record(
        DeliveryStreamName="landing", Record={"Data": b'{"n":2}\n'}
    )
    wait_for_landing(server, flush=True, deliveries=["landing"])
    assert len(objects_of(server, "lake")) in (1, 2)
    assert b"".join(objects_of(server, "lake").values()).count(b'"n"') == 2


def test_a_choice_waits_for_those_hops_only(own_server):
    make_chain(own_server)
    make_chain(own_server, seconds=900, table="slow")
    for table in ("orders", "slow"):
        put_number(own_server.client("dynamodb"), table, 1)
    for wish in ({"tables": ["orders"]}, {"streams": ["orders-changes"]},
                 {"deliveries": ["orders-landing"]},
                 {"tables": ["orders"], "deliveries": ["orders-landing"]}):  # fmt: skip
        wait_for_landing(own_server, **wish)
    wait_until(lambda: watermark(own_server)[1]["slow-landing"]["records_behind"] == 1)
    told = wait_for_landing(own_server, 409, timeout_ms=100, tables=["slow"])
    assert [hop["name"] for hop in told["waiting"]] == ["slow-landing"]
    assert wait_for_landing(own_server, 409, timeout_ms=0)["landed"] is False
    for wish in ({"tables": ["none"]}, {"streams": ["none"]}, {"deliveries": ["none"]},
                 {"tables": ["slow"], "deliveries": ["orders-landing"]}):  # fmt: skip
        assert "carries" in wait_for_landing(own_server, 404, **wish)["message"]


@pytest.mark.parametrize("wish", [
    {"timeout_ms": -1}, {"timeout_ms": 3600001}, {"flush": 1}, {"tables": "orders"},
    {"tables": [1]}, {"other": 1}, {"tables": ["t"] * 101},
])  # fmt: skip
def test_a_request_that_is_none_is_refused(server, wish):
    assert "members are" in wait_for_landing(server, 400, **wish)["message"]


def test_only_post_and_no_page_of_a_browser(server):
    assert server.request("GET", "/_millrace/wait")[0] == 405
    assert server.request("POST", "/_millrace/wait", "{}", {"Origin": "http://a.b"})[0] == 403
    assert server.request("POST", "/_millrace/wait", '{"tables":[],"tables":[]}')[0] == 400


def test_the_command_waits_and_tells_by_its_status(own_server):
    make_chain(own_server, seconds=900)
    put_number(own_server.client("dynamodb"), "orders", 1)
    wait_until(lambda: watermark(own_server)[1]["orders-landing"]["records_behind"] == 1)
    late = run_wait(own_server, "--timeout", "1")
    assert late.returncode == 1 and "landed in time" in late.stderr
    assert "delivery orders-landing: stream/orders-changes -> bucket/orders-lake" in late.stderr
    assert "1 records" in late.stderr
    done = run_wait(own_server, "--flush", "--table", "orders", "--delivery", "orders-landing")
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("landed:")
    assert landed(own_server) == [1]
    assert run_wait(own_server, "--table", "none").returncode == 1
    assert run_wait(own_server, "--timeout", "x").returncode == 2


def test_many_wait_at_once_without_a_thread_each(own_server):
    make_chain(own_server, seconds=900)
    put_number(own_server.client("dynamodb"), "orders", 1)
    answers = []
    ask = [
        threading.Thread(
            target=lambda: answers.append(wait_for_landing(own_server, timeout_ms=300000))
        )
        for _ in range(100)
    ]
    for each in ask:
        each.start()
    # More than there are workers: others are served all the same.
    assert watermark(own_server)[0]["hops"]
    assert answers == []
    wait_for_landing(own_server, flush=True)
    for each in ask:
        each.join()
    assert [answer["landed"] for answer in answers] == [True] * 100


def test_hops_tell_how_far_they_are_behind(own_server):
    make_chain(own_server, seconds=900)
    put_number(own_server.client("dynamodb"), "orders", 0)
    wait_for_landing(own_server, flush=True)
    wait_until(lambda: watermark(own_server)[0]["deliveries"][0]["watermark_ms"])
    own_server.clock.hold()
    for n in range(3):
        put_number(own_server.client("dynamodb"), "orders", n + 1)
    wait_until(lambda: watermark(own_server)[1]["orders-landing"]["records_behind"] == 3)
    own_server.clock.advance(seconds=60)
    told, hops = watermark(own_server)
    copy, landing = hops["orders-copy"], hops["orders-landing"]
    assert (copy["kind"], copy["from"], copy["to"]) == (
        "pipe", "table/orders", "stream/orders-changes",
    )  # fmt: skip
    assert (copy["records_behind"], copy["bytes_behind"], copy["ms_behind"]) == (0, 0, 0)
    assert landing["to"] == "bucket/orders-lake" and landing["bytes_behind"] > 3 * 100
    assert 60000 <= landing["ms_behind"] < 70000 and landing["more"] is False
    assert told["behind_ms"] >= 60000
    (mark,) = told["deliveries"]
    assert mark["name"] == "orders-landing" and mark["behind_ms"] >= 60000
    wait_for_landing(own_server, flush=True)
    told = watermark(own_server)[0]
    assert (told["behind_ms"], told["deliveries"][0]["behind_ms"]) == (0, 0)


def test_lags_and_waits_hold_over_a_restart(own_server):
    make_chain(own_server, seconds=900)
    for n in range(4):
        put_number(own_server.client("dynamodb"), "orders", n)
    wait_until(lambda: watermark(own_server)[1]["orders-landing"]["records_behind"] == 4)
    own_server.kill9()
    own_server.start()
    wait_until(lambda: watermark(own_server)[1]["orders-landing"]["records_behind"] == 4)
    told = watermark(own_server)[0]
    assert told["watermark_ms"] is None and told["behind_ms"] is None
    wait_for_landing(own_server, flush=True)
    assert sorted(landed(own_server)) == [0, 1, 2, 3]
    assert watermark(own_server)[0]["behind_ms"] < 5000


def test_a_pipe_that_is_stopped_is_who_holds_it_up(own_server):
    make_chain(own_server)
    pipes = own_server.client("pipes")
    pipes.stop_pipe(Name="orders-copy")
    wait_until(lambda: pipes.describe_pipe(Name="orders-copy")["CurrentState"] == "STOPPED")
    put_number(own_server.client("dynamodb"), "orders", 1)
    told = wait_for_landing(own_server, 409, timeout_ms=100)
    assert told["waiting"][0]["name"] == "orders-copy"
    assert (told["waiting"][0]["state"], told["waiting"][0]["records_behind"]) == ("STOPPED", 1)
    pipes.start_pipe(Name="orders-copy")
    wait_for_landing(own_server)
    assert landed(own_server) == [1]


def test_resharding_and_a_chain_of_two_streams(own_server):
    server = own_server
    make_chain(server)
    second = make_stream(server, "second")
    server.client("s3").create_bucket(Bucket="second-lake")
    make_delivery(server, "second-landing", "second-lake", second)
    first = server.client("kinesis").describe_stream(StreamName="orders-changes")
    make_pipe(
        server, "again", first["StreamDescription"]["StreamARN"], second, key="$.partitionKey"
    )
    for n in range(30):
        put_number(server.client("dynamodb"), "orders", n, key=f"o{n}")
    server.client("kinesis").update_shard_count(
        StreamName="orders-changes", TargetShardCount=4, ScalingType="UNIFORM_SCALING"
    )
    for n in range(30, 60):
        put_number(server.client("dynamodb"), "orders", n, key=f"o{n}")
    wait_for_landing(server)
    assert sorted(landed(server)) == list(range(60))
    assert b"".join(objects_of(server, "second-lake").values()).count(b"kinesisSchema") == 60


def test_a_kinesis_destination_of_a_table_is_a_hop(own_server):
    server = own_server
    make_table(server, "orders")
    stream = make_stream(server, "changes")
    server.client("s3").create_bucket(Bucket="lake")
    make_delivery(server, "landing", "lake", stream)
    db = server.client("dynamodb")
    db.enable_kinesis_streaming_destination(TableName="orders", StreamArn=stream)
    for n in range(20):
        put_number(db, "orders", n, key=f"o{n}")
    wait_for_landing(server, tables=["orders"])
    assert b"".join(objects_of(server, "lake").values()).count(b"eventID") == 20
    assert watermark(server)[1]["orders/changes"]["kind"] == "destination"


def test_a_reset_answers_those_who_wait(own_server):
    def ask_and_reset():
        make_chain(own_server, seconds=900)
        put_number(own_server.client("dynamodb"), "orders", 1)
        answers = []
        asking = threading.Thread(
            target=lambda: answers.append(own_server.request("POST", "/_millrace/wait", ""))
        )
        asking.start()
        wait_until(lambda: watermark(own_server)[1]["orders-landing"]["records_behind"] == 1)
        own_server.reset()
        asking.join()
        assert watermark(own_server)[0]["hops"] == []
        return answers[0]

    # A wait that arrives behind the reset finds nothing to wait for.
    status, _, text = wait_until(lambda: (it := ask_and_reset())[0] != 200 and it)
    assert status == 409 and b"reset" in text


def test_status_tells_of_hops_and_watermark(own_server):
    make_chain(own_server)
    put_number(own_server.client("dynamodb"), "orders", 1)
    wait_for_landing(own_server)
    told = subprocess.run(
        [millrace_bin(), "status", "--endpoint", own_server.url],
        capture_output=True, text=True, timeout=120, env=own_server.env,
    ).stdout  # fmt: skip
    assert "pipe orders-copy: table/orders -> stream/orders-changes  0 records" in told
    assert "watermark everything up to" in told
    assert lines_of(own_server, "orders-lake")
