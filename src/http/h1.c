/* HTTP/1.1 requests: from bytes to an exchange. llhttp parses, strictly; what it leaves to its user
 * is checked here: sizes, versions, transfer codings, Expect, Host. The parser's callbacks only
 * collect and decide; whatever may end the connection happens after llhttp_execute has returned. */
#include "http/internal.h"
#include <assert.h>

enum {
    CHUNK_SLACK_BYTES = 32 * 1024, /* chunk sizes, extensions and trailers of a body, besides ... */
    CHUNK_SLACK_PER_BYTE = 16,     /* ... so much for each byte of it */
    BODY_RESERVE_BYTES = 256 * 1024,
    STOP = -1, /* from a callback: stop parsing */
};

/* ---- the parser's callbacks ---- */

static struct http_conn *conn_of(llhttp_t *parser)
{
    return parser->data;
}

static int refuse_in_callback(struct http_conn *conn, int status)
{
    conn->refuse = status;
    return STOP;
}

static int on_url(llhttp_t *parser, const char *at, size_t len)
{
    struct http_exchange_private *work = conn_of(parser)->work;
    mr_buf_append(&work->head, mr_slice_make(at, len));
    work->url_len += (uint32_t)len;
    return 0;
}

static int on_url_complete(llhttp_t *parser)
{
    conn_of(parser)->work->url_done = true;
    return 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t len)
{
    struct http_conn *conn = conn_of(parser);
    if (conn->state != HTTP_CONN_HEAD)
        return 0; /* a trailer: ignored */
    if (!http_exchange_add_name(conn->work, mr_slice_make(at, len)))
        return refuse_in_callback(conn, 431);
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t len)
{
    struct http_conn *conn = conn_of(parser);
    if (conn->state == HTTP_CONN_HEAD)
        http_exchange_add_value(conn->work, mr_slice_make(at, len));
    return 0;
}

static int on_header_value_complete(llhttp_t *parser)
{
    conn_of(parser)->work->in_name = false;
    return 0;
}

/* 0: we can read this body; else the status to refuse it with. */
static int check_framing(const struct http_conn *conn)
{
    const llhttp_t *parser = &conn->parser;
    if (parser->http_major != 1 || parser->http_minor > 1)
        return 505;
    if (parser->method == HTTP_CONNECT)
        return 501;
    struct mr_slice coding = http_header_get(&conn->work->exchange, "transfer-encoding");
    if (coding.ptr == NULL)
        return 0;
    if (parser->http_minor == 0 || (parser->flags & F_CONTENT_LENGTH) != 0)
        return 400;
    if ((parser->flags & F_CHUNKED) == 0 || !mr_slice_equal_nocase(coding, MR_S("chunked")))
        return 501;
    for (size_t i = 0, seen = 0; i < conn->work->exchange.header_count; i++) {
        if (mr_slice_equal(conn->work->exchange.headers[i].name, MR_S("transfer-encoding")))
            seen++;
        if (seen > 1)
            return 400;
    }
    return 0;
}

static bool has_body(const llhttp_t *parser)
{
    return (parser->flags & F_CHUNKED) != 0 ||
           ((parser->flags & F_CONTENT_LENGTH) != 0 && parser->content_length > 0);
}

/* Answered before the body came. A short rest is read and dropped so that the connection can stay;
 * otherwise this reply is the last. So it is when 100 Continue was expected and never came: Debian
 * 12's botocore (1.29) cannot use such a connection again. */
static int answered_early(struct http_conn *conn, bool continue_expected)
{
    const llhttp_t *parser = &conn->parser;
    conn->close_after = conn->close_after || continue_expected;
    if (!has_body(parser))
        return 0;
    if (!continue_expected && (parser->flags & F_CHUNKED) == 0 &&
        parser->content_length <= HTTP_DRAIN_BYTES && conn->work->kind != HTTP_REPLY_STREAM) {
        conn->discard = true;
        return 0;
    }
    return STOP;
}

static void send_continue(struct http_conn *conn)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    memcpy(http_conn_out_reserve(conn, sizeof text - 1), text, sizeof text - 1);
    conn->out.len += sizeof text - 1;
    http_conn_mark_dirty(conn);
}

/* The header was accepted by the handler: is the body? */
static int expect_body(struct http_conn *conn, bool continue_expected)
{
    struct http_exchange_private *work = conn->work;
    const llhttp_t *parser = &conn->parser;
    if ((parser->flags & F_CONTENT_LENGTH) != 0) {
        if (parser->content_length > work->body_max)
            return refuse_in_callback(conn, 413);
        size_t reserve = parser->content_length > BODY_RESERVE_BYTES
                             ? BODY_RESERVE_BYTES
                             : (size_t)parser->content_length;
        if (!work->streaming && reserve > 0)
            mr_buf_reserve(&work->body, reserve);
    }
    if (continue_expected) /* even when no body follows, for the reason at answered_early */
        send_continue(conn);
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    struct http_conn *conn = conn_of(parser);
    struct http_exchange_private *work = conn->work;
    parser->upgrade = 0; /* offers of other protocols are not taken */
    conn->http10 = parser->http_minor == 0;
    bool keep_alive = llhttp_should_keep_alive(parser) != 0;
    conn->keep_alive_told = keep_alive && conn->http10;
    conn->close_after = !keep_alive;
    work->exchange.method = mr_slice_cstr(llhttp_method_name((llhttp_method_t)parser->method));
    if (!http_exchange_head_done(work, !conn->http10))
        return refuse_in_callback(conn, 400);
    int status = check_framing(conn);
    struct mr_slice expect = http_header_get(&work->exchange, "expect");
    bool continue_expected = mr_slice_equal_nocase(expect, MR_S("100-continue"));
    if (status == 0 && expect.len > 0 && !continue_expected)
        status = 417;
    if (status != 0)
        return refuse_in_callback(conn, status);
    continue_expected = continue_expected && !conn->http10;
    http_conn_set_state(conn, HTTP_CONN_BODY);
    http_exchange_call_headers(work);
    return work->replied ? answered_early(conn, continue_expected)
                         : expect_body(conn, continue_expected);
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    struct http_conn *conn = conn_of(parser);
    if (conn->discard)
        return 0;
    switch (http_exchange_take_body(conn->work, mr_slice_make(at, len))) {
    case MR_OK: return 0;
    case MR_FULL: return refuse_in_callback(conn, 413);
    case MR_AGAIN: return refuse_in_callback(conn, 503);
    default: return STOP;
    }
}

