"""Time to live: its operations, and what happens to items that expire."""

import time

from support import wait_until

from .conftest import KEY, make_table

YEAR_S = 365 * 86400


def enable(db, table, attribute="expires_at", on=True):
    wish = {"AttributeName": attribute, "Enabled": on}
    return db.update_time_to_live(TableName=table, TimeToLiveSpecification=wish)


def state(db, table):
    return db.describe_time_to_live(TableName=table)["TimeToLiveDescription"]


def ids(db, table):
    return sorted(item["id"]["S"] for item in db.scan(TableName=table)["Items"])


def test_it_is_enabled_described_and_disabled(db, table, refused):
    assert state(db, table) == {"TimeToLiveStatus": "DISABLED"}
    refused(
        "ValidationException",
        "TimeToLive is already disabled",
        enable,
        db=db,
        table=table,
        on=False,
    )
    reply = enable(db, table)
    assert reply["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert state(db, table) == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
    refused("ValidationException", "TimeToLive is already enabled", enable, db=db, table=table)
    refused(
        "ValidationException",
        "TimeToLive is active on a different AttributeName: current AttributeName is expires_at",
        enable,
        db=db,
        table=table,
        attribute="other",
        on=False,
    )


def test_it_changes_once_an_hour(make_server, refused):
    server = make_server()
    db = server.client("dynamodb")
    server.clock.hold()
    make_table(db, "table", KEY["hash"])
    make_table(db, "other", KEY["hash"])
    often = "Time to live has been modified multiple times within a fixed interval"

    def too_often(on):
        refused("ValidationException", often, enable, db=db, table="table", on=on)

    enable(db, "table")
    too_often(False)
    enable(db, "other")
    server.clock.advance(3599)
    server.restart()
    db = server.client("dynamodb")
    too_often(False)
    assert state(db, "table")["TimeToLiveStatus"] == "ENABLED"
    server.clock.advance(1)
    enable(db, "table", on=False)
    assert state(db, "table") == {"TimeToLiveStatus": "DISABLED"}
    too_often(True)
    refused("ValidationException", "TimeToLive is already disabled", enable, db=db, table="table",
            on=False)  # fmt: skip


def test_a_missing_table_is_told(db, refused):
    refused(
        "ResourceNotFoundException",
        "Requested resource not found: Table: nowhere not found",
        enable,
        db=db,
        table="nowhere",
    )


def test_only_what_has_expired_goes(db, table):
    now = int(time.time())
    values = {
        "gone": {"N": str(now - 10)},
        "gone-fraction": {"N": f"{now - 10}.5"},
        "gone-exponent": {"N": "0.2e10"} if now > 2_000_000_000 else {"N": f"{now - 10}e0"},
        "later": {"N": str(now + 1000)},
        "far": {"N": "9e100"},
        "ancient": {"N": str(now - 5 * YEAR_S - 1000)},
        "negative": {"N": "-5"},
        "text": {"S": str(now - 10)},
    }
    for key, until in values.items():
        db.put_item(TableName=table, Item={"id": {"S": key}, "expires_at": until})
    db.put_item(TableName=table, Item={"id": {"S": "none"}})
    enable(db, table)
    kept = sorted(["later", "far", "ancient", "negative", "text", "none"])
    wait_until(lambda: ids(db, table) == kept, message="the expired items gone")
    db.update_item(
        TableName=table,
        Key={"id": {"S": "later"}},
        UpdateExpression="SET expires_at = :t",
        ExpressionAttributeValues={":t": {"N": str(now - 1)}},
    )
    kept.remove("later")
    wait_until(lambda: ids(db, table) == kept, message="the next sweep")


def test_the_stream_names_the_service(client, db, fresh):
    streams = client("dynamodbstreams")
    name = fresh("ttl")
    made = make_table(
        db,
        name,
        KEY["hash"],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "OLD_IMAGE"},
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-kind",
                "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        extra={"kind": "S"},
    )
    arn = made["TableDescription"]["LatestStreamArn"]
    enable(db, name)
    item = {"id": {"S": "1"}, "kind": {"S": "k"}, "expires_at": {"N": str(int(time.time()) - 10)}}
    db.put_item(TableName=name, Item=item)

    def records():
        found = []
        for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
            start = streams.get_shard_iterator(
                StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )
            found += streams.get_records(ShardIterator=start["ShardIterator"])["Records"]
        return found if len(found) == 2 else None

    insert, remove = wait_until(records, message="the REMOVE record")
    assert "userIdentity" not in insert
    assert remove["eventName"] == "REMOVE"
    assert remove["dynamodb"]["OldImage"] == item
    assert remove["userIdentity"] == {
        "PrincipalId": "dynamodb.amazonaws.com",
        "Type": "Service",
    }
    reply = db.query(
        TableName=name,
        IndexName="by-kind",
        KeyConditionExpression="kind = :k",
        ExpressionAttributeValues={":k": {"S": "k"}},
    )
    assert reply["Count"] == 0
    db.delete_table(TableName=name)


def test_it_goes_on_after_a_crash(own_server, fresh):
    db = own_server.client("dynamodb")
    name = fresh("t")
    make_table(db, name, KEY["hash"])
    enable(db, name)
    own_server.kill9()
    own_server.restart()
    db = own_server.client("dynamodb")
    assert state(db, name) == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
    item = {"id": {"S": "1"}, "expires_at": {"N": str(int(time.time()) - 10)}}
    db.put_item(TableName=name, Item=item)
    wait_until(lambda: ids(db, name) == [], message="the expired item gone")


def test_an_item_goes_when_its_time_has_come_and_not_before(own_server):
    """By the server's own clock: the second before it is there, then the service takes it away."""
    db, reader = own_server.client("dynamodb"), own_server.client("dynamodbstreams")
    with own_server.clock.held() as now_ms:
        made = make_table(
            db,
            "table",
            [("id", "S", "HASH")],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "OLD_IMAGE"},
        )["TableDescription"]
        db.update_time_to_live(
            TableName="table", TimeToLiveSpecification={"AttributeName": "ttl", "Enabled": True}
        )
        due = now_ms // 1000 + 3600
        for name, at in {"due": due, "later": due + 3600}.items():
            db.put_item(TableName="table", Item={"id": {"S": name}, "ttl": {"N": str(at)}})
        own_server.clock.set_ms(due * 1000 - 1)
        own_server.clock.advance(ms=0)
        assert db.scan(TableName="table")["Count"] == 2
        own_server.clock.advance(2)
        wait_until(lambda: db.scan(TableName="table")["Count"] == 1)
        assert db.describe_table(TableName="table")["Table"]["ItemCount"] == 1
    records = []
    stream = made["LatestStreamArn"]
    for shard in reader.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"]:
        iterator = reader.get_shard_iterator(
            StreamArn=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records += reader.get_records(ShardIterator=iterator)["Records"]
    removed = [record for record in records if record["eventName"] == "REMOVE"]
    assert [record["dynamodb"]["Keys"] for record in removed] == [{"id": {"S": "due"}}]
    assert removed[0]["userIdentity"] == {
        "PrincipalId": "dynamodb.amazonaws.com",
        "Type": "Service",
    }
