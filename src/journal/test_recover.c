#include "journal/internal.h"
#include "base/arena.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/test_folder.h"
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

enum { SEGMENT_BYTES = 8192, ENTRIES_MAX = 200 };

static int memory_setup(void **state)
{
    char memory[] = "/dev/shm/millrace-test-XXXXXX", disk[] = "/tmp/millrace-test-XXXXXX";
    const char *path = mkdtemp(memory); /* thousands of openings: in memory where that can be had */
    if (path == NULL)
        path = mkdtemp(disk);
    assert_non_null(path);
    *state = mr_strdup_slice(mr_slice_cstr(path));
    return 0;
}

/* ---- files ---- */

static void remove_by_suffix(const char *folder, const char *suffix)
{
    DIR *list = opendir(folder);
    struct dirent *item;
    assert_non_null(list);
    while ((item = readdir(list)) != NULL)
        if (mr_slice_ends_with(mr_slice_cstr(item->d_name), mr_slice_cstr(suffix)))
            unlinkat(dirfd(list), item->d_name, 0);
    closedir(list);
}

static void path_of(char *ret_path, size_t room, const char *folder, int64_t first)
{
    snprintf(ret_path, room, "%s/%020lld.log", folder, (long long)first);
}

/* First position of the newest segment. */
static int64_t newest_first(const char *folder)
{
    int64_t newest = 0, first;
    DIR *list = opendir(folder);
    struct dirent *item;
    assert_non_null(list);
    while ((item = readdir(list)) != NULL) {
        struct mr_slice name = mr_slice_cstr(item->d_name);
        if (mr_slice_ends_with(name, MR_S(".log")) &&
            mr_slice_to_i64(mr_slice_sub(name, 0, 20), &first) == MR_OK && first > newest)
            newest = first;
    }
    closedir(list);
    return newest;
}

static struct mr_buf read_segment(const char *folder, int64_t first)
{
    char path[300];
    struct mr_buf text = {0};
    path_of(path, sizeof(path), folder, first);
    assert_int_equal(journal_file_read(path, &text), MR_OK);
    return text;
}

/* Puts `text` in the place of everything the folder had of that segment. */
static void write_segment(const char *folder, int64_t first, struct mr_slice text)
{
    char path[300];
    path_of(path, sizeof(path), folder, first);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text.ptr, text.len), text.len);
    close(fd);
}

/* ---- a journal whose groups the test decides ---- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* held: writes wait */

static ssize_t pwrite_gated(int fd, const void *data, size_t len, off_t offset)
{
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    return pwrite(fd, data, len, offset);
}

/* Files are damaged by hand here and no power is cut: thousands of openings need no disk. */
static int fdatasync_not(int fd)
{
    (void)fd;
    return 0;
}
static const struct journal_io gated = {pwrite_gated, fdatasync_not};
static const struct journal_io unsynced = {pwrite, fdatasync_not};

struct written {
    int64_t start[ENTRIES_MAX], end[ENTRIES_MAX];
    uint64_t seed[ENTRIES_MAX];
    uint32_t size[ENTRIES_MAX];
    size_t count, acknowledged; /* all but those of the last group */
};

static struct journal *open_gated(const char *folder)
{
    struct journal *journal = NULL;
    struct journal_options options = {.folder = folder, .segment_bytes = SEGMENT_BYTES};
    assert_int_equal(journal_open_io(&journal, &options, &gated), MR_OK);
    return journal;
}

static void fill(char *out, uint32_t size, uint64_t seed)
{
    for (uint32_t i = 0; i < size; i++)
        out[i] = (char)(seed >> (i % 8 * 8));
}

static void append_one(struct journal *journal, struct mr_rng *rng, struct written *written)
{
    char value[64];
    size_t i = written->count++;
    assert_true(i < ENTRIES_MAX);
    written->size[i] = (uint32_t)mr_rng_below(rng, sizeof(value));
    written->seed[i] = mr_rng_u64(rng);
    fill(value, written->size[i], written->seed[i]);
    struct journal_op op = {
        .kind = JOURNAL_APPEND, .window = 1, .value = {value, written->size[i]}};
    assert_int_equal(journal_append(journal, &op, 1, 7, &written->end[i]), MR_OK);
    written->start[i] = op.position - JOURNAL_ENTRY_HEADER_BYTES;
}

