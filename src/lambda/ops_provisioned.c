/* The wire: provisioned concurrency. provisioned.c keeps the processes. */
#include "lambda/internal.h"

enum { DEPTH_MAX = 8 };

static const struct protocol_fault no_config = {"ProvisionedConcurrencyConfigNotFoundException",
                                                404, false};

/* AWS: "2019-12-31T20:28:49+0000". */
static struct mr_slice time_text(struct mr_arena *arena, int64_t now_ms)
{
    const struct mr_date d = mr_date_from_ms(now_ms);
    return mr_arena_printf(arena, "%04d-%02d-%02dT%02d:%02d:%02d+0000", d.year, d.month, d.day,
                           d.hour, d.minute, d.second);
}

/* Versions and aliases have processes of their own; $LATEST has none. */
static struct lambda_function *find(struct protocol_call *call)
{
    const struct mr_slice qualifier = mr_json_get_text(call->in, "Qualifier");
    struct lambda_function *function = lambda_ops_find(call);
    if (function == NULL || !mr_slice_equal(qualifier, MR_S("$LATEST")))
        return function;
    protocol_fail(call, &lambda_invalid_parameter,
                  "Provisioned Concurrency Configs cannot be applied to unpublished function "
                  "versions.");
    lambda_function_unref(function);
    return NULL;
}

/* ---- showing ---- */

/* `entry` of a qualifier; `fresh`: it was made now, so nothing is started yet. */
static void write_config(struct protocol_call *call, struct lambda_function *function,
                         struct mr_slice qualifier, yyjson_val *entry, bool fresh)
{
    struct mr_json *json = &call->out;
    const int64_t wanted = mr_json_get_i64(entry, "count", 0);
    int64_t version = 0, ready = 0;
    pthread_mutex_lock(&function->lock);
    const struct lambda_config *config = NULL;
    if (lambda_record_resolve(NULL, &function->locked.record, qualifier, &version) == MR_OK)
        config = lambda_function_config_locked(function, version);
    if (config != NULL && !fresh)
        ready = lambda_provisioned_ready_locked(function, config, false);
    const bool failed = function->locked.provision_retry_ms > call->now_ms;
    pthread_mutex_unlock(&function->lock);
    ready = ready < wanted ? ready : wanted;
    mr_json_key_int(json, "RequestedProvisionedConcurrentExecutions", wanted);
    mr_json_key_int(json, "AvailableProvisionedConcurrentExecutions", ready);
    mr_json_key_int(json, "AllocatedProvisionedConcurrentExecutions", ready);
    mr_json_key_cstr(json, "Status",
                     ready == wanted    ? "READY"
                     : failed && !fresh ? "FAILED"
                                        : "IN_PROGRESS");
    if (failed && !fresh && ready < wanted)
        mr_json_key_cstr(json, "StatusReason", "FUNCTION_ERROR_INIT_FAILURE");
    mr_json_key_value(json, "LastModified", mr_json_get(entry, "LastModified"));
}

/* ---- put ---- */

/* Of all qualifiers but that one. */
static int64_t count_others(yyjson_val *configs, struct mr_slice qualifier)
{
    int64_t total = 0;
    size_t i, count;
    yyjson_val *name, *entry;
    yyjson_obj_foreach(configs, i, count, name, entry)
    {
        if (!mr_slice_equal(mr_json_text(name), qualifier))
            total += mr_json_get_i64(entry, "count", 0);
    }
    return total;
}

/* AWS: of a version and the aliases that mean it, one has them. */
static void check_same_version(struct protocol_call *call, const struct lambda_record *record,
                               yyjson_val *configs, struct mr_slice qualifier)
{
    int64_t version = 0, other = 0;
    uint64_t number;
    size_t i, count;
    yyjson_val *name, *entry;
    if (lambda_record_resolve(NULL, record, qualifier, &version) != MR_OK)
        return;
    yyjson_obj_foreach(configs, i, count, name, entry)
    {
        const struct mr_slice text = mr_json_text(name);
        if (mr_slice_equal(text, qualifier) ||
            lambda_record_resolve(NULL, record, text, &other) != MR_OK || other != version)
            continue;
        if (mr_slice_to_u64(text, &number) == MR_OK)
            protocol_fail(call, &lambda_conflict,
                          "Alias can't be used for Provisioned Concurrency configuration on an "
                          "already Provisioned version");
        else
            protocol_fail(call, &lambda_conflict,
                          "Version is pointed by a Provisioned Concurrency alias");
    }
}

