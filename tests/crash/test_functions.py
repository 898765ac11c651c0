"""Functions that crash, hang, answer late, twice, wrongly or too much, while the server is killed:
whatever they do, each acknowledged change is accounted for.

One table feeds two delivery streams with a transform (one of them partitioned by what the function
says), a pipe whose enrichment misbehaves, a pipe into a function, and an event source mapping with
a bucket for failures; asynchronous invocations go to one more. misbehaving.py is the code of them
all. What must be there:

    delivery streams   data and error objects together: each change once, in order per item
    enrichment         each change once, in order per item: the pipe tries until it succeeds
    pipe to function   every change at least once, in order per item by its first time
    mapping, events    the function's and the failures' bucket together: all that was acknowledged

CRASH_SEED=n repeats the choices of a run; FUNCTIONS_KILLS=n asks for so many kills.
"""

import base64
import json
import os
import pathlib
import random
import secrets
import threading
import time

from botocore.exceptions import BotoCoreError, ClientError
from support import wait_until
from support.chain import (
    make_delivery,
    make_function,
    make_pipe,
    make_stream,
    make_table,
    objects_of,
)

from .conftest import Wire
from .test_kill import (
    SHARED,
    TABLE,
    Landing,
    at_work,
    check,
    count_up,
    explain,
    flat_rows,
    own,
    plain_rows,
    put_new,
)
from .test_points import Paced, Rounds

KILLS = int(os.environ.get("FUNCTIONS_KILLS", 8))
ROUND_S_MAX = 3
CODE = (pathlib.Path(__file__).parent / "misbehaving.py").read_text()
BUCKET_ARNS = {name: f"arn:aws:s3:::{name}" for name in ("lake", "failures")}
DELIVERIES = {"flat": "flat/", "parts": "parts/"}
# Where a function's fault and the server's end meet.
POINTS = ["lambda.invoke", "lambda.answered", "firehose.process", "firehose.buffered",
          "firehose.stage", "firehose.land", "firehose.landed", "pipe.carry", "pipe.carried",
          "pipe.cursor", "pipe.cursor.done", "kinesis.put.done", "lambda.mapping.cursor",
          "lambda.mapping.cursor.done", "lambda.event.store", "lambda.event.stored",
          "lambda.event.end", "lambda.event.ended"]  # fmt: skip
ERRORS = {"Lambda.FunctionError", "Lambda.FunctionRequestTimedOut", "Lambda.MissingRecordId",
          "Lambda.ProcessingFailedStatus", "Lambda.DuplicatedRecordId",
          "Lambda.InvalidReturnFormat", "Lambda.JsonProcessingException",
          "Lambda.FunctionResponseSizeTooLarge"}  # fmt: skip


# ---- the pipeline ----


def misbehave(server, name, role, folder, seed, good=0.5):
    settings = {"ROLE": role, "NAME": name, "FOLDER": str(folder), "SEED": str(seed),
                "GOOD": str(good)}  # fmt: skip
    return make_function(server, name, CODE, timeout=1, Environment={"Variables": settings})


def set_up(server, folder, seed):
    source, changes = make_table(server, TABLE), make_stream(server, "changes", 2)
    for bucket in BUCKET_ARNS:
        server.client("s3").create_bucket(Bucket=bucket)
    flat = misbehave(server, "flat", "transform", folder, seed)
    # Called at once, and what it says lies in buffers for a second: killed, it is asked again.
    parts = {"Type": "Lambda", "Parameters": [
        {"ParameterName": name, "ParameterValue": value} for name, value in (
            ("LambdaArn", misbehave(server, "parts", "transform", folder, seed)),
            ("NumberOfRetries", "0"), ("BufferSizeInMBs", "1"),
            ("BufferIntervalInSeconds", "0"))
    ]}  # fmt: skip
    enrich = misbehave(server, "enrich", "enrich", folder, seed, good=0.6)
    target = misbehave(server, "target", "target", folder, seed, good=0.6)
    mapped = misbehave(server, "mapped", "mapped", folder, seed, good=0.35)
    misbehave(server, "event", "event", folder, seed)
    make_pipe(server, "copy", source, changes)
    make_delivery(server, "flat", "lake", changes, flat, seconds=0, retries=1, Prefix="flat/",
                  ErrorOutputPrefix="errors/flat/")  # fmt: skip
    make_delivery(
        server, "parts", "lake", changes, seconds=1, megabytes=64, processors=[parts],
        DynamicPartitioningConfiguration={"Enabled": True},
        Prefix="parts/!{partitionKeyFromLambda:kind}/",
        ErrorOutputPrefix="errors/parts/!{firehose:error-output-type}/",
    )  # fmt: skip
    enriched = make_stream(server, "enriched")
    make_pipe(server, "enriched", source, enriched, key="$.id", BatchSize=20,
              pipe={"Enrichment": enrich})  # fmt: skip
    make_delivery(server, "enriched", "lake", enriched, seconds=0, Prefix="enriched/")
    make_pipe(server, "target", source, target, BatchSize=20)
    functions = server.client("lambda")
    functions.create_event_source_mapping(
        EventSourceArn=source, FunctionName=mapped, StartingPosition="TRIM_HORIZON",
        BatchSize=20, MaximumRetryAttempts=1, BisectBatchOnFunctionError=True,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        DestinationConfig={"OnFailure": {"Destination": BUCKET_ARNS["failures"]}},
    )  # fmt: skip
    functions.put_function_event_invoke_config(
        FunctionName="event", MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": BUCKET_ARNS["failures"]}},
    )  # fmt: skip


