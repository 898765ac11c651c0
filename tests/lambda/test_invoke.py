"""Invoke: answers, errors, time-outs, logs, processes that stay warm, die or are replaced."""

import base64
import concurrent.futures
import json
import os
import pathlib
import re
import time

import pytest
from botocore.exceptions import ClientError

from support import wait_until


def invoke(api, name, event=None, **members):
    """(payload as text, FunctionError or None, the whole reply)"""
    if event is not None:
        members["Payload"] = json.dumps(event)
    reply = api.invoke(FunctionName=name, **members)
    return reply["Payload"].read().decode(), reply.get("FunctionError"), reply


def tail_of(reply):
    return base64.b64decode(reply["LogResult"]).decode()


def error_of(api, name, event=None, **members):
    payload, kind, reply = invoke(api, name, event, **members)
    assert kind == "Unhandled" and reply["StatusCode"] == 200, payload
    return json.loads(payload)


def code_of(call, **members):
    with pytest.raises(ClientError) as caught:
        call(**members)
    return caught.value.response


def test_a_handlers_answer_comes_back_as_json(functions, make_function):
    name = make_function(
        "import decimal\n"
        "ANSWERS = {'none': None, 'text': 'grüße', 'number': decimal.Decimal('1.5'),\n"
        "           'list': [1, {'a': []}]}\n"
        "def handler(event, context):\n    return ANSWERS[event['want']]\n"
    )
    for want, payload in (
        ("none", "null"),
        ("text", '"grüße"'),
        ("number", "1.5"),
        ("list", '[1, {"a": []}]'),
    ):
        text, error, reply = invoke(functions, name, {"want": want})
        assert (text, error) == (payload, None)
        assert reply["StatusCode"] == 200 and reply["ExecutedVersion"] == "$LATEST"


