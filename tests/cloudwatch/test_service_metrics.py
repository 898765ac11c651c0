"""The services' own metrics, under AWS's names, dimensions and units."""

import datetime
import json

import pytest
from botocore.exceptions import ClientError
from support import wait_until
from support.chain import (
    make_delivery,
    make_function,
    make_pipe,
    make_stream,
    make_table,
    put_number,
    shard_records,
    unchecked,
    wait_for_landing,
)

UTC = datetime.timezone.utc
PASS = """
def handler(event, context):
    return {"records": [{"recordId": r["recordId"], "result": "Ok", "data": r["data"]}
                        for r in event["records"]]}
"""
STATISTICS = ["Sum", "SampleCount", "Average", "Minimum", "Maximum"]


class Metrics:
    def __init__(self, server):
        self.api = server.client("cloudwatch")
        self.server = server

    def now(self):
        return datetime.datetime.fromtimestamp(self.server.clock.now_ms / 1000, UTC)

    def point(self, space, name, **dimensions):
        """Everything measured so far as one datapoint; None: nothing was."""
        points = self.api.get_metric_statistics(
            Namespace=space, MetricName=name, Period=86400, Statistics=STATISTICS,
            StartTime=self.now() - datetime.timedelta(days=14),
            EndTime=self.now() + datetime.timedelta(days=1),
            Dimensions=[{"Name": k, "Value": v} for k, v in dimensions.items()],
        )["Datapoints"]  # fmt: skip
        if len(points) < 2:
            return points[0] if points else None
        # A clock that was moved, or midnight, lies between them.
        total, count = (sum(p[key] for p in points) for key in ("Sum", "SampleCount"))
        return {**points[0], "Sum": total, "SampleCount": count, "Average": total / count,
                "Minimum": min(p["Minimum"] for p in points),
                "Maximum": max(p["Maximum"] for p in points)}  # fmt: skip

    def count(self, space, name, **dimensions):
        found = self.point(space, name, **dimensions)
        return found["SampleCount"] if found else 0

    def sum(self, space, name, **dimensions):
        found = self.point(space, name, **dimensions)
        return found and found["Sum"]

    def names(self, space):
        found = set()
        for page in self.api.get_paginator("list_metrics").paginate(Namespace=space):
            for metric in page["Metrics"]:
                dimensions = {d["Name"]: d["Value"] for d in metric["Dimensions"]}
                found.add((metric["MetricName"], *sorted(dimensions.values())))
        return found


@pytest.fixture
def metrics(own_server):
    return Metrics(own_server)


