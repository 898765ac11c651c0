#include "athena/match.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum { ROWS_MAX = 20000 };

static struct mr_slice no_text(const void *data, size_t at)
{
    (void)data;
    (void)at;
    return MR_S("");
}

/* Rows with one column of numbers; the results as "row:label[!]" where ! is a row that is shown. */
static const char *run(const char *plan_text, const int64_t *numbers, size_t count, int64_t *budget,
                       char *out, size_t size)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    const struct match_plan *plan = match_plan_read(&arena, mr_slice_cstr(plan_text));
    assert_non_null(plan);
    const struct match_column column = {.kind = 'i', .data = numbers};
    const struct match_rows rows = {.columns = &column, .count = count, .text = no_text};
    struct match_result_list result = {0};
    const char *error = match_partition(plan, &rows, budget, &result);
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < result.count && len < size - 40;
         i += MATCH_RESULT_FIELDS + plan->measure_count) {
        const int64_t *of = result.list + i;
        len += (size_t)snprintf(out + len, size - len, "%s%lld:%lld%s", len > 0 ? " " : "",
                                (long long)of[MATCH_RESULT_ROW], (long long)of[MATCH_RESULT_LABEL],
                                (of[MATCH_RESULT_FLAGS] & MATCH_SHOWN) != 0 ? "!" : "");
        for (size_t k = 0; k < plan->measure_count; k++)
            len += (size_t)snprintf(out + len, size - len, ",%lld",
                                    (long long)of[MATCH_RESULT_FIELDS + k]);
    }
    free(result.list);
    mr_arena_fini(&arena);
    return error;
}

/* Column 0 of the row <sign> that of the row `slot` finds; signs: less 1, equal 2, greater 4. */
#define COMPARED(sign, slot)                                          \
    "[\"<i\",0," sign ",-1,0,0,0,0,\"\",[\"c\",0,0,-1,0,0,0,0,\"\"]," \
    "[\"@\",0,0,-1," slot ",0,0,0,\"\"]]"
/* A B*: 0 label A, 1 split 2 4, 2 label B, 3 split 2 4, 4 done */
#define A_B_STAR "\"steps\":[0,0,0,0,1,2,4,0,0,1,0,0,1,2,4,0,5,0,0,0],\"labels\":[\"A\",\"B\"]"

static void conditions_look_at_what_was_matched(void **state)
{
    (void)state;
    static const int64_t numbers[] = {5, 7, 6, 4, 9};
    char out[200];
    int64_t budget = 100000;
    /* B is greater than the A of its match */
    assert_null(
        run("{" A_B_STAR ",\"if\":[null," COMPARED(
                "4", "0") "],\"slots\":[[1,0,0,-1,0,0,"
                          "[1,0]]],\"nav\":[[0,0,0,-1,0,0,[0,1]],[1,0,1,-1,0,0,null]],\"flags\":1}",
            numbers, 5, &budget, out, sizeof out));
    assert_string_equal(out, "0:1!,0,2 1:2!,2,3 2:2!,2,4 3:1!,0,5 4:2!,5,0");
}

static void one_row_a_match_unless_all_are_wanted(void **state)
{
    (void)state;
    static const int64_t numbers[] = {1, 2, 3};
    char out[200];
    int64_t budget = 100000;
    assert_null(run("{" A_B_STAR ",\"if\":[null,null],\"slots\":[],\"nav\":[],\"flags\":0}",
                    numbers, 3, &budget, out, sizeof out));
    assert_string_equal(out, "2:2!");
    assert_null(run("{" A_B_STAR ",\"if\":[null,null],\"slots\":[],\"nav\":[],\"flags\":64}",
                    numbers, 3, &budget, out, sizeof out));
    assert_string_equal(out, "0:1 1:2 2:2!");
    assert_null(run("{" A_B_STAR ",\"if\":[null,null],\"slots\":[],\"nav\":[],\"flags\":8}",
                    numbers, 3, &budget, out, sizeof out));
    assert_string_equal(out, "2:2! 2:2! 2:1!");
}

/* Goal: nested repetition, which step-by-step matchers try in 2^n ways, costs what its rows and
 * steps do. ((A*)*)* C with no C, over many rows. */
static void nested_repetition_is_cheap(void **state)
{
    (void)state;
    static int64_t numbers[ROWS_MAX];
    char out[200];
    int64_t budget = 1000000;
    /* ^ first, so that it begins at one row: 0 start, 1 split 2 8, 2 split 3 7, 3 split 4 6,
     * 4 label A, 5 split 4 6, 6 split 3 7, 7 split 2 8, 8 label C, 9 done */
    assert_null(run("{\"steps\":[3,0,0,0,1,2,8,0,1,3,7,0,1,4,6,0,0,0,0,0,1,4,6,0,1,3,7,0,1,2,8,0,"
                    "0,1,0,0,5,0,0,0],\"labels\":[\"A\",\"C\"],\"if\":[null,[\"<i\",0,2,-1,0,0,0,0,"
                    "\"\",[\"c\",0,0,-1,0,0,0,0,\"\"],[\"n\",0,0,-1,0,0,0,0,\"\"]]],\"slots\":[],"
                    "\"nav\":[],\"flags\":0}",
                    numbers, ROWS_MAX, &budget, out, sizeof out));
    assert_string_equal(out, "");
}

/* (A | B)* C where C looks at the sum of A's values: every choice is a state of its own. */
static const char sums[] =
    "{\"steps\":[1,1,6,0,1,2,4,0,0,0,0,0,2,5,0,0,0,1,0,0,1,1,6,0,0,2,0,0,5,0,0,0],"
    "\"labels\":[\"A\",\"B\",\"C\"],\"if\":[null,null,[\"<i\",0,2,-1,0,0,0,0,\"\","
    "[\"a\",0,0,-1,0,0,0,0,\"\"],[\"m\",0,0,-1,0,0,0,0,\"\",[\"n\",0,0,-1,0,0,0,0,\"\"]]]],"
    "\"slots\":[[3,0,0,0,0,0,[1,0,0]]],\"nav\":[],\"flags\":0}";

static void states_that_explode_end_within_limits(void **state)
{
    (void)state;
    static int64_t numbers[64];
    char out[200];
    int64_t budget = 40000000;
    for (size_t i = 0; i < 62; i++)
        numbers[i] = INT64_C(1) << i;
    const char *error = run(sums, numbers, 62, &budget, out, sizeof out);
    assert_non_null(error);
    assert_true(strncmp(error, "EXCEEDED_", 9) == 0);
    budget = 1000;
    error = run(sums, numbers, 62, &budget, out, sizeof out);
    assert_non_null(error);
    assert_true(strncmp(error, "EXCEEDED_CPU_LIMIT: ", 20) == 0);
}

static void plans_that_are_none_are_told(void **state)
{
    (void)state;
    struct mr_arena arena;
    mr_arena_init(&arena);
    assert_null(match_plan_read(&arena, MR_S("")));
    assert_null(match_plan_read(&arena, MR_S("{\"labels\":[\"A\"],\"if\":[]}")));
    mr_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_look_at_what_was_matched),
        cmocka_unit_test(one_row_a_match_unless_all_are_wanted),
        cmocka_unit_test(nested_repetition_is_cheap),
        cmocka_unit_test(states_that_explode_end_within_limits),
        cmocka_unit_test(plans_that_are_none_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
