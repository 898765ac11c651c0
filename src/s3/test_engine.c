/* Objects on a real store in a folder of their own. */
#include "s3/internal.h"
#include "base/test_folder.h"
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

enum { LARGE_BYTES = S3_SMALL_BYTES_MAX + 1 };

struct house {
    char folder[TEST_FOLDER_SIZE];
    struct mr_rng rng;
    struct runtime *runtime;
    struct store *store;
    struct s3 *s3;
    struct mr_arena arena;
};

static void house_open(struct house *house)
{
    const struct store_options store = {.folder = house->folder, .clock = mr_clock_system};
    const struct runtime_options runtime = {.clock = mr_clock_system};
    assert_int_equal(runtime_new(&house->runtime, &runtime), MR_OK);
    assert_int_equal(store_open(&house->store, &store), MR_OK);
    const struct s3_options options = {
        .store = house->store, .runtime = house->runtime, .rng = &house->rng};
    assert_int_equal(s3_open(&house->s3, &options), MR_OK);
}

static void house_close(struct house *house)
{
    s3_close(house->s3);
    runtime_stop(house->runtime);
    runtime_free(house->runtime);
    store_close(house->store);
}

static int setup(void **state)
{
    struct house *house = mr_calloc(1, sizeof *house);
    test_folder_make(house->folder);
    mr_rng_init_system(&house->rng);
    mr_arena_init(&house->arena);
    house_open(house);
    int64_t ticket;
    const struct s3_new_bucket lake = {.name = MR_S("lake"), .region = MR_S("us-east-1")};
    assert_int_equal(s3_bucket_create(house->s3, &house->arena, &lake, &ticket), MR_OK);
    *state = house;
    return 0;
}

static int teardown(void **state)
{
    struct house *house = *state;
    house_close(house);
    test_folder_remove(house->folder);
    mr_arena_fini(&house->arena);
    free(house);
    return 0;
}

static void reopen(struct house *house)
{
    house_close(house);
    house_open(house);
}

static void assert_object(struct house *house, struct mr_slice key, struct mr_slice wanted)
{
    int fd;
    uint64_t size;
    char room[LARGE_BYTES];
    assert_int_equal(s3_open_object(house->s3, MR_S("lake"), key, &fd, &size), MR_OK);
    assert_int_equal(size, wanted.len);
    assert_int_equal(read(fd, room, sizeof room), wanted.len);
    assert_memory_equal(room, wanted.ptr, wanted.len);
    close(fd);
}

static int files_count(struct house *house)
{
    char command[160];
    (void)snprintf(command, sizeof command, "find '%s/objects' -type f | wc -l", house->folder);
    FILE *out = popen(command, "r");
    int count = -1;
    assert_non_null(out);
    assert_int_equal(fscanf(out, "%d", &count), 1);
    pclose(out);
    return count;
}

static void assert_files(struct house *house, int wanted)
{
    const int64_t deadline = mr_monotonic_ms() + 10000;
    while (files_count(house) != wanted && mr_monotonic_ms() < deadline)
        ;
    assert_int_equal(files_count(house), wanted);
}

/* A body that needs a file: `mark` again and again. */
static struct mr_slice large(struct house *house, char mark)
{
    char *text = mr_arena_alloc(&house->arena, LARGE_BYTES);
    memset(text, mark, LARGE_BYTES);
    return mr_slice_make(text, LARGE_BYTES);
}

static struct s3_body write_body(struct house *house, struct mr_slice bytes)
{
    struct s3_writer writer;
    struct s3_body body;
    s3_writer_open(house->s3->bodies, &house->arena, &writer);
    assert_int_equal(s3_writer_append(&writer, bytes), MR_OK);
    assert_int_equal(s3_writer_finish(&writer, &body), MR_OK);
    return body;
}

static int add_part(struct house *house, const struct s3_upload *upload, uint32_t number,
                    struct mr_slice bytes)
{
    struct s3_meta part = {0};
    int64_t ticket;
    const struct s3_body body = write_body(house, bytes);
    s3_meta_set_body(&part, &body);
    return s3_upload_add(house->s3, &house->arena, upload, number, &part, &body, &ticket);
}

static void an_object_is_there_after_a_restart(void **state)
{
    struct house *house = *state;
    assert_int_equal(
        s3_put(house->s3, MR_S("lake"), MR_S("a/../b"), MR_S("text/plain"), MR_S("hello")), MR_OK);
    assert_object(house, MR_S("a/../b"), MR_S("hello"));
    reopen(house);
    assert_object(house, MR_S("a/../b"), MR_S("hello"));
    assert_int_equal(s3_put(house->s3, MR_S("pond"), MR_S("a"), MR_S(""), MR_S("x")), MR_NOT_FOUND);
}

