/* Continuous backups: turning point-in-time recovery on and off, and restoring by it. */
#include "dynamodb/recovery.h"
#include <stdlib.h>

enum { DAYS_MAX = 35, DAY_MS = 86400000 };

/* ---- what can be restored ---- */

struct dynamodb_history_state dynamodb_history_state(struct dynamodb_table *table)
{
    pthread_rwlock_rdlock(&table->dynamodb->lock);
    struct dynamodb_history_state state = table->locked.history;
    pthread_rwlock_unlock(&table->dynamodb->lock);
    return state;
}

int64_t dynamodb_earliest_ms(const struct dynamodb_history_state *state, int64_t now_ms)
{
    int64_t kept_ms = now_ms - state->days * DAY_MS;
    return state->since_ms > kept_ms ? state->since_ms : kept_ms;
}

static void description_json(struct protocol_call *call, struct dynamodb_table *table)
{
    struct dynamodb_history_state state = dynamodb_history_state(table);
    struct mr_json *json = &call->out;
    mr_json_key(json, "ContinuousBackupsDescription");
    mr_json_object(json);
    mr_json_key_cstr(json, "ContinuousBackupsStatus", "ENABLED");
    mr_json_key(json, "PointInTimeRecoveryDescription");
    mr_json_object(json);
    mr_json_key_cstr(json, "PointInTimeRecoveryStatus", state.number != 0 ? "ENABLED" : "DISABLED");
    if (state.number != 0) {
        mr_json_key_int(json, "RecoveryPeriodInDays", state.days);
        mr_json_key_timestamp(json, "EarliestRestorableDateTime",
                              dynamodb_earliest_ms(&state, call->now_ms));
        mr_json_key_timestamp(json, "LatestRestorableDateTime", call->now_ms);
    }
    mr_json_object_end(json);
    mr_json_object_end(json);
}

void dynamodb_describe_continuous_backups(struct protocol_call *call)
{
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) =
        dynamodb_backup_table(call, mr_json_get_text(call->in, "TableName"));
    if (table != NULL)
        description_json(call, table);
}

/* ---- UpdateContinuousBackups ---- */

/* Under all lanes: writers keep history from the entry that says so. */
static enum mr_status commit_change_locked(struct dynamodb_table *table,
                                           struct dynamodb_history_state wanted,
                                           struct store_entry *entry)
{
    struct dynamodb *dynamodb = table->dynamodb;
    struct dynamodb_history_state before = table->locked.history;
    if (before.number != 0 && wanted.number == 0)
        dynamodb_drops_add(before.number, entry);
    pthread_rwlock_wrlock(&dynamodb->lock);
    table->locked.history = wanted;
    pthread_rwlock_unlock(&dynamodb->lock);
    dynamodb_document_put(table, entry);
    enum mr_status status = store_commit_wait(dynamodb->store, entry);
    if (status != MR_OK)
        return status;
    dynamodb_table_set_history(table);
    if (before.number != 0 && wanted.number == 0)
        dynamodb_drops_begin(dynamodb, before.number);
    return MR_OK;
}

/* The caller holds admin. */
static enum mr_status change_admin(struct protocol_call *call, struct dynamodb_table *table)
{
    yyjson_val *wish = mr_json_get(call->in, "PointInTimeRecoverySpecification");
    struct dynamodb_history_state now = table->locked.history, wanted = {0};
    struct store_entry entry = store_entry_make(call->arena);
    if (table->fills)
        return protocol_fail(call, &dynamodb_continuous_unavailable,
                             "Backups are being enabled for the table: %.*s. Please retry later",
                             MR_ARG(table->name));
    if (mr_json_get_bool(wish, "PointInTimeRecoveryEnabled", false)) {
        wanted = now;
        if (now.number == 0)
            wanted = (struct dynamodb_history_state){
                .number = store_window_new(table->dynamodb->store, &entry),
                .since_ms = call->now_ms,
            };
        /* A shorter period lets go what lies before it, for good. */
        wanted.since_ms = now.number == 0 ? call->now_ms : dynamodb_earliest_ms(&now, call->now_ms);
        wanted.days = mr_json_get_i64(wish, "RecoveryPeriodInDays", DAYS_MAX);
    } else if (mr_json_get(wish, "RecoveryPeriodInDays") != NULL) {
        return protocol_fail(call, &protocol_validation,
                             "Invalid Request: Cannot specify RecoveryPeriodInDays when disabling "
                             "point-in-time recovery.");
    }
    dynamodb_table_lock_lanes(table);
    if (wanted.number != 0 && now.number == 0)
        wanted.since_ms = store_now(table->dynamodb->store);
    enum mr_status status = commit_change_locked(table, wanted, &entry);
    dynamodb_table_unlock_lanes(table);
    return status;
}

