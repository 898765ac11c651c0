#include "cloudformation/yaml.h"
#include "base/test_scratch.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* The YAML as compact JSON, or the error. */
static const char *json_of(struct mr_slice text)
{
    struct mr_slice error = MR_S("");
    yyjson_val *root = yaml_parse(&arena, text, &error);
    if (root == NULL)
        return mr_arena_cstr(&arena, error);
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_value(&json, root);
    const char *copy = mr_arena_cstr(&arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return copy;
}
#define assert_yaml(text, json) assert_string_equal(json_of(MR_S(text)), json)

static void blocks_and_flows_become_objects_and_lists(void **state)
{
    (void)state;
    assert_yaml("a:\n  b: [x, 'y', \"z\"]\n  c:\n  - d: e\n    f: g\n  - h\n",
                "{\"a\":{\"b\":[\"x\",\"y\",\"z\"],\"c\":[{\"d\":\"e\",\"f\":\"g\"},\"h\"]}}");
    assert_yaml("{a: {}, b: []}", "{\"a\":{},\"b\":[]}");
    assert_yaml("a: |\n  one\n  two\nb: >-\n  one\n  two\n",
                "{\"a\":\"one\\ntwo\\n\",\"b\":\"one two\"}");
}

static void words_are_booleans_as_in_yaml_1_1(void **state)
{
    (void)state;
    assert_yaml("[true, False, yes, No, on, OFF]", "[true,false,true,false,true,false]");
    assert_yaml("['yes', \"no\", !!str on, y, n]", "[\"yes\",\"no\",\"on\",\"y\",\"n\"]");
    assert_yaml("[null, ~, ]", "[null,null]");
}

static void dates_stay_text(void **state)
{
    (void)state;
    assert_yaml("Version: 2012-10-17", "{\"Version\":\"2012-10-17\"}");
    assert_yaml("[2001-12-14t21:59:43.10-05:00, 12:30:45]",
                "[\"2001-12-14t21:59:43.10-05:00\",\"12:30:45\"]");
}

static void numbers_keep_their_digits(void **state)
{
    (void)state;
    assert_yaml("[0, -1, 1.10, 1e3, 12345678901234567890123]",
                "[0,-1,1.10,1e3,12345678901234567890123]");
    assert_yaml("[0x1F, 017, 0b11, +5]", "[31,15,3,5]");
    assert_yaml("[019, 1.2.3, 1_000, -, .5, 5., 1e]",
                "[\"019\",\"1.2.3\",\"1_000\",\"-\",\".5\",\"5.\",\"1e\"]");
    assert_yaml("123456789012: x", "{\"123456789012\":\"x\"}");
}

static void short_tags_become_functions(void **state)
{
    (void)state;
    assert_yaml("!Ref A", "{\"Ref\":\"A\"}");
    assert_yaml("!Condition A", "{\"Condition\":\"A\"}");
    assert_yaml("!GetAtt A.Arn", "{\"Fn::GetAtt\":[\"A\",\"Arn\"]}");
    assert_yaml("!GetAtt A.B.C", "{\"Fn::GetAtt\":[\"A\",\"B.C\"]}");
    assert_yaml("!GetAtt [A, Arn]", "{\"Fn::GetAtt\":[\"A\",\"Arn\"]}");
    assert_yaml("!Sub '${A}-x'", "{\"Fn::Sub\":\"${A}-x\"}");
    assert_yaml("!Join ['/', [a, !Ref B]]", "{\"Fn::Join\":[\"/\",[\"a\",{\"Ref\":\"B\"}]]}");
    assert_yaml("!If\n- C\n- !Ref A\n- !Ref 'AWS::NoValue'\n",
                "{\"Fn::If\":[\"C\",{\"Ref\":\"A\"},{\"Ref\":\"AWS::NoValue\"}]}");
    assert_yaml("!Select [0, !Split [\"/\", !Ref P]]",
                "{\"Fn::Select\":[0,{\"Fn::Split\":[\"/\",{\"Ref\":\"P\"}]}]}");
    assert_yaml("!Ref 5", "{\"Ref\":\"5\"}");
}

static void of_members_with_the_same_name_the_last_counts(void **state)
{
    (void)state;
    assert_yaml("{a: 1, b: [x], a: {c: 2}, d: 3}", "{\"a\":{\"c\":2},\"b\":[\"x\"],\"d\":3}");
    assert_yaml("{a: 1, a: 2}", "{\"a\":2}");
}

static void what_is_not_yaml_is_told_with_its_place(void **state)
{
    (void)state;
    assert_yaml("a: [1, 2", "Template format error: YAML not well-formed. (line 2, column 1)");
    assert_yaml("a: b\n c: d: e",
                "Template format error: YAML not well-formed. (line 2, column 3)");
    assert_yaml("a: !Nothing b", "Template format error: YAML not well-formed. (line 1, column 4)");
    assert_yaml("[a]: b", "Template format error: YAML not well-formed. (line 1, column 1)");
    assert_yaml("a: b\n---\nc: d\n",
                "Template format error: YAML not well-formed. (line 2, column 1)");
    assert_yaml("", "Template format error: unsupported structure.");
    assert_yaml("\xff\xfe\xfd", "Template format error: YAML not well-formed. (line 1, column 1)");
}

static void aliases_are_refused(void **state)
{
    (void)state;
    assert_yaml("a: &x [1]\nb: *x\n",
                "Template error: YAML aliases are not allowed in CloudFormation templates");
    assert_yaml("a: &x [1]\n", "{\"a\":[1]}");
}

static void nesting_has_an_end(void **state)
{
    (void)state;
    char text[2 * YAML_DEPTH_MAX + 2];
    memset(text, '[', YAML_DEPTH_MAX);
    memset(text + YAML_DEPTH_MAX, ']', YAML_DEPTH_MAX);
    struct mr_slice error = MR_S("");
    assert_non_null(yaml_parse(&arena, mr_slice_make(text, 2 * YAML_DEPTH_MAX), &error));
    memset(text, '[', YAML_DEPTH_MAX + 1);
    memset(text + YAML_DEPTH_MAX + 1, ']', YAML_DEPTH_MAX + 1);
    assert_null(yaml_parse(&arena, mr_slice_make(text, sizeof text), &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(blocks_and_flows_become_objects_and_lists),
        SCRATCH_TEST(words_are_booleans_as_in_yaml_1_1),
        SCRATCH_TEST(dates_stay_text),
        SCRATCH_TEST(numbers_keep_their_digits),
        SCRATCH_TEST(short_tags_become_functions),
        SCRATCH_TEST(of_members_with_the_same_name_the_last_counts),
        SCRATCH_TEST(what_is_not_yaml_is_told_with_its_place),
        SCRATCH_TEST(aliases_are_refused),
        SCRATCH_TEST(nesting_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
