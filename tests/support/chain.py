"""The stages of the pipeline as tests make them: names, small programs, what has landed."""

import io
import json
import zipfile

import pytest
from botocore.exceptions import ClientError

from .wait import wait_until

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/pipeline"
FUNCTION_RUNTIME = "python3.11"


def zip_of(**files):
    """A zip archive: zip_of(index="def handler(event, context): ...") holds index.py."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            archive.writestr(name + ".py", text)
    return out.getvalue()


def unchecked(server, service):
    """A client that leaves it to the server to check parameters (old SDKs refuse what is new)."""
    from botocore.config import Config

    return server.client(service, config=Config(parameter_validation=False))


def refused(call, code, status=400, **arguments):
    """Calls, expects that error, and returns its text."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    reply = caught.value.response
    assert reply["Error"]["Code"] == code, reply
    assert reply["ResponseMetadata"]["HTTPStatusCode"] == status, reply
    return reply["Error"]["Message"]


def firehose_wire(server, operation, **body):
    """(status, reply) of Firehose on the bare wire: old SDKs do not know its newer members."""
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": f"Firehose_20150804.{operation}",
    }
    status, _, reply = server.request("POST", "/", json.dumps(body), headers)
    return status, json.loads(reply)


def quiet(call, **arguments):
    """Calls, for tidying up: what is gone already is no error."""
    try:
        call(**arguments)
    except ClientError:
        pass


def put_number(db, table, number, key="o1"):
    """A change of the item `key`, told apart by its number."""
    db.put_item(TableName=table, Item={"id": {"S": key}, "n": {"N": str(number)}})


def numbers_of(events):
    """The numbers of put_number, out of what a pipe carried."""
    return [int(event["dynamodb"]["NewImage"]["n"]["N"]) for event in events]


def make_table(server, name, view="NEW_AND_OLD_IMAGES", key="id", **more):
    """A table with a stream; returns the stream's ARN."""
    made = server.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": view},
        **more,
    )["TableDescription"]
    wait_until(
        lambda: server.client("dynamodb").describe_table(TableName=name)["Table"]["TableStatus"]
        == "ACTIVE"
    )
    return made["LatestStreamArn"]


def make_stream(server, name, shards=1):
    """A Kinesis stream; returns its ARN."""
    kinesis = server.client("kinesis")
    kinesis.create_stream(StreamName=name, ShardCount=shards)
    summary = wait_until(
        lambda: (
            found := kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        )["StreamStatus"]
        == "ACTIVE"
        and found
    )
    return summary["StreamARN"]


def make_function(server, name, text, timeout=10, runtime=FUNCTION_RUNTIME, **more):
    """A function whose module is `text` and whose handler is called handler; returns its ARN."""
    functions = server.client("lambda")
    made = functions.create_function(
        FunctionName=name,
        Runtime=runtime,
        Role=ROLE,
        Handler="index.handler",
        Code={"ZipFile": zip_of(index=text)},
        Timeout=timeout,
        **more,
    )
    wait_until(
        lambda: functions.get_function_configuration(FunctionName=name)["State"] == "Active"
    )
    return made["FunctionArn"]


def make_delivery(
    server,
    name,
    bucket,
    source=None,
    function=None,
    seconds=0,
    megabytes=1,
    retries=None,
    processors=(),
    **destination,
):
    """A delivery stream to S3, from the Kinesis stream `source` or from PutRecord."""
    chosen = list(processors)
    if function is not None:
        parameters = [{"ParameterName": "LambdaArn", "ParameterValue": function}]
        if retries is not None:
            parameters.append({"ParameterName": "NumberOfRetries", "ParameterValue": str(retries)})
        chosen.insert(0, {"Type": "Lambda", "Parameters": parameters})
    if chosen:
        destination["ProcessingConfiguration"] = {"Enabled": True, "Processors": chosen}
    kinds = {"DeliveryStreamType": "DirectPut"}
    if source is not None:
        kinds = {
            "DeliveryStreamType": "KinesisStreamAsSource",
            "KinesisStreamSourceConfiguration": {"KinesisStreamARN": source, "RoleARN": ROLE},
        }
    firehose = unchecked(server, "firehose")
    status, reply = firehose_wire(
        server,
        "CreateDeliveryStream",
        DeliveryStreamName=name,
        ExtendedS3DestinationConfiguration={
            "BucketARN": f"arn:aws:s3:::{bucket}",
            "RoleARN": ROLE,
            "BufferingHints": {"SizeInMBs": megabytes, "IntervalInSeconds": seconds},
            **destination,
        },
        **kinds,
    )
    assert status == 200, reply
    wait_until(
        lambda: firehose.describe_delivery_stream(DeliveryStreamName=name)[
            "DeliveryStreamDescription"
        ]["DeliveryStreamStatus"]
        == "ACTIVE"
    )