static void a_replaced_body_is_removed_and_stays_readable_while_open(void **state)
{
    struct house *house = *state;
    int fd;
    uint64_t size;
    static char room[LARGE_BYTES];
    const struct mr_slice old = large(house, 'o'), newer = large(house, 'n');
    assert_int_equal(s3_put(house->s3, MR_S("lake"), MR_S("k"), MR_S(""), old), MR_OK);
    assert_int_equal(s3_open_object(house->s3, MR_S("lake"), MR_S("k"), &fd, &size), MR_OK);
    assert_int_equal(s3_put(house->s3, MR_S("lake"), MR_S("k"), MR_S(""), newer), MR_OK);
    assert_files(house, 1);
    assert_int_equal(read(fd, room, sizeof room), LARGE_BYTES);
    assert_memory_equal(room, old.ptr, LARGE_BYTES);
    close(fd);
    assert_object(house, MR_S("k"), newer);
    assert_int_equal(s3_delete(house->s3, MR_S("lake"), MR_S("k")), MR_OK);
    assert_int_equal(s3_delete(house->s3, MR_S("lake"), MR_S("k")), MR_OK);
    assert_files(house, 0);
}

static int values_count(struct house *house)
{
    struct view_iterator *iterator =
        view_iterate(store_view(house->store), VIEW_OBJECT, MR_S("\x03"));
    int count = 0;
    for (view_iterator_first(iterator); view_iterator_valid(iterator); view_iterator_next(iterator))
        count++;
    view_iterator_free(iterator);
    return count;
}

static void a_small_body_is_a_value_that_goes_with_its_record(void **state)
{
    struct house *house = *state;
    const struct mr_slice most = mr_slice_sub(large(house, 'm'), 0, S3_SMALL_BYTES_MAX);
    assert_int_equal(s3_put(house->s3, MR_S("lake"), MR_S("k"), MR_S(""), most), MR_OK);
    assert_int_equal(s3_put(house->s3, MR_S("lake"), MR_S("e"), MR_S(""), MR_S("")), MR_OK);
    assert_files(house, 0);
    assert_int_equal(values_count(house), 1); /* nothing is kept of nothing */
    reopen(house);
    assert_object(house, MR_S("k"), most);
    assert_object(house, MR_S("e"), MR_S(""));
    assert_int_equal(s3_put(house->s3, MR_S("lake"), MR_S("k"), MR_S(""), large(house, 'l')),
                     MR_OK);
    assert_int_equal(values_count(house), 0);
    assert_files(house, 1);
    assert_int_equal(s3_put(house->s3, MR_S("lake"), MR_S("k"), MR_S(""), MR_S("small")), MR_OK);
    assert_files(house, 0);
    assert_object(house, MR_S("k"), MR_S("small"));
    assert_int_equal(s3_delete(house->s3, MR_S("lake"), MR_S("k")), MR_OK);
    assert_int_equal(values_count(house), 0);
}

static void staged_objects_of_one_entry_come_together_or_not_at_all(void **state)
{
    struct house *house = *state;
    struct s3_staged *staged[2];
    /* One key twice: the same lock. */
    const struct s3_put_options options = {.bucket = MR_S("lake"), .key = MR_S("same")};
    for (int committed = 0; committed < 2; committed++) {
        struct store_entry entry = store_entry_make(&house->arena);
        int64_t ticket;
        assert_int_equal(s3_stage(house->s3, &options, large(house, '1'), &staged[0]), MR_OK);
        assert_int_equal(s3_stage(house->s3, &options, MR_S("second"), &staged[1]), MR_OK);
        assert_int_equal(s3_commit_staged(house->s3, staged[0], &entry), MR_OK);
        assert_int_equal(s3_commit_staged(house->s3, staged[1], &entry), MR_OK);
        if (committed)
            assert_int_equal(store_commit(house->store, &entry, &ticket), MR_OK);
        s3_staged_done(house->s3, staged[0], committed);
        s3_staged_done(house->s3, staged[1], committed);
        int fd;
        uint64_t size;
        if (!committed)
            assert_int_equal(s3_open_object(house->s3, MR_S("lake"), MR_S("same"), &fd, &size),
                             MR_NOT_FOUND);
    }
    assert_object(house, MR_S("same"), MR_S("second"));
}

static void bodies_that_no_record_names_are_collected_and_others_kept(void **state)
{
    struct house *house = *state;
    char key[16];
    const struct mr_slice body = large(house, 'b');
    for (int i = 0; i < 300; i++) {
        (void)snprintf(key, sizeof key, "%d", i);
        assert_int_equal(s3_put(house->s3, MR_S("lake"), mr_slice_cstr(key), MR_S(""), body),
                         MR_OK);
        if (i % 3 == 0)
            (void)write_body(house, body); /* as a crash would leave it */
    }
    assert_files(house, 400);
    reopen(house);
    assert_files(house, 300);
    for (int i = 0; i < 300; i++) {
        (void)snprintf(key, sizeof key, "%d", i);
        assert_object(house, mr_slice_cstr(key), body);
    }
}

