#include "protocol/internal.h"
#include "protocol/test_support.h"
#include "protocol/xml.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

static char seen[4096]; /* the last call's input, as JSON */
static char seen_payload[256];
static const char *next_output = "{}";
static bool next_fails, next_payload, next_file;

static void copy_text(char *to, size_t room, struct mr_slice text)
{
    assert_true(text.len < room);
    memcpy(to, text.ptr == NULL ? "" : text.ptr, text.len);
    to[text.len] = '\0';
}

/* Answers with next_output, and remembers what came. */
static void echo(struct protocol_call *call)
{
    static const struct protocol_fault fault = {"ResourceNotFoundException", 404, false};
    struct mr_buf text = {0};
    struct mr_json json = mr_json_make(&text);
    mr_json_value(&json, call->in);
    copy_text(seen, sizeof(seen), mr_buf_slice(&text));
    mr_buf_fini(&text);
    copy_text(seen_payload, sizeof(seen_payload), call->payload);
    size_t i, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(mr_json_parse(call->arena, mr_slice_cstr(next_output), 100), i, count, key,
                       value)
    {
        mr_json_name(&call->out, mr_json_text(key));
        mr_json_value(&call->out, value);
    }
    if (next_fails)
        protocol_fail(call, &fault, "Function not found: <f>");
    if (next_payload)
        protocol_reply_payload(call, MR_S("payload bytes"));
    if (next_file)
        protocol_reply_file(call, dup(0), 3, 7);
}

#define ECHO(name)                     \
    {                                  \
        .operation = name, .run = echo \
    }
static const struct protocol_handler lambda[] = {
    ECHO("GetFunction"),    ECHO("ListFunctions"),  ECHO("Invoke"),
    ECHO("CreateFunction"), ECHO("DeleteFunction"),
};
static const struct protocol_handler pipes[] = {ECHO("CreatePipe"), ECHO("UntagResource")};
static const struct protocol_handler cloudformation[] = {
    ECHO("CreateChangeSet"),
    ECHO("DescribeStacks"),
    ECHO("DeleteStack"),
};
static const struct protocol_handler s3[] = {
    ECHO("ListBuckets"),
    ECHO("ListObjectsV2"),
    ECHO("ListObjects"),
    ECHO("GetObject"),
    ECHO("HeadObject"),
    ECHO("DeleteObjects"),
    ECHO("CopyObject"),
    ECHO("UploadPart"),
    ECHO("PutObjectTagging"),
    ECHO("GetBucketLocation"),
    ECHO("CreateMultipartUpload"),
    ECHO("CompleteMultipartUpload"),
    ECHO("ListParts"),
    ECHO("DeleteObject"),
    ECHO("GetBucketLifecycleConfiguration"),
    ECHO("GetBucketAcl"),
    ECHO("CreateBucket"),
};

static int setup(void **state)
{
    struct protocol *protocol = test_protocol_new();
    protocol_register(protocol, "lambda", lambda, MR_COUNT(lambda), NULL);
    protocol_register(protocol, "pipes", pipes, MR_COUNT(pipes), NULL);
    protocol_register(protocol, "cloudformation", cloudformation, MR_COUNT(cloudformation), NULL);
    protocol_register(protocol, "s3", s3, MR_COUNT(s3), NULL);
    *state = protocol;
    return 0;
}

static int teardown(void **state)
{
    test_protocol_free(*state);
    return 0;
}

static int reset(void **state)
{
    (void)state;
    next_output = "{}";
    next_fails = next_payload = next_file = false;
    seen[0] = '\0';
    return 0;
}

static const struct test_reply *send_with(void *state, const char *method, const char *target,
                                          const char *const *headers, const char *body)
{
    return test_send(state, &(struct test_request){.method = method,
                                                   .target = target,
                                                   .headers = headers,
                                                   .body = mr_slice_cstr(body)});
}

static const struct test_reply *ask(void *state, const char *method, const char *target,
                                    const char *body)
{
    return send_with(state, method, target, NULL, body);
}

