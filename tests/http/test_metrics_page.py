"""The page that Prometheus scrapes: judged by promtool, scraped by Prometheus itself."""

import base64
import json
import re
import subprocess
import urllib.parse
import urllib.request

import pytest
from support import wait_until
from support.chain import (
    make_delivery,
    make_function,
    make_pipe,
    make_stream,
    make_table,
    put_number,
    wait_for_landing,
)
from support.server import ROOT

TOOLS = ROOT / "third_party" / "prometheus"
needs_prometheus = pytest.mark.skipif(
    not (TOOLS / "promtool").exists(), reason="scripts/deps has found no prometheus"
)
SAMPLE = re.compile(r'^([a-z0-9_:]+)(?:\{(.*)\})? (\S+)$')
PASS = """
def handler(event, context):
    return {"records": [{"recordId": r["recordId"], "result": "Ok", "data": r["data"]}
                        for r in event["records"]]}
"""


def page(server, path="/metrics"):
    status, headers, body = server.request("GET", path)
    assert status == 200, body
    kind = {name.lower(): value for name, value in dict(headers).items()}["content-type"]
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    return body.decode()


def samples(server):
    """(name, labels) -> number."""
    found = {}
    for line in page(server).splitlines():
        if line.startswith("#"):
            continue
        name, labels, number = SAMPLE.match(line).groups()
        key = (name, labels or "")
        assert key not in found, line
        found[key] = float(number)
    return found


def make_chain(server):
    source = make_table(server, "orders")
    stream = make_stream(server, "changes")
    server.client("s3").create_bucket(Bucket="lake")
    function = make_function(server, "pass", PASS)
    make_delivery(server, "landing", "lake", stream, function)
    make_pipe(server, "copy", source, stream)


