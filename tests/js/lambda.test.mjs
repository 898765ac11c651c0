// Functions in JavaScript through the SDK for JavaScript, called and mapped to a stream.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { CreateStreamCommand, KinesisClient, PutRecordCommand, waitUntilStreamExists }
  from '@aws-sdk/client-kinesis';
import {
  CreateAliasCommand, CreateEventSourceMappingCommand, CreateFunctionCommand,
  DeleteEventSourceMappingCommand, GetEventSourceMappingCommand, InvokeCommand, LambdaClient,
  PublishVersionCommand, UpdateFunctionCodeCommand, waitUntilFunctionActiveV2,
} from '@aws-sdk/client-lambda';
import { CreateBucketCommand, GetObjectCommand, S3Client }
  from '@aws-sdk/client-s3';
import { fresh, startServer } from './server.mjs';
import { zipOf } from './zip.mjs';

let server;
let lambda;

before(async () => {
  server = await startServer();
  lambda = server.client(LambdaClient);
});
after(() => server?.stop());

async function makeFunction(name, source) {
  await lambda.send(new CreateFunctionCommand({
    FunctionName: name, Runtime: 'nodejs20.x', Handler: 'index.handler', Timeout: 20,
    Role: 'arn:aws:iam::000000000000:role/lambda',
    Code: { ZipFile: zipOf('index.mjs', source) } }));
  await waitUntilFunctionActiveV2({ client: lambda, maxWaitTime: 20, minDelay: 1 },
    { FunctionName: name });
  return name;
}

async function call(name, event) {
  const reply = await lambda.send(new InvokeCommand({
    FunctionName: name, Payload: JSON.stringify(event) }));
  return { ...reply, answer: JSON.parse(Buffer.from(reply.Payload).toString()) };
}

async function until(condition) {
  for (const end = Date.now() + 90_000; Date.now() < end; await delay(50)) {
    const value = await condition();
    if (value) return value;
  }
  throw new Error('the condition did not come true in 90 s');
}

test('an alias calls the version that it names', async () => {
  const name = await makeFunction(fresh('f'),
    'export const handler = async (event, context) => [event, context.functionVersion, 1];');
  const { Version } = await lambda.send(new PublishVersionCommand({ FunctionName: name }));
  await lambda.send(new UpdateFunctionCodeCommand({
    FunctionName: name, ZipFile: zipOf('index.mjs', 'export const handler = async () => 2;') }));
  await lambda.send(new CreateAliasCommand({
    FunctionName: name, Name: 'live', FunctionVersion: Version }));
  const live = await call(`${name}:live`, { a: 1 });
  assert.deepEqual([live.answer, live.ExecutedVersion], [[{ a: 1 }, '1', 1], '1']);
  assert.equal((await call(name, {})).answer, 2);
});

test('an error tells its type, its message and where it was thrown', async () => {
  const name = await makeFunction(fresh('f'),
    "export const handler = async () => { throw new TypeError('boom'); };");
  const { answer, FunctionError } = await call(name, {});
  assert.equal(FunctionError, 'Unhandled');
  assert.deepEqual([answer.errorType, answer.errorMessage], ['TypeError', 'boom']);
  assert.match(answer.trace[1], /\/var\/task\/index\.mjs/);
});

test('records of a stream reach a function, which reaches the server', async () => {
  const kinesis = server.client(KinesisClient);
  const s3 = server.client(S3Client, { forcePathStyle: true });
  const [StreamName, Bucket] = [fresh('stream'), fresh('bucket')];
  await s3.send(new CreateBucketCommand({ Bucket }));
  await kinesis.send(new CreateStreamCommand({ StreamName, ShardCount: 1 }));
  await waitUntilStreamExists({ client: kinesis, maxWaitTime: 20, minDelay: 1 }, { StreamName });
  const name = await makeFunction(fresh('f'), `
    export const handler = async ({ Records }) => {
      for (const { kinesis } of Records)
        await fetch(process.env.AWS_ENDPOINT_URL + '/${Bucket}/' + kinesis.partitionKey,
          { method: 'PUT', body: Buffer.from(kinesis.data, 'base64') });
    };`);
  const { UUID } = await lambda.send(new CreateEventSourceMappingCommand({
    FunctionName: name, StartingPosition: 'TRIM_HORIZON',
    EventSourceArn: `arn:aws:kinesis:us-east-1:000000000000:stream/${StreamName}` }));
  await kinesis.send(new PutRecordCommand({
    StreamName, PartitionKey: 'one', Data: Buffer.from('hello') }));
  const text = await until(async () => {
    try {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: 'one' }));
      return await Body.transformToString();
    } catch {
      return undefined;
    }
  });
  assert.equal(text, 'hello');
  await until(async () => (await lambda.send(new GetEventSourceMappingCommand({ UUID })))
    .LastProcessingResult === 'OK');
  await lambda.send(new DeleteEventSourceMappingCommand({ UUID }));
});
