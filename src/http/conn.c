/* A connection: reading, writing, deadlines, its end. What the bytes mean is known to h1*.c and
 * h2.c.
 *
 * Sockets are registered once, edge-triggered: `readable` and `writable` remember what epoll said
 * until a call shows otherwise. A read that fills less than it could has emptied the socket; the
 * next byte raises a new event. */
#include "http/internal.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define MOVE(state) (1u << HTTP_CONN_##state)
static const unsigned legal_moves[HTTP_CONN_STATES] = {
    [HTTP_CONN_START] = MOVE(IDLE) | MOVE(H2) | MOVE(DEAD),
    [HTTP_CONN_IDLE] = MOVE(HEAD) | MOVE(CLOSING) | MOVE(DEAD),
    [HTTP_CONN_HEAD] = MOVE(BODY) | MOVE(CLOSING) | MOVE(DEAD),
    [HTTP_CONN_BODY] = MOVE(WORK) | MOVE(REPLY) | MOVE(CLOSING) | MOVE(DEAD),
    [HTTP_CONN_WORK] = MOVE(REPLY) | MOVE(CLOSING) | MOVE(DEAD),
    [HTTP_CONN_REPLY] = MOVE(IDLE) | MOVE(CLOSING) | MOVE(DEAD),
    [HTTP_CONN_CLOSING] = MOVE(LINGER) | MOVE(DEAD),
    [HTTP_CONN_LINGER] = MOVE(DEAD),
    [HTTP_CONN_H2] = MOVE(CLOSING) | MOVE(DEAD),
};

static void update_deadline(struct http_conn *conn)
{
    const struct http_limits *limits = &conn->loop->server->limits;
    int64_t now_ms = conn->loop->now_ms;
    switch (conn->state) {
    case HTTP_CONN_START:
    case HTTP_CONN_IDLE: http_conn_set_deadline(conn, now_ms + limits->idle_ms); break;
    case HTTP_CONN_HEAD: http_conn_set_deadline(conn, now_ms + limits->header_ms); break;
    case HTTP_CONN_BODY: http_conn_set_deadline(conn, now_ms + limits->body_stall_ms); break;
    case HTTP_CONN_LINGER: http_conn_set_deadline(conn, now_ms + HTTP_LINGER_MS); break;
    case HTTP_CONN_CLOSING: http_conn_set_deadline(conn, now_ms + limits->write_stall_ms); break;
    case HTTP_CONN_H2: http_conn_set_deadline(conn, now_ms + http_h2_patience_ms(conn)); break;
    default: conn->deadline_ms = INT64_MAX; break;
    }
}

void http_conn_set_state(struct http_conn *conn, enum http_conn_state state)
{
    assert((legal_moves[conn->state] & (1u << state)) != 0);
    conn->state = state;
    update_deadline(conn);
}

void http_conn_set_deadline(struct http_conn *conn, int64_t deadline_ms)
{
    conn->deadline_ms = deadline_ms;
    http_loop_scan_by(conn->loop, deadline_ms);
}

void http_conn_mark_dirty(struct http_conn *conn)
{
    if (conn->is_dirty)
        return;
    conn->is_dirty = true;
    conn->next_dirty = conn->loop->dirty;
    conn->loop->dirty = conn;
}

void http_conn_resume(struct http_conn *conn)
{
    if (conn->is_resuming || conn->processing)
        return;
    conn->is_resuming = true;
    conn->next_resume = NULL;
    *conn->loop->resume_tail = conn;
    conn->loop->resume_tail = &conn->next_resume;
}

/* ---- start and end ---- */

static void on_conn_event(struct http_source *source, uint32_t events)
{
    struct http_conn *conn = MR_CONTAINER(source, struct http_conn, source);
    if (conn->state == HTTP_CONN_DEAD)
        return;
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
        http_conn_close(conn);
        return;
    }
    if ((events & EPOLLRDHUP) != 0 && !conn->hangup) {
        conn->hangup = true;
        conn->readable = true; /* the end itself must still be read */
        if (conn->state == HTTP_CONN_WORK || conn->state == HTTP_CONN_REPLY)
            http_exchange_peer_left(conn->work);
    }
    if ((events & EPOLLOUT) != 0 && !conn->writable) {
        conn->writable = true;
        http_conn_mark_dirty(conn);
    }
    if ((events & EPOLLIN) != 0)
        conn->readable = true;
    if (conn->readable)
        http_conn_process(conn);
}

