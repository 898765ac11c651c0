"""The Lambda transformation: the event, every outcome, retries, error objects."""

import base64
import json
import re
import time

from support import wait_until
from support.chain import (
    ACCOUNT,
    lines_of,
    make_delivery,
    make_function,
    objects_of,
    status_of,
    unchecked,
)

UPPER = """
import base64
def handler(event, context):
    return {"records": [
        {"recordId": r["recordId"], "result": "Ok",
         "data": base64.b64encode(base64.b64decode(r["data"]).upper()).decode()}
        for r in event["records"]]}
"""

# Each record says what is to become of it.
OBEY = """
import base64, os, sys, time
def handler(event, context):
    answer = []
    for r in event["records"]:
        text = base64.b64decode(r["data"]).decode()
        row = {"recordId": r["recordId"], "result": "Ok", "data": r["data"]}
        if text == "raise":
            raise ValueError("as asked")
        if text == "exit":
            os._exit(3)
        if text == "hang":
            time.sleep(60)
        if text == "drop":
            row = {"recordId": r["recordId"], "result": "Dropped", "data": r["data"]}
        if text == "fail":
            row["result"] = "ProcessingFailed"
        if text == "nothing":
            row["data"] = None
        if text == "odd":
            row["result"] = "Perhaps"
        if text == "forget":
            continue
        if text == "empty":
            row["data"] = ""
        answer.append(row)
        if text == "double":
            answer.append(row)
        if text == "extra":
            answer.append({"recordId": "no such id", "result": "Ok", "data": "eA=="})
    return {"records": answer[::-1]}
"""

ECHO = """
import base64, json
def handler(event, context):
    text = base64.b64encode(json.dumps(event).encode()).decode()
    return {"records": [
        {"recordId": r["recordId"], "result": "Ok" if i == 0 else "Dropped", "data": text}
        for i, r in enumerate(event["records"])]}
"""


def put(firehose, name, *texts):
    firehose.put_record_batch(
        DeliveryStreamName=name, Records=[{"Data": text.encode()} for text in texts]
    )


def good_and_bad(server, bucket, good, bad):
    """The data's bytes and the error lines, once there are so many objects of each."""

    def found():
        data = objects_of(server, bucket, "data/")
        errors = lines_of(server, bucket, "errors/")
        return len(data) >= good and len(errors) >= bad and (b"".join(data.values()), errors)

    return wait_until(found)


PREFIXES = {"Prefix": "data/", "ErrorOutputPrefix": "errors/"}


def test_what_the_function_answers_lands(server, firehose, bucket, function, delivery):
    name = delivery(function=function(UPPER), **PREFIXES)
    put(firehose, name, "one ", "two ")
    wait_until(lambda: b"".join(objects_of(server, bucket).values()) == b"ONE TWO ")


def test_the_event_of_a_kinesis_source(server, client, bucket, stream, function, delivery):
    source, arn = stream(2)
    name = delivery(source=arn, function=function(ECHO))
    body = {"ä": 1}
    put = client("kinesis").put_record(
        StreamName=source, Data=json.dumps(body).encode(), PartitionKey="key é"
    )
    event = wait_until(lambda: lines_of(server, bucket))[0]
    assert re.fullmatch("[0-9a-f-]{36}", event.pop("invocationId"))
    record = event["records"].pop()
    assert event == {
        "sourceKinesisStreamArn": arn,
        "deliveryStreamArn": f"arn:aws:firehose:us-east-1:{ACCOUNT}:deliverystream/{name}",
        "region": "us-east-1",
        "records": [],
    }
    arrival = record["approximateArrivalTimestamp"]
    assert isinstance(arrival, int) and arrival > 1_700_000_000_000
    assert json.loads(base64.b64decode(record["data"])) == body
    assert record == {
        "recordId": put["SequenceNumber"] + "000000",
        "approximateArrivalTimestamp": arrival,
        "data": record["data"],
        "kinesisRecordMetadata": {
            "sequenceNumber": put["SequenceNumber"],
            "subsequenceNumber": 0,
            "partitionKey": "key é",
            "shardId": put["ShardId"],
            "approximateArrivalTimestamp": arrival,
        },
    }


