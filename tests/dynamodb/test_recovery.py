"""Point-in-time recovery: tables as they were."""

import datetime
import random
import threading

import pytest
from botocore.exceptions import ClientError
from support import wait_until

from .conftest import KEY, make_table, raw
from .test_backups import active, items


def recover(db, table, **more):
    return db.update_continuous_backups(
        TableName=table,
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True, **more},
    )["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]


def described(db, table):
    return db.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]


def restore_at(server, source, target, time_ms, **more):
    """To the millisecond, which boto3 would cut to the second."""
    status, reply = raw(
        server,
        "RestoreTableToPointInTime",
        {
            "SourceTableName": source,
            "TargetTableName": target,
            "RestoreDateTime": time_ms / 1000,
            **more,
        },
    )
    assert status == 200, reply
    return reply["TableDescription"]


def put(db, table, key, value):
    db.put_item(TableName=table, Item={"id": {"S": key}, "v": {"S": value}})


def test_recovery_is_off_until_it_is_asked_for(db, table, refused):
    off = {
        "ContinuousBackupsStatus": "ENABLED",
        "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "DISABLED"},
    }
    assert described(db, table) == off
    refused(
        "PointInTimeRecoveryUnavailableException",
        f"Point in time recovery is not enabled for table '{table}'",
        db.restore_table_to_point_in_time,
        SourceTableName=table,
        TargetTableName="other",
        UseLatestRestorableTime=True,
    )
    on = recover(db, table)
    assert on["PointInTimeRecoveryStatus"] == "ENABLED"
    assert on["EarliestRestorableDateTime"] <= on["LatestRestorableDateTime"]
    arn = db.describe_table(TableName=table)["Table"]["TableArn"]
    assert described(db, arn)["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == (
        "ENABLED"
    )
    specification = {"PointInTimeRecoveryEnabled": False}
    db.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification=specification)
    assert described(db, table) == off
    for call, more in (
        (db.describe_continuous_backups, {}),
        (db.update_continuous_backups, {"PointInTimeRecoverySpecification": specification}),
    ):
        refused(
            "TableNotFoundException", "Table not found: missing", call, TableName="missing", **more
        )
    with pytest.raises(ClientError) as caught:
        db.restore_table_to_point_in_time(
            SourceTableName="missing", TargetTableName="other", UseLatestRestorableTime=True
        )
    assert caught.value.response["Error"]["Code"] == "TableNotFoundException"


