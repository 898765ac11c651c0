"""Versions: kept, named, hidden by delete markers, listed in order, removed one by one."""

import random
import re

import pytest

from s3.conftest import LARGE, bodies, keys, refused


def versioning(s3, bucket, status):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})


@pytest.fixture
def kept(s3, bucket):
    versioning(s3, bucket, "Enabled")
    return bucket


def put(s3, bucket, key, body):
    return s3.put_object(Bucket=bucket, Key=key, Body=body).get("VersionId")


def versions(s3, bucket, **arguments):
    """(key, version id, is latest, is a marker) in the order of the listing."""
    rows = []
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, **arguments):
        rows += [(row, False) for row in page.get("Versions", [])]
        rows += [(row, True) for row in page.get("DeleteMarkers", [])]
    return [(row["Key"], row["VersionId"], row["IsLatest"], marker) for row, marker in rows]


def body_of(s3, bucket, key, **arguments):
    return s3.get_object(Bucket=bucket, Key=key, **arguments)["Body"].read()


def test_versioning_is_configured_and_told(s3, bucket):
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    for status in ("Enabled", "Suspended", "Enabled"):
        versioning(s3, bucket, status)
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == status
    refused(s3.put_bucket_versioning, "MalformedXML", 400, Bucket=bucket,
            VersioningConfiguration={"Status": "Off"})
    refused(s3.put_bucket_versioning, "NotImplemented", 501, Bucket=bucket,
            VersioningConfiguration={"Status": "Enabled", "MFADelete": "Enabled"})
    refused(s3.put_bucket_versioning, "IllegalVersioningConfigurationException", 400,
            Bucket=bucket, VersioningConfiguration={})


def test_every_put_is_a_version_that_can_be_read(s3, kept):
    ids = [put(s3, kept, "k", body) for body in (b"one", b"two", b"three" * LARGE)]
    assert len(set(ids)) == 3 and all(len(name) == 32 for name in ids)
    assert body_of(s3, kept, "k") == b"three" * LARGE
    assert body_of(s3, kept, "k", VersionId=ids[0]) == b"one"
    assert s3.head_object(Bucket=kept, Key="k", VersionId=ids[1])["ContentLength"] == 3
    got = s3.get_object(Bucket=kept, Key="k")
    assert got["VersionId"] == ids[2]
    assert [row[1:] for row in versions(s3, kept)] == [
        (ids[2], True, False), (ids[1], False, False), (ids[0], False, False)]
    assert keys(s3, kept) == ["k"]
    attributes = s3.get_object_attributes(Bucket=kept, Key="k", VersionId=ids[0],
                                          ObjectAttributes=["ObjectSize"])
    assert (attributes["ObjectSize"], attributes["VersionId"]) == (3, ids[0])


def test_versions_and_markers_are_listed_in_one_order(server, s3, kept):
    for key in ("a", "b", "c"):
        put(s3, kept, key, b"x")
    for key in ("a", "b"):
        s3.delete_object(Bucket=kept, Key=key)
    put(s3, kept, "a", b"y")
    _, _, text = server.request("GET", f"/{kept}?versions")
    assert re.findall("<(Version|DeleteMarker)>.*?<Key>(.)</Key>", text.decode()) == [
        ("Version", "a"), ("DeleteMarker", "a"), ("Version", "a"),
        ("DeleteMarker", "b"), ("Version", "b"), ("Version", "c")]
    assert "turns" not in text.decode()
    found = s3.list_object_versions(Bucket=kept)
    assert [row["Key"] for row in found["Versions"]] == ["a", "a", "b", "c"]
    assert [row["Key"] for row in found["DeleteMarkers"]] == ["a", "b"]


