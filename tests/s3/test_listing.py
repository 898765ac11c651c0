"""Listings, against an oracle that cannot be wrong."""

import itertools
import random

import pytest

from s3.conftest import keys, refused


@pytest.fixture(scope="module")
def filled(server):
    """A bucket with some hundred keys, and the keys in order."""
    s3 = server.client("s3")
    bucket = "listing-oracle"
    s3.create_bucket(Bucket=bucket)
    draw = random.Random(20251122)
    parts = ["a", "b", "b!", "c d", "e+f", "ü", "0", "~"]
    names = {
        "/".join(draw.choice(parts) for _ in range(draw.randint(1, 4))) + draw.choice(["", "/"])
        for _ in range(300)
    }
    for name in names:
        s3.put_object(Bucket=bucket, Key=name, Body=b"")
    return bucket, sorted(names, key=lambda name: name.encode())


def oracle(names, prefix="", delimiter="", after=""):
    """(kind, text) in order."""
    rows = []
    for name in names:
        if not name.startswith(prefix) or name.encode() <= after.encode():
            continue
        at = name.find(delimiter, len(prefix)) if delimiter else -1
        row = ("key", name) if at < 0 else ("prefix", name[: at + len(delimiter)])
        if row not in rows:
            rows.append(row)
    return rows


def rows_of(page):
    found = [("key", row["Key"]) for row in page.get("Contents", [])]
    found += [("prefix", row["Prefix"]) for row in page.get("CommonPrefixes", [])]
    return sorted(found, key=lambda row: row[1].encode())


CASES = itertools.product(
    ["", "a", "b/", "b!", "c d/", "none"], ["", "/", "b", "d/e"], [1, 7, 1000])


@pytest.mark.parametrize("operation", ["list_objects_v2", "list_objects"])
@pytest.mark.parametrize("prefix, delimiter, size", [
    case for case in CASES if case[0] or case[2] > 1])  # all one by one would take long
def test_pages_joined_equal_the_oracle(s3, filled, operation, prefix, delimiter, size):
    bucket, names = filled
    more = {"Prefix": prefix} if prefix else {}
    if delimiter:
        more["Delimiter"] = delimiter
    pages = s3.get_paginator(operation).paginate(
        Bucket=bucket, PaginationConfig={"PageSize": size}, **more)
    found = []
    for page in pages:
        rows = rows_of(page)
        assert len(rows) <= size
        if operation == "list_objects_v2":
            assert page["KeyCount"] == len(rows)
        found += rows
    assert found == oracle(names, prefix, delimiter)


@pytest.mark.parametrize("after", ["a", "b/", "b/a", "e+f", "zzz", "ü"])
def test_a_listing_starts_behind_a_name(s3, filled, after):
    bucket, names = filled
    assert keys(s3, bucket, StartAfter=after) == [row[1] for row in oracle(names, after=after)]


def test_the_reply_says_what_was_asked(s3, filled):
    bucket, _ = filled
    page = s3.list_objects_v2(Bucket=bucket, Prefix="b", Delimiter="/", MaxKeys=1, StartAfter="b")
    assert (page["Name"], page["Prefix"], page["Delimiter"]) == (bucket, "b", "/")
    assert (page["MaxKeys"], page["KeyCount"], page["StartAfter"]) == (1, 1, "b")
    assert page["IsTruncated"] is True
    assert page["NextContinuationToken"]
    page = s3.list_objects_v2(Bucket=bucket, MaxKeys=0)
    assert (page["KeyCount"], page["IsTruncated"]) == (0, False)
    assert s3.list_objects_v2(Bucket=bucket, MaxKeys=5000)["MaxKeys"] == 1000


def test_owners_are_told_when_asked_for(s3, filled):
    bucket, _ = filled
    assert "Owner" not in s3.list_objects_v2(Bucket=bucket, MaxKeys=1)["Contents"][0]
    asked = s3.list_objects_v2(Bucket=bucket, MaxKeys=1, FetchOwner=True)["Contents"][0]
    assert asked["Owner"]["ID"] == s3.list_buckets()["Owner"]["ID"]
    row = s3.list_objects(Bucket=bucket, MaxKeys=1)["Contents"][0]
    assert row["Owner"]["ID"]
    assert (row["Size"], row["StorageClass"]) == (0, "STANDARD")
    assert row["ETag"] == '"d41d8cd98f00b204e9800998ecf8427e"'


def test_names_are_encoded_when_asked_for(server, filled):
    bucket, _ = filled
    plain = server.request("GET", f"/{bucket}?list-type=2&prefix=c%20d&max-keys=1")[2]
    assert b"<Prefix>c d</Prefix>" in plain
    coded = server.request(
        "GET", f"/{bucket}?list-type=2&prefix=e%2Bf&max-keys=1&encoding-type=url")[2]
    assert b"<Prefix>e%2Bf</Prefix>" in coded
    assert b"<EncodingType>url</EncodingType>" in coded


def test_what_cannot_be_listed_is_refused(s3, server, filled):
    bucket, _ = filled
    for token in ("rubbish", "AAAA"):
        error = refused(s3.list_objects_v2, "InvalidArgument", 400, Bucket=bucket,
                        ContinuationToken=token)
        assert error["Message"] == "The continuation token provided is incorrect"
        assert error["ArgumentName"] == "continuation-token"
    refused(s3.list_objects_v2, "InvalidArgument", 400, Bucket=bucket, ContinuationToken="")
    error = refused(s3.list_objects_v2, "InvalidArgument", 400, Bucket=bucket, MaxKeys=-1)
    assert error["ArgumentName"] == "maxKeys"
    status, _, text = server.request("GET", f"/{bucket}?encoding-type=xml")
    assert (status, b"Invalid Encoding Method specified in Request" in text) == (400, True)


def test_versions_of_a_bucket_without_versions(s3, bucket):
    for name in ("a", "b", "c/d"):
        s3.put_object(Bucket=bucket, Key=name, Body=b"x")
    page = s3.list_object_versions(Bucket=bucket, Delimiter="/")
    assert [(row["Key"], row["VersionId"], row["IsLatest"]) for row in page["Versions"]] == [
        ("a", "null", True), ("b", "null", True)]
    assert [row["Prefix"] for row in page["CommonPrefixes"]] == ["c/"]
