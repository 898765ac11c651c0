// Each fault as its own exception, tables that change, indexes, statements in batches and
// transactions, and a stream that is read to its end, through the SDK for JavaScript.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  BatchExecuteStatementCommand as PlainBatchExecute, ConditionalCheckFailedException,
  CreateTableCommand, DeleteResourcePolicyCommand, DeleteTableCommand, DescribeTableCommand,
  DescribeTimeToLiveCommand, DuplicateItemException, DynamoDBClient, DynamoDBServiceException,
  GetResourcePolicyCommand, IdempotentParameterMismatchException, ListTagsOfResourceCommand,
  PolicyNotFoundException, PutItemCommand, PutResourcePolicyCommand, ResourceInUseException,
  ResourceNotFoundException, TagResourceCommand, TransactionCanceledException,
  TransactWriteItemsCommand, UntagResourceCommand, UpdateTableCommand, UpdateTimeToLiveCommand,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import {
  DescribeStreamCommand, DynamoDBStreamsClient, GetRecordsCommand, GetShardIteratorCommand,
  TrimmedDataAccessException,
} from '@aws-sdk/client-dynamodb-streams';
import {
  BatchExecuteStatementCommand, DynamoDBDocument, ExecuteTransactionCommand,
} from '@aws-sdk/lib-dynamodb';
import { fresh, startServer, waitFor } from './server.mjs';

let server;
let plain;
let documents;
let TableName;

async function make(name, more = {}) {
  const made = await plain.send(new CreateTableCommand({
    TableName: name,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
    KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
    ...more,
  }));
  await waitUntilTableExists({ client: plain, maxWaitTime: 60, minDelay: 1 }, { TableName: name });
  return made.TableDescription;
}

async function caught(promise, Kind) {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof Kind, `${error.name}: ${error.message}`);
    assert.ok(error instanceof DynamoDBServiceException);
    assert.equal(error.$fault, 'client');
    assert.equal(error.$metadata.httpStatusCode, 400);
    return error;
  }
  return assert.fail(`no ${Kind.name}`);
}

before(async () => {
  server = await startServer();
  plain = server.client(DynamoDBClient);
  documents = DynamoDBDocument.from(plain);
  TableName = fresh('faults');
  await make(TableName);
});
after(() => server?.stop());

test('a table that is not there, or is there already', async () => {
  const missing = await caught(
    documents.get({ TableName: 'nowhere', Key: { id: 'a' } }), ResourceNotFoundException);
  assert.equal(missing.message, 'Requested resource not found');
  await caught(make(TableName), ResourceInUseException);
  const named = await caught(
    plain.send(new DeleteTableCommand({ TableName: 'nowhere' })), ResourceNotFoundException);
  assert.match(named.message, /Table: nowhere not found$/);
});

test('a failed condition brings the item that was there', async () => {
  await documents.put({ TableName, Item: { id: 'was', n: 1, tags: new Set(['x']) } });
  const error = await caught(documents.update({
    TableName, Key: { id: 'was' }, UpdateExpression: 'SET n = n + :one',
    ConditionExpression: 'n > :one', ExpressionAttributeValues: { ':one': 1 },
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  }), ConditionalCheckFailedException);
  assert.deepEqual(error.Item, { id: { S: 'was' }, n: { N: '1' }, tags: { SS: ['x'] } });
});

test('what no model names is a ValidationException with AWS\'s words', async () => {
  const error = await caught(
    documents.query({ TableName, KeyConditionExpression: 'n = :v',
      ExpressionAttributeValues: { ':v': 'x' } }), DynamoDBServiceException);
  assert.equal(error.name, 'ValidationException');
  assert.equal(error.message, 'Query condition missed key schema element: id');
});

test('the SDK\'s token makes each transaction its own, one of ours repeats it', async () => {
  const add = (token, amount = 1) => plain.send(new TransactWriteItemsCommand({
    ...(token && { ClientRequestToken: token }),
    TransactItems: [{ Update: {
      TableName, Key: { id: { S: 'sum' } }, UpdateExpression: 'ADD n :n',
      ExpressionAttributeValues: { ':n': { N: String(amount) } } } }],
  }));
  const sum = async () =>
    (await documents.get({ TableName, Key: { id: 'sum' }, ConsistentRead: true })).Item.n;
  await add();
  await add();
  assert.equal(await sum(), 2);
  await add('ours');
  await add('ours');
  assert.equal(await sum(), 3);
  await caught(add('ours', 5), IdempotentParameterMismatchException);
  assert.equal(await sum(), 3);
});

