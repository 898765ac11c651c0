"""What SerDes read, and how: delimited text, OpenCSV, JSON, regular expressions, compressions."""

import gzip
import json
import struct
import zlib

import pytest

from athena.test_ddl import SERDE, succeed

LAZY = "ROW FORMAT DELIMITED FIELDS TERMINATED BY ','"


def table(lake, columns, words, body, key="t/x", name="t"):
    lake.s3.put_object(Bucket=lake.bucket, Key=key, Body=body)
    succeed(lake, f"CREATE EXTERNAL TABLE {name} ({columns}) {words} "
                  f"LOCATION 's3://{lake.bucket}/{key.split('/')[0]}/'")


def test_delimited_text_is_nested_escaped_and_null_where_it_does_not_fit(lake):
    table(lake, "i int, s string, b boolean, d date, l array<int>, m map<string,int>, "
                "r struct<x:int,y:array<string>>, late string",
          r"ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' ESCAPED BY '\\' COLLECTION ITEMS "
          r"TERMINATED BY '|' MAP KEYS TERMINATED BY ':'",
          "1,a\\,b,true,2026-07-03,1|2|x,k:1|l:2,7|p:q,last\n"
          "zz,\\N,maybe,never,\\N,,,\n"
          "3.9,,FALSE\n".encode())
    assert lake.rows("SELECT * FROM t") == [
        ["1", "a,b", "true", "2026-07-03", "[1, 2, null]", "{k=1, l=2}", "{x=7, y=[p, q]}",
         "last"],
        [None, None, None, None, None, "{}", "{x=null, y=null}", ""],
        ["3", "", "false", None, None, None, None, None]]


def test_columns_with_a_length_cut_their_texts_and_fill_those_of_char(lake):
    table(lake, "c char(4), v varchar(3), d char(3), k varchar(20)", LAZY,
          "ab,abcdef,äöüx,q\n,x,\\N,\n".encode())
    result = lake.result("SELECT *, typeof(c) AS x, typeof(v) AS y FROM t ORDER BY v")
    assert [[datum.get("VarCharValue") for datum in row["Data"]] for row in result["Rows"]][1:] == [
        ["ab  ", "abc", "äöü", "q", "char(4)", "varchar(3)"],
        ["    ", "x", None, "", "char(4)", "varchar(3)"]]
    assert [(c["Type"], c["Precision"]) for c in result["ResultSetMetadata"]["ColumnInfo"]][:4] == [
        ("char", 4), ("varchar", 3), ("char", 3), ("varchar", 20)]
    assert lake.rows("SELECT c || '|', length(c) FROM t WHERE c = 'ab' AND v = 'abc'") == [
        ["ab  |", "4"]]
    # Parquet, and what CREATE TABLE AS makes of char
    succeed(lake, f"CREATE TABLE p WITH (external_location = 's3://{lake.bucket}/p/') AS SELECT "
                  "c, 'abcdef' AS s FROM t WHERE v = 'abc'")
    assert [r[0].split()[:2] for r in lake.raw_rows("DESCRIBE p")] == [["c", "char(4)"],
                                                                     ["s", "string"]]
    succeed(lake, "CREATE EXTERNAL TABLE q (c char(6), s varchar(2)) STORED AS PARQUET LOCATION "
                  f"'s3://{lake.bucket}/p/'")
    assert lake.rows("SELECT s, c, \"$path\" LIKE '%/p/%' FROM q WHERE c = 'ab'") == [
        ["ab", "ab    ", "true"]]
    assert lake.rows("SELECT count(*) FROM q WHERE s = 'abcdef'") == [["0"]]


def test_headers_are_skipped_and_nulls_have_a_word(lake):
    table(lake, "a string, n int", LAZY + " NULL DEFINED AS 'NA' TBLPROPERTIES_HERE".replace(
        " TBLPROPERTIES_HERE", ""), b"a,n\nx,1\nNA,NA\n")
    succeed(lake, "ALTER TABLE t SET TBLPROPERTIES ('skip.header.line.count'='1')")
    assert lake.rows("SELECT * FROM t") == [["x", "1"], [None, None]]


def test_opencsv_has_quotes_and_no_empty_numbers(lake):
    words = ("ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde' WITH SERDEPROPERTIES "
             r"('separatorChar'=';', 'quoteChar'='\'', 'escapeChar'='\\')").replace(r"'\''", "''''")
    table(lake, "a string, n bigint, d date, ts timestamp", words,
          b"'x;y';7;20637;1783073472000\n'it\\'s';8;0;0\n")
    assert lake.rows("SELECT * FROM t") == [
        ["x;y", "7", "2026-07-03", "2026-07-03 10:11:12.000"],
        ["it's", "8", "1970-01-01", "1970-01-01 00:00:00.000"]]
    table(lake, "a string, n bigint", words, b"'';''\n", "u/x", "u")
    assert lake.rows("SELECT a FROM u") == [[""]]
    assert lake.reason("SELECT n FROM u") == (
        'HIVE_BAD_DATA: Error parsing field value \'\' for field 1: For input string: ""')


