"""Values from the Parameter Store, and rules about parameters' values."""

import json

import pytest

from .conftest import bucket, log_group


@pytest.fixture
def stored(client, fresh):
    """stored(value) -> the name of a parameter that holds it."""
    ssm, names = client("ssm"), []

    def put(value, kind="String"):
        names.append("/" + fresh("stored"))
        ssm.put_parameter(Name=names[-1], Value=value, Type=kind)
        return names[-1]

    yield put
    ssm.delete_parameters(Names=names)


def looked_up(name, kind="String"):
    return {"Type": f"AWS::SSM::Parameter::Value<{kind}>", "Default": name}


def test_a_parameter_is_looked_up_when_the_stack_is_made(stacks, client, fresh, stored):
    name, where = fresh("look"), stored("first-value")
    template = {
        "Parameters": {"P": looked_up(where)},
        "Resources": {"L": log_group()},
        "Outputs": {"O": {"Value": {"Fn::Sub": "${P}!"}}},
    }
    stacks.create(name, template)
    assert stacks.outputs(name) == {"O": "first-value!"}
    assert stacks.describe(name)["Parameters"] == [
        {"ParameterKey": "P", "ParameterValue": where, "ResolvedValue": "first-value"}
    ]
    client("ssm").put_parameter(Name=where, Value="second", Overwrite=True)
    stacks.update(name, template)
    assert stacks.outputs(name) == {"O": "second!"}


def test_what_nobody_may_see_is_not_shown_when_it_was_looked_up(stacks, client, fresh, stored):
    name, where = fresh("secret"), stored("not-for-eyes")
    template = {
        "Parameters": {"P": {**looked_up(where), "NoEcho": True}},
        "Resources": {"L": log_group()},
    }
    hidden = [{"ParameterKey": "P", "ParameterValue": "****", "ResolvedValue": "****"}]
    stacks.create(name, template)
    assert stacks.describe(name)["Parameters"] == hidden
    cloudformation = client("cloudformation")
    template["Resources"]["M"] = log_group()
    cloudformation.create_change_set(
        StackName=name, ChangeSetName="more", TemplateBody=json.dumps(template)
    )
    wait = cloudformation.get_waiter("change_set_create_complete")
    wait.wait(StackName=name, ChangeSetName="more", WaiterConfig={"Delay": 1})
    shown = cloudformation.describe_change_set(StackName=name, ChangeSetName="more")
    assert shown["Parameters"] == hidden


def test_a_list_is_looked_up(stacks, fresh, stored):
    template = {
        "Parameters": {"P": looked_up(stored("a,b", "StringList"), "List<String>")},
        "Resources": {"L": log_group()},
        "Outputs": {"O": {"Value": {"Fn::Join": ["-", {"Ref": "P"}]}}},
    }
    name = fresh("list")
    stacks.create(name, template)
    assert stacks.outputs(name) == {"O": "a-b"}


def test_what_is_not_there_is_told(stacks, error_of, fresh):
    template = {
        "Parameters": {"P": looked_up("/none/a"), "Q": looked_up("/none/b")},
        "Resources": {"L": log_group()},
    }
    assert error_of(lambda: stacks.create(fresh("none"), template)) == (
        "ValidationError",
        "Unable to fetch parameters [/none/a, /none/b] from parameter store for this account.",
    )


def test_a_template_makes_changes_and_removes_a_parameter(stacks, client, fresh):
    name, ssm = fresh("param"), client("ssm")
    where = "/" + name
    properties = {"Name": where, "Type": "String", "Value": "1", "Tags": {"team": "x"}}
    template = {
        "Resources": {"P": {"Type": "AWS::SSM::Parameter", "Properties": properties}},
        "Outputs": {"O": {"Value": {"Fn::GetAtt": ["P", "Value"]}}},
    }
    stacks.create(name, template)
    assert stacks.physical(name, "P") == where and stacks.outputs(name) == {"O": "1"}
    tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=where)["TagList"]
    assert tags == [{"Key": "team", "Value": "x"}]
    properties["Value"] = "2"
    stacks.update(name, template)
    assert ssm.get_parameter(Name=where)["Parameter"]["Value"] == "2"
    assert stacks.outputs(name) == {"O": "2"}
    properties["Tags"] = {"stage": "dev", "owner": "y"}
    stacks.update(name, template)
    tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=where)["TagList"]
    assert {t["Key"]: t["Value"] for t in tags} == {"stage": "dev", "owner": "y"}
    assert ssm.get_parameter(Name=where)["Parameter"]["Version"] == 2  # only its tags changed
    stacks.delete(name)
    assert ssm.get_parameters(Names=[where])["InvalidParameters"] == [where]


