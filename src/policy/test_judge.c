/* What policies say: cases that no client of a server on loopback can make. */
#include "policy/policy.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

/* One key, "aws:is", has the values; "aws:userid" is "u*". */
struct facts {
    struct mr_slice values[3];
    size_t count;
};

static bool look(void *ctx, struct mr_slice key, struct policy_values *ret_values)
{
    static const struct mr_slice id = MR_S_INIT("u*");
    const struct facts *facts = ctx;
    *ret_values = (struct policy_values){facts->values, facts->count};
    if (mr_slice_equal(key, MR_S("aws:userid")))
        *ret_values = (struct policy_values){&id, 1};
    return ret_values->count > 0;
}

static bool holds(const char *conditions, const char *a, const char *b)
{
    struct mr_arena arena;
    struct facts facts = {{mr_slice_cstr(a), mr_slice_cstr(b)}, (size_t)(a != NULL) + (b != NULL)};
    const struct policy_caller caller = {0};
    mr_arena_init(&arena);
    const struct policy_asked asked = {
        .arena = &arena, .caller = &caller, .look = look, .ctx = &facts};
    const bool result =
        policy_conditions_hold(&asked, mr_json_parse(&arena, mr_slice_cstr(conditions), 16), true);
    mr_arena_fini(&arena);
    return result;
}

static void addresses_are_in_ranges_of_their_own_kind(void **state)
{
    (void)state;
    static const struct {
        const char *range, *address;
        bool fits;
    } rows[] = {
        {"192.0.2.0/24", "192.0.2.255", true},
        {"192.0.2.0/24", "192.0.3.0", false},
        {"192.0.2.128/25", "192.0.2.127", false},
        {"192.0.2.1", "192.0.2.1", true},
        {"0.0.0.0/0", "8.8.8.8", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "2001:db8::1", true},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"192.0.2.0/33", "192.0.2.0", false},
        {"192.0.2.0/x", "192.0.2.0", false},
        {"nowhere", "192.0.2.0", false},
        {"192.0.2.0/24", "", false},
    };
    for (size_t i = 0; i < MR_COUNT(rows); i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "{\"IpAddress\":{\"aws:is\":\"%s\"}}", rows[i].range);
        if (holds(text, rows[i].address, NULL) != rows[i].fits)
            fail_msg("%s in %s", rows[i].address, rows[i].range);
        (void)snprintf(text, sizeof text, "{\"NotIpAddress\":{\"aws:is\":[\"%s\"]}}",
                       rows[i].range);
        assert_true(holds(text, rows[i].address, NULL) != rows[i].fits);
    }
}

