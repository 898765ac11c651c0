"""Request metrics: configured by bucket and prefix, measured in AWS/S3."""

import datetime

import pytest
from botocore.exceptions import ClientError
from s3.conftest import refused

UTC = datetime.timezone.utc


@pytest.fixture
def s3(own_server):
    s3 = own_server.client("s3")
    s3.create_bucket(Bucket="lake")
    return s3


def configure(s3, name, prefix=None, **more):
    wanted = {"Id": name, **({} if prefix is None else {"Filter": {"Prefix": prefix}}), **more}
    s3.put_bucket_metrics_configuration(Bucket="lake", Id=name, MetricsConfiguration=wanted)


def measured(server, name, filter_id, statistic="Sum"):
    now = datetime.datetime.now(UTC)
    points = server.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/S3", MetricName=name, StartTime=now - datetime.timedelta(days=2),
        EndTime=now + datetime.timedelta(days=1), Period=7 * 86400, Statistics=[statistic],
        Dimensions=[{"Name": "BucketName", "Value": "lake"},
                    {"Name": "FilterId", "Value": filter_id}],
    )["Datapoints"]  # fmt: skip
    return sum(point[statistic] for point in points)


def use(s3):
    s3.put_object(Bucket="lake", Key="in/a", Body=b"x" * 1000)
    s3.put_object(Bucket="lake", Key="out/b", Body=b"y" * 500)
    s3.get_object(Bucket="lake", Key="in/a")["Body"].read()
    s3.head_object(Bucket="lake", Key="in/a")
    s3.list_objects_v2(Bucket="lake")
    s3.delete_object(Bucket="lake", Key="out/b")
    s3.delete_objects(Bucket="lake", Delete={"Objects": [{"Key": "out/b"}]})
    with pytest.raises(ClientError):
        s3.get_object(Bucket="lake", Key="in/none")


def test_what_a_configuration_covers_is_measured(own_server, s3):
    use(s3)  # nobody asked for it yet
    configure(s3, "all")
    configure(s3, "part", prefix="in/")
    before = measured(own_server, "AllRequests", "all")
    use(s3)
    for name, of_all, of_part in (
        ("PutRequests", 4, 1), ("GetRequests", 2, 2), ("HeadRequests", 1, 1),
        ("ListRequests", 1, 0), ("DeleteRequests", 2, 0), ("4xxErrors", 1, 1), ("5xxErrors", 0, 0),
    ):  # fmt: skip; the configurations were put too, and those are the whole bucket's
        assert measured(own_server, name, "all") == of_all, name
        assert measured(own_server, name, "part") == of_part, name
    assert measured(own_server, "AllRequests", "all") == before + 8
    assert measured(own_server, "AllRequests", "part") == 4
    assert measured(own_server, "BytesUploaded", "part") == 1000
    assert measured(own_server, "BytesDownloaded", "part") >= 1000
    assert measured(own_server, "TotalRequestLatency", "all", "SampleCount") >= 8
    assert measured(own_server, "FirstByteLatency", "all", "Average") > 0


def test_configurations_are_kept_told_and_deleted(own_server, s3):
    for n in range(103):
        configure(s3, f"m{n:03}", prefix=f"p{n}/")
    own_server.kill9()
    own_server.start()
    s3 = own_server.client("s3")
    found = s3.get_bucket_metrics_configuration(Bucket="lake", Id="m007")["MetricsConfiguration"]
    assert found == {"Id": "m007", "Filter": {"Prefix": "p7/"}}
    page = s3.list_bucket_metrics_configurations(Bucket="lake")
    assert page["IsTruncated"] and len(page["MetricsConfigurationList"]) == 100
    rest = s3.list_bucket_metrics_configurations(
        Bucket="lake", ContinuationToken=page["NextContinuationToken"])  # fmt: skip
    assert not rest["IsTruncated"]
    assert [it["Id"] for it in rest["MetricsConfigurationList"]] == ["m100", "m101", "m102"]
    s3.put_object(Bucket="lake", Key="p7/x", Body=b"x")
    assert measured(own_server, "PutRequests", "m007") == 1
    s3.delete_bucket_metrics_configuration(Bucket="lake", Id="m007")
    s3.put_object(Bucket="lake", Key="p7/x", Body=b"x")
    assert measured(own_server, "PutRequests", "m007") == 1
    for call in (s3.get_bucket_metrics_configuration, s3.delete_bucket_metrics_configuration):
        refused(call, "NoSuchConfiguration", 404, Bucket="lake", Id="m007")


def test_what_cannot_be_measured_is_refused(s3):
    def put(code, status, name, **wanted):
        refused(s3.put_bucket_metrics_configuration, code, status, Bucket="lake", Id=name,
                MetricsConfiguration=wanted)  # fmt: skip

    put("InvalidArgument", 400, "a", Id="b")
    put("InvalidArgument", 400, "no blanks", Id="no blanks")
    put("NotImplemented", 501, "a", Id="a", Filter={"Tag": {"Key": "k", "Value": "v"}})
    refused(s3.list_bucket_metrics_configurations, "NoSuchBucket", 404, Bucket="nobody")
    assert "MetricsConfigurationList" not in s3.list_bucket_metrics_configurations(Bucket="lake")