def test_a_table_tells_capacity_latency_items_and_failures(own_server, metrics):
    make_table(own_server, "orders")
    db = own_server.client("dynamodb")
    for n in range(4):
        put_number(db, "orders", n, key=f"o{n}")
    db.put_item(TableName="orders", Item={"id": {"S": "large"}, "x": {"S": "x" * 3000}})
    db.get_item(TableName="orders", Key={"id": {"S": "o1"}})
    db.get_item(TableName="orders", Key={"id": {"S": "o1"}}, ConsistentRead=True)
    assert db.scan(TableName="orders")["Count"] == 5
    for n in range(2):
        with pytest.raises(db.exceptions.ConditionalCheckFailedException):
            db.delete_item(
                TableName="orders", Key={"id": {"S": "o1"}},
                ConditionExpression="attribute_not_exists(id)",
            )  # fmt: skip
    # What a failed condition consumes: the larger of the item that is and the one that was to be.
    for item in ({"id": {"S": "o1"}, "x": {"S": "x" * 3000}}, {"id": {"S": "large"}}):
        with pytest.raises(db.exceptions.ConditionalCheckFailedException):
            db.put_item(
                TableName="orders", Item=item, ConditionExpression="attribute_not_exists(id)"
            )
    with pytest.raises(ClientError):
        db.get_item(TableName="orders", Key={"wrong": {"S": "x"}})
    with pytest.raises(ClientError):
        db.get_item(TableName="none", Key={"id": {"S": "x"}})
    space = "AWS/DynamoDB"
    wrote = metrics.point(space, "ConsumedWriteCapacityUnits", TableName="orders")
    assert (wrote["Sum"], wrote["SampleCount"], wrote["Unit"]) == (4 + 3 + 2 + 6, 9, "Count")
    assert (wrote["Minimum"], wrote["Maximum"]) == (1, 3)
    read = metrics.point(space, "ConsumedReadCapacityUnits", TableName="orders")
    assert (read["Sum"], read["SampleCount"]) == (0.5 + 1 + 0.5, 3)
    took = metrics.point(
        space, "SuccessfulRequestLatency", TableName="orders", Operation="PutItem"
    )
    assert (took["SampleCount"], took["Unit"]) == (5, "Milliseconds")
    assert 0 < took["Minimum"] <= took["Average"] <= took["Maximum"] < 10000
    gets = metrics.point(
        space, "SuccessfulRequestLatency", TableName="orders", Operation="GetItem"
    )
    assert gets["SampleCount"] == 2  # not those that failed
    returned = metrics.point(space, "ReturnedItemCount", TableName="orders", Operation="Scan")
    assert (returned["Sum"], returned["SampleCount"]) == (5, 1)
    assert metrics.sum(space, "ConditionalCheckFailedRequests", TableName="orders") == 4
    assert metrics.sum(space, "UserErrors") == 2
    assert ("ConsumedReadCapacityUnits", "orders") in metrics.names(space)
    assert ("SuccessfulRequestLatency", "Scan", "orders") in metrics.names(space)


