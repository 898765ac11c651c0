/* ImportTable: a new table made of objects in S3.
 *
 * The table is CREATING while it is filled (fill.c); the import's document says IN_PROGRESS until
 * the entry that makes the table ACTIVE, or takes it away, says how it ended. A restart in between
 * begins the table anew (restore.c) and reads the objects again. A row that makes no item of the
 * table is counted and told in the log group of imports; one that cannot be read ends its object.
 * AWS: either makes the import one that failed, whose table is kept. */
#include "dynamodb/recovery.h"
#include "base/point.h"
#include "base/codec.h"
#include "base/compress.h"
#include "s3/s3.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    OBJECTS_MAX = 50000, /* AWS */
    LINE_BYTES_MAX = 8 << 20,
    READ_BYTES = 64 << 10,
    ERRORS_TOLD_MAX = 10000, /* AWS */
    LIST_MAX = 25,
    TOKEN_BYTES_MIN = 56, /* a NextToken has 112 hexadecimal digits at least */
};

enum format { FORMAT_JSON, FORMAT_ION, FORMAT_CSV };

struct import_job {
    struct dynamodb_job base;
    struct dynamodb_table *table;
    struct mr_arena arena; /* of what follows */
    struct mr_slice arn, id, fixed, own, region, account;
    struct mr_slice bucket, prefix, *keys;
    size_t key_count, key_capacity;
    enum format format;
    enum mr_packing packing;
    char delimiter;
    yyjson_val *headers; /* HeaderList, or NULL */
    bool allowed;
    struct dynamodb_fill fill;
    /* the object in hand */
    struct mr_slice key;
    struct mr_arena scratch, object_arena;
    struct mr_buf text, row;
    struct mr_slice *columns;
    size_t column_count;
    uint64_t row_number;
    /* of all */
    uint64_t bytes, processed, imported, errors;
    const char *failure, *failure_text;
    bool kept; /* the table, all the same */
};

static void job_free(struct dynamodb_job *base)
{
    struct import_job *job = (struct import_job *)base;
    dynamodb_fill_fini(&job->fill);
    dynamodb_table_unref(job->table);
    mr_buf_fini(&job->text);
    mr_buf_fini(&job->row);
    mr_arena_fini(&job->scratch);
    mr_arena_fini(&job->object_arena);
    mr_arena_fini(&job->arena);
    free(job);
}

/* ---- rows ---- */

static void tell_error(struct import_job *job, struct mr_slice why)
{
    struct dynamodb *dynamodb = job->base.dynamodb;
    job->errors++;
    if (dynamodb->log == NULL || job->errors > ERRORS_TOLD_MAX)
        return;
    struct mr_buf text MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(&text);
    mr_json_object(&json);
    mr_json_key(&json, "itemS3Pointer");
    mr_json_object(&json);
    mr_json_key_string(&json, "bucket", job->bucket);
    mr_json_key_string(&json, "key", job->key);
    mr_json_key_int(&json, "itemIndex", (int64_t)job->row_number);
    mr_json_object_end(&json);
    mr_json_key_string(&json, "importArn", job->arn);
    mr_json_key(&json, "errorMessages");
    mr_json_array(&json);
    mr_json_string(&json, why);
    mr_json_array_end(&json);
    mr_json_object_end(&json);
    dynamodb->log(dynamodb->log_ctx, MR_S("/aws-dynamodb/imports"), job->id,
                  store_now(dynamodb->store), mr_buf_slice(&text));
}

static bool key_fits(const struct dynamodb_key *key, struct mr_slice item, size_t bytes_max)
{
    struct item_value value = item_get(item, key->name);
    return value.type == key->type && value.body.len > 0 &&
           (value.type == ITEM_N || value.body.len <= bytes_max);
}

