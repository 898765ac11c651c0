#include "protocol/test_support.h"
#include "base/codec.h"
#include "protocol/chunked.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- the frames ---- */
static enum mr_status append(void *ctx, struct mr_slice data)
{
    mr_buf_append(ctx, data);
    return MR_OK;
}

static const char unsigned_body[] = "5\r\nhello\r\nA\r\n0123456789\r\n0\r\n"
                                    "x-amz-checksum-crc32:NhCmhg==\r\nX-Other: b\r\n\r\n";

/* Decodes `body` in two pieces. */
static enum mr_status decode_split(struct mr_slice body, size_t split, struct mr_buf *plain,
                                   size_t *ret_trailers)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct chunked *chunked = chunked_new(&arena, (struct http_sink){append, plain}, NULL);
    enum mr_status status = chunked_feed(chunked, mr_slice_sub(body, 0, split));
    if (status == MR_OK)
        status = chunked_feed(chunked, mr_slice_sub(body, split, SIZE_MAX));
    if (status == MR_OK)
        status = chunked_finish(chunked);
    const struct http_header *trailers;
    *ret_trailers = chunked_trailers(chunked, &trailers);
    if (status == MR_OK && *ret_trailers == 2) {
        assert_slice(trailers[0].value, "NhCmhg==");
        assert_slice(trailers[1].name, "x-other");
    }
    chunked_fini(chunked);
    mr_arena_fini(&arena);
    return status;
}

static void frames_are_read_at_every_split(void **state)
{
    (void)state;
    const struct mr_slice body = mr_slice_make(unsigned_body, sizeof(unsigned_body) - 1);
    for (size_t split = 0; split <= body.len; split++) {
        struct mr_buf plain = {0};
        size_t trailers;
        assert_int_equal(decode_split(body, split, &plain, &trailers), MR_OK);
        assert_slice(mr_buf_slice(&plain), "hello0123456789");
        assert_int_equal(trailers, 2);
        mr_buf_fini(&plain);
    }
}

static void a_cut_body_is_never_complete(void **state)
{
    (void)state;
    /* The very last empty line may be missing, and with it the last trailer's end. */
    const size_t len = sizeof(unsigned_body) - 1;
    for (size_t cut = 0; cut < len - 40; cut++) {
        struct mr_buf plain = {0};
        size_t trailers;
        const enum mr_status status =
            decode_split(mr_slice_make(unsigned_body, cut), cut / 2, &plain, &trailers);
        assert_int_equal(status, cut < 27 ? MR_INVALID : status);
        mr_buf_fini(&plain);
    }
}

static void what_is_no_frame_is_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "x\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "5\r\nhell\r\n0\r\n\r\n",
        "-1\r\n",
        "FFFFFFFFFFFFF\r\n",
        "0\r\nno colon\r\n\r\n",
        "0\r\n\r\nmore",
        "\r\n",
    };
    for (size_t i = 0; i < MR_COUNT(bodies); i++) {
        struct mr_buf plain = {0};
        size_t trailers;
        assert_int_equal(decode_split(mr_slice_cstr(bodies[i]), 1, &plain, &trailers), MR_INVALID);
        mr_buf_fini(&plain);
    }
}

