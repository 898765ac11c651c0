#include "firehose/extract.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/clock.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct extractor {
    struct runtime *runtime;
    char *query; /* owned */
    int socket;  /* our end of its standard input; -1: no process */
    pthread_mutex_t lock;
    struct {
        struct runtime_child *child; /* NULL: it has ended */
        struct mr_buf lines;         /* each with its end; taken up to `next` */
        size_t next, count;          /* count: those not yet taken */
        pthread_cond_t changed;
    } locked;
};

static void take_output(void *ctx, struct mr_slice line, bool error)
{
    struct extractor *extractor = ctx;
    if (error) {
        mr_log(MR_LOG_WARN, "firehose", "a partition query says: %.*s", MR_ARG(line));
        return;
    }
    pthread_mutex_lock(&extractor->lock);
    mr_buf_append(&extractor->locked.lines, line);
    mr_buf_byte(&extractor->locked.lines, '\n');
    extractor->locked.count++;
    pthread_cond_broadcast(&extractor->locked.changed);
    pthread_mutex_unlock(&extractor->lock);
}

static void note_exit(void *ctx, int status, long max_rss_kb)
{
    struct extractor *extractor = ctx;
    (void)status;
    (void)max_rss_kb;
    pthread_mutex_lock(&extractor->lock);
    extractor->locked.child = NULL;
    pthread_cond_broadcast(&extractor->locked.changed);
    pthread_mutex_unlock(&extractor->lock);
}

/* ---- the process ---- */

static enum mr_status start(struct extractor *extractor)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return MR_RAISE(MR_FAIL_IO, "cannot make a socket: %s", strerror(errno));
    const char *const argv[] = {"/proc/self/exe", "jq", extractor->query, NULL};
    const char *const envp[] = {"LC_ALL=C.UTF-8", "TZ=UTC", NULL};
    const struct runtime_child_options options = {
        .argv = argv,
        .envp = envp,
        .folder = "/",
        .input_fd = ends[1],
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* the shadow alone is larger \
                                                                     */
        .memory_bytes = EXTRACT_MEMORY_BYTES,
#endif
        .on_output = take_output,
        .on_exit = note_exit,
        .ctx = extractor,
    };
    pthread_mutex_lock(&extractor->lock);
    mr_buf_reset(&extractor->locked.lines);
    extractor->locked.next = extractor->locked.count = 0;
    const enum mr_status status =
        runtime_child_start(extractor->runtime, &options, &extractor->locked.child);
    pthread_mutex_unlock(&extractor->lock);
    close(ends[1]);
    if (status == MR_OK)
        extractor->socket = ends[0];
    else
        close(ends[0]);
    return status;
}

static void stop(struct extractor *extractor)
{
    if (extractor->socket >= 0)
        close(extractor->socket);
    extractor->socket = -1;
    pthread_mutex_lock(&extractor->lock);
    if (extractor->locked.child != NULL)
        runtime_child_kill(extractor->locked.child);
    while (extractor->locked.child != NULL)
        pthread_cond_wait(&extractor->locked.changed, &extractor->lock);
    pthread_mutex_unlock(&extractor->lock);
}

/* ---- lines ---- */

/* Waits for one line; false: none came in time, or none will come. */
static bool take_line(struct extractor *extractor, struct mr_arena *arena, int64_t wait_ms,
                      struct mr_slice *ret_line)
{
    const struct timespec deadline = mr_monotonic_timespec(mr_monotonic_us() + wait_ms * 1000);
    int late = 0;
    pthread_mutex_lock(&extractor->lock);
    while (extractor->locked.count == 0 && extractor->locked.child != NULL && late == 0)
        late = pthread_cond_timedwait(&extractor->locked.changed, &extractor->lock, &deadline);
    const bool there = extractor->locked.count > 0;
    if (there) {
        const struct mr_slice lines =
            mr_slice_sub(mr_buf_slice(&extractor->locked.lines), extractor->locked.next, SIZE_MAX);
        const size_t end = mr_slice_find(lines, '\n');
        *ret_line = mr_arena_copy(arena, mr_slice_sub(lines, 0, end));
        extractor->locked.next += end + 1;
        if (--extractor->locked.count == 0) {
            mr_buf_reset(&extractor->locked.lines);
            extractor->locked.next = 0;
        }
    }
    pthread_mutex_unlock(&extractor->lock);
    return there;
}

