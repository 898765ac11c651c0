"""Retention ends at a year."""

from support.chain import make_stream, refused


def test_a_year_is_the_most(server, client, fresh):
    kinesis, name = client("kinesis"), fresh()
    make_stream(server, name)
    assert refused(
        kinesis.increase_stream_retention_period,
        "InvalidArgumentException",
        StreamName=name,
        RetentionPeriodHours=8761,
    ) == ("Maximum allowed retention period is 8760 hours. Requested retention period "
          "(8761 hours) is too long.")  # fmt: skip
    kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=8760)
    summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert summary["RetentionPeriodHours"] == 8760
