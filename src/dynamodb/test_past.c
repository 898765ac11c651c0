#include "dynamodb/recovery.h"
#include "base/rng.h"
#include "runtime/runtime.h"
#include "base/test_folder.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

/* Goal: a state of any millisecond, and what changed in any window, as an array tells it that
 * cannot be wrong. Method: seeded random changes of few keys on a clock that stands still more
 * often than not, several keys an entry, with flushes in between. */
enum { KEYS = 20, STEPS = 300, NUMBER = 7, HISTORY = 9 };

struct fixture {
    struct dynamodb dynamodb;
    struct dynamodb_recovery recovery;
    char folder[TEST_FOLDER_SIZE];
    int64_t now_ms;
    struct mr_rng rng;
    /* value of each key by the end of each millisecond; 0: none */
    uint32_t truth[STEPS * 3][KEYS];
    int64_t touched[STEPS * 3][KEYS]; /* the last millisecond in which it was changed; 0: never */
};

static int64_t read_clock(void *ctx)
{
    return ((struct fixture *)ctx)->now_ms;
}

static int setup(void **state)
{
    struct fixture *fixture = mr_calloc(1, sizeof(*fixture));
    struct store_options options = {.clock = {.now_ms = read_clock, .ctx = fixture}};
    test_folder_make(fixture->folder);
    options.folder = fixture->folder;
    fixture->now_ms = 1;
    mr_rng_init_seed(&fixture->rng, 20251129);
    assert_int_equal(store_open(&fixture->dynamodb.store, &options), MR_OK);
    fixture->dynamodb.recovery = &fixture->recovery;
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    store_close(fixture->dynamodb.store);
    test_folder_remove(fixture->folder);
    free(fixture);
    return 0;
}

static struct mr_slice item_of(struct mr_arena *arena, uint32_t key, uint32_t value)
{
    struct item_field fields[] = {
        {MR_S("k"), item_value_scalar(arena, ITEM_S, mr_arena_printf(arena, "%02u", key))},
        {MR_S("v"), item_value_scalar(arena, ITEM_S, mr_arena_printf(arena, "%u", value))},
    };
    return item_make(arena, fields, MR_COUNT(fields));
}

static uint32_t number_in(struct mr_slice item, const char *name)
{
    uint64_t number = 0;
    if (item.ptr == NULL)
        return 0;
    struct item_value value = item_get(item, mr_slice_cstr(name));
    assert_int_equal(mr_slice_to_u64(value.body, &number), MR_OK);
    return (uint32_t)number;
}

/* One entry: some keys put or deleted, with their history, as write.c does it. */
static void change(struct fixture *fixture, uint32_t *now)
{
    struct mr_arena arena;
    int64_t ticket;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    for (uint32_t key = 0; key < KEYS; key++) {
        if (mr_rng_below(&fixture->rng, 6) != 0)
            continue;
        uint32_t value = (uint32_t)mr_rng_below(&fixture->rng, 4);
        if (value == 0 && now[key] == 0)
            continue;
        struct mr_slice name = mr_arena_printf(&arena, "...%c%02u", NUMBER, key);
        memset((char *)(uintptr_t)name.ptr, 0, 3);
        struct mr_slice old = {0};
        if (now[key] != 0)
            old = item_of(&arena, key, now[key]);
        if (value != 0)
            store_entry_put(&entry, VIEW_ITEM, name, item_of(&arena, key, value));
        else
            store_entry_delete(&entry, VIEW_ITEM, name);
        dynamodb_history_add(HISTORY, name, old, &entry);
        now[key] = value;
        fixture->touched[fixture->now_ms][key] = fixture->now_ms;
    }
    assert_int_equal(dynamodb_commit_locked(&fixture->dynamodb, &entry, &ticket), MR_OK);
    mr_arena_fini(&arena);
}

/* Returns the last millisecond. */
static int64_t make_history(struct fixture *fixture)
{
    uint32_t now[KEYS] = {0};
    for (int step = 0; step < STEPS; step++) {
        int64_t later_ms = fixture->now_ms + (int64_t)mr_rng_below(&fixture->rng, 3);
        for (int64_t ms = fixture->now_ms + 1; ms <= later_ms; ms++) {
            memcpy(fixture->truth[ms], now, sizeof(now));
            memcpy(fixture->touched[ms], fixture->touched[ms - 1], sizeof(fixture->touched[ms]));
        }
        fixture->now_ms = later_ms;
        change(fixture, now);
        memcpy(fixture->truth[later_ms], now, sizeof(now));
        if (step % 97 == 96)
            assert_int_equal(store_flush(fixture->dynamodb.store, true), MR_OK);
    }
    return fixture->now_ms;
}

static struct dynamodb_moment moment_at(struct view_snapshot *snapshot, int64_t time_ms)
{
    return (struct dynamodb_moment){.snapshot = snapshot,
                                    .number = NUMBER,
                                    .history = HISTORY,
                                    .to = dynamodb_stamp_of(time_ms + 1)};
}

static void check_state(struct fixture *fixture, struct view_snapshot *snapshot, int64_t time_ms)
{
    struct dynamodb_moment moment = moment_at(snapshot, time_ms);
    struct dynamodb_past past;
    uint32_t got[KEYS] = {0};
    enum mr_status status;
    dynamodb_past_open(&past, &moment);
    while ((status = dynamodb_past_next(&past)) == MR_OK)
        got[number_in(past.new_item, "k")] = number_in(past.new_item, "v");
    assert_int_equal(status, MR_END);
    assert_memory_equal(got, fixture->truth[time_ms], sizeof(got));
    dynamodb_past_close(&past);
}

