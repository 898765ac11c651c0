/* From the buffers into S3: the bodies are written and fsynced first; then ONE entry holds all
 * objects and the cursors. Until that entry nothing is visible; after it nothing is redone. */
#include "firehose/internal.h"
#include "base/point.h"
#include "base/codec.h"
#include "base/inject.h"
#include "firehose/rows.h"
#include <stdlib.h>

/* What is being staged. */
struct staging {
    struct delivery *delivery;
    struct mr_arena *arena;
    int64_t version;
    struct s3_staged **staged;
    struct mr_slice *told; /* of each: a JSON object for the note */
    size_t count;
    struct rows_run *runs; /* of Iceberg tables */
    size_t run_count;
    const char *refusal, *refusal_message; /* why S3 did not take an object; NULL: it took all */
};
/* An object in the making. */
struct making {
    const struct buffer *buffer;
    const char *kind; /* in the note */
    uint64_t records;
    const struct delivery_target *target;
    struct mr_slice body;
    struct mr_slice error_type; /* empty: data, or the backup */
    struct mr_slice extension;
    enum compression compression;
    struct mr_slice error_prefix; /* instead of the target's, unless empty */
};

/* "<prefix><stream>-<version>-yyyy-MM-dd-HH-mm-ss-<uuid>[ext]" */
static struct mr_slice object_key(const struct staging *staging, const struct making *making)
{
    struct delivery *delivery = staging->delivery;
    const struct delivery_target *target = making->target;
    const bool failed = making->error_type.len > 0;
    const struct prefix_values values = {
        .time_ms = making->buffer->oldest_ms,
        .zone = target->zone,
        .error_type = making->error_type,
        .keys = failed ? MR_S("") : making->buffer->name,
        .rng = delivery->firehose->options.rng,
    };
    struct mr_buf buf = {0};
    char uuid[37];
    mr_rng_uuid(delivery->firehose->options.rng, uuid);
    if (failed)
        prefix_write_error(
            &buf, making->error_prefix.len > 0 ? making->error_prefix : target->error_prefix,
            target->prefix, &values);
    else
        prefix_write(&buf, target->prefix, &values);
    const struct mr_date date = zone_time_at(target->zone, making->buffer->oldest_ms).date;
    mr_buf_printf(&buf, "%s-%lld-%04d-%02d-%02d-%02d-%02d-%02d-%s", delivery->name,
                  (long long)staging->version, date.year, date.month, date.day, date.hour,
                  date.minute, date.second, uuid);
    mr_buf_append(&buf, making->extension);
    const struct mr_slice key = mr_arena_copy(staging->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return key;
}

static struct mr_slice tell(struct staging *staging, const struct making *making,
                            struct mr_slice key)
{
    struct mr_buf text = {0};
    struct mr_json json = mr_json_make(&text);
    mr_json_object(&json);
    mr_json_key_string(&json, "bucket", making->target->bucket);
    mr_json_key_string(&json, "key", key);
    mr_json_key_cstr(&json, "kind", making->kind);
    mr_json_key_int(&json, "records", (int64_t)making->records);
    mr_json_object_end(&json);
    const struct mr_slice told = mr_arena_copy(staging->arena, mr_buf_slice(&text));
    mr_buf_fini(&text);
    return told;
}

/* An injected failure of S3 (base/inject.h): the records wait, and it is tried again. */
static bool obstructed(struct staging *staging, struct mr_slice bucket)
{
    struct delivery *delivery = staging->delivery;
    struct mr_injection injection;
    if (mr_inject_strikes("s3", MR_S("PutObject"), bucket, MR_INJECT_BIT(MR_INJECT_SLOW),
                          &injection))
        mr_inject_linger(injection.delay_ms);
    if (!mr_inject_strikes("s3", MR_S("PutObject"), bucket, MR_INJECT_BIT(MR_INJECT_ERROR),
                           &injection))
        return false;
    delivery_note(delivery, injection.code, "S3 answered: %s", injection.message);
    staging->refusal = mr_arena_cstr(staging->arena, mr_slice_cstr(injection.code));
    staging->refusal_message = mr_arena_cstr(staging->arena, mr_slice_cstr(injection.message));
    return true;
}

static enum mr_status stage(struct staging *staging, const struct making *making)
{
    struct firehose *firehose = staging->delivery->firehose;
    struct mr_slice body = making->body;
    struct mr_buf packed = {0};
    if (making->compression != COMPRESSION_NONE) {
        char entry[37];
        mr_rng_uuid(firehose->options.rng, entry);
        compression_pack(&packed, making->compression, body, mr_slice_cstr(entry),
                         making->buffer->oldest_ms);
        body = mr_buf_slice(&packed);
    }
    const struct s3_put_options options = {
        .bucket = making->target->bucket,
        .key = object_key(staging, making),
        .content_type = MR_S_INIT("application/octet-stream"),
        .content_encoding = compression_encoding(making->compression),
        .kms_key = making->target->kms_key,
    };
    const enum mr_status status =
        obstructed(staging, making->target->bucket)
            ? MR_AGAIN
            : s3_stage(firehose->options.s3, &options, body, &staging->staged[staging->count]);
    if (status == MR_OK)
        staging->told[staging->count++] = tell(staging, making, options.key);
    if (status == MR_NOT_FOUND) {
        staging->refusal = "S3.NoSuchBucket";
        staging->refusal_message = "The specified bucket does not exist";
    }
    mr_buf_fini(&packed);
    return status;
}

/* ---- format conversion ---- */

struct unconverted {
    struct staging *staging;
    const struct buffer *buffer; /* of rows */
    struct mr_buf lines;
    uint64_t records;
    int64_t now_ms;
};

static void write_table(struct mr_json *json, const struct delivery *delivery,
                        const struct conversion *conversion)
{
    struct mr_slice rest = mr_slice_cstr(delivery->arn), part, region = {0}, account = {0};
    for (int i = 0; i < 5 && mr_slice_split(&rest, ':', &part); i++) {
        region = i == 3 ? part : region;
        account = i == 4 ? part : account;
    }
    mr_json_key(json, "dataCatalogTable");
    mr_json_object(json);
    mr_json_key_string(json, "catalogId",
                       conversion->catalog.len > 0 ? conversion->catalog : account);
    mr_json_key_string(json, "databaseName", conversion->database);
    mr_json_key_string(json, "tableName", conversion->table);
    mr_json_key_string(json, "region", conversion->region.len > 0 ? conversion->region : region);
    mr_json_key_string(json, "versionId",
                       conversion->version.len > 0 ? conversion->version : MR_S("LATEST"));
    mr_json_object_end(json);
}

static void note_unconverted(void *ctx, const struct conversion_failure *failure)
{
    struct unconverted *out = ctx;
    const struct delivery *delivery = out->staging->delivery;
    const struct buffer_record *record = failure->record;
    struct mr_json json = mr_json_make(&out->lines);
    mr_json_object(&json);
    mr_json_key_int(&json, "attemptsMade", 1);
    mr_json_key_int(&json, "arrivalTimestamp", record->arrival_ms);
    mr_json_key_cstr(&json, "lastErrorCode", failure->code);
    mr_json_key_string(&json, "lastErrorMessage", failure->message);
    mr_json_key_int(&json, "attemptEndingTimestamp", out->now_ms);
    mr_json_key(&json, "rawData");
    mr_json_base64(&json, failure->data);
    mr_json_key_string(&json, "sequenceNumber",
                       transform_sequence(out->staging->arena, delivery->p.stream, record->shard,
                                          record->mark.position, record->arrival_ms));
    mr_json_key_int(&json, "subSequenceNumber", record->mark.sub);
    write_table(&json, delivery, &delivery->p.config.conversion);
    mr_json_object_end(&json);
    mr_buf_byte(&out->lines, '\n');
    out->records++;
}

/* Two objects: what was converted, and what could not be. */
static enum mr_status stage_converted(struct staging *staging, struct buffer *buffer,
                                      const struct making *plain)
{
    struct delivery *delivery = staging->delivery;
    struct mr_buf file = {0};
    struct unconverted failures = {.staging = staging,
                                   .now_ms = store_now(delivery->firehose->options.store)};
    struct conversion_output output = {.file = &file, .failed = note_unconverted, .ctx = &failures};
    struct making making = *plain;
    char message[512];
    enum mr_status status = conversion_run(
        &delivery->p.config.conversion, delivery->firehose->options.glue, buffer, &output, message);
    if (status == MR_AGAIN)
        delivery_note(delivery, NULL, "%s", message);
    if (making.target->extension.len == 0)
        making.extension = MR_S(".parquet");
    making.body = mr_buf_slice(&file);
    making.records = output.converted;
    if (status == MR_OK && output.converted > 0)
        status = stage(staging, &making);
    making.body = mr_buf_slice(&failures.lines);
    making.kind = "failed";
    making.records = failures.records;
    making.error_type = MR_S("format-conversion-failed");
    making.extension = MR_S("");
    if (status == MR_OK && failures.records > 0)
        status = stage(staging, &making);
    buffer->unconverted = failures.records;
    mr_buf_fini(&file);
    mr_buf_fini(&failures.lines);
    return status;
}

/* ---- Iceberg tables ---- */

static void note_unwritten(void *ctx, const struct rows_failure *failure)
{
    struct unconverted *out = ctx;
    const int64_t attempts = out->buffer->tries > 0 ? out->buffer->tries : 1;
    const struct record_failure why = {"iceberg-failed", failure->code,
                                       mr_arena_cstr(out->staging->arena, failure->message)};
    const struct delivery_record record = {.original = failure->data,
                                           .arrival_ms = failure->record->arrival_ms};
    const struct record_result result = {
        .why = &why, .attempts = attempts, .ended_ms = out->now_ms};
    transform_failure_write(&out->lines, &record, &result, MR_S(""));
    out->records++;
}

/* AWS: for as long as RetryOptions says; then its rows fail. */
static enum mr_status unavailable(struct rows_run *run, struct buffer *buffer,
                                  struct unconverted *failures, const char *message)
{
    static const char code[] = "Iceberg.TableUnavailable";
    delivery_note(failures->staging->delivery, code, "%s", message);
    if (buffer->tries++ == 0)
        buffer->tried_ms = failures->now_ms;
    if (failures->now_ms - buffer->tried_ms < run->config->retry_ms)
        return MR_AGAIN;
    mr_buf_reset(&failures->lines);
    failures->records = 0;
    rows_give_up(run, code, mr_slice_cstr(message));
    return MR_OK;
}

/* Rows, in a change of their table, and an object of those that do not fit. */
static enum mr_status stage_rows(struct staging *staging, struct buffer *buffer,
                                 const struct making *plain)
{
    struct delivery *delivery = staging->delivery;
    struct firehose *firehose = delivery->firehose;
    struct unconverted failures = {
        .staging = staging, .buffer = buffer, .now_ms = store_now(firehose->options.store)};
    struct iceberg *ice = MR_NEW(staging->arena, struct iceberg);
    struct rows_run *run = &staging->runs[staging->run_count++];
    char message[512] = "";
    *ice = (struct iceberg){firehose->options.store, firehose->options.s3, firehose->options.glue,
                            firehose->options.rng, NULL};
    *run = (struct rows_run){
        .ice = ice,
        .config = &delivery->p.config,
        .arena = staging->arena,
        .buffer = buffer,
        .failed = note_unwritten,
        .ctx = &failures,
    };
    enum mr_status status = rows_prepare(run, message);
    if (status == MR_AGAIN || status == MR_NOT_FOUND)
        status = unavailable(run, buffer, &failures, message);
    struct making making = *plain;
    making.body = mr_buf_slice(&failures.lines);
    making.kind = "failed";
    making.records = failures.records;
    making.error_type = MR_S("iceberg-failed");
    making.extension = MR_S("");
    making.error_prefix = mr_json_get_text(rows_table_config(&delivery->p.config, buffer->name),
                                           "S3ErrorOutputPrefix");
    if (status == MR_OK && failures.records > 0)
        status = stage(staging, &making);
    buffer->unconverted = failures.records;
    mr_buf_fini(&failures.lines);
    return status;
}

/* ---- partitions ---- */

/* The records of a buffer as the error output has them. */
static void write_undelivered(const struct staging *staging, const struct buffer *buffer,
                              struct mr_buf *lines)
{
    const struct record_failure why = {"processing-failed", staging->refusal,
                                       staging->refusal_message};
    const struct record_result result = {
        .why = &why,
        .attempts = buffer->tries + 1,
        .ended_ms = store_now(staging->delivery->firehose->options.store),
    };
    uint64_t from = 0;
    for (size_t i = 0; i < buffer->list_count; i++) {
        const struct delivery_record record = {
            .original = mr_slice_sub(mr_buf_slice(&buffer->bytes), from, buffer->list[i].end),
            .arrival_ms = buffer->list[i].arrival_ms,
        };
        transform_failure_write(lines, &record, &result, MR_S(""));
        from = buffer->list[i].end;
    }
}

/* AWS: what S3 does not take under a partition's prefix is tried for as long as RetryOptions says;
 * then it goes to the error output. While S3 does not take that either, both are tried. */
static enum mr_status stage_partition(struct staging *staging, struct buffer *buffer,
                                      const struct making *plain)
{
    const struct delivery_config *config = &staging->delivery->p.config;
    const int64_t now_ms = store_now(staging->delivery->firehose->options.store);
    const int64_t tried_ms = buffer->tries > 0 ? now_ms - buffer->tried_ms : 0;
    const size_t before = staging->count;
    buffer->unconverted = 0;
    enum mr_status status = config->conversion.enabled ? stage_converted(staging, buffer, plain)
                                                       : stage(staging, plain);
    if (status <= MR_OK || staging->refusal == NULL || tried_ms < config->retry_ms)
        return status;
    while (staging->count > before)
        s3_staged_done(staging->delivery->firehose->options.s3, staging->staged[--staging->count],
                       /* committed= */ false);
    struct mr_buf lines = {0};
    write_undelivered(staging, buffer, &lines);
    struct making making = *plain;
    making.body = mr_buf_slice(&lines);
    making.kind = "failed";
    making.error_type = MR_S("processing-failed");
    making.extension = compression_extension(making.compression);
    status = stage(staging, &making);
    if (status == MR_OK)
        buffer->unconverted = buffer->records;
    mr_buf_fini(&lines);
    return status;
}

/* S3 refused one of them: all have been tried. */
static void note_refused(const struct staging *staging, struct buffer **chosen, size_t count)
{
    const int64_t now_ms = store_now(staging->delivery->firehose->options.store);
    for (size_t i = 0; i < count && staging->delivery->p.config.partitioned; i++)
        if (chosen[i]->tries++ == 0)
            chosen[i]->tried_ms = now_ms;
}

static const struct delivery_target *target_of(const struct delivery_config *config,
                                               const struct buffer *buffer)
{
    return buffer->kind == BUFFER_BACKUP ? &config->backup : &config->data;
}

static enum mr_status stage_buffer(struct staging *staging, struct buffer *buffer)
{
    const struct delivery_config *config = &staging->delivery->p.config;
    const struct delivery_target *target = target_of(config, buffer);
    const bool failed = buffer->kind == BUFFER_FAILED;
    const struct making making = {
        .buffer = buffer,
        .kind = failed                          ? "failed"
                : buffer->kind == BUFFER_BACKUP ? "backup"
                                                : "data",
        .records = buffer->records,
        .target = target,
        .body = mr_buf_slice(&buffer->bytes),
        .error_type = failed ? buffer->name : MR_S(""),
        .extension = !failed && target->extension.len > 0
                         ? target->extension
                         : compression_extension(target->compression),
        .compression = target->compression,
    };
    if (buffer->bytes.len == 0 && !config->conversion.enabled)
        return MR_OK; /* AWS: nothing is written when there is nothing to write */
    if (buffer->kind == BUFFER_DATA && config->iceberg)
        return stage_rows(staging, buffer, &making);
    if (buffer->kind == BUFFER_DATA && config->partitioned)
        return stage_partition(staging, buffer, &making);
    if (buffer->kind == BUFFER_DATA && config->conversion.enabled)
        return stage_converted(staging, buffer, &making);
    return stage(staging, &making);
}

/* ---- the entry ---- */

/* For whoever audits: "firehose/<id>" is JSON that says what each object of the entry holds;
 * "firehose-dropped/<id>" the marks of the records that the function said to drop. */
static void note_entry(const struct staging *staging, struct store_entry *entry)
{
    const struct delivery *delivery = staging->delivery;
    const struct delivery_pump *p = &delivery->p;
    struct mr_buf text = {0};
    struct mr_json json = mr_json_make(&text);
    mr_json_object(&json);
    mr_json_key(&json, "objects");
    mr_json_array(&json);
    for (size_t i = 0; i < staging->count; i++)
        mr_json_raw(&json, staging->told[i]);
    mr_json_array_end(&json);
    mr_json_key_int(&json, "dropped", (int64_t)(p->dropped.count + p->dropped_more));
    mr_json_object_end(&json);
    (void)store_entry_note(entry, mr_arena_printf(entry->arena, "firehose/%s", delivery->id),
                           mr_arena_copy(entry->arena, mr_buf_slice(&text)));
    mr_buf_reset(&text);
    if (p->dropped.count > 0) {
        mark_set_write(&text, &p->dropped);
        (void)store_entry_note(entry,
                               mr_arena_printf(entry->arena, "firehose-dropped/%s", delivery->id),
                               mr_arena_copy(entry->arena, mr_buf_slice(&text)));
    }
    mr_buf_fini(&text);
}

static void note_landed(struct delivery *delivery, struct buffer **chosen, size_t count,
                        size_t objects)
{
    struct delivery_pump *p = &delivery->p;
    uint64_t failed = 0;
    delivery_sources_committed(delivery);
    for (size_t i = 0; i < count; i++) {
        const struct buffer *buffer = chosen[i];
        delivery_meter_landed(delivery, buffer);
        if (buffer->kind == BUFFER_DATA) {
            atomic_fetch_add(&delivery->records_out, buffer->records - buffer->unconverted);
            failed += buffer->unconverted;
            atomic_fetch_add(&delivery->bytes_out, buffer->bytes.len);
        } else if (buffer->kind == BUFFER_FAILED) {
            failed += buffer->records;
        }
        if (buffer->kind != BUFFER_BACKUP)
            atomic_store(&delivery->landed_ms, buffer->oldest_ms);
        buffer_set_close(&p->buffers, chosen[i]);
    }
    atomic_fetch_add(&delivery->failed, failed);
    atomic_fetch_add(&delivery->dropped, p->dropped.count + p->dropped_more);
    atomic_fetch_add(&delivery->objects, objects);
    p->dropped.count = 0;
    p->dropped_more = 0;
    if (failed == 0) /* what failed stays told until something lands without */
        delivery_note(delivery, NULL, "%s", "");
}

/* What lands and what stays of data and failures. */
static struct landing landing_of(struct mr_arena *arena, const struct buffer_set *set,
                                 struct buffer **chosen, size_t count)
{
    struct landing landing = {.landed = MR_NEW_ARRAY(arena, struct buffer *, count + 1)};
    landing.kept.all = MR_NEW_ARRAY(arena, struct buffer *, set->count + 1);
    landing.data = count == 0; /* nothing but cursors: what was read was dropped */
    landing.backup = true;
    for (size_t i = 0; i < count; i++) {
        if (chosen[i]->kind == BUFFER_BACKUP)
            continue;
        landing.landed[landing.count++] = chosen[i];
        landing.data = true;
    }
    for (size_t i = 0; i < set->count; i++) {
        bool stays = true;
        for (size_t j = 0; j < count && stays; j++)
            stays = chosen[j] != set->all[i];
        if (stays && set->all[i]->kind == BUFFER_BACKUP)
            landing.backup = false;
        else if (stays)
            landing.kept.all[landing.kept.count++] = set->all[i];
    }
    return landing;
}

/* With the Glue tables that name the new metadata of what changed. MR_AGAIN: somebody else changed
 * one of them meanwhile; everything is made again from what it is now. */
static enum mr_status commit(const struct staging *staging, struct store_entry *entry)
{
    const struct firehose_options *options = &staging->delivery->firehose->options;
    struct glue_table_put *puts =
        MR_NEW_ARRAY(staging->arena, struct glue_table_put, staging->run_count + 1);
    int64_t ticket;
    size_t count = 0;
    for (size_t i = 0; i < staging->run_count; i++)
        if (staging->runs[i].changes)
            puts[count++] = staging->runs[i].change.put;
    if (count == 0)
        return store_commit(options->store, entry, &ticket);
    const enum mr_status status =
        glue_tables_put(options->glue, staging->arena, puts, count, entry, &ticket);
    return status > 0 ? MR_AGAIN : status; /* gone, or changed */
}

enum mr_status delivery_land(struct delivery *delivery, struct buffer **chosen, size_t count,
                             int64_t version)
{
    struct delivery_pump *p = &delivery->p;
    struct s3 *s3 = delivery->firehose->options.s3;
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    struct staging staging = {
        .delivery = delivery,
        .arena = &arena,
        .version = version,
        .staged = MR_NEW_ARRAY(&arena, struct s3_staged *, 2 * count + 1),
        .told = MR_NEW_ARRAY(&arena, struct mr_slice, 2 * count + 1),
        .runs = MR_NEW_ARRAY(&arena, struct rows_run, count + 1),
    };
    enum mr_status status = MR_OK;
    atomic_store(&delivery->landing_ms, store_now(delivery->firehose->options.store));
    mr_point(MR_POINT_FIREHOSE_STAGE);
    for (size_t i = 0; i < count && status == MR_OK; i++)
        status = stage_buffer(&staging, chosen[i]);
    for (size_t i = 0; i < staging.count && status == MR_OK; i++)
        status = s3_commit_staged(s3, staging.staged[i], &entry);
    for (size_t i = 0; i < staging.run_count && status == MR_OK; i++)
        if (staging.runs[i].changes)
            status = iceberg_change_join(&staging.runs[i].change, &entry);
    if (status == MR_OK) {
        const struct landing landing = landing_of(&arena, &p->buffers, chosen, count);
        delivery_sources_put(delivery, &entry, &landing);
        mark_set_sort(&p->dropped);
        note_entry(&staging, &entry);
        mr_point(MR_POINT_FIREHOSE_LAND);
        status = commit(&staging, &entry);
        mr_point(MR_POINT_FIREHOSE_LANDED);
    }
    atomic_store(&delivery->landing_ms, 0);
    for (size_t i = 0; i < staging.run_count; i++)
        iceberg_change_end(&staging.runs[i].change, status == MR_OK);
    for (size_t i = 0; i < staging.count; i++)
        s3_staged_done(s3, staging.staged[i], status == MR_OK);
    p->stuck = status != MR_OK;
    if (status > MR_OK && staging.refusal != NULL)
        note_refused(&staging, chosen, count);
    if (status != MR_OK && count > 0)
        delivery_meter(
            delivery,
            chosen[0]->kind == BUFFER_BACKUP ? DELIVERY_BACKUP_SUCCESS : DELIVERY_S3_SUCCESS, 0);
    if (status == MR_OK)
        note_landed(delivery, chosen, count, staging.count);
    else if (status == MR_NOT_FOUND) /* all of `chosen` go to one bucket */
        delivery_note(delivery, "S3.NoSuchBucket", DELIVERY_NO_BUCKET,
                      MR_ARG(target_of(&p->config, chosen[0])->bucket));
    mr_arena_fini(&arena);
    return status;
}
