// Signatures: a server that was given credentials lets in who has them, over both HTTP versions.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { AthenaClient, ListWorkGroupsCommand } from '@aws-sdk/client-athena';
import { CloudFormationClient, ListStacksCommand } from '@aws-sdk/client-cloudformation';
import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { FirehoseClient, ListDeliveryStreamsCommand } from '@aws-sdk/client-firehose';
import { GetDatabasesCommand, GlueClient } from '@aws-sdk/client-glue';
import { KinesisClient, ListStreamsCommand } from '@aws-sdk/client-kinesis';
import { LambdaClient, ListFunctionsCommand } from '@aws-sdk/client-lambda';
import { ListPipesCommand, PipesClient } from '@aws-sdk/client-pipes';
import {
  CreateBucketCommand, GetObjectCommand, ListBucketsCommand, PutObjectCommand, S3Client,
} from '@aws-sdk/client-s3';
import { startServer } from './server.mjs';

const good = { accessKeyId: 'AKIDJS', secretAccessKey: 'secret/with+odd=characters' };
const calls = [
  [DynamoDBClient, new ListTablesCommand({})],
  [KinesisClient, new ListStreamsCommand({})],
  [FirehoseClient, new ListDeliveryStreamsCommand({})],
  [LambdaClient, new ListFunctionsCommand({})],
  [PipesClient, new ListPipesCommand({})],
  [GlueClient, new GetDatabasesCommand({})],
  [AthenaClient, new ListWorkGroupsCommand({})],
  [CloudFormationClient, new ListStacksCommand({})],
  [S3Client, new ListBucketsCommand({})],
];
let folder;
let server;

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'millrace-keys-'));
  const file = path.join(folder, 'credentials');
  await writeFile(file, `[default]\naws_access_key_id = ${good.accessKeyId}\n`
    + `aws_secret_access_key = ${good.secretAccessKey}\n`);
  server = await startServer('--credentials', file);
});
after(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

for (const [Client, command] of calls) {
  test(`${Client.name}: the right key opens, others do not`, async () => {
    const told = await server.client(Client, { credentials: good }).send(command);
    assert.equal(told.$metadata.httpStatusCode, 200);
    const wrong = { ...good, secretAccessKey: 'no' };
    await assert.rejects(
      server.client(Client, { credentials: wrong }).send(command),
      (error) => /InvalidSignatureException|SignatureDoesNotMatch/.test(error.name));
    const unknown = { ...good, accessKeyId: 'NOBODY' };
    await assert.rejects(
      server.client(Client, { credentials: unknown }).send(command),
      (error) => /UnrecognizedClient|InvalidClientTokenId|InvalidAccessKeyId/.test(error.name));
  });
}

test('a client whose clock is off learns the time from the reply', async () => {
  const client = server.client(DynamoDBClient, {
    credentials: good, systemClockOffset: -20 * 60 * 1000 });
  await assert.rejects(
    client.send(new ListTablesCommand({})),
    (error) => error.name === 'InvalidSignatureException' && /expired/.test(error.message));
  assert.ok(Math.abs(client.config.systemClockOffset) < 60_000);
  assert.deepEqual((await client.send(new ListTablesCommand({}))).TableNames, []);
});

test('signed streams with trailers are stored', async () => {
  const s3 = server.client(S3Client, { credentials: good, forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: 'signed' }));
  const body = Buffer.alloc(300_000, 'ab');
  await s3.send(new PutObjectCommand({
    Bucket: 'signed', Key: 'a b/c+d', Body: Readable.from([body]), ContentLength: body.length }));
  const got = await s3.send(new GetObjectCommand({ Bucket: 'signed', Key: 'a b/c+d' }));
  assert.ok(Buffer.from(await got.Body.transformToByteArray()).equals(body));
});