/* A group commit for each of `singles`, then one of `grouped` entries. */
static struct written write_journal(const char *folder, size_t singles, size_t grouped)
{
    struct written written = {0};
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 11);
    struct journal *journal = open_gated(folder);
    for (size_t i = 0; i < singles; i++) {
        append_one(journal, &rng, &written);
        assert_int_equal(journal_wait(journal, written.end[i]), MR_OK);
    }
    written.acknowledged = singles;
    pthread_mutex_lock(&gate);
    for (size_t i = 0; i < grouped; i++)
        append_one(journal, &rng, &written);
    pthread_mutex_unlock(&gate);
    journal_close(journal);
    remove_by_suffix(folder, ".idx"); /* as if it had not been closed */
    return written;
}

struct check {
    const struct written *written;
    size_t next;
};

static enum mr_status check_entry(void *ctx, const struct journal_op *ops, size_t count,
                                  int64_t entry_end)
{
    struct check *check = ctx;
    char value[64];
    size_t i = check->next++;
    assert_true(i < check->written->count); /* nothing is invented */
    assert_int_equal(count, 1);
    assert_int_equal(entry_end, check->written->end[i]);
    assert_int_equal(ops[0].value.len, check->written->size[i]);
    fill(value, check->written->size[i], check->written->seed[i]);
    assert_memory_equal(ops[0].value.ptr, value, check->written->size[i]);
    return MR_OK;
}

static enum mr_status try_open(struct journal **ret_journal, const char *folder)
{
    struct journal_options options = {.folder = folder, .segment_bytes = SEGMENT_BYTES};
    return journal_open_io(ret_journal, &options, &unsynced);
}

/* Opens; the journal holds the first n entries, whole, and nothing else. Returns n. */
static size_t entries_after_opening(const char *folder, const struct written *written)
{
    struct journal *journal = NULL;
    assert_int_equal(try_open(&journal, folder), MR_OK);
    for (int twice = 0; twice < 2; twice++) {
        struct check check = {.written = written};
        assert_int_equal(journal_replay(journal, 0, check_entry, &check), MR_OK);
        if (twice == 0) {
            journal_close(journal);
            remove_by_suffix(folder, ".idx");
            assert_int_equal(try_open(&journal, folder), MR_OK);
            continue;
        }
        if (check.next > 0)
            assert_int_equal(journal_tail(journal), written->end[check.next - 1]);
        journal_close(journal);
        return check.next;
    }
    return 0;
}

/* How many entries lie wholly before the byte at `offset`. */
static size_t whole_before(const struct written *written, int64_t position)
{
    size_t n = 0;
    while (n < written->count && written->end[n] <= position)
        n++;
    return n;
}

static void a_tail_cut_at_any_byte_leaves_the_whole_entries_before_it(void **state)
{
    mr_log_set_level(MR_LOG_ERROR);
    struct written written = write_journal(*state, 5, 4);
    struct mr_buf text = read_segment(*state, 1);
    for (int64_t at = written.start[3]; at <= written.end[8]; at++) {
        remove_by_suffix(*state, ".idx");
        write_segment(*state, 1, mr_slice_make(text.data, (size_t)(at - 1)));
        assert_int_equal(entries_after_opening(*state, &written), whole_before(&written, at));
    }
    mr_buf_fini(&text);
}

static void a_garbled_byte_in_the_last_group_cuts_there(void **state)
{
    mr_log_set_level(MR_LOG_ERROR);
    struct written written = write_journal(*state, 5, 4);
    struct mr_buf text = read_segment(*state, 1);
    for (int64_t at = written.start[5]; at < written.end[8]; at++) {
        remove_by_suffix(*state, ".idx");
        text.data[at - 1] = (char)(text.data[at - 1] ^ 0x11);
        write_segment(*state, 1, mr_buf_slice(&text));
        text.data[at - 1] = (char)(text.data[at - 1] ^ 0x11);
        assert_int_equal(entries_after_opening(*state, &written), whole_before(&written, at));
    }
    mr_buf_fini(&text);
}

/* Goal: a power cut that keeps any part of the last group is never taken for damage. Method:
 * sectors of a group of many entries are lost at random, as a disk may persist them in any order.
 */
