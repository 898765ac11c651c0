#include "view/store.h"
#include "base/point.h"
#include "base/rng.h"
#include "base/test_folder.h"
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

static struct store *open_store(const char *folder, size_t memtable_bytes)
{
    struct store *store = NULL;
    struct store_options options = {
        .folder = folder, .clock = mr_clock_system, .memtable_bytes = memtable_bytes};
    assert_int_equal(store_open(&store, &options), MR_OK);
    return store;
}

static void a_folder_is_made_private_and_locked(void **state)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/deep/er/", (char *)*state);
    struct store *store = open_store(path, 0), *second = NULL;
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    struct store_options options = {.folder = path, .clock = mr_clock_system};
    assert_int_equal(store_open(&second, &options), MR_EXISTS);
    store_close(store);
    store = open_store(path, 0);
    store_close(store);
}

static enum mr_status join_docs(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct mr_buf *buf = ctx;
    mr_buf_append(buf, name);
    mr_buf_byte(buf, '=');
    mr_buf_append(buf, json);
    mr_buf_byte(buf, ' ');
    return json.len > 0 && json.ptr[0] == '!' ? MR_END : MR_OK;
}

static void assert_docs(struct store *store, struct mr_slice prefix, const char *wanted)
{
    struct mr_buf buf = {0};
    assert_int_equal(store_doc_each(store, "svc", "kind", prefix, join_docs, &buf), MR_OK);
    mr_buf_byte(&buf, '\0');
    assert_string_equal(buf.data, wanted);
    mr_buf_fini(&buf);
}

static void documents_and_cursors_survive_a_restart(void **state)
{
    struct store *store = open_store(*state, 0);
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    store_doc_put(&entry, "svc", "kind", MR_S("b/x"), MR_S("{2}"));
    store_doc_put(&entry, "svc", "kind", MR_S("a"), MR_S("{1}"));
    store_doc_put(&entry, "svc", "kinder", MR_S("z"), MR_S("{no}"));
    store_doc_put(&entry, "svc", "kind", MR_S("gone"), MR_S("{no}"));
    store_doc_delete(&entry, "svc", "kind", MR_S("gone"));
    store_doc_put(&entry, "svc", "kind", MR_S("c"), MR_S("!"));
    store_doc_put(&entry, "svc", "kind", MR_S("d"), MR_S("{4}"));
    store_cursor_put(&entry, MR_S("pump"), 12345);
    assert_int_equal(store_commit_wait(store, &entry), MR_OK);
    for (int opening = 0; opening < 2; opening++) {
        struct mr_slice json;
        int64_t position = 0;
        assert_docs(store, MR_S(""), "a={1} b/x={2} c=! ");
        assert_docs(store, MR_S("b"), "b/x={2} ");
        assert_int_equal(store_doc_get(store, &arena, "svc", "kind", MR_S("d"), &json), MR_OK);
        assert_true(mr_slice_equal(json, MR_S("{4}")));
        assert_int_equal(store_doc_get(store, &arena, "svc", "kind", MR_S("gone"), &json),
                         MR_NOT_FOUND);
        assert_int_equal(store_cursor_get(store, MR_S("pump"), &position), MR_OK);
        assert_int_equal(position, 12345);
        assert_int_equal(store_cursor_get(store, MR_S("pum"), &position), MR_NOT_FOUND);
        store_close(store);
        store = open_store(*state, 0);
    }
    store_close(store);
    mr_arena_fini(&arena);
}

static void window_ids_never_repeat(void **state)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    uint32_t last = 0;
    for (int opening = 0; opening < 4; opening++) {
        struct store *store = open_store(*state, 0);
        struct store_entry early = store_entry_make(&arena), late = store_entry_make(&arena);
        uint32_t first = store_window_new(store, &early);
        assert_true(first > last);
        uint32_t second = store_window_new(store, &late);
        last = store_window_new(store, &late);
        assert_int_equal(second, first + 1);
        assert_int_equal(last, first + 2);
        assert_int_equal(store_commit_wait(store, &late), MR_OK);
        assert_int_equal(store_commit_wait(store, &early), MR_OK); /* the smaller id comes last */
        if (opening == 2)
            assert_int_equal(store_reset(store), MR_OK);
        store_close(store);
    }
    mr_arena_fini(&arena);
}

