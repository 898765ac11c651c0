"""Event source mappings: streams to functions."""

import base64
import json
import re

import pytest
from botocore.exceptions import ClientError

from support import wait_until, whole_lines

ARN = "arn:aws:lambda:us-east-1:000000000000:function:"
# Notes every event in a file; fails where a record's data holds "bad".
WRITES = (
    "import base64, json\n\n\ndef handler(event, context):\n"
    "    with open(%r, 'a') as file:\n        file.write(json.dumps(event) + '\\n')\n"
    "    for record in event['Records']:\n"
    "        if 'kinesis' in record and b'bad' in base64.b64decode(record['kinesis']['data']):\n"
    "            raise ValueError('bad record')\n"
)
REPORTS = (
    "import base64, json\n\n\ndef handler(event, context):\n"
    "    with open(%r, 'a') as file:\n        file.write(json.dumps(event) + '\\n')\n"
    "    for record in event['Records']:\n"
    "        if b'bad' in base64.b64decode(record['kinesis']['data']):\n"
    "            number = record['kinesis']['sequenceNumber']\n"
    "            return {'batchItemFailures': [{'itemIdentifier': number}]}\n"
)


def refused(call, **members):
    with pytest.raises(ClientError) as caught:
        call(**members)
    error = caught.value.response
    return (
        error["Error"]["Code"],
        error["Error"]["Message"],
        error["ResponseMetadata"]["HTTPStatusCode"],
    )


class Sink:
    """What a function wrote."""

    def __init__(self, path):
        self.path = path

    def events(self):
        return [json.loads(line) for line in whole_lines(self.path)]

    def records(self):
        return [record for event in self.events() for record in event["Records"]]

    def data(self):
        return [base64.b64decode(it["kinesis"]["data"]).decode() for it in self.records()]

    def batches(self):
        return [
            [base64.b64decode(it["kinesis"]["data"]).decode() for it in event["Records"]]
            for event in self.events()
        ]


@pytest.fixture
def sink(tmp_path):
    return Sink(tmp_path / "events")


@pytest.fixture
def stream(client, fresh):
    def make(shards=1, api=None):
        kinesis, name = api or client("kinesis"), fresh("stream")
        kinesis.create_stream(StreamName=name, ShardCount=shards)
        kinesis.get_waiter("stream_exists").wait(StreamName=name)
        return name, f"arn:aws:kinesis:us-east-1:000000000000:stream/{name}"

    return make


@pytest.fixture
def table(client, fresh):
    def make():
        name = fresh("table")
        made = client("dynamodb").create_table(
            TableName=name, BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )  # fmt: skip
        client("dynamodb").get_waiter("table_exists").wait(TableName=name)
        return name, made["TableDescription"]["LatestStreamArn"]

    return make


@pytest.fixture
def mapped(functions, request):
    """mapped(function, source, ...) -> UUID of a mapping that is enabled; it goes with the test."""
    made = []

    def make(name, arn, api=None, **members):
        api = api or functions
        members = {"StartingPosition": "TRIM_HORIZON", **members}
        uuid = api.create_event_source_mapping(FunctionName=name, EventSourceArn=arn, **members)[
            "UUID"
        ]
        wait_until(lambda: state(api, uuid) in ("Enabled", "Disabled"))
        made.append((api, uuid))
        return uuid

    yield make
    for api, uuid in made:
        try:
            api.delete_event_source_mapping(UUID=uuid)
        except Exception:  # it is gone, or its server is
            pass


def state(api, uuid):
    return api.get_event_source_mapping(UUID=uuid)["State"]


def put(client, name, *texts, key="k"):
    records = [{"Data": text.encode(), "PartitionKey": key} for text in texts]
    return [
        it["SequenceNumber"]
        for it in client("kinesis").put_records(StreamName=name, Records=records)["Records"]
    ]


# ---- the wire ----


