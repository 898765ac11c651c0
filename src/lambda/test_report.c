#include "lambda/internal.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static int set_up(void **state)
{
    struct mr_arena *arena = calloc(1, sizeof *arena);
    mr_arena_init(arena);
    *state = arena;
    return 0;
}

static int tear_down(void **state)
{
    mr_arena_fini(*state);
    free(*state);
    return 0;
}

static void assert_text(struct mr_slice found, const char *wanted)
{
    assert_int_equal(found.len, strlen(wanted));
    assert_memory_equal(found.ptr, wanted, found.len);
}

static void an_error_is_json_whatever_its_text(void **state)
{
    (void)state;
    struct mr_buf buf = {0};
    lambda_error_json(&buf, MR_S("Runtime.ExitError"), MR_S("RequestId: \"x\"\n"));
    assert_text(mr_buf_slice(&buf), "{\"errorType\":\"Runtime.ExitError\",\"errorMessage\":"
                                    "\"RequestId: \\\"x\\\"\\n\"}");
    mr_buf_fini(&buf);
}

static void ends_are_worded_as_aws_does(void **state)
{
    assert_text(lambda_exit_text(*state, 0), "Runtime exited without providing a reason");
    assert_text(lambda_exit_text(*state, 1 << 8), "Runtime exited with error: exit status 1");
    assert_text(lambda_exit_text(*state, 255 << 8), "Runtime exited with error: exit status 255");
    assert_text(lambda_exit_text(*state, SIGKILL), "Runtime exited with error: signal: killed");
    assert_text(lambda_exit_text(*state, SIGSEGV),
                "Runtime exited with error: signal: segmentation fault");
    assert_text(lambda_exit_text(*state, SIGUSR1), "Runtime exited with error: signal: signal 10");
}

static void a_report_tells_the_start_once_and_a_timeout(void **state)
{
    struct lambda_report report = {
        .request_id = "id", .duration_us = 1234, .init_us = 90120, .memory_mb = 128, .used_mb = 36};
    assert_text(lambda_report_line(*state, &report),
                "REPORT RequestId: id\tDuration: 1.23 ms\tBilled Duration: 2 ms\tMemory Size: 128 "
                "MB\tMax Memory Used: 36 MB\tInit Duration: 90.12 ms\t");
    report.init_us = 0;
    report.timed_out = true;
    assert_text(lambda_report_line(*state, &report),
                "REPORT RequestId: id\tDuration: 1.23 ms\tBilled Duration: 2 ms\tMemory Size: 128 "
                "MB\tMax Memory Used: 36 MB\tStatus: timeout");
}

/* Goal: the tail is the end of all lines joined. Method: against a string that holds them all. */
static void the_tail_is_the_end_of_what_was_written(void **state)
{
    struct lambda_tail *tail = mr_arena_zalloc(*state, sizeof *tail);
    struct mr_buf truth = {0};
    uint32_t draw = 20251122;
    char line[9000];
    for (int i = 0; i < 300; i++) {
        draw = draw * 1664525u + 1013904223u;
        const size_t len = i % 50 == 49 ? (draw >> 16) % sizeof line : (draw >> 16) % 80;
        memset(line, 'a' + i % 26, len);
        lambda_tail_line(tail, mr_slice_make(line, len));
        mr_buf_append(&truth, mr_slice_make(line, len));
        mr_buf_byte(&truth, '\n');
        const struct mr_slice all = mr_buf_slice(&truth);
        const size_t kept = all.len < LAMBDA_TAIL_BYTES ? all.len : LAMBDA_TAIL_BYTES;
        const struct mr_slice found = lambda_tail_text(*state, tail);
        assert_int_equal(found.len, kept);
        assert_memory_equal(found.ptr, all.ptr + all.len - kept, kept);
    }
    mr_buf_fini(&truth);
}

static void every_way_to_name_a_function_gives_its_name(void **state)
{
    (void)state;
    static const char *const forms[][3] = {
        {"f", "f", ""},
        {"f:$LATEST", "f", "$LATEST"},
        {"111111111111:function:f", "f", ""},
        {"function:f", "f", ""},
        {"arn:aws:lambda:us-east-1:111111111111:function:f", "f", ""},
        {"arn:aws:lambda:us-east-1:111111111111:function:f:prod", "f", "prod"},
        {"my-function", "my-function", ""},
        {"my-function:x", "my-function", "x"},
        {"arn:aws:lambda:us-east-1:111111111111:function:function", "function", ""},
        {"", "", ""},
    };
    for (size_t i = 0; i < MR_COUNT(forms); i++) {
        struct mr_slice name, qualifier;
        lambda_name_split(mr_slice_cstr(forms[i][0]), &name, &qualifier);
        assert_text(name, forms[i][1]);
        assert_text(qualifier, forms[i][2]);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_error_is_json_whatever_its_text),
        TEST(ends_are_worded_as_aws_does),
        TEST(a_report_tells_the_start_once_and_a_timeout),
        TEST(the_tail_is_the_end_of_what_was_written),
        TEST(every_way_to_name_a_function_gives_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
