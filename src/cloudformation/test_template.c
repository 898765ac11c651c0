#include "cloudformation/graph.h"
#include "cloudformation/template.h"
#include "base/test_scratch.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const char *error_of(struct mr_slice body)
{
    struct template template;
    struct mr_slice error = MR_S("");
    const enum mr_status status = template_parse(&arena, body, &template, &error);
    return status == MR_OK ? "" : mr_arena_cstr(&arena, error);
}
#define assert_error(body, text) assert_string_equal(error_of(MR_S(body)), text)
#define assert_good(body) assert_string_equal(error_of(MR_S(body)), "")
/* A template with these properties of one table, and more sections. */
#define BUCKET "Resources: {B: {Type: 'AWS::S3::Bucket'}}\n"

static void json_is_told_by_its_brace(void **state)
{
    (void)state;
    assert_good(" \n{\"Resources\": {\"B\": {\"Type\": \"AWS::S3::Bucket\"}}}");
    assert_good(BUCKET);
    assert_error("{\"Resources\": {\n  \"B\": nonsense}}",
                 "Template format error: JSON not well-formed. (line 2, column 8)");
    assert_error("plain text", "Template format error: unsupported structure.");
    assert_error("[1, 2]", "Template format error: unsupported structure.");
}

static void sections_must_be_what_they_are(void **state)
{
    (void)state;
    assert_error("Description: x",
                 "Template format error: At least one Resources member must be defined.");
    assert_error("Resources: {}",
                 "Template format error: At least one Resources member must be defined.");
    assert_error("Resources: {A: {}}",
                 "Template format error: [/Resources/A] Every Resources object must contain a Type "
                 "member.");
    assert_error("Resources: {A: x}",
                 "Template format error: Any Resources member must be an object.");
    assert_error("Resources: {a-b: {Type: 'AWS::S3::Bucket'}}",
                 "Template format error: Resource name a-b is non alphanumeric.");
    assert_error("Resources: {A: {Type: 'AWS::S3::Bucket', Colour: red}}",
                 "Invalid template resource property 'Colour'");
    assert_error(BUCKET "Colour: red", "Invalid template property or properties [Colour]");
    assert_error(BUCKET "Outputs: {O: {Description: x}}",
                 "Template format error: Every Outputs member must contain a Value object");
    assert_error(BUCKET "Outputs: {O: {Value: }}",
                 "Template format error: [/Outputs/O/Value] 'null' values are not allowed in "
                 "templates");
    assert_error(BUCKET "Parameters: {P: {Default: x}}",
                 "Template format error: Every Parameters object must contain a Type member.");
    assert_error(BUCKET "Parameters: {P: {Type: Text}}",
                 "Template format error: Unrecognized parameter type: Text");
}

static void references_must_lead_somewhere(void **state)
{
    (void)state;
    assert_error("Resources: {A: {Type: 'AWS::S3::Bucket', Properties: {BucketName: !Ref X}}}",
                 "Template format error: Unresolved resource dependencies [X] in the Resources "
                 "block of the template");
    assert_error("Resources: {A: {Type: 'AWS::S3::Bucket', DependsOn: [X, Y]}}",
                 "Template format error: Unresolved resource dependencies [X, Y] in the Resources "
                 "block of the template");
    assert_error(
        "Resources: {A: {Type: 'AWS::S3::Bucket', Properties: {BucketName: !Sub '${X}-${!Y}'}}}",
        "Template format error: Unresolved resource dependencies [X] in the Resources block of the "
        "template");
    assert_error(BUCKET "Outputs: {O: {Value: !Ref X}}",
                 "Unresolved resource dependencies [X] in the Outputs block of the template");
    assert_error(BUCKET "Outputs: {O: {Value: !GetAtt X.Arn}}",
                 "Template error: instance of Fn::GetAtt references undefined resource X");
    assert_error(BUCKET "Outputs: {O: {Value: !GetAtt B.Nonsense}}",
                 "Template error: resource B does not support attribute type Nonsense in "
                 "Fn::GetAtt");
    assert_error(BUCKET "Outputs: {O: {Value: !If [C, a, b]}}",
                 "Template error: unresolved condition dependency C in Fn::If");
    assert_error(BUCKET "Conditions: {C: !Equals [!Ref B, x]}",
                 "Template format error: Unresolved dependencies [B]. Cannot reference resources "
                 "in the Conditions block of the template");
    assert_good(BUCKET "Outputs: {O: {Value: !Sub '${AWS::Region} ${B.Arn} ${B}'}}");
    assert_good(BUCKET "Outputs: {O: {Value: !Sub ['${Own}', {Own: !Ref B}]}}");
}

