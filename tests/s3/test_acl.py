"""Access control lists: what may have them, how they are asked for, what is told of them."""

import pytest

from s3.conftest import refused

GROUP = "http://acs.amazonaws.com/groups/"
ALL = GROUP + "global/AllUsers"
AUTHENTICATED = GROUP + "global/AuthenticatedUsers"
LOGS = GROUP + "s3/LogDelivery"
EC2 = "6aa5a366c34c1cbe25dc49211496e913e0351eb0e8c37aa3477e40942ec6b97c"
SOMEBODY = "ab" * 32


def own(s3, bucket, rule):
    s3.put_bucket_ownership_controls(
        Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": rule}]})


@pytest.fixture
def owner(s3):
    return s3.list_buckets()["Owner"]["ID"]


@pytest.fixture
def open_bucket(s3, bucket):
    """One that takes lists, public ones as well."""
    own(s3, bucket, "ObjectWriter")
    s3.delete_public_access_block(Bucket=bucket)
    return bucket


def grants(reply):
    return [(row["Grantee"].get("ID") or row["Grantee"].get("URI"), row["Permission"])
            for row in reply["Grants"]]


def policy(owner, *rows):
    return {"Owner": {"ID": owner}, "Grants": [
        {"Grantee": {"Type": "Group", "URI": who} if who.startswith("http")
         else {"Type": "CanonicalUser", "ID": who}, "Permission": permission}
        for who, permission in rows]}


# ---- where lists are disabled, as in a new bucket ----


def test_a_new_bucket_takes_no_lists(s3, bucket, owner):
    error = refused(s3.put_object, "AccessControlListNotSupported", 400, Bucket=bucket, Key="k",
                    Body=b"", ACL="public-read")
    assert error["Message"] == "The bucket does not allow ACLs"
    s3.put_object(Bucket=bucket, Key="k", Body=b"", ACL="bucket-owner-full-control")
    s3.put_object(Bucket=bucket, Key="k", Body=b"", GrantFullControl=f'id="{owner}"')
    for given in ({"GrantRead": f"id={owner}"}, {"GrantFullControl": f"id={SOMEBODY}"},
                  {"GrantReadACP": f"uri={ALL}"}, {"ACL": "authenticated-read"}):
        for call, more in ((s3.put_object, {"Key": "k", "Body": b""}),
                           (s3.put_object_acl, {"Key": "k"}), (s3.put_bucket_acl, {}),
                           (s3.create_multipart_upload, {"Key": "k"}),
                           (s3.copy_object, {"Key": "k2", "CopySource": f"{bucket}/k"})):
            refused(call, "AccessControlListNotSupported", 400, Bucket=bucket, **given, **more)
    for call, more in ((s3.put_bucket_acl, {}), (s3.put_object_acl, {"Key": "k"})):
        refused(call, "AccessControlListNotSupported", 400, Bucket=bucket, ACL="private", **more)
        refused(call, "AccessControlListNotSupported", 400, Bucket=bucket, **more,
                AccessControlPolicy=policy(owner, (owner, "FULL_CONTROL"), (ALL, "READ")))
        call(Bucket=bucket, AccessControlPolicy=policy(owner, (owner, "FULL_CONTROL")), **more)
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="bucket-owner-full-control")
    for reply in (s3.get_bucket_acl(Bucket=bucket), s3.get_object_acl(Bucket=bucket, Key="k")):
        assert reply["Owner"] == {"ID": owner}
        assert grants(reply) == [(owner, "FULL_CONTROL")]


def test_lists_are_hidden_while_ownership_is_enforced_and_come_back(s3, open_bucket, owner):
    s3.put_object(Bucket=open_bucket, Key="k", Body=b"", ACL="public-read")
    own(s3, open_bucket, "BucketOwnerEnforced")
    assert grants(s3.get_object_acl(Bucket=open_bucket, Key="k")) == [(owner, "FULL_CONTROL")]
    s3.delete_bucket_ownership_controls(Bucket=open_bucket)
    assert (ALL, "READ") in grants(s3.get_object_acl(Bucket=open_bucket, Key="k"))


def test_a_bucket_with_a_list_cannot_be_enforced(s3, open_bucket):
    s3.put_bucket_acl(Bucket=open_bucket, ACL="public-read")
    error = refused(own, "InvalidBucketAclWithObjectOwnership", 400, s3=s3, bucket=open_bucket,
                    rule="BucketOwnerEnforced")
    assert error["Message"] == ("Bucket cannot have ACLs set with ObjectOwnership's "
                                "BucketOwnerEnforced setting")
    s3.put_bucket_acl(Bucket=open_bucket, ACL="private")
    own(s3, open_bucket, "BucketOwnerEnforced")


