/* HTTP/1.1 requests: parsing at any split, framing, limits, errors. */
#include "http/test_support.h"
#include "base/clock.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct test_fixture fixture;

static int set_up(void **state)
{
    (void)state;
    struct http_limits limits = http_limits_default;
    limits.body_bytes = 1 << 20;
    limits.stream_bytes = 4 << 20;
    test_fixture_init(&fixture, 2, &limits);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    test_fixture_fini(&fixture);
    return 0;
}

static void expect_body(int fd, const char *request, const char *body)
{
    struct test_reply reply = test_ask(fd, request, 200);
    assert_string_equal(reply.body.data, body);
    test_reply_fini(&reply);
}

static void expect_refused(const char *request, int status)
{
    int fd = test_connect(fixture.port);
    struct test_reply reply = test_ask(fd, request, status);
    assert_true(test_head_has(&reply, "connection: close\r\n"));
    struct mr_buf rest = {0};
    assert_true(test_read_to_end(fd, &rest));
    assert_int_equal(rest.len, 0);
    mr_buf_fini(&rest);
    test_reply_fini(&reply);
    close(fd);
}

static void a_request_may_be_split_at_every_byte(void **state)
{
    (void)state;
    static const char request[] =
        "POST /echo?a=b HTTP/1.1\r\nHost: h:1\r\nX-Token:  v \r\nEmpty:\r\n"
        "Content-Length: 5\r\n\r\nhello";
    int fd = test_connect(fixture.port);
    for (size_t cut = 1; cut < sizeof request - 1; cut++) {
        test_send(fd, mr_slice_make(request, cut));
        test_send(fd, mr_slice_make(request + cut, sizeof request - 1 - cut));
        struct test_reply reply = test_read_reply(fd, false);
        assert_int_equal(reply.status, 200);
        assert_string_equal(reply.body.data, "POST /echo|a=b\nhello");
        assert_true(test_head_has(&reply, "x-token: v\r\n"));
        assert_true(test_head_has(&reply, "x-host: h:1\r\n"));
        test_reply_fini(&reply);
    }
    for (size_t i = 0; i < sizeof request - 1; i++)
        test_send(fd, mr_slice_make(request + i, 1));
    struct test_reply reply = test_read_reply(fd, false);
    assert_string_equal(reply.body.data, "POST /echo|a=b\nhello");
    test_reply_fini(&reply);
    close(fd);
}

static void a_chunked_body_may_be_split_at_every_byte(void **state)
{
    (void)state;
    static const char request[] =
        "PUT /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\nA;ext=1\r\n, chunked!\r\n0\r\nTrailer: x\r\nX-Token: t\r\n\r\n";
    for (size_t cut = 1; cut < sizeof request - 1; cut++) {
        int fd = test_connect(fixture.port);
        test_send(fd, mr_slice_make(request, cut));
        test_send(fd, mr_slice_make(request + cut, sizeof request - 1 - cut));
        struct test_reply reply = test_read_reply(fd, false);
        assert_string_equal(reply.body.data, "PUT /echo|\nhello, chunked!");
        assert_false(test_head_has(&reply, "x-token"));
        test_reply_fini(&reply);
        expect_body(fd, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", "GET /echo|\n");
        close(fd);
    }
}

static void a_hundred_pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    struct mr_buf all = {0};
    for (int i = 0; i < 100; i++)
        mr_buf_printf(&all, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n%03d", i);
    int fd = test_connect(fixture.port);
    test_send(fd, mr_buf_slice(&all));
    for (int i = 0; i < 100; i++) {
        char expected[64];
        snprintf(expected, sizeof expected, "POST /echo|\n%03d", i);
        struct test_reply reply = test_read_reply(fd, false);
        assert_string_equal(reply.body.data, expected);
        test_reply_fini(&reply);
    }
    mr_buf_fini(&all);
    close(fd);
}

static void pipelined_requests_wait_while_one_is_in_work(void **state)
{
    (void)state;
    int fd = test_connect(fixture.port);
    test_send_text(fd,
                   "GET /later HTTP/1.1\r\nHost: h\r\n\r\nGET /big/100000 HTTP/1.1\r\nHost: h\r\n"
                   "\r\nGET /ec");
    struct http_exchange *exchange = test_take_later(&fixture);
    test_send_text(fd, "ho HTTP/1.1\r\nHost: h\r\n\r\n");
    test_answer(exchange, "first");
    struct test_reply reply = test_read_reply(fd, false);
    assert_string_equal(reply.body.data, "first");
    test_reply_fini(&reply);
    reply = test_read_reply(fd, false);
    assert_int_equal(reply.body.len, 100000);
    test_reply_fini(&reply);
    reply = test_read_reply(fd, false);
    assert_string_equal(reply.body.data, "GET /echo|\n");
    test_reply_fini(&reply);
    close(fd);
}

static void ambiguous_framing_is_refused(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        "0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"
        "0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 5\r\n\r\nhello",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\nhello",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 0x5\r\n\r\nhello",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length : 5\r\n\r\nhello",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\nhello",
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
        "chunked\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello",
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\n Transfer-Encoding: chunked\r\n\r\n",
        "POST /echo HTTP/1.1\nHost: h\n\n",
        "GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /echo HTTP/1.1\r\n\r\n",
        "GET /echo HTTP/1.1\r\nHost: h\r\nBad Name: x\r\n\r\n",
        "GET /echo HTTP/1.1\r\nHost: h\r\nX: a\x01z\r\n\r\n",
        "GET echo HTTP/1.1\r\nHost: h\r\n\r\n",
        "BREW /echo HTTP/1.1\r\nHost: h\r\n\r\n",
        "hello\r\n\r\n",
    };
    for (size_t i = 0; i < MR_COUNT(requests); i++)
        expect_refused(requests[i], 400);
}