def test_a_delete_hides_the_object_behind_a_marker(s3, kept):
    first = put(s3, kept, "k", b"one")
    gone = s3.delete_object(Bucket=kept, Key="k")
    assert gone["DeleteMarker"] is True
    error = s3.exceptions.NoSuchKey
    with pytest.raises(error) as caught:
        s3.get_object(Bucket=kept, Key="k")
    headers = caught.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amz-delete-marker"] == "true"
    assert headers["x-amz-version-id"] == gone["VersionId"]
    assert keys(s3, kept) == []
    refused(s3.get_object, "MethodNotAllowed", 405, Bucket=kept, Key="k",
            VersionId=gone["VersionId"])
    refused(s3.head_object, "405", 405, Bucket=kept, Key="k", VersionId=gone["VersionId"])
    assert body_of(s3, kept, "k", VersionId=first) == b"one"
    assert versions(s3, kept) == [("k", first, False, False), ("k", gone["VersionId"], True, True)]
    # The marker taken away, the object is back.
    again = s3.delete_object(Bucket=kept, Key="k", VersionId=gone["VersionId"])
    assert (again["DeleteMarker"], again["VersionId"]) == (True, gone["VersionId"])
    assert body_of(s3, kept, "k") == b"one"
    assert versions(s3, kept) == [("k", first, True, False)]


def test_a_marker_is_made_even_for_what_was_never_there(s3, kept):
    marker = s3.delete_object(Bucket=kept, Key="none")["VersionId"]
    assert versions(s3, kept) == [("none", marker, True, True)]


def test_a_version_deleted_by_its_name_is_gone_for_good(own_server):
    s3 = own_server.client("s3")
    s3.create_bucket(Bucket="lake")
    versioning(s3, "lake", "Enabled")
    ids = [put(s3, "lake", "k", bytes([i]) * LARGE) for i in range(3)]
    assert len(bodies(own_server)) == 3
    gone = s3.delete_object(Bucket="lake", Key="k", VersionId=ids[2])
    assert gone["VersionId"] == ids[2] and "DeleteMarker" not in gone
    assert body_of(s3, "lake", "k") == bytes([1]) * LARGE
    refused(s3.get_object, "NoSuchVersion", 404, Bucket="lake", Key="k", VersionId=ids[2])
    assert s3.delete_object(Bucket="lake", Key="k", VersionId=ids[2])["VersionId"] == ids[2]
    s3.delete_object(Bucket="lake", Key="k", VersionId=ids[0])
    s3.delete_object(Bucket="lake", Key="k", VersionId=ids[1])
    refused(s3.get_object, "NoSuchKey", 404, Bucket="lake", Key="k")
    own_server.restart()
    assert bodies(own_server) == []
    s3.delete_bucket(Bucket="lake")


def test_ids_that_name_nothing_are_refused(s3, kept):
    put(s3, kept, "k", b"x")
    error = refused(s3.get_object, "InvalidArgument", 400, Bucket=kept, Key="k", VersionId="bad")
    assert error["Message"] == "Invalid version id specified"
    assert error["ArgumentName"] == "versionId"
    error = refused(s3.get_object, "NoSuchVersion", 404, Bucket=kept, Key="k", VersionId="A" * 32)
    assert error["Message"] == "The specified version does not exist."
    refused(s3.get_object, "NoSuchVersion", 404, Bucket=kept, Key="k", VersionId="null")
    refused(s3.delete_object, "InvalidArgument", 400, Bucket=kept, Key="k", VersionId="bad")


def test_null_is_replaced_by_null_alone(s3, bucket):
    put(s3, bucket, "k", b"before")
    versioning(s3, bucket, "Enabled")
    assert s3.get_object(Bucket=bucket, Key="k")["VersionId"] == "null"
    own = put(s3, bucket, "k", b"own")
    assert body_of(s3, bucket, "k", VersionId="null") == b"before"
    versioning(s3, bucket, "Suspended")
    assert put(s3, bucket, "k", b"null again") == "null"
    assert versions(s3, bucket) == [("k", "null", True, False), ("k", own, False, False)]
    assert body_of(s3, bucket, "k", VersionId="null") == b"null again"
    marker = s3.delete_object(Bucket=bucket, Key="k")
    assert (marker["DeleteMarker"], marker["VersionId"]) == (True, "null")
    assert versions(s3, bucket) == [("k", own, False, False), ("k", "null", True, True)]
    put(s3, bucket, "k", b"third")
    assert versions(s3, bucket) == [("k", "null", True, False), ("k", own, False, False)]
    versioning(s3, bucket, "Enabled")
    last = put(s3, bucket, "k", b"last")
    assert versions(s3, bucket) == [
        ("k", last, True, False), ("k", "null", False, False), ("k", own, False, False)]
    s3.delete_object(Bucket=bucket, Key="k", VersionId="null")
    s3.delete_object(Bucket=bucket, Key="k", VersionId=last)
    assert body_of(s3, bucket, "k") == b"own"


