"""What lies around the operations: content types, compressed bodies, checksums, ARNs as names."""

import gzip
import http.client
import json
import zlib

import pytest

from .conftest import KEY, make_table

TYPE = "application/x-amz-json-1.0"
UNREADABLE = b'{"__type":"com.amazon.coral.service#SerializationException"}'
LONG = {"id": {"S": "long"}, "text": {"S": "y" * 9000}}


@pytest.fixture
def send(server):
    """send(operation, body, **headers): (status, headers, bytes as they came)."""
    host = server.url.split("//")[1].rstrip("/")

    def call(operation, body, **headers):
        connection = http.client.HTTPConnection(host)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        target = {"X-Amz-Target": f"DynamoDB_20120810.{operation}"}
        connection.request("POST", "/", content, {"Content-Type": TYPE, **target, **names})
        reply = connection.getresponse()
        got = (reply.status, reply, reply.read())
        connection.close()
        return got

    return call


@pytest.mark.parametrize(
    "accepts, encoding",
    [
        ("gzip", "gzip"),
        ("GZIP;q=0.5", "gzip"),
        ("deflate", "deflate"),
        ("br, deflate;q=0.9, gzip", "gzip"),
        ("gzip;q=0.1, deflate;q=0.2", "deflate"),
        ("gzip;q=0", None),
        ("identity", None),
        ("br", None),
    ],
)
def test_long_replies_are_compressed_as_asked(send, db, table, accepts, encoding):
    db.put_item(TableName=table, Item=LONG)
    body = {"TableName": table, "Key": {"id": {"S": "long"}}}
    status, headers, content = send("GetItem", body, Accept_Encoding=accepts)
    assert (status, headers.getheader("Content-Encoding")) == (200, encoding)
    assert int(headers.getheader("x-amz-crc32")) == zlib.crc32(content)
    unpack = {"gzip": gzip.decompress, "deflate": zlib.decompress, None: bytes}[encoding]
    assert json.loads(unpack(content)) == {"Item": LONG}


def test_short_replies_are_not_compressed(send):
    status, headers, content = send("ListTables", {"Limit": 1}, Accept_Encoding="gzip")
    assert (status, headers.getheader("Content-Encoding")) == (200, None)
    assert "TableNames" in json.loads(content)


def test_requests_may_be_compressed(send, db, table):
    body = json.dumps({"TableName": table, "Item": LONG}).encode()
    for encoding, pack in (("gzip", gzip.compress), ("deflate", zlib.compress)):
        db.delete_item(TableName=table, Key={"id": {"S": "long"}})
        for broken in (pack(body)[:-9], pack(body)[:-1], body, b""):
            status, _, content = send("PutItem", broken, Content_Encoding=encoding)
            assert (status, content) == (400, UNREADABLE)
        assert send("PutItem", pack(body), Content_Encoding=encoding)[0] == 200
        assert db.get_item(TableName=table, Key={"id": {"S": "long"}})["Item"] == LONG
    halves = gzip.compress(body[:10]) + gzip.compress(body[10:])
    assert send("PutItem", halves, Content_Encoding="gzip")[0] == 200


def test_requests_in_encodings_nobody_knows(send, db, table):
    body = {"TableName": table, "Item": {"id": {"S": "a"}}}
    status, _, content = send("PutItem", body, Content_Encoding="garbage")
    assert (status, content) == (400, UNREADABLE)
    assert "Item" not in db.get_item(TableName=table, Key={"id": {"S": "a"}})
    for plain in ("", "identity", "amz-1.0"):  # the last: of Amazon's own clients
        assert send("PutItem", body, Content_Encoding=plain)[0] == 200


@pytest.mark.parametrize("kind", ["application/x-amz-json-1.1", "text/plain", ""])
def test_other_content_types_lead_nowhere(send, kind):
    status, _, content = send("ListTables", {}, Content_Type=kind)
    assert (status, content) == (404, b"<UnknownOperationException/>\n")


UNKNOWN = b'{"__type":"com.amazon.coral.service#UnknownOperationException"}'
SIGNED = ("AWS4-HMAC-SHA256 Credential=AK/20260101/us-east-1/dynamodb/aws4_request, "
          "SignedHeaders=host, Signature=00")


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("target", [
    None, "", "DynamoDB", "DynamoDB_20120810", "DynamoDB_20120810.", "DynamoDB_20111205.ListTables",
    "DynamoDB_20120810.listTables", "DynamoDB_20120810.GetRecords", "DynamoDBStreams_20120810.Foo"])
def test_what_is_no_operation(server, target, signed):
    headers = {"Content-Type": TYPE, "Authorization": SIGNED if signed else None,
               "X-Amz-Target": target}
    status, _, content = server.request("POST", "/", "{}", {
        name: value for name, value in headers.items() if value is not None})
    assert (status, content) == (400, UNKNOWN)


def test_an_integer_has_no_fraction(send, db, table):
    for i in range(3):
        db.put_item(TableName=table, Item={"id": {"S": f"{i}"}})
    status, _, content = send("Scan", f'{{"TableName":"{table}","Limit":2.9}}'.encode())
    assert (status, json.loads(content)["Count"]) == (200, 2)
    status, _, content = send("Scan", f'{{"TableName":"{table}","Limit":0.9}}'.encode())
    assert "Value '0' at 'limit'" in json.loads(content)["message"]


