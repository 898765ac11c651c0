"""A Lambda Runtime API on loopback, as small as a test needs it, and the processes that use it.

    with RuntimeApi() as api:
        with api.start([program], env) as function:
            answer = api.invoke({"some": "event"})
            answer.kind, answer.body, answer.headers

One event is out at a time, as in Lambda. Every wait has a deadline.
"""
import collections
import http.server
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time

WAIT_SECONDS = 20

# kind: "response", "error", "init" or "exit" (then `status` is the exit status).
Answer = collections.namedtuple("Answer", "kind body headers status")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def do_GET(self):
        api = self.server.api
        assert self.path == "/2018-06-01/runtime/invocation/next", self.path
        event, request_id, headers, chunked = api.events.get()
        if event is None:
            self.close_connection = True
            return
        api.connections.add(self.client_address)
        self.send_response(200)
        self.send_header("lambda-runtime-aws-request-id", request_id)
        for name, value in headers.items():
            self.send_header(name, value)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for start in range(0, len(event), chunked):
                part = event[start : start + chunked]
                self.wfile.write(b"%x;note=1\r\n%s\r\n" % (len(part), part))
            self.wfile.write(b"0\r\nX-Trailer: 1\r\n\r\n")
        else:
            self.send_header("Content-Length", str(len(event)))
            self.end_headers()
            self.wfile.write(event)

    def do_POST(self):
        api = self.server.api
        body = self.rfile.read(int(self.headers["Content-Length"]))
        path = self.path.split("/runtime")[1]
        if path == "/init/error":
            kind = "init"
        else:
            assert path.startswith("/invocation/" + api.request_id + "/"), path
            kind = path.rsplit("/", 1)[1]
        status, text = 202, b'{"status":"OK"}'
        if kind == "response" and len(body) > api.response_bytes_max:
            status, text = 413, b'{"errorMessage":"too large","errorType":"RequestEntityTooLarge"}'
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        if api.close_after_answer:
            self.send_header("Connection", "close")
            self.close_connection = True
        # Before the reply: with it in hand the process may end, and its end must come second.
        api.answers.put(Answer(kind, body, dict(self.headers.items()), status))
        self.end_headers()
        self.wfile.write(text)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):  # a killed function breaks its connection
            super().handle_error(request, client_address)


class Function:
    """A process that serves events; its output is kept in a file."""

    def __init__(self, api, command, env, cwd):
        self.api = api
        self.out = tempfile.TemporaryFile()
        environment = {"PATH": os.environ["PATH"], "AWS_LAMBDA_RUNTIME_API": api.address}
        environment.update(env)
        self.process = subprocess.Popen(
            command,
            env=environment,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=self.out,
            stderr=subprocess.STDOUT,
        )
        self.watcher = threading.Thread(target=self.watch, daemon=True)
        self.watcher.start()

    def watch(self):
        status = self.process.wait()
        self.api.answers.put(Answer("exit", b"", {}, status))

    def output(self):
        self.out.seek(0)
        return self.out.read().decode("utf-8")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.watcher.join(WAIT_SECONDS)
        self.out.close()


class RuntimeApi:
    def __init__(self):
        self.events = queue.Queue()
        self.answers = queue.Queue()
        self.connections = set()
        self.response_bytes_max = 6291556
        self.close_after_answer = False
        self.count = 0
        self.request_id = ""
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.api = self
        self.address = "127.0.0.1:%d" % self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        for _ in range(8):
            self.events.put((None, "", {}, 0))
        self.server.shutdown()
        self.server.server_close()

    def start(self, command, env=None, cwd=None):
        return Function(self, command, env or {}, cwd)

    def next_answer(self):
        return self.answers.get(timeout=WAIT_SECONDS)

    def invoke(self, event, chunked=0, headers=None, deadline_ms=30000):
        """Sends one event (bytes, or anything that is JSON) and waits for what comes of it."""
        self.count += 1
        self.request_id = "8476a536-e9f4-11e8-9739-%012d" % self.count
        if not isinstance(event, bytes):
            event = json.dumps(event).encode()
        known = {
            "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn":
                "arn:aws:lambda:us-east-1:111111111111:function:F",
            "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
        }
        known.update(headers or {})
        self.events.put((event, self.request_id, known, chunked))
        return self.next_answer()
