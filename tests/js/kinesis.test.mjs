// The SDK's Kinesis client speaks HTTP/2 by default, in cleartext with prior knowledge here.
import assert from 'node:assert/strict';
import http2 from 'node:http2';
import { after, before, test } from 'node:test';
import {
  CreateStreamCommand, GetRecordsCommand, GetShardIteratorCommand, KinesisClient,
  ListShardsCommand, PutRecordCommand, PutRecordsCommand, RegisterStreamConsumerCommand,
  SplitShardCommand, SubscribeToShardCommand, waitUntilStreamExists,
} from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { fresh, startServer } from './server.mjs';

let server;
let kinesis;
let StreamName;

before(async () => {
  server = await startServer();
  kinesis = server.client(KinesisClient);
  StreamName = fresh('changes');
  await kinesis.send(new CreateStreamCommand({ StreamName, ShardCount: 2 }));
  await waitUntilStreamExists({ client: kinesis, maxWaitTime: 20, minDelay: 1 }, { StreamName });
});
after(() => server?.stop());

async function readAll() {
  const { Shards } = await kinesis.send(new ListShardsCommand({ StreamName }));
  const records = [];
  for (const { ShardId } of Shards) {
    let { ShardIterator } = await kinesis.send(new GetShardIteratorCommand({
      StreamName, ShardId, ShardIteratorType: 'TRIM_HORIZON' }));
    for (let behind = 1; behind > 0;) {
      const got = await kinesis.send(new GetRecordsCommand({ ShardIterator }));
      records.push(...got.Records);
      ShardIterator = got.NextShardIterator;
      behind = got.MillisBehindLatest;
    }
  }
  return records;
}

test('the client is an HTTP/2 client', () => {
  assert.equal(kinesis.config.requestHandler.metadata.handlerProtocol, 'h2');
});

test('records of one key come back in the order of their puts', async () => {
  for (let n = 0; n < 5; n += 1) {
    const put = await kinesis.send(new PutRecordCommand({
      StreamName, PartitionKey: 'one', Data: Buffer.from(`one-${n}`) }));
    assert.match(put.ShardId, /^shardId-\d{12}$/);
  }
  const texts = (await readAll()).filter((row) => row.PartitionKey === 'one')
    .map((row) => Buffer.from(row.Data).toString());
  assert.deepEqual(texts, ['one-0', 'one-1', 'one-2', 'one-3', 'one-4']);
});

test('five hundred records at once all land', async () => {
  const Records = Array.from({ length: 500 }, (_, n) => ({
    PartitionKey: `many-${n}`, Data: Buffer.from(String(n)) }));
  const put = await kinesis.send(new PutRecordsCommand({ StreamName, Records }));
  assert.equal(put.FailedRecordCount, 0);
  const seen = (await readAll()).filter((row) => row.PartitionKey.startsWith('many-'));
  assert.equal(new Set(seen.map((row) => row.PartitionKey)).size, 500);
  assert.equal(seen.length, 500);
});

test('requests share one connection as streams', async () => {
  const session = http2.connect(server.url);
  const reply = () => new Promise((done, failed) => {
    const stream = session.request({
      ':method': 'POST', ':path': '/', 'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'Kinesis_20131202.ListStreams',
      authorization: 'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/kinesis/aws4_request, '
        + 'SignedHeaders=host, Signature=0',
    });
    let text = '';
    let status;
    stream.on('response', (headers) => { status = headers[':status']; });
    stream.on('data', (part) => { text += part; });
    stream.on('end', () => done({ status, body: JSON.parse(text) }));
    stream.on('error', failed);
    stream.end('{}');
  });
  const replies = await Promise.all(Array.from({ length: 20 }, reply));
  session.close();
  for (const { status, body } of replies) {
    assert.equal(status, 200);
    assert.ok(body.StreamNames.includes(StreamName));
  }
});

// The subscription's events until `done` says so, or the server ends the stream.
async function events(client, ConsumerARN, ShardId, done) {
  const reply = await client.send(new SubscribeToShardCommand({
    ConsumerARN, ShardId, StartingPosition: { Type: 'TRIM_HORIZON' } }));
  const seen = [];
  for await (const { SubscribeToShardEvent: event } of reply.EventStream) {
    seen.push(event);
    if (done(seen)) break;
  }
  return seen;
}

const texts = (seen) => seen.flatMap(({ Records }) => Records)
  .map((row) => Buffer.from(row.Data).toString());

for (const wire of ['HTTP/2', 'HTTP/1.1']) {
  test(`a subscription over ${wire} is pushed what is put, to the end of the shard`, async () => {
    const client = wire === 'HTTP/2' ? kinesis
      : server.client(KinesisClient, { requestHandler: new NodeHttpHandler() });
    const name = fresh('pushed');
    await kinesis.send(new CreateStreamCommand({ StreamName: name, ShardCount: 1 }));
    const StreamARN = `arn:aws:kinesis:us-east-1:000000000000:stream/${name}`;
    const { Consumer } = await kinesis.send(new RegisterStreamConsumerCommand({
      StreamARN, ConsumerName: 'reader' }));
    const put = (text) => kinesis.send(new PutRecordCommand({
      StreamName: name, PartitionKey: 'k', Data: Buffer.from(text) }));
    await put('first');
    let more;
    const seen = await events(client, Consumer.ConsumerARN, 'shardId-000000000000', (so_far) => {
      more ??= (async () => {
        await put('second');
        await kinesis.send(new SplitShardCommand({ StreamName: name,
          ShardToSplit: 'shardId-000000000000', NewStartingHashKey: String(2n ** 127n) }));
      })();
      return so_far.length > 10;
    });
    await more;
    assert.deepEqual(texts(seen), ['first', 'second']);
    assert.deepEqual(seen.at(-1).ChildShards.map(({ ShardId }) => ShardId),
      ['shardId-000000000001', 'shardId-000000000002']);
    assert.equal(seen.at(-1).MillisBehindLatest, 0);
  });
}
