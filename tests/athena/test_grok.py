"""Tables of the GrokSerDe, by the examples of Athena's guide."""

import pytest

from athena.test_ddl import succeed

SERDE = "ROW FORMAT SERDE 'com.amazonaws.glue.serde.GrokSerDe'"
STORED = ("STORED AS INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat' OUTPUTFORMAT "
          "'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'")


def table(lake, columns, properties, body, name="t"):
    lake.s3.put_object(Bucket=lake.bucket, Key=f"{name}/x", Body=body)
    succeed(lake, f"CREATE EXTERNAL TABLE `{name}` ({columns}) {SERDE} "
                  f"WITH SERDEPROPERTIES ({properties}) {STORED} "
                  f"LOCATION 's3://{lake.bucket}/{name}/'")


MAILLOG = b"""\
Feb  9 07:15:00 m4eastmail postfix/smtpd[19305]: B88C4120838: connect from unknown[192.168.55.4]
Feb  9 07:15:00 m4eastmail postfix/smtpd[20444]: B58C4330038: client=unknown[192.168.55.4]
Feb  9 07:15:03 m4eastmail postfix/cleanup[22835]: BDC22A77854: \
message-id=<31221401257553.5004389LCBF@m4eastmail.example.com>
"""
POSTFIX = ("'input.grokCustomPatterns' = 'POSTFIX_QUEUEID [0-9A-F]{7,12}', 'input.format'="
           "'%{SYSLOGBASE} %{POSTFIX_QUEUEID:queue_id}: %{GREEDYDATA:syslog_message}'")


def test_a_postfix_maillog(lake):
    table(lake, "syslogbase string, queue_id string, syslog_message string", POSTFIX, MAILLOG)
    assert lake.rows("SELECT * FROM t ORDER BY queue_id") == [
        ["Feb  9 07:15:00 m4eastmail postfix/smtpd[20444]:", "B58C4330038",
         "client=unknown[192.168.55.4]"],
        ["Feb  9 07:15:00 m4eastmail postfix/smtpd[19305]:", "B88C4120838",
         "connect from unknown[192.168.55.4]"],
        ["Feb  9 07:15:03 m4eastmail postfix/cleanup[22835]:", "BDC22A77854",
         "message-id=<31221401257553.5004389LCBF@m4eastmail.example.com>"]]
    assert lake.rows("SELECT count(*), count(DISTINCT syslogbase) FROM t") == [["3", "3"]]
    # what the pattern's own parts are called; a column of no part is NULL
    table(lake, "PID int, logsource string, none string, program string", POSTFIX, MAILLOG, "u")
    assert lake.rows("SELECT * FROM u WHERE pid > 20000 ORDER BY pid DESC") == [
        ["22835", "m4eastmail", None, "postfix/cleanup"],
        ["20444", "m4eastmail", None, "postfix/smtpd"]]


LOG4J = (b"2017-09-12 12:10:34,972 INFO - processType=AZ, processId=ABCDEFG614B6F5E49, status=RUN, "
         b"threadId=123:amqListenerContainerPool23P:AJ|ABCDE9614B6F5E49||"
         b"2017-09-12T12:10:11.172-0700], executionTime=7290, tenantId=12456, "
         b"userId=123123f8535f8d76015374e7a1d87c3c, shard=testapp1, "
         b"jobId=12312345e5e7df0015e777fb2e03f3c, messageType=REAL_TIME_SYNC, action=receive, "
         b"hostname=1.abc.def.com\n")


def test_a_log_of_log4j(lake):
    table(lake, "timestamp STRING, loglevel STRING, processtype STRING, processid STRING, status "
          "STRING, threadid STRING, executiontime INT, tenantid INT, userid STRING, shard STRING, "
          "jobid STRING, messagetype STRING, action STRING, hostname STRING",
          "\"input.grokCustomPatterns\" = 'C_ACTION receive|send', \"input.format\" = "
          '"%{TIMESTAMP_ISO8601:timestamp} %{LOGLEVEL:loglevel} - '
          "processType=%{NOTSPACE:processtype}, processId=%{NOTSPACE:processid}, "
          "status=%{NOTSPACE:status}, threadId=%{NOTSPACE:threadid}, "
          "executionTime=%{POSINT:executiontime}, tenantId=%{POSINT:tenantid}, "
          "userId=%{NOTSPACE:userid}, shard=%{NOTSPACE:shard}, jobId=%{NOTSPACE:jobid}, "
          "messageType=%{NOTSPACE:messagetype}, action=%{C_ACTION:action}, "
          'hostname=%{HOST:hostname}"',
          LOG4J + LOG4J.replace(b"INFO -", b"INFO  -"))  # not what the pattern says: NULLs
    assert lake.rows("SELECT * FROM t ORDER BY 1") == [
        ["2017-09-12 12:10:34,972", "INFO", "AZ", "ABCDEFG614B6F5E49", "RUN",
         "123:amqListenerContainerPool23P:AJ|ABCDE9614B6F5E49||2017-09-12T12:10:11.172-0700]",
         "7290", "12456", "123123f8535f8d76015374e7a1d87c3c", "testapp1",
         "12312345e5e7df0015e777fb2e03f3c", "REAL_TIME_SYNC", "receive", "1.abc.def.com"],
        [None] * 14]


