"""A shell session with a table and its stream."""

import json


def test_a_table_from_the_shell(aws, fresh):
    table = fresh("orders")
    here = ("--table-name", table)
    made = aws(
        "dynamodb", "create-table", *here,
        "--attribute-definitions", "AttributeName=customer,AttributeType=S",
        "AttributeName=at,AttributeType=N",
        "--key-schema", "AttributeName=customer,KeyType=HASH", "AttributeName=at,KeyType=RANGE",
        "--billing-mode", "PAY_PER_REQUEST",
        "--stream-specification", "StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES",
    ).json["TableDescription"]
    aws("dynamodb", "wait", "table-exists", *here)
    assert table in aws("dynamodb", "list-tables", "--output", "text").stdout.split()

    for at in range(3):
        item = {"customer": {"S": "ann"}, "at": {"N": str(at)}, "price": {"N": f"{at}.5"}}
        aws("dynamodb", "put-item", *here, "--item", json.dumps(item))
    updated = aws(
        "dynamodb", "update-item", *here, "--key", '{"customer":{"S":"ann"},"at":{"N":"1"}}',
        "--update-expression", "SET price = price + :more, #s = :s",
        "--expression-attribute-names", '{"#s":"status"}',
        "--expression-attribute-values", '{":more":{"N":"10"},":s":{"S":"paid"}}',
        "--return-values", "UPDATED_NEW",
    ).json
    assert updated["Attributes"] == {"price": {"N": "11.5"}, "status": {"S": "paid"}}

    found = aws(
        "dynamodb", "query", *here,
        "--key-condition-expression", "customer = :c AND #at >= :low",
        "--filter-expression", "price > :p", "--no-scan-index-forward",
        "--expression-attribute-names", '{"#at":"at"}',
        "--expression-attribute-values",
        '{":c":{"S":"ann"},":low":{"N":"1"},":p":{"N":"2"}}',
        "--query", "Items[].at.N", "--output", "text",
    ).stdout.split()
    assert found == ["2", "1"]
    scanned = aws("dynamodb", "scan", *here, "--page-size", "1", "--max-items", "2").json
    assert len(scanned["Items"]) == 2 and scanned["NextToken"]
    more = aws("dynamodb", "scan", *here, "--starting-token", scanned["NextToken"]).json
    assert len(more["Items"]) == 1

    failed = aws(
        "dynamodb", "put-item", *here, "--item", '{"customer":{"S":"ann"},"at":{"N":"1"}}',
        "--condition-expression", "attribute_not_exists(customer)", check=False,
    )
    assert failed.code == 254
    assert failed.stderr.strip() == (
        "An error occurred (ConditionalCheckFailedException) when calling the PutItem operation: "
        "The conditional request failed"
    )

    arn = made["LatestStreamArn"]
    stream = aws("dynamodbstreams", "describe-stream", "--stream-arn", arn)
    stream = stream.json["StreamDescription"]
    names = []
    for shard in stream["Shards"]:
        iterator = aws(
            "dynamodbstreams", "get-shard-iterator", "--stream-arn", arn,
            "--shard-id", shard["ShardId"], "--shard-iterator-type", "TRIM_HORIZON",
        ).json["ShardIterator"]
        got = aws("dynamodbstreams", "get-records", "--shard-iterator", iterator).json["Records"]
        names += [row["eventName"] for row in got]
        if names:
            break  # one partition key: one shard has them all
    assert names == ["INSERT", "INSERT", "INSERT", "MODIFY"]

    aws("dynamodb", "delete-table", *here)
    aws("dynamodb", "wait", "table-not-exists", *here)


def test_many_items_from_a_file(aws, fresh, tmp_path):
    table = fresh("batch")
    aws(
        "dynamodb", "create-table", "--table-name", table,
        "--attribute-definitions", "AttributeName=id,AttributeType=S",
        "--key-schema", "AttributeName=id,KeyType=HASH",
        "--provisioned-throughput", "ReadCapacityUnits=5,WriteCapacityUnits=5",
    )
    aws("dynamodb", "wait", "table-exists", "--table-name", table)
    puts = [{"PutRequest": {"Item": {"id": {"S": str(n)}, "b": {"B": "AAE="}}}} for n in range(25)]
    (tmp_path / "items.json").write_text(json.dumps({table: puts}))
    done = aws("dynamodb", "batch-write-item", "--request-items", f"file://{tmp_path}/items.json")
    assert done.json["UnprocessedItems"] == {}
    counted = aws("dynamodb", "scan", "--table-name", table, "--select", "COUNT").json
    assert counted["Count"] == 25
    asked = {table: {"Keys": [{"id": {"S": "7"}}], "ProjectionExpression": "b"}}
    got = aws("dynamodb", "batch-get-item", "--request-items", json.dumps(asked)).json
    assert got["Responses"][table] == [{"b": {"B": "AAE="}}]
