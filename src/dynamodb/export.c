/* ExportTableToPointInTime: a table as it was, or what changed in a window, as objects in S3.
 *
 * - <prefix>/AWSDynamoDB/<id>/_started
 * - <prefix>/AWSDynamoDB/<id>/data/<name>.json.gz; of an incremental one <prefix>/AWSDynamoDB/data/
 * - <prefix>/AWSDynamoDB/<id>/manifest-files.json, .md5
 * - <prefix>/AWSDynamoDB/<id>/manifest-summary.json, .md5
 *
 * AWS: a file holds items of one partition, and each partition has one at least. The manifests come
 * last, then the entry that says COMPLETED. The moment does not change, and a file's name follows
 * from the export's id and its number: what a restart finds IN_PROGRESS it writes again, the same.
 */
#include "dynamodb/recovery.h"
#include "base/point.h"
#include "base/codec.h"
#include "base/compress.h"
#include "s3/s3.h"
#include <stdlib.h>

enum {
    FILE_BYTES = 16 << 20, /* before packing: a file is made in memory */
    WINDOW_MS_MIN = 15 * 60000,
    WINDOW_MS_MAX = 24 * 3600000,
    LIST_MAX = 25,
};

struct export_job {
    struct dynamodb_job base;
    struct dynamodb_table *table; /* NULL: it is gone */
    struct dynamodb_moment moment;
    struct mr_arena arena; /* of what follows */
    struct mr_slice arn, id, fixed, own;
    struct mr_slice bucket, prefix; /* the latter with its slash, or empty */
    struct mr_slice kms_key;        /* that encrypts the objects; empty: as the bucket says */
    bool ion, incremental, old_images, allowed;
    uint64_t from;
    /* the file in hand */
    struct mr_packer *packer;
    struct mr_buf packed, line;
    size_t partition, file_bytes;
    uint64_t file_items, file_number;
    /* of all */
    struct mr_buf manifest;
    uint64_t items, bytes;
    const char *failure, *failure_text;
};

static void job_free(struct dynamodb_job *base)
{
    struct export_job *job = (struct export_job *)base;
    view_snapshot_free(job->moment.snapshot);
    dynamodb_table_unref(job->table);
    mr_packer_end(job->packer);
    mr_buf_fini(&job->packed);
    mr_buf_fini(&job->line);
    mr_buf_fini(&job->manifest);
    mr_arena_fini(&job->arena);
    free(job);
}

/* ---- objects ---- */

static struct mr_slice key_of(struct export_job *job, const char *name)
{
    return mr_arena_printf(&job->arena, "%.*sAWSDynamoDB/%.*s/%s", MR_ARG(job->prefix),
                           MR_ARG(job->id), name);
}

/* MR_FAULT: the job has failed, in S3's words. */
static enum mr_status put_object(struct export_job *job, struct mr_slice key, const char *type,
                                 struct mr_slice body, char *ret_etag)
{
    const struct s3_put_options options = {.bucket = job->bucket,
                                           .key = key,
                                           .content_type = mr_slice_cstr(type),
                                           .kms_key = job->kms_key};
    enum mr_status status = s3_put_as(job->base.dynamodb->s3, &options, body, ret_etag);
    if (status != MR_NOT_FOUND)
        return status;
    job->failure = "S3NoSuchBucket";
    job->failure_text = "The specified bucket does not exist";
    return MR_FAULT;
}

/* The object, and beside it its MD5. */
static enum mr_status put_manifest(struct export_job *job, const char *name, struct mr_slice body)
{
    uint8_t md5[16];
    mr_md5(body, md5);
    struct mr_slice sum = mr_base64(&job->arena, mr_slice_make(md5, sizeof(md5)));
    struct mr_slice key = key_of(job, name);
    struct mr_slice stem = mr_slice_sub(key, 0, key.len - 5); /* less ".json" */
    enum mr_status status = put_object(job, key, "application/json", body, NULL);
    if (status == MR_OK)
        status = put_object(job, mr_arena_printf(&job->arena, "%.*s.md5", MR_ARG(stem)),
                            "text/plain", sum, NULL);
    return status;
}

