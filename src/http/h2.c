/* HTTP/2 over cleartext with prior knowledge. libnghttp2 keeps the protocol's state; each stream is
 * an exchange.
 *
 * nghttp2's callbacks run inside nghttp2_session_mem_recv and _mem_send, where the session must not
 * be freed, so none of them closes the connection. Handlers are called, and replies submitted, from
 * within callbacks; that is allowed.
 *
 * An exchange is in `streams` from its first header to the close of its stream, whoever closes it.
 */
#include "http/internal.h"
#include <assert.h>
#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    STREAMS_MAX = 100,
    STREAM_WINDOW_BYTES = 1 << 20,
    CONN_WINDOW_BYTES = 4 << 20,
    FILL_BYTES = 64 * 1024,     /* framed ahead of the socket */
    HEADER_OVERHEAD_BYTES = 32, /* of each header line, as RFC 9113 counts a list's size */
    RESETS_MAX = 200,           /* by the peer, at once ... */
    RESETS_PER_SECOND = 50, /* ... and for good: beyond it the peer costs more than it asks for */
    STALL_CHECK_MS = 1000,
};

struct http_h2 {
    nghttp2_session *session;
    struct http_exchange_private *streams;
    size_t stream_count;
    uint64_t buffered; /* request bodies held in memory */
    int64_t resets;    /* tokens left, in thousandths */
    int64_t resets_ms; /* when they were counted last */
    int64_t stall_check_ms;
};

/* ---- streams ---- */

static struct http_exchange_private *stream_of(nghttp2_session *session, int32_t stream_id)
{
    return nghttp2_session_get_stream_user_data(session, stream_id);
}

static void link_stream(struct http_h2 *h2, struct http_exchange_private *exchange)
{
    exchange->prev_stream = NULL;
    exchange->next_stream = h2->streams;
    if (h2->streams != NULL)
        h2->streams->prev_stream = exchange;
    h2->streams = exchange;
    h2->stream_count++;
}

static void unlink_stream(struct http_h2 *h2, struct http_exchange_private *exchange)
{
    if (exchange->prev_stream != NULL)
        exchange->prev_stream->next_stream = exchange->next_stream;
    else
        h2->streams = exchange->next_stream;
    if (exchange->next_stream != NULL)
        exchange->next_stream->prev_stream = exchange->prev_stream;
    h2->stream_count--;
    if (!exchange->streaming)
        h2->buffered -= exchange->body_bytes;
}

static void touch(struct http_exchange_private *exchange)
{
    exchange->active_ms = exchange->loop->now_ms;
}

static void reset_stream(struct http_exchange_private *exchange, uint32_t error)
{
    nghttp2_submit_rst_stream(exchange->conn->h2->session, NGHTTP2_FLAG_NONE, exchange->stream_id,
                              error);
    http_conn_mark_dirty(exchange->conn);
}

/* ---- from request to handler ---- */

static void call_request(struct http_exchange_private *exchange)
{
    http_exchange_call_request(exchange);
    if (exchange->replied)
        http_exchange_answered(exchange);
}

/* The request cannot be taken; `status` 0: its sink refused. */
static void fail_request(struct http_exchange_private *exchange, int status)
{
    assert(exchange->phase == HTTP_PHASE_READ);
    if (exchange->replied) {
        http_exchange_answered(exchange);
    } else if (exchange->streaming) {
        exchange->exchange.body_failed = true;
        exchange->exchange.body_status = status;
        call_request(exchange);
    } else {
        exchange->exchange.status = status;
        http_reply_header(&exchange->exchange, MR_S("content-type"), MR_S("text/plain"));
        mr_buf_printf(&exchange->exchange.reply_body, "%s\n", http_reason(status));
        http_exchange_send(exchange);
    }
}

static void send_continue(struct http_exchange_private *exchange)
{
    static char name[] = ":status", value[] = "100";
    const nghttp2_nv line = {.name = (uint8_t *)name,
                             .value = (uint8_t *)value,
                             .namelen = sizeof name - 1,
                             .valuelen = sizeof value - 1};
    nghttp2_submit_headers(exchange->conn->h2->session, NGHTTP2_FLAG_NONE, exchange->stream_id,
                           NULL, &line, 1, NULL);
}

