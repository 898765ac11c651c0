"""Classifiers: kept, and carried out by crawls."""

import json

import pytest

from glue.conftest import ROLE, columns, lines, refused


@pytest.fixture
def classifier(glue, fresh):
    def make(kind, **options):
        name = fresh("classifier")
        glue.create_classifier(**{kind: {"Name": name, **options}})
        return name

    return make


def table(glue, database, name="t"):
    return glue.get_table(DatabaseName=database, Name=name)["Table"]


def test_a_classifier_is_made_changed_listed_and_deleted(glue, classifier):
    name = classifier("CsvClassifier", Delimiter=";", ContainsHeader="PRESENT")
    found = glue.get_classifier(Name=name)["Classifier"]["CsvClassifier"]
    assert found["Delimiter"] == ";" and found["Version"] == 1 and found["CreationTime"]
    glue.update_classifier(CsvClassifier={"Name": name, "Delimiter": "|"})
    found = glue.get_classifier(Name=name)["Classifier"]["CsvClassifier"]
    assert (found["Delimiter"], found["ContainsHeader"], found["Version"]) == ("|", "PRESENT", 2)
    grok = classifier("GrokClassifier", Classification="log", GrokPattern="%{WORD:a}")
    names = []
    for page in glue.get_paginator("get_classifiers").paginate(PaginationConfig={"PageSize": 1}):
        names += [next(iter(row.values()))["Name"] for row in page["Classifiers"]]
    assert {name, grok} <= set(names)
    refused(glue.create_classifier, "AlreadyExistsException", CsvClassifier={"Name": name})
    refused(glue.create_classifier, "InvalidInputException")
    refused(glue.update_classifier, "InvalidInputException",
            JsonClassifier={"Name": name, "JsonPath": "$"})
    refused(glue.update_classifier, "EntityNotFoundException",
            JsonClassifier={"Name": "nope", "JsonPath": "$"})
    refused(glue.create_classifier, "InvalidInputException",
            JsonClassifier={"Name": name + "x", "JsonPath": "records[*]"})
    refused(glue.create_classifier, "InvalidInputException",
            CsvClassifier={"Name": name + "x", "Delimiter": '"', "QuoteSymbol": '"'})
    glue.delete_classifier(Name=name)
    message = refused(glue.get_classifier, "EntityNotFoundException", Name=name)
    assert message == f"Classifier entity with name {name} does not exist"
    refused(glue.delete_classifier, "EntityNotFoundException", Name=name)


def test_a_crawler_names_classifiers_that_exist(glue, database, fresh):
    refused(glue.create_crawler, "InvalidInputException", Name=fresh("c"), Role=ROLE,
            DatabaseName=database, Classifiers=["nope"],
            Targets={"S3Targets": [{"Path": "s3://b/t"}]})


def test_a_crawl_that_would_not_use_its_classifier_is_refused(glue, database, fresh, classifier):
    name = classifier("XMLClassifier", Classification="x", RowTag="row")
    refused(glue.create_crawler, "NotImplemented", Name=fresh("c"), Role=ROLE,
            DatabaseName=database, Classifiers=[name],
            Targets={"S3Targets": [{"Path": "s3://b/t"}]})


@pytest.mark.parametrize("path, body", [
    ("$[*]", json.dumps([{"a": 1, "b": "x"}, {"a": 2.5}]).encode()),
    ("$.records[*].order", json.dumps(
        {"records": [{"order": {"a": 1, "b": "x"}}, {"order": {"a": 2.5}}]}).encode()),
    ("$['deep']", lines({"deep": {"a": 1, "b": "x"}}, {"deep": {"a": 2.5}})),
])
def test_a_json_path_leads_to_the_records(glue, s3, bucket, database, crawl, classifier, path,
                                          body):
    s3.put_object(Bucket=bucket, Key="t/x.json", Body=body)
    crawl(f"s3://{bucket}/t", Classifiers=[classifier("JsonClassifier", JsonPath=path)])
    found = table(glue, database)
    assert columns(found) == [("a", "double"), ("b", "string")]
    assert found["Parameters"]["jsonPath"] == path
    assert found["Parameters"]["classification"] == "json"


