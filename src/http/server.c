/* Starting, listening, handing connections over, stopping. Loop 0 accepts for all listeners and
 * gives each connection to the loop that has fewest, so that a few busy connections are shared out
 * evenly. */
#include "http/internal.h"
#include "base/clock.h"
#include "base/log.h"
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ACCEPTS_PER_EVENT = 256,
    ACCEPT_AGAIN_MS = 100, /* after the process ran out of descriptors */
};

const struct http_limits http_limits_default = {
    .header_bytes = 32 * 1024,
    .body_bytes = 17 << 20,
    .stream_bytes = 6ull << 30,
    .held_bytes = 1ull << 30,
    .idle_ms = 75000,
    .header_ms = 20000,
    .body_stall_ms = 30000,
    .write_stall_ms = 60000,
    .connections = 10000,
};

/* ---- server ---- */

static int smallest_of(int a, int b)
{
    return a < b ? a : b;
}

static int granularity_of(const struct http_limits *limits)
{
    int least = smallest_of(smallest_of(limits->idle_ms, limits->header_ms),
                            smallest_of(limits->body_stall_ms, limits->write_stall_ms));
    int granularity = least / 8;
    return granularity < 1 ? 1 : granularity > 1000 ? 1000 : granularity;
}

enum mr_status http_server_new(struct http_server **ret_server, int threads,
                               const struct http_limits *limits)
{
    assert(threads >= 1);
    struct http_server *server = mr_calloc(1, sizeof *server);
    server->limits = limits == NULL ? http_limits_default : *limits;
    server->granularity_ms = granularity_of(&server->limits);
    atomic_init(&server->released, INT64_MIN);
    pthread_mutex_init(&server->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&server->changed, &attr);
    pthread_cond_init(&server->idle, &attr);
    pthread_condattr_destroy(&attr);
    server->loops = mr_calloc((size_t)threads, sizeof *server->loops);
    enum mr_status status = MR_OK;
    while (status == MR_OK && server->thread_count < threads)
        status = http_loop_init(&server->loops[server->thread_count++], server);
    for (int i = 0; status == MR_OK && i < threads; i++)
        status = http_loop_start(&server->loops[i]);
    if (status != MR_OK) {
        http_server_free(server);
        return status;
    }
    *ret_server = server;
    return MR_OK;
}

void http_server_wait_idle(struct http_server *server, int64_t us)
{
    const struct timespec until = mr_monotonic_timespec(mr_monotonic_us() + us);
    int error = 0;
    pthread_mutex_lock(&server->lock);
    /* Wanted, then the count; a loop that falls asleep counts down and then looks who wants it. */
    atomic_store(&server->idle_wanted, true);
    while (error == 0 && atomic_load(&server->idle_wanted) && atomic_load(&server->awake) > 0)
        error = pthread_cond_timedwait(&server->idle, &server->lock, &until);
    atomic_store(&server->idle_wanted, false);
    pthread_mutex_unlock(&server->lock);
}

