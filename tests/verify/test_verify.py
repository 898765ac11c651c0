"""`millrace verify`: a clean run is clean, and every kind of damage is told by name.

The damage is done to the files of a stopped server, behind its back.
"""

import json
import subprocess

import pytest
from support import wait_until
from support.chain import (
    make_delivery,
    make_function,
    make_pipe,
    make_stream,
    make_table,
    objects_of,
)
from support.server import millrace_bin

ITEMS, ROUNDS = 12, 4
PADDING = "x" * 900  # so that objects are files of their own

FLAT = """
import base64, json
def handler(event, context):
    rows = []
    for r in event["records"]:
        change = json.loads(base64.b64decode(r["data"]))["dynamodb"]
        if change["Keys"]["id"]["S"] == "unwanted":
            rows.append({"recordId": r["recordId"], "result": "Dropped", "data": r["data"]})
            continue
        row = {"id": change["Keys"]["id"]["S"], "pad": "y" * 900, KEPT}
        data = base64.b64encode((json.dumps(row) + chr(10)).encode()).decode()
        rows.append({"recordId": r["recordId"], "result": "Ok", "data": data})
    return {"records": rows}
"""
WITH_NUMBER = FLAT.replace("KEPT", '"seq": change["SequenceNumber"]')
WITHOUT_NUMBER = FLAT.replace("KEPT", '"n": change["NewImage"]["n"]["N"]')


