/* The signatures below were made by botocore with its clock held at 2026-01-02T03:04:05Z; the
 * streamed body is the published example. */
#include "protocol/test_support.h"
#include "base/codec.h"
#include "protocol/sigv4.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static struct mr_slice access_key;

static void run(struct protocol_call *call)
{
    access_key = call->access_key;
}

static const struct protocol_handler dynamodb[] = {
    {.operation = "ListTables", .run = run, .flags = PROTOCOL_INLINE}};
static const struct protocol_handler lambda[] = {{.operation = "GetFunction", .run = run}};
static const struct protocol_handler s3[] = {{.operation = "GetObject", .run = run},
                                             {.operation = "CopyObject", .run = run},
                                             {.operation = "DeleteObjects", .run = run}};
static const struct protocol_handler sts[] = {{.operation = "GetCallerIdentity", .run = run}};
static const struct protocol_credential credentials[] = {
    {MR_S_INIT("AK"), MR_S_INIT("secret"), {0}},
    {MR_S_INIT("TEMP"), MR_S_INIT("secret"), MR_S_INIT("tok/en+")},
};

static int setup(void **state)
{
    struct protocol *protocol = test_protocol_signed_new(credentials, MR_COUNT(credentials));
    protocol_register(protocol, "dynamodb", dynamodb, MR_COUNT(dynamodb), NULL);
    protocol_register(protocol, "lambda", lambda, MR_COUNT(lambda), NULL);
    protocol_register(protocol, "s3", s3, MR_COUNT(s3), NULL);
    protocol_register(protocol, "sts", sts, MR_COUNT(sts), NULL);
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
    test_now_ms = (int64_t)TEST_NOW_S * 1000;
    return 0;
}

#define SCOPE(service) "AK/20260102/us-east-1/" service "/aws4_request"
#define LIST_TABLES_SIGNATURE "8458a910b7a93987896da36fe6c4afc5a67c8a21de3c821793930e41579c8cba"
#define LIST_TABLES_HEADERS "content-type;host;x-amz-date;x-amz-target"

static const struct test_reply *list_tables(struct protocol *protocol, const char *authorization,
                                            const char *body)
{
    const char *const headers[] = {"host",
                                   "127.0.0.1:4566",
                                   "content-type",
                                   "application/x-amz-json-1.0",
                                   "x-amz-target",
                                   "DynamoDB_20120810.ListTables",
                                   "x-amz-date",
                                   "20260102T030405Z",
                                   "authorization",
                                   authorization,
                                   NULL};
    return test_send(protocol, &(struct test_request){.method = "POST",
                                                      .target = "/",
                                                      .headers = headers,
                                                      .body = mr_slice_cstr(body)});
}

static void a_signed_json_request_is_let_in(void **state)
{
    const struct test_reply *reply = list_tables(
        *state,
        "AWS4-HMAC-SHA256 Credential=" SCOPE("dynamodb") ", SignedHeaders=" LIST_TABLES_HEADERS
                                                         ", Signature=" LIST_TABLES_SIGNATURE,
        "{}");
    assert_int_equal(reply->status, 200);
    assert_slice(access_key, "AK");
    reply = list_tables(
        *state,
        "AWS4-HMAC-SHA256 Credential=" SCOPE("dynamodb") ",SignedHeaders=" LIST_TABLES_HEADERS
                                                         ",Signature=" LIST_TABLES_SIGNATURE,
        "{}");
    assert_int_equal(reply->status, 200);
}

#define SERVICE_TYPE "{\"__type\":\"com.amazon.coral.service#"

