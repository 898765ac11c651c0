/* Backups: the items of a table as they were at one moment, in a file of their own.
 *
 * CreateBackup takes a snapshot of the view under all lanes, for as long as that takes, so that the
 * moment is one position of the journal for this table; a job then copies the items out of the
 * snapshot beside the writers. Order: the backup's document ("dynamodb/backup/<ARN>") says CREATING
 * before the request is answered; the file is written and synced; then the document says AVAILABLE.
 * The moment is in the snapshot alone, so what is CREATING when the process ends can never become
 * what was asked for: after the next start it is DELETED, and its file is gone. Deleting goes the
 * other way, document first.
 *
 * A backup holds all it takes to make the table again: it does not need the table, nor its journal.
 *
 * The backup that a table with point-in-time recovery leaves when it is deleted (SYSTEM) is part of
 * the entry that deletes it, CREATING; the items go only with the entry that makes it AVAILABLE, so
 * that a restart in between begins its job again. */
#include "dynamodb/recovery.h"
#include "base/point.h"
#include "base/log.h"
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE_MAX = 100, DAY_MS = 86400000, TIME_TEXT_MAX = 64 };

/* ---- records ---- */

static void backup_free(struct dynamodb_backup *backup)
{
    mr_arena_fini(&backup->arena);
    free(backup);
}

void dynamodb_backup_unref(struct dynamodb *dynamodb, struct dynamodb_backup *backup)
{
    if (backup == NULL)
        return;
    pthread_mutex_lock(&dynamodb->recovery->lock);
    bool last = --backup->references == 0;
    pthread_mutex_unlock(&dynamodb->recovery->lock);
    if (last)
        backup_free(backup);
}

struct dynamodb_backup *dynamodb_backup_find(struct dynamodb *dynamodb, struct mr_slice arn)
{
    pthread_mutex_lock(&dynamodb->recovery->lock);
    struct dynamodb_backup *backup = mr_map_get(&dynamodb->recovery->locked.backups, arn);
    if (backup != NULL)
        backup->references++;
    pthread_mutex_unlock(&dynamodb->recovery->lock);
    return backup;
}

/* The map takes over the caller's reference. */
static void publish(struct dynamodb *dynamodb, struct dynamodb_backup *backup)
{
    pthread_mutex_lock(&dynamodb->recovery->lock);
    mr_map_put(&dynamodb->recovery->locked.backups, backup->arn, backup);
    pthread_mutex_unlock(&dynamodb->recovery->lock);
}

void dynamodb_backup_path(struct dynamodb *dynamodb, struct mr_slice id, char ret[static 4096])
{
    (void)snprintf(ret, 4096, "%s/backups/%.*s", store_folder(dynamodb->store), MR_ARG(id));
}

struct mr_slice dynamodb_new_id(struct dynamodb *dynamodb, struct mr_arena *arena, int64_t now_ms)
{
    return mr_arena_printf(arena, "%014" PRId64 "-%08" PRIx32, now_ms,
                           (uint32_t)mr_rng_u64(dynamodb->rng));
}

static void put_document(const struct dynamodb_backup *backup, enum dynamodb_backup_status status,
                         uint64_t bytes, uint64_t items, struct store_entry *entry)
{
    struct mr_buf text MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(&text);
    mr_json_object(&json);
    mr_json_key_string(&json, "id", backup->id);
    mr_json_key_string(&json, "name", backup->name);
    mr_json_key_bool(&json, "system", backup->system);
    mr_json_key_bool(&json, "available", status == DYNAMODB_BACKUP_AVAILABLE);
    mr_json_key_int(&json, "created_ms", backup->created_ms);
    mr_json_key_int(&json, "expires_ms", backup->expires_ms);
    mr_json_key_int(&json, "bytes", (int64_t)bytes);
    mr_json_key_int(&json, "items", (int64_t)items);
    mr_json_key_string(&json, "stream_view", backup->stream_view);
    mr_json_key_raw(&json, "table", backup->table);
    mr_json_object_end(&json);
    store_doc_put(entry, "dynamodb", "backup", backup->arn,
                  mr_arena_copy(entry->arena, mr_buf_slice(&text)));
}

