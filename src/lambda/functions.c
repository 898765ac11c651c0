/* The functions: made, loaded, changed, deleted.
 *
 * Stored: VIEW_META "lambda/function/<name>" =
 * {"code","sha256","size","revision","reserved","tags",
 * "policy","function":{GetFunctionConfiguration's members less state}}. The zip is on disk before
 * the document is committed; a zip that a newer document no longer names goes when its last process
 * has ended, or at the next start. */
#include "lambda/internal.h"
#include "base/log.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { DOC_DEPTH_MAX = 64 };

static const char *const state_names[FUNCTION_STATES] = {"Pending", "Active", "Failed"};
/* legal_moves[from][to] */
static const bool legal_moves[FUNCTION_STATES][FUNCTION_STATES] = {
    [FUNCTION_PENDING] = {[FUNCTION_ACTIVE] = true, [FUNCTION_FAILED] = true},
    [FUNCTION_ACTIVE] = {[FUNCTION_FAILED] = true, [FUNCTION_PENDING] = true},
    [FUNCTION_FAILED] = {[FUNCTION_PENDING] = true},
};

void lambda_function_set_state_locked(struct lambda_function *function,
                                      enum lambda_function_state state, const char *reason_code,
                                      const char *reason)
{
    const enum lambda_function_state old = function->locked.state;
    if (old == state)
        return;
    assert(legal_moves[old][state]);
    function->locked.state = state;
    function->locked.reason_code = reason_code;
    (void)snprintf(function->locked.reason, sizeof function->locked.reason, "%s", reason);
    pthread_cond_broadcast(&function->freed);
    mr_log(MR_LOG_INFO, "lambda", "function %s: %s -> %s%s%s", function->name, state_names[old],
           state_names[state], reason[0] == '\0' ? "" : ": ", reason);
}

static void set_state(struct lambda_function *function, enum lambda_function_state state,
                      const char *reason_code, const char *reason)
{
    pthread_mutex_lock(&function->lock);
    lambda_function_set_state_locked(function, state, reason_code, reason);
    pthread_mutex_unlock(&function->lock);
}

/* ---- life ---- */

static char *text_copy(const char *text)
{
    return mr_strdup_slice(mr_slice_cstr(text));
}

static void record_copy(struct lambda_record *to, const struct lambda_record *from)
{
    *to = *from;
    (void)lambda_config_ref(to->config);
    to->tags = text_copy(from->tags);
    to->policy = text_copy(from->policy);
}

void lambda_record_fini(struct lambda_record *record)
{
    lambda_config_unref(record->config);
    free(record->tags);
    free(record->policy);
    *record = (struct lambda_record){0};
}

void lambda_function_record(struct lambda_function *function, struct lambda_record *ret_record)
{
    pthread_mutex_lock(&function->lock);
    record_copy(ret_record, &function->locked.record);
    pthread_mutex_unlock(&function->lock);
}

/* The record is taken over. */
static struct lambda_function *function_new(struct lambda *lambda, struct mr_slice name,
                                            struct mr_slice arn, const struct lambda_record *record)
{
    struct lambda_function *function = mr_calloc(1, sizeof *function);
    function->lambda = lambda;
    function->name = mr_strdup_slice(name);
    function->arn = mr_strdup_slice(arn);
    function->locked.record = *record;
    atomic_init(&function->refs, 1);
    pthread_mutex_init(&function->change, NULL);
    pthread_mutex_init(&function->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&function->freed, &attr);
    pthread_condattr_destroy(&attr);
    return function;
}

void lambda_function_unref(struct lambda_function *function)
{
    if (function == NULL || atomic_fetch_sub(&function->refs, 1) > 1)
        return;
    assert(function->locked.instances == NULL);
    lambda_record_fini(&function->locked.record);
    pthread_cond_destroy(&function->freed);
    pthread_mutex_destroy(&function->lock);
    pthread_mutex_destroy(&function->change);
    free(function->name);
    free(function->arn);
    free(function);
}

struct lambda_function *lambda_function_find(struct lambda *lambda, struct mr_slice name)
{
    pthread_rwlock_rdlock(&lambda->lock);
    struct lambda_function *function = mr_map_get(&lambda->map, name);
    if (function != NULL)
        atomic_fetch_add(&function->refs, 1);
    pthread_rwlock_unlock(&lambda->lock);
    return function;
}

/* ---- can it run? ---- */

