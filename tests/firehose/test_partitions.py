"""Dynamic partitioning, and the source's backup: where records go, when, and each of them once."""

import base64
import json
import re

from support import wait_until
from support.chain import (
    firehose_wire,
    lines_of,
    make_delivery,
    make_function,
    make_stream,
    objects_of,
    status_of,
    unchecked,
    wait_for_landing,
)

# "key:anything" goes to the partition of that key; that of "none" has no key.
BY_KEY = """
import base64
def handler(event, context):
    rows = []
    for r in event["records"]:
        key = base64.b64decode(r["data"]).decode().partition(":")[0]
        rows.append({"recordId": r["recordId"], "result": "Ok", "data": r["data"],
                     "metadata": {"partitionKeys": {"k": key} if key != "none" else {}}})
    return {"records": rows}
"""

PARTITIONED = {
    "DynamicPartitioningConfiguration": {"Enabled": True},
    "Prefix": "data/k=!{partitionKeyFromLambda:k}/",
    "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
}


def put(firehose, name, *texts):
    reply = firehose.put_record_batch(
        DeliveryStreamName=name, Records=[{"Data": text.encode()} for text in texts]
    )
    assert reply["FailedPutCount"] == 0


def waiting_of(server, name):
    return int(next(d for d in status_of(server)["deliveries"] if d["name"] == name)["waiting"])


def by_partition(server, bucket, prefix="data/"):
    found = {}
    for key, body in objects_of(server, bucket, prefix).items():
        found.setdefault(re.match(f"{prefix}k=([^/]*)/", key).group(1), []).append(body)
    return found


def test_keys_of_a_function_choose_the_partition(server, firehose, bucket, function, delivery):
    name = delivery(function=function(BY_KEY), seconds=1, megabytes=64, **PARTITIONED)
    put(firehose, name, "a:1 ", "b:1 ", "a:2 ", "none:1 ", "b:2 ")
    wait_until(lambda: by_partition(server, bucket) == {"a": [b"a:1 a:2 "], "b": [b"b:1 b:2 "]})
    errors = wait_until(lambda: lines_of(server, bucket, "errors/processing-failed/"))
    (error,) = errors
    assert base64.b64decode(error["rawData"]) == b"none:1 "
    assert error["errorCode"] == "DynamicPartitioning.MetadataExtractionFailed"
    assert error["errorMessage"] == "partitionKeys values must not be null or empty"
    assert list(error) == ["rawData", "errorCode", "errorMessage", "attemptsMade",
                           "arrivalTimestamp", "attemptEndingTimestamp"]  # fmt: skip
    key = list(objects_of(server, bucket, "data/k=a/"))[0]
    assert re.match(rf"data/k=a/{name}-1-\d{{4}}-", key)


def test_each_partition_has_an_age_of_its_own(own_server):
    server = own_server
    server.client("s3").create_bucket(Bucket="lake")
    clock = server.clock
    clock.hold()
    function = make_function(server, "by-key", BY_KEY)
    make_delivery(server, "aged", "lake", processors=[{"Type": "Lambda", "Parameters": [
        {"ParameterName": "LambdaArn", "ParameterValue": function},
        {"ParameterName": "BufferSizeInMBs", "ParameterValue": "1"},
        {"ParameterName": "BufferIntervalInSeconds", "ParameterValue": "0"},
    ]}], seconds=60, megabytes=64, **PARTITIONED)  # fmt: skip
    firehose = unchecked(server, "firehose")

    def put_and_wait(text, waiting):
        put(firehose, "aged", text)
        wait_until(lambda: waiting_of(server, "aged") == waiting)

    put_and_wait("a:1 ", 1)
    clock.advance(40)
    put_and_wait("b:1 ", 2)
    clock.advance(20)
    wait_until(lambda: by_partition(server, "lake") == {"a": [b"a:1 "]})
    put_and_wait("a:2 ", 2)
    # A crash: what has landed is not landed again, what was held is.
    server.kill9()
    server.start()
    wait_until(lambda: waiting_of(server, "aged") == 2)
    assert by_partition(server, "lake") == {"a": [b"a:1 "]}
    server.clock.advance(61)
    wait_until(lambda: by_partition(server, "lake") == {"a": [b"a:1 ", b"a:2 "], "b": [b"b:1 "]}
               or by_partition(server, "lake") == {"a": [b"a:2 ", b"a:1 "], "b": [b"b:1 "]})