/* True when the request's body is welcome. */
static bool head_is_accepted(struct http_exchange_private *exchange)
{
    if (exchange->refuse == 0 && !http_exchange_head_done(exchange, false))
        exchange->refuse = 400;
    if (exchange->refuse != 0) {
        fail_request(exchange, exchange->refuse);
        return false;
    }
    http_exchange_call_headers(exchange);
    if (exchange->replied) {
        http_exchange_answered(exchange);
        return false;
    }
    uint64_t length = 0;
    struct mr_slice told = http_header_get(&exchange->exchange, "content-length");
    if (told.ptr != NULL &&
        (mr_slice_to_u64(told, &length) != MR_OK || length > exchange->body_max)) {
        fail_request(exchange, 413);
        return false;
    }
    return true;
}

static void headers_done(struct http_exchange_private *exchange, bool ended)
{
    exchange->request_done = ended;
    if (!head_is_accepted(exchange))
        return;
    struct mr_slice expect = http_header_get(&exchange->exchange, "expect");
    if (ended)
        call_request(exchange);
    else if (mr_slice_equal_nocase(expect, MR_S("100-continue")))
        send_continue(exchange);
}

/* ---- nghttp2's callbacks while receiving ---- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct http_conn *conn = user_data;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct http_exchange_private *exchange = http_exchange_take(conn);
    exchange->exchange.http2 = true;
    exchange->stream_id = frame->hd.stream_id;
    touch(exchange);
    link_stream(conn->h2, exchange);
    nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, exchange);
    return 0;
}

static bool keep_line(struct http_exchange_private *exchange, struct mr_slice name,
                      struct mr_slice value)
{
    if (!http_exchange_add_name(exchange, name))
        return false;
    http_exchange_add_value(exchange, value);
    exchange->in_name = false;
    return true;
}

static bool take_header(struct http_exchange_private *exchange, struct mr_slice name,
                        struct mr_slice value)
{
    if (name.len > 0 && name.ptr[0] != ':') {
        /* With an :authority a Host line may only repeat it; it is in the list as "host" already.
         */
        if (exchange->host_len > 0 && mr_slice_equal(name, MR_S("host")) &&
            mr_slice_equal(value,
                           mr_slice_make(exchange->head.data + exchange->host, exchange->host_len)))
            return true;
        return keep_line(exchange, name, value);
    }
    if (mr_slice_equal(name, MR_S(":method"))) {
        exchange->exchange.method = mr_arena_copy(&exchange->exchange.arena, value);
    } else if (mr_slice_equal(name, MR_S(":path"))) {
        exchange->url = (uint32_t)exchange->head.len;
        exchange->url_len = (uint32_t)value.len;
        mr_buf_append(&exchange->head, value);
    } else if (mr_slice_equal(name, MR_S(":authority"))) {
        exchange->host = (uint32_t)(exchange->head.len + sizeof "host" - 1);
        exchange->host_len = (uint32_t)value.len;
        return keep_line(exchange, MR_S("host"), value);
    }
    return true;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user_data)
{
    (void)flags;
    struct http_conn *conn = user_data;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0; /* trailers are ignored */
    struct http_exchange_private *exchange = stream_of(session, frame->hd.stream_id);
    if (exchange == NULL || exchange->refuse != 0)
        return 0;
    size_t size =
        exchange->head.len + exchange->span_count * HEADER_OVERHEAD_BYTES + name_len + value_len;
    if (size > conn->loop->server->limits.header_bytes ||
        !take_header(exchange, mr_slice_make(name, name_len), mr_slice_make(value, value_len)))
        exchange->refuse = 431;
    return 0;
}

/* The peer opens streams and resets them: each costs us work and it nothing. A bucket of tokens
 * bounds that. */
