"""A disk that fails or is full: the server stops acknowledging, says so and ends; nothing that it
acknowledged is missing after the next start, and nothing lands twice."""

import fcntl
import http.client
import json
import os
import shutil
import subprocess
import threading

import pytest
from botocore.exceptions import BotoCoreError
from support import wait_until
from support.chain import make_delivery, make_pipe, make_stream, make_table

from .conftest import NEVER_SENT, UNKNOWN, Wire

SAYS = "the data folder cannot be written: the server ends"
SMALL = ["--segment-bytes", 65536, "--memtable-bytes", 65536]
# A commit cannot go on without them; of the others a failure only costs time.
FATAL = [
    "journal.write", "journal.sync", "journal.roll.header", "journal.roll.sync",
    "journal.roll.rename", "journal.folder-sync", "view.run.create", "view.run.write",
    "view.run.sync", "view.list.write", "view.list.rename", "view.folder-sync",
]  # fmt: skip
HARMLESS = ["journal.index.write", "journal.index.rename", "journal.shorten"]


def put(wire, number, size=400):
    item = {"id": {"S": f"i{number}"}, "n": {"N": str(number)}, "text": {"S": "x" * size}}
    return wire.call("PutItem", {"TableName": "orders", "Item": item})


def put_until(server, done, first=0, most=20000, size=400):
    """Puts items until `done` says so; the numbers that were acknowledged."""
    wire, acknowledged = Wire(server.port), []
    for number in range(first, first + most):
        answer = put(wire, number, size)
        if answer is not UNKNOWN and answer[0] == 200:
            acknowledged.append(number)
        if done(answer):
            wire.close()
            return acknowledged
    raise AssertionError("nothing happened")


def set_up(server):
    changes = make_stream(server, "changes")
    make_pipe(server, "copy", make_table(server, "orders"), changes)
    server.client("s3").create_bucket(Bucket="lake")
    make_delivery(server, "lake", "lake", changes, seconds=0, Prefix="rows/")


def landed(server):
    rows, decoder = [], json.JSONDecoder()
    for body in _bodies(server):
        text, at = body.decode(), 0
        while at < len(text):
            change, at = decoder.raw_decode(text, at)
            rows.append(int(change["dynamodb"]["NewImage"]["n"]["N"]))
    return rows


def _bodies(server):
    s3 = server.client("s3")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket="lake", Prefix="rows/"):
        for item in page.get("Contents", []):
            yield s3.get_object(Bucket="lake", Key=item["Key"])["Body"].read()


def check_all_landed(server, acknowledged, unknown_most=1):
    rows = wait_until(lambda: set(acknowledged) <= set(found := landed(server)) and found)
    assert len(rows) == len(set(rows))
    assert len(set(rows) - set(acknowledged)) <= unknown_most


def ended(server):
    wait_until(lambda: not server.running)
    assert server.process.wait() == 1
    assert SAYS in server.log()


@pytest.mark.parametrize("point", FATAL)
def test_what_commits_need_ends_the_server_when_it_fails(make_server, point):
    server = make_server(*SMALL)
    set_up(server)
    action = "eio" if "sync" in point else "enospc"
    acknowledged = put_until(server, lambda _: True)
    server.arm(f"{point}:2:{action}")
    acknowledged += put_until(
        server, lambda answer: answer is UNKNOWN or answer[0] != 200 or not server.running, first=1
    )
    ended(server)
    server.start()
    check_all_landed(server, acknowledged)
    acknowledged += put_until(server, lambda _: True, first=30000)
    check_all_landed(server, acknowledged)


def test_a_sync_that_failed_is_never_followed_by_an_acknowledgement(make_server):
    server = make_server()
    set_up(server)
    server.arm("journal.sync:1:eio")
    assert put(Wire(server.port), 1) in (UNKNOWN, NEVER_SENT)
    ended(server)


@pytest.mark.parametrize("point", HARMLESS)
def test_what_only_spares_time_may_fail(make_server, point):
    server = make_server(*SMALL)
    set_up(server)
    server.arm(f"{point}:1+:eio")
    wire = Wire(server.port)
    acknowledged = [n for n in range(250) if put(wire, n)[0] == 200]
    assert len(acknowledged) == 250
    wait_until(lambda: f"struck {point}" in server.log())
    server.kill9()
    server.start()
    check_all_landed(server, acknowledged, 0)


def test_a_write_that_comes_in_parts_is_finished(make_server):
    server = make_server()
    set_up(server)
    server.arm("journal.write:1+:short")
    wire = Wire(server.port)
    assert all(put(wire, n)[0] == 200 for n in range(50))
    server.kill9()
    server.start()
    check_all_landed(server, list(range(50)), 0)


