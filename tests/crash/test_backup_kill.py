"""A backup on demand that is CREATING when the server dies does not vanish: it is DELETED."""

import json

import pytest
from botocore.exceptions import ClientError
from support import wait_until


def backups(server):
    return [p.name for p in (server.data / "backups").iterdir()]


def begin_backup(server, spec):
    db = server.client("dynamodb")
    db.create_table(
        TableName="orders", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )  # fmt: skip
    for number in range(5):
        db.put_item(TableName="orders", Item={"id": {"S": f"i{number}"}})
    server.request("POST", "/_millrace/points", json.dumps({"arm": [spec]}))
    made = db.create_backup(TableName="orders", BackupName="mine")["BackupDetails"]
    assert made["BackupStatus"] == "CREATING"
    return made["BackupArn"]


def status_of(server, arn):
    told = server.client("dynamodb").describe_backup(BackupArn=arn)
    return told["BackupDescription"]["BackupDetails"]["BackupStatus"]


def check_is_gone(server, arn):
    db = server.client("dynamodb")
    assert status_of(server, arn) == "DELETED"
    (listed,) = db.list_backups(TableName="orders")["BackupSummaries"]
    assert listed["BackupArn"] == arn and listed["BackupStatus"] == "DELETED"
    with pytest.raises(ClientError):
        db.restore_table_from_backup(TargetTableName="again", BackupArn=arn)
    assert backups(server) == []
    db.delete_backup(BackupArn=arn)
    assert db.list_backups(TableName="orders")["BackupSummaries"] == []


def test_a_backup_that_was_creating_at_a_kill_is_deleted_afterwards(own_server):
    arn = begin_backup(own_server, "dynamodb.backup.item:3:delay-20000")
    assert status_of(own_server, arn) == "CREATING"
    own_server.kill9()
    own_server.start()
    assert status_of(own_server, arn) == "DELETED"
    own_server.kill9()
    own_server.start()
    check_is_gone(own_server, arn)


def test_a_backup_that_cannot_be_written_is_deleted(own_server):
    arn = begin_backup(own_server, "dynamodb.backup.item:3:enospc")
    wait_until(lambda: status_of(own_server, arn) == "DELETED")
    check_is_gone(own_server, arn)
