// Objects crawled into the catalog and asked in SQL, through the SDK for JavaScript.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  AthenaClient, GetQueryExecutionCommand, GetQueryResultsCommand, StartQueryExecutionCommand,
  paginateGetQueryResults,
} from '@aws-sdk/client-athena';
import {
  CreateCrawlerCommand, CreateDatabaseCommand, GetCrawlerCommand, GetTableCommand, GlueClient,
  StartCrawlerCommand, paginateGetPartitions,
} from '@aws-sdk/client-glue';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { fresh, startServer, waitFor } from './server.mjs';

let server;
let athena;
let glue;
let s3;
let Bucket;
let Database;

before(async () => {
  server = await startServer();
  athena = server.client(AthenaClient);
  glue = server.client(GlueClient);
  s3 = server.client(S3Client, { forcePathStyle: true });
  Bucket = fresh('lake');
  Database = fresh('sales').replaceAll('-', '_');
  await s3.send(new CreateBucketCommand({ Bucket }));
  for (const day of ['21', '22']) {
    const rows = [1, 2, 3].map((n) => JSON.stringify({ id: `${day}-${n}`, price: n / 2 }));
    await s3.send(new PutObjectCommand({
      Bucket, Key: `orders/day=${day}/a.json`, Body: `${rows.join('\n')}\n` }));
  }
});
after(() => server?.stop());

async function query(QueryString) {
  const { QueryExecutionId } = await athena.send(new StartQueryExecutionCommand({
    QueryString, QueryExecutionContext: { Database },
    ResultConfiguration: { OutputLocation: `s3://${Bucket}/results/` },
  }));
  const { QueryExecution } = await waitFor(async () => {
    const told = await athena.send(new GetQueryExecutionCommand({ QueryExecutionId }));
    return ['QUEUED', 'RUNNING'].includes(told.QueryExecution.Status.State) ? null : told;
  });
  return QueryExecution;
}

test('a crawler finds the table, its columns and its partitions', async () => {
  const Name = fresh('crawler');
  await glue.send(new CreateDatabaseCommand({ DatabaseInput: { Name: Database } }));
  await glue.send(new CreateCrawlerCommand({
    Name, Role: 'any', DatabaseName: Database,
    Targets: { S3Targets: [{ Path: `s3://${Bucket}/orders/` }] },
  }));
  await glue.send(new StartCrawlerCommand({ Name }));
  const { Crawler } = await waitFor(async () => {
    const told = await glue.send(new GetCrawlerCommand({ Name }));
    return told.Crawler.State === 'READY' && told.Crawler.LastCrawl ? told : null;
  });
  assert.equal(Crawler.LastCrawl.Status, 'SUCCEEDED');
  assert.ok(Crawler.CreationTime instanceof Date);
  const { Table } = await glue.send(new GetTableCommand({ DatabaseName: Database, Name: 'orders' }));
  assert.deepEqual(
    Table.StorageDescriptor.Columns.map((column) => [column.Name, column.Type]),
    [['id', 'string'], ['price', 'double']]);
  assert.deepEqual(Table.PartitionKeys.map((key) => key.Name), ['day']);
  const values = [];
  for await (const page of paginateGetPartitions(
    { client: glue, pageSize: 1 }, { DatabaseName: Database, TableName: 'orders' })) {
    values.push(...page.Partitions.map((row) => row.Values[0]));
  }
  assert.deepEqual(values.sort(), ['21', '22']);
});

test('a query answers in typed columns, and in pages', async () => {
  const done = await query("SELECT id, price FROM orders WHERE day = '22' ORDER BY id");
  assert.equal(done.Status.State, 'SUCCEEDED', done.Status.StateChangeReason);
  assert.ok(done.Status.CompletionDateTime >= done.Status.SubmissionDateTime);
  const { QueryExecutionId } = done;
  const { ResultSet } = await athena.send(new GetQueryResultsCommand({ QueryExecutionId }));
  assert.deepEqual(
    ResultSet.ResultSetMetadata.ColumnInfo.map((column) => [column.Name, column.Type]),
    [['id', 'varchar'], ['price', 'double']]);
  const rows = [];
  for await (const page of paginateGetQueryResults(
    { client: athena, pageSize: 2 }, { QueryExecutionId })) {
    rows.push(...page.ResultSet.Rows.map((row) => row.Data.map((cell) => cell.VarCharValue)));
  }
  assert.deepEqual(rows, [['id', 'price'], ['22-1', '0.5'], ['22-2', '1.0'], ['22-3', '1.5']]);
});

test('a query that cannot run says why', async () => {
  const done = await query('SELECT nothing FROM orders');
  assert.equal(done.Status.State, 'FAILED');
  assert.match(done.Status.StateChangeReason, /nothing/);
  await assert.rejects(
    athena.send(new GetQueryResultsCommand({ QueryExecutionId: done.QueryExecutionId })),
    { name: 'InvalidRequestException' });
});
