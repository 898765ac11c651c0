/* Who a request is from, and credentials. Other operations answer 501.
 *
 * A session token (protocol_session_of) is the identity of the requests that carry it, without a
 * table of sessions. It proves nothing, and need not: where signatures are checked no role's
 * credentials are given out. */
#include "sts/sts.h"
#include "base/codec.h"
#include <stdlib.h>

enum { DURATION_DEFAULT_S = 3600, SESSION_DURATION_DEFAULT_S = 12 * 3600, POLICY_DEPTH_MAX = 64 };

struct sts {
    struct sts_options options;
};

static const struct protocol_fault access_denied = {"AccessDenied", 403, false};
static const struct protocol_fault malformed = {"MalformedPolicyDocument", 400, false};

/* ---- GetCallerIdentity ---- */

static void get_caller_identity(struct protocol_call *call)
{
    struct mr_slice id = call->account;
    struct mr_slice arn =
        mr_arena_printf(call->arena, "arn:aws:iam::%.*s:root", MR_ARG(call->account));
    (void)protocol_session_of(call, &id, &arn);
    mr_json_key_string(&call->out, "UserId", id);
    mr_json_key_string(&call->out, "Account", call->account);
    mr_json_key_string(&call->out, "Arn", arn);
}

/* ---- AssumeRole ---- */

/* "arn:aws:iam::<account>:role/path/name" -> "name"; empty: no role's ARN. */
static struct mr_slice role_name(struct mr_slice arn)
{
    const size_t at = mr_slice_search(arn, MR_S(":role/"));
    if (at == SIZE_MAX)
        return MR_S("");
    struct mr_slice rest = mr_slice_sub(arn, at + 6, SIZE_MAX), name = MR_S("");
    while (mr_slice_split(&rest, '/', &name))
        continue;
    return name;
}

/* The role as IAM has it; NULL: there is none by this ARN. */
static yyjson_val *find_role(struct protocol_call *call, struct mr_slice arn)
{
    struct sts *sts = call->service;
    struct protocol_result result;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "RoleName", role_name(arn));
    mr_json_object_end(&json);
    const struct mr_slice input = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    const enum mr_status status = protocol_invoke(sts->options.protocol, call->arena, "iam",
                                                  "GetRole", input, MR_S(""), &result);
    protocol_fail_internal(call, status);
    if (status != MR_OK || result.status != 200)
        return NULL;
    yyjson_val *role =
        mr_json_get(mr_json_parse(call->arena, result.output, MR_JSON_DEPTH_MAX), "Role");
    return mr_slice_equal(mr_json_get_text(role, "Arn"), arn) ? role : NULL;
}

static void write_credentials(struct protocol_call *call, struct mr_slice id, struct mr_slice arn,
                              int64_t default_s)
{
    struct sts *sts = call->service;
    const int64_t seconds = mr_json_get_i64(call->in, "DurationSeconds", default_s);
    char key[17], secret[41];
    mr_rng_text(sts->options.rng, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16, key);
    mr_rng_text(sts->options.rng,
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 40, secret);
    const struct mr_slice token =
        mr_base64(call->arena, mr_arena_printf(call->arena, PROTOCOL_SESSION_MARK "%.*s\n%.*s",
                                               MR_ARG(id), MR_ARG(arn)));
    mr_json_key(&call->out, "Credentials");
    mr_json_object(&call->out);
    mr_json_key_string(&call->out, "AccessKeyId", mr_arena_printf(call->arena, "ASIA%s", key));
    mr_json_key_cstr(&call->out, "SecretAccessKey", secret);
    mr_json_key_string(&call->out, "SessionToken", token);
    mr_json_key_timestamp(&call->out, "Expiration", call->now_ms + seconds * 1000);
    mr_json_object_end(&call->out);
}

/* Credentials that are given out are not kept, so none are where signatures are checked. */
static bool may_give_out(struct protocol_call *call)
{
    struct mr_slice secret;
    if (protocol_secret_of(call, call->access_key, MR_S(""), &secret) == MR_END)
        return true;
    protocol_fail(call, &access_denied,
                  "millrace gives out no credentials of roles where it checks signatures.");
    return false;
}

/* A policy is only read: it could narrow what policies of roles allow, which are not evaluated. */
static bool policy_is_read(struct protocol_call *call)
{
    const struct mr_slice policy = mr_json_get_text(call->in, "Policy");
    if (policy.len == 0 || yyjson_is_obj(mr_json_parse(call->arena, policy, POLICY_DEPTH_MAX)))
        return true;
    protocol_fail(call, &malformed, "This policy contains invalid Json");
    return false;
}

