// The document client in depth: marshalling of sets, numbers and binaries, paginators, waiters,
// batches, and the reasons of a cancelled transaction.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CreateTableCommand, DeleteTableCommand, DynamoDBClient, TransactionCanceledException,
  paginateListTables, waitUntilTableExists, waitUntilTableNotExists,
} from '@aws-sdk/client-dynamodb';
import {
  BatchGetCommand, BatchWriteCommand, DeleteCommand, DynamoDBDocumentClient,
  ExecuteStatementCommand, GetCommand, NumberValue, PutCommand, QueryCommand, ScanCommand,
  TransactGetCommand, TransactWriteCommand, UpdateCommand, paginateQuery, paginateScan,
} from '@aws-sdk/lib-dynamodb';
import { fresh, startServer } from './server.mjs';

let server;
let plain;
let documents;
let TableName;

async function make(name) {
  await plain.send(new CreateTableCommand({
    TableName: name,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [
      { AttributeName: 'id', AttributeType: 'S' }, { AttributeName: 'at', AttributeType: 'N' }],
    KeySchema: [
      { AttributeName: 'id', KeyType: 'HASH' }, { AttributeName: 'at', KeyType: 'RANGE' }],
  }));
  await waitUntilTableExists({ client: plain, maxWaitTime: 20, minDelay: 1 }, { TableName: name });
}

before(async () => {
  server = await startServer();
  plain = server.client(DynamoDBClient);
  documents = DynamoDBDocumentClient.from(plain, {
    marshallOptions: { removeUndefinedValues: true, convertEmptyValues: false },
  });
  TableName = fresh('documents');
  await make(TableName);
});
after(() => server?.stop());

test('sets of each kind come back as sets', async () => {
  const Item = {
    id: 'sets', at: 1, words: new Set(['b', 'a']), numbers: new Set([2, -1, 0.5]),
    bytes: new Set([new Uint8Array([1]), new Uint8Array([0, 2])]), gone: undefined,
  };
  await documents.send(new PutCommand({ TableName, Item }));
  const got = (await documents.send(new GetCommand({ TableName, Key: { id: 'sets', at: 1 } }))).Item;
  assert.deepEqual([...got.words].sort(), ['a', 'b']);
  assert.deepEqual([...got.numbers].sort((a, b) => a - b), [-1, 0.5, 2]);
  assert.deepEqual([...got.bytes].map((each) => [...each]).sort(), [[0, 2], [1]]);
  assert.ok(!('gone' in got));
});

test('numbers of 38 digits survive, as values that JavaScript has no number for', async () => {
  const digits = '12345678901234567890123456789012345678';
  const exact = DynamoDBDocumentClient.from(server.client(DynamoDBClient),
    { unmarshallOptions: { wrapNumbers: true } });
  await exact.send(new PutCommand({
    TableName, Item: { id: 'digits', at: 1, big: NumberValue.from(digits), int: 2n ** 64n } }));
  const got = (await exact.send(new GetCommand({ TableName, Key: { id: 'digits', at: 1 } }))).Item;
  assert.equal(got.big.value, digits);
  assert.equal(got.int.value, '18446744073709551616');
});

test('an update of a nested document tells what it changed', async () => {
  const Key = { id: 'nested', at: 1 };
  await documents.send(new PutCommand({
    TableName, Item: { ...Key, doc: { list: [1, { deep: 'x' }], count: 1 }, tags: new Set(['a']) } }));
  const changed = await documents.send(new UpdateCommand({
    TableName, Key,
    UpdateExpression: 'SET #d.#l[1].deep = :v, #d.#c = #d.#c + :one ADD tags :tags REMOVE #d.#l[0]',
    ExpressionAttributeNames: { '#d': 'doc', '#l': 'list', '#c': 'count' },
    ExpressionAttributeValues: { ':v': { y: [] }, ':one': 1, ':tags': new Set(['b']) },
    ReturnValues: 'ALL_NEW',
  }));
  assert.deepEqual(changed.Attributes.doc, { list: [{ deep: { y: [] } }], count: 2 });
  assert.deepEqual([...changed.Attributes.tags].sort(), ['a', 'b']);
});

test('paginators go on until there is nothing left', async () => {
  const puts = Array.from({ length: 25 }, (_, at) => (
    { PutRequest: { Item: { id: 'pages', at, even: at % 2 === 0 } } }));
  const written = await documents.send(new BatchWriteCommand({ RequestItems: { [TableName]: puts } }));
  assert.deepEqual(written.UnprocessedItems, {});
  const input = {
    TableName,
    KeyConditionExpression: 'id = :id AND #at >= :from',
    FilterExpression: 'even = :yes',
    ExpressionAttributeNames: { '#at': 'at' },
    ExpressionAttributeValues: { ':id': 'pages', ':from': 3, ':yes': true },
    ScanIndexForward: false,
  };
  const ats = [];
  let pages = 0;
  for await (const page of paginateQuery({ client: documents, pageSize: 4 }, { ...input })) {
    ats.push(...page.Items.map((item) => item.at));
    pages += 1;
  }
  assert.deepEqual(ats, [24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4]);
  assert.equal(pages, 6);
  let count = 0;
  for await (const page of paginateScan({ client: documents, pageSize: 7 }, {
    TableName, FilterExpression: 'id = :id', ExpressionAttributeValues: { ':id': 'pages' } }))
    count += page.Count;
  assert.equal(count, 25);
  const counted = await documents.send(new QueryCommand({ ...input, Select: 'COUNT' }));
  assert.deepEqual([counted.Count, counted.ScannedCount, counted.Items], [11, 22, undefined]);
});

