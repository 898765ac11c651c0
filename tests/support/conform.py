"""Compares a reply, byte by byte as it came, with the service models in models/*.json.

check_reply(service, operation, status, headers, body) -> a list of sentences, one a violation.

The models are the newest botocore's (tools/models.py), whatever boto3 made the call: an old client
would drop members it does not know before anybody could look at them. What the wire protocol adds
to the models (request ids, content types, checksums) is checked too.
"""

import base64
import binascii
import datetime
import email.utils
import functools
import json
import math
import re
import xml.etree.ElementTree as xml
import zlib

from .conform_errors import COMMON, ENUM_DEVIATIONS, S3_CODES, STATUS
from .server import ROOT

ISO8601 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
INTEGER_BITS = {"integer": 31, "long": 63}
FLOAT_WORDS = ("NaN", "Infinity", "-Infinity")
# DynamoDB's AttributeValue is recursive; this is far deeper than its own limit of 32.
DEPTH_MAX = 200


class Model:
    def __init__(self, service):
        text = (ROOT / "models" / f"{service}.json").read_text()
        self.service = service
        self.metadata, self.operations, self.shapes = (
            json.loads(text)[key] for key in ("metadata", "operations", "shapes")
        )
        protocol = self.metadata["protocol"]
        self.protocol = "json" if protocol == "smithy-rpc-v2-cbor" else protocol

    def shape(self, name):
        return self.shapes[name]


@functools.lru_cache(maxsize=None)
def model_of(service):
    return Model(service)


def service_of(service_model):
    """The name of models/*.json for a botocore service model."""
    return service_model.service_name


