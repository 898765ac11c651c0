#include "runtime/runtime.h"
#include "runtime/test_support.h"
#include "base/arena.h"
#include "base/buf.h"
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the callbacks of one child saw. */
struct seen {
    struct gate lines, exits;
    struct mr_buf output, error; /* each line with '|' behind it */
    size_t longest;
    int late_lines; /* that came after on_exit */
    int status;
    long max_rss_kb;
};

static struct runtime *runtime;
static struct seen seen;

static void seen_init(struct seen *s)
{
    *s = (struct seen){0};
    gate_init(&s->lines);
    gate_init(&s->exits);
}

static void seen_fini(struct seen *s)
{
    assert_int_equal(s->late_lines, 0);
    gate_fini(&s->lines);
    gate_fini(&s->exits);
    mr_buf_fini(&s->output);
    mr_buf_fini(&s->error);
}

static int setup(void **state)
{
    (void)state;
    seen_init(&seen);
    struct runtime_options options = {0};
    return runtime_new(&runtime, &options) == MR_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    runtime_free(runtime);
    seen_fini(&seen);
    return 0;
}

static void on_output(void *ctx, struct mr_slice line, bool error)
{
    struct seen *s = ctx;
    struct mr_buf *buf = error ? &s->error : &s->output;
    mr_buf_append(buf, line);
    mr_buf_byte(buf, '|');
    if (line.len > s->longest)
        s->longest = line.len;
    s->late_lines += gate_count(&s->exits) > 0;
    gate_add(&s->lines);
}

static void on_exit_of_child(void *ctx, int status, long max_rss_kb)
{
    struct seen *s = ctx;
    s->status = status;
    s->max_rss_kb = max_rss_kb;
    gate_add(&s->exits);
}

static const char *const environment[] = {"PATH=/usr/bin:/bin", "MARK=here", NULL};

static struct runtime_child_options options_of(const char *const *argv, struct seen *s)
{
    return (struct runtime_child_options){.argv = argv,
                                          .envp = environment,
                                          .folder = "/",
                                          .on_output = on_output,
                                          .on_exit = on_exit_of_child,
                                          .ctx = s};
}

static struct runtime_child *start_shell(const char *script, struct seen *s)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    struct runtime_child_options options = options_of(argv, s);
    struct runtime_child *child = NULL;
    assert_int_equal(runtime_child_start(runtime, &options, &child), MR_OK);
    assert_non_null(child);
    return child;
}

static void run_shell(const char *script)
{
    start_shell(script, &seen);
    gate_wait(&seen.exits, 1);
}

static void assert_output(struct mr_buf *buf, const char *want)
{
    mr_buf_byte(buf, '\0');
    assert_string_equal(buf->data, want);
    buf->len--;
}

static void output_comes_line_by_line_also_the_last_without_its_end(void **state)
{
    (void)state;
    run_shell("printf 'one\\n\\nthree\\n\\r\\nno end'; printf 'bad\\nworse' >&2; exit 3");
    assert_output(&seen.output, "one||three|\r|no end|");
    assert_output(&seen.error, "bad|worse|");
    assert_true(WIFEXITED(seen.status));
    assert_int_equal(WEXITSTATUS(seen.status), 3);
    assert_true(seen.max_rss_kb > 0);
}

static void all_output_comes_before_the_end(void **state)
{
    (void)state;
    run_shell("seq 1 50000; seq 1 50000 >&2");
    assert_int_equal(gate_count(&seen.lines), 100000);
    struct mr_slice rest = mr_buf_slice(&seen.output), line;
    for (int64_t want = 1; want <= 50000; want++) {
        int64_t got;
        assert_true(mr_slice_split(&rest, '|', &line));
        assert_int_equal(mr_slice_to_i64(line, &got), MR_OK);
        assert_int_equal(got, want);
    }
    assert_true(mr_slice_equal(mr_buf_slice(&seen.output), mr_buf_slice(&seen.error)));
}

static struct gate go; /* how many lines on_held_output may be through with */

static void on_held_output(void *ctx, struct mr_slice line, bool error)
{
    on_output(ctx, line, error);
    gate_wait(&go, gate_count(&seen.lines));
}

