"""GetMetricData's expressions, and statistics of how values lie, through boto3."""

import datetime

import pytest
from botocore.exceptions import ClientError
from support.chain import ACCOUNT

UTC = datetime.timezone.utc
NOW = None  # the minute in which the test began


@pytest.fixture(autouse=True)
def begun(monkeypatch):
    """A test counts its minutes from its beginning: the next one may come while it runs."""
    now = datetime.datetime.now(UTC).replace(second=0, microsecond=0)
    monkeypatch.setitem(globals(), "NOW", now)


def minutes_ago(count):
    return NOW - datetime.timedelta(minutes=count)


@pytest.fixture
def metrics(client):
    return client("cloudwatch")


@pytest.fixture
def api(metrics, fresh):
    """Two metrics in a namespace of their own: a has 1, 2, -, 4 and b 10, 0, 30, 40."""
    it = Api(metrics, fresh("math"))
    for name, values in (("a", (1.0, 2.0, None, 4.0)), ("b", (10.0, 0.0, 30.0, 40.0))):
        metrics.put_metric_data(Namespace=it.space, MetricData=[
            {"MetricName": name, "Timestamp": it.start + datetime.timedelta(minutes=n), "Value": v}
            for n, v in enumerate(values) if v is not None])  # fmt: skip
    return it


class Api:
    def __init__(self, metrics, space):
        self.metrics, self.space = metrics, space
        self.start, self.end = minutes_ago(10), minutes_ago(6)

    def stat(self, name, stat="Sum", **more):
        return {"Id": name, "MetricStat": {
            "Metric": {"Namespace": self.space, "MetricName": name}, "Period": 60, "Stat": stat,
        }, **more}  # fmt: skip

    def data(self, *queries):
        return self.metrics.get_metric_data(
            StartTime=self.start, EndTime=self.end, ScanBy="TimestampAscending",
            MetricDataQueries=list(queries),
        )["MetricDataResults"]  # fmt: skip

    def shown(self, expression, *more):
        """What the expression gives: {minute: value} of each of its series."""
        found = self.data(self.stat("a", ReturnData=False), self.stat("b", ReturnData=False),
                          *more, {"Id": "e", "Expression": expression})  # fmt: skip
        return [
            {(at - self.start).seconds // 60: value
             for at, value in zip(series["Timestamps"], series["Values"])}
            for series in found if series["Id"] == "e"
        ]  # fmt: skip

    def refused(self, expression, *more):
        with pytest.raises(ClientError) as caught:
            self.shown(expression, *more)
        assert caught.value.response["Error"]["Code"] == "ValidationError"
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        return caught.value.response["Error"]["Message"]


@pytest.mark.parametrize("expression, wanted", [
    ("a + b", {0: 11, 1: 2, 3: 44}),
    ("100 * (a / b)", {0: 10, 3: 10}),
    ("b - AVG(b)", {0: -10, 1: -20, 2: 10, 3: 20}),
    ("FILL(a, 0)", {0: 1, 1: 2, 2: 0, 3: 4}),
    ("FILL(a, REPEAT)", {0: 1, 1: 2, 2: 2, 3: 4}),
    ("FILL(a, LINEAR)", {0: 1, 1: 2, 2: 3, 3: 4}),
    ("SUM(METRICS())", {0: 11, 1: 2, 2: 30, 3: 44}),
    ("MAX([a, b])", {0: 10, 1: 2, 2: 30, 3: 40}),
    ("RATE(b) * 60", {1: -10, 2: 30, 3: 10}),
    ("IF(b > 5, b, -1)", {0: 10, 1: -1, 2: 30, 3: 40}),
    ("TIME_SERIES(7)", {0: 7, 1: 7, 2: 7, 3: 7}),
    ("b / PERIOD(b)", {0: 10 / 60, 1: 0, 2: 0.5, 3: 40 / 60}),
])  # fmt: skip
def test_an_expression_makes_a_series(api, expression, wanted):
    (found,) = api.shown(expression)
    assert found == pytest.approx(wanted)


def test_a_list_makes_a_result_of_each_of_its_series(api):
    filled = {"Id": "e", "Expression": "FILL(METRICS(), 0)", "Label": "filled"}
    found = api.data(api.stat("a"), api.stat("b", Label="bees", ReturnData=False), filled)
    assert [(it["Id"], it["Label"], it["Values"]) for it in found] == [
        ("a", "a", [1, 2, 4]), ("e", "filled a", [1, 2, 0, 4]),
        ("e", "filled bees", [10, 0, 30, 40])]  # fmt: skip
    (only,) = api.shown('METRICS("b")')
    assert only == {0: 10, 1: 0, 2: 30, 3: 40}


def test_expressions_are_made_of_expressions_in_any_order(api):
    twice = {"Id": "twice", "Expression": "half * 4", "ReturnData": False}
    half = {"Id": "half", "Expression": "a / 2", "ReturnData": False}
    (found,) = api.shown("twice + 1", twice, half)
    assert found == {0: 3, 1: 5, 3: 9}


