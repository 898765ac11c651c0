"""On-demand backups and tables restored from them."""

import datetime
import pathlib
import re
import threading
from unittest.mock import ANY

import pytest
from botocore.exceptions import ClientError
from support import wait_until

from .conftest import KEY, make_table, raw

ARN = re.compile(r"arn:aws:dynamodb:us-east-1:000000000000:table/(.+)/backup/\d{14}-[0-9a-f]{8}")
UNKNOWN = "arn:aws:dynamodb:us-east-1:000000000000:table/none/backup/01489173575360-b308cd7d"


def available(db, arn):
    def look():
        details = db.describe_backup(BackupArn=arn)["BackupDescription"]["BackupDetails"]
        return details if details["BackupStatus"] == "AVAILABLE" else None

    return wait_until(look)


def back_up(db, table, name="daily"):
    arn = db.create_backup(TableName=table, BackupName=name)["BackupDetails"]["BackupArn"]
    available(db, arn)
    return arn


def active(db, table):
    def look():
        description = db.describe_table(TableName=table)["Table"]
        return description if description["TableStatus"] == "ACTIVE" else None

    return wait_until(look)


def items(db, table, **options):
    found = []
    for page in db.get_paginator("scan").paginate(TableName=table, **options):
        found += page["Items"]
    return sorted(found, key=lambda item: item["id"]["S"])


def fill(db, table, count, text="x"):
    for start in range(0, count, 25):
        db.batch_write_item(
            RequestItems={
                table: [
                    {"PutRequest": {"Item": {"id": {"S": f"{i:06}"}, "text": {"S": text}}}}
                    for i in range(start, min(start + 25, count))
                ]
            }
        )