/* Of the table as it now is; the caller holds admin. */
static struct dynamodb_backup *make_backup(struct dynamodb_table *table, struct mr_slice name,
                                           bool system, int64_t now_ms)
{
    struct dynamodb_backup *backup = mr_calloc(1, sizeof(*backup));
    struct mr_buf text MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(&text);
    mr_arena_init(&backup->arena);
    dynamodb_document_json(&json, table);
    backup->table = mr_arena_copy(&backup->arena, mr_buf_slice(&text));
    backup->id = dynamodb_new_id(table->dynamodb, &backup->arena, now_ms);
    backup->arn =
        mr_arena_printf(&backup->arena, "%.*s/backup/%.*s", MR_ARG(table->arn), MR_ARG(backup->id));
    backup->name = mr_arena_copy(&backup->arena, name);
    backup->table_name = mr_arena_copy(&backup->arena, table->name);
    backup->table_arn = mr_arena_copy(&backup->arena, table->arn);
    backup->table_uuid = mr_arena_copy(&backup->arena, table->uuid);
    if (table->locked.stream_enabled)
        backup->stream_view =
            mr_slice_cstr(streams_view_name(streams_view_type(table->locked.stream)));
    backup->system = system;
    backup->created_ms = now_ms;
    if (system)
        backup->expires_ms = now_ms + (int64_t)DYNAMODB_SYSTEM_KEPT_DAYS * DAY_MS;
    backup->references = 1;
    return backup;
}

/* ---- the job ---- */

struct backup_job {
    struct dynamodb_job base;
    struct dynamodb_backup *backup;
    struct dynamodb_moment moment; /* no snapshot: the table is gone, its items are not */
};

static void job_free(struct dynamodb_job *base)
{
    struct backup_job *job = (struct backup_job *)base;
    view_snapshot_free(job->moment.snapshot);
    dynamodb_backup_unref(base->dynamodb, job->backup);
    free(job);
}

/* MR_AGAIN: the server stops. */
static enum mr_status copy_items(struct dynamodb *dynamodb, struct dynamodb_past *past,
                                 struct dynamodb_image_writer *writer, uint64_t *bytes,
                                 uint64_t *items)
{
    enum mr_status status;
    while ((status = dynamodb_past_next(past)) == MR_OK) {
        *bytes += item_size(past->new_item);
        (*items)++;
        if (!mr_point_good(MR_POINT_DYNAMODB_BACKUP_ITEM))
            return MR_RAISE(MR_FAIL_IO, "cannot write a backup: %s", strerror(errno));
        status = dynamodb_image_add(writer, past->new_item);
        if (status != MR_OK)
            return status;
        if (dynamodb_stopping(dynamodb))
            return MR_AGAIN;
    }
    return status == MR_END ? dynamodb_image_finish(writer) : status;
}

static enum mr_status write_image(struct backup_job *job, uint64_t *bytes, uint64_t *items)
{
    struct dynamodb *dynamodb = job->base.dynamodb;
    struct dynamodb_image_writer *writer;
    struct dynamodb_past past;
    char path[4096];
    dynamodb_backup_path(dynamodb, job->backup->id, path);
    enum mr_status status = dynamodb_image_create(&writer, path);
    if (status != MR_OK)
        return status;
    dynamodb_past_open(&past, &job->moment);
    status = copy_items(dynamodb, &past, writer, bytes, items);
    dynamodb_past_close(&past);
    dynamodb_image_close(writer);
    return status;
}

static enum mr_status commit_backup(struct backup_job *job, uint64_t bytes, uint64_t items)
{
    struct dynamodb *dynamodb = job->base.dynamodb;
    struct dynamodb_backup *backup = job->backup;
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    put_document(backup, DYNAMODB_BACKUP_AVAILABLE, bytes, items, &entry);
    if (backup->system)
        dynamodb_drops_add(job->moment.number, &entry);
    mr_point(MR_POINT_DYNAMODB_BACKUP_COMMIT);
    enum mr_status status = store_commit_wait(dynamodb->store, &entry);
    mr_point(MR_POINT_DYNAMODB_BACKUP_COMMITTED);
    mr_arena_fini(&arena);
    if (status != MR_OK)
        return status;
    pthread_mutex_lock(&dynamodb->recovery->lock);
    backup->bytes = bytes;
    backup->items = items;
    backup->status = DYNAMODB_BACKUP_AVAILABLE;
    pthread_mutex_unlock(&dynamodb->recovery->lock);
    if (backup->system)
        dynamodb_drops_begin(dynamodb, job->moment.number);
    return MR_OK;
}

