"""DDL: databases, tables, partitions, views, SHOW and DESCRIBE."""

import base64
import json

import pytest

SERDE = "ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'"


def succeed(lake, sql, **options):
    execution = lake.run(sql, **options)
    assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
    return execution


def test_what_is_not_plain_is_escaped_and_absent_properties_are_told(lake):
    lake.result(f"CREATE EXTERNAL TABLE t (a int) ROW FORMAT DELIMITED FIELDS TERMINATED BY '\\t' "
                f"ESCAPED BY '\\\\' LINES TERMINATED BY '\\n' LOCATION 's3://{lake.bucket}/t/'")
    lines = [row[0] for row in lake.raw_rows("SHOW CREATE TABLE t")]
    for pair in ("'field.delim'='\\t'", "'escape.delim'='\\\\'", "'line.delim'='\\n'"):
        assert any(pair in line for line in lines), (pair, lines)
    assert lake.raw_rows("SHOW TBLPROPERTIES t('nope')") == [
        [f"Table {lake.database}.t does not have property: nope", ""]]


def test_databases_are_created_shown_and_dropped(lake, fresh):
    name = fresh("made", "_")
    assert succeed(lake, f"CREATE DATABASE {name} COMMENT 'x'")["StatementType"] == "DDL"
    succeed(lake, f"CREATE SCHEMA IF NOT EXISTS `{name}`")
    assert "already exists" in lake.reason(f"CREATE DATABASE {name}")
    assert lake.raw_rows(f"SHOW DATABASES LIKE '{name}'") == [[name]]
    assert [name] in lake.raw_rows("SHOW SCHEMAS")
    succeed(lake, f"CREATE EXTERNAL TABLE {name}.t (a int) {SERDE} LOCATION 's3://x/t/'")
    assert "is not empty" in lake.reason(f"DROP DATABASE {name}")
    succeed(lake, f"DROP DATABASE {name} CASCADE")
    assert "does not exist" in lake.reason(f"DROP DATABASE {name}")
    succeed(lake, f"DROP DATABASE IF EXISTS {name}")


def test_a_partitioned_table_is_declared_repaired_and_queried(lake):
    for month in ("06", "07"):
        lake.put(f"t/year=2026/month={month}/x", {"a": int(month)})
    lake.put("t/loose/x", {"a": 99})
    succeed(lake, f"""CREATE EXTERNAL TABLE IF NOT EXISTS `t` (
                        `a` int COMMENT 'a number')
                      PARTITIONED BY (year string, month int)
                      {SERDE} WITH SERDEPROPERTIES ('ignore.malformed.json'='true')
                      LOCATION 's3://{lake.bucket}/t/' TBLPROPERTIES ('k'='v')""")
    assert lake.rows("SELECT * FROM t") == []
    repaired = [row[0] for row in lake.raw_rows("MSCK REPAIR TABLE t")]
    assert repaired == [
        "Partitions not in metastore:\tt:year=2026/month=06\tt:year=2026/month=07",
        "Repair: Added partition to metastore t:year=2026/month=06",
        "Repair: Added partition to metastore t:year=2026/month=07"]
    assert lake.raw_rows("SHOW PARTITIONS t") == [["year=2026/month=06"], ["year=2026/month=07"]]
    assert lake.rows("SELECT a, year, month FROM t WHERE month = 7") == [["7", "2026", "7"]]
    assert lake.raw_rows("MSCK REPAIR TABLE t") == []
    assert "already exists" in lake.reason(f"CREATE EXTERNAL TABLE t (a int) {SERDE} "
                                           f"LOCATION 's3://{lake.bucket}/t/'")


