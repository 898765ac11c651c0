"""What the tests of Glue share: a bucket, a database, crawls that are waited for."""

import json

import pytest
from botocore.exceptions import ClientError

from support import wait_until

ROLE = "arn:aws:iam::000000000000:role/crawler"


@pytest.fixture
def glue(client):
    return client("glue")


@pytest.fixture
def s3(client):
    return client("s3")


@pytest.fixture
def bucket(s3, fresh):
    name = fresh("lake")
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def database(glue, fresh):
    name = fresh("db", "_")
    glue.create_database(DatabaseInput={"Name": name})
    return name


@pytest.fixture
def crawl(glue, database, fresh):
    """crawl('s3://...') -> the crawler after one finished run; its name goes on working."""

    def run(path=None, name=None, **options):
        if name is None:
            name = fresh("crawler")
            target = {"Path": path, **options.pop("target", {})}
            glue.create_crawler(Name=name, Role=ROLE, DatabaseName=database,
                                Targets={"S3Targets": [target]}, **options)
        glue.start_crawler(Name=name)
        wait_until(lambda: glue.get_crawler(Name=name)["Crawler"]["State"] == "READY")
        return glue.get_crawler(Name=name)["Crawler"]

    return run


@pytest.fixture
def run_query(client, bucket, database):
    """run_query('SELECT 1') -> the rows of its result, the header before them."""
    athena = client("athena")

    def rows(sql):
        query = athena.start_query_execution(
            QueryString=sql, QueryExecutionContext={"Database": database},
            ResultConfiguration={"OutputLocation": f"s3://{bucket}/results/"})["QueryExecutionId"]

        def status():
            return athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]

        wait_until(lambda: status()["State"] not in ("QUEUED", "RUNNING"))
        assert status()["State"] == "SUCCEEDED", status()
        found = athena.get_query_results(QueryExecutionId=query)["ResultSet"]["Rows"]
        return [[cell.get("VarCharValue") for cell in row["Data"]] for row in found]

    return rows


@pytest.fixture
def ask(server):
    """ask('GetCatalog', CatalogId=...) -> (status, reply): Debian's boto3 lacks some."""

    def call(operation, **arguments):
        status, _, body = server.request(
            "POST", "/", json.dumps(arguments),
            {"X-Amz-Target": f"AWSGlue.{operation}", "Content-Type": "application/x-amz-json-1.1"})
        return status, json.loads(body)

    return call


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def refused(call, code, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    return error["Message"]


def columns(table):
    return [(c["Name"], c["Type"]) for c in table["StorageDescriptor"]["Columns"]]
