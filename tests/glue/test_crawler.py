"""Crawlers: what they find, a second look, exclusions, states."""

import gzip

import pytest

from glue.conftest import ROLE, columns, lines, refused

from support import wait_until


def put(s3, bucket, key, *records):
    body = lines(*records)
    s3.put_object(Bucket=bucket, Key=key, Body=gzip.compress(body) if key.endswith(".gz") else body)


def partitions(glue, database, table):
    rows = glue.get_partitions(DatabaseName=database, TableName=table)["Partitions"]
    return [row["Values"] for row in rows]


def test_dated_folders_become_one_table_with_numbered_partitions(glue, s3, bucket, database, crawl):
    put(s3, bucket, "orders/2026/07/03/10/a", {"OrderId": "1", "quantity": 3, "price": 2.5})
    put(s3, bucket, "orders/2026/07/03/11/b", {"orderid": "2", "quantity": 5000000000, "price": 1,
                                               "paid": True, "tags": ["x"], "meta": {"A": 1}})
    crawler = crawl(f"s3://{bucket}/orders")
    assert crawler["LastCrawl"]["Status"] == "SUCCEEDED"
    table = glue.get_table(DatabaseName=database, Name="orders")["Table"]
    assert columns(table) == [("orderid", "string"), ("quantity", "bigint"), ("price", "double"),
                              ("paid", "boolean"), ("tags", "array<string>"),
                              ("meta", "struct<a:int>")]
    assert [(key["Name"], key["Type"]) for key in table["PartitionKeys"]] == [
        (f"partition_{i}", "string") for i in range(4)]
    storage = table["StorageDescriptor"]
    assert storage["Location"] == f"s3://{bucket}/orders/"
    assert storage["SerdeInfo"]["SerializationLibrary"] == "org.openx.data.jsonserde.JsonSerDe"
    assert storage["SerdeInfo"]["Parameters"]["paths"] == "meta,orderid,paid,price,quantity,tags"
    assert table["Parameters"]["classification"] == "json"
    assert table["Parameters"]["objectCount"] == "2"
    assert table["Parameters"]["recordCount"] == "2"
    assert partitions(glue, database, "orders") == [["2026", "07", "03", "10"],
                                                    ["2026", "07", "03", "11"]]
    metrics = glue.get_crawler_metrics(CrawlerNameList=[crawler["Name"]])["CrawlerMetricsList"]
    assert metrics[0]["TablesCreated"] == 1


def test_named_folders_give_the_partitions_their_names(glue, s3, bucket, database, crawl):
    put(s3, bucket, "t/year=2026/month=07/x.gz", {"a": 1})
    put(s3, bucket, "t/year=2026/month=08/x.gz", {"a": 2})
    crawl(f"s3://{bucket}/t/")
    table = glue.get_table(DatabaseName=database, Name="t")["Table"]
    assert [key["Name"] for key in table["PartitionKeys"]] == ["year", "month"]
    assert table["Parameters"]["compressionType"] == "gzip"
    assert partitions(glue, database, "t") == [["2026", "07"], ["2026", "08"]]


def test_a_second_crawl_adds_partitions_and_columns(glue, s3, bucket, database, crawl):
    put(s3, bucket, "t/1/x", {"a": 1, "b": "x"})
    name = crawl(f"s3://{bucket}/t")["Name"]
    put(s3, bucket, "t/2/y", {"b": "y", "a": 1.5, "c": [1]})
    crawl(name=name)
    table = glue.get_table(DatabaseName=database, Name="t")["Table"]
    assert columns(table) == [("a", "double"), ("b", "string"), ("c", "array<int>")]
    assert table["VersionId"] == "1"
    assert partitions(glue, database, "t") == [["1"], ["2"]]
    crawl(name=name)
    table = glue.get_table(DatabaseName=database, Name="t")["Table"]
    assert table["VersionId"] == "1", "nothing changed"
    states = [row["State"] for row in glue.list_crawls(CrawlerName=name)["Crawls"]]
    assert states == ["COMPLETED"] * 3


