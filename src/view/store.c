/* view/store.c: commits, recovery, flushes. (Documents and entries: document.c.)
 *
 * The order in which a flush works, which is what recovery relies on:
 *   1. hold commits off (all stripes exclusively): everything appended is applied
 *   2. wait until the journal is durable up to its tail P: the view never gets ahead of it
 *   3. seal the memtable with P in it; let commits go on, into another
 *   4. the sealed memtable becomes a file; when it has, view_flushed() is P
 * Opening replays the journal from view_flushed(), whose state is exactly that of P.
 *
 * Locks, in order: windows, stripes. flush.lock is taken alone; flush.turn before the stripes. */
#include "view/store.h"
#include "base/point.h"
#include "view/internal.h"
#include "base/log.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    /* Commits wait for the flush when so many memtables' worth is unflushed. */
    UNFLUSHED_FACTOR_MAX = 4,
    /* A flush is due too when the journal has grown by so many memtables: replay stays short. */
    JOURNAL_FACTOR = 4,
    LOCK_WAIT_MS = 1000,
    LOCK_STEP_MS = 10,
};

/* ---- flush ---- */

/* Steps 1 to 3. */
static enum mr_status flush_begin(struct store *store)
{
    mr_point(MR_POINT_VIEW_FLUSH);
    stripes_lock_all(&store->commits);
    int64_t position = journal_tail(store->journal);
    enum mr_status status = journal_wait(store->journal, position);
    if (status == MR_OK) {
        view_flush_begin(store->view, position);
        atomic_store(&store->flush.begun, position);
    }
    stripes_unlock_all(&store->commits);
    mr_point(MR_POINT_VIEW_FLUSH_SEALED);
    return status;
}

/* Wakes who waits for room, too: a flush that failed tells them only when they see that it did. */
static void fail(struct store *store, const char *what)
{
    mr_log(MR_LOG_ERROR, "store", "%s; it takes a restart", what);
    atomic_store(&store->failed, true);
    pthread_mutex_lock(&store->flush.lock);
    pthread_cond_broadcast(&store->flush.done);
    pthread_mutex_unlock(&store->flush.lock);
    void (*fn)(void *ctx) = atomic_load(&store->on_failure);
    if (fn != NULL)
        fn(store->on_failure_ctx);
}

void store_on_failure(struct store *store, void (*fn)(void *ctx), void *ctx)
{
    store->on_failure_ctx = ctx;
    atomic_store(&store->on_failure, fn);
    if (atomic_load(&store->failed))
        fn(ctx);
}

/* After a failure there is none: what was sealed is still in memory, and must stay there. */
static enum mr_status flush_now(struct store *store)
{
    pthread_mutex_lock(&store->flush.turn);
    if (atomic_load(&store->failed)) {
        pthread_mutex_unlock(&store->flush.turn);
        return MR_FAIL_IO;
    }
    enum mr_status status = flush_begin(store);
    if (status == MR_OK)
        status = view_flush_end(store->view);
    if (status < 0)
        atomic_store(&store->failed, true); /* before the next takes its turn */
    mr_point(MR_POINT_VIEW_FLUSHED);
    pthread_mutex_unlock(&store->flush.turn);
    if (status < 0) {
        fail(store, "the view cannot be flushed: no change is taken any more");
        return status;
    }
    pthread_mutex_lock(&store->flush.lock);
    pthread_cond_broadcast(&store->flush.done);
    pthread_mutex_unlock(&store->flush.lock);
    return MR_OK;
}

static void *flusher_main(void *arg)
{
    struct store *store = arg;
    prctl(PR_SET_NAME, "mr-flusher");
    pthread_mutex_lock(&store->flush.lock);
    while (!store->flush.stopping) {
        if (!atomic_load(&store->flush.wanted)) {
            pthread_cond_wait(&store->flush.work, &store->flush.lock);
            continue;
        }
        pthread_mutex_unlock(&store->flush.lock);
        atomic_store(&store->flush.wanted, false); /* before: what is asked meanwhile counts */
        enum mr_status status = flush_now(store);
        pthread_mutex_lock(&store->flush.lock);
        if (status < 0)
            break;
    }
    pthread_mutex_unlock(&store->flush.lock);
    return NULL;
}

