#include "cloudformation/evaluate.h"
#include "cloudformation/parameters.h"
#include "base/test_scratch.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static enum mr_status look_up(void *ctx, struct mr_slice logical, struct mr_slice attribute,
                              struct mr_slice *ret_value)
{
    (void)ctx;
    if (mr_slice_equal(attribute, MR_S("WebsiteURL")))
        return MR_NOT_FOUND;
    *ret_value = attribute.len == 0
                     ? mr_arena_printf(&arena, "id-of-%.*s", MR_ARG(logical))
                     : mr_arena_printf(&arena, "arn:%.*s:%.*s", MR_ARG(logical), MR_ARG(attribute));
    return MR_OK;
}

#define HEAD                                                       \
    "Parameters:\n"                                                \
    "  P: {Type: String, Default: text}\n"                         \
    "  Env: {Type: String, Default: prod}\n"                       \
    "  L: {Type: CommaDelimitedList, Default: 'a, b,c'}\n"         \
    "Mappings: {M: {us-east-1: {Name: virginia, List: [x, y]}}}\n" \
    "Conditions:\n"                                                \
    "  IsProd: !Equals [!Ref Env, prod]\n"                         \
    "  IsTest: !Not [!Condition IsProd]\n"                         \
    "  Both: !And [!Condition IsProd, !Condition IsTest]\n"        \
    "  Either: !Or [!Condition IsProd, !Condition IsTest]\n"       \
    "Resources: {B: {Type: 'AWS::S3::Bucket'}}\n"                  \
    "Outputs: {O: {Value: "

