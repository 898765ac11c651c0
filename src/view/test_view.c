#include "view/view.h"
#include "base/arena.h"
#include "base/rng.h"
#include "base/test_folder.h"
#include "journal/journal.h"
#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct view *open_view(void **state)
{
    struct view *view = NULL;
    struct view_options options = {.folder = *state};
    assert_int_equal(view_open(&view, &options), MR_OK);
    return view;
}

static void put(struct view *view, enum view_space space, struct mr_slice key,
                struct mr_slice value)
{
    struct journal_op op = {
        .kind = JOURNAL_PUT, .space = (uint8_t)space, .key = key, .value = value};
    view_apply(view, &op, 1);
}

static void flush(struct view *view, int64_t position)
{
    view_flush_begin(view, position);
    assert_int_equal(view_flush_end(view), MR_OK);
}

static void assert_value(struct view *view, enum view_space space, struct mr_slice key,
                         struct mr_slice value)
{
    struct mr_buf buf = {0};
    assert_int_equal(view_get(view, space, key, &buf), MR_OK);
    assert_int_equal(buf.len, value.len);
    if (value.len > 0)
        assert_memory_equal(buf.data, value.ptr, value.len);
    mr_buf_fini(&buf);
}

static void assert_absent(struct view *view, enum view_space space, struct mr_slice key)
{
    struct mr_buf buf = {0};
    assert_int_equal(view_get(view, space, key, &buf), MR_NOT_FOUND);
    assert_int_equal(buf.len, 0);
    mr_buf_fini(&buf);
}

static void spaces_do_not_see_each_other(void **state)
{
    struct view *view = open_view(state);
    put(view, VIEW_ITEM, MR_S("a"), MR_S("item"));
    put(view, VIEW_INDEX, MR_S("a"), MR_S("index"));
    put(view, VIEW_ITEM, MR_S(""), MR_S(""));
    assert_value(view, VIEW_ITEM, MR_S("a"), MR_S("item"));
    assert_value(view, VIEW_INDEX, MR_S("a"), MR_S("index"));
    assert_value(view, VIEW_ITEM, MR_S(""), MR_S(""));
    assert_absent(view, VIEW_META, MR_S("a"));
    struct journal_op ops[] = {{.kind = JOURNAL_DELETE, .space = VIEW_ITEM, .key = MR_S("a")},
                               {.kind = JOURNAL_APPEND, .window = 3, .key = MR_S("b")},
                               {.kind = JOURNAL_PUT, .space = VIEW_META, .key = MR_S("c")}};
    view_apply(view, ops, MR_COUNT(ops));
    assert_absent(view, VIEW_ITEM, MR_S("a"));
    assert_absent(view, VIEW_META, MR_S("b"));
    assert_value(view, VIEW_META, MR_S("c"), MR_S(""));
    char *longest = mr_calloc(1, 5000);
    put(view, VIEW_OBJECT, mr_slice_make(longest, 5000), MR_S("long"));
    assert_value(view, VIEW_OBJECT, mr_slice_make(longest, 5000), MR_S("long"));
    assert_absent(view, VIEW_OBJECT, mr_slice_make(longest, 4999));
    free(longest);
    view_close(view);
}

static void assert_keys(struct view_iterator *iterator, bool back, const char *const *keys)
{
    for (; *keys != NULL; keys++) {
        assert_true(view_iterator_valid(iterator));
        struct mr_slice key = view_iterator_key(iterator);
        assert_int_equal(key.len, strlen(*keys));
        assert_memory_equal(key.ptr, *keys, key.len);
        if (back)
            view_iterator_prev(iterator);
        else
            view_iterator_next(iterator);
    }
    assert_false(view_iterator_valid(iterator));
    assert_int_equal(view_iterator_status(iterator), MR_OK);
}

