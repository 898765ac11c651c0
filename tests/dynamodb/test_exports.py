"""Tables exported to S3. Debian's boto3 is older than incremental exports, so the calls are made of
plain JSON where it would refuse a member."""

import base64
import datetime
import gzip
import hashlib
import json

import pytest
from support import wait_until

from .conftest import KEY, make_table, raw
from .test_recovery import put, recover

BUCKET = "exported-tables"


@pytest.fixture
def s3(client):
    s3 = client("s3")
    s3.create_bucket(Bucket=BUCKET)
    yield s3
    for found in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        s3.delete_object(Bucket=BUCKET, Key=found["Key"])
    s3.delete_bucket(Bucket=BUCKET)


def arn_of(db, table):
    return db.describe_table(TableName=table)["Table"]["TableArn"]


def ask(server, operation, **members):
    status, _, reply = server.request("POST", "/", json.dumps(members), {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": f"DynamoDB_20120810.{operation}",
    })  # fmt: skip
    assert status == 200, reply
    return json.loads(reply)


def export(server, table_arn, **more):
    """The description of a finished export."""
    members = {"TableArn": table_arn, "S3Bucket": BUCKET, **more}
    begun = ask(server, "ExportTableToPointInTime", **members)["ExportDescription"]
    assert begun.pop("ExportStatus") == "IN_PROGRESS" and begun["ClientToken"]

    def look():
        found = ask(server, "DescribeExport", ExportArn=begun["ExportArn"])["ExportDescription"]
        assert begun == {name: found[name] for name in begun}
        return found if found["ExportStatus"] != "IN_PROGRESS" else None

    return wait_until(look)


def body(s3, key):
    return s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()


def records(s3, described):
    """(summary, lines of all data files), every checksum and count compared."""
    summary_text = body(s3, described["ExportManifest"])
    summary = json.loads(summary_text)
    stem = described["ExportManifest"].removesuffix("manifest-summary.json")
    files_text = body(s3, summary["manifestFilesS3Key"])
    for name, text in (("manifest-summary", summary_text), ("manifest-files", files_text)):
        digest = base64.b64encode(hashlib.md5(text).digest())
        assert body(s3, f"{stem}{name}.md5") == digest
    assert body(s3, f"{stem}_started") == b""
    lines = []
    for file in map(json.loads, files_text.decode().splitlines()):
        packed = body(s3, file["dataFileS3Key"])
        assert base64.b64decode(file["md5Checksum"]) == hashlib.md5(packed).digest()
        head = s3.head_object(Bucket=BUCKET, Key=file["dataFileS3Key"])
        assert head["ETag"].strip('"') == file["etag"]
        own = gzip.decompress(packed).decode().splitlines()
        assert len(own) == file["itemCount"]
        lines += own
    assert summary["itemCount"] == described["ItemCount"] == len(lines)
    assert summary["billedSizeBytes"] == described["BilledSizeBytes"]
    return summary, lines


@pytest.mark.parametrize("key, suffix", [(None, ":key/"), ("alias/mine", ":alias/mine")])
def test_an_export_is_encrypted_as_it_asks(server, db, table, s3, key, suffix):
    recover(db, table)
    put(db, table, "1", "x")
    named = {"S3SseKmsKeyId": key} if key else {}
    described = export(
        server, arn_of(db, table), S3Prefix="sealed", S3SseAlgorithm="KMS", **named
    )
    assert described["S3SseAlgorithm"] == "KMS" and described.get("S3SseKmsKeyId") == key
    records(s3, described)
    stem = described["ExportManifest"].removesuffix("manifest-summary.json")
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix=stem)["Contents"]
    assert len(found) == 9
    for each in found:
        head = s3.head_object(Bucket=BUCKET, Key=each["Key"])
        assert head["ServerSideEncryption"] == "aws:kms"
        assert suffix in head["SSEKMSKeyId"] and head["SSEKMSKeyId"].startswith("arn:aws:kms:")


