"""Log groups, streams and events, as programs that read logs use them."""

import time

import pytest
from botocore.exceptions import ClientError

from support import wait_until


@pytest.fixture
def logs(client):
    return client("logs")


@pytest.fixture
def group(logs, fresh):
    name = "/test/" + fresh("group")
    logs.create_log_group(logGroupName=name)
    return name


def put(logs, group, stream, *texts, at=None):
    at = int(time.time() * 1000) if at is None else at
    rows = logs.describe_log_streams(logGroupName=group)["logStreams"]
    if stream not in [row["logStreamName"] for row in rows]:
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    events = [{"timestamp": at + i, "message": text} for i, text in enumerate(texts)]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
    return at


def code_of(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def messages(reply):
    return [event["message"] for event in reply["events"]]


def test_groups_are_made_listed_and_deleted(logs, group):
    (row,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert row["arn"] == f"arn:aws:logs:us-east-1:000000000000:log-group:{group}:*"
    assert "retentionInDays" not in row
    logs.put_retention_policy(logGroupName=group, retentionInDays=14)
    (row,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert row["retentionInDays"] == 14
    logs.delete_retention_policy(logGroupName=group)
    (row,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert "retentionInDays" not in row
    assert code_of(logs.create_log_group, logGroupName=group) == "ResourceAlreadyExistsException"
    logs.delete_log_group(logGroupName=group)
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"] == []
    assert code_of(logs.delete_log_group, logGroupName=group) == "ResourceNotFoundException"


def test_groups_are_found_by_a_part_of_their_name(logs, group):
    rows = logs.describe_log_groups(logGroupNamePattern=group[3:])["logGroups"]
    assert [row["logGroupName"] for row in rows] == [group]


def test_names_and_prefixes_exclude_each_other(logs, group):
    for call, words in (
        (lambda: logs.filter_log_events(
            logGroupName=group, logStreamNames=["a"], logStreamNamePrefix="a"), "Cannot specify"),
        (lambda: logs.describe_log_groups(logGroupNamePrefix="a", logGroupNamePattern="abc"),
         "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."),
    ):  # fmt: skip
        with pytest.raises(ClientError) as caught:
            call()
        error = caught.value.response["Error"]
        assert error["Code"] == "InvalidParameterException" and words in error["Message"]


def test_groups_come_in_pages(logs, fresh):
    prefix = "/pages/" + fresh("g")
    names = [f"{prefix}/{number}" for number in range(5)]
    for name in names:
        logs.create_log_group(logGroupName=name)
    pages = logs.get_paginator("describe_log_groups").paginate(
        logGroupNamePrefix=prefix, PaginationConfig={"PageSize": 2}
    )
    sizes = [[row["logGroupName"] for row in page["logGroups"]] for page in pages]
    assert sizes == [names[:2], names[2:4], names[4:]]


def test_events_are_read_from_both_ends(logs, group):
    put(logs, group, "s", *(f"line {n}" for n in range(10)))
    ask = dict(logGroupName=group, logStreamName="s")
    head = logs.get_log_events(**ask, startFromHead=True, limit=4)
    assert messages(head) == ["line 0", "line 1", "line 2", "line 3"]
    more = logs.get_log_events(**ask, nextToken=head["nextForwardToken"], limit=4)
    assert messages(more) == ["line 4", "line 5", "line 6", "line 7"]
    tail = logs.get_log_events(**ask, limit=3)
    assert messages(tail) == ["line 7", "line 8", "line 9"]
    before = logs.get_log_events(**ask, nextToken=tail["nextBackwardToken"], limit=3)
    assert messages(before) == ["line 4", "line 5", "line 6"]


def test_at_an_end_the_token_stays(logs, group):
    put(logs, group, "s", "one", "two")
    ask = dict(logGroupName=group, logStreamName="s")
    head = logs.get_log_events(**ask, startFromHead=True)
    end = logs.get_log_events(**ask, nextToken=head["nextForwardToken"])
    assert (messages(end), end["nextForwardToken"]) == ([], head["nextForwardToken"])
    top = logs.get_log_events(**ask, nextToken=head["nextBackwardToken"])
    assert (messages(top), top["nextBackwardToken"]) == ([], head["nextBackwardToken"])
    again = logs.get_log_events(**ask, nextToken=top["nextForwardToken"])
    assert messages(again) == ["one", "two"]


def test_a_span_of_time_is_cut_out(logs, group):
    at = put(logs, group, "s", *"abcde")
    got = logs.get_log_events(
        logGroupName=group, logStreamName="s", startTime=at + 1, endTime=at + 3, startFromHead=True
    )
    assert messages(got) == ["b", "c"]


def test_streams_are_listed_by_name_and_by_last_event(logs, group):
    at = put(logs, group, "b", "old")
    put(logs, group, "a", "newest", at=at + 1000)
    put(logs, group, "c", "newer", at=at + 500)
    ask = dict(logGroupName=group)
    names = lambda reply: [row["logStreamName"] for row in reply["logStreams"]]  # noqa: E731
    assert names(logs.describe_log_streams(**ask)) == ["a", "b", "c"]
    assert names(logs.describe_log_streams(**ask, descending=True)) == ["c", "b", "a"]
    newest = logs.describe_log_streams(**ask, orderBy="LastEventTime", descending=True)
    assert names(newest) == ["a", "c", "b"]
    one = logs.describe_log_streams(**ask, orderBy="LastEventTime", descending=True, limit=1)
    assert names(one) == ["a"]
    two = logs.describe_log_streams(
        **ask, orderBy="LastEventTime", descending=True, limit=1, nextToken=one["nextToken"]
    )
    assert names(two) == ["c"]
    assert names(logs.describe_log_streams(**ask, logStreamNamePrefix="c")) == ["c"]


def test_events_of_all_streams_are_filtered_in_their_order(logs, group):
    at = put(logs, group, "one", "error 1", "fine", "error 3")
    put(logs, group, "two", "error 2", at=at + 1)
    ask = dict(logGroupName=group)
    assert messages(logs.filter_log_events(**ask)) in (
        ["error 1", "fine", "error 2", "error 3"],
        ["error 1", "error 2", "fine", "error 3"],
    )
    assert messages(logs.filter_log_events(**ask, filterPattern="error")) == [
        "error 1", "error 2", "error 3"]
    only = logs.filter_log_events(**ask, logStreamNames=["two"])
    assert messages(only) == ["error 2"]
    assert only["events"][0]["logStreamName"] == "two"


def test_filtered_events_come_in_pages(logs, group):
    put(logs, group, "s", *(f"line {n}" for n in range(7)))
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, PaginationConfig={"PageSize": 3}
    )
    found = [messages(page) for page in pages]
    assert [len(page) for page in found if page] == [3, 3, 1]
    assert sum(found, []) == [f"line {n}" for n in range(7)]


def test_events_out_of_order_are_refused(logs, group):
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    now = int(time.time() * 1000)
    events = [{"timestamp": now + 5, "message": "b"}, {"timestamp": now, "message": "a"}]
    assert (
        code_of(logs.put_log_events, logGroupName=group, logStreamName="s", logEvents=events)
        == "InvalidParameterException"
    )


def test_streams_are_made_and_deleted(logs, group):
    put(logs, group, "s", "x")
    ask = dict(logGroupName=group, logStreamName="s")
    assert code_of(logs.create_log_stream, **ask) == "ResourceAlreadyExistsException"
    logs.delete_log_stream(**ask)
    assert code_of(logs.get_log_events, **ask) == "ResourceNotFoundException"
    logs.create_log_stream(**ask)
    assert messages(logs.get_log_events(**ask)) == []


def test_events_survive_a_kill(own_server):
    logs = own_server.client("logs")
    logs.create_log_group(logGroupName="g")
    put(logs, "g", "s", "kept")
    own_server.kill9()
    own_server.restart()
    assert messages(logs.get_log_events(logGroupName="g", logStreamName="s")) == ["kept"]


def test_events_are_read_by_their_time(logs, group):
    at = put(logs, group, "s", "second")
    logs.put_log_events(
        logGroupName=group, logStreamName="s", logEvents=[{"timestamp": at - 5, "message": "first"}]
    )
    ask = dict(logGroupName=group, logStreamName="s")
    assert messages(logs.get_log_events(**ask, startFromHead=True)) == ["first", "second"]
    assert messages(logs.get_log_events(**ask, limit=1)) == ["second"]
    assert code_of(logs.get_log_events, **ask, nextToken="x") == "InvalidParameterException"


def test_events_outside_the_times_that_are_taken_are_told(logs, group):
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    now, day, hour = int(time.time() * 1000), 86400000, 3600000
    ask = dict(logGroupName=group, logStreamName="s")

    def sent(*times):
        events = [{"timestamp": it, "message": str(n)} for n, it in enumerate(times)]
        reply = logs.put_log_events(**ask, logEvents=events)
        return reply.get("rejectedLogEventsInfo")

    assert sent(now) is None
    old = now - 14 * day
    assert sent(old - 2 * hour, old - hour, old + hour) == {
        "tooOldLogEventEndIndex": 2
    }
    assert sent(now, now + 3 * hour) == {"tooNewLogEventStartIndex": 1}
    logs.put_retention_policy(logGroupName=group, retentionInDays=1)
    assert sent(now - day - hour, now - hour) == {"expiredLogEventEndIndex": 1}
    assert len(messages(logs.get_log_events(**ask, startFromHead=True))) == 3
    logs.delete_retention_policy(logGroupName=group)
    assert len(messages(logs.get_log_events(**ask, startFromHead=True))) == 4
    events = [{"timestamp": now - day - 1, "message": "a"}, {"timestamp": now, "message": "b"}]
    assert code_of(logs.put_log_events, **ask, logEvents=events) == "InvalidParameterException"
    large = [{"timestamp": now, "message": "x" * 200000}] * 6
    assert code_of(logs.put_log_events, **ask, logEvents=large) == "InvalidParameterException"


def test_old_events_are_removed_when_their_retention_is_over(own_server):
    logs = own_server.client("logs")
    logs.create_log_group(logGroupName="g")
    put(logs, "g", "s", "old", at=own_server.clock.now_ms - 1000)
    logs.put_retention_policy(logGroupName="g", retentionInDays=1)
    ask = dict(logGroupName="g", logStreamName="s", startFromHead=True)
    assert messages(logs.get_log_events(**ask)) == ["old"]
    own_server.clock.advance(hours=25)
    assert messages(logs.get_log_events(**ask)) == []
    logs.put_log_events(
        logGroupName="g", logStreamName="s",
        logEvents=[{"timestamp": own_server.clock.now_ms, "message": "new"}],
    )  # fmt: skip

    def first():
        (row,) = logs.describe_log_streams(logGroupName="g")["logStreams"]
        return row["firstEventTimestamp"]

    wait_until(lambda: first() > own_server.clock.now_ms - 3600000)
    assert messages(logs.get_log_events(**ask)) == ["new"]


def test_patterns_choose_events(logs, group):
    put(logs, group, "s", '{"level":"ERROR","n":5}', '{"level":"INFO","n":7}', "ERROR in text")
    ask = dict(logGroupName=group)

    def found(pattern):
        return messages(logs.filter_log_events(**ask, filterPattern=pattern))

    assert found('{ $.level = "ERROR" && $.n < 6 }') == ['{"level":"ERROR","n":5}']
    assert found("ERROR -level") == ["ERROR in text"]
    assert len(found("?INFO ?text")) == 2
    assert code_of(logs.filter_log_events, **ask, filterPattern="[a, b]") == (
        "InvalidParameterException"
    )


def test_groups_have_tags(logs, group):
    arn = f"arn:aws:logs:us-east-1:000000000000:log-group:{group}"
    logs.tag_log_group(logGroupName=group, tags={"a": "1", "b": "2"})
    logs.untag_log_group(logGroupName=group, tags=["a"])
    assert logs.list_tags_log_group(logGroupName=group)["tags"] == {"b": "2"}
    logs.tag_resource(resourceArn=arn, tags={"c": "3"})
    logs.untag_resource(resourceArn=arn, tagKeys=["b"])
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"c": "3"}
    gone = dict(resourceArn=arn + "-none", tags={"a": "1"})
    assert code_of(logs.tag_resource, **gone) == "ResourceNotFoundException"


def test_what_would_be_a_pretence_is_refused(logs, fresh, group):
    refused = dict(logGroupName=fresh("g"), kmsKeyId="arn:aws:kms:us-east-1:000000000000:key/k")
    assert code_of(logs.create_log_group, **refused) == "InvalidParameterException"
    days = dict(logGroupName=group, retentionInDays=2)
    assert code_of(logs.put_retention_policy, **days) == "InvalidParameterException"