def test_unlike_folders_become_tables_of_their_own(glue, s3, bucket, database, crawl):
    put(s3, bucket, "orders/1/x", {"orderid": "1", "price": 2.5})
    put(s3, bucket, "errors/processing-failed/x", {"rawData": "e30=", "errorCode": "X"})
    crawl(f"s3://{bucket}/", TablePrefix="raw_")
    names = [row["Name"] for row in glue.get_tables(DatabaseName=database)["TableList"]]
    assert names == ["raw_errors", "raw_orders"]


def test_exclusions_hidden_and_empty_objects_are_passed_over(glue, s3, bucket, database, crawl):
    put(s3, bucket, "t/1/x", {"a": 1})
    put(s3, bucket, "t/_tmp/x", {"b": 1})
    put(s3, bucket, "t/bad/x", {"zzz": 1, "yyy": 2})
    s3.put_object(Bucket=bucket, Key="t/empty", Body=b"")
    crawl(f"s3://{bucket}/t", target={"Exclusions": ["bad/**"]})
    table = glue.get_table(DatabaseName=database, Name="t")["Table"]
    assert columns(table) == [("a", "int")]
    assert partitions(glue, database, "t") == [["1"]]


DEPARTMENTS = ["departments/finance.json", "departments/market-us.json",
               "departments/market-emea.json", "departments/market-ap.json", "employees/hr.json",
               "employees/john.csv", "employees/jane.csv", "employees/juan.txt"]


@pytest.mark.parametrize("pattern, left", [
    ("departments/**", ["employees/"]), ("departments/market*", ["finance", "employees/"]),
    ("**.csv", ["departments/", "hr.json", "juan"]),
    ("employees/*.csv", ["departments/", "hr.json", "juan"])])
def test_exclusions_of_the_documentation_leave_the_same_objects(glue, s3, bucket, database, crawl,
                                                                pattern, left):
    """Every object has a column of its own name, and all are alike beside it."""
    for key in DEPARTMENTS:
        own = {key.replace("/", ""): 1}
        put(s3, bucket, f"myfolder/{key}", {"a": 1, "b": 2, "c": 3, "d": 4, **own})
    crawl(f"s3://{bucket}/myfolder", target={"Exclusions": [pattern]})
    seen = {name for table in glue.get_tables(DatabaseName=database)["TableList"]
            for name, _ in columns(table)} - set("abcd")
    assert seen == {key.replace("/", "") for key in DEPARTMENTS
                    if any(part in key for part in left)}


def test_exclusions_of_the_documentation_leave_a_week(glue, s3, bucket, database, crawl):
    for month in range(1, 13):
        for day in (1, 7, 8, 9, 10, 20, 31):
            put(s3, bucket, f"yearly/2015/{month:02}/{day:02}/x.json", {"a": 1})
    crawl(f"s3://{bucket}/yearly", target={"Exclusions": [
        "2015/01/{[!0],0[8-9]}**", "2015/0[2-9]/**", "2015/1[0-2]/**"]})
    assert sorted(partitions(glue, database, "yearly")) == [
        ["2015", "01", "01"], ["2015", "01", "07"]]


@pytest.mark.parametrize("size", [0, 250, -1])
def test_a_sample_is_of_1_to_249_objects(glue, database, fresh, size):
    name = fresh("crawler")
    target = {"Path": "s3://b/t", "SampleSize": size}
    refused(glue.create_crawler, "InvalidInputException", Name=name, Role=ROLE,
            DatabaseName=database, Targets={"S3Targets": [target]})
    glue.create_crawler(Name=name, Role=ROLE, DatabaseName=database,
                        Targets={"S3Targets": [{**target, "SampleSize": 249}]})


