"""The Python side of a function: asks the Runtime API for events and calls the handler.

Started as `python3 bootstrap.py` with the environment that AWS gives a function, in a process of
its own, for runtimes python3.x; runs on Python 3.9 and later and imports nothing but the standard
library. It does what a function can see of AWS's runtime:

- the handler `module.function` of _HANDLER is imported once, with LAMBDA_TASK_ROOT as the first
  entry of sys.path and as the working directory;
- what fails is reported in AWS's words. A failed import ends the process after /init/error; an
  exception in the handler ends the invocation only; sys.exit ends the process, which the server
  sees;
- stack traces name /var/task wherever the code really lies;
- a botocore that is too old to know AWS_ENDPOINT_URL is told what it says, or it would ask AWS;
- print and logging reach stdout at once, so nothing is lost if the process is killed; with
  AWS_LAMBDA_LOG_FORMAT JSON what is logged, and errors, are objects of one line.

One connection, kept alive, one exchange at a time. Exit status 1: the import failed or the Runtime
API is gone.
"""
import functools
import importlib
import importlib.machinery
import json
import logging
import os
import socket
import sys
import time

API = "/2018-06-01/runtime"
TASK_ROOT = os.environ.get("LAMBDA_TASK_ROOT", os.getcwd())
SHOWN_ROOT = "/var/task"
LOGS_JSON = os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON"
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


class RuntimeGone(Exception):
    """The Runtime API does not answer, or not in HTTP."""


class Connection:
    """HTTP/1.1 to the Runtime API."""

    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self.peer = (host.strip("[]"), int(port))
        self.address = address
        self.socket = None
        self.waiting = b""  # what came in and was not yet used

    def connect(self):
        self.socket = socket.create_connection(self.peer)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.waiting = b""

    def close(self):
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def exchange(self, method, path, body=b"", headers=""):
        """(status, headers by lower-case name, body) of one request."""
        head = (
            f"{method} {API}{path} HTTP/1.1\r\nHost: {self.address}\r\n{headers}"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        request = head.encode("latin-1") + body
        kept = self.socket is not None
        try:
            try:
                return self.attempt(request)
            except OSError:
                # A kept connection may have been closed meanwhile; a new one must work.
                if not kept or self.waiting:
                    raise
                return self.attempt(request)
        except (OSError, ValueError) as problem:
            raise RuntimeGone(str(problem)) from None

    def attempt(self, request):
        if self.socket is None:
            self.connect()
        try:
            self.socket.sendall(request)
            return self.reply()
        except (OSError, ValueError):
            self.close()
            raise

    def more(self):
        data = self.socket.recv(262144)
        if not data:
            raise ConnectionResetError("the connection was closed")
        return data

    def line(self):
        while b"\n" not in self.waiting:
            if len(self.waiting) > 262144:
                raise ValueError("a line of the reply is too long")
            self.waiting += self.more()
        line, _, self.waiting = self.waiting.partition(b"\n")
        return line.rstrip(b"\r").decode("latin-1")

    def take(self, size):
        if len(self.waiting) < size:
            parts, have = [self.waiting], len(self.waiting)
            while have < size:
                parts.append(self.more())
                have += len(parts[-1])
            self.waiting = b"".join(parts)
        taken, self.waiting = self.waiting[:size], self.waiting[size:]
        return taken

    def reply(self):
        status = int(self.line().split(" ")[1])
        headers = {}
        while True:
            line = self.line()
            if not line:
                break
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = b"".join(self.chunks())
        else:
            body = self.take(int(headers.get("content-length", "0")))
        if headers.get("connection", "").lower() == "close":
            self.close()
        return status, headers, body

    def chunks(self):
        while True:
            size = int(self.line().partition(";")[0], 16)
            if size == 0:
                break
            yield self.take(size)
            self.line()
        while self.line():  # trailers
            pass


class Identity:
    """context.identity"""

    def __init__(self, header):
        known = json.loads(header) if header else {}
        self.cognito_identity_id = known.get("cognitoIdentityId")
        self.cognito_identity_pool_id = known.get("cognitoIdentityPoolId")


class Client:
    """context.client_context.client"""

    def __init__(self, known):
        for name in (
            "installation_id",
            "app_title",
            "app_version_name",
            "app_version_code",
            "app_package_name",
        ):
            setattr(self, name, known.get(name))


class ClientContext:
    """context.client_context, of the JSON in the caller's X-Amz-Client-Context"""

    def __init__(self, known):
        self.custom = known.get("custom")
        self.env = known.get("env")
        self.client = Client(known["client"]) if known.get("client") else None


class LambdaContext:
    """The handler's second argument."""

    def __init__(self, headers):
        client = headers.get("lambda-runtime-client-context")
        self.aws_request_id = headers.get("lambda-runtime-aws-request-id", "")
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn", "")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.identity = Identity(headers.get("lambda-runtime-cognito-identity"))
        self.client_context = ClientContext(json.loads(client)) if client else None
        self.tenant_id = None
        self._deadline_ms = int(headers.get("lambda-runtime-deadline-ms") or 0)

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message):
        sys.stdout.write(str(message))

    def __repr__(self):
        shown = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        inner = ",".join(f"{name}={value}" for name, value in shown.items())
        return f"LambdaContext([{inner}])"


