#include "athena/write.h"
#include "athena/errors.h"
#include "athena/modify.h"
#include "athena/parquet.h"
#include "base/log.h"

/* ---- before ---- */

static bool set_location(struct athena_write *write, struct mr_slice location)
{
    write->location = mr_slice_ends_with(location, MR_S("/"))
                          ? location
                          : mr_arena_printf(write->arena, "%.*s/", MR_ARG(location));
    if (glue_location_parse(write->location, &write->bucket, &write->prefix) == MR_OK)
        return true;
    return athena_write_fail(write, "INVALID_TABLE_PROPERTY",
                             "External location must be a valid S3 path: %.*s", MR_ARG(location));
}

static enum mr_status on_object(void *ctx, const struct s3_object *object)
{
    (void)object;
    *(bool *)ctx = true;
    return MR_END;
}

/* A place that nothing is in. */
static bool check_empty(struct athena_write *write)
{
    bool filled = false;
    enum mr_status status =
        s3_list(write->athena->options.s3, write->bucket, write->prefix, on_object, &filled);
    if (status == MR_NOT_FOUND)
        return athena_write_fail(write, "HIVE_UNKNOWN_ERROR",
                                 "The specified bucket does not exist: %.*s",
                                 MR_ARG(write->bucket));
    if (status < 0)
        return athena_write_fail(write, "GENERIC_INTERNAL_ERROR", "internal error");
    if (!filled)
        return true;
    if (write->statement->kind == STATEMENT_UNLOAD)
        return athena_write_fail(write, "HIVE_PATH_ALREADY_EXISTS",
                                 "Target directory already exists");
    return athena_write_fail(write, "HIVE_PATH_ALREADY_EXISTS",
                             "Target directory for table '%.*s.%.*s' already exists: %.*s",
                             MR_ARG(write->database), MR_ARG(write->statement->name),
                             MR_ARG(mr_slice_sub(write->location, 0, write->location.len - 1)));
}

static bool look_up(struct athena_write *write, struct glue_table *table, bool *ret_found)
{
    struct glue *glue = write->athena->options.glue;
    struct mr_slice json;
    if (glue_database_get(glue, write->arena, write->database, &json) != MR_OK)
        return athena_write_fail(write, "SCHEMA_NOT_FOUND", "Schema '%.*s' does not exist",
                                 MR_ARG(write->database));
    enum mr_status status =
        glue_table_get_at(s3_snapshot_view(athena_source_moment(write->source)), write->arena,
                          write->database, write->statement->name, table);
    *ret_found = status == MR_OK;
    return status >= 0 || athena_write_fail(write, "GENERIC_INTERNAL_ERROR", "internal error");
}

static bool prepare_table(struct athena_write *write)
{
    struct glue_table table;
    bool found;
    if (!look_up(write, &table, &found))
        return false;
    if (found && write->statement->if_not_exists) {
        write->skipped = true;
        return true;
    }
    if (found)
        return athena_write_fail(write, "TABLE_ALREADY_EXISTS",
                                 "Destination table 'awsdatacatalog.%.*s.%.*s' already exists",
                                 MR_ARG(write->database), MR_ARG(write->statement->name));
    const struct athena_pair *external = athena_write_setting(write, "external_location"),
                             *type = athena_write_setting(write, "table_type");
    if (!athena_write_check_settings(write))
        return false;
    if (type != NULL && mr_slice_equal_nocase(type->value, MR_S("ICEBERG")))
        return athena_lake_settings(write) &&
               set_location(write, athena_write_setting(write, "location")->value) &&
               check_empty(write);
    return athena_write_settings(write) &&
           set_location(write, external != NULL ? external->value
                                                : mr_arena_printf(write->arena, "%.*stables/%.*s/",
                                                                  MR_ARG(write->folder),
                                                                  MR_ARG(write->query_id))) &&
           check_empty(write);
}

static struct mr_slice serde_text(const struct glue_table *table, const char *name)
{
    return mr_json_get_text(table->serde_parameters, name);
}

static char first_char(struct mr_slice text, char fallback)
{
    if (text.len == 2 && text.ptr[0] == '\\')
        return text.ptr[1] == 't' ? '\t' : text.ptr[1];
    return text.len == 0 ? fallback : text.ptr[0];
}

