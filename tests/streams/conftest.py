"""Tables with streams, and their records."""

import pytest


@pytest.fixture
def db(client):
    return client("dynamodb")


@pytest.fixture
def streams(client):
    return client("dynamodbstreams")


@pytest.fixture
def streamed(db, fresh):
    """streamed("NEW_IMAGE") -> (table name, stream ARN); the tables are deleted afterwards."""
    made = []

    def make(view):
        name = fresh("st")
        reply = db.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": view},
        )
        made.append(name)
        return name, reply["TableDescription"]["LatestStreamArn"]

    yield make
    for name in made:
        db.delete_table(TableName=name)


def shards_of(streams, arn):
    return streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]


def read_shard(streams, arn, shard, kind="TRIM_HORIZON", **more):
    """All records from there to the present end of the shard."""
    iterator = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard, ShardIteratorType=kind, **more
    )["ShardIterator"]
    records = []
    while iterator:
        page = streams.get_records(ShardIterator=iterator)
        records += page["Records"]
        iterator = page.get("NextShardIterator")
        if not page["Records"]:
            break
    return records


def read_line(streams, arn):
    """All records of a stream, each shard behind its parent: as a consumer has to read."""
    listed = shards_of(streams, arn)
    ids = {shard["ShardId"] for shard in listed}
    done, records = set(), []
    while len(done) < len(listed):
        for shard in listed:
            parent = shard.get("ParentShardId")
            if shard["ShardId"] not in done and (parent not in ids or parent in done):
                records += read_shard(streams, arn, shard["ShardId"])
                done.add(shard["ShardId"])
    return records


def read_stream(streams, arn):
    """All records, in order of their sequence numbers."""
    records = [
        record
        for shard in shards_of(streams, arn)
        for record in read_shard(streams, arn, shard["ShardId"])
    ]
    return sorted(records, key=lambda record: int(record["dynamodb"]["SequenceNumber"]))
