"""MATCH_RECOGNIZE: whole queries with the rows that Trino's documentation, or its rules followed by
hand, give; and those that fail."""

ORDERS = ("(VALUES ('cust_1', DATE '2020-05-11', 100), ('cust_1', DATE '2020-05-12', 200), "
          "('cust_2', DATE '2020-05-13', 8), ('cust_1', DATE '2020-05-14', 100), "
          "('cust_2', DATE '2020-05-15', 4), ('cust_1', DATE '2020-05-16', 50), "
          "('cust_1', DATE '2020-05-17', 100), ('cust_2', DATE '2020-05-18', 6)) "
          "AS orders(customer_id, order_date, price)")
CLICKS = ("(VALUES ('u', TIMESTAMP '2024-01-01 10:00:00', 'view'), "
          "('u', TIMESTAMP '2024-01-01 10:20:00', 'cart'), "
          "('u', TIMESTAMP '2024-01-01 10:40:00', 'buy'), "
          "('u', TIMESTAMP '2024-01-01 12:00:00', 'view'), "
          "('v', TIMESTAMP '2024-01-01 10:00:00', 'view')) AS clicks(who, at, what)")


def x(most, clause):
    """Rows 1 to `most`, in order."""
    rows = ", ".join(str(n) for n in range(1, most + 1))
    return f"SELECT * FROM (VALUES {rows}) AS t(x) MATCH_RECOGNIZE (ORDER BY x {clause})"


def labels(most, clause):
    """All rows of the matches with their variables."""
    return x(most, "MEASURES CLASSIFIER() AS c, MATCH_NUMBER() AS n " + clause)


LABELS = "integer varchar bigint"