static bool flush_is_due(const struct store *store)
{
    size_t memtable = view_memtable_bytes(store->view);
    int64_t behind = journal_tail(store->journal) - atomic_load(&store->flush.begun);
    return view_unflushed_bytes(store->view) > memtable ||
           behind > (int64_t)memtable * JOURNAL_FACTOR;
}

static void flush_ask(struct store *store)
{
    if (atomic_load_explicit(&store->flush.wanted, memory_order_relaxed) ||
        atomic_exchange(&store->flush.wanted, true))
        return;
    pthread_mutex_lock(&store->flush.lock);
    pthread_cond_signal(&store->flush.work);
    pthread_mutex_unlock(&store->flush.lock);
}

enum mr_status store_flush(struct store *store, bool wait)
{
    if (wait)
        return flush_now(store);
    if (flush_is_due(store))
        flush_ask(store);
    return MR_OK;
}

struct view_snapshot *store_snapshot(struct store *store, int64_t *ret_position)
{
    stripes_lock_all(&store->commits);
    *ret_position = journal_tail(store->journal);
    struct view_snapshot *snapshot = view_snapshot_new(store->view);
    stripes_unlock_all(&store->commits);
    return snapshot;
}

/* Holds a commit back while memory is short of its bound: it has no lock of ours yet. */
static void wait_for_room(struct store *store)
{
    size_t max = view_memtable_bytes(store->view) * UNFLUSHED_FACTOR_MAX;
    if (view_unflushed_bytes(store->view) <= max)
        return;
    pthread_mutex_lock(&store->flush.lock);
    while (view_unflushed_bytes(store->view) > max && !atomic_load(&store->failed)) {
        atomic_store(&store->flush.wanted, true);
        pthread_cond_signal(&store->flush.work);
        pthread_cond_wait(&store->flush.done, &store->flush.lock);
    }
    pthread_mutex_unlock(&store->flush.lock);
}

/* ---- commit ---- */

static enum mr_status commit_locked(struct store *store, struct store_entry *entry,
                                    int64_t *ret_ticket)
{
    enum mr_status status = (entry->waits ? journal_append_to_wait : journal_append)(
        store->journal, entry->ops, entry->count, store_now(store), ret_ticket);
    if (status != MR_OK)
        return status;
    mr_point(MR_POINT_VIEW_APPLY);
    view_apply(store->view, entry->ops, entry->count);
    mr_point(MR_POINT_VIEW_APPLIED);
    return MR_OK;
}

/* New window ids: the counter's last commit must hold its greatest value, so these take turns. */
static enum mr_status commit_windows(struct store *store, struct store_entry *entry,
                                     int64_t *ret_ticket)
{
    pthread_mutex_lock(&store->windows.lock);
    uint32_t last = atomic_load(&store->windows.last);
    for (size_t i = 0; i < entry->count; i++)
        if (store_is_window_counter(&entry->ops[i]))
            entry->ops[i].value = mr_slice_make(&last, sizeof(last));
    pthread_rwlock_t *stripe = stripes_share(&store->commits);
    enum mr_status status = commit_locked(store, entry, ret_ticket);
    pthread_rwlock_unlock(stripe);
    pthread_mutex_unlock(&store->windows.lock);
    for (size_t i = 0; i < entry->count; i++)
        if (store_is_window_counter(&entry->ops[i]))
            entry->ops[i].value = (struct mr_slice){0}; /* `last` goes away */
    return status;
}

static bool has_window_counter(const struct store_entry *entry)
{
    for (size_t i = 0; i < entry->count; i++)
        if (store_is_window_counter(&entry->ops[i]))
            return true;
    return false;
}

enum mr_status store_commit(struct store *store, struct store_entry *entry, int64_t *ret_ticket)
{
    if (atomic_load(&store->failed))
        return MR_FAIL_IO; /* said when it happened */
    if (entry->count == 0) {
        *ret_ticket = journal_tail(store->journal);
        return MR_OK;
    }
    wait_for_room(store);
    enum mr_status status;
    if (has_window_counter(entry)) {
        status = commit_windows(store, entry, ret_ticket);
    } else {
        pthread_rwlock_t *stripe = stripes_share(&store->commits);
        status = commit_locked(store, entry, ret_ticket);
        pthread_rwlock_unlock(stripe);
    }
    if (status == MR_OK && flush_is_due(store))
        flush_ask(store);
    return status;
}

enum mr_status store_wait(struct store *store, int64_t ticket)
{
    return journal_wait(store->journal, ticket);
}

