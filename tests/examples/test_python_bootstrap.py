"""Our bootstrap for python3.x, as a function and its caller see it, on the test's Runtime API."""
import json
import pathlib
import re
import subprocess
import sys
import textwrap

import pytest

from runtime_api import RuntimeApi

BOOTSTRAP = pathlib.Path(__file__).parents[2] / "src" / "lambda" / "bootstrap.py"


@pytest.fixture
def api():
    with RuntimeApi() as server:
        yield server


@pytest.fixture
def start(api, tmp_path):
    """Starts the bootstrap on a folder with the given files."""
    started = []

    def start_it(code, handler="index.lambda_handler", files=None, **env):
        for name, text in {"index.py": code, **(files or {})}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        environment = {
            "_HANDLER": handler,
            "LAMBDA_TASK_ROOT": str(tmp_path),
            "AWS_LAMBDA_FUNCTION_NAME": "F",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/F",
            "AWS_LAMBDA_LOG_STREAM_NAME": "2024/06/10/[$LATEST]0",
            "LANG": "en_US.UTF-8",
            **env,
        }
        function = api.start([sys.executable, str(BOOTSTRAP)], environment)
        started.append(function)
        return function

    yield start_it
    for function in started:
        function.__exit__()


def test_the_reply_is_what_json_dumps_writes(api, start):
    start("def lambda_handler(event, context):\n    return {'got': event['x'], 'n': 1.5}")
    answer = api.invoke({"x": "Grüße 😀"})
    assert answer.kind == "response"
    assert answer.body.decode() == '{"got": "Grüße 😀", "n": 1.5}'


def test_none_is_null_and_decimals_become_floats(api, start):
    start(
        """
        from decimal import Decimal
        def lambda_handler(event, context):
            return {"price": Decimal("9.50")} if event else None
        """
    )
    assert api.invoke({}).body == b"null"
    assert api.invoke({"x": 1}).body == b'{"price": 9.5}'


def test_half_a_surrogate_pair_is_answered_as_an_escape(api, start):
    start("def lambda_handler(event, context):\n    return '\\ud800'")
    assert api.invoke({}).body == b'"\\ud800"'


def test_globals_and_the_connection_live_as_long_as_the_process(api, start):
    start(
        """
        calls = 0
        def lambda_handler(event, context):
            global calls
            calls += 1
            return calls
        """
    )
    assert [api.invoke({}).body for _ in range(3)] == [b"1", b"2", b"3"]
    assert len(api.connections) == 1


def test_a_connection_that_is_closed_between_events_is_opened_again(api, start):
    start("def lambda_handler(event, context):\n    return event")
    api.close_after_answer = True
    assert [api.invoke(n).body for n in range(3)] == [b"0", b"1", b"2"]
    assert len(api.connections) == 3


@pytest.mark.parametrize("chunked", [0, 70000])
def test_events_of_six_megabytes_arrive_whole(api, start, chunked):
    start("def lambda_handler(event, context):\n    return len(event['blob'])")
    assert api.invoke({"blob": "x" * 6_000_000}, chunked=chunked).body == b"6000000"


def test_a_reply_that_is_too_large_costs_only_this_invocation(api, start):
    function = start("def lambda_handler(event, context):\n    return 'x' * event['size']")
    assert api.invoke({"size": 7_000_000}).status == 413
    assert api.invoke({"size": 1}).body == b'"x"'
    assert "answered 413" in function.output()


