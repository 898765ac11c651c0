// What Firehose and Athena write into Iceberg tables, read by icebird: a reader that shares nothing with us.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  AthenaClient, GetQueryExecutionCommand, StartQueryExecutionCommand,
} from '@aws-sdk/client-athena';
import {
  CreateDeliveryStreamCommand, FirehoseClient, PutRecordBatchCommand,
} from '@aws-sdk/client-firehose';
import { CreateDatabaseCommand, GetTableCommand, GlueClient } from '@aws-sdk/client-glue';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { asyncBufferFromUrl, parquetSchema, parquetMetadataAsync } from 'hyparquet';
import { icebergManifests, icebergMetadata, icebergRead } from 'icebird';
import { fresh, startServer, waitFor } from './server.mjs';

const RoleARN = 'arn:aws:iam::000000000000:role/any';
const realFetch = globalThis.fetch;
let server;
let athena;
let firehose;
let glue;
let Bucket;
let Database;

// icebird asks https://<bucket>.s3.amazonaws.com/<key>; that host is ours here.
function fetchFromServer(input, init) {
  const url = new URL(input);
  const bucket = /^(.+)\.s3\.amazonaws\.com$/.exec(url.hostname);
  return realFetch(bucket ? `${server.url}/${bucket[1]}${url.pathname}${url.search}` : input, init);
}

before(async () => {
  server = await startServer();
  globalThis.fetch = fetchFromServer;
  athena = server.client(AthenaClient);
  firehose = server.client(FirehoseClient);
  glue = server.client(GlueClient);
  Bucket = fresh('ice');
  Database = fresh('ice').replaceAll('-', '_');
  await server.client(S3Client, { forcePathStyle: true })
    .send(new CreateBucketCommand({ Bucket }));
  await glue.send(new CreateDatabaseCommand({ DatabaseInput: { Name: Database } }));
});
after(() => {
  globalThis.fetch = realFetch;
  return server?.stop();
});

async function query(QueryString) {
  const { QueryExecutionId } = await athena.send(new StartQueryExecutionCommand({
    QueryString, QueryExecutionContext: { Database },
    ResultConfiguration: { OutputLocation: `s3://${Bucket}/results/` },
  }));
  const { State, StateChangeReason } = await waitFor(async () => {
    const told = await athena.send(new GetQueryExecutionCommand({ QueryExecutionId }));
    const { Status } = told.QueryExecution;
    return ['QUEUED', 'RUNNING'].includes(Status.State) ? null : Status;
  });
  assert.equal(State, 'SUCCEEDED', StateChangeReason);
}

async function table(name, columns, more = '') {
  await query(`CREATE TABLE ${name} (${columns}) ${more} LOCATION 's3://${Bucket}/${name}/' `
    + "TBLPROPERTIES ('table_type'='ICEBERG')");
}

async function delivery(name) {
  const DeliveryStreamName = fresh(name);
  const MetadataExtractionQuery = `{destinationDatabaseName: "${Database}", `
    + `destinationTableName: "${name}", operation: .op}`;
  await firehose.send(new CreateDeliveryStreamCommand({
    DeliveryStreamName,
    DeliveryStreamType: 'DirectPut',
    IcebergDestinationConfiguration: {
      RoleARN,
      CatalogConfiguration: { CatalogARN: 'arn:aws:glue:us-east-1:000000000000:catalog' },
      BufferingHints: { SizeInMBs: 1, IntervalInSeconds: 0 },
      S3Configuration: { RoleARN, BucketARN: `arn:aws:s3:::${Bucket}` },
      DestinationTableConfigurationList: [{
        DestinationTableName: name, DestinationDatabaseName: Database, UniqueKeys: ['id'] }],
      ProcessingConfiguration: { Enabled: true, Processors: [{
        Type: 'MetadataExtraction', Parameters: [
          { ParameterName: 'MetadataExtractionQuery', ParameterValue: MetadataExtractionQuery },
          { ParameterName: 'JsonParsingEngine', ParameterValue: 'JQ-1.6' }] }] },
    },
  }));
  return DeliveryStreamName;
}

