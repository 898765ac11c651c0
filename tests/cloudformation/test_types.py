"""Every type of resource: made, changed where it stands, removed."""

import io
import zipfile

import pytest
from botocore.exceptions import ClientError

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "x.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
}
OWNER = {"Principal": {"AWS": "arn:aws:iam::000000000000:root"}}
RESOURCE_POLICY = {**POLICY, "Statement": [{**POLICY["Statement"][0], **OWNER}]}
TABLE_POLICY = {**POLICY, "Statement": [
    {**RESOURCE_POLICY["Statement"][0], "Action": "dynamodb:GetItem"}]}
NOWHERE = "arn:aws:kinesis:us-east-1:000000000000:stream/nowhere"
NO_STREAM = "User does not have a permission to use kinesis stream"
IAM = {"Capabilities": ["CAPABILITY_NAMED_IAM"]}


def one(kind, properties, **outputs):
    return {
        "Resources": {"It": {"Type": kind, "Properties": properties}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }


def att(name):
    return {"Fn::GetAtt": ["It", name]}


def attributes(*names):
    """Ref and attributes as outputs; dots are not allowed in the names of outputs."""
    return {"Ref": {"Ref": "It"}, **{name.replace(".", ""): att(name) for name in names}}


def test_kinesis_stream(stacks, client, fresh):
    name, kind = fresh("kinesis"), "AWS::Kinesis::Stream"
    stacks.create(name, one(kind, {"RetentionPeriodHours": "48"}, **attributes("Arn")))
    told = stacks.outputs(name)

    def summary():
        return client("kinesis").describe_stream_summary(StreamName=told["Ref"])[
            "StreamDescriptionSummary"
        ]

    assert summary()["StreamARN"] == told["Arn"]
    assert (summary()["RetentionPeriodHours"], summary()["OpenShardCount"]) == (48, 1)
    tags = [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}]
    stacks.update(name, one(kind, {"ShardCount": 2, "Tags": tags}, **attributes("Arn")))
    assert (summary()["RetentionPeriodHours"], summary()["OpenShardCount"]) == (24, 2)
    stacks.update(name, one(kind, {"ShardCount": 2, "Tags": tags[1:]}, **attributes("Arn")))
    assert client("kinesis").list_tags_for_stream(StreamName=told["Ref"])["Tags"] == tags[1:]
    stacks.delete(name)
    assert told["Ref"] not in client("kinesis").list_streams()["StreamNames"]


def test_function_with_its_code_in_the_template(stacks, client, fresh):
    name, kind = fresh("function"), "AWS::Lambda::Function"

    def template(code, **more):
        properties = {
            "Role": "arn:aws:iam::000000000000:role/r", "Runtime": "python3.12",
            "Handler": "index.handler", "Code": {"ZipFile": code}, **more,
        }
        return one(kind, properties, **attributes("Arn"))

    code = "def handler(event, context):\n    return {'said': %r}\n"
    stacks.create(name, template(code % "one", Timeout=9, Tags=[{"Key": "a", "Value": "b"}]))
    function = stacks.outputs(name)["Ref"]
    assert stacks.outputs(name)["Arn"].endswith(f":function:{function}")

    def said():
        reply = client("lambda").invoke(FunctionName=function)
        assert "FunctionError" not in reply
        return reply["Payload"].read()

    def configuration():
        return client("lambda").get_function(FunctionName=function)

    assert said() == b'{"said": "one"}'
    assert configuration()["Configuration"]["Timeout"] == 9
    tags = configuration()["Tags"]
    assert tags["a"] == "b" and tags["aws:cloudformation:stack-name"] == name
    assert tags["aws:cloudformation:logical-id"] == "It"
    more = {"Environment": {"Variables": {"NUM": 5}}, "Tags": [{"Key": "a", "Value": "b"}]}
    stacks.update(name, template(code % "two", **more))
    assert said() == b'{"said": "two"}'
    assert configuration()["Configuration"]["Timeout"] == 3
    assert configuration()["Configuration"]["Environment"]["Variables"] == {"NUM": "5"}
    stacks.delete(name)
    with pytest.raises(ClientError):
        configuration()


def test_function_with_its_code_in_a_bucket(stacks, client, fresh):
    name, bucket = fresh("function"), fresh("code")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("app.py", "def run(event, context):\n    return 'from S3'\n")
    client("s3").create_bucket(Bucket=bucket)
    client("s3").put_object(Bucket=bucket, Key="code.zip", Body=archive.getvalue())
    properties = {
        "Role": "arn:aws:iam::000000000000:role/r", "Runtime": "python3.12", "Handler": "app.run",
        "Code": {"S3Bucket": bucket, "S3Key": "code.zip"},
    }
    template = one("AWS::Lambda::Function", properties)
    template["Resources"]["Permission"] = {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "Action": "lambda:InvokeFunction", "FunctionName": {"Ref": "It"},
            "Principal": "firehose.amazonaws.com", "SourceAccount": {"Ref": "AWS::AccountId"},
        },
    }
    stacks.create(name, template)
    reply = client("lambda").invoke(FunctionName=stacks.physical(name, "It"))
    assert reply["Payload"].read() == b'"from S3"'
    stacks.delete(name)


def test_source_text_needs_a_runtime_for_it(stacks, fresh):
    name = fresh("function")
    properties = {
        "Role": "arn:aws:iam::000000000000:role/r", "Runtime": "provided.al2023", "Handler": "x",
        "Code": {"ZipFile": "text"},
    }
    stacks.create(name, one("AWS::Lambda::Function", properties), wait="ROLLBACK_COMPLETE")
    assert "ZipFile can only be used when Runtime is set to" in stacks.failures(name)[0][2]


