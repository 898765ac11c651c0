#include "view/run.h"
#include "base/arena.h"
#include "base/codec.h"
#include "base/rng.h"
#include "view/hash.h"
#include "base/test_folder.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

enum { KEYS = 4000, LONG_BYTES = 3000, FLIPS = 3000 };

struct fixture {
    char folder[TEST_FOLDER_SIZE], path[64];
    struct mr_arena arena;
    size_t count;
    struct mr_slice keys[KEYS], values[KEYS]; /* in order; a value's ptr NULL: deleted */
};

static int setup(void **state)
{
    struct fixture *fixture = mr_calloc(1, sizeof(*fixture));
    test_folder_make(fixture->folder);
    snprintf(fixture->path, sizeof(fixture->path), "%s/1.run", fixture->folder);
    mr_arena_init(&fixture->arena);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    test_folder_remove(fixture->folder);
    mr_arena_fini(&fixture->arena);
    free(fixture);
    return 0;
}

static int compare_keys(const void *a, const void *b)
{
    return mr_slice_compare(*(const struct mr_slice *)a, *(const struct mr_slice *)b);
}

static struct mr_slice random_bytes(struct fixture *fixture, struct mr_rng *rng, size_t max)
{
    size_t len = mr_rng_below(rng, 20) == 0 ? mr_rng_below(rng, max) : mr_rng_below(rng, 40);
    char *bytes = mr_arena_alloc(&fixture->arena, len + 1);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)mr_rng_below(rng, 4); /* many share their beginning */
    return mr_slice_make(bytes, len);
}

/* Keys with long common beginnings, long ones, deletions, long values. */
static void make_keys(struct fixture *fixture, size_t wanted, uint64_t seed)
{
    struct mr_rng rng;
    mr_rng_init_seed(&rng, seed);
    for (size_t i = 0; i < wanted; i++) {
        struct mr_slice tail = random_bytes(fixture, &rng, LONG_BYTES);
        char *key = mr_arena_alloc(&fixture->arena, tail.len + 1);
        key[0] = 1;
        memcpy(key + 1, tail.ptr, tail.len);
        fixture->keys[i] = mr_slice_make(key, tail.len + 1);
    }
    qsort(fixture->keys, wanted, sizeof(fixture->keys[0]), compare_keys);
    for (size_t i = 0; i < wanted; i++) {
        if (fixture->count > 0 &&
            mr_slice_equal(fixture->keys[i], fixture->keys[fixture->count - 1]))
            continue;
        fixture->keys[fixture->count] = fixture->keys[i];
        fixture->values[fixture->count++] = mr_rng_below(&rng, 5) == 0
                                                ? (struct mr_slice){0}
                                                : random_bytes(fixture, &rng, 5 * LONG_BYTES);
    }
}

static enum mr_status write_run(struct fixture *fixture)
{
    struct run_writer *writer = NULL;
    enum mr_status status = run_writer_new(&writer, fixture->path, fixture->count);
    for (size_t i = 0; status == MR_OK && i < fixture->count; i++)
        status = run_writer_add(writer, fixture->keys[i],
                                fixture->values[i].ptr == NULL ? NULL : &fixture->values[i]);
    if (status == MR_OK)
        status = run_writer_finish(writer);
    run_writer_free(writer);
    return status;
}

static struct run *write_and_open(struct fixture *fixture)
{
    struct run *run = NULL;
    assert_int_equal(write_run(fixture), MR_OK);
    assert_int_equal(run_open(&run, fixture->path, 1), MR_OK);
    assert_int_equal(run_keys(run), fixture->count);
    return run;
}

static void assert_found(const struct fixture *fixture, const struct run *run, size_t i)
{
    enum memtable_found found;
    struct mr_slice value;
    struct mr_slice key = fixture->keys[i];
    assert_int_equal(run_get(run, key, view_hash(key), &found, &value), MR_OK);
    assert_int_equal(found, fixture->values[i].ptr == NULL ? MEMTABLE_DELETED : MEMTABLE_VALUE);
    if (found == MEMTABLE_VALUE)
        assert_true(mr_slice_equal(value, fixture->values[i]));
}

static void it_knows_the_keys_that_were_added_and_no_others(void **state)
{
    struct fixture *fixture = *state;
    make_keys(fixture, KEYS, 1);
    struct run *run = write_and_open(fixture);
    for (size_t i = 0; i < fixture->count; i++)
        assert_found(fixture, run, i);
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 2);
    for (size_t i = 0; i < KEYS; i++) {
        char text[32];
        struct mr_slice key =
            mr_slice_make(text, (size_t)snprintf(text, sizeof(text), "absent %u", (unsigned)i));
        enum memtable_found found;
        struct mr_slice value;
        assert_int_equal(run_get(run, key, view_hash(key), &found, &value), MR_OK);
        assert_int_equal(found, MEMTABLE_ABSENT);
    }
    run_unref(run);
}

static void assert_stands(const struct fixture *fixture, const struct run_cursor *cursor, size_t at)
{
    assert_int_equal(cursor->status, MR_OK);
    assert_int_equal(cursor->valid, at < fixture->count);
    if (!cursor->valid)
        return;
    assert_true(mr_slice_equal(cursor->key, fixture->keys[at]));
    assert_int_equal(cursor->deleted, fixture->values[at].ptr == NULL);
    if (!cursor->deleted)
        assert_true(mr_slice_equal(cursor->value, fixture->values[at]));
}