def test_the_event_of_direct_put_has_no_kinesis_members(
    server, firehose, bucket, function, delivery
):
    name = delivery(function=function(ECHO))
    put(firehose, name, "x")
    event = wait_until(lambda: lines_of(server, bucket))[0]
    assert set(event) == {"invocationId", "deliveryStreamArn", "region", "records"}
    assert set(event["records"][0]) == {"recordId", "approximateArrivalTimestamp", "data"}


def test_each_record_fares_as_its_result_says(server, firehose, bucket, function, delivery):
    arn = function(OBEY)
    name = delivery(function=arn, **PREFIXES)
    put(firehose, name, "a", "drop", "fail", "nothing", "odd", "forget", "empty", "double",
        "extra", "z")  # fmt: skip
    data, errors = good_and_bad(server, bucket, 1, 5)
    assert data == b"aextraz"
    told = {base64.b64decode(e["rawData"]).decode(): e for e in errors}
    missing = (
        "Lambda.MissingRecordId",
        "One or more record Ids were not returned. Ensure that the Lambda function returns all "
        "received record Ids.",
    )
    doubled = (
        "Lambda.DuplicatedRecordId",
        "Multiple records were returned with the same record Id. Ensure that the Lambda function "
        "returns a unique record Id for each record.",
    )
    failed = ("Lambda.ProcessingFailedStatus", "ProcessingFailed status set for record")
    assert {text: e["errorCode"] for text, e in told.items()} == {
        "fail": failed[0],
        "nothing": "Lambda.InvalidReturnFormat",
        "odd": "Lambda.InvalidReturnFormat",
        "forget": missing[0],
        "double": doubled[0],
    }
    assert told["forget"]["errorMessage"] == missing[1]
    assert told["double"]["errorMessage"] == doubled[1]
    error = told["fail"]
    assert list(error) == [
        "rawData", "errorCode", "errorMessage", "attemptsMade", "arrivalTimestamp",
        "attemptEndingTimestamp", "lambdaARN",
    ]  # fmt: skip
    assert error["errorMessage"] == failed[1]
    assert error["attemptsMade"] == 1
    assert error["lambdaARN"] == arn
    assert error["arrivalTimestamp"] <= error["attemptEndingTimestamp"]
    assert isinstance(error["arrivalTimestamp"], int)


def test_error_objects_lie_under_their_prefix_and_end_each_line(
    server, firehose, bucket, function, delivery
):
    arn = function(OBEY)
    cases = {
        "errors/": r"errors/processing-failed/\d{4}/\d\d/\d\d/\d\d/NAME-1-.*",
        "e/!{firehose:error-output-type}/!{timestamp:yyyy}/":
            r"e/processing-failed/\d{4}/NAME-1-.*",
        None: r"data/processing-failed/\d{4}/\d\d/\d\d/\d\d/NAME-1-.*",
    }  # fmt: skip
    for prefix, pattern in cases.items():
        more = {"Prefix": "data/"}
        if prefix is not None:
            more["ErrorOutputPrefix"] = prefix
        name = delivery(function=arn, **more)
        put(firehose, name, "fail", "fail")

        def mine(name=name):
            return [key for key in objects_of(server, bucket) if f"/{name}-" in key]

        key = wait_until(mine)[0]
        assert re.fullmatch(pattern.replace("NAME", name), key), key
        body = objects_of(server, bucket)[key]
        assert body.count(b"\n") == 2 and body.endswith(b"}\n") and b'": ' not in body