def test_what_is_no_expression_is_told(api):
    assert api.refused("a +") == (
        "Error in expression 'e' [Invalid syntax. The expression ends too early.]")
    assert api.refused("nobody") == "Error in expression 'e' [Undefined variable nobody.]"
    assert api.refused("AVG(a)") == (
        "Error in expression 'e' [The result must be a time series or an array of them.]")
    assert "refers to itself" in api.refused("e + 1")
    inner = {"Id": "inner", "Expression": "NOPE(a)", "ReturnData": False}
    assert api.refused("inner", inner) == "Error in expression 'inner' [Unknown function NOPE.]"
    assert "millrace does not implement" in api.refused("SEARCH('{AWS/Lambda}', 'Sum', 300)")
    assert "not unique" in api.refused("a", api.stat("a"))
    assert "expected pattern" in api.refused("a", {"Id": "Big", "Expression": "a"})


def test_a_metric_of_another_account_has_no_data(api):
    (mine, other) = api.data(api.stat("a", AccountId=ACCOUNT), api.stat("b", AccountId="1" * 12))
    assert len(mine["Values"]) == 3
    assert other["Values"] == []


# ---- how values lie ----


def values(metrics, space, *data):
    metrics.put_metric_data(Namespace=space, MetricData=[
        {"MetricName": "n", "Timestamp": minutes_ago(5), **datum} for datum in data])  # fmt: skip


def extended(metrics, space, *names, **more):
    points = metrics.get_metric_statistics(
        Namespace=space, MetricName="n", StartTime=minutes_ago(60), EndTime=minutes_ago(-1),
        Period=3600 * 24, ExtendedStatistics=list(names), **more,
    )["Datapoints"]  # fmt: skip
    return points[0]["ExtendedStatistics"] if points else None


def test_percentiles_and_trimmed_statistics_of_what_was_put(metrics, fresh):
    space = fresh("spread")
    values(metrics, space, {"Values": [float(n) for n in range(1, 101)]})
    assert extended(metrics, space, "p50", "p90", "p99.9", "tm90", "TM(10%:90%)", "TC(:20)",
                    "PR(90:)", "IQM") == {
        "p50": 50.0, "p90": 90.0, "p99.9": 100.0, "tm90": 45.5, "TM(10%:90%)": 50.5,
        "TC(:20)": 20.0, "PR(90:)": 10.0, "IQM": 50.5}  # fmt: skip
    (data,) = metrics.get_metric_data(
        StartTime=minutes_ago(60), EndTime=minutes_ago(-1), MetricDataQueries=[
            {"Id": "q", "MetricStat": {"Metric": {"Namespace": space, "MetricName": "n"},
                                       "Period": 60, "Stat": "p95"}}],
    )["MetricDataResults"]  # fmt: skip
    assert data["Values"] == [95.0]
    both = metrics.get_metric_statistics(
        Namespace=space, MetricName="n", StartTime=minutes_ago(60), EndTime=minutes_ago(-1),
        Period=3600 * 24, Statistics=["Sum"], ExtendedStatistics=["p10"],
    )["Datapoints"]  # fmt: skip
    assert (both[0]["Sum"], both[0]["ExtendedStatistics"]) == (5050.0, {"p10": 10.0})


def test_sets_of_statistics_have_percentiles_only_when_level(metrics, fresh):
    level, other = fresh("level"), fresh("other")
    values(metrics, level, {"StatisticValues": {
        "SampleCount": 5, "Sum": 10, "Minimum": 2, "Maximum": 2}})  # fmt: skip
    assert extended(metrics, level, "p50") == {"p50": 2.0}
    values(metrics, other, {"Value": 1.0}, {"StatisticValues": {
        "SampleCount": 5, "Sum": 10, "Minimum": 1, "Maximum": 3}})  # fmt: skip
    assert extended(metrics, other, "p50") is None


def test_values_are_known_over_a_restart(own_server):
    metrics = own_server.client("cloudwatch")
    values(metrics, "s", {"Values": [1.0, 2.0, 3.0, 50.0]})
    own_server.kill9()
    own_server.start()
    metrics = own_server.client("cloudwatch")
    values(metrics, "s", {"Value": 60.0})
    assert extended(metrics, "s", "p50", "p80", "p100") == {"p50": 3.0, "p80": 50.0, "p100": 60.0}


def test_what_is_no_statistic_is_refused(metrics, fresh):
    for wrong in ("p101", "TM(:)", "nonsense"):
        with pytest.raises(ClientError) as caught:
            extended(metrics, "space", wrong)
        code = caught.value.response["Error"]["Code"]
        assert code in ("InvalidParameterValue", "ValidationError"), code


def test_latencies_of_the_services_have_percentiles(own_server):
    kinesis = own_server.client("kinesis")
    own_server.clock.hold()  # no midnight comes between them
    kinesis.create_stream(StreamName="s", ShardCount=1)
    for _ in range(50):
        kinesis.put_record(StreamName="s", Data=b"x", PartitionKey="k")
    api = own_server.client("cloudwatch")
    (point,) = api.get_metric_statistics(
        Namespace="AWS/Kinesis", MetricName="PutRecord.Latency", StartTime=minutes_ago(60),
        EndTime=minutes_ago(-60), Period=3600 * 24,
        Statistics=["Minimum", "Maximum", "SampleCount"],
        ExtendedStatistics=["p0", "p50", "p99", "p100"],
        Dimensions=[{"Name": "StreamName", "Value": "s"}],
    )["Datapoints"]  # fmt: skip
    spread = point["ExtendedStatistics"]
    assert point["SampleCount"] == 50
    assert spread["p0"] <= spread["p50"] <= spread["p99"] <= spread["p100"]
    assert spread["p0"] == pytest.approx(point["Minimum"], rel=0.05)
    assert spread["p100"] == pytest.approx(point["Maximum"], rel=0.05)