# ---- what lists say ----

CANNED = {
    "private": [], "public-read": [(ALL, "READ")], "authenticated-read": [(AUTHENTICATED, "READ")],
    "public-read-write": [(ALL, "READ"), (ALL, "WRITE")], "aws-exec-read": [(EC2, "READ")],
}


@pytest.mark.parametrize("name", CANNED)
def test_a_canned_list_is_kept(s3, open_bucket, owner, name):
    wanted = [(owner, "FULL_CONTROL")] + CANNED[name]
    s3.put_object(Bucket=open_bucket, Key="k", Body=b"x", ACL=name)
    assert grants(s3.get_object_acl(Bucket=open_bucket, Key="k")) == wanted
    s3.put_object_acl(Bucket=open_bucket, Key="k", ACL="private")
    assert grants(s3.get_object_acl(Bucket=open_bucket, Key="k")) == wanted[:1]
    s3.put_object_acl(Bucket=open_bucket, Key="k", ACL=name)
    assert grants(s3.get_object_acl(Bucket=open_bucket, Key="k")) == wanted
    s3.put_bucket_acl(Bucket=open_bucket, ACL=name)
    assert grants(s3.get_bucket_acl(Bucket=open_bucket)) == wanted


def test_some_canned_lists_are_for_one_of_both(s3, server, open_bucket, owner):
    s3.put_bucket_acl(Bucket=open_bucket, ACL="log-delivery-write")
    assert grants(s3.get_bucket_acl(Bucket=open_bucket))[1:] == [(LOGS, "WRITE"),
                                                                 (LOGS, "READ_ACP")]
    for name in ("log-delivery-write", "nobody"):
        error = refused(s3.put_object, "InvalidArgument", 400, Bucket=open_bucket, Key="k",
                        ACL=name)
        assert (error["ArgumentName"], error["ArgumentValue"]) == ("x-amz-acl", name)
    for name in ("bucket-owner-read", "bucket-owner-full-control"):
        s3.put_object(Bucket=open_bucket, Key="k", ACL=name)
        assert grants(s3.get_object_acl(Bucket=open_bucket, Key="k")) == [(owner, "FULL_CONTROL")]


def test_headers_grant_and_the_owner_gets_nothing_beside(s3, open_bucket):
    s3.put_object(Bucket=open_bucket, Key="k", Body=b"",
                  GrantRead=f'id="{SOMEBODY}", uri="{ALL}"', GrantReadACP=f"uri={AUTHENTICATED}",
                  GrantWriteACP=f"ID={SOMEBODY}")
    wanted = [(SOMEBODY, "READ"), (ALL, "READ"), (AUTHENTICATED, "READ_ACP"),
              (SOMEBODY, "WRITE_ACP")]
    assert grants(s3.get_object_acl(Bucket=open_bucket, Key="k")) == wanted
    s3.put_bucket_acl(Bucket=open_bucket, GrantWrite=f"uri={LOGS}")
    assert grants(s3.get_bucket_acl(Bucket=open_bucket)) == [(LOGS, "WRITE")]