/* What PutItem would refuse, in its words. */
static struct mr_slice check_item(const struct dynamodb_table *table, struct mr_slice item)
{
    const struct dynamodb_schema *schema = &table->schema;
    if (!key_fits(&schema->hash, item, ITEM_HASH_KEY_MAX) ||
        (schema->has_range && !key_fits(&schema->range, item, ITEM_RANGE_KEY_MAX)))
        return MR_S("The provided key element does not match the schema");
    for (size_t i = 0; i < table->definition_count; i++) {
        struct item_value value = item_get(item, table->definitions[i].name);
        if (value.type != ITEM_NONE && !key_fits(&table->definitions[i], item, ITEM_HASH_KEY_MAX))
            return MR_S("Type mismatch for Index Key");
    }
    if (item_size(item) > ITEM_SIZE_MAX)
        return MR_S("Item size has exceeded the maximum allowed size");
    return (struct mr_slice){0};
}

/* MR_INVALID: *ret_why; MR_END: and it cannot be read. */
static enum mr_status read_row(struct import_job *job, struct mr_slice line,
                               struct mr_slice *ret_item, struct mr_slice *ret_why)
{
    enum mr_status status = MR_OK;
    yyjson_val *attributes;
    mr_buf_reset(&job->row);
    *ret_why = MR_S("The row cannot be read");
    if (job->format == FORMAT_JSON) {
        attributes = dynamodb_json_row(&job->scratch, line);
    } else {
        status = job->format == FORMAT_ION
                     ? dynamodb_ion_row(&job->row, line)
                     : dynamodb_csv_row(&job->row, job->table, job->columns, job->column_count,
                                        job->delimiter, line);
        if (status != MR_OK)
            return job->format == FORMAT_ION && status == MR_INVALID ? MR_END : status;
        attributes = mr_json_parse(&job->scratch, mr_buf_slice(&job->row), 2 * ITEM_DEPTH_MAX + 8);
    }
    if (!yyjson_is_obj(attributes))
        return MR_END;
    status = item_encode(&job->scratch, attributes, ret_item, ret_why);
    if (status != MR_OK)
        return MR_INVALID;
    *ret_why = check_item(job->table, *ret_item);
    return ret_why->len > 0 ? MR_INVALID : MR_OK;
}

/* The header of a CSV object; MR_OK: it was none, the line is a row. */
static enum mr_status take_header(struct import_job *job, struct mr_slice line)
{
    if (job->format != FORMAT_CSV || job->columns != NULL)
        return MR_OK;
    if (job->headers == NULL) {
        if (dynamodb_csv_columns(&job->object_arena, line, job->delimiter, &job->columns,
                                 &job->column_count) == MR_OK)
            return MR_END;
        job->failure = "InvalidInput";
        job->failure_text = "The header of a CSV object cannot be read";
        return MR_FAULT;
    }
    size_t count = yyjson_arr_size(job->headers);
    job->columns = MR_NEW_ARRAY(&job->object_arena, struct mr_slice, count);
    for (size_t i = 0; i < count; i++)
        job->columns[i] = mr_json_text(yyjson_arr_get(job->headers, i));
    job->column_count = count;
    return MR_OK;
}

/* Text of Ion names its version first, and may do so again: in front of an item, or alone. */
static bool is_empty(const struct import_job *job, struct mr_slice line)
{
    return line.len == 0 || (job->format == FORMAT_ION && mr_slice_equal(line, MR_S("$ion_1_0")));
}

static enum mr_status take_line(struct import_job *job, struct mr_slice line)
{
    struct mr_slice item, why;
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    if (is_empty(job, mr_slice_trim(line)))
        return MR_OK;
    enum mr_status status = take_header(job, line);
    if (status != MR_OK)
        return status == MR_END ? MR_OK : status;
    job->processed++;
    status = read_row(job, line, &item, &why);
    if (status == MR_OK) {
        status = dynamodb_fill_add(&job->fill, item);
        job->imported += status == MR_OK;
    } else if (status == MR_INVALID || status == MR_END) {
        tell_error(job, why);
        status = status == MR_END ? MR_END : MR_OK;
    }
    job->row_number++;
    mr_arena_reset(&job->scratch);
    return status;
}