test('statements in a batch fail alone, in a transaction together', async () => {
  const insert = (id) => ({
    Statement: `INSERT INTO "${TableName}" VALUE {'id': ?, 'n': ?}`, Parameters: [id, 7] });
  const select = (id) => ({
    Statement: `SELECT n FROM "${TableName}" WHERE id = ?`, Parameters: [id] });
  await documents.put({ TableName, Item: { id: 'there' } });
  const first = await documents.send(new BatchExecuteStatementCommand({
    Statements: [insert('one'), insert('two'), insert('there')] }));
  const codes = first.Responses.map((each) => each.Error?.Code);
  assert.deepEqual(codes.slice(0, 2), [undefined, undefined]);
  assert.equal(codes[2], 'DuplicateItem');
  const got = await documents.send(new BatchExecuteStatementCommand({
    Statements: [select('two'), select('none')] }));
  assert.deepEqual(got.Responses.map((each) => each.Item), [{ n: 7 }, undefined]);
  await caught(documents.executeStatement(insert('one')), DuplicateItemException);
  const error = await caught(documents.send(new ExecuteTransactionCommand({
    TransactStatements: [insert('three'), insert('one')] })), TransactionCanceledException);
  assert.deepEqual(error.CancellationReasons.map((each) => each.Code), ['None', 'DuplicateItem']);
  const nothing = await documents.get({ TableName, Key: { id: 'three' } });
  assert.equal(nothing.Item, undefined);
  const plainly = await plain.send(new PlainBatchExecute({ Statements: [{
    Statement: `SELECT id FROM "${TableName}" WHERE id IN ['one']` }] }));
  assert.equal(plainly.Responses.length, 1);
});

test('several partitions are read in the order of their key', async () => {
  await Promise.all(['p1', 'p2', 'p3'].map((id) =>
    documents.put({ TableName, Item: { id, order: true } })));
  const got = await documents.executeStatement({
    Statement: `SELECT id FROM "${TableName}" WHERE id IN ['p2', 'p3', 'p1'] ORDER BY id DESC` });
  assert.deepEqual(got.Items.map((item) => item.id), ['p3', 'p2', 'p1']);
});

test('an index is added, filled, queried and taken away', async () => {
  const name = fresh('indexed');
  await make(name);
  await Promise.all(Array.from({ length: 30 }, (_, i) =>
    documents.put({ TableName: name, Item: { id: `i${i}`, kind: `k${i % 3}`, n: i } })));
  await plain.send(new UpdateTableCommand({
    TableName: name,
    AttributeDefinitions: [
      { AttributeName: 'kind', AttributeType: 'S' }, { AttributeName: 'n', AttributeType: 'N' }],
    GlobalSecondaryIndexUpdates: [{ Create: {
      IndexName: 'by-kind', Projection: { ProjectionType: 'ALL' },
      KeySchema: [{ AttributeName: 'kind', KeyType: 'HASH' },
        { AttributeName: 'n', KeyType: 'RANGE' }] } }],
  }));
  const indexes = async () => (await plain.send(new DescribeTableCommand({ TableName: name })))
    .Table.GlobalSecondaryIndexes ?? [];
  await waitFor(async () => (await indexes())[0]?.IndexStatus === 'ACTIVE');
  const got = await documents.query({
    TableName: name, IndexName: 'by-kind',
    KeyConditionExpression: 'kind = :k AND n BETWEEN :a AND :b',
    ExpressionAttributeValues: { ':k': 'k1', ':a': 4, ':b': 20 }, ScanIndexForward: false });
  assert.deepEqual(got.Items.map((item) => item.n), [19, 16, 13, 10, 7, 4]);
  await plain.send(new UpdateTableCommand({
    TableName: name,
    GlobalSecondaryIndexUpdates: [{ Delete: { IndexName: 'by-kind' } }] }));
  await waitFor(async () => (await indexes()).length === 0);
});

