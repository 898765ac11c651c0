"""Iceberg tables whose columns and properties change; what was written before is read by id."""

import threading

import pytest


def column_names(house, name="t"):
    """What the catalog, DESCRIBE and the metadata tell, which is the same."""
    table = house.glue.get_table(DatabaseName=house.database, Name=name)["Table"]
    catalog = [(c["Name"], c["Type"]) for c in table["StorageDescriptor"]["Columns"]]
    lines = house.lines(f"DESCRIBE {name}")
    assert lines[:2] == ["# Table schema:\t\t", "# col_name\tdata_type\tcomment"]
    told = [tuple(line.split("\t")[:2]) for line in lines[2:lines.index("\t\t")]]
    assert [(n, t.replace(" ", "")) for n, t in told] == catalog
    metadata = house.metadata(name)
    [schema] = [s for s in metadata["schemas"] if s["schema-id"] == metadata["current-schema-id"]]
    assert [f["name"] for f in schema["fields"]] == [n for n, _ in catalog]
    return catalog


def filled(house, more=""):
    house.table(columns="id string, n int, x float, d decimal(5,2), s struct<a:int,b:string>",
                more=more)
    house.rows("INSERT INTO t SELECT 'a', 1, REAL '1.5', DECIMAL '2.25', "
               "CAST(ROW(1, 'p') AS ROW(a integer, b varchar))")


def test_a_table_is_described_with_its_partitions(house):
    house.table(columns="id bigint COMMENT 'its number', at timestamp, d decimal(5,2), "
                        "s struct<a:int,b:array<string>>",
                more="PARTITIONED BY (day(at), bucket(16, id), d)")
    assert house.lines("DESCRIBE t") == [
        "# Table schema:\t\t", "# col_name\tdata_type\tcomment", "id\tbigint\tits number",
        "at\ttimestamp\t", "d\tdecimal(5, 2)\t", "s\tstruct<a: int, b: array<string>>\t", "\t\t",
        "# Partition spec:\t\t", "# field_name\tfield_transform\tcolumn_name",
        "at_day\tday\tat", "id_bucket\tbucket[16]\tid", "d\tidentity\td"]


def test_columns_are_added(house):
    filled(house)
    house.rows("ALTER TABLE t ADD COLUMNS (m bigint, p array<struct<q:int>>)")
    assert column_names(house)[5:] == [("m", "bigint"), ("p", "array<struct<q:int>>")]
    assert house.rows("SELECT id, m, p FROM t") == [("a", None, None)]
    house.rows("INSERT INTO t (id, m, p) SELECT 'b', 7, ARRAY[CAST(ROW(3) AS ROW(q integer))]")
    assert house.rows("SELECT id, n, m, p FROM t ORDER BY id") == [
        ("a", "1", None, None), ("b", None, "7", "[{q=3}]")]
    metadata = house.metadata()
    assert metadata["last-column-id"] == 11
    fields = metadata["schemas"][-1]["fields"]
    assert [field["id"] for field in fields] == [1, 2, 3, 4, 5, 8, 9]
    house.rows("UPDATE t SET m = 0 WHERE m IS NULL")
    assert house.rows("SELECT id, n, m FROM t ORDER BY id") == [("a", "1", "0"), ("b", None, "7")]


def test_a_dropped_column_does_not_come_back(house):
    filled(house)
    house.rows("ALTER TABLE t DROP COLUMN n")
    house.rows("INSERT INTO t (id) VALUES ('b')")
    house.rows("ALTER TABLE t ADD COLUMNS (n int)")
    house.rows("UPDATE t SET n = 5 WHERE id = 'b'")
    assert house.rows("SELECT id, n FROM t ORDER BY id") == [("a", None), ("b", "5")]
    assert [name for name, _ in column_names(house)] == ["id", "x", "d", "s", "n"]


@pytest.mark.parametrize("sql, wanted", [
    ("CHANGE COLUMN n count bigint", [("id", "string"), ("count", "bigint")]),
    ("CHANGE n n bigint FIRST", [("n", "bigint"), ("id", "string")]),
    ("CHANGE COLUMN x y double AFTER id", [("id", "string"), ("y", "double")]),
    ("CHANGE COLUMN id key string AFTER n", [("n", "int"), ("key", "string")]),
    ("CHANGE COLUMN d d decimal(9,2) FIRST", [("d", "decimal(9,2)"), ("id", "string")]),
    ("CHANGE COLUMN s t struct<a:int,b:string> FIRST",
     [("t", "struct<a:int,b:string>"), ("id", "string")]),
])
def test_columns_are_renamed_moved_and_widened(house, sql, wanted):
    filled(house)
    before = house.rows("SELECT * FROM t")[0]
    house.rows(f"ALTER TABLE t {sql}")
    assert column_names(house)[:2] == wanted
    assert sorted(house.rows("SELECT * FROM t")[0]) == sorted(before)