enum mr_status store_wait_after(struct store *store, int64_t ticket, int64_t grace_us)
{
    return journal_wait_after(store->journal, ticket, grace_us);
}

enum mr_status store_commit_wait(struct store *store, struct store_entry *entry)
{
    int64_t ticket = 0;
    entry->waits = true;
    enum mr_status status = store_commit(store, entry, &ticket);
    return status == MR_OK ? store_wait(store, ticket) : status;
}

/* ---- reset ---- */

static const struct mr_slice reset_note = MR_S_INIT("reset");

static bool is_reset(const struct journal_op *op)
{
    return op->kind == JOURNAL_NOTE && mr_slice_equal(op->key, reset_note);
}

/* The caller holds commits and flushes off. */
static enum mr_status reset_locked(struct store *store, struct journal_op *ops, size_t count)
{
    int64_t ticket = 0;
    enum mr_status status = journal_append(store->journal, ops, count, store_now(store), &ticket);
    if (status == MR_OK)
        status = journal_wait(store->journal, ticket);
    if (status == MR_OK)
        status = view_clear(store->view, ticket, ops, count);
    if (status != MR_OK)
        return status;
    atomic_store(&store->flush.begun, ticket);
    journal_trim(store->journal, ticket);
    return MR_OK;
}

enum mr_status store_reset(struct store *store)
{
    uint32_t last = atomic_load(&store->windows.last);
    struct journal_op ops[] = {
        {.kind = JOURNAL_NOTE, .key = reset_note},
        {.kind = JOURNAL_PUT,
         .space = VIEW_META,
         .key = store_window_key,
         .value = mr_slice_make(&last, sizeof(last))},
    };
    pthread_mutex_lock(&store->flush.turn); /* no flush is going on */
    stripes_lock_all(&store->commits);
    enum mr_status status = MR_FAIL_IO;
    if (!atomic_load(&store->failed))
        status = reset_locked(store, ops, MR_COUNT(ops));
    stripes_unlock_all(&store->commits);
    pthread_mutex_unlock(&store->flush.turn);
    if (status < 0)
        fail(store, "the reset was not carried out: no change is taken any more");
    pthread_mutex_lock(&store->flush.lock);
    pthread_cond_broadcast(&store->flush.done); /* there is room again */
    pthread_mutex_unlock(&store->flush.lock);
    return status;
}

/* ---- recovery ---- */

struct recovery {
    struct store *store;
    uint64_t entries;
};

static enum mr_status replay_entry(void *ctx, const struct journal_op *ops, size_t count,
                                   int64_t entry_end)
{
    struct recovery *recovery = ctx;
    struct view *view = recovery->store->view;
    recovery->entries++;
    mr_point(MR_POINT_VIEW_REPLAY);
    if (is_reset(&ops[0]))
        return view_clear(view, entry_end, ops, count);
    view_apply(view, ops, count);
    if (view_unflushed_bytes(view) <= view_memtable_bytes(view))
        return MR_OK;
    view_flush_begin(view, entry_end);
    return view_flush_end(view);
}

static enum mr_status replay(struct store *store)
{
    int64_t flushed = view_flushed(store->view);
    int64_t first = journal_first(store->journal), tail = journal_tail(store->journal);
    /* A fresh view needs the journal from its very first position, 1. */
    if (flushed < first && (flushed != 0 || first != 1))
        return MR_RAISE(MR_FAIL_DATA,
                        "'%s' is damaged: the view stands at position %lld, but the journal begins "
                        "at %lld",
                        store->folder, (long long)flushed, (long long)first);
    if (flushed > tail)
        return MR_RAISE(
            MR_FAIL_DATA,
            "'%s' is damaged: the view stands at position %lld, but the journal ends at "
            "%lld",
            store->folder, (long long)flushed, (long long)tail);
    struct recovery recovery = {.store = store};
    enum mr_status status = journal_replay(store->journal, flushed, replay_entry, &recovery);
    if (status == MR_OK && recovery.entries > 0)
        mr_log(MR_LOG_INFO, "store", "replayed %llu commits of the journal",
               (unsigned long long)recovery.entries);
    mr_point(MR_POINT_VIEW_REPLAYED);
    journal_trim(store->journal, view_cleared(store->view));
    atomic_store(&store->flush.begun, view_flushed(store->view));
    return status;
}

