"""Functions in JavaScript."""

import base64
import json
import re
import shutil

import pytest

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")


@pytest.fixture
def make_node(make_function, zipped):
    def make(files, **members):
        members = {"Runtime": "nodejs20.x", "Handler": "index.handler", **members}
        return make_function("", Code={"ZipFile": zipped(files)}, **members)

    return make


def invoke(api, name, event=None, **members):
    reply = api.invoke(FunctionName=name, Payload=json.dumps(event), **members)
    return json.load(reply["Payload"]), reply


def test_modules_of_both_kinds_answer(functions, make_node):
    common = "exports.handler = async (event) => ({ got: event.n });\n"
    module = "export const handler = async (event) => ({ got: event.n });\n"
    for files in (
        {"index.js": common},
        {"index.cjs": common},
        {"index.mjs": module},
        {"index.js": module, "package.json": '{"type":"module"}'},
    ):
        assert invoke(functions, make_node(files), {"n": 7})[0] == {"got": 7}


def test_callbacks_and_silence(functions, make_node):
    name = make_node({
        "src/app.js":
            "exports.run = (event, context, callback) => {\n"
            "  if (event === 'callback') setTimeout(() => callback(null, 'later'), 5);\n"
            "  if (event === 'fail') callback(new Error('told'));\n"
            "  if (event === 'now') { context.callbackWaitsForEmptyEventLoop = false;\n"
            "    setInterval(() => {}, 1000).unref(); callback(null, context.functionName); }\n"
            "  if (event === 'throw') throw new TypeError('thrown');\n"
            "};\n",
    }, Handler="src/app.run")  # fmt: skip
    assert invoke(functions, name, "callback")[0] == "later"
    assert invoke(functions, name, "nothing")[0] is None
    assert invoke(functions, name, "now")[0] == name
    for event, kind, text in (("fail", "Error", "told"), ("throw", "TypeError", "thrown")):
        error, reply = invoke(functions, name, event)
        assert reply["FunctionError"] == "Unhandled"
        assert (error["errorType"], error["errorMessage"]) == (kind, text)
        assert error["trace"][0] == f"{kind}: {text}"
        assert "/var/task/src/app.js" in error["trace"][1]


def test_console_lines_are_those_of_aws(functions, make_node):
    name = make_node({
        "index.mjs": "export const handler = async () => { console.log('a', {b: 1});\n"
                     "  console.error('two\\nlines'); return process.env._HANDLER; };\n",
    })  # fmt: skip
    answer, reply = invoke(functions, name, {}, LogType="Tail")
    assert answer == "index.handler"
    lines = base64.b64decode(reply["LogResult"]).decode().split("\n")
    request = reply["ResponseMetadata"]["RequestId"]
    assert lines[0] == f"START RequestId: {request} Version: $LATEST"
    time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.fullmatch(rf"{time}\t{request}\tINFO\ta {{ b: 1 }}", lines[1])
    assert re.fullmatch(rf"{time}\t{request}\tERROR\ttwo\rlines", lines[2])
    assert lines[3] == f"END RequestId: {request}"


def test_what_cannot_be_loaded_says_why(functions, make_node):
    for files, handler, kind, text in (
        ({"a.js": ""}, "index.handler", "Runtime.ImportModuleError", "Cannot find module 'index'"),
        ({"index.js": "require('nope');"}, "index.handler", "Runtime.ImportModuleError", "nope"),
        ({"index.js": "exports = {"}, "index.handler", "Runtime.UserCodeSyntaxError", "Syntax"),
        ({"index.js": ""}, "index.handler", "Runtime.HandlerNotFound",
         "index.handler is undefined or not exported"),
        ({"index.js": ""}, "index", "Runtime.MalformedHandlerName", "Bad handler"),
    ):  # fmt: skip
        error, reply = invoke(functions, make_node(files, Handler=handler), {})
        assert reply["FunctionError"] == "Unhandled"
        assert error["errorType"] == kind and text in error["errorMessage"], error


def test_an_error_that_nobody_caught_ends_the_process(functions, make_node):
    name = make_node({
        "index.js": "exports.handler = async (event) => {\n"
                    "  if (event === 'pid') return process.pid;\n"
                    "  if (event === 'reject') Promise.reject(new Error('lost'));\n"
                    "  else setTimeout(() => { throw new RangeError('lost'); }, 1);\n"
                    "  await new Promise((done) => setTimeout(done, 3000));\n};\n",
    })  # fmt: skip
    pid = invoke(functions, name, "pid")[0]
    for event, kind in (
        ("reject", "Runtime.UnhandledPromiseRejection"),
        ("throw", "RangeError"),
    ):
        error, reply = invoke(functions, name, event)
        assert reply["FunctionError"] == "Unhandled"
        assert error["errorType"] == kind and "lost" in error["errorMessage"]
    assert invoke(functions, name, "pid")[0] != pid


def test_layers_of_node_modules_are_found(functions, fresh, make_node, zipped):
    layer = functions.publish_layer_version(
        LayerName=fresh("layer"),
        Content={"ZipFile": zipped({"nodejs/node_modules/shared/index.js": "module.exports = 8;"})},
    )
    name = make_node(
        {"index.js": "exports.handler = async () => require('shared');"},
        Layers=[layer["LayerVersionArn"]],
    )
    assert invoke(functions, name)[0] == 8
