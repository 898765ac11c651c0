"""Throughput as it is described: units and when they changed, on-demand limits, what is warm."""

import pytest

from .conftest import KEY, Api, make_table

INVALID = "One or more parameter values were invalid: "
ONE = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}


def described(api, table, index=False):
    told = api.describe_table(TableName=table)["Table"]
    return told["GlobalSecondaryIndexes"][0] if index else told


def units(told):
    return told["ProvisionedThroughput"]


def index(**more):
    return {
        "IndexName": "gsi",
        "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
        **more,
    }


@pytest.fixture
def made(api, db, fresh):
    """made(**more) -> the name of a table that CreateTable made; deleted afterwards."""
    names = []

    def make(**more):
        name = fresh("units")
        make_table(api, name, KEY["hash"], **more)
        names.append(name)
        return name

    yield make
    for name in names:
        db.delete_table(TableName=name)


def test_changes_of_provisioned_units_are_dated_and_counted(api, made):
    name = made(
        BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
        extra={"kind": "S"},
        GlobalSecondaryIndexes=[index(ProvisionedThroughput=ONE)],
    )
    assert units(described(api, name)) == {
        "NumberOfDecreasesToday": 0,
        "ReadCapacityUnits": 5,
        "WriteCapacityUnits": 5,
    }

    def update(read, write):
        wish = {"ReadCapacityUnits": read, "WriteCapacityUnits": write}
        api.update_table(TableName=name, ProvisionedThroughput=wish)
        return units(described(api, name))

    told = update(10, 5)
    created = described(api, name)["CreationDateTime"]
    assert told["LastIncreaseDateTime"] >= created
    assert "LastDecreaseDateTime" not in told and told["NumberOfDecreasesToday"] == 0
    assert described(api, name)["WarmThroughput"]["ReadUnitsPerSecond"] == 10
    told = update(2, 6)
    assert told["LastDecreaseDateTime"] >= told["LastIncreaseDateTime"] - 0.001
    assert told["NumberOfDecreasesToday"] == 1
    assert update(1, 6)["NumberOfDecreasesToday"] == 2
    change = {"IndexName": "gsi", "ProvisionedThroughput": {**ONE, "ReadCapacityUnits": 3}}
    api.update_table(TableName=name, GlobalSecondaryIndexUpdates=[{"Update": change}])
    told = units(described(api, name, index=True))
    assert told["ReadCapacityUnits"] == 3 and "LastIncreaseDateTime" in told


def test_decreases_are_counted_by_the_day(make_server):
    server = make_server()
    api = Api(server)
    server.clock.hold()  # it stays this day
    make_table(api, "table", KEY["hash"], BillingMode="PROVISIONED",
               ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5})  # fmt: skip
    for left in (4, 3):
        wish = {"ReadCapacityUnits": left, "WriteCapacityUnits": 5}
        api.update_table(TableName="table", ProvisionedThroughput=wish)
    assert units(described(api, "table"))["NumberOfDecreasesToday"] == 2
    server.restart()
    assert units(described(api, "table"))["NumberOfDecreasesToday"] == 2
    server.clock.advance(86400)
    assert units(described(api, "table"))["NumberOfDecreasesToday"] == 0