def test_a_repair_tells_what_it_leaves_alone(lake):
    lake.put("t/p=1/x", {"a": 1})
    lake.put("t/P=2/x", {"a": 2})  # AWS: folders in lower case alone
    succeed(lake, f"CREATE EXTERNAL TABLE t (a int) PARTITIONED BY (p int) {SERDE} "
                  f"LOCATION 's3://{lake.bucket}/t/'")
    succeed(lake, "ALTER TABLE t ADD PARTITION (p=3)")
    assert [row[0] for row in lake.raw_rows("MSCK REPAIR TABLE t")] == [
        "Partitions not in metastore:\tt:p=1", "Partitions missing from filesystem:\tt:p=3",
        "Repair: Added partition to metastore t:p=1"]
    assert [row[0] for row in lake.raw_rows("MSCK REPAIR TABLE t")] == [
        "Partitions missing from filesystem:\tt:p=3"]
    assert lake.raw_rows("SHOW PARTITIONS t") == [["p=1"], ["p=3"]]
    succeed(lake, f"CREATE EXTERNAL TABLE u (a int) {SERDE} LOCATION 's3://{lake.bucket}/t/'")
    assert lake.raw_rows("MSCK REPAIR TABLE u") == []
    assert lake.glue.get_partitions(DatabaseName=lake.database, TableName="u")["Partitions"] == []


def test_partitions_are_added_and_dropped_by_hand(lake):
    lake.put("elsewhere/x", {"a": 1})
    succeed(lake, f"CREATE EXTERNAL TABLE t (a int) PARTITIONED BY (day string) {SERDE} "
                  f"LOCATION 's3://{lake.bucket}/t/'")
    succeed(lake, f"ALTER TABLE t ADD IF NOT EXISTS PARTITION (day = '2026-07-03') "
                  f"LOCATION 's3://{lake.bucket}/elsewhere/' PARTITION (day='2026-07-04')")
    assert lake.rows("SELECT * FROM t") == [["1", "2026-07-03"]]
    assert "already exists" in lake.reason("ALTER TABLE t ADD PARTITION (day='2026-07-03')")
    succeed(lake, "ALTER TABLE t DROP PARTITION (day='2026-07-03')")
    assert "not found" in lake.reason("ALTER TABLE t DROP PARTITION (day='2026-07-03')")
    succeed(lake, "ALTER TABLE t DROP IF EXISTS PARTITION (day='2026-07-03')")
    assert lake.raw_rows("SHOW PARTITIONS t") == [["day=2026-07-04"]]
    assert "non-partition column" in lake.reason("ALTER TABLE t ADD PARTITION (nope='1')")


def test_partitions_have_folders_and_values_that_fit(lake):
    succeed(lake, f"CREATE EXTERNAL TABLE t (a int) PARTITIONED BY (p int, q string) {SERDE} "
                  f"LOCATION 's3://{lake.bucket}/t/'")
    assert lake.reason("ALTER TABLE t ADD PARTITION (p='abc', q='x')") == (
        "FAILED: SemanticException [Error 10248]: Cannot add partition column p of type string as "
        "it cannot be converted to type int")
    lake.put("t/p=1/q=a%2Fb c/x", {"a": 7})
    succeed(lake, "ALTER TABLE t ADD PARTITION (p='1', q='a/b c')")
    [partition] = lake.glue.get_partitions(
        DatabaseName=lake.database, TableName="t")["Partitions"]
    assert partition["StorageDescriptor"]["Location"] == (
        f"s3://{lake.bucket}/t/p=1/q=a%2Fb c/")
    assert lake.rows("SELECT * FROM t") == [["7", "1", "a/b c"]]


def test_tables_are_altered(lake):
    lake.put("t/x", {"a": 1, "b": "x"})
    succeed(lake, f"CREATE EXTERNAL TABLE t (a int) {SERDE} LOCATION 's3://{lake.bucket}/t/'")
    succeed(lake, "ALTER TABLE t ADD COLUMNS (b string)")
    succeed(lake, "ALTER TABLE t SET TBLPROPERTIES ('owner'='me')")
    assert lake.rows("SELECT * FROM t") == [["1", "x"]]
    assert ["owner", "me"] in lake.raw_rows("SHOW TBLPROPERTIES t")


