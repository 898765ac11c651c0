"""What Trino's documentation and its engine say, and DuckDB does not: held one by one."""

XY = "(VALUES (1, 10), (NULL, 30), (3, 20), (4, NULL)) AS t(x, y)"
TWO = "(VALUES 1, 2) AS t(x)"
COUNTING = "WITH RECURSIVE t(n) AS (VALUES 1 UNION ALL SELECT n + 1 FROM t"
DEPTH = ("NOT_SUPPORTED: Recursion depth limit exceeded (10). Use 'max_recursion_depth' session "
         "property to modify the limit.")
WINTER = "TIMESTAMP '2020-03-07 12:00:00 America/New_York'" # the clocks change in the night
USING = "(VALUES ('x', 1)) AS t(b, a) {} (VALUES ('y', {})) AS u(c, a) USING (a)"
FRAME = "INVALID_WINDOW_FRAME"
ISO = "(VALUES '2020-01-02T03:04:05+05:00') AS t(x)"
PARSED = "from_iso8601_timestamp(x)"
SUMMER = "TIMESTAMP '2020-03-08 12:00:00 America/New_York'"

# query, types, rows
RELATIONS = [
    # what DISTINCT leaves is in the order of what is selected, however that is written
    ("SELECT DISTINCT a + 1 FROM (VALUES 2, 1, 2) AS t(a) ORDER BY A + 1", "integer",
     [["2"], ["3"]]),
    ("SELECT DISTINCT a AS c FROM (VALUES 1, 2, 2) AS t(a) ORDER BY a DESC", "integer",
     [["2"], ["1"]]),
    ("SELECT DISTINCT sum(a) FROM (VALUES (1, 2), (2, 3)) AS t(a, b) GROUP BY b "
     "ORDER BY sum(t.a) DESC", "bigint", [["2"], ["1"]]),
    # what max_by gives may be NULL; a NULL key counts for nothing, NaN is no maximum
    (f"SELECT max_by(x, y), min_by(x, -y), min_by(x, y) FROM {XY}", "integer integer integer",
     [[None, None, "1"]]),
    (f"SELECT max_by(x, y, 2), min_by(x, y, 5) FROM {XY}", "array array",
     [["[null, 3]", "[1, 3, null]"]]),
    ("SELECT max_by(x, y), min_by(x, y) FROM (VALUES (1, 1e0), (2, nan()), (3, 2e0)) AS t(x, y)",
     "integer integer", [["3", "1"]]),
    ("SELECT max_by(x, y), max_by(x, y) FILTER (WHERE x = 2) FROM "
     "(VALUES (1, REAL '1'), (2, NULL)) AS t(x, y)", "integer integer", [["1", None]]),
    # what is not finite is NULL
    ("SELECT corr(x, y), covar_samp(x, y), covar_pop(x, y), regr_slope(x, y), "
     "regr_intercept(x, y) FROM (VALUES (1, 2)) AS t(x, y)", "double double double double double",
     [[None, None, "0.0", None, None]]),
    ("SELECT corr(x, y) FROM (VALUES (1e0, 2e0), (2e0, 2e0)) AS t(x, y)", "double", [[None]]),
    # reduce_agg sees no NULL
    ("SELECT reduce_agg(x, 0, (a, b) -> a + b, (a, b) -> a + b), reduce_agg(x, 0, (a, b) -> a + b, "
     "(a, b) -> a + b) FILTER (WHERE x IS NULL) FROM (VALUES 1, NULL, 3) AS t(x)",
     "integer integer", [["4", None]]),
    # ORDER BY: the result's columns hide those of the relations, in expressions, too
    (f"SELECT -x AS x FROM {TWO} ORDER BY x + 0", "integer", [["-2"], ["-1"]]),
    (f"SELECT -x AS x, row_number() OVER (ORDER BY x) AS n FROM {TWO} ORDER BY n * x",
     "integer bigint", [["-2", "2"], ["-1", "1"]]),
    ("SELECT k, sum(v) AS v FROM (VALUES (1, 5), (2, 9)) AS t(k, v) GROUP BY k ORDER BY "
     "CASE WHEN v > 6 THEN 0 ELSE 1 END", "integer bigint", [["2", "9"], ["1", "5"]]),
    ("SELECT 1 AS a UNION SELECT 2 ORDER BY -a", "integer", [["2"], ["1"]]),
    # what recurs has its beginning's types, and ten steps at most
    (f"{COUNTING} WHERE n < 11) SELECT count(*), max(n) FROM t", "bigint integer", [["11", "11"]]),
    ("WITH RECURSIVE e(p, c) AS (VALUES (1, 2), (2, 3), (3, 4)), r(x, path) AS (SELECT 1, ARRAY[1] "
     "UNION ALL SELECT e.c, a.path || e.c FROM r AS a JOIN e ON e.p = a.x), s(l) AS (SELECT "
     "max(cardinality(path)) FROM r) SELECT r.*, l FROM r, s WHERE x > 2 ORDER BY x",
     "integer array bigint", [["3", "[1, 2, 3]", "4"], ["4", "[1, 2, 3, 4]", "4"]]),
    ("WITH RECURSIVE r(x) AS (SELECT 1 UNION SELECT x % 3 + 1 FROM r) SELECT * FROM r ORDER BY 1",
     "integer", [["1"], ["2"], ["3"]]),
    # the zone of a moment that is parsed is that of its text
    (f"SELECT from_iso8601_timestamp(x), parse_datetime(substr(x, 1, 10) || substr(x, 20), "
     f"'yyyy-MM-ddZZ'), CAST(from_iso8601_timestamp(x) AS timestamp(6) with time zone), "
     f"try(from_iso8601_timestamp(x)) FROM {ISO}", "timestamp_with_time_zone " * 4,
     [["2020-01-02 03:04:05.000 +05:00", "2020-01-02 00:00:00.000 +05:00",
       "2020-01-02 03:04:05.000000 +05:00", "2020-01-02 03:04:05.000 +05:00"]]),
    (f"WITH a AS (SELECT from_iso8601_timestamp(x) AS ts FROM {ISO}) SELECT date_trunc('day', ts), "
     "CAST(ts AS date), hour(ts), date_format(ts, '%H'), ts AT TIME ZONE 'UTC', ts > TIMESTAMP "
     "'2020-01-01 22:04:04 UTC', count(*), count(ts) FROM a GROUP BY ts",
     "timestamp_with_time_zone date bigint varchar timestamp_with_time_zone boolean bigint bigint",
     [["2020-01-02 00:00:00.000 +05:00", "2020-01-02", "3", "03", "2020-01-01 22:04:05.000 UTC",
       "true", "1", "1"]]),
    (f"SELECT date_trunc('hour', {PARSED}), hour(date_trunc('hour', {PARSED})) FROM {ISO} GROUP BY "
     f"date_trunc('hour', {PARSED}) ORDER BY date_trunc('hour', {PARSED})",
     "timestamp_with_time_zone bigint", [["2020-01-02 03:00:00.000 +05:00", "3"]]),
    ("SELECT CAST(x AS timestamp(3) with time zone), CAST(CAST(x AS timestamp with time zone) AS "
     "date), TRY_CAST(x AS timestamp(0) with time zone) FROM (VALUES '2020-01-01 00:00:00 +05:30', "
     "'2020-01-02 01:02:00 America/New_York', '2020-01-03 00:00:00.5Z', '2020-01-04') AS t(x) "
     "ORDER BY x", "timestamp_with_time_zone date timestamp_with_time_zone",
     [["2020-01-01 00:00:00.000 +05:30", "2020-01-01", "2020-01-01 00:00:00.000 +05:30"],
      ["2020-01-02 01:02:00.000 America/New_York", "2020-01-02",
       "2020-01-02 01:02:00.000 America/New_York"],
      ["2020-01-03 00:00:00.500 UTC", "2020-01-03", "2020-01-03 00:00:01.000 UTC"],
      ["2020-01-04 00:00:00.000 UTC", "2020-01-04", "2020-01-04 00:00:00.000 UTC"]]),
    # ... and where it would be lost, it must be UTC
    (f"SELECT max({PARSED}), coalesce(max({PARSED}), now()), array_agg({PARSED}), max_by(x, "
     f"{PARSED}), transform(array_agg(x), y -> from_iso8601_timestamp(y)) FROM (VALUES "
     "'2020-01-02T03:04:05Z', '2020-01-02T03:04:05') AS t(x) WHERE length(x) > 19",
     "timestamp_with_time_zone timestamp_with_time_zone array varchar array",
     [["2020-01-02 03:04:05.000 UTC", "2020-01-02 03:04:05.000 UTC",
       "[2020-01-02 03:04:05.000 UTC]", "2020-01-02T03:04:05Z", "[2020-01-02 03:04:05.000 UTC]"]]),
    # USING: the columns stand in front, belong to no table and have the type of both
    (f"SELECT * FROM {USING.format('JOIN', 1)}", "integer varchar varchar", [["1", "x", "y"]]),
    (f"SELECT t.*, u.* FROM {USING.format('JOIN', 1)}", "varchar varchar", [["x", "y"]]),
    (f"SELECT * FROM {USING.format('FULL JOIN', '2e0')} ORDER BY a", "double varchar varchar",
     [["1.0", "x", None], ["2.0", None, "y"]]),
    (f"SELECT *, a + 1 FROM {USING.format('RIGHT JOIN', 'BIGINT &2&'.replace('&', chr(39)))}",
     "bigint varchar varchar bigint", [["2", None, "y", "3"]]),
    (f"SELECT a, count(*) FROM {USING.format('JOIN', '1e0')} GROUP BY a ORDER BY a",
     "double bigint", [["1.0", "1"]]),
    (f"SELECT * FROM {USING.format('JOIN', 1)} JOIN (VALUES (2, 1)) AS v(d, a) USING (a)",
     "integer varchar varchar integer", [["1", "x", "y", "2"]]),
    (f"SELECT * FROM (VALUES 7) AS s(a), {USING.format('JOIN', 1)}",
     "integer integer varchar varchar", [["7", "1", "x", "y"]]),
    (f"SELECT * FROM ({USING.format('JOIN', 1)}) AS j(k, l, m)", "integer varchar varchar",
     [["1", "x", "y"]]),
    ("SELECT * FROM (SELECT 'x', 1 AS a, 5) JOIN (SELECT 'y' AS c, 1 AS A) USING (A)",
     "integer varchar integer varchar", [["1", "x", "5", "y"]]),
    ("SELECT sum(x) OVER (ORDER BY x ROWS BETWEEN y PRECEDING AND y FOLLOWING), sum(x) OVER (w "
     "RANGE y PRECEDING) FROM (VALUES (1, 0), (2, 1), (3, 0)) AS t(x, y) WINDOW w AS (ORDER BY x) "
     "ORDER BY x", "bigint bigint", [["1", "1"], ["6", "3"], ["3", "3"]]),
    ("SELECT x FROM (VALUES 1, 2) AS t(x) ORDER BY 0b1 LIMIT 0x1", "integer", [["1"]]),
    (f"SELECT lag(x, 1, 7) OVER (ORDER BY x), lead(x, 1) OVER (ORDER BY x) FROM {TWO} ORDER BY 1",
     "integer integer", [["1", None], ["7", "2"]]),
]

