/* The wire: resource policies, tags and reserved concurrency. */
#include "lambda/internal.h"
#include <stdlib.h>

enum { DEPTH_MAX = 32 };

static const struct protocol_fault too_long = {"PolicyLengthExceededException", 400, false};
enum { POLICY_BYTES_MAX = 20480 };

/* The fault of a RevisionId that is not the present one, or of a function deleted meanwhile. */
static bool begin(struct protocol_call *call, struct lambda_function *function,
                  struct lambda_record *next)
{
    if (lambda_function_begin(function, next) != MR_OK) {
        protocol_fail(call, &lambda_not_found, "Function not found: %s", function->arn);
        return false;
    }
    const struct mr_slice revision = mr_json_get_text(call->in, "RevisionId");
    if (revision.len == 0 || mr_slice_equal(revision, mr_slice_cstr(next->revision)))
        return true;
    lambda_function_cancel(function, next);
    protocol_fail(call, &lambda_precondition,
                  "The RevisionId provided does not match the latest RevisionId. Call the "
                  "GetPolicy API to retrieve the latest Revision Id");
    return false;
}

static void commit(struct protocol_call *call, struct lambda_function *function,
                   struct lambda_record *next)
{
    protocol_fail_internal(call, lambda_function_commit(function, next));
}

static void set_text(char **text, struct mr_buf *buf)
{
    free(*text);
    *text = mr_strdup_slice(mr_buf_slice(buf));
    mr_buf_fini(buf);
}

/* ---- policies ---- */

static void write_condition(struct mr_json *json, const char *kind, const char *key,
                            yyjson_val *value)
{
    if (value == NULL)
        return;
    mr_json_key(json, kind);
    mr_json_object(json);
    mr_json_key_value(json, key, value);
    mr_json_object_end(json);
}

static void write_principal(struct mr_json *json, struct protocol_call *call)
{
    const struct mr_slice principal = mr_json_get_text(call->in, "Principal");
    mr_json_key(json, "Principal");
    if (mr_slice_equal(principal, MR_S("*"))) {
        mr_json_string(json, principal);
        return;
    }
    uint64_t account;
    const bool is_account = mr_slice_to_u64(principal, &account) == MR_OK;
    const bool is_service =
        mr_slice_find(principal, '.') != SIZE_MAX && mr_slice_find(principal, ':') == SIZE_MAX;
    mr_json_object(json);
    mr_json_key_string(
        json, is_service ? "Service" : "AWS",
        is_account ? mr_arena_printf(call->arena, "arn:aws:iam::%.*s:root", MR_ARG(principal))
                   : principal);
    mr_json_object_end(json);
}

static void write_statement(struct mr_json *json, struct protocol_call *call,
                            const struct lambda_function *function)
{
    yyjson_val *arn = mr_json_get(call->in, "SourceArn");
    yyjson_val *account = mr_json_get(call->in, "SourceAccount");
    yyjson_val *token = mr_json_get(call->in, "EventSourceToken");
    yyjson_val *organization = mr_json_get(call->in, "PrincipalOrgID");
    mr_json_object(json);
    mr_json_key_value(json, "Sid", mr_json_get(call->in, "StatementId"));
    mr_json_key_cstr(json, "Effect", "Allow");
    write_principal(json, call);
    mr_json_key_value(json, "Action", mr_json_get(call->in, "Action"));
    mr_json_key_cstr(json, "Resource", function->arn);
    if (arn != NULL || account != NULL || token != NULL || organization != NULL) {
        mr_json_key(json, "Condition");
        mr_json_object(json);
        if (account != NULL || token != NULL || organization != NULL) {
            mr_json_key(json, "StringEquals");
            mr_json_object(json);
            mr_json_key_value(json, "AWS:SourceAccount", account);
            mr_json_key_value(json, "lambda:EventSourceToken", token);
            mr_json_key_value(json, "aws:PrincipalOrgID", organization);
            mr_json_object_end(json);
        }
        write_condition(json, "ArnLike", "AWS:SourceArn", arn);
        mr_json_object_end(json);
    }
    mr_json_object_end(json);
}

