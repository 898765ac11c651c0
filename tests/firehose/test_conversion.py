"""Format conversion: JSON in, Parquet out, by the schema of a Glue table; read by DuckDB."""

import base64
import json
import re

import pytest
from support import wait_until
from support.chain import (
    ACCOUNT,
    ROLE,
    firehose_wire,
    lines_of,
    objects_of,
    status_of,
)
from support.duck import rows_of

COLUMNS = {
    "id": "int", "name": "string", "price": "decimal(10,2)", "big": "bigint", "ratio": "double",
    "good": "boolean", "day": "date", "at": "timestamp",
    "place": "struct<city:string,spot:struct<x:float>>", "tags": "array<string>",
    "counts": "map<string,int>", "lines": "array<struct<sku:string,qty:int>>",
}  # fmt: skip
PREFIXES = {
    "Prefix": "data/",
    "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
}


@pytest.fixture
def table(client, fresh):
    """table(columns) -> (database, table) in Glue"""
    glue, made = client("glue"), []

    def make(columns=COLUMNS, name="orders"):
        database = fresh("db").replace("-", "_")
        glue.create_database(DatabaseInput={"Name": database})
        made.append(database)
        if columns is not None:
            add(database, columns, name)
        return database, name

    def add(database, columns, name):
        glue.create_table(DatabaseName=database, TableInput={
            "Name": name, "StorageDescriptor": {"Columns": [
                {"Name": key, "Type": kind} for key, kind in columns.items()]}})  # fmt: skip

    make.add = add
    yield make
    for database in made:
        glue.delete_database(Name=database)


def conversion(database, table, deserializer=None, **parquet):
    return {"DataFormatConversionConfiguration": {
        "Enabled": True,
        "SchemaConfiguration": {"RoleARN": ROLE, "DatabaseName": database, "TableName": table},
        "InputFormatConfiguration": {"Deserializer": deserializer or {"OpenXJsonSerDe": {}}},
        "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": parquet}},
    }}  # fmt: skip


def put(firehose, name, *records):
    reply = firehose.put_record_batch(DeliveryStreamName=name, Records=[
        {"Data": (r if isinstance(r, str) else json.dumps(r)).encode()} for r in records
    ])  # fmt: skip
    assert reply["FailedPutCount"] == 0


def landed(server, bucket, tmp_path):
    key, body = wait_until(lambda: list(objects_of(server, bucket, "data/").items()))[0]
    path = tmp_path / "file.parquet"
    path.write_bytes(body)
    return key, path


ROWS = [
    {"ID": 1, "name": "é", "price": "39.905", "big": 9007199254740993, "ratio": 0.5, "good": True,
     "day": "2024-06-10", "at": "2024-06-10 06:13:20.123",
     "place": {"City": "Ulm", "spot": {"x": 1.5}}, "tags": ["a", None, "b"],
     "counts": {"k": 1, "l": None}, "lines": [{"sku": "s", "qty": 2}, {"sku": None}],
     "extra": "dropped"},
    {"id": "2", "name": {"as": "text"}, "at": 1718000000, "good": "false", "tags": [],
     "counts": {}, "lines": [], "place": {}},
    {},
]  # fmt: skip


