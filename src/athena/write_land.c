/* Files of the query's folder into S3, the table and its partitions over them. */
#include "athena/write.h"
#include "base/clock.h"
#include "base/log.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct landing {
    struct athena_write *write;
    struct s3_staged *staged[ATHENA_WRITE_FILES_MAX];
    struct mr_slice keys[ATHENA_WRITE_FILES_MAX];
    size_t count;
    char stem[40]; /* with which all names begin */
};

/* ---- files ---- */

static enum mr_status stage(struct landing *landing, struct mr_slice key, int fd, size_t size)
{
    struct athena_write *write = landing->write;
    const struct s3_put_options options = {
        .bucket = write->bucket, .key = key, .content_type = MR_S("application/octet-stream")};
    void *map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED)
        return MR_RAISE(MR_FAIL_IO, "a file of a query's rows cannot be read");
    enum mr_status status = s3_stage(write->athena->options.s3, &options, mr_slice_make(map, size),
                                     &landing->staged[landing->count]);
    munmap(map, size);
    if (status == MR_OK)
        landing->keys[landing->count++] = key;
    return status;
}

/* By which readers see how a text is packed; Parquet's say so inside. */
static const char *suffix_of(const struct athena_write *write)
{
    if (write->format == ATHENA_WRITE_PARQUET || mr_slice_equal(write->compression, MR_S("NONE")))
        return "";
    return mr_slice_equal(write->compression, MR_S("ZSTD"))     ? ".zst"
           : mr_slice_equal(write->compression, MR_S("SNAPPY")) ? ".snappy"
                                                                : ".gz";
}

static enum mr_status add_file(struct landing *landing, int folder, const char *name, size_t part)
{
    struct athena_write *write = landing->write;
    char uuid[37];
    struct stat stat;
    const int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    enum mr_status status = MR_OK;
    if (fd < 0 || fstat(fd, &stat) != 0)
        status = MR_RAISE(MR_FAIL_IO, "a file of a query's rows is not there");
    else if (landing->count == ATHENA_WRITE_FILES_MAX)
        status = MR_RAISE(MR_FAIL, "a query wrote too many files");
    if (status == MR_OK && stat.st_size > 0) {
        mr_rng_uuid(write->athena->options.rng, uuid);
        struct mr_slice key = mr_arena_printf(
            write->arena, "%.*s%.*s%s%.*s_%s%s", MR_ARG(write->prefix),
            MR_ARG(write->key_count > 0 ? write->parts.locked.list[part].path : MR_S("")),
            landing->stem, MR_ARG(athena_write_bucket_name(write, part)), uuid, suffix_of(write));
        status = stage(landing, key, fd, (size_t)stat.st_size);
    }
    if (fd >= 0)
        close(fd);
    return status;
}

/* Files of "out/mr_p=<number>/". */
static enum mr_status add_folder(struct landing *landing, int parent, const char *name)
{
    size_t part;
    if (sscanf(name, "mr_p=%zu", &part) != 1 || part >= landing->write->parts.locked.count)
        return MR_RAISE(MR_FAIL, "a folder of a query's rows has the name '%s'", name);
    const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    enum mr_status status = MR_OK;
    if (entries == NULL) {
        if (fd >= 0)
            close(fd);
        return MR_RAISE(MR_FAIL_IO, "a folder of a query's rows cannot be read");
    }
    for (struct dirent *entry = readdir(entries); entry != NULL && status == MR_OK;
         entry = readdir(entries)) {
        if (entry->d_name[0] != '.')
            status = add_file(landing, dirfd(entries), entry->d_name, part);
    }
    closedir(entries);
    return status;
}