class Events(threading.Thread):
    """Invokes a function asynchronously, one number after the other."""

    def __init__(self, server, load):
        super().__init__(name="events")
        self.server, self.load, self.accepted = server, load, set()

    def run(self):
        number = 0
        while not self.load.ending.wait(0.1):
            number += 1
            try:
                self.server.client("lambda").invoke(
                    FunctionName="event", InvocationType="Event",
                    Payload=json.dumps({"number": number}),
                )  # fmt: skip
            except (ClientError, BotoCoreError, OSError):
                continue  # the server is down: nothing was promised
            self.accepted.add(number)


# ---- what must be there ----


def concatenated_rows(body):
    """Rows of an enrichment, joined with nothing in between."""
    rows, decoder, text, at = [], json.JSONDecoder(), body.decode(), 0
    while at < len(text):
        row, at = decoder.raw_decode(text, at)
        rows.append(row)
    return rows


def failed_rows(body):
    """Changes in the error output, as they were before the function."""
    rows = []
    for line in body.splitlines():
        told = json.loads(line)
        assert told["errorCode"] in ERRORS, told
        rows += plain_rows(base64.b64decode(told["rawData"]))
    return rows


class Accounted:
    """Data and error objects of a delivery stream, as if they were one landing."""

    def __init__(self, server, prefix):
        self.prefix = prefix
        self.landed = Landing(server, prefix, flat_rows)
        self.failed = Landing(server, f"errors/{prefix}", failed_rows)

    def by_item(self):
        """Each of the two is checked to be in order by itself; together they leave no gap."""
        items = self.landed.by_item()
        for item, rows in self.failed.by_item().items():
            both = sorted(items.get(item, []) + rows, key=lambda row: row["seq"])
            numbers = [row["seq"] for row in both]
            assert len(set(numbers)) == len(numbers), f"{item} landed and failed: {numbers}"
            items[item] = both
        return items

    def count(self):
        return [sum(map(len, it.objects.values())) for it in (self.landed, self.failed)]


def lines_of(path):
    """What a function noted; each note is one write, so a killed process leaves no half of one."""
    whole = path.read_text().rpartition("\n")[0]
    return [json.loads(line) for line in whole.splitlines()]


def first_times(rows):
    """item -> its changes by the first time that each was seen."""
    items, seen = {}, set()
    for row in rows:
        if (row["id"], row["seq"]) not in seen:
            seen.add((row["id"], row["seq"]))
            items.setdefault(row["id"], []).append(row)
    return items


def check_first_times(load, rows, whole):
    """In order per item; with `whole` nothing between them is missing."""
    for item, seen in first_times(rows).items():
        numbers = [row["seq"] for row in seen]
        assert numbers == sorted(numbers), f"{item} was seen out of order: {numbers}"
        if whole and item in load.histories:
            explain(item, load.histories[item], seen)


def wait_for(what, has_all, timeout=120):
    wait_until(has_all, timeout=timeout, interval=0.3, message=f"{what}: not all is there")


def check_delivery(server, load, prefix, sentinels):
    account = Accounted(server, prefix)
    wait_for(prefix, lambda: set(sentinels) <= set(account.by_item()))
    check(load, account, sentinels)
    for rows in account.landed.objects.values():
        assert not any("bad" in row for row in rows), "an answer that was none has landed"
    return account.count()


