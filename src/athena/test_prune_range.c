#include "athena/prune_range.h"
#include "base/rng.h"
#include "athena/test_parse.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const struct mr_slice keys[] = {MR_S_INIT("n"), MR_S_INIT("s"), MR_S_INIT("d")};
static const struct iceberg_type types[] = {
    {.kind = ICEBERG_INT}, {.kind = ICEBERG_STRING}, {.kind = ICEBERG_DATE}};

static bool keeps(struct mr_arena *arena, const char *text, bool only,
                  const struct athena_range *ranges)
{
    const struct athena_prune prune = {.where = test_parse(arena, text, athena_parse_expression),
                                       .alias = MR_S("t"),
                                       .only = only,
                                       .keys = keys,
                                       .key_count = MR_COUNT(keys)};
    return athena_prune_range(&prune, arena, ranges);
}

/* n from 10 to 20, no nulls; s from "b" to "d"; d not known. */
static void set_ranges(struct mr_arena *arena, struct athena_range ranges[static 3])
{
    memset(ranges, 0, 3 * sizeof *ranges);
    for (size_t i = 0; i < MR_COUNT(types); i++)
        ranges[i].type = &types[i];
    ranges[0].lower = iceberg_value_number(arena, &types[0], 10);
    ranges[0].upper = iceberg_value_number(arena, &types[0], 20);
    ranges[0].no_nulls = true;
    ranges[1].lower = MR_S("b");
    ranges[1].upper = MR_S("d");
}

static void only_what_is_certain_rules_a_file_out(void **state)
{
    (void)state;
    static const struct {
        const char *where;
        bool kept;
    } cases[] = {
        {"n = 9", false},
        {"n = 10", true},
        {"n = 21", false},
        {"n = -15", false},
        {"n = 9223372036854775807", false},
        {"n < 10", false},
        {"n <= 10", true},
        {"n > 20", false},
        {"n >= 20", true},
        {"10 > n", false},
        {"20 <= n", true},
        {"n <> 15", true},
        {"n in (1, 2, 30)", false},
        {"n in (1, 2, 15)", true},
        {"n in (1, s)", true},
        {"n not in (1)", true},
        {"n between 1 and 9", false},
        {"n between 21 and 30", false},
        {"n between 1 and 10", true},
        {"n between 19 and 11", true}, /* false of every row, and not seen */
        {"n is null", false},
        {"n is not null", true},
        {"s is null", true},
        {"s = 'a'", false},
        {"s = 'c'", true},
        {"s = 'da'", false},
        {"s > 'd'", false},
        {"d = date '2026-07-03'", true},
        {"n = 9 or s = 'c'", true},
        {"n = 9 or s = 'a'", false},
        {"n = 15 and s = 'a'", false},
        {"not n = 15", true},
        {"n = 9.0", true},
        {"n = '9'", true},
        {"n + 0 = 9", true},
        {"other.n = 9", true},
        {"t.n = 9", false},
        {"n = 9 and unknown = 3", false},
    };
    struct mr_arena arena;
    struct athena_range ranges[3];
    mr_arena_init(&arena);
    set_ranges(&arena, ranges);
    for (size_t i = 0; i < MR_COUNT(cases); i++)
        if (keeps(&arena, cases[i].where, true, ranges) != cases[i].kept)
            fail_msg("%s", cases[i].where);
    /* Beside other tables a name alone may be theirs, and a null may come from a join. */
    assert_true(keeps(&arena, "n = 9", false, ranges));
    assert_false(keeps(&arena, "t.n = 9", false, ranges));
    assert_true(keeps(&arena, "t.n is null", false, ranges));
    mr_arena_fini(&arena);
}

static void bounds_that_cannot_be_are_passed_over(void **state)
{
    (void)state;
    struct mr_arena arena;
    struct athena_range ranges[3];
    mr_arena_init(&arena);
    static const struct mr_slice lengths[] = {MR_S_INIT(""), MR_S_INIT("\x01"),
                                              MR_S_INIT("\x01\x02\x03"),
                                              MR_S_INIT("\x01\x02\x03\x04\x05\x06\x07\x08")};
    for (size_t i = 0; i < MR_COUNT(lengths); i++) {
        set_ranges(&arena, ranges);
        ranges[0].lower = ranges[0].upper = lengths[i];
        athena_range_check(&ranges[0]);
        assert_null(ranges[0].lower.ptr);
        assert_true(keeps(&arena, "n = 7", true, ranges));
    }
    set_ranges(&arena, ranges);
    const struct mr_slice lower = ranges[0].lower;
    ranges[0].lower = ranges[0].upper;
    ranges[0].upper = lower; /* upside down */
    athena_range_check(&ranges[0]);
    assert_true(keeps(&arena, "n = 15", true, ranges));
    assert_true(keeps(&arena, "n = 99", true, ranges));
    mr_arena_fini(&arena);
}

