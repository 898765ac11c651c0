"""The seed's story through boto3: orders from a table to SQL, stage by stage and by template."""

import json
import pathlib
import random
import subprocess

from support import wait_until
from support.chain import (
    ROLE,
    lines_of,
    make_delivery,
    make_pipe,
    make_stream,
    make_table,
    objects_of,
    status_of,
    zip_of,
    wait_for_landing,
)
from support.server import millrace_bin

ROOT = pathlib.Path(__file__).parents[2]
SALES = ROOT / "examples" / "sales"
PRODUCTS = ["Tea pot", "Żurek bowl", 'Glass "round"', "Lamp, tall"]


class Shop:
    """Orders as a shop writes them, and what the current ones are."""

    def __init__(self, db, table, seed=20251122):
        self.db, self.table, self.rng = db, table, random.Random(seed)
        self.current, self.changes = {}, 0

    def insert(self, number):
        order = {
            "orderid": f"o-{number:04}",
            "product_name": self.rng.choice(PRODUCTS),
            "quantity": self.rng.randrange(1, 9),
            "price": f"{self.rng.randrange(100, 9999) / 100:.2f}",
        }
        self.db.put_item(TableName=self.table, Item={
            "orderid": {"S": order["orderid"]},
            "product_name": {"S": order["product_name"]},
            "quantity": {"N": str(order["quantity"])},
            "price": {"N": order["price"]},
        })  # fmt: skip
        self.current[order["orderid"]] = order
        self.changes += 1

    def update(self):
        order = self.current[self.rng.choice(sorted(self.current))]
        order["quantity"] += 10
        self.db.update_item(
            TableName=self.table,
            Key={"orderid": {"S": order["orderid"]}},
            UpdateExpression="SET quantity = :q",
            ExpressionAttributeValues={":q": {"N": str(order["quantity"])}},
        )
        self.changes += 1

    def delete(self):
        orderid = self.rng.choice(sorted(self.current))
        self.db.delete_item(TableName=self.table, Key={"orderid": {"S": orderid}})
        del self.current[orderid]
        self.changes += 1

    def trade(self, orders, start=0):
        for number in range(start, start + orders):
            self.insert(number)
            if self.rng.random() < 0.4:
                self.update()
            if self.rng.random() < 0.15:
                self.delete()


def queries():
    """name -> SQL of examples/sales/queries.sql"""
    found = {}
    for part in (SALES / "queries.sql").read_text().split("-- ")[1:]:
        name = part.partition(":")[0]
        found[name] = part.partition("\n")[2].strip().rstrip(";")
    return found


def assert_answers(lake, shop, context, output=None):
    """The three queries of the example tell what the shop knows."""
    more = {"QueryExecutionContext": {"Database": context}}
    if output is not None:
        more.update(output)
    header, rows = lake.query(queries()["all-changes"], **more)
    assert header[:3] == ["orderid", "cdc_event", "cdc_sequence"]
    assert len(rows) == shop.changes
    assert len({row[2] for row in rows}) == shop.changes
    header, rows = lake.query(queries()["current-orders"], **more)
    assert header == ["orderid", "product_name", "quantity", "price"]
    wanted = [
        [order["orderid"], order["product_name"], str(order["quantity"]), float(order["price"])]
        for _, order in sorted(shop.current.items())
    ]
    assert [[*row[:3], float(row[3])] for row in rows] == wanted
    _, rows = lake.query(queries()["sales-by-product"], **more)
    units = {}
    for order in shop.current.values():
        units[order["product_name"]] = units.get(order["product_name"], 0) + order["quantity"]
    assert {row[0]: int(row[2]) for row in rows} == units


def test_orders_go_from_a_table_to_sql(own_server, lake):
    server = own_server
    source = make_table(server, "OrderTable", key="orderid")
    changes = make_stream(server, "changes", 2)
    server.client("s3").create_bucket(Bucket="sales-lake")
    functions = server.client("lambda")
    function = functions.create_function(
        FunctionName="flatten",
        Runtime="python3.11",
        Role=ROLE,
        Handler="transform.lambda_handler",
        Code={"ZipFile": zip_of(transform=(SALES / "transform.py").read_text())},
        Timeout=30,
    )["FunctionArn"]
    prefixes = {"Prefix": "orders/", "ErrorOutputPrefix": "errors/"}
    make_delivery(server, "landing", "sales-lake", changes, function, seconds=1, **prefixes)
    make_pipe(server, "copy", source, changes, key="$.dynamodb.Keys.orderid.S", BatchSize=500)

    shop = Shop(server.client("dynamodb"), "OrderTable")
    shop.trade(60)
    wait_for_landing(server)
    lines = lines_of(server, "sales-lake", "orders/")
    assert len(lines) == shop.changes
    assert len({line["cdc_event_id"] for line in lines}) == shop.changes
    assert objects_of(server, "sales-lake", "errors/") == {}

    server.client("glue").create_database(DatabaseInput={"Name": "sales"})
    server.client("glue").create_crawler(
        Name="crawl",
        Role=ROLE,
        DatabaseName="sales",
        Targets={"S3Targets": [{"Path": "s3://sales-lake/orders/"}]},
    )
    lake.crawl("crawl")
    table = server.client("glue").get_table(DatabaseName="sales", Name="orders")["Table"]
    columns = {c["Name"]: c["Type"] for c in table["StorageDescriptor"]["Columns"]}
    assert columns["orderid"] == "string" and columns["price"] in ("double", "float")
    assert columns["quantity"] in ("int", "bigint")
    assert [key["Name"] for key in table["PartitionKeys"]] == [f"partition_{i}" for i in range(4)]
    output = {"ResultConfiguration": {"OutputLocation": "s3://sales-lake/results/"}}
    assert_answers(lake, shop, "sales", output)

    # The story goes on: what lands later is there for the next query, without another crawl as
    # long as the hour lasts.
    shop.trade(10, start=60)
    wait_for_landing(server)
    lake.crawl("crawl")
    assert_answers(lake, shop, "sales", output)


