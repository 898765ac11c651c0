/* HTTP/1.1 replies: the header, then the body in the way that suits its kind. A small body is
 * copied behind its header, and the exchange is done; a large one goes out from where it lies, a
 * file by sendfile, a stream chunk by chunk. */
#include "http/internal.h"
#include <assert.h>

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {424, "Failed Dependency"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

const char *http_reason(int status)
{
    for (size_t i = 0; i < MR_COUNT(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unknown";
}

/* ---- writing the header ---- */

static char *put(char *to, struct mr_slice text)
{
    if (text.len > 0)
        memcpy(to, text.ptr, text.len);
    return to + text.len;
}

static char *put_line(char *to, struct mr_slice name, struct mr_slice value)
{
    to = put(to, name);
    to = put(to, MR_S(": "));
    to = put(to, value);
    return put(to, MR_S("\r\n"));
}

static char *put_number(char *to, uint64_t value)
{
    char digits[20];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    while (count > 0)
        *to++ = digits[--count];
    return to;
}

static char *put_hex(char *to, size_t value)
{
    char digits[16];
    size_t count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % 16];
        value /= 16;
    } while (value > 0);
    while (count > 0)
        *to++ = digits[--count];
    return to;
}

static uint64_t body_length(const struct http_exchange_private *exchange)
{
    if (exchange->length_told)
        return exchange->length;
    return exchange->kind == HTTP_REPLY_FILE ? exchange->file_left
                                             : exchange->exchange.reply_body.len;
}

static char *put_framing(char *to, const struct http_exchange_private *exchange)
{
    const struct http_conn *conn = exchange->conn;
    int status = exchange->exchange.status;
    if (exchange->kind == HTTP_REPLY_STREAM) {
        if (!conn->http10 && status != 204 && status != 304)
            to = put(to, MR_S("transfer-encoding: chunked\r\n"));
    } else if (status != 204 && (status != 304 || exchange->length_told)) {
        to = put(to, MR_S("content-length: "));
        to = put_number(to, body_length(exchange));
        to = put(to, MR_S("\r\n"));
    }
    if (conn->close_after)
        to = put(to, MR_S("connection: close\r\n"));
    else if (conn->keep_alive_told)
        to = put(to, MR_S("connection: keep-alive\r\n"));
    return put(to, MR_S("\r\n"));
}

/* Appends the header, and leaves room for `more` bytes behind it. */
static void put_head(struct http_exchange_private *exchange, size_t more)
{
    enum { FIXED_BYTES = 256 }; /* status line, date, framing */
    struct http_conn *conn = exchange->conn;
    struct mr_slice reason = mr_slice_cstr(http_reason(exchange->exchange.status));
    size_t size = FIXED_BYTES + more;
    for (size_t i = 0; i < exchange->reply_header_count; i++)
        size += exchange->reply_headers[i].name.len + exchange->reply_headers[i].value.len + 4;
    char *start = http_conn_out_reserve(conn, size), *to = start;
    to = put(to, MR_S("HTTP/1.1 "));
    to = put_number(to, (uint64_t)exchange->exchange.status);
    to = put(to, MR_S(" "));
    to = put(to, reason);
    to = put(to, MR_S("\r\n"));
    for (size_t i = 0; i < exchange->reply_header_count; i++)
        to = put_line(to, exchange->reply_headers[i].name, exchange->reply_headers[i].value);
    to = put_line(to, MR_S("date"), http_loop_date(conn->loop));
    to = put_framing(to, exchange);
    conn->out.len += (size_t)(to - start);
    assert((size_t)(to - start) + more <= size);
}

static void put_out(struct http_conn *conn, struct mr_slice text)
{
    put(http_conn_out_reserve(conn, text.len), text);
    conn->out.len += text.len;
}

/* ---- the end of a reply ---- */

static void finish(struct http_conn *conn)
{
    struct http_exchange_private *work = conn->work;
    conn->work = NULL;
    http_exchange_release(work);
    if (conn->close_after || conn->draining) {
        http_conn_set_state(conn, HTTP_CONN_CLOSING);
    } else {
        http_conn_set_state(conn, HTTP_CONN_IDLE);
        if (conn->in.len > conn->in_used || conn->readable)
            http_conn_resume(conn);
    }
}

/* ---- starting a reply ---- */

void http_h1_reply(struct http_exchange_private *exchange)
{
    struct http_conn *conn = exchange->conn;
    struct mr_slice body = mr_buf_slice(&exchange->exchange.reply_body);
    if (conn->draining || (exchange->kind == HTTP_REPLY_STREAM && conn->http10))
        conn->close_after = true;
    http_conn_set_state(conn, HTTP_CONN_REPLY);
    http_conn_mark_dirty(conn);
    bool bodyless = http_exchange_is_bodyless(exchange);
    bool copied = exchange->kind == HTTP_REPLY_BODY && !bodyless && body.len <= HTTP_COPY_BYTES;
    put_head(exchange, copied ? body.len : 0);
    if (copied)
        put_out(conn, body);
    else if (exchange->kind == HTTP_REPLY_BODY && !bodyless)
        conn->segment = body;
    if (bodyless)
        exchange->file_left = 0;
    if (copied || (bodyless && exchange->kind != HTTP_REPLY_STREAM))
        finish(conn);
}

/* An error found before the handler has the request, in plain text. */
void http_h1_refuse(struct http_conn *conn, int status)
{
    struct http_exchange_private *work = conn->work;
    assert(work->phase == HTTP_PHASE_READ);
    work->exchange.status = status == 0 ? 400 : status;
    work->reply_header_count = 0;
    http_reply_header(&work->exchange, MR_S("content-type"), MR_S("text/plain"));
    mr_buf_reset(&work->exchange.reply_body);
    mr_buf_printf(&work->exchange.reply_body, "%s\n", http_reason(work->exchange.status));
    conn->close_after = true;
    conn->linger = true;
    if (conn->state == HTTP_CONN_HEAD)
        http_conn_set_state(conn, HTTP_CONN_BODY);
    http_exchange_send(work);
}

/* ---- going on with a reply ---- */

static bool continue_stream(struct http_conn *conn)
{
    struct http_exchange_private *work = conn->work;
    bool chunked = !conn->http10;
    if (work->sending.len > 0) { /* was the segment; it is sent now */
        mr_buf_reset(&work->sending);
        if (chunked)
            put_out(conn, MR_S("\r\n"));
    }
    if (work->abort_seen) {
        http_conn_close(conn);
        return false;
    }
    if (!http_exchange_stream_fill(work)) {
        if (!work->end_seen)
            return http_conn_unsent(conn) > 0;
        if (chunked && !http_exchange_is_bodyless(work))
            put_out(conn, MR_S("0\r\n\r\n"));
        finish(conn);
        return http_conn_unsent(conn) > 0;
    }
    struct mr_slice data = mr_buf_slice(&work->sending);
    if (chunked) {
        char size[18], *end = put_hex(size, data.len);
        put_out(conn, mr_slice_make(size, (size_t)(end - size)));
        put_out(conn, MR_S("\r\n"));
    }
    if (data.len > HTTP_COPY_BYTES) {
        conn->segment = data;
        return true;
    }
    put_out(conn, data);
    http_exchange_stream_sent(work, data.len);
    mr_buf_reset(&work->sending);
    if (chunked)
        put_out(conn, MR_S("\r\n"));
    return true;
}

bool http_h1_continue(struct http_conn *conn)
{
    struct http_exchange_private *work = conn->work;
    assert(http_conn_unsent(conn) == 0);
    if (work->kind == HTTP_REPLY_STREAM)
        return continue_stream(conn);
    assert(work->kind == HTTP_REPLY_BODY || work->file_left == 0);
    finish(conn);
    return false;
}
