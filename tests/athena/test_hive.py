"""Hive's grammar whole: clauses of CREATE EXTERNAL TABLE, ALTER, DESCRIBE, result files."""

import pytest

from athena.test_ddl import SERDE, succeed


def stored(lake, name):
    return lake.glue.get_table(DatabaseName=lake.database, Name=name)["Table"]


def test_every_clause_of_a_delimited_table_is_kept(lake):
    succeed(lake, rf"""CREATE EXTERNAL TABLE IF NOT EXISTS `{lake.database}`.`t` (
          `a` int COMMENT 'it''s a', b array<string>, c map<string,array<int>>,
          d struct<x:int,y:struct<z:decimal(10,2)>>)
        COMMENT 'about t' PARTITIONED BY (day string COMMENT 'when', n int)
        CLUSTERED BY (a) SORTED BY (a DESC, a) INTO 4 BUCKETS
        ROW FORMAT DELIMITED FIELDS TERMINATED BY '\t' ESCAPED BY '\\'
          COLLECTION ITEMS TERMINATED BY '\002' MAP KEYS TERMINATED BY '\u0003'
          LINES TERMINATED BY '\n' NULL DEFINED AS 'none'
        STORED AS TEXTFILE LOCATION 's3://{lake.bucket}/t/'
        TBLPROPERTIES ('skip.header.line.count'='1', 'has_encrypted_data'='false')""")
    table = stored(lake, "t")
    storage = table["StorageDescriptor"]
    assert [c["Type"] for c in storage["Columns"]] == [
        "int", "array<string>", "map<string,array<int>>",
        "struct<x:int,y:struct<z:decimal(10,2)>>"]
    assert storage["Columns"][0]["Comment"] == "it's a"
    assert table["PartitionKeys"] == [{"Name": "day", "Type": "string", "Comment": "when"},
                                      {"Name": "n", "Type": "int"}]
    assert (storage["NumberOfBuckets"], storage["BucketColumns"]) == (4, ["a"])
    assert [c["SortOrder"] for c in storage["SortColumns"]] == [0, 1]
    assert storage["SerdeInfo"] == {
        "SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
        "Parameters": {"serialization.format": "\t", "field.delim": "\t", "escape.delim": "\\",
                       "colelction.delim": "\x02", "mapkey.delim": "\x03", "line.delim": "\n",
                       "serialization.null.format": "none"}}
    assert table["TableType"] == "EXTERNAL_TABLE"
    parameters = table["Parameters"]
    assert parameters.pop("transient_lastDdlTime").isdigit()
    assert parameters == {"EXTERNAL": "TRUE", "comment": "about t", "skip.header.line.count": "1",
                          "has_encrypted_data": "false"}


def test_formats_bring_their_classes(lake):
    for words, serde, input_format in (
            ("STORED AS PARQUET", "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
             "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"),
            ("ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde' WITH SERDEPROPERTIES "
             "('separatorChar'=',')", "org.apache.hadoop.hive.serde2.OpenCSVSerde",
             "org.apache.hadoop.mapred.TextInputFormat"),
            ("ROW FORMAT SERDE 'x.Y' STORED AS INPUTFORMAT 'in.F' OUTPUTFORMAT 'out.F'", "x.Y",
             "in.F"),
            ("STORED AS SEQUENCEFILE", "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
             "org.apache.hadoop.mapred.SequenceFileInputFormat")):
        succeed(lake, f"CREATE EXTERNAL TABLE f (a int) {words} LOCATION 's3://{lake.bucket}/f/'")
        storage = stored(lake, "f")["StorageDescriptor"]
        assert storage["SerdeInfo"]["SerializationLibrary"] == serde
        assert storage["InputFormat"] == input_format
        succeed(lake, "DROP TABLE f")
    assert "Unrecognized file format" in lake.reason(
        f"CREATE EXTERNAL TABLE f (a int) STORED AS NOPE LOCATION 's3://{lake.bucket}/f/'")
    for columns, words in (("(a int, A string)", "Duplicate column name: a"),
                           ("(a int) PARTITIONED BY (a string)", "Column repeated in"),
                           ("(a int) CLUSTERED BY (b) INTO 2 BUCKETS", "Invalid column"),
                           ("(a number)", "is unknown")):
        assert words in lake.reason(f"CREATE EXTERNAL TABLE f {columns} {SERDE} "
                                    f"LOCATION 's3://{lake.bucket}/f/'")


