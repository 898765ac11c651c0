"""Bad requests no SDK would send: the wire types, the constraints, and which error comes first."""

import pytest

from .conftest import make_table, raw

PREFIX = "com.amazonaws.dynamodb.v20120810."
PARAMETERIZED = (
    "class sun.reflect.generics.reflectiveObjects.ParameterizedTypeImpl cannot be cast to class "
    "java.lang.Class (sun.reflect.generics.reflectiveObjects.ParameterizedTypeImpl and "
    "java.lang.Class are in module java.base of loader 'bootstrap')"
)
NAME_LENGTH = "TableName must be at least 3 characters long and at most 255 characters long"
NO_NAME = "The parameter 'TableName' is required but was not present in the request"
PATTERN = "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
NOT_NULL = "Member must not be null"
STARTING = "The provided starting key is invalid"
INVALID = "One or more parameter values were invalid: "
MISMATCH = "The provided key element does not match the schema"


def told(*errors):
    """Errors as (value, path, constraint), joined as AWS joins them."""
    head = f"{len(errors)} validation error{'s' if len(errors) > 1 else ''} detected: "
    return head + "; ".join(
        f"Value {value} at '{path}' failed to satisfy constraint: {constraint}"
        for value, path, constraint in errors
    )


def refusal(server, operation, body, code="ValidationException"):
    status, reply = raw(server, operation, body)
    assert (status, reply["__type"].split("#")[1]) == (400, code), reply
    return reply.get("message", reply.get("Message"))


@pytest.mark.parametrize(
    "operation, body, text",
    [
        ("PutItem", {"Item": {"a": {"S": 23}}}, "NUMBER_VALUE cannot be converted to String"),
        ("PutItem", {"Item": {"a": {"S": 2.5}}}, "DECIMAL_VALUE cannot be converted to String"),
        ("PutItem", {"Item": {"a": {"BOOL": "x"}}}, "Unexpected token received from parser"),
        ("PutItem", {"Item": {"a": "x"}}, "Unexpected value type in payload"),
        ("PutItem", {"Item": {"a": {"SS": "x"}}}, "Unexpected field type"),
        (
            "GetItem",
            {"Key": {"a": {"B": []}}},
            "Unrecognized collection type class java.nio.ByteBuffer",
        ),
        (
            "GetItem",
            {"Key": {"a": {"B": "YWE"}}},
            "Base64 encoded length is expected a multiple of 4 bytes but found: 3",
        ),
        (
            "GetItem",
            {"Key": {"a": {"B": "ab=c"}}},
            "Invalid last non-pad Base64 character dectected",
        ),
        (
            "PutItem",
            {"Expected": []},
            f"Unrecognized collection type java.util.Map<java.lang.String, {PREFIX}"
            "ExpectedAttributeValue>",
        ),
        ("PutItem", {"Expected": {"a": {"Value": "x"}}}, "Unexpected field type"),
        (
            "PutItem",
            {"ExpressionAttributeNames": []},
            "Unrecognized collection type java.util.Map<java.lang.String, java.lang.String>",
        ),
        (
            "BatchWriteItem",
            {"RequestItems": []},
            "Unrecognized collection type java.util.Map<java.lang.String, "
            f"java.util.List<{PREFIX}WriteRequest>>",
        ),
        ("BatchWriteItem", {"RequestItems": {"a": "x"}}, PARAMETERIZED),
        ("BatchGetItem", {"RequestItems": {"a": {"Keys": [1]}}}, PARAMETERIZED),
        ("UpdateTable", {"ProvisionedThroughput": "x"}, "Unexpected field type"),
        ("CreateTable", {"KeySchema": ["x"]}, "Unexpected value type in payload"),
        # Far from what is validated first, and yet before it.
        (
            "TransactWriteItems",
            {"TransactItems": [{"Put": {"Item": {"a": {"N": 1}}}}]},
            "NUMBER_VALUE cannot be converted to String",
        ),
    ],
)
def test_wire_types_are_looked_at_before_all_else(server, operation, body, text):
    assert refusal(server, operation, body, "SerializationException") == text


