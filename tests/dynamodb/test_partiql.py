"""PartiQL: statements alone, in batches and in transactions."""

import pytest
from botocore.exceptions import ClientError

from .conftest import KEY, make_table

MALFORMED = "Statement wasn't well formed, can't be processed: "
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
        ("id = 'a' AND at >= 3", [3, 4, 5]),
        ("id = 'a' AND at BETWEEN 1 AND 3 AND even = true", [2]),
        ("id = 'a' ORDER BY at DESC", [5, 4, 3, 2, 1, 0]),
        ("id = 'a' AND (at = 1 OR at = 4)", [1, 4]),
        ("id = 'a' AND NOT even = true", [1, 3, 5]),
        ("id = 'a' AND at IN [1, 2, 9]", [1, 2]),
        ("id = 'a' AND deep.list[0] > 3", [4, 5]),
        ("id = 'a' AND \"deep\".\"list\"[1] = 'x' AND at < 2", [0, 1]),
        ("id = 'a' AND even IS NOT MISSING AND size(deep.list) = 2 AND at = 2", [2]),
        ("id = 'a' AND gone IS MISSING AND at <> 0 AND at <= 1", [1]),
        ("id = 'a' AND at = 'text'", []),
        ("id = 'a' AND begins_with(id, 'a') AND at = 0", [0]),
        ("begins_with(id, 'b') AND at = 5", [5]),
        ("id IN ['b'] AND at > 4", [5]),
    ],
)
def test_select(series, run, where, wanted):
    assert ats(run(f'SELECT * FROM "{series}" WHERE {where}')) == wanted


def test_select_shows_what_is_asked(series, run):
    reply = run(f'SELECT at, deep.list[1], deep.list FROM "{series}" WHERE id = ? AND at = ?',
                s("a"), n(3))
    assert reply["Items"] == [{"at": n(3), "list": s("x")}]
    assert len(run(f'SELECT * FROM "{series}"')["Items"]) == 12


def test_select_goes_on_by_token(series, run, refused):
    text, seen, token = f'SELECT at FROM "{series}" WHERE id = \'b\'', [], {}
    while True:
        reply = run(text, Limit=2, **token)
        seen += ats(reply)
        if "NextToken" not in reply:
            break
        token = {"NextToken": reply["NextToken"]}
    assert seen == [0, 1, 2, 3, 4, 5]
    message = "Given NextToken is invalid"
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
        "set_add(tags, <<'a'>>) REMOVE old WHERE id = '1' AND n = 1 RETURNING ALL NEW *",
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
        ("DROP TABLE t", MALFORMED + "Unexpected keyword"),
        ("SELECT * FROM", MALFORMED + "Expected identifier"),
        ("SELECT * FROM t WHERE id = ", MALFORMED + "Expected identifier"),
        ("SELECT * FROM t WHERE id", MALFORMED + "Expected expression"),
        ("SELECT * FROM t WHERE id = 'a", MALFORMED + "Unterminated quote"),
        ("SELECT * FROM t WHERE id = ?", PARAMETERS),
        ("SELECT * FROM t WHERE begins_with(list_append(a, b), 'x')",
         MALFORMED + "Expected an operand"),
        ("UPDATE t SET a = size(b) + 1 WHERE id = 'x'", MALFORMED + "Expected a value to set"),
        ("UPDATE t SET a = 1 SET a.b = 2 WHERE id = 'x'",
         MALFORMED + "Two document paths overlap with each other"),
        ("INSERT INTO t VALUE 5", MALFORMED + "Expected a tuple"),
        ("INSERT INTO t VALUE {'a': <<1, 'b'>>}", MALFORMED + "A set holds strings or numbers"),
        ("SELECT * FROM t WHERE " + "(" * 120, MALFORMED + "Nested too deeply"),
        ("INSERT INTO t VALUE {'a': " + "[" * 200, MALFORMED + "Nested too deeply"),
        ("SELECT * FROM t WHERE a = 1e999",
         "Number overflow. Attempting to store a number with magnitude larger than supported "
         "range"),
    ],
)
def test_what_is_not_well_formed(run, refused, text, message):
    refused("ValidationException", message, run, statement=text)


def test_writes_name_all_keys(ranged, run, refused):
    message = "Where clause does not contain a mandatory equality on all key attributes"
    for text in (
        f"DELETE FROM \"{ranged}\" WHERE id = 'a'",
        f'UPDATE "{ranged}" SET x = 1',
        f"DELETE FROM \"{ranged}\" WHERE id = 'a' AND (at = 1 OR at = 2)",
    ):
        refused("ValidationException", message, run, statement=text)
    refused("ResourceNotFoundException", "Requested resource not found", run,
            statement="SELECT * FROM \"nowhere\"")


def test_a_batch_answers_for_each(db, table):
    statements = [
        {"Statement": f"INSERT INTO \"{table}\" VALUE {{'id': 'a'}}"},
        {"Statement": f"INSERT INTO \"{table}\" VALUE {{'id': 'a'}}"},
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
