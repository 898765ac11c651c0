#include "journal/internal.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/rng.h"
#include "base/test_folder.h"
#include <errno.h>
#include <sched.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static struct journal *open_small(void **state, uint64_t segment_bytes)
{
    struct journal *journal = NULL;
    struct journal_options options = {.folder = *state, .segment_bytes = segment_bytes};
    assert_int_equal(journal_open(&journal, &options), MR_OK);
    return journal;
}

static int64_t append(struct journal *journal, struct journal_op *ops, size_t count)
{
    int64_t ticket = 0;
    assert_int_equal(journal_append(journal, ops, count, 1000, &ticket), MR_OK);
    return ticket;
}

static void assert_slice(struct mr_slice got, struct mr_slice want)
{
    assert_int_equal(got.len, want.len);
    if (want.len > 0)
        assert_memory_equal(got.ptr, want.ptr, want.len);
}

static void a_window_gives_its_ops_as_they_were_appended(void **state)
{
    struct journal *journal = open_small(state, 0);
    struct journal_op ops[] = {
        {.kind = JOURNAL_PUT,
         .space = 1,
         .window = 7,
         .has_old = true,
         .key = MR_S("k"),
         .value = MR_S("value"),
         .old = MR_S("older"),
         .meta = MR_S("m")},
        {.kind = JOURNAL_DELETE, .space = 2, .key = MR_S("without a window")},
        {.kind = JOURNAL_APPEND, .window = 8, .key = MR_S("other"), .value = MR_S("window")},
        {.kind = JOURNAL_DELETE, .space = 3, .window = 7, .key = MR_S("k2"), .has_old = true},
        {.kind = JOURNAL_NOTE, .value = MR_S("note")},
    };
    int64_t ticket = append(journal, ops, MR_COUNT(ops));
    assert_int_equal(journal_wait(journal, ticket), MR_OK);
    assert_true(journal_durable(journal) >= ticket);
    assert_int_equal(journal_tail(journal), ticket);
    struct journal_cursor cursor = {.position = journal_first(journal)};
    struct journal_op op;
    assert_int_equal(journal_next(journal, 7, &cursor, &op), MR_OK);
    assert_int_equal(op.kind, JOURNAL_PUT);
    assert_int_equal(op.space, 1);
    assert_true(op.has_old);
    assert_slice(op.key, MR_S("k"));
    assert_slice(op.value, MR_S("value"));
    assert_slice(op.old, MR_S("older"));
    assert_slice(op.meta, MR_S("m"));
    assert_int_equal(op.position, ops[0].position);
    assert_int_equal(op.time_ms, 1000);
    assert_int_equal(journal_next(journal, 7, &cursor, &op), MR_OK);
    assert_int_equal(op.position, ops[3].position);
    assert_true(op.has_old);
    assert_int_equal(op.old.len, 0);
    assert_int_equal(journal_next(journal, 7, &cursor, &op), MR_END);
    assert_int_equal(cursor.position, ticket);
    journal_cursor_fini(&cursor);
    journal_close(journal);
}

static void a_cursor_may_stand_anywhere(void **state)
{
    struct journal *journal = open_small(state, 0);
    struct journal_op ops[3];
    for (size_t i = 0; i < MR_COUNT(ops); i++)
        ops[i] = (struct journal_op){.kind = JOURNAL_APPEND, .window = 1, .value = MR_S("0123")};
    int64_t ticket = append(journal, ops, MR_COUNT(ops));
    assert_int_equal(journal_wait(journal, ticket), MR_OK);
    struct journal_cursor cursor = {0};
    struct journal_op op;
    assert_int_equal(journal_next(journal, 1, &cursor, &op), MR_NOT_FOUND);
    for (int64_t at = journal_first(journal); at <= ticket; at++) {
        size_t next = 0;
        while (next < MR_COUNT(ops) && ops[next].position < at)
            next++;
        cursor.position = at;
        if (next == MR_COUNT(ops)) {
            assert_int_equal(journal_next(journal, 1, &cursor, &op), MR_END);
        } else {
            assert_int_equal(journal_next(journal, 1, &cursor, &op), MR_OK);
            assert_int_equal(op.position, ops[next].position);
        }
    }
    journal_cursor_fini(&cursor);
    cursor = (struct journal_cursor){.position = journal_tail(journal) + 1000};
    assert_int_equal(journal_next(journal, 1, &cursor, &op), MR_END);
    assert_int_equal(cursor.position, journal_tail(journal) + 1000);
    journal_close(journal);
}

