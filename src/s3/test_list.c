/* Pages of a listing against a walk over a sorted array, which cannot be wrong. */
#include "s3/list.h"
#include "base/rng.h"
#include "journal/journal.h"
#include "base/test_folder.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

enum { KEYS_MAX = 600 };

struct fixture {
    char folder[TEST_FOLDER_SIZE];
    struct view *view;
    struct mr_arena arena;
    struct mr_rng rng;
    struct mr_slice keys[KEYS_MAX]; /* sorted, each once */
    size_t count;
};

static int by_bytes(const void *a, const void *b)
{
    return mr_slice_compare(*(const struct mr_slice *)a, *(const struct mr_slice *)b);
}

/* Few letters, so that many keys share their beginnings; the highest characters among them. */
static struct mr_slice random_key(struct fixture *fixture)
{
    static const char *const letters[] = {"a", "b", "/", "/", "a/", "\xf4\x8f\xbf\xbf", "\x01"};
    struct mr_buf buf = {0};
    const uint64_t len = 1 + mr_rng_below(&fixture->rng, 7);
    for (uint64_t i = 0; i < len; i++)
        mr_buf_append(&buf, mr_slice_cstr(letters[mr_rng_below(&fixture->rng, MR_COUNT(letters))]));
    const struct mr_slice key = mr_arena_copy(&fixture->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return key;
}

static void store_key(struct fixture *fixture, struct mr_slice bucket, struct mr_slice key)
{
    const struct s3_meta meta = {.size = key.len};
    struct mr_buf value = {0};
    s3_meta_encode(&value, &meta);
    const struct journal_op op = {
        .kind = JOURNAL_PUT,
        .space = VIEW_OBJECT,
        .key = s3_object_key(&fixture->arena, bucket, key),
        .value = mr_buf_slice(&value),
    };
    view_apply(fixture->view, &op, 1);
    mr_buf_fini(&value);
}

static int setup(void **state)
{
    struct fixture *fixture = mr_calloc(1, sizeof *fixture);
    test_folder_make(fixture->folder);
    mr_arena_init(&fixture->arena);
    mr_rng_init_seed(&fixture->rng, 20251122);
    const struct view_options options = {.folder = fixture->folder};
    assert_int_equal(view_open(&fixture->view, &options), MR_OK);
    struct mr_slice drawn[KEYS_MAX];
    for (size_t i = 0; i < KEYS_MAX; i++) {
        drawn[i] = random_key(fixture);
        store_key(fixture, MR_S("lake"), drawn[i]);
    }
    qsort(drawn, KEYS_MAX, sizeof drawn[0], by_bytes);
    for (size_t i = 0; i < KEYS_MAX; i++)
        if (i == 0 || !mr_slice_equal(drawn[i], drawn[i - 1]))
            fixture->keys[fixture->count++] = drawn[i];
    store_key(fixture, MR_S("lak"), MR_S("other"));
    store_key(fixture, MR_S("lake2"), MR_S("other"));
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    view_close(fixture->view);
    test_folder_remove(fixture->folder);
    mr_arena_fini(&fixture->arena);
    free(fixture);
    return 0;
}

/* What was shown: each name behind 'k' or 'p', separated by newlines. */
static enum mr_status show_object(void *ctx, struct mr_slice key, const struct s3_meta *meta)
{
    assert_int_equal(meta->size, key.len);
    mr_buf_byte(ctx, 'k');
    mr_buf_append(ctx, key);
    mr_buf_byte(ctx, '\n');
    return MR_OK;
}

static enum mr_status show_prefix(void *ctx, struct mr_slice prefix)
{
    mr_buf_byte(ctx, 'p');
    mr_buf_append(ctx, prefix);
    mr_buf_byte(ctx, '\n');
    return MR_OK;
}

static void oracle(const struct fixture *fixture, struct mr_slice prefix, struct mr_slice delimiter,
                   struct mr_slice after, struct mr_buf *shown)
{
    struct mr_slice last = {0};
    for (size_t i = 0; i < fixture->count; i++) {
        const struct mr_slice key = fixture->keys[i];
        if (!mr_slice_starts_with(key, prefix) || mr_slice_compare(key, after) <= 0)
            continue;
        const size_t at = delimiter.len == 0
                              ? SIZE_MAX
                              : mr_slice_search(mr_slice_sub(key, prefix.len, SIZE_MAX), delimiter);
        if (at == SIZE_MAX) {
            const struct s3_meta meta = {.size = key.len};
            (void)show_object(shown, key, &meta);
            continue;
        }
        const struct mr_slice common = mr_slice_sub(key, 0, prefix.len + at + delimiter.len);
        if (!mr_slice_equal(common, last))
            (void)show_prefix(shown, common);
        last = common;
    }
}

static void paged(struct fixture *fixture, struct mr_slice prefix, struct mr_slice delimiter,
                  struct mr_slice after, size_t limit, struct mr_buf *shown)
{
    struct s3_page page = {
        .bucket = MR_S("lake"),
        .prefix = prefix,
        .delimiter = delimiter,
        .after = after,
        .limit = limit,
        .on_object = show_object,
        .on_prefix = show_prefix,
        .ctx = shown,
    };
    do {
        assert_int_equal(s3_page_walk(fixture->view, &fixture->arena, &page), MR_OK);
        assert_true(page.count <= limit);
        assert_true(!page.truncated || page.count == limit);
        page.after = page.last;
    } while (page.truncated);
}

static void pages_joined_equal_the_oracle(void **state)
{
    struct fixture *fixture = *state;
    const struct mr_slice prefixes[] = {
        MR_S(""), MR_S("a"), MR_S("a/"), MR_S("\xf4\x8f\xbf\xbf"), MR_S("b/a"), MR_S("zz")};
    const struct mr_slice delimiters[] = {MR_S(""), MR_S("/"), MR_S("a/"), MR_S("b"),
                                          MR_S("\xf4\x8f\xbf\xbf")};
    const size_t limits[] = {1, 2, 13, 1000};
    struct mr_buf wanted = {0}, got = {0};
    for (size_t p = 0; p < MR_COUNT(prefixes); p++)
        for (size_t d = 0; d < MR_COUNT(delimiters); d++)
            for (size_t l = 0; l < MR_COUNT(limits); l++) {
                mr_buf_reset(&wanted);
                mr_buf_reset(&got);
                oracle(fixture, prefixes[p], delimiters[d], MR_S(""), &wanted);
                paged(fixture, prefixes[p], delimiters[d], MR_S(""), limits[l], &got);
                if (!mr_slice_equal(mr_buf_slice(&wanted), mr_buf_slice(&got)))
                    fail_msg("prefix %zu, delimiter %zu, limit %zu", p, d, limits[l]);
            }
    mr_buf_fini(&wanted);
    mr_buf_fini(&got);
}

static void a_listing_starts_behind_any_text(void **state)
{
    struct fixture *fixture = *state;
    struct mr_buf wanted = {0}, got = {0};
    for (int i = 0; i < 300; i++) {
        const struct mr_slice after = random_key(fixture);
        mr_buf_reset(&wanted);
        mr_buf_reset(&got);
        oracle(fixture, MR_S("a"), MR_S(""), after, &wanted);
        paged(fixture, MR_S("a"), MR_S(""), after, 50, &got);
        assert_true(mr_slice_equal(mr_buf_slice(&wanted), mr_buf_slice(&got)));
    }
    mr_buf_fini(&wanted);
    mr_buf_fini(&got);
}

static void a_page_of_nothing_is_empty_and_not_cut_off(void **state)
{
    struct fixture *fixture = *state;
    struct s3_page page = {.bucket = MR_S("lake"), .limit = 0};
    assert_int_equal(s3_page_walk(fixture->view, &fixture->arena, &page), MR_OK);
    assert_false(page.truncated);
    assert_int_equal(page.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_joined_equal_the_oracle),
        cmocka_unit_test(a_listing_starts_behind_any_text),
        cmocka_unit_test(a_page_of_nothing_is_empty_and_not_cut_off),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
