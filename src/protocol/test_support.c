/* Doubles of http's and runtime's functions: what a reply was, instead of sending it. */
#include "protocol/test_support.h"
#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

enum { TEST_HEADERS_MAX = 64 };

struct http_exchange_private {
    struct http_sink sink;
    bool streamed;
};

static struct {
    struct http_exchange exchange;
    struct http_exchange_private priv;
    struct http_header headers[TEST_HEADERS_MAX];
    struct http_header reply_headers[TEST_HEADERS_MAX];
    size_t reply_header_count;
    struct test_reply reply;
} last;

int64_t test_now_ms;
enum mr_status test_write_answer;
static struct mr_rng rng;

static int64_t clock_now(void *ctx)
{
    (void)ctx;
    return test_now_ms;
}

struct mr_slice http_header_get(const struct http_exchange *exchange, const char *name)
{
    for (size_t i = 0; i < exchange->header_count; i++)
        if (mr_slice_equal(exchange->headers[i].name, mr_slice_cstr(name)))
            return exchange->headers[i].value;
    return (struct mr_slice){0};
}

void http_exchange_stream_body(struct http_exchange *exchange, struct http_sink sink)
{
    exchange->priv->sink = sink;
    exchange->priv->streamed = true;
}

void http_exchange_limit_body(struct http_exchange *exchange, size_t body_bytes)
{
    (void)exchange;
    (void)body_bytes;
}

void http_reply_header(struct http_exchange *exchange, struct mr_slice name, struct mr_slice value)
{
    (void)exchange;
    assert(last.reply_header_count < TEST_HEADERS_MAX);
    last.reply_headers[last.reply_header_count++] = (struct http_header){name, value};
}

void http_reply_file(struct http_exchange *exchange, int fd, uint64_t offset, uint64_t len)
{
    (void)exchange;
    (void)offset;
    close(fd);
    last.reply.from_file = true;
    last.reply.file_len = len;
}

const char *http_reason(int status)
{
    (void)status;
    return "Unknown";
}

void http_reply_file_changed(struct http_exchange *exchange, int fd, uint64_t offset, uint64_t len,
                             struct http_filter filter)
{
    (void)filter;
    http_reply_file(exchange, fd, offset, len);
}

void http_reply_content_length(struct http_exchange *exchange, uint64_t len)
{
    (void)exchange;
    last.reply.content_length = len;
}

void http_reply_send(struct http_exchange *exchange)
{
    assert(!last.reply.sent);
    last.reply.sent = true;
    last.reply.status = exchange->status;
    last.reply.body = mr_buf_slice(&exchange->reply_body);
}

void http_reply_send_after(struct http_exchange *exchange, int64_t ticket)
{
    last.reply.ticket = ticket;
    http_reply_send(exchange);
}

void http_reply_begin(struct http_exchange *exchange)
{
    assert(!last.reply.begun);
    last.reply.begun = true;
    last.reply.status = exchange->status;
}

enum mr_status http_reply_write(struct http_exchange *exchange, struct mr_slice data)
{
    assert(last.reply.begun && !last.reply.sent);
    if (test_write_answer != MR_OK)
        return test_write_answer;
    mr_buf_append(&exchange->reply_body, data);
    return MR_OK;
}

enum mr_status http_reply_write_wait(struct http_exchange *exchange, struct mr_slice data,
                                     int wait_ms)
{
    (void)wait_ms;
    return http_reply_write(exchange, data);
}

void http_reply_end(struct http_exchange *exchange)
{
    assert(last.reply.begun && !last.reply.sent);
    last.reply.sent = true;
    last.reply.body = mr_buf_slice(&exchange->reply_body);
}

void http_reply_abort(struct http_exchange *exchange)
{
    http_reply_end(exchange);
}

enum mr_status runtime_submit(struct runtime *runtime, void (*fn)(void *arg), void *arg)
{
    (void)runtime;
    fn(arg);
    return MR_OK;
}

struct protocol *test_protocol_signed_new(const struct protocol_credential *credentials,
                                          size_t count)
{
    mr_rng_init_seed(&rng, 20260102);
    test_now_ms = (int64_t)TEST_NOW_S * 1000;
    struct protocol *protocol;
    const struct protocol_options options = {.clock = {.now_ms = clock_now},
                                             .rng = &rng,
                                             .region = "us-east-1",
                                             .account = "000000000000",
                                             .host = "localhost",
                                             .credentials = credentials,
                                             .credential_count = count};
    assert_int_equal(protocol_new(&protocol, &options), MR_OK);
    return protocol;
}