/* 26 letters and digits, as AWS has them. */
static struct mr_slice file_name(struct export_job *job)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint8_t md5[16];
    char name[26];
    mr_md5(mr_arena_printf(&job->arena, "%.*s %llu", MR_ARG(job->arn),
                           (unsigned long long)job->file_number),
           md5);
    for (size_t i = 0; i < sizeof(name); i++) {
        size_t bit = i * 5, at = bit / 8, shift = bit % 8;
        unsigned pair = (unsigned)md5[at] << 8 | (at + 1 < sizeof(md5) ? md5[at + 1] : 0);
        name[i] = alphabet[pair >> (11 - shift) & 31];
    }
    return mr_arena_printf(&job->arena, "%.*sAWSDynamoDB/%.*s%sdata/%.26s.%s.gz",
                           MR_ARG(job->prefix), job->incremental ? 0 : (int)job->id.len,
                           job->id.ptr, job->incremental ? "" : "/", name,
                           job->ion ? "ion" : "json");
}

static enum mr_status finish_file(struct export_job *job)
{
    uint8_t md5[16];
    char etag[S3_PUT_ETAG] = "";
    struct mr_slice key = file_name(job);
    if (job->packer == NULL)
        job->packer = mr_packer_new(MR_PACKING_GZIP, 0, &job->packed);
    mr_packer_end(job->packer);
    job->packer = NULL;
    mr_md5(mr_buf_slice(&job->packed), md5);
    enum mr_status status =
        put_object(job, key, "application/octet-stream", mr_buf_slice(&job->packed), etag);
    struct mr_json json = mr_json_make(&job->manifest);
    mr_json_object(&json);
    mr_json_key_int(&json, "itemCount", (int64_t)job->file_items);
    mr_json_key_string(&json, "md5Checksum",
                       mr_base64(&job->arena, mr_slice_make(md5, sizeof(md5))));
    mr_json_key_cstr(&json, "etag", etag);
    mr_json_key_string(&json, "dataFileS3Key", key);
    mr_json_object_end(&json);
    mr_buf_byte(&job->manifest, '\n');
    mr_buf_reset(&job->packed);
    job->file_number++;
    job->file_items = job->file_bytes = 0;
    return status;
}

/* ---- records ---- */

static int64_t micros_of(uint64_t stamp)
{
    int64_t count = (int64_t)(stamp & ((1u << DYNAMODB_STAMP_BITS) - 1));
    return (int64_t)(stamp >> DYNAMODB_STAMP_BITS) * 1000 + (count < 1000 ? count : 999);
}

static void change_json(struct export_job *job, const struct dynamodb_past *past,
                        struct mr_slice keys)
{
    struct mr_json json = mr_json_make(&job->line);
    mr_json_object(&json);
    mr_json_key(&json, "Metadata");
    mr_json_object(&json);
    mr_json_key(&json, "WriteTimestampMicros");
    mr_json_object(&json);
    mr_json_key_string(&json, "N",
                       mr_arena_printf(&job->arena, "%lld", (long long)micros_of(past->stamp)));
    mr_json_object_end(&json);
    mr_json_object_end(&json);
    mr_json_key(&json, "Keys");
    item_json(&json, keys);
    if (past->new_item.ptr != NULL) {
        mr_json_key(&json, "NewImage");
        item_json(&json, past->new_item);
    }
    if (past->old_item.ptr != NULL && job->old_images) {
        mr_json_key(&json, "OldImage");
        item_json(&json, past->old_item);
    }
    mr_json_object_end(&json);
}

static void change_ion(struct export_job *job, const struct dynamodb_past *past,
                       struct mr_slice keys)
{
    mr_buf_printf(&job->line, "$ion_1_0 {Record:{Metadata:{WriteTimestampMicros:%lld.},Keys:",
                  (long long)micros_of(past->stamp));
    dynamodb_ion_write(&job->line, keys);
    if (past->new_item.ptr != NULL) {
        mr_buf_append(&job->line, MR_S(",NewImage:"));
        dynamodb_ion_write(&job->line, past->new_item);
    }
    if (past->old_item.ptr != NULL && job->old_images) {
        mr_buf_append(&job->line, MR_S(",OldImage:"));
        dynamodb_ion_write(&job->line, past->old_item);
    }
    mr_buf_append(&job->line, MR_S("}}"));
}

