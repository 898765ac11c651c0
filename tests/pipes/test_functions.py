"""Functions as targets and as enrichments: what they get, what they answer, how they fail."""

from support import wait_until
from support.chain import (
    ROLE,
    carried,
    events_of,
    make_function,
    make_pipe,
    make_table,
    numbers_of,
    pipe_status,
    put_number,
    stream_records,
)

NUMBERS = """
def numbers(events):
    return [int(e["dynamodb"]["NewImage"]["n"]["N"]) for e in events]
"""


def write(db, table, count, items=1):
    for n in range(count):
        put_number(db, table, n, f"o{n % items}")


def test_a_function_gets_an_array_even_of_one(server, db, ends, pipe, function, seen):
    it = ends()
    target = function(seen.text + "def handler(event, context):\n    note(event)\n")
    name = pipe(it, target=target, BatchSize=1)
    write(db, it.table, 2)
    events = wait_until(lambda: len(seen()) == 2 and seen())
    assert [len(batch) for batch in events] == [1, 1]
    assert numbers_of([batch[0] for batch in events]) == [0, 1]
    assert events[0][0]["eventSourceARN"] == it.source
    wait_until(lambda: pipe_status(server, name)["records"] == 2)


def test_what_the_function_reports_alone_is_tried_again(server, db, ends, pipe, function, seen):
    it = ends()
    text = seen.text + NUMBERS + """
tried = {}
def handler(events, context):
    note(numbers(events))
    failed = []
    for e, n in zip(events, numbers(events)):
        tried[n] = tried.get(n, 0) + 1
        if n in (1, 3) and tried[n] < 3:
            failed.append({"itemIdentifier": e["eventID"]})
    return {"batchItemFailures": failed}
"""
    write(db, it.table, 5)
    name = pipe(it, target=function(text))
    wait_until(lambda: len(seen()) >= 3)
    put_number(db, it.table, 5)
    batches = wait_until(lambda: len(seen()) == 4 and seen())
    assert batches == [[0, 1, 2, 3, 4], [1, 3], [1, 3], [5]]
    wait_until(lambda: pipe_status(server, name)["records"] == 6)
    assert pipe_status(server, name)["dropped"] == 0


def test_an_unknown_identifier_fails_the_batch(server, db, ends, pipe, function, seen):
    it = ends()
    text = seen.text + NUMBERS + """
def handler(events, context):
    note(numbers(events))
    return {"batchItemFailures": [{"itemIdentifier": "nobody"}]}
"""
    write(db, it.table, 2)
    name = pipe(it, target=function(text), MaximumRetryAttempts=1)
    wait_until(lambda: pipe_status(server, name)["dropped"] == 2)
    assert seen() == [[0, 1], [0, 1]]
    assert "itemIdentifier that is not in its batch" in pipe_status(server, name)["last_error"]


def test_a_failing_batch_is_halved_until_the_one_is_found(server, db, ends, pipe, function, seen):
    it = ends()
    text = seen.text + NUMBERS + """
def handler(events, context):
    if 5 in numbers(events):
        raise ValueError("poison")
    note(numbers(events))
"""
    write(db, it.table, 8)
    name = pipe(
        it, target=function(text), MaximumRetryAttempts=1,
        OnPartialBatchItemFailure="AUTOMATIC_BISECT",
    )  # fmt: skip
    wait_until(lambda: sum(map(len, seen())) >= 7)
    assert sorted(n for batch in seen() for n in batch) == [0, 1, 2, 3, 4, 6, 7]
    wait_until(lambda: pipe_status(server, name)["dropped"] == 1)
    assert "poison" in pipe_status(server, name)["last_error"]