static bool may_put(struct protocol_call *call, const struct lambda_record *record,
                    struct mr_slice qualifier, int64_t wanted)
{
    yyjson_val *configs = lambda_ops_text(call, record, LAMBDA_PROVISIONED);
    const int64_t total = wanted + count_others(configs, qualifier);
    if (record->reserved >= 0 && total > record->reserved)
        protocol_fail(call, &lambda_invalid_parameter,
                      "Requested Provisioned Concurrency should not be greater than the "
                      "reservedConcurrentExecution for function");
    else if (total > LAMBDA_PROVISIONED_MAX)
        protocol_fail(call, &lambda_invalid_parameter,
                      "millrace keeps at most %d provisioned processes of a function",
                      (int)LAMBDA_PROVISIONED_MAX);
    else
        check_same_version(call, record, configs, qualifier);
    return !protocol_failed(call);
}

static void put(struct protocol_call *call)
{
    struct lambda_function *function = find(call);
    struct lambda_record next;
    if (function == NULL || !lambda_ops_begin(call, function, &next)) {
        lambda_function_unref(function);
        return;
    }
    const struct mr_slice qualifier = lambda_ops_qualifier(call);
    const int64_t wanted = mr_json_get_i64(call->in, "ProvisionedConcurrentExecutions", 1);
    if (!may_put(call, &next, qualifier, wanted)) {
        lambda_function_cancel(function, &next);
    } else {
        const struct mr_slice text =
            mr_arena_printf(call->arena, "{\"count\":%lld,\"LastModified\":\"%.*s\"}",
                            (long long)wanted, MR_ARG(time_text(call->arena, call->now_ms)));
        lambda_record_set(&next, LAMBDA_PROVISIONED, qualifier, text);
        protocol_fail_internal(call, lambda_function_commit(function, &next));
        pthread_mutex_lock(&function->lock);
        function->locked.provision_retry_ms = 0;
        pthread_mutex_unlock(&function->lock);
        runtime_pump_wake(function->lambda->reaper);
        write_config(call, function, qualifier, mr_json_parse(call->arena, text, DEPTH_MAX), true);
    }
    lambda_function_unref(function);
}

/* ---- get, list, delete ---- */

static void get(struct protocol_call *call)
{
    struct lambda_function *function = find(call);
    if (function == NULL)
        return;
    struct lambda_record record;
    lambda_function_record(function, &record);
    yyjson_val *entry = mr_json_getn(lambda_ops_text(call, &record, LAMBDA_PROVISIONED),
                                     lambda_ops_qualifier(call));
    if (entry == NULL)
        protocol_fail(call, &no_config,
                      "No Provisioned Concurrency Config found for this function");
    else
        write_config(call, function, lambda_ops_qualifier(call), entry, false);
    lambda_record_fini(&record);
    lambda_function_unref(function);
}

static void write_listed(struct protocol_call *call, struct lambda_function *function,
                         struct mr_slice qualifier, yyjson_val *entry)
{
    mr_json_key_string(&call->out, "FunctionArn",
                       mr_arena_printf(call->arena, "%s:%.*s", function->arn, MR_ARG(qualifier)));
    write_config(call, function, qualifier, entry, false);
}

static void list(struct protocol_call *call)
{
    struct lambda_function *function = lambda_ops_find(call);
    if (function == NULL)
        return;
    lambda_ops_list(call, function, LAMBDA_PROVISIONED, "ProvisionedConcurrencyConfigs",
                    write_listed);
    lambda_function_unref(function);
}

/* AWS: what is not there is deleted. */
static void delete (struct protocol_call *call)
{
    struct lambda_function *function = find(call);
    call->status = 204;
    if (function == NULL)
        return;
    lambda_ops_drop(call, function, LAMBDA_PROVISIONED, NULL);
    lambda_function_unref(function);
}

const struct protocol_handler lambda_provisioned_handlers[] = {
    {.operation = "PutProvisionedConcurrencyConfig", .run = put},
    {.operation = "GetProvisionedConcurrencyConfig", .run = get},
    {.operation = "ListProvisionedConcurrencyConfigs", .run = list},
    {.operation = "DeleteProvisionedConcurrencyConfig", .run = delete},
};
const size_t lambda_provisioned_handler_count = MR_COUNT(lambda_provisioned_handlers);