static void item_line(struct export_job *job, struct mr_slice item)
{
    if (job->ion) {
        mr_buf_append(&job->line, MR_S("$ion_1_0 {Item:"));
        dynamodb_ion_write(&job->line, item);
        mr_buf_byte(&job->line, '}');
        return;
    }
    struct mr_json json = mr_json_make(&job->line);
    mr_json_object(&json);
    mr_json_key(&json, "Item");
    item_json(&json, item);
    mr_json_object_end(&json);
}

static enum mr_status add_record(struct export_job *job, const struct dynamodb_past *past,
                                 struct mr_arena *scratch)
{
    struct mr_slice item = past->new_item.ptr != NULL ? past->new_item : past->old_item;
    size_t partition = dynamodb_address_of(scratch, job->table, item).partition;
    enum mr_status status = MR_OK;
    for (; status == MR_OK && job->partition < partition; job->partition++)
        status = finish_file(job);
    if (status == MR_OK && job->file_bytes >= FILE_BYTES)
        status = finish_file(job);
    if (status != MR_OK)
        return status;
    mr_buf_reset(&job->line);
    struct mr_slice keys = dynamodb_keys_of(scratch, &job->table->schema, item);
    if (!job->incremental)
        item_line(job, item);
    else if (job->ion)
        change_ion(job, past, keys);
    else
        change_json(job, past, keys);
    mr_buf_byte(&job->line, '\n');
    if (job->packer == NULL)
        job->packer = mr_packer_new(MR_PACKING_GZIP, 0, &job->packed);
    mr_packer_add(job->packer, mr_buf_slice(&job->line));
    job->file_bytes += job->line.len;
    job->file_items++;
    job->items++;
    job->bytes += item_size(item);
    return MR_OK;
}

static enum mr_status write_data(struct export_job *job)
{
    struct dynamodb_past past;
    struct mr_arena scratch;
    enum mr_status status;
    mr_arena_init(&scratch);
    if (job->incremental)
        dynamodb_past_open_changes(&past, &job->moment, job->from);
    else
        dynamodb_past_open(&past, &job->moment);
    while ((status = dynamodb_past_next(&past)) == MR_OK) {
        status = add_record(job, &past, &scratch);
        mr_arena_reset(&scratch);
        if (status == MR_OK && dynamodb_stopping(job->base.dynamodb))
            status = MR_AGAIN;
        if (status != MR_OK)
            break;
    }
    dynamodb_past_close(&past);
    mr_arena_fini(&scratch);
    if (status != MR_END)
        return status;
    for (status = MR_OK; status == MR_OK && job->partition < job->table->partitions;
         job->partition++)
        status = finish_file(job);
    return status;
}

/* ---- the end ---- */

static void time_member(struct mr_json *json, const char *name, int64_t time_ms)
{
    char text[32];
    mr_json_key_string(json, name, mr_date_iso8601(time_ms, text));
}

static struct mr_slice type_of(yyjson_val *fixed)
{
    const struct mr_slice type = mr_json_get_text(fixed, "ExportType");
    return type.len > 0 ? type : MR_S("FULL_EXPORT");
}

static enum mr_status write_summary(struct export_job *job, yyjson_val *fixed, int64_t end_ms)
{
    struct mr_buf text MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(&text);
    yyjson_val *window = mr_json_get(fixed, "IncrementalExportSpecification");
    yyjson_val *kms = mr_json_get(fixed, "S3SseKmsKeyId");
    mr_json_object(&json);
    mr_json_key_cstr(&json, "version", job->incremental ? "2023-08-01" : "2020-06-30");
    mr_json_key_string(&json, "exportArn", job->arn);
    time_member(&json, "startTime", dynamodb_request_time(fixed, "StartTime", 0));
    time_member(&json, "endTime", end_ms);
    mr_json_key_string(&json, "tableArn", mr_json_get_text(fixed, "TableArn"));
    mr_json_key_string(&json, "tableId", mr_json_get_text(fixed, "TableId"));
    if (job->incremental) {
        time_member(&json, "exportFromTime", dynamodb_request_time(window, "ExportFromTime", 0));
        time_member(&json, "exportToTime", dynamodb_request_time(window, "ExportToTime", 0));
    } else {
        time_member(&json, "exportTime", dynamodb_request_time(fixed, "ExportTime", 0));
    }
    mr_json_key_string(&json, "s3Bucket", job->bucket);
    mr_json_key(&json, "s3Prefix");
    if (mr_json_get(fixed, "S3Prefix") != NULL)
        mr_json_value(&json, mr_json_get(fixed, "S3Prefix"));
    else
        mr_json_null(&json);
    mr_json_key_string(&json, "s3SseAlgorithm", mr_json_get_text(fixed, "S3SseAlgorithm"));
    mr_json_key(&json, "s3SseKmsKeyId");
    if (kms != NULL)
        mr_json_value(&json, kms);
    else
        mr_json_null(&json);
    mr_json_key_string(&json, "manifestFilesS3Key", key_of(job, "manifest-files.json"));
    mr_json_key_int(&json, "billedSizeBytes", (int64_t)job->bytes);
    mr_json_key_int(&json, "itemCount", (int64_t)job->items);
    mr_json_key_string(&json, "outputFormat", mr_json_get_text(fixed, "ExportFormat"));
    if (job->incremental)
        mr_json_key_cstr(&json, "outputView", job->old_images ? "NEW_AND_OLD_IMAGES" : "NEW_IMAGE");
    mr_json_key_string(&json, "exportType", type_of(fixed));
    mr_json_object_end(&json);
    return put_manifest(job, "manifest-summary.json", mr_buf_slice(&text));
}

