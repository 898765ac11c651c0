"""Limits and small promises: counts, lengths, depths, batches, transactions, ARNs as names."""

import json
import re
import time

import pytest
from support import wait_until

from .conftest import KEY, make_table, raw

INVALID = "One or more parameter values were invalid: "


def s(text):
    return {"S": text}


def n(number):
    return {"N": str(number)}


K = {"id": s("k")}


def nested(levels):
    """A value that, as an attribute, makes an item of `levels` levels."""
    value = s("x")
    for level in range(levels - 1):
        value = {"M": {"a": value}} if level % 2 else {"L": [value]}
    return value


def test_an_item_has_at_most_32_levels(api, table, refused):
    text = (
        "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels "
        "beyond supported limit"
    )
    api.put_item(TableName=table, Item={**K, "v": nested(32)})
    wanted = dict(TableName=table, Item={**K, "v": nested(33)})
    refused("ValidationException", text, api.put_item, **wanted)
    set_it = dict(TableName=table, Key=K, UpdateExpression="SET v = :v")
    api.update_item(**set_it, ExpressionAttributeValues={":v": nested(32)})
    with pytest.raises(Exception, match="[Nn]est"):
        api.update_item(**set_it, ExpressionAttributeValues={":v": nested(33)})


def test_a_path_has_at_most_32_levels(api, table, refused):
    key = {"TableName": table, "Key": {"id": {"S": "a"}}}
    values = {"ExpressionAttributeValues": {":v": {"S": "x"}}}
    for step in (".b", "[0]"):
        api.get_item(**key, ProjectionExpression="a" + step * 31)
        for kind, before, after, call, more in (
            ("ProjectionExpression", "", "", api.get_item, {}),
            ("UpdateExpression", "SET ", " = :v", api.update_item, values),
            ("ConditionExpression", "", " = :v", api.delete_item, values),
        ):
            refused("ValidationException", f"Invalid {kind}: The document path has too many "
                    "nesting levels; nesting levels: 33", call, **key, **more,
                    **{kind: f"{before}a{step * 32}{after}"})


def test_what_stands_for_names_and_values_is_bounded(api, table, refused):
    def ask(names, values, expression):
        return api.scan(
            TableName=table,
            FilterExpression=expression,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
        )

    name, value, long = "#" + "n" * 254, ":" + "v" * 254, s("v" * 1_048_570)
    ask({name: "a"}, {value: n(1)}, f"{name} = {value}")
    for kind, names, values in (
        ("Names", {name + "n": "a"}, {value: n(1)}),
        ("Values", {name: "a"}, {value + "v": n(1)}),
    ):
        refused(
            "ValidationException",
            f"ExpressionAttribute{kind} contains invalid key: The expression attribute map "
            "contains a key that is too long; size of key: 256",
            ask, names=names, values=values,
            expression=f"{list(names)[0]} = {list(values)[0]}",
        )  # fmt: skip
    both, too_long = {":v": long, ":w": long}, {":v": long, ":w": s(long["S"] + "vvvvvvvvv")}
    refused("ValidationException", "ExpressionAttributeValues exceeds max size", ask,
            names={"#a": "a"}, values=too_long, expression="#a = :v OR #a = :w")  # fmt: skip
    refused(
        "ValidationException",
        "Combined size of ExpressionAttributeNames and ExpressionAttributeValues exceeds max size",
        ask, names={"#a": "a" * 10}, values=both, expression="#a = :v OR #a = :w",
    )  # fmt: skip
    ask({"#a": "a"}, both, "#a = :v OR #a = :w")
    many = {f"#{i}": "n" * 65_000 for i in range(33)}
    refused("ValidationException", "ExpressionAttributeNames exceeds max size", ask,
            names=many, values={":v": n(1)}, expression="#1 = :v")  # fmt: skip


def test_no_member_of_a_set_of_strings_is_null(api, table, refused):
    refused(
        "ValidationException",
        INVALID + "An string set may not have a null string as a member",
        api.put_item, TableName=table, Item={**K, "a": {"SS": ["x", None]}},
    )  # fmt: skip


