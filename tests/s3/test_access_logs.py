"""Server access logs: what requests leave in the bucket that a configuration names."""

import re

import pytest
from botocore.config import Config

from s3.conftest import keys, refused
from support.server import KEY, SECRET
from support import wait_until

FIELDS = re.compile(
    r'(?P<owner>\S+) (?P<bucket>\S+) \[(?P<time>[^]]+)\] (?P<ip>\S+) (?P<requester>\S+) '
    r'(?P<id>\S+) (?P<operation>\S+) (?P<key>\S+) (?P<uri>"[^"]*"|-) (?P<status>\S+) '
    r'(?P<error>\S+) (?P<sent>\S+) (?P<size>\S+) (?P<total>\S+) (?P<turn>\S+) "(?P<referer>[^"]*)" '
    r'"(?P<agent>[^"]*)" (?P<version>\S+) (?P<host_id>\S+) (?P<signature>\S+) (?P<cipher>\S+) '
    r'(?P<auth>\S+) (?P<host>\S+) (?P<tls>\S+) (?P<point>\S+) (?P<acl>\S+) (?P<region>\S+)')


@pytest.fixture
def logged(own_server):
    """A server with a bucket "lake" whose log goes to "logs", and a client."""
    s3 = own_server.client("s3")
    for name in ("lake", "logs"):
        s3.create_bucket(Bucket=name)
    configure(s3)
    own_server.s3 = s3
    return own_server


def configure(s3, prefix="of/", **more):
    s3.put_bucket_logging(Bucket="lake", BucketLoggingStatus={
        "LoggingEnabled": {"TargetBucket": "logs", "TargetPrefix": prefix, **more}})


def lines(server, count):
    """The lines that are there once the server was stopped and started, after those seen before."""
    server.restart()
    found = []
    for key in keys(server.s3, "logs"):
        got = server.s3.get_object(Bucket="logs", Key=key)
        assert got["ContentType"] == "text/plain"
        text = got["Body"].read().decode()
        assert text.endswith("\n")
        found += [FIELDS.fullmatch(line) or pytest.fail(line) for line in text.splitlines()]
    assert len(found) == count, [row.group(0) for row in found]
    return found


def test_a_request_leaves_a_line(logged):
    s3 = logged.s3
    s3.put_object(Bucket="lake", Key="a b/ü", Body=b"x" * 1000)
    s3.get_object(Bucket="lake", Key="a b/ü", Range="bytes=0-9")["Body"].read()
    s3.head_object(Bucket="lake", Key="a b/ü")
    refused(s3.get_object, "NoSuchKey", 404, Bucket="lake", Key="none")
    s3.list_objects_v2(Bucket="lake")
    s3.get_bucket_versioning(Bucket="lake")
    logged.request("GET", "/lake/none", headers={"User-Agent": 'a "b"\tc', "Referer": "http://x/"})
    got = lines(logged, 8)
    assert [row["operation"] for row in got] == [
        "REST.PUT.LOGGING_STATUS", "REST.PUT.OBJECT", "REST.GET.OBJECT", "REST.HEAD.OBJECT",
        "REST.GET.OBJECT", "REST.GET.BUCKET", "REST.GET.VERSIONING", "REST.GET.OBJECT"]
    put, part, head, none, listing, _, raw = got[1:]
    owner = s3.list_buckets()["Owner"]["ID"]
    for row in got[:-1]:
        assert (row["owner"], row["requester"], row["bucket"]) == (owner, owner, "lake")
        assert (row["ip"], row["host"]) == ("127.0.0.1", f"127.0.0.1:{logged.port}")
        assert (row["signature"], row["auth"], row["region"]) == ("SigV4", "AuthHeader",
                                                                  "us-east-1")
        assert "Botocore" in row["agent"] or "Boto3" in row["agent"]
        assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", row["time"])
        assert re.fullmatch(r"[0-9A-F]{16}", row["id"])
    assert (put["key"], put["status"], put["size"], put["sent"]) == ("a%20b/%C3%BC", "200", "1000",
                                                                     "-")
    assert put["uri"] == '"PUT /lake/a%20b/%C3%BC HTTP/1.1"'
    assert (part["status"], part["size"], part["sent"]) == ("206", "1000", "10")
    assert (head["status"], head["size"], head["sent"]) == ("200", "1000", "-")
    assert (none["status"], none["error"], none["size"]) == ("404", "NoSuchKey", "-")
    assert int(none["sent"]) > 100 and int(listing["sent"]) > 100 and listing["key"] == "-"
    assert (raw["requester"], raw["signature"], raw["auth"]) == ("-", "-", "-")
    assert (raw["agent"], raw["referer"]) == ("a %22b%22%09c", "http://x/")
    assert len({row["id"] for row in got}) == 8