class Check:
    """Gathers violations; `path` says where in the reply one looks."""

    def __init__(self, model):
        self.model, self.found = model, []

    def bad(self, path, text):
        self.found.append(f"{path or 'the reply'}: {text}")

    # ---- values: JSON bodies ----

    def json_value(self, path, shape_name, value, depth=0):
        shape = self.model.shape(shape_name)
        if isinstance(value, str) and (shape_name, value) in ENUM_DEVIATIONS:
            return None
        if depth > DEPTH_MAX:
            return self.bad(path, "is nested without end")
        if shape.get("d"):
            return None
        if value is None:
            return self.bad(path, "is null; absent members are left out")
        return getattr(self, f"json_{shape['t']}")(path, shape, value, depth)

    def json_structure(self, path, shape, value, depth, skip=()):
        if not isinstance(value, dict):
            return self.bad(path, f"is {type(value).__name__}, not an object")
        members = {
            member.get("n", name): (name, member)
            for name, member in shape.get("m", {}).items()
            if name not in skip
        }
        for key, inner in value.items():
            where = f"{path}.{key}" if path else key
            if key not in members:
                self.bad(where, "is not in the model")
            else:
                self.json_value(where, members[key][1]["s"], inner, depth + 1)
        present = {members[key][0] for key in value if key in members}
        self.required(path, shape, present, skip)

    def required(self, path, shape, present, skip=()):
        for name in shape.get("r", ()):
            if name not in present and name not in skip:
                self.bad(f"{path}.{name}" if path else name, "is required and absent")
        if shape.get("u") and len(present) != 1:
            self.bad(path, f"is a union with {sorted(present)}, not one member")

    def json_list(self, path, shape, value, depth):
        if not isinstance(value, list):
            return self.bad(path, f"is {type(value).__name__}, not an array")
        for number, inner in enumerate(value):
            self.json_value(f"{path}[{number}]", shape["l"]["s"], inner, depth + 1)

    def json_map(self, path, shape, value, depth):
        if not isinstance(value, dict):
            return self.bad(path, f"is {type(value).__name__}, not an object")
        for key, inner in value.items():
            self.text(f"{path}, key {key!r}", self.model.shape(shape["k"]["s"]), key)
            self.json_value(f"{path}.{key}", shape["v"]["s"], inner, depth + 1)

    def json_string(self, path, shape, value, depth):
        if not isinstance(value, str):
            return self.bad(path, f"is {value!r}, not a string")
        return self.text(path, shape, value)

    def text(self, path, shape, value):
        if "e" in shape and value not in shape["e"]:
            self.bad(path, f"is {value!r}, none of the model's {', '.join(shape['e'][:12])}")

    def json_integer(self, path, shape, value, depth):
        if not isinstance(value, int) or isinstance(value, bool):
            return self.bad(path, f"is {value!r}, not a whole number")
        bits = INTEGER_BITS[shape["t"]]
        if not -(2**bits) <= value < 2**bits:
            self.bad(path, f"is {value}, beyond {shape['t']}")

    json_long = json_integer

    def json_float(self, path, shape, value, depth):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            if value not in FLOAT_WORDS:
                self.bad(path, f"is {value!r}, not a number")

    json_double = json_float

    def json_boolean(self, path, shape, value, depth):
        if not isinstance(value, bool):
            self.bad(path, f"is {value!r}, not true or false")

    def json_blob(self, path, shape, value, depth):
        try:
            base64.b64decode(value.encode("ascii"), validate=True)
        except (AttributeError, UnicodeError, binascii.Error):
            self.bad(path, f"is {value!r:.60}, not base64")

    def json_timestamp(self, path, shape, value, depth):
        style = shape.get("ts", "unixTimestamp")
        if style != "unixTimestamp":
            if not isinstance(value, str):
                return self.bad(path, f"is {value!r}, not a time as text ({style})")
            return self.time_text(path, style, value)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return self.bad(path, f"is {value!r}, not epoch seconds")
        if not math.isfinite(value) or value > 32503680000:  # the year 3000: milliseconds, surely
            self.bad(path, f"is {value!r}, which is not epoch seconds")

    # ---- values: text, of headers and XML ----

    def time_text(self, path, style, value):
        try:
            if style == "iso8601":
                assert ISO8601.fullmatch(value)
                datetime.datetime.strptime(value[:19], "%Y-%m-%dT%H:%M:%S")
            elif style == "rfc822":
                assert value.endswith(" GMT")
                email.utils.parsedate_to_datetime(value)
            else:
                float(value)
        except (AssertionError, ValueError, TypeError):
            self.bad(path, f"is {value!r}, not a time ({style})")

    def text_value(self, path, shape, value, time_style):
        kind = shape["t"]
        try:
            if kind == "string":
                self.text(path, shape, value)
            elif kind in INTEGER_BITS:
                assert re.fullmatch(r"-?\d+", value)
                self.json_integer(path, shape, int(value), 0)
            elif kind in ("float", "double"):
                float(value)
            elif kind == "boolean":
                assert value in ("true", "false")
            elif kind == "timestamp":
                self.time_text(path, shape.get("ts", time_style), value)
            elif kind == "blob":
                base64.b64decode(value.encode("ascii"), validate=True)
            elif kind == "list":  # S3 header lists: the element's rules, one a comma
                inner = self.model.shape(shape["l"]["s"])
                for part in value.split(","):
                    self.text_value(path, inner, part.strip(), time_style)
        except (AssertionError, ValueError, UnicodeError, binascii.Error):
            self.bad(path, f"is {value!r:.60}, not {kind}")

    # ---- values: XML bodies ----

    def xml_value(self, path, member, node, depth=0):
        shape = self.model.shape(member["s"])
        if (member["s"], node.text) in ENUM_DEVIATIONS:
            return None
        if depth > DEPTH_MAX:
            return self.bad(path, "is nested without end")
        if shape["t"] == "structure":
            return self.xml_structure(path, shape, node, depth)
        if shape["t"] == "list":
            name = shape["l"].get("n", "member")
            for number, inner in enumerate(node):
                if local(inner) != name:
                    self.bad(path, f"holds <{local(inner)}> where <{name}> belongs")
                self.xml_value(f"{path}[{number}]", shape["l"], inner, depth + 1)
            return None
        if shape["t"] == "map":
            for entry in node:
                if local(entry) != "entry":
                    self.bad(path, f"holds <{local(entry)}> where <entry> belongs")
                self.xml_entry(path, shape, entry, depth)
            return None
        if len(node):
            return self.bad(path, f"holds elements, but is a {shape['t']}")
        return self.text_value(path, shape, node.text or "", "iso8601")

    def xml_entry(self, path, shape, entry, depth):
        names = [shape["k"].get("n", "key"), shape["v"].get("n", "value")]
        if [local(inner) for inner in entry] != names:
            return self.bad(path, f"has an entry of {[local(inner) for inner in entry]}")
        self.xml_value(f"{path}.{entry[0].text}", shape["v"], entry[1], depth + 1)

    def xml_structure(self, path, shape, node, depth, skip=()):
        elements, attributes = self.xml_names(shape, skip)
        present, seen = set(), set()
        for inner in node:
            tag = local(inner)
            where = f"{path}.{tag}" if path else tag
            if tag not in elements:
                self.bad(where, "is not in the model")
                continue
            name, member, flat = elements[tag]
            present.add(name)
            if flat is not None:
                self.xml_flat(where, flat, inner, depth)
                continue
            if tag in seen:
                self.bad(where, "comes twice")
            seen.add(tag)
            self.xml_value(where, member, inner, depth + 1)
        for key in node.attrib:
            if local_name(key) not in attributes:
                self.bad(f"{path}@{key}", "is not in the model")
            present.add(attributes.get(local_name(key)))
        self.required(path, shape, present, {*skip, *self.empty_flat(elements)})

    def xml_names(self, shape, skip):
        """Element name -> (member's name, member, shape when flattened); attribute -> member."""
        elements, attributes = {}, {}
        for name, member in shape.get("m", {}).items():
            if name in skip:
                continue
            inner = self.model.shape(member["s"])
            flat = inner if inner["t"] in ("list", "map") and (
                inner.get("f") or member.get("f")) else None
            tag = member.get("n", name)
            if flat is not None and flat["t"] == "list" and "n" not in member:
                tag = flat["l"].get("n", tag)
            if member.get("a"):
                attributes[local_name(tag)] = name
            else:
                elements[tag] = (name, member, flat)
        return elements, attributes

    def empty_flat(self, elements):
        """A flattened list without elements leaves no trace."""
        return [name for name, _, flat in elements.values() if flat is not None]

    def xml_flat(self, where, flat, node, depth):
        if flat["t"] == "list":
            self.xml_value(where, flat["l"], node, depth + 1)
        else:
            self.xml_entry(where, flat, node, depth)

    # ---- headers ----

    def headers(self, shape, headers):
        """Members in headers; returns the names of all members that are not in the body."""
        outside, known = set(), set()
        for name, member in shape.get("m", {}).items():
            place = member.get("l")
            if place == "statusCode":
                outside.add(name)
            elif place == "headers":
                outside.add(name)
                known.add(member.get("n", "").lower())
            elif place == "header":
                outside.add(name)
                key = member.get("n", name)
                known.add(key.lower())
                if headers.get(key) is not None:
                    inner = self.model.shape(member["s"])
                    self.text_value(f"header {key}", inner, headers[key], "rfc822")
                elif name in shape.get("r", ()):
                    self.bad(f"header {key}", "is required and absent")
        self.no_other_headers(known, headers)
        return outside

    def no_other_headers(self, known, headers):
        own = ("x-amz-request-id", "x-amz-id-2", "x-amzn-requestid", "x-amzn-errortype",
               "x-amz-crc32", "x-amzn-remapped-date", "x-amz-bucket-region")
        for key in headers:
            low = key.lower()
            if not low.startswith(("x-amz-", "x-amzn-")) or low in own or low in known:
                continue
            if not any(low.startswith(prefix) for prefix in known if prefix.endswith("-")):
                self.bad(f"header {key}", "is not in the model")


