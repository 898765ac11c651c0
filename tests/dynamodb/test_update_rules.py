"""What an UpdateTable may change together: pairs and texts as they were seen on AWS."""

import itertools

import pytest

from .conftest import make_table, raw
from .test_exact import INVALID, refusal

UNITS = {"ReadCapacityUnits": 2, "WriteCapacityUnits": 2}
CREATE = {"Create": {
    "IndexName": "second", "Projection": {"ProjectionType": "ALL"},
    "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}],
    "ProvisionedThroughput": UNITS,
}}
CHANGES = {
    "sse": {"SSESpecification": {"Enabled": True}},
    "class": {"TableClass": "STANDARD_INFREQUENT_ACCESS"},
    "protection": {"DeletionProtectionEnabled": True},
    "limits": {"OnDemandThroughput": {"MaxReadRequestUnits": 10}},
    "warm": {"WarmThroughput": {"ReadUnitsPerSecond": 20000}},
    "units": {"ProvisionedThroughput": UNITS},
    "stream": {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}},
    "on demand": {"BillingMode": "PAY_PER_REQUEST"},
    "provisioned": {"BillingMode": "PROVISIONED"},
    "create": {"GlobalSecondaryIndexUpdates": [CREATE]},
    "delete": {"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "first"}}]},
}
ALONE = {
    "sse": "Server-Side Encryption modification must be the only operation in the request",
    "class": "TableClass modification must be the only operation in the request",
    "protection": "DeletionProtection modification must be the only operation in the request",
    "limits": "OnDemandThroughput can only be combined with BillingMode in an UpdateTable request",
    "warm": "WarmThroughput must be the only operation in the request",
}
OTHERS = {
    ("create", "warm"):
        "Create global secondary index cannot be specified when updating WarmThroughput",
    ("stream", "units"): "You cannot modify stream status while updating table IOPS",
    ("provisioned", "stream"): "You cannot modify stream status while updating table IOPS",
    ("create", "units"): "You cannot create or delete index while updating table IOPS",
    ("delete", "units"): "You cannot create or delete index while updating table IOPS",
    ("create", "stream"): "You cannot create or delete index while changing stream status",
    ("delete", "stream"): "You cannot create or delete index while changing stream status",
}
MAY = [  # and BillingMode with what else is not one of the five
    ("limits", "on demand"), ("limits", "provisioned"), ("delete", "warm"),
    ("stream", "on demand"), ("units", "on demand"), ("units", "provisioned"),
    ("create", "on demand"), ("create", "provisioned"),
    ("delete", "on demand"), ("delete", "provisioned"),
]


def expected(pair):
    for key in (pair, pair[::-1]):
        if key in OTHERS:
            return OTHERS[key]
    return next(ALONE[name] for name in ALONE if name in pair)


PAIRS = [
    pair for pair in itertools.combinations(CHANGES, 2)
    if pair not in MAY and pair[::-1] not in MAY
    and len({name for each in pair for name in CHANGES[each]}) == 2
]


@pytest.mark.parametrize("pair", PAIRS, ids="+".join)
def test_a_pair_is_refused_and_nothing_is_changed(server, db, fresh, pair):
    name = fresh("pair")
    body = {"TableName": name, **CHANGES[pair[0]], **CHANGES[pair[1]]}
    assert refusal(server, "UpdateTable", body) == INVALID + expected(pair)  # before the table


def test_a_refused_update_leaves_the_table_as_it_was(server, db, table):
    before = db.describe_table(TableName=table)["Table"]
    refusal(server, "UpdateTable",
            {"TableName": table, **CHANGES["protection"], **CHANGES["stream"]})
    assert db.describe_table(TableName=table)["Table"] == before