def test_partitions_follow_a_renamed_column(house):
    house.table(columns="id bigint, at date", more="PARTITIONED BY (month(at), bucket(4, id))")
    house.rows("INSERT INTO t VALUES (1, DATE '2026-07-03')")
    house.rows("ALTER TABLE t CHANGE COLUMN at day date COMMENT 'of the sale'")
    house.rows("INSERT INTO t VALUES (2, DATE '2026-08-03')")
    house.rows("DELETE FROM t WHERE day < DATE '2026-08-01'")
    assert house.rows("SELECT id, day FROM t") == [("2", "2026-08-03")]
    assert house.metadata()["schemas"][-1]["fields"][1]["doc"] == "of the sale"


def test_properties_are_set_and_unset(house):
    filled(house)
    house.rows("ALTER TABLE t SET TBLPROPERTIES ('vacuum_min_snapshots_to_keep' = '3', "
               "'format' = 'parquet')")
    assert house.metadata()["properties"]["vacuum_min_snapshots_to_keep"] == "3"
    lines = house.lines("SHOW TBLPROPERTIES t('vacuum_min_snapshots_to_keep')")
    assert "3" in "\n".join(lines)
    house.rows("ALTER TABLE t UNSET TBLPROPERTIES ('vacuum_min_snapshots_to_keep', 'format')")
    assert house.metadata()["properties"] == {"write.parquet.compression-codec": "zstd"}
    assert len(house.metadata()["snapshots"]) == 1


def test_show_create_table_makes_the_table_again(house):
    house.table(columns="id bigint COMMENT 'key', at timestamp, s struct<a:int,b:array<date>>, "
                        "`select` decimal(5,2)",
                more="PARTITIONED BY (day(at), bucket(16, id), truncate(3, id))")
    house.rows("ALTER TABLE t SET TBLPROPERTIES ('vacuum_min_snapshots_to_keep' = '3')")
    house.rows("ALTER TABLE t ADD COLUMNS (more double)")
    text = "\n".join(house.lines("SHOW CREATE TABLE t"))
    assert text.startswith(
        f"CREATE TABLE {house.database}.t (\n  id bigint COMMENT 'key',\n  at timestamp,\n"
        "  s struct<a: int, b: array<date>>,\n  `select` decimal(5, 2),\n  more double)\n"
        "PARTITIONED BY (day(`at`), bucket(16, `id`), truncate(3, `id`))\n")
    house.rows(text.replace(f"{house.database}.t ", f"{house.database}.u ").replace("/t'", "/u'"))
    first, second = house.metadata("t"), house.metadata("u")
    assert second["properties"] == first["properties"]
    assert [(f["name"], f["type"]) for f in second["schemas"][-1]["fields"]][:2] == [
        (f["name"], f["type"]) for f in first["schemas"][-1]["fields"]][:2]
    assert second["partition-specs"] == first["partition-specs"]


@pytest.mark.parametrize("sql, reason", [
    ("ADD COLUMNS (n int)", "Duplicate column name: n"),
    ("ADD COLUMNS (z int, z int)", "Duplicate column name: z"),
    ("ADD COLUMNS (z smallint)", "'smallint' is not supported for Iceberg tables"),
    ("DROP COLUMN none", "Invalid column reference none"),
    ("DROP COLUMN id", "Cannot drop partition field: id"),
    ("CHANGE COLUMN none a int", "Invalid column reference none"),
    ("CHANGE COLUMN n id int", "Duplicate column name: id"),
    ("CHANGE COLUMN n n string", "Cannot change column type: n: int -> string"),
    ("CHANGE COLUMN n n smallint", "'smallint' is not supported"),
    ("CHANGE COLUMN d d decimal(9,3)", "Cannot change column type: d: decimal(5,2) -> "),
    ("CHANGE COLUMN d d decimal(4,2)", "Cannot change column type"),
    ("CHANGE COLUMN s s struct<a:bigint,b:string>", "Cannot change column type"),
    ("CHANGE COLUMN n n int AFTER none", "Invalid column reference none"),
    ("SET TBLPROPERTIES ('none' = '1')", "Unsupported table property key: none"),
    ("SET TBLPROPERTIES ('format' = 'orc')", "written as Parquet only"),
])
def test_what_cannot_be_changed(house, sql, reason):
    filled(house, "PARTITIONED BY (id)")
    before = house.metadata()
    state, why, _ = house.query(f"ALTER TABLE t {sql}")
    assert state == "FAILED" and reason in why, why
    assert house.metadata() == before


