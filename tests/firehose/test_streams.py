"""Delivery streams: made, described, changed, listed, deleted."""

import pytest
from support import wait_until
from support.chain import ACCOUNT, ROLE, objects_of, refused

DESTINATION = "destinationId-000000000001"


def described(firehose, name):
    return firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]


def destination(bucket, **more):
    return {"BucketARN": f"arn:aws:s3:::{bucket}", "RoleARN": ROLE, **more}


def test_a_description_has_aws_s_members_and_defaults(firehose, bucket, stream, fresh):
    _, source = stream()
    name = fresh("dl")
    made = firehose.create_delivery_stream(
        DeliveryStreamName=name,
        DeliveryStreamType="KinesisStreamAsSource",
        KinesisStreamSourceConfiguration={"KinesisStreamARN": source, "RoleARN": ROLE},
        ExtendedS3DestinationConfiguration=destination(
            bucket, Prefix="data/", ErrorOutputPrefix="errors/"
        ),
    )
    arn = f"arn:aws:firehose:us-east-1:{ACCOUNT}:deliverystream/{name}"
    assert made["DeliveryStreamARN"] == arn
    wait_until(lambda: described(firehose, name)["DeliveryStreamStatus"] == "ACTIVE")
    found = described(firehose, name)
    created = found.pop("CreateTimestamp")
    plain = {
        "RoleARN": ROLE,
        "BucketARN": f"arn:aws:s3:::{bucket}",
        "Prefix": "data/",
        "ErrorOutputPrefix": "errors/",
        "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 300},
        "CompressionFormat": "UNCOMPRESSED",
        "EncryptionConfiguration": {"NoEncryptionConfig": "NoEncryption"},
        "CloudWatchLoggingOptions": {"Enabled": False},
    }
    start = found["Source"]["KinesisStreamSourceDescription"].pop("DeliveryStartTimestamp")
    assert start == created
    assert found == {
        "DeliveryStreamName": name,
        "DeliveryStreamARN": arn,
        "DeliveryStreamStatus": "ACTIVE",
        "DeliveryStreamType": "KinesisStreamAsSource",
        "VersionId": "1",
        "Source": {
            "KinesisStreamSourceDescription": {"KinesisStreamARN": source, "RoleARN": ROLE}
        },
        "Destinations": [
            {
                "DestinationId": DESTINATION,
                "S3DestinationDescription": plain,
                "ExtendedS3DestinationDescription": {
                    **plain,
                    "S3BackupMode": "Disabled",
                    "DataFormatConversionConfiguration": {"Enabled": False},
                },
            }
        ],
        "HasMoreDestinations": False,
    }
    firehose.delete_delivery_stream(DeliveryStreamName=name)


def test_the_plain_s3_destination_works_too(server, firehose, bucket, fresh):
    name = fresh("dl")
    firehose.create_delivery_stream(
        DeliveryStreamName=name,
        S3DestinationConfiguration=destination(
            bucket, BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 0}
        ),
    )
    found = described(firehose, name)
    assert found["DeliveryStreamType"] == "DirectPut"
    assert found["DeliveryStreamEncryptionConfiguration"] == {"Status": "DISABLED"}
    assert "Source" not in found
    firehose.put_record(DeliveryStreamName=name, Record={"Data": b"hello"})
    wait_until(lambda: list(objects_of(server, bucket).values()) == [b"hello"])
    firehose.delete_delivery_stream(DeliveryStreamName=name)


def test_errors_have_the_words_of_aws(firehose, bucket, delivery, stream, fresh):
    name = delivery()
    text = refused(
        firehose.create_delivery_stream,
        "ResourceInUseException",
        DeliveryStreamName=name,
        ExtendedS3DestinationConfiguration=destination(bucket),
    )
    assert text == f"Firehose {name} under accountId {ACCOUNT} already exists"
    missing = fresh("dl")
    for call, more in (
        (firehose.describe_delivery_stream, {}),
        (firehose.delete_delivery_stream, {}),
        (firehose.put_record, {"Record": {"Data": b"x"}}),
    ):
        text = refused(call, "ResourceNotFoundException", DeliveryStreamName=missing, **more)
        assert text == f"Firehose {missing} under account {ACCOUNT} not found."
    text = refused(
        firehose.create_delivery_stream,
        "InvalidArgumentException",
        DeliveryStreamName=missing,
    )
    assert text == "Exactly one destination configuration is supported for a Firehose"
    text = refused(
        firehose.create_delivery_stream,
        "ValidationException",
        DeliveryStreamName=missing,
        ExtendedS3DestinationConfiguration=destination(bucket, CompressionFormat="LZ4"),
    )
    head, _, values = text.rstrip("]").partition("[")
    assert head == (
        "1 validation error detected: Value at 'extendedS3DestinationConfiguration."
        "compressionFormat' failed to satisfy constraint: Member must satisfy enum value set: "
    )
    assert set(values.split(", ")) == {"ZIP", "HADOOP_SNAPPY", "Snappy", "GZIP", "UNCOMPRESSED"}
    _, source = stream()
    sourced = delivery(source=source)
    text = refused(
        firehose.put_record,
        "InvalidArgumentException",
        DeliveryStreamName=sourced,
        Record={"Data": b"x"},
    )
    assert text == (
        "This operation is not permitted on KinesisStreamAsSource delivery stream type."
    )