def test_an_exception_is_told_as_aws_does_and_the_process_goes_on(api, start, tmp_path):
    function = start(
        """
        import helper
        def lambda_handler(event, context):
            if event.get("bad"):
                helper.fail("boom")
            return "fine"
        """,
        files={"helper.py": "def fail(text):\n    raise ValueError(text)\n"},
    )
    answer = api.invoke({"bad": True})
    assert answer.kind == "error"
    assert answer.headers["Lambda-Runtime-Function-Error-Type"] == "ValueError"
    assert json.loads(answer.body) == {
        "errorMessage": "boom",
        "errorType": "ValueError",
        "requestId": api.request_id,
        "stackTrace": [
            '  File "/var/task/index.py", line 5, in lambda_handler\n    helper.fail("boom")\n',
            '  File "/var/task/helper.py", line 2, in fail\n    raise ValueError(text)\n',
        ],
    }
    assert list(json.loads(answer.body)) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert "[ERROR] ValueError: boom\nTraceback (most recent call last):\n" in function.output()
    assert str(tmp_path) not in function.output()
    assert api.invoke({}).body == b'"fine"'


def test_a_result_that_is_not_json_is_a_marshal_error(api, start):
    start("def lambda_handler(event, context):\n    return {1, 2}")
    answer = api.invoke({})
    assert answer.headers["Lambda-Runtime-Function-Error-Type"] == "Runtime.MarshalError"
    body = json.loads(answer.body)
    assert body["errorType"] == "Runtime.MarshalError"
    assert (
        body["errorMessage"]
        == "Unable to marshal response: Object of type set is not JSON serializable"
    )
    assert body["stackTrace"] == []


def test_an_event_that_is_not_json_is_an_unmarshal_error(api, start):
    start("def lambda_handler(event, context):\n    return 1")
    assert json.loads(api.invoke(b"{").body)["errorType"] == "Runtime.UnmarshalError"
    assert api.invoke({}).body == b"1"


@pytest.mark.parametrize(
    "code, handler, kind, message",
    [
        (
            "import nothing_of_that_name",
            "index.lambda_handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'index': No module named 'nothing_of_that_name'",
        ),
        (
            "",
            "missing.lambda_handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'missing': No module named 'missing'",
        ),
        (
            "other = 1",
            "index.lambda_handler",
            "Runtime.HandlerNotFound",
            "Handler 'lambda_handler' missing on module 'index'",
        ),
        (
            "",
            "nodot",
            "Runtime.MalformedHandlerName",
            "Bad handler 'nodot': not enough values to unpack (expected 2, got 1)",
        ),
        ("1/0", "index.lambda_handler", "ZeroDivisionError", "division by zero"),
        (
            "def x(:",
            "index.lambda_handler",
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module 'index': invalid syntax (index.py, line 1)",
        ),
    ],
)
def test_a_failed_import_ends_the_process_after_saying_why(
        api, start, code, handler, kind, message):
    function = start(code, handler=handler)
    answer = api.next_answer()
    assert answer.kind == "init"
    assert answer.headers["Lambda-Runtime-Function-Error-Type"] == kind
    body = json.loads(answer.body)
    assert (body["errorType"], body["errorMessage"]) == (kind, message)
    assert body["requestId"] == ""
    for frame in body["stackTrace"]:
        assert frame.startswith('  File "/var/task/index.py"')
    assert api.next_answer()[3] == 1  # the exit status
    assert f"[ERROR] {kind}: {message}" in function.output()


def test_sys_exit_in_the_handler_ends_the_process_without_an_answer(api, start):
    function = start(
        """
        import sys
        def lambda_handler(event, context):
            print("last words")
            sys.exit(event["status"])
        """
    )
    answer = api.invoke({"status": 3})
    assert (answer.kind, answer.status) == ("exit", 3)
    assert function.output() == "last words\n"


def test_what_was_printed_is_there_even_if_the_process_dies(api, start):
    function = start(
        """
        import os
        def lambda_handler(event, context):
            print("before", "Grüße")
            os._exit(9)
        """
    )
    assert api.invoke({}).status == 9
    assert function.output() == "before Grüße\n"


def test_the_handler_may_lie_in_a_folder(api, start):
    start("", handler="app/sales.run", files={"app/sales.py": "def run(event, context): return 7"})
    assert api.invoke({}).body == b"7"