def test_a_mapping_is_made_shown_changed_and_deleted(functions, make_function, stream, fresh):
    function, (_, source) = make_function("def handler(e, c): pass\n"), stream()
    made = functions.create_event_source_mapping(
        FunctionName=function, EventSourceArn=source, StartingPosition="LATEST"
    )
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 202
    uuid = made["UUID"]
    arn = f"arn:aws:lambda:us-east-1:000000000000:event-source-mapping:{uuid}"
    assert made.pop("EventSourceMappingArn", arn) == arn  # older botocores do not know it
    for member in ("ResponseMetadata", "LastModified"):
        made.pop(member)
    assert made == {
        "UUID": uuid,
        "EventSourceArn": source,
        "FunctionArn": ARN + function,
        "StartingPosition": "LATEST",
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 0,
        "ParallelizationFactor": 1,
        "BisectBatchOnFunctionError": False,
        "MaximumRecordAgeInSeconds": -1,
        "MaximumRetryAttempts": -1,
        "TumblingWindowInSeconds": 0,
        "FunctionResponseTypes": [],
        "DestinationConfig": {"OnFailure": {}},
        "LastProcessingResult": "No records processed",
        "State": "Creating",
        "StateTransitionReason": "User action",
    }  # fmt: skip
    wait_until(lambda: state(functions, uuid) == "Enabled")
    changed = functions.update_event_source_mapping(UUID=uuid, BatchSize=7)
    assert (changed["BatchSize"], changed["State"]) == (7, "Updating")
    wait_until(lambda: state(functions, uuid) == "Enabled")
    assert functions.update_event_source_mapping(UUID=uuid, Enabled=False)["State"] == "Disabling"
    wait_until(lambda: state(functions, uuid) == "Disabled")
    assert functions.update_event_source_mapping(UUID=uuid, Enabled=True)["State"] == "Enabling"
    by_function = functions.list_event_source_mappings(FunctionName=function)
    by_source = functions.list_event_source_mappings(EventSourceArn=source)
    for listed in (by_function, by_source):
        assert [it["UUID"] for it in listed["EventSourceMappings"]] == [uuid]
    functions.tag_resource(Resource=arn, Tags={"a": "1"})
    assert functions.list_tags(Resource=arn)["Tags"] == {"a": "1"}
    functions.untag_resource(Resource=arn, TagKeys=["a"])
    assert functions.list_tags(Resource=arn)["Tags"] == {}
    assert functions.delete_event_source_mapping(UUID=uuid)["State"] == "Deleting"
    gone = ("ResourceNotFoundException", "The resource you requested does not exist.", 404)
    assert refused(functions.get_event_source_mapping, UUID=uuid) == gone
    assert refused(functions.delete_event_source_mapping, UUID=uuid) == gone
    assert refused(functions.update_event_source_mapping, UUID=uuid, BatchSize=1) == gone


def test_mappings_that_cannot_be(functions, make_function, stream, table, mapped):
    function, source, changes = make_function("def handler(e, c): pass\n"), stream()[1], table()[1]

    def text(**members):
        members = {
            "FunctionName": function, "EventSourceArn": source,
            "StartingPosition": "LATEST", **members,
        }  # fmt: skip
        members = {name: value for name, value in members.items() if value is not None}
        code, message, status = refused(functions.create_event_source_mapping, **members)
        assert (code, status) == ("InvalidParameterValueException", 400)
        return message

    assert text(EventSourceArn=None) == "Unrecognized event source."
    assert text(StartingPosition=None) == (
        "1 validation error detected: Value null at 'startingPosition' failed to satisfy "
        "constraint: Member must not be null."
    )
    assert text(EventSourceArn=source + "x") == f"Stream not found: {source}x"
    assert text(EventSourceArn=changes[:-1] + "x") == f"Stream not found: {changes[:-1]}x"
    assert text(FunctionName="nobody") == "Function does not exist"
    assert text(EventSourceArn=changes, StartingPosition="AT_TIMESTAMP",
                StartingPositionTimestamp=1) == (
        f"Unsupported starting position for arn type: {changes}"
    )  # fmt: skip
    assert text(StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=9999999999) == (
        "StartingPositionTimestamp cannot be in the future."
    )
    assert text(FilterCriteria={"Filters": [{"Pattern": "{"}]}) == (
        "Invalid filter pattern definition."
    )
    assert "above 1" in text(TumblingWindowInSeconds=5, ParallelizationFactor=2)
    queue = "arn:aws:sqs:us-east-1:000000000000:q"
    assert "does not implement the destination" in text(
        DestinationConfig={"OnFailure": {"Destination": queue}}
    )
    uuid = mapped(function, source)
    error = refused(
        functions.create_event_source_mapping,
        FunctionName=function, EventSourceArn=source, StartingPosition="LATEST",
    )  # fmt: skip
    assert error == (
        "ResourceConflictException",
        f'The event source arn (" {source} ") and function (" {function} ") provided mapping '
        f"already exists. Please update or delete the existing mapping with UUID {uuid}",
        409,
    )