def local_name(tag):
    return tag.rsplit("}", 1)[-1].rsplit(":", 1)[-1]


def local(node):
    return local_name(node.tag)


def namespace(node):
    return node.tag[1:].split("}")[0] if node.tag.startswith("{") else ""


def no_doubles(pairs):
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise ValueError(f"the member {next(n for n in names if names.count(n) > 1)!r} comes twice")
    return dict(pairs)


def strict_json(body):
    def refuse(word):
        raise ValueError(f"{word} is not JSON")

    return json.loads(body.decode("utf-8"), object_pairs_hook=no_doubles, parse_constant=refuse)


def check_reply(service, operation, status, headers, body):
    """The violations of one reply. `body` is None when it streams and nobody has read it."""
    model = model_of(service)
    check = Check(model)
    if operation not in model.operations:
        return [f"the operation {operation} is not in models/{service}.json"]
    check_ids(check, headers, body)
    error = status >= 300 or is_late_error(model, body)
    try:
        if error:
            check_error(check, operation, status, headers, body)
        else:
            check_success(check, operation, status, headers, body)
    except ValueError as reason:
        check.bad("", f"{reason} ({(body or b'')[:200]!r})")
    except xml.ParseError as reason:
        check.bad("", f"is not XML: {reason} ({(body or b'')[:200]!r})")
    return check.found


def is_late_error(model, body):
    """S3 may find out after the status line has gone that a copy or a completion failed."""
    return model.service == "s3" and bool(body) and re.match(rb"\s*(<\?[^>]*>)?\s*<Error>", body)