/* ---- restJson ---- */
static void labels_are_decoded_and_queries_typed(void **state)
{
    const struct test_reply *reply =
        ask(*state, "GET",
            "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af"
            "?Qualifier=a%20b",
            "");
    assert_int_equal(reply->status, 400); /* the qualifier has a pattern */
    reply = ask(*state, "GET", "/2015-03-31/functions/f%2Dx?Qualifier=v1", "");
    assert_int_equal(reply->status, 200);
    assert_string_equal(seen, "{\"FunctionName\":\"f-x\",\"Qualifier\":\"v1\"}");
    reply = ask(*state, "GET", "/2015-03-31/functions/?MaxItems=7&Nonsense=1", "");
    assert_int_equal(reply->status, 200);
    assert_string_equal(seen, "{\"MaxItems\":7}");
    reply = ask(*state, "DELETE",
                "/tags/arn%3Aaws%3Apipes%3Aus-east-1%3A000000000000%3Apipe%2Fp?tagKeys=a&tagKeys=b",
                "");
    assert_int_equal(reply->status, 200);
}

static void the_scope_tells_services_with_alike_paths_apart(void **state)
{
    const char *const headers[] = {
        "authorization",
        "AWS4-HMAC-SHA256 Credential=AK/20260102/eu-west-1/pipes/aws4_request, "
        "SignedHeaders=host, Signature=00",
        NULL};
    const struct test_reply *reply = send_with(
        *state, "DELETE",
        "/tags/arn%3Aaws%3Apipes%3Aus-east-1%3A000000000000%3Apipe%2Fp?tagKeys=a&tagKeys=b",
        headers, "");
    assert_int_equal(reply->status, 200);
    assert_string_equal(seen, "{\"resourceArn\":\"arn:aws:pipes:us-east-1:000000000000:pipe/p\","
                              "\"tagKeys\":[\"a\",\"b\"]}");
}

static void a_json_body_joins_the_labels(void **state)
{
    const struct test_reply *reply =
        ask(*state, "POST", "/v1/pipes/p",
            "{\"Source\":\"arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/x\",\"Target\":"
            "\"arn:aws:kinesis:us-east-1:000000000000:stream/s\",\"RoleArn\":"
            "\"arn:aws:iam::000000000000:role/r\",\"Unknown\":1}");
    assert_body(reply, "{}");
    assert_string_equal(
        seen,
        "{\"Name\":\"p\",\"Source\":\"arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/x\","
        "\"Target\":\"arn:aws:kinesis:us-east-1:000000000000:stream/s\",\"RoleArn\":"
        "\"arn:aws:iam::000000000000:role/r\"}");
    assert_slice(test_reply_header("content-type"), "application/json");
    reply = ask(*state, "POST", "/v1/pipes/p", "{\"Source\":1}");
    assert_slice(test_reply_header("x-amzn-errortype"), "SerializationException");
    assert_int_equal(reply->status, 400);
}

static void a_payload_goes_both_ways_with_header_members(void **state)
{
    const char *const headers[] = {"x-amz-log-type", "Tail", NULL};
    next_output = "{\"FunctionError\":\"Unhandled\",\"StatusCode\":202}";
    next_payload = true;
    const struct test_reply *reply = send_with(
        *state, "POST", "/2015-03-31/functions/f/invocations", headers, "\"not looked into");
    assert_int_equal(reply->status, 202);
    assert_body(reply, "payload bytes");
    assert_slice(test_reply_header("x-amz-function-error"), "Unhandled");
    assert_string_equal(seen, "{\"FunctionName\":\"f\",\"LogType\":\"Tail\"}");
    assert_string_equal(seen_payload, "\"not looked into");
}

static void lambda_s_errors_say_whose_fault_in_the_body(void **state)
{
    next_fails = true;
    const struct test_reply *reply = ask(*state, "GET", "/2015-03-31/functions/f", "");
    assert_int_equal(reply->status, 404);
    assert_slice(test_reply_header("x-amzn-errortype"), "ResourceNotFoundException");
    assert_body(reply, "{\"Type\":\"User\",\"Message\":\"Function not found: <f>\"}");
    reply = ask(*state, "GET", "/2015-03-31/nothing/here", "");
    assert_int_equal(reply->status, 404);
    reply = ask(*state, "PUT", "/2015-03-31/functions/f/concurrency", "{}");
    assert_int_equal(reply->status, 404);
    reply = ask(*state, "PUT", "/2017-10-31/functions/f/concurrency", "{}");
    assert_int_equal(reply->status, 501);
    assert_body(reply, "{\"Type\":\"Service\",\"message\":\"millrace does not implement "
                       "Lambda.PutFunctionConcurrency yet\"}");
}

