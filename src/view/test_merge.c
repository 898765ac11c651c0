#include "base/arena.h"
#include "base/point.h"
#include "base/rng.h"
#include "base/test_folder.h"
#include "journal/journal.h"
#include "view/view_internal.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

enum { KEYS = 3000, ROUNDS = 300, WRITES = 150, MEMTABLE_BYTES = 16 << 10 };

static struct view *open_view(void **state)
{
    struct view *view = NULL;
    struct view_options options = {.folder = *state, .memtable_bytes = MEMTABLE_BYTES};
    assert_int_equal(view_open(&view, &options), MR_OK);
    return view;
}

/* `value` below 0: deletes. */
static void write_key(struct view *view, int number, int value)
{
    char key[16], text[80];
    struct journal_op op = {
        .kind = value < 0 ? JOURNAL_DELETE : JOURNAL_PUT,
        .space = VIEW_ITEM,
        .key =
            mr_slice_make(key, (size_t)snprintf(key, sizeof(key), "%07d", number * 7919 % 9999991)),
        .value = mr_slice_make(text, (size_t)snprintf(text, sizeof(text), "%-60d", value)),
    };
    view_apply(view, &op, 1);
}

static int read_key(struct view *view, int number)
{
    char key[16];
    MR_CLEANUP(mr_buf_fini) struct mr_buf buf = {0};
    snprintf(key, sizeof(key), "%07d", number * 7919 % 9999991);
    enum mr_status status = view_get(view, VIEW_ITEM, mr_slice_cstr(key), &buf);
    if (status == MR_NOT_FOUND)
        return -1;
    assert_int_equal(status, MR_OK);
    mr_buf_byte(&buf, '\0');
    return (int)strtol(buf.data, NULL, 10);
}

static void flush(struct view *view, int64_t position)
{
    view_flush_begin(view, position);
    assert_int_equal(view_flush_end(view), MR_OK);
}

static void wait_for_merges(struct view *view)
{
    pthread_mutex_lock(&view->files.lock);
    while (view->files.wanted || view->files.busy)
        pthread_cond_wait(&view->files.moved, &view->files.lock);
    assert_false(view->files.failed);
    pthread_mutex_unlock(&view->files.lock);
}

static size_t count_files(void **state)
{
    char command[256];
    snprintf(command, sizeof(command), "ls '%s' | grep -c run$", (char *)*state);
    FILE *pipe = popen(command, "r");
    size_t count = 0;
    assert_int_equal(fscanf(pipe, "%zu", &count), 1);
    pclose(pipe);
    return count;
}

static void assert_all(struct view *view, const int *values)
{
    for (int i = 0; i < KEYS; i++)
        assert_int_equal(read_key(view, i), values[i]);
}

static void merges_change_nothing_and_keep_runs_few(void **state)
{
    struct view *view = open_view(state);
    struct mr_rng rng;
    static int values[KEYS];
    mr_rng_init_seed(&rng, 20261129);
    for (int i = 0; i < KEYS; i++)
        values[i] = -1;
    for (int round = 1; round <= ROUNDS; round++) {
        for (int i = 0; i < WRITES; i++) {
            int number = (int)mr_rng_below(&rng, KEYS);
            values[number] = mr_rng_below(&rng, 4) == 0 ? -1 : round;
            write_key(view, number, values[number]);
        }
        flush(view, round);
        if (mr_rng_below(&rng, 30) != 0)
            continue;
        assert_all(view, values);
        view_close(view); /* often in the middle of a merge */
        view = open_view(state);
        assert_int_equal(view_flushed(view), round);
        assert_all(view, values);
    }
    wait_for_merges(view);
    assert_all(view, values);
    struct runs *runs = view_files_list(view);
    assert_in_range(runs->count, 1, 12); /* 300 were written */
    assert_int_equal(count_files(state), runs->count);
    runs_unref(runs);
    view_close(view);
}

