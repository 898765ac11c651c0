"""CreateFunction and what follows: shapes, errors, changes, deletion."""

import base64
import hashlib
import io
import json
import stat
import urllib.request
import uuid
import zipfile

import pytest
from botocore.exceptions import ClientError

from support import wait_until

ROLE = "arn:aws:iam::000000000000:role/lambda"
HANDLER = "def handler(event, context):\n    return event\n"


def refused(call, *args, **kwargs):
    with pytest.raises(ClientError) as caught:
        call(*args, **kwargs)
    error = caught.value.response["Error"]
    status = caught.value.response["ResponseMetadata"]["HTTPStatusCode"]
    return error["Code"], error["Message"], status


def test_create_answers_as_aws_and_the_function_becomes_active(functions, fresh, zipped):
    name, code = fresh("f"), zipped({"index.py": HANDLER})
    made = functions.create_function(
        FunctionName=name, Runtime="python3.11", Role=ROLE, Handler="index.handler",
        Code={"ZipFile": code},
    )  # fmt: skip
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert uuid.UUID(made["ResponseMetadata"]["RequestId"])
    assert made["State"] == "Pending"
    assert made["StateReason"] == "The function is being created."
    assert made["StateReasonCode"] == "Creating"
    assert "LastUpdateStatus" not in made
    assert made["FunctionArn"] == f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    assert made["CodeSize"] == len(code)
    assert made["CodeSha256"] == base64.b64encode(hashlib.sha256(code).digest()).decode()
    assert (made["Timeout"], made["MemorySize"], made["Description"]) == (3, 128, "")
    assert made["Version"] == "$LATEST" and made["PackageType"] == "Zip"
    assert made["Architectures"] == ["x86_64"] and made["EphemeralStorage"] == {"Size": 512}
    assert made["TracingConfig"] == {"Mode": "PassThrough"}
    logging = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"}
    assert made.get("LoggingConfig", logging) == logging  # older SDKs do not know it
    assert made["LastModified"].endswith("+0000") and "Environment" not in made
    functions.get_waiter("function_active_v2").wait(FunctionName=name)
    now = functions.get_function(FunctionName=name)
    assert now["Configuration"]["State"] == "Active"
    assert now["Configuration"]["LastUpdateStatus"] == "Successful"
    assert "StateReason" not in now["Configuration"] and "Tags" not in now
    assert now["Code"]["RepositoryType"] == "S3"
    assert urllib.request.urlopen(now["Code"]["Location"]).read() == code


def test_a_function_is_found_by_name_partial_arn_and_arn(functions, make_function):
    name = make_function(HANDLER)
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    for form in (name, f"000000000000:function:{name}", arn, f"{arn}:$LATEST"):
        assert functions.get_function_configuration(FunctionName=form)["FunctionName"] == name
    qualified = functions.get_function(FunctionName=name, Qualifier="$LATEST")
    assert qualified["Configuration"]["FunctionArn"] == f"{arn}:$LATEST"


def test_unknown_functions_are_not_found(functions):
    arn = "arn:aws:lambda:us-east-1:000000000000:function:nobody"
    wanted = ("ResourceNotFoundException", f"Function not found: {arn}", 404)
    assert refused(functions.get_function, FunctionName="nobody") == wanted
    assert refused(functions.delete_function, FunctionName="nobody") == wanted
    text = refused(functions.invoke, FunctionName="nobody")[1]
    assert text == f"Function not found: {arn}:$LATEST"


def test_names_are_taken_once(functions, make_function, creator):
    name = make_function(HANDLER)
    wanted = ("ResourceConflictException", f"Function already exist: {name}", 409)
    assert refused(creator, functions, name, HANDLER) == wanted