def test_a_full_export_has_aws_layout_and_every_item(server, db, table, s3):
    recover(db, table)
    for i in range(40):
        put(db, table, f"{i:02}", "ü" * i)
    arn = arn_of(db, table)
    described = export(server, arn, S3Prefix="some/where")
    assert described["ExportFormat"] == "DYNAMODB_JSON" and "ExportType" not in described
    listed = ask(server, "ListExports", TableArn=arn)["ExportSummaries"]
    assert [each["ExportType"] for each in listed] == ["FULL_EXPORT"]
    assert described["S3SseAlgorithm"] == "AES256" and described["TableArn"] == arn
    assert described["StartTime"] <= described["EndTime"]
    export_id = described["ExportArn"].removeprefix(arn + "/export/")
    root = f"some/where/AWSDynamoDB/{export_id}"
    assert described["ExportManifest"] == f"{root}/manifest-summary.json"
    summary, lines = records(s3, described)
    files = [json.loads(line) for line in body(s3, summary["manifestFilesS3Key"]).splitlines()]
    assert len(files) == 4  # a file a partition
    assert all(
        file["dataFileS3Key"].startswith(f"{root}/data/")
        and file["dataFileS3Key"].endswith(".json.gz")
        for file in files
    )
    expected = db.scan(TableName=table)["Items"]
    got = [json.loads(line)["Item"] for line in lines]
    assert sorted(got, key=lambda i: i["id"]["S"]) == sorted(expected, key=lambda i: i["id"]["S"])
    iso = datetime.datetime.fromtimestamp(described["ExportTime"], datetime.timezone.utc)
    assert summary == {
        "version": "2020-06-30",
        "exportArn": described["ExportArn"],
        "startTime": summary["startTime"],
        "endTime": summary["endTime"],
        "tableArn": arn,
        "tableId": described["TableId"],
        "exportTime": iso.strftime("%Y-%m-%dT%H:%M:%S.") + f"{iso.microsecond // 1000:03}Z",
        "s3Bucket": BUCKET,
        "s3Prefix": "some/where",
        "s3SseAlgorithm": "AES256",
        "s3SseKmsKeyId": None,
        "manifestFilesS3Key": f"{root}/manifest-files.json",
        "billedSizeBytes": summary["billedSizeBytes"],
        "itemCount": 40,
        "outputFormat": "DYNAMODB_JSON",
        "exportType": "FULL_EXPORT",
    }


def test_an_ion_export_writes_every_type_as_aws_does(server, db, table, s3):
    recover(db, table)
    db.put_item(
        TableName=table,
        Item={
            "id": {"S": 'quo"te \\ \n tab\t'},
            "n": {"L": [{"N": n} for n in ("103", "600", "1.5", "0.25", "0.05", "-2000", "0")]},
            "b": {"B": b"hi"},
            "true": {"BOOL": True},
            "a b": {"NULL": True},
            "$1": {"BOOL": False},
            "ss": {"SS": ["b", "a"]},
            "ns": {"NS": ["2", "10"]},
            "bs": {"BS": [b"x"]},
            "m": {"M": {"it's": {"S": "ü"}}},
        },
    )
    described = export(server, arn_of(db, table), ExportFormat="ION")
    summary, (line,) = records(s3, described)
    assert summary["outputFormat"] == "ION"
    assert ".ion.gz" in body(s3, summary["manifestFilesS3Key"]).decode()
    assert line == (
        "$ion_1_0 {Item:{'$1':false,'a b':null,b:{{aGk=}},bs:$dynamodb_BS::[{{eA==}}],"
        'id:"quo\\"te \\\\ \\n tab\\t",m:{\'it\\\'s\':"ü"},'
        "n:[103.,6d2,1.5,2.5d-1,5d-2,-2d3,0.],ns:$dynamodb_NS::[2.,1d1],"
        'ss:$dynamodb_SS::["a","b"],\'true\':true}}'
    )


