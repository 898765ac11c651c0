"""A function that misbehaves; its code is this file, and it runs in a process of the server.

What it is to be (ROLE, NAME, SEED) and where it counts its invocations (FOLDER) stands in its
environment. The n-th invocation does what SEED and n say: it answers well, or in one of the ways
below. A file named "calm" in FOLDER makes it answer well from then on. Rows of answers that must
not count say so ("bad"): none of them may ever be found anywhere.
"""

import base64
import http.client
import json
import os
import random
import signal
import threading
import time

ROLE, NAME, FOLDER, SEED = (os.environ[key] for key in ("ROLE", "NAME", "FOLDER", "SEED"))
GOOD = float(os.environ.get("GOOD", 0.5))
TIMEOUT_S = 1  # as the function is configured
TOO_LARGE = 6_400_000

# What any of them may do.
ANY = ["exit", "abort", "segv", "raise", "hang", "overdue", "late", "memory", "huge", "twice",
       "stray", "error-after", "late-output"]  # fmt: skip
BY_ROLE = {
    "transform": ["malformed", "missing", "unknown", "doubled", "results", "failed", "nothing",
                  "not-base64"],
    "enrich": ["malformed"],
    "target": ["partial", "unknown-item"],
    "mapped": ["malformed", "partial", "unknown-item"],
    "event": [],
}  # fmt: skip


