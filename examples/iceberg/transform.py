"""Change records of the table Orders become rows of the Iceberg table `orders`, with the operation
that Firehose is to apply: an order that is new or has changed replaces its row, one that is gone
takes it away.
"""
import base64
import json
import os


def plain(typed):
    ((kind, value),) = typed.items()
    if kind == "N":
        return json.loads(value)
    return None if kind == "NULL" else value


def row_of(change):
    """(operation, row) of one record as the pipe copied it."""
    image = change["dynamodb"].get("NewImage") or change["dynamodb"]["Keys"]
    operation = "delete" if change["eventName"] == "REMOVE" else "update"
    return operation, {name: plain(typed) for name, typed in image.items()}


def handler(event, context):
    records = []
    for record in event["records"]:
        operation, row = row_of(json.loads(base64.b64decode(record["data"])))
        records.append({
            "recordId": record["recordId"],
            "result": "Ok",
            "data": base64.b64encode(json.dumps(row).encode()).decode(),
            "metadata": {"otfMetadata": {
                "destinationDatabaseName": os.environ["DATABASE"],
                "destinationTableName": "orders",
                "operation": operation}},
        })
    return {"records": records}
