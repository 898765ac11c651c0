#include "http/test_support.h"
#include "base/clock.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* ---- the handler ---- */

struct sink_state {
    uint64_t bytes, limit;
    uint32_t sum;
};

static enum mr_status on_sink_data(void *ctx, struct mr_slice data)
{
    struct sink_state *state = ctx;
    state->bytes += data.len;
    for (size_t i = 0; i < data.len; i++)
        state->sum = state->sum * 31 + (unsigned char)data.ptr[i];
    return state->bytes > state->limit ? MR_FULL : MR_OK;
}

static void on_headers(struct http_exchange *exchange)
{
    bool fails = mr_slice_equal(exchange->path, MR_S("/sink-fail"));
    if (fails || mr_slice_equal(exchange->path, MR_S("/sink"))) {
        struct sink_state *state = MR_NEW(&exchange->arena, struct sink_state);
        state->limit = fails ? 1000 : UINT64_MAX;
        exchange->user = state;
        http_exchange_stream_body(exchange,
                                  (struct http_sink){.on_data = on_sink_data, .ctx = state});
    } else if (mr_slice_equal(exchange->path, MR_S("/small"))) {
        http_exchange_limit_body(exchange, 100);
    } else if (mr_slice_equal(exchange->path, MR_S("/early"))) {
        exchange->status = 403;
        mr_buf_append(&exchange->reply_body, MR_S("no"));
        http_reply_send(exchange);
    }
}

static void reply_sink(struct test_fixture *fixture, struct http_exchange *exchange)
{
    const struct sink_state *state = exchange->user;
    pthread_mutex_lock(&fixture->lock);
    fixture->locked.sink_failures += exchange->body_failed;
    pthread_cond_broadcast(&fixture->changed);
    pthread_mutex_unlock(&fixture->lock);
    if (exchange->body_failed)
        exchange->status = exchange->body_status == 0 ? 422 : exchange->body_status;
    mr_buf_printf(&exchange->reply_body, "bytes=%llu sum=%u failed=%d status=%d",
                  (unsigned long long)state->bytes, state->sum, exchange->body_failed,
                  exchange->body_status);
    http_reply_send(exchange);
}

static void keep_for_later(struct test_fixture *fixture, struct http_exchange *exchange)
{
    pthread_mutex_lock(&fixture->lock);
    assert_true(fixture->locked.later_count < TEST_LATER_MAX);
    fixture->locked.later[fixture->locked.later_count++] = exchange;
    pthread_cond_broadcast(&fixture->changed);
    pthread_mutex_unlock(&fixture->lock);
}

static void echo(struct http_exchange *exchange)
{
    http_reply_header(exchange, MR_S("x-host"), exchange->host);
    struct mr_slice token = http_header_get(exchange, "x-token");
    if (token.ptr != NULL)
        http_reply_header(exchange, MR_S("x-token"), token);
    mr_buf_append(&exchange->reply_body, exchange->method);
    mr_buf_byte(&exchange->reply_body, ' ');
    mr_buf_append(&exchange->reply_body, exchange->path);
    mr_buf_byte(&exchange->reply_body, '|');
    mr_buf_append(&exchange->reply_body, exchange->query);
    mr_buf_byte(&exchange->reply_body, '\n');
    mr_buf_append(&exchange->reply_body, exchange->body);
    http_reply_send(exchange);
}

static int64_t number_behind(struct mr_slice path, struct mr_slice prefix)
{
    int64_t value = 0;
    assert_int_equal(mr_slice_to_i64(mr_slice_sub(path, prefix.len, path.len), &value), MR_OK);
    return value;
}

static atomic_int filters_ended;

int test_filters_ended(void)
{
    return atomic_load(&filters_ended);
}

static void change(void *ctx, char *bytes, size_t len)
{
    size_t *place = ctx;
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)(bytes[i] ^ (char)(7 * (*place)++));
}

static void change_end(void *ctx)
{
    (void)ctx;
    atomic_fetch_add(&filters_ended, 1);
}

static void answer_changed(struct http_exchange *exchange, const struct test_fixture *fixture)
{
    const struct http_filter filter = {change, change_end, MR_NEW(&exchange->arena, size_t)};
    http_reply_file_changed(exchange, open(fixture->file_path, O_RDONLY | O_CLOEXEC), 0,
                            fixture->file_len, filter);
    http_reply_send(exchange);
}

