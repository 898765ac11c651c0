// One template made into a stack, changed and taken away, through the SDK for JavaScript.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CloudFormationClient, CreateStackCommand, DeleteStackCommand, DescribeStackEventsCommand,
  DescribeStackResourcesCommand, DescribeStacksCommand, UpdateStackCommand, ValidateTemplateCommand,
  waitUntilStackCreateComplete, waitUntilStackDeleteComplete, waitUntilStackUpdateComplete,
} from '@aws-sdk/client-cloudformation';
import { DescribeStreamSummaryCommand, KinesisClient } from '@aws-sdk/client-kinesis';
import { fresh, startServer } from './server.mjs';

const TemplateBody = `
AWSTemplateFormatVersion: "2010-09-09"
Description: a table and a stream
Parameters:
  Shards: {Type: Number, Default: 1}
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      StreamSpecification: {StreamViewType: NEW_IMAGE}
  Stream:
    Type: AWS::Kinesis::Stream
    DependsOn: Table
    Properties:
      ShardCount: !Ref Shards
Outputs:
  StreamName: {Value: !Ref Stream}
  TableStream: {Value: !GetAtt Table.StreamArn}
`;
let server;
let client;
const StackName = fresh('stack');
const wait = { minDelay: 1, maxDelay: 1, maxWaitTime: 30 };

before(async () => {
  server = await startServer();
  client = server.client(CloudFormationClient);
});
after(() => server?.stop());

async function describe() {
  const { Stacks } = await client.send(new DescribeStacksCommand({ StackName }));
  return Stacks[0];
}

test('a template is looked at before anything is made', async () => {
  const told = await client.send(new ValidateTemplateCommand({ TemplateBody }));
  assert.equal(told.Description, 'a table and a stream');
  assert.deepEqual(told.Parameters.map((row) => [row.ParameterKey, row.DefaultValue]),
    [['Shards', '1']]);
  await assert.rejects(
    client.send(new ValidateTemplateCommand({ TemplateBody: 'Resources: {}' })),
    (error) => error.name === 'ValidationError' && /Template format error/.test(error.message));
});

test('a stack is made, changed and deleted', async () => {
  const { StackId } = await client.send(new CreateStackCommand({ StackName, TemplateBody }));
  await waitUntilStackCreateComplete({ client, ...wait }, { StackName });
  const made = await describe();
  assert.equal(made.StackId, StackId);
  assert.ok(made.CreationTime instanceof Date);
  const outputs = Object.fromEntries(made.Outputs.map((row) => [row.OutputKey, row.OutputValue]));
  assert.match(outputs.TableStream, /^arn:aws:dynamodb:.*\/stream\//);
  const kinesis = server.client(KinesisClient);
  const shards = async () => (await kinesis.send(
    new DescribeStreamSummaryCommand({ StreamName: outputs.StreamName })))
    .StreamDescriptionSummary.OpenShardCount;
  assert.equal(await shards(), 1);
  await client.send(new UpdateStackCommand({
    StackName, UsePreviousTemplate: true,
    Parameters: [{ ParameterKey: 'Shards', ParameterValue: '2' }],
  }));
  await waitUntilStackUpdateComplete({ client, ...wait }, { StackName });
  assert.equal(await shards(), 2);
  const { StackResources } = await client.send(new DescribeStackResourcesCommand({ StackName }));
  assert.deepEqual(StackResources.map((row) => row.LogicalResourceId).sort(), ['Stream', 'Table']);
  await client.send(new DeleteStackCommand({ StackName }));
  await waitUntilStackDeleteComplete({ client, ...wait }, { StackName: StackId });
  await assert.rejects(shards(), { name: 'ResourceNotFoundException' });
  const { StackEvents } = await client.send(new DescribeStackEventsCommand({ StackName: StackId }));
  assert.equal(StackEvents[0].ResourceStatus, 'DELETE_COMPLETE');
  assert.ok(StackEvents.length >= 12);
});

test('a stack that is not there is told in the words of AWS', async () => {
  await assert.rejects(
    client.send(new DescribeStacksCommand({ StackName: 'nobody' })),
    { name: 'ValidationError', message: 'Stack with id nobody does not exist' });
});