def test_a_failing_function_is_retried_then_fails_all_records(
    server, firehose, bucket, function, delivery, client
):
    arn = function(OBEY)
    name = delivery(function=arn, retries=2, **PREFIXES)
    for text in ("raise", "exit"):
        put(firehose, name, text, "companion")
        wait_until(lambda text=text: any(
            base64.b64decode(e["rawData"]).decode() == text
            for e in lines_of(server, bucket, "errors/")
        ))  # fmt: skip
    errors = lines_of(server, bucket, "errors/")
    assert len(errors) == 4
    for error in errors:
        assert error["errorCode"] == "Lambda.FunctionError"
        assert error["errorMessage"] == (
            "The Lambda function was successfully invoked but it returned an error result."
        )
        assert error["attemptsMade"] == 3
    assert objects_of(server, bucket, "data/") == {}

    def last_error():
        return next(d for d in status_of(server)["deliveries"] if d["name"] == name)["last_error"]

    wait_until(lambda: "failed" in last_error())
    put(firehose, name, "well")
    good_and_bad(server, bucket, 1, 4)
    wait_until(lambda: last_error() == "")


def test_a_function_that_takes_too_long_fails_its_records(
    server, firehose, bucket, function, delivery
):
    name = delivery(function=function(OBEY, timeout=1), retries=0, **PREFIXES)
    put(firehose, name, "hang")
    _, errors = good_and_bad(server, bucket, 0, 1)
    assert errors[0]["errorCode"] == "Lambda.FunctionRequestTimedOut"
    assert errors[0]["attemptsMade"] == 1


def test_an_answer_that_is_none_fails_the_records_at_once(
    server, firehose, bucket, function, delivery
):
    for text, code in (
        ("def handler(event, context): return {'records': []}", "Lambda.MissingRecordId"),
        ("def handler(event, context): return 'nonsense'", "Lambda.MissingRecordId"),
        ("def handler(event, context): return None", "Lambda.MissingRecordId"),
    ):
        name = delivery(function=function(text), **PREFIXES)
        put(firehose, name, "x")

        def mine(name=name):
            return [
                json.loads(body)
                for key, body in objects_of(server, bucket, "errors/").items()
                if f"/{name}-" in key
            ]

        error = wait_until(mine)[0]
        assert (error["errorCode"], error["attemptsMade"]) == (code, 1), text


def test_a_missing_function_holds_the_records_until_there_is_one(
    server, firehose, client, bucket, fresh, delivery
):
    later = fresh("fn")
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{later}"
    name = delivery(function=arn, **PREFIXES)
    put(firehose, name, "patience ")

    def error():
        return next(d for d in status_of(server)["deliveries"] if d["name"] == name)["last_error"]

    wait_until(lambda: "cannot be called" in error())
    make_function(server, later, UPPER)
    wait_until(lambda: b"".join(objects_of(server, bucket).values()) == b"PATIENCE ")
    client("lambda").delete_function(FunctionName=later)


def test_the_qualifier_of_latest_is_kept_in_the_error(server, firehose, bucket, function, delivery):
    arn = function(OBEY) + ":$LATEST"
    name = delivery(function=arn, **PREFIXES)
    put(firehose, name, "fail")
    _, errors = good_and_bad(server, bucket, 0, 1)
    assert errors[0]["lambdaARN"] == arn


def test_a_delimiter_goes_behind_what_the_function_answered(
    server, firehose, bucket, function, delivery
):
    name = delivery(
        function=function(UPPER),
        processors=[
            {
                "Type": "AppendDelimiterToRecord",
                "Parameters": [{"ParameterName": "Delimiter", "ParameterValue": "\\n"}],
            }
        ],
    )
    put(firehose, name, "a", "b")
    wait_until(lambda: b"".join(objects_of(server, bucket).values()) == b"A\nB\n")


MEASURE = """
import base64, json
def handler(event, context):
    size = len(json.dumps(event, separators=(",", ":")))
    row = json.dumps([size, len(event["records"])]) + "\\n"
    data = base64.b64encode(row.encode()).decode()
    return {"records": [
        {"recordId": r["recordId"], "result": "Ok" if i == 0 else "Dropped", "data": data}
        for i, r in enumerate(event["records"])]}
"""