struct http_conn *http_conn_new(struct http_loop *loop, struct http_listener *listener, int fd)
{
    struct http_conn *conn = mr_calloc(1, sizeof *conn);
    conn->source.on_event = on_conn_event;
    conn->loop = loop;
    conn->listener = listener;
    conn->fd = fd;
    conn->writable = true;
    conn->deadline_ms = INT64_MAX;
    atomic_fetch_add(&listener->refs, 1);
    atomic_fetch_add(&listener->connections, 1);
    atomic_fetch_add(&loop->connection_count, 1);
    atomic_fetch_add(&loop->server->connections, 1);
    return conn;
}

void http_conn_adopt(struct http_loop *loop, struct http_conn *conn)
{
    conn->next = loop->conns;
    if (conn->next != NULL)
        conn->next->prev = conn;
    loop->conns = conn;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = &conn->source};
    if (atomic_load(&conn->listener->closed) || atomic_load(&loop->server->stopping) ||
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, conn->fd, &event) != 0) {
        http_conn_close(conn);
        return;
    }
    update_deadline(conn);
}

void http_conn_close(struct http_conn *conn)
{
    if (conn->state == HTTP_CONN_DEAD)
        return;
    struct http_loop *loop = conn->loop;
    http_conn_set_state(conn, HTTP_CONN_DEAD);
    if (conn->h2 != NULL)
        http_h2_free(conn);
    if (conn->work != NULL) {
        struct http_exchange_private *work = conn->work;
        conn->work = NULL;
        http_exchange_orphan(work);
    }
    /* A child process that is being started holds copies of our descriptors until it executes, and
     * closing takes the socket out of epoll only with the last copy. */
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, conn->fd, NULL);
    close(conn->fd);
    mr_buf_fini(&conn->in);
    http_loop_buf_give(loop, &conn->out);
    if (conn->prev != NULL)
        conn->prev->next = conn->next;
    else
        loop->conns = conn->next;
    if (conn->next != NULL)
        conn->next->prev = conn->prev;
    conn->next = loop->dead;
    loop->dead = conn;
    atomic_fetch_sub(&loop->connection_count, 1);
    atomic_fetch_sub(&conn->listener->connections, 1);
    http_listener_unref(conn->listener);
    http_server_connection_ended(loop->server);
}

void http_conn_drain(struct http_conn *conn)
{
    conn->draining = true;
    switch (conn->state) {
    case HTTP_CONN_START:
    case HTTP_CONN_IDLE:
        if (http_conn_unsent(conn) > 0)
            http_conn_set_state(conn, HTTP_CONN_CLOSING);
        else
            http_conn_close(conn);
        break;
    case HTTP_CONN_H2: http_h2_drain(conn); break;
    default: break; /* the reply says Connection: close and the connection ends behind it */
    }
}

void http_conn_on_deadline(struct http_conn *conn)
{
    conn->deadline_ms = INT64_MAX;
    if (!conn->writable) {
        http_conn_close(conn); /* the peer takes nothing */
        return;
    }
    switch (conn->state) {
    case HTTP_CONN_HEAD:
    case HTTP_CONN_BODY: http_h1_fail(conn, 408); break;
    case HTTP_CONN_H2: http_h2_on_deadline(conn); break;
    case HTTP_CONN_WORK:
    case HTTP_CONN_REPLY: break; /* time is the handler's */
    default: http_conn_close(conn); break;
    }
}

/* ---- reading ---- */

enum protocol { PROTOCOL_UNKNOWN, PROTOCOL_HTTP1, PROTOCOL_HTTP2 };

static enum protocol protocol_of(const char *data, size_t len)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    size_t compared = len < sizeof preface - 1 ? len : sizeof preface - 1;
    if (memcmp(data, preface, compared) != 0)
        return PROTOCOL_HTTP1;
    return compared == sizeof preface - 1 ? PROTOCOL_HTTP2 : PROTOCOL_UNKNOWN;
}

static bool can_parse(const struct http_conn *conn)
{
    switch (conn->state) {
    case HTTP_CONN_START:
    case HTTP_CONN_LINGER: return true;
    case HTTP_CONN_H2: return http_conn_unsent(conn) < HTTP_OUT_BYTES;
    default: return http_h1_can_parse(conn);
    }
}

