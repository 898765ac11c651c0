"""What templates can say beyond the plain functions: blocks of addresses, dynamic references, the
language extensions."""

import json

import pytest

from .conftest import log_group

GOOD = {"A": {"Type": "AWS::Logs::LogGroup"}}


@pytest.fixture
def outputs_of(stacks, fresh):
    def run(outputs, **sections):
        name = fresh("language")
        more = {"Capabilities": ["CAPABILITY_AUTO_EXPAND"]} if "Transform" in sections else {}
        stacks.create(
            name,
            {"Resources": GOOD, **sections,
             "Outputs": {key: {"Value": value} for key, value in outputs.items()}},
            **more,
        )
        return stacks.outputs(name)

    return run


def joined(value):
    return {"Fn::Join": ["|", value]}


def test_blocks_of_addresses(outputs_of):
    told = outputs_of({
        "Four": joined({"Fn::Cidr": ["192.168.0.0/24", 6, 5]}),
        "Text": joined({"Fn::Cidr": ["10.1.2.3/16", "2", "8"]}),
        "Six": joined({"Fn::Cidr": ["2001:db8:1234:1a00::/56", 3, 64]}),
        "Nested": {"Fn::Select": [2, {"Fn::Cidr": [
            {"Fn::Select": [1, {"Fn::Cidr": ["10.0.0.0/16", 4, 12]}]}, 4, 9]}]},
    })
    assert told == {
        "Four": "192.168.0.0/27|192.168.0.32/27|192.168.0.64/27|192.168.0.96/27|"
                "192.168.0.128/27|192.168.0.160/27",
        "Text": "10.1.0.0/24|10.1.1.0/24",
        "Six": "2001:db8:1234:1a00::/64|2001:db8:1234:1a01::/64|2001:db8:1234:1a02::/64",
        "Nested": "10.0.20.0/23",
    }


@pytest.mark.parametrize("argument", [
    ["10.0.0.0/16", 0, 8], ["10.0.0.0/16", 257, 4], ["10.0.0.0/24", 5, 6],
    ["10.0.0.0/24", 1, 9], ["nowhere", 1, 8], ["10.0.0.0/16", "x", 8],
])
def test_blocks_that_do_not_fit_are_refused(stacks, fresh, error_of, argument):
    template = {"Resources": {"L": log_group(LogGroupName=joined({"Fn::Cidr": argument}))}}
    code, text = error_of(lambda: stacks.create(fresh("cidr"), template))
    stacks.made.pop()
    assert code == "ValidationError" and text.startswith("Template error: Fn::Cidr")


def test_a_dynamic_reference_is_looked_up_for_the_resource(stacks, client, fresh):
    ssm, parameter, name = client("ssm"), "/" + fresh("dynamic") + "/group", fresh("dynamic")
    first, second = fresh("first"), fresh("second")
    ssm.put_parameter(Name=parameter, Value=first, Type="String")
    ssm.put_parameter(Name=parameter, Value=second, Type="String", Overwrite=True)
    template = {
        "Parameters": {"P": {"Type": "String", "Default": parameter}},
        "Resources": {
            "Old": log_group(LogGroupName="{{resolve:ssm:%s:1}}" % parameter),
            "New": log_group(LogGroupName={"Fn::Sub": "a-{{resolve:ssm:${P}}}-b"}),
        },
    }
    stacks.create(name, template)
    assert stacks.physical(name, "Old") == first
    assert stacks.physical(name, "New") == f"a-{second}-b"
    events = stacks.client.describe_stack_events(StackName=name)["StackEvents"]
    told = [json.loads(e["ResourceProperties"]) for e in events if e["LogicalResourceId"] == "Old"]
    assert told[0] == {"LogGroupName": "{{resolve:ssm:%s:1}}" % parameter}


def test_a_new_value_behind_a_dynamic_reference_is_no_update(stacks, client, fresh, error_of):
    ssm, parameter, name = client("ssm"), fresh("dynamic"), fresh("dynamic")
    ssm.put_parameter(Name=parameter, Value=fresh("one"), Type="String")
    template = {"Resources": {
        "L": log_group(LogGroupName="{{resolve:ssm:%s}}" % parameter, RetentionInDays=1)}}
    stacks.create(name, template)
    ssm.put_parameter(Name=parameter, Value=fresh("two"), Type="String", Overwrite=True)
    assert error_of(lambda: stacks.update(name, template)) == (
        "ValidationError", "No updates are to be performed.")


def test_a_dynamic_reference_to_nothing_is_refused(stacks, fresh, error_of):
    template = {"Resources": {"L": log_group(LogGroupName="{{resolve:ssm:/not/there:2}}")}}
    assert error_of(lambda: stacks.create(fresh("dynamic"), template)) == (
        "ValidationError", "Parameters: [ssm:/not/there:2] cannot be found.")
    stacks.made.pop()


def test_lengths_and_texts_of_json(outputs_of):
    told = outputs_of(
        {
            "Given": {"Fn::Length": [1, 2, 3]},
            "Listed": {"Fn::Length": {"Ref": "Names"}},
            "Split": {"Fn::Length": {"Fn::Split": ["|", "a|b"]}},
            "Object": {"Fn::ToJsonString": {"a": {"Ref": "Names"}, "n": 1, "t": True}},
            "List": {"Fn::ToJsonString": ["x", {"Ref": "A"}, {"Ref": "AWS::NoValue"}]},
        },
        Transform="AWS::LanguageExtensions",
        Parameters={"Names": {"Type": "CommaDelimitedList", "Default": "x,y,z,w"}},
    )
    assert (told["Given"], told["Listed"], told["Split"]) == ("3", "4", "2")
    assert told["Object"] == '{"a":["x","y","z","w"],"n":1,"t":true}'
    assert json.loads(told["List"])[0] == "x" and len(json.loads(told["List"])) == 2