void dynamodb_update_continuous_backups(struct protocol_call *call)
{
    struct dynamodb *dynamodb = call->service;
    pthread_mutex_lock(&dynamodb->admin);
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) =
        dynamodb_backup_table(call, mr_json_get_text(call->in, "TableName"));
    if (table != NULL) {
        enum mr_status status = change_admin(call, table);
        protocol_fail_internal(call, status);
        call->now_ms = store_now(dynamodb->store);
        if (status == MR_OK)
            description_json(call, table);
    }
    pthread_mutex_unlock(&dynamodb->admin);
}

/* ---- RestoreTableToPointInTime ---- */

struct dynamodb_moment dynamodb_moment_latest(struct dynamodb_table *table)
{
    struct dynamodb *dynamodb = table->dynamodb;
    dynamodb_table_lock_lanes(table);
    struct dynamodb_moment moment = {
        .snapshot = view_snapshot_new(store_view(dynamodb->store)),
        .number = table->number,
        .history = table->locked.history.number,
        .to = dynamodb_stamp_next(dynamodb),
    };
    dynamodb_table_unlock_lanes(table);
    moment.time_ms = (int64_t)(moment.to >> DYNAMODB_STAMP_BITS);
    return moment;
}

struct dynamodb_moment dynamodb_moment_at(struct dynamodb_table *table, int64_t time_ms)
{
    struct dynamodb_moment moment = dynamodb_moment_latest(table);
    uint64_t to = dynamodb_stamp_of(time_ms + 1);
    if (to < moment.to) { /* else more may still be committed in this millisecond */
        moment.to = to;
        moment.time_ms = time_ms;
    }
    return moment;
}

static enum mr_status read_time(struct protocol_call *call,
                                const struct dynamodb_history_state *state, int64_t *ret_time_ms)
{
    bool latest = mr_json_get_bool(call->in, "UseLatestRestorableTime", false);
    int64_t time_ms = dynamodb_request_time(call->in, "RestoreDateTime", -1);
    const int64_t earliest_ms = dynamodb_earliest_ms(state, call->now_ms);
    if (!latest && (time_ms < earliest_ms || time_ms > call->now_ms))
        return protocol_fail(call, &dynamodb_invalid_restore_time,
                             "RestoreDateTime '%s' must be within EarliestRestorableDateTime '%s' "
                             "and LatestRestorableDateTime '%s'",
                             dynamodb_time_text(call->arena, time_ms),
                             dynamodb_time_text(call->arena, earliest_ms),
                             dynamodb_time_text(call->arena, call->now_ms));
    *ret_time_ms = latest ? call->now_ms : time_ms;
    return MR_OK;
}

/* AWS: before it looks at the table. */
static enum mr_status check_time_given(struct protocol_call *call)
{
    bool latest = mr_json_get_bool(call->in, "UseLatestRestorableTime", false);
    bool at = mr_json_get(call->in, "RestoreDateTime") != NULL;
    if (latest && at)
        return protocol_fail(call, &protocol_validation,
                             "Invalid Request: Both RestoreDateTime and UseLatestRestorableTime "
                             "cannot be set for point-in-time restore request. Please specify "
                             "either RestoreDateTime time or UseLatestRestorableTime");
    if (!latest && !at)
        return protocol_fail(call, &protocol_validation,
                             "Invalid Request: Either one of RestoreDateTime or "
                             "UseLatestRestorableTime must be specified, but not both");
    return MR_OK;
}