def verify(*arguments):
    done = subprocess.run(
        [str(millrace_bin()), "verify", "--json", *arguments],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    report = json.loads(done.stdout) if done.stdout else {"error": done.stderr}
    return done.returncode, report


def kinds(report):
    return {finding["kind"] for finding in report["findings"]}


def of_kind(report, kind):
    return [finding for finding in report["findings"] if finding["kind"] == kind]


def write(server, items=ITEMS, rounds=ROUNDS):
    db = server.client("dynamodb")
    for n in range(rounds):
        for i in range(items):
            item = {"id": {"S": f"o{i}"}, "n": {"N": str(n)}, "text": {"S": PADDING}}
            db.put_item(TableName="orders", Item=item)


def build(server, function=None, **delivery):
    table = make_table(server, "orders")
    stream = make_stream(server, "changes", shards=2)
    server.client("s3").create_bucket(Bucket="lake")
    if function is not None:
        delivery["function"] = make_function(server, "flat", function)
    delivery.setdefault("seconds", 1)
    make_delivery(server, "landing", "lake", source=stream, **delivery)
    make_pipe(server, "carry", table, stream)


def landed(server, count):
    def stage():
        code, _, body = server.request("GET", "/_millrace/status")
        assert code == 200
        (it,) = json.loads(body)["deliveries"]
        return it["records_out"] + it["failed"] + it["dropped"] >= count

    wait_until(stage)


@pytest.fixture
def lake(own_server):
    """A plain chain with everything landed, stopped."""
    build(own_server)
    write(own_server)
    landed(own_server, ITEMS * ROUNDS)
    return own_server


def stage_of(report, kind):
    (it,) = [stage for stage in report["stages"] if kind in stage]
    return it


def body_files(server, least=16 << 10):
    return [path for path in (server.data / "objects").glob("*/*") if path.stat().st_size > least]


def split(body):
    """The JSON texts that a plain delivery joins with nothing in between."""
    decoder, text, at, parts = json.JSONDecoder(), body.decode(), 0, []
    while at < len(text):
        _, end = decoder.raw_decode(text, at)
        parts.append(text[at:end])
        at = end
    return parts


def of_one_item(parts):
    """Two indices of the same item."""
    seen = {}
    for i, part in enumerate(parts):
        key = json.loads(part)["dynamodb"]["Keys"]["id"]["S"]
        if key in seen:
            return seen[key], i
        seen[key] = i
    raise AssertionError("no item is there twice")


class TestClean:
    def test_a_running_server(self, lake):
        status, report = verify("--endpoint", lake.url)
        assert (status, report["findings"]) == (0, [])
        assert report["clean"] is True and report["remarks"] == []
        count = ITEMS * ROUNDS
        pipe, delivery = stage_of(report, "pipe"), stage_of(report, "delivery")
        assert (pipe["due"], pipe["carried"]) == (count, count)
        assert (delivery["due"], delivery["landed"], delivery["lines"]) == (count, count, count)
        assert delivery["objects"] == len(objects_of(lake, "lake"))

    def test_a_stopped_one_and_one_that_was_killed(self, lake):
        lake.stop()
        assert verify("--data", str(lake.data))[0] == 0
        lake.start()
        write(lake, rounds=1)
        lake.kill9()
        status, report = verify("--data", str(lake.data))
        assert (status, report["findings"]) == (0, [])
        lake.start()
        landed(lake, 1)

    def test_its_text(self, lake):
        done = subprocess.run([str(millrace_bin()), "verify", "--endpoint", lake.url],
                              capture_output=True, text=True, check=True)  # fmt: skip
        assert done.stdout.endswith("verify: clean\n")

    def test_while_changes_are_made(self, lake):
        for _ in range(5):
            write(lake, rounds=1)
            status, report = verify("--endpoint", lake.url)
            assert (status, report["findings"]) == (0, [])

    def test_a_function_that_keeps_the_sequence_number_and_drops_some(self, own_server):
        build(own_server, WITH_NUMBER, CompressionFormat="GZIP")
        write(own_server)
        own_server.client("dynamodb").put_item(
            TableName="orders", Item={"id": {"S": "unwanted"}, "n": {"N": "1"}}
        )
        landed(own_server, ITEMS * ROUNDS + 1)
        status, report = verify("--endpoint", own_server.url)
        assert (status, report["findings"]) == (0, [])
        stage = stage_of(report, "delivery")
        assert (stage["landed"], stage["dropped"]) == (ITEMS * ROUNDS, 1)

    def test_a_function_that_keeps_none_is_told_as_unproven(self, own_server):
        build(own_server, WITHOUT_NUMBER)
        write(own_server)
        landed(own_server, ITEMS * ROUNDS)
        status, report = verify("--endpoint", own_server.url)
        assert (status, report["findings"]) == (0, [])
        assert stage_of(report, "delivery")["unproven"] == ITEMS * ROUNDS
        assert "only their number was compared" in report["remarks"][0]

    def test_a_filter(self, own_server):
        table = make_table(own_server, "orders")
        stream = make_stream(own_server, "changes")
        only = {"dynamodb": {"NewImage": {"n": {"N": ["1", "2"]}}}}
        make_pipe(own_server, "carry", table, stream, filters=[only])
        write(own_server)
        wait_until(lambda: stage_of(verify("--endpoint", own_server.url)[1], "pipe")["due"]
                   == ITEMS * ROUNDS)  # fmt: skip
        status, report = verify("--endpoint", own_server.url)
        stage = stage_of(report, "pipe")
        assert (status, stage["carried"], stage["filtered"]) == (0, 24, 24)

    def test_deleted_objects_are_a_remark(self, lake):
        s3 = lake.client("s3")
        for key in objects_of(lake, "lake"):
            s3.delete_object(Bucket="lake", Key=key)
        status, report = verify("--endpoint", lake.url)
        assert status == 0
        assert "were deleted or replaced" in report["remarks"][1]

    def test_objects_whose_etags_are_no_md5(self, own_server):
        s3 = own_server.client("s3")
        s3.create_bucket(Bucket="lake")
        kms = {"Bucket": "lake", "Key": "k", "ServerSideEncryption": "aws:kms"}
        for key in ("small", "k"):
            s3.put_object(**{**kms, "Key": key}, Body=bytes(20 if key == "small" else 30000))
        upload = s3.create_multipart_upload(**kms)["UploadId"]
        s3.upload_part(Bucket="lake", Key="k", UploadId=upload, PartNumber=1, Body=bytes(30000))
        assert verify("--endpoint", own_server.url)[0] == 0
        for path in body_files(own_server):
            path.write_bytes(b"x" + path.read_bytes()[1:])
        status, report = verify("--endpoint", own_server.url)
        assert status == 1 and "checksum" in str(of_kind(report, "body"))

    def test_uploads_in_parts_and_versions(self, own_server):
        s3 = own_server.client("s3")
        s3.create_bucket(Bucket="lake")
        s3.put_bucket_versioning(Bucket="lake", VersioningConfiguration={"Status": "Enabled"})
        for n in range(2):
            s3.put_object(Bucket="lake", Key="k", Body=bytes(30000 + n))
        upload = s3.create_multipart_upload(Bucket="lake", Key="big", ChecksumAlgorithm="SHA256")
        parts = []
        for n, size in ((1, 5 << 20), (2, 100)):
            made = s3.upload_part(
                Bucket="lake", Key="big", UploadId=upload["UploadId"],
                PartNumber=n, Body=bytes(size), ChecksumAlgorithm="SHA256",
            )  # fmt: skip
            parts.append({"PartNumber": n, "ETag": made["ETag"],
                          "ChecksumSHA256": made["ChecksumSHA256"]})  # fmt: skip
        s3.complete_multipart_upload(Bucket="lake", Key="big", UploadId=upload["UploadId"],
                                     MultipartUpload={"Parts": parts})  # fmt: skip
        assert verify("--endpoint", own_server.url)[0] == 0
        for path in body_files(own_server):
            data = bytearray(path.read_bytes())
            data[5] ^= 1
            path.write_bytes(data)
        status, report = verify("--endpoint", own_server.url)
        assert status == 1
        told = sorted(finding["object"] for finding in of_kind(report, "body"))
        assert told == ["s3://lake/big", "s3://lake/k", "s3://lake/k (an older version)"]


class TestDamage:
    def damaged(self, lake, change):
        """Stops, rewrites one object's pieces, verifies."""
        lake.stop()
        path = body_files(lake)[0]
        before = split(path.read_bytes())
        after = change(list(before))
        path.write_bytes("".join(after).encode())
        status, report = verify("--data", str(lake.data))
        assert status == 1 and report["clean"] is False
        (body,) = of_kind(report, "body")
        assert body["object"].startswith("s3://lake/") and "objects/" in body["file"]
        return before, report

    def test_a_body_that_is_gone(self, lake):
        lake.stop()
        path = body_files(lake)[0]
        lost = split(path.read_bytes())
        path.unlink()
        status, report = verify("--data", str(lake.data))
        assert status == 1 and kinds(report) == {"body", "missing"}
        assert [f["what"] for f in of_kind(report, "body")] == ["the body is gone"]
        told = {f["sequence"]: f["item"] for f in of_kind(report, "missing")}
        changes = [json.loads(part)["dynamodb"] for part in lost]
        assert told == {change["SequenceNumber"]: change["Keys"] for change in changes}

    def test_a_flipped_byte(self, lake):
        def flip(parts):
            parts[3] = parts[3].replace("INSERT", "JNSERT").replace("MODIFY", "NODIFY")
            return parts

        _, report = self.damaged(lake, flip)
        assert kinds(report) == {"body"}  # the change can still be told by its number

    def test_a_line_twice(self, lake):
        before, report = self.damaged(lake, lambda parts: [*parts[:3], parts[2], *parts[3:]])
        (twice,) = of_kind(report, "doubled")
        change = json.loads(before[2])["dynamodb"]
        assert (twice["sequence"], twice["item"]) == (change["SequenceNumber"], change["Keys"])
        assert (twice["line"], twice["what"]) == (4, "it is in the object twice, first in line 3")
        assert twice["offset"] == sum(len(part.encode()) for part in before[:3])

    def test_a_line_that_is_gone(self, lake):
        before, report = self.damaged(lake, lambda parts: parts[:2] + parts[3:])
        (lost,) = of_kind(report, "missing")
        change = json.loads(before[2])["dynamodb"]
        assert (lost["sequence"], lost["item"]) == (change["SequenceNumber"], change["Keys"])

    def test_two_lines_swapped(self, lake):
        def swap(parts):
            a, b = of_one_item(parts)
            parts[a], parts[b] = parts[b], parts[a]
            return parts

        before, report = self.damaged(lake, swap)
        found = of_kind(report, "out-of-order")
        assert found
        item = json.loads(before[of_one_item(before)[0]])["dynamodb"]["Keys"]
        assert {json.dumps(f["item"]) for f in found} == {json.dumps(item)}

    def test_a_line_that_nobody_wrote(self, lake):
        _, report = self.damaged(lake, lambda parts: [*parts[:1], '{"who":"knows"}', *parts[1:]])
        (line,) = of_kind(report, "unknown")
        assert line["line"] == 2

    @pytest.mark.parametrize("where", [0.3, 0.6])
    def test_a_flipped_byte_of_the_journal(self, lake, where):
        tail = json.loads(lake.request("GET", "/_millrace/status")[2])["journal"]["tail"]
        lake.stop()
        (segment,) = (lake.data / "journal").glob("*.log")
        at = int(tail * where)
        with segment.open("r+b") as file:
            file.seek(at)
            byte = file.read(1)
            file.seek(at)
            file.write(bytes([byte[0] ^ 4]))
        status, report = verify("--data", str(lake.data))
        assert status == 1
        (found, *_) = of_kind(report, "journal")
        assert found["file"] == segment.name
        assert found["offset"] <= at
        assert "differ from their checksum" in found["what"] or "header" in found["what"]

    def test_a_journal_that_cannot_be_opened(self, lake):
        tail = json.loads(lake.request("GET", "/_millrace/status")[2])["journal"]["tail"]
        lake.kill9()
        (segment,) = (lake.data / "journal").glob("*.log")
        with segment.open("r+b") as file:
            file.seek(tail // 2)
            file.write(b"damage")
        status, report = verify("--data", str(lake.data))
        assert status == 1 and kinds(report) == {"journal"}
        assert "only the journal's files were looked at" in report["remarks"][0]


class TestUse:
    def test_what_cannot_be_run(self, own_server, tmp_path):
        assert verify("--data", str(tmp_path))[0] == 2
        assert verify("--data", str(own_server.data))[0] == 2  # it is in use
        assert verify("--nonsense")[0] == 2
        assert verify("--endpoint", own_server.url, "--data", "x")[0] == 2
        own_server.stop()
        assert verify("--endpoint", own_server.url)[0] == 2

    def test_bodies_that_nobody_names_are_a_remark(self, lake):
        lake.stop()
        folder = lake.data / "objects" / "ab"
        folder.mkdir(exist_ok=True)
        (folder / ("0" * 30)).write_bytes(b"left by a crash")
        status, report = verify("--data", str(lake.data))
        assert status == 0
        assert report["remarks"][0].startswith("1 body files are named by no object")


def test_parquet_by_its_column_of_sequence_numbers(own_server):
    server = own_server
    glue = server.client("glue")
    glue.create_database(DatabaseInput={"Name": "lake"})
    columns = [("id", "string"), ("seq", "string"), ("pad", "string")]
    glue.create_table(DatabaseName="lake", TableInput={
        "Name": "rows",
        "StorageDescriptor": {"Columns": [{"Name": n, "Type": t} for n, t in columns]},
    })  # fmt: skip
    build(server, WITH_NUMBER, megabytes=64, DataFormatConversionConfiguration={
        "Enabled": True,
        "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
        "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {}}},
        "SchemaConfiguration": {"DatabaseName": "lake", "TableName": "rows", "RoleARN":
                                "arn:aws:iam::000000000000:role/r", "Region": "us-east-1"},
    })  # fmt: skip
    write(server)
    landed(server, ITEMS * ROUNDS)
    status, report = verify("--endpoint", server.url)
    assert (status, report["findings"]) == (0, [])
    stage = stage_of(report, "delivery")
    assert (stage["landed"], stage["unproven"]) == (ITEMS * ROUNDS, 0)


@pytest.mark.parametrize("packing", ["ZIP", "Snappy", "HADOOP_SNAPPY"])
def test_other_packings(own_server, packing):
    build(own_server, CompressionFormat=packing)
    write(own_server)
    landed(own_server, ITEMS * ROUNDS)
    status, report = verify("--endpoint", own_server.url)
    assert (status, report["findings"]) == (0, [])
    assert stage_of(report, "delivery")["landed"] == ITEMS * ROUNDS
