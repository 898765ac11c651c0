"""pipeline.yaml: clean for AWS's schemas, and one with the files beside it; queries.sql as SQL."""
import pathlib
import re
import shutil
import sqlite3
import subprocess

import pytest

yaml = pytest.importorskip("yaml")

SALES = pathlib.Path(__file__).parents[2] / "examples" / "sales"
TEMPLATE = SALES / "pipeline.yaml"
OUTPUTS = {
    "TableName",
    "TableStreamArn",
    "PipeName",
    "StreamName",
    "DeliveryStreamName",
    "FunctionName",
    "BucketName",
    "DataLocation",
    "DatabaseName",
    "CrawlerName",
    "WorkGroupName",
}


class Loader(yaml.SafeLoader):
    """Reads !Ref X as {"Ref": X}, and so on."""


def construct_function(loader, suffix, node):
    construct = {
        yaml.ScalarNode: loader.construct_scalar,
        yaml.SequenceNode: lambda it: loader.construct_sequence(it, deep=True),
    }[type(node)]
    return {suffix: construct(node)}


Loader.add_multi_constructor("!", construct_function)


@pytest.fixture(scope="module")
def template():
    return yaml.load(TEMPLATE.read_text(), Loader)


def statements():
    """{title: SQL} of queries.sql."""
    found = {}
    for part in (SALES / "queries.sql").read_text().split(";"):
        if part.strip():
            title, sql = part.strip().split("\n", 1)
            assert title.startswith("-- ")
            found[title[3:].split(":")[0]] = sql
    return found


def resources_of(template, kind):
    return [it for it in template["Resources"].values() if it["Type"] == kind]


def test_cfn_lint_finds_nothing():
    if shutil.which("cfn-lint") is None:
        pytest.skip("cfn-lint is not installed")
    done = subprocess.run(["cfn-lint", "--", str(TEMPLATE)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_inline_code_is_transform_py(template):
    (function,) = resources_of(template, "AWS::Lambda::Function")
    code = function["Properties"]["Code"]["ZipFile"]
    assert code == (SALES / "transform.py").read_text()
    assert len(code) <= 4096  # what every region takes inline
    assert function["Properties"]["Handler"] == "index.lambda_handler"


def test_the_named_queries_are_those_of_queries_sql(template):
    named = {}
    for query in resources_of(template, "AWS::Athena::NamedQuery"):
        text, values = query["Properties"]["QueryString"]["Sub"]
        assert values == {"Table": {"Select": [0, {"Split": ["/", {"Ref": "DataPrefix"}]}]}}
        table = template["Parameters"]["DataPrefix"]["Default"].rstrip("/")
        named[query["Properties"]["Name"]] = text.replace("${Table}", table)
    assert named == statements()


def test_nothing_but_data_lands_below_the_data_prefix(template):
    (stream,) = resources_of(template, "AWS::KinesisFirehose::DeliveryStream")
    (group,) = resources_of(template, "AWS::Athena::WorkGroup")
    data = template["Parameters"]["DataPrefix"]["Default"]
    destination = stream["Properties"]["ExtendedS3DestinationConfiguration"]
    configuration = group["Properties"]["WorkGroupConfiguration"]
    assert destination["Prefix"] == {"Ref": "DataPrefix"}
    assert not destination["ErrorOutputPrefix"].startswith(data)
    results = configuration["ResultConfiguration"]["OutputLocation"]["Sub"]
    assert results == "s3://${Lake}/athena-results/"


def test_no_change_can_slip_by(template):
    (pipe,) = resources_of(template, "AWS::Pipes::Pipe")
    source = pipe["Properties"]["SourceParameters"]["DynamoDBStreamParameters"]
    assert source["StartingPosition"] == "TRIM_HORIZON"
    stream = template["Resources"][pipe["DependsOn"]]
    assert stream["Type"] == "AWS::KinesisFirehose::DeliveryStream"
    (bucket,) = resources_of(template, "AWS::S3::Bucket")
    assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"


def test_parameters_and_outputs_are_the_promised_ones(template):
    assert set(template["Outputs"]) == OUTPUTS
    parameters = template["Parameters"]
    assert parameters["PipePartitionKey"]["Default"] == "$.dynamodb.Keys.orderid.S"
    assert parameters["BufferSeconds"]["MinValue"] == 0
    assert all("Default" in it and "Description" in it for it in parameters.values())


def test_no_role_may_do_everything(template):
    for role in resources_of(template, "AWS::IAM::Role"):
        for policy in role["Properties"]["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                actions = statement["Action"]
                assert not re.search(r"\*", str(actions)), actions
                assert statement["Resource"] != "*"


CHANGES = [  # order, event, sequence, product, quantity, price
    ("o1", "INSERT", "999999999999999999999", "pot", 1, 10.0),
    ("o1", "MODIFY", "1000000000000000000000", "pot", 3, 10.5),  # one digit longer: newer
    ("o2", "INSERT", "100000000000000000001", "mug", 2, 4.0),
    ("o2", "REMOVE", "100000000000000000009", "mug", 2, 4.0),
    ("o3", "INSERT", "100000000000000000002", "mug", 5, 4.0),
    ("o3", "INSERT", "100000000000000000002", "mug", 5, 4.0),  # AWS may deliver twice
    ("o4", "INSERT", "100000000000000000003", "mug", 1, 4.0),
    ("o4", "REMOVE", "100000000000000000004", "mug", 1, 4.0),
    ("o4", "INSERT", "100000000000000000005", "pot", 1, 12.0),  # placed again
]


@pytest.fixture
def lake():
    """SQLite as a second opinion: it knows the same SQL here, but for one function."""
    with sqlite3.connect(":memory:") as connection:
        connection.create_function("from_unixtime", 1, lambda seconds: seconds)
        connection.execute(
            "CREATE TABLE orders (orderid, cdc_event, cdc_sequence, product_name, quantity, price,"
            " cdc_time DEFAULT 1718000000)"
        )
        connection.executemany(
            "INSERT INTO orders (orderid, cdc_event, cdc_sequence, product_name, quantity, price)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            CHANGES,
        )
        yield connection


def test_all_changes_come_in_the_order_in_which_they_happened(lake):
    rows = lake.execute(statements()["all-changes"]).fetchall()
    assert len(rows) == len(CHANGES)
    assert [row[1] for row in rows if row[0] == "o1"] == ["INSERT", "MODIFY"]
    assert [row[1] for row in rows if row[0] == "o4"] == ["INSERT", "REMOVE", "INSERT"]


def test_the_current_orders_are_the_newest_states_without_the_deleted(lake):
    assert lake.execute(statements()["current-orders"]).fetchall() == [
        ("o1", "pot", 3, 10.5),
        ("o3", "mug", 5, 4.0),
        ("o4", "pot", 1, 12.0),
    ]


def test_sales_are_summed_over_the_current_orders(lake):
    assert lake.execute(statements()["sales-by-product"]).fetchall() == [
        ("pot", 2, 4, 43.5),
        ("mug", 1, 5, 20),
    ]