def test_bucket_and_policy(stacks, client, fresh):
    name, kind = fresh("bucket"), "AWS::S3::Bucket"
    names = ("Arn", "DomainName", "DualStackDomainName", "RegionalDomainName", "WebsiteURL")

    def template(**properties):
        made = one(kind, properties, **attributes(*names))
        made["Resources"]["Policy"] = {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {"Bucket": {"Ref": "It"}, "PolicyDocument": RESOURCE_POLICY},
        }
        return made

    block = {
        "BlockPublicAcls": True, "BlockPublicPolicy": "true", "IgnorePublicAcls": True,
        "RestrictPublicBuckets": False,
    }
    encryption = {
        "ServerSideEncryptionConfiguration": [
            {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}
        ]
    }
    stacks.create(
        name,
        template(PublicAccessBlockConfiguration=block, Tags=[{"Key": "a", "Value": "b"}],
                 BucketEncryption=encryption,
                 OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}),
        Tags=[{"Key": "c", "Value": "d"}],
    )
    told = stacks.outputs(name)
    bucket = told["Ref"]
    assert bucket == bucket.lower() and len(bucket) <= 63
    assert told["Arn"] == f"arn:aws:s3:::{bucket}"
    assert told["RegionalDomainName"] == f"{bucket}.s3.us-east-1.amazonaws.com"
    s3 = client("s3")
    found = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert found == {**block, "BlockPublicPolicy": True}
    tags = s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    assert {t["Key"]: t["Value"] for t in tags} == {"a": "b", "c": "d"}
    assert "s3:GetObject" in s3.get_bucket_policy(Bucket=bucket)["Policy"]
    stacks.update(name, template())
    with pytest.raises(ClientError, match="NoSuchPublicAccessBlockConfiguration"):
        s3.get_public_access_block(Bucket=bucket)
    stacks.delete(name)
    with pytest.raises(ClientError):
        s3.head_bucket(Bucket=bucket)


def test_a_buckets_access_control_is_a_list_where_it_takes_one(stacks, client, fresh):
    name, kind = fresh("bucket"), "AWS::S3::Bucket"
    everybody = "http://acs.amazonaws.com/groups/global/AllUsers"
    stacks.create(name, one(kind, {"AccessControl": "Private"}))
    bucket, s3 = stacks.physical(name, "It"), client("s3")
    assert len(s3.get_bucket_acl(Bucket=bucket)["Grants"]) == 1
    stacks.update(name, one(kind, {
        "AccessControl": "PublicRead",
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "ObjectWriter"}]},
        "PublicAccessBlockConfiguration": {"BlockPublicAcls": False}}))
    assert s3.get_bucket_acl(Bucket=bucket)["Grants"][1] == {
        "Grantee": {"Type": "Group", "URI": everybody}, "Permission": "READ"}
    stacks.delete(name)
    name = fresh("bucket")
    stacks.create(name, one(kind, {"AccessControl": "PublicRead"}), wait="ROLLBACK_COMPLETE")
    assert "The bucket does not allow ACLs" in stacks.failures(name)[0][2]
    stacks.delete(name)


def test_what_a_template_says_about_a_bucket_in_its_own_words(stacks, client, fresh):
    name, kind, s3 = fresh("bucket"), "AWS::S3::Bucket", client("s3")
    rules = [
        {"Id": "old", "Status": "Enabled", "Prefix": "tmp/", "ExpirationInDays": "7",
         "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}},
        {"Id": "tagged", "Status": "Enabled", "TagFilters": [{"Key": "a", "Value": "b"}],
         "ExpirationDate": "2040-01-01T00:00:00Z"},
        {"Id": "both", "Status": "Disabled", "Prefix": "x", "ObjectSizeGreaterThan": "5",
         "Transitions": [{"StorageClass": "STANDARD_IA", "TransitionInDays": 30}],
         "NoncurrentVersionExpiration": {"NoncurrentDays": 9}},
        {"Id": "all", "Status": "Enabled", "NoncurrentVersionExpirationInDays": 3,
         "Transition": {"StorageClass": "GLACIER_IR", "TransitionInDays": 1}},
    ]
    cors = [{"Id": "web", "AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAge": "10",
             "AllowedHeaders": ["x-*"], "ExposedHeaders": ["etag"]}]
    whole = {"CorsConfiguration": {"CorsRules": cors}, "LifecycleConfiguration": {"Rules": rules},
             "ObjectLockEnabled": "true", "ObjectLockConfiguration": {
                 "ObjectLockEnabled": "Enabled",
                 "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": "2"}}}}
    stacks.create(name, one(kind, whole))
    bucket = stacks.physical(name, "It")
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == [{
        "ID": "web", "AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAgeSeconds": 10,
        "AllowedHeaders": ["x-*"], "ExposeHeaders": ["etag"]}]
    found = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert [rule["Filter"] for rule in found] == [
        {"Prefix": "tmp/"}, {"Tag": {"Key": "a", "Value": "b"}},
        {"And": {"Prefix": "x", "ObjectSizeGreaterThan": 5}}, {"Prefix": ""}]
    assert found[0]["Expiration"] == {"Days": 7}
    assert found[0]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert found[1]["Expiration"]["Date"].year == 2040
    assert found[2]["Transitions"] == [{"Days": 30, "StorageClass": "STANDARD_IA"}]
    assert found[3]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 3}
    assert found[3]["Transitions"] == [{"Days": 1, "StorageClass": "GLACIER_IR"}]
    locks = s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
    assert locks["Rule"]["DefaultRetention"] == {"Mode": "GOVERNANCE", "Days": 2}
    stacks.update(name, one(kind, {"ObjectLockEnabled": "true"}))
    assert stacks.physical(name, "It") == bucket
    for call in (s3.get_bucket_cors, s3.get_bucket_lifecycle_configuration):
        with pytest.raises(ClientError, match="does not exist"):
            call(Bucket=bucket)
    locks = s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
    assert locks == {"ObjectLockEnabled": "Enabled"}
    stacks.delete(name)


