"""lambda.h on the wire: C programs that serve a Runtime API of the test's."""
import base64
import json
import pathlib
import re
import shutil
import subprocess
import textwrap

import pytest

from runtime_api import RuntimeApi

ROOT = pathlib.Path(__file__).parents[2]
HEADER = ROOT / "include" / "millrace" / "lambda.h"

FUNCTION = r"""
#include <millrace/lambda.h>

static bool serve(struct lambda_slice event, struct lambda_buffer *reply,
                  struct lambda_context *context, void *user)
{
    struct lambda_slice what = lambda_slice_text(""), size;
    int64_t bytes = 0;
    int *calls = (int *)user;
    ++*calls;
    (void)lambda_json_find(event, "what", &what);
    if (lambda_json_equals(what, lambda_slice_text("calls"))) {
        lambda_buffer_add_int(reply, *calls);
    } else if (lambda_json_equals(what, lambda_slice_text("nothing"))) {
        return true;
    } else if (lambda_json_equals(what, lambda_slice_text("size"))) {
        lambda_buffer_add_int(reply, (int64_t)event.len);
    } else if (lambda_json_equals(what, lambda_slice_text("grow"))) {
        if (!lambda_json_find(event, "size", &size) || !lambda_json_int(size, &bytes))
            return lambda_fail(context, "Test.NoSize", "no 'size'");
        lambda_buffer_add_byte(reply, '"');
        while (bytes-- > 0)
            lambda_buffer_add_byte(reply, 'x');
        lambda_buffer_add_byte(reply, '"');
    } else if (lambda_json_equals(what, lambda_slice_text("context"))) {
        int64_t left = lambda_remaining_ms(context);
        lambda_buffer_add_byte(reply, '[');
        lambda_json_write_string(reply, lambda_slice_text(context->request_id));
        lambda_buffer_add_byte(reply, ',');
        lambda_json_write_string(reply, lambda_slice_text(context->function_arn));
        lambda_buffer_add_byte(reply, ',');
        lambda_json_write_string(reply, lambda_slice_text(context->trace_id));
        lambda_buffer_add_byte(reply, ',');
        lambda_json_write_string(reply, lambda_slice_text(getenv("_X_AMZN_TRACE_ID")));
        lambda_buffer_add_byte(reply, ',');
        lambda_buffer_add_text(reply, left > 0 && left <= 30000 ? "true]" : "false]");
    } else if (lambda_json_equals(what, lambda_slice_text("exit"))) {
        printf("last words\n");
        exit(3);
    } else if (lambda_json_equals(what, lambda_slice_text("silent"))) {
        return false;
    } else {
        printf("odd\n");
        return lambda_fail(context, "Test.Odd one", "what is \"%.*s\"?", (int)what.len, what.ptr);
    }
    return true;
}

int main(int argc, char **argv)
{
    int calls = 0;
    if (argc > 1)
        return lambda_init_error("Test.NoStart", argv[1]);
    return lambda_run(serve, &calls);
}
"""


