"""What lies between a client and a handler: framing, headers, and requests no SDK would send."""

import gzip
import json
import re
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
import uuid
import xml.etree.ElementTree as xml
import zlib

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from support import Server, wait_until
from support.server import millrace_bin

TARGETS = {
    "dynamodb": ("DynamoDB_20120810", "1.0", "ListTables"),
    "dynamodbstreams": ("DynamoDBStreams_20120810", "1.0", "ListStreams"),
    "kinesis": ("Kinesis_20131202", "1.1", "ListStreams"),
    "firehose": ("Firehose_20150804", "1.1", "ListDeliveryStreams"),
    "glue": ("AWSGlue", "1.1", "GetDatabases"),
    "athena": ("AmazonAthena", "1.1", "ListWorkGroups"),
    "logs": ("Logs_20140328", "1.1", "DescribeLogGroups"),
}
CURL = shutil.which("curl")


def scope(service):
    return {
        "Authorization": f"AWS4-HMAC-SHA256 Credential=test/20260102/us-east-1/{service}/"
        "aws4_request, SignedHeaders=host;x-amz-date, Signature=" + "0" * 64
    }


def post(server, service, operation, body=b"{}", **headers):
    prefix, version, _ = TARGETS[service]
    given = {"Content-Type": f"application/x-amz-json-{version}",
             "X-Amz-Target": f"{prefix}.{operation}"}
    given.update({name.replace("_", "-"): value for name, value in headers.items()})
    return server.request("POST", "/", body, given)


def raw_exchange(server, data, until=b"\r\n\r\n"):
    """Sends bytes, and reads until the peer closes or `until` has come with its whole body."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=90) as wire:
        wire.sendall(data)
        wire.shutdown(socket.SHUT_WR)
        got = b""
        while True:
            part = wire.recv(65536)
            if not part:
                return got
            got += part


# ---- awsJson ----


@pytest.mark.parametrize("service", TARGETS)
def test_every_json_service_answers_with_its_frame(server, service):
    _, version, operation = TARGETS[service]
    status, headers, body = post(server, service, operation)
    assert status == 200, body
    assert isinstance(json.loads(body), dict)
    assert headers["content-type"] == f"application/x-amz-json-{version}"
    assert headers["date"] and int(headers["content-length"]) == len(body)
    identity = headers["x-amzn-requestid"]
    if service.startswith("dynamodb"):
        assert headers["x-amz-crc32"] == str(zlib.crc32(body))
        assert re.fullmatch("[0-9A-V]{52}", identity)
    else:
        assert str(uuid.UUID(identity)) == identity


@pytest.mark.parametrize("service", TARGETS)
def test_each_request_has_its_own_id(server, service):
    seen = {post(server, service, TARGETS[service][2])[1]["x-amzn-requestid"] for _ in range(5)}
    assert len(seen) == 5


@pytest.fixture(scope="module")
def missing():
    """missing(service) -> an operation that `millrace ops` calls not implemented, or None."""
    done = subprocess.run([millrace_bin(), "ops"], capture_output=True, text=True, timeout=120)
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith("- ")]
    return {service: operation for _, service, operation in rows}.get


@pytest.mark.parametrize("service", TARGETS)
def test_what_is_not_implemented_is_501_by_name(server, missing, service):
    operation = missing(service)
    if operation is None:
        return  # this service has them all
    status, _, body = post(server, service, operation)
    error = json.loads(body)
    assert status == 501
    assert error["__type"].rpartition("#")[2] == "NotImplemented"
    assert operation in error["message"]


def test_what_is_not_implemented_is_501_in_the_other_protocols(server):
    path = "/2020-04-22/code-signing-configs"
    status, _, body = server.request("GET", path, headers=scope("lambda"))
    assert status == 501 and "ListCodeSigningConfigs" in json.loads(body)["message"]
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    status, _, body = server.request(
        "POST", "/", "Action=ListUsers&Version=2010-05-08", {**form, **scope("iam")})
    error = {node.tag.rpartition("}")[2]: node.text for node in xml.fromstring(body).iter()}
    assert status == 501 and error["Code"] == "NotImplemented" and "ListUsers" in error["Message"]
    status, _, body = server.request("PUT", "/bucket?inventory&id=i", "<x/>", scope("s3"))
    error = {node.tag: node.text for node in xml.fromstring(body)}
    assert status == 501 and error["Code"] == "NotImplemented"
    assert "PutBucketInventoryConfiguration" in error["Message"]


@pytest.mark.parametrize(
    "service, operation",
    [("sqs", "list_queues"), ("events", "list_rules"), ("secretsmanager", "list_secrets"),
     ("ec2", "describe_instances"), ("sns", "list_topics"), ("apigateway", "get_rest_apis")],
)
def test_a_service_that_is_none_of_ours_is_501(client, service, operation):
    with pytest.raises(ClientError) as caught:
        getattr(client(service), operation)()
    reply = caught.value.response
    assert reply["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert reply["Error"]["Code"] == "NotImplemented"
    assert "millrace does not implement" in reply["Error"]["Message"]


def test_an_unknown_operation_is_told(server):
    status, _, body = post(server, "dynamodb", "Nonsense")
    assert (status, json.loads(body)["__type"]) == (
        400, "com.amazon.coral.service#UnknownOperationException")
    for target in ("Nobody_2011.Act", "DynamoDB_20120810", "", ".", "DynamoDB_20120810.listtables"):
        status, _, body = server.request(
            "POST", "/", b"{}",
            {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": target})
        assert status in (400, 404), (target, body)
        assert b"UnknownOperationException" in body, target


def test_dynamodb_refuses_other_content_types_and_methods(server):
    """AWS: 404 with a bare body."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/xml"):
        status, _, body = post(server, "dynamodb", "ListTables", Content_Type=kind)
        assert (status, body) == (404, b"<UnknownOperationException/>\n"), kind
    for method in ("PUT", "DELETE", "PATCH"):
        status, _, body = server.request(
            method, "/", b"{}",
            {"Content-Type": "application/x-amz-json-1.0",
             "X-Amz-Target": "DynamoDB_20120810.ListTables"})
        assert (status, body) == (404, b"<UnknownOperationException/>\n"), method


