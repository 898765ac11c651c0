"""What the comparing benchmarks share: servers on their own ports, the load generator, rivals."""
import http.client
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM = os.environ.get("MILLRACE_BIN", os.path.join(ROOT, "build", "millrace"))
LOAD = os.path.join(ROOT, "build", "bench", "load")
CEILING = os.path.join(ROOT, "build", "bench", "bench_http")
RIVALS = os.path.join(ROOT, "build", "bench", "rivals")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def request(port, target, body, version="1.0"):
    """One request of an awsJson service, as any client sends it; the reply's bytes."""
    service = "kinesis" if target.startswith("Kinesis") else "dynamodb"
    headers = {"content-type": "application/x-amz-json-" + version, "x-amz-target": target,
               "x-amz-date": "20260101T000000Z",
               "authorization": "AWS4-HMAC-SHA256 "
                                f"Credential=test/20260101/us-east-1/{service}/aws4_request, "
                                "SignedHeaders=host, Signature=0"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/", body, headers)
    reply = connection.getresponse()
    text = reply.read()
    if reply.status != 200:
        raise RuntimeError(f"{target}: {reply.status} {text[:200]}")
    return text


class Server:
    """A process on a port of its own. `command` may name {port} and {folder}."""

    def __init__(self, name, command, wait_s=30):
        self.name, self.folder = name, tempfile.mkdtemp(prefix="millrace-bench-")
        self.port = free_port()
        self.command = [part.format(port=self.port, folder=self.folder) for part in command]
        self.start(wait_s)

    def start(self, wait_s=30):
        with open(self.folder + "/log", "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, cwd=self.folder)
        deadline = time.monotonic() + wait_s
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise RuntimeError(f"{self.name} does not start: {self.folder}/log") from None
                time.sleep(0.005)

    def load(self, kind, table, connections, seconds, keys=0, requests=0):
        """One run of the load generator; keys 0: its default."""
        command = [LOAD, "127.0.0.1", str(self.port), kind, table]
        command += [str(connections), str(seconds)]
        if keys > 0:
            command.append(str(keys))
        if requests > 0:
            command.append(str(requests))
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        words = done.stdout.split()
        if done.returncode != 0:
            print(f"    {self.name}: {done.stdout.strip()}")
        return {"requests": float(words[0]), "items": float(words[2]),
                "p50_us": int(words[5]), "p99_us": int(words[8])}

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as text:
            fields = text.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def settle(self, wait_s=120):
        """Waits until it is through with its background work: under 2 % of a core for a second."""
        deadline, before = time.monotonic() + wait_s, self.cpu_s()
        while time.monotonic() < deadline:
            time.sleep(1)
            now = self.cpu_s()
            if now - before < 0.02:
                return
            before = now

    def memory_mb(self):
        """Private memory; mapped files (the journal) are the kernel's to take back."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def close(self):
        self.stop()
        shutil.rmtree(self.folder)


def fetch_rivals():
    lock = os.path.join(RIVALS, "package-lock.json")
    source = os.path.join(ROOT, "bench", "rivals")
    if os.path.exists(lock) and open(lock).read() == open(source + "/package-lock.json").read():
        return True
    if shutil.which("npm") is None:
        return False
    shutil.rmtree(RIVALS, ignore_errors=True)
    shutil.copytree(source, RIVALS)
    print("fetching the rivals from npm", flush=True)
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=RIVALS,
        stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        shutil.rmtree(RIVALS, ignore_errors=True)
    return done.returncode == 0


def millrace(*options):
    return Server("millrace, durable", [PROGRAM, "serve", "--listen", "127.0.0.1:{port}",
                                        "--data", "{folder}/data", *options])


def bare_reply(size):
    """The ceiling: our HTTP layer with nothing behind it."""
    return Server("bare reply, %d bytes" % size, [CEILING, "2", "{port}", "0", "0", str(size)])
