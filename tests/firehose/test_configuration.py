"""What a destination may say: AWS's refusals in its words, and what is shown of what was taken."""

import pytest
from support.chain import ACCOUNT, ROLE, firehose_wire, refused, unchecked

DESTINATION = "destinationId-000000000001"
FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
LARGE = {"SizeInMBs": 64, "IntervalInSeconds": 60}
ERRORS = {"ErrorOutputPrefix": "e/"}
PARTITIONED = {"DynamicPartitioningConfiguration": {"Enabled": True}, "BufferingHints": LARGE,
               **ERRORS}  # fmt: skip


def processor(kind, **parameters):
    return {
        "Type": kind,
        "Parameters": [
            {"ParameterName": name, "ParameterValue": value} for name, value in parameters.items()
        ],
    }


def processing(*processors):
    return {"ProcessingConfiguration": {"Enabled": True, "Processors": list(processors)}}


LAMBDA = processor("Lambda", LambdaArn=FUNCTION)
FROM_LAMBDA = {"Prefix": "!{partitionKeyFromLambda:k}/"}


def destination(bucket, **more):
    return {"BucketARN": f"arn:aws:s3:::{bucket}", "RoleARN": ROLE, **more}


@pytest.mark.parametrize("change, words", [
    ({"Prefix": "a/!{timestamp:yyyy}/"},
     "ErrorOutputPrefix cannot be null or empty when Prefix contains expressions"),
    ({"Prefix": "!{nonsense:x}", **ERRORS},
     "Namespace to the left of colon (nonsense) is an invalid keyword!"),
    ({"Prefix": "!{timestamp:yyyy", **ERRORS}, "Invalid expression usage in Prefix"),
    ({"Prefix": "!{timestamp:bb}", **ERRORS},
     "Invalid conversion character used in the value of the expression in Prefix"),
    ({"ErrorOutputPrefix": "e/!{timestamp:yyyy}/"},
     "ErrorOutputPrefix must contain at least one occurrence of !{firehose:error-output-type}"),
    ({"Prefix": "x" * 513}, "Length of evaluated prefix cannot be greater than 512"),
    ({"CustomTimeZone": "Asia/Kolkata"},
     "Provided custom time zone is not supported. Custom time zones are limited to UTC and "
     "non-3-letter IANA time zones."),
    ({"Prefix": "!{timestamp:zzzz}", **ERRORS, "CustomTimeZone": "Asia/Tokyo"}, "for UTC only"),
    ({"BufferingHints": {"SizeInMBs": 1}},
     "BufferingHints must specify both SizeInMBs and IntervalInSeconds"),
    ({"S3BackupMode": "Enabled"},
     "S3 backup destination configuration is required when enabling S3 backup."),
    ({"CloudWatchLoggingOptions": {"Enabled": True}},
     "CloudWatch Log Group Name is required if CloudWatch Logging is enabled"),
    ({"EncryptionConfiguration": {}},
     "Exactly one of NoEncryptionConfig or KMSEncryptionConfig must be specified"),
    (processing(),
     "A maximum of 5 and a minimum of 1 processor needs to be supplied when processing is "
     "enabled."),
    (processing(LAMBDA, LAMBDA), "Cannot have more than 1 Lambda processor."),
    (processing(processor("Lambda", NumberOfRetries="1")),
     "LambdaArn is required when Lambda processor is used."),
    (processing(processor("Lambda", LambdaArn=FUNCTION, NumberOfRetries="301")),
     "Number of retries for lambda must be between 0 and 300."),
    (processing(processor("Lambda", LambdaArn=FUNCTION, BufferSizeInMBs="0.1",
                          BufferIntervalInSeconds="60")),
     "BufferSizeInMBs for lambda processor must be between 0.2 and 3."),
    (processing(processor("Lambda", LambdaArn=FUNCTION, BufferSizeInMBs="1",
                          BufferIntervalInSeconds="901")),
     "BufferIntervalInSeconds for lambda processor must be between 0 and 900."),
    (processing(processor("Lambda", LambdaArn=FUNCTION, BufferSizeInMBs="1")),
     "Both BufferSizeInMBs and BufferIntervalInSeconds are required to configure buffering for "
     "lambda processor."),
    (processing(processor("Lambda", LambdaArn="transform")),
     "LambdaArn transform is not the ARN of a Lambda function."),
    (processing(processor("Lambda", LambdaArn=FUNCTION, Delimiter="x")),
     "Parameter Delimiter is not valid for the Lambda processor."),
    (processing(processor("AppendDelimiterToRecord", SubRecordType="JSON")),
     "Parameter SubRecordType is not valid for the AppendDelimiterToRecord processor."),
    (processing(processor("CloudWatchLogProcessing", DataMessageExtraction="true")),
     "CloudWatchLogProcessingProcessor can only be enabled with DecompressionProcessor"),
    (processing(processor("Decompression", CompressionFormat="GZIP"),
                processor("CloudWatchLogProcessing", DataMessageExtraction="x")),
     "Invalid parameter value for DataMessageExtraction. Allowed values are True and False."),
    (processing(processor("RecordDeAggregation", SubRecordType="JSON")),
     "class com.amazonaws.services.firehose.internal.model.RecordDeAggregationProcessor can only "
     "be present when Dynamic Partitioning is enabled."),
    ({"Prefix": "!{partitionKeyFromLambda:k}/", **ERRORS, **processing(LAMBDA)},
     "Dynamic Partitioning Namespaces can only be part of a prefix expression when Dynamic "
     "Partitioning is enabled."),
    ({**PARTITIONED, "Prefix": "x/", **processing(LAMBDA)},
     "S3 Prefix should contain Dynamic Partitioning namespaces when Dynamic Partitioning is "
     "enabled"),
    ({**PARTITIONED, **FROM_LAMBDA},
     "Processing Configuration is not enabled when DataPartitioning is enabled"),
    ({**PARTITIONED, **FROM_LAMBDA,
      **processing(processor("RecordDeAggregation", SubRecordType="JSON"))},
     "Lambda should be present when S3 Prefix contains keys from partitionKeyFromLambda "
     "namespace"),
    ({**PARTITIONED, "Prefix": "!{partitionKeyFromQuery:k}/", **processing(LAMBDA)},
     "MetadataExtraction processor should be present when S3 Prefix has partitionKeyFromQuery "
     "namespace"),
    ({**PARTITIONED, **FROM_LAMBDA,
      **processing(LAMBDA, processor("RecordDeAggregation", SubRecordType="XML"))},
     "SubRecordType has to be one of JSON, DELIMITED"),
    ({**PARTITIONED, **FROM_LAMBDA,
      **processing(LAMBDA, processor("RecordDeAggregation", SubRecordType="DELIMITED"))},
     "Delimiter should be present for DELIMITED"),
    ({**PARTITIONED, **FROM_LAMBDA, **processing(LAMBDA),
      "BufferingHints": {"SizeInMBs": 63, "IntervalInSeconds": 60}},
     "BufferingHints.SizeInMBs must be at least 64 when Dynamic Partitioning is enabled."),
])  # fmt: skip
def test_what_cannot_be_is_refused_in_the_words_of_aws(server, bucket, fresh, change, words):
    status, reply = firehose_wire(
        server,
        "CreateDeliveryStream",
        DeliveryStreamName=fresh("dl"),
        ExtendedS3DestinationConfiguration=destination(bucket, **change),
    )
    assert (status, reply["__type"]) == (400, "InvalidArgumentException"), reply
    assert words in reply["message"]