def test_indexes_batches_transactions_and_statements_consume(own_server, metrics):
    make_table(
        own_server, "orders",
        GlobalSecondaryIndexes=[{
            "IndexName": "by-id", "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }],
    )  # fmt: skip
    db = own_server.client("dynamodb")

    def item(key):
        return {"id": {"S": key}, "n": {"N": "1"}}

    db.batch_write_item(
        RequestItems={"orders": [{"PutRequest": {"Item": item(f"o{n}")}} for n in range(3)]}
    )
    db.transact_write_items(TransactItems=[{"Put": {"TableName": "orders", "Item": item("t")}}])
    unchecked(own_server, "dynamodb").execute_statement(
        Statement="INSERT INTO \"orders\" VALUE {'id': 's', 'n': 1}"
    )
    db.query(
        TableName="orders", IndexName="by-id", KeyConditionExpression="id = :id",
        ExpressionAttributeValues={":id": {"S": "t"}},
    )  # fmt: skip
    db.transact_get_items(
        TransactItems=[{"Get": {"TableName": "orders", "Key": {"id": {"S": "t"}}}}]
    )
    space = "AWS/DynamoDB"
    written = metrics.sum(space, "ConsumedWriteCapacityUnits", TableName="orders")
    assert written == 3 + 2 + 1  # a transaction's write counts twice
    index = {"TableName": "orders", "GlobalSecondaryIndexName": "by-id"}
    written = metrics.sum(space, "ConsumedWriteCapacityUnits", **index)
    assert written == 3 + 1 + 1  # in a global index once
    assert metrics.sum(space, "ConsumedReadCapacityUnits", **index) == 0.5
    assert metrics.sum(space, "ConsumedReadCapacityUnits", TableName="orders") == 2


def test_expired_items_are_counted(own_server, metrics):
    make_table(own_server, "orders")
    db = own_server.client("dynamodb")
    db.update_time_to_live(
        TableName="orders",
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"},
    )
    until = own_server.clock.now_ms // 1000 - 60  # what is over for five years stays
    db.put_item(TableName="orders", Item={"id": {"S": "x"}, "until": {"N": str(until)}})
    own_server.clock.hold()
    own_server.clock.advance(hours=49)

    def gone():
        return "Item" not in db.get_item(TableName="orders", Key={"id": {"S": "x"}})

    wait_until(lambda: own_server.clock.advance(hours=1) or gone(), interval=0.1)
    deleted = "TimeToLiveDeletedItemCount"
    wait_until(lambda: metrics.sum("AWS/DynamoDB", deleted, TableName="orders") == 1)


def test_a_stream_tells_puts_reads_and_subscriptions(own_server, metrics):
    make_stream(own_server, "changes", 2)
    kinesis = own_server.client("kinesis")
    kinesis.put_record(StreamName="changes", PartitionKey="a", Data=b"12345")
    kinesis.put_records(
        StreamName="changes",
        Records=[{"PartitionKey": str(n), "Data": b"123"} for n in range(4)],
    )
    with pytest.raises(ClientError):
        kinesis.put_record(StreamName="none", PartitionKey="a", Data=b"x")
    for shard in kinesis.list_shards(StreamName="changes")["Shards"]:
        shard_records(own_server, "changes", shard["ShardId"])
    space, of = "AWS/Kinesis", {"StreamName": "changes"}
    sums = {
        "IncomingRecords": 5, "IncomingBytes": 17,
        "PutRecord.Bytes": 5, "PutRecord.Success": 1,
        "PutRecords.Bytes": 12, "PutRecords.Success": 1, "PutRecords.Records": 4,
        "PutRecords.TotalRecords": 4, "PutRecords.SuccessfulRecords": 4,
        "PutRecords.FailedRecords": 0, "PutRecords.ThrottledRecords": 0,
        "GetRecords.Records": 5, "GetRecords.Bytes": 17,
        "ReadProvisionedThroughputExceeded": 0,
    }  # fmt: skip
    for name, total in sums.items():
        assert metrics.sum(space, name, **of) == total, name
    for name in ("PutRecord.Latency", "PutRecords.Latency", "GetRecords.Latency"):
        point = metrics.point(space, name, **of)
        assert point["Unit"] == "Milliseconds" and point["Maximum"] > 0
    assert metrics.point(space, "GetRecords.IteratorAgeMilliseconds", **of)["Maximum"] < 60000
    assert metrics.point(space, "GetRecords.Success", **of)["Average"] == 1
    assert not [name for name in metrics.names(space) if len(name) == 3]  # no shard is told


def test_a_table_s_stream_tells_what_is_read(own_server, metrics):
    make_table(own_server, "orders")
    for n in range(3):
        put_number(own_server.client("dynamodb"), "orders", n)
    api = own_server.client("dynamodbstreams")
    (stream,) = api.list_streams(TableName="orders")["Streams"]
    arn, found = stream["StreamArn"], 0
    for shard in api.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        at = api.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"],
                                    ShardIteratorType="TRIM_HORIZON")  # fmt: skip
        found += len(api.get_records(ShardIterator=at["ShardIterator"])["Records"])
    of = {"Operation": "GetRecords", "StreamLabel": stream["StreamLabel"], "TableName": "orders"}
    assert metrics.sum("AWS/DynamoDB", "ReturnedRecordsCount", **of) == found == 3
    assert metrics.sum("AWS/DynamoDB", "ReturnedBytes", **of) > 0
    latency = metrics.point("AWS/DynamoDB", "SuccessfulRequestLatency", **of)
    assert latency["Unit"] == "Milliseconds" and latency["SampleCount"] >= 1


def test_asynchronous_events_are_measured(own_server, metrics):
    fails = """
def handler(event, context):
    if event.get("fail"):
        raise ValueError("no")
"""
    make_function(own_server, "f", fails)
    api = own_server.client("lambda")
    api.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=0)
    for event in ({}, {"fail": 1}):
        api.invoke(FunctionName="f", InvocationType="Event", Payload=json.dumps(event).encode())
    space, of = "AWS/Lambda", {"FunctionName": "f"}
    wait_until(lambda: metrics.sum(space, "AsyncEventsDropped", **of) == 1)
    assert metrics.sum(space, "AsyncEventsReceived", **of) == 2
    wait_until(lambda: metrics.count(space, "AsyncEventAge", **of) == 2)


