"""InputTemplate for the target, and where its holes look."""

import json
import re

from support.chain import ROLE, carried, put_number, refused, stream_records


def test_each_record_is_reshaped_by_itself(server, db, ends, pipe):
    it = ends()
    name = pipe(
        it,
        key="$.dynamodb.Keys.id.S",
        to={
            "InputTemplate": '{"id": <$.dynamodb.Keys.id.S>, "n": "<$.dynamodb.NewImage.n.N>",'
            ' "image": <$.dynamodb.NewImage>, "gone": <$.dynamodb.OldImage.x>,'
            ' "pipe": "<aws.pipes.pipe-name>", "arns": [<aws.pipes.pipe-arn>,'
            " <aws.pipes.source-arn>, <aws.pipes.target-arn>],"
            ' "at": <aws.pipes.event.ingestion-time>, "event": <aws.pipes.event.json>}'
        },
    )
    put_number(db, it.table, 1, "a")
    put_number(db, it.table, 2, "b")
    records = carried(server, it, 2)
    # AWS: the partition key looks at the event, never at what the template made of it.
    assert [record["PartitionKey"] for record in records] == ["a", "b"]
    for n, (record, key) in enumerate(zip(records, "ab"), 1):
        made = json.loads(record["Data"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", made.pop("at"))
        assert made.pop("event")["dynamodb"]["Keys"] == {"id": {"S": key}}
        assert made == {
            "id": key,
            "n": str(n),
            "image": {"id": {"S": key}, "n": {"N": str(n)}},
            "gone": None,
            "pipe": name,
            "arns": [f"arn:aws:pipes:us-east-1:000000000000:pipe/{name}", it.source, it.target],
        }


def test_a_text_is_sent_as_it_is(server, db, ends, pipe):
    it = ends()
    pipe(it, to={"InputTemplate": "<$.eventName> of <$.dynamodb.Keys.id.S>\n"})
    put_number(db, it.table, 1)
    (record,) = carried(server, it, 1)
    assert record["Data"] == b"INSERT of o1\n"


def test_kinesis_data_is_decoded_where_a_path_looks_into_it(server, client, ends, pipe):
    it, to = ends(), ends()
    client("kinesis").put_record(
        StreamName=it.stream, PartitionKey="k", Data=b'{"city": {"name": "Rome"}, "n": 1}'
    )
    client("kinesis").put_record(StreamName=it.stream, PartitionKey="k", Data=b"no json")
    it.source = it.target
    pipe(it, target=to.target, key="k", to={
        "InputTemplate": '{"name": <$.data.city.name>, "data": <$.data>}'
    })  # fmt: skip
    made = [json.loads(record["Data"]) for record in carried(server, to, 2)]
    assert made == [
        {"name": "Rome", "data": {"city": {"name": "Rome"}, "n": 1}},
        {"name": None, "data": "no json"},
    ]


def test_an_empty_template_removes_it_and_one_not_named_stays(server, pipes, db, ends, pipe):
    it = ends()
    name = pipe(it, to={"InputTemplate": "<$.eventName>"})
    key = {"KinesisStreamParameters": {"PartitionKey": "k"}}
    pipes.update_pipe(Name=name, RoleArn=ROLE, TargetParameters=key)
    shown = pipes.describe_pipe(Name=name)["TargetParameters"]
    assert shown == {"InputTemplate": "<$.eventName>", **key}
    pipes.update_pipe(Name=name, RoleArn=ROLE, TargetParameters={"InputTemplate": "<$.eventID>"})
    shown = pipes.describe_pipe(Name=name)["TargetParameters"]
    assert shown == {"InputTemplate": "<$.eventID>", **key}
    pipes.update_pipe(Name=name, RoleArn=ROLE, TargetParameters={**key, "InputTemplate": ""})
    assert pipes.describe_pipe(Name=name)["TargetParameters"] == key
    put_number(db, it.table, 1)
    (record,) = carried(server, it, 1)
    assert json.loads(record["Data"])["eventName"] == "INSERT"
    text = refused(
        pipes.update_pipe,
        "ValidationException",
        400,
        Name=name,
        RoleArn=ROLE,
        TargetParameters={**key, "InputTemplate": "<$.a[x]>"},
    )
    assert text == "Invalid InputTemplate: <$.a[x]> is not a valid path."
    assert len(stream_records(server, it.stream)) == 1
