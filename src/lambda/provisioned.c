/* Provisioned concurrency: processes that are initialised before anybody calls.
 *
 * Kept with the function: qualifier (a version or an alias) -> {"count","LastModified"}. The reaper
 * starts what is missing, one process after the other, and never ends those that are wanted. */
#include "lambda/internal.h"
#include "base/log.h"

enum { DEPTH_MAX = 8 };

static bool has_none_locked(const struct lambda_function *function)
{
    return strcmp(function->locked.record.texts[LAMBDA_PROVISIONED], "{}") == 0;
}

/* Calls fn with the config and the wanted number of each qualifier, until it returns false. */
static void each_locked(struct lambda_function *function,
                        bool (*fn)(void *ctx, struct lambda_config *config, int64_t count),
                        void *ctx)
{
    struct mr_arena arena;
    if (has_none_locked(function))
        return;
    mr_arena_init(&arena);
    const struct lambda_record *record = &function->locked.record;
    yyjson_val *all =
        mr_json_parse(&arena, mr_slice_cstr(record->texts[LAMBDA_PROVISIONED]), DEPTH_MAX);
    size_t i, count;
    yyjson_val *qualifier, *entry;
    bool more = true;
    yyjson_obj_foreach(all, i, count, qualifier, entry)
    {
        int64_t version;
        if (!more ||
            lambda_record_resolve(NULL, record, mr_json_text(qualifier), &version) != MR_OK)
            continue;
        struct lambda_config *config = lambda_function_config_locked(function, version);
        if (config != NULL)
            more = fn(ctx, config, mr_json_get_i64(entry, "count", 0));
    }
    mr_arena_fini(&arena);
}

/* ---- what is wanted ---- */

struct tally {
    const struct lambda_config *of; /* NULL: of all */
    int64_t wanted;
};

static bool add_wanted(void *ctx, struct lambda_config *config, int64_t count)
{
    struct tally *tally = ctx;
    if (tally->of == NULL || tally->of == config)
        tally->wanted += count;
    return true;
}

int64_t lambda_provisioned_locked(struct lambda_function *function,
                                  const struct lambda_config *config)
{
    struct tally tally = {.of = config};
    each_locked(function, add_wanted, &tally);
    return tally.wanted;
}

int64_t lambda_provisioned_ready_locked(struct lambda_function *function,
                                        const struct lambda_config *config, bool starting)
{
    int64_t count = 0;
    for (const struct lambda_instance *instance = function->locked.instances; instance != NULL;
         instance = instance->locked.next)
        count +=
            instance->config == config && (starting || instance->locked.state != INSTANCE_STARTING);
    return count;
}

/* ---- starting ---- */

struct missing {
    struct lambda_function *function;
    struct lambda_config *config; /* that needs a process; NULL: none does */
};

static bool find_missing(void *ctx, struct lambda_config *config, int64_t count)
{
    struct missing *missing = ctx;
    (void)count; /* an alias and its version may both want some */
    if (lambda_provisioned_ready_locked(missing->function, config, true) <
        lambda_provisioned_locked(missing->function, config))
        missing->config = config;
    return missing->config == NULL;
}

/* Starts one process that is missing; false: there is none, or it cannot be. */
static bool start_one(struct lambda_function *function)
{
    struct lambda *lambda = function->lambda;
    struct missing missing = {.function = function};
    struct lambda_instance *instance = NULL;
    char message[256] = "";
    pthread_mutex_lock(&function->lock);
    if (!function->locked.deleted && !atomic_load(&lambda->closing) &&
        atomic_load(&lambda->has_endpoint) &&
        store_now(lambda->options.store) >= function->locked.provision_retry_ms)
        each_locked(function, find_missing, &missing);
    if (missing.config != NULL)
        instance = lambda_instance_new_locked(function, missing.config, NULL);
    pthread_mutex_unlock(&function->lock);
    if (instance == NULL)
        return false;
    const enum mr_status status = lambda_instance_start(instance, message);
    lambda_instance_unref(instance);
    if (status == MR_OK)
        return true;
    mr_log(MR_LOG_WARN, "lambda", "function %s: a provisioned process does not start: %s",
           function->name, message);
    return false;
}

static bool provision(void *ctx, struct lambda_function *function)
{
    int64_t *next_ms = ctx;
    pthread_mutex_lock(&function->lock);
    const bool none = has_none_locked(function);
    pthread_mutex_unlock(&function->lock);
    if (none)
        return true;
    while (start_one(function))
        ;
    pthread_mutex_lock(&function->lock);
    const int64_t retry_ms = function->locked.provision_retry_ms;
    pthread_mutex_unlock(&function->lock);
    if (retry_ms > store_now(function->lambda->options.store) && retry_ms < *next_ms)
        *next_ms = retry_ms;
    return true;
}

void lambda_provision(struct lambda *lambda, int64_t *next_ms)
{
    lambda_functions_each(lambda, MR_S(""), provision, next_ms);
}

void lambda_provision_failed_locked(struct lambda_instance *instance)
{
    struct lambda_function *function = instance->function;
    function->locked.provision_retry_ms =
        store_now(function->lambda->options.store) + LAMBDA_PROVISION_RETRY_MS;
}
