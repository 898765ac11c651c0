#include "runtime/internal.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Two threads, started with the first child and kept until the runtime stops:
 *   spawner   starts the programs. PR_SET_PDEATHSIG tells the end of the thread that started a
 * child, not of the process, so it must be one that stays. children  reads all output, waits for
 * all ends, and alone calls the callbacks.
 *
 * A child's end, in this order: kill its group (what it started and left behind), reap it, read
 * what is still in its pipes, on_exit, free. Until it is reaped its number names it and its group;
 * `reaped` under the lock keeps a kill from hitting a process that got the number later. */
enum {
    READ_BYTES = 64 << 10,
    /* What a pipe can hold at most; a process that left the group could write for ever. */
    DRAIN_BYTES_MAX = 1 << 20,
    EVENTS_MAX = 64,
    PARTIAL_KEEP_MAX = 16 << 10,
};

enum source { SOURCE_OUTPUT, SOURCE_ERROR, SOURCE_END, SOURCE_CALL, SOURCE_MASK = 3 };

struct stream {
    int fd; /* -1: at its end */
    struct mr_buf partial;
};

struct runtime_child {
    struct runtime_children *children;
    void (*on_output)(void *ctx, struct mr_slice line, bool error);
    void (*on_exit)(void *ctx, int status, long max_rss_kb);
    void *ctx;
    pid_t pid;
    int pid_fd;
    struct stream
        streams[2]; /* the children's thread's; their descriptors are read and closed by the lock */
    _Atomic uint64_t given[2]; /* bytes of each stream that on_output is through with */
    long our_rss_kb;           /* of this process at the start */
    struct {
        bool reaped;
        uint64_t taken[2]; /* bytes of each stream that have left its pipe */
        long seen_rss_kb;
        struct runtime_child *next, *previous;
    } locked;
};

struct spawn_request {
    struct runtime_spawn spawn;
    int result;
    bool done;
    struct spawn_request *next;
};

struct runtime_children {
    pthread_mutex_t lock;
    struct {
        bool has_spawner, has_reader; /* the two threads */
        bool refusing, ending;
        size_t count; /* also those that are just being started */
        struct runtime_child *list;
        struct spawn_request *requests;
        pthread_cond_t changed; /* a request came, or was done, or a child is gone */
    } locked;
    pthread_t spawner_thread, reader_thread;
    int epoll_fd, call_fd;
    char read[READ_BYTES]; /* of the children's thread */
};

/* ---- the spawner ---- */

static void *spawner_run(void *arg)
{
    struct runtime_children *children = arg;
    pthread_mutex_lock(&children->lock);
    for (;;) {
        struct spawn_request *request = children->locked.requests;
        if (request == NULL) {
            if (children->locked.ending)
                break;
            pthread_cond_wait(&children->locked.changed, &children->lock);
            continue;
        }
        children->locked.requests = request->next;
        pthread_mutex_unlock(&children->lock);
        int result = runtime_spawn(&request->spawn);
        pthread_mutex_lock(&children->lock);
        request->result = result;
        request->done = true;
        pthread_cond_broadcast(&children->locked.changed);
    }
    pthread_mutex_unlock(&children->lock);
    return NULL;
}

static int spawn_by_spawner(struct runtime_children *children, const struct runtime_spawn *spawn)
{
    struct spawn_request request = {.spawn = *spawn};
    pthread_mutex_lock(&children->lock);
    request.next = children->locked.requests;
    children->locked.requests = &request;
    pthread_cond_broadcast(&children->locked.changed);
    while (!request.done)
        pthread_cond_wait(&children->locked.changed, &children->lock);
    pthread_mutex_unlock(&children->lock);
    return request.result;
}

/* ---- output ---- */

static void deliver(struct runtime_child *child, size_t stream, struct mr_slice line)
{
    if (child->on_output != NULL)
        child->on_output(child->ctx, line, stream == SOURCE_ERROR);
}

