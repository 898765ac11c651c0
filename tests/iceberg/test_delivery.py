"""Firehose delivers rows into Iceberg tables, by key where it is told to."""

import base64
import json

from support import wait_until

ROUTER = """
import base64, json
def handler(event, context):
    records = []
    for record in event["records"]:
        row = json.loads(base64.b64decode(record["data"]))
        otf = {"destinationDatabaseName": row.pop("db"), "destinationTableName": row.pop("table"),
               "operation": row.pop("op")}
        records.append({"recordId": record["recordId"], "result": "Ok",
                        "data": base64.b64encode(json.dumps(row).encode()).decode(),
                        "metadata": {"otfMetadata": otf}})
    return {"records": records}
"""


def test_rows_are_appended_with_their_types(house):
    house.table()
    name = house.delivery(keys=())
    house.put(name,
              {"id": "a", "n": 1, "price": 1.5, "at": "2026-07-03 10:11:12", "tags": ["x", None]},
              {"id": "b", "N": 2, "unknown": True})
    house.wait("SELECT id, n, price, at, tags FROM t ORDER BY id", [
        ("a", "1", "1.50", "2026-07-03 10:11:12.000", "[x, null]"),
        ("b", "2", None, None, None)])
    snapshot = house.metadata()["snapshots"][-1]
    assert snapshot["summary"]["operation"] == "append"
    assert snapshot["summary"]["total-records"] == "2"
    assert snapshot["manifest-list"].startswith(f"s3://{house.bucket}/t/metadata/snap-")


def test_updates_and_deletes_by_key_that_a_query_extracts(house):
    house.table()
    query = (f'{{destinationDatabaseName: "{house.database}", destinationTableName: "t", '
             'operation: .op}')
    name = house.delivery(ProcessingConfiguration={"Enabled": True, "Processors": [
        {"Type": "MetadataExtraction", "Parameters": [
            {"ParameterName": "MetadataExtractionQuery", "ParameterValue": query},
            {"ParameterName": "JsonParsingEngine", "ParameterValue": "JQ-1.6"}]}]})
    house.put(name, {"id": "a", "n": 1, "op": "insert"}, {"id": "b", "n": 1, "op": "insert"},
              {"id": "c", "n": 1, "op": "insert"})
    house.wait("SELECT id, n FROM t ORDER BY id", [("a", "1"), ("b", "1"), ("c", "1")])
    # In one batch: the last operation on a key is what it comes to.
    house.put(name, {"id": "a", "n": 2, "op": "update"}, {"id": "a", "n": 3, "op": "update"},
              {"id": "b", "op": "delete"}, {"id": "c", "op": "delete"},
              {"id": "c", "n": 9, "op": "insert"}, {"id": "d", "n": 1, "op": "insert"},
              {"id": "d", "op": "delete"})
    house.wait("SELECT id, n FROM t ORDER BY id", [("a", "3"), ("c", "9")])
    # Columns that are not the key, and none at all.
    assert house.rows("SELECT count(*), max(n) FROM t WHERE n > 2") == [("2", "9")]
    assert house.metadata()["snapshots"][-1]["summary"]["operation"] == "overwrite"


def test_a_function_routes_to_several_tables(house):
    house.table("t")
    house.table("u", "k int, v string", "PARTITIONED BY (bucket(4, k), v)")
    name = house.delivery(tables=("t",), ProcessingConfiguration={"Enabled": True, "Processors": [
        {"Type": "Lambda", "Parameters": [
            {"ParameterName": "LambdaArn", "ParameterValue": house.function(ROUTER)}]}]})
    here = {"db": house.database, "op": "insert"}
    house.put(name, {**here, "table": "t", "id": "a", "n": 1},
              {**here, "table": "u", "k": 1, "v": "x/y"}, {**here, "table": "u", "k": 2, "v": None},
              {**here, "table": "nobody", "id": "z"})
    house.wait("SELECT id FROM t", [("a",)])
    house.wait("SELECT k, v FROM u ORDER BY k", [("1", "x/y"), ("2", None)])
    [error] = house.errors()
    assert error["errorCode"] == "Iceberg.NoSuchTable"
    assert json.loads(base64.b64decode(error["rawData"])) == {"id": "z"}
    [spec] = house.metadata("u")["partition-specs"]
    assert [(f["name"], f["transform"]) for f in spec["fields"]] == [
        ("k_bucket", "bucket[4]"), ("v", "identity")]