static enum mr_status put_result(struct export_job *job, int64_t end_ms)
{
    struct dynamodb *dynamodb = job->base.dynamodb;
    struct mr_buf text MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(&text);
    struct store_entry entry = store_entry_make(&job->arena);
    mr_json_object(&json);
    mr_json_key_cstr(&json, "ExportStatus", job->failure == NULL ? "COMPLETED" : "FAILED");
    mr_json_key_timestamp(&json, "EndTime", end_ms);
    if (job->failure == NULL) {
        mr_json_key_string(&json, "ExportManifest", key_of(job, "manifest-summary.json"));
        mr_json_key_int(&json, "BilledSizeBytes", (int64_t)job->bytes);
        mr_json_key_int(&json, "ItemCount", (int64_t)job->items);
    } else {
        mr_json_key_cstr(&json, "FailureCode", job->failure);
        mr_json_key_cstr(&json, "FailureMessage", job->failure_text);
    }
    mr_json_object_end(&json);
    const struct dynamodb_task task = {.kind = "export",
                                       .arn = job->arn,
                                       .fixed = job->fixed,
                                       .result = mr_buf_slice(&text),
                                       .own = job->own};
    dynamodb_task_put(&entry, &task);
    mr_point(MR_POINT_DYNAMODB_EXPORT_COMMIT);
    const enum mr_status status = store_commit_wait(dynamodb->store, &entry);
    mr_point(MR_POINT_DYNAMODB_EXPORT_COMMITTED);
    return status;
}

static enum mr_status write_export(struct export_job *job, int64_t *end_ms)
{
    yyjson_val *fixed = mr_json_parse(&job->arena, job->fixed, 16);
    mr_point(MR_POINT_DYNAMODB_EXPORT);
    if (job->table == NULL || !job->allowed) {
        job->failure = job->table == NULL ? "ExportSourceGone" : "S3AccessDenied";
        job->failure_text = job->table == NULL
                                ? "The table's point in time recovery ended during the export"
                                : "The bucket is not owned by the account S3BucketOwner";
        return MR_FAULT;
    }
    enum mr_status status =
        put_object(job, key_of(job, "_started"), "application/octet-stream", MR_S(""), NULL);
    if (status == MR_OK)
        status = write_data(job);
    if (status == MR_OK)
        status = put_manifest(job, "manifest-files.json", mr_buf_slice(&job->manifest));
    *end_ms = store_now(job->base.dynamodb->store);
    return status == MR_OK ? write_summary(job, fixed, *end_ms) : status;
}

static void job_run(struct dynamodb_job *base)
{
    struct export_job *job = (struct export_job *)base;
    int64_t end_ms = store_now(base->dynamodb->store);
    enum mr_status status = write_export(job, &end_ms);
    if (status == MR_AGAIN)
        return;
    if (status < 0) {
        job->failure = "InternalServerError";
        job->failure_text = "The export could not be written";
    }
    if (put_result(job, end_ms) < 0)
        (void)MR_RAISE(MR_FAIL, "export '%.*s' stays in progress until the restart",
                       MR_ARG(job->arn));
}