static void count_reset(struct http_conn *conn)
{
    struct http_h2 *h2 = conn->h2;
    int64_t now_ms = conn->loop->now_ms;
    h2->resets += (now_ms - h2->resets_ms) * RESETS_PER_SECOND;
    if (h2->resets > RESETS_MAX * 1000)
        h2->resets = RESETS_MAX * 1000;
    h2->resets_ms = now_ms;
    h2->resets -= 1000;
    if (h2->resets < 0)
        nghttp2_session_terminate_session(h2->session, NGHTTP2_ENHANCE_YOUR_CALM);
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct http_conn *conn = user_data;
    if (frame->hd.type == NGHTTP2_RST_STREAM) {
        count_reset(conn);
        return 0;
    }
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    struct http_exchange_private *exchange = stream_of(session, frame->hd.stream_id);
    if (exchange == NULL)
        return 0;
    bool ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        headers_done(exchange, ended);
    } else if (ended) {
        exchange->request_done = true;
        if (exchange->phase == HTTP_PHASE_READ)
            call_request(exchange);
    }
    return 0;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream_id,
                         const uint8_t *data, size_t len, void *user_data)
{
    (void)flags;
    struct http_conn *conn = user_data;
    struct http_exchange_private *exchange = stream_of(session, stream_id);
    if (exchange == NULL || exchange->phase != HTTP_PHASE_READ)
        return 0; /* answered already */
    touch(exchange);
    if (!exchange->streaming &&
        conn->h2->buffered + len > 2 * conn->loop->server->limits.body_bytes) {
        reset_stream(exchange, NGHTTP2_REFUSED_STREAM); /* the client may try again */
        return 0;
    }
    switch (http_exchange_take_body(exchange, mr_slice_make(data, len))) {
    case MR_OK:
        if (!exchange->streaming)
            conn->h2->buffered += len;
        break;
    case MR_FULL: fail_request(exchange, 413); break;
    case MR_AGAIN:
        conn->h2->buffered += len;
        fail_request(exchange, 503);
        break;
    default: fail_request(exchange, 0); break;
    }
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error,
                           void *user_data)
{
    (void)error;
    struct http_conn *conn = user_data;
    struct http_exchange_private *exchange = stream_of(session, stream_id);
    if (exchange == NULL)
        return 0;
    nghttp2_session_set_stream_user_data(session, stream_id, NULL);
    unlink_stream(conn->h2, exchange);
    http_exchange_orphan(exchange); /* a reply that was sent just goes back to the pool */
    return 0;
}

/* ---- nghttp2's callbacks while sending ---- */

/* A reply that is complete before its request: the rest is not wanted. */
static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    (void)user_data;
    if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
        return 0;
    struct http_exchange_private *exchange = stream_of(session, frame->hd.stream_id);
    if (exchange != NULL && !exchange->request_done)
        reset_stream(exchange, NGHTTP2_NO_ERROR);
    return 0;
}

static ssize_t read_buffered(struct http_exchange_private *exchange, uint8_t *to, size_t room,
                             uint32_t *flags)
{
    struct mr_slice rest =
        mr_slice_sub(mr_buf_slice(&exchange->exchange.reply_body), exchange->sent, room);
    if (rest.len > 0)
        memcpy(to, rest.ptr, rest.len);
    exchange->sent += rest.len;
    if (exchange->sent == exchange->exchange.reply_body.len)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)rest.len;
}

