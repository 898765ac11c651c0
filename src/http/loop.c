/* One turn of a loop: wait, send the replies that became due meanwhile, handle what epoll reports,
 * then what other threads posted, then what became due; last of all write, so that everything a
 * turn produced for one connection leaves in one system call.
 *
 * No wake-up is lost: the loop sets `sleeping` and then looks at its inbox and at the released
 * position; others first add to the inbox (or raise the position) and then look at `sleeping`. Both
 * sides use sequentially consistent operations. */
#include "http/internal.h"
#include "base/clock.h"
#include "base/log.h"
#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { EVENTS_PER_TURN = 256 };

static _Thread_local struct http_loop *current_loop;

struct http_loop *http_loop_current(void)
{
    return current_loop;
}

/* ---- posts and wake-ups ---- */

void http_loop_wake(struct http_loop *loop)
{
    if (!atomic_load(&loop->sleeping) || !atomic_exchange(&loop->sleeping, false))
        return;
    uint64_t one = 1;
    ssize_t written = write(loop->event_fd, &one, sizeof one);
    assert(written == sizeof one || errno == EAGAIN);
}

static void put_into_inbox(struct http_loop *loop, struct http_post *post)
{
    struct http_post *head = atomic_load(&loop->inbox);
    do
        post->next = head;
    while (!atomic_compare_exchange_weak(&loop->inbox, &head, post));
}

void http_loop_post(struct http_loop *loop, struct http_post *post)
{
    put_into_inbox(loop, post);
    http_loop_wake(loop);
}

void http_loop_post_held(struct http_loop *loop, struct http_post *post, int64_t ticket)
{
    put_into_inbox(loop, post);
    int64_t min = atomic_load(&loop->posted_min);
    while (ticket < min && !atomic_compare_exchange_weak(&loop->posted_min, &min, ticket))
        ;
    /* Whoever releases moves the position before it looks for whom to wake. */
    if (atomic_load(&loop->server->released) >= ticket)
        http_loop_wake(loop);
}

static void drain_inbox(struct http_loop *loop)
{
    /* Before it looks: what is put in behind the look lowers it again. */
    if (atomic_load_explicit(&loop->posted_min, memory_order_relaxed) != INT64_MAX)
        atomic_store(&loop->posted_min, INT64_MAX);
    if (atomic_load(&loop->inbox) == NULL)
        return;
    struct http_post *newest = atomic_exchange(&loop->inbox, NULL);
    struct http_post *oldest = NULL;
    while (newest != NULL) {
        struct http_post *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest != NULL) {
        struct http_post *next = oldest->next; /* run() may free it */
        oldest->run(loop, oldest);
        oldest = next;
    }
}

static void on_wake(struct http_source *source, uint32_t events)
{
    (void)events;
    struct http_loop *loop = MR_CONTAINER(source, struct http_loop, wake_source);
    uint64_t count;
    ssize_t got = read(loop->event_fd, &count, sizeof count);
    assert(got == sizeof count || errno == EAGAIN);
}

/* ---- replies that wait for a ticket: a binary heap, smallest first ---- */