@pytest.mark.parametrize("compression", ["SNAPPY", "GZIP", "UNCOMPRESSED"])
def test_records_become_rows_of_one_parquet_file(
    server, firehose, bucket, delivery, table, tmp_path, compression
):
    name = delivery(seconds=1, megabytes=64, **PREFIXES,
                    **conversion(*table(), Compression=compression))  # fmt: skip
    put(firehose, name, *ROWS)
    key, path = landed(server, bucket, tmp_path)
    assert re.fullmatch(rf"data/\d{{4}}/\d\d/\d\d/\d\d/{name}-1-.*\.parquet", key)
    assert rows_of(path, "id || ' ' || name", "id") == ["1 é", '2 {"as":"text"}', None]
    first = "WHERE id = 1"
    columns = {
        "price": "39.91", "big": "9007199254740993", "ratio": "0.5", "good": "true",
        "day": "2024-06-10", "at": "2024-06-10 06:13:20.123",
        "place": "{'city': Ulm, 'spot': {'x': 1.5}}", "tags": "[a, NULL, b]",
        "counts": "{k=1, l=NULL}",
        "lines": "[{'sku': s, 'qty': 2}, {'sku': NULL, 'qty': NULL}]",
    }  # fmt: skip
    for column, text in columns.items():
        assert rows_of(path, f'"{column}"', f"id NULLS LAST, {first and 1}")[0] == text, column
    assert rows_of(path, '"at"', "id")[1] == "2024-06-10 06:13:20"
    assert rows_of(path, "tags", "id")[1:] == ["[]", None]
    assert rows_of(path, "count(*)", "1") == ["3"]


def test_what_does_not_fit_goes_to_the_error_output_alone(
    server, firehose, bucket, delivery, table, tmp_path
):
    database, name_of_table = table({"id": "int", "place": "struct<x:int>"})
    name = delivery(seconds=1, megabytes=64, **PREFIXES, **conversion(database, name_of_table))
    bad = ['{"id": "oops"}', "not json", " ", '"primitive"', '{"place": 5}']
    put(firehose, name, {"id": 7}, *bad, {"id": 8})
    _, path = landed(server, bucket, tmp_path)
    assert rows_of(path, "id") == ["7", "8"]
    errors = wait_until(lambda: lines_of(server, bucket, "errors/format-conversion-failed/"))
    told = {base64.b64decode(e["rawData"]).decode(): e for e in errors}
    assert set(told) == set(bad)
    malformed, unparsed = "DataFormatConversion.MalformedData", "DataFormatConversion.ParseError"
    assert {text: e["lastErrorCode"] for text, e in told.items()} == {
        bad[0]: malformed, bad[1]: unparsed, bad[2]: malformed, bad[3]: malformed,
        bad[4]: malformed,
    }  # fmt: skip
    error = told[bad[0]]
    assert list(error) == [
        "attemptsMade", "arrivalTimestamp", "lastErrorCode", "lastErrorMessage",
        "attemptEndingTimestamp", "rawData", "sequenceNumber", "subSequenceNumber",
        "dataCatalogTable",
    ]  # fmt: skip
    assert error["lastErrorMessage"] == (
        'Data does not match the schema. For input string: "oops"'
    )
    assert error["dataCatalogTable"] == {
        "catalogId": ACCOUNT, "databaseName": database, "tableName": name_of_table,
        "region": "us-east-1", "versionId": "LATEST",
    }  # fmt: skip
    told = next(d for d in status_of(server)["deliveries"] if d["name"] == name)
    assert (int(told["records_out"]), int(told["failed"])) == (2, 5)


def test_keys_of_json_may_be_mapped(server, firehose, bucket, delivery, table, tmp_path):
    serde = {"OpenXJsonSerDe": {
        "ColumnToJsonKeyMappings": {"stamp": "timestamp"},
        "ConvertDotsInJsonKeysToUnderscores": True,
    }}  # fmt: skip
    name = delivery(seconds=1, megabytes=64, **PREFIXES, **conversion(
        *table({"stamp": "string", "a_b": "int"}), deserializer=serde))  # fmt: skip
    put(firehose, name, {"timestamp": "t", "a.b": 5})
    _, path = landed(server, bucket, tmp_path)
    assert rows_of(path, "stamp || a_b") == ["t5"]


