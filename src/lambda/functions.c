/* The functions: made, loaded, changed, deleted.
 *
 * Stored in VIEW_META, both in the entry of the change:
 *   "lambda/function/<name>" = {"code","sha256","size","layers":[{"code","sha256","size"}],
 *     "revision","reserved","next_version","tags","policies","aliases","event_configs",
 *     "urls","provisioned","function":{GetFunctionConfiguration's members less state}}
 *   "lambda/version/<name>:<10 digits>" = the same of a version, as far as it has that
 * The zip is on disk before the document is committed; a zip that no document names any more goes
 * when its last process has ended, or at the next start. */
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
    for (size_t i = 0; i < LAMBDA_TEXTS; i++)
        to->texts[i] = text_copy(from->texts[i]);
    to->versions = mr_calloc(from->version_count + 1, sizeof *to->versions);
    for (size_t i = 0; i < from->version_count; i++) {
        to->versions[i] = from->versions[i];
        (void)lambda_config_ref(to->versions[i].config);
    }
}

void lambda_record_fini(struct lambda_record *record)
{
    lambda_config_unref(record->config);
    for (size_t i = 0; i < LAMBDA_TEXTS; i++)
        free(record->texts[i]);
    for (size_t i = 0; i < record->version_count; i++)
        lambda_config_unref(record->versions[i].config);
    free(record->versions);
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
    lambda_meters_init(lambda, function);
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
    meter_set_fini(&function->meters);
    free(function->name);
    free(function->arn);
    free(function);
}

/* In one of the maps. */
static struct lambda_function *find(struct lambda *lambda, const struct mr_map *map,
                                    struct mr_slice key)
{
    pthread_rwlock_rdlock(&lambda->lock);
    struct lambda_function *function = mr_map_get(map, key);
    if (function != NULL)
        atomic_fetch_add(&function->refs, 1);
    pthread_rwlock_unlock(&lambda->lock);
    return function;
}

struct lambda_function *lambda_function_find(struct lambda *lambda, struct mr_slice name)
{
    return find(lambda, &lambda->map, name);
}

struct lambda_function *lambda_url_function(struct lambda *lambda, struct mr_slice id)
{
    return find(lambda, &lambda->urls, id);
}

/* ---- their URLs ---- */

/* The URLs of a record are found from now on, or no more. */
static void index_urls_locked(struct lambda_function *function, const struct lambda_record *record,
                              bool found)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    yyjson_val *urls =
        mr_json_parse(&arena, mr_slice_cstr(record->texts[LAMBDA_URLS]), DOC_DEPTH_MAX);
    yyjson_val *qualifier, *url;
    size_t i, count;
    yyjson_obj_foreach(urls, i, count, qualifier, url)
    {
        const struct mr_slice id = mr_json_get_text(url, "id");
        if (found)
            (void)mr_map_put(&function->lambda->urls, id, function);
        else
            (void)mr_map_remove(&function->lambda->urls, id);
    }
    mr_arena_fini(&arena);
}