static void an_entry_beyond_the_limit_is_refused_and_one_at_it_taken(void **state)
{
    struct journal *journal = open_small(state, 0);
    size_t len = JOURNAL_ENTRY_BYTES_MAX - JOURNAL_ENTRY_HEADER_BYTES - JOURNAL_OP_HEADER_BYTES;
    char *bytes = mr_calloc(1, len + 1);
    struct journal_op op = {.kind = JOURNAL_APPEND, .window = 1, .value = {bytes, len + 1}};
    int64_t ticket = 0;
    assert_int_equal(journal_append(journal, &op, 1, 1, &ticket), MR_FULL);
    op.value.len = len;
    for (int i = 0; i < 3; i++) /* more than may wait, and over segments */
        assert_int_equal(journal_append(journal, &op, 1, 1, &ticket), MR_OK);
    assert_int_equal(journal_wait(journal, ticket), MR_OK);
    struct journal_cursor cursor = {.position = journal_first(journal)};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(journal_next(journal, 1, &cursor, &op), MR_OK);
        assert_int_equal(op.value.len, len);
    }
    assert_int_equal(journal_next(journal, 1, &cursor, &op), MR_END);
    journal_cursor_fini(&cursor);
    journal_close(journal);
    free(bytes);
}

/* ---- random entries against a list that cannot be wrong ---- */

enum { WINDOWS = 5 };
struct oracle {
    struct oracle_op {
        uint32_t window, size;
        uint64_t seed;
        int64_t position, time_ms;
    } * ops;
    size_t count, capacity;
};

static void oracle_add(struct oracle *oracle, struct oracle_op op)
{
    if (oracle->count == oracle->capacity) {
        oracle->capacity = oracle->capacity == 0 ? 1024 : oracle->capacity * 2;
        oracle->ops = mr_realloc(oracle->ops, oracle->capacity * sizeof(*oracle->ops));
    }
    oracle->ops[oracle->count++] = op;
}

static void fill(char *out, uint32_t size, uint64_t seed)
{
    for (uint32_t i = 0; i < size; i++)
        out[i] = (char)(seed >> (i % 8 * 8)) ^ (char)i;
}

static int64_t append_random(struct journal *journal, struct mr_rng *rng, struct oracle *oracle,
                             int64_t time_ms)
{
    enum { OPS = 6, BYTES = 3000 };
    static char bytes[OPS][BYTES];
    struct journal_op ops[OPS];
    struct oracle_op wanted[OPS];
    size_t count = 1 + mr_rng_below(rng, OPS);
    bool rare = mr_rng_below(rng, 100) == 0; /* window 5 is in few blocks only */
    for (size_t i = 0; i < count; i++) {
        wanted[i] =
            (struct oracle_op){.window = rare ? WINDOWS : (uint32_t)mr_rng_below(rng, WINDOWS),
                               .size = (uint32_t)mr_rng_below(rng, rare ? BYTES : 200),
                               .seed = mr_rng_u64(rng)};
        fill(bytes[i], wanted[i].size, wanted[i].seed);
        ops[i] = (struct journal_op){.kind = JOURNAL_APPEND,
                                     .window = wanted[i].window,
                                     .value = {bytes[i], wanted[i].size}};
    }
    int64_t ticket = 0;
    assert_int_equal(journal_append(journal, ops, count, time_ms, &ticket), MR_OK);
    for (size_t i = 0; i < count; i++) {
        wanted[i].position = ops[i].position;
        wanted[i].time_ms = time_ms;
        oracle_add(oracle, wanted[i]);
    }
    return ticket;
}

