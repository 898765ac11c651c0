"""What DynamoDB says to bad requests: a table of operation, arguments, text."""

import pytest
from botocore.exceptions import ClientError

INVALID = "One or more parameter values were invalid: "
NO_MATCH = "The provided key element does not match the schema"
NOT_VALID = "One or more parameter values are not valid. "
KEY = {"id": {"S": "k"}}
ONE = {":v": {"N": "1"}}


def put(**members):
    return ("put_item", {"Item": {**KEY, **members}})


def update(expression, values=None, **more):
    arguments = {"Key": KEY, "UpdateExpression": expression, **more}
    if values:
        arguments["ExpressionAttributeValues"] = values
    return ("update_item", arguments)


def query(expression, values, **more):
    return (
        "query",
        {"KeyConditionExpression": expression, "ExpressionAttributeValues": values, **more},
    )


HASH = {":h": {"S": "k"}}

CASES = [
    (("put_item", {"Item": {"x": {"S": "1"}}}), INVALID + "Missing the key id in the item"),
    (
        ("put_item", {"Item": {"id": {"N": "1"}}}),
        INVALID + "Type mismatch for key id expected: S actual: N",
    ),
    (
        ("put_item", {"Item": {"id": {"S": ""}}}),
        NOT_VALID + "The AttributeValue for a key attribute cannot contain an empty string value. "
        "Key: id",
    ),
    (
        ("get_item", {"Key": {"id": {"S": ""}}}),
        INVALID + "The AttributeValue for a key attribute cannot contain an empty string value. "
        "Key: id",
    ),
    (("get_item", {"Key": {"x": {"S": "1"}}}), NO_MATCH),
    (("get_item", {"Key": {"id": {"N": "1"}}}), NO_MATCH),
    (("get_item", {"Key": {**KEY, "x": {"S": "1"}}}), NO_MATCH),
    (
        ("get_item", {"Key": {"id": {"S": "x" * 2049}}}),
        INVALID + "Size of hashkey has exceeded the maximum size limit of2048 bytes",
    ),
    (put(v={"SS": []}), INVALID + "An string set  may not be empty"),
    (put(v={"NS": ["1", "1.0"]}), "Input collection contains duplicates"),
    (put(v={"SS": ["a", "a"]}), INVALID + "Input collection [a, a] contains duplicates."),
    (put(v={"NULL": False}), INVALID + "Null attribute value types must have the value of true"),
    (put(v={"N": "x"}), "The parameter cannot be converted to a numeric value: x"),
    (
        put(v={"N": "1e126"}),
        "Number overflow. Attempting to store a number with magnitude larger than supported range",
    ),
    (
        put(v={}),
        "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
    ),
    (
        ("put_item", {"Item": KEY, "ReturnValues": "ALL_NEW"}),
        "ReturnValues can only be ALL_OLD or NONE",
    ),
    (
        ("put_item", {"Item": KEY, "ExpressionAttributeNames": {"#a": "a"}}),
        "ExpressionAttributeNames can only be specified when using expressions",
    ),
    (
        ("put_item", {"Item": KEY, "ExpressionAttributeValues": ONE}),
        "ExpressionAttributeValues can only be specified when using expressions: "
        "ConditionExpression is null",
    ),
    (
        (
            "put_item",
            {
                "Item": KEY,
                "ConditionExpression": "attribute_exists(a)",
                "ExpressionAttributeNames": {"#a": "a"},
            },
        ),
        "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a}",
    ),
    (
        (
            "put_item",
            {
                "Item": KEY,
                "ConditionExpression": "attribute_exists(a)",
                "Expected": {"a": {"Exists": False}},
            },
        ),
        "Can not use both expression and non-expression parameters in the same request: "
        "Non-expression parameters: {Expected} Expression parameters: {ConditionExpression}",
    ),
    (
        ("put_item", {"Item": KEY, "ConditionExpression": ""}),
        "Invalid ConditionExpression: The expression can not be empty;",
    ),
    (
        ("put_item", {"Item": KEY, "ConditionExpression": "a x b"}),
        'Invalid ConditionExpression: Syntax error; token: "x", near: "a x b"',
    ),
    (
        update("SET id = :v", ONE),
        INVALID + "Cannot update attribute id. This attribute is part of the key",
    ),
    (
        update("SET a.b = :v", ONE),
        "The document path provided in the update expression is invalid for update",
    ),
    (
        update("SET a = b"),
        "The provided expression refers to an attribute that does not exist in the item",
    ),
    (
        update("SET a = :v, a.b = :v", ONE),
        "Invalid UpdateExpression: Two document paths overlap with each other; must remove or "
        "rewrite one of these paths; path one: [a], path two: [a, b]",
    ),
    (
        update("SET a = :v", {":v": {"N": "x"}}),
        "ExpressionAttributeValues contains invalid value: The parameter cannot be converted to a "
        "numeric value: x for key :v",
    ),
    (
        ("query", {}),
        "Either the KeyConditions or KeyConditionExpression parameter must be specified in the "
        "request.",
    ),
    (query("x = :h", HASH), "Query condition missed key schema element: id"),
    (query("id > :h", HASH), "Query key condition not supported"),
    (
        query("id = :h", HASH, FilterExpression="attribute_exists(id)"),
        "Filter Expression can only contain non-primary key attributes: Primary key attribute: id",
    ),
    (
        query("id = :h", {":h": {"N": "1"}}),
        INVALID + "Condition parameter type does not match schema type",
    ),
    (query("id = :h", HASH, IndexName="none"), "The table does not have the specified index: none"),
    (
        query("id = :h", HASH, ExclusiveStartKey={"x": {"S": "1"}}),
        "The provided starting key is invalid",
    ),
    (
        query("id = :h", HASH, Select="SPECIFIC_ATTRIBUTES"),
        "Must specify the AttributesToGet or ProjectionExpression when choosing to get "
        "SPECIFIC_ATTRIBUTES",
    ),
    (
        ("scan", {"Segment": 1}),
        "The TotalSegments parameter is required but was not present in the request when Segment "
        "parameter is present",
    ),
    (
        ("scan", {"Segment": 4, "TotalSegments": 4}),
        "The Segment parameter is zero-based and must be less than parameter TotalSegments: "
        "Segment: 4 is not less than TotalSegments: 4",
    ),
    (
        ("scan", {"ExclusiveStartKey": {"x": {"S": "1"}}}),
        "The provided starting key is invalid: The provided key element does not match the schema",
    ),
    (
        ("scan", {"Limit": 0}),
        "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member "
        "must have value greater than or equal to 1",
    ),
]


@pytest.mark.parametrize("request_, text", CASES, ids=[text[-60:] for _, text in CASES])
def test_a_bad_request_is_refused_in_the_words_of_aws(server, table, request_, text):
    import botocore.config

    # What botocore would refuse itself must reach the server.
    db = server.client("dynamodb", config=botocore.config.Config(parameter_validation=False))
    operation, arguments = request_
    with pytest.raises(ClientError) as caught:
        getattr(db, operation)(TableName=table, **arguments)
    error = caught.value.response["Error"]
    assert (error["Code"], error["Message"]) == ("ValidationException", text)
