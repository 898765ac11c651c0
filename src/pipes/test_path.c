/* Paths into events. */
#include "pipes/path.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct mr_slice event =
    MR_S_INIT("{\"eventID\":\"0f\",\"dynamodb\":{\"Keys\":{\"id\":{\"N\":\"7\"}},\"Size\":47,"
              "\"list\":[{\"x\":\"first\"},{\"x\":true}]}}");

static void expect(const char *text, const char *wanted)
{
    struct mr_arena arena = {0};
    struct pipe_path path;
    struct mr_slice got = {0};
    assert_int_equal(pipe_path_parse(&arena, mr_slice_cstr(text), &path), MR_OK);
    const enum mr_status status = pipe_path_text(&path, mr_json_parse(&arena, event, 16), &got);
    assert_int_equal(status, wanted == NULL ? MR_NOT_FOUND : MR_OK);
    if (wanted != NULL)
        assert_true(mr_slice_equal(got, mr_slice_cstr(wanted)));
    mr_arena_fini(&arena);
}

/* NULL: nothing is there. */
static void expect_json(const char *text, const char *wanted)
{
    struct mr_arena arena = {0};
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    struct pipe_path path;
    assert_int_equal(pipe_path_parse(&arena, mr_slice_cstr(text), &path), MR_OK);
    assert_int_equal(pipe_path_write(&json, &path, mr_json_parse(&arena, event, 16)),
                     wanted != NULL);
    if (wanted != NULL && !mr_slice_equal(mr_buf_slice(&buf), mr_slice_cstr(wanted)))
        fail_msg("%s: %.*s", text, MR_ARG(mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
    mr_arena_fini(&arena);
}

static void a_path_finds_strings_numbers_and_list_members(void **state)
{
    (void)state;
    expect("$.eventID", "0f");
    expect("$.dynamodb.Keys.id.N", "7");
    expect("$.dynamodb.Size", "47");
    expect("$.dynamodb.list[0].x", "first");
    expect("$.dynamodb.list[1].x", "true");
    expect("$.dynamodb.list.0.x", "first");
}

static void a_path_that_yields_no_scalar_is_not_found(void **state)
{
    (void)state;
    expect("$.nothing", NULL);
    expect("$.dynamodb.Keys", NULL);
    expect("$.dynamodb.list[2].x", NULL);
    expect("$.eventID.deeper", NULL);
}

static void a_star_gathers_what_each_element_has(void **state)
{
    (void)state;
    expect_json("$.dynamodb.list[*].x", "[\"first\",true]");
    expect_json("$.dynamodb.list.*.x", "[\"first\",true]");
    expect_json("$.dynamodb.list[*].y", "[]");
    expect_json("$.dynamodb.Keys", "{\"id\":{\"N\":\"7\"}}");
    expect_json("$.dynamodb.Size", "47");
    expect_json("$.nothing", NULL);
    expect("$.dynamodb.list[*].x", NULL);
}

static void malformed_paths_are_told_apart(void **state)
{
    (void)state;
    struct mr_arena arena = {0};
    struct pipe_path path;
    static const char *const wrong[] = {"",       "a.b", "$a",     "$.",    "$.a.",
                                        "$.a..b", "$[]", "$.a[x]", "$.a[0", "$.a]b[ 1]"};
    for (size_t i = 0; i < MR_COUNT(wrong); i++)
        if (pipe_path_parse(&arena, mr_slice_cstr(wrong[i]), &path) != MR_INVALID)
            fail_msg("%s is taken", wrong[i]);
    struct mr_buf deep = {0};
    mr_buf_byte(&deep, '$');
    for (int i = 0; i < PIPE_STEPS_MAX; i++)
        mr_buf_append(&deep, MR_S(".a"));
    assert_int_equal(pipe_path_parse(&arena, mr_buf_slice(&deep), &path), MR_OK);
    mr_buf_append(&deep, MR_S(".a"));
    assert_int_equal(pipe_path_parse(&arena, mr_buf_slice(&deep), &path), MR_INVALID);
    mr_buf_fini(&deep);
    mr_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_finds_strings_numbers_and_list_members),
        cmocka_unit_test(a_path_that_yields_no_scalar_is_not_found),
        cmocka_unit_test(a_star_gathers_what_each_element_has),
        cmocka_unit_test(malformed_paths_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
