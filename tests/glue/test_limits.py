"""What Glue's reference allows: tags, attributes of listings, keys of tables, pages."""

import pytest

from glue.conftest import ROLE, refused

ARN = "arn:aws:glue:us-east-1:000000000000"


@pytest.fixture
def table(glue, database):
    glue.create_table(DatabaseName=database, TableInput={"Name": "t"})
    return {"DatabaseName": database, "Name": "t"}


def test_a_resource_has_fifty_tags(glue, database):
    where = f"{ARN}:database/{database}"
    glue.tag_resource(ResourceArn=where, TagsToAdd={f"k{i}": "" for i in range(40)})
    refused(glue.tag_resource, "InvalidInputException", ResourceArn=where,
            TagsToAdd={f"k{i}": "new" for i in range(30, 51)})
    assert set(glue.get_tags(ResourceArn=where)["Tags"].values()) == {""}
    glue.tag_resource(ResourceArn=where, TagsToAdd={f"k{i}": "new" for i in range(30, 50)})
    assert len(glue.get_tags(ResourceArn=where)["Tags"]) == 50


@pytest.mark.parametrize("tags", [{"aws:a": "b"}, {"a": "aws:b"}])
def test_tags_of_aws_are_its_own(glue, database, fresh, tags):
    where = f"{ARN}:database/{database}"
    refused(glue.tag_resource, "InvalidInputException", ResourceArn=where, TagsToAdd=tags)
    assert glue.get_tags(ResourceArn=where)["Tags"] == {}
    name = fresh("c")
    refused(glue.create_crawler, "InvalidInputException", Name=name, Role=ROLE, Tags=tags,
            DatabaseName=database, Targets={"S3Targets": [{"Path": "s3://lake/x/"}]})
    refused(glue.get_crawler, "EntityNotFoundException", Name=name)
    name = fresh("db", "_")
    refused(glue.create_database, "InvalidInputException", DatabaseInput={"Name": name}, Tags=tags)
    refused(glue.get_database, "EntityNotFoundException", Name=name)
    glue.tag_resource(ResourceArn=where, TagsToAdd={"awsome": "aws-west"})


def test_whoever_names_attributes_names_the_name(ask, database, table):
    for operation, asked in (("GetTables", {"DatabaseName": database}), ("GetDatabases", {})):
        other = "TABLE_TYPE" if asked else "TARGET_DATABASE"
        for attributes in ([], [other]):
            status, reply = ask(operation, AttributesToGet=attributes, **asked)
            assert (status, reply["__type"]) == (400, "InvalidInputException"), reply
        assert ask(operation, AttributesToGet=[other, "NAME"], **asked)[0] == 200


@pytest.mark.parametrize("kind", ["array<int>", "MAP<string,int>", "struct<a:int>"])
def test_a_table_is_parted_by_plain_values(glue, database, table, kind):
    keys = [{"Name": "day", "Type": "date"}, {"Name": "k", "Type": kind}]
    for call, name in ((glue.create_table, "new"), (glue.update_table, "t")):
        message = refused(call, "InvalidInputException", DatabaseName=database,
                          TableInput={"Name": name, "PartitionKeys": keys})
        assert message.startswith("Only primitive types are supported as partition keys")
    keys[1]["Type"] = "decimal(10,2)"
    glue.create_table(DatabaseName=database, TableInput={"Name": "new", "PartitionKeys": keys})


def test_transactions_are_refused_by_deletes_too(ask, glue, table):
    for operation, asked in (("DeleteTable", {"Name": "t"}),
                             ("BatchDeleteTable", {"TablesToDelete": ["t"]})):
        status, reply = ask(operation, DatabaseName=table["DatabaseName"], TransactionId="tx",
                            **asked)
        assert (status, reply["__type"]) == (501, "NotImplemented")
    assert glue.get_table(**table)


def test_a_page_of_crawls_has_a_hundred(glue, database, fresh):
    name = fresh("c")
    glue.create_crawler(Name=name, Role=ROLE, DatabaseName=database,
                        Targets={"S3Targets": [{"Path": "s3://lake/x/"}]})
    refused(glue.list_crawls, "InvalidInputException", CrawlerName=name, MaxResults=101)
    assert glue.list_crawls(CrawlerName=name, MaxResults=100)["Crawls"] == []
