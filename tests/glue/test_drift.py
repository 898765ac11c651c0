"""What crawls make of formats, of schemas that change, and of a crawler's configuration."""

import gzip
import json


from glue.conftest import ROLE, columns, lines, refused
from support import wait_until
from support.duck import write_parquet


def put(s3, bucket, key, *records):
    s3.put_object(Bucket=bucket, Key=key, Body=lines(*records))


def table(glue, database, name="t"):
    return glue.get_table(DatabaseName=database, Name=name)["Table"]


def partition_columns(glue, database, name="t"):
    rows = glue.get_partitions(DatabaseName=database, TableName=name)["Partitions"]
    return {"/".join(row["Values"]): columns(row) for row in rows}


def configuration(**parts):
    return json.dumps({"Version": 1.0, **parts})


# ---- formats ----


def test_the_footer_of_a_parquet_file_gives_its_types(glue, s3, bucket, database, crawl, tmp_path):
    path = tmp_path / "x.parquet"
    write_parquet(path, """
        SELECT 1::int AS "Id", 2::bigint AS big, 1.5::float AS f, 2.5::double AS d, true AS flag,
            'x' AS text, 1.25::decimal(10,2) AS price, DATE '2026-07-01' AS day,
            TIMESTAMP '2026-07-01 10:00:00' AS at, 1::tinyint AS tiny, 2::smallint AS small,
            'ab'::blob AS bytes, [1, 2]::int[] AS list, {'a': 1::int, 'b': 'x'} AS pair,
            MAP {'k': 1::bigint} AS counts, [{'n': 1.5::double}] AS deep
        FROM range(3)""")
    s3.put_object(Bucket=bucket, Key="t/day=1/x.parquet", Body=path.read_bytes())
    crawl(f"s3://{bucket}/t")
    found = table(glue, database)
    assert columns(found) == [
        ("id", "int"), ("big", "bigint"), ("f", "float"), ("d", "double"), ("flag", "boolean"),
        ("text", "string"), ("price", "decimal(10,2)"), ("at", "timestamp"), ("tiny", "tinyint"),
        ("small", "smallint"), ("bytes", "binary"), ("list", "array<int>"),
        ("pair", "struct<a:int,b:string>"), ("counts", "map<string,bigint>"),
        ("deep", "array<struct<n:double>>")], "the key hides the column day"
    assert found["Parameters"]["classification"] == "parquet"
    assert found["Parameters"]["recordCount"] == "3"
    storage = found["StorageDescriptor"]
    assert storage["SerdeInfo"] == {
        "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
        "Parameters": {"serialization.format": "1"}}
    assert storage["InputFormat"].endswith(".MapredParquetInputFormat")
    assert storage["OutputFormat"].endswith(".MapredParquetOutputFormat")


def test_a_damaged_parquet_file_is_passed_over(glue, s3, bucket, database, crawl):
    s3.put_object(Bucket=bucket, Key="t/x", Body=b"PAR1" + b"\xff" * 64 + b"\x20\0\0\0PAR1")
    assert crawl(f"s3://{bucket}/t")["LastCrawl"]["Status"] == "SUCCEEDED"
    assert glue.get_tables(DatabaseName=database)["TableList"] == []


def test_packed_and_plain_objects_are_tables_of_their_own(glue, s3, bucket, database, crawl):
    put(s3, bucket, "lake/plain/x", {"a": 1})
    s3.put_object(Bucket=bucket, Key="lake/packed/x.gz", Body=gzip.compress(lines({"a": 1})))
    crawl(f"s3://{bucket}/lake")
    found = {row["Name"]: row["Parameters"]["compressionType"]
             for row in glue.get_tables(DatabaseName=database)["TableList"]}
    assert found == {"plain": "none", "packed": "gzip"}


# ---- drift ----


def test_types_widen_and_structs_merge_while_partitions_keep_theirs(glue, s3, bucket, database,
                                                                    crawl):
    put(s3, bucket, "t/1/x", {"n": 1, "m": 1, "s": 1, "o": {"a": 1}, "l": [1], "z": None})
    name = crawl(f"s3://{bucket}/t")["Name"]
    assert dict(columns(table(glue, database)))["z"] == "string"
    put(s3, bucket, "t/2/x", {"n": 5000000000, "m": 1.5, "s": "x", "o": {"b": True}, "l": ["x"],
                              "new": 1, "z": 7})
    crawl(name=name)
    assert columns(table(glue, database)) == [
        ("n", "bigint"), ("m", "double"), ("s", "string"), ("o", "struct<a:int,b:boolean>"),
        ("l", "array<string>"), ("z", "int"), ("new", "int")]
    found = partition_columns(glue, database)
    assert dict(found["1"])["n"] == "int" and "new" not in dict(found["1"])
    assert dict(found["2"]) == {"n": "bigint", "m": "double", "s": "string",
                                "o": "struct<b:boolean>", "l": "array<string>", "new": "int",
                                "z": "int"}


