/* http/http.h: an HTTP/1.1 and HTTP/2 (cleartext, prior knowledge) server on epoll loops of ours.
 * Knows nothing of AWS.
 *
 * One loop a thread; a connection stays on its loop. A request becomes an exchange, which the
 * handler answers at once, or later from any thread. HTTP/1.1 requests of one connection are
 * answered in order, one in work at a time (pipelined ones wait in the input buffer); HTTP/2
 * streams run side by side.
 *
 * Ownership: an exchange, its arena and all slices in it live until its reply was sent (or its
 * connection died and the handler has called http_reply_send or http_reply_end, which the handler
 * must always do exactly once).
 *
 * Limits (http_limits) hold for every connection; what exceeds one gets 413, 414, 431, 408 or is
 * closed.
 *
 * Durability: http_reply_send_after holds a reply back until http_server_release was called with a
 * position of at least its ticket. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/meter.h"
#include "base/slice.h"

enum { HTTP_METERS = 3 };
struct http_server;
struct http_listener;

struct http_header {
    struct mr_slice name;  /* lower case */
    struct mr_slice value; /* trimmed */
};

/* Receives a streamed request body on the loop's thread, in order. Returning anything but MR_OK
 * ends the exchange's reading: the server still calls on_request (with body_failed set) so that the
 * handler can answer. */
struct http_sink {
    enum mr_status (*on_data)(void *ctx, struct mr_slice data);
    void *ctx;
};

struct http_exchange {
    struct mr_arena arena;  /* for everything about this request */
    struct mr_slice method; /* "GET" */
    struct mr_slice target; /* as sent: path and query */
    struct mr_slice path;   /* target up to '?', still percent-encoded */
    struct mr_slice query;  /* behind '?', may be empty */
    const struct http_header *headers;
    size_t header_count;
    struct mr_slice host; /* Host or :authority, port included */
    bool http2;
    uint8_t peer[16];     /* the client's address, IPv4's as ::ffff:0:0/96; zeroes: not known */
    struct mr_slice body; /* the whole body when it was buffered */
    bool body_failed; /* a streamed body ended early or its sink refused: nothing of it may be kept
                       */
    int body_status;  /* with body_failed: the status that fits (400, 408, 413); 0 when the sink
                         refused */
    void *user;       /* the handler's own */
    void *listener_ctx;

    /* Take the microseconds from began_us (mr_monotonic_us) until the reply may leave, its ticket's
     * wait included. NULL: nothing. */
    struct meter *meters[HTTP_METERS];
    int64_t began_us;

    /* the reply; fill before http_reply_send */
    int status;               /* 200 unless changed */
    struct mr_buf reply_body; /* empty, with memory of earlier replies: append to it (to replace the
                               * struct, mr_buf_fini it first); the server frees it */
    /* the rest is the server's */
    struct http_exchange_private *priv;
};

/* All three run on a loop's thread and must not block. */
struct http_handler {
    /* The header is complete. May call http_exchange_stream_body, or set a smaller limit by
     * http_exchange_limit_body. May already answer (http_reply_send, before it returns): the body
     * is then drained or the connection closed. NULL: nothing to do. A request whose buffered body
     * does not arrive (too large, too slow, cut off) ends here: what the handler keeps about it
     * must live in the arena. */
    void (*on_headers)(struct http_exchange *exchange);
    /* The body is complete (or failed). Answer now or later; not called when on_headers answered.
     * After http_exchange_stream_body it is called in every other case. */
    void (*on_request)(struct http_exchange *exchange);
    /* The peer went away, or shut its sending side, while the exchange was in work; the reply must
     * still be sent though most likely nobody reads it. At most once. May run while another thread
     * is about to answer, so it touches only what lives in the arena or is guarded by a lock of the
     * handler's. May be NULL. */
    void (*on_abort)(struct http_exchange *exchange);
};

/* exchange->peer as text: "127.0.0.1" or "2001:db8::1". */
enum { HTTP_PEER_TEXT = 46 };
void http_peer_text(const struct http_exchange *exchange, char ret[static HTTP_PEER_TEXT]);

/* "Not Found" for 404; "Unknown". */
const char *http_reason(int status);

struct http_limits {
    size_t header_bytes;   /* 32 KiB */
    size_t body_bytes;     /* buffered body; 17 MiB */
    uint64_t stream_bytes; /* streamed body; 6 GiB */
    uint64_t held_bytes;   /* buffered bodies above 64 KiB of all connections; 1 GiB; more: 503 */
    int idle_ms;           /* keep-alive without a request: 75,000 */
    int header_ms;         /* from first byte to complete header: 20,000 */
    int body_stall_ms;     /* no body byte for so long: 30,000 */
    int write_stall_ms;    /* no reply byte taken for so long: 60,000 */
    int connections;       /* at once: 10,000; more are refused with 503 and closed */
};
extern const struct http_limits http_limits_default;