def test_words_are_taken_for_booleans(server, table):
    key = {"id": {"S": "w"}}
    for word, flag in [("TRUE", True), ("yes", True), ("1", True), ("False", False), ("no", False)]:
        body = {"TableName": table, "Item": {**key, "b": {"BOOL": word}}}
        assert raw(server, "PutItem", body)[0] == 200
        body = {"TableName": table, "Key": key, "ConsistentRead": word}
        assert raw(server, "GetItem", body)[1]["Item"]["b"] == {"BOOL": flag}
    text = INVALID + "Null attribute value types must have the value of true"
    body = {"TableName": table, "Item": {**key, "b": {"NULL": "no"}}}
    assert refusal(server, "PutItem", body) == text


@pytest.mark.parametrize(
    "operation",
    ["CreateTable", "DescribeTable", "UpdateTable", "DeleteTable", "DescribeTimeToLive"],
)
def test_operations_on_tables_look_at_the_name_first(server, operation):
    assert refusal(server, operation, {"KeySchema": []}) == NO_NAME
    for name in ("", "a;", "a" * 256):
        assert refusal(server, operation, {"TableName": name}) == NAME_LENGTH
    assert PATTERN in refusal(server, operation, {"TableName": "abc;"})


@pytest.mark.parametrize(
    "operation, member",
    [("PutItem", "item"), ("GetItem", "key"), ("UpdateItem", "key"), ("DeleteItem", "key")],
)
def test_operations_on_items_tell_the_name_among_the_rest(server, operation, member):
    missing = ("null", member, NOT_NULL)
    least = "Member must have length greater than or equal to 3"
    for body, *errors in [
        ({}, ("null", "tableName", NOT_NULL)),
        ({"TableName": ""}, ("''", "tableName", least.replace("3", "1"))),
        ({"TableName": "a;"}, ("'a;'", "tableName", PATTERN), ("'a;'", "tableName", least)),
        ({"TableName": "abc;"}, ("'abc;'", "tableName", PATTERN)),
    ]:
        assert refusal(server, operation, body) == told(*errors, missing)


@pytest.mark.parametrize(
    "operation, body, errors",
    [
        (
            "PutItem",
            {"TableName": "abc", "Item": {}, "ReturnValues": "x"},
            [("'x'", "returnValues", "[ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]")],
        ),
        (
            "Scan",
            {"TableName": "abc", "ConditionalOperator": "x"},
            [("'x'", "conditionalOperator", "[OR, AND]")],
        ),
        (
            "Query",
            {"TableName": "abc", "Select": "x"},
            [
                (
                    "'x'",
                    "select",
                    "[SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES]",
                )
            ],
        ),
        (
            "Query",
            {"TableName": "abc", "KeyConditions": {"a": {"ComparisonOperator": "x"}}},
            [
                (
                    "'x'",
                    "keyConditions.a.member.comparisonOperator",
                    "[IN, NULL, BETWEEN, LT, NOT_CONTAINS, EQ, GT, NOT_NULL, NE, LE, BEGINS_WITH, "
                    "GE, CONTAINS]",
                )
            ],
        ),
    ],
)
def test_enumerations_are_told_in_the_order_of_aws(server, operation, body, errors):
    what = "Member must satisfy enum value set: "
    expected = [(value, path, what + values) for value, path, values in errors]
    assert refusal(server, operation, body) == told(*expected)


def test_a_map_tells_of_its_keys_its_values_and_their_members(server):
    text = refusal(server, "BatchWriteItem", {"RequestItems": {"a;": [{"PutRequest": {}}]}})
    assert text.startswith("2 validation errors detected: Value '{a;=[")
    assert "Map keys must satisfy constraint: [Member must have length less than or equal" in text
    assert text.endswith(
        "Value null at 'requestItems.a;.member.1.member.putRequest.item' failed to satisfy "
        "constraint: Member must not be null"
    )
    text = refusal(server, "BatchWriteItem", {"RequestItems": {"abc": []}})
    assert "Map value must satisfy" in text


