"""TracingConfig: what a function and its log are told of a trace that nobody records."""

import base64
import json
import re

import pytest
from botocore.exceptions import ClientError

HANDLER = (
    "import os\n\n\ndef handler(event, context):\n    return os.environ['_X_AMZN_TRACE_ID']\n"
)
ROOT = "1-67891233-abcdef012345678912345678"
HEADER = re.compile(r"Root=(1-[0-9a-f]{8}-[0-9a-f]{24});Parent=([0-9a-f]{16});Sampled=([01])")


def call(server, name, trace=None):
    """The trace that the function saw, and the end of its log."""
    headers = {"X-Amz-Log-Type": "Tail", **({"X-Amzn-Trace-Id": trace} if trace else {})}
    path = f"/2015-03-31/functions/{name}/invocations"
    code, found, body = server.request("POST", path, "{}", headers=headers)
    assert code == 200
    found = {key.lower(): value for key, value in dict(found).items()}
    tail = base64.b64decode(found["x-amz-log-result"]).decode()
    return HEADER.fullmatch(json.loads(body)).groups(), tail


def test_an_active_function_s_events_are_sampled(server, make_function):
    name = make_function(HANDLER, TracingConfig={"Mode": "Active"})
    (root, segment, sampled), tail = call(server, name)
    assert sampled == "1"
    assert tail.endswith(f"\nXRAY TraceId: {root}\tSegmentId: {segment}\tSampled: true\t\n")


def test_others_follow_the_caller(server, make_function):
    name = make_function(HANDLER)
    (_, _, sampled), tail = call(server, name)
    assert sampled == "0" and "XRAY" not in tail
    (root, segment, sampled), tail = call(server, name, f"Root={ROOT};Parent=1;Sampled=1")
    assert (root, sampled) == (ROOT, "1")
    assert f"XRAY TraceId: {ROOT}\tSegmentId: {segment}\t" in tail
    active = make_function(HANDLER, TracingConfig={"Mode": "Active"})
    assert call(server, active, f"Root={ROOT};Sampled=0")[0][::2] == (ROOT, "0")
    assert call(server, name, "Root=nonsense;;=;Sampled=maybe")[0][2] == "0"


def test_the_report_of_json_logs_has_the_trace(server, make_function):
    name = make_function(HANDLER, TracingConfig={"Mode": "Active"})
    server.request("PUT", f"/2015-03-31/functions/{name}/configuration",
                   json.dumps({"LoggingConfig": {"LogFormat": "JSON"}}))  # fmt: skip
    (root, segment, _), tail = call(server, name)
    report = next(json.loads(line) for line in tail.splitlines() if "platform.report" in line)
    assert report["record"]["tracing"] == {
        "spanId": segment,
        "type": "X-Amzn-Trace-Id",
        "value": f"Root={root};Parent={segment};Sampled=1",
    }
