"""Streams, delivery streams, pipes and functions from the shell."""

import base64
import json
import zipfile

from support import wait_until

ROLE = "arn:aws:iam::000000000000:role/any"


def test_a_kinesis_stream_from_the_shell(aws, fresh):
    name = fresh("changes")
    aws("kinesis", "create-stream", "--stream-name", name, "--shard-count", "1")
    aws("kinesis", "wait", "stream-exists", "--stream-name", name)
    aws("kinesis", "put-record", "--stream-name", name, "--partition-key", "k",
        "--data", "hello", "--cli-binary-format", "raw-in-base64-out")
    aws("kinesis", "put-records", "--stream-name", name, "--records",
        "Data=d29ybGQ=,PartitionKey=k", "Data=IQ==,PartitionKey=k")
    iterator = aws(
        "kinesis", "get-shard-iterator", "--stream-name", name,
        "--shard-id", "shardId-000000000000", "--shard-iterator-type", "TRIM_HORIZON",
        "--query", "ShardIterator", "--output", "text",
    ).stdout.strip()
    got = aws("kinesis", "get-records", "--shard-iterator", iterator).json
    assert [base64.b64decode(row["Data"]) for row in got["Records"]] == [b"hello", b"world", b"!"]
    summary = aws("kinesis", "describe-stream-summary", "--stream-name", name).json
    assert summary["StreamDescriptionSummary"]["OpenShardCount"] == 1
    assert name in aws("kinesis", "list-streams").json["StreamNames"]
    aws("kinesis", "delete-stream", "--stream-name", name)
    gone = aws("kinesis", "describe-stream", "--stream-name", name, check=False)
    assert "ResourceNotFoundException" in gone.stderr


def test_a_delivery_stream_from_the_shell(aws, fresh, tmp_path):
    bucket, name = fresh("lake"), fresh("delivery")
    aws("s3", "mb", f"s3://{bucket}")
    aws(
        "firehose", "create-delivery-stream", "--delivery-stream-name", name,
        "--delivery-stream-type", "DirectPut", "--extended-s3-destination-configuration",
        json.dumps({
            "RoleARN": ROLE, "BucketARN": f"arn:aws:s3:::{bucket}", "Prefix": "raw/",
            "BufferingHints": {"IntervalInSeconds": 900, "SizeInMBs": 1},
        }),
    )
    # This CLI refuses intervals under a minute by itself, so the batch is filled by size.
    lines = [b"a" * 599_999 + b"\n", b"b" * 599_999 + b"\n"]
    (tmp_path / "records.json").write_text(
        json.dumps([{"Data": base64.b64encode(line).decode()} for line in lines]))
    put = aws("firehose", "put-record-batch", "--delivery-stream-name", name,
              "--records", f"file://{tmp_path}/records.json").json
    assert put["FailedPutCount"] == 0

    def keys():
        listed = aws("s3api", "list-objects-v2", "--bucket", bucket, "--prefix", "raw/").stdout
        return json.loads(listed)["Contents"] if listed else None

    row = wait_until(keys, message="the records did not land")[0]
    text = aws("s3", "cp", f"s3://{bucket}/{row['Key']}", "-").stdout
    assert b"".join(lines).decode().startswith(text)
    told = aws("firehose", "describe-delivery-stream", "--delivery-stream-name", name).json
    assert told["DeliveryStreamDescription"]["DeliveryStreamStatus"] == "ACTIVE"
    assert name in aws("firehose", "list-delivery-streams").json["DeliveryStreamNames"]
    aws("firehose", "delete-delivery-stream", "--delivery-stream-name", name)