FAILURES = [
    (f"{COUNTING} WHERE n < 12) SELECT max(n) FROM t", DEPTH),
    (f"{COUNTING}) SELECT count(*) FROM t", DEPTH),
    ("SELECT min(x, 0) FROM (VALUES 3) AS t(x)", "INVALID_FUNCTION_ARGUMENT: second argument of "
     "max_n/min_n must be a positive integer"),
    ("SELECT max(x, 10001) FROM (VALUES 3) AS t(x)", "INVALID_FUNCTION_ARGUMENT: second argument "
     "of max_n/min_n must be less than or equal to 10000; found 10001"),
    ("SELECT max_by(x, x, 0) FROM (VALUES 3) AS t(x)", "INVALID_FUNCTION_ARGUMENT: third argument "
     "of max_by/min_by must be a positive integer"),
    ("SELECT entropy(x) FROM (VALUES -1) AS t(x)",
     "INVALID_FUNCTION_ARGUMENT: Entropy count argument must be non-negative"),
    (f"SELECT lag(x, -1) OVER (ORDER BY x) FROM {TWO}",
     "INVALID_FUNCTION_ARGUMENT: Offset must be at least 0"),
    (f"SELECT ntile(0) OVER (ORDER BY x) FROM {TWO}",
     "INVALID_FUNCTION_ARGUMENT: Buckets must be greater than 0"),
    (f"SELECT count(DISTINCT x) OVER () FROM {TWO}", "NOT_SUPPORTED: line 1:8: DISTINCT in window "
     "function parameters not yet supported: count"),
    (f"SELECT array_agg(x ORDER BY x) OVER () FROM {TWO}",
     "NOT_SUPPORTED: line 1:8: Window function with ORDER BY is not supported"),
    ("SELECT random(3, 3)",
     "INVALID_FUNCTION_ARGUMENT: start value must be less than stop value"),
    ("SELECT random(0)", "INVALID_FUNCTION_ARGUMENT: bound must be positive"),
    ("SELECT width_bucket(2.5e0, ARRAY[])",
     "INVALID_FUNCTION_ARGUMENT: Bins cannot be an empty array"),
    ("SELECT split('abc', ',', 0)", "INVALID_FUNCTION_ARGUMENT: Limit must be positive"),
    ("SELECT array_join(ARRAY[X'00'], ',')",
     "INVALID_FUNCTION_ARGUMENT: line 1:8: Input type array(varbinary) not supported"),
    # frames
    *((f"SELECT sum(x) OVER (ORDER BY x {frame}) FROM (VALUES (1, -1), (2, NULL)) AS t(x, y)",
       reason) for frame, reason in (
        ("ROWS -1 PRECEDING", f"{FRAME}: Window frame starting offset must not be negative"),
        ("ROWS -x PRECEDING", f"{FRAME}: Window frame starting offset must not be negative"),
        ("GROUPS BETWEEN CURRENT ROW AND x - 2 FOLLOWING",
         f"{FRAME}: Window frame ending offset must not be negative"),
        ("ROWS BETWEEN CURRENT ROW AND nullif(x, 1) FOLLOWING",
         f"{FRAME}: Window frame ending offset must not be null"),
        ("RANGE -1 PRECEDING",
         f"{FRAME}: Window frame offset value must not be negative or null"),
        ("RANGE y PRECEDING",
         f"{FRAME}: Window frame offset value must not be negative or null"),
        ("ROWS 1.5 PRECEDING", "TYPE_MISMATCH: line 1:37: Window frame ROWS start value type must "
         "be exact numeric type with scale 0 (actual decimal(2,1))"),
        (", y RANGE 1 PRECEDING", "INVALID_ORDER_BY: line 1:30: Window frame of type RANGE "
         "PRECEDING or FOLLOWING requires single sort item in ORDER BY (actual: 2)"),
        ("ROWS UNBOUNDED FOLLOWING",
         f"{FRAME}: line 1:32: Window frame start cannot be UNBOUNDED FOLLOWING"),
        ("ROWS 1 FOLLOWING", f"{FRAME}: line 1:32: Window frame starting from FOLLOWING cannot "
         "end with CURRENT ROW"),
        ("ROWS BETWEEN CURRENT ROW AND 1 PRECEDING", f"{FRAME}: line 1:32: Window frame starting "
         "from CURRENT ROW cannot end with PRECEDING"))),
    ("SELECT sum(x) OVER (ORDER BY 'a' RANGE 1 PRECEDING) FROM (VALUES 1) AS t(x)",
     "TYPE_MISMATCH: line 1:30: Window frame of type RANGE PRECEDING or FOLLOWING requires that "
     "sort item type be numeric, datetime or interval (actual: varchar(1))"),
    ("SELECT sum(x) OVER (RANGE 1 PRECEDING) FROM (VALUES 1) AS t(x)", "MISSING_ORDER_BY: line "
     "1:21: Window frame of type RANGE PRECEDING or FOLLOWING requires ORDER BY"),
    (f"SELECT t.a FROM {USING.format('JOIN', 1)}",
     "COLUMN_NOT_FOUND: line 1:8: Column 't.a' cannot be resolved"),
    (f"SELECT 1 FROM {USING.format('JOIN', 1)} WHERE u.a = 1",
     "COLUMN_NOT_FOUND: line 1:94: Column 'u.a' cannot be resolved"),
    (f"SELECT 1 FROM {USING.format('JOIN', 1)} JOIN (VALUES 1) AS v(a) ON t.a = v.a",
     "COLUMN_NOT_FOUND: line 1:115: Column 't.a' cannot be resolved"),
    ("SELECT t.* FROM (VALUES 1) AS t(a) JOIN (VALUES 1) AS u(a) USING (a)",
     "COLUMN_NOT_FOUND: line 1:8: SELECT * not allowed from relation that has no columns"),
    ("SELECT 1 FROM (VALUES 1) AS t(a) JOIN (VALUES 1) AS u(b) USING (b)",
     "COLUMN_NOT_FOUND: line 1:65: Column 'b' is missing from left side of join"),
    ("SELECT 1 FROM (VALUES 1) AS t(a) JOIN (VALUES 1) AS u(b) USING (a)",
     "COLUMN_NOT_FOUND: line 1:65: Column 'a' is missing from right side of join"),
    ("SELECT 1 FROM (VALUES 1) AS t(a) JOIN (VALUES 'x') AS u(a) USING (a)",
     "TYPE_MISMATCH: line 1:67: Cannot apply operator: integer = varchar(1)"),
    *((f"SELECT CAST({value} AS char(3))",
       f"TYPE_MISMATCH: line 1:8: Cannot cast {kind} to char(3)")
      for value, kind in (("12345", "integer"), ("true", "boolean"), ("JSON '\"x\"'", "json"),
                          ("1.5", "decimal(2,1)"), ("DATE '2020-01-01'", "date"))),
    *((f"SELECT DISTINCT {items} FROM (VALUES (1, 2)) AS t(a, b) ORDER BY {order}",
       "EXPRESSION_NOT_IN_DISTINCT: line 1:1: For SELECT DISTINCT, ORDER BY expressions must "
       "appear in select list")
      for items, order in (("a", "b"), ("a", "a + 1"), ("*", "b + 1"), ("a, b", "lower('x')"))),
    *((f"SELECT TIMESTAMP '2012-10-31 01:00 UTC' AT TIME ZONE INTERVAL {interval}",
       f"line 1:54: Invalid time zone offset interval: {why}")
      for interval, why in (("'90' SECOND", "interval contains seconds"),
                            ("'1' MONTH", "it is no number of minutes"),
                            ("'9223372036854775807' HOUR", "it is no number of minutes"),
                            ("'-15' HOUR", "it is beyond 14 hours"))),
    ("SELECT word_stem('x', 'xx')",
     "INVALID_FUNCTION_ARGUMENT: Unknown stemmer language: xx"),
    ("SELECT 0xFFFFFFFFFFFFFFFF_F",
     "SYNTAX_ERROR: line 1:8: Invalid numeric literal: 0xFFFFFFFFFFFFFFFF_F"),
    *((f"SELECT {digits}", "line 1:8: identifiers must not start with a digit; surround the "
       "identifier with double quotes") for digits in ("1__0", "1_", "0x", "0xG", "0b12", "1_0e5")),
]