def test_texts_of_ddl_have_quotes_of_either_kind(lake):
    """And a backslash keeps a quote from ending them, as in AWS's own examples."""
    table(lake, "ip string, asked string", r"""
        ROW FORMAT SERDE "org.apache.hadoop.hive.serde2.RegexSerDe" WITH SERDEPROPERTIES (
        "input.regex" = "^([0-9.]+) \"([^\"]*)\".*", 'note'='it\'s')""",
          b'10.0.0.1 "GET /" 200\n')
    succeed(lake, r"""ALTER TABLE t SET TBLPROPERTIES ("comment" = "say \"it\"", 'a'='"')""")
    assert lake.rows("SELECT * FROM t") == [["10.0.0.1", "GET /"]]
    stored = lake.glue.get_table(DatabaseName=lake.database, Name="t")["Table"]
    assert stored["StorageDescriptor"]["SerdeInfo"]["Parameters"]["note"] == "it's"
    assert (stored["Parameters"]["comment"], stored["Parameters"]["a"]) == ('say "it"', '"')
    table(lake, "a string, b string", r"""
        ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde' WITH SERDEPROPERTIES (
        "separatorChar" = ",", "quoteChar" = "\"", "escapeChar" = "\\")""",
          b'x,"y,z"\n', "u/x", "u")
    assert lake.rows("SELECT * FROM u") == [["x", "y,z"]]
    assert lake.rows(r"SELECT '\', 'a''b'") == [["\\", "a'b"]]  # in Trino's grammar it is a text


def test_timestamps_have_formats_of_the_tables_own(lake):
    """Joda's, one after the other, "millis", and what is read without them."""
    formats = "'timestamp.formats'=\"dd/MM/yyyy HH:mm:ss,yyyy-MM-dd'T'HH:mm:ss.SSS'Z',millis\""
    shown = ["2026-07-03 10:11:12.000", "2026-07-03 10:11:12.500", "2026-07-03 10:11:12.250",
             "2026-07-03 00:00:00.000"]
    texts = ["03/07/2026 10:11:12", "2026-07-03T10:11:12.500Z", "1783073472250", "2026-07-03"]
    hive = "ROW FORMAT SERDE 'org.apache.hive.hcatalog.data.JsonSerDe'"
    for name, serde in (("hive", hive), ("openx", SERDE)):
        table(lake, "n int, ts timestamp", f"{serde} WITH SERDEPROPERTIES ({formats})",
              "".join(json.dumps({"n": n, "ts": text}) + "\n"
                      for n, text in enumerate(texts)).encode() + b'{"n":9,"ts":1783073472250}\n',
              f"{name}/x", name)
        assert lake.rows(f"SELECT ts FROM {name} ORDER BY n") == [
            *([moment] for moment in shown), ["2026-07-03 10:11:12.250"]]
    table(lake, "n int, ts timestamp", "ROW FORMAT SERDE "
          "'org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe' WITH SERDEPROPERTIES "
          f"('field.delim'='|', {formats})",
          "".join(f"{n}|{text}\n" for n, text in enumerate([*texts, "no time"])).encode(),
          "lazy/x", "lazy")
    assert lake.rows("SELECT ts FROM lazy ORDER BY n") == [*([moment] for moment in shown), [None]]
    table(lake, "ts timestamp", hive, b'{"ts":"03/07/2026 10:11:12"}\n', "none/x", "none")
    assert lake.reason("SELECT ts FROM none").startswith("HIVE_BAD_DATA")


TRAIL = "com.amazon.emr.cloudtrail.CloudTrailInputFormat"
AS_TEXT = "OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'"