def test_updates_merge_and_need_the_current_version(server, firehose, bucket, delivery):
    name = delivery(Prefix="one/")

    def update(version, where=DESTINATION, **change):
        firehose.update_destination(
            DeliveryStreamName=name,
            CurrentDeliveryStreamVersionId=version,
            DestinationId=where,
            ExtendedS3DestinationUpdate=change,
        )

    update("1", Prefix="two/")
    found = described(firehose, name)
    now = found["Destinations"][0]["ExtendedS3DestinationDescription"]
    assert found["VersionId"] == "2" and "LastUpdateTimestamp" in found
    assert now["Prefix"] == "two/"
    assert now["BufferingHints"] == {"SizeInMBs": 1, "IntervalInSeconds": 0}
    firehose.put_record(DeliveryStreamName=name, Record={"Data": b"x"})
    key = wait_until(lambda: list(objects_of(server, bucket)))[0]
    assert key.startswith("two/") and f"/{name}-2-" in key
    with pytest.raises(firehose.exceptions.ConcurrentModificationException) as caught:
        update("1", Prefix="three/")
    assert caught.value.response["Error"]["Message"] == (
        f"Cannot update firehose: {name} since the current version id: 2 and specified version "
        "id: 1 do not match"
    )
    with pytest.raises(firehose.exceptions.InvalidArgumentException) as caught:
        update("2", "destinationId-7", Prefix="three/")
    text = caught.value.response["Error"]["Message"]
    assert text == "Destination Id destinationId-7 not found"
    assert described(firehose, name)["VersionId"] == "2"


def test_what_is_buffered_lands_as_the_destination_is_then(server, firehose, s3, delivery, fresh):
    other = fresh("lake")
    s3.create_bucket(Bucket=other)
    name = delivery(seconds=900)
    firehose.put_record(DeliveryStreamName=name, Record={"Data": b"held"})
    firehose.update_destination(
        DeliveryStreamName=name,
        CurrentDeliveryStreamVersionId="1",
        DestinationId=DESTINATION,
        ExtendedS3DestinationUpdate={
            "BucketARN": f"arn:aws:s3:::{other}",
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0},
        },
    )
    wait_until(lambda: list(objects_of(server, other).values()) == [b"held"])


def test_lists_are_sorted_and_paged(firehose, delivery):
    names = sorted(delivery() for _ in range(3))
    listed, start = [], {}
    while True:
        page = firehose.list_delivery_streams(Limit=1, **start)
        listed += page["DeliveryStreamNames"]
        if not page["HasMoreDeliveryStreams"]:
            break
        start = {"ExclusiveStartDeliveryStreamName": listed[-1]}
    assert [name for name in listed if name in names] == names
    direct = firehose.list_delivery_streams(Limit=1000, DeliveryStreamType="DirectPut")
    assert set(names) <= set(direct["DeliveryStreamNames"])
    sourced = firehose.list_delivery_streams(DeliveryStreamType="KinesisStreamAsSource")
    assert not set(names) & set(sourced["DeliveryStreamNames"])


def test_tags_are_set_listed_and_taken_away(firehose, bucket, fresh):
    name = fresh("dl")
    firehose.create_delivery_stream(
        DeliveryStreamName=name,
        ExtendedS3DestinationConfiguration=destination(bucket),
        Tags=[{"Key": "a", "Value": "1"}],
    )

    def tags():
        found = firehose.list_tags_for_delivery_stream(DeliveryStreamName=name)
        assert found["HasMoreTags"] is False
        return {tag["Key"]: tag.get("Value") for tag in found["Tags"]}

    firehose.tag_delivery_stream(
        DeliveryStreamName=name,
        Tags=[{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "3"}],
    )
    assert tags() == {"a": "3", "b": "2"}
    firehose.untag_delivery_stream(DeliveryStreamName=name, TagKeys=["a", "unknown"])
    assert tags() == {"b": "2"}
    firehose.delete_delivery_stream(DeliveryStreamName=name)


def test_a_deleted_stream_drops_what_it_held_and_may_be_made_again(
    server, firehose, bucket, delivery
):
    name = delivery(seconds=900)
    firehose.put_record(DeliveryStreamName=name, Record={"Data": b"dropped"})
    firehose.delete_delivery_stream(DeliveryStreamName=name)
    refused(firehose.describe_delivery_stream, "ResourceNotFoundException",
            DeliveryStreamName=name)  # fmt: skip
    firehose.create_delivery_stream(
        DeliveryStreamName=name,
        ExtendedS3DestinationConfiguration=destination(
            bucket, BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 0}
        ),
    )
    firehose.put_record(DeliveryStreamName=name, Record={"Data": b"kept"})
    wait_until(lambda: list(objects_of(server, bucket).values()) == [b"kept"])


def test_the_cli_of_the_distribution_works(aws, bucket, server, fresh):
    name = fresh("dl")
    aws("firehose", "create-delivery-stream", "--delivery-stream-name", name,
        "--s3-destination-configuration",
        f"RoleARN={ROLE},BucketARN=arn:aws:s3:::{bucket},"
        "BufferingHints={SizeInMBs=1,IntervalInSeconds=60}")  # fmt: skip
    found = aws("firehose", "describe-delivery-stream", "--delivery-stream-name", name).json
    assert found["DeliveryStreamDescription"]["DeliveryStreamStatus"] == "ACTIVE"
    put = aws("firehose", "put-record", "--delivery-stream-name", name,
              "--record", '{"Data":"aGVsbG8="}').json  # fmt: skip
    assert put["RecordId"]
    assert name in aws("firehose", "list-delivery-streams", "--limit", "1000").stdout
    aws("firehose", "delete-delivery-stream", "--delivery-stream-name", name)