/* ---- open and close ---- */

static void tell_durable(void *ctx, int64_t position)
{
    struct store *store = ctx;
    size_t count = atomic_load(&store->durable_listeners.count);
    for (size_t i = 0; i < count; i++)
        store->durable_listeners.list[i].fn(store->durable_listeners.list[i].ctx, position);
}

static void tell_window(void *ctx, uint32_t window)
{
    struct store *store = ctx;
    size_t count = atomic_load(&store->window_listeners.count);
    for (size_t i = 0; i < count; i++)
        store->window_listeners.list[i].fn(store->window_listeners.list[i].ctx, window);
}

static void gather(void *ctx, int64_t us)
{
    struct store *store = ctx;
    void (*const fn)(void *ctx, int64_t us) = atomic_load(&store->gather);
    if (fn != NULL)
        fn(store->gather_ctx, us);
}

static void tell_failure(void *ctx, const char *what)
{
    struct store *store = ctx;
    fail(store, what);
}

void store_on_durable(struct store *store, void (*fn)(void *ctx, int64_t position), void *ctx)
{
    size_t count = atomic_load(&store->durable_listeners.count);
    assert(count < STORE_LISTENERS_MAX);
    store->durable_listeners.list[count] = (struct store_durable_listener){fn, ctx};
    atomic_store(&store->durable_listeners.count, count + 1);
}

void store_on_gather(struct store *store, void (*fn)(void *ctx, int64_t us), void *ctx)
{
    store->gather_ctx = ctx;
    atomic_store(&store->gather, fn);
}

void store_on_window(struct store *store, void (*fn)(void *ctx, uint32_t window), void *ctx)
{
    size_t count = atomic_load(&store->window_listeners.count);
    assert(count < STORE_LISTENERS_MAX);
    store->window_listeners.list[count] = (struct store_window_listener){fn, ctx};
    atomic_store(&store->window_listeners.count, count + 1);
}

static int sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0)
        close(fd);
    return failed;
}

/* Makes the folder and what is above it. Names that a power cut could take would take all below
 * with them; one may stem from a run that was killed before it synced, so all are synced. Of a
 * folder that is not ours that may be refused. */
static enum mr_status make_folder(const char *folder)
{
    MR_CLEANUP(mr_buf_fini) struct mr_buf path = {0}, above = {0};
    struct mr_slice rest = mr_slice_cstr(folder), part;
    bool last = false;
    mr_buf_append(&above, folder[0] == '/' ? MR_S("/\0") : MR_S(".\0"));
    while (!last) {
        last = !mr_slice_split(&rest, '/', &part) || rest.ptr == NULL;
        mr_buf_append(&path, part);
        mr_buf_byte(&path, '\0');
        const bool made = part.len > 0 && mkdir(path.data, 0700) == 0;
        if (part.len > 0 && !made && errno != EEXIST && (last || errno != EROFS))
            return MR_RAISE(MR_FAIL_IO, "cannot make '%s': %s", path.data, strerror(errno));
        if (part.len > 0 && sync_folder(above.data) != 0 && made)
            return MR_RAISE(MR_FAIL_IO, "cannot sync '%s': %s", above.data, strerror(errno));
        if (part.len > 0) {
            mr_buf_reset(&above);
            mr_buf_append(&above, mr_buf_slice(&path));
        }
        path.data[path.len - 1] = '/';
    }
    return MR_OK;
}

static enum mr_status lock_folder(struct store *store)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/LOCK", store->folder);
    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock_fd < 0)
        return MR_RAISE(MR_FAIL_IO, "cannot open '%s': %s", path, strerror(errno));
    /* When a server is killed just while it starts a child, the child has the lock too until it
     * runs its program: whoever starts the next server at once must not be turned away. */
    for (int waited_ms = 0;; waited_ms += LOCK_STEP_MS) {
        if (flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0)
            return MR_OK;
        if (errno != EWOULDBLOCK)
            break;
        if (waited_ms >= LOCK_WAIT_MS)
            return MR_EXISTS;
        (void)poll(NULL, 0, LOCK_STEP_MS);
    }
    return MR_RAISE(MR_FAIL_IO, "cannot lock '%s': %s", path, strerror(errno));
}