/* How rows of an existing table are written. */
static bool set_table_format(struct athena_write *write)
{
    const struct glue_table *table = write->table;
    struct athena_row_format *format = &write->row_format;
    const bool parquet = mr_slice_search(table->serde, MR_S("ParquetHiveSerDe")) != SIZE_MAX;
    write->format = parquet ? ATHENA_WRITE_PARQUET : ATHENA_WRITE_TEXT;
    struct mr_slice compression =
        mr_json_get_text(table->parameters, parquet ? "parquet.compression" : "write.compression");
    if (compression.len == 0)
        compression = mr_json_get_text(table->parameters, "write.compression");
    write->compression = MR_S("GZIP");
    if (mr_slice_equal_nocase(compression, MR_S("NONE")) ||
        mr_slice_equal_nocase(compression, MR_S("UNCOMPRESSED")))
        write->compression = MR_S("NONE");
    else if (mr_slice_equal_nocase(compression, MR_S("SNAPPY")))
        write->compression = MR_S("SNAPPY");
    else if (mr_slice_equal_nocase(compression, MR_S("ZSTD")))
        write->compression = MR_S("ZSTD");
    else if (compression.len > 0 && !mr_slice_equal_nocase(compression, MR_S("GZIP")))
        return athena_write_fail(write, "NOT_SUPPORTED", "Compression %.*s is not supported",
                                 MR_ARG(compression));
    if (parquet)
        return true;
    if (mr_slice_search(table->serde, MR_S("JsonSerDe")) != SIZE_MAX) {
        write->format = ATHENA_WRITE_JSON;
        format->json = true;
        return true;
    }
    struct mr_slice header = mr_json_get_text(table->parameters, "skip.header.line.count");
    if (mr_slice_search(table->serde, MR_S("LazySimpleSerDe")) == SIZE_MAX || header.len > 0)
        return athena_write_fail(write, "NOT_SUPPORTED",
                                 header.len > 0
                                     ? "Inserting into Hive table with skip.header.line.count "
                                       "property is not supported"
                                     : "Inserting into a table of this SerDe is not supported");
    struct mr_slice collection = serde_text(table, "colelction.delim");
    if (collection.len == 0)
        collection = serde_text(table, "collection.delim");
    struct mr_slice null_text = serde_text(table, "serialization.null.format");
    format->delimiter = first_char(serde_text(table, "field.delim"), '\x01');
    format->collection = first_char(collection, '\x02');
    format->map = first_char(serde_text(table, "mapkey.delim"), '\x03');
    format->escape = first_char(serde_text(table, "escape.delim"), '\0');
    if (null_text.len > 0)
        format->null_text = null_text;
    return true;
}

bool athena_write_look_up(struct athena_write *write)
{
    bool found;
    write->table = MR_NEW(write->arena, struct glue_table);
    if (!look_up(write, write->table, &found))
        return false;
    return found || athena_write_fail(write, "TABLE_NOT_FOUND",
                                      "Table 'awsdatacatalog.%.*s.%.*s' does not exist",
                                      MR_ARG(write->database), MR_ARG(write->statement->name));
}

static bool prepare_insert(struct athena_write *write)
{
    if (!athena_write_look_up(write))
        return false;
    if (mr_slice_equal(write->table->table_type, MR_S("VIRTUAL_VIEW")))
        return athena_write_fail(write, "NOT_SUPPORTED", "Inserting into views is not supported");
    if (iceberg_is_table(write->table))
        return athena_lake_open(write);
    if (athena_write_is_bucketed(write->table))
        return athena_write_fail(write, "NOT_SUPPORTED",
                                 "Inserting into bucketed tables is not supported");
    write->key_count = write->table->key_count;
    return set_table_format(write) && set_location(write, write->table->location);
}

bool athena_write_prepare(struct athena_write *write)
{
    write->row_format = (struct athena_row_format){
        .delimiter = '\x01', .collection = '\x02', .map = '\x03', .null_text = MR_S("\\N")};
    write->compression = MR_S("GZIP");
    write->query = write->statement->query;
    switch (write->statement->kind) {
    case STATEMENT_DELETE:
    case STATEMENT_UPDATE:
    case STATEMENT_MERGE: return athena_modify_prepare(write);
    case STATEMENT_CTAS: return prepare_table(write);
    case STATEMENT_INSERT: return prepare_insert(write);
    default:
        return athena_write_check_settings(write) && athena_write_settings(write) &&
               set_location(write, write->statement->location) && check_empty(write);
    }
}