static void heap_move_up(struct http_loop *loop, size_t at)
{
    struct http_waiting moving = loop->waiting[at];
    while (at > 0 && loop->waiting[(at - 1) / 2].ticket > moving.ticket) {
        loop->waiting[at] = loop->waiting[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    loop->waiting[at] = moving;
}

static void heap_move_down(struct http_loop *loop, size_t at)
{
    struct http_waiting moving = loop->waiting[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= loop->waiting_count)
            break;
        if (child + 1 < loop->waiting_count &&
            loop->waiting[child + 1].ticket < loop->waiting[child].ticket)
            child++;
        if (loop->waiting[child].ticket >= moving.ticket)
            break;
        loop->waiting[at] = loop->waiting[child];
        at = child;
    }
    loop->waiting[at] = moving;
}

static struct http_exchange_private *heap_pop(struct http_loop *loop)
{
    assert(loop->waiting_count > 0);
    struct http_exchange_private *exchange = loop->waiting[0].exchange;
    loop->waiting[0] = loop->waiting[--loop->waiting_count];
    if (loop->waiting_count > 0)
        heap_move_down(loop, 0);
    return exchange;
}

static void publish_waiting_min(struct http_loop *loop)
{
    int64_t min = loop->waiting_count == 0 ? INT64_MAX : loop->waiting[0].ticket;
    if (atomic_load_explicit(&loop->waiting_min, memory_order_relaxed) != min)
        atomic_store(&loop->waiting_min, min);
}

void http_loop_wait_ticket(struct http_loop *loop, struct http_exchange_private *exchange)
{
    if (exchange->ticket <= atomic_load(&loop->server->released)) {
        http_exchange_send(exchange);
        return;
    }
    if (loop->waiting_count == loop->waiting_capacity) {
        loop->waiting_capacity = loop->waiting_capacity == 0 ? 64 : 2 * loop->waiting_capacity;
        loop->waiting = mr_realloc(loop->waiting, loop->waiting_capacity * sizeof *loop->waiting);
    }
    loop->waiting[loop->waiting_count++] =
        (struct http_waiting){.ticket = exchange->ticket, .exchange = exchange};
    heap_move_up(loop, loop->waiting_count - 1);
    publish_waiting_min(loop);
}

static bool release_is_due(struct http_loop *loop)
{
    return loop->waiting_count > 0 &&
           loop->waiting[0].ticket <= atomic_load(&loop->server->released);
}

static void release_due(struct http_loop *loop)
{
    if (!release_is_due(loop))
        return;
    int64_t released = atomic_load(&loop->server->released);
    while (loop->waiting_count > 0 && loop->waiting[0].ticket <= released)
        http_exchange_send(heap_pop(loop));
    publish_waiting_min(loop);
}

/* ---- lists of one turn ---- */

void http_loop_ready(struct http_loop *loop, struct http_exchange_private *exchange)
{
    exchange->next = NULL;
    *loop->ready_tail = exchange;
    loop->ready_tail = &exchange->next;
}

static void send_ready(struct http_loop *loop)
{
    while (loop->ready != NULL) {
        struct http_exchange_private *exchange = loop->ready;
        loop->ready = exchange->next;
        if (loop->ready == NULL)
            loop->ready_tail = &loop->ready;
        http_exchange_answered(exchange);
    }
}

/* What is resumed while this runs waits for the next turn, so that one connection cannot hold the
 * loop. */
static void resume_conns(struct http_loop *loop)
{
    struct http_conn *conn = loop->resume;
    loop->resume = NULL;
    loop->resume_tail = &loop->resume;
    while (conn != NULL) {
        struct http_conn *next = conn->next_resume;
        conn->is_resuming = false;
        if (conn->state != HTTP_CONN_DEAD)
            http_conn_process(conn);
        conn = next;
    }
}

static void flush_dirty(struct http_loop *loop)
{
    while (loop->dirty != NULL) {
        struct http_conn *conn = loop->dirty;
        loop->dirty = conn->next_dirty;
        conn->is_dirty = false;
        if (conn->state != HTTP_CONN_DEAD)
            http_conn_flush(conn);
    }
}

static void free_dead(struct http_loop *loop)
{
    while (loop->dead != NULL) {
        struct http_conn *conn = loop->dead;
        if (conn->is_dirty || conn->is_resuming)
            return; /* still in a list of the next turn */
        loop->dead = conn->next;
        free(conn);
    }
}

/* ---- deadlines: each connection has one; all are looked at when the nearest may be due ---- */

void http_loop_scan_by(struct http_loop *loop, int64_t deadline_ms)
{
    if (deadline_ms >= loop->scan_ms)
        return;
    int64_t soonest = loop->now_ms + loop->server->granularity_ms;
    int64_t by = deadline_ms < soonest ? soonest : deadline_ms;
    if (by < loop->scan_ms)
        loop->scan_ms = by;
}

static void accept_again(struct http_loop *loop)
{
    loop->accept_again = false;
    struct http_listener *listener = loop->listeners;
    loop->listeners = NULL;
    while (listener != NULL) {
        struct http_listener *next = listener->next_again;
        listener->is_again = false;
        http_listener_accept(listener);
        http_listener_unref(listener);
        listener = next;
    }
}

static void scan_deadlines(struct http_loop *loop)
{
    if (loop->now_ms < loop->scan_ms)
        return;
    loop->scan_ms = INT64_MAX;
    if (loop->accept_again)
        accept_again(loop);
    int64_t nearest = INT64_MAX;
    struct http_conn *next;
    for (struct http_conn *conn = loop->conns; conn != NULL; conn = next) {
        next = conn->next;
        if (conn->deadline_ms <= loop->now_ms)
            http_conn_on_deadline(conn); /* may close it, nothing else */
        else if (conn->deadline_ms < nearest)
            nearest = conn->deadline_ms;
    }
    http_loop_scan_by(loop, nearest);
}

/* ---- the thread ---- */

static int sleep_ms(struct http_loop *loop)
{
    if (loop->resume != NULL || loop->ready != NULL || loop->dirty != NULL || loop->dead != NULL)
        return 0;
    int64_t until = loop->scan_ms;
    if (loop->quit_by_ms != 0 && loop->quit_by_ms < until)
        until = loop->quit_by_ms;
    if (until == INT64_MAX)
        return -1;
    int64_t left = until - loop->now_ms;
    return left <= 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

static int poll_events(struct http_loop *loop, struct epoll_event *events, int timeout)
{
    const int count = epoll_wait(loop->epoll_fd, events, EVENTS_PER_TURN, timeout);
    assert(count >= 0 || errno == EINTR);
    return count < 0 ? 0 : count;
}

/* It has found nothing to do. */
static int sleep_for_events(struct http_loop *loop, struct epoll_event *events, int timeout)
{
    struct http_server *server = loop->server;
    atomic_fetch_sub(&server->awake, 1);
    if (atomic_load(&server->idle_wanted)) {
        pthread_mutex_lock(&server->lock);
        if (atomic_exchange(&server->idle_wanted, false))
            pthread_cond_signal(&server->idle);
        pthread_mutex_unlock(&server->lock);
    }
    const int count = poll_events(loop, events, timeout);
    atomic_fetch_add(&server->awake, 1);
    return count;
}

static int wait_for_events(struct http_loop *loop, struct epoll_event *events)
{
    const int timeout = sleep_ms(loop);
    int count = poll_events(loop, events, 0); /* so that who sleeps is known to be idle */
    if (count > 0 || timeout == 0)
        return count;
    atomic_store(&loop->sleeping, true);
    if (atomic_load(&loop->inbox) == NULL && !release_is_due(loop) &&
        (loop->quit_by_ms != 0 || !atomic_load(&loop->quit)))
        count = sleep_for_events(loop, events, timeout);
    atomic_store(&loop->sleeping, false);
    return count;
}

/* True once nothing is owed any more, or the wait for it was long enough. */
static bool may_quit(struct http_loop *loop)
{
    if (!atomic_load_explicit(&loop->quit, memory_order_relaxed))
        return false;
    if (loop->quit_by_ms == 0)
        loop->quit_by_ms = loop->now_ms + HTTP_FREE_WAIT_MS;
    while (loop->conns != NULL)
        http_conn_close(loop->conns);
    while (loop->waiting_count > 0)
        http_exchange_send(heap_pop(loop));
    if (loop->dead != NULL)
        return false;
    return (loop->exchange_count == 0 && atomic_load(&loop->inbox) == NULL) ||
           loop->now_ms >= loop->quit_by_ms;
}

/* Replies leave before new requests are taken: whoever waits for them works meanwhile. */
static void release_first(struct http_loop *loop)
{
    if (!release_is_due(loop))
        return;
    release_due(loop);
    send_ready(loop);
    flush_dirty(loop);
}

static void turn(struct http_loop *loop)
{
    struct epoll_event events[EVENTS_PER_TURN];
    int count = wait_for_events(loop, events);
    loop->now_ms = mr_monotonic_ms();
    release_first(loop);
    for (int i = 0; i < count; i++) {
        struct http_source *source = events[i].data.ptr;
        source->on_event(source, events[i].events);
    }
    drain_inbox(loop);
    release_due(loop);
    resume_conns(loop);
    send_ready(loop);
    flush_dirty(loop);
    scan_deadlines(loop);
    free_dead(loop);
}

/* A loop that wakes need not stop whoever runs on its processor, who is often about to give it
 * more: turns become fewer and longer. A hint only; the priority stays. */
static void do_not_preempt(void)
{
    struct sched_param param = {0};
    (void)pthread_setschedparam(pthread_self(), SCHED_BATCH, &param);
}

static void *loop_main(void *arg)
{
    struct http_loop *loop = arg;
    current_loop = loop;
    do_not_preempt();
    sigset_t pipe_only;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE); /* sendfile has no MSG_NOSIGNAL */
    pthread_sigmask(SIG_BLOCK, &pipe_only, NULL);
    atomic_fetch_add(&loop->server->awake, 1);
    do
        turn(loop);
    while (!may_quit(loop));
    atomic_fetch_sub(&loop->server->awake, 1);
    return NULL;
}

enum mr_status http_loop_init(struct http_loop *loop, struct http_server *server)
{
    *loop = (struct http_loop){.server = server,
                               .epoll_fd = epoll_create1(EPOLL_CLOEXEC),
                               .event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                               .wake_source = {.on_event = on_wake},
                               .waiting_min = INT64_MAX,
                               .posted_min = INT64_MAX,
                               .scan_ms = INT64_MAX,
                               .now_ms = mr_monotonic_ms()};
    loop->resume_tail = &loop->resume;
    loop->ready_tail = &loop->ready;
    loop->scratch = mr_malloc(HTTP_SCRATCH_BYTES);
    if (loop->epoll_fd < 0 || loop->event_fd < 0)
        return MR_RAISE(MR_FAIL_IO, "cannot make an event loop: %s", strerror(errno));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &loop->wake_source};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->event_fd, &event) != 0)
        return MR_RAISE(MR_FAIL_IO, "cannot watch the wake-up descriptor: %s", strerror(errno));
    return MR_OK;
}

