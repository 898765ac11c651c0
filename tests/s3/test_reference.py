"""What S3's reference and its answers say beyond the model: roots of documents, what is refused."""

import base64
import hashlib
import zlib

import pytest

from s3.conftest import refused

KMS = {"x-amz-server-side-encryption": "aws:kms"}


def crc32(body):
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


def md5(body):
    return base64.b64encode(hashlib.md5(body).digest()).decode()


def ask(server, method, path, body=b"", **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    status, reply, text = server.request(method, path, body, headers)
    return status, {name.lower(): value for name, value in dict(reply).items()}, text.decode()


def setting(server, bucket, name, body):
    return ask(server, "PUT", f"/{bucket}?{name}", body.encode(), Content_MD5=md5(body.encode()))


def code_of(text):
    return text.split("<Code>")[1].split("</Code>")[0]


def words_of(text):
    return text.split("<Message>")[1].split("</Message>")[0].replace("&#39;", "'")


# ---- roots ----


def test_locks_are_told_under_the_names_of_their_members(server, s3, fresh):
    name = fresh("locked")
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    s3.put_object(Bucket=name, Key="k", Body=b"x", ObjectLockLegalHoldStatus="OFF",
                  ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate="2100-01-01T00:00:00Z")
    space = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
    assert f"<LegalHold{space}><Status>OFF</Status></LegalHold>" in ask(
        server, "GET", f"/{name}/k?legal-hold")[2]
    assert f"<Retention{space}><Mode>GOVERNANCE</Mode>" in ask(
        server, "GET", f"/{name}/k?retention")[2]
    s3.put_object_retention(Bucket=name, Key="k", Retention={}, BypassGovernanceRetention=True)


# ---- copies ----


@pytest.mark.parametrize("source, words", [
    ("", "Invalid copy source bucket name"), ("/", "Invalid copy source bucket name"),
    ("//k", "Invalid copy source bucket name"), ("No_Bucket!/k", "Invalid copy source bucket name"),
    ("bucket", "Invalid copy source object key"), ("/bucket/", "Invalid copy source object key"),
    ("bucket/%%%%", "Invalid copy source encoding."),
    ("bucket/%zz", "Invalid copy source encoding."),
])
def test_a_source_that_names_nothing_is_refused(server, bucket, s3, source, words):
    status, _, text = ask(server, "PUT", f"/{bucket}/copy", x_amz_copy_source=source)
    assert (status, code_of(text), words_of(text)) == (400, "InvalidArgument", words)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
    status, _, text = ask(server, "PUT", f"/{bucket}/m?partNumber=1&uploadId={upload}",
                          x_amz_copy_source=source)
    assert (status, code_of(text), words_of(text)) == (400, "InvalidArgument", words)


@pytest.mark.parametrize("kind", ["metadata", "tagging"])
def test_a_directive_is_one_of_two(server, s3, bucket, kind):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    header = f"x-amz-{kind}-directive"
    status, _, text = ask(server, "PUT", f"/{bucket}/copy",
                          **{"x_amz_copy_source": f"{bucket}/k", header: "replace"})
    assert (status, words_of(text)) == (400, f"Unknown {kind} directive.")
    assert f"<ArgumentName>{header}</ArgumentName><ArgumentValue>replace</ArgumentValue>" in text


# ---- what comes with a body ----


@pytest.mark.parametrize("name", ["x-amz-checksum-sha256a", "x-amz-checksum-crc",
                                  "x-amz-checksum-"])
def test_a_checksum_nobody_knows_is_refused(server, bucket, name):
    status, _, text = ask(server, "PUT", f"/{bucket}/k", b"x", **{name: "dummy"})
    assert (status, code_of(text)) == (400, "InvalidRequest")
    assert words_of(text) == ("The algorithm type you specified in x-amz-checksum- header is "
                              "invalid.")
    status, _, _ = ask(server, "PUT", f"/{bucket}/k", b"x", x_amz_checksum_crc32=crc32(b"x"),
                       x_amz_checksum_type="FULL_OBJECT", x_amz_checksum_algorithm="CRC32")
    assert status == 200


def context(text):
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("value", [
    "rubbish!", context("rubbish"), context('["a"]'), context('{"a":1}'),
    context('{"a":{"b":"c"}}'), context('"a"')])
def test_an_encryption_context_is_a_map_of_texts(server, bucket, value):
    status, _, text = ask(server, "PUT", f"/{bucket}/k", b"x", **KMS,
                          x_amz_server_side_encryption_context=value)
    assert (status, code_of(text)) == (400, "InvalidArgument")
    assert words_of(text) == (
        "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string "
        "holding JSON which represents a string-string map")


def test_an_encryption_context_goes_with_a_key_of_kms(server, bucket):
    good = context('{"department":"finance"}')
    assert ask(server, "PUT", f"/{bucket}/k", b"x", **KMS,
               x_amz_server_side_encryption_context=good)[0] == 200
    status, _, text = ask(server, "PUT", f"/{bucket}/k", b"x",
                          x_amz_server_side_encryption="AES256",
                          x_amz_server_side_encryption_context=good)
    assert (status, code_of(text)) == (400, "InvalidArgument")


# ---- parts ----


def test_a_list_of_no_parts_is_no_document_of_theirs(server, s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
    refused(s3.complete_multipart_upload, "MalformedXML", 400, Bucket=bucket, Key="m",
            UploadId=upload, MultipartUpload={"Parts": []})
    status, _, text = ask(server, "POST", f"/{bucket}/m?uploadId={upload}")
    assert (status, words_of(text)) == (400, "You must specify at least one part")


def test_half_of_a_parts_name_does_not_replace_the_object(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="m", Body=b"whole")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
    for headers in ({}, {"x-amz-copy-source": f"{bucket}/m"}):
        status, _, text = ask(server, "PUT", f"/{bucket}/m?partNumber=1", b"part", **headers)
        assert (status, code_of(text)) == (400, "InvalidArgument")
        assert words_of(text) == "This operation does not accept partNumber without uploadId"
        assert ("<ArgumentName>partNumber</ArgumentName><ArgumentValue>partNumber</ArgumentValue>"
                in text)
        status, reply, text = ask(server, "PUT", f"/{bucket}/m?uploadId={upload}", b"part",
                                  **headers)
        assert (status, code_of(text)) == (405, "MethodNotAllowed")
        assert reply["allow"] == "DELETE, POST, GET"
        assert "<Method>PUT</Method><ResourceType>UPLOAD</ResourceType>" in text
    assert s3.get_object(Bucket=bucket, Key="m")["Body"].read() == b"whole"


@pytest.mark.parametrize("query, words", [
    ("uploads&uploadId=x", "uploadId, uploads"), ("policy=&acl", "acl, policy"),
    ("tagging&versionId=null&acl", "acl, tagging"),
])
def test_a_request_is_about_one_part(server, s3, bucket, query, words):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for path in (f"/{bucket}", f"/{bucket}/k"):
        status, _, text = ask(server, "GET", f"{path}?{query}")
        assert (status, code_of(text)) == (400, "InvalidArgument"), text
        assert words_of(text) == f"Conflicting query string parameters: {words}"
        assert (f"<ArgumentName>ResourceType</ArgumentName><ArgumentValue>{words.split(',')[0]}"
                "</ArgumentValue>" in text)


def test_markers_of_parts_are_not_negative(server, s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    status, _, text = ask(server, "GET", f"/{bucket}/m?uploadId={upload}&part-number-marker=-1")
    assert (status, code_of(text)) == (400, "InvalidArgument")
    assert words_of(text) == ("Argument part-number-marker must be an integer between 0 and "
                              "2147483647")
    for name in ("x-amz-part-number-marker", "x-amz-max-parts"):
        status, _, text = ask(server, "GET", f"/{bucket}/k?attributes",
                              **{"x-amz-object-attributes": "ObjectParts", name: "-1"})
        assert (status, code_of(text)) == (400, "InvalidArgument"), name


def test_a_part_is_given_with_the_checksum_of_its_own(server, s3, bucket):
    upload = {"Bucket": bucket, "Key": "m", "UploadId": s3.create_multipart_upload(
        Bucket=bucket, Key="m", ChecksumAlgorithm="SHA256")["UploadId"]}
    bodies = [b"a" * (5 << 20), b"b"]
    parts = []
    for number, body in enumerate(bodies, 1):
        part = s3.upload_part(**upload, PartNumber=number, Body=body, ChecksumAlgorithm="SHA256")
        parts.append({"PartNumber": number, "ETag": part["ETag"],
                      "ChecksumSHA256": part["ChecksumSHA256"]})
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    for part in parts:
        for method in ("GET", "HEAD"):
            status, reply, _ = ask(server, method, f"/{bucket}/m?partNumber={part['PartNumber']}",
                                   x_amz_checksum_mode="ENABLED")
            assert (status, reply["x-amz-checksum-type"]) == (206, "COMPOSITE")
            assert reply["x-amz-checksum-sha256"] == part["ChecksumSHA256"]
    got = s3.get_object(Bucket=bucket, Key="m", PartNumber=2, ChecksumMode="ENABLED")
    assert got["Body"].read() == b"b"
    assert "ChecksumSHA256" not in s3.head_object(Bucket=bucket, Key="m", PartNumber=1)


# ---- lifecycle ----

ALIVE = "<Status>Enabled</Status>"
ONE_DAY = "<Expiration><Days>1</Days></Expiration>"


def rule(text):
    return f"<Rule>{ALIVE}{text}</Rule>"


def moves(*pairs):
    return "<Filter><Prefix>a/</Prefix></Filter>" + "".join(
        f"<Transition><Days>{days}</Days><StorageClass>{name}</StorageClass></Transition>"
        for days, name in pairs)


@pytest.mark.parametrize("rules, code, words", [
    (rule("<Prefix/><Expiration><Date>20200101</Date></Expiration>"), "MalformedXML", ""),
    (rule("<Prefix/><Expiration><Date>2030-01-01</Date></Expiration>"), "MalformedXML", ""),
    (rule(f"<Filter><And><Prefix>a</Prefix></And></Filter>{ONE_DAY}"), "MalformedXML", ""),
    (rule(f"<Filter><Prefix>{'p' * 1025}</Prefix></Filter>{ONE_DAY}"), "InvalidRequest",
     "The maximum size of a prefix is 1024."),
    (rule(f"<Prefix>{'p' * 1025}</Prefix>{ONE_DAY}"), "InvalidRequest",
     "The maximum size of a prefix is 1024."),
    (rule(f"<Filter><Prefix>a</Prefix></Filter>{ONE_DAY}") + rule(f"<Prefix>b</Prefix>{ONE_DAY}"),
     "InvalidRequest", "Base level prefix cannot be used in Lifecycle V2, prefixes are only "
     "supported in the Filter."),
    (rule(moves((60, "STANDARD_IA"), (60, "GLACIER"))), "InvalidArgument",
     "'Days' in the 'Transition' action for StorageClass 'GLACIER' for filter '(prefix=a/)' must "
     "be 30 days more than 'filter '(prefix=a/)'' in the 'Transition' action for StorageClass "
     "'STANDARD_IA'"),
    (rule(moves((60, "GLACIER")) + "<Transition><Date>2030-01-01T00:00:00Z</Date>"
          "<StorageClass>DEEP_ARCHIVE</StorageClass></Transition>"), "InvalidRequest",
     "Found mixed 'Date' and 'Days' based Transition actions in lifecycle rule for filter "
     "'(prefix=a/)'"),
    *[(rule("<Filter/><NoncurrentVersionTransition><NoncurrentDays>30</NoncurrentDays>"
            f"<NewerNoncurrentVersions>{count}</NewerNoncurrentVersions>"
            "<StorageClass>GLACIER</StorageClass></NoncurrentVersionTransition>"),
       "InvalidArgument", "'NewerNoncurrentVersions' for NoncurrentVersionTransition action must "
       "be between 1 and 100") for count in (0, 101)],
])
def test_rules_that_make_no_sense_are_refused(server, bucket, rules, code, words):
    status, _, text = setting(server, bucket, "lifecycle",
                              f"<LifecycleConfiguration>{rules}</LifecycleConfiguration>")
    assert (status, code_of(text)) == (400, code)
    assert words in words_of(text)


@pytest.mark.parametrize("rules", [
    rule(moves((30, "STANDARD_IA"), (60, "GLACIER"), (90, "DEEP_ARCHIVE"))),
    rule(moves((0, "GLACIER_IR"), (1, "DEEP_ARCHIVE"))),
    rule("<Prefix/><Expiration><Date>2040-01-01T00:00:00.000Z</Date></Expiration>"),
    rule(f"<Filter><And><Prefix>a</Prefix><ObjectSizeGreaterThan>5</ObjectSizeGreaterThan></And>"
         f"</Filter>{ONE_DAY}"),
])
def test_rules_that_make_sense_are_taken(server, bucket, rules):
    status, _, text = setting(server, bucket, "lifecycle",
                              f"<LifecycleConfiguration>{rules}</LifecycleConfiguration>")
    assert status == 200, text


# ---- buckets ----


def create(server, name, text):
    return ask(server, "PUT", f"/{name}",
               f"<CreateBucketConfiguration>{text}</CreateBucketConfiguration>".encode())


def test_europe_is_a_place_too(server, s3, fresh):
    name = fresh("old")
    assert create(server, name, "<LocationConstraint>EU</LocationConstraint>")[0] == 200
    assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] == "EU"
    assert ask(server, "HEAD", f"/{name}")[1]["x-amz-bucket-region"] == "eu-west-1"
    listed = ask(server, "GET", f"/?prefix={name}&bucket-region=eu-west-1")[2]
    assert f"<Name>{name}</Name>" in listed and "<BucketRegion>eu-west-1<" in listed


def test_a_bucket_elsewhere_is_not_made_again(server, s3, fresh):
    far, near = fresh("far"), fresh("near")
    place = "<LocationConstraint>eu-west-1</LocationConstraint>"
    assert create(server, far, place)[0] == 200
    s3.create_bucket(Bucket=near)
    assert ask(server, "PUT", f"/{near}")[0] == 200
    for name, text in ((far, ""), (far, place), (near, place)):
        status, _, text = create(server, name, text)
        assert (status, code_of(text)) == (409, "BucketAlreadyOwnedByYou")


def test_directory_buckets_are_refused_by_name(server, s3, fresh):
    name = fresh("zonal")
    status, _, text = create(
        server, name, "<Location><Name>use1-az4</Name><Type>AvailabilityZone</Type></Location>"
        "<Bucket><DataRedundancy>SingleAvailabilityZone</DataRedundancy><Type>Directory</Type>"
        "</Bucket>")
    assert (status, code_of(text)) == (501, "NotImplemented")
    refused(s3.head_bucket, "404", 404, Bucket=name)


# ---- reads ----


def test_other_headers_of_a_reply_cannot_be_set(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for method in ("GET", "HEAD"):
        assert ask(server, method, f"/{bucket}/k?response-foo=a%20b")[0] == 400
    status, _, text = ask(server, "GET", f"/{bucket}/k?response-foo=a%20b")
    assert words_of(text) == ("response-foo is not in the set of overridable response headers. "
                              "Please refer to the S3 API documentation for a complete list of "
                              "overridable response headers.")
    assert "<ArgumentName>response-foo</ArgumentName><ArgumentValue>a b</ArgumentValue>" in text
    assert ask(server, "GET", f"/{bucket}/k?response-content-type=a/b")[1]["content-type"] == "a/b"


def test_attributes_have_names(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    missing = ("The x-amz-object-attributes header specifying the attributes to be retrieved is "
               "either missing or empty")
    for headers in ({}, {"x-amz-object-attributes": ""}):
        status, _, text = ask(server, "GET", f"/{bucket}/k?attributes", **headers)
        assert (status, code_of(text), words_of(text)) == (400, "InvalidRequest", missing)
    status, _, text = ask(server, "GET", f"/{bucket}/k?attributes",
                          x_amz_object_attributes="ETag,ETags")
    assert (status, words_of(text)) == (400, "Invalid attribute name specified.")
    assert "<ArgumentValue>ETags</ArgumentValue>" in text


def test_listings_tell_where_the_bucket_lies(server, s3, bucket):
    for query in ("", "?list-type=2", "?versions"):
        assert ask(server, "GET", f"/{bucket}{query}")[1]["x-amz-bucket-region"] == "us-east-1"
    status, _, text = ask(server, "GET", "/?bucket-region=abc")
    assert (status, words_of(text)) == (400, "Argument value abc is not a valid AWS Region")
    assert "<ArgumentName>bucket-region</ArgumentName>" in text


# ---- what is told of a wrong argument ----


@pytest.mark.parametrize("headers, words", [
    ({"x-amz-object-lock-mode": "abc", "x-amz-object-lock-retain-until-date":
      "2100-01-01T00:00:00Z"}, "Unknown wormMode directive."),
    ({"x-amz-object-lock-retain-until-date": "abc", "x-amz-object-lock-mode": "GOVERNANCE"},
     "The retain until date must be provided in ISO 8601 format"),
    ({"x-amz-object-lock-legal-hold": "abc"}, "Legal Hold must be either of 'ON' or 'OFF'"),
])
def test_a_lock_that_makes_no_sense_is_told(server, s3, fresh, headers, words):
    name = fresh("locked")
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    status, _, text = ask(server, "PUT", f"/{name}/k", b"x", x_amz_checksum_crc32=crc32(b"x"),
                          **headers)
    assert (status, code_of(text), words_of(text)) == (400, "InvalidArgument", words)
    wrong = next(header for header, value in headers.items() if value == "abc")
    assert (f"<ArgumentName>{wrong}</ArgumentName><ArgumentValue>abc</ArgumentValue>" in text)


@pytest.mark.parametrize("date", ["1900000000", "2030-01-01", "2030", "1-1-1", "12e"])
def test_a_number_is_no_date(server, s3, fresh, date):
    name = fresh("locked")
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    status, _, text = ask(server, "PUT", f"/{name}/k", b"x", x_amz_checksum_crc32=crc32(b"x"),
                          x_amz_object_lock_mode="GOVERNANCE",
                          x_amz_object_lock_retain_until_date=date)
    assert (status, words_of(text)) == (
        400, "The retain until date must be provided in ISO 8601 format")


@pytest.mark.parametrize("grant, name", [("id=0123", "id"), ('uri="http://x"', "uri")])
def test_a_grantee_that_is_none_is_told_by_its_kind(server, s3, fresh, grant, name):
    bucket = fresh("listed")
    s3.create_bucket(Bucket=bucket, ObjectOwnership="ObjectWriter")
    status, _, text = ask(server, "PUT", f"/{bucket}?acl", x_amz_grant_full_control=grant)
    assert (status, f"<ArgumentName>{name}</ArgumentName>" in text) == (400, True)


@pytest.mark.parametrize("text, tags", [
    ("key", [("key", "")]), ("&", []), ("key=", [("key", "")]), ("&&", []), ("123", [("123", "")]),
    ("key1&key2", [("key1", ""), ("key2", "")]), ("a=1&&b=2&", [("a", "1"), ("b", "2")]),
])
def test_tags_of_a_header_may_look_odd(server, s3, bucket, text, tags):
    assert ask(server, "PUT", f"/{bucket}/k", b"x", x_amz_tagging=text)[0] == 200
    found = s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]
    assert sorted((tag["Key"], tag["Value"]) for tag in found) == tags


def test_times_are_whole_seconds_wherever_they_stand(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    told = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["LastModified"] == told
    assert s3.list_objects(Bucket=bucket)["Contents"][0]["LastModified"] == told
    assert s3.list_object_versions(Bucket=bucket)["Versions"][0]["LastModified"] == told
    copied = s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/k")
    assert (copied["CopyObjectResult"]["LastModified"]
            == s3.head_object(Bucket=bucket, Key="c")["LastModified"])
    upload = {"Bucket": bucket, "Key": "m", "UploadId": s3.create_multipart_upload(
        Bucket=bucket, Key="m")["UploadId"]}
    s3.upload_part(**upload, PartNumber=1, Body=b"x")
    times = [s3.list_parts(**upload)["Parts"][0]["LastModified"],
             s3.list_multipart_uploads(Bucket=bucket)["Uploads"][0]["Initiated"],
             *(row["CreationDate"] for row in s3.list_buckets()["Buckets"])]
    assert [time.microsecond for time in times] == [0] * len(times)


def test_attributes_tell_a_composite_checksum_bare(server, s3, bucket):
    upload = {"Bucket": bucket, "Key": "m", "UploadId": s3.create_multipart_upload(
        Bucket=bucket, Key="m", ChecksumAlgorithm="SHA256")["UploadId"]}
    part = s3.upload_part(**upload, PartNumber=1, Body=b"x", ChecksumAlgorithm="SHA256")
    done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [
        {"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]}]})
    assert done["ChecksumSHA256"].endswith("-1")
    text = ask(server, "GET", f"/{bucket}/m?attributes", x_amz_object_attributes="Checksum")[2]
    assert f"<ChecksumSHA256>{done['ChecksumSHA256'][:-2]}</ChecksumSHA256>" in text
    assert "<ChecksumType>COMPOSITE</ChecksumType>" in text


def test_a_part_without_a_checksum_is_told_none(server, s3, bucket):
    def sums(query, **headers):
        upload = s3.create_multipart_upload(Bucket=bucket, Key="m", **query)["UploadId"]
        reply = ask(server, "PUT", f"/{bucket}/m?partNumber=1&uploadId={upload}", b"x",
                    **headers)[1]
        return [name for name in reply if name.startswith("x-amz-checksum-")]

    assert sums({}) == []
    assert sums({}, x_amz_checksum_crc32=crc32(b"x")) == ["x-amz-checksum-crc32"]
    assert sums({"ChecksumAlgorithm": "CRC32"}, x_amz_checksum_crc32=crc32(b"x")) == [
        "x-amz-checksum-crc32"]


def test_what_will_be_retained_comes_with_a_digest(server, s3, fresh):
    name = fresh("retaining")
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    assert ask(server, "PUT", f"/{name}/k", b"x")[0] == 200
    s3.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration={
        "ObjectLockEnabled": "Enabled",
        "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}})
    upload = s3.create_multipart_upload(Bucket=name, Key="m")["UploadId"]
    for path, kind in ((f"/{name}/k", "Object"),
                       (f"/{name}/m?partNumber=1&uploadId={upload}", "Part")):
        status, _, text = ask(server, "PUT", path, b"x")
        assert (status, words_of(text)) == (400, "Content-MD5 OR x-amz-checksum- HTTP header is "
                                            f"required for Put {kind} requests with Object Lock "
                                            "parameters")
        assert ask(server, "PUT", path, b"x", x_amz_checksum_crc32=crc32(b"x"))[0] == 200


def test_a_wrong_digest_is_told_in_hex_beside_ours(server, bucket):
    told = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    text = ask(server, "PUT", f"/{bucket}/k", b"x", Content_MD5=told)[2]
    assert f"<ExpectedDigest>{hashlib.md5(b'other').hexdigest()}</ExpectedDigest>" in text
    ours = base64.b64encode(hashlib.md5(b"x").digest()).decode()
    assert f"<CalculatedDigest>{ours}</CalculatedDigest>" in text


@pytest.mark.parametrize("enabled", [
    "", "<TargetPrefix>p/</TargetPrefix>", "<TargetBucket>{}</TargetBucket>"])
def test_logging_names_a_bucket_and_a_prefix(server, bucket, enabled):
    document = (f"<BucketLoggingStatus><LoggingEnabled>{enabled.format(bucket)}</LoggingEnabled>"
                "</BucketLoggingStatus>")
    status, _, text = setting(server, bucket, "logging", document)
    assert (status, code_of(text)) == (400, "MalformedXML")
    both = f"<TargetBucket>{bucket}</TargetBucket><TargetPrefix/>"
    whole = f"<BucketLoggingStatus><LoggingEnabled>{both}</LoggingEnabled></BucketLoggingStatus>"
    assert setting(server, bucket, "logging", whole)[0] == 200


# ---- bodies ----

@pytest.mark.parametrize("path", [
    "?accelerate", "?cors", "?encryption", "?lifecycle", "?logging", "?notification",
    "?object-lock", "?ownershipControls", "?policy", "?publicAccessBlock", "?requestPayment",
    "?tagging", "?versioning", "?website", "/k?tagging", "/k?retention", "/k?legal-hold"])
def test_a_setting_without_a_body_is_told_so(server, s3, path):
    s3.create_bucket(Bucket="settings", ObjectLockEnabledForBucket=True)
    s3.put_object(Bucket="settings", Key="k", Body=b"x", ContentMD5=md5(b"x"))
    status, _, text = ask(server, "PUT", f"/settings{path}", b"", **{
        "content_md5": md5(b""), "x-amz-bypass-governance-retention": "true"})
    assert (status, code_of(text)) == (400, "MissingRequestBodyError")
    assert words_of(text) == "Request Body is empty"


# ---- parts of buckets and objects ----

@pytest.mark.parametrize("part, allow", [
    ("location", "GET"), ("uploads", "POST, GET"), ("versioning", "GET, PUT"),
    ("acl", "GET, PUT"), ("tagging", "DELETE, GET, PUT"), ("policy", "DELETE, GET, PUT"),
    ("versions", "GET")])
def test_no_part_has_a_head(server, s3, bucket, part, allow):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for path in ("", "/k", "/none"):
        status, headers, text = ask(server, "HEAD", f"/{bucket}{path}?{part}")
        assert (status, headers["allow"], text) == (405, allow, "")
        status, headers, text = ask(server, "HEAD", f"/{bucket}{path}?{part}&logging")
        assert (status, "allow" in headers, text) == (400, False, "")


def test_a_part_of_a_bucket_is_the_buckets_under_a_key_too(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for key in ("k", "none"):
        for part, root in (("location", "LocationConstraint"), ("versioning", "Versioning"),
                           ("logging", "BucketLoggingStatus")):
            status, _, text = ask(server, "GET", f"/{bucket}/{key}?{part}")
            assert (status, f"<{root}" in text) == (200, True), text
        status, _, text = ask(server, "GET", f"/{bucket}/{key}?cors")
        assert (status, code_of(text)) == (404, "NoSuchCORSConfiguration")
        for part, words in (
            ("versions", "There is no such thing as the ?versions sub-resource for a key"),
            ("uploads", "Key is not expected for the GET method ?uploads subresource"),
        ):
            status, _, text = ask(server, "GET", f"/{bucket}/{key}?{part}")
            assert (status, code_of(text), words_of(text)) == (400, "InvalidRequest", words)


@pytest.mark.parametrize("method, query", [
    ("GET", "/k?delete"), ("GET", "?delete"), ("GET", "/k?restore"), ("GET", "/k?select"),
    ("PUT", "/k?attributes"), ("DELETE", "/k?attributes"), ("DELETE", "/k?intelligent-tiering"),
    ("PUT", "/k?metadataTable")])
def test_what_a_part_cannot_do_is_not_done_to_the_whole(server, s3, bucket, method, query):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    status, _, text = ask(server, method, f"/{bucket}{query}", b"other" * (method == "PUT"))
    assert (status, code_of(text)) == (405, "MethodNotAllowed")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