def test_a_bucket_tells_functions_of_a_template(stacks, client, fresh):
    name, kind, s3 = fresh("bucket"), "AWS::S3::Bucket", client("s3")
    arn = "arn:aws:lambda:us-east-1:000000000000:function:nowhere"
    events = {"LambdaConfigurations": [{
        "Event": "s3:ObjectCreated:*", "Function": arn,
        "Filter": {"S3Key": {"Rules": [{"Name": "suffix", "Value": ".json"}]}}}]}
    stacks.create(name, one(kind, {"NotificationConfiguration": events}), wait="ROLLBACK_COMPLETE")
    assert "Unable to validate the following destination" in stacks.failures(name)[0][2]
    stacks.delete(name)
    name = fresh("function")
    function = {"Type": "AWS::Lambda::Function", "Properties": {
        "Role": "arn:aws:iam::000000000000:role/r", "Runtime": "python3.13",
        "Handler": "index.handler", "Code": {"ZipFile": "def handler(event, _): return 1"}}}
    events["LambdaConfigurations"][0]["Function"] = {"Fn::GetAtt": ["Told", "Arn"]}
    template = one(kind, {"NotificationConfiguration": events})
    template["Resources"]["Told"] = function
    stacks.create(name, template)
    bucket = stacks.physical(name, "It")
    told = s3.get_bucket_notification_configuration(Bucket=bucket)
    found = told["LambdaFunctionConfigurations"][0]
    assert found["Events"] == ["s3:ObjectCreated:*"]
    assert found["Filter"]["Key"]["FilterRules"][0]["Value"] == ".json"
    stacks.update(name, {"Resources": {
        "It": {"Type": kind, "Properties": {}}, "Told": function}})
    told = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert "LambdaFunctionConfigurations" not in told
    stacks.delete(name)


def test_a_bucket_of_a_template_replicates(stacks, client, fresh):
    name, kind, s3 = fresh("bucket"), "AWS::S3::Bucket", client("s3")
    on, tags = {"Status": "Enabled"}, [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    rules = [{"Id": "one", "Priority": "1", "Filter": {"TagFilter": tags[0]}},
             {"Id": "two", "Priority": 2, "Filter": {"And": {"Prefix": "p", "TagFilters": tags}}}]
    for rule in rules:
        rule |= on | {"DeleteMarkerReplication": {"Status": "Disabled"}, "Destination": {
            "Bucket": {"Fn::GetAtt": ["Copies", "Arn"]}, "StorageClass": "STANDARD_IA"}}
    template = one(kind, {"VersioningConfiguration": on, "ReplicationConfiguration": {
        "Role": "arn:aws:iam::000000000000:role/r", "Rules": rules}})
    template["Resources"]["Copies"] = {"Type": kind, "Properties": {"VersioningConfiguration": on}}
    stacks.create(name, template)
    bucket, copies = stacks.physical(name, "It"), stacks.physical(name, "Copies")
    found = s3.get_bucket_replication(Bucket=bucket)["ReplicationConfiguration"]["Rules"]
    assert [rule["ID"] for rule in found] == ["one", "two"] and found[0]["Priority"] == 1
    assert [rule["Filter"] for rule in found] == [
        {"Tag": tags[0]}, {"And": {"Prefix": "p", "Tags": tags}}]
    assert found[0]["Destination"] == {"Bucket": f"arn:aws:s3:::{copies}",
                                       "StorageClass": "STANDARD_IA"}
    template["Resources"]["It"]["Properties"] = {}
    stacks.update(name, template)
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Suspended"
    with pytest.raises(ClientError, match="ReplicationConfigurationNotFoundError"):
        s3.get_bucket_replication(Bucket=bucket)
    stacks.delete(name)


def test_a_bucket_of_a_template_logs_and_is_a_website(stacks, client, fresh):
    name, kind, s3 = fresh("bucket"), "AWS::S3::Bucket", client("s3")
    logs = {"Type": kind, "DeletionPolicy": "Retain"}  # whoever logs may fill it any time
    site = {"IndexDocument": "index.html", "ErrorDocument": "error.html", "RoutingRules": [{
        "RoutingRuleCondition": {"KeyPrefixEquals": "old/", "HttpErrorCodeReturnedEquals": "404"},
        "RedirectRule": {"ReplaceKeyPrefixWith": "new/", "HttpRedirectCode": "302"}}]}
    dated = {"PartitionedPrefix": {"PartitionDateSource": "EventTime"}}
    template = one(kind, {"WebsiteConfiguration": site, "LoggingConfiguration": {
        "DestinationBucketName": {"Ref": "Logs"}, "LogFilePrefix": "a/",
        "TargetObjectKeyFormat": dated}})
    template["Resources"]["Logs"] = logs
    stacks.create(name, template)
    bucket, target = stacks.physical(name, "It"), stacks.physical(name, "Logs")
    logging = s3.get_bucket_logging(Bucket=bucket)["LoggingEnabled"]
    assert (logging["TargetBucket"], logging["TargetPrefix"]) == (target, "a/")
    assert logging.get("TargetObjectKeyFormat", dated) == dated  # older clients do not know it
    found = s3.get_bucket_website(Bucket=bucket)
    assert found["IndexDocument"] == {"Suffix": "index.html"}
    assert found["ErrorDocument"] == {"Key": "error.html"}
    assert found["RoutingRules"] == [{
        "Condition": {"KeyPrefixEquals": "old/", "HttpErrorCodeReturnedEquals": "404"},
        "Redirect": {"ReplaceKeyPrefixWith": "new/", "HttpRedirectCode": "302"}}]
    template["Resources"]["It"]["Properties"] = {
        "WebsiteConfiguration": {"RedirectAllRequestsTo": {"HostName": "other.test"}}}
    stacks.update(name, template)
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
    assert s3.get_bucket_website(Bucket=bucket)["RedirectAllRequestsTo"] == {
        "HostName": "other.test"}
    template["Resources"]["It"]["Properties"] = {}
    stacks.update(name, template)
    with pytest.raises(ClientError, match="does not have a website configuration"):
        s3.get_bucket_website(Bucket=bucket)
    stacks.delete(name)


@pytest.mark.parametrize("properties, word", [
    ({"CorsConfiguration": {"CorsRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"],
                                           "MaxAgeSeconds": 1}]}}, "MaxAgeSeconds"),
    ({"LifecycleConfiguration": {"Rules": [{"Status": "Enabled", "Days": 1}]}}, "Days"),
    ({"LifecycleConfiguration": {"Rules": [{"Status": "Enabled", "Transitions": [
        {"StorageClass": "STANDARD_IA", "Days": 30}]}]}}, "Days"),
    ({"WebsiteConfiguration": {"IndexDocument": "i", "Suffix": "i"}}, "Suffix"),
    ({"LoggingConfiguration": {"TargetBucket": "b"}}, "TargetBucket"),
    ({"ReplicationConfiguration": {"Role": "r", "Rules": [{"ID": "a"}]}}, "ID"),
    ({"ReplicationConfiguration": {"Role": "r", "Rules": [{"Filter": {"Tag": {}}}]}}, "Tag"),
])
def test_a_word_that_is_none_fails_the_bucket(stacks, fresh, properties, word):
    name = fresh("bucket")
    stacks.create(name, one("AWS::S3::Bucket", properties), wait="ROLLBACK_COMPLETE")
    assert stacks.failures(name)[0][2] == f"Encountered unsupported property {word}"
    stacks.delete(name)


