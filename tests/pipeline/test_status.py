"""What each stage says of itself: in `millrace status`, in its state, in its log group."""

import json
import subprocess

from support import wait_until
from support.chain import (
    make_delivery,
    make_function,
    make_pipe,
    make_stream,
    make_table,
    objects_of,
    put_number,
    status_of,
    unchecked,
)
from support.server import millrace_bin


def stage(server, kind, name):
    return next(s for s in status_of(server)[kind] if s["name"] == name)


def told(server):
    done = subprocess.run(
        [millrace_bin(), "status", "--endpoint", server.url],
        capture_output=True, text=True, timeout=120, env=server.env,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_each_stage_tells_records_rate_and_lag(own_server):
    server = own_server
    source = make_table(server, "orders")
    changes = make_stream(server, "changes")
    server.client("s3").create_bucket(Bucket="lake")
    make_delivery(server, "landing", "lake", changes, seconds=900)
    make_pipe(server, "copy", source, changes)
    for n in range(5):
        put_number(server.client("dynamodb"), "orders", n)
    wait_until(lambda: int(stage(server, "deliveries", "landing")["waiting"]) == 5)
    wait_until(lambda: int(stage(server, "deliveries", "landing")["lag_ms"]) > 100)
    wait_until(lambda: int(stage(server, "pipes", "copy")["lag_ms"]) == 0)
    text = told(server)
    rows = {line.split()[0]: line for line in text.splitlines() if line.strip()}
    assert "orders" in rows["table"] and "/s" in rows["table"]
    assert "copy" in rows["pipe"] and "5 records" in rows["pipe"] and "lag 0.0 s" in rows["pipe"]
    assert "changes" in rows["stream"] and "5 records" in rows["stream"]
    assert "landing" in rows["delivery"] and "5 waiting" in rows["delivery"]
    assert "lag 0.0 s" not in rows["delivery"]


def test_a_blocked_pipe_lags_by_the_record_that_blocks_it(own_server):
    server = own_server
    source = make_table(server, "orders")
    changes = make_stream(server, "changes")
    make_pipe(server, "copy", source, changes, key="$.dynamodb.NewImage.who.S")
    put_number(server.client("dynamodb"), "orders", 1)
    wait_until(lambda: int(stage(server, "pipes", "copy")["lag_ms"]) > 100)
    text = told(server)
    assert "yields nothing" in text and "lag 0.0 s" not in text.split("pipe", 1)[1].split("\n")[0]


def test_what_fails_is_told_in_the_log_group_of_the_delivery_stream(own_server):
    server = own_server
    logs = server.client("logs")
    logs.create_log_group(logGroupName="landing")
    logs.create_log_stream(logGroupName="landing", logStreamName="delivery")
    server.client("s3").create_bucket(Bucket="lake")
    function = make_function(server, "broken", "def handler(event, context): return 1 / 0")
    make_delivery(
        server, "once", "lake", function=function, retries=0, ErrorOutputPrefix="errors/",
        CloudWatchLoggingOptions={
            "Enabled": True, "LogGroupName": "landing", "LogStreamName": "delivery",
        },
    )  # fmt: skip
    unchecked(server, "firehose").put_record(
        DeliveryStreamName="once", Record={"Data": b"x"}
    )
    wait_until(lambda: objects_of(server, "lake", "errors/"))

    def events():
        found = logs.get_log_events(logGroupName="landing", logStreamName="delivery")
        return [event["message"] for event in found["events"]]

    told_there = json.loads(
        wait_until(lambda: next((text for text in events() if "ZeroDiv" in text), None))
    )
    assert told_there["errorCode"] == "Lambda.FunctionError"
    assert told_there["deliveryStreamARN"].endswith(":deliverystream/once")
    wait_until(lambda: "ZeroDivisionError" in stage(server, "deliveries", "once")["last_error"])
    assert "ZeroDivisionError" in told(server)
