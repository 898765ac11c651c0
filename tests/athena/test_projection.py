"""Partition projection, "t$partitions", pruning."""

import datetime

import pytest

from athena.test_ddl import SERDE, succeed


def project(lake, keys, template=None, **properties):
    pairs = [("projection.enabled", "true")]
    pairs += [(f"projection.{k.replace('__', '.')}", v) for k, v in properties.items()]
    if template:
        pairs.append(("storage.location.template", f"s3://{lake.bucket}/{template}"))
    text = ", ".join(f"'{k}'='{v}'" for k, v in pairs)
    succeed(lake, f"CREATE EXTERNAL TABLE t (id int) PARTITIONED BY ({keys}) {SERDE} "
                  f"LOCATION 's3://{lake.bucket}/t/' TBLPROPERTIES ({text})")


def test_enums_and_integers_give_folders(lake):
    for region in ("eu", "us"):
        for n in ("007", "009"):
            lake.put(f"t/region={region}/n={n}/x", {"id": int(n)})
    lake.put("t/region=eu/n=008/x", {"id": 8})
    project(lake, "region string, n int", region__type="enum", region__values="eu, us,ap",
            n__type="integer", n__range="1,10", n__interval="2", n__digits="3")
    assert lake.rows("SELECT id, region, n FROM t ORDER BY 1, 2") == [
        ["7", "eu", "7"], ["7", "us", "7"], ["9", "eu", "9"], ["9", "us", "9"]]
    part = lake.run("SELECT id FROM t WHERE region = 'us' AND n > 8")
    whole = lake.run("SELECT id FROM t")
    assert 0 < part["Statistics"]["DataScannedInBytes"] < whole["Statistics"]["DataScannedInBytes"]
    assert lake.rows('SELECT count(*), max(n) FROM "t$partitions"') == [["15", "9"]]
    assert lake.rows("SELECT \"$partition\" FROM t WHERE id = 9 AND region = 'us'") == [
        ["region=us/n=009"]]


def test_dates_by_a_template_up_to_now(server, lake):
    with server.clock.held() as now_ms:  # no midnight comes in between
        now = datetime.datetime.fromtimestamp(now_ms / 1000, datetime.timezone.utc)
        for back in (0, 1, 5):
            day = now - datetime.timedelta(days=back)
            lake.put(f"logs/{day:%Y/%m/%d}/x", {"id": back})
        project(lake, "day string", "logs/${day}/", day__type="date", day__format="yyyy/MM/dd",
                day__range="NOW-3DAYS,NOW")
        assert lake.rows("SELECT id, day FROM t ORDER BY 1") == [
            ["0", f"{now:%Y/%m/%d}"], ["1", f"{now - datetime.timedelta(days=1):%Y/%m/%d}"]]
        assert lake.rows(f"SELECT id FROM t WHERE day < '{now:%Y/%m/%d}'") == [["1"]]
        assert lake.rows('SELECT count(*) FROM "t$partitions"') == [["4"]]


def test_months_and_hours_are_stepped_through(lake):
    lake.put("t/m=2026-03/x", {"id": 3})
    lake.put("t/m=2026-04/x", {"id": 4})
    project(lake, "m string", m__type="date", m__format="yyyy-MM", m__range="2026-01,2026-05",
            m__interval="2")
    assert lake.rows("SELECT id FROM t") == [["3"]]
    succeed(lake, "DROP TABLE t")
    lake.put("h/2026-07-03T10/x", {"id": 10})
    project(lake, "h string", "h/${h}/", h__type="date", h__format="yyyy-MM-dd''T''HH",
            h__range="2026-07-03T00,2026-07-04T00", h__interval__unit="HOURS")
    assert lake.rows("SELECT id, h FROM t") == [["10", "2026-07-03T10"]]
    assert lake.rows('SELECT count(*) FROM "t$partitions"') == [["25"]]


def test_injected_values_come_from_the_query(lake):
    lake.put("t/device=a1/x", {"id": 1})
    lake.put("t/device=b2/x", {"id": 2})
    project(lake, "device string", device__type="injected")
    assert lake.rows("SELECT id FROM t WHERE device = 'b2'") == [["2"]]
    assert lake.rows("SELECT id FROM t WHERE device IN ('a1', 'b2', 'c3') ORDER BY 1") == [
        ["1"], ["2"]]
    assert lake.reason("SELECT id FROM t WHERE id = 1") == (
        "CONSTRAINT_VIOLATION: line 1:16: For the injected projected partition column device, the "
        "WHERE clause must contain only static equality conditions, and at least one such "
        "condition must be present.")


@pytest.mark.parametrize("properties,words", [
    ({}, "is configured for partition projection, but the following partition columns are missing "
         "projection configuration: [k]"),
    ({"k__type": "nope"}, "Unknown projection type: nope"),
    ({"k__type": "enum"}, "Property 'values' is missing"),
    ({"k__type": "integer", "k__range": "1"}, "Property 'range'"),
    ({"k__type": "integer", "k__range": "1,5", "k__interval": "0"}, "Property 'interval'"),
    ({"k__type": "date", "k__range": "2026,2027"}, "Property 'format'"),
    ({"k__type": "date", "k__format": "yyyy-MM-dd", "k__range": "2026,NOW"}, "Property 'range'"),
    ({"k__type": "date", "k__format": "yyyy-MM-dd-HH", "k__range": "2026-01-01-00,NOW"},
     "Property 'interval.unit'"),
])
def test_wrong_settings_are_told(lake, properties, words):
    project(lake, "k string", **properties)
    failed = lake.reason("SELECT * FROM t")
    assert failed.startswith("INVALID_TABLE_PROPERTY: ") and words in failed


def test_partitions_are_a_table_too(lake):
    succeed(lake, f"CREATE EXTERNAL TABLE t (id int) PARTITIONED BY (y int, s string) {SERDE} "
                  f"LOCATION 's3://{lake.bucket}/t/'")
    assert lake.rows('SELECT * FROM "t$partitions"') == []
    succeed(lake, "ALTER TABLE t ADD PARTITION (y=2026, s='it''s') PARTITION (y=2025, s='b')")
    result = lake.result('SELECT * FROM "t$partitions" ORDER BY y')
    assert [c["Type"] for c in result["ResultSetMetadata"]["ColumnInfo"]] == ["integer", "varchar"]
    assert lake.rows('SELECT * FROM "t$partitions" ORDER BY y') == [["2025", "b"], ["2026", "it's"]]
    succeed(lake, f"CREATE EXTERNAL TABLE u (id int) {SERDE} LOCATION 's3://{lake.bucket}/u/'")
    assert lake.reason('SELECT * FROM "u$partitions"').startswith("TABLE_NOT_FOUND")
