/* journal/journal.c: open, close, append, wait. The stored format heads entry.c.
 *
 * An append copies its entry into the filling group under tail.lock; its place, segment and offset,
 * is settled there, so positions are final before a byte is written. The syncer (syncer.c) swaps
 * the two groups and writes the full one. */
#include "journal/internal.h"
#include "base/clock.h"
#include "base/point.h"
#include "base/arena.h"
#include "base/log.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SEGMENT_BYTES = 64 << 20, SEGMENT_BYTES_MIN = 4096, GROUP_KEEP_BYTES = 1 << 20 };

const struct journal_io journal_io_system = {.pwrite = pwrite, .fdatasync = fdatasync};

/* ---- groups ---- */

void journal_group_reset(struct journal_group *group)
{
    if (group->capacity > GROUP_KEEP_BYTES) {
        free(group->data);
        group->data = NULL;
        group->capacity = 0;
    }
    group->len = group->entries = 0;
    group->runs_count = 0;
    group->windows_count = 0;
}

void journal_group_fini(struct journal_group *group)
{
    free(group->data);
    free(group->runs);
    free(group->windows);
    *group = (struct journal_group){0};
}

/* Room for `length` more bytes, which go to `offset` of `segment`. */
static char *group_extend(struct journal_group *group, struct journal_segment *segment,
                          size_t offset, size_t length)
{
    if (length > group->capacity - group->len) {
        size_t capacity = group->capacity < 65536 ? 65536 : group->capacity * 2;
        while (capacity - group->len < length)
            capacity *= 2;
        group->data = mr_realloc(group->data, capacity);
        group->capacity = capacity;
    }
    struct journal_run *run = group->runs_count > 0 ? &group->runs[group->runs_count - 1] : NULL;
    if (run == NULL || run->segment != segment) {
        if (group->runs_count == group->runs_capacity) {
            group->runs_capacity = group->runs_capacity == 0 ? 4 : group->runs_capacity * 2;
            group->runs = mr_realloc(group->runs, group->runs_capacity * sizeof(*group->runs));
        }
        run = &group->runs[group->runs_count++];
        *run = (struct journal_run){.segment = segment, .offset = offset, .start = group->len};
    }
    char *out = group->data + group->len;
    run->len += length;
    group->len += length;
    group->entries++;
    return out;
}

static void group_add_window(struct journal_group *group, uint32_t window)
{
    if (group->windows_count == group->windows_capacity) {
        group->windows_capacity = group->windows_capacity == 0 ? 64 : group->windows_capacity * 2;
        group->windows =
            mr_realloc(group->windows, group->windows_capacity * sizeof(*group->windows));
    }
    group->windows[group->windows_count++] = window;
}

/* ---- append ---- */

/* Ends the segment at the present tail. The next one's file is made by the syncer, in its turn. */
static void roll_locked(struct journal *journal, size_t length)
{
    size_t need = JOURNAL_FILE_HEADER_BYTES + length;
    size_t capacity = need > journal->segment_bytes ? need : journal->segment_bytes;
    int64_t first = journal->tail.segment->first + (int64_t)journal->tail.offset;
    journal->tail.segment = journal_segment_new(journal, first, capacity);
    journal->tail.segment->index = journal_index_new(capacity);
    journal->tail.offset = JOURNAL_FILE_HEADER_BYTES;
}

static enum mr_status make_room_locked(struct journal *journal, size_t length)
{
    for (;;) {
        if (atomic_load(&journal->failed))
            return MR_FAIL_IO; /* said when it happened */
        int64_t waiting = atomic_load(&journal->tail_position) - atomic_load(&journal->durable);
        if (waiting == 0 || waiting + (int64_t)length <= JOURNAL_WAITING_BYTES_MAX)
            return MR_OK;
        journal->tail.room_waiters++;
        pthread_cond_wait(&journal->tail.room, &journal->tail.lock);
        journal->tail.room_waiters--;
    }
}