def pipe_arguments(
    name, source, target, key="$.dynamodb.Keys.id.S", start="TRIM_HORIZON", **parameters
):
    """What CreatePipe takes. Parameters of the source's kind go by their names; others of the pipe
    as pipe=dict, of TargetParameters as to=dict, of the source as filters=[pattern, ...]."""
    more, to, filters = (parameters.pop(n, None) for n in ("pipe", "to", "filters"))
    kind = "KinesisStreamParameters" if ":kinesis:" in source else "DynamoDBStreamParameters"
    arguments = {
        "Name": name,
        "RoleArn": ROLE,
        "Source": source,
        "SourceParameters": {kind: {"StartingPosition": start, **parameters}},
        "Target": target,
        "TargetParameters": dict(to or {}),
        **(more or {}),
    }
    if filters is not None:
        patterns = [f if isinstance(f, str) else json.dumps(f) for f in filters]
        arguments["SourceParameters"]["FilterCriteria"] = {
            "Filters": [{"Pattern": pattern} for pattern in patterns]
        }
    if ":kinesis:" in target:
        arguments["TargetParameters"].setdefault("KinesisStreamParameters", {"PartitionKey": key})
    return arguments


def make_pipe(server, name, source, target, **parameters):
    """A running pipe; see pipe_arguments."""
    pipes = server.client("pipes")
    pipes.create_pipe(**pipe_arguments(name, source, target, **parameters))
    wait_until(lambda: pipes.describe_pipe(Name=name)["CurrentState"] == "RUNNING")


def shard_records(server, stream, shard, iterator="TRIM_HORIZON", **where):
    """Every record of a shard from there on, as GetRecords gives them."""
    kinesis = server.client("kinesis")
    at = kinesis.get_shard_iterator(
        StreamName=stream, ShardId=shard, ShardIteratorType=iterator, **where
    )["ShardIterator"]
    records = []
    while at:
        page = kinesis.get_records(ShardIterator=at)
        records += page["Records"]
        at = page.get("NextShardIterator")
        if not page["Records"] and page["MillisBehindLatest"] == 0:
            break
    return records


def stream_records(server, stream):
    """Every record of all shards, shard by shard."""
    records = []
    for shard in server.client("kinesis").list_shards(StreamName=stream)["Shards"]:
        records += shard_records(server, stream, shard["ShardId"])
    return records


def events_of(server, stream):
    """The JSON that a pipe put into the stream."""
    return [json.loads(record["Data"]) for record in stream_records(server, stream)]


def objects_of(server, bucket, prefix=""):
    """Key -> body of every object, in order of keys."""
    s3 = server.client("s3")
    found = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            body = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
            found[item["Key"]] = body
    return found


def lines_of(server, bucket, prefix=""):
    """The JSON lines of every object below the prefix, object by object."""
    return [
        json.loads(line)
        for body in objects_of(server, bucket, prefix).values()
        for line in body.splitlines()
    ]


def status_of(server):
    """The page that `millrace status` reads."""
    code, _, body = server.request("GET", "/_millrace/status")
    assert code == 200, body
    return json.loads(body)


def wait_for_landing(server, expect=200, **wish):
    """One request that waits until everything written before it has landed; its answer."""
    code, _, body = server.request("POST", "/_millrace/wait", json.dumps(wish))
    assert code == expect, (code, body)
    return json.loads(body)


def watermark(server):
    """How far the chain is: the watermark, and each hop by its name."""
    code, _, body = server.request("GET", "/_millrace/watermark")
    assert code == 200, body
    told = json.loads(body)
    return told, {hop["name"]: hop for hop in told["hops"]}


def carried(server, ends, count):
    """The records that a pipe put into ends.stream, once there are so many."""
    return wait_until(
        lambda: (found := stream_records(server, ends.stream)) and len(found) >= count and found
    )


def pipe_status(server, name):
    """What the status page tells of a pipe."""
    return next(pipe for pipe in status_of(server)["pipes"] if pipe["name"] == name)
