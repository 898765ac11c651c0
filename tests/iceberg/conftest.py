"""Iceberg tables made by Athena, filled by Firehose, read by Athena."""

import json

import pytest
from support import wait_until
from support.chain import firehose_wire, make_function, quiet, unchecked

ROLE = "arn:aws:iam::000000000000:role/r"
CATALOG = {"CatalogARN": "arn:aws:glue:us-east-1:000000000000:catalog"}
COLUMNS = "id string, n bigint, price decimal(9,2), at timestamp, tags array<string>"


class House:
    """A bucket, a database, and what one does with them."""

    def __init__(self, server, client, name):
        self.server, self.name = server, name
        self.s3, self.glue, self.athena = (client(s) for s in ("s3", "glue", "athena"))
        self.firehose = unchecked(server, "firehose")
        self.bucket, self.database = f"ice-{name}", f"ice_{name.replace('-', '_')}"
        self.made, self.functions = [], []
        self.s3.create_bucket(Bucket=self.bucket)
        self.glue.create_database(DatabaseInput={"Name": self.database})

    def query(self, sql):
        """(state, reason, rows) of a statement; rows without the header."""
        query_id = self.athena.start_query_execution(
            QueryString=sql, QueryExecutionContext={"Database": self.database},
            ResultConfiguration={"OutputLocation": f"s3://{self.bucket}/results"},
        )["QueryExecutionId"]

        def ended():
            status = self.athena.get_query_execution(
                QueryExecutionId=query_id)["QueryExecution"]["Status"]
            return status if status["State"] not in ("QUEUED", "RUNNING") else None

        status = wait_until(ended, interval=0.005)
        if status["State"] != "SUCCEEDED":
            return status["State"], status["StateChangeReason"], []
        rows = self.athena.get_query_results(QueryExecutionId=query_id)["ResultSet"]["Rows"]
        cells = [tuple(cell.get("VarCharValue") for cell in row["Data"]) for row in rows]
        return "SUCCEEDED", "", cells[1:]

    def succeeds(self, query_id):
        """Waits for the query and returns what is told of it."""
        def ended():
            told = self.athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
            return told if told["Status"]["State"] not in ("QUEUED", "RUNNING") else None

        told = wait_until(ended, interval=0.005)
        assert told["Status"]["State"] == "SUCCEEDED", told["Status"]
        return told

    def lines(self, sql):
        """Of a statement that gives text: all rows' first cells."""
        query_id = self.athena.start_query_execution(
            QueryString=sql, QueryExecutionContext={"Database": self.database},
            ResultConfiguration={"OutputLocation": f"s3://{self.bucket}/results"},
        )["QueryExecutionId"]
        self.succeeds(query_id)
        rows = self.athena.get_query_results(QueryExecutionId=query_id)["ResultSet"]["Rows"]
        return ["\t".join(cell.get("VarCharValue", "") for cell in row["Data"]) for row in rows]

    def rows(self, sql):
        state, reason, rows = self.query(sql)
        assert state == "SUCCEEDED", (sql, reason)
        return rows

    def table(self, name="t", columns=COLUMNS, more=""):
        self.rows(f"CREATE TABLE {name} ({columns}) {more} "
                  f"LOCATION 's3://{self.bucket}/{name}/' TBLPROPERTIES ('table_type'='ICEBERG')")
        return name

    def tables(self):
        return [table["Name"]
                for table in self.glue.get_tables(DatabaseName=self.database)["TableList"]]

    def metadata(self, name="t"):
        location = self.glue.get_table(DatabaseName=self.database, Name=name)["Table"][
            "Parameters"]["metadata_location"]
        return json.loads(self.body(location))

    def body(self, location):
        bucket, key = location.removeprefix("s3://").split("/", 1)
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def configuration(self, tables=("t",), keys=("id",), **more):
        return {"RoleARN": ROLE, "CatalogConfiguration": CATALOG,
                "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0},
                "S3Configuration": {"RoleARN": ROLE, "BucketARN": f"arn:aws:s3:::{self.bucket}",
                                    "ErrorOutputPrefix": "errors/"},
                "DestinationTableConfigurationList": [
                    {"DestinationTableName": table, "DestinationDatabaseName": self.database,
                     "UniqueKeys": list(keys)} for table in tables], **more}

    def delivery(self, source=None, **more):
        name = f"d{len(self.made)}-{self.name}"
        kind = {"DeliveryStreamType": "DirectPut"} if source is None else {
            "DeliveryStreamType": "KinesisStreamAsSource",
            "KinesisStreamSourceConfiguration": {"KinesisStreamARN": source, "RoleARN": ROLE}}
        status, reply = firehose_wire(
            self.server, "CreateDeliveryStream", DeliveryStreamName=name,
            IcebergDestinationConfiguration=self.configuration(**more), **kind)
        assert status == 200, reply
        self.made.append(name)
        return name

    def function(self, text):
        name = f"f{len(self.functions)}-{self.name}"
        self.functions.append(name)
        return make_function(self.server, name, text)

    def put(self, name, *records):
        reply = self.firehose.put_record_batch(
            DeliveryStreamName=name,
            Records=[{"Data": json.dumps(record).encode() if not isinstance(record, bytes)
                      else record} for record in records])
        assert reply["FailedPutCount"] == 0

    def errors(self, prefix="errors/"):
        lines = []
        for item in self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", []):
            body = self.s3.get_object(Bucket=self.bucket, Key=item["Key"])["Body"].read()
            lines += [json.loads(line) for line in body.splitlines()]
        return lines

    def wait(self, sql, wanted):
        """Until a query gives these rows; the last ones otherwise."""
        seen = []

        def right():
            seen[:] = self.rows(sql)
            return seen == wanted

        try:
            wait_until(right, interval=0.02)
        except AssertionError:
            assert seen == wanted
        return seen


@pytest.fixture
def house(server, client, fresh):
    made = House(server, client, fresh("ice").lower())
    yield made
    for name in made.made:
        quiet(made.firehose.delete_delivery_stream, DeliveryStreamName=name)
    for name in made.functions:
        quiet(client("lambda").delete_function, FunctionName=name)


@pytest.fixture
def own_house(own_server, fresh):
    return House(own_server, own_server.client, fresh("ice").lower())