static int on_message_complete(llhttp_t *parser)
{
    conn_of(parser)->message_done = true;
    return HPE_PAUSED;
}

const llhttp_settings_t http_h1_settings = {
    .on_url = on_url,
    .on_url_complete = on_url_complete,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

/* ---- errors ---- */

void http_h1_fail(struct http_conn *conn, int status)
{
    struct http_exchange_private *work = conn->work;
    conn->close_after = true;
    conn->linger = true;
    if (work->replied) {
        http_conn_set_state(conn, HTTP_CONN_WORK);
        http_exchange_answered(work);
    } else if (work->streaming) {
        work->exchange.body_failed = true;
        work->exchange.body_status = status;
        http_conn_set_state(conn, HTTP_CONN_WORK);
        http_exchange_call_request(work);
        if (work->replied)
            http_exchange_answered(work);
    } else {
        http_h1_refuse(conn, status);
    }
}

void http_h1_eof(struct http_conn *conn)
{
    if (conn->state == HTTP_CONN_BODY && conn->work->streaming)
        http_h1_fail(conn, 400);
    else
        http_conn_close(conn);
}

/* ---- driving the parser ---- */

void http_h1_start(struct http_conn *conn)
{
    http_conn_set_state(conn, HTTP_CONN_IDLE);
}

bool http_h1_can_parse(const struct http_conn *conn)
{
    switch (conn->state) {
    case HTTP_CONN_IDLE:
    case HTTP_CONN_HEAD:
    case HTTP_CONN_BODY: return http_conn_unsent(conn) < HTTP_OUT_BYTES;
    default: return false;
    }
}

static void begin_request(struct http_conn *conn)
{
    conn->work = http_exchange_take(conn);
    llhttp_init(&conn->parser, HTTP_REQUEST, &http_h1_settings);
    conn->parser.data = conn;
    conn->head_bytes = 0;
    conn->body_raw = 0;
    conn->refuse = 0;
    conn->message_done = conn->discard = conn->linger = false;
    http_conn_set_state(conn, HTTP_CONN_HEAD);
}

static void dispatch(struct http_conn *conn)
{
    struct http_exchange_private *work = conn->work;
    http_conn_set_state(conn, HTTP_CONN_WORK);
    if (!work->replied)
        http_exchange_call_request(work);
    if (work->replied)
        http_exchange_answered(work);
    else if (conn->hangup)
        http_exchange_peer_left(work);
}

/* Chunk sizes, extensions and trailers cost the sender little and us nothing but time; still they
 * are bounded. */
static bool framing_is_excessive(const struct http_conn *conn)
{
    return conn->body_raw > CHUNK_SLACK_BYTES + CHUNK_SLACK_PER_BYTE * conn->work->body_bytes;
}

static void after_execute(struct http_conn *conn, llhttp_errno_t error)
{
    if (conn->message_done && error == HPE_PAUSED) {
        dispatch(conn);
    } else if (error != HPE_OK) {
        bool by_us = conn->refuse != 0 || error == HPE_USER || error == HPE_CB_HEADERS_COMPLETE;
        http_h1_fail(conn, by_us ? conn->refuse : 400);
    } else if (conn->state == HTTP_CONN_HEAD &&
               conn->head_bytes >= conn->loop->server->limits.header_bytes) {
        http_h1_fail(conn, conn->work->url_done ? 431 : 414);
    } else if (conn->state == HTTP_CONN_BODY && (conn->parser.flags & F_CHUNKED) != 0 &&
               !conn->discard && framing_is_excessive(conn)) {
        http_h1_fail(conn, 400);
    }
}

/* Feeds bytes of one request; returns how many were used. */
static size_t execute(struct http_conn *conn, const char *data, size_t len)
{
    bool in_head = conn->state == HTTP_CONN_HEAD;
    if (in_head) {
        size_t room = conn->loop->server->limits.header_bytes - conn->head_bytes;
        len = len < room ? len : room;
    }
    llhttp_errno_t error = llhttp_execute(&conn->parser, data, len);
    size_t used = error == HPE_OK ? len : (size_t)(llhttp_get_error_pos(&conn->parser) - data);
    if (in_head)
        conn->head_bytes += used;
    else
        conn->body_raw += used;
    after_execute(conn, error);
    return used;
}

size_t http_h1_input(struct http_conn *conn, const char *data, size_t len)
{
    size_t used = 0;
    while (used < len && http_h1_can_parse(conn)) {
        if (conn->state == HTTP_CONN_IDLE) {
            if (data[used] == '\r' || data[used] == '\n') { /* some clients end a body so */
                used++;
                continue;
            }
            begin_request(conn);
        }
        used += execute(conn, data + used, len - used);
    }
    return used;
}