EXPRESSIONS = [
    # days are those of the first moment's zone, hours are hours
    (f"date_diff('day', {WINTER}, {SUMMER})", "1", "bigint"),
    (f"date_diff('hour', {WINTER}, {SUMMER})", "23", "bigint"),
    (f"date_diff('day', {WINTER}, TIMESTAMP '2020-03-09 03:30:00 UTC')", "1", "bigint"),
    ("date_diff('month', TIMESTAMP '2020-01-31 23:00:00 America/New_York', "
     "TIMESTAMP '2020-03-01 03:30:00 UTC')", "0", "bigint"),
    # parts of an interval are cut towards zero
    ("day(INTERVAL '-50' HOUR)", "-2", "bigint"),
    ("hour(INTERVAL '-50' HOUR)", "-2", "bigint"),
    ("minute(INTERVAL '-90' SECOND)", "-1", "bigint"),
    ("second(INTERVAL '-90' SECOND)", "-30", "bigint"),
    ("millisecond(INTERVAL '-1.5' SECOND)", "-500", "bigint"),
    ("DATE '-0001-01-01'", "-0001-01-01", "date"),
    # as java.net.URI tells them: without escapes
    ("url_extract_path('http://h.com/p%20a/b+c?q')", "/p a/b+c", "varchar"),
    ("url_extract_query('http://h.com/p?q=1&r=%C3%A9')", "q=1&r=é", "varchar"),
    ("url_extract_fragment('http://h.com/p?q#f%21')", "f!", "varchar"),
    # whatever fails inside TRY
    ("TRY(MAP(ARRAY[1, 1], ARRAY[1, 2]))", None, "map"),
    ("TRY(MAP(ARRAY[1], ARRAY[2])[5])", None, "integer"),
    ("TRY(split('a', ''))", None, "array"),
    ("TRY(slice(ARRAY[1], 0, 1))", None, "array"),
    ("TRY(split_to_map('a=1;a=2', ';', '='))", None, "map"),
    ("TRY(fail('x'))", None, "unknown"),
    ("random(3, 4)", "3", "integer"),
    ("random(1)", "0", "integer"),
    # a row's field without a name has an empty key; moments have the digits of their type
    ("CAST(ROW(1, ROW(true, 'x')) AS JSON)", '{"":1,"":{"":true,"":"x"}}', "json"),
    ("CAST(ARRAY[CAST(ROW(1, 'a') AS ROW(field0 integer, varchar))] AS JSON)",
     '[{"field0":1,"":"a"}]', "json"),
    ("CAST(MAP(ARRAY['k'], ARRAY[ROW(1, TIMESTAMP '2020-01-01 00:00:00.5')]) AS JSON)",
     '{"k":{"":1,"":"2020-01-01 00:00:00.5"}}', "json"),
    ("CAST(ARRAY[TIMESTAMP '2020-01-01 00:00:00'] AS JSON)", '["2020-01-01 00:00:00"]', "json"),
    # array_join: items as a cast makes them texts
    ("array_join(ARRAY[TIMESTAMP '2020-01-01 00:00:00', NULL], ',', '-')",
     "2020-01-01 00:00:00,-", "varchar"),
    ("array_join(ARRAY[TIMESTAMP '2020-01-01 00:00:00 America/New_York'], ',')",
     "2020-01-01 00:00:00 America/New_York", "varchar"),
    ("array_join(ARRAY[TIME '01:02:03', TIME '01:02:04.5'], ',')", "01:02:03.0,01:02:04.5",
     "varchar"),
    ("array_join(ARRAY[JSON '1', JSON '\"a\"'], ',')", "1,a", "varchar"),
    ("array_join(ARRAY[1], NULL)", None, "varchar"),
    ("array_join(ARRAY[1], ',', NULL)", None, "varchar"),
    # trim(text, characters); without characters what Java calls blanks
    ("trim('!foo!', '!')", "foo", "varchar"),
    ("length(trim(chr(9) || ' a' || chr(10) || chr(8195)))", "1", "bigint"),
    ("length(ltrim(chr(9) || 'a '))", "2", "bigint"),
    ("length(rtrim(' a' || chr(13)))", "2", "bigint"),
    ("length(trim('a' || chr(160)))", "2", "bigint"),
    # moments apart: whole milliseconds, rounded half up
    ("TIME '09:00:00.1' - TIME '10:00:00'", "-0 00:59:59.900", "interval day to second"),
    ("TIMESTAMP '2020-01-01 00:00:00.0006' - TIMESTAMP '2020-01-01 00:00:00' = "
     "INTERVAL '0.001' SECOND", "true", "boolean"),
    ("TIMESTAMP '2020-01-01 00:00:00' - TIMESTAMP '2020-01-01 00:00:00.0005'", "0 00:00:00.000",
     "interval day to second"),
    ("TIMESTAMP '2020-01-02 01:00:00' - DATE '2020-01-01'", "1 01:00:00.000",
     "interval day to second"),
    ("DATE '2020-01-01' - TIMESTAMP '2020-01-01 00:00:00 America/New_York'", "-0 05:00:00.000",
     "interval day to second"),
    # integers in other bases, and underscores between digits
    ("0x1F", "31", "integer"),
    ("0XFFFF_FFFF", "4294967295", "bigint"),
    ("0B1_01", "5", "integer"),
    ("0o17", "15", "integer"),
    ("1_000_000", "1000000", "integer"),
    ("1_000.000_1", "1000.0001", "decimal"),
    ("-0x80000000", "-2147483648", "integer"),
    ("-0x8000000000000000", "-9223372036854775808", "bigint"),
    ("CAST(1.26 AS decimal(0x3, 0b1))", "1.3", "decimal"),
    # what is too large for a real is infinite
    ("CAST(1e39 AS real)", "Infinity", "float"),
    ("CAST(-1e39 AS real)", "-Infinity", "float"),
    ("TRY_CAST('1e39' AS real)", "Infinity", "float"),
    ("CAST(ARRAY[1e39, 1e0, NULL] AS array(real))", "[Infinity, 1.0, null]", "array"),
    # zones by their distance from UTC
    ("TIMESTAMP '2012-10-31 01:00 UTC' AT TIME ZONE INTERVAL '-8' HOUR",
     "2012-10-30 17:00:00.000 -08:00", "timestamp with time zone"),
    ("TIMESTAMP '2012-10-31 01:00 UTC' AT TIME ZONE INTERVAL -'08:30' HOUR TO MINUTE",
     "2012-10-30 16:30:00.000 -08:30", "timestamp with time zone"),
    ("TIME '01:02:03+01:00' AT TIME ZONE INTERVAL '0' DAY", "00:02:03.000+00:00",
     "time with time zone"),
    # a distance from UTC may stand behind minutes
    ("TIMESTAMP '2020-01-01 10:00 -08:30'", "2020-01-01 10:00:00.000 -08:30",
     "timestamp with time zone"),
    ("CAST('2020-01-01 10:00 +05:00' AS timestamp with time zone)",
     "2020-01-01 10:00:00.000 +05:00", "timestamp with time zone"),
    ("TRY_CAST(concat('2020-01-01 10:00', '+05:30') AS timestamp with time zone) = "
     "TIMESTAMP '2020-01-01 04:30:00 UTC'", "true", "boolean"),
    ("timezone_minute(TIMESTAMP '2020-01-01 00:00 -08:30')", "-30", "bigint"),
    # words' stems
    ("word_stem('walking')", "walk", "varchar"),
    ("word_stem('corriendo', 'es')", "corr", "varchar"),
    ("word_stem('\u0431\u0435\u0433\u0443\u0449\u0438\u0439', 'ru')",
     "\u0431\u0435\u0433\u0443\u0449", "varchar"),
    ("word_stem('', 'tr')", "", "varchar"),
    ("array_distinct(transform(split('ca da de en es eu "
     "fi fr hu hy ir it lt nl no pt ro ru sv tr', "
     "' '), x -> word_stem('a', x)))", "[a]", "array"),
]