def test_a_stream_s_consumer_can_be_the_source(
    client, functions, make_function, stream, sink, mapped
):
    kinesis, (name, arn) = client("kinesis"), stream()
    function = make_function(WRITES % str(sink.path))
    consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="reader")
    source = consumer["Consumer"]["ConsumerARN"]
    assert refused(
        functions.create_event_source_mapping, FunctionName=function,
        EventSourceArn=source + "0", StartingPosition="LATEST",
    )[:2] == ("InvalidParameterValueException", f"Stream not found: {source}0")  # fmt: skip
    uuid = mapped(function, source)
    put(client, name, "a")
    wait_until(lambda: sink.data() == ["a"])
    assert sink.records()[0]["eventSourceARN"] == source
    listed = functions.list_event_source_mappings(EventSourceArn=source)["EventSourceMappings"]
    assert [it["UUID"] for it in listed] == [uuid]


# ---- events ----


def test_a_kinesis_event_is_that_of_aws(client, make_function, stream, sink, mapped, functions):
    name, source = stream()
    function = make_function(WRITES % str(sink.path))
    uuid = mapped(function, source)
    number = put(client, name, "hello", key="one")[0]
    wait_until(sink.events)
    record = sink.events()[0]["Records"][0]
    arrival = record["kinesis"].pop("approximateArrivalTimestamp")
    assert isinstance(arrival, float)
    assert record == {
        "kinesis": {
            "kinesisSchemaVersion": "1.0", "partitionKey": "one", "sequenceNumber": number,
            "data": base64.b64encode(b"hello").decode(),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000000:{number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::000000000000:role/lambda",
        "awsRegion": "us-east-1",
        "eventSourceARN": source,
    }  # fmt: skip
    assert list(record) == [
        "kinesis", "eventSource", "eventVersion", "eventID", "eventName", "invokeIdentityArn",
        "awsRegion", "eventSourceARN",
    ]  # fmt: skip
    result = lambda: functions.get_event_source_mapping(UUID=uuid)["LastProcessingResult"]  # noqa
    wait_until(lambda: result() == "OK")


def test_changes_of_a_table_reach_a_function(client, make_function, table, sink, mapped):
    name, source = table()
    mapped(make_function(WRITES % str(sink.path)), source)
    api = client("dynamodb")
    api.put_item(TableName=name, Item={"id": {"S": "a"}, "n": {"N": "1"}, "b": {"B": b"\x00\x01"}})
    api.update_item(
        TableName=name, Key={"id": {"S": "a"}}, UpdateExpression="SET n = :n",
        ExpressionAttributeValues={":n": {"N": "2"}},
    )  # fmt: skip
    api.delete_item(TableName=name, Key={"id": {"S": "a"}})
    wait_until(lambda: len(sink.records()) == 3)
    records = sink.records()
    assert [it["eventName"] for it in records] == ["INSERT", "MODIFY", "REMOVE"]
    assert list(records[0]) == [
        "eventID", "eventName", "eventVersion", "eventSource", "awsRegion", "dynamodb",
        "eventSourceARN",
    ]  # fmt: skip
    assert records[0]["eventSourceARN"] == source
    change = records[0]["dynamodb"]
    assert change["NewImage"] == {"id": {"S": "a"}, "n": {"N": "1"}, "b": {"B": "AAE="}}
    assert change["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert isinstance(change["ApproximateCreationDateTime"], (int, float))
    numbers = [it["dynamodb"]["SequenceNumber"] for it in records]
    assert numbers == sorted(numbers)


def test_batches_hold_what_they_may(client, make_function, stream, sink, mapped):
    name, source = stream()
    put(client, name, *[str(i) for i in range(25)])
    mapped(make_function(WRITES % str(sink.path)), source, BatchSize=10)
    wait_until(lambda: len(sink.data()) == 25)
    assert [len(batch) for batch in sink.batches()] == [10, 10, 5]
    assert sink.data() == [str(i) for i in range(25)]


def test_a_batch_waits_for_its_window(client, make_function, stream, sink, mapped):
    name, source = stream()
    mapped(
        make_function(WRITES % str(sink.path)), source, BatchSize=3,
        MaximumBatchingWindowInSeconds=60,
    )  # fmt: skip
    put(client, name, "a")
    put(client, name, "b")
    put(client, name, "c")  # it is full: the window does not matter
    wait_until(lambda: sink.batches() == [["a", "b", "c"]])
    put(client, name, "d")
    other, other_source = stream()
    mapped(
        make_function(WRITES % str(sink.path)), other_source, MaximumBatchingWindowInSeconds=1
    )
    put(client, other, "x", "y")
    wait_until(lambda: len(sink.batches()) == 2)
    assert sink.batches()[1] == ["x", "y"]


def test_where_reading_starts(client, make_function, stream, sink, mapped, functions):
    name, source = stream()
    put(client, name, "old")
    shard = client("kinesis").get_shard_iterator(
        StreamName=name, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    first = client("kinesis").get_records(ShardIterator=shard)["Records"][0]
    seen = {}
    for start, more in (
        ("LATEST", {}),
        ("TRIM_HORIZON", {}),
        ("AT_TIMESTAMP", {"StartingPositionTimestamp": first["ApproximateArrivalTimestamp"]}),
    ):
        path = sink.path.with_name(f"{start}{len(seen)}")
        seen[path] = Sink(path)
        mapped(make_function(WRITES % str(path)), source, StartingPosition=start, **more)
    # A mapping reads from LATEST once it has begun, which Enabled tells.
    put(client, name, "new")
    latest, trim, at_time = seen.values()
    wait_until(lambda: trim.data() == ["old", "new"] and latest.data() == ["new"])
    wait_until(lambda: at_time.data() == ["old", "new"])


def test_filters_choose_records(client, make_function, stream, table, sink, mapped, functions):
    name, source = stream()
    pattern = json.dumps({"data": {"kind": ["sale"], "n": [{"numeric": [">", 1]}]}})
    mapped(
        make_function(WRITES % str(sink.path)), source,
        FilterCriteria={"Filters": [{"Pattern": pattern}]},
    )  # fmt: skip
    put(client, name, '{"kind":"sale","n":1}', "no json", '{"kind":"sale","n":2}', '{"kind":"x"}')
    wait_until(sink.data)
    assert sink.data() == ['{"kind":"sale","n":2}']
    changes, changes_source = table()
    other = Sink(sink.path.with_name("changes"))
    uuid = mapped(
        make_function(WRITES % str(other.path)), changes_source,
        FilterCriteria={"Filters": [{"Pattern": '{"eventName":["REMOVE"]}'}]},
    )  # fmt: skip
    shown = functions.get_event_source_mapping(UUID=uuid)["FilterCriteria"]
    assert shown == {"Filters": [{"Pattern": '{"eventName":["REMOVE"]}'}]}
    api = client("dynamodb")
    api.put_item(TableName=changes, Item={"id": {"S": "a"}})
    api.delete_item(TableName=changes, Key={"id": {"S": "a"}})
    wait_until(other.records)
    assert [it["eventName"] for it in other.records()] == ["REMOVE"]


def test_lanes_keep_the_order_of_each_key(client, make_function, stream, sink, mapped):
    name, source = stream()
    mapped(
        make_function(WRITES % str(sink.path)), source, ParallelizationFactor=4, BatchSize=5
    )
    records = [
        {"Data": f"{i % 7}-{i:03d}".encode(), "PartitionKey": str(i % 7)} for i in range(140)
    ]
    client("kinesis").put_records(StreamName=name, Records=records)
    wait_until(lambda: len(sink.data()) == 140)
    for key in "0123456":
        mine = [text for text in sink.data() if text.startswith(key)]
        assert mine == sorted(mine)
    assert max(len(batch) for batch in sink.batches()) <= 5


# ---- failures ----


def test_a_batch_that_fails_is_given_up_after_its_retries(
    client, make_function, stream, sink, mapped, fresh
):
    name, source = stream()
    s3, bucket = client("s3"), fresh("failures")
    s3.create_bucket(Bucket=bucket)
    function = make_function(WRITES % str(sink.path))
    uuid = mapped(
        function, source, BatchSize=2, MaximumRetryAttempts=1,
        DestinationConfig={"OnFailure": {"Destination": f"arn:aws:s3:::{bucket}"}},
    )  # fmt: skip
    numbers = put(client, name, "a", "bad", "c")
    wait_until(lambda: "c" in sink.data())
    assert sink.batches() == [["a", "bad"], ["a", "bad"], ["c"]]
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert len(listed) == 1
    assert re.fullmatch(
        rf"aws/lambda/{uuid}/shardId-000000000000/\d{{4}}/\d\d/\d\d/"
        r"\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d-[0-9a-f-]{36}",
        listed[0]["Key"],
    )
    message = json.load(s3.get_object(Bucket=bucket, Key=listed[0]["Key"])["Body"])
    assert message["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert message["requestContext"]["approximateInvokeCount"] == 2
    assert message["requestContext"]["functionArn"] == ARN + function
    assert message["responseContext"] == {
        "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"
    }  # fmt: skip
    info = message["KinesisBatchInfo"]
    assert (info["startSequenceNumber"], info["endSequenceNumber"]) == (numbers[0], numbers[1])
    assert (info["batchSize"], info["streamArn"]) == (2, source)
    time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.fullmatch(time, info["approximateArrivalOfFirstRecord"])
    assert message["version"] == "1.0" and re.fullmatch(time, message["timestamp"])
    assert message["payload"] == sink.events()[0]


def test_a_failing_batch_is_cut_in_halves(client, make_function, stream, sink, mapped):
    name, source = stream()
    put(client, name, "a", "b", "bad", "d")
    mapped(
        make_function(WRITES % str(sink.path)), source, BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=1,
    )  # fmt: skip
    wait_until(lambda: sink.batches()[-1:] == [["d"]])
    assert sink.batches() == [
        ["a", "b", "bad", "d"], ["a", "b"], ["bad", "d"], ["bad"], ["bad"], ["d"]
    ]  # fmt: skip


def test_reported_records_alone_are_tried_again(client, make_function, stream, sink, mapped):
    name, source = stream()
    put(client, name, "a", "b", "bad", "d")
    mapped(
        make_function(REPORTS % str(sink.path)), source, MaximumRetryAttempts=1,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )  # fmt: skip
    put(client, name, "e")
    wait_until(lambda: "e" in sink.data())
    assert sink.batches()[:2] in (
        [["a", "b", "bad", "d"], ["bad", "d"]],
        [["a", "b", "bad", "d", "e"], ["bad", "d", "e"]],
    )


def test_records_that_are_too_old_are_passed_over(make_server, creator, tmp_path, fresh):
    server = make_server()
    sink, other = Sink(tmp_path / "events"), Sink(tmp_path / "flag")
    kinesis, api = server.client("kinesis"), server.client("lambda")
    kinesis.create_stream(StreamName="s", ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName="s")
    server.client("s3").create_bucket(Bucket="failures")
    creator(api, "f", WRITES % str(sink.path))
    kinesis.put_record(StreamName="s", Data=b"old", PartitionKey="k")
    server.clock.advance(minutes=2)
    kinesis.put_record(StreamName="s", Data=b"new", PartitionKey="k")
    api.create_event_source_mapping(
        FunctionName="f", StartingPosition="TRIM_HORIZON", MaximumRecordAgeInSeconds=60,
        EventSourceArn="arn:aws:kinesis:us-east-1:000000000000:stream/s",
        DestinationConfig={"OnFailure": {"Destination": "arn:aws:s3:::failures"}},
    )  # fmt: skip
    wait_until(sink.data)
    assert sink.data() == ["new"] and not other.events()
    listed = server.client("s3").list_objects_v2(Bucket="failures")["Contents"]
    body = server.client("s3").get_object(Bucket="failures", Key=listed[0]["Key"])["Body"]
    message = json.load(body)
    assert message["requestContext"]["condition"] == "RecordAgeExceeded"
    assert "responseContext" not in message


# ---- life ----


def test_a_disabled_mapping_waits_and_goes_on(
    client, make_function, stream, sink, mapped, functions
):
    name, source = stream()
    uuid = mapped(make_function(WRITES % str(sink.path)), source)
    put(client, name, "a")
    wait_until(lambda: sink.data() == ["a"])
    functions.update_event_source_mapping(UUID=uuid, Enabled=False)
    wait_until(lambda: state(functions, uuid) == "Disabled")
    put(client, name, "b")
    functions.update_event_source_mapping(UUID=uuid, Enabled=True)
    wait_until(lambda: sink.data() == ["a", "b"])


def test_children_of_a_shard_come_after_it(client, make_function, stream, sink, mapped):
    name, source = stream()
    put(client, name, *[f"{i:03d}" for i in range(40)])
    kinesis = client("kinesis")
    kinesis.split_shard(
        StreamName=name, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127)
    )
    wait_until(
        lambda: kinesis.describe_stream(StreamName=name)["StreamDescription"]["StreamStatus"]
        == "ACTIVE"
    )
    put(client, name, *[f"{i:03d}" for i in range(40, 80)])
    mapped(make_function(WRITES % str(sink.path)), source, BatchSize=10)
    wait_until(lambda: len(sink.data()) == 80)
    assert sink.data() == [f"{i:03d}" for i in range(80)]  # one key: one line of shards


@pytest.mark.parametrize("source_kind", ["kinesis", "dynamodb"])
def test_a_kill_loses_nothing_and_keeps_the_order(own_server, creator, tmp_path, source_kind):
    sink = Sink(tmp_path / "events")
    api = own_server.client("lambda")
    creator(api, "f", WRITES % str(sink.path), Timeout=60)
    if source_kind == "kinesis":
        own_server.client("kinesis").create_stream(StreamName="s", ShardCount=1)
        own_server.client("kinesis").get_waiter("stream_exists").wait(StreamName="s")
        source = "arn:aws:kinesis:us-east-1:000000000000:stream/s"
    else:
        source = own_server.client("dynamodb").create_table(
            TableName="table", BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        )["TableDescription"]["LatestStreamArn"]  # fmt: skip
        own_server.client("dynamodb").get_waiter("table_exists").wait(TableName="table")
    api.create_event_source_mapping(
        FunctionName="f", EventSourceArn=source, StartingPosition="TRIM_HORIZON", BatchSize=4
    )

    def put_one(i):
        if source_kind == "kinesis":
            own_server.client("kinesis").put_record(
                StreamName="s", Data=f"{i:03d}".encode(), PartitionKey="k"
            )
        else:
            own_server.client("dynamodb").put_item(
                TableName="table", Item={"id": {"S": "one"}, "n": {"N": str(i)}}
            )

    def seen():
        if source_kind == "kinesis":
            return [int(text) for text in sink.data()]
        return [int(it["dynamodb"]["NewImage"]["n"]["N"]) for it in sink.records()]

    for turn in range(3):
        for i in range(turn * 20, turn * 20 + 20):
            put_one(i)
        own_server.kill9()
        own_server.start()
    wait_until(lambda: set(seen()) == set(range(60)))
    first = list(dict.fromkeys(seen()))  # where each was first seen
    assert first == list(range(60))
    assert api.list_event_source_mappings()["EventSourceMappings"][0]["State"] == "Enabled"


def test_a_mapping_of_a_reset_server_is_gone(own_server, creator, tmp_path):
    api = own_server.client("lambda")
    creator(api, "f", "def handler(e, c): pass\n")
    kinesis = own_server.client("kinesis")
    kinesis.create_stream(StreamName="s", ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName="s")
    api.create_event_source_mapping(
        FunctionName="f", StartingPosition="LATEST",
        EventSourceArn="arn:aws:kinesis:us-east-1:000000000000:stream/s",
    )  # fmt: skip
    own_server.reset()
    assert own_server.client("lambda").list_event_source_mappings()["EventSourceMappings"] == []


def test_the_command_line_client_maps_a_stream(aws, make_function, stream):
    function, (_, source) = make_function("def handler(e, c): pass\n"), stream()
    made = aws(
        "lambda", "create-event-source-mapping", "--function-name", function,
        "--event-source-arn", source, "--starting-position", "TRIM_HORIZON", "--batch-size", "5",
    ).json  # fmt: skip
    assert made["BatchSize"] == 5 and made["State"] == "Creating"
    aws("lambda", "delete-event-source-mapping", "--uuid", made["UUID"])
