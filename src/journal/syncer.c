/* journal/syncer.c: the two threads of a journal.
 *
 * The syncer makes groups durable: take the filled group, write, fdatasync, publish, tell. While it
 * is at it the next group fills; so an idle journal answers at once and a loaded one forms large
 * groups by itself. A thread in journal_wait that finds nobody at it does the same in its stead.
 *
 * Where segments meet inside a group, in this order: the old segment's bytes are on disk; the new
 * file has its header, is synced and gets its name; only then its first entry is written. So a
 * segment that has a successor is complete, and recovery looks for a torn tail in the newest only.
 *
 * The keeper does what no commit should wait for: the next segment's file, sidecars. */
#include "journal/internal.h"
#include "base/clock.h"
#include "base/point.h"
#include "base/log.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
    FORGET_BYTES = 8 << 20,
    NEXT_FILE_AT = 8, /* the next segment is prepared once an eighth of this one is full */
    GATHER_FROM = 4,  /* entries of the group before */
    GATHER_US_MAX = 1000,
};

/* ---- segments change ---- */

static void next_path(const struct journal *journal, char ret_path[static JOURNAL_PATH_MAX])
{
    snprintf(ret_path, JOURNAL_PATH_MAX, "%s/next.tmp", journal->folder);
}

/* The prepared file, or one made now. Its name is next.tmp. */
static enum mr_status take_next_file(struct journal *journal, size_t bytes, int *ret_fd)
{
    atomic_store(&journal->keeper.hurry, true);
    pthread_mutex_lock(&journal->keeper.lock);
    while (journal->keeper.making)
        pthread_cond_wait(&journal->keeper.ready, &journal->keeper.lock);
    atomic_store(&journal->keeper.hurry, false);
    int fd = journal->keeper.fd;
    size_t prepared = journal->keeper.bytes;
    journal->keeper.fd = -1;
    journal->keeper.wanted = journal->keeper.failed = false;
    pthread_mutex_unlock(&journal->keeper.lock);
    if (fd < 0 || prepared < bytes) {
        char path[JOURNAL_PATH_MAX];
        next_path(journal, path);
        if (fd >= 0)
            close(fd);
        return journal_file_make(path, bytes, ret_fd);
    }
    *ret_fd = fd;
    return MR_OK;
}

enum mr_status journal_segment_activate(struct journal_segment *segment)
{
    struct journal *journal = segment->journal;
    enum mr_status status = take_next_file(journal, segment->capacity, &segment->fd);
    if (status < 0)
        return status;
    char header[JOURNAL_FILE_HEADER_BYTES], scratch[JOURNAL_PATH_MAX], path[JOURNAL_PATH_MAX];
    journal_file_header_encode(segment->first, header);
    next_path(journal, scratch);
    journal_segment_path(journal, segment->first, ".log", path);
    if (!mr_point_good(MR_POINT_JOURNAL_ROLL_HEADER) ||
        journal->io->pwrite(segment->fd, header, sizeof(header), 0) != sizeof(header) ||
        !mr_point_good(MR_POINT_JOURNAL_ROLL_SYNC) || journal->io->fdatasync(segment->fd) != 0 ||
        !mr_point_good(MR_POINT_JOURNAL_ROLL_RENAME) || rename(scratch, path) != 0) {
        status = MR_RAISE(MR_FAIL_IO, "cannot begin '%s': %s", path, strerror(errno));
        close(segment->fd);
        segment->fd = -1;
        return status;
    }
    journal_files_add(journal, segment);
    mr_point(MR_POINT_JOURNAL_ROLLED);
    return journal_folder_sync(journal);
}

/* No entry will follow in it, and all it has is on disk. */
static void seal(struct journal_segment *segment, int64_t end)
{
    struct journal *journal = segment->journal;
    journal_segment_ref(segment); /* the keeper's, until the sidecar is stored */
    atomic_store(&segment->end, end);
    pthread_mutex_lock(&journal->keeper.lock);
    segment->sealed_next = journal->keeper.sealed;
    journal->keeper.sealed = segment;
    pthread_cond_signal(&journal->keeper.work);
    pthread_mutex_unlock(&journal->keeper.lock);
}