def test_a_pipe_from_the_shell(aws, fresh):
    table, stream, pipe = fresh("orders"), fresh("changes"), fresh("pipe")
    arn = aws(
        "dynamodb", "create-table", "--table-name", table,
        "--attribute-definitions", "AttributeName=id,AttributeType=S",
        "--key-schema", "AttributeName=id,KeyType=HASH", "--billing-mode", "PAY_PER_REQUEST",
        "--stream-specification", "StreamEnabled=true,StreamViewType=NEW_IMAGE",
        "--query", "TableDescription.LatestStreamArn", "--output", "text",
    ).stdout.strip()
    aws("kinesis", "create-stream", "--stream-name", stream, "--shard-count", "1")
    made = aws(
        "pipes", "create-pipe", "--name", pipe, "--source", arn, "--role-arn", ROLE,
        "--target", f"arn:aws:kinesis:us-east-1:000000000000:stream/{stream}",
        "--source-parameters", "DynamoDBStreamParameters={StartingPosition=TRIM_HORIZON}",
        "--target-parameters", "KinesisStreamParameters={PartitionKey=$.eventID}",
    ).json
    assert made["Name"] == pipe
    aws("dynamodb", "put-item", "--table-name", table, "--item", '{"id":{"S":"a"}}')
    iterator = aws(
        "kinesis", "get-shard-iterator", "--stream-name", stream, "--shard-id",
        "shardId-000000000000", "--shard-iterator-type", "TRIM_HORIZON",
    ).json["ShardIterator"]
    rows = wait_until(
        lambda: aws("kinesis", "get-records", "--shard-iterator", iterator).json["Records"]
    )
    event = json.loads(base64.b64decode(rows[0]["Data"]))
    assert event["dynamodb"]["NewImage"] == {"id": {"S": "a"}}
    assert rows[0]["PartitionKey"] == event["eventID"]
    listed = aws("pipes", "list-pipes", "--name-prefix", pipe).json["Pipes"]
    assert [row["CurrentState"] for row in listed] == ["RUNNING"]
    aws("pipes", "delete-pipe", "--name", pipe)


HANDLER = """
import json
def handler(event, context):
    print('saw', json.dumps(event))
    return {'n': event['n'] + 1}
"""


def test_a_function_from_the_shell(aws, fresh, tmp_path):
    name = fresh("function")
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as code:
        code.writestr("index.py", HANDLER)
    made = aws(
        "lambda", "create-function", "--function-name", name, "--runtime", "python3.12",
        "--handler", "index.handler", "--role", ROLE, "--zip-file", f"fileb://{tmp_path}/code.zip",
        "--environment", "Variables={STAGE=test}",
    ).json
    assert made["State"] in ("Pending", "Active")
    aws("lambda", "wait", "function-active-v2", "--function-name", name)
    out = tmp_path / "out.json"
    told = aws(
        "lambda", "invoke", "--function-name", name, "--log-type", "Tail",
        "--cli-binary-format", "raw-in-base64-out", "--payload", '{"n":41}', out,
    ).json
    assert (told["StatusCode"], json.loads(out.read_text())) == (200, {"n": 42})
    tail = base64.b64decode(told["LogResult"]).decode()
    assert 'saw {"n": 41}' in tail and "REPORT RequestId:" in tail
    wait_until(
        lambda: 'saw {"n": 41}'
        in aws("logs", "tail", f"/aws/lambda/{name}", "--since", "10m", "--format", "short").stdout,
        message="the function's output is not in its log",
    )
    streams = aws(
        "logs", "describe-log-streams", "--log-group-name", f"/aws/lambda/{name}",
        "--order-by", "LastEventTime", "--descending", "--max-items", "1",
    ).json["logStreams"]
    events = aws(
        "logs", "get-log-events", "--log-group-name", f"/aws/lambda/{name}",
        "--log-stream-name", streams[0]["logStreamName"],
    ).json["events"]
    assert any(event["message"].startswith("START RequestId:") for event in events)
    failed = aws(
        "lambda", "invoke", "--function-name", name, "--cli-binary-format", "raw-in-base64-out",
        "--payload", "{}", out,
    ).json
    assert failed["FunctionError"] == "Unhandled"
    assert json.loads(out.read_text())["errorType"] == "KeyError"
    assert name in aws("lambda", "list-functions", "--query", "Functions[].FunctionName").json
    aws("lambda", "delete-function", "--function-name", name)