static enum mr_status add_folders(struct landing *landing, int parent)
{
    const int fd = openat(parent, "out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    enum mr_status status = MR_OK;
    if (entries == NULL) {
        if (fd >= 0)
            close(fd);
        return MR_OK; /* no rows: nothing was written */
    }
    for (struct dirent *entry = readdir(entries); entry != NULL && status == MR_OK;
         entry = readdir(entries)) {
        if (entry->d_name[0] != '.')
            status = add_folder(landing, dirfd(entries), entry->d_name);
    }
    closedir(entries);
    return status;
}

static enum mr_status stage_all(struct landing *landing)
{
    struct athena_write *write = landing->write;
    const int folder = write->source->folder.fd;
    enum mr_status status = MR_OK;
    if (write->rows == 0)
        return MR_OK;
    if (write->format == ATHENA_WRITE_PARQUET)
        return write->parts.key_count > 0 ? add_folders(landing, folder)
                                          : add_file(landing, folder, "out", 0);
    const size_t parts = write->parts.key_count > 0 ? write->parts.locked.count : 1;
    for (size_t i = 0; i < parts && status == MR_OK; i++) {
        char name[24];
        snprintf(name, sizeof name, "t%zu", i);
        status = add_file(landing, folder, name, i);
    }
    return status;
}

/* "20260703_101112_00001_abcde" */
static void set_stem(struct landing *landing)
{
    const struct athena_write *write = landing->write;
    const struct mr_date date = mr_date_from_ms(store_now(write->athena->options.store));
    snprintf(landing->stem, sizeof landing->stem, "%04d%02d%02d_%02d%02d%02d_%05u_%.5s", date.year,
             date.month, date.day, date.hour, date.minute, date.second,
             (unsigned)(mr_slice_hash(write->query_id) % 100000), write->query_id.ptr);
}

/* ---- the intent ---- */

static struct mr_slice intent_json(const struct landing *landing)
{
    const struct athena_write *write = landing->write;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "database", write->database);
    mr_json_key_string(&json, "table", write->statement->name);
    mr_json_key_string(&json, "location", write->location);
    mr_json_key_string(&json, "bucket", write->bucket);
    mr_json_key(&json, "keys");
    mr_json_array(&json);
    for (size_t i = 0; i < landing->count; i++)
        mr_json_string(&json, landing->keys[i]);
    mr_json_array_end(&json);
    mr_json_object_end(&json);
    struct mr_slice text = mr_arena_copy(write->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

/* Takes away table and objects that an intent names; the intent itself goes last. */
static enum mr_status undo(struct athena *athena, struct mr_arena *arena, struct mr_slice id,
                           struct mr_slice text)
{
    yyjson_val *intent = mr_json_parse(arena, text, MR_JSON_DEPTH_MAX), *key;
    struct mr_slice bucket = mr_json_get_text(intent, "bucket");
    struct mr_slice database = mr_json_get_text(intent, "database");
    struct mr_slice name = mr_json_get_text(intent, "table");
    struct glue_table table;
    size_t index, max;
    int64_t ticket;
    enum mr_status status = glue_table_get(athena->options.glue, arena, database, name, &table);
    if (status == MR_OK && mr_slice_equal(table.location, mr_json_get_text(intent, "location")))
        status = glue_table_delete(athena->options.glue, arena, database, name, &ticket);
    yyjson_arr_foreach(mr_json_get(intent, "keys"), index, max, key)
    {
        if (status >= 0)
            status = s3_delete(athena->options.s3, bucket, mr_json_text(key));
    }
    if (status < 0)
        return status;
    struct store_entry entry = store_entry_make(arena);
    store_doc_delete(&entry, "athena", "writing", id);
    return store_commit(athena->options.store, &entry, &ticket);
}

struct intents {
    struct mr_arena arena;
    struct mr_slice *list; /* id, text, id, text */
    size_t count, capacity;
};

static enum mr_status on_intent(void *ctx, struct mr_slice id, struct mr_slice text)
{
    struct intents *intents = ctx;
    if (intents->count == intents->capacity) {
        const size_t size = sizeof(struct mr_slice) * intents->capacity;
        intents->capacity = intents->capacity == 0 ? 16 : intents->capacity * 2;
        intents->list = mr_arena_realloc(&intents->arena, intents->list, size,
                                         sizeof(struct mr_slice) * intents->capacity);
    }
    intents->list[intents->count++] = mr_arena_copy(&intents->arena, id);
    intents->list[intents->count++] = mr_arena_copy(&intents->arena, text);
    return MR_OK;
}

enum mr_status athena_writes_open(struct athena *athena)
{
    struct intents intents = {0};
    mr_arena_init(&intents.arena);
    enum mr_status status =
        store_doc_each(athena->options.store, "athena", "writing", MR_S(""), on_intent, &intents);
    for (size_t i = 0; status == MR_OK && i < intents.count; i += 2) {
        status = undo(athena, &intents.arena, intents.list[i], intents.list[i + 1]);
        mr_log(MR_LOG_INFO, "athena", "query %.*s: a table cut short is taken back",
               MR_ARG(intents.list[i]));
    }
    mr_arena_fini(&intents.arena);
    return status;
}

/* ---- objects ---- */

/* All of them in one entry, with the intent of CTAS. */
static enum mr_status commit(struct landing *landing)
{
    struct athena_write *write = landing->write;
    struct athena *athena = write->athena;
    struct store_entry entry = store_entry_make(write->arena);
    int64_t ticket = 0;
    size_t held = 0;
    enum mr_status status = MR_OK;
    if (write->statement->kind == STATEMENT_CTAS)
        store_doc_put(&entry, "athena", "writing", write->query_id, intent_json(landing));
    while (status == MR_OK && held < landing->count)
        status = s3_commit_staged(athena->options.s3, landing->staged[held++], &entry);
    if (status == MR_OK && entry.count > 0)
        status = store_commit(athena->options.store, &entry, &ticket);
    for (size_t i = landing->count; i > 0; i--)
        s3_staged_done(athena->options.s3, landing->staged[i - 1], status == MR_OK);
    landing->count = status == MR_OK ? landing->count : 0;
    return status == MR_OK && ticket > 0 ? store_wait(athena->options.store, ticket) : status;
}

/* ---- the catalog ---- */

static void write_columns(struct mr_json *json, const struct athena_write_column *columns,
                          size_t count)
{
    struct mr_buf type = {0};
    mr_json_array(json);
    for (size_t i = 0; i < count; i++) {
        mr_buf_reset(&type);
        athena_type_hive(&type, &columns[i].type);
        mr_json_object(json);
        mr_json_key_string(json, "Name", columns[i].name);
        mr_json_key_string(json, "Type", mr_buf_slice(&type));
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
    mr_buf_fini(&type);
}

static void write_storage(struct mr_json *json, const struct athena_write *write)
{
    static const struct {
        const char *serde, *input, *output;
    } formats[] = {
        [ATHENA_WRITE_PARQUET] = {"org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
                                  "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
                                  "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"},
        [ATHENA_WRITE_JSON] = {"org.apache.hive.hcatalog.data.JsonSerDe",
                               "org.apache.hadoop.mapred.TextInputFormat",
                               "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"},
        [ATHENA_WRITE_TEXT] = {"org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
                               "org.apache.hadoop.mapred.TextInputFormat",
                               "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"}};
    mr_json_object(json);
    mr_json_key(json, "Columns");
    write_columns(json, write->columns, write->column_count - write->key_count);
    mr_json_key_string(json, "Location", write->location);
    mr_json_key_cstr(json, "InputFormat", formats[write->format].input);
    mr_json_key_cstr(json, "OutputFormat", formats[write->format].output);
    mr_json_key_bool(json, "Compressed", false);
    athena_write_bucket_json(write, json);
    mr_json_key(json, "SerdeInfo");
    mr_json_object(json);
    mr_json_key_cstr(json, "SerializationLibrary", formats[write->format].serde);
    mr_json_key(json, "Parameters");
    mr_json_object(json);
    if (write->format == ATHENA_WRITE_TEXT && write->row_format.delimiter != '\x01') {
        const struct mr_slice text = mr_slice_make(&write->row_format.delimiter, 1);
        mr_json_key_string(json, "field.delim", text);
        mr_json_key_string(json, "serialization.format", text);
    } else {
        mr_json_key_cstr(json, "serialization.format", "1");
    }
    mr_json_object_end(json);
    mr_json_object_end(json);
    mr_json_key_bool(json, "StoredAsSubDirectories", false);
    mr_json_object_end(json);
}

static yyjson_val *table_input(const struct landing *landing)
{
    const struct athena_write *write = landing->write;
    const size_t data = write->column_count - write->key_count;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    const int64_t now_s = store_now(write->athena->options.store) / 1000;
    mr_json_object(&json);
    mr_json_key_string(&json, "Name", write->statement->name);
    mr_json_key_cstr(&json, "Owner", "hadoop");
    mr_json_key(&json, "StorageDescriptor");
    write_storage(&json, write);
    mr_json_key(&json, "PartitionKeys");
    write_columns(&json, write->columns + data, write->key_count);
    mr_json_key_cstr(&json, "TableType", "EXTERNAL_TABLE");
    mr_json_key(&json, "Parameters");
    mr_json_object(&json);
    mr_json_key_cstr(&json, "EXTERNAL", "TRUE");
    mr_json_key_cstr(&json, "has_encrypted_data", "false");
    if (write->format == ATHENA_WRITE_PARQUET)
        mr_json_key_string(&json, "parquet.compression", write->compression);
    else
        mr_json_key_string(&json, "write.compression", write->compression);
    mr_json_key_string(&json, "numFiles", mr_arena_printf(write->arena, "%zu", landing->count));
    mr_json_key_string(&json, "numRows",
                       mr_arena_printf(write->arena, "%llu", (unsigned long long)write->rows));
    mr_json_key_string(&json, "transient_lastDdlTime",
                       mr_arena_printf(write->arena, "%lld", (long long)now_s));
    mr_json_object_end(&json);
    mr_json_object_end(&json);
    yyjson_val *input = mr_json_parse(write->arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX);
    mr_buf_fini(&buf);
    return input;
}

/* A partition of which an earlier part is another bucket? */
static bool is_again(const struct athena_write *write, size_t index)
{
    const struct athena_part *list = write->parts.locked.list;
    for (size_t i = 0; i < index; i++) {
        if (mr_slice_equal(list[i].path, list[index].path))
            return true;
    }
    return false;
}

static enum mr_status put_partitions(struct athena_write *write, const struct glue_table *table)
{
    const size_t count = write->key_count > 0 && write->rows > 0 ? write->parts.locked.count : 0;
    yyjson_val *inputs[ATHENA_PARTS_MAX];
    size_t added, different = 0;
    if (count == 0)
        return MR_OK;
    for (size_t i = 0; i < count; i++) {
        const struct athena_part *part = &write->parts.locked.list[i];
        if (is_again(write, i))
            continue;
        inputs[different++] = athena_partition_input(
            write->arena, table, part->values,
            mr_arena_printf(write->arena, "%.*s%.*s", MR_ARG(write->location), MR_ARG(part->path)));
    }
    return glue_partition_put(write->athena->options.glue, write->arena, table, inputs, different,
                              false, &added, &write->ticket);
}

static enum mr_status put_table(struct landing *landing)
{
    struct athena_write *write = landing->write;
    struct glue *glue = write->athena->options.glue;
    struct glue_table table;
    struct glue_table_put put = {
        .database = write->database, .account = write->account, .input = table_input(landing)};
    put.created_by =
        mr_arena_printf(write->arena, "arn:aws:iam::%.*s:root", MR_ARG(write->account));
    enum mr_status status = glue_table_put(glue, write->arena, &put, &write->ticket);
    if (status == MR_EXISTS)
        athena_write_fail(write, "TABLE_ALREADY_EXISTS",
                          "Destination table 'awsdatacatalog.%.*s.%.*s' already exists",
                          MR_ARG(write->database), MR_ARG(write->statement->name));
    if (status == MR_OK)
        status =
            glue_table_get(glue, write->arena, write->database, write->statement->name, &table);
    if (status == MR_OK)
        status = put_partitions(write, &table);
    if (status == MR_OK && write->ticket > 0)
        status = store_wait(write->athena->options.store, write->ticket);
    return status;
}

/* The table over the objects that are there by now; what fails takes them back. */
static enum mr_status finish_table(struct landing *landing)
{
    struct athena_write *write = landing->write;
    struct store_entry entry = store_entry_make(write->arena);
    int64_t ticket;
    enum mr_status status = put_table(landing);
    if (status != MR_OK) {
        if (undo(write->athena, write->arena, write->query_id, intent_json(landing)) != MR_OK)
            mr_log(MR_LOG_ERROR, "athena", "query %.*s: its objects are not taken back yet",
                   MR_ARG(write->query_id));
        return status < 0 ? status : MR_INVALID;
    }
    store_doc_delete(&entry, "athena", "writing", write->query_id);
    return store_commit(write->athena->options.store, &entry, &ticket);
}

/* ---- the manifest ---- */

static enum mr_status put_manifest(struct landing *landing)
{
    struct athena_write *write = landing->write;
    struct mr_slice bucket, prefix;
    struct mr_buf text = {0};
    for (size_t i = 0; i < landing->count; i++)
        mr_buf_printf(&text, "s3://%.*s/%.*s\n", MR_ARG(write->bucket), MR_ARG(landing->keys[i]));
    write->manifest = mr_arena_printf(write->arena, "%.*s%.*s-manifest.csv", MR_ARG(write->folder),
                                      MR_ARG(write->query_id));
    enum mr_status status = glue_location_parse(write->manifest, &bucket, &prefix);
    if (status == MR_OK)
        status = s3_put(write->athena->options.s3, bucket, prefix, MR_S("application/octet-stream"),
                        mr_buf_slice(&text));
    mr_buf_fini(&text);
    return status;
}

enum mr_status athena_write_land(struct athena_write *write)
{
    struct landing *landing = mr_calloc(1, sizeof *landing);
    landing->write = write;
    set_stem(landing);
    enum mr_status status = stage_all(landing);
    /* What a query means to write is told before it is there, as AWS does. */
    if (status == MR_OK)
        status = put_manifest(landing);
    if (status == MR_OK && write->statement->kind == STATEMENT_INSERT)
        status = put_partitions(write, write->table);
    if (status == MR_OK)
        status = commit(landing);
    else
        for (size_t i = 0; i < landing->count; i++)
            s3_staged_done(write->athena->options.s3, landing->staged[i], false);
    if (status == MR_OK && write->statement->kind == STATEMENT_CTAS)
        status = finish_table(landing);
    free(landing);
    return status;
}
