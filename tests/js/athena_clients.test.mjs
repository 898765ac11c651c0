// Athena clients from npm, unmodified: athena-express (SDK v2), athena-express-plus (SDK v3) and
// athena-client (SDK v2). Each makes its table and asks it through its own interface.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { AthenaClient, GetQueryExecutionCommand, ListQueryExecutionsCommand }
  from '@aws-sdk/client-athena';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { fresh, startServer, waitFor } from './server.mjs';

const ROWS = 2500;
const SLOW = 'SELECT count(*) FROM UNNEST(sequence(1, 10000)) AS a(x) '
  + 'CROSS JOIN UNNEST(sequence(1, 10000)) AS b(y) CROSS JOIN UNNEST(sequence(1, 1000)) AS c(z) '
  + 'WHERE (x * y + z) % 7 = 3';

let server;
let athena;
let Bucket;
let Express;
let ExpressPlus;
let AWS;
let createClient;

function order(n) {
  return {
    id: n, customer: n % 2 ? `c"${n}", ltd` : 'Zoë', price: n / 4, paid: n % 3 === 0,
    day: '2024-02-29', at: '2024-02-29 12:34:56.789', amount: (n + 0.5).toFixed(2),
    tags: ['a', `t${n}`], address: { city: 'Łódź', zip: n }, note: n === 2 ? '' : null,
  };
}

before(async () => {
  process.env.AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE = '1';
  AWS = (await import('aws-sdk')).default;
  Express = (await import('athena-express')).default;
  ExpressPlus = (await import('athena-express-plus')).default;
  ({ createClient } = await import('athena-client'));
  server = await startServer();
  athena = server.client(AthenaClient);
  const s3 = server.client(S3Client, { forcePathStyle: true });
  Bucket = fresh('clients');
  await s3.send(new CreateBucketCommand({ Bucket }));
  for (let part = 0; part < 5; part += 1) {
    const lines = Array.from({ length: ROWS / 5 },
      (_, i) => JSON.stringify(order(part * (ROWS / 5) + i + 1)));
    await s3.send(new PutObjectCommand({
      Bucket, Key: `orders/part-${part}.json`, Body: `${lines.join('\n')}\n` }));
  }
});
after(() => server?.stop());

function oldSettings() {
  return {
    endpoint: server.url, region: 'us-east-1', s3ForcePathStyle: true,
    accessKeyId: 'test', secretAccessKey: 'test', maxRetries: 0,
  };
}

function express(options = {}) {
  AWS.config.update(oldSettings());
  return new Express({ aws: AWS, s3: `s3://${Bucket}/express/`, retry: 20, ...options });
}

function expressPlus(options = {}) {
  return new ExpressPlus({
    athena, s3: server.client(S3Client, { forcePathStyle: true }),
    s3Bucket: `s3://${Bucket}/plus/`, retry: 20, ...options,
  });
}

function client(options = {}) {
  return createClient(
    { bucketUri: `s3://${Bucket}/client/`, pollingInterval: 20, ...options }, oldSettings());
}

function ordersOf(database) {
  return `CREATE EXTERNAL TABLE ${database}.orders (
      id bigint, customer string, price double, paid boolean, day date, at timestamp,
      amount decimal(10,2), tags array<string>, address struct<city:string,zip:int>, note string)
    ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
    LOCATION 's3://${Bucket}/orders/'`;
}

const TYPED = 'SELECT id, customer, price, paid, day, at, amount, tags, address, note '
  + 'FROM orders WHERE id <= 3 ORDER BY id';

// What the console's CSV holds of order n.
function texts(n) {
  return {
    id: `${n}`, customer: order(n).customer, price: (n / 4).toFixed(n % 4 && n % 2 ? 2 : 1),
    paid: `${n % 3 === 0}`, day: '2024-02-29', at: '2024-02-29 12:34:56.789',
    amount: order(n).amount, tags: `[a, t${n}]`, address: `{city=Łódź, zip=${n}}`, note: '',
  };
}