def test_records_without_line_ends_and_conflicting_types_are_understood(glue, s3, bucket, database,
                                                                        crawl):
    s3.put_object(Bucket=bucket, Key="t/x", Body=b'{"a":1}{"a":"x","b":{"S":"y"}}')
    crawl(f"s3://{bucket}/t")
    table = glue.get_table(DatabaseName=database, Name="t")["Table"]
    assert columns(table) == [("a", "string"), ("b", "struct<s:string>")]


def test_delimited_text_is_a_csv_table(glue, s3, bucket, database, crawl):
    s3.put_object(Bucket=bucket, Key="t/x.csv", Body=b"id,name,price\n1,tea,2.5\n2,coffee,3\n")
    crawl(f"s3://{bucket}/t")
    table = glue.get_table(DatabaseName=database, Name="t")["Table"]
    assert columns(table) == [("id", "bigint"), ("name", "string"), ("price", "double")]
    assert table["Parameters"]["skip.header.line.count"] == "1"


@pytest.mark.parametrize("policy, left", [("DELETE_FROM_DATABASE", []), ("LOG", ["t"]),
                                          ("DEPRECATE_IN_DATABASE", ["t"])])
def test_what_is_gone_is_treated_as_the_policy_says(glue, s3, bucket, database, crawl, policy,
                                                    left):
    put(s3, bucket, "t/x", {"a": 1})
    name = crawl(f"s3://{bucket}/t", SchemaChangePolicy={"DeleteBehavior": policy})["Name"]
    s3.delete_object(Bucket=bucket, Key="t/x")
    crawl(name=name)
    tables = glue.get_tables(DatabaseName=database)["TableList"]
    assert [row["Name"] for row in tables] == left
    if policy.startswith("DEPRECATE"):
        assert "DEPRECATED_BY_CRAWLER" in tables[0]["Parameters"]


def test_a_crawler_is_described_updated_and_deleted(glue, database, fresh, bucket):
    name = fresh("crawler")
    glue.create_crawler(Name=name, Role=ROLE, DatabaseName=database, Schedule="cron(0 * * * ? *)",
                        Targets={"S3Targets": [{"Path": f"s3://{bucket}/t"}]}, TablePrefix="p_")
    crawler = glue.get_crawler(Name=name)["Crawler"]
    assert crawler["State"] == "READY" and crawler["Version"] == 1
    assert crawler["RecrawlPolicy"] == {"RecrawlBehavior": "CRAWL_EVERYTHING"}
    assert crawler["SchemaChangePolicy"]["DeleteBehavior"] == "DEPRECATE_IN_DATABASE"
    assert crawler["Schedule"]["ScheduleExpression"] == "cron(0 * * * ? *)"
    assert "LastCrawl" not in crawler
    glue.update_crawler(Name=name, Description="changed")
    crawler = glue.get_crawler(Name=name)["Crawler"]
    assert crawler["Description"] == "changed" and crawler["TablePrefix"] == "p_"
    assert crawler["Version"] == 2
    assert name in glue.list_crawlers()["CrawlerNames"]
    assert name in [row["Name"] for row in glue.get_crawlers()["Crawlers"]]
    refused(glue.create_crawler, "AlreadyExistsException", Name=name, Role=ROLE,
            Targets={"S3Targets": [{"Path": "s3://b/t"}]})
    refused(glue.stop_crawler, "CrawlerNotRunningException", Name=name)
    glue.delete_crawler(Name=name)
    message = refused(glue.get_crawler, "EntityNotFoundException", Name=name)
    assert message == f"Crawler entry with name {name} does not exist"
    refused(glue.start_crawler, "EntityNotFoundException", Name=name)


