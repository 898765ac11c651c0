"""UpdateTable and CreateTable around indexes and throughput: what each combination is told."""

import json

import pytest
from botocore.exceptions import ClientError
from support import wait_until

from .conftest import KEY, Api, make_table

INVALID = "One or more parameter values were invalid: "
ONE_INDEX = (
    "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per "
    "table"
)
GUIDE = " Refer to the Amazon DynamoDB Developer Guide for current limits and how to request "


def units(read, write=None):
    return {"ReadCapacityUnits": read, "WriteCapacityUnits": write or read}


def index(name="gsi", attribute="kind", **more):
    return {
        "IndexName": name,
        "KeySchema": [{"AttributeName": attribute, "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "KEYS_ONLY"},
        **more,
    }


def change(**actions):
    return {"GlobalSecondaryIndexUpdates": [{name: wish} for name, wish in actions.items()]}


DEFINED = {"AttributeDefinitions": [{"AttributeName": "new", "AttributeType": "S"}]}
LIMITS = {"OnDemandThroughput": {"MaxReadRequestUnits": 9, "MaxWriteRequestUnits": 9}}


@pytest.fixture(scope="module")
def tables(server):
    """A table of each billing mode, with an index, as nobody changes them: {mode: name}."""
    api = Api(server)
    made = {"PAY_PER_REQUEST": "words-on-demand", "PROVISIONED": "words-provisioned"}
    make_table(
        api,
        made["PAY_PER_REQUEST"],
        KEY["hash"],
        extra={"kind": "S"},
        GlobalSecondaryIndexes=[index()],
    )
    make_table(
        api,
        made["PROVISIONED"],
        KEY["hash"],
        BillingMode="PROVISIONED",
        ProvisionedThroughput=units(5),
        extra={"kind": "S"},
        GlobalSecondaryIndexes=[index(ProvisionedThroughput=units(2, 3))],
    )
    yield made
    for name in made.values():
        api.delete_table(TableName=name)


UPDATES = [
    (
        "PAY_PER_REQUEST",
        {"BillingMode": "PROVISIONED"},
        INVALID + "ProvisionedThroughput must be specified when BillingMode is PROVISIONED",
    ),
    (
        "PAY_PER_REQUEST",
        {
            "BillingMode": "PROVISIONED",
            **change(Update={"IndexName": "gsi", "ProvisionedThroughput": units(2)}),
        },
        INVALID + "ProvisionedThroughput must be specified when BillingMode is PROVISIONED",
    ),
    (
        "PAY_PER_REQUEST",
        {"BillingMode": "PROVISIONED", "ProvisionedThroughput": units(5)},
        INVALID + "ProvisionedThroughput must be specified for index: gsi",
    ),
    (
        "PAY_PER_REQUEST",
        {"ProvisionedThroughput": units(5)},
        INVALID + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when "
        "BillingMode is PAY_PER_REQUEST",
    ),
    (
        "PAY_PER_REQUEST",
        change(Update={"IndexName": "gsi", "ProvisionedThroughput": units(2)}),
        INVALID + "The only Updates for index: gsi when TableThroughputMode is PAY_PER_REQUEST can "
        "be to OnDemandThroughput, WarmThroughput",
    ),
    *(
        (
            "PAY_PER_REQUEST",
            change(Update={"IndexName": "gsi", **nothing}),
            INVALID + "The only Updates for index: gsi when TableThroughputMode is PAY_PER_REQUEST "
            "can be to OnDemandThroughput, WarmThroughput",
        )
        for nothing in ({}, {"OnDemandThroughput": {}})
    ),
    (
        "PAY_PER_REQUEST",
        {**DEFINED, **change(Create=index("two", "new", ProvisionedThroughput=units(2)))},
        INVALID + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index: "
        "two when BillingMode is PAY_PER_REQUEST",
    ),
    (
        "PAY_PER_REQUEST",
        change(Create=index("two", "new")),
        INVALID + "AttributeDefinitions is not specified for index: two",
    ),
    (
        "PAY_PER_REQUEST",
        {**DEFINED, **change(Create=index("gsi", "new"))},
        "Attempting to create an index which already exists",
    ),
    (
        "PAY_PER_REQUEST",
        {
            **DEFINED,
            **change(
                Create=index(
                    "two",
                    "new",
                    Projection={"ProjectionType": "INCLUDE", "NonKeyAttributes": ["x", "x"]},
                )
            ),
        },
        INVALID + "Duplicate element in NonKeyAttributes: x",
    ),
    (
        "PAY_PER_REQUEST",
        {"DeletionProtectionEnabled": False, "GlobalSecondaryIndexUpdates": []},
        INVALID + "List of GlobalSecondaryIndexUpdates is empty",
    ),
    (
        "PROVISIONED",
        {"BillingMode": "PROVISIONED"},
        INVALID + "ProvisionedThroughput must be specified when BillingMode is PROVISIONED",
    ),
    (
        "PROVISIONED",
        {"BillingMode": "PROVISIONED", "ProvisionedThroughput": units(5)},
        "The provisioned throughput for the table will not change. The requested value equals the "
        "current value. Current ReadCapacityUnits provisioned for the table: 5. Requested "
        "ReadCapacityUnits: 5. Current WriteCapacityUnits provisioned for the table: 5. Requested "
        f"WriteCapacityUnits: 5.{GUIDE}higher limits.",
    ),
    (
        "PROVISIONED",
        change(Update={"IndexName": "gsi", "ProvisionedThroughput": units(2, 3)}),
        "The provisioned throughput for the index gsi will not change. The requested value equals "
        "the current value. Current ReadCapacityUnits provisioned for index gsi: 2. Requested "
        "ReadCapacityUnits: 2. Current WriteCapacityUnits provisioned for index gsi: 3. Requested "
        f"WriteCapacityUnits: 3.{GUIDE}higher limits.",
    ),
    (
        "PROVISIONED",
        {**DEFINED, **change(Create=index("two", "new"))},
        INVALID + "Both ReadCapacityUnits and WriteCapacityUnits must be specified for index: two",
    ),
    (
        "PROVISIONED",
        LIMITS,
        INVALID + "MaxReadRequestUnits for OnDemandThroughput cannot be specified when the table "
        "BillingMode is PROVISIONED",
    ),
]


@pytest.mark.parametrize("mode, wish, text", UPDATES, ids=[t[-50:] for _, _, t in UPDATES])
def test_an_update_is_refused_in_the_words_of_aws(api, tables, refused, mode, wish, text):
    refused("ValidationException", text, api.update_table, TableName=tables[mode], **wish)


OTHERS = [
    (
        "ResourceNotFoundException",
        "Requested resource not found: Index ghost for table words-on-demand",
        change(Delete={"IndexName": "ghost"}),
    ),
    (
        "ResourceNotFoundException",
        "Requested resource not found: Index ghost for table words-on-demand",
        change(Update={"IndexName": "ghost", "OnDemandThroughput": {"MaxReadRequestUnits": 9}}),
    ),
    (
        "LimitExceededException",
        ONE_INDEX,
        {**DEFINED, **change(Create=index("two", "new"), Delete={"IndexName": "gsi"})},
    ),
    (
        "LimitExceededException",
        "The requested ReadCapacityUnits, 40001, is above the per table maximum for the account "
        f"in us-east-1. Per table maximum: 40000.{GUIDE}higher limits.",
        {"BillingMode": "PROVISIONED", "ProvisionedThroughput": units(40001)},
    ),
]


@pytest.mark.parametrize("code, text, wish", OTHERS, ids=[t[-50:] for _, t, _ in OTHERS])
def test_what_is_not_there_or_too_much(api, tables, refused, code, text, wish):
    refused(code, text, api.update_table, TableName=tables["PAY_PER_REQUEST"], **wish)


def test_units_beyond_what_the_account_has(api, fresh, refused):
    text = "above the per {} maximum for the account in us-east-1. Per table maximum: 40000."
    refused(
        "LimitExceededException",
        f"The requested WriteCapacityUnits, 40001, is {text.format('table')}{GUIDE}higher limits.",
        make_table,
        client=api,
        name=fresh(),
        keys=KEY["hash"],
        BillingMode="PROVISIONED",
        ProvisionedThroughput=units(1, 40001),
    )
    refused(
        "LimitExceededException",
        f"The requested ReadCapacityUnits for index gsi, 40001, is {text.format('index')}{GUIDE}"
        "higher limits.",
        make_table,
        client=api,
        name=fresh(),
        keys=KEY["hash"],
        BillingMode="PROVISIONED",
        ProvisionedThroughput=units(1),
        extra={"kind": "S"},
        GlobalSecondaryIndexes=[index(ProvisionedThroughput=units(40001, 1))],
    )
    units_of_one = {"BillingMode": "PROVISIONED", "ProvisionedThroughput": units(1)}
    make_table(api, table := fresh(), KEY["hash"], **units_of_one)
    refused(
        "LimitExceededException",
        f"The requested ReadCapacityUnits for index two, 40001, is {text.format('index')}{GUIDE}"
        "higher limits.",
        api.update_table,
        TableName=table,
        **DEFINED,
        **change(Create=index("two", "new", ProvisionedThroughput=units(40001, 1))),
    )


def test_a_table_changes_its_billing_mode_and_back(api, fresh):
    name = fresh("modes")
    make_table(
        api,
        name,
        KEY["hash"],
        extra={"kind": "S"},
        GlobalSecondaryIndexes=[index(**LIMITS)],
        **LIMITS,
    )

    def told():
        table = api.describe_table(TableName=name)["Table"]
        return table, table["GlobalSecondaryIndexes"][0]

    def shown(owner):
        both = owner["ProvisionedThroughput"]
        return both["ReadCapacityUnits"], both["WriteCapacityUnits"]

    assert all(owner["OnDemandThroughput"]["MaxReadRequestUnits"] == 9 for owner in told())
    api.update_table(
        TableName=name,
        BillingMode="PROVISIONED",
        ProvisionedThroughput=units(5, 6),
        **change(Update={"IndexName": "gsi", "ProvisionedThroughput": units(2, 3)}),
    )
    table, gsi = told()
    assert table["BillingModeSummary"]["BillingMode"] == "PROVISIONED"
    assert (shown(table), shown(gsi)) == ((5, 6), (2, 3))
    # The limits of demand went; what was warm stays so.
    assert "OnDemandThroughput" not in table and "OnDemandThroughput" not in gsi
    for owner in (table, gsi):
        assert owner["WarmThroughput"]["ReadUnitsPerSecond"] == 12000
    api.update_table(TableName=name, BillingMode="PAY_PER_REQUEST")
    table, gsi = told()
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert (shown(table), shown(gsi)) == ((0, 0), (0, 0))
    assert "OnDemandThroughput" not in table and "OnDemandThroughput" not in gsi
    assert gsi["ProvisionedThroughput"]["NumberOfDecreasesToday"] == 1
    assert table["ProvisionedThroughput"]["NumberOfDecreasesToday"] == 0
    api.delete_table(TableName=name)


def test_a_new_index_may_come_with_a_change_of_another(api, db, fresh):
    name = fresh("both")
    make_table(
        api,
        name,
        KEY["hash"],
        BillingMode="PROVISIONED",
        ProvisionedThroughput=units(5),
        extra={"kind": "S"},
        GlobalSecondaryIndexes=[index(ProvisionedThroughput=units(13, 4))],
    )
    api.update_table(
        TableName=name,
        **DEFINED,
        **change(
            Create=index("two", "new", ProvisionedThroughput=units(1)),
            Update={"IndexName": "gsi", "ProvisionedThroughput": units(2)},
        ),
    )
    db.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 0.05})
    told = api.describe_table(TableName=name)["Table"]
    found = {each["IndexName"]: each for each in told["GlobalSecondaryIndexes"]}
    assert found["gsi"]["ProvisionedThroughput"]["ReadCapacityUnits"] == 2
    assert found["two"]["ProvisionedThroughput"]["ReadCapacityUnits"] == 1
    warm = found["gsi"]["WarmThroughput"]
    assert (warm["ReadUnitsPerSecond"], warm["WriteUnitsPerSecond"]) == (13, 4)
    api.delete_table(TableName=name)