def check_ids(check, headers, body):
    service = check.model.service
    if service == "s3":
        if not headers.get("x-amz-id-2"):
            check.bad("header x-amz-id-2", "is absent")
        if not re.fullmatch(r"[0-9A-Z]{16}", headers.get("x-amz-request-id", "")):
            check.bad("header x-amz-request-id", f"is {headers.get('x-amz-request-id')!r}")
    else:
        wanted = r"[0-9A-V]{52}" if service.startswith("dynamodb") else UUID.pattern
        if not re.fullmatch(wanted, headers.get("x-amzn-requestid", "")):
            check.bad("header x-amzn-requestid", f"is {headers.get('x-amzn-requestid')!r}")
    if not headers.get("date"):
        check.bad("header date", "is absent")
    else:
        check.time_text("header date", "rfc822", headers["date"])
    if service.startswith("dynamodb") and not headers.get("content-encoding"):
        if headers.get("x-amz-crc32") != str(zlib.crc32(body)):
            check.bad("header x-amz-crc32", f"is {headers.get('x-amz-crc32')}, "
                      f"the body's is {zlib.crc32(body)}")


def check_type(check, headers, body, *wanted):
    given = (headers.get("content-type") or "").split(";")[0].strip()
    if body and given not in wanted:
        check.bad("header content-type", f"is {given!r}, not {wanted[0]}")


def check_success(check, operation, status, headers, body):
    model = check.model
    rules = model.operations[operation]
    shape = model.shape(rules["o"]) if "o" in rules else {"t": "structure"}
    allowed = {rules["c"]}
    if model.service == "s3" and operation in ("GetObject", "HeadObject"):
        allowed.add(206)
    if model.service == "s3" and operation in ("PutBucketPolicy", "PutBucketTagging"):
        allowed = {204}  # AWS answers so, whatever its model says
    if model.service == "s3" and operation == "RestoreObject":
        allowed.add(202)
    told = any(member.get("l") == "statusCode" for member in shape.get("m", {}).values())
    if status not in allowed and not told:
        check.bad("the status", f"is {status}, the model says {rules['c']}")
    if model.protocol == "json" and body is None:  # an event stream, which the test reads
        check_type(check, headers, b"events", "application/vnd.amazon.eventstream")
    elif model.protocol == "json":
        check_type(check, headers, body, f"application/x-amz-json-{model.metadata['jsonVersion']}")
        if "o" in rules:
            check.json_structure("", shape, strict_json(body), 0)
        elif body not in (b"", b"{}"):
            check.bad("", f"has a body, the operation has no output: {body[:100]!r}")
    elif model.protocol == "query":
        check_type(check, headers, body, "text/xml")
        check_query(check, operation, rules, shape, body)
    else:
        check_rest(check, rules, shape, headers, body)


def check_rest(check, rules, shape, headers, body):
    outside = check.headers(shape, headers)
    payload = shape.get("pl")
    if payload is not None:
        member = shape["m"][payload]
        inner = check.model.shape(member["s"])
        outside.update(shape["m"])
        if inner["t"] in ("blob", "string") or inner.get("es") or body is None:
            return
        if not body:
            if payload in shape.get("r", ()):
                check.bad(payload, "is required and absent")
            return
        shape = inner
        outside = set()
    if body is None:
        return
    in_body = [name for name in shape.get("m", {}) if name not in outside]
    if not in_body:
        if body not in (b"", b"{}"):
            check.bad("", f"has a body, the operation has none: {body[:100]!r}")
    elif check.model.protocol == "rest-json":
        check_type(check, headers, body, "application/json")
        check.json_structure("", shape, strict_json(body), 0, outside)
    elif body or any(name in shape.get("r", ()) for name in in_body):
        check_type(check, headers, body, "application/xml")
        check_s3_body(check, rules, shape, body, outside)


def check_s3_body(check, rules, shape, body, outside):
    root = xml.fromstring(body)
    if namespace(root) not in ("", "http://s3.amazonaws.com/doc/2006-03-01/"):
        check.bad("the root element", f"is of the namespace {namespace(root)}")
    wanted = rules.get("r")
    if wanted and local(root) != wanted:
        check.bad("the root element", f"is <{local(root)}>, not <{wanted}>")
    if rules.get("x"):
        member = next(m for n, m in shape["m"].items() if n not in outside)
        if root.text:
            check.text_value(wanted, check.model.shape(member["s"]), root.text, "iso8601")
    else:
        check.xml_structure("", shape, root, 0, outside)


