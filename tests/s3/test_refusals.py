"""What S3 refuses before it acts: methods, wrong digests, conditions on what went meanwhile."""

import base64
import hashlib
import http.client
import zlib

import pytest
from botocore.exceptions import ClientError

TAGS = b"<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>"
CORS = (b"<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod>"
        b"<AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>")


def md5(body):
    return base64.b64encode(hashlib.md5(body).digest()).decode()


def md5_hex(body):
    return hashlib.md5(body).hexdigest()


def crc32(body):
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


def ask(server, method, path, body=b"", **headers):
    status, reply, text = server.request(
        method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    reply = {name.lower(): value for name, value in dict(reply).items()}
    return status, reply, text.decode()


def test_a_delete_of_a_part_that_cannot_go_leaves_the_object(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"here")
    for part in ("acl", "retention", "legal-hold", "torrent"):
        status, reply, text = ask(server, "DELETE", f"/{bucket}/k?{part}")
        assert status == 405 and "<Code>MethodNotAllowed</Code>" in text, part
        assert f"<ResourceType>{part}</ResourceType>" in text
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"here"
    status, reply, _ = ask(server, "DELETE", f"/{bucket}?versioning")
    assert (status, reply["allow"]) == (405, "GET, PUT")
    s3.head_bucket(Bucket=bucket)


def test_methods_that_mean_nothing_name_those_that_do(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    status, reply, text = ask(server, "POST", f"/{bucket}/k")
    assert (status, reply["allow"]) == (405, "HEAD, DELETE, GET, PUT")
    assert "<Method>POST</Method><ResourceType>OBJECT</ResourceType>" in text
    status, reply, text = ask(server, "PATCH", f"/{bucket}")
    assert (status, reply["allow"]) == (405, "HEAD, DELETE, GET, PUT")
    assert "<ResourceType>BUCKET</ResourceType>" in text
    status, reply, _ = ask(server, "PUT", "/")
    assert (status, reply["allow"]) == (405, "GET")
    status, reply, _ = ask(server, "POST", f"/{bucket}?acl")
    assert (status, reply["allow"]) == (405, "GET, PUT")


def test_settings_are_held_against_their_digests(server, bucket):
    path = f"/{bucket}?tagging"
    status, _, text = ask(server, "PUT", path, TAGS, Content_MD5=md5(b"other"))
    assert status == 400 and "<Code>BadDigest</Code>" in text
    assert f"<CalculatedDigest>{md5(TAGS)}</CalculatedDigest>" in text
    status, _, text = ask(server, "PUT", path, TAGS, Content_MD5="short")
    assert status == 400 and "<Code>InvalidDigest</Code>" in text
    status, _, text = ask(server, "PUT", path, TAGS, x_amz_checksum_crc32=crc32(b"other"))
    assert status == 400 and "<Code>BadDigest</Code>" in text
    assert "<Code>NoSuchTagSet</Code>" in ask(server, "GET", path)[2], "nothing was set"
    assert ask(server, "PUT", path, TAGS, Content_MD5=md5(TAGS))[0] in (200, 204)
    assert ask(server, "PUT", path, TAGS, x_amz_checksum_crc32=crc32(TAGS))[0] in (200, 204)
    assert ask(server, "PUT", path, TAGS)[0] in (200, 204)


def test_some_settings_have_to_have_a_digest(server, bucket):
    status, _, text = ask(server, "PUT", f"/{bucket}?cors", CORS)
    assert status == 400 and "<Code>InvalidRequest</Code>" in text
    assert "Missing required header for this request: Content-MD5" in text
    assert ask(server, "PUT", f"/{bucket}?cors", CORS, Content_MD5=md5(CORS))[0] == 200
    assert ask(server, "PUT", f"/{bucket}?cors", CORS, x_amz_checksum_crc32=crc32(CORS))[0] == 200


RESTORE = b"<RestoreRequest><Days>1</Days></RestoreRequest>"


def test_other_bodies_are_held_against_their_digests_too(server, s3, bucket, fresh, upload):
    s3.put_object(Bucket=bucket, Key="cold", Body=b"x", StorageClass="GLACIER")
    given, name = upload(), fresh("made")
    replies = [complete(server, given, Content_MD5=md5(b"other")),
               ask(server, "PUT", f"/{name}", b"<CreateBucketConfiguration/>",
                   Content_MD5=md5(b"other")),
               ask(server, "POST", f"/{bucket}/cold?restore", RESTORE, Content_MD5=md5(b"other")),
               ask(server, "POST", f"/{bucket}/cold?restore", RESTORE,
                   x_amz_checksum_crc32=crc32(b"other"))]
    for status, _, text in replies:
        assert status == 400 and "<Code>BadDigest</Code>" in text, text
    assert ask(server, "HEAD", f"/{name}")[0] == 404
    assert ask(server, "HEAD", f"/{bucket}/k")[0] == 404
    assert ask(server, "POST", f"/{bucket}/cold?restore", RESTORE,
               Content_MD5=md5(RESTORE))[0] == 202
    body = (f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{md5_hex(b'new')}"
            "</ETag></Part></CompleteMultipartUpload>").encode()
    assert ask(server, "POST", f"/{bucket}/k?uploadId={given['UploadId']}", body,
               Content_MD5=md5(body))[0] == 200


def test_what_makes_a_version_does_not_say_which(server, s3, bucket, upload):
    s3.put_object(Bucket=bucket, Key="k", Body=b"old")
    given = upload()
    for method, path, headers in (
            ("PUT", "/k?versionId=null", {}), ("PUT", "/k?versionId=x", {}),
            ("PUT", "/k?versionId=null", {"x_amz_copy_source": f"{bucket}/k"}),
            ("POST", f"/k?uploadId={given['UploadId']}&versionId=null", {})):
        status, _, text = ask(server, method, f"/{bucket}{path}",
                              b"<CompleteMultipartUpload/>", **headers)
        assert (status, "<Code>InvalidArgument</Code>" in text) == (400, True), (path, text)
        assert "<Message>This operation does not accept a version-id.</Message>" in text
        assert "<ArgumentName>versionId</ArgumentName>" in text
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"old"


def test_a_listing_has_one_attribute_to_ask_for(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", StorageClass="GLACIER")
    s3.restore_object(Bucket=bucket, Key="k", RestoreRequest={"Days": 1})
    for query in ("", "?list-type=2", "?versions"):
        path = f"/{bucket}{query}"
        status, _, text = ask(server, "GET", path, x_amz_optional_object_attributes="Owner")
        assert (status, "<Code>InvalidArgument</Code>" in text) == (400, True), text
        text = ask(server, "GET", path, x_amz_optional_object_attributes="RestoreStatus")[2]
        assert "<RestoreStatus>" in text
        assert "<RestoreStatus>" not in ask(server, "GET", path)[2]


# ---- a condition, and a delete meanwhile ----


@pytest.fixture
def upload(s3, bucket):
    def begin(key="k"):
        upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        part = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"new")
        return {"Bucket": bucket, "Key": key, "UploadId": upload,
                "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}}

    return begin


def complete(server, given, **headers):
    parts = given["MultipartUpload"]["Parts"]
    body = "".join(f"<Part><PartNumber>{row['PartNumber']}</PartNumber><ETag>{row['ETag']}</ETag>"
                   "</Part>" for row in parts)
    return ask(server, "POST", f"/{given['Bucket']}/{given['Key']}?uploadId={given['UploadId']}",
               f"<CompleteMultipartUpload>{body}</CompleteMultipartUpload>".encode(), **headers)


def test_an_upload_does_not_bring_back_what_was_deleted_meanwhile(server, s3, bucket, upload):
    before = upload()
    other = upload("k2")
    s3.put_object(Bucket=bucket, Key="k", Body=b"old")
    status, _, text = complete(server, before, If_None_Match="*")
    assert status == 412 and "<Code>PreconditionFailed</Code>" in text
    s3.delete_object(Bucket=bucket, Key="k")
    after = upload()
    status, _, text = complete(server, before, If_None_Match="*")
    assert status == 409 and "<Code>ConditionalRequestConflict</Code>" in text
    assert "<Condition>If-None-Match</Condition>" in text
    with pytest.raises(ClientError):
        s3.head_object(Bucket=bucket, Key="k")
    assert complete(server, after, If_None_Match="*")[0] == 200, "it began behind the delete"
    assert complete(server, other, If_None_Match="*")[0] == 200, "it has another key"


def test_without_a_condition_an_upload_may_follow_a_delete(server, s3, bucket, upload):
    given = upload()
    s3.put_object(Bucket=bucket, Key="k", Body=b"old")
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k"}]})
    assert s3.list_parts(Bucket=bucket, Key="k", UploadId=given["UploadId"])["Parts"]
    assert complete(server, given)[0] == 200
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"new"
    assert "DeleteMarker" not in s3.head_object(Bucket=bucket, Key="k")


def test_a_delete_is_remembered_across_a_crash(own_server):
    s3 = own_server.client("s3")
    s3.create_bucket(Bucket="bucket")
    upload = s3.create_multipart_upload(Bucket="bucket", Key="k")["UploadId"]
    part = s3.upload_part(Bucket="bucket", Key="k", UploadId=upload, PartNumber=1, Body=b"new")
    own_server.kill9()
    own_server.restart()
    s3 = own_server.client("s3")
    s3.put_object(Bucket="bucket", Key="k", Body=b"old")
    s3.delete_object(Bucket="bucket", Key="k")
    given = {"Bucket": "bucket", "Key": "k", "UploadId": upload,
             "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}}
    assert complete(own_server, given, If_None_Match="*")[0] == 409


def test_conditions_of_directory_buckets_are_refused_and_nothing_goes(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"here")
    conditions = {"x_amz_if_match_size": "9",
                  "x_amz_if_match_last_modified_time": "Sat, 03 Jan 2026 00:00:00 GMT"}
    for name, value in conditions.items():
        status, _, text = ask(server, "DELETE", f"/{bucket}/k", **{name: value})
        assert status == 501 and f"<Header>{name.replace('_', '-')}</Header>" in text
    body = b"<Delete><Object><Key>k</Key><Size>9</Size></Object></Delete>"
    status, _, text = ask(server, "POST", f"/{bucket}?delete", body, content_md5=md5(body))
    assert status == 200 and "<Code>NotImplemented</Code>" in text
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    status, _, text = ask(server, "DELETE", f"/{bucket}/k?uploadId={upload}",
                          x_amz_if_match_initiated_time="Sat, 03 Jan 2026 00:00:00 GMT")
    assert status == 501 and "<Header>x-amz-if-match-initiated-time</Header>" in text
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"here"


def test_integers_have_32_bits(server, bucket):
    for query in ("max-keys", "list-type=2&max-keys", "versions&max-keys", "uploads&max-uploads"):
        name = query.rsplit("&", maxsplit=1)[-1]
        assert ask(server, "GET", f"/{bucket}?{query}=2147483647")[0] == 200
        for value in ("2147483648", "-2147483649", "99999999999999999999"):
            status, _, text = ask(server, "GET", f"/{bucket}?{query}={value}")
            assert status == 400 and "<Code>InvalidArgument</Code>" in text
            says = f"Provided {name} not an integer or within integer range"
            assert f"<Message>{says}</Message>" in text


def test_who_expects_another_owner_is_told(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"here")
    for name, more in (("x_amz_expected_bucket_owner", {}),
                       ("x_amz_source_expected_bucket_owner",
                        {"x_amz_copy_source": bucket + "/k"})):
        method, path = ("PUT", f"/{bucket}/k2") if more else ("GET", f"/{bucket}/k")
        status, _, text = ask(server, method, path, **{name: "111111111111"}, **more)
        assert status == 403 and "<Code>AccessDenied</Code>" in text
        status, _, text = ask(server, method, path, **{name: "me"}, **more)
        assert status == 400 and "<Code>InvalidBucketOwnerAWSAccountID</Code>" in text
        assert "must be an AWS Account ID... [me]" in text
        assert ask(server, method, path, **{name: "000000000000"}, **more)[0] == 200


def test_a_list_is_of_a_type_that_there_is(server, bucket):
    for kind in ("1", "2"):
        assert ask(server, "GET", f"/{bucket}?prefix=a&list-type={kind}")[0] == 200
    status, _, text = ask(server, "GET", f"/{bucket}?prefix=a&list-type=3")
    assert status == 400 and "<Message>Invalid List Type specified in Request</Message>" in text
    assert "<ArgumentName>list-type</ArgumentName><ArgumentValue>3</ArgumentValue>" in text


def test_a_trailer_that_was_announced_comes(server, bucket):
    frames = {"x_amz_content_sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
              "x_amz_decoded_content_length": "5", "x_amz_trailer": "x-amz-checksum-crc32"}
    for tail in (b"", b"x-amz-checksum-crc32c:AAAAAA==\r\n"):
        body = b"5\r\nhello\r\n0\r\n" + tail + b"\r\n"
        status, _, text = ask(server, "PUT", f"/{bucket}/k", body, **frames)
        assert status == 400 and "<Code>MalformedTrailerError</Code>" in text
    tail = f"x-amz-checksum-crc32:{crc32(b'hello')}\r\n\r\n".encode()
    assert ask(server, "PUT", f"/{bucket}/k", b"5\r\nhello\r\n0\r\n" + tail, **frames)[0] == 200
    frames["x_amz_decoded_content_length"] = "five"
    status, _, text = ask(server, "PUT", f"/{bucket}/k", b"5\r\nhello\r\n0\r\n" + tail, **frames)
    assert status == 411 and "<Code>MissingContentLength</Code>" in text


def test_metadata_given_twice_is_joined(server, s3, bucket):
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.putrequest("PUT", f"/{bucket}/k")
    for name, value in (("x-amz-meta-a", "1"), ("Content-Length", "0"), ("X-Amz-Meta-B", ""),
                        ("X-AMZ-Meta-A", "2"), ("x-amz-meta-a", "3")):
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == 200
    connection.close()
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"a": "1,2,3", "b": ""}


def test_a_copy_gets_a_checksum_that_there_is(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"here")
    source = {"x_amz_copy_source": f"/{bucket}/k"}
    status, _, text = ask(server, "PUT", f"/{bucket}/k2", x_amz_checksum_algorithm="MD4", **source)
    assert status == 400 and "<Code>InvalidRequest</Code>" in text
    assert "Checksum algorithm provided is unsupported." in text
    assert ask(server, "PUT", f"/{bucket}/k2", x_amz_checksum_algorithm="SHA1", **source)[0] == 200


def test_a_redirect_leads_to_a_page_or_a_site(server, bucket):
    for target in ("/other", "http://example.com/x", "https://example.com/x"):
        header = {"x_amz_website_redirect_location": target}
        assert ask(server, "PUT", f"/{bucket}/k", b"x", **header)[0] == 200
    header = {"x_amz_website_redirect_location": "other"}
    status, _, text = ask(server, "PUT", f"/{bucket}/k", b"x", **header)
    assert status == 400 and "<Code>InvalidRedirectLocation</Code>" in text


def test_a_digest_of_the_body_is_one_or_a_word_for_none(server, bucket):
    status, _, text = ask(server, "PUT", f"/{bucket}/k", b"x", x_amz_content_sha256="zz")
    assert status == 400 and "<ArgumentName>x-amz-content-sha256</ArgumentName>" in text
    assert "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, " in text


def test_an_error_without_a_text_tells_its_type(server, bucket):
    for path, status in ((f"/{bucket}/none", 404), (f"/{bucket}-none", 404)):
        reply = ask(server, "HEAD", path)
        assert (reply[0], reply[1]["content-type"], reply[2]) == (status, "application/xml", "")


def test_a_document_that_does_not_fit_its_schema_is_malformed(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"here")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    for method, path, body in (
        ("POST", "?delete", b"<Delete><Quiet>maybe</Quiet><Object><Key>k</Key></Object></Delete>"),
        ("PUT", "/k?tagging", b"<Tagging/>"),
        ("PUT", "?tagging", b"<Tagging/>"),
        ("POST", f"/k?uploadId={upload}",
         b"<CompleteMultipartUpload><Part><PartNumber>one</PartNumber><ETag>x</ETag></Part>"
         b"</CompleteMultipartUpload>"),
        ("PUT", "?lifecycle",
         b"<LifecycleConfiguration><Rule><Status>Enabled</Status><Filter/><Expiration>"
         b"<Days>99999999999</Days></Expiration></Rule></LifecycleConfiguration>"),
        *[("POST", "?delete", b"<Delete><Object><Key>k</Key><LastModifiedTime>" + time
           + b"</LastModifiedTime></Object></Delete>") for time in (b"yesterday", b"1600000000")],
        ("POST", "?delete", b"<Delete><Object><Key>a</Key><Key>k</Key></Object></Delete>"),
        ("PUT", "?versioning", b"<VersioningConfiguration><Status>Enabled</Status>"
         b"<Status>Suspended</Status></VersioningConfiguration>"),
        ("PUT", "/k?tagging", b"<Tagging><TagSet/><TagSet/></Tagging>"),
    ):
        status, _, text = ask(server, method, f"/{bucket}{path}", body, content_md5=md5(body))
        assert status == 400 and "<Code>MalformedXML</Code>" in text, text
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"here"


def test_urls_end_though_signatures_are_not_verified(server, s3, bucket):
    def get(query):
        status, _, text = server.request("GET", f"/{bucket}/k?{query}")
        return status, text.decode()

    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    old = ("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=test%2F20260102%2Fus-east-1%2Fs3"
           "%2Faws4_request&X-Amz-Date=20260102T030405Z&X-Amz-Expires={}&X-Amz-SignedHeaders=host"
           "&X-Amz-Signature=0")
    for query, code, status in (
            (old.format(600), "AccessDenied", 403),
            (old.format(604801), "AuthorizationQueryParametersError", 400),
            ("X-Amz-Algorithm=AWS4-HMAC-SHA256", "AuthorizationQueryParametersError", 400),
            ("AWSAccessKeyId=test&Signature=0&Expires=1000000000", "AccessDenied", 403),
            ("AWSAccessKeyId=test&Signature=0", "AccessDenied", 403)):
        got, text = get(query)
        assert (got, f"<Code>{code}</Code>" in text) == (status, True), query
    assert "<Message>Request has expired</Message>" in get(old.format(600))[1]
    assert get("AWSAccessKeyId=test&Signature=0&Expires=9999999999")[0] == 200


# ---- what is said in the wrong place ----


def test_encryption_is_told_where_an_object_begins(server, s3, bucket, upload):
    """What real uploads ran into, who sent this header with each part."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    begun = upload()["UploadId"]
    for method, path in (("GET", "/k"), ("HEAD", "/k"), ("DELETE", "/k"), ("GET", ""),
                         ("PUT", f"/k?partNumber=2&uploadId={begun}"),
                         ("POST", f"/k?uploadId={begun}")):
        status, _, text = ask(server, method, f"/{bucket}{path}",
                              x_amz_server_side_encryption="AES256")
        assert status == 400, path
        assert method == "HEAD" or ("<Code>InvalidArgument</Code>" in text and
                                    "is not supported for this operation." in text), text
    for method, path in (("PUT", "/k"), ("POST", "/k?uploads")):
        assert ask(server, method, f"/{bucket}{path}",
                   x_amz_server_side_encryption="AES256")[0] == 200


def test_a_percent_stands_before_two_digits(server, s3, bucket):
    for key in ("%zz", "%4", "a%", "%%34"):
        for method in ("GET", "PUT"):
            status, _, text = ask(server, method, f"/{bucket}/{key}")
            assert status == 400 and "<Code>InvalidURI</Code>" in text, key
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_mfa_delete_is_disabled_or_enabled(server, bucket):
    def put(mfa):
        body = (f"<VersioningConfiguration><Status>Enabled</Status><MfaDelete>{mfa}</MfaDelete>"
                "</VersioningConfiguration>").encode()
        return ask(server, "PUT", f"/{bucket}?versioning", body, Content_MD5=md5(body))

    status, _, text = put("Sometimes")
    assert status == 400 and "<Code>MalformedXML</Code>" in text
    assert "Status" not in ask(server, "GET", f"/{bucket}?versioning")[2]
    assert put("Disabled")[0] == 200


def test_headers_have_8_kb(server, s3, bucket):
    """As people told who sent S3 large cookies; the user guide has the size."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert ask(server, "GET", f"/{bucket}/k", Cookie="c" * 7900)[0] == 200
    status, _, text = ask(server, "GET", f"/{bucket}/k", Cookie="c" * 8192)
    assert status == 400 and "<Code>RequestHeaderSectionTooLarge</Code>" in text
    assert "<MaxSizeAllowed>8192</MaxSizeAllowed>" in text
    assert ask(server, "PUT", f"/{bucket}/new", b"x", x_amz_meta_a="m" * 8192)[0] == 400
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1