def test_twenty_global_indexes_and_not_one_more(api, fresh, refused):
    name = fresh("twenty")
    names = [f"gsi-{i:02}" for i in range(21)]

    def make(count):
        return make_table(
            api,
            name,
            KEY["hash"],
            extra={"kind": "S"},
            GlobalSecondaryIndexes=[index(each) for each in names[:count]],
        )

    text = "GlobalSecondaryIndex count exceeds the per-table limit of 20"
    refused("ValidationException", INVALID + text, make, count=21)
    make(20)
    refused(
        "LimitExceededException",
        "Subscriber limit exceeded: Number of global secondary indexes exceeds per-table limit of "
        "20",
        api.update_table,
        TableName=name,
        **DEFINED,
        **change(Create=index(names[20], "new")),
    )
    api.delete_table(TableName=name)


def test_while_an_index_is_made_no_other_is_and_no_table_goes(own_server, refused):
    api, name = Api(own_server), "busy"
    make_table(api, name, KEY["hash"], extra={"kind": "S"}, GlobalSecondaryIndexes=[index()])
    for start in range(0, 2500, 25):
        puts = [
            {"PutRequest": {"Item": {"id": {"S": f"{i}"}, "new": {"S": "n" * 1000}}}}
            for i in range(start, start + 25)
        ]
        api.batch_write_item(RequestItems={name: puts})

    def points(**wish):
        assert own_server.request("POST", "/_millrace/points", json.dumps(wish))[0] == 200

    points(arm=["journal.sync:1+:delay-700"])  # it is filled slice by slice, each with a sync
    api.update_table(TableName=name, **DEFINED, **change(Create=index("two", "new")))
    (_, two) = api.describe_table(TableName=name)["Table"]["GlobalSecondaryIndexes"]
    assert (two["IndexStatus"], two["Backfilling"]) == ("CREATING", True)
    in_use = "Attempt to change a resource which is still in use: "
    refused(
        "LimitExceededException",
        ONE_INDEX,
        api.update_table,
        TableName=name,
        **change(Delete={"IndexName": "gsi"}),
    )
    refused(
        "ResourceInUseException",
        in_use + "Cannot delete table while indexes are being created, updated, or deleted.",
        api.delete_table,
        TableName=name,
    )
    refused(
        "ResourceInUseException",
        in_use + f"Table is being updated: {name}",
        api.update_table,
        TableName=name,
        DeletionProtectionEnabled=True,
    )
    # But the one that is being filled may go.
    told = api.update_table(TableName=name, **change(Delete={"IndexName": "two"}))
    (_, two) = told["TableDescription"]["GlobalSecondaryIndexes"]
    assert two["IndexStatus"] == "DELETING"
    # It is going, or has gone by now.
    with pytest.raises(ClientError) as caught:
        api.update_table(TableName=name, **change(Delete={"IndexName": "two"}))
    error = caught.value.response["Error"]
    assert (error["Code"], error["Message"]) in [
        ("LimitExceededException", ONE_INDEX),
        ("ResourceNotFoundException", f"Requested resource not found: Index two for table {name}"),
    ]
    points(disarm=True)

    def active():
        table = api.describe_table(TableName=name)["Table"]
        return table if table["TableStatus"] == "ACTIVE" else None

    (index_left,) = wait_until(active, message="the table ACTIVE")["GlobalSecondaryIndexes"]
    assert index_left["IndexName"] == "gsi"
    api.update_table(TableName=name, **DEFINED, **change(Create=index("two", "new")))
    wait_until(active, message="the table ACTIVE")
    count, more = 0, {}
    while more is not None:
        page = api.scan(TableName=name, IndexName="two", Select="COUNT", **more)
        count += page["Count"]
        start = page.get("LastEvaluatedKey")
        more = None if start is None else {"ExclusiveStartKey": start}
    assert count == 2500


