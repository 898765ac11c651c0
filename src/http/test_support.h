/* http/test_support.h: a server whose handler does what the path says, and a blocking client of
 * bytes.
 *
 *     /echo            "METHOD target" and the body, on separate lines
 *     /sink            streams the body; replies "bytes=N sum=S failed=F status=T"
 *     /sink-fail       the same, but the sink refuses after 1,000 bytes
 *     /small           takes 100 bytes of body at most
 *     /early           answers 403 in on_headers
 *     /later           is kept until the test answers it (test_take_later)
 *     /ticket/N        http_reply_send_after(N)
 *     /big/N           N bytes of body
 *     /file            the fixture's file
 *     /changed         the same, each byte xored with seven times its place
 *     /inject          a reply header with a line break in its value
 *     /none            204
 */
#pragma once
#include "http/http.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { TEST_LATER_MAX = 2048, TEST_WAIT_MS = 20000 };

struct test_fixture {
    struct http_server *server;
    struct http_listener *listener;
    int port;
    const char *file_path;
    uint64_t file_len;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct {
        struct http_exchange *later[TEST_LATER_MAX];
        size_t later_count;
        int aborts, requests, sink_failures;
    } locked;
};

/* limits NULL: the defaults. */
void test_fixture_init(struct test_fixture *fixture, int threads, const struct http_limits *limits);
/* Stops and frees; fails when connections are left. */
void test_fixture_fini(struct test_fixture *fixture);
struct http_exchange *test_take_later(struct test_fixture *fixture); /* waits for one */
void test_wait_aborts(struct test_fixture *fixture, int count);
void test_wait_connections(struct test_fixture *fixture, int count);
void test_answer(struct http_exchange *exchange, const char *text);
size_t test_open_descriptors(void);
int test_filters_ended(void); /* of /changed */

/* ---- client ---- */
int test_connect(int port);
void test_send(int fd, struct mr_slice data);
void test_send_text(int fd, const char *text);
/* Whatever comes until the peer closes; false when it does not close in time. A reset counts as
 * closed. */
bool test_read_to_end(int fd, struct mr_buf *buf);

struct test_reply {
    int status;
    struct mr_buf head; /* up to and with the empty line */
    struct mr_buf body; /* chunks joined */
    bool ended;         /* complete; false: the connection ended early */
};
void test_reply_fini(struct test_reply *reply);
/* Reads one reply, passing over 100 Continue when skip_continue. Bytes behind it stay in the
 * socket. */
struct test_reply test_read_reply(int fd, bool is_head);
/* Sends, reads one reply, checks its status. */
struct test_reply test_ask(int fd, const char *request, int status);
bool test_head_has(const struct test_reply *reply, const char *text);