@pytest.mark.parametrize(
    "members, text",
    [
        ({"Runtime": "java21"}, "Value java21 at 'runtime' failed to satisfy constraint"),
        ({"Timeout": 901}, "Member must have value less than or equal to 900"),
        ({"MemorySize": 10241}, "Member must have value less than or equal to 10240"),
        ({"Role": "me"}, "failed to satisfy constraint"),
        ({"Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:l:1"]},
         "Layer version arn:aws:lambda:us-east-1:000000000000:layer:l:1 does not exist."),
        ({"VpcConfig": {"SubnetIds": ["s"], "SecurityGroupIds": ["g"]}}, "VpcConfig with subnets"),
        ({"DeadLetterConfig": {"TargetArn": "arn:aws:sqs:us-east-1:000000000000:q"}},
         "does not implement DeadLetterConfig"),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "reserved keys"),
        ({"Environment": {"Variables": {"LONG": "x" * 5000}}}, "exceeded the 4KB limit"),
        ({"Code": {"ZipFile": b"no zip"}}, "Could not unzip uploaded file. Please check your file"),
        ({"Code": {"S3Bucket": "no-such-bucket-x", "S3Key": "k"}}, "S3 Error Code: NoSuchBucket"),
        ({"Code": {"ImageUri": "1.dkr.ecr.us-east-1.amazonaws.com/a:b"}}, "does not implement"),
    ],
)  # fmt: skip
def test_what_cannot_be_had_is_refused_and_leaves_nothing(functions, fresh, creator, members, text):
    name = fresh("f")
    code, message, status = refused(creator, functions, name, HANDLER, **members)
    assert status == 400 and text in message, (code, message)
    assert code in ("InvalidParameterValueException", "ValidationException")
    assert refused(functions.get_function, FunctionName=name)[2] == 404


def test_a_long_name_and_missing_members_are_refused(functions, creator, zipped, fresh):
    code, message, status = refused(creator, functions, "n" * 65, HANDLER)
    assert (code, status) == ("InvalidParameterValueException", 400)
    assert "Member must have length less than or equal to 64" in message
    code, message, _ = refused(
        functions.create_function, FunctionName=fresh("f"), Role=ROLE,
        Code={"ZipFile": zipped({"a": "b"})},
    )  # fmt: skip
    assert code == "InvalidParameterValueException"
    assert "Runtime and Handler are mandatory" in message


def hostile_zips():
    link = zipfile.ZipInfo("link")
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", b"\0" * 262144001)
    for name, text, message in (
        ("../../evil", "x", "leads out of it"),
        ("/tmp/millrace-evil", "x", "leads out of it"),
        (link, "/etc/passwd", "link or a device"),
        (None, bomb.getvalue(), "Unzipped size must be smaller than 262144000 bytes"),
    ):
        if name is None:
            yield text, message
            continue
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("index.py", HANDLER)
            archive.writestr(name, text)
        yield out.getvalue(), message


def test_hostile_zips_are_refused_and_nothing_is_stored(own_server, creator):
    api = own_server.client("lambda")
    for number, (code, text) in enumerate(hostile_zips()):
        error, message, _ = refused(creator, api, f"f{number}", HANDLER, Code={"ZipFile": code})
        assert error == "InvalidParameterValueException" and text in message
    assert api.list_functions()["Functions"] == []
    left = [path for path in (own_server.data / "functions").rglob("*") if path.is_file()]
    assert left == []
    assert not list(own_server.data.parent.rglob("evil"))


def test_code_comes_from_s3(client, functions, fresh, creator, zipped):
    s3, bucket = client("s3"), fresh("code")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a/f.zip", Body=zipped({"index.py": HANDLER}))
    name = creator(functions, fresh("f"), "", Code={"S3Bucket": bucket, "S3Key": "a/f.zip"})
    assert functions.invoke(FunctionName=name, Payload=b'{"a":1}')["Payload"].read() == b'{"a": 1}'
    error, message, _ = refused(
        creator, functions, fresh("f"), "", Code={"S3Bucket": bucket, "S3Key": "none"}
    )
    assert error == "InvalidParameterValueException"
    assert message == (
        "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: "
        "The specified key does not exist."
    )


def test_functions_are_listed_in_pages_by_name(own_server, creator):
    api = own_server.client("lambda")
    for name in ("charlie", "alpha", "bravo"):
        creator(api, name, HANDLER)
    first = api.list_functions(MaxItems=2)
    assert [it["FunctionName"] for it in first["Functions"]] == ["alpha", "bravo"]
    rest = api.list_functions(Marker=first["NextMarker"])
    assert [it["FunctionName"] for it in rest["Functions"]] == ["charlie"]
    assert "NextMarker" not in rest