UNITS = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
HIGH = {"ReadCapacityUnits": 10**12 + 1, "WriteCapacityUnits": 1}
HASH = [{"AttributeName": "a", "KeyType": "HASH"}]
BOTH = [*HASH, {"AttributeName": "b", "KeyType": "RANGE"}]
A, B, C = ({"AttributeName": name, "AttributeType": "S"} for name in "abc")


@pytest.mark.parametrize(
    "change, text",
    [
        (
            {"AttributeDefinitions": None, "KeySchema": None},
            told(
                ("null", "attributeDefinitions", NOT_NULL), ("null", "keySchema", NOT_NULL)
            ),
        ),
        (
            {"ProvisionedThroughput": {}},
            told(
                ("null", "provisionedThroughput.writeCapacityUnits", NOT_NULL),
                ("null", "provisionedThroughput.readCapacityUnits", NOT_NULL),
            ),
        ),
        (
            {"ProvisionedThroughput": HIGH},
            "Given value 1000000000001 for ReadCapacityUnits is out of bounds",
        ),
        (
            {"KeySchema": BOTH},
            "Invalid KeySchema: Some index key attribute have no definition",
        ),
        (
            {
                "AttributeDefinitions": [A, B, C],
                "KeySchema": BOTH,
                "LocalSecondaryIndexes": [
                    {
                        "IndexName": "local",
                        "KeySchema": BOTH,
                        "Projection": {"ProjectionType": "ALL"},
                    }
                ],
            },
            INVALID + "Some AttributeDefinitions are not used. AttributeDefinitions: [a, b, c], "
            "keys used: [a, b]",
        ),
    ],
)
def test_tables_are_refused_in_the_words_of_aws(server, fresh, change, text):
    body = {
        "TableName": fresh(),
        "AttributeDefinitions": [A],
        "KeySchema": HASH,
        "ProvisionedThroughput": UNITS,
        **change,
    }
    body = {name: value for name, value in body.items() if value is not None}
    assert refusal(server, "CreateTable", body) == text


def test_updates_of_tables_are_looked_at_before_the_table(server):
    def update(**change):
        return refusal(server, "UpdateTable", {"TableName": "abc-none", **change})

    drop = {"Delete": {"IndexName": "abc"}}
    assert update(GlobalSecondaryIndexUpdates=[]).startswith("At least one of Provisioned")
    assert update(GlobalSecondaryIndexUpdates=[{}]) == INVALID + (
        "One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, "
        "GlobalSecondaryIndexUpdate.Delete must not be null"
    )
    assert update(GlobalSecondaryIndexUpdates=[drop, drop]) == INVALID + (
        "Only one global secondary index update per index is allowed simultaneously. Index: abc"
    )
    text = "Given value 1000000000001 for ReadCapacityUnits is out of bounds"
    assert update(ProvisionedThroughput=HIGH) == text


def test_the_same_throughput_again_is_no_change(db, fresh, refused):
    name = fresh()
    make_table(
        db, name, [("id", "S", "HASH")], BillingMode="PROVISIONED", ProvisionedThroughput=UNITS
    )
    refused(
        "ValidationException",
        "The provisioned throughput for the table will not change. The requested value equals the "
        "current value. Current ReadCapacityUnits provisioned for the table: 1. Requested "
        "ReadCapacityUnits: 1. Current WriteCapacityUnits provisioned for the table: 1. Requested "
        "WriteCapacityUnits: 1. Refer to the Amazon DynamoDB Developer Guide for current limits "
        "and how to request higher limits.",
        db.update_table,
        TableName=name,
        ProvisionedThroughput=UNITS,
    )
    db.delete_table(TableName=name)


