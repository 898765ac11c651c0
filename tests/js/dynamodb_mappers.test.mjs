// What programs use above the client: dynamoose, ElectroDB and OneTable, each with its own way of
// making tables, writing conditions and expressions, and reading what a refusal tells.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CreateTableCommand, DynamoDB, DynamoDBClient, waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import dynamoose from 'dynamoose';
import { Table } from 'dynamodb-onetable';
import { Dynamo } from 'dynamodb-onetable/Dynamo';
import { Entity, Service } from 'electrodb';
import { fresh, startServer } from './server.mjs';

let server;
let client;

before(async () => {
  server = await startServer();
  client = server.client(DynamoDBClient);
});
after(() => server?.stop());

test('dynamoose: models, conditions, indexes, transactions', async () => {
  dynamoose.aws.ddb.set(server.client(DynamoDB));
  const schema = new dynamoose.Schema({
    id: String,
    age: { type: Number, index: { name: 'byAge', type: 'global' } },
    tags: { type: Set, schema: [String] },
    born: Date,
    nested: {
      type: Object, schema: { a: Number, list: { type: Array, schema: [String] } },
    },
  }, { timestamps: true });
  const Cat = dynamoose.model(fresh('Cat'), schema, { throughput: 'ON_DEMAND' });
  const tom = {
    id: '1', age: 3, tags: new Set(['a', 'b']), born: new Date(0), nested: { a: 1, list: ['x'] },
  };
  await Cat.create(tom);
  await assert.rejects(
    Cat.create({ id: '1', age: 4 }), { name: 'ConditionalCheckFailedException' });
  await Cat.update({ id: '1' }, { $SET: { age: 5 }, $ADD: { tags: new Set(['c']) } });
  const found = await Cat.get('1');
  assert.equal(found.age, 5);
  assert.deepEqual([...found.tags].sort(), ['a', 'b', 'c']);
  assert.deepEqual(found.nested.list, ['x']);
  assert.equal(found.born.getTime(), 0);
  await Cat.batchPut([{ id: '2', age: 5 }, { id: '3', age: 7 }]);
  assert.equal((await Cat.query('age').eq(5).exec()).count, 2);
  assert.equal((await Cat.scan().where('age').between(4, 6).exec()).count, 2);
  assert.equal((await Cat.scan('tags').contains('a').count().exec()).count, 1);
  await dynamoose.transaction([
    Cat.transaction.update({ id: '2' }, { age: 9 }),
    Cat.transaction.delete('3'),
    Cat.transaction.condition('1', new dynamoose.Condition('age').eq(5)),
  ]);
  const left = await Cat.batchGet(['1', '2', '3']);
  assert.deepEqual(left.map((cat) => [cat.id, cat.age]).sort(), [['1', 5], ['2', 9]]);
});

