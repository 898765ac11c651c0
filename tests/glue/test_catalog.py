"""Databases, tables, versions, partitions through boto3."""

import pytest

from glue.conftest import columns, refused

STORAGE = {"Columns": [{"Name": "OrderId", "Type": "string"}, {"Name": "n", "Type": "int"}],
           "Location": "s3://lake/orders/",
           "SerdeInfo": {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe"}}


def table_input(name="orders", **more):
    return {"Name": name, "StorageDescriptor": STORAGE, "TableType": "EXTERNAL_TABLE",
            "PartitionKeys": [{"Name": "year", "Type": "string"},
                              {"Name": "month", "Type": "int"}], **more}


@pytest.fixture
def table(glue, database):
    glue.create_table(DatabaseName=database, TableInput=table_input())
    return "orders"


def partition(year, month):
    return {"Values": [year, month],
            "StorageDescriptor": {**STORAGE, "Location": f"s3://lake/orders/{year}/{month}/"}}


def test_a_database_is_created_read_updated_and_deleted(glue, fresh):
    name = fresh("Sales", "_")
    glue.create_database(DatabaseInput={"Name": name, "Description": "old",
                                        "Parameters": {"k": "v"}})
    found = glue.get_database(Name=name)["Database"]
    assert found["Name"] == name.lower()
    assert found["Parameters"] == {"k": "v"} and found["CatalogId"] and found["CreateTime"]
    assert found["CreateTableDefaultPermissions"][0]["Permissions"] == ["ALL"]
    glue.update_database(Name=name, DatabaseInput={"Name": name, "Description": "new"})
    assert glue.get_database(Name=name)["Database"]["Description"] == "new"
    refused(glue.create_database, "AlreadyExistsException", DatabaseInput={"Name": name.lower()})
    glue.delete_database(Name=name)
    assert refused(glue.get_database, "EntityNotFoundException",
                   Name=name) == f"Database {name} not found."
    refused(glue.delete_database, "EntityNotFoundException", Name=name)


def test_databases_are_listed_page_by_page(glue, fresh):
    names = sorted(fresh("page", "_") for _ in range(3))
    for name in names:
        glue.create_database(DatabaseInput={"Name": name})
    pages = glue.get_paginator("get_databases").paginate(PaginationConfig={"PageSize": 1})
    found = [row["Name"] for page in pages for row in page["DatabaseList"]]
    assert [name for name in found if name in names] == names


def test_a_table_keeps_what_it_was_given_with_lower_case_names(glue, database, table):
    found = glue.get_table(DatabaseName=database, Name="Orders")["Table"]
    assert columns(found) == [("orderid", "string"), ("n", "int")]
    assert [key["Name"] for key in found["PartitionKeys"]] == ["year", "month"]
    assert found["VersionId"] == "0" and found["DatabaseName"] == database
    refused(glue.create_table, "AlreadyExistsException", DatabaseName=database,
            TableInput=table_input())
    assert refused(glue.get_table, "EntityNotFoundException", DatabaseName=database,
                   Name="nope") == "Table nope not found."
    assert refused(glue.get_table, "EntityNotFoundException", DatabaseName="nope",
                   Name="t") == "Database nope not found."


def test_an_update_archives_the_version_before(glue, database, table):
    glue.update_table(DatabaseName=database, TableInput=table_input(Description="second"))
    found = glue.get_table(DatabaseName=database, Name=table)["Table"]
    assert found["VersionId"] == "1" and found["Description"] == "second"
    versions = glue.get_table_versions(DatabaseName=database, TableName=table)["TableVersions"]
    assert [row["VersionId"] for row in versions] == ["1", "0"]
    old = glue.get_table_version(DatabaseName=database, TableName=table, VersionId="0")
    assert "Description" not in old["TableVersion"]["Table"]
    refused(glue.update_table, "EntityNotFoundException", DatabaseName=database,
            TableInput=table_input("nope"))


def test_tables_are_listed_by_expression_and_deleted_in_batches(glue, database):
    for name in ("apples", "apricots", "pears"):
        glue.create_table(DatabaseName=database, TableInput=table_input(name))
    found = glue.get_tables(DatabaseName=database, Expression="ap.*")["TableList"]
    assert [row["Name"] for row in found] == ["apples", "apricots"]
    page = glue.get_tables(DatabaseName=database, MaxResults=2)
    rest = glue.get_tables(DatabaseName=database, NextToken=page["NextToken"])
    assert [row["Name"] for row in rest["TableList"]] == ["pears"]
    reply = glue.batch_delete_table(DatabaseName=database, TablesToDelete=["apples", "nope"])
    assert [row["TableName"] for row in reply["Errors"]] == ["nope"]
    glue.delete_table(DatabaseName=database, Name="apricots")
    assert [row["Name"] for row in glue.get_tables(DatabaseName=database)["TableList"]] == ["pears"]


def test_partitions_are_found_by_expression(glue, database, table):
    made = [partition(year, month) for year in ("2025", "2026") for month in ("1", "7", "10")]
    assert glue.batch_create_partition(DatabaseName=database, TableName=table,
                                       PartitionInputList=made)["Errors"] == []

    def find(expression):
        reply = glue.get_partitions(DatabaseName=database, TableName=table, Expression=expression)
        return ["/".join(row["Values"]) for row in reply["Partitions"]]

    assert find("year='2026' AND month > 6") == ["2026/10", "2026/7"]
    assert find("year IN ('2025') AND month BETWEEN 1 AND 7") == ["2025/1", "2025/7"]
    assert find("year LIKE '%6' AND NOT month = 1") == ["2026/10", "2026/7"]
    assert find("year='2024' OR month < 7") == ["2025/1", "2026/1"]
    refused(glue.get_partitions, "InvalidInputException", DatabaseName=database, TableName=table,
            Expression="nope = 1")
    pages = glue.get_paginator("get_partitions").paginate(
        DatabaseName=database, TableName=table, PaginationConfig={"PageSize": 4})
    assert sum(len(page["Partitions"]) for page in pages) == 6


def test_partitions_are_made_read_moved_and_deleted(glue, database, table):
    where = {"DatabaseName": database, "TableName": table}
    glue.create_partition(**where, PartitionInput=partition("2026", "7"))
    refused(glue.create_partition, "AlreadyExistsException", **where,
            PartitionInput=partition("2026", "7"))
    refused(glue.create_partition, "InvalidInputException", **where,
            PartitionInput={"Values": ["2026"]})
    found = glue.get_partition(**where, PartitionValues=["2026", "7"])["Partition"]
    assert found["StorageDescriptor"]["Location"] == "s3://lake/orders/2026/7/"
    glue.update_partition(**where, PartitionValueList=["2026", "7"],
                          PartitionInput=partition("2026", "8"))
    reply = glue.batch_get_partition(**where, PartitionsToGet=[{"Values": ["2026", "7"]},
                                                               {"Values": ["2026", "8"]}])
    assert [row["Values"] for row in reply["Partitions"]] == [["2026", "8"]]
    reply = glue.batch_delete_partition(**where, PartitionsToDelete=[{"Values": ["2026", "8"]},
                                                                     {"Values": ["1", "1"]}])
    assert [row["PartitionValues"] for row in reply["Errors"]] == [["1", "1"]]
    refused(glue.get_partition, "EntityNotFoundException", **where, PartitionValues=["2026", "8"])


def test_the_catalog_survives_kill_9(own_server):
    glue = own_server.client("glue")
    glue.create_database(DatabaseInput={"Name": "kept"})
    glue.create_table(DatabaseName="kept", TableInput=table_input())
    glue.create_partition(DatabaseName="kept", TableName="orders",
                          PartitionInput=partition("2026", "7"))
    own_server.kill9()
    own_server.restart()
    glue = own_server.client("glue")
    assert glue.get_table(DatabaseName="kept", Name="orders")["Table"]["VersionId"] == "0"
    assert len(glue.get_partitions(DatabaseName="kept", TableName="orders")["Partitions"]) == 1


def test_databases_and_tables_are_tagged(glue, database, table):
    where = "arn:aws:glue:us-east-1:000000000000"
    glue.tag_resource(ResourceArn=f"{where}:table/{database}/{table}",
                      TagsToAdd={"a": "1", "b": "2"})
    glue.untag_resource(ResourceArn=f"{where}:table/{database}/{table}", TagsToRemove=["a", "z"])
    assert glue.get_tags(ResourceArn=f"{where}:table/{database}/{table}")["Tags"] == {"b": "2"}
    assert glue.get_tags(ResourceArn=f"{where}:database/{database}")["Tags"] == {}
    refused(glue.get_tags, "EntityNotFoundException", ResourceArn=f"{where}:crawler/nope")


def test_another_accounts_catalog_is_not_ours_to_use(glue, database, table):
    mine = glue.get_database(Name=database)["Database"]["CatalogId"]
    assert glue.get_table(CatalogId=mine, DatabaseName=database, Name=table)
    for call, name, arguments in [
            (glue.get_table, "GetTable", {"DatabaseName": database, "Name": table}),
            (glue.create_database, "CreateDatabase", {"DatabaseInput": {"Name": "theirs"}}),
            (glue.get_partitions, "GetPartitions",
             {"DatabaseName": database, "TableName": table})]:
        message = refused(call, "AccessDeniedException", CatalogId="111122223333", **arguments)
        assert message == (
            f"User: arn:aws:iam::{mine}:root is not authorized to perform: glue:{name} on "
            "resource: arn:aws:glue:us-east-1:111122223333:catalog because no resource-based "
            f"policy allows the glue:{name} action")
    refused(glue.get_database, "EntityNotFoundException", Name="theirs")


def test_what_is_not_implemented_says_so(glue):
    error = pytest.raises(Exception, glue.list_jobs).value
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 501
