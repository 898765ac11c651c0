#include "lambda/mapping.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const struct mapping_record records[] = {
    {.sequence = MR_S_INIT("11")}, {.sequence = MR_S_INIT("12")}, {.sequence = MR_S_INIT("13")}};

static size_t failed_at(const char *reply)
{
    return mapping_failed_at(mr_slice_cstr(reply), records, MR_COUNT(records));
}

static void an_answer_that_reports_nothing_is_a_success(void **state)
{
    (void)state;
    static const char *const replies[] = {
        "",   "\"\"",
        "[]", "null",
        "{}", "{\"batchItemFailures\":[]}",
        "7",  "{\"batchItemFailures\":null}",
    };
    for (size_t i = 0; i < MR_COUNT(replies); i++)
        assert_int_equal(failed_at(replies[i]), MR_COUNT(records));
}

static void the_lowest_reported_record_is_where_it_goes_on(void **state)
{
    (void)state;
    assert_int_equal(failed_at("{\"batchItemFailures\":[{\"itemIdentifier\":\"13\"}]}"), 2);
    assert_int_equal(failed_at("{\"batchItemFailures\":[{\"itemIdentifier\":\"13\"},"
                               "{\"itemIdentifier\":\"12\"}]}"),
                     1);
}

static void what_names_no_record_makes_the_whole_batch_fail(void **state)
{
    (void)state;
    static const char *const items[] = {
        "{\"itemIdentifier\":\"\"}", "{\"itemIdentifier\":null}", "{\"itemIdentifier\":\"99\"}",
        "{\"itemIdentifier\":13}",   "{\"foo\":\"13\"}",          "\"13\""};
    for (size_t i = 0; i < MR_COUNT(items); i++) {
        char reply[128];
        (void)snprintf(reply, sizeof reply,
                       "{\"batchItemFailures\":[{\"itemIdentifier\":\"13\"},%s]}", items[i]);
        assert_int_equal(failed_at(reply), 0);
    }
    assert_int_equal(failed_at("{\"batchItemFailures\":\"13\"}"), 0);
}

static void an_answer_that_is_no_json_makes_the_whole_batch_fail(void **state)
{
    (void)state;
    static const char *const replies[] = {"no JSON", "{\"batchItemFailures\":[", "{}}", " x"};
    for (size_t i = 0; i < MR_COUNT(replies); i++)
        assert_int_equal(failed_at(replies[i]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_that_reports_nothing_is_a_success),
        cmocka_unit_test(the_lowest_reported_record_is_where_it_goes_on),
        cmocka_unit_test(what_names_no_record_makes_the_whole_batch_fail),
        cmocka_unit_test(an_answer_that_is_no_json_makes_the_whole_batch_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
