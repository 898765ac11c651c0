"""Alarms: kept, shown, and evaluated when somebody asks."""

import datetime
import json

import pytest
from botocore.exceptions import ClientError

ALARM = {
    "MetricName": "Lag", "Namespace": "Pipe", "Statistic": "Maximum", "Period": 60,
    "EvaluationPeriods": 1, "Threshold": 10.0, "ComparisonOperator": "GreaterThanThreshold",
}  # fmt: skip


@pytest.fixture
def api(client):
    return client("cloudwatch")


@pytest.fixture
def alarm(api, fresh):
    """alarm(**members) -> its name; its metric lies in a dimension of its own."""

    def make(**members):
        name = fresh("alarm")
        given = {"Dimensions": [{"Name": "Of", "Value": name}], **ALARM, **members}
        api.put_metric_alarm(
            AlarmName=name, **{k: v for k, v in given.items() if v is not None})
        return name

    return make


@pytest.fixture
def feed(api):
    def put(name, *values):
        """Values of the minutes before now, the newest last."""
        now = datetime.datetime.now(datetime.timezone.utc)
        for back, value in enumerate(reversed(values)):
            if value is not None:
                api.put_metric_data(Namespace="Pipe", MetricData=[{
                    "MetricName": "Lag", "Dimensions": [{"Name": "Of", "Value": name}],
                    "Value": value, "Timestamp": now - datetime.timedelta(minutes=back)}])

    return put


def one(api, name):
    found = api.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert len(found) == 1
    return found[0]


def told(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_an_alarm_is_shown_as_it_was_made(api, alarm):
    action = "arn:aws:sns:us-east-1:000000000000:topic"
    name = alarm(AlarmDescription="late", AlarmActions=[action], TreatMissingData="missing")
    got = one(api, name)
    assert got["AlarmArn"] == f"arn:aws:cloudwatch:us-east-1:000000000000:alarm:{name}"
    assert {k: got[k] for k in ALARM} == ALARM
    assert got["ActionsEnabled"] is True and got["AlarmActions"] == [action]
    assert got["OKActions"] == got["InsufficientDataActions"] == []
    assert got["Dimensions"] == [{"Name": "Of", "Value": name}]
    assert (got["StateValue"], got["StateReason"]) == (
        "INSUFFICIENT_DATA", "Unchecked: Initial alarm creation")
    assert [a["AlarmName"] for a in api.describe_alarms(
        AlarmNamePrefix=name, ActionPrefix="arn:aws:sns:")["MetricAlarms"]] == [name]
    assert api.describe_alarms(AlarmNamePrefix=name, StateValue="OK")["MetricAlarms"] == []
    assert api.describe_alarms(
        AlarmNamePrefix=name, AlarmTypes=["CompositeAlarm"])["MetricAlarms"] == []
    found = api.describe_alarms_for_metric(
        MetricName="Lag", Namespace="Pipe", Dimensions=[{"Name": "Of", "Value": name}])
    assert [a["AlarmName"] for a in found["MetricAlarms"]] == [name]


def test_a_threshold_is_crossed_and_left(api, alarm, feed):
    name = alarm()
    feed(name, 20)
    got = one(api, name)
    assert got["StateValue"] == "ALARM"
    assert got["StateReason"].startswith(
        "Threshold Crossed: 1 out of the last 1 datapoints [20.0 (")
    assert got["StateReason"].endswith(
        "was greater than the threshold (10.0) (minimum 1 datapoint for OK -> ALARM transition).")
    assert json.loads(got["StateReasonData"])["recentDatapoints"] == [20.0]
    api.put_metric_alarm(AlarmName=name, Dimensions=[{"Name": "Of", "Value": name}],
                         **{**ALARM, "Threshold": 20.0})
    got = one(api, name)
    assert got["StateValue"] == "OK"
    assert got["StateReason"].endswith("was not greater than the threshold (20.0).")


@pytest.mark.parametrize("operator, threshold, state", [
    ("GreaterThanOrEqualToThreshold", 5, "ALARM"), ("GreaterThanThreshold", 5, "OK"),
    ("LessThanThreshold", 5, "OK"), ("LessThanOrEqualToThreshold", 5, "ALARM"),
])
def test_each_comparison(api, alarm, feed, operator, threshold, state):
    name = alarm(ComparisonOperator=operator, Threshold=threshold)
    feed(name, 5)
    assert one(api, name)["StateValue"] == state


@pytest.mark.parametrize("values, needed, treatment, state", [
    ([20, 5, 20], 2, None, "ALARM"),
    ([20, 5, 5], 2, None, "OK"),
    ([5, None, 20], 3, "breaching", "OK"),
    ([20, None, 20], 3, "breaching", "ALARM"),
    ([20, None, None], 3, None, "ALARM"),
    ([20, None, None], 3, "notBreaching", "OK"),
    ([20, None, None], 3, "ignore", "INSUFFICIENT_DATA"),
    ([], 3, "breaching", "ALARM"),
    ([], 3, "notBreaching", "OK"),
    ([], 3, "missing", "INSUFFICIENT_DATA"),
])
def test_some_of_the_last_periods_may_be_missing(
    api, alarm, feed, values, needed, treatment, state
):
    name = alarm(EvaluationPeriods=3, DatapointsToAlarm=needed, TreatMissingData=treatment)
    feed(name, *values)
    assert one(api, name)["StateValue"] == state


def test_a_state_that_was_set_holds_for_a_while(own_server):
    api = own_server.client("cloudwatch")
    own_server.clock.hold()
    api.put_metric_alarm(AlarmName="a", **ALARM)
    api.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="a test",
                        StateReasonData='{"a":1}')
    got = one(api, "a")
    assert (got["StateValue"], got["StateReason"]) == ("ALARM", "a test")
    assert got["StateReasonData"] == '{"a":1}'
    own_server.clock.advance(minutes=2)
    got = one(api, "a")
    assert (got["StateValue"], got["StateReason"]) == (
        "INSUFFICIENT_DATA", "Insufficient Data: 1 datapoint was unknown.")
    own_server.kill9()
    own_server.restart()
    assert one(api, "a")["StateValue"] == "INSUFFICIENT_DATA"
    assert told(api.set_alarm_state, AlarmName="b", StateValue="OK", StateReason="")[0] == (
        "ResourceNotFound")