/* The whole lines of job->text; `last`: what is left is one too. MR_END: the object ends here. */
static enum mr_status take_lines(struct import_job *job, bool last)
{
    struct mr_slice rest = mr_buf_slice(&job->text);
    enum mr_status status = MR_OK;
    while (status == MR_OK && rest.len > 0) {
        size_t end = mr_slice_find(rest, '\n');
        if (end == SIZE_MAX && !last)
            break;
        struct mr_slice line = mr_slice_sub(rest, 0, end);
        rest = end == SIZE_MAX ? (struct mr_slice){0} : mr_slice_sub(rest, end + 1, rest.len);
        status = take_line(job, line);
    }
    mr_buf_consume(&job->text, job->text.len - rest.len);
    if (status != MR_OK || job->text.len <= LINE_BYTES_MAX)
        return status;
    job->processed++;
    tell_error(job, MR_S("The row is too long"));
    return MR_END;
}

/* ---- objects ---- */

static enum mr_status fail(struct import_job *job, const char *code, const char *text)
{
    job->failure = code;
    job->failure_text = text;
    return MR_FAULT;
}

static enum mr_status unpack(struct import_job *job, struct mr_unpacker *unpacker,
                             struct mr_slice piece)
{
    enum mr_status status = MR_OK;
    while (status == MR_OK && piece.len > 0) {
        size_t before = job->text.len;
        if (mr_unpacker_take(unpacker, &piece, &job->text) != MR_OK)
            return fail(job, "InvalidInput", "An object cannot be unpacked");
        job->bytes += job->text.len - before;
        status = take_lines(job, false);
        if (status == MR_OK && dynamodb_stopping(job->base.dynamodb))
            status = MR_AGAIN;
    }
    return status;
}