def test_an_incremental_export_holds_what_changed_in_its_window(own_server):
    db, s3, clock = own_server.client("dynamodb"), own_server.client("s3"), own_server.clock
    s3.create_bucket(Bucket=BUCKET)
    make_table(db, "orders", KEY["hash"])
    with clock.held():
        recover(db, "orders")
        for key in ("same", "changed", "deleted", "twice"):
            put(db, "orders", key, "old")
        begin = clock.advance(minutes=20)
        put(db, "orders", "changed", "between")
        put(db, "orders", "changed", "new")
        changed_ms = clock.now_ms
        clock.advance(minutes=1)
        db.delete_item(TableName="orders", Key={"id": {"S": "deleted"}})
        put(db, "orders", "inserted", "new")
        put(db, "orders", "fleeting", "new")
        db.delete_item(TableName="orders", Key={"id": {"S": "fleeting"}})
        put(db, "orders", "twice", "other")
        put(db, "orders", "twice", "old")
        end = clock.advance(minutes=20)
        put(db, "orders", "inserted", "later")
        clock.advance(minutes=1)
        window = {"ExportFromTime": begin / 1000, "ExportToTime": end / 1000}
        arn = arn_of(db, "orders")
        described = export(
            own_server,
            arn,
            ExportType="INCREMENTAL_EXPORT",
            IncrementalExportSpecification=window,
        )
        assert described["IncrementalExportSpecification"] == {
            **window,
            "ExportViewType": "NEW_AND_OLD_IMAGES",
        }
        summary, lines = records(s3, described)
        assert summary["version"] == "2023-08-01" and summary["exportType"] == "INCREMENTAL_EXPORT"
        assert summary["outputView"] == "NEW_AND_OLD_IMAGES" and "exportTime" not in summary
        assert summary["exportFromTime"] < summary["exportToTime"]
        keys = body(s3, summary["manifestFilesS3Key"]).decode()
        assert '"dataFileS3Key":"AWSDynamoDB/data/' in keys
        got = {(r := json.loads(line))["Keys"]["id"]["S"]: r for line in lines}

        def image(key, value):
            return {"id": {"S": key}, "v": {"S": value}}

        assert set(got) == {"changed", "deleted", "inserted", "twice"}
        micros = got["changed"].pop("Metadata")["WriteTimestampMicros"]["N"]
        assert int(micros) // 1000 == changed_ms
        assert got["changed"] == {
            "Keys": {"id": {"S": "changed"}},
            "NewImage": image("changed", "new"),
            "OldImage": image("changed", "old"),
        }
        assert "NewImage" not in got["deleted"]
        assert got["deleted"]["OldImage"] == image("deleted", "old")
        assert got["inserted"]["NewImage"] == image("inserted", "new")
        assert "OldImage" not in got["inserted"]
        assert got["twice"]["NewImage"] == got["twice"]["OldImage"] == image("twice", "old")
        described = export(
            own_server,
            arn,
            ExportFormat="ION",
            ExportType="INCREMENTAL_EXPORT",
            IncrementalExportSpecification={**window, "ExportViewType": "NEW_IMAGE"},
        )
        summary, lines = records(s3, described)
        assert summary["outputView"] == "NEW_IMAGE"
        assert (
            f"$ion_1_0 {{Record:{{Metadata:{{WriteTimestampMicros:{micros}.}},"
            'Keys:{id:"changed"},NewImage:{id:"changed",v:"new"}}}'
        ) in lines
        full = export(own_server, arn, ExportTime=(begin - 1) / 1000)
        _, lines = records(s3, full)
        assert {json.loads(line)["Item"]["v"]["S"] for line in lines} == {"old"}


def test_a_token_makes_a_repeat_harmless(server, db, table, s3):
    recover(db, table)
    members = {"TableArn": arn_of(db, table), "S3Bucket": BUCKET, "ClientToken": "once-" + table}
    first = ask(server, "ExportTableToPointInTime", **members)["ExportDescription"]
    again = ask(server, "ExportTableToPointInTime", **members)["ExportDescription"]
    assert again["ExportArn"] == first["ExportArn"]
    status, reply = raw(server, "ExportTableToPointInTime", {**members, "S3Prefix": "other"})
    assert status == 400 and reply["__type"].endswith("#ExportConflictException")
    listed = db.list_exports(TableArn=members["TableArn"])["ExportSummaries"]
    assert [each["ExportArn"] for each in listed] == [first["ExportArn"]]
    wait_until(
        lambda: db.describe_export(ExportArn=first["ExportArn"])["ExportDescription"][
            "ExportStatus"
        ]
        == "COMPLETED"
    )


