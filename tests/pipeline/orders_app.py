import json
import sys
from decimal import Decimal

import boto3
from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError

TABLE_NAME = "OrderTable"

dynamodb = boto3.resource("dynamodb", region_name="us-east-1")


def create():
    table = dynamodb.create_table(
        TableName=TABLE_NAME,
        KeySchema=[{"AttributeName": "orderid", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "orderid", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    table.wait_until_exists()
    table.reload()
    print(json.dumps({"LatestStreamArn": table.latest_stream_arn, "Status": table.table_status}))


def write():
    table = dynamodb.Table(TABLE_NAME)
    with table.batch_writer() as batch:
        for i in range(29):
            batch.put_item(
                Item={
                    "orderid": f"order-{i}",
                    "product_name": "tea pot",
                    "quantity": i + 1,
                    "price": Decimal("0.5") + i,
                }
            )
    table.put_item(
        Item={
            "orderid": "order-29",
            "product_name": "lamp",
            "quantity": Decimal(1),
            "price": Decimal("15.34"),
            "tags": {"red", "tall"},
            "details": {"weight": Decimal("1.250"), "parts": [1, "two", None, True]},
        }
    )
    try:
        table.put_item(
            Item={"orderid": "order-29"}, ConditionExpression=Attr("orderid").not_exists()
        )
        raise SystemExit("the condition should have failed")
    except ClientError as e:
        if e.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
    updated = table.update_item(
        Key={"orderid": "order-29"},
        UpdateExpression="SET price = :p, details.weight = details.weight + :w",
        ExpressionAttributeValues={":p": Decimal("29.79"), ":w": Decimal("0.5")},
        ReturnValues="ALL_NEW",
    )["Attributes"]
    assert updated["details"]["weight"] == Decimal("1.75"), updated
    assert updated["tags"] == {"red", "tall"}
    table.delete_item(Key={"orderid": "order-28"})
    found = table.query(KeyConditionExpression=Key("orderid").eq("order-3"))["Items"]
    assert found[0]["quantity"] == Decimal(4)
    items, scan = [], table.scan(FilterExpression=Attr("price").gt(Decimal("0.1")), Limit=10)
    items += scan["Items"]
    while "LastEvaluatedKey" in scan:
        scan = table.scan(
            FilterExpression=Attr("price").gt(Decimal("0.1")),
            Limit=10,
            ExclusiveStartKey=scan["LastEvaluatedKey"],
        )
        items += scan["Items"]
    print(
        json.dumps(
            {
                "scanned": len(items),
                "price": str(table.get_item(Key={"orderid": "order-29"})["Item"]["price"]),
                "sum": str(sum(item["price"] for item in items)),
                "missing": table.get_item(Key={"orderid": "nobody"}).get("Item"),
            }
        )
    )


if __name__ == "__main__":
    {"create": create, "write": write}[sys.argv[1]]()