for (const [name, make] of [['athena-express', express], ['athena-express-plus', expressPlus]]) {
  test(`${name}: a table is made, described, asked in types and dropped`, async () => {
    const db = fresh('shop').replaceAll('-', '_');
    const own = make({ db });
    assert.deepEqual(await make().query(`CREATE DATABASE ${db}`), { Items: [] });
    assert.deepEqual(await own.query(ordersOf(db)), { Items: [] });
    assert.deepEqual(await own.query('SHOW TABLES'), { Items: [{ row: 'orders' }] });
    assert.deepEqual((await own.query('DESCRIBE orders')).Items, [
      { id: 'bigint' }, { customer: 'string' }, { price: 'double' }, { paid: 'boolean' },
      { day: 'date' }, { at: 'timestamp' }, { amount: 'decimal(10,2)' },
      { tags: 'array<string>' }, { address: 'struct<city:string,zip:int>' }, { note: 'string' },
    ]);
    const { Items } = await own.query(TYPED);
    // ignoreEmpty, the client's default, leaves out what is empty.
    assert.deepEqual(Items, [1, 2, 3].map((n) => {
      const { note, ...told } = texts(n);
      return { ...told, id: BigInt(n), price: n / 4, paid: n % 3 === 0 };
    }));
    assert.deepEqual(await own.query('DROP TABLE orders'), { Items: [] });
    assert.deepEqual(await own.query('SHOW TABLES'), { Items: [] });
  });

  test(`${name}: thousands of rows come whole, raw and in pages`, async () => {
    const db = fresh('shop').replaceAll('-', '_');
    await make().query(`CREATE SCHEMA ${db}`);
    await make().query(ordersOf(db));
    const sql = 'SELECT id, customer FROM orders ORDER BY id';
    const whole = (await make({ db }).query(sql)).Items;
    assert.equal(whole.length, ROWS);
    assert.deepEqual(whole[ROWS - 1], { id: BigInt(ROWS), customer: order(ROWS).customer });
    const raw = (await make({ db, formatJson: false }).query(
      'SELECT id, customer, note FROM orders ORDER BY id')).Items;
    assert.deepEqual(raw.slice(0, 3),
      ['"id","customer","note"', '"1","c""1"", ltd",', '"2","Zoë",""']);
    assert.equal(raw.length, ROWS + 1);

    const paged = make({ db, pagination: 999 });
    const sizes = [];
    const seen = [];
    let page = await paged.query(sql);
    for (;;) {
      sizes.push(page.Items.length);
      seen.push(...page.Items);
      if (!page.NextToken) break;
      page = await paged.query({
        sql, NextToken: page.NextToken, QueryExecutionId: page.QueryExecutionId });
    }
    assert.deepEqual(sizes, [999, 999, 502]);
    assert.deepEqual(seen, whole);
    // It asks for one row more than told, for the header: 1,001 is above the service's limit.
    await assert.rejects(make({ db, pagination: 1000 }).query(sql), /less than or equal to 1000/);
  });

  test(`${name}: a query is started now and read later, with its statistics`, async () => {
    const { QueryExecutionId } = await make({ waitForResults: false }).query('SELECT 7 AS n');
    const later = await make({ getStats: true }).query(QueryExecutionId);
    assert.deepEqual(later.Items, [{ n: 7 }]);
    assert.equal(later.DataScannedInBytes, 0);
    assert.equal(later.Count, 1);
    assert.ok(later.TotalExecutionTimeInMillis >= later.EngineExecutionTimeInMillis);
    assert.ok(later.S3Location.endsWith(`/${QueryExecutionId}.csv`));
    const skipped = await make({ skipResults: true }).query('SELECT 8 AS n');
    assert.equal(skipped.Items, undefined);
    assert.ok(skipped.QueryExecutionId);
  });

  test(`${name}: errors are shown in Athena's words`, async () => {
    await assert.rejects(make().query('SELECT nothing FROM (SELECT 1 AS n)'),
      /COLUMN_NOT_FOUND: line 1:8: Column 'nothing' cannot be resolved/);
    const db = fresh('shop').replaceAll('-', '_');
    await make().query(`CREATE DATABASE ${db}`);
    await assert.rejects(make({ db }).query('SELECT * FROM nowhere'),
      new RegExp(`TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog\\.${db}\\.nowhere' `
        + 'does not exist'));
    await assert.rejects(make({ db, catalog: 'nocat' }).query('SELECT * FROM nowhere'),
      /CATALOG_NOT_FOUND: line 1:15: Catalog 'nocat' does not exist/);
    await assert.rejects(make().query('SELECT 1 / 0'), /DIVISION_BY_ZERO/);
    await assert.rejects(make().query('SELEC 1'), /InvalidRequestException.*line 1:1/s);
    await assert.rejects(make({ workgroup: 'nobodys' }).query('SELECT 1'),
      /WorkGroup nobodys is not found/);
  });
}

test('athena-express-plus: values fill the places of a statement', async () => {
  assert.deepEqual((await expressPlus().query('SELECT ? AS n, ? AS s', ['41', "'it''s'"])).Items,
    [{ n: 41, s: "it's" }]);
});