/* Its document still says CREATING, which the next start takes for the same. */
static void withdraw(struct dynamodb *dynamodb, struct dynamodb_backup *backup)
{
    char path[4096];
    dynamodb_backup_path(dynamodb, backup->id, path);
    (void)unlink(path);
    pthread_mutex_lock(&dynamodb->recovery->lock);
    backup->status = DYNAMODB_BACKUP_DELETED;
    pthread_mutex_unlock(&dynamodb->recovery->lock);
}

static void job_run(struct dynamodb_job *base)
{
    struct backup_job *job = (struct backup_job *)base;
    uint64_t bytes = 0, items = 0;
    mr_point(MR_POINT_DYNAMODB_BACKUP);
    if (job->moment.snapshot == NULL)
        job->moment.snapshot = view_snapshot_new(store_view(base->dynamodb->store));
    job->moment.to = dynamodb_now;
    enum mr_status status = write_image(job, &bytes, &items);
    if (status == MR_OK)
        status = commit_backup(job, bytes, items);
    if (status >= 0)
        return;
    mr_log(MR_LOG_ERROR, "dynamodb", "backup '%.*s' failed", MR_ARG(job->backup->arn));
    if (!job->backup->system) /* that one is tried again by the next start */
        withdraw(base->dynamodb, job->backup);
}

static void start_job(struct dynamodb *dynamodb, struct dynamodb_backup *backup,
                      struct dynamodb_moment moment)
{
    struct backup_job *job = mr_calloc(1, sizeof(*job));
    job->base.run = job_run;
    job->base.free = job_free;
    job->backup = backup;
    job->moment = moment;
    backup->references++; /* not yet published, or only this thread runs */
    dynamodb_job_start(dynamodb, &job->base);
}

/* ---- a deleted table's own ---- */

struct dynamodb_backup *dynamodb_backup_of_deleted(struct dynamodb_table *table, int64_t now_ms,
                                                   struct store_entry *entry)
{
    if (table->locked.history.number == 0)
        return NULL;
    struct mr_slice name =
        mr_arena_printf(entry->arena, "%.*s$DeletedTableBackup", MR_ARG(table->name));
    struct dynamodb_backup *backup = make_backup(table, name, true, now_ms);
    put_document(backup, DYNAMODB_BACKUP_CREATING, 0, 0, entry);
    dynamodb_drops_add(table->locked.history.number, entry);
    return backup;
}

void dynamodb_backup_of_deleted_begin(struct dynamodb_table *table, struct dynamodb_backup *backup,
                                      bool committed)
{
    if (!committed) {
        backup_free(backup);
        return;
    }
    start_job(table->dynamodb, backup, (struct dynamodb_moment){.number = table->number});
    publish(table->dynamodb, backup);
    dynamodb_drops_begin(table->dynamodb, table->locked.history.number);
}

/* ---- opening ---- */

static struct dynamodb_backup *read_backup(struct mr_slice arn, struct mr_slice text,
                                           uint32_t *ret_number)
{
    struct dynamodb_backup *backup = mr_calloc(1, sizeof(*backup));
    struct mr_buf table MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(&table);
    mr_arena_init(&backup->arena);
    struct mr_arena *arena = &backup->arena;
    yyjson_val *doc = mr_json_parse(arena, text, 64), *source = mr_json_get(doc, "table");
    if (source == NULL) {
        backup_free(backup);
        return NULL;
    }
    mr_json_value(&json, source);
    backup->table = mr_arena_copy(arena, mr_buf_slice(&table));
    backup->arn = mr_arena_copy(arena, arn);
    backup->id = mr_json_get_text(doc, "id");
    backup->name = mr_json_get_text(doc, "name");
    backup->stream_view = mr_json_get_text(doc, "stream_view");
    backup->table_name = mr_json_get_text(source, "name");
    backup->table_arn = mr_json_get_text(source, "arn");
    backup->table_uuid = mr_json_get_text(source, "uuid");
    backup->system = mr_json_get_bool(doc, "system", false);
    backup->created_ms = mr_json_get_i64(doc, "created_ms", 0);
    backup->expires_ms = mr_json_get_i64(doc, "expires_ms", 0);
    backup->bytes = (uint64_t)mr_json_get_i64(doc, "bytes", 0);
    backup->items = (uint64_t)mr_json_get_i64(doc, "items", 0);
    backup->status = mr_json_get_bool(doc, "available", false) ? DYNAMODB_BACKUP_AVAILABLE
                                                               : DYNAMODB_BACKUP_CREATING;
    backup->references = 1;
    *ret_number = (uint32_t)mr_json_get_i64(source, "number", 0);
    return backup;
}