def test_columns_are_changed_replaced_and_moved(lake):
    succeed(lake, f"CREATE EXTERNAL TABLE t (a int, b string) PARTITIONED BY (p string) {SERDE} "
                  f"LOCATION 's3://{lake.bucket}/t/'")

    def columns():
        return [(c["Name"], c["Type"]) for c in stored(lake, "t")["StorageDescriptor"]["Columns"]]

    done = succeed(lake, "ALTER TABLE t CHANGE COLUMN a a2 bigint COMMENT 'x' AFTER b")
    assert done["StatementType"] == "DDL"
    assert columns() == [("b", "string"), ("a2", "bigint")]
    succeed(lake, "ALTER TABLE t CHANGE b b int FIRST")
    succeed(lake, "ALTER TABLE t ADD COLUMNS (c double COMMENT 'more', d date)")
    assert columns() == [("b", "int"), ("a2", "bigint"), ("c", "double"), ("d", "date")]
    assert "Duplicate column name: c" in lake.reason("ALTER TABLE t ADD COLUMNS (c int)")
    assert "Duplicate column name: p" in lake.reason("ALTER TABLE t ADD COLUMNS (p int)")
    assert "Invalid column reference nope" in lake.reason("ALTER TABLE t CHANGE nope x int")
    succeed(lake, "ALTER TABLE t REPLACE COLUMNS (z string, b string)")
    assert columns() == [("z", "string"), ("b", "string")]
    succeed(lake, f"ALTER TABLE t SET LOCATION 's3://{lake.bucket}/other/'")
    assert stored(lake, "t")["StorageDescriptor"]["Location"] == f"s3://{lake.bucket}/other/"
    assert "no S3 location" in lake.reason("ALTER TABLE t SET LOCATION '/tmp'")


def test_partitions_are_renamed_moved_and_dropped_by_comparison(lake):
    succeed(lake, f"CREATE EXTERNAL TABLE t (a int) PARTITIONED BY (y int, m int) {SERDE} "
                  f"LOCATION 's3://{lake.bucket}/t/'")
    succeed(lake, "ALTER TABLE t ADD " + " ".join(
        f"PARTITION (y={y}, m={m})" for y in (2025, 2026) for m in (2, 10)))
    succeed(lake, "ALTER TABLE t PARTITION (y=2025, m=2) RENAME TO PARTITION (y=2025, m=3)")
    assert "already exists" in lake.reason(
        "ALTER TABLE t PARTITION (y=2025, m=3) RENAME TO PARTITION (y=2025, m=10)")
    lake.put("moved/x", {"a": 7})
    succeed(lake, f"ALTER TABLE t PARTITION (m=3, y=2025) SET LOCATION 's3://{lake.bucket}/moved/'")
    assert lake.rows("SELECT * FROM t") == [["7", "2025", "3"]]
    assert "Partition not found" in lake.reason(
        "ALTER TABLE t PARTITION (y=1, m=1) SET LOCATION 's3://b/x/'")
    succeed(lake, "ALTER TABLE t DROP PARTITION (y=2026, m >= 9), PARTITION (y < 2026, m = '3')")
    assert lake.raw_rows("SHOW PARTITIONS t") == [["y=2025/m=10"], ["y=2026/m=2"]]
    succeed(lake, "ALTER TABLE t DROP PARTITION (y=2025)")
    assert lake.raw_rows("SHOW PARTITIONS t") == [["y=2026/m=2"]]


def test_a_databases_properties_are_set(lake, fresh):
    name = fresh("props", "_")
    succeed(lake, f"CREATE DATABASE {name} COMMENT 'c' LOCATION 's3://{lake.bucket}/d/' "
                  "WITH DBPROPERTIES ('a'='1', 'b'='2')")
    succeed(lake, f"ALTER DATABASE {name} SET DBPROPERTIES ('b'='3', 'c'='4')")
    database = lake.glue.get_database(Name=name)["Database"]
    assert database["Parameters"] == {"a": "1", "b": "3", "c": "4"}
    assert database["Description"] == "c"
    assert "does not exist" in lake.reason("ALTER SCHEMA nope SET DBPROPERTIES ('a'='b')")