def test_a_bucket_that_exists_is_not_taken_over(stacks, client, fresh):
    name, bucket = fresh("taken"), fresh("mine")
    client("s3").create_bucket(Bucket=bucket)
    stacks.create(name, one("AWS::S3::Bucket", {"BucketName": bucket}), wait="ROLLBACK_COMPLETE")
    assert stacks.failures(name)[0][2] == f"{bucket} already exists"
    stacks.delete(name)
    client("s3").head_bucket(Bucket=bucket)


def test_glue_partition_and_classifier(stacks, client, fresh):
    name, db = fresh("glue"), fresh("db", "_")
    glue = client("glue")
    glue.create_database(DatabaseInput={"Name": db})
    glue.create_table(
        DatabaseName=db,
        TableInput={"Name": "t", "PartitionKeys": [{"Name": "day", "Type": "string"}]},
    )

    def template(text, delimiter):
        return {
            "Resources": {
                "Day": {
                    "Type": "AWS::Glue::Partition",
                    "Properties": {
                        "CatalogId": {"Ref": "AWS::AccountId"},
                        "DatabaseName": db,
                        "TableName": "t",
                        "PartitionInput": {"Values": ["1"], "Parameters": {"text": text}},
                    },
                },
                "Csv": {
                    "Type": "AWS::Glue::Classifier",
                    "Properties": {"CsvClassifier": {
                        "Delimiter": delimiter, "CustomDatatypeConfigured": True,
                        "ContainsCustomDatatype": ["LONG", "DATE"]}},
                },
            }
        }

    where = {"DatabaseName": db, "TableName": "t", "PartitionValues": ["1"]}
    stacks.create(name, template("one", ";"))
    ids = stacks.resources(name)
    classifier = ids["Csv"][0]
    assert ids["Day"][0] == f"{db}|t|1"
    assert glue.get_partition(**where)["Partition"]["Parameters"] == {"text": "one"}
    found = glue.get_classifier(Name=classifier)["Classifier"]
    assert found["CsvClassifier"]["Delimiter"] == ";"
    assert found["CsvClassifier"]["CustomDatatypes"] == ["LONG", "DATE"]
    stacks.update(name, template("two", "|"))
    assert glue.get_partition(**where)["Partition"]["Parameters"] == {"text": "two"}
    found = glue.get_classifier(Name=classifier)["Classifier"]
    assert found["CsvClassifier"]["Delimiter"] == "|"
    stacks.delete(name)
    with pytest.raises(ClientError, match="EntityNotFoundException"):
        glue.get_classifier(Name=classifier)
    assert glue.get_partitions(DatabaseName=db, TableName="t")["Partitions"] == []


def test_glue_database_table_and_crawler(stacks, client, fresh):
    name = fresh("glue")

    def template(text):
        catalog = {"CatalogId": {"Ref": "AWS::AccountId"}}
        columns = [{"Name": "a", "Type": "string"}]
        return {
            "Resources": {
                "Db": {
                    "Type": "AWS::Glue::Database",
                    "Properties": {**catalog, "DatabaseInput": {"Description": text}},
                },
                "Table": {
                    "Type": "AWS::Glue::Table",
                    "Properties": {
                        **catalog,
                        "DatabaseName": {"Ref": "Db"},
                        "TableInput": {
                            "Name": "orders",
                            "Description": text,
                            "Parameters": {"classification": "json", "n": 5},
                            "StorageDescriptor": {"Columns": columns, "Location": "s3://b/orders/"},
                        },
                    },
                },
                "Crawler": {
                    "Type": "AWS::Glue::Crawler",
                    "Properties": {
                        "Role": "arn:aws:iam::000000000000:role/r",
                        "DatabaseName": {"Ref": "Db"},
                        "Description": text,
                        "Targets": {"S3Targets": [{"Path": "s3://b/orders/"}]},
                        "Schedule": {"ScheduleExpression": "cron(0 12 * * ? *)"},
                        "Configuration": {"Version": 1.0},
                        "Tags": {"a": "b"},
                    },
                },
            }
        }

    stacks.create(name, template("one"))
    ids = stacks.resources(name)
    glue, db, crawler = client("glue"), ids["Db"][0], ids["Crawler"][0]
    assert db == db.lower() and ids["Table"][0] == "orders"
    table = glue.get_table(DatabaseName=db, Name="orders")["Table"]
    assert table["Parameters"] == {"classification": "json", "n": "5"}
    assert glue.get_crawler(Name=crawler)["Crawler"]["Schedule"]["ScheduleExpression"] == (
        "cron(0 12 * * ? *)"
    )
    stacks.update(name, template("two"))
    assert stacks.resources(name).keys() == ids.keys()
    assert glue.get_database(Name=db)["Database"]["Description"] == "two"
    assert glue.get_table(DatabaseName=db, Name="orders")["Table"]["Description"] == "two"
    assert glue.get_crawler(Name=crawler)["Crawler"]["Description"] == "two"
    stacks.delete(name)
    with pytest.raises(ClientError, match="EntityNotFoundException"):
        glue.get_database(Name=db)


