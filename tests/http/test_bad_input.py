"""Bad input: AWS's error each time, a server that goes on, and nothing outside the data folder."""

import http.client
import json
import os
import pathlib
import socket
import struct
import subprocess
import urllib.parse

import pytest
from support import wait_until
from support.chain import refused
from support.server import READY, clean_environment, millrace_bin

JSON_SERVICES = {
    "dynamodb": ("DynamoDB_20120810", "1.0", "GetItem"),
    "streams": ("DynamoDBStreams_20120810", "1.0", "GetRecords"),
    "kinesis": ("Kinesis_20131202", "1.1", "PutRecord"),
    "firehose": ("Firehose_20150804", "1.1", "PutRecord"),
    "glue": ("AWSGlue", "1.1", "GetTable"),
    "athena": ("AmazonAthena", "1.1", "GetQueryExecution"),
    "logs": ("Logs_20140328", "1.1", "PutLogEvents"),
}
MALFORMED = [
    b"", b"{", b"}", b"[]", b"null", b"7", b'"text"', b"{'a':1}", b'{"a":}', b'{"a":1,}',
    b'{"a":1}{"b":2}', b"\xff\xfe{}", b'{"a":"\xc3\x28"}', b'{"a":"\x00"}', b'{"a":NaN}',
    b'{"a":"\\ud800"}', b"[" * 100_000, b'{"a":' * 100_000, b"\x00" * 1000,
]  # fmt: skip
ODD_VALUES = [None, True, 7, -1, 1e300, "text", "", [], {}, [[]], {"S": 1}, {"x": {}}, "\u0000"]


def post(server, target, body, version="1.1", **headers):
    return server.request(
        "POST",
        "/",
        body,
        {"Content-Type": f"application/x-amz-json-{version}", "X-Amz-Target": target, **headers},
    )


def is_well(server):
    status, _, body = server.request("GET", "/_millrace/health")
    return status == 200 and json.loads(body)["status"] == "ok"


@pytest.mark.parametrize("service", JSON_SERVICES)
def test_malformed_json_is_a_serialization_error(server, service):
    prefix, version, operation = JSON_SERVICES[service]
    for body in MALFORMED:
        status, _, reply = post(server, f"{prefix}.{operation}", body, version)
        assert 400 <= status < 500, (body[:40], status, reply)
        error = json.loads(reply)
        kind = error["__type"].rpartition("#")[2]
        valid = body in (b"", b'{"a":"\\ud800"}')  # no members at all may be asked for
        assert kind == "SerializationException" or valid or kind.endswith("Exception"), body[:40]
    assert is_well(server)


@pytest.mark.parametrize("service", JSON_SERVICES)
def test_members_of_wrong_types_are_refused(server, service):
    prefix, version, _ = JSON_SERVICES[service]
    operations = {
        "dynamodb": {"PutItem": ["TableName", "Item"], "Query": ["TableName", "KeyConditions"],
                     "BatchWriteItem": ["RequestItems"], "CreateTable": ["TableName", "KeySchema"],
                     "UpdateItem": ["Key", "ExpressionAttributeValues"]},
        "streams": {"GetShardIterator": ["StreamArn", "ShardId"], "GetRecords": ["ShardIterator"]},
        "kinesis": {"PutRecords": ["Records", "StreamName"], "CreateStream": ["ShardCount"],
                    "GetShardIterator": ["Timestamp", "ShardIteratorType"]},
        "firehose": {"PutRecordBatch": ["Records"],
                     "CreateDeliveryStream": ["ExtendedS3DestinationConfiguration"]},
        "glue": {"CreateTable": ["TableInput"], "GetPartitions": ["Segment"]},
        "athena": {"StartQueryExecution": ["QueryString", "ResultConfiguration"]},
        "logs": {"PutLogEvents": ["logEvents", "logGroupName"]},
    }[service]  # fmt: skip
    for operation, members in operations.items():
        for member in members:
            for value in ODD_VALUES:
                body = json.dumps({member: value})
                status, _, reply = post(server, f"{prefix}.{operation}", body, version)
                assert 400 <= status < 500, (operation, body, status, reply)
                assert json.loads(reply)["__type"], (operation, body, reply)
    assert is_well(server)


