/* Restoring: a new table, made of the document of another and changed as the request says, filled
 * from a backup, or from another table's past, while it is CREATING.
 *
 * The new table's document names its origin and says that it is being filled. A restart that finds
 * it so gives the table a new number, has what was written under the old one deleted, and begins
 * anew: the origin does not change, so the result is the same. */
#include "dynamodb/recovery.h"
#include "base/log.h"
#include <stdlib.h>

#define INVALID "Invalid Request: "

/* ---- what the request changes ---- */

static enum mr_status change_limit(struct protocol_call *call, const struct dynamodb_table *table,
                                   yyjson_val *units, const char *what, int64_t *limit)
{
    if (units == NULL)
        return MR_OK;
    if (!table->locked.on_demand)
        return protocol_fail(call, &protocol_validation,
                             INVALID "Cannot override Max%sRequestUnits for OnDemandThroughput "
                                     "unless BillingModeOverride is PAY_PER_REQUEST",
                             what);
    if (mr_json_i64(units, 0) < 1)
        return protocol_fail(call, &protocol_validation,
                             INVALID "Requested Max%sRequestUnits for OnDemandThroughput is "
                                     "outside of valid range",
                             what);
    *limit = mr_json_i64(units, 0);
    return MR_OK;
}

/* The limits are the source's or the request's; what was counted of the source's units is not. */
static enum mr_status change_limits(struct protocol_call *call, struct dynamodb_table *table)
{
    yyjson_val *wish = mr_json_get(call->in, "OnDemandThroughputOverride");
    struct dynamodb_tuning *tuning = &table->locked.tuning;
    *tuning =
        (struct dynamodb_tuning){.max_read = tuning->max_read, .max_write = tuning->max_write};
    if (!table->locked.on_demand)
        tuning->max_read = tuning->max_write = 0;
    enum mr_status status =
        dynamodb_tuning_check_empty(call, call->in, "OnDemandThroughputOverride");
    if (status == MR_OK)
        status = change_limit(call, table, mr_json_get(wish, "MaxReadRequestUnits"), "Read",
                              &tuning->max_read);
    return status != MR_OK ? status
                           : change_limit(call, table, mr_json_get(wish, "MaxWriteRequestUnits"),
                                          "Write", &tuning->max_write);
}

static enum mr_status change_billing(struct protocol_call *call, struct dynamodb_table *table)
{
    struct mr_slice mode = mr_json_get_text(call->in, "BillingModeOverride");
    yyjson_val *throughput = mr_json_get(call->in, "ProvisionedThroughputOverride");
    bool on_demand = table->locked.on_demand;
    if (mode.len > 0)
        on_demand = mr_slice_equal(mode, MR_S("PAY_PER_REQUEST"));
    if (on_demand && throughput != NULL)
        return protocol_fail(call, &protocol_validation,
                             mode.len > 0 ? INVALID "Cannot override ProvisionedThroughput if "
                                                    "BillingMode is overridden to PAY_PER_REQUEST"
                                          : INVALID "Cannot override ProvisionedThroughput unless "
                                                    "BillingMode is PROVISIONED");
    if (mode.len > 0 && !on_demand && throughput == NULL)
        return protocol_fail(call, &protocol_validation,
                             INVALID "Must override ProvisionedThroughput if BillingMode is "
                                     "overridden to PROVISIONED");
    if (dynamodb_throughput_check(call, throughput) != MR_OK ||
        dynamodb_units_check(call, throughput, MR_S("")) != MR_OK)
        return MR_FAULT;
    table->locked.on_demand = on_demand;
    table->locked.on_demand_since_ms = on_demand ? call->now_ms : 0;
    if (throughput != NULL) {
        table->locked.read_units = mr_json_get_i64(throughput, "ReadCapacityUnits", 0);
        table->locked.write_units = mr_json_get_i64(throughput, "WriteCapacityUnits", 0);
    }
    if (on_demand)
        table->locked.read_units = table->locked.write_units = 0;
    return change_limits(call, table);
}

/* The names may come in any order. */
static bool includes_same(const struct dynamodb_index *index, yyjson_val *names)
{
    if (yyjson_arr_size(names) != index->included_count)
        return false;
    yyjson_arr_iter iter = yyjson_arr_iter_with(names);
    for (yyjson_val *name; (name = yyjson_arr_iter_next(&iter)) != NULL;) {
        bool found = false;
        for (size_t i = 0; !found && i < index->included_count; i++)
            found = mr_slice_equal(index->included[i], mr_json_text(name));
        if (!found)
            return false;
    }
    return true;
}

