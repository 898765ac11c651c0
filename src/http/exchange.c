/* The exchange: collecting a request, calling the handler, taking the answer from any thread, and
 * going back to the pool.
 *
 *     READ --on_request--> WORK --http_reply_send--> WAIT --ticket released--> SEND --sent--> pool
 *       \______________ answered early ____________/         (http_reply_begin: WORK -> SEND)
 *
 * When the connection dies: in READ the exchange goes back at once (unless its body is streamed:
 * then on_request is called so that the handler can clean up), in WORK it waits for the handler's
 * answer, later it just goes back. */
#include "http/internal.h"
#include "base/clock.h"
#include <assert.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* ---- pool ---- */

static void on_post(struct http_loop *loop, struct http_post *post);

static struct http_exchange_private *exchange_new(struct http_loop *loop)
{
    struct http_exchange_private *exchange = mr_calloc(1, sizeof *exchange);
    exchange->loop = loop;
    exchange->exchange.priv = exchange;
    exchange->post.run = on_post;
    mr_arena_init(&exchange->exchange.arena);
    pthread_mutex_init(&exchange->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&exchange->room, &attr);
    pthread_condattr_destroy(&attr);
    return exchange;
}

void http_exchange_destroy(struct http_exchange_private *exchange)
{
    mr_arena_fini(&exchange->exchange.arena);
    mr_buf_fini(&exchange->exchange.reply_body);
    mr_buf_fini(&exchange->head);
    mr_buf_fini(&exchange->body);
    mr_buf_fini(&exchange->sending);
    mr_buf_fini(&exchange->locked.buf);
    free(exchange->spans);
    pthread_cond_destroy(&exchange->room);
    pthread_mutex_destroy(&exchange->lock);
    free(exchange);
}

struct http_exchange_private *http_exchange_take(struct http_conn *conn)
{
    struct http_loop *loop = conn->loop;
    struct http_exchange_private *exchange = loop->pool;
    if (exchange != NULL) {
        loop->pool = exchange->next;
        loop->pool_count--;
    } else {
        exchange = exchange_new(loop);
    }
    loop->exchange_count++;
    exchange->next = NULL;
    exchange->conn = conn;
    memcpy(exchange->exchange.peer, conn->peer, sizeof conn->peer);
    exchange->phase = HTTP_PHASE_READ;
    exchange->body_max = loop->server->limits.body_bytes;
    exchange->file_fd = -1;
    exchange->ticket = INT64_MIN;
    exchange->exchange.status = 200;
    exchange->exchange.listener_ctx = conn->listener->ctx;
    return exchange;
}

static void keep_or_free(struct mr_buf *buf)
{
    if (buf->cap > HTTP_KEEP_PART_BYTES)
        mr_buf_fini(buf);
    else
        mr_buf_reset(buf);
}

static void reset_arena(struct mr_arena *arena)
{
    if (arena->bytes > HTTP_KEEP_ARENA_BYTES) {
        mr_arena_fini(arena);
        mr_arena_init(arena);
    } else {
        mr_arena_reset(arena);
    }
}

void http_exchange_release(struct http_exchange_private *exchange)
{
    struct http_loop *loop = exchange->loop;
    assert(loop == http_loop_current());
    assert(!exchange->in_callback);
    if (exchange->file_fd >= 0)
        close(exchange->file_fd);
    if (exchange->filter.end != NULL)
        exchange->filter.end(exchange->filter.ctx);
    loop->exchange_count--;
    if (exchange->held > 0)
        atomic_fetch_sub(&loop->server->held, exchange->held);
    if (loop->pool_count == HTTP_POOL_EXCHANGES) {
        http_exchange_destroy(exchange);
        return;
    }
    reset_arena(&exchange->exchange.arena);
    keep_or_free(&exchange->exchange.reply_body);
    keep_or_free(&exchange->head);
    keep_or_free(&exchange->body);
    keep_or_free(&exchange->sending);
    keep_or_free(&exchange->locked.buf);
    struct mr_arena arena = exchange->exchange.arena;
    struct mr_buf reply_body = exchange->exchange.reply_body, buf = exchange->locked.buf;
    size_t kept = offsetof(struct http_exchange_private, exchange);
    memset((char *)exchange + kept, 0, sizeof *exchange - kept);
    exchange->exchange.arena = arena;
    exchange->exchange.reply_body = reply_body;
    exchange->exchange.priv = exchange;
    exchange->locked.buf = buf;
    exchange->next = loop->pool;
    loop->pool = exchange;
    loop->pool_count++;
}