def test_exports_are_listed_in_pages(server, db, table, s3):
    recover(db, table)
    arn = arn_of(db, table)
    arns = [export(server, arn)["ExportArn"] for _ in range(3)]
    found, token = [], {}
    while True:
        page = db.list_exports(TableArn=arn, MaxResults=1, **token)
        found += [each["ExportArn"] for each in page["ExportSummaries"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert found == sorted(arns, reverse=True)


def test_what_cannot_be_exported_is_refused(server, db, table, s3, refused):
    call = db.export_table_to_point_in_time
    arn = arn_of(db, table)
    missing = arn.replace(table, "missing")
    refused(
        "PointInTimeRecoveryUnavailableException",
        f"Point in time recovery is not enabled for table '{table}'",
        call,
        TableArn=arn,
        S3Bucket=BUCKET,
    )
    refused(
        "TableNotFoundException",
        f"Table not found: {missing}",
        call,
        TableArn=missing,
        S3Bucket=BUCKET,
    )
    unknown = arn + "/export/01234567890123-a1b2c3d4"
    refused(
        "ExportNotFoundException",
        f"Export not found: Export not found: {unknown}",
        db.describe_export,
        ExportArn=unknown,
    )
    recover(db, table)
    day = datetime.timedelta(days=1)
    for time in (datetime.datetime.now() - day, datetime.datetime.now() + day):
        refused(
            "InvalidExportTimeException",
            "Export Time is invalid",
            call,
            TableArn=arn,
            S3Bucket=BUCKET,
            ExportTime=time,
        )
    now = datetime.datetime.now().timestamp()
    incremental = {"ExportType": "INCREMENTAL_EXPORT"}
    for more, text in (
        (
            incremental,
            "Incremental Export Specification expected when export type is set as Incremental "
            "Export",
        ),
        (
            {"IncrementalExportSpecification": {"ExportFromTime": now}},
            "Export Type expected to be Incremental Export when incremental export specification "
            "is provided",
        ),
        (
            {
                "ExportType": "FULL_EXPORT",
                "IncrementalExportSpecification": {"ExportFromTime": now},
            },
            "When Export Type is Full Export , Incremental Export Specification should not be "
            "provided",
        ),
        (
            {**incremental, "IncrementalExportSpecification": {}},
            "ExportFromTime must be provided in IncrementalExportSpecification",
        ),
        (
            {"S3SseKmsKeyId": "alias/k", "S3SseAlgorithm": "AES256"},
            "KMS Key Id is not supported for this encryption type",
        ),
        ({"TableArn": arn + "/index/one"}, "Table ARN is invalid."),
    ):
        members = {"TableArn": arn, "S3Bucket": BUCKET, **more}
        status, reply = raw(server, "ExportTableToPointInTime", members)
        assert (status, reply["message"]) == (400, f"Invalid Request: {text}")
        assert reply["__type"].endswith("#ValidationException"), reply
    for from_time, to_time, text in (
        (now - 86400, now, "Incremental export period from time cannot be less than the table "
         "creation time : "),
        (now, now + 1800, "Incremental export period to time cannot be greater than the current "
         "time : "),
        (now, None, "Difference between export period from time and export period to time "
         "is less than 15 minutes"),
    ):  # fmt: skip
        window = {"ExportFromTime": from_time}
        if to_time is not None:
            window["ExportToTime"] = to_time
        members = {"TableArn": arn, "S3Bucket": BUCKET, **incremental}
        members["IncrementalExportSpecification"] = window
        status, reply = raw(server, "ExportTableToPointInTime", members)
        assert reply["message"].startswith(text), reply
        assert reply["__type"].endswith("#InvalidExportTimeException")
    for wrong in (arn, arn + "/import/01234567890123-a1b2c3d4", "x" * 40):
        refused("ValidationException", "Invalid Export ARN", db.describe_export, ExportArn=wrong)
    refused(
        "ValidationException",
        "One or more parameter values were invalid: tableArn is not a valid ARN",
        call,
        TableArn=table,
        S3Bucket=BUCKET,
    )
    failed = export(server, arn, S3Bucket="no-such-bucket")
    assert failed["ExportStatus"] == "FAILED"
    assert failed["FailureCode"] == "S3NoSuchBucket"
    assert failed["FailureMessage"] == "The specified bucket does not exist"
    failed = export(server, arn, S3BucketOwner="999999999999")
    assert (failed["ExportStatus"], failed["FailureCode"]) == ("FAILED", "S3AccessDenied")


def test_an_export_that_is_killed_is_written_again(own_server):
    db, s3 = own_server.client("dynamodb"), own_server.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    make_table(db, "orders", KEY["hash"])
    recover(db, "orders")
    for i in range(400):
        put(db, "orders", str(i), "x" * 2000)
    arn = db.export_table_to_point_in_time(TableArn=arn_of(db, "orders"), S3Bucket=BUCKET)[
        "ExportDescription"
    ]["ExportArn"]
    own_server.kill9()
    own_server.start()
    db, s3 = own_server.client("dynamodb"), own_server.client("s3")
    put(db, "orders", "later", "not in it")
    wait_until(
        lambda: db.describe_export(ExportArn=arn)["ExportDescription"]["ExportStatus"]
        == "COMPLETED"
    )
    described = db.describe_export(ExportArn=arn)["ExportDescription"]
    assert described["ItemCount"] == 400
    assert len(records(s3, described)[1]) == 400
    assert len(s3.list_objects_v2(Bucket=BUCKET)["Contents"]) == 4 + 4 + 1
