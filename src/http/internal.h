/* http/internal.h: what the files of this folder share; nobody else includes it.
 *
 * Threads: a loop, its connections and its idle exchanges belong to the loop's thread. An exchange
 * in work belongs to the handler until it is answered; then it is posted back to its loop. Only
 * fields marked "any thread" are touched elsewhere. */
#pragma once
#include "http/http.h"
#include <llhttp.h>
#include <pthread.h>
#include <stdatomic.h>

enum {
    HTTP_SCRATCH_BYTES = 64 * 1024, /* one read from a socket */
    HTTP_COPY_BYTES = 16 * 1024, /* reply bodies up to this size are copied behind their header */
    HTTP_OUT_BYTES = 128 * 1024, /* unsent bytes at which a connection takes no further request */
    HTTP_KEEP_BYTES = 64 * 1024, /* output buffers up to this size are kept for the next use */
    HTTP_KEEP_PART_BYTES = 16 * 1024, /* the same for each buffer of an exchange */
    HTTP_KEEP_ARENA_BYTES = 64 * 1024,
    HTTP_HELD_BYTES = 64 * 1024,  /* a body's memory up to this size is not counted */
    HTTP_DRAIN_BYTES = 64 * 1024, /* rest of an unwanted body that is read to keep the connection */
    HTTP_UNSENT_BYTES = 4 << 20,  /* of a streamed reply, before http_reply_write says MR_FULL */
    HTTP_HEADERS_MAX = 200,       /* header lines of a request */
    HTTP_LINGER_MS = 2000, /* reading on after the last reply, so that the peer gets to see it */
    HTTP_POOL_EXCHANGES = 128, /* kept per loop */
    HTTP_POOL_BUFS = 64,       /* kept per loop */
    HTTP_READS_PER_TURN = 8,   /* of one connection before others have their turn */
    HTTP_FREE_WAIT_MS = 10000, /* for handlers that still owe a reply, in http_server_free */
};

struct http_loop;

/* A message to a loop, in the sender's storage; run() is called on the loop's thread. */
struct http_post {
    struct http_post *next;
    void (*run)(struct http_loop *loop, struct http_post *post);
};

/* What epoll reports on. */
struct http_source {
    void (*on_event)(struct http_source *source, uint32_t events);
};

struct http_waiting { /* a reply that waits for its ticket */
    int64_t ticket;
    struct http_exchange_private *exchange;
};

struct http_loop {
    struct http_server *server;
    pthread_t thread;
    bool started;
    int epoll_fd, event_fd;
    struct http_source wake_source;

    /* any thread */
    _Atomic(struct http_post *) inbox; /* newest first */
    atomic_bool sleeping;              /* in epoll_wait, or about to: a post must write event_fd */
    _Atomic int64_t waiting_min;       /* smallest waiting ticket; INT64_MAX: none */
    _Atomic int64_t posted_min;        /* the same of those in the inbox that woke nobody */
    atomic_int connection_count;
    atomic_bool quit;

    /* the loop's thread only */
    int64_t now_ms;     /* monotonic, once a turn */
    int64_t scan_ms;    /* when the next deadline may be due */
    int64_t quit_by_ms; /* 0 until quitting */
    int64_t date_second;
    char date[32];
    struct mr_slice date_text;
    struct http_conn *conns;                           /* all, linked by prev and next */
    struct http_conn *dirty;                           /* have something to write */
    struct http_conn *resume, **resume_tail;           /* have something to parse or read */
    struct http_conn *dead;                            /* freed at the end of the turn */
    struct http_exchange_private *ready, **ready_tail; /* answered on this thread */
    struct http_exchange_private *pool;
    size_t pool_count;
    size_t exchange_count; /* handed out by the pool */
    struct mr_buf bufs[HTTP_POOL_BUFS];
    size_t buf_count;
    struct http_waiting *waiting; /* binary heap, smallest ticket first */
    size_t waiting_count, waiting_capacity;
    struct http_listener *listeners; /* loop 0: those whose accept must be tried again */
    bool accept_again;
    char *scratch; /* HTTP_SCRATCH_BYTES */
};