static void json_errors_name_what_is_wrong(void **state)
{
    const struct test_reply *reply = list_tables(
        *state,
        "AWS4-HMAC-SHA256 Credential=" SCOPE("dynamodb") ", SignedHeaders=" LIST_TABLES_HEADERS
                                                         ", Signature=" LIST_TABLES_SIGNATURE,
        "{ }");
    assert_int_equal(reply->status, 400);
    assert_body(
        reply, SERVICE_TYPE
        "InvalidSignatureException\",\"message\":\"The request signature we calculated does "
        "not match the signature you provided. Check your AWS Secret Access Key and signing "
        "method. Consult the service documentation for details.\"}");
    reply = test_json(*state, "DynamoDB_20120810.ListTables", "{}");
    assert_body(reply,
                SERVICE_TYPE "MissingAuthenticationTokenException\",\"message\":\"Request is "
                             "missing Authentication Token\"}");
    reply = list_tables(*state, "AWS4-HMAC-SHA256 Credential=" SCOPE("dynamodb"), "{}");
    assert_body(reply, SERVICE_TYPE
                "IncompleteSignatureException\",\"message\":\"Authorization header requires "
                "'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. "
                "Authorization=AWS4-HMAC-SHA256 "
                "Credential=AK/20260102/us-east-1/dynamodb/aws4_request\"}");
    reply = list_tables(*state,
                        "AWS4-HMAC-SHA256 Credential=AK/20260102/us-east-1/kinesis/e, "
                        "SignedHeaders=host, Signature=x",
                        "{}");
    assert_body(reply, SERVICE_TYPE
                "InvalidSignatureException\",\"message\":\"Credential should be scoped to correct "
                "service: 'dynamodb'. Credential should be scoped with a valid terminator: "
                "'aws4_request', not 'e'. \"}");
    reply = list_tables(*state,
                        "AWS4-HMAC-SHA256 Credential=NO/20260102/us-east-1/dynamodb/aws4_request, "
                        "SignedHeaders=host, Signature=x",
                        "{}");
    assert_body(reply,
                SERVICE_TYPE "UnrecognizedClientException\",\"message\":\"The security token "
                             "included in the request is invalid.\"}");
}

static void a_skewed_clock_is_told_both_times(void **state)
{
    const char *authorization =
        "AWS4-HMAC-SHA256 Credential=" SCOPE("dynamodb") ", SignedHeaders=" LIST_TABLES_HEADERS
                                                         ", Signature=" LIST_TABLES_SIGNATURE;
    test_now_ms += 15 * 60 * 1000;
    assert_int_equal(list_tables(*state, authorization, "{}")->status, 200);
    test_now_ms += 1000;
    assert_body(list_tables(*state, authorization, "{}"), SERVICE_TYPE
                "InvalidSignatureException\",\"message\":\"Signature expired: 20260102T030405Z is "
                "now earlier than 20260102T030406Z (20260102T031906Z - 15 min.)\"}");
    test_now_ms -= 31 * 60 * 1000;
    assert_body(list_tables(*state, authorization, "{}"), SERVICE_TYPE
                "InvalidSignatureException\",\"message\":\"Signature not yet current: "
                "20260102T030405Z is still later than 20260102T030306Z (20260102T024806Z + 15 "
                "min.)\"}");
}

static void paths_of_rest_services_are_encoded_twice(void **state)
{
    const char *const headers[] = {
        "host",
        "127.0.0.1:4566",
        "x-amz-date",
        "20260102T030405Z",
        "authorization",
        "AWS4-HMAC-SHA256 Credential=" SCOPE(
            "lambda") ", SignedHeaders=host;x-amz-date, "
                      "Signature=19f19492f57578dff489c9a97c472fef94190a8e801f32c47f318847674783cc",
        NULL};
    const struct test_reply *reply = test_send(
        *state,
        &(struct test_request){.method = "GET",
                               .target = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A"
                                         "000000000000%3Afunction%3Af?Qualifier=v1",
                               .headers = headers});
    assert_int_equal(reply->status, 200);
}

static const struct test_reply *get_s3(struct protocol *protocol, const char *target,
                                       const char *const *headers)
{
    return test_send(protocol,
                     &(struct test_request){.method = "GET", .target = target, .headers = headers});
}

