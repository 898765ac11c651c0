"""Resource links: databases and tables that stand for others."""

import pytest

from glue.conftest import columns, lines, refused

ACCOUNT = "000000000000"


@pytest.fixture
def link(glue, database, fresh):
    """A database that stands for `database`."""
    name = fresh("link", "_")
    glue.create_database(DatabaseInput={
        "Name": name, "TargetDatabase": {"CatalogId": ACCOUNT, "DatabaseName": database}})
    return name


def table_input(name, location="s3://b/t/", **more):
    return {"Name": name, "PartitionKeys": [{"Name": "p", "Type": "string"}],
            "StorageDescriptor": {"Columns": [{"Name": "a", "Type": "int"}],
                                  "Location": location}, **more}


def names(glue, database):
    return [table["Name"] for table in glue.get_tables(DatabaseName=database)["TableList"]]


def test_a_linked_database_has_the_tables_of_its_target(glue, database, link):
    glue.create_table(DatabaseName=link, TableInput=table_input("t"),
                      PartitionIndexes=[{"IndexName": "i", "Keys": ["p"]}])
    assert names(glue, database) == names(glue, link) == ["t"]
    assert glue.get_table(DatabaseName=link, Name="T")["Table"] == (
        glue.get_table(DatabaseName=database, Name="t")["Table"])
    indexes = glue.get_partition_indexes(DatabaseName=database, TableName="t")
    assert [index["IndexName"] for index in indexes["PartitionIndexDescriptorList"]] == ["i"]
    glue.create_partition(DatabaseName=link, TableName="t", PartitionInput={"Values": ["x"]})
    rows = glue.get_partitions(DatabaseName=database, TableName="t", Expression="p='x'")
    assert [row["Values"] for row in rows["Partitions"]] == [["x"]]
    glue.update_table(DatabaseName=link, TableInput=table_input("t", Description="new"))
    assert glue.get_table(DatabaseName=database, Name="t")["Table"]["Description"] == "new"
    versions = glue.get_table_versions(DatabaseName=link, TableName="t")["TableVersions"]
    assert [version["VersionId"] for version in versions] == ["1", "0"]
    refused(glue.create_table, "AlreadyExistsException", DatabaseName=link,
            TableInput=table_input("t"))
    message = refused(glue.get_table, "EntityNotFoundException", DatabaseName=link, Name="none")
    assert message == "Table none not found."
    glue.delete_table(DatabaseName=link, Name="t")
    assert names(glue, database) == []


def test_a_linked_database_shows_and_changes_its_target(glue, database, link):
    glue.update_database(Name=link, DatabaseInput={"Name": link, "Description": "both"})
    assert glue.get_database(Name=database)["Database"]["Description"] == "both"
    shown = glue.get_database(Name=link)["Database"]
    assert (shown["Name"], shown["Description"]) == (link, "both")
    assert shown["TargetDatabase"]["DatabaseName"] == database
    listed = {row["Name"]: row for row in glue.get_paginator("get_databases").paginate(
        ResourceShareType="ALL").build_full_result()["DatabaseList"]}
    assert listed[link] == shown
    glue.create_table(DatabaseName=database, TableInput=table_input("t"))
    glue.delete_database(Name=link)
    assert names(glue, database) == ["t"]
    refused(glue.get_tables, "EntityNotFoundException", DatabaseName=link)


def test_a_linked_table_is_its_target_under_another_name(glue, database, fresh):
    other = fresh("other", "_")
    glue.create_database(DatabaseInput={"Name": other})
    glue.create_table(DatabaseName=database, TableInput=table_input("t"))
    target = {"CatalogId": ACCOUNT, "DatabaseName": database, "Name": "t"}
    glue.create_table(DatabaseName=other, TableInput={"Name": "l", "TargetTable": target})
    shown = glue.get_table(DatabaseName=other, Name="l")["Table"]
    assert (shown["DatabaseName"], shown["Name"]) == (other, "l")
    assert (shown["TargetTable"], columns(shown)) == (target, [("a", "int")])
    assert glue.get_tables(DatabaseName=other)["TableList"] == [shown]
    glue.batch_create_partition(DatabaseName=other, TableName="l",
                                PartitionInputList=[{"Values": ["x"]}])
    row = glue.get_partition(DatabaseName=database, TableName="t", PartitionValues=["x"])
    assert row["Partition"]["TableName"] == "t"
    glue.update_table(DatabaseName=other, TableInput=table_input("l", Description="new"))
    changed = glue.get_table(DatabaseName=database, Name="t")["Table"]
    assert (changed["Description"], changed["VersionId"]) == ("new", "1")
    assert "TargetTable" not in changed
    glue.delete_table(DatabaseName=other, Name="l")
    assert names(glue, database) == ["t"]


def test_what_no_link_can_do_is_refused(ask, glue, database, link, fresh):
    glue.create_table(DatabaseName=database, TableInput=table_input("t"))
    target = {"CatalogId": ACCOUNT, "DatabaseName": database, "Name": "t"}
    refused(glue.create_table, "InvalidInputException", DatabaseName=link,
            TableInput={"Name": "l", "TargetTable": target})
    glue.create_table(DatabaseName=database, TableInput={"Name": "l", "TargetTable": target})
    refused(glue.update_table, "InvalidInputException", DatabaseName=link,
            TableInput=table_input("l"))
    refused(glue.create_database, "AccessDeniedException", DatabaseInput={
        "Name": fresh("far"), "TargetDatabase": {"CatalogId": "111122223333",
                                                 "DatabaseName": "d"}})
    status, _ = ask("CreateDatabase", DatabaseInput={
        "Name": fresh("far"), "FederatedDatabase": {"ConnectionName": "c", "Identifier": "i"}})
    assert status == 501
    glue.delete_table(DatabaseName=database, Name="t")
    lonely = glue.get_table(DatabaseName=database, Name="l")["Table"]
    assert lonely["TargetTable"] == target and "StorageDescriptor" not in lonely


def test_athena_reads_through_links(glue, s3, bucket, database, link, run_query):
    s3.put_object(Bucket=bucket, Key="t/p=x/1.json", Body=lines({"a": 7}))
    serde = {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe"}
    table = table_input("t", f"s3://{bucket}/t/")
    table["StorageDescriptor"].update(
        SerdeInfo=serde, InputFormat="org.apache.hadoop.mapred.TextInputFormat",
        OutputFormat="org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat")
    glue.create_table(DatabaseName=database, TableInput=table)
    glue.create_partition(DatabaseName=link, TableName="t", PartitionInput={
        "Values": ["x"], "StorageDescriptor": {**table["StorageDescriptor"],
                                               "Location": f"s3://{bucket}/t/p=x/"}})
    target = {"CatalogId": ACCOUNT, "DatabaseName": database, "Name": "t"}
    glue.create_table(DatabaseName=database, TableInput={"Name": "l", "TargetTable": target})
    for name in (f'"{database}"."t"', f'"{link}"."t"', f'"{database}"."l"'):
        assert run_query(f"SELECT a, p FROM {name}") == [["a", "p"], ["7", "x"]]