def test_a_backup_describes_itself_and_its_table(db, fresh):
    name = fresh("described")
    made = make_table(
        db,
        name,
        KEY["range"],
        extra={"who": "S"},
        BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 3, "WriteCapacityUnits": 2},
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-who",
                "KeySchema": [{"AttributeName": "who", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["b"]},
                "ProvisionedThroughput": {"ReadCapacityUnits": 4, "WriteCapacityUnits": 5},
            }
        ],
        LocalSecondaryIndexes=[
            {
                "IndexName": "local",
                "KeySchema": [
                    {"AttributeName": "id", "KeyType": "HASH"},
                    {"AttributeName": "who", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    )["TableDescription"]
    db.update_time_to_live(
        TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ends"}
    )
    db.put_item(TableName=name, Item={"id": {"S": "abc"}, "at": {"N": "1"}, "t": {"S": "xyz"}})
    begun = db.create_backup(TableName=name, BackupName="first.of-all_1")["BackupDetails"]
    assert begun["BackupStatus"] == "CREATING" and begun["BackupType"] == "USER"
    assert ARN.fullmatch(begun["BackupArn"]).group(1) == name
    assert available(db, begun["BackupArn"])["BackupSizeBytes"] == 2 + 3 + 2 + 2 + 1 + 3
    got = db.describe_backup(BackupArn=begun["BackupArn"])["BackupDescription"]
    assert got["BackupDetails"]["BackupName"] == "first.of-all_1"
    source = got["SourceTableDetails"]
    assert source["TableId"] == made["TableId"] and source["TableArn"] == made["TableArn"]
    assert source["KeySchema"] == made["KeySchema"] and source["ItemCount"] == 1
    assert source["TableCreationDateTime"] == made["CreationDateTime"]
    assert source["BillingMode"] == "PROVISIONED"
    assert source["ProvisionedThroughput"] == {"ReadCapacityUnits": 3, "WriteCapacityUnits": 2}
    features = got["SourceTableFeatureDetails"]
    assert features["StreamDescription"] == {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    assert features["TimeToLiveDescription"]["AttributeName"] == "ends"
    assert features["GlobalSecondaryIndexes"][0]["Projection"]["NonKeyAttributes"] == ["b"]
    assert features["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"]["WriteCapacityUnits"] == 5
    assert features["LocalSecondaryIndexes"][0]["IndexName"] == "local"
    db.delete_backup(BackupArn=begun["BackupArn"])
    db.delete_table(TableName=name)


def test_a_restored_table_holds_what_the_backup_saw_with_its_indexes(db, fresh):
    source, target = fresh("source"), fresh("target")
    make_table(
        db,
        source,
        KEY["hash"],
        extra={"text": "S"},
        Tags=[{"Key": "a", "Value": "b"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-text",
                "KeySchema": [{"AttributeName": "text", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    fill(db, source, 60)
    before = items(db, source)
    arn = back_up(db, source)
    db.delete_item(TableName=source, Key={"id": {"S": "000000"}})
    fill(db, source, 70, "changed")
    begun = db.restore_table_from_backup(TargetTableName=target, BackupArn=arn)["TableDescription"]
    assert begun["TableStatus"] == "CREATING"
    assert begun["RestoreSummary"]["RestoreInProgress"] is True
    assert begun["RestoreSummary"]["SourceBackupArn"] == arn
    table = active(db, target)
    db.get_waiter("table_exists").wait(TableName=target)
    assert table["RestoreSummary"]["RestoreInProgress"] is False
    assert table["RestoreSummary"]["SourceTableArn"].endswith(source)
    assert db.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"] == []
    assert items(db, target) == before
    assert len(items(db, target, IndexName="by-text")) == 60
    assert len(items(db, source)) == 70
    # The two live apart from now on.
    db.put_item(TableName=target, Item={"id": {"S": "new"}, "text": {"S": "only here"}})
    assert len(items(db, target, IndexName="by-text")) == 61
    assert len(items(db, source)) == 70
    for name in (source, target):
        db.delete_table(TableName=name)
    db.delete_backup(BackupArn=arn)


def test_overrides_change_the_restored_table(db, api, fresh, refused):
    source, target = fresh("plain"), fresh("other")
    indexes = [
        {
            "IndexName": name,
            "KeySchema": [{"AttributeName": name, "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
        for name in ("one", "two")
    ]
    make_table(
        db, source, KEY["hash"], extra={"one": "S", "two": "N"}, GlobalSecondaryIndexes=indexes
    )
    arn = back_up(db, source)
    restore = db.restore_table_from_backup
    refused(
        "ValidationException",
        "Invalid Request: Must override ProvisionedThroughput if BillingMode is overridden to "
        "PROVISIONED",
        restore,
        TargetTableName=target,
        BackupArn=arn,
        BillingModeOverride="PROVISIONED",
    )
    units = {"ReadCapacityUnits": 7, "WriteCapacityUnits": 8}
    provisioned = {"BillingModeOverride": "PROVISIONED", "ProvisionedThroughputOverride": units}
    keys_only = {"Projection": {"ProjectionType": "KEYS_ONLY"}}
    limit = {"OnDemandThroughputOverride": {"MaxReadRequestUnits": 5}}
    for wish, text in [
        (
            {"GlobalSecondaryIndexOverride": [{**indexes[0], **keys_only}]},
            "Index one does not match a secondary index that existed in the source table and "
            "cannot be created during the restore operation",
        ),
        (
            {"ProvisionedThroughputOverride": units},
            "Cannot override ProvisionedThroughput unless BillingMode is PROVISIONED",
        ),
        (
            {**provisioned, "BillingModeOverride": "PAY_PER_REQUEST"},
            "Cannot override ProvisionedThroughput if BillingMode is overridden to "
            "PAY_PER_REQUEST",
        ),
        (
            {"GlobalSecondaryIndexOverride": [{**indexes[0], "ProvisionedThroughput": units}]},
            "Cannot override ProvisionedThroughput if BillingMode is overridden to "
            "PAY_PER_REQUEST for index one",
        ),
        (provisioned, "Must specify provisioned throughput for index one"),
        (
            {**provisioned, **limit},
            "Cannot override MaxReadRequestUnits for OnDemandThroughput unless "
            "BillingModeOverride is PAY_PER_REQUEST",
        ),
        (
            {"OnDemandThroughputOverride": {"MaxWriteRequestUnits": 0}},
            "Requested MaxWriteRequestUnits for OnDemandThroughput is outside of valid range",
        ),
    ]:
        refused(
            "ValidationException",
            f"Invalid Request: {text}",
            api.restore_table_from_backup,
            TargetTableName=target,
            BackupArn=arn,
            **wish,
        )
    restore(
        TargetTableName=target,
        BackupArn=arn,
        BillingModeOverride="PROVISIONED",
        ProvisionedThroughputOverride=units,
        GlobalSecondaryIndexOverride=[
            {**indexes[1], "IndexName": "again", "ProvisionedThroughput": units}
        ],
        LocalSecondaryIndexOverride=[],
        SSESpecificationOverride={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": "alias/k"},
    )
    table = active(db, target)
    assert table["ProvisionedThroughput"]["ReadCapacityUnits"] == 7
    assert table["BillingModeSummary"] == {"BillingMode": "PROVISIONED"}
    assert [index["IndexName"] for index in table["GlobalSecondaryIndexes"]] == ["again"]
    assert table["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"]["WriteCapacityUnits"] == 8
    assert {d["AttributeName"] for d in table["AttributeDefinitions"]} == {"id", "two"}
    assert table["SSEDescription"]["KMSMasterKeyArn"].endswith("alias/k")
    for name in (source, target):
        db.delete_table(TableName=name)
    db.delete_backup(BackupArn=arn)


def test_on_demand_limits_are_restored_or_overridden(server, db, fresh):
    source, same, other = fresh("limits"), fresh("limits"), fresh("limits")
    limits = {"MaxReadRequestUnits": 11, "MaxWriteRequestUnits": 12}
    changed = {"MaxReadRequestUnits": 21, "MaxWriteRequestUnits": 22}
    make_table(db, source, KEY["hash"])
    status, reply = raw(server, "UpdateTable", {"TableName": source, "OnDemandThroughput": limits})
    assert status == 200, reply
    active(db, source)
    arn = back_up(db, source)
    status, reply = raw(server, "DescribeBackup", {"BackupArn": arn})
    assert reply["BackupDescription"]["SourceTableDetails"]["OnDemandThroughput"] == limits
    for target, more in ((same, {}), (other, {"OnDemandThroughputOverride": changed})):
        members = {"TargetTableName": target, "BackupArn": arn, **more}
        status, reply = raw(server, "RestoreTableFromBackup", members)
        assert status == 200, reply
        active(db, target)
        described = raw(server, "DescribeTable", {"TableName": target})[1]["Table"]
        assert described["OnDemandThroughput"] == (changed if more else limits)
        db.delete_table(TableName=target)
    db.delete_table(TableName=source)
    db.delete_backup(BackupArn=arn)


UNITS = {"ReadCapacityUnits": 7, "WriteCapacityUnits": 8}
PROVISIONED = {"BillingModeOverride": "PROVISIONED", "ProvisionedThroughputOverride": UNITS}


def by(attribute, name=None, **more):
    return {
        "IndexName": name or f"by-{attribute}",
        "KeySchema": [{"AttributeName": attribute, "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
        **more,
    }


@pytest.fixture
def indexed(server, db, fresh):
    """A restore from a backup of an on-demand table with two indexes, one of them limited."""
    source = fresh("indexed")
    status, reply = raw(
        server,
        "CreateTable",
        {
            "TableName": source,
            "AttributeDefinitions": [
                {"AttributeName": name, "AttributeType": "S"} for name in ("id", "one", "two")
            ],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
            "GlobalSecondaryIndexes": [
                by("one", OnDemandThroughput={"MaxReadRequestUnits": 5}),
                by("two"),
            ],
        },
    )
    assert status == 200, reply
    active(db, source)
    arn, targets = back_up(db, source), []
    told = raw(server, "DescribeBackup", {"BackupArn": arn})[1]["BackupDescription"]
    told = told["SourceTableFeatureDetails"]["GlobalSecondaryIndexes"]
    assert told[0]["OnDemandThroughput"] == {"MaxReadRequestUnits": 5}
    assert "OnDemandThroughput" not in told[1]

    def restore(**more):
        target = fresh("target")
        members = {"TargetTableName": target, "BackupArn": arn, **more}
        status, reply = raw(server, "RestoreTableFromBackup", members)
        if status != 200:
            return reply.get("message")
        targets.append(target)
        active(db, target)
        table = raw(server, "DescribeTable", {"TableName": target})[1]["Table"]
        return {index["IndexName"]: index for index in table["GlobalSecondaryIndexes"]}

    yield restore
    for name in [source, *targets]:
        db.delete_table(TableName=name)
    db.delete_backup(BackupArn=arn)


def test_overrides_must_be_what_a_new_table_may_have(indexed):
    invalid = "One or more parameter values were invalid: "
    many = {"ReadCapacityUnits": 40001, "WriteCapacityUnits": 1}
    far = {"ReadCapacityUnits": 1000000000001, "WriteCapacityUnits": 1}
    text = indexed(SSESpecificationOverride={"Enabled": True, "SSEType": "AES256"})
    assert text == invalid + "SSEType AES256 is not supported"
    text = indexed(SSESpecificationOverride={"Enabled": False, "SSEType": "KMS"})
    assert text == invalid + "SSEType can not be specified if Enabled is false"
    text = indexed(GlobalSecondaryIndexOverride=[by("one", "same"), by("two", "same")])
    assert text == invalid + "Duplicate index name: same"
    text = indexed(**{**PROVISIONED, "ProvisionedThroughputOverride": far})
    assert text == "Given value 1000000000001 for ReadCapacityUnits is out of bounds"
    text = indexed(**{**PROVISIONED, "ProvisionedThroughputOverride": many})
    assert text.startswith("The requested ReadCapacityUnits, 40001, is above the per table maximum")
    text = indexed(
        **PROVISIONED, GlobalSecondaryIndexOverride=[by("one", ProvisionedThroughput=many)]
    )
    assert text.startswith("The requested ReadCapacityUnits for index by-one, 40001, is above")
    text = indexed(GlobalSecondaryIndexOverride=[by("one", OnDemandThroughput={})])
    assert text == invalid + (
        "OnDemandThroughput must specify MaxReadRequestUnits, MaxWriteRequestUnits, or both"
    )
    text = indexed(
        GlobalSecondaryIndexOverride=[by("one", WarmThroughput={"ReadUnitsPerSecond": 1})]
    )
    assert "ReadUnitsPerSecond for WarmThroughput for index by-one is lower than" in text


def test_limits_of_indexes_are_restored_overridden_or_gone(indexed):
    kept = indexed()
    assert kept["by-one"]["OnDemandThroughput"] == {"MaxReadRequestUnits": 5}
    assert indexed(GlobalSecondaryIndexOverride=[by("one")]) == {
        "by-one": {**kept["by-one"], "IndexArn": ANY}
    }
    changed = indexed(
        GlobalSecondaryIndexOverride=[
            by("one", OnDemandThroughput={"MaxWriteRequestUnits": 9}),
            by("two", WarmThroughput={"ReadUnitsPerSecond": 13000}),
        ]
    )
    assert changed["by-one"]["OnDemandThroughput"] == {"MaxWriteRequestUnits": 9}
    assert changed["by-two"]["WarmThroughput"]["ReadUnitsPerSecond"] == 13000
    provisioned = indexed(
        **PROVISIONED, GlobalSecondaryIndexOverride=[by("one", ProvisionedThroughput=UNITS)]
    )
    assert "OnDemandThroughput" not in provisioned["by-one"]
    assert provisioned["by-one"]["ProvisionedThroughput"] == {
        "NumberOfDecreasesToday": 0,
        **UNITS,
    }


def test_backups_refuse_in_the_words_of_aws(db, table, refused):
    refused(
        "TableNotFoundException",
        "Table not found: no-such-table",
        db.create_backup,
        TableName="no-such-table",
        BackupName="daily",
    )
    for call in (db.describe_backup, db.delete_backup):
        refused(
            "BackupNotFoundException", f"Backup not found: {UNKNOWN}", call, BackupArn=UNKNOWN
        )
    refused(
        "BackupNotFoundException",
        f"Backup not found: {UNKNOWN}",
        db.restore_table_from_backup,
        BackupArn=UNKNOWN,
        TargetTableName="elsewhere",
    )
    arn = back_up(db, table)
    refused(
        "TableAlreadyExistsException",
        f"Table already exists: {table}",
        db.restore_table_from_backup,
        BackupArn=arn,
        TargetTableName=table,
    )
    gone = db.delete_backup(BackupArn=arn)["BackupDescription"]
    assert gone["BackupDetails"]["BackupStatus"] == "DELETED"
    assert gone["SourceTableDetails"]["TableName"] == table
    refused("BackupNotFoundException", f"Backup not found: {arn}", db.delete_backup, BackupArn=arn)


def test_backups_are_listed_by_table_type_and_time_in_pages(db, table, fresh):
    other = fresh("listed")
    make_table(db, other, KEY["hash"])
    arns = [back_up(db, table, f"number-{i}") for i in range(3)]
    arns.append(back_up(db, db.describe_table(TableName=other)["Table"]["TableArn"]))

    def listed(**filters):
        return [each["BackupArn"] for each in db.list_backups(**filters)["BackupSummaries"]]

    assert listed(TableName=table) == arns[:3]
    assert [arn for arn in listed() if arn in arns] == arns
    assert listed(TableName=other, BackupType="SYSTEM") == []
    with pytest.raises(ClientError, match="lower bound must be less than or equal to upper bound"):
        listed(TimeRangeLowerBound=2, TimeRangeUpperBound=1)
    for wrong in ("arn:aws:dynamodb:us-east-1:000000000000:table/none", "x" * 40):
        with pytest.raises(ClientError, match="Invalid Backup ARN"):
            db.describe_backup(BackupArn=wrong)
    assert listed(TableName=other, BackupType="ALL") == arns[3:]
    assert listed(TableName="no-such-table") == []
    page = db.list_backups(TableName=table, Limit=2)
    assert [each["BackupArn"] for each in page["BackupSummaries"]] == arns[:2]
    assert page["LastEvaluatedBackupArn"] == arns[1]
    assert listed(TableName=table, ExclusiveStartBackupArn=arns[1]) == arns[2:3]
    paged = db.get_paginator("list_backups").paginate(
        TableName=table, PaginationConfig={"PageSize": 1}
    )
    assert [each["BackupArn"] for page in paged for each in page["BackupSummaries"]] == arns[:3]
    now = datetime.datetime.now(datetime.timezone.utc)
    hour = datetime.timedelta(hours=1)
    assert listed(TableName=table, TimeRangeLowerBound=now - hour) == arns[:3]
    assert listed(TableName=table, TimeRangeUpperBound=now - hour) == []
    assert listed(TableName=table, TimeRangeLowerBound=now + hour) == []
    db.delete_table(TableName=other)
    assert listed(TableName=other) == arns[3:]
    for arn in arns:
        db.delete_backup(BackupArn=arn)


def test_a_backup_outlives_its_table_and_kill_9(own_server):
    db = own_server.client("dynamodb")
    make_table(db, "orders", KEY["hash"])
    fill(db, "orders", 200)
    before = items(db, "orders")
    arn = back_up(db, "orders")
    db.delete_table(TableName="orders")
    folder = pathlib.Path(own_server.data) / "backups"
    kept = [path.name for path in folder.iterdir()]
    (folder / "00000000000000-0000000a").write_bytes(b"half a backup")
    own_server.kill9()
    own_server.start()
    db = own_server.client("dynamodb")
    assert [path.name for path in folder.iterdir()] == kept
    db.restore_table_from_backup(TargetTableName="orders", BackupArn=arn)
    own_server.kill9()  # while it is filled, or just behind
    own_server.start()
    db = own_server.client("dynamodb")
    active(db, "orders")
    assert items(db, "orders") == before
    db.delete_backup(BackupArn=arn)
    assert list(folder.iterdir()) == []


def test_a_damaged_backup_leaves_no_table_and_says_where(own_server):
    db = own_server.client("dynamodb")
    make_table(db, "orders", KEY["hash"])
    fill(db, "orders", 50)
    arn = back_up(db, "orders")
    (path,) = (pathlib.Path(own_server.data) / "backups").iterdir()
    whole = path.read_bytes()
    for at in (3, 9, 500, len(whole) - 1, None):
        damaged = bytearray(whole)
        if at is None:
            damaged = damaged[:-20]
        else:
            damaged[at] ^= 0x40
        path.write_bytes(damaged)
        db.restore_table_from_backup(TargetTableName="copy", BackupArn=arn)
        wait_until(lambda: db.list_tables()["TableNames"] == ["orders"])
    assert own_server.log().count("is damaged at offset") == 5
    path.write_bytes(whole)
    db.restore_table_from_backup(TargetTableName="copy", BackupArn=arn)
    active(db, "copy")
    assert items(db, "copy") == items(db, "orders")


def refused_while_created(db, name):
    """1 when each change was refused, 0 when the table was quicker."""
    changes = (
        lambda: db.update_time_to_live(
            TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "t"}
        ),
        lambda: db.update_table(TableName=name, TableClass="STANDARD_INFREQUENT_ACCESS"),
        lambda: db.delete_table(TableName=name),
        lambda: db.create_backup(TableName=name, BackupName="early"),
    )
    said = []
    for change in changes:
        try:
            change()
        except ClientError as error:
            said.append(error.response["Error"]["Message"].split(": ")[-2].lower())
    if len(said) < len(changes):
        return 0
    assert all("table is being created" in text for text in said)
    return 1


def is_in_use_while_created(db):
    arn = db.create_backup(TableName="large", BackupName="busy")["BackupDetails"]["BackupArn"]
    codes = []
    for call, more in (
        (db.delete_backup, {}),
        (db.restore_table_from_backup, {"TargetTableName": "too-early"}),
    ):
        try:
            call(BackupArn=arn, **more)
        except ClientError as error:
            codes.append(error.response["Error"]["Code"])
    return codes == ["BackupInUseException"] * 2


def test_a_table_being_restored_serves_nobody_yet(own_server, refused):
    db = own_server.client("dynamodb")
    make_table(db, "large", KEY["hash"])
    text = "y" * 20000
    threads = [
        threading.Thread(
            target=lambda worker: [
                db.put_item(
                    TableName="large", Item={"id": {"S": f"{worker}-{i}"}, "text": {"S": text}}
                )
                for i in range(200)
            ],
            args=(worker,),
        )
        for worker in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert any(is_in_use_while_created(db) for _ in range(5))
    arn = back_up(db, "large")
    seen = 0
    for attempt in range(5):
        name = f"copy-{attempt}"
        db.restore_table_from_backup(TargetTableName=name, BackupArn=arn)
        try:
            db.get_item(TableName=name, Key={"id": {"S": "0-0"}})
        except ClientError as error:
            assert error.response["Error"]["Message"] == "Requested resource not found"
            seen += refused_while_created(db, name)
        if name in db.list_tables()["TableNames"]:
            active(db, name)
            assert len(items(db, name, ProjectionExpression="id")) == 800
            db.delete_table(TableName=name)
        if seen:
            break
    assert seen, "every restore was quicker than a GetItem"


def test_a_backup_under_writes_is_one_moment(own_server):
    """Writers count in pairs of items by transactions: in a backup both of a pair are equal."""
    db = own_server.client("dynamodb")
    make_table(db, "pairs", KEY["hash"])
    stop = threading.Event()

    def write(worker):
        client, i = own_server.client("dynamodb"), 0
        while not stop.is_set():
            i += 1
            client.transact_write_items(
                TransactItems=[
                    {
                        "Put": {
                            "TableName": "pairs",
                            "Item": {"id": {"S": f"{worker}-{side}"}, "n": {"N": str(i)}},
                        }
                    }
                    for side in "ab"
                ]
            )

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(3)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: len(items(db, "pairs")) == 6)
        arns = [back_up(db, "pairs", f"moment-{i}") for i in range(5)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    for i, arn in enumerate(arns):
        db.restore_table_from_backup(TargetTableName=f"moment-{i}", BackupArn=arn)
        active(db, f"moment-{i}")
        got = {item["id"]["S"]: item["n"] for item in items(db, f"moment-{i}")}
        for worker in range(3):
            assert got[f"{worker}-a"] == got[f"{worker}-b"]
