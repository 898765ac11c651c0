/* Queries: their records, the queue, their states.
 *
 *            a slot is free              its result is stored
 *   QUEUED ----------------> RUNNING ----------------------------> SUCCEEDED
 *     |                        |  error, 30 minutes, a restart
 *     | stop                   +---------------------------------> FAILED
 *     v                        |  stop
 *   CANCELLED <----------------+
 *
 * Stored: "athena/query/<id>", the wire's QueryExecution and beside it
 *   "columns" [{name,type,precision,scale}], "token", "parameters" (how many).
 * The record is stored when the query is queued and again when it has ended, in one entry with its
 * result object; between the two the state is known in memory only, so a query found QUEUED at
 * opening was cut short. SUCCEEDED is shown when that entry is durable. */
#include "athena/cache.h"
#include "athena/internal.h"
#include "base/clock.h"
#include "base/log.h"
#include <assert.h>
#include <stdlib.h>

static const char *const state_names[ATHENA_STATES] = {"QUEUED", "RUNNING", "SUCCEEDED", "FAILED",
                                                       "CANCELLED"};
static const bool legal_moves[ATHENA_STATES][ATHENA_STATES] = {
    [ATHENA_QUEUED] = {[ATHENA_RUNNING] = true, [ATHENA_CANCELLED] = true, [ATHENA_FAILED] = true},
    [ATHENA_RUNNING] =
        {[ATHENA_SUCCEEDED] = true, [ATHENA_FAILED] = true, [ATHENA_CANCELLED] = true},
};

static void set_state_locked(struct athena_query *query, enum athena_state state)
{
    assert(legal_moves[query->end.state][state]);
    mr_log(MR_LOG_DEBUG, "athena", "query %s: %s -> %s", query->id, state_names[query->end.state],
           state_names[state]);
    query->end.state = state;
}

/* ---- records ---- */

static int64_t at_least_zero(int64_t value)
{
    return value > 0 ? value : 0;
}

static void write_statistics(const struct athena_query *query, const struct athena_end *told,
                             struct mr_json *json, int64_t now_ms)
{
    const struct athena_outcome *outcome = &told->outcome;
    const int64_t end = told->completed_ms > 0 ? told->completed_ms : now_ms;
    const int64_t started = query->started_ms > 0 ? query->started_ms : end;
    mr_json_object(json);
    mr_json_key_int(json, "EngineExecutionTimeInMillis", at_least_zero(end - started));
    mr_json_key_int(json, "DataScannedInBytes", (int64_t)outcome->scanned_bytes);
    mr_json_key_int(json, "TotalExecutionTimeInMillis", at_least_zero(end - query->submitted_ms));
    mr_json_key_int(json, "QueryQueueTimeInMillis", at_least_zero(started - query->submitted_ms));
    mr_json_key_int(json, "ServicePreProcessingTimeInMillis", 0);
    mr_json_key_int(json, "QueryPlanningTimeInMillis", outcome->planning_ms);
    mr_json_key_int(json, "ServiceProcessingTimeInMillis", 0);
    if (outcome->manifest.len > 0)
        mr_json_key_string(json, "DataManifestLocation", outcome->manifest);
    mr_json_key_raw(json, "ResultReuseInformation",
                    outcome->reused.len > 0 ? MR_S("{\"ReusedPreviousResult\":true}")
                                            : MR_S("{\"ReusedPreviousResult\":false}"));
    mr_json_object_end(json);
}

/* AWS: the error catalog of Athena's user guide. */
struct error_class {
    const char *code; /* how it begins */
    int category, type;
    bool retryable;
};

