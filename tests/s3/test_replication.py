"""Replication: rules, replicas and what they keep, delete markers, states, kills."""

import hashlib
import random
import threading

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

from s3.conftest import LARGE, bodies, refused
from s3.test_notifications import TELL, create_function, told
from support import wait_until

ROLE = "arn:aws:iam::000000000000:role/replicates"
ON, OFF = {"Status": "Enabled"}, {"Status": "Disabled"}
KMS = "arn:aws:kms:us-east-1:000000000000:key/"


def version(s3, bucket, status="Enabled"):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})


def make(s3, name):
    s3.create_bucket(Bucket=name)
    version(s3, name)
    return name


@pytest.fixture
def pair(s3, bucket):
    version(s3, bucket)
    return bucket, make(s3, f"{bucket}-to")


def rule(to, *, destination=None, **members):
    wanted = {"Status": "Enabled", "Priority": 1, "Filter": {"Prefix": ""},
              "DeleteMarkerReplication": OFF,
              "Destination": {"Bucket": f"arn:aws:s3:::{to}", **(destination or {})}, **members}
    return {name: value for name, value in wanted.items() if value is not None}


def old_rule(to, prefix="", **members):
    return rule(to, Priority=None, Filter=None, DeleteMarkerReplication=None, Prefix=prefix,
                **members)


def configure(s3, bucket, *rules, role=ROLE):
    s3.put_bucket_replication(Bucket=bucket, ReplicationConfiguration={
        "Role": role, "Rules": list(rules)})


def status(s3, bucket, key, **which):
    return s3.head_object(Bucket=bucket, Key=key, **which).get("ReplicationStatus")


def wait(s3, bucket, key, wanted="COMPLETED", **which):
    wait_until(lambda: status(s3, bucket, key, **which) == wanted)


def listed(s3, bucket):
    """(key, version, is latest, is a marker), as the listing has them."""
    rows = []
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        rows += [(row, False) for row in page.get("Versions", [])]
        rows += [(row, True) for row in page.get("DeleteMarkers", [])]
    return {(row["Key"], row["VersionId"], row["IsLatest"], marker) for row, marker in rows}


def wrong(s3, bucket, code, words, *rules, role=ROLE, status=400):
    error = refused(s3.put_bucket_replication, code, status, Bucket=bucket,
                    ReplicationConfiguration={"Role": role, "Rules": list(rules)})
    assert words in error["Message"], error


# ---- configurations ----


def test_rules_that_make_no_sense_are_refused(s3, pair):
    source, to = pair
    bad = "InvalidRequest"
    wrong(s3, source, "MalformedXML", "", rule(to), role="")
    wrong(s3, source, "InvalidArgument", "Invalid Role ARN", rule(to), role="replicates")
    wrong(s3, source, "MalformedXML", "", rule(to, Status="On"))
    wrong(s3, source, "MalformedXML", "", rule(to, Prefix="a"))
    wrong(s3, source, "MalformedXML", "", rule(to, Filter={"And": {"Prefix": "a"}}))
    wrong(s3, source, "MalformedXML", "", rule(to, destination={"StorageClass": "COLD"}))
    wrong(s3, source, bad, "Priority must be specified", rule(to, Priority=None))
    wrong(s3, source, bad, "DeleteMarkerReplication must", rule(to, DeleteMarkerReplication=None))
    wrong(s3, source, bad, "DeleteMarkerReplication cannot",
          old_rule(to) | {"DeleteMarkerReplication": ON})
    wrong(s3, source, bad, "Priority cannot", old_rule(to) | {"Priority": 1})
    wrong(s3, source, bad, "any Tag filter", rule(to, DeleteMarkerReplication=ON, Filter={
        "Tag": {"Key": "a", "Value": "1"}}))
    wrong(s3, source, bad, "duplicate priority", rule(to, ID="a"), rule(to, ID="b"))
    wrong(s3, source, "InvalidArgument", "Rule Id must be unique",
          rule(to, ID="a"), rule(to, ID="a", Priority=2))
    wrong(s3, source, bad, "same version", rule(to), old_rule(to))
    wrong(s3, source, bad, "overlapping prefixes", old_rule(to, "a"), old_rule(to, "ab"))
    wrong(s3, source, "MalformedXML", "", *[rule(to, Priority=i) for i in range(1001)])
    refused(s3.get_bucket_replication, "ReplicationConfigurationNotFoundError", 404, Bucket=source)