/* ---- the request ---- */

/* Eight bytes at once: the bit 0x80 of a byte says whether it is a capital, and becomes 0x20. */
static uint64_t lower_word(uint64_t word)
{
    const uint64_t ones = UINT64_MAX / 255;
    const uint64_t low = word & ones * 0x7f;
    const uint64_t from_a = low + ones * (0x80 - 'A'), behind_z = low + ones * (0x7f - 'Z');
    return word | ((from_a ^ behind_z) & ~word & ones * 0x80) >> 2;
}

static void copy_lower(char *to, struct mr_slice text)
{
    uint64_t word;
    for (size_t i = 0; i < text.len && text.len >= sizeof word; i += sizeof word) {
        if (text.len - i < sizeof word)
            i = text.len - sizeof word; /* some a second time */
        memcpy(&word, text.ptr + i, sizeof word);
        word = lower_word(word);
        memcpy(to + i, &word, sizeof word);
    }
    for (size_t i = 0; i < text.len && text.len < sizeof word; i++)
        to[i] = (char)lower_word((unsigned char)text.ptr[i]);
}

bool http_exchange_add_name(struct http_exchange_private *exchange, struct mr_slice part)
{
    if (!exchange->in_name) {
        if (exchange->span_count == HTTP_HEADERS_MAX)
            return false;
        if (exchange->span_count == exchange->span_capacity) {
            exchange->span_capacity = exchange->span_capacity == 0 ? 16 : HTTP_HEADERS_MAX;
            exchange->spans =
                mr_realloc(exchange->spans, exchange->span_capacity * sizeof *exchange->spans);
        }
        exchange->spans[exchange->span_count++] =
            (struct http_span){.name = (uint32_t)exchange->head.len};
        exchange->in_name = true;
    }
    char *to = mr_buf_reserve(&exchange->head, part.len);
    copy_lower(to, part);
    exchange->head.len += part.len;
    exchange->spans[exchange->span_count - 1].name_len += (uint32_t)part.len;
    return true;
}

void http_exchange_add_value(struct http_exchange_private *exchange, struct mr_slice part)
{
    assert(exchange->span_count > 0);
    struct http_span *span = &exchange->spans[exchange->span_count - 1];
    if (span->value_len == 0)
        span->value = (uint32_t)exchange->head.len;
    mr_buf_append(&exchange->head, part);
    span->value_len += (uint32_t)part.len;
}

static struct mr_slice head_part(const struct http_exchange_private *exchange, uint32_t from,
                                 uint32_t len)
{
    return len == 0 ? MR_S("") : mr_slice_make(exchange->head.data + from, len);
}

static void fill_headers(struct http_exchange_private *exchange)
{
    struct http_header *headers =
        MR_NEW_ARRAY(&exchange->exchange.arena, struct http_header, exchange->span_count + 1);
    for (size_t i = 0; i < exchange->span_count; i++) {
        const struct http_span *span = &exchange->spans[i];
        headers[i].name = head_part(exchange, span->name, span->name_len);
        headers[i].value = mr_slice_trim(head_part(exchange, span->value, span->value_len));
    }
    exchange->exchange.headers = headers;
    exchange->exchange.header_count = exchange->span_count;
}