static enum mr_status read_pieces(struct import_job *job, int fd, struct mr_unpacker *unpacker)
{
    char *piece = mr_arena_alloc(&job->object_arena, READ_BYTES);
    for (;;) {
        ssize_t got = read(fd, piece, READ_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return MR_RAISE(MR_FAIL_IO, "cannot read an object: %s", strerror(errno));
        if (got == 0)
            break;
        enum mr_status status = unpack(job, unpacker, mr_slice_make(piece, (size_t)got));
        if (status != MR_OK)
            return status;
    }
    if (!mr_unpacker_is_whole(unpacker))
        return fail(job, "InvalidInput", "An object cannot be unpacked");
    return take_lines(job, true);
}

static enum mr_status read_object(struct import_job *job, struct mr_slice key)
{
    uint64_t size;
    int fd;
    enum mr_status status = s3_open_object(job->base.dynamodb->s3, job->bucket, key, &fd, &size);
    if (status == MR_NOT_FOUND)
        return fail(job, "S3NoSuchKey", "The specified key does not exist");
    if (status == MR_INVALID)
        return fail(job, "S3InvalidRequest", S3_SEALED_TEXT);
    if (status != MR_OK)
        return status;
    struct mr_unpacker *unpacker = mr_unpacker_new(job->packing);
    job->key = key;
    job->columns = NULL;
    job->row_number = 0;
    mr_buf_reset(&job->text);
    mr_arena_reset(&job->object_arena);
    status = read_pieces(job, fd, unpacker);
    mr_unpacker_free(unpacker);
    close(fd);
    return status == MR_END ? MR_OK : status;
}

static enum mr_status note_object(void *ctx, const struct s3_object *object)
{
    struct import_job *job = ctx;
    if (object->size == 0)
        return MR_OK;
    if (job->key_count == OBJECTS_MAX)
        return fail(job, "InvalidInput", "There are more than 50,000 objects");
    if (job->key_count == job->key_capacity) {
        size_t more = job->key_capacity == 0 ? 64 : job->key_capacity * 2;
        job->keys = mr_arena_realloc(&job->arena, job->keys, job->key_capacity * sizeof(*job->keys),
                                     more * sizeof(*job->keys));
        job->key_capacity = more;
    }
    job->keys[job->key_count++] = mr_arena_copy(&job->arena, object->key);
    return MR_OK;
}

static enum mr_status read_objects(struct import_job *job)
{
    if (!job->allowed)
        return fail(job, "S3AccessDenied", "The bucket is not owned by the account S3BucketOwner");
    enum mr_status status =
        s3_list(job->base.dynamodb->s3, job->bucket, job->prefix, note_object, job);
    if (status == MR_NOT_FOUND)
        return fail(job, "S3NoSuchBucket", "The specified bucket does not exist");
    for (size_t i = 0; status == MR_OK && i < job->key_count; i++)
        status = read_object(job, job->keys[i]);
    if (status == MR_OK)
        status = dynamodb_fill_flush(&job->fill);
    job->kept = status == MR_OK;
    if (job->kept && job->errors > 0)
        return fail(job, "ItemValidationError",
                    "Some of the items failed validation checks and were not imported. Please "
                    "check CloudWatch error logs for more details.");
    return status;
}

/* ---- the job ---- */

static void put_result(struct import_job *job, struct store_entry *entry)
{
    struct mr_buf text MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(&text);
    mr_json_object(&json);
    mr_json_key_cstr(&json, "ImportStatus", job->failure == NULL ? "COMPLETED" : "FAILED");
    mr_json_key_timestamp(&json, "EndTime", store_now(job->base.dynamodb->store));
    mr_json_key_int(&json, "ErrorCount", (int64_t)job->errors);
    mr_json_key_int(&json, "ProcessedSizeBytes", (int64_t)job->bytes);
    mr_json_key_int(&json, "ProcessedItemCount", (int64_t)job->processed);
    mr_json_key_int(&json, "ImportedItemCount", (int64_t)job->imported);
    if (job->failure != NULL) {
        mr_json_key_cstr(&json, "FailureCode", job->failure);
        mr_json_key_cstr(&json, "FailureMessage", job->failure_text);
    }
    mr_json_object_end(&json);
    const struct dynamodb_task task = {.kind = "import",
                                       .arn = job->arn,
                                       .fixed = job->fixed,
                                       .result = mr_buf_slice(&text),
                                       .own = job->own};
    dynamodb_task_put(entry, &task);
}

static void job_run(struct dynamodb_job *base)
{
    struct import_job *job = (struct import_job *)base;
    mr_point(MR_POINT_DYNAMODB_IMPORT);
    dynamodb_fill_init(&job->fill, job->table, true);
    enum mr_status status = read_objects(job);
    if (status == MR_AGAIN)
        return;
    if (status < 0)
        (void)fail(job, "InternalServerError", "The import could not be done");
    struct store_entry entry = store_entry_make(&job->arena);
    put_result(job, &entry);
    if (!job->kept)
        dynamodb_fill_drop(job->table, &entry, job->failure_text);
    else if (dynamodb_fill_end(job->table, &entry) < 0)
        (void)MR_RAISE(MR_FAIL, "import '%.*s' stays in progress until the restart",
                       MR_ARG(job->arn));
}

static void read_source(struct import_job *job, yyjson_val *fixed)
{
    struct mr_slice format = mr_json_get_text(fixed, "InputFormat");
    struct mr_slice packing = mr_json_get_text(fixed, "InputCompressionType");
    yyjson_val *csv = mr_json_get(mr_json_get(fixed, "InputFormatOptions"), "Csv");
    yyjson_val *source = mr_json_get(fixed, "S3BucketSource");
    struct mr_slice delimiter = mr_json_get_text(csv, "Delimiter");
    job->bucket = mr_json_get_text(source, "S3Bucket");
    job->prefix = mr_json_get_text(source, "S3KeyPrefix");
    job->format = mr_slice_equal(format, MR_S("ION"))   ? FORMAT_ION
                  : mr_slice_equal(format, MR_S("CSV")) ? FORMAT_CSV
                                                        : FORMAT_JSON;
    job->packing = mr_slice_equal(packing, MR_S("GZIP"))   ? MR_PACKING_GZIP
                   : mr_slice_equal(packing, MR_S("ZSTD")) ? MR_PACKING_ZSTD
                                                           : MR_PACKING_NONE;
    job->delimiter = ',';
    if (delimiter.len > 0)
        job->delimiter = delimiter.ptr[0];
    job->headers = mr_json_get(csv, "HeaderList");
}

/* `fixed` and `own`: the stored parts. */
static void start_job(struct dynamodb_table *table, struct mr_slice arn, struct mr_slice fixed,
                      struct mr_slice own)
{
    struct import_job *job = mr_calloc(1, sizeof(*job));
    mr_arena_init(&job->arena);
    mr_arena_init(&job->scratch);
    mr_arena_init(&job->object_arena);
    job->base.run = job_run;
    job->base.free = job_free;
    atomic_fetch_add(&table->references, 1);
    job->table = table;
    job->arn = mr_arena_copy(&job->arena, arn);
    job->id = mr_slice_sub(job->arn, mr_slice_search(job->arn, MR_S("/import/")) + 8, arn.len);
    job->fixed = mr_arena_copy(&job->arena, fixed);
    job->own = mr_arena_copy(&job->arena, own);
    read_source(job, mr_json_parse(&job->arena, job->fixed, 16));
    yyjson_val *more = mr_json_get(mr_json_parse(&job->arena, job->own, 16), "more");
    job->allowed = mr_json_get_bool(more, "allowed", true);
    dynamodb_job_start(table->dynamodb, &job->base);
}

bool dynamodb_import_again(struct dynamodb_table *table, struct mr_arena *arena,
                           struct mr_slice arn)
{
    struct mr_buf fixed MR_CLEANUP(mr_buf_fini) = {0}, own MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(&fixed);
    yyjson_val *doc;
    if (dynamodb_task_get(table->dynamodb, arena, "import", arn, &doc) != MR_OK)
        return false;
    mr_json_value(&json, mr_json_get(doc, "fixed"));
    json = mr_json_make(&own);
    mr_json_value(&json, mr_json_get(doc, "own"));
    start_job(table, arn, mr_buf_slice(&fixed), mr_buf_slice(&own));
    return true;
}

/* ---- ImportTable ---- */

static struct mr_slice fixed_of(struct protocol_call *call, const struct dynamodb_table *table,
                                struct mr_slice arn, struct mr_slice token)
{
    struct mr_buf text MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(&text);
    struct mr_slice packing = mr_json_get_text(call->in, "InputCompressionType");
    mr_json_object(&json);
    mr_json_key_string(&json, "ImportArn", arn);
    mr_json_key_string(&json, "TableArn", table->arn);
    mr_json_key_string(&json, "TableId", table->uuid);
    mr_json_key_string(&json, "ClientToken", token);
    static const char *const same[] = {"S3BucketSource", "InputFormat", "InputFormatOptions",
                                       "TableCreationParameters"};
    for (size_t i = 0; i < MR_COUNT(same); i++)
        mr_json_key_value(&json, same[i], mr_json_get(call->in, same[i]));
    mr_json_key_string(&json, "CloudWatchLogGroupArn",
                       mr_arena_printf(call->arena,
                                       "arn:aws:logs:%.*s:%.*s:log-group:/aws-dynamodb/imports:*",
                                       MR_ARG(call->region), MR_ARG(call->account)));
    mr_json_key_string(&json, "InputCompressionType", packing.len > 0 ? packing : MR_S("NONE"));
    mr_json_key_timestamp(&json, "StartTime", call->now_ms);
    mr_json_object_end(&json);
    return mr_arena_copy(call->arena, mr_buf_slice(&text));
}

static enum mr_status check_format(struct protocol_call *call)
{
    bool csv = mr_slice_equal(mr_json_get_text(call->in, "InputFormat"), MR_S("CSV"));
    if (csv || mr_json_get(mr_json_get(call->in, "InputFormatOptions"), "Csv") == NULL)
        return MR_OK;
    return protocol_fail(call, &protocol_validation,
                         "Invalid Request: Unsupported InputFormatOptions for the given input "
                         "format: %.*s.",
                         MR_ARG(mr_json_get_text(call->in, "InputFormat")));
}

static enum mr_status begin_import(struct protocol_call *call, struct store_entry *entry,
                                   struct mr_slice token, yyjson_val **ret_doc)
{
    struct dynamodb *dynamodb = call->service;
    struct protocol_call creation = *call; /* the table's parameters as if for CreateTable */
    creation.in = mr_json_get(call->in, "TableCreationParameters");
    struct mr_slice owner =
        mr_json_get_text(mr_json_get(call->in, "S3BucketSource"), "S3BucketOwner");
    bool allowed = owner.len == 0 || mr_slice_equal(owner, call->account);
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) = NULL;
    enum mr_status status = check_format(call);
    if (status == MR_OK)
        status =
            dynamodb_fill_check(call, mr_json_get_text(creation.in, "TableName"), &dynamodb_in_use);
    if (status != MR_OK)
        return status;
    table = dynamodb_table_from_request(&creation);
    if (table == NULL)
        return MR_FAULT;
    struct mr_slice id = dynamodb_new_id(dynamodb, call->arena, call->now_ms);
    struct dynamodb_task task = {
        .kind = "import",
        .arn = mr_arena_printf(call->arena, "%.*s/import/%.*s", MR_ARG(table->arn), MR_ARG(id)),
        .result = MR_S_INIT("{\"ImportStatus\":\"IN_PROGRESS\",\"ProcessedItemCount\":0,"
                            "\"ImportedItemCount\":0,\"ErrorCount\":0}"),
    };
    task.fixed = fixed_of(call, table, task.arn, token);
    task.own = dynamodb_task_own(
        call, token, allowed ? MR_S("{\"allowed\":true}") : MR_S("{\"allowed\":false}"));
    dynamodb_task_put(entry, &task);
    table->origin = mr_arena_printf(&table->arena, "{\"import_arn\":\"%.*s\"}", MR_ARG(task.arn));
    status = dynamodb_fill_begin(table, entry);
    if (status != MR_OK)
        return status;
    start_job(table, task.arn, task.fixed, task.own);
    *ret_doc = mr_json_parse(call->arena,
                             mr_arena_printf(call->arena, "{\"fixed\":%.*s,\"result\":%.*s}",
                                             MR_ARG(task.fixed), MR_ARG(task.result)),
                             32);
    return MR_OK;
}

