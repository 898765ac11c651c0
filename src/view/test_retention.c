/* What of the journal goes, and what stays: floors, cursors, the view, a crash in between. */
#include "view/store.h"
#include "base/test_folder.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

enum { SEGMENT = 64 << 10, RECORD = 1000, WINDOW = 7 };

struct house {
    char folder[TEST_FOLDER_SIZE];
    struct mr_clock_movable clock;
    struct store *store;
    struct mr_arena arena;
};

struct late {
    struct house *house;
    int64_t at;
    int asked;
};

static void open_it(struct house *house)
{
    const struct store_options options = {.folder = house->folder,
                                          .clock = mr_clock_of_movable(&house->clock),
                                          .segment_bytes = SEGMENT};
    assert_int_equal(store_open(&house->store, &options), MR_OK);
}

static int setup(void **state)
{
    struct house *house = mr_calloc(1, sizeof *house);
    test_folder_make(house->folder);
    mr_arena_init(&house->arena);
    open_it(house);
    *state = house;
    return 0;
}

static int teardown(void **state)
{
    struct house *house = *state;
    store_close(house->store);
    mr_arena_fini(&house->arena);
    test_folder_remove(house->folder);
    free(house);
    return 0;
}

/* Writes so many segments' worth of records; returns the position of the first of them. */
static int64_t fill(struct house *house, int segments)
{
    static char bytes[RECORD];
    int64_t first = 0, ticket = 0;
    for (int i = 0; i < segments * SEGMENT / RECORD; i++) {
        struct store_entry entry = store_entry_make(&house->arena);
        (void)store_entry_append(&entry, WINDOW, MR_S("k"), mr_slice_make(bytes, sizeof bytes));
        assert_int_equal(store_commit(house->store, &entry, &ticket), MR_OK);
        first = i == 0 ? entry.ops[0].position : first;
    }
    assert_int_equal(store_wait(house->store, ticket), MR_OK);
    return first;
}

static void put_cursor(struct house *house, const char *name, int64_t position)
{
    struct store_entry entry = store_entry_make(&house->arena);
    store_cursor_put(&entry, mr_slice_cstr(name), position);
    assert_int_equal(store_commit_wait(house->store, &entry), MR_OK);
}

static int64_t told_floor(void *ctx)
{
    return *(int64_t *)ctx;
}

static int64_t first_of(struct house *house)
{
    return journal_first(store_journal(house->store));
}

/* The segment that holds `position` is the oldest one left. */
static void assert_begins_with(struct house *house, int64_t position)
{
    assert_true(first_of(house) <= position);
    assert_true(journal_oldest_end(store_journal(house->store)) > position);
}

static void without_a_floor_all_but_the_newest_segment_goes(void **state)
{
    struct house *house = *state;
    fill(house, 5);
    const char *name;
    assert_int_equal(store_floor_lowest(house->store, &name),
                     view_flushed(store_view(house->store)));
    assert_string_equal(name, "view"); /* nothing is flushed so early: retaining does it */
    assert_int_equal(store_retain(house->store), MR_OK);
    assert_int_equal(journal_oldest_end(store_journal(house->store)), INT64_MAX);
    store_close(house->store);
    open_it(house);
    struct journal_stats stats;
    journal_stats_get(store_journal(house->store), &stats);
    assert_int_equal(stats.segments, 1);
}

static void the_lowest_floor_holds_and_is_named(void **state)
{
    struct house *house = *state;
    fill(house, 3);
    int64_t low = fill(house, 3);
    int64_t high = fill(house, 3);
    const int64_t low_at_first = low;
    store_floor_register(house->store, "low", told_floor, &low);
    store_floor_register(house->store, "high", told_floor, &high);
    assert_int_equal(store_retain(house->store), MR_OK);
    assert_begins_with(house, low);
    const char *name;
    assert_int_equal(store_floor_lowest(house->store, &name), low);
    assert_string_equal(name, "low");
    struct journal_cursor cursor = {.position = low};
    struct journal_op op;
    assert_int_equal(journal_next(store_journal(house->store), WINDOW, &cursor, &op), MR_OK);
    assert_int_equal(op.position, low);
    journal_cursor_fini(&cursor);
    low = INT64_MAX;
    assert_int_equal(store_retain(house->store), MR_OK);
    assert_begins_with(house, high);
    cursor = (struct journal_cursor){.position = low_at_first};
    assert_int_equal(journal_next(store_journal(house->store), WINDOW, &cursor, &op), MR_NOT_FOUND);
    journal_cursor_fini(&cursor);
    store_floor_unregister(house->store, &high);
    store_floor_unregister(house->store, &low);
    assert_int_equal(store_retain(house->store), MR_OK);
    assert_true(first_of(house) > high);
}

