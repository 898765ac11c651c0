"""The checker itself: a right reply passes, and each kind of wrong one is told."""

import json
import zlib

import pytest

from support import conform_plugin
from support.conform import check_reply

UUID = "01234567-89ab-cdef-0123-456789abcdef"
DATE = "Sat, 22 Nov 2025 20:00:00 GMT"
STREAM = {
    "StreamDescriptionSummary": {
        "StreamName": "s", "StreamARN": "arn:aws:kinesis:us-east-1:000000000000:stream/s",
        "StreamStatus": "ACTIVE", "RetentionPeriodHours": 24,
        "StreamCreationTimestamp": 1700000000.5, "EnhancedMonitoring": [], "OpenShardCount": 1,
    }
}


def kinesis(body, status=200, operation="DescribeStreamSummary", **headers):
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"x-amzn-requestid": UUID, "date": DATE, "x-amz-id-2": "aaa",
             "content-type": "application/x-amz-json-1.1", **headers}
    return check_reply("kinesis", operation, status, given, text)


def summary(**changes):
    inner = {**STREAM["StreamDescriptionSummary"], **changes}
    return {"StreamDescriptionSummary": {k: v for k, v in inner.items() if v != "absent"}}


def test_a_right_reply_passes():
    assert kinesis(STREAM) == []
    assert kinesis(b"", operation="CreateStream") == []


@pytest.mark.parametrize(
    "changes, text",
    [
        ({"Surprise": 1}, "Surprise: is not in the model"),
        ({"StreamName": None}, "StreamName: is null"),
        ({"StreamName": 7}, "StreamName: is 7, not a string"),
        ({"StreamStatus": "BUSY"}, "StreamStatus: is 'BUSY', none of"),
        ({"StreamName": "absent"}, "StreamName: is required and absent"),
        ({"RetentionPeriodHours": "24"}, "not a whole number"),
        ({"RetentionPeriodHours": 24.0}, "not a whole number"),
        ({"RetentionPeriodHours": 1 << 40}, "beyond integer"),
        ({"StreamCreationTimestamp": "2025-01-01"}, "not epoch seconds"),
        ({"StreamCreationTimestamp": 1700000000500}, "not epoch seconds"),
        ({"EnhancedMonitoring": {}}, "is dict, not an array"),
    ],
)
def test_a_wrong_member_is_told(changes, text):
    (found,) = kinesis(summary(**changes))
    assert text in found


@pytest.mark.parametrize(
    "body, headers, text",
    [
        (b"", {}, "Expecting value"),
        (b'{"StreamDescriptionSummary":NaN}', {}, "is not JSON"),
        (b'{"a":1,"a":2}', {}, "comes twice"),
        (STREAM, {"x-amzn-requestid": "1"}, "x-amzn-requestid"),
        (STREAM, {"content-type": "text/plain"}, "content-type"),
        (STREAM, {"date": "today"}, "date"),
    ],
)
def test_a_wrong_frame_is_told(body, headers, text):
    assert any(text in found for found in kinesis(body, **headers))


def test_a_blob_must_be_base64():
    def records(data):
        record = {"SequenceNumber": "1", "Data": data, "PartitionKey": "k"}
        return kinesis({"Records": [record]}, operation="GetRecords")

    assert records("aGk=") == []
    assert "not base64" in records("hi!")[0]


def test_errors_are_declared_or_common():
    assert kinesis({"__type": "ResourceNotFoundException", "message": "x"}, 400) == []
    assert kinesis({"__type": "ValidationException", "message": "x"}, 400) == []
    assert "neither declared" in kinesis({"__type": "Odd", "message": "x"}, 400)[0]
    assert "is a 500" in kinesis({"__type": "InternalFailure"}, 500)[0]
    assert "not 400" in kinesis({"__type": "ResourceNotFoundException"}, 404)[0]
    assert "not in the model" in kinesis({"__type": "ResourceNotFoundException", "x": 1}, 400)[0]


def test_dynamodb_has_a_right_crc32():
    body = b'{"TableNames":[]}'
    given = {"x-amzn-requestid": "A" * 52, "date": DATE,
             "content-type": "application/x-amz-json-1.0", "x-amz-crc32": str(zlib.crc32(body))}
    assert check_reply("dynamodb", "ListTables", 200, given, body) == []
    given["x-amz-crc32"] = "7"
    assert "x-amz-crc32" in check_reply("dynamodb", "ListTables", 200, given, body)[0]


S3 = {"x-amz-request-id": "0123456789ABCDEF", "x-amz-id-2": "x", "date": DATE}
NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


@pytest.mark.parametrize(
    "inside, text",
    [
        ("<Name>b</Name><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated>", None),
        ("<Contents><Key>a</Key><Size>1</Size></Contents><Contents><Key>b</Key></Contents>", None),
        ("<IsTruncated>False</IsTruncated>", "not boolean"),
        ("<KeyCount>many</KeyCount>", "not integer"),
        ("<Name>a</Name><Name>b</Name>", "comes twice"),
        ("<Odd/>", "Odd: is not in the model"),
        ("<Contents><LastModified>yesterday</LastModified></Contents>", "not a time"),
        ("<Contents><StorageClass>WARM</StorageClass></Contents>", "none of the model's"),
    ],
)
def test_xml_is_compared_by_its_elements(inside, text):
    body = f"<ListBucketResult {NAMESPACE}>{inside}</ListBucketResult>".encode()
    found = check_reply("s3", "ListObjectsV2", 200, {**S3, "content-type": "application/xml"}, body)
    assert (found == []) if text is None else (text in found[0])


def test_s3_headers_are_compared_with_the_model():
    good = {**S3, "etag": '"x"', "x-amz-checksum-type": "FULL_OBJECT"}
    assert check_reply("s3", "PutObject", 200, good, b"") == []
    found = check_reply("s3", "PutObject", 200, {**good, "x-amz-odd": "1"}, b"")
    assert found == ["header x-amz-odd: is not in the model"]
    found = check_reply("s3", "PutObject", 200, {**good, "x-amz-checksum-type": "HALF"}, b"")
    assert "none of the model's" in found[0]


def test_a_query_reply_has_its_wrappers():
    def sts(text):
        given = {"x-amzn-requestid": UUID, "date": DATE, "content-type": "text/xml"}
        return check_reply("sts", "GetCallerIdentity", 200, given, text.encode())

    head = '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
    result = "<GetCallerIdentityResult><Account>1</Account></GetCallerIdentityResult>"
    end = "</GetCallerIdentityResponse>"
    tail = "<ResponseMetadata><RequestId>x</RequestId></ResponseMetadata>" + end
    assert sts(head + result + tail) == []
    assert "GetCallerIdentityResult: is absent" in sts(head + tail)[0]
    assert "has no RequestId" in sts(head + result + end)[0]


def test_the_clients_of_this_run_are_looked_at(client):
    client("sts").get_caller_identity()
    assert ("sts", "GetCallerIdentity") in conform_plugin.succeeded


def test_a_reply_that_differs_is_kept_for_the_report():
    context = {"millrace_operation": ("kinesis", "CreateStream")}
    reply = {"status_code": 200, "headers": {}, "body": b"x"}
    conform_plugin._check(response_dict=reply, context=context)
    assert any("kinesis CreateStream 200" in text for text in conform_plugin._take())