static void paths_of_s3_are_encoded_once_and_not_normalised(void **state)
{
    const char *const headers[] = {
        "host",
        "localhost:4566",
        "x-amz-date",
        "20260102T030405Z",
        "x-amz-content-sha256",
        EMPTY_HASH,
        "authorization",
        "AWS4-HMAC-SHA256 Credential=" SCOPE(
            "s3") ", "
                  "SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
                  "Signature=669c9249f362015790b19f518bdf0e82271dbdbff224a8e5def8fae39722ce0a",
        NULL};
    const char *target = "/b/a%20b%2B%C3%A9//c/../d?x-id=GetObject";
    assert_int_equal(get_s3(*state, target, headers)->status, 200);
    const char *unsigned_header[16];
    memcpy(unsigned_header, headers, sizeof(headers));
    unsigned_header[8] = "x-amz-request-payer";
    unsigned_header[9] = "requester";
    unsigned_header[10] = NULL;
    const struct test_reply *reply = get_s3(*state, target, unsigned_header);
    assert_int_equal(reply->status, 403);
    assert_true(mr_slice_search(reply->body, MR_S("<HeadersNotSigned>x-amz-request-payer<")) !=
                SIZE_MAX);
    reply = get_s3(*state, "/b/other", headers);
    assert_int_equal(reply->status, 403);
    assert_true(mr_slice_search(reply->body, MR_S("<Code>SignatureDoesNotMatch</Code>")) !=
                SIZE_MAX);
    assert_true(mr_slice_search(reply->body, MR_S("<StringToSign>AWS4-HMAC-SHA256\n")) != SIZE_MAX);
    reply = get_s3(*state, "/b/k", NULL);
    assert_int_equal(reply->status, 403);
    assert_true(mr_slice_search(reply->body, MR_S("<Code>AccessDenied</Code>")) != SIZE_MAX);
}

static void a_presigned_url_holds_until_it_expires(void **state)
{
    const char *const headers[] = {"host", "127.0.0.1:4566", NULL};
    const char *target =
        "/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20260102%2Fus-east-1%2Fs3%2F"
        "aws4_request&X-Amz-Date=20260102T030405Z&X-Amz-Expires=600&X-Amz-SignedHeaders=host&"
        "X-Amz-Signature=82d804a3bb24d435ed8eaa2c266296ea2d0d5ff91560e9a5de3a559c2b10fbe8";
    assert_int_equal(get_s3(*state, target, headers)->status, 200);
    test_now_ms += 599999;
    assert_int_equal(get_s3(*state, target, headers)->status, 200);
    test_now_ms += 1;
    const struct test_reply *reply = get_s3(*state, target, headers);
    assert_int_equal(reply->status, 403);
    assert_true(mr_slice_search(reply->body, MR_S("<Message>Request has expired</Message>")) !=
                SIZE_MAX);
    reply = get_s3(*state, "/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256", headers);
    assert_int_equal(reply->status, 400);
    assert_true(mr_slice_search(reply->body, MR_S("AuthorizationQueryParametersError")) !=
                SIZE_MAX);
}

#define PRESIGNED(algorithm, credential, date, expires, signed)                           \
    "/b/k?X-Amz-Algorithm=" algorithm "&X-Amz-Credential=" credential "&X-Amz-Date=" date \
    "&X-Amz-Expires=" expires "&X-Amz-SignedHeaders=" signed "&X-Amz-Signature=00"
#define V4 "AWS4-HMAC-SHA256"
#define CREDENTIAL "AK/20260102/us-east-1/s3/aws4_request"
#define NOON "20260102T030405Z"