static void walks_go_both_ways_from_any_key(void **state)
{
    struct fixture *fixture = *state;
    make_keys(fixture, KEYS, 3);
    struct run *run = write_and_open(fixture);
    struct run_cursor cursor = {.run = run};
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 4);
    run_seek(&cursor, MR_S("\0"));
    for (size_t i = 0; i < fixture->count; i++, run_next(&cursor))
        assert_stands(fixture, &cursor, i);
    assert_false(cursor.valid);
    run_seek_before(&cursor, MR_S("\xff"));
    for (size_t i = fixture->count; i-- > 0; run_prev(&cursor))
        assert_stands(fixture, &cursor, i);
    assert_false(cursor.valid);
    for (int i = 0; i < KEYS; i++) {
        char key[64];
        size_t at = (size_t)mr_rng_below(&rng, (uint32_t)fixture->count);
        size_t len = fixture->keys[at].len < sizeof(key) - 1 ? fixture->keys[at].len : 40;
        memcpy(key, fixture->keys[at].ptr, len);
        key[len] = (char)mr_rng_below(&rng, 3);
        struct mr_slice wanted = mr_slice_make(key, len + mr_rng_below(&rng, 2));
        size_t first = 0;
        while (first < fixture->count && mr_slice_compare(fixture->keys[first], wanted) < 0)
            first++;
        run_seek(&cursor, wanted);
        assert_stands(fixture, &cursor, first);
        run_seek_before(&cursor, wanted);
        assert_stands(fixture, &cursor, first == 0 ? SIZE_MAX : first - 1);
    }
    run_unref(run);
}

static void an_empty_run_knows_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct run *run = write_and_open(fixture);
    enum memtable_found found;
    struct mr_slice value;
    assert_int_equal(run_get(run, MR_S("a"), view_hash(MR_S("a")), &found, &value), MR_OK);
    assert_int_equal(found, MEMTABLE_ABSENT);
    struct run_cursor cursor = {.run = run};
    run_seek(&cursor, MR_S("a"));
    assert_false(cursor.valid);
    run_seek_before(&cursor, MR_S("a"));
    assert_false(cursor.valid);
    run_unref(run);
}

/* Whether all is right or damage is told; what is wrong and not told fails. */
static void assert_right_or_told(struct fixture *fixture)
{
    struct run *run = NULL;
    if (run_open(&run, fixture->path, 1) < 0)
        return;
    for (size_t i = 0; i < fixture->count; i++) {
        enum memtable_found found;
        struct mr_slice value, key = fixture->keys[i];
        if (run_get(run, key, view_hash(key), &found, &value) == MR_OK)
            assert_found(fixture, run, i);
    }
    struct run_cursor cursor = {.run = run};
    size_t at = 0;
    for (run_seek(&cursor, MR_S("\0")); cursor.valid; run_next(&cursor))
        assert_stands(fixture, &cursor, at++);
    assert_true(at == fixture->count || cursor.status == MR_FAIL_DATA);
    run_unref(run);
}

static void a_damaged_byte_is_told_or_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    make_keys(fixture, 60, 5);
    run_unref(write_and_open(fixture));
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 6);
    int fd = open(fixture->path, O_RDWR | O_CLOEXEC);
    off_t bytes = lseek(fd, 0, SEEK_END);
    for (int i = 0; i < FLIPS; i++) {
        char byte, damaged;
        off_t at = (off_t)mr_rng_below(&rng, (uint32_t)bytes);
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        damaged = (char)(byte ^ 1 << mr_rng_below(&rng, 8));
        assert_int_equal(pwrite(fd, &damaged, 1, at), 1);
        assert_right_or_told(fixture);
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }
    assert_int_equal(ftruncate(fd, bytes - 1), 0);
    close(fd);
    struct run *run = NULL;
    assert_int_equal(run_open(&run, fixture->path, 1), MR_FAIL_DATA);
}

/* A merge makes room for as many keys as its runs say they have. */
static void more_keys_than_there_is_room_for_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct run *run = NULL;
    struct run_header header;
    make_keys(fixture, 60, 8);
    run_unref(write_and_open(fixture));
    int fd = open(fixture->path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pread(fd, &header, sizeof(header), 0), sizeof(header));
    header.keys = UINT64_MAX / 4;
    header.crc = mr_crc32c(0, mr_slice_make(&header, offsetof(struct run_header, crc)));
    assert_int_equal(pwrite(fd, &header, sizeof(header), 0), sizeof(header));
    close(fd);
    assert_int_equal(run_open(&run, fixture->path, 1), MR_FAIL_DATA);
}

static void a_full_disk_is_told(void **state)
{
    struct fixture *fixture = *state;
    make_keys(fixture, KEYS, 7);
    run_unref(write_and_open(fixture));
    struct rlimit old, limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, SIG_IGN); /* the calls say EFBIG */
    for (int i = 0; i < 2; i++) {
        /* Too little for the buckets, then for the entries. */
        limit = (struct rlimit){.rlim_cur = i == 0 ? 8192 : 512 << 10, .rlim_max = old.rlim_max};
        unlink(fixture->path);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        enum mr_status status = write_run(fixture);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
        assert_int_equal(status, MR_FAIL_IO);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_knows_the_keys_that_were_added_and_no_others),
        TEST(walks_go_both_ways_from_any_key),
        TEST(an_empty_run_knows_nothing),
        TEST(a_damaged_byte_is_told_or_changes_nothing),
        TEST(more_keys_than_there_is_room_for_are_refused),
        TEST(a_full_disk_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