def test_describe_formatted_tells_the_table(lake):
    succeed(lake, f"CREATE EXTERNAL TABLE t (a int COMMENT 'num') PARTITIONED BY (p string) "
                  f"{SERDE} LOCATION 's3://{lake.bucket}/t/' TBLPROPERTIES ('k'='v')")
    succeed(lake, "ALTER TABLE t ADD PARTITION (p='x')")
    execution = succeed(lake, "DESCRIBE FORMATTED t")
    assert execution["StatementType"] == "UTILITY"
    text = lake.body(execution["ResultConfiguration"]["OutputLocation"]).decode()
    assert execution["ResultConfiguration"]["OutputLocation"].endswith(".txt")
    assert text.startswith(
        "# col_name          \tdata_type           \tcomment             \n"
        "\t \t \n"
        "a                   \tint                 \tnum                 \n"
        "\t \t \n"
        "# Partition Information\t \t \n"
        "# col_name          \tdata_type           \tcomment             \n"
        "\t \t \n"
        "p                   \tstring              \t                    \n"
        "\t \t \n"
        "# Detailed Table Information\t \t \n"
        f"Database:           \t{lake.database:<20}\t \n"
        "Owner:              \thadoop              \t \n"
        "CreateTime:         \t")
    assert "Table Type:         \tEXTERNAL_TABLE      \t \nTable Parameters:\t \t \n" in text
    assert "\tk                   \tv                   \n" in text
    assert text.endswith("Num Buckets:        \t-1                  \t \n"
                         "Bucket Columns:     \t[]                  \t \n"
                         "Sort Columns:       \t[]                  \t \n"
                         "Storage Desc Params:\t \t \n"
                         "\tserialization.format\t1                   \n")
    part = lake.raw_rows("DESCRIBE FORMATTED t PARTITION (p='x')")
    assert ["Partition Value:    \t[x]                 \t "] in part
    assert lake.raw_rows("DESCRIBE t a") == [
        ["a                   \tint                 \tnum                 "]]
    assert "Invalid column reference" in lake.reason("DESCRIBE t nope")
    extended = [row[0] for row in lake.raw_rows("DESCRIBE EXTENDED t")]
    assert extended[-1].startswith("Detailed Table Information\tTable(tableName:t, dbName:")


def test_a_view_is_described_and_shown(lake):
    succeed(lake, "CREATE VIEW v AS SELECT 1 AS a, 'x' AS b")
    assert [row[0].split() for row in lake.raw_rows("DESCRIBE VIEW v")] == [
        ["a", "int"], ["b", "string"]]
    assert lake.raw_rows("SHOW VIEWS") == [["v"]]
    assert lake.raw_rows("SHOW CREATE VIEW v")[0][0].startswith("CREATE VIEW ")


@pytest.mark.parametrize("sql", [
    "ALTER TABLE t", "ALTER TABLE t FROB", "ALTER TABLE t CHANGE a", "DESCRIBE",
    "CREATE EXTERNAL TABLE t (a int) CLUSTERED BY (a) LOCATION 's3://b/'",
    "ALTER TABLE t ADD PARTITION (p < 1)", "ALTER DATABASE d SET LOCATION 's3://b/'",
])
def test_what_the_grammar_lacks_is_refused_at_once(lake, sql):
    with pytest.raises(lake.athena.exceptions.InvalidRequestException) as caught:
        lake.start(sql)
    assert caught.value.response["AthenaErrorCode"] == "MALFORMED_QUERY"


def test_an_object_that_a_clients_key_encrypts_fails_the_query(lake):
    lake.put("rows/one", {"id": 1})
    sealed = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"k" * 32}
    lake.s3.put_object(Bucket=lake.bucket, Key="rows/two", Body=b'{"id": 2}\n', **sealed)
    lake.crawl("rows/")
    reason = lake.reason("SELECT * FROM rows")
    assert reason.startswith("HIVE_CANNOT_OPEN_SPLIT: ")
    assert (f"Error opening Hive split s3://{lake.bucket}/rows/two: The object was stored using a "
            "form of Server Side Encryption.") in reason
    lake.s3.delete_object(Bucket=lake.bucket, Key="rows/two")
    assert lake.rows("SELECT * FROM rows") == [["1"]]