/* Are the keys and the projection that the request gives those of the index? */
static bool fits(struct protocol_call *call, const struct dynamodb_index *index, yyjson_val *wish)
{
    struct mr_buf text MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(&text);
    mr_json_object(&json);
    dynamodb_describe_index(&json, index);
    mr_json_object_end(&json);
    yyjson_val *own = mr_json_parse(call->arena, mr_buf_slice(&text), 16);
    yyjson_val *shown = mr_json_get(own, "Projection"), *wanted = mr_json_get(wish, "Projection");
    return yyjson_equals(mr_json_get(own, "KeySchema"), mr_json_get(wish, "KeySchema")) &&
           mr_slice_equal(mr_json_get_text(shown, "ProjectionType"),
                          mr_json_get_text(wanted, "ProjectionType")) &&
           includes_same(index, mr_json_get(wanted, "NonKeyAttributes"));
}

static yyjson_val *find_wish(yyjson_val *list, struct mr_slice name)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(list);
    for (yyjson_val *each; (each = yyjson_arr_iter_next(&iter)) != NULL;) {
        if (mr_slice_equal(mr_json_get_text(each, "IndexName"), name))
            return each;
    }
    return NULL;
}

static enum mr_status refuse_index(struct protocol_call *call, struct mr_slice name)
{
    return protocol_fail(call, &protocol_validation,
                         INVALID "Index %.*s does not match a secondary index that existed in the "
                                 "source table and cannot be created during the restore operation",
                         MR_ARG(name));
}

/* The index of the source that this one is to be, if possible one of the same name. */
static struct dynamodb_index *find_source(struct protocol_call *call,
                                          const struct dynamodb_table *table, yyjson_val *wish,
                                          bool local, const bool *taken)
{
    struct mr_slice name = mr_json_get_text(wish, "IndexName");
    struct dynamodb_index *found = NULL;
    for (size_t i = 0; i < table->index_count; i++) {
        struct dynamodb_index *index = dynamodb_index_at(table, i);
        if (index == NULL || index->local != local || taken[i] || !fits(call, index, wish))
            continue;
        if (found == NULL || mr_slice_equal(index->name, name))
            found = index;
    }
    return found;
}

/* AWS: indexes may be left out or get another name, and must be as they were otherwise. */
static enum mr_status choose_indexes(struct protocol_call *call, struct dynamodb_table *table,
                                     bool local)
{
    yyjson_val *list = mr_json_get(call->in, local ? "LocalSecondaryIndexOverride"
                                                   : "GlobalSecondaryIndexOverride");
    bool taken[DYNAMODB_INDEXES_MAX] = {false};
    yyjson_arr_iter iter = yyjson_arr_iter_with(list);
    for (yyjson_val *each; (each = yyjson_arr_iter_next(&iter)) != NULL;) {
        struct mr_slice name = mr_json_get_text(each, "IndexName");
        struct dynamodb_index *index = find_source(call, table, each, local, taken);
        if (index == NULL)
            return refuse_index(call, name);
        taken[index->slot] = true;
        index->name = mr_arena_copy(&table->arena, name);
    }
    for (size_t i = 0; list != NULL && i < table->index_count; i++) {
        const struct dynamodb_index *index = dynamodb_index_at(table, i);
        if (index != NULL && index->local == local && !taken[i])
            atomic_store(&table->slots[i], NULL);
    }
    return MR_OK;
}

/* AWS: two indexes of a table never have one name; an override may give them one. */
static enum mr_status check_names(struct protocol_call *call, const struct dynamodb_table *table)
{
    for (size_t i = 0; i < table->index_count; i++) {
        const struct dynamodb_index *index = dynamodb_index_at(table, i);
        if (index != NULL && dynamodb_table_index(table, index->name) != index)
            return protocol_fail(call, &protocol_validation,
                                 "One or more parameter values were invalid: Duplicate index name: "
                                 "%.*s",
                                 MR_ARG(index->name));
    }
    return MR_OK;
}

