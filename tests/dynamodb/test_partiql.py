"""PartiQL: statements alone, in batches and in transactions."""

import pytest
from botocore.exceptions import ClientError

from .conftest import KEY, make_table, raw

MALFORMED = "Statement wasn't well formed, can't be processed: "
NAMES = (
    "Table name should be within the length [3, 255] and only contain 'a-z', 'A-Z', '0-9', '-', "
    "'_', '.'."
)
NO_TYPE = (
    "Unsupported data type for IS operator: {}. Supported data types are [MISSING, NULL, BOOLEAN, "
    "BLOB, STRING, NUMERIC, STRUCT, TUPLE, LIST]"
)
DISTINCT = (
    "The first operand must be distinct from the remaining operands for this operator or function; "
    "operator: "
)
OPERATOR = "Unsupported operator in Condition Expression. Operator: "
NOT_IN_UPDATE = "The function is not allowed in an update expression; function: "
OVERLAP = (
    "Two document paths overlap with each other; must remove or rewrite one of these paths; "
    "path one: {}, path two: {}"
)
TUPLE_KEYS = "Tuple keys must be of type String. Actual type: "
PARAMETERS = "Number of parameters in request and statement don't match."


def s(text):
    return {"S": text}


def n(number):
    return {"N": str(number)}


@pytest.fixture
def run(db):
    def execute(statement, *parameters, **more):
        if parameters:
            more["Parameters"] = list(parameters)
        return db.execute_statement(Statement=statement, **more)

    return execute


@pytest.fixture
def series(db, ranged):
    for who in ("a", "b"):
        for at in range(6):
            item = {"id": s(who), "at": n(at), "even": {"BOOL": at % 2 == 0}}
            item["deep"] = {"M": {"list": {"L": [n(at), s("x")]}}}
            db.put_item(TableName=ranged, Item=item)
    return ranged


def ats(reply):
    return [int(item["at"]["N"]) for item in reply["Items"]]


def test_insert_takes_every_type(db, table, run):
    run(
        f"INSERT INTO \"{table}\" VALUE {{'id': ?, 'n': -1.50, 'yes': true, 'nil': null, "
        "'l': [1, 'it''s', []], 'm': {'k': ?}, 'ss': <<'a', 'b'>>, 'ns': <<1, -2>>}",
        s("1"),
        {"B": b"\x00\x01"},
    )
    assert db.get_item(TableName=table, Key={"id": s("1")})["Item"] == {
        "id": s("1"),
        "n": n("-1.5"),
        "yes": {"BOOL": True},
        "nil": {"NULL": True},
        "l": {"L": [n(1), s("it's"), {"L": []}]},
        "m": {"M": {"k": {"B": b"\x00\x01"}}},
        "ss": {"SS": ["a", "b"]},
        "ns": {"NS": ["-2", "1"]},
    }


def test_insert_does_not_replace(table, run, refused):
    text = f"INSERT INTO \"{table}\" VALUE {{'id': 'x'}}"
    assert run(text)["Items"] == []
    duplicate = "Duplicate primary key exists in table"
    refused("DuplicateItemException", duplicate, run, statement=text)


@pytest.mark.parametrize(
    "where, wanted",
    [
        ("id = 'a'", [0, 1, 2, 3, 4, 5]),
        ("id = 'a' AND \"at\" >= 3", [3, 4, 5]),
        ("id = 'a' AND \"at\" BETWEEN 1 AND 3 AND even = true", [2]),
        ("id = 'a' ORDER BY \"at\" DESC", [5, 4, 3, 2, 1, 0]),
        ("id = 'a' AND (\"at\" = 1 OR \"at\" = 4)", [1, 4]),
        ("id = 'a' AND NOT even = true", [1, 3, 5]),
        ("id = 'a' AND \"at\" IN [1, 2, 9]", [1, 2]),
        ("id = 'a' AND deep.\"list\"[0] > 3", [4, 5]),
        ("id = 'a' AND \"deep\".\"list\"[1] = 'x' AND \"at\" < 2", [0, 1]),
        ("id = 'a' AND even IS NOT MISSING AND size(deep.\"list\") = 2 AND \"at\" = 2", [2]),
        ("id = 'a' AND gone IS MISSING AND \"at\" <> 0 AND \"at\" <= 1", [1]),
        ("id = 'a' AND begins_with(id, 'a') AND \"at\" = 0", [0]),
        ("begins_with(id, 'b') AND \"at\" = 5", [5]),
        ("id IN ['b'] AND \"at\" > 4", [5]),
    ],
)
def test_select(series, run, where, wanted):
    assert ats(run(f'SELECT * FROM "{series}" WHERE {where}')) == wanted


def places(reply):
    return [item["id"]["S"] + item["at"]["N"] for item in reply["Items"]]


@pytest.mark.parametrize("where, wanted", [
    ("id IN ['b', 'z', 'a', 'b'] AND \"at\" > 3", "a4 a5 b4 b5"),
    ("id IN ['b', 'a'] AND \"at\" > 3 ORDER BY id", "a4 a5 b4 b5"),
    ("id IN ['b', 'a'] AND \"at\" > 3 ORDER BY id DESC", "b5 b4 a5 a4"),
    ("id IN ['b', 'a'] AND \"at\" > 3 ORDER BY id DESC, \"at\" ASC", "b4 b5 a4 a5"),
    ("(id = 'b' OR id = 'a') AND \"at\" BETWEEN 1 AND 2 ORDER BY id, \"at\" DESC", "a2 a1 b2 b1"),
    ("id = 'b' AND \"at\" = 1 OR id = 'a' AND \"at\" = 2 ORDER BY id", "a2 b1"),
    ("id IN ['b'] AND \"at\" > 3 ORDER BY \"at\" DESC", "b5 b4"),
    ("id IN ['b', 'a'] AND id = 'a' AND \"at\" > 3 ORDER BY \"at\" DESC", "a5 a4"),
])
def test_select_of_several_partitions(series, run, where, wanted):
    text = f'SELECT * FROM "{series}" WHERE {where}'
    assert places(run(text)) == wanted.split()
    seen, token = [], {}
    while True:
        reply = run(text, Limit=1, **token)
        seen += places(reply)
        assert ("LastEvaluatedKey" in reply) == ("NextToken" in reply)
        if "NextToken" not in reply:
            break
        token = {"NextToken": reply["NextToken"]}
    assert seen == wanted.split(), "page by page"