static int64_t put_locked(struct journal *journal, struct journal_entry *entry,
                          struct journal_op *ops)
{
    if (journal->tail.offset + entry->length > journal->tail.segment->capacity)
        roll_locked(journal, entry->length);
    struct journal_segment *segment = journal->tail.segment;
    struct journal_group *group = journal->tail.filling;
    size_t offset = journal->tail.offset;
    entry->position = segment->first + (int64_t)offset;
    int64_t unsynced =
        entry->position - atomic_load_explicit(&journal->durable, memory_order_relaxed);
    assert(unsynced >= 0 && unsynced <= UINT32_MAX);
    entry->unsynced = (uint32_t)unsynced;
    journal_entry_encode(entry, ops, group_extend(group, segment, offset, entry->length));
    journal_index_add(segment->index, offset, entry->time_ms);
    for (uint32_t i = 0; i < entry->count; i++)
        if (ops[i].window != 0 &&
            journal_index_mark(segment->index, ops[i].window, offset, journal->tail.group))
            group_add_window(group, ops[i].window);
    journal->tail.offset += entry->length;
    int64_t end = entry->position + (int64_t)entry->length;
    atomic_store_explicit(&journal->tail_position, end, memory_order_release);
    return end;
}

static enum mr_status append(struct journal *journal, struct journal_op *ops, size_t count,
                             int64_t time_ms, bool waits, int64_t *ret_ticket)
{
    assert(count > 0 && count <= UINT32_MAX);
    size_t length = journal_entry_size(ops, count);
    if (length == 0)
        return MR_FULL;
    struct journal_entry entry = {
        .time_ms = time_ms,
        .length = (uint32_t)length,
        .count = (uint32_t)count,
        .body_crc = journal_entry_body_crc(ops, count),
    };
    mr_point(MR_POINT_JOURNAL_APPEND);
    pthread_mutex_lock(&journal->tail.lock);
    enum mr_status status = make_room_locked(journal, length);
    bool wake = false;
    if (status == MR_OK) {
        *ret_ticket = put_locked(journal, &entry, ops);
        /* Who syncs now wakes the syncer, should there be more. */
        wake = !waits && journal->tail.syncer_sleeps && !journal->tail.syncing;
        if (wake)
            journal->tail.syncer_sleeps = false;
    }
    pthread_mutex_unlock(&journal->tail.lock);
    if (wake)
        pthread_cond_signal(&journal->tail.work);
    mr_point(MR_POINT_JOURNAL_APPENDED);
    if (status == MR_OK) {
        atomic_fetch_add_explicit(&journal->stats.entries, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&journal->stats.bytes, length, memory_order_relaxed);
    }
    return status;
}

enum mr_status journal_append(struct journal *journal, struct journal_op *ops, size_t count,
                              int64_t time_ms, int64_t *ret_ticket)
{
    return append(journal, ops, count, time_ms, false, ret_ticket);
}

enum mr_status journal_append_to_wait(struct journal *journal, struct journal_op *ops, size_t count,
                                      int64_t time_ms, int64_t *ret_ticket)
{
    return append(journal, ops, count, time_ms, true, ret_ticket);
}

/* ---- positions ---- */

int64_t journal_durable(const struct journal *journal)
{
    return atomic_load(&journal->durable);
}

int64_t journal_tail(const struct journal *journal)
{
    return atomic_load(&journal->tail_position);
}

/* Until `ticket` is durable, the journal fails, or `us` have passed; us < 0: however long. */
static void wait_us(struct journal *journal, int64_t ticket, int64_t us)
{
    const struct timespec until = mr_monotonic_timespec(mr_monotonic_us() + us);
    int error = 0;
    pthread_mutex_lock(&journal->wait.lock);
    /* Counted before it looks; who syncs publishes before it looks at the count. */
    atomic_fetch_add(&journal->wait.waiters, 1);
    while (atomic_load(&journal->durable) < ticket && !atomic_load(&journal->failed) &&
           error == 0) {
        if (us < 0)
            pthread_cond_wait(&journal->wait.moved, &journal->wait.lock);
        else
            error = pthread_cond_timedwait(&journal->wait.moved, &journal->wait.lock, &until);
    }
    atomic_fetch_sub(&journal->wait.waiters, 1);
    pthread_mutex_unlock(&journal->wait.lock);
}

