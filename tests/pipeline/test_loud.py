"""Whoever cannot move says so within five seconds, and what to do: in its state and reason, in the
log, in the status and in the chain's hops; and takes it back when it can again."""

import shutil
import subprocess
import time

import pytest
from support import wait_until
from support.chain import (
    make_delivery,
    make_function,
    make_pipe,
    make_stream,
    make_table,
    objects_of,
    pipe_status,
    put_number,
    status_of,
    unchecked,
    wait_for_landing,
    watermark,
)
from support.server import millrace_bin

SOON = 30.0  # five seconds, and what a busy machine adds
HANG = """
import time
def handler(event, context):
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline: pass
"""
FAIL = "def handler(event, context): return 1 / 0"
PASS = """
def handler(event, context):
    return {"records": [{"recordId": r["recordId"], "result": "Ok", "data": r["data"]}
                        for r in event["records"]]}
"""


def put(server, name, data=b'{"n":1}\n'):
    unchecked(server, "firehose").put_record(DeliveryStreamName=name, Record={"Data": data})


def delivery_error(server, name="landing"):
    return next(d for d in status_of(server)["deliveries"] if d["name"] == name)["last_error"]


def told_everywhere(server, kind, name, *words):
    """All words, soon, at every place that tells of a pipe or a delivery stream."""

    def all_of(text):
        return all(word in text for word in words)

    def own():
        return pipe_status(server, name)["reason"] if kind == "pipe" else delivery_error(server)

    wait_until(lambda: all_of(own()), timeout=SOON, message=lambda: own())
    assert all_of(watermark(server)[1][name]["reason"])
    wait_until(lambda: all_of(server.log()))
    shown = subprocess.run(
        [millrace_bin(), "status", "--endpoint", server.url],
        capture_output=True, text=True, timeout=120, env=server.env,
    ).stdout  # fmt: skip
    assert all_of(shown)
    metrics = server.request("GET", "/metrics")[2].decode()
    (blocked,) = [
        line for line in metrics.splitlines()
        if line.startswith(f'millrace_hop_blocked{{kind="{kind}",name="{name}"')
    ]  # fmt: skip
    assert blocked.endswith(" 1")
    if kind == "pipe":
        pipe = server.client("pipes").describe_pipe(Name=name)
        assert all_of(pipe["StateReason"])


# ---- delivery streams ----


def test_a_bucket_that_has_gone_long_before_the_buffer_is_due(own_server):
    s3 = own_server.client("s3")
    s3.create_bucket(Bucket="lake")
    make_delivery(own_server, "landing", "lake", seconds=900)
    put(own_server, "landing")
    s3.delete_bucket(Bucket="lake")
    told_everywhere(own_server, "delivery", "landing", "bucket lake does not exist", "create it")
    s3.create_bucket(Bucket="lake")
    wait_until(lambda: delivery_error(own_server) == "", timeout=SOON)
    wait_for_landing(own_server, flush=True)
    assert len(objects_of(own_server, "lake")) == 1


def test_a_function_that_has_gone(own_server):
    own_server.client("s3").create_bucket(Bucket="lake")
    arn = make_function(own_server, "pass", PASS)
    make_delivery(own_server, "landing", "lake", function=arn, seconds=900)
    own_server.client("lambda").delete_function(FunctionName="pass")
    put(own_server, "landing")
    told_everywhere(own_server, "delivery", "landing", "pass cannot be called", "UpdateDestination")
    make_function(own_server, "pass", PASS)
    wait_for_landing(own_server, flush=True)
    wait_until(lambda: delivery_error(own_server) == "", timeout=SOON)


def test_a_function_that_does_not_answer(own_server):
    own_server.client("s3").create_bucket(Bucket="lake")
    arn = make_function(own_server, "hang", HANG, timeout=600)
    make_delivery(own_server, "landing", "lake", function=arn)
    put(own_server, "landing")
    told_everywhere(
        own_server, "delivery", "landing", "its function has been running", "lower its Timeout"
    )


def test_a_function_that_fails(own_server):
    own_server.client("s3").create_bucket(Bucket="lake")
    arn = make_function(own_server, "fail", FAIL)
    make_delivery(own_server, "landing", "lake", function=arn, retries=0, ErrorOutputPrefix="e/")
    put(own_server, "landing")
    told_everywhere(own_server, "delivery", "landing", "function", "ZeroDivisionError")
    wait_for_landing(own_server)
    assert len(objects_of(own_server, "lake", "e/")) == 1


def test_a_source_stream_that_has_gone(own_server):
    stream = make_stream(own_server, "changes")
    own_server.client("s3").create_bucket(Bucket="lake")
    make_delivery(own_server, "landing", "lake", stream)
    own_server.client("kinesis").delete_stream(StreamName="changes")
    told_everywhere(own_server, "delivery", "landing", "Kinesis stream was deleted", "make it")


def make_converting_delivery(server):
    glue = server.client("glue")
    glue.create_database(DatabaseInput={"Name": "sales"})
    table = {"Name": "orders", "StorageDescriptor": {"Columns": [{"Name": "n", "Type": "int"}]}}
    glue.create_table(DatabaseName="sales", TableInput=table)
    server.client("s3").create_bucket(Bucket="lake")
    make_delivery(
        server, "landing", "lake", seconds=900, megabytes=64,
        DataFormatConversionConfiguration={
            "Enabled": True,
            "SchemaConfiguration": {
                "DatabaseName": "sales", "TableName": "orders", "Region": "us-east-1",
                "RoleARN": "arn:aws:iam::000000000000:role/r",
            },
            "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
            "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {}}},
        },
    )  # fmt: skip
    return glue, table