def test_several_partitions_are_no_scan_and_have_their_own_order(series, run, refused):
    reply = run(f'SELECT * FROM "{series}" WHERE id IN [\'a\', \'z\'] AND "at" = 1',
                ReturnConsumedCapacity="TOTAL")
    assert reply["ConsumedCapacity"]["CapacityUnits"] == 0.5
    refused("ValidationException", "Must have at least one non-optional hash key condition in "
            "WHERE clause when using ORDER BY clause.", run,
            statement=f'SELECT * FROM "{series}" WHERE id IN [\'a\', \'b\'] ORDER BY "at"')
    refused("ValidationException", "Variable reference even in ORDER BY clause must be part of the "
            "primary key", run,
            statement=f'SELECT * FROM "{series}" WHERE id IN [\'a\'] ORDER BY id, even')
    refused("ValidationException", "Key attribute's data type should match its data type in "
            "table's schema: Key id", run,
            statement=f'SELECT * FROM "{series}" WHERE id IN [\'a\', 1]')


def test_a_list_of_partition_keys_is_answered_ten_items_a_page(db, table, run, refused):
    ids = [f"k{i:02}" for i in range(51)]
    for i in ids:
        db.put_item(TableName=table, Item={"id": s(i), "n": n(int(i[1:]) % 2)})

    def listed(count):
        return f"SELECT id FROM \"{table}\" WHERE id IN [{', '.join(map(repr, ids[:count]))}]"

    def pages(text, **more):
        token, lengths, seen = {}, [], []
        while True:
            reply = run(text, **more, **token)
            lengths.append(len(reply["Items"]))
            seen += [item["id"]["S"] for item in reply["Items"]]
            if "NextToken" not in reply:
                return lengths, seen
            token = {"NextToken": reply["NextToken"]}

    assert pages(listed(10)) == ([10], ids[:10])
    assert pages(listed(11)) == ([10, 1], ids[:11])
    assert pages(listed(20)) == ([10, 10], ids[:20])
    assert pages(listed(50)) == ([10] * 5, ids[:50])
    assert pages(listed(20) + " AND n = 1") == ([5, 5], ids[1:20:2])
    assert pages(listed(12) + " ORDER BY id DESC") == ([10, 2], ids[11::-1])
    assert pages(listed(4), Limit=3)[1] == ids[:4]
    refused("ValidationException", MALFORMED + "Too many operands of IN", run,
            statement=listed(51))
    either = " OR ".join(f"id = '{i}'" for i in ids[:12])
    assert pages(f'SELECT id FROM "{table}" WHERE {either}') == ([12], ids[:12])
    numbers = ", ".join(map(str, range(60)))
    assert len(run(f'SELECT id FROM "{table}" WHERE n IN [{numbers}]')["Items"]) == 51


def test_select_shows_what_is_asked(series, run):
    reply = run(f'SELECT "at", deep."list"[1], deep."list" '
                f'FROM "{series}" WHERE id = ? AND "at" = ?',
                s("a"), n(3))
    assert reply["Items"] == [
        {"at": n(3), "list[1]": s("x"), "list": {"L": [n(3), s("x")]}}
    ]
    assert len(run(f'SELECT * FROM "{series}"')["Items"]) == 12
    quoted = f'SELECT deep."size" FROM "{series}" WHERE id = ? AND "at" = ?'
    assert run(quoted, s("a"), n(3))["Items"] == [{}]


def test_select_goes_on_by_token(series, run, refused):
    text, seen, token = f'SELECT "at" FROM "{series}" WHERE id = \'b\'', [], {}
    while True:
        reply = run(text, Limit=2, **token)
        seen += ats(reply)
        assert ("LastEvaluatedKey" in reply) == ("NextToken" in reply)
        if "NextToken" not in reply:
            break
        assert reply["LastEvaluatedKey"] == {"id": s("b"), "at": n(seen[-1])}
        token = {"NextToken": reply["NextToken"]}
    assert seen == [0, 1, 2, 3, 4, 5]
    message = "Invalid NextToken"
    refused("ValidationException", message, run, statement=text, NextToken="bm9uc2Vuc2U=")


