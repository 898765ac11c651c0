"""examples/iceberg: the script runs as its README says, and the transform gives what it must."""
import base64
import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import botocore.session
import pytest

FOLDER = pathlib.Path(__file__).parents[2] / "examples" / "iceberg"


def knows_iceberg():
    shape = botocore.session.get_session().get_service_model("firehose").shape_for(
        "CreateDeliveryStreamInput")
    return "IcebergDestinationConfiguration" in shape.members


@pytest.mark.skipif(not knows_iceberg(), reason="this boto3 is older than Iceberg destinations")
def test_the_script_shows_the_orders_as_they_are(server, fresh):
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
                   "AWS_DEFAULT_REGION": "us-east-1"}
    run = subprocess.run(
        [sys.executable, FOLDER / "current_orders.py", "--endpoint-url", server.url,
         "--name", fresh("orders").lower()],
        capture_output=True, text=True, env=environment, timeout=240, check=False)
    assert run.returncode == 0, run.stderr + run.stdout
    lines = [line.strip() for line in run.stdout.splitlines()]
    now = ["o-1  Tea pot  3  19.9", "o-2  Cup  6  4.5"]
    assert lines[:3] == ["orders now:", *now]
    assert lines[3:6] == ["pieces and revenue:", "Cup  6  27.0", "Tea pot  3  59.7"]
    assert lines[-4:] == ["replace  2  1  0", "orders now, packed:", *now]


def test_the_transform_names_the_operation():
    spec = importlib.util.spec_from_file_location("transform", FOLDER / "transform.py")
    transform = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(transform)
    os.environ["DATABASE"] = "d"
    keys = {"orderid": {"S": "o-1"}}
    changes = [{"eventName": "INSERT", "dynamodb": {"Keys": keys, "NewImage": {
                    **keys, "quantity": {"N": "3"}, "note": {"NULL": True}}}},
               {"eventName": "REMOVE", "dynamodb": {"Keys": keys, "OldImage": keys}}]
    reply = transform.handler({"records": [
        {"recordId": str(i), "data": base64.b64encode(json.dumps(change).encode()).decode()}
        for i, change in enumerate(changes)]}, None)
    assert [(record["metadata"]["otfMetadata"]["operation"],
             json.loads(base64.b64decode(record["data"]))) for record in reply["records"]] == [
        ("update", {"orderid": "o-1", "quantity": 3, "note": None}), ("delete", {"orderid": "o-1"})]