ACCESS = (b'7f2a owner-bucket [06/Feb/2019:00:00:38 +0000] 192.0.2.3 7f2a 3E57427F3EXAMPLE '
          b'REST.GET.VERSIONING - "GET /owner-bucket?versioning HTTP/1.1" 200 - 113 - 7 - "-" '
          b'"S3Console/0.4" - more fields of later years\n')


def test_an_access_log_of_s3(lake):
    """Two custom patterns, a line feed between them; what stands behind the match is left out."""
    columns = ("bucket_owner bucket time remote_ip requester request_id operation key request_uri "
               "http_status error_code bytes_sent object_size total_time turnaround_time referrer "
               "user_agent version_id").split()
    table(lake, ", ".join(f"`{column}` string COMMENT 'from deserializer'" for column in columns),
          r"""'input.format'='%{NOTSPACE:bucket_owner} %{NOTSPACE:bucket} """
          r"""\\[%{INSIDE_BRACKETS:time}\\] %{NOTSPACE:remote_ip} %{NOTSPACE:requester} """
          r"""%{NOTSPACE:request_id} %{NOTSPACE:operation} %{NOTSPACE:key} """
          r"""\"?%{INSIDE_QS:request_uri}\"? %{NOTSPACE:http_status} %{NOTSPACE:error_code} """
          r"""%{NOTSPACE:bytes_sent} %{NOTSPACE:object_size} %{NOTSPACE:total_time} """
          r"""%{NOTSPACE:turnaround_time} \"?%{INSIDE_QS:referrer}\"? """
          r"""\"?%{INSIDE_QS:user_agent}\"? %{NOTSPACE:version_id}', """
          r"""'input.grokCustomPatterns'='INSIDE_QS ([^\"]*)\nINSIDE_BRACKETS ([^\\]]*)'""",
          ACCESS)
    assert lake.rows("SELECT * FROM t") == [[
        "7f2a", "owner-bucket", "06/Feb/2019:00:00:38 +0000", "192.0.2.3", "7f2a",
        "3E57427F3EXAMPLE", "REST.GET.VERSIONING", "-", "GET /owner-bucket?versioning HTTP/1.1",
        "200", "-", "113", "-", "7", "-", "-", "S3Console/0.4", "-"]]


def test_values_take_the_columns_types(lake):
    table(lake, "num int, d double, b boolean, day date, ts timestamp, own string, late string",
          "'input.format'='%{NUMBER:num:int} %{NOTSPACE:d:double} %{BOOLEAN:b} %{NOTSPACE:day} "
          "(?<own>[a-z]+) %{GREEDYDATA:ts}( %{WORD:late})?'",
          b"7 1.5 true 2026-07-03 me 2026-07-03 10:11:12\n8 x FALSE never me -\nno\n")
    assert lake.rows("SELECT * FROM t ORDER BY num") == [
        ["7", "1.5", "true", "2026-07-03", "2026-07-03 10:11:12.000", "me", None],
        ["8", None, "false", None, None, "me", None], [None] * 7]


def test_partitions_headers_and_hidden_columns(lake):
    succeed(lake, f"CREATE EXTERNAL TABLE t (line string) PARTITIONED BY (day string) {SERDE} "
                  f"WITH SERDEPROPERTIES ('input.format'='^%{{WORD:line}}$') {STORED} "
                  f"LOCATION 's3://{lake.bucket}/t/' TBLPROPERTIES ('skip.header.line.count'='1')")
    for day, body in (("1", b"head\nx\n"), ("2", b"head\ny\nno word\n")):
        lake.s3.put_object(Bucket=lake.bucket, Key=f"t/day={day}/x", Body=body)
    succeed(lake, "MSCK REPAIR TABLE t")
    assert lake.rows('SELECT line, day, "$path" FROM t ORDER BY day, line') == [
        ["x", "1", f"s3://{lake.bucket}/t/day=1/x"], ["y", "2", f"s3://{lake.bucket}/t/day=2/x"],
        [None, "2", f"s3://{lake.bucket}/t/day=2/x"]]


@pytest.mark.parametrize("properties, told", [
    ("'input.format'='%{NONE:a}'", "is no pattern of Grok: there is no pattern 'NONE'"),
    ("'input.format'='%{A:a}', 'input.grokCustomPatterns'='A %{B}\\nB %{A}'",
     "is no pattern of Grok: the pattern 'A' refers to itself"),
    ("'other'='x'", "is no pattern of Grok: it is missing"),
    ("'input.format'='%{WORD:a}('",
     "is no regular expression: end pattern with unmatched parenthesis")])
def test_wrong_patterns_are_refused(lake, properties, told):
    table(lake, "a string", properties, b"x\n")
    assert lake.reason("SELECT a FROM t") == (
        f"HIVE_CURSOR_ERROR: line 1:15: The table's input.format {told}")
