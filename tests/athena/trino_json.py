"""SQL's JSON functions and their path language: cases of Trino's manual."""

CUSTOMER = '\'{"comment": "nice", "children": [10, 13, 16]}\''
ONE = '\'{"comment": "knows best", "children": [2]}\''
PEOPLE = ('\'[{"customer": 100, "region": "AFRICA"}, {"region": "ASIA"}, '
          '{"customer": 300, "region": "AFRICA", "comment": null}]\'')
NOTES = ('\'{"id": 1, "notes": [{"type": 1, "comment": "foo"}, {"type": 2, "comment": null}], '
         '"comment": ["bar", "baz"]}\'')
LISTS = '\'[[0, 1, 2], ["a", "b", "c", "d"], [null, null]]\''
MIXED = '\'[[1, "a", null], {"key1": 1.0, "key2": true}, -2e3]\''


def path(value, text):
    """All that a path finds."""
    return f"json_query({value}, '{text}' WITH ARRAY WRAPPER ERROR ON ERROR)"


CASTS_TO_JSON = [
    ("json_format(CAST(MAP(ARRAY['b', 'a'], ARRAY[1, 2]) AS json))", '{"a":2,"b":1}', "varchar"),
    ("CAST(MAP(ARRAY['b', 'a'], ARRAY[ROW(1e10, JSON '{\"z\":1}'), ROW(2.5e0, NULL)]) AS json)",
     '{"a":{"":2.5,"":null},"b":{"":1.0E10,"":{"z":1}}}', "json"),
    ("CAST(1.50 AS json)", "1.50", "json"),
    ("CAST(nan() AS json)", '"NaN"', "json"),
    ("CAST(ARRAY[DATE '2026-01-01'] AS json)", '["2026-01-01"]', "json"),
    ("CAST('a\"b' AS json)", '"a\\"b"', "json"),
    ("CAST(CAST(NULL AS integer) AS json)", None, "json"),
]

CASTS_FROM_JSON = [
    ("CAST(JSON '[{\"a\": 1, \"B\": \"x\"}, [2, \"y\"], null]' AS "
     "array(row(a integer, b varchar)))", "[{a=1, b=x}, {a=2, b=y}, null]", "array"),
    ("CAST(JSON '{\"b\": [1, \"2\", 2.5, true, null], \"c\": 9}' AS "
     "row(b array(bigint), d double))", "{b=[1, 2, 3, 1, null], d=null}", "row"),
    ("CAST(JSON '[1, 2.5, \"x\", false]' AS array(varchar))", "[1, 2.5E0, x, false]", "array"),
    ("CAST(JSON '[1, {\"a\": [2]}, \"x\"]' AS array(json))", '[1, {"a":[2]}, "x"]', "array"),
    ("CAST(JSON '{\"1\": [1.255], \"2\": null}' AS map(integer, array(decimal(4, 2))))",
     "{1=[1.26], 2=null}", "map"),
    ("CAST(JSON '[\"NaN\", \"-Infinity\", 1e3, 7]' AS array(double))",
     "[NaN, -Infinity, 1000.0, 7.0]", "array"),
    ("CAST(JSON '[\"t\", 0, 2.5]' AS array(boolean))", "[true, false, true]", "array"),
    ("CAST(JSON '[3, [4]]' AS row(integer, array(integer)))", "{field0=3, field1=[4]}", "row"),
    ("CAST(JSON '[]' AS array(row(a integer)))", "[]", "array"),
    ("CAST(JSON 'null' AS array(row(a integer)))", None, "array"),
    ("TRY_CAST(JSON '{\"a\": 1}' AS array(integer))", None, "array"),
    ("TRY_CAST(JSON '[1, \"x\"]' AS array(integer))", None, "array"),
    ("reduce(CAST(json_parse('[{\"n\": 2}, {\"n\": 3}]') AS array(row(n bigint))), 0, "
     "(s, r) -> s + r.n, s -> s)", "5", "bigint"),
]

SCALARS_FROM_JSON = [
    ("CAST(JSON '2.5' AS varchar)", "2.5E0", "varchar"),
    ("CAST(JSON '\"xyz\"' AS varchar(2))", "xy", "varchar"),
    ("CAST(JSON 'null' AS varchar)", None, "varchar"),
    ("CAST(JSON '12345678901234567890' AS varchar)", "12345678901234567890", "varchar"),
    ("CAST(JSON '1.5' AS integer)", "2", "integer"),
    ("CAST(JSON 'true' AS double)", "1.0", "double"),
    ("CAST(JSON '\"true\"' AS boolean)", "true", "boolean"),
    ("CAST(JSON '1.555' AS decimal(3, 2))", "1.56", "decimal"),
    ("TRY_CAST(JSON '{\"a\": 1}' AS varchar)", None, "varchar"),
    ("TRY_CAST(JSON '3000000000' AS integer)", None, "integer"),
]