def test_the_task_root_is_the_working_directory_and_first_on_the_path(api, start, tmp_path):
    start(
        """
        import os, sys
        def lambda_handler(event, context):
            return [os.getcwd(), sys.path[0], open("data.txt").read(), __name__]
        """,
        files={"data.txt": "here"},
    )
    root = str(tmp_path)
    assert json.loads(api.invoke({}).body) == [root, root, "here", "index"]


def test_the_context_says_what_aws_says(api, start):
    start(
        """
        import os
        def lambda_handler(event, c):
            return [c.aws_request_id, c.function_name, c.function_version, c.invoked_function_arn,
                    c.memory_limit_in_mb, c.log_group_name, c.log_stream_name, c.client_context,
                    c.identity.cognito_identity_id, 0 < c.get_remaining_time_in_millis() <= 30000,
                    os.environ["_X_AMZN_TRACE_ID"]]
        """
    )
    body = json.loads(api.invoke({}).body)
    assert body == [
        api.request_id,
        "F",
        "$LATEST",
        "arn:aws:lambda:us-east-1:111111111111:function:F",
        "128",
        "/aws/lambda/F",
        "2024/06/10/[$LATEST]0",
        None,
        None,
        True,
        "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
    ]


def test_the_client_context_is_passed_on(api, start):
    start(
        """
        def lambda_handler(event, context):
            client = context.client_context
            return [client.custom["a"], client.env, client.client.app_title]
        """
    )
    sent = {"custom": {"a": 1}, "env": {"b": "2"}, "client": {"app_title": "t"}}
    answer = api.invoke({}, headers={"Lambda-Runtime-Client-Context": json.dumps(sent)})
    assert json.loads(answer.body) == [1, {"b": "2"}, "t"]


def test_logging_writes_the_level_the_time_and_the_request_id(api, start, tmp_path):
    function = start(
        """
        import logging
        logging.basicConfig(format="not used: the root logger has its handler")
        logger = logging.getLogger()
        logger.setLevel(logging.INFO)
        logger.info("at import")
        def lambda_handler(event, context):
            logger.info("order %s", event["id"])
            logger.debug("unseen")
            try:
                1/0
            except ZeroDivisionError:
                logger.exception("odd")
        """
    )
    api.invoke({"id": "o1"})
    lines = function.output().splitlines()
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.fullmatch(rf"\[INFO\]\t{moment}\t\tat import", lines[0])
    assert re.fullmatch(rf"\[INFO\]\t{moment}\t{api.request_id}\torder o1", lines[1])
    assert re.fullmatch(rf"\[ERROR\]\t{moment}\t{api.request_id}\todd", lines[2])
    assert lines[4].startswith('  File "/var/task/index.py", line 11, in lambda_handler')
    assert str(tmp_path) not in function.output()


def test_it_ends_when_the_runtime_is_gone(tmp_path):
    (tmp_path / "index.py").write_text("def lambda_handler(e, c): return 1")
    env = {
        "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1",
        "LAMBDA_TASK_ROOT": str(tmp_path),
        "_HANDLER": "index.lambda_handler",
    }
    done = subprocess.run(
        [sys.executable, str(BOOTSTRAP)], env=env, timeout=120, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.startswith("bootstrap: lost the runtime at '127.0.0.1:1': ")


def test_it_starts_with_little(tmp_path):
    """A start takes 60 ms, most of it Python's own; any of these modules would add to each."""
    heavy = ["asyncio", "concurrent.futures", "email", "http.client", "multiprocessing", "pickle",
             "ssl", "subprocess", "tempfile", "urllib.request", "xml", "zipfile"]  # fmt: skip
    (tmp_path / "index.py").write_text(
        "import sys\n\n\ndef lambda_handler(event, context):\n"
        "    return [name for name in event if name in sys.modules]\n")
    env = {"LAMBDA_TASK_ROOT": str(tmp_path), "_HANDLER": "index.lambda_handler"}
    with RuntimeApi() as api, api.start([sys.executable, str(BOOTSTRAP)], env):
        assert json.loads(api.invoke(heavy).body) == []
