/* Resource policies: kept and given back as they came, as documents "dynamodb/policy/<ARN>".
 * access.c acts on them. */
#include "dynamodb/access.h"

#define INVALID "One or more parameter values were invalid: "

enum { POLICY_BYTES_MAX = 20 << 10, POLICY_DEPTH_MAX = 64 }; /* AWS: 20 KB, blanks included */

/* The ARN of a table or of one of its streams. */
static struct dynamodb_table *find_owner(struct protocol_call *call, struct mr_slice arn)
{
    bool stream;
    if (dynamodb_resource_check(call, arn, &stream) != MR_OK)
        return NULL;
    struct dynamodb *dynamodb = call->service;
    struct mr_slice rest = dynamodb_table_name(arn), name = rest;
    if (stream)
        (void)mr_slice_split(&rest, '/', &name);
    struct dynamodb_table *table = dynamodb_table_find(dynamodb, name);
    struct streams_stream *found = stream ? streams_find(dynamodb->streams, arn) : NULL;
    if (table != NULL && stream && found == NULL) {
        dynamodb_table_unref(table);
        protocol_fail(call, &dynamodb_not_found,
                      "Requested resource not found: Stream: %.*s not found for Table: %.*s",
                      MR_ARG(mr_slice_sub(rest, sizeof("stream/") - 1, rest.len)), MR_ARG(name));
        return NULL;
    }
    if (found != NULL)
        streams_unref(found);
    if (table == NULL)
        protocol_fail(call, &dynamodb_not_found,
                      "Requested resource not found: Table: %.*s not found", MR_ARG(name));
    return table;
}

/* A table has one policy, whatever region a request names. */
static struct mr_slice arn_of(const struct dynamodb_table *table, struct mr_slice arn)
{
    return mr_slice_search(arn, MR_S("/stream/")) == SIZE_MAX ? table->arn : arn;
}

static enum mr_status read_policy(struct protocol_call *call, struct mr_slice arn,
                                  yyjson_val **ret_doc)
{
    struct dynamodb *dynamodb = call->service;
    struct mr_slice json;
    *ret_doc = NULL;
    enum mr_status status =
        store_doc_get(dynamodb->store, call->arena, "dynamodb", "policy", arn, &json);
    if (status == MR_OK)
        *ret_doc = mr_json_parse(call->arena, json, 4);
    return status < 0 ? status : MR_OK;
}

enum mr_status dynamodb_policy_read(struct dynamodb *dynamodb, struct mr_arena *arena,
                                    struct mr_slice arn, yyjson_val **ret_policy)
{
    struct mr_slice json;
    *ret_policy = NULL;
    enum mr_status status = store_doc_get(dynamodb->store, arena, "dynamodb", "policy", arn, &json);
    if (status == MR_OK)
        *ret_policy = mr_json_parse(
            arena, mr_json_get_text(mr_json_parse(arena, json, 4), "policy"), POLICY_DEPTH_MAX);
    return status < 0 ? status : MR_OK;
}

static enum mr_status refuse_missing(struct protocol_call *call, struct mr_slice arn)
{
    return protocol_fail(call, &dynamodb_no_policy,
                         "Resource-based policy not found for the provided ResourceArn: Requested "
                         "policy not found: %.*s",
                         MR_ARG(arn));
}

/* AWS: NO_POLICY expects that there is none yet. */
static enum mr_status check_revision(struct protocol_call *call, yyjson_val *doc,
                                     struct mr_slice arn)
{
    struct mr_slice expected = mr_json_get_text(call->in, "ExpectedRevisionId");
    struct mr_slice now = doc == NULL ? MR_S("NO_POLICY") : mr_json_get_text(doc, "revision");
    if (expected.len == 0 || mr_slice_equal(expected, now))
        return MR_OK;
    return refuse_missing(call, arn);
}

enum mr_status dynamodb_policy_add(struct protocol_call *call, struct mr_slice arn,
                                   struct mr_slice policy, struct store_entry *entry)
{
    struct mr_buf text MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(&text);
    if (policy.len > POLICY_BYTES_MAX)
        return protocol_fail(call, &protocol_validation,
                             INVALID "Maximum policy size of 20480 bytes exceeded");
    if (dynamodb_policy_check(call, arn, mr_json_parse(call->arena, policy, POLICY_DEPTH_MAX)) !=
        MR_OK)
        return MR_FAULT;
    mr_json_object(&json);
    mr_json_key_string(&json, "policy", policy);
    mr_json_key_string(&json, "revision",
                       mr_arena_printf(call->arena, "%lld", (long long)call->now_ms));
    mr_json_object_end(&json);
    store_doc_put(entry, "dynamodb", "policy", arn,
                  mr_arena_copy(call->arena, mr_buf_slice(&text)));
    return MR_OK;
}