static enum mr_status load_one(void *ctx, struct mr_slice arn, struct mr_slice text)
{
    struct dynamodb *dynamodb = ctx;
    uint32_t number;
    struct dynamodb_backup *backup = read_backup(arn, text, &number);
    if (backup == NULL)
        return MR_RAISE(MR_FAIL_DATA, "the document of backup '%.*s' cannot be read", MR_ARG(arn));
    if (backup->status == DYNAMODB_BACKUP_CREATING && backup->system)
        start_job(dynamodb, backup, (struct dynamodb_moment){.number = number});
    else if (backup->status == DYNAMODB_BACKUP_CREATING)
        backup->status = DYNAMODB_BACKUP_DELETED;
    publish(dynamodb, backup);
    return MR_OK;
}

/* Files of backups that were under way, or being deleted, when the process ended. */
static enum mr_status remove_orphans(struct dynamodb *dynamodb, const struct mr_map *ids)
{
    char path[4096];
    dynamodb_backup_path(dynamodb, MR_S(""), path);
    DIR *folder = opendir(path);
    if (folder == NULL)
        return MR_RAISE(MR_FAIL_IO, "cannot open '%s': %s", path, strerror(errno));
    for (const struct dirent *each; (each = readdir(folder)) != NULL;) {
        struct mr_slice name = mr_slice_cstr(each->d_name);
        if (name.ptr[0] == '.' || mr_map_get(ids, name) != NULL)
            continue;
        dynamodb_backup_path(dynamodb, name, path);
        if (unlink(path) == 0)
            mr_log(MR_LOG_INFO, "dynamodb", "removed '%s', which no backup names", path);
    }
    (void)closedir(folder);
    return MR_OK;
}

enum mr_status dynamodb_backups_open(struct dynamodb *dynamodb)
{
    enum mr_status status = store_folder_make(dynamodb->store, "backups");
    if (status == MR_OK)
        status = store_doc_each(dynamodb->store, "dynamodb", "backup", (struct mr_slice){0},
                                load_one, dynamodb);
    if (status < 0)
        return status;
    struct mr_map ids = {0};
    size_t cursor = 0;
    struct mr_slice arn;
    void *value;
    while (mr_map_next(&dynamodb->recovery->locked.backups, &cursor, &arn, &value))
        if (((struct dynamodb_backup *)value)->status != DYNAMODB_BACKUP_DELETED)
            mr_map_put(&ids, ((struct dynamodb_backup *)value)->id, value);
    status = remove_orphans(dynamodb, &ids);
    mr_map_fini(&ids);
    return status;
}

void dynamodb_backups_close(struct dynamodb *dynamodb)
{
    size_t cursor = 0;
    struct mr_slice arn;
    void *value;
    while (mr_map_next(&dynamodb->recovery->locked.backups, &cursor, &arn, &value))
        backup_free(value);
    mr_map_fini(&dynamodb->recovery->locked.backups);
}

/* ---- deleting ---- */

/* It is out of the map; takes over that reference. */
static enum mr_status remove_backup(struct dynamodb *dynamodb, struct dynamodb_backup *backup,
                                    struct mr_arena *arena)
{
    char path[4096];
    struct store_entry entry = store_entry_make(arena);
    store_doc_delete(&entry, "dynamodb", "backup", backup->arn);
    enum mr_status status = store_commit_wait(dynamodb->store, &entry);
    dynamodb_backup_path(dynamodb, backup->id, path);
    if (status == MR_OK && unlink(path) != 0 && errno != ENOENT)
        mr_log(MR_LOG_WARN, "dynamodb", "cannot remove '%s': %s", path, strerror(errno));
    dynamodb_backup_unref(dynamodb, backup);
    return status;
}

