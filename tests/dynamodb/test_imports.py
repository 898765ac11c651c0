"""Tables imported from S3."""

import base64
import ctypes
import gzip
import json
import secrets

import pytest
from support import wait_until

from .conftest import KEY, make_table, raw
from .test_backups import active, items
from .test_exports import arn_of, ask, body, export, records
from .test_recovery import put, recover

BUCKET = "imported-tables"


@pytest.fixture
def s3(client):
    s3 = client("s3")
    s3.create_bucket(Bucket=BUCKET)
    yield s3
    for found in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        s3.delete_object(Bucket=BUCKET, Key=found["Key"])
    s3.delete_bucket(Bucket=BUCKET)


def parameters(name, keys=KEY["hash"], **more):
    return {
        "TableName": name,
        "KeySchema": [{"AttributeName": a, "KeyType": role} for a, _, role in keys],
        "AttributeDefinitions": [
            {"AttributeName": a, "AttributeType": kind} for a, kind, _ in keys
        ],
        "BillingMode": "PAY_PER_REQUEST",
        **more,
    }


def begin(server, name, format, prefix, keys=KEY["hash"], table=None, **more):
    source = {"S3Bucket": BUCKET, "S3KeyPrefix": prefix}
    more.setdefault("ClientToken", secrets.token_hex(8))
    return ask(
        server,
        "ImportTable",
        S3BucketSource={**source, **more.pop("source", {})},
        InputFormat=format,
        TableCreationParameters=parameters(name, keys, **(table or {})),
        **more,
    )["ImportTableDescription"]


def finished(server, begun):
    def look():
        found = ask(server, "DescribeImport", ImportArn=begun["ImportArn"])
        found = found["ImportTableDescription"]
        return found if found["ImportStatus"] != "IN_PROGRESS" else None

    return wait_until(look)


def import_table(server, *args, **more):
    return finished(server, begin(server, *args, **more))


def counts(described):
    names = ("ProcessedItemCount", "ImportedItemCount", "ErrorCount")
    return described["ImportStatus"], *(described[name] for name in names)


def zstd(text):
    library = ctypes.CDLL("libzstd.so.1")
    library.ZSTD_compressBound.restype = library.ZSTD_compress.restype = ctypes.c_size_t
    room = library.ZSTD_compressBound(ctypes.c_size_t(len(text)))
    packed = ctypes.create_string_buffer(room)
    size = library.ZSTD_compress(
        packed, ctypes.c_size_t(room), text, ctypes.c_size_t(len(text)), ctypes.c_int(3)
    )
    return packed.raw[:size]