def test_what_s3_does_not_take_goes_to_the_errors_when_its_retries_are_over(own_server):
    """RetryOptions: one partition at once, the other one after a minute of trying."""
    server = own_server
    server.client("s3").create_bucket(Bucket="lake")
    function = make_function(server, "by-key", BY_KEY)
    firehose = unchecked(server, "firehose")

    def delivery(name, retry_s):
        make_delivery(server, name, "lake", function=function, seconds=0, megabytes=64, **{
            **PARTITIONED, "Prefix": f"{name}/k=!{{partitionKeyFromLambda:k}}/",
            "ErrorOutputPrefix": f"errors/{name}/",
            "DynamicPartitioningConfiguration": {
                "Enabled": True, "RetryOptions": {"DurationInSeconds": retry_s}}})  # fmt: skip

    def fault(**more):
        rule = {"service": "s3", "operation": "PutObject", "resource": "lake", "kind": "error",
                "code": "SlowDown", "message": "Reduce your request rate.", **more}
        assert server.request("POST", "/_millrace/faults", json.dumps(rule))[0] == 200

    def faults():
        told = json.loads(server.request("GET", "/_millrace/faults")[2])["faults"]
        return [it for it in told if it["struck"] < it["count"]]

    with server.clock.held():
        delivery("hasty", 0)
        fault(count=1)
        put(firehose, "hasty", "a:1 ")
        (error,) = wait_until(lambda: lines_of(server, "lake", "errors/hasty/"))
        assert base64.b64decode(error["rawData"]) == b"a:1 "
        assert (error["errorCode"], error["attemptsMade"]) == ("SlowDown", 1)
        assert error["errorMessage"] == "Reduce your request rate."
        assert by_partition(server, "lake", "hasty/") == {}
        put(firehose, "hasty", "a:2 ")
        wait_until(lambda: by_partition(server, "lake", "hasty/") == {"a": [b"a:2 "]})

        delivery("patient", 60)
        told = lambda: next(  # noqa: E731
            d["last_error"] for d in status_of(server)["deliveries"] if d["name"] == "patient")
        fault(count=1)
        put(firehose, "patient", "a:1 ", "b:1 ")
        wait_until(lambda: "Reduce your request rate." in told())
        fault(count=1)
        server.clock.advance(59)
        wait_until(lambda: faults() == [])
        server.clock.advance(6)  # it waits between two tries, by the clock
        wait_until(lambda: by_partition(server, "lake", "patient/") == {
            "a": [b"a:1 "], "b": [b"b:1 "]})
        assert lines_of(server, "lake", "errors/patient/") == []
        wait_until(lambda: told() == "")
        fault(count=1)
        put(firehose, "patient", "c:1 ")
        wait_until(lambda: "Reduce your request rate." in told())
        fault(count=1)
        server.clock.advance(65)
        (error,) = wait_until(lambda: lines_of(server, "lake", "errors/patient/"))
        assert (base64.b64decode(error["rawData"]), error["attemptsMade"]) == (b"c:1 ", 2)
        assert "c" not in by_partition(server, "lake", "patient/")


def test_a_function_cannot_change_its_mind_about_what_came_before(own_server, tmp_path):
    """Else what failed, or was dropped, would land behind its successors after a crash."""
    server, changed = own_server, tmp_path / "changed"
    server.client("s3").create_bucket(Bucket="lake")
    server.clock.hold()
    text = BY_KEY.replace("    return", f"""
    import os
    for row in rows:
        if b"?" in base64.b64decode(row["data"]) and not os.path.exists({str(changed)!r}):
            row["result"] = "ProcessingFailed"
        if b"!" in base64.b64decode(row["data"]) and not os.path.exists({str(changed)!r}):
            row["result"] = "Dropped"
    return""")
    function = make_function(server, "by-key", text)
    make_delivery(server, "minded", "lake", processors=[{"Type": "Lambda", "Parameters": [
        {"ParameterName": "LambdaArn", "ParameterValue": function},
        {"ParameterName": "BufferSizeInMBs", "ParameterValue": "1"},
        {"ParameterName": "BufferIntervalInSeconds", "ParameterValue": "0"},
    ]}], seconds=60, megabytes=64, **PARTITIONED)  # fmt: skip
    firehose = unchecked(server, "firehose")
    put(firehose, "minded", "a:1 ")
    wait_until(lambda: waiting_of(server, "minded") == 1)
    server.clock.advance(30)
    put(firehose, "minded", "b:1 ")
    wait_until(lambda: waiting_of(server, "minded") == 2)
    put(firehose, "minded", "a:2? ", "a:2! ", "a:3 ")
    wait_until(lambda: waiting_of(server, "minded") == 4)
    server.clock.advance(30)
    wait_until(lambda: by_partition(server, "lake") == {"a": [b"a:1 a:3 "]})
    (error,) = wait_until(lambda: lines_of(server, "lake", "errors/processing-failed/"))
    assert base64.b64decode(error["rawData"]) == b"a:2? "
    changed.touch()
    server.kill9()
    server.start()
    put(firehose, "minded", "a:4 ")
    wait_until(lambda: waiting_of(server, "minded") == 2)  # beside b:1
    server.clock.advance(61)
    wait_until(lambda: len(by_partition(server, "lake")["a"]) == 2)
    assert sorted(by_partition(server, "lake")["a"]) == [b"a:1 a:3 ", b"a:4 "]
    assert lines_of(server, "lake", "errors/") == [error]


