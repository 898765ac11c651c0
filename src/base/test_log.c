#include "base/base.h"
#include "base/log.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char logged[40000];

/* Standard error goes to a file from capture_begin() to capture_end(), which reads it into
 * `logged`. */
static int saved_stderr;
static FILE *capture;

static void capture_begin(void)
{
    capture = tmpfile();
    assert_non_null(capture);
    saved_stderr = dup(STDERR_FILENO);
    dup2(fileno(capture), STDERR_FILENO);
}

static void capture_end(void)
{
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    rewind(capture);
    size_t len = fread(logged, 1, sizeof(logged) - 1, capture);
    logged[len] = '\0';
    fclose(capture);
}

static void a_message_is_one_line_with_time_level_and_area(void **state)
{
    (void)state;
    capture_begin();
    errno = 77;
    mr_log(MR_LOG_WARN, "pipes", "lag is %d\nand \x1b[1m", 5);
    assert_int_equal(errno, 77);
    capture_end();
    assert_string_equal(logged + 24, " warn  pipes: lag is 5\\nand \\x1b[1m\n");
    assert_int_equal(logged[23], 'Z');
}

static void messages_below_the_level_are_dropped(void **state)
{
    (void)state;
    capture_begin();
    mr_log(MR_LOG_DEBUG, "base", "unseen");
    mr_log_set_level(MR_LOG_DEBUG);
    mr_log(MR_LOG_DEBUG, "base", "seen");
    mr_log_set_level(MR_LOG_INFO);
    capture_end();
    assert_null(strstr(logged, "unseen"));
    assert_non_null(strstr(logged, " debug base: seen\n"));
}

static void a_long_message_is_cut_and_still_ends_its_line(void **state)
{
    (void)state;
    capture_begin();
    mr_log(MR_LOG_INFO, "base", "%9000d", 1);
    capture_end();
    size_t len = strlen(logged);
    assert_true(len < 5000);
    assert_int_equal(logged[len - 1], '\n');
}

static void raising_logs_where_and_returns_the_code(void **state)
{
    (void)state;
    capture_begin();
    enum mr_status got = MR_RAISE(MR_FAIL_IO, "cannot open '%s'", "x");
    enum mr_status far = mr_raise(MR_FAIL, "../src/journal/append.c", 12, "full");
    enum mr_status odd = mr_raise(MR_FAIL, "tool.c", 1, "odd");
    capture_end();
    assert_int_equal(got, MR_FAIL_IO);
    assert_int_equal(far, MR_FAIL);
    assert_int_equal(odd, MR_FAIL);
    assert_non_null(strstr(logged, " error base: src/base/test_log.c:"));
    assert_non_null(strstr(logged, ": cannot open 'x'\n"));
    assert_non_null(strstr(logged, " error journal: src/journal/append.c:12: full\n"));
    assert_non_null(strstr(logged, " error tool.c: tool.c:1: odd\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_one_line_with_time_level_and_area),
        cmocka_unit_test(messages_below_the_level_are_dropped),
        cmocka_unit_test(a_long_message_is_cut_and_still_ends_its_line),
        cmocka_unit_test(raising_logs_where_and_returns_the_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
