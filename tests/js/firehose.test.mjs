// Delivery streams and the functions that transform their records.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CreateDeliveryStreamCommand, DescribeDeliveryStreamCommand, FirehoseClient,
  PutRecordBatchCommand, PutRecordCommand,
} from '@aws-sdk/client-firehose';
import {
  CreateFunctionCommand, GetFunctionCommand, InvokeCommand, LambdaClient,
  waitUntilFunctionActiveV2,
} from '@aws-sdk/client-lambda';
import {
  CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, S3Client,
} from '@aws-sdk/client-s3';
import { fresh, startServer, waitFor } from './server.mjs';
import { zipOf } from './zip.mjs';

const Role = 'arn:aws:iam::000000000000:role/any';
const CODE = `
import base64, json
def handler(event, context):
    rows = []
    for record in event['records']:
        text = base64.b64decode(record['data']).decode().upper()
        rows.append({'recordId': record['recordId'], 'result': 'Ok',
                     'data': base64.b64encode(text.encode()).decode()})
    return {'records': rows}
`;
let server;
let firehose;
let lambda;
let s3;
let Bucket;
let functionArn;

before(async () => {
  server = await startServer();
  firehose = server.client(FirehoseClient);
  lambda = server.client(LambdaClient);
  s3 = server.client(S3Client, { forcePathStyle: true });
  Bucket = fresh('lake');
  await s3.send(new CreateBucketCommand({ Bucket }));
  const FunctionName = fresh('upper');
  const made = await lambda.send(new CreateFunctionCommand({
    FunctionName, Role, Runtime: 'python3.12', Handler: 'index.handler',
    Code: { ZipFile: zipOf('index.py', CODE) },
  }));
  functionArn = made.FunctionArn;
  await waitUntilFunctionActiveV2(
    { client: lambda, maxWaitTime: 20, minDelay: 1 }, { FunctionName });
});
after(() => server?.stop());

async function landed(Prefix, bytes) {
  return waitFor(async () => {
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix }));
    const texts = await Promise.all(Contents.map(async ({ Key }) => {
      const got = await s3.send(new GetObjectCommand({ Bucket, Key }));
      return got.Body.transformToString();
    }));
    const text = texts.join('');
    return text.length >= bytes ? text : null;
  });
}

function destination(Prefix, more = {}) {
  return {
    RoleARN: Role, BucketARN: `arn:aws:s3:::${Bucket}`, Prefix,
    BufferingHints: { IntervalInSeconds: 0, SizeInMBs: 1 }, ...more,
  };
}

test('records put one by one and in a batch land once', async () => {
  const DeliveryStreamName = fresh('plain');
  await firehose.send(new CreateDeliveryStreamCommand({
    DeliveryStreamName, ExtendedS3DestinationConfiguration: destination('plain/') }));
  const put = await firehose.send(new PutRecordCommand({
    DeliveryStreamName, Record: { Data: Buffer.from('one,') } }));
  assert.ok(put.RecordId);
  const batch = await firehose.send(new PutRecordBatchCommand({
    DeliveryStreamName,
    Records: [{ Data: Buffer.from('two,') }, { Data: Buffer.from('three.') }],
  }));
  assert.equal(batch.FailedPutCount, 0);
  // Two objects of one second sort by chance: their names end in random characters.
  assert.match(await landed('plain/', 14), /^(one,two,three\.|two,three\.one,)$/);
  const told = await firehose.send(new DescribeDeliveryStreamCommand({ DeliveryStreamName }));
  assert.equal(told.DeliveryStreamDescription.DeliveryStreamStatus, 'ACTIVE');
  assert.ok(told.DeliveryStreamDescription.CreateTimestamp instanceof Date);
});

test('a function transforms what is delivered', async () => {
  const DeliveryStreamName = fresh('upper');
  await firehose.send(new CreateDeliveryStreamCommand({
    DeliveryStreamName,
    ExtendedS3DestinationConfiguration: destination('upper/', {
      ProcessingConfiguration: {
        Enabled: true,
        Processors: [{
          Type: 'Lambda',
          Parameters: [{ ParameterName: 'LambdaArn', ParameterValue: functionArn }],
        }],
      },
    }),
  }));
  await firehose.send(new PutRecordBatchCommand({
    DeliveryStreamName, Records: [{ Data: Buffer.from('a\n') }, { Data: Buffer.from('b\n') }] }));
  assert.equal(await landed('upper/', 4), 'A\nB\n');
});

test('an invocation carries bytes both ways and shows its log', async () => {
  const records = [{ recordId: '1', data: Buffer.from('x').toString('base64') }];
  const got = await lambda.send(new InvokeCommand({
    FunctionName: functionArn, LogType: 'Tail', Payload: JSON.stringify({ records }) }));
  assert.equal(got.StatusCode, 200);
  assert.equal(got.FunctionError, undefined);
  const reply = JSON.parse(got.Payload.transformToString());
  assert.equal(Buffer.from(reply.records[0].data, 'base64').toString(), 'X');
  assert.match(Buffer.from(got.LogResult, 'base64').toString(), /REPORT RequestId: /);
});

test('a failing function is told, and a missing one is its own exception', async () => {
  const got = await lambda.send(new InvokeCommand({ FunctionName: functionArn, Payload: '{}' }));
  assert.equal(got.FunctionError, 'Unhandled');
  assert.equal(JSON.parse(got.Payload.transformToString()).errorType, 'KeyError');
  await assert.rejects(
    lambda.send(new GetFunctionCommand({ FunctionName: 'nobody' })),
    (error) => error.name === 'ResourceNotFoundException'
      && error.$metadata.httpStatusCode === 404);
});

test('the code of a function can be fetched as AWS offers it', async () => {
  const { Code } = await lambda.send(new GetFunctionCommand({ FunctionName: functionArn }));
  const reply = await fetch(Code.Location);
  assert.equal(reply.status, 200);
  const bytes = Buffer.from(await reply.arrayBuffer());
  assert.equal(bytes.subarray(0, 2).toString(), 'PK');
});