PARTS = [
    ("json_extract_scalar('{\"a\": 1.50}', '$.a')", "1.50", "varchar"),
    ("json_extract_scalar('{\"a\": 1e2}', '$.a')", "1e2", "varchar"),
    ("json_extract_scalar('{\"a\": null}', '$.a')", None, "varchar"),
    ("json_extract_scalar('{\"a\": [true, {\"b c\": \"x\"}]}', '$.a[1][\"b c\"]')", "x",
     "varchar"),
    ("json_extract_scalar('{\"a\": [7]}', '$.a.0')", "7", "varchar"),
    ("json_extract('{\"a-b\": [1.50, null]}', '$.a-b')", "[1.5,null]", "json"),
    ("json_extract('no json', '$.a')", None, "json"),
    ("json_size('{\"x\": {\"a\": 1, \"b\": 2}}', '$.x')", "2", "bigint"),
    ("json_size('[1]', '$[0]')", "0", "bigint"),
    ("json_size('[1]', '$[1]')", None, "bigint"),
    ("transform(ARRAY['$.a', '$.b', NULL], p -> json_extract_scalar('{\"a\": 1}', p))",
     "[1, null, null]", "array"),
]

EXISTS = [
    (f"json_exists({CUSTOMER}, 'lax $.children[*]?(@ > 10)')", "true", "boolean"),
    (f"json_exists({ONE}, 'lax $.children[*]?(@ > 10)')", "false", "boolean"),
    (f"json_exists({CUSTOMER}, 'strict $.children[2]?(@ > 10)' UNKNOWN ON ERROR)", "true",
     "boolean"),
    (f"json_exists({ONE}, 'strict $.children[2]?(@ > 10)' UNKNOWN ON ERROR)", None, "boolean"),
    (f"json_exists({ONE}, 'strict $.children[2]?(@ > 10)')", "false", "boolean"),
    (f"json_exists({ONE}, 'strict $.none' TRUE ON ERROR)", "true", "boolean"),
    ("json_exists('no json', 'lax $')", "false", "boolean"),
    ("json_exists(NULL, 'lax $')", None, "boolean"),
    ("json_exists('{\"p\": 9}', 'lax $?(@.p > $LEAST)' PASSING 5 AS least)", "true", "boolean"),
]

VALUE = [
    (f"json_value({CUSTOMER}, 'lax $.comment' RETURNING char(12))", "nice        ", "char"),
    (f"json_value({CUSTOMER}, 'lax $.children[0]' RETURNING tinyint)", "10", "tinyint"),
    (f"json_value({CUSTOMER}, 'strict $.children[2]' DEFAULT 'err' ON ERROR)", "16", "varchar"),
    (f"json_value({ONE}, 'strict $.children[2]' DEFAULT 'err' ON ERROR)", "err", "varchar"),
    (f"json_value({ONE}, 'lax $.children[2]' DEFAULT 'missing' ON EMPTY)", "missing", "varchar"),
    (f"json_value({ONE}, 'lax $.children[2]')", None, "varchar"),
    (f"json_value({CUSTOMER}, 'lax $.children')", None, "varchar"),
    (f"json_value({CUSTOMER}, 'lax $.children[*]')", None, "varchar"),
    (f"json_value({ONE}, 'lax $.comment' RETURNING integer DEFAULT -1 ON ERROR)", "-1", "integer"),
    ("json_value('{\"a\": null}', 'lax $.a' DEFAULT 'x' ON EMPTY)", None, "varchar"),
    ("json_value('{\"a\": true}', 'lax $.a')", "true", "varchar"),
    ("json_value('{\"a\": 1.5}', 'lax $.a' RETURNING double) + 1", "2.5", "double"),
    ("json_value('{\"price\": 10}', 'strict $.price + $O_TAX' PASSING 5 AS o_tax)", "15",
     "varchar"),
    ("json_value('{\"b\": 2}', 'lax $.keyvalue()?(@.name == $KeyName).value' "
     "PASSING 'b' AS \"KeyName\")", "2", "varchar"),
    ("json_value('{}', 'lax $.a' DEFAULT json_value('[7]', 'lax $[0]') ON EMPTY)", "7", "varchar"),
    ("transform(ARRAY['[1]', '[2]'], x -> json_value(x, 'lax $[0]'))", "[1, 2]", "array"),
]

QUERY = [
    (f"json_query({CUSTOMER}, 'lax $.children')", "[10,13,16]", "varchar"),
    (f"json_query({CUSTOMER}, 'lax $.children[*]' WITHOUT ARRAY WRAPPER NULL ON ERROR)", None,
     "varchar"),
    (f"json_query({ONE}, 'lax $.children[*]' WITHOUT ARRAY WRAPPER)", "2", "varchar"),
    (f"json_query({CUSTOMER}, 'lax $.children[last]' WITH ARRAY WRAPPER)", "[16]", "varchar"),
    (f"json_query({CUSTOMER}, 'strict $.children[*]?(@ > 12)' WITH ARRAY WRAPPER "
     "EMPTY ARRAY ON EMPTY)", "[13,16]", "varchar"),
    (f"json_query({ONE}, 'strict $.children[*]?(@ > 12)' WITH ARRAY WRAPPER EMPTY ARRAY ON EMPTY)",
     "[]", "varchar"),
    (f"json_query({CUSTOMER}, 'strict $.comment' KEEP QUOTES)", '"nice"', "varchar"),
    (f"json_query({CUSTOMER}, 'strict $.comment' OMIT QUOTES)", "nice", "varchar"),
    ("json_query('[1, 2]', 'lax $' WITH CONDITIONAL ARRAY WRAPPER)", "[1,2]", "varchar"),
    ("json_query('[1, 2]', 'lax $' WITH UNCONDITIONAL ARRAY WRAPPER)", "[[1,2]]", "varchar"),
    ("json_query('[1]', 'lax $[3]' EMPTY OBJECT ON EMPTY)", "{}", "varchar"),
]

