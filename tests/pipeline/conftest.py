"""The lake's end of the story: crawl, query, read results."""

import time

import pytest
from support import wait_until


class Lake:
    """Glue and Athena of one server, as a client of AWS uses them."""

    def __init__(self, server):
        self.glue, self.athena = server.client("glue"), server.client("athena")

    def crawl(self, name):
        self.glue.start_crawler(Name=name)

        def ready():
            crawler = self.glue.get_crawler(Name=name)["Crawler"]
            return crawler["State"] == "READY" and crawler.get("LastCrawl")

        last = wait_until(ready)
        assert last["Status"] == "SUCCEEDED", last

    def query(self, sql, **where):
        """(header, rows) of a query's result, all as text."""
        started = self.athena.start_query_execution(QueryString=sql, **where)
        execution = started["QueryExecutionId"]

        def ended():
            status = self.athena.get_query_execution(QueryExecutionId=execution)
            status = status["QueryExecution"]["Status"]
            return status["State"] not in ("QUEUED", "RUNNING") and status

        status = wait_until(ended)
        assert status["State"] == "SUCCEEDED", status
        rows = []
        pages = self.athena.get_paginator("get_query_results")
        for page in pages.paginate(QueryExecutionId=execution):
            rows += [
                [cell.get("VarCharValue") for cell in row["Data"]]
                for row in page["ResultSet"]["Rows"]
            ]
        return rows[0], rows[1:]


@pytest.fixture
def lake(own_server):
    return Lake(own_server)


def spend(seconds):
    """For a program that writes for some time."""
    until = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= until, timeout=seconds + 5)
