"""Schedules of crawlers, the crawls that were, and what they logged."""

import pytest

from glue.conftest import ROLE, lines, refused

from support import wait_until


@pytest.fixture
def crawler(glue, database, bucket, fresh):
    name = fresh("crawler")
    glue.create_crawler(Name=name, Role=ROLE, DatabaseName=database,
                        Targets={"S3Targets": [{"Path": f"s3://{bucket}/t"}]})
    return name


def schedule(glue, name):
    return glue.get_crawler(Name=name)["Crawler"].get("Schedule")


def test_a_schedule_is_updated_stopped_and_started(glue, crawler):
    refused(glue.start_crawler_schedule, "NoScheduleException", CrawlerName=crawler)
    refused(glue.stop_crawler_schedule, "SchedulerNotRunningException", CrawlerName=crawler)
    refused(glue.update_crawler_schedule, "InvalidInputException", CrawlerName=crawler,
            Schedule="cron(x)")
    hourly = "cron(0 * * * ? *)"
    glue.update_crawler_schedule(CrawlerName=crawler, Schedule=hourly)
    assert schedule(glue, crawler) == {"ScheduleExpression": hourly, "State": "SCHEDULED"}
    refused(glue.start_crawler_schedule, "SchedulerRunningException", CrawlerName=crawler)
    glue.stop_crawler_schedule(CrawlerName=crawler)
    assert schedule(glue, crawler) == {"ScheduleExpression": hourly, "State": "NOT_SCHEDULED"}
    refused(glue.stop_crawler_schedule, "SchedulerNotRunningException", CrawlerName=crawler)
    glue.update_crawler(Name=crawler, Description="still stopped")
    assert schedule(glue, crawler)["State"] == "NOT_SCHEDULED"
    glue.start_crawler_schedule(CrawlerName=crawler)
    assert schedule(glue, crawler)["State"] == "SCHEDULED"
    refused(glue.start_crawler_schedule, "EntityNotFoundException", CrawlerName="nobody")


def test_only_a_running_schedule_starts_crawls(own_server):
    s3, glue = own_server.client("s3"), own_server.client("glue")
    own_server.clock.hold()  # no hour may begin before one of them is stopped
    s3.create_bucket(Bucket="lake")
    s3.put_object(Bucket="lake", Key="t/x", Body=lines({"a": 1}))
    for name in ("runs", "stopped"):
        glue.create_crawler(Name=name, Role=ROLE, DatabaseName=name, Schedule="cron(0 * * * ? *)",
                            Targets={"S3Targets": [{"Path": "s3://lake/t"}]})
    glue.stop_crawler_schedule(CrawlerName="stopped")
    own_server.kill9()
    own_server.restart()
    glue = own_server.client("glue")
    own_server.clock.advance(minutes=61)
    wait_until(lambda: "LastCrawl" in glue.get_crawler(Name="runs")["Crawler"])
    assert "LastCrawl" not in glue.get_crawler(Name="stopped")["Crawler"]
    glue.start_crawler_schedule(CrawlerName="stopped")
    own_server.clock.advance(minutes=61)
    wait_until(lambda: "LastCrawl" in glue.get_crawler(Name="stopped")["Crawler"])


def test_crawls_are_listed_by_filters_and_logged(glue, s3, client, bucket, crawl):
    s3.put_object(Bucket=bucket, Key="t/1/x", Body=lines({"a": 1}))
    first = crawl(f"s3://{bucket}/t")
    name = first["Name"]
    crawl(name=name)

    def find(*filters):
        names = ("FieldName", "FilterOperator", "FieldValue")
        rows = glue.list_crawls(CrawlerName=name,
                                Filters=[dict(zip(names, row)) for row in filters])
        return [row["CrawlId"] for row in rows["Crawls"]]

    rows = glue.list_crawls(CrawlerName=name)["Crawls"]
    assert [row["State"] for row in rows] == ["COMPLETED"] * 2
    ids = [row["CrawlId"] for row in rows]
    assert ids[1] == first["LastCrawl"]["MessagePrefix"]
    assert find(("CRAWL_ID", "EQ", ids[0])) == ids[:1]
    assert find(("STATE", "EQ", "FAILED")) == []
    start = int(rows[0]["StartTime"].timestamp() * 1000)
    assert find(("START_TIME", "GE", str(start))) == ids[:1]
    assert find(("START_TIME", "LT", str(start)), ("STATE", "NE", "RUNNING")) == ids[1:]
    refused(glue.list_crawls, "InvalidInputException", CrawlerName=name,
            Filters=[{"FieldName": "START_TIME", "FilterOperator": "GT", "FieldValue": "noon"}])
    refused(glue.list_crawls, "EntityNotFoundException", CrawlerName="nobody")

    last = first["LastCrawl"]
    events = client("logs").get_log_events(logGroupName=last["LogGroup"], startFromHead=True,
                                           logStreamName=last["LogStream"])["events"]
    said = [row["message"] for row in events if last["MessagePrefix"] in row["message"]]
    assert said[0].endswith(f"BENCHMARK : Running Start Crawl for Crawler {name}")
    assert any("INFO : Created table t in database" in line for line in said)
    assert said[-1].endswith("BENCHMARK : Crawler has finished running and is in state READY")


def test_crawlers_are_listed_by_tags(glue, database, bucket, fresh):
    names = [fresh("crawler") for _ in range(2)]
    for name, team in zip(names, "ab"):
        glue.create_crawler(Name=name, Role=ROLE, DatabaseName=database, Tags={"team": team},
                            Targets={"S3Targets": [{"Path": f"s3://{bucket}/t"}]})
    found = glue.list_crawlers(Tags={"team": "b"}, MaxResults=1000)["CrawlerNames"]
    assert names[1] in found and names[0] not in found