static struct dynamodb_table *need_source(struct protocol_call *call)
{
    struct mr_slice arn = mr_json_get_text(call->in, "SourceTableArn");
    struct mr_slice name = mr_json_get_text(call->in, "SourceTableName");
    if ((arn.len > 0) != (name.len > 0))
        return check_time_given(call) == MR_OK
                   ? dynamodb_backup_table(call, arn.len > 0 ? arn : name)
                   : NULL;
    protocol_fail(call, &protocol_validation,
                  arn.len > 0
                      ? "Invalid Request: Must provide exactly one of: sourceTableArn, "
                        "sourceTableName"
                      : "The parameter 'TableName' is required but was not present in the request");
    return NULL;
}

static struct mr_slice origin_of(struct mr_arena *arena, const struct dynamodb_table *table,
                                 const struct dynamodb_moment *moment)
{
    struct mr_buf text MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(&text);
    mr_json_object(&json);
    mr_json_key_string(&json, "table_arn", table->arn);
    mr_json_key_string(&json, "table_name", table->name);
    mr_json_key_int(&json, "history", moment->history);
    mr_json_key_int(&json, "to", (int64_t)moment->to);
    mr_json_key_int(&json, "time_ms", moment->time_ms);
    mr_json_object_end(&json);
    return mr_arena_copy(arena, mr_buf_slice(&text));
}

bool dynamodb_moment_again(struct dynamodb *dynamodb, yyjson_val *origin,
                           struct dynamodb_moment *ret_moment)
{
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) =
        dynamodb_table_find(dynamodb, mr_json_get_text(origin, "table_name"));
    struct dynamodb_history_state state = {0};
    if (table != NULL)
        state = dynamodb_history_state(table);
    if (state.number == 0 || state.number != mr_json_get_i64(origin, "history", 0))
        return false;
    int64_t time_ms = mr_json_get_i64(origin, "time_ms", 0);
    if (time_ms < dynamodb_earliest_ms(&state, store_now(dynamodb->store)))
        return false;
    *ret_moment = dynamodb_moment_latest(table);
    ret_moment->to = (uint64_t)mr_json_get_i64(origin, "to", 0);
    ret_moment->time_ms = time_ms;
    return true;
}

enum mr_status dynamodb_need_history(struct protocol_call *call, struct dynamodb_table *table,
                                     struct dynamodb_history_state *ret_state)
{
    *ret_state = dynamodb_history_state(table);
    if (ret_state->number != 0)
        return MR_OK;
    return protocol_fail(call, &dynamodb_recovery_unavailable,
                         "Point in time recovery is not enabled for table '%.*s'",
                         MR_ARG(table->name));
}

/* The caller holds admin. */
static enum mr_status restore_admin(struct protocol_call *call, struct dynamodb_table *source)
{
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) = NULL;
    struct store_entry entry = store_entry_make(call->arena);
    struct dynamodb_history_state state;
    int64_t time_ms = 0;
    enum mr_status status = dynamodb_need_history(call, source, &state);
    if (status == MR_OK)
        status = read_time(call, &state, &time_ms);
    if (status == MR_OK)
        status = dynamodb_fill_check(call, mr_json_get_text(call->in, "TargetTableName"),
                                     &dynamodb_table_exists);
    if (status != MR_OK)
        return status;
    struct mr_buf document MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(&document);
    dynamodb_document_json(&json, source);
    struct dynamodb_moment moment = mr_json_get_bool(call->in, "UseLatestRestorableTime", false)
                                        ? dynamodb_moment_latest(source)
                                        : dynamodb_moment_at(source, time_ms);
    table = dynamodb_restore_target(call, mr_buf_slice(&document),
                                    origin_of(call->arena, source, &moment));
    status = table == NULL ? MR_FAULT : dynamodb_fill_begin(table, &entry);
    if (status != MR_OK) {
        view_snapshot_free(moment.snapshot);
        return status;
    }
    mr_json_key(&call->out, "TableDescription");
    dynamodb_describe(&call->out, table, DYNAMODB_DESCRIBE_NEW);
    dynamodb_restore_start(table, NULL, &moment);
    return MR_OK;
}

void dynamodb_restore_to_point_in_time(struct protocol_call *call)
{
    struct dynamodb *dynamodb = call->service;
    pthread_mutex_lock(&dynamodb->admin);
    struct dynamodb_table *source MR_CLEANUP(dynamodb_table_release) = need_source(call);
    if (source != NULL)
        protocol_fail_internal(call, restore_admin(call, source));
    pthread_mutex_unlock(&dynamodb->admin);
}