def test_a_document_is_kept_as_it_is(s3, server, open_bucket, owner):
    s3.put_object(Bucket=open_bucket, Key="k", Body=b"")
    rows = [(SOMEBODY, "READ"), (owner, "WRITE_ACP"), (ALL, "READ_ACP")]
    s3.put_object_acl(Bucket=open_bucket, Key="k", AccessControlPolicy=policy(owner, *rows))
    assert grants(s3.get_object_acl(Bucket=open_bucket, Key="k")) == rows
    s3.put_bucket_acl(Bucket=open_bucket, AccessControlPolicy=policy(owner))
    assert s3.get_bucket_acl(Bucket=open_bucket).get("Grants", []) == []
    _, _, text = server.request("GET", f"/{open_bucket}/k?acl")
    assert (b'<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            b'xsi:type="Group">') in text


def test_a_list_is_one_versions(s3, open_bucket, owner):
    s3.put_bucket_versioning(Bucket=open_bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=open_bucket, Key="k", Body=b"1")["VersionId"]
    s3.put_object(Bucket=open_bucket, Key="k", Body=b"2", ACL="public-read")
    s3.put_object_acl(Bucket=open_bucket, Key="k", VersionId=first, ACL="authenticated-read")
    found = [grants(s3.get_object_acl(Bucket=open_bucket, Key="k", **which))[1]
             for which in ({}, {"VersionId": first})]
    assert found == [(ALL, "READ"), (AUTHENTICATED, "READ")]
    marker = s3.delete_object(Bucket=open_bucket, Key="k")["VersionId"]
    refused(s3.get_object_acl, "NoSuchKey", 404, Bucket=open_bucket, Key="k")
    refused(s3.put_object_acl, "MethodNotAllowed", 405, Bucket=open_bucket, Key="k",
            VersionId=marker, ACL="private")


def test_copies_do_not_inherit_and_uploads_keep(s3, open_bucket, owner):
    s3.put_object(Bucket=open_bucket, Key="k", Body=b"x", ACL="public-read")
    source = f"{open_bucket}/k"
    s3.copy_object(Bucket=open_bucket, Key="plain", CopySource=source)
    s3.copy_object(Bucket=open_bucket, Key="given", CopySource=source, ACL="authenticated-read")
    assert grants(s3.get_object_acl(Bucket=open_bucket, Key="plain")) == [(owner, "FULL_CONTROL")]
    assert (AUTHENTICATED, "READ") in grants(s3.get_object_acl(Bucket=open_bucket, Key="given"))
    upload = s3.create_multipart_upload(Bucket=open_bucket, Key="parts", ACL="public-read")
    which = {"Bucket": open_bucket, "Key": "parts", "UploadId": upload["UploadId"]}
    part = s3.upload_part(PartNumber=1, Body=b"x", **which)
    s3.complete_multipart_upload(
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}, **which)
    assert (ALL, "READ") in grants(s3.get_object_acl(Bucket=open_bucket, Key="parts"))
    s3.put_object_tagging(Bucket=open_bucket, Key="parts",
                          Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})
    assert (ALL, "READ") in grants(s3.get_object_acl(Bucket=open_bucket, Key="parts"))
    s3.put_object(Bucket=open_bucket, Key="parts", Body=b"new")
    assert grants(s3.get_object_acl(Bucket=open_bucket, Key="parts")) == [(owner, "FULL_CONTROL")]


def test_lists_are_kept_over_a_restart(own_server):
    s3 = own_server.client("s3")
    s3.create_bucket(Bucket="lake", ObjectOwnership="BucketOwnerPreferred",
                     GrantRead=f"id={SOMEBODY}")
    s3.put_object(Bucket="lake", Key="k", Body=b"x", GrantRead=f"id={SOMEBODY}")
    own_server.kill9()
    own_server.restart()
    s3 = own_server.client("s3")
    assert grants(s3.get_object_acl(Bucket="lake", Key="k")) == [(SOMEBODY, "READ")]
    assert grants(s3.get_bucket_acl(Bucket="lake")) == [(SOMEBODY, "READ")]
    assert s3.get_object(Bucket="lake", Key="k")["Body"].read() == b"x"


# ---- what is refused ----


def test_public_lists_are_blocked_until_that_is_taken_away(s3, bucket, owner):
    own(s3, bucket, "BucketOwnerPreferred")
    s3.put_object(Bucket=bucket, Key="k", Body=b"", ACL="aws-exec-read")
    for call, more in ((s3.put_object, {"Key": "new"}), (s3.put_object_acl, {"Key": "k"}),
                       (s3.put_bucket_acl, {}), (s3.create_multipart_upload, {"Key": "new"})):
        for given in ({"ACL": "public-read"}, {"ACL": "authenticated-read"},
                      {"GrantRead": f"uri={ALL}"}):
            error = refused(call, "AccessDenied", 403, Bucket=bucket, **given, **more)
            assert "blocked by the BlockPublicAcls block public access setting" in error["Message"]
    refused(s3.put_bucket_acl, "AccessDenied", 403, Bucket=bucket,
            AccessControlPolicy=policy(owner, (ALL, "READ")))
    refused(s3.head_object, "404", 404, Bucket=bucket, Key="new")
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={
        "BlockPublicPolicy": True})
    s3.put_object(Bucket=bucket, Key="new", ACL="public-read")