static void assert_is(const struct journal_op *op, const struct oracle_op *wanted)
{
    static char bytes[4096];
    assert_int_equal(op->position, wanted->position);
    assert_int_equal(op->time_ms, wanted->time_ms);
    assert_int_equal(op->value.len, wanted->size);
    fill(bytes, wanted->size, wanted->seed);
    assert_memory_equal(op->value.ptr, bytes, wanted->size);
}

/* Every window from oracle->ops[from] on. */
static void assert_windows(struct journal *journal, const struct oracle *oracle, size_t from)
{
    for (uint32_t window = 1; window <= WINDOWS; window++) {
        struct journal_cursor cursor = {
            .position = from == oracle->count ? journal_tail(journal) : oracle->ops[from].position};
        struct journal_op op;
        for (size_t i = from; i < oracle->count; i++) {
            if (oracle->ops[i].window != window)
                continue;
            assert_int_equal(journal_next(journal, window, &cursor, &op), MR_OK);
            assert_is(&op, &oracle->ops[i]);
        }
        assert_int_equal(journal_next(journal, window, &cursor, &op), MR_END);
        journal_cursor_fini(&cursor);
    }
}

struct replay_check {
    const struct oracle *oracle;
    size_t next;
};

static enum mr_status check_replayed(void *ctx, const struct journal_op *ops, size_t count,
                                     int64_t entry_end)
{
    struct replay_check *check = ctx;
    for (size_t i = 0; i < count; i++) {
        assert_true(check->next < check->oracle->count);
        assert_is(&ops[i], &check->oracle->ops[check->next++]);
    }
    assert_true(entry_end > ops[count - 1].position);
    return MR_OK;
}

static void random_entries_come_back_over_many_segments_and_openings(void **state)
{
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 20251122);
    struct oracle oracle = {0};
    int64_t ticket = 0;
    for (int opening = 0; opening < 6; opening++) {
        struct journal *journal = open_small(state, 300000);
        assert_windows(journal, &oracle, 0);
        for (int i = 0; i < 2000; i++)
            ticket = append_random(journal, &rng, &oracle, 1000 + (int64_t)oracle.count);
        assert_int_equal(journal_wait(journal, ticket), MR_OK);
        assert_windows(journal, &oracle, 0);
        for (int i = 0; i < 20; i++)
            assert_windows(journal, &oracle, mr_rng_below(&rng, oracle.count));
        struct replay_check check = {.oracle = &oracle};
        assert_int_equal(journal_replay(journal, 0, check_replayed, &check), MR_OK);
        assert_int_equal(check.next, oracle.count);
        struct journal_stats stats;
        journal_stats_get(journal, &stats);
        assert_true(stats.segments > (uint64_t)(opening + 1) * 2);
        assert_int_equal(stats.entries, 2000);
        journal_close(journal);
    }
    free(oracle.ops);
}

static void sidecars_are_rebuilt_when_they_are_lost(void **state)
{
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 3);
    struct oracle oracle = {0};
    struct journal *journal = open_small(state, 300000);
    for (int i = 0; i < 3000; i++)
        append_random(journal, &rng, &oracle, i);
    journal_close(journal);
    char command[256];
    snprintf(command, sizeof(command), "cd '%s' && ls *.idx | wc -l | grep -q '[3-9]' && rm *.idx",
             (char *)*state);
    assert_int_equal(system(command), 0);
    journal = open_small(state, 300000);
    assert_windows(journal, &oracle, 0);
    journal_close(journal);
    snprintf(command, sizeof(command), "cd '%s' && ls *.idx >/dev/null", (char *)*state);
    assert_int_equal(system(command), 0);
    free(oracle.ops);
}