static void output_is_there_until_the_callback_is_through_with_it(void **state)
{
    (void)state;
    gate_init(&go);
    const char *const argv[] = {"/bin/sh", "-c", "printf 'a\\nb\\nc\\n'; exec sleep 60", NULL};
    struct runtime_child_options options = options_of(argv, &seen);
    struct runtime_child *child = NULL;
    options.on_output = on_held_output;
    assert_int_equal(runtime_child_start(runtime, &options, &child), MR_OK);
    gate_wait(&seen.lines, 1); /* the three came in one piece */
    const struct runtime_output output = runtime_child_output(child);
    assert_true(output.bytes[0] == 6 && output.bytes[1] == 0);
    for (long line = 1; line <= 3; line++) {
        gate_wait(&seen.lines, line);
        assert_false(runtime_child_was_heard(child, &output));
        gate_add(&go);
    }
    while (!runtime_child_was_heard(child, &output)) /* the test's deadline ends it */
        sched_yield();
    assert_int_equal(gate_count(&seen.lines), 3);
    runtime_child_kill(child);
    gate_wait(&seen.exits, 1);
    gate_fini(&go);
}

static void a_line_too_long_comes_in_pieces(void **state)
{
    (void)state;
    /* Twice the limit and 5 more, then exactly the limit, then a short one. */
    run_shell("head -c 524293 /dev/zero | tr '\\0' x; echo; head -c 262144 /dev/zero | tr '\\0' y; "
              "echo; echo end");
    assert_int_equal(seen.longest, RUNTIME_LINE_BYTES_MAX);
    size_t max = RUNTIME_LINE_BYTES_MAX;
    const size_t lengths[] = {max, max, 5, max, 3, 0};
    struct mr_slice rest = mr_buf_slice(&seen.output), line;
    for (size_t i = 0; i < MR_COUNT(lengths); i++) {
        assert_true(mr_slice_split(&rest, '|', &line));
        assert_int_equal(line.len, lengths[i]);
    }
    assert_false(mr_slice_split(&rest, '|', &line));
}

static void a_child_has_its_environment_folder_and_group_and_nothing_else_of_ours(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    FILE *open_here = tmpfile();
    run_shell("env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD= | sort; pwd; wc -c; "
              "ls /proc/self/fd | wc -l; "
              "grep -e NoNewPrivs -e SigBlk -e SigIgn /proc/self/status | tr -d '\\t'; "
              "ulimit -c; ulimit -n; [ $(cut -d' ' -f5 /proc/$$/stat) = $$ ] && echo own group");
    fclose(open_here);
    signal(SIGPIPE, SIG_DFL);
    /* Four descriptors: the three, and the one that ls opens to look. */
    assert_output(&seen.output, "MARK=here|PATH=/usr/bin:/bin|/|0|4|"
                                "SigBlk:0000000000000000|SigIgn:0000000000000000|NoNewPrivs:1|"
                                "0|1024|own group|");
    assert_output(&seen.error, "");
}

static void memory_and_files_are_limited_as_asked(void **state)
{
    (void)state;
    const char *const argv[] = {"/bin/sh", "-c", "ulimit -v; ulimit -n", NULL};
    struct runtime_child_options options = options_of(argv, &seen);
    options.memory_bytes = 256 << 20;
    options.files_max = 64;
    struct runtime_child *child;
    assert_int_equal(runtime_child_start(runtime, &options, &child), MR_OK);
    gate_wait(&seen.exits, 1);
    assert_output(&seen.output, "262144|64|");
}

static void what_cannot_be_run_is_refused_and_calls_nothing_back(void **state)
{
    (void)state;
    const char *const missing[] = {"/nonexistent/program", NULL};
    const char *const no_program[] = {"/etc/passwd", NULL};
    const char *const fine[] = {"/bin/true", NULL};
    struct runtime_child *child = NULL;
    struct runtime_child_options options = options_of(missing, &seen);
    assert_int_equal(runtime_child_start(runtime, &options, &child), MR_INVALID);
    options = options_of(no_program, &seen);
    assert_int_equal(runtime_child_start(runtime, &options, &child), MR_INVALID);
    options = options_of(fine, &seen);
    options.folder = "/nonexistent";
    assert_int_equal(runtime_child_start(runtime, &options, &child), MR_INVALID);
    assert_null(child);
    options.folder = NULL;
    assert_int_equal(runtime_child_start(runtime, &options, &child), MR_OK);
    gate_wait(&seen.exits, 1);
    runtime_stop(runtime);
    assert_int_equal(gate_count(&seen.exits), 1);
    assert_int_equal(runtime_child_start(runtime, &options, &child), MR_FULL);
}