static void feed(struct runtime_child *child, size_t stream, struct mr_slice data)
{
    struct mr_buf *partial = &child->streams[stream].partial;
    while (data.len > 0) {
        size_t room = RUNTIME_LINE_BYTES_MAX - partial->len;
        size_t take = mr_slice_find(data, '\n');
        bool has_end = take != SIZE_MAX && take <= room;
        if (!has_end)
            take = data.len < room ? data.len : room;
        bool is_cut = !has_end && take < data.len;
        struct mr_slice piece = mr_slice_sub(data, 0, take);
        data = mr_slice_sub(data, take + has_end, data.len);
        if (partial->len == 0 && (has_end || is_cut)) {
            deliver(child, stream, piece);
            continue;
        }
        mr_buf_append(partial, piece);
        if (has_end || is_cut) {
            deliver(child, stream, mr_buf_slice(partial));
            mr_buf_reset(partial);
            if (partial->cap > PARTIAL_KEEP_MAX)
                mr_buf_fini(partial);
        }
    }
}

/* Closing alone does not take a descriptor out of epoll while a copy of it is open, and a program
 * that is just being started has copies of all. */
static void unwatch_and_close(struct runtime_children *children, int *fd)
{
    if (*fd < 0)
        return;
    epoll_ctl(children->epoll_fd, EPOLL_CTL_DEL, *fd, NULL); /* fails for one that was not in */
    close(*fd);
    *fd = -1;
}

static void stream_end(struct runtime_child *child, size_t stream)
{
    struct stream *s = &child->streams[stream];
    if (s->fd < 0)
        return;
    if (s->partial.len > 0)
        deliver(child, stream, mr_buf_slice(&s->partial));
    mr_buf_fini(&s->partial);
    pthread_mutex_lock(&child->children->lock);
    unwatch_and_close(child->children, &s->fd);
    pthread_mutex_unlock(&child->children->lock);
}

/* One read. Returns the bytes read; 0 when there are none now, or none any more. */
static size_t stream_read(struct runtime_child *child, size_t stream)
{
    struct stream *s = &child->streams[stream];
    if (s->fd < 0)
        return 0;
    char *room = child->children->read;
    pthread_mutex_lock(&child->children->lock); /* no byte is in neither pipe nor count */
    ssize_t got = read(s->fd, room, READ_BYTES);
    const int error = errno;
    if (got > 0)
        child->locked.taken[stream] += (size_t)got;
    pthread_mutex_unlock(&child->children->lock);
    if (got > 0) {
        feed(child, stream, mr_slice_make(room, (size_t)got));
        atomic_fetch_add(&child->given[stream], (size_t)got);
    } else if (got == 0 || (error != EAGAIN && error != EINTR)) {
        stream_end(child, stream);
    }
    return got > 0 ? (size_t)got : 0;
}

/* ---- the end of a child ---- */

static void reap(struct runtime_child *child, int *ret_status, long *ret_max_rss_kb)
{
    struct rusage usage = {0};
    pthread_mutex_lock(&child->children->lock);
    kill(-child->pid, SIGKILL);
    while (wait4(child->pid, ret_status, 0, &usage) < 0 && errno == EINTR)
        continue;
    child->locked.reaped = true;
    /* Until the program was executed the child had our memory, and the kernel counts that: what it
     * says is the child's own only when it is more. */
    bool is_own = usage.ru_maxrss > child->our_rss_kb || child->locked.seen_rss_kb == 0;
    *ret_max_rss_kb = is_own ? usage.ru_maxrss : child->locked.seen_rss_kb;
    pthread_mutex_unlock(&child->children->lock);
}

static void child_free(struct runtime_child *child)
{
    for (size_t i = 0; i < MR_COUNT(child->streams); i++) {
        unwatch_and_close(child->children, &child->streams[i].fd);
        mr_buf_fini(&child->streams[i].partial);
    }
    unwatch_and_close(child->children, &child->pid_fd);
    free(child);
}