@pytest.mark.parametrize("number", [1, 2, 3, 5])
def test_a_write_that_was_torn_is_cut_off(make_server, number):
    server = make_server()
    set_up(server)
    server.arm(f"journal.write:{number}:tear")
    acknowledged = put_until(server, lambda answer: answer in (UNKNOWN, NEVER_SENT))
    wait_until(lambda: not server.running)
    server.start()
    acknowledged += put_until(server, lambda _: True, first=50000)
    check_all_landed(server, acknowledged)


@pytest.mark.parametrize("point", ["s3.body.create", "s3.body.write", "s3.body.sync",
                                   "s3.body.folder-sync"])  # fmt: skip
def test_a_body_that_cannot_be_written_is_an_error_and_leaves_nothing(make_server, point):
    server = make_server()
    s3 = server.client("s3")
    s3.create_bucket(Bucket="lake")
    s3.put_object(Bucket="lake", Key="k", Body=b"a" * 40000)
    server.arm(f"{point}:1:enospc")
    assert put_plainly(server, "/lake/k", b"b" * 40000) == 500
    assert s3.get_object(Bucket="lake", Key="k")["Body"].read() == b"a" * 40000
    s3.put_object(Bucket="lake", Key="k", Body=b"c" * 40000)
    assert s3.get_object(Bucket="lake", Key="k")["Body"].read() == b"c" * 40000
    wait_until(lambda: len(bodies_on_disk(server)) == 1)


def put_plainly(server, path, body):
    """The status of a PUT past the checks of conformance, which take no 500."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=90)
    connection.request("PUT", path, body)
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_landing_whose_body_cannot_be_written_is_tried_again(make_server):
    server = make_server()
    set_up(server)
    server.arm("s3.body.write:1:enospc", "s3.body.sync:1:eio")
    wire = Wire(server.port)
    numbers = [n for n in range(40) if put(wire, n, 20000)[0] == 200]
    check_all_landed(server, numbers, 0)
    assert "struck s3.body.write" in server.log()


def bodies_on_disk(server):
    return [p for p in (server.data / "objects").glob("*/*") if p.is_file()]


@pytest.mark.parametrize("point", ["s3.body.create", "s3.body.write", "s3.body.durable",
                                   "s3.commit"])  # fmt: skip
def test_a_kill_during_a_put_leaves_no_trace(make_server, point):
    server = make_server()
    s3 = server.client("s3")
    s3.create_bucket(Bucket="lake")
    s3.put_object(Bucket="lake", Key="old", Body=b"o" * 40000)
    server.arm(f"{point}:1:kill")
    with pytest.raises(BotoCoreError):
        s3.put_object(Bucket="lake", Key="new", Body=b"n" * 40000)
    wait_until(lambda: not server.running)
    server.start()
    s3 = server.client("s3")
    assert [item["Key"] for item in s3.list_objects_v2(Bucket="lake")["Contents"]] == ["old"]
    assert s3.get_object(Bucket="lake", Key="old")["Body"].read() == b"o" * 40000
    wait_until(lambda: len(bodies_on_disk(server)) == 1)


def test_a_lock_that_a_dying_child_still_holds_is_waited_for(make_server):
    server = make_server()
    server.kill9()
    with open(server.data / "LOCK") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        starting = threading.Thread(target=server.start)
        starting.start()
        starting.join(0.3)
    starting.join()
    assert server.running


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 24 MB, where root may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "none", folder]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_ends_the_server_and_room_lets_it_go_on(small_disk, make_server):
    server = make_server("--segment-bytes", 1 << 20, "--memtable-bytes", 1 << 20, start=False)
    server.data = small_disk / "data"
    server.start()
    set_up(server)
    acknowledged = put_until(server, lambda _: True)
    ballast = small_disk / "ballast"
    free = shutil.disk_usage(small_disk).free
    ballast.write_bytes(b"\0" * max(0, free - (3 << 20)))
    refused = lambda answer: answer is UNKNOWN or answer[0] != 200  # noqa: E731
    acknowledged += put_until(server, refused, first=1, size=4000)
    ended(server)
    with pytest.raises(AssertionError):  # or it has just enough, and ends a little later
        server.start()
        put_until(server, refused, first=25000, size=4000)
        wait_until(lambda: not server.running)
        raise AssertionError
    wait_until(lambda: not server.running)
    ballast.unlink()
    server.start()
    wait_until(lambda: set(acknowledged) <= set(landed(server)))
    rows = landed(server)
    assert len(rows) == len(set(rows))
    put_until(server, lambda _: True, first=50000)
    wait_until(lambda: 50000 in landed(server))