/* "http://host:port/path?query" (a proxy's form) becomes its host and "/path?query". */
static bool fill_target(struct http_exchange *exchange, struct mr_slice url)
{
    if (url.len == 0)
        return false;
    if (url.ptr[0] != '/' && !mr_slice_equal(url, MR_S("*"))) {
        size_t scheme = mr_slice_search(url, MR_S("://"));
        if (scheme == SIZE_MAX)
            return false;
        struct mr_slice rest = mr_slice_sub(url, scheme + 3, url.len);
        size_t slash = 0;
        while (slash < rest.len && rest.ptr[slash] != '/' && rest.ptr[slash] != '?')
            slash++;
        exchange->host = mr_slice_sub(rest, 0, slash);
        url = mr_slice_sub(rest, slash, rest.len);
        if (url.len == 0)
            url = MR_S("/");
        if (exchange->host.len == 0)
            return false;
    }
    exchange->target = url;
    size_t mark = mr_slice_find(url, '?');
    exchange->path = mr_slice_sub(url, 0, mark == SIZE_MAX ? url.len : mark);
    exchange->query = mark == SIZE_MAX ? MR_S("") : mr_slice_sub(url, mark + 1, url.len);
    return true;
}

bool http_exchange_head_done(struct http_exchange_private *private, bool host_required)
{
    struct http_exchange *exchange = &private->exchange;
    fill_headers(private);
    if (!fill_target(exchange, head_part(private, private->url, private->url_len)))
        return false;
    if (private->host_len > 0)
        exchange->host = head_part(private, private->host, private->host_len);
    size_t hosts = 0;
    for (size_t i = 0; i < exchange->header_count; i++) {
        if (!mr_slice_equal(exchange->headers[i].name, MR_S("host")))
            continue;
        hosts++;
        if (exchange->host.len == 0)
            exchange->host = exchange->headers[i].value;
    }
    private->is_head = mr_slice_equal(exchange->method, MR_S("HEAD"));
    return hosts == 1 || (hosts == 0 && !host_required);
}

/* Counts a large body's memory against what all connections may hold. */
static enum mr_status hold_body(struct http_exchange_private *exchange)
{
    struct http_server *server = exchange->loop->server;
    if (exchange->body.cap <= HTTP_HELD_BYTES || exchange->body.cap <= exchange->held)
        return MR_OK;
    uint64_t more = exchange->body.cap - exchange->held;
    exchange->held += more;
    if (atomic_fetch_add(&server->held, more) + more > server->limits.held_bytes)
        return MR_AGAIN; /* given back with the exchange */
    return MR_OK;
}

enum mr_status http_exchange_take_body(struct http_exchange_private *exchange, struct mr_slice data)
{
    if (data.len > exchange->body_max - exchange->body_bytes)
        return MR_FULL;
    exchange->body_bytes += data.len;
    if (!exchange->streaming) {
        mr_buf_append(&exchange->body, data);
        return hold_body(exchange);
    }
    exchange->in_callback = true;
    enum mr_status status = exchange->sink.on_data(exchange->sink.ctx, data);
    exchange->in_callback = false;
    if (exchange->replied)
        return MR_END;
    return status == MR_OK ? MR_OK : MR_FAIL;
}

void http_exchange_call_headers(struct http_exchange_private *exchange)
{
    const struct http_handler *handler = exchange->conn->listener->handler;
    if (handler->on_headers == NULL)
        return;
    exchange->in_callback = true;
    handler->on_headers(&exchange->exchange);
    exchange->in_callback = false;
}

void http_exchange_call_request(struct http_exchange_private *exchange)
{
    const struct http_handler *handler = exchange->conn->listener->handler;
    exchange->phase = HTTP_PHASE_WORK;
    if (!exchange->streaming)
        exchange->exchange.body = mr_buf_slice(&exchange->body);
    exchange->in_callback = true;
    handler->on_request(&exchange->exchange);
    exchange->in_callback = false;
}

struct mr_slice http_header_get(const struct http_exchange *exchange, const char *name)
{
    struct mr_slice wanted = mr_slice_cstr(name);
    for (size_t i = 0; i < exchange->header_count; i++)
        if (mr_slice_equal(exchange->headers[i].name, wanted))
            return exchange->headers[i].value;
    return (struct mr_slice){0};
}