def test_copies_and_batches_leave_several_lines(logged):
    s3 = logged.s3
    s3.create_bucket(Bucket="other")
    s3.put_object(Bucket="lake", Key="a", Body=b"xyz")
    s3.copy_object(Bucket="other", Key="b", CopySource="lake/a")
    s3.copy_object(Bucket="lake", Key="c", CopySource="other/b")
    s3.delete_objects(Bucket="lake", Delete={"Objects": [{"Key": "a"}, {"Key": "x&y"}]})
    got = [row for row in lines(logged, 7)][2:]
    assert [(row["operation"], row["key"], row["status"]) for row in got] == [
        ("REST.COPY.OBJECT_GET", "a", "200"), ("REST.COPY.OBJECT", "c", "200"),
        ("REST.POST.MULTI_OBJECT_DELETE", "-", "200"), ("BATCH.DELETE.OBJECT", "a", "204"),
        ("BATCH.DELETE.OBJECT", "x%26y", "204")]
    assert got[2]["id"] == got[3]["id"] == got[4]["id"]
    assert got[1]["size"] == "3" and got[3]["uri"] == "-"


def test_requests_to_a_website(logged):
    s3 = logged.s3
    s3.put_bucket_website(Bucket="lake", WebsiteConfiguration={"IndexDocument": {"Suffix": "i"}})
    s3.put_object(Bucket="lake", Key="i", Body=b"xyz")
    host = {"Host": "lake.s3-website-us-east-1.amazonaws.com"}
    assert logged.request("GET", "/", headers=host)[0] == 200
    assert logged.request("GET", "/none", headers=host)[0] == 404
    got = lines(logged, 5)
    assert got[1]["operation"] == "REST.PUT.WEBSITE"
    assert [(row["operation"], row["key"], row["status"], row["error"]) for row in got[3:]] == [
        ("WEBSITE.GET.OBJECT", "-", "200", "-"), ("WEBSITE.GET.OBJECT", "none", "404", "NoSuchKey")]


def test_a_pump_writes_while_the_server_runs(logged):
    s3 = logged.s3
    s3.put_object(Bucket="lake", Key="k", Body=b"x")
    assert keys(s3, "logs") == []
    logged.clock.advance(10)
    key, = wait_until(lambda: keys(s3, "logs"))
    assert re.fullmatch(r"of/\d{4}(-\d\d){5}-[0-9A-F]{16}", key)
    assert s3.get_bucket_logging(Bucket="lake")["LoggingEnabled"] == {
        "TargetBucket": "logs", "TargetPrefix": "of/"}


def put_format(server, bucket, target, format):
    """Puts a configuration that older clients do not know; status and text of the reply."""
    reply = server.request("PUT", f"/{bucket}?logging", body=(
        f"<BucketLoggingStatus><LoggingEnabled><TargetBucket>{target}</TargetBucket>"
        f"<TargetPrefix>p/</TargetPrefix><TargetObjectKeyFormat>{format}</TargetObjectKeyFormat>"
        "</LoggingEnabled></BucketLoggingStatus>").encode())
    return reply[0], reply[2].decode()


def by_date(source):
    return (f"<PartitionedPrefix><PartitionDateSource>{source}</PartitionDateSource>"
            "</PartitionedPrefix>")


@pytest.mark.parametrize("by", ["EventTime", "DeliveryTime"])
def test_names_in_parts(logged, by):
    assert put_format(logged, "lake", "logs", by_date(by))[0] == 200
    assert by_date(by) in logged.request("GET", "/lake?logging")[2].decode()
    logged.restart()
    last = keys(logged.s3, "logs", Prefix="p/")[-1]
    named = re.fullmatch(r"p/000000000000/us-east-1/lake/(\d{4})/(\d\d)/(\d\d)/\1-\2-\3-"
                         r"(\d\d-\d\d-\d\d)-[0-9A-F]{16}", last)
    assert named
    if by == "EventTime":
        assert named[4] == "00-00-00"