/* ---- uploads ---- */

static void parts_are_joined_in_order_and_the_rest_is_dropped(void **state)
{
    struct house *house = *state;
    struct s3_upload upload = {.bucket = MR_S("lake"), .key = MR_S("big")};
    int64_t ticket;
    assert_int_equal(s3_upload_begin(house->s3, &house->arena, &upload, &ticket), MR_OK);
    static const char *const texts[] = {"ignored", "world", "hello ", "!"};
    static const uint32_t numbers[] = {9, 300, 2, 301};
    for (size_t i = 0; i < MR_COUNT(texts); i++)
        assert_int_equal(add_part(house, &upload, numbers[i], mr_slice_cstr(texts[i])), MR_OK);
    assert_int_equal(add_part(house, &upload, 400, large(house, 'x')), MR_OK);
    struct s3_stored_part *parts;
    size_t count;
    assert_int_equal(s3_upload_parts(house->s3, &house->arena, upload.id, &parts, &count), MR_OK);
    assert_int_equal(count, 5);
    const struct s3_stored_part chosen[] = {parts[0], parts[2], parts[3]};
    struct s3_meta object = {.size = 12, .part_count = 3};
    struct s3_change change = {.bucket = upload.bucket, .key = upload.key};
    assert_int_equal(
        s3_upload_finish(house->s3, &house->arena, &upload, chosen, 3, &object, &change, &ticket),
        MR_OK);
    assert_object(house, MR_S("big"), MR_S("hello world!"));
    assert_files(house, 0);
    assert_int_equal(values_count(house), 1);
    assert_int_equal(add_part(house, &upload, 1, MR_S("late")), MR_NOT_FOUND);
}

static void an_upload_of_one_part_takes_its_body_over(void **state)
{
    struct house *house = *state;
    const struct mr_slice bytes[] = {MR_S("small"), large(house, 'p')};
    for (size_t i = 0; i < MR_COUNT(bytes); i++) {
        struct s3_upload upload = {.bucket = MR_S("lake"), .key = MR_S("one")};
        struct s3_stored_part *parts;
        size_t count;
        int64_t ticket;
        assert_int_equal(s3_upload_begin(house->s3, &house->arena, &upload, &ticket), MR_OK);
        assert_int_equal(add_part(house, &upload, 1, bytes[i]), MR_OK);
        assert_int_equal(s3_upload_parts(house->s3, &house->arena, upload.id, &parts, &count),
                         MR_OK);
        struct s3_meta object = {.size = bytes[i].len, .part_count = 1};
        struct s3_change change = {.bucket = upload.bucket, .key = upload.key};
        assert_int_equal(s3_upload_finish(house->s3, &house->arena, &upload, parts, 1, &object,
                                          &change, &ticket),
                         MR_OK);
        assert_object(house, MR_S("one"), bytes[i]);
        assert_files(house, (int)i);
        assert_int_equal(values_count(house), 1 - (int)i);
    }
}

static void an_upload_goes_with_its_bucket(void **state)
{
    struct house *house = *state;
    struct s3_upload upload = {.bucket = MR_S("lake"), .key = MR_S("big")};
    int64_t ticket;
    assert_int_equal(s3_upload_begin(house->s3, &house->arena, &upload, &ticket), MR_OK);
    assert_int_equal(add_part(house, &upload, 1, large(house, 'p')), MR_OK);
    assert_int_equal(add_part(house, &upload, 2, MR_S("part")), MR_OK);
    assert_int_equal(s3_bucket_delete(house->s3, &house->arena, MR_S("lake"), &ticket), MR_OK);
    assert_files(house, 0);
    assert_int_equal(values_count(house), 0);
    assert_false(s3_bucket_exists(house->s3, MR_S("lake")));
}

static void a_bucket_with_an_object_is_not_deleted(void **state)
{
    struct house *house = *state;
    int64_t ticket;
    assert_int_equal(s3_put(house->s3, MR_S("lake"), MR_S("k"), MR_S(""), MR_S("")), MR_OK);
    assert_int_equal(s3_bucket_delete(house->s3, &house->arena, MR_S("lake"), &ticket), MR_EXISTS);
    assert_int_equal(s3_bucket_delete(house->s3, &house->arena, MR_S("none"), &ticket),
                     MR_NOT_FOUND);
}

