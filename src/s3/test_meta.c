/* Records, keys, ranges, conditions: what is pure. */
#include "base/rng.h"
#include "s3/range.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct mr_slice random_text(struct mr_rng *rng, struct mr_arena *arena, size_t max)
{
    const size_t len = (size_t)mr_rng_below(rng, max + 1);
    char *text = mr_arena_alloc(arena, len + 1);
    mr_rng_fill(rng, text, len);
    return mr_slice_make(text, len);
}

static struct s3_meta random_meta(struct mr_rng *rng, struct mr_arena *arena)
{
    struct s3_meta meta = {
        .place = (enum s3_place)mr_rng_below(rng, 3),
        .composite = mr_rng_below(rng, 2) == 1,
        .size = mr_rng_u64(rng) >> mr_rng_below(rng, 64),
        .modified_ms = (int64_t)mr_rng_below(rng, UINT64_C(1) << 42),
        .part_count = (uint32_t)mr_rng_below(rng, 10001),
    };
    mr_rng_fill(rng, meta.body.bytes, sizeof meta.body.bytes);
    mr_rng_fill(rng, meta.md5, sizeof meta.md5);
    meta.sum.algorithm = (enum s3_algorithm)mr_rng_below(rng, S3_ALGORITHMS);
    mr_rng_fill(rng, meta.sum.bytes, s3_algorithm_bytes(meta.sum.algorithm));
    if (mr_rng_below(rng, 2) == 0) {
        meta.marker = mr_rng_below(rng, 2) == 1;
        meta.version.order = 1 + (mr_rng_u64(rng) >> mr_rng_below(rng, 64));
        meta.version.own = mr_rng_below(rng, 2) == 1;
        if (meta.version.own)
            mr_rng_fill(rng, meta.version.random, sizeof meta.version.random);
    }
    if (mr_rng_below(rng, 2) == 0) {
        meta.hold = (enum s3_hold)mr_rng_below(rng, 3);
        meta.retention = (enum s3_retention)mr_rng_below(rng, 3);
        if (meta.hold != S3_NEVER_HELD || meta.retention != S3_NOT_RETAINED)
            meta.retain_until_ms = (int64_t)mr_rng_below(rng, UINT64_C(1) << 42);
    }
    meta.sse = (enum s3_sse)mr_rng_below(rng, 3);
    if (meta.sse != S3_SSE_AES256) {
        meta.bucket_key = mr_rng_below(rng, 2) == 1;
        meta.kms_key = random_text(rng, arena, 40);
    }
    if (mr_rng_below(rng, 3) == 0)
        return meta; /* the short form */
    for (int i = 0; i < S3_HEADERS; i++)
        meta.headers[i] = random_text(rng, arena, 40);
    meta.user = random_text(rng, arena, 200);
    meta.tags = random_text(rng, arena, 200);
    meta.parts = random_text(rng, arena, 200);
    meta.acl = random_text(rng, arena, 200);
    if (mr_rng_below(rng, 2) == 0)
        meta.restored_until_ms = (int64_t)mr_rng_below(rng, UINT64_C(1) << 42);
    if (mr_rng_below(rng, 2) == 0)
        meta.seal = random_text(rng, arena, 100);
    meta.replication = (enum s3_replication)mr_rng_below(rng, S3_REPLICA + 1);
    return meta;
}

static void assert_slice_equal(struct mr_slice a, struct mr_slice b)
{
    assert_int_equal(a.len, b.len);
    assert_true(mr_slice_equal(a, b));
}

static void a_record_reads_back_as_it_was_written(void **state)
{
    (void)state;
    struct mr_rng rng;
    struct mr_arena arena;
    mr_rng_init_seed(&rng, 20251122);
    mr_arena_init(&arena);
    for (int i = 0; i < 5000; i++) {
        struct mr_buf buf = {0};
        const struct s3_meta in = random_meta(&rng, &arena);
        struct s3_meta out;
        s3_meta_encode(&buf, &in);
        assert_int_equal(s3_meta_decode(mr_buf_slice(&buf), &out), MR_OK);
        assert_int_equal(out.place, in.place);
        assert_int_equal(out.composite, in.composite);
        assert_int_equal(out.size, in.size);
        assert_int_equal(out.modified_ms, in.modified_ms);
        assert_int_equal(out.part_count, in.part_count);
        assert_int_equal(out.marker, in.marker);
        assert_int_equal(out.version.order, in.version.order);
        assert_true(s3_version_same(&out.version, &in.version));
        assert_int_equal(out.retention, in.retention);
        assert_int_equal(out.hold, in.hold);
        assert_int_equal(out.retain_until_ms, in.retain_until_ms);
        assert_int_equal(out.sse, in.sse);
        assert_int_equal(out.bucket_key, in.bucket_key);
        assert_slice_equal(out.kms_key, in.kms_key);
        assert_slice_equal(out.acl, in.acl);
        assert_int_equal(out.restored_until_ms, in.restored_until_ms);
        assert_memory_equal(&out.body, &in.body, sizeof in.body);
        assert_memory_equal(out.md5, in.md5, sizeof in.md5);
        assert_true(s3_sum_equal(&out.sum, &in.sum));
        for (int h = 0; h < S3_HEADERS; h++)
            assert_slice_equal(out.headers[h], in.headers[h]);
        assert_slice_equal(out.user, in.user);
        assert_slice_equal(out.tags, in.tags);
        assert_slice_equal(out.parts, in.parts);
        assert_slice_equal(out.seal, in.seal);
        assert_int_equal(out.replication, in.replication);
        mr_buf_fini(&buf);
        mr_arena_reset(&arena);
    }
    mr_arena_fini(&arena);
}