static void time_finds_the_first_entry_at_or_after_it(void **state)
{
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 4);
    struct oracle oracle = {0};
    struct journal *journal = open_small(state, 300000);
    int64_t ticket = 0, time = 5000;
    for (int i = 0; i < 3000; i++)
        ticket = append_random(journal, &rng, &oracle,
                               time += (int64_t)mr_rng_below(&rng, 5) - 1); /* clocks step back */
    assert_int_equal(journal_wait(journal, ticket), MR_OK);
    for (int64_t at = 4990; at < time + 10; at += 7) {
        size_t i = 0;
        while (i < oracle.count && oracle.ops[i].time_ms < at)
            i++;
        int64_t got = journal_seek_time(journal, at);
        if (i == oracle.count)
            assert_int_equal(got, ticket);
        else
            assert_int_equal(got, oracle.ops[i].position - JOURNAL_ENTRY_HEADER_BYTES);
    }
    free(oracle.ops);
    journal_close(journal);
}

static void retention_drops_whole_old_segments_only(void **state)
{
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 5);
    struct oracle oracle = {0};
    struct journal *journal = open_small(state, 100000);
    int64_t ticket = 0, first = journal_first(journal);
    for (int i = 0; i < 3000; i++)
        ticket = append_random(journal, &rng, &oracle, i);
    assert_int_equal(journal_wait(journal, ticket), MR_OK);
    journal_drop(journal, first); /* nothing ends there */
    journal_drop(journal, journal_oldest_end(journal) - 1);
    assert_int_equal(journal_first(journal), first);
    struct journal_cursor reading = {.position = first};
    struct journal_op op;
    assert_int_equal(journal_next(journal, 1, &reading, &op), MR_OK);
    struct mr_slice kept = op.value;
    const int64_t middle = journal_seek_time(journal, 1500);
    journal_drop(journal, middle);
    first = journal_first(journal);
    assert_true(first <= middle && middle < journal_oldest_end(journal));
    size_t from = 0;
    while (oracle.ops[from].position < first)
        from++;
    assert_true(from > 0 && oracle.ops[from].time_ms <= 1500);
    assert_windows(journal, &oracle, from);
    assert_int_equal(journal_next(journal, 1, &reading, &op), MR_NOT_FOUND);
    assert_non_null(reading.segment->map); /* the pin keeps the mapping */
    assert_int_equal(kept.ptr[0], kept.ptr[0]);
    journal_cursor_fini(&reading);
    journal_drop(journal, INT64_MAX); /* the newest stays */
    assert_int_equal(journal_oldest_end(journal), INT64_MAX);
    struct journal_stats stats;
    journal_stats_get(journal, &stats);
    assert_int_equal(stats.segments, 1);
    journal_trim(journal, ticket);
    assert_int_equal(journal_first(journal), ticket);
    journal_close(journal);
    journal = open_small(state, 100000);
    assert_int_equal(journal_tail(journal), ticket);
    journal_close(journal);
    free(oracle.ops);
}

/* ---- threads ---- */

enum { WRITERS = 4, PER_WRITER = 5000 };

struct writer {
    struct journal *journal;
    uint32_t window;
    pthread_t thread;
};

static void *writer_main(void *arg)
{
    struct writer *writer = arg;
    for (uint32_t i = 0; i < PER_WRITER; i++) {
        struct journal_op op = {.kind = JOURNAL_APPEND,
                                .window = writer->window,
                                .value = mr_slice_make(&i, sizeof(i))};
        int64_t ticket;
        assert_int_equal(journal_append(writer->journal, &op, 1, i, &ticket), MR_OK);
        if (i % 100 == 0)
            assert_int_equal(journal_wait(writer->journal, ticket), MR_OK);
        assert_true(journal_tail(writer->journal) >= ticket);
    }
    return NULL;
}