def test_a_glue_table_that_has_gone(own_server):
    glue, table = make_converting_delivery(own_server)
    put(own_server, "landing")
    glue.delete_table(DatabaseName="sales", Name="orders")
    told_everywhere(own_server, "delivery", "landing", "sales.orders", "create it in Glue")
    glue.create_table(DatabaseName="sales", TableInput=table)
    wait_until(lambda: delivery_error(own_server) == "", timeout=SOON)
    wait_for_landing(own_server, flush=True)
    assert [key for key in objects_of(own_server, "lake") if key.endswith(".parquet")]


class Disk:
    """The server's syncs of objects (fsync; the journal uses fdatasync), made slow or refused."""

    def __init__(self, server, injection):
        self.process = subprocess.Popen(
            ["strace", "-f", "-e", "trace=fsync", "-e", f"inject=fsync:{injection}",
             "-o", "/dev/null", "-p", str(server.pid)],
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

        def attached():
            if self.process.poll() is not None:
                pytest.skip(f"strace cannot attach here: {self.process.stderr.read()[-200:]}")
            return "attached" in self.process.stderr.readline()

        wait_until(attached)

    def heal(self):
        self.process.terminate()
        self.process.wait(30)
        self.process.stderr.close()


needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="no strace")
LARGE = bytes(100_000)  # a body of its own, not in the journal


@needs_strace
def test_a_disk_that_is_slow(own_server):
    own_server.client("s3").create_bucket(Bucket="lake")
    make_delivery(own_server, "landing", "lake")
    disk = Disk(own_server, "delay_enter=90000000")
    try:
        put(own_server, "landing", LARGE)
        told_everywhere(
            own_server, "delivery", "landing", "S3 has been storing an object", "disk of the data"
        )
        assert objects_of(own_server, "lake") == {}
    finally:
        disk.heal()
    wait_until(lambda: objects_of(own_server, "lake"))
    wait_until(lambda: delivery_error(own_server) == "", timeout=SOON)


@needs_strace
def test_a_disk_that_refuses(own_server):
    own_server.client("s3").create_bucket(Bucket="lake")
    make_delivery(own_server, "landing", "lake")
    disk = Disk(own_server, "error=EIO")
    try:
        put(own_server, "landing", LARGE)
        told_everywhere(own_server, "delivery", "landing", "internal failure", "disk is full")
        assert "Input/output error" in own_server.log()
    finally:
        disk.heal()
    wait_until(lambda: objects_of(own_server, "lake"))
    wait_until(lambda: delivery_error(own_server) == "", timeout=SOON)


# ---- pipes ----


@pytest.fixture
def piped(own_server):
    """A table with a change, a stream, and what makes a pipe of them or of others."""
    source = make_table(own_server, "orders")
    stream = make_stream(own_server, "changes")
    put_number(own_server.client("dynamodb"), "orders", 1)
    return own_server, source, stream


def test_a_pipe_whose_target_has_gone(piped):
    server, source, stream = piped
    make_pipe(server, "copy", source, stream)
    server.client("kinesis").delete_stream(StreamName="changes")
    told_everywhere(server, "pipe", "copy", "changes does not exist", "goes on when there is one")
    assert wait_until(
        lambda: pipe_status(server, "copy")["state"] == "STOPPED", timeout=SOON
    )
    make_stream(server, "changes")
    wait_until(lambda: pipe_status(server, "copy")["reason"] == "", timeout=SOON)


def test_a_pipe_whose_enrichment_has_gone(piped):
    server, source, stream = piped
    arn = make_function(server, "enrich", "def handler(event, context): return event")
    server.client("lambda").delete_function(FunctionName="enrich")
    make_pipe(server, "copy", source, stream, pipe={"Enrichment": arn})
    told_everywhere(server, "pipe", "copy", "enrich")


@pytest.mark.parametrize("where", ["target", "enrichment"])
def test_a_pipe_whose_function_does_not_answer(piped, where):
    server, source, stream = piped
    arn = make_function(server, "hang", HANG, timeout=600)
    if where == "target":
        make_pipe(server, "copy", source, arn)
    else:
        make_pipe(server, "copy", source, stream, pipe={"Enrichment": arn})
    told_everywhere(server, "pipe", "copy", "waits for a function", "lower its Timeout")


def test_a_pipe_whose_function_fails(piped):
    server, source, _ = piped
    make_pipe(server, "copy", source, make_function(server, "fail", FAIL))
    told_everywhere(server, "pipe", "copy", "is blocked", "MaximumRetryAttempts")


def test_a_pipe_whose_table_stream_is_disabled(piped):
    server, source, stream = piped
    make_pipe(server, "copy", source, stream)
    server.client("dynamodb").update_table(
        TableName="orders", StreamSpecification={"StreamEnabled": False}
    )
    told_everywhere(server, "pipe", "copy", "disabled and read to its end", "create a new one")


def test_a_pipe_whose_source_stream_has_gone(piped):
    server, _, stream = piped
    second = make_stream(server, "second")
    make_pipe(server, "copy", stream, second, key="$.partitionKey")
    server.client("kinesis").delete_stream(StreamName="changes")
    told_everywhere(server, "pipe", "copy", "Stream not found", "create a new one")


def test_what_works_says_nothing(piped):
    server, source, stream = piped
    server.client("s3").create_bucket(Bucket="lake")
    make_delivery(server, "landing", "lake", stream, make_function(server, "pass", PASS))
    make_pipe(server, "copy", source, stream)
    wait_for_landing(server)
    quiet = time.monotonic() + 2.5  # two looks of whoever watches
    wait_until(lambda: time.monotonic() > quiet)
    assert delivery_error(server) == "" and pipe_status(server, "copy")["reason"] == ""
    assert "warn" not in server.log()