static void on_request(struct http_exchange *exchange)
{
    struct test_fixture *fixture = exchange->listener_ctx;
    struct mr_slice path = exchange->path;
    pthread_mutex_lock(&fixture->lock);
    fixture->locked.requests++;
    pthread_mutex_unlock(&fixture->lock);
    if (mr_slice_starts_with(path, MR_S("/sink"))) {
        reply_sink(fixture, exchange);
    } else if (mr_slice_equal(path, MR_S("/later"))) {
        keep_for_later(fixture, exchange);
    } else if (mr_slice_starts_with(path, MR_S("/ticket/"))) {
        mr_buf_append(&exchange->reply_body, path);
        http_reply_send_after(exchange, number_behind(path, MR_S("/ticket/")));
    } else if (mr_slice_starts_with(path, MR_S("/big/"))) {
        size_t len = (size_t)number_behind(path, MR_S("/big/"));
        char *to = mr_buf_reserve(&exchange->reply_body, len + 1);
        for (size_t i = 0; i < len; i++)
            to[i] = (char)('a' + i % 26);
        exchange->reply_body.len = len;
        http_reply_send(exchange);
    } else if (mr_slice_equal(path, MR_S("/file"))) {
        http_reply_file(exchange, open(fixture->file_path, O_RDONLY | O_CLOEXEC), 0,
                        fixture->file_len);
        http_reply_send(exchange);
    } else if (mr_slice_equal(path, MR_S("/changed"))) {
        answer_changed(exchange, fixture);
    } else if (mr_slice_equal(path, MR_S("/inject"))) {
        http_reply_header(exchange, MR_S("x-name"), MR_S("a\r\nx-evil: 1"));
        http_reply_send(exchange);
    } else if (mr_slice_equal(path, MR_S("/names"))) {
        for (size_t i = 0; i < exchange->header_count; i++) {
            mr_buf_append(&exchange->reply_body, exchange->headers[i].name);
            mr_buf_byte(&exchange->reply_body, ' ');
        }
        http_reply_send(exchange);
    } else if (mr_slice_equal(path, MR_S("/none"))) {
        exchange->status = 204;
        http_reply_send(exchange);
    } else {
        echo(exchange);
    }
}

static void on_abort(struct http_exchange *exchange)
{
    struct test_fixture *fixture = exchange->listener_ctx;
    pthread_mutex_lock(&fixture->lock);
    fixture->locked.aborts++;
    pthread_cond_broadcast(&fixture->changed);
    pthread_mutex_unlock(&fixture->lock);
}

static const struct http_handler handler = {
    .on_headers = on_headers, .on_request = on_request, .on_abort = on_abort};

/* ---- the fixture ---- */

void test_fixture_init(struct test_fixture *fixture, int threads, const struct http_limits *limits)
{
    *fixture = (struct test_fixture){0};
    pthread_mutex_init(&fixture->lock, NULL);
    pthread_cond_init(&fixture->changed, NULL);
    assert_int_equal(http_server_new(&fixture->server, threads, limits), MR_OK);
    assert_int_equal(http_server_listen(fixture->server, "127.0.0.1", 0, &handler, fixture,
                                        &fixture->listener, &fixture->port),
                     MR_OK);
}

void test_fixture_fini(struct test_fixture *fixture)
{
    http_server_stop(fixture->server, 5000);
    assert_int_equal(http_server_connections(fixture->server), 0);
    http_server_free(fixture->server);
    pthread_cond_destroy(&fixture->changed);
    pthread_mutex_destroy(&fixture->lock);
}

static struct timespec in_time(void)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += TEST_WAIT_MS / 1000;
    return until;
}

struct http_exchange *test_take_later(struct test_fixture *fixture)
{
    struct timespec until = in_time();
    struct http_exchange *exchange = NULL;
    pthread_mutex_lock(&fixture->lock);
    int error = 0;
    while (fixture->locked.later_count == 0 && error == 0)
        error = pthread_cond_timedwait(&fixture->changed, &fixture->lock, &until);
    if (fixture->locked.later_count > 0) {
        exchange = fixture->locked.later[0];
        fixture->locked.later_count--;
        memmove(fixture->locked.later, fixture->locked.later + 1,
                fixture->locked.later_count * sizeof exchange);
    }
    pthread_mutex_unlock(&fixture->lock);
    assert_non_null(exchange);
    return exchange;
}

void test_wait_aborts(struct test_fixture *fixture, int count)
{
    struct timespec until = in_time();
    pthread_mutex_lock(&fixture->lock);
    int error = 0;
    while (fixture->locked.aborts < count && error == 0)
        error = pthread_cond_timedwait(&fixture->changed, &fixture->lock, &until);
    int aborts = fixture->locked.aborts;
    pthread_mutex_unlock(&fixture->lock);
    assert_int_equal(aborts, count);
}

void test_wait_connections(struct test_fixture *fixture, int count)
{
    int64_t until_ms = mr_monotonic_ms() + TEST_WAIT_MS;
    while (http_server_connections(fixture->server) != count && mr_monotonic_ms() < until_ms)
        poll(NULL, 0, 1);
    assert_int_equal(http_server_connections(fixture->server), count);
}