def test_a_table_that_is_missing_holds_the_records_until_there_is_one(
    server, firehose, bucket, delivery, table, tmp_path
):
    database, _ = table(None)
    name = delivery(seconds=0, megabytes=64, **PREFIXES, **conversion(database, "late"))
    put(firehose, name, {"id": 1})

    def told():
        return next(d for d in status_of(server)["deliveries"] if d["name"] == name)["last_error"]

    wait_until(lambda: f"table {database}.late of SchemaConfiguration does not exist" in told())
    table.add(database, {"id": "int"}, "late")
    _, path = landed(server, bucket, tmp_path)
    assert rows_of(path, "id") == ["1"]
    wait_until(lambda: told() == "")


def test_timestamps_are_read_by_the_first_format_that_fits(
    server, firehose, bucket, delivery, table, tmp_path
):
    serde = {"HiveJsonSerDe": {"TimestampFormats": ["dd/MMM/yyyy:HH:mm:ss Z", "millis"]}}
    columns = {"id": "int", "at": "timestamp", "all": "array<timestamp>"}
    name = delivery(
        seconds=1, megabytes=64, **PREFIXES, **conversion(*table(columns), deserializer=serde)
    )
    put(firehose, name, {"id": 1, "at": "10/Jun/2024:06:13:20 +0200"},
        {"id": 2, "at": 1718000000123, "all": ["1718000000000"]},
        {"id": 3, "at": "2024-06-10 06:13:20"})  # fmt: skip
    _, path = landed(server, bucket, tmp_path)
    assert rows_of(path, '"at"', "id") == ["2024-06-10 04:13:20", "2024-06-10 06:13:20.123"]
    assert rows_of(path, '"all"', "id")[1] == "['2024-06-10 06:13:20']"
    errors = wait_until(lambda: lines_of(server, bucket, "errors/format-conversion-failed/"))
    assert [json.loads(base64.b64decode(e["rawData"]))["id"] for e in errors] == [3]


def test_a_version_of_the_schema_stays_when_the_table_changes(
    server, client, firehose, bucket, delivery, table, tmp_path
):
    glue, (database, orders) = client("glue"), table({"id": "int"})
    first = glue.get_table_versions(DatabaseName=database, TableName=orders)["TableVersions"]
    version = first[0]["VersionId"]
    glue.update_table(DatabaseName=database, TableInput={
        "Name": orders, "StorageDescriptor": {"Columns": [{"Name": "name", "Type": "string"}]}})
    wanted = conversion(database, orders)
    schema = wanted["DataFormatConversionConfiguration"]["SchemaConfiguration"]
    schema["VersionId"] = version
    name = delivery(seconds=1, megabytes=64, **PREFIXES, **wanted)
    put(firehose, name, {"id": 7, "name": "seven"}, {"id": "x"})
    _, path = landed(server, bucket, tmp_path)
    assert rows_of(path, "id") == ["7"]
    assert rows_of(path, "count(COLUMNS(*))", "1") == ["1"]
    errors = wait_until(lambda: lines_of(server, bucket, "errors/format-conversion-failed/"))
    assert [e["dataCatalogTable"]["versionId"] for e in errors] == [version]
    other = conversion(database, orders)
    other["DataFormatConversionConfiguration"]["SchemaConfiguration"]["VersionId"] = "99"
    late = delivery(seconds=0, megabytes=64, **{**PREFIXES, "Prefix": "late/"}, **other)
    put(firehose, late, {"id": 1})
    wait_until(lambda: f"version 99 of table {database}.{orders}" in next(
        d for d in status_of(server)["deliveries"] if d["name"] == late)["last_error"])


def change(path, value):
    """The configuration with one member another: change("A.B", None) takes it away."""
    whole = conversion("d", "t")["DataFormatConversionConfiguration"]
    at = whole
    *steps, last = path.split(".")
    for step in steps:
        at = at[step]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return {"DataFormatConversionConfiguration": whole}


