"""The Iceberg destination on the wire: created, described, updated, refused."""

from support.chain import firehose_wire


def describe(house, name):
    status, reply = firehose_wire(house.server, "DescribeDeliveryStream", DeliveryStreamName=name)
    assert status == 200
    return reply["DeliveryStreamDescription"]


def create(house, name, **more):
    return firehose_wire(house.server, "CreateDeliveryStream", DeliveryStreamName=name,
                         IcebergDestinationConfiguration=house.configuration(**more))


def test_described_with_defaults_filled_in(house):
    name = house.delivery()
    [destination] = describe(house, name)["Destinations"]
    assert sorted(destination) == ["DestinationId", "IcebergDestinationDescription"]
    found = destination["IcebergDestinationDescription"]
    assert found["S3BackupMode"] == "FailedDataOnly"
    assert found["RetryOptions"] == {"DurationInSeconds": 300}
    assert found["BufferingHints"] == {"SizeInMBs": 1, "IntervalInSeconds": 0}
    assert found["CloudWatchLoggingOptions"] == {"Enabled": False}
    assert found["DestinationTableConfigurationList"] == [
        {"DestinationTableName": "t", "DestinationDatabaseName": house.database,
         "UniqueKeys": ["id"]}]
    assert found["S3DestinationDescription"]["ErrorOutputPrefix"] == "errors/"
    assert found["S3DestinationDescription"]["CompressionFormat"] == "UNCOMPRESSED"


def test_updated_member_by_member(house):
    house.table("u", "id string, n bigint")
    name = house.delivery()
    version = describe(house, name)["VersionId"]
    status, reply = firehose_wire(
        house.server, "UpdateDestination", DeliveryStreamName=name,
        CurrentDeliveryStreamVersionId=version, DestinationId="destinationId-000000000001",
        IcebergDestinationUpdate={"DestinationTableConfigurationList": [
            {"DestinationTableName": "u", "DestinationDatabaseName": house.database}]})
    assert status == 200, reply
    found = describe(house, name)["Destinations"][0]["IcebergDestinationDescription"]
    assert found["BufferingHints"] == {"SizeInMBs": 1, "IntervalInSeconds": 0}
    house.put(name, {"id": "a", "n": 1})
    house.wait("SELECT id, n FROM u", [("a", "1")])
    status, reply = firehose_wire(
        house.server, "UpdateDestination", DeliveryStreamName=name,
        CurrentDeliveryStreamVersionId="2", DestinationId="destinationId-000000000001",
        ExtendedS3DestinationUpdate={"Prefix": "x/"})
    assert (status, reply["__type"]) == (400, "InvalidArgumentException")


def test_what_is_not_done_is_refused(house):
    name = f"no-{house.name}"
    for more in ({"SchemaEvolutionConfiguration": {"Enabled": True}},
                 {"TableCreationConfiguration": {"Enabled": True}}):
        status, reply = create(house, name, **more)
        assert (status, reply["__type"]) == (400, "InvalidArgumentException")
        assert "not supported by millrace" in reply["message"]
    status, reply = create(house, name, CatalogConfiguration={})
    assert (status, reply["__type"]) == (400, "InvalidArgumentException")


def test_append_only_takes_inserts_alone(house):
    house.table()
    name = house.delivery(AppendOnly=True, ProcessingConfiguration={
        "Enabled": True, "Processors": [{"Type": "MetadataExtraction", "Parameters": [
            {"ParameterName": "MetadataExtractionQuery", "ParameterValue": "{operation: .op}"},
            {"ParameterName": "JsonParsingEngine", "ParameterValue": "JQ-1.6"}]}]})
    house.put(name, {"id": "a", "op": "insert"}, {"id": "b", "op": "update"})
    house.wait("SELECT id FROM t", [("a",)])
    [error] = house.errors()
    assert error["errorCode"] == "Iceberg.InvalidOperation"