static void s3_s_presigned_urls_tell_what_is_wrong_with_them(void **state)
{
    static const struct {
        const char *target, *code, *says;
    } cases[] = {
        {PRESIGNED("AWS4-FOO", CREDENTIAL, NOON, "600", "host"),
         "AuthorizationQueryParametersError", "X-Amz-Algorithm only supports"},
        {PRESIGNED(V4, CREDENTIAL, "2026-01-02", "600", "host"),
         "AuthorizationQueryParametersError", "X-Amz-Date must be in the ISO8601 Long Format"},
        {PRESIGNED(V4, CREDENTIAL, NOON, "soon", "host"), "AuthorizationQueryParametersError",
         "X-Amz-Expires should be a number"},
        {PRESIGNED(V4, CREDENTIAL, NOON, "-1", "host"), "AuthorizationQueryParametersError",
         "X-Amz-Expires must be non-negative"},
        {PRESIGNED(V4, CREDENTIAL, NOON, "604801", "host"), "AuthorizationQueryParametersError",
         "must be less than 604800 seconds"},
        {PRESIGNED(V4, CREDENTIAL, NOON, "604800", "host"), "SignatureDoesNotMatch",
         "<StringToSignBytes>41 57 53 34 2d"},
        {PRESIGNED(V4, "AK/20260102", NOON, "600", "host"), "AuthorizationQueryParametersError",
         "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed"},
        {PRESIGNED(V4, "AK/2026/us-east-1/s3/aws4_request", NOON, "600", "host"),
         "AuthorizationQueryParametersError", "incorrect date format &quot;2026&quot;."},
        {PRESIGNED(V4, "AK/20260102/us-east-1/s3/aws4", NOON, "600", "host"),
         "AuthorizationQueryParametersError", "incorrect terminal &quot;aws4&quot;."},
        {PRESIGNED(V4, "AK/20260101/us-east-1/s3/aws4_request", NOON, "600", "host"),
         "AuthorizationQueryParametersError",
         "<Message>Invalid credential date &quot;20260101&quot;."},
        {PRESIGNED(V4, CREDENTIAL, NOON, "600", ""), "AccessDenied",
         "<HeadersNotSigned>host</HeadersNotSigned>"},
        {PRESIGNED(V4, CREDENTIAL, "20260102T010405Z", "600", "host"), "AccessDenied",
         "<X-Amz-Expires>600</X-Amz-Expires><Expires>2026-01-02T01:14:05"},
        {PRESIGNED(V4, CREDENTIAL, "20260102T040405Z", "600", "host"), "AccessDenied",
         "<Message>Request is not yet valid</Message><X-Amz-Date>1767326645000</X-Amz-Date>"},
    };
    const char *const headers[] = {"host", "127.0.0.1:4566", NULL};
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        const struct mr_slice body = get_s3(*state, cases[i].target, headers)->body;
        if (mr_slice_search(body, mr_slice_cstr(cases[i].code)) == SIZE_MAX ||
            mr_slice_search(body, mr_slice_cstr(cases[i].says)) == SIZE_MAX)
            fail_msg("%s: not '%s: %s' but %.*s", cases[i].target, cases[i].code, cases[i].says,
                     MR_ARG(body));
    }
}

static void s3_tells_what_is_wrong_with_a_header(void **state)
{
    static const char signed_by[] =
        "AWS4-HMAC-SHA256 Credential=" CREDENTIAL ", SignedHeaders=host;x-amz-date, Signature=00";
    static const char other_end[] =
        "AWS4-HMAC-SHA256 Credential=AK/20260102/us-east-1/s3/aws5_request, "
        "SignedHeaders=host;x-amz-date, Signature=00";
    static const struct {
        const char *target;
        const char *headers[9];
        const char *code, *says;
    } cases[] = {
        {"/b/k",
         {"authorization", "Bearer x"},
         "InvalidArgument",
         "Unsupported Authorization Type"},
        {"/b/k?X-Amz-Algorithm=" V4,
         {"authorization", signed_by},
         "InvalidArgument",
         "Only one auth mechanism allowed"},
        {"/b/k",
         {"authorization", signed_by},
         "AccessDenied",
         "AWS authentication requires a valid Date or x-amz-date header"},
        {"/b/k",
         {"authorization", "AWS4-HMAC-SHA256 Credential=" CREDENTIAL, "x-amz-date", NOON},
         "AuthorizationHeaderMalformed",
         "the authorization header requires three components"},
        {"/b/k",
         {"authorization", other_end, "x-amz-date", NOON},
         "AuthorizationHeaderMalformed",
         "malformed; incorrect terminal &quot;aws5_request&quot;. This endpoint uses"},
        {"/b/k",
         {"authorization", signed_by, "x-amz-date", NOON},
         "InvalidRequest",
         "Missing required header for this request: x-amz-content-sha256"},
        {"/b/k",
         {"authorization", signed_by, "x-amz-date", NOON, "x-amz-acl", "private", "x-amz-meta-a",
          "1"},
         "AccessDenied",
         "<HeadersNotSigned>x-amz-acl, x-amz-meta-a</HeadersNotSigned>"},
        {"/b/k",
         {"x-amz-content-sha256", "zz", "authorization",
          "AWS4-HMAC-SHA256 Credential=" CREDENTIAL
          ", SignedHeaders=host;x-amz-date;x-amz-content-sha256, Signature=00",
          "x-amz-date", NOON},
         "InvalidArgument",
         "<ArgumentValue>zz</ArgumentValue>"},
    };
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        const char *headers[12] = {"host", "127.0.0.1:4566"};
        memcpy(headers + 2, cases[i].headers, sizeof cases[i].headers);
        const struct mr_slice body = get_s3(*state, cases[i].target, headers)->body;
        if (mr_slice_search(body, mr_slice_cstr(cases[i].code)) == SIZE_MAX ||
            mr_slice_search(body, mr_slice_cstr(cases[i].says)) == SIZE_MAX)
            fail_msg("case %zu: not '%s: %s' but %.*s", i, cases[i].code, cases[i].says,
                     MR_ARG(body));
    }
}