def check_enriched(server, load, sentinels):
    landing = Landing(server, "enriched/", concatenated_rows)
    wait_for("enriched", lambda: set(sentinels) <= set(landing.by_item()))
    check(load, landing, sentinels)
    assert not any("bad" in row for rows in landing.objects.values() for row in rows)
    return sum(map(len, landing.objects.values()))


def check_target(load, folder, sentinels):
    path = folder / "target.seen"
    wait_for("target", lambda: set(sentinels) <= {row["id"] for row in lines_of(path)})
    rows = lines_of(path)
    check_first_times(load, rows, whole=True)
    check_counts(load, {(row["id"], row["new"]) for row in rows})
    return len(rows)


def check_counts(load, seen):
    for item in SHARED:
        for number in load.counted.get(item, []):
            assert (item, number) in seen, f"{item} {number} was acknowledged and is nowhere"


def given_up(server):
    """(changes of the mapping, numbers of the event function) in the bucket of failures."""
    changes, numbers = [], set()
    for key, body in objects_of(server, "failures").items():
        told = json.loads(body)
        if key.startswith("aws/lambda/async/"):
            numbers.add(told["requestPayload"]["number"])
        else:
            changes += plain_rows("".join(map(json.dumps, told["payload"]["Records"])).encode())
    return changes, numbers


def check_mapped(server, load, folder, sentinels):
    path = folder / "mapped.seen"
    wait_for("mapped", lambda: set(sentinels) <= {row["id"] for row in lines_of(path)})
    seen, (failed, _) = lines_of(path), given_up(server)
    check_first_times(load, seen, whole=False)
    for item, rows in first_times(sorted(seen + failed, key=lambda row: row["seq"])).items():
        if item in load.histories:
            explain(item, load.histories[item], rows)
    check_counts(load, {(row["id"], row["new"]) for row in seen + failed})
    return len(seen), len(failed)


def check_events(server, folder, accepted):
    path = folder / "event.seen"
    wait_for("events", lambda: accepted <= set(lines_of(path)) | given_up(server)[1])
    return len(set(lines_of(path))), len(given_up(server)[1])


# ---- kills ----


def disturb(rounds, rng):
    """One end of the server, and the next start."""
    kind = rng.random()
    if kind < 0.35:
        rounds.while_running(f"{rng.choice(POINTS)}:{rng.randrange(1, 6)}:kill", 2)
    elif kind < 0.6:
        rounds.while_running(f"any:{rng.randrange(1, 1500)}:kill", 2)
    else:
        until = time.monotonic() + rng.uniform(0, ROUND_S_MAX)
        wait_until(lambda: time.monotonic() >= until, interval=0.01)
        rounds.load.up.clear()
        if kind < 0.85:
            rounds.server.kill9()
            rounds.kills += 1
        else:
            rounds.server.stop()  # also while functions hang
        rounds.start()


def has_failed(server):
    """Whether each delivery stream has landed failures: on a slow machine kills undo most."""
    s3 = server.client("s3")
    return all(
        s3.list_objects_v2(Bucket="lake", Prefix=f"errors/{prefix}", MaxKeys=1)["KeyCount"]
        for prefix in DELIVERIES.values()
    )


def test_whatever_functions_do_every_change_is_accounted_for(make_server, tmp_path):
    seed = int(os.environ.get("CRASH_SEED", secrets.randbits(32)))
    print(f"CRASH_SEED={seed}")
    rng, folder = random.Random(seed), tmp_path / "functions"
    folder.mkdir()
    server = make_server()
    set_up(server, folder, seed)
    load = Paced(server.port, seed)
    events, rounds = Events(server, load), Rounds(server, load, None)
    threads = [threading.Thread(target=own, args=(load, n)) for n in range(2)]
    threads += [threading.Thread(target=count_up, args=(load, 0)), events]
    with at_work(load, threads):
        load.up.set()
        while rounds.kills < KILLS:
            disturb(rounds, rng)
        wait_for("errors", lambda: has_failed(server))
    (folder / "calm").touch()
    sentinels = [f"last-{n}" for n in range(16)]
    put_new(Wire(server.port), sentinels)
    for name, prefix in DELIVERIES.items():
        counts = check_delivery(server, load, prefix, sentinels)
        print(name, counts)
        assert all(counts), "the function never misbehaved, or always"
    print("enriched", check_enriched(server, load, sentinels))
    print("target", check_target(load, folder, sentinels))
    print("mapped", check_mapped(server, load, folder, sentinels))
    print("events", check_events(server, folder, events.accepted))
    print(f"{rounds.kills} kills")