static void alike_paths_differ_by_their_query(void **state)
{
    const struct test_reply *reply = ask(*state, "GET", "/2018-10-31/layers", "");
    assert_body(reply, "{\"Type\":\"Service\",\"message\":\"millrace does not implement "
                       "Lambda.ListLayers yet\"}");
    reply = ask(*state, "GET", "/2018-10-31/layers?find=LayerVersion&Arn=a", "");
    assert_body(reply, "{\"Type\":\"Service\",\"message\":\"millrace does not implement "
                       "Lambda.GetLayerVersionByArn yet\"}");
}

/* ---- query ---- */
static void forms_become_lists_and_structures(void **state)
{
    const char *const headers[] = {"content-type", "application/x-www-form-urlencoded", NULL};
    next_output = "{\"Id\":\"a<b\",\"StackId\":\"s\"}";
    const struct test_reply *reply = send_with(
        *state, "POST", "/", headers,
        "Action=CreateChangeSet&Version=2010-05-15&StackName=s&ChangeSetName=c&Parameters.member.2."
        "ParameterKey=K2&Parameters.member.1.ParameterKey=K1&Parameters.member.1.ParameterValue="
        "a+b%26c&Parameters.member.1.UsePreviousValue=true&Tags=&Parameters.member.10.ParameterKey="
        "K10&Capabilities.member.1=CAPABILITY_IAM");
    assert_int_equal(reply->status, 200);
    assert_string_equal(
        seen, "{\"StackName\":\"s\",\"Parameters\":[{\"ParameterKey\":\"K1\",\"ParameterValue\":"
              "\"a b&c\",\"UsePreviousValue\":true},{\"ParameterKey\":\"K2\"},{\"ParameterKey\":"
              "\"K10\"}],\"Capabilities\":[\"CAPABILITY_IAM\"],\"Tags\":[],\"ChangeSetName\":"
              "\"c\"}");
    const struct mr_slice id = test_reply_header("x-amzn-requestid");
    char expected[512];
    snprintf(expected, sizeof(expected),
             "<CreateChangeSetResponse "
             "xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><CreateChangeSetResult>"
             "<Id>a&lt;b</Id><StackId>s</StackId></CreateChangeSetResult><ResponseMetadata>"
             "<RequestId>%.*s</RequestId></ResponseMetadata></CreateChangeSetResponse>",
             MR_ARG(id));
    assert_body(reply, expected);
    assert_slice(test_reply_header("content-type"), "text/xml");
}

static void query_replies_have_members_times_and_metadata(void **state)
{
    next_output = "{\"Stacks\":[{\"StackName\":\"s\",\"CreationTime\":1718000000.123,"
                  "\"DisableRollback\":false,\"Capabilities\":[\"A\",\"B\"],\"Tags\":[]}]}";
    const struct test_reply *reply =
        ask(*state, "GET", "/?Action=DescribeStacks&Version=2010-05-15", "");
    assert_int_equal(reply->status, 200);
    assert_true(mr_slice_search(
                    reply->body,
                    MR_S("<DescribeStacksResult><Stacks><member><StackName>s</StackName>"
                         "<CreationTime>2024-06-10T06:13:20.123Z</CreationTime>"
                         "<DisableRollback>false</DisableRollback><Capabilities>"
                         "<member>A</member><member>B</member></Capabilities>"
                         "<Tags></Tags></member></Stacks></DescribeStacksResult>")) != SIZE_MAX);
    next_output = "{}";
    reply = ask(*state, "GET", "/?Action=DeleteStack&Version=2010-05-15&StackName=s", "");
    assert_true(mr_slice_search(reply->body, MR_S("DeleteStackResult")) == SIZE_MAX);
    assert_true(mr_slice_search(reply->body, MR_S("<ResponseMetadata>")) != SIZE_MAX);
}

static void query_errors_are_xml(void **state)
{
    const struct test_reply *reply =
        ask(*state, "GET", "/?Action=DeleteStack&Version=2010-05-15", "");
    assert_int_equal(reply->status, 400);
    assert_true(mr_slice_search(reply->body, MR_S("<Type>Sender</Type>")) != SIZE_MAX);
    assert_true(mr_slice_search(reply->body, MR_S("<Code>ValidationError</Code>")) != SIZE_MAX);
    assert_true(mr_slice_search(reply->body, MR_S("Value null at &#39;stackName&#39; failed")) !=
                SIZE_MAX);
    reply = ask(*state, "GET", "/?Action=Nope&Version=2010-05-15", "");
    assert_true(mr_slice_search(reply->body, MR_S("<Code>InvalidAction</Code>")) != SIZE_MAX);
    reply = ask(*state, "GET", "/?Action=SendMessage&Version=2012-11-05", "");
    assert_int_equal(reply->status, 501);
}