def test_records_that_hold_many_are_taken_apart_first(server, firehose, bucket, function, delivery):
    split = {"Type": "RecordDeAggregation", "Parameters": [
        {"ParameterName": "SubRecordType", "ParameterValue": "DELIMITED"},
        {"ParameterName": "Delimiter", "ParameterValue": base64.b64encode(b"##").decode()},
    ]}  # fmt: skip
    append = {"Type": "AppendDelimiterToRecord", "Parameters": [
        {"ParameterName": "Delimiter", "ParameterValue": "\\n"}]}  # fmt: skip
    name = delivery(function=function(BY_KEY), processors=[split, append], seconds=1, megabytes=64,
                    **PARTITIONED)  # fmt: skip
    put(firehose, name, "a:1##b:1##a:2", "b:2##")
    wait_until(lambda: by_partition(server, bucket) == {
        "a": [b"a:1\na:2\n"], "b": [b"b:1\nb:2\n"]})  # fmt: skip


def test_no_more_partitions_are_active_than_aws_allows(
    server, firehose, bucket, function, delivery
):
    name = delivery(function=function(BY_KEY), seconds=900, megabytes=64, **PARTITIONED)
    texts = [f"p{n}:x " for n in range(503)]
    put(firehose, name, *texts[:500])
    put(firehose, name, *texts[500:])
    wait_until(lambda: waiting_of(server, name) == 503)  # so that none has landed before the last
    wait_for_landing(server, deliveries=[name], flush=True)
    assert len(objects_of(server, bucket, "data/")) == 500
    errors = wait_until(lambda: lines_of(server, bucket, "errors/activePartitionExceeded/"))
    assert {base64.b64decode(e["rawData"]).decode() for e in errors} == set(texts[500:])
    assert {e["errorCode"] for e in errors} == {
        "DynamicPartitioning.ActivePartitionsLimitExceeded"}  # fmt: skip


# ---- the source's backup ----


def backup(bucket, seconds=0, megabytes=1, **more):
    return {
        "S3BackupMode": "Enabled",
        "S3BackupConfiguration": {
            "BucketARN": f"arn:aws:s3:::{bucket}",
            "RoleARN": "arn:aws:iam::000000000000:role/pipeline",
            "Prefix": "backup/",
            "BufferingHints": {"SizeInMBs": megabytes, "IntervalInSeconds": seconds},
            **more,
        },
    }


UPPER = """
import base64
def handler(event, context):
    rows = []
    for r in event["records"]:
        data = base64.b64decode(r["data"])
        rows.append({"recordId": r["recordId"], "result": "Dropped" if b"drop" in data else "Ok",
                     "data": base64.b64encode(data.upper()).decode()})
    return {"records": rows}
"""


def joined(server, bucket, prefix):
    return b"".join(objects_of(server, bucket, prefix).values())


def test_the_backup_holds_what_came_untransformed(server, firehose, bucket, function, delivery):
    name = delivery(function=function(UPPER), Prefix="data/", **backup(bucket))
    put(firehose, name, "one ", "drop ", "two ")
    wait_until(lambda: joined(server, bucket, "data/") == b"ONE TWO ")
    wait_until(lambda: joined(server, bucket, "backup/") == b"one drop two ")
    key = list(objects_of(server, bucket, "backup/"))[0]
    assert re.match(rf"backup/\d{{4}}/\d\d/\d\d/\d\d/{name}-1-", key)


