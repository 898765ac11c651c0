// The document client, the waiters and the stream of a table, through the SDK for JavaScript.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  ConditionalCheckFailedException, CreateTableCommand, DynamoDBClient, waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import {
  DescribeStreamCommand, DynamoDBStreamsClient, GetRecordsCommand, GetShardIteratorCommand,
} from '@aws-sdk/client-dynamodb-streams';
import {
  BatchWriteCommand, DynamoDBDocumentClient, GetCommand, PutCommand, QueryCommand, UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { fresh, startServer } from './server.mjs';

let server;
let plain;
let documents;
let TableName;
let streamArn;

before(async () => {
  server = await startServer();
  plain = server.client(DynamoDBClient);
  documents = DynamoDBDocumentClient.from(plain);
  TableName = fresh('orders');
  const made = await plain.send(new CreateTableCommand({
    TableName,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [
      { AttributeName: 'customer', AttributeType: 'S' }, { AttributeName: 'at', AttributeType: 'N' }],
    KeySchema: [
      { AttributeName: 'customer', KeyType: 'HASH' }, { AttributeName: 'at', KeyType: 'RANGE' }],
    StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
  }));
  streamArn = made.TableDescription.LatestStreamArn;
  await waitUntilTableExists({ client: plain, maxWaitTime: 20, minDelay: 1 }, { TableName });
});
after(() => server?.stop());

test('a document with every kind of value comes back as it was', async () => {
  const Item = {
    customer: 'ann', at: 1, price: 12.5, paid: true, note: null, tags: new Set(['a', 'b']),
    lines: [{ sku: 'x', n: 2 }], bytes: new Uint8Array([0, 255]), empty: '',
  };
  await documents.send(new PutCommand({ TableName, Item }));
  const got = await documents.send(new GetCommand({ TableName, Key: { customer: 'ann', at: 1 } }));
  assert.deepEqual(got.Item, Item);
});

test('a condition that fails is its own exception', async () => {
  const Item = { customer: 'bob', at: 1 };
  await documents.send(new PutCommand({ TableName, Item }));
  await assert.rejects(
    documents.send(new PutCommand({
      TableName, Item, ConditionExpression: 'attribute_not_exists(customer)' })),
    (error) => error instanceof ConditionalCheckFailedException
      && error.message === 'The conditional request failed');
});

test('a batch is written and a query reads it in order', async () => {
  const rows = Array.from({ length: 25 }, (_, at) => ({ customer: 'cid', at, n: at * 2 }));
  await documents.send(new BatchWriteCommand({
    RequestItems: { [TableName]: [...rows].reverse().map((Item) => ({ PutRequest: { Item } })) },
  }));
  const got = await documents.send(new QueryCommand({
    TableName,
    KeyConditionExpression: 'customer = :c AND #at BETWEEN :low AND :high',
    ExpressionAttributeNames: { '#at': 'at' },
    ExpressionAttributeValues: { ':c': 'cid', ':low': 5, ':high': 8 },
  }));
  assert.deepEqual(got.Items, rows.slice(5, 9));
});

test('an update returns the new item and the stream tells of it', async () => {
  const Key = { customer: 'dan', at: 7 };
  const made = await documents.send(new UpdateCommand({
    TableName, Key, UpdateExpression: 'SET n = if_not_exists(n, :zero) + :one',
    ExpressionAttributeValues: { ':zero': 0, ':one': 1 }, ReturnValues: 'ALL_NEW',
  }));
  assert.deepEqual(made.Attributes, { ...Key, n: 1 });
  const streams = server.client(DynamoDBStreamsClient);
  const { StreamDescription } = await streams.send(
    new DescribeStreamCommand({ StreamArn: streamArn }));
  const found = [];
  for (const { ShardId } of StreamDescription.Shards) {
    let { ShardIterator } = await streams.send(new GetShardIteratorCommand({
      StreamArn: streamArn, ShardId, ShardIteratorType: 'TRIM_HORIZON' }));
    for (let page = 0; ShardIterator && page < 5; page += 1) {
      const got = await streams.send(new GetRecordsCommand({ ShardIterator }));
      found.push(...got.Records.filter((row) => row.dynamodb.Keys.customer.S === 'dan'));
      ShardIterator = got.NextShardIterator;
    }
  }
  assert.equal(found.length, 1);
  assert.equal(found[0].eventName, 'INSERT');
  assert.deepEqual(found[0].dynamodb.NewImage, { customer: { S: 'dan' }, at: { N: '7' }, n: { N: '1' } });
});
