"""The sales pipeline's transform: change records in, flat JSON lines out.

Firehose sends a batch; each record is one change of the table as the pipe copied it. Its typed
image becomes one line with a column per attribute. A deleted order lands too, with its old columns
if the stream carries them. Four columns say what happened, so that the current state can be
computed: cdc_event, cdc_event_id, cdc_sequence (text: too long for a number), cdc_time (seconds).
transform.c does the same, byte for byte.
"""
import base64
import json
import re

text = json.JSONEncoder(ensure_ascii=False).encode
is_number = re.compile(r"-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?").fullmatch


def number(digits):
    """Numbers keep each of their digits (up to 38), so they never pass through a float."""
    if not is_number(digits):
        raise ValueError("not a number: " + digits)
    return digits


def join(items):
    return "[" + ",".join(items) + "]"


def members(pairs):
    return "{" + ",".join([text(name) + ":" + value for name, value in pairs]) + "}"


def plain(typed):
    """The JSON text of one typed attribute value."""
    ((kind, value),) = typed.items()
    if kind in ("S", "B"):
        return text(value)
    if kind == "N":
        return number(value)
    if kind == "BOOL":
        return "true" if value else "false"
    if kind == "NULL":
        return "null"
    if kind == "M":
        return members([(name, plain(item)) for name, item in value.items()])
    if kind == "L":
        return join(map(plain, value))
    if kind == "NS":
        return join(map(number, value))
    if kind in ("SS", "BS"):
        return join(map(text, value))
    raise ValueError("unknown attribute type: " + kind)


def flatten(change):
    body = change["dynamodb"]
    own = {
        "cdc_event": text(change["eventName"]),
        "cdc_event_id": text(change["eventID"]),
        "cdc_sequence": text(body["SequenceNumber"]),
        "cdc_time": str(int(body["ApproximateCreationDateTime"])),
    }
    image = body.get("NewImage") or body.get("OldImage") or {}
    row = {**body["Keys"], **image, **body["Keys"]}  # the keys come first
    columns = [(name, plain(item)) for name, item in row.items() if name not in own]
    return members(columns + list(own.items())) + "\n"


def lambda_handler(event, context):
    answer = []
    for record in event["records"]:
        try:
            line = flatten(json.loads(base64.b64decode(record["data"])))
            result = "Ok"
            data = base64.b64encode(line.encode()).decode()
        except Exception as problem:
            # Firehose keeps what came in below the error prefix; the rest of the batch lands.
            print("cannot transform", record["recordId"], repr(problem))
            result, data = "ProcessingFailed", record["data"]
        answer.append({"recordId": record["recordId"], "result": result, "data": data})
    return {"records": answer}
