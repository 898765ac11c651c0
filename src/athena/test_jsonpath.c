#include "athena/jsonpath.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

/* What the path finds in `json`, as JSON, or "refused"; lives as long as the arena. */
static const char *found(struct mr_arena *arena, struct mr_slice text, const char *json)
{
    struct mr_slice why;
    struct athena_path path;
    struct athena_items items = {0};
    struct mr_buf out = {0};
    yyjson_val *root = mr_json_parse(arena, mr_slice_cstr(json), MR_JSON_DEPTH_MAX);
    assert_non_null(root);
    if (!athena_path_parse(arena, text, &path, &why) ||
        !athena_path_evaluate(arena, &path, root, NULL, &items, &why))
        return "refused";
    struct mr_json writer = mr_json_make(&out);
    mr_json_array(&writer);
    for (size_t i = 0; i < items.count; i++)
        athena_item_put(&writer, &items.list[i]);
    mr_json_array_end(&writer);
    const char *shown = mr_arena_cstr(arena, mr_buf_slice(&out));
    mr_buf_fini(&out);
    return shown;
}

/* Found by the fuzzer: a NUL passed for the sign of an exponent, and the number was no JSON. */
static void a_nul_is_neither_a_sign_nor_an_operator(void **state)
{
    (void)state;
    struct mr_arena arena;
    mr_arena_init(&arena);
    assert_string_equal(found(&arena, MR_S("lax 00e+1"), "321"), "[0e+1]");
    assert_string_equal(found(&arena, MR_S("lax 00e\0001"), "321"), "refused");
    assert_string_equal(found(&arena, MR_S("lax 7 - 2"), "321"), "[5]");
    assert_string_equal(found(&arena, MR_S("lax 7 \0 2"), "321"), "refused");
    assert_string_equal(found(&arena, MR_S("lax $ \0"), "321"), "refused");
    mr_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_nul_is_neither_a_sign_nor_an_operator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