def test_athena_workgroup_and_query(stacks, client, fresh):
    name = fresh("athena")

    def template(location, query):
        return {
            "Resources": {
                "Group": {
                    "Type": "AWS::Athena::WorkGroup",
                    "Properties": {
                        "Name": {"Fn::Sub": "${AWS::StackName}-sql"},
                        "Description": query,
                        "State": "ENABLED",
                        "RecursiveDeleteOption": True,
                        "WorkGroupConfiguration": {
                            "EnforceWorkGroupConfiguration": "true",
                            "ResultConfiguration": {"OutputLocation": location},
                        },
                    },
                },
                "Query": {
                    "Type": "AWS::Athena::NamedQuery",
                    "Properties": {
                        "Database": "db", "QueryString": query, "WorkGroup": {"Ref": "Group"},
                    },
                },
            },
            "Outputs": {
                "Engine": {
                    "Value": {
                        "Fn::GetAtt":
                            "Group.WorkGroupConfiguration.EngineVersion.EffectiveEngineVersion"
                    }
                }
            },
        }

    stacks.create(name, template("s3://one/r/", "SELECT 1"))
    athena, first = client("athena"), stacks.physical(name, "Query")
    assert athena.get_named_query(NamedQueryId=first)["NamedQuery"]["QueryString"] == "SELECT 1"
    assert stacks.outputs(name)["Engine"].startswith("Athena engine version")
    stacks.update(name, template("s3://two/r/", "SELECT 2"))
    group = athena.get_work_group(WorkGroup=f"{name}-sql")["WorkGroup"]
    assert group["Configuration"]["ResultConfiguration"]["OutputLocation"] == "s3://two/r/"
    assert group["Description"] == "SELECT 2"
    second = stacks.physical(name, "Query")
    assert second != first  # every change of a query makes a new one
    with pytest.raises(ClientError):
        athena.get_named_query(NamedQueryId=first)
    stacks.delete(name)
    with pytest.raises(ClientError):
        athena.get_work_group(WorkGroup=f"{name}-sql")


def test_role_and_policies(stacks, client, fresh):
    name, named = fresh("iam"), fresh("Named")

    def template(duration, inline, managed):
        policies = [{"PolicyName": p, "PolicyDocument": POLICY} for p in inline]
        return {
            "Resources": {
                "Role": {
                    "Type": "AWS::IAM::Role",
                    "Properties": {
                        "AssumeRolePolicyDocument": TRUST,
                        "MaxSessionDuration": duration,
                        "ManagedPolicyArns": managed,
                        "Policies": policies,
                    },
                },
                "Policy": {
                    "Type": "AWS::IAM::Policy",
                    "Properties": {
                        "PolicyName": "beside", "PolicyDocument": POLICY,
                        "Roles": [{"Ref": "Role"}],
                    },
                },
                "Managed": {
                    "Type": "AWS::IAM::ManagedPolicy",
                    "Properties": {
                        "ManagedPolicyName": named, "PolicyDocument": POLICY,
                        "Roles": [{"Ref": "Role"}],
                    },
                },
            },
            "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Role", "Arn"]}}},
        }

    aws_policy = "arn:aws:iam::aws:policy/service-role/AWSGlueServiceRole"
    stacks.create(name, template(3600, ["a", "b"], [aws_policy]), **IAM)
    iam, role = client("iam"), stacks.physical(name, "Role")
    ours = stacks.physical(name, "Managed")
    assert stacks.outputs(name)["Arn"] == f"arn:aws:iam::000000000000:role/{role}"
    assert ours == f"arn:aws:iam::000000000000:policy/{named}"

    def inline():
        return set(iam.list_role_policies(RoleName=role)["PolicyNames"])

    def attached():
        found = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        return {policy["PolicyArn"] for policy in found}

    assert inline() == {"a", "b", "beside"} and attached() == {aws_policy, ours}
    stacks.update(name, template(7200, ["b", "c"], []), **IAM)
    assert inline() == {"b", "c", "beside"} and attached() == {ours}
    assert iam.get_role(RoleName=role)["Role"]["MaxSessionDuration"] == 7200
    stacks.delete(name)
    with pytest.raises(ClientError):
        iam.get_role(RoleName=role)
    with pytest.raises(ClientError):
        iam.get_policy(PolicyArn=ours)