/* Nothing is flushed here, and retaining has no reason to. */
static void who_needs_the_oldest_segment_is_named_though_the_view_is_behind(void **state)
{
    struct house *house = *state;
    int64_t low = fill(house, 3);
    store_floor_register(house->store, "low", told_floor, &low);
    assert_int_equal(store_retain(house->store), MR_OK);
    assert_true(view_flushed(store_view(house->store)) < low);
    const char *name;
    assert_int_equal(store_floor_lowest(house->store, &name), low);
    assert_string_equal(name, "low");
    store_floor_unregister(house->store, &low);
}

static void the_oldest_cursor_of_a_prefix_holds_for_seven_days(void **state)
{
    struct house *house = *state;
    fill(house, 2);
    const int64_t mine = fill(house, 2);
    assert_true(store_cursor_floor(house->store, MR_S("a/")) == INT64_MAX);
    put_cursor(house, "a/done", INT64_MAX);
    put_cursor(house, "b/x", 1);
    assert_true(store_cursor_floor(house->store, MR_S("a/")) == INT64_MAX);
    put_cursor(house, "a/1", mine + 5000);
    put_cursor(house, "a/2", mine);
    assert_int_equal(store_cursor_floor(house->store, MR_S("a/")), mine);
    const int64_t now_ms = store_now(house->store);
    const int64_t later_ms = now_ms + STORE_CURSOR_HELD_MS - 60000;
    assert_int_equal(mr_clock_move(&house->clock, later_ms, true), MR_OK);
    assert_int_equal(store_cursor_floor(house->store, MR_S("a/")), mine);
    const int64_t young = fill(house, 2);
    assert_int_equal(mr_clock_move(&house->clock, later_ms + 120000, true), MR_OK);
    /* The entry in which that record lies. */
    assert_in_range(store_cursor_floor(house->store, MR_S("a/")), young - 64, young);
}

/* Needs nothing when asked, and then everything that comes. */
static int64_t late_floor(void *ctx)
{
    struct late *late = ctx;
    late->asked++;
    if (late->at == 0)
        late->at = fill(late->house, 3);
    return late->asked == 1 ? INT64_MAX : late->at;
}

static void who_begins_to_need_positions_after_its_floor_was_asked_finds_them(void **state)
{
    struct house *house = *state;
    struct late late = {.house = house};
    fill(house, 2);
    store_floor_register(house->store, "late", late_floor, &late);
    assert_int_equal(store_retain(house->store), MR_OK);
    assert_int_equal(late.asked, 1);
    assert_begins_with(house, late.at);
    store_floor_unregister(house->store, &late);
}

static int64_t cursors_floor(void *ctx)
{
    struct house *house = ctx;
    return store_cursor_floor(house->store, MR_S("a/"));
}

static void what_a_cursor_has_left_goes_and_what_it_needs_is_there_after_a_restart(void **state)
{
    struct house *house = *state;
    int64_t at = fill(house, 3);
    for (int round = 0; round < 4; round++) {
        put_cursor(house, "a/1", at);
        store_floor_register(house->store, "a", cursors_floor, house);
        assert_int_equal(store_retain(house->store), MR_OK);
        assert_begins_with(house, at);
        store_floor_unregister(house->store, house);
        store_close(house->store);
        open_it(house);
        assert_int_equal(store_cursor_get(house->store, MR_S("a/1"), &at), MR_OK);
        struct journal_cursor cursor = {.position = at};
        struct journal_op op;
        assert_int_equal(journal_next(store_journal(house->store), WINDOW, &cursor, &op), MR_OK);
        assert_int_equal(op.position, at);
        journal_cursor_fini(&cursor);
        at = fill(house, 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_a_floor_all_but_the_newest_segment_goes, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_lowest_floor_holds_and_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(
            who_needs_the_oldest_segment_is_named_though_the_view_is_behind, setup, teardown),
        cmocka_unit_test_setup_teardown(the_oldest_cursor_of_a_prefix_holds_for_seven_days, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            who_begins_to_need_positions_after_its_floor_was_asked_finds_them, setup, teardown),
        cmocka_unit_test_setup_teardown(
            what_a_cursor_has_left_goes_and_what_it_needs_is_there_after_a_restart, setup,
            teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
