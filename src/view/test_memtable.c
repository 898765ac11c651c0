#include "view/memtable.h"
#include "base/arena.h"
#include "base/rng.h"
#include "view/hash.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void put(struct memtable *table, const char *key, const char *value, uint64_t sequence)
{
    struct mr_slice text = value == NULL ? (struct mr_slice){0} : mr_slice_cstr(value);
    memtable_put(table, mr_slice_cstr(key), value == NULL ? NULL : &text, sequence);
}

static enum memtable_found get(const struct memtable *table, struct mr_slice key, uint64_t snapshot,
                               struct mr_slice *ret_value)
{
    return memtable_get(table, key, view_hash(key), snapshot, ret_value);
}

static void assert_seen(struct memtable *table, const char *key, uint64_t snapshot,
                        const char *value)
{
    struct mr_slice found;
    assert_int_equal(get(table, mr_slice_cstr(key), snapshot, &found), MEMTABLE_VALUE);
    assert_int_equal(found.len, strlen(value));
    assert_memory_equal(found.ptr, value, found.len);
}

static void a_snapshot_sees_the_versions_up_to_it(void **state)
{
    (void)state;
    struct memtable *table = memtable_new();
    struct mr_slice found;
    put(table, "a", "one", 1);
    put(table, "a", "three", 3);
    put(table, "a", NULL, 5);
    put(table, "b", "", 6);
    assert_int_equal(get(table, MR_S("a"), 0, &found), MEMTABLE_ABSENT);
    assert_seen(table, "a", 1, "one");
    assert_seen(table, "a", 2, "one");
    assert_seen(table, "a", 4, "three");
    assert_int_equal(get(table, MR_S("a"), 5, &found), MEMTABLE_DELETED);
    assert_int_equal(get(table, MR_S("b"), 5, &found), MEMTABLE_ABSENT);
    assert_seen(table, "b", MEMTABLE_NEWEST, "");
    assert_int_equal(get(table, MR_S("c"), MEMTABLE_NEWEST, &found), MEMTABLE_ABSENT);
    memtable_unref(table);
}

/* A leaf that a cursor has copied splits again and again before it goes on. */
static void a_cursor_meets_each_key_once_however_often_its_leaf_splits(void **state)
{
    for (int way = 0; way < 2; way++) {
        struct memtable *table = memtable_new();
        struct memtable_cursor cursor = {.table = table, .snapshot = 1};
        char key[16];
        for (int i = 0; i < MEMTABLE_SLOTS; i++) {
            snprintf(key, sizeof(key), "%02d", i);
            put(table, key, "seen", 1);
        }
        if (way == 0)
            memtable_seek(&cursor, MR_S("0"));
        else
            memtable_seek_before(&cursor, MR_S("z"));
        for (int i = 0; i < MEMTABLE_SLOTS * 100; i++) {
            snprintf(key, sizeof(key), "%02d-%03d", i % MEMTABLE_SLOTS, i);
            put(table, key, "later", 2);
        }
        for (int i = 0; i < MEMTABLE_SLOTS; i++) {
            snprintf(key, sizeof(key), "%02d", way == 0 ? i : MEMTABLE_SLOTS - 1 - i);
            assert_true(cursor.valid);
            assert_int_equal(cursor.key.len, 2);
            assert_memory_equal(cursor.key.ptr, key, 2);
            if (way == 0)
                memtable_next(&cursor);
            else
                memtable_prev(&cursor);
        }
        assert_false(cursor.valid);
        memtable_unref(table);
    }
    (void)state;
}

/* ---- against a sorted array ---- */

enum { KEYS = 5000, KEY_MAX = 24 };

struct model {
    char keys[KEYS][KEY_MAX];
    int count;
};

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static int model_place(const struct model *model, const char *key)
{
    int at = 0;
    while (at < model->count && strcmp(model->keys[at], key) < 0)
        at++;
    return at;
}

/* Keys whose first eight bytes agree in many ways. */
static void make_key(struct mr_rng *rng, char *ret)
{
    static const char *const stems[] = {"", "p", "prefix-", "prefix-of-more-", "zz"};
    snprintf(ret, KEY_MAX, "%s%u", stems[mr_rng_below(rng, 5)], (unsigned)mr_rng_below(rng, 3000));
}

static void fill(struct mr_rng *rng, struct memtable *table, struct model *model, int draws)
{
    static char drawn[KEYS][KEY_MAX];
    for (int i = 0; i < draws; i++) {
        make_key(rng, drawn[i]);
        put(table, drawn[i], drawn[i], (uint64_t)i + 1);
    }
    qsort(drawn, (size_t)draws, KEY_MAX, by_text);
    for (int i = 0; i < draws; i++) {
        if (i == 0 || strcmp(drawn[i], drawn[i - 1]) != 0)
            memcpy(model->keys[model->count++], drawn[i], KEY_MAX);
    }
}

static void assert_at(const struct memtable_cursor *cursor, const struct model *model, int at)
{
    assert_int_equal(cursor->valid, at >= 0 && at < model->count);
    if (!cursor->valid)
        return;
    assert_int_equal(cursor->key.len, strlen(model->keys[at]));
    assert_memory_equal(cursor->key.ptr, model->keys[at], cursor->key.len);
    assert_memory_equal(cursor->value.ptr, model->keys[at], cursor->key.len);
}