static void what_is_not_supported_is_named(void **state)
{
    (void)state;
    expect_refused("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
                   501);
    expect_refused("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n", 501);
    expect_refused("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nExpect: tea\r\n\r\n",
                   417);
    expect_refused("GET /echo HTTP/2.0\r\nHost: h\r\n\r\n", 505);
}

static void a_repeated_equal_content_length_is_not_taken_either(void **state)
{
    (void)state;
    expect_refused(
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n"
        "hello",
        400);
}

static void targets_come_in_several_forms(void **state)
{
    (void)state;
    int fd = test_connect(fixture.port);
    expect_body(fd, "GET http://other:8/a/b?c HTTP/1.1\r\nHost: h\r\n\r\n", "GET /a/b|c\n");
    expect_body(fd, "GET http://other HTTP/1.1\r\nHost: h\r\n\r\n", "GET /|\n");
    expect_body(fd, "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "OPTIONS *|\n");
    expect_body(fd, "GET /a%20b//../c?x=1?y HTTP/1.1\r\nHost: h\r\n\r\n",
                "GET /a%20b//../c|x=1?y\n");
    struct test_reply reply = test_ask(fd, "GET http://other:8/ HTTP/1.1\r\nHost: h\r\n\r\n", 200);
    assert_true(test_head_has(&reply, "x-host: other:8\r\n"));
    test_reply_fini(&reply);
    close(fd);
}

static void empty_lines_between_requests_are_passed_over(void **state)
{
    (void)state;
    int fd = test_connect(fixture.port);
    expect_body(fd, "\r\n\r\nGET /echo HTTP/1.1\r\nHost: h\r\n\r\n\r\n", "GET /echo|\n");
    expect_body(fd, "\r\nGET /echo HTTP/1.1\r\nHost: h\r\n\r\n", "GET /echo|\n");
    close(fd);
}

static void an_upgrade_is_not_taken(void **state)
{
    (void)state;
    int fd = test_connect(fixture.port);
    for (int i = 0; i < 2; i++)
        expect_body(fd,
                    "GET /echo HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                    "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n",
                    "GET /echo|\n");
    close(fd);
}

static void keep_alive_follows_version_and_header(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        bool stays;
        const char *line;
    } cases[] = {
        {"GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", true, "date: "},
        {"GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", false,
         "connection: close\r\n"},
        {"GET /echo HTTP/1.0\r\n\r\n", false, "connection: close\r\n"},
        {"GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true,
         "connection: keep-alive\r\n"},
    };
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        int fd = test_connect(fixture.port);
        struct test_reply reply = test_ask(fd, cases[i].request, 200);
        assert_true(test_head_has(&reply, cases[i].line));
        test_reply_fini(&reply);
        if (cases[i].stays) {
            expect_body(fd, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", "GET /echo|\n");
        } else {
            struct mr_buf rest = {0};
            assert_true(test_read_to_end(fd, &rest));
            mr_buf_fini(&rest);
        }
        close(fd);
    }
}