test('a cancelled transaction says why, with the items', async () => {
  const Key = { id: 'cancelled', at: 1 };
  await documents.send(new PutCommand({ TableName, Item: { ...Key, n: 5 } }));
  const write = new TransactWriteCommand({ TransactItems: [
    { Put: { TableName, Item: { id: 'never', at: 1 } } },
    { Update: {
      TableName, Key, UpdateExpression: 'SET n = n - :ten', ConditionExpression: 'n >= :ten',
      ExpressionAttributeValues: { ':ten': 10 }, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' } },
    { ConditionCheck: {
      TableName, Key: { id: 'none', at: 1 }, ConditionExpression: 'attribute_exists(id)' } },
    { Delete: { TableName, Key: { id: 'other', at: 2 } } },
  ] });
  await assert.rejects(documents.send(write), (error) => {
    assert.ok(error instanceof TransactionCanceledException);
    assert.equal(error.message, 'Transaction cancelled, please refer cancellation reasons for '
      + 'specific reasons [None, ConditionalCheckFailed, ConditionalCheckFailed, None]');
    assert.deepEqual(error.CancellationReasons.map((reason) => reason.Code),
      ['None', 'ConditionalCheckFailed', 'ConditionalCheckFailed', 'None']);
    assert.equal(error.CancellationReasons[1].Message, 'The conditional request failed');
    assert.deepEqual(error.CancellationReasons[1].Item,
      { id: { S: 'cancelled' }, at: { N: '1' }, n: { N: '5' } });
    assert.equal(error.CancellationReasons[2].Item, undefined);
    return true;
  });
  const read = await documents.send(new TransactGetCommand({ TransactItems: [
    { Get: { TableName, Key, ProjectionExpression: 'n' } },
    { Get: { TableName, Key: { id: 'never', at: 1 } } },
  ] }));
  assert.deepEqual(read.Responses, [{ Item: { n: 5 } }, {}]);
});

test('batches read and delete by document keys', async () => {
  const keys = [1, 2, 3].map((at) => ({ id: 'batch', at }));
  await documents.send(new BatchWriteCommand({
    RequestItems: { [TableName]: keys.map((Item) => ({ PutRequest: { Item } })) } }));
  const got = await documents.send(new BatchGetCommand({
    RequestItems: { [TableName]: { Keys: keys, ConsistentRead: true } } }));
  assert.deepEqual(got.Responses[TableName].map((item) => item.at).sort(), [1, 2, 3]);
  const old = await documents.send(new DeleteCommand({
    TableName, Key: keys[0], ReturnValues: 'ALL_OLD' }));
  assert.deepEqual(old.Attributes, keys[0]);
  await assert.rejects(
    documents.send(new BatchGetCommand({ RequestItems: { [TableName]: { Keys: [keys[1], keys[1]] } } })),
    (error) => error.name === 'ValidationException'
      && error.message === 'Provided list of item keys contains duplicates');
});

test('PartiQL takes and gives documents', async () => {
  await documents.send(new ExecuteStatementCommand({
    Statement: `INSERT INTO "${TableName}" VALUE {'id': ?, 'at': ?, 'l': ?}`,
    Parameters: ['partiql', 1, [1, 'x', { k: null }]],
  }));
  const got = await documents.send(new ExecuteStatementCommand({
    Statement: `SELECT l[2].k, "at" FROM "${TableName}" WHERE id = ? AND "at" = ?`,
    Parameters: ['partiql', 1],
  }));
  assert.deepEqual(got.Items, [{ k: null, at: 1 }]);
});

test('parallel segments make up the table', async () => {
  const all = await documents.send(new ScanCommand({ TableName, Select: 'COUNT' }));
  let sum = 0;
  for (let Segment = 0; Segment < 3; Segment++)
    sum += (await documents.send(new ScanCommand({
      TableName, Segment, TotalSegments: 3, Select: 'COUNT' }))).Count;
  assert.equal(sum, all.Count);
});

test('tables come and go, and the waiters and the list see it', async () => {
  const names = [fresh('one'), fresh('two')];
  for (const name of names)
    await make(name);
  const seen = [];
  for await (const page of paginateListTables({ client: plain, pageSize: 1 }, {}))
    seen.push(...page.TableNames);
  assert.ok(names.every((name) => seen.includes(name)));
  for (const name of names) {
    await plain.send(new DeleteTableCommand({ TableName: name }));
    await waitUntilTableNotExists(
      { client: plain, maxWaitTime: 20, minDelay: 1 }, { TableName: name });
  }
});