def test_dynamodb_json_is_imported_with_its_indexes(server, db, s3, fresh):
    name = fresh("imported")
    wanted = [{"id": {"S": f"{i:04}"}, "who": {"S": f"w{i % 3}"}} for i in range(500)]
    text = "\n".join(json.dumps({"Item": item}) for item in wanted)
    s3.put_object(Bucket=BUCKET, Key="in/a.json", Body=text.encode())
    s3.put_object(Bucket=BUCKET, Key="in/b.json", Body=b'{"Item":{"id":{"S":"last"}}}\n')
    s3.put_object(Bucket=BUCKET, Key="other", Body=b'{"Item":{"id":{"S":"not this"}}}\n')
    index = {
        "IndexName": "by-who",
        "KeySchema": [{"AttributeName": "who", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    definitions = [
        {"AttributeName": "id", "AttributeType": "S"},
        {"AttributeName": "who", "AttributeType": "S"},
    ]
    table = {"GlobalSecondaryIndexes": [index], "AttributeDefinitions": definitions}
    begun = begin(server, name, "DYNAMODB_JSON", "in/", table=table)
    assert counts(begun) == ("IN_PROGRESS", 0, 0, 0) and begun["InputCompressionType"] == "NONE"
    assert not {"EndTime", "ProcessedSizeBytes", "FailureCode"} & set(begun)
    assert begun["TableCreationParameters"]["TableName"] == name and begun["ClientToken"]
    assert begun["ImportArn"].startswith(begun["TableArn"] + "/import/")
    assert begun["CloudWatchLogGroupArn"].endswith(":log-group:/aws-dynamodb/imports:*")
    described = finished(server, begun)
    assert counts(described) == ("COMPLETED", 501, 501, 0)
    assert described["ProcessedSizeBytes"] == len(text) + 29
    assert described["StartTime"] <= described["EndTime"]
    assert active(db, name)["TableId"] == described["TableId"]
    db.get_waiter("table_exists").wait(TableName=name)
    assert items(db, name) == [*wanted, {"id": {"S": "last"}}]
    assert len(items(db, name, IndexName="by-who")) == 500
    put(db, name, "last", "changed")  # it is a table as any other
    db.delete_table(TableName=name)


@pytest.mark.parametrize("packing", ["NONE", "GZIP", "ZSTD"])
def test_packed_objects_are_unpacked(server, db, s3, fresh, packing):
    name = fresh("packed")
    text = b"".join(
        json.dumps({"Item": {"id": {"S": str(i)}, "x": {"S": "y" * 1000}}}).encode() + b"\n"
        for i in range(300)
    )
    pack = {"NONE": bytes, "GZIP": gzip.compress, "ZSTD": zstd}[packing]
    s3.put_object(Bucket=BUCKET, Key="packed", Body=pack(text))
    described = import_table(server, name, "DYNAMODB_JSON", "packed", InputCompressionType=packing)
    assert counts(described) == ("COMPLETED", 300, 300, 0)
    assert described["ProcessedSizeBytes"] == len(text)
    assert len(items(db, name)) == 300
    db.delete_table(TableName=name)
    if packing == "NONE":
        return
    s3.put_object(Bucket=BUCKET, Key="packed", Body=pack(text)[:-7])
    failed = import_table(server, name, "DYNAMODB_JSON", "packed", InputCompressionType=packing)
    assert (failed["ImportStatus"], failed["FailureCode"]) == ("FAILED", "InvalidInput")
    assert name not in db.list_tables()["TableNames"]


def test_csv_gives_keys_their_types_and_all_else_strings(server, db, s3, fresh):
    name = fresh("csv")
    keys = [("id", "S", "HASH"), ("at", "N", "RANGE")]
    text = (
        "id,at,bin,note\r\n"
        'a,1,x,"with, comma and ""quotes"""\r\n'
        "b,2.50,y,\n"
        "c,no number,z,refused\n"
        "d,4\n"
        "\n"
        'e,5,"open,quote\n'
        "f,6,z,last"
    )
    s3.put_object(Bucket=BUCKET, Key="rows.csv", Body=text.encode())
    described = import_table(server, name, "CSV", "rows.csv", keys=keys)
    assert counts(described) == ("FAILED", 6, 3, 3)
    found = items(db, name)
    assert found == [
        {
            "id": {"S": "a"},
            "at": {"N": "1"},
            "bin": {"S": "x"},
            "note": {"S": 'with, comma and "quotes"'},
        },
        {"id": {"S": "b"}, "at": {"N": "2.5"}, "bin": {"S": "y"}, "note": {"S": ""}},
        {"id": {"S": "f"}, "at": {"N": "6"}, "bin": {"S": "z"}, "note": {"S": "last"}},
    ]
    db.delete_table(TableName=name)
    text = f"{base64.b64encode(b'key').decode()}|one\n"
    s3.put_object(Bucket=BUCKET, Key="rows.csv", Body=text.encode())
    options = {"Csv": {"Delimiter": "|", "HeaderList": ["k", "v"]}}
    described = import_table(
        server, name, "CSV", "rows.csv", keys=[("k", "B", "HASH")], InputFormatOptions=options
    )
    assert described["InputFormatOptions"] == options
    assert db.scan(TableName=name)["Items"] == [{"k": {"B": b"key"}, "v": {"S": "one"}}]
    db.delete_table(TableName=name)


def test_ion_of_every_type_is_read(server, db, s3, fresh):
    name = fresh("ion")
    bad = [
        '$ion_1_0 {Item:{id:"float",x:1e0}}\n',
        '$ion_1_0 {Item:{id:symbol}}\n',
        '$ion_1_0 {Item:{id:"open"\n',
        '$ion_1_0 {Item:{id:"time",x:2020-01-01T}}\n',
        '$ion_1_0 {Item:{id:"deep",x:' + "[" * 5000 + "\n",
    ]
    for i, text in enumerate(bad):  # one that cannot be read ends its object
        s3.put_object(Bucket=BUCKET, Key=f"x.ion/{i}", Body=(text * 2).encode())
    text = (
        "$ion_1_0 {Item:{id:\"q\\\"\\u00fc\\n\",n:[103., 6d2,-1.5d-3, 12_000, 1.d2],'a b':null.int,"
        "b:{{ aGk= }},t:true,f:false,ss:$dynamodb_SS::[\"a\",\"b\"],ns:$dynamodb_NS::[1.,2.],"
        "bs:$dynamodb_BS::[{{eA==}}],m:{'it\\'s':{}}}}\n"
    )
    s3.put_object(Bucket=BUCKET, Key="x.ion", Body=text.encode())
    described = import_table(server, name, "ION", "x.ion")
    assert counts(described) == ("FAILED", 6, 1, 5)
    (item,) = db.scan(TableName=name)["Items"]
    assert item == {
        "id": {"S": 'q"ü\n'},
        "n": {"L": [{"N": n} for n in ("103", "600", "-0.0015", "12000", "100")]},
        "a b": {"NULL": True},
        "b": {"B": b"hi"},
        "t": {"BOOL": True},
        "f": {"BOOL": False},
        "ss": {"SS": ["a", "b"]},
        "ns": {"NS": ["1", "2"]},
        "bs": {"BS": [b"x"]},
        "m": {"M": {"it's": {"M": {}}}},
    }
    db.delete_table(TableName=name)


def test_ion_may_name_its_version_on_lines_of_its_own(server, db, s3, fresh):
    name = fresh("ion")
    text = b'$ion_1_0\n{Item:{id:"a",n:1}}\n{"Item":{"id":"b"}}\r\n $ion_1_0 \n{Item:{id:"c"}}\n'
    s3.put_object(Bucket=BUCKET, Key="version.ion", Body=text)
    described = import_table(server, name, "ION", "version.ion")
    assert counts(described) == ("COMPLETED", 3, 3, 0)
    assert [item["id"]["S"] for item in items(db, name)] == ["a", "b", "c"]
    db.delete_table(TableName=name)


@pytest.mark.parametrize("format", ["DYNAMODB_JSON", "ION"])
def test_what_was_exported_comes_back_the_same(server, db, table, s3, fresh, format):
    recover(db, table)
    for i in range(60):
        put(db, table, f"{i:02}", 'ü"\\' * i)
    db.put_item(
        TableName=table,
        Item={"id": {"S": "all"}, "n": {"N": "-1.5E-9"}, "l": {"L": [{"M": {"é": {"B": b"\0"}}}]}},
    )
    described = export(server, arn_of(db, table), S3Bucket=BUCKET, ExportFormat=format)
    prefix = described["ExportManifest"].removesuffix("manifest-summary.json") + "data/"
    name = fresh("again")
    imported = import_table(server, name, format, prefix, InputCompressionType="GZIP")
    assert counts(imported) == ("COMPLETED", 61, 61, 0)
    assert items(db, name) == items(db, table)
    db.delete_table(TableName=name)


def test_rows_that_are_no_items_are_counted_and_told(server, client, db, s3, fresh):
    name = fresh("bad")
    rows = [
        {"Item": {"id": {"S": "good"}}},
        {"Item": {"id": {"N": "1"}}},
        {"Item": {"other": {"S": "x"}}},
        {"Item": {"id": {"S": "big"}, "x": {"S": "x" * 409600}}},
        {"Item": {"id": {"S": "good"}, "again": {"BOOL": True}}},
        {"id": {"S": "no Item"}},
        {"Item": {"id": {"S": "not read"}}},
    ]
    text = "\n \n".join(json.dumps(row) for row in rows) + "\n\n"
    s3.put_object(Bucket=BUCKET, Key="rows", Body=text.encode())
    s3.put_object(Bucket=BUCKET, Key="rows/more", Body=b'no json\n{"Item":{"id":{"S":"nor this"}}}')
    s3.put_object(Bucket=BUCKET, Key="rows/none", Body=b"")
    described = import_table(server, name, "DYNAMODB_JSON", "rows")
    assert counts(described) == ("FAILED", 7, 2, 5)
    assert described["FailureCode"] == "ItemValidationError" and described["FailureMessage"]
    assert items(db, name) == [{"id": {"S": "good"}, "again": {"BOOL": True}}]  # it is kept
    logs = client("logs")
    stream = described["ImportArn"].rsplit("/", 1)[1]
    told = wait_until(
        lambda: len(
            events := logs.get_log_events(
                logGroupName="/aws-dynamodb/imports", logStreamName=stream
            )["events"]
        )
        == 5
        and events
    )
    first = json.loads(told[0]["message"])
    assert first["itemS3Pointer"] == {"bucket": BUCKET, "key": "rows", "itemIndex": 1}
    assert first["errorMessages"] == ["The provided key element does not match the schema"]
    db.delete_table(TableName=name)
    s3.put_object(Bucket=BUCKET, Key="rows", Body=b"nothing\n")
    s3.delete_object(Bucket=BUCKET, Key="rows/more")
    failed = import_table(server, name, "DYNAMODB_JSON", "rows")
    assert counts(failed) == ("FAILED", 1, 0, 1)
    assert failed["FailureCode"] == "ItemValidationError"
    assert items(db, name) == []
    db.delete_table(TableName=name)


def test_a_prefix_of_nothing_makes_an_empty_table(server, db, s3, fresh):
    name = fresh("empty")
    described = import_table(server, name, "DYNAMODB_JSON", "nothing/")
    assert counts(described) == ("COMPLETED", 0, 0, 0) and "FailureCode" not in described
    assert active(db, name)["TableId"] == described["TableId"]
    assert items(db, name) == []
    db.delete_table(TableName=name)


def test_what_a_clients_key_encrypts_is_not_imported(server, db, s3, fresh):
    s3.put_object(
        Bucket=BUCKET,
        Key="rows",
        Body=b'{"Item":{"id":{"S":"k"}}}\n',
        SSECustomerAlgorithm="AES256",
        SSECustomerKey=b"k" * 32,
    )
    failed = import_table(server, fresh("sealed"), "DYNAMODB_JSON", "rows")
    assert counts(failed) == ("FAILED", 0, 0, 0)
    assert failed["FailureMessage"].startswith("The object was stored using a form of Server Side")


def test_a_later_row_replaces_an_earlier_one_in_the_indexes_too(server, db, s3, fresh):
    name = fresh("twice")
    text = "".join(
        json.dumps({"Item": {"id": {"S": "k"}, "at": {"N": str(i)}}}) + "\n" for i in range(40)
    )
    s3.put_object(Bucket=BUCKET, Key="rows", Body=text.encode())
    table = {
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "by-at",
                "KeySchema": [{"AttributeName": "at", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        "AttributeDefinitions": [
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "at", "AttributeType": "N"},
        ],
    }
    described = import_table(server, name, "DYNAMODB_JSON", "rows", table=table)
    assert counts(described) == ("COMPLETED", 40, 40, 0)
    last = [{"id": {"S": "k"}, "at": {"N": "39"}}]
    assert items(db, name) == last == items(db, name, IndexName="by-at")
    db.delete_table(TableName=name)


def test_what_cannot_be_imported_is_refused_or_fails(server, db, table, s3, fresh, refused):
    name = fresh("never")
    source = {"S3Bucket": BUCKET}
    refused(
        "ResourceInUseException",
        f"Table already exists: {table}",
        db.import_table,
        S3BucketSource=source,
        InputFormat="CSV",
        TableCreationParameters=parameters(table),
    )
    status, reply = raw(
        server,
        "ImportTable",
        {
            "ClientToken": "csv",
            "S3BucketSource": source,
            "InputFormat": "ION",
            "InputFormatOptions": {"Csv": {"Delimiter": ","}},
            "TableCreationParameters": parameters(name),
        },
    )
    assert (status, reply["message"]) == (
        400,
        "Invalid Request: Unsupported InputFormatOptions for the given input format: ION.",
    )
    unknown = arn_of(db, table) + "/import/01234567890123-a1b2c3d4"
    refused(
        "ImportNotFoundException",
        f"Import not found: Import not found: {unknown}",
        db.describe_import,
        ImportArn=unknown,
    )
    for wrong in (unknown.replace(table, "x"), unknown[3:], arn_of(db, table)):
        refused("ValidationException", "Invalid Import ARN", db.describe_import, ImportArn=wrong)
    for more, code in (
        ({"S3Bucket": "no-such-bucket"}, "S3NoSuchBucket"),
        ({"S3BucketOwner": "999999999999"}, "S3AccessDenied"),
    ):
        failed = import_table(server, name, "CSV", "nothing/", source=more)
        assert (failed["ImportStatus"], failed["FailureCode"]) == ("FAILED", code)
    assert name not in db.list_tables()["TableNames"]


def test_imports_have_tokens_and_are_listed_in_pages(server, db, s3, fresh):
    name = fresh("token")
    s3.put_object(Bucket=BUCKET, Key="row", Body=b'{"Item":{"id":{"S":"a"}}}\n')
    token = {"ClientToken": "once-" + name}
    first = begin(server, name, "DYNAMODB_JSON", "row", **token)
    request = {
        "S3BucketSource": {"S3Bucket": BUCKET},
        "InputFormat": "CSV",
        "TableCreationParameters": parameters(name + "-other"),
    }
    status, reply = raw(server, "ImportTable", {**request, **token})
    assert status == 400 and reply["__type"].endswith("#ImportConflictException")
    status, reply = raw(server, "ImportTable", request)
    assert status == 400 and reply["message"].startswith(
        "1 validation error detected: Value null at 'clientToken'")
    finished(server, first)
    request["TableCreationParameters"] = parameters(name)
    status, reply = raw(server, "ImportTable", {**request, **token})
    assert (status, reply["message"]) == (400, f"Table already exists: {name}")
    arns = [first["ImportArn"]]
    for _ in range(2):
        db.delete_table(TableName=name)
        arns.append(import_table(server, name, "DYNAMODB_JSON", "row")["ImportArn"])
    found, next_token = [], {}
    while True:
        page = db.list_imports(TableArn=first["TableArn"], PageSize=1, **next_token)
        found += [each["ImportArn"] for each in page["ImportSummaryList"]]
        assert page["ImportSummaryList"][0]["S3BucketSource"]["S3Bucket"] == BUCKET
        if "NextToken" not in page:
            break
        next_token = {"NextToken": page["NextToken"]}
    assert found == sorted(arns, reverse=True)
    db.delete_table(TableName=name)


def test_an_import_that_is_killed_is_done_again(own_server):
    db, s3 = own_server.client("dynamodb"), own_server.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    text = "".join(
        json.dumps({"Item": {"id": {"S": f"{i:05}"}, "x": {"S": "y" * 900}}}) + "\n"
        for i in range(4000)
    )
    s3.put_object(Bucket=BUCKET, Key="rows", Body=text.encode())
    begun = begin(own_server, "orders", "DYNAMODB_JSON", "rows")
    own_server.kill9()
    own_server.start()
    db = own_server.client("dynamodb")
    described = finished(own_server, begun)
    assert counts(described) == ("COMPLETED", 4000, 4000, 0)
    active(db, "orders")
    assert len(items(db, "orders", ProjectionExpression="id")) == 4000


def test_a_repeat_is_answered_with_what_is_under_way(own_server):
    db, s3 = own_server.client("dynamodb"), own_server.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="row", Body=b'{"Item":{"id":{"S":"a"}}}\n')
    own_server.arm("dynamodb.import:1:delay-20000")  # until it is disarmed
    token = {"ClientToken": "once"}
    first = begin(own_server, "repeated", "DYNAMODB_JSON", "row", **token)
    for more in ({}, {"source": {"S3KeyPrefix": "other"}}, {"InputCompressionType": "GZIP"}):
        again = begin(own_server, "repeated", "DYNAMODB_JSON", "row", **token, **more)
        assert again == first  # AWS: the table alone makes it another one
    own_server.arm()
    assert counts(finished(own_server, first)) == ("COMPLETED", 1, 1, 0)
    assert items(db, "repeated") == [{"id": {"S": "a"}}]