def test_records_that_do_not_fit_go_to_the_errors(house):
    house.table()
    name = house.delivery(tables=("t", "u"), ProcessingConfiguration={
        "Enabled": True, "Processors": [{"Type": "MetadataExtraction", "Parameters": [
            {"ParameterName": "MetadataExtractionQuery", "ParameterValue":
             f'{{destinationDatabaseName: "{house.database}", destinationTableName: .t, '
             'operation: .op}'},
            {"ParameterName": "JsonParsingEngine", "ParameterValue": "JQ-1.6"}]}]})
    house.put(name, {"id": "good", "t": "t", "op": "insert"},
              {"id": "b", "n": "many", "t": "t", "op": "insert"},
              {"n": 1, "t": "t", "op": "update"}, {"id": "c", "t": "t", "op": "upsert"},
              {"id": "d", "t": "missing", "op": "insert"})
    house.wait("SELECT id FROM t", [("good",)])
    assert sorted(error["errorCode"] for error in house.errors("errors/iceberg-failed/")) == [
        "Iceberg.InvalidOperation", "Iceberg.InvalidValue", "Iceberg.MissingColumnWithinRecord",
        "Iceberg.NoSuchTable"]
    of = {"Namespace": "AWS/Firehose",
          "Dimensions": [{"Name": "DeliveryStreamName", "Value": name}]}
    metrics, now = house.server.client("cloudwatch"), house.server.clock.now_ms // 1000

    def measured(metric):
        points = metrics.get_metric_statistics(
            MetricName=f"DeliveryToIceberg.{metric}", Statistics=["Sum"], Period=86400,
            StartTime=now - 86400, EndTime=now + 86400, **of)["Datapoints"]
        return sum(point["Sum"] for point in points)

    for metric, total in {"IncomingRowCount": 5, "SuccessfulRowCount": 1, "FailedRowCount": 4,
                          "Success": 1}.items():
        wait_until(lambda m=metric, t=total: measured(m) == t, message=metric)


def hide(house, table="t"):
    """Takes the table's metadata away; the function that puts it back."""
    location = house.glue.get_table(DatabaseName=house.database, Name=table)["Table"][
        "Parameters"]["metadata_location"]
    key, body = location.removeprefix(f"s3://{house.bucket}/"), house.body(location)
    house.s3.delete_object(Bucket=house.bucket, Key=key)
    return lambda: house.s3.put_object(Bucket=house.bucket, Key=key, Body=body)


def test_rows_fail_when_their_table_cannot_be_written_for_so_long(house):
    house.table()
    name = house.delivery(RetryOptions={"DurationInSeconds": 1})
    bring_back = hide(house)
    house.put(name, {"id": "a", "n": 1}, {"id": "b", "n": 2})
    errors = wait_until(lambda: house.errors("errors/iceberg-failed/"))
    assert {error["errorCode"] for error in errors} == {"Iceberg.TableUnavailable"}
    assert [json.loads(base64.b64decode(error["rawData"]))["id"] for error in errors] == ["a", "b"]
    assert errors[0]["attemptsMade"] > 1
    bring_back()
    house.put(name, {"id": "c", "n": 3})
    house.wait("SELECT id FROM t", [("c",)])


def test_rows_wait_for_their_table_that_long(house):
    house.table()
    name = house.delivery()
    bring_back = hide(house)
    house.put(name, {"id": "a", "n": 1})
    wait_until(lambda: f"{name}: s3://{house.bucket}/" in house.server.log())
    bring_back()
    house.wait("SELECT id FROM t", [("a",)])
    assert house.errors() == []


def test_many_commits_keep_few_manifests(house):
    house.table(columns="id string, n bigint")
    name = house.delivery()
    for n in range(120):
        house.put(name, {"id": f"k{n}", "n": n})
        house.wait(f"SELECT count(*) FROM t WHERE id = 'k{n}'", [("1",)]) if n % 40 == 39 else None
    house.wait("SELECT count(*), sum(n) FROM t", [("120", str(sum(range(120))))])
    log = house.metadata()
    assert len(log["metadata-log"]) <= 100
    sequences = [snapshot["sequence-number"] for snapshot in log["snapshots"]]
    assert sequences == list(range(1, len(sequences) + 1))
