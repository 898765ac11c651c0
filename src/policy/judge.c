/* Statements of a policy: whom, what and which they are about. Conditions are in condition.c. */
#include "policy/policy.h"

enum { LIKE = MR_LIKE_ONE | MR_LIKE_QUOTE };

struct mr_slice policy_text(yyjson_val *value)
{
    if (yyjson_is_bool(value))
        return yyjson_get_bool(value) ? MR_S("true") : MR_S("false");
    return mr_json_text(value);
}

/* Is any of a value, one text or a list of them, fitting? */
static bool any(yyjson_val *value,
                bool (*fn)(const struct policy_asked *asked, struct mr_slice text),
                const struct policy_asked *asked)
{
    size_t at, count;
    yyjson_val *one;
    if (yyjson_is_str(value))
        return fn(asked, mr_json_text(value));
    yyjson_arr_foreach(value, at, count, one)
    {
        if (yyjson_is_str(one) && fn(asked, mr_json_text(one)))
            return true;
    }
    return false;
}

/* ---- principals ---- */

/* "role/path/name" and "role/name" are the same role: a session does not tell the path. */
static bool role_fits(struct mr_slice arn, struct mr_slice role)
{
    const size_t named = mr_slice_search(arn, MR_S(":role/"));
    if (named == SIZE_MAX || !mr_slice_starts_with(role, mr_slice_sub(arn, 0, named + 6)))
        return false;
    struct mr_slice rest = mr_slice_sub(arn, named, SIZE_MAX), name = {0};
    while (mr_slice_split(&rest, '/', &name))
        continue;
    return mr_slice_equal(name, mr_slice_sub(role, named + 6, SIZE_MAX));
}

/* "arn:aws:iam::000000000000:root" stands for the whole account, as its number does. */
static bool account_fits(struct mr_slice arn, struct mr_slice account)
{
    return account.len > 0 && mr_slice_starts_with(arn, MR_S("arn:")) &&
           mr_slice_ends_with(arn, MR_S(":root")) &&
           mr_slice_ends_with(mr_slice_sub(arn, 0, arn.len - 5), account) &&
           arn.len > account.len + 6 && arn.ptr[arn.len - 6 - account.len] == ':';
}

static bool fits_aws(const struct policy_asked *asked, struct mr_slice text)
{
    const struct policy_caller *caller = asked->caller;
    if (mr_slice_equal(text, MR_S("*")))
        return true;
    if (caller->arn.len == 0)
        return false;
    if (mr_slice_equal(text, caller->account) || mr_slice_equal(text, caller->arn) ||
        account_fits(text, caller->account))
        return true;
    if (caller->session.len == 0)
        return false;
    return mr_slice_equal(text, caller->session) || role_fits(text, caller->arn) ||
           mr_slice_equal(text, mr_slice_sub(caller->id, 0, mr_slice_find(caller->id, ':')));
}

static bool fits_canonical(const struct policy_asked *asked, struct mr_slice text)
{
    return asked->caller->arn.len > 0 && mr_slice_equal(text, asked->caller->canonical);
}

/* Services do not come over the wire, and there are no federated users. */
static bool fits_principal(const struct policy_asked *asked, yyjson_val *principal)
{
    if (yyjson_is_str(principal))
        return mr_slice_equal(mr_json_text(principal), MR_S("*"));
    return any(mr_json_get(principal, "AWS"), fits_aws, asked) ||
           any(mr_json_get(principal, "CanonicalUser"), fits_canonical, asked);
}

/* ---- actions and resources ---- */

static bool fits_action(const struct policy_asked *asked, struct mr_slice text)
{
    return mr_slice_like(asked->action, text, MR_LIKE_ONE | MR_LIKE_NOCASE);
}

static bool fits_resource(const struct policy_asked *asked, struct mr_slice text)
{
    return mr_slice_like(asked->resource, text, MR_LIKE_ONE);
}

static bool fits_filled(const struct policy_asked *asked, struct mr_slice text)
{
    struct mr_slice filled;
    return policy_variables_fill(asked, text, true, &filled) &&
           mr_slice_like(asked->resource, filled, LIKE);
}

/* ---- statements ---- */

/* One of the two has to be there: what fits, or what does not. */
static bool fits_either(const struct policy_asked *asked, yyjson_val *statement, const char *is,
                        const char *is_not,
                        bool (*fn)(const struct policy_asked *asked, struct mr_slice text))
{
    yyjson_val *value = mr_json_get(statement, is);
    if (value != NULL)
        return any(value, fn, asked);
    value = mr_json_get(statement, is_not);
    return value != NULL && !any(value, fn, asked);
}

static bool fits_statement(const struct policy_asked *asked, yyjson_val *statement, bool variables)
{
    yyjson_val *principal = mr_json_get(statement, "Principal");
    yyjson_val *others = mr_json_get(statement, "NotPrincipal");
    if (principal == NULL && others == NULL)
        return false;
    if (principal != NULL ? !fits_principal(asked, principal) : fits_principal(asked, others))
        return false;
    return fits_either(asked, statement, "Action", "NotAction", fits_action) &&
           fits_either(asked, statement, "Resource", "NotResource",
                       variables ? fits_filled : fits_resource) &&
           policy_conditions_hold(asked, mr_json_get(statement, "Condition"), variables);
}

static enum policy_verdict judge(const struct policy_asked *asked, yyjson_val *statement,
                                 bool variables)
{
    const struct mr_slice effect = mr_json_get_text(statement, "Effect");
    const bool denies = mr_slice_equal(effect, MR_S("Deny"));
    if ((!denies && !mr_slice_equal(effect, MR_S("Allow"))) ||
        !fits_statement(asked, statement, variables))
        return POLICY_SAYS_NOTHING;
    return denies ? POLICY_DENIES : POLICY_ALLOWS;
}

enum policy_verdict policy_judge(yyjson_val *policy, const struct policy_asked *asked)
{
    yyjson_val *statements = mr_json_get(policy, "Statement");
    /* AWS: the older version has no variables. */
    const bool variables = mr_slice_equal(mr_json_get_text(policy, "Version"), MR_S("2012-10-17"));
    enum policy_verdict whole = POLICY_SAYS_NOTHING;
    size_t at, count;
    yyjson_val *statement;
    if (yyjson_is_obj(statements))
        return judge(asked, statements, variables);
    yyjson_arr_foreach(statements, at, count, statement)
    {
        const enum policy_verdict one = judge(asked, statement, variables);
        if (one == POLICY_DENIES)
            return POLICY_DENIES;
        whole = one == POLICY_ALLOWS ? POLICY_ALLOWS : whole;
    }
    return whole;
}