static void want_next_file(struct journal *journal)
{
    pthread_mutex_lock(&journal->keeper.lock);
    if (journal->keeper.fd < 0 && !journal->keeper.wanted && !journal->keeper.failed) {
        journal->keeper.wanted = true;
        pthread_cond_signal(&journal->keeper.work);
    }
    pthread_mutex_unlock(&journal->keeper.lock);
}

/* ---- the syncer ---- */

static enum mr_status write_run(struct journal *journal, const struct journal_group *group,
                                const struct journal_run *run)
{
    struct journal_segment *segment = run->segment;
    if (segment->fd < 0) {
        enum mr_status status = journal_segment_activate(segment);
        if (status < 0)
            return status;
    }
    size_t done = 0;
    while (done < run->len) {
        size_t part = mr_point_write(MR_POINT_JOURNAL_WRITE, run->len - done);
        ssize_t n = part == 0 ? -1
                              : journal->io->pwrite(segment->fd, group->data + run->start + done,
                                                    part, (off_t)(run->offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return MR_RAISE(MR_FAIL_IO, "cannot write '%s/%020lld.log': %s", journal->folder,
                            (long long)segment->first, n == 0 ? "no room" : strerror(errno));
        done += (size_t)n;
        mr_point(MR_POINT_JOURNAL_WRITTEN);
    }
    /* A failed fsync may have dropped the pages: trying again would succeed and prove nothing. */
    if (!mr_point_good(MR_POINT_JOURNAL_SYNC) || journal->io->fdatasync(segment->fd) != 0)
        return MR_RAISE(MR_FAIL_IO, "cannot sync '%s/%020lld.log': %s", journal->folder,
                        (long long)segment->first, strerror(errno));
    mr_point(MR_POINT_JOURNAL_SYNCED);
    atomic_fetch_add_explicit(&journal->stats.syncs, 1, memory_order_relaxed);
    if (run->offset + run->len > segment->capacity / NEXT_FILE_AT)
        want_next_file(journal);
    /* Readers that follow have passed what lies far behind. */
    if ((run->offset + run->len) / FORGET_BYTES != run->offset / FORGET_BYTES)
        journal_segment_forget(segment, run->offset / FORGET_BYTES * FORGET_BYTES);
    return MR_OK;
}

const int64_t journal_sync_bucket_us[JOURNAL_SYNC_BUCKETS] = {
    100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 500000, 2500000};

static void note_sync(struct journal *journal, uint64_t bytes, int64_t us)
{
    size_t at = 0;
    while (at < JOURNAL_SYNC_BUCKETS && us > journal_sync_bucket_us[at])
        at++;
    atomic_fetch_add(&journal->stats.sync_buckets[at], 1);
    atomic_fetch_add(&journal->stats.sync_us, (uint64_t)us);
    atomic_store(&journal->stats.last_sync_us, (uint64_t)us);
    atomic_store(&journal->stats.last_sync_bytes, bytes);
}

static enum mr_status write_group(struct journal *journal, const struct journal_group *group)
{
    const int64_t began_us = mr_monotonic_us();
    for (size_t i = 0; i < group->runs_count; i++) {
        const struct journal_run *run = &group->runs[i];
        enum mr_status status = write_run(journal, group, run);
        if (status < 0)
            return status;
        if (journal->written != run->segment)
            seal(journal->written, run->segment->first);
        journal->written = run->segment;
    }
    note_sync(journal, group->len, mr_monotonic_us() - began_us);
    return MR_OK;
}

static void wake_waiters(struct journal *journal)
{
    if (atomic_load(&journal->wait.waiters) > 0) {
        pthread_mutex_lock(&journal->wait.lock);
        pthread_cond_broadcast(&journal->wait.moved);
        pthread_mutex_unlock(&journal->wait.lock);
    }
    pthread_mutex_lock(&journal->tail.lock);
    if (journal->tail.room_waiters > 0)
        pthread_cond_broadcast(&journal->tail.room);
    pthread_mutex_unlock(&journal->tail.lock);
}

static void publish(struct journal *journal, const struct journal_group *group, int64_t end)
{
    atomic_store(&journal->durable, end);
    const struct journal_options *options = &journal->options;
    if (options->on_durable != NULL)
        options->on_durable(options->ctx, end); /* first: a client waits for the reply */
    wake_waiters(journal);
    for (size_t i = 0; options->on_window != NULL && i < group->windows_count; i++)
        options->on_window(options->ctx, group->windows[i]);
    mr_point(MR_POINT_JOURNAL_PUBLISHED);
}

static void fail(struct journal *journal)
{
    atomic_store(&journal->failed, true);
    wake_waiters(journal);
    if (journal->options.on_failure != NULL)
        journal->options.on_failure(journal->options.ctx,
                                    "the journal cannot be written: no change is taken any more");
}

/* Swaps the groups. What was filled is this thread's until it says done_locked. */
static struct journal_group *take_locked(struct journal *journal, int64_t *ret_end)
{
    assert(!journal->tail.syncing);
    journal->tail.syncing = true;
    struct journal_group *group = journal->tail.filling;
    journal->tail.filling =
        group == &journal->groups[0] ? &journal->groups[1] : &journal->groups[0];
    journal->tail.group++;
    *ret_end = atomic_load(&journal->tail_position);
    return group;
}

/* True: wake the syncer, there is something for it. */
static bool done_locked(struct journal *journal)
{
    journal->tail.syncing = false;
    bool wake =
        journal->tail.syncer_sleeps && (journal->tail.filling->len > 0 || journal->tail.stopping);
    if (wake)
        journal->tail.syncer_sleeps = false;
    return wake;
}

static bool make_durable(struct journal *journal, struct journal_group *group, int64_t end)
{
    if (write_group(journal, group) < 0) {
        fail(journal);
        return false;
    }
    publish(journal, group, end);
    journal_group_reset(group);
    return true;
}

bool journal_sync_here(struct journal *journal)
{
    struct journal_group *group = NULL;
    int64_t end;
    pthread_mutex_lock(&journal->tail.lock);
    if (!journal->tail.syncing && journal->tail.filling->len > 0 && !atomic_load(&journal->failed))
        group = take_locked(journal, &end);
    pthread_mutex_unlock(&journal->tail.lock);
    if (group == NULL)
        return false;
    (void)make_durable(journal, group, end);
    pthread_mutex_lock(&journal->tail.lock);
    bool wake = done_locked(journal);
    pthread_mutex_unlock(&journal->tail.lock);
    if (wake)
        pthread_cond_signal(&journal->tail.work);
    return true;
}

/* Others may sync meanwhile what is there. */
static void gather_locked(struct journal *journal)
{
    const int64_t us = 2 * (int64_t)atomic_load(&journal->stats.last_sync_us);
    pthread_mutex_unlock(&journal->tail.lock);
    journal->options.gather(journal->options.ctx, us < GATHER_US_MAX ? us : GATHER_US_MAX);
    pthread_mutex_lock(&journal->tail.lock);
}

/* Waits for entries that nobody syncs. False: the journal closes and nothing is left, or it has
 * failed. */
static bool wait_for_entries_locked(struct journal *journal)
{
    while (journal->tail.syncing || (journal->tail.filling->len == 0 && !journal->tail.stopping)) {
        journal->tail.syncer_sleeps = true;
        pthread_cond_wait(&journal->tail.work, &journal->tail.lock);
    }
    journal->tail.syncer_sleeps = false;
    return journal->tail.filling->len > 0 && !atomic_load(&journal->failed);
}

void *journal_syncer_main(void *arg)
{
    struct journal *journal = arg;
    bool large = false; /* the group before */
    prctl(PR_SET_NAME, "mr-syncer");
    prctl(PR_SET_TIMERSLACK, 1000UL); /* ns; 50 us are usual, half of a sync */
    pthread_mutex_lock(&journal->tail.lock);
    while (wait_for_entries_locked(journal)) {
        int64_t end;
        if (large && journal->options.gather != NULL) {
            large = false;
            gather_locked(journal);
            continue; /* somebody may have synced them, or be at it */
        }
        struct journal_group *group = take_locked(journal, &end);
        large = group->entries >= GATHER_FROM;
        pthread_mutex_unlock(&journal->tail.lock);
        bool good = make_durable(journal, group, end);
        pthread_mutex_lock(&journal->tail.lock);
        (void)done_locked(journal);
        if (!good)
            break;
    }
    pthread_mutex_unlock(&journal->tail.lock);
    return NULL;
}

/* ---- the keeper ---- */

/* Writes zeros ahead, so that a group's sync overwrites blocks instead of turning reserved ones
 * into written ones, which is a second write to the disk: for groups of 20 KB on ext4 it takes two
 * thirds of the time and half of the CPU. Only a help: it ends early when the file is needed, and a
 * failure shows when the file is written for good. Small chunks, because the disk is shared with
 * commits. */
void journal_write_zeros_ahead(struct journal *journal, int fd, size_t from, size_t until)
{
    static const char zeros[256 << 10];
    enum { SYNC_BYTES = 4 << 20 };
    for (size_t at = from; at < until && !atomic_load(&journal->keeper.hurry);
         at += sizeof(zeros)) {
        size_t left = until - at;
        if (pwrite(fd, zeros, left < sizeof(zeros) ? left : sizeof(zeros), (off_t)at) < 0)
            return;
        if ((at - from + sizeof(zeros)) % SYNC_BYTES == 0 && fdatasync(fd) != 0)
            return;
    }
    (void)fdatasync(fd);
}

static void make_next_file(struct journal *journal)
{
    char path[JOURNAL_PATH_MAX];
    int fd = -1;
    next_path(journal, path);
    /* When it fails the syncer tries again in its turn, and that failure counts. */
    enum mr_status status = journal_file_make(path, journal->segment_bytes, &fd);
    if (status == MR_OK)
        journal_write_zeros_ahead(journal, fd, 0, journal->segment_bytes);
    pthread_mutex_lock(&journal->keeper.lock);
    journal->keeper.making = false;
    journal->keeper.failed = status < 0;
    journal->keeper.fd = status < 0 ? -1 : fd;
    journal->keeper.bytes = journal->segment_bytes;
    pthread_cond_signal(&journal->keeper.ready);
    pthread_mutex_unlock(&journal->keeper.lock);
}

static void finish_sealed(struct journal_segment *segment)
{
    int64_t end = atomic_load(&segment->end);
    mr_point(MR_POINT_JOURNAL_SEAL);
    journal_segment_store_index(segment, end);
    if (!mr_point_good(MR_POINT_JOURNAL_SHORTEN) ||
        ftruncate(segment->fd, (off_t)(end - segment->first)) != 0)
        mr_log(MR_LOG_WARN, "journal", "cannot shorten a sealed segment: %s", strerror(errno));
    close(segment->fd);
    segment->fd = -1;
    journal_segment_unpin(segment);
}

void *journal_keeper_main(void *arg)
{
    struct journal *journal = arg;
    prctl(PR_SET_NAME, "mr-keeper");
    pthread_mutex_lock(&journal->keeper.lock);
    for (;;) {
        struct journal_segment *sealed = journal->keeper.sealed;
        if (journal->keeper.wanted && journal->keeper.fd < 0 && !journal->keeper.stopping) {
            journal->keeper.wanted = false;
            journal->keeper.making = true;
            pthread_mutex_unlock(&journal->keeper.lock);
            make_next_file(journal);
            pthread_mutex_lock(&journal->keeper.lock);
        } else if (sealed != NULL) {
            journal->keeper.sealed = sealed->sealed_next;
            pthread_mutex_unlock(&journal->keeper.lock);
            finish_sealed(sealed);
            pthread_mutex_lock(&journal->keeper.lock);
        } else if (journal->keeper.stopping) {
            break;
        } else {
            pthread_cond_wait(&journal->keeper.work, &journal->keeper.lock);
        }
    }
    pthread_mutex_unlock(&journal->keeper.lock);
    return NULL;
}