static void functions_say_what_they_need(void **state)
{
    (void)state;
    assert_error(BUCKET "Outputs: {O: {Value: !GetAtt B}}",
                 "Template error: every Fn::GetAtt object requires two non-empty parameters, the "
                 "resource name and the resource attribute");
    assert_error(BUCKET "Outputs: {O: {Value: !Select [0]}}",
                 "Template error: Fn::Select requires a list argument with two elements: an "
                 "integer index and a list");
    assert_error(BUCKET "Outputs: {O: {Value: {Ref: [a]}}}",
                 "Template error: every Ref object must have a single String value.");
    assert_error(BUCKET "Outputs: {O: {Value: !Transform {Name: Mine}}}",
                 "Template error: millrace does not know the function Fn::Transform");
}

static void circles_are_found(void **state)
{
    (void)state;
    assert_error("Resources:\n"
                 "  A: {Type: 'AWS::S3::Bucket', DependsOn: B}\n"
                 "  B: {Type: 'AWS::S3::Bucket', Properties: {BucketName: !Sub 'x-${A}'}}\n"
                 "  C: {Type: 'AWS::S3::Bucket'}\n",
                 "Circular dependency between resources: [A, B]");
    assert_error("Resources: {A: {Type: 'AWS::S3::Bucket', DependsOn: A}}",
                 "Circular dependency between resources: [A]");
}

static void order_follows_needs_and_else_the_template(void **state)
{
    (void)state;
    struct template template;
    struct mr_slice error, *circle;
    struct graph graph;
    size_t order[8], count;
    assert_int_equal(
        template_parse(&arena,
                       MR_S("Resources:\n"
                            "  Wait: {Type: 'AWS::CloudFormation::WaitCondition', DependsOn: "
                            "Other}\n"
                            "  Made: {Type: 'Custom::Made', Properties: {ServiceToken: x}}\n"
                            "  Behind: {Type: 'AWS::S3::Bucket', DependsOn: Made}\n"
                            "  Last: {Type: 'AWS::S3::Bucket', DependsOn: [Mid, First]}\n"
                            "  Mid: {Type: 'AWS::S3::Bucket', Properties: {BucketName: "
                            "!GetAtt First.Arn}}\n"
                            "  Other: {Type: 'AWS::S3::Bucket'}\n"
                            "  First: {Type: 'AWS::S3::Bucket'}\n"),
                       &template, &error),
        MR_OK);
    graph_of_template(&arena, &template, &graph);
    assert_int_equal(graph_sort(&arena, &graph, order, &circle, &count), MR_OK);
    /* What waits for others' code comes last. */
    static const char *const names[] = {"Other", "First", "Mid", "Last", "Made", "Behind", "Wait"};
    for (size_t i = 0; i < MR_COUNT(names); i++)
        assert_string_equal(mr_arena_cstr(&arena, graph.nodes[order[i]].name), names[i]);
}

static void roles_need_a_capability(void **state)
{
    (void)state;
    struct template template;
    struct mr_slice error;
    assert_int_equal(template_parse(&arena, MR_S(BUCKET), &template, &error), MR_OK);
    assert_int_equal(template_capability(&arena, &template, NULL, NULL).len, 0);
    assert_int_equal(
        template_parse(&arena, MR_S("Resources: {R: {Type: 'AWS::IAM::Role'}}"), &template, &error),
        MR_OK);
    assert_true(
        mr_slice_equal(template_capability(&arena, &template, NULL, NULL), MR_S("CAPABILITY_IAM")));
    assert_int_equal(
        template_parse(&arena,
                       MR_S("Resources: {R: {Type: 'AWS::IAM::Role', Properties: {RoleName: r}}}"),
                       &template, &error),
        MR_OK);
    assert_true(mr_slice_equal(template_capability(&arena, &template, NULL, NULL),
                               MR_S("CAPABILITY_NAMED_IAM")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(json_is_told_by_its_brace),
        SCRATCH_TEST(sections_must_be_what_they_are),
        SCRATCH_TEST(references_must_lead_somewhere),
        SCRATCH_TEST(functions_say_what_they_need),
        SCRATCH_TEST(circles_are_found),
        SCRATCH_TEST(order_follows_needs_and_else_the_template),
        SCRATCH_TEST(roles_need_a_capability),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
