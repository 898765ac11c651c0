"""LogFormat JSON: the platform's events and what functions log are objects, by level."""

import base64
import json
import shutil

import pytest

PYTHON = """
import logging
log = logging.getLogger("shop")
def handler(event, context):
    print("plain")
    log.debug("too little")
    log.info("sold %d", 3, extra={"order": "o-1"})
    if event.get("fail"):
        try:
            raise KeyError("inner")
        except KeyError:
            log.exception("caught")
        raise ValueError("as asked")
    return 1
"""

NODE = """
exports.handler = async (event) => {
  console.debug("too little");
  console.info("sold %d", 3);
  console.warn({ order: "o-1" });
  console.error("it failed", new TypeError("bad"));
  if (event.fail) throw new RangeError("as asked");
  return 1;
};
"""


def log_as(server, api, name, **logging):
    """By hand: the oldest SDKs that run here do not know LoggingConfig."""
    code, _, body = server.request("PUT", f"/2015-03-31/functions/{name}/configuration",
                                   json.dumps({"LoggingConfig": logging}))
    assert code == 200, body
    api.get_waiter("function_updated_v2").wait(FunctionName=name)
    return name


def invoke(api, name, event):
    reply = api.invoke(FunctionName=name, LogType="Tail", Payload=json.dumps(event))
    reply["Payload"].read()
    lines = base64.b64decode(reply["LogResult"]).decode().splitlines()
    rows = [json.loads(line) for line in lines if line.startswith("{")]
    return rows, [line for line in lines if not line.startswith("{")]


def of_type(rows, kind):
    return [row["record"] for row in rows if row.get("type") == kind]


def test_python_logs_objects_and_so_does_the_platform(server, functions, make_function):
    name = log_as(server, functions, make_function(PYTHON), LogFormat="JSON")
    rows, plain = invoke(functions, name, {})
    assert plain == ["plain"]
    (start,) = of_type(rows, "platform.start")
    (report,) = of_type(rows, "platform.report")
    assert start["version"] == "$LATEST" and report["requestId"] == start["requestId"]
    assert report["status"] == "success" and report["metrics"]["memorySizeMB"] == 128
    assert report["metrics"]["durationMs"] >= 0 and report["metrics"]["initDurationMs"] > 0
    (sold,) = [row for row in rows if "logger" in row]
    assert sold.pop("timestamp").endswith("Z")
    assert sold == {"level": "INFO", "message": "sold 3", "logger": "shop", "order": "o-1",
                    "requestId": start["requestId"]}
    rows, _ = invoke(functions, name, {"fail": True})
    caught = next(row for row in rows if row.get("message") == "caught")
    assert (caught["errorType"], caught["level"]) == ("KeyError", "ERROR")
    error = next(row for row in rows if "log_level" in row)
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "as asked")
    assert 'File "/var/task/index.py"' in error["stackTrace"][0]
    assert of_type(rows, "platform.report")[0]["status"] == "error"


def test_levels_keep_lines_out(server, functions, make_function):
    name = log_as(server, functions, make_function(PYTHON), LogFormat="JSON",
                  ApplicationLogLevel="ERROR", SystemLogLevel="WARN")
    rows, plain = invoke(functions, name, {})
    assert (rows, plain) == ([], ["plain"])
    rows, _ = invoke(functions, name, {"fail": True})
    assert [row.get("level") or row.get("log_level") or row["type"] for row in rows] == [
        "ERROR", "ERROR", "platform.report"]
    log_as(server, functions, name, LogFormat="JSON", ApplicationLogLevel="DEBUG",
           SystemLogLevel="INFO")
    rows, _ = invoke(functions, name, {})
    assert [row["message"] for row in rows if "logger" in row] == ["too little", "sold 3"]
    log_as(server, functions, name, LogFormat="Text")
    rows, plain = invoke(functions, name, {})
    assert rows == [] and plain[0].startswith("START RequestId: ")


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")
def test_node_logs_objects(server, functions, make_function, zipped):
    name = make_function("", Runtime="nodejs20.x", Code={"ZipFile": zipped({"index.js": NODE})})
    log_as(server, functions, name, LogFormat="JSON")
    rows, plain = invoke(functions, name, {"fail": True})
    assert plain == []
    told = [row for row in rows if "level" in row]
    assert [row["level"] for row in told] == ["INFO", "WARN", "ERROR", "ERROR"]
    assert told[0]["message"] == "sold 3" and told[1]["message"] == {"order": "o-1"}
    assert (told[2]["errorType"], told[2]["errorMessage"]) == ("TypeError", "bad")
    assert told[3]["message"]["errorType"] == "RangeError"
    assert len({row["requestId"] for row in told}) == 1