def words(server, prefix):
    """Objects of one second come in any order."""
    found = joined(server, "lake", prefix).decode().split()
    assert len(found) == len(set(found)), "some landed twice"
    return set(found)


def test_the_backup_has_hints_of_its_own_and_loses_nothing_over_crashes(own_server):
    server = own_server
    server.client("s3").create_bucket(Bucket="lake")
    server.clock.hold()
    make_delivery(server, "kept", "lake", Prefix="data/", **backup("lake", seconds=60))
    firehose = unchecked(server, "firehose")
    put(firehose, "kept", "one ")
    wait_until(lambda: joined(server, "lake", "data/") == b"one ")
    server.kill9()  # the data has landed, its backup has not
    server.start()
    put(unchecked(server, "firehose"), "kept", "two ")
    wait_until(lambda: words(server, "data/") == {"one", "two"})
    assert joined(server, "lake", "backup/") == b""
    server.clock.advance(61)
    wait_until(lambda: words(server, "backup/") == {"one", "two"})
    server.kill9()
    server.start()
    put(unchecked(server, "firehose"), "kept", "three ")
    server.clock.advance(61)
    wait_until(lambda: words(server, "backup/") == {"one", "two", "three"})
    assert words(server, "data/") == {"one", "two", "three"}


def test_a_backup_that_is_added_later_begins_there(server, firehose, bucket, delivery):
    name = delivery(Prefix="data/")
    put(firehose, name, "before ")
    wait_until(lambda: joined(server, bucket, "data/") == b"before ")
    settings = backup(bucket)
    settings["S3BackupUpdate"] = settings.pop("S3BackupConfiguration")
    status, reply = firehose_wire(
        server, "UpdateDestination", DeliveryStreamName=name,
        CurrentDeliveryStreamVersionId="1", DestinationId="destinationId-000000000001",
        ExtendedS3DestinationUpdate=settings,
    )  # fmt: skip
    assert status == 200, reply
    put(firehose, name, "after ")
    wait_until(lambda: joined(server, bucket, "backup/") == b"after ")


def test_an_aggregate_of_the_kpl_is_taken_apart_before_the_function(
    server, client, bucket, function, delivery, stream
):
    import hashlib

    def field(number, data):
        return bytes([number << 3 | 2, len(data)]) + data

    records = [(0, b"a:1 "), (1, b"b:1 "), (0, b"a:2 ")]
    body = field(1, b"k0") + field(1, b"k1")
    for key, data in records:
        body += field(3, bytes([8, key]) + field(3, data))
    packed = b"\xf3\x89\x9a\xc2" + body + hashlib.md5(body).digest()
    echo = """
import base64, json
def handler(event, context):
    return {"records": [
        {"recordId": r["recordId"], "result": "Ok", "data": base64.b64encode(json.dumps(
            [r["recordId"][-6:], r["kinesisRecordMetadata"]["subsequenceNumber"],
             r["kinesisRecordMetadata"]["partitionKey"],
             base64.b64decode(r["data"]).decode()]).encode() + b"\\n").decode()}
        for r in event["records"]]}
"""
    source, arn = stream()
    delivery(source=arn, function=function(echo))
    client("kinesis").put_record(StreamName=source, Data=packed, PartitionKey="outer")
    rows = wait_until(lambda: lines_of(server, bucket))
    assert rows == [["000000", 0, "k0", "a:1 "], ["000001", 1, "k1", "b:1 "],
                    ["000002", 2, "k0", "a:2 "]]  # fmt: skip


def test_log_records_are_unpacked_and_their_messages_taken(server, firehose, bucket, delivery):
    import gzip

    processors = [
        {"Type": "Decompression", "Parameters": [
            {"ParameterName": "CompressionFormat", "ParameterValue": "GZIP"}]},
        {"Type": "CloudWatchLogProcessing", "Parameters": [
            {"ParameterName": "DataMessageExtraction", "ParameterValue": "true"}]},
    ]  # fmt: skip
    name = delivery(processors=processors, Prefix="data/",
                    ErrorOutputPrefix="errors/!{firehose:error-output-type}/")  # fmt: skip
    record = {"messageType": "DATA_MESSAGE", "logEvents": [{"message": "m1"}, {"message": "m2"}]}
    firehose.put_record_batch(DeliveryStreamName=name, Records=[
        {"Data": gzip.compress(json.dumps(record).encode())}, {"Data": b"not gzip"}])  # fmt: skip
    wait_until(lambda: joined(server, bucket, "data/") == b"m1\nm2\n")
    errors = wait_until(lambda: lines_of(server, bucket, "errors/decompression-failed/"))
    assert base64.b64decode(errors[0]["rawData"]) == b"not gzip"