static void conditions_decide_under_the_lock(void **state)
{
    struct house *house = *state;
    struct s3_meta meta = {0};
    const struct s3_body body = write_body(house, MR_S("x"));
    s3_meta_set_body(&meta, &body);
    memset(meta.md5, 0xab, sizeof meta.md5);
    struct s3_change change = {
        .bucket = MR_S("lake"), .key = MR_S("k"), .meta = &meta, .body = &body, .if_absent = true};
    int64_t ticket;
    assert_int_equal(s3_change_apply(house->s3, &house->arena, &change, &ticket), MR_OK);
    assert_int_equal(s3_change_apply(house->s3, &house->arena, &change, &ticket), MR_EXISTS);
    change.if_absent = false;
    change.if_match = MR_S("\"abababababababababababababababab\"");
    assert_int_equal(s3_change_apply(house->s3, &house->arena, &change, &ticket), MR_OK);
    change.if_match = MR_S("abababababababababababababababac");
    assert_int_equal(s3_change_apply(house->s3, &house->arena, &change, &ticket), MR_INVALID);
    change.key = MR_S("other");
    assert_int_equal(s3_change_apply(house->s3, &house->arena, &change, &ticket), MR_END);
    change.bucket = MR_S("none");
    assert_int_equal(s3_change_apply(house->s3, &house->arena, &change, &ticket), MR_NOT_FOUND);
}

/* ---- all at once ---- */

enum { WRITERS = 4, ROUNDS = 40 };

struct writer {
    struct house *house;
    int number;
    pthread_t thread;
};

/* Every body is one character repeated, so a mixture of two would show. */
static void read_one(struct s3 *s3, struct mr_slice key)
{
    static _Thread_local char room[LARGE_BYTES];
    int fd;
    uint64_t size;
    const enum mr_status status = s3_open_object(s3, MR_S("lake"), key, &fd, &size);
    if (status == MR_NOT_FOUND)
        return;
    assert_int_equal(status, MR_OK);
    assert_int_equal(read(fd, room, sizeof room), size);
    for (uint64_t i = 1; i < size; i++)
        assert_int_equal(room[i], room[0]);
    close(fd);
}

static void *write_and_read(void *arg)
{
    const struct writer *writer = arg;
    struct s3 *s3 = writer->house->s3;
    static const char *const keys[] = {"a", "b", "c"};
    char body[LARGE_BYTES];
    for (int i = 0; i < ROUNDS; i++) {
        const struct mr_slice key = mr_slice_cstr(keys[(i + writer->number) % 3]);
        memset(body, 'a' + (i + writer->number) % 26, sizeof body);
        const size_t len = i % 2 == 0 ? sizeof body : 100;
        if (i % 7 == 6)
            assert_int_equal(s3_delete(s3, MR_S("lake"), key), MR_OK);
        else
            assert_int_equal(s3_put(s3, MR_S("lake"), key, MR_S(""), mr_slice_make(body, len)),
                             MR_OK);
        read_one(s3, key);
    }
    return NULL;
}

static enum mr_status count_object(void *ctx, const struct s3_object *object)
{
    (void)object;
    ++*(int *)ctx;
    return MR_OK;
}

static void readers_see_whole_bodies_while_writers_replace_them(void **state)
{
    struct house *house = *state;
    struct writer writers[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.house = house, .number = i};
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_and_read, &writers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_join(writers[i].thread, NULL);
    int objects = 0, files = 0;
    assert_int_equal(s3_list(house->s3, MR_S("lake"), MR_S(""), count_object, &objects), MR_OK);
    for (int i = 0; i < 3; i++) {
        const char key[] = {(char)('a' + i)};
        struct s3_meta meta;
        int64_t ticket;
        const struct s3_which which = {.bucket = MR_S("lake"), .key = mr_slice_make(key, 1)};
        if (s3_find(house->s3, &house->arena, &which, &meta, &ticket) == MR_OK)
            files += meta.place == S3_IN_FILE;
    }
    assert_files(house, files);
    assert_int_equal(values_count(house), objects - files);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_object_is_there_after_a_restart),
        TEST(a_replaced_body_is_removed_and_stays_readable_while_open),
        TEST(a_small_body_is_a_value_that_goes_with_its_record),
        TEST(staged_objects_of_one_entry_come_together_or_not_at_all),
        TEST(bodies_that_no_record_names_are_collected_and_others_kept),
        TEST(parts_are_joined_in_order_and_the_rest_is_dropped),
        TEST(an_upload_of_one_part_takes_its_body_over),
        TEST(an_upload_goes_with_its_bucket),
        TEST(a_bucket_with_an_object_is_not_deleted),
        TEST(conditions_decide_under_the_lock),
        TEST(readers_see_whole_bodies_while_writers_replace_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