/* ---- S3 ---- */
static void s3_operations_are_told_by_method_and_query(void **state)
{
    static const struct {
        const char *method, *target, *input;
    } rows[] = {
        {"GET", "/", "{}"},
        {"GET", "/b?list-type=2&prefix=a%2Fb&max-keys=7&encoding-type=url",
         "{\"Bucket\":\"b\",\"EncodingType\":\"url\",\"MaxKeys\":7,\"Prefix\":\"a/b\"}"},
        {"GET", "/b/?prefix=a+b", "{\"Bucket\":\"b\",\"Prefix\":\"a b\"}"},
        {"GET", "/b/a//b/../c%2Bd+e%20f?x-id=GetObject&response-content-type=text%2Fx",
         "{\"Bucket\":\"b\",\"Key\":\"a//b/../c+d+e f\",\"ResponseContentType\":\"text/x\"}"},
        {"GET", "/b/k?uploadId=u&max-parts=2",
         "{\"Bucket\":\"b\",\"Key\":\"k\",\"MaxParts\":2,\"UploadId\":\"u\"}"},
        {"PUT", "/b/k?partNumber=3&uploadId=u",
         "{\"Bucket\":\"b\",\"Key\":\"k\",\"PartNumber\":3,\"UploadId\":\"u\"}"},
        {"POST", "/b/k?uploads=", "{\"Bucket\":\"b\",\"Key\":\"k\"}"},
        {"GET", "/b?location", "{\"Bucket\":\"b\"}"},
        {"GET", "/b?lifecycle", "{\"Bucket\":\"b\"}"},
        {"DELETE", "/b/k%00%C3%A9", "{\"Bucket\":\"b\",\"Key\":\"k\\u0000\xc3\xa9\"}"},
    };
    for (size_t i = 0; i < MR_COUNT(rows); i++) {
        const struct test_reply *reply = ask(*state, rows[i].method, rows[i].target, "");
        assert_true(reply->status < 300);
        assert_string_equal(seen, rows[i].input);
    }
}

static void s3_headers_are_members_and_metadata_a_map(void **state)
{
    const char *const headers[] = {"x-amz-copy-source",
                                   "/b/k",
                                   "x-amz-meta-color",
                                   "r\xe9"
                                   "d",
                                   "x-amz-meta-size",
                                   "7",
                                   "content-encoding",
                                   "aws-chunked, gzip",
                                   "x-amz-copy-source-if-modified-since",
                                   "Mon, 10 Jun 2024 06:13:20 GMT",
                                   NULL};
    next_output = "{\"CopyObjectResult\":{\"ETag\":\"\\\"e\\\"\",\"LastModified\":1718000000}}";
    const struct test_reply *reply = send_with(*state, "PUT", "/b/k2", headers, "");
    assert_string_equal(seen, "{\"Bucket\":\"b\",\"ContentEncoding\":\"gzip\",\"CopySource\":"
                              "\"/b/k\",\"CopySourceIfModifiedSince\":1718000000.0,\"Key\":"
                              "\"k2\",\"Metadata\":{\"color\":\"r\xc3\xa9"
                              "d\",\"size\":\"7\"}}");
    assert_body(reply,
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<CopyObjectResult "
                "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><ETag>&quot;e&quot;</ETag>"
                "<LastModified>2024-06-10T06:13:20.000Z</LastModified></CopyObjectResult>");
    assert_slice(test_reply_header("content-type"), "application/xml");
}