/* ---- beginning ---- */

/* Takes over the snapshot. `fixed` and `own`: the stored parts. */
static void start_job(struct dynamodb *dynamodb, struct dynamodb_table *table,
                      const struct dynamodb_moment *moment, struct mr_slice arn,
                      struct mr_slice fixed_text, struct mr_slice own_text)
{
    struct export_job *job = mr_calloc(1, sizeof(*job));
    mr_arena_init(&job->arena);
    job->base.run = job_run;
    job->base.free = job_free;
    if (table != NULL)
        atomic_fetch_add(&table->references, 1);
    job->table = table;
    job->moment = *moment;
    job->arn = mr_arena_copy(&job->arena, arn);
    job->id = mr_slice_sub(job->arn, mr_slice_search(job->arn, MR_S("/export/")) + 8, arn.len);
    job->fixed = mr_arena_copy(&job->arena, fixed_text);
    job->own = mr_arena_copy(&job->arena, own_text);
    yyjson_val *fixed = mr_json_parse(&job->arena, job->fixed, 16);
    yyjson_val *more = mr_json_get(mr_json_parse(&job->arena, job->own, 16), "more");
    yyjson_val *window = mr_json_get(fixed, "IncrementalExportSpecification");
    struct mr_slice prefix = mr_json_get_text(fixed, "S3Prefix");
    job->bucket = mr_json_get_text(fixed, "S3Bucket");
    job->prefix = prefix;
    if (prefix.len > 0 && !mr_slice_ends_with(prefix, MR_S("/")))
        job->prefix = mr_arena_printf(&job->arena, "%.*s/", MR_ARG(prefix));
    if (table != NULL && mr_slice_equal(mr_json_get_text(fixed, "S3SseAlgorithm"), MR_S("KMS")))
        job->kms_key = s3_kms_arn(&job->arena, (struct s3_owner){table->region, table->account},
                                  mr_json_get_text(fixed, "S3SseKmsKeyId"));
    job->ion = mr_slice_equal(mr_json_get_text(fixed, "ExportFormat"), MR_S("ION"));
    job->incremental = window != NULL;
    job->old_images =
        !mr_slice_equal(mr_json_get_text(window, "ExportViewType"), MR_S("NEW_IMAGE"));
    job->from = (uint64_t)mr_json_get_i64(more, "from", 0);
    job->allowed = mr_json_get_bool(more, "allowed", true);
    dynamodb_job_start(dynamodb, &job->base);
}

struct window {
    bool incremental;
    int64_t from_ms, to_ms; /* the latter -1: now */
};

static enum mr_status refuse(struct protocol_call *call, const char *text)
{
    return protocol_fail(call, &protocol_validation, "Invalid Request: %s", text);
}

/* What of the request does not go together; AWS's words, blanks included. */
static enum mr_status check_shape(struct protocol_call *call, bool *ret_incremental)
{
    yyjson_val *wish = mr_json_get(call->in, "IncrementalExportSpecification");
    const struct mr_slice type = mr_json_get_text(call->in, "ExportType");
    const bool incremental = mr_slice_equal(type, MR_S("INCREMENTAL_EXPORT"));
    *ret_incremental = incremental;
    if (!incremental && wish != NULL)
        return refuse(call, type.len == 0
                                ? "Export Type expected to be Incremental Export when incremental "
                                  "export specification is provided"
                                : "When Export Type is Full Export , Incremental Export "
                                  "Specification should not be provided");
    if (incremental && wish == NULL)
        return refuse(call, "Incremental Export Specification expected when export type is set as "
                            "Incremental Export");
    if (incremental && mr_json_get(wish, "ExportFromTime") == NULL)
        return refuse(call, "ExportFromTime must be provided in IncrementalExportSpecification");
    if (incremental && mr_json_get(call->in, "ExportTime") != NULL)
        return refuse(call, "ExportTime should not be provided when export type is set as "
                            "Incremental Export");
    if (mr_json_get(call->in, "S3SseKmsKeyId") != NULL &&
        !mr_slice_equal(mr_json_get_text(call->in, "S3SseAlgorithm"), MR_S("KMS")))
        return refuse(call, "KMS Key Id is not supported for this encryption type");
    return MR_OK;
}