/* A descriptor that becomes readable when the process whose number is in that line ends. */
static int watch_process(struct mr_slice line)
{
    int64_t pid;
    assert_int_equal(mr_slice_to_i64(line, &pid), MR_OK);
    int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    assert_true(fd >= 0);
    return fd;
}

static void assert_ends(int process_fd)
{
    struct pollfd poll_fd = {.fd = process_fd, .events = POLLIN};
    assert_int_equal(poll(&poll_fd, 1, 20000), 1);
    close(process_fd);
}

static struct mr_slice first_line(struct mr_buf *buf)
{
    return mr_slice_sub(mr_buf_slice(buf), 0, mr_slice_find(mr_buf_slice(buf), '|'));
}

static void killing_ends_the_whole_group(void **state)
{
    (void)state;
    struct runtime_child *child = start_shell("sleep 1000 & echo $!; wait", &seen);
    gate_wait(&seen.lines, 1);
    int grandchild = watch_process(first_line(&seen.output));
    assert_true(runtime_child_rss_kb(child) > 0);
    runtime_child_kill(child);
    gate_wait(&seen.exits, 1);
    assert_true(WIFSIGNALED(seen.status));
    assert_int_equal(WTERMSIG(seen.status), SIGKILL);
    assert_true(seen.max_rss_kb > 0);
    assert_ends(grandchild);
}

static void what_a_child_leaves_behind_ends_with_it(void **state)
{
    (void)state;
    /* It holds the pipes; without the kill they would stay open. */
    run_shell("sleep 1000 & echo $!; exit 0");
    assert_true(WIFEXITED(seen.status));
    int64_t pid;
    assert_int_equal(mr_slice_to_i64(first_line(&seen.output), &pid), MR_OK);
    int grandchild = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    if (grandchild >= 0)
        assert_ends(grandchild);
    else
        assert_int_equal(errno, ESRCH);
}

static void a_process_that_left_the_group_cannot_hold_up_the_end(void **state)
{
    (void)state;
    run_shell("setsid sleep 1000 & echo $!; exit 0");
    assert_true(WIFEXITED(seen.status));
    int64_t pid;
    assert_int_equal(mr_slice_to_i64(first_line(&seen.output), &pid), MR_OK);
    kill((pid_t)pid, SIGKILL);
}

static int count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

static void no_descriptor_is_left_behind(void **state)
{
    (void)state;
    start_shell("true", &seen); /* starts the threads */
    gate_wait(&seen.exits, 1);
    int before = count_descriptors();
    const char *const missing[] = {"/nonexistent/program", NULL};
    struct runtime_child_options options = options_of(missing, &seen);
    struct runtime_child *child;
    for (int i = 0; i < 40; i++) {
        start_shell("echo out; echo error >&2", &seen);
        assert_int_equal(runtime_child_start(runtime, &options, &child), MR_INVALID);
    }
    gate_wait(&seen.exits, 41);
    seen.late_lines = 0; /* one record for all of them */
    struct seen last;
    seen_init(&last); /* when this one has come back the others are freed */
    start_shell("true", &last);
    gate_wait(&last.exits, 1);
    runtime_stop(runtime);
    assert_true(count_descriptors() <= before);
    seen_fini(&last);
}

static void many_children_run_side_by_side(void **state)
{
    (void)state;
    enum { MANY = 40 };
    static struct seen each[MANY];
    for (size_t i = 0; i < MANY; i++) {
        seen_init(&each[i]);
        start_shell("for i in 1 2 3 4 5; do echo line $i; done; echo end >&2", &each[i]);
    }
    for (size_t i = 0; i < MANY; i++) {
        gate_wait(&each[i].exits, 1);
        assert_output(&each[i].output, "line 1|line 2|line 3|line 4|line 5|");
        assert_output(&each[i].error, "end|");
        seen_fini(&each[i]);
    }
}

