"""FilterCriteria: what is taken, what is passed over, and that the place is kept behind it."""

import json

from support import wait_until
from support.chain import (
    ROLE,
    carried,
    events_of,
    numbers_of,
    pipe_status,
    put_number,
    stream_records,
)


def test_a_filter_chooses_by_name_and_by_value(server, db, ends, pipe):
    it = ends()
    name = pipe(
        it,
        filters=[
            {"eventName": ["REMOVE"]},
            {"dynamodb": {"NewImage": {"n": {"N": ["2", {"prefix": "4"}]}}}},
        ],
    )
    for n in range(6):
        put_number(db, it.table, n)
    db.delete_item(TableName=it.table, Key={"id": {"S": "o1"}})
    carried(server, it, 3)
    events = events_of(server, it.stream)
    assert [e["eventName"] for e in events] == ["MODIFY", "MODIFY", "REMOVE"]
    assert numbers_of(events[:2]) == [2, 4]
    wait_until(lambda: pipe_status(server, name)["filtered"] == 4)
    wait_until(lambda: pipe_status(server, name)["records"] == 3)


def test_what_a_filter_left_out_is_behind_the_pipe(server, pipes, db, ends, pipe):
    it = ends()
    name = pipe(it, filters=[{"eventName": ["REMOVE"]}])
    put_number(db, it.table, 1)
    put_number(db, it.table, 2)
    wait_until(lambda: pipe_status(server, name)["filtered"] == 2)
    # The wider filter sees only what comes now.
    pipes.update_pipe(
        Name=name,
        RoleArn=ROLE,
        SourceParameters={"FilterCriteria": {"Filters": [{"Pattern": '{"eventName":["MODIFY"]}'}]}},
    )
    found = pipes.describe_pipe(Name=name)["SourceParameters"]
    assert found["FilterCriteria"] == {"Filters": [{"Pattern": '{"eventName":["MODIFY"]}'}]}
    put_number(db, it.table, 3)
    carried(server, it, 1)
    # An empty list removes the filter.
    pipes.update_pipe(
        Name=name, RoleArn=ROLE, SourceParameters={"FilterCriteria": {"Filters": []}}
    )
    assert "FilterCriteria" not in pipes.describe_pipe(Name=name)["SourceParameters"]
    db.delete_item(TableName=it.table, Key={"id": {"S": "o1"}})
    carried(server, it, 2)
    names = [e["eventName"] for e in events_of(server, it.stream)]
    assert names == ["MODIFY", "REMOVE"]


def test_kinesis_data_is_matched_as_the_json_or_the_text_that_it_is(
    server, client, ends, pipe
):
    it = ends()
    kinesis = client("kinesis")
    taken = ends()
    it.source = it.target  # from one Kinesis stream ...
    name = pipe(
        it,
        target=taken.target,  # ... into another
        key="$.partitionKey",
        filters=[
            {"data": {"City": ["Seattle"], "Temperature": [{"numeric": [">", 40]}]}},
            {"data": [{"prefix": "plain"}]},
            {"partitionKey": ["always"]},
        ],
    )
    for key, data in (
        ("a", {"City": "Seattle", "Temperature": 46}),
        ("b", {"City": "Seattle", "Temperature": 31}),
        ("c", {"City": ["Rome", "Seattle"], "Temperature": 41.5}),
        ("d", "plain text"),
        ("e", "other text"),
        ("always", b"\xff\x00"),
    ):
        text = data if isinstance(data, bytes) else (
            data.encode() if isinstance(data, str) else json.dumps(data).encode())  # fmt: skip
        kinesis.put_record(StreamName=it.stream, PartitionKey=key, Data=text)
    records = carried(server, taken, 4)
    assert [record["PartitionKey"] for record in records] == ["a", "c", "d", "always"]
    wait_until(lambda: pipe_status(server, name)["filtered"] == 2)
    assert len(stream_records(server, taken.stream)) == 4