static void any_lost_sectors_of_the_last_group_leave_a_prefix(void **state)
{
    enum { SECTOR = 512 };
    mr_log_set_level(MR_LOG_ERROR);
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 13);
    struct written written = write_journal(*state, 5, 50);
    struct mr_buf text = read_segment(*state, 1);
    assert_true((int64_t)text.len > written.end[54]);
    char *part = mr_malloc(text.len);
    for (int round = 0; round < 300; round++) {
        size_t lost_first = text.len;
        memcpy(part, text.data, text.len);
        size_t from = (size_t)written.start[5] - 1, to = (size_t)written.end[54] - 1;
        for (size_t at = from; at < to; at = at / SECTOR * SECTOR + SECTOR) {
            size_t stop = at / SECTOR * SECTOR + SECTOR;
            if (mr_rng_below(&rng, 4) != 0)
                continue;
            memset(part + at, 0, (stop < to ? stop : to) - at);
            lost_first = at < lost_first ? at : lost_first;
        }
        remove_by_suffix(*state, ".idx");
        write_segment(*state, 1, mr_slice_make(part, text.len));
        size_t n = entries_after_opening(*state, &written);
        assert_true(n >= 5);
        /* A lost sector may hold zeros only: then nothing is lost with it. */
        assert_true(n >= whole_before(&written, (int64_t)lost_first + 1));
    }
    free(part);
    mr_buf_fini(&text);
}

static void a_garbled_byte_that_later_entries_prove_durable_is_refused(void **state)
{
    mr_log_set_level(MR_LOG_ERROR + 1);
    struct written written = write_journal(*state, 5, 4);
    struct mr_buf text = read_segment(*state, 1);
    for (int64_t at = written.start[0]; at < written.end[3]; at++) {
        struct journal *journal = NULL;
        remove_by_suffix(*state, ".idx");
        text.data[at - 1] = (char)(text.data[at - 1] ^ 0x80);
        write_segment(*state, 1, mr_buf_slice(&text));
        text.data[at - 1] = (char)(text.data[at - 1] ^ 0x80);
        assert_int_equal(try_open(&journal, *state), MR_FAIL_DATA);
    }
    mr_log_set_level(MR_LOG_ERROR);
    write_segment(*state, 1, mr_buf_slice(&text)); /* a refusal changes nothing */
    assert_int_equal(entries_after_opening(*state, &written), 9);
    mr_buf_fini(&text);
}

/* Goal: entries of a lost write never come back behind new ones that end where they began. */
static void remains_of_a_cut_write_stay_gone(void **state)
{
    mr_log_set_level(MR_LOG_ERROR);
    struct written written = write_journal(*state, 2, 6);
    struct mr_buf text = read_segment(*state, 1);
    text.data[written.start[2] + 41 - 1] ^= 1; /* entries 3 to 7 are good, behind a torn one */
    write_segment(*state, 1, mr_buf_slice(&text));
    mr_buf_fini(&text);
    assert_int_equal(entries_after_opening(*state, &written), 2);
    struct journal *journal = NULL;
    assert_int_equal(try_open(&journal, *state), MR_OK);
    char value[64];
    fill(value, written.size[2], written.seed[2]);
    struct journal_op op = {.kind = JOURNAL_APPEND, .window = 1, .value = {value, written.size[2]}};
    int64_t ticket;
    assert_int_equal(journal_append(journal, &op, 1, 7, &ticket), MR_OK); /* as long as the lost */
    assert_int_equal(ticket, written.end[2]);
    journal_close(journal);
    remove_by_suffix(*state, ".idx");
    assert_int_equal(entries_after_opening(*state, &written), 3);
}

static void damage_in_a_sealed_segment_is_refused_not_skipped(void **state)
{
    mr_log_set_level(MR_LOG_ERROR + 1);
    struct written written = write_journal(*state, 150, 0);
    struct mr_buf text = read_segment(*state, 1);
    assert_true(written.end[149] > 1 + SEGMENT_BYTES); /* it is sealed */
    size_t at = text.len / 2;
    text.data[at] ^= 4;
    write_segment(*state, 1, mr_buf_slice(&text));
    struct journal *journal = NULL;
    assert_int_equal(try_open(&journal, *state), MR_OK); /* sealed ones are not read on opening */
    struct check check = {.written = &written};
    assert_int_equal(journal_replay(journal, 0, check_entry, &check), MR_FAIL_DATA);
    assert_int_equal(check.next, whole_before(&written, (int64_t)at + 1));
    struct journal_cursor cursor = {.position = written.start[0]};
    struct journal_op op;
    size_t read = 0;
    enum mr_status status;
    while ((status = journal_next(journal, 1, &cursor, &op)) == MR_OK)
        read++;
    assert_int_equal(status, MR_FAIL_DATA);
    assert_true(read <= check.next); /* without its sidecar it is scanned first */
    journal_cursor_fini(&cursor);
    journal_close(journal);
    write_segment(*state, 1, mr_slice_make(text.data, text.len - 8));
    assert_int_equal(try_open(&journal, *state), MR_FAIL_DATA);
    mr_buf_fini(&text);
}

