"""information_schema: the catalog as relations."""

ORDERS = "table_schema = '{0.database}' AND table_name = 'orders'"


def test_tables_and_views_of_a_database_with_their_types(lake):
    lake.run(f"CREATE EXTERNAL TABLE t (a int) LOCATION 's3://{lake.bucket}/t/'")
    lake.run("CREATE VIEW v AS SELECT 1 AS one, 'x' AS text")
    assert lake.rows("SELECT * FROM information_schema.tables WHERE table_schema = "
                     f"'{lake.database}' ORDER BY table_name") == [
        ["awsdatacatalog", lake.database, "t", "BASE TABLE"],
        ["awsdatacatalog", lake.database, "v", "VIEW"]]
    assert lake.rows("SELECT table_name, view_definition FROM information_schema.views WHERE "
                     f"table_schema = '{lake.database}'") == [
        ["v", "SELECT 1 AS one, 'x' AS text"]]
    assert lake.rows("SELECT column_name, data_type FROM information_schema.columns WHERE "
                     f"table_schema = '{lake.database}' AND table_name = 'v'") == [
        ["one", "integer"], ["text", "varchar"]]


def test_columns_have_trinos_types_and_say_which_are_partition_keys(orders):
    found = orders.result("SELECT * FROM information_schema.columns WHERE "
                          + ORDERS.format(orders) + " ORDER BY ordinal_position")
    assert [c["Name"] for c in found["ResultSetMetadata"]["ColumnInfo"]] == [
        "table_catalog", "table_schema", "table_name", "column_name", "ordinal_position",
        "column_default", "is_nullable", "data_type", "comment", "extra_info"]
    rows = [[d.get("VarCharValue") for d in row["Data"]] for row in found["Rows"][1:]]
    assert [(row[3], row[7]) for row in rows[:9]] == [
        ("orderid", "varchar"), ("cdc_event", "varchar"), ("product_name", "varchar"),
        ("quantity", "integer"), ("price", "double"), ("cdc_sequence", "varchar"),
        ("cdc_time", "double"), ("tags", "array(varchar)"), ("meta", "row(n integer)")]
    assert rows[9][3:] == ["partition_0", "10", None, "YES", "varchar", None, "partition key"]
    assert rows[0][:3] == ["awsdatacatalog", orders.database, "orders"]


def test_schemata_hold_each_database_and_the_schema_itself(orders):
    rows = orders.rows("SELECT * FROM awsdatacatalog.information_schema.schemata s WHERE "
                       f"s.schema_name IN ('{orders.database}', 'information_schema') ORDER BY 2")
    assert rows == sorted([["awsdatacatalog", orders.database],
                           ["awsdatacatalog", "information_schema"]])


def test_the_schema_describes_itself_and_has_no_other_tables(orders):
    assert orders.rows("SELECT table_name, count(*) FROM information_schema.columns WHERE "
                       "table_schema = 'information_schema' GROUP BY 1 ORDER BY 1") == [
        ["columns", "10"], ["schemata", "2"], ["tables", "4"], ["views", "4"]]
    assert orders.rows("SELECT * FROM information_schema.views WHERE table_name = 'none'") == []
    assert orders.reason("SELECT * FROM information_schema.none") == (
        "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.information_schema.none' does not exist")


def test_partitions_of_a_table_have_the_types_of_its_keys(lake):
    lake.run("CREATE EXTERNAL TABLE p (a int) PARTITIONED BY (n int) "
             f"LOCATION 's3://{lake.bucket}/p/'")
    lake.run("ALTER TABLE p ADD PARTITION (n = 7)")
    assert lake.rows('SELECT n + 1, typeof(n) FROM "p$partitions"') == [["8", "integer"]]


def test_columns_of_views_have_types_that_no_table_has(lake):
    lake.run("CREATE VIEW addressed AS SELECT IPADDRESS '::1' AS ip, uuid() AS u, "
             "'x' AS t")
    assert lake.rows("SELECT column_name, data_type FROM information_schema.columns "
                     "WHERE table_name = 'addressed' ORDER BY ordinal_position") == [
        ["ip", "ipaddress"], ["u", "uuid"], ["t", "varchar"]]