def test_partitions_may_inherit_from_their_table(glue, s3, bucket, database, crawl):
    output = {"Partitions": {"AddOrUpdateBehavior": "InheritFromTable"}}
    put(s3, bucket, "t/1/x", {"n": 1})
    name = crawl(f"s3://{bucket}/t", Configuration=configuration(CrawlerOutput=output))["Name"]
    put(s3, bucket, "t/2/x", {"n": 1.5, "new": "x"})
    crawl(name=name)
    wanted = [("n", "double"), ("new", "string")]
    assert columns(table(glue, database)) == wanted
    assert partition_columns(glue, database) == {"1": wanted, "2": wanted}
    summary = glue.list_crawls(CrawlerName=name)["Crawls"][0]["Summary"]
    assert json.loads(json.loads(summary)["PARTITION"]) == {"ADD": 1, "UPDATE": 1, "DELETE": 0}


def test_columns_that_are_gone_go_unless_they_are_only_added(glue, s3, bucket, database, crawl):
    output = {"Tables": {"AddOrUpdateBehavior": "MergeNewColumns"}}
    for folder, config in (("plain", ""), ("merge", configuration(CrawlerOutput=output))):
        put(s3, bucket, f"{folder}/x", {"gone": 1, "kept": 1})
        name = crawl(f"s3://{bucket}/{folder}", Configuration=config)["Name"]
        put(s3, bucket, f"{folder}/x", {"new": 1, "kept": "now a text"})
        crawl(name=name)
    assert columns(table(glue, database, "plain")) == [("kept", "string"), ("new", "int")]
    assert columns(table(glue, database, "merge")) == [("gone", "int"), ("kept", "int"),
                                                       ("new", "int")]


def test_a_policy_of_log_leaves_the_table_alone(glue, s3, bucket, database, crawl):
    policy = {"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"}
    put(s3, bucket, "t/1/x", {"a": 1})
    name = crawl(f"s3://{bucket}/t", SchemaChangePolicy=policy)["Name"]
    put(s3, bucket, "t/2/x", {"a": 1, "b": 2})
    crawl(name=name)
    assert columns(table(glue, database)) == [("a", "int")]
    assert sorted(partition_columns(glue, database)) == ["1", "2"]


# ---- configuration ----


def test_compatible_formats_are_combined_when_asked(glue, s3, bucket, database, crawl):
    put(s3, bucket, "lake/1/x", {"a": 1})
    put(s3, bucket, "lake/2/x", {"b": 1})
    crawl(f"s3://{bucket}/lake", TablePrefix="apart_")
    names = [row["Name"] for row in glue.get_tables(DatabaseName=database)["TableList"]]
    assert names == ["apart_1", "apart_2"]
    grouping = {"TableGroupingPolicy": "CombineCompatibleSchemas"}
    crawl(f"s3://{bucket}/lake", Configuration=configuration(Grouping=grouping))
    assert columns(table(glue, database, "lake")) == [("a", "int"), ("b", "int")]


def test_a_table_level_decides_where_tables_are(glue, s3, bucket, database, crawl):
    for shop in ("x", "y"):
        put(s3, bucket, f"lake/{shop}/2026/a", {"a": 1})
    crawl(f"s3://{bucket}/lake",
          Configuration=configuration(Grouping={"TableLevelConfiguration": 3}))
    rows = glue.get_tables(DatabaseName=database)["TableList"]
    assert [row["Name"] for row in rows] == ["x", "y"]
    assert [key["Name"] for key in rows[0]["PartitionKeys"]] == ["partition_0"]


def test_too_many_tables_end_the_crawl(glue, s3, bucket, database, crawl):
    put(s3, bucket, "lake/1/x", {"a": 1})
    put(s3, bucket, "lake/2/x", {"b": 1})
    last = crawl(f"s3://{bucket}/lake", Configuration=configuration(
        CrawlerOutput={"Tables": {"TableThreshold": 1}}))["LastCrawl"]
    assert last["Status"] == "FAILED" and "table threshold value provided: 1" in (
        last["ErrorMessage"])
    assert glue.get_tables(DatabaseName=database)["TableList"] == []