static void child_end(struct runtime_child *child)
{
    struct runtime_children *children = child->children;
    int status = 0;
    long max_rss_kb = 0;
    reap(child, &status, &max_rss_kb);
    for (size_t i = 0; i < MR_COUNT(child->streams); i++) {
        size_t drained = 0, got = 1;
        for (; got > 0 && drained < DRAIN_BYTES_MAX; drained += got)
            got = stream_read(child, i);
        stream_end(child, i);
    }
    child->on_exit(child->ctx, status, max_rss_kb);
    pthread_mutex_lock(&children->lock);
    struct runtime_child *next = child->locked.next, *previous = child->locked.previous;
    if (next != NULL)
        next->locked.previous = previous;
    if (previous != NULL)
        previous->locked.next = next;
    else
        children->locked.list = next;
    children->locked.count--;
    pthread_cond_broadcast(&children->locked.changed);
    pthread_mutex_unlock(&children->lock);
    child_free(child);
}

/* ---- the children's thread ---- */

/* The events' data are a child's address, whose low bits are free, and the source. */
static struct runtime_child *event_child(const struct epoll_event *event)
{
    return (struct runtime_child *)(uintptr_t)(event->data.u64 & ~(uint64_t)SOURCE_MASK);
}

static enum source event_source(const struct epoll_event *event)
{
    return (enum source)(event->data.u64 & SOURCE_MASK);
}

static void *children_run(void *arg)
{
    struct runtime_children *children = arg;
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_wait(children->epoll_fd, events, EVENTS_MAX, -1);
        bool called = false;
        for (int i = 0; i < count; i++) {
            enum source source = event_source(&events[i]);
            if (source == SOURCE_OUTPUT || source == SOURCE_ERROR)
                stream_read(event_child(&events[i]), (size_t)source);
            called = called || source == SOURCE_CALL;
        }
        /* Ends come second: they free the child, which may have had output in the same round. */
        for (int i = 0; i < count; i++) {
            if (event_source(&events[i]) == SOURCE_END)
                child_end(event_child(&events[i]));
        }
        if (called)
            return NULL; /* all children are gone by then */
    }
}