#define KEYS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void an_iterator_stays_within_its_prefix(void **state)
{
    struct view *view = open_view(state);
    const char *keys[] = {"a", "b/", "b/1", "b/2", "b/\xff", "b/\xff\xff", "b0", "c"};
    for (size_t i = 0; i < MR_COUNT(keys); i++)
        put(view, VIEW_META, mr_slice_cstr(keys[i]), MR_S("v"));
    put(view, VIEW_ITEM, MR_S("b/3"), MR_S("other space"));
    struct view_iterator *i = view_iterate(view, VIEW_META, MR_S("b/"));
    put(view, VIEW_META, MR_S("b/0"), MR_S("after the snapshot"));
    view_iterator_first(i);
    assert_keys(i, false, KEYS("b/", "b/1", "b/2", "b/\xff", "b/\xff\xff"));
    view_iterator_last(i);
    assert_keys(i, true, KEYS("b/\xff\xff", "b/\xff", "b/2", "b/1", "b/"));
    view_iterator_seek(i, MR_S("b/11"));
    assert_keys(i, false, KEYS("b/2", "b/\xff", "b/\xff\xff"));
    view_iterator_seek(i, MR_S("a"));
    assert_keys(i, false, KEYS("b/", "b/1", "b/2", "b/\xff", "b/\xff\xff"));
    view_iterator_seek(i, MR_S("b1"));
    assert_false(view_iterator_valid(i));
    view_iterator_seek_back(i, MR_S("b/11"));
    assert_keys(i, true, KEYS("b/1", "b/"));
    view_iterator_seek_back(i, MR_S("z"));
    assert_keys(i, true, KEYS("b/\xff\xff", "b/\xff", "b/2", "b/1", "b/"));
    view_iterator_seek_back(i, MR_S("a"));
    assert_false(view_iterator_valid(i));
    view_iterator_free(i);
    i = view_iterate(view, VIEW_META, MR_S(""));
    view_iterator_last(i);
    assert_true(mr_slice_equal(view_iterator_key(i), MR_S("c")));
    assert_true(mr_slice_equal(view_iterator_value(i), MR_S("v")));
    view_iterator_free(i);
    i = view_iterate(view, VIEW_META, MR_S("b/\xff"));
    view_iterator_first(i);
    assert_keys(i, false, KEYS("b/\xff", "b/\xff\xff"));
    view_iterator_free(i);
    view_close(view);
}

static void a_snapshot_shows_what_was_there_when_it_was_taken(void **state)
{
    struct view *view = open_view(state);
    put(view, VIEW_ITEM, MR_S("a"), MR_S("1"));
    put(view, VIEW_HISTORY, MR_S("b"), MR_S("1"));
    struct view_snapshot *snapshot = view_snapshot_new(view);
    put(view, VIEW_ITEM, MR_S("a"), MR_S("2"));
    put(view, VIEW_ITEM, MR_S("c"), MR_S("2"));
    struct view_iterator *items = view_snapshot_iterate(snapshot, VIEW_ITEM, MR_S(""));
    struct view_iterator *history = view_snapshot_iterate(snapshot, VIEW_HISTORY, MR_S(""));
    view_iterator_first(items);
    assert_true(mr_slice_equal(view_iterator_value(items), MR_S("1")));
    assert_keys(items, false, KEYS("a"));
    view_iterator_first(history);
    assert_keys(history, false, KEYS("b"));
    view_iterator_free(items);
    view_iterator_free(history);
    view_snapshot_free(snapshot);
    assert_value(view, VIEW_ITEM, MR_S("a"), MR_S("2"));
    view_close(view);
}

static void only_what_was_flushed_is_there_after_opening(void **state)
{
    struct view *view = open_view(state);
    assert_int_equal(view_flushed(view), 0);
    put(view, VIEW_ITEM, MR_S("a"), MR_S("1"));
    put(view, VIEW_CURSOR, MR_S("b"), MR_S("2"));
    assert_true(view_unflushed_bytes(view) > 0);
    flush(view, 77);
    assert_int_equal(view_flushed(view), 77);
    assert_int_equal(view_unflushed_bytes(view), 0);
    put(view, VIEW_ITEM, MR_S("a"), MR_S("lost"));
    put(view, VIEW_ITEM, MR_S("c"), MR_S("lost"));
    view_close(view);
    view = open_view(state);
    assert_int_equal(view_flushed(view), 77);
    assert_value(view, VIEW_ITEM, MR_S("a"), MR_S("1"));
    assert_value(view, VIEW_CURSOR, MR_S("b"), MR_S("2"));
    assert_absent(view, VIEW_ITEM, MR_S("c"));
    put(view, VIEW_ITEM, MR_S("c"), MR_S("3"));
    view_flush_begin(view, 99);
    put(view, VIEW_ITEM, MR_S("d"), MR_S("lost"));
    assert_value(view, VIEW_ITEM, MR_S("c"), MR_S("3"));
    assert_int_equal(view_flushed(view), 77);
    assert_int_equal(view_flush_end(view), MR_OK);
    assert_int_equal(view_flushed(view), 99);
    view_close(view);
    view = open_view(state);
    assert_int_equal(view_flushed(view), 99);
    assert_value(view, VIEW_ITEM, MR_S("c"), MR_S("3"));
    assert_absent(view, VIEW_ITEM, MR_S("d"));
    view_close(view);
}