def test_after_four_decreases_a_day_one_an_hour(make_server, refused):
    server = make_server()
    api = Api(server)
    server.clock.hold()
    name = "down"
    make_table(
        api, name, KEY["hash"], BillingMode="PROVISIONED", ProvisionedThroughput=units(50)
    )

    def set_to(read, write=None):
        api.update_table(TableName=name, ProvisionedThroughput=units(read, write))

    for read in (40, 30, 20, 10):
        set_to(read)
    for read, write in ((9, 9), (9, 50)):  # one up and one down is a decrease
        with pytest.raises(Exception) as caught:
            set_to(read, write)
        text = caught.value.response["Error"]["Message"]
        assert text.startswith(
            "Subscriber limit exceeded: Provisioned throughput decreases are limited within a "
            "given UTC day. After the first 4 decreases, each subsequent decrease in the same UTC "
            "day can be performed at most once every 3600 seconds. Number of decreases today: 4. "
            "Last decrease at "
        )
        assert ". Next decrease can be made at " in text
        assert text.endswith("Coordinated Universal Time")
    set_to(11)
    server.clock.advance(3600)
    set_to(9)


def test_what_is_described_is_sorted_by_name(api, fresh):
    name = fresh("sorted")
    told = make_table(
        api,
        name,
        [("zz", "S", "HASH"), ("mm", "N", "RANGE")],
        extra={"aa": "B"},
        GlobalSecondaryIndexes=[
            index(
                attribute="aa",
                Projection={"ProjectionType": "INCLUDE", "NonKeyAttributes": ["y", "b", "x"]},
            )
        ],
    )["TableDescription"]
    for each in (told, api.describe_table(TableName=name)["Table"]):
        assert [d["AttributeName"] for d in each["AttributeDefinitions"]] == ["aa", "mm", "zz"]
        projection = each["GlobalSecondaryIndexes"][0]["Projection"]
        assert projection["NonKeyAttributes"] == ["b", "x", "y"]
    api.delete_table(TableName=name)