def test_cloudtrails_files_have_their_records_in_a_list(lake):
    first = {"Records": [
        {"eventName": "GetObject", "userIdentity": {"type": "Root"}, "note": "a\\\"]},{",
         "requestParameters": {"bucketName": "b", "list": [1, {"x": "}"}]}},
        {"eventName": "PutObject", "requestParameters": None}]}
    second = {"digest": {"Records": [1]}, "Records": [{"eventName": "ListBuckets"}], "more": 1}
    body = gzip.compress((json.dumps(first) + "\n\n" + json.dumps({"a": ["Records"]}) + "\n"
                          + json.dumps(second, indent=None) + '\n{"Records":[]}\n').encode())
    wanted = [["GetObject", "Root", "b"], ["ListBuckets", None, None], ["PutObject", None, None]]
    for name, serde in (("own", "com.amazon.emr.hive.serde.CloudTrailSerde"),
                        ("hive", "org.apache.hive.hcatalog.data.JsonSerDe")):
        table(lake, "eventName string, userIdentity struct<type:string>, requestParameters string",
              f"ROW FORMAT SERDE '{serde}' STORED AS INPUTFORMAT '{TRAIL}' {AS_TEXT}", body,
              f"{name}/x.json.gz", name)
        assert lake.rows("SELECT eventname, useridentity.type, json_extract_scalar("
                         f"requestparameters, '$.bucketName') FROM {name} ORDER BY 1") == wanted
        assert lake.rows(f"SELECT count(*) FROM {name}") == [["3"]]
    table(lake, "eventName string", f"{SERDE} STORED AS INPUTFORMAT '{TRAIL}' {AS_TEXT}",
          b'{"Records":[{"eventName":"A"},{"eventName":\n', "cut/x", "cut")
    assert lake.reason("SELECT * FROM cut").startswith("HIVE_CURSOR_ERROR")


def test_what_cuts_objects_in_another_way_is_refused(lake):
    other = "org.apache.hadoop.mapred.SequenceFileInputFormat"
    table(lake, "a string", f"{SERDE} STORED AS INPUTFORMAT '{other}' {AS_TEXT}", b'{"a":"x"}\n')
    assert lake.reason("SELECT a FROM t") == (
        f"NOT_SUPPORTED: line 1:15: Tables of the format '{other}' are not supported")


@pytest.mark.parametrize("name, value, told", [
    ("serialization.encoding", "SJIS", "serialization.encoding 'SJIS'"),
    ("skip.footer.line.count", "1", "skip.footer.line.count")])
def test_properties_that_would_change_what_is_read_are_refused(lake, name, value, told):
    table(lake, "a string", LAZY, b"x\n")
    succeed(lake, f"ALTER TABLE t SET TBLPROPERTIES ('{name}'='{value}')")
    assert lake.reason("SELECT a FROM t") == (
        f"NOT_SUPPORTED: line 1:15: Tables with {told} are not supported")
    harmless = {"1": "0", "SJIS": "utf-8"}[value]
    succeed(lake, f"ALTER TABLE t SET TBLPROPERTIES ('{name}'='{harmless}')")
    assert lake.rows("SELECT a FROM t") == [["x"]]


def test_openx_properties(lake):
    body = b'{"Order.Id":1,"ts":"x"}\n{"order.id":2}\nno json\n'
    table(lake, "order_id int, moment string",
          SERDE + " WITH SERDEPROPERTIES ('dots.in.keys'='true', 'mapping.moment'='ts', "
                  "'ignore.malformed.json'='true')", body)
    assert lake.rows("SELECT * FROM t") == [["1", "x"], ["2", None], [None, None]]
    table(lake, "id int, `ID2` int", SERDE + " WITH SERDEPROPERTIES ('case.insensitive'='false', "
          "'mapping.id2'='ID')", b'{"id":1,"ID":2}\n', "c/x", "c")
    assert lake.rows("SELECT * FROM c") == [["1", "2"]]
    table(lake, "id int", SERDE, b'{"id":1}\n[1]\n', "bad/x", "bad")
    assert lake.reason("SELECT * FROM bad").startswith(
        "HIVE_CURSOR_ERROR: Row is not a valid JSON Object")


def test_regular_expressions_cut_lines(lake):
    words = (r"ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.RegexSerDe' WITH SERDEPROPERTIES "
             r"('input.regex'='^(\\S+) \\[(.*?)\\] (\\d+)( extra)?$')")
    table(lake, "host string, at string, n int, more string", words,
          b"h1 [now] 17\nno match\nh2 [then] 3 extra\n")
    assert lake.rows("SELECT * FROM t") == [
        ["h1", "now", "17", None], [None, None, None, None], ["h2", "then", "3", " extra"]]
    assert lake.rows("SELECT sum(n), count(*) FROM t") == [["20", "3"]]
    table(lake, "a string, b string", words.replace(r"( extra)?", ""), b"x\n", "u/x", "u")
    assert "Number of matching groups doesn't match the number of columns" in lake.reason(
        "SELECT * FROM u")


CLOUDFRONT = b"\n".join([
    b"#Version: 1.0", b"#Fields: date time x-edge-location", b"\t".join([
        b"2014-07-05", b"20:00:09", b"DFW3", b"4260", b"10.0.0.15", b"GET",
        b"eabcd12345678.cloudfront.net", b"/t.html", b"200", b"-",
        b"Mozilla/5.0%20(MacOS;%20U;%20en)%20Chrome/3.0.9"])])