def test_a_mapping_may_have_a_default(outputs_of, stacks, fresh, error_of):
    mappings = {"M": {"K": {"F": "found"}}}
    lookup = {"Fn::FindInMap": ["M", {"Ref": "Key"}, "F", {"DefaultValue": {"Ref": "Key"}}]}
    parameters = {"Key": {"Type": "String", "Default": "Other"}}
    told = outputs_of(
        {"Default": lookup, "Found": {"Fn::FindInMap": ["M", "K", "F", {"DefaultValue": "x"}]}},
        Transform=["AWS::LanguageExtensions"], Mappings=mappings, Parameters=parameters)
    assert told == {"Default": "Other", "Found": "found"}
    template = {"Resources": GOOD, "Mappings": mappings, "Parameters": parameters,
                "Outputs": {"O": {"Value": lookup}}}
    code, text = error_of(lambda: stacks.create(fresh("map"), template))
    stacks.made.pop()
    assert (code, text) == (
        "ValidationError",
        "Template error: every Fn::FindInMap object requires three parameters, the map name, "
        "map key and the attribute for return value")


LOOPS = """
AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::LanguageExtensions
Parameters:
  Names: {Type: CommaDelimitedList, Default: 'one,two'}
  Keep: {Type: String, Default: Delete}
Conditions:
  'Fn::ForEach::Checks':
    - Name
    - [One, Two]
    - 'Is${Name}': !Equals [!Ref 'AWS::Region', '${Name}']
Resources:
  'Fn::ForEach::Groups':
    - Name
    - !Ref Names
    - 'Group${Name}':
        Type: AWS::Logs::LogGroup
        DeletionPolicy: !Ref Keep
        Properties:
          LogGroupName: !Sub '${AWS::StackName}/${Name}/x'
          RetentionInDays: 7
      'Fn::ForEach::Streams':
        - Part
        - [a.1, b.2]
        - 'Stream${Name}&{Part}':
            Type: AWS::Logs::LogStream
            Properties:
              LogGroupName: !Ref
                Fn::Sub: 'Group${Name}'
              LogStreamName: !Join ['-', [!Ref Name, '${Part}']]
Outputs:
  'Fn::ForEach::Told':
    - Name
    - !Ref Names
    - 'Arn${Name}':
        Value: !GetAtt 'Group${Name}.Arn'
"""


def test_loops_make_resources_conditions_and_outputs(stacks, client, fresh):
    name = fresh("loops")
    body = LOOPS.replace("!Ref\n                Fn::Sub: 'Group${Name}'", "!Ref 'Group${Name}'")
    stacks.create(name, body, Capabilities=["CAPABILITY_AUTO_EXPAND"])
    assert sorted(stacks.resources(name)) == [
        "Groupone", "Grouptwo", "Streamonea1", "Streamoneb2", "Streamtwoa1", "Streamtwob2"]
    assert stacks.physical(name, "Groupone") == f"{name}/one/x"
    assert stacks.physical(name, "Streamtwob2") == "two-b.2"
    assert sorted(stacks.outputs(name)) == ["Arnone", "Arntwo"]

    cf = stacks.client
    assert cf.get_template(StackName=name, TemplateStage="Original")["TemplateBody"] == body
    processed = cf.get_template(StackName=name, TemplateStage="Processed")["TemplateBody"]
    assert "Transform" not in processed
    assert processed["Resources"]["Groupone"]["DeletionPolicy"] == "Delete"
    assert sorted(processed["Conditions"]) == ["IsOne", "IsTwo"]

    more = [{"ParameterKey": "Names", "ParameterValue": "two,three"}]
    stacks.update(name, body, Parameters=more, Capabilities=["CAPABILITY_AUTO_EXPAND"])
    assert "Groupthree" in stacks.resources(name) and "Groupone" not in stacks.resources(name)


def test_a_change_set_needs_no_capability_for_a_transform(stacks, fresh):
    name = fresh("reviewed")
    body = LOOPS.replace("!Ref\n                Fn::Sub: 'Group${Name}'", "!Ref 'Group${Name}'")
    stacks.made.append(name)
    stacks.client.create_change_set(
        StackName=name, ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=body)
    told = stacks.client.describe_change_set(StackName=name, ChangeSetName="c")
    assert len(told["Changes"]) == 6
    stacks.client.execute_change_set(StackName=name, ChangeSetName="c")
    stacks.wait(name, "CREATE_COMPLETE")


@pytest.mark.parametrize("loop, words", [
    (["X", ["a"]], "Fn::ForEach layout is incorrect"),
    (["X", "a", {"R${X}": GOOD["A"]}], "Fn::ForEach could not resolve list"),
    (["X", ["x"] * 101, {"Fn::ForEach::M": ["Y", ["y"] * 101, {}]}],
     "Fn::ForEach loops take too many turns"),
])
def test_a_loop_of_another_form_is_refused(stacks, fresh, error_of, loop, words):
    template = {"Transform": "AWS::LanguageExtensions",
                "Resources": {"Fn::ForEach::L": loop, **GOOD}}
    code, text = error_of(lambda: stacks.create(
        fresh("loop"), template, Capabilities=["CAPABILITY_AUTO_EXPAND"]))
    stacks.made.pop()
    assert (code, text) == (
        "ValidationError", f"Transform AWS::LanguageExtensions failed with: {words}")