/* Of a function whose change is held. */
static void move_urls(struct lambda_function *function, const struct lambda_record *from,
                      const struct lambda_record *to)
{
    if (strcmp(from->texts[LAMBDA_URLS], to->texts[LAMBDA_URLS]) == 0)
        return;
    pthread_rwlock_wrlock(&function->lambda->lock);
    index_urls_locked(function, from, false);
    index_urls_locked(function, to, true);
    pthread_rwlock_unlock(&function->lambda->lock);
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

static const char *const text_names[LAMBDA_TEXTS] = {"tags",          "policies", "aliases",
                                                     "event_configs", "urls",     "provisioned"};

static void write_code(struct mr_json *json, const struct lambda_code *code)
{
    mr_json_key_cstr(json, "code", code->id);
    mr_json_key_cstr(json, "sha256", code->sha256);
    mr_json_key_int(json, "size", code->size);
}

static void write_config(struct mr_json *json, const struct lambda_config *config,
                         const char *revision)
{
    write_code(json, config->code);
    mr_json_key(json, "layers");
    mr_json_array(json);
    for (size_t i = 0; i < config->layers.count; i++) {
        mr_json_object(json);
        write_code(json, config->layers.codes[i]);
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
    mr_json_key_cstr(json, "revision", revision);
    mr_json_key_value(json, "function", config->doc);
}

static void put_document(struct lambda_function *function, const struct lambda_record *record,
                         struct store_entry *entry)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_int(&json, "reserved", record->reserved);
    mr_json_key_int(&json, "next_version", record->next_version);
    for (size_t i = 0; i < LAMBDA_TEXTS; i++)
        mr_json_key_raw(&json, text_names[i], mr_slice_cstr(record->texts[i]));
    write_config(&json, record->config, record->revision);
    mr_json_object_end(&json);
    store_doc_put(entry, "lambda", "function", mr_slice_cstr(function->name),
                  mr_arena_copy(entry->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
}

static struct mr_slice version_name(struct mr_arena *arena, const struct lambda_function *function,
                                    int64_t number)
{
    return mr_arena_printf(arena, "%s:%010lld", function->name, (long long)number);
}

static void put_version(struct lambda_function *function, const struct lambda_version *version,
                        struct store_entry *entry)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    write_config(&json, version->config, version->revision);
    mr_json_object_end(&json);
    store_doc_put(entry, "lambda", "version", version_name(entry->arena, function, version->number),
                  mr_arena_copy(entry->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
}

/* What `record` (NULL: nothing) has and the present record has not, and the other way round. */
static void put_versions(struct lambda_function *function, const struct lambda_record *record,
                         struct store_entry *entry)
{
    const struct lambda_record *old = &function->locked.record;
    for (size_t i = 0; record != NULL && i < record->version_count; i++)
        if (lambda_record_version(old, record->versions[i].number) == NULL)
            put_version(function, &record->versions[i], entry);
    for (size_t i = 0; i < old->version_count; i++)
        if (record == NULL || lambda_record_version(record, old->versions[i].number) == NULL)
            store_doc_delete(entry, "lambda", "version",
                             version_name(entry->arena, function, old->versions[i].number));
}

/* `record` replaces the present one; NULL: the function goes. */
static enum mr_status save(struct lambda_function *function, const struct lambda_record *record)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    put_versions(function, record, &entry);
    if (record != NULL)
        put_document(function, record, &entry);
    else
        store_doc_delete(&entry, "lambda", "function", mr_slice_cstr(function->name));
    const enum mr_status status = store_commit_wait(function->lambda->options.store, &entry);
    mr_arena_fini(&arena);
    return status;
}

/* ---- versions ---- */

const struct lambda_version *lambda_record_version(const struct lambda_record *record,
                                                   int64_t number)
{
    for (size_t i = 0; i < record->version_count; i++)
        if (record->versions[i].number == number)
            return &record->versions[i];
    return NULL;
}

const struct lambda_version *lambda_record_publish(struct lambda *lambda,
                                                   struct lambda_record *record,
                                                   struct mr_slice description)
{
    const size_t count = record->version_count;
    record->versions = mr_realloc(record->versions, (count + 1) * sizeof *record->versions);
    struct lambda_version *version = &record->versions[count];
    *version = (struct lambda_version){
        .number = record->next_version++,
        .config = lambda_config_version(record->config, record->next_version - 1, description),
    };
    mr_rng_uuid(lambda->options.rng, version->revision);
    record->version_count++;
    return version;
}

void lambda_record_drop_version(struct lambda_record *record, int64_t number)
{
    for (size_t i = 0; i < record->version_count; i++) {
        if (record->versions[i].number != number)
            continue;
        lambda_config_unref(record->versions[i].config);
        record->version_count--;
        memmove(&record->versions[i], &record->versions[i + 1],
                (record->version_count - i) * sizeof *record->versions);
        return;
    }
}

struct lambda_config *lambda_function_config_locked(struct lambda_function *function,
                                                    int64_t version)
{
    const struct lambda_record *record = &function->locked.record;
    if (version == 0)
        return record->config;
    const struct lambda_version *found = lambda_record_version(record, version);
    return found == NULL ? NULL : found->config;
}

bool lambda_function_runs_locked(const struct lambda_function *function,
                                 const struct lambda_config *config)
{
    const struct lambda_record *record = &function->locked.record;
    bool found = config == record->config;
    for (size_t i = 0; i < record->version_count && !found; i++)
        found = config == record->versions[i].config;
    return found && !function->locked.deleted;
}

/* The alias's version, or by its weights the other one. */
static struct mr_slice draw(struct lambda *lambda, yyjson_val *alias)
{
    yyjson_val *weights =
        mr_json_get(mr_json_get(alias, "RoutingConfig"), "AdditionalVersionWeights");
    size_t i, count;
    yyjson_val *name, *value;
    double at = (double)(mr_rng_u64(lambda->options.rng) >> 11) / (double)(1ull << 53);
    yyjson_obj_foreach(weights, i, count, name, value)
    {
        at -= mr_json_double(value, 0);
        if (at < 0)
            return mr_json_text(name);
    }
    return mr_json_get_text(alias, "FunctionVersion");
}

enum mr_status lambda_record_resolve(struct lambda *lambda, const struct lambda_record *record,
                                     struct mr_slice qualifier, int64_t *ret_version)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    uint64_t number = 0;
    if (qualifier.len > 0 && mr_slice_to_u64(qualifier, &number) != MR_OK &&
        !mr_slice_equal(qualifier, MR_S("$LATEST"))) {
        yyjson_val *aliases =
            mr_json_parse(&arena, mr_slice_cstr(record->texts[LAMBDA_ALIASES]), DOC_DEPTH_MAX);
        yyjson_val *alias = mr_json_getn(aliases, qualifier);
        if (alias == NULL)
            qualifier = MR_S("none");
        else
            qualifier =
                lambda != NULL ? draw(lambda, alias) : mr_json_get_text(alias, "FunctionVersion");
    }
    enum mr_status status = MR_OK;
    if (qualifier.len == 0 || mr_slice_equal(qualifier, MR_S("$LATEST")))
        *ret_version = 0;
    else if (mr_slice_to_u64(qualifier, &number) == MR_OK && number <= INT64_MAX &&
             lambda_record_version(record, (int64_t)number) != NULL)
        *ret_version = (int64_t)number;
    else
        status = MR_NOT_FOUND;
    mr_arena_fini(&arena);
    return status;
}

void lambda_record_set(struct lambda_record *record, enum lambda_text text, struct mr_slice name,
                       struct mr_slice value)
{
    struct mr_arena arena;
    struct mr_buf buf = {0};
    mr_arena_init(&arena);
    yyjson_val *old = mr_json_parse(&arena, mr_slice_cstr(record->texts[text]), DOC_DEPTH_MAX);
    struct mr_json json = mr_json_make(&buf);
    size_t i, count;
    yyjson_val *key, *kept;
    mr_json_object(&json);
    yyjson_obj_foreach(old, i, count, key, kept)
    {
        if (mr_slice_equal(mr_json_text(key), name))
            continue;
        mr_json_name(&json, mr_json_text(key));
        mr_json_value(&json, kept);
    }
    if (value.len > 0) {
        mr_json_name(&json, name);
        mr_json_raw(&json, value);
    }
    mr_json_object_end(&json);
    free(record->texts[text]);
    record->texts[text] = mr_strdup_slice(mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    mr_arena_fini(&arena);
}

/* ---- create, change, delete ---- */

static void forget(struct lambda_function *function)
{
    struct lambda *lambda = function->lambda;
    pthread_rwlock_wrlock(&lambda->lock);
    (void)mr_map_remove(&lambda->map, mr_slice_cstr(function->name));
    index_urls_locked(function, &function->locked.record, false);
    pthread_rwlock_unlock(&lambda->lock);
    lambda_function_unref(function);
}

/* A document no longer names this code. */
static void drop_code(struct lambda_config *config)
{
    atomic_store(&config->code->dropped, true);
}

/* Code that only one of the two names, and versions that `to` lacks. */
static void drop_codes(struct lambda_record *from, const struct lambda_record *to)
{
    if (to == NULL || from->config->code != to->config->code)
        drop_code(from->config);
    for (size_t i = 0; i < from->version_count; i++)
        if (to == NULL || lambda_record_version(to, from->versions[i].number) == NULL)
            drop_code(from->versions[i].config);
}

enum mr_status lambda_function_create(struct lambda *lambda,
                                      const struct lambda_function_new *create,
                                      struct lambda_function **ret_function)
{
    struct lambda_record record = {.config = create->config, .reserved = -1, .next_version = 1};
    mr_rng_uuid(lambda->options.rng, record.revision);
    record.texts[LAMBDA_TAGS] = mr_strdup_slice(create->tags.len > 0 ? create->tags : MR_S("{}"));
    for (size_t i = LAMBDA_TAGS + 1; i < LAMBDA_TEXTS; i++)
        record.texts[i] = text_copy("{}");
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
    drop_codes(next, &function->locked.record);
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
    lambda_instances_retire_old_locked(function);
    if (changed) {
        lambda_function_set_state_locked(function, FUNCTION_PENDING, "Creating",
                                         "The function is being created.");
    }
    pthread_cond_broadcast(&function->freed);
    pthread_mutex_unlock(&function->lock);
    move_urls(function, &old, &function->locked.record);
    if (changed)
        lambda_function_settle(function);
    drop_codes(&old, next);
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
        drop_codes(&function->locked.record, NULL);
        forget(function);
    }
    pthread_mutex_unlock(&function->change);
    return status;
}

/* The config of a document; NULL: damaged. `ret_found` false: a zip is gone. */
static struct lambda_config *load_config(struct lambda *lambda, yyjson_val *doc, bool *ret_found)
{
    struct lambda_code *code = NULL;
    struct lambda_layers layers = {0};
    *ret_found =
        lambda_code_load(lambda, mr_json_get_text(doc, "code"), mr_json_get_text(doc, "sha256"),
                         mr_json_get_i64(doc, "size", 0), &code) == MR_OK;
    size_t i, count;
    yyjson_val *layer;
    yyjson_arr_foreach(mr_json_get(doc, "layers"), i, count, layer)
    {
        if (layers.count == LAMBDA_LAYERS_MAX)
            break;
        if (lambda_code_load(lambda, mr_json_get_text(layer, "code"),
                             mr_json_get_text(layer, "sha256"), mr_json_get_i64(layer, "size", 0),
                             &layers.codes[layers.count++]) != MR_OK)
            *ret_found = false;
    }
    char *text = mr_json_strdup(mr_json_get(doc, "function"), "{}");
    struct lambda_config *config = lambda_config_new(mr_slice_cstr(text), code, &layers);
    free(text);
    return config;
}

static enum mr_status load_one(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct lambda *lambda = ctx;
    struct mr_arena arena;
    mr_arena_init(&arena);
    yyjson_val *doc = mr_json_parse(&arena, json, DOC_DEPTH_MAX);
    bool found;
    struct lambda_record record = {
        .config = load_config(lambda, doc, &found),
        .reserved = mr_json_get_i64(doc, "reserved", -1),
        .next_version = mr_json_get_i64(doc, "next_version", 1),
    };
    for (size_t i = 0; i < LAMBDA_TEXTS; i++)
        record.texts[i] = mr_json_strdup(mr_json_get(doc, text_names[i]), "{}");
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
        index_urls_locked(function, &record, true);
        if (found) /* its code is unpacked when it is first called */
            set_state(function, FUNCTION_ACTIVE, NULL, "");
        else
            set_state(function, FUNCTION_FAILED, "InternalError",
                      "the zip of its code is missing in the data folder");
    }
    mr_arena_fini(&arena);
    return status;
}

static enum mr_status load_version(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct lambda *lambda = ctx;
    struct mr_arena arena;
    mr_arena_init(&arena);
    const size_t colon = mr_slice_find(name, ':');
    struct lambda_function *function = mr_map_get(&lambda->map, mr_slice_sub(name, 0, colon));
    yyjson_val *doc = mr_json_parse(&arena, json, DOC_DEPTH_MAX);
    bool found;
    struct lambda_version version = {0};
    enum mr_status status = MR_OK;
    if (function == NULL || colon == SIZE_MAX ||
        mr_slice_to_i64(mr_slice_sub(name, colon + 1, SIZE_MAX), &version.number) != MR_OK ||
        (version.config = load_config(lambda, doc, &found)) == NULL) {
        status = MR_RAISE(MR_FAIL_DATA, "version '%.*s' has a damaged document", MR_ARG(name));
    } else {
        struct lambda_record *record = &function->locked.record;
        (void)snprintf(version.revision, sizeof version.revision, "%.*s",
                       MR_ARG(mr_json_get_text(doc, "revision")));
        record->versions =
            mr_realloc(record->versions, (record->version_count + 1) * sizeof *record->versions);
        record->versions[record->version_count++] = version;
    }
    mr_arena_fini(&arena);
    return status;
}

enum mr_status lambda_functions_load(struct lambda *lambda)
{
    struct store *store = lambda->options.store;
    const enum mr_status status =
        store_doc_each(store, "lambda", "function", MR_S(""), load_one, lambda);
    if (status != MR_OK)
        return status;
    return store_doc_each(store, "lambda", "version", MR_S(""), load_version, lambda);
}

void lambda_functions_free(struct lambda *lambda)
{
    size_t cursor = 0;
    struct mr_slice name;
    void *value;
    while (mr_map_next(&lambda->map, &cursor, &name, &value))
        lambda_function_unref(value);
    mr_map_fini(&lambda->map);
    mr_map_fini(&lambda->urls);
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
