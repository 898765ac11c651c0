"""/_millrace/faults: failures by name and rate, as AWS words them, which SDKs retry."""

import json
import time

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from support import wait_until
from support.chain import (
    lines_of,
    make_delivery,
    make_function,
    make_pipe,
    make_stream,
    make_table,
    put_number,
    stream_records,
)

ECHO = """
import os
def handler(event, context):
    return event
"""


class Faults:
    def __init__(self, server):
        self.server = server

    def ask(self, method, body=None, query=""):
        text = None if body is None else json.dumps(body)
        status, _, reply = self.server.request(method, "/_millrace/faults" + query, text)
        return status, json.loads(reply)

    def set(self, **rule):
        status, reply = self.ask("POST", rule)
        assert status == 200, reply
        return reply["id"]

    def list(self):
        return self.ask("GET")[1]["faults"]

    def clear(self):
        assert self.ask("DELETE")[0] == 200


@pytest.fixture
def faults(own_server):
    it = Faults(own_server)
    return it


def client(server, service, attempts):
    retries = {"total_max_attempts": attempts, "mode": "standard"}
    return server.client(service, config=Config(retries=retries))


def fails(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    reply = caught.value.response
    return (reply["Error"]["Code"], reply["ResponseMetadata"]["HTTPStatusCode"],
            reply["Error"]["Message"])  # fmt: skip


def retried(reply):
    return reply["ResponseMetadata"]["RetryAttempts"]


class TestPage:
    def test_set_list_and_clear(self, faults):
        first = faults.set(service="s3", operation="PutObject", resource="lake", kind="error",
                           code="SlowDown", rate=0.5, count=3, seed=7)  # fmt: skip
        second = faults.set(service="kinesis", kind="slow", delay_ms=5)
        assert [it["id"] for it in faults.list()] == [first, second]
        told = faults.list()[0]
        assert (told["rate"], told["count"], told["seed"], told["struck"]) == (0.5, 3, 7, 0)
        assert (told["status"], told["message"]) == (503, "Please reduce your request rate.")
        assert faults.ask("DELETE", query=f"?id={first}")[0] == 200
        assert [it["id"] for it in faults.list()] == [second]
        assert faults.ask("DELETE", query=f"?id={first}")[0] == 400
        faults.clear()
        assert faults.list() == []

    def test_a_reset_clears_them(self, faults):
        faults.set(service="s3", kind="reset")
        assert faults.server.request("POST", "/_millrace/reset")[0] == 200
        assert faults.list() == []

    @pytest.mark.parametrize("rule, wrong", [
        ({"service": "s3"}, "a fault needs a kind"),
        ({"kind": "strange"}, "no such kind"),
        ({"kind": "error", "service": "s3"}, "an error needs a code"),
        ({"kind": "error", "service": "s3", "code": "Mine"},
         "this code is not known of the service: give status and message"),
        ({"kind": "slow"}, "this kind needs delay_ms"),
        ({"kind": "reset", "rate": 2}, "rate is from 0 to 1"),
        ({"kind": "reset", "colour": 2}, "members are service, operation, resource, kind, code, "
         "status, message, after, delay_ms, rate, count, seed"),
        ([], "a fault is an object"),
    ])  # fmt: skip
    def test_what_is_refused(self, faults, rule, wrong):
        assert faults.ask("POST", rule) == (400, {"error": wrong})

    def test_only_with_testing(self, make_server):
        server = make_server(testing=False)
        assert server.request("GET", "/_millrace/faults")[0] == 404


class TestErrors:
    @pytest.mark.injected
    def test_s3_slows_down_and_the_sdk_tries_again(self, faults):
        client(faults.server, "s3", 1).create_bucket(Bucket="lake")
        faults.set(service="s3", operation="PutObject", resource="lake", kind="error",
                   code="SlowDown", count=2)  # fmt: skip
        reply = client(faults.server, "s3", 4).put_object(Bucket="lake", Key="k", Body=b"x" * 40000)
        assert retried(reply) == 2
        faults.set(service="s3", operation="GetObject", kind="error", code="InternalError")
        got = fails(client(faults.server, "s3", 1).get_object, Bucket="lake", Key="k")
        words = "We encountered an internal error. Please try again."
        assert got == ("InternalError", 500, words)
        assert [it["struck"] for it in faults.list()] == [2, 1]

    @pytest.mark.injected
    def test_dynamodb_throttles_one_table_alone(self, faults):
        make_table(faults.server, "orders")
        make_table(faults.server, "others")
        db = client(faults.server, "dynamodb", 1)
        faults.set(service="dynamodb", operation="PutItem", resource="orders", kind="error",
                   code="ProvisionedThroughputExceededException")  # fmt: skip
        put_number(db, "others", 1)
        code, status, message = fails(db.put_item, TableName="orders", Item={"id": {"S": "a"}})
        assert (code, status) == ("ProvisionedThroughputExceededException", 400)
        assert message.startswith("The level of configured provisioned throughput")
        faults.clear()
        faults.set(service="dynamodb", kind="error", code="InternalServerError", count=1)
        reply = client(faults.server, "dynamodb", 3).put_item(
            TableName="orders", Item={"id": {"S": "a"}})  # fmt: skip
        assert retried(reply) == 1

    @pytest.mark.injected
    def test_an_error_after_the_work_was_done_makes_a_double(self, faults):
        make_stream(faults.server, "changes")
        faults.set(service="kinesis", operation="PutRecord", kind="error", count=1, after=True,
                   code="InternalFailure")  # fmt: skip
        reply = client(faults.server, "kinesis", 3).put_record(
            StreamName="changes", Data=b"once", PartitionKey="p")  # fmt: skip
        assert retried(reply) == 1
        records = stream_records(faults.server, "changes")
        assert [it["Data"] for it in records] == [b"once", b"once"]

    def test_iterators_expire(self, faults):
        make_stream(faults.server, "changes")
        kinesis = client(faults.server, "kinesis", 1)
        iterator = kinesis.get_shard_iterator(
            StreamName="changes", ShardId="shardId-000000000000",
            ShardIteratorType="TRIM_HORIZON")["ShardIterator"]  # fmt: skip
        faults.set(service="kinesis", operation="GetRecords", kind="error", count=1,
                   code="ExpiredIteratorException")  # fmt: skip
        with pytest.raises(kinesis.exceptions.ExpiredIteratorException):
            kinesis.get_records(ShardIterator=iterator)
        kinesis.get_records(ShardIterator=iterator)

    @pytest.mark.injected
    def test_a_code_of_ones_own(self, faults):
        faults.set(service="glue", operation="GetDatabases", kind="error", code="MineException",
                   status=400, message="as I say")  # fmt: skip
        got = fails(client(faults.server, "glue", 1).get_databases)
        assert got == ("MineException", 400, "as I say")

    def test_the_same_seed_chooses_alike(self, faults):
        kinesis = client(faults.server, "kinesis", 1)

        def choices(seed):
            faults.clear()
            faults.set(service="kinesis", kind="error", code="LimitExceededException", rate=0.5,
                       seed=seed)  # fmt: skip
            chosen = []
            for _ in range(24):
                try:
                    kinesis.list_streams()
                    chosen.append(False)
                except ClientError:
                    chosen.append(True)
            return chosen

        first = choices(3)
        assert first == choices(3) and first != choices(4)
        assert 4 < sum(first) < 20


class TestConnections:
    def test_a_slow_answer(self, faults):
        faults.set(service="kinesis", operation="ListStreams", kind="slow", delay_ms=300)
        before = time.monotonic()
        faults.server.client("kinesis").list_streams()
        assert time.monotonic() - before >= 0.29

    @pytest.mark.parametrize("after", [False, True])
    def test_a_cut_connection(self, faults, after):
        make_table(faults.server, "orders")
        faults.set(service="dynamodb", operation="UpdateItem", kind="reset", count=1, after=after)
        reply = client(faults.server, "dynamodb", 3).update_item(
            TableName="orders", Key={"id": {"S": "a"}}, ReturnValues="ALL_NEW",
            UpdateExpression="ADD n :one", ExpressionAttributeValues={":one": {"N": "1"}},
        )  # fmt: skip
        assert retried(reply) == 1
        assert reply["Attributes"]["n"]["N"] == ("2" if after else "1")


class TestBatches:
    def test_put_records(self, faults):
        make_stream(faults.server, "changes")
        kinesis = faults.server.client("kinesis")
        faults.set(service="kinesis", operation="PutRecords", kind="partial", rate=0.5, seed=1)
        left, rounds = [{"Data": b"%d" % n, "PartitionKey": "p"} for n in range(40)], 0
        while left:
            reply = kinesis.put_records(StreamName="changes", Records=left)
            failed = [r for r in reply["Records"] if "ErrorCode" in r]
            assert reply["FailedRecordCount"] == len(failed)
            assert len(reply["Records"]) == len(left)
            for record in failed:
                assert record["ErrorCode"] == "ProvisionedThroughputExceededException"
                assert record["ErrorMessage"] == (
                    "Rate exceeded for shard shardId-000000000000 in stream changes under account "
                    "000000000000.")  # fmt: skip
            left = [r for r, done in zip(left, reply["Records"], strict=True)
                    if "ErrorCode" in done]  # fmt: skip
            rounds += 1
        assert rounds > 1
        found = sorted(int(it["Data"]) for it in stream_records(faults.server, "changes"))
        assert found == list(range(40))

    def test_put_record_batch(self, faults):
        faults.server.client("s3").create_bucket(Bucket="lake")
        make_delivery(faults.server, "landing", "lake")
        faults.set(service="firehose", operation="PutRecordBatch", resource="landing",
                   kind="partial", count=1)  # fmt: skip
        reply = faults.server.client("firehose").put_record_batch(
            DeliveryStreamName="landing", Records=[{"Data": b"a"}, {"Data": b"b"}])  # fmt: skip
        assert reply["FailedPutCount"] == 1
        assert reply["RequestResponses"][0]["ErrorCode"] == "ServiceUnavailableException"
        assert "RecordId" in reply["RequestResponses"][1]

    def test_batch_write_item(self, faults):
        make_table(faults.server, "orders")
        db = faults.server.client("dynamodb")
        faults.set(service="dynamodb", operation="BatchWriteItem", kind="partial", count=3)
        puts = [{"PutRequest": {"Item": {"id": {"S": f"o{n}"}}}} for n in range(5)]
        reply = db.batch_write_item(RequestItems={"orders": puts})
        assert reply["UnprocessedItems"] == {"orders": puts[:3]}
        assert db.scan(TableName="orders")["Count"] == 2
        faults.clear()
        faults.set(service="dynamodb", operation="BatchWriteItem", kind="partial", count=3)
        with faults.server.resource("dynamodb").Table("orders").batch_writer() as batch:
            for n in range(5):
                batch.put_item(Item={"id": f"o{n}"})
        assert db.scan(TableName="orders")["Count"] == 5


class TestFunctions:
    @pytest.mark.parametrize("kind, error, more", [
        ("function-error", "Exception", {"message": "as I say"}),
        ("function-crash", "Runtime.ExitError", {}),
        ("function-hang", "Sandbox.Timedout", {"delay_ms": 50}),
    ])  # fmt: skip
    def test_what_goes_wrong(self, faults, kind, error, more):
        make_function(faults.server, "echo", ECHO)
        functions = faults.server.client("lambda")
        faults.set(service="lambda", resource="echo", kind=kind, count=1, **more)
        reply = functions.invoke(FunctionName="echo", Payload=b'{"a":1}')
        assert reply["FunctionError"] == "Unhandled"
        assert json.loads(reply["Payload"].read())["errorType"] == error
        reply = functions.invoke(FunctionName="echo", Payload=b'{"a":1}')
        assert json.loads(reply["Payload"].read()) == {"a": 1}

    def test_a_wrong_answer(self, faults):
        make_function(faults.server, "echo", ECHO)
        faults.set(service="lambda", kind="function-wrong", count=1)
        reply = faults.server.client("lambda").invoke(FunctionName="echo", Payload=b'{"a":1}')
        assert (reply.get("FunctionError"), reply["Payload"].read()) == (None, b"null")


def test_the_chain_survives_them_without_loss(faults):
    """Every stage fails half of the time, and all that was written lands once."""
    server = faults.server
    table = make_table(server, "orders")
    stream = make_stream(server, "changes")
    server.client("s3").create_bucket(Bucket="lake")
    make_function(server, "echo", """
def handler(event, context):
    return {"records": [{"recordId": r["recordId"], "result": "Ok", "data": r["data"]}
                        for r in event["records"]]}
""")
    arn = server.client("lambda").get_function(FunctionName="echo")["Configuration"]["FunctionArn"]
    newline = {"ParameterName": "Delimiter", "ParameterValue": "\\n"}
    delimiter = {"Type": "AppendDelimiterToRecord", "Parameters": [newline]}
    make_delivery(server, "landing", "lake", source=stream, function=arn, retries=300,
                  processors=[delimiter])  # fmt: skip
    make_pipe(server, "carry", table, stream)
    faults.set(service="kinesis", operation="PutRecords", resource="changes", kind="error",
               code="ProvisionedThroughputExceededException", rate=0.5, seed=1)  # fmt: skip
    faults.set(service="lambda", operation="Invoke", resource="echo", kind="error",
               code="TooManyRequestsException", rate=0.3, seed=2)  # fmt: skip
    faults.set(service="lambda", resource="echo", kind="function-error", rate=0.3, seed=3)
    faults.set(service="s3", operation="PutObject", resource="lake", kind="error",
               code="SlowDown", rate=0.5, seed=4)  # fmt: skip
    db = server.client("dynamodb")
    for n in range(60):
        put_number(db, "orders", n, key=f"o{n % 7}")
        if n % 10 == 9:
            done = n + 1
            wait_until(lambda want=done: len(stream_records(server, "changes")) == want)
    wait_until(lambda: len(lines_of(server, "lake")) == 60)
    assert all(it["struck"] > 0 for it in faults.list()), faults.list()
    numbers = [int(it["dynamodb"]["NewImage"]["n"]["N"]) for it in lines_of(server, "lake")]
    assert sorted(numbers) == list(range(60))