static void a_reset_leaves_nothing_and_stays_so(void **state)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store *store = open_store(*state, 0);
    struct store_entry entry = store_entry_make(&arena);
    uint32_t window = store_window_new(store, &entry);
    store_doc_put(&entry, "svc", "kind", MR_S("a"), MR_S("{1}"));
    store_entry_append(&entry, window, MR_S("k"), MR_S("v"));
    assert_int_equal(store_commit_wait(store, &entry), MR_OK);
    struct journal_cursor cursor = {.position = journal_first(store_journal(store))};
    struct journal_op op;
    assert_int_equal(journal_next(store_journal(store), window, &cursor, &op), MR_OK);
    int64_t before = op.position;
    journal_cursor_fini(&cursor);
    assert_int_equal(store_reset(store), MR_OK);
    entry = store_entry_make(&arena);
    store_doc_put(&entry, "svc", "kind", MR_S("b"), MR_S("{2}"));
    assert_int_equal(store_commit_wait(store, &entry), MR_OK);
    for (int opening = 0; opening < 3; opening++) {
        assert_docs(store, MR_S(""), "b={2} ");
        cursor = (struct journal_cursor){.position = before};
        assert_int_equal(journal_next(store_journal(store), window, &cursor, &op), MR_NOT_FOUND);
        cursor.position = journal_first(store_journal(store));
        assert_int_equal(journal_next(store_journal(store), window, &cursor, &op), MR_END);
        journal_cursor_fini(&cursor);
        store_close(store);
        if (opening == 1) { /* once more, with the view lost: everything comes from the journal */
            char command[256];
            snprintf(command, sizeof(command), "rm -r '%s/view'", (char *)*state);
            assert_int_equal(system(command), 0);
        }
        store = open_store(*state, 0);
    }
    store_close(store);
    mr_arena_fini(&arena);
}

/* ---- crashes ---- */

enum { WRITERS = 3, KEYS = 40, VALUE_BYTES = 300 };

/* A change as a child acknowledges it, and as the value of its op begins. */
struct change {
    uint32_t writer, key, number; /* numbers rise by one a writer, for ever */
    uint32_t deleted;
};

struct writer {
    struct store *store;
    uint32_t id, number;
    int acks;
};

static void put_change(struct store_entry *entry, const struct change *change)
{
    char key[32];
    snprintf(key, sizeof(key), "%u/%u", change->writer, change->key);
    struct mr_slice stored = mr_arena_copy(entry->arena, mr_slice_cstr(key));
    char *value = mr_arena_zalloc(entry->arena, VALUE_BYTES);
    memcpy(value, change, sizeof(*change));
    struct journal_op *op;
    if (change->deleted) {
        op = store_entry_delete(entry, VIEW_ITEM, stored);
        op->meta = mr_slice_make(value, sizeof(*change));
    } else {
        op = store_entry_put(entry, VIEW_ITEM, stored, mr_slice_make(value, VALUE_BYTES));
    }
    op->window = change->writer + 1;
}

static void *writer_main(void *arg)
{
    struct writer *writer = arg;
    struct mr_arena arena;
    struct mr_rng rng;
    mr_arena_init(&arena);
    mr_rng_init_seed(&rng, writer->number * 31 + writer->id);
    for (;;) {
        struct change changes[4];
        size_t count = 1 + mr_rng_below(&rng, 4);
        struct store_entry entry = store_entry_make(&arena);
        for (size_t i = 0; i < count; i++) {
            changes[i] = (struct change){.writer = writer->id,
                                         .key = (uint32_t)mr_rng_below(&rng, KEYS),
                                         .number = ++writer->number,
                                         .deleted = mr_rng_below(&rng, 5) == 0};
            put_change(&entry, &changes[i]);
        }
        int64_t ticket;
        if (store_commit(writer->store, &entry, &ticket) != MR_OK)
            _exit(2);
        if (mr_rng_below(&rng, 3) == 0) {
            if (store_wait(writer->store, ticket) != MR_OK ||
                write(writer->acks, &changes[count - 1], sizeof(struct change)) < 0)
                _exit(2);
        }
        mr_arena_reset(&arena);
    }
}

/* Commits until it is killed. Acknowledges on stdout. */
static int child_main(char *const *numbers, const char *folder)
{
    struct store *store = NULL;
    struct store_options options = {
        .folder = folder, .clock = mr_clock_system, .memtable_bytes = 40000};
    if (store_open(&store, &options) != MR_OK)
        _exit(3);
    struct writer writers[WRITERS];
    pthread_t thread;
    for (uint32_t i = 0; i < WRITERS; i++) {
        int64_t number = 0;
        if (mr_slice_to_i64(mr_slice_cstr(numbers[i]), &number) != MR_OK)
            _exit(5);
        writers[i] = (struct writer){
            .store = store, .id = i, .number = (uint32_t)number, .acks = STDOUT_FILENO};
        if (pthread_create(&thread, NULL, writer_main, &writers[i]) != 0)
            _exit(4);
    }
    for (;;)
        pause();
}

