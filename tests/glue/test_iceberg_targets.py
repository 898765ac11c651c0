"""Iceberg targets: tables that are found by their metadata."""

import pytest

from glue.conftest import ROLE, columns

from support import wait_until


@pytest.fixture
def crawl_iceberg(ask, glue, database, fresh):
    """crawl_iceberg(paths) -> the crawler after one finished run; its name goes on working."""

    def run(*paths, name=None, target=None, **options):
        if name is None:
            name = fresh("crawler")
            made = ask("CreateCrawler", Name=name, Role=ROLE, DatabaseName=database, **options,
                       Targets={"IcebergTargets": [{"Paths": list(paths), **(target or {})}]})
            assert made == (200, {})
        glue.start_crawler(Name=name)
        wait_until(lambda: glue.get_crawler(Name=name)["Crawler"]["State"] == "READY")
        return glue.get_crawler(Name=name)["Crawler"]

    return run


@pytest.fixture
def orders(glue, bucket, database, run_query):
    """A table with rows that the catalog has forgotten; returns its last metadata's location."""
    run_query(f"CREATE TABLE orders (id bigint, who struct<name:string>, price decimal(9,2)) "
              f"LOCATION 's3://{bucket}/lake/orders/' TBLPROPERTIES ('table_type'='ICEBERG')")
    run_query("INSERT INTO orders VALUES (1, ROW('x'), 2.50)")
    table = glue.get_table(DatabaseName=database, Name="orders")["Table"]
    glue.delete_table(DatabaseName=database, Name="orders")
    return table["Parameters"]["metadata_location"]


def tables(glue, database):
    return {row["Name"]: row for row in glue.get_tables(DatabaseName=database)["TableList"]}


def test_a_table_is_found_by_its_newest_metadata(glue, bucket, database, orders, crawl_iceberg,
                                                 run_query):
    crawler = crawl_iceberg(f"s3://{bucket}/lake", TablePrefix="found_")
    assert crawler["LastCrawl"]["Status"] == "SUCCEEDED"
    table = tables(glue, database)["found_orders"]
    assert columns(table) == [("id", "bigint"), ("who", "struct<name:string>"),
                              ("price", "decimal(9,2)")]
    assert table["Parameters"]["table_type"] == "ICEBERG"
    assert table["Parameters"]["metadata_location"] == orders
    assert table["Parameters"]["UPDATED_BY_CRAWLER"] == crawler["Name"]
    assert run_query("SELECT id, who.name, price FROM found_orders")[1:] == [["1", "x", "2.50"]]
    run_query("INSERT INTO found_orders VALUES (2, ROW('y'), 3)")
    newer = tables(glue, database)["found_orders"]
    crawl_iceberg(name=crawler["Name"])
    assert tables(glue, database)["found_orders"] == newer


def test_metadata_that_others_wrote_becomes_the_tables(glue, s3, bucket, database, orders,
                                                       crawl_iceberg, run_query):
    crawler = crawl_iceberg(f"s3://{bucket}/lake/orders/")
    glue.delete_table(DatabaseName=database, Name="orders")
    crawl_iceberg(name=crawler["Name"])
    run_query("INSERT INTO orders VALUES (2, ROW('y'), 3)")
    ahead = tables(glue, database)["orders"]
    behind = {key: ahead[key] for key in ("Name", "StorageDescriptor", "TableType")}
    glue.update_table(DatabaseName=database, TableInput={
        **behind, "Parameters": {**ahead["Parameters"], "metadata_location": orders, "mine": "1"}})
    assert len(run_query("SELECT * FROM orders")) == 2
    crawl_iceberg(name=crawler["Name"])
    found = tables(glue, database)["orders"]["Parameters"]
    assert found["metadata_location"] == ahead["Parameters"]["metadata_location"]
    assert (found["previous_metadata_location"], found["mine"]) == (orders, "1")
    assert len(run_query("SELECT * FROM orders")) == 3
    metrics = glue.get_crawler_metrics(CrawlerNameList=[crawler["Name"]])["CrawlerMetricsList"][0]
    assert (metrics["TablesCreated"], metrics["TablesUpdated"]) == (0, 1)
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="lake/"):
        for row in page["Contents"]:
            s3.delete_object(Bucket=bucket, Key=row["Key"])
    crawl_iceberg(name=crawler["Name"])
    assert "DEPRECATED_BY_CRAWLER" in tables(glue, database)["orders"]["Parameters"]


def test_a_crawl_goes_as_deep_as_it_may(glue, s3, bucket, database, orders, crawl_iceberg):
    crawl_iceberg(f"s3://{bucket}/", target={"MaximumTraversalDepth": 1})
    crawl_iceberg(f"s3://{bucket}/", target={"Exclusions": ["lake/**"]})
    s3.put_object(Bucket=bucket, Key="bad/t/metadata/v1.metadata.json", Body=b"{}")
    assert crawl_iceberg(f"s3://{bucket}/bad")["LastCrawl"]["Status"] == "SUCCEEDED"
    assert tables(glue, database) == {}
    crawl_iceberg(f"s3://{bucket}/", target={"MaximumTraversalDepth": 2})
    assert list(tables(glue, database)) == ["orders"]


def test_wrong_iceberg_targets_are_refused(ask, database, fresh):
    def create(code, target, **options):
        status, reply = ask("CreateCrawler", **{
            "Name": fresh("c"), "Role": ROLE, "DatabaseName": database,
            "Targets": {"IcebergTargets": [target]}, **options})
        assert (status, reply["__type"]) == (501 if code == "NotImplemented" else 400, code), reply

    fine = {"Paths": ["s3://b/t"]}
    create("InvalidInputException", {})
    create("InvalidInputException", {"Paths": ["/etc"]})
    create("InvalidInputException", {**fine, "MaximumTraversalDepth": 21})
    create("NotImplemented", {**fine, "ConnectionName": "vpc"})
    create("InvalidInputException", fine, RecrawlPolicy={
        "RecrawlBehavior": "CRAWL_NEW_FOLDERS_ONLY"}, SchemaChangePolicy={
            "UpdateBehavior": "LOG", "DeleteBehavior": "LOG"})
    create("InvalidInputException", {}, Targets={
        "IcebergTargets": [fine], "CatalogTargets": [{"DatabaseName": "d", "Tables": ["t"]}]})