async function put(DeliveryStreamName, ...records) {
  const { FailedPutCount } = await firehose.send(new PutRecordBatchCommand({
    DeliveryStreamName,
    Records: records.map((record) => ({ Data: Buffer.from(JSON.stringify(record)) })),
  }));
  assert.equal(FailedPutCount, 0);
}

// The table's metadata as the catalog names it now, once it has so many snapshots.
async function metadataOf(name, snapshots) {
  return waitFor(async () => {
    const { Table } = await glue.send(
      new GetTableCommand({ DatabaseName: Database, Name: name }));
    const metadataFileName = Table.Parameters.metadata_location.split('/').at(-1);
    const read = await icebergMetadata({ tableUrl: `s3://${Bucket}/${name}`, metadataFileName });
    return (read.snapshots ?? []).length >= snapshots ? read : null;
  });
}

async function read(name, metadata) {
  const rows = await icebergRead({ tableUrl: `s3://${Bucket}/${name}`, metadata });
  return rows.sort((a, b) => (a.id < b.id ? -1 : 1));
}

test('another reader sees inserts, updates and deletes', async () => {
  await table('t', 'id string, n bigint, at timestamp, price double');
  const name = await delivery('t');
  await put(name,
    { op: 'insert', id: 'a', n: 1, at: '2026-07-03 10:11:12', price: 1.5 },
    { op: 'insert', id: 'b', n: 1 }, { op: 'insert', id: 'c', n: 1 });
  const first = await metadataOf('t', 1);
  assert.deepEqual(await read('t', first), [
    { id: 'a', n: 1n, at: new Date('2026-07-03T10:11:12Z'), price: 1.5 },
    { id: 'b', n: 1n, at: null, price: null },
    { id: 'c', n: 1n, at: null, price: null }]);
  await put(name, { op: 'update', id: 'a', n: 2 }, { op: 'delete', id: 'b' },
    { op: 'insert', id: 'd', n: 4 });
  const rows = await read('t', await metadataOf('t', first.snapshots.length + 1));
  assert.deepEqual(rows.map(({ id, n }) => [id, n]), [['a', 2n], ['c', 1n], ['d', 4n]]);
});

test('another reader sees partitions, counts and field ids', async () => {
  await table('p', 'id string, n int', 'PARTITIONED BY (bucket(4, id), n)');
  const name = await delivery('p');
  await put(name, ...[1, 2, 3, 4].map((n) => ({ op: 'insert', id: `k${n}`, n: n % 2 })));
  const metadata = await metadataOf('p', 1);
  const rows = await read('p', metadata);
  assert.deepEqual(rows, [
    { id: 'k1', n: 1 }, { id: 'k2', n: 0 }, { id: 'k3', n: 1 }, { id: 'k4', n: 0 }]);
  const files = (await icebergManifests(metadata)).flatMap(({ entries }) => entries)
    .map((entry) => entry.data_file);
  assert.equal(files.reduce((sum, file) => sum + Number(file.record_count), 0), 4);
  for (const file of files) {
    assert.ok([0, 1].includes(file.partition.n), JSON.stringify(Object.keys(file.partition)));
    const url = file.file_path.replace('s3://', `${server.url}/`);
    const buffer = await asyncBufferFromUrl({ url, byteLength: Number(file.file_size_in_bytes) });
    const schema = parquetSchema(await parquetMetadataAsync(buffer));
    assert.deepEqual(schema.children.map(({ element }) => [element.name, element.field_id]),
      [['id', 1], ['n', 2]]);
  }
});

test('another reader sees what SQL updated, deleted and merged', async () => {
  await table('m', 'id string, n int', 'PARTITIONED BY (bucket(2, id))');
  await query("INSERT INTO m VALUES ('a', 1), ('b', 2), ('c', 3), ('d', 4)");
  await query("DELETE FROM m WHERE id = 'b'");
  await query('UPDATE m SET n = n * 10 WHERE n > 2');
  await query("MERGE INTO m USING (VALUES ('a', 7), ('e', 5)) AS s(id, n) ON m.id = s.id "
    + 'WHEN MATCHED THEN UPDATE SET n = s.n WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.n)');
  const rows = await read('m', await metadataOf('m', 4));
  assert.deepEqual(rows.map(({ id, n }) => [id, n]), [['a', 7], ['c', 30], ['d', 40], ['e', 5]]);
});