def test_a_pipes_target_may_change_its_start_may_not(stacks, client, fresh):
    name = fresh("pipe")

    def template(start, batch, state):
        return {
            "Resources": {
                "Table": {
                    "Type": "AWS::DynamoDB::Table",
                    "Properties": {
                        "BillingMode": "PAY_PER_REQUEST",
                        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                        "StreamSpecification": {"StreamViewType": "KEYS_ONLY"},
                    },
                },
                "Stream": {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": "1"}},
                "Pipe": {
                    "Type": "AWS::Pipes::Pipe",
                    "Properties": {
                        "RoleArn": "arn:aws:iam::000000000000:role/r",
                        "Source": {"Fn::GetAtt": ["Table", "StreamArn"]},
                        "SourceParameters": {
                            "DynamoDBStreamParameters": {
                                "StartingPosition": start, "BatchSize": str(batch),
                            }
                        },
                        "Target": {"Fn::GetAtt": ["Stream", "Arn"]},
                        "TargetParameters": {
                            "KinesisStreamParameters": {"PartitionKey": "$.eventID"}
                        },
                        "DesiredState": state,
                    },
                },
            },
            "Outputs": {"State": {"Value": {"Fn::GetAtt": ["Pipe", "CurrentState"]}}},
        }

    stacks.create(name, template("TRIM_HORIZON", 10, "RUNNING"))
    first = stacks.physical(name, "Pipe")
    assert stacks.outputs(name)["State"] == "RUNNING"
    stacks.update(name, template("TRIM_HORIZON", 20, "STOPPED"))
    pipe = client("pipes").describe_pipe(Name=first)
    assert pipe["SourceParameters"]["DynamoDBStreamParameters"]["BatchSize"] == 20
    assert pipe["CurrentState"] == "STOPPED" == stacks.outputs(name)["State"]
    stacks.update(name, template("LATEST", 20, "STOPPED"))
    assert stacks.physical(name, "Pipe") != first
    with pytest.raises(ClientError):
        client("pipes").describe_pipe(Name=first)
    stacks.delete(name)


def test_a_pipe_of_all_properties_and_what_an_update_takes_away(stacks, client, fresh):
    name, group = fresh("pipe"), fresh("group")
    account = "000000000000"
    function = f"arn:aws:lambda:us-east-1:{account}:function:nobody"

    def template(more, source, target):
        return {
            "Resources": {
                "From": {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}},
                "To": {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}},
                "Pipe": {
                    "Type": "AWS::Pipes::Pipe",
                    "Properties": {
                        "RoleArn": f"arn:aws:iam::{account}:role/r",
                        "Source": {"Fn::GetAtt": ["From", "Arn"]},
                        "SourceParameters": {
                            "KinesisStreamParameters": {
                                "StartingPosition": "AT_TIMESTAMP",
                                "StartingPositionTimestamp": 1718000000,
                                "BatchSize": 7, "MaximumBatchingWindowInSeconds": "1",
                                "ParallelizationFactor": 2, "MaximumRetryAttempts": 3,
                                "MaximumRecordAgeInSeconds": 120,
                                "OnPartialBatchItemFailure": "AUTOMATIC_BISECT",
                            },
                            **source,
                        },
                        "Target": {"Fn::GetAtt": ["To", "Arn"]},
                        "TargetParameters": {
                            "KinesisStreamParameters": {"PartitionKey": "$.partitionKey"},
                            **target,
                        },
                        **more,
                    },
                },
            },
        }

    filters = {"FilterCriteria": {"Filters": [{"Pattern": '{"data":{"n":[1]}}'}]}}
    logs = {
        "Level": "ERROR",
        "IncludeExecutionData": ["ALL"],
        "CloudwatchLogsLogDestination": {
            "LogGroupArn": f"arn:aws:logs:us-east-1:{account}:log-group:{group}"
        },
    }
    full = {
        "Description": "all of it", "Enrichment": function,
        "EnrichmentParameters": {"InputTemplate": "<$.data>"},
        "LogConfiguration": logs, "Tags": {"team": "sales", "old": "1"}, "DesiredState": "STOPPED",
    }  # fmt: skip
    stacks.create(name, template(full, filters, {"InputTemplate": '{"n": <$.n>}'}))
    pipe = client("pipes").describe_pipe(Name=stacks.physical(name, "Pipe"))
    stream = pipe["SourceParameters"]["KinesisStreamParameters"]
    assert int(stream.pop("StartingPositionTimestamp").timestamp()) == 1718000000
    assert stream == {
        "BatchSize": 7, "MaximumBatchingWindowInSeconds": 1, "ParallelizationFactor": 2,
        "MaximumRetryAttempts": 3, "MaximumRecordAgeInSeconds": 120,
        "OnPartialBatchItemFailure": "AUTOMATIC_BISECT", "StartingPosition": "AT_TIMESTAMP",
    }  # fmt: skip
    assert pipe["SourceParameters"]["FilterCriteria"] == filters["FilterCriteria"]
    assert pipe["TargetParameters"]["InputTemplate"] == '{"n": <$.n>}'
    assert pipe["EnrichmentParameters"] == {"InputTemplate": "<$.data>"}
    assert (pipe["Enrichment"], pipe["Description"]) == (function, "all of it")
    assert pipe["Tags"] == {"team": "sales", "old": "1"}
    stacks.update(name, template({"Tags": {"team": "lake"}}, {}, {}))
    after = client("pipes").describe_pipe(Name=pipe["Name"])
    assert after["CurrentState"] == "RUNNING" and after["CreationTime"] == pipe["CreationTime"]
    assert after["SourceParameters"].keys() == {"KinesisStreamParameters"}
    assert after["TargetParameters"].keys() == {"KinesisStreamParameters"}
    assert not {"Enrichment", "Description"} & after.keys()
    assert after["Tags"] == {"team": "lake"}
    stacks.delete(name)


def test_a_delivery_stream_loses_what_the_template_no_longer_says(stacks, client, fresh):
    name = fresh("firehose")

    def template(**destination):
        return {
            "Resources": {
                "Bucket": {"Type": "AWS::S3::Bucket"},
                "It": {
                    "Type": "AWS::KinesisFirehose::DeliveryStream",
                    "Properties": {
                        "ExtendedS3DestinationConfiguration": {
                            "BucketARN": {"Fn::GetAtt": ["Bucket", "Arn"]},
                            "RoleARN": "arn:aws:iam::000000000000:role/r", **destination,
                        },
                        "Tags": [{"Key": "a", "Value": destination.get("Prefix", "")}],
                    },
                },
            }
        }

    def described():
        return client("firehose").describe_delivery_stream(DeliveryStreamName=stream)[
            "DeliveryStreamDescription"
        ]["Destinations"][0]["ExtendedS3DestinationDescription"]

    stacks.create(name, template(Prefix="p/", CompressionFormat="GZIP",
                                 BufferingHints={"SizeInMBs": "2", "IntervalInSeconds": 60}))
    stream = stacks.physical(name, "It")
    assert described()["Prefix"] == "p/" and described()["CompressionFormat"] == "GZIP"
    stacks.update(name, template(Prefix="q/"))
    assert described()["Prefix"] == "q/" and described()["CompressionFormat"] == "UNCOMPRESSED"
    assert described()["BufferingHints"] == {"SizeInMBs": 5, "IntervalInSeconds": 300}
    tags = client("firehose").list_tags_for_delivery_stream(DeliveryStreamName=stream)["Tags"]
    assert tags == [{"Key": "a", "Value": "q/"}]
    assert stacks.delete(name)["StackStatus"] == "DELETE_COMPLETE"


