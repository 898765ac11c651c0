"""Function URLs, and answers that are streamed."""

import base64
import http.client
import json
import re
import shutil
import urllib.parse

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.eventstream import EventStreamBuffer
from botocore.exceptions import ClientError

ECHO = """
import json
def handler(event, context):
    if event["rawPath"] == "/fail":
        raise ValueError("boom")
    if event["rawPath"] == "/plain":
        return json.loads(event["body"])
    return {"statusCode": 201, "headers": {"X-Own": "yes", "content-type": "text/x-own"},
            "cookies": ["a=1; Path=/", "b=2"], "body": json.dumps(event)}
"""


def refused(call, **members):
    with pytest.raises(ClientError) as caught:
        call(**members)
    error = caught.value.response
    return (
        error["Error"]["Code"],
        error["Error"]["Message"],
        error["ResponseMetadata"]["HTTPStatusCode"],
    )


def ask(url, method="GET", path="", body=None, headers=None):
    """(status, headers, body) of a request to a function's URL."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    try:
        target = parts.path.rstrip("/") + "/" + path
        connection.request(method, target, body=body, headers=headers or {})
        reply = connection.getresponse()
        return reply.status, reply.headers, reply.read()
    finally:
        connection.close()


def make_public(api, name, **members):
    url = api.create_function_url_config(FunctionName=name, AuthType="NONE", **members)
    members = {key: members[key] for key in ("Qualifier",) if key in members}
    api.add_permission(
        FunctionName=name, StatementId="all", Action="lambda:InvokeFunctionUrl", Principal="*",
        FunctionUrlAuthType="NONE", **members)
    return url["FunctionUrl"]


@pytest.fixture
def echo(functions, make_function):
    name = make_function(ECHO)
    return name, make_public(functions, name)


def test_a_url_is_made_shown_changed_and_deleted(functions, make_function):
    name = make_function(ECHO)
    made = functions.create_function_url_config(
        FunctionName=name, AuthType="AWS_IAM", Cors={"AllowOrigins": ["*"], "MaxAge": 5})
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    arn = functions.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    assert (made["FunctionArn"], made["AuthType"], made["InvokeMode"] if "InvokeMode" in made
            else "BUFFERED") == (arn, "AWS_IAM", "BUFFERED")
    assert re.search(r"/[0-9a-z]{32}/$", made["FunctionUrl"])
    shown = functions.get_function_url_config(FunctionName=name)
    assert shown["FunctionUrl"] == made["FunctionUrl"] and shown["LastModifiedTime"]
    assert shown["Cors"] == {"AllowOrigins": ["*"], "MaxAge": 5}
    changed = functions.update_function_url_config(FunctionName=name, AuthType="NONE")
    assert changed["AuthType"] == "NONE" and changed["Cors"] == shown["Cors"]
    assert changed["FunctionUrl"] == made["FunctionUrl"]
    listed = functions.list_function_url_configs(FunctionName=name)["FunctionUrlConfigs"]
    assert [it["FunctionUrl"] for it in listed] == [made["FunctionUrl"]]
    again = refused(functions.create_function_url_config, FunctionName=name, AuthType="NONE")
    assert again == (
        "ResourceConflictException",
        f"Failed to create function url config for [functionArn = {arn}]. Error message:  "
        "FunctionUrlConfig exists for this Lambda function", 409)
    functions.delete_function_url_config(FunctionName=name)
    gone = ("ResourceNotFoundException", "The resource you requested does not exist.", 404)
    assert refused(functions.get_function_url_config, FunctionName=name) == gone
    assert refused(functions.delete_function_url_config, FunctionName=name) == gone
    assert ask(made["FunctionUrl"])[0] == 404


def test_a_url_is_found_by_its_id_from_its_making_to_its_end(functions, make_function):
    name = make_function(ECHO)
    functions.publish_version(FunctionName=name)
    functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    urls = [make_public(functions, name)]
    functions.add_permission(
        FunctionName=name, StatementId="all", Action="lambda:InvokeFunctionUrl", Principal="*",
        FunctionUrlAuthType="NONE", Qualifier="live")
    live = functions.create_function_url_config(
        FunctionName=name, AuthType="NONE", Qualifier="live")
    urls.append(live["FunctionUrl"])
    assert [ask(url)[0] for url in urls] == [201, 201]
    functions.delete_alias(FunctionName=name, Name="live")
    assert [ask(url)[0] for url in urls] == [201, 404]
    functions.delete_function(FunctionName=name)
    assert [ask(url)[0] for url in urls] == [404, 404]


def test_a_url_needs_a_function_or_an_alias(functions, make_function):
    name = make_function(ECHO)
    for members in ({"FunctionName": "absent-" + name}, {"FunctionName": name, "Qualifier": "no"}):
        assert refused(functions.create_function_url_config, AuthType="NONE", **members) == (
            "ResourceNotFoundException", "Function does not exist", 404)
    functions.publish_version(FunctionName=name)
    functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    url = make_public(functions, name, Qualifier="live")
    event = json.loads(ask(url, path="x")[2])
    assert event["requestContext"]["accountId"] == "anonymous"
    shown = functions.get_function_url_config(FunctionName=name, Qualifier="live")
    assert shown["FunctionArn"].endswith(f":{name}:live")


def test_every_parameter_of_the_query_is_told(echo):
    _, url = echo
    query = "&".join(f"n{i % 1500}={i}" for i in range(2000))
    status, _, body = ask(url, path="x?" + query)
    assert status == 201
    event = json.loads(body)
    assert event["rawQueryString"] == query
    assert event["queryStringParameters"] == {
        f"n{i}": f"{i},{i + 1500}" if i < 500 else str(i) for i in range(1500)}
    assert list(event["queryStringParameters"]) == [f"n{i}" for i in range(1500)]


def test_the_event_is_of_format_2(echo):
    _, url = echo
    status, headers, body = ask(
        url, "POST", "a%20b/c?x=1&x=2&y=%C3%A9&z", body='{"n":1}',
        headers={"Content-Type": "application/json", "X-One": "1", "Cookie": "k=v; l=w",
                 "User-Agent": "tester"})
    assert (status, headers["x-own"], headers["content-type"]) == (201, "yes", "text/x-own")
    assert headers.get_all("set-cookie") == ["a=1; Path=/", "b=2"]
    event = json.loads(body)
    assert (event["version"], event["routeKey"]) == ("2.0", "$default")
    assert (event["rawPath"], event["rawQueryString"]) == ("/a%20b/c", "x=1&x=2&y=%C3%A9&z")
    assert event["queryStringParameters"] == {"x": "1,2", "y": "é", "z": ""}
    assert event["cookies"] == ["k=v", "l=w"] and "cookie" not in event["headers"]
    assert event["headers"]["x-one"] == "1" and event["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert (event["body"], event["isBase64Encoded"]) == ('{"n":1}', False)
    context = event["requestContext"]
    told = context["http"]
    assert (told["method"], told["path"], told["sourceIp"], told["userAgent"]) == (
        "POST", "/a b/c", "127.0.0.1", "tester")
    assert context["domainName"].startswith(context["apiId"] + ".lambda-url.us-east-1")
    assert context["requestId"] == headers["x-amzn-requestid"]
    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", context["time"])


def test_bodies_that_are_no_text_are_base64(echo):
    _, url = echo
    body = b"\x00\xff\x10"
    event = json.loads(ask(url, "PUT", body=body, headers={"Content-Type": "image/png"})[2])
    assert event["isBase64Encoded"] and base64.b64decode(event["body"]) == body
    event = json.loads(ask(url)[2])
    assert "body" not in event and event["isBase64Encoded"] is False
    assert "queryStringParameters" not in event and "cookies" not in event


@pytest.mark.parametrize("answer, status, text, kind", [
    ('{"a":1}', 200, b'{"a": 1}', "application/json"),
    ('"text"', 200, b"text", "application/json"),
    ("[1,2]", 200, b"[1, 2]", "application/json"),
    ('{"statusCode":404}', 404, b"", "application/json"),
    ('{"statusCode":"202","body":"x"}', 202, b"x", "application/json"),
    ('{"statusCode":200,"body":"AP8=","isBase64Encoded":true}', 200, b"\0\xff",
     "application/json"),
    ('{"statusCode":200,"body":{"b":1}}', 200, b'{"b":1}', "application/json"),
    ('{"statusCode":"no"}', 502, b"Internal Server Error", "text/plain"),
])
def test_what_the_function_says_becomes_the_response(echo, answer, status, text, kind):
    _, url = echo
    got = ask(url, "POST", "plain", body=answer, headers={"Content-Type": "application/json"})
    assert (got[0], got[2], got[1]["content-type"]) == (status, text, kind)


def test_a_function_that_fails_is_a_bad_gateway(functions, echo):
    name, url = echo
    status, _, body = ask(url, path="fail")
    assert (status, body) == (502, b"Internal Server Error")
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    assert ask(url)[0] == 429


def test_who_may_not_ask_is_told_so(functions, make_function):
    name = make_function(ECHO)
    made = functions.create_function_url_config(FunctionName=name, AuthType="NONE")
    assert ask(made["FunctionUrl"])[0] == 403  # no statement lets everybody
    functions.update_function_url_config(FunctionName=name, AuthType="AWS_IAM")
    status, _, body = ask(made["FunctionUrl"])
    assert (status, json.loads(body)) == (403, {"Message": "Forbidden"})
    request = AWSRequest("GET", made["FunctionUrl"])
    SigV4Auth(Credentials("key", "secret"), "lambda", "us-east-1").add_auth(request)
    event = json.loads(ask(made["FunctionUrl"], headers=dict(request.headers))[2])
    assert event["requestContext"]["authorizer"]["iam"]["accessKey"] == "key"
    assert event["requestContext"]["accountId"] == "000000000000"


def test_signatures_are_checked_where_there_are_credentials(make_server, creator, tmp_path):
    path = tmp_path / "keys"
    path.write_text("[default]\naws_access_key_id = key\naws_secret_access_key = secret\n")
    server = make_server("--credentials", path)
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
    api = server.client("lambda", **keys)
    name = creator(api, "guarded", ECHO)
    url = api.create_function_url_config(FunctionName=name, AuthType="AWS_IAM")["FunctionUrl"]
    for secret, status in (("secret", 201), ("wrong", 403)):
        request = AWSRequest("GET", url)
        SigV4Auth(Credentials("key", secret), "lambda", "us-east-1").add_auth(request)
        assert ask(url, headers=dict(request.headers))[0] == status
    public = make_public(api, creator(api, "open", ECHO))
    assert ask(public)[0] == 201


def test_browsers_are_told_what_pages_may_do(functions, make_function):
    name = make_function(ECHO)
    url = make_public(functions, name, Cors={
        "AllowOrigins": ["https://a.example"], "AllowMethods": ["GET", "PUT"],
        "AllowHeaders": ["x-one"], "ExposeHeaders": ["x-own"], "AllowCredentials": True,
        "MaxAge": 60})
    wanted = {"Origin": "https://a.example", "Access-Control-Request-Method": "PUT"}
    status, headers, body = ask(url, "OPTIONS", headers=wanted)
    assert (status, body) == (200, b"")
    assert headers["access-control-allow-origin"] == "https://a.example"
    assert headers["access-control-allow-methods"] == "GET,PUT"
    assert headers["access-control-allow-headers"] == "x-one"
    assert headers["access-control-max-age"] == "60"
    assert headers["access-control-allow-credentials"] == "true"
    status, headers, _ = ask(url, headers={"Origin": "https://a.example"})
    assert status == 201 and headers["access-control-expose-headers"] == "x-own"
    _, headers, _ = ask(url, headers={"Origin": "https://b.example"})
    assert "access-control-allow-origin" not in headers


def test_the_host_of_aws_reaches_the_function_too(server, echo):
    _, url = echo
    id = url.rstrip("/").rpartition("/")[2]
    host = {"Host": f"{id}.lambda-url.us-east-1.on.aws"}
    status, _, body = server.request("GET", "/any/where", headers=host)
    assert (status, json.loads(body)["rawPath"]) == (201, "/any/where")


def test_a_url_outlives_the_server(own_server, creator):
    api = own_server.client("lambda")
    url = make_public(api, creator(api, "kept", ECHO))
    path = urllib.parse.urlsplit(url).path
    own_server.restart()
    assert own_server.request("GET", path + "x")[0] == 201


# ---- streams ----


def streamed(server, name, event=None, headers=None):
    """(status, headers, [(type, content type, payload)]) of InvokeWithResponseStream."""
    path = f"/2021-11-15/functions/{name}/response-streaming-invocations"
    status, headers, body = server.request("POST", path, json.dumps(event), headers or {})
    buffer = EventStreamBuffer()
    buffer.add_data(body)
    return status, headers, [
        (it.headers[":event-type"], it.headers[":content-type"], it.payload) for it in buffer]


def test_the_answer_of_any_function_can_be_read_as_a_stream(server, make_function):
    name = make_function("def handler(e, c):\n    print('said')\n    return {'got': e}\n")
    status, headers, events = streamed(server, name, 7, {"X-Amz-Log-Type": "Tail"})
    assert (status, headers["x-amz-executed-version"]) == (200, "$LATEST")
    assert headers["content-type"] == "application/vnd.amazon.eventstream"
    assert events[0] == ("PayloadChunk", "application/octet-stream", b'{"got": 7}')
    assert [it[0] for it in events] == ["PayloadChunk", "InvokeComplete"]
    done = json.loads(events[1][2])
    assert set(done) == {"LogResult"} and b"said" in base64.b64decode(done["LogResult"])


def test_a_stream_ends_with_what_went_wrong(server, make_function):
    name = make_function("def handler(e, c):\n    raise ValueError('boom')\n")
    [(kind, _, payload)] = streamed(server, name)[2]
    done = json.loads(payload)
    assert (kind, done["ErrorCode"]) == ("InvokeComplete", "Unhandled")
    assert json.loads(done["ErrorDetails"])["errorMessage"] == "boom"
    status, _, body = server.request(
        "POST", "/2021-11-15/functions/absent/response-streaming-invocations", "{}")
    assert status == 404 and b"Function not found" in body


STREAMING = """
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
exports.handler = awslambda.streamifyResponse(async (event, stream, context) => {
  if (event.rawPath === "/meta") {
    stream = awslambda.HttpResponseStream.from(stream, {
      statusCode: 418, headers: { "X-Own": "yes" }, cookies: ["c=1"] });
  } else if (event.rawPath === "/typed") {
    stream.setContentType("text/x-own");
  }
  stream.write("one,");
  if (event.fail) throw new TypeError("half way");
  await wait(20);
  stream.write("two");
  stream.end();
});
"""


@pytest.fixture
def make_streaming(make_function, zipped):
    if shutil.which("node") is None:
        pytest.skip("there is no node")

    def make():
        return make_function("", Runtime="nodejs20.x", Handler="index.handler",
                             Code={"ZipFile": zipped({"index.js": STREAMING})})

    return make


def test_a_function_streams(server, functions, make_streaming):
    name = make_streaming()
    events = streamed(server, name, {})[2]
    assert b"".join(it[2] for it in events[:-1]) == b"one,two"
    assert events[-1][0] == "InvokeComplete" and json.loads(events[-1][2]) == {}
    assert functions.invoke(FunctionName=name)["Payload"].read() == b"one,two"
    failed = json.loads(streamed(server, name, {"fail": True})[2][-1][2])
    assert json.loads(failed["ErrorDetails"])["errorMessage"] == "half way"
    assert streamed(server, name, {})[2][-1][0] == "InvokeComplete"  # the process goes on


@pytest.mark.parametrize("mode", ["RESPONSE_STREAM", "BUFFERED"])
def test_a_url_streams(server, functions, make_streaming, mode):
    name = make_streaming()
    path = f"/2021-10-31/functions/{name}/url"
    status, _, body = server.request(
        "POST", path, json.dumps({"AuthType": "NONE", "InvokeMode": mode}))
    made = json.loads(body)
    assert (status, made["InvokeMode"]) == (201, mode)
    functions.add_permission(
        FunctionName=name, StatementId="all", Action="lambda:InvokeFunctionUrl", Principal="*",
        FunctionUrlAuthType="NONE")
    status, headers, body = ask(made["FunctionUrl"], path="meta")
    assert (status, headers["x-own"], headers["set-cookie"], body) == (418, "yes", "c=1",
                                                                       b"one,two")
    if mode == "RESPONSE_STREAM":
        status, headers, body = ask(made["FunctionUrl"], path="typed")
        assert (status, headers["content-type"], body) == (200, "text/x-own", b"one,two")


def test_invoke_async_takes_an_event(server, make_function):
    name = make_function("def handler(e, c):\n    return 1\n")
    path = f"/2014-11-13/functions/{name}/invoke-async/"
    assert server.request("POST", path, "{}")[0] == 202
    assert server.request("POST", path, "{")[0] == 400
