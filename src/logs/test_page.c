#include "logs/page.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { ROWS = 500 };

static int by_all(const void *a, const void *b)
{
    const struct logs_row *left = a, *right = b;
    if (left->rank != right->rank)
        return left->rank < right->rank ? -1 : 1;
    const int names = mr_slice_compare(left->name, right->name);
    if (names != 0)
        return names;
    return left->number < right->number ? -1 : left->number > right->number;
}

static void make_rows(struct logs_row rows[static ROWS])
{
    static const char *const names[] = {"a", "a/b", "", "zz"};
    uint32_t draw = 20251122;
    for (size_t i = 0; i < ROWS; i++) {
        draw = draw * 1664525u + 1013904223u;
        rows[i] = (struct logs_row){
            .rank = (int64_t)(draw >> 24) - 128,
            .number = i,
            .name = mr_slice_cstr(names[(draw >> 20) % 4]),
        };
    }
}

/* Goal: each row once, in order. Method: all pages in a row against one sort of everything. */
static void pages_walk(size_t limit, bool descending)
{
    static struct logs_row rows[ROWS], sorted[ROWS];
    struct mr_arena arena;
    struct logs_page page;
    struct mr_slice token = {0};
    size_t seen = 0;
    make_rows(rows);
    memcpy(sorted, rows, sizeof rows);
    qsort(sorted, ROWS, sizeof *sorted, by_all);
    mr_arena_init(&arena);
    do {
        assert_true(logs_page_init(&page, &arena, limit, descending, token));
        for (size_t i = 0; i < ROWS; i++)
            logs_page_offer(&page, rows[i]);
        logs_page_close(&page);
        assert_true(page.count == limit || !page.more);
        for (size_t i = 0; i < page.count; i++, seen++)
            assert_int_equal(page.rows[i].number,
                             sorted[descending ? ROWS - 1 - seen : seen].number);
        token = page.more ? logs_page_token(&page) : (struct mr_slice){0};
    } while (page.more);
    assert_int_equal(seen, ROWS);
    mr_arena_fini(&arena);
}

static void pages_in_a_row_hold_each_row_once_in_order(void **state)
{
    (void)state;
    static const size_t limits[] = {1, 7, 250, ROWS, 10000};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        pages_walk(limits[i], false);
        pages_walk(limits[i], true);
    }
}

static void nothing_offered_is_an_empty_page(void **state)
{
    (void)state;
    struct mr_arena arena;
    struct logs_page page;
    mr_arena_init(&arena);
    assert_true(logs_page_init(&page, &arena, 3, false, MR_S("")));
    logs_page_close(&page);
    assert_int_equal(page.count, 0);
    assert_false(page.more);
    mr_arena_fini(&arena);
}

static void a_token_that_is_not_ours_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"x", "1", "1/2x/a", "/1/a", "9999999999999999999999/1/a"};
    struct mr_arena arena;
    struct logs_page page;
    mr_arena_init(&arena);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(logs_page_init(&page, &arena, 3, false, mr_slice_cstr(bad[i])));
    mr_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_in_a_row_hold_each_row_once_in_order),
        cmocka_unit_test(nothing_offered_is_an_empty_page),
        cmocka_unit_test(a_token_that_is_not_ours_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
