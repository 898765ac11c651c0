"""Whole queries of Trino: aggregates, windows, grouping, joins, sets; and those that fail."""

N = "(VALUES (1, 'a', 1.5), (2, 'b', 2.5), (3, 'a', NULL)) AS t(n, s, d)"
V = "(VALUES 3, 1, 2) AS t(x)"
COMMON = "must be the same type or coercible to a common type. Cannot find common type between "

# query, types, rows
AGGREGATES = [
    ("SELECT approx_percentile(x, w, 0.5), approx_percentile(y, w, ARRAY[0.0, 0.5, 1.0]), "
     "approx_percentile(x, 1, 0.5) FROM (VALUES (10, 5, 10e0), (20, 5, 20e0), (NULL, 1, NULL)) "
     "AS t(x, w, y)", "bigint array bigint", [["15", "[10.0, 15.0, 20.0]", "20"]]),
    ("SELECT approx_percentile(x, 1, 0.7) = approx_percentile(x, 0.7), "
     "approx_percentile(x, 1, 0.5) FILTER (WHERE x > 10) FROM UNNEST(sequence(1, 10)) AS t(x)",
     "boolean bigint", [["true", None]]),
    ("SELECT cardinality(approx_set(x)), cardinality(approx_set(y)), typeof(approx_set(x)), "
     "cardinality(CAST(CAST(approx_set(x) AS varbinary) AS hyperloglog)) FROM "
     "(VALUES (1, 'a'), (2, 'a'), (NULL, 'b')) AS t(x, y)", "bigint bigint varchar bigint",
     [["2", "2", "HyperLogLog", "2"]]),
    ("SELECT abs(cardinality(merge(h)) - 100172) < 5000 FROM (SELECT a, approx_set(a * 317 + b) "
     "AS h FROM UNNEST(sequence(0, 315)) AS t(a), UNNEST(sequence(0, 316)) AS u(b) GROUP BY a)",
     "boolean", [["true"]]),
    ("SELECT cardinality(empty_approx_set())", "bigint", [["0"]]),
    ("SELECT value_at_quantile(tdigest_agg(x), 0.5), value_at_quantile(merge(d), 1), "
     "values_at_quantiles(tdigest_agg(x), ARRAY[0e0, 0.9e0]) FROM (SELECT x, tdigest_agg(x) AS d "
     "FROM (VALUES 1, 2, NULL, 4) AS t(x) GROUP BY x)", "double double array",
     [["2.0", "4.0", "[1.0, 4.0]"]]),
    ("SELECT max(x), min(x), max(y) FROM (VALUES (1e0, nan()), (nan(), nan()), (2e0, nan())) "
     "AS t(x, y)", "double double double", [["2.0", "1.0", "NaN"]]),
    ("SELECT map_agg(k, v), multimap_agg(k, v) FROM (VALUES ('a', 1), ('b', 2), ('a', 3), "
     "(NULL, 4)) AS t(k, v)", "map map", [["{a=1, b=2}", "{a=[1, 3], b=[2]}"]]),
    ("SELECT cardinality(map_agg(x, x)), cardinality(map_agg(x % 7, x)) FROM "
     "UNNEST(sequence(1, 10000)) AS t(x)", "bigint bigint", [["10000", "7"]]),
    ("SELECT approx_percentile(x, 0.5), approx_percentile(x, 0), approx_percentile(x, 1.0), "
     "approx_percentile(x, 0.7), approx_percentile(x, ARRAY[0.25, 0.75]) FROM "
     "(VALUES 10, 20, NULL, 30, 40) AS t(x)", "bigint bigint bigint bigint array",
     [["30", "10", "40", "30", "[20, 40]"]]),
    ("SELECT approx_percentile(x, 0.7), approx_percentile(x, 0.7e0 + 0) FROM "
     "UNNEST(sequence(1, 10)) AS t(x)", "bigint bigint", [["8", "8"]]),
    ("SELECT x, approx_percentile(x, 0.5) OVER (ORDER BY x) FROM (VALUES 1e0, 2e0, 3e0) AS t(x)",
     "double double", [["1.0", "1.0"], ["2.0", "2.0"], ["3.0", "2.0"]]),
    ("SELECT listagg(x, ',' ON OVERFLOW ERROR) WITHIN GROUP (ORDER BY x) FROM "
     "(VALUES 'b', 'a') AS t(x)", "varchar", [["a,b"]]),
    ("SELECT listagg(x, ',' ON OVERFLOW TRUNCATE '...' WITH COUNT) WITHIN GROUP (ORDER BY x), "
     "listagg(DISTINCT x ON OVERFLOW TRUNCATE WITHOUT COUNT) WITHIN GROUP (ORDER BY x DESC) FROM "
     "(VALUES 'b', NULL, 'a', 'b') AS t(x)", "varchar varchar", [["a,b,b", "ba"]]),
    ("SELECT length(s), substr(s, -14) FROM (SELECT listagg(x, ',' ON OVERFLOW TRUNCATE '~' WITH "
     "COUNT) WITHIN GROUP (ORDER BY x) AS s FROM (SELECT rpad(chr(96 + n), 400000, 'x') AS x FROM "
     "UNNEST(sequence(1, 4)) AS t(n)))", "bigint varchar", [["800006", "xxxxxxxxx,~(2)"]]),
    ("SELECT length(listagg(x ON OVERFLOW TRUNCATE '' WITHOUT COUNT) WITHIN GROUP (ORDER BY x)) "
     "FROM (SELECT rpad('a', 600000, 'x') AS x FROM UNNEST(sequence(1, 4)) AS t(n))", "bigint",
     [["600000"]]),
    ("SELECT numeric_histogram(3, x), numeric_histogram(2, x), numeric_histogram(2, x, w) FROM "
     "(VALUES (1, 1), (2, 1), (10, 2), (NULL, 1)) AS t(x, w)", "map map map",
     [["{1.0=1.0, 2.0=1.0, 10.0=1.0}", "{1.5=2.0, 10.0=1.0}", "{1.5=2.0, 10.0=2.0}"]]),
    ("SELECT length(checksum(x)), checksum(x) = checksum(x) FILTER (WHERE x < 9), "
     "to_hex(checksum(y)) FROM (VALUES (1, NULL), (2, NULL)) AS t(x, y)",
     "bigint boolean varchar", [["8", "true", "0E95D70B63F36E3C"]]),
    ("SELECT count(*), grouping(a, b) FROM (VALUES (1, 2)) AS t(a, b) GROUP BY DISTINCT "
     "ROLLUP (a, b), CUBE (a) ORDER BY 2", "bigint integer",
     [["1", "0"], ["1", "1"], ["1", "3"]]),
    ("SELECT a, count(*) FROM (VALUES 1, 1) AS t(a) GROUP BY ALL a", "integer bigint",
     [["1", "2"]]),
    ("SELECT count(*) FROM (VALUES 1) AS t(a) GROUP BY DISTINCT a, GROUPING SETS ((), (a), (a, a))",
     "bigint", [["1"]]),
    ("SELECT skewness(x), skewness(y), skewness(DISTINCT x) FROM (VALUES (1, 5), (2, 5), (10, 5), "
     "(10, 5)) AS t(x, y)", "double double double",
     [["-0.020547580391606875", "NaN", "0.6745554845457653"]]),
    ("SELECT (SELECT 1 AS a, 'x'), (SELECT 1, 2 WHERE false), (1, 2) IN (SELECT 1, 2)",
     "row row boolean", [["{a=1, field1=x}", None, "true"]]),
    ("SELECT value_at_quantile(qdigest_agg(x), 0.5), values_at_quantiles(qdigest_agg(x), "
     "ARRAY[0e0, 1e0]), typeof(qdigest_agg(x)), value_at_quantile(qdigest_agg(y, 2), 0.9), "
     "value_at_quantile(qdigest_agg(y, 1, 0.01), 0) FROM (VALUES (1, 1e0), (2, 5e0), (NULL, NULL), "
     "(3, 7e0)) AS t(x, y)", "bigint array varchar double double",
     [["2", "[1, 3]", "qdigest(bigint)", "7.0", "1.0"]]),
    ("SELECT value_at_quantile(merge(d), 0.5) FROM (SELECT qdigest_agg(x) AS d FROM "
     "(VALUES 1, 2, 3) AS t(x) GROUP BY x)", "bigint", [["2"]]),
    ("SELECT x, count(*) FROM (VALUES IPADDRESS '10.0.0.10', IPADDRESS '10.0.0.9', "
     "IPADDRESS '10.0.0.9') AS t(x) GROUP BY x ORDER BY x", "ipaddress bigint",
     [["10.0.0.9", "2"], ["10.0.0.10", "1"]]),
    ("SELECT approx_most_frequent(1, x, 15) FROM (VALUES 'A', 'B', 'A') AS t(x)", "map",
     [["{A=2}"]]),
    (f"SELECT count(*), count(d), count(DISTINCT s), sum(n), sum(d) FROM {N}",
     "bigint bigint bigint bigint decimal", [["3", "2", "2", "6", "4.0"]]),
    (f"SELECT avg(n), avg(d), min(s), max(d) FROM {N}",
     "double decimal varchar decimal", [["2.0", "2.0", "a", "2.5"]]),
    ("SELECT typeof(sum(x)), typeof(avg(x)), typeof(count(x)), typeof(max(x)) FROM "
     "(VALUES 1) AS t(x)", "varchar varchar varchar varchar",
     [["bigint", "double", "bigint", "integer"]]),
    ("SELECT typeof(sum(x)), typeof(avg(x)) FROM (VALUES 1.50) AS t(x)", "varchar varchar",
     [["decimal(38,2)", "decimal(3,2)"]]),
    ("SELECT typeof(sum(x)), typeof(avg(x)) FROM (VALUES REAL '1.5') AS t(x)", "varchar varchar",
     [["real", "real"]]),
    ("SELECT avg(x) FROM (VALUES 1.0, 2.0, 2.0) AS t(x)", "decimal", [["1.7"]]),
    ("SELECT avg(x), avg(DISTINCT x), avg(x) FILTER (WHERE x > 5) FROM "
     "(VALUES 99999999999999999.99, 0.02, 0.02, NULL) AS t(x)", "decimal decimal decimal",
     [["33333333333333333.34", "50000000000000000.01", "99999999999999999.99"]]),
    ("SELECT avg(x) FROM (VALUES -0.01, -0.02) AS t(x)", "decimal", [["-0.02"]]),
    ("SELECT x, avg(x) OVER (ORDER BY x) FROM (VALUES 1.5, 1.6) AS t(x)", "decimal decimal",
     [["1.5", "1.5"], ["1.6", "1.6"]]),
    ("SELECT count(*) FROM (VALUES nan(), 1e0) AS a(x) JOIN (VALUES nan(), 1e0) AS b(x) "
     "ON a.x = b.x", "bigint", [["1"]]),
    ("SELECT DISTINCT x FROM (VALUES nan(), nan(), 1e0) AS t(x) ORDER BY x", "double",
     [["1.0"], ["NaN"]]),
    ("SELECT count(*) FROM (VALUES 1) AS t(x) WHERE x > 1", "bigint", [["0"]]),
    ("SELECT sum(x), avg(x), max(x) FROM (VALUES 1) AS t(x) WHERE x > 1",
     "bigint double integer", [[None, None, None]]),
    (f"SELECT min(n, 2), max(n, 2), max_by(s, n), min_by(s, n), max_by(s, n, 2) FROM {N}",
     "array array varchar varchar array", [["[1, 2]", "[3, 2]", "a", "a", "[a, b]"]]),
    ("SELECT arbitrary(x), any_value(x) FROM (VALUES 7) AS t(x)", "integer integer", [["7", "7"]]),
    ("SELECT bool_and(x), bool_or(x), every(x), count_if(x) FROM (VALUES true, false) AS t(x)",
     "boolean boolean boolean bigint", [["false", "true", "false", "1"]]),
    (f"SELECT array_agg(s ORDER BY n DESC), array_agg(DISTINCT s ORDER BY s) FROM {N}",
     "array array", [["[a, b, a]", "[a, b]"]]),
    (f"SELECT array_agg(d ORDER BY n), array_agg(n) FILTER (WHERE n > 1) FROM {N} WHERE n <> 2",
     "array array", [["[1.5, null]", "[3]"]]),
    (f"SELECT listagg(s, ',') WITHIN GROUP (ORDER BY n) FROM {N}", "varchar", [["a,b,a"]]),
    (f"SELECT sum(n) FILTER (WHERE s = 'a'), count(*) FILTER (WHERE s = 'z') FROM {N}",
     "bigint bigint", [["4", "0"]]),
    (f"SELECT approx_distinct(s), approx_percentile(n, 0.5e0) FROM {N}", "bigint bigint",
     [["2", "2"]]),
    (f"SELECT approx_percentile(n, ARRAY[0e0, 1e0]) FROM {N}", "array", [["[1, 3]"]]),
    ("SELECT stddev(x), stddev_pop(x), variance(x), var_pop(x) FROM (VALUES 2, 4) AS t(x)",
     "double double double double", [["1.4142135623730951", "1.0", "2.0", "1.0"]]),
    ("SELECT corr(y, x), covar_pop(y, x), covar_samp(y, x), regr_slope(y, x), "
     "regr_intercept(y, x) FROM (VALUES (1e0, 3e0), (2e0, 5e0)) AS t(x, y)",
     "double double double double double", [["1.0", "0.5", "1.0", "2.0", "1.0"]]),
    ("SELECT geometric_mean(x) FROM (VALUES 4, 1) AS t(x)", "double", [["2.0"]]),
    ("SELECT bitwise_and_agg(x), bitwise_or_agg(x), bitwise_xor_agg(x) FROM "
     "(VALUES 6, 3) AS t(x)", "bigint bigint bigint", [["2", "7", "5"]]),
    ("SELECT histogram(x) FROM (VALUES 'a', 'a') AS t(x)", "map", [["{a=2}"]]),
    (f"SELECT map_agg(n, s) FROM {N} WHERE n < 2", "map", [["{1=a}"]]),
    (f"SELECT multimap_agg(s, n) FROM {N} WHERE s = 'b'", "map", [["{b=[2]}"]]),
    ("SELECT map_union(m) FROM (VALUES MAP(ARRAY['a'], ARRAY[1])) AS t(m)", "map", [["{a=1}"]]),
    ("SELECT entropy(x), kurtosis(x) IS NULL, skewness(x) FROM (VALUES 1, 1) AS t(x)",
     "double boolean double", [["1.0", "true", None]]),
    ("SELECT reduce_agg(x, 0, (a, b) -> a + b, (a, b) -> a + b) FROM (VALUES 1, 2, 3) AS t(x)",
     "integer", [["6"]]),
    ("SELECT set_agg(x), cardinality(set_union(a)) FROM (VALUES (1, ARRAY[1, 2])) AS t(x, a)",
     "array bigint", [["[1]", "2"]]),
    (f"SELECT s, sum(n) AS total FROM {N} GROUP BY s HAVING sum(n) > 2 ORDER BY total DESC",
     "varchar bigint", [["a", "4"]]),
    (f"SELECT s, count(*) FROM {N} GROUP BY 1 ORDER BY 2 DESC, 1", "varchar bigint",
     [["a", "2"], ["b", "1"]]),
    (f"SELECT upper(s), count(*) FROM {N} GROUP BY upper(s) ORDER BY 1", "varchar bigint",
     [["A", "2"], ["B", "1"]]),
    (f"SELECT s, n > 1, count(*) FROM {N} GROUP BY GROUPING SETS ((s), (n > 1), ()) "
     "ORDER BY 1 NULLS LAST, 2 NULLS LAST", "varchar boolean bigint",
     [["a", None, "2"], ["b", None, "1"], [None, "false", "1"], [None, "true", "2"],
      [None, None, "3"]]),
    (f"SELECT s, sum(n), grouping(s) FROM {N} GROUP BY ROLLUP (s) ORDER BY 3, 1",
     "varchar bigint integer", [["a", "4", "0"], ["b", "2", "0"], [None, "6", "1"]]),
    (f"SELECT s, n, count(*), grouping(s, n) FROM {N} WHERE n = 1 GROUP BY CUBE (s, n) "
     "ORDER BY 4", "varchar integer bigint integer",
     [["a", "1", "1", "0"], ["a", None, "1", "1"], [None, "1", "1", "2"],
      [None, None, "1", "3"]]),
    (f"SELECT DISTINCT s FROM {N} ORDER BY s", "varchar", [["a"], ["b"]]),
    ("SELECT sum(BIGINT '9223372036854775806') FROM (VALUES 1) AS t(x)", "bigint",
     [["9223372036854775806"]]),
]