static void of_lists_all_or_any_values_have_to_fit(void **state)
{
    (void)state;
    static const struct {
        const char *conditions, *a, *b;
        bool holds;
    } rows[] = {
        {"{\"ForAllValues:StringLike\":{\"aws:is\":[\"a*\",\"b\"]}}", "ab", "b", true},
        {"{\"ForAllValues:StringLike\":{\"aws:is\":[\"a*\",\"b\"]}}", "ab", "c", false},
        {"{\"ForAllValues:StringLike\":{\"aws:is\":[]}}", "ab", NULL, false},
        {"{\"ForAllValues:StringLike\":{\"aws:is\":\"a\"}}", NULL, NULL, true},
        {"{\"ForAnyValue:StringLike\":{\"aws:is\":\"a\"}}", NULL, NULL, false},
        {"{\"ForAnyValue:StringLikeIfExists\":{\"aws:is\":\"a\"}}", NULL, NULL, true},
        {"{\"ForAnyValue:StringNotEquals\":{\"aws:is\":\"a\"}}", NULL, NULL, false},
        {"{\"ForAnyValue:StringNotEquals\":{\"aws:is\":\"a\"}}", "a", "b", true},
        {"{\"ForAllValues:StringNotEquals\":{\"aws:is\":\"a\"}}", "a", "b", false},
        {"{\"ForAllValues:StringNotEquals\":{\"aws:is\":\"a\"}}", "c", "b", true},
        {"{\"BinaryEquals\":{\"aws:is\":\"YWI=\"}}", "ab", NULL, true},
        {"{\"BinaryEquals\":{\"aws:is\":\"ab\"}}", "ab", NULL, false},
        {"{\"DateEquals\":{\"aws:is\":\"2026-01-02\"}}", "2026-01-02T00:00:00Z", NULL, true},
        {"{\"DateEquals\":{\"aws:is\":1767312000}}", "2026-01-02T00:00:00Z", NULL, true},
        {"{\"DateNotEquals\":{\"aws:is\":\"someday\"}}", "2026-01-02T00:00:00Z", NULL, true},
        {"{\"NumericEquals\":{\"aws:is\":\"-1.50\"}}", "-1.5", NULL, true},
        {"{\"NumericEquals\":{\"aws:is\":\"1.5.\"}}", "1.5", NULL, false},
        {"{\"NumericEquals\":{\"aws:is\":\"\"}}", "", NULL, false},
        {"{\"StringEquals\":{\"aws:is\":\"${aws:userid}\"}}", "u*", NULL, true},
        {"{\"StringLike\":{\"aws:is\":\"${aws:userid}x*\"}}", "u*xy", NULL, true},
        {"{\"StringLike\":{\"aws:is\":\"${aws:userid}x*\"}}", "uuxy", NULL, false},
        {"{\"StringLike\":{\"aws:is\":\"${*}${?}${$}\"}}", "*?$", NULL, true},
        {"{\"StringLike\":{\"aws:is\":\"${*}${?}${$}\"}}", "abc", NULL, false},
        {"{\"StringEquals\":{\"aws:is\":\"${aws:is\"}}", "${aws:is", NULL, false},
        {"{\"Sounds\":{\"aws:is\":\"a\"}}", "a", NULL, false},
        {"{\"StringEquals\":\"a\"}", "a", NULL, false},
        {"{}", NULL, NULL, true},
    };
    for (size_t i = 0; i < MR_COUNT(rows); i++)
        if (holds(rows[i].conditions, rows[i].a, rows[i].b) != rows[i].holds)
            fail_msg("%s of %s, %s", rows[i].conditions, rows[i].a, rows[i].b);
}

/* ---- statements ---- */

static enum policy_verdict judged(const char *policy, const struct policy_caller *caller)
{
    struct mr_arena arena;
    struct facts facts = {0};
    mr_arena_init(&arena);
    const struct policy_asked asked = {
        &arena, caller, MR_S("s3:GetObject"), MR_S("arn:aws:s3:::b/u*/k"), look, &facts};
    const enum policy_verdict verdict =
        policy_judge(mr_json_parse(&arena, mr_slice_cstr(policy), 16), &asked);
    mr_arena_fini(&arena);
    return verdict;
}

#define WHO(principal)                                                                         \
    "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Principal\":" principal \
    ",\"Action\":\"s3:*\",\"Resource\":\"*\"}}"