static ssize_t read_file(struct http_exchange_private *exchange, uint8_t *to, size_t room,
                         uint32_t *flags)
{
    size_t want = exchange->file_left < room ? (size_t)exchange->file_left : room;
    ssize_t got = 0;
    if (want > 0) {
        do
            got = pread(exchange->file_fd, to, want, (off_t)exchange->file_offset);
        while (got < 0 && errno == EINTR);
        if (got <= 0) /* shorter than promised */
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    if (exchange->filter.change != NULL && got > 0)
        exchange->filter.change(exchange->filter.ctx, (char *)to, (size_t)got);
    exchange->file_offset += (uint64_t)got;
    exchange->file_left -= (uint64_t)got;
    if (exchange->file_left == 0)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return got;
}

static ssize_t read_streamed(struct http_exchange_private *exchange, uint8_t *to, size_t room,
                             uint32_t *flags)
{
    if (exchange->abort_seen)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (!http_exchange_stream_fill(exchange)) {
        if (exchange->end_seen) {
            *flags |= NGHTTP2_DATA_FLAG_EOF;
            return 0;
        }
        exchange->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    struct mr_slice rest = mr_slice_sub(mr_buf_slice(&exchange->sending), exchange->sent, room);
    memcpy(to, rest.ptr, rest.len);
    exchange->sent += rest.len;
    if (exchange->sent == exchange->sending.len) {
        mr_buf_reset(&exchange->sending);
        exchange->sent = 0;
    }
    http_exchange_stream_sent(exchange, rest.len);
    return (ssize_t)rest.len;
}

static ssize_t read_reply(nghttp2_session *session, int32_t stream_id, uint8_t *to, size_t room,
                          uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
    (void)session, (void)stream_id, (void)user_data;
    struct http_exchange_private *exchange = source->ptr;
    touch(exchange);
    switch (exchange->kind) {
    case HTTP_REPLY_FILE: return read_file(exchange, to, room, flags);
    case HTTP_REPLY_STREAM: return read_streamed(exchange, to, room, flags);
    default: return read_buffered(exchange, to, room, flags);
    }
}

/* ---- replies ---- */

static nghttp2_nv line_of(struct mr_slice name, struct mr_slice value)
{
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name.ptr,
                        .value = (uint8_t *)(uintptr_t)value.ptr,
                        .namelen = name.len,
                        .valuelen = value.len};
}

/* All header lines of the reply, in the exchange's arena; nghttp2 copies them once more. */
static nghttp2_nv *reply_lines(struct http_exchange_private *exchange, size_t *ret_count)
{
    struct mr_arena *arena = &exchange->exchange.arena;
    nghttp2_nv *lines = MR_NEW_ARRAY(arena, nghttp2_nv, exchange->reply_header_count + 3);
    size_t count = 0;
    int status = exchange->exchange.status;
    lines[count++] = line_of(MR_S(":status"), mr_arena_printf(arena, "%d", status));
    for (size_t i = 0; i < exchange->reply_header_count; i++)
        lines[count++] = line_of(mr_arena_lower(arena, exchange->reply_headers[i].name),
                                 exchange->reply_headers[i].value);
    lines[count++] = line_of(MR_S("date"), http_loop_date(exchange->loop));
    if (exchange->kind != HTTP_REPLY_STREAM && status != 204 &&
        (status != 304 || exchange->length_told)) {
        uint64_t length = exchange->length_told               ? exchange->length
                          : exchange->kind == HTTP_REPLY_FILE ? exchange->file_left
                                                              : exchange->exchange.reply_body.len;
        lines[count++] = line_of(MR_S("content-length"),
                                 mr_arena_printf(arena, "%llu", (unsigned long long)length));
    }
    *ret_count = count;
    return lines;
}

void http_h2_reply(struct http_exchange_private *exchange)
{
    struct http_conn *conn = exchange->conn;
    size_t count;
    nghttp2_nv *lines = reply_lines(exchange, &count);
    nghttp2_data_provider provider = {.source.ptr = exchange, .read_callback = read_reply};
    /* A streamed reply to HEAD still waits for its end, in read_streamed: its writes are dropped.
     */
    bool bodyless = http_exchange_is_bodyless(exchange) && exchange->kind != HTTP_REPLY_STREAM;
    touch(exchange);
    if (nghttp2_submit_response(conn->h2->session, exchange->stream_id, lines, count,
                                bodyless ? NULL : &provider) != 0)
        reset_stream(exchange, NGHTTP2_INTERNAL_ERROR);
    http_conn_mark_dirty(conn);
}

void http_h2_stream_moved(struct http_exchange_private *exchange)
{
    if (exchange->deferred) {
        exchange->deferred = false;
        nghttp2_session_resume_data(exchange->conn->h2->session, exchange->stream_id);
    }
    http_conn_mark_dirty(exchange->conn);
}

/* ---- the connection ---- */

static nghttp2_session *session_new(struct http_conn *conn)
{
    nghttp2_session *session = NULL;
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0)
        abort();
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    nghttp2_option_set_no_closed_streams(option, 1);
    if (nghttp2_session_server_new2(&session, callbacks, conn, option) != 0)
        abort();
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return session;
}