static void a_view_that_is_cleared_beside_merges_stays_clear(void **state)
{
    struct view *view = open_view(state);
    int64_t position = 0;
    for (int round = 0; round < 30; round++) {
        for (int i = 0; i < 9; i++) {
            for (int number = i; number < WRITES; number++)
                write_key(view, number, round);
            flush(view, ++position); /* each fourth begins a merge */
        }
        assert_int_equal(view_clear(view, ++position, NULL, 0), MR_OK);
        write_key(view, 1, round);
        flush(view, ++position);
        wait_for_merges(view);
        assert_int_equal(count_files(state), 2);
        for (int number = 0; number < WRITES; number++)
            assert_int_equal(read_key(view, number), number == 1 ? round : -1);
        view_close(view);
        view = open_view(state);
        assert_int_equal(view_cleared(view), position - 1);
        assert_int_equal(read_key(view, 1), round);
        assert_int_equal(read_key(view, 2), -1);
    }
    view_close(view);
}

static void runs_at_the_limit_are_left_and_smaller_ones_go_on_being_merged(void **state)
{
    struct view *view = open_view(state);
    static int values[KEYS];
    for (int i = 0; i < KEYS; i++)
        values[i] = -1;
    view->run_bytes_max = 100 << 10;
    for (int round = 1; round <= 60; round++) {
        for (int i = 0; i < 100; i++) {
            int number = (round * 100 + i) % KEYS;
            values[number] = round;
            write_key(view, number, round);
        }
        flush(view, round);
        wait_for_merges(view);
    }
    struct runs *runs = view_files_list(view);
    assert_in_range(runs->count, 5, 30); /* 60 were written, of 17 KiB each */
    for (size_t i = 0; i < runs->count; i++)
        assert_in_range(run_bytes(runs->each[i]), 1, 100 << 10);
    runs_unref(runs);
    assert_all(view, values);
    view_close(view);
}

static void deletions_go_when_they_meet_the_oldest_run(void **state)
{
    struct view *view = open_view(state);
    for (int i = 0; i < 30; i++)
        write_key(view, i, 1);
    flush(view, 1);
    for (int i = 0; i < 30; i++)
        write_key(view, i, -1);
    flush(view, 2);
    flush(view, 3);
    flush(view, 4);
    wait_for_merges(view);
    struct runs *runs = view_files_list(view);
    assert_int_equal(runs->count, 1);
    assert_int_equal(run_keys(runs->each[0]), 1); /* the view's own: the position of the flush */
    runs_unref(runs);
    assert_int_equal(view_flushed(view), 4);
    view_close(view);
}

static void a_walk_goes_on_over_runs_that_were_merged_away(void **state)
{
    struct view *view = open_view(state);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++)
            write_key(view, round * 100 + i, round);
        flush(view, round + 1);
    }
    struct view_iterator *iterator = view_iterate(view, VIEW_ITEM, MR_S(""));
    view_iterator_first(iterator);
    for (int i = 0; i < 100; i++)
        write_key(view, i, 4);
    flush(view, 4);
    wait_for_merges(view);
    assert_int_equal(count_files(state), 1);
    int count = 0;
    for (; view_iterator_valid(iterator); view_iterator_next(iterator))
        count++;
    assert_int_equal(view_iterator_status(iterator), MR_OK);
    assert_int_equal(count, 300);
    view_iterator_free(iterator);
    view_close(view);
}