def test_tags_are_checked_in_the_words_of_aws(server):
    arn = "arn:aws:dynamodb:us-east-1:000000000000:table/none"
    missing = "Value null at 'tags' failed to satisfy constraint: Member must not be null"
    cases = [
        ("TagResource", {}, "Invalid TableArn"),
        ("TagResource", {"ResourceArn": arn}, "1 validation error detected: " + missing),
        (
            "TagResource",
            {"ResourceArn": arn, "Tags": []},
            "Atleast one Tag needs to be provided as Input.",
        ),
        (
            "UntagResource",
            {"ResourceArn": arn, "TagKeys": []},
            "Atleast one Tag Key needs to be provided as Input.",
        ),
    ]
    for operation, body, text in cases:
        assert refusal(server, operation, body) == text
    index, backup = f"{arn}/index/gsi", f"{arn}/backup/01234567890123-a1b2c3d4"
    for wrong, text in [
        ("abc", "ARNs must start with 'arn:': abc"),
        (
            index,
            "Invalid resource arn provided, only table or stream is accepted. Provided resource "
            f"arn: {index}",
        ),
        (backup, f"Provided Arn is not a DynamoDB resource arn: {backup}"),
        ("arn:aws:s3:::bucket", "Provided Arn is not a DynamoDB resource arn: arn:aws:s3:::bucket"),
    ]:
        for operation, more in [
            ("TagResource", {"Tags": [{"Key": "k", "Value": "v"}]}),
            ("UntagResource", {"TagKeys": ["k"]}),
            ("ListTagsOfResource", {}),
            ("GetResourcePolicy", {}),
            ("PutResourcePolicy", {"Policy": "{}"}),
            ("DeleteResourcePolicy", {}),
        ]:
            assert refusal(server, operation, {"ResourceArn": wrong, **more}) == INVALID + text
    gone = "ResourceNotFoundException"
    for operation, more, what in [
        ("TagResource", {"Tags": [{"Key": "k", "Value": "v"}]}, f"ResourceArn: {arn}"),
        ("UntagResource", {"TagKeys": ["k"]}, f"ResourceArn: {arn}"),
        ("ListTagsOfResource", {}, f"ResourceArn: {arn}"),
        ("GetResourcePolicy", {}, "Table: none"),
        ("PutResourcePolicy", {"Policy": "{}"}, "Table: none"),
        ("DeleteResourcePolicy", {}, "Table: none"),
    ]:
        text = f"Requested resource not found: {what} not found"
        assert refusal(server, operation, {"ResourceArn": arn, **more}, gone) == text


def test_of_several_types_a_bad_value_is_told_first(server):
    for value, text in [
        ({"S": "a", "N": "b"}, "The parameter cannot be converted to a numeric value: b"),
        (
            {"S": "a", "N": "1"},
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of "
            "the supported datatypes",
        ),
    ]:
        assert refusal(server, "PutItem", {"TableName": "abc", "Item": {"a": value}}) == text


def test_batches_tell_of_keys_in_their_own_words(server, table):
    def write(item):
        return refusal(server, "BatchWriteItem", {"RequestItems": {table: [item]}})

    assert write({"PutRequest": {"Item": {"x": {"S": "a"}}}}) == MISMATCH
    assert write({"PutRequest": {"Item": {"id": {"N": "1"}}}}) == MISMATCH
    assert write({}).startswith("Supplied AttributeValue has more than one datatypes set")
    keys = [{"a": {"N": "1"}}, {"a": {"N": "1.0"}}]
    body = {"RequestItems": {"no-such-table": {"Keys": keys}}}
    assert (
        refusal(server, "BatchGetItem", body) == "Provided list of item keys contains duplicates"
    )


def condition(operator, *values):
    return {"ComparisonOperator": operator, "AttributeValueList": list(values)}


S = {"S": "k"}
N5 = {"N": "5"}