void http_exchange_stream_body(struct http_exchange *exchange, struct http_sink sink)
{
    struct http_exchange_private *private = exchange->priv;
    assert(private->in_callback && private->phase == HTTP_PHASE_READ && sink.on_data != NULL);
    private->streaming = true;
    private->sink = sink;
    private->body_max = private->loop->server->limits.stream_bytes;
}

void http_exchange_limit_body(struct http_exchange *exchange, size_t body_bytes)
{
    struct http_exchange_private *private = exchange->priv;
    assert(private->in_callback && private->phase == HTTP_PHASE_READ);
    if (body_bytes < private->body_max)
    private->body_max = body_bytes;
}

/* ---- the answer: any thread, until the post ---- */

/* Whether a byte is below ' ', eight at a time: taking ' ' off such a byte, and off no other below
 * 0x80, sets its highest bit. */
static bool has_controls(struct mr_slice text)
{
    const uint64_t ones = UINT64_MAX / 255;
    uint64_t found = 0, word;
    size_t i = 0;
    for (; i + sizeof word <= text.len; i += sizeof word) {
        memcpy(&word, text.ptr + i, sizeof word);
        found |= (word - ones * ' ') & ~word;
    }
    for (; i < text.len; i++)
        found |= (unsigned char)text.ptr[i] < ' ' ? 0x80 : 0;
    return (found & ones * 0x80) != 0;
}

/* CR, LF and NUL would end the header line early; a value that came from a user may hold them. */
static struct mr_slice without_controls(struct mr_arena *arena, struct mr_slice text)
{
    if (!has_controls(text))
        return text;
    char *copy = mr_arena_alloc(arena, text.len);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        copy[i] = c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
    }
    return mr_slice_make(copy, text.len);
}

void http_reply_header(struct http_exchange *exchange, struct mr_slice name, struct mr_slice value)
{
    struct http_exchange_private *private = exchange->priv;
    if (private->reply_header_count == private->reply_header_capacity) {
        size_t capacity =
            private->reply_header_capacity == 0 ? 12 : 2 * private->reply_header_capacity;
        struct http_header *grown = MR_NEW_ARRAY(&exchange->arena, struct http_header, capacity);
        if (private->reply_header_count > 0)
            memcpy(grown, private->reply_headers, private->reply_header_count * sizeof *grown);
        private->reply_headers = grown;
        private->reply_header_capacity = capacity;
    }
    private->reply_headers[private->reply_header_count++] =
        (struct http_header){.name = without_controls(&exchange->arena, name),
                             .value = without_controls(&exchange->arena, value)};
}

void http_reply_file(struct http_exchange *exchange, int fd, uint64_t offset, uint64_t len)
{
    struct http_exchange_private *private = exchange->priv;
    assert(private->file_fd < 0);
    private->kind = HTTP_REPLY_FILE;
    private->file_fd = fd;
    private->file_offset = offset;
    private->file_left = len;
}

void http_reply_file_changed(struct http_exchange *exchange, int fd, uint64_t offset, uint64_t len,
                             struct http_filter filter)
{
    http_reply_file(exchange, fd, offset, len);
    exchange->priv->filter = filter;
}

void http_reply_content_length(struct http_exchange *exchange, uint64_t len)
{
    exchange->priv->length_told = true;
    exchange->priv->length = len;
}

void http_reply_send_after(struct http_exchange *exchange, int64_t ticket)
{
    struct http_exchange_private *private = exchange->priv;
    assert(private->kind != HTTP_REPLY_STREAM);
    assert(!atomic_load_explicit(&private->submitted, memory_order_relaxed));
    private->ticket = ticket;
    atomic_store(&private->submitted, true);
    if (http_loop_current() != private->loop)
        http_loop_post_held(private->loop, &private->post, ticket);
    else if (private->in_callback)
    private->replied = true;
    else http_loop_ready(private->loop, private);
}

void http_reply_send(struct http_exchange *exchange)
{
    http_reply_send_after(exchange, INT64_MIN);
}

