/* The wire: resource policies, tags and reserved concurrency. */
#include "lambda/internal.h"
#include <stdlib.h>

enum { DEPTH_MAX = 32, ACCOUNT_DIGITS = 12, TAGS_MAX = 50 };

static const struct protocol_fault too_long = {"PolicyLengthExceededException", 400, false};
enum { POLICY_BYTES_MAX = 20480 };
/* AWS's account. How many processes really run is bounded by LAMBDA_INSTANCES_TOTAL_MAX. */
enum { CONCURRENCY = 1000, UNRESERVED_MIN = 100 };
static const int64_t code_bytes_shown = 80530636800;

static void commit(struct protocol_call *call, struct lambda_function *function,
                   struct lambda_record *next)
{
    protocol_fail_internal(call, lambda_function_commit(function, next));
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

/* AWS: everybody, an account, a service or an ARN of IAM. */
static bool is_principal(struct mr_slice principal)
{
    uint64_t account;
    if (mr_slice_equal(principal, MR_S("*")))
        return true;
    if (mr_slice_to_u64(principal, &account) == MR_OK)
        return principal.len == ACCOUNT_DIGITS;
    if (mr_slice_starts_with(principal, MR_S("arn:")))
        return mr_slice_search(principal, MR_S(":iam::")) != SIZE_MAX ||
               mr_slice_search(principal, MR_S(":sts::")) != SIZE_MAX;
    return mr_slice_find(principal, '.') != SIZE_MAX;
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

/* The function, with the qualifier that the policy belongs to. */
static struct mr_slice resource_of(struct protocol_call *call,
                                   const struct lambda_function *function)
{
    const struct mr_slice qualifier = lambda_ops_qualifier(call);
    return mr_arena_printf(call->arena, "%s%s%.*s", function->arn, qualifier.len > 0 ? ":" : "",
                           MR_ARG(qualifier));
}

static void write_statement(struct mr_json *json, struct protocol_call *call,
                            const struct lambda_function *function)
{
    yyjson_val *arn = mr_json_get(call->in, "SourceArn");
    yyjson_val *account = mr_json_get(call->in, "SourceAccount");
    yyjson_val *token = mr_json_get(call->in, "EventSourceToken");
    yyjson_val *organization = mr_json_get(call->in, "PrincipalOrgID");
    yyjson_val *url = mr_json_get(call->in, "FunctionUrlAuthType");
    mr_json_object(json);
    mr_json_key_value(json, "Sid", mr_json_get(call->in, "StatementId"));
    mr_json_key_cstr(json, "Effect", "Allow");
    write_principal(json, call);
    mr_json_key_value(json, "Action", mr_json_get(call->in, "Action"));
    mr_json_key_string(json, "Resource", resource_of(call, function));
    const bool equals = account != NULL || token != NULL || organization != NULL || url != NULL;
    if (arn != NULL || equals) {
        mr_json_key(json, "Condition");
        mr_json_object(json);
        if (equals) {
            mr_json_key(json, "StringEquals");
            mr_json_object(json);
            mr_json_key_value(json, "AWS:SourceAccount", account);
            mr_json_key_value(json, "lambda:EventSourceToken", token);
            mr_json_key_value(json, "aws:PrincipalOrgID", organization);
            mr_json_key_value(json, "lambda:FunctionUrlAuthType", url);
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

static struct mr_slice policy_key(struct protocol_call *call)
{
    const struct mr_slice qualifier = lambda_ops_qualifier(call);
    return qualifier.len > 0 ? qualifier : MR_S("*");
}

/* The statements of the request's qualifier; NULL: none. */
static yyjson_val *statements_of(struct protocol_call *call, const struct lambda_record *record)
{
    yyjson_val *policies =
        mr_json_parse(call->arena, mr_slice_cstr(record->texts[LAMBDA_POLICIES]), DEPTH_MAX);
    return mr_json_getn(policies, policy_key(call));
}

/* The statements less the one of that id, with `more` (JSON text, may be empty) behind them; empty:
 * there are none left. False when there was none of that id. */
static bool rewrite(yyjson_val *statements, struct mr_slice less, struct mr_slice more,
                    struct mr_buf *buf)
{
    struct mr_json json = mr_json_make(buf);
    bool found = false;
    size_t i, count, kept = more.len > 0;
    yyjson_val *statement;
    mr_json_array(&json);
    yyjson_arr_foreach(statements, i, count, statement)
    {
        if (has_id(statement, less)) {
            found = true;
        } else {
            mr_json_value(&json, statement);
            kept++;
        }
    }
    if (more.len > 0)
        mr_json_raw(&json, more);
    mr_json_array_end(&json);
    if (kept == 0)
        mr_buf_reset(buf);
    return found;
}

static void add_permission(struct protocol_call *call)
{
    struct lambda_function *function = lambda_ops_find(call);
    struct lambda_record next;
    if (function != NULL && mr_slice_equal(lambda_ops_qualifier(call), MR_S("$LATEST")))
        protocol_fail(call, &lambda_invalid_parameter,
                      "We currently do not support adding policies for $LATEST.");
    if (!protocol_failed(call) && !is_principal(mr_json_get_text(call->in, "Principal")))
        protocol_fail(call, &lambda_invalid_parameter,
                      "The provided principal was invalid. Please check the principal and try "
                      "again.");
    if (protocol_failed(call) || !lambda_ops_begin(call, function, &next)) {
        lambda_function_unref(function);
        return;
    }
    const struct mr_slice id = mr_json_get_text(call->in, "StatementId");
    struct mr_buf statement = {0}, policy = {0};
    struct mr_json json = mr_json_make(&statement);
    write_statement(&json, call, function);
    const bool exists = rewrite(statements_of(call, &next), id, mr_buf_slice(&statement), &policy);
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
    } else {
        lambda_record_set(&next, LAMBDA_POLICIES, policy_key(call), mr_buf_slice(&policy));
        commit(call, function, &next);
        mr_json_key_string(&call->out, "Statement", mr_buf_slice(&statement));
    }
    mr_buf_fini(&policy);
    mr_buf_fini(&statement);
    lambda_function_unref(function);
}

static void remove_permission(struct protocol_call *call)
{
    struct lambda_function *function = lambda_ops_find(call);
    struct lambda_record next;
    if (function == NULL || !lambda_ops_begin(call, function, &next)) {
        lambda_function_unref(function);
        return;
    }
    const struct mr_slice id = mr_json_get_text(call->in, "StatementId");
    struct mr_buf policy = {0};
    if (rewrite(statements_of(call, &next), id, MR_S(""), &policy)) {
        lambda_record_set(&next, LAMBDA_POLICIES, policy_key(call), mr_buf_slice(&policy));
        commit(call, function, &next);
    } else {
        protocol_fail(call, &lambda_not_found, "Statement %.*s is not found in resource policy.",
                      MR_ARG(id));
        lambda_function_cancel(function, &next);
    }
    mr_buf_fini(&policy);
    call->status = 204;
    lambda_function_unref(function);
}

static void get_policy(struct protocol_call *call)
{
    struct lambda_function *function = lambda_ops_find(call);
    if (function == NULL)
        return;
    struct lambda_record record;
    lambda_function_record(function, &record);
    yyjson_val *statements = statements_of(call, &record);
    if (statements == NULL) {
        protocol_fail(call, &lambda_not_found, "The resource you requested does not exist.");
    } else {
        struct mr_buf policy = {0};
        struct mr_json json = mr_json_make(&policy);
        mr_json_object(&json);
        mr_json_key_cstr(&json, "Version", "2012-10-17");
        mr_json_key_cstr(&json, "Id", "default");
        mr_json_key_value(&json, "Statement", statements);
        mr_json_object_end(&json);
        mr_json_key_string(&call->out, "Policy", mr_buf_slice(&policy));
        mr_json_key_cstr(&call->out, "RevisionId", record.revision);
        mr_buf_fini(&policy);
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
    if (qualifier.len > 0)
        protocol_fail(call, &lambda_invalid_parameter,
                      "Tags on function aliases and versions are not supported. Please specify "
                      "either a function ARN.");
    else if (function == NULL)
        protocol_fail(call, &lambda_not_found, "Function not found: %.*s", MR_ARG(arn));
    return function;
}

struct mr_slice lambda_tags_text(struct protocol_call *call)
{
    yyjson_val *tags = mr_json_get(call->in, "Tags");
    return tags == NULL ? MR_S("{}") : mr_json_print(call->arena, tags);
}

bool lambda_tags_fit(struct protocol_call *call, yyjson_val *tags)
{
    size_t i, count;
    yyjson_val *name, *value;
    if (yyjson_obj_size(tags) > TAGS_MAX)
        protocol_fail(call, &lambda_invalid_parameter,
                      "Number of tags exceeds resource tag limit.");
    yyjson_obj_foreach(tags, i, count, name, value)
    {
        if (mr_slice_starts_with(mr_json_text(name), MR_S("aws:")))
            protocol_fail(call, &lambda_invalid_parameter,
                          "Tag keys that begin with aws: are reserved.");
    }
    return !protocol_failed(call);
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

struct mr_slice lambda_tags_change(struct protocol_call *call, struct mr_slice tags,
                                   yyjson_val *added, yyjson_val *removed)
{
    yyjson_val *old = mr_json_parse(call->arena, tags, DEPTH_MAX);
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
    const struct mr_slice text = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static void change_tags(struct protocol_call *call, yyjson_val *added, yyjson_val *removed)
{
    call->status = 204;
    if (lambda_mapping_tags(call, added, removed))
        return;
    struct lambda_function *function = find_tagged(call);
    struct lambda_record next;
    if (function == NULL || !lambda_ops_begin(call, function, &next)) {
        lambda_function_unref(function);
        return;
    }
    const struct mr_slice tags =
        lambda_tags_change(call, mr_slice_cstr(next.texts[LAMBDA_TAGS]), added, removed);
    if (!lambda_tags_fit(call, added) ||
        !lambda_tags_fit(call, mr_json_parse(call->arena, tags, DEPTH_MAX))) {
        lambda_function_cancel(function, &next);
        lambda_function_unref(function);
        return;
    }
    free(next.texts[LAMBDA_TAGS]);
    next.texts[LAMBDA_TAGS] = mr_strdup_slice(tags);
    commit(call, function, &next);
    lambda_function_unref(function);
}

static void tag(struct protocol_call *call)
{
    if (yyjson_obj_size(mr_json_get(call->in, "Tags")) == 0)
        protocol_fail(call, &lambda_invalid_parameter,
                      "An error occurred and the request cannot be processed.");
    else
        change_tags(call, mr_json_get(call->in, "Tags"), NULL);
}

static void untag(struct protocol_call *call)
{
    change_tags(call, NULL, mr_json_get(call->in, "TagKeys"));
}

static void list_tags(struct protocol_call *call)
{
    if (lambda_mapping_tags(call, NULL, NULL))
        return;
    struct lambda_function *function = find_tagged(call);
    if (function == NULL)
        return;
    struct lambda_record record;
    lambda_function_record(function, &record);
    mr_json_key_raw(&call->out, "Tags",
                    mr_arena_copy(call->arena, mr_slice_cstr(record.texts[LAMBDA_TAGS])));
    lambda_record_fini(&record);
    lambda_function_unref(function);
}

/* ---- reserved concurrency ---- */

static void set_reserved(struct protocol_call *call, int64_t reserved)
{
    struct lambda_function *function = lambda_ops_find(call);
    struct lambda_record next;
    if (function != NULL && lambda_ops_begin(call, function, &next)) {
        next.reserved = reserved;
        commit(call, function, &next);
        if (reserved >= 0)
            mr_json_key_int(&call->out, "ReservedConcurrentExecutions", reserved);
    }
    lambda_function_unref(function);
}

struct usage {
    const struct lambda_function *except;
    int64_t reserved, functions, code_bytes;
};

static bool add_usage(void *ctx, struct lambda_function *function)
{
    struct usage *usage = ctx;
    struct lambda_record record;
    lambda_function_record(function, &record);
    usage->functions++;
    usage->code_bytes += record.config->code->size;
    for (size_t i = 0; i < record.version_count; i++)
        if (record.versions[i].config->code != record.config->code)
            usage->code_bytes += record.versions[i].config->code->size;
    if (record.reserved > 0 && function != usage->except)
        usage->reserved += record.reserved;
    lambda_record_fini(&record);
    return true;
}

static void put_concurrency(struct protocol_call *call)
{
    const int64_t wanted = mr_json_get_i64(call->in, "ReservedConcurrentExecutions", 0);
    struct lambda_function *function = lambda_ops_find(call);
    if (function == NULL)
        return;
    struct usage usage = {.except = function};
    lambda_functions_each(call->service, MR_S(""), add_usage, &usage);
    lambda_function_unref(function);
    if (wanted > CONCURRENCY - UNRESERVED_MIN - usage.reserved)
        protocol_fail(call, &lambda_invalid_parameter,
                      "Specified ReservedConcurrentExecutions for function decreases account's "
                      "UnreservedConcurrentExecution below its minimum value of [%d].",
                      (int)UNRESERVED_MIN);
    else
        set_reserved(call, wanted);
}

static void get_account(struct protocol_call *call)
{
    struct mr_json *json = &call->out;
    struct usage usage = {0};
    lambda_functions_each(call->service, MR_S(""), add_usage, &usage);
    mr_json_key(json, "AccountLimit");
    mr_json_object(json);
    mr_json_key_int(json, "TotalCodeSize", code_bytes_shown);
    mr_json_key_int(json, "CodeSizeUnzipped", LAMBDA_UNZIPPED_BYTES_MAX);
    mr_json_key_int(json, "CodeSizeZipped", LAMBDA_ZIP_BYTES_MAX);
    mr_json_key_int(json, "ConcurrentExecutions", CONCURRENCY);
    mr_json_key_int(json, "UnreservedConcurrentExecutions", CONCURRENCY - usage.reserved);
    mr_json_object_end(json);
    mr_json_key(json, "AccountUsage");
    mr_json_object(json);
    mr_json_key_int(json, "TotalCodeSize", usage.code_bytes);
    mr_json_key_int(json, "FunctionCount", usage.functions);
    mr_json_object_end(json);
}

static void delete_concurrency(struct protocol_call *call)
{
    set_reserved(call, -1);
    call->status = 204;
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
    {.operation = "GetAccountSettings", .run = get_account},
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