def rules(**members):
    return {
        "Parameters": {"Stage": {"Type": "String", "Default": "dev"},
                       "Zones": {"Type": "CommaDelimitedList", "Default": "a,b"}},
        "Rules": {"R": members},
        "Resources": {"L": log_group()},
    }  # fmt: skip


STAGE, ZONES = {"Ref": "Stage"}, {"Ref": "Zones"}


@pytest.mark.parametrize(
    "assertion",
    [
        {"Fn::Contains": [["dev", "test"], STAGE]},
        {"Fn::Not": [{"Fn::Contains": [["prod"], STAGE]}]},
        {"Fn::Equals": [STAGE, "dev"]},
        {"Fn::EachMemberIn": [ZONES, ["a", "b", "c"]]},
        {"Fn::Not": [{"Fn::EachMemberEquals": [ZONES, "a"]}]},
        {"Fn::And": [{"Fn::Equals": [STAGE, "dev"]}, {"Fn::Contains": [ZONES, "b"]}]},
        {"Fn::Or": [{"Fn::Equals": [STAGE, "x"]}, {"Fn::Contains": [ZONES, "b"]}]},
    ],
)
def test_a_rule_holds_or_refuses_the_stack(stacks, error_of, fresh, assertion):
    name = fresh("rules")
    holds = {"Assert": assertion, "AssertDescription": "never said"}
    fails = {"Assert": {"Fn::Not": [assertion]}, "AssertDescription": "No such stage."}
    told = error_of(lambda: stacks.create(name, rules(Assertions=[holds, fails])))
    assert told == ("ValidationError", "No such stage.")
    told = error_of(lambda: stacks.describe(name))
    assert "does not exist" in told[1]
    stacks.create(name, rules(Assertions=[holds]))


def test_a_rule_is_checked_only_under_its_condition(stacks, fresh):
    never = {"Assert": {"Fn::Equals": [STAGE, "x"]}}
    members = {"RuleCondition": {"Fn::Equals": [STAGE, "prod"]}, "Assertions": [never]}
    stacks.create(fresh("rules"), rules(**members))


@pytest.mark.parametrize(
    "members, words",
    [
        ({}, "must contain Assertions"),
        ({"Assertions": [{"Assert": {"Fn::Equals": [STAGE]}}]}, "number of arguments"),
        ({"Assertions": [{"Assert": {"Fn::ValueOf": ["Stage", "x"]}}]}, "Fn::ValueOf"),
        ({"Assertions": [{"Assert": {"Fn::Equals": [STAGE, "x"]}}]}, "rule R"),
    ],
)
def test_rules_that_are_wrong_are_told(stacks, error_of, fresh, members, words):
    told = error_of(lambda: stacks.create(fresh("rules"), rules(**members)))
    assert told[0] == "ValidationError" and words in told[1], told


def test_a_bucket_has_rules_for_its_objects(stacks, client, fresh):
    name, s3 = fresh("rules"), client("s3")
    lifecycle = {"Rules": [
        {"Id": "old", "Status": "Enabled", "Prefix": "tmp/", "ExpirationInDays": 3,
         "TagFilters": [{"Key": "a", "Value": "b"}]},
        {"Id": "versions", "Status": "Enabled",
         "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
         "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}},
        {"Id": "cold", "Status": "Disabled", "Prefix": "",
         "Transitions": [{"StorageClass": "STANDARD_IA", "TransitionInDays": 90}]},
    ]}  # fmt: skip
    cors = {"CorsRules": [{"Id": "c", "AllowedMethods": ["GET"], "AllowedOrigins": ["*"],
                           "ExposedHeaders": ["etag"], "MaxAge": 60}]}  # fmt: skip
    made = bucket(LifecycleConfiguration=lifecycle, CorsConfiguration=cors)
    stacks.create(name, {"Resources": {"B": made}})
    where = stacks.physical(name, "B")
    old, versions, cold = s3.get_bucket_lifecycle_configuration(Bucket=where)["Rules"]
    assert old["Filter"] == {"And": {"Prefix": "tmp/", "Tags": [{"Key": "a", "Value": "b"}]}}
    assert old["Expiration"] == {"Days": 3} and old["ID"] == "old"
    assert versions["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert versions["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert versions["Filter"] == {"Prefix": ""}
    assert cold["Transitions"] == [{"StorageClass": "STANDARD_IA", "Days": 90}]
    rule = s3.get_bucket_cors(Bucket=where)["CORSRules"][0]
    assert (rule["ID"], rule["MaxAgeSeconds"], rule["ExposeHeaders"]) == ("c", 60, ["etag"])
    stacks.update(name, {"Resources": {"B": bucket()}})
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchLifecycleConfiguration"):
        s3.get_bucket_lifecycle_configuration(Bucket=where)
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchCORSConfiguration"):
        s3.get_bucket_cors(Bucket=where)