S3 = {"BucketARN": "arn:aws:s3:::b", "RoleARN": ROLE}
MEMBERS = {
    "Redshift": {"RoleARN": ROLE, "ClusterJDBCURL": "jdbc:redshift://h:5439/d",
                 "CopyCommand": {"DataTableName": "t"}, "S3Configuration": S3},
    "Amazonopensearchservice": {"RoleARN": ROLE, "IndexName": "i", "S3Configuration": S3},
    "Splunk": {"HECEndpoint": "https://h:8088", "HECEndpointType": "Raw", "S3Configuration": S3},
    "HttpEndpoint": {"EndpointConfiguration": {"Url": "https://h"}, "S3Configuration": S3},
    "Snowflake": {"AccountUrl": "https://a.snowflakecomputing.com", "Database": "d", "Schema": "s",
                  "Table": "t", "RoleARN": ROLE, "S3Configuration": S3},
}  # fmt: skip


@pytest.mark.parametrize("kind", MEMBERS)
def test_other_destinations_are_refused_by_name(server, fresh, kind):
    member = f"{kind}DestinationConfiguration"
    status, reply = firehose_wire(
        server, "CreateDeliveryStream", DeliveryStreamName=fresh("dl"), **{member: MEMBERS[kind]}
    )
    assert (status, reply["__type"]) == (501, "NotImplemented"), reply
    assert member in reply["message"]


def described(firehose, name):
    found = firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
    return found, found["Destinations"][0]["ExtendedS3DestinationDescription"]


