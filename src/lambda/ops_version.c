/* The wire: versions and aliases. */
#include "lambda/internal.h"

enum { LIST_MAX = 50, DEPTH_MAX = 16 };

static const struct protocol_fault storage_exceeded = {"CodeStorageExceededException", 400, false};

/* ---- versions ---- */

void lambda_ops_too_many_versions(struct protocol_call *call)
{
    protocol_fail(call, &storage_exceeded,
                  "Code storage limit exceeded. millrace keeps at most %d versions of a function.",
                  (int)LAMBDA_VERSIONS_MAX);
}

static bool may_publish(struct protocol_call *call, const struct lambda_record *next)
{
    const struct mr_slice wanted = mr_json_get_text(call->in, "CodeSha256");
    const struct mr_slice present = mr_slice_cstr(next->config->code->sha256);
    if (wanted.len > 0 && !mr_slice_equal(wanted, present))
        protocol_fail(call, &lambda_invalid_parameter,
                      "CodeSHA256 (%.*s) is different from current CodeSHA256 in $LATEST (%.*s). "
                      "Please try again with the CodeSHA256 in $LATEST.",
                      MR_ARG(wanted), MR_ARG(present));
    else if (next->version_count >= LAMBDA_VERSIONS_MAX)
        lambda_ops_too_many_versions(call);
    return !protocol_failed(call);
}

static void reply_version(struct protocol_call *call, struct lambda_function *function,
                          int64_t number, enum lambda_shown shown)
{
    struct lambda_record record;
    lambda_function_record(function, &record);
    lambda_ops_write(call, function, &record, lambda_record_version(&record, number),
                     (struct mr_slice){0}, shown);
    lambda_record_fini(&record);
}

static void publish(struct protocol_call *call)
{
    struct lambda_function *function = lambda_ops_find(call);
    struct lambda_record next;
    if (function == NULL || !lambda_ops_begin(call, function, &next)) {
        lambda_function_unref(function);
        return;
    }
    const struct lambda_version *last =
        next.version_count > 0 ? &next.versions[next.version_count - 1] : NULL;
    /* AWS: a version that would be the same as the last one is not made. */
    const bool same = last != NULL && lambda_config_same(last->config, next.config);
    int64_t number = same ? last->number : 0;
    if (!may_publish(call, &next) || same) {
        lambda_function_cancel(function, &next);
    } else {
        const struct mr_slice text = mr_json_get_text(call->in, "Description");
        const bool given = mr_json_get(call->in, "Description") != NULL;
        number = lambda_record_publish(call->service, &next, given ? text : (struct mr_slice){0})
                     ->number;
        protocol_fail_internal(call, lambda_function_commit(function, &next));
    }
    if (!protocol_failed(call))
        reply_version(call, function, number, same ? LAMBDA_SHOWN_NOW : LAMBDA_SHOWN_CREATING);
    lambda_function_unref(function);
}