static void s3_xml_bodies_are_read_by_the_model(void **state)
{
    const struct test_reply *reply = ask(
        *state, "POST", "/b?delete",
        "<?xml version=\"1.0\"?><!-- c --><Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/"
        "\">\n<Object><Key>a&amp;b&#x20AC;</Key></Object><Object><Key><![CDATA[<c>]]></Key>"
        "<VersionId>v</VersionId></Object> <Quiet>true</Quiet></Delete>\n");
    assert_int_equal(reply->status, 200);
    assert_string_equal(seen,
                        "{\"Bucket\":\"b\",\"Delete\":{\"Objects\":[{\"Key\":\"a&b\xe2\x82\xac"
                        "\"},{\"Key\":\"<c>\",\"VersionId\":\"v\"}],\"Quiet\":true}}");
    ask(*state, "POST", "/b/k?uploadId=u",
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>\"x\"</ETag></Part>"
        "<Part><ETag>y</ETag><PartNumber> 2 </PartNumber></Part></CompleteMultipartUpload>");
    assert_string_equal(
        seen, "{\"Bucket\":\"b\",\"Key\":\"k\",\"UploadId\":\"u\",\"MultipartUpload\":{\"Parts\":[{"
              "\"ETag\":\"\\\"x\\\"\",\"PartNumber\":1},{\"ETag\":\"y\","
              "\"PartNumber\":2}]}}");
    ask(*state, "PUT", "/b/k?tagging",
        "<Tagging><TagSet><Tag><Key>k</Key><Value></Value></Tag></TagSet></Tagging>");
    assert_string_equal(seen, "{\"Bucket\":\"b\",\"Key\":\"k\",\"Tagging\":{\"TagSet\":[{\"Key\":"
                              "\"k\",\"Value\":\"\"}]}}");
    reply = ask(*state, "POST", "/b?delete", "<Delete><Object></Delete>");
    assert_int_equal(reply->status, 400);
    assert_true(mr_slice_search(reply->body, MR_S("<Code>MalformedXML</Code>")) != SIZE_MAX);
    reply = ask(*state, "POST", "/b?delete", "");
    assert_true(mr_slice_search(reply->body, MR_S("<Code>MissingRequestBodyError</Code>")) !=
                SIZE_MAX);
}

static void s3_lists_are_flattened_under_their_root(void **state)
{
    next_output =
        "{\"IsTruncated\":false,\"Contents\":[{\"Key\":\"a&b\",\"Size\":3},{\"Key\":\"c\"}],"
        "\"Name\":\"b\",\"CommonPrefixes\":[{\"Prefix\":\"p/\"}]}";
    const struct test_reply *reply = ask(*state, "GET", "/b?list-type=2", "");
    assert_body(reply,
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult "
                "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><IsTruncated>false</IsTruncated>"
                "<Contents><Key>a&amp;b</Key><Size>3</Size></Contents><Contents><Key>c</Key>"
                "</Contents><Name>b</Name><CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes>"
                "</ListBucketResult>");
    next_output = "{\"LocationConstraint\":\"eu-west-1\"}";
    reply = ask(*state, "GET", "/b?location", "");
    assert_body(reply, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<LocationConstraint "
                       "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">eu-west-1"
                       "</LocationConstraint>");
    next_output = "{\"Grants\":[{\"Grantee\":{\"Type\":\"CanonicalUser\",\"ID\":\"i\"},"
                  "\"Permission\":\"READ\"}]}";
    reply = ask(*state, "GET", "/b?acl", "");
    assert_body(reply,
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<AccessControlPolicy "
                "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><AccessControlList><Grant>"
                "<Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
                "xsi:type=\"CanonicalUser\"><ID>i</ID></Grantee><Permission>READ</Permission>"
                "</Grant></AccessControlList></AccessControlPolicy>");
}

static void s3_objects_answer_with_headers_and_a_file(void **state)
{
    next_output = "{\"ETag\":\"\\\"e\\\"\",\"ContentLength\":7,\"ContentType\":\"text/plain\","
                  "\"LastModified\":1718000000,\"Metadata\":{\"A\":\"x\"},\"ContentDisposition\":"
                  "\"a\\r\\nInjected: b\"}";
    next_file = true;
    const struct test_reply *reply = ask(*state, "GET", "/b/k", "");
    assert_true(reply->from_file);
    assert_int_equal(reply->file_len, 7);
    assert_slice(test_reply_header("etag"), "\"e\"");
    assert_slice(test_reply_header("content-type"), "text/plain");
    assert_slice(test_reply_header("last-modified"), "Mon, 10 Jun 2024 06:13:20 GMT");
    assert_slice(test_reply_header("x-amz-meta-a"), "x");
    assert_slice(test_reply_header("content-disposition"), "a  Injected: b");
    assert_int_equal(test_reply_header("content-length").len, 0);
    assert_int_equal(test_reply_header("x-amz-request-id").len, 16);
    next_file = false;
    reply = ask(*state, "HEAD", "/b/k", "");
    assert_int_equal(reply->content_length, 7);
    assert_body(reply, "");
    next_fails = true;
    reply = ask(*state, "HEAD", "/b/k", "");
    assert_int_equal(reply->status, 404);
    assert_body(reply, "");
}