/* This program again: threads do not survive a fork alone. */
static pid_t start_child(const char *folder, const uint32_t *numbers, int acks)
{
    char texts[WRITERS][16];
    char *arguments[WRITERS + 3] = {(char *)(uintptr_t) "test", (char *)(uintptr_t)folder};
    for (size_t i = 0; i < WRITERS; i++) {
        snprintf(texts[i], sizeof(texts[i]), "%u", numbers[i]);
        arguments[2 + i] = texts[i];
    }
    pid_t child = fork();
    if (child == 0) {
        dup2(acks, STDOUT_FILENO);
        execv("/proc/self/exe", arguments);
        _exit(6);
    }
    return child;
}

static struct change last_of_window[WRITERS][KEYS];

/* Every window holds the numbers 1 to n without a gap; returns n. */
static uint32_t read_window(struct store *store, uint32_t writer)
{
    struct journal_cursor cursor = {.position = journal_first(store_journal(store))};
    struct journal_op op;
    uint32_t number = 0;
    enum mr_status status;
    while ((status = journal_next(store_journal(store), writer + 1, &cursor, &op)) == MR_OK) {
        struct change change;
        memcpy(&change, op.kind == JOURNAL_DELETE ? op.meta.ptr : op.value.ptr, sizeof(change));
        assert_int_equal(change.writer, writer);
        assert_int_equal(change.number, number + 1);
        number = change.number;
        last_of_window[writer][change.key] = change;
    }
    assert_int_equal(status, MR_END);
    journal_cursor_fini(&cursor);
    return number;
}

/* The view is what the windows say, no more and no less. */
static void assert_view_is_the_fold_of_the_windows(struct store *store)
{
    for (uint32_t writer = 0; writer < WRITERS; writer++) {
        for (uint32_t key = 0; key < KEYS; key++) {
            struct mr_buf value = {0};
            char text[32];
            snprintf(text, sizeof(text), "%u/%u", writer, key);
            enum mr_status status =
                view_get(store_view(store), VIEW_ITEM, mr_slice_cstr(text), &value);
            const struct change *last = &last_of_window[writer][key];
            if (last->number == 0 || last->deleted) {
                assert_int_equal(status, MR_NOT_FOUND);
            } else {
                assert_int_equal(status, MR_OK);
                assert_memory_equal(value.data, last, sizeof(*last));
            }
            mr_buf_fini(&value);
        }
    }
}

/* Goal: kill -9 at any moment loses no acknowledged change and leaves view and windows agreeing. */
static void nothing_acknowledged_is_lost_when_the_process_is_killed(void **state)
{
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 20251122);
    uint32_t numbers[WRITERS] = {0};
    memset(last_of_window, 0, sizeof(last_of_window));
    for (int round = 0; round < 15; round++) {
        int acks[2];
        assert_int_equal(pipe2(acks, O_CLOEXEC), 0);
        pid_t child = start_child(*state, numbers, acks[1]);
        assert_true(child > 0);
        close(acks[1]);
        uint32_t acknowledged[WRITERS] = {0};
        uint64_t wanted = 1 + mr_rng_below(&rng, 300);
        struct change change;
        while (wanted-- > 0 && read(acks[0], &change, sizeof(change)) == sizeof(change))
            acknowledged[change.writer] = change.number;
        kill(child, SIGKILL);
        while (read(acks[0], &change, sizeof(change)) == sizeof(change))
            acknowledged[change.writer] = change.number;
        int ended;
        assert_int_equal(waitpid(child, &ended, 0), child);
        assert_true(WIFSIGNALED(ended)); /* it did not fail before */
        close(acks[0]);
        struct store *store = open_store(*state, 0);
        for (uint32_t i = 0; i < WRITERS; i++) {
            numbers[i] = read_window(store, i);
            assert_true(numbers[i] >= acknowledged[i]);
        }
        assert_view_is_the_fold_of_the_windows(store);
        store_close(store);
    }
}

/* ---- flushes beside commits ---- */

struct load {
    struct store *store;
    uint32_t id;
    pthread_t thread;
};

static void *load_main(void *arg)
{
    struct load *load = arg;
    struct mr_arena arena;
    mr_arena_init(&arena);
    for (uint32_t number = 1; number <= 3000; number++) {
        struct store_entry entry = store_entry_make(&arena);
        put_change(&entry,
                   &(struct change){.writer = load->id, .key = number % KEYS, .number = number});
        int64_t ticket;
        assert_int_equal(store_commit(load->store, &entry, &ticket), MR_OK);
        mr_arena_reset(&arena);
    }
    mr_arena_fini(&arena);
    return NULL;
}