struct http_server {
    struct http_limits limits;
    int granularity_ms; /* of deadlines */
    int thread_count;
    struct http_loop *loops;
    _Atomic int64_t released;
    atomic_int connections;
    _Atomic uint64_t held; /* memory of large buffered bodies */
    atomic_bool stopping;
    pthread_mutex_t lock;
    pthread_cond_t changed;  /* a connection ended while someone waits */
    atomic_int awake;        /* loops that do not sleep */
    atomic_bool idle_wanted; /* somebody waits for one that sleeps; cleared under `lock` */
    pthread_cond_t idle;
    struct {
        struct http_listener *listeners;
        int waiters;
    } locked;
};

struct http_listener {
    struct http_source source;
    struct http_server *server;
    const struct http_handler *handler;
    void *ctx;
    int fd;
    atomic_bool closed;
    atomic_int refs; /* open: 1; each connection and command: 1 */
    atomic_int connections;
    struct http_listener *next;       /* guarded by the server's lock */
    struct http_listener *next_again; /* loop 0: in its list `listeners` */
    bool is_again;
};

enum http_conn_state {
    HTTP_CONN_START,   /* no byte yet, or too few to know the protocol */
    HTTP_CONN_IDLE,    /* HTTP/1.1 between requests */
    HTTP_CONN_HEAD,    /* reading a request's header */
    HTTP_CONN_BODY,    /* reading its body */
    HTTP_CONN_WORK,    /* the handler has it */
    HTTP_CONN_REPLY,   /* sending a reply that is not copied into `out` as a whole */
    HTTP_CONN_CLOSING, /* sends what is in `out`, then ends */
    HTTP_CONN_LINGER,  /* our side is shut; reads and drops what still comes */
    HTTP_CONN_H2,
    HTTP_CONN_DEAD, /* closed; freed at the end of the turn */
    HTTP_CONN_STATES,
};

struct http_h2;

struct http_conn {
    struct http_source source;
    struct http_post post; /* hand-over to its loop */
    struct http_loop *loop;
    struct http_listener *listener;
    struct http_conn *prev, *next;
    struct http_conn *next_dirty, *next_resume;
    int fd;
    uint8_t peer[16]; /* its address */
    enum http_conn_state state;
    bool is_dirty, is_resuming;
    bool processing; /* http_conn_process is on the stack */
    bool readable, writable, hangup, eof;
    bool draining;       /* the listener is closed: no further request */
    int64_t deadline_ms; /* INT64_MAX: none */
    struct mr_buf in;    /* read but not parsed yet; bytes before in_used are done */
    size_t in_used;
    struct mr_buf out; /* bytes before out_sent are sent */
    size_t out_sent;
    struct mr_slice segment; /* goes out behind `out`: part of the exchange's reply */
    struct http_h2 *h2;

    /* HTTP/1.1 */
    struct http_exchange_private *work; /* the exchange in hand, HEAD to REPLY */
    llhttp_t parser;
    size_t head_bytes; /* raw bytes of this header */
    uint64_t body_raw; /* raw bytes of this body, with chunk framing */
    int refuse;        /* status with which a callback of the parser stopped it */
    bool message_done; /* the parser saw the end of the request */
    bool discard;      /* answered already: the rest of the body is dropped */
    bool close_after;  /* this reply is the last */
    bool linger;       /* input may be unread at the end */
    bool http10;
    bool keep_alive_told; /* HTTP/1.0 asked to keep the connection */
};

struct http_span { /* offsets into the head buffer */
    uint32_t name, name_len, value, value_len;
};

enum http_phase {
    HTTP_PHASE_READ, /* the request is being read */
    HTTP_PHASE_WORK, /* the handler owes the reply */
    HTTP_PHASE_WAIT, /* answered; waits for its ticket or its turn */
    HTTP_PHASE_SEND, /* the reply is being sent */
};

enum http_reply_kind { HTTP_REPLY_BODY, HTTP_REPLY_FILE, HTTP_REPLY_STREAM };