struct protocol *test_protocol_new(void)
{
    return test_protocol_signed_new(NULL, 0);
}

void test_protocol_free(struct protocol *protocol)
{
    test_reset();
    protocol_free(protocol);
}

void test_reset(void)
{
    mr_buf_fini(&last.exchange.reply_body);
    mr_arena_fini(&last.exchange.arena);
    memset(&last, 0, sizeof(last));
}

static void exchange_fill(struct protocol *protocol, const struct test_request *request)
{
    struct http_exchange *exchange = &last.exchange;
    mr_arena_init(&exchange->arena);
    exchange->method = mr_slice_cstr(request->method);
    exchange->target = mr_slice_cstr(request->target);
    const size_t question = mr_slice_find(exchange->target, '?');
    exchange->path = mr_slice_sub(exchange->target, 0, question);
    if (question != SIZE_MAX)
        exchange->query = mr_slice_sub(exchange->target, question + 1, SIZE_MAX);
    exchange->host = MR_S("localhost:4566");
    for (size_t i = 0; request->headers != NULL && request->headers[i] != NULL; i += 2) {
        last.headers[exchange->header_count++] = (struct http_header){
            mr_slice_cstr(request->headers[i]), mr_slice_cstr(request->headers[i + 1])};
        if (strcmp(request->headers[i], "host") == 0)
            exchange->host = mr_slice_cstr(request->headers[i + 1]);
    }
    exchange->headers = last.headers;
    exchange->listener_ctx = protocol;
    exchange->status = 200;
    exchange->priv = &last.priv;
    last.reply.content_length = UINT64_MAX;
}

static void body_stream(const struct test_request *request)
{
    struct http_exchange *exchange = &last.exchange;
    const size_t piece = request->piece == 0 ? request->body.len : request->piece;
    size_t at = 0;
    while (at < request->body.len && !exchange->body_failed) {
        const struct mr_slice data = mr_slice_sub(request->body, at, piece);
        /* A heap copy, so that a sanitizer sees reads beyond the piece. */
        char *copy = malloc(data.len);
        memcpy(copy, data.ptr, data.len);
        if (last.priv.sink.on_data(last.priv.sink.ctx, mr_slice_make(copy, data.len)) != MR_OK)
            exchange->body_failed = true;
        free(copy);
        at += data.len;
    }
    if (request->broken) {
        exchange->body_failed = true;
        exchange->body_status = request->broken_status;
    }
}

const struct test_reply *test_send(struct protocol *protocol, const struct test_request *request)
{
    test_reset();
    exchange_fill(protocol, request);
    protocol_http_handler.on_headers(&last.exchange);
    if (last.reply.sent)
        return &last.reply;
    if (last.priv.streamed)
        body_stream(request);
    else
        last.exchange.body = request->body;
    protocol_http_handler.on_request(&last.exchange);
    assert_true(last.reply.sent || last.reply.begun);
    return &last.reply;
}

struct mr_slice test_reply_header(const char *name)
{
    for (size_t i = 0; i < last.reply_header_count; i++)
        if (mr_slice_equal(last.reply_headers[i].name, mr_slice_cstr(name)))
            return last.reply_headers[i].value;
    return (struct mr_slice){0};
}

const struct test_reply *test_json(struct protocol *protocol, const char *target, const char *body)
{
    const char *const headers[] = {"x-amz-target", target, "content-type",
                                   "application/x-amz-json-1.0", NULL};
    return test_send(protocol, &(struct test_request){.method = "POST",
                                                      .target = "/",
                                                      .headers = headers,
                                                      .body = mr_slice_cstr(body)});
}

void test_assert_slice(struct mr_slice actual, const char *expected, const char *file, int line)
{
    if (mr_slice_equal(actual, mr_slice_cstr(expected)))
        return;
    fprintf(stderr, "%s:%d:\n  actual   %.*s\n  expected %s\n", file, line, MR_ARG(actual),
            expected);
    _fail(file, line);
}