def append(path, data):
    """In one write, so who is killed leaves no half of it. The file's length behind it."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(file, data)
    length = os.lseek(file, 0, os.SEEK_CUR)
    os.close(file)
    return length


def next_number():
    """One more than any process of this function has had, whoever was killed meanwhile."""
    return append(f"{FOLDER}/{NAME}.count", b".")


def note(lines):
    """Lines that are there before the answer is."""
    append(f"{FOLDER}/{NAME}.seen", "".join(json.dumps(line) + "\n" for line in lines).encode())


def post(request_id, body, action="response"):
    """Answers behind the back of what runs this module."""
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"], timeout=10)
    try:
        connection.request("POST", f"/2018-06-01/runtime/invocation/{request_id}/{action}", body)
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        pass  # the server has gone
    connection.close()


# ---- good answers, by role ----


def number_of(image):
    return int(image["n"]["N"]) if image else None


def row_of(change, **more):
    body = change["dynamodb"]
    return {
        "id": body["Keys"]["id"]["S"], "event": change["eventName"], "seq": body["SequenceNumber"],
        "eventID": change["eventID"], "new": number_of(body.get("NewImage")),
        "old": number_of(body.get("OldImage")), **more,
    }  # fmt: skip


def transformed(record, **more):
    row = row_of(json.loads(base64.b64decode(record["data"])), **more)
    return {
        "recordId": record["recordId"], "result": "Ok",
        "data": base64.b64encode((json.dumps(row) + "\n").encode()).decode(),
        "metadata": {"partitionKeys": {"kind": row["id"].split("-")[0]}},
    }  # fmt: skip


def changes_of(event):
    return event["Records"] if ROLE == "mapped" else event


def answer(event, **more):
    """The good one; with bad=True one that looks good and must not count."""
    if ROLE == "transform":
        return {"records": [transformed(record, **more) for record in event["records"]]}
    if ROLE == "enrich":
        return [row_of(change, **more) for change in event]
    return {"batchItemFailures": []} if ROLE in ("target", "mapped") else {"done": True, **more}


def finish(event, upto=None):
    """What a good answer for the first `upto` promises: their changes are written down."""
    if ROLE in ("target", "mapped"):
        note(row_of(change) for change in changes_of(event)[:upto])
    elif ROLE == "event":
        note([event["number"]])


# ---- ways to misbehave: each returns an answer, or does not return ----


def do_exit(event, rng, context):
    os._exit(rng.choice([0, 1, 137]))


def do_abort(event, rng, context):
    os.abort()


def do_segv(event, rng, context):
    os.kill(os.getpid(), signal.SIGSEGV)


def do_raise(event, rng, context):
    raise ValueError("as the seed says")


def do_hang(event, rng, context):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(60)


def do_overdue(event, rng, context):
    """About when the time is over: it may still count, or not."""
    time.sleep(TIMEOUT_S + rng.uniform(-0.1, 0.1))
    finish(event)
    return answer(event)


def do_late(event, rng, context):
    time.sleep(rng.uniform(0, 0.4))
    finish(event)
    return answer(event)


def do_memory(event, rng, context):
    """Until there is no more."""
    kept = []
    while True:
        kept.append(bytearray(256 << 20))


def do_huge(event, rng, context):
    if ROLE == "transform":
        return {"records": [{"recordId": "x", "result": "Ok", "data": "A" * TOO_LARGE}]}
    return [{"bad": True, "text": "A" * TOO_LARGE}]


def do_twice(event, rng, context):
    """The first answer is the one."""
    finish(event)
    post(context.aws_request_id, json.dumps(answer(event)))
    return answer(event, bad=True)


def do_stray(event, rng, context):
    """Fails, and answers all the same when the process may have the next event in hand."""
    post(context.aws_request_id, json.dumps({"errorMessage": "as the seed says"}), "error")
    body = json.dumps(answer(event, bad=True))
    threading.Timer(rng.uniform(0, 0.2), post, (context.aws_request_id, body)).start()
    return answer(event, bad=True)


def do_error_after(event, rng, context):
    """It answered; that it fails afterwards changes nothing."""
    finish(event)
    post(context.aws_request_id, json.dumps(answer(event)))
    return do_exit(event, rng, context) if rng.random() < 0.5 else do_raise(event, rng, context)


def do_late_output(event, rng, context):
    """Writes more than a pipe takes while it answers."""
    print("x" * 200_000)
    finish(event)
    return answer(event)


def do_malformed(event, rng, context):
    whole = json.dumps(answer(event, bad=True))
    broken = [whole[: len(whole) // 2], whole + "}", "no JSON", "\x00", "[" * 5000]
    post(context.aws_request_id, rng.choice(broken))
    return answer(event, bad=True)


def do_missing(event, rng, context):
    return {"records": [transformed(r) for r in event["records"] if rng.random() < 0.5]}


def do_unknown(event, rng, context):
    records = [transformed(r) for r in event["records"]]
    for record in event["records"][:3]:
        records.append({**transformed(record, bad=True), "recordId": record["recordId"] + "9"})
    rng.shuffle(records)
    return {"records": records}


def do_doubled(event, rng, context):
    records = []
    for record in event["records"]:
        twice = rng.random() < 0.5
        records += [transformed(record, **({"bad": True} if twice else {}))] * (2 if twice else 1)
    rng.shuffle(records)
    return {"records": records}


def do_results(event, rng, context):
    records = []
    for record in event["records"]:
        wrong = rng.choice([None, "ok", "", 17, ["Ok"], "Failed"])
        good = rng.random() < 0.5
        records.append(transformed(record) if good
                       else {**transformed(record, bad=True), "result": wrong})  # fmt: skip
    return {"records": records}


def do_failed(event, rng, context):
    return {"records": [
        transformed(r) if rng.random() < 0.5
        else {**transformed(r, bad=True), "result": "ProcessingFailed"} for r in event["records"]
    ]}  # fmt: skip


def do_nothing(event, rng, context):
    return rng.choice([None, {}, [], "", {"records": None}, {"records": {}}, {"records": [None]}])


def do_not_base64(event, rng, context):
    return {"records": [
        transformed(r) if rng.random() < 0.5
        else {**transformed(r, bad=True), "data": rng.choice(["?", None, 5, "abc"])}
        for r in event["records"]
    ]}  # fmt: skip


def name_of(change):
    return change["dynamodb"]["SequenceNumber"] if ROLE == "mapped" else change["eventID"]


def do_partial(event, rng, context):
    changes = changes_of(event)
    good = rng.randrange(len(changes) + 1)
    finish(event, good)
    failures = [{"itemIdentifier": name_of(change)} for change in changes[good:]]
    rng.shuffle(failures)
    return {"batchItemFailures": failures}


def do_unknown_item(event, rng, context):
    wrong = rng.choice(["", None, "17", 5])
    return {"batchItemFailures": [{"itemIdentifier": wrong}]}


def handler(event, context):
    number = next_number()
    rng = random.Random(f"{SEED} {NAME} {number}")
    if rng.random() < GOOD or os.path.exists(f"{FOLDER}/calm"):
        finish(event)
        return answer(event)
    way = rng.choice(ANY + BY_ROLE[ROLE])
    print(f"{NAME} {number} {way}")
    return globals()["do_" + way.replace("-", "_")](event, rng, context)