test('ElectroDB: one table, updates of lists and sets, why a transaction failed', async () => {
  const table = fresh('electro');
  const key = (index = '') => [
    { AttributeName: `${index}pk`, KeyType: 'HASH' },
    { AttributeName: `${index}sk`, KeyType: 'RANGE' }];
  await client.send(new CreateTableCommand({
    TableName: table,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: ['pk', 'sk', 'gsi1pk', 'gsi1sk'].map(
      (name) => ({ AttributeName: name, AttributeType: 'S' })),
    KeySchema: key(),
    GlobalSecondaryIndexes: [{
      IndexName: 'gsi1', KeySchema: key('gsi1'), Projection: { ProjectionType: 'ALL' },
    }],
  }));
  await waitUntilTableExists({ client, maxWaitTime: 20, minDelay: 1 }, { TableName: table });
  const Task = new Entity({
    model: { entity: 'task', version: '1', service: 'app' },
    attributes: {
      project: { type: 'string', required: true },
      id: { type: 'string', required: true },
      owner: { type: 'string' },
      status: { type: ['open', 'closed'], default: 'open' },
      points: { type: 'number' },
      labels: { type: 'set', items: 'string' },
      log: {
        type: 'list',
        items: { type: 'map', properties: { at: { type: 'number' }, what: { type: 'string' } } },
      },
    },
    indexes: {
      primary: {
        pk: { field: 'pk', composite: ['project'] }, sk: { field: 'sk', composite: ['id'] },
      },
      mine: {
        index: 'gsi1',
        pk: { field: 'gsi1pk', composite: ['owner'] },
        sk: { field: 'gsi1sk', composite: ['status', 'id'] },
      },
    },
  }, { client, table });
  const first = { project: 'p', id: '1' };
  await Task.put({
    ...first, owner: 'ann', points: 2, labels: ['x'], log: [{ at: 1, what: 'made' }],
  }).go();
  await Task.create({ project: 'p', id: '2', owner: 'ann', status: 'closed' }).go();
  await assert.rejects(
    Task.create({ project: 'p', id: '2', owner: 'ann' }).go(), /conditional request failed/);
  await Task.patch(first).add({ points: 3, labels: ['y'] })
    .append({ log: [{ at: 2, what: 'more' }] }).go();
  const { data } = await Task.get(first).go();
  assert.equal(data.points, 5);
  assert.deepEqual(data.labels.sort(), ['x', 'y']);
  assert.deepEqual(data.log, [{ at: 1, what: 'made' }, { at: 2, what: 'more' }]);
  const mine = await Task.query.mine({ owner: 'ann' }).begins({ status: 'op' }).go();
  assert.deepEqual(mine.data.map((task) => task.id), ['1']);
  const some = await Task.query.primary({ project: 'p' }).where(
    ({ points, labels }, { gt, contains }) => `${gt(points, 4)} AND ${contains(labels, 'y')}`,
  ).go();
  assert.deepEqual(some.data.map((task) => task.id), ['1']);
  const page = await Task.scan.go({ limit: 1 });
  assert.ok(page.cursor);
  const rest = await Task.scan.go({ cursor: page.cursor });
  assert.deepEqual([...page.data, ...rest.data].map((task) => task.id).sort(), ['1', '2']);
  const all = new Service({ Task }, { client, table });
  const tried = await all.transaction.write((entities) => [
    entities.Task.create({ project: 'p', id: '2' }).commit({ response: 'all_old' }),
    entities.Task.put({ project: 'p', id: '9' }).commit(),
  ]).go();
  assert.equal(tried.canceled, true);
  assert.equal(tried.data[0].code, 'ConditionalCheckFailed');
  assert.equal(tried.data[0].item.id, '2');
  await Task.delete([first, { project: 'p', id: '2' }]).go();
  assert.deepEqual((await Task.scan.go()).data, []);
});

test('OneTable: unique attributes by transactions, pushes to lists, a sparse index', async () => {
  const table = new Table({
    name: fresh('one'),
    client: new Dynamo({ client }),
    partial: true,
    schema: {
      format: 'onetable:1.1.0',
      version: '0.0.1',
      indexes: {
        primary: { hash: 'pk', sort: 'sk' }, gs1: { hash: 'gs1pk', sort: 'gs1sk' },
      },
      models: {
        User: {
          pk: { type: String, value: 'user:${email}' },
          sk: { type: String, value: 'user:' },
          gs1pk: { type: String, value: 'user:' },
          gs1sk: { type: String, value: 'user:${email}' },
          email: { type: String, required: true, unique: true },
          age: { type: Number },
          tags: { type: Array },
        },
      },
      params: { isoDates: true, timestamps: true },
    },
  });
  await table.createTable();
  const User = table.getModel('User');
  await User.create({ email: 'a@x', age: 1, tags: ['t'] });
  await assert.rejects(User.create({ email: 'a@x' }), { code: 'UniqueError' });
  await User.update({ email: 'a@x' }, { add: { age: 2 }, push: { tags: ['u'] } });
  const ann = await User.get({ email: 'a@x' });
  assert.equal(ann.age, 3);
  assert.deepEqual(ann.tags, ['t', 'u']);
  assert.equal((await User.find({}, { index: 'gs1', follow: true })).length, 1);
  const transaction = {};
  await User.create({ email: 'b@x' }, { transaction });
  await User.update({ email: 'a@x', age: 7 }, { transaction });
  await table.transact('write', transaction);
  const users = await User.scan();
  const ages = users.map((user) => [user.email, user.age ?? null]).sort();
  assert.deepEqual(ages, [['a@x', 7], ['b@x', null]]);
});