struct http_exchange_private {
    /* kept in the pool */
    struct http_post post;
    struct http_exchange_private *next; /* in the pool or in the loop's ready list */
    struct http_loop *loop;
    struct mr_buf head; /* the text that target and headers point into */
    struct mr_buf body;
    struct mr_buf sending;   /* streamed reply, taken from locked.buf by the loop */
    struct http_span *spans; /* owned */
    size_t span_capacity;
    pthread_mutex_t lock;
    pthread_cond_t room;

    /* from here on zeroed for each request, but for the memory of arena, reply_body and locked.buf
     */
    struct http_exchange exchange;
    struct http_conn *conn; /* NULL once it died */
    enum http_phase phase;
    bool in_callback;      /* on_headers, the sink or on_request is on the stack */
    bool replied;          /* answered during that callback */
    bool is_head;          /* the method is HEAD */
    bool left_told;        /* on_abort was called */
    atomic_bool submitted; /* any thread: answered as a whole, or the streamed reply ended */

    /* request */
    size_t span_count;
    uint32_t url, url_len;   /* the target in `head` */
    uint32_t host, host_len; /* HTTP/2: the authority in `head` */
    bool in_name, url_done;
    bool streaming;
    struct http_sink sink;
    uint64_t body_max;
    uint64_t body_bytes;
    uint64_t held; /* of `body`, counted in the server's `held` */

    /* reply */
    struct http_header *reply_headers; /* in the arena */
    size_t reply_header_count, reply_header_capacity;
    enum http_reply_kind kind;
    int file_fd;
    uint64_t file_offset, file_left;
    struct http_filter filter; /* of the file; change NULL: none */
    bool length_told;
    uint64_t length;
    int64_t ticket;

    /* streamed reply */
    struct {
        struct mr_buf buf;
        size_t unsent; /* in buf and sending */
        bool queued;   /* the post is under way */
        bool ended, aborted;
        bool gone; /* the connection died */
    } locked;
    bool end_seen, abort_seen;

    /* HTTP/2 */
    int32_t stream_id;
    int refuse;  /* status for a header that cannot be taken */
    size_t sent; /* of reply_body or sending */
    bool deferred;
    bool request_done; /* the peer ended its side */
    int64_t active_ms; /* when it last sent something */
    struct http_exchange_private *prev_stream, *next_stream;
};

/* ---- loop.c ---- */
enum mr_status http_loop_init(struct http_loop *loop, struct http_server *server);
enum mr_status http_loop_start(struct http_loop *loop);
void http_loop_fini(struct http_loop *loop);                         /* after join */
struct http_loop *http_loop_current(void);                           /* NULL on other threads */
void http_loop_post(struct http_loop *loop, struct http_post *post); /* any thread */
/* Any thread. The same, but the loop may sleep on until `ticket` is released. */
void http_loop_post_held(struct http_loop *loop, struct http_post *post, int64_t ticket);
void http_loop_wake(struct http_loop *loop); /* any thread */
void http_loop_ready(struct http_loop *loop, struct http_exchange_private *exchange);
void http_loop_wait_ticket(struct http_loop *loop, struct http_exchange_private *exchange);
struct mr_slice http_loop_date(struct http_loop *loop);
/* Makes sure that deadlines are looked at by then. */
void http_loop_scan_by(struct http_loop *loop, int64_t deadline_ms);
struct mr_buf http_loop_buf_take(struct http_loop *loop);
void http_loop_buf_give(struct http_loop *loop, struct mr_buf *buf);

/* ---- server.c ---- */
void http_listener_unref(struct http_listener *listener);
void http_listener_accept(struct http_listener *listener); /* loop 0 */
void http_server_connection_ended(struct http_server *server);