void test_answer(struct http_exchange *exchange, const char *text)
{
    mr_buf_append(&exchange->reply_body, mr_slice_cstr(text));
    http_reply_send(exchange);
}

size_t test_open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    size_t count = 0;
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

/* ---- client ---- */

int test_connect(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct timeval wait = {.tv_sec = TEST_WAIT_MS / 1000};
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
    return fd;
}

void test_send(int fd, struct mr_slice data)
{
    while (data.len > 0) {
        ssize_t sent = send(fd, data.ptr, data.len, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
            return; /* the test looks at the reply */
        assert_true(sent > 0);
        data = mr_slice_sub(data, (size_t)sent, data.len);
    }
}

void test_send_text(int fd, const char *text)
{
    test_send(fd, mr_slice_cstr(text));
}

bool test_read_to_end(int fd, struct mr_buf *buf)
{
    for (;;) {
        ssize_t got = recv(fd, mr_buf_reserve(buf, 65536), 65536, 0);
        if (got == 0 || (got < 0 && errno == ECONNRESET))
            return true;
        if (got < 0)
            return false;
        buf->len += (size_t)got;
    }
}

/* Exactly len bytes; false when the connection ends before. */
static bool read_exactly(int fd, struct mr_buf *buf, size_t len)
{
    while (len > 0) {
        ssize_t got = recv(fd, mr_buf_reserve(buf, len), len, 0);
        if (got <= 0)
            return false;
        buf->len += (size_t)got;
        len -= (size_t)got;
    }
    return true;
}

static bool read_line(int fd, struct mr_buf *buf)
{
    do
        if (!read_exactly(fd, buf, 1))
            return false;
    while (buf->data[buf->len - 1] != '\n');
    return true;
}

static bool read_head(int fd, struct test_reply *reply)
{
    size_t line;
    do {
        line = reply->head.len;
        if (!read_line(fd, &reply->head))
            return false;
    } while (reply->head.len - line > 2);
    return true;
}

static bool read_chunks(int fd, struct mr_buf *body)
{
    for (;;) {
        struct mr_buf line = {0};
        bool ok = read_line(fd, &line);
        size_t size = 0;
        for (size_t i = 0; ok && i + 2 < line.len; i++) {
            const char *digit = strchr("0123456789abcdef", line.data[i]);
            assert_non_null(digit);
            size = size * 16 + (size_t)(digit - strchr("0123456789abcdef", '0'));
        }
        mr_buf_fini(&line);
        if (!ok || !read_exactly(fd, body, size + 2))
            return false;
        assert_memory_equal(body->data + body->len - 2, "\r\n", 2);
        body->len -= 2;
        if (size == 0)
            return true;
    }
}

bool test_head_has(const struct test_reply *reply, const char *text)
{
    return mr_slice_search(mr_buf_slice(&reply->head), mr_slice_cstr(text)) != SIZE_MAX;
}

struct test_reply test_read_reply(int fd, bool is_head)
{
    struct test_reply reply = {0};
    if (!read_head(fd, &reply))
        return reply;
    int64_t number;
    struct mr_slice head = mr_buf_slice(&reply.head);
    assert_true(mr_slice_starts_with(head, MR_S("HTTP/1.1 ")));
    assert_int_equal(mr_slice_to_i64(mr_slice_sub(head, 9, 3), &number), MR_OK);
    reply.status = (int)number;
    size_t at = mr_slice_search(head, MR_S("content-length: "));
    if (is_head || reply.status == 204 || reply.status == 304 || reply.status == 100) {
        reply.ended = true;
    } else if (test_head_has(&reply, "transfer-encoding: chunked")) {
        reply.ended = read_chunks(fd, &reply.body);
    } else if (at != SIZE_MAX) {
        struct mr_slice rest = mr_slice_sub(head, at + 16, head.len);
        rest.len = mr_slice_find(rest, '\r');
        assert_int_equal(mr_slice_to_i64(rest, &number), MR_OK);
        reply.ended = read_exactly(fd, &reply.body, (size_t)number);
    } else {
        reply.ended = test_read_to_end(fd, &reply.body);
    }
    mr_buf_byte(&reply.body, '\0'); /* so that tests may compare it as a string */
    reply.body.len--;
    return reply;
}

void test_reply_fini(struct test_reply *reply)
{
    mr_buf_fini(&reply->head);
    mr_buf_fini(&reply->body);
}

struct test_reply test_ask(int fd, const char *request, int status)
{
    test_send_text(fd, request);
    struct test_reply reply = test_read_reply(fd, false);
    if (reply.status != status)
        fail_msg("status %d, expected %d, for: %.200s", reply.status, status, request);
    assert_true(reply.ended);
    return reply;
}