test('athena-express-plus: a result is shown again while it is young', async () => {
  const db = fresh('shop').replaceAll('-', '_');
  await expressPlus().query(`CREATE DATABASE ${db}`);
  await expressPlus().query(ordersOf(db));
  const reusing = expressPlus({ db, resultReuse: true, resultReuseMaxAge: 60, getStats: true });
  const sql = 'SELECT sum(id) AS total FROM orders';
  const first = await reusing.query(sql);
  const second = await reusing.query(sql);
  assert.deepEqual(second.Items, [{ total: BigInt((ROWS * (ROWS + 1)) / 2) }]);
  assert.deepEqual(second.Items, first.Items);
  assert.ok(first.DataScannedInBytes > 0);
  assert.equal(second.DataScannedInBytes, 0);
  const told = await athena.send(
    new GetQueryExecutionCommand({ QueryExecutionId: second.QueryExecutionId }));
  assert.equal(
    told.QueryExecution.Statistics.ResultReuseInformation.ReusedPreviousResult, true);
});

test('athena-client: a table is made and asked, whole and as a stream', async () => {
  const database = fresh('shop').replaceAll('-', '_');
  const own = client({ database });
  const made = await client().execute(`CREATE DATABASE ${database}`).toPromise();
  assert.deepEqual(made.records, []);
  assert.equal(made.queryExecution.StatementType, 'DDL');
  await own.execute(ordersOf(database)).toPromise();
  const { records, queryExecution } = await own.execute(TYPED).toPromise();
  assert.deepEqual(records.map((row) => ({ ...row })), [1, 2, 3].map(texts));
  assert.equal(queryExecution.Status.State, 'SUCCEEDED');
  assert.equal(queryExecution.QueryExecutionContext.Database, database);
  assert.ok(queryExecution.Statistics.DataScannedInBytes > 0);

  let count = 0;
  for await (const row of own.execute('SELECT id FROM orders ORDER BY id').toStream()) {
    count += 1;
    assert.equal(row.id, `${count}`);
  }
  assert.equal(count, ROWS);
  const told = await new Promise((done, fail) => {
    own.execute('SELECT count(*) AS n FROM orders',
      (error, result) => (error ? fail(error) : done(result)));
  });
  assert.equal(told.records[0].n, `${ROWS}`);
});

test('athena-client: errors are shown in Athena\'s words', async () => {
  await assert.rejects(client().execute('SELECT nothing FROM (SELECT 1 AS n)').toPromise(),
    { message: /^COLUMN_NOT_FOUND: line 1:8: Column 'nothing' cannot be resolved/ });
  await assert.rejects(client().execute('SELEC 1').toPromise(),
    { code: 'InvalidRequestException', message: /^line 1:1: / });
  await assert.rejects(client({ workGroup: 'nobodys' }).execute('SELECT 1').toPromise(),
    { code: 'InvalidRequestException', message: 'WorkGroup nobodys is not found.' });
  await assert.rejects(
    client({ bucketUri: 's3://no-such-bucket-here/x/' }).execute('SELECT 1').toPromise(),
    { code: 'InvalidRequestException' });
});

test('athena-client: a query over its time is cancelled', async () => {
  const slow = client({ queryTimeout: 300 });
  await assert.rejects(slow.execute(SLOW).toPromise(), { message: 'query timeout' });
  const { QueryExecutionIds } = await athena.send(
    new ListQueryExecutionsCommand({ MaxResults: 1 }));
  const ended = await waitFor(async () => {
    const { QueryExecution } = await athena.send(
      new GetQueryExecutionCommand({ QueryExecutionId: QueryExecutionIds[0] }));
    assert.equal(QueryExecution.Query, SLOW);
    const { State } = QueryExecution.Status;
    return ['QUEUED', 'RUNNING'].includes(State) ? null : QueryExecution;
  });
  assert.equal(ended.Status.State, 'CANCELLED');
  const { records } = await client().execute('SELECT 1 AS n').toPromise();
  assert.deepEqual({ ...records[0] }, { n: '1' });
});

test('athena-client: more queries than run at once all answer', async () => {
  const many = Array.from({ length: 12 }, (_, n) => client()
    .execute(`SELECT ${n} AS n, count(*) AS c FROM UNNEST(sequence(1, 1000)) AS a(x)`)
    .toPromise());
  assert.deepEqual(
    (await Promise.all(many)).map(({ records }) => ({ ...records[0] })),
    many.map((_, n) => ({ n: `${n}`, c: '1000' })));
});
