"""Expected, AttributeUpdates, KeyConditions and filters: the parameters before expressions."""

import pytest

INVALID = "One or more parameter values were invalid: "


def s(text):
    return {"S": text}


@pytest.fixture
def item(db, table):
    db.put_item(
        TableName=table,
        Item={"id": s("1"), "n": {"N": "5"}, "t": s("hello"), "set": {"SS": ["a", "b"]}},
    )
    return s("1")


def get(db, table, key="1"):
    return db.get_item(TableName=table, Key={"id": s(key)}).get("Item")


@pytest.mark.parametrize(
    "expected, holds",
    [
        ({"n": {"Value": {"N": "5.0"}}}, True),
        ({"n": {"Value": {"N": "6"}}}, False),
        ({"x": {"Exists": False}}, True),
        ({"n": {"Exists": False}}, False),
        ({"n": {"Exists": True, "Value": {"N": "5"}}}, True),
        ({"n": {"ComparisonOperator": "GT", "AttributeValueList": [{"N": "4"}]}}, True),
        ({"n": {"ComparisonOperator": "LT", "Value": {"N": "5"}}}, False),
        ({"x": {"ComparisonOperator": "NULL"}}, True),
        ({"x": {"ComparisonOperator": "NOT_NULL"}}, False),
        ({"x": {"ComparisonOperator": "NE", "Value": s("a")}}, True),
        ({"set": {"ComparisonOperator": "CONTAINS", "Value": s("a")}}, True),
        ({"set": {"ComparisonOperator": "NOT_CONTAINS", "Value": s("a")}}, False),
        ({"t": {"ComparisonOperator": "NOT_CONTAINS", "Value": s("z")}}, True),
        ({"x": {"ComparisonOperator": "NOT_CONTAINS", "Value": s("z")}}, False),
        ({"t": {"ComparisonOperator": "BEGINS_WITH", "Value": s("he")}}, True),
        ({"n": {"ComparisonOperator": "IN", "AttributeValueList": [{"N": "1"}, {"N": "5"}]}}, True),
        (
            {"n": {"ComparisonOperator": "BETWEEN", "AttributeValueList": [{"N": "1"}] * 2}},
            False,
        ),
        ({"n": {"Value": {"N": "5"}}, "t": {"Value": s("other")}}, False),
    ],
)
def test_expected_decides_a_write(db, table, item, expected, holds):
    def put():
        db.delete_item(TableName=table, Key={"id": item}, Expected=expected)

    if holds:
        put()
        assert get(db, table) is None
    else:
        with pytest.raises(db.exceptions.ConditionalCheckFailedException):
            put()
        assert get(db, table) is not None


def test_or_needs_one_of_the_expectations(db, table, item):
    expected = {"n": {"Value": {"N": "5"}}, "t": {"Value": s("other")}}
    db.put_item(
        TableName=table, Item={"id": item}, Expected=expected, ConditionalOperator="OR"
    )
    assert get(db, table) == {"id": item}


@pytest.mark.parametrize(
    "expected, text",
    [
        ({"a": {}}, "Value must be provided when Exists is null for Attribute: a"),
        ({"a": {"Exists": True}}, "Value must be provided when Exists is true for Attribute: a"),
        (
            {"a": {"Exists": False, "Value": s("x")}},
            "Value cannot be used when Exists is false for Attribute: a",
        ),
        (
            {"a": {"AttributeValueList": [s("x")]}},
            "AttributeValueList can only be used with a ComparisonOperator for Attribute: a",
        ),
        (
            {"a": {"AttributeValueList": [s("x")], "Value": s("x"), "ComparisonOperator": "EQ"}},
            "Value and AttributeValueList cannot be used together for Attribute: a",
        ),
        (
            {"a": {"Exists": True, "ComparisonOperator": "LT"}},
            "Exists and ComparisonOperator cannot be used together for Attribute: a",
        ),
        (
            {"a": {"ComparisonOperator": "LT"}},
            "Value or AttributeValueList must be used with ComparisonOperator: LT for Attribute: a",
        ),
        (
            {"a": {"ComparisonOperator": "BETWEEN", "Value": s("x")}},
            "Invalid number of argument(s) for the BETWEEN ComparisonOperator",
        ),
        (
            {"a": {"ComparisonOperator": "NULL", "Value": s("x")}},
            "Invalid number of argument(s) for the NULL ComparisonOperator",
        ),
        (
            {"a": {"ComparisonOperator": "IN", "AttributeValueList": [s("x"), {"N": "1"}]}},
            "AttributeValues inside AttributeValueList must be of same type",
        ),
        (
            {"a": {"ComparisonOperator": "LE", "Value": {"SS": ["x"]}}},
            "ComparisonOperator LE is not valid for SS AttributeValue type",
        ),
        (
            {"a": {"ComparisonOperator": "CONTAINS", "Value": {"SS": ["x"]}}},
            "ComparisonOperator CONTAINS is not valid for SS AttributeValue type",
        ),
        (
            {"a": {"ComparisonOperator": "NOT_CONTAINS", "Value": {"L": []}}},
            "ComparisonOperator NOT_CONTAINS is not valid for L AttributeValue type",
        ),
    ],
)
def test_expectations_are_checked(db, table, refused, expected, text):
    refused(
        "ValidationException",
        INVALID + text,
        db.put_item,
        TableName=table,
        Item={"id": s("1")},
        Expected=expected,
    )