static bool listen_to(struct runtime_children *children, int fd, void *address, enum source source)
{
    assert(((uintptr_t)address & SOURCE_MASK) == 0);
    struct epoll_event event = {.events = EPOLLIN};
    event.data.u64 = (uint64_t)(uintptr_t)address | (uint64_t)source;
    return epoll_ctl(children->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static enum mr_status threads_start_locked(struct runtime_children *children)
{
    if (children->epoll_fd < 0)
        children->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (children->call_fd < 0)
        children->call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (children->epoll_fd < 0 || children->call_fd < 0)
        return MR_RAISE(MR_FAIL_IO, "cannot watch child processes: %s", strerror(errno));
    enum mr_status status = MR_OK;
    if (!children->locked.has_spawner)
        status = runtime_thread_start(&children->spawner_thread, "spawner", spawner_run, children);
    children->locked.has_spawner = status == MR_OK;
    if (status != MR_OK || children->locked.has_reader)
        return status;
    if (!listen_to(children, children->call_fd, NULL, SOURCE_CALL) && errno != EEXIST)
        return MR_RAISE(MR_FAIL_IO, "cannot watch child processes: %s", strerror(errno));
    status = runtime_thread_start(&children->reader_thread, "children", children_run, children);
    children->locked.has_reader = status == MR_OK;
    return status;
}

/* ---- starting ---- */

/* Moves a descriptor that took the place of a closed standard one out of the child's way. */
static int above_stdio(int fd)
{
    if (fd < 0 || fd > 2)
        return fd;
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    close(fd);
    return moved;
}

static void close_all(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
}

static bool pipe_open(int *ret_reader, int *ret_writer)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return false;
    *ret_reader = above_stdio(ends[0]);
    *ret_writer = above_stdio(ends[1]);
    if (*ret_reader >= 0)
        fcntl(*ret_reader, F_SETFL, O_NONBLOCK);
    return *ret_reader >= 0 && *ret_writer >= 0;
}

static bool is_callers_fault(int error)
{
    return error == ENOENT || error == EACCES || error == ENOEXEC || error == ENOTDIR ||
           error == EISDIR || error == ELOOP || error == ENAMETOOLONG || error == E2BIG ||
           error == ELIBBAD || error == EPERM;
}

/* Starts the program, with its pipes in child->streams. */
static enum mr_status child_spawn(struct runtime_child *child,
                                  const struct runtime_child_options *options)
{
    int ends[3] = {-1, -1, -1};
    if (options->input_fd > 0)
        ends[0] = fcntl(options->input_fd, F_DUPFD_CLOEXEC, 3);
    else
        ends[0] = above_stdio(open("/dev/null", O_RDONLY | O_CLOEXEC));
    bool good = ends[0] >= 0 && pipe_open(&child->streams[0].fd, &ends[1]) &&
                pipe_open(&child->streams[1].fd, &ends[2]);
    int pid = -errno;
    if (good) {
        struct runtime_spawn spawn = {options, ends[0], ends[1], ends[2]};
        pid = spawn_by_spawner(child->children, &spawn);
    }
    close_all(ends, MR_COUNT(ends));
    if (pid < 0 && good && is_callers_fault(-pid))
        return MR_INVALID;
    if (pid < 0)
        return MR_RAISE(MR_FAIL_IO, "cannot start '%s': %s", options->argv[0], strerror(-pid));
    child->pid = pid;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    child->our_rss_kb = usage.ru_maxrss;
    return MR_OK;
}

/* Without its output a child still runs; that it cannot be read is rare enough for a log line. */
static void stream_listen_locked(struct runtime_child *child, enum source source)
{
    struct stream *stream = &child->streams[source];
    if (listen_to(child->children, stream->fd, child, source))
        return;
    mr_log(MR_LOG_ERROR, "runtime", "cannot read a child's output: %s", strerror(errno));
    unwatch_and_close(child->children, &stream->fd);
}

/* Gives it to the children's thread. */
static enum mr_status child_hand_over(struct runtime_child *child, struct runtime_child **ret_child)
{
    struct runtime_children *children = child->children;
    child->pid_fd = (int)syscall(SYS_pidfd_open, child->pid, 0); /* closed on exec by itself */
    pthread_mutex_lock(&children->lock);
    /* The end first, for nothing may be known of the child when that fails. A child that has ended
     * already is not freed meanwhile: child_end begins with this lock. */
    bool good = child->pid_fd >= 0 && listen_to(children, child->pid_fd, child, SOURCE_END);
    int error = errno;
    if (good) {
        child->locked.next = children->locked.list;
        if (child->locked.next != NULL)
            child->locked.next->locked.previous = child;
        children->locked.list = child;
        if (children->locked.refusing)
            kill(-child->pid, SIGKILL); /* the runtime stopped meanwhile */
        *ret_child = child;
        stream_listen_locked(child, SOURCE_OUTPUT);
        stream_listen_locked(child, SOURCE_ERROR);
    }
    pthread_mutex_unlock(&children->lock);
    return good ? MR_OK : MR_RAISE(MR_FAIL_IO, "cannot watch a child: %s", strerror(error));
}

static void child_abandon(struct runtime_child *child)
{
    int status;
    long max_rss_kb;
    if (child->pid > 0)
        reap(child, &status, &max_rss_kb);
    pthread_mutex_lock(&child->children->lock);
    child->children->locked.count--;
    pthread_cond_broadcast(&child->children->locked.changed);
    pthread_mutex_unlock(&child->children->lock);
    child_free(child);
}

enum mr_status runtime_child_start(struct runtime *runtime,
                                   const struct runtime_child_options *options,
                                   struct runtime_child **ret_child)
{
    assert(options->argv[0] != NULL && options->on_exit != NULL);
    struct runtime_children *children = runtime->children;
    enum mr_status status = MR_FULL;
    pthread_mutex_lock(&children->lock);
    if (!children->locked.refusing && children->locked.count < RUNTIME_CHILDREN_MAX)
        status = threads_start_locked(children);
    children->locked.count += status == MR_OK;
    pthread_mutex_unlock(&children->lock);
    if (status != MR_OK)
        return status;
    struct runtime_child *child = mr_calloc(1, sizeof(*child));
    child->children = children;
    child->on_output = options->on_output;
    child->on_exit = options->on_exit;
    child->ctx = options->ctx;
    child->pid_fd = child->streams[0].fd = child->streams[1].fd = -1;
    status = child_spawn(child, options);
    if (status == MR_OK)
        status = child_hand_over(child, ret_child);
    if (status != MR_OK)
        child_abandon(child);
    return status;
}

void runtime_child_kill(struct runtime_child *child)
{
    pthread_mutex_lock(&child->children->lock);
    if (!child->locked.reaped)
        kill(-child->pid, SIGKILL);
    pthread_mutex_unlock(&child->children->lock);
}

/* A line such as "VmRSS:     1234 kB" of /proc/PID/status. */
static long status_kb(struct mr_slice status, struct mr_slice name)
{
    size_t at = mr_slice_search(status, name);
    if (at == SIZE_MAX)
        return 0;
    struct mr_slice rest = mr_slice_trim(mr_slice_sub(status, at + name.len, 32));
    int64_t kb = 0;
    if (mr_slice_to_i64(mr_slice_sub(rest, 0, mr_slice_find(rest, ' ')), &kb) != MR_OK)
        return 0;
    return (long)kb;
}

struct runtime_output runtime_child_output(struct runtime_child *child)
{
    struct runtime_output output = {0};
    pthread_mutex_lock(&child->children->lock);
    for (size_t i = 0; i < MR_COUNT(child->streams); i++) {
        int waiting = 0;
        if (child->streams[i].fd < 0 || ioctl(child->streams[i].fd, FIONREAD, &waiting) != 0)
            waiting = 0;
        output.bytes[i] = child->locked.taken[i] + (uint64_t)waiting;
    }
    pthread_mutex_unlock(&child->children->lock);
    return output;
}

bool runtime_child_was_heard(const struct runtime_child *child, const struct runtime_output *until)
{
    bool heard = true;
    for (size_t i = 0; i < MR_COUNT(until->bytes); i++)
        heard = heard && atomic_load(&child->given[i]) >= until->bytes[i];
    return heard;
}

long runtime_child_rss_kb(struct runtime_child *child)
{
    char path[32];
    char text[4096];
    ssize_t len = -1;
    long rss_kb = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)child->pid);
    pthread_mutex_lock(&child->children->lock);
    int fd = child->locked.reaped ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        len = read(fd, text, sizeof(text));
        close(fd);
    }
    if (len > 0) {
        struct mr_slice status = mr_slice_make(text, (size_t)len);
        rss_kb = status_kb(status, MR_S("VmRSS:"));
        long highest_kb = status_kb(status, MR_S("VmHWM:"));
        if (highest_kb > child->locked.seen_rss_kb)
            child->locked.seen_rss_kb = highest_kb;
    }
    pthread_mutex_unlock(&child->children->lock);
    return rss_kb;
}