def test_buckets_have_to_be_there_and_keep_versions(s3, pair):
    source, to = pair
    wrong(s3, source, "InvalidRequest", "must exist", rule(f"{to}-gone"))
    wrong(s3, source, "InvalidArgument", "Invalid bucket ARN",
          rule(to) | {"Destination": {"Bucket": to}})
    wrong(s3, source, "InvalidRequest", "same as the source", rule(source))
    version(s3, to, "Suspended")
    wrong(s3, source, "InvalidRequest", "Destination bucket must have versioning", rule(to))
    version(s3, to)
    version(s3, source, "Suspended")
    wrong(s3, source, "InvalidRequest", "Versioning must be 'Enabled'", rule(to))
    refused(s3.put_bucket_replication, "NoSuchBucket", 404, Bucket=f"{to}-gone",
            ReplicationConfiguration={"Role": ROLE, "Rules": [rule(to)]})
    s3.create_bucket(Bucket=f"{to}-locks", ObjectLockEnabledForBucket=True)
    wrong(s3, f"{to}-locks", "InvalidRequest", "object lock", rule(to))


def test_what_would_be_ignored_is_refused(s3, pair):
    source, to = pair
    minutes = {"Minutes": 15}
    refusals = [
        rule(to, destination={"ReplicationTime": ON | {"Time": minutes},
                              "Metrics": ON | {"EventThreshold": minutes}}),
        rule(to, destination={"Metrics": ON}),
        rule(to, SourceSelectionCriteria={"ReplicaModifications": ON}),
        rule(to, ExistingObjectReplication=ON),
        rule(to, destination={"Account": "000000000000",
                              "AccessControlTranslation": {"Owner": "Destination"}}),
        rule(to, destination={"Account": "111122223333"}),
    ]
    for one in refusals:
        wrong(s3, source, "NotImplemented", "millrace", one, status=501)
    wrong(s3, source, "InvalidRequest", "EncryptionConfiguration must",
          rule(to, SourceSelectionCriteria={"SseKmsEncryptedObjects": ON}))
    wrong(s3, source, "InvalidRequest", "SseKmsEncryptedObjects must",
          rule(to, destination={"EncryptionConfiguration": {"ReplicaKmsKeyID": f"{KMS}a"}}))
    configure(s3, source, rule(to, SourceSelectionCriteria={"ReplicaModifications": OFF},
                               destination={"Account": "000000000000"}))


def test_a_configuration_is_given_back_and_taken_away(s3, pair):
    source, to = pair
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    rules = [rule(to, ID="one", destination={"StorageClass": "STANDARD_IA"}),
             rule(to, Priority=2, Filter={"And": {"Prefix": "p/", "Tags": tags}})]
    configure(s3, source, *rules)
    got = s3.get_bucket_replication(Bucket=source)["ReplicationConfiguration"]
    assert got["Role"] == ROLE and got["Rules"][0] == rules[0]
    name = got["Rules"][1].pop("ID")
    assert name and got["Rules"][1] == rules[1]
    error = refused(s3.put_bucket_versioning, "InvalidBucketState", 409, Bucket=source,
                    VersioningConfiguration={"Status": "Suspended"})
    assert "replication configuration is present" in error["Message"]
    s3.delete_bucket_replication(Bucket=source)
    refused(s3.get_bucket_replication, "ReplicationConfigurationNotFoundError", 404, Bucket=source)
    version(s3, source, "Suspended")


# ---- replicas ----