/* Returns how many bytes are done with. */
static size_t parse(struct http_conn *conn, const char *data, size_t len)
{
    if (conn->state == HTTP_CONN_START) {
        switch (protocol_of(data, len)) {
        case PROTOCOL_UNKNOWN: return 0;
        case PROTOCOL_HTTP1: http_h1_start(conn); break;
        case PROTOCOL_HTTP2: http_h2_start(conn); break;
        }
    }
    switch (conn->state) {
    case HTTP_CONN_LINGER:
    case HTTP_CONN_DEAD: return len;
    case HTTP_CONN_H2: return http_h2_input(conn, data, len);
    default: return http_h1_input(conn, data, len);
    }
}

static void parse_kept(struct http_conn *conn)
{
    size_t len = conn->in.len - conn->in_used;
    conn->in_used += parse(conn, conn->in.data + conn->in_used, len);
    if (conn->state == HTTP_CONN_DEAD || conn->in_used == conn->in.len) {
        mr_buf_fini(&conn->in);
        conn->in_used = 0;
    }
}

static void take_input(struct http_conn *conn, const char *data, size_t len)
{
    if (conn->in.len > 0) { /* too few bytes to know the protocol by */
        mr_buf_append(&conn->in, mr_slice_make(data, len));
        parse_kept(conn);
        return;
    }
    size_t used = parse(conn, data, len);
    if (conn->state != HTTP_CONN_DEAD && used < len)
        mr_buf_append(&conn->in, mr_slice_make(data + used, len - used));
}

static void on_eof(struct http_conn *conn)
{
    conn->eof = true;
    conn->readable = false;
    switch (conn->state) {
    case HTTP_CONN_WORK: /* the reply may still find a reader: only one direction is shut */
    case HTTP_CONN_REPLY:
    case HTTP_CONN_CLOSING: break;
    case HTTP_CONN_HEAD:
    case HTTP_CONN_BODY: http_h1_eof(conn); break;
    case HTTP_CONN_IDLE:
        if (http_conn_unsent(conn) > 0) {
            http_conn_set_state(conn, HTTP_CONN_CLOSING);
            break;
        }
        http_conn_close(conn);
        break;
    default: http_conn_close(conn); break;
    }
}

static void read_once(struct http_conn *conn)
{
    char *scratch = conn->loop->scratch;
    ssize_t got = recv(conn->fd, scratch, HTTP_SCRATCH_BYTES, 0);
    if (got > 0) {
        if (got < HTTP_SCRATCH_BYTES && !conn->hangup)
            conn->readable = false;
        if (conn->state == HTTP_CONN_BODY || conn->state == HTTP_CONN_H2)
            update_deadline(conn);
        take_input(conn, scratch, (size_t)got);
    } else if (got == 0) {
        on_eof(conn);
    } else if (errno == EAGAIN) {
        conn->readable = false;
    } else if (errno != EINTR) {
        http_conn_close(conn);
    }
}

void http_conn_process(struct http_conn *conn)
{
    conn->processing = true;
    if (conn->in.len > conn->in_used && conn->state != HTTP_CONN_START && can_parse(conn))
        parse_kept(conn);
    int reads = 0;
    while (conn->state != HTTP_CONN_DEAD && conn->readable && can_parse(conn) &&
           (conn->in.len == conn->in_used || conn->state == HTTP_CONN_START) &&
           reads < HTTP_READS_PER_TURN) {
        read_once(conn);
        reads++;
    }
    conn->processing = false;
    if (conn->state != HTTP_CONN_DEAD && reads == HTTP_READS_PER_TURN && conn->readable)
        http_conn_resume(conn);
}

/* ---- writing ---- */

char *http_conn_out_reserve(struct http_conn *conn, size_t more)
{
    if (conn->out.cap == 0)
        conn->out = http_loop_buf_take(conn->loop);
    return mr_buf_reserve(&conn->out, more);
}

/* All of `out` is sent: an idle connection keeps no buffer. */
static void out_done(struct http_conn *conn)
{
    conn->out_sent = 0;
    http_loop_buf_give(conn->loop, &conn->out);
}

static void advance(struct http_conn *conn, size_t sent)
{
    size_t from_out = conn->out.len - conn->out_sent;
    if (from_out > sent)
        from_out = sent;
    conn->out_sent += from_out;
    if (conn->out.cap > 0 && conn->out_sent == conn->out.len)
        out_done(conn);
    sent -= from_out;
    assert(sent <= conn->segment.len);
    conn->segment.ptr = sent == 0 ? conn->segment.ptr : conn->segment.ptr + sent;
    conn->segment.len -= sent;
    if (sent > 0 && conn->work != NULL && conn->work->kind == HTTP_REPLY_STREAM)
        http_exchange_stream_sent(conn->work, sent);
}