static void *reader_main(void *arg)
{
    struct writer *writer = arg;
    struct journal_cursor cursor = {.position = journal_first(writer->journal)};
    int64_t last = 0;
    for (uint32_t i = 0; i < PER_WRITER;) {
        struct journal_op op;
        enum mr_status status = journal_next(writer->journal, writer->window, &cursor, &op);
        if (status == MR_END) {
            sched_yield();
            continue;
        }
        assert_int_equal(status, MR_OK);
        uint32_t got;
        memcpy(&got, op.value.ptr, sizeof(got));
        assert_int_equal(got, i);
        assert_true(op.position > last);
        last = op.position;
        i++;
    }
    journal_cursor_fini(&cursor);
    return NULL;
}

static void readers_follow_writers_over_segments(void **state)
{
    struct journal *journal = open_small(state, 200000);
    struct writer writers[WRITERS], readers[WRITERS];
    for (uint32_t i = 0; i < WRITERS; i++) {
        writers[i] = readers[i] = (struct writer){.journal = journal, .window = i + 1};
        assert_int_equal(pthread_create(&writers[i].thread, NULL, writer_main, &writers[i]), 0);
        assert_int_equal(pthread_create(&readers[i].thread, NULL, reader_main, &readers[i]), 0);
    }
    for (uint32_t i = 0; i < WRITERS; i++) {
        pthread_join(writers[i].thread, NULL);
        pthread_join(readers[i].thread, NULL);
    }
    journal_close(journal);
}

/* ---- callbacks and failures ---- */

struct heard {
    _Atomic int64_t durable;
    _Atomic uint32_t windows[4], failures;
};

static void on_durable(void *ctx, int64_t position)
{
    struct heard *heard = ctx;
    assert_true(position > atomic_load(&heard->durable));
    atomic_store(&heard->durable, position);
}

static void on_window(void *ctx, uint32_t window)
{
    atomic_fetch_add(&((struct heard *)ctx)->windows[window], 1);
}

static void on_failure(void *ctx, const char *what)
{
    assert_non_null(what);
    atomic_fetch_add(&((struct heard *)ctx)->failures, 1);
}

static void whoever_listens_hears_of_each_group_once(void **state)
{
    struct heard heard = {0};
    struct journal_options options = {.folder = *state,
                                      .on_durable = on_durable,
                                      .on_window = on_window,
                                      .on_failure = on_failure,
                                      .ctx = &heard};
    struct journal *journal = NULL;
    assert_int_equal(journal_open(&journal, &options), MR_OK);
    struct journal_op ops[] = {{.kind = JOURNAL_APPEND, .window = 1},
                               {.kind = JOURNAL_APPEND, .window = 3},
                               {.kind = JOURNAL_APPEND, .window = 1}};
    int64_t ticket = append(journal, ops, MR_COUNT(ops));
    journal_close(journal); /* makes it durable */
    assert_int_equal(heard.durable, ticket);
    assert_int_equal(heard.windows[1], 1);
    assert_int_equal(heard.windows[2], 0);
    assert_int_equal(heard.windows[3], 1);
    assert_int_equal(heard.failures, 0);
}

static _Atomic int calls_left; /* of the failing call */

static ssize_t pwrite_failing(int fd, const void *data, size_t len, off_t offset)
{
    if (atomic_fetch_sub(&calls_left, 1) == 0) {
        errno = ENOSPC;
        return -1;
    }
    return pwrite(fd, data, len, offset);
}

static int fdatasync_failing(int fd)
{
    if (atomic_fetch_sub(&calls_left, 1) == 0) {
        errno = EIO;
        return -1;
    }
    return fdatasync(fd);
}