void lambda_function_settle(struct lambda_function *function)
{
    struct lambda_record record;
    lambda_function_record(function, &record);
    char folder[4096], message[256] = "", path[4200];
    const enum mr_status status = lambda_code_folder(record.config->code, folder, message);
    (void)snprintf(path, sizeof path, "%s/bootstrap", folder);
    const bool provided = lambda_runtime_is_provided(record.config->runtime);
    if (status != MR_OK)
        set_state(function, FUNCTION_FAILED, "InvalidZipFileException",
                  message[0] != '\0' ? message : "its code cannot be unpacked");
    else if (provided && access(path, F_OK) != 0)
        set_state(function, FUNCTION_FAILED, "FunctionError.InvalidEntryPoint",
                  "Couldn't find valid bootstrap(s): [/var/task/bootstrap]");
    else if (provided && access(path, X_OK) != 0)
        set_state(function, FUNCTION_FAILED, "FunctionError.PermissionDenied",
                  "fork/exec /var/task/bootstrap: permission denied");
    else
        set_state(function, FUNCTION_ACTIVE, NULL, "");
    lambda_record_fini(&record);
}

/* ---- storing ---- */

static void put_document(struct lambda_function *function, const struct lambda_record *record,
                         struct store_entry *entry)
{
    const struct lambda_code *code = record->config->code;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_cstr(&json, "code", code->id);
    mr_json_key_cstr(&json, "sha256", code->sha256);
    mr_json_key_int(&json, "size", code->size);
    mr_json_key_cstr(&json, "revision", record->revision);
    mr_json_key_int(&json, "reserved", record->reserved);
    mr_json_key_raw(&json, "tags", mr_slice_cstr(record->tags));
    mr_json_key_raw(&json, "policy", mr_slice_cstr(record->policy));
    mr_json_key_value(&json, "function", record->config->doc);
    mr_json_object_end(&json);
    store_doc_put(entry, "lambda", "function", mr_slice_cstr(function->name),
                  mr_arena_copy(entry->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
}

static enum mr_status save(struct lambda_function *function, const struct lambda_record *record)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    if (record != NULL)
        put_document(function, record, &entry);
    else
        store_doc_delete(&entry, "lambda", "function", mr_slice_cstr(function->name));
    const enum mr_status status = store_commit_wait(function->lambda->options.store, &entry);
    mr_arena_fini(&arena);
    return status;
}

/* ---- create, change, delete ---- */

static void forget(struct lambda_function *function)
{
    struct lambda *lambda = function->lambda;
    pthread_rwlock_wrlock(&lambda->lock);
    (void)mr_map_remove(&lambda->map, mr_slice_cstr(function->name));
    pthread_rwlock_unlock(&lambda->lock);
    lambda_function_unref(function);
}

static void drop_code(struct lambda_config *config)
{
    atomic_store(&config->code->dropped, true);
}

enum mr_status lambda_function_create(struct lambda *lambda,
                                      const struct lambda_function_new *create,
                                      struct lambda_function **ret_function)
{
    struct lambda_record record = {.config = create->config, .reserved = -1};
    mr_rng_uuid(lambda->options.rng, record.revision);
    record.tags = mr_strdup_slice(create->tags.len > 0 ? create->tags : MR_S("{}"));
    record.policy = text_copy("[]");
    struct lambda_function *function = function_new(lambda, create->name, create->arn, &record);
    pthread_mutex_lock(&function->change);
    pthread_rwlock_wrlock(&lambda->lock);
    const bool exists = mr_map_get(&lambda->map, create->name) != NULL;
    if (!exists) {
        atomic_fetch_add(&function->refs, 1);
        (void)mr_map_put(&lambda->map, create->name, function);
    }
    pthread_rwlock_unlock(&lambda->lock);
    enum mr_status status = exists ? MR_EXISTS : save(function, &function->locked.record);
    if (status == MR_OK) {
        lambda_function_settle(function);
        *ret_function = function;
    } else {
        drop_code(create->config);
        if (!exists)
            forget(function);
    }
    pthread_mutex_unlock(&function->change);
    if (status != MR_OK)
        lambda_function_unref(function);
    return status;
}

enum mr_status lambda_function_begin(struct lambda_function *function, struct lambda_record *next)
{
    pthread_mutex_lock(&function->change);
    if (function->locked.deleted) {
        pthread_mutex_unlock(&function->change);
        return MR_NOT_FOUND;
    }
    record_copy(next, &function->locked.record);
    return MR_OK;
}

void lambda_function_cancel(struct lambda_function *function, struct lambda_record *next)
{
    /* Code that came with the change and was not committed. */
    if (next->config->code != function->locked.record.config->code)
        drop_code(next->config);
    lambda_record_fini(next);
    pthread_mutex_unlock(&function->change);
}

enum mr_status lambda_function_commit(struct lambda_function *function, struct lambda_record *next)
{
    mr_rng_uuid(function->lambda->options.rng, next->revision);
    const enum mr_status status = save(function, next);
    if (status != MR_OK) {
        lambda_function_cancel(function, next);
        return status;
    }
    pthread_mutex_lock(&function->lock);
    struct lambda_record old = function->locked.record;
    function->locked.record = *next;
    const bool changed = old.config != next->config;
    if (changed) {
        lambda_instances_retire_old_locked(function);
        lambda_function_set_state_locked(function, FUNCTION_PENDING, "Creating",
                                         "The function is being created.");
    }
    pthread_cond_broadcast(&function->freed);
    pthread_mutex_unlock(&function->lock);
    if (changed)
        lambda_function_settle(function);
    if (old.config->code != next->config->code)
        drop_code(old.config);
    lambda_record_fini(&old);
    *next = (struct lambda_record){0};
    pthread_mutex_unlock(&function->change);
    return MR_OK;
}

enum mr_status lambda_function_delete(struct lambda_function *function)
{
    pthread_mutex_lock(&function->change);
    enum mr_status status = function->locked.deleted ? MR_NOT_FOUND : save(function, NULL);
    if (status == MR_OK) {
        pthread_mutex_lock(&function->lock);
        function->locked.deleted = true;
        lambda_instances_retire_old_locked(function);
        pthread_cond_broadcast(&function->freed);
        pthread_mutex_unlock(&function->lock);
        drop_code(function->locked.record.config);
        forget(function);
    }
    pthread_mutex_unlock(&function->change);
    return status;
}

/* ---- loading ---- */

static char *member_text(yyjson_val *doc, const char *name)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_value(&json, mr_json_get(doc, name));
    char *text = mr_strdup_slice(mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static enum mr_status load_one(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct lambda *lambda = ctx;
    struct mr_arena arena;
    mr_arena_init(&arena);
    yyjson_val *doc = mr_json_parse(&arena, json, DOC_DEPTH_MAX);
    struct lambda_code *code = NULL;
    const enum mr_status found =
        lambda_code_load(lambda, mr_json_get_text(doc, "code"), mr_json_get_text(doc, "sha256"),
                         mr_json_get_i64(doc, "size", 0), &code);
    char *config_text = member_text(doc, "function");
    struct lambda_record record = {
        .config = lambda_config_new(mr_slice_cstr(config_text), code),
        .reserved = mr_json_get_i64(doc, "reserved", -1),
        .tags = member_text(doc, "tags"),
        .policy = member_text(doc, "policy"),
    };
    free(config_text);
    (void)snprintf(record.revision, sizeof record.revision, "%.*s",
                   MR_ARG(mr_json_get_text(doc, "revision")));
    enum mr_status status = MR_OK;
    if (record.config == NULL) {
        status = MR_RAISE(MR_FAIL_DATA, "function '%.*s' has a damaged document", MR_ARG(name));
        lambda_record_fini(&record);
    } else {
        struct lambda_function *function = function_new(
            lambda, name, mr_json_get_text(record.config->doc, "FunctionArn"), &record);
        (void)mr_map_put(&lambda->map, name, function);
        if (found == MR_OK) /* its code is unpacked when it is first called */
            set_state(function, FUNCTION_ACTIVE, NULL, "");
        else
            set_state(function, FUNCTION_FAILED, "InternalError",
                      "the zip of its code is missing in the data folder");
    }
    mr_arena_fini(&arena);
    return status;
}

enum mr_status lambda_functions_load(struct lambda *lambda)
{
    return store_doc_each(lambda->options.store, "lambda", "function", MR_S(""), load_one, lambda);
}

void lambda_functions_free(struct lambda *lambda)
{
    size_t cursor = 0;
    struct mr_slice name;
    void *value;
    while (mr_map_next(&lambda->map, &cursor, &name, &value))
        lambda_function_unref(value);
    mr_map_fini(&lambda->map);
}

/* ---- all of them ---- */

static int by_name(const void *a, const void *b)
{
    const struct lambda_function *const *left = a, *const *right = b;
    return mr_slice_compare(mr_slice_cstr((*left)->name), mr_slice_cstr((*right)->name));
}

void lambda_functions_each(struct lambda *lambda, struct mr_slice after,
                           bool (*fn)(void *ctx, struct lambda_function *function), void *ctx)
{
    pthread_rwlock_rdlock(&lambda->lock);
    struct lambda_function **all = mr_calloc(lambda->map.count + 1, sizeof *all);
    size_t cursor = 0, count = 0;
    struct mr_slice name;
    void *value;
    while (mr_map_next(&lambda->map, &cursor, &name, &value)) {
        if (after.len > 0 && mr_slice_compare(name, after) <= 0)
            continue;
        all[count] = value;
        atomic_fetch_add(&all[count++]->refs, 1);
    }
    pthread_rwlock_unlock(&lambda->lock);
    qsort(all, count, sizeof *all, by_name);
    bool wanted = true;
    for (size_t i = 0; i < count; i++) {
        wanted = wanted && fn(ctx, all[i]);
        lambda_function_unref(all[i]);
    }
    free(all);
}
