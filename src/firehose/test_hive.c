/* Hive's types, and values of JSON that fit them or do not. */
#include "firehose/hive.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static void types_are_read_with_their_members(void **state)
{
    (void)state;
    struct mr_arena arena;
    struct hive_type type;
    char message[512];
    mr_arena_init(&arena);
    assert_int_equal(
        hive_type_parse(&arena, MR_S("struct<a:array<decimal(5,2)>,b_c:map<string,varchar(3)>>"),
                        &type, message),
        MR_OK);
    assert_int_equal(type.kind, HIVE_STRUCT);
    assert_int_equal(type.child_count, 2);
    assert_true(mr_slice_equal(type.children[1].name, MR_S("b_c")));
    assert_int_equal(type.children[0].kind, HIVE_LIST);
    assert_int_equal(type.children[0].children[0].scale, 2);
    assert_int_equal(type.children[1].children[1].kind, HIVE_STRING);
    const char *const bad[] = {
        "",         "nothing",       "array<int", "array<int,int>",      "int>",
        "struct<>", "decimal(50,2)", "map<int>",  "map<array<int>,int>", "decimal(5",
        "struct<a>"};
    for (size_t i = 0; i < MR_COUNT(bad); i++)
        assert_int_equal(hive_type_parse(&arena, mr_slice_cstr(bad[i]), &type, message),
                         MR_INVALID);
    char deep[400];
    size_t len = 0;
    while (len < 300) {
        memcpy(deep + len, "array<", 6);
        len += 6;
    }
    assert_int_equal(hive_type_parse(&arena, mr_slice_make(deep, len), &type, message), MR_INVALID);
    mr_arena_fini(&arena);
}

static void values_fit_their_type_or_are_refused(void **state)
{
    (void)state;
    enum { NO = 987654 };
    static const struct {
        const char *type, *json;
        int64_t number; /* NO: refused */
    } cases[] = {
        {"int", "7", 7},
        {"int", "\"-7\"", -7},
        {"int", "7.9", 7},
        {"int", "\"x\"", NO},
        {"int", "2147483648", NO},
        {"tinyint", "128", NO},
        {"tinyint", "-128", -128},
        {"bigint", "9007199254740993", 9007199254740993},
        {"boolean", "true", 1},
        {"boolean", "\"False\"", 0},
        {"boolean", "1", NO},
        {"date", "\"1970-01-03\"", 2},
        {"date", "\"1970-01-03 00:00:00\"", NO},
        {"double", "\"x\"", NO},
        {"int", "{}", NO},
    };
    struct mr_arena arena;
    char message[512];
    mr_arena_init(&arena);
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        struct hive_type type;
        struct hive_value value;
        assert_int_equal(hive_type_parse(&arena, mr_slice_cstr(cases[i].type), &type, message),
                         MR_OK);
        const enum mr_status status = hive_value_read(
            &arena, &type, mr_json_parse(&arena, mr_slice_cstr(cases[i].json), 4), &value, message);
        assert_int_equal(status, cases[i].number == NO ? MR_INVALID : MR_OK);
        if (status == MR_OK)
            assert_int_equal(value.number, cases[i].number);
    }
    mr_arena_fini(&arena);
}

static void timestamps_are_texts_or_seconds_or_milliseconds(void **state)
{
    (void)state;
    const struct hive_type type = {.kind = HIVE_TIMESTAMP};
    const char *const same[] = {"\"2024-06-10 06:13:20\"", "\"2024-06-10T06:13:20Z\"", "1718000000",
                                "1718000000000", "\"1718000000\""};
    struct mr_arena arena;
    char message[512];
    mr_arena_init(&arena);
    for (size_t i = 0; i < MR_COUNT(same); i++) {
        struct hive_value value;
        assert_int_equal(hive_value_read(&arena, &type,
                                         mr_json_parse(&arena, mr_slice_cstr(same[i]), 4), &value,
                                         message),
                         MR_OK);
        assert_int_equal(value.day, 19884);
        assert_int_equal(value.number, 22400000000000);
    }
    mr_arena_fini(&arena);
}

static void decimals_are_rounded_to_their_scale(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        int64_t unscaled; /* of decimal(6,2); 0: refused */
    } cases[] = {
        {"1.5", 150},        {"\"-1.005\"", -101}, {"1.004", 100}, {"1e3", 100000}, {"15e-1", 150},
        {"9999.99", 999999}, {"9999.995", 0},      {"10000", 0},   {"\"x\"", 0},
    };
    const struct hive_type type = {.kind = HIVE_DECIMAL, .precision = 6, .scale = 2};
    struct mr_arena arena;
    char message[512];
    mr_arena_init(&arena);
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        struct hive_value value;
        const enum mr_status status = hive_value_read(
            &arena, &type, mr_json_parse(&arena, mr_slice_cstr(cases[i].json), 4), &value, message);
        assert_int_equal(status, cases[i].unscaled == 0 ? MR_INVALID : MR_OK);
        if (status == MR_OK)
            assert_int_equal((int64_t)value.decimal, cases[i].unscaled);
    }
    mr_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_are_read_with_their_members),
        cmocka_unit_test(values_fit_their_type_or_are_refused),
        cmocka_unit_test(timestamps_are_texts_or_seconds_or_milliseconds),
        cmocka_unit_test(decimals_are_rounded_to_their_scale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