def test_a_description_shows_partitioning_and_backup_completed(firehose, bucket, fresh, server):
    name = fresh("dl")
    server_firehose = unchecked(server, "firehose")
    server_firehose.create_delivery_stream(
        DeliveryStreamName=name,
        ExtendedS3DestinationConfiguration=destination(
            bucket, **ERRORS, **FROM_LAMBDA, **processing(LAMBDA),
            DynamicPartitioningConfiguration={"Enabled": True},
            S3BackupMode="Enabled",
            S3BackupConfiguration=destination(bucket, Prefix="raw/"),
        ),
    )  # fmt: skip
    _, found = described(firehose, name)
    assert found["DynamicPartitioningConfiguration"] == {
        "Enabled": True, "RetryOptions": {"DurationInSeconds": 300},
    }  # fmt: skip
    assert found["BufferingHints"] == {"SizeInMBs": 128, "IntervalInSeconds": 300}
    assert found["S3BackupMode"] == "Enabled"
    assert found["S3BackupDescription"] == {
        "RoleARN": ROLE,
        "BucketARN": f"arn:aws:s3:::{bucket}",
        "Prefix": "raw/",
        "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 300},
        "CompressionFormat": "UNCOMPRESSED",
        "EncryptionConfiguration": {"NoEncryptionConfig": "NoEncryption"},
        "CloudWatchLoggingOptions": {"Enabled": False},
    }
    update = {"DeliveryStreamName": name, "CurrentDeliveryStreamVersionId": "1",
              "DestinationId": DESTINATION}  # fmt: skip
    text = refused(server_firehose.update_destination, "InvalidArgumentException", **update,
                   ExtendedS3DestinationUpdate={"S3BackupMode": "Disabled"})  # fmt: skip
    assert "cannot be disabled" in text
    text = refused(
        server_firehose.update_destination, "InvalidArgumentException", **update,
        ExtendedS3DestinationUpdate={"DynamicPartitioningConfiguration": {"Enabled": False}},
    )  # fmt: skip
    assert "Dynamic Partitioning" in text
    server_firehose.update_destination(
        **update, ExtendedS3DestinationUpdate={"S3BackupUpdate": {"Prefix": "kept/"}})
    _, found = described(firehose, name)
    assert found["S3BackupDescription"]["Prefix"] == "kept/"
    assert found["S3BackupDescription"]["RoleARN"] == ROLE
    firehose.delete_delivery_stream(DeliveryStreamName=name)


def test_encryption_starts_and_stops(firehose, bucket, fresh, delivery, stream):
    key = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/0a1b"
    name = delivery(seconds=900)

    def state():
        return described(firehose, name)[0]["DeliveryStreamEncryptionConfiguration"]

    def put():
        one = firehose.put_record(DeliveryStreamName=name, Record={"Data": b"x"})
        many = firehose.put_record_batch(DeliveryStreamName=name, Records=[{"Data": b"x"}])
        assert one["Encrypted"] == many["Encrypted"]
        return one["Encrypted"]

    assert state() == {"Status": "DISABLED"} and put() is False
    firehose.start_delivery_stream_encryption(DeliveryStreamName=name)
    assert state() == {"KeyType": "AWS_OWNED_CMK", "Status": "ENABLED"} and put() is True
    own = {"KeyType": "CUSTOMER_MANAGED_CMK", "KeyARN": key}
    firehose.start_delivery_stream_encryption(
        DeliveryStreamName=name, DeliveryStreamEncryptionConfigurationInput=own
    )
    assert state() == {**own, "Status": "ENABLED"}
    assert described(firehose, name)[0]["VersionId"] == "1"
    firehose.stop_delivery_stream_encryption(DeliveryStreamName=name)
    assert state() == {"Status": "DISABLED"} and put() is False
    for wrong, words in (
        ({"KeyType": "CUSTOMER_MANAGED_CMK"},
         "KeyARN has to be specified when KeyType is CUSTOMER_MANAGED_CMK"),
        ({"KeyType": "AWS_OWNED_CMK", "KeyARN": key},
         "KeyARN cannot be specified when KeyType is AWS_OWNED_CMK"),
    ):  # fmt: skip
        assert words == refused(
            firehose.start_delivery_stream_encryption, "InvalidArgumentException",
            DeliveryStreamName=name, DeliveryStreamEncryptionConfigurationInput=wrong,
        )  # fmt: skip
    _, source = stream()
    sourced = delivery(source=source)
    words = (
        "Server side encryption from firehose is only allowed for direct put delivery streams and "
        "database as a source delivery streams"
    )
    for call in (firehose.start_delivery_stream_encryption,
                 firehose.stop_delivery_stream_encryption):  # fmt: skip
        assert refused(call, "InvalidArgumentException", DeliveryStreamName=sourced) == words


def test_the_hint_of_a_direct_put_source_is_shown(server, fresh, bucket):
    name = fresh("dl")
    status, reply = firehose_wire(
        server,
        "CreateDeliveryStream",
        DeliveryStreamName=name,
        DirectPutSourceConfiguration={"ThroughputHintInMBs": 7},
        ExtendedS3DestinationConfiguration=destination(bucket),
    )
    assert status == 200, reply
    _, reply = firehose_wire(server, "DescribeDeliveryStream", DeliveryStreamName=name)
    source = reply["DeliveryStreamDescription"]["Source"]
    assert source == {"DirectPutSourceDescription": {"ThroughputHintInMBs": 7}}
    firehose_wire(server, "DeleteDeliveryStream", DeliveryStreamName=name)
