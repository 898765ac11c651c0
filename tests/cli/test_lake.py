"""Objects, the catalog and SQL from the shell."""

import json
import os
import time
import urllib.error
import urllib.request

import pytest

from support import wait_until


@pytest.fixture
def bucket(aws, fresh):
    name = fresh("lake")
    aws("s3", "mb", f"s3://{name}")
    return name


def test_objects_from_the_shell(aws, bucket, tmp_path):
    (tmp_path / "tree" / "deep").mkdir(parents=True)
    for name in ("a.json", "b.txt", "deep/c.json"):
        (tmp_path / "tree" / name).write_text(name)
        # sync sends what is newer than its object, whose time has whole seconds.
        an_hour_ago = time.time() - 3600
        os.utime(tmp_path / "tree" / name, (an_hour_ago, an_hour_ago))
    sync = ("s3", "sync", tmp_path / "tree", f"s3://{bucket}/t", "--exclude", "*.txt")
    assert aws(*sync).stdout.count("upload:") == 2
    assert aws(*sync).stdout == ""
    (tmp_path / "tree" / "a.json").unlink()
    said = aws("s3", "sync", tmp_path / "tree", f"s3://{bucket}/t", "--delete").stdout
    assert f"delete: s3://{bucket}/t/a.json" in said
    listed = aws("s3", "ls", f"s3://{bucket}/t/", "--summarize", "--human-readable").stdout
    assert "PRE deep/" in listed and "Total Objects: 1" in listed
    aws("s3", "cp", "-", f"s3://{bucket}/piped", input="from a pipe")
    aws("s3", "cp", f"s3://{bucket}/piped", f"s3://{bucket}/copied")
    head = aws("s3api", "head-object", "--bucket", bucket, "--key", "copied").json
    assert head["ContentLength"] == len("from a pipe")
    aws("s3api", "put-object", "--bucket", bucket, "--key", "m", "--metadata", "a=b",
        "--content-type", "text/plain")
    head = aws("s3api", "head-object", "--bucket", bucket, "--key", "m").json
    assert (head["Metadata"], head["ContentType"]) == ({"a": "b"}, "text/plain")


def test_a_presigned_url_of_the_shell(aws, bucket):
    aws("s3", "cp", "-", f"s3://{bucket}/a b", input="text")
    url = aws("s3", "presign", f"s3://{bucket}/a b", "--expires-in", "60").stdout.strip()
    with urllib.request.urlopen(url) as reply:
        assert reply.read() == b"text"


def test_a_bucket_that_is_not_there(aws, fresh):
    failed = aws("s3", "ls", f"s3://{fresh('none')}", check=False)
    assert failed.code == 254 and "NoSuchBucket" in failed.stderr


def test_the_catalog_from_the_shell(aws, bucket, fresh):
    database, crawler = fresh("sales", "_"), fresh("crawler")
    lines = "".join(json.dumps({"id": n, "price": n + 0.5}) + "\n" for n in range(4))
    aws("s3", "cp", "-", f"s3://{bucket}/orders/2025/11/22/a.json", input=lines)
    aws("glue", "create-database", "--database-input", f"Name={database}")
    aws("glue", "create-crawler", "--name", crawler, "--role", "any", "--database-name", database,
        "--targets", f"S3Targets=[{{Path=s3://{bucket}/orders/}}]")
    aws("glue", "start-crawler", "--name", crawler)

    def crawled():
        state = aws("glue", "get-crawler", "--name", crawler).json["Crawler"]
        return state["State"] == "READY" and state.get("LastCrawl")

    assert wait_until(crawled)["Status"] == "SUCCEEDED"
    (table,) = aws("glue", "get-tables", "--database-name", database).json["TableList"]
    columns = {row["Name"]: row["Type"] for row in table["StorageDescriptor"]["Columns"]}
    assert columns == {"id": "int", "price": "double"}
    (part,) = aws(
        "glue", "get-partitions", "--database-name", database, "--table-name", table["Name"]
    ).json["Partitions"]
    assert part["Values"] == ["2025", "11", "22"]

    started = aws(
        "athena", "start-query-execution", "--query-string",
        f"SELECT count(*) AS n, sum(price) AS total FROM {table['Name']}",
        "--query-execution-context", f"Database={database}",
        "--result-configuration", f"OutputLocation=s3://{bucket}/results/",
    ).json["QueryExecutionId"]
    ask = ("--query-execution-id", started)

    def done():
        told = aws("athena", "get-query-execution", *ask).json["QueryExecution"]
        return told if told["Status"]["State"] not in ("QUEUED", "RUNNING") else None

    told = wait_until(done)
    assert told["Status"]["State"] == "SUCCEEDED", told["Status"]
    rows = aws("athena", "get-query-results", *ask).json["ResultSet"]["Rows"]
    assert [[cell["VarCharValue"] for cell in row["Data"]] for row in rows] == [
        ["n", "total"], ["4", "8.0"]]
    where = told["ResultConfiguration"]["OutputLocation"]
    assert aws("s3", "cp", where, "-").stdout == '"n","total"\n"4","8.0"\n'