RELATIONS = [
    # the V of the documentation
    (f"SELECT * FROM {ORDERS} MATCH_RECOGNIZE (PARTITION BY customer_id ORDER BY order_date "
     "MEASURES START.price AS start_price, LAST(DOWN.price) AS bottom_price, LAST(UP.price) AS "
     "final_price, START.order_date AS start_date, LAST(UP.order_date) AS final_date ONE ROW PER "
     "MATCH AFTER MATCH SKIP PAST LAST ROW PATTERN (START DOWN+ UP+) DEFINE DOWN AS price < "
     "PREV(price), UP AS price > PREV(price)) ORDER BY 1",
     "varchar integer integer integer date date",
     [["cust_1", "200", "50", "100", "2020-05-12", "2020-05-17"],
      ["cust_2", "8", "4", "6", "2020-05-13", "2020-05-18"]]),
    ("SELECT * FROM (VALUES (1, 1, 10), (1, 2, 8), (1, 3, 6), (1, 4, 9), (1, 5, 12), (1, 6, 11)) "
     "AS orders(custkey, orderdate, totalprice) MATCH_RECOGNIZE (PARTITION BY custkey ORDER BY "
     "orderdate MEASURES A.totalprice AS starting_price, LAST(B.totalprice) AS bottom_price, "
     "LAST(U.totalprice) AS top_price PATTERN (A B+ C+ D+) SUBSET U = (C, D) DEFINE B AS "
     "totalprice < PREV(totalprice), C AS totalprice > PREV(totalprice) AND totalprice <= "
     "A.totalprice, D AS totalprice > PREV(totalprice)) AS m", "integer integer integer integer",
     [["1", "10", "6", "12"]]),
    # sessions and a funnel
    (f"SELECT * FROM {CLICKS} MATCH_RECOGNIZE (PARTITION BY who ORDER BY at MEASURES "
     "MATCH_NUMBER() AS session, count(*) AS clicks, date_diff('minute', FIRST(at), LAST(at)) AS "
     "minutes, array_agg(what) AS what PATTERN (A B*) DEFINE B AS date_diff('minute', PREV(at), at)"
     " < 30) ORDER BY who, session", "varchar bigint bigint bigint array",
     [["u", "1", "3", "40", "[view, cart, buy]"], ["u", "2", "1", "0", "[view]"],
      ["v", "1", "1", "0", "[view]"]]),
    (f"SELECT who, n, at FROM {CLICKS} MATCH_RECOGNIZE (PARTITION BY who ORDER BY at MEASURES "
     "count(*) AS n, V.at AS at PATTERN (V X*? C X*? B) DEFINE V AS what = 'view', C AS what = "
     "'cart', B AS what = 'buy' AND at - V.at < INTERVAL '1' HOUR)",
     "varchar bigint timestamp", [["u", "3", "2024-01-01 10:00:00.000"]]),
    # windows of time by what was matched first
    (f"SELECT n, a, z FROM {CLICKS} MATCH_RECOGNIZE (PARTITION BY who ORDER BY at MEASURES "
     "count(*) AS n, FIRST(what) AS a, LAST(what) AS z PATTERN (A B*) DEFINE B AS "
     "date_diff('minute', FIRST(at), at) <= 20 AND at <= A.at + INTERVAL '30' MINUTE) ORDER BY "
     "who, n DESC, a", "bigint varchar varchar",
     [["2", "view", "cart"], ["1", "buy", "buy"], ["1", "view", "view"], ["1", "view", "view"]]),
    # patterns
    (labels(3, "ALL ROWS PER MATCH PATTERN (A B*) DEFINE B AS x > A.x"), LABELS,
     [["1", "A", "1"], ["2", "B", "1"], ["3", "B", "1"]]),
    (labels(3, "ALL ROWS PER MATCH PATTERN (A B*?) DEFINE A AS true"), LABELS,
     [["1", "A", "1"], ["2", "A", "2"], ["3", "A", "3"]]),
    (labels(3, "ALL ROWS PER MATCH PATTERN (A*? B) DEFINE B AS x = 3"), LABELS,
     [["1", "A", "1"], ["2", "A", "1"], ["3", "B", "1"]]),
    (labels(3, "ALL ROWS PER MATCH PATTERN (A | B) DEFINE A AS x = 2"), LABELS,
     [["1", "B", "1"], ["2", "A", "2"], ["3", "B", "3"]]),
    (labels(4, "ALL ROWS PER MATCH AFTER MATCH SKIP TO NEXT ROW PATTERN (PERMUTE(A, B)) DEFINE A "
     "AS x % 2 = 0"), LABELS,
     [["1", "B", "1"], ["2", "A", "1"], ["2", "A", "2"], ["3", "B", "2"], ["3", "B", "3"],
      ["4", "A", "3"]]),
    (labels(3, "ALL ROWS PER MATCH PATTERN (PERMUTE(A, B, C)) DEFINE A AS x > 1, C AS x <> 2"),
     LABELS, [["1", "B", "1"], ["2", "A", "1"], ["3", "C", "1"]]),
    (labels(4, "ALL ROWS PER MATCH PATTERN (A {- B+ -} C) DEFINE A AS true"), LABELS,
     [["1", "A", "1"], ["4", "C", "1"]]),
    (x(4, "MEASURES FINAL count(*) AS n, count(B.*) AS b ALL ROWS PER MATCH PATTERN (A {- B+ -} C) "
       "DEFINE A AS true"), "integer bigint bigint", [["1", "4", "0"], ["4", "4", "2"]]),
    (labels(6, "ALL ROWS PER MATCH PATTERN (^ A{2} | B{3} $) DEFINE A AS true"), LABELS,
     [["1", "A", "1"], ["2", "A", "1"], ["4", "B", "2"], ["5", "B", "2"], ["6", "B", "2"]]),
    (x(6, "MEASURES array_agg(x) AS xs PATTERN (A{2,3}) DEFINE A AS true"), "array",
     [["[1, 2, 3]"], ["[4, 5, 6]"]]),
    (x(6, "MEASURES array_agg(x) AS xs PATTERN (A{2,3}?) DEFINE A AS true"), "array",
     [["[1, 2]"], ["[3, 4]"], ["[5, 6]"]]),
    (x(5, "MEASURES array_agg(x) AS xs PATTERN (A{,2} B{2,}) DEFINE A AS x < 4"), "array",
     [["[1, 2, 3, 4, 5]"]]),
    (x(3, "MEASURES array_agg(CLASSIFIER()) AS xs PATTERN (A?? B{,}) DEFINE A AS true"), "array",
     [["[B, B, B]"]]),
    (x(4, "MEASURES array_agg(CLASSIFIER()) AS xs PATTERN ((A B | A C)+ D?) DEFINE C AS x = 2"),
     "array", [["[A, B, A, B]"]]),
    (x(3, "MEASURES array_agg(CLASSIFIER()) AS xs PATTERN ((A* | ())* (B?)+) DEFINE A AS x < 3"),
     "array", [["[A, A, B]"]]),
    (x(2, "MEASURES CLASSIFIER() AS c PATTERN (\"a b\" c) DEFINE C AS true"), "varchar", [["C"]]),
    # what is shown
    (labels(3, "ALL ROWS PER MATCH PATTERN (A) DEFINE A AS x > 1"), LABELS,
     [["2", "A", "1"], ["3", "A", "2"]]),
    (labels(3, "ALL ROWS PER MATCH WITH UNMATCHED ROWS PATTERN (A) DEFINE A AS x = 2"), LABELS,
     [["1", None, None], ["2", "A", "1"], ["3", None, None]]),
    (labels(3, "ALL ROWS PER MATCH SHOW EMPTY MATCHES PATTERN (A?) DEFINE A AS x = 2"), LABELS,
     [["1", None, "1"], ["2", "A", "2"], ["3", None, "3"]]),
    (labels(3, "ALL ROWS PER MATCH OMIT EMPTY MATCHES PATTERN (A?) DEFINE A AS x = 2"), LABELS,
     [["2", "A", "2"]]),
    (x(2, "MEASURES MATCH_NUMBER() AS n, count(*) AS k, sum(x) AS s, x AS y, FIRST(x) AS f, "
       "CLASSIFIER() AS c, 1 AS one PATTERN (A*?) DEFINE A AS true"),
     "bigint bigint bigint integer integer varchar integer",
     [["1", "0", None, None, None, None, "1"], ["2", "0", None, None, None, None, "1"]]),
    (x(2, "MEASURES MATCH_NUMBER() AS n, count(*) AS k, 1 AS one ALL ROWS PER MATCH WITH UNMATCHED "
       "ROWS PATTERN (A B) DEFINE B AS x > 2"), "integer bigint bigint integer",
     [["1", None, None, None], ["2", None, None, None]]),
    ("SELECT * FROM (VALUES (1, 'a', 5), (2, 'a', 4), (1, 'b', 3)) AS t(i, p, v) MATCH_RECOGNIZE "
     "(PARTITION BY p ORDER BY v MEASURES i * 10 AS ten ALL ROWS PER MATCH PATTERN (A) DEFINE A AS "
     "true)", "varchar integer integer integer",
     [["a", "4", "20", "2"], ["a", "5", "10", "1"], ["b", "3", "10", "1"]]),
    # AFTER MATCH SKIP
    (labels(4, "ALL ROWS PER MATCH AFTER MATCH SKIP TO NEXT ROW PATTERN (A B+) DEFINE B AS x > 2"),
     LABELS, [["2", "A", "1"], ["3", "B", "1"], ["4", "B", "1"], ["3", "A", "2"], ["4", "B", "2"]]),
    (labels(4, "ALL ROWS PER MATCH AFTER MATCH SKIP TO FIRST B PATTERN (A B+) DEFINE B AS x > 2"),
     LABELS, [["2", "A", "1"], ["3", "B", "1"], ["4", "B", "1"], ["3", "A", "2"], ["4", "B", "2"]]),
    (labels(4, "ALL ROWS PER MATCH AFTER MATCH SKIP TO B PATTERN (A B+) DEFINE B AS x > 2"),
     LABELS, [["2", "A", "1"], ["3", "B", "1"], ["4", "B", "1"]]),
    (labels(3, "ALL ROWS PER MATCH AFTER MATCH SKIP TO LAST U PATTERN (A (B | C)) SUBSET U = (B, C)"
     " DEFINE B AS x = 2"), LABELS,
     [["1", "A", "1"], ["2", "B", "1"], ["2", "A", "2"], ["3", "C", "2"]]),
    # navigation, running and final
    (x(4, "MEASURES x AS y, LAST(x, 1) AS l, FIRST(x, 1) AS f, PREV(x) AS p, NEXT(x, 2) AS n, "
       "PREV(LAST(x, 1), 1) AS pl, NEXT(FIRST(x)) AS nf, FINAL LAST(x) AS fl, RUNNING LAST(x) AS "
       "rl, LAST(U.x) AS u ALL ROWS PER MATCH PATTERN (A B C) SUBSET U = (A, C) DEFINE A AS true"),
     "integer integer integer integer integer integer integer integer integer integer integer",
     [["1", "1", None, None, None, "3", None, "2", "3", "1", "1"],
      ["2", "2", "1", "2", "1", "4", None, "2", "3", "2", "1"],
      ["3", "3", "2", "2", "2", None, "1", "2", "3", "3", "3"]]),
    (x(3, "MEASURES CLASSIFIER(U) AS u, PREV(CLASSIFIER()) AS p, NEXT(CLASSIFIER()) AS n, "
       "FIRST(CLASSIFIER()) || '!' AS f, LAST('x' || CLASSIFIER(), 1) AS l ALL ROWS PER MATCH "
       "PATTERN (A B) SUBSET U = (A, B) DEFINE A AS true"),
     "integer varchar varchar varchar varchar varchar",
     [["1", "A", None, "B", "A!", None], ["2", "B", "A", None, "A!", "xA"]]),
    (x(3, "MEASURES RUNNING sum(x) AS s, FINAL sum(x) AS f, avg(B.x) AS a, count(A.*) AS ca, "
       "count(B.x) AS cb, array_agg(CLASSIFIER()) AS c, max_by(CLASSIFIER(), x) AS m, sum(x * "
       "MATCH_NUMBER()) AS k ALL ROWS PER MATCH PATTERN (A B*) DEFINE B AS true"),
     "integer bigint bigint double bigint bigint array varchar bigint",
     [["1", "1", "6", None, "1", "0", "[A]", "A", "1"],
      ["2", "3", "6", "2.0", "1", "1", "[A, B]", "B", "3"],
      ["3", "6", "6", "2.5", "1", "2", "[A, B, B]", "B", "6"]]),
    (x(2, "MEASURES LAST(B.x IS NULL) AS l, B.x IS NULL AS n, coalesce(B.x, 7) AS c, "
       "any_match(ARRAY[1, 2], y -> y = A.x) AS m PATTERN (A A B?) DEFINE B AS false"),
     "boolean boolean integer boolean", [[None, "true", "7", "true"]]),
    # conditions over what was matched
    (labels(4, "ALL ROWS PER MATCH PATTERN (A B+) DEFINE B AS x - FIRST(x) <= 2 AND count(*) < 9"),
     LABELS, [["1", "A", "1"], ["2", "B", "1"], ["3", "B", "1"]]),
    (x(9, "MEASURES array_agg(x) AS xs PATTERN (A+) DEFINE A AS sum(x) <= 10"), "array",
     [["[1, 2, 3, 4]"], ["[5]"], ["[6]"], ["[7]"], ["[8]"], ["[9]"]]),
    (x(9, "MEASURES array_agg(x) AS xs PATTERN (A B*) DEFINE B AS avg(B.x) < 3.5 AND max(x) - "
       "min(A.x) < 8"), "array", [["[1, 2, 3, 4]"], ["[5]"], ["[6]"], ["[7]"], ["[8]"], ["[9]"]]),
    (x(6, "MEASURES array_agg(x) AS xs PATTERN (A B C*) SUBSET U = (B, C) DEFINE B AS "
       "MATCH_NUMBER() = 1 OR x > A.x + B.x - 5, C AS LAST(C.x, 1) IS NULL AND CLASSIFIER(U) IN "
       "('B', 'C')"), "array", [["[1, 2, 3]"], ["[4, 5, 6]"]]),
    (x(5, "MEASURES array_agg(CLASSIFIER()) AS c PATTERN ((A | B)+ C) SUBSET U = (A, B) DEFINE A "
       "AS x <> 2, C AS LAST(CLASSIFIER(), 1) = 'A' AND FIRST(U.x, 1) = 2 AND x NOT BETWEEN A.x + "
       "2 AND B.x"), "array", [["[A, B, A, A, C]"]]),
    (x(3, "MEASURES array_agg(x) AS xs PATTERN (A B) DEFINE A AS B.x IS NULL AND NOT (x = B.x) IS "
       "NOT NULL, B AS coalesce(A.x, 9) IS DISTINCT FROM x AND -A.x > -x"), "array", [["[1, 2]"]]),
    (x(3, "MEASURES array_agg(x) AS xs PATTERN (A+) DEFINE A AS NEXT(x) IS NULL OR NEXT(x) = x + 1 "
       "AND PREV(A.x, 2) IS NULL"), "array", [["[1, 2, 3]"]]),
    ("SELECT * FROM (VALUES (1, 1.5, 'a'), (2, 2.25, 'b'), (3, 9.5, 'a')) AS t(x, d, s) "
     "MATCH_RECOGNIZE (ORDER BY x MEASURES FIRST(d) AS a, LAST(s) AS z, sum(d) / 3 AS s AFTER "
     "MATCH SKIP TO NEXT ROW PATTERN (A B+) DEFINE B AS d - A.d < 2 AND s > A.s AND d > A.d * 1.1)",
     "decimal varchar decimal", [["1.50", "b", "1.25"]]),
    ("SELECT * FROM (VALUES (1, 1e0), (2, nan()), (3, 5e0)) AS t(x, d) MATCH_RECOGNIZE (ORDER BY x "
     "MEASURES array_agg(x) AS xs PATTERN (A B* C) DEFINE B AS NOT (d < A.d) AND NOT (d >= A.d), "
     "C AS d / A.d > 4)", "array", [["[1, 2, 3]"]]),
    ("SELECT * FROM (VALUES (1, TIME '10:00:00', TIMESTAMP '2020-01-01 00:00:00.123456', INTERVAL "
     "'1' DAY, INTERVAL '11' MONTH, REAL '1.5', 'Z', 1.5, true), (2, TIME '10:00:01', TIMESTAMP "
     "'2020-01-01 00:00:00.123457', INTERVAL '25' HOUR, INTERVAL '1' YEAR, REAL '1.6', 'a', "
     "1.50001, false)) AS v(i, t, s, d, y, r, c, n, b) MATCH_RECOGNIZE (ORDER BY i MEASURES i AS i "
     "PATTERN (A B) DEFINE B AS A.t < t AND A.s < s AND A.d < d AND A.y < y AND A.r < r AND A.c < "
     "c AND A.n < n AND A.b > b)", "integer", [["2"]]),
    ("SELECT * FROM (VALUES (1, 2.5, 5, DATE '2020-01-01'), (2, 3.5, 7, DATE '2020-01-03')) AS "
     "v(i, n, w, d) MATCH_RECOGNIZE (ORDER BY i MEASURES i AS i PATTERN (A B) DEFINE B AS count(*) "
     "< n AND n - A.n = 1 AND n + A.n > count(*) AND w % A.w = 2 AND w / A.w = 1 AND w * A.w = 35 "
     "AND avg(w) = 6 AND d - A.d = INTERVAL '2' DAY AND date_diff('day', A.d, d) = 2 AND max(A.d) "
     "< d)", "integer", [["2"]]),
    # as a relation among others
    ("WITH m AS (SELECT * FROM (VALUES (1, 2), (2, 2)) AS t(x, p) MATCH_RECOGNIZE (PARTITION BY p "
     "ORDER BY x DESC MEASURES LAST(x) AS y PATTERN (A B*) DEFINE B AS x < A.x)) SELECT count(*), "
     "max(m.y) FROM m JOIN m AS n ON m.p = n.p", "bigint integer", [["1", "1"]]),
    ("SELECT r.b, u FROM (VALUES (1, 2), (2, 2)) AS t(x, p) MATCH_RECOGNIZE (PARTITION BY p ORDER "
     "BY x MEASURES x AS y PATTERN (A B*) DEFINE B AS true) AS r(a, b) CROSS JOIN UNNEST(ARRAY[b, "
     "0]) AS v(u) WHERE u = b", "integer integer", [["2", "2"]]),
    ("SELECT * FROM (SELECT * FROM (VALUES 1, 2, 3) AS t(x) MATCH_RECOGNIZE (ORDER BY x MEASURES x "
     "AS y ALL ROWS PER MATCH PATTERN (A B*) DEFINE B AS x > A.x)) AS z MATCH_RECOGNIZE (ORDER BY "
     "x MEASURES y AS q PATTERN (A B C) DEFINE C AS true)", "integer", [["3"]]),
    ("SELECT x FROM (VALUES 3, 1, 2) AS t(x) MATCH_RECOGNIZE (ORDER BY x MEASURES x AS x PATTERN "
     "(A B) DEFINE B AS true) WHERE x > 1", "integer", [["2"]]),
    ("SELECT orderid, n FROM orders MATCH_RECOGNIZE (PARTITION BY orderid ORDER BY cdc_time "
     "MEASURES count(*) AS n PATTERN (I C*) DEFINE I AS cdc_event = 'INSERT', C AS cdc_event <> "
     "'INSERT') ORDER BY orderid", "varchar bigint", [["a", "2"], ["b", "2"]]),
    ("SELECT count(*), sum(n) FROM (SELECT x % 1000 AS p FROM UNNEST(sequence(1, 9999)) AS t(x)) "
     "MATCH_RECOGNIZE (PARTITION BY p MEASURES count(*) AS n PATTERN (A+) DEFINE A AS p >= 0)",
     "bigint bigint", [["1000", "9999"]]),
    # what would take for ever, step by step back
    ("SELECT count(*) FROM UNNEST(sequence(1, 2000)) AS t(x) MATCH_RECOGNIZE (ORDER BY x MEASURES "
     "x AS y PATTERN (^ (A+)+ (A | B)* ((A?)*)* (A{0,20}){0,20} C) DEFINE C AS false)", "bigint",
     [["0"]]),
]