def test_a_subscription_that_came_too_soon_is_measured(own_server, metrics):
    make_stream(own_server, "changes")
    kinesis = own_server.client("kinesis")
    arn = kinesis.describe_stream(StreamName="changes")["StreamDescription"]["StreamARN"]
    consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="c")["Consumer"]
    where = {"ConsumerARN": consumer["ConsumerARN"], "ShardId": "shardId-000000000000",
             "StartingPosition": {"Type": "LATEST"}}  # fmt: skip
    first = kinesis.subscribe_to_shard(**where)
    with pytest.raises(ClientError) as caught:
        own_server.client("kinesis").subscribe_to_shard(**where)
    assert caught.value.response["Error"]["Code"] == "ResourceInUseException"
    first["EventStream"].close()
    of = {"ConsumerName": "c", "StreamName": "changes"}
    wait_until(lambda: metrics.sum("AWS/Kinesis", "SubscribeToShard.RateExceeded", **of) == 1)
    wait_until(lambda: metrics.count("AWS/Kinesis", "SubscribeToShard.Success", **of) == 2)


def test_shards_are_told_when_enhanced_monitoring_asks_for_it(own_server, metrics):
    make_stream(own_server, "changes")
    kinesis = own_server.client("kinesis")
    kinesis.put_record(StreamName="changes", PartitionKey="a", Data=b"12345")
    kinesis.enable_enhanced_monitoring(
        StreamName="changes",
        ShardLevelMetrics=["IncomingBytes", "OutgoingRecords", "IteratorAgeMilliseconds"],
    )
    kinesis.put_record(StreamName="changes", PartitionKey="a", Data=b"123")
    shard = "shardId-000000000000"
    shard_records(own_server, "changes", shard)
    space, of = "AWS/Kinesis", {"StreamName": "changes", "ShardId": shard}
    assert metrics.sum(space, "IncomingBytes", **of) == 3
    assert metrics.sum(space, "OutgoingRecords", **of) == 2
    assert metrics.point(space, "IteratorAgeMilliseconds", **of)["Unit"] == "Milliseconds"
    assert metrics.sum(space, "IncomingRecords", **of) is None


def test_the_whole_chain_is_measured(own_server, metrics):
    server = own_server
    source = make_table(server, "orders")
    stream = make_stream(server, "changes")
    server.client("s3").create_bucket(Bucket="lake")
    make_delivery(server, "landing", "lake", stream, make_function(server, "pass", PASS))
    make_pipe(server, "copy", source, stream)
    for n in range(6):
        put_number(server.client("dynamodb"), "orders", n)
    wait_for_landing(server)
    of = {"DeliveryStreamName": "landing"}
    for name in ("DataReadFromKinesisStream.Records", "SucceedProcessing.Records",
                 "DeliveryToS3.Records"):  # fmt: skip
        assert metrics.sum("AWS/Firehose", name, **of) == 6, name
    size = metrics.sum("AWS/Kinesis", "IncomingBytes", StreamName="changes")
    for name in ("DataReadFromKinesisStream.Bytes", "SucceedProcessing.Bytes",
                 "DeliveryToS3.Bytes"):  # fmt: skip
        assert metrics.sum("AWS/Firehose", name, **of) == size, name
    success = metrics.point("AWS/Firehose", "DeliveryToS3.Success", **of)
    assert success["Average"] == 1 and success["Sum"] >= 1
    fresh = metrics.point("AWS/Firehose", "DeliveryToS3.DataFreshness", **of)
    assert fresh["Unit"] == "Seconds" and 0 <= fresh["Maximum"] < 30
    assert metrics.point("AWS/Firehose", "KinesisMillisBehindLatest", **of)["Minimum"] == 0
    assert metrics.point("AWS/Firehose", "ExecuteProcessing.Success", **of)["Average"] == 1
    took = metrics.point("AWS/Firehose", "ExecuteProcessing.Duration", **of)
    assert took["Unit"] == "Milliseconds" and took["Maximum"] > 0
    calls = metrics.point("AWS/Lambda", "Invocations", FunctionName="pass")
    assert calls["Sum"] == took["SampleCount"]
    assert metrics.sum("AWS/Lambda", "Invocations") == calls["Sum"]
    assert metrics.sum("AWS/Lambda", "Errors", FunctionName="pass") == 0
    assert metrics.sum("AWS/Lambda", "Throttles", FunctionName="pass") == 0
    assert metrics.point("AWS/Lambda", "ConcurrentExecutions", FunctionName="pass")["Maximum"] == 1
    lasted = metrics.point("AWS/Lambda", "Duration", FunctionName="pass")
    assert lasted["Unit"] == "Milliseconds" and lasted["SampleCount"] == calls["Sum"]
    pipes = "AWS/EventBridge/Pipes"
    assert metrics.sum(pipes, "EventCount", PipeName="copy") == 6
    runs = metrics.point(pipes, "Invocations", PipeName="copy")
    assert (runs["Unit"], runs["Minimum"]) == ("None", 1) and 1 <= runs["Sum"] <= 6
    assert metrics.sum(pipes, "Invocations", AwsAccountId="000000000000") == runs["Sum"]
    at_once = metrics.point(pipes, "Concurrency", AwsAccountId="000000000000")
    assert (at_once["Unit"], at_once["Minimum"]) == ("None", 1)
    assert at_once["SampleCount"] >= runs["Sum"]
    for name in ("ExecutionFailed", "ExecutionThrottled", "TargetStageFailed"):
        assert metrics.sum(pipes, name, PipeName="copy") == 0, name
    for name in ("Duration", "TargetStageDuration"):
        assert metrics.point(pipes, name, PipeName="copy")["Unit"] == "Milliseconds"
    assert metrics.point(pipes, "EventSize", PipeName="copy")["Sum"] == size


