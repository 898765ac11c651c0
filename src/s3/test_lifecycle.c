/* What lifecycle rules decide: pure. */
#include "base/clock.h"
#include "s3/lifecycle.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const int64_t day_ms = INT64_C(86400000);

static int64_t at(const char *text)
{
    int64_t ms;
    assert_int_equal(mr_date_parse(mr_slice_cstr(text), &ms), MR_OK);
    return ms;
}

static yyjson_val *rules_of(struct mr_arena *arena, const char *rule)
{
    const struct mr_slice text =
        mr_arena_printf(arena, "[{\"ID\":\"r\",\"Status\":\"Enabled\",%s}]", rule);
    yyjson_val *rules = mr_json_parse(arena, text, 32);
    assert_non_null(rules);
    return rules;
}

static enum s3_fate judge(const char *rule, const struct s3_subject *subject, int64_t now_ms)
{
    struct mr_arena arena;
    struct mr_slice class;
    mr_arena_init(&arena);
    const enum s3_fate fate = s3_lifecycle_judge(rules_of(&arena, rule), subject, now_ms, &class);
    mr_arena_fini(&arena);
    return fate;
}

static void days_end_at_the_midnight_that_follows(void **state)
{
    (void)state;
    const struct s3_meta meta = {.modified_ms = at("2026-01-10T15:00:00Z")};
    const struct s3_subject subject = {.key = MR_S("k"), .meta = &meta, .latest = true};
    const char *rule = "\"Filter\":{},\"Expiration\":{\"Days\":3}";
    assert_int_equal(judge(rule, &subject, at("2026-01-13T23:59:59Z")), S3_FATE_STAYS);
    assert_int_equal(judge(rule, &subject, at("2026-01-14T00:00:00Z")), S3_FATE_EXPIRES);
    assert_int_equal(s3_lifecycle_next_ms(at("2026-01-13T23:59:59Z")), at("2026-01-14T00:00:00Z"));
    assert_int_equal(s3_lifecycle_next_ms(at("2026-01-14T00:00:00Z")), at("2026-01-15T00:00:00Z"));
}

static void filters_are_all_of_their_conditions(void **state)
{
    (void)state;
    struct mr_buf tags = {0};
    s3_pairs_add(&tags, MR_S("a"), MR_S("1"));
    s3_pairs_add(&tags, MR_S("b"), MR_S("2"));
    const struct s3_meta meta = {.size = 100, .tags = mr_buf_slice(&tags)};
    const struct s3_subject subject = {.key = MR_S("logs/k"), .meta = &meta, .latest = true};
    static const struct {
        const char *filter;
        bool fits;
    } cases[] = {
        {"{}", true},
        {"{\"Prefix\":\"logs/\"}", true},
        {"{\"Prefix\":\"log/\"}", false},
        {"{\"Tag\":{\"Key\":\"a\",\"Value\":\"1\"}}", true},
        {"{\"Tag\":{\"Key\":\"a\",\"Value\":\"2\"}}", false},
        {"{\"ObjectSizeGreaterThan\":99}", true},
        {"{\"ObjectSizeGreaterThan\":100}", false},
        {"{\"ObjectSizeLessThan\":100}", false},
        {"{\"And\":{\"Prefix\":\"logs/\",\"Tags\":[{\"Key\":\"a\",\"Value\":\"1\"},"
         "{\"Key\":\"b\",\"Value\":\"2\"}],\"ObjectSizeLessThan\":101}}",
         true},
        {"{\"And\":{\"Prefix\":\"logs/\",\"Tags\":[{\"Key\":\"c\",\"Value\":\"1\"}]}}", false},
    };
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        char rule[512];
        (void)snprintf(rule, sizeof rule, "\"Filter\":%s,\"Expiration\":{\"Days\":1}",
                       cases[i].filter);
        assert_int_equal(judge(rule, &subject, 10 * day_ms),
                         cases[i].fits ? S3_FATE_EXPIRES : S3_FATE_STAYS);
    }
    mr_buf_fini(&tags);
}

static void past_versions_go_by_age_and_by_number(void **state)
{
    (void)state;
    const struct s3_meta meta = {0};
    struct s3_subject subject = {.key = MR_S("k"), .meta = &meta, .past_since_ms = 5 * day_ms};
    const char *rule = "\"Filter\":{},\"NoncurrentVersionExpiration\":{\"NoncurrentDays\":2,"
                       "\"NewerNoncurrentVersions\":3}";
    subject.newer_past = 3;
    assert_int_equal(judge(rule, &subject, 7 * day_ms), S3_FATE_EXPIRES);
    assert_int_equal(judge(rule, &subject, 7 * day_ms - 1), S3_FATE_STAYS);
    subject.newer_past = 2;
    assert_int_equal(judge(rule, &subject, 9 * day_ms), S3_FATE_STAYS);
}