/* As of a new index, but for the limits, which are the source's unless `wish` names others. */
static enum mr_status change_index_limits(struct protocol_call *call,
                                          const struct dynamodb_table *table,
                                          struct dynamodb_index *index, yyjson_val *wish)
{
    const struct dynamodb_tuning_wish wanted = {
        .owner = wish,
        .index = index->name,
        .on_demand = table->locked.on_demand,
        .read_units = index->read_units,
        .write_units = index->write_units,
    };
    const struct dynamodb_tuning source = index->tuning;
    if (dynamodb_tuning_read(call, &wanted, &index->tuning) != MR_OK)
        return MR_FAULT;
    if (wanted.on_demand && mr_json_get(wish, "OnDemandThroughput") == NULL) {
        index->tuning.max_read = source.max_read;
        index->tuning.max_write = source.max_write;
    }
    return MR_OK;
}

static enum mr_status change_index(struct protocol_call *call, const struct dynamodb_table *table,
                                   struct dynamodb_index *index, yyjson_val *wish)
{
    yyjson_val *units = mr_json_get(wish, "ProvisionedThroughput");
    if (units != NULL && table->locked.on_demand)
        return protocol_fail(call, &protocol_validation,
                             INVALID "Cannot override ProvisionedThroughput if BillingMode is "
                                     "overridden to PAY_PER_REQUEST for index %.*s",
                             MR_ARG(index->name));
    if (units == NULL && !table->locked.on_demand && (wish != NULL || index->read_units == 0))
        return protocol_fail(call, &protocol_validation,
                             INVALID "Must specify provisioned throughput for index %.*s",
                             MR_ARG(index->name));
    if (dynamodb_units_check(call, units, index->name) != MR_OK)
        return MR_FAULT;
    index->read_units = mr_json_get_i64(units, "ReadCapacityUnits", index->read_units);
    index->write_units = mr_json_get_i64(units, "WriteCapacityUnits", index->write_units);
    if (table->locked.on_demand)
        index->read_units = index->write_units = 0;
    return change_index_limits(call, table, index, wish);
}

static enum mr_status change_indexes(struct protocol_call *call, struct dynamodb_table *table)
{
    yyjson_val *list = mr_json_get(call->in, "GlobalSecondaryIndexOverride");
    enum mr_status status = check_names(call, table);
    for (size_t i = 0; status == MR_OK && i < table->index_count; i++) {
        struct dynamodb_index *index = dynamodb_index_at(table, i);
        if (index != NULL && !index->local)
            status = change_index(call, table, index, find_wish(list, index->name));
    }
    return status;
}

static bool is_some_key(const struct dynamodb_table *table, struct mr_slice name)
{
    bool used = dynamodb_is_key(&table->schema, name);
    for (size_t i = 0; !used && i < table->index_count; i++) {
        const struct dynamodb_index *index = dynamodb_index_at(table, i);
        used = index != NULL && dynamodb_is_key(&index->schema, name);
    }
    return used;
}

/* Indexes that were on their way are there in the new table, those that were leaving are not; what
 * only they were keyed by is no longer defined. */
static void settle_indexes(struct dynamodb_table *table)
{
    size_t kept = 0;
    for (size_t i = 0; i < table->index_count; i++) {
        struct dynamodb_index *index = dynamodb_index_at(table, i);
        if (index != NULL && index->state == DYNAMODB_INDEX_DELETING)
            atomic_store(&table->slots[i], NULL);
        else if (index != NULL)
            index->state = DYNAMODB_INDEX_ACTIVE;
    }
    for (size_t i = 0; i < table->definition_count; i++) {
        if (is_some_key(table, table->definitions[i].name))
            table->definitions[kept++] = table->definitions[i];
    }
    table->definition_count = kept;
}

/* AWS: tags, streams, time to live, deletion protection and policies are not restored. */
static void rename_table(struct protocol_call *call, struct dynamodb_table *table)
{
    char uuid[37];
    mr_rng_uuid(table->dynamodb->rng, uuid);
    table->name = mr_arena_copy(&table->arena, mr_json_get_text(call->in, "TargetTableName"));
    table->region = mr_arena_copy(&table->arena, call->region);
    table->account = mr_arena_copy(&table->arena, call->account);
    table->uuid = mr_arena_copy(&table->arena, mr_slice_make(uuid, 36));
    table->arn = mr_arena_printf(&table->arena, "arn:aws:dynamodb:%.*s:%.*s:table/%.*s",
                                 MR_ARG(call->region), MR_ARG(call->account), MR_ARG(table->name));
    table->created_ms = call->now_ms;
    streams_unref(table->locked.stream);
    table->locked.stream = NULL;
    table->locked.stream_enabled = false;
    table->locked.protection = false;
    mr_buf_reset(&table->locked.tags);
    mr_buf_reset(&table->locked.ttl);
    table->locked.ttl_changed_ms = 0;
    table->locked.history = (struct dynamodb_history_state){0};
}

