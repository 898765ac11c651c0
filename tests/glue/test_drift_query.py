"""A schema that changed between two crawls, read by a query: old and new partitions together."""

from glue.conftest import lines


def test_a_query_reads_partitions_of_before_and_after_a_change(s3, bucket, crawl, run_query):
    s3.put_object(Bucket=bucket, Key="t/day=1/x", Body=lines(
        {"n": 1, "m": 1, "s": 1, "o": {"a": 1}, "l": [1]}))
    name = crawl(f"s3://{bucket}/t")["Name"]
    s3.put_object(Bucket=bucket, Key="t/day=2/x", Body=lines(
        {"n": 5000000000, "m": 1.5, "s": "x", "o": {"b": True}, "l": ["x"], "new": 1}))
    crawl(name=name)
    assert run_query("SELECT * FROM t ORDER BY day") == [
        ["n", "m", "s", "o", "l", "new", "day"],
        ["1", "1.0", "1", "{a=1, b=null}", "[1]", None, "1"],
        ["5000000000", "1.5", "x", "{a=null, b=true}", "[x]", "1", "2"]]
