"""What S3 refuses, in its words: tags, canned ACLs, bucket names, bodies that lack something."""

import base64
import hashlib
import http.client

import pytest

from s3.conftest import refused

HEADER = (
    "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters "
    "without tag name duplicates."
)


def tag_set(*names, value="v"):
    return {"TagSet": [{"Key": name, "Value": value} for name in names]}


@pytest.mark.parametrize(
    ("tags", "code", "words"),
    [
        (tag_set("aws:x"), "InvalidTag", "Your TagKey cannot be prefixed with aws:"),
        (tag_set("a!"), "InvalidTag", "The TagKey you have provided is invalid"),
        (tag_set("k" * 129), "InvalidTag", "The TagKey you have provided is invalid"),
        (tag_set("a", value="<"), "InvalidTag", "The TagValue you have provided is invalid"),
        (tag_set("a", value="v" * 257), "InvalidTag", "The TagValue you have provided is invalid"),
        (tag_set("a", "a"), "InvalidTag", "Cannot provide multiple Tags with the same key"),
        (tag_set(*map(str, range(11))), "BadRequest", "Object tags cannot be greater than 10"),
    ],
)
def test_tags_of_objects_have_limits(s3, bucket, tags, code, words):
    s3.put_object(Bucket=bucket, Key="k", Tagging="before=1")
    error = refused(s3.put_object_tagging, code, 400, Bucket=bucket, Key="k", Tagging=tags)
    assert error["Message"] == words
    if code == "InvalidTag":
        assert error["TagKey"] == tags["TagSet"][0]["Key"]
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"][0]["Key"] == "before"


def test_tags_may_use_what_aws_names(s3, bucket):
    tags = tag_set("a +-=._:/@ü日", "k" * 128, value="v" * 256)
    s3.put_object(Bucket=bucket, Key="k")
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging=tags)
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == tags["TagSet"]


@pytest.mark.parametrize("text", ["a=1&a=2", "a%21=1", "=1", "a=%3C", "a=" + "v" * 257])
def test_a_header_of_tags_has_one_refusal(s3, bucket, text):
    error = refused(s3.put_object, "InvalidArgument", 400, Bucket=bucket, Key="k", Tagging=text)
    assert (error["Message"], error["ArgumentValue"]) == (HEADER, text)
    error = refused(s3.put_object, "InvalidTag", 400, Bucket=bucket, Key="k", Tagging="aws:x=1")
    assert error["Message"] == "Your TagKey cannot be prefixed with aws:"


def test_tags_of_buckets_have_their_own(s3, bucket, fresh):
    error = refused(s3.put_bucket_tagging, "InvalidTag", 400, Bucket=bucket,
                    Tagging=tag_set("aws:x"))
    assert error["Message"] == "System tags cannot be added/updated by requester"
    many = tag_set(*map(str, range(51)))
    error = refused(s3.put_bucket_tagging, "BadRequest", 400, Bucket=bucket, Tagging=many)
    assert error["Message"] == "Bucket tag count cannot be greater than 50"
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": many["TagSet"][:50]})
    assert len(s3.get_bucket_tagging(Bucket=bucket)["TagSet"]) == 50


@pytest.mark.parametrize("acl", ["public-read", "authenticated-read", "log-delivery-write"])
def test_a_bucket_is_not_made_with_an_acl(s3, fresh, acl):
    name = fresh("lake")
    error = refused(s3.create_bucket, "InvalidBucketAclWithObjectOwnership", 400, Bucket=name,
                    ACL=acl)
    assert error["Message"] == (
        "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"
    )
    refused(s3.create_bucket, "InvalidBucketAclWithObjectOwnership", 400, Bucket=name,
            GrantRead='uri="http://acs.amazonaws.com/groups/global/AllUsers"')
    s3.create_bucket(Bucket=name, ACL="private")


def test_a_canned_acl_must_be_one(server, bucket):
    for path in (f"/{bucket}/k", f"/{bucket}?acl", "/another-bucket"):
        status, _, text = server.request("PUT", path, headers={"x-amz-acl": "nobody"})
        assert (status, b"<Code>InvalidArgument</Code>" in text) == (400, True)
        assert b"<ArgumentName>x-amz-acl</ArgumentName><ArgumentValue>nobody</" in text