/* Appends until the Nth call fails; what was durable before is there afterwards. */
static void fail_at(void **state, const struct journal_io *io, int nth)
{
    struct heard heard = {0};
    struct journal_options options = {.folder = *state,
                                      .segment_bytes = 4096,
                                      .on_durable = on_durable,
                                      .on_failure = on_failure,
                                      .ctx = &heard};
    struct journal *journal = NULL;
    atomic_store(&calls_left, nth);
    if (journal_open_io(&journal, &options, io) < 0)
        return;
    char bytes[700] = {0};
    enum mr_status status = MR_OK;
    int64_t ticket;
    while (status == MR_OK) {
        struct journal_op op = {.kind = JOURNAL_APPEND, .window = 1, .value = {bytes, 700}};
        status = journal_append(journal, &op, 1, 1, &ticket);
        if (status == MR_OK)
            status = journal_wait(journal, ticket);
    }
    assert_int_equal(status, MR_FAIL_IO);
    int64_t durable = journal_durable(journal);
    struct journal_op op = {.kind = JOURNAL_APPEND, .window = 1, .value = {bytes, 700}};
    assert_int_equal(journal_append(journal, &op, 1, 1, &ticket), MR_FAIL_IO);
    journal_close(journal);
    assert_int_equal(heard.failures, 1);
    journal = open_small(state, 4096);
    assert_true(journal_tail(journal) >= durable);
    journal_close(journal);
}

static void a_failed_write_or_sync_is_final(void **state)
{
    const struct journal_io writing = {pwrite_failing, fdatasync};
    const struct journal_io syncing = {pwrite, fdatasync_failing};
    for (int nth = 0; nth < 25; nth++) {
        fail_at(state, &writing, nth);
        fail_at(state, &syncing, nth);
    }
}

/* What a disk holds: what was written since the file was opened, when it was synced. */
static int64_t rewritten_from, rewritten_to;
static ssize_t pwrite_watched(int fd, const void *data, size_t len, off_t offset)
{
    rewritten_from = offset < rewritten_from ? offset : rewritten_from;
    rewritten_to = offset + (off_t)len > rewritten_to ? offset + (off_t)len : rewritten_to;
    return pwrite(fd, data, len, offset);
}

/* A sync that fails leaves its pages clean, so that the next one proves nothing of them. */
static void what_a_failed_sync_left_is_written_again_when_it_is_read(void **state)
{
    const struct journal_io failing = {pwrite, fdatasync_failing};
    const struct journal_io watched = {pwrite_watched, fdatasync};
    const struct journal_options options = {.folder = *state};
    struct journal_op op = {.kind = JOURNAL_APPEND, .window = 1, .value = MR_S("value")};
    struct journal *journal = NULL;
    int64_t good = 0, lost = 0;
    atomic_store(&calls_left, 2); /* the file's header and the first entry */
    assert_int_equal(journal_open_io(&journal, &options, &failing), MR_OK);
    assert_int_equal(journal_append(journal, &op, 1, 1, &good), MR_OK);
    assert_int_equal(journal_wait(journal, good), MR_OK);
    assert_int_equal(journal_append(journal, &op, 1, 1, &lost), MR_OK);
    assert_int_equal(journal_wait(journal, lost), MR_FAIL_IO);
    journal_close(journal);
    rewritten_from = INT64_MAX;
    rewritten_to = 0;
    assert_int_equal(journal_open_io(&journal, &options, &watched), MR_OK);
    assert_int_equal(journal_tail(journal), lost);
    assert_true(rewritten_from <= good - 1 && rewritten_to == lost - 1); /* positions begin at 1 */
    journal_close(journal);
}

/* ---- who syncs ---- */

static pthread_t synced_by; /* the last sync; read by whoever waited for it */
static _Atomic int syncs_done;

static int fdatasync_noting(int fd)
{
    synced_by = pthread_self();
    atomic_fetch_add(&syncs_done, 1);
    return fdatasync(fd);
}

/* Before it sleeps the syncer takes whatever it finds. */
static void until_the_syncer_sleeps(struct journal *journal)
{
    for (bool sleeps = false; !sleeps;) {
        sched_yield();
        pthread_mutex_lock(&journal->tail.lock);
        sleeps = journal->tail.syncer_sleeps && !journal->tail.syncing;
        pthread_mutex_unlock(&journal->tail.lock);
    }
}