void dynamodb_policy_drop(struct mr_slice arn, struct store_entry *entry)
{
    store_doc_delete(entry, "dynamodb", "policy", arn);
}

/* AWS: who forbids himself to change the policy has to say that he means it. */
static enum mr_status check_lock_out(struct protocol_call *call, struct mr_slice arn,
                                     struct mr_slice policy)
{
    if (call->exchange == NULL ||
        mr_json_get_bool(call->in, "ConfirmRemoveSelfResourceAccess", false) ||
        !dynamodb_policy_locks_out(call, arn, mr_json_parse(call->arena, policy, POLICY_DEPTH_MAX)))
        return MR_OK;
    return protocol_fail(call, &protocol_validation,
                         INVALID "The policy does not allow you to change it in the future; "
                                 "ConfirmRemoveSelfResourceAccess confirms that");
}

static enum mr_status put_admin(struct protocol_call *call, struct mr_slice arn)
{
    struct dynamodb *dynamodb = call->service;
    struct mr_slice policy = mr_json_get_text(call->in, "Policy");
    struct store_entry entry = store_entry_make(call->arena);
    yyjson_val *doc;
    enum mr_status status = read_policy(call, arn, &doc);
    if (status == MR_OK)
        status = check_revision(call, doc, arn);
    if (status != MR_OK)
        return status;
    if (doc != NULL && mr_slice_equal(mr_json_get_text(doc, "policy"), policy)) {
        mr_json_key_string(&call->out, "RevisionId", mr_json_get_text(doc, "revision"));
        return MR_OK;
    }
    status = dynamodb_policy_add(call, arn, policy, &entry);
    if (status == MR_OK)
        status = check_lock_out(call, arn, policy);
    if (status == MR_OK)
        status = store_commit_wait(dynamodb->store, &entry);
    if (status != MR_OK)
        return status;
    dynamodb_guarded_set(dynamodb, arn, true);
    mr_json_key_string(&call->out, "RevisionId",
                       mr_arena_printf(call->arena, "%lld", (long long)call->now_ms));
    return MR_OK;
}

static enum mr_status delete_admin(struct protocol_call *call, struct mr_slice arn)
{
    struct dynamodb *dynamodb = call->service;
    struct store_entry entry = store_entry_make(call->arena);
    yyjson_val *doc;
    enum mr_status status = read_policy(call, arn, &doc);
    if (status == MR_OK)
        status = check_revision(call, doc, arn);
    if (status != MR_OK || doc == NULL)
        return status;
    dynamodb_policy_drop(arn, &entry);
    status = store_commit_wait(dynamodb->store, &entry);
    if (status != MR_OK)
        return status;
    dynamodb_guarded_set(dynamodb, arn, false);
    mr_json_key_string(&call->out, "RevisionId", mr_json_get_text(doc, "revision"));
    return MR_OK;
}

static void change_policy(struct protocol_call *call,
                          enum mr_status (*change)(struct protocol_call *call, struct mr_slice arn))
{
    struct dynamodb *dynamodb = call->service;
    struct mr_slice arn = mr_json_get_text(call->in, "ResourceArn");
    pthread_mutex_lock(&dynamodb->admin);
    struct dynamodb_table *table = find_owner(call, arn);
    if (table != NULL)
        protocol_fail_internal(call, change(call, arn_of(table, arn)));
    pthread_mutex_unlock(&dynamodb->admin);
    dynamodb_table_unref(table);
}

void dynamodb_put_resource_policy(struct protocol_call *call)
{
    change_policy(call, put_admin);
}

void dynamodb_delete_resource_policy(struct protocol_call *call)
{
    change_policy(call, delete_admin);
}

void dynamodb_get_resource_policy(struct protocol_call *call)
{
    struct mr_slice arn = mr_json_get_text(call->in, "ResourceArn");
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) = find_owner(call, arn);
    yyjson_val *doc = NULL;
    if (table == NULL)
        return;
    enum mr_status status = read_policy(call, arn_of(table, arn), &doc);
    if (status == MR_OK && doc == NULL)
        status = refuse_missing(call, arn);
    protocol_fail_internal(call, status);
    if (status != MR_OK)
        return;
    mr_json_key_string(&call->out, "Policy", mr_json_get_text(doc, "policy"));
    mr_json_key_string(&call->out, "RevisionId", mr_json_get_text(doc, "revision"));
}