def test_the_operator_needs_two_conditions(db, table, refused):
    arguments = {"TableName": table, "Item": {"id": s("1")}, "ConditionalOperator": "OR"}
    text = "ConditionalOperator cannot be used without Filter or Expected"
    refused("ValidationException", text, db.put_item, **arguments)
    arguments["Expected"] = {"a": {"Exists": False}}
    text = "ConditionalOperator can only be used when Filter or Expected has two or more elements"
    refused("ValidationException", text, db.put_item, **arguments)


def test_old_and_new_parameters_do_not_mix(db, table, refused):
    refused(
        "ValidationException",
        "Can not use both expression and non-expression parameters in the same request: "
        "Non-expression parameters: {AttributeUpdates, Expected} Expression parameters: "
        "{ConditionExpression}",
        db.update_item,
        TableName=table,
        Key={"id": s("1")},
        AttributeUpdates={"a": {"Value": s("x")}},
        Expected={"a": {"Exists": False}},
        ConditionExpression="attribute_exists(a)",
    )


def test_updates_put_add_and_delete(db, table, item):
    reply = db.update_item(
        TableName=table,
        Key={"id": item},
        AttributeUpdates={
            "t": {"Value": s("bye")},
            "n": {"Action": "ADD", "Value": {"N": "2"}},
            "set": {"Action": "DELETE", "Value": {"SS": ["a"]}},
            "more": {"Action": "ADD", "Value": {"NS": ["1"]}},
            "list": {"Action": "PUT", "Value": {"L": [s("x")]}},
        },
        ReturnValues="UPDATED_NEW",
    )
    assert reply["Attributes"] == {
        "t": s("bye"),
        "n": {"N": "7"},
        "set": {"SS": ["b"]},
        "more": {"NS": ["1"]},
        "list": {"L": [s("x")]},
    }
    db.update_item(
        TableName=table,
        Key={"id": item},
        AttributeUpdates={
            "list": {"Action": "ADD", "Value": {"L": [s("y")]}},
            "t": {"Action": "DELETE"},
            "set": {"Action": "DELETE", "Value": {"SS": ["b"]}},
            "more": {"Action": "DELETE"},
        },
    )
    assert get(db, table) == {"id": item, "n": {"N": "7"}, "list": {"L": [s("x"), s("y")]}}


def test_updates_of_a_missing_item(db, table):
    db.update_item(
        TableName=table, Key={"id": s("a")}, AttributeUpdates={"x": {"Action": "DELETE"}}
    )
    assert get(db, table, "a") is None
    db.update_item(TableName=table, Key={"id": s("a")}, AttributeUpdates={})
    assert get(db, table, "a") == {"id": s("a")}


def test_updates_are_checked(db, table, item, refused):
    def check(text, **update):
        refused(
            "ValidationException",
            text,
            db.update_item,
            TableName=table,
            Key={"id": item},
            AttributeUpdates=update,
        )

    only = "Only DELETE action is allowed when no attribute value is specified"
    check(INVALID + only, a={"Action": "PUT"})
    check(
        INVALID + "DELETE action with value is not supported for the type S",
        a={"Action": "DELETE", "Value": s("x")},
    )
    check(
        INVALID + "ADD action is not supported for the type M",
        a={"Action": "ADD", "Value": {"M": {}}},
    )
    check("Type mismatch for attribute to update", t={"Action": "ADD", "Value": {"N": "1"}})
    check(
        INVALID + "Cannot update attribute id. This attribute is part of the key",
        id={"Value": s("2")},
    )