static const struct error_class *error_class_of(const char *code)
{
    static const struct error_class classes[] = {
        {"EXCEEDED_LOCAL_MEMORY_LIMIT", 1, 0, false}, /* resources at this scale factor */
        {"EXCEEDED_TIME_LIMIT", 1, 210, false},
        {"GENERIC_INTERNAL_ERROR", 1, 200, true},
        {"INTERNAL_ERROR", 1, 100, true},
        {"INVALID_OUTPUT_LOCATION", 1, 401, false},
        {"HIVE_BAD_DATA", 2, 1001, false},
        {"HIVE_CURSOR_ERROR", 2, 1001, false},
        {"FAILED", 2, 1003, false},
        {"", 2, 1006, false},
    };
    size_t i = 0;
    while (strncmp(code, classes[i].code, strlen(classes[i].code)) != 0)
        i++;
    return &classes[i];
}

static void write_status(const struct athena_query *query, const struct athena_end *told,
                         struct mr_json *json)
{
    mr_json_object(json);
    mr_json_key_cstr(json, "State", state_names[told->state]);
    if (told->state == ATHENA_FAILED && told->outcome.error.code != NULL) {
        const struct athena_error *error = &told->outcome.error;
        struct mr_buf reason = {0};
        mr_buf_printf(&reason, "%s: ", error->code);
        if (error->line > 0)
            mr_buf_printf(&reason, "line %u:%u: ", error->line, error->column);
        mr_buf_append(&reason, error->message);
        mr_json_key_string(json, "StateChangeReason", mr_buf_slice(&reason));
        mr_json_key(json, "AthenaError");
        mr_json_object(json);
        const struct error_class *class = error_class_of(error->code);
        mr_json_key_int(json, "ErrorCategory", class->category);
        mr_json_key_int(json, "ErrorType", class->type);
        mr_json_key_bool(json, "Retryable", class->retryable);
        mr_json_key_string(json, "ErrorMessage", mr_buf_slice(&reason));
        mr_json_object_end(json);
        mr_buf_fini(&reason);
    } else if (told->state == ATHENA_CANCELLED) {
        mr_json_key_cstr(json, "StateChangeReason",
                         told->outcome.over_limit
                             ? "Query cancelled! : Bytes scanned limit was exceeded"
                             : "Query cancelled by user");
    }
    mr_json_key_timestamp(json, "SubmissionDateTime", query->submitted_ms);
    if (told->completed_ms > 0)
        mr_json_key_timestamp(json, "CompletionDateTime", told->completed_ms);
    mr_json_object_end(json);
}

static void write_reuse(const struct athena_query *query, struct mr_json *json)
{
    mr_json_key(json, "ResultReuseConfiguration");
    mr_json_object(json);
    mr_json_key(json, "ResultReuseByAgeConfiguration");
    mr_json_object(json);
    mr_json_key_bool(json, "Enabled", query->reuse_minutes >= 0);
    if (query->reuse_minutes >= 0)
        mr_json_key_int(json, "MaxAgeInMinutes", query->reuse_minutes);
    mr_json_object_end(json);
    mr_json_object_end(json);
}