def test_an_expression_has_at_most_300_operators(api, table, refused):
    def ask(operators):
        text = " OR ".join(["b=:v"] * ((operators + 1) // 2))
        return api.scan(
            TableName=table, FilterExpression=text, ExpressionAttributeValues={":v": n(1)}
        )

    ask(299)
    refused(
        "ValidationException",
        "Invalid FilterExpression: The expression contains too many operators; operator count: "
        "301",
        ask,
        operators=301,
    )


def test_in_takes_a_hundred_operands(api, table, refused):
    def ask(count):
        names = [f":v{i}" for i in range(count)]
        return api.scan(
            TableName=table,
            FilterExpression=f"b IN ({', '.join(names)})",
            ExpressionAttributeValues={name: n(1) for name in names},
        )

    ask(100)
    refused(
        "ValidationException",
        "Invalid FilterExpression: Incorrect number of operands for operator or function; "
        "operator or function: IN, number of operands: 101",
        ask,
        count=101,
    )


@pytest.mark.parametrize(
    "operation, body, path, least, most",
    [
        ("TransactWriteItems", {"TransactItems": 101}, "transactItems", 1, 100),
        ("TransactGetItems", {"TransactItems": 101}, "transactItems", 1, 100),
        ("BatchExecuteStatement", {"Statements": 26}, "statements", 1, 25),
        ("ExecuteTransaction", {"TransactStatements": 101}, "transactStatements", 1, 100),
    ],
)
def test_how_many_go_in_one_request(server, operation, body, path, least, most):
    ((member, count),) = body.items()
    one = {
        "TransactWriteItems": {"Put": {"TableName": "none", "Item": K}},
        "TransactGetItems": {"Get": {"TableName": "none", "Key": K}},
    }.get(operation, {"Statement": "SELECT * FROM none"})
    head = f"' at '{path}' failed to satisfy constraint: Member must have length "
    for size, end in [(0, f"greater than or equal to {least}"),
                      (count, f"less than or equal to {most}")]:  # fmt: skip
        status, reply = raw(server, operation, {member: [one] * size})
        assert status == 400 and reply["__type"].endswith("#ValidationException")
        assert reply["message"].endswith(head + end), reply["message"][-200:]


def test_a_transaction_has_at_most_four_megabytes(api, table, refused):
    def write(count, text):
        items = [{"id": s(f"{i:02}"), "t": s(text)} for i in range(count)]
        return api.transact_write_items(
            TransactItems=[{"Put": {"TableName": table, "Item": item}} for item in items]
        )

    write(10, "x" * 400_000)
    with pytest.raises(Exception) as caught:
        write(11, "x" * 400_000)
    error = caught.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert error["Message"] == "Transaction payload size cannot exceed 4 MB"

    def erase(count):  # what counts is the request, not what it finds
        keys = [{"id": s(f"{i:02}")} for i in range(count)]
        return api.transact_write_items(
            TransactItems=[{"Delete": {"TableName": table, "Key": key}} for key in keys]
        )

    api.put_item(TableName=table, Item={"id": s("10"), "t": s("x" * 400_000)})

    def read(count):  # here it is what is found
        gets = [{"Key": {"id": s(f"{i:02}")}, "ProjectionExpression": "id"} for i in range(count)]
        return api.transact_get_items(
            TransactItems=[{"Get": {"TableName": table, **get}} for get in gets]
        )

    def states(text, *parameters):
        return {"Statement": text.format(table), "Parameters": list(parameters)}

    assert len(read(10)["Responses"]) == 10
    insert = 'INSERT INTO "{}" VALUE {{\'id\': ?, \'t\': ?}}'
    inserts = [states(insert, s(f"new{i}"), s("x" * 400_000)) for i in range(11)]
    selects = [states('SELECT id FROM "{}" WHERE id = ?', s(f"{i:02}")) for i in range(11)]
    for call, arguments in (
        (read, {"count": 11}),
        (api.execute_transaction, {"TransactStatements": inserts}),
        (api.execute_transaction, {"TransactStatements": selects}),
    ):
        refused("ValidationException", error["Message"], call, **arguments)
    erase(11)


def test_what_the_account_may_have_and_where_it_lives(api, server):
    assert api.describe_limits() == {
        "AccountMaxReadCapacityUnits": 80000,
        "AccountMaxWriteCapacityUnits": 80000,
        "TableMaxReadCapacityUnits": 40000,
        "TableMaxWriteCapacityUnits": 40000,
    }
    (endpoint,) = api.describe_endpoints()["Endpoints"]
    assert endpoint["CachePeriodInMinutes"] == 1440
    assert server.url.rstrip("/").endswith(endpoint["Address"])


def test_replies_have_an_id_like_those_of_aws(server):
    seen = set()
    for body in ("{}", "[", '{"Limit": 0}') * 4:
        _, headers, _ = server.request(
            "POST", "/", body, {"X-Amz-Target": "DynamoDB_20120810.ListTables",
                                "Content-Type": "application/x-amz-json-1.0"}
        )  # fmt: skip
        assert re.fullmatch(r"[0-9A-V]{52}", headers["x-amzn-RequestId"])
        seen.add(headers["x-amzn-RequestId"])
    assert len(seen) == 12
    assert {digit for each in seen for digit in each} == set("0123456789ABCDEFGHIJKLMNOPQRSTUV")


def test_who_asks_for_the_root_is_told_the_health(server):
    status, _, body = server.request("GET", "/", None, {"Host": "dynamodb.us-east-1.amazonaws.com"})
    assert (status, body) == (200, b"healthy: dynamodb.us-east-1.amazonaws.com ")


def test_tags_come_in_pages_of_ten(api, table):
    arn = api.describe_table(TableName=table)["Table"]["TableArn"]
    tags = [{"Key": f"k{i:02}", "Value": str(i)} for i in range(25)]
    api.tag_resource(ResourceArn=arn, Tags=tags)
    found, pages, more = [], 0, {}
    while True:
        page = api.list_tags_of_resource(ResourceArn=arn, **more)
        found += page["Tags"]
        pages += 1
        if "NextToken" not in page:
            break
        assert len(page["Tags"]) == 10
        more = {"NextToken": page["NextToken"]}
    assert pages == 3
    assert sorted(found, key=lambda tag: tag["Key"]) == tags


TAGS = [
    ([{"Key": f"k{i}", "Value": ""} for i in range(51)],
     "Number of Tags exceed the current limit for the provided ResourceArn"),
    ([{"Key": "aws:x", "Value": ""}], "Tag Key cannot be prefixed with aws:, Key: aws:x"),
    ([{"Key": "x", "Value": "1"}, {"Key": "x", "Value": "2"}],
     "Duplicate Tag Keys provided as input: Duplicate Tag Key found x"),
]  # fmt: skip


@pytest.mark.parametrize("tags, text", TAGS, ids=[text[:30] for _, text in TAGS])
def test_tags_that_cannot_be(api, table, fresh, refused, tags, text):
    arn = api.describe_table(TableName=table)["Table"]["TableArn"]
    refused("ValidationException", text, api.tag_resource, ResourceArn=arn, Tags=tags)
    refused(
        "ValidationException",
        text,
        make_table,
        client=api,
        name=fresh(),
        keys=KEY["hash"],
        Tags=tags,
    )
    assert api.list_tags_of_resource(ResourceArn=arn)["Tags"] == []


def test_the_attribute_of_ttl_may_be_a_key(api, fresh):
    name, now = fresh("ttl"), int(time.time())
    make_table(api, name, [("id", "S", "HASH"), ("until", "N", "RANGE")])
    for until in (now - 60, now + 3600):
        api.put_item(TableName=name, Item={**K, "until": n(until)})
    wish = {"AttributeName": "until", "Enabled": True}
    api.update_time_to_live(TableName=name, TimeToLiveSpecification=wish)
    wait_until(
        lambda: [item["until"] for item in api.scan(TableName=name)["Items"]] == [n(now + 3600)]
    )
    api.delete_table(TableName=name)


def by_arn(table, arn):
    """Requests of every kind, with the ARN where a name may stand."""
    item, put = {**K, "v": n(1)}, {"PutRequest": {"Item": K}}
    values = {":id": K["id"]}
    return [
        ("PutItem", {"TableName": arn, "Item": item}),
        ("GetItem", {"TableName": arn, "Key": K}),
        ("UpdateItem", {"TableName": arn, "Key": K, "UpdateExpression": "REMOVE w"}),
        ("Query", {"TableName": arn, "KeyConditionExpression": "id = :id",
                   "ExpressionAttributeValues": values}),
        ("Scan", {"TableName": arn}),
        ("BatchGetItem", {"RequestItems": {arn: {"Keys": [K]}}}),
        ("BatchWriteItem", {"RequestItems": {arn: [put]}}),
        ("TransactGetItems", {"TransactItems": [{"Get": {"TableName": arn, "Key": K}}]}),
        ("TransactWriteItems", {"TransactItems": [{"Put": {"TableName": arn, "Item": item}}]}),
        ("ExecuteStatement", {"Statement": f"SELECT * FROM \"{arn}\" WHERE id = 'k'"}),
        ("DeleteItem", {"TableName": arn, "Key": K}),
        ("DescribeTable", {"TableName": arn}),
        ("DescribeTimeToLive", {"TableName": arn}),
        ("DescribeContinuousBackups", {"TableName": arn}),
        ("ListBackups", {"TableName": arn}),
    ]  # fmt: skip


def test_a_table_may_be_named_by_its_arn(server, api, table):
    arn = api.describe_table(TableName=table)["Table"]["TableArn"]
    for operation, body in by_arn(table, arn):
        status, reply = raw(server, operation, body)
        assert status == 200, (operation, reply)
    for operation, body in by_arn(table, arn + "x")[:11]:
        status, reply = raw(server, operation, body)
        assert reply["__type"].endswith("#ResourceNotFoundException"), (operation, reply)


NO_CHANGE = [
    {"UpdateExpression": "SET v = :one", "ExpressionAttributeValues": {":one": n("1.0")}},
    {"UpdateExpression": "ADD v :zero", "ExpressionAttributeValues": {":zero": n(0)}},
    {"UpdateExpression": "REMOVE nothing_there"},
    {"UpdateExpression": "DELETE ss :x", "ExpressionAttributeValues": {":x": {"SS": ["x"]}}},
    {"UpdateExpression": "ADD ss :a", "ExpressionAttributeValues": {":a": {"SS": ["a"]}}},
    {"UpdateExpression": "SET m = :m", "ExpressionAttributeValues": {
        ":m": {"M": {"b": n(2), "a": n("1e0")}}}},
    {"UpdateExpression": "SET ss = :ss", "ExpressionAttributeValues": {":ss": {"SS": ["b", "a"]}}},
    {},
]  # fmt: skip


def test_what_changes_nothing_makes_no_record(server, api, fresh):
    name = fresh("same")
    arn = make_table(
        api,
        name,
        KEY["hash"],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    )["TableDescription"]["LatestStreamArn"]
    item = {**K, "v": n(1), "ss": {"SS": ["a", "b"]}, "m": {"M": {"a": n(1), "b": n(2)}}}
    api.put_item(TableName=name, Item=item)
    api.put_item(TableName=name, Item=item)
    for change in NO_CHANGE:
        got = api.update_item(TableName=name, Key=K, ReturnValues="ALL_NEW", **change)
        assert got["Attributes"] == item, change
    nobody = {"id": s("nobody")}
    api.delete_item(TableName=name, Key=nobody)
    api.update_item(TableName=name, Key=nobody, UpdateExpression="REMOVE v")
    api.batch_write_item(RequestItems={name: [{"PutRequest": {"Item": item}}]})
    api.transact_write_items(TransactItems=[{"Put": {"TableName": name, "Item": item}}])

    def ask(operation, **body):
        target = {"X-Amz-Target": f"DynamoDBStreams_20120810.{operation}"}
        _, _, reply = server.request("POST", "/", json.dumps(body), {
            **target, "Content-Type": "application/x-amz-json-1.0"})  # fmt: skip
        return json.loads(reply)

    records = []
    for shard in ask("DescribeStream", StreamArn=arn)["StreamDescription"]["Shards"]:
        start = ask("GetShardIterator", StreamArn=arn, ShardId=shard["ShardId"],
                    ShardIteratorType="TRIM_HORIZON")  # fmt: skip
        records += ask("GetRecords", ShardIterator=start["ShardIterator"])["Records"]
    assert [record["eventName"] for record in records] == ["INSERT"]
    api.delete_table(TableName=name)