WINDOWS = [
    (f"SELECT n, sum(n) OVER (w ROWS CURRENT ROW), sum(n) OVER w, sum(n) OVER (p ORDER BY n) FROM "
     f"{N} WINDOW w AS (ORDER BY n), p AS (PARTITION BY s) ORDER BY n",
     "integer bigint bigint bigint",
     [["1", "1", "1", "1"], ["2", "2", "3", "2"], ["3", "3", "6", "4"]]),
    (f"SELECT x, row_number() OVER (ORDER BY x), rank() OVER (ORDER BY x) FROM {V} ORDER BY x",
     "integer bigint bigint", [["1", "1", "1"], ["2", "2", "2"], ["3", "3", "3"]]),
    ("SELECT x, rank() OVER w, dense_rank() OVER w, percent_rank() OVER w, cume_dist() OVER w "
     "FROM (VALUES 1, 1, 2) AS t(x) WINDOW w AS (ORDER BY x) ORDER BY x",
     "integer bigint bigint double double",
     [["1", "1", "1", "0.0", "0.6666666666666666"], ["1", "1", "1", "0.0", "0.6666666666666666"],
      ["2", "3", "2", "1.0", "1.0"]]),
    (f"SELECT x, ntile(2) OVER (ORDER BY x) FROM {V} ORDER BY x", "integer bigint",
     [["1", "1"], ["2", "1"], ["3", "2"]]),
    (f"SELECT x, lag(x) OVER (ORDER BY x), lead(x, 1, 0) OVER (ORDER BY x) FROM {V} ORDER BY x",
     "integer integer integer", [["1", None, "2"], ["2", "1", "3"], ["3", "2", "0"]]),
    (f"SELECT x, first_value(x) OVER (ORDER BY x), last_value(x) OVER (ORDER BY x ROWS BETWEEN "
     f"UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING), nth_value(x, 2) OVER (ORDER BY x ROWS "
     f"BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM {V} ORDER BY x",
     "integer integer integer integer",
     [["1", "1", "3", "2"], ["2", "1", "3", "2"], ["3", "1", "3", "2"]]),
    (f"SELECT x, sum(x) OVER (ORDER BY x ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM {V} "
     "ORDER BY x", "integer bigint", [["1", "1"], ["2", "3"], ["3", "5"]]),
    (f"SELECT x, sum(x) OVER (ORDER BY x RANGE BETWEEN CURRENT ROW AND 1 FOLLOWING) FROM {V} "
     "ORDER BY x", "integer bigint", [["1", "3"], ["2", "5"], ["3", "3"]]),
    (f"SELECT x, count(*) OVER (ORDER BY x GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM {V} "
     "ORDER BY x", "integer bigint", [["1", "2"], ["2", "3"], ["3", "2"]]),
    (f"SELECT n, sum(n) OVER (PARTITION BY s ORDER BY n) FROM {N} ORDER BY n", "integer bigint",
     [["1", "1"], ["2", "2"], ["3", "4"]]),
    ("SELECT x, lag(y) IGNORE NULLS OVER (ORDER BY x) FROM (VALUES (1, 'a'), (2, NULL), "
     "(3, 'c')) AS t(x, y) ORDER BY x", "integer varchar", [["1", None], ["2", "a"], ["3", "a"]]),
    (f"SELECT avg(x) OVER (), max(x) OVER () FROM {V} LIMIT 1", "double integer", [["2.0", "3"]]),
    (f"SELECT s, rank() OVER (ORDER BY sum(n) DESC) FROM {N} GROUP BY s ORDER BY s",
     "varchar bigint", [["a", "1"], ["b", "2"]]),
    (f"SELECT x FROM (SELECT x, row_number() OVER (ORDER BY x DESC) AS rn FROM {V}) WHERE rn = 1",
     "integer", [["3"]]),
    (f"SELECT array_agg(x) OVER (ORDER BY x) FROM {V} ORDER BY 1", "array",
     [["[1]"], ["[1, 2]"], ["[1, 2, 3]"]]),
]

Z = ("(VALUES (1, 'Europe/Berlin'), (2, '+05:30'), (3, NULL)) AS z(id, z) CROSS JOIN "
     "(VALUES TIMESTAMP '2026-07-03 22:30:00 UTC') AS t(t)")

# three moments of zones of their own, of which two are one instant
M = ("(SELECT from_iso8601_timestamp(s) AS x, k FROM (VALUES ('2020-01-01T00:00:00+02:00', 1), "
     "('2019-12-31T22:00:00Z', 2), ('2020-01-01T12:00:00-05:00', 3), (NULL, 4)) AS t(s, k))")
LATE, EARLY = "2020-01-01 12:00:00.000 -05:00", "2020-01-01 00:00:00.000 +02:00"
TZ = "timestamp_with_time_zone"