static void walks_agree_with_a_sorted_array(void **state)
{
    (void)state;
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 20251129);
    static const int sizes[] = {1, 14, 15, 16, 17, 200, KEYS};
    for (size_t s = 0; s < MR_COUNT(sizes); s++) {
        struct memtable *table = memtable_new();
        static struct model model;
        model.count = 0;
        fill(&rng, table, &model, sizes[s]);
        struct memtable_cursor cursor = {.table = table, .snapshot = MEMTABLE_NEWEST};
        memtable_seek(&cursor, MR_S("!"));
        for (int at = 0; at <= model.count; at++) {
            assert_at(&cursor, &model, at);
            if (cursor.valid)
                memtable_next(&cursor);
        }
        memtable_seek_before(&cursor, MR_S("~"));
        for (int at = model.count - 1; at >= -1; at--) {
            assert_at(&cursor, &model, at);
            if (cursor.valid)
                memtable_prev(&cursor);
        }
        for (int i = 0; i < 500; i++) {
            char key[KEY_MAX];
            make_key(&rng, key);
            int place = model_place(&model, key);
            memtable_seek(&cursor, mr_slice_cstr(key));
            assert_at(&cursor, &model, place);
            memtable_seek_before(&cursor, mr_slice_cstr(key));
            assert_at(&cursor, &model, place - 1);
        }
        memtable_unref(table);
    }
}

static void keys_in_order_and_against_it_are_all_found(void **state)
{
    (void)state;
    for (int backward = 0; backward < 2; backward++) {
        struct memtable *table = memtable_new();
        for (int i = 0; i < 20000; i++) {
            char key[KEY_MAX];
            snprintf(key, sizeof(key), "%08d", backward ? 19999 - i : i);
            put(table, key, key, (uint64_t)i);
        }
        struct memtable_cursor cursor = {.table = table, .snapshot = MEMTABLE_NEWEST};
        int count = 0;
        for (memtable_seek(&cursor, MR_S("0")); cursor.valid; memtable_next(&cursor), count++) {
            char key[KEY_MAX];
            snprintf(key, sizeof(key), "%08d", count);
            assert_memory_equal(cursor.key.ptr, key, 8);
        }
        assert_int_equal(count, 20000);
        memtable_unref(table);
    }
}

/* ---- readers beside the writer ---- */

enum { WRITTEN = 60000, READERS = 2 };

struct race {
    struct memtable *table;
    _Atomic int written; /* keys 0 to written - 1 are in, in a shuffled order of numbers */
    _Atomic int failed;
};

/* A bijection on 0..2^16-1, so that neighbours in time are far apart in order. */
static unsigned shuffled(int i)
{
    return ((unsigned)i * 40503u) & 0xffff;
}

static void check_get(struct race *race, struct mr_rng *rng)
{
    int written = atomic_load(&race->written);
    char key[KEY_MAX];
    if (written == 0)
        return;
    snprintf(key, sizeof(key), "key-%05u", shuffled((int)mr_rng_below(rng, (uint64_t)written)));
    struct mr_slice found;
    if (get(race->table, mr_slice_cstr(key), MEMTABLE_NEWEST, &found) != MEMTABLE_VALUE)
        atomic_store(&race->failed, 1);
}

/* A snapshot has exactly the keys that were in when it was taken, in order, either way. */
static void check_walk(struct race *race, bool backward)
{
    int written = atomic_load(&race->written), count = 0;
    struct memtable_cursor cursor = {.table = race->table, .snapshot = (uint64_t)written};
    struct mr_slice last = {0};
    if (backward)
        memtable_seek_before(&cursor, MR_S("l"));
    else
        memtable_seek(&cursor, MR_S("k"));
    for (; cursor.valid; count++) {
        int order = last.ptr == NULL ? 0 : mr_slice_compare(last, cursor.key);
        if (last.ptr != NULL && (backward ? order <= 0 : order >= 0))
            atomic_store(&race->failed, 2);
        last = cursor.key;
        if (backward)
            memtable_prev(&cursor);
        else
            memtable_next(&cursor);
    }
    if (count != written)
        atomic_store(&race->failed, 3);
}

static void *reader_main(void *arg)
{
    struct race *race = arg;
    struct mr_rng rng;
    mr_rng_init_seed(&rng, (uint64_t)(uintptr_t)&rng);
    for (int round = 0; atomic_load(&race->written) < WRITTEN; round++) {
        for (int i = 0; i < 2000; i++)
            check_get(race, &rng);
        check_walk(race, round % 2 == 0);
    }
    return NULL;
}

static void readers_beside_the_writer_miss_nothing(void **state)
{
    (void)state;
    struct race race = {.table = memtable_new()};
    pthread_t readers[READERS];
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, reader_main, &race), 0);
    for (int i = 0; i < WRITTEN; i++) {
        char key[KEY_MAX];
        snprintf(key, sizeof(key), "key-%05u", shuffled(i));
        put(race.table, key, "v", (uint64_t)i + 1);
        atomic_store(&race.written, i + 1);
    }
    for (int i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    assert_int_equal(atomic_load(&race.failed), 0);
    memtable_unref(race.table);
}

static void it_counts_what_it_takes(void **state)
{
    (void)state;
    struct memtable *table = memtable_new();
    size_t before = memtable_bytes(table);
    char value[1001];
    memset(value, 'x', 1000);
    value[1000] = '\0';
    put(table, "a", value, 1);
    assert_in_range(memtable_bytes(table) - before, 1000, 1200);
    put(table, "a", value, 2); /* both versions stay */
    assert_in_range(memtable_bytes(table) - before, 2000, 2300);
    memtable_unref(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snapshot_sees_the_versions_up_to_it),
        cmocka_unit_test(a_cursor_meets_each_key_once_however_often_its_leaf_splits),
        cmocka_unit_test(walks_agree_with_a_sorted_array),
        cmocka_unit_test(keys_in_order_and_against_it_are_all_found),
        cmocka_unit_test(readers_beside_the_writer_miss_nothing),
        cmocka_unit_test(it_counts_what_it_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