/* The aliases that name a version: "a, b"; empty: none. */
static struct mr_slice aliases_of(struct mr_arena *arena, yyjson_val *aliases,
                                  struct mr_slice version)
{
    struct mr_buf buf = {0};
    size_t i, count;
    yyjson_val *name, *alias;
    yyjson_obj_foreach(aliases, i, count, name, alias)
    {
        yyjson_val *weights =
            mr_json_get(mr_json_get(alias, "RoutingConfig"), "AdditionalVersionWeights");
        if (mr_slice_equal(mr_json_get_text(alias, "FunctionVersion"), version) ||
            mr_json_getn(weights, version) != NULL)
            mr_buf_printf(&buf, "%s%.*s", buf.len > 0 ? ", " : "", MR_ARG(mr_json_text(name)));
    }
    const struct mr_slice text = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static yyjson_val *aliases_in(struct protocol_call *call, const struct lambda_record *record)
{
    return mr_json_parse(call->arena, mr_slice_cstr(record->texts[LAMBDA_ALIASES]), DEPTH_MAX);
}

void lambda_ops_delete_version(struct protocol_call *call, struct lambda_function *function,
                               struct mr_slice qualifier)
{
    struct lambda_record next;
    uint64_t number = 0;
    if (mr_slice_equal(qualifier, MR_S("$LATEST"))) {
        protocol_fail(call, &lambda_invalid_parameter,
                      "$LATEST version cannot be deleted without deleting the function.");
        return;
    }
    if (mr_slice_to_u64(qualifier, &number) != MR_OK) {
        protocol_fail(call, &lambda_invalid_parameter,
                      "Deletion of aliases is not currently supported.");
        return;
    }
    if (!lambda_ops_begin(call, function, &next))
        return;
    const struct mr_slice users = aliases_of(call->arena, aliases_in(call, &next), qualifier);
    if (users.len > 0)
        protocol_fail(call, &lambda_conflict,
                      "Unable to delete version because the following aliases reference it: "
                      "[%.*s]",
                      MR_ARG(users));
    if (protocol_failed(call) || lambda_record_version(&next, (int64_t)number) == NULL) {
        lambda_function_cancel(function, &next); /* AWS: what is not there is deleted */
        return;
    }
    lambda_record_drop_version(&next, (int64_t)number);
    lambda_record_set(&next, LAMBDA_PROVISIONED, qualifier, MR_S(""));
    protocol_fail_internal(call, lambda_function_commit(function, &next));
}

/* ---- aliases ---- */

static struct mr_slice alias_arn(struct protocol_call *call, const struct lambda_function *function)
{
    return mr_arena_printf(call->arena, "%s:%.*s", function->arn,
                           MR_ARG(mr_json_get_text(call->in, "Name")));
}

static bool version_exists(const struct lambda_record *record, struct mr_slice version)
{
    uint64_t number;
    if (mr_slice_equal(version, MR_S("$LATEST")))
        return true;
    return mr_slice_to_u64(version, &number) == MR_OK &&
           lambda_record_version(record, (int64_t)number) != NULL;
}

static void check_weight(struct protocol_call *call, const struct lambda_function *function,
                         const struct lambda_record *record, struct mr_slice version,
                         yyjson_val *name, yyjson_val *weight)
{
    const struct mr_slice other = mr_json_text(name);
    const double value = mr_json_double(weight, -1);
    if (mr_slice_equal(other, MR_S("$LATEST")) || mr_slice_equal(version, MR_S("$LATEST")))
        protocol_fail(call, &lambda_invalid_parameter,
                      "$LATEST is not supported for an alias pointing to more than 1 version");
    else if (value < 0 || value > 1)
        protocol_fail(
            call, &protocol_validation,
            "1 validation error detected: Value '{%.*s=%.*s}' at "
            "'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map "
            "value must satisfy constraint: [Member must have value less than or equal to "
            "1.0, Member must have value greater than or equal to 0.0]",
            MR_ARG(other), MR_ARG(mr_json_text(weight)));
    else if (mr_slice_equal(other, version))
        protocol_fail(call, &lambda_invalid_parameter,
                      "Invalid function version %.*s. Function version %.*s is already included in "
                      "routing configuration.",
                      MR_ARG(other), MR_ARG(other));
    else if (!version_exists(record, other))
        protocol_fail(call, &lambda_not_found, "Function not found: %s:%.*s", function->arn,
                      MR_ARG(other));
}

static bool check_alias(struct protocol_call *call, const struct lambda_function *function,
                        const struct lambda_record *record, struct mr_slice version)
{
    yyjson_val *weights =
        mr_json_get(mr_json_get(call->in, "RoutingConfig"), "AdditionalVersionWeights");
    if (!version_exists(record, version))
        protocol_fail(call, &lambda_not_found, "Function not found: %s:%.*s", function->arn,
                      MR_ARG(version));
    else if (yyjson_obj_size(weights) > 1)
        protocol_fail(call, &lambda_invalid_parameter,
                      "Number of items in AdditionalVersionWeights cannot be greater than 1");
    size_t i, count;
    yyjson_val *name, *weight;
    yyjson_obj_foreach(weights, i, count, name, weight)
        check_weight(call, function, record, version, name, weight);
    return !protocol_failed(call);
}

/* The request's members over those of `before`. */
static struct mr_slice alias_document(struct protocol_call *call,
                                      const struct lambda_function *function, yyjson_val *before)
{
    static const char *const members[] = {"FunctionVersion", "Description"};
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "AliasArn", alias_arn(call, function));
    mr_json_key_value(&json, "Name", mr_json_get(call->in, "Name"));
    for (size_t i = 0; i < MR_COUNT(members); i++) {
        yyjson_val *value = mr_json_get(call->in, members[i]);
        value = value != NULL ? value : mr_json_get(before, members[i]);
        if (value != NULL)
            mr_json_key_value(&json, members[i], value);
        else
            mr_json_key_cstr(&json, members[i], "");
    }
    yyjson_val *routing = mr_json_get(call->in, "RoutingConfig");
    routing = routing != NULL ? routing : mr_json_get(before, "RoutingConfig");
    if (yyjson_obj_size(mr_json_get(routing, "AdditionalVersionWeights")) > 0)
        mr_json_key_value(&json, "RoutingConfig", routing);
    char revision[LAMBDA_ID_TEXT];
    mr_rng_uuid(function->lambda->options.rng, revision);
    mr_json_key_cstr(&json, "RevisionId", revision);
    mr_json_object_end(&json);
    const struct mr_slice text = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static void store_alias(struct protocol_call *call, struct lambda_function *function,
                        struct lambda_record *next, yyjson_val *before)
{
    const struct mr_slice text = alias_document(call, function, before);
    lambda_record_set(next, LAMBDA_ALIASES, mr_json_get_text(call->in, "Name"), text);
    const enum mr_status status = lambda_function_commit(function, next);
    protocol_fail_internal(call, status);
    if (status == MR_OK)
        lambda_ops_members(call, mr_json_parse(call->arena, text, DEPTH_MAX));
}

/* A change of a function found by name; the request's RevisionId is an alias's. */
static struct lambda_function *begin_alias(struct protocol_call *call, struct lambda_record *next)
{
    struct lambda_function *function = lambda_ops_find(call);
    if (function == NULL || lambda_function_begin(function, next) == MR_OK)
        return function;
    protocol_fail(call, &lambda_not_found, "Function not found: %s", function->arn);
    lambda_function_unref(function);
    return NULL;
}

static void create_alias(struct protocol_call *call)
{
    struct lambda_record next;
    struct lambda_function *function = begin_alias(call, &next);
    if (function == NULL)
        return;
    yyjson_val *aliases = aliases_in(call, &next);
    const struct mr_slice arn = alias_arn(call, function);
    if (!check_alias(call, function, &next, mr_json_get_text(call->in, "FunctionVersion")))
        ;
    else if (mr_json_getn(aliases, mr_json_get_text(call->in, "Name")) != NULL)
        protocol_fail(call, &lambda_conflict, "Alias already exists: %.*s", MR_ARG(arn));
    else if (yyjson_obj_size(aliases) >= LAMBDA_ALIASES_MAX)
        protocol_fail(call, &lambda_invalid_parameter,
                      "millrace keeps at most %d aliases of a function", (int)LAMBDA_ALIASES_MAX);
    if (protocol_failed(call))
        lambda_function_cancel(function, &next);
    else
        store_alias(call, function, &next, NULL);
    lambda_function_unref(function);
}

static void update_alias(struct protocol_call *call)
{
    struct lambda_record next;
    struct lambda_function *function = begin_alias(call, &next);
    if (function == NULL)
        return;
    yyjson_val *alias = mr_json_getn(aliases_in(call, &next), mr_json_get_text(call->in, "Name"));
    const struct mr_slice revision = mr_json_get_text(call->in, "RevisionId");
    struct mr_slice version = mr_json_get_text(call->in, "FunctionVersion");
    if (version.len == 0)
        version = mr_json_get_text(alias, "FunctionVersion");
    if (alias == NULL)
        protocol_fail(call, &lambda_not_found, "Alias not found: %.*s",
                      MR_ARG(alias_arn(call, function)));
    else if (revision.len > 0 && !mr_slice_equal(revision, mr_json_get_text(alias, "RevisionId")))
        protocol_fail(call, &lambda_precondition,
                      "The Revision Id provided does not match the latest Revision Id. Call the "
                      "GetFunction/GetAlias API to retrieve the latest Revision Id");
    else
        (void)check_alias(call, function, &next, version);
    if (protocol_failed(call))
        lambda_function_cancel(function, &next);
    else
        store_alias(call, function, &next, alias);
    lambda_function_unref(function);
}

static void delete_alias(struct protocol_call *call)
{
    struct lambda_record next;
    struct lambda_function *function = begin_alias(call, &next);
    if (function == NULL)
        return;
    const struct mr_slice name = mr_json_get_text(call->in, "Name");
    if (mr_json_getn(aliases_in(call, &next), name) == NULL) {
        lambda_function_cancel(function, &next); /* AWS: what is not there is deleted */
    } else {
        lambda_record_set(&next, LAMBDA_ALIASES, name, MR_S(""));
        lambda_record_set(&next, LAMBDA_POLICIES, name, MR_S(""));
        lambda_record_set(&next, LAMBDA_EVENT_CONFIGS, name, MR_S(""));
        lambda_record_set(&next, LAMBDA_URLS, name, MR_S(""));
        lambda_record_set(&next, LAMBDA_PROVISIONED, name, MR_S(""));
        protocol_fail_internal(call, lambda_function_commit(function, &next));
    }
    call->status = 204;
    lambda_function_unref(function);
}

static void get_alias(struct protocol_call *call)
{
    struct lambda_function *function = lambda_ops_find(call);
    if (function == NULL)
        return;
    struct lambda_record record;
    lambda_function_record(function, &record);
    yyjson_val *alias = mr_json_getn(aliases_in(call, &record), mr_json_get_text(call->in, "Name"));
    if (alias == NULL)
        protocol_fail(call, &lambda_not_found, "Cannot find alias arn: %.*s",
                      MR_ARG(alias_arn(call, function)));
    else
        lambda_ops_members(call, alias);
    lambda_record_fini(&record);
    lambda_function_unref(function);
}

/* In the order in which they were made or last changed; the marker counts them. */
static void list_aliases(struct protocol_call *call)
{
    struct lambda_function *function = lambda_ops_find(call);
    if (function == NULL)
        return;
    struct lambda_record record;
    lambda_function_record(function, &record);
    const int64_t wanted = mr_json_get_i64(call->in, "MaxItems", LIST_MAX);
    const int64_t limit = wanted < LIST_MAX ? wanted : LIST_MAX;
    const struct mr_slice version = mr_json_get_text(call->in, "FunctionVersion");
    uint64_t after = 0;
    (void)(mr_slice_to_u64(mr_json_get_text(call->in, "Marker"), &after) == MR_OK);
    int64_t shown = 0;
    size_t i, count, next = 0;
    yyjson_val *name, *alias;
    mr_json_key(&call->out, "Aliases");
    mr_json_array(&call->out);
    yyjson_val *aliases = aliases_in(call, &record);
    yyjson_obj_foreach(aliases, i, count, name, alias)
    {
        if (i < after || (version.len > 0 &&
                          !mr_slice_equal(mr_json_get_text(alias, "FunctionVersion"), version)))
            continue;
        if (shown++ == limit) {
            next = i;
            break;
        }
        mr_json_object(&call->out);
        lambda_ops_members(call, alias);
        mr_json_object_end(&call->out);
    }
    mr_json_array_end(&call->out);
    if (next > 0)
        mr_json_key_string(&call->out, "NextMarker", mr_arena_printf(call->arena, "%zu", next));
    lambda_record_fini(&record);
    lambda_function_unref(function);
}

const struct protocol_handler lambda_version_handlers[] = {
    {.operation = "PublishVersion", .run = publish},
    {.operation = "CreateAlias", .run = create_alias},
    {.operation = "UpdateAlias", .run = update_alias},
    {.operation = "DeleteAlias", .run = delete_alias},
    {.operation = "GetAlias", .run = get_alias},
    {.operation = "ListAliases", .run = list_aliases},
};
const size_t lambda_version_handler_count = MR_COUNT(lambda_version_handlers);