def test_partitions_and_cursors_survive_kills(own_server):
    """Many partitions that land at different times, and a kill -9 between: each record once."""
    server = own_server
    server.client("s3").create_bucket(Bucket="lake")
    arn = make_stream(server, "ks", 2)
    function = make_function(server, "by-key", BY_KEY)
    make_delivery(server, "crashed", "lake", source=arn, seconds=1, megabytes=64,
                  processors=[{"Type": "Lambda", "Parameters": [
                      {"ParameterName": "LambdaArn", "ParameterValue": function},
                      {"ParameterName": "BufferSizeInMBs", "ParameterValue": "0.2"},
                      {"ParameterName": "BufferIntervalInSeconds", "ParameterValue": "0"}]}],
                  **backup("lake", seconds=1), **PARTITIONED)  # fmt: skip
    wanted = []
    for round_ in range(4):
        kinesis = server.client("kinesis")
        for n in range(12):
            texts = [f"p{(n * 7 + i) % 13}:{round_}.{n}.{i} " for i in range(8)]
            kinesis.put_records(StreamName="ks", Records=[
                {"Data": text.encode(), "PartitionKey": text} for text in texts])  # fmt: skip
            wanted += texts
        if round_ < 3:
            server.kill9()
            server.start()
    size = sum(map(len, wanted))

    def landed(prefix):
        whole = joined(server, "lake", prefix)
        assert len(whole) <= size, "more landed than was put"
        return len(whole) == size and whole

    for prefix in ("data/", "backup/"):
        whole = wait_until(lambda prefix=prefix: landed(prefix))
        assert sorted(whole.decode().split()) == sorted(text.strip() for text in wanted)
    assert lines_of(server, "lake", "errors/") == []


# ---- partition keys by a query ----


def extraction(query):
    return {"Type": "MetadataExtraction", "Parameters": [
        {"ParameterName": "MetadataExtractionQuery", "ParameterValue": query},
        {"ParameterName": "JsonParsingEngine", "ParameterValue": "JQ-1.6"},
    ]}  # fmt: skip


def queried(prefix):
    return {**PARTITIONED, "Prefix": prefix}


def test_a_query_of_jq_gives_the_keys(server, firehose, bucket, delivery):
    query = '{k: .customer.id, "day": (.at | strftime("%Y-%m-%d")), n: .n}'
    name = delivery(
        processors=[
            {"Type": "RecordDeAggregation", "Parameters": [
                {"ParameterName": "SubRecordType", "ParameterValue": "JSON"}]},
            extraction(query),
            {"Type": "AppendDelimiterToRecord", "Parameters": [
                {"ParameterName": "Delimiter", "ParameterValue": "\\n"}]},
        ],
        seconds=1, megabytes=64,
        **queried("data/k=!{partitionKeyFromQuery:k}/!{partitionKeyFromQuery:day}"
                  "/!{partitionKeyFromQuery:n}/!{timestamp:yyyy}/"),
    )  # fmt: skip
    rows = [
        {"customer": {"id": "é/x"}, "at": 1718000000, "n": 7},
        {"customer": {"id": "b"}, "at": 1718100000, "n": True},
        {"customer": {"id": "é/x"}, "at": 1718000001, "n": 7},
    ]
    first = json.dumps(rows[0]) + json.dumps(rows[1])
    bad = ["nonsense", json.dumps({"customer": {"id": ""}, "at": 1, "n": 1}),
           json.dumps({"customer": {"id": "c"}, "at": "x", "n": 1}),
           json.dumps({"customer": {"id": ["c"]}, "at": 1, "n": 1})]  # fmt: skip
    put(firehose, name, first, json.dumps(rows[2]), *bad)
    wait_until(lambda: len(objects_of(server, bucket, "data/")) == 2)
    found = objects_of(server, bucket, "data/")
    folders = {re.sub(r"\d{4}/[^/]*$", "", key): body for key, body in found.items()}
    assert folders == {
        "data/k=é/x/2024-06-10/7/": f"{json.dumps(rows[0])}\n{json.dumps(rows[2])}\n".encode(),
        "data/k=b/2024-06-11/true/": f"{json.dumps(rows[1])}\n".encode(),
    }
    errors = wait_until(lambda: len(lines_of(server, bucket, "errors/")) == 4
                        and lines_of(server, bucket, "errors/"))  # fmt: skip
    told = {base64.b64decode(e["rawData"]).decode(): e["errorMessage"] for e in errors}
    assert {e["errorCode"] for e in errors} == {"DynamicPartitioning.MetadataExtractionFailed"}
    assert told[bad[0]] == "Non JSON record provided"
    assert told[bad[1]] == told[bad[3]] == "partitionKeys values must not be null or empty"
    assert "strftime" in told[bad[2]]