/* Needs the lock, and gives it back. */
static void stream_post_unlock(struct http_exchange_private *exchange)
{
    bool must_post = !exchange->locked.queued;
    exchange->locked.queued = true;
    pthread_mutex_unlock(&exchange->lock);
    if (must_post)
        http_loop_post(exchange->loop, &exchange->post);
}

void http_reply_begin(struct http_exchange *exchange)
{
    struct http_exchange_private *private = exchange->priv;
    assert(private->kind == HTTP_REPLY_BODY);
    private->kind = HTTP_REPLY_STREAM;
    if (http_loop_current() == private->loop && private->in_callback)
    private->replied = true;
    pthread_mutex_lock(&private->lock);
    stream_post_unlock(private);
}

bool http_exchange_is_bodyless(const struct http_exchange_private *exchange)
{
    int status = exchange->exchange.status;
    return exchange->is_head || status == 204 || status == 304;
}

/* Needs the lock; MR_OK leaves it held. */
static enum mr_status write_locked(struct http_exchange_private *exchange, struct mr_slice data)
{
    if (exchange->locked.gone)
        return MR_END;
    if (exchange->locked.unsent > HTTP_UNSENT_BYTES)
        return MR_FULL;
    if (http_exchange_is_bodyless(exchange))
        return MR_OK;
    mr_buf_append(&exchange->locked.buf, data);
    exchange->locked.unsent += data.len;
    return MR_OK;
}

enum mr_status http_reply_write(struct http_exchange *exchange, struct mr_slice data)
{
    return http_reply_write_wait(exchange, data, 0);
}

enum mr_status http_reply_write_wait(struct http_exchange *exchange, struct mr_slice data,
                                     int wait_ms)
{
    struct http_exchange_private *private = exchange->priv;
    assert(private->kind == HTTP_REPLY_STREAM);
    assert(wait_ms == 0 || http_loop_current() == NULL);
    const struct timespec until = mr_monotonic_timespec(mr_monotonic_us() + wait_ms * 1000L);
    pthread_mutex_lock(&private->lock);
    enum mr_status status = write_locked(private, data);
    for (int error = 0; status == MR_FULL && wait_ms > 0 && error == 0;) {
        error = pthread_cond_timedwait(&private->room, &private->lock, &until);
        status = write_locked(private, data);
    }
    if (status == MR_OK)
        stream_post_unlock(private);
    else
        pthread_mutex_unlock(&private->lock);
    return status;
}

static void stream_end(struct http_exchange_private *exchange, bool aborted)
{
    assert(exchange->kind == HTTP_REPLY_STREAM);
    atomic_store(&exchange->submitted, true);
    pthread_mutex_lock(&exchange->lock);
    assert(!exchange->locked.ended);
    exchange->locked.ended = true;
    exchange->locked.aborted = aborted;
    stream_post_unlock(exchange);
}

void http_reply_end(struct http_exchange *exchange)
{
    stream_end(exchange->priv, false);
}

void http_reply_abort(struct http_exchange *exchange)
{
    stream_end(exchange->priv, true);
}

/* ---- the answer: back on the loop's thread ---- */

static void stream_moved(struct http_exchange_private *exchange)
{
    pthread_mutex_lock(&exchange->lock);
    exchange->locked.queued = false;
    exchange->end_seen = exchange->locked.ended;
    exchange->abort_seen = exchange->locked.aborted;
    pthread_mutex_unlock(&exchange->lock);
    if (exchange->conn == NULL) {
        if (exchange->end_seen)
            http_exchange_release(exchange);
    } else if (exchange->phase != HTTP_PHASE_SEND) {
        http_exchange_send(exchange);
    } else if (exchange->conn->h2 != NULL) {
        http_h2_stream_moved(exchange);
    } else {
        http_conn_mark_dirty(exchange->conn);
    }
}

static void on_post(struct http_loop *loop, struct http_post *post)
{
    (void)loop;
    struct http_exchange_private *exchange = MR_CONTAINER(post, struct http_exchange_private, post);
    assert(exchange->conn == NULL || exchange->phase != HTTP_PHASE_READ || exchange->replied);
    if (exchange->kind == HTTP_REPLY_STREAM)
        stream_moved(exchange);
    else
        http_exchange_answered(exchange);
}