def test_unknown_operations_and_services_are_told(server):
    for target, version in (("DynamoDB_20120810.Nonsense", "1.0"), ("Kinesis_20131202.", "1.1"),
                            ("Nobody_1.PutItem", "1.1")):  # fmt: skip
        status, _, reply = post(server, target, b"{}", version)
        assert status == 400, (target, reply)
        assert json.loads(reply)["__type"].endswith("UnknownOperationException"), (target, reply)
    insights = '{"TableName":"table","ContributorInsightsAction":"ENABLE"}'
    status, _, reply = post(server, "DynamoDB_20120810.UpdateContributorInsights", insights, "1.0")
    assert status == 501 and b"UpdateContributorInsights" in reply
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = "Action=Nonsense&Version=2010-05-15"
    status, _, reply = server.request("POST", "/", body, form)
    assert status == 400 and b"<Code>" in reply
    assert is_well(server)


# ---- HTTP itself ----


def exchange(server, raw, timeout=90):
    """Sends bytes, returns what comes until the server closes or is done."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=timeout) as connection:
        try:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            reply = b""
            while more := connection.recv(65536):
                reply += more
        except ConnectionError:
            return b""
    return reply


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X-A: " + b"y" * 200_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X-A: y\r\n" * 5000 + b"\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"
        b"0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHo\x00st: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 500,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
    ],
    ids=range(16),
)  # fmt: skip
def test_what_is_no_request_ends_the_connection_alone(server, raw):
    reply = exchange(server, raw)
    if reply.startswith(b"HTTP/1.1 "):
        assert 400 <= int(reply[9:12]) < 600, reply[:200]
    assert is_well(server)


def test_a_body_above_the_limit_is_refused(server):
    """DynamoDB takes 16 MB; nothing is kept of what is too long."""
    name = b'{"TableName":"'
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.putrequest("POST", "/")
    connection.putheader("Content-Type", "application/x-amz-json-1.0")
    connection.putheader("X-Amz-Target", "DynamoDB_20120810.GetItem")
    connection.putheader("Content-Length", str(300 << 20))
    connection.endheaders()
    try:
        connection.send(name)
        reply = connection.getresponse()
        assert reply.status in (400, 413), reply.status
    except ConnectionError:
        pass
    connection.close()
    assert is_well(server)


def test_a_connection_that_vanishes_in_the_middle_harms_nobody(server):
    head = b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: DynamoDB_20120810.PutItem\r\n"
    for raw in (head, head + b"Content-Length: 500\r\n\r\n{", head + b"Transfer-Encoding: chunked"
                b"\r\n\r\n5\r\n{"):  # fmt: skip
        connection = socket.create_connection(("127.0.0.1", server.port))
        connection.sendall(raw)
        # A reset instead of an end.
        linger = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        connection.close()
    assert is_well(server)


# ---- keys of S3 ----

AWKWARD_KEYS = [
    "../escape", "../../../../../../tmp/millrace-escape", "a/../../b", "..", ".", "./x", "a//b",
    "//lead", "trail/", "a/./b", "/absolute", "/etc/passwd", "~root", "C:\\windows\\x",
    "nul\x00byte", "line\nbreak", "tab\tkey", "\x01\x02", "žluťoučký kůň", "日本語/キー", "🦀/🦀",
    "e\u0301", "\u00e9", "space key", "plus+key", "per%cent", "per%2Fcent", "%00", "?query=1",
    "#hash", "&amp;<x>", "quote\"'", "a" * 1024, "\u202eoverride", "\u007f", "objects/00/x",
]  # fmt: skip


def files_below(folder):
    return {path for path in pathlib.Path(folder).rglob("*")}


def test_no_key_of_s3_leaves_the_data_folder(make_server, tmp_path):
    server = make_server()
    fence = tmp_path / "server0"
    before = files_below(tmp_path) - files_below(server.data)
    client = server.client("s3")
    client.create_bucket(Bucket="lake")
    for key in AWKWARD_KEYS:
        body = f"body of {key!r}".encode()
        quoted = urllib.parse.quote(key.encode(), safe="/")
        status, _, reply = server.request("PUT", f"/lake/{quoted}", body)
        if status != 200:
            assert 400 <= status < 500 and b"<Code>" in reply, (key, status, reply)
            assert "\x00" in key or key in ("..", ".") or ".." in key.split("/"), (key, reply)
            continue
        status, _, got = server.request("GET", f"/lake/{quoted}")
        assert (status, got) == (200, body), key
    stored = set()
    for page in client.get_paginator("list_objects_v2").paginate(Bucket="lake"):
        stored |= {item["Key"] for item in page.get("Contents", [])}
    assert {"a//b", "trail/", "žluťoučký kůň", "e\u0301", "\u00e9", "/etc/passwd"} <= stored
    assert not os.path.exists("/tmp/millrace-escape")
    assert files_below(tmp_path) - files_below(server.data) == before, "files beside the data"
    names = {path.name for path in files_below(server.data)}
    assert not any("escape" in name or "passwd" in name for name in names)
    assert fence.exists()
    for key in stored:
        client.delete_object(Bucket="lake", Key=key)
    client.delete_bucket(Bucket="lake")


@pytest.mark.parametrize(
    "path",
    ["/../../etc/passwd", "/lake/../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..", "//",
     "/_millrace/../../x", "/\x7f", "/%zz/%", "/lake/%", "/lake/%f"],
)  # fmt: skip
def test_no_path_reads_a_file_of_the_machine(server, path):
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    reply = exchange(server, request.encode())
    assert b"root:" not in reply
    assert is_well(server)


def test_names_that_no_bucket_has_are_refused(server):
    for name in ("..", "UPPER", "a", "x" * 64, "with_underscore", "-dash", "10.0.0.1", "nul%00"):
        status, _, reply = server.request("PUT", f"/{name}")
        assert 400 <= status < 500, (name, status, reply)
    assert is_well(server)


def test_names_of_resources_never_become_paths(make_server, tmp_path):
    server = make_server()
    before = files_below(tmp_path) - files_below(server.data)
    for target, body in (
        ("DynamoDB_20120810.CreateTable", {"TableName": "../../escape"}),
        ("Kinesis_20131202.CreateStream", {"StreamName": "../../escape", "ShardCount": 1}),
        ("Firehose_20150804.CreateDeliveryStream", {"DeliveryStreamName": "../../escape"}),
        ("Logs_20140328.CreateLogGroup", {"logGroupName": "../../escape"}),
        ("AWSGlue.CreateDatabase", {"DatabaseInput": {"Name": "../../escape"}}),
    ):
        status, _, _ = post(server, target, json.dumps(body))
        assert status < 500
    refused(
        server.client("lambda").create_function,
        "ValidationException",
        FunctionName="../../escape",
        Runtime="python3.11",
        Role="arn:aws:iam::000000000000:role/r",
        Handler="index.handler",
        Code={"ZipFile": b"x"},
    )
    assert files_below(tmp_path) - files_below(server.data) == before
    names = {path.name for path in files_below(server.data)}
    assert not any("escape" in name for name in names)


# ---- credentials ----


@pytest.fixture
def guarded(make_server, tmp_path):
    path = tmp_path / "credentials"
    path.write_text("[default]\naws_access_key_id = AKIDGUARD\naws_secret_access_key = s3cret\n")
    return make_server("--credentials", path)


def test_only_the_right_signature_is_let_in(guarded):
    right = {"aws_access_key_id": "AKIDGUARD", "aws_secret_access_key": "s3cret"}
    assert guarded.client("dynamodb", **right).list_tables()["TableNames"] == []
    assert guarded.client("s3", **right).list_buckets()["Buckets"] == []
    assert guarded.client("kinesis", **right).list_streams()["StreamNames"] == []
    wrong = {**right, "aws_secret_access_key": "guess"}
    refused(guarded.client("kinesis", **wrong).list_streams, "InvalidSignatureException", 400)
    refused(guarded.client("s3", **wrong).list_buckets, "SignatureDoesNotMatch", 403)
    nobody = {**right, "aws_access_key_id": "AKIDNOBODY"}
    refused(guarded.client("kinesis", **nobody).list_streams, "UnrecognizedClientException", 400)
    refused(guarded.client("s3", **nobody).list_buckets, "InvalidAccessKeyId", 403)


def test_without_a_signature_nothing_is_done(guarded):
    status, _, reply = post(guarded, "DynamoDB_20120810.ListTables", b"{}", "1.0")
    assert status == 400
    assert json.loads(reply)["__type"].endswith("MissingAuthenticationTokenException")
    status, _, reply = guarded.request("GET", "/")
    assert status == 403 and b"<Code>" in reply
    for header in ("nonsense", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=x, Signature=y",
                   "AWS4-HMAC-SHA256 Credential=AKIDGUARD/20200101/us-east-1/dynamodb/aws4_request,"
                   " SignedHeaders=host, Signature=" + "0" * 64):  # fmt: skip
        status, _, reply = post(
            guarded, "DynamoDB_20120810.ListTables", b"{}", "1.0", Authorization=header
        )
        assert status in (400, 403), (header, reply)
        assert json.loads(reply)["__type"], header
    status, _, _ = guarded.request("POST", "/_millrace/reset")
    assert status != 200


def test_a_signed_request_changed_on_its_way_is_refused(guarded):
    import botocore.auth
    import botocore.awsrequest
    import botocore.credentials

    credentials = botocore.credentials.Credentials("AKIDGUARD", "s3cret")

    def send(body, sent):
        asked = botocore.awsrequest.AWSRequest(
            method="POST",
            url=guarded.url + "/",
            data=body,
            headers={
                "Content-Type": "application/x-amz-json-1.0",
                "X-Amz-Target": "DynamoDB_20120810.ListTables",
            },
        )
        botocore.auth.SigV4Auth(credentials, "dynamodb", "us-east-1").add_auth(asked)
        return guarded.request("POST", "/", sent, dict(asked.headers))

    assert send(b'{"Limit":1}', b'{"Limit":1}')[0] == 200
    status, _, reply = send(b'{"Limit":1}', b'{"Limit":2}')
    assert status == 400, reply
    assert json.loads(reply)["__type"].endswith("InvalidSignatureException")


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0"])
def test_beyond_loopback_it_refuses_to_start_without_credentials(tmp_path, address):
    command = [millrace_bin(), "serve", "--data", tmp_path / "data", "--listen", address]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, env=clean_environment()
    )
    assert done.returncode == 1
    assert "not a loopback address" in done.stderr and "--credentials" in done.stderr
    assert not READY.search(done.stdout)


def test_with_credentials_it_listens_everywhere(tmp_path):
    path = tmp_path / "credentials"
    path.write_text("[default]\naws_access_key_id = A\naws_secret_access_key = B\n")
    process = subprocess.Popen(
        [millrace_bin(), "serve", "--data", tmp_path / "data", "--listen", "0.0.0.0:0",
         "--credentials", path],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=clean_environment(),
    )  # fmt: skip
    try:
        assert READY.search(process.stdout.readline())
    finally:
        process.terminate()
        assert process.wait(30) == 0
        process.stdout.close()


def test_what_is_wrong_on_the_command_line_is_told_at_once(tmp_path, own_server):
    def run(*args):
        return subprocess.run(
            [millrace_bin(), *map(str, args)], capture_output=True, text=True, timeout=120,
            env=clean_environment(),
        )  # fmt: skip

    for args in (["serve", "--nonsense"], ["serve", "--listen", "nowhere"], ["nonsense"]):
        done = run(*args)
        assert done.returncode == 2 and done.stderr.startswith("millrace: "), done
        assert len(done.stderr.splitlines()) <= 3
    done = run("serve", "--data", tmp_path / "d", "--listen", f"127.0.0.1:{own_server.port}")
    assert done.returncode == 1 and "address in use" in done.stderr
    done = run("serve", "--data", own_server.data, "--listen", "127.0.0.1:0")
    assert done.returncode == 1 and "another process uses the data folder" in done.stderr
    missing = tmp_path / "missing"
    done = run("serve", "--data", tmp_path / "d", "--credentials", missing,
               "--listen", "127.0.0.1:0")  # fmt: skip
    assert done.returncode == 1 and str(missing) in done.stderr


def test_after_all_of_this_the_server_still_works(server, fresh):
    name = fresh("lake")
    server.client("s3").create_bucket(Bucket=name)
    wait_until(lambda: is_well(server))
