/* The comparison that the demo's last line rests on: each kind of damage must show. */
#include "cli/landed.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

enum { CHANGES = 6 };
/* Two orders, interleaved: insert, update, delete each. */
static struct sales_change changes[CHANGES] = {
    {.order = 1, .kind = SALES_INSERT, .quantity = 1, .cents = 100},
    {.order = 2, .kind = SALES_INSERT, .quantity = 2, .cents = 200},
    {.order = 1, .kind = SALES_UPDATE, .quantity = 3, .cents = 300},
    {.order = 2, .kind = SALES_UPDATE, .quantity = 4, .cents = 400},
    {.order = 1, .kind = SALES_DELETE},
    {.order = 2, .kind = SALES_DELETE},
};
static const struct sales_run run = {
    .changes = changes, .count = CHANGES, .inserts = 2, .updates = 2, .deletes = 2};

/* What should have landed: three lines in each of two objects. */
static struct landed perfect(void)
{
    struct landed landed = {.count = CHANGES, .capacity = CHANGES + 1, .objects = 2};
    landed.lines = calloc(CHANGES + 1, sizeof *landed.lines);
    for (size_t i = 0; i < CHANGES; i++)
        landed.lines[i] = (struct landed_line){
            .order = changes[i].order,
            .kind = changes[i].kind,
            .quantity = changes[i].quantity,
            .cents = changes[i].cents,
            .sequence = 100 + i,
            .object = (uint32_t)i / 3,
            .line = (uint32_t)i % 3,
        };
    return landed;
}

static void what_landed_whole_has_nothing_to_complain_of(void **state)
{
    (void)state;
    struct landed landed = perfect();
    const struct landed_verdict v = landed_compare(&landed, &run);
    assert_int_equal(v.lost + v.doubled + v.out_of_order, 0);
    assert_int_equal(v.inserts, 2);
    assert_int_equal(v.updates, 2);
    assert_int_equal(v.deletes, 2);
    landed_fini(&landed);
}

static void a_missing_change_is_lost_wherever_it_was(void **state)
{
    (void)state;
    for (size_t missing = 0; missing < CHANGES; missing++) {
        struct landed landed = perfect();
        landed.lines[missing] = landed.lines[CHANGES - 1];
        landed.count--;
        const struct landed_verdict v = landed_compare(&landed, &run);
        assert_int_equal(v.lost, 1);
        assert_int_equal(v.doubled, 0);
        landed_fini(&landed);
    }
    struct landed nothing = {0};
    assert_int_equal(landed_compare(&nothing, &run).lost, CHANGES);
}

static void a_change_that_landed_twice_is_doubled(void **state)
{
    (void)state;
    struct landed landed = perfect();
    landed.lines[CHANGES] = landed.lines[2];
    landed.lines[CHANGES].object = 1;
    landed.count++;
    const struct landed_verdict v = landed_compare(&landed, &run);
    assert_int_equal(v.doubled, 1);
    assert_int_equal(v.lost, 0);
    landed_fini(&landed);
}

static void changes_of_an_order_that_swapped_places_are_out_of_order(void **state)
{
    (void)state;
    struct landed landed = perfect(); /* the stream itself was wrong: sequence against content */
    const uint64_t first = landed.lines[0].sequence;
    landed.lines[0].sequence = landed.lines[2].sequence;
    landed.lines[2].sequence = first;
    assert_true(landed_compare(&landed, &run).out_of_order > 0);
    landed_fini(&landed);
    landed = perfect(); /* right sequences, wrong lines of one object */
    landed.lines[0].line = 2;
    landed.lines[2].line = 0;
    assert_int_equal(landed_compare(&landed, &run).out_of_order, 1);
    landed_fini(&landed);
    landed = perfect(); /* an object comes back: 0, 1, 0 */
    landed.lines[2].object = 1;
    landed.lines[4].object = 0;
    assert_int_equal(landed_compare(&landed, &run).out_of_order, 1);
    landed_fini(&landed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_landed_whole_has_nothing_to_complain_of),
        cmocka_unit_test(a_missing_change_is_lost_wherever_it_was),
        cmocka_unit_test(a_change_that_landed_twice_is_doubled),
        cmocka_unit_test(changes_of_an_order_that_swapped_places_are_out_of_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
