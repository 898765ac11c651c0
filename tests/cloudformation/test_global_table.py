"""AWS::DynamoDB::GlobalTable, whose one replica is a table here."""

import pytest
from botocore.exceptions import ClientError


def attribute(name):
    return {"AttributeName": name, "AttributeType": "S"}


def key(name):
    return [{"AttributeName": name, "KeyType": "HASH"}]


def template(replica=None, **more):
    table = {"Type": "AWS::DynamoDB::GlobalTable", "Properties": {
        "AttributeDefinitions": [attribute("pk")], "KeySchema": key("pk"),
        "BillingMode": "PAY_PER_REQUEST",
        "Replicas": [{"Region": "us-east-1", **(replica or {})}], **more}}
    return {"Resources": {"Table": table}, "Outputs": {
        "Ref": {"Value": {"Ref": "Table"}}, "Id": {"Value": {"Fn::GetAtt": ["Table", "TableId"]}},
        "Arn": {"Value": {"Fn::GetAtt": ["Table", "Arn"]}}}}


def test_a_table_of_the_cdk(stacks, client, fresh):
    # What TableV2 makes, with an index and a stream.
    name, tables = fresh("global"), client("dynamodb")
    index = {"IndexName": "by-other", "KeySchema": key("other"),
             "Projection": {"ProjectionType": "ALL"}}
    wanted = {
        "replica": {"DeletionProtectionEnabled": False,
                    "ContributorInsightsSpecification": {"Enabled": False},
                    "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
                    "Tags": [{"Key": "k", "Value": "v"}]},
        "AttributeDefinitions": [attribute("pk"), attribute("other")],
        "GlobalSecondaryIndexes": [index],
        "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
        "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": True},
    }
    stacks.create(name, template(**wanted))
    told = stacks.outputs(name)
    shown = tables.describe_table(TableName=told["Ref"])["Table"]
    assert (shown["TableId"], shown["TableArn"]) == (told["Id"], told["Arn"])
    assert shown["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert [i["IndexName"] for i in shown["GlobalSecondaryIndexes"]] == ["by-other"]
    assert shown["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    backups = tables.describe_continuous_backups(TableName=told["Ref"])
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"
    ttl = tables.describe_time_to_live(TableName=told["Ref"])["TimeToLiveDescription"]
    assert ttl["AttributeName"] == "ttl"
    tags = tables.list_tags_of_resource(ResourceArn=told["Arn"])["Tags"]
    assert {"Key": "k", "Value": "v"} in tags

    wanted["replica"].update(DeletionProtectionEnabled=True, Tags=[{"Key": "k", "Value": "w"}])
    stacks.update(name, template(**wanted))
    shown = tables.describe_table(TableName=told["Ref"])["Table"]
    assert shown["TableId"] == told["Id"]
    with pytest.raises(ClientError) as refused:
        tables.delete_table(TableName=told["Ref"])
    assert "deletion protection" in str(refused.value)
    wanted["replica"].update(DeletionProtectionEnabled=False)
    stacks.update(name, template(**wanted))
    stacks.delete(name)
    assert told["Ref"] not in tables.list_tables()["TableNames"]


def test_capacity_is_where_scaling_begins(stacks, client, fresh):
    name = fresh("global")
    scaling = {"MinCapacity": 3, "MaxCapacity": 9,
               "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 70}}
    writes = {"WriteCapacityAutoScalingSettings": {**scaling, "SeedCapacity": "4"}}
    index = {"IndexName": "by-other", "KeySchema": key("other"),
             "Projection": {"ProjectionType": "ALL"},
             "WriteProvisionedThroughputSettings": writes}
    reads = {"ReadProvisionedThroughputSettings": {"ReadCapacityUnits": 2}}
    stacks.create(name, template(
        {"ReadProvisionedThroughputSettings": {"ReadCapacityAutoScalingSettings": scaling},
         "GlobalSecondaryIndexes": [{"IndexName": "by-other", **reads}]},
        BillingMode="PROVISIONED", WriteProvisionedThroughputSettings=writes,
        AttributeDefinitions=[attribute("pk"), attribute("other")],
        GlobalSecondaryIndexes=[index]))
    table = client("dynamodb").describe_table(TableName=stacks.outputs(name)["Ref"])["Table"]

    def units(it):
        told = it["ProvisionedThroughput"]
        return told["ReadCapacityUnits"], told["WriteCapacityUnits"]

    assert units(table) == (3, 4) and units(table["GlobalSecondaryIndexes"][0]) == (2, 4)


@pytest.mark.parametrize("more, told", [
    ({"Replicas": [{"Region": "us-east-1"}, {"Region": "eu-west-1"}]}, "in one region"),
    ({"Replicas": [{"Region": "eu-west-1"}]}, "in one region"),
    ({"replica": {"Colour": "red"}}, "unsupported property /Replicas/0/Colour"),
    ({"replica": {"ContributorInsightsSpecification": {"Enabled": True}}},
     "ContributorInsightsSpecification"),
    ({"MultiRegionConsistency": "STRONG"}, "unsupported property MultiRegionConsistency"),
])
def test_what_is_not_done_is_refused(stacks, fresh, more, told):
    name = fresh("global")
    stacks.create(name, template(**more), wait="ROLLBACK_COMPLETE")
    assert told in stacks.failures(name)[0][2]