@needs_prometheus
def test_promtool_finds_nothing_to_say(own_server):
    make_chain(own_server)
    own_server.client("s3").put_object(Bucket="lake", Key='a"b\\c', Body=b"x")
    put_number(own_server.client("dynamodb"), "orders", 1)
    wait_for_landing(own_server)
    done = subprocess.run(
        [TOOLS / "promtool", "check", "metrics"],
        input=page(own_server), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_what_went_through_the_chain_is_counted(own_server):
    make_chain(own_server)
    db = own_server.client("dynamodb")
    for n in range(7):
        put_number(db, "orders", n, key=f"o{n}")
    with pytest.raises(db.exceptions.ResourceNotFoundException):
        db.get_item(TableName="none", Key={"id": {"S": "x"}})
    wait_for_landing(own_server)
    found = samples(own_server)
    put = 'service="dynamodb",operation="PutItem"'
    get = 'service="dynamodb",operation="GetItem"'
    assert found["millrace_http_requests_total", put + ',code="200"'] == 7
    assert found["millrace_http_requests_total", get + ',code="400"'] == 1
    assert found["millrace_http_request_duration_seconds_count", put] == 7
    # A reply waits for the disk, and that is in it.
    assert 0 < found["millrace_http_request_duration_seconds_sum", put] < 7 * 60
    assert found["millrace_table_inserts_total", 'table="orders"'] == 7
    assert found["millrace_pipe_records_total", 'pipe="copy"'] == 7
    assert found["millrace_stream_records_total", 'stream="changes"'] == 7
    assert found["millrace_delivery_landed_records_total", 'delivery="landing"'] == 7
    assert found["millrace_function_invocations_total", 'function="pass"'] >= 1
    hop = 'kind="delivery",name="landing",source="stream/changes",target="bucket/lake"'
    for name in ("records", "bytes", "seconds"):
        assert found[f"millrace_hop_behind_{name}", hop] == 0
    assert found["millrace_hop_blocked", hop] == 0
    assert found["millrace_watermark_behind_seconds", ""] < 60
    syncs = found["millrace_journal_fsync_duration_seconds_count", ""]
    buckets = "millrace_journal_fsync_duration_seconds_bucket"
    assert syncs > 0 and found[buckets, 'le="+Inf"'] == syncs
    durable = found["millrace_journal_durable_position", ""]
    assert found["millrace_journal_tail_position", ""] >= durable
    assert found["millrace_journal_kept_bytes", ""] > 1000
    assert found["process_resident_memory_bytes", ""] > 1e6
    assert 5 < found["process_open_fds", ""] < found["process_max_fds", ""]
    assert page(own_server, "/_millrace/metrics").startswith("# HELP process_cpu_seconds_total")


def test_a_bucket_of_that_name_is_still_listed_by_who_signs(server):
    s3 = server.client("s3")
    s3.create_bucket(Bucket="metrics")
    s3.put_object(Bucket="metrics", Key="k", Body=b"x")
    assert [item["Key"] for item in s3.list_objects(Bucket="metrics")["Contents"]] == ["k"]
    assert [item["Key"] for item in s3.list_objects_v2(Bucket="metrics")["Contents"]] == ["k"]
    url = s3.generate_presigned_url("list_objects", Params={"Bucket": "metrics"})
    with urllib.request.urlopen(url) as reply:
        assert b"<Key>k</Key>" in reply.read()
    assert page(server).startswith("# HELP")
    s3.delete_object(Bucket="metrics", Key="k")
    s3.delete_bucket(Bucket="metrics")


def basic(name, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def test_with_credentials_it_wants_a_name_and_a_password(make_server, tmp_path):
    path = tmp_path / "credentials"
    path.write_text(
        "[a]\naws_access_key_id = test\naws_secret_access_key = test\n"
        "[scrape]\naws_access_key_id = prometheus\naws_secret_access_key = s:e:c\n"
    )
    server = make_server("--credentials", str(path))
    for path in ("/metrics", "/_millrace/metrics"):
        assert server.request("GET", path, headers=basic("prometheus", "s:e:c"))[0] == 200
        for headers in ({}, basic("prometheus", "s:e"), basic("none", "s:e:c"), basic("", ""),
                        {"Authorization": "Basic !"}, {"Authorization": "Basic "}):  # fmt: skip
            status, _, body = server.request("GET", path, headers=headers)
            assert status in (401, 403) and b"millrace_" not in body
    status, headers, _ = server.request("GET", "/metrics")
    assert status == 401
    assert "basic" in {k.lower(): v for k, v in dict(headers).items()}["www-authenticate"].lower()
    # Only there: elsewhere a signature is wanted.
    assert server.request("GET", "/_millrace/status", headers=basic("test", "test"))[0] == 403


@needs_prometheus
def test_prometheus_scrapes_it(own_server, tmp_path):
    make_chain(own_server)
    for n in range(3):
        put_number(own_server.client("dynamodb"), "orders", n)
    wait_for_landing(own_server)
    host = urllib.parse.urlparse(own_server.url).netloc
    settings = tmp_path / "prometheus.yml"
    settings.write_text(
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
        f"scrape_configs: [{{job_name: millrace, static_configs: [{{targets: ['{host}']}}]}}]\n"
    )
    with open(tmp_path / "log", "w") as log:
        running = subprocess.Popen(
            [TOOLS / "prometheus", f"--config.file={settings}", "--web.listen-address=127.0.0.1:0",
             f"--storage.tsdb.path={tmp_path / 'tsdb'}"],
            stdout=log, stderr=log,
        )  # fmt: skip

    def series():
        # it takes a free port and tells it
        told = re.search(r"address=\"?(127\.0\.0\.1:[1-9]\d*)", (tmp_path / "log").read_text())
        ask = urllib.parse.urlencode({"query": 'millrace_pipe_records_total{pipe="copy"}'})
        if told is None:
            return None
        try:
            url = f"http://{told.group(1)}/api/v1/query?{ask}"
            with urllib.request.urlopen(url, timeout=5) as reply:
                return json.load(reply)["data"]["result"]
        except OSError:
            return None

    try:
        (found,) = wait_until(
            series, interval=0.2, message=(tmp_path / "log").read_text
        )
        assert found["value"][1] == "3" and found["metric"]["job"] == "millrace"
    finally:
        running.terminate()
        running.wait(timeout=90)