def test_what_goes_together_is_changed_together(server, db, fresh):
    name = fresh("both")
    make_table(db, name, [("id", "S", "HASH")], BillingMode="PROVISIONED",
               ProvisionedThroughput=UNITS)
    status, _ = raw(server, "UpdateTable", {
        "TableName": name, **CHANGES["on demand"], **CHANGES["stream"]})
    assert status == 200
    status, reply = raw(server, "UpdateTable", {
        "TableName": name, **CHANGES["on demand"], **CHANGES["limits"]})
    assert status == 200
    told = reply["TableDescription"]
    assert told["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert told["StreamSpecification"]["StreamEnabled"]
    assert told["OnDemandThroughput"]["MaxReadRequestUnits"] == 10
    assert refusal(server, "UpdateTable", {"TableName": name, **CHANGES["provisioned"]}) == (
        INVALID + "ProvisionedThroughput must be specified when BillingMode is PROVISIONED")
    db.delete_table(TableName=name)


def test_a_view_type_goes_with_a_stream_that_begins(server, fresh):
    off = {"StreamEnabled": False, "StreamViewType": "NEW_IMAGE"}
    table = {
        "TableName": fresh("view"), "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "a", "AttributeType": "S"}],
    }

    def update(**stream):
        return refusal(server, "UpdateTable",
                       {"TableName": table["TableName"], "StreamSpecification": stream})

    def create(**stream):
        return refusal(server, "CreateTable", {**table, "StreamSpecification": stream})

    assert update(StreamEnabled=True) == INVALID + (
        "If stream is being enabled then UpdateViewType is required")
    assert update(**off) == INVALID + (
        "If stream is being disabled, then UpdateViewType must not be specified")
    assert create(StreamEnabled=True) == INVALID + (
        "Table is being created with a stream enabled, UpdateViewType is required")
    assert create(**off) == INVALID + (
        "Table is being created with a stream disabled, UpdateViewType should not be specified")


def test_a_local_index_is_not_changed(server, db, fresh):
    name = fresh("local")
    both = [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}]
    db.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": a, "AttributeType": "S"} for a in ("id", "n", "m")],
        KeySchema=both,
        LocalSecondaryIndexes=[{
            "IndexName": "local", "Projection": {"ProjectionType": "ALL"},
            "KeySchema": [both[0], {"AttributeName": "m", "KeyType": "RANGE"}]}])
    for change, verb in (({"Delete": {"IndexName": "local"}}, "delete"),
                         ({"Update": {"IndexName": "local",
                                      "WarmThroughput": {"ReadUnitsPerSecond": 1}}}, "update")):
        body = {"TableName": name, "GlobalSecondaryIndexUpdates": [change]}
        assert refusal(server, "UpdateTable", body) == (
            f"Cannot {verb} an index that is not a GlobalSecondaryIndex: local")
    two = {**CREATE, "Delete": {"IndexName": "first"}}
    assert refusal(
        server, "UpdateTable", {"TableName": name, "GlobalSecondaryIndexUpdates": [two]},
    ) == INVALID + ("Only one global secondary index action is allowed per "
                    "GlobalSecondaryIndexUpdate object")
    db.delete_table(TableName=name)


def test_tags_are_refused_in_the_words_of_aws(server, db, table):
    arn = db.describe_table(TableName=table)["Table"]["TableArn"]

    def tag(*pairs):
        return refusal(server, "TagResource", {
            "ResourceArn": arn, "Tags": [{"Key": key, "Value": value} for key, value in pairs]})

    limit = "Number of Tags exceed the current limit for the provided ResourceArn"
    good = ("good", "v")
    assert tag(good, ("aws:zzz", "v")) == "Tag Key cannot be prefixed with aws:, Key: aws:zzz"
    assert tag(good, ("dup", "1"), ("dup", "2")) == (
        "Duplicate Tag Keys provided as input: Duplicate Tag Key found dup")
    assert tag(*((f"k{i}", "v") for i in range(51))) == limit
    assert refusal(server, "UntagResource",
                   {"ResourceArn": arn, "TagKeys": [f"k{i}" for i in range(51)]}) == limit
    assert db.list_tags_of_resource(ResourceArn=arn)["Tags"] == []
    db.tag_resource(ResourceArn=arn, Tags=[{"Key": f"k{i}", "Value": ""} for i in range(50)])
    assert tag(("k01", "new"), ("k51", "v")) == limit
    db.tag_resource(ResourceArn=arn, Tags=[{"Key": "k1", "Value": "new"}])