def test_new_code_takes_effect_at_the_next_call(functions, make_function, zipped):
    name = make_function("def handler(e, c):\n    return 1\n")
    assert functions.invoke(FunctionName=name)["Payload"].read() == b"1"
    code = zipped({"index.py": "def handler(e, c):\n    return 2\n"})
    before = functions.get_function_configuration(FunctionName=name)
    dry = functions.update_function_code(FunctionName=name, ZipFile=code, DryRun=True)
    assert dry["CodeSize"] == len(code)
    assert functions.invoke(FunctionName=name)["Payload"].read() == b"1"
    updated = functions.update_function_code(FunctionName=name, ZipFile=code)
    assert updated["LastUpdateStatus"] == "InProgress"
    assert updated["CodeSha256"] != before["CodeSha256"]
    functions.get_waiter("function_updated_v2").wait(FunctionName=name)
    assert functions.invoke(FunctionName=name)["Payload"].read() == b"2"
    error = refused(
        functions.update_function_code, FunctionName=name, ZipFile=code, RevisionId="another"
    )
    assert error[::2] == ("PreconditionFailedException", 412)


def test_a_new_configuration_takes_effect_and_keeps_the_rest(functions, make_function):
    name = make_function(
        "import os\n\n\ndef handler(e, c):\n"
        "    return [os.environ.get('STAGE'), c.memory_limit_in_mb]\n",
        Environment={"Variables": {"STAGE": "1"}},
        Description="d",
    )
    assert json.load(functions.invoke(FunctionName=name)["Payload"]) == ["1", "128"]
    revision = functions.get_function_configuration(FunctionName=name)["RevisionId"]
    updated = functions.update_function_configuration(
        FunctionName=name, MemorySize=256, RevisionId=revision,
        Environment={"Variables": {"STAGE": "2"}},
    )  # fmt: skip
    assert updated["LastUpdateStatus"] == "InProgress" and updated["Description"] == "d"
    functions.get_waiter("function_updated_v2").wait(FunctionName=name)
    assert json.load(functions.invoke(FunctionName=name)["Payload"]) == ["2", "256"]
    again = functions.get_function_configuration(FunctionName=name)
    assert again["Description"] == "d" and again["RevisionId"] != revision
    assert again["Environment"] == {"Variables": {"STAGE": "2"}}


def test_a_deleted_function_is_gone_with_its_code(own_server, creator):
    api = own_server.client("lambda")
    creator(api, "f", HANDLER)
    api.invoke(FunctionName="f")
    assert list((own_server.data / "functions").glob("*.zip"))
    gone = api.delete_function(FunctionName="f")
    assert gone["ResponseMetadata"]["HTTPStatusCode"] in (200, 204)
    assert refused(api.get_function, FunctionName="f")[2] == 404
    wait_until(lambda: not list((own_server.data / "functions").glob("*.zip")))
    wait_until(lambda: not list((own_server.data / "functions" / "unpacked").iterdir()))
    creator(api, "f", HANDLER)
    assert api.invoke(FunctionName="f")["StatusCode"] == 200


def test_permissions_are_stored_and_shown(functions, make_function):
    name = make_function(HANDLER)
    none = refused(functions.get_policy, FunctionName=name)
    assert none[::2] == ("ResourceNotFoundException", 404)
    added = functions.add_permission(
        FunctionName=name, StatementId="s3", Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com", SourceArn="arn:aws:s3:::b", SourceAccount="000000000000",
    )  # fmt: skip
    statement = json.loads(added["Statement"])
    assert statement["Principal"] == {"Service": "s3.amazonaws.com"}
    assert statement["Condition"]["ArnLike"] == {"AWS:SourceArn": "arn:aws:s3:::b"}
    assert statement["Resource"].endswith(f":function:{name}")
    policy = json.loads(functions.get_policy(FunctionName=name)["Policy"])
    assert policy["Version"] == "2012-10-17" and policy["Statement"] == [statement]
    again = refused(
        functions.add_permission, FunctionName=name, StatementId="s3", Action="lambda:*",
        Principal="*",
    )  # fmt: skip
    assert again[::2] == ("ResourceConflictException", 409)
    functions.remove_permission(FunctionName=name, StatementId="s3")
    assert refused(functions.get_policy, FunctionName=name)[2] == 404
    assert refused(functions.remove_permission, FunctionName=name, StatementId="s3")[2] == 404