static enum mr_status refuse_time(struct protocol_call *call, const char *text, int64_t ms)
{
    if (ms == -1)
        return protocol_fail(call, &dynamodb_invalid_export_time, "%s", text);
    return protocol_fail(call, &dynamodb_invalid_export_time, "%s : %s", text,
                         dynamodb_time_text(call->arena, ms));
}

/* AWS: a window that begins too early is told so before how long it is. */
static enum mr_status check_period(struct protocol_call *call, const struct window *window,
                                   int64_t earliest_ms)
{
    const int64_t long_ms = window->to_ms - window->from_ms;
    if (window->from_ms < earliest_ms)
        return refuse_time(call,
                           "Incremental export period from time cannot be less than the table "
                           "creation time",
                           window->from_ms);
    if (window->to_ms > call->now_ms)
        return refuse_time(call,
                           "Incremental export period to time cannot be greater than the current "
                           "time",
                           window->to_ms);
    if (long_ms < WINDOW_MS_MIN)
        return refuse_time(call,
                           "Difference between export period from time and export period to time "
                           "is less than 15 minutes",
                           -1);
    if (long_ms > WINDOW_MS_MAX)
        return refuse_time(call,
                           "Difference between export period from time and export period to time "
                           "is greater than 24 hours",
                           -1);
    return MR_OK;
}

static enum mr_status read_window(struct protocol_call *call,
                                  const struct dynamodb_history_state *state,
                                  struct window *ret_window)
{
    yyjson_val *wish = mr_json_get(call->in, "IncrementalExportSpecification");
    struct window window = {.to_ms = dynamodb_request_time(call->in, "ExportTime", -1)};
    const int64_t earliest_ms = dynamodb_earliest_ms(state, call->now_ms);
    if (check_shape(call, &window.incremental) != MR_OK)
        return MR_FAULT;
    if (window.incremental) {
        window.from_ms = dynamodb_request_time(wish, "ExportFromTime", -1);
        window.to_ms = dynamodb_request_time(wish, "ExportToTime", call->now_ms);
        if (check_period(call, &window, earliest_ms) != MR_OK)
            return MR_FAULT;
    } else if (window.to_ms != -1 && (window.to_ms < earliest_ms || window.to_ms > call->now_ms)) {
        return refuse_time(call, "Export Time is invalid", -1);
    }
    *ret_window = window;
    return MR_OK;
}

static const char *text_or(struct protocol_call *call, const char *name, const char *fallback)
{
    struct mr_slice text = mr_json_get_text(call->in, name);
    return text.len == 0 ? fallback : mr_arena_cstr(call->arena, text);
}

static struct mr_slice fixed_of(struct protocol_call *call, const struct dynamodb_table *table,
                                struct mr_slice arn, struct mr_slice token,
                                const struct window *window, int64_t time_ms)
{
    struct mr_buf text MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(&text);
    yyjson_val *wish = mr_json_get(call->in, "IncrementalExportSpecification");
    struct mr_slice view = mr_json_get_text(wish, "ExportViewType");
    mr_json_object(&json);
    mr_json_key_string(&json, "ExportArn", arn);
    mr_json_key_timestamp(&json, "StartTime", call->now_ms);
    mr_json_key_string(&json, "TableArn", table->arn);
    mr_json_key_string(&json, "TableId", table->uuid);
    if (!window->incremental)
        mr_json_key_timestamp(&json, "ExportTime", time_ms);
    mr_json_key_string(&json, "ClientToken", token);
    static const char *const same[] = {"S3Bucket", "S3BucketOwner", "S3Prefix", "S3SseKmsKeyId"};
    for (size_t i = 0; i < MR_COUNT(same); i++)
        mr_json_key_value(&json, same[i], mr_json_get(call->in, same[i]));
    mr_json_key_cstr(&json, "S3SseAlgorithm", text_or(call, "S3SseAlgorithm", "AES256"));
    mr_json_key_cstr(&json, "ExportFormat", text_or(call, "ExportFormat", "DYNAMODB_JSON"));
    /* AWS describes it as far as the request named it. */
    mr_json_key_value(&json, "ExportType", mr_json_get(call->in, "ExportType"));
    if (window->incremental) {
        mr_json_key(&json, "IncrementalExportSpecification");
        mr_json_object(&json);
        mr_json_key_timestamp(&json, "ExportFromTime", window->from_ms);
        mr_json_key_timestamp(&json, "ExportToTime", window->to_ms);
        mr_json_key_string(&json, "ExportViewType",
                           view.len > 0 ? view : MR_S("NEW_AND_OLD_IMAGES"));
        mr_json_object_end(&json);
    }
    mr_json_object_end(&json);
    return mr_arena_copy(call->arena, mr_buf_slice(&text));
}