def test_an_array_without_a_classifier_is_one_column(glue, s3, bucket, database, crawl):
    s3.put_object(Bucket=bucket, Key="t/x", Body=b'[{"a": 1}, {"a": 2, "b": true}]')
    crawl(f"s3://{bucket}/t")
    assert columns(table(glue, database)) == [("array", "array<struct<a:int,b:boolean>>")]


def test_rules_for_csv_are_followed(glue, s3, bucket, database, crawl, classifier):
    body = b"1;'x; y'\n2;'z'\n"
    s3.put_object(Bucket=bucket, Key="t/x.csv", Body=body)
    name = classifier("CsvClassifier", Delimiter=";", QuoteSymbol="'", Header=["Id", "Text"],
                      ContainsHeader="ABSENT")
    crawl(f"s3://{bucket}/t", Classifiers=[name])
    found = table(glue, database)
    assert columns(found) == [("id", "string"), ("text", "string")], "OpenCSVSerde reads strings"
    assert "skip.header.line.count" not in found["Parameters"]
    serde = found["StorageDescriptor"]["SerdeInfo"]
    assert serde["SerializationLibrary"] == "org.apache.hadoop.hive.serde2.OpenCSVSerde"
    assert serde["Parameters"] == {"separatorChar": ";", "quoteChar": "'"}
    assert found["Parameters"]["recordCount"] == "2"


def test_a_header_of_words_over_words_needs_to_be_told(glue, s3, bucket, database, crawl,
                                                       classifier):
    s3.put_object(Bucket=bucket, Key="told/x.csv", Body=b"name,town\nann,ulm\nbob,bonn\n")
    s3.put_object(Bucket=bucket, Key="untold/x.csv", Body=b"name,town\nann,ulm\nbob,bonn\n")
    crawl(f"s3://{bucket}/untold")
    assert [name for name, _ in columns(table(glue, database, "untold"))] == ["col0", "col1"]
    name = classifier("CsvClassifier", ContainsHeader="PRESENT")
    crawl(f"s3://{bucket}/told", Classifiers=[name])
    found = table(glue, database, "told")
    assert [name for name, _ in columns(found)] == ["name", "town"]
    assert found["Parameters"]["skip.header.line.count"] == "1"


def test_custom_datatypes_are_forced_on_the_columns(glue, s3, bucket, database, crawl, classifier):
    s3.put_object(Bucket=bucket, Key="t/day=1/x.csv", Body=b"1,2026-01-02,7,x\n2,2026-01-03,8,y\n")
    rules = {"Header": ["id", "day_of", "price", "rest"], "ContainsHeader": "ABSENT",
             "CustomDatatypes": ["LONG", "DATE", "decimal"]}
    name = classifier("CsvClassifier", **rules, CustomDatatypeConfigured=True)
    crawler = crawl(f"s3://{bucket}/t", Classifiers=[name])
    wanted = [("id", "bigint"), ("day_of", "date"), ("price", "decimal"), ("rest", "string")]
    assert columns(table(glue, database)) == wanted
    s3.put_object(Bucket=bucket, Key="t/day=2/x.csv", Body=b'3,2026-01-04,9,"z"\n')
    crawl(name=crawler["Name"])
    assert columns(table(glue, database)) == wanted, "also where OpenCSVSerde reads"
    rows = glue.get_partitions(DatabaseName=database, TableName="t")["Partitions"]
    assert [columns(row) for row in rows] == [wanted, wanted]
    plain = classifier("CsvClassifier", **rules)
    s3.put_object(Bucket=bucket, Key="plain/x.csv", Body=b"1,2026-01-02,7,x\n")
    crawl(f"s3://{bucket}/plain", Classifiers=[plain])
    assert columns(table(glue, database, "plain"))[:2] == [("id", "bigint"), ("day_of", "string")]
    refused(glue.create_classifier, "InvalidInputException", CsvClassifier={
        "Name": "x", "CustomDatatypes": ["UUID"], "CustomDatatypeConfigured": True})