/* Changes in (from_ms, to_ms]. */
static void check_window(struct fixture *fixture, struct view_snapshot *snapshot, int64_t from_ms,
                         int64_t to_ms)
{
    struct dynamodb_moment moment = moment_at(snapshot, to_ms);
    struct dynamodb_past past;
    bool seen[KEYS] = {false};
    enum mr_status status;
    dynamodb_past_open_changes(&past, &moment, dynamodb_stamp_of(from_ms + 1));
    while ((status = dynamodb_past_next(&past)) == MR_OK) {
        struct mr_slice item = past.new_item.ptr != NULL ? past.new_item : past.old_item;
        uint32_t key = number_in(item, "k");
        seen[key] = true;
        assert_int_equal(number_in(past.new_item, "v"), fixture->truth[to_ms][key]);
        assert_int_equal(number_in(past.old_item, "v"), fixture->truth[from_ms][key]);
        assert_int_equal(past.stamp >> DYNAMODB_STAMP_BITS, fixture->touched[to_ms][key]);
    }
    assert_int_equal(status, MR_END);
    for (uint32_t key = 0; key < KEYS; key++) {
        bool came_and_went = fixture->truth[from_ms][key] == 0 && fixture->truth[to_ms][key] == 0;
        bool changed = fixture->touched[to_ms][key] > from_ms && !came_and_went;
        assert_int_equal(seen[key], changed);
    }
    dynamodb_past_close(&past);
}

static void every_millisecond_and_window_is_as_it_was(void **state)
{
    struct fixture *fixture = *state;
    int64_t last_ms = make_history(fixture);
    struct view_snapshot *snapshot = view_snapshot_new(store_view(fixture->dynamodb.store));
    for (int64_t ms = 1; ms <= last_ms; ms++)
        check_state(fixture, snapshot, ms);
    for (int i = 0; i < 500; i++) {
        int64_t from_ms = 1 + (int64_t)mr_rng_below(&fixture->rng, (uint64_t)last_ms);
        int64_t room = last_ms - from_ms + 1;
        int64_t to_ms = from_ms + (int64_t)mr_rng_below(&fixture->rng, (uint64_t)room);
        check_window(fixture, snapshot, from_ms, to_ms);
    }
    view_snapshot_free(snapshot);
}

/* Versions with a stamp of that millisecond or later, and all others. */
static void count_versions(struct fixture *fixture, int64_t kept_ms, size_t *ret_kept,
                           size_t *ret_others)
{
    const char number[4] = {0, 0, 0, HISTORY};
    struct view_iterator *iterator =
        view_iterate(store_view(fixture->dynamodb.store), VIEW_HISTORY, mr_slice_make(number, 4));
    *ret_kept = *ret_others = 0;
    for (view_iterator_first(iterator); view_iterator_valid(iterator);
         view_iterator_next(iterator)) {
        struct mr_slice key = view_iterator_key(iterator);
        uint64_t stamp = 0;
        for (size_t i = key.len - 8; i < key.len; i++)
            stamp = stamp << 8 | (uint8_t)key.ptr[i];
        *(stamp >= dynamodb_stamp_of(kept_ms) ? ret_kept : ret_others) += 1;
    }
    view_iterator_free(iterator);
}

static void what_no_state_of_the_period_needs_goes(void **state)
{
    struct fixture *fixture = *state;
    struct dynamodb *dynamodb = &fixture->dynamodb;
    struct runtime_options options = {.clock = {.now_ms = read_clock, .ctx = fixture}};
    int64_t last_ms = make_history(fixture), middle_ms = last_ms / 2;
    size_t kept, others, kept_now;
    count_versions(fixture, middle_ms + 1, &kept, &others);
    assert_true(kept > 0 && others > 0);
    fixture->now_ms = middle_ms + 86400000;
    pthread_rwlock_init(&dynamodb->lock, NULL);
    struct dynamodb_table *table = dynamodb_table_alloc(dynamodb);
    table->number = NUMBER;
    table->name = MR_S("t");
    table->locked.history =
        (struct dynamodb_history_state){.number = HISTORY, .since_ms = 1, .days = 1};
    dynamodb_table_publish(table);
    assert_int_equal(runtime_new(&dynamodb->runtime, &options), MR_OK);
    dynamodb_history_open(dynamodb);
    int64_t deadline_ms = mr_monotonic_ms() + 10000;
    do {
        count_versions(fixture, middle_ms + 1, &kept_now, &others);
        assert_int_equal(kept_now, kept);
    } while (others > 0 && mr_monotonic_ms() < deadline_ms);
    assert_int_equal(others, 0);
    dynamodb_history_close(dynamodb);
    runtime_free(dynamodb->runtime);
    struct view_snapshot *snapshot = view_snapshot_new(store_view(dynamodb->store));
    for (int64_t ms = middle_ms; ms <= last_ms; ms++)
        check_state(fixture, snapshot, ms);
    view_snapshot_free(snapshot);
    dynamodb_table_withdraw(table);
    dynamodb_table_unref(table);
    mr_map_fini(&dynamodb->locked.tables);
    pthread_rwlock_destroy(&dynamodb->lock);
}

static void stamps_rise_though_the_clock_stands_or_goes_back(void **state)
{
    struct fixture *fixture = *state;
    uint64_t last = 0;
    for (int i = 0; i < 1000; i++) {
        fixture->now_ms += i % 100 == 50 ? -20 : i % 10 == 0;
        uint64_t stamp = dynamodb_stamp_next(&fixture->dynamodb);
        assert_true(stamp > last);
        last = stamp;
    }
    assert_true(dynamodb_stamp_of(INT64_MAX) < dynamodb_now);
    assert_int_equal(dynamodb_stamp_of(-5), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_millisecond_and_window_is_as_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown(what_no_state_of_the_period_needs_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(stamps_rise_though_the_clock_stands_or_goes_back, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