@pytest.mark.parametrize(
    "start, at, text",
    [
        ({"id": S}, None, STARTING),
        ({"id": S, "x": N5}, None, STARTING),
        ({"id": S, "at": S}, None, MISMATCH),
        (
            {"id": {"S": "x" * 2049}, "at": N5},
            None,
            INVALID + "Size of hashkey has exceeded the maximum size limit of2048 bytes",
        ),
        (
            {"id": {"S": "other"}, "at": N5},
            None,
            STARTING[:-7] + "outside query boundaries based on provided conditions",
        ),
        (
            {"id": S, "at": N5},
            condition("GT", N5),
            "The provided starting key does not match the range key predicate",
        ),
        (
            {"id": {"S": "other"}, "at": N5},
            condition("GE", N5),
            "The query can return at most one row and cannot be restarted",
        ),
        ({"id": {"NS": []}, "at": N5}, None, INVALID + "An number set  may not be empty"),
        (
            {"id": {"SS": []}, "at": N5},
            None,
            f"{STARTING}: {INVALID}An string set  may not be empty",
        ),
    ],
)
def test_a_query_starts_where_its_conditions_say(server, ranged, start, at, text):
    conditions = {"id": condition("EQ", S), **({"at": at} if at else {})}
    body = {"TableName": ranged, "KeyConditions": conditions, "ExclusiveStartKey": start}
    assert refusal(server, "Query", body) == text


@pytest.mark.parametrize(
    "conditions, text",
    [
        (
            {"id": condition("IN", S)},
            "Attempted conditional constraint is not an indexable operation",
        ),
        ({"x": condition("EQ", S)}, "Query condition missed key schema element: id"),
        (
            {"id": condition("EQ", S), "x": condition("EQ", S)},
            "Query condition missed key schema element: at",
        ),
        ({"id": condition("LT", S)}, "Query key condition not supported"),
    ],
)
def test_key_conditions_are_checked_key_by_key(server, ranged, conditions, text):
    assert refusal(server, "Query", {"TableName": ranged, "KeyConditions": conditions}) == text


def test_key_conditions_go_with_other_expressions(db, ranged):
    db.put_item(TableName=ranged, Item={"id": S, "at": N5, "v": S})
    page = db.query(
        TableName=ranged,
        KeyConditions={"id": condition("EQ", S)},
        FilterExpression="v = :v",
        ExpressionAttributeValues={":v": S},
    )
    assert page["Count"] == 1


def test_no_path_leads_into_a_key(db, fresh, refused):
    name = fresh()
    index = {
        "IndexName": "by-kind",
        "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    make_table(
        db, name, [("id", "S", "HASH")], extra={"kind": "S"}, GlobalSecondaryIndexes=[index]
    )
    text = (
        "Key attributes must be scalars; list random access '[]' and map lookup '.' are not "
        "allowed: "
    )

    def check(end, call, **arguments):
        refused("ValidationException", text + end, call, TableName=name, **arguments)

    check("Key: id", db.get_item, Key={"id": S}, ProjectionExpression="id.x")
    check("IndexKey: kind", db.scan, FilterExpression="attribute_exists(kind[0])")
    check("IndexKey: kind", db.update_item, Key={"id": S}, UpdateExpression="SET x = kind.y")
    refused(
        "ValidationException",
        INVALID + "Type mismatch for Index Key kind Expected: S Actual: N IndexName: by-kind",
        db.update_item,
        TableName=name,
        Key={"id": S},
        UpdateExpression="SET kind = :n",
        ConditionExpression="attribute_exists(nothing)",
        ExpressionAttributeValues={":n": N5},
    )
    db.delete_table(TableName=name)


def test_sets_may_hold_an_empty_member(db, table):
    item = {"id": S, "s": {"SS": ["", "a"]}, "b": {"BS": [b""]}}
    db.put_item(TableName=table, Item=item)
    assert db.get_item(TableName=table, Key={"id": S})["Item"] == item
    changed = db.update_item(
        TableName=table,
        Key={"id": S},
        UpdateExpression="DELETE s :e ADD b :b",
        ConditionExpression="contains(s, :none)",
        ExpressionAttributeValues={
            ":e": {"SS": [""]},
            ":b": {"BS": [b"x"]},
            ":none": {"S": ""},
        },
        ReturnValues="UPDATED_NEW",
    )
    assert changed["Attributes"] == {"s": {"SS": ["a"]}, "b": {"BS": [b"", b"x"]}}


def test_delete_from_a_set_behind_no_path(db, table, refused):
    db.put_item(TableName=table, Item={"id": S})
    refused(
        "ValidationException",
        "The document path provided in the update expression is invalid for update",
        db.update_item,
        TableName=table,
        Key={"id": S},
        UpdateExpression="DELETE a.b :s",
        ExpressionAttributeValues={":s": {"SS": ["x"]}},
    )