static struct mr_slice more_of(struct protocol_call *call, const struct dynamodb_table *table,
                               const struct dynamodb_moment *moment, const struct window *window)
{
    struct mr_buf text MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(&text);
    struct mr_slice owner = mr_json_get_text(call->in, "S3BucketOwner");
    mr_json_object(&json);
    mr_json_key_string(&json, "table_name", table->name);
    mr_json_key_int(&json, "history", moment->history);
    mr_json_key_int(&json, "to", (int64_t)moment->to);
    mr_json_key_int(&json, "time_ms", window->incremental ? window->from_ms : moment->time_ms);
    mr_json_key_int(&json, "from", (int64_t)dynamodb_stamp_of(window->from_ms));
    mr_json_key_bool(&json, "allowed", owner.len == 0 || mr_slice_equal(owner, call->account));
    mr_json_object_end(&json);
    return mr_arena_copy(call->arena, mr_buf_slice(&text));
}

static struct dynamodb_moment moment_of(struct dynamodb_table *table, const struct window *window)
{
    if (window->incremental)
        return dynamodb_moment_at(table, window->to_ms - 1); /* AWS: ExportToTime is exclusive */
    return window->to_ms == -1 ? dynamodb_moment_latest(table)
                               : dynamodb_moment_at(table, window->to_ms);
}

static enum mr_status begin_export(struct protocol_call *call, struct dynamodb_table *table,
                                   struct store_entry *entry, struct mr_slice token,
                                   yyjson_val **ret_doc)
{
    struct dynamodb_history_state state;
    struct window window = {0};
    enum mr_status status = dynamodb_need_history(call, table, &state);
    if (status == MR_OK)
        status = read_window(call, &state, &window);
    if (status == MR_OK)
        status = dynamodb_jobs_check(call);
    if (status != MR_OK)
        return status;
    struct dynamodb_moment moment = moment_of(table, &window);
    struct mr_slice id = dynamodb_new_id(table->dynamodb, call->arena, call->now_ms);
    struct dynamodb_task task = {
        .kind = "export",
        .arn = mr_arena_printf(call->arena, "%.*s/export/%.*s", MR_ARG(table->arn), MR_ARG(id)),
        .result = MR_S_INIT("{\"ExportStatus\":\"IN_PROGRESS\"}"),
    };
    task.fixed = fixed_of(call, table, task.arn, token, &window, moment.time_ms);
    task.own = dynamodb_task_own(call, token, more_of(call, table, &moment, &window));
    dynamodb_task_put(entry, &task);
    status = store_commit_wait(table->dynamodb->store, entry);
    if (status != MR_OK) {
        view_snapshot_free(moment.snapshot);
        return status;
    }
    start_job(table->dynamodb, table, &moment, task.arn, task.fixed, task.own);
    *ret_doc = mr_json_parse(call->arena,
                             mr_arena_printf(call->arena, "{\"fixed\":%.*s,\"result\":%.*s}",
                                             MR_ARG(task.fixed), MR_ARG(task.result)),
                             32);
    return MR_OK;
}

static enum mr_status check_table_arn(struct protocol_call *call, struct mr_slice arn)
{
    const size_t at = mr_slice_search(arn, MR_S(":table/"));
    if (!mr_slice_starts_with(arn, MR_S("arn:")) || at == SIZE_MAX)
        return protocol_fail(call, &protocol_validation,
                             "One or more parameter values were invalid: tableArn is not a valid "
                             "ARN");
    if (mr_slice_find(mr_slice_sub(arn, at + sizeof(":table/") - 1, arn.len), '/') != SIZE_MAX)
        return refuse(call, "Table ARN is invalid.");
    return dynamodb_place_check(call, arn, call->operation_name);
}