void athena_write_advise(struct athena_write *write)
{
    struct athena_error *error = write->error;
    const char *end = mr_slice_ends_with(error->message, MR_S(".")) ? "" : ".";
    if (write->statement->kind == STATEMENT_CTAS)
        error->message = mr_arena_printf(
            write->arena,
            "%.*s%s You may need to manually clean the data at location '%.*stables/%.*s' before "
            "retrying. Athena will not delete data in your account.",
            MR_ARG(error->message), end, MR_ARG(write->folder), MR_ARG(write->query_id));
    if (write->statement->kind == STATEMENT_INSERT)
        error->message = mr_arena_printf(
            write->arena,
            "%.*s%s If a data manifest file was generated at '%.*s%.*s-manifest.csv', you may need "
            "to manually clean the data from locations specified in the manifest. Athena will not "
            "delete data in your account.",
            MR_ARG(error->message), end, MR_ARG(write->folder), MR_ARG(write->query_id));
}

/* ---- running ---- */

enum mr_status athena_write_execute(struct athena_write *write, struct athena_execution *execution)
{
    enum mr_status status = athena_engine_run(&write->athena->engine, execution);
    mr_log(MR_LOG_DEBUG, "athena", "query %.*s: %s", MR_ARG(write->query_id), execution->sql);
    if (status == MR_INVALID && write->error->code == NULL)
        athena_error_from_duck(
            write->arena,
            athena_parquet_error(write->source->scans, write->arena, execution->error),
            write->statement->query, write->error);
    return status;
}

static bool probe_columns(void *ctx, const struct athena_shown *shown, const struct mr_slice *names,
                          size_t count)
{
    struct athena_write *write = ctx;
    write->shown = MR_NEW_ARRAY(write->arena, struct athena_shown, count + 1);
    write->names = MR_NEW_ARRAY(write->arena, struct mr_slice, count + 1);
    memcpy(write->shown, shown, sizeof *shown * count);
    memcpy(write->names, names, sizeof *names * count);
    write->shown_count = count;
    return true;
}

static bool probe_chunk(void *ctx, duckdb_data_chunk chunk)
{
    (void)ctx;
    (void)chunk;
    return true;
}

/* The columns of the query, by running it for no row. */
static enum mr_status probe(struct athena_write *write)
{
    struct athena_sink sink = {.columns = probe_columns, .chunk = probe_chunk, .ctx = write};
    struct athena_execution execution = {
        .arena = write->arena, .handle = write->handle, .sink = &sink};
    struct mr_buf sql = {0};
    mr_buf_printf(&sql, "(%s) LIMIT 0", write->sql);
    execution.sql = mr_arena_cstr(write->arena, mr_buf_slice(&sql));
    mr_buf_fini(&sql);
    return athena_write_execute(write, &execution);
}

enum mr_status athena_write_run(struct athena_write *write)
{
    enum mr_status status = probe(write);
    if (status != MR_OK)
        return status;
    const bool modifies = athena_statement_modifies(write->statement);
    if (!(modifies ? athena_modify_columns(write) : athena_write_columns(write)) ||
        (write->lake != NULL && !athena_lake_plan(write)))
        return MR_INVALID;
    if (write->lake != NULL)
        athena_parts_init(&write->parts, &write->athena->engine.scans, write->lake->keys,
                          write->lake->spec->count);
    else
        athena_parts_init(&write->parts, &write->athena->engine.scans, write->key_names,
                          write->key_count + (write->bucket_count > 0));
    write->parts.path_keys -= write->bucket_count > 0;
    write->parts.lake = write->lake != NULL;
    status = athena_work_folder_open(&write->athena->engine.work, &write->source->folder);
    if (status == MR_OK && modifies)
        status = athena_modify_gather(write);
    if (status == MR_OK && (!modifies || write->adds))
        status = athena_write_files(write);
    if (status == MR_OK && atomic_load(&write->handle->cancelled))
        status = MR_END;
    if (status == MR_OK)
        status = write->lake != NULL ? athena_lake_land(write) : athena_write_land(write);
    if (modifies)
        write->rows = write->changed;
    athena_parts_fini(&write->parts, &write->athena->engine.scans);
    return status;
}