def test_on_demand_limits_are_kept_changed_and_taken_away(api, made, refused):
    limit = {"MaxReadRequestUnits": 50, "MaxWriteRequestUnits": 20}
    name = made(
        OnDemandThroughput=limit,
        extra={"kind": "S"},
        GlobalSecondaryIndexes=[index(OnDemandThroughput={"MaxReadRequestUnits": 7})],
    )
    assert described(api, name)["OnDemandThroughput"] == limit
    assert described(api, name, True)["OnDemandThroughput"] == {"MaxReadRequestUnits": 7}
    api.update_table(TableName=name, OnDemandThroughput={"MaxReadRequestUnits": -1})
    assert described(api, name)["OnDemandThroughput"] == {"MaxWriteRequestUnits": 20}
    api.update_table(TableName=name, OnDemandThroughput={"MaxWriteRequestUnits": -1})
    assert "OnDemandThroughput" not in described(api, name)
    change = {"IndexName": "gsi", "OnDemandThroughput": {"MaxReadRequestUnits": 9}}
    api.update_table(TableName=name, GlobalSecondaryIndexUpdates=[{"Update": change}])
    assert described(api, name, True)["OnDemandThroughput"] == {"MaxReadRequestUnits": 9}
    refused(
        "ValidationException",
        INVALID + "Requested MaxReadRequestUnits for OnDemandThroughput for table is outside of "
        "valid range",
        api.update_table,
        TableName=name,
        OnDemandThroughput={"MaxReadRequestUnits": 0},
    )
    refused(
        "ValidationException",
        INVALID + "MaxWriteRequestUnits for OnDemandThroughput cannot be specified when the table "
        "BillingMode is PROVISIONED",
        made,
        BillingMode="PROVISIONED",
        ProvisionedThroughput=ONE,
        OnDemandThroughput={"MaxWriteRequestUnits": 5},
    )


@pytest.mark.parametrize(
    "member, both",
    [
        ("OnDemandThroughput", "MaxReadRequestUnits, MaxWriteRequestUnits"),
        ("WarmThroughput", "ReadUnitsPerSecond, WriteUnitsPerSecond"),
    ],
)
def test_limits_and_what_is_warm_have_one_member_at_least(api, made, refused, member, both):
    text = INVALID + f"{member} must specify {both}, or both"
    refused("ValidationException", text, made, **{member: {}})
    refused(
        "ValidationException",
        text,
        made,
        extra={"kind": "S"},
        GlobalSecondaryIndexes=[index(**{member: {}})],
    )
    refused("ValidationException", text, api.update_table, TableName=made(), **{member: {}})


def test_warm_throughput_may_be_raised_and_not_lowered(api, made, refused):
    name = made(extra={"kind": "S"}, GlobalSecondaryIndexes=[index()])
    start = {"ReadUnitsPerSecond": 12000, "WriteUnitsPerSecond": 4000, "Status": "ACTIVE"}
    assert described(api, name)["WarmThroughput"] == start
    assert described(api, name, True)["WarmThroughput"] == start
    api.update_table(TableName=name, WarmThroughput={"ReadUnitsPerSecond": 15000})
    assert described(api, name)["WarmThroughput"] == {**start, "ReadUnitsPerSecond": 15000}
    lower = (
        "Requested {} for WarmThroughput {} is lower than current WarmThroughput, decreasing "
        "WarmThroughput is not supported"
    )
    refused(
        "ValidationException",
        INVALID + lower.format("ReadUnitsPerSecond", "for table"),
        api.update_table,
        TableName=name,
        WarmThroughput={"ReadUnitsPerSecond": 14000},
    )
    change = {"IndexName": "gsi", "WarmThroughput": {"WriteUnitsPerSecond": 1}}
    refused(
        "ValidationException",
        INVALID + lower.format("WriteUnitsPerSecond", "for index gsi"),
        api.update_table,
        TableName=name,
        GlobalSecondaryIndexUpdates=[{"Update": change}],
    )
    refused(
        "ValidationException",
        INVALID + "Requested ReadUnitsPerSecond for WarmThroughput for table is lower than "
        "ReadCapacityUnits of ProvisionedThroughput",
        made,
        BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
        WarmThroughput={"ReadUnitsPerSecond": 4},
    )
    with_more = made(WarmThroughput={"ReadUnitsPerSecond": 13000, "WriteUnitsPerSecond": 5000})
    assert described(api, with_more)["WarmThroughput"]["WriteUnitsPerSecond"] == 5000


def test_a_table_class_is_described_once_it_was_named(api, made):
    assert "TableClassSummary" not in described(api, made())
    name = made(TableClass="STANDARD")
    assert described(api, name)["TableClassSummary"] == {"TableClass": "STANDARD"}
    api.update_table(TableName=name, TableClass="STANDARD_INFREQUENT_ACCESS")
    told = described(api, name)
    assert told["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    assert told["TableClassSummary"]["LastUpdateDateTime"] >= told["CreationDateTime"]