def test_each_millisecond_can_be_restored(own_server):
    db, clock = own_server.client("dynamodb"), own_server.clock
    make_table(
        db,
        "orders",
        KEY["hash"],
        extra={"v": "S"},
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-v",
                "KeySchema": [{"AttributeName": "v", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    put(db, "orders", "before", "0")
    with clock.held():
        recover(db, "orders")
        states = {clock.now_ms: items(db, "orders")}
        random_ = random.Random(7)
        for step in range(12):
            clock.advance(ms=random_.randint(1, 3))
            for _ in range(3):  # several changes of a key in one millisecond
                key = f"k{random_.randint(0, 4)}"
                if random_.random() < 0.35:
                    db.delete_item(TableName="orders", Key={"id": {"S": key}})
                else:
                    put(db, "orders", key, f"{step}-{random_.random()}")
            states[clock.now_ms] = items(db, "orders")
        moment = clock.advance(ms=5)
        put(db, "orders", "after", "x")
        for number, (time_ms, expected) in enumerate(states.items()):
            restored = restore_at(own_server, "orders", f"copy-{number}", time_ms)
            assert restored["RestoreSummary"]["RestoreDateTime"] == time_ms / 1000
            active(db, f"copy-{number}")
            assert items(db, f"copy-{number}") == expected
            assert len(items(db, f"copy-{number}", IndexName="by-v")) == len(expected)
        assert moment > max(states)
    name = db.describe_table(TableName="orders")["Table"]["TableArn"]
    db.restore_table_to_point_in_time(
        SourceTableArn=name, TargetTableName="latest", UseLatestRestorableTime=True
    )
    assert active(db, "latest")["RestoreSummary"]["SourceTableArn"] == name
    assert items(db, "latest") == items(db, "orders")
    assert described(db, "latest")["PointInTimeRecoveryDescription"] == {
        "PointInTimeRecoveryStatus": "DISABLED"
    }


def test_states_under_writers_and_kill_9_are_those_that_a_reader_saw(own_server):
    """Writers note each change with the clock around it. A restored state must hold, for each key,
    what some moment between the two shows; and transactions whole."""
    db = own_server.client("dynamodb")
    make_table(db, "busy", KEY["hash"])
    recover(db, "busy")
    oracle = [[] for _ in range(3)]  # (clock before, clock behind, value), each writer's own keys
    stop = threading.Event()

    def write(worker):
        client, i = own_server.client("dynamodb"), 0
        while not stop.is_set():
            i += 1
            began = None
            try:
                began = own_server.clock.now_ms
                client.transact_write_items(
                    TransactItems=[
                        {
                            "Put": {
                                "TableName": "busy",
                                "Item": {"id": {"S": f"{worker}-{side}"}, "v": {"S": str(i)}},
                            }
                        }
                        for side in "ab"
                    ]
                )
                oracle[worker].append((began, own_server.clock.now_ms, str(i)))
            except Exception:  # the server was killed: this change may be there or not
                if began is not None:
                    oracle[worker].append((began, float("inf"), str(i)))
                return

    for _ in range(2):
        stop.clear()
        threads = [threading.Thread(target=write, args=(worker,)) for worker in range(3)]
        counts = [len(done) + 15 for done in oracle]
        for thread in threads:
            thread.start()
        wait_until(lambda: all(len(done) >= n for done, n in zip(oracle, counts)))
        own_server.kill9()
        stop.set()
        for thread in threads:
            thread.join()
        own_server.start()
        db = own_server.client("dynamodb")
    times = sorted(random.Random(3).choice(done)[1] for done in oracle for _ in range(2))
    for number, time_ms in enumerate(time for time in times if time != float("inf")):
        target = f"state-{number}"
        restore_at(own_server, "busy", target, time_ms)
        active(db, target)
        got = {item["id"]["S"]: item["v"]["S"] for item in items(db, target)}
        for worker, done in enumerate(oracle):
            value = got.get(f"{worker}-a")
            assert value == got.get(f"{worker}-b")
            certain = [v for _, behind, v in done if behind < time_ms]
            possible = [v for before, _, v in done if before <= time_ms]
            assert value in possible[max(len(certain) - 1, 0):] or (not certain and value is None)


def test_a_restore_that_is_killed_is_done_again(own_server):
    db, clock = own_server.client("dynamodb"), own_server.clock
    make_table(db, "orders", KEY["hash"])
    recover(db, "orders")
    for i in range(300):
        put(db, "orders", f"{i:04}", "old" * 100)
    expected, moment = items(db, "orders"), clock.advance(1)
    clock.advance(1)
    for i in range(300):
        put(db, "orders", f"{i:04}", "new")
    restore_at(own_server, "orders", "copy", moment)
    own_server.kill9()
    own_server.start()
    db = own_server.client("dynamodb")
    active(db, "copy")
    assert items(db, "copy") == expected


def test_what_cannot_be_restored_is_refused(own_server, refused):
    db, clock = own_server.client("dynamodb"), own_server.clock
    make_table(db, "orders", KEY["hash"])
    recover(db, "orders")
    clock.advance(hours=1)
    now = datetime.datetime.fromtimestamp(clock.now_ms / 1000, datetime.timezone.utc)
    hour = datetime.timedelta(hours=2)
    for time in (now - hour, now + hour):
        with pytest.raises(ClientError) as caught:
            db.restore_table_to_point_in_time(
                SourceTableName="orders", TargetTableName="copy", RestoreDateTime=time
            )
        error = caught.value.response["Error"]
        assert error["Code"] == "InvalidRestoreTimeException"
        assert error["Message"].startswith(
            f"RestoreDateTime '{time:%Y-%m-%dT%H:%M:%SZ}' must be within "
            "EarliestRestorableDateTime '20"
        )
    refused(
        "TableAlreadyExistsException",
        "Table already exists: orders",
        db.restore_table_to_point_in_time,
        SourceTableName="orders",
        TargetTableName="orders",
        UseLatestRestorableTime=True,
    )
    orders, latest = {"SourceTableName": "orders"}, {"UseLatestRestorableTime": True}
    arn = db.describe_table(TableName="orders")["Table"]["TableArn"]
    for wish, text in (
        (
            orders,
            "Invalid Request: Either one of RestoreDateTime or UseLatestRestorableTime must be "
            "specified, but not both",
        ),
        (latest, "The parameter 'TableName' is required but was not present in the request"),
        (
            {**orders, **latest, "SourceTableArn": arn},
            "Invalid Request: Must provide exactly one of: sourceTableArn, sourceTableName",
        ),
        (
            {**orders, **latest, "RestoreDateTime": now},
            "Invalid Request: Both RestoreDateTime and UseLatestRestorableTime cannot be set for "
            "point-in-time restore request. Please specify either RestoreDateTime time or "
            "UseLatestRestorableTime",
        ),
    ):
        refused(
            "ValidationException",
            text,
            db.restore_table_to_point_in_time,
            TargetTableName="copy",
            **wish,
        )


def test_the_period_bounds_what_is_kept(own_server):
    db, clock = own_server.client("dynamodb"), own_server.clock
    make_table(db, "orders", KEY["hash"])

    def enable(days):
        status, reply = raw(
            own_server,
            "UpdateContinuousBackups",
            {
                "TableName": "orders",
                "PointInTimeRecoverySpecification": {
                    "PointInTimeRecoveryEnabled": True,
                    "RecoveryPeriodInDays": days,
                },
            },
        )
        return status, reply

    status, reply = enable(36)
    assert status == 400 and "less than or equal to 35" in reply["message"]
    with clock.held():
        began = clock.now_ms
        assert enable(2)[0] == 200
        for day in range(4):
            put(db, "orders", "k", str(day))
            clock.advance(hours=24)
        now = clock.now_ms

        def earliest():
            reply = raw(own_server, "DescribeContinuousBackups", {"TableName": "orders"})[1]
            described = reply["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
            assert described["LatestRestorableDateTime"] == now / 1000
            return round(described["EarliestRestorableDateTime"] * 1000)

        assert earliest() == now - 2 * 86400000 > began
        assert enable(35)[0] == 200  # what is gone does not come back
        assert earliest() == now - 2 * 86400000
        restore_at(own_server, "orders", "copy", earliest())
        active(db, "copy")
        assert items(db, "copy") == [{"id": {"S": "k"}, "v": {"S": "2"}}]
        status, _ = raw(
            own_server,
            "UpdateContinuousBackups",
            {
                "TableName": "orders",
                "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": False},
            },
        )
        assert status == 200
        put(db, "orders", "k", "not kept")
        assert enable(35)[0] == 200
        assert earliest() == now


def test_a_deleted_table_with_recovery_leaves_a_system_backup(own_server, refused):
    db, clock = own_server.client("dynamodb"), own_server.clock
    make_table(db, "orders", KEY["hash"])
    recover(db, "orders")
    for i in range(50):
        put(db, "orders", f"{i:02}", "x")
    expected = items(db, "orders")
    db.delete_table(TableName="orders")
    own_server.kill9()
    own_server.start()
    db = own_server.client("dynamodb")
    (summary,) = db.list_backups(BackupType="SYSTEM")["BackupSummaries"]
    assert summary["BackupName"] == "orders$DeletedTableBackup"
    for nothing in ({}, {"BackupType": "USER"}):
        assert db.list_backups(**nothing)["BackupSummaries"] == []
    kept = summary["BackupExpiryDateTime"] - summary["BackupCreationDateTime"]
    assert kept == datetime.timedelta(days=35)
    arn = summary["BackupArn"]
    wait_until(
        lambda: db.describe_backup(BackupArn=arn)["BackupDescription"]["BackupDetails"][
            "BackupStatus"
        ]
        == "AVAILABLE"
    )
    with pytest.raises(ClientError) as caught:
        db.delete_backup(BackupArn=arn)
    error = caught.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert error["Message"].startswith(
        f"Invalid Request: User is not allowed to delete the system backup with arn {arn}. It will "
        "automatically expire on 2"
    )
    make_table(db, "orders", KEY["hash"])
    db.restore_table_from_backup(TargetTableName="again", BackupArn=arn)
    active(db, "again")
    assert items(db, "again") == expected and items(db, "orders") == []
    clock.advance(hours=24 * 36)
    refused(
        "BackupNotFoundException", f"Backup not found: {arn}", db.describe_backup, BackupArn=arn
    )
    assert db.list_backups(BackupType="ALL")["BackupSummaries"] == []