ZONES = [
    ("SELECT at_timezone(TIMESTAMP '2020-01-01 10:00 UTC', z) FROM (VALUES '+5', 'Z') AS t(z)",
     "timestamp_with_time_zone",
     [["2020-01-01 15:00:00.000 +05:00"], ["2020-01-01 10:00:00.000 UTC"]]),
    ("SELECT CAST(x AS timestamp with time zone) FROM (VALUES '2020-01-01 UTC', "
     "'2020-01-01 10:00 +5', '2020-01-01 10:00:00 Z') AS t(x)", "timestamp_with_time_zone",
     [["2020-01-01 00:00:00.000 UTC"], ["2020-01-01 10:00:00.000 +05:00"],
      ["2020-01-01 10:00:00.000 UTC"]]),
    ("SELECT x, count(*) FROM (VALUES TIME '10:00 +02:00', TIME '09:00 +02:00', TIME "
     "'10:00 +02:00') AS t(x) GROUP BY x ORDER BY x", "time_with_time_zone bigint",
     [["09:00:00.000+02:00", "1"], ["10:00:00.000+02:00", "2"]]),
    ("SELECT count(DISTINCT x), count_if(x = TIME '08:00') FROM (VALUES TIME '10:00 +02:00', "
     "TIME '09:00 +01:00') AS t(x)", "bigint bigint", [["1", "2"]]),
    ("SELECT typeof(current_time), hour(current_time) = hour(current_timestamp)",
     "varchar boolean", [["time(3) with time zone", "true"]]),
    (f"SELECT max(x), min(x) FILTER (WHERE k = 1), min_by(x, k), max_by(x, k), hour(max(x)), "
     f"CAST(max(x) AS varchar) FROM {M}", f"{TZ} {TZ} {TZ} {TZ} bigint varchar",
     [[LATE, EARLY, EARLY, None, "12", "2020-01-01 12:00:00.000 -05:00"]]),
    (f"SELECT arbitrary(x), any_value(x), try(max(x)) FROM {M} WHERE k = 3", f"{TZ} {TZ} {TZ}",
     [[LATE, LATE, LATE]]),
    (f"SELECT coalesce(x, TIMESTAMP '2020-02-02 00:00:00 Asia/Tokyo'), if(k = 1, x), CASE WHEN "
     f"k = 1 THEN NULL ELSE x END, nullif(x, x), greatest(x, TIMESTAMP '2020-01-01 10:00:00 UTC'), "
     f"least(x, current_timestamp) FROM {M} WHERE k <> 2 ORDER BY k", " ".join([TZ] * 6),
     [[EARLY, EARLY, None, None, "2020-01-01 10:00:00.000 UTC", EARLY],
      [LATE, None, LATE, None, LATE, LATE],
      ["2020-02-02 00:00:00.000 Asia/Tokyo", None, None, None, None, None]]),
    (f"SELECT lag(x) OVER (ORDER BY k), lead(x, 2, DATE '2020-01-02') OVER (ORDER BY k), "
     f"first_value(x) OVER (ORDER BY k), last_value(x) IGNORE NULLS OVER (ORDER BY k), "
     f"nth_value(x, 3) OVER (ORDER BY k), max(x) OVER (ORDER BY k) FROM {M} WHERE k <> 2 "
     "ORDER BY k", " ".join([TZ] * 6),
     [[None, None, EARLY, EARLY, None, EARLY],
      [EARLY, "2020-01-02 00:00:00.000 UTC", EARLY, LATE, None, LATE],
      [LATE, "2020-01-02 00:00:00.000 UTC", EARLY, LATE, None, LATE]]),
    # one instant is one group, whatever the zones
    (f"SELECT x = TIMESTAMP '2019-12-31 22:00:00 UTC', count(*), max(k) FROM {M} GROUP BY x "
     "ORDER BY x", "boolean bigint integer",
     [["true", "2", "2"], ["false", "1", "3"], [None, "1", "4"]]),
    (f"SELECT x, hour(x), CAST(x AS varchar), count(*) FROM {M} WHERE k > 2 GROUP BY 1 ORDER BY x",
     f"{TZ} bigint varchar bigint",
     [[LATE, "12", "2020-01-01 12:00:00.000 -05:00", "1"], [None, None, None, "1"]]),
    (f"SELECT hour(x), date(x), count(*) FROM {M} GROUP BY 1, date(x) HAVING hour(x) > 0 "
     "ORDER BY hour(x)", "bigint date bigint",
     [["12", "2020-01-01", "1"], ["22", "2019-12-31", "1"]]),
    # the same column under its names
    (f"SELECT hour(x), hour(t.x), HOUR(\"X\"), count(*) FROM {M} AS t GROUP BY hour(t.x) HAVING "
     "hour(x) > 0 ORDER BY hour(\"t\".x)", "bigint bigint bigint bigint",
     [["12", "12", "12", "1"], ["22", "22", "22", "1"]]),
    (f"SELECT hour(t.x) FROM {M} AS t, (VALUES 1) AS u(y) GROUP BY GROUPING SETS ((hour(x), y)) "
     "ORDER BY 1", "bigint", [["0"], ["12"], ["22"], [None]]),
    (f"SELECT * FROM {M} AS t WHERE k = 3 GROUP BY t.x, k", f"{TZ} integer", [[LATE, "3"]]),
    (f"SELECT t.*, count(*) FROM (SELECT x FROM {M} WHERE k = 3) AS t GROUP BY x",
     f"{TZ} bigint", [[LATE, "1"]]),
    (f"SELECT grouping(x), x IS NULL, count(*) FROM {M} GROUP BY ROLLUP (x) ORDER BY 1, x",
     "integer boolean bigint",
     [["0", "false", "2"], ["0", "false", "1"], ["0", "true", "1"], ["1", "true", "4"]]),
    (f"SELECT count(*) FROM (SELECT DISTINCT x FROM {M})", "bigint", [["3"]]),
    (f"SELECT count(*) FROM (SELECT DISTINCT * FROM {M})", "bigint", [["4"]]),
    (f"SELECT count(*) FROM (SELECT x FROM {M} UNION SELECT NULL UNION SELECT TIMESTAMP "
     "'2020-01-01 07:00:00 Asia/Tokyo')", "bigint", [["3"]]),
    (f"SELECT x, k FROM {M} WHERE k = 3 UNION ALL SELECT TIMESTAMP '2020-01-01 07:00:00 Asia/Tokyo'"
     ", 5 ORDER BY x", f"{TZ} integer", [["2020-01-01 07:00:00.000 Asia/Tokyo", "5"], [LATE, "3"]]),
    (f"SELECT count(x) FROM (SELECT x FROM {M} WHERE k = 1 INTERSECT SELECT x FROM {M} WHERE "
     "k = 2)", "bigint", [["1"]]),
    (f"SELECT x FROM {M} EXCEPT SELECT x FROM {M} WHERE k IN (2, 4)", TZ, [[LATE]]),
    (f"SELECT k FROM {M} WHERE x IN (SELECT x FROM {M} WHERE k = 2) ORDER BY k", "integer",
     [["1"], ["2"]]),
    (f"SELECT count(*) FROM (SELECT x FROM {M} ORDER BY x FETCH FIRST 1 ROW WITH TIES)", "bigint",
     [["2"]]),
    ("SELECT x FROM (VALUES TIMESTAMP '2020-01-01 00:00:00 UTC', NULL, TIMESTAMP '2020-01-01 "
     "00:00:00 Asia/Tokyo') AS t(x) ORDER BY x", TZ,
     [["2020-01-01 00:00:00.000 Asia/Tokyo"], ["2020-01-01 00:00:00.000 UTC"], [None]]),
    (f"SELECT hour(t AT TIME ZONE z), CAST(t AT TIME ZONE z AS timestamp), CAST(t AT TIME ZONE z "
     f"AS varchar), format_datetime(t AT TIME ZONE z, 'HH:mm Z') FROM {Z} ORDER BY id",
     "bigint timestamp varchar varchar",
     [["0", "2026-07-04 00:30:00.000", "2026-07-04 00:30:00 Europe/Berlin", "00:30 +0200"],
      ["4", "2026-07-04 04:00:00.000", "2026-07-04 04:00:00 +05:30", "04:00 +0530"],
      [None, None, None, None]]),
    (f"SELECT t AT TIME ZONE z AS x, date_trunc('day', at_timezone(t, z)), t AT TIME ZONE z + "
     f"INTERVAL '1' HOUR FROM {Z} ORDER BY id",
     " ".join(["timestamp_with_time_zone"] * 3),
     [["2026-07-04 00:30:00.000 Europe/Berlin", "2026-07-04 00:00:00.000 Europe/Berlin",
       "2026-07-04 01:30:00.000 Europe/Berlin"],
      ["2026-07-04 04:00:00.000 +05:30", "2026-07-04 00:00:00.000 +05:30",
       "2026-07-04 05:00:00.000 +05:30"], [None, None, None]]),
    (f"SELECT x, timezone_hour(x), x = TIMESTAMP '2026-07-03 22:30:00 UTC' FROM (SELECT id, t AT "
     f"TIME ZONE z AS x FROM {Z} WHERE z IS NOT NULL UNION ALL SELECT id, t AT TIME ZONE z FROM "
     f"{Z} WHERE id = 9) ORDER BY 2", "timestamp_with_time_zone bigint boolean",
     [["2026-07-04 00:30:00.000 Europe/Berlin", "2", "true"],
      ["2026-07-04 04:00:00.000 +05:30", "5", "true"]]),
    (f"SELECT date_trunc('day', t AT TIME ZONE z), count(*) FROM {Z} WHERE id < 3 GROUP BY "
     "date_trunc('day', t AT TIME ZONE z) ORDER BY 1", "timestamp_with_time_zone bigint",
     [["2026-07-04 00:00:00.000 +05:30", "1"], ["2026-07-04 00:00:00.000 Europe/Berlin", "1"]]),
    ("SELECT with_timezone(TIMESTAMP '2026-01-01 00:00:00', z), from_unixtime(0, z) FROM "
     "(VALUES 'America/New_York') AS t(z)", " ".join(["timestamp_with_time_zone"] * 2),
     [["2026-01-01 00:00:00.000 America/New_York", "1969-12-31 19:00:00.000 America/New_York"]]),
    ("SELECT date_trunc('day', TIMESTAMP '2026-07-03 23:30:00 +02:00')",
     "timestamp_with_time_zone", [["2026-07-03 00:00:00.000 +02:00"]]),
    ("SELECT x FROM (VALUES (TIMESTAMP '2026-01-01 00:00:00 UTC', 'Asia/Tokyo')) AS t(m, z), "
     "LATERAL (VALUES m AT TIME ZONE z) AS u(x) ORDER BY x", "timestamp_with_time_zone",
     [["2026-01-01 09:00:00.000 Asia/Tokyo"]]),
]

JSON_TABLES = [
    ("SELECT * FROM json_table('[{\"id\": 1, \"name\": \"Africa\"}, {\"id\": 2}]', 'strict $[*]' "
     "COLUMNS (n FOR ORDINALITY, id integer, name varchar PATH 'lax $.name' DEFAULT '-' ON EMPTY))",
     "bigint integer varchar", [["1", "1", "Africa"], ["2", "2", "-"]]),
    ("SELECT continent, country, population FROM json_table('[{\"continent\": \"Asia\", "
     "\"countries\": [{\"name\": \"Japan\", \"population\": 125.7}, {\"name\": \"Thailand\", "
     "\"population\": 71.6}]}, {\"continent\": \"Europe\", \"countries\": []}]', 'lax $' COLUMNS ("
     "NESTED PATH 'lax $[*]' COLUMNS (continent varchar PATH 'lax $.continent', "
     "NESTED PATH 'lax $.countries[*]' COLUMNS (country varchar PATH 'lax $.name', "
     "population double PATH 'lax $.population'))))", "varchar varchar double",
     [["Asia", "Japan", "125.7"], ["Asia", "Thailand", "71.6"], ["Europe", None, None]]),
    ("SELECT * FROM json_table('{\"a\": [1, 2], \"b\": [\"x\"]}', 'lax $' COLUMNS ("
     "NESTED 'lax $.a[*]' COLUMNS (a bigint PATH 'lax $', i FOR ORDINALITY), "
     "NESTED PATH 'lax $.b[*]' AS \"b\" COLUMNS (b varchar PATH 'lax $')))",
     "bigint bigint varchar", [["1", "1", None], ["2", "2", None], [None, None, "x"]]),
    ("SELECT * FROM json_table('{\"a\": [1, 2], \"b\": [\"x\"]}', 'lax $' COLUMNS ("
     "NESTED 'lax $.a[*]' COLUMNS (a bigint PATH 'lax $'), "
     "NESTED PATH 'lax $.b[*]' COLUMNS (b varchar PATH 'lax $')) PLAN DEFAULT (CROSS, INNER))",
     "bigint varchar", [["1", "x"], ["2", "x"]]),
    ("SELECT t.id, j.v, j.q FROM (VALUES (1, '{\"v\": [7, 8]}'), (2, 'no json'), (3, NULL)) AS "
     "t(id, j) CROSS JOIN json_table(t.j, 'lax $.v[*]?(@ > $MIN)' PASSING 7 AS min COLUMNS ("
     "v tinyint PATH 'lax $', q varchar FORMAT JSON PATH 'lax $' WITH ARRAY WRAPPER)) AS j",
     "integer tinyint varchar", [["1", "8", "[8]"]]),
    ("SELECT t.id, v FROM (VALUES (1, '[5]'), (2, '[]')) AS t(id, j) LEFT JOIN json_table(j, "
     "'lax $[*]' COLUMNS (x bigint PATH 'lax $')) AS u(v) ON true ORDER BY 1", "integer bigint",
     [["1", "5"], ["2", None]]),
    ("SELECT a, b FROM json_table('[]', 'lax $' AS \"root_path\" COLUMNS (a varchar(1) PATH "
     "'lax \"A\"', NESTED PATH 'lax $[*]' AS \"nested_path\" COLUMNS (b varchar(1) PATH "
     "'lax \"B\"')))", "varchar varchar", [["A", None]]),
]