void http_server_free(struct http_server *server)
{
    if (server == NULL)
        return;
    bool owed = false;
    for (int i = 0; i < server->thread_count; i++) {
        atomic_store(&server->loops[i].quit, true);
        http_loop_wake(&server->loops[i]);
    }
    for (int i = 0; i < server->thread_count; i++) {
        if (server->loops[i].started)
            pthread_join(server->loops[i].thread, NULL);
        owed = owed || server->loops[i].exchange_count > 0;
    }
    if (owed) {
        /* A handler may still answer: its exchange and its loop must stay valid. */
        mr_log(MR_LOG_ERROR, "http", "requests were never answered; their memory is left");
        return;
    }
    for (int i = 0; i < server->thread_count; i++)
        http_loop_fini(&server->loops[i]);
    free(server->loops);
    pthread_cond_destroy(&server->changed);
    pthread_cond_destroy(&server->idle);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

int http_server_connections(const struct http_server *server)
{
    return atomic_load(&server->connections);
}

void http_server_release(struct http_server *server, int64_t position)
{
    int64_t before = atomic_load(&server->released);
    do {
        if (before >= position)
            return;
    } while (!atomic_compare_exchange_weak(&server->released, &before, position));
    for (int i = 0; i < server->thread_count; i++)
        if (atomic_load(&server->loops[i].waiting_min) <= position ||
            atomic_load(&server->loops[i].posted_min) <= position)
            http_loop_wake(&server->loops[i]);
}

void http_server_connection_ended(struct http_server *server)
{
    atomic_fetch_sub(&server->connections, 1);
    pthread_mutex_lock(&server->lock);
    if (server->locked.waiters > 0)
        pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

/* ---- commands to all loops ---- */

struct command {
    struct http_post post;
    struct http_listener *listener; /* NULL: all connections */
    bool drop;                      /* at once, not when they are done */
};

static void run_command(struct http_loop *loop, struct http_post *post)
{
    struct command *command = MR_CONTAINER(post, struct command, post);
    struct http_listener *listener = command->listener;
    if (listener != NULL && loop == &loop->server->loops[0] && listener->fd >= 0) {
        /* Not by closing alone: see http_conn_close. */
        (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, listener->fd, NULL);
        close(listener->fd);
        listener->fd = -1;
    }
    struct http_conn *next;
    for (struct http_conn *conn = loop->conns; conn != NULL; conn = next) {
        next = conn->next;
        if (listener != NULL && conn->listener != listener)
            continue;
        if (command->drop)
            http_conn_close(conn);
        else
            http_conn_drain(conn);
    }
    if (listener != NULL)
        http_listener_unref(listener);
    free(command);
}

static void command_all(struct http_server *server, struct http_listener *listener, bool drop)
{
    for (int i = 0; i < server->thread_count; i++) {
        struct command *command = mr_calloc(1, sizeof *command);
        *command = (struct command){.post.run = run_command, .listener = listener, .drop = drop};
        if (listener != NULL)
            atomic_fetch_add(&listener->refs, 1);
        http_loop_post(&server->loops[i], &command->post);
    }
}

/* Waits until *count is 0 or the time is over; true when it is 0. */
static bool wait_for_zero(struct http_server *server, atomic_int *count, int wait_ms)
{
    const struct timespec until = mr_monotonic_timespec(mr_monotonic_us() + wait_ms * 1000L);
    pthread_mutex_lock(&server->lock);
    server->locked.waiters++;
    int error = 0;
    while (atomic_load(count) > 0 && error == 0)
        error = pthread_cond_timedwait(&server->changed, &server->lock, &until);
    server->locked.waiters--;
    pthread_mutex_unlock(&server->lock);
    return atomic_load(count) == 0;
}

void http_server_stop(struct http_server *server, int grace_ms)
{
    assert(http_loop_current() == NULL);
    atomic_store(&server->stopping, true);
    for (;;) {
        pthread_mutex_lock(&server->lock);
        struct http_listener *listener = server->locked.listeners;
        pthread_mutex_unlock(&server->lock);
        if (listener == NULL)
            break;
        http_listener_close(listener);
    }
    command_all(server, NULL, false);
    if (wait_for_zero(server, &server->connections, grace_ms))
        return;
    mr_log(MR_LOG_WARN, "http", "dropping %d connections that did not end in %d ms",
           http_server_connections(server), grace_ms);
    command_all(server, NULL, true);
    bool ended = wait_for_zero(server, &server->connections, HTTP_FREE_WAIT_MS);
    if (!ended)
        mr_log(MR_LOG_ERROR, "http", "a handler blocks a loop; its connections stay open");
}

/* ---- listeners ---- */

void http_listener_unref(struct http_listener *listener)
{
    if (atomic_fetch_sub(&listener->refs, 1) > 1)
        return;
    if (listener->fd >= 0)
        close(listener->fd);
    free(listener);
}

/* True for the first caller, which then owns the list's reference. */
static bool unlink_listener(struct http_listener *listener)
{
    struct http_server *server = listener->server;
    bool found = false;
    pthread_mutex_lock(&server->lock);
    struct http_listener **at = &server->locked.listeners;
    while (*at != NULL && *at != listener)
        at = &(*at)->next;
    if (*at != NULL) {
        *at = listener->next;
        found = true;
    }
    pthread_mutex_unlock(&server->lock);
    return found;
}

void http_listener_close(struct http_listener *listener)
{
    if (listener == NULL || !unlink_listener(listener))
        return;
    atomic_store(&listener->closed, true);
    /* The kernel refuses connections from here on; the descriptor itself belongs to loop 0. */
    shutdown(listener->fd, SHUT_RDWR);
    command_all(listener->server, listener, false);
    http_listener_unref(listener);
}

void http_listener_close_wait(struct http_listener *listener, int grace_ms)
{
    assert(http_loop_current() == NULL);
    struct http_server *server = listener->server;
    atomic_fetch_add(&listener->refs, 1);
    http_listener_close(listener);
    if (!wait_for_zero(server, &listener->connections, grace_ms)) {
        command_all(server, listener, true);
        bool ended = wait_for_zero(server, &listener->connections, HTTP_FREE_WAIT_MS);
        if (!ended)
            mr_log(MR_LOG_ERROR, "http", "a handler blocks a loop; its connections stay open");
    }
    http_listener_unref(listener);
}

static struct http_loop *choose_loop(struct http_server *server)
{
    struct http_loop *chosen = &server->loops[0];
    int fewest = atomic_load_explicit(&chosen->connection_count, memory_order_relaxed);
    for (int i = 1; i < server->thread_count; i++) {
        int count = atomic_load_explicit(&server->loops[i].connection_count, memory_order_relaxed);
        if (count < fewest) {
            chosen = &server->loops[i];
            fewest = count;
        }
    }
    return chosen;
}

static void run_adopt(struct http_loop *loop, struct http_post *post)
{
    http_conn_adopt(loop, MR_CONTAINER(post, struct http_conn, post));
}

static void refuse_connection(int fd)
{
    static const char reply[] = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n"
                                "connection: close\r\n\r\n";
    ssize_t sent = send(fd, reply, sizeof reply - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)sent; /* it is closed either way */
    close(fd);
}

union socket_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};

void http_peer_text(const struct http_exchange *exchange, char ret[static HTTP_PEER_TEXT])
{
    const uint8_t *peer = exchange->peer;
    const bool v4 = memcmp(peer, v4_mapped, sizeof v4_mapped) == 0;
    if (inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? peer + sizeof v4_mapped : peer, ret,
                  HTTP_PEER_TEXT) == NULL)
        ret[0] = 0;
}

