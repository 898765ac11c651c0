"""Templates: checked, summed up, given back; and the words for what is wrong with them."""

import pytest

from .conftest import log_group

GOOD = "Resources: {A: {Type: 'AWS::Logs::LogGroup'}}\n"


@pytest.fixture
def validate(client):
    return lambda body: client("cloudformation").validate_template(TemplateBody=body)


def test_the_pipelines_template_is_valid(validate, pipeline, client):
    told = validate(pipeline.read_text())
    assert told["Capabilities"] == ["CAPABILITY_IAM"]
    assert told["CapabilitiesReason"] == (
        "The following resource(s) require capabilities: [AWS::IAM::Role]"
    )
    parameters = {p["ParameterKey"]: p for p in told["Parameters"]}
    assert parameters["BufferSeconds"]["DefaultValue"] == "60"
    assert parameters["BufferSeconds"]["NoEcho"] is False

    summary = client("cloudformation").get_template_summary(TemplateBody=pipeline.read_text())
    declared = {p["ParameterKey"]: p for p in summary["Parameters"]}
    assert declared["ShardCount"]["ParameterType"] == "Number"
    assert declared["StreamView"]["ParameterConstraints"] == {
        "AllowedValues": ["NEW_AND_OLD_IMAGES", "NEW_IMAGE"]
    }
    assert "AWS::Pipes::Pipe" in summary["ResourceTypes"] and summary["Version"] == "2010-09-09"
    ids = {s["ResourceType"]: s["LogicalResourceIds"]
           for s in summary["ResourceIdentifierSummaries"]}
    assert ids["AWS::DynamoDB::Table"] == ["Orders"]
    names = {s["ResourceType"]: s["ResourceIdentifiers"]
             for s in summary["ResourceIdentifierSummaries"]}
    assert names["AWS::DynamoDB::Table"] == ["TableName"]
    assert names["AWS::S3::Bucket"] == ["BucketName"]


@pytest.mark.parametrize(
    "body, text",
    [
        ("just text", "Template format error: unsupported structure."),
        ("{", "Template format error: JSON not well-formed. (line 1, column 2)"),
        ("a: [", "Template format error: YAML not well-formed. (line 2, column 1)"),
        ("Description: x", "Template format error: At least one Resources member must be defined."),
        ("Resources: {A: {Properties: {}}}",
         "Template format error: [/Resources/A] Every Resources object must contain a Type "
         "member."),
        ("Resources: {a-b: {Type: X}}",
         "Template format error: Resource name a-b is non alphanumeric."),
        ("Resources: {A: {Type: 'AWS::Logs::LogGroup', Properties: {LogGroupName: !Ref X}}}",
         "Template format error: Unresolved resource dependencies [X] in the Resources block of "
         "the template"),
        (GOOD + "Outputs: {O: {Value: !Ref X}}",
         "Unresolved resource dependencies [X] in the Outputs block of the template"),
        (GOOD + "Outputs: {O: {Value: null}}",
         "Template format error: [/Outputs/O/Value] 'null' values are not allowed in templates"),
        ("Resources:\n  A: {Type: 'AWS::Logs::LogGroup', DependsOn: B}\n"
         "  B: {Type: 'AWS::Logs::LogGroup', DependsOn: A}\n",
         "Circular dependency between resources: [A, B]"),
        (GOOD + "Outputs: {O: {Value: !GetAtt A}}",
         "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource "
         "name and the resource attribute"),
    ],
)
def test_what_is_wrong_is_told_exactly(validate, error_of, body, text):
    assert error_of(lambda: validate(body)) == ("ValidationError", text)


def test_a_body_beyond_the_limit_is_refused(validate, error_of):
    body = GOOD + "#" * 51201
    code, text = error_of(lambda: validate(body))
    assert code == "ValidationError" and text.startswith("1 validation error detected: Value 'Res")
    assert text.endswith("at 'templateBody' failed to satisfy constraint: Member must have length "
                         "less than or equal to 51200")


def test_neither_body_nor_url(client, error_of):
    assert error_of(lambda: client("cloudformation").validate_template()) == (
        "ValidationError",
        "Either Template URL or Template Body must be specified.",
    )


def test_values_are_checked_when_a_stack_is_asked_for(stacks, fresh, error_of):
    def refused(template, **more):
        code, text = error_of(lambda: stacks.create(fresh("bad"), template, **more))
        assert code == "ValidationError"
        stacks.made.pop()
        return text

    def given(**values):
        return [{"ParameterKey": k, "ParameterValue": v} for k, v in values.items()]

    parameters = {"A": {"Type": "String"}, "B": {"Type": "Number"}}
    template = {"Parameters": parameters, "Resources": {"L": log_group()}}
    assert refused(template) == "Parameters: [A, B] must have values"
    assert refused(template, Parameters=given(A="a", B="x")) == "Parameter 'B' must be a number."
    assert refused(template, Parameters=given(A="a", B="1", C="c")) == (
        "Parameters: [C] do not exist in the template"
    )
    lookup = {"Fn::FindInMap": ["M", "K", "F"]}
    template = {
        "Mappings": {"M": {"Other": {"F": "x"}}},
        "Resources": {"L": log_group(LogGroupName=lookup)},
    }
    assert refused(template) == "Template error: Unable to get mapping for M::K::F"
    template = {"Transform": "AWS::Serverless-2016-10-31", "Resources": {"L": log_group()}}
    code, text = error_of(lambda: stacks.create(fresh("bad"), template))
    assert (code, text) == (
        "InsufficientCapabilitiesException",
        "Requires capabilities : [CAPABILITY_AUTO_EXPAND]",
    )
    text = refused(template, Capabilities=["CAPABILITY_AUTO_EXPAND"])
    assert "does not run transforms" in text
    template["Transform"] = "Mine"
    assert refused(template, Capabilities=["CAPABILITY_AUTO_EXPAND"]) == (
        "No transform named Mine found.")


