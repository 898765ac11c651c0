/* Any bytes as a bucket policy, and a request it is asked about: the answer comes, in bounds, twice
 * the same; and a statement that denies all wins whatever stands before it. */
#include "policy/policy.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool look(void *ctx, struct mr_slice key, struct policy_values *ret_values)
{
    *ret_values = (struct policy_values){ctx, key.len % 3};
    return key.len % 4 != 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct mr_slice all = mr_slice_make(data, size);
    const size_t cut = mr_slice_find(all, '\0');
    const struct mr_slice text = cut == SIZE_MAX ? MR_S("") : mr_slice_sub(all, cut + 1, SIZE_MAX);
    const struct policy_caller caller = {.arn = MR_S("arn:aws:iam::000000000000:role/r"),
                                         .session =
                                             MR_S("arn:aws:sts::000000000000:assumed-role/r/s"),
                                         .account = MR_S("000000000000"),
                                         .id = MR_S("AROA:s"),
                                         .canonical = MR_S("ab")};
    struct mr_arena arena;
    struct mr_slice values[2] = {text, MR_S("127.0.0.1")};
    mr_arena_init(&arena);
    const struct policy_asked asked = {&arena, &caller, MR_S("s3:GetObject"), text, look, values};
    yyjson_val *policy = mr_json_parse(&arena, mr_slice_sub(all, 0, cut), 64);
    const enum policy_verdict verdict = policy_judge(policy, &asked);
    if (verdict != policy_judge(policy, &asked))
        abort();
    yyjson_val *statements = mr_json_get(policy, "Statement");
    if (yyjson_is_arr(statements)) {
        const struct mr_slice whole = mr_slice_sub(all, 0, cut);
        const size_t at = mr_slice_search(whole, MR_S("["));
        const struct mr_slice denied = mr_arena_printf(
            &arena,
            "%.*s{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"*\",\"Resource\":\"*\"},%.*"
            "s",
            MR_ARG(mr_slice_sub(whole, 0, at + 1)), MR_ARG(mr_slice_sub(whole, at + 1, SIZE_MAX)));
        yyjson_val *more = mr_json_parse(&arena, denied, 64);
        if (yyjson_arr_size(mr_json_get(more, "Statement")) == yyjson_arr_size(statements) + 1 &&
            policy_judge(more, &asked) != POLICY_DENIES)
            abort();
    }
    mr_arena_fini(&arena);
    return 0;
}