static void a_record_that_is_cut_or_longer_is_refused(void **state)
{
    (void)state;
    struct mr_buf buf = {0};
    struct s3_meta meta = {.place = S3_IN_FILE, .size = 300, .sum.algorithm = S3_CRC32};
    meta.headers[S3_CONTENT_TYPE] = MR_S("text/plain");
    s3_meta_encode(&buf, &meta);
    struct s3_meta out;
    for (size_t len = 0; len < buf.len; len++)
        assert_int_equal(s3_meta_decode(mr_slice_make(buf.data, len), &out), MR_FAIL_DATA);
    mr_buf_byte(&buf, 0);
    assert_int_equal(s3_meta_decode(mr_buf_slice(&buf), &out), MR_FAIL_DATA);
    mr_buf_fini(&buf);
}

static void an_etag_tells_the_number_of_parts(void **state)
{
    (void)state;
    char text[S3_ETAG_TEXT];
    struct s3_meta meta = {0};
    memset(meta.md5, 0x1f, sizeof meta.md5);
    assert_slice_equal(s3_meta_etag(&meta, text), MR_S("1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f"));
    meta.part_count = 10000;
    assert_slice_equal(s3_meta_etag(&meta, text), MR_S("1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f-10000"));
}

static void pairs_and_parts_read_back(void **state)
{
    (void)state;
    struct mr_buf buf = {0};
    struct mr_slice rest, name, value;
    s3_pairs_add(&buf, MR_S("a"), MR_S(""));
    s3_pairs_add(&buf, MR_S(""), MR_S("b\0c"));
    rest = mr_buf_slice(&buf);
    assert_true(s3_pairs_next(&rest, &name, &value));
    assert_slice_equal(name, MR_S("a"));
    assert_slice_equal(value, MR_S(""));
    assert_true(s3_pairs_next(&rest, &name, &value));
    assert_slice_equal(value, MR_S("b\0c"));
    assert_false(s3_pairs_next(&rest, &name, &value));
    mr_buf_reset(&buf);
    struct s3_part part = {.number = 7, .size = 5 << 20, .sum = {.algorithm = S3_CRC32C}}, out;
    s3_parts_add(&buf, &part);
    rest = mr_buf_slice(&buf);
    assert_true(s3_parts_next(&rest, &out));
    assert_int_equal(out.number, 7);
    assert_int_equal(out.size, 5 << 20);
    assert_true(s3_sum_equal(&out.sum, &part.sum));
    assert_false(s3_parts_next(&rest, &out));
    mr_buf_fini(&buf);
}

static void keys_of_uploads_come_apart_whatever_the_key_holds(void **state)
{
    (void)state;
    struct mr_arena arena;
    mr_arena_init(&arena);
    const struct mr_slice id = MR_S("0123456789abcdef0123456789abcdef");
    const struct mr_slice prefix = s3_uploads_prefix(&arena, MR_S("lake"));
    const struct mr_slice keys[] = {MR_S("k"), MR_S("a\0b"), MR_S("\0"), MR_S("x/y")};
    for (size_t i = 0; i < MR_COUNT(keys); i++) {
        struct mr_slice key, upload_id;
        const struct mr_slice stored = s3_upload_key(&arena, MR_S("lake"), keys[i], id);
        assert_true(mr_slice_starts_with(stored, prefix));
        s3_upload_key_split(stored, prefix, &key, &upload_id);
        assert_slice_equal(key, keys[i]);
        assert_slice_equal(upload_id, id);
    }
    assert_int_equal(s3_part_key_number(s3_part_key(&arena, id, 10000)), 10000);
    assert_true(mr_slice_compare(s3_part_key(&arena, id, 255), s3_part_key(&arena, id, 256)) < 0);
    mr_arena_fini(&arena);
}

/* ---- ranges ---- */

