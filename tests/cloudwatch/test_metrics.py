"""Metrics: put, added up, listed; over the query protocol and CBOR."""

import datetime
import json

import pytest
from botocore.exceptions import ClientError
from support.chain import ACCOUNT

UTC = datetime.timezone.utc
NOW = None  # the minute in which the test began


@pytest.fixture
def metrics(client):
    return client("cloudwatch")


@pytest.fixture(autouse=True)
def begun(monkeypatch):
    """A test counts its minutes from its beginning: the next one may come while it runs."""
    now = datetime.datetime.now(UTC).replace(second=0, microsecond=0)
    monkeypatch.setitem(globals(), "NOW", now)


def minutes_ago(count):
    return NOW - datetime.timedelta(minutes=count)


def code_of(call, **members):
    with pytest.raises(ClientError) as caught:
        call(**members)
    return caught.value.response["Error"]["Code"]


def statistics(api, space, name, period=60, **members):
    reply = api.get_metric_statistics(
        Namespace=space, MetricName=name, StartTime=minutes_ago(60), EndTime=minutes_ago(-1),
        Period=period, Statistics=["Sum", "SampleCount", "Average", "Minimum", "Maximum"], **members
    )  # fmt: skip
    assert reply["Label"] == name
    return sorted(reply["Datapoints"], key=lambda it: it["Timestamp"])


def test_values_of_a_minute_are_added_up(metrics, fresh):
    space, dimensions = fresh("space"), [{"Name": "Stream", "Value": "s"}]
    at = minutes_ago(5)
    for values in ({"Value": 4.0}, {"Values": [1.0, 2.5], "Counts": [2.0, 1.0]},
                   {"StatisticValues": {"SampleCount": 2, "Sum": 20, "Minimum": 9, "Maximum": 11}}):
        metrics.put_metric_data(
            Namespace=space,
            MetricData=[{"MetricName": "n", "Dimensions": dimensions, "Timestamp": at,
                         "Unit": "Count", **values}],
        )  # fmt: skip
    (point,) = statistics(metrics, space, "n", Dimensions=dimensions)
    assert point == {
        "Timestamp": at, "SampleCount": 6.0, "Sum": 28.5, "Average": 4.75, "Minimum": 1.0,
        "Maximum": 11.0, "Unit": "Count",
    }  # fmt: skip
    assert statistics(metrics, space, "n") == []  # without the dimension it is another metric


def test_periods_hold_several_minutes(metrics, fresh):
    space = fresh("space")
    data = [
        {"MetricName": "n", "Timestamp": minutes_ago(number), "Value": 1.0} for number in range(30)
    ]
    metrics.put_metric_data(Namespace=space, MetricData=data)
    points = statistics(metrics, space, "n", period=3600)
    assert sum(point["Sum"] for point in points) == 30
    assert len(points) in (1, 2)
    query = {
        "Id": "q", "Label": "mine",
        "MetricStat": {
            "Metric": {"Namespace": space, "MetricName": "n"}, "Period": 60, "Stat": "Sum",
        },
    }  # fmt: skip
    ask = dict(StartTime=minutes_ago(10), EndTime=minutes_ago(0), MetricDataQueries=[query])
    (down,) = metrics.get_metric_data(**ask)["MetricDataResults"]
    assert (down["Id"], down["Label"], down["StatusCode"]) == ("q", "mine", "Complete")
    assert down["Values"] == [1.0] * 10
    assert down["Timestamps"] == [minutes_ago(number) for number in range(1, 11)]
    (up,) = metrics.get_metric_data(**ask, ScanBy="TimestampAscending")["MetricDataResults"]
    assert up["Timestamps"] == down["Timestamps"][::-1]


def test_metrics_are_listed_by_space_name_and_dimensions(metrics, fresh):
    space = fresh("space")
    for name, value in (("a", "1"), ("a", "2"), ("b", "1")):
        dimensions = [{"Name": "z", "Value": value}, {"Name": "d", "Value": "x"}]
        datum = {"MetricName": name, "Value": 1, "Dimensions": dimensions}
        metrics.put_metric_data(Namespace=space, MetricData=[datum])

    def listed(**members):
        return [
            (it["MetricName"], {d["Name"]: d["Value"] for d in it["Dimensions"]})
            for page in metrics.get_paginator("list_metrics").paginate(Namespace=space, **members)
            for it in page["Metrics"]
        ]

    assert len(listed()) == 3
    assert listed(MetricName="b") == [("b", {"z": "1", "d": "x"})]
    assert [name for name, _ in listed(Dimensions=[{"Name": "z", "Value": "1"}])] == ["a", "b"]
    assert len(listed(Dimensions=[{"Name": "z"}])) == 3
    assert listed(Dimensions=[{"Name": "none"}]) == []