@pytest.mark.parametrize("more, words", [
    (change("SchemaConfiguration", None), "SchemaConfiguration must not be null"),
    (change("InputFormatConfiguration", None), "InputFormatConfiguration must not be null"),
    (change("OutputFormatConfiguration", None), "OutputFormatConfiguration must not be null"),
    (change("InputFormatConfiguration.Deserializer", {}), "Deserializer must not be null"),
    (change("InputFormatConfiguration.Deserializer", {"OpenXJsonSerDe": {}, "HiveJsonSerDe": {}}),
     "More than one deserializer specified. Only one may be chosen."),
    (change("OutputFormatConfiguration.Serializer", {}), "Serializer must not be null"),
    (change("OutputFormatConfiguration.Serializer", {"OrcSerDe": {}, "ParquetSerDe": {}}),
     "More than one serializer specified. Only one may be chosen."),
    (change("OutputFormatConfiguration.Serializer", {"OrcSerDe": {}}), "OrcSerDe is not supported"),
    (change("OutputFormatConfiguration.Serializer",
            {"ParquetSerDe": {"EnableDictionaryCompression": True}}),
     "EnableDictionaryCompression is not supported"),
    (change("SchemaConfiguration.VersionId", "newest"), "VersionId newest is neither LATEST nor"),
    (change("InputFormatConfiguration.Deserializer",
            {"HiveJsonSerDe": {"TimestampFormats": ["millis", "yyyy-QQ"]}}),
     "TimestampFormats: 'yyyy-QQ' is not a pattern of DateTimeFormat"),
    ({**conversion("d", "t"), "CompressionFormat": "GZIP"},
     "The S3 destination's compression format must be set to UNCOMPRESSED when data format "
     "conversion is enabled"),
    ({**conversion("d", "t"), "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 60}},
     "BufferingHints.SizeInMBs must be at least 64 when data format conversion is enabled."),
])  # fmt: skip
def test_what_cannot_be_converted_is_refused(server, bucket, fresh, more, words):
    status, reply = firehose_wire(
        server, "CreateDeliveryStream", DeliveryStreamName=fresh("dl"),
        ExtendedS3DestinationConfiguration={
            "BucketARN": f"arn:aws:s3:::{bucket}", "RoleARN": ROLE,
            "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 60}, **more},
    )  # fmt: skip
    assert (status, reply["__type"]) == (400, "InvalidArgumentException"), reply
    assert words in reply["message"]


def test_partitions_are_converted_each_for_itself_over_a_kill(own_server, tmp_path):
    from support.chain import make_delivery, unchecked

    server = own_server
    server.client("s3").create_bucket(Bucket="lake")
    glue = server.client("glue")
    glue.create_database(DatabaseInput={"Name": "d"})
    glue.create_table(DatabaseName="d", TableInput={"Name": "t", "StorageDescriptor": {
        "Columns": [{"Name": "n", "Type": "int"}]}})  # fmt: skip
    query = {"Type": "MetadataExtraction", "Parameters": [
        {"ParameterName": "MetadataExtractionQuery", "ParameterValue": "{k: .k}"},
        {"ParameterName": "JsonParsingEngine", "ParameterValue": "JQ-1.6"}]}  # fmt: skip
    make_delivery(server, "both", "lake", seconds=1, megabytes=64, processors=[query],
                  DynamicPartitioningConfiguration={"Enabled": True},
                  Prefix="data/!{partitionKeyFromQuery:k}/", ErrorOutputPrefix="errors/",
                  **conversion("d", "t"))  # fmt: skip
    for round_ in range(3):
        put(unchecked(server, "firehose"), "both",
            *[{"k": f"p{n % 3}", "n": round_ * 30 + n} for n in range(30)])  # fmt: skip
        if round_ < 2:
            server.kill9()
            server.start()

    def numbers():
        found = []
        for key, body in objects_of(server, "lake", "data/").items():
            path = tmp_path / "one.parquet"
            path.write_bytes(body)
            for text in rows_of(path, "n"):
                assert key.startswith(f"data/p{int(text) % 3}/")
                found.append(int(text))
        assert len(found) == len(set(found)), "some landed twice"
        return len(found) == 90 and sorted(found) == list(range(90))

    wait_until(numbers)