test('tags, time to live and policies are kept with a table', async () => {
  const name = fresh('kept');
  const { TableArn: ResourceArn } = await make(name, { Tags: [{ Key: 'a', Value: '1' }] });
  await plain.send(new TagResourceCommand({ ResourceArn, Tags: [{ Key: 'b', Value: '2' }] }));
  await plain.send(new UntagResourceCommand({ ResourceArn, TagKeys: ['a'] }));
  const tags = await plain.send(new ListTagsOfResourceCommand({ ResourceArn }));
  assert.deepEqual(tags.Tags, [{ Key: 'b', Value: '2' }]);
  await plain.send(new UpdateTimeToLiveCommand({
    TableName: name, TimeToLiveSpecification: { Enabled: true, AttributeName: 'until' } }));
  const ttl = await plain.send(new DescribeTimeToLiveCommand({ TableName: name }));
  assert.equal(ttl.TimeToLiveDescription.AttributeName, 'until');
  await caught(plain.send(new GetResourcePolicyCommand({ ResourceArn })), PolicyNotFoundException);
  const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [{
    Effect: 'Allow', Principal: { AWS: 'arn:aws:iam::000000000000:root' },
    Action: ['dynamodb:GetItem', 'dynamodb:Query'],
    Resource: [ResourceArn, `${ResourceArn}/index/*`],
  }] });
  const put = await plain.send(new PutResourcePolicyCommand({ ResourceArn, Policy }));
  const got = await plain.send(new GetResourcePolicyCommand({ ResourceArn }));
  assert.deepEqual([got.Policy, got.RevisionId], [Policy, put.RevisionId]);
  const wrong = await caught(plain.send(new PutResourcePolicyCommand({
    ResourceArn, Policy: Policy.replace('dynamodb:Query', 's3:GetObject') })),
  DynamoDBServiceException);
  assert.match(wrong.message, /The following action names are invalid: "s3:GetObject"$/);
  await plain.send(new DeleteResourcePolicyCommand({ ResourceArn }));
});

test('a stream is read from its horizon to the end of the table\'s changes', async () => {
  const name = fresh('streamed');
  const { LatestStreamArn: StreamArn } = await make(name, {
    StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' } });
  const streams = server.client(DynamoDBStreamsClient);
  const wanted = {};
  for (let i = 0; i < 12; i++) {
    const id = `s${i % 4}`;
    await plain.send(new PutItemCommand({
      TableName: name,
      Item: { id: { S: id }, n: { N: String(i) }, b: { B: new Uint8Array([i]) } } }));
    (wanted[id] ??= []).push([i < 4 ? 'INSERT' : 'MODIFY', i]);
  }
  const { StreamDescription } = await streams.send(new DescribeStreamCommand({ StreamArn }));
  const seen = {};
  for (const { ShardId } of StreamDescription.Shards) {
    let { ShardIterator } = await streams.send(new GetShardIteratorCommand({
      StreamArn, ShardId, ShardIteratorType: 'TRIM_HORIZON' }));
    for (;;) {
      const page = await streams.send(new GetRecordsCommand({ ShardIterator, Limit: 2 }));
      for (const { eventName, dynamodb } of page.Records) {
        const { id: { S: id }, n: { N: n }, b: { B: bytes } } = dynamodb.NewImage;
        assert.deepEqual([...bytes], [Number(n)]);
        assert.ok(dynamodb.ApproximateCreationDateTime instanceof Date);
        (seen[id] ??= []).push([eventName, Number(n)]);
      }
      if (page.Records.length === 0) break;
      ShardIterator = page.NextShardIterator;
    }
  }
  assert.deepEqual(seen, wanted);
  await assert.rejects(streams.send(new GetShardIteratorCommand({
    StreamArn, ShardId: StreamDescription.Shards[0].ShardId,
    ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: '000000000000000000001' })),
  TrimmedDataAccessException);
});

test('a hundred requests at once are answered each', async () => {
  const ids = Array.from({ length: 100 }, (_, i) => `many-${i}`);
  await Promise.all(ids.map((id) => documents.put({ TableName, Item: { id, n: id.length } })));
  const got = await Promise.all(ids.map((id) => documents.get({ TableName, Key: { id } })));
  assert.deepEqual(got.map((each) => each.Item.id), ids);
});