/* ---- conn.c ---- */
struct http_conn *http_conn_new(struct http_loop *loop, struct http_listener *listener, int fd);
void http_conn_adopt(struct http_loop *loop, struct http_conn *conn);
void http_conn_set_state(struct http_conn *conn, enum http_conn_state state);
void http_conn_set_deadline(struct http_conn *conn, int64_t deadline_ms);
void http_conn_mark_dirty(struct http_conn *conn);
void http_conn_resume(struct http_conn *conn); /* process it later in this turn */
void http_conn_process(struct http_conn *conn);
void http_conn_flush(struct http_conn *conn);
void http_conn_drain(struct http_conn *conn); /* finish what is in hand, then close */
void http_conn_on_deadline(struct http_conn *conn);
void http_conn_close(struct http_conn *conn);
/* Room for `more` bytes at the end of `out`; the caller adds to out.len. */
char *http_conn_out_reserve(struct http_conn *conn, size_t more);
static inline size_t http_conn_unsent(const struct http_conn *conn)
{
    return conn->out.len - conn->out_sent + conn->segment.len;
}

/* ---- exchange.c ---- */
struct http_exchange_private *http_exchange_take(struct http_conn *conn);
void http_exchange_release(struct http_exchange_private *exchange);
void http_exchange_destroy(struct http_exchange_private *exchange); /* out of the pool */
/* Header text arrives in pieces, HTTP/1.1 names in any case. */
bool http_exchange_add_name(struct http_exchange_private *exchange, struct mr_slice part);
void http_exchange_add_value(struct http_exchange_private *exchange, struct mr_slice part);
/* Turns the collected text into the public fields. False: malformed (no or two Host, bad target).
 */
bool http_exchange_head_done(struct http_exchange_private *exchange, bool host_required);
void http_exchange_call_headers(struct http_exchange_private *exchange);
void http_exchange_call_request(struct http_exchange_private *exchange);
/* Takes body bytes. MR_FULL: over the limit; MR_AGAIN: all connections together hold too much; any
 * other but MR_OK: the sink refused. */
enum mr_status http_exchange_take_body(struct http_exchange_private *exchange,
                                       struct mr_slice data);
/* The exchange was answered: it waits for its ticket or is sent. Loop's thread. */
void http_exchange_answered(struct http_exchange_private *exchange);
/* The ticket is released: hand the reply to the connection. */
void http_exchange_send(struct http_exchange_private *exchange);
/* The peer shut its side while the exchange is in hand: tells the handler, once. */
void http_exchange_peer_left(struct http_exchange_private *exchange);
/* Its connection or stream died. */
void http_exchange_orphan(struct http_exchange_private *exchange);
/* Streamed reply: moves waiting bytes to `sending` when that is empty. False: nothing to send now.
 */
bool http_exchange_stream_fill(struct http_exchange_private *exchange);
void http_exchange_stream_sent(struct http_exchange_private *exchange, size_t bytes);
/* No body belongs behind this header. */
bool http_exchange_is_bodyless(const struct http_exchange_private *exchange);

/* ---- h1.c, h1_reply.c ---- */
extern const llhttp_settings_t http_h1_settings;
void http_h1_start(struct http_conn *conn);
bool http_h1_can_parse(const struct http_conn *conn);
size_t http_h1_input(struct http_conn *conn, const char *data, size_t len); /* returns bytes used */
void http_h1_eof(struct http_conn *conn);
/* Ends the request in hand with an error of ours (0: only the connection ends). */
void http_h1_fail(struct http_conn *conn, int status);
void http_h1_refuse(struct http_conn *conn, int status);
void http_h1_reply(struct http_exchange_private *exchange);
/* `out` and `segment` are sent: true when there is more of this reply in them now, or a file part
 * to send. */
bool http_h1_continue(struct http_conn *conn);

/* ---- h2.c ---- */
void http_h2_start(struct http_conn *conn);
size_t http_h2_input(struct http_conn *conn, const char *data, size_t len);
bool http_h2_fill(struct http_conn *conn); /* frames into `out`; false: none */
bool http_h2_is_done(const struct http_conn *conn);
void http_h2_drain(struct http_conn *conn);
int http_h2_patience_ms(const struct http_conn *conn); /* without any byte from the peer */
void http_h2_on_deadline(struct http_conn *conn);
void http_h2_reply(struct http_exchange_private *exchange);
void http_h2_stream_moved(struct http_exchange_private *exchange);
void http_h2_free(struct http_conn *conn); /* orphans its exchanges */