struct dynamodb_table *dynamodb_restore_target(struct protocol_call *call, struct mr_slice document,
                                               struct mr_slice origin)
{
    struct dynamodb_table *table =
        dynamodb_document_read(call->service, mr_json_parse(call->arena, document, 64));
    if (table == NULL) {
        protocol_fail_internal(call, MR_RAISE(MR_FAIL_DATA, "a stored table cannot be read"));
        return NULL;
    }
    rename_table(call, table);
    dynamodb_sse_change(table, mr_json_get(call->in, "SSESpecificationOverride"));
    enum mr_status status =
        dynamodb_sse_check(call, mr_json_get(call->in, "SSESpecificationOverride"));
    if (status == MR_OK)
        status = change_billing(call, table);
    if (status == MR_OK)
        status = choose_indexes(call, table, true);
    if (status == MR_OK)
        status = choose_indexes(call, table, false);
    if (status == MR_OK)
        status = change_indexes(call, table);
    if (status != MR_OK) {
        dynamodb_table_unref(table);
        return NULL;
    }
    settle_indexes(table);
    table->origin = mr_arena_copy(&table->arena, origin);
    return table;
}

/* ---- a table to fill ---- */

enum mr_status dynamodb_fill_check(struct protocol_call *call, struct mr_slice name,
                                   const struct protocol_fault *exists)
{
    struct dynamodb *dynamodb = call->service;
    struct dynamodb_table *other MR_CLEANUP(dynamodb_table_release) =
        dynamodb_table_find(dynamodb, name);
    if (other != NULL)
        return protocol_fail(call, exists, "Table already exists: %.*s", MR_ARG(name));
    if (dynamodb_table_count(dynamodb) >= DYNAMODB_TABLES_MAX)
        return protocol_fail(call, &dynamodb_limit_exceeded,
                             "Subscriber limit exceeded: There is a limit of %d tables per "
                             "subscriber",
                             DYNAMODB_TABLES_MAX);
    return dynamodb_jobs_check(call);
}

enum mr_status dynamodb_fill_begin(struct dynamodb_table *table, struct store_entry *entry)
{
    struct dynamodb *dynamodb = table->dynamodb;
    table->number = store_window_new(dynamodb->store, entry);
    table->fills = true;
    atomic_store(&table->hidden, true);
    dynamodb_table_ready(table);
    dynamodb_table_set_state(table, DYNAMODB_CREATING);
    dynamodb_document_put(table, entry);
    enum mr_status status = store_commit_wait(dynamodb->store, entry);
    if (status == MR_OK)
        dynamodb_table_publish(table);
    return status;
}

/* ---- the job ---- */

struct restore_job {
    struct dynamodb_job base;
    struct dynamodb_table *table;
    struct dynamodb_backup *backup; /* or NULL, and: */
    struct dynamodb_moment moment;
};

static void job_free(struct dynamodb_job *base)
{
    struct restore_job *job = (struct restore_job *)base;
    if (job->backup != NULL) {
        pthread_mutex_lock(&base->dynamodb->recovery->lock);
        job->backup->restores--;
        pthread_mutex_unlock(&base->dynamodb->recovery->lock);
        dynamodb_backup_unref(base->dynamodb, job->backup);
    }
    view_snapshot_free(job->moment.snapshot);
    dynamodb_table_unref(job->table);
    free(job);
}

static enum mr_status fill_from_image(struct restore_job *job, struct dynamodb_fill *fill)
{
    struct dynamodb_image_reader *reader;
    struct mr_slice item;
    char path[4096];
    dynamodb_backup_path(job->base.dynamodb, job->backup->id, path);
    enum mr_status status = dynamodb_image_open(&reader, path);
    if (status != MR_OK)
        return status;
    while ((status = dynamodb_image_next(reader, &item)) == MR_OK) {
        status = dynamodb_fill_add(fill, item);
        if (status == MR_OK && dynamodb_stopping(job->base.dynamodb))
            status = MR_AGAIN;
        if (status != MR_OK)
            break;
    }
    dynamodb_image_free(reader);
    return status == MR_END ? dynamodb_fill_flush(fill) : status;
}