def test_a_tables_indexes_throughput_and_time_to_live(stacks, client, fresh):
    name = fresh("table")

    def template(indexes, mode, **more):
        keys = ["id", *indexes]
        properties = {
            "BillingMode": mode,
            "AttributeDefinitions": [
                {"AttributeName": key, "AttributeType": "S"} for key in keys
            ],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": f"by-{key}",
                    "KeySchema": [
                        {"AttributeName": each, "KeyType": "HASH"} for each in (key, "id")
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
                for key in indexes
            ],
            **more,
        }
        if not indexes:
            del properties["GlobalSecondaryIndexes"]
        return one("AWS::DynamoDB::Table", properties)

    ttl = {"TimeToLiveSpecification": {"AttributeName": "gone", "Enabled": True}}
    stacks.create(name, template(["a"], "PAY_PER_REQUEST", **ttl))
    table = stacks.physical(name, "It")
    dynamodb = client("dynamodb")
    told = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert told["AttributeName"] == "gone" and told["TimeToLiveStatus"].startswith("ENABL")
    guarded = {
        "DeletionProtectionEnabled": "true", "Tags": [{"Key": "a", "Value": "b"}],
        "ResourcePolicy": {"PolicyDocument": TABLE_POLICY},
    }
    stacks.update(name, template(["b"], "PAY_PER_REQUEST", **ttl, **guarded))
    described = dynamodb.describe_table(TableName=table)["Table"]
    assert [i["IndexName"] for i in described["GlobalSecondaryIndexes"]] == ["by-b"]
    tags = dynamodb.list_tags_of_resource(ResourceArn=described["TableArn"])["Tags"]
    assert tags == [{"Key": "a", "Value": "b"}]
    del guarded["DeletionProtectionEnabled"]
    # Each of these takes an UpdateTable of its own.
    more = {
        "TableClass": "STANDARD_INFREQUENT_ACCESS", "SSESpecification": {"SSEEnabled": "true"},
        "OnDemandThroughput": {"MaxReadRequestUnits": 10},
        "StreamSpecification": {"StreamViewType": "KEYS_ONLY"},
    }
    stacks.update(name, template(["b"], "PAY_PER_REQUEST", **ttl, **guarded, **more))
    described = dynamodb.describe_table(TableName=table)["Table"]
    assert not described.get("DeletionProtectionEnabled")
    assert described["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    assert described["SSEDescription"]["Status"] == "ENABLED"
    assert described["StreamSpecification"]["StreamEnabled"]
    stacks.update(name, template([], "PROVISIONED", **ttl, **guarded, ProvisionedThroughput={
        "ReadCapacityUnits": 3, "WriteCapacityUnits": 4}))
    described = dynamodb.describe_table(TableName=table)["Table"]
    assert described["ProvisionedThroughput"]["WriteCapacityUnits"] == 4
    assert described["TableClassSummary"]["TableClass"] == "STANDARD"
    assert stacks.delete(name)["StackStatus"] == "DELETE_COMPLETE"


def test_an_index_that_gets_another_throughput_is_the_same_index(stacks, client, fresh):
    name = fresh("tuned")
    dynamodb = client("dynamodb")

    def units(read, write):
        return {
            "ProvisionedThroughput": {"ReadCapacityUnits": read, "WriteCapacityUnits": write}
        }

    def template(indexes, **more):
        keys = ["id", *indexes]
        return one("AWS::DynamoDB::Table", {
            "AttributeDefinitions": [
                {"AttributeName": key, "AttributeType": "S"} for key in keys
            ],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": f"by-{key}",
                    "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"}, **tuning,
                }
                for key, tuning in indexes.items()
            ],
            **more,
        })

    def told():
        described = dynamodb.describe_table(TableName=table)["Table"]
        return {
            index["IndexName"]: (
                index["ProvisionedThroughput"]["ReadCapacityUnits"],
                index["ProvisionedThroughput"]["WriteCapacityUnits"],
                "LastIncreaseDateTime" in index["ProvisionedThroughput"],
            )
            for index in described["GlobalSecondaryIndexes"]
        }

    # What a table does not have is not taken away from it.
    off = {
        "TimeToLiveSpecification": {"AttributeName": "gone", "Enabled": "false"},
        "SSESpecification": {"SSEEnabled": False},
    }
    stacks.create(name, template({"a": units(1, 2), "b": units(3, 4)}, **units(5, 5), **off))
    table = stacks.physical(name, "It")
    stacks.update(name, template({"a": units(1, 7), "b": units(3, 4)}, **units(5, 5),
                                 BillingMode="PROVISIONED"))
    # One that was made again would know of no increase.
    assert told() == {"by-a": (1, 7, True), "by-b": (3, 4, False)}
    on_demand = {"BillingMode": "PAY_PER_REQUEST"}
    limited = {"OnDemandThroughput": {"MaxReadRequestUnits": 10}}
    stacks.update(name, template({"a": limited, "b": {}}, **on_demand))
    assert told() == {"by-a": (0, 0, True), "by-b": (0, 0, False)}
    stacks.update(name, template({"a": {}, "b": {}}, **on_demand))
    assert set(told()) == {"by-a", "by-b"}
    # The billing mode comes with the units of all indexes, after one of them has gone.
    stacks.update(name, template({"b": units(6, 6), "c": units(8, 8)}, **units(9, 9)))
    assert told() == {"by-b": (6, 6, True), "by-c": (8, 8, False)}
    assert stacks.delete(name)["StackStatus"] == "DELETE_COMPLETE"


def test_a_tables_kinesis_destination_comes_moves_and_goes(stacks, client, fresh):
    name = fresh("sent")
    dynamodb = client("dynamodb")

    def template(to, **more):
        table = {
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        }
        if to:
            arn = {"Fn::GetAtt": [to, "Arn"]} if to != "None" else NOWHERE
            table["KinesisStreamSpecification"] = {"StreamArn": arn, **more}
        return {
            "Resources": {
                "It": {"Type": "AWS::DynamoDB::Table", "Properties": table},
                "One": {"Type": "AWS::Kinesis::Stream", "Properties": {}},
                "Two": {"Type": "AWS::Kinesis::Stream", "Properties": {}},
            }
        }

    def told():
        table = stacks.physical(name, "It")
        found = dynamodb.describe_kinesis_streaming_destination(TableName=table)
        return [
            (d["StreamArn"].split("/")[-1], d["DestinationStatus"])
            for d in found["KinesisDataStreamDestinations"]
        ]

    stacks.create(name, template("One", ApproximateCreationDateTimePrecision="MICROSECOND"))
    one, two = stacks.physical(name, "One"), stacks.physical(name, "Two")
    assert told() == [(one, "ACTIVE")]
    stacks.update(name, template("Two"))
    assert told() == [(two, "ACTIVE"), (one, "DISABLED")]
    stacks.update(name, template("None"), "UPDATE_ROLLBACK_COMPLETE")
    assert ("It", "UPDATE_FAILED", NO_STREAM) in stacks.failures(name)
    assert (two, "ACTIVE") in told()
    stacks.update(name, template(None))
    assert "ACTIVE" not in dict(told()).values()
    stacks.delete(name)