static void assert_range(const char *text, uint64_t size, enum s3_range wanted, uint64_t first,
                         uint64_t last)
{
    uint64_t got_first = 999, got_last = 999;
    const enum s3_range got = s3_range_parse(mr_slice_cstr(text), size, &got_first, &got_last);
    if (got != wanted)
        fail_msg("'%s' of %llu bytes: %d, not %d", text, (unsigned long long)size, got, wanted);
    if (wanted == S3_RANGE_PART) {
        assert_int_equal(got_first, first);
        assert_int_equal(got_last, last);
    }
}

static void a_range_lies_inside_the_object_or_is_beyond_or_ignored(void **state)
{
    (void)state;
    assert_range("bytes=0-0", 10, S3_RANGE_PART, 0, 0);
    assert_range("Bytes=0-0", 10, S3_RANGE_PART, 0, 0);
    assert_range("bytes=9-", 10, S3_RANGE_PART, 9, 9);
    assert_range("bytes=3-99", 10, S3_RANGE_PART, 3, 9);
    assert_range("bytes=-3", 10, S3_RANGE_PART, 7, 9);
    assert_range("bytes=-30", 10, S3_RANGE_PART, 0, 9);
    assert_range("bytes=10-", 10, S3_RANGE_BEYOND, 0, 0);
    assert_range("bytes=-0", 10, S3_RANGE_BEYOND, 0, 0);
    assert_range("bytes=-1", 0, S3_RANGE_BEYOND, 0, 0);
    assert_range("bytes=0-", 0, S3_RANGE_BEYOND, 0, 0);
    assert_range("bytes=18446744073709551615-", 10, S3_RANGE_BEYOND, 0, 0);
    assert_range("bytes=5-4", 10, S3_RANGE_WHOLE, 0, 0);
    assert_range("bytes=1-2,4-5", 10, S3_RANGE_WHOLE, 0, 0);
    assert_range("bytes=-", 10, S3_RANGE_WHOLE, 0, 0);
    assert_range("bytes=", 10, S3_RANGE_WHOLE, 0, 0);
    assert_range("bytes=--1", 10, S3_RANGE_WHOLE, 0, 0);
    assert_range("bytes=18446744073709551616-", 10, S3_RANGE_WHOLE, 0, 0);
    assert_range("items=0-1", 10, S3_RANGE_WHOLE, 0, 0);
    assert_range("", 10, S3_RANGE_WHOLE, 0, 0);
}

static enum s3_read_verdict judge(bool has_match, bool matches, bool has_none, bool none_matches,
                                  int64_t modified_since_s, int64_t unmodified_since_s)
{
    const struct s3_read_conditions conditions = {
        .if_match = has_match ? MR_S("x") : (struct mr_slice){0},
        .if_none_match = has_none ? MR_S("x") : (struct mr_slice){0},
        .modified_since_ms = modified_since_s < 0 ? INT64_MIN : modified_since_s * 1000,
        .unmodified_since_ms = unmodified_since_s < 0 ? INT64_MIN : unmodified_since_s * 1000,
        .now_ms = 1500001,
    };
    return s3_read_judge(&conditions, matches, none_matches, 1000999);
}

static void etags_win_over_dates_and_dates_count_in_seconds(void **state)
{
    (void)state;
    assert_int_equal(judge(false, false, false, false, -1, -1), S3_READ_YES);
    assert_int_equal(judge(true, false, false, false, -1, -1), S3_READ_IF_MATCH);
    assert_int_equal(judge(true, true, false, false, -1, 1), S3_READ_YES);
    assert_int_equal(judge(false, false, false, false, -1, 999), S3_READ_UNMODIFIED_SINCE);
    assert_int_equal(judge(false, false, false, false, -1, 1000), S3_READ_YES);
    assert_int_equal(judge(false, false, true, true, 1, -1), S3_READ_NOT_MODIFIED);
    assert_int_equal(judge(false, false, true, false, 2000, -1), S3_READ_YES);
    assert_int_equal(judge(false, false, false, false, 1000, -1), S3_READ_NOT_MODIFIED);
    assert_int_equal(judge(false, false, false, false, 999, -1), S3_READ_YES);
    assert_int_equal(judge(false, false, false, false, 1500, -1), S3_READ_NOT_MODIFIED);
    assert_int_equal(judge(false, false, false, false, 1501, -1), S3_READ_YES); /* to come */
    assert_int_equal(judge(true, false, true, true, -1, -1), S3_READ_IF_MATCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_reads_back_as_it_was_written),
        cmocka_unit_test(a_record_that_is_cut_or_longer_is_refused),
        cmocka_unit_test(an_etag_tells_the_number_of_parts),
        cmocka_unit_test(pairs_and_parts_read_back),
        cmocka_unit_test(keys_of_uploads_come_apart_whatever_the_key_holds),
        cmocka_unit_test(a_range_lies_inside_the_object_or_is_beyond_or_ignored),
        cmocka_unit_test(etags_win_over_dates_and_dates_count_in_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