def test_actions_tags_and_deletion(api, alarm):
    name = alarm(Tags=[{"Key": "a", "Value": "1"}])
    arn = one(api, name)["AlarmArn"]
    api.disable_alarm_actions(AlarmNames=[name, "nobody"])
    assert one(api, name)["ActionsEnabled"] is False
    api.enable_alarm_actions(AlarmNames=[name])
    assert one(api, name)["ActionsEnabled"] is True
    api.tag_resource(ResourceARN=arn, Tags=[{"Key": "b", "Value": "2"}])
    api.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert api.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    assert told(api.delete_alarms, AlarmNames=[name, "nobody"])[0] == "ResourceNotFound"
    api.delete_alarms(AlarmNames=[name])
    assert api.describe_alarms(AlarmNames=[name])["MetricAlarms"] == []
    assert told(api.list_tags_for_resource, ResourceARN=arn)[0] == "ResourceNotFoundException"


def test_alarms_come_in_pages(api, alarm, fresh):
    prefix = fresh("page")
    for i in range(5):
        api.put_metric_alarm(AlarmName=f"{prefix}-{i}", **ALARM)
    pages = api.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=prefix, PaginationConfig={"PageSize": 2})
    assert [[a["AlarmName"][-1] for a in p["MetricAlarms"]] for p in pages] == [
        ["0", "1"], ["2", "3"], ["4"]]


@pytest.mark.parametrize("members, code", [
    ({"Statistic": None}, "MissingParameter"),
    ({"ExtendedStatistic": "p99"}, "InvalidParameterCombination"),
    ({"Threshold": None}, "MissingParameter"),
    ({"Period": 61}, "InvalidParameterValue"),
    ({"DatapointsToAlarm": 2}, "ValidationError"),
    ({"EvaluationPeriods": 1441}, "ValidationError"),
    ({"TreatMissingData": "never"}, "ValidationError"),
])
def test_what_is_wrong_is_refused(api, fresh, members, code):
    given = {k: v for k, v in {**ALARM, **members}.items() if v is not None}
    assert told(api.put_metric_alarm, AlarmName=fresh("bad"), **given)[0] == code


def test_a_template_makes_changes_and_removes_an_alarm(client, fresh):
    cf, api, stack = client("cloudformation"), client("cloudwatch"), fresh("alarms")

    def body(threshold, **more):
        return json.dumps({
            "Resources": {"A": {"Type": "AWS::CloudWatch::Alarm", "Properties": {
                **ALARM, "Threshold": threshold, **more}}},
            "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["A", "Arn"]}},
                        "Name": {"Value": {"Ref": "A"}}}})

    def outputs():
        found = cf.describe_stacks(StackName=stack)["Stacks"][0]
        assert found["StackStatus"].endswith("_COMPLETE")
        return {o["OutputKey"]: o["OutputValue"] for o in found["Outputs"]}

    cf.create_stack(StackName=stack, TemplateBody=body(1, Tags=[{"Key": "k", "Value": "v"}]))
    name = outputs()["Name"]
    assert name.startswith(f"{stack}-A-") and outputs()["Arn"].endswith(f":alarm:{name}")
    assert one(api, name)["Threshold"] == 1.0
    cf.update_stack(StackName=stack, TemplateBody=body(2, AlarmDescription="x"))
    outputs()
    got = one(api, name)
    assert (got["Threshold"], got["AlarmDescription"]) == (2.0, "x")
    assert api.list_tags_for_resource(ResourceARN=got["AlarmArn"])["Tags"] == []
    cf.delete_stack(StackName=stack)
    cf.get_waiter("stack_delete_complete").wait(StackName=stack)
    assert api.describe_alarms(AlarmNames=[name])["MetricAlarms"] == []