static bool has_id(yyjson_val *statement, struct mr_slice id)
{
    return mr_slice_equal(mr_json_get_text(statement, "Sid"), id);
}

/* The policy's statements, less the one of that id, with `more` (JSON text, may be empty) behind
 * them. False when there was none of that id. */
static bool rewrite(struct protocol_call *call, const char *policy, struct mr_slice less,
                    struct mr_slice more, struct mr_buf *buf)
{
    yyjson_val *statements = mr_json_parse(call->arena, mr_slice_cstr(policy), DEPTH_MAX);
    struct mr_json json = mr_json_make(buf);
    bool found = false;
    size_t i, count;
    yyjson_val *statement;
    mr_json_array(&json);
    yyjson_arr_foreach(statements, i, count, statement)
    {
        if (has_id(statement, less))
            found = true;
        else
            mr_json_value(&json, statement);
    }
    if (more.len > 0)
        mr_json_raw(&json, more);
    mr_json_array_end(&json);
    return found;
}

static void add_permission(struct protocol_call *call)
{
    struct lambda_function *function = lambda_ops_find(call);
    struct lambda_record next;
    if (function == NULL || !begin(call, function, &next)) {
        lambda_function_unref(function);
        return;
    }
    const struct mr_slice id = mr_json_get_text(call->in, "StatementId");
    struct mr_buf statement = {0}, policy = {0};
    struct mr_json json = mr_json_make(&statement);
    write_statement(&json, call, function);
    const bool exists = rewrite(call, next.policy, id, mr_buf_slice(&statement), &policy);
    if (exists)
        protocol_fail(call, &lambda_conflict,
                      "The statement id (%.*s) provided already exists. Please provide a new "
                      "statement id, or remove the existing statement.",
                      MR_ARG(id));
    else if (policy.len > POLICY_BYTES_MAX)
        protocol_fail(call, &too_long, "The final policy size is bigger than the limit (%d).",
                      (int)POLICY_BYTES_MAX);
    if (protocol_failed(call)) {
        lambda_function_cancel(function, &next);
        mr_buf_fini(&policy);
    } else {
        set_text(&next.policy, &policy);
        commit(call, function, &next);
        mr_json_key_string(&call->out, "Statement", mr_buf_slice(&statement));
    }
    mr_buf_fini(&statement);
    lambda_function_unref(function);
}

static void remove_permission(struct protocol_call *call)
{
    struct lambda_function *function = lambda_ops_find(call);
    struct lambda_record next;
    if (function == NULL || !begin(call, function, &next)) {
        lambda_function_unref(function);
        return;
    }
    const struct mr_slice id = mr_json_get_text(call->in, "StatementId");
    struct mr_buf policy = {0};
    if (rewrite(call, next.policy, id, MR_S(""), &policy)) {
        set_text(&next.policy, &policy);
        commit(call, function, &next);
    } else {
        protocol_fail(call, &lambda_not_found, "Statement %.*s is not found in resource policy.",
                      MR_ARG(id));
        lambda_function_cancel(function, &next);
        mr_buf_fini(&policy);
    }
    lambda_function_unref(function);
}

static void get_policy(struct protocol_call *call)
{
    struct lambda_function *function = lambda_ops_find(call);
    if (function == NULL)
        return;
    struct lambda_record record;
    lambda_function_record(function, &record);
    if (strcmp(record.policy, "[]") == 0) {
        protocol_fail(call, &lambda_not_found, "The resource you requested does not exist.");
    } else {
        mr_json_key_string(&call->out, "Policy",
                           mr_arena_printf(call->arena,
                                           "{\"Version\":\"2012-10-17\",\"Id\":\"default\","
                                           "\"Statement\":%s}",
                                           record.policy));
        mr_json_key_cstr(&call->out, "RevisionId", record.revision);
    }
    lambda_record_fini(&record);
    lambda_function_unref(function);
}

/* ---- tags ---- */

static struct lambda_function *find_tagged(struct protocol_call *call)
{
    const struct mr_slice arn = mr_json_get_text(call->in, "Resource");
    struct mr_slice name, qualifier;
    lambda_name_split(arn, &name, &qualifier);
    struct lambda_function *function =
        qualifier.len > 0 ? NULL : lambda_function_find(call->service, name);
    if (function == NULL)
        protocol_fail(call, &lambda_not_found, "Function not found: %.*s", MR_ARG(arn));
    return function;
}