void http_h2_start(struct http_conn *conn)
{
    const struct http_limits *limits = &conn->loop->server->limits;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS_MAX},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)limits->header_bytes},
    };
    struct http_h2 *h2 = mr_calloc(1, sizeof *h2);
    h2->resets = RESETS_MAX * 1000;
    h2->resets_ms = h2->stall_check_ms = conn->loop->now_ms;
    h2->session = session_new(conn);
    conn->h2 = h2;
    http_conn_set_state(conn, HTTP_CONN_H2);
    if (nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, settings, MR_COUNT(settings)) !=
            0 ||
        nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0,
                                              CONN_WINDOW_BYTES) != 0)
        abort();
    http_conn_mark_dirty(conn);
}

/* A stream that neither brings its request nor takes its reply is reset. */
static void check_stalls(struct http_conn *conn)
{
    const struct http_limits *limits = &conn->loop->server->limits;
    int64_t now_ms = conn->loop->now_ms;
    conn->h2->stall_check_ms = now_ms;
    struct http_exchange_private *next;
    for (struct http_exchange_private *exchange = conn->h2->streams; exchange != NULL;
         exchange = next) {
        next = exchange->next_stream;
        int64_t quiet_ms = now_ms - exchange->active_ms;
        if (exchange->phase == HTTP_PHASE_READ && quiet_ms >= limits->body_stall_ms)
            fail_request(exchange, 408);
        else if (exchange->phase == HTTP_PHASE_SEND && !exchange->deferred &&
                 quiet_ms >= limits->write_stall_ms)
            reset_stream(exchange, NGHTTP2_CANCEL);
    }
}

size_t http_h2_input(struct http_conn *conn, const char *data, size_t len)
{
    struct http_h2 *h2 = conn->h2;
    ssize_t used = nghttp2_session_mem_recv(h2->session, (const uint8_t *)data, len);
    if (used < 0) {
        http_conn_close(conn);
        return len;
    }
    if (conn->loop->now_ms - h2->stall_check_ms >= STALL_CHECK_MS)
        check_stalls(conn);
    http_conn_mark_dirty(conn);
    return len;
}

bool http_h2_fill(struct http_conn *conn)
{
    size_t before = conn->out.len;
    while (conn->out.len < FILL_BYTES) {
        const uint8_t *data;
        ssize_t len = nghttp2_session_mem_send(conn->h2->session, &data);
        if (len < 0) {
            http_conn_close(conn);
            return false;
        }
        if (len == 0)
            break;
        memcpy(http_conn_out_reserve(conn, (size_t)len), data, (size_t)len);
        conn->out.len += (size_t)len;
    }
    return conn->out.len > before;
}

bool http_h2_is_done(const struct http_conn *conn)
{
    return nghttp2_session_want_read(conn->h2->session) == 0 &&
           nghttp2_session_want_write(conn->h2->session) == 0;
}

void http_h2_drain(struct http_conn *conn)
{
    nghttp2_session *session = conn->h2->session;
    nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(session), NGHTTP2_NO_ERROR, NULL,
                          0);
    http_conn_mark_dirty(conn);
}

int http_h2_patience_ms(const struct http_conn *conn)
{
    const struct http_limits *limits = &conn->loop->server->limits;
    if (conn->h2->stream_count == 0)
        return limits->idle_ms;
    return limits->body_stall_ms < limits->write_stall_ms ? limits->body_stall_ms
                                                          : limits->write_stall_ms;
}

void http_h2_on_deadline(struct http_conn *conn)
{
    if (conn->h2->stream_count > 0)
        check_stalls(conn);
    else
        http_h2_drain(conn);
    http_conn_set_deadline(conn, conn->loop->now_ms + http_h2_patience_ms(conn));
}

void http_h2_free(struct http_conn *conn)
{
    struct http_h2 *h2 = conn->h2;
    while (h2->streams != NULL) {
        struct http_exchange_private *exchange = h2->streams;
        unlink_stream(h2, exchange);
        http_exchange_orphan(exchange);
    }
    nghttp2_session_del(h2->session);
    conn->h2 = NULL;
    free(h2);
}