def test_select_from_an_index(db, fresh, run):
    name = fresh("ix")
    index = {
        "IndexName": "by-kind",
        "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    make_table(db, name, KEY["hash"], GlobalSecondaryIndexes=[index], extra={"kind": "S"})
    run(f"INSERT INTO \"{name}\" VALUE {{'id': '1', 'kind': 'k'}}")
    found = run(f"SELECT id FROM \"{name}\".\"by-kind\" WHERE kind = 'k'")["Items"]
    assert found == [{"id": s("1")}]
    db.delete_table(TableName=name)


def test_update(db, table, run, refused):
    db.put_item(TableName=table, Item={"id": s("1"), "n": n(1), "l": {"L": []}, "old": s("o")})
    reply = run(
        f'UPDATE "{table}" SET n = n + 4 SET l = list_append(l, [?]) SET tags = '
        "set_add(tags, <<'a'>>) REMOVE \"old\" WHERE id = '1' AND n = 1 RETURNING ALL NEW *",
        s("new"),
    )
    wanted = {"id": s("1"), "n": n(5), "l": {"L": [s("new")]}, "tags": {"SS": ["a"]}}
    assert reply["Items"] == [wanted]
    reply = run(f"UPDATE \"{table}\" SET n = 9 WHERE id = '1' RETURNING MODIFIED OLD *")
    assert reply["Items"] == [{"n": n(5)}]
    failed = "The conditional request failed"
    code = "ConditionalCheckFailedException"
    refused(code, failed, run, statement=f"UPDATE \"{table}\" SET n = 1 WHERE id = '1' AND n = 2")
    refused(code, failed, run, statement=f"UPDATE \"{table}\" SET n = 1 WHERE id = 'missing'")


def test_delete(db, table, run, refused):
    db.put_item(TableName=table, Item={"id": s("1"), "n": n(1)})
    refused(
        "ConditionalCheckFailedException",
        "The conditional request failed",
        run,
        statement=f"DELETE FROM \"{table}\" WHERE id = '1' AND n > 5",
    )
    text = f"DELETE FROM \"{table}\" WHERE id = '1' RETURNING ALL OLD *"
    assert run(text)["Items"] == [{"id": s("1"), "n": n(1)}]
    assert run(text)["Items"] == []


@pytest.mark.parametrize(
    "text, message",
    [
        ("DROP TABLE t", MALFORMED + "Expected data manipulation"),
        ("SELEC * FROM t", MALFORMED + "Expected data manipulation"),
        (" ", MALFORMED + "Expected data manipulation"),
        ("UPDATE t-1 SET a = 1 WHERE id = 'x'", MALFORMED + "Expected data manipulation"),
        ("UPDATE t WHERE id = 'x'", MALFORMED + "Expected data manipulation"),
        ("SELECT m.size FROM t", MALFORMED + "Invalid path dot component"),
        ("SELECT * FROM", MALFORMED + "Expected identifier"),
        ("SELECT * FROM t WHERE id = ", MALFORMED + "Expected identifier"),
        ("SELECT * FROM t WHERE id = 'a", MALFORMED + "Unterminated quote"),
        ("SELECT * FROM t WHERE id = ?", PARAMETERS),
        ("SELECT * FROM t WHERE begins_with(list_append(a, b), 'x')",
         "Unrecognized function: list_append at 1:35:11"),
        ("UPDATE t SET a = size(b) + 1 WHERE id = 'x'",
         "The function is not allowed in an update expression; function: size"),
        ("UPDATE t SET a = 1 SET a.b = 2 WHERE id = 'x'",
         "Two document paths overlap with each other; must remove or rewrite one of these paths; "
         "path one: [a], path two: [a, b]"),
        ("INSERT INTO t VALUE 5",
         "Unsupported format in item expression. Please use struct format {...} to express item "
         "values for insert statement. at 1:21:1"),
        ("INSERT INTO t VALUE {'a': <<1, 'b'>>}",
         "Unsupported data type in Bag. DynamoDB only supports either numbers or strings in bags"),
        ("SELECT * FROM t WHERE " + "(" * 120, MALFORMED + "Nested too deeply"),
        ("INSERT INTO t VALUE {'a': " + "[" * 200, MALFORMED + "Nested too deeply"),
        ("SELECT * FROM t WHERE a = 1e999",
         "Number overflow. Attempting to store a number with magnitude larger than supported "
         "range under root"),
    ],
)
def test_what_is_not_well_formed(run, refused, text, message):
    refused("ValidationException", message, run, statement=text)


def test_writes_name_all_keys(ranged, run, refused):
    message = "Where clause does not contain a mandatory equality on all key attributes"
    for text in (
        f"DELETE FROM \"{ranged}\" WHERE id = 'a'",
        f'UPDATE "{ranged}" SET x = 1',
        f"DELETE FROM \"{ranged}\" WHERE id = 'a' AND (\"at\" = 1 OR \"at\" = 2)",
    ):
        refused("ValidationException", message, run, statement=text)
    refused("ResourceNotFoundException", "Requested resource not found", run,
            statement="SELECT * FROM \"nowhere\"")


def test_a_batch_answers_for_each(db, table):
    db.put_item(TableName=table, Item={"id": s("there")})
    statements = [
        {"Statement": f"INSERT INTO \"{table}\" VALUE {{'id': 'a'}}"},
        {"Statement": f"INSERT INTO \"{table}\" VALUE {{'id': 'there'}}"},
        {"Statement": f'UPDATE "{table}" SET x = ? WHERE id = ?', "Parameters": [n(1), s("b")]},
    ]
    replies = db.batch_execute_statement(Statements=statements)["Responses"]
    assert [reply.get("Error", {}).get("Code") for reply in replies] == [
        None,
        "DuplicateItem",
        "ConditionalCheckFailed",
    ]
    reads = [{"Statement": f"SELECT * FROM \"{table}\" WHERE id = '{i}'"} for i in "ab"]
    replies = db.batch_execute_statement(Statements=reads)["Responses"]
    assert replies == [{"TableName": table, "Item": {"id": s("a")}}, {"TableName": table}]


def test_a_transaction_is_all_or_nothing(db, table, run):
    insert = f"INSERT INTO \"{table}\" VALUE {{'id': ?}}"
    exists = f"EXISTS(SELECT * FROM \"{table}\" WHERE id = 'a' AND x IS MISSING)"
    run(insert, s("a"))
    statements = [
        {"Statement": exists},
        {"Statement": insert, "Parameters": [s("b")]},
    ]
    db.execute_transaction(TransactStatements=statements)
    with pytest.raises(ClientError) as caught:
        db.execute_transaction(
            TransactStatements=[
                {"Statement": f"UPDATE \"{table}\" SET x = 1 WHERE id = 'a'"},
                {"Statement": insert, "Parameters": [s("b")]},
            ]
        )
    reasons = caught.value.response["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == ["None", "DuplicateItem"]
    reads = [
        {"Statement": f"SELECT * FROM \"{table}\" WHERE id = '{i}'"} for i in ("a", "b", "c")
    ]
    replies = db.execute_transaction(TransactStatements=reads)["Responses"]
    assert replies == [{"Item": {"id": s("a")}}, {"Item": {"id": s("b")}}, {}]


def message(run, statement, *parameters):
    with pytest.raises(ClientError) as caught:
        run(statement, *parameters)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    return caught.value.response["Error"]["Message"]


def position(text, token, start=0):
    return f" at 1:{text.index(token, start) + 1}:{len(token)}"


OPERANDS = "Incorrect number of operands for operator or function; operator or function: "
OPERAND_TYPE = "Incorrect operand type for operator or function; operator or function: "
DOCUMENT_PATH = "Operator or function requires a document path; operator or function: "
OVERFLOW = (
    "Number overflow. Attempting to store a number with magnitude larger than supported range"
)


@pytest.mark.parametrize(
    "condition, text",
    [
        ("attribute_exists('s')", DOCUMENT_PATH + "attribute_exists"),
        ("attribute_exists()", OPERANDS + "attribute_exists, number of operands: 0"),
        ("attribute_exists(s, m)", OPERANDS + "attribute_exists, number of operands: 2"),
        ("begins_with(s)", OPERANDS + "begins_with, number of operands: 1"),
        ("m.inner = 1", MALFORMED + "Invalid path dot component"),
        ("n < true", OPERAND_TYPE + "<, operand type: BOOL"),
        ("n >= null", OPERAND_TYPE + ">=, operand type: NULL"),
        ("n BETWEEN 1 AND [2]", OPERAND_TYPE + "BETWEEN, operand type: L"),
        ("n > <<1>>", OPERAND_TYPE + ">, operand type: NS"),
        ("n = 1e999", OVERFLOW + " under root"),
        ("n = [1, 1e999]", OVERFLOW + " under root[1]"),
        ("n = {'x': [1e999]}", OVERFLOW + " under root.x[0]"),
        ("n = 1e99999999999", MALFORMED),
        ("n = <<>>", "Empty bags are not supported"),
        ("n = 1 # one", MALFORMED),
        ("n = 1 /* one", MALFORMED),
        ("n = 1)", MALFORMED + "Unexpected token after expression"),
        ("n = 1 n", MALFORMED + "Unexpected token after expression"),
        ("n", "WHERE clause must contain an expression that resolves to a boolean"),
        ("n IS INT", NO_TYPE.format("INTEGER")),
        ("n IS DECIMAL", NO_TYPE.format("DECIMAL")),
        ("n IS NOT BAG", NO_TYPE.format("BAG")),
        ("n != n", DISTINCT + "<>, first operand: [n]"),
        (
            "n IS INNER",
            "Unsupported data type for IS operator: INNER. Supported data types are [MISSING, "
            "NULL, BOOLEAN, BLOB, STRING, NUMERIC, STRUCT, TUPLE, LIST]",
        ),
    ],
)
def test_refused_conditions(table, run, condition, text):
    assert message(run, f"SELECT * FROM \"{table}\" WHERE id = '1' AND {condition}") == text


def test_refusals_point_at_tokens(table, run):
    head = f'SELECT * FROM "{table}" WHERE id = \'1\' AND '
    for token in ("EXISTS", "set_add", "list_append"):
        text = head + (f"{token}(s)" if token == "EXISTS" else f"{token}(s, <<'x'>>) = s")
        wanted = "Unrecognized function: " + token.lower() + position(text, token)
        assert message(run, text) == wanted
    text = f'SELECT attribute_exists(s) FROM "{table}"'
    assert message(run, text) == "Unexpected path component" + position(text, "attribute_exists")

    def update(change):
        return f'UPDATE "{table}" SET {change} WHERE id = \'1\''

    first = "The first argument to SET_ADD must equal the assignment value"
    second = "The second argument to SET_ADD must be a value with type SET"
    for change in ("t = set_add(s, <<'x'>>)", "s = set_add(<<'a'>>, <<'b'>>)"):
        assert message(run, update(change)) == first + position(update(change), "set_add")
    for change in ("s = set_add(s, 'x')", "s = set_add(s, ['x'])"):
        text = update(change)
        assert message(run, text) == second + position(text, "s", text.index("set_add(") + 8)
    for change in ("s = set_add(s)", "s = set_add(s, <<'x'>>, <<'y'>>)"):
        text = update(change)
        wanted = "SET_ADD must have exactly two arguments" + position(text, "set_add")
        assert message(run, text) == wanted
    text = f"INSERT INTO \"{table}\" VALUE {{'id': 'a', 's': set_add(<<'a'>>, <<'b'>>)}}"
    wanted = "Unsupported data type: set_add under key root" + position(text, "set_add")
    assert message(run, text) == wanted


def test_refused_clauses(table, run):
    alias = "Aliasing is not supported"
    leftover = MALFORMED + "Unexpected token after expression"
    for text, wanted in [
        (f'SELECT * FROM "{table}" AS t', alias),
        (f'SELECT * FROM "{table}" t WHERE id = \'1\'', alias),
        (f'UPDATE "{table}" AS t SET x = 1 WHERE id = \'1\'', alias),
        (f'DELETE FROM "{table}" t WHERE id = \'1\'', alias),
        (f"INSERT INTO \"{table}\" AS t VALUE {{'id': '1'}}", leftover),
        (f'SELECT * FROM "{table}" ORDER BY id WHERE id = \'1\'', leftover),
        (f'DELETE FROM "{table}" WHERE id = \'1\' ORDER BY id', leftover),
        (
            f"INSERT INTO \"{table}\" VALUE {{'id': '1'}} RETURNING ALL OLD *",
            "RETURNING is not supported in INSERT",
        ),
        (
            f"DELETE FROM \"{table}\" WHERE id = '1' RETURNING ALL NEW *",
            "Invalid returning clause: RETURNING ALL NEW *. Only RETURNING ALL OLD * is allowed "
            "in DELETE statements.",
        ),
        (
            f"SELECT * FROM \"{table}\" ORDER BY id",
            "Must have WHERE clause in the statement when using ORDER BY clause.",
        ),
        (
            f"EXISTS(SELECT * FROM \"{table}\" WHERE id = '1' AND x = 1)",
            "EXISTS can only be used in ExecuteTransaction write requests.",
        ),
        (
            f"DELETE FROM \"{table}\".\"ind\" WHERE id = '1'",
            "This operation is not supported on an index",
        ),
    ]:
        assert message(run, text) == wanted


def test_comments_numbers_types_and_truth(db, table, run):
    item = {
        "id": s("1"), "n": n("7.3"), "b": {"BOOL": True}, "z": {"NULL": True},
        "l": {"L": []}, "m": {"M": {}}, "ss": {"SS": ["x"]}, "blob": {"B": b"x"},
    }
    db.put_item(TableName=table, Item=item)

    def holds(condition):
        text = f"SELECT * FROM \"{table}\" -- all\nWHERE id /* the key */ = '1' AND {condition}"
        return run(text)["Items"] != []

    for condition in (
        "n = .73e1", "n > -.73e1", "id IS STRING", "n IS NUMERIC", "n IS NOT BOOL", "b IS BOOLEAN",
        "z IS NULL", "l IS LIST", "m IS TUPLE", "m IS STRUCT", "\"blob\" IS BLOB",
        "attribute_exists(n) = true", "attribute_exists(q) = false", "contains(id, '1') <> false",
        "NOT attribute_exists(q)",
    ):
        assert holds(condition), condition
    for condition in ("n IS STRING", "ss IS LIST", "attribute_exists(n) = false", "q IS MISSING "
                      "AND n IS MISSING"):
        assert not holds(condition), condition


def test_delete_of_nothing_asks_nothing(db, table, run, refused):
    text = f"DELETE FROM \"{table}\" WHERE id = 'none' AND n = 5"
    assert run(text)["Items"] == []
    db.put_item(TableName=table, Item={"id": s("none")})
    refused("ConditionalCheckFailedException", "The conditional request failed", run,
            statement=text)


def test_indexes_show_what_they_project(db, fresh, run):
    name = fresh()
    keys = {"AttributeName": "id", "KeyType": "HASH"}

    def index(index_name, *schema):
        return {
            "IndexName": index_name,
            "KeySchema": list(schema),
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }

    kind = {"AttributeName": "kind", "KeyType": "RANGE"}
    make_table(
        db, name, KEY["range"], extra={"kind": "S"},
        LocalSecondaryIndexes=[index("local", keys, kind)],
        GlobalSecondaryIndexes=[index("global", {"AttributeName": "kind", "KeyType": "HASH"})],
    )
    item = {"id": s("a"), "at": n(1), "kind": s("k"), "more": s("m")}
    db.put_item(TableName=name, Item=item)
    projected = {key: item[key] for key in ("id", "at", "kind")}
    local = f"FROM \"{name}\".\"local\" WHERE id = 'a'"
    assert run("SELECT * " + local)["Items"] == [projected]
    assert run("SELECT more, kind " + local)["Items"] == [{"more": s("m"), "kind": s("k")}]
    wide = f"FROM \"{name}\".\"global\" WHERE kind = 'k'"
    assert run("SELECT * " + wide)["Items"] == [projected]
    assert message(run, "SELECT more " + wide) == (
        "One or more parameter values were invalid: Global secondary index global does not "
        "project [more]"
    )
    db.delete_table(TableName=name)


def test_a_batch_tells_of_each_statement(db, table):
    db.put_item(TableName=table, Item={"id": s("a")})
    db.put_item(TableName=table, Item={"id": s("b")})
    texts = [
        f"UPDATE \"{table}\" SET x = 1 WHERE id = 'a'",
        f'UPDATE "{table}" SET',
        f"DELETE FROM \"{table}\" WHERE x = 1",
        f"INSERT INTO \"{table}\" VALUE {{'id': 'b'}}",
        "DELETE FROM \"no-such-table\" WHERE id = 'a'",
    ]
    replies = db.batch_execute_statement(Statements=[{"Statement": text} for text in texts])
    got = [(each.get("TableName"), each.get("Error", {}).get("Code"))
           for each in replies["Responses"]]
    assert got == [
        (table, None),
        (None, "ValidationError"),
        (None, "ValidationError"),
        (table, "DuplicateItem"),
        (None, "ResourceNotFound"),
    ]
    texts = [
        f"SELECT * FROM \"{table}\" WHERE id = 'a'",
        f"SELECT * FROM \"{table}\" WHERE id = 'a' AND x = 1",
        f"SELECT * FROM \"{table}\"",
    ]
    replies = db.batch_execute_statement(Statements=[{"Statement": text} for text in texts])
    assert replies["Responses"][0]["Item"] == {"id": s("a"), "x": n(1)}
    for each in replies["Responses"][1:]:
        assert each["Error"] == {
            "Code": "ValidationError",
            "Message": "Select statements within BatchExecuteStatement must specify the primary "
            "key in the where clause.",
        }


def test_a_failed_statement_of_a_batch_shows_its_item_when_asked(api, table):
    shown = "ReturnValuesOnConditionCheckFailure"
    statements = []
    for key, what in (("a", "ALL_OLD"), ("b", "NONE")):
        api.put_item(TableName=table, Item={"id": s(key), "x": n(1)})
        text = f"UPDATE \"{table}\" SET x = 2 WHERE id = '{key}' AND x = 5"
        statements.append({"Statement": text, shown: what})
    replies = api.batch_execute_statement(Statements=statements)
    error = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
    assert replies["Responses"] == [
        {"TableName": table, "Error": {**error, "Item": {"id": s("a"), "x": n(1)}}},
        {"TableName": table, "Error": error},
    ]


def test_a_failure_names_its_table_when_it_got_to_an_item(db, table):
    db.put_item(TableName=table, Item={"id": s("a"), "t": s("x")})
    texts = [
        f"UPDATE \"{table}\" SET t = t + 1 WHERE id = 'a'",
        f"UPDATE \"{table}\" SET id = 'c' WHERE id = 'b'",
        f"UPDATE \"{table}\" SET n = 1 WHERE id = 5",
        "UPDATE nowhere SET n = 1 WHERE id = '5'",
    ]
    replies = db.batch_execute_statement(Statements=[{"Statement": text} for text in texts])
    assert all("Error" in each for each in replies["Responses"])
    assert [each.get("TableName") for each in replies["Responses"]] == [table, table, None, None]


def test_only_a_condition_that_fails_shows_its_item(api, table):
    api.put_item(TableName=table, Item={"id": s("a"), "t": s("x")})
    shown = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    for text, code in (
        (f"INSERT INTO \"{table}\" VALUE {{'id': 'a'}}", "DuplicateItem"),
        (f"UPDATE \"{table}\" SET t = t + 1 WHERE id = 'a'", "ValidationError"),
        (f"DELETE FROM \"{table}\" WHERE id = 'a' AND t = 'y'", "ConditionalCheckFailed"),
    ):
        status, reply = raw(api.server, "ExecuteTransaction",
                            {"TransactStatements": [{"Statement": text, **shown}]})
        reason = reply["CancellationReasons"][0]
        assert (status, reason["Code"]) == (400, code)
        assert ("Item" in reason) == (code == "ConditionalCheckFailed")


def test_a_batch_of_nothing_but_failures_consumes_nothing(db, table):
    for _ in range(5):
        for text in (f"DELETE FROM \"{table}\" WHERE id = '%d'", "no statement", "SELECT"):
            replies = db.batch_execute_statement(
                Statements=[{"Statement": text.replace("%d", str(i))} for i in range(25)],
                ReturnConsumedCapacity="TOTAL",
            )
            failed = [each for each in replies["Responses"] if "Error" in each]
            assert len(failed) == (0 if text.startswith("DELETE") else 25)
            assert len(replies["ConsumedCapacity"]) == (0 if failed else 1)


def test_a_batch_names_an_item_once(db, table, ranged, refused):
    text = "Provided list of item keys contains duplicates"
    put = f"INSERT INTO \"{table}\" VALUE {{'id': 'a'}}"
    cut = f'DELETE FROM "{ranged}" WHERE id = \'a\' AND "at" = '
    for one, two in (
        (put, put),
        (put, f"UPDATE \"{table}\" SET x = 1 WHERE id = 'a'"),
        (cut + "1", cut + "1.0"),
        (f"SELECT id FROM \"{table}\" WHERE id = 'a'", f"SELECT x FROM \"{table}\" WHERE 'a'=id"),
    ):
        refused("ValidationException", text, db.batch_execute_statement,
                Statements=[{"Statement": one}, {"Statement": two}, {"Statement": "SELECT"}])
    assert db.scan(TableName=table)["Items"] == []
    texts = [put, cut + "1", cut + "2", "DELETE FROM nowhere WHERE id = 'a'",
             "DELETE FROM nowhere WHERE id = 'a'", f'DELETE FROM "{table}" WHERE id = 5',
             f'DELETE FROM "{table}" WHERE id = 5']
    replies = db.batch_execute_statement(Statements=[{"Statement": text} for text in texts])
    codes = [each.get("Error", {}).get("Code") for each in replies["Responses"]]
    assert codes == [None] * 3 + ["ResourceNotFound"] * 2 + ["ValidationError"] * 2


def test_what_transactions_of_statements_refuse(server, db, table):
    def told(*texts):
        body = {"TransactStatements": [{"Statement": text} for text in texts]}
        status, reply = raw(server, "ExecuteTransaction", body)
        assert status == 400
        return reply.get("message", reply.get("Message"))

    at = "Validation failed in TransactStatements[{}]: "
    good = f"UPDATE \"{table}\" SET x = 1 WHERE id = 'a'"
    select = "Select statements within ExecuteTransaction must specify the primary key in the "
    for text in (f"SELECT * FROM \"{table}\" WHERE id = 'a' AND x = 1", f'SELECT * FROM "{table}"'):
        assert told(text) == at.format(0) + select + "where clause."
    assert told(good, f"EXISTS(SELECT * FROM \"{table}\" WHERE id = 'b')") == (
        at.format(1) + "EXISTS() must contain a single item read with additional condition"
    )
    assert told(good, "DELETE FROM") == at.format(1) + MALFORMED + "Expected identifier"
    assert told(good, "DELETE FROM nowhere WHERE id = '1'") == "Requested resource not found"
    db.put_item(TableName=table, Item={"id": s("a")})
    status, reply = raw(server, "ExecuteTransaction",
                        {"TransactStatements": [{"Statement": good}],
                         "ReturnConsumedCapacity": "TOTAL"})
    assert status == 200
    assert reply["Responses"] == []
    assert reply["ConsumedCapacity"][0]["CapacityUnits"] == 2


def test_what_does_not_fit_the_table_cancels_a_transaction(db, table, ranged):
    good = f"INSERT INTO \"{table}\" VALUE {{'id': 'never'}}"
    keys = "Key attribute's data type should match its data type in table's schema: Key "
    for text, why in (
        (f"INSERT INTO \"{table}\" VALUE {{'x': 1}}",
         "Key attribute should be present in the item: Key id"),
        (f'DELETE FROM "{table}" WHERE id = 5', keys + "id"),
        (f"UPDATE \"{table}\" SET id = 'b' WHERE id = 'a'",
         "One or more parameter values were invalid: Cannot update attribute id. This attribute is "
         "part of the key"),
        (f'DELETE FROM "{ranged}" WHERE id = \'1\'',
         "Where clause does not contain a mandatory equality on all key attributes"),
    ):
        with pytest.raises(ClientError) as raised:
            db.execute_transaction(TransactStatements=[{"Statement": good}, {"Statement": text}])
        assert raised.value.response["Error"]["Code"] == "TransactionCanceledException"
        assert raised.value.response["CancellationReasons"] == [
            {"Code": "None"}, {"Code": "ValidationError", "Message": why}
        ]
    assert "Item" not in db.get_item(TableName=table, Key={"id": s("never")})


def test_a_batch_tells_what_it_consumed(server, db, table, ranged):
    db.put_item(TableName=table, Item={"id": s("there")})
    statements = [
        f"INSERT INTO \"{table}\" VALUE {{'id': 'a'}}",
        f"INSERT INTO \"{ranged}\" VALUE {{'id': 'a', 'at': 1}}",
        f"INSERT INTO \"{table}\" VALUE {{'id': 'b'}}",
        f"INSERT INTO \"{table}\" VALUE {{'id': 'there'}}",
    ]
    body = {
        "Statements": [{"Statement": text} for text in statements],
        "ReturnConsumedCapacity": "TOTAL",
    }
    status, reply = raw(server, "BatchExecuteStatement", body)
    assert status == 200
    assert reply["ConsumedCapacity"] == [
        {"TableName": table, "CapacityUnits": 2.0},
        {"TableName": ranged, "CapacityUnits": 1.0},
    ]


def test_indexes_of_lists_are_not_negative(db, table, run):
    db.put_item(TableName=table, Item={"id": s("a"), "l": {"L": [n(1)]}})
    text = f"SELECT l[-1] FROM \"{table}\" WHERE id = 'a'"
    assert message(run, text) == (
        "List index is not within the allowable range; index: [-1] at 1:11:1"
    )
    assert run(text.replace("[-1]", "[-0]"))["Items"] == [{"l[0]": n(1)}]


@pytest.mark.parametrize(
    "statement, text",
    [
        ("SELECT id FROM some_table LIMIT 5", "Unsupported clause: LIMIT at 1:33:1"),
        ("SELECT s, s FROM some_table", "Duplicate identifiers in select clause: s"),
        ("SELECT a.s, b.s FROM some_table", "Duplicate identifiers in select clause: s"),
        ("SELECT s AS x FROM some_table", "Aliasing is not supported"),
    ],
)
def test_refused_selections(run, statement, text):
    assert message(run, statement) == text


def test_keys_have_their_types(table, ranged, run):
    text = "Key attribute's data type should match its data type in table's schema: Key "
    for name, condition, key in (
        (table, "id = 1", "id"),
        (ranged, "id = 'a' AND \"at\" = 'x'", "at"),
    ):
        assert message(run, f'SELECT * FROM "{name}" WHERE {condition}') == text + key
        assert message(run, f'DELETE FROM "{name}" WHERE {condition}') == text + key


def test_tokens_belong_to_their_statement(db, series, table, run, refused):
    token = run(f'SELECT * FROM "{series}" WHERE id = \'a\'', Limit=1)["NextToken"]
    for other in (f'SELECT * FROM "{table}"', f'SELECT * FROM "{series}" WHERE id = \'b\''):
        refused("ValidationException", "NextToken does not match request", run, statement=other,
                NextToken=token)
    refused("ValidationException", "Invalid NextToken", run,
            statement=f'SELECT * FROM "{series}"', NextToken="garbage")


@pytest.mark.parametrize(
    "condition, text",
    [
        ("s = MISSING", "MISSING must be compared using IS operator"),
        ("s IN [MISSING]", "MISSING must be compared using IS operator"),
        ("attribute_type(s, 'String')",
         "Invalid attribute type name found; type: String, valid types: "
         "{B,NULL,SS,BOOL,L,BS,N,NS,S,M}"),
        ("attribute_type(s, 5)", OPERAND_TYPE + "attribute_type, operand type: N"),
        ("attribute_type(s, t)",
         OPERAND_TYPE + "attribute_type, operand type: {NS,SS,L,BS,N,M,B,BOOL,NULL,S}"),
        ("begins_with(s, 5)", OPERAND_TYPE + "begins_with, operand type: N"),
        ("begins_with(s, s)", DISTINCT + "begins_with, first operand: [s]"),
        ("s = s", DISTINCT + "=, first operand: [s]"),
        ("m.a IN [1, m.a]", DISTINCT + "IN, first operand: [m, a]"),
        ("n BETWEEN n AND 6", DISTINCT + "BETWEEN, first operand: [n]"),
        ("n BETWEEN 6 AND 1",
         "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; "
         "lower bound operand: AttributeValue: {N:6}, upper bound operand: AttributeValue: {N:1}"),
        ("n BETWEEN 'a' AND 1",
         "The BETWEEN operator requires same data type for lower and upper bounds; lower bound "
         "operand: AttributeValue: {S:a}, upper bound operand: AttributeValue: {N:1}"),
        ("s LIKE 'a%'", OPERATOR + "like"),
        ("s NOT LIKE 'a%'", OPERATOR + "like"),
        ("n + 1 = 2", OPERATOR + "+"),
        ("n = 1 * 2", OPERATOR + "*"),
        ("s || 'd' = 'abcd'", OPERATOR + "||"),
        ("(n + 1) = 2", OPERATOR + "+"),
        ("n = (1 - 2)", OPERATOR + "-"),
        ("(n) AND n = 1", "WHERE clause must contain an expression that resolves to a boolean"),
        ("l[2147483648] = 1",
         "List index is not within the allowable range; index: [2147483648] at 1:{}:10"),
        ("value = 1", MALFORMED + "Unexpected keyword"),
        ("User = 1", MALFORMED + "Unexpected keyword"),
        ("x = date", MALFORMED + "Unexpected keyword"),
        ("m.count = 1", MALFORMED + "Invalid path dot component"),
    ],
)
def test_conditions_that_hold_of_no_item_are_refused(table, run, condition, text):
    statement = f"SELECT * FROM \"{table}\" WHERE id = '1' AND {condition}"
    at = statement.find("2147483648") + 1
    assert message(run, statement) == (text.format(at) if at > 0 else text)


def test_values_stand_on_either_side_and_in_parentheses(db, table, run):
    item = {"id": s("1"), "n": n(5), "s": s("abc"), "value": n(1), "m": {"M": {"a": n(1)}}}
    db.put_item(TableName=table, Item=item)
    for condition in ("'1' = id", "('1') = (id)", "(id) = '1'", "id = '1' AND 6 > n",
                      "id = '1' AND 5 <= n", "id = '1' AND n = +5", "id = '1' AND n IN ((5), 6)",
                      "id = '1' AND ((n)) BETWEEN (1) AND (6)", "id = '1' AND contains(s, ('b'))",
                      "id = '1' AND size((s)) = 3", "id = '1' AND m[\"a\"] = 1",
                      "id = '1' AND \"value\" = 1", "(((id = '1')) AND (n = 5 OR (n) = 6))"):
        reply = run(f'SELECT ALL * FROM "{table}" WHERE {condition}')
        assert reply["Items"] == [item], condition
    for condition in ("id = '1' AND 5 < n", "id = '1' AND 4 >= n", "'2' = id"):
        assert run(f'SELECT * FROM "{table}" WHERE {condition}')["Items"] == [], condition
    reply = run(f"UPDATE \"{table}\" SET n = (n + 1) - 2 + (1) WHERE '1' = id RETURNING ALL NEW *")
    assert reply["Items"][0]["n"] == n(5)
    reply = run(f"UPDATE \"{table}\" SET n = 9 - (3 - 1) - - 2 WHERE id = '1' RETURNING ALL NEW *")
    assert reply["Items"][0]["n"] == n(9)


@pytest.mark.parametrize(
    "change, text",
    [
        ("SET n = 'a' + 1", OPERAND_TYPE + "+, operand type: S"),
        ("SET n = n - <<1>>", OPERAND_TYPE + "-, operand type: NS"),
        ("SET l = list_append(l, 1)", OPERAND_TYPE + "list_append, operand type: N"),
        ("SET n = contains(s, 'a')", NOT_IN_UPDATE + "contains"),
        ("SET n = 1 + attribute_exists(s)", NOT_IN_UPDATE + "attribute_exists"),
        ("SET n = n * 2", "Unsupported operator in Update Expression. Operator: *"),
        ("SET n = s || 'a'", "Unsupported operator in Update Expression. Operator: ||"),
        ("SET n = MISSING", "MISSING must be compared using IS operator"),
        ("SET n = if_not_exists(m.a, m.a)", DISTINCT + "if_not_exists, first operand: [m, a]"),
        ("SET n = 1 SET n = 2", OVERLAP.format("[n]", "[n]")),
        ("SET m.a = 1, m = 2", OVERLAP.format("[m]", "[m, a]")),
        ("REMOVE s, n", MALFORMED + "Unexpected token after expression"),
        ("SET value = 1", MALFORMED + "Unexpected keyword"),
    ],
)
def test_refused_changes(table, run, change, text):
    assert message(run, f"UPDATE \"{table}\" {change} WHERE id = '1'") == text


@pytest.mark.parametrize(
    "item, text",
    [
        ("{'id': '1', 'x': 1, 'x': 2}", "Duplicate keys in tuple. Key: x under root at 1:43:3"),
        ("{'id': '1', 'm': {'x': 1, 'x': 2}}",
         "Duplicate keys in tuple. Key: x under root at 1:40:1"),
        ("{'id': '1', 'm': {'a': {'x': 1, 'x': 2}}}",
         "Duplicate keys in tuple. Key: x under root.a at 1:46:1"),
        ("{'id': '1', 'x': 1,}", MALFORMED + "Expected a name in quotes"),
        ("{\"id\": '1'}", TUPLE_KEYS + "VariableReference under root at 1:24:4"),
        ("{id: '1'}", TUPLE_KEYS + "VariableReference under root at 1:24:2"),
        ("{5: '1'}", TUPLE_KEYS + "INT under root at 1:24:1"),
        ("{'id': '1', 'x': <<true>>}",
         "Unsupported data type in Bag. DynamoDB only supports either numbers or strings in bags"),
        ("['a']",
         "Unsupported format in item expression. Please use struct format {...} to express item "
         "values for insert statement. at 1:23:1"),
    ],
)
def test_refused_items(run, item, text):
    assert message(run, f"INSERT INTO ttt VALUE {item}") == text


def test_an_inserted_item_has_the_keys_with_their_types(table, ranged, run):
    for name, item, text in (
        (table, "{'x': 1}", "Key attribute should be present in the item: Key id"),
        (ranged, "{'id': '1'}", "Key attribute should be present in the item: Key at"),
        (ranged, "{'id': '1', 'at': 'x'}",
         "Key attribute's data type should match its data type in table's schema: Key at"),
    ):
        assert message(run, f'INSERT INTO "{name}" VALUE {item}') == text


def test_key_conditions_have_types_and_are_not_empty(table, ranged, run):
    kind = "Key attribute's data type should match its data type in table's schema: Key at"
    for condition in ("\"at\" > '1'", "\"at\" BETWEEN '1' AND '2'", "begins_with(\"at\", '1')"):
        assert message(run, f'SELECT * FROM "{ranged}" WHERE id = \'a\' AND {condition}') == kind
    assert message(run, f"SELECT * FROM \"{table}\" WHERE id = ''") == (
        "One or more parameter values are not valid. The AttributeValue for a key attribute cannot "
        "contain an empty string value. Key: id"
    )
    twice = "Multiple conditions on same key id. Only single item Update/Insert/Delete are "
    twice += "supported"
    for text in (f'UPDATE "{table}" SET n = 1', f'DELETE FROM "{table}"'):
        assert message(run, text + " WHERE id = 'a' AND (n = 1 AND id = 'b')") == twice


@pytest.mark.parametrize(
    "statement, text",
    [
        ("SELECT * FROM t", NAMES),
        ('SELECT * FROM "a b" WHERE id = \'1\'', NAMES),
        ("SELECT * FROM ttt.i", NAMES),
        ("SELECT * FROM ttt.iii.x", "A path may contain at most 2 components in the FROM clause"),
        ("SELECT * FROM ttt, rrr", "Only select from a single table or index is supported."),
        ("SELECT * FROM ttt CROSS JOIN rrr",
         "Only select from a single table or index is supported."),
        ("SELECT a b FROM ttt", "Aliasing is not supported"),
        ("SELECT DISTINCT a FROM ttt", "Unsupported token in expression: DISTINCT"),
        ("SELECT VALUE a FROM ttt",
         "Select projection doesn't support value or pivot keywords"),
        ("SELECT VALUE FROM ttt", MALFORMED + "Unexpected keyword"),
        ("SELECT count FROM ttt", MALFORMED + "Unexpected keyword"),
        ("SELECT * FROM order", MALFORMED + "Unexpected keyword"),
        ("SELECT * FROM ttt WHERE id = '1' ORDER BY id LIMIT 1",
         "Unsupported clause: LIMIT at 1:52:1"),
    ],
)
def test_refused_selects(run, statement, text):
    assert message(run, statement) == text