def test_a_query_and_a_function_may_both_give_keys(server, firehose, bucket, function, delivery):
    split = """
import base64, json
def handler(event, context):
    return {"records": [
        {"recordId": r["recordId"], "result": "Ok",
         "data": base64.b64encode(b'{"changed":"yes"}').decode(),
         "metadata": {"partitionKeys": {"f": "by-function"}}} for r in event["records"]]}
"""
    name = delivery(
        function=function(split), processors=[extraction("{q: .changed}")], seconds=1, megabytes=64,
        **queried("data/!{partitionKeyFromLambda:f}/!{partitionKeyFromQuery:q}/"),
    )  # fmt: skip
    put(firehose, name, '{"changed":"no"}')
    key = wait_until(lambda: list(objects_of(server, bucket, "data/")))[0]
    assert key.startswith("data/by-function/yes/")


def test_a_query_that_eats_memory_fails_its_record_and_no_other(
    server, firehose, bucket, delivery
):
    query = '{k: (if .k == "bomb" then ([range(1e12)] | length) else .k end)}'
    name = delivery(processors=[extraction(query)], seconds=1, megabytes=64,
                    **queried("data/k=!{partitionKeyFromQuery:k}/"))  # fmt: skip
    put(firehose, name, *[json.dumps({"k": k}) for k in ("a", "bomb", "b", "a")])
    wait_until(lambda: len(by_partition(server, bucket)) == 2)
    found = by_partition(server, bucket)
    assert found == {"a": [b'{"k": "a"}{"k": "a"}'], "b": [b'{"k": "b"}']}
    (error,) = wait_until(lambda: lines_of(server, bucket, "errors/"))
    assert "took too long, or too much memory" in error["errorMessage"]


def test_a_query_sees_nothing_of_the_server(server, firehose, bucket, delivery):
    name = delivery(processors=[extraction("{k: (env | keys | join(\",\"))}")], seconds=1,
                    megabytes=64, **queried("data/k=!{partitionKeyFromQuery:k}/"))  # fmt: skip
    put(firehose, name, "{}")
    assert list(wait_until(lambda: by_partition(server, bucket))) == ["LC_ALL,TZ"]


def test_queries_are_checked_when_they_are_given(server, bucket, fresh):
    def refused_words(query, prefix, engine="JQ-1.6"):
        processor = extraction(query)
        processor["Parameters"][1]["ParameterValue"] = engine
        status, reply = firehose_wire(
            server, "CreateDeliveryStream", DeliveryStreamName=fresh("dl"),
            ExtendedS3DestinationConfiguration={
                "BucketARN": f"arn:aws:s3:::{bucket}",
                "RoleARN": "arn:aws:iam::000000000000:role/pipeline",
                "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 60},
                "ProcessingConfiguration": {"Enabled": True, "Processors": [processor]},
                **queried(prefix),
            },
        )  # fmt: skip
        assert (status, reply["__type"]) == (400, "InvalidArgumentException"), reply
        return reply["message"]

    one = "!{partitionKeyFromQuery:a}/"
    assert refused_words("{a: .a, b: .b}", one) == (
        "MetaDataExtraction JQ Query can't contain keys that are not present in the S3 Prefix "
        "expression"
    )
    assert "can't contain keys that are not present in the MetaDataExtraction" in refused_words(
        "{a: .a}", one + "!{partitionKeyFromQuery:b}/")  # fmt: skip
    assert refused_words("{a: .a}", one, "JQ-1.7") == (
        "MetaDataExtraction JSON Parsing Engine has to be one of JQ-1.6"
    )
    assert "MetaDataExtraction JQ Query is not valid" in refused_words("{a: (.a}", one)
    assert "nothing_such" in refused_words("{a: nothing_such}", one)