/* ---- signed frames ---- */
static struct sigv4_chain chain_new(void)
{
    return (struct sigv4_chain){
        .key = sigv4_key_make(MR_S("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), MR_S("20130524"),
                              MR_S("us-east-1"), MR_S("s3")),
        .time = MR_S("20130524T000000Z"),
        .scope = MR_S("20130524/us-east-1/s3/aws4_request"),
        .previous = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"};
}

static void signed_body_make(struct mr_buf *body, bool trailer)
{
    struct sigv4_chain chain = chain_new();
    static const struct mr_slice parts[] = {MR_S_INIT("hello"), MR_S_INIT(" world"), {"", 0}};
    uint8_t digest[32];
    char hex[65];
    for (size_t i = 0; i < MR_COUNT(parts); i++) {
        mr_sha256(parts[i], digest);
        mr_hex(digest, 32, hex);
        sigv4_chain_chunk(&chain, hex);
        mr_buf_printf(body, "%zx;chunk-signature=%s\r\n%.*s%s", parts[i].len, chain.previous,
                      MR_ARG(parts[i]), i < 2 ? "\r\n" : "");
    }
    if (trailer) {
        mr_sha256(MR_S("x-amz-checksum-crc32:AAAA\n"), digest);
        mr_hex(digest, 32, hex);
        sigv4_chain_trailer(&chain, hex);
        mr_buf_printf(body, "x-amz-checksum-crc32:AAAA\r\nx-amz-trailer-signature:%s\r\n",
                      chain.previous);
    }
    mr_buf_append(body, MR_S("\r\n"));
}

static enum mr_status decode_signed(struct mr_slice body, struct mr_buf *plain)
{
    struct mr_arena arena;
    struct sigv4_chain chain = chain_new();
    mr_arena_init(&arena);
    struct chunked *chunked = chunked_new(&arena, (struct http_sink){append, plain}, &chain);
    enum mr_status status = chunked_feed(chunked, body);
    if (status == MR_OK)
        status = chunked_finish(chunked);
    if (status != MR_OK)
        assert_true(chunked_error(chunked) != CHUNKED_GOOD);
    chunked_fini(chunked);
    mr_arena_fini(&arena);
    return status;
}

static void each_chunk_s_signature_covers_its_data_and_its_place(void **state)
{
    (void)state;
    for (int trailer = 0; trailer < 2; trailer++) {
        struct mr_buf body = {0}, plain = {0};
        signed_body_make(&body, trailer);
        assert_int_equal(decode_signed(mr_buf_slice(&body), &plain), MR_OK);
        assert_slice(mr_buf_slice(&plain), "hello world");
        /* Any changed byte that is not a line end is found. */
        for (size_t i = 0; i < body.len; i++) {
            const char kept = body.data[i];
            if (kept == '\r' || kept == '\n')
                continue;
            body.data[i] ^= 1;
            mr_buf_reset(&plain);
            assert_int_equal(decode_signed(mr_buf_slice(&body), &plain), MR_INVALID);
            body.data[i] = kept;
        }
        mr_buf_fini(&body);
        mr_buf_fini(&plain);
    }
}

/* ---- calls ---- */
static struct {
    struct mr_buf got;
    int opened, ran, abandoned;
    uint64_t length;
    bool refuse, sink_fails;
    char trailer[64], encoding[64];
} put;

static enum mr_status put_data(void *ctx, struct mr_slice data)
{
    (void)ctx;
    mr_buf_append(&put.got, data);
    return put.sink_fails ? MR_FAIL_IO : MR_OK;
}

static void put_open(struct protocol_call *call)
{
    static const struct protocol_fault no_bucket = {"NoSuchBucket", 404, false};
    put.opened++;
    put.length = call->payload_length;
    snprintf(put.encoding, sizeof(put.encoding), "%.*s",
             MR_ARG(mr_json_get_text(call->in, "ContentEncoding")));
    call->sink = (struct http_sink){put_data, NULL};
    if (put.refuse)
        protocol_fail(call, &no_bucket, "The specified bucket does not exist");
}

static void put_run(struct protocol_call *call)
{
    put.ran++;
    snprintf(put.trailer, sizeof(put.trailer), "%.*s",
             MR_ARG(mr_json_get_text(call->trailers, "x-amz-checksum-crc32")));
    mr_json_key_cstr(&call->out, "ETag", "\"e\"");
    call->ticket = 9;
}

static void put_abandon(struct protocol_call *call)
{
    assert_true(protocol_failed(call));
    put.abandoned++;
}

static void create_function(struct protocol_call *call)
{
    mr_buf_append(&put.got, mr_json_get_text(call->in, "FunctionName"));
}

static void get_object(struct protocol_call *call)
{
    FILE *file = tmpfile();
    fputs("0123456789", file);
    fflush(file);
    protocol_reply_file(call, dup(fileno(file)), 3, 4);
    fclose(file);
}

static const struct protocol_handler s3[] = {{.operation = "GetObject", .run = get_object},
                                             {.operation = "PutObject",
                                              .run = put_run,
                                              .open = put_open,
                                              .abandon = put_abandon,
                                              .flags = PROTOCOL_STREAM}};
static const struct protocol_handler lambda[] = {
    {.operation = "CreateFunction", .run = create_function, .flags = PROTOCOL_NO_VALIDATE}};

static int setup(void **state)
{
    struct protocol *protocol = test_protocol_new();
    protocol_register(protocol, "s3", s3, MR_COUNT(s3), NULL);
    protocol_register(protocol, "lambda", lambda, MR_COUNT(lambda), NULL);
    *state = protocol;
    return 0;
}

static int teardown(void **state)
{
    test_protocol_free(*state);
    mr_buf_fini(&put.got);
    return 0;
}

static int reset(void **state)
{
    (void)state;
    mr_buf_fini(&put.got);
    memset(&put, 0, sizeof(put));
    return 0;
}

static const struct test_reply *send_put(struct protocol *protocol, const char *const *headers,
                                         struct mr_slice body, size_t piece, bool broken)
{
    return test_send(protocol, &(struct test_request){.method = "PUT",
                                                      .target = "/b/k",
                                                      .headers = headers,
                                                      .body = body,
                                                      .piece = piece,
                                                      .broken = broken});
}

static void a_plain_body_streams_into_the_handler_s_sink(void **state)
{
    const char *const headers[] = {
        "content-length", "5", "x-amz-content-sha256",
        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", NULL};
    const struct test_reply *reply = send_put(*state, headers, MR_S("hello"), 2, false);
    assert_int_equal(reply->status, 200);
    assert_slice(test_reply_header("etag"), "\"e\"");
    assert_int_equal(reply->ticket, 9);
    assert_slice(mr_buf_slice(&put.got), "hello");
    assert_int_equal(put.length, 5);
    assert_int_equal(put.ran, 1);
    assert_int_equal(put.abandoned, 0);
}

static void an_aws_chunked_body_arrives_without_frames_and_with_trailers(void **state)
{
    static const char body[] =
        "F\r\nhello0123456789\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\nX-Other: b\r\n\r\n";
    const char *const headers[] = {"content-length",
                                   "70",
                                   "content-encoding",
                                   "gzip,aws-chunked",
                                   "x-amz-content-sha256",
                                   "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
                                   "x-amz-decoded-content-length",
                                   "15",
                                   NULL};
    for (size_t piece = 1; piece < 20; piece++) {
        reset(NULL);
        const struct test_reply *reply =
            send_put(*state, headers, mr_slice_make(body, sizeof(body) - 1), piece, false);
        assert_int_equal(reply->status, 200);
        assert_slice(mr_buf_slice(&put.got), "hello0123456789");
        assert_string_equal(put.trailer, "NhCmhg==");
        assert_string_equal(put.encoding, "gzip");
        assert_int_equal(put.length, 15);
    }
}

static void a_small_chunk_with_another_behind_it_is_told_by_its_place(void **state)
{
    const char *const headers[] = {"x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
                                   "x-amz-decoded-content-length", "15", NULL};
    const struct test_reply *reply = send_put(
        *state, headers, mr_slice_make(unsigned_body, sizeof(unsigned_body) - 1), 3, false);
    assert_int_equal(reply->status, 400);
    assert_true(mr_slice_search(reply->body, MR_S("<Code>InvalidChunkSizeError</Code>")) !=
                SIZE_MAX);
    assert_true(mr_slice_search(reply->body, MR_S("<Chunk>1</Chunk><BadChunkSize>5<")) != SIZE_MAX);
    assert_int_equal(put.abandoned, 1);
    assert_int_equal(put.ran, 0);
}

static void a_failed_body_is_abandoned_once_and_told(void **state)
{
    const char *const wrong_hash[] = {"content-length", "5", "x-amz-content-sha256",
                                      "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b"
                                      "9825",
                                      NULL};
    const char *const plain[] = {"content-length", "5", NULL};
    const char *const decoded[] = {"x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
                                   "x-amz-decoded-content-length", "14", NULL};
    const struct test_reply *reply = send_put(*state, wrong_hash, MR_S("hello"), 0, false);
    assert_int_equal(reply->status, 400);
    assert_true(mr_slice_search(reply->body, MR_S("XAmzContentSHA256Mismatch")) != SIZE_MAX);
    reply = send_put(*state, plain, MR_S("hel"), 0, true);
    assert_true(mr_slice_search(reply->body, MR_S("IncompleteBody")) != SIZE_MAX);
    reply = send_put(*state, decoded, mr_slice_make(unsigned_body, sizeof(unsigned_body) - 1), 0,
                     false);
    assert_int_equal(reply->status, 400);
    reply = send_put(*state, decoded, MR_S("5\r\nhello"), 0, false);
    assert_true(mr_slice_search(reply->body, MR_S("IncompleteBody")) != SIZE_MAX);
    reply = test_send(*state, &(struct test_request){.method = "PUT",
                                                     .target = "/b/k",
                                                     .headers = plain,
                                                     .body = MR_S("hel"),
                                                     .broken = true,
                                                     .broken_status = 408});
    assert_int_equal(reply->status, 400);
    assert_true(mr_slice_search(reply->body, MR_S("RequestTimeout")) != SIZE_MAX);
    put.sink_fails = true;
    reply = send_put(*state, plain, MR_S("hello"), 0, false);
    assert_int_equal(reply->status, 500);
    assert_int_equal(put.abandoned, 6);
    assert_int_equal(put.ran, 0);
}

static void a_fault_at_open_answers_without_reading(void **state)
{
    const char *const headers[] = {"content-length", "5", NULL};
    put.refuse = true;
    const struct test_reply *reply = send_put(*state, headers, MR_S("hello"), 0, false);
    assert_int_equal(reply->status, 404);
    assert_int_equal(put.got.len, 0);
    assert_int_equal(put.ran + put.abandoned, 0);
}

static void a_large_function_is_collected(void **state)
{
    const struct test_reply *reply =
        test_send(*state, &(struct test_request){.method = "POST",
                                                 .target = "/2015-03-31/functions",
                                                 .body = MR_S("{\"FunctionName\":\"big\"}"),
                                                 .piece = 3});
    assert_int_equal(reply->status, 201);
    assert_slice(mr_buf_slice(&put.got), "big");
}

static void a_paused_protocol_turns_streams_away_and_goes_on_later(void **state)
{
    const char *const headers[] = {"content-length", "5", NULL};
    protocol_pause(*state);
    const struct test_reply *reply = send_put(*state, headers, MR_S("hello"), 0, false);
    assert_int_equal(reply->status, 503);
    protocol_resume(*state);
    reply = send_put(*state, headers, MR_S("hello"), 0, false);
    assert_int_equal(reply->status, 200);
}

static void a_call_from_inside_brings_its_payload_and_gets_a_file_s_bytes(void **state)
{
    struct mr_arena arena;
    struct protocol_result result;
    mr_arena_init(&arena);
    assert_int_equal(protocol_invoke(*state, &arena, "s3", "PutObject",
                                     MR_S("{\"Bucket\":\"b\",\"Key\":\"k\"}"), MR_S("inside"),
                                     &result),
                     MR_OK);
    assert_int_equal(result.status, 200);
    assert_slice(mr_buf_slice(&put.got), "inside");
    assert_int_equal(protocol_invoke(*state, &arena, "s3", "GetObject",
                                     MR_S("{\"Bucket\":\"b\",\"Key\":\"k\"}"), (struct mr_slice){0},
                                     &result),
                     MR_OK);
    assert_slice(result.payload, "3456");
    mr_arena_fini(&arena);
}

#define TEST(name) cmocka_unit_test_setup(name, reset)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(frames_are_read_at_every_split),
        TEST(a_cut_body_is_never_complete),
        TEST(what_is_no_frame_is_refused),
        TEST(each_chunk_s_signature_covers_its_data_and_its_place),
        TEST(a_plain_body_streams_into_the_handler_s_sink),
        TEST(an_aws_chunked_body_arrives_without_frames_and_with_trailers),
        TEST(a_small_chunk_with_another_behind_it_is_told_by_its_place),
        TEST(a_failed_body_is_abandoned_once_and_told),
        TEST(a_fault_at_open_answers_without_reading),
        TEST(a_large_function_is_collected),
        TEST(a_paused_protocol_turns_streams_away_and_goes_on_later),
        TEST(a_call_from_inside_brings_its_payload_and_gets_a_file_s_bytes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