static void flushes_beside_commits_change_nothing(void **state)
{
    struct store *store = open_store(*state, 50000);
    struct load loads[WRITERS];
    for (uint32_t i = 0; i < WRITERS; i++) {
        loads[i] = (struct load){.store = store, .id = i};
        assert_int_equal(pthread_create(&loads[i].thread, NULL, load_main, &loads[i]), 0);
    }
    for (uint32_t i = 0; i < WRITERS; i++)
        pthread_join(loads[i].thread, NULL);
    assert_true(view_flushed(store_view(store)) > 0);
    assert_int_equal(store_flush(store, true), MR_OK);
    assert_int_equal(view_flushed(store_view(store)), journal_tail(store_journal(store)));
    for (int opening = 0; opening < 2; opening++) {
        memset(last_of_window, 0, sizeof(last_of_window));
        for (uint32_t i = 0; i < WRITERS; i++)
            assert_int_equal(read_window(store, i), 3000);
        assert_view_is_the_fold_of_the_windows(store);
        store_close(store);
        store = open_store(*state, 0);
    }
    store_close(store);
}

/* ---- a failing disk ---- */

static void *write_until_it_fails(void *arg)
{
    struct load *load = arg;
    static const char bytes[20000];
    struct mr_arena arena;
    mr_arena_init(&arena);
    enum mr_status status = MR_OK;
    for (uint32_t number = 1; status == MR_OK; number++) {
        char name[32];
        int64_t ticket;
        struct store_entry entry = store_entry_make(&arena);
        snprintf(name, sizeof(name), "%u/%u", load->id, number);
        store_doc_put(&entry, "svc", "kind", mr_slice_cstr(name),
                      mr_slice_make(bytes, sizeof(bytes)));
        status = store_commit(load->store, &entry, &ticket);
        mr_arena_reset(&arena);
    }
    assert_int_equal(status, MR_FAIL_IO);
    mr_arena_fini(&arena);
    return NULL;
}

/* Some of them wait for the flush that fails. */
static void commits_do_not_wait_for_a_flush_that_failed(void **state)
{
    enum { FAILURES = 20, WAIT_S = 20 };
    for (int i = 0; i < FAILURES; i++) {
        char folder[256];
        const char *problem;
        snprintf(folder, sizeof(folder), "%s/%d", (char *)*state, i);
        struct store *store = open_store(folder, 50000);
        struct load loads[WRITERS];
        assert_int_equal(mr_point_arm(MR_S("view.run.sync:2+:enospc"), &problem), MR_OK);
        for (uint32_t id = 0; id < WRITERS; id++) {
            loads[id] = (struct load){.store = store, .id = id};
            assert_int_equal(
                pthread_create(&loads[id].thread, NULL, write_until_it_fails, &loads[id]), 0);
        }
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += WAIT_S;
        for (uint32_t id = 0; id < WRITERS; id++)
            assert_int_equal(pthread_timedjoin_np(loads[id].thread, NULL, &until), 0);
        store_close(store);
        mr_points_disarm();
        store = open_store(folder, 50000); /* there is room again */
        store_close(store);
    }
}

static void a_failed_flush_is_not_tried_again(void **state)
{
    const char *problem;
    struct store *store = open_store(*state, 0);
    assert_int_equal(mr_point_arm(MR_S("view.run.write:1:enospc"), &problem), MR_OK);
    assert_int_equal(store_flush(store, true), MR_FAIL_IO);
    mr_points_disarm();
    assert_int_equal(store_flush(store, true), MR_FAIL_IO);
    store_close(store);
}

static void a_view_that_does_not_fit_the_journal_is_refused(void **state)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store *store = open_store(*state, 0);
    struct store_entry entry = store_entry_make(&arena);
    store_doc_put(&entry, "svc", "kind", MR_S("a"), MR_S("{1}"));
    assert_int_equal(store_commit_wait(store, &entry), MR_OK);
    store_close(store);
    char command[256];
    snprintf(command, sizeof(command), "rm -r '%s/journal'", (char *)*state);
    assert_int_equal(system(command), 0);
    struct store_options options = {.folder = *state, .clock = mr_clock_system};
    assert_int_equal(store_open(&store, &options), MR_FAIL_DATA);
    mr_arena_fini(&arena);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)

int main(int count, char **arguments)
{
    if (count == 2 + WRITERS)
        return child_main(arguments + 2, arguments[1]);
    const struct CMUnitTest tests[] = {
        TEST(a_folder_is_made_private_and_locked),
        TEST(documents_and_cursors_survive_a_restart),
        TEST(window_ids_never_repeat),
        TEST(a_reset_leaves_nothing_and_stays_so),
        TEST(nothing_acknowledged_is_lost_when_the_process_is_killed),
        TEST(flushes_beside_commits_change_nothing),
        TEST(commits_do_not_wait_for_a_flush_that_failed),
        TEST(a_failed_flush_is_not_tried_again),
        TEST(a_view_that_does_not_fit_the_journal_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