static void a_missing_segment_is_refused(void **state)
{
    mr_log_set_level(MR_LOG_ERROR + 1);
    struct journal *journal = NULL;
    write_journal(*state, 199, 0);
    DIR *list = opendir(*state);
    struct dirent *item;
    char names[8][32];
    size_t count = 0;
    while ((item = readdir(list)) != NULL)
        if (mr_slice_ends_with(mr_slice_cstr(item->d_name), MR_S(".log")) && count < 8)
            snprintf(names[count++], sizeof(names[0]), "%.31s", item->d_name);
    assert_true(count >= 3);
    qsort(names, count, sizeof(names[0]), (int (*)(const void *, const void *))strcmp);
    assert_int_equal(unlinkat(dirfd(list), names[1], 0), 0);
    closedir(list);
    assert_int_equal(try_open(&journal, *state), MR_FAIL_DATA);
}

static void a_bad_file_header_is_refused(void **state)
{
    mr_log_set_level(MR_LOG_ERROR + 1);
    struct journal *journal = NULL;
    write_journal(*state, 3, 0);
    struct mr_buf text = read_segment(*state, 1);
    for (size_t at = 0; at < JOURNAL_FILE_HEADER_BYTES; at++) {
        text.data[at] ^= 2;
        write_segment(*state, 1, mr_buf_slice(&text));
        text.data[at] ^= 2;
        assert_int_equal(try_open(&journal, *state), MR_FAIL_DATA);
    }
    write_segment(*state, 1, mr_slice_make(text.data, 10));
    assert_int_equal(try_open(&journal, *state), MR_FAIL_DATA);
    mr_buf_fini(&text);
}

/* Goal: whatever happens to the tail, round after round, each opening continues what the last held.
 */
static void random_tails_over_many_openings(void **state)
{
    mr_log_set_level(MR_LOG_ERROR);
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 12);
    struct written written = {0};
    for (int round = 0; round < 60; round++) {
        struct journal *journal = NULL;
        assert_int_equal(try_open(&journal, *state), MR_OK);
        size_t adding = mr_rng_below(&rng, 4);
        for (size_t i = 0; i < adding && written.count < ENTRIES_MAX; i++)
            append_one(journal, &rng, &written);
        journal_close(journal);
        if (written.count == 0)
            continue;
        remove_by_suffix(*state, ".idx");
        int64_t first = newest_first(*state);
        struct mr_buf text = read_segment(*state, first);
        size_t last = written.count - 1;
        if (written.start[last] > first && mr_rng_below(&rng, 2) == 0) {
            uint64_t length = (uint64_t)(written.end[last] - written.start[last]);
            int64_t at = written.start[last] + (int64_t)mr_rng_below(&rng, length);
            text.data[at - first] ^= 8;
            write_segment(*state, first, mr_buf_slice(&text));
            written.count--;
        }
        mr_buf_fini(&text);
        assert_int_equal(entries_after_opening(*state, &written), written.count);
    }
    assert_true(written.count > 30);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, memory_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_tail_cut_at_any_byte_leaves_the_whole_entries_before_it),
        TEST(a_garbled_byte_in_the_last_group_cuts_there),
        TEST(any_lost_sectors_of_the_last_group_leave_a_prefix),
        TEST(a_garbled_byte_that_later_entries_prove_durable_is_refused),
        TEST(remains_of_a_cut_write_stay_gone),
        TEST(damage_in_a_sealed_segment_is_refused_not_skipped),
        TEST(a_missing_segment_is_refused),
        TEST(a_bad_file_header_is_refused),
        TEST(random_tails_over_many_openings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