/* The output's value as JSON, or the error. */
static const char *value_of(struct mr_slice body)
{
    struct template template;
    struct mr_slice error = MR_S("");
    struct evaluation evaluation = {
        .arena = &arena,
        .template = &template,
        .region = MR_S("us-east-1"),
        .account = MR_S("000000000000"),
        .stack_name = MR_S("stack"),
        .stack_id = MR_S("arn:stack"),
        .resource = look_up,
    };
    if (template_parse(&arena, body, &template, &error) != MR_OK ||
        parameters_resolve(&arena, &template, NULL, NULL, &evaluation.parameters, &error) != MR_OK)
        return mr_arena_cstr(&arena, error);
    yyjson_val *output = mr_json_get(mr_json_get(template.outputs, "O"), "Value");
    yyjson_val *value = evaluate(&evaluation, output);
    if (value == NULL)
        return evaluation.error.len > 0 ? mr_arena_cstr(&arena, evaluation.error) : "nothing";
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_value(&json, value);
    const char *text = mr_arena_cstr(&arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}
#define assert_value(expression, json) \
    assert_string_equal(value_of(MR_S(HEAD expression "}}\n")), json)

static void references_become_values(void **state)
{
    (void)state;
    assert_value("!Ref P", "\"text\"");
    assert_value("!Ref L", "[\"a\",\"b\",\"c\"]");
    assert_value("!Ref B", "\"id-of-B\"");
    assert_value("!Ref 'AWS::AccountId'", "\"000000000000\"");
    assert_value("!Ref 'AWS::StackName'", "\"stack\"");
    assert_value("!Ref 'AWS::URLSuffix'", "\"amazonaws.com\"");
    assert_value("!GetAtt B.Arn", "\"arn:B:Arn\"");
    assert_value("{'Fn::GetAtt': [B, Arn]}", "\"arn:B:Arn\"");
    assert_value("!GetAtt B.WebsiteURL", "Attribute 'WebsiteURL' of resource B does not exist");
}

static void sub_knows_both_forms_and_literals(void **state)
{
    (void)state;
    assert_value("!Sub 'x-${P}-${AWS::Region}-${B.Arn}-${B}'",
                 "\"x-text-us-east-1-arn:B:Arn-id-of-B\"");
    assert_value("!Sub ['${Own}/${P}', {Own: !Select [1, !Ref L]}]", "\"b/text\"");
    assert_value("!Sub '${!P} ${! x} $P !{timestamp:yyyy} ${P'",
                 "\"${P} ${ x} $P !{timestamp:yyyy} ${P\"");
    assert_value("!Sub ''", "\"\"");
    assert_value("!Sub '${L}'",
                 "Template error: variable L in Fn::Sub expression does not resolve to a string");
}

static void lists_are_joined_split_and_chosen_from(void **state)
{
    (void)state;
    assert_value("!Join ['-', [a, !Ref P, 5, true]]", "\"a-text-5-true\"");
    assert_value("!Join ['', !Ref L]", "\"abc\"");
    assert_value("!Split ['/', 'a//b/']", "[\"a\",\"\",\"b\",\"\"]");
    assert_value("!Select ['2', !Ref L]", "\"c\"");
    assert_value("!Select [0, !Split [',', 'x,y']]", "\"x\"");
    assert_value("!Select [3, !Ref L]",
                 "Template error: Fn::Select cannot select nonexistent value at index 3");
    assert_value("!Select [1, !GetAZs '']", "\"us-east-1b\"");
    assert_value("!Base64 'abc'", "\"YWJj\"");
}

static void maps_are_looked_up(void **state)
{
    (void)state;
    assert_value("!FindInMap [M, !Ref 'AWS::Region', Name]", "\"virginia\"");
    assert_value("!FindInMap [M, us-east-1, List]", "[\"x\",\"y\"]");
    assert_value("!FindInMap [M, eu-west-1, Name]",
                 "Template error: Unable to get mapping for M::eu-west-1::Name");
}

static void conditions_choose(void **state)
{
    (void)state;
    assert_value("!If [IsProd, 1, 2]", "1");
    assert_value("!If [IsTest, 1, 2]", "2");
    assert_value("!If [Both, 1, 2]", "2");
    assert_value("!If [Either, 1, 2]", "1");
    assert_value("[a, !If [IsTest, b, !Ref 'AWS::NoValue'], c]", "[\"a\",\"c\"]");
    assert_value("{A: !Ref 'AWS::NoValue', B: x}", "{\"B\":\"x\"}");
    assert_value("!Ref 'AWS::NoValue'", "nothing");
}

static void a_condition_is_no_function_in_a_policy(void **state)
{
    (void)state;
    assert_value("{Condition: {StringEquals: {a: b}}}",
                 "{\"Condition\":{\"StringEquals\":{\"a\":\"b\"}}}");
    assert_value("{Condition: x}", "{\"Condition\":\"x\"}");
}

static void what_others_know_is_left_to_them_or_refused(void **state)
{
    (void)state;
    assert_value("'{{resolve:ssm:name}}'", "\"{{resolve:ssm:name}}\""); /* until it is used */
    assert_value("!ImportValue other", "No export named other found.");
}

static void circles_of_conditions_end(void **state)
{
    (void)state;
    assert_string_equal(
        value_of(MR_S("Conditions: {A: !Not [!Condition B], B: !Not [!Condition A]}\n"
                      "Resources: {B: {Type: 'AWS::S3::Bucket'}}\n"
                      "Outputs: {O: {Value: !If [A, 1, 2]}}")),
        "Template format error: Circular dependencies for condition A");
}

static void a_condition_is_worked_out_once(void **state)
{
    (void)state;
    struct mr_buf body = {0};
    mr_buf_append(&body, MR_S("Resources: {B: {Type: 'AWS::S3::Bucket'}}\n"
                              "Outputs: {O: {Value: !If [C0, 1, 2]}}\nConditions:\n"));
    for (int i = 0; i < 60; i++) /* 2^60 steps otherwise */
        mr_buf_printf(&body, "  C%d: !And [!Condition C%d, !Condition C%d]\n", i, i + 1, i + 1);
    mr_buf_append(&body, MR_S("  C60: !Equals [a, a]\n"));
    assert_string_equal(value_of(mr_buf_slice(&body)), "1");
    mr_buf_fini(&body);
}

/* ---- parameters ---- */

static const char *resolve(struct mr_slice parameters, struct mr_slice given)
{
    struct template template;
    struct mr_slice error = MR_S("");
    const struct mr_slice body =
        mr_arena_printf(&arena, "Resources: {B: {Type: 'AWS::S3::Bucket'}}\nParameters: {%.*s}",
                        MR_ARG(parameters));
    yyjson_val *values, *previous = mr_json_parse(&arena, MR_S("{\"A\":\"old\"}"), 4);
    if (template_parse(&arena, body, &template, &error) != MR_OK ||
        parameters_resolve(&arena, &template, mr_json_parse(&arena, given, 8), previous, &values,
                           &error) != MR_OK)
        return mr_arena_cstr(&arena, error);
    return mr_arena_cstr(&arena, mr_json_get_text(values, "A"));
}
#define GIVEN(value) MR_S("[{\"ParameterKey\":\"A\",\"ParameterValue\":\"" value "\"}]")
#define assert_resolves(parameters, given, text) \
    assert_string_equal(resolve(MR_S(parameters), given), text)

static void values_come_from_the_request_the_past_or_the_default(void **state)
{
    (void)state;
    assert_resolves("A: {Type: String, Default: d}", MR_S("[]"), "d");
    assert_resolves("A: {Type: String, Default: yes}", MR_S("[]"), "true");
    assert_resolves("A: {Type: String, Default: d}", GIVEN("g"), "g");
    assert_resolves("A: {Type: String}",
                    MR_S("[{\"ParameterKey\":\"A\",\"UsePreviousValue\":true}]"), "old");
    assert_resolves("A: {Type: String}, B: {Type: String}", MR_S("[]"),
                    "Parameters: [A, B] must have values");
    assert_resolves("B: {Type: String, Default: d}", GIVEN("g"),
                    "Parameters: [A] do not exist in the template");
}

static void values_are_checked(void **state)
{
    (void)state;
    assert_resolves("A: {Type: Number}", GIVEN("x"), "Parameter 'A' must be a number.");
    assert_resolves("A: {Type: Number}", GIVEN("0x10"), "Parameter 'A' must be a number.");
    assert_resolves("A: {Type: Number, MinValue: 1, MaxValue: 3}", GIVEN("2"), "2");
    assert_resolves("A: {Type: Number, MinValue: 1}", GIVEN("0"),
                    "Parameter 'A' must be a number not less than 1");
    assert_resolves("A: {Type: Number, MaxValue: 3}", GIVEN("3.5"),
                    "Parameter 'A' must be a number not greater than 3");
    assert_resolves("A: {Type: String, MinLength: 2}", GIVEN("a"),
                    "Parameter 'A' must contain at least 2 characters");
    assert_resolves("A: {Type: String, MaxLength: 2}", GIVEN("abc"),
                    "Parameter 'A' must contain at most 2 characters");
    assert_resolves("A: {Type: String, AllowedValues: [a, b]}", GIVEN("c"),
                    "Parameter 'A' must be one of AllowedValues");
    assert_resolves("A: {Type: String, AllowedPattern: '[a-z]+'}", GIVEN("abC"),
                    "Parameter 'A' must match pattern [a-z]+");
    assert_resolves("A: {Type: String, AllowedPattern: '[a-z]+', ConstraintDescription: small}",
                    GIVEN("abC"), "Parameter A failed to satisfy constraint: small");
    assert_resolves("A: {Type: List<Number>}", GIVEN("1, 2,x"), "Parameter 'A' must be a number.");
    /* the name of a stored parameter, whatever stands there */
    assert_resolves("A: {Type: 'AWS::SSM::Parameter::Value<List<Number>>'}", GIVEN("/a,b"), "/a,b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(references_become_values),
        SCRATCH_TEST(sub_knows_both_forms_and_literals),
        SCRATCH_TEST(lists_are_joined_split_and_chosen_from),
        SCRATCH_TEST(maps_are_looked_up),
        SCRATCH_TEST(conditions_choose),
        SCRATCH_TEST(a_condition_is_no_function_in_a_policy),
        SCRATCH_TEST(what_others_know_is_left_to_them_or_refused),
        SCRATCH_TEST(circles_of_conditions_end),
        SCRATCH_TEST(a_condition_is_worked_out_once),
        SCRATCH_TEST(values_come_from_the_request_the_past_or_the_default),
        SCRATCH_TEST(values_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