static void put_file(void **state, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", (char *)*state, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void what_a_crash_left_is_removed(void **state)
{
    struct view *view = open_view(state);
    write_key(view, 1, 1);
    flush(view, 1);
    view_close(view);
    put_file(state, "00000099.run", "half of a merge");
    put_file(state, "runs.tmp", "half of a list");
    view = open_view(state);
    assert_int_equal(read_key(view, 1), 1);
    assert_int_equal(count_files(state), 1);
    write_key(view, 2, 2);
    flush(view, 2);
    view_close(view);
    view = open_view(state);
    assert_int_equal(read_key(view, 2), 2);
    view_close(view);
}

/* Nothing that fails may leave a file behind: the disk may be full. */
static void failed_flushes_and_merges_leave_no_files(void **state)
{
    const char *problem;
    struct view *view = open_view(state);
    for (int position = 1; position <= 3; position++) {
        write_key(view, position, 1);
        flush(view, position);
    }
    wait_for_merges(view);
    write_key(view, 4, 1);
    /* The fourth flush writes its list; the merge it begins does not. */
    assert_int_equal(mr_point_arm(MR_S("view.list.write:2+:enospc"), &problem), MR_OK);
    flush(view, 4);
    pthread_mutex_lock(&view->files.lock);
    while (!view->files.failed)
        pthread_cond_wait(&view->files.moved, &view->files.lock);
    pthread_mutex_unlock(&view->files.lock);
    assert_int_equal(count_files(state), 4);
    view_flush_begin(view, 5);
    assert_int_equal(view_flush_end(view), MR_FAIL_IO);
    assert_int_equal(count_files(state), 4);
    mr_points_disarm();
    assert_int_equal(mr_point_arm(MR_S("view.run.write:1+:enospc"), &problem), MR_OK);
    assert_int_equal(view_flush_end(view), MR_FAIL_IO);
    assert_int_equal(count_files(state), 4);
    mr_points_disarm();
    assert_int_equal(view_flush_end(view), MR_OK); /* there is room again */
    wait_for_merges(view);
    assert_int_equal(count_files(state), 1);
    view_close(view);
}

static void the_standard_input_outlives_a_run_that_cannot_be_made(void **state)
{
    const char *problem;
    struct view *view = open_view(state);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(dup2(null, STDIN_FILENO), STDIN_FILENO);
    close(null);
    assert_int_equal(mr_point_arm(MR_S("view.run.create:1:enospc"), &problem), MR_OK);
    view_flush_begin(view, 1);
    assert_int_equal(view_flush_end(view), MR_FAIL_IO);
    mr_points_disarm();
    assert_int_not_equal(fcntl(STDIN_FILENO, F_GETFD), -1);
    view_close(view);
}

static void runs_whose_list_is_gone_are_refused_and_kept(void **state)
{
    struct view *view = open_view(state), *refused = NULL;
    struct view_options options = {.folder = *state};
    write_key(view, 1, 1);
    flush(view, 1);
    write_key(view, 2, 1);
    flush(view, 2);
    view_close(view);
    char path[256];
    snprintf(path, sizeof(path), "%s/runs", (char *)*state);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(view_open(&refused, &options), MR_FAIL_DATA);
    assert_int_equal(count_files(state), 2);
}

/* Without a list the first run is what a crash left of the first flush. */
static void a_first_run_without_a_list_is_made_anew(void **state)
{
    put_file(state, "00000001.run", "half of a run");
    struct view *view = open_view(state);
    write_key(view, 1, 1);
    flush(view, 1);
    assert_int_equal(read_key(view, 1), 1);
    view_close(view);
}

static void assert_refused(void **state)
{
    struct view *view = NULL;
    struct view_options options = {.folder = *state};
    assert_int_equal(view_open(&view, &options), MR_FAIL_DATA);
}

static void a_damaged_list_and_an_older_format_are_refused(void **state)
{
    put_file(state, "CURRENT", "MANIFEST-000001\n");
    assert_refused(state);
    char path[256];
    snprintf(path, sizeof(path), "%s/CURRENT", (char *)*state);
    unlink(path);
    struct view *view = open_view(state);
    flush(view, 1);
    view_close(view);
    put_file(state, "runs", "millrace-view 1\nrun 1\ncrc 00000000\n");
    assert_refused(state);
    put_file(state, "runs", "");
    assert_refused(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(merges_change_nothing_and_keep_runs_few),
        TEST(a_view_that_is_cleared_beside_merges_stays_clear),
        TEST(runs_at_the_limit_are_left_and_smaller_ones_go_on_being_merged),
        TEST(deletions_go_when_they_meet_the_oldest_run),
        TEST(a_walk_goes_on_over_runs_that_were_merged_away),
        TEST(what_a_crash_left_is_removed),
        TEST(failed_flushes_and_merges_leave_no_files),
        TEST(the_standard_input_outlives_a_run_that_cannot_be_made),
        TEST(runs_whose_list_is_gone_are_refused_and_kept),
        TEST(a_first_run_without_a_list_is_made_anew),
        TEST(a_damaged_list_and_an_older_format_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
