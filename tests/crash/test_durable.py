"""The disk has a change before its acknowledgement leaves, and writers share the syncs."""

import json
import re
import shutil
import signal
import socket
import subprocess

import pytest
from support import wait_until
from support.chain import status_of

from .conftest import Wire

CALLS = "read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,fsync,fdatasync"
WRITERS = 64
WRITES_EACH = 20


def make_table(server):
    server.client("dynamodb").create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def put(key, number):
    return {"TableName": "orders", "Item": {"id": {"S": key}, "n": {"N": str(number)}}}


class Trace:
    """strace of a running server."""

    def __init__(self, pid, path):
        self.path = path
        command = ["strace", "-f", "-s", "300", "-e", f"trace={CALLS}", "-o", path, "-p", str(pid)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        said = []

        def attached():
            if self.process.poll() is not None:
                pytest.skip(f"strace cannot attach here: {self.process.stderr.read()[-200:]}")
            said.append(self.process.stderr.readline())
            return "attached" in said[-1]

        wait_until(attached)

    def lines(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)
        self.process.stderr.close()
        return self.path.read_text(errors="replace").splitlines()


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_the_sync_lies_between_the_request_and_its_acknowledgement(own_server, tmp_path):
    make_table(own_server)
    wire = Wire(own_server.port)
    assert wire.call("PutItem", put("warm", 0))[0] == 200
    trace = Trace(own_server.pid, tmp_path / "trace")
    for number in range(5):
        assert wire.call("PutItem", put(f"traced-{number}", number))[0] == 200
    lines = trace.lines()
    for number in range(5):
        request = next(i for i, line in enumerate(lines) if f"traced-{number}" in line)
        answer = next(
            i for i, line in enumerate(lines) if i > request and "HTTP/1.1 200" in line
        )
        synced = [
            line
            for line in lines[request:answer]
            if re.search(r"f(data)?sync.*(\) += 0|resumed>\) += 0)", line)
        ]
        assert synced, "\n".join(lines[request : answer + 1])


def request_bytes(port, key, number):
    body = json.dumps(put(key, number)).encode()
    head = (
        f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/x-amz-json-1.0\r\n"
        f"X-Amz-Target: DynamoDB_20120810.PutItem\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def read_answers(connection, count):
    """Reads so many empty successes."""
    text = b""
    while text.count(b"\r\n\r\n{}") < count:
        more = connection.recv(65536)
        assert more, text
        text += more
    assert text.count(b"HTTP/1.1 200") == count, text


def test_writers_at_the_same_time_share_syncs(own_server):
    make_table(own_server)
    connections = [
        socket.create_connection(("127.0.0.1", own_server.port), timeout=90) for _ in range(WRITERS)
    ]
    before = status_of(own_server)["journal"]
    for number in range(WRITES_EACH):
        requests = [
            request_bytes(own_server.port, f"w{writer}-{number}", number)
            for writer in range(WRITERS)
        ]
        # All but the last byte first: then the requests become whole at nearly the same time.
        for connection, request in zip(connections, requests):
            connection.sendall(request[:-1])
        for connection, request in zip(connections, requests):
            connection.send(request[-1:])
        for connection in connections:
            read_answers(connection, 1)
    after = status_of(own_server)["journal"]
    for connection in connections:
        connection.close()
    entries = int(after["entries"]) - int(before["entries"])
    syncs = int(after["syncs"]) - int(before["syncs"])
    print(f"{entries} entries, {syncs} syncs")
    assert entries == WRITERS * WRITES_EACH
    assert 0 < syncs < entries / 3