/* on_exit starts the next one, as whoever keeps a process warm would. */
static atomic_int restarts_left;
static struct gate restarted;

static void restart(void *ctx, int status, long max_rss_kb)
{
    (void)status;
    (void)max_rss_kb;
    const char *const argv[] = {"/bin/true", NULL};
    struct runtime_child_options options = options_of(argv, &seen);
    options.on_exit = restart;
    options.ctx = ctx;
    struct runtime_child *child;
    if (atomic_fetch_sub(&restarts_left, 1) <= 0)
        gate_add(&restarted);
    else if (runtime_child_start(runtime, &options, &child) != MR_OK)
        abort();
}

static void a_callback_may_start_the_next_child(void **state)
{
    (void)state;
    gate_init(&restarted);
    atomic_store(&restarts_left, 20);
    restart(NULL, 0, 0);
    gate_wait(&restarted, 1);
    gate_fini(&restarted);
}

static enum runtime_pump_next busy_step(void *ctx, int64_t *ret_wake_ms)
{
    (void)ctx;
    (void)ret_wake_ms;
    return RUNTIME_PUMP_AGAIN;
}

static void nothing_job(void *arg)
{
    (void)arg;
}

static void stopping_with_everything_busy_ends_everything(void **state)
{
    (void)state;
    start_shell("while :; do echo busy; done", &seen);
    struct seen quiet;
    seen_init(&quiet);
    start_shell("sleep 1000", &quiet);
    for (int i = 0; i < 5; i++)
        runtime_pump_start(runtime, "busy", busy_step, NULL);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(runtime_submit(runtime, nothing_job, NULL), MR_OK);
    gate_wait(&seen.lines, 1000);
    runtime_stop(runtime);
    assert_int_equal(gate_count(&seen.exits), 1);
    assert_int_equal(gate_count(&quiet.exits), 1);
    assert_int_equal(WTERMSIG(quiet.status), SIGKILL);
    seen_fini(&quiet);
}

/* In a process of its own, which is then killed. */
static void helper_main(int report_fd)
{
    seen_init(&seen);
    struct runtime_options options = {0};
    if (runtime_new(&runtime, &options) != MR_OK)
        _exit(1);
    start_shell("echo $$; exec sleep 1000", &seen);
    gate_wait(&seen.lines, 1);
    struct mr_slice line = first_line(&seen.output);
    if (write(report_fd, line.ptr, line.len) < 0)
        _exit(1);
    for (;;)
        pause();
}

static void children_die_when_this_process_is_killed(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t helper = fork();
    if (helper == 0)
        helper_main(ends[1]);
    char text[16];
    ssize_t len = read(ends[0], text, sizeof(text));
    assert_true(len > 0);
    int child = watch_process(mr_slice_make(text, (size_t)len));
    kill(helper, SIGKILL);
    assert_int_equal(waitpid(helper, NULL, 0), helper);
    assert_ends(child);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
#define CHILD_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        /* It forks, so it comes before there are threads. */
        cmocka_unit_test(children_die_when_this_process_is_killed),
        CHILD_TEST(output_comes_line_by_line_also_the_last_without_its_end),
        CHILD_TEST(all_output_comes_before_the_end),
        CHILD_TEST(output_is_there_until_the_callback_is_through_with_it),
        CHILD_TEST(a_line_too_long_comes_in_pieces),
        CHILD_TEST(a_child_has_its_environment_folder_and_group_and_nothing_else_of_ours),
        CHILD_TEST(memory_and_files_are_limited_as_asked),
        CHILD_TEST(what_cannot_be_run_is_refused_and_calls_nothing_back),
        CHILD_TEST(killing_ends_the_whole_group),
        CHILD_TEST(what_a_child_leaves_behind_ends_with_it),
        CHILD_TEST(a_process_that_left_the_group_cannot_hold_up_the_end),
        CHILD_TEST(no_descriptor_is_left_behind),
        CHILD_TEST(many_children_run_side_by_side),
        CHILD_TEST(a_callback_may_start_the_next_child),
        CHILD_TEST(stopping_with_everything_busy_ends_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