static void boto3_s_old_presigned_urls_hold_too(void **state)
{
    const char *const headers[] = {"host", "localhost:4566", NULL};
    const struct test_reply *reply =
        get_s3(*state,
               "/b/k%20x?versionId=3&response-content-type=text%2Fplain&x-id=G&AWSAccessKeyId=TEMP&"
               "Signature=4pk13S6uy7F0zslt5dzlc4rma6M%3D&x-amz-security-token=tok%2Fen%2B&"
               "Expires=1767323645",
               headers);
    assert_int_equal(reply->status, 200);
    reply = get_s3(*state,
                   "/b/k%20x?versionId=4&response-content-type=text%2Fplain&AWSAccessKeyId=TEMP&"
                   "Signature=4pk13S6uy7F0zslt5dzlc4rma6M%3D&x-amz-security-token=tok%2Fen%2B&"
                   "Expires=1767323645",
                   headers);
    assert_int_equal(reply->status, 403);
    const char *const put[] = {"host", "localhost:4566", "x-amz-copy-source", "/b/k", NULL};
    reply = test_send(*state, &(struct test_request){
                                  .method = "PUT",
                                  .target = "/b/k?AWSAccessKeyId=AK&Signature=x&Expires=1767323645",
                                  .headers = put});
    assert_int_equal(reply->status, 403);
    reply = get_s3(*state, "/b/k?AWSAccessKeyId=AK", headers);
    assert_true(mr_slice_search(reply->body,
                                MR_S("Query-string authentication requires the Signature, Expires "
                                     "and AWSAccessKeyId parameters")) != SIZE_MAX);
    reply = get_s3(*state, "/b/k?AWSAccessKeyId=AK&Signature=x&Expires=1767323045", headers);
    assert_true(mr_slice_search(reply->body, MR_S("Request has expired")) != SIZE_MAX);
}

static void a_session_token_must_be_the_key_s_own(void **state)
{
    const char *const headers[] = {
        "host",
        "localhost:4566",
        "content-type",
        "application/x-www-form-urlencoded",
        "x-amz-date",
        "20260102T030405Z",
        "x-amz-security-token",
        "tok/en+",
        "authorization",
        "AWS4-HMAC-SHA256 Credential=" SCOPE(
            "sts") ", "
                   "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, "
                   "Signature=716b7ae144b121509bcb22994d980d77aa2dddc1dab5a31bd359b43723aba110",
        NULL};
    const struct test_request request = {.method = "POST",
                                         .target = "/",
                                         .headers = headers,
                                         .body =
                                             MR_S("Action=GetCallerIdentity&Version=2011-06-15")};
    const struct test_reply *reply = test_send(*state, &request);
    assert_int_equal(reply->status, 403); /* AK has no token */
    assert_true(mr_slice_search(reply->body, MR_S("<Code>InvalidClientTokenId</Code>")) !=
                SIZE_MAX);
}

