"""An app of the AWS CDK, by the CDK's own command line: bootstrap, deploy, change, destroy."""

import json
import pathlib

import pytest
from support import wait_until
from support.tool import Tool

HERE = pathlib.Path(__file__).parent
CDK = HERE / "node_modules" / "aws-cdk" / "bin" / "cdk"


@pytest.fixture
def own_server(make_server):
    # The AWS SDK for the functions in Node.js of the CDK's library: AWS's runtime brings one.
    return make_server(env={"NODE_PATH": str(HERE.parent / "js" / "node_modules")})


@pytest.fixture
def cdk(own_server, tmp_path):
    assert CDK.exists(), "scripts/deps fetches the CDK"
    return Tool(
        HERE, before=("node", str(CDK)),
        after=("--app", "node app.js", "--no-notices", "--output", str(tmp_path / "cdk.out")),
        HOME=str(tmp_path), AWS_ENDPOINT_URL=own_server.url, AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test", AWS_REGION="us-east-1", CDK_DISABLE_CLI_TELEMETRY="true",
        CI="true",
    )  # fmt: skip


@pytest.mark.slow
def test_an_app_is_deployed_and_changes_land(cdk, own_server, tmp_path):
    assert "bootstrapped" in cdk.must("bootstrap", "aws://000000000000/us-east-1")
    outputs = tmp_path / "outputs.json"
    cdk.must("deploy", "--require-approval", "never", "--outputs-file", str(outputs))
    made = json.loads(outputs.read_text())["Sales"]
    table, s3 = made["TableName"], own_server.client("s3")
    found = own_server.client("ssm").get_parameter(Name="/sales/table")
    assert found["Parameter"]["Value"] == table
    own_server.client("dynamodb").put_item(TableName=table, Item={"orderid": {"S": "o-1"}})

    def landed():
        listed = s3.list_objects_v2(Bucket=made["LakeName"], Prefix="sales/").get("Contents", [])
        return [
            s3.get_object(Bucket=made["LakeName"], Key=one["Key"])["Body"].read() for one in listed
        ]

    wait_until(landed)
    assert json.loads(landed()[0])["dynamodb"]["Keys"] == {"orderid": {"S": "o-1"}}

    marker = s3.get_object(Bucket=made["LakeName"], Key="marker")["Body"].read()
    assert marker == b"made by the stack"
    told = s3.get_bucket_notification_configuration(Bucket=made["LakeName"])
    assert [each["Events"] for each in told["LambdaFunctionConfigurations"]] == [
        ["s3:ObjectCreated:*"]
    ]

    assert "no changes" in cdk.must("deploy", "--require-approval", "never")
    assert "no differences" in cdk.must("diff")
    text = cdk.must("diff", "--context", "memory=256")
    assert "MemorySize" in text
    cdk.must("deploy", "--require-approval", "never", "--context", "memory=256")
    functions = own_server.client("lambda")
    found = functions.get_function_configuration(FunctionName=made["FunctionName"])
    assert found["MemorySize"] == 256

    cdk.must("destroy", "--force")
    assert made["LakeName"] not in [each["Name"] for each in s3.list_buckets()["Buckets"]]
    assert own_server.client("dynamodb").list_tables()["TableNames"] == []
    assert own_server.client("pipes").list_pipes()["Pipes"] == []
    assert functions.list_functions()["Functions"] == []


@pytest.mark.slow
def test_an_environment_without_a_bootstrap_is_told(cdk):
    code, text = cdk.run("deploy", "--require-approval", "never")
    assert code != 0 and "bootstrap" in text