class LogHandler(logging.Handler):
    """The root logger's handler: [LEVEL], time, request id and text, with tabs between."""

    request_id = ""

    def emit(self, record):
        try:
            record.aws_request_id = self.request_id
            sys.stdout.write(self.format(record) + "\n")
        except Exception:
            self.handleError(record)


class LogFormatter(logging.Formatter):
    converter = time.gmtime

    def formatException(self, ei):
        return shown_path(super().formatException(ei))


# What a record has before anybody adds to it.
PLAIN_ATTRIBUTES = set(vars(logging.makeLogRecord({}))) | {"message", "aws_request_id"}


class JsonFormatter(logging.Formatter):
    converter = time.gmtime

    def format(self, record):
        row = {
            "timestamp": self.formatTime(record, TIME_FORMAT),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
        }
        if record.exc_info:
            problem = record.exc_info[1]
            row["stackTrace"] = exception_object(problem, "")["stackTrace"]
            row["errorType"] = type(problem).__name__
            row["errorMessage"] = str(problem)
            row["location"] = f"{record.pathname}:{record.funcName}:{record.lineno}"
        if record.aws_request_id:
            row["requestId"] = record.aws_request_id
        for name, value in vars(record).items():
            if name not in PLAIN_ATTRIBUTES:
                row.setdefault(name, value)
        return json.dumps(row, ensure_ascii=False, default=str)


def install_logging():
    handler = LogHandler()
    if LOGS_JSON:
        handler.setFormatter(JsonFormatter())
        level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "INFO")
        root = logging.getLogger()
        root.setLevel({"TRACE": 5, "FATAL": "CRITICAL"}.get(level, level))
        root.addHandler(handler)
        return handler
    handler.setFormatter(
        LogFormatter(
            "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s",
            "%Y-%m-%dT%H:%M:%S",
        )
    )
    logging.getLogger().addHandler(handler)
    return handler


def shown_path(text):
    for root in {TASK_ROOT, os.path.realpath(TASK_ROOT)}:
        text = text.replace(root.rstrip("/") + "/", SHOWN_ROOT + "/")
    return text


def error_object(kind, message, request_id, trace=()):
    return {
        "errorMessage": message,
        "errorType": kind,
        "requestId": request_id,
        "stackTrace": list(trace),
    }


def is_ours(filename):
    return filename in (__file__, importlib.__file__) or filename.startswith("<frozen importlib")


def exception_object(problem, request_id):
    """An exception as AWS tells it: the frames from the user's code on, each one text."""
    import traceback

    frames = traceback.extract_tb(problem.__traceback__)
    while frames and is_ours(frames[0].filename):
        del frames[0]
    trace = []
    for frame in frames:
        text = f'  File "{shown_path(frame.filename)}", line {frame.lineno}, in {frame.name}\n'
        if frame.line:
            text += f"    {frame.line}\n"
        trace.append(text)
    return error_object(type(problem).__name__, str(problem), request_id, trace)


def log_error(error):
    if LOGS_JSON:
        now = time.strftime(TIME_FORMAT, time.gmtime())
        row = {"timestamp": now, "log_level": "ERROR", **error}
        sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
        sys.stdout.flush()
        return
    text = f"[ERROR] {error['errorType']}: {error['errorMessage']}\n"
    text += "Traceback (most recent call last):\n" + "".join(error["stackTrace"])
    sys.stdout.write(text)
    sys.stdout.flush()


