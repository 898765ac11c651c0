/* What roles and policies have in common. */
#include "iam/internal.h"
#include "base/codec.h"
#include "protocol/document.h"
#include <stdlib.h>

const struct protocol_fault iam_no_such_entity = {"NoSuchEntity", 404, false};
const struct protocol_fault iam_exists = {"EntityAlreadyExists", 409, false};
const struct protocol_fault iam_delete_conflict = {"DeleteConflict", 409, false};
static const struct protocol_fault malformed = {"MalformedPolicyDocument", 400, false};

yyjson_val *iam_doc(struct protocol_call *call, const char *kind, struct mr_slice name)
{
    struct iam *iam = call->service;
    return protocol_document(call, iam->options.store, "iam", kind, name);
}

struct mr_slice iam_pair(struct protocol_call *call, struct mr_slice a, struct mr_slice b)
{
    char *pair = mr_arena_alloc(call->arena, a.len + 1 + b.len);
    if (a.len > 0)
        memcpy(pair, a.ptr, a.len);
    pair[a.len] = '\0';
    if (b.len > 0)
        memcpy(pair + a.len + 1, b.ptr, b.len);
    return mr_slice_make(pair, a.len + 1 + b.len);
}

void iam_put(struct protocol_call *call, const char *kind, struct mr_slice name,
             struct mr_slice json)
{
    struct iam *iam = call->service;
    protocol_document_put(call, iam->options.store, "iam", kind, name, json);
}

void iam_drop(struct protocol_call *call, const char *kind, struct mr_slice name)
{
    struct iam *iam = call->service;
    protocol_document_drop(call, iam->options.store, "iam", kind, name);
}

/* NULL: it says what it must. */
static const char *statement_fault(yyjson_val *statement, bool is_trust)
{
    const bool has_principal = mr_json_get(statement, "Principal") != NULL ||
                               mr_json_get(statement, "NotPrincipal") != NULL;
    const bool has_resource =
        mr_json_get(statement, "Resource") != NULL || mr_json_get(statement, "NotResource") != NULL;
    const bool has_action =
        mr_json_get(statement, "Action") != NULL || mr_json_get(statement, "NotAction") != NULL;
    const struct mr_slice effect = mr_json_get_text(statement, "Effect");
    if (!yyjson_is_obj(statement) || mr_json_get(statement, "Effect") == NULL)
        return is_trust ? "Missing required field Effect" : "Syntax errors in policy.";
    if (!mr_slice_equal(effect, MR_S("Allow")) && !mr_slice_equal(effect, MR_S("Deny")))
        return "Syntax errors in policy.";
    if (is_trust)
        return has_resource     ? "Has prohibited field Resource"
               : !has_principal ? "Missing required field Principal"
               : !has_action    ? "Missing required field Action"
                                : NULL;
    return has_principal   ? "Policy document should not specify a principal."
           : !has_action   ? "Policy statement must contain actions."
           : !has_resource ? "Policy statement must contain resources."
                           : NULL;
}

static bool check(struct protocol_call *call, const char *member, bool is_trust)
{
    const struct mr_slice text = mr_json_get_text(call->in, member);
    yyjson_val *policy = mr_json_parse(call->arena, text, IAM_DOCUMENT_DEPTH_MAX);
    yyjson_val *statements = mr_json_get(policy, "Statement");
    const char *fault = NULL;
    if (!yyjson_is_obj(policy))
        fault = is_trust ? "This policy contains invalid Json" : "Syntax errors in policy.";
    else if (yyjson_is_obj(statements))
        fault = statement_fault(statements, is_trust);
    else if (!yyjson_is_arr(statements))
        fault = "Syntax errors in policy.";
    for (size_t i = 0; fault == NULL && i < yyjson_arr_size(statements); i++)
        fault = statement_fault(yyjson_arr_get(statements, i), is_trust);
    if (fault != NULL)
        protocol_fail(call, &malformed, "%s", fault);
    return fault == NULL;
}

bool iam_document_check(struct protocol_call *call, const char *member)
{
    return check(call, member, false);
}

bool iam_trust_check(struct protocol_call *call, const char *member)
{
    return check(call, member, true);
}

void iam_locked(struct protocol_call *call, void (*fn)(struct protocol_call *call))
{
    struct iam *iam = call->service;
    pthread_mutex_lock(&iam->lock);
    fn(call);
    pthread_mutex_unlock(&iam->lock);
}

struct mr_slice iam_new_id(struct protocol_call *call, const char *prefix)
{
    struct iam *iam = call->service;
    char text[18];
    mr_rng_text(iam->options.rng, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 17, text);
    return mr_arena_printf(call->arena, "%s%s", prefix, text);
}

void iam_write_document(struct mr_json *json, const char *name, struct mr_arena *arena,
                        struct mr_slice document)
{
    struct mr_buf buf = {0};
    mr_percent_encode(&buf, document, false);
    mr_json_key_string(json, name, mr_arena_copy(arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
}

struct each {
    struct protocol_call *call;
    size_t owner_len;
    void (*fn)(struct protocol_call *call, struct mr_slice name, yyjson_val *doc);
};

static enum mr_status one_of(void *ctx, struct mr_slice name, struct mr_slice json)
{
    const struct each *each = ctx;
    struct mr_arena *arena = each->call->arena;
    each->fn(each->call, mr_arena_copy(arena, mr_slice_sub(name, each->owner_len + 1, SIZE_MAX)),
             mr_json_parse(arena, json, PROTOCOL_DOCUMENT_DEPTH_MAX));
    return MR_OK;
}

void iam_each_of(struct protocol_call *call, const char *kind, struct mr_slice owner,
                 void (*fn)(struct protocol_call *call, struct mr_slice name, yyjson_val *doc))
{
    struct iam *iam = call->service;
    struct each each = {.call = call, .owner_len = owner.len, .fn = fn};
    protocol_fail_internal(call, store_doc_each(iam->options.store, "iam", kind,
                                                iam_pair(call, owner, MR_S("")), one_of, &each));
}

enum mr_status iam_open(struct iam **ret_iam, const struct iam_options *options)
{
    struct iam *iam = mr_calloc(1, sizeof *iam);
    iam->options = *options;
    pthread_mutex_init(&iam->lock, NULL);
    *ret_iam = iam;
    return MR_OK;
}

void iam_register(struct iam *iam, struct protocol *protocol)
{
    protocol_register(protocol, "iam", iam_role_handlers, iam_role_handler_count, iam);
    protocol_register(protocol, "iam", iam_policy_handlers, iam_policy_handler_count, iam);
    protocol_register(protocol, "iam", iam_version_handlers, iam_version_handler_count, iam);
    protocol_register(protocol, "iam", iam_tag_handlers, iam_tag_handler_count, iam);
}

void iam_close(struct iam *iam)
{
    if (iam == NULL)
        return;
    pthread_mutex_destroy(&iam->lock);
    free(iam);
}