/* Holds admin, so that a token is not used twice at once. */
static enum mr_status export_admin(struct protocol_call *call)
{
    struct store_entry entry = store_entry_make(call->arena);
    struct mr_slice token;
    yyjson_val *doc = NULL;
    enum mr_status status =
        dynamodb_task_begin(call, "export", &dynamodb_export_conflict, &entry, &token, &doc);
    if (status == MR_NOT_FOUND) {
        struct mr_slice arn = mr_json_get_text(call->in, "TableArn");
        if (check_table_arn(call, arn) != MR_OK)
            return MR_FAULT;
        struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) =
            dynamodb_table_find(call->service, dynamodb_table_name(arn));
        if (table == NULL)
            return protocol_fail(call, &dynamodb_table_not_found, "Table not found: %.*s",
                                 MR_ARG(arn));
        status = begin_export(call, table, &entry, token, &doc);
    }
    if (status != MR_OK)
        return status;
    mr_json_key(&call->out, "ExportDescription");
    dynamodb_task_json(&call->out, doc);
    return MR_OK;
}

void dynamodb_export_table(struct protocol_call *call)
{
    struct dynamodb *dynamodb = call->service;
    pthread_mutex_lock(&dynamodb->admin);
    protocol_fail_internal(call, export_admin(call));
    pthread_mutex_unlock(&dynamodb->admin);
}

static enum mr_status resume(struct dynamodb *dynamodb, struct mr_slice arn, yyjson_val *doc)
{
    struct mr_buf fixed MR_CLEANUP(mr_buf_fini) = {0}, own MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(&fixed);
    yyjson_val *more = mr_json_get(mr_json_get(doc, "own"), "more");
    struct dynamodb_moment moment = {0};
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) = NULL;
    mr_json_value(&json, mr_json_get(doc, "fixed"));
    json = mr_json_make(&own);
    mr_json_value(&json, mr_json_get(doc, "own"));
    if (dynamodb_moment_again(dynamodb, more, &moment))
        table = dynamodb_table_find(dynamodb, mr_json_get_text(more, "table_name"));
    start_job(dynamodb, table, &moment, arn, mr_buf_slice(&fixed), mr_buf_slice(&own));
    return MR_OK;
}

enum mr_status dynamodb_exports_open(struct dynamodb *dynamodb)
{
    return dynamodb_task_resume(dynamodb, "export", resume);
}

/* ---- DescribeExport, ListExports ---- */

void dynamodb_describe_export(struct protocol_call *call)
{
    struct mr_slice arn = mr_json_get_text(call->in, "ExportArn");
    yyjson_val *doc;
    enum mr_status status = dynamodb_task_get(call->service, call->arena, "export", arn, &doc);
    protocol_fail_internal(call, status);
    if (status == MR_NOT_FOUND)
        dynamodb_task_refuse(call, &dynamodb_export_not_found, "Export", arn);
    if (status != MR_OK)
        return;
    mr_json_key(&call->out, "ExportDescription");
    dynamodb_task_json(&call->out, doc);
}

static void summary_json(struct protocol_call *call, yyjson_val *doc)
{
    yyjson_val *fixed = mr_json_get(doc, "fixed"), *result = mr_json_get(doc, "result");
    mr_json_object(&call->out);
    mr_json_key_value(&call->out, "ExportArn", mr_json_get(fixed, "ExportArn"));
    mr_json_key_value(&call->out, "ExportStatus", mr_json_get(result, "ExportStatus"));
    mr_json_key_string(&call->out, "ExportType", type_of(fixed));
    mr_json_object_end(&call->out);
}

void dynamodb_list_exports(struct protocol_call *call)
{
    size_t limit = (size_t)mr_json_get_i64(call->in, "MaxResults", LIST_MAX);
    const struct mr_slice token = mr_json_get_text(call->in, "NextToken");
    if (token.len > 0 && mr_slice_search(token, MR_S("/export/")) == SIZE_MAX) {
        protocol_fail(call, &protocol_validation,
                      "Invalid Request: Provided nextToken is invalid: %.*s", MR_ARG(token));
        return;
    }
    mr_json_key(&call->out, "ExportSummaries");
    mr_json_array(&call->out);
    struct mr_slice last = dynamodb_task_each(
        call, "export", mr_json_get_text(call->in, "TableArn"), token, limit, summary_json);
    mr_json_array_end(&call->out);
    if (last.len > 0)
        mr_json_key_string(&call->out, "NextToken", last);
}
