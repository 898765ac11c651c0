// What today's SDK does on its own: CRC32 by default, aws-chunked bodies with a trailer, checks on the way back.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import {
  CopyObjectCommand, CreateBucketCommand, DeleteObjectsCommand, GetObjectCommand,
  HeadObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client, paginateListObjectsV2,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { fresh, startServer } from './server.mjs';

let server;
let s3;
let Bucket;

before(async () => {
  server = await startServer();
  s3 = server.client(S3Client, { forcePathStyle: true });
  Bucket = fresh('lake');
  await s3.send(new CreateBucketCommand({ Bucket }));
});
after(() => server?.stop());

test('a put carries a CRC32 by default and a head gives it back', async () => {
  const put = await s3.send(new PutObjectCommand({ Bucket, Key: 'hello.txt', Body: 'hello' }));
  assert.equal(put.ETag, '"5d41402abc4b2a76b9719d911017c592"');
  assert.equal(put.ChecksumCRC32, 'NhCmhg==');
  const head = await s3.send(
    new HeadObjectCommand({ Bucket, Key: 'hello.txt', ChecksumMode: 'ENABLED' }));
  assert.equal(head.ContentLength, 5);
  assert.equal(head.ChecksumCRC32, 'NhCmhg==');
});

test('a stream goes up in aws-chunked form and comes back unchanged', async () => {
  const body = randomBytes(3 * 1024 * 1024 + 17);
  await s3.send(new PutObjectCommand({
    Bucket, Key: 'stream.bin', Body: Readable.from([body.subarray(0, 9000), body.subarray(9000)]),
    ContentLength: body.length,
  }));
  const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'stream.bin' }));
  assert.ok(Buffer.from(await got.Body.transformToByteArray()).equals(body));
  assert.equal(got.ContentEncoding, undefined, 'aws-chunked is not part of the stored encoding');
});

test('a stream of small chunks is refused, and goes up when the client gathers them', async () => {
  const put = () => new PutObjectCommand({
    Bucket, Key: 'small.bin', Body: Readable.from([Buffer.alloc(1000, 'a'), Buffer.from('b')]),
    ContentLength: 1001,
  });
  await assert.rejects(s3.send(put()), { name: 'InvalidChunkSizeError' });
  const gathering = server.client(
    S3Client, { forcePathStyle: true, requestStreamBufferSize: 65536 });
  await gathering.send(put());
  const got = await gathering.send(new GetObjectCommand({ Bucket, Key: 'small.bin' }));
  assert.equal(await got.Body.transformToString(), 'a'.repeat(1000) + 'b');
});

test('a range of an object is that part of it', async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: 'digits', Body: '0123456789' }));
  const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'digits', Range: 'bytes=2-4' }));
  assert.equal(await got.Body.transformToString(), '234');
  assert.equal(got.ContentRange, 'bytes 2-4/10');
});

for (const ChecksumAlgorithm of ['CRC32', 'CRC32C', 'SHA1', 'SHA256']) {
  test(`a put with ${ChecksumAlgorithm} is verified and remembered`, async () => {
    const Key = `sum-${ChecksumAlgorithm}`;
    const put = await s3.send(
      new PutObjectCommand({ Bucket, Key, Body: 'some bytes', ChecksumAlgorithm }));
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
    assert.ok(put[`Checksum${ChecksumAlgorithm}`]);
    assert.equal(head[`Checksum${ChecksumAlgorithm}`], put[`Checksum${ChecksumAlgorithm}`]);
  });
}

test('a wrong checksum is refused and nothing is stored', async () => {
  const put = new PutObjectCommand({ Bucket, Key: 'wrong', Body: 'x', ChecksumCRC32: 'AAAAAA==' });
  await assert.rejects(s3.send(put), (error) => error.$metadata.httpStatusCode === 400);
  await assert.rejects(s3.send(new HeadObjectCommand({ Bucket, Key: 'wrong' })), { name: 'NotFound' });
});

test('a multipart upload of lib-storage joins its parts', async () => {
  const body = randomBytes(12 * 1024 * 1024 + 5);
  const upload = new Upload({
    client: s3, partSize: 5 * 1024 * 1024, queueSize: 2,
    params: { Bucket, Key: 'many/parts', Body: Readable.from([body]) },
  });
  const done = await upload.done();
  assert.match(done.ETag, /^"[0-9a-f]{32}-3"$/);
  const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'many/parts' }));
  assert.ok(Buffer.from(await got.Body.transformToByteArray()).equals(body));
});

test('keys with spaces, plus, percent and unicode keep their name', async () => {
  const keys = ['a b', 'a+b', 'a%2Fb', 'päth/日本', 'dots/../kept', 'x//y'];
  for (const name of keys) {
    await s3.send(new PutObjectCommand({ Bucket, Key: `names/${name}`, Body: name }));
  }
  const seen = [];
  for await (const page of paginateListObjectsV2(
    { client: s3, pageSize: 2 }, { Bucket, Prefix: 'names/' })) {
    seen.push(...page.Contents.map((row) => row.Key));
  }
  assert.deepEqual(seen.sort(), keys.map((name) => `names/${name}`).sort());
});

test('a copy, and a delete of many keys at once', async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: 'copy/from', Body: 'text' }));
  await s3.send(new CopyObjectCommand({ Bucket, Key: 'copy/to', CopySource: `${Bucket}/copy/from` }));
  const gone = await s3.send(new DeleteObjectsCommand({
    Bucket, Delete: { Objects: [{ Key: 'copy/from' }, { Key: 'copy/to' }, { Key: 'copy/none' }] },
  }));
  assert.equal(gone.Deleted.length, 3);
  const left = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'copy/' }));
  assert.equal(left.KeyCount, 0);
});

test('a missing key is NoSuchKey', async () => {
  await assert.rejects(
    s3.send(new GetObjectCommand({ Bucket, Key: 'nobody' })),
    (error) => error.name === 'NoSuchKey' && error.$metadata.httpStatusCode === 404);
});