def test_failures_of_functions_and_pipes_are_measured(own_server, metrics):
    source = make_table(own_server, "orders")
    arn = make_function(own_server, "fail", "def handler(event, context): return 1 / 0")
    make_pipe(own_server, "copy", source, arn, MaximumRetryAttempts=0)
    put_number(own_server.client("dynamodb"), "orders", 1)
    wait_for_landing(own_server)
    assert metrics.sum("AWS/Lambda", "Errors", FunctionName="fail") == 1
    assert metrics.sum("AWS/EventBridge/Pipes", "ExecutionFailed", PipeName="copy") == 1
    assert metrics.sum("AWS/EventBridge/Pipes", "TargetStageFailed", PipeName="copy") == 1


def test_direct_puts_and_the_backup_are_measured(own_server, metrics):
    own_server.client("s3").create_bucket(Bucket="lake")
    make_delivery(
        own_server, "landing", "lake", function=make_function(own_server, "pass", PASS),
        S3BackupMode="Enabled",
        S3BackupConfiguration={
            "BucketARN": "arn:aws:s3:::lake", "RoleARN": "arn:aws:iam::000000000000:role/r",
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0},
        },
    )  # fmt: skip
    firehose = unchecked(own_server, "firehose")
    firehose.put_record(DeliveryStreamName="landing", Record={"Data": b"12345"})
    firehose.put_record_batch(
        DeliveryStreamName="landing", Records=[{"Data": b"123"}, {"Data": b"1"}]
    )
    wait_for_landing(own_server, flush=True)
    space, of = "AWS/Firehose", {"DeliveryStreamName": "landing"}
    for name, total in {
        "IncomingRecords": 3, "IncomingBytes": 9, "PutRecord.Bytes": 5, "PutRecord.Requests": 1,
        "PutRecordBatch.Records": 2, "PutRecordBatch.Bytes": 4, "PutRecordBatch.Requests": 1,
        "BackupToS3.Records": 3, "BackupToS3.Bytes": 9, "DeliveryToS3.Records": 3,
        "IncomingPutRequests": 2,
    }.items():  # fmt: skip
        assert metrics.sum(space, name, **of) == total, name
    for name in ("PutRecord.Latency", "PutRecordBatch.Latency"):
        assert metrics.point(space, name, **of)["Maximum"] > 0
    for name, value in {  # AWS's quotas in us-east-1
        "BytesPerSecondLimit": 5 << 20, "RecordsPerSecondLimit": 500000,
        "PutRequestsPerSecondLimit": 2000,
    }.items():  # fmt: skip
        assert metrics.point(space, name, **of)["Average"] == value, name