/* ---- all of them ---- */

struct runtime_children *runtime_children_new(void)
{
    struct runtime_children *children = mr_calloc(1, sizeof(*children));
    pthread_mutex_init(&children->lock, NULL);
    runtime_cond_init(&children->locked.changed);
    children->epoll_fd = children->call_fd = -1;
    return children;
}

void runtime_children_end(struct runtime_children *children)
{
    pthread_mutex_lock(&children->lock);
    children->locked.refusing = true;
    struct runtime_child *child = children->locked.list;
    for (; child != NULL; child = child->locked.next) {
        if (!child->locked.reaped)
            kill(-child->pid, SIGKILL);
    }
    pthread_mutex_unlock(&children->lock);
}

void runtime_children_join(struct runtime_children *children)
{
    pthread_mutex_lock(&children->lock);
    while (children->locked.count > 0)
        pthread_cond_wait(&children->locked.changed, &children->lock);
    bool has_spawner = children->locked.has_spawner, has_reader = children->locked.has_reader;
    children->locked.ending = true;
    pthread_cond_broadcast(&children->locked.changed);
    pthread_mutex_unlock(&children->lock);
    if (has_reader) {
        if (eventfd_write(children->call_fd, 1) < 0)
            abort(); /* its counter is 0 until now */
        pthread_join(children->reader_thread, NULL);
    }
    if (has_spawner)
        pthread_join(children->spawner_thread, NULL);
}

void runtime_children_free(struct runtime_children *children)
{
    int fds[2] = {children->epoll_fd, children->call_fd};
    close_all(fds, MR_COUNT(fds));
    pthread_cond_destroy(&children->locked.changed);
    pthread_mutex_destroy(&children->lock);
    free(children);
}