static void head_and_204_have_no_body(void **state)
{
    (void)state;
    int fd = test_connect(fixture.port);
    test_send_text(fd, "HEAD /big/100000 HTTP/1.1\r\nHost: h\r\n\r\n");
    struct test_reply reply = test_read_reply(fd, true);
    assert_true(test_head_has(&reply, "content-length: 100000\r\n"));
    test_reply_fini(&reply);
    reply = test_ask(fd, "GET /none HTTP/1.1\r\nHost: h\r\n\r\n", 204);
    assert_false(test_head_has(&reply, "content-length"));
    test_reply_fini(&reply);
    expect_body(fd, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", "GET /echo|\n");
    close(fd);
}

/* Of every length, and with every byte that a name may have. */
static void names_of_headers_become_small(void **state)
{
    (void)state;
    static const char names[] = "ZYXWVUTSRQPONMLKJIHGFEDCBA!#$%&'*+-.0123456789^_`abcxyz|~";
    struct mr_buf request = {0}, expected = {0};
    mr_buf_append(&request, MR_S("GET /names HTTP/1.1\r\nHost: h\r\n"));
    mr_buf_append(&expected, MR_S("host "));
    for (size_t len = 1; len < sizeof names; len++) {
        const struct mr_slice name = mr_slice_make(names + sizeof names - 1 - len, len);
        mr_buf_printf(&request, "%.*s: v\r\n", MR_ARG(name));
        for (size_t i = 0; i < len; i++)
            mr_buf_byte(&expected, (char)tolower((unsigned char)name.ptr[i]));
        mr_buf_byte(&expected, ' ');
    }
    mr_buf_append(&request, MR_S("\r\n"));
    mr_buf_byte(&request, '\0');
    mr_buf_byte(&expected, '\0');
    int fd = test_connect(fixture.port);
    expect_body(fd, request.data, expected.data);
    close(fd);
    mr_buf_fini(&request);
    mr_buf_fini(&expected);
}

static void a_reply_header_cannot_be_split(void **state)
{
    (void)state;
    int fd = test_connect(fixture.port);
    struct test_reply reply = test_ask(fd, "GET /inject HTTP/1.1\r\nHost: h\r\n\r\n", 200);
    assert_true(test_head_has(&reply, "x-name: a  x-evil: 1\r\n"));
    test_reply_fini(&reply);
    close(fd);
}

static void header_limits_answer_414_and_431(void **state)
{
    (void)state;
    struct mr_buf request = {0};
    mr_buf_append(&request, MR_S("GET /"));
    for (int i = 0; i < 40000; i++)
        mr_buf_byte(&request, 'a');
    mr_buf_append(&request, MR_S(" HTTP/1.1\r\nHost: h\r\n\r\n"));
    mr_buf_byte(&request, '\0');
    expect_refused(request.data, 414);
    mr_buf_reset(&request);
    mr_buf_append(&request, MR_S("GET / HTTP/1.1\r\nHost: h\r\nX: "));
    for (int i = 0; i < 40000; i++)
        mr_buf_byte(&request, 'a');
    mr_buf_append(&request, MR_S("\r\n\r\n"));
    mr_buf_byte(&request, '\0');
    expect_refused(request.data, 431);
    mr_buf_reset(&request);
    mr_buf_append(&request, MR_S("GET / HTTP/1.1\r\nHost: h\r\n"));
    for (int i = 0; i < 250; i++)
        mr_buf_append(&request, MR_S("a: b\r\n"));
    mr_buf_append(&request, MR_S("\r\n"));
    mr_buf_byte(&request, '\0');
    expect_refused(request.data, 431);
    mr_buf_fini(&request);
}

static void a_body_over_the_limit_is_refused_before_it_is_read(void **state)
{
    (void)state;
    expect_refused("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n", 413);
    expect_refused("POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\n\r\n", 413);
    expect_refused(
        "POST /small HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
        413);
    expect_refused("PUT /sink HTTP/1.1\r\nHost: h\r\nContent-Length: 4194305\r\n\r\n", 413);
    /* The refusal is seen even by a client that goes on sending. */
    int fd = test_connect(fixture.port);
    struct mr_buf request = {0};
    mr_buf_append(&request,
                  MR_S("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n"));
    mr_buf_reserve(&request, 3000000);
    memset(request.data + request.len, 'x', 3000000);
    request.len += 3000000;
    test_send(fd, mr_buf_slice(&request));
    struct test_reply reply = test_read_reply(fd, false);
    assert_int_equal(reply.status, 413);
    test_reply_fini(&reply);
    mr_buf_fini(&request);
    close(fd);
}

static void endless_chunk_framing_is_refused(void **state)
{
    (void)state;
    int fd = test_connect(fixture.port);
    struct mr_buf request = {0};
    mr_buf_append(&request,
                  MR_S("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;"));
    for (int i = 0; i < 100000; i++)
        mr_buf_byte(&request, 'e');
    test_send(fd, mr_buf_slice(&request));
    struct test_reply reply = test_read_reply(fd, false);
    assert_int_equal(reply.status, 400);
    test_reply_fini(&reply);
    mr_buf_fini(&request);
    close(fd);
}

static void continue_is_sent_only_when_the_body_is_wanted(void **state)
{
    (void)state;
    int fd = test_connect(fixture.port);
    test_send_text(fd,
                   "PUT /sink HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n"
                   "\r\n");
    struct test_reply reply = test_read_reply(fd, false);
    assert_int_equal(reply.status, 100);
    test_reply_fini(&reply);
    expect_body(fd, "hello", "bytes=5 sum=99162322 failed=0 status=0");
    close(fd);
    expect_refused("PUT /early HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n"
                   "\r\n",
                   403);
    expect_refused(
        "PUT /small HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\nExpect: 100-continue\r\n"
        "\r\n",
        413);
}

/* Debian 12's botocore reads the reply behind such a one wrongly when the connection is used again.
 */
static void who_expects_100_gets_it_or_a_closed_connection(void **state)
{
    (void)state;
    int fd = test_connect(fixture.port);
    for (int i = 0; i < 2; i++) {
        struct test_reply reply = test_ask(
            fd,
            "PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n",
            100);
        test_reply_fini(&reply);
        reply = test_read_reply(fd, false);
        assert_string_equal(reply.body.data, "PUT /echo|\n");
        test_reply_fini(&reply);
    }
    close(fd);
    expect_refused("PUT /early HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nExpect: 100-continue\r\n"
                   "\r\n",
                   403);
}

static void an_early_answer_drains_a_short_body_and_keeps_the_connection(void **state)
{
    (void)state;
    int fd = test_connect(fixture.port);
    struct test_reply reply =
        test_ask(fd, "PUT /early HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", 403);
    assert_false(test_head_has(&reply, "connection: close"));
    test_reply_fini(&reply);
    expect_body(fd, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", "GET /echo|\n");
    reply = test_ask(fd, "GET /early HTTP/1.1\r\nHost: h\r\n\r\n", 403);
    test_reply_fini(&reply);
    expect_body(fd, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", "GET /echo|\n");
    close(fd);
    expect_refused("PUT /early HTTP/1.1\r\nHost: h\r\nContent-Length: 500000\r\n\r\nhello", 403);
}

static void a_streamed_body_reaches_its_sink(void **state)
{
    (void)state;
    int fd = test_connect(fixture.port);
    struct mr_buf request = {0};
    mr_buf_append(&request,
                  MR_S("PUT /sink HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n"));
    char *body = mr_buf_reserve(&request, 3000000);
    uint32_t sum = 0;
    for (uint32_t i = 0; i < 3000000; i++) {
        body[i] = (char)(i * 2654435761u >> 24);
        sum = sum * 31 + (unsigned char)body[i];
    }
    request.len += 3000000;
    test_send(fd, mr_buf_slice(&request));
    struct test_reply reply = test_read_reply(fd, false);
    char expected[80];
    snprintf(expected, sizeof expected, "bytes=3000000 sum=%u failed=0 status=0", sum);
    assert_string_equal(reply.body.data, expected);
    test_reply_fini(&reply);
    mr_buf_fini(&request);
    expect_body(fd, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", "GET /echo|\n");
    close(fd);
}

static void a_sink_that_refuses_still_gets_the_request(void **state)
{
    (void)state;
    int fd = test_connect(fixture.port);
    struct mr_buf request = {0};
    mr_buf_append(&request,
                  MR_S("PUT /sink-fail HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n"));
    mr_buf_reserve(&request, 300000);
    memset(request.data + request.len, 'x', 300000);
    request.len += 300000;
    test_send(fd, mr_buf_slice(&request));
    struct test_reply reply = test_read_reply(fd, false);
    assert_int_equal(reply.status, 422);
    assert_non_null(strstr(reply.body.data, "failed=1 status=0"));
    assert_true(test_head_has(&reply, "connection: close"));
    test_reply_fini(&reply);
    mr_buf_fini(&request);
    close(fd);
}

static void a_streamed_body_that_breaks_off_is_told(void **state)
{
    (void)state;
    int failures = fixture.locked.sink_failures;
    int fd = test_connect(fixture.port);
    test_send_text(fd, "PUT /sink HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\n\r\nhello");
    shutdown(fd, SHUT_WR);
    struct test_reply reply = test_read_reply(fd, false);
    assert_int_equal(reply.status, 400);
    test_reply_fini(&reply);
    close(fd);
    fd = test_connect(fixture.port);
    test_send_text(fd,
                   "PUT /sink HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello");
    struct linger reset = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
    test_wait_connections(&fixture, 0);
    pthread_mutex_lock(&fixture.lock);
    int now = fixture.locked.sink_failures;
    pthread_mutex_unlock(&fixture.lock);
    assert_true(now == failures + 2 || now == failures + 1); /* the reset may overtake the header */
}

/* As a child process does between clone and exec, somebody holds a copy of every descriptor while a
 * connection ends: what arrives on it afterwards is nobody's. */
static void a_connection_ends_although_a_child_holds_its_descriptor(void **state)
{
    (void)state;
    int fd = test_connect(fixture.port);
    expect_body(fd, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", "GET /echo|\n");
    const pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    assert_true(child > 0);
    struct test_reply reply =
        test_ask(fd, "GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", 200);
    test_reply_fini(&reply);
    shutdown(fd, SHUT_WR);
    test_wait_connections(&fixture, 0);
    for (int i = 0; i < 3; i++) {
        (void)send(fd, "more", 4, MSG_NOSIGNAL);
        int other = test_connect(fixture.port);
        expect_body(other, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", "GET /echo|\n");
        close(other);
        test_wait_connections(&fixture, 0);
    }
    close(fd);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    int other = test_connect(fixture.port);
    expect_body(other, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", "GET /echo|\n");
    close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_may_be_split_at_every_byte),
        cmocka_unit_test(a_chunked_body_may_be_split_at_every_byte),
        cmocka_unit_test(a_hundred_pipelined_requests_are_answered_in_order),
        cmocka_unit_test(pipelined_requests_wait_while_one_is_in_work),
        cmocka_unit_test(ambiguous_framing_is_refused),
        cmocka_unit_test(what_is_not_supported_is_named),
        cmocka_unit_test(a_repeated_equal_content_length_is_not_taken_either),
        cmocka_unit_test(targets_come_in_several_forms),
        cmocka_unit_test(empty_lines_between_requests_are_passed_over),
        cmocka_unit_test(an_upgrade_is_not_taken),
        cmocka_unit_test(keep_alive_follows_version_and_header),
        cmocka_unit_test(head_and_204_have_no_body),
        cmocka_unit_test(names_of_headers_become_small),
        cmocka_unit_test(a_reply_header_cannot_be_split),
        cmocka_unit_test(header_limits_answer_414_and_431),
        cmocka_unit_test(a_body_over_the_limit_is_refused_before_it_is_read),
        cmocka_unit_test(endless_chunk_framing_is_refused),
        cmocka_unit_test(continue_is_sent_only_when_the_body_is_wanted),
        cmocka_unit_test(who_expects_100_gets_it_or_a_closed_connection),
        cmocka_unit_test(an_early_answer_drains_a_short_body_and_keeps_the_connection),
        cmocka_unit_test(a_streamed_body_reaches_its_sink),
        cmocka_unit_test(a_sink_that_refuses_still_gets_the_request),
        cmocka_unit_test(a_streamed_body_that_breaks_off_is_told),
        cmocka_unit_test(a_connection_ends_although_a_child_holds_its_descriptor),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