def test_partitions_of_delivery_streams_are_measured(own_server, metrics):
    own_server.client("s3").create_bucket(Bucket="lake")
    query = {"Type": "MetadataExtraction", "Parameters": [
        {"ParameterName": "MetadataExtractionQuery", "ParameterValue": "{k:.k}"},
        {"ParameterName": "JsonParsingEngine", "ParameterValue": "JQ-1.6"},
    ]}  # fmt: skip
    make_delivery(
        own_server, "landing", "lake", seconds=1, megabytes=64, processors=[query],
        DynamicPartitioningConfiguration={"Enabled": True},
        Prefix="rows/!{partitionKeyFromQuery:k}/", ErrorOutputPrefix="errors/",
    )  # fmt: skip
    firehose = unchecked(own_server, "firehose")
    records = [{"Data": json.dumps({"k": f"p{number}"}).encode()} for number in range(502)]
    for some in (records[:3], records[3:500], records[500:]):
        firehose.put_record_batch(DeliveryStreamName="landing", Records=some)
    wait_for_landing(own_server, flush=True)
    space, of = "AWS/Firehose", {"DeliveryStreamName": "landing"}
    assert 3 <= metrics.point(space, "PartitionCount", **of)["Maximum"] <= 500
    limit = metrics.point(space, "ActivePartitionsLimit", **of)
    assert (limit["Average"], limit["Unit"]) == (500, "Count")
    assert metrics.point(space, "PartitionCountExceeded", **of)["Minimum"] == 0
    took = metrics.point(space, "JQProcessing.Duration", **of)
    assert took["Unit"] == "Milliseconds" and took["Maximum"] > 0
    assert metrics.point(space, "PerPartitionThroughput", **of)["Unit"] == "Bytes/Second"


def test_minutes_are_kept_over_a_restart_and_the_last_one_over_a_stop(own_server, metrics):
    make_table(own_server, "orders")
    own_server.clock.hold()
    put_number(own_server.client("dynamodb"), "orders", 1)
    began = metrics.now().replace(second=0, microsecond=0)
    own_server.clock.advance(minutes=3)
    # A look publishes; else the pump does, a moment after the clock has moved.
    assert metrics.sum("AWS/DynamoDB", "ConsumedWriteCapacityUnits", TableName="orders") == 1
    put_number(own_server.client("dynamodb"), "orders", 2)
    own_server.restart()
    metrics = Metrics(own_server)
    put_number(own_server.client("dynamodb"), "orders", 3)
    query = {
        "Id": "w", "MetricStat": {"Period": 60, "Stat": "Sum", "Metric": {
            "Namespace": "AWS/DynamoDB", "MetricName": "ConsumedWriteCapacityUnits",
            "Dimensions": [{"Name": "TableName", "Value": "orders"}],
        }},
    }  # fmt: skip
    (found,) = metrics.api.get_metric_data(
        MetricDataQueries=[query], ScanBy="TimestampAscending", StartTime=began,
        EndTime=began + datetime.timedelta(minutes=10),
    )["MetricDataResults"]  # fmt: skip
    three = datetime.timedelta(minutes=3)
    assert found["Timestamps"] == [began, began + three]
    assert found["Values"] == [1, 2]


def test_the_cli_lists_and_reads_them(own_server):
    make_stream(own_server, "changes")
    own_server.client("kinesis").put_record(StreamName="changes", PartitionKey="a", Data=b"12")
    listed = own_server.aws("cloudwatch", "list-metrics", "--namespace", "AWS/Kinesis").json
    names = {metric["MetricName"] for metric in listed["Metrics"]}
    assert {"IncomingBytes", "PutRecord.Success"} <= names
    assert json.dumps(listed).count("changes") == len(listed["Metrics"])