@pytest.mark.parametrize(
    "name",
    ["xn--lake", "sthree-lake", "amzn-s3-demo-lake", "lake-s3alias", "lake--ol-s3", "lake.mrap",
     "lake--x-s3", "lake--table-s3"],
)
def test_reserved_names_are_refused(server, name):
    status, _, text = server.request("PUT", f"/{name}")
    assert (status, b"<Code>InvalidBucketName</Code>" in text) == (400, True)


def delete_of(server, bucket, body):
    digest = base64.b64encode(hashlib.md5(body).digest()).decode()
    return server.request("POST", f"/{bucket}?delete", body=body, headers={"Content-MD5": digest})


def test_a_delete_without_a_key_is_malformed_and_does_nothing(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k")
    for missing in (b"<Object><Key></Key></Object>", b"<Object></Object>"):
        body = b"<Delete><Object><Key>k</Key></Object>" + missing + b"</Delete>"
        status, _, text = delete_of(server, bucket, body)
        assert (status, b"<Code>MalformedXML</Code>" in text) == (400, True)
    s3.head_object(Bucket=bucket, Key="k")


def test_a_part_must_be_named_by_number_and_tag(server, s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"x")
    for part in (b"<PartNumber>1</PartNumber>", b"<ETag>9dd4e461268c8034f5c8564e155c67a6</ETag>"):
        body = b"<CompleteMultipartUpload><Part>" + part + b"</Part></CompleteMultipartUpload>"
        path = f"/{bucket}/k?uploadId={upload}"
        status, _, text = server.request("POST", path, body=body)
        assert (status, b"<Code>MalformedXML</Code>" in text) == (400, True)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_every_method_knows_the_longest_key(server, bucket, method):
    status, _, text = server.request(method, f"/{bucket}/{'k' * 1025}")
    assert (status, b"<Code>KeyTooLongError</Code>" in text) == (400, True)
    assert server.request("HEAD", f"/{bucket}/{'k' * 1025}")[0] == 400
    longest = f"/{bucket}/{'k' * 1024}"
    assert server.request("PUT", longest)[0] == 200
    assert server.request("GET", longest)[0] == 200
    assert server.request("DELETE", longest)[0] == 204


def test_attributes_must_be_known(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    error = refused(s3.get_object_attributes, "InvalidArgument", 400, Bucket=bucket, Key="k",
                    ObjectAttributes=["ETag", "Colour"])
    assert error["Message"] == "Invalid attribute name specified."
    assert error["ArgumentName"] == "x-amz-object-attributes"


def test_metadata_beyond_ascii_comes_back_as_an_encoded_word(server, bucket):
    # The example of AWS's guide: the header's bytes are taken for Latin-1.
    value = "ÄMÄZÕÑ S3".encode().decode("latin-1")
    headers = {"x-amz-meta-Nonascii": value, "x-amz-meta-ascii": "AMAZONS3"}
    assert server.request("PUT", f"/{bucket}/k", headers=headers)[0] == 200
    for method in ("GET", "HEAD"):
        reply = server.request(method, f"/{bucket}/k")[1]
        assert reply["x-amz-meta-nonascii"] == "=?UTF-8?B?w4PChE3Dg8KEWsODwpXDg8KRIFMz?="
        assert reply["x-amz-meta-ascii"] == "AMAZONS3"


def test_metadata_in_latin_1_is_encoded_once(server, bucket):
    headers = {"x-amz-meta-name": "caf\u00e9 = 1", "x-amz-meta-short": "\u00e9\u00fc"}
    assert server.request("PUT", f"/{bucket}/k", headers=headers)[0] == 200
    copied = {"x-amz-copy-source": f"/{bucket}/k"}
    assert server.request("PUT", f"/{bucket}/copy", headers=copied)[0] == 200
    for key in ("k", "copy"):
        reply = server.request("HEAD", f"/{bucket}/{key}")[1]
        assert reply["x-amz-meta-name"] == "=?UTF-8?Q?caf=C3=A9_=3D_1?="
        assert reply["x-amz-meta-short"] == "=?UTF-8?B?w6nDvA==?="


def bare_put(server, path, headers, body=b""):
    """A PUT that says nothing by itself about the length of its body."""
    wire = http.client.HTTPConnection("127.0.0.1", server.port)
    wire.putrequest("PUT", path)
    for name, value in headers.items():
        wire.putheader(name, value)
    wire.endheaders()
    wire.send(body)
    reply = wire.getresponse()
    return reply.status, reply.read()


def test_who_puts_an_object_tells_its_length(server, s3, bucket):
    framed = {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "Content-Length": "0"}
    for headers in ({}, framed):
        status, text = bare_put(server, f"/{bucket}/k", headers)
        assert (status, b"<Code>MissingContentLength</Code>" in text) == (411, True)
        assert b"<Message>You must provide the Content-Length HTTP header.</Message>" in text
    refused(s3.head_object, "404", 404, Bucket=bucket, Key="k")
    chunked = {"Transfer-Encoding": "chunked"}
    status, text = bare_put(server, f"/{bucket}/k", chunked, b"1\r\nx\r\n0\r\n\r\n")
    assert (status, b"<Code>NotImplemented</Code>" in text) == (501, True)
    assert b"<Header>Transfer-Encoding</Header>" in text
    refused(s3.head_object, "404", 404, Bucket=bucket, Key="k")
    assert bare_put(server, f"/{bucket}/k", {"Content-Length": "0"})[0] == 200
    headers = {"x-amz-copy-source": f"{bucket}/k"}
    assert bare_put(server, f"/{bucket}/copy", headers)[0] == 200  # it has no body


def framed_put(server, path, sizes, trailer=b"", **headers):
    body = b"".join(b"%x\r\n%b\r\n" % (size, b"x" * size) for size in sizes)
    body += b"0\r\n" + trailer + b"\r\n"
    return bare_put(server, path, {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": str(sum(sizes)), "Content-Length": str(len(body)),
        **headers}, body)


def test_only_the_last_chunk_may_be_small(server, s3, bucket):
    for sizes in ((8192, 8191), (8192,), (1,), (), (9000, 8192, 1)):
        assert framed_put(server, f"/{bucket}/k", sizes)[0] == 200, sizes
        assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == sum(sizes)
    for sizes, number, size in (((1, 1), 1, 1), ((8192, 8191, 8192), 2, 8191), ((9, 8, 7), 1, 9)):
        status, text = framed_put(server, f"/{bucket}/no", sizes)
        assert (status, b"<Code>InvalidChunkSizeError</Code>" in text) == (400, True)
        assert b">Only the last chunk is allowed to have a size less than 8192 bytes<" in text
        assert b"<Chunk>%d</Chunk><BadChunkSize>%d</BadChunkSize>" % (number, size) in text
    refused(s3.head_object, "404", 404, Bucket=bucket, Key="no")


def test_a_trailer_has_to_be_announced(server, s3, bucket):
    sum_of_x = b"x-amz-checksum-crc32:jNwWgw==\r\n"
    status, text = framed_put(server, f"/{bucket}/k", (1,), sum_of_x)
    assert (status, b"<Code>MalformedTrailerError</Code>" in text) == (400, True)
    refused(s3.head_object, "404", 404, Bucket=bucket, Key="k")
    name = {"x-amz-trailer": "x-amz-checksum-crc32"}
    assert framed_put(server, f"/{bucket}/k", (1,), sum_of_x, **name)[0] == 200
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head["ChecksumCRC32"] == "jNwWgw=="
    assert framed_put(server, f"/{bucket}/k", (1,))[0] == 200  # it needs none
    _, headers, _ = server.request("GET", f"/{bucket}/k",
                                   headers={"x-amz-checksum-mode": "ENABLED"})
    assert "x-amz-checksum-crc64nvme" in headers


def test_tags_and_policies_of_buckets_are_put_without_a_reply(s3, bucket):
    reply = s3.put_bucket_tagging(Bucket=bucket, Tagging=tag_set("a"))
    assert reply["ResponseMetadata"]["HTTPStatusCode"] == 204
    policy = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject",'
        f'"Principal":{{"AWS":"000000000000"}},"Resource":"arn:aws:s3:::{bucket}/*"}}]}}'
    )
    reply = s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert reply["ResponseMetadata"]["HTTPStatusCode"] == 204