enum mr_status journal_wait_after(struct journal *journal, int64_t ticket, int64_t grace_us)
{
    assert(ticket <= atomic_load(&journal->tail_position));
    if (grace_us > 0)
        wait_us(journal, ticket, grace_us);
    if (atomic_load(&journal->durable) >= ticket)
        return MR_OK;
    /* The syncer may be slow to wake, and this thread has nothing else to do. */
    (void)journal_sync_here(journal);
    if (atomic_load(&journal->durable) < ticket)
        wait_us(journal, ticket, -1);
    return atomic_load(&journal->durable) >= ticket ? MR_OK : MR_FAIL_IO;
}

enum mr_status journal_wait(struct journal *journal, int64_t ticket)
{
    return journal_wait_after(journal, ticket, 0);
}

void journal_stats_get(const struct journal *journal, struct journal_stats *ret_stats)
{
    struct journal *mine = (struct journal *)(uintptr_t)journal; /* to lock */
    *ret_stats = (struct journal_stats){
        .entries = atomic_load_explicit(&mine->stats.entries, memory_order_relaxed),
        .bytes = atomic_load_explicit(&mine->stats.bytes, memory_order_relaxed),
        .syncs = atomic_load_explicit(&mine->stats.syncs, memory_order_relaxed),
    };
    for (size_t i = 0; i <= JOURNAL_SYNC_BUCKETS; i++)
        ret_stats->sync_buckets[i] = atomic_load(&mine->stats.sync_buckets[i]);
    ret_stats->sync_us = atomic_load(&mine->stats.sync_us);
    ret_stats->last_sync_us = atomic_load(&mine->stats.last_sync_us);
    ret_stats->last_sync_bytes = atomic_load(&mine->stats.last_sync_bytes);
    pthread_mutex_lock(&mine->files.lock);
    ret_stats->segments = mine->files.count;
    pthread_mutex_unlock(&mine->files.lock);
}

/* ---- open and close ---- */

static void locks_init(struct journal *journal)
{
    pthread_mutex_init(&journal->tail.lock, NULL);
    pthread_cond_init(&journal->tail.work, NULL);
    pthread_cond_init(&journal->tail.room, NULL);
    pthread_mutex_init(&journal->wait.lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&journal->wait.moved, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&journal->files.lock, NULL);
    pthread_mutex_init(&journal->keeper.lock, NULL);
    pthread_cond_init(&journal->keeper.work, NULL);
    pthread_cond_init(&journal->keeper.ready, NULL);
}

static void locks_fini(struct journal *journal)
{
    pthread_mutex_destroy(&journal->tail.lock);
    pthread_cond_destroy(&journal->tail.work);
    pthread_cond_destroy(&journal->tail.room);
    pthread_mutex_destroy(&journal->wait.lock);
    pthread_cond_destroy(&journal->wait.moved);
    pthread_mutex_destroy(&journal->files.lock);
    pthread_mutex_destroy(&journal->keeper.lock);
    pthread_cond_destroy(&journal->keeper.work);
    pthread_cond_destroy(&journal->keeper.ready);
}

static struct journal *journal_make(const struct journal_options *options,
                                    const struct journal_io *io)
{
    struct journal *journal = mr_calloc(1, sizeof(*journal));
    journal->options = *options;
    journal->io = io;
    journal->folder = mr_strdup_slice(mr_slice_cstr(options->folder));
    journal->folder_fd = -1;
    journal->keeper.fd = -1;
    size_t bytes = options->segment_bytes == 0 ? SEGMENT_BYTES : options->segment_bytes;
    journal->segment_bytes = bytes < SEGMENT_BYTES_MIN ? SEGMENT_BYTES_MIN : bytes;
    journal->tail.filling = &journal->groups[0];
    journal->tail.group = 2; /* 1 is what recovery marks windows with */
    locks_init(journal);
    return journal;
}