static size_t runs_on_disk(const char *folder)
{
    size_t count = 0;
    DIR *names = opendir(folder);
    assert_non_null(names);
    for (struct dirent *file; (file = readdir(names)) != NULL;)
        count += strstr(file->d_name, ".run") != NULL;
    closedir(names);
    return count;
}

static void clearing_leaves_nothing_but_the_place_where_it_happened(void **state)
{
    struct view *view = open_view(state);
    const struct journal_op kept = {
        .kind = JOURNAL_PUT, .space = VIEW_META, .key = MR_S("kept"), .value = MR_S("y")};
    for (uint32_t i = 0; i < 2500; i++)
        put(view, (enum view_space)(i % VIEW_SPACES), mr_slice_make(&i, sizeof(i)), MR_S("x"));
    flush(view, 5);
    put(view, VIEW_CURSOR, MR_S("in the memtable"), MR_S("x"));
    struct view_snapshot *before = view_snapshot_new(view);
    assert_int_equal(view_clear(view, 6, &kept, 1), MR_OK);
    assert_int_equal(view_cleared(view), 6);
    assert_int_equal(view_flushed(view), 6);
    assert_int_equal(view_unflushed_bytes(view), 0); /* no tombstone is kept anywhere */
    assert_int_equal(runs_on_disk(*state), 1);
    assert_value(view, VIEW_META, MR_S("kept"), MR_S("y"));
    for (int space = VIEW_META + 1; space < VIEW_SPACES; space++) {
        struct view_iterator *iterator = view_iterate(view, (enum view_space)space, MR_S(""));
        view_iterator_first(iterator);
        assert_false(view_iterator_valid(iterator));
        view_iterator_free(iterator);
    }
    struct view_iterator *old = view_snapshot_iterate(before, VIEW_CURSOR, MR_S("in"));
    view_iterator_first(old);
    assert_true(view_iterator_valid(old)); /* who has begun to read goes on */
    view_iterator_free(old);
    view_snapshot_free(before);
    view_close(view);
    view = open_view(state);
    assert_int_equal(view_flushed(view), 6);
    assert_value(view, VIEW_META, MR_S("kept"), MR_S("y"));
    assert_absent(view, VIEW_CURSOR, MR_S("in the memtable"));
    flush(view, 7);
    view_close(view);
    view = open_view(state);
    assert_int_equal(view_cleared(view), 6);
    assert_int_equal(view_flushed(view), 7);
    view_close(view);
}

/* ---- the merge of memtables and files, against an array that cannot be wrong ---- */

enum { MODEL_KEYS = 300, STEPS = 4000, MOVES = 60 };

struct model {
    int values[MODEL_KEYS]; /* 0: absent */
};

static struct mr_slice model_key(int number, char *room)
{
    return mr_slice_make(room, (size_t)snprintf(room, 16, "key-%05d", number));
}

static void model_write(struct view *view, struct model *model, struct mr_rng *rng, int step)
{
    char room[16], text[16];
    int number = (int)mr_rng_below(rng, MODEL_KEYS);
    bool deletes = mr_rng_below(rng, 3) == 0;
    struct journal_op op = {
        .kind = deletes ? JOURNAL_DELETE : JOURNAL_PUT,
        .space = VIEW_ITEM,
        .key = model_key(number, room),
        .value = mr_slice_make(text, (size_t)snprintf(text, sizeof(text), "%d", step)),
    };
    view_apply(view, &op, 1);
    model->values[number] = deletes ? 0 : step;
}

static int model_move(const struct model *model, int at, int way)
{
    for (at += way; at >= 0 && at < MODEL_KEYS && model->values[at] == 0; at += way)
        ;
    return at;
}

static void assert_model(const struct view_iterator *iterator, const struct model *model, int at)
{
    char room[16], text[16];
    assert_int_equal(view_iterator_valid(iterator), at >= 0 && at < MODEL_KEYS);
    if (!view_iterator_valid(iterator))
        return;
    assert_true(mr_slice_equal(view_iterator_key(iterator), model_key(at, room)));
    snprintf(text, sizeof(text), "%d", model->values[at]);
    assert_true(mr_slice_equal(view_iterator_value(iterator), mr_slice_cstr(text)));
}