static void a_body_must_have_the_hash_that_was_announced(void **state)
{
    const char *const headers[] = {"host", "localhost:4566", "x-amz-content-sha256", EMPTY_HASH,
                                   NULL};
    struct protocol *open = test_protocol_new();
    protocol_register(open, "s3", s3, MR_COUNT(s3), NULL);
    const struct test_reply *reply = test_send(
        open,
        &(struct test_request){.method = "POST",
                               .target = "/b?delete",
                               .headers = headers,
                               .body = MR_S("<Delete><Object><Key>k</Key></Object></Delete>")});
    assert_int_equal(reply->status, 400);
    assert_true(mr_slice_search(reply->body, MR_S("<Code>XAmzContentSHA256Mismatch</Code>")) !=
                SIZE_MAX);
    test_protocol_free(open);
    (void)state;
}

static void health(void *ctx, struct http_exchange *exchange)
{
    (void)ctx;
    mr_buf_append(&exchange->reply_body, MR_S("fine"));
}

static void answer(void *ctx, struct http_exchange *exchange)
{
    health(ctx, exchange);
    http_reply_send(exchange);
}

static void our_own_paths_are_closed_too_but_for_health(void **state)
{
    protocol_register_internal(*state, "/_millrace/health", health, NULL);
    protocol_register_internal(*state, "/_millrace/status", health, NULL);
    assert_body(get_s3(*state, "/_millrace/health", NULL), "fine");
    assert_int_equal(get_s3(*state, "/_millrace/status", NULL)->status, 403);
    protocol_register_internal_open(*state, "/_millrace/open", answer, NULL);
    assert_body(get_s3(*state, "/_millrace/open", NULL), "fine");
    const char *const headers[] = {
        "host",
        "127.0.0.1:4566",
        "x-amz-date",
        "20260102T030405Z",
        "authorization",
        "AWS4-HMAC-SHA256 Credential=" SCOPE(
            "millrace") ", SignedHeaders=host;x-amz-date, "
                        "Signature="
                        "e9cb16feb4788918860fba11ee6eee6ab7b6d89c57ad025ad0fde6652641c55c",
        NULL};
    assert_int_equal(get_s3(*state, "/_millrace/status", headers)->status, 200);
}

static void the_published_chunk_signatures_come_out(void **state)
{
    (void)state;
    static char data[65536];
    memset(data, 'a', sizeof(data));
    struct sigv4_chain chain = {
        .key = sigv4_key_make(MR_S("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), MR_S("20130524"),
                              MR_S("us-east-1"), MR_S("s3")),
        .time = MR_S("20130524T000000Z"),
        .scope = MR_S("20130524/us-east-1/s3/aws4_request"),
        .previous = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"};
    static const struct {
        size_t len;
        const char *signature;
    } rows[] = {{65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"},
                {1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"},
                {0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"}};
    for (size_t i = 0; i < MR_COUNT(rows); i++) {
        uint8_t digest[32];
        char hex[65];
        mr_sha256(mr_slice_make(data, rows[i].len), digest);
        mr_hex(digest, 32, hex);
        sigv4_chain_chunk(&chain, hex);
        assert_string_equal(chain.previous, rows[i].signature);
    }
}

#define TEST(name) cmocka_unit_test_setup(name, reset)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_signed_json_request_is_let_in),
        TEST(json_errors_name_what_is_wrong),
        TEST(a_skewed_clock_is_told_both_times),
        TEST(paths_of_rest_services_are_encoded_twice),
        TEST(paths_of_s3_are_encoded_once_and_not_normalised),
        TEST(a_presigned_url_holds_until_it_expires),
        TEST(s3_s_presigned_urls_tell_what_is_wrong_with_them),
        TEST(s3_tells_what_is_wrong_with_a_header),
        TEST(boto3_s_old_presigned_urls_hold_too),
        TEST(a_session_token_must_be_the_key_s_own),
        TEST(a_body_must_have_the_hash_that_was_announced),
        TEST(our_own_paths_are_closed_too_but_for_health),
        TEST(the_published_chunk_signatures_come_out),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