static struct mr_slice query_json(const struct athena_query *query, const struct athena_end *told,
                                  struct mr_arena *arena, int64_t now_ms)
{
    const struct athena_outcome *outcome = &told->outcome;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_cstr(&json, "QueryExecutionId", query->id);
    mr_json_key_string(&json, "Query", query->text);
    mr_json_key_cstr(&json, "StatementType", query->type);
    mr_json_key_cstr(&json, "SubstatementType", query->substatement);
    mr_json_key(&json, "ResultConfiguration");
    mr_json_object(&json);
    mr_json_key_string(&json, "OutputLocation",
                       outcome->reused.len > 0 ? outcome->reused : query->location);
    mr_json_object_end(&json);
    write_reuse(query, &json);
    mr_json_key(&json, "QueryExecutionContext");
    mr_json_object(&json);
    if (query->database.len > 0)
        mr_json_key_string(&json, "Database", query->database);
    if (query->catalog.len > 0)
        mr_json_key_string(&json, "Catalog", query->catalog);
    mr_json_object_end(&json);
    mr_json_key(&json, "Status");
    write_status(query, told, &json);
    mr_json_key(&json, "Statistics");
    write_statistics(query, told, &json, now_ms);
    mr_json_key_string(&json, "WorkGroup", query->workgroup);
    mr_json_key_raw(&json, "EngineVersion",
                    MR_S("{\"SelectedEngineVersion\":\"AUTO\",\"EffectiveEngineVersion\":"
                         "\"Athena engine version 3\"}"));
    if (query->parameter_count > 0) {
        mr_json_key(&json, "ExecutionParameters");
        mr_json_array(&json);
        for (size_t i = 0; i < query->parameter_count; i++)
            mr_json_string(&json, query->parameters[i]);
        mr_json_array_end(&json);
    }
    mr_json_key_raw(&json, "columns", outcome->columns);
    mr_json_key_string(&json, "token", query->token);
    if (outcome->wrote)
        mr_json_key_int(&json, "updateCount", (int64_t)outcome->update_count);
    mr_json_object_end(&json);
    struct mr_slice text = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static enum mr_status save(struct athena_query *query, struct mr_arena *arena, int64_t *ret_ticket)
{
    struct store *store = query->athena->options.store;
    struct store_entry entry = store_entry_make(arena);
    store_doc_put(&entry, "athena", "query", mr_slice_cstr(query->id),
                  query_json(query, &query->end, arena, store_now(store)));
    return store_commit(store, &entry, ret_ticket);
}

void athena_query_record(struct athena_query *query, const struct athena_outcome *outcome,
                         struct store_entry *entry)
{
    const int64_t now_ms = store_now(query->athena->options.store);
    struct athena_end *end = MR_NEW(&query->arena, struct athena_end);
    *end =
        (struct athena_end){.state = ATHENA_SUCCEEDED, .completed_ms = now_ms, .outcome = *outcome};
    store_doc_put(entry, "athena", "query", mr_slice_cstr(query->id),
                  query_json(query, end, entry->arena, now_ms));
    query->recorded = end;
}

/* ---- the history ---- */

static void remember_locked(struct athena *athena, struct mr_slice id, struct mr_slice workgroup,
                            struct mr_slice token, int64_t submitted_ms)
{
    if (token.len > 0)
        free(mr_map_put(&athena->locked.tokens, token, mr_strdup_slice(id)));
    if (athena->locked.history_count == athena->locked.history_capacity) {
        athena->locked.history_capacity =
            athena->locked.history_capacity == 0 ? 64 : athena->locked.history_capacity * 2;
        athena->locked.history =
            mr_realloc(athena->locked.history,
                       sizeof *athena->locked.history * athena->locked.history_capacity);
    }
    struct athena_entry *entry = &athena->locked.history[athena->locked.history_count++];
    *entry = (struct athena_entry){.submitted_ms = submitted_ms};
    entry->workgroup = mr_strdup_slice(workgroup);
    entry->token = mr_strdup_slice(token);
    assert(id.len == 36);
    memcpy(entry->id, id.ptr, 36);
}

/* Drops the oldest records beyond the limit, by the entry that is committed next. */
static void forget_locked(struct athena *athena, struct store_entry *entry)
{
    while (athena->locked.history_count > ATHENA_HISTORY_MAX) {
        struct athena_entry *oldest = &athena->locked.history[0];
        struct mr_slice id = mr_slice_make(oldest->id, 36);
        if (mr_map_get(&athena->locked.active, id) != NULL)
            return;
        store_doc_delete(entry, "athena", "query", mr_arena_copy(entry->arena, id));
        free(mr_map_remove(&athena->locked.tokens, mr_slice_cstr(oldest->token)));
        free(oldest->workgroup);
        free(oldest->token);
        athena->locked.history_count--;
        memmove(oldest, oldest + 1, sizeof *oldest * athena->locked.history_count);
    }
}

struct mr_slice *athena_query_ids(struct athena *athena, struct mr_arena *arena,
                                  struct mr_slice workgroup, size_t *ret_count)
{
    size_t count = 0;
    pthread_mutex_lock(&athena->lock);
    struct mr_slice *ids = MR_NEW_ARRAY(arena, struct mr_slice, athena->locked.history_count + 1);
    for (size_t i = athena->locked.history_count; i > 0; i--) {
        const struct athena_entry *entry = &athena->locked.history[i - 1];
        if (mr_slice_equal(workgroup, mr_slice_cstr(entry->workgroup)))
            ids[count++] = mr_arena_copy(arena, mr_slice_make(entry->id, 36));
    }
    pthread_mutex_unlock(&athena->lock);
    *ret_count = count;
    return ids;
}

/* ---- running ---- */

static void query_free(struct athena_query *query)
{
    athena_handle_fini(&query->handle);
    mr_arena_fini(&query->arena);
    free(query);
}

static void run_job(void *arg);

/* Starts waiting queries while there are free slots. `takes`: the calling worker can have one. */
static void start_locked(struct athena *athena, bool takes)
{
    while (athena->locked.first != NULL && athena->locked.running < ATHENA_RUNNING_MAX) {
        struct athena_query *query = athena->locked.first;
        struct runtime *runtime = athena->options.runtime;
        if ((takes ? runtime_submit_next : runtime_submit)(runtime, run_job, query) != MR_OK)
            return; /* the runtime stops, or is full: the next end of a query tries again */
        athena->locked.first = query->next;
        if (athena->locked.first == NULL)
            athena->locked.last = NULL;
        athena->locked.queued--;
        athena->locked.running++;
    }
}

void athena_query_show(struct athena_query *query)
{
    struct athena *athena = query->athena;
    pthread_mutex_lock(&athena->lock);
    set_state_locked(query, ATHENA_SUCCEEDED);
    query->end = *query->recorded;
    pthread_mutex_unlock(&athena->lock);
}

/* Takes the query out of memory once its last record is stored. */
static void finish(struct athena_query *query, enum athena_state state,
                   const struct athena_outcome *outcome)
{
    struct athena *athena = query->athena;
    int64_t ticket;
    struct mr_arena arena;
    mr_arena_init(&arena);
    pthread_mutex_lock(&athena->lock);
    if (query->end.state != ATHENA_SUCCEEDED) { /* shown is stored */
        query->end.outcome = *outcome;
        query->end.completed_ms = store_now(athena->options.store);
        set_state_locked(query, state);
        if (save(query, &arena, &ticket) != MR_OK)
            mr_log(MR_LOG_ERROR, "athena", "query %s: its end is not stored", query->id);
    }
    mr_map_remove(&athena->locked.active, mr_slice_cstr(query->id));
    athena->locked.running--;
    if (!athena->locked.closing)
        start_locked(athena, true);
    pthread_cond_broadcast(&athena->idle);
    pthread_mutex_unlock(&athena->lock);
    mr_arena_fini(&arena);
    query_free(query);
}

static void run_job(void *arg)
{
    struct athena_query *query = arg;
    struct athena *athena = query->athena;
    pthread_mutex_lock(&athena->lock);
    query->started_ms = store_now(athena->options.store);
    const bool cancelled = atomic_load(&query->handle.cancelled);
    if (!cancelled)
        set_state_locked(query, ATHENA_RUNNING);
    pthread_mutex_unlock(&athena->lock);
    struct athena_outcome outcome = {0};
    enum mr_status status = cancelled ? MR_END : athena_query_run(query, &outcome);
    if (status == MR_END && atomic_load(&query->timed_out)) {
        outcome.error =
            (struct athena_error){.code = "EXCEEDED_TIME_LIMIT", .message = MR_S("Query timeout")};
        status = MR_INVALID;
    }
    pthread_mutex_lock(&athena->lock);
    const bool closing = athena->locked.closing;
    pthread_mutex_unlock(&athena->lock);
    if (status == MR_END && closing) {
        outcome.error = (struct athena_error){
            .code = "GENERIC_INTERNAL_ERROR",
            .message = MR_S("the query was cut short by a restart of the service")};
        status = MR_INVALID;
    }
    if (status == MR_END)
        finish(query, ATHENA_CANCELLED, &outcome);
    else
        finish(query, status == MR_OK ? ATHENA_SUCCEEDED : ATHENA_FAILED, &outcome);
}

/* ---- starting ---- */

static struct athena_query *query_new(struct athena *athena, const struct athena_start *start)
{
    struct athena_query *query = mr_calloc(1, sizeof *query);
    query->athena = athena;
    mr_arena_init(&query->arena);
    athena_handle_init(&query->handle);
    mr_rng_uuid(athena->options.rng, query->id);
    query->text = mr_arena_copy(&query->arena, mr_slice_trim(start->text));
    query->database = mr_arena_copy(&query->arena, start->database);
    query->catalog = mr_arena_copy(&query->arena, start->catalog);
    query->workgroup = mr_arena_copy(&query->arena, start->workgroup);
    query->token = mr_arena_copy(&query->arena, start->token);
    query->account = mr_arena_copy(&query->arena, start->account);
    const bool rows = start->statement->kind <= STATEMENT_EXECUTE;
    query->location = mr_arena_printf(&query->arena, "%.*s%s%s", MR_ARG(start->folder), query->id,
                                      athena_statement_writes(start->statement) ? ""
                                      : rows                                    ? ".csv"
                                                                                : ".txt");
    query->scan_bytes_max = start->scan_bytes_max;
    query->reuse_minutes = start->reuse_minutes;
    query->type = start->statement->type;
    query->substatement = start->statement->substatement;
    query->submitted_ms = store_now(athena->options.store);
    query->parameter_count = yyjson_arr_size(start->parameters);
    query->parameters = MR_NEW_ARRAY(&query->arena, struct mr_slice, query->parameter_count + 1);
    size_t index, max;
    yyjson_val *value;
    yyjson_arr_foreach(start->parameters, index, max, value)
    {
        query->parameters[index] = mr_arena_copy(&query->arena, mr_json_text(value));
    }
    return query;
}

/* The query that an earlier call with the same token started. MR_NOT_FOUND: none did. */
static enum mr_status find_token(struct athena *athena, struct mr_arena *arena,
                                 const struct athena_start *start, struct mr_slice *ret_id)
{
    yyjson_val *doc;
    pthread_mutex_lock(&athena->lock);
    const char *known =
        start->token.len == 0 ? NULL : mr_map_get(&athena->locked.tokens, start->token);
    struct mr_slice id = known == NULL ? MR_S("") : mr_arena_copy(arena, mr_slice_cstr(known));
    pthread_mutex_unlock(&athena->lock);
    if (known == NULL)
        return MR_NOT_FOUND;
    enum mr_status status = athena_query_get(athena, arena, id, &doc);
    if (status != MR_OK)
        return status;
    if (!mr_slice_equal(mr_json_get_text(doc, "Query"), mr_slice_trim(start->text)))
        return MR_EXISTS;
    *ret_id = id;
    return MR_OK;
}

/* What quick queries take: the sync of a start then does not take a processor from its query, and
 * one does for both commits of it. Whoever starts a query waits no longer for its end, for it asks
 * for that after the reply, which leaves with the sync. */
enum { START_GRACE_US = 8000 };

/* On a worker, which is not the query's. One waits for all that have begun. */
static void sync_starts(void *arg)
{
    struct athena *athena = arg;
    enum mr_status status = MR_OK;
    pthread_mutex_lock(&athena->lock);
    for (int64_t done = 0; status == MR_OK && done < athena->locked.started;) {
        done = athena->locked.started;
        pthread_mutex_unlock(&athena->lock);
        status = store_wait_after(athena->options.store, done, START_GRACE_US);
        pthread_mutex_lock(&athena->lock);
    }
    athena->locked.start_waits = false;
    pthread_cond_broadcast(&athena->idle);
    pthread_mutex_unlock(&athena->lock);
}

/* False: nobody will sync it. */
static bool see_to_sync_locked(struct athena *athena, int64_t ticket)
{
    athena->locked.started = ticket;
    if (!athena->locked.start_waits)
        athena->locked.start_waits =
            runtime_submit(athena->options.runtime, sync_starts, athena) == MR_OK;
    return athena->locked.start_waits;
}

static void enqueue_locked(struct athena *athena, struct athena_query *query, bool takes)
{
    mr_map_put(&athena->locked.active, mr_slice_cstr(query->id), query);
    remember_locked(athena, mr_slice_cstr(query->id), query->workgroup, query->token,
                    query->submitted_ms);
    if (athena->locked.last == NULL)
        athena->locked.first = query;
    else
        athena->locked.last->next = query;
    athena->locked.last = query;
    athena->locked.queued++;
    start_locked(athena, takes);
}

enum mr_status athena_query_start(struct athena *athena, struct mr_arena *arena,
                                  const struct athena_start *start, struct mr_slice *ret_id,
                                  int64_t *ret_ticket)
{
    enum mr_status status = find_token(athena, arena, start, ret_id);
    if (status != MR_NOT_FOUND) {
        *ret_ticket = 0;
        return status;
    }
    struct athena_query *query = query_new(athena, start);
    struct store_entry entry = store_entry_make(arena);
    entry.waits = true;
    *ret_id = mr_arena_copy(arena, mr_slice_cstr(query->id));
    pthread_mutex_lock(&athena->lock);
    status = athena->locked.queued >= ATHENA_QUEUE_MAX || athena->locked.closing ? MR_FULL : MR_OK;
    if (status == MR_OK) {
        store_doc_put(&entry, "athena", "query", *ret_id,
                      query_json(query, &query->end, arena, query->submitted_ms));
        forget_locked(athena, &entry);
        status = store_commit(athena->options.store, &entry, ret_ticket);
    }
    const int64_t deadline_ms = query->submitted_ms + ATHENA_TIMEOUT_MS;
    const bool sooner = deadline_ms < athena->locked.deadlines_ms;
    bool synced = true;
    if (status == MR_OK) {
        synced = see_to_sync_locked(athena, *ret_ticket);
        athena->locked.deadlines_ms = sooner ? deadline_ms : athena->locked.deadlines_ms;
        enqueue_locked(athena, query, start->takes);
    }
    pthread_mutex_unlock(&athena->lock);
    if (status != MR_OK)
        query_free(query);
    else if (sooner)
        runtime_pump_wake(athena->deadlines);
    return status != MR_OK || synced ? status : store_wait(athena->options.store, *ret_ticket);
}

enum mr_status athena_query_get(struct athena *athena, struct mr_arena *arena, struct mr_slice id,
                                yyjson_val **ret_doc)
{
    struct mr_slice json = MR_S("");
    pthread_mutex_lock(&athena->lock);
    const struct athena_query *query = mr_map_get(&athena->locked.active, id);
    if (query != NULL)
        json = query_json(query, &query->end, arena, store_now(athena->options.store));
    pthread_mutex_unlock(&athena->lock);
    if (query == NULL) {
        enum mr_status status =
            store_doc_get(athena->options.store, arena, "athena", "query", id, &json);
        if (status != MR_OK)
            return status;
    }
    *ret_doc = mr_json_parse(arena, json, MR_JSON_DEPTH_MAX);
    if (*ret_doc == NULL)
        return MR_RAISE(MR_FAIL_DATA, "the record of query %.*s is no JSON", MR_ARG(id));
    return MR_OK;
}

/* Takes a query that waits out of the queue and ends it. False: it does not wait any more. */
static bool cancel_waiting_locked(struct athena *athena, struct athena_query *query,
                                  struct mr_arena *arena)
{
    struct athena_query *before = NULL, *at = athena->locked.first;
    int64_t ticket;
    while (at != NULL && at != query) {
        before = at;
        at = at->next;
    }
    if (at == NULL)
        return false;
    if (before == NULL)
        athena->locked.first = query->next;
    else
        before->next = query->next;
    if (athena->locked.last == query)
        athena->locked.last = before;
    athena->locked.queued--;
    query->end.completed_ms = store_now(athena->options.store);
    set_state_locked(query, ATHENA_CANCELLED);
    if (save(query, arena, &ticket) != MR_OK)
        mr_log(MR_LOG_ERROR, "athena", "query %s: its end is not stored", query->id);
    mr_map_remove(&athena->locked.active, mr_slice_cstr(query->id));
    query_free(query);
    return true;
}

enum mr_status athena_query_stop(struct athena *athena, struct mr_slice id)
{
    enum mr_status status = MR_NOT_FOUND;
    struct mr_slice json;
    struct mr_arena arena;
    mr_arena_init(&arena);
    pthread_mutex_lock(&athena->lock);
    struct athena_query *query = mr_map_get(&athena->locked.active, id);
    if (query != NULL) {
        if (!cancel_waiting_locked(athena, query, &arena))
            athena_handle_cancel(&query->handle);
        status = MR_OK;
    }
    pthread_mutex_unlock(&athena->lock);
    if (query != NULL)
        runtime_pump_wake(athena->deadlines);
    else /* one that has ended stays as it is */
        status = store_doc_get(athena->options.store, &arena, "athena", "query", id, &json);
    mr_arena_fini(&arena);
    return status;
}

/* ---- deadlines ---- */

/* Ends what runs too long. An interrupt that comes before DuckDB has begun with a query is
 * forgotten by it, so a cancelled one is interrupted again until it is gone. */
static enum runtime_pump_next deadline_step(void *ctx, int64_t *ret_wake_ms)
{
    struct athena *athena = ctx;
    const int64_t now_ms = store_now(athena->options.store);
    size_t cursor = 0;
    struct mr_slice id;
    void *value;
    pthread_mutex_lock(&athena->lock);
    athena->locked.deadlines_ms = INT64_MAX;
    while (mr_map_next(&athena->locked.active, &cursor, &id, &value)) {
        struct athena_query *query = value;
        int64_t next_ms = query->submitted_ms + ATHENA_TIMEOUT_MS;
        if (next_ms <= now_ms)
            atomic_store(&query->timed_out, true);
        if (next_ms <= now_ms || atomic_load(&query->handle.cancelled)) {
            athena_handle_cancel(&query->handle);
            next_ms = now_ms + ATHENA_CANCEL_AGAIN_MS;
        }
        if (next_ms < athena->locked.deadlines_ms)
            athena->locked.deadlines_ms = next_ms;
    }
    *ret_wake_ms = athena->locked.deadlines_ms;
    pthread_mutex_unlock(&athena->lock);
    return RUNTIME_PUMP_WAIT;
}

/* ---- opening and closing ---- */

struct loading {
    struct athena *athena;
    struct store_entry entry; /* records of queries that were cut short */
};

static struct mr_slice interrupted(struct mr_arena *arena, yyjson_val *doc, int64_t now_ms)
{
    static const char message[] =
        "GENERIC_INTERNAL_ERROR: the query was cut short by a restart of the service";
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    size_t index, max;
    yyjson_val *key, *value;
    mr_json_object(&json);
    yyjson_obj_foreach(doc, index, max, key, value)
    {
        mr_json_name(&json, mr_json_text(key));
        if (!mr_slice_equal(mr_json_text(key), MR_S("Status"))) {
            mr_json_value(&json, value);
            continue;
        }
        mr_json_object(&json);
        mr_json_key_cstr(&json, "State", "FAILED");
        mr_json_key_cstr(&json, "StateChangeReason", message);
        mr_json_key_value(&json, "SubmissionDateTime", mr_json_get(value, "SubmissionDateTime"));
        mr_json_key_timestamp(&json, "CompletionDateTime", now_ms);
        mr_json_key(&json, "AthenaError");
        mr_json_object(&json);
        mr_json_key_int(&json, "ErrorCategory", 1);
        mr_json_key_int(&json, "ErrorType", 200);
        mr_json_key_bool(&json, "Retryable", true);
        mr_json_key_cstr(&json, "ErrorMessage", message);
        mr_json_object_end(&json);
        mr_json_object_end(&json);
    }
    mr_json_object_end(&json);
    struct mr_slice text = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static enum mr_status load_one(void *ctx, struct mr_slice id, struct mr_slice json)
{
    struct loading *loading = ctx;
    struct athena *athena = loading->athena;
    struct mr_arena *arena = loading->entry.arena, scratch;
    mr_arena_init(&scratch);
    yyjson_val *doc = mr_json_parse(&scratch, json, MR_JSON_DEPTH_MAX);
    yyjson_val *status = mr_json_get(doc, "Status");
    const double submitted = mr_json_get_double(status, "SubmissionDateTime", 0);
    struct mr_slice state = mr_json_get_text(status, "State");
    struct mr_slice token = mr_json_get_text(doc, "token");
    enum mr_status result = MR_OK;
    if (id.len != 36 || status == NULL) {
        result = MR_RAISE(MR_FAIL_DATA, "the record of query '%.*s' is damaged", MR_ARG(id));
    } else {
        remember_locked(athena, id, mr_json_get_text(doc, "WorkGroup"), token,
                        (int64_t)(submitted * 1000));
        if (mr_slice_equal(state, MR_S("QUEUED")) || mr_slice_equal(state, MR_S("RUNNING")))
            store_doc_put(&loading->entry, "athena", "query", mr_arena_copy(arena, id),
                          interrupted(arena, doc, store_now(athena->options.store)));
    }
    mr_arena_fini(&scratch);
    return result;
}

static int compare_entries(const void *a, const void *b)
{
    const struct athena_entry *left = a, *right = b;
    return (left->submitted_ms > right->submitted_ms) - (left->submitted_ms < right->submitted_ms);
}

enum mr_status athena_queries_open(struct athena *athena)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct loading loading = {.athena = athena, .entry = store_entry_make(&arena)};
    pthread_mutex_lock(&athena->lock);
    enum mr_status status =
        store_doc_each(athena->options.store, "athena", "query", MR_S(""), load_one, &loading);
    if (athena->locked.history_count > 0)
        qsort(athena->locked.history, athena->locked.history_count, sizeof(struct athena_entry),
              compare_entries);
    pthread_mutex_unlock(&athena->lock);
    int64_t ticket;
    if (status == MR_OK && loading.entry.count > 0)
        status = store_commit(athena->options.store, &loading.entry, &ticket);
    if (status == MR_OK)
        athena->deadlines =
            runtime_pump_start(athena->options.runtime, "athena deadlines", deadline_step, athena);
    mr_arena_fini(&arena);
    return status;
}

static void cancel_all_locked(struct athena *athena)
{
    size_t cursor = 0;
    struct mr_slice key;
    void *value;
    while (mr_map_next(&athena->locked.active, &cursor, &key, &value))
        athena_handle_cancel(&((struct athena_query *)value)->handle);
}

void athena_queries_close(struct athena *athena)
{
    size_t cursor = 0;
    struct mr_slice key;
    void *value;
    if (athena->deadlines != NULL)
        runtime_pump_stop(athena->deadlines);
    pthread_mutex_lock(&athena->lock);
    athena->locked.closing = true;
    while (athena->locked.running > 0 || athena->locked.start_waits) {
        const struct timespec until =
            mr_monotonic_timespec(mr_monotonic_us() + ATHENA_CANCEL_AGAIN_MS * 1000);
        cancel_all_locked(athena); /* again and again, as deadline_step does */
        athena_cache_stop(athena->engine.cache);
        pthread_cond_timedwait(&athena->idle, &athena->lock, &until);
    }
    /* Those that never ran stay QUEUED in the store and are FAILED when it is opened again. */
    while (mr_map_next(&athena->locked.active, &cursor, &key, &value))
        query_free(value);
    mr_map_fini(&athena->locked.active);
    cursor = 0;
    while (mr_map_next(&athena->locked.tokens, &cursor, &key, &value))
        free(value);
    mr_map_fini(&athena->locked.tokens);
    for (size_t i = 0; i < athena->locked.history_count; i++) {
        free(athena->locked.history[i].workgroup);
        free(athena->locked.history[i].token);
    }
    free(athena->locked.history);
    pthread_mutex_unlock(&athena->lock);
}