static void walk_at_random(struct view_iterator *iterator, const struct model *model,
                           struct mr_rng *rng)
{
    char room[16];
    int at = (int)mr_rng_below(rng, MODEL_KEYS);
    if (mr_rng_below(rng, 2) == 0) {
        view_iterator_seek(iterator, model_key(at, room));
        at = model_move(model, at - 1, 1);
    } else {
        view_iterator_seek_back(iterator, model_key(at, room));
        at = model_move(model, at + 1, -1);
    }
    assert_model(iterator, model, at);
    for (int i = 0; i < MOVES && view_iterator_valid(iterator); i++) {
        int way = mr_rng_below(rng, 4) == 0 ? -1 : 1;
        if (way < 0)
            view_iterator_prev(iterator);
        else
            view_iterator_next(iterator);
        at = model_move(model, at, way);
        assert_model(iterator, model, at);
    }
}

static void iterators_merge_memtables_and_files_as_of_their_snapshot(void **state)
{
    struct view *view = open_view(state);
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 20251129);
    static struct model model, before;
    struct view_iterator *old = NULL;
    struct view_snapshot *snapshot = NULL;
    bool sealed = false;
    for (int step = 1; step <= STEPS; step++) {
        model_write(view, &model, &rng, step);
        if (mr_rng_below(&rng, 40) == 0) {
            if (sealed)
                assert_int_equal(view_flush_end(view), MR_OK);
            else
                view_flush_begin(view, step);
            sealed = !sealed;
        }
        if (mr_rng_below(&rng, 50) != 0)
            continue;
        struct view_iterator *iterator = view_iterate(view, VIEW_ITEM, MR_S("key-"));
        walk_at_random(iterator, &model, &rng);
        if (old != NULL) { /* both still see what was there when they were made */
            walk_at_random(old, &before, &rng);
            struct view_iterator *late = view_snapshot_iterate(snapshot, VIEW_ITEM, MR_S("key-"));
            walk_at_random(late, &before, &rng);
            view_iterator_free(late);
        }
        view_iterator_free(old);
        view_snapshot_free(snapshot);
        old = iterator;
        snapshot = view_snapshot_new(view);
        before = model;
    }
    view_iterator_free(old);
    view_snapshot_free(snapshot);
    view_close(view);
}

/* ---- a commit and its readers ---- */

enum { HOPS = 200000 };

/* One commit each: the value leaves its place, "where" names the next one, the value is there. */
static void *move_on(void *arg)
{
    for (uint32_t at = 0; at < HOPS; at++) {
        uint32_t next = at + 1;
        struct mr_slice to = mr_slice_make(&next, sizeof next);
        struct journal_op ops[] = {
            {.kind = JOURNAL_DELETE, .space = VIEW_OBJECT, .key = mr_slice_make(&at, sizeof at)},
            {.kind = JOURNAL_PUT, .space = VIEW_META, .key = MR_S("where"), .value = to},
            {.kind = JOURNAL_PUT, .space = VIEW_OBJECT, .key = to, .value = MR_S("here")},
        };
        view_apply(arg, ops, MR_COUNT(ops));
    }
    return NULL;
}

static uint32_t where(struct view *view)
{
    struct mr_buf buf = {0};
    uint32_t at;
    assert_int_equal(view_get(view, VIEW_META, MR_S("where"), &buf), MR_OK);
    assert_int_equal(buf.len, sizeof at);
    memcpy(&at, buf.data, sizeof at);
    mr_buf_fini(&buf);
    return at;
}

static void a_reader_never_sees_a_part_of_a_commit(void **state)
{
    struct view *view = open_view(state);
    uint32_t at = 0;
    put(view, VIEW_META, MR_S("where"), mr_slice_make(&at, sizeof at));
    put(view, VIEW_OBJECT, mr_slice_make(&at, sizeof at), MR_S("here"));
    pthread_t mover;
    assert_int_equal(pthread_create(&mover, NULL, move_on, view), 0);
    while (at < HOPS) {
        at = where(view);
        struct mr_buf buf = {0};
        if (view_get(view, VIEW_OBJECT, mr_slice_make(&at, sizeof at), &buf) != MR_OK)
            assert_int_not_equal(where(view), at); /* it left: so it is elsewhere */
        mr_buf_fini(&buf);
    }
    pthread_join(mover, NULL);
    view_close(view);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(spaces_do_not_see_each_other),
        TEST(an_iterator_stays_within_its_prefix),
        TEST(a_snapshot_shows_what_was_there_when_it_was_taken),
        TEST(a_reader_never_sees_a_part_of_a_commit),
        TEST(only_what_was_flushed_is_there_after_opening),
        TEST(iterators_merge_memtables_and_files_as_of_their_snapshot),
        TEST(clearing_leaves_nothing_but_the_place_where_it_happened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
