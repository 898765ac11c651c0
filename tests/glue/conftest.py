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