def test_a_charset_in_the_content_type_is_no_matter(server):
    kind = "application/x-amz-json-1.0; charset=utf-8"
    assert post(server, "dynamodb", "ListTables", Content_Type=kind)[0] == 200


def test_dynamodb_says_that_it_is_healthy(server):
    status, _, body = server.request("GET", "/", headers=scope("dynamodb"))
    assert (status, body) == (200, b"healthy: dynamodb.us-east-1.amazonaws.com ")
    status, _, body = server.request(
        "GET", "/", headers={"Host": f"dynamodb.eu-west-1.amazonaws.com:{server.port}"})
    assert (status, body) == (200, b"healthy: dynamodb.eu-west-1.amazonaws.com ")


def test_an_empty_body_is_answered_as_json(server):
    for service, (_, _, operation) in TARGETS.items():
        status, _, body = post(server, service, operation, b"")
        assert status in (200, 400), (service, body)
        assert isinstance(json.loads(body), dict)


def test_a_gzipped_request_is_read(server):
    body = gzip.compress(b'{"Limit":1}')
    status, _, reply = post(server, "dynamodb", "ListTables", body, Content_Encoding="gzip")
    assert (status, list(json.loads(reply))[0]) == (200, "TableNames")
    status, _, reply = post(server, "dynamodb", "ListTables", b"no gzip", Content_Encoding="gzip")
    assert status == 400, reply


def test_a_gzip_bomb_ends_at_the_limit(server):
    bomb = gzip.compress(b'{"x":"' + b" " * (200 << 20) + b'"}', 9)
    status, _, _ = post(server, "dynamodb", "ListTables", bomb, Content_Encoding="gzip")
    assert status in (400, 413)
    assert post(server, "dynamodb", "ListTables")[0] == 200


def test_a_chunked_body_is_joined(server):
    head = (
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
        "Content-Type: application/x-amz-json-1.0\r\n"
        "X-Amz-Target: DynamoDB_20120810.ListTables\r\n\r\n"
    ).encode()
    body = b'1\r\n{\r\n8;ext=1\r\n"Limit":\r\n2\r\n1}\r\n0\r\nx-trailer: 1\r\n\r\n'
    got = raw_exchange(server, head + body)
    assert got.startswith(b"HTTP/1.1 200") and b'"TableNames"' in got


