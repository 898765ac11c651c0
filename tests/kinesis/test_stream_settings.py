"""What a stream is set to: kept durably, shown where AWS shows it."""

import json

import pytest
from botocore.exceptions import ClientError
from support.chain import ACCOUNT, refused, unchecked

METRICS = [
    "IncomingBytes",
    "IncomingRecords",
    "OutgoingBytes",
    "OutgoingRecords",
    "WriteProvisionedThroughputExceeded",
    "ReadProvisionedThroughputExceeded",
    "IteratorAgeMilliseconds",
]


def call(server, operation, **body):
    """On the bare wire: old SDKs do not know the newest operations and members."""
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": f"Kinesis_20131202.{operation}",
    }
    status, _, reply = server.request("POST", "/", json.dumps(body), headers)
    return status, json.loads(reply) if reply else None


def must(server, operation, **body):
    status, reply = call(server, operation, **body)
    assert status == 200, reply
    return reply


def summary(server, name):
    return must(server, "DescribeStreamSummary", StreamName=name)["StreamDescriptionSummary"]


def arn_of(name):
    return f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/{name}"


def tags_of(kinesis, name, **more):
    reply = kinesis.list_tags_for_stream(StreamName=name, **more)
    return [(tag["Key"], tag.get("Value")) for tag in reply["Tags"]], reply["HasMoreTags"]


# ---- tags ----


@pytest.mark.parametrize("tags", [{str(i): "v" for i in range(51)}, {"aws:x": "v"}, {"a!": "v"}])
def test_a_stream_and_a_consumer_are_not_made_with_wrong_tags(server, stream, fresh, tags):
    name = fresh("ks")
    for operation, body in (
        ("CreateStream", {"StreamName": name, "ShardCount": 1}),
        ("RegisterStreamConsumer", {"StreamARN": arn_of(stream()), "ConsumerName": "c"}),
    ):
        status, reply = call(server, operation, Tags=tags, **body)
        assert (status, reply["__type"]) == (400, "InvalidArgumentException")
    assert call(server, "DescribeStream", StreamName=name)[0] == 400


def test_an_arn_of_another_region_or_account_is_no_stream_here(server, stream):
    name = stream()
    arn = arn_of(name)
    must(server, "DescribeStream", StreamARN=arn)
    for other in (arn.replace("us-east-1", "eu-west-1"), arn.replace(ACCOUNT, 12 * "1")):
        status, reply = call(server, "DescribeStream", StreamARN=other)
        assert (status, reply["__type"]) == (400, "ResourceNotFoundException")
        assert reply["message"] == f"Stream {name} under account {ACCOUNT} not found."


def test_tags_are_added_replaced_listed_and_removed(kinesis, stream):
    name = stream(1)
    assert tags_of(kinesis, name) == ([], False)
    kinesis.add_tags_to_stream(StreamName=name, Tags={"b": "2", "a": "1", "é": "ž"})
    kinesis.add_tags_to_stream(StreamName=name, Tags={"b": "two", "c": ""})
    assert tags_of(kinesis, name) == (
        [("a", "1"), ("b", "two"), ("c", ""), ("é", "ž")], False)  # fmt: skip
    assert tags_of(kinesis, name, Limit=2) == ([("a", "1"), ("b", "two")], True)
    assert tags_of(kinesis, name, Limit=2, ExclusiveStartTagKey="b") == (
        [("c", ""), ("é", "ž")], False)  # fmt: skip
    kinesis.remove_tags_from_stream(StreamName=name, TagKeys=["a", "é", "unknown"])
    assert tags_of(kinesis, name) == ([("b", "two"), ("c", "")], False)


def test_a_stream_has_at_most_fifty_tags(kinesis, stream):
    name = stream(1)
    kinesis.add_tags_to_stream(StreamName=name, Tags={f"k{i:02d}": "v" for i in range(50)})
    kinesis.add_tags_to_stream(StreamName=name, Tags={"k00": "again"})
    text = refused(kinesis.add_tags_to_stream, "InvalidArgumentException", StreamName=name,
                   Tags={"one": "more"})  # fmt: skip
    assert "cannot have more than 50 tags associated with it." in text
    assert len(tags_of(kinesis, name, Limit=50)[0]) == 50
    for wrong in ({"per%cent": "v"}, {"a": "semi;colon"}, {"aws:own": "v"}):
        refused(kinesis.add_tags_to_stream, "InvalidArgumentException", StreamName=name, Tags=wrong)
    refused(kinesis.add_tags_to_stream, "ResourceNotFoundException", StreamName="nobody",
            Tags={"a": "b"})  # fmt: skip