static void s3_numbers_that_are_none_are_refused(void **state)
{
    const struct test_reply *reply = ask(*state, "GET", "/b?list-type=2&max-keys=x", "");
    assert_int_equal(reply->status, 400);
    assert_true(mr_slice_search(reply->body, MR_S("<Error><Code>InvalidArgument</Code><Message>"
                                                  "Provided max-keys not an integer or within "
                                                  "integer range</Message><ArgumentName>max-keys"
                                                  "</ArgumentName><ArgumentValue>x"
                                                  "</ArgumentValue>")) != SIZE_MAX);
    reply = ask(*state, "GET", "/b/%FF", "");
    assert_true(mr_slice_search(reply->body, MR_S("<Code>InvalidURI</Code>")) != SIZE_MAX);
    reply = ask(*state, "PATCH", "/b/k", "");
    assert_int_equal(reply->status, 405);
}

static void buckets_may_stand_in_the_host(void **state)
{
    const char *const headers[] = {"host", "my.bucket.localhost:4566", NULL};
    send_with(*state, "GET", "/a/b", headers, "");
    assert_string_equal(seen, "{\"Bucket\":\"my.bucket\",\"Key\":\"a/b\"}");
    send_with(*state, "GET", "/?list-type=2", headers, "");
    assert_string_equal(seen, "{\"Bucket\":\"my.bucket\"}");
    assert_int_equal(route_host_bucket(MR_S("127.0.0.1:80"), MR_S("localhost")).len, 0);
    assert_int_equal(route_host_bucket(MR_S("[::1]:80"), MR_S("localhost")).len, 0);
    assert_int_equal(route_host_bucket(MR_S("localhost"), MR_S("localhost")).len, 0);
    assert_int_equal(route_host_bucket(MR_S("s3.localhost"), MR_S("localhost")).len, 0);
    assert_slice(route_host_bucket(MR_S("b.s3.eu-west-1.amazonaws.com"), MR_S("localhost")), "b");
}

/* ---- XML ---- */
static bool parses(const char *text)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    const bool good = xml_parse(&arena, mr_slice_cstr(text)) != NULL;
    mr_arena_fini(&arena);
    return good;
}

static void xml_is_read_strictly(void **state)
{
    (void)state;
    assert_true(parses("<a/>"));
    assert_true(
        parses("\xef\xbb\xbf<?xml version='1.0'?>\n<n:a b='c' d = \"e\"><f/>x&#65;</n:a > "));
    assert_false(parses(""));
    assert_false(parses("text"));
    assert_false(parses("<a>"));
    assert_false(parses("<a></b>"));
    assert_false(parses("<a/><b/>"));
    assert_false(parses("<a>&nbsp;</a>"));
    assert_false(parses("<a>&#0;</a>"));
    assert_false(parses("<a>&#xD800;</a>"));
    assert_false(parses("<a>&#x110000;</a>"));
    assert_false(parses("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"));
    assert_false(parses("<a b=c/>"));
    assert_false(parses("<a b='<'/>"));
    assert_false(parses("<a b='1'c='2'/>"));
    assert_false(parses("<1a/>"));
    char deep[400] = "";
    for (size_t i = 0; i < 40; i++)
        memcpy(deep + i * 3, "<a>", 3);
    assert_false(parses(deep));
}

#define TEST(name) cmocka_unit_test_setup(name, reset)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(labels_are_decoded_and_queries_typed),
        TEST(the_scope_tells_services_with_alike_paths_apart),
        TEST(a_json_body_joins_the_labels),
        TEST(a_payload_goes_both_ways_with_header_members),
        TEST(lambda_s_errors_say_whose_fault_in_the_body),
        TEST(alike_paths_differ_by_their_query),
        TEST(forms_become_lists_and_structures),
        TEST(query_replies_have_members_times_and_metadata),
        TEST(query_errors_are_xml),
        TEST(s3_operations_are_told_by_method_and_query),
        TEST(s3_headers_are_members_and_metadata_a_map),
        TEST(s3_xml_bodies_are_read_by_the_model),
        TEST(s3_lists_are_flattened_under_their_root),
        TEST(s3_objects_answer_with_headers_and_a_file),
        TEST(s3_numbers_that_are_none_are_refused),
        TEST(buckets_may_stand_in_the_host),
        TEST(xml_is_read_strictly),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
