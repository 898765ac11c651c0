"""The clock that `serve --testing` lets a test hold and move."""

import json
import time

import pytest
from botocore.exceptions import ClientError

from support.wait import wait_until

PATH = "/_millrace/clock"


def make_table(server, **more):
    server.client("dynamodb").create_table(
        TableName="orders", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}], **more)


def test_it_runs_as_the_systems_until_it_is_held(own_server):
    clock = own_server.clock
    assert abs(clock.now_ms - time.time() * 1000) < 60000 and not clock.state["held"]
    held = clock.hold()
    assert clock.state == {"now_ms": held, "held": True}
    assert clock.advance(90, ms=7) == held + 90007
    assert clock.set_ms(held + 100000) == held + 100000 == clock.now_ms
    assert held + 100000 <= clock.release() < held + 200000
    wait_until(lambda: clock.now_ms > held + 100000)
    assert clock.now_ms < held + 200000 and not clock.state["held"]
    assert clock.advance(hours=1) >= held + 3700000 and not clock.state["held"]


@pytest.mark.parametrize("body", [
    "", "[]", "nonsense", '{"hold":false}', '{"hold":1}', '{"release":false}', '{"advance_ms":-1}',
    '{"advance_ms":"1"}', '{"advance_ms":1.5}', '{"set_ms":1}', '{"advance_ms":253402300799999}',
    '{"advance_ms":99999999999999999999}', '{"hold":true,"release":true}', '{"halt":true}',
    '{"advance_ms":1,"set_ms":9999999999999}', '{"set_ms":null}',
])
def test_a_wish_that_is_none_changes_nothing(server, body):
    with server.clock.held() as before:
        status, _, answer = server.request("POST", PATH, body=body)
        assert status == 400 and json.loads(answer)["error"]
        assert server.clock.state == {"now_ms": before, "held": True}


def test_it_is_there_only_for_tests(make_server):
    plain = make_server(testing=False)
    unknown = plain.request("POST", "/_millrace/nothing", body="{}")
    asked = plain.request("POST", PATH, body='{"hold":true}')
    assert asked[0] == unknown[0] == 404 and asked[2] == unknown[2]
    assert plain.request("GET", PATH)[0] == 404


def test_a_page_in_a_browser_cannot_move_it(server):
    headers = {"Origin": "http://example.com"}
    assert server.request("POST", PATH, body='{"hold":true}', headers=headers)[0] == 403
    assert server.request("DELETE", PATH)[0] == 405
    assert not server.clock.state["held"]


@pytest.mark.parametrize("end", ["stop", "kill9"])
def test_a_restart_leaves_it_where_it_stands(own_server, end):
    held = own_server.clock.hold() and own_server.clock.advance(hours=30)
    getattr(own_server, end)()
    own_server.start()
    assert own_server.clock.state == {"now_ms": held, "held": True}
    own_server.clock.release()
    getattr(own_server, end)()
    own_server.start()
    assert held <= own_server.clock.now_ms < held + 60000


def test_what_is_made_bears_its_time(own_server):
    own_server.clock.hold()
    now_ms = own_server.clock.advance(hours=100)
    make_table(own_server, StreamSpecification={
        "StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    dynamodb, streams = own_server.client("dynamodb"), own_server.client("dynamodbstreams")
    table = dynamodb.describe_table(TableName="orders")["Table"]
    assert table["CreationDateTime"].timestamp() == pytest.approx(now_ms / 1000, abs=0.002)
    dynamodb.put_item(TableName="orders", Item={"k": {"S": "a"}})
    arn = table["LatestStreamArn"]
    records = [
        record
        for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        for record in streams.get_records(ShardIterator=streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON",
        )["ShardIterator"])["Records"]
    ]
    made = records[0]["dynamodb"]["ApproximateCreationDateTime"].timestamp()
    assert made == pytest.approx(now_ms / 1000, abs=1)


def test_an_iterator_expires_by_it(own_server):
    make_table(own_server, StreamSpecification={
        "StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    streams = own_server.client("dynamodbstreams")
    arn = streams.list_streams()["Streams"][0]["StreamArn"]
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    own_server.clock.hold()
    iterator = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    own_server.clock.advance(minutes=15)
    streams.get_records(ShardIterator=iterator)
    own_server.clock.advance(ms=1)
    with pytest.raises(ClientError) as failed:
        streams.get_records(ShardIterator=iterator)
    assert failed.value.response["Error"]["Code"] == "ExpiredIteratorException"


def test_moving_it_wakes_what_has_become_due(own_server):
    """A delivery's buffer of 900 s lands once 900 s have gone by, and not before."""
    s3, firehose = own_server.client("s3"), own_server.client("firehose")
    s3.create_bucket(Bucket="lake")
    own_server.clock.hold()
    firehose.create_delivery_stream(
        DeliveryStreamName="d", DeliveryStreamType="DirectPut",
        ExtendedS3DestinationConfiguration={
            "RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::lake",
            "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 900}})
    firehose.put_record(DeliveryStreamName="d", Record={"Data": b"one"})

    def waiting():
        status = json.loads(own_server.request("GET", "/_millrace/status")[2])
        return status["deliveries"][0]["waiting"] == 1

    wait_until(waiting)
    own_server.clock.advance(899)
    assert waiting() and s3.list_objects_v2(Bucket="lake")["KeyCount"] == 0
    own_server.clock.advance(1)
    wait_until(lambda: s3.list_objects_v2(Bucket="lake")["KeyCount"] == 1)


def test_signatures_are_held_against_the_real_time(make_server, tmp_path):
    path = tmp_path / "credentials"
    path.write_text("[default]\naws_access_key_id = test\naws_secret_access_key = test\n")
    guarded = make_server("--credentials", path)
    s3 = guarded.client("s3")
    s3.create_bucket(Bucket="lake")
    # Only a signed request may move the clock, so its state is laid in the data folder.
    assert guarded.request("POST", PATH, body='{"hold":true}')[0] == 403
    guarded.stop()
    (guarded.data / "testing-clock").write_text("ahead 86400000\n")
    guarded.start()
    s3.put_object(Bucket="lake", Key="k", Body=b"x")
    made = s3.head_object(Bucket="lake", Key="k")["LastModified"].timestamp()
    assert made > time.time() + 86000
    guarded.stop()
    (guarded.data / "testing-clock").write_text("nonsense\n")
    with pytest.raises(AssertionError, match="holds no time"):
        guarded.start()