def test_a_named_role_needs_the_stronger_capability(stacks, fresh, error_of):
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {"RoleName": fresh("role"), "AssumeRolePolicyDocument": {"Statement": []}},
    }
    for given in ([], ["CAPABILITY_IAM"]):
        code, text = error_of(
            lambda: stacks.create(fresh("cap"), {"Resources": {"R": role}}, Capabilities=given)
        )
        assert code == "InsufficientCapabilitiesException"
        assert text == "Requires capabilities : [CAPABILITY_NAMED_IAM]"
        stacks.made.pop()


def test_a_stack_name_is_checked(stacks, error_of):
    code, text = error_of(lambda: stacks.create("a_b", {"Resources": {"L": log_group()}}))
    assert code == "ValidationError"
    assert "regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*" in text
    stacks.made.pop()


def test_the_text_comes_back_as_it_was_sent(stacks, fresh):
    name = fresh("text")
    body = "# a comment\n" + GOOD
    stacks.create(name, body)
    told = stacks.client.get_template(StackName=name)
    assert told["TemplateBody"] == body
    assert told["StagesAvailable"] == ["Original", "Processed"]
    summary = stacks.client.get_template_summary(StackName=name)
    assert summary["ResourceTypes"] == ["AWS::Logs::LogGroup"]


def test_a_template_may_lie_in_a_bucket(stacks, server, client, fresh, error_of):
    bucket = fresh("templates")
    client("s3").create_bucket(Bucket=bucket)
    client("s3").put_object(Bucket=bucket, Key="a b/t.yaml", Body=GOOD + "#" * 60000)
    for url in (
        f"{server.url}/{bucket}/a%20b/t.yaml",
        f"https://{bucket}.s3.us-east-1.amazonaws.com/a%20b/t.yaml",
        f"https://{bucket}.s3.amazonaws.com/a%20b/t.yaml",
    ):
        stacks.client.validate_template(TemplateURL=url)
    name = fresh("big")
    stacks.made.append(name)
    stacks.client.create_stack(StackName=name, TemplateURL=f"{server.url}/{bucket}/a%20b/t.yaml")
    stacks.wait(name, "CREATE_COMPLETE")
    code, text = error_of(
        lambda: stacks.client.validate_template(TemplateURL=f"{server.url}/{bucket}/none")
    )
    assert code == "ValidationError" and text.startswith("S3 error: ")


def test_missing_stacks_have_the_words_that_clients_match(client, fresh, error_of):
    cf, name = client("cloudformation"), fresh("nobody")
    by_id = ("ValidationError", f"Stack with id {name} does not exist")
    in_brackets = ("ValidationError", f"Stack [{name}] does not exist")
    assert error_of(lambda: cf.describe_stacks(StackName=name)) == by_id
    assert error_of(lambda: cf.get_template(StackName=name)) == by_id
    assert error_of(lambda: cf.describe_stack_resources(StackName=name)) == by_id
    assert error_of(lambda: cf.list_stack_resources(StackName=name)) == by_id
    assert error_of(lambda: cf.describe_stack_events(StackName=name)) == in_brackets
    assert error_of(lambda: cf.list_change_sets(StackName=name)) == in_brackets
    assert error_of(
        lambda: cf.update_stack(StackName=name, TemplateBody=GOOD)
    ) == in_brackets
    assert error_of(
        lambda: cf.describe_stack_resource(StackName=name, LogicalResourceId="A")
    ) == ("ValidationError", f"Stack '{name}' does not exist")


def test_a_missing_resource_is_told(stacks, fresh, error_of):
    name = fresh("resource")
    stacks.create(name, GOOD)
    text = f"Resource X does not exist for stack {name}"
    assert error_of(
        lambda: stacks.client.describe_stack_resource(StackName=name, LogicalResourceId="X")
    ) == ("ValidationError", text)


def test_yaml_says_yes_and_dates(stacks, client, fresh):
    name = fresh("yaml")
    stacks.create(
        name,
        "Resources:\n"
        "  R:\n"
        "    Type: AWS::IAM::Role\n"
        "    Properties:\n"
        "      MaxSessionDuration: '7200'\n"
        "      AssumeRolePolicyDocument:\n"
        "        Version: 2012-10-17\n"
        "        Statement: {Effect: Allow, Principal: {Service: lambda.amazonaws.com},\n"
        "                    Action: 'sts:AssumeRole'}\n",
        Capabilities=["CAPABILITY_IAM"],
    )
    role = client("iam").get_role(RoleName=stacks.physical(name, "R"))["Role"]
    assert role["AssumeRolePolicyDocument"]["Version"] == "2012-10-17"
    assert role["MaxSessionDuration"] == 7200