static struct journal *open_noting(void **state)
{
    static const struct journal_io noting = {pwrite, fdatasync_noting};
    const struct journal_options options = {.folder = *state};
    struct journal *journal = NULL;
    assert_int_equal(journal_open_io(&journal, &options, &noting), MR_OK);
    atomic_store(&syncs_done, 0);
    until_the_syncer_sleeps(journal);
    return journal;
}

static void who_waits_for_what_nobody_syncs_does_it(void **state)
{
    struct journal *journal = open_noting(state);
    struct journal_op op = {.kind = JOURNAL_APPEND, .window = 1, .value = MR_S("value")};
    int64_t first, second;
    assert_int_equal(journal_append_to_wait(journal, &op, 1, 1, &first), MR_OK);
    assert_int_equal(journal_append_to_wait(journal, &op, 1, 1, &second), MR_OK);
    assert_int_equal(syncs_done, 0);
    assert_int_equal(journal_wait(journal, first), MR_OK);
    assert_int_equal(syncs_done, 1);
    assert_true(pthread_equal(synced_by, pthread_self()));
    assert_int_equal(journal_durable(journal), second);
    /* What nobody ever waits for is durable when the journal is closed. */
    assert_int_equal(journal_append_to_wait(journal, &op, 1, 1, &first), MR_OK);
    journal_close(journal);
    assert_int_equal(syncs_done, 2);
    journal = open_noting(state);
    assert_int_equal(journal_tail(journal), first);
    journal_close(journal);
}

struct patient {
    struct journal *journal;
    int64_t ticket;
};

static void *wait_long(void *arg)
{
    const struct patient *patient = arg;
    const int64_t a_day_us = 86400000000;
    assert_int_equal(journal_wait_after(patient->journal, patient->ticket, a_day_us), MR_OK);
    return NULL;
}

/* The thread would wait for a day, were it not for the second append. */
static void one_sync_does_for_who_can_wait_and_who_cannot(void **state)
{
    struct journal *journal = open_noting(state);
    struct journal_op op = {.kind = JOURNAL_APPEND, .window = 1, .value = MR_S("value")};
    struct patient patient = {.journal = journal};
    int64_t ticket;
    pthread_t thread;
    assert_int_equal(journal_append_to_wait(journal, &op, 1, 1, &patient.ticket), MR_OK);
    assert_int_equal(pthread_create(&thread, NULL, wait_long, &patient), 0);
    assert_int_equal(journal_append(journal, &op, 1, 1, &ticket), MR_OK);
    assert_int_equal(journal_wait(journal, ticket), MR_OK);
    pthread_join(thread, NULL);
    assert_int_equal(syncs_done, 1);
    /* When nobody comes it does it itself. */
    until_the_syncer_sleeps(journal);
    assert_int_equal(journal_append_to_wait(journal, &op, 1, 1, &ticket), MR_OK);
    assert_int_equal(journal_wait_after(journal, ticket, 1000), MR_OK);
    assert_int_equal(syncs_done, 2);
    assert_true(pthread_equal(synced_by, pthread_self()));
    journal_close(journal);
}

/* ---- large groups ---- */

static struct {
    struct journal *journal;
    _Atomic int calls;
    int64_t us, ticket;
    pthread_mutex_t held; /* syncs wait for it */
    _Atomic int begun;
} gathering = {.held = PTHREAD_MUTEX_INITIALIZER};

static int fdatasync_held(int fd)
{
    atomic_fetch_add(&gathering.begun, 1);
    pthread_mutex_lock(&gathering.held);
    pthread_mutex_unlock(&gathering.held);
    return fdatasync_noting(fd);
}

static void append_some(int count, int64_t *ret_ticket)
{
    struct journal_op op = {.kind = JOURNAL_APPEND, .window = 1, .value = MR_S("value")};
    for (int i = 0; i < count; i++)
        assert_int_equal(journal_append(gathering.journal, &op, 1, 1, ret_ticket), MR_OK);
}