@pytest.fixture
def series(db, ranged):
    for at in range(10):
        item = {"id": s("a"), "at": {"N": str(at)}, "even": {"BOOL": at % 2 == 0}}
        db.put_item(TableName=ranged, Item=item)
    return ranged


def keys_of(reply):
    return sorted(int(item["at"]["N"]) for item in reply["Items"])


def condition(operator, *values):
    return {"ComparisonOperator": operator, "AttributeValueList": list(values)}


def test_key_conditions_and_query_filter(db, series):
    keys = {"id": condition("EQ", s("a")), "at": condition("BETWEEN", {"N": "2"}, {"N": "6"})}
    assert keys_of(db.query(TableName=series, KeyConditions=keys)) == [2, 3, 4, 5, 6]
    reply = db.query(
        TableName=series,
        KeyConditions=keys,
        QueryFilter={"even": condition("EQ", {"BOOL": True})},
        AttributesToGet=["at"],
    )
    assert keys_of(reply) == [2, 4, 6]
    assert (reply["Count"], reply["ScannedCount"]) == (3, 5)
    assert set(reply["Items"][0]) == {"at"}


def test_scan_filter(db, series):
    filters = {"at": condition("GE", {"N": "8"}), "even": condition("EQ", {"BOOL": True})}
    assert keys_of(db.scan(TableName=series, ScanFilter=filters)) == [8]
    reply = db.scan(TableName=series, ScanFilter=filters, ConditionalOperator="OR")
    assert keys_of(reply) == [0, 2, 4, 6, 8, 9]


def test_key_conditions_are_checked(db, series, refused):
    def check(text, keys, **arguments):
        arguments.update(TableName=series, KeyConditions=keys)
        refused("ValidationException", text, db.query, **arguments)

    here = condition("EQ", s("a"))
    check("Conditions can be of length 1 or 2 only", {})
    check("Query condition missed key schema element: id", {"x": here})
    check("Query key condition not supported", {"id": condition("GT", s("a"))})
    check(
        "Attempted conditional constraint is not an indexable operation",
        {"id": here, "at": condition("NE", {"N": "1"})},
    )
    check(
        INVALID + "Condition parameter type does not match schema type",
        {"id": here, "at": condition("EQ", s("1"))},
    )
    check(
        "The BETWEEN condition was provided a range where the lower bound is greater than the "
        "upper bound",
        {"id": here, "at": condition("BETWEEN", {"N": "2"}, {"N": "1"})},
    )
    check(
        "QueryFilter can only contain non-primary key attributes: Primary key attribute: at",
        {"id": here},
        QueryFilter={"at": condition("EQ", {"N": "1"})},
    )


def test_no_attribute_goes_without_a_name(api, table, refused):
    text, key = INVALID + "Empty attribute name", {"id": s("unnamed")}
    for call, arguments in [
        (api.update_item, {"Key": key, "AttributeUpdates": {"": {"Value": s("v")}}}),
        (api.update_item, {"Key": key, "AttributeUpdates": {"": {"Action": "DELETE"}}}),
        (api.put_item, {"Item": key, "Expected": {"": {"Exists": False}}}),
        (api.put_item, {"Item": {**key, "": s("v")}}),
        (api.scan, {"ScanFilter": {"": {"ComparisonOperator": "NULL"}}}),
    ]:
        refused("ValidationException", text, call, TableName=table, **arguments)
    assert api.scan(TableName=table)["Count"] == 0


def test_lists_may_contain_any_value_but_sets_and_documents(db, table):
    db.put_item(TableName=table, Item={"id": s("1"), "l": {"L": [{"BOOL": True}, {"NULL": True}]}})
    for operator, value, found in (
        ("CONTAINS", {"BOOL": True}, True),
        ("CONTAINS", {"NULL": True}, True),
        ("CONTAINS", {"BOOL": False}, False),
        ("NOT_CONTAINS", {"BOOL": True}, False),
        ("NOT_CONTAINS", {"BOOL": False}, True),
    ):
        condition = {"ComparisonOperator": operator, "AttributeValueList": [value]}
        reply = db.scan(TableName=table, ScanFilter={"l": condition})
        assert (reply["Count"] == 1) == found, (operator, value)


def test_attributes_to_get_have_names(db, table, refused):
    text = INVALID + "Empty attribute name"
    for more in ({"Key": {"id": s("1")}}, None):
        call = db.scan if more is None else db.get_item
        refused("ValidationException", text, call, TableName=table, AttributesToGet=[""],
                **(more or {}))