def test_a_table_is_described(orders):
    rows = [row[0] for row in orders.raw_rows("DESCRIBE orders")]
    assert rows[0] == "orderid             \tstring              \t                    "
    assert "# Partition Information\t \t " in rows
    assert rows[-1].split() == ["partition_3", "string"]
    assert [row[0].strip() for row in orders.raw_rows("SHOW COLUMNS IN orders")][:2] == [
        "orderid", "cdc_event"]
    text = "\n".join(row[0] for row in orders.raw_rows("SHOW CREATE TABLE orders"))
    assert text.startswith(f"CREATE EXTERNAL TABLE `{orders.database}.orders`(")
    assert "PARTITIONED BY" in text and "org.openx.data.jsonserde.JsonSerDe" in text
    assert "Table not found" in orders.reason("DESCRIBE nope")
    execution = orders.run("SHOW TABLES")
    location = execution["ResultConfiguration"]["OutputLocation"]
    assert location.endswith(".txt") and b"orders\n" in orders.body(location)


def test_tables_are_shown_by_pattern_and_dropped(lake):
    for name in ("apples", "apricots", "pears"):
        succeed(lake, f"CREATE EXTERNAL TABLE {name} (a int) {SERDE} LOCATION 's3://x/{name}/'")
    assert lake.raw_rows("SHOW TABLES 'ap*'") == [["apples"], ["apricots"]]
    assert lake.raw_rows(f"SHOW TABLES IN {lake.database} LIKE '*ears'") == [["pears"]]
    succeed(lake, "DROP TABLE apples")
    succeed(lake, "DROP TABLE IF EXISTS apples")
    assert "not found" in lake.reason("DROP TABLE apples")
    assert lake.raw_rows("SHOW TABLES") == [["apricots"], ["pears"]]


def test_views_are_created_replaced_queried_and_dropped(lake):
    lake.put("t/x", {"a": 1, "b": "x"}, {"a": 2, "b": "y"})
    succeed(lake, f"CREATE EXTERNAL TABLE t (a int, b string) {SERDE} "
                  f"LOCATION 's3://{lake.bucket}/t/'")
    succeed(lake, "CREATE VIEW v AS SELECT a * 10 AS tens, b FROM t WHERE a > 1")
    assert lake.rows("SELECT * FROM v") == [["20", "y"]]
    assert "already exists" in lake.reason("CREATE VIEW v AS SELECT 1 AS x")
    succeed(lake, "CREATE OR REPLACE VIEW v AS WITH w AS (SELECT b FROM t) SELECT b FROM w")
    succeed(lake, "CREATE VIEW vv AS SELECT count(*) AS n FROM v")
    both = lake.rows("SELECT vv.n, x.b FROM vv CROSS JOIN v AS x ORDER BY 2")
    assert both == [["2", "x"], ["2", "y"]]
    # In its own database, whatever the query's is.
    assert lake.rows(f"SELECT n FROM {lake.database}.vv",
                     QueryExecutionContext={"Database": "other"}) == [["2"]]
    table = lake.glue.get_table(DatabaseName=lake.database, Name="vv")["Table"]
    assert table["TableType"] == "VIRTUAL_VIEW"
    assert [c["Type"] for c in table["StorageDescriptor"]["Columns"]] == ["bigint"]
    assert lake.raw_rows("SHOW VIEWS") == [["v"], ["vv"]]
    assert lake.raw_rows("SHOW CREATE VIEW vv")[1] == ["SELECT count(*) AS n FROM v"]
    assert "nope" in lake.reason("CREATE VIEW bad AS SELECT nope FROM t")
    succeed(lake, "DROP VIEW v")
    assert lake.reason("SELECT * FROM vv").startswith("INVALID_VIEW")