def test_changes_and_inserts_at_once(house):
    house.table(columns="id bigint")
    told = []

    def run(*statements):
        for sql in statements:
            told.append(house.query(sql)[:2])

    threads = [threading.Thread(target=run, args=[f"ALTER TABLE t ADD COLUMNS (c{n} int)"])
               for n in range(4)]
    threads.append(threading.Thread(target=run, args=["INSERT INTO t (id) VALUES (1)"] * 4))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    failed = [why for state, why in told if state != "SUCCEEDED"]
    assert all("ICEBERG_COMMIT_ERROR" in why for why in failed), failed
    assert sorted(n for n, _ in column_names(house)) == ["c0", "c1", "c2", "c3", "id"]
    assert house.rows("SELECT count(*) FROM t") == [(str(4 - len(failed)),)]


def test_columns_that_change_names_with_each_other_keep_their_values(house):
    house.table(columns="a int, b int, c string")
    house.rows("INSERT INTO t VALUES (1, 2, 'x'), (3, 4, 'y')")
    for old, new in (("a", "z"), ("b", "a"), ("z", "b")):
        house.rows(f"ALTER TABLE t CHANGE COLUMN {old} {new} int")
    assert house.rows("SELECT a, b, c FROM t ORDER BY a") == [("2", "1", "x"), ("4", "3", "y")]
    house.rows("INSERT INTO t VALUES (5, 6, 'z')")  # a=6 is the third column's neighbour
    assert house.rows("SELECT * FROM t WHERE c >= 'y' ORDER BY c") == [
        ("3", "4", "y"), ("5", "6", "z")]
    house.rows("ALTER TABLE t DROP COLUMN c")
    house.rows("ALTER TABLE t ADD COLUMNS (c string)")
    assert house.rows("SELECT count(*), count(c) FROM t") == [("3", "0")]


def test_a_table_gets_another_name(house, fresh):
    other = fresh("other", "_")
    house.glue.create_database(DatabaseInput={"Name": other})
    house.table(columns="id int, name string", more="PARTITIONED BY (bucket(4, id))")
    house.rows("INSERT INTO t VALUES (1, 'a')")
    house.rows("ALTER TABLE t CHANGE COLUMN id id bigint")
    before = house.glue.get_table(DatabaseName=house.database, Name="t")["Table"]
    house.rows("ALTER TABLE t RENAME TO u")
    assert house.tables() == ["u"]
    after = house.glue.get_table(DatabaseName=house.database, Name="u")["Table"]
    for key in ("StorageDescriptor", "Parameters", "TableType", "CreatedBy"):
        assert after[key] == before[key], key
    house.rows("INSERT INTO u VALUES (2, 'b')")
    assert house.rows("SELECT * FROM u ORDER BY id") == [("1", "a"), ("2", "b")]
    house.rows(f"ALTER TABLE {house.database}.u RENAME TO {other}.`_v`")
    assert house.tables() == []
    assert house.rows(f'SELECT count(*) FROM {other}."_v"') == [("2",)]
    house.table(columns="id int")
    assert house.rows("SELECT * FROM t") == [], "the name is free, at a folder that is not empty"


@pytest.mark.parametrize("sql, reason", [
    ("ALTER TABLE t RENAME TO u", "AlreadyExistsException(message:Table u already exists)"),
    ("ALTER TABLE t RENAME TO t", "AlreadyExistsException(message:Table t already exists)"),
    ("ALTER TABLE t RENAME TO nowhere.t", "Database does not exist: nowhere"),
    ("ALTER TABLE none RENAME TO x", "Table not found"),
    ("ALTER TABLE e RENAME TO x", "RENAME TO is for Iceberg tables only"),
])
def test_names_that_it_does_not_get(house, sql, reason):
    house.table(columns="id int")
    house.table("u", columns="id int")
    house.rows(f"CREATE EXTERNAL TABLE e (id int) LOCATION 's3://{house.bucket}/e/'")
    state, told, _ = house.query(sql)
    assert state == "FAILED" and reason in told, told
    assert house.tables() == ["e", "t", "u"]
