"""What every operation says of members that are missing, of another type, too long, too short or
out of range, in JSON and in CBOR: the table is the service's model, as the installed botocore has
it."""

import json

import botocore.session
import pytest

from .test_cbor import decode, encode

MODEL = botocore.session.get_session().get_service_model("kinesis")
NUMBER = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber"
EPOCH = "can not be converted to milliseconds since epoch"
LIST = "Start of list found where not expected"
MAP = "Start of structure or map found where not expected."
# Type of the member: what it is given, and what is said of it.
TYPES = {
    "string": [(1, f"{NUMBER} can not be converted to an String"),
               (True, "class java.lang.Boolean can not be converted to an String"),
               ([], LIST), ({}, MAP)],
    "integer": [("x", "class java.lang.String can not be converted to an Integer"),
                (True, "class java.lang.Boolean can not be converted to an Integer"),
                ([], LIST), ({}, MAP)],
    "boolean": [("x", "'x' can not be converted to an Boolean"),
                (1, f"{NUMBER} can not be converted to an Boolean"), ([], LIST), ({}, MAP)],
    "list": [("x", "Expected list or null"), (1, "Expected list or null"),
             (True, "Expected list or null"), ({}, MAP)],
    "map": [("x", "Expected map or null"), (1, "Expected map or null"),
            (True, "Expected map or null"), ([], LIST)],
    "structure": [("x", "Expected null"), (1, "Expected null"), (True, "Expected null"),
                  ([], LIST)],
    "blob": [(1, f"{NUMBER} can not be converted to a Blob"),
             (True, "class java.lang.Boolean can not be converted to a Blob"),
             ([], LIST), ({}, MAP),
             ("x", "'x' can not be converted to a Blob: Base64 encoded length is expected a "
                   "multiple of 4 bytes but found: 1"),
             ("a===", "'a===' can not be converted to a Blob: Invalid Base64 character: '='")],
    "timestamp": [("x", f"class java.lang.String {EPOCH}"),
                  (True, f"class java.lang.Boolean {EPOCH}"), ([], LIST), ({}, MAP)],
}  # fmt: skip
WRITERS = {
    "application/x-amz-json-1.1": (lambda value: json.dumps(value).encode(), json.loads),
    "application/x-amz-cbor-1.1": (encode, decode),
}
# Of a newer model than the oldest botocore's: a stream may be named by its ARN, without spaces.
CHANGED = {("missing", "StreamName"), ("pattern", "StreamARN")}


@pytest.fixture(params=WRITERS, ids=["json", "cbor"])
def call(server, request):
    """call(operation, members) -> (status, reply)"""
    write, read = WRITERS[request.param]

    def make(operation, members):
        headers = {"Content-Type": request.param, "X-Amz-Target": f"Kinesis_20131202.{operation}"}
        status, _, reply = server.request("POST", "/", write(members), headers)
        return status, read(reply)

    return make


def members():
    for operation in MODEL.operation_names:
        shape = MODEL.operation_model(operation).input_shape
        for name, member in shape.members.items():
            yield operation, name, member


def constraints(member):
    """(kind, a value that breaks it, what is said of that)"""
    of, kind = member.metadata, member.type_name
    least, most = of.get("min"), of.get("max")
    sized = {"string": lambda n: "a" * n, "list": lambda n: [fill(member.member)] * n,
             "map": lambda n: {f"k{i}": "v" for i in range(n)}}.get(kind)  # fmt: skip
    if sized and least:
        yield "length", sized(least - 1), f"length greater than or equal to {least}"
    if sized and most and most < 10000:
        yield "length", sized(most + 1), f"length less than or equal to {most}"
    if kind in ("integer", "long") and least is not None:
        yield "range", least - 1, f"value greater than or equal to {least}"
    if kind in ("integer", "long") and most is not None:
        yield "range", most + 1, f"value less than or equal to {most}"


def fill(shape):
    return {} if shape.type_name == "structure" else "v"


def words(member):
    """Of strings: (kind, what breaks it, how the sentence goes on)"""
    if member.type_name == "string" and member.metadata.get("pattern"):
        pattern = member.metadata["pattern"]
        yield "pattern", "a b$", f"Member must satisfy regular expression pattern: {pattern}"
    if member.type_name == "string" and member.metadata.get("enum"):
        yield "enum", "NOPE", "Member must satisfy enum value set: ["


def test_members_of_another_type(call):
    for operation, name, member in members():
        for value, text in TYPES[member.type_name]:
            status, reply = call(operation, {name: value})
            told = (status, reply["__type"], reply.get("Message"))
            assert told == (400, "SerializationException", text), (operation, name, value)


def test_members_that_break_constraints(call):
    checked = 0
    for operation, name, member in members():
        wire = name[0].lower() + name[1:]
        broken = [(kind, value, f"Member must have {text}")
                  for kind, value, text in constraints(member)]  # fmt: skip
        for kind, value, text in broken + list(words(member)):
            if (kind, name) in CHANGED:
                continue
            status, reply = call(operation, {name: value})
            assert (status, reply["__type"]) == (400, "ValidationException"), (operation, name)
            text = f"at '{wire}' failed to satisfy constraint: {text}"
            assert text in reply["message"], (operation, name, value)
            checked += 1
    assert checked > 100


def test_members_that_are_missing(call):
    for operation in MODEL.operation_names:
        required = MODEL.operation_model(operation).input_shape.required_members
        wanted = [name for name in required if ("missing", name) not in CHANGED]
        if not wanted:
            continue
        status, reply = call(operation, {})
        assert (status, reply["__type"]) == (400, "ValidationException"), operation
        for name in wanted:
            text = (f"Value null at '{name[0].lower() + name[1:]}' failed to satisfy constraint: "
                    "Member must not be null")  # fmt: skip
            assert text in reply["message"], (operation, reply)


def test_a_fraction_is_cut_off_where_an_integer_is_wanted(call):
    assert call("ListStreams", {"Limit": 1.9})[0] == 200
    status, reply = call("ListStreams", {"Limit": 0.9})
    assert (status, reply["message"]) == (400, (
        "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member "
        "must have value greater than or equal to 1"))  # fmt: skip


def test_bodies_that_are_nothing_of_the_kind(server):
    for kind, bodies in {
        "json": [b"", b"{", b'"', b'{"StreamName":"\xff"}', b'{"StreamName":"a"}x', b"\x00"],
        "cbor": [b"", b"\xa1", b"\xff", b"\xa1\x01\x02", b"\xbf", b"\x9f" * 3000, b"\xf6\xf6",
                 b"\xa1\x6aStreamName\x61\xff", b"\xa1\x6aStreamName\x7b" + b"\xff" * 8],
    }.items():  # fmt: skip
        headers = {"Content-Type": f"application/x-amz-{kind}-1.1",
                   "X-Amz-Target": "Kinesis_20131202.DescribeStream"}  # fmt: skip
        for body in bodies:
            status, _, reply = server.request("POST", "/", body, headers)
            read = decode if kind == "cbor" else json.loads
            assert (status, read(reply)) == (400, {"__type": "SerializationException"}), body
