// The sales pipeline as somebody writes it with the CDK: constructs of the library where it has them.
const cdk = require("aws-cdk-lib");
const {
  aws_dynamodb: dynamodb, aws_kinesis: kinesis, aws_s3: s3, aws_lambda: lambda, aws_iam: iam,
  aws_pipes: pipes, aws_kinesisfirehose: firehose, aws_ssm: ssm, aws_s3_notifications: notifications,
  custom_resources: custom,
} = cdk;

class Sales extends cdk.Stack {
  constructor(scope, id, props) {
    super(scope, id, props);
    const table = new dynamodb.Table(this, "Orders", {
      partitionKey: { name: "orderid", type: dynamodb.AttributeType.STRING },
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      stream: dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
      removalPolicy: cdk.RemovalPolicy.DESTROY,
    });
    const stream = new kinesis.Stream(this, "Changes", { shardCount: 1 });
    const lake = new s3.Bucket(this, "Lake", {
      removalPolicy: cdk.RemovalPolicy.DESTROY,
      autoDeleteObjects: true, // a custom resource of the library, in Node.js
      enforceSSL: true,
      lifecycleRules: [{ prefix: "tmp/", expiration: cdk.Duration.days(1) }],
    });
    const transform = new lambda.Function(this, "Transform", {
      runtime: lambda.Runtime.PYTHON_3_11,
      handler: "index.handler",
      code: lambda.Code.fromAsset("fn"),
      timeout: cdk.Duration.seconds(60),
      memorySize: Number(this.node.tryGetContext("memory") || 128),
    });
    // Two more: one in Python, which sets the bucket's notifications, and one that calls the SDK.
    lake.addEventNotification(
      s3.EventType.OBJECT_CREATED, new notifications.LambdaDestination(transform),
      { prefix: "nowhere/" },
    );
    const marker = new custom.AwsCustomResource(this, "Marker", {
      installLatestAwsSdk: false,
      onCreate: {
        service: "S3", action: "putObject",
        parameters: { Bucket: lake.bucketName, Key: "marker", Body: "made by the stack" },
        physicalResourceId: custom.PhysicalResourceId.of("marker"),
      },
      policy: custom.AwsCustomResourcePolicy.fromSdkCalls({
        resources: custom.AwsCustomResourcePolicy.ANY_RESOURCE,
      }),
    });
    marker.node.addDependency(lake);
    const pipeRole = new iam.Role(this, "PipeRole", {
      assumedBy: new iam.ServicePrincipal("pipes.amazonaws.com"),
    });
    table.grantStreamRead(pipeRole);
    stream.grantWrite(pipeRole);
    new pipes.CfnPipe(this, "Pipe", {
      roleArn: pipeRole.roleArn,
      source: table.tableStreamArn,
      sourceParameters: { dynamoDbStreamParameters: { startingPosition: "TRIM_HORIZON" } },
      target: stream.streamArn,
      targetParameters: {
        kinesisStreamParameters: { partitionKey: "$.dynamodb.Keys.orderid.S" },
      },
    });
    const role = new iam.Role(this, "DeliveryRole", {
      assumedBy: new iam.ServicePrincipal("firehose.amazonaws.com"),
    });
    stream.grantRead(role);
    lake.grantReadWrite(role);
    transform.grantInvoke(role);
    const delivery = new firehose.CfnDeliveryStream(this, "Delivery", {
      deliveryStreamType: "KinesisStreamAsSource",
      kinesisStreamSourceConfiguration: {
        kinesisStreamArn: stream.streamArn, roleArn: role.roleArn,
      },
      extendedS3DestinationConfiguration: {
        bucketArn: lake.bucketArn,
        roleArn: role.roleArn,
        prefix: "sales/",
        errorOutputPrefix: "errors/",
        bufferingHints: { intervalInSeconds: 0, sizeInMBs: 1 },
        processingConfiguration: {
          enabled: true,
          processors: [{
            type: "Lambda",
            parameters: [{ parameterName: "LambdaArn", parameterValue: transform.functionArn }],
          }],
        },
      },
    });
    delivery.node.addDependency(role);
    new ssm.StringParameter(this, "TableParameter", {
      parameterName: "/sales/table", stringValue: table.tableName,
    });
    new cdk.CfnOutput(this, "TableName", { value: table.tableName });
    new cdk.CfnOutput(this, "LakeName", { value: lake.bucketName });
    new cdk.CfnOutput(this, "FunctionName", { value: transform.functionName });
  }
}

new Sales(new cdk.App(), "Sales", { env: { account: "000000000000", region: "us-east-1" } });
