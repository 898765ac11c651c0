/* Ids and keys of versions: what is pure. */
#include "base/rng.h"
#include "s3/version.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static struct s3_version random_version(struct mr_rng *rng)
{
    struct s3_version version = {.own = true, .order = mr_rng_u64(rng) >> mr_rng_below(rng, 64)};
    mr_rng_fill(rng, version.random, sizeof version.random);
    return version;
}

static void an_id_leads_back_to_its_version(void **state)
{
    (void)state;
    struct mr_rng rng;
    char text[S3_VERSION_TEXT + 1];
    mr_rng_init_seed(&rng, 20251122);
    for (int i = 0; i < 5000; i++) {
        const struct s3_version in = random_version(&rng);
        struct s3_version out;
        assert_int_equal(s3_version_parse(s3_version_text(&in, text), &out), MR_OK);
        assert_true(s3_version_same(&in, &out));
        assert_int_equal(in.order, out.order);
    }
}

static void null_is_a_version_and_rubbish_is_none(void **state)
{
    (void)state;
    struct s3_version version;
    char text[S3_VERSION_TEXT + 1];
    assert_int_equal(s3_version_parse(MR_S("null"), &version), MR_OK);
    assert_false(version.own);
    assert_true(mr_slice_equal(s3_version_text(&version, text), MR_S("null")));
    assert_int_equal(s3_version_parse(MR_S(""), &version), MR_INVALID);
    assert_int_equal(s3_version_parse(MR_S("Null"), &version), MR_INVALID);
    assert_int_equal(s3_version_parse(MR_S("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-"), &version),
                     MR_INVALID);
    assert_int_equal(s3_version_parse(MR_S("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), &version),
                     MR_INVALID);
}

static void newer_versions_sort_first_and_null_before_all(void **state)
{
    (void)state;
    struct mr_rng rng;
    struct mr_arena arena;
    mr_rng_init_seed(&rng, 7);
    mr_arena_init(&arena);
    const struct s3_version null = {0};
    for (int i = 0; i < 2000; i++) {
        const struct s3_version a = random_version(&rng), b = random_version(&rng);
        const struct mr_slice bucket = MR_S("lake"), key = MR_S("k");
        const struct mr_slice one = s3_version_key(&arena, bucket, key, &a);
        const struct mr_slice other = s3_version_key(&arena, bucket, key, &b);
        if (a.order != b.order)
            assert_true((mr_slice_compare(one, other) < 0) == (a.order > b.order));
        assert_true(mr_slice_compare(s3_version_key(&arena, bucket, key, &null), one) < 0);
        const struct mr_slice below = s3_version_key_below(&arena, bucket, key, b.order);
        if (b.order > 0)
            assert_true((mr_slice_compare(one, below) >= 0) == (a.order < b.order));
        const size_t prefix_len = s3_versions_prefix(&arena, bucket).len;
        assert_true(mr_slice_equal(s3_version_key_name(one, prefix_len), key));
        mr_arena_reset(&arena);
    }
    mr_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_leads_back_to_its_version),
        cmocka_unit_test(null_is_a_version_and_rubbish_is_none),
        cmocka_unit_test(newer_versions_sort_first_and_null_before_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