def check_query(check, operation, rules, shape, body):
    root = xml.fromstring(body)
    if local(root) != f"{operation}Response":
        check.bad("the root element", f"is <{local(root)}>, not <{operation}Response>")
    if namespace(root) != check.model.metadata["xmlNamespace"]:
        check.bad("the root element", f"is of the namespace {namespace(root)!r}")
    parts = {local(node): node for node in root}
    identity = parts.pop("ResponseMetadata", None)
    if identity is None or [local(node) for node in identity] != ["RequestId"]:
        check.bad("ResponseMetadata", "has no RequestId")
    result = parts.pop(rules.get("w", f"{operation}Result"), None)
    if parts:
        check.bad("the root element", f"holds {sorted(parts)}")
    if result is not None:
        check.xml_structure("", shape, result, 0)
    elif "o" in rules:
        check.bad(rules.get("w"), "is absent")


# ---- errors ----


def check_error(check, operation, status, headers, body):
    model = check.model
    if not body:
        if model.service != "s3" and status != 501:
            check.bad("the error", "has no body")
        return
    read = {"json": json_error, "rest-json": rest_json_error, "query": query_error,
            "rest-xml": s3_error}[model.protocol]
    code, members = read(check, headers, body)
    if code is None:
        return
    if not code or not isinstance(code, str):
        check.bad("the error's code", f"is {code!r}")
        return
    check_code(check, operation, status, code, members)


def json_error(check, headers, body):
    check_type(check, headers, body,
               f"application/x-amz-json-{check.model.metadata['jsonVersion']}",
               "application/x-amz-json-1.0", "application/x-amz-json-1.1")
    value = strict_json(body)
    members = {key: inner for key, inner in value.items() if key != "__type"}
    return str(value.get("__type", "")).rsplit("#", 1)[-1], members


def rest_json_error(check, headers, body):
    check_type(check, headers, body, "application/json")
    code = (headers.get("x-amzn-errortype") or "").split(":")[0]
    return code, strict_json(body)


def query_error(check, headers, body):
    check_type(check, headers, body, "text/xml")
    root = xml.fromstring(body)
    if local(root) != "ErrorResponse":
        check.bad("the root element", f"is <{local(root)}>, not <ErrorResponse>")
    found = {local(node): node.text for node in root.iter() if not len(node)}
    if found.get("Type") not in ("Sender", "Receiver"):
        check.bad("Error.Type", f"is {found.get('Type')!r}")
    if not found.get("RequestId"):
        check.bad("RequestId", "is absent")
    return found.get("Code"), None


def s3_error(check, headers, body):
    check_type(check, headers, body, "application/xml")
    root = xml.fromstring(body)
    if root.tag != "Error":
        check.bad("the root element", f"is <{root.tag}>, not <Error> without a namespace")
    found = {local(node): node.text for node in root}
    for name in ("Code", "Message", "RequestId", "HostId"):
        # AWS: has nothing to say about a canned list that there is not.
        if not found.get(name) and (name, found.get("ArgumentName")) != ("Message", "x-amz-acl"):
            check.bad(f"Error.{name}", "is absent")
    return found.get("Code"), None


def check_code(check, operation, status, code, members):
    model = check.model
    if status == 501 and code == "NotImplemented":
        return
    if status >= 500 and code not in ("SlowDown", "ServiceUnavailable"):
        check.bad(f"the error {code}", f"is a {status}: {members}")
        return
    declared = {
        (shape["x"][0] if "x" in shape else name): (name, shape)
        for name in model.operations[operation].get("e", ())
        for shape in [model.shape(name)]
    }
    if code not in declared:
        allowed = S3_CODES if model.service == "s3" else COMMON[model.service]
        if code not in allowed:
            check.bad(f"the error {code}", f"is neither declared by {operation} nor common")
        elif code in STATUS and STATUS[code] != status and model.service != "s3":
            check.bad(f"the error {code}", f"has status {status}, not {STATUS[code]}")
        return
    _, shape = declared[code]
    if "x" in shape and model.protocol != "json" and shape["x"][1] != status:
        check.bad(f"the error {code}", f"has status {status}, the model says {shape['x'][1]}")
    if model.protocol == "json" and status != 400 and status < 500:
        check.bad(f"the error {code}", f"has status {status}, not 400")
    if members is not None:
        check_error_members(check, code, shape, members)


def check_error_members(check, code, shape, members):
    rest = dict(members)
    if not any(name.lower() == "message" for name in shape.get("m", {})):
        rest.pop("message", None)
        rest.pop("Message", None)
    for name in ("message", "Message"):  # AWS: which of the two is written differs from the model
        other = "Message" if name == "message" else "message"
        if name in rest and name not in shape.get("m", {}) and other in shape.get("m", {}):
            rest[other] = rest.pop(name)
    outside = {name for name, member in shape.get("m", {}).items() if member.get("l")}
    check.json_structure(f"the error {code}", {**shape, "r": []}, rest, 0, outside)
