"""Crawlers whose targets are tables of the catalog: columns and partitions follow the objects,
formats and what a user says of a table stay."""

import pytest

from glue.conftest import ROLE, columns, lines, refused
from support import wait_until

LOG = {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "LOG"}
JSON_SERDE = {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe",
              "Parameters": {"ignore.malformed.json": "true"}}


@pytest.fixture
def table(glue, bucket, database):
    """table('events', keys=['year']) makes one at s3://bucket/events, as a user would."""

    def make(name, keys=()):
        glue.create_table(DatabaseName=database, TableInput={
            "Name": name, "TableType": "EXTERNAL_TABLE", "Description": "of mine",
            "Parameters": {"team": "sales", "classification": "json"},
            "PartitionKeys": [{"Name": key, "Type": "string"} for key in keys],
            "StorageDescriptor": {
                "Columns": [{"Name": "id", "Type": "int", "Comment": "the order"}],
                "Location": f"s3://{bucket}/{name}", "SerdeInfo": JSON_SERDE,
                "InputFormat": "org.apache.hadoop.mapred.TextInputFormat"}})

    return make


@pytest.fixture
def crawl_tables(glue, database, fresh):
    def run(*names, **options):
        name = fresh("crawler")
        targets = {"CatalogTargets": [{"DatabaseName": database, "Tables": list(names)}]}
        glue.create_crawler(Name=name, Role=ROLE, Targets=targets, SchemaChangePolicy=LOG,
                            **options)
        glue.start_crawler(Name=name)
        wait_until(lambda: glue.get_crawler(Name=name)["Crawler"]["State"] == "READY")
        return glue.get_crawler(Name=name)["Crawler"]

    return run


def put(s3, bucket, key, *records):
    s3.put_object(Bucket=bucket, Key=key, Body=lines(*records))


def test_columns_and_partitions_follow_the_objects(glue, s3, bucket, database, table,
                                                   crawl_tables):
    table("events", ["year", "month"])
    put(s3, bucket, "events/2026/07/x", {"id": 1, "price": 1.5})
    crawler = crawl_tables("events")
    assert crawler["LastCrawl"]["Status"] == "SUCCEEDED"
    found = glue.get_table(DatabaseName=database, Name="events")["Table"]
    assert columns(found) == [("id", "int"), ("price", "double")]
    assert found["StorageDescriptor"]["Columns"][0]["Comment"] == "the order"
    assert found["StorageDescriptor"]["SerdeInfo"] == JSON_SERDE
    assert found["StorageDescriptor"]["Location"] == f"s3://{bucket}/events"
    assert found["Description"] == "of mine" and found["Parameters"]["team"] == "sales"
    assert found["Parameters"]["UPDATED_BY_CRAWLER"] == crawler["Name"]
    assert found["Parameters"]["objectCount"] == "1"
    (partition,) = glue.get_partitions(DatabaseName=database, TableName="events")["Partitions"]
    assert partition["Values"] == ["2026", "07"]
    storage = partition["StorageDescriptor"]
    assert storage["Location"] == f"s3://{bucket}/events/2026/07/"
    assert storage["SerdeInfo"] == JSON_SERDE
    assert [row["Name"] for row in storage["Columns"]] == ["id", "price"]
    assert len(glue.get_tables(DatabaseName=database)["TableList"]) == 1


def test_another_crawl_adds_what_is_new_and_keeps_what_is_gone(glue, s3, bucket, database, table,
                                                               crawl_tables):
    table("events", ["year"])
    put(s3, bucket, "events/year=2025/x", {"id": 1})
    crawl_tables("events")
    s3.delete_object(Bucket=bucket, Key="events/year=2025/x")
    put(s3, bucket, "events/year=2026/x", {"id": 1, "b": True})
    crawl_tables("events")
    rows = glue.get_partitions(DatabaseName=database, TableName="events")["Partitions"]
    assert sorted(row["Values"] for row in rows) == [["2025"], ["2026"]]
    found = glue.get_table(DatabaseName=database, Name="events")["Table"]
    assert columns(found) == [("id", "int"), ("b", "boolean")]


def test_folders_that_are_no_keys_leave_the_table_alone(glue, s3, bucket, database, table,
                                                        crawl_tables):
    table("events", ["year"])
    put(s3, bucket, "events/2026/07/x", {"id": 1, "price": 1.5})
    assert crawl_tables("events")["LastCrawl"]["Status"] == "SUCCEEDED"
    table("other", ["year"])
    put(s3, bucket, "other/day=1/x", {"id": 1, "price": 1.5})
    assert crawl_tables("other")["LastCrawl"]["Status"] == "SUCCEEDED"
    for name in ("events", "other"):
        found = glue.get_table(DatabaseName=database, Name=name)["Table"]
        assert columns(found) == [("id", "int")]
        assert "UPDATED_BY_CRAWLER" not in found["Parameters"]
        assert glue.get_partitions(DatabaseName=database, TableName=name)["Partitions"] == []


def test_a_crawl_of_a_table_that_is_not_there_fails_and_says_why(crawl_tables, database):
    last = crawl_tables("nothing")["LastCrawl"]
    assert last["Status"] == "FAILED"
    assert last["ErrorMessage"] == f"Table nothing in database {database} does not exist"


def test_catalog_targets_have_their_own_rules(glue, database, fresh):
    catalog = [{"DatabaseName": database, "Tables": ["t"]}]

    def create(code, targets, **options):
        return refused(glue.create_crawler, code, Name=fresh("c"), Role=ROLE, Targets=targets,
                       **options)

    message = create("InvalidInputException", {"CatalogTargets": catalog})
    assert "can have only LOG DeleteBehavior value" in message
    create("InvalidInputException",
           {"CatalogTargets": catalog, "S3Targets": [{"Path": "s3://b/t"}]},
           SchemaChangePolicy=LOG)
    create("InvalidInputException", {"CatalogTargets": catalog},
           RecrawlPolicy={"RecrawlBehavior": "CRAWL_NEW_FOLDERS_ONLY"},
           SchemaChangePolicy={"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"})
    create("NotImplemented", {"CatalogTargets": [{**catalog[0], "ConnectionName": "c"}]},
           SchemaChangePolicy=LOG)