static bool is_listed(yyjson_val *list, struct mr_slice text)
{
    size_t i, count;
    yyjson_val *value;
    yyjson_arr_foreach(list, i, count, value)
    {
        if (mr_slice_equal(mr_json_text(value), text))
            return true;
    }
    return false;
}

/* The present tags less those that `added` replaces or `removed` lists, then `added`. */
static void change_tags(struct protocol_call *call, yyjson_val *added, yyjson_val *removed)
{
    struct lambda_function *function = find_tagged(call);
    struct lambda_record next;
    if (function == NULL || !begin(call, function, &next)) {
        lambda_function_unref(function);
        return;
    }
    yyjson_val *old = mr_json_parse(call->arena, mr_slice_cstr(next.tags), DEPTH_MAX);
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    size_t i, count;
    yyjson_val *name, *value;
    mr_json_object(&json);
    yyjson_obj_foreach(old, i, count, name, value)
    {
        const struct mr_slice text = mr_json_text(name);
        if (mr_json_getn(added, text) != NULL || is_listed(removed, text))
            continue;
        mr_json_name(&json, text);
        mr_json_value(&json, value);
    }
    yyjson_obj_foreach(added, i, count, name, value)
    {
        mr_json_name(&json, mr_json_text(name));
        mr_json_value(&json, value);
    }
    mr_json_object_end(&json);
    set_text(&next.tags, &buf);
    commit(call, function, &next);
    lambda_function_unref(function);
}

static void tag(struct protocol_call *call)
{
    change_tags(call, mr_json_get(call->in, "Tags"), NULL);
}

static void untag(struct protocol_call *call)
{
    change_tags(call, NULL, mr_json_get(call->in, "TagKeys"));
}

static void list_tags(struct protocol_call *call)
{
    struct lambda_function *function = find_tagged(call);
    if (function == NULL)
        return;
    struct lambda_record record;
    lambda_function_record(function, &record);
    mr_json_key_raw(&call->out, "Tags", mr_arena_copy(call->arena, mr_slice_cstr(record.tags)));
    lambda_record_fini(&record);
    lambda_function_unref(function);
}

/* ---- reserved concurrency ---- */

static void set_reserved(struct protocol_call *call, int64_t reserved)
{
    struct lambda_function *function = lambda_ops_find(call);
    struct lambda_record next;
    if (function != NULL && begin(call, function, &next)) {
        next.reserved = reserved;
        commit(call, function, &next);
        if (reserved >= 0)
            mr_json_key_int(&call->out, "ReservedConcurrentExecutions", reserved);
    }
    lambda_function_unref(function);
}

static void put_concurrency(struct protocol_call *call)
{
    set_reserved(call, mr_json_get_i64(call->in, "ReservedConcurrentExecutions", 0));
}

static void delete_concurrency(struct protocol_call *call)
{
    set_reserved(call, -1);
}

static void get_concurrency(struct protocol_call *call)
{
    struct lambda_function *function = lambda_ops_find(call);
    if (function == NULL)
        return;
    struct lambda_record record;
    lambda_function_record(function, &record);
    if (record.reserved >= 0)
        mr_json_key_int(&call->out, "ReservedConcurrentExecutions", record.reserved);
    lambda_record_fini(&record);
    lambda_function_unref(function);
}

const struct protocol_handler lambda_access_handlers[] = {
    {.operation = "AddPermission", .run = add_permission},
    {.operation = "RemovePermission", .run = remove_permission},
    {.operation = "GetPolicy", .run = get_policy},
    {.operation = "TagResource", .run = tag},
    {.operation = "UntagResource", .run = untag},
    {.operation = "ListTags", .run = list_tags},
    {.operation = "PutFunctionConcurrency", .run = put_concurrency},
    {.operation = "GetFunctionConcurrency", .run = get_concurrency},
    {.operation = "DeleteFunctionConcurrency", .run = delete_concurrency},
};
const size_t lambda_access_handler_count = MR_COUNT(lambda_access_handlers);