/* One that has expired, out of the map; NULL: none. */
static struct dynamodb_backup *take_expired(struct dynamodb *dynamodb, int64_t now_ms)
{
    struct dynamodb_backup *found = NULL;
    size_t cursor = 0;
    struct mr_slice arn;
    void *value;
    pthread_mutex_lock(&dynamodb->recovery->lock);
    while (found == NULL &&
           mr_map_next(&dynamodb->recovery->locked.backups, &cursor, &arn, &value)) {
        struct dynamodb_backup *backup = value;
        if (backup->expires_ms != 0 && backup->expires_ms <= now_ms && backup->restores == 0 &&
            backup->status == DYNAMODB_BACKUP_AVAILABLE)
            found = backup;
    }
    if (found != NULL)
        mr_map_remove(&dynamodb->recovery->locked.backups, found->arn);
    pthread_mutex_unlock(&dynamodb->recovery->lock);
    return found;
}

/* Whoever asks about backups never sees one that has expired. */
static void expire(struct protocol_call *call)
{
    struct dynamodb_backup *backup;
    while ((backup = take_expired(call->service, call->now_ms)) != NULL)
        protocol_fail_internal(call, remove_backup(call->service, backup, call->arena));
}

static struct mr_slice id_of(struct mr_slice arn)
{
    size_t at = mr_slice_search(arn, MR_S("/backup/"));
    return at == SIZE_MAX ? (struct mr_slice){0} : mr_slice_sub(arn, at + 8, arn.len);
}

struct dynamodb_backup *dynamodb_backup_need(struct protocol_call *call)
{
    struct mr_slice arn = mr_json_get_text(call->in, "BackupArn");
    if (id_of(arn).len == 0) {
        protocol_fail(call, &protocol_validation, "Invalid Backup ARN");
        return NULL;
    }
    expire(call);
    struct dynamodb_backup *backup = dynamodb_backup_find(call->service, arn);
    if (backup == NULL)
        protocol_fail(call, &dynamodb_backup_not_found, "Backup not found: %.*s", MR_ARG(arn));
    return backup;
}

/* ---- describing ---- */

struct facts {
    enum dynamodb_backup_status status;
    uint64_t bytes, items;
};

static struct facts facts_of(struct dynamodb *dynamodb, const struct dynamodb_backup *backup)
{
    pthread_mutex_lock(&dynamodb->recovery->lock);
    struct facts facts = {backup->status, backup->bytes, backup->items};
    pthread_mutex_unlock(&dynamodb->recovery->lock);
    return facts;
}

/* What details and summaries share; `status` NULL: as it is. */
static void members_json(struct mr_json *json, const struct dynamodb_backup *backup,
                         const struct facts *facts, const char *status)
{
    static const char *const names[] = {
        [DYNAMODB_BACKUP_CREATING] = "CREATING",
        [DYNAMODB_BACKUP_AVAILABLE] = "AVAILABLE",
        [DYNAMODB_BACKUP_DELETED] = "DELETED",
    };
    if (status == NULL)
        status = names[facts->status];
    mr_json_key_string(json, "BackupArn", backup->arn);
    mr_json_key_string(json, "BackupName", backup->name);
    mr_json_key_int(json, "BackupSizeBytes", (int64_t)facts->bytes);
    mr_json_key_cstr(json, "BackupStatus", status);
    mr_json_key_cstr(json, "BackupType", backup->system ? "SYSTEM" : "USER");
    mr_json_key_timestamp(json, "BackupCreationDateTime", backup->created_ms);
    if (backup->expires_ms != 0)
        mr_json_key_timestamp(json, "BackupExpiryDateTime", backup->expires_ms);
}

static void details_json(struct mr_json *json, const struct dynamodb_backup *backup,
                         const struct facts *facts, const char *status)
{
    mr_json_key(json, "BackupDetails");
    mr_json_object(json);
    members_json(json, backup, facts, status);
    mr_json_object_end(json);
}