def test_attributes_are_defined_once(api, fresh, refused):
    refused(
        "ValidationException",
        "Attribute Name is duplicated: id",
        api.create_table,
        TableName=fresh(),
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "id", "AttributeType": "N"},
        ],
    )


def test_some_changes_are_done_with_their_reply(api, table):
    def status(**wish):
        return api.update_table(TableName=table, **wish)["TableDescription"]["TableStatus"]

    assert status(DeletionProtectionEnabled=True) == "ACTIVE"
    assert status(DeletionProtectionEnabled=False) == "ACTIVE"
    assert status(**LIMITS) == "ACTIVE"
    assert status(SSESpecification={"Enabled": True, "SSEType": "KMS"}) == "ACTIVE"
    assert status(BillingMode="PAY_PER_REQUEST") == "UPDATING"
    assert status(TableClass="STANDARD_INFREQUENT_ACCESS") == "UPDATING"
    stream = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    assert status(StreamSpecification=stream) == "UPDATING"
    assert api.describe_table(TableName=table)["Table"]["TableStatus"] == "ACTIVE"


def test_a_definition_too_many_is_told_before_what_is_wrong_with_indexes(api, fresh, refused):
    refused(
        "ValidationException",
        INVALID + "Some AttributeDefinitions are not used. AttributeDefinitions: [id, kind, spare],"
        " keys used: [id, kind]",
        make_table,
        client=api,
        name=fresh(),
        keys=KEY["hash"],
        extra={"kind": "S", "spare": "S"},
        GlobalSecondaryIndexes=[index(Projection={}, ProvisionedThroughput=units(1))],
    )


def test_a_token_that_nobody_gave(api, refused):
    refused(
        "ValidationException",
        "Invalid Request: Provided nextToken is invalid: " + "f0" * 60,
        api.list_exports,
        NextToken="f0" * 60,
    )