EMPTY_KEY = (
    "One or more parameter values are not valid. The AttributeValue for a key attribute cannot "
    "contain an empty string value. Key: id"
)
EMPTY_INDEX_KEY = (
    "One or more parameter values are not valid. A value specified for a secondary index key is "
    "not supported. The AttributeValue for a key attribute cannot contain an empty string value. "
    "IndexName: by-kind, IndexKey: kind"
)


@pytest.fixture
def kinds(db, fresh):
    """A table with an index over `kind`."""
    name = fresh()
    index = {
        "IndexName": "by-kind",
        "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    make_table(
        db, name, [("id", "S", "HASH")], extra={"kind": "S"}, GlobalSecondaryIndexes=[index]
    )
    yield name
    db.delete_table(TableName=name)


def test_a_query_asks_an_index_for_no_empty_key(server, kinds):
    body = {"TableName": kinds, "ExpressionAttributeValues": {":v": {"S": ""}}}
    body["KeyConditionExpression"] = "id = :v"
    assert refusal(server, "Query", body) == EMPTY_KEY
    body.update(KeyConditionExpression="kind = :v", IndexName="by-kind")
    assert refusal(server, "Query", body) == EMPTY_INDEX_KEY


def update(name, key, text, value):
    return {
        "Update": {
            "TableName": name,
            "Key": key,
            "UpdateExpression": text,
            "ExpressionAttributeValues": {":v": value},
        }
    }


def test_what_fails_a_transaction_and_what_cancels_it(server, db, kinds):
    def put(**item):
        return {"Put": {"TableName": kinds, "Item": item}}

    def fails(text, *actions, code="ValidationException"):
        body = {"TransactItems": list(actions)}
        assert refusal(server, "TransactWriteItems", body, code) == text

    def cancels(operation, reasons, *actions):
        status, reply = raw(server, operation, {"TransactItems": list(actions)})
        assert reply["__type"].endswith("#TransactionCanceledException")
        got = [(each["Code"], each.get("Message")) for each in reply["CancellationReasons"]]
        none = ("None", None)
        assert got == [none if text is None else ("ValidationError", text) for text in reasons]

    empty, wrong = {"S": ""}, {"N": "1"}
    gone = {"Put": {"TableName": "nowhere", "Item": {"id": S}}}
    unused = update(kinds, {"id": S}, "REMOVE x", S)
    fails("Value provided in ExpressionAttributeValues unused in expressions: keys: {:v}",
          gone, unused)
    fails("Requested resource not found", put(id=empty), gone, code="ResourceNotFoundException")
    fails(EMPTY_KEY, put(id=wrong), put(id=empty))
    fails(EMPTY_KEY, update(kinds, {"id": empty}, "SET x = :v", S))
    fails(EMPTY_INDEX_KEY, put(id=S, kind=empty))
    fails(EMPTY_INDEX_KEY, update(kinds, {"id": S}, "SET kind = :v", empty))
    write = "TransactWriteItems"
    type_text = INVALID + "Type mismatch for key id expected: S actual: N"
    cancels(write, [None, type_text, None], put(id=S), put(id=wrong), put(id=S))
    cancels(write, [type_text, None], put(id=wrong), put(id=wrong))
    false = put(id=S)
    false["Put"]["ConditionExpression"] = "attribute_exists(id)"
    cancels(write, [None, type_text], false, put(id=wrong))
    cancels(write, [INVALID + "Missing the key id in the item"], put(x=S))
    cancels(write, [MISMATCH], update(kinds, {"id": wrong}, "SET x = :v", S))
    index_text = (
        INVALID + "Type mismatch for Index Key kind Expected: S Actual: N IndexName: by-kind"
    )
    cancels(write, [index_text], put(id=S, kind=wrong))
    cancels(write, [index_text], update(kinds, {"id": S}, "SET kind = :v", wrong))
    cancels(write, [index_text], update(kinds, {"id": S}, "ADD kind :v", wrong))
    fails(
        "Transaction request cannot include multiple operations on one item", put(id=S), put(id=S)
    )
    get = {"Get": {"TableName": kinds, "Key": {"id": S}}}
    cancels("TransactGetItems", [None, MISMATCH], get,
            {"Get": {"TableName": kinds, "Key": {"id": wrong}}})


