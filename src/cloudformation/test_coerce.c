#include "base/codec.h"
#include "cloudformation/coerce.h"
#include "cloudformation/zip.h"
#include "base/test_scratch.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

/* A value as an operation's input, or the error. */
static const char *coerced(const char *service, const char *operation, struct mr_slice text)
{
    const struct model_service *model = model_service_find(mr_slice_cstr(service));
    const struct model_operation *found = model_operation_find(model, mr_slice_cstr(operation));
    struct coercion coercion = {.arena = &arena, .model = model};
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    coerce_value(&coercion, &json, model_shape_at(model, found->input),
                 mr_json_parse(&arena, text, 16), MR_S(""));
    const char *result = coercion.error.len > 0 ? mr_arena_cstr(&arena, coercion.error)
                                                : mr_arena_cstr(&arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return result;
}

static void scalars_take_the_type_of_the_shape(void **state)
{
    (void)state;
    assert_string_equal(
        coerced("kinesis", "CreateStream", MR_S("{\"StreamName\":5,\"ShardCount\":\"2\"}")),
        "{\"StreamName\":\"5\",\"ShardCount\":2}");
    assert_string_equal(coerced("kinesis", "CreateStream", MR_S("{\"ShardCount\":\"two\"}")),
                        "Value of property /ShardCount must be of type Integer");
    assert_string_equal(
        coerced("dynamodb", "CreateTable",
                MR_S("{\"DeletionProtectionEnabled\":\"True\",\"TableName\":true}")),
        "{\"DeletionProtectionEnabled\":true,\"TableName\":\"true\"}");
    assert_string_equal(
        coerced("dynamodb", "CreateTable", MR_S("{\"DeletionProtectionEnabled\":\"maybe\"}")),
        "Value of property /DeletionProtectionEnabled must be of type Boolean");
}

static void names_are_compared_without_case(void **state)
{
    (void)state;
    assert_string_equal(coerced("logs", "CreateLogGroup", MR_S("{\"LogGroupName\":\"g\"}")),
                        "{\"logGroupName\":\"g\"}");
}

static void what_the_shape_does_not_have_is_an_error(void **state)
{
    (void)state;
    assert_string_equal(
        coerced("pipes", "CreatePipe", MR_S("{\"SourceParameters\":{\"Colour\":{\"A\":1}}}")),
        "Encountered unsupported property /SourceParameters/Colour");
    assert_string_equal(coerced("dynamodb", "CreateTable", MR_S("{\"KeySchema\":{\"a\":1}}")),
                        "Value of property /KeySchema must be of type List");
    assert_string_equal(coerced("dynamodb", "CreateTable", MR_S("{\"TableName\":[]}")),
                        "Value of property /TableName must be of type String");
}

static void a_zip_has_its_file_and_is_always_the_same(void **state)
{
    (void)state;
    const struct zip_file file = {MR_S("index.py"), MR_S("x = 1\n")};
    const struct mr_slice one = zip_of_files(&arena, &file, 1);
    const struct mr_slice two = zip_of_files(&arena, &file, 1);
    assert_true(mr_slice_equal(one, two));
    assert_int_equal(one.len, 30 + 8 + 6 + 46 + 8 + 22);
    assert_memory_equal(one.ptr, "PK\3\4", 4);
    assert_memory_equal(one.ptr + 30, "index.pyx = 1\n", 14);
    assert_memory_equal(one.ptr + 44, "PK\1\2", 4);
    assert_memory_equal(one.ptr + one.len - 22, "PK\5\6", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(scalars_take_the_type_of_the_shape),
        SCRATCH_TEST(names_are_compared_without_case),
        SCRATCH_TEST(what_the_shape_does_not_have_is_an_error),
        SCRATCH_TEST(a_zip_has_its_file_and_is_always_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
