"""ListMultipartUploads and ListParts in pages, as AWS was recorded."""

import pytest

from s3.conftest import refused


def begin(s3, bucket, *names):
    return [s3.create_multipart_upload(Bucket=bucket, Key=name)["UploadId"] for name in names]


def rows(reply):
    return [(row["Key"], row["UploadId"]) for row in reply.get("Uploads", [])]


def nexts(reply):
    return reply["IsTruncated"], reply["NextKeyMarker"], reply["NextUploadIdMarker"]


def test_uploads_of_a_key_come_in_the_order_they_were_begun(s3, bucket):
    ids = begin(s3, bucket, *["k"] * 12)
    assert rows(s3.list_multipart_uploads(Bucket=bucket)) == [("k", it) for it in ids]
    pages = s3.get_paginator("list_multipart_uploads").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 5})
    assert [row for page in pages for row in rows(page)] == [("k", it) for it in ids]


def test_the_next_markers_are_always_told(s3, bucket):
    a, b, c = begin(s3, bucket, "a", "a", "b")
    ask = {"Bucket": bucket, "MaxUploads": 1}
    assert nexts(s3.list_multipart_uploads(**ask)) == (True, "a", a)
    reply = s3.list_multipart_uploads(**ask, KeyMarker="a", UploadIdMarker=a)
    assert (rows(reply), nexts(reply)) == ([("a", b)], (True, "a", b))
    reply = s3.list_multipart_uploads(**ask, KeyMarker="a")
    assert (rows(reply), nexts(reply)) == ([("b", c)], (False, "b", c))
    reply = s3.list_multipart_uploads(**ask, KeyMarker="b")
    assert (rows(reply), nexts(reply)) == ([], (False, "", ""))
    reply = s3.list_multipart_uploads(**ask, UploadIdMarker=b)  # counts beside a key alone
    assert (rows(reply), reply["UploadIdMarker"]) == ([("a", a)], "")


def test_common_prefixes_leave_no_next_markers(s3, bucket):
    begin(s3, bucket, "t/x/1", "t/x/2", "t/y/1")
    reply = s3.list_multipart_uploads(Bucket=bucket, Prefix="t/", Delimiter="/")
    assert [row["Prefix"] for row in reply["CommonPrefixes"]] == ["t/x/", "t/y/"]
    assert nexts(reply) == (False, "", "")
    reply = s3.list_multipart_uploads(Bucket=bucket, Prefix="t/", Delimiter="/", MaxUploads=1)
    assert nexts(reply) == (True, "t/x/", "")
    reply = s3.list_multipart_uploads(Bucket=bucket, Prefix="t/", Delimiter="/", KeyMarker="t/x/")
    assert [row["Prefix"] for row in reply["CommonPrefixes"]] == ["t/y/"]


def test_a_marker_of_another_key_is_refused_and_one_that_is_over_is_not(s3, bucket):
    a, b = begin(s3, bucket, "a", "b")
    error = refused(s3.list_multipart_uploads, "InvalidArgument", 400, Bucket=bucket,
                    KeyMarker="a", UploadIdMarker=b)
    assert error["Message"] == "Invalid uploadId marker"
    assert (error["ArgumentName"], error["ArgumentValue"]) == ("upload-id-marker", b)
    s3.abort_multipart_upload(Bucket=bucket, Key="a", UploadId=a)
    reply = s3.list_multipart_uploads(Bucket=bucket, KeyMarker="a", UploadIdMarker=a)
    assert rows(reply) == [("b", b)]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("max-uploads=-1", b"Argument max-uploads must be an integer between 0 and 2147483647"),
        ("max-uploads=x", b"Provided max-uploads not an integer or within integer range"),
        ("encoding-type=hex", b"Invalid Encoding Method specified in Request"),
    ],
)
def test_what_cannot_be_listed_is_refused(server, bucket, query, words):
    status, _, text = server.request("GET", f"/{bucket}?uploads&{query}")
    assert (status, words in text) == (400, True)


def test_the_last_page_of_parts_tells_its_last_part(s3, bucket):
    upload = {"Bucket": bucket, "Key": "k", "UploadId": begin(s3, bucket, "k")[0]}
    reply = s3.list_parts(**upload)
    assert (reply["NextPartNumberMarker"], reply["IsTruncated"]) == (0, False)
    for number in (1, 2):
        s3.upload_part(**upload, PartNumber=number, Body=b"test")
    reply = s3.list_parts(**upload, MaxParts=1, PartNumberMarker=1)
    assert (reply["NextPartNumberMarker"], reply["IsTruncated"]) == (2, False)
    reply = s3.list_parts(**upload, MaxParts=1, PartNumberMarker=10)
    assert (reply["NextPartNumberMarker"], reply.get("Parts", [])) == (0, [])