def test_what_cannot_be_is_refused(metrics, fresh):
    space = fresh("space")

    def put(**datum):
        data = [{"MetricName": "n", **datum}]
        return code_of(metrics.put_metric_data, Namespace=space, MetricData=data)

    both = {"SampleCount": 1, "Sum": 1, "Minimum": 1, "Maximum": 1}
    assert put(Value=1.0, StatisticValues=both) == "InvalidParameterCombination"
    assert put() == "MissingParameter"
    assert put(Value=1.0, Timestamp=minutes_ago(60 * 24 * 15)) == "InvalidParameterValue"
    assert put(Value=1.0, Timestamp=minutes_ago(-180)) == "InvalidParameterValue"
    assert put(Value=1.0, StorageResolution=1) == "InvalidParameterValue"
    ask = dict(StartTime=minutes_ago(10), EndTime=minutes_ago(0))
    query = {"Id": "q", "Expression": "SUM(METRICS()"}
    assert code_of(metrics.get_metric_data, **ask, MetricDataQueries=[query]) == "ValidationError"
    ask = dict(Namespace=space, MetricName="n", Statistics=["Sum"], EndTime=minutes_ago(0))
    many = dict(ask, StartTime=minutes_ago(3000), Period=60)
    assert code_of(metrics.get_metric_statistics, **many) == "InvalidParameterCombination"
    backwards = dict(ask, StartTime=minutes_ago(-5), Period=60)
    assert code_of(metrics.get_metric_statistics, **backwards) == "InvalidParameterCombination"
    assert metrics.list_metrics(Namespace=space)["Metrics"] == []


def test_metrics_survive_a_kill(own_server):
    api = own_server.client("cloudwatch")
    at = minutes_ago(3)
    for _ in range(2):
        api.put_metric_data(
            Namespace="s", MetricData=[{"MetricName": "n", "Value": 2, "Timestamp": at}]
        )
        own_server.kill9()
        own_server.start()
        api = own_server.client("cloudwatch")
    (point,) = statistics(api, "s", "n")
    assert (point["Sum"], point["SampleCount"], point["Unit"]) == (4.0, 2.0, "None")


def test_the_command_line_client_puts_and_reads(aws, fresh):
    space = fresh("space")
    aws("cloudwatch", "put-metric-data", "--namespace", space, "--metric-name", "n", "--value", "7")
    listed = aws("cloudwatch", "list-metrics", "--namespace", space).json["Metrics"]
    assert [it["MetricName"] for it in listed] == ["n"]


def test_rpc_v2_speaks_cbor(server, fresh):
    """As newer SDKs do: text keys, times as tag 1 with seconds."""

    def ask(operation, body):
        return server.request(
            "POST", f"/service/GraniteServiceVersion20100801/operation/{operation}", body=body,
            headers={"smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor"},
        )  # fmt: skip

    space = fresh("cbor").encode()
    datum = b"\xa2jMetricNamean" + b"eValue\xfb\x40\x00\x00\x00\x00\x00\x00\x00"
    name = bytes([0x60 + len(space)]) + space if len(space) < 24 else b"\x78" + bytes(
        [len(space)]) + space
    status, headers, _ = ask("PutMetricData", b"\xa2iNamespace" + name + b"jMetricData\x81" + datum)
    assert status == 200 and headers["smithy-protocol"] == "rpc-v2-cbor"
    _, headers, body = ask("ListMetrics", b"\xa1iNamespace" + name)
    assert headers["content-type"] == "application/cbor"
    assert b"jMetricNamean" in body and space in body
    status, _, body = ask("NoSuch", b"\xa0")
    assert status >= 400 and b"__type" in body
    assert ask("ListMetrics", b"\xff")[0] == 400