FAILURES = [
    (x(2, "MEASURES x AS y PATTERN (A) DEFINE B AS true"),
     "INVALID_LABEL: line 1:100: defined variable: B is not a primary pattern variable"),
    (x(2, "MEASURES x AS y PATTERN (A B) SUBSET A = (B) DEFINE B AS true"),
     "INVALID_LABEL: line 1:102: union pattern variable name: A is a duplicate of primary pattern "
     "variable name"),
    (x(2, "MEASURES x AS y PATTERN (A B) SUBSET U = (C) DEFINE B AS true"),
     "INVALID_LABEL: line 1:107: subset element: C is not a primary pattern variable"),
    (x(2, "MEASURES x AS y PATTERN (A) DEFINE A AS true, A AS true"),
     "INVALID_LABEL: line 1:111: pattern variable with name: A is defined twice"),
    (x(2, "MEASURES x AS y AFTER MATCH SKIP TO C PATTERN (A) DEFINE A AS true"),
     "INVALID_LABEL: line 1:101: C is not a primary or union pattern variable"),
    (x(2, "MEASURES x AS y SEEK PATTERN (A) DEFINE A AS true"),
     "NOT_SUPPORTED: line 1:81: Pattern search modifier: SEEK is not allowed in MATCH_RECOGNIZE "
     "clause"),
    (x(2, "MEASURES x AS y ALL ROWS PER MATCH WITH UNMATCHED ROWS PATTERN (A {- B -}) DEFINE A AS "
       "true"), "INVALID_ROW_PATTERN: ..."),
    (x(2, "MEASURES x AS y PATTERN (A) DEFINE A AS x"), "TYPE_MISMATCH: line 1:105: Expression "
     "defining a label must be boolean (actual type: integer)"),
    (x(2, "MEASURES x AS y PATTERN (A{0}) DEFINE A AS true"),
     "NUMERIC_VALUE_OUT_OF_RANGE: line 1:92: Pattern quantifier upper bound must be greater than "
     "or equal to 1"),
    (x(2, "MEASURES x AS y PATTERN (A{3,2}) DEFINE A AS true"), "INVALID_RANGE: ..."),
    (x(2, "MEASURES x AS y PATTERN (A{2147483648}) DEFINE A AS true"),
     "NUMERIC_VALUE_OUT_OF_RANGE: line 1:92: Pattern quantifier lower bound must not exceed "
     "2147483647"),
    (x(2, "MEASURES x AS y PATTERN ((A{1000}){1000}) DEFINE A AS true"), "NOT_SUPPORTED: ..."),
    (x(2, "MEASURES x AS y PATTERN (PERMUTE(A, B, C, D, E, F, G, H, I, J)) DEFINE A AS true"),
     "NOT_SUPPORTED: ..."),
    (x(2, "MEASURES LAST(1) AS y PATTERN (A) DEFINE A AS true"),
     "INVALID_ARGUMENTS: line 1:74: Pattern navigation function 'last' must contain at least one "
     "column reference or CLASSIFIER()"),
    (x(2, "MEASURES LAST(A.x + B.x) AS y PATTERN (A B) DEFINE A AS true"),
     "INVALID_ARGUMENTS: line 1:74: All labels and classifiers inside the call to 'last' must "
     "match"),
    (x(2, "MEASURES max_by(A.x, x) AS y PATTERN (A B) DEFINE A AS true"),
     "INVALID_ARGUMENTS: line 1:74: All aggregate function arguments must apply to rows matched "
     "with the same label"),
    (x(2, "MEASURES FIRST(PREV(x)) AS y PATTERN (A) DEFINE A AS true"),
     "INVALID_NAVIGATION_NESTING: line 1:80: Cannot nest prev pattern navigation function inside "
     "first pattern navigation function"),
    (x(2, "MEASURES PREV(1 + LAST(x)) AS y PATTERN (A) DEFINE A AS true"),
     "INVALID_NAVIGATION_NESTING: line 1:83: Immediate nesting is required for pattern navigation "
     "functions"),
    (x(2, "MEASURES sum(LAST(x)) AS y PATTERN (A) DEFINE A AS true"),
     "INVALID_NAVIGATION_NESTING: ..."),
    (x(2, "MEASURES LAST(sum(x)) AS y PATTERN (A) DEFINE A AS true"), "NESTED_AGGREGATION: ..."),
    (x(2, "MEASURES sum(DISTINCT x) AS y PATTERN (A) DEFINE A AS true"),
     "NOT_SUPPORTED: line 1:74: Cannot use DISTINCT with aggregate function in pattern recognition "
     "context"),
    (x(2, "MEASURES FINAL PREV(x) AS y PATTERN (A) DEFINE A AS true"),
     "INVALID_PROCESSING_MODE: ..."),
    (x(2, "MEASURES FINAL abs(x) AS y PATTERN (A) DEFINE A AS true"),
     "INVALID_PROCESSING_MODE: ..."),
    (x(2, "MEASURES x AS y PATTERN (A) DEFINE A AS FINAL LAST(x) > 1"),
     "INVALID_PROCESSING_MODE: line 1:111: FINAL semantics is not supported in DEFINE clause"),
    (x(2, "MEASURES rank() OVER () AS y PATTERN (A) DEFINE A AS true"), "NESTED_WINDOW: ..."),
    (x(2, "MEASURES LAST(x, -1) AS y PATTERN (A) DEFINE A AS true"),
     "INVALID_FUNCTION_ARGUMENT: line 1:74: last pattern recognition navigation function requires "
     "a number as the second argument"),
    (x(2, "MEASURES CLASSIFIER(Z) AS y PATTERN (A) DEFINE A AS true"),
     "INVALID_FUNCTION_ARGUMENT: line 1:85: Z is not a primary pattern variable or subset name"),
    (x(2, "MEASURES t.x AS y PATTERN (A) DEFINE A AS true"),
     "COLUMN_NOT_FOUND: line 1:74: Column x prefixed with label T cannot be resolved"),
    (x(2, "MEASURES A.z AS y PATTERN (A) DEFINE A AS true"),
     "COLUMN_NOT_FOUND: line 1:74: Column z prefixed with label A cannot be resolved"),
    (x(2, "MEASURES x AS y PATTERN (A) DEFINE A AS z > 1"),
     "COLUMN_NOT_FOUND: line 1:105: Column 'z' cannot be resolved"),
    (x(2, "PATTERN (A) DEFINE A AS true"),
     "TABLE_HAS_NO_COLUMNS: line 1:15: pattern recognition output table has no columns"),
    ("SELECT * FROM (VALUES 1) AS t(x) MATCH_RECOGNIZE (PARTITION BY x + 1 PATTERN (A) DEFINE A AS "
     "true)", "INVALID_COLUMN_REFERENCE: ..."),
    ("SELECT * FROM (VALUES 1) AS t(x) MATCH_RECOGNIZE (PARTITION BY z PATTERN (A) DEFINE A AS "
     "true)", "COLUMN_NOT_FOUND: line 1:64: Column z is not present in the input relation"),
    ("SELECT * FROM (VALUES (1, 2)) AS t(x, X) MATCH_RECOGNIZE (MEASURES x AS y PATTERN (A) DEFINE "
     "A AS true)", "AMBIGUOUS_NAME: ..."),
    (x(3, "MEASURES x AS y AFTER MATCH SKIP TO FIRST A PATTERN (A B) DEFINE A AS true"),
     "GENERIC_USER_ERROR: AFTER MATCH SKIP failed: cannot skip to first row of match"),
    (x(3, "MEASURES x AS y AFTER MATCH SKIP TO LAST B PATTERN (A B? C) DEFINE B AS false"),
     "GENERIC_USER_ERROR: AFTER MATCH SKIP failed: pattern variable is not present in match"),
    (x(3, "MEASURES x AS y PATTERN (A B) DEFINE B AS CASE WHEN x > A.x THEN true END"),
     "NOT_SUPPORTED: ..."),
    (x(3, "MEASURES x AS y PATTERN (A B) DEFINE B AS x IN (SELECT 1)"), "NOT_SUPPORTED: ..."),
    (x(3, "MEASURES x AS y PATTERN (A B) DEFINE B AS 1 / (x - A.x - 1) > 0"),
     "DIVISION_BY_ZERO: Division by zero"),
    (x(2, "MEASURES x AS y PATTERN (A B) DEFINE B AS x * 1000000000 + A.x * "
       "1000000000 > 0"), "NUMERIC_VALUE_OUT_OF_RANGE: integer addition overflow: 2000000000 + "
     "1000000000"),
    ("SELECT * FROM (VALUES x'00') AS t(x) MATCH_RECOGNIZE (ORDER BY x MEASURES x AS y PATTERN (A "
     "B) DEFINE B AS x > A.x)", "NOT_SUPPORTED: ..."),
    ("SELECT RUNNING count(x) FROM (VALUES 1) AS t(x)", "INVALID_PROCESSING_MODE: line 1:16: "
     "RUNNING semantics is not supported out of pattern recognition context"),
    ("SELECT count(t.*) FROM (VALUES 1) AS t(x)", "INVALID_FUNCTION_ARGUMENT: line 1:8: label.* "
     "syntax is only supported as the only argument of row pattern count function"),
]