/* AWS: the token is not optional, whatever the model says. */
static enum mr_status check_token(struct protocol_call *call)
{
    if (call->exchange == NULL || mr_json_get(call->in, "ClientToken") != NULL)
        return MR_OK;
    return protocol_fail(call, &protocol_validation,
                         "1 validation error detected: Value null at 'clientToken' failed to "
                         "satisfy constraint: Member must not be null");
}

/* AWS: a repeat is answered with the import that is there, until its table is. */
static enum mr_status check_repeat(struct protocol_call *call, yyjson_val *doc)
{
    const struct mr_slice name =
        mr_json_get_text(mr_json_get(call->in, "TableCreationParameters"), "TableName");
    const struct mr_slice state = mr_json_get_text(mr_json_get(doc, "result"), "ImportStatus");
    if (call->exchange == NULL || mr_slice_equal(state, MR_S("IN_PROGRESS")))
        return MR_OK;
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) =
        dynamodb_table_find(call->service, name);
    return table == NULL
               ? MR_OK
               : protocol_fail(call, &dynamodb_in_use, "Table already exists: %.*s", MR_ARG(name));
}

void dynamodb_import_table(struct protocol_call *call)
{
    struct dynamodb *dynamodb = call->service;
    if (check_token(call) != MR_OK)
        return;
    struct store_entry entry = store_entry_make(call->arena);
    struct mr_slice token;
    yyjson_val *doc = NULL;
    pthread_mutex_lock(&dynamodb->admin);
    enum mr_status status =
        dynamodb_task_begin(call, "import", &dynamodb_import_conflict, &entry, &token, &doc);
    if (status == MR_OK)
        status = check_repeat(call, doc);
    else if (status == MR_NOT_FOUND)
        status = begin_import(call, &entry, token, &doc);
    pthread_mutex_unlock(&dynamodb->admin);
    protocol_fail_internal(call, status);
    if (status != MR_OK)
        return;
    mr_json_key(&call->out, "ImportTableDescription");
    dynamodb_task_json(&call->out, doc);
}