/* Starts `threads` loops. The server lives until http_server_free. */
MR_MUST_USE enum mr_status http_server_new(struct http_server **ret_server, int threads,
                                           const struct http_limits *limits);
/* Listens on a numeric address ("127.0.0.1", "::1", "0.0.0.0"); port 0 picks a free one. MR_EXISTS:
 * address in use; MR_INVALID: no such address. `ret_port` tells the port. The handler must outlive
 * the listener. */
MR_MUST_USE enum mr_status http_server_listen(struct http_server *server, const char *address,
                                              int port, const struct http_handler *handler,
                                              void *listener_ctx,
                                              struct http_listener **ret_listener, int *ret_port);
/* No new connections; those open finish what they are doing, then close. Any thread. The listener
 * is gone, but its handler and listener_ctx are used until the last of its connections has ended.
 */
void http_listener_close(struct http_listener *listener);
/* The same, and waits for that end; what takes longer than grace_ms is dropped. When it returns the
 * handler is called no more (requests in its hands must still be answered). Any thread but a
 * loop's. */
void http_listener_close_wait(struct http_listener *listener, int grace_ms);
/* Stops listening, lets work in hand finish for at most grace_ms, then closes all. Any thread but a
 * loop's. */
void http_server_stop(struct http_server *server, int grace_ms);
/* After stop; joins the threads. Waits up to 10 s for handlers that still owe a reply. No other
 * thread may be inside a call of this header. */
void http_server_free(struct http_server *server);
/* Blocks while all loops that are awake are busy: until one has nothing more to do, `us`
 * microseconds at most; not at all when all sleep. One thread at a time. */
void http_server_wait_idle(struct http_server *server, int64_t us);
int http_server_connections(const struct http_server *server);

/* First value of a header (lower-case name); empty slice with ptr NULL when absent. */
struct mr_slice http_header_get(const struct http_exchange *exchange, const char *name);

/* In on_headers only. */
void http_exchange_stream_body(struct http_exchange *exchange, struct http_sink sink);
void http_exchange_limit_body(struct http_exchange *exchange, size_t body_bytes);

/* Adds a reply header; name and value must live in the exchange's arena or for ever.
 * Content-Length, Transfer-Encoding, Date and Connection are the server's. */
void http_reply_header(struct http_exchange *exchange, struct mr_slice name, struct mr_slice value);
/* The body is `len` bytes of `fd` from `offset`, sent by sendfile where possible; the server closes
 * fd. */
void http_reply_file(struct http_exchange *exchange, int fd, uint64_t offset, uint64_t len);
/* The same, but `change` gets the file's bytes on their way out, in order and each once, and makes
 * of them, in their place, what the client gets. On the loop's thread, so it has to be quick.
 * `end` comes once, when the reply has left or was cut off; `ctx` lives until then. */
struct http_filter {
    void (*change)(void *ctx, char *bytes, size_t len);
    void (*end)(void *ctx);
    void *ctx;
};
void http_reply_file_changed(struct http_exchange *exchange, int fd, uint64_t offset, uint64_t len,
                             struct http_filter filter);
/* For HEAD: the Content-Length to tell though no body is sent. */
void http_reply_content_length(struct http_exchange *exchange, uint64_t len);
/* Sends the reply. Any thread; exactly once; the exchange may be gone when it returns. */
void http_reply_send(struct http_exchange *exchange);
/* The same once the released position reaches `ticket` (at once if it has). */
void http_reply_send_after(struct http_exchange *exchange, int64_t ticket);
/* Lets go all replies with ticket <= position. Positions never fall. Any thread. */
void http_server_release(struct http_server *server, int64_t position);

/* A reply of unknown length, chunked (or HTTP/2 data). After begin: write any number of times, then
 * end. Any one thread at a time. write: MR_FULL when more than 4 MiB wait unsent (try again later),
 * MR_END when the peer is gone (still call end). */
void http_reply_begin(struct http_exchange *exchange);
MR_MUST_USE enum mr_status http_reply_write(struct http_exchange *exchange, struct mr_slice data);
/* The same, but waits up to wait_ms for room before it says MR_FULL. Not on a loop's thread. */
MR_MUST_USE enum mr_status http_reply_write_wait(struct http_exchange *exchange,
                                                 struct mr_slice data, int wait_ms);
void http_reply_end(struct http_exchange *exchange);
/* Instead of end: the reply cannot be completed; the peer sees that it is cut off. */
void http_reply_abort(struct http_exchange *exchange);
