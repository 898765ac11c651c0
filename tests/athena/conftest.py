"""What the tests of Athena share: a lake of orders, and queries that are waited for."""

import json

import pytest
from botocore.exceptions import ClientError

from support import wait_until

ORDERS = [
    {"orderid": "a", "cdc_event": "INSERT", "product_name": "tea", "quantity": 2, "price": 1.5,
     "cdc_sequence": "100", "cdc_time": 1700000000.5, "tags": ["x", "y"], "meta": {"N": 1}},
    {"orderid": "b", "cdc_event": "INSERT", "product_name": "coffee", "quantity": 1, "price": 4,
     "cdc_sequence": "101", "cdc_time": 1700000001, "tags": [], "meta": {"N": 2}},
    {"orderid": "a", "cdc_event": "MODIFY", "product_name": "tea", "quantity": 5, "price": 1.5,
     "cdc_sequence": "1000", "cdc_time": 1700000002, "tags": None, "meta": None},
    {"orderid": "b", "cdc_event": "REMOVE", "cdc_sequence": "1001", "cdc_time": 1700000003},
]


class Lake:
    """A bucket with results/, a database, and what one does with them."""

    def __init__(self, client, name):
        self.s3, self.glue, self.athena = (client(s) for s in ("s3", "glue", "athena"))
        self.bucket, self.database = f"lake-{name}", f"db_{name.replace('-', '_')}"
        self.s3.create_bucket(Bucket=self.bucket)
        self.glue.create_database(DatabaseInput={"Name": self.database})

    def put(self, key, *records):
        body = "".join(json.dumps(record) + "\n" for record in records)
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body.encode())

    def body(self, location):
        bucket, key = location.removeprefix("s3://").split("/", 1)
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def start(self, sql, **options):
        options.setdefault("QueryExecutionContext", {"Database": self.database})
        options.setdefault("ResultConfiguration",
                           {"OutputLocation": f"s3://{self.bucket}/results"})
        reply = self.athena.start_query_execution(QueryString=sql, **options)
        return reply["QueryExecutionId"]

    def wait(self, query_id):
        def ended():
            reply = self.athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
            return reply if reply["Status"]["State"] not in ("QUEUED", "RUNNING") else None

        return wait_until(ended, interval=0.005)

    def run(self, sql, **options):
        return self.wait(self.start(sql, **options))

    def result(self, sql, **options):
        """ResultSet of a query that must succeed."""
        execution = self.run(sql, **options)
        assert execution["Status"]["State"] == "SUCCEEDED", (sql, execution["Status"])
        return self.athena.get_query_results(
            QueryExecutionId=execution["QueryExecutionId"])["ResultSet"]

    def raw_rows(self, sql, **options):
        return [[datum.get("VarCharValue") for datum in row["Data"]]
                for row in self.result(sql, **options)["Rows"]]

    def rows(self, sql, **options):
        """Rows of a SELECT, without the header."""
        return self.raw_rows(sql, **options)[1:]

    def reason(self, sql, **options):
        """Why a query fails."""
        execution = self.run(sql, **options)
        assert execution["Status"]["State"] == "FAILED", (sql, execution["Status"])
        return execution["Status"]["StateChangeReason"]

    def fault(self, sql, **options):
        """Why a statement that writes fails, without AWS's advice about files that may be left."""
        return self.reason(sql, **options).split(". You may need ")[0].split(". If a data ")[0]

    def crawl(self, prefix, **options):
        name = f"c-{self.bucket}-{prefix.strip('/')}"
        self.glue.create_crawler(
            Name=name, Role="arn:aws:iam::000000000000:role/r", DatabaseName=self.database,
            Targets={"S3Targets": [{"Path": f"s3://{self.bucket}/{prefix}"}]}, **options)
        self.glue.start_crawler(Name=name)
        wait_until(lambda: self.glue.get_crawler(Name=name)["Crawler"]["State"] == "READY")


@pytest.fixture
def lake(client, fresh):
    return Lake(client, fresh("q"))


@pytest.fixture(scope="session")
def orders(server):
    """A crawled lake that tests only read; a partition for each hour."""
    lake = Lake(server.client, "orders")
    lake.put("orders/2026/07/03/10/one", *ORDERS[:2])
    lake.put("orders/2026/07/03/11/two", *ORDERS[2:])
    lake.crawl("orders/")
    return lake


def refused(call, code, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    return caught.value.response