static void source_json(struct mr_json *json, const struct dynamodb_table *table,
                        const struct facts *facts)
{
    bool on_demand = table->locked.on_demand;
    mr_json_key(json, "SourceTableDetails");
    mr_json_object(json);
    mr_json_key_string(json, "TableName", table->name);
    mr_json_key_string(json, "TableId", table->uuid);
    mr_json_key_string(json, "TableArn", table->arn);
    mr_json_key_int(json, "TableSizeBytes", (int64_t)facts->bytes);
    dynamodb_describe_schema(json, &table->schema);
    mr_json_key_timestamp(json, "TableCreationDateTime", table->created_ms);
    mr_json_key(json, "ProvisionedThroughput");
    mr_json_object(json);
    mr_json_key_int(json, "ReadCapacityUnits", on_demand ? 0 : table->locked.read_units);
    mr_json_key_int(json, "WriteCapacityUnits", on_demand ? 0 : table->locked.write_units);
    mr_json_object_end(json);
    dynamodb_describe_on_demand(json, &table->locked.tuning);
    mr_json_key_int(json, "ItemCount", (int64_t)facts->items);
    mr_json_key_cstr(json, "BillingMode", on_demand ? "PAY_PER_REQUEST" : "PROVISIONED");
    mr_json_object_end(json);
}

static void feature_index_json(struct mr_json *json, const struct dynamodb_table *table,
                               const struct dynamodb_index *index, const void *ctx)
{
    (void)table;
    (void)ctx;
    if (index->local)
        return;
    mr_json_key(json, "ProvisionedThroughput");
    mr_json_object(json);
    mr_json_key_int(json, "ReadCapacityUnits", index->read_units);
    mr_json_key_int(json, "WriteCapacityUnits", index->write_units);
    mr_json_object_end(json);
    dynamodb_describe_on_demand(json, &index->tuning);
}

static void features_json(struct mr_json *json, struct dynamodb_table *table,
                          const struct dynamodb_backup *backup)
{
    mr_json_key(json, "SourceTableFeatureDetails");
    mr_json_object(json);
    dynamodb_describe_indexes(json, table, true, feature_index_json, NULL);
    dynamodb_describe_indexes(json, table, false, feature_index_json, NULL);
    if (backup->stream_view.len > 0) {
        mr_json_key(json, "StreamDescription");
        mr_json_object(json);
        mr_json_key_bool(json, "StreamEnabled", true);
        mr_json_key_string(json, "StreamViewType", backup->stream_view);
        mr_json_object_end(json);
    }
    struct mr_slice ttl = mr_buf_slice(&table->locked.ttl);
    mr_json_key(json, "TimeToLiveDescription");
    mr_json_object(json);
    mr_json_key_cstr(json, "TimeToLiveStatus", ttl.len > 0 ? "ENABLED" : "DISABLED");
    if (ttl.len > 0)
        mr_json_key_string(json, "AttributeName", ttl);
    mr_json_object_end(json);
    if (table->locked.encrypted)
        dynamodb_describe_sse(json, table);
    mr_json_object_end(json);
}

static void description_json(struct protocol_call *call, struct dynamodb_backup *backup,
                             const char *status)
{
    struct facts facts = facts_of(call->service, backup);
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) =
        dynamodb_document_read(call->service, mr_json_parse(call->arena, backup->table, 64));
    if (table == NULL) {
        protocol_fail_internal(
            call, MR_RAISE(MR_FAIL_DATA, "backup '%.*s' cannot be read", MR_ARG(backup->arn)));
        return;
    }
    mr_json_key(&call->out, "BackupDescription");
    mr_json_object(&call->out);
    details_json(&call->out, backup, &facts, status);
    source_json(&call->out, table, &facts);
    features_json(&call->out, table, backup);
    mr_json_object_end(&call->out);
}

/* ---- operations ---- */

struct dynamodb_table *dynamodb_backup_table(struct protocol_call *call, struct mr_slice name)
{
    if (dynamodb_arn_check(call, name, call->operation_name) != MR_OK)
        return NULL;
    name = dynamodb_table_name(name);
    struct dynamodb_table *table = dynamodb_table_find(call->service, name);
    if (table == NULL && dynamodb_name_check(call, name) == MR_OK)
        protocol_fail(call, &dynamodb_table_not_found, "Table not found: %.*s", MR_ARG(name));
    return table;
}

static enum mr_status check_room(struct protocol_call *call, struct dynamodb_table *table)
{
    struct dynamodb *dynamodb = call->service;
    pthread_mutex_lock(&dynamodb->recovery->lock);
    size_t count = dynamodb->recovery->locked.backups.count;
    pthread_mutex_unlock(&dynamodb->recovery->lock);
    if (table->fills)
        return protocol_fail(call, &dynamodb_table_in_use, "Table is being created: %.*s",
                             MR_ARG(table->name));
    if (count >= DYNAMODB_BACKUPS_MAX)
        return protocol_fail(call, &dynamodb_limit_exceeded,
                             "Subscriber limit exceeded: There is a limit of %d backups",
                             DYNAMODB_BACKUPS_MAX);
    return dynamodb_jobs_check(call);
}

