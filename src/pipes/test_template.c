/* InputTemplate, as a table of template and what it renders. */
#include "pipes/template.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define EVENT                                                                                  \
    "{\"id\":\"a\\\"b\",\"n\":1.50,\"yes\":true,\"nil\":null,\"obj\":{\"k\":\"v\"},\"empty\":" \
    "\"\","                                                                                    \
    "\"list\":[{\"S\":\"x\"},{\"S\":\"y\"}]}"

static const struct {
    const char *template, *rendered;
    bool json;
} cases[] = {
    /* JSON: values without quotes around the hole */
    {"{\"a\": <$.id>}", "{\"a\": \"a\\\"b\"}", true},
    {"{\"a\": <$.n>, \"b\": <$.yes>}", "{\"a\": 1.50, \"b\": true}", true},
    {"{\"a\": <$.obj>}", "{\"a\": {\"k\":\"v\"}}", true},
    {"{\"a\": <$.list>}", "{\"a\": [{\"S\":\"x\"},{\"S\":\"y\"}]}", true},
    {"{\"a\": <$.list[1]>}", "{\"a\": {\"S\":\"y\"}}", true},
    {"{\"a\": <$.list[*].S>}", "{\"a\": [\"x\",\"y\"]}", true},
    {"[<$.list.0.S>,<$.list.1.S>]", "[\"x\",\"y\"]", true},
    {"{\"a\": <$.gone>, \"b\": <$.nil>}", "{\"a\": null, \"b\": null}", true},
    {"<$.id>", "\"a\\\"b\"", true},
    {"<$.obj>", "{\"k\":\"v\"}", true},
    {"<$>", EVENT, true},
    {"{\"static\": 1}", "{\"static\": 1}", true},
    /* JSON: texts inside quotes */
    {"{\"a\": \"<$.id>\"}", "{\"a\": \"a\\\"b\"}", true},
    {"{\"a\": \"n=<$.n> <$.yes>\"}", "{\"a\": \"n=1.50 true\"}", true},
    {"{\"a\": \"<$.obj>\"}", "{\"a\": \"{\\\"k\\\":\\\"v\\\"}\"}", true},
    {"{\"a\": \"[<$.gone>][<$.nil>][<$.empty>]\"}", "{\"a\": \"[][][]\"}", true},
    {"{\"a\\\"<$.n>\": \"\\\\\", \"b\": <$.n>}", "{\"a\\\"1.50\": \"\\\\\", \"b\": 1.50}", true},
    {"\"Hello, <$.list[0].S>\"", "\"Hello, x\"", true},
    /* a text */
    {"Hello, <$.id>!", "Hello, a\"b!", false},
    {"<$.n> and <$.obj> and <$.gone>", "1.50 and {\"k\":\"v\"} and ", false},
    {"1 < 2 > <$.n", "1 < 2 > <$.n", false},
    {"<b><$.n></b>", "<b>1.50</b>", false},
    {"\"a\\<$.n>n\"", "\"a\\1.50n\"", false}, /* a hole within an escape */
    {"\"\\u00<$.n>41\"", "\"\\u001.5041\"", false},
    /* reserved variables */
    {"{\"a\": <aws.pipes.pipe-arn>, \"b\": \"<aws.pipes.pipe-name>\"}",
     "{\"a\": \"arn:pipe\", \"b\": \"name\"}", true},
    {"<aws.pipes.source-arn> <aws.pipes.enrichment-arn> <aws.pipes.target-arn>",
     "arn:source  arn:target", false},
    {"{\"t\": <aws.pipes.event.ingestion-time>}", "{\"t\": \"2024-06-10T06:13:20.123Z\"}", true},
    {"{\"e\": <aws.pipes.event.json>}", "{\"e\": " EVENT "}", true},
    {"raw <aws.pipes.event>", "raw " EVENT, false},
    {"{\"e\": \"<aws.pipes.pipe-name> <$.obj.k>\"}", "{\"e\": \"name v\"}", true},
};

static const struct pipe_variables variables = {
    .pipe_arn = MR_S_INIT("arn:pipe"),
    .pipe_name = MR_S_INIT("name"),
    .source_arn = MR_S_INIT("arn:source"),
    .target_arn = MR_S_INIT("arn:target"),
    .time_ms = 1718000000123,
};

static void a_template_is_filled_from_its_event(void **state)
{
    (void)state;
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        struct mr_arena arena = {0};
        struct mr_buf out = {0};
        struct pipe_template *template = NULL;
        char message[PIPE_MESSAGE_MAX];
        const struct pipe_event_view event = {.text = MR_S(EVENT),
                                              .root = mr_json_parse(&arena, MR_S(EVENT), 16)};
        assert_int_equal(
            pipe_template_parse(&arena, mr_slice_cstr(cases[i].template), &template, message),
            MR_OK);
        pipe_template_render(template, &variables, &event, &out);
        if (!mr_slice_equal(mr_buf_slice(&out), mr_slice_cstr(cases[i].rendered)) ||
            pipe_template_is_json(template) != cases[i].json)
            fail_msg("%s renders (%s) %.*s", cases[i].template,
                     pipe_template_is_json(template) ? "JSON" : "text", MR_ARG(mr_buf_slice(&out)));
        if (cases[i].json)
            assert_non_null(mr_json_parse(&arena, mr_buf_slice(&out), 32));
        mr_buf_fini(&out);
        mr_arena_fini(&arena);
    }
}

static void the_event_as_a_value_is_its_text(void **state)
{
    (void)state;
    struct mr_arena arena = {0};
    struct mr_buf out = {0};
    struct pipe_template *template = NULL;
    char message[PIPE_MESSAGE_MAX];
    const struct pipe_event_view event = {.text = MR_S("{\"a\":\"b\"}")};
    assert_int_equal(
        pipe_template_parse(&arena, MR_S("{\"e\":<aws.pipes.event>,\"j\":<aws.pipes.event.json>}"),
                            &template, message),
        MR_OK);
    pipe_template_render(template, &variables, &event, &out);
    assert_true(
        mr_slice_equal(mr_buf_slice(&out), MR_S("{\"e\":\"{\\\"a\\\":\\\"b\\\"}\",\"j\":null}")));
    mr_buf_fini(&out);
    mr_arena_fini(&arena);
}

static void holes_that_are_none_are_refused_by_name(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"{\"a\": <$.a[x]>}", "Invalid InputTemplate: <$.a[x]> is not a valid path."},
        {"<$.>", "Invalid InputTemplate: <$.> is not a valid path."},
        {"<aws.pipes.colour>",
         "Invalid InputTemplate: <aws.pipes.colour> is not a reserved variable."},
    };
    for (size_t i = 0; i < MR_COUNT(wrong); i++) {
        struct mr_arena arena = {0};
        struct pipe_template *template = NULL;
        char message[PIPE_MESSAGE_MAX] = "";
        assert_int_equal(
            pipe_template_parse(&arena, mr_slice_cstr(wrong[i][0]), &template, message),
            MR_INVALID);
        assert_string_equal(message, wrong[i][1]);
        mr_arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_template_is_filled_from_its_event),
        cmocka_unit_test(the_event_as_a_value_is_its_text),
        cmocka_unit_test(holes_that_are_none_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