/* ---- DescribeImport, ListImports ---- */

/* Under admin: an import has not ended before its table is ACTIVE, or gone. */
void dynamodb_describe_import(struct protocol_call *call)
{
    struct dynamodb *dynamodb = call->service;
    struct mr_slice arn = mr_json_get_text(call->in, "ImportArn");
    yyjson_val *doc;
    pthread_mutex_lock(&dynamodb->admin);
    enum mr_status status = dynamodb_task_get(dynamodb, call->arena, "import", arn, &doc);
    pthread_mutex_unlock(&dynamodb->admin);
    protocol_fail_internal(call, status);
    if (status == MR_NOT_FOUND)
        dynamodb_task_refuse(call, &dynamodb_import_not_found, "Import", arn);
    if (status != MR_OK)
        return;
    mr_json_key(&call->out, "ImportTableDescription");
    dynamodb_task_json(&call->out, doc);
}

static void summary_json(struct protocol_call *call, yyjson_val *doc)
{
    static const char *const members[] = {"ImportArn",   "TableArn",  "S3BucketSource",
                                          "InputFormat", "StartTime", "CloudWatchLogGroupArn"};
    yyjson_val *fixed = mr_json_get(doc, "fixed"), *result = mr_json_get(doc, "result");
    mr_json_object(&call->out);
    for (size_t i = 0; i < MR_COUNT(members); i++)
        mr_json_key_value(&call->out, members[i], mr_json_get(fixed, members[i]));
    mr_json_key_value(&call->out, "ImportStatus", mr_json_get(result, "ImportStatus"));
    mr_json_key_value(&call->out, "EndTime", mr_json_get(result, "EndTime"));
    mr_json_object_end(&call->out);
}

