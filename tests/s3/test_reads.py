"""Reads as HTTP (RFC 9110) has them: resumed downloads, caches, what was deleted."""

import pytest

from s3.conftest import keys

LONG_AGO = "Thu, 01 Dec 1994 16:00:00 GMT"


def ask(server, method, path, **headers):
    status, reply, body = server.request(
        method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    return status, {name.lower(): value for name, value in dict(reply).items()}, body


@pytest.fixture
def path(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789", CacheControl="max-age=5",
                  Expires="Thu, 01 Dec 2044 16:00:00 GMT")
    return f"/{bucket}/k"


def test_a_download_goes_on_only_if_the_object_is_the_same(server, path):
    """If-Range, section 13.1.5."""
    _, head, _ = ask(server, "HEAD", path)
    for same in (head["etag"], head["last-modified"]):
        status, reply, body = ask(server, "GET", path, Range="bytes=8-", If_Range=same)
        assert (status, reply["content-range"], body) == (206, "bytes 8-9/10", b"89"), same
    for other in ('"0123"', "W/" + head["etag"], LONG_AGO, "soon"):
        status, reply, body = ask(server, "GET", path, Range="bytes=8-", If_Range=other)
        assert (status, body) == (200, b"0123456789"), other
        assert "content-range" not in reply
    # Of another object, a range beyond the end is no error: nobody asks for it.
    assert ask(server, "GET", path, Range="bytes=90-", If_Range='"0123"')[0] == 200
    assert ask(server, "GET", path, Range="bytes=90-", If_Range=head["etag"])[0] == 416


def test_the_unit_of_a_range_is_read_in_any_case(server, path):
    """Section 14.1."""
    assert ask(server, "GET", path, Range="Bytes=0-1")[2] == b"01"


def test_not_modified_tells_how_long_that_may_be_believed(server, path):
    """Section 15.4.5: what a cache updates its copy with."""
    _, head, _ = ask(server, "HEAD", path)
    for method in ("GET", "HEAD"):
        status, reply, body = ask(server, method, path, If_None_Match=head["etag"])
        assert (status, body) == (304, b"")
        for name in ("etag", "last-modified", "cache-control", "expires"):
            assert reply[name] == head[name]


def test_a_delete_marker_tells_when_it_was_made(server, s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    made = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    listed = s3.list_object_versions(Bucket=bucket)["DeleteMarkers"][0]["LastModified"]
    for method in ("GET", "HEAD"):
        status, reply, _ = ask(server, method, f"/{bucket}/k?versionId={made}")
        assert (status, reply["x-amz-delete-marker"], reply["allow"]) == (405, "true", "DELETE")
        assert reply["last-modified"] == listed.strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert keys(s3, bucket) == []