def test_single_columns_need_to_be_allowed(glue, s3, bucket, database, crawl, classifier):
    s3.put_object(Bucket=bucket, Key="t/x.csv", Body=b"5\n6\n")
    name = crawl(f"s3://{bucket}/t")["Name"]
    assert glue.get_tables(DatabaseName=database)["TableList"] == []
    glue.update_crawler(Name=name, Classifiers=[
        classifier("CsvClassifier", Delimiter=",", AllowSingleColumn=True)])
    crawl(name=name)
    assert columns(table(glue, database)) == [("col0", "bigint")]


LOG = """[a1b2-c3d4] INFO : Crawl started, 17 objects
[a1b2-c3d4] ERROR : No access: s3://b/k
no line of ours
[e5f6-a7b8] BENCHMARK : Finished
"""
PATTERN = r"\[%{RUN:run_id}\] %{LEVEL:Level} : %{GREEDYDATA:message}"
CUSTOM = "RUN [0-9a-f]+-[0-9a-f]+\nLEVEL (?:BENCHMARK|ERROR|WARN|INFO)"


def test_lines_that_grok_describes_are_a_table_to_query(glue, s3, bucket, database, crawl,
                                                        classifier, run_query):
    name = classifier("GrokClassifier", Classification="crawls", GrokPattern=PATTERN,
                      CustomPatterns=CUSTOM)
    s3.put_object(Bucket=bucket, Key="t/day=1/x.log", Body=LOG.encode())
    crawl(f"s3://{bucket}/t/", Classifiers=[name])
    found = table(glue, database)
    assert columns(found) == [("run_id", "string"), ("level", "string"), ("message", "string")]
    storage = found["StorageDescriptor"]
    assert storage["SerdeInfo"] == {
        "SerializationLibrary": "com.amazonaws.glue.serde.GrokSerDe",
        "Parameters": {"input.format": PATTERN, "input.grokCustomPatterns": CUSTOM}}
    assert storage["InputFormat"] == "org.apache.hadoop.mapred.TextInputFormat"
    assert found["Parameters"]["classification"] == "crawls"
    assert found["Parameters"]["recordCount"] == "4"
    assert run_query("SELECT level, message, day FROM t WHERE run_id LIKE 'a1%'")[1:] == [
        ["INFO", "Crawl started, 17 objects", "1"], ["ERROR", "No access: s3://b/k", "1"]]


APACHE = '127.0.0.1 - ann [10/Oct/2026:13:55:36 -0700] "GET /a?b=1 HTTP/1.0" 200 2326'


def test_apaches_logs_are_known_without_a_classifier(glue, s3, bucket, database, crawl, run_query):
    more = ' "http://x.org/" "Mozilla/5.0 (X)"'
    for folder, line in (("short", APACHE), ("long", APACHE + more)):
        s3.put_object(Bucket=bucket, Key=f"lake/{folder}/x.log", Body=(line + "\n").encode() * 3)
    s3.put_object(Bucket=bucket, Key="lake/rows/x", Body=b'id,words\n1,[a] "b"\n2,[c] "d"\n')
    crawl(f"s3://{bucket}/lake/")
    names = ["clientip", "ident", "auth", "timestamp", "verb", "request", "httpversion",
             "rawrequest", "response", "bytes"]
    for folder, kind, pattern, more in (
            ("short", "apache", "%{COMMONAPACHELOG}", []),
            ("long", "combined_apache", "%{COMBINEDAPACHELOG}", ["referrer", "agent"])):
        found = table(glue, database, folder)
        assert columns(found) == [(name, "string") for name in names + more]
        assert found["Parameters"]["classification"] == kind
        assert found["StorageDescriptor"]["SerdeInfo"] == {
            "SerializationLibrary": "com.amazonaws.glue.serde.GrokSerDe",
            "Parameters": {"input.format": pattern}}
    assert table(glue, database, "rows")["Parameters"]["classification"] == "csv"
    assert run_query('SELECT request, response, agent FROM "long" LIMIT 1')[1] == [
        "/a?b=1", "200", '"Mozilla/5.0 (X)"']


