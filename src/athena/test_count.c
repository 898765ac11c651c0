#include "athena/count.h"
#include "athena/test_parse.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* 1: version 2; 2: two elements, the second with a name, a flag and a list of flags; 3: 1,234,567
 * rows; 4: no row groups. */
static const char footer[] = "\x15\x04"
                             "\x19\x2c"
                             "\x48\x04root\x15\x02\x00"
                             "\x11\x28\x01"
                             "a\x12\x19\x22\x01\x02\x1b\x01\x85\x01k\x02\x00"
                             "\x16\x8e\xda\x96\x01"
                             "\x19\x0c\x00";

static void a_footer_tells_its_rows_whatever_stands_before_them(void **state)
{
    (void)state;
    uint64_t rows = 0;
    const struct mr_slice whole = mr_slice_make(footer, sizeof footer - 1);
    assert_int_equal(athena_count_footer(whole, &rows), MR_OK);
    assert_int_equal(rows, 1234567);
}

static void a_footer_that_is_cut_short_tells_nothing(void **state)
{
    (void)state;
    const size_t needed = sizeof footer - 1 - 3; /* without the row groups and the end */
    for (size_t len = 0; len < needed; len++) {
        uint64_t rows;
        char *exact = mr_malloc(len + 1);
        memcpy(exact, footer, len);
        if (athena_count_footer(mr_slice_make(exact, len), &rows) != MR_INVALID)
            fail_msg("%zu bytes", len);
        free(exact);
    }
}

static void nonsense_tells_nothing(void **state)
{
    (void)state;
    static const struct mr_slice cases[] = {
        MR_S_INIT("\x15\x04\x16\x02"), MR_S_INIT("\x19\xfc\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        MR_S_INIT("\x36\x03"),         MR_S_INIT("\x35\x02"),
        MR_S_INIT("\x1d\x02"),         MR_S_INIT("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x")};
    char deep[200];
    uint64_t rows;
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        if (athena_count_footer(cases[i], &rows) != MR_INVALID)
            fail_msg("case %zu", i);
    }
    memset(deep, 0x1c, sizeof deep);
    assert_int_equal(athena_count_footer(mr_slice_make(deep, sizeof deep), &rows), MR_INVALID);
}

static bool counts(const char *text)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    const bool found = athena_count_table(test_parse(&arena, text, athena_parse_query)) != NULL;
    mr_arena_fini(&arena);
    return found;
}

static void only_a_bare_count_of_one_table_is_one(void **state)
{
    (void)state;
    static const char *const yes[] = {"SELECT count(*) FROM t",
                                      "SELECT COUNT(*) AS n FROM db.t AS x",
                                      "SELECT count(*) FROM t WHERE a = 1"};
    static const char *const no[] = {"SELECT count(a) FROM t",
                                     "SELECT count(*), 1 FROM t",
                                     "SELECT count(*) + 1 FROM t",
                                     "SELECT count(*) FILTER (WHERE a = 1) FROM t",
                                     "SELECT count(*) OVER () FROM t",
                                     "SELECT DISTINCT count(*) FROM t",
                                     "SELECT count(*) FROM t GROUP BY a",
                                     "SELECT count(*) FROM t HAVING count(*) > 1",
                                     "SELECT count(*) FROM t LIMIT 0",
                                     "SELECT count(*) FROM t OFFSET 1",
                                     "SELECT count(*) FROM t ORDER BY 1",
                                     "SELECT count(*) FROM t, u",
                                     "SELECT count(*) FROM t TABLESAMPLE BERNOULLI (50)",
                                     "SELECT count(*) FROM t AS x TABLESAMPLE BERNOULLI (50)",
                                     "SELECT count(*) FROM (SELECT 1)",
                                     "SELECT count(*)",
                                     "WITH t AS (SELECT 1) SELECT count(*) FROM t",
                                     "SELECT count(*) FROM t UNION ALL SELECT 1",
                                     "VALUES 1"};
    for (size_t i = 0; i < MR_COUNT(yes); i++) {
        if (!counts(yes[i]))
            fail_msg("%s", yes[i]);
    }
    for (size_t i = 0; i < MR_COUNT(no); i++) {
        if (counts(no[i]))
            fail_msg("%s", no[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_footer_tells_its_rows_whatever_stands_before_them),
        cmocka_unit_test(a_footer_that_is_cut_short_tells_nothing),
        cmocka_unit_test(nonsense_tells_nothing),
        cmocka_unit_test(only_a_bare_count_of_one_table_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