def test_the_json_protocol_too(server, fresh):
    """X-Amz-Target, as SDKs between those of the query protocol and of CBOR."""
    space, now = fresh("json"), int(datetime.datetime.now(UTC).timestamp())

    def ask(operation, **body):
        status, headers, text = server.request(
            "POST", "/", json.dumps(body), {
                "X-Amz-Target": f"GraniteServiceVersion20100801.{operation}",
                "Content-Type": "application/x-amz-json-1.0",
            },
        )  # fmt: skip
        assert status == 200, text
        assert not text or headers["content-type"] == "application/x-amz-json-1.0"
        return json.loads(text) if text else None

    ask("PutMetricData", Namespace=space, MetricData=[{"MetricName": "n", "Value": 2.5}])
    (metric,) = ask("ListMetrics", Namespace=space)["Metrics"]
    assert metric == {"Namespace": space, "MetricName": "n", "Dimensions": []}
    period = {"StartTime": now - 600, "EndTime": now + 60}
    (point,) = ask(
        "GetMetricStatistics", Namespace=space, MetricName="n", Period=60, Statistics=["Sum"],
        **period,
    )["Datapoints"]  # fmt: skip
    assert point["Sum"] == 2.5 and now - 120 < point["Timestamp"] <= now
    stat = {"Metric": {"Namespace": space, "MetricName": "n"}, "Period": 60, "Stat": "Sum"}
    (data,) = ask(
        "GetMetricData", MetricDataQueries=[{"Id": "q", "MetricStat": stat}], **period
    )["MetricDataResults"]  # fmt: skip
    assert data["Values"] == [2.5]


def test_data_comes_in_pages(metrics, fresh):
    space = fresh("space")
    for name in ("a", "b"):
        metrics.put_metric_data(
            Namespace=space,
            MetricData=[
                {"MetricName": name, "Timestamp": minutes_ago(n + 1), "Value": float(n)}
                for n in range(5)
            ],
        )
    queries = [
        {"Id": name, "MetricStat": {"Period": 60, "Stat": "Sum", "Metric": {
            "Namespace": space, "MetricName": name,
        }}}
        for name in ("a", "b")
    ]  # fmt: skip
    ask = dict(MetricDataQueries=queries, StartTime=minutes_ago(10), EndTime=minutes_ago(0))
    got, states, token = {"a": [], "b": []}, [], {}
    while token is not None:
        page = metrics.get_metric_data(**ask, MaxDatapoints=3, **token)
        states.append([result["StatusCode"] for result in page["MetricDataResults"]])
        count = 0
        for result in page["MetricDataResults"]:
            assert len(result["Values"]) == len(result["Timestamps"])
            got[result["Id"]] += result["Values"]
            count += len(result["Values"])
        assert count == 3 or (count == 1 and "NextToken" not in page)
        token = {"NextToken": page["NextToken"]} if "NextToken" in page else None
    assert got == {"a": [0, 1, 2, 3, 4], "b": [0, 1, 2, 3, 4]}
    assert states[0] == ["PartialData"] and states[-1] == ["Complete", "Complete"]
    assert code_of(metrics.get_metric_data, **ask, NextToken="x") == "InvalidNextToken"
    assert code_of(metrics.list_metrics, NextToken="x") == "InvalidParameterValue"


def test_metrics_are_listed_with_the_accounts_they_belong_to(metrics, fresh):
    space = fresh("space")
    for name in ("a", "b"):
        datum = {"MetricName": name, "Value": 1.0}
        metrics.put_metric_data(Namespace=space, MetricData=[datum])
    page = metrics.list_metrics(Namespace=space, IncludeLinkedAccounts=True)
    assert page["OwningAccounts"] == [ACCOUNT] * 2 and len(page["Metrics"]) == 2
    assert "OwningAccounts" not in metrics.list_metrics(Namespace=space)
    page = metrics.list_metrics(Namespace=space, IncludeLinkedAccounts=True, OwningAccount=ACCOUNT)
    assert len(page["Metrics"]) == 2
    page = metrics.list_metrics(Namespace=space, OwningAccount="1" * 12)
    assert page["Metrics"] == []


def test_recently_active_metrics_are_listed_alone(metrics, fresh):
    space = fresh("space")
    for name, minutes in (("new", 5), ("old", 60 * 5)):
        metrics.put_metric_data(
            Namespace=space,
            MetricData=[{"MetricName": name, "Value": 1.0, "Timestamp": minutes_ago(minutes)}],
        )
    assert len(metrics.list_metrics(Namespace=space)["Metrics"]) == 2
    (only,) = metrics.list_metrics(Namespace=space, RecentlyActive="PT3H")["Metrics"]
    assert only["MetricName"] == "new"