def test_a_poison_record_without_limits_is_told_and_holds_its_order(
    server, db, pipes, ends, pipe, function, seen
):
    it = ends()
    text = seen.text + NUMBERS + """
def handler(events, context):
    note(numbers(events))
    if 1 in numbers(events):
        raise ValueError("poison")
"""
    name = pipe(it, target=function(text), BatchSize=1)
    write(db, it.table, 3)

    def reason():  # a slow machine has it wait for its function first, and say so
        return pipes.describe_pipe(Name=name).get("StateReason", "")

    wait_until(lambda: "is blocked" in reason(), message=reason)
    assert "poison" in reason() and "MaximumRetryAttempts" in reason()
    assert pipes.describe_pipe(Name=name)["CurrentState"] == "RUNNING"
    assert 2 not in [n for batch in seen() for n in batch]
    wait_until(lambda: pipe_status(server, name)["lag_ms"] > 0)
    pipes.update_pipe(
        Name=name,
        RoleArn=ROLE,
        SourceParameters={"DynamoDBStreamParameters": {"BatchSize": 1, "MaximumRetryAttempts": 0}},
    )
    wait_until(lambda: [2] in seen())
    wait_until(lambda: "StateReason" not in pipes.describe_pipe(Name=name))


def test_a_record_that_became_too_old_is_given_up(own_server):
    source = make_table(own_server, "orders")
    target = make_function(own_server, "fails", "def handler(e, c):\n    raise ValueError('no')\n")
    make_pipe(own_server, "ages", source, target, MaximumRecordAgeInSeconds=60)
    put_number(own_server.client("dynamodb"), "orders", 1)
    pipes = own_server.client("pipes")
    wait_until(lambda: "until the records are 60 s old" in
               pipes.describe_pipe(Name="ages").get("StateReason", ""))  # fmt: skip
    own_server.clock.advance(seconds=90)
    wait_until(lambda: pipe_status(own_server, "ages")["dropped"] == 1)
    wait_until(lambda: "StateReason" not in pipes.describe_pipe(Name="ages"))


def test_fire_and_forget_does_not_wait_for_the_answer(server, db, ends, pipe, function, seen):
    it = ends()
    text = seen.text + "def handler(events, _):\n    note(len(events))\n    raise ValueError\n"
    name = pipe(it, target=function(text), to={
        "LambdaFunctionParameters": {"InvocationType": "FIRE_AND_FORGET"}
    })  # fmt: skip
    write(db, it.table, 1)
    wait_until(lambda: pipe_status(server, name)["records"] == 1)
    wait_until(lambda: seen())
    assert pipe_status(server, name)["dropped"] == 0


def test_a_missing_function_stops_the_pipe_until_it_is_there(server, db, pipes, ends, pipe, fresh,
                                                             seen):  # fmt: skip
    it, name = ends(), fresh("later")
    target = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    pipe_name = pipe(it, target=target)
    write(db, it.table, 1)
    wait_until(lambda: pipes.describe_pipe(Name=pipe_name)["CurrentState"] == "STOPPED")
    assert "does not exist" in pipes.describe_pipe(Name=pipe_name)["StateReason"]
    make_function(server, name, seen.text + "def handler(e, c):\n    note(len(e))\n")
    wait_until(lambda: seen() == [1])
    wait_until(lambda: pipes.describe_pipe(Name=pipe_name)["CurrentState"] == "RUNNING")


def test_stopping_lets_a_call_end_and_does_not_repeat_it(
    server, db, pipes, ends, pipe, function, seen, tmp_path
):
    it, gate = ends(), tmp_path / "gate"
    text = seen.text + NUMBERS + f"""
def handler(events, context):
    note(numbers(events))
    while not os.path.exists({str(gate)!r}):
        time.sleep(0.01)
"""
    name = pipe(it, target=function(text), BatchSize=1)
    write(db, it.table, 1)
    wait_until(lambda: seen() == [[0]])
    assert pipes.stop_pipe(Name=name)["CurrentState"] == "STOPPING"
    assert pipes.describe_pipe(Name=name)["CurrentState"] == "STOPPING"
    gate.touch()
    wait_until(lambda: pipes.describe_pipe(Name=name)["CurrentState"] == "STOPPED")
    put_number(db, it.table, 1)
    pipes.start_pipe(Name=name)
    wait_until(lambda: len(seen()) == 2)
    assert seen() == [[0], [1]]


def test_lanes_call_the_function_side_by_side(server, db, ends, pipe, function, seen, tmp_path):
    it = ends()
    text = seen.text + f"""
def handler(events, context):
    open(os.path.join({str(tmp_path)!r}, context.aws_request_id), "w").close()
    deadline = time.monotonic() + 50
    while len(os.listdir({str(tmp_path)!r})) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    note(len(os.listdir({str(tmp_path)!r})))
"""
    write(db, it.table, 16, items=16)
    pipe(it, target=function(text, timeout=60), ParallelizationFactor=4, BatchSize=16)
    assert min(wait_until(seen)) >= 2