def test_nothing_is_written_when_it_is_switched_off(logged):
    s3 = logged.s3
    s3.put_bucket_logging(Bucket="lake", BucketLoggingStatus={})
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket="lake")
    s3.put_object(Bucket="lake", Key="k", Body=b"x")
    assert [row["operation"] for row in lines(logged, 1)] == ["REST.PUT.LOGGING_STATUS"]


def test_grants_go_to_the_logs(own_server):
    s3 = own_server.client("s3")
    s3.create_bucket(Bucket="lake")
    s3.create_bucket(Bucket="logs", ObjectOwnership="ObjectWriter")
    own_server.s3 = s3
    everybody = {"Type": "Group", "URI": "http://acs.amazonaws.com/groups/global/AllUsers"}
    configure(s3, TargetGrants=[{"Grantee": everybody, "Permission": "READ"}])
    own_server.restart()
    key, = keys(s3, "logs")
    grants = s3.get_object_acl(Bucket="logs", Key=key)["Grants"]
    assert {(grant["Grantee"]["Type"], grant["Permission"]) for grant in grants} == {
        ("CanonicalUser", "FULL_CONTROL"), ("Group", "READ")}


def test_grants_need_a_bucket_that_has_lists(s3, bucket, fresh):
    logs = fresh("logs")
    s3.create_bucket(Bucket=logs)
    everybody = {"Type": "Group", "URI": "http://acs.amazonaws.com/groups/global/AllUsers"}
    wanted = {"TargetBucket": logs, "TargetPrefix": "",
              "TargetGrants": [{"Grantee": everybody, "Permission": "READ"}]}
    refused(s3.put_bucket_logging, "AccessControlListNotSupported", 400, Bucket=bucket,
            BucketLoggingStatus={"LoggingEnabled": wanted})
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
    wanted["TargetGrants"] = []
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": wanted})


def test_who_is_refused_is_logged_too(make_server, tmp_path):
    path = tmp_path / "credentials"
    path.write_text(f"[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    path.chmod(0o600)
    server = make_server("--credentials", path)
    server.s3 = s3 = server.client("s3")
    for name in ("lake", "logs"):
        s3.create_bucket(Bucket=name)
    configure(s3)
    wrong = server.client("s3", aws_secret_access_key="wrong")
    refused(wrong.get_object, "SignatureDoesNotMatch", 403, Bucket="lake", Key="k")
    assert server.request("GET", "/lake/k")[0] == 403
    url = server.client("s3", config=Config(signature_version="s3v4")).generate_presigned_url(
        "get_object", Params={"Bucket": "lake", "Key": "k"})
    assert server.request("GET", url.split(str(server.port), 1)[1])[0] == 404
    got = lines(server, 4)[1:]
    assert [(row["status"], row["error"], row["key"]) for row in got] == [
        ("403", "SignatureDoesNotMatch", "k"), ("403", "AccessDenied", "k"),
        ("404", "NoSuchKey", "k")]
    assert [row["auth"] for row in got] == ["AuthHeader", "-", "QueryString"]
    assert got[1]["requester"] == "-"


def test_a_target_that_has_gone_loses_its_lines_alone(logged):
    logged.s3.delete_bucket(Bucket="logs")
    logged.restart()
    assert "lost" in logged.log()
    logged.s3.put_object(Bucket="lake", Key="k", Body=b"x")


def test_what_a_configuration_has_to_be(server, s3, bucket, fresh):
    def put(**enabled):
        status = {"LoggingEnabled": {"TargetBucket": bucket, "TargetPrefix": "", **enabled}}
        return {"Bucket": bucket, "BucketLoggingStatus": status}

    error = refused(s3.put_bucket_logging, "InvalidTargetBucketForLogging", 400,
                    **put(TargetBucket="there-is-none-of-it"))
    assert error["Message"] == "The target bucket for logging does not exist"
    far = fresh("far")
    s3.create_bucket(Bucket=far, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    refused(s3.put_bucket_logging, "CrossLocationLoggingProhibitted", 403,
            **put(TargetBucket=far))
    for format in ("<SimplePrefix/>" + by_date("EventTime"), by_date("Noon")):
        status, text = put_format(server, bucket, bucket, format)
        assert (status, "<Code>MalformedXML</Code>" in text) == (400, True)
    refused(s3.put_bucket_logging, "NoSuchBucket", 404, **{
        **put(), "Bucket": "there-is-none-of-it"})
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