static enum mr_status threads_start(struct journal *journal)
{
    int error = pthread_create(&journal->syncer_thread, NULL, journal_syncer_main, journal);
    if (error != 0)
        return MR_RAISE(MR_FAIL, "cannot start a thread: %s", strerror(error));
    error = pthread_create(&journal->keeper_thread, NULL, journal_keeper_main, journal);
    if (error != 0) /* the process cannot go on; it never has got as far as to serve */
        abort();
    journal->threads_run = true;
    return MR_OK;
}

static enum mr_status open_steps(struct journal *journal)
{
    if (mkdir(journal->folder, 0700) != 0 && errno != EEXIST)
        return MR_RAISE(MR_FAIL_IO, "cannot make '%s': %s", journal->folder, strerror(errno));
    journal->folder_fd = open(journal->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (journal->folder_fd < 0)
        return MR_RAISE(MR_FAIL_IO, "cannot open '%s': %s", journal->folder, strerror(errno));
    int64_t first = journal->options.first_position;
    enum mr_status status = journal_recover(journal, first == 0 ? 1 : first);
    return status < 0 ? status : threads_start(journal);
}

enum mr_status journal_open_io(struct journal **ret_journal, const struct journal_options *options,
                               const struct journal_io *io)
{
    struct journal *journal = journal_make(options, io);
    enum mr_status status = open_steps(journal);
    if (status < 0) {
        journal_close(journal);
        return status;
    }
    *ret_journal = journal;
    return MR_OK;
}

enum mr_status journal_open(struct journal **ret_journal, const struct journal_options *options)
{
    return journal_open_io(ret_journal, options, &journal_io_system);
}

static void threads_stop(struct journal *journal)
{
    pthread_mutex_lock(&journal->tail.lock);
    journal->tail.stopping = true;
    pthread_cond_signal(&journal->tail.work);
    pthread_mutex_unlock(&journal->tail.lock);
    pthread_join(journal->syncer_thread, NULL);
    pthread_mutex_lock(&journal->keeper.lock);
    journal->keeper.stopping = true;
    atomic_store(&journal->keeper.hurry, true);
    pthread_cond_signal(&journal->keeper.work);
    pthread_mutex_unlock(&journal->keeper.lock);
    pthread_join(journal->keeper_thread, NULL);
}

/* Everything is on disk: the sidecar of the newest segment spares the next opening the scan. */
static void store_newest_index(struct journal *journal)
{
    int64_t durable = atomic_load(&journal->durable);
    if (!atomic_load(&journal->failed) && durable == atomic_load(&journal->tail_position))
        journal_segment_store_index(journal->tail.segment, durable);
}

/* Segments that got no file because the journal failed before: only what was not written knows
 * them. */
static void free_unlisted(struct journal *journal)
{
    struct journal_group *filling = journal->tail.filling;
    struct journal_group *taken =
        filling == &journal->groups[0] ? &journal->groups[1] : &journal->groups[0];
    struct journal_group *groups[] = {taken, filling};
    struct journal_segment *freed = NULL; /* one may end a group and begin the next */
    for (size_t g = 0; g < MR_COUNT(groups); g++) {
        for (size_t i = 0; i < groups[g]->runs_count; i++) {
            struct journal_segment *segment = groups[g]->runs[i].segment;
            if (segment == freed || segment->listed)
                continue;
            freed = segment;
            journal_segment_unpin(segment);
        }
    }
}

void journal_close(struct journal *journal)
{
    if (journal == NULL)
        return;
    if (journal->threads_run) {
        threads_stop(journal);
        store_newest_index(journal);
        free_unlisted(journal);
    }
    for (size_t i = 0; i < journal->files.count; i++) {
        assert(journal->files.list[i]->refs == 1); /* every cursor is finished */
        journal_segment_unpin(journal->files.list[i]);
    }
    free(journal->files.list);
    journal_group_fini(&journal->groups[0]);
    journal_group_fini(&journal->groups[1]);
    if (journal->keeper.fd >= 0)
        close(journal->keeper.fd);
    if (journal->folder_fd >= 0)
        close(journal->folder_fd);
    locks_fini(journal);
    free(journal->folder);
    free(journal);
}