# ---- enrichment ----


def test_an_enrichment_s_answer_takes_the_place_of_the_batch(server, db, ends, pipe, function):
    it = ends()
    text = NUMBERS + """
def handler(events, context):
    return [{"n": n, "item": e["dynamodb"]["Keys"]["id"]["S"]}
            for e, n in zip(events, numbers(events)) if n % 2 == 0]
"""
    name = pipe(it, key="$.item", pipe={"Enrichment": function(text)},
                to={"InputTemplate": '{"number": <$.n>}'}, BatchSize=3)  # fmt: skip
    write(db, it.table, 6)
    records = carried(server, it, 3)
    assert [r["Data"] for r in records] == [b'{"number": 0}', b'{"number": 2}', b'{"number": 4}']
    assert {r["PartitionKey"] for r in records} == {"o0"}
    wait_until(lambda: pipe_status(server, name)["records"] == 6)


def test_an_enrichment_may_be_reshaped_and_may_answer_anything(server, db, ends, pipe, function):
    it = ends()
    text = """
def handler(events, context):
    n = int(events[0]["n"])
    return {0: "just text", 1: {"an": "object"}, 2: [], 3: {}, 4: "", 5: None,
            6: ["two", {"x": 2}]}[n]
"""
    pipe(it, key="k", BatchSize=1, pipe={
        "Enrichment": function(text),
        "EnrichmentParameters": {"InputTemplate": '{"n": "<$.dynamodb.NewImage.n.N>"}'},
    })  # fmt: skip
    write(db, it.table, 7)
    records = carried(server, it, 4)
    assert [r["Data"] for r in records] == [b"just text", b'{"an":"object"}', b"two", b'{"x":2}']


def test_a_failing_enrichment_is_tried_again_as_the_target_is(server, db, ends, pipe, function):
    it = ends()
    text = NUMBERS + """
calls = []
def handler(events, context):
    calls.append(1)
    if len(calls) < 3:
        raise ValueError("not yet")
    return events
"""
    name = pipe(it, pipe={"Enrichment": function(text)}, MaximumRetryAttempts=5)
    write(db, it.table, 2)
    carried(server, it, 2)
    assert numbers_of(events_of(server, it.stream)) == [0, 1]
    assert pipe_status(server, name)["dropped"] == 0
    assert len(stream_records(server, it.stream)) == 2


BROKEN = """
import http.client, json, os
def answer_with(context, body):
    \"\"\"What the runtime would never send; the handler's own answer comes too late.\"\"\"
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    api.request("POST", f"/2018-06-01/runtime/invocation/{context.aws_request_id}/response", body)
    api.getresponse().read()
calls = []
"""


def test_an_enrichment_whose_answer_is_no_json_is_tried_again(server, db, ends, pipe, function):
    it = ends()
    text = BROKEN + """
def handler(events, context):
    calls.append(1)
    if len(calls) <= 3:
        answer_with(context, ['[{"half": ', "no JSON", "[" * 5000][len(calls) - 1])
    return events
"""
    name = pipe(it, pipe={"Enrichment": function(text)}, MaximumRetryAttempts=5)
    write(db, it.table, 2)
    carried(server, it, 2)
    assert numbers_of(events_of(server, it.stream)) == [0, 1]
    assert pipe_status(server, name)["dropped"] == 0


def test_an_enrichment_may_answer_with_nothing_at_all(server, db, ends, pipe, function):
    it = ends()
    # By the number, not by its calls: another process may come while the first one answers.
    text = BROKEN + """
def handler(events, context):
    if events[0]["dynamodb"]["NewImage"]["n"]["N"] == "0":
        answer_with(context, "")
    return events
"""
    name = pipe(it, pipe={"Enrichment": function(text)}, BatchSize=1)
    write(db, it.table, 2)
    wait_until(lambda: pipe_status(server, name)["records"] == 2)
    assert numbers_of(events_of(server, it.stream)) == [1]