/* AWS: groups of 16 hexadecimal digits, 7 at least. Ours hold an ARN and zeros. */
static struct mr_slice token_of(struct mr_arena *arena, struct mr_slice arn)
{
    size_t len = arn.len < TOKEN_BYTES_MIN ? TOKEN_BYTES_MIN : (arn.len + 7) / 8 * 8;
    char *bytes = mr_arena_zalloc(arena, len), *hex = mr_arena_alloc(arena, 2 * len + 1);
    memcpy(bytes, arn.ptr, arn.len);
    mr_hex(bytes, len, hex);
    return mr_slice_make(hex, 2 * len);
}

static struct mr_slice arn_of(struct mr_arena *arena, struct mr_slice token)
{
    size_t len = token.len / 2;
    char *bytes = mr_arena_zalloc(arena, len + 1);
    if (mr_unhex(token, bytes, len) != MR_OK)
        return (struct mr_slice){0};
    return mr_slice_cstr(bytes);
}

void dynamodb_list_imports(struct protocol_call *call)
{
    size_t limit = (size_t)mr_json_get_i64(call->in, "PageSize", LIST_MAX);
    struct mr_slice after = arn_of(call->arena, mr_json_get_text(call->in, "NextToken"));
    mr_json_key(&call->out, "ImportSummaryList");
    mr_json_array(&call->out);
    struct mr_slice last = dynamodb_task_each(
        call, "import", mr_json_get_text(call->in, "TableArn"), after, limit, summary_json);
    mr_json_array_end(&call->out);
    if (last.len > 0)
        mr_json_key_string(&call->out, "NextToken", token_of(call->arena, last));
}
