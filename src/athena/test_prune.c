#include "athena/prune.h"
#include "athena/test_parse.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const struct mr_slice keys[] = {MR_S_INIT("year"), MR_S_INIT("n"), MR_S_INIT("day")};
static const struct athena_type types[] = {
    {.kind = ATHENA_STRING}, {.kind = ATHENA_INT}, {.kind = ATHENA_DATE}};
static const struct mr_slice values[] = {MR_S_INIT("2026"), MR_S_INIT("9"),
                                         MR_S_INIT("2026-07-03")};

static bool keeps(const char *text, bool only)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    const struct athena_prune prune = {.where = test_parse(&arena, text, athena_parse_expression),
                                       .alias = MR_S("t"),
                                       .only = only,
                                       .keys = keys,
                                       .types = types,
                                       .key_count = MR_COUNT(keys)};
    const bool kept = athena_prune_keeps(&prune, values);
    mr_arena_fini(&arena);
    return kept;
}

static void only_what_is_certain_rules_a_partition_out(void **state)
{
    (void)state;
    static const struct {
        const char *where;
        bool kept;
    } cases[] = {
        {"year = '2026'", true},
        {"year = '2025'", false},
        {"'2025' < year", true},
        {"'2027' < year", false},
        {"t.year = '2025'", false},
        {"db.t.year = '2025'", false},
        {"other.year = '2025'", true},
        {"year <> '2026'", false},
        {"not year = '2026'", false},
        {"year = '2025' and x = 1", false},
        {"year = '2025' or x = 1", true},
        {"year = '2025' or n = 8", false},
        {"year in ('2024', '2025')", false},
        {"year in ('2024', lower('2026'))", true},
        {"year not in ('2026')", false},
        {"year between '2020' and '2025'", false},
        {"year like '2%'", true},
        {"year like '1%'", false},
        {"year not like '1%'", true},
        {"n > 10", false},
        {"n > 8", true},
        {"n = 9", true},
        {"n = '9'", true}, /* a comparison of another type: not ours to tell */
        {"n = 9.5", true},
        {"year = 2025", true}, /* the same */
        {"year = concat('20', '25')", true},
        {"upper(year) = '2025'", true},
        {"day >= date '2026-07-04'", false},
        {"day = date '2026-07-03'", true},
        {"day > '2027-01-01'", true},
        {"year is null", true},
        {"false", true},
        {"exists (select 1 from u where year = '2025')", true},
    };
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        if (keeps(cases[i].where, true) != cases[i].kept)
            fail_msg("%s", cases[i].where);
    }
}

static void names_of_several_tables_must_say_whose_they_are(void **state)
{
    (void)state;
    assert_true(keeps("year = '2025'", false));
    assert_false(keeps("t.year = '2025'", false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_certain_rules_a_partition_out),
        cmocka_unit_test(names_of_several_tables_must_say_whose_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