def test_the_template_of_the_example_makes_the_same(own_server, lake):
    server = own_server
    stacks = server.client("cloudformation")
    stacks.create_stack(
        StackName="sales",
        TemplateBody=(SALES / "pipeline.yaml").read_text(),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
        Parameters=[{"ParameterKey": "BufferSeconds", "ParameterValue": "0"}],
    )

    def made():
        stack = stacks.describe_stacks(StackName="sales")["Stacks"][0]
        return not stack["StackStatus"].endswith("_IN_PROGRESS") and stack

    stack = wait_until(made)
    assert stack["StackStatus"] == "CREATE_COMPLETE", stacks.describe_stack_events(
        StackName="sales"
    )["StackEvents"]
    outputs = {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]}
    shop = Shop(server.client("dynamodb"), outputs["TableName"])
    shop.trade(40)
    bucket, _, prefix = outputs["DataLocation"].removeprefix("s3://").partition("/")
    wait_for_landing(server)
    lake.crawl(outputs["CrawlerName"])
    workgroup = next(
        (outputs[name] for name in outputs if "workgroup" in name.lower()), "primary"
    )
    assert_answers(lake, shop, "sales", {"WorkGroup": workgroup})
    for stage in status_of(server)["pipes"] + status_of(server)["deliveries"]:
        assert stage["last_error"] == "", stage


def test_the_generator_s_sales_land_as_it_counted_them(own_server):
    """`millrace generate` against a table that somebody made; its last line is the truth."""
    server = own_server
    source = make_table(server, "OrderTable", key="orderid")
    changes = make_stream(server, "changes")
    server.client("s3").create_bucket(Bucket="lake")
    make_delivery(server, "landing", "lake", changes, seconds=0)
    make_pipe(server, "copy", source, changes, key="$.dynamodb.Keys.orderid.S")
    done = subprocess.run(
        [millrace_bin(), "generate", "--endpoint", server.url, "--table", "OrderTable",
         "--count", "500", "--seed", "7"],
        capture_output=True, text=True, timeout=60, env=server.env,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    table = next(t for t in status_of(server)["tables"] if t["name"] == "OrderTable")
    assert int(table["changes"]) == 500

    def landed():
        text = b"".join(objects_of(server, "lake").values()).decode()
        return text.count('"eventID"') >= 500 and text

    text = wait_until(landed)
    decoder, at, ids, events = json.JSONDecoder(), 0, set(), {}
    while at < len(text):
        event, at = decoder.raw_decode(text, at)
        ids.add(event["eventID"])
        events[event["eventName"]] = events.get(event["eventName"], 0) + 1
    assert len(ids) == 500
    assert events["INSERT"] == int(table["inserts"])
    assert events.get("MODIFY", 0) == int(table["modifies"])
    assert events.get("REMOVE", 0) == int(table["removes"])


def test_a_change_goes_all_the_way_to_s3_without_waiting_for_any_time(own_server):
    """Fresh, with a zero buffer: each stage wakes the next, so all of it happens while the clock
    stands. How many milliseconds it takes is for bench/run to say."""
    server = own_server
    source = make_table(server, "orders")
    changes = make_stream(server, "changes")
    s3 = server.client("s3")
    s3.create_bucket(Bucket="lake")
    make_delivery(server, "landing", "lake", changes, seconds=0)
    make_pipe(server, "copy", source, changes)
    db = server.client("dynamodb")
    server.clock.hold()
    for number in range(20):
        db.put_item(TableName="orders", Item={"id": {"S": f"o{number}"}})
        wait_until(
            lambda number=number: s3.list_objects_v2(Bucket="lake")["KeyCount"] > number,
            interval=0.001,
        )