/* The caller holds admin, so the table stays. */
static void create_admin(struct protocol_call *call, struct dynamodb_table *table)
{
    struct facts none = {0};
    if (check_room(call, table) != MR_OK)
        return;
    struct dynamodb_backup *backup =
        make_backup(table, mr_json_get_text(call->in, "BackupName"), false, call->now_ms);
    struct store_entry entry = store_entry_make(call->arena);
    put_document(backup, DYNAMODB_BACKUP_CREATING, 0, 0, &entry);
    const enum mr_status status = store_commit(table->dynamodb->store, &entry, &call->ticket);
    if (status != MR_OK) {
        backup_free(backup);
        protocol_fail_internal(call, status);
        return;
    }
    details_json(&call->out, backup, &none, "CREATING");
    backup->references++; /* until it is published */
    start_job(table->dynamodb, backup, dynamodb_moment_latest(table));
    publish(table->dynamodb, backup);
    dynamodb_backup_unref(table->dynamodb, backup);
}

void dynamodb_create_backup(struct protocol_call *call)
{
    struct dynamodb *dynamodb = call->service;
    pthread_mutex_lock(&dynamodb->admin);
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) =
        dynamodb_backup_table(call, mr_json_get_text(call->in, "TableName"));
    if (table != NULL)
        create_admin(call, table);
    pthread_mutex_unlock(&dynamodb->admin);
}

void dynamodb_describe_backup(struct protocol_call *call)
{
    struct dynamodb_backup *backup = dynamodb_backup_need(call);
    if (backup != NULL)
        description_json(call, backup, NULL);
    dynamodb_backup_unref(call->service, backup);
}

/* Out of the map, unless it is in use. */
static enum mr_status take_backup(struct protocol_call *call, struct dynamodb_backup *backup)
{
    struct dynamodb *dynamodb = call->service;
    if (backup->system)
        return protocol_fail(call, &protocol_validation,
                             "Invalid Request: User is not allowed to delete the system backup "
                             "with arn %.*s. It will automatically expire on %s",
                             MR_ARG(backup->arn),
                             dynamodb_time_text(call->arena, backup->expires_ms));
    pthread_mutex_lock(&dynamodb->recovery->lock);
    bool restores = backup->restores > 0;
    bool busy = backup->status == DYNAMODB_BACKUP_CREATING || restores;
    void *removed = busy ? NULL : mr_map_remove(&dynamodb->recovery->locked.backups, backup->arn);
    pthread_mutex_unlock(&dynamodb->recovery->lock);
    if (busy)
        return protocol_fail(call, &dynamodb_backup_in_use, "Backup is being %s: %.*s",
                             restores ? "used to restore table" : "created", MR_ARG(backup->arn));
    if (removed == NULL)
        return protocol_fail(call, &dynamodb_backup_not_found, "Backup not found: %.*s",
                             MR_ARG(backup->arn));
    return MR_OK;
}

void dynamodb_delete_backup(struct protocol_call *call)
{
    struct dynamodb_backup *backup = dynamodb_backup_need(call);
    if (backup == NULL)
        return;
    if (take_backup(call, backup) == MR_OK) {
        description_json(call, backup, "DELETED");
        protocol_fail_internal(call, remove_backup(call->service, backup, call->arena));
    }
    dynamodb_backup_unref(call->service, backup);
}

/* ---- ListBackups ---- */

