#include "glue/infer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void expect(const char *const *records, size_t count, const char *type_text)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct glue_type type = {0}, again;
    for (size_t i = 0; i < count; i++)
        glue_type_observe(&arena, &type, mr_json_parse(&arena, mr_slice_cstr(records[i]), 512));
    struct mr_buf buf = {0};
    glue_type_print(&buf, &type);
    mr_buf_byte(&buf, '\0');
    assert_string_equal(buf.data, type_text);
    /* What was printed reads back as the same type. */
    glue_type_parse(&arena, mr_slice_cstr(type_text), &again);
    mr_buf_reset(&buf);
    glue_type_print(&buf, &again);
    mr_buf_byte(&buf, '\0');
    assert_string_equal(buf.data, type_text);
    mr_buf_fini(&buf);
    mr_arena_fini(&arena);
}
#define EXPECT(type, ...)                                   \
    do {                                                    \
        static const char *const records[] = {__VA_ARGS__}; \
        expect(records, MR_COUNT(records), type);           \
    } while (0)

static void values_get_hives_types_in_the_order_they_are_seen(void **state)
{
    (void)state;
    EXPECT("struct<orderid:string,price:double,quantity:int,paid:boolean>",
           "{\"OrderId\":\"a\",\"price\":1.5,\"quantity\":3,\"paid\":true}");
    EXPECT("struct<a:int,b:bigint,c:double>", "{\"a\":2147483647,\"b\":2147483648,\"c\":1e3}");
    EXPECT("struct<a:double>", "{\"a\":92233720368547758080}");
    EXPECT("struct<a:array<struct<x:int,y:string>>>", "{\"a\":[{\"x\":1},{\"y\":\"b\"}]}");
    EXPECT("struct<key:struct<s:string,n:string>>", "{\"key\":{\"S\":\"a\",\"N\":\"1\"}}");
    EXPECT("struct<a:array<string>,b:string,c:string>", "{\"a\":[],\"b\":null,\"c\":{}}");
}

static void types_widen_and_conflicts_become_strings(void **state)
{
    (void)state;
    EXPECT("struct<a:bigint>", "{\"a\":1}", "{\"a\":5000000000}", "{\"a\":2}");
    EXPECT("struct<a:double>", "{\"a\":1}", "{\"a\":1.5}", "{\"a\":5000000000}");
    EXPECT("struct<a:string>", "{\"a\":1}", "{\"a\":\"x\"}", "{\"a\":2}");
    EXPECT("struct<a:string>", "{\"a\":{\"b\":1}}", "{\"a\":[1]}");
    EXPECT("struct<a:int,b:int>", "{\"a\":null}", "{\"A\":1,\"b\":null}", "{\"b\":2,\"a\":null}");
    EXPECT("struct<a:array<double>>", "{\"a\":[1,2.5,null]}", "{\"a\":[]}");
}

static void nesting_without_end_becomes_a_string(void **state)
{
    (void)state;
    static char text[2000];
    memset(text, '[', 500);
    memset(text + 500, ']', 500);
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct glue_type type = {0};
    yyjson_val *value = mr_json_parse(&arena, mr_slice_cstr(text), 512);
    assert_non_null(value);
    glue_type_observe(&arena, &type, value);
    struct mr_buf buf = {0};
    glue_type_print(&buf, &type);
    assert_true(mr_slice_search(mr_buf_slice(&buf), MR_S("<string>")) != SIZE_MAX);
    mr_buf_fini(&buf);
    mr_arena_fini(&arena);
}

static void types_that_json_has_not_widen_as_numbers_or_become_strings(void **state)
{
    (void)state;
    static const struct {
        const char *left, *right, *both;
    } cases[] = {
        {"decimal(10,2)", "decimal(10,2)", "decimal(10,2)"},
        {"decimal(10,2)", "double", "string"},
        {"float", "double", "double"},
        {"float", "int", "float"},
        {"tinyint", "bigint", "bigint"},
        {"int", "smallint", "int"},
        {"timestamp", "string", "string"},
        {"map<string,int>", "int", "string"},
    };
    struct mr_arena arena;
    mr_arena_init(&arena);
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        struct glue_type left, right;
        struct mr_buf buf = {0};
        glue_type_parse(&arena, mr_slice_cstr(cases[i].left), &left);
        glue_type_parse(&arena, mr_slice_cstr(cases[i].right), &right);
        glue_type_merge(&arena, &left, &right);
        glue_type_print(&buf, &left);
        mr_buf_byte(&buf, '\0');
        assert_string_equal(buf.data, cases[i].both);
        mr_buf_fini(&buf);
    }
    mr_arena_fini(&arena);
}

static void a_merged_type_lives_without_the_other(void **state)
{
    (void)state;
    struct mr_arena arena, scratch;
    mr_arena_init(&arena);
    mr_arena_init(&scratch);
    struct glue_type type = {0}, other;
    glue_type_parse(&scratch, MR_S("decimal(10,2)"), &other);
    glue_type_merge(&arena, &type, &other);
    memset((char *)(uintptr_t)other.text.ptr, 'x', other.text.len);
    mr_arena_fini(&scratch);
    struct mr_buf buf = {0};
    glue_type_print(&buf, &type);
    mr_buf_byte(&buf, '\0');
    assert_string_equal(buf.data, "decimal(10,2)");
    mr_buf_fini(&buf);
    mr_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_get_hives_types_in_the_order_they_are_seen),
        cmocka_unit_test(types_widen_and_conflicts_become_strings),
        cmocka_unit_test(nesting_without_end_becomes_a_string),
        cmocka_unit_test(a_merged_type_lives_without_the_other),
        cmocka_unit_test(types_that_json_has_not_widen_as_numbers_or_become_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