static enum mr_status fill_from_past(struct restore_job *job, struct dynamodb_fill *fill)
{
    struct dynamodb_past past;
    enum mr_status status;
    dynamodb_past_open(&past, &job->moment);
    while ((status = dynamodb_past_next(&past)) == MR_OK) {
        status = dynamodb_fill_add(fill, past.new_item);
        if (status == MR_OK && dynamodb_stopping(job->base.dynamodb))
            status = MR_AGAIN;
        if (status != MR_OK)
            break;
    }
    dynamodb_past_close(&past);
    return status == MR_END ? dynamodb_fill_flush(fill) : status;
}

static void job_run(struct dynamodb_job *base)
{
    struct restore_job *job = (struct restore_job *)base;
    struct dynamodb_fill fill;
    dynamodb_fill_init(&fill, job->table, false);
    enum mr_status status =
        job->backup != NULL ? fill_from_image(job, &fill) : fill_from_past(job, &fill);
    dynamodb_fill_fini(&fill);
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    if (status == MR_OK && dynamodb_fill_end(job->table, &entry) < 0)
        mr_log(MR_LOG_ERROR, "dynamodb", "table '%.*s' is filled, which cannot be stored",
               MR_ARG(job->table->name));
    else if (status < 0)
        dynamodb_fill_drop(job->table, &entry, "its source cannot be read");
    mr_arena_fini(&arena);
}

void dynamodb_restore_start(struct dynamodb_table *table, struct dynamodb_backup *backup,
                            const struct dynamodb_moment *moment)
{
    struct restore_job *job = mr_calloc(1, sizeof(*job));
    job->base.run = job_run;
    job->base.free = job_free;
    atomic_fetch_add(&table->references, 1);
    job->table = table;
    job->backup = backup;
    if (moment != NULL)
        job->moment = *moment;
    dynamodb_job_start(table->dynamodb, &job->base);
}

/* ---- after a restart ---- */

/* Takes over the reference to the backup. */
static bool hold_backup(struct dynamodb *dynamodb, struct dynamodb_backup *backup)
{
    pthread_mutex_lock(&dynamodb->recovery->lock);
    bool available = backup->status == DYNAMODB_BACKUP_AVAILABLE &&
                     mr_map_get(&dynamodb->recovery->locked.backups, backup->arn) == backup;
    backup->restores += available;
    pthread_mutex_unlock(&dynamodb->recovery->lock);
    return available;
}

static bool resume(struct dynamodb_table *table, struct mr_arena *arena, yyjson_val *origin)
{
    struct dynamodb *dynamodb = table->dynamodb;
    struct dynamodb_moment moment;
    struct mr_slice import = mr_json_get_text(origin, "import_arn");
    struct mr_slice arn = mr_json_get_text(origin, "backup_arn");
    if (import.len > 0)
        return dynamodb_import_again(table, arena, import);
    if (arn.len == 0) {
        if (!dynamodb_moment_again(dynamodb, origin, &moment))
            return false;
        dynamodb_restore_start(table, NULL, &moment);
        return true;
    }
    struct dynamodb_backup *backup = dynamodb_backup_find(dynamodb, arn);
    if (backup != NULL && hold_backup(dynamodb, backup)) {
        dynamodb_restore_start(table, backup, NULL);
        return true;
    }
    dynamodb_backup_unref(dynamodb, backup);
    return false;
}

static enum mr_status begin_anew(struct dynamodb_table *table)
{
    struct dynamodb *dynamodb = table->dynamodb;
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    uint32_t number = table->number;
    dynamodb_drops_add(number, &entry);
    table->number = store_window_new(dynamodb->store, &entry);
    dynamodb_document_put(table, &entry);
    enum mr_status status = store_commit_wait(dynamodb->store, &entry);
    if (status == MR_OK) {
        dynamodb_drops_begin(dynamodb, number);
        entry = store_entry_make(&arena);
        if (!resume(table, &arena, mr_json_parse(&arena, table->origin, 16)))
            dynamodb_fill_drop(table, &entry, "its origin is gone");
    }
    mr_arena_fini(&arena);
    return status;
}