def test_no_payload_is_an_empty_object_and_bad_json_is_refused(functions, make_function):
    name = make_function("def handler(event, context):\n    return event\n")
    assert invoke(functions, name)[0] == "{}"
    for payload in (b"{", b"\xff\xfe", b"{} x", b"'a'"):
        error = code_of(functions.invoke, FunctionName=name, Payload=payload)
        assert error["Error"]["Code"] == "InvalidRequestContentException"
        assert error["Error"]["Message"].startswith("Could not parse request body into json:")
        assert error["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_the_context_tells_the_function_about_itself(functions, make_function):
    name = make_function(
        "def handler(e, c):\n"
        "    return [c.function_name, c.function_version, c.invoked_function_arn,\n"
        "        c.memory_limit_in_mb, c.log_group_name, c.aws_request_id,\n"
        "        c.get_remaining_time_in_millis(),\n"
        "        c.client_context.custom if c.client_context else None, c.log_stream_name]\n",
        Timeout=7,
    )
    context = base64.b64encode(json.dumps({"custom": {"k": "v\n"}}).encode()).decode()
    text, _, reply = invoke(functions, name, {}, ClientContext=context)
    told = json.loads(text)
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    assert told[:5] == [name, "$LATEST", arn, "128", f"/aws/lambda/{name}"]
    assert told[5] == reply["ResponseMetadata"]["RequestId"]
    assert 5000 < told[6] <= 7000
    assert told[7] == {"k": "v\n"}
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", told[8])


def test_the_environment_is_aws_and_nothing_else(functions, make_function):
    name = make_function(
        "import os\n\n\ndef handler(e, c):\n    return dict(os.environ)\n",
        Environment={"Variables": {"STAGE": "test"}},
    )
    seen = json.loads(invoke(functions, name)[0])
    assert seen["AWS_REGION"] == seen["AWS_DEFAULT_REGION"] == "us-east-1"
    assert seen["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.11"
    assert seen["_HANDLER"] == "index.handler" and seen["STAGE"] == "test"
    assert seen["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "128"
    assert seen["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert seen["_X_AMZN_TRACE_ID"].startswith("Root=1-")
    assert "HOME" not in seen and "MILLRACE_BIN" not in seen


def test_an_exception_is_an_unhandled_error_and_keeps_the_process(functions, make_function):
    name = make_function(
        "import os\n\n\ndef handler(event, context):\n"
        "    if event:\n        raise ValueError('boom')\n    return os.getpid()\n"
    )
    first = invoke(functions, name, {})[0]
    _, _, reply = invoke(functions, name, {"a": 1})
    error = error_of(functions, name, {"a": 1})
    assert error["errorMessage"] == "boom" and error["errorType"] == "ValueError"
    assert re.fullmatch(r"[0-9a-f-]{36}", error["requestId"])
    assert error["stackTrace"] == [
        '  File "/var/task/index.py", line 6, in handler\n    raise ValueError(\'boom\')\n'
    ]
    assert invoke(functions, name, {})[0] == first


def test_import_errors_tell_what_is_missing(functions, make_function):
    missing = error_of(functions, make_function("import nothing_like_this\n"))
    assert missing["errorType"] == "Runtime.ImportModuleError"
    assert missing["errorMessage"] == (
        "Unable to import module 'index': No module named 'nothing_like_this'"
    )
    handler = error_of(functions, make_function("x = 1\n"))
    assert handler["errorType"] == "Runtime.HandlerNotFound"
    assert handler["errorMessage"] == "Handler 'handler' missing on module 'index'"


def test_a_function_that_takes_too_long_is_ended_and_replaced(functions, make_function):
    name = make_function(
        "import os, time\n\n\ndef handler(event, context):\n"
        "    while event:\n        time.sleep(1)\n    return os.getpid()\n",
        Timeout=1,
    )
    pid = int(invoke(functions, name, {})[0])
    started = time.monotonic()
    text, kind, reply = invoke(functions, name, {"a": 1}, LogType="Tail")
    assert time.monotonic() - started >= 1
    error, request = json.loads(text), reply["ResponseMetadata"]["RequestId"]
    assert kind == "Unhandled" and error == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {request} Error: Task timed out after 1.00 seconds",
    }
    assert f"{request} Task timed out after 1.0" in tail_of(reply)
    assert int(invoke(functions, name, {})[0]) != pid
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"))


@pytest.mark.parametrize(
    "statement, text",
    [
        ("sys.exit()", "Runtime exited without providing a reason"),
        ("os._exit(1)", "Runtime exited with error: exit status 1"),
        ("os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
    ],
)
def test_a_process_that_ends_is_replaced(functions, make_function, statement, text):
    name = make_function(
        "import os, sys\n\n\ndef handler(event, context):\n"
        f"    if event:\n        {statement}\n    return 'well'\n"
    )
    payload, kind, reply = invoke(functions, name, {"a": 1})
    assert kind == "Unhandled" and json.loads(payload) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {reply['ResponseMetadata']['RequestId']} Error: {text}",
    }
    assert invoke(functions, name, {})[0] == '"well"'


def test_a_process_that_ends_while_it_starts_is_an_error(functions, make_function):
    error = error_of(functions, make_function("import os\nos._exit(3)\n"))
    assert error["errorType"] == "Runtime.ExitError"
    assert error["errorMessage"].endswith("Runtime exited with error: exit status 3")


def test_answers_have_a_limit(functions, make_function):
    name = make_function("def handler(event, context):\n    return 'x' * event\n")
    text, kind, _ = invoke(functions, name, 6291556 - 2)
    assert kind is None and len(text) == 6291556
    assert error_of(functions, name, 6291556 - 1) == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": "Response payload size exceeded maximum allowed payload size "
        "(6291556 bytes).",
    }
    assert invoke(functions, name, 1)[0] == '"x"'


def test_requests_have_a_limit(functions, make_function):
    name = make_function("def handler(event, context):\n    return len(event)\n")
    assert invoke(functions, name, Payload=json.dumps("x" * 6000000))[0] == "6000000"
    error = code_of(functions.invoke, FunctionName=name, Payload=json.dumps("x" * 6291456))
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert error["Error"]["Code"] == "RequestTooLargeException"
    error = code_of(
        functions.invoke, FunctionName=name, InvocationType="Event",
        Payload=json.dumps("x" * (1 << 20)),
    )  # fmt: skip
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_the_log_tail_holds_what_was_written(functions, make_function):
    name = make_function(
        "import logging, sys\n\n\ndef handler(event, context):\n"
        "    print('to stdout')\n    sys.stderr.write('to stderr\\n')\n"
        "    logging.getLogger().warning('by logging')\n    print('no end', end='')\n    return 1\n"
    )
    for cold in (True, False):
        _, _, reply = invoke(functions, name, {}, LogType="Tail")
        tail, request = tail_of(reply), reply["ResponseMetadata"]["RequestId"]
        assert tail.startswith(f"START RequestId: {request} Version: $LATEST\n")
        for line in ("to stdout\n", "to stderr\n"):
            assert line in tail
        assert re.search(r"\[WARNING\]\t\S+Z\t" + request + "\tby logging\n", tail)
        assert f"END RequestId: {request}\n" in tail
        report = re.search(
            rf"REPORT RequestId: {request}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\t"
            r"Memory Size: 128 MB\tMax Memory Used: (\d+) MB\t(Init Duration: [\d.]+ ms\t)?\n$",
            tail,
        )
        assert report and int(report[1]) > 0 and bool(report[2]) == cold, tail


def test_the_tail_is_the_last_4096_bytes(functions, make_function):
    name = make_function(
        "def handler(e, c):\n    for i in range(5000):\n        print('line', i)\n"
    )
    _, _, reply = invoke(functions, name, {}, LogType="Tail")
    tail = tail_of(reply)
    assert len(tail) == 4096 and "line 4999\n" in tail and "line 0\n" not in tail


def test_a_dry_run_runs_nothing(functions, make_function):
    name = make_function("raise Exception('it ran')\n")
    reply = functions.invoke(FunctionName=name, InvocationType="DryRun")
    assert reply["StatusCode"] == 204 and reply["Payload"].read() == b""


def test_one_process_takes_one_event_at_a_time(functions, make_function):
    name = make_function(
        "import os, time\nbusy = False\n\n\ndef handler(event, context):\n"
        "    global busy\n    assert not busy\n    busy = True\n    time.sleep(0.2)\n"
        "    busy = False\n    return os.getpid()\n"
    )
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(lambda _: invoke(functions, name, {}), range(18)))
    assert [error for _, error, _ in replies] == [None] * 18
    pids = {text for text, _, _ in replies}
    assert 1 < len(pids) <= 6


def test_reserved_concurrency_is_a_limit(functions, make_function, tmp_path):
    name = make_function(
        "import os, time\n\n\ndef handler(gate, c):\n"
        "    while gate and not os.path.exists(gate):\n        time.sleep(0.02)\n    return 1\n",
        Timeout=90,
    )
    gate = tmp_path / "gate"
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    now = functions.get_function_concurrency(FunctionName=name)
    assert now["ReservedConcurrentExecutions"] == 0
    error = code_of(functions.invoke, FunctionName=name, Payload=b'""')
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert error["Error"]["Code"] == "TooManyRequestsException"
    assert error["Error"]["Message"] == "Rate Exceeded."
    assert error["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)

    def is_refused(waits_for):
        try:
            assert invoke(functions, name, waits_for)[0] == "1"
        except ClientError as error:
            return error.response["Error"]["Code"] == "TooManyRequestsException"

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        # Either may be refused, depending on who comes first; the long one until it gets in.
        slow = pool.submit(wait_until, lambda: not is_refused(str(gate)))
        wait_until(lambda: is_refused(""))
        gate.touch()
        assert slow.result()
    functions.delete_function_concurrency(FunctionName=name)
    assert invoke(functions, name, "")[0] == "1"


def test_more_callers_than_processes_wait_for_their_turn(functions, make_function):
    name = make_function(
        "import time\n\n\ndef handler(e, c):\n    time.sleep(0.05)\n    return e\n"
    )
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        replies = list(pool.map(lambda i: invoke(functions, name, i)[0], range(48)))
    assert replies == [str(i) for i in range(48)]


def test_an_event_runs_later_and_is_tried_again(functions, make_function, tmp_path):
    name = make_function(
        "def handler(event, context):\n"
        "    with open(event['path'], 'a') as file:\n"
        "        file.write(context.aws_request_id + '\\n')\n"
        "    if len(open(event['path']).readlines()) < event['good']:\n"
        "        raise Exception('again')\n"
    )

    def runs(path, good):
        reply = functions.invoke(
            FunctionName=name, InvocationType="Event",
            Payload=json.dumps({"path": str(path), "good": good}),
        )  # fmt: skip
        assert reply["StatusCode"] == 202 and reply["Payload"].read() == b""
        return reply["ResponseMetadata"]["RequestId"]

    def lines(path):
        return path.read_text().split() if path.exists() else []

    once, thrice = tmp_path / "once", tmp_path / "thrice"
    first, second = runs(once, 1), runs(thrice, 99)
    wait_until(lambda: len(lines(thrice)) == 3)
    wait_until(lambda: lines(once))
    assert lines(once) == [first]
    assert lines(thrice) == [second] * 3


def test_events_survive_the_servers_death(own_server, creator, tmp_path):
    api = own_server.client("lambda")
    go, out = tmp_path / "go", tmp_path / "out"
    creator(
        api, "f",
        "import os, time\n\n\ndef handler(event, context):\n"
        "    while not os.path.exists(event['go']):\n        time.sleep(0.02)\n"
        "    open(event['out'], 'a').write('%d\\n' % event['i'])\n",
        Timeout=60,
    )  # fmt: skip
    for i in range(20):
        api.invoke(
            FunctionName="f", InvocationType="Event",
            Payload=json.dumps({"i": i, "go": str(go), "out": str(out)}),
        )  # fmt: skip
    own_server.kill9()
    own_server.start()
    go.touch()
    wait_until(
        lambda: out.exists() and set(out.read_text().split()) == {str(i) for i in range(20)},
    )


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        direct = file.read().split()
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as file:
            found += file.read().split()
    return set(direct + found)


@pytest.mark.parametrize("end", ["stop", "kill9"])
def test_no_process_outlives_the_server(own_server, creator, end):
    api = own_server.client("lambda")
    creator(api, "f", "import os\n\n\ndef handler(e, c):\n    return os.getpid()\n")
    pid = int(invoke(api, "f", {})[0])
    assert str(pid) in children_of(own_server.pid)
    getattr(own_server, end)()
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"))


def test_descriptors_do_not_pile_up(own_server, creator):
    api = own_server.client("lambda")
    creator(api, "f", "import os\n\n\ndef handler(e, c):\n    os._exit(1)\n")

    def descriptors():
        return len(os.listdir(f"/proc/{own_server.pid}/fd"))

    for _ in range(3):
        error_of(api, "f", {})
    before = descriptors()
    for _ in range(10):
        error_of(api, "f", {})
    wait_until(lambda: descriptors() <= before + 2)


def test_a_reset_ends_functions_and_their_processes(own_server, creator):
    api = own_server.client("lambda")
    for _ in range(2):
        creator(api, "f", "import os\n\n\ndef handler(e, c):\n    return os.getpid()\n")
        pid = int(invoke(api, "f", {})[0])
        own_server.reset()
        wait_until(lambda: not os.path.exists(f"/proc/{pid}"))
        assert api.list_functions()["Functions"] == []
        assert not list((own_server.data / "functions").glob("*.zip"))


TRANSFORM = """
#include <millrace/lambda.h>

static bool answer(struct lambda_slice event, struct lambda_buffer *reply,
                   struct lambda_context *context, void *user)
{
    struct lambda_slice name;
    int *calls = user;
    if (!lambda_json_find(event, "name", &name))
        return lambda_fail(context, "Greet.NoName", "the event has no 'name'");
    fprintf(stderr, "greeting\\n");
    lambda_buffer_add_text(reply, "{\\"calls\\":");
    lambda_buffer_add_int(reply, ++*calls);
    lambda_buffer_add_text(reply, ",\\"hello\\":");
    lambda_buffer_add(reply, name);
    lambda_buffer_add_byte(reply, '}');
    return true;
}

int main(void)
{
    int calls = 0;
    return lambda_run(answer, &calls);
}
"""


def test_a_c_program_is_a_function(functions, make_function, compiled):
    name = make_function(
        "", Runtime="provided.al2023", Handler="bootstrap", Code={"ZipFile": compiled(TRANSFORM)}
    )
    for calls in (1, 2, 3):
        text, error, reply = invoke(functions, name, {"name": "Ada"}, LogType="Tail")
        assert error is None and json.loads(text) == {"calls": calls, "hello": "Ada"}
        assert "greeting\n" in tail_of(reply)
    failed = error_of(functions, name, {})
    assert failed["errorType"] == "Greet.NoName"
    assert failed["errorMessage"] == "the event has no 'name'"
    assert json.loads(invoke(functions, name, {"name": 1})[0])["calls"] == 4


def test_what_cannot_be_executed_makes_the_function_fail(functions, make_function, zipped):
    code = zipped({"bootstrap": b"\x7fELF not really"}, {"bootstrap": 0o100755})
    name = make_function("", Runtime="provided.al2023", Handler="x", Code={"ZipFile": code})
    error = code_of(functions.invoke, FunctionName=name)["Error"]
    assert error["Code"] == "ResourceConflictException"
    assert "cannot be executed" in error["Message"]
    assert functions.get_function_configuration(FunctionName=name)["State"] == "Failed"


USES_BOTO3 = """import boto3, botocore.config


def handler(event, context):
    api = boto3.client("lambda", "us-east-1")
    found = [api.get_function(FunctionName=context.function_name)["Configuration"]["State"]]
    s3 = boto3.resource("s3")
    s3.create_bucket(Bucket=event["bucket"])
    s3.Object(event["bucket"], "a/b").put(Body=b"by a function")
    found += [item.key for item in s3.Bucket(event["bucket"]).objects.all()]
    for options in ({}, {"endpoint_url": "http://127.0.0.1:1"}):
        retries = botocore.config.Config(retries={"max_attempts": 0})
        try:
            boto3.client("kinesis", config=retries, **options).list_streams()
        except Exception as problem:
            found.append(str(problem))
    return found
"""


def test_a_function_reaches_the_server_without_naming_it(functions, make_function, fresh):
    """Also with a boto3 that does not know AWS_ENDPOINT_URL, as Debian's."""
    name = make_function(
        USES_BOTO3,
        Timeout=60,
        MemorySize=512,
        Environment={"Variables": {"AWS_ENDPOINT_URL_KINESIS": "http://127.0.0.1:2"}},
    )
    text, error, _ = invoke(functions, name, {"bucket": fresh("by-a-function")})
    assert error is None, text
    state, key, own, named = json.loads(text)
    assert (state, key) == ("Active", "a/b")
    assert "http://127.0.0.1:2/" in own and "http://127.0.0.1:1/" in named


MISUSE = '''#!/usr/bin/python3
import http.client, json, os

api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])


def ask(method, path, body=None):
    api.request(method, "/2018-06-01/runtime/" + path, body)
    reply = api.getresponse()
    return reply, reply.read()


told = []
while True:
    reply, event = ask("GET", "invocation/next")
    request = reply.getheader("Lambda-Runtime-Aws-Request-Id")
    for method, path in (
        ("GET", "invocation/next"),
        ("POST", "invocation/nobody/response"),
        ("POST", "init/error"),
        ("POST", "invocation/" + request + "/else"),
        ("GET", "other"),
    ):
        told.append(ask(method, path, b"{}" if method == "POST" else None)[0].status)
    told.append(ask("POST", "invocation/" + request + "/response", json.dumps(told))[0].status)
    told.append(ask("POST", "invocation/" + request + "/response", b"1")[0].status)
'''


def test_a_runtime_that_breaks_the_rules_is_told_so(functions, make_function, zipped):
    code = zipped({"bootstrap": MISUSE}, {"bootstrap": 0o100755})
    name = make_function("", Runtime="provided.al2023", Handler="x", Code={"ZipFile": code})
    first = [403, 400, 403, 404, 404]
    assert json.loads(invoke(functions, name, {})[0]) == first
    assert json.loads(invoke(functions, name, {})[0]) == first + [202, 400] + first


def test_a_data_folder_may_be_named_from_where_the_server_starts(
    make_server, make_function, tmp_path, monkeypatch
):
    """README's first command says ./data; a function runs in a folder of its own."""
    server = make_server(start=False)
    monkeypatch.chdir(server.data.parent)
    server.data = pathlib.Path(server.data.name)
    server.start()
    functions = server.client("lambda")
    name = make_function("def handler(event, context):\n    return event\n", api=functions)
    assert invoke(functions, name, 7)[0] == "7"
    server.close()
