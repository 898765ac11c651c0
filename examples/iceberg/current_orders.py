"""Keeps an Iceberg table `orders` at what the DynamoDB table Orders holds now, and asks Athena.

    python3 current_orders.py --endpoint-url http://127.0.0.1:4566

Orders -> stream -> pipe -> Firehose -> transform.py -> Iceberg table -> Athena. Prints what each
query gave. On AWS leave out --endpoint-url and name a role with --role that the services may take.
"""
import argparse
import io
import pathlib
import time
import zipfile

import boto3

TABLE = """CREATE TABLE orders (orderid string, product string, quantity int, price double)
LOCATION 's3://{bucket}/orders/'
TBLPROPERTIES ('table_type'='ICEBERG', 'optimize_rewrite_data_file_threshold'='2')"""
CURRENT = "SELECT orderid, product, quantity, price FROM orders ORDER BY orderid"
BY_PRODUCT = """SELECT product, sum(quantity) AS pieces, round(sum(quantity * price), 2) AS revenue
FROM orders GROUP BY product ORDER BY product"""
COMMITS = """SELECT operation, summary['total-records'] AS rows,
summary['total-data-files'] AS data, summary['total-delete-files'] AS deletes
FROM "orders$snapshots" ORDER BY committed_at"""


class Pipeline:
    def __init__(self, name, role, **where):
        self.name, self.role, self.database = name, role, name.replace("-", "_")
        for service in ("dynamodb", "firehose", "pipes", "lambda", "s3", "glue", "athena"):
            setattr(self, service.replace("lambda", "functions"), boto3.client(service, **where))

    def set_up(self):
        self.s3.create_bucket(Bucket=self.name)
        self.glue.create_database(DatabaseInput={"Name": self.database})
        self.query(TABLE.format(bucket=self.name))
        stream = self.dynamodb.create_table(
            TableName=self.name, BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "orderid", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "orderid", "KeyType": "HASH"}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )["TableDescription"]["LatestStreamArn"]
        self.dynamodb.get_waiter("table_exists").wait(TableName=self.name)
        delivery = self.make_delivery(self.make_function())
        self.pipes.create_pipe(
            Name=self.name, RoleArn=self.role, Source=stream, Target=delivery,
            SourceParameters={"DynamoDBStreamParameters": {"StartingPosition": "TRIM_HORIZON"}})
        self.wait(lambda: self.pipes.describe_pipe(Name=self.name)["CurrentState"] == "RUNNING")

    def make_function(self):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as files:
            files.write(pathlib.Path(__file__).with_name("transform.py"), "transform.py")
        arn = self.functions.create_function(
            FunctionName=self.name, Runtime="python3.12", Role=self.role,
            Handler="transform.handler", Code={"ZipFile": archive.getvalue()}, Timeout=60,
            Environment={"Variables": {"DATABASE": self.database}})["FunctionArn"]
        self.functions.get_waiter("function_active_v2").wait(FunctionName=self.name)
        return arn

    def make_delivery(self, function):
        account = function.split(":")[4]
        region = function.split(":")[3]
        arn = self.firehose.create_delivery_stream(
            DeliveryStreamName=self.name, DeliveryStreamType="DirectPut",
            IcebergDestinationConfiguration={
                "RoleARN": self.role,
                "CatalogConfiguration": {"CatalogARN": f"arn:aws:glue:{region}:{account}:catalog"},
                "S3Configuration": {"RoleARN": self.role, "BucketARN": f"arn:aws:s3:::{self.name}",
                                    "ErrorOutputPrefix": "errors/"},
                "BufferingHints": {"IntervalInSeconds": 0, "SizeInMBs": 1},
                "DestinationTableConfigurationList": [{
                    "DestinationDatabaseName": self.database, "DestinationTableName": "orders",
                    "UniqueKeys": ["orderid"]}],
                "ProcessingConfiguration": {"Enabled": True, "Processors": [{
                    "Type": "Lambda", "Parameters": [
                        {"ParameterName": "LambdaArn", "ParameterValue": function}]}]},
            })["DeliveryStreamARN"]
        self.wait(lambda: self.firehose.describe_delivery_stream(DeliveryStreamName=self.name)[
            "DeliveryStreamDescription"]["DeliveryStreamStatus"] == "ACTIVE")
        return arn

    def put(self, orderid, product, quantity, price):
        self.dynamodb.put_item(TableName=self.name, Item={
            "orderid": {"S": orderid}, "product": {"S": product},
            "quantity": {"N": str(quantity)}, "price": {"N": str(price)}})

    def cancel(self, orderid):
        self.dynamodb.delete_item(TableName=self.name, Key={"orderid": {"S": orderid}})

    def query(self, sql):
        """Rows as texts, without the header."""
        query_id = self.athena.start_query_execution(
            QueryString=sql, QueryExecutionContext={"Database": self.database},
            ResultConfiguration={"OutputLocation": f"s3://{self.name}/results/"},
        )["QueryExecutionId"]

        def ended():
            status = self.athena.get_query_execution(
                QueryExecutionId=query_id)["QueryExecution"]["Status"]
            return status if status["State"] not in ("QUEUED", "RUNNING") else None

        status = self.wait(ended)
        if status["State"] != "SUCCEEDED":
            raise SystemExit(f"{sql}: {status['StateChangeReason']}")
        rows = self.athena.get_query_results(QueryExecutionId=query_id)["ResultSet"]["Rows"]
        return [[cell.get("VarCharValue", "") for cell in row["Data"]] for row in rows[1:]]

    def wait(self, done, seconds=300):
        until = time.monotonic() + seconds
        while not (found := done()):
            if time.monotonic() > until:
                raise SystemExit("this takes too long")
            time.sleep(0.1)
        return found


def show(title, rows):
    print(f"{title}:")
    for row in rows:
        print("   ", "  ".join(row))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--endpoint-url")
    parser.add_argument("--name", default="current-orders")
    parser.add_argument("--role", default="arn:aws:iam::000000000000:role/pipeline")
    options = parser.parse_args()
    where = {"endpoint_url": options.endpoint_url} if options.endpoint_url else {}
    pipeline = Pipeline(options.name, options.role, **where)
    pipeline.set_up()
    pipeline.put("o-1", "Tea pot", 2, 19.90)
    pipeline.put("o-2", "Cup", 6, 4.50)
    pipeline.put("o-3", "Cup", 1, 4.50)
    pipeline.wait(lambda: len(pipeline.query(CURRENT)) == 3)
    pipeline.put("o-1", "Tea pot", 3, 19.90)
    pipeline.cancel("o-3")
    now = [["o-1", "Tea pot", "3", "19.9"], ["o-2", "Cup", "6", "4.5"]]
    pipeline.wait(lambda: pipeline.query(CURRENT) == now)
    show("orders now", pipeline.query(CURRENT))
    show("pieces and revenue", pipeline.query(BY_PRODUCT))
    pipeline.query("OPTIMIZE orders REWRITE DATA USING BIN_PACK")
    pipeline.query("VACUUM orders")
    show("commits: operation, rows, data files, delete files", pipeline.query(COMMITS))
    show("orders now, packed", pipeline.query(CURRENT))


if __name__ == "__main__":
    main()