RELATIONS = [
    # what becomes char(n) has n characters
    ("SELECT x FROM (SELECT CAST('ab' AS char(4)) AS x UNION SELECT 'ab' UNION ALL SELECT NULL) "
     "ORDER BY 1", "char", [["ab  "], [None]]),
    ("SELECT x, y FROM (SELECT 1 AS y, 'ab' AS x UNION SELECT 1, CAST('ab' AS char(4)))",
     "char integer", [["ab  ", "1"]]),
    ("SELECT 'ab' INTERSECT SELECT CAST('ab' AS char(4))", "char", [["ab  "]]),
    ("SELECT 'ab' EXCEPT SELECT CAST('ab' AS char(4))", "char", []),
    ("SELECT CASE WHEN true THEN 'a' ELSE CAST('ab' AS char(4)) END, coalesce(NULL, 'a', CAST('ab' "
     "AS char(4))), greatest(CAST('a' AS char(3)), CAST('b' AS char(2))), IF(false, CAST('x' AS "
     "char(3)), 'y'), ARRAY['a', CAST('b' AS char(3))]", "char char char char array",
     [["a   ", "a   ", "b  ", "y  ", "[a  , b  ]"]]),
    ("SELECT x || '|' FROM (VALUES CAST('a' AS char(3)), 'b', NULL) AS t(x) ORDER BY 1", "varchar",
     [["a  |"], ["b  |"], [None]]),
    ("SELECT lag(CAST('a' AS char(3)), 1, 'z') OVER () || '|'", "varchar", [["z  |"]]),
    # AWS: cast a char to varchar first to have substr of a length
    ("SELECT substr(x, 2, 2), substr(x, 3), substr(CAST(x AS varchar), 2, 2), trim(x) || '|', "
     "rtrim(x) = ' bcd' FROM (VALUES CAST(' bcd' AS char(5))) AS t(x)",
     "char char varchar varchar boolean", [["bc   ", "cd   ", "bc", "bcd  |", "true"]]),
    ("SELECT x IN (SELECT y FROM (VALUES 'a') AS b(y)), x = ANY (VALUES 'a', NULL), x <> ALL "
     "(VALUES 'a'), x IS DISTINCT FROM 'a', MAP(ARRAY[x], ARRAY[1])['a'] FROM (VALUES CAST('a' AS "
     "char(3))) AS a(x)", "boolean boolean boolean boolean integer",
     [["true", "true", "false", "false", "1"]]),
    ("SELECT x NOT IN (SELECT y FROM (VALUES CAST('b' AS char(3))) AS b(y) WHERE y <> x) FROM "
     "(VALUES 'a') AS a(x)", "boolean", [["true"]]),
    ("SELECT count(*) FROM (VALUES CAST('a' AS char(3))) AS a(x) JOIN (VALUES CAST('a' AS "
     "char(3))) AS b(x) USING (x)", "bigint", [["1"]]),
    ("SELECT JSON '1' = JSON '2', MAP(ARRAY[1], ARRAY[2]) <> MAP(ARRAY[1], ARRAY[3]), max_by(x, "
     "1), count(DISTINCT x) FROM (VALUES MAP(ARRAY[1], ARRAY[2])) AS t(x)",
     "boolean boolean map bigint", [["false", "true", "{1=2}", "1"]]),
    # nothing to aggregate
    *((f"SELECT count_if(x > 0), approx_percentile(x, ARRAY[0.5]), map_agg(x, 1), multimap_agg(x, "
       f"1), geometric_mean(x), cardinality(set_union(ARRAY[x])) FROM {relation}",
       "bigint array map map double bigint", [["0", None, None, None, None, members]])
      for relation, members in (("(SELECT 1 WHERE false) AS t(x)", None),
                                ("(VALUES CAST(NULL AS integer)) AS t(x)", "1"))),
    ("SELECT count_if(x > 0) FILTER (WHERE x > 9), geometric_mean(x) FILTER (WHERE x < 3), "
     "geometric_mean(DISTINCT x) FROM (VALUES 1, 2, 2, NULL) AS t(x)", "bigint double double",
     [["0", "1.5874010519681994", "1.414213562373095"]]),
    ("SELECT geometric_mean(x) OVER (ORDER BY x) FROM (VALUES 1, 4) AS t(x)", "double",
     [["1.0"], ["2.0"]]),
    # units of the rows
    ("SELECT date_trunc(u, t), date_add(u, 2, t), date_diff(u, TIMESTAMP '2000-01-01 00:00:00', t) "
     "FROM (VALUES 'SECOND', 'week', 'quarter', NULL) AS u(u), (VALUES TIMESTAMP '2001-08-22 "
     "03:04:05.321') AS t(t)", "timestamp timestamp bigint",
     [["2001-08-22 03:04:05.000", "2001-08-22 03:04:07.321", "51764645"],
      ["2001-08-20 00:00:00.000", "2001-09-05 03:04:05.321", "85"],
      ["2001-07-01 00:00:00.000", "2002-02-22 03:04:05.321", "6"], [None, None, None]]),
    ("SELECT date_trunc(u, d), date_trunc(u, TIMESTAMP '2001-08-22 03:04:05 Asia/Tokyo') FROM "
     "(VALUES ('year', DATE '2001-08-22')) AS t(u, d)", "date timestamp_with_time_zone",
     [["2001-01-01", "2001-01-01 00:00:00.000 Asia/Tokyo"]]),
    ("SELECT split('a,b', d), split('a,b', d, 2), split('a,b', ',', n), split_to_map('a=1', d, "
     "'='), split_to_multimap('a=1', ',', d), width_bucket(x, ARRAY[1e0]) FROM (VALUES "
     "(CAST(NULL AS varchar), CAST(NULL AS bigint), CAST(NULL AS double))) AS t(d, n, x)",
     "array array array map map bigint", [[None] * 6]),
    # what the first sides settle is looked at no further
    ("SELECT z <> 0 AND 1 / z > 0, z = 0 OR 1 / z > 0, b OR z = 0 OR 1 / z > 0, z = 0 AND b AND "
     "1 / z > 0 FROM (VALUES (0, false), (1, true)) AS t(z, b) ORDER BY z",
     "boolean boolean boolean boolean",
     [["false", "true", "true", "false"], ["true", "true", "true", "false"]]),
    ("SELECT NULL AND CAST('1' AS integer) = 2, NULL OR CAST('1' AS integer) = 1, NULL AND CAST("
     "'1' AS integer) = 1, count_if(z <> 0 AND 1 / z > 0) FROM (VALUES 0, 1) AS t(z)",
     "boolean boolean boolean bigint", [["false", "true", None, "1"]]),
    ("SELECT coalesce(a, CAST(s AS integer)), coalesce(b, CAST(s AS integer)), coalesce(NULL, a, "
     "CAST(s AS integer)) FROM (VALUES (1, 2, 'bad')) AS t(a, b, s)", "integer integer integer",
     [["1", "2", "1"]]),
    ("SELECT json_object(c || 'z': v, k: 1) FROM (VALUES ('a', 'b', 'x')) AS t(c, k, v)", "varchar",
     [['{"az":"x","b":1}']]),
    ("SELECT concat_ws(s, ARRAY['a', NULL, 'b']), concat_ws(s, ARRAY[]), array_join(ARRAY[1, NULL, "
     "2], s), array_join(ARRAY[1, NULL], s, '?'), split('a' || s || 'b' || s || 'c', s, 2), split("
     "'abc', s, 1) FROM (VALUES ',', '::', NULL) AS t(s)",
     "varchar varchar varchar varchar array array",
     [["a,b", "", "1,2", "1,?", "[a, b,c]", "[abc]"],
      ["a::b", "", "1::2", "1::?", "[a, b::c]", "[abc]"], [None] * 6]),
    ("SELECT cardinality(make_set_digest(v)), cardinality(make_set_digest(CAST(v AS varchar))), "
     "hash_counts(make_set_digest(v)), make_set_digest(v) FILTER (WHERE v > 9) IS NULL FROM ("
     "VALUES 1, 1, 1, 2, 2) AS t(v)", "bigint bigint map boolean",
     [["2", "2", "{-2447670524089286488=2, 19144387141682250=3}", "true"]]),
    ("SELECT intersection_cardinality(make_set_digest(a), make_set_digest(b)), jaccard_index("
     "make_set_digest(a), make_set_digest(b)) FROM (VALUES (1, 1), (NULL, 2), (2, 3), (NULL, 4)) "
     "AS t(a, b)", "bigint double", [["2", "0.5"]]),
    ("SELECT cardinality(merge_set_digest(d)), typeof(merge_set_digest(d)) FROM (SELECT "
     "make_set_digest(v) AS d FROM (VALUES (1, 'a'), (1, 'b'), (2, 'b'), (3, NULL)) AS t(k, v) "
     "GROUP BY k)", "bigint varchar", [["2", "SetDigest"]]),
    ("WITH digests AS (SELECT id, make_set_digest(array_join(w, ' ')) AS d FROM (VALUES (1, 'The "
     "quick brown fox jumps over the lazy dog'), (2, 'The quick and the lazy'), (3, 'The quick "
     "brown fox jumps over the dog')) AS t(id, s) CROSS JOIN UNNEST(ngrams(split(s, ' '), 4)) AS "
     "u(w) GROUP BY id) SELECT a.id, b.id, jaccard_index(a.d, b.d) FROM digests AS a JOIN digests "
     "AS b ON a.id < b.id ORDER BY 1, 2", "integer integer double",
     [["1", "2", "0.0"], ["1", "3", "0.6"], ["2", "3", "0.0"]]),
    ("SELECT count(*), min(x), max(x) FROM TABLE(sequence(start => 1000000, stop => -2000000, "
     "step => -3)) AS t(x)", "bigint bigint bigint", [["1000001", "-2000000", "1000000"]]),
    ("SELECT s.sequential_number FROM TABLE(sequence(stop => 2)) AS s CROSS JOIN TABLE(sequence(7, "
     "7, 0)) ORDER BY 1", "bigint", [["0"], ["1"], ["2"]]),
    ("SELECT k % 2, count(*) FROM (VALUES 1, 2, 3) AS t(k) GROUP BY k % 2 HAVING k % 2 >= 0 "
     "ORDER BY k % 2", "integer bigint", [["0", "1"], ["1", "2"]]),
    ("SELECT K % 2, t.k / 2.0 FROM (VALUES 3) AS t(k) GROUP BY t.k % 2, k / 2.0", "integer decimal",
     [["1", "1.5"]]),
    ("SELECT a.k / 2, b.k / 2, sum(b.k / 2) FROM (VALUES 3) AS a(k), (VALUES 3.00) AS b(k) GROUP "
     "BY a.k / 2, b.k / 2", "integer decimal decimal", [["1", "1.50", "1.50"]]),
    ("SELECT k / 2, k % 1.0, count(*) FROM (VALUES 1.5, 2.5) AS t(k) GROUP BY k / 2, k % 1.0 "
     "ORDER BY k / 2", "decimal decimal bigint", [["0.8", "0.5", "1"], ["1.3", "0.5", "1"]]),
    ("SELECT r.* AS (u, v), t.r.* FROM (VALUES ROW(CAST(ROW(1, 2) AS row(p integer, q integer)))) "
     "AS t(r)", "integer integer integer integer", [["1", "2", "1", "2"]]),
    ("SELECT v FROM (SELECT CAST(ROW(1, 2) AS row(p integer, q integer)).* AS (u, v))", "integer",
     [["2"]]),
    ("SELECT u FROM (SELECT t.* AS (u, v) FROM (VALUES (1, 2)) AS t(a, b))", "integer", [["1"]]),
    ("SELECT U&\"\\0061\" FROM (VALUES 1) AS t(a)", "integer", [["1"]]),
    ("SELECT date_format(d, f), date_parse(s, f), format_datetime(d, g) FROM (VALUES "
     "(TIMESTAMP '2020-01-02 03:04:05', '%Y/%m', '2021/02', 'yy.M'), "
     "(TIMESTAMP '2020-01-02 03:04:05', '%H', '7', 'H')) AS t(d, f, s, g)",
     "varchar timestamp varchar", [["2020/01", "2021-02-01 00:00:00.000", "20.1"],
                                   ["03", "1970-01-01 07:00:00.000", "3"]]),
    ("SELECT regexp_extract_all(s, p), regexp_split(s, p), regexp_replace(s, p, 'x') FROM (VALUES "
     "('a1', '\\d'), (NULL, 'a'), ('', ''), ('bb', 'b'), ('x', NULL)) AS t(s, p)",
     "array array varchar", [["[1]", "[a, ]", "ax"], [None, None, None], ["[]", "[, ]", "x"],
                             ["[b, b]", "[, , ]", "xx"], [None, None, None]]),
    ("SELECT x FROM (VALUES 1, 2, 2, 3) AS t(x) ORDER BY x FETCH FIRST 2 ROWS WITH TIES",
     "integer", [["1"], ["2"], ["2"]]),
    ("SELECT x AS y, 1 FROM (VALUES 1, 2, 2, 3) AS t(x) ORDER BY 1 DESC OFFSET 1 ROW "
     "FETCH NEXT ROW WITH TIES", "integer integer", [["2", "1"], ["2", "1"]]),
    ("SELECT json_value(x, 'lax $.a') AS k, count(*) FROM (VALUES '{\"a\": 1}', "
     "'{\"a\": 1}', NULL) AS t(x) WHERE x IS NOT NULL GROUP BY json_value(x, 'lax $.a')",
     "varchar bigint", [["1", "2"]]),
    (f"SELECT x FROM {V} ORDER BY x DESC OFFSET 1 ROWS FETCH FIRST 1 ROW ONLY", "integer",
     [["2"]]),
    (f"SELECT x FROM {V} ORDER BY x OFFSET 1 LIMIT 1", "integer", [["2"]]),
    (f"SELECT x FROM {V} ORDER BY x LIMIT ALL", "integer", [["1"], ["2"], ["3"]]),
    ("SELECT x FROM (VALUES 2, 1) AS t(x) ORDER BY x FETCH FIRST ROW ONLY", "integer", [["1"]]),
    ("SELECT x FROM (VALUES 1, NULL) AS t(x) ORDER BY x NULLS FIRST", "integer", [[None], ["1"]]),
    ("SELECT x FROM (VALUES 1, NULL) AS t(x) ORDER BY x DESC", "integer", [["1"], [None]]),
    (f"SELECT count(*) FROM {V} TABLESAMPLE BERNOULLI (100)", "bigint", [["3"]]),
    ("WITH a(x) AS (VALUES 1), b AS (SELECT x + 1 AS y FROM a) SELECT * FROM a, b",
     "integer integer", [["1", "2"]]),
    ("WITH RECURSIVE t(n, f) AS (SELECT 1, 1 UNION ALL SELECT n + 1, f * (n + 1) FROM t WHERE "
     "n < 4) SELECT n, f FROM t ORDER BY n", "integer integer",
     [["1", "1"], ["2", "2"], ["3", "6"], ["4", "24"]]),
    ("SELECT 1 UNION SELECT 1", "integer", [["1"]]),
    ("SELECT 1 AS a UNION ALL SELECT 2.5 ORDER BY a", "decimal", [["1.0"], ["2.5"]]),
    ("SELECT 1 INTERSECT SELECT 2", "integer", []),
    ("SELECT x FROM (VALUES 1, 1, 2) AS t(x) EXCEPT SELECT 2", "integer", [["1"]]),
    ("SELECT a.x, b.y FROM (VALUES 1, 2) AS a(x) FULL OUTER JOIN (VALUES 2, 3) AS b(y) "
     "ON a.x = b.y ORDER BY 1, 2", "integer integer", [["1", None], ["2", "2"], [None, "3"]]),
    ("SELECT a.x, b.y FROM (VALUES 1, 2) AS a(x) RIGHT JOIN (VALUES 2, 3) AS b(y) ON x = y "
     "ORDER BY y", "integer integer", [["2", "2"], [None, "3"]]),
    ("SELECT * FROM (VALUES (1, 'a')) AS l(k, v) JOIN (VALUES (1, 'b')) AS r(k, w) USING (k)",
     "integer varchar varchar", [["1", "a", "b"]]),
    ("SELECT x, y FROM (VALUES 1, 2) AS t(x) CROSS JOIN LATERAL (SELECT x * 10 AS y) ORDER BY x",
     "integer integer", [["1", "10"], ["2", "20"]]),
    ("SELECT n, x FROM (VALUES (1, ARRAY[5, 6]), (2, ARRAY[])) AS t(n, a) LEFT JOIN UNNEST(a) "
     "AS u(x) ON true ORDER BY n, x", "integer integer",
     [["1", "5"], ["1", "6"], ["2", None]]),
    ("SELECT n, x, o FROM (VALUES (1, ARRAY['p', 'q'])) AS t(n, a) CROSS JOIN UNNEST(a) WITH "
     "ORDINALITY AS u(x, o) ORDER BY o", "integer varchar bigint",
     [["1", "p", "1"], ["1", "q", "2"]]),
    ("SELECT animal, n FROM UNNEST(MAP(ARRAY['dog', 'cat'], ARRAY[2, 0])) AS t(animal, n) "
     "ORDER BY n", "varchar integer", [["cat", "0"], ["dog", "2"]]),
    ("SELECT a, b FROM UNNEST(ARRAY[ROW('Java', 1995), ROW('SQL', 1974)]) AS t(a, b) ORDER BY b",
     "varchar integer", [["SQL", "1974"], ["Java", "1995"]]),
    ("SELECT r.x, r FROM UNNEST(ARRAY[CAST(ROW(1, 'a') AS ROW(x INTEGER, y VARCHAR))]) AS t(r)",
     "integer row", [["1", "{x=1, y=a}"]]),
    ("SELECT r.x, o FROM UNNEST(ARRAY[CAST(ROW(7) AS ROW(x INTEGER))]) WITH ORDINALITY AS t(r, o)",
     "integer bigint", [["7", "1"]]),
    ("SELECT p.name, sum(s) FROM (VALUES ARRAY[CAST(ROW('A', ARRAY[1, 2]) AS ROW(name VARCHAR, "
     "scores ARRAY(INTEGER)))]) AS d(users), UNNEST(d.users) AS t(p), UNNEST(p.scores) AS u(s) "
     "GROUP BY p.name", "varchar bigint", [["A", "3"]]),
    ("SELECT * FROM UNNEST(ARRAY[2, 5], ARRAY[7, 8, 9]) AS t(a, b) ORDER BY b",
     "integer integer", [["2", "7"], ["5", "8"], [None, "9"]]),
    ("SELECT x FROM (VALUES 1, 2, 3) AS t(x) WHERE x IN (SELECT y FROM (VALUES 1, 3) AS u(y)) "
     "ORDER BY x", "integer", [["1"], ["3"]]),
    ("SELECT x FROM (VALUES 1, 2) AS t(x) WHERE NOT EXISTS (SELECT 1 FROM (VALUES 2) AS u(y) "
     "WHERE u.y = t.x)", "integer", [["1"]]),
    ("SELECT x, (SELECT max(y) FROM (VALUES 5, 6) AS u(y) WHERE y > x) FROM (VALUES 1) AS t(x)",
     "integer integer", [["1", "6"]]),
    ("SELECT \"x\" AS \"My Name\" FROM (VALUES 1) AS t(x)", "integer", [["1"]]),
    ("SELECT r.a, r.b FROM (VALUES CAST(ROW(1, 'x') AS row(a integer, b varchar))) AS t(r)",
     "integer varchar", [["1", "x"]]),
    ("SELECT CAST(ROW(1, 'x') AS row(a integer, b varchar)).* ", "integer varchar", [["1", "x"]]),
    ("VALUES 1, 2", "integer", [["1"], ["2"]]),
    ("VALUES (1, 'a', NULL)", "integer varchar unknown", [["1", "a", None]]),
    ("SELECT * FROM (VALUES (1, 'a'), (2, NULL)) AS t (id, name) ORDER BY id DESC",
     "integer varchar", [["2", None], ["1", "a"]]),
    ("SELECT 1 WHERE 1 = 0", "integer", []),
    ("SELECT t.x AS y FROM (VALUES 2, 1) AS t(x) ORDER BY t.x", "integer", [["1"], ["2"]]),
    ("SELECT x AS y FROM (VALUES 2, 1) AS t(x) ORDER BY y + 1", "integer", [["1"], ["2"]]),
    ("SELECT ALL x FROM (VALUES 1) AS t(x)", "integer", [["1"]]),
    ("SELECT count(*) FROM (SELECT 1 UNION ALL SELECT 1) CROSS JOIN (VALUES 1, 2) AS u(y)",
     "bigint", [["4"]]),
]