def test_tags_given_at_creation_are_shown(server, fresh):
    name = fresh("tagged")
    must(server, "CreateStream", StreamName=name, ShardCount=1, Tags={"team": "sales"})
    reply = must(server, "ListTagsForStream", StreamName=name)
    assert reply == {"Tags": [{"Key": "team", "Value": "sales"}], "HasMoreTags": False}
    must(server, "DeleteStream", StreamName=name)


def test_the_generic_tag_operations_mean_the_same_tags(server, kinesis, stream):
    name = stream(1)
    must(server, "TagResource", ResourceARN=arn_of(name), Tags={"a": "1", "b": "2"})
    must(server, "UntagResource", ResourceARN=arn_of(name), TagKeys=["a"])
    reply = must(server, "ListTagsForResource", ResourceARN=arn_of(name))
    assert reply == {"Tags": [{"Key": "b", "Value": "2"}]}
    assert tags_of(kinesis, name) == ([("b", "2")], False)
    status, reply = call(server, "ListTagsForResource", ResourceARN=arn_of("nobody"))
    assert (status, reply["__type"]) == (400, "ResourceNotFoundException")


# ---- limits and the account ----


def test_limits_count_the_open_shards(own_server):
    kinesis = own_server.client("kinesis")
    limits = must(own_server, "DescribeLimits")
    assert limits == {"ShardLimit": 500, "OpenShardCount": 0, "OnDemandStreamCount": 0,
                      "OnDemandStreamCountLimit": 50}  # fmt: skip
    kinesis.create_stream(StreamName="one", ShardCount=3)
    kinesis.create_stream(StreamName="two", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    kinesis.split_shard(StreamName="one", ShardToSplit="shardId-000000000000",
                        NewStartingHashKey="1000")  # fmt: skip
    limits = must(own_server, "DescribeLimits")
    assert (limits["OpenShardCount"], limits["OnDemandStreamCount"]) == (4 + 4, 1)


def test_the_account_may_commit_itself_to_a_throughput(own_server):
    def shown(reply):
        return reply["MinimumThroughputBillingCommitment"]

    assert shown(must(own_server, "DescribeAccountSettings")) == {"Status": "DISABLED"}
    made = shown(must(own_server, "UpdateAccountSettings",
                      MinimumThroughputBillingCommitment={"Status": "ENABLED"}))  # fmt: skip
    assert made["Status"] == "ENABLED"
    assert made["EarliestAllowedEndAt"] - made["StartedAt"] == pytest.approx(86400)
    own_server.kill9()
    own_server.restart()
    assert shown(must(own_server, "DescribeAccountSettings")) == made
    ended = shown(must(own_server, "UpdateAccountSettings",
                       MinimumThroughputBillingCommitment={"Status": "DISABLED"}))  # fmt: skip
    assert ended == {**made, "Status": "ENABLED_UNTIL_EARLIEST_ALLOWED_END"}


# ---- mode, sizes, encryption, metrics ----


def test_a_stream_s_mode_changes_and_its_shards_stay(server, kinesis, stream):
    name = stream(2)
    kinesis.update_stream_mode(
        StreamARN=arn_of(name), StreamModeDetails={"StreamMode": "ON_DEMAND"}
    )
    found = summary(server, name)
    assert found["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert found["OpenShardCount"] == 2
    assert "WarmThroughput" not in found
    reply = must(server, "UpdateStreamWarmThroughput", StreamName=name, WarmThroughputMiBps=10)
    assert reply["WarmThroughput"] == {"TargetMiBps": 10, "CurrentMiBps": 10}
    assert summary(server, name)["WarmThroughput"] == {"TargetMiBps": 10, "CurrentMiBps": 10}
    kinesis.update_stream_mode(
        StreamARN=arn_of(name), StreamModeDetails={"StreamMode": "PROVISIONED"}
    )
    found = summary(server, name)
    assert found["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}
    assert "WarmThroughput" not in found
    status, reply = call(server, "UpdateStreamWarmThroughput", StreamName=name,
                         WarmThroughputMiBps=10)  # fmt: skip
    assert (status, reply["__type"]) == (400, "ValidationException")


def test_a_stream_s_mode_changes_twice_in_24_hours(own_server):
    kinesis = own_server.client("kinesis")
    kinesis.create_stream(StreamName="s", ShardCount=1)

    def to(mode):
        return {"StreamARN": arn_of("s"), "StreamModeDetails": {"StreamMode": mode}}

    kinesis.update_stream_mode(**to("PROVISIONED"))  # it is: no change
    kinesis.update_stream_mode(**to("ON_DEMAND"))
    kinesis.update_stream_mode(**to("PROVISIONED"))
    refused(kinesis.update_stream_mode, "LimitExceededException", **to("ON_DEMAND"))
    own_server.clock.hold()
    own_server.clock.advance(hours=25)
    kinesis.update_stream_mode(**to("ON_DEMAND"))


def test_an_account_has_at_most_fifty_on_demand_streams(own_server):
    kinesis = own_server.client("kinesis")
    for n in range(50):
        kinesis.create_stream(StreamName=f"s{n}")
    refused(kinesis.create_stream, "LimitExceededException", StreamName="one-more")
    kinesis.create_stream(StreamName="provisioned", ShardCount=1)
    refused(kinesis.update_stream_mode, "LimitExceededException", StreamARN=arn_of("provisioned"),
            StreamModeDetails={"StreamMode": "ON_DEMAND"})  # fmt: skip
    kinesis.delete_stream(StreamName="s7")
    kinesis.create_stream(StreamName="one-more")


def test_tags_of_strange_characters_are_refused(kinesis, stream):
    name = stream(1)
    valid = ("Some tags contain invalid characters. Valid characters: Unicode letters, digits, "
             "white space, _ . / = + - % @ :.")  # fmt: skip
    for wrong in ({"a;": "b"}, {"a": "b^"}, {"aws:x": "b"}):
        text = refused(kinesis.add_tags_to_stream, "InvalidArgumentException", StreamName=name,
                       Tags=wrong)  # fmt: skip
        assert text == valid
    allowed = ("because some tags contained illegal characters. The allowed characters are Unicode "
               "letters, white-spaces, '_',',','/','=','+','-','@',':'.")  # fmt: skip
    text = refused(kinesis.add_tags_to_stream, "InvalidArgumentException", StreamName=name,
                   Tags={"100%": "x"})  # fmt: skip
    assert text == f"Failed to add tags to stream {name} under account {ACCOUNT} {allowed}"
    text = refused(kinesis.remove_tags_from_stream, "InvalidArgumentException", StreamName=name,
                   TagKeys=["100%"])  # fmt: skip
    assert text == f"Failed to remove tags from stream {name} under account {ACCOUNT} {allowed}"
    text = refused(kinesis.remove_tags_from_stream, "InvalidArgumentException", StreamName=name,
                   TagKeys=["a;"])  # fmt: skip
    assert text == valid
    kinesis.add_tags_to_stream(StreamName=name, Tags={"käse/a=b+c-d@e:f g": "é"})


def test_the_largest_record_is_what_the_stream_says(server, kinesis, stream):
    name = stream(1)
    free = unchecked(server, "kinesis")
    big = bytes((2 << 20) - 1)
    refused(free.put_record, "ValidationException", StreamName=name, Data=big, PartitionKey="k")
    must(server, "UpdateMaxRecordSize", StreamARN=arn_of(name), MaxRecordSizeInKiB=2048)
    assert summary(server, name)["MaxRecordSizeInKiB"] == 2048
    free.put_record(StreamName=name, Data=big, PartitionKey="k")
    refused(free.put_record, "ValidationException", StreamName=name, Data=big + b"xx",
            PartitionKey="k")  # fmt: skip
    for wrong in (1023, 10241):
        status, reply = call(server, "UpdateMaxRecordSize", StreamARN=arn_of(name),
                             MaxRecordSizeInKiB=wrong)  # fmt: skip
        assert (status, reply["__type"]) == (400, "ValidationException")


def test_encryption_is_a_flag_that_replies_show(kinesis, stream):
    name = stream(1)

    def put_and_get():
        one = kinesis.put_record(StreamName=name, Data=b"x", PartitionKey="k")
        many = kinesis.put_records(StreamName=name, Records=[{"Data": b"x", "PartitionKey": "k"}])
        at = kinesis.get_shard_iterator(
            StreamName=name, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        record = kinesis.get_records(ShardIterator=at)["Records"][-1]
        shown = kinesis.describe_stream(StreamName=name)["StreamDescription"]
        return (
            one.get("EncryptionType"), many.get("EncryptionType"), record.get("EncryptionType"),
            shown["EncryptionType"], shown.get("KeyId"),
        )  # fmt: skip

    assert put_and_get() == (None, None, None, "NONE", None)
    kinesis.start_stream_encryption(
        StreamName=name, EncryptionType="KMS", KeyId="alias/aws/kinesis"
    )
    assert put_and_get() == ("KMS", "KMS", "KMS", "KMS", "alias/aws/kinesis")
    kinesis.stop_stream_encryption(
        StreamName=name, EncryptionType="KMS", KeyId="alias/aws/kinesis"
    )
    assert put_and_get() == (None, None, None, "NONE", None)
    refused(kinesis.start_stream_encryption, "InvalidArgumentException", StreamName=name,
            EncryptionType="NONE", KeyId="alias/aws/kinesis")  # fmt: skip


def test_shard_level_metrics_are_switched_on_and_off(kinesis, stream):
    name = stream(1)

    def shown():
        return kinesis.describe_stream(StreamName=name)["StreamDescription"]["EnhancedMonitoring"]

    assert shown() == [{"ShardLevelMetrics": []}]
    reply = kinesis.enable_enhanced_monitoring(
        StreamName=name, ShardLevelMetrics=["OutgoingBytes", "IncomingBytes"]
    )
    assert reply["CurrentShardLevelMetrics"] == []
    assert reply["DesiredShardLevelMetrics"] == ["IncomingBytes", "OutgoingBytes"]
    assert shown() == [{"ShardLevelMetrics": ["IncomingBytes", "OutgoingBytes"]}]
    reply = kinesis.enable_enhanced_monitoring(StreamName=name, ShardLevelMetrics=["ALL"])
    assert reply["DesiredShardLevelMetrics"] == METRICS
    reply = kinesis.disable_enhanced_monitoring(
        StreamName=name, ShardLevelMetrics=["OutgoingRecords"]
    )
    assert reply["CurrentShardLevelMetrics"] == METRICS
    assert reply["DesiredShardLevelMetrics"] == [m for m in METRICS if m != "OutgoingRecords"]


# ---- resource policies ----


def test_a_policy_is_kept_as_it_was_given(server, stream):
    arn = arn_of(stream(1))
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow"}]}, indent=2)
    assert must(server, "GetResourcePolicy", ResourceARN=arn) == {"Policy": "{}"}
    must(server, "PutResourcePolicy", ResourceARN=arn, Policy=policy)
    assert must(server, "GetResourcePolicy", ResourceARN=arn) == {"Policy": policy}
    must(server, "DeleteResourcePolicy", ResourceARN=arn)
    assert must(server, "GetResourcePolicy", ResourceARN=arn) == {"Policy": "{}"}
    status, reply = call(server, "PutResourcePolicy", ResourceARN=arn, Policy="no JSON")
    assert (status, reply["__type"]) == (400, "InvalidArgumentException")


# ---- durable ----


def test_all_settings_outlive_a_crash(own_server):
    kinesis = own_server.client("kinesis")
    kinesis.create_stream(StreamName="s", ShardCount=2)
    kinesis.add_tags_to_stream(StreamName="s", Tags={"a": "1"})
    kinesis.increase_stream_retention_period(StreamName="s", RetentionPeriodHours=48)
    kinesis.start_stream_encryption(StreamName="s", EncryptionType="KMS", KeyId="alias/k")
    kinesis.enable_enhanced_monitoring(StreamName="s", ShardLevelMetrics=["IncomingBytes"])
    must(own_server, "UpdateMaxRecordSize", StreamARN=arn_of("s"), MaxRecordSizeInKiB=4096)
    must(own_server, "PutResourcePolicy", ResourceARN=arn_of("s"), Policy='{"a": "b"}')
    kinesis.split_shard(StreamName="s", ShardToSplit="shardId-000000000000",
                        NewStartingHashKey="1000")  # fmt: skip
    before = summary(own_server, "s")
    assert before["RetentionPeriodHours"] == 48
    own_server.kill9()
    own_server.restart()
    assert summary(own_server, "s") == before
    kinesis = own_server.client("kinesis")
    assert tags_of(kinesis, "s") == ([("a", "1")], False)
    assert must(own_server, "GetResourcePolicy", ResourceARN=arn_of("s")) == {
        "Policy": '{"a": "b"}'}  # fmt: skip


def may(server, operation, **body):
    """True, or the message of an access denied; any other error is one."""
    status, reply = call(server, operation, **body)
    if status == 200:
        return True
    assert (status, reply["__type"].split("#")[-1]) == (400, "AccessDeniedException"), reply
    return reply["message"]


def deny(server, arn, *actions, **more):
    must(server, "PutResourcePolicy", ResourceARN=arn, Policy=json.dumps(
        {"Version": "2012-10-17", "Statement": [{
            "Effect": "Deny", "Principal": "*", "Resource": arn,
            "Action": ["kinesis:" + action for action in actions], **more}]}))


PUT = {"Data": "eA==", "PartitionKey": "k"}


def test_a_policy_denies_what_it_names(server, kinesis, stream):
    name, other = stream(1), stream(1)
    arn = arn_of(name)
    iterator = kinesis.get_shard_iterator(
        StreamName=name, ShardId="shardId-000000000000",
        ShardIteratorType="LATEST")["ShardIterator"]
    deny(server, arn, "PutRecord", "GetRecords")
    message = (f"User: arn:aws:iam::{ACCOUNT}:root is not authorized to perform: "
               f"kinesis:PutRecord on resource: {arn} with an explicit deny in a resource-based "
               "policy")
    with pytest.raises(ClientError) as caught:
        kinesis.put_record(StreamName=name, Data=b"x", PartitionKey="k")
    error = caught.value.response["Error"]
    assert (error["Code"], error["Message"]) == ("AccessDeniedException", message)
    assert may(server, "PutRecord", StreamARN=arn, **PUT) == message
    assert may(server, "GetRecords", ShardIterator=iterator) is not True
    assert may(server, "PutRecords", StreamName=name, Records=[PUT]) is True
    assert may(server, "PutRecord", StreamName=other, **PUT) is True
    deny(server, arn, "PutRecord", Condition={"Bool": {"aws:SecureTransport": "false"}})
    assert may(server, "PutRecord", StreamName=name, **PUT) is True  # loopback is as good
    deny(server, arn, "*")
    assert may(server, "GetResourcePolicy", ResourceARN=arn) is not True
    must(server, "DeleteResourcePolicy", ResourceARN=arn)  # the root is not locked out
    assert may(server, "PutRecord", StreamName=name, **PUT) is True


def test_a_consumer_has_a_policy_of_its_own(server, kinesis, stream):
    name = stream(1)
    arn = arn_of(name)
    consumer = kinesis.register_stream_consumer(
        StreamARN=arn, ConsumerName="c")["Consumer"]["ConsumerARN"]
    deny(server, consumer, "DescribeStreamConsumer", "SubscribeToShard")
    assert may(server, "DescribeStreamConsumer", ConsumerARN=consumer) is not True
    assert may(server, "DescribeStreamConsumer", StreamARN=arn, ConsumerName="c") is not True
    assert may(server, "SubscribeToShard", ConsumerARN=consumer, ShardId="shardId-000000000000",
               StartingPosition={"Type": "LATEST"}) is not True
    assert may(server, "DescribeStream", StreamName=name) is True


def test_a_policy_tells_sessions_of_roles_apart_and_survives(own_server):
    kinesis = own_server.client("kinesis")
    kinesis.create_stream(StreamName="orders", ShardCount=1)
    role = own_server.client("iam").create_role(
        RoleName="writer", AssumeRolePolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": []}))["Role"]["Arn"]
    deny(own_server, arn_of("orders"), "PutRecord", Principal={"AWS": role})
    own_server.restart()
    keys = own_server.client("sts").assume_role(
        RoleArn=role, RoleSessionName="me")["Credentials"]
    session = own_server.client(
        "kinesis", aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"], aws_session_token=keys["SessionToken"])
    assert may(own_server, "PutRecord", StreamName="orders", **PUT) is True
    with pytest.raises(ClientError) as caught:
        session.put_record(StreamName="orders", Data=b"x", PartitionKey="k")
    assert caught.value.response["Error"]["Message"].startswith(
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/writer/me is not authorized")