def test_a_bucket_with_versions_is_not_deleted(s3, kept):
    version = put(s3, kept, "k", b"x")
    marker = s3.delete_object(Bucket=kept, Key="k")["VersionId"]
    error = refused(s3.delete_bucket, "BucketNotEmpty", 409, Bucket=kept)
    assert error["Message"].endswith("You must delete all versions in the bucket.")
    names = [{"Key": "k", "VersionId": name} for name in (version, marker)]
    gone = s3.delete_objects(Bucket=kept, Delete={"Objects": names})["Deleted"]
    assert gone == [{"Key": "k", "VersionId": version},
                    {"Key": "k", "VersionId": marker, "DeleteMarker": True,
                     "DeleteMarkerVersionId": marker}]
    s3.delete_bucket(Bucket=kept)


def test_many_deletes_make_markers(s3, kept):
    put(s3, kept, "a", b"x")
    gone = s3.delete_objects(Bucket=kept, Delete={"Objects": [
        {"Key": "a"}, {"Key": "b"}, {"Key": "a", "VersionId": "rubbish"}]})
    assert [(row["Key"], row["DeleteMarker"]) for row in gone["Deleted"]] == [
        ("a", True), ("b", True)]
    assert gone["Errors"][0]["Code"] == "NoSuchVersion"
    assert {row[1] for row in versions(s3, kept) if row[3]} == {
        row["DeleteMarkerVersionId"] for row in gone["Deleted"]}


def test_copies_and_uploads_are_versions_too(s3, kept):
    first = put(s3, kept, "k", b"one")
    put(s3, kept, "k", b"two")
    source = {"Bucket": kept, "Key": "k", "VersionId": first}
    copied = s3.copy_object(Bucket=kept, Key="k", CopySource=source)
    assert copied["CopySourceVersionId"] == first
    assert copied["VersionId"] not in (first, None)
    assert body_of(s3, kept, "k") == b"one"
    upload = s3.create_multipart_upload(Bucket=kept, Key="k")["UploadId"]
    where = {"Bucket": kept, "Key": "k", "UploadId": upload}
    part = s3.upload_part_copy(**where, PartNumber=1, CopySource=source)
    assert part["CopySourceVersionId"] == first
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]}
    done = s3.complete_multipart_upload(**where, MultipartUpload=parts)
    assert s3.get_object(Bucket=kept, Key="k")["VersionId"] == done["VersionId"]
    assert len(versions(s3, kept)) == 4
    marker = s3.delete_object(Bucket=kept, Key="k")["VersionId"]
    refused(s3.copy_object, "InvalidRequest", 400, Bucket=kept, Key="other",
            CopySource={"Bucket": kept, "Key": "k", "VersionId": marker})
    refused(s3.copy_object, "NoSuchKey", 404, Bucket=kept, Key="other",
            CopySource={"Bucket": kept, "Key": "k"})


def test_each_version_has_its_own_tags(s3, kept):
    first = put(s3, kept, "k", b"one")
    second = put(s3, kept, "k", b"two")
    tags = {"TagSet": [{"Key": "a", "Value": "1"}]}
    s3.put_object_tagging(Bucket=kept, Key="k", VersionId=first, Tagging=tags)
    got = s3.get_object_tagging(Bucket=kept, Key="k", VersionId=first)
    assert (got["TagSet"], got["VersionId"]) == (tags["TagSet"], first)
    got = s3.get_object_tagging(Bucket=kept, Key="k")
    assert (got["TagSet"], got["VersionId"]) == ([], second)
    s3.delete_object_tagging(Bucket=kept, Key="k", VersionId=first)
    assert s3.get_object_tagging(Bucket=kept, Key="k", VersionId=first)["TagSet"] == []
    marker = s3.delete_object(Bucket=kept, Key="k")["VersionId"]
    refused(s3.get_object_tagging, "NoSuchKey", 404, Bucket=kept, Key="k")
    refused(s3.put_object_tagging, "MethodNotAllowed", 405, Bucket=kept, Key="k",
            VersionId=marker, Tagging=tags)