static bool file_is_next(const struct http_conn *conn)
{
    return http_conn_unsent(conn) == 0 && conn->work != NULL && conn->state == HTTP_CONN_REPLY &&
           conn->work->kind == HTTP_REPLY_FILE && conn->work->file_left > 0;
}

static ssize_t send_bytes(struct http_conn *conn)
{
    struct iovec parts[2] = {
        {.iov_base = conn->out.data == NULL ? NULL : conn->out.data + conn->out_sent,
         .iov_len = conn->out.len - conn->out_sent},
        {.iov_base = (void *)(uintptr_t)conn->segment.ptr, .iov_len = conn->segment.len},
    };
    bool file_follows = conn->state == HTTP_CONN_REPLY && conn->work != NULL &&
                        conn->work->kind == HTTP_REPLY_FILE && conn->work->file_left > 0;
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t sent = sendmsg(conn->fd, &message, MSG_NOSIGNAL | (file_follows ? MSG_MORE : 0));
    if (sent > 0)
        advance(conn, (size_t)sent);
    return sent;
}

/* A piece of a file that is changed on its way goes by our memory. */
static ssize_t send_changed_part(struct http_conn *conn)
{
    enum { PIECE = 1 << 18 };
    struct http_exchange_private *work = conn->work;
    const size_t want = work->file_left < PIECE ? (size_t)work->file_left : PIECE;
    mr_buf_reset(&work->sending);
    char *room = mr_buf_reserve(&work->sending, want);
    ssize_t got = pread(work->file_fd, room, want, (off_t)work->file_offset);
    if (got <= 0) {
        errno = got == 0 ? EIO : errno; /* the file is shorter than promised */
        return -1;
    }
    work->filter.change(work->filter.ctx, room, (size_t)got);
    work->file_offset += (uint64_t)got;
    work->file_left -= (uint64_t)got;
    conn->segment = mr_slice_make(room, (size_t)got);
    return send_bytes(conn);
}

static ssize_t send_file_part(struct http_conn *conn)
{
    struct http_exchange_private *work = conn->work;
    if (work->filter.change != NULL)
        return send_changed_part(conn);
    off_t offset = (off_t)work->file_offset;
    size_t want = work->file_left > (1 << 20) ? 1 << 20 : (size_t)work->file_left;
    ssize_t sent = sendfile(conn->fd, work->file_fd, &offset, want);
    if (sent > 0) {
        work->file_offset += (uint64_t)sent;
        work->file_left -= (uint64_t)sent;
    } else if (sent == 0) {
        errno = EIO; /* the file is shorter than promised: the reply cannot be completed */
        sent = -1;
    }
    return sent;
}

/* More to send after `out` and `segment` are empty? */
static bool refill(struct http_conn *conn)
{
    if (conn->state == HTTP_CONN_REPLY)
        return http_h1_continue(conn);
    if (conn->state == HTTP_CONN_H2)
        return http_h2_fill(conn);
    return false;
}

static void all_sent(struct http_conn *conn)
{
    if (conn->state == HTTP_CONN_CLOSING) {
        if (conn->linger && !conn->eof && shutdown(conn->fd, SHUT_WR) == 0) {
            http_conn_set_state(conn, HTTP_CONN_LINGER);
            mr_buf_fini(&conn->in);
            conn->in_used = 0;
            http_conn_resume(conn);
        } else {
            http_conn_close(conn);
        }
    } else if (conn->state == HTTP_CONN_H2 && http_h2_is_done(conn)) {
        http_conn_close(conn);
    } else if (conn->deadline_ms != INT64_MAX && conn->state != HTTP_CONN_LINGER) {
        update_deadline(conn);
        if (conn->readable || conn->in.len > conn->in_used)
            http_conn_resume(conn); /* it may have stopped reading because of unsent bytes */
    }
}

void http_conn_flush(struct http_conn *conn)
{
    const struct http_limits *limits = &conn->loop->server->limits;
    while (conn->state != HTTP_CONN_DEAD && conn->writable) {
        if (http_conn_unsent(conn) == 0 && !file_is_next(conn) && !refill(conn)) {
            if (conn->state != HTTP_CONN_DEAD)
                all_sent(conn);
            return;
        }
        ssize_t sent = file_is_next(conn) ? send_file_part(conn) : send_bytes(conn);
        if (sent >= 0 || errno == EINTR)
            continue;
        if (errno != EAGAIN) {
            http_conn_close(conn);
            return;
        }
        conn->writable = false;
        http_conn_set_deadline(conn, conn->loop->now_ms + limits->write_stall_ms);
    }
}
