#include "base/point.h"
#include "base/clock.h"
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static void arm(const char *spec)
{
    const char *problem = NULL;
    if (mr_point_arm(mr_slice_cstr(spec), &problem) != MR_OK)
        fail_msg("%s: %s", spec, problem);
}

static void names_are_unlike_and_each_can_be_armed(void **state)
{
    (void)state;
    for (int i = 0; i < MR_POINTS; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(mr_point_name((enum mr_point)i),
                                    mr_point_name((enum mr_point)j));
    for (int i = 0; i < MR_POINTS; i++) {
        char spec[100];
        (void)snprintf(spec, sizeof spec, "%s:1000000:kill", mr_point_name((enum mr_point)i));
        arm(spec);
    }
    mr_points_disarm();
}

static void specs_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const char *const specs[] = {
        "",
        "journal.sync",
        "journal.sync:1",
        "journal.nowhere:1:kill",
        "journal.sync:0:kill",
        "journal.sync:x:kill",
        "journal.sync:1:explode",
        "journal.sync:1:short",
        "journal.appended:1:eio",
        "any:1:eio",
        "any:1:delay-",
        "any:1:delay-999999",
    };
    const char *problem;
    for (size_t i = 0; i < MR_COUNT(specs); i++)
        if (mr_point_arm(mr_slice_cstr(specs[i]), &problem) != MR_INVALID || problem == NULL)
            fail_msg("'%s' was taken", specs[i]);
}

static void errors_come_at_their_number_once_or_from_then_on(void **state)
{
    (void)state;
    arm("journal.sync:2:eio");
    assert_int_equal(mr_point(MR_POINT_JOURNAL_SYNC), 0);
    errno = 0;
    assert_int_equal(mr_point(MR_POINT_JOURNAL_SYNC), EIO);
    assert_int_equal(errno, EIO);
    assert_int_equal(mr_point(MR_POINT_JOURNAL_SYNC), 0);
    arm("journal.sync:1+:enospc");
    assert_false(mr_point_good(MR_POINT_JOURNAL_SYNC));
    assert_false(mr_point_good(MR_POINT_JOURNAL_SYNC));
    assert_int_equal(errno, ENOSPC);
    mr_points_disarm();
    assert_true(mr_point_good(MR_POINT_JOURNAL_SYNC));
    assert_int_equal(mr_point_count(MR_POINT_JOURNAL_SYNC), 6);
}

static void writes_are_cut_or_fail(void **state)
{
    (void)state;
    arm("journal.write:1:short");
    assert_int_equal(mr_point_write(MR_POINT_JOURNAL_WRITE, 101), 51);
    assert_int_equal(mr_point_write(MR_POINT_JOURNAL_WRITE, 1), 1);
    arm("journal.write:1:short");
    assert_int_equal(mr_point_write(MR_POINT_JOURNAL_WRITE, 1), 1);
    arm("journal.write:1:enospc");
    assert_int_equal(mr_point_write(MR_POINT_JOURNAL_WRITE, 10), 0);
    assert_int_equal(errno, ENOSPC);
}

static int ended_by(void (*act)(void))
{
    const pid_t child = fork();
    if (child == 0) {
        act();
        _exit(0);
    }
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    return WIFSIGNALED(how) ? WTERMSIG(how) : 0;
}

static void third_of_any(void)
{
    arm("any:3:kill");
    (void)mr_point(MR_POINT_VIEW_APPLY);
    (void)mr_point(MR_POINT_VIEW_APPLIED);
    (void)mr_point(MR_POINT_JOURNAL_SYNC);
}

static void second_of_any(void)
{
    arm("any:3:kill");
    (void)mr_point(MR_POINT_VIEW_APPLY);
    (void)mr_point(MR_POINT_VIEW_APPLIED);
}

static void tear(void)
{
    arm("journal.write:1:tear");
    if (mr_point_write(MR_POINT_JOURNAL_WRITE, 100) == 50)
        (void)mr_point(MR_POINT_JOURNAL_WRITTEN);
}

static void kill_ends_the_process_at_its_number(void **state)
{
    (void)state;
    assert_int_equal(ended_by(third_of_any), SIGKILL);
    assert_int_equal(ended_by(second_of_any), 0);
    assert_int_equal(ended_by(tear), SIGKILL);
}

static void *pass_one(void *ctx)
{
    (void)mr_point(MR_POINT_VIEW_MERGE);
    atomic_store((atomic_bool *)ctx, true);
    return NULL;
}

static void a_delay_ends_when_it_is_disarmed(void **state)
{
    (void)state;
    pthread_t thread;
    atomic_bool done = false;
    const uint64_t before = mr_point_count(MR_POINT_VIEW_MERGE);
    arm("view.merge:1:delay-60000");
    const int64_t begun_ms = mr_monotonic_ms();
    assert_int_equal(pthread_create(&thread, NULL, pass_one, &done), 0);
    while (mr_point_count(MR_POINT_VIEW_MERGE) == before)
        (void)sched_yield();
    assert_false(atomic_load(&done));
    mr_points_disarm();
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(mr_monotonic_ms() - begun_ms < 60000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_unlike_and_each_can_be_armed),
        cmocka_unit_test(specs_that_make_no_sense_are_refused),
        cmocka_unit_test(errors_come_at_their_number_once_or_from_then_on),
        cmocka_unit_test(writes_are_cut_or_fail),
        cmocka_unit_test(kill_ends_the_process_at_its_number),
        cmocka_unit_test(a_delay_ends_when_it_is_disarmed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
