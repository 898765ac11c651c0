"""Stages that go away under the others: over restarts, and all at once by a reset."""

import threading

from support import wait_until
from support.chain import (
    events_of,
    make_delivery,
    make_function,
    make_pipe,
    make_stream,
    make_table,
    numbers_of,
    objects_of,
    put_number,
    quiet,
    status_of,
    stream_records,
)

PASS = """
def handler(event, context):
    return {"records": [{"recordId": r["recordId"], "result": "Ok", "data": r["data"]}
                        for r in event["records"]]}
"""


def state(server, name):
    return server.client("pipes").describe_pipe(Name=name)["CurrentState"]


def test_a_restart_finds_ends_gone_and_says_so(own_server):
    server = own_server
    source = make_table(server, "orders")
    changes = make_stream(server, "changes")
    server.client("s3").create_bucket(Bucket="lake")
    make_delivery(server, "landing", "lake", changes)
    make_pipe(server, "copy", source, changes)
    put_number(server.client("dynamodb"), "orders", 1)
    wait_until(lambda: objects_of(server, "lake"))
    server.client("kinesis").delete_stream(StreamName="changes")
    put_number(server.client("dynamodb"), "orders", 2)
    server.restart()
    wait_until(lambda: state(server, "copy") == "STOPPED")
    wait_until(lambda: "does not exist" in status_of(server)["deliveries"][0]["last_error"])
    server.kill9()
    server.start()
    make_stream(server, "changes", 2)
    wait_until(lambda: state(server, "copy") == "RUNNING")
    wait_until(lambda: numbers_of(events_of(server, "changes")) == [2])
    wait_until(lambda: len(objects_of(server, "lake")) == 2)
    server.client("dynamodb").delete_table(TableName="orders")
    wait_until(lambda: state(server, "copy") == "STOPPED")
    server.restart()
    wait_until(lambda: state(server, "copy") == "STOPPED")
    assert len(stream_records(server, "changes")) == 1
    server.client("pipes").delete_pipe(Name="copy")


def set_up(server):
    source = make_table(server, "orders")
    changes = make_stream(server, "changes", 2)
    server.client("s3").create_bucket(Bucket="lake")
    function = make_function(server, "pass", PASS)
    make_delivery(server, "landing", "lake", changes, function)
    make_pipe(server, "copy", source, changes)


def test_a_reset_empties_a_pipeline_at_full_speed(own_server):
    server = own_server
    set_up(server)
    ending = threading.Event()

    def write():
        db = server.client("dynamodb", config=None)
        while not ending.is_set():
            quiet(put_number, db=db, table="orders", number=1)
            quiet(put_number, db=db, table="orders", number=2)

    server.client("dynamodb")
    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            wait_until(lambda: int(status_of(server)["deliveries"][0]["objects"]) > 3)
            server.reset()
            assert server.client("pipes").list_pipes()["Pipes"] == []
            assert server.client("firehose").list_delivery_streams()["DeliveryStreamNames"] == []
            assert server.client("kinesis").list_streams()["StreamNames"] == []
            assert server.client("s3").list_buckets()["Buckets"] == []
            set_up(server)
        wait_until(lambda: int(status_of(server)["deliveries"][0]["objects"]) > 3)
    finally:
        ending.set()
        for thread in threads:
            thread.join()