enum mr_status http_loop_start(struct http_loop *loop)
{
    int error = pthread_create(&loop->thread, NULL, loop_main, loop);
    if (error != 0)
        return MR_RAISE(MR_FAIL, "cannot start a thread: %s", strerror(error));
    pthread_setname_np(loop->thread, "http loop");
    loop->started = true;
    return MR_OK;
}

void http_loop_fini(struct http_loop *loop)
{
    while (loop->pool != NULL) {
        struct http_exchange_private *exchange = loop->pool;
        loop->pool = exchange->next;
        http_exchange_destroy(exchange);
    }
    while (loop->listeners != NULL) {
        struct http_listener *listener = loop->listeners;
        loop->listeners = listener->next_again;
        http_listener_unref(listener);
    }
    while (loop->buf_count > 0)
        mr_buf_fini(&loop->bufs[--loop->buf_count]);
    free(loop->waiting);
    free(loop->scratch);
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    if (loop->event_fd >= 0)
        close(loop->event_fd);
}

/* ---- what its connections share ---- */

struct mr_slice http_loop_date(struct http_loop *loop)
{
    int64_t now_ms = mr_clock_now(&mr_clock_system);
    if (now_ms / 1000 != loop->date_second) {
        loop->date_second = now_ms / 1000;
        loop->date_text = mr_date_http(now_ms, loop->date);
    }
    return loop->date_text;
}

struct mr_buf http_loop_buf_take(struct http_loop *loop)
{
    return loop->buf_count == 0 ? (struct mr_buf){0} : loop->bufs[--loop->buf_count];
}

void http_loop_buf_give(struct http_loop *loop, struct mr_buf *buf)
{
    if (buf->cap == 0 || buf->cap > HTTP_KEEP_BYTES || loop->buf_count == HTTP_POOL_BUFS) {
        mr_buf_fini(buf);
        return;
    }
    mr_buf_reset(buf);
    loop->bufs[loop->buf_count++] = *buf;
    *buf = (struct mr_buf){0};
}