def compile_c(source, program, *flags, compiler="cc"):
    command = [compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-I", str(ROOT / "include"), *flags]
    subprocess.run([*command, "-o", str(program), str(source)], check=True)
    return program


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("function")
    (folder / "function.c").write_text(FUNCTION)
    return compile_c(folder / "function.c", folder / "bootstrap")


@pytest.fixture
def api():
    with RuntimeApi() as server:
        yield server


@pytest.fixture
def function(api, program):
    with api.start([str(program)]) as it:
        yield it


def test_it_answers_event_after_event_on_one_connection(api, function):
    assert [api.invoke({"what": "calls"}).body for _ in range(3)] == [b"1", b"2", b"3"]
    assert api.invoke({"what": "nothing"}).body == b"null"
    assert len(api.connections) == 1


def test_a_connection_that_is_closed_between_events_is_opened_again(api, function):
    api.close_after_answer = True
    assert [api.invoke({"what": "calls"}).body for _ in range(3)] == [b"1", b"2", b"3"]
    assert len(api.connections) == 3


@pytest.mark.parametrize("chunked", [0, 1000, 70000])
def test_events_of_six_megabytes_arrive_whole(api, function, chunked):
    event = json.dumps({"what": "size", "blob": "x" * 6_000_000}).encode()
    assert api.invoke(event, chunked=chunked).body == str(len(event)).encode()
    assert api.invoke({"what": "calls"}).body == b"2"


def test_large_replies_arrive_whole_and_too_large_ones_cost_only_themselves(api, function):
    assert api.invoke({"what": "grow", "size": 6_000_000}).body == b'"%s"' % (b"x" * 6_000_000)
    assert api.invoke({"what": "grow", "size": 7_000_000}).status == 413
    assert api.invoke({"what": "calls"}).body == b"3"
    assert "answered 413" in function.output()


def test_a_failure_is_sent_with_type_and_message(api, function):
    answer = api.invoke({"what": "\u00fc"})
    assert answer.kind == "error"
    assert answer.headers["Lambda-Runtime-Function-Error-Type"] == "Test.Odd_one"
    assert json.loads(answer.body) == {
        "errorMessage": 'what is ""\\u00fc""?',
        "errorType": "Test.Odd one",
        "stackTrace": [],
    }
    assert '[ERROR] Test.Odd one: what is ""' in function.output()
    assert "odd\n" in function.output()  # stdout is flushed after each event
    assert json.loads(api.invoke({"what": "silent"}).body)["errorType"] == "Function.Failed"
    assert api.invoke({"what": "calls"}).body == b"3"


def test_the_context_is_filled_from_the_headers(api, function):
    body = json.loads(api.invoke({"what": "context"}).body)
    assert body == [
        api.request_id,
        "arn:aws:lambda:us-east-1:111111111111:function:F",
        "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
        "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
        True,
    ]


def test_a_function_that_exits_leaves_its_output(api, function):
    answer = api.invoke({"what": "exit"})
    assert (answer.kind, answer.status) == ("exit", 3)
    assert function.output() == "last words\n"


def test_a_failed_set_up_is_reported_before_the_first_event(api, program):
    with api.start([str(program), 'no "model"']):
        answer = api.next_answer()
        assert answer.kind == "init"
        assert json.loads(answer.body)["errorType"] == "Test.NoStart"
        assert json.loads(answer.body)["errorMessage"] == 'no "model"'
        assert api.next_answer().status == 1


def test_outside_of_lambda_it_answers_the_event_on_stdin(program):
    done = subprocess.run([program], input=b'{"what":"calls"}', capture_output=True, env={})
    assert (done.returncode, done.stdout) == (0, b"1\n")
    done = subprocess.run([program], input=b"{}", capture_output=True, env={})
    assert done.returncode == 1
    assert json.loads(done.stdout.splitlines()[-1])["errorType"] == "Test.Odd one"


def test_it_ends_when_the_runtime_is_gone(program):
    env = {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1"}
    done = subprocess.run([program], env=env, timeout=120, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "lambda: lost the runtime at '127.0.0.1:1'\n"


def worked_examples():
    """The programs that the header opens with, out of its first comment."""
    comment = HEADER.read_text().split("*/")[0]
    lines = [line[3:] for line in comment.splitlines() if line.startswith(" * ") or line == " *"]
    code, blocks = [], []
    for line in [*lines, "end"]:
        if line.startswith("    ") or (not line.strip() and code):
            code.append(line)
        elif code:
            blocks.append(textwrap.dedent("\n".join(code)))
            code = []
    firehose = next(block for block in blocks if "keep_large" in block)
    plain = next(block for block in blocks if "greet" in block)
    plain = "#include <millrace/lambda.h>\n" + plain.replace(
        "... return lambda_run(greet, NULL);", "int main(void) { return lambda_run(greet, NULL); }"
    )
    return firehose, plain


LANGUAGES = [
    ("cc", "c", "-std=c11"),
    ("cc", "c", "-std=c17"),
    ("c++", "cc", "-std=c++11"),
    ("c++", "cc", "-std=c++17"),
]


@pytest.mark.parametrize("compiler, suffix, standard", LANGUAGES)
def test_the_worked_examples_of_the_header_work(tmp_path, compiler, suffix, standard):
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler} here")
    firehose, plain = worked_examples()
    flags = ("-Wpedantic", "-Wshadow", "-Wconversion", standard)
    programs = {}
    for name, code in {"keep_large": firehose, "greet": plain}.items():
        source = tmp_path / f"{name}.{suffix}"
        source.write_text(code)
        programs[name] = compile_c(source, tmp_path / name, *flags, compiler=compiler)

    def answer(name, event):
        event = json.dumps(event).encode()
        done = subprocess.run([programs[name]], input=event, capture_output=True, env={})
        return json.loads(done.stdout)

    assert answer("greet", {"name": "you"}) == {"hello": "you"}
    assert answer("greet", {})["errorType"] == "Greet.NoName"
    data = [b'{"order":{"price":%s}}' % price for price in (b"100", b"99.9", b'"?"')]
    records = [
        {"recordId": str(n), "data": base64.b64encode(it).decode()} for n, it in enumerate(data)
    ]
    reply = answer("keep_large", {"records": records})["records"]
    assert [record["result"] for record in reply] == ["Ok", "Dropped", "ProcessingFailed"]
    assert base64.b64decode(reply[0]["data"]) == data[0] + b"\n"


def test_lines_of_the_header_are_short_and_its_functions_too():
    lines = HEADER.read_text().splitlines()
    assert max(map(len, lines)) <= 100
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            assert number - start <= 70, f"line {start}"
            start = None
    assert not [line for line in lines if re.search(r"\b(strcpy|sprintf|atoi|strtok)\b", line)]