/* Four bytes are told as sixteen: ::ffff:127.0.0.1. */
static void peer_set(uint8_t peer[static 16], const union socket_address *from)
{
    if (from->any.sa_family == AF_INET6) {
        memcpy(peer, &from->v6.sin6_addr, 16);
    } else if (from->any.sa_family == AF_INET) {
        memcpy(peer, v4_mapped, sizeof v4_mapped);
        memcpy(peer + sizeof v4_mapped, &from->v4.sin_addr, 4);
    }
}

static void hand_over(struct http_listener *listener, int fd, const union socket_address *from)
{
    struct http_server *server = listener->server;
    if (atomic_load(&server->connections) >= server->limits.connections) {
        refuse_connection(fd);
        return;
    }
    struct http_loop *loop = choose_loop(server);
    struct http_conn *conn = http_conn_new(loop, listener, fd);
    peer_set(conn->peer, from);
    if (loop == http_loop_current()) {
        http_conn_adopt(loop, conn);
    } else {
        conn->post.run = run_adopt;
        http_loop_post(loop, &conn->post);
    }
}

static void try_accept_later(struct http_listener *listener)
{
    struct http_loop *loop = &listener->server->loops[0];
    if (listener->is_again) /* an event came before its turn */
        return;
    listener->is_again = true;
    atomic_fetch_add(&listener->refs, 1);
    listener->next_again = loop->listeners;
    loop->listeners = listener;
    loop->accept_again = true;
    int64_t by_ms = loop->now_ms + ACCEPT_AGAIN_MS;
    if (by_ms < loop->scan_ms)
        loop->scan_ms = by_ms;
}