def test_regular_expressions_are_javas(lake):
    """AWS's own first example, whose pattern looks ahead; classes know ASCII alone."""
    table(lake, "`Date` date, Time string, Location string, Bytes int, RequestIP string, "
          "Method string, Host string, Uri string, Status int, Referrer string, os string, "
          "Browser string, BrowserVersion string",
          r"""ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.RegexSerDe' WITH SERDEPROPERTIES (
          "input.regex" = "^(?!#)""" + r"([^ ]+)\\s+" * 10 +
          r"""[^\(]+[\(]([^\;]+).*\%20([^\/]+)[\/](.*)$")""", CLOUDFRONT)
    assert lake.rows("SELECT os, count(*) count, min(bytes) FROM t WHERE date BETWEEN date "
                     "'2014-07-05' AND date '2014-08-05' GROUP BY os") == [["MacOS", "1", "4260"]]
    assert lake.rows("SELECT browser, browserversion FROM t ORDER BY 1") == [
        ["Chrome", "3.0.9"], [None, None], [None, None]]
    words = ("ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.RegexSerDe' WITH SERDEPROPERTIES "
             r"('input.regex'='GET (\\w+)', 'input.regex.case.insensitive'='true')")
    table(lake, "a string", words, "get x\nGET é\n".encode(), "u/x", "u")
    assert lake.rows("SELECT a FROM u ORDER BY 1") == [["x"], [None]]
    table(lake, "a string", words.replace("GET (", "GET (("), b"x\n", "v/x", "v")
    assert lake.reason("SELECT a FROM v") == (
        "HIVE_CURSOR_ERROR: line 1:15: The table's input.regex is no regular expression: "
        "end pattern with unmatched parenthesis")


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out + bytes([n]))


def snap(data):
    """Snappy's raw format, all of it literal."""
    out = varint(len(data))
    for at in range(0, len(data), 60):
        part = data[at:at + 60]
        out += bytes([(len(part) - 1) << 2]) + part
    return out


def framed(data):
    out = b"\xff\x06\x00\x00sNaPpY"
    for at in range(0, len(data), 1000):
        body = b"\0\0\0\0" + snap(data[at:at + 1000])
        out += b"\0" + struct.pack("<I", len(body))[:3] + body
    return out


def hadoop(data):
    out = b""
    for at in range(0, len(data), 5000):
        block = data[at:at + 5000]
        out += struct.pack(">I", len(block))
        for inner in range(0, len(block), 2000):
            part = snap(block[inner:inner + 2000])
            out += struct.pack(">I", len(part)) + part
    return out


@pytest.mark.parametrize("name,pack", [
    ("x.gz", gzip.compress), ("x.gz", lambda b: gzip.compress(b[:5000]) + gzip.compress(b[5000:])),
    ("x.deflate", zlib.compress), ("x.snappy", framed), ("x.snappy", hadoop), ("x", bytes)])
def test_compressions_are_told_by_the_name(lake, name, pack):
    rows = [{"n": n, "pad": "y" * (n % 90)} for n in range(20000)]
    body = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    table(lake, "n bigint, pad string", SERDE, pack(body), f"t/{name}")
    assert lake.rows("SELECT count(*), sum(n), sum(length(pad)) FROM t") == [
        ["20000", str(sum(range(20000))), str(sum(n % 90 for n in range(20000)))]]


def test_all_that_is_packed_in_few_bytes_comes_out(lake):
    body = b'{"n":1}\n' * 3_000_000
    table(lake, "n int", SERDE, gzip.compress(body, 9), "t/x.gz")
    assert lake.rows("SELECT count(*) FROM t") == [["3000000"]]


def test_damaged_and_foreign_compressions_are_told(lake):
    table(lake, "n int", SERDE, gzip.compress(b'{"n":1}\n' * 99999)[:-60], "t/x.gz")
    assert lake.reason("SELECT count(*) FROM t").startswith(
        "HIVE_CURSOR_ERROR: Unexpected end of input stream")
    table(lake, "n int", SERDE, b"BZh9", "b/x.bz2", "b")
    assert "compression is not supported" in lake.reason("SELECT count(*) FROM b")


def test_hidden_and_empty_objects_and_deep_folders(lake):
    lake.put("t/a/b/c/x", {"n": 1})
    for key in ("t/_SUCCESS", "t/.hidden", "t/_temporary/x", "t/a/.x/y"):
        lake.put(key, {"n": 99})
    lake.s3.put_object(Bucket=lake.bucket, Key="t/empty", Body=b"")
    lake.s3.put_object(Bucket=lake.bucket, Key="t/folder/", Body=b"")
    table(lake, "n int", SERDE, b'{"n":2}\n')
    assert lake.rows("SELECT n FROM t ORDER BY n") == [["1"], ["2"]]