# query, the reason it fails for; a reason that ends in ... is the beginning of it
FAILURES = [
    ("SELECT array_join(ARRAY[TIME '10:00 +01:00'], ',')",
     "NOT_SUPPORTED: line 1:19: array_join of arrays of time with time zone is not supported"),
    ("SELECT count(*) FROM (VALUES CAST('a' AS char(3))) AS a(x) JOIN (VALUES 'a') AS b(x) "
     "USING (x)", "NOT_SUPPORTED: line 1:..."),
    ("SELECT TIME '10:00 Asia/Tokyo'",
     "INVALID_LITERAL: line 1:8: '10:00 Asia/Tokyo' is not a valid TIME literal"),
    ("SELECT x FROM (VALUES TIME '10:00 +02:00', TIME '09:00 +01:00') AS t(x)",
     "NOT_SUPPORTED: times of different time zones in one column are not supported"),
    ("SELECT CAST(TIME '10:00 +02:00' AS timestamp)", "NOT_SUPPORTED: line 1:8: ..."),
    ("SELECT CAST(lower(x) AS time with time zone) FROM (VALUES '10:00') AS t(x)",
     "NOT_SUPPORTED: line 1:8: time with time zone of a zone that is not written as its distance "
     "from UTC is not supported"),
    # A NUL is a character like others: no sign, no conversion, no separator.
    ("SELECT json_query('321', U&'lax 00e\\00001')",
     "INVALID_PATH: line 1:8: Invalid JSON path: an exponent is expected at position 8"),
    ("SELECT json_query('321', U&'lax 7 \\0000 1')",
     "INVALID_PATH: line 1:8: Invalid JSON path: the path should end at position 7"),
    ("SELECT parse_datetime('2020-01-02 03 ' || chr(0) || '05:00', 'yyyy-MM-dd HH ZZ')",
     'INVALID_FUNCTION_ARGUMENT: Invalid format: "2020-01-02 03 ...'),
    ("SELECT a.x FROM (SELECT now() AT TIME ZONE z AS x FROM (VALUES 'UTC') AS v(z)) AS a JOIN "
     "(SELECT now() AS x) AS b USING (x)", "NOT_SUPPORTED: line 1:122: columns with a time zone of "
     "their own in each row cannot be kept"),
    ("SELECT count(*) FROM (SELECT now() AT TIME ZONE z AS x FROM (VALUES 'UTC') AS v(z) EXCEPT "
     "ALL SELECT now())", "NOT_SUPPORTED: line 1:84: columns with a time zone of their own in each "
     "row cannot be kept"),
    ("SELECT count(*) FROM (VALUES (1, 2)) AS t(a, b) GROUP BY DISTINCT "
     "CUBE (a, b, a, b, a, b, a, b, a, b, a, b)",
     "TOO_MANY_GROUPING_SETS: GROUP BY has more than 2048 grouping sets but can contain at most "
     "2048"),
    ("SELECT CAST(JSON '[1]' AS varchar)", "INVALID_CAST_ARGUMENT: Cannot cast '[1]' to varchar"),
    ("SELECT CAST(JSON '{\"a\": 1}' AS bigint)",
     "INVALID_CAST_ARGUMENT: Cannot cast '{\"a\":1}' to bigint"),
    ("SELECT CAST(JSON '3000000000' AS integer)",
     "INVALID_CAST_ARGUMENT: Cannot cast '3000000000' to integer"),
    ("SELECT CAST(JSON '\"abc\"' AS integer)", "INVALID_CAST_ARGUMENT: Cannot cast 'abc' to INT"),
    ("SELECT json_extract_scalar('{}', p) FROM (VALUES 'a') AS t(p)",
     "INVALID_FUNCTION_ARGUMENT: Invalid JSON path: 'a'"),
    ("SELECT CAST(ARRAY['1.5'] AS array(integer))",
     "INVALID_CAST_ARGUMENT: Cannot cast '1.5' to INT"),
    ("SELECT date_trunc('hour', DATE '2026-01-01')",
     "INVALID_FUNCTION_ARGUMENT: 'hour' is not a valid DATE field"),
    ("SELECT date_add('hour', 1, DATE '2026-01-01')",
     "INVALID_FUNCTION_ARGUMENT: 'hour' is not a valid DATE field"),
    ("SELECT date_diff('day', TIME '10:00:00', TIME '11:00:00')",
     "INVALID_FUNCTION_ARGUMENT: 'day' is not a valid Time field"),
    ("SELECT split_to_map('a=1,b', ',', '=')", "INVALID_FUNCTION_ARGUMENT: Key-value delimiter "
     "must appear exactly once in each entry. Bad input: 'b'"),
    ("SELECT split_to_multimap('a=1=2', ',', '=')", "INVALID_FUNCTION_ARGUMENT: Key-value "
     "delimiter must appear exactly once in each entry. Bad input: 'a=1=2'"),
    ("SELECT split_to_map('a=1,a=2', ',', '=')",
     "INVALID_FUNCTION_ARGUMENT: Duplicate keys (a) are not allowed"),
    ("SELECT split_to_map('a', ',', ',')", "INVALID_FUNCTION_ARGUMENT: entryDelimiter and "
     "keyValueDelimiter must not be the same"),
    ("SELECT MAP(ARRAY[NULL], ARRAY[1])",
     "INVALID_FUNCTION_ARGUMENT: map key cannot be null"),
    ("SELECT TIMESTAMP '2026-01-01 00:00:00' AT TIME ZONE 'Mars/X'",
     "NOT_SUPPORTED: Time zone not supported: Mars/X"),
    ("SELECT sum(x) FROM (VALUES DECIMAL '99999999999999999999999999999999999999', DECIMAL '1') "
     "AS t(x)", "NUMERIC_VALUE_OUT_OF_RANGE: Decimal overflow"),
    ("WITH a AS (SELECT 1), a AS (SELECT 2) SELECT * FROM a", "DUPLICATE_NAMED_QUERY: line 1:23: "
     "WITH query name 'a' specified more than once"),
    ("SELECT 1 IN (SELECT 1, 2)", "TYPE_MISMATCH: line 1:10: value and result of subquery must be "
     "of the same type for IN expression: integer vs row(integer, integer)"),
    ("SELECT map(ARRAY[1], ARRAY[TIMESTAMP '2026-01-01 00:00:00' AT TIME ZONE z]) FROM (VALUES "
     "'+01:00') AS t(z)",
     "NOT_SUPPORTED: values whose time zones are not written in the query are not supported here, "
     "but for UTC: +01:00"),
    ("SELECT ARRAY[t AT TIME ZONE z] FROM (VALUES (TIMESTAMP '2026-01-01 00:00:00', '+01:00')) AS "
     "v(t, z)", "NOT_SUPPORTED: values whose time zones are not written ..."),
    ("SELECT array_agg(from_iso8601_timestamp(x)) FROM (VALUES '2020-01-02T03:04:05+05:00') AS "
     "t(x)", "NOT_SUPPORTED: values whose time zones are not written ..."),
    ("SELECT CAST(JSON '{\"a\": 1}' AS array(integer))", "INVALID_CAST_ARGUMENT: Cannot cast to "
     "array(integer). Expected a json array, but got {\n{\"a\":1}"),
    ("SELECT CAST(JSON '[\"x\"]' AS array(integer))", "INVALID_CAST_ARGUMENT: Cannot cast to "
     "array(integer). Cannot cast 'x' to INT\n[\"x\"]"),
    ("SELECT CAST(JSON '[[1, 2]]' AS array(row(a integer)))", "INVALID_CAST_ARGUMENT: Cannot cast "
     "to array(row(a integer)). Expected json array ending, but got 2\n[[1,2]]"),
    ("SELECT CAST(JSON '{\"a\": 1}' AS row(integer))", "INVALID_CAST_ARGUMENT: Cannot cast to "
     "row(integer). Cannot cast a JSON object to anonymous row type. Input must be a JSON array.\n"
     "{\"a\":1}"),
    ("SELECT CAST(JSON '[[]]' AS array(varchar))", "INVALID_CAST_ARGUMENT: Cannot cast to "
     "array(varchar). Unexpected token when cast to varchar: [\n[[]]"),
    ("SELECT CAST(JSON '[1]' AS array(date))",
     "TYPE_MISMATCH: line 1:8: Cannot cast json to array(date)"),
    ("SELECT * FROM json_table('[1', 'lax $[*]' COLUMNS (x bigint PATH 'lax $') ERROR ON ERROR)",
     "JSON_INPUT_CONVERSION_ERROR: conversion to JSON failed: ..."),
    ("SELECT * FROM json_table('[\"a\"]', 'lax $[*]' COLUMNS (x bigint PATH 'lax $') "
     "ERROR ON ERROR)", "JSON_VALUE_RESULT_ERROR: ..."),
    ("SELECT * FROM json_table('[]', '$[' COLUMNS (x bigint))",
     "INVALID_PATH: line 1:15: Invalid JSON path: ..."),
    ("SELECT numeric_histogram(1, x) FROM (VALUES 1) AS t(x)", "INVALID_FUNCTION_ARGUMENT: "
     "numeric_histogram bucket count must be greater than one"),
    ("SELECT parse_datetime('999999999-1', 'xxxx-w')",
     'INVALID_FUNCTION_ARGUMENT: Cannot parse "999999999-1": Value 999999999 for weekyear must be '
     "in the range [0,9999]"),
    (f"SELECT parse_datetime('{'9' * 30}01', '{'y' * 30}MM')",
     f'INVALID_FUNCTION_ARGUMENT: Invalid format: "{"9" * 30}01" is malformed at ...'),
    ("SELECT approx_percentile(x, 0, 0.5) FROM (VALUES 1) AS t(x)",
     "INVALID_FUNCTION_ARGUMENT: Weight must be > 0"),
    ("SELECT nth_value(x, 0) OVER (ORDER BY x) FROM (VALUES 1) AS t(x)",
     "INVALID_FUNCTION_ARGUMENT: Offset must be at least 1"),
    ("SELECT t.* AS (u) FROM (VALUES (1, 2)) AS t(a, b)", "MISMATCHED_COLUMN_ALIASES: line 1:9: "
     "Column alias list has 1 entries but relation has 2 columns"),
    ("SELECT date_parse('2020-13-01','%Y-%m-%d')",
     'INVALID_FUNCTION_ARGUMENT: Cannot parse "2020-13-01": Value 13 for monthOfYear must be in '
     "the range [1,12]"),
    ("SELECT date_parse('2021-02-29','%Y-%m-%d')",
     'INVALID_FUNCTION_ARGUMENT: Cannot parse "2021-02-29": Value 29 for dayOfMonth must be in '
     "the range [1,28]"),
    ("SELECT date_parse('2020-01-01 10','%Y-%m-%d')",
     'INVALID_FUNCTION_ARGUMENT: Invalid format: "2020-01-01 10" is malformed at " 10"'),
    ("SELECT date_parse('2020-01','%Y-%m-%d')",
     'INVALID_FUNCTION_ARGUMENT: Invalid format: "2020-01" is too short'),
    ("SELECT format_datetime(TIMESTAMP '2020-01-01 00:00:00','q')",
     "INVALID_FUNCTION_ARGUMENT: Illegal pattern component: q"),
    ("SELECT date_format(TIMESTAMP '2020-01-01 00:00:00','%w')",
     "INVALID_FUNCTION_ARGUMENT: %w not supported in date format string"),
    ("SELECT regexp_like('a', '(')",
     "INVALID_FUNCTION_ARGUMENT: end pattern with unmatched parenthesis"),
    ("SELECT regexp_extract('a', p) FROM (VALUES '[') AS t(p)",
     "INVALID_FUNCTION_ARGUMENT: premature end of char-class"),
    ("SELECT regexp_replace('a', p, '$1') FROM (VALUES 'a') AS t(p)",
     "INVALID_FUNCTION_ARGUMENT: Illegal replacement sequence: unknown group 1"),
    ("SELECT regexp_count(rpad('', 64, 'a') || 'c', '^(a|aa)*$')", "INVALID_FUNCTION_ARGUMENT: the "
     "regular expression needs too many steps for this text"),
    ("SELECT approx_percentile(x, 2) FROM (VALUES 1) AS t(x)",
     "INVALID_FUNCTION_ARGUMENT: Percentile must be between 0 and 1"),
    ("SELECT json_extract('{}', '$..b')",
     "INVALID_FUNCTION_ARGUMENT: line 1:27: Invalid JSON path: '$..b'"),
    ("SELECT x FROM (VALUES 1) AS t(x) FETCH FIRST ROW WITH TIES",
     "MISSING_ORDER_BY: line 1:1: FETCH FIRST WITH TIES clause requires ORDER BY"),
    ("SELECT listagg('abcdefghijk') WITHIN GROUP (ORDER BY i) FROM UNNEST(sequence(1, 10000)) "
     "AS a(i), UNNEST(sequence(1, 10)) AS b(j)",
     "INVALID_FUNCTION_ARGUMENT: Concatenated string has the length in bytes larger than the "
     "maximum output length 1048576"),
    ("SELECT json_exists('no json', 'lax $' ERROR ON ERROR)",
     "JSON_INPUT_CONVERSION_ERROR: conversion to JSON failed..."),
    ("SELECT json_value('[1]', 'strict $[3]' ERROR ON ERROR)",
     "PATH_EVALUATION_ERROR: path evaluation failed: invalid array subscript..."),
    ("SELECT json_value('[1, 2]', 'lax $[*]' ERROR ON ERROR)",
     "JSON_VALUE_RESULT_ERROR: cannot extract SQL scalar from JSON: JSON path found multiple..."),
    ("SELECT json_value('[]', 'lax $[0]' ERROR ON EMPTY)",
     "JSON_VALUE_RESULT_ERROR: cannot extract SQL scalar from JSON: JSON path found no items"),
    ("SELECT json_value('[]', 'lax 1 / 0' ERROR ON ERROR)",
     "PATH_EVALUATION_ERROR: path evaluation failed: Division by zero"),
    ("SELECT json_query('[1]', 'lax $[88888888888888888888]' ERROR ON ERROR)",
     "PATH_EVALUATION_ERROR: path evaluation failed: array subscript 88888888888888888888 is out "
     "of range"),
    ("SELECT json_query('1e999', 'lax -$' ERROR ON ERROR)",
     "PATH_EVALUATION_ERROR: path evaluation failed: the result is no finite number"),
    ("SELECT json_query('-1e999', 'lax $.abs()' ERROR ON ERROR)",
     "PATH_EVALUATION_ERROR: path evaluation failed: the result is no finite number"),
    ("SELECT json_value('[]', '$.a')", "INVALID_PATH: line 1:8: Invalid JSON path..."),
    ("SELECT json_value('[]', 'lax $.a(')", "INVALID_PATH: line 1:8: Invalid JSON path..."),
    ("SELECT json_value('[]', 'lax $' RETURNING array(integer))",
     "TYPE_MISMATCH: line 1:8: Invalid return type of function json_value: array(integer)"),
    ("SELECT TIMESTAMP '2020-01-01 00:00:00.1234567'",
     "NOT_SUPPORTED: line 1:8: seconds with more than 6 decimal digits are not supported"),
    ("SELECT CAST(now() AS timestamp(9))",
     "NOT_SUPPORTED: line 1:32: seconds with more than 6 decimal digits are not supported"),
    ("SELECT ARRAY[TIMESTAMP '2020-01-01 00:00:00 UTC', "
     "TIMESTAMP '2020-01-01 00:00:00 Asia/Tokyo']",
     "NOT_SUPPORTED: values of different time zones in one column are not supported"),
    ("SELECT 1 / 0", "DIVISION_BY_ZERO: Division by zero"),
    ("SELECT 1 % 0", "DIVISION_BY_ZERO: Division by zero"),
    ("SELECT mod(1, 0)", "DIVISION_BY_ZERO: Division by zero"),
    ("SELECT 1.0 / 0", "DIVISION_BY_ZERO: Division by zero"),
    ("SELECT 2147483647 + 1",
     "NUMERIC_VALUE_OUT_OF_RANGE: integer addition overflow: 2147483647 + 1"),
    ("SELECT -2147483647 - 2",
     "NUMERIC_VALUE_OUT_OF_RANGE: integer subtraction overflow: -2147483647 - 2"),
    ("SELECT 9223372036854775807 + 1",
     "NUMERIC_VALUE_OUT_OF_RANGE: bigint addition overflow: 9223372036854775807 + 1"),
    ("SELECT 65536 * 65536",
     "NUMERIC_VALUE_OUT_OF_RANGE: integer multiplication overflow: 65536 * 65536"),
    ("SELECT TINYINT '100' + TINYINT '100'",
     "NUMERIC_VALUE_OUT_OF_RANGE: tinyint addition overflow: 100 + 100"),
    ("SELECT date_format(TIMESTAMP '2026-07-03 09:01:02', '%Y-%V')",
     "INVALID_FUNCTION_ARGUMENT: %V not supported in date format string"),
    ("SELECT date_parse('5', '%w')",
     "INVALID_FUNCTION_ARGUMENT: %w not supported in date format string"),
    # what has no order
    ("SELECT JSON '1' < JSON '2'",
     "TYPE_MISMATCH: line 1:17: Cannot apply operator: json < json"),
    ("SELECT JSON '1' BETWEEN JSON '1' AND JSON '2'",
     "TYPE_MISMATCH: line 1:17: Cannot check if json is BETWEEN json and json"),
    ("SELECT x FROM (VALUES ARRAY[JSON '1']) AS t(x) ORDER BY x", "TYPE_MISMATCH: line 1:1: Type "
     "array(json) is not orderable, and therefore cannot be used in ORDER BY: x"),
    ("SELECT x FROM (VALUES MAP(ARRAY[1], ARRAY[2])) AS t(x) ORDER BY 1",
     "TYPE_MISMATCH: line 1:1: Type map(integer, integer) is not orderable, ..."),
    ("SELECT max(JSON '1')", "FUNCTION_NOT_FOUND: line 1:8: Unexpected parameters (json) for ..."),
    ("SELECT min_by(1, MAP())", "FUNCTION_NOT_FOUND: line 1:8: Unexpected parameters (integer..."),
    ("SELECT least(JSON '1', JSON '2')", "FUNCTION_NOT_FOUND: line 1:8: Unexpected ..."),
    ("SELECT array_sort(ARRAY[JSON '1'])", "FUNCTION_NOT_FOUND: line 1:8: Unexpected ..."),
    ("SELECT date_trunc(u, DATE '2001-08-22') FROM (VALUES 'hour') AS t(u)",
     "INVALID_FUNCTION_ARGUMENT: 'hour' is not a valid DATE field"),
    ("SELECT multimap_from_entries(ARRAY[(1, 'x'), (NULL, 'y')])",
     "INVALID_FUNCTION_ARGUMENT: map key cannot be null"),
    ("SELECT from_unixtime_nanos(1)",
     "NOT_SUPPORTED: moments between microseconds are not supported"),
    ("SELECT from_iso8601_timestamp_nanos('2020-01-01T00:00:00.123456789Z')",
     "NOT_SUPPORTED: moments between microseconds are not supported"),
    ("SELECT * FROM TABLE(sequence(10, -5, 2))",
     "INVALID_FUNCTION_ARGUMENT: Step must be negative for sequence [10, -5]"),
    ("SELECT * FROM TABLE(sequence(-5, 10, -2))",
     "INVALID_FUNCTION_ARGUMENT: Step must be positive for sequence [-5, 10]"),
    ("SELECT * FROM TABLE(sequence(NULL, 10))", "INVALID_FUNCTION_ARGUMENT: Start is null"),
    ("SELECT from_unixtime(0, 15, 0)", "INVALID_FUNCTION_ARGUMENT: Invalid offset minutes 900"),
    ("SELECT from_unixtime(0, x, 0) FROM (VALUES 1) AS t(x)", "NOT_SUPPORTED: line 1:8: ..."),
    ("SELECT ST_GeometryFromText('POINT (1)')",
     "INVALID_FUNCTION_ARGUMENT: Invalid WKT: POINT (1)"),
    ("SELECT ST_GeometryFromText('POLYGON ((0 0, 1 1))')",
     "INVALID_FUNCTION_ARGUMENT: Invalid WKT: ..."),
    ("SELECT ST_X(ST_GeometryFromText('LINESTRING (0 0, 1 1)'))",
     "INVALID_FUNCTION_ARGUMENT: ST_X only applies to POINT. Input type is: LINE_STRING"),
    ("SELECT ST_Length(ST_Point(1, 2))", "INVALID_FUNCTION_ARGUMENT: ST_Length only applies to "
     "LINE_STRING or MULTI_LINE_STRING. Input type is: POINT"),
    ("SELECT ST_X('POINT (1 2)')", "FUNCTION_NOT_FOUND: line 1:8: Unexpected parameters "
     "(varchar(11)) for function st_x. Expected: st_x(geometry)"),
    ("SELECT CAST(ST_Point(1, 2) AS varchar)",
     "TYPE_MISMATCH: line 1:8: Cannot cast Geometry to varchar"),
    ("SELECT CAST(123.4 AS decimal(3, 1))",
     "INVALID_CAST_ARGUMENT: Cannot cast DECIMAL(4, 1) '123.4' to DECIMAL(3, 1)"),
    ("SELECT CAST(1e10 AS decimal(3, 1))",
     "INVALID_CAST_ARGUMENT: Cannot cast DOUBLE '1.0E10' to DECIMAL(3, 1)"),
    ("SELECT CAST(REAL '1234' AS decimal(3, 1))",
     "INVALID_CAST_ARGUMENT: Cannot cast REAL '1234.0' to DECIMAL(3, 1)"),
    ("SELECT CAST(BIGINT '1234' AS decimal(3, 1))",
     "INVALID_CAST_ARGUMENT: Cannot cast BIGINT '1234' to DECIMAL(3, 1)"),
    ("SELECT CAST(nan() AS decimal(3, 1))",
     "INVALID_CAST_ARGUMENT: Cannot cast DOUBLE 'NaN' to DECIMAL(3, 1)"),
    ("SELECT CAST('123.4' AS decimal(3, 1))", "INVALID_CAST_ARGUMENT: Cannot cast VARCHAR '123.4' "
     "to DECIMAL(3, 1). Value too large."),
    ("SELECT CAST(DECIMAL '300' AS tinyint)",
     "INVALID_CAST_ARGUMENT: Cannot cast '300' to TINYINT"),
    ("SELECT CAST(DECIMAL '99999999999' AS integer)",
     "INVALID_CAST_ARGUMENT: Cannot cast '99999999999' to INTEGER"),
    ("SELECT CAST(12345 AS varchar(2))",
     "INVALID_CAST_ARGUMENT: Value 12345 cannot be represented as varchar(2)"),
    ("SELECT CAST(1.5e0 AS varchar(2))",
     "INVALID_CAST_ARGUMENT: Value 1.5 (1.5E0) cannot be represented as varchar(2)"),
    ("SELECT CAST(true AS varchar(2))",
     "INVALID_CAST_ARGUMENT: Value true cannot be represented as varchar(2)"),
    ("SELECT CAST(json_parse('\"x\"') AS integer)",
     "INVALID_CAST_ARGUMENT: Cannot cast 'x' to INT"),
    ("SELECT CAST(json_parse('{\"a\":1}') AS bigint)",
     "INVALID_CAST_ARGUMENT: Cannot cast '{\"a\":1}' to bigint"),
    ("SELECT CAST(ARRAY['x'] AS array(integer))", "INVALID_CAST_ARGUMENT: Cannot cast 'x' to INT"),
    ("SELECT CAST('x' AS uuid)", "INVALID_CAST_ARGUMENT: Cannot cast value to UUID: x"),
    ("SELECT abs(-9223372036854775807 - 1)", "NUMERIC_VALUE_OUT_OF_RANGE: Value "
     "-9223372036854775808 is out of range for abs(bigint)"),
    ("SELECT -(-9223372036854775807 - 1)",
     "NUMERIC_VALUE_OUT_OF_RANGE: bigint negation overflow: -9223372036854775808"),
    ("SELECT DATE '2026-02-30'",
     "INVALID_LITERAL: line 1:8: '2026-02-30' is not a valid DATE literal"),
    ("SELECT TIMESTAMP '2020-01-01 10:00 +0530'", "INVALID_LITERAL: line 1:8: '2020-01-01 10:00 "
     "+0530' is not a valid TIMESTAMP literal"),
    ("SELECT TIMESTAMP '2020-01-01 +15:00'",
     "INVALID_LITERAL: line 1:8: '2020-01-01 +15:00' is not a valid TIMESTAMP literal"),
    ("SELECT current_timestamp AT TIME ZONE '+99:00'",
     "NOT_SUPPORTED: Time zone not supported: +99:00"),
    ("SELECT TIMESTAMP 'x'", "INVALID_LITERAL: line 1:8: 'x' is not a valid TIMESTAMP literal"),
    ("SELECT DATE '2026-01-31' + INTERVAL '1' HOUR",
     "INVALID_FUNCTION_ARGUMENT: Cannot add hour, minutes or seconds to a date"),
    ("SELECT DATE '2026-01-31' - INTERVAL '1' MINUTE",
     "INVALID_FUNCTION_ARGUMENT: Cannot subtract hour, minutes or seconds from a date"),
    ("SELECT d + i FROM (VALUES (DATE '2026-01-31', INTERVAL '1' HOUR)) AS t(d, i)",
     "INVALID_FUNCTION_ARGUMENT: Cannot add hour, minutes or seconds to a date"),
    ("SELECT hamming_distance('abc', 'ab')", "INVALID_FUNCTION_ARGUMENT: The input strings to "
     "hamming_distance function must have the same length"),
    ("SELECT lpad('abc', -1, 'x')",
     "INVALID_FUNCTION_ARGUMENT: Target length must be in the range [0..2147483647]"),
    ("SELECT rpad('abc', 5, '')", "INVALID_FUNCTION_ARGUMENT: Padding string must not be empty"),
    ("SELECT split('a.b', '')",
     "INVALID_FUNCTION_ARGUMENT: The delimiter may not be the empty string"),
    ("SELECT regexp_extract('abc', 'b', 1)",
     "INVALID_FUNCTION_ARGUMENT: Pattern has 0 groups. Cannot access group 1"),
    ("SELECT regexp_replace('abc', '([(]?b)', '$2')",
     "INVALID_FUNCTION_ARGUMENT: Illegal replacement sequence: unknown group 2"),
    ("SELECT repeat('a', -1)", "INVALID_FUNCTION_ARGUMENT: count argument of repeat function must "
     "be greater than or equal to 0"),
    ("SELECT trim_array(ARRAY[1], 5)",
     "INVALID_FUNCTION_ARGUMENT: size must not exceed array cardinality 1: 5"),
    ("SELECT slice(ARRAY[1], 0, 1)", "INVALID_FUNCTION_ARGUMENT: SQL array indices start at 1"),
    ("SELECT slice(ARRAY[1], 1, -1)",
     "INVALID_FUNCTION_ARGUMENT: length must be greater than or equal to 0"),
    ("SELECT ngrams(ARRAY['a'], 0)", "INVALID_FUNCTION_ARGUMENT: N must be positive"),
    ("SELECT combinations(ARRAY[1], 6)",
     "INVALID_FUNCTION_ARGUMENT: combination size must not exceed 5: 6"),
    ("SELECT nullif(1, 'a')", "TYPE_MISMATCH: line 1:8: Types are not comparable with NULLIF: "
     "integer vs varchar(1)"),
    ("SELECT coalesce(1, 'a')", "TYPE_MISMATCH: line 1:20: ..."),
    ("SELECT if(1, 2)", "TYPE_MISMATCH: line 1:11: IF condition must evaluate to a boolean "
     "(actual: integer)"),
    ("SELECT if(true, 2, 'a')", "TYPE_MISMATCH: line 1:8: Result types for IF must be the same: "
     "integer vs varchar(1)"),
    ("SELECT normalize('a', NFX)", "NOT_SUPPORTED: line 1:23: ..."),
    ("CREATE TABLE sketches AS SELECT approx_set(1) AS x",
     "NOT_SUPPORTED: Unsupported Hive type: HyperLogLog. You may need ..."),
    ("SELECT 'abc' LIKE 'a\\' ESCAPE '\\'", "INVALID_FUNCTION_ARGUMENT: Escape character must be "
     "followed by '%', '_' or the escape character itself"),
    ("SELECT 'abc' LIKE 'a' ESCAPE 'ab'",
     "INVALID_FUNCTION_ARGUMENT: Escape string must be a single character"),
    ("SELECT DECIMAL '99999999999999999999999999999999999999' + 1",
     "NUMERIC_VALUE_OUT_OF_RANGE: Decimal overflow"),
    ("SELECT sum(x) FROM (VALUES DECIMAL '99999999999999999999999999999999999999', "
     "DECIMAL '99999999999999999999999999999999999999') AS t(x)",
     "NUMERIC_VALUE_OUT_OF_RANGE: Decimal overflow"),
    ("SELECT sum(x) FROM (VALUES 9223372036854775807, 1) AS t(x)",
     "NUMERIC_VALUE_OUT_OF_RANGE: bigint addition overflow"),
    ("SELECT 9223372036854775808",
     "SYNTAX_ERROR: line 1:8: Invalid numeric literal: 9223372036854775808"),
    ("SELECT CAST('abc' AS integer)", "INVALID_CAST_ARGUMENT: Cannot cast 'abc' to INT"),
    ("SELECT CAST('abc' AS bigint)", "INVALID_CAST_ARGUMENT: Cannot cast 'abc' to BIGINT"),
    ("SELECT CAST('1.5' AS integer)", "INVALID_CAST_ARGUMENT: Cannot cast '1.5' to INT"),
    ("SELECT CAST('abc' AS double)", "INVALID_CAST_ARGUMENT: Cannot cast 'abc' to DOUBLE"),
    ("SELECT CAST('x' AS boolean)", "INVALID_CAST_ARGUMENT: Cannot cast 'x' to BOOLEAN"),
    ("SELECT CAST('abc' AS date)", "INVALID_CAST_ARGUMENT: Value cannot be cast to date: abc"),
    ("SELECT CAST('abc' AS timestamp)",
     "INVALID_CAST_ARGUMENT: Value cannot be cast to timestamp: abc"),
    ("SELECT CAST('abc' AS decimal(10, 2))", "INVALID_CAST_ARGUMENT: Cannot cast VARCHAR 'abc' "
     "to DECIMAL(10, 2). Value is not a number."),
    ("SELECT CAST(300 AS tinyint)", "NUMERIC_VALUE_OUT_OF_RANGE: Out of range for tinyint: 300"),
    ("SELECT CAST(3000000000 AS integer)",
     "NUMERIC_VALUE_OUT_OF_RANGE: Out of range for integer: 3000000000"),
    ("SELECT CAST(1e20 AS bigint)",
     "INVALID_CAST_ARGUMENT: Unable to cast 1.0E20 to bigint"),
    ("SELECT CAST(12345 AS decimal(3, 0))",
     "INVALID_CAST_ARGUMENT: Cannot cast INTEGER '12345' to DECIMAL(3, 0)"),
    ("SELECT CAST(DATE '2026-01-01' AS integer)",
     "TYPE_MISMATCH: line 1:8: Cannot cast date to integer"),
    ("SELECT CAST(1 AS nonsense)", "TYPE_NOT_FOUND: line 1:8: Unknown type: nonsense"),
    ("SELECT ARRAY[1, 2][3]", "INVALID_FUNCTION_ARGUMENT: Array subscript must be less than or "
     "equal to array length: 3 > 2"),
    ("SELECT ARRAY[1, 2][0]", "INVALID_FUNCTION_ARGUMENT: SQL array indices start at 1"),
    ("SELECT ARRAY[1, 2][-1]", "INVALID_FUNCTION_ARGUMENT: Array subscript is negative: -1"),
    ("SELECT element_at(ARRAY[1], 0)", "INVALID_FUNCTION_ARGUMENT: SQL array indices start at 1"),
    ("SELECT MAP(ARRAY['a'], ARRAY[1])['z']",
     "INVALID_FUNCTION_ARGUMENT: Key not present in map: z"),
    ("SELECT MAP(ARRAY['a', 'a'], ARRAY[1, 2])",
     "INVALID_FUNCTION_ARGUMENT: Duplicate map keys are not allowed"),
    ("SELECT MAP(ARRAY['a'], ARRAY[1, 2])",
     "INVALID_FUNCTION_ARGUMENT: Key and value arrays must be the same length"),
    ("SELECT split_part('a', ',', 0)",
     "INVALID_FUNCTION_ARGUMENT: Index must be greater than zero"),
    ("SELECT json_parse('{a')", "INVALID_FUNCTION_ARGUMENT: Cannot convert value to JSON: '{a'"),
    ("SELECT from_hex('abc')", "INVALID_FUNCTION_ARGUMENT: ..."),
    ("SELECT date_parse('x', '%Y')", "INVALID_FUNCTION_ARGUMENT: Invalid format: \"x\""),
    ("SELECT date_add('decade', 1, DATE '2026-01-01')",
     "INVALID_FUNCTION_ARGUMENT: 'decade' is not a valid DATE field"),
    ("SELECT date_trunc('nope', TIMESTAMP '2026-01-01 00:00:00')",
     "INVALID_FUNCTION_ARGUMENT: 'nope' is not a valid TIMESTAMP field"),
    ("SELECT chr(-1)", "INVALID_FUNCTION_ARGUMENT: Not a valid Unicode code point: -1"),
    ("SELECT repeat(1, 20000)",
     "INVALID_FUNCTION_ARGUMENT: count argument of repeat function must be less than or equal to "
     "10000"),
    ("SELECT sequence(1, 20000)", "INVALID_FUNCTION_ARGUMENT: result of sequence function must "
     "not have more than 10000 entries"),
    ("SELECT sequence(1, 5, 0)", "INVALID_FUNCTION_ARGUMENT: ..."),
    ("SELECT nope FROM (VALUES 1) AS t(x)",
     "COLUMN_NOT_FOUND: line 1:8: Column 'nope' cannot be resolved"),
    ("SELECT t.nope FROM (VALUES 1) AS t(x)",
     "COLUMN_NOT_FOUND: line 1:8: Column 't.nope' cannot be resolved"),
    ("SELECT x FROM (VALUES 1) AS t(x) WHERE nope = 1",
     "COLUMN_NOT_FOUND: line 1:40: Column 'nope' cannot be resolved"),
    ("SELECT x AS y FROM (VALUES 1) AS t(x) WHERE y = 1",
     "COLUMN_NOT_FOUND: line 1:45: Column 'y' cannot be resolved"),
    ("SELECT \"nope\" FROM (VALUES 1) AS t(x)",
     "COLUMN_NOT_FOUND: line 1:8: Column 'nope' cannot be resolved"),
    ("SELECT x FROM (VALUES 1) AS a(x), (VALUES 2) AS b(x)",
     "AMBIGUOUS_NAME: line 1:8: Column 'x' is ambiguous"),
    ("SELECT nofunc(1)", "FUNCTION_NOT_FOUND: line 1:8: Function 'nofunc' not registered"),
    ("SELECT 1,\n  nofunc(1)", "FUNCTION_NOT_FOUND: line 2:3: Function 'nofunc' not registered"),
    ("SELECT abs('x')", "FUNCTION_NOT_FOUND: line 1:8: Unexpected parameters (varchar(1)) for "
     "function abs. Expected: ..."),
    ("SELECT length(1)", "FUNCTION_NOT_FOUND: line 1:8: Unexpected parameters (integer) for "
     "function length. Expected: ..."),
    ("SELECT upper('a', 'b')", "FUNCTION_NOT_FOUND: line 1:8: Unexpected parameters (varchar(1), "
     "varchar(1)) for function upper. Expected: ..."),
    ("SELECT 1 = 'a'", "TYPE_MISMATCH: line 1:10: Cannot apply operator: integer = varchar(1)"),
    ("SELECT 1 + 'a'", "TYPE_MISMATCH: line 1:10: Cannot apply operator: integer + varchar(1)"),
    ("SELECT 'a' || 1", "TYPE_MISMATCH: ..."),
    ("SELECT x FROM (VALUES 'a') AS t(x) WHERE x > 5",
     "TYPE_MISMATCH: line 1:44: Cannot apply operator: varchar(1) > integer"),
    ("SELECT DATE '2026-01-01' > '2025-01-01'",
     "TYPE_MISMATCH: line 1:26: Cannot apply operator: date > varchar(10)"),
    ("SELECT true + 1", "TYPE_MISMATCH: line 1:13: Cannot apply operator: boolean + integer"),
    ("SELECT NOT 1",
     "TYPE_MISMATCH: line 1:12: Value of logical NOT expression must evaluate to a boolean "
     "(actual: integer)"),
    ("SELECT true AND 1", "TYPE_MISMATCH: line 1:17: Logical expression term must evaluate to a "
     "boolean (actual: integer)"),
    ("SELECT 1 FROM (VALUES 1) AS t(x) WHERE x",
     "TYPE_MISMATCH: line 1:40: WHERE clause must evaluate to a boolean: actual type integer"),
    ("SELECT 1 IN (1, 'a', true)", "TYPE_MISMATCH: line 1:17: IN value and list items " + COMMON +
     "integer and varchar(1), all types (without duplicates): [integer, varchar(1), boolean]"),
    ("SELECT ARRAY[1, 2, 'a']", "TYPE_MISMATCH: line 1:20: All ARRAY elements " + COMMON +
     "integer and varchar(1), all types (without duplicates): [integer, varchar(1)]"),
    ("SELECT coalesce(1, 2e0, 'a')", "TYPE_MISMATCH: line 1:25: All COALESCE operands " + COMMON +
     "double and varchar(1), all types (without duplicates): [integer, double, varchar(1)]"),
    ("SELECT CASE 1 WHEN 'a' THEN 1 END", "TYPE_MISMATCH: line 1:20: CASE operand type does not "
     "match WHEN clause operand type: integer vs varchar(1)"),
    ("SELECT sum('a')", "FUNCTION_NOT_FOUND: line 1:8: Unexpected parameters (varchar(1)) for "
     "function sum. Expected: sum(bigint), sum(decimal(p,s)), sum(double), sum(interval day to "
     "second), sum(interval year to month), sum(real)"),
    ("SELECT upper(1)", "FUNCTION_NOT_FOUND: line 1:8: Unexpected parameters (integer) for "
     "function upper. Expected: upper(char(x)), upper(varchar(x))"),
    ("SELECT to_unixtime(1)", "FUNCTION_NOT_FOUND: line 1:8: Unexpected parameters (integer) for "
     "function to_unixtime. Expected: to_unixtime(date), to_unixtime(timestamp(p) with time zone), "
     "to_unixtime(timestamp(p))"),
    ("SELECT concat('a')",
     "INVALID_FUNCTION_ARGUMENT: There must be two or more concatenation arguments"),
    ("SELECT bool_or(true) IGNORE NULLS", "NULL_TREATMENT_NOT_ALLOWED: line 1:8: Cannot specify "
     "null treatment clause for bool_or function"),
    ("SELECT TIME '01:00' + INTERVAL '3' MONTH", "TYPE_MISMATCH: line 1:21: Cannot apply operator: "
     "time(0) + interval year to month"),
    ("SELECT DECIMAL 'x'", "INVALID_LITERAL: line 1:8: 'x' is not a valid decimal literal"),
    ("SELECT 1 FROM (VALUES 1) AS t(x) TABLESAMPLE BERNOULLI (100.5)",
     "NUMERIC_VALUE_OUT_OF_RANGE: line 1:57: Sample percentage must be less than or equal to 100"),
    ("SELECT 1 FROM json_table('[1]', 'lax $' COLUMNS (a integer PATH 'lax $')) TABLESAMPLE "
     "SYSTEM (50)", "NOT_SUPPORTED: line 1:15: A sample of what UNNEST or json_table gives is not "
     "supported"),
    ("SELECT s FROM (VALUES ('a', 1)) AS t(s, n) GROUP BY s HAVING n > 1",
     "EXPRESSION_NOT_AGGREGATE: line 1:62: 'n' must be an aggregate expression or appear in "
     "GROUP BY clause"),
    ("SELECT t.n, count(*) FROM (VALUES ('a', 1)) AS t(s, n) GROUP BY t.s",
     "EXPRESSION_NOT_AGGREGATE: line 1:8: 't.n' must be an aggregate expression or appear in "
     "GROUP BY clause"),
    ("SELECT * FROM (VALUES 1) AS t(x), (VALUES 1) AS t(x)", "NOT_SUPPORTED: Tables of one FROM "
     "clause that have the same name are not supported: ..."),
    ("SELECT CASE WHEN 1 THEN 2 END", "TYPE_MISMATCH: line 1:18: CASE WHEN clause must evaluate "
     "to a boolean (actual: integer)"),
    ("SELECT CASE WHEN true THEN 1 ELSE 'a' END", "TYPE_MISMATCH: line 1:35: All CASE results " +
     COMMON + "integer and varchar(1), all types (without duplicates): [integer, varchar(1)]"),
    ("SELECT 1 UNION SELECT 'a'", "TYPE_MISMATCH: line 1:10: column 1 in UNION query has "
     "incompatible types: integer, varchar(1)"),
    ("SELECT 1 UNION SELECT 1, 2", "TYPE_MISMATCH: line 1:10: UNION query has different number "
     "of fields: 1, 2"),
    ("SELECT s, n FROM (VALUES ('a', 1)) AS t(s, n) GROUP BY s",
     "EXPRESSION_NOT_AGGREGATE: line 1:11: 'n' must be an aggregate expression or appear in "
     "GROUP BY clause"),
    ("SELECT s, count(*) FROM (VALUES ('a', 1)) AS t(s, n)",
     "EXPRESSION_NOT_AGGREGATE: line 1:8: 's' must be an aggregate expression or appear in "
     "GROUP BY clause"),
    ("SELECT x FROM (VALUES 1) AS t(x) WHERE sum(x) > 1",
     "EXPRESSION_NOT_SCALAR: line 1:47: WHERE clause cannot contain aggregations, window "
     "functions or grouping operations: [sum(x)]"),
    ("SELECT sum(sum(x)) FROM (VALUES 1) AS t(x)", "NESTED_AGGREGATION: line 1:8: Cannot nest "
     "aggregations inside aggregation 'sum': [sum(x)]"),
    ("SELECT (SELECT x FROM (VALUES 1, 2) AS t(x))",
     "SUBQUERY_MULTIPLE_ROWS: Scalar sub-query has returned multiple rows"),
    ("SELECT x FROM (VALUES 1) AS t(x) ORDER BY 2",
     "INVALID_COLUMN_REFERENCE: line 1:43: ORDER BY position 2 is not in select list"),
    ("SELECT x FROM (VALUES 1) AS t(x) GROUP BY 2",
     "INVALID_COLUMN_REFERENCE: line 1:43: GROUP BY position 2 is not in select list"),
    ("SELECT DISTINCT x FROM (VALUES (1, 2)) AS t(x, y) ORDER BY y",
     "EXPRESSION_NOT_IN_DISTINCT: ..."),
    ("SELECT row_number()", "MISSING_OVER: ..."),
    ("SELECT * FROM (VALUES 1) AS t(x, y)",
     "MISMATCHED_COLUMN_ALIASES: line 1:15: Column alias list has 2 entries but 't' has 1 columns "
     "available"),
    ("SELECT *", "COLUMN_NOT_FOUND: line 1:8: SELECT * not allowed from relation that has no "
     "columns"),
    ("SELECT * FROM nothere", "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.DB.nothere' does "
     "not exist"),
    ("SELECT * FROM nodb.t", "SCHEMA_NOT_FOUND: line 1:15: Schema 'nodb' does not exist"),
    ("SELECT * FROM nocat.db.t", "CATALOG_NOT_FOUND: line 1:15: Catalog 'nocat' does not exist"),
    ("SELECT cast(ROW(1) AS row(a integer)).b", "COLUMN_NOT_FOUND: ..."),
    ("SELECT a.* FROM (VALUES 1) AS t(x)", "TABLE_NOT_FOUND: line 1:8: Table 'a' not found"),
]