static void assume_role(struct protocol_call *call)
{
    const struct mr_slice arn = mr_json_get_text(call->in, "RoleArn");
    const struct mr_slice session = mr_json_get_text(call->in, "RoleSessionName");
    if (!may_give_out(call) || !policy_is_read(call))
        return;
    yyjson_val *role = find_role(call, arn);
    if (role == NULL) {
        protocol_fail(call, &access_denied,
                      "User: arn:aws:iam::%.*s:root is not authorized to perform: sts:AssumeRole "
                      "on resource: %.*s",
                      MR_ARG(call->account), MR_ARG(arn));
        return;
    }
    if (mr_json_get_i64(call->in, "DurationSeconds", DURATION_DEFAULT_S) >
        mr_json_get_i64(role, "MaxSessionDuration", DURATION_DEFAULT_S)) {
        protocol_fail(call, &protocol_validation,
                      "The requested DurationSeconds exceeds the MaxSessionDuration set for this "
                      "role.");
        return;
    }
    const struct mr_slice id = mr_arena_printf(
        call->arena, "%.*s:%.*s", MR_ARG(mr_json_get_text(role, "RoleId")), MR_ARG(session));
    const struct mr_slice assumed =
        mr_arena_printf(call->arena, "arn:aws:sts::%.*s:assumed-role/%.*s/%.*s",
                        MR_ARG(call->account), MR_ARG(role_name(arn)), MR_ARG(session));
    write_credentials(call, id, assumed, DURATION_DEFAULT_S);
    mr_json_key(&call->out, "AssumedRoleUser");
    mr_json_object(&call->out);
    mr_json_key_string(&call->out, "AssumedRoleId", id);
    mr_json_key_string(&call->out, "Arn", assumed);
    mr_json_object_end(&call->out);
    mr_json_key_value(&call->out, "SourceIdentity", mr_json_get(call->in, "SourceIdentity"));
}

/* ---- sessions of the caller ---- */

static void get_session_token(struct protocol_call *call)
{
    struct mr_slice id, arn;
    if (protocol_session_of(call, &id, &arn)) {
        protocol_fail(call, &access_denied, "Cannot call GetSessionToken with session credentials");
        return;
    }
    if (may_give_out(call))
        write_credentials(
            call, call->account,
            mr_arena_printf(call->arena, "arn:aws:iam::%.*s:root", MR_ARG(call->account)),
            SESSION_DURATION_DEFAULT_S);
}

static void get_federation_token(struct protocol_call *call)
{
    const struct mr_slice name = mr_json_get_text(call->in, "Name");
    const struct mr_slice id =
        mr_arena_printf(call->arena, "%.*s:%.*s", MR_ARG(call->account), MR_ARG(name));
    const struct mr_slice arn = mr_arena_printf(
        call->arena, "arn:aws:sts::%.*s:federated-user/%.*s", MR_ARG(call->account), MR_ARG(name));
    if (!may_give_out(call) || !policy_is_read(call))
        return;
    write_credentials(call, id, arn, SESSION_DURATION_DEFAULT_S);
    mr_json_key(&call->out, "FederatedUser");
    mr_json_object(&call->out);
    mr_json_key_string(&call->out, "FederatedUserId", id);
    mr_json_key_string(&call->out, "Arn", arn);
    mr_json_object_end(&call->out);
    mr_json_key_int(&call->out, "PackedPolicySize", 0);
}

/* One account a server: every key is its. */
static void get_access_key_info(struct protocol_call *call)
{
    mr_json_key_string(&call->out, "Account", call->account);
}

static const struct protocol_handler handlers[] = {
    {.operation = "GetCallerIdentity", .run = get_caller_identity},
    {.operation = "AssumeRole", .run = assume_role},
    {.operation = "GetSessionToken", .run = get_session_token},
    {.operation = "GetFederationToken", .run = get_federation_token},
    {.operation = "GetAccessKeyInfo", .run = get_access_key_info},
};

enum mr_status sts_open(struct sts **ret_sts, const struct sts_options *options)
{
    *ret_sts = mr_calloc(1, sizeof **ret_sts);
    (*ret_sts)->options = *options;
    return MR_OK;
}

void sts_register(struct sts *sts, struct protocol *protocol)
{
    protocol_register(protocol, "sts", handlers, MR_COUNT(handlers), sts);
}

void sts_close(struct sts *sts)
{
    free(sts);
}