static void a_marker_goes_when_it_hides_nothing(void **state)
{
    (void)state;
    const struct s3_meta meta = {.marker = true, .modified_ms = day_ms};
    struct s3_subject subject = {.key = MR_S("k"), .meta = &meta, .latest = true, .alone = true};
    const char *by_name = "\"Filter\":{},\"Expiration\":{\"ExpiredObjectDeleteMarker\":true}";
    const char *by_age = "\"Filter\":{},\"Expiration\":{\"Days\":3}";
    assert_int_equal(judge(by_name, &subject, day_ms), S3_FATE_EXPIRES);
    assert_int_equal(judge(by_age, &subject, 3 * day_ms), S3_FATE_STAYS);
    assert_int_equal(judge(by_age, &subject, 4 * day_ms), S3_FATE_EXPIRES);
    subject.alone = false;
    assert_int_equal(judge(by_name, &subject, 9 * day_ms), S3_FATE_STAYS);
}

static void objects_move_once_and_small_ones_stay(void **state)
{
    (void)state;
    struct s3_meta meta = {.size = 1 << 20};
    const struct s3_subject subject = {.key = MR_S("k"), .meta = &meta, .latest = true};
    const char *rule = "\"Filter\":{},\"Transitions\":[{\"Days\":30,\"StorageClass\":"
                       "\"STANDARD_IA\"},{\"Days\":90,\"StorageClass\":\"GLACIER_IR\"}]";
    assert_int_equal(judge(rule, &subject, 29 * day_ms), S3_FATE_STAYS);
    assert_int_equal(judge(rule, &subject, 30 * day_ms), S3_FATE_MOVES);
    meta.headers[S3_STORAGE_CLASS] = MR_S("STANDARD_IA");
    assert_int_equal(judge(rule, &subject, 31 * day_ms), S3_FATE_STAYS);
    assert_int_equal(judge(rule, &subject, 90 * day_ms), S3_FATE_MOVES);
    meta.size = 100;
    assert_int_equal(judge(rule, &subject, 90 * day_ms), S3_FATE_STAYS);
}

static void a_disabled_rule_does_nothing(void **state)
{
    (void)state;
    struct mr_arena arena;
    const struct s3_meta meta = {0};
    int64_t due_ms;
    struct mr_slice rule;
    mr_arena_init(&arena);
    yyjson_val *rules = mr_json_parse(
        &arena,
        MR_S("[{\"ID\":\"off\",\"Status\":\"Disabled\",\"Prefix\":\"\",\"Expiration\":"
             "{\"Days\":1}},{\"ID\":\"late\",\"Status\":\"Enabled\",\"Prefix\":\"\","
             "\"Expiration\":{\"Days\":9}},{\"ID\":\"soon\",\"Status\":\"Enabled\","
             "\"Prefix\":\"\",\"Expiration\":{\"Days\":5}}]"),
        32);
    assert_true(s3_lifecycle_expiry(rules, MR_S("k"), &meta, &due_ms, &rule));
    assert_int_equal(due_ms, 5 * day_ms);
    assert_true(mr_slice_equal(rule, MR_S("soon")));
    assert_false(s3_lifecycle_gives_up(rules, MR_S("k"), 0, 100 * day_ms));
    mr_arena_fini(&arena);
}

static void what_is_not_replicated_yet_stays(void **state)
{
    (void)state;
    static const enum s3_fate fates[] = {
        [S3_NOT_REPLICATED] = S3_FATE_EXPIRES,
        [S3_REPLICATION_PENDING] = S3_FATE_STAYS,
        [S3_REPLICATION_COMPLETED] = S3_FATE_EXPIRES,
        [S3_REPLICATION_FAILED] = S3_FATE_STAYS,
        [S3_REPLICA] = S3_FATE_EXPIRES,
    };
    for (int i = S3_NOT_REPLICATED; i <= S3_REPLICA; i++) {
        const struct s3_meta meta = {.replication = (enum s3_replication)i};
        const struct s3_subject subject = {.key = MR_S("k"), .meta = &meta, .latest = true};
        assert_int_equal(judge("\"Filter\":{},\"Expiration\":{\"Days\":1}", &subject, 9 * day_ms),
                         fates[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_end_at_the_midnight_that_follows),
        cmocka_unit_test(filters_are_all_of_their_conditions),
        cmocka_unit_test(past_versions_go_by_age_and_by_number),
        cmocka_unit_test(a_marker_goes_when_it_hides_nothing),
        cmocka_unit_test(objects_move_once_and_small_ones_stay),
        cmocka_unit_test(a_disabled_rule_does_nothing),
        cmocka_unit_test(what_is_not_replicated_yet_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