const char *dynamodb_time_text(struct mr_arena *arena, int64_t ms)
{
    char *text = mr_arena_alloc(arena, TIME_TEXT_MAX);
    const time_t seconds = (time_t)(ms / 1000);
    struct tm tm = {0};
    if (gmtime_r(&seconds, &tm) == NULL ||
        strftime(text, TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        text[0] = '\0';
    return text;
}

int64_t dynamodb_request_time(yyjson_val *members, const char *name, int64_t fallback)
{
    if (mr_json_get(members, name) == NULL)
        return fallback;
    double seconds = mr_json_get_double(members, name, 0);
    if (seconds < -1e15 || seconds > 1e15)
        return seconds < 0 ? INT64_MIN : INT64_MAX;
    return (int64_t)(seconds * 1000 + (seconds < 0 ? -0.5 : 0.5));
}

static bool is_listed(const struct protocol_call *call, const struct dynamodb_backup *backup)
{
    struct mr_slice table = dynamodb_table_name(mr_json_get_text(call->in, "TableName"));
    struct mr_slice type = mr_json_get_text(call->in, "BackupType");
    int64_t from = dynamodb_request_time(call->in, "TimeRangeLowerBound", INT64_MIN);
    int64_t to = dynamodb_request_time(call->in, "TimeRangeUpperBound", INT64_MAX);
    /* AWS: without a type, those of users. */
    bool typed = (type.len == 0 && !backup->system) || mr_slice_equal(type, MR_S("ALL")) ||
                 mr_slice_equal(type, backup->system ? MR_S("SYSTEM") : MR_S("USER"));
    return typed && (table.len == 0 || mr_slice_equal(table, backup->table_name)) &&
           backup->created_ms >= from && backup->created_ms < to;
}

/* By time, which the id begins with. */
static int by_id(const void *a, const void *b)
{
    const struct dynamodb_backup *left = *(struct dynamodb_backup *const *)a;
    const struct dynamodb_backup *right = *(struct dynamodb_backup *const *)b;
    int order = mr_slice_compare(left->id, right->id);
    return order != 0 ? order : mr_slice_compare(left->arn, right->arn);
}

/* All that the request wants, with references, in order. */
static struct dynamodb_backup **list_backups(struct protocol_call *call, size_t *ret_count)
{
    struct dynamodb *dynamodb = call->service;
    struct mr_slice after = id_of(mr_json_get_text(call->in, "ExclusiveStartBackupArn"));
    size_t cursor = 0, count = 0;
    struct mr_slice arn;
    void *value;
    pthread_mutex_lock(&dynamodb->recovery->lock);
    struct dynamodb_backup **list = MR_NEW_ARRAY(call->arena, struct dynamodb_backup *,
                                                 dynamodb->recovery->locked.backups.count + 1);
    while (mr_map_next(&dynamodb->recovery->locked.backups, &cursor, &arn, &value)) {
        struct dynamodb_backup *backup = value;
        if (!is_listed(call, backup) || mr_slice_compare(backup->id, after) <= 0)
            continue;
        backup->references++;
        list[count++] = backup;
    }
    pthread_mutex_unlock(&dynamodb->recovery->lock);
    if (count > 1)
        qsort(list, count, sizeof(list[0]), by_id);
    *ret_count = count;
    return list;
}

void dynamodb_list_backups(struct protocol_call *call)
{
    size_t limit = (size_t)mr_json_get_i64(call->in, "Limit", PAGE_MAX), count;
    if (dynamodb_arn_check(call, mr_json_get_text(call->in, "TableName"), call->operation_name) !=
        MR_OK)
        return;
    if (dynamodb_request_time(call->in, "TimeRangeLowerBound", INT64_MIN) >
        dynamodb_request_time(call->in, "TimeRangeUpperBound", INT64_MAX)) {
        protocol_fail(call, &protocol_validation,
                      "One or more parameter values were invalid: Time range lower bound must be "
                      "less than or equal to upper bound");
        return;
    }
    expire(call);
    struct dynamodb_backup **list = list_backups(call, &count);
    mr_json_key(&call->out, "BackupSummaries");
    mr_json_array(&call->out);
    for (size_t i = 0; i < count && i < limit; i++) {
        struct facts facts = facts_of(call->service, list[i]);
        mr_json_object(&call->out);
        mr_json_key_string(&call->out, "TableName", list[i]->table_name);
        mr_json_key_string(&call->out, "TableId", list[i]->table_uuid);
        mr_json_key_string(&call->out, "TableArn", list[i]->table_arn);
        members_json(&call->out, list[i], &facts, NULL);
        mr_json_object_end(&call->out);
    }
    mr_json_array_end(&call->out);
    if (count > limit)
        mr_json_key_string(&call->out, "LastEvaluatedBackupArn", list[limit - 1]->arn);
    for (size_t i = 0; i < count; i++)
        dynamodb_backup_unref(call->service, list[i]);
}