/* False: it takes no more. */
static bool send_bytes(struct extractor *extractor, const char *bytes, size_t len)
{
    while (len > 0) {
        struct pollfd room = {.fd = extractor->socket, .events = POLLOUT};
        if (poll(&room, 1, EXTRACT_RECORD_MS) <= 0)
            return false;
        const ssize_t sent = send(extractor->socket, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        bytes += sent > 0 ? sent : 0;
        len -= sent > 0 ? (size_t)sent : 0;
    }
    return true;
}

static bool send_record(struct extractor *extractor, struct mr_slice record)
{
    const uint32_t len = (uint32_t)record.len;
    const uint8_t head[4] = {(uint8_t)len, (uint8_t)(len >> 8), (uint8_t)(len >> 16),
                             (uint8_t)(len >> 24)};
    return send_bytes(extractor, (const char *)head, sizeof head) &&
           send_bytes(extractor, record.ptr, record.len);
}

/* ---- the interface ---- */

static enum mr_status ready(struct extractor *extractor, char message[static 512])
{
    struct mr_arena arena;
    struct mr_slice line = {0};
    enum mr_status status = start(extractor);
    if (status != MR_OK)
        return status < 0 ? status : MR_AGAIN;
    mr_arena_init(&arena);
    if (!take_line(extractor, &arena, EXTRACT_START_MS, &line)) {
        (void)snprintf(message, 512, "the query's process did not start");
        status = MR_AGAIN;
    } else if (!mr_slice_equal(line, MR_S("ok"))) {
        (void)snprintf(message, 512, "%.*s", MR_ARG(mr_slice_sub(line, 1, 400)));
        status = MR_INVALID;
    }
    mr_arena_fini(&arena);
    if (status != MR_OK)
        stop(extractor);
    return status;
}

enum mr_status extractor_open(struct runtime *runtime, struct mr_slice query,
                              struct extractor **ret_extractor, char message[static 512])
{
    struct extractor *extractor = mr_calloc(1, sizeof *extractor);
    extractor->runtime = runtime;
    extractor->query = mr_strdup_slice(query);
    extractor->socket = -1;
    pthread_mutex_init(&extractor->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&extractor->locked.changed, &attributes);
    pthread_condattr_destroy(&attributes);
    const enum mr_status status = ready(extractor, message);
    if (status == MR_OK)
        *ret_extractor = extractor;
    else
        extractor_close(extractor);
    return status;
}

void extractor_close(struct extractor *extractor)
{
    if (extractor == NULL)
        return;
    stop(extractor);
    mr_buf_fini(&extractor->locked.lines);
    pthread_cond_destroy(&extractor->locked.changed);
    pthread_mutex_destroy(&extractor->lock);
    free(extractor->query);
    free(extractor);
}

enum mr_status extractor_run(struct extractor *extractor, struct mr_arena *arena,
                             const struct mr_slice *records, size_t count,
                             struct mr_slice *ret_lines)
{
    char message[512];
    size_t sent = 0, taken = 0;
    while (taken < count) {
        if (extractor->socket < 0) {
            const enum mr_status status = ready(extractor, message);
            if (status != MR_OK)
                return status < 0 ? status : MR_AGAIN;
            sent = taken;
        }
        while (sent < count && send_record(extractor, records[sent]))
            sent++;
        while (taken < count && take_line(extractor, arena, EXTRACT_RECORD_MS, &ret_lines[taken]))
            taken++;
        if (taken == count)
            break;
        /* It hangs, or died: of the first record without a line. The others get a new process. */
        ret_lines[taken++] = MR_S("!the query took too long, or too much memory");
        stop(extractor);
    }
    return MR_OK;
}