static void gather_three(void *ctx, int64_t us)
{
    (void)ctx;
    gathering.us = us;
    append_some(3, &gathering.ticket);
    atomic_fetch_add(&gathering.calls, 1);
}

/* Without a sync of this thread's own. */
static void until_durable(int64_t ticket)
{
    while (journal_durable(gathering.journal) < ticket)
        sched_yield();
    until_the_syncer_sleeps(gathering.journal);
}

static void until_a_sync_has_begun(int number)
{
    while (atomic_load(&gathering.begun) < number)
        sched_yield();
}

static void behind_a_large_group_the_next_one_may_grow(void **state)
{
    static const struct journal_io held = {pwrite, fdatasync_held};
    const struct journal_options options = {.folder = *state, .gather = gather_three};
    int64_t ticket;
    assert_int_equal(journal_open_io(&gathering.journal, &options, &held), MR_OK);
    until_the_syncer_sleeps(gathering.journal);
    atomic_store(&syncs_done, 0);
    atomic_store(&gathering.begun, 0);
    for (int i = 1; i <= 2; i++) { /* small ones are not waited for */
        append_some(1, &ticket);
        until_durable(ticket);
    }
    pthread_mutex_lock(&gathering.held);
    append_some(1, &ticket);
    until_a_sync_has_begun(3);
    append_some(5, &ticket); /* these are one group */
    assert_int_equal(gathering.calls, 0);
    pthread_mutex_unlock(&gathering.held);
    until_durable(ticket);
    assert_int_equal(syncs_done, 4);
    append_some(1, &ticket);
    until_durable(ticket + 1);
    assert_int_equal(gathering.calls, 1);
    assert_in_range(gathering.us, 0, 1000);
    assert_int_equal(journal_durable(gathering.journal), gathering.ticket);
    assert_int_equal(syncs_done, 5); /* for four entries */
    journal_close(gathering.journal);
}

/* Blocks that are reserved and not written cost a sync a second write (README.md). */
static void the_first_segment_has_its_zeros_when_it_opens(void **state)
{
    struct journal *journal = open_small(state, 0);
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%020d.log", (const char *)*state, 1);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    struct stat file;
    assert_int_equal(fstat(fd, &file), 0);
    struct fiemap map = {.fm_length = ~0ULL, .fm_flags = FIEMAP_FLAG_SYNC};
    char room[sizeof(map) + 64 * sizeof(struct fiemap_extent)];
    memcpy(room, &map, sizeof(map));
    struct fiemap *told = (struct fiemap *)(void *)room;
    told->fm_extent_count = 64;
    if (ioctl(fd, FS_IOC_FIEMAP, told) == 0) {
        for (uint32_t i = 0; i < told->fm_mapped_extents; i++)
            assert_false(told->fm_extents[i].fe_flags & FIEMAP_EXTENT_UNWRITTEN);
    }
    close(fd);
    journal_close(journal);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_window_gives_its_ops_as_they_were_appended),
        TEST(a_cursor_may_stand_anywhere),
        TEST(an_entry_beyond_the_limit_is_refused_and_one_at_it_taken),
        TEST(random_entries_come_back_over_many_segments_and_openings),
        TEST(sidecars_are_rebuilt_when_they_are_lost),
        TEST(time_finds_the_first_entry_at_or_after_it),
        TEST(retention_drops_whole_old_segments_only),
        TEST(readers_follow_writers_over_segments),
        TEST(whoever_listens_hears_of_each_group_once),
        TEST(a_failed_write_or_sync_is_final),
        TEST(what_a_failed_sync_left_is_written_again_when_it_is_read),
        TEST(who_waits_for_what_nobody_syncs_does_it),
        TEST(one_sync_does_for_who_can_wait_and_who_cannot),
        TEST(behind_a_large_group_the_next_one_may_grow),
        TEST(the_first_segment_has_its_zeros_when_it_opens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
