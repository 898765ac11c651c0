"""A millrace process that a test owns: started on a free port, ended by its own pid."""

import contextlib
import http.client
import json
import math
import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading
import time

from .wait import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
AWS_CLI = "/usr/bin/aws"
REGION = "us-east-1"
KEY, SECRET = "test", "test"
START_DEADLINE_S = 90
STOP_DEADLINE_S = 90
NEAR_MS = 10_000
READY = re.compile(r"millrace: ready on (https?)://(.+):(\d+)\s*$")
# Called with (method, request headers, status, reply headers, reply body) of each plain exchange.
OBSERVERS = []
SANITIZER = re.compile(r"ERROR: \w*Sanitizer|WARNING: ThreadSanitizer|runtime error:")


def millrace_bin():
    """The program under test: MILLRACE_BIN, relative to the repository, or build/millrace."""
    return ROOT / os.environ.get("MILLRACE_BIN", "build/millrace")


def clean_environment():
    """The environment without anybody's AWS settings or proxies."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AWS_") and not name.lower().endswith("_proxy")
    }
    kept.update(
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        AWS_EC2_METADATA_DISABLED="true",
        AWS_ACCESS_KEY_ID=KEY,
        AWS_SECRET_ACCESS_KEY=SECRET,
        AWS_DEFAULT_REGION=REGION,
        AWS_PAGER="",
    )
    return kept


class Cli:
    """What a command printed and how it ended."""

    def __init__(self, done):
        self.code, self.stdout, self.stderr = done.returncode, done.stdout, done.stderr

    @property
    def json(self):
        return json.loads(self.stdout)

    def __repr__(self):
        return f"exit {self.code}\nstdout: {self.stdout}\nstderr: {self.stderr}"


def private_kb(pid):
    """Anonymous memory in use; 0 for a program that is watched by a sanitizer, which keeps all."""
    if "libasan" in pathlib.Path(f"/proc/{pid}/maps").read_text():
        return 0
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return next(int(row.split()[1]) for row in status.splitlines() if row.startswith("RssAnon"))


class Clock:
    """The clock of a server in testing mode; see src/main/clock.c. Leave it as it was: a test that
    moves it far takes `own_server`, one that holds it uses `with server.clock.held():`."""

    def __init__(self, server):
        self._server = server

    def _ask(self, method, **wish):
        status, _, body = self._server.request(
            method, "/_millrace/clock", body=json.dumps(wish) if wish else None
        )
        assert status == 200, (status, body)
        return json.loads(body)

    @property
    def state(self):
        return self._ask("GET")

    @property
    def now_ms(self):
        return self.state["now_ms"]

    def hold(self):
        """It stands; returns the time it stands at, in epoch milliseconds."""
        return self._ask("POST", hold=True)["now_ms"]

    def release(self):
        """It runs on from where it stands."""
        return self._ask("POST", release=True)["now_ms"]

    def advance(self, seconds=0, *, minutes=0, hours=0, ms=0):
        """Moves it forward. Everything whose time has come by then is awake on return."""
        all_ms = round((seconds + 60 * minutes + 3600 * hours) * 1000) + ms
        return self._ask("POST", advance_ms=all_ms)["now_ms"]

    def set_ms(self, now_ms):
        return self._ask("POST", set_ms=now_ms)["now_ms"]

    @contextlib.contextmanager
    def held(self):
        """Holds it meanwhile; then it is not behind the real time, which others compare it with,
        nor before it, if it went some seconds ahead."""
        yield self.hold()
        stands_ms = self.now_ms
        if stands_ms - time.time() * 1000 < NEAR_MS:
            wait_until(lambda: time.time() * 1000 >= stands_ms)
        released_ms = self.release()  # first: what this takes counts as well
        behind_ms = math.ceil(time.time() * 1000 - released_ms)
        if behind_ms > 0:
            self.advance(ms=behind_ms)


class Server:
    """`millrace serve` on 127.0.0.1 with one data folder; its port is kept over restarts."""

    def __init__(self, data, *args, testing=True, env=None, wrapper=()):
        """`args` are further options of serve; `wrapper` is put before the command (strace)."""
        self.data = pathlib.Path(data)
        self.log_path = self.data.parent / (self.data.name + ".log")
        self.args = [*(["--testing"] if testing else []), *map(str, args)]
        self.env = {**clean_environment(), **(env or {})}
        self.wrapper = list(map(str, wrapper))
        self.port = 0
        self.process = None
        self._clients = {}
        self.clock = Clock(self)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self):
        return self.process.pid

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def log(self, since=0):
        """What the server wrote to stderr from byte `since` on."""
        if not self.log_path.exists():
            return ""
        with open(self.log_path, "rb") as file:
            file.seek(since)
            return file.read().decode("utf-8", "replace")

    def start(self):
        """Starts the process and returns once it says that it is ready."""
        assert not self.running, "the server runs already"
        command = [*self.wrapper, str(millrace_bin()), "serve", *self.args]
        command += ["--listen", f"127.0.0.1:{self.port}", "--data", str(self.data)]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=self.env
            )
        self.said_ready, told = False, threading.Event()
        threading.Thread(
            target=self._read_stdout, args=(self.process.stdout, told), daemon=True
        ).start()
        if not told.wait(START_DEADLINE_S) or not self.running_and_listening():
            code = self.process.poll()
            if code is None:
                self.process.kill()
                self.process.wait()
            raise AssertionError(
                f"{' '.join(command)}: not ready; exit status {code}\n{self.log()[-4000:]}"
            )
        return self

    def running_and_listening(self):
        return self.process.poll() is None and self.said_ready

    def _read_stdout(self, stdout, told):
        """`told` is set when the server is ready, or says no more because it has ended."""
        with stdout:
            for raw in stdout:
                found = READY.search(raw.decode("utf-8", "replace"))
                if found:
                    self.port = int(found.group(3))
                    self.said_ready = True
                    told.set()
        told.set()

    def stop(self):
        """Ends the process by SIGTERM; it must leave with status 0 and no sanitizer report."""
        assert self.running, f"the server is gone: {self.exit_text()}"
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(
                f"the server did not stop within {STOP_DEADLINE_S} s\n{self.log()[-4000:]}"
            ) from None
        assert code == 0, f"SIGTERM: {self.exit_text()}"
        self.check_log()

    def kill9(self):
        """Ends the process as a power cut would."""
        assert self.running, f"the server is gone: {self.exit_text()}"
        self.process.kill()
        self.process.wait()
        self.check_log()

    def restart(self):
        """Stops it (unless it was killed) and starts it on the same data and port."""
        if self.running:
            self.stop()
        return self.start()

    def close(self):
        """The end of a fixture: a server that still runs is stopped, one that fell over is told."""
        if self.process is None:
            return
        if self.running:
            self.stop()
        else:
            self.check_log()

    def exit_text(self):
        return f"exit status {self.process.poll()}\n{self.log()[-4000:]}"

    def check_log(self):
        log = self.log()
        found = SANITIZER.search(log)
        assert not found, f"a sanitizer spoke:\n{log[max(0, found.start() - 200):][:8000]}"

    def client(self, service, **options):
        """A boto3 client of this server. No retries: a test sees each answer."""
        return self._boto("client", service, options)

    def resource(self, service, **options):
        return self._boto("resource", service, options)

    def _boto(self, kind, service, options):
        key = (kind, service, self.port)
        if not options and key in self._clients:
            return self._clients[key]
        import boto3
        from botocore.config import Config

        config = Config(
            retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=90, proxies={}
        )
        extra = options.pop("config", None)
        settings = dict(
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            config=config.merge(extra) if extra else config,
        )
        plain = not options and extra is None
        made = getattr(boto3.session.Session(), kind)(service, **{**settings, **options})
        if plain:
            self._clients[key] = made
        return made

    def aws(self, *args, check=True, input=None, env=None):
        """Runs Debian's AWS CLI against this server."""
        command = [AWS_CLI, "--endpoint-url", self.url, *map(str, args)]
        done = subprocess.run(
            command,
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=True,
            timeout=120,
            env={**clean_environment(), **(env or {})},
        )
        result = Cli(done)
        assert not check or done.returncode == 0, f"{' '.join(command)}: {result!r}"
        return result

    def request(self, method, path, body=None, headers=None, timeout=60):
        """One plain HTTP exchange: (status, headers, body)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            reply = connection.getresponse()
            text = reply.read()
            for observe in OBSERVERS:
                observe(method, headers or {}, reply.status, reply.headers, text)
            return reply.status, reply.headers, text
        finally:
            connection.close()

    def arm(self, *specs):
        """Arms points; what happens by itself may strike one before this is answered."""
        body = json.dumps({"disarm": True, "arm": specs})
        try:
            status, _, text = self.request("POST", "/_millrace/points", body)
        except (OSError, http.client.HTTPException):
            self.process.wait(STOP_DEADLINE_S)
            return
        assert status == 200, text

    def reset(self):
        """Empties the server; only `--testing` has this."""
        status, _, body = self.request("POST", "/_millrace/reset")
        assert status == 200, (status, body)


def has_aws_cli():
    return shutil.which(AWS_CLI) is not None