/* The listening socket is edge-triggered: takes all, or sees to it that the rest is tried again. */
void http_listener_accept(struct http_listener *listener)
{
    for (int i = 0; listener->fd >= 0 && !atomic_load(&listener->closed); i++) {
        if (i == ACCEPTS_PER_EVENT) {
            try_accept_later(listener);
            return;
        }
        union socket_address from = {0};
        socklen_t from_len = sizeof from;
        int fd = accept4(listener->fd, &from.any, &from_len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            hand_over(listener, fd, &from);
        } else if (errno == EAGAIN || errno == EINVAL) { /* EINVAL: shut by http_listener_close */
            return;
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            mr_log(MR_LOG_WARN, "http", "cannot accept a connection: %s", strerror(errno));
            try_accept_later(listener);
            return;
        }
    }
}

static void on_listener_event(struct http_source *source, uint32_t events)
{
    (void)events;
    http_listener_accept(MR_CONTAINER(source, struct http_listener, source));
}

static enum mr_status parse_address(const char *address, int port,
                                    union socket_address *ret_address, socklen_t *ret_len)
{
    if (port < 0 || port > 65535)
        return MR_INVALID;
    *ret_address = (union socket_address){0};
    if (inet_pton(AF_INET, address, &ret_address->v4.sin_addr) == 1) {
        ret_address->v4.sin_family = AF_INET;
        ret_address->v4.sin_port = htons((uint16_t)port);
        *ret_len = sizeof ret_address->v4;
        return MR_OK;
    }
    if (inet_pton(AF_INET6, address, &ret_address->v6.sin6_addr) == 1) {
        ret_address->v6.sin6_family = AF_INET6;
        ret_address->v6.sin6_port = htons((uint16_t)port);
        *ret_len = sizeof ret_address->v6;
        return MR_OK;
    }
    return MR_INVALID;
}

/* The address is in use, or not one of this machine's, or something failed. */
static enum mr_status bind_error(int error, const char *address, int port)
{
    if (error == EADDRINUSE)
        return MR_EXISTS;
    if (error == EADDRNOTAVAIL || error == EAFNOSUPPORT)
        return MR_INVALID;
    return MR_RAISE(MR_FAIL_IO, "cannot listen on '%s' port %d: %s", address, port,
                    strerror(error));
}

static enum mr_status open_socket(const char *address, int port, int *ret_fd, int *ret_port)
{
    union socket_address name;
    socklen_t len;
    enum mr_status status = parse_address(address, port, &name, &len);
    if (status != MR_OK)
        return status;
    int fd = socket(name.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return bind_error(errno, address, port);
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* accepted sockets inherit it */
    len = sizeof name;
    if (bind(fd, &name.any, name.any.sa_family == AF_INET ? sizeof name.v4 : sizeof name.v6) != 0 ||
        listen(fd, 1024) != 0 || getsockname(fd, &name.any, &len) != 0) {
        int error = errno;
        close(fd);
        return bind_error(error, address, port);
    }
    *ret_fd = fd;
    *ret_port = ntohs(name.any.sa_family == AF_INET ? name.v4.sin_port : name.v6.sin6_port);
    return MR_OK;
}

enum mr_status http_server_listen(struct http_server *server, const char *address, int port,
                                  const struct http_handler *handler, void *listener_ctx,
                                  struct http_listener **ret_listener, int *ret_port)
{
    assert(handler->on_request != NULL);
    int fd = -1, bound_port = 0;
    enum mr_status status = open_socket(address, port, &fd, &bound_port);
    if (status != MR_OK)
        return status;
    struct http_listener *listener = mr_calloc(1, sizeof *listener);
    *listener = (struct http_listener){.source = {.on_event = on_listener_event},
                                       .server = server,
                                       .handler = handler,
                                       .ctx = listener_ctx,
                                       .fd = fd,
                                       .refs = 1};
    pthread_mutex_lock(&server->lock);
    listener->next = server->locked.listeners;
    server->locked.listeners = listener;
    pthread_mutex_unlock(&server->lock);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = &listener->source};
    if (ret_port != NULL)
        *ret_port = bound_port;
    if (ret_listener != NULL)
        *ret_listener = listener;
    if (epoll_ctl(server->loops[0].epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        http_listener_close(listener);
        return MR_RAISE(MR_FAIL_IO, "cannot watch a listening socket: %s", strerror(errno));
    }
    return MR_OK;
}