def test_what_transactions_consume(db, kinds):
    item = {"id": S, "kind": S, "x": {"S": "y" * 1100}}
    request = dict(
        TransactItems=[{"Put": {"TableName": kinds, "Item": item}}],
        ClientRequestToken="once",
        ReturnConsumedCapacity="INDEXES",
    )

    def units(count, kind):
        return {"CapacityUnits": count, kind: count}

    write, read = "WriteCapacityUnits", "ReadCapacityUnits"
    index = {"by-kind": units(2, write)}
    assert db.transact_write_items(**request)["ConsumedCapacity"] == [
        {"TableName": kinds, "Table": units(4, write), "GlobalSecondaryIndexes": index,
         **units(6, write)}
    ]
    assert db.transact_write_items(**request)["ConsumedCapacity"] == [
        {"TableName": kinds, "Table": units(2, read), **units(2, read)}
    ]
    got = db.transact_get_items(
        TransactItems=[
            {"Get": {"TableName": kinds, "Key": {"id": S}, "ProjectionExpression": "nothing"}}
        ],
        ReturnConsumedCapacity="TOTAL",
    )
    assert got["Responses"] == [{}]
    assert got["ConsumedCapacity"] == [{"TableName": kinds, **units(2, read)}]


def test_a_repeat_reads_what_the_first_call_saw(db, kinds):
    item = {"id": S, "x": {"S": "y" * 9000}}
    db.put_item(TableName=kinds, Item=item)
    remove = {"Delete": {"TableName": kinds, "Key": {"id": S}}}
    check = {
        "ConditionCheck": {
            "TableName": kinds,
            "Key": {"id": {"S": "none"}},
            "ConditionExpression": "attribute_not_exists(id)",
        }
    }
    request = dict(
        TransactItems=[check, remove],
        ClientRequestToken="removed-once",
        ReturnConsumedCapacity="TOTAL",
    )
    first = db.transact_write_items(**request)["ConsumedCapacity"][0]
    assert first["WriteCapacityUnits"] == 2 * 1 + 2 * 9
    for _ in range(2):
        again = db.transact_write_items(**request)["ConsumedCapacity"][0]
        assert again["ReadCapacityUnits"] == again["CapacityUnits"] == 2 * 1 + 2 * 3


def test_actions_without_expressions_may_name_names_and_values(db, kinds, refused):
    spare = {"ExpressionAttributeNames": {"#a": "a"}}
    values = {"ExpressionAttributeValues": {":a": S}}
    db.transact_write_items(
        TransactItems=[
            {"Put": {"TableName": kinds, "Item": {"id": {"S": "p"}}, **spare, **values}},
            {"Delete": {"TableName": kinds, "Key": {"id": {"S": "d"}}, **values}},
        ]
    )
    db.transact_get_items(TransactItems=[{"Get": {"TableName": kinds, "Key": {"id": S}, **spare}}])
    for call, action in (
        (db.transact_get_items, {"Get": {"Key": {"id": S}, "ProjectionExpression": "x"}}),
        (
            db.transact_write_items,
            {"Put": {"Item": {"id": S}, "ConditionExpression": "attribute_not_exists(x)"}},
        ),
    ):
        kind = next(iter(action))
        refused(
            "ValidationException",
            "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a}",
            call,
            TransactItems=[{kind: {"TableName": kinds, **action[kind], **spare}}],
        )


def test_functions_out_of_place(db, table, refused):
    head = "Invalid ConditionExpression: The function is not allowed in a condition expression; "
    refused(
        "ValidationException",
        head + "function: list_append",
        db.delete_item,
        TableName=table,
        Key={"id": S},
        ConditionExpression="list_append(a, b) = c",
    )