def test_many_small_records_come_in_events_of_at_most_six_megabytes(
    server, client, bucket, stream, fresh, delivery
):
    source, arn = stream()
    later = fresh("fn")
    parameters = {
        "LambdaArn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{later}",
        "BufferSizeInMBs": "3",
        "BufferIntervalInSeconds": "60",
    }
    delivery(
        source=arn,
        processors=[
            {
                "Type": "Lambda",
                "Parameters": [
                    {"ParameterName": k, "ParameterValue": v} for k, v in parameters.items()
                ],
            }
        ],
    )
    kinesis = client("kinesis")
    records = [{"Data": b"x" * 350, "PartitionKey": "key" * 20}] * 500
    for _ in range(26):
        kinesis.put_records(StreamName=source, Records=records)
    make_function(server, later, MEASURE, timeout=60)

    def rows():
        found = lines_of(server, bucket)
        return sum(count for _, count in found) >= 13000 and found

    events = wait_until(rows)
    assert sum(count for _, count in events) == 13000
    assert all(size <= 6_291_456 for size, _ in events)
    assert max(size for size, _ in events) > 3_000_000
    client("lambda").delete_function(FunctionName=later)


HANG_ONCE = """
import base64, os, time
def handler(event, context):
    if not os.path.exists(MARK):
        open(MARK, "w").close()
        time.sleep(600)
    return {"records": [{"recordId": r["recordId"], "result": "Ok", "data": r["data"]}
                        for r in event["records"]]}
"""


def test_a_stop_in_the_middle_of_a_function_makes_no_failure_of_it(own_server, tmp_path):
    mark = tmp_path / "mark"
    own_server.client("s3").create_bucket(Bucket="lake")
    text = f"MARK = {str(mark)!r}\n" + HANG_ONCE
    arn = make_function(own_server, "hang", text, timeout=600)
    make_delivery(own_server, "once", "lake", function=arn, retries=0, **PREFIXES)
    put(unchecked(own_server, "firehose"), "once", "kept ")
    wait_until(mark.exists)
    own_server.stop()  # long before the function's ten minutes are over
    own_server.start()
    wait_until(lambda: b"".join(objects_of(own_server, "lake").values()) == b"kept ")
    assert objects_of(own_server, "lake", "errors/") == {}


def test_a_deletion_does_not_wait_for_a_function_s_whole_time(own_server, tmp_path):
    mark = tmp_path / "mark"
    own_server.client("s3").create_bucket(Bucket="lake")
    text = f"MARK = {str(mark)!r}\n" + HANG_ONCE
    arn = make_function(own_server, "hang", text, timeout=3)
    make_delivery(own_server, "once", "lake", function=arn, retries=100, **PREFIXES)
    firehose = unchecked(own_server, "firehose")
    put(firehose, "once", "dropped")
    wait_until(mark.exists)
    start = time.monotonic()
    firehose.delete_delivery_stream(DeliveryStreamName="once")
    assert time.monotonic() - start < 60, "100 retries of 3 s each"
    assert objects_of(own_server, "lake") == {}


def test_a_function_that_runs_long_is_told_in_the_status(own_server, tmp_path):
    mark = tmp_path / "mark"
    own_server.client("s3").create_bucket(Bucket="lake")
    text = f"MARK = {str(mark)!r}\n" + HANG_ONCE
    arn = make_function(own_server, "hang", text, timeout=600)
    make_delivery(own_server, "slow", "lake", function=arn, retries=0, **PREFIXES)
    put(unchecked(own_server, "firehose"), "slow", "kept ")
    wait_until(mark.exists)

    def told():
        deliveries = status_of(own_server)["deliveries"]
        return next(d for d in deliveries if d["name"] == "slow")["last_error"]

    own_server.clock.advance(4)
    wait_until(lambda: "its function has been running" in told())
