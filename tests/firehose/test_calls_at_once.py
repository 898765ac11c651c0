"""A backlog goes through the function in several invocations at once, and lands in its order."""

import json

from support import wait_until
from support.chain import objects_of, status_of

RECORDS, BATCHES = 400, 5

# Each invocation leaves a mark, waits a while for another's, and takes its own away if ALONE.
MEET = """
import base64, json, os, pathlib, time
def handler(event, context):
    marks = pathlib.Path(os.environ["MARKS"])
    (marks / context.aws_request_id).touch()
    deadline = time.monotonic() + float(os.environ["PATIENCE_S"])
    while len(list(marks.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.005)
    met = len(list(marks.iterdir())) >= 2
    if os.environ.get("ALONE"):
        (marks / context.aws_request_id).unlink()
    records = []
    for record in event["records"]:
        row = json.loads(base64.b64decode(record["data"]))
        row["met"] = met
        text = json.dumps(row) + "\\n"
        records.append({"recordId": record["recordId"], "result": "Ok",
                        "data": base64.b64encode(text.encode()).decode()})
    return {"records": records}
"""


def processor(function):
    return {"Type": "Lambda", "Parameters": [
        {"ParameterName": "LambdaArn", "ParameterValue": function},
        {"ParameterName": "BufferSizeInMBs", "ParameterValue": "0.2"},
        {"ParameterName": "BufferIntervalInSeconds", "ParameterValue": "60"}]}


def put_backlog(firehose, name):
    """Each request is far more than one invocation's worth."""
    for batch in range(BATCHES):
        records = [{"Data": b'{"n":%d,"fill":"%s"}' % (batch * RECORDS + i, b"x" * 1500)}
                   for i in range(RECORDS)]
        firehose.put_record_batch(DeliveryStreamName=name, Records=records)


def landed(server, bucket):
    """All rows; each object has a stretch of them, in order."""
    def whole():
        found = [[json.loads(line) for line in body.splitlines()]
                 for body in objects_of(server, bucket).values()]
        return found if sum(map(len, found)) >= RECORDS * BATCHES else None
    stretches = sorted(wait_until(whole), key=lambda rows: rows[0]["n"])
    rows = [row for stretch in stretches for row in stretch]
    assert [row["n"] for row in rows] == list(range(RECORDS * BATCHES))
    return rows


def test_two_invocations_run_side_by_side(server, firehose, bucket, function, delivery, tmp_path):
    called = function(MEET, timeout=60, Environment={
        "Variables": {"MARKS": str(tmp_path), "PATIENCE_S": "30"}})
    name = delivery(seconds=1, processors=[processor(called)])
    put_backlog(firehose, name)
    assert all(row["met"] for row in landed(server, bucket))


def test_a_function_of_one_at_a_time_is_called_one_at_a_time(
    server, client, firehose, bucket, function, delivery, tmp_path
):
    called = function(MEET, timeout=60, Environment={
        "Variables": {"MARKS": str(tmp_path), "PATIENCE_S": "0.2", "ALONE": "yes"}})
    client("lambda").put_function_concurrency(
        FunctionName=called, ReservedConcurrentExecutions=1)
    name = delivery(seconds=1, processors=[processor(called)])
    put_backlog(firehose, name)
    assert not any(row["met"] for row in landed(server, bucket))

    def last_error():
        return next(d for d in status_of(server)["deliveries"] if d["name"] == name)["last_error"]

    wait_until(lambda: last_error() == "")
    assert not objects_of(server, bucket, "errors/")