def test_conditions_see_the_current_version_alone(s3, kept, server):
    put(s3, kept, "k", b"one")
    s3.delete_object(Bucket=kept, Key="k")
    status, _, _ = server.request("PUT", f"/{kept}/k", body=b"two",
                                  headers={"If-None-Match": "*"})
    assert status == 200
    status, _, _ = server.request("PUT", f"/{kept}/k", body=b"three",
                                  headers={"If-None-Match": "*"})
    assert status == 412


def test_markers_of_a_listing_must_make_sense(server, kept):
    for query, words in (("version-id-marker=null", "without a key marker"),
                         ("key-marker=k&version-id-marker=", "cannot be empty"),
                         ("key-marker=k&version-id-marker=x", "Invalid version id specified")):
        status, _, body = server.request("GET", f"/{kept}?versions&{query}")
        assert (status, b"InvalidArgument" in body, words.encode() in body) == (400, True, True)


def test_listings_of_versions_equal_a_dumb_model(s3, bucket):
    """Random changes in all three states; every page size and delimiter shows the same."""
    draw = random.Random(20251122)
    model = {}  # key -> versions, newest first: [id, is a marker]
    state = None
    names = ["a", "a/b", "a/b/c", "a/c", "b", "b/", "b/x", "c!d"]
    for step in range(150):
        if step in (30, 70, 110):
            state = {30: "Enabled", 70: "Suspended", 110: "Enabled"}[step]
            versioning(s3, bucket, state)
        key = draw.choice(names)
        held = model.setdefault(key, [])
        kind = draw.random()
        if kind < 0.6:
            version, marker = put(s3, bucket, key, str(step).encode()) or "null", False
        elif kind < 0.8:
            version, marker = s3.delete_object(Bucket=bucket, Key=key).get("VersionId"), True
            version = version or "null"
        else:
            if held:
                victim = draw.choice(held)
                s3.delete_object(Bucket=bucket, Key=key, VersionId=victim[0])
                held.remove(victim)
            continue
        if version == "null":
            held[:] = [row for row in held if row[0] != "null"]
        if state or not marker:
            held.insert(0, [version, marker])
    wanted = {(key, row[0], row is held[0], row[1])
              for key, held in model.items() for row in held}
    for size in (1, 2, 3, 7, 1000):
        rows = versions(s3, bucket, PaginationConfig={"PageSize": size})
        assert len(rows) == len(wanted) and set(rows) == wanted, size
        if size == 1:  # with one row a page the order is that of the whole
            assert [row[:2] for row in rows] == [
                (key, row[0]) for key in sorted(model) for row in model[key]]
    for prefix in ("", "a/", "b"):
        for size in (1, 2, 1000):
            check_delimited(s3, bucket, wanted, prefix, size)
    assert keys(s3, bucket) == sorted(key for key, held in model.items()
                                      if held and not held[0][1])


def check_delimited(s3, bucket, wanted, prefix, size):
    rows, prefixes = set(), []
    pages = s3.get_paginator("list_object_versions").paginate(
        Bucket=bucket, Prefix=prefix, Delimiter="/", PaginationConfig={"PageSize": size})
    for page in pages:
        rows |= {(row["Key"], row["VersionId"])
                 for row in page.get("Versions", []) + page.get("DeleteMarkers", [])}
        prefixes += [row["Prefix"] for row in page.get("CommonPrefixes", [])]
    below = {(key, name) for key, name, _, _ in wanted if key.startswith(prefix)}
    assert rows == {row for row in below if "/" not in row[0][len(prefix):]}
    assert prefixes == sorted({prefix + key[len(prefix):].split("/")[0] + "/" for key, _ in below
                               if "/" in key[len(prefix):]})


def test_versions_outlive_a_kill(own_server):
    s3 = own_server.client("s3")
    s3.create_bucket(Bucket="lake")
    versioning(s3, "lake", "Enabled")
    ids = [put(s3, "lake", "k", bytes([65 + i]) * (LARGE if i % 2 else 10)) for i in range(6)]
    marker = s3.delete_object(Bucket="lake", Key="k")["VersionId"]
    own_server.kill9()
    own_server.start()
    assert {row[1] for row in versions(s3, "lake")} == {*ids, marker}
    for i, name in enumerate(ids):
        assert body_of(s3, "lake", "k", VersionId=name)[:1] == bytes([65 + i])
    after = put(s3, "lake", "k", b"after")
    assert versions(s3, "lake")[0][1:3] == (after, True)