static enum mr_status open_parts(struct store *store, const struct store_options *options)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/view", store->folder);
    const struct view_options view_options = {.folder = path,
                                              .memtable_bytes = options->memtable_bytes};
    enum mr_status status = view_open(&store->view, &view_options);
    if (status < 0)
        return status;
    snprintf(path, sizeof(path), "%s/journal", store->folder);
    const struct journal_options journal_options = {.folder = path,
                                                    .segment_bytes = options->segment_bytes,
                                                    .on_durable = tell_durable,
                                                    .on_window = tell_window,
                                                    .on_failure = tell_failure,
                                                    .gather = gather,
                                                    .ctx = store};
    status = journal_open(&store->journal, &journal_options);
    if (status < 0)
        return status;
    if (fsync(store->lock_fd) != 0 || sync_folder(store->folder) != 0)
        return MR_RAISE(MR_FAIL_IO, "cannot sync '%s': %s", store->folder, strerror(errno));
    status = replay(store);
    return status < 0 ? status : store_windows_load(store);
}

static enum mr_status open_steps(struct store *store, const struct store_options *options)
{
    enum mr_status status = make_folder(store->folder);
    if (status == MR_OK)
        status = lock_folder(store);
    if (status == MR_OK)
        status = open_parts(store, options);
    if (status != MR_OK)
        return status;
    int error = pthread_create(&store->flush.thread, NULL, flusher_main, store);
    if (error != 0)
        return MR_RAISE(MR_FAIL, "cannot start a thread: %s", strerror(error));
    store->flush.runs = true;
    return MR_OK;
}

enum mr_status store_open(struct store **ret_store, const struct store_options *options)
{
    struct store *store = mr_calloc(1, sizeof(*store));
    store->folder = mr_strdup_slice(mr_slice_cstr(options->folder));
    store->clock = options->clock;
    store->lock_fd = -1;
    stripes_init(&store->commits);
    pthread_mutex_init(&store->windows.lock, NULL);
    pthread_mutex_init(&store->retention.lock, NULL);
    pthread_mutex_init(&store->flush.lock, NULL);
    pthread_mutex_init(&store->flush.turn, NULL);
    pthread_cond_init(&store->flush.work, NULL);
    pthread_cond_init(&store->flush.done, NULL);
    enum mr_status status = open_steps(store, options);
    if (status != MR_OK) {
        store_close(store);
        return status;
    }
    *ret_store = store;
    return MR_OK;
}

static void stop_flusher(struct store *store)
{
    pthread_mutex_lock(&store->flush.lock);
    store->flush.stopping = true;
    pthread_cond_signal(&store->flush.work);
    pthread_mutex_unlock(&store->flush.lock);
    pthread_join(store->flush.thread, NULL);
    bool behind = view_flushed(store->view) < journal_tail(store->journal);
    if (behind && !atomic_load(&store->failed) && flush_now(store) < 0)
        mr_log(MR_LOG_WARN, "store", "not flushed on closing; the next start replays more");
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    if (store->flush.runs)
        stop_flusher(store);
    journal_close(store->journal);
    view_close(store->view);
    if (store->lock_fd >= 0)
        close(store->lock_fd); /* and with it the lock */
    stripes_fini(&store->commits);
    pthread_mutex_destroy(&store->windows.lock);
    store_retention_fini(store);
    pthread_mutex_destroy(&store->flush.lock);
    pthread_mutex_destroy(&store->flush.turn);
    pthread_cond_destroy(&store->flush.work);
    pthread_cond_destroy(&store->flush.done);
    free(store->folder);
    free(store);
}

struct journal *store_journal(struct store *store)
{
    return store->journal;
}

struct view *store_view(struct store *store)
{
    return store->view;
}

const char *store_folder(const struct store *store)
{
    return store->folder;
}

enum mr_status store_folder_make(const struct store *store, const char *name)
{
    char path[4096];
    if (snprintf(path, sizeof(path), "%s/%s", store->folder, name) >= (int)sizeof(path))
        return MR_RAISE(MR_FAIL_IO, "the data folder's name is too long");
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return MR_RAISE(MR_FAIL_IO, "cannot make '%s': %s", path, strerror(errno));
    /* One that is there may stem from a run that was killed before this. */
    if (sync_folder(store->folder) != 0)
        return MR_RAISE(MR_FAIL_IO, "cannot sync '%s': %s", store->folder, strerror(errno));
    return MR_OK;
}

int64_t store_now(const struct store *store)
{
    return mr_clock_now(&store->clock);
}