PATHS = [
    (path(PEOPLE, "lax $.customer"), "[100,300]", "varchar"),
    (path("'1'", "lax 007.50"), "[7.50]", "varchar"),
    (path("'1'", "lax 0.5e+02"), "[0.5e+02]", "varchar"),
    (path(PEOPLE, "lax $.*"), '[100,"AFRICA","ASIA",300,"AFRICA",null]', "varchar"),
    (path(NOTES, "lax $..comment"), '[["bar","baz"],"foo",null]', "varchar"),
    (path(LISTS, "strict $[*][last]"), '[2,"d",null]', "varchar"),
    (path(LISTS, "lax $[*][2 to 3]"), '[2,"c","d"]', "varchar"),
    (path(LISTS, "lax $[*][1, 0, 0]"), '[1,0,0,"b","a","a",null,null,null]', "varchar"),
    (path(LISTS, "lax $[*][*]"), '[0,1,2,"a","b","c","d",null,null]', "varchar"),
    (path(PEOPLE, 'lax $?(@.region != "ASIA").customer'), "[100,300]", "varchar"),
    (path(PEOPLE, "lax $?(!exists(@.customer))"), '[{"region":"ASIA"}]', "varchar"),
    ('json_query(' + PEOPLE + ", 'lax $?(@.region starts with \"AF\" && @.customer > 100 "
     "|| false == true).customer')", "300", "varchar"),
    (path(PEOPLE, 'lax $?((@.customer == "x") is unknown).customer'), "[100,300]", "varchar"),
    (path("'[-1, 23e4, \"5.6\"]'", "lax $.double()"), "[-1.0,230000.0,5.6]", "varchar"),
    (path("'[-1.5, -1, 1.3]'", "lax $.ceiling()"), "[-1.0,-1,2.0]", "varchar"),
    (path("'[-1.5, -1, 1.3]'", "lax $.floor()"), "[-2.0,-1,1.0]", "varchar"),
    (path("'[-1.5, -1, 1.3]'", "lax $.abs()"), "[1.5,1,1.3]", "varchar"),
    (path(PEOPLE, "lax $[0 to 1].keyvalue()"),
     '[{"name":"customer","value":100,"id":0},{"name":"region","value":"AFRICA","id":0},'
     '{"name":"region","value":"ASIA","id":1}]', "varchar"),
    (path("'[null, 1, \"a\", true, [], {}]'", "lax $[*].type()"),
     '["null","number","string","boolean","array","object"]', "varchar"),
    (path(LISTS, "lax $[*].size()"), "[3,4,2]", "varchar"),
    (path(MIXED, "lax $[*][*]"), '[1,"a",null,{"key1":1.0,"key2":true},-2e3]', "varchar"),
    (path(MIXED, "lax $[*].size()"), "[3,1,1]", "varchar"),
    (path("'{\"a\": 2}'", "lax -$.a + 7 / 2 * (5 % 3)"), "[4]", "varchar"),
    (path("'{\"a b\": 2}'", 'strict $."a b"'), "[2]", "varchar"),
    (path("'[null]'", "lax $[*]?(@ == null)"), "[null]", "varchar"),
]

MADE = [
    ("json_object('a': 1, 'b': 'x')", '{"a":1,"b":"x"}', "varchar"),
    ("json_object(KEY 'a' VALUE 1.5)", '{"a":1.5}', "varchar"),
    ("json_object('a' VALUE NULL)", '{"a":null}', "varchar"),
    ("json_object('a': NULL, 'b': true ABSENT ON NULL)", '{"b":true}', "varchar"),
    ("json_object()", "{}", "varchar"),
    ("json_array()", "[]", "varchar"),
    ("json_array(1, 'a', true, NULL)", '[1,"a",true]', "varchar"),
    ("json_array(1, NULL NULL ON NULL)", "[1,null]", "varchar"),
    ("json_array('[1]' FORMAT JSON, '[1]')", '[[1],"[1]"]', "varchar"),
    ("json_array(json_object('a': DATE '2020-01-01'))", '[{"a":"2020-01-01"}]', "varchar"),
    ("json_object('a': json_array(1, 2) RETURNING varchar(100))", '{"a":[1,2]}', "varchar"),
]