def test_a_partition_index_is_made_when_asked(glue, s3, bucket, database, crawl):
    put(s3, bucket, "t/year=2026/month=7/x", {"a": 1})
    crawl(f"s3://{bucket}/t", Configuration=configuration(CreatePartitionIndex=True))
    found = glue.get_partition_indexes(DatabaseName=database, TableName="t")
    found = found["PartitionIndexDescriptorList"]
    assert [key["Name"] for key in found[0]["Keys"]] == ["year", "month"]
    assert len(found) == 1 and found[0]["IndexStatus"] == "ACTIVE"


def test_only_new_folders_are_looked_at_when_asked(glue, s3, bucket, database, crawl):
    options = {"RecrawlPolicy": {"RecrawlBehavior": "CRAWL_NEW_FOLDERS_ONLY"},
               "SchemaChangePolicy": {"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"}}
    put(s3, bucket, "t/a/1/x", {"a": 1})
    put(s3, bucket, "t/a/2/x", {"a": 1})
    name = crawl(f"s3://{bucket}/t/a", **options)["Name"]
    put(s3, bucket, "t/a/1/y", {"other": "things", "that": "nobody", "looks": "at"})
    put(s3, bucket, "t/a/3/x", {"a": 1, "b": 1})
    crawl(name=name)
    names = [row["Name"] for row in glue.get_tables(DatabaseName=database)["TableList"]]
    assert names == ["a"]
    assert columns(table(glue, database, "a")) == [("a", "int")]
    assert partition_columns(glue, database, "a") == {
        "1": [("a", "int")], "2": [("a", "int")], "3": [("a", "int"), ("b", "int")]}


def test_a_sample_size_limits_what_is_read_of_a_folder(glue, s3, bucket, database, crawl):
    for i in range(5):
        put(s3, bucket, f"t/{i}", {"a": 1, "b": 1, "c": 1, f"column{i}": 1})
    crawl(f"s3://{bucket}/t", target={"SampleSize": 2})
    found = table(glue, database)
    assert columns(found) == [
        (name, "int") for name in ("a", "b", "c", "column0", "column1")]
    assert found["Parameters"]["objectCount"] == "5"
    assert found["Parameters"]["recordCount"] == "5"


def test_configurations_that_mean_nothing_are_refused(glue, database, fresh):
    def create(code, **options):
        target = options.pop("target", {})
        return refused(glue.create_crawler, code, Name=fresh("c"), Role=ROLE, **options,
                       DatabaseName=database,
                       Targets={"S3Targets": [{"Path": "s3://b/t", **target}]})

    create("InvalidInputException", Configuration="{")
    create("InvalidInputException", Configuration="{}")
    create("InvalidInputException", Configuration=configuration(Groups={}))
    create("InvalidInputException",
           Configuration=configuration(Grouping={"TableLevelConfiguration": 0}))
    create("InvalidInputException", Configuration=configuration(
        CrawlerOutput={"Partitions": {"AddOrUpdateBehavior": "MergeNewColumns"}}))
    message = create("InvalidInputException",
                     RecrawlPolicy={"RecrawlBehavior": "CRAWL_NEW_FOLDERS_ONLY"})
    assert message.startswith('The SchemaChangePolicy for "Crawl new folders only"')
    message = create("InvalidInputException", RecrawlPolicy={"RecrawlBehavior": "CRAWL_EVENT_MODE"})
    assert message == "Event queue ARN is required when event crawler is selected."
    queue = "arn:aws:sqs:us-east-1:000000000000:events"
    message = create("InvalidInputException", target={"EventQueueArn": queue})
    words = "does not exist or the role provided does not have access to it."
    assert message == f"SQS queue {queue} {words}"
    create("NotImplemented", target={"ConnectionName": "vpc"})


def test_a_crawl_of_many_objects_is_stopped(own_server):
    s3, glue = own_server.client("s3"), own_server.client("glue")
    s3.create_bucket(Bucket="lake")
    for i in range(300):
        s3.put_object(Bucket="lake", Key=f"t/{i}/x", Body=lines(*[{"a": i}] * 2000))
    glue.create_crawler(Name="c", Role=ROLE, DatabaseName="db",
                        Targets={"S3Targets": [{"Path": "s3://lake/t"}]})
    glue.start_crawler(Name="c")
    glue.stop_crawler(Name="c")
    wait_until(
        lambda: glue.get_crawler(Name="c")["Crawler"]["State"] == "READY")
    assert glue.get_crawler(Name="c")["Crawler"]["LastCrawl"]["Status"] == "CANCELLED"
    assert glue.list_crawls(CrawlerName="c")["Crawls"][0]["State"] == "STOPPED"
