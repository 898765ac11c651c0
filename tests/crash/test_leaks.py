"""Nothing is left behind by faults: after rounds of crashing functions, clients that go away,
failing deliveries and streams that come and go, the server holds as many descriptors, processes,
threads and as much memory as before them."""

import json
import os
import pathlib
import re
import socket
import threading

from support import wait_until
from support.chain import (
    make_delivery,
    make_function,
    make_pipe,
    make_stream,
    make_table,
    objects_of,
    put_number,
    quiet,
)
from support.server import private_kb

WARM_ROUNDS, ROUNDS = 2, 5
GROWTH_KB_MAX = 6 << 10  # what five rounds may leave in caches and in malloc's free lists
LARGE = 4 << 20
CRASHES = """
import os, signal, subprocess, sys, time
def handler(event, context):
    how = event.get("how") if isinstance(event, dict) else None
    if how == "exit":
        os._exit(3)
    if how == "segv":
        os.kill(os.getpid(), signal.SIGSEGV)
    if how == "hang":
        time.sleep(30)
    if how == "child":  # that keeps what it inherited, beyond the crash
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"])
        os._exit(0)
    return {"records": []}
"""


# ---- what a server holds ----


def children(pid):
    """Processes below it, however deep."""
    parents = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text()
        except OSError:
            continue
        state, parent = stat.rpartition(")")[2].split()[:2]
        parents.setdefault(int(parent), []).append(int(folder.name))
    found, ahead = [], [pid]
    while ahead:
        ahead = [child for parent in ahead for child in parents.get(parent, [])]
        found += ahead
    return found


def descriptors(pid):
    """What each of them is; but for the folders of object bodies: 256 at most, and kept open."""
    found = []
    for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(os.readlink(link))
        except FileNotFoundError:
            continue
    return [name for name in found if not re.search(r"/objects/[0-9a-f]{2}$", name)]


def held(server):
    pid = server.pid
    return {
        "descriptors": len(descriptors(pid)),
        "threads": len(os.listdir(f"/proc/{pid}/task")),
        "processes": len(children(pid)),
        "memory": private_kb(pid),
    }


# ---- faults ----


def functions_crash(server, name):
    functions = server.client("lambda")
    make_function(server, name, CRASHES, timeout=1)
    for how in ("exit", "segv", "child", "hang", "well"):
        reply = functions.invoke(FunctionName=name, Payload=json.dumps({"how": how}))
        assert ("FunctionError" in reply) == (how != "well"), (how, reply)
    functions.delete_function(FunctionName=name)


def clients_go_away(server):
    """In the middle of a head, of a body, of a reply, and before any of it."""
    head = b"PUT /lake/gone HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"
    sent = [b"", b"GE", head, head + b"\r\n", head + b"\r\n" + b"x" * 50000,
            b"GET /lake/large HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00\xff" * 100]  # fmt: skip
    for number, data in enumerate(sent * 3):
        with socket.create_connection(("127.0.0.1", server.port), timeout=90) as client:
            client.sendall(data)
            if data.startswith(b"GET"):
                assert client.recv(1000)
            if number % 2:  # a reset instead of an end
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def deliveries_fail(server, name):
    """S3 fails meanwhile, the pipe is stopped and started, and everything is taken down again."""
    db, pipes = server.client("dynamodb"), server.client("pipes")
    fault = {"kind": "error", "service": "s3", "operation": "PutObject", "resource": "lake",
             "rate": 1, "count": 4,
             "code": "InternalError", "status": 500}  # fmt: skip
    assert server.request("POST", "/_millrace/faults", json.dumps(fault))[0] == 200
    source, changes = make_table(server, name), make_stream(server, name, 2)
    make_delivery(server, name, "lake", changes, seconds=0, Prefix=f"{name}/")
    make_pipe(server, name, source, changes)
    for number in range(20):
        put_number(db, name, number, key=f"k{number}")
    pipes.stop_pipe(Name=name)
    wait_until(lambda: pipes.describe_pipe(Name=name)["CurrentState"] == "STOPPED")
    pipes.start_pipe(Name=name)
    wait_until(lambda: b"".join(objects_of(server, "lake", f"{name}/").values()).count(
        b'"eventID"') == 20)  # fmt: skip
    server.request("DELETE", "/_millrace/faults")
    pipes.delete_pipe(Name=name)
    server.client("firehose").delete_delivery_stream(DeliveryStreamName=name)
    server.client("kinesis").delete_stream(StreamName=name)
    db.delete_table(TableName=name)


def uploads_end_nowhere(server):
    s3 = server.client("s3")
    upload = s3.create_multipart_upload(Bucket="side", Key="part")["UploadId"]
    s3.upload_part(Bucket="side", Key="part", UploadId=upload, PartNumber=1, Body=b"x" * 100000)
    s3.abort_multipart_upload(Bucket="side", Key="part", UploadId=upload)
    quiet(s3.put_object, Bucket="side", Key="wrong", Body=b"x" * 50000, ContentMD5="A" * 22 + "==")


def round_of_faults(server, number):
    acts = [
        (functions_crash, server, f"crash-{number}"), (deliveries_fail, server, f"fail-{number}"),
        (clients_go_away, server), (uploads_end_nowhere, server),
    ]  # fmt: skip
    failures = []

    def run(act, *arguments):
        try:
            act(*arguments)
        except Exception as failure:  # told by the test
            failures.append(failure)

    threads = [threading.Thread(target=run, args=act) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


def settled(server, before):
    """Whether it holds no more than `before`."""
    now = held(server)
    return (
        now["descriptors"] <= before["descriptors"] + 2
        and now["processes"] <= before["processes"]
        and now["threads"] <= before["threads"] + 4  # of the pool, which shrinks by and by
        and now["memory"] <= before["memory"] + GROWTH_KB_MAX
    )


def test_faults_leave_nothing_behind(make_server):
    server = make_server("--memtable-bytes", 1 << 20, "--segment-bytes", 4 << 20)
    s3 = server.client("s3")
    for bucket in ("lake", "side"):
        s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket="lake", Key="large", Body=b"x" * LARGE)
    fresh = held(server)
    for number in range(WARM_ROUNDS):
        round_of_faults(server, number)
    wait_until(lambda: held(server)["processes"] == fresh["processes"])
    before = held(server)
    for number in range(WARM_ROUNDS, WARM_ROUNDS + ROUNDS):
        round_of_faults(server, number)
    wait_until(
        lambda: settled(server, before), interval=0.2,
        message=lambda: f"before: {before}, now: {held(server)}, fresh: {fresh}, "
        f"descriptors: {descriptors(server.pid)}",
    )  # fmt: skip
    print(f"fresh: {fresh}, before: {before}, now: {held(server)}")
    server.stop()  # under AddressSanitizer also what only leaks when the process ends
