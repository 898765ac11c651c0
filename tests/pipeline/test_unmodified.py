"""Programs written for AWS by somebody else run as they are.

orders_app.py is a boto3 program as one finds them: the resource API, Decimal, a table made and
waited for, batch_writer. firehose_handler.py is a transformation in the usual form. Neither knows
of millrace; with a new SDK the environment alone sends them here, with an old one a config does.
"""

import json
import os
import pathlib
import subprocess

import pytest
from support.chain import (
    lines_of,
    make_delivery,
    make_pipe,
    make_stream,
    objects_of,
    zip_of,
    wait_for_landing,
)

HERE = pathlib.Path(__file__).parent
# An SDK of before AWS_ENDPOINT_URL is told by its caller; nothing of the program changes.
OLD_SDK = """
import sys, os, runpy, boto3
plain = boto3.session.Session.client, boto3.session.Session.resource
def sent_to(make):
    def made(self, *args, **more):
        return make(self, *args, **{"endpoint_url": os.environ["AWS_ENDPOINT_URL"], **more})
    return made
boto3.session.Session.client, boto3.session.Session.resource = map(sent_to, plain)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def boto3_version(python):
    done = subprocess.run(
        [python, "-c", "import boto3; print(boto3.__version__)"],
        capture_output=True, text=True, env=plain_environment(),
    )  # fmt: skip
    return tuple(map(int, done.stdout.strip().split("."))) if done.returncode == 0 else None


def plain_environment():
    return {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}


@pytest.mark.parametrize("python", ["/usr/bin/python3", "python3"])
def test_a_boto3_program_and_a_handler_run_unmodified(own_server, python):
    version = boto3_version(python)
    if version is None:
        pytest.skip(f"{python} has no boto3")
    server = own_server
    environment = {
        **plain_environment(),
        **{k: v for k, v in server.env.items() if k.startswith("AWS_")},
        "AWS_ENDPOINT_URL": server.url,
    }
    program = str(HERE / "orders_app.py")
    knows_endpoint_url = version >= (1, 28)
    start = [python, program] if knows_endpoint_url else [python, "-c", OLD_SDK, program]

    def run(*args):
        done = subprocess.run(
            [*start, *args], env=environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    table = json.loads(run("create"))
    changes = make_stream(server, "changes")
    server.client("s3").create_bucket(Bucket="lake")
    functions = server.client("lambda")
    function = functions.create_function(
        FunctionName="transform",
        Runtime="python3.12",
        Role="arn:aws:iam::000000000000:role/fn",
        Handler="firehose_handler.lambda_handler",
        Code={"ZipFile": zip_of(firehose_handler=(HERE / "firehose_handler.py").read_text())},
        Timeout=60,
    )["FunctionArn"]
    prefixes = {"Prefix": "orders/", "ErrorOutputPrefix": "errors/"}
    make_delivery(server, "landing", "lake", changes, function, **prefixes)
    make_pipe(server, "copy", table["LatestStreamArn"], changes, key="$.eventID")
    said = json.loads(run("write"))
    assert said == {"scanned": 29, "price": "29.79", "sum": "421.79", "missing": None}
    wait_for_landing(server)
    rows = lines_of(server, "lake", "orders/")
    assert len(rows) == 32
    kinds = [row["event"] for row in rows]
    assert (kinds.count("INSERT"), kinds.count("MODIFY"), kinds.count("REMOVE")) == (30, 1, 1)
    first = next(row for row in rows if row["event"] == "INSERT" and row["orderid"] == "order-0")
    assert first == {
        "event": "INSERT", "orderid": "order-0", "product_name": "tea pot", "quantity": 1,
        "price": 0.5,
    }  # fmt: skip
    assert objects_of(server, "lake", "errors/") == {}
