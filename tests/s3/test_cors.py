"""Cross-origin access: rules, preflights, and headers that let a page read a reply."""

import pytest

from s3.conftest import refused

RULES = [
    {"ID": "app", "AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["https://*.example.org"],
     "AllowedHeaders": ["x-amz-*", "Content-Type"], "ExposeHeaders": ["ETag", "x-amz-request-id"],
     "MaxAgeSeconds": 300},
    {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]},
]
APP = "https://app.example.org"


@pytest.fixture
def open_bucket(s3, bucket):
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": RULES})
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    return bucket


def preflight(server, path, origin=None, method=None, wanted=None):
    names = {"Origin": origin, "Access-Control-Request-Method": method,
             "Access-Control-Request-Headers": wanted}
    return server.request("OPTIONS", path, headers={k: v for k, v in names.items() if v})


def test_rules_are_kept_and_taken_away(s3, open_bucket):
    assert s3.get_bucket_cors(Bucket=open_bucket)["CORSRules"] == RULES
    s3.delete_bucket_cors(Bucket=open_bucket)
    error = refused(s3.get_bucket_cors, "NoSuchCORSConfiguration", 404, Bucket=open_bucket)
    assert error["Message"] == "The CORS configuration does not exist"


def test_a_preflight_tells_what_is_allowed(server, open_bucket):
    status, headers, body = preflight(server, f"/{open_bucket}/k", APP, "PUT",
                                      "X-Amz-Meta-A, content-type")
    assert (status, body) == (200, b"")
    assert headers["access-control-allow-origin"] == APP
    assert headers["access-control-allow-methods"] == "GET, PUT"
    assert headers["access-control-allow-headers"] == "x-amz-meta-a, content-type"
    assert headers["access-control-expose-headers"] == "ETag, x-amz-request-id"
    assert headers["access-control-max-age"] == "300"
    assert headers["access-control-allow-credentials"] == "true"
    assert headers["vary"].startswith("Origin, ")
    status, headers, _ = preflight(server, f"/{open_bucket}", "http://other.net", "GET")
    assert (status, headers["access-control-allow-origin"]) == (200, "*")
    assert "access-control-allow-credentials" not in headers


@pytest.mark.parametrize("origin, method, wanted, status, words", [
    (None, "GET", None, 400, "Insufficient information. Origin request header needed."),
    (APP, None, None, 400, "Invalid Access-Control-Request-Method: null"),
    (APP, "PATCH", None, 400, "Invalid Access-Control-Request-Method: PATCH"),
    (APP, "DELETE", None, 403, "CORSResponse: This CORS request is not allowed."),
    (APP, "PUT", "x-other", 403, "CORSResponse: This CORS request is not allowed."),
    ("http://other.net", "PUT", None, 403, "CORSResponse: This CORS request is not allowed."),
])
def test_other_preflights_are_refused(server, open_bucket, origin, method, wanted, status, words):
    found, _, body = preflight(server, f"/{open_bucket}/k", origin, method, wanted)
    assert (found, words.encode() in body) == (status, True)


def test_preflights_of_buckets_without_rules_are_refused(server, bucket, fresh):
    for name, words in ((bucket, b"CORS is not enabled for this bucket."),
                        (fresh("none"), b"Bucket not found")):
        status, _, body = preflight(server, f"/{name}/k", APP, "GET")
        assert (status, words in body, b"<Code>AccessForbidden</Code>" in body) == (403, True, True)


def test_replies_carry_the_headers_also_when_they_are_errors(server, open_bucket):
    for path, status in ((f"/{open_bucket}/k", 200), (f"/{open_bucket}/none", 404)):
        found, headers, _ = server.request("GET", path, headers={"Origin": APP})
        assert (found, headers["access-control-allow-origin"]) == (status, APP)
        assert headers["access-control-expose-headers"] == "ETag, x-amz-request-id"
    _, headers, _ = server.request("GET", f"/{open_bucket}/k")
    assert "access-control-allow-origin" not in headers
    _, headers, _ = server.request("DELETE", f"/{open_bucket}/none", headers={"Origin": APP})
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("change, code, words", [
    ({"AllowedMethods": ["PATCH"]}, "InvalidRequest",
     "Found unsupported HTTP method in CORS config. Unsupported method is PATCH"),
    ({"AllowedOrigins": ["*.a.*"]}, "InvalidRequest",
     'AllowedOrigin "*.a.*" can not have more than one wildcard.'),
    ({"AllowedHeaders": ["*-*"]}, "InvalidRequest",
     'AllowedHeader "*-*" can not have more than one wildcard.'),
    ({"ExposeHeaders": ["x-*"]}, "InvalidRequest",
     'ExposeHeader "x-*" contains wildcard. We currently do not support wildcard for '
     'ExposeHeader.'),
    ({"AllowedOrigins": []}, "MalformedXML", ""),
])
def test_rules_that_make_no_sense_are_refused(s3, bucket, change, code, words):
    rules = {"CORSRules": [{**RULES[0], **change}]}
    error = refused(s3.put_bucket_cors, code, 400, Bucket=bucket, CORSConfiguration=rules)
    assert words in error["Message"]
    refused(s3.put_bucket_cors, "MalformedXML", 400, Bucket=bucket,
            CORSConfiguration={"CORSRules": []})