def test_a_crawler_without_a_database_says_so_when_it_runs(glue, fresh, bucket, s3):
    name = fresh("crawler")
    s3.put_object(Bucket=bucket, Key="t/one.json", Body=b'{"id":1}')
    glue.create_crawler(Name=name, Role=ROLE,
                        Targets={"S3Targets": [{"Path": f"s3://{bucket}/t"}]})
    glue.start_crawler(Name=name)
    wait_until(lambda: glue.get_crawler(Name=name)["Crawler"]["State"] == "READY")
    last = glue.get_crawler(Name=name)["Crawler"]["LastCrawl"]
    assert last["Status"] == "FAILED" and "DatabaseName" in last["ErrorMessage"]


def test_wrong_configurations_are_refused(glue, database, fresh):
    def create(code, **options):
        options.setdefault("Targets", {"S3Targets": [{"Path": "s3://b/t"}]})
        return refused(glue.create_crawler, code, Name=fresh("c"), Role=ROLE,
                       DatabaseName=database, **options)

    create("InvalidInputException", Targets={})
    create("InvalidInputException", Targets={"S3Targets": [{"Path": "/etc"}]})
    for wrong in ("every day", "rate(5 minutes)", "cron(0 0 * * * *)", "cron(0/4 * * * ? *)"):
        create("InvalidInputException", Schedule=wrong)
    create("NotImplemented", Targets={"JdbcTargets": [{"ConnectionName": "c", "Path": "p"}]})


def test_an_update_is_judged_together_with_what_was_there(glue, database, fresh):
    name = fresh("c")
    log = {"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"}
    new_only = {"RecrawlBehavior": "CRAWL_NEW_FOLDERS_ONLY"}
    glue.create_crawler(Name=name, Role=ROLE, DatabaseName=database,
                        Targets={"S3Targets": [{"Path": "s3://b/t"}]})
    message = refused(glue.update_crawler, "InvalidInputException", Name=name,
                      RecrawlPolicy=new_only)
    assert "can have only LOG DeleteBehavior value" in message
    crawler = glue.get_crawler(Name=name)["Crawler"]
    assert crawler["RecrawlPolicy"] == {"RecrawlBehavior": "CRAWL_EVERYTHING"}
    assert crawler["Version"] == 1
    glue.update_crawler(Name=name, SchemaChangePolicy=log)
    glue.update_crawler(Name=name, RecrawlPolicy=new_only)
    refused(glue.update_crawler, "InvalidInputException", Name=name,
            SchemaChangePolicy={"UpdateBehavior": "UPDATE_IN_DATABASE"})
    assert glue.get_crawler(Name=name)["Crawler"]["SchemaChangePolicy"] == log


def test_a_crawl_of_a_missing_bucket_fails_and_says_why(glue, crawl):
    last = crawl("s3://no-such-bucket-anywhere/t")["LastCrawl"]
    assert last["Status"] == "FAILED"
    assert last["ErrorMessage"] == "The bucket no-such-bucket-anywhere does not exist"


def test_a_crawler_works_from_the_cli(aws, s3, bucket, database, fresh):
    put(s3, bucket, "t/x", {"a": 1})
    name = fresh("crawler")
    aws("glue", "create-crawler", "--name", name, "--role", ROLE, "--database-name", database,
        "--targets", f"S3Targets=[{{Path=s3://{bucket}/t}}]")
    aws("glue", "start-crawler", "--name", name)

    def state():
        return aws("glue", "get-crawler", "--name", name).json["Crawler"]["State"]

    wait_until(lambda: state() == "READY")
    tables = aws("glue", "get-tables", "--database-name", database).json["TableList"]
    assert [row["Name"] for row in tables] == ["t"]


def test_crawlers_survive_a_restart(own_server):
    s3, glue = own_server.client("s3"), own_server.client("glue")
    s3.create_bucket(Bucket="lake")
    put(s3, "lake", "t/x", {"a": 1})
    glue.create_database(DatabaseInput={"Name": "db"})
    glue.create_crawler(Name="c", Role=ROLE, DatabaseName="db",
                        Targets={"S3Targets": [{"Path": "s3://lake/t"}]})
    glue.start_crawler(Name="c")
    own_server.kill9()  # in the middle of the crawl, or behind it
    own_server.restart()
    glue = own_server.client("glue")
    wait_until(lambda: glue.get_crawler(Name="c")["Crawler"]["State"] == "READY")
    assert glue.get_crawler(Name="c")["Crawler"]["LastCrawl"]["Status"] == "SUCCEEDED"
    assert glue.get_table(DatabaseName="db", Name="t")["Table"]["Name"] == "t"