def test_a_replica_is_its_source_over_again(s3, pair):
    source, to = pair
    s3.put_object(Bucket=source, Key="before", Body=b"not new")
    configure(s3, source, rule(to))
    for key, body in (("small", b"some bytes"), ("large", random.Random(1).randbytes(LARGE))):
        put = s3.put_object(
            Bucket=source, Key=key, Body=body, Metadata={"color": "blue"}, Tagging="a=1&b=2",
            ContentType="text/plain", CacheControl="no-cache", ContentLanguage="de",
            ChecksumAlgorithm="SHA256", StorageClass="STANDARD_IA")
        wait(s3, source, key)
        ask = {"Key": key, "VersionId": put["VersionId"], "ChecksumMode": "ENABLED"}
        one, other = (s3.get_object(Bucket=name, **ask) for name in pair)
        assert other["Body"].read() == body
        assert (one["ReplicationStatus"], other["ReplicationStatus"]) == ("COMPLETED", "REPLICA")
        for member in ("ETag", "LastModified", "VersionId", "Metadata", "ContentType", "TagCount",
                       "CacheControl", "ContentLanguage", "ChecksumSHA256", "StorageClass"):
            assert one[member] == other[member], member
        assert s3.get_object_tagging(Bucket=to, Key=key)["TagSet"] == [
            {"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    assert {row[0] for row in listed(s3, to)} == {"small", "large"}
    assert status(s3, source, "before") is None


def test_an_object_made_of_parts_stays_so(s3, pair):
    source, to = pair
    configure(s3, source, rule(to))
    upload = s3.create_multipart_upload(Bucket=source, Key="k", ChecksumAlgorithm="SHA256")
    named = {"Bucket": source, "Key": "k", "UploadId": upload["UploadId"]}
    parts = []
    for number, body in ((1, b"x" * (5 << 20)), (2, b"y" * 1000)):
        sent = s3.upload_part(**named, PartNumber=number, Body=body, ChecksumAlgorithm="SHA256")
        parts.append({"PartNumber": number, "ETag": sent["ETag"],
                      "ChecksumSHA256": sent["ChecksumSHA256"]})
    done = s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
    wait(s3, source, "k")
    got = s3.get_object(Bucket=to, Key="k", PartNumber=2, ChecksumMode="ENABLED")
    assert got["Body"].read() == b"y" * 1000
    assert (got["ETag"], got["PartsCount"]) == (done["ETag"], 2)


def test_rules_choose_by_prefix_tags_and_priority(s3, pair):
    source, to = pair
    other = make(s3, f"{to}-2")
    tag = {"Key": "keep", "Value": "yes"}
    configure(s3, source,
              rule(to, ID="low", destination={"StorageClass": "STANDARD_IA"},
                   Filter={"Prefix": "a/"}),
              rule(to, ID="high", Priority=9, destination={"StorageClass": "ONEZONE_IA"},
                   Filter={"Prefix": "a/b/"}),
              rule(other, ID="tags", Priority=5,
                   Filter={"And": {"Prefix": "a/", "Tags": [tag, {"Key": "n", "Value": "1"}]}}),
              rule(other, ID="off", Priority=7, Status="Disabled"))
    for key, tags in (("a/1", ""), ("a/b/1", "keep=yes"), ("a/b/2", "keep=yes&n=1"),
                      ("c", "keep=yes&n=1")):
        s3.put_object(Bucket=source, Key=key, Body=b"x", Tagging=tags)
    for key in ("a/1", "a/b/1", "a/b/2"):
        wait(s3, source, key)
    assert status(s3, source, "c") is None
    assert {row[0] for row in listed(s3, to)} == {"a/1", "a/b/1", "a/b/2"}
    assert {row[0] for row in listed(s3, other)} == {"a/b/2"}
    assert s3.head_object(Bucket=to, Key="a/1")["StorageClass"] == "STANDARD_IA"
    assert s3.head_object(Bucket=to, Key="a/b/1")["StorageClass"] == "ONEZONE_IA"
    assert "StorageClass" not in s3.head_object(Bucket=other, Key="a/b/2")


def test_replicas_are_not_replicated_onward(s3, pair):
    source, to = pair
    last = make(s3, f"{to}-2")
    configure(s3, to, rule(last))
    configure(s3, source, rule(to))
    s3.put_object(Bucket=source, Key="k", Body=b"x")
    wait(s3, source, "k")
    s3.put_object(Bucket=to, Key="own", Body=b"y")
    wait(s3, to, "own")
    assert {row[0] for row in listed(s3, last)} == {"own"}
    assert status(s3, to, "k") == "REPLICA"


def test_buckets_that_replicate_to_each_other_come_to_rest(s3, pair):
    one, other = pair
    configure(s3, one, rule(other))
    configure(s3, other, rule(one))
    for i in range(5):
        for name in pair:
            put = s3.put_object(Bucket=name, Key="k", Body=name.encode())
            wait(s3, name, "k", VersionId=put["VersionId"])
    assert len(listed(s3, one)) == 10 and listed(s3, one) == listed(s3, other)
    for name in pair:
        assert s3.get_object(Bucket=name, Key="k")["Body"].read() == other.encode()


def test_an_older_version_does_not_become_the_latest(s3, pair):
    source, to = pair
    third = make(s3, f"{to}-2")
    put = s3.put_object(Bucket=to, Key="k", Body=b"first")
    configure(s3, source, rule(to))
    configure(s3, third, rule(to))
    ids = [put["VersionId"]]
    for name in (source, third, source):
        ids.append(s3.put_object(Bucket=name, Key="k", Body=name.encode())["VersionId"])
        wait(s3, name, "k", VersionId=ids[-1])
    rows = s3.list_object_versions(Bucket=to)["Versions"]
    assert [row["VersionId"] for row in rows] == ids[::-1]
    assert [row["IsLatest"] for row in rows] == [True, False, False, False]


# ---- deletes ----


def test_delete_markers_go_along_when_asked(s3, pair):
    source, to = pair
    other = make(s3, f"{to}-2")
    configure(s3, source, rule(to, DeleteMarkerReplication=ON), rule(other, Priority=2))
    kept = s3.put_object(Bucket=source, Key="k", Body=b"x")["VersionId"]
    marker = s3.delete_object(Bucket=source, Key="k")["VersionId"]
    wait(s3, source, "k", VersionId=kept)
    wait_until(lambda: listed(s3, to) == listed(s3, source))
    assert listed(s3, to) == {("k", kept, False, False), ("k", marker, True, True)}
    assert listed(s3, other) == {("k", kept, True, False)}
    refused(s3.get_object, "NoSuchKey", 404, Bucket=to, Key="k")
    # Deletes for good stay where they are made.
    s3.delete_object(Bucket=source, Key="k", VersionId=marker)
    s3.delete_object(Bucket=source, Key="k", VersionId=kept)
    s3.put_object(Bucket=source, Key="last", Body=b"x")
    wait(s3, source, "last")
    assert {row[1] for row in listed(s3, to)} >= {kept, marker}


def test_a_rule_of_the_first_form_takes_markers_along(s3, pair):
    source, to = pair
    configure(s3, source, old_rule(to, "a"))
    s3.put_object(Bucket=source, Key="a", Body=b"x")
    s3.put_object(Bucket=source, Key="b", Body=b"x")
    marker = s3.delete_object(Bucket=source, Key="a")["VersionId"]
    s3.delete_object(Bucket=source, Key="b")
    wait_until(lambda: ("a", marker, True, True) in listed(s3, to))
    assert {row[0] for row in listed(s3, to)} == {"a"}


def test_a_replica_that_was_deleted_stays_away(s3, pair):
    source, to = pair
    configure(s3, source, rule(to))
    made = s3.put_object(Bucket=source, Key="k", Body=b"x")["VersionId"]
    wait(s3, source, "k")
    s3.delete_object(Bucket=to, Key="k", VersionId=made)
    s3.put_object_tagging(Bucket=source, Key="k", Tagging={"TagSet": [
        {"Key": "a", "Value": "1"}]})
    wait(s3, source, "k")
    assert listed(s3, to) == set()


# ---- what happens later ----


def test_tags_and_retention_follow(s3, bucket):
    source, to = f"{bucket}-a", f"{bucket}-b"
    for name in (source, to):
        s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    configure(s3, source, rule(to))
    s3.put_object(Bucket=source, Key="k", Body=b"x", Tagging="a=1",
                  ObjectLockLegalHoldStatus="ON")
    wait(s3, source, "k")
    assert s3.get_object_legal_hold(Bucket=to, Key="k")["LegalHold"] == {"Status": "ON"}
    tags = [{"Key": "b", "Value": "2"}]
    s3.put_object_tagging(Bucket=source, Key="k", Tagging={"TagSet": tags})
    s3.put_object_legal_hold(Bucket=source, Key="k", LegalHold={"Status": "OFF"})
    wait(s3, source, "k")
    assert s3.get_object_tagging(Bucket=to, Key="k")["TagSet"] == tags
    assert s3.get_object_legal_hold(Bucket=to, Key="k")["LegalHold"] == {"Status": "OFF"}
    assert status(s3, to, "k") == "REPLICA" and len(listed(s3, to)) == 1


def test_access_follows(s3, pair):
    source, to = pair
    for name in pair:
        s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls={
            "Rules": [{"ObjectOwnership": "ObjectWriter"}]})
        s3.delete_public_access_block(Bucket=name)
    configure(s3, source, rule(to))

    def permissions(name):
        grants = s3.get_object_acl(Bucket=name, Key="k")["Grants"]
        return [grant["Permission"] for grant in grants]

    s3.put_object(Bucket=source, Key="k", Body=b"x", ACL="public-read")
    wait(s3, source, "k")
    assert permissions(to) == permissions(source) == ["FULL_CONTROL", "READ"]
    s3.put_object_acl(Bucket=source, Key="k", ACL="private")
    wait(s3, source, "k")
    assert permissions(to) == permissions(source) == ["FULL_CONTROL"]


def test_what_cannot_be_replicated_failed(s3, pair):
    source, to = pair
    other = make(s3, f"{to}-2")
    configure(s3, source, rule(to), rule(other, Priority=2))
    version(s3, to, "Suspended")
    s3.put_object(Bucket=source, Key="k", Body=b"x" * LARGE)
    wait(s3, source, "k", "FAILED")
    assert listed(s3, to) == set() and len(listed(s3, other)) == 1
    s3.delete_bucket(Bucket=to)
    s3.put_object(Bucket=source, Key="l", Body=b"x")
    wait(s3, source, "l", "FAILED")
    assert len(listed(s3, other)) == 2


def test_functions_are_told_of_replicas(s3, client, pair, fresh):
    source, to = pair
    name = fresh("told")
    arn = create_function(client("lambda"), name, TELL)
    s3.put_bucket_notification_configuration(Bucket=to, NotificationConfiguration={
        "LambdaFunctionConfigurations": [{"LambdaFunctionArn": arn, "Events": [
            "s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}]})
    configure(s3, source, rule(to, DeleteMarkerReplication=ON))
    made = s3.put_object(Bucket=source, Key="k", Body=b"12345")["VersionId"]
    s3.put_object_tagging(Bucket=source, Key="k", Tagging={"TagSet": []})
    marker = s3.delete_object(Bucket=source, Key="k")["VersionId"]
    wait_until(lambda: len(told(client, name)) == 2)
    rows = [(row["eventName"], row["s3"]["bucket"]["name"], row["s3"]["object"]["versionId"])
            for row in told(client, name)]
    assert rows == [("ObjectCreated:Put", to, made),
                    ("ObjectRemoved:DeleteMarkerCreated", to, marker)]


# ---- encryption ----


def test_keys_of_kms_are_replaced_where_that_is_asked(s3, pair):
    source, to = pair
    other = make(s3, f"{to}-2")
    configure(s3, source,
              rule(to, SourceSelectionCriteria={"SseKmsEncryptedObjects": ON},
                   destination={"EncryptionConfiguration": {"ReplicaKmsKeyID": f"{KMS}new"}}),
              rule(other, Priority=2))
    s3.put_object(Bucket=source, Key="kms", Body=b"x", ServerSideEncryption="aws:kms",
                  SSEKMSKeyId=f"{KMS}old")
    s3.put_object(Bucket=source, Key="plain", Body=b"x")
    wait(s3, source, "kms")
    wait(s3, source, "plain")
    got = s3.head_object(Bucket=to, Key="kms")
    assert (got["ServerSideEncryption"], got["SSEKMSKeyId"]) == ("aws:kms", f"{KMS}new")
    assert s3.head_object(Bucket=to, Key="plain")["ServerSideEncryption"] == "AES256"
    assert {row[0] for row in listed(s3, other)} == {"plain"}


def test_replicas_of_a_clients_key_take_that_key(s3, pair):
    source, to = pair
    configure(s3, source, rule(to))
    key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
    for name, body in (("small", b"secret"), ("large", b"secret" * LARGE)):
        put = s3.put_object(Bucket=source, Key=name, Body=body, **key)
        wait(s3, source, name, **key)
        refused(s3.get_object, "InvalidRequest", 400, Bucket=to, Key=name)
        got = s3.get_object(Bucket=to, Key=name, **key)
        assert got["Body"].read() == body and got["ETag"] == put["ETag"]


# ---- durability ----


def states(s3, bucket):
    return {s3.head_object(Bucket=bucket, Key=key, VersionId=name).get("ReplicationStatus")
            for key, name, _, marker in listed(s3, bucket) if not marker}


def write_until_it_dies(s3, acknowledged, started):
    draw = random.Random(7)
    for i in range(100_000):
        body = draw.randbytes(LARGE if i % 3 == 0 else 100)
        try:
            put = s3.put_object(Bucket="from", Key=f"k{i % 7}", Body=body)
        except (ClientError, EndpointConnectionError, HTTPClientError):
            return
        acknowledged[put["VersionId"]] = (f"k{i % 7}", hashlib.md5(body).hexdigest())
        if i == 20:
            started.set()


def test_every_version_is_replicated_once_whatever_kills(own_server):
    s3 = own_server.client("s3")
    make(s3, "from")
    make(s3, "copy")
    configure(s3, "from", rule("copy", DeleteMarkerReplication=ON))
    acknowledged = {}
    for _ in range(3):
        started = threading.Event()
        thread = threading.Thread(target=write_until_it_dies, args=(s3, acknowledged, started))
        thread.start()
        assert started.wait(30)
        own_server.kill9()
        thread.join()
        own_server.start()
    s3.delete_object(Bucket="from", Key="k0")
    s3.put_object(Bucket="from", Key="last", Body=b"x")
    wait_until(lambda: states(s3, "from") == {"COMPLETED"})
    wait_until(lambda: listed(s3, "copy") == listed(s3, "from"))
    assert states(s3, "copy") == {"REPLICA"}
    for name, (key, digest) in acknowledged.items():
        got = s3.get_object(Bucket="copy", Key=key, VersionId=name)["Body"].read()
        assert hashlib.md5(got).hexdigest() == digest
    large = [row for name in ("from", "copy")
             for page in s3.get_paginator("list_object_versions").paginate(Bucket=name)
             for row in page["Versions"] if row["Size"] >= LARGE]
    wait_until(lambda: len(bodies(own_server)) == len(large))


@pytest.mark.parametrize("point", ["s3.body.durable", "s3.commit", "s3.committed"])
def test_a_kill_at_a_replica_leaves_one(own_server, point):
    s3 = own_server.client("s3")
    for name in ("from", "copy", "other"):
        make(s3, name)
    configure(s3, "from", rule("copy"), rule("other", Priority=2))
    own_server.stop()
    plain, acknowledged = own_server.args, set()
    for number in (2, 3):  # the first is the source's own, then come its replicas
        own_server.args = [*plain, "--fault-at", f"{point}:{number}:kill"]
        own_server.start()
        try:
            put = s3.put_object(Bucket="from", Key="k", Body=b"x" * LARGE)
            acknowledged.add(put["VersionId"])
        except (ClientError, EndpointConnectionError, HTTPClientError):
            pass
        wait_until(lambda: not own_server.running)
        own_server.args = plain
        own_server.start()
        wait_until(lambda: states(s3, "from") <= {"COMPLETED"})
        own_server.stop()
    own_server.start()
    acknowledged.add(s3.put_object(Bucket="from", Key="k", Body=b"y" * LARGE)["VersionId"])
    wait_until(lambda: states(s3, "from") == {"COMPLETED"})
    made = listed(s3, "from")
    assert {row[1] for row in made} >= acknowledged
    assert listed(s3, "copy") == made == listed(s3, "other")
    wait_until(lambda: len(bodies(own_server)) == 3 * len(made))