static void principals_are_accounts_users_roles_and_everybody(void **state)
{
    (void)state;
    const struct policy_caller nobody = {.id = MR_S("anonymous")};
    const struct policy_caller root = {.arn = MR_S("arn:aws:iam::123456789012:root"),
                                       .account = MR_S("123456789012"),
                                       .id = MR_S("123456789012"),
                                       .canonical = MR_S("c0")};
    const struct policy_caller role = {.arn = MR_S("arn:aws:iam::123456789012:role/r"),
                                       .session =
                                           MR_S("arn:aws:sts::123456789012:assumed-role/r/s"),
                                       .account = MR_S("123456789012"),
                                       .id = MR_S("AROAX:s"),
                                       .canonical = MR_S("c0")};
    static const struct {
        const char *policy;
        bool nobody, root, role;
    } rows[] = {
        {WHO("\"*\""), true, true, true},
        {WHO("{\"AWS\":\"*\"}"), true, true, true},
        {WHO("{\"AWS\":[\"1\",\"123456789012\"]}"), false, true, true},
        {WHO("{\"AWS\":\"arn:aws:iam::123456789012:root\"}"), false, true, true},
        {WHO("{\"AWS\":\"arn:aws:iam::x123456789012:root\"}"), false, false, false},
        {WHO("{\"AWS\":\"arn:aws:iam::123456789013:root\"}"), false, false, false},
        {WHO("{\"AWS\":\"arn:aws:iam::123456789012:role/r\"}"), false, false, true},
        {WHO("{\"AWS\":\"arn:aws:iam::123456789012:role/a/b/r\"}"), false, false, true},
        {WHO("{\"AWS\":\"arn:aws:iam::123456789012:role/rr\"}"), false, false, false},
        {WHO("{\"AWS\":\"arn:aws:iam::123456789013:role/r\"}"), false, false, false},
        {WHO("{\"AWS\":\"arn:aws:sts::123456789012:assumed-role/r/s\"}"), false, false, true},
        {WHO("{\"AWS\":\"arn:aws:sts::123456789012:assumed-role/r/t\"}"), false, false, false},
        {WHO("{\"AWS\":\"AROAX\"}"), false, false, true},
        {WHO("{\"AWS\":\"\"}"), false, false, false},
        {WHO("{\"CanonicalUser\":\"c0\"}"), false, true, true},
        {WHO("{\"CanonicalUser\":\"\"}"), false, false, false},
        {WHO("{\"Service\":\"lambda.amazonaws.com\"}"), false, false, false},
        {WHO("{}"), false, false, false},
        {WHO("[\"*\"]"), false, false, false},
    };
    for (size_t i = 0; i < MR_COUNT(rows); i++) {
        if ((judged(rows[i].policy, &nobody) == POLICY_ALLOWS) != rows[i].nobody ||
            (judged(rows[i].policy, &root) == POLICY_ALLOWS) != rows[i].root ||
            (judged(rows[i].policy, &role) == POLICY_ALLOWS) != rows[i].role)
            fail_msg("%s", rows[i].policy);
    }
}

static void what_makes_no_sense_fits_nothing_and_a_deny_wins(void **state)
{
    (void)state;
    const struct policy_caller nobody = {0};
    static const struct {
        const char *policy;
        enum policy_verdict verdict;
    } rows[] = {
        {"{}", POLICY_SAYS_NOTHING},
        {"[]", POLICY_SAYS_NOTHING},
        {"{\"Statement\":[1,\"x\",null,{}]}", POLICY_SAYS_NOTHING},
        {"{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"*\"}}",
         POLICY_SAYS_NOTHING},
        {"{\"Statement\":{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\"}}",
         POLICY_SAYS_NOTHING},
        {"{\"Statement\":[{\"Effect\":\"Deny\",\"NotPrincipal\":{\"AWS\":\"1\"},\"Action\":"
         "\"S3:get*\",\"Resource\":\"*\"},{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":"
         "\"*\",\"Resource\":\"*\"}]}",
         POLICY_DENIES},
        {"{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\","
         "\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::b/${aws:userid}/*\"}}",
         POLICY_ALLOWS},
        {"{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\","
         "\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::b/${aws:userid}/*\"}}",
         POLICY_SAYS_NOTHING},
    };
    for (size_t i = 0; i < MR_COUNT(rows); i++)
        if (judged(rows[i].policy, &nobody) != rows[i].verdict)
            fail_msg("%s", rows[i].policy);
    assert_int_equal(policy_judge(NULL, &(struct policy_asked){0}), POLICY_SAYS_NOTHING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_in_ranges_of_their_own_kind),
        cmocka_unit_test(of_lists_all_or_any_values_have_to_fit),
        cmocka_unit_test(principals_are_accounts_users_roles_and_everybody),
        cmocka_unit_test(what_makes_no_sense_fits_nothing_and_a_deny_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