def test_a_table_can_be_imported_and_recovered(stacks, client, fresh):
    name, bucket = fresh("import"), fresh("import-from").lower()
    dynamodb, s3 = client("dynamodb"), client("s3")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="in/rows.csv", Body=b"id;v\na;1\nb;2\n")
    properties = {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "SSESpecification": {"SSEEnabled": True},
        "ImportSourceSpecification": {
            "S3BucketSource": {"S3Bucket": bucket, "S3KeyPrefix": "in/"},
            "InputFormat": "CSV",
            "InputFormatOptions": {"Csv": {"Delimiter": ";"}},
        },
    }
    later = {
        "StreamSpecification": {"StreamViewType": "NEW_IMAGE"},
        "DeletionProtectionEnabled": "false",
        "TableClass": "STANDARD_INFREQUENT_ACCESS",
        "PointInTimeRecoverySpecification": {
            "PointInTimeRecoveryEnabled": "true",
            "RecoveryPeriodInDays": "3",
        },
        "Tags": [{"Key": "a", "Value": "b"}],
    }
    template = one("AWS::DynamoDB::Table", {**properties, **later}, Stream=att("StreamArn"))
    stacks.create(name, template)
    table = stacks.physical(name, "It")
    assert dynamodb.scan(TableName=table)["Count"] == 2
    described = dynamodb.describe_table(TableName=table)["Table"]
    assert described["StreamSpecification"]["StreamViewType"] == "NEW_IMAGE"
    assert described["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    assert described["SSEDescription"]["Status"] == "ENABLED"
    tags = dynamodb.list_tags_of_resource(ResourceArn=described["TableArn"])["Tags"]
    assert tags == [{"Key": "a", "Value": "b"}]

    def recovery():
        told = dynamodb.describe_continuous_backups(TableName=table)
        told = told["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        return told["PointInTimeRecoveryStatus"]

    assert recovery() == "ENABLED"
    del later["PointInTimeRecoverySpecification"]
    stacks.update(name, one("AWS::DynamoDB::Table", {**properties, **later}))
    assert stacks.physical(name, "It") == table and recovery() == "DISABLED"
    stacks.delete(name)
    properties["ImportSourceSpecification"]["S3BucketSource"]["S3Bucket"] = "no-such-bucket"
    failed = fresh("import")
    stacks.create(failed, one("AWS::DynamoDB::Table", properties), "ROLLBACK_COMPLETE")
    assert "bucket does not exist" in stacks.failures(failed)[0][2]
    stacks.delete(failed)
    s3.delete_object(Bucket=bucket, Key="in/rows.csv")
    s3.delete_bucket(Bucket=bucket)


def test_a_protected_table_stops_the_deletion(stacks, fresh):
    name = fresh("guarded")
    properties = {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    }
    guarded = one("AWS::DynamoDB::Table", {**properties, "DeletionProtectionEnabled": "true"})
    stacks.create(name, guarded)
    assert stacks.delete(name)["StackStatus"] == "DELETE_FAILED"
    reason = stacks.failures(name)[0][2]
    assert "deletion protection" in reason.lower(), reason


def test_a_prepared_statement(stacks, client, fresh):
    name, group, athena = fresh("prepared"), fresh("group"), client("athena")

    def template(query, **more):
        return {"Resources": {
            "G": {"Type": "AWS::Athena::WorkGroup", "Properties": {"Name": group}},
            "S": {"Type": "AWS::Athena::PreparedStatement", "Properties": {
                "StatementName": "s1", "WorkGroup": {"Ref": "G"}, "QueryStatement": query,
                **more}}}}

    def got():
        told = athena.get_prepared_statement(StatementName="s1", WorkGroup=group)
        told = told["PreparedStatement"]
        return told["QueryStatement"], told.get("Description", "")

    stacks.create(name, template("SELECT 1", Description="d"))
    assert stacks.physical(name, "S") == "s1" and got() == ("SELECT 1", "d")
    stacks.update(name, template("SELECT ?"))
    assert got() == ("SELECT ?", "")
    stacks.delete(name)


def test_a_streams_consumer_and_policy(stacks, client, fresh):
    name, kinesis = fresh("consumer"), client("kinesis")
    policy = {"Version": "2012-10-17", "Statement": [{
        "Sid": "s", "Effect": "Allow", "Principal": {"AWS": "000000000000"},
        "Action": "kinesis:DescribeStreamSummary", "Resource": {"Fn::GetAtt": ["S", "Arn"]}}]}
    stacks.create(name, {
        "Resources": {
            "S": {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}},
            "C": {"Type": "AWS::Kinesis::StreamConsumer", "Properties": {
                "ConsumerName": "reader", "StreamARN": {"Fn::GetAtt": ["S", "Arn"]}}},
            "P": {"Type": "AWS::Kinesis::ResourcePolicy", "Properties": {
                "ResourceArn": {"Fn::GetAtt": ["S", "Arn"]}, "ResourcePolicy": policy}},
        },
        "Outputs": {key: {"Value": {"Fn::GetAtt": ["C", key]}}
                    for key in ("ConsumerARN", "ConsumerName", "ConsumerStatus", "StreamARN",
                                "ConsumerCreationTimestamp")},
    })
    outputs = stacks.outputs(name)
    assert outputs["ConsumerARN"] == stacks.physical(name, "C")
    assert (outputs["ConsumerName"], outputs["ConsumerStatus"]) == ("reader", "ACTIVE")
    arn = outputs["StreamARN"]
    consumers = kinesis.list_stream_consumers(StreamARN=arn)["Consumers"]
    assert [c["ConsumerARN"] for c in consumers] == [outputs["ConsumerARN"]]
    assert stacks.physical(name, "P") == arn
    stacks.delete(name)


def test_how_a_function_is_invoked_later(stacks, client, fresh):
    name, function = fresh("invoke"), fresh("function")

    def template(**config):
        return {"Resources": {
            "F": {"Type": "AWS::Lambda::Function", "Properties": {
                "FunctionName": function, "Runtime": "python3.12", "Handler": "index.f",
                "Role": "arn:aws:iam::000000000000:role/r", "Code": {"ZipFile": "f = print"}}},
            "C": {"Type": "AWS::Lambda::EventInvokeConfig", "Properties": {
                "FunctionName": {"Ref": "F"}, "Qualifier": "$LATEST", **config}}}}

    def got():
        return client("lambda").get_function_event_invoke_config(FunctionName=function)

    stacks.create(name, template(MaximumRetryAttempts=1, MaximumEventAgeInSeconds=60))
    assert (got()["MaximumRetryAttempts"], got()["MaximumEventAgeInSeconds"]) == (1, 60)
    stacks.update(name, template(MaximumRetryAttempts=0))
    assert got()["MaximumRetryAttempts"] == 0 and "MaximumEventAgeInSeconds" not in got()
    stacks.delete(name)
