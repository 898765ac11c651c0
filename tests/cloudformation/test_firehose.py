"""Delivery streams by template: every feature of the S3 destination, made and changed."""

import json

from support.chain import ACCOUNT, ROLE


def template(backup_prefix):
    bucket = {"Fn::GetAtt": ["Lake", "Arn"]}
    parameters = {"MetadataExtractionQuery": "{k: .k}", "JsonParsingEngine": "JQ-1.6"}
    return json.dumps({"Resources": {
        "Lake": {"Type": "AWS::S3::Bucket"},
        "Delivery": {"Type": "AWS::KinesisFirehose::DeliveryStream", "Properties": {
            "DeliveryStreamType": "DirectPut",
            "DeliveryStreamEncryptionConfigurationInput": {"KeyType": "AWS_OWNED_CMK"},
            "ExtendedS3DestinationConfiguration": {
                "BucketARN": bucket,
                "RoleARN": ROLE,
                "Prefix": "data/k=!{partitionKeyFromQuery:k}/",
                "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
                "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 1},
                "CustomTimeZone": "Asia/Tokyo",
                "DynamicPartitioningConfiguration": {
                    "Enabled": True, "RetryOptions": {"DurationInSeconds": 60}},
                "ProcessingConfiguration": {"Enabled": True, "Processors": [
                    {"Type": "RecordDeAggregation", "Parameters": [
                        {"ParameterName": "SubRecordType", "ParameterValue": "JSON"}]},
                    {"Type": "MetadataExtraction", "Parameters": [
                        {"ParameterName": name, "ParameterValue": value}
                        for name, value in parameters.items()]},
                ]},
                "S3BackupMode": "Enabled",
                "S3BackupConfiguration": {
                    "BucketARN": bucket, "RoleARN": ROLE, "Prefix": backup_prefix,
                    "CompressionFormat": "GZIP"},
                "DataFormatConversionConfiguration": {
                    "Enabled": True,
                    "SchemaConfiguration": {
                        "RoleARN": ROLE, "DatabaseName": "d", "TableName": "t"},
                    "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
                    "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {}}},
                },
            },
        }},
    }, "Outputs": {"Name": {"Value": {"Ref": "Delivery"}},
                   "Arn": {"Value": {"Fn::GetAtt": ["Delivery", "Arn"]}}}})  # fmt: skip


def test_a_delivery_stream_of_every_feature_is_made_and_changed(client, fresh):
    stacks, firehose, stack = client("cloudformation"), client("firehose"), fresh("st")
    stacks.create_stack(StackName=stack, TemplateBody=template("raw/"))
    stacks.get_waiter("stack_create_complete").wait(
        StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    outputs = {o["OutputKey"]: o["OutputValue"]
               for o in stacks.describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]}
    name = outputs["Name"]
    assert outputs["Arn"] == f"arn:aws:firehose:us-east-1:{ACCOUNT}:deliverystream/{name}"

    def described():
        found = firehose.describe_delivery_stream(DeliveryStreamName=name)
        found = found["DeliveryStreamDescription"]
        return found, found["Destinations"][0]["ExtendedS3DestinationDescription"]

    whole, found = described()
    assert whole["DeliveryStreamEncryptionConfiguration"]["Status"] == "ENABLED"
    assert found["DynamicPartitioningConfiguration"] == {
        "Enabled": True, "RetryOptions": {"DurationInSeconds": 60}}  # fmt: skip
    assert found["DataFormatConversionConfiguration"]["Enabled"] is True
    assert found["S3BackupDescription"]["Prefix"] == "raw/"
    assert found["S3BackupDescription"]["CompressionFormat"] == "GZIP"
    stacks.update_stack(StackName=stack, TemplateBody=template("kept/"))
    stacks.get_waiter("stack_update_complete").wait(
        StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    whole, found = described()
    assert whole["VersionId"] == "2" and found["S3BackupDescription"]["Prefix"] == "kept/"
    assert found["Prefix"] == "data/k=!{partitionKeyFromQuery:k}/"
    stacks.delete_stack(StackName=stack)
    stacks.get_waiter("stack_delete_complete").wait(
        StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