def test_objects_that_a_clients_key_encrypts_are_passed_over(client, glue, s3, bucket, database,
                                                             crawl):
    s3.put_object(Bucket=bucket, Key="t/one", Body=lines({"id": 1}), SSECustomerAlgorithm="AES256",
                  SSECustomerKey=b"k" * 32)
    crawler = crawl(f"s3://{bucket}/t/")
    assert crawler["LastCrawl"]["Status"] == "SUCCEEDED"
    assert glue.get_tables(DatabaseName=database)["TableList"] == []
    told = client("logs").filter_log_events(logGroupName=crawler["LastCrawl"]["LogGroup"],
                                            logStreamNames=[crawler["LastCrawl"]["LogStream"]])
    assert any(f"s3://{bucket}/t/one: The object was stored using a form of" in event["message"]
               for event in told["events"])


def test_an_include_path_may_be_one_object(glue, s3, bucket, database, crawl):
    put(s3, bucket, "t/one.json", {"a": 1})
    put(s3, bucket, "t/one.json.old", {"b": 1})
    put(s3, bucket, "t/two/x", {"c": 1})
    name = crawl(f"s3://{bucket}/t/one.json")["Name"]
    [table] = glue.get_tables(DatabaseName=database)["TableList"]
    assert (table["Name"], columns(table)) == ("one_json", [("a", "int")])
    assert table["StorageDescriptor"]["Location"] == f"s3://{bucket}/t/one.json"
    put(s3, bucket, "t/one.json", {"a": 1, "z": "x"})
    crawl(name=name)
    [table] = glue.get_tables(DatabaseName=database)["TableList"]
    assert columns(table) == [("a", "int"), ("z", "string")]
    crawl(f"s3://{bucket}/t/tw")
    crawl(f"s3://{bucket}/t/two/", target={"Exclusions": ["x"]})
    assert len(glue.get_tables(DatabaseName=database)["TableList"]) == 1


def test_columns_of_one_name_keep_their_places(glue, s3, bucket, database, crawl):
    s3.put_object(Bucket=bucket, Key="t/a.csv", Body=b"id,ID,id_1,name\n1,2,3,x\n4,5,6,y\n")
    crawl(f"s3://{bucket}/t/")
    table = glue.get_table(DatabaseName=database, Name="t")["Table"]
    assert columns(table) == [("id", "bigint"), ("id_1", "bigint"), ("id_1_1", "bigint"),
                              ("name", "string")]


def test_half_a_policy_has_the_default_of_the_other_half(glue, database, fresh):
    name = fresh("c")
    glue.create_crawler(Name=name, Role=ROLE, DatabaseName=database,
                        Targets={"S3Targets": [{"Path": "s3://b/t"}]},
                        SchemaChangePolicy={"DeleteBehavior": "LOG"})
    policy = glue.get_crawler(Name=name)["Crawler"]["SchemaChangePolicy"]
    assert policy == {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "LOG"}


def test_a_crawler_that_is_not_there_is_told_by_each_operation(glue, fresh):
    name = fresh("none")
    for call, argument in ((glue.get_crawler, "Name"), (glue.delete_crawler, "Name"),
                           (glue.list_crawls, "CrawlerName")):
        assert refused(call, "EntityNotFoundException", **{argument: name}) == (
            f"Crawler entry with name {name} does not exist")
    for call in (glue.start_crawler, glue.stop_crawler):
        assert refused(call, "EntityNotFoundException", Name=name) == (
            f"Crawler with name {name} does not exist")