def test_sizes_of_texts_count_utf_16(db, table):
    db.put_item(TableName=table, Item={"id": {"S": "a"}, "t": {"S": "\U0001F600\u00E9"}})
    found = db.scan(
        TableName=table,
        FilterExpression="size(t) = :n",
        ExpressionAttributeValues={":n": {"N": "3"}},
    )
    assert found["Count"] == 1


def make_local(db, name):
    index = {
        "IndexName": "local",
        "KeySchema": [
            {"AttributeName": "id", "KeyType": "HASH"},
            {"AttributeName": "kind", "KeyType": "RANGE"},
        ],
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }
    make_table(db, name, KEY["range"], extra={"kind": "S"}, LocalSecondaryIndexes=[index])


def test_item_collections_are_told_where_there_are_local_indexes(db, fresh, ranged):
    name = fresh()
    make_local(db, name)
    key = {"id": {"S": "a"}, "at": {"N": "1"}}
    told = {"ItemCollectionKey": {"id": {"S": "a"}}, "SizeEstimateRangeGB": [0.0, 1.0]}
    wanted = dict(ReturnItemCollectionMetrics="SIZE")
    assert db.put_item(TableName=name, Item=key, **wanted)["ItemCollectionMetrics"] == told
    assert db.update_item(TableName=name, Key=key, **wanted)["ItemCollectionMetrics"] == told
    assert db.delete_item(TableName=name, Key=key, **wanted)["ItemCollectionMetrics"] == told
    assert "ItemCollectionMetrics" not in db.put_item(TableName=name, Item=key)
    assert "ItemCollectionMetrics" not in db.put_item(TableName=ranged, Item=key, **wanted)
    puts = [{"PutRequest": {"Item": {**key, "at": {"N": str(at)}}}} for at in range(3)]
    puts.append({"PutRequest": {"Item": {**key, "id": {"S": "b"}}}})
    batch = db.batch_write_item(RequestItems={name: puts, ranged: puts}, **wanted)
    metrics = batch["ItemCollectionMetrics"]
    assert list(metrics) == [name]
    assert sorted(each["ItemCollectionKey"]["id"]["S"] for each in metrics[name]) == ["a", "b"]
    actions = [{"Put": {"TableName": each, "Item": key}} for each in (name, ranged)]
    assert db.transact_write_items(TransactItems=actions, **wanted)["ItemCollectionMetrics"] == {
        name: [told]
    }
    db.delete_table(TableName=name)


def test_what_a_local_index_fetches_is_paid_at_the_table(db, fresh):
    name = fresh()
    make_local(db, name)
    for at in range(3):
        item = {"id": {"S": "a"}, "at": {"N": str(at)}, "kind": {"S": "k"}, **{"x": LONG["text"]}}
        db.put_item(TableName=name, Item=item)
    request = dict(
        TableName=name,
        IndexName="local",
        KeyConditionExpression="id = :id",
        ExpressionAttributeValues={":id": {"S": "a"}},
        ReturnConsumedCapacity="INDEXES",
        ConsistentRead=True,
    )

    def used(**more):
        units = db.query(**request, **more)["ConsumedCapacity"]
        index = units["LocalSecondaryIndexes"]["local"]["CapacityUnits"]
        assert units["CapacityUnits"] == units["Table"]["CapacityUnits"] + index
        return units["Table"]["CapacityUnits"], index

    assert used() == (0, 1)
    assert used(ProjectionExpression="x") == (9, 1)
    db.delete_table(TableName=name)


PAGE = "http://page.example"


@pytest.mark.parametrize("names", ["authorization,content-type,X-Amz-Target,x-amz-date", None])
def test_any_page_may_call(server, names):
    headers = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    if names:
        headers["Access-Control-Request-Headers"] = names
    status, got, body = server.request("OPTIONS", "/", None, headers)
    assert (status, body) == (200, b"")
    assert got["access-control-allow-origin"] == "*"
    assert got["access-control-allow-methods"] == "POST"
    assert got.get("access-control-allow-headers") == names
    assert got["access-control-max-age"] == "172800"


def test_a_page_may_read_replies_and_faults(send):
    for operation, body, status in (("ListTables", {}, 200), ("DescribeTable", {}, 400)):
        got_status, headers, _ = send(operation, body, Origin=PAGE)
        assert got_status == status
        assert headers.getheader("access-control-allow-origin") == "*"
        assert "x-amzn-RequestId" in headers.getheader("access-control-expose-headers")
        assert headers.getheader("server") == "Server"
    assert send("ListTables", {})[1].getheader("access-control-allow-origin") is None


def test_headers_and_addresses_have_their_limit(server, send):
    def ask(path):
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        target = {"X-Amz-Target": "DynamoDB_20120810.ListTables"}
        connection.request("POST", path, b"{}", {"Content-Type": TYPE, **target})
        reply = connection.getresponse()
        got = (reply.status, b"TableNames" in reply.read())
        connection.close()
        return got

    assert send("ListTables", {}, X_Filler="f" * 15_000)[0] == 200
    status, _, body = send("ListTables", {}, X_Filler="f" * 16_384)
    assert (status, body) == (400, b"Bad Request\n")
    assert ask("/?" + "a" * 16_000) == (200, True)
    assert ask("/?" + "a" * 16_384) == (400, False)