def load_handler(name):
    """(handler, None) or (None, the error of the import)."""
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        message = f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)"
        return None, error_object("Runtime.MalformedHandlerName", message, "")
    shown, module_name = module_name, module_name.replace("/", ".")
    if module_name in sys.builtin_module_names:
        message = f"Cannot use built-in module {shown} as a handler module"
        return None, error_object("Runtime.BuiltInModuleConflict", message, "")
    try:
        module = importlib.import_module(module_name)
    except ImportError as problem:
        message = f"Unable to import module '{shown}': {problem}"
        return None, error_object("Runtime.ImportModuleError", message, "")
    except SyntaxError as problem:
        message = f"Syntax error in module '{shown}': {problem}"
        file = shown_path(problem.filename or "")
        trace = [f'  File "{file}" Line {problem.lineno}\n    {(problem.text or "").strip()}\n']
        return None, error_object("Runtime.UserCodeSyntaxError", message, "", trace)
    except Exception as problem:
        return None, exception_object(problem, "")
    if not hasattr(module, function_name):
        message = f"Handler '{function_name}' missing on module '{shown}'"
        return None, error_object("Runtime.HandlerNotFound", message, "")
    return getattr(module, function_name), None


def json_default(value):
    decimal = sys.modules.get("decimal")
    if decimal is not None and isinstance(value, decimal.Decimal):
        return float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def to_json(value):
    try:
        return json.dumps(value, ensure_ascii=False, default=json_default).encode("utf-8")
    except UnicodeEncodeError:  # half a surrogate pair can only be written as an escape
        return json.dumps(value, default=json_default).encode("utf-8")


def call(handler, body, context):
    """(the reply's bytes, None) or (None, the error). sys.exit goes through, as on AWS."""
    request_id = context.aws_request_id
    try:
        event = json.loads(body)
    except ValueError as problem:
        message = f"Unable to unmarshal input: {problem}"
        return None, error_object("Runtime.UnmarshalError", message, request_id)
    try:
        result = handler(event, context)
    except Exception as problem:
        return None, exception_object(problem, request_id)
    try:
        return to_json(result), None
    except Exception as problem:
        message = f"Unable to marshal response: {problem}"
        return None, error_object("Runtime.MarshalError", message, request_id)


def post_error(connection, path, error):
    kind = "".join(c if "!" <= c <= "~" else "_" for c in error["errorType"])
    return connection.exchange(
        "POST", path, to_json(error), f"Lambda-Runtime-Function-Error-Type: {kind}\r\n"
    )


class EndpointFinder:
    """Finds botocore.session as everybody does, and has its clients made with AWS_ENDPOINT_URL."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name != "botocore.session":
            return None
        sys.meta_path.remove(cls)
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def exec_module(module):
                load(module)
                lead_clients(module)

            spec.loader.exec_module = exec_module
        return spec


def lead_clients(module):
    version = tuple(map(int, sys.modules["botocore"].__version__.split(".")[:2]))
    if version >= (1, 31):  # it reads the variables itself
        return
    create = module.Session.create_client

    @functools.wraps(create)
    def create_client(self, service_name, *values, **named):
        # endpoint_url is the fifth behind the service's name.
        if len(values) < 5 and named.get("endpoint_url") is None:
            named["endpoint_url"] = endpoint_of(self, service_name)
        return create(self, service_name, *values, **named)

    module.Session.create_client = create_client


def endpoint_of(session, service_name):
    if os.environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    service = session.get_service_model(service_name).service_id.upper().replace(" ", "_")
    return os.environ.get("AWS_ENDPOINT_URL_" + service) or os.environ.get("AWS_ENDPOINT_URL")


def serve(connection, handler, log_handler):
    status, headers, body = connection.exchange("GET", "/invocation/next")
    if status != 200:
        raise RuntimeGone(f"it answered {status} to a request for work")
    context = LambdaContext(headers)
    log_handler.request_id = context.aws_request_id
    os.environ["_X_AMZN_TRACE_ID"] = headers.get("lambda-runtime-trace-id", "")
    reply, error = call(handler, body, context)
    path = f"/invocation/{context.aws_request_id}/"
    if error is not None:
        log_error(error)
    sys.stdout.flush()
    sys.stderr.flush()
    if error is None:
        status, _, answer = connection.exchange("POST", path + "response", reply)
    else:
        status, _, answer = post_error(connection, path + "error", error)
    if status // 100 != 2:  # too large or too late: the server has told the caller
        text = answer[:500].decode("utf-8", "replace")
        sys.stderr.write(f"bootstrap: the runtime answered {status} to the result: {text}\n")


def main():
    connection = Connection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    sys.path[0] = TASK_ROOT
    sys.meta_path.insert(0, EndpointFinder)
    os.chdir(TASK_ROOT)
    log_handler = install_logging()
    try:
        handler, error = load_handler(os.environ["_HANDLER"])
        if error is not None:
            log_error(error)
            post_error(connection, "/init/error", error)
            return 1
        while True:
            serve(connection, handler, log_handler)
    except RuntimeGone as problem:
        sys.stderr.write(f"bootstrap: lost the runtime at '{connection.address}': {problem}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