def test_expect_gets_its_100(server):
    head = (
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n"
        "Content-Type: application/x-amz-json-1.0\r\nConnection: close\r\n"
        "X-Amz-Target: DynamoDB_20120810.ListTables\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=90) as wire:
        wire.sendall(head)
        first = wire.recv(1000)
        assert first == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.sendall(b"{}")
        assert wire.recv(1000).startswith(b"HTTP/1.1 200")


def test_pipelined_requests_are_answered_in_their_order(server):
    one = (
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n"
        "Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: %s\r\n%s\r\n{}"
    )
    names = ["DynamoDB_20120810.ListTables", "DynamoDBStreams_20120810.ListStreams",
             "Kinesis_20131202.ListStreams", "DynamoDB_20120810.ListTables"]
    ends = ["", "", "", "Connection: close\r\n"]
    text = "".join(one % pair for pair in zip(names, ends))
    got = raw_exchange(server, text.encode())
    words = re.findall(rb'"TableNames"|"Streams"|"StreamNames"', got)
    assert words == [b'"TableNames"', b'"Streams"', b'"StreamNames"', b'"TableNames"']


# ---- HTTP/2 ----


def curl(server, *args):
    done = subprocess.run(
        [CURL, "-sS", "--max-time", "30", "--http2-prior-knowledge", "-w", "\n%{http_version}",
         *args, server.url + "/"],
        capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    body, _, version = done.stdout.rpartition(b"\n")
    assert version == b"2"
    return body


@pytest.mark.skipif(CURL is None, reason="there is no curl")
@pytest.mark.parametrize("service", TARGETS)
def test_json_services_speak_http_2(server, service):
    prefix, version, operation = TARGETS[service]
    body = curl(server, "-d", "{}", "-H", f"X-Amz-Target: {prefix}.{operation}",
                "-H", f"Content-Type: application/x-amz-json-{version}")
    assert "__type" not in json.loads(body)


@pytest.mark.skipif(CURL is None, reason="there is no curl")
def test_the_other_protocols_speak_http_2(server):
    body = curl(server, "-d", "Action=GetCallerIdentity&Version=2011-06-15")
    assert b"<GetCallerIdentityResult>" in body
    assert b"<ListAllMyBucketsResult" in curl(server)
    body = curl(server, "--request-target", "/2015-03-31/functions/")
    assert isinstance(json.loads(body)["Functions"], list)
    body = curl(server, "--request-target", "/v1/pipes")
    assert isinstance(json.loads(body)["Pipes"], list)


# ---- S3 ----


@pytest.fixture
def bucket(server, fresh):
    name = fresh("lake")
    server.client("s3").create_bucket(Bucket=name)
    return name


def test_a_bucket_may_stand_in_the_host(server, bucket):
    host = {"Host": f"{bucket}.localhost:{server.port}"}
    assert server.request("PUT", "/a/b", b"text", host)[0] == 200
    assert server.client("s3").get_object(Bucket=bucket, Key="a/b")["Body"].read() == b"text"
    status, _, body = server.request("GET", "/?list-type=2", headers=host)
    assert status == 200 and b"<Key>a/b</Key>" in body
    other = {"Host": f"{bucket}.s3.us-east-1.amazonaws.com"}
    assert server.request("GET", "/a/b", headers=other)[2] == b"text"


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_presigned_urls_work(server, bucket, version):
    s3 = server.client("s3", config=Config(signature_version=version))
    ask = {"Bucket": bucket, "Key": "a b/ü+c"}
    url = s3.generate_presigned_url("put_object", Params=ask, ExpiresIn=60)
    put = urllib.request.Request(url, data=b"signed", method="PUT")
    put.add_unredirected_header("Content-Type", "")
    assert urllib.request.urlopen(put).status == 200
    url = s3.generate_presigned_url("get_object", Params=ask, ExpiresIn=60)
    assert urllib.request.urlopen(url).read() == b"signed"


def test_a_request_without_a_signature_is_s3(server, bucket):
    server.client("s3").put_object(Bucket=bucket, Key="k", Body=b"open")
    assert server.request("GET", f"/{bucket}/k")[2] == b"open"
    status, headers, body = server.request("GET", f"/{bucket}/none")
    assert status == 404 and b"<Code>NoSuchKey</Code>" in body
    assert headers["x-amz-request-id"] and headers["x-amz-id-2"]


# ---- signatures, by each protocol and both ways of signing ----

KEY, SECRET = "AKIDEDGES", "secret/with+odd=characters"
REFUSALS = {
    "dynamodb": ("list_tables", "UnrecognizedClientException", "InvalidSignatureException", 400),
    "dynamodbstreams": (
        "list_streams", "UnrecognizedClientException", "InvalidSignatureException", 400),
    "kinesis": ("list_streams", "UnrecognizedClientException", "InvalidSignatureException", 400),
    "firehose": (
        "list_delivery_streams", "UnrecognizedClientException", "InvalidSignatureException", 400),
    "glue": ("get_databases", "UnrecognizedClientException", "InvalidSignatureException", 400),
    "athena": ("list_work_groups", "UnrecognizedClientException", "InvalidSignatureException", 400),
    "logs": (
        "describe_log_groups", "UnrecognizedClientException", "InvalidSignatureException", 400),
    "lambda": ("list_functions", "UnrecognizedClientException", "InvalidSignatureException", 403),
    "pipes": ("list_pipes", "UnrecognizedClientException", "InvalidSignatureException", 403),
    "iam": ("list_roles", "InvalidClientTokenId", "SignatureDoesNotMatch", 403),
    "sts": ("get_caller_identity", "InvalidClientTokenId", "SignatureDoesNotMatch", 403),
    "s3": ("list_buckets", "InvalidAccessKeyId", "SignatureDoesNotMatch", 403),
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guarded")
    path = folder / "credentials"
    path.write_text(f"[one]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
                    "[two]\naws_access_key_id = AKIDTEMP\naws_secret_access_key = x\n"
                    "aws_session_token = token+/=\n")
    it = Server(folder / "data", "--credentials", path).start()
    yield it
    it.stop()


def signed(server, service, key=KEY, secret=SECRET, **more):
    return server.client(service, aws_access_key_id=key, aws_secret_access_key=secret, **more)


def refusal(call):
    with pytest.raises(ClientError) as caught:
        call()
    reply = caught.value.response
    return reply["Error"]["Code"], reply["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize("service", REFUSALS)
def test_only_the_right_secret_opens(guarded, service):
    name, unknown, wrong, status = REFUSALS[service]
    getattr(signed(guarded, service), name)()
    assert refusal(getattr(signed(guarded, service, secret="no"), name)) == (wrong, status)
    assert refusal(getattr(signed(guarded, service, key="NOBODY"), name)) == (unknown, status)


def plain_request(service):
    """(method, path, headers, body) of the operation that REFUSALS names."""
    if service in TARGETS:
        prefix, version, operation = TARGETS[service]
        return "POST", "/", {"Content-Type": f"application/x-amz-json-{version}",
                             "X-Amz-Target": f"{prefix}.{operation}"}, b"{}"
    if service in ("iam", "sts"):
        action = {"iam": "Action=ListRoles&Version=2010-05-08",
                  "sts": "Action=GetCallerIdentity&Version=2011-06-15"}[service]
        return ("POST", "/", {"Content-Type": "application/x-www-form-urlencoded"},
                action.encode())
    return "GET", {"lambda": "/2015-03-31/functions/", "pipes": "/v1/pipes", "s3": "/"}[service], \
        {}, b""


def send_signed_at(server, service, moment, monkeypatch):
    """Signed by botocore's own Python (a client may use its C signer), as if it were `moment`."""
    import datetime as real
    import types

    import botocore.auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    method, path, headers, body = plain_request(service)
    asked = AWSRequest(method=method, url=server.url + path, headers=headers, data=body)
    asked.context["payload_signing_enabled"] = True
    signer = botocore.auth.S3SigV4Auth if service == "s3" else botocore.auth.SigV4Auth
    name = "dynamodb" if service == "dynamodbstreams" else service
    with monkeypatch.context() as patch:
        if hasattr(botocore.auth, "get_current_datetime"):
            patch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: moment)
        else:
            clock = types.SimpleNamespace(utcnow=lambda: moment, datetime=real.datetime)
            patch.setattr(botocore.auth, "datetime", types.SimpleNamespace(datetime=clock))
        signer(Credentials(KEY, SECRET), name, "us-east-1").add_auth(asked)
    return server.request(method, path, body, dict(asked.headers))


@pytest.mark.parametrize("service", REFUSALS)
def test_a_clock_that_is_wrong_is_refused(guarded, service, monkeypatch):
    import datetime

    _, _, wrong, status = REFUSALS[service]
    if service == "s3":
        wrong, status = "RequestTimeTooSkewed", 403
    now = datetime.datetime.utcnow()
    minutes = datetime.timedelta(minutes=1)
    for off in (0, 14, -14):
        got = send_signed_at(guarded, service, now + off * minutes, monkeypatch)
        assert got[0] == 200, (off, got)
    for off in (16, -16, 60 * 24 * 400):
        got = send_signed_at(guarded, service, now + off * minutes, monkeypatch)
        assert got[0] == status, (off, got)
        assert wrong in str(got[1].get("x-amzn-errortype")) + got[2].decode(), (off, got)


def test_a_session_token_belongs_to_its_key(guarded):
    temporary = {"key": "AKIDTEMP", "secret": "x"}
    good = signed(guarded, "dynamodb", **temporary, aws_session_token="token+/=")
    assert good.list_tables()["TableNames"] == []
    bad = signed(guarded, "dynamodb", **temporary, aws_session_token="other")
    assert refusal(bad.list_tables)[0] == "UnrecognizedClientException"
    none = signed(guarded, "dynamodb", **temporary)
    assert refusal(none.list_tables)[0] == "UnrecognizedClientException"


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_presigned_urls_are_verified(guarded, fresh, version):
    s3 = signed(guarded, "s3", config=Config(signature_version=version))
    bucket = fresh("lake")
    signed(guarded, "s3").create_bucket(Bucket=bucket)
    signed(guarded, "s3").put_object(Bucket=bucket, Key="a b/ü+c", Body=b"signed")
    ask = {"Bucket": bucket, "Key": "a b/ü+c", "ResponseContentType": "text/odd"}
    url = s3.generate_presigned_url("get_object", Params=ask, ExpiresIn=60)
    with urllib.request.urlopen(url) as reply:
        assert (reply.read(), reply.headers["content-type"]) == (b"signed", "text/odd")
    for bad in (url.replace("odd", "even"), url.replace("/a%20b/", "/a%20c/"),
                url.split("?")[0]):
        assert bad != url, bad
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(bad)
        assert caught.value.code == 403
    short = s3.generate_presigned_url("get_object", Params=ask, ExpiresIn=1)

    def expired():
        try:
            return urllib.request.urlopen(short).status != 200
        except urllib.error.HTTPError as error:
            return error.code == 403 and b"Request has expired" in error.read()

    wait_until(expired)


def test_odd_names_and_queries_are_signed_as_clients_sign_them(guarded, fresh):
    s3 = signed(guarded, "s3")
    bucket = fresh("lake")
    s3.create_bucket(Bucket=bucket)
    names = ["a b", "a+b", "a%2Fb", "x//y", "dots/../kept", "päth/日本", "~!*'()", "q?x=1&y", "#"]
    for name in names:
        s3.put_object(Bucket=bucket, Key=name, Body=name.encode())
        assert s3.get_object(Bucket=bucket, Key=name)["Body"].read() == name.encode()
    listed = s3.list_objects_v2(Bucket=bucket, Delimiter="/ +", Prefix="")
    assert sorted(row["Key"] for row in listed["Contents"]) == sorted(names)
    functions = signed(guarded, "lambda")
    arn = "arn:aws:lambda:us-east-1:000000000000:function:no:one"
    assert refusal(lambda: functions.get_function(FunctionName=arn))[0] == \
        "ResourceNotFoundException"
    pipes = signed(guarded, "pipes")
    arn = "arn:aws:pipes:us-east-1:000000000000:pipe/none"
    code = refusal(lambda: pipes.untag_resource(resourceArn=arn, tagKeys=["a b", "c+d"]))[0]
    assert code in ("NotFoundException", "NotImplemented")


def test_the_cli_signs_too(guarded, aws):
    good = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    assert guarded.aws("sts", "get-caller-identity", env=good).json["Account"]
    assert guarded.aws("dynamodb", "list-tables", env=good).json["TableNames"] == []
    guarded.aws("s3", "mb", "s3://signed-by-cli", env=good)
    guarded.aws("s3", "cp", "-", "s3://signed-by-cli/a b", input="x", env=good)
    bad = guarded.aws("s3", "ls", check=False)
    assert bad.code == 254 and "InvalidAccessKeyId" in bad.stderr
    wrong = guarded.aws("lambda", "list-functions", check=False,
                        env={**good, "AWS_SECRET_ACCESS_KEY": "no"})
    assert wrong.code == 254 and "InvalidSignatureException" in wrong.stderr
