// Backups, point-in-time recovery, exports and imports through the SDK for JavaScript.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  BackupNotFoundException, CreateBackupCommand, CreateTableCommand, DescribeBackupCommand,
  DescribeExportCommand, DescribeImportCommand, DynamoDBClient, ExportTableToPointInTimeCommand,
  ImportTableCommand, InvalidRestoreTimeException, RestoreTableFromBackupCommand,
  RestoreTableToPointInTimeCommand, UpdateContinuousBackupsCommand, waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient, PutCommand, ScanCommand } from '@aws-sdk/lib-dynamodb';
import { fresh, startServer } from './server.mjs';

let server;
let plain;
let documents;
let TableName;
let TableArn;
const schema = {
  BillingMode: 'PAY_PER_REQUEST',
  AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
  KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
};

before(async () => {
  server = await startServer();
  plain = server.client(DynamoDBClient);
  documents = DynamoDBDocumentClient.from(plain);
  TableName = fresh('orders');
  const made = await plain.send(new CreateTableCommand({ TableName, ...schema }));
  TableArn = made.TableDescription.TableArn;
  await plain.send(new UpdateContinuousBackupsCommand({
    TableName, PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
  }));
  await documents.send(new PutCommand({ TableName, Item: { id: 'a', n: 1 } }));
});
after(() => server?.stop());

// Asks until `done` says so, at most 90 s.
async function until(ask, done) {
  const deadline = Date.now() + 90_000;
  for (;;) {
    const answer = await ask();
    if (done(answer)) return answer;
    assert.ok(Date.now() < deadline, JSON.stringify(answer));
    await new Promise((next) => { setTimeout(next, 20); });
  }
}

async function exists(name) {
  await waitUntilTableExists({ client: plain, maxWaitTime: 20, minDelay: 1 }, { TableName: name });
  return (await documents.send(new ScanCommand({ TableName: name }))).Items;
}

test('a backup becomes a table again, and an unknown one is its own exception', async () => {
  const { BackupDetails: { BackupArn } } = await plain.send(
    new CreateBackupCommand({ TableName, BackupName: 'daily' }));
  const got = await until(
    () => plain.send(new DescribeBackupCommand({ BackupArn })),
    (answer) => answer.BackupDescription.BackupDetails.BackupStatus === 'AVAILABLE');
  assert.ok(got.BackupDescription.BackupDetails.BackupCreationDateTime instanceof Date);
  const TargetTableName = fresh('restored');
  const restored = await plain.send(
    new RestoreTableFromBackupCommand({ BackupArn, TargetTableName }));
  assert.equal(restored.TableDescription.RestoreSummary.RestoreInProgress, true);
  assert.deepEqual(await exists(TargetTableName), [{ id: 'a', n: 1 }]);
  await assert.rejects(
    plain.send(new DescribeBackupCommand({ BackupArn: BackupArn.replace(/.$/, 'x') })),
    BackupNotFoundException);
});

test('a table is restored as it is now, and not before it had recovery', async () => {
  const TargetTableName = fresh('recovered');
  await plain.send(new RestoreTableToPointInTimeCommand({
    SourceTableArn: TableArn, TargetTableName, UseLatestRestorableTime: true,
  }));
  assert.deepEqual(await exists(TargetTableName), [{ id: 'a', n: 1 }]);
  await assert.rejects(plain.send(new RestoreTableToPointInTimeCommand({
    SourceTableName: TableName, TargetTableName: fresh('never'), RestoreDateTime: new Date(1e12),
  })), InvalidRestoreTimeException);
});

test('what is exported can be imported', async () => {
  const S3Bucket = fresh('exported').toLowerCase();
  await server.client(S3Client, { forcePathStyle: true }).send(
    new CreateBucketCommand({ Bucket: S3Bucket }));
  const { ExportDescription: { ExportArn } } = await plain.send(
    new ExportTableToPointInTimeCommand({ TableArn, S3Bucket, ExportFormat: 'ION' }));
  const { ExportDescription } = await until(
    () => plain.send(new DescribeExportCommand({ ExportArn })),
    (answer) => answer.ExportDescription.ExportStatus !== 'IN_PROGRESS');
  assert.equal(ExportDescription.ExportStatus, 'COMPLETED');
  const name = fresh('imported');
  const { ImportTableDescription: { ImportArn } } = await plain.send(new ImportTableCommand({
    S3BucketSource: {
      S3Bucket,
      S3KeyPrefix: ExportDescription.ExportManifest.replace('manifest-summary.json', 'data/'),
    },
    InputFormat: 'ION',
    InputCompressionType: 'GZIP',
    TableCreationParameters: { TableName: name, ...schema },
  }));
  const { ImportTableDescription } = await until(
    () => plain.send(new DescribeImportCommand({ ImportArn })),
    (answer) => answer.ImportTableDescription.ImportStatus !== 'IN_PROGRESS');
  assert.equal(ImportTableDescription.ImportedItemCount, 1);
  assert.deepEqual(await exists(name), [{ id: 'a', n: 1 }]);
});