SYNTAX = [
    ("SELECT * FROM t MATCH_RECOGNIZE (PATTERN (A))", "mismatched input ')'. Expecting: 'DEFINE'"),
    ("SELECT * FROM t MATCH_RECOGNIZE (MEASURES x PATTERN (A) DEFINE A AS true)",
     "mismatched input 'PATTERN'. Expecting: 'AS'"),
    ("SELECT * FROM t MATCH_RECOGNIZE (PATTERN (A |) DEFINE A AS true)",
     "mismatched input ')'. Expecting: <identifier>"),
    ("SELECT * FROM t MATCH_RECOGNIZE (PATTERN (A**) DEFINE A AS true)", "mismatched input '*'"),
    ("SELECT * FROM t MATCH_RECOGNIZE (PATTERN (A{}) DEFINE A AS true)", "mismatched input '}'"),
    ("SELECT * FROM t MATCH_RECOGNIZE (AFTER MATCH SKIP PATTERN (A) DEFINE A AS true)",
     "mismatched input 'PATTERN'. Expecting: 'TO'"),
    ("SELECT a {- b", "mismatched input '{-'"),
    ("SELECT y OVER w FROM t WINDOW w AS (ORDER BY x)",
     "row pattern recognition in windows is not supported"),
    ("SELECT count(*) OVER (ORDER BY x MEASURES x AS y ROWS BETWEEN CURRENT ROW AND UNBOUNDED "
     "FOLLOWING PATTERN (A) DEFINE A AS true) FROM t",
     "row pattern recognition in windows is not supported"),
    ("SELECT count(*) OVER (ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING AFTER MATCH SKIP PAST "
     "LAST ROW SEEK PATTERN (A) DEFINE A AS true) FROM t",
     "row pattern recognition in windows is not supported"),
]