enum mr_status dynamodb_restores_open(struct dynamodb *dynamodb)
{
    struct mr_arena arena;
    size_t count;
    mr_arena_init(&arena);
    struct dynamodb_table **list = dynamodb_table_list(dynamodb, &arena, &count);
    enum mr_status status = MR_OK;
    for (size_t i = 0; i < count; i++) {
        if (status == MR_OK && list[i]->fills)
            status = begin_anew(list[i]);
        dynamodb_table_unref(list[i]);
    }
    mr_arena_fini(&arena);
    return status;
}

/* ---- RestoreTableFromBackup ---- */

bool dynamodb_is_restored(const struct dynamodb_table *table)
{
    struct mr_arena arena;
    if (table->origin.len == 0)
        return false;
    mr_arena_init(&arena);
    const bool restored =
        mr_json_get(mr_json_parse(&arena, table->origin, 16), "table_arn") != NULL;
    mr_arena_fini(&arena);
    return restored;
}

void dynamodb_restore_summary(struct mr_json *json, const struct dynamodb_table *table)
{
    struct mr_arena arena;
    if (table->origin.len == 0)
        return;
    mr_arena_init(&arena);
    yyjson_val *origin = mr_json_parse(&arena, table->origin, 16);
    struct mr_slice backup = mr_json_get_text(origin, "backup_arn");
    struct mr_slice source = mr_json_get_text(origin, "table_arn");
    if (source.len > 0) {
        mr_json_key(json, "RestoreSummary");
        mr_json_object(json);
        if (backup.len > 0)
            mr_json_key_string(json, "SourceBackupArn", backup);
        mr_json_key_string(json, "SourceTableArn", source);
        mr_json_key_timestamp(json, "RestoreDateTime", mr_json_get_i64(origin, "time_ms", 0));
        mr_json_key_bool(json, "RestoreInProgress", atomic_load(&table->hidden));
        mr_json_object_end(json);
    }
    mr_arena_fini(&arena);
}

static enum mr_status check_available(struct protocol_call *call, struct dynamodb_backup *backup)
{
    if (hold_backup(call->service, backup))
        return MR_OK;
    return protocol_fail(call, &dynamodb_backup_in_use, "Backup is being created or deleted: %.*s",
                         MR_ARG(backup->arn));
}

static struct mr_slice origin_of(struct mr_arena *arena, const struct dynamodb_backup *backup)
{
    struct mr_buf text MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(&text);
    mr_json_object(&json);
    mr_json_key_string(&json, "backup_arn", backup->arn);
    mr_json_key_string(&json, "table_arn", backup->table_arn);
    mr_json_key_int(&json, "time_ms", backup->created_ms);
    mr_json_object_end(&json);
    return mr_arena_copy(arena, mr_buf_slice(&text));
}

/* The caller holds admin, and the backup for the job, which this starts or not. */
static bool restore_admin(struct protocol_call *call, struct dynamodb_backup *backup)
{
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) = NULL;
    struct store_entry entry = store_entry_make(call->arena);
    if (dynamodb_fill_check(call, mr_json_get_text(call->in, "TargetTableName"),
                            &dynamodb_table_exists) != MR_OK)
        return false;
    table = dynamodb_restore_target(call, backup->table, origin_of(call->arena, backup));
    if (table == NULL)
        return false;
    enum mr_status status = dynamodb_fill_begin(table, &entry);
    protocol_fail_internal(call, status);
    if (status != MR_OK)
        return false;
    mr_json_key(&call->out, "TableDescription");
    dynamodb_describe(&call->out, table, DYNAMODB_DESCRIBE_NEW);
    dynamodb_restore_start(table, backup, NULL);
    return true;
}

void dynamodb_restore_from_backup(struct protocol_call *call)
{
    struct dynamodb *dynamodb = call->service;
    struct dynamodb_backup *backup = dynamodb_backup_need(call);
    if (backup == NULL)
        return;
    bool held = check_available(call, backup) == MR_OK, begun = false;
    if (held) {
        pthread_mutex_lock(&dynamodb->admin);
        begun = restore_admin(call, backup);
        pthread_mutex_unlock(&dynamodb->admin);
    }
    if (begun) /* the job holds it */
        return;
    pthread_mutex_lock(&dynamodb->recovery->lock);
    backup->restores -= held;
    pthread_mutex_unlock(&dynamodb->recovery->lock);
    dynamodb_backup_unref(dynamodb, backup);
}