void http_exchange_answered(struct http_exchange_private *exchange)
{
    if (exchange->kind == HTTP_REPLY_STREAM) {
        http_exchange_send(exchange);
        return;
    }
    exchange->phase = HTTP_PHASE_WAIT;
    if (exchange->conn == NULL || exchange->ticket == INT64_MIN)
        http_exchange_send(exchange);
    else
        http_loop_wait_ticket(exchange->loop, exchange);
}

static void measure(const struct http_exchange *exchange)
{
    if (exchange->meters[0] == NULL && exchange->meters[1] == NULL)
        return;
    const int64_t us = mr_monotonic_us() - exchange->began_us;
    for (size_t i = 0; i < HTTP_METERS; i++)
        meter_add(exchange->meters[i], us > 0 ? (uint64_t)us : 0);
}

void http_exchange_send(struct http_exchange_private *exchange)
{
    if (exchange->conn == NULL) {
        if (exchange->kind != HTTP_REPLY_STREAM || exchange->end_seen)
            http_exchange_release(exchange);
        return;
    }
    if (exchange->kind != HTTP_REPLY_STREAM)
        measure(&exchange->exchange);
    exchange->phase = HTTP_PHASE_SEND;
    if (exchange->conn->h2 != NULL)
        http_h2_reply(exchange);
    else
        http_h1_reply(exchange);
}

bool http_exchange_stream_fill(struct http_exchange_private *exchange)
{
    if (exchange->sending.len > 0)
        return true;
    pthread_mutex_lock(&exchange->lock);
    struct mr_buf filled = exchange->locked.buf;
    exchange->locked.buf = exchange->sending;
    exchange->sending = filled;
    pthread_mutex_unlock(&exchange->lock);
    return exchange->sending.len > 0;
}

void http_exchange_stream_sent(struct http_exchange_private *exchange, size_t bytes)
{
    pthread_mutex_lock(&exchange->lock);
    assert(exchange->locked.unsent >= bytes);
    exchange->locked.unsent -= bytes;
    pthread_cond_signal(&exchange->room);
    pthread_mutex_unlock(&exchange->lock);
}

/* ---- when the peer goes away ---- */

void http_exchange_peer_left(struct http_exchange_private *exchange)
{
    if (exchange->left_told || atomic_load(&exchange->submitted))
        return;
    exchange->left_told = true;
    if (exchange->conn->listener->handler->on_abort != NULL)
        exchange->conn->listener->handler->on_abort(&exchange->exchange);
}

static void orphan_unread(struct http_exchange_private *exchange)
{
    if (exchange->replied) { /* early, in a callback that has returned */
        exchange->conn = NULL;
        http_exchange_answered(exchange);
    } else if (exchange->streaming) {
        exchange->exchange.body_failed = true;
        http_exchange_call_request(exchange);
        exchange->conn = NULL;
        if (exchange->replied)
            http_exchange_answered(exchange);
    } else {
        http_exchange_release(exchange);
    }
}

void http_exchange_orphan(struct http_exchange_private *exchange)
{
    assert(exchange->conn != NULL && !exchange->in_callback);
    bool is_stream = exchange->kind == HTTP_REPLY_STREAM;
    pthread_mutex_lock(&exchange->lock);
    exchange->locked.gone = true;
    pthread_cond_signal(&exchange->room);
    pthread_mutex_unlock(&exchange->lock);
    switch (exchange->phase) {
    case HTTP_PHASE_READ: orphan_unread(exchange); break;
    case HTTP_PHASE_WORK:
        http_exchange_peer_left(exchange);
        exchange->conn = NULL;
        break;
    case HTTP_PHASE_WAIT: exchange->conn = NULL; break;
    case HTTP_PHASE_SEND:
        if (is_stream && !exchange->end_seen) {
            http_exchange_peer_left(exchange);
            exchange->conn = NULL;
        } else {
            http_exchange_release(exchange);
        }
        break;
    }
}