# refused when started
SYNTAX = [
    ("SELECT listagg(x ON OVERFLOW TRUNCATE '.') WITHIN GROUP (ORDER BY x) FROM t",
     "mismatched input ')'. Expecting: 'WITH', 'WITHOUT'"),
    ("SELECT * FROM json_table('[]', 'lax $')", "mismatched input ')'. Expecting: 'COLUMNS'"),
    ("SELECT * FROM json_table('[]', 'lax $' COLUMNS (a integer) PLAN (x OUTER y))",
     "a PLAN that names paths is not supported"),
    ("SELECT U&'\\00'", "Incomplete escape sequence"),
    ("SELECT U&'a' UESCAPE '+'", "Invalid Unicode escape character"),
    ("SELEC 1", "line 1:1: mismatched input 'SELEC'. Expecting: "),
    ("SELECT FROM t", "line 1:8: mismatched input 'FROM'. Expecting: "),
    ("SELECT 1 FROM", "line 1:14: mismatched input '<EOF>'. Expecting: "),
    ("SELECT (1", "line 1:10: mismatched input '<EOF>'. Expecting: "),
    ("SELECT 1 FROM t GROUP x", "line 1:23: mismatched input 'x'. Expecting: 'BY'"),
    ("SELECT 1 FROM t ORDER x", "line 1:23: mismatched input 'x'. Expecting: 'BY'"),
    ("SELECT 1 AS \"\"", "line 1:13: Zero-length delimited identifier not allowed"),
    ("SELECT 1 1", "line 1:10: mismatched input '1'. Expecting: "),
    ("SELECT * FROM t WHERE", "line 1:22: mismatched input '<EOF>'. Expecting: "),
    ("SELECT 'abc", "line 1:8: "),
    ("SELECT 1;\nSELECT 2", "Only one sql statement is allowed"),
]
