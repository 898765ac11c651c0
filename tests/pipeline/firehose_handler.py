from __future__ import print_function

import base64
import json

import boto3
from boto3.dynamodb.types import TypeDeserializer

print("Loading function")

deserializer = TypeDeserializer()


def lambda_handler(event, context):
    output = []

    for record in event["records"]:
        print(record["recordId"])
        payload = base64.b64decode(record["data"]).decode("utf-8")
        change = json.loads(payload)

        image = change["dynamodb"].get("NewImage", change["dynamodb"]["Keys"])
        item = {k: deserializer.deserialize(v) for k, v in image.items()}
        row = {
            "event": change["eventName"],
            "orderid": item["orderid"],
            "product_name": item.get("product_name"),
            "quantity": int(item.get("quantity", 0)),
            "price": float(item.get("price", 0)),
        }

        output_record = {
            "recordId": record["recordId"],
            "result": "Ok",
            "data": base64.b64encode((json.dumps(row) + "\n").encode("utf-8")).decode("utf-8"),
        }
        output.append(output_record)

    print("Successfully processed {} records.".format(len(event["records"])))

    return {"records": output}