/* Goal: no row that passes is ever ruled out. Method: random rows, their true bounds, and random
 * clauses of AND, OR and comparisons, evaluated row by row beside it. */
struct clause {
    char text[2000];
    bool passes[8]; /* of each row */
};
struct rows {
    int64_t n[8];
    bool null[8];
};

static struct clause make_clause(struct mr_rng *rng, const struct rows *rows, int depth)
{
    static const char *const operators[] = {"=", "<", "<=", ">", ">=", "<>"};
    struct clause clause = {0};
    const uint64_t pick = mr_rng_u64(rng) % 8;
    if (depth > 0 && pick < 5) {
        const struct clause a = make_clause(rng, rows, depth - 1);
        const struct clause b = make_clause(rng, rows, depth - 1);
        const bool both = pick < 2;
        snprintf(clause.text, sizeof clause.text, "(%.900s) %s (%.900s)", a.text,
                 both ? "AND" : "OR", b.text);
        for (size_t i = 0; i < 8; i++)
            clause.passes[i] = both ? a.passes[i] && b.passes[i] : a.passes[i] || b.passes[i];
        return clause;
    }
    if (pick == 7) {
        const bool not = mr_rng_u64(rng) % 2 == 0;
        snprintf(clause.text, sizeof clause.text, not ? "n IS NOT NULL" : "n IS NULL");
        for (size_t i = 0; i < 8; i++)
            clause.passes[i] = rows->null[i] != not ;
        return clause;
    }
    const size_t which = mr_rng_u64(rng) % MR_COUNT(operators);
    const int64_t literal = (int64_t)(mr_rng_u64(rng) % 24) - 12;
    snprintf(clause.text, sizeof clause.text, "n %s %lld", operators[which], (long long)literal);
    for (size_t i = 0; i < 8; i++) {
        const int64_t n = rows->n[i];
        const bool by[] = {n == literal, n<literal, n <= literal, n> literal, n >= literal,
                           n != literal};
        clause.passes[i] = !rows->null[i] && by[which];
    }
    return clause;
}

static void no_row_that_passes_is_ruled_out(void **state)
{
    (void)state;
    struct mr_rng seeded, *rng = &seeded;
    mr_rng_init_seed(rng, 20261129);
    size_t ruled_out = 0;
    for (int round = 0; round < 20000; round++) {
        struct mr_arena arena;
        struct rows rows;
        int64_t least = INT64_MAX, most = INT64_MIN;
        size_t nulls = 0;
        mr_arena_init(&arena);
        const int64_t middle = (int64_t)(mr_rng_u64(rng) % 20) - 10;
        for (size_t i = 0; i < 8; i++) {
            rows.n[i] = middle + (int64_t)(mr_rng_u64(rng) % 5);
            rows.null[i] = mr_rng_u64(rng) % 4 == 0;
            nulls += rows.null[i];
            if (!rows.null[i]) {
                least = rows.n[i] < least ? rows.n[i] : least;
                most = rows.n[i] > most ? rows.n[i] : most;
            }
        }
        struct athena_range ranges[3] = {
            {.type = &types[0]}, {.type = &types[1]}, {.type = &types[2]}};
        if (nulls < 8 && mr_rng_u64(rng) % 5 > 0)
            ranges[0].lower = iceberg_value_number(&arena, &types[0], least);
        if (nulls < 8 && mr_rng_u64(rng) % 5 > 0)
            ranges[0].upper = iceberg_value_number(&arena, &types[0], most);
        ranges[0].no_nulls = nulls == 0;
        ranges[0].only_nulls = nulls == 8;
        const struct clause clause = make_clause(rng, &rows, 3);
        bool any = false;
        for (size_t i = 0; i < 8; i++)
            any = any || clause.passes[i];
        const bool kept = keeps(&arena, clause.text, true, ranges);
        if (any && !kept)
            fail_msg("round %d: %s", round, clause.text);
        ruled_out += !kept;
        mr_arena_fini(&arena);
    }
    assert_true(ruled_out > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_certain_rules_a_file_out),
        cmocka_unit_test(bounds_that_cannot_be_are_passed_over),
        cmocka_unit_test(no_row_that_passes_is_ruled_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