def test_tags_are_kept(functions, make_function):
    name = make_function(HANDLER, Tags={"a": "1", "b": "2"})
    arn = functions.get_function_configuration(FunctionName=name)["FunctionArn"]
    functions.tag_resource(Resource=arn, Tags={"b": "3", "c": "4"})
    functions.untag_resource(Resource=arn, TagKeys=["a"])
    assert functions.list_tags(Resource=arn)["Tags"] == {"b": "3", "c": "4"}
    assert functions.get_function(FunctionName=name)["Tags"] == {"b": "3", "c": "4"}


def test_a_restart_keeps_functions(own_server, creator, zipped):
    api = own_server.client("lambda")
    creator(api, "f", HANDLER, Tags={"a": "1"}, Environment={"Variables": {"STAGE": "y"}})
    api.update_function_code(FunctionName="f", ZipFile=zipped({"index.py": HANDLER + "# 2\n"}))
    api.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=2)
    before = api.get_function(FunctionName="f")
    for end in (own_server.stop, own_server.kill9):
        end()
        own_server.start()
        after = api.get_function(FunctionName="f")
        for part in ("Configuration", "Tags", "Concurrency"):
            assert after[part] == before[part]
        assert json.load(api.invoke(FunctionName="f", Payload=b"[1]")["Payload"]) == [1]
    zips = list((own_server.data / "functions").glob("*.zip"))
    assert len(zips) == 1


def test_a_function_without_its_bootstrap_says_so(functions, fresh, zipped):
    for files, modes, text in (
        ({"other": "x"}, None, "Couldn't find valid bootstrap(s)"),
        ({"bootstrap": "#!/bin/sh\n"}, {"bootstrap": stat.S_IFREG | 0o600}, "permission denied"),
    ):
        name = fresh("f")
        functions.create_function(
            FunctionName=name, Runtime="provided.al2023", Role=ROLE, Handler="bootstrap",
            Code={"ZipFile": zipped(files, modes)},
        )  # fmt: skip
        now = functions.get_function_configuration(FunctionName=name)
        assert now["State"] == "Failed" and text in now["StateReason"]
        code, message, _ = refused(functions.invoke, FunctionName=name)
        assert code == "ResourceConflictException" and text in message


def test_what_is_not_implemented_says_so(functions, make_function):
    name = make_function(HANDLER)
    for call in (
        functions.put_function_code_signing_config,
        functions.delete_function_code_signing_config,
    ):
        members = {"FunctionName": name}
        if call.__name__.startswith("put"):
            members["CodeSigningConfigArn"] = (
                "arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-" + 17 * "0")
        code, message, status = refused(call, **members)
        assert status == 501 and "does not implement" in message, code


def test_the_command_line_client_makes_and_calls_a_function(aws, fresh, tmp_path, zipped):
    name = fresh("cli")
    (tmp_path / "f.zip").write_bytes(zipped({"index.py": HANDLER}))
    aws(
        "lambda", "create-function", "--function-name", name, "--runtime", "python3.9",
        "--handler", "index.handler", "--role", ROLE, "--zip-file", f"fileb://{tmp_path}/f.zip",
    )  # fmt: skip
    aws("lambda", "wait", "function-active", "--function-name", name)
    out = tmp_path / "out.json"
    done = aws(
        "lambda", "invoke", "--function-name", name, "--payload", '{"n": 1}',
        "--cli-binary-format", "raw-in-base64-out", out, check=False,
    )  # fmt: skip
    if done.code != 0:  # version 1 has no such option, and takes the payload as it is
        done = aws("lambda", "invoke", "--function-name", name, "--payload", '{"n": 1}', out)
    assert done.json == {"StatusCode": 200, "ExecutedVersion": "$LATEST"}
    assert json.loads(out.read_text()) == {"n": 1}
    names = [it["FunctionName"] for it in aws("lambda", "list-functions").json["Functions"]]
    assert name in names
    aws("lambda", "delete-function", "--function-name", name)
