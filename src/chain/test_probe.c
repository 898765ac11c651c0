/* Probes: a position followed through hops, over a real journal. */
#include "chain/internal.h"
#include "base/test_folder.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

/* table T -(pipe p, window 1)-> stream S -(delivery d, window 2)-> bucket B */
struct house {
    char folder[TEST_FOLDER_SIZE];
    struct store *store;
    struct mr_arena arena;
    struct hop_list list;
    struct hop_seen seen;
};

static struct hop *add(struct house *house, const char *kind, const char *name, const char *from,
                       const char *to, uint32_t window)
{
    struct hop *hop = hop_list_add(&house->list, kind, mr_slice_cstr(name));
    hop->source = mr_slice_cstr(from);
    hop->sink = mr_slice_cstr(to);
    if (window != 0)
        hop_window_add(&house->list, hop,
                       &(struct hop_window){.window = window, .passed = 1, .end = INT64_MAX});
    return hop;
}

static int setup(void **state)
{
    struct house *house = mr_calloc(1, sizeof *house);
    test_folder_make(house->folder);
    const struct store_options options = {.folder = house->folder, .clock = mr_clock_system};
    assert_int_equal(store_open(&house->store, &options), MR_OK);
    mr_arena_init(&house->arena);
    house->list.arena = &house->arena;
    add(house, "pipe", "p", "table/T", "stream/S", 1);
    add(house, "delivery", "d", "stream/S", "bucket/B", 2);
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

/* Returns the position behind the record, which is durable. */
static int64_t put(struct house *house, uint32_t window)
{
    struct store_entry entry = store_entry_make(&house->arena);
    (void)store_entry_append(&entry, window, MR_S("key"), MR_S("value"));
    assert_int_equal(store_commit_wait(house->store, &entry), MR_OK);
    return journal_tail(store_journal(house->store));
}

static struct probe begin(struct house *house, const struct probe_choice *choice)
{
    struct probe probe;
    probe_init(&probe, &house->list, choice, 77, journal_tail(store_journal(house->store)));
    return probe;
}

static void follow(struct house *house, struct probe *probe)
{
    while (probe_step(probe, house->store, &house->list, &house->seen))
        continue;
}

static const struct probe_choice all;

static void what_is_empty_is_through_at_once(void **state)
{
    struct house *house = *state;
    struct probe probe = begin(house, &all);
    follow(house, &probe);
    assert_true(probe_is_done(&probe));
    probe_fini(&probe);
}

static void a_hop_is_asked_for_what_those_before_it_put(void **state)
{
    struct house *house = *state;
    struct hop *pipe = &house->list.hops[0], *delivery = &house->list.hops[1];
    int64_t behind = put(house, 1);
    struct probe probe = begin(house, &all);
    follow(house, &probe);
    assert_false(probe.hops[0].done);
    assert_int_equal(probe.hops[1].target, 0); /* nobody knows yet where its records will lie */
    const int64_t carried = put(house, 2);     /* the pipe carries its record ... */
    pipe->windows[0].passed = behind;
    behind = put(house, 1); /* ... and more is written, which is not asked for */
    follow(house, &probe);
    assert_true(probe.hops[0].done);
    assert_false(probe.hops[1].done);
    assert_true(probe.hops[1].target >= carried);
    delivery->windows[0].passed = carried;
    follow(house, &probe);
    assert_true(probe_is_done(&probe));
    probe_fini(&probe);
}

static void a_circle_is_followed_once_and_ends(void **state)
{
    struct house *house = *state;
    add(house, "pipe", "back", "stream/S", "stream/S", 3);
    add(house, "pipe", "there", "stream/S", "stream/U", 4);
    add(house, "pipe", "again", "stream/U", "stream/S", 5);
    struct probe probe = begin(house, &all);
    assert_int_equal(probe.count, 5);
    follow(house, &probe);
    assert_true(probe_is_done(&probe));
    probe_fini(&probe);
}

static void a_choice_takes_what_lies_between(void **state)
{
    struct house *house = *state;
    add(house, "pipe", "other", "table/U", "stream/V", 3);
    add(house, "delivery", "e", "stream/V", "bucket/B", 4);
    struct mr_slice source = MR_S("table/U"), delivery = MR_S("d");
    struct probe_choice choice = {.sources = &source, .source_count = 1};
    struct probe probe = begin(house, &choice);
    assert_int_equal(probe.count, 2);
    assert_string_equal(probe.hops[0].name, "other");
    probe_fini(&probe);
    choice.deliveries = &delivery;
    choice.delivery_count = 1;
    probe = begin(house, &choice);
    assert_int_equal(probe.count, 0);
    probe_fini(&probe);
}

static void who_is_gone_holds_nobody_up(void **state)
{
    struct house *house = *state;
    (void)put(house, 1);
    struct probe probe = begin(house, &all);
    follow(house, &probe);
    assert_false(probe_is_done(&probe));
    house->list.count = 0;
    follow(house, &probe);
    assert_true(probe_is_done(&probe));
    probe_fini(&probe);
}

static bool has_passed(struct house *house, const struct hop *hop, int64_t position)
{
    return hop_has_passed(house->store, hop, position, &house->seen);
}

static void a_lag_counts_records_bytes_and_age_up_to_a_limit(void **state)
{
    struct house *house = *state;
    struct hop *pipe = &house->list.hops[0];
    struct hop_lag lag;
    hop_measure(house->store, pipe, 10, &lag);
    assert_int_equal(lag.records, 0);
    assert_int_equal(lag.oldest_ms, 0);
    const int64_t first = put(house, 1);
    (void)put(house, 2);
    const int64_t second = put(house, 1);
    (void)put(house, 1);
    hop_measure(house->store, pipe, 10, &lag);
    assert_int_equal(lag.records, 3);
    assert_int_equal(lag.bytes, 3 * (sizeof "key" - 1 + sizeof "value" - 1));
    assert_true(lag.oldest_ms > 0);
    assert_false(lag.more);
    hop_measure(house->store, pipe, 2, &lag);
    assert_int_equal(lag.records, 2);
    assert_true(lag.more);
    pipe->windows[0].passed = first;
    pipe->windows[0].end = second; /* a shard that was closed: the third is another's */
    hop_measure(house->store, pipe, 10, &lag);
    assert_int_equal(lag.records, 1);
    assert_false(has_passed(house, pipe, INT64_MAX)); /* not durable */
    pipe->windows[0].passed = second;
    assert_true(has_passed(house, pipe, journal_tail(store_journal(house->store))));
}

static void what_was_found_silent_is_known_and_what_comes_behind_it_is_found(void **state)
{
    struct house *house = *state;
    struct hop *pipe = &house->list.hops[0];
    int64_t tail = 0;
    for (int i = 0; i < 3; i++)
        tail = put(house, 2);
    assert_true(has_passed(house, pipe, tail));
    assert_int_equal(house->seen.slots[1].window, 1);
    assert_int_equal(house->seen.slots[1].from, 1);
    assert_int_equal(house->seen.slots[1].to, tail);
    const int64_t behind = put(house, 1);
    assert_true(has_passed(house, pipe, tail));
    assert_false(has_passed(house, pipe, behind));
    assert_false(has_passed(house, pipe, behind));              /* from what is known now */
    assert_in_range(house->seen.slots[1].to, tail, behind - 1); /* nothing up to that record */
    tail = put(house, 2);
    assert_false(has_passed(house, pipe, tail));
    pipe->windows[0].passed = behind;
    assert_true(has_passed(house, pipe, tail));
    assert_int_equal(house->seen.slots[1].from, behind);
    pipe->windows[0].passed = 1; /* a reader that begins again */
    assert_false(has_passed(house, pipe, tail));
    hop_window_add(
        &house->list, pipe, /* of the same slot */
        &(struct hop_window){.window = 1 + HOP_SEEN_WINDOWS, .passed = 1, .end = INT64_MAX});
    pipe->windows[0].passed = behind;
    assert_true(has_passed(house, pipe, tail));
    assert_false(has_passed(house, pipe, put(house, 1 + HOP_SEEN_WINDOWS)));
    assert_true(has_passed(house, pipe, tail));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_empty_is_through_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_hop_is_asked_for_what_those_before_it_put, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_circle_is_followed_once_and_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(a_choice_takes_what_lies_between, setup, teardown),
        cmocka_unit_test_setup_teardown(who_is_gone_holds_nobody_up, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lag_counts_records_bytes_and_age_up_to_a_limit, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            what_was_found_silent_is_known_and_what_comes_behind_it_is_found, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