def test_columns_of_views_have_names_and_whole_types(lake):
    for query, reason in (
            ("SELECT 1 AS a, 2",
             "MISSING_COLUMN_NAME: line 1:1: Column name not specified at position 2"),
            ("SELECT 1 AS a, 2 AS A",
             "DUPLICATE_COLUMN_NAME: line 1:1: Column name 'a' specified more than once"),
            ("SELECT NULL AS a",
             "COLUMN_TYPE_UNKNOWN: line 1:1: Column type is unknown at position 1")):
        assert lake.reason(f"CREATE VIEW v AS {query}") == reason
    assert lake.raw_rows("SHOW VIEWS") == []
    succeed(lake, "CREATE VIEW v AS SELECT CAST(1 AS decimal(5,2)) AS a, ARRAY[1] AS b, "
                  "MAP(ARRAY['k'], ARRAY[DATE '2026-07-03']) AS c, REAL '1' AS d, 'x' AS e, "
                  "CAST(ROW(1, 'y') AS ROW(p bigint, q varchar)) AS f")
    table = lake.glue.get_table(DatabaseName=lake.database, Name="v")["Table"]
    assert [column["Type"] for column in table["StorageDescriptor"]["Columns"]] == [
        "decimal(5,2)", "array<int>", "map<string,date>", "float", "string",
        "struct<p:bigint,q:string>"]
    text = table["ViewOriginalText"].removeprefix("/* Presto View: ").removesuffix(" */")
    assert [column["type"] for column in json.loads(base64.b64decode(text))["columns"]] == [
        "decimal(5,2)", "array(integer)", "map(varchar(1), date)", "real", "varchar(1)",
        "row(p bigint, q varchar)"]
    assert lake.rows("SELECT * FROM v") == [
        ["1.00", "[1]", "{k=2026-07-03}", "1.0", "x", "{p=1, q=y}"]]


def test_views_that_name_each_other_end(lake):
    succeed(lake, "CREATE VIEW a AS SELECT 1 AS x")
    succeed(lake, "CREATE VIEW b AS SELECT x FROM a")
    succeed(lake, "CREATE OR REPLACE VIEW a AS SELECT x FROM b")
    assert lake.reason("SELECT * FROM a").startswith("INVALID_VIEW")


@pytest.mark.parametrize("sql", [
    "CREATE EXTERNAL TABLE t (a nosuchtype) LOCATION 's3://b/t/'",
    "CREATE EXTERNAL TABLE t (a int)",
    "CREATE EXTERNAL TABLE t (a int) LOCATION '/etc/'",
    "CREATE EXTERNAL TABLE t (a int) STORED AS tarball LOCATION 's3://b/t/'",
    "CREATE EXTERNAL TABLE nodb.t (a int) LOCATION 's3://b/t/'",
    "MSCK REPAIR TABLE nope",
    "SHOW PARTITIONS nope",
    "DROP VIEW nope",
])
def test_wrong_ddl_fails(lake, sql):
    assert lake.reason(sql).startswith("FAILED: ")


def test_an_iceberg_table_is_not_external(lake):
    assert lake.reason(
        f"CREATE EXTERNAL TABLE t (a int) LOCATION 's3://{lake.bucket}/t/' TBLPROPERTIES "
        "('table_type'='ICEBERG')") == (
            "FAILED: External keyword not supported for table type ICEBERG")


def test_a_query_knows_its_session(orders):
    assert orders.rows("SELECT current_catalog, current_schema, current_user = "
                       "invoker_principal(), invoker_principal()") == [
        ["awsdatacatalog", orders.database, "true", "arn:aws:iam::000000000000:root"]]


def test_the_catalog_is_shown_by_the_api(orders):
    athena = orders.athena
    assert athena.list_data_catalogs()["DataCatalogsSummary"][0]["CatalogName"] == "AwsDataCatalog"
    assert athena.get_data_catalog(Name="AwsDataCatalog")["DataCatalog"]["Type"] == "GLUE"
    pages = athena.get_paginator("list_databases").paginate(CatalogName="AwsDataCatalog")
    assert orders.database in [row["Name"] for page in pages for row in page["DatabaseList"]]
    table = athena.get_table_metadata(CatalogName="AwsDataCatalog", DatabaseName=orders.database,
                                      TableName="orders")["TableMetadata"]
    assert table["PartitionKeys"][0] == {"Name": "partition_0", "Type": "string"}
    listed = athena.list_table_metadata(CatalogName="AwsDataCatalog",
                                        DatabaseName=orders.database)["TableMetadataList"]
    assert "orders" in [row["Name"] for row in listed]