def test_what_references_name_are_columns_of_their_types(glue, s3, bucket, database, crawl,
                                                         classifier, run_query):
    name = classifier(
        "GrokClassifier", Classification="times",
        GrokPattern="%{SYSLOGTIMESTAMP:at} %{INT:n:int} %{INT:big:long} %{NUMBER:part:double} "
                    "%{INT:tiny:byte} %{INT:few:short} %{SIX} %{WORD:ok:boolean} %{INT:n}",
        CustomPatterns="SIX %{WORD:Word}")
    s3.put_object(Bucket=bucket, Key="t/x", Body=b"Feb  9 07:15:00 1 2 3.5 4 5 six true 7\n" * 2)
    crawl(f"s3://{bucket}/t/", Classifiers=[name])
    assert columns(table(glue, database)) == [
        ("at", "string"), ("n", "int"), ("big", "bigint"), ("part", "double"),
        ("tiny", "tinyint"), ("few", "smallint"), ("word", "string"), ("ok", "boolean")]
    assert run_query('SELECT "at", n, big, part, tiny, few, word, ok FROM t LIMIT 1')[1] == [
        "Feb  9 07:15:00", "1", "2", "3.5", "4", "5", "six", "true"]


def test_what_grok_does_not_describe_is_left_to_others(glue, s3, bucket, database, crawl,
                                                       classifier):
    name = classifier("GrokClassifier", Classification="log", GrokPattern="^%{WORD:a}=%{INT:b}$")
    s3.put_object(Bucket=bucket, Key="lake/logs/x", Body=b"a=1\nb=2\nc\n")
    s3.put_object(Bucket=bucket, Key="lake/rows/x", Body=b"a,b\n1,2\nx=1,5\n3,4\n")
    s3.put_object(Bucket=bucket, Key="lake/records/x", Body=lines({"a": 1}))
    first = crawl(f"s3://{bucket}/lake/", Classifiers=[name], RecrawlPolicy={
        "RecrawlBehavior": "CRAWL_NEW_FOLDERS_ONLY"}, SchemaChangePolicy={
            "UpdateBehavior": "LOG", "DeleteBehavior": "LOG"})
    kinds = {row["Name"]: row["Parameters"]["classification"]
             for row in glue.get_tables(DatabaseName=database)["TableList"]}
    assert kinds == {"logs": "log", "rows": "csv", "records": "json"}
    before = table(glue, database, "logs")["StorageDescriptor"]
    crawl(name=first["Name"])
    assert table(glue, database, "logs")["StorageDescriptor"] == before


def test_patterns_that_cannot_be_are_refused(glue, classifier):
    def refuse(call, **options):
        return refused(call, "InvalidInputException", GrokClassifier=options)

    wrong = {"Name": "none", "Classification": "x"}
    assert "NOPE" in refuse(glue.create_classifier, GrokPattern="%{NOPE:a}", **wrong)
    refuse(glue.create_classifier, GrokPattern="%{WORD:a}(", **wrong)
    refuse(glue.create_classifier, GrokPattern="%{WORD:a:date}", **wrong)
    name = classifier("GrokClassifier", Classification="x", GrokPattern="%{MINE:a}",
                      CustomPatterns="MINE m+")
    refuse(glue.update_classifier, Name=name, CustomPatterns="YOURS y+")
    glue.update_classifier(GrokClassifier={"Name": name, "CustomPatterns": "MINE n+"})
    kept = glue.get_classifier(Name=name)["Classifier"]["GrokClassifier"]
    assert (kept["CustomPatterns"], kept["Version"]) == ("MINE n+", 2)
