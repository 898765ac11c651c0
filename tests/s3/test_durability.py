"""What is acknowledged stays; what is not leaves no trace."""

import http.client
import os
import socket
import threading

from s3.conftest import LARGE, bodies, keys, md5
from support import wait_until


def test_a_restart_keeps_everything(own_server):
    s3 = own_server.client("s3")
    s3.create_bucket(Bucket="lake")
    stored = {f"k/{i}": os.urandom(i * 700) for i in range(60)}
    for key, body in stored.items():
        s3.put_object(Bucket="lake", Key=key, Body=body, Metadata={"n": key})
    s3.delete_object(Bucket="lake", Key="k/7")
    del stored["k/7"]
    for end in (own_server.stop, own_server.kill9):
        end()
        own_server.start()
        assert set(keys(s3, "lake")) == set(stored)
        for key, body in stored.items():
            got = s3.get_object(Bucket="lake", Key=key)
            assert (got["Body"].read(), got["Metadata"]) == (body, {"n": key})
    large = [key for key, body in stored.items() if len(body) > 16 * 1024]
    assert len(bodies(own_server)) == len(large)


def half_a_put(server, key, size):
    """Sends a header and half of its body; the connection stays open."""
    connection = socket.create_connection(("127.0.0.1", server.port))
    head = f"PUT /lake/{key} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n"
    connection.sendall(head.encode() + b"x" * (size // 2))
    return connection


def test_a_put_that_breaks_off_stores_nothing(own_server):
    s3 = own_server.client("s3")
    s3.create_bucket(Bucket="lake")
    kept = b"k" * LARGE
    s3.put_object(Bucket="lake", Key="old", Body=kept)
    connection = half_a_put(own_server, "old", 1_000_000)
    wait_until(lambda: len(bodies(own_server)) == 2)
    connection.close()
    wait_until(lambda: len(bodies(own_server)) == 1)
    assert s3.get_object(Bucket="lake", Key="old")["Body"].read() == kept


def test_a_kill_during_uploads_leaves_no_trace(own_server):
    s3 = own_server.client("s3")
    s3.create_bucket(Bucket="lake")
    acknowledged = {}
    for round_ in range(3):
        started = threading.Event()

        def writer(name, url=own_server.port, round_=round_, started=started):
            connection = http.client.HTTPConnection("127.0.0.1", url, timeout=90)
            for i in range(10_000):
                key, body = f"{round_}/{name}/{i}", os.urandom(LARGE + i if i % 2 else i)
                try:
                    connection.request("PUT", f"/lake/{key}", body=body)
                    if connection.getresponse().read() == b"":
                        acknowledged[key] = md5(body)
                except (OSError, http.client.HTTPException):
                    return
                if i == 5:
                    started.set()

        halves = [half_a_put(own_server, f"half{i}", 500_000) for i in range(4)]
        threads = [threading.Thread(target=writer, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        assert started.wait(30)
        own_server.kill9()
        for thread in threads:
            thread.join()
        for half in halves:
            half.close()
        own_server.start()
        found, large = {}, 0
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket="lake"):
            found.update({row["Key"]: row["ETag"].strip('"') for row in page.get("Contents", [])})
            large += sum(row["Size"] >= LARGE for row in page.get("Contents", []))
        assert {key: found.get(key) for key in acknowledged} == acknowledged
        assert not [key for key in found if key.startswith("half")]
        for key, etag in found.items():
            assert md5(s3.get_object(Bucket="lake", Key=key)["Body"].read()) == etag
        wait_until(lambda large=large: len(bodies(own_server)) == large)