test('another reader sees rows that SQL wrote, with their bounds', async () => {
  await table('w', 'id string, n int, d date, x double', 'PARTITIONED BY (month(d))');
  await query("INSERT INTO w VALUES ('a', 1, DATE '2026-07-03', 0.5e0), "
    + "('a-text-of-more-than-16', -7, DATE '2026-07-30', nan()), ('c', NULL, NULL, NULL)");
  const metadata = await metadataOf('w', 1);
  assert.deepEqual((await read('w', metadata)).map(({ id, n, x }) => [id, n, x]), [
    ['a', 1, 0.5], ['a-text-of-more-than-16', -7, NaN], ['c', null, null]]);
  const files = (await icebergManifests(metadata)).flatMap(({ entries }) => entries)
    .map((entry) => entry.data_file).sort((a, b) => Number(b.record_count - a.record_count));
  assert.deepEqual(files.map((file) => [Number(file.record_count), file.partition.d_month]),
    [[2, (2026 - 1970) * 12 + 6], [1, undefined]]);
  const [{ lower_bounds: lower, upper_bounds: upper, null_value_counts: nulls }] = files;
  const of = (pairs, id) => pairs.find(({ key }) => key === id)?.value;
  const text = (bytes) => Buffer.from(bytes).toString();
  assert.equal(text(of(lower, 1)), 'a');
  assert.equal(text(of(upper, 1)), 'a-text-of-more-u');
  assert.equal(Buffer.from(of(lower, 2)).readInt32LE(), -7);
  assert.equal(Buffer.from(of(upper, 2)).readInt32LE(), 1);
  assert.equal(Buffer.from(of(upper, 4)).readDoubleLE(), 0.5);
  assert.equal(Number(of(files[0].nan_value_counts, 4)), 1);
  assert.equal(Number(of(nulls, 2)), 0);
  assert.equal(Number(of(files[1].null_value_counts, 2)), 1);
  assert.equal(of(files[1].lower_bounds, 2), undefined);
});

test('another reader sees a table after OPTIMIZE and VACUUM, and while deletes follow', async () => {
  await query(`CREATE TABLE o (id string, n bigint, tags array<string>) LOCATION 's3://${Bucket}/o/' `
    + "TBLPROPERTIES ('table_type'='ICEBERG', 'optimize_rewrite_data_file_threshold'='2', "
    + "'vacuum_max_snapshot_age_seconds'='0')");
  const name = await delivery('o');
  for (let i = 1; i <= 3; i += 1) {
    await put(name, { op: 'insert', id: `k${i}`, n: i, tags: ['x', `${i}`] });
    await metadataOf('o', i);
  }
  await put(name, { op: 'delete', id: 'k1' }, { op: 'update', id: 'k2', n: 20, tags: [] });
  await metadataOf('o', 4);
  await query('OPTIMIZE o REWRITE DATA USING BIN_PACK');
  await query('VACUUM o');
  const packed = await metadataOf('o', 1);
  assert.equal(packed.snapshots.length, 1);
  assert.equal(packed.snapshots[0].summary.operation, 'replace');
  assert.deepEqual(await read('o', packed), [
    { id: 'k2', n: 20n, tags: [] }, { id: 'k3', n: 3n, tags: ['x', '3'] }]);
  const entries = (await icebergManifests(packed)).flatMap((manifest) => manifest.entries);
  assert.equal(entries.filter(({ status }) => status !== 2).length, 1);
  // A delete of a later commit reaches what was packed.
  await put(name, { op: 'delete', id: 'k3' });
  const after = await metadataOf('o', 2);
  assert.deepEqual((await read('o', after)).map(({ id }) => id), ['k2']);
});
