"""The program's own face: versions, help, lists, exit statuses."""

import json
import re
import subprocess

import pytest

from support.server import clean_environment, millrace_bin


def run(*args, env=None, **more):
    return subprocess.run(
        [millrace_bin(), *map(str, args)], capture_output=True, text=True, timeout=60,
        env={**clean_environment(), **(env or {})}, stdin=subprocess.DEVNULL, **more)


def test_the_version_is_told():
    done = run("--version")
    assert done.returncode == 0 and done.stderr == ""
    assert re.fullmatch(r"millrace \d+\.\d+\.\d+ \([0-9a-z-]+\)\n", done.stdout)


@pytest.mark.parametrize("args", [["--help"], []])
def test_help_names_every_command(args):
    done = run(*args)
    assert done.returncode == 0 and done.stderr == ""
    for name in ("serve", "up", "generate", "query", "status", "demo", "ops"):
        assert f"millrace {name} " in done.stdout


@pytest.mark.parametrize(
    "name", ["serve", "up", "generate", "query", "status", "wait", "verify", "ops"])
def test_a_command_tells_its_usage(name):
    done = run(name, "--help")
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.startswith(f"  millrace {name} ")
    assert "millrace " not in done.stdout[len(f"  millrace {name} "):]


def test_a_verbose_server_tells_what_happens_inside(make_server):
    for it, wanted in ((make_server("--verbose"), True), (make_server(), False)):
        it.client("s3").create_bucket(Bucket="bucket")
        it.client("athena").start_query_execution(
            QueryString="SELECT 1", ResultConfiguration={"OutputLocation": "s3://bucket/"})
        it.stop()
        assert (" debug athena: query " in it.log_path.read_text()) == wanted


def test_ops_lists_what_the_models_know():
    done = run("ops")
    assert done.returncode == 0
    rows = [line.split() for line in done.stdout.splitlines() if line[:2] in ("+ ", "- ")]
    assert len(rows) > 1000 and len({(row[1], row[2]) for row in rows}) == len(rows)
    told = re.search(r"^all: (\d+) of (\d+)$", done.stdout, re.MULTILINE)
    assert [int(n) for n in told.groups()] == [sum(r[0] == "+" for r in rows), len(rows)]
    some = run("ops", "dynamodbstreams")
    assert some.returncode == 0
    assert {line.split()[1] for line in some.stdout.splitlines() if line[:2] in ("+ ", "- ")} == {
        "dynamodbstreams"}
    none = run("ops", "nosuch")
    assert none.returncode == 2 and "millrace: ops: unknown service 'nosuch'" in none.stderr


@pytest.mark.parametrize(
    "args",
    [
        ["nonsense"], ["--nonsense"], ["serve", "--nonsense"], ["serve", "extra"],
        ["serve", "--listen"], ["serve", "--listen", "127.0.0.1:99999"], ["serve", "--data"],
        ["up"], ["up", "--nonsense"], ["up", "--parameter"], ["up", "--parameter", "x", "t.yaml"],
        ["up", "a", "b"], ["generate", "--nonsense"], ["generate", "--count", "many"],
        ["generate", "--rate", "-1"], ["generate", "extra"], ["query"], ["query", "--nonsense"],
        ["query", "a", "b"], ["status", "--nonsense"], ["status", "extra"],
        ["demo", "--nonsense"], ["demo", "extra"], ["ops", "a", "b"],
    ],
)
def test_wrong_usage_is_two_and_says_what_with_a_hint(args):
    done = run(*args)
    assert done.returncode == 2, done
    assert done.stdout == ""
    first, *rest = done.stderr.splitlines()
    assert first.startswith("millrace: ")
    assert len(rest) <= 1 and all(line.startswith("hint: ") for line in rest)


@pytest.mark.parametrize(
    "args", [["up", "/dev/null"], ["generate", "--count", "1"], ["query", "SELECT 1"], ["status"]]
)
def test_a_server_that_is_not_there_is_one_and_named_at_once(args):
    done = run(args[0], *args[1:], "--endpoint", "http://127.0.0.1:1")
    assert done.returncode == 1, done
    assert done.stderr.startswith("millrace: ")
    assert "127.0.0.1:1" in done.stderr
    assert len(done.stderr.splitlines()) <= 3


@pytest.mark.parametrize("endpoint", ["nonsense", "ftp://x", "http://", ""])
def test_an_endpoint_that_is_none_is_told(endpoint, own_server):
    done = run("status", "--endpoint", endpoint, env={"AWS_ENDPOINT_URL": own_server.url})
    assert ":4566" not in done.stderr, "no other server is asked instead"
    assert done.returncode in (1, 2) and done.stderr.startswith("millrace: ")
    assert len(done.stderr.splitlines()) <= 3


def test_the_status_of_a_server(own_server):
    done = run("status", "--endpoint", own_server.url)
    assert done.returncode == 0 and done.stdout
    status, headers, body = own_server.request("GET", "/_millrace/status")
    assert status == 200 and headers["content-type"] == "application/json"
    assert {"version", "journal", "tables", "pipes", "streams", "deliveries"} <= set(
        json.loads(body))
    status, _, body = own_server.request("GET", "/_millrace/health")
    assert json.loads(body)["status"] == "ok"
    assert own_server.request("GET", "/_millrace/nothing")[0] == 404


def test_reset_is_there_only_for_tests(make_server):
    for_tests, plain = make_server(), make_server(testing=False)
    for_tests.client("kinesis").create_stream(StreamName="s", ShardCount=1)
    for_tests.reset()
    assert for_tests.client("kinesis").list_streams()["StreamNames"] == []
    assert for_tests.request("GET", "/_millrace/reset")[0] == 405
    assert plain.request("POST", "/_millrace/reset")[0] == 404


@pytest.mark.parametrize(
    "text, problem",
    [
        ("", "no"), ("[a]\n", ""), ("[a]\naws_access_key_id = x\n", ""),
        ("nonsense\n", ""), ("aws_access_key_id = x\naws_secret_access_key = y\n", ""),
    ],
)
def test_a_broken_credentials_file_is_named(tmp_path, text, problem):
    path = tmp_path / "credentials"
    path.write_text(text)
    done = run("serve", "--data", tmp_path / "d", "--listen", "127.0.0.1:0", "--credentials", path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"millrace: credentials file '{path}': ")


def test_a_data_folder_that_cannot_be_is_told(tmp_path):
    (tmp_path / "file").write_text("x")
    done = run("serve", "--data", tmp_path / "file" / "data", "--listen", "127.0.0.1:0")
    assert done.returncode == 1
    assert str(tmp_path / "file" / "data") in done.stderr