def test_a_bucket_is_made_with_a_list_when_it_may_have_one(s3, fresh):
    name = fresh("lake")
    s3.create_bucket(Bucket=fresh("lake"), ACL="private")
    for given in ({"ACL": "public-read"}, {"GrantRead": f"id={SOMEBODY}"},
                  {"ACL": "log-delivery-write", "ObjectOwnership": "BucketOwnerEnforced"}):
        refused(s3.create_bucket, "InvalidBucketAclWithObjectOwnership", 400, Bucket=name, **given)
    error = refused(s3.create_bucket, "InvalidBucketAclWithBlockPublicAccessError", 400,
                    Bucket=name, ACL="public-read", ObjectOwnership="ObjectWriter")
    assert error["Message"] == "Bucket cannot have public ACLs set with BlockPublicAccess enabled"
    refused(s3.head_bucket, "404", 404, Bucket=name)
    s3.create_bucket(Bucket=name, ACL="log-delivery-write", ObjectOwnership="ObjectWriter")
    assert (LOGS, "WRITE") in grants(s3.get_bucket_acl(Bucket=name))


def test_a_list_is_asked_for_in_one_way(s3, server, open_bucket, owner):
    document = (f"<AccessControlPolicy><Owner><ID>{owner}</ID></Owner><AccessControlList/>"
                "</AccessControlPolicy>").encode()
    error = refused(s3.put_bucket_acl, "InvalidRequest", 400, Bucket=open_bucket, ACL="private",
                    GrantRead=f"uri={ALL}")
    assert error["Message"] == "Specifying both Canned ACLs and Header Grants is not allowed"
    status, _, text = server.request("PUT", f"/{open_bucket}?acl", document,
                                     {"x-amz-acl": "private"})
    assert status == 400 and b"<Code>UnexpectedContent</Code>" in text
    status, _, text = server.request("PUT", f"/{open_bucket}?acl", b"")
    assert status == 400 and b"<Code>MissingSecurityHeader</Code>" in text
    assert b"<MissingHeaderName>x-amz-acl</MissingHeaderName>" in text
    assert server.request("PUT", f"/{open_bucket}?acl", document)[0] == 200


def test_grantees_have_to_be_somebody(s3, open_bucket):
    for given, name, words in (
        ({"GrantRead": "id=nobody"}, "id", "Invalid id"),
        ({"GrantRead": "uri=http://example.com/all"}, "uri", "Invalid group uri"),
        ({"GrantRead": "nobody"}, "x-amz-grant-read", "Argument format not recognized"),
        ({"GrantWriteACP": "name=nobody"}, "x-amz-grant-write-acp",
         "Argument format not recognized"),
    ):
        error = refused(s3.put_object, "InvalidArgument", 400, Bucket=open_bucket, Key="k", **given)
        assert (error["ArgumentName"], error["Message"]) == (name, words)
    refused(s3.put_object, "MethodNotAllowed", 405, Bucket=open_bucket, Key="k",
            GrantRead='emailAddress="a@example.com"')


@pytest.mark.parametrize("text", [
    "<Owner><ID>{owner}</ID></Owner>",
    "<AccessControlList/>",
    "<Owner><ID>{owner}</ID></Owner><AccessControlList><Grant><Grantee {xsi} "
    'xsi:type="CanonicalUser"><ID>{owner}</ID></Grantee><Permission>ALL</Permission></Grant>'
    "</AccessControlList>",
    "<Owner><ID>{owner}</ID></Owner><AccessControlList><Grant><Grantee><ID>{owner}</ID></Grantee>"
    "<Permission>READ</Permission></Grant></AccessControlList>",
    "<Owner><ID>{owner}</ID></Owner><AccessControlList><Grant><Grantee {xsi} xsi:type=\"Group\">"
    "<ID>{owner}</ID></Grantee><Permission>READ</Permission></Grant></AccessControlList>",
])
def test_a_document_that_is_not_whole_is_malformed(server, open_bucket, owner, text):
    xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    body = f"<AccessControlPolicy>{text.format(owner=owner, xsi=xsi)}</AccessControlPolicy>"
    status, _, reply = server.request("PUT", f"/{open_bucket}?acl", body.encode())
    assert status == 400 and b"<Code>MalformedACLError</Code>" in reply, reply


def test_a_document_names_its_owner(s3, open_bucket):
    refused(s3.put_bucket_acl, "AccessDenied", 403, Bucket=open_bucket,
            AccessControlPolicy=policy(SOMEBODY, (SOMEBODY, "FULL_CONTROL")))
    refused(s3.get_object_acl, "NoSuchKey", 404, Bucket=open_bucket, Key="none")
    refused(s3.put_object_acl, "NoSuchKey", 404, Bucket=open_bucket, Key="none", ACL="private")
    refused(s3.get_bucket_acl, "NoSuchBucket", 404, Bucket=open_bucket + "-none")
