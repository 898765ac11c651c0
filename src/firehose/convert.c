#include "firehose/convert.h"
#include "firehose/config.h"
#include <stdio.h>

enum { GROUP_BYTES = 256 << 20, PAGE_BYTES = 1 << 20, RECORD_DEPTH_MAX = 128 };

/* ---- the configuration ---- */

static yyjson_val *conversion_of(yyjson_val *description)
{
    return mr_json_get(description, "DataFormatConversionConfiguration");
}

static yyjson_val *path(yyjson_val *value, const char *a, const char *b)
{
    return mr_json_get(mr_json_get(value, a), b);
}

static enum mr_status check_input(yyjson_val *in, char message[static 512])
{
    yyjson_val *deserializer = path(in, "InputFormatConfiguration", "Deserializer");
    yyjson_val *open = mr_json_get(deserializer, "OpenXJsonSerDe");
    yyjson_val *hive = mr_json_get(deserializer, "HiveJsonSerDe");
    if (open == NULL && hive == NULL)
        return delivery_refuse(message, "Deserializer must not be null");
    if (open != NULL && hive != NULL)
        return delivery_refuse(message,
                               "More than one deserializer specified. Only one may be chosen.");
    size_t i, count;
    yyjson_val *format;
    yyjson_arr_foreach(mr_json_get(hive, "TimestampFormats"), i, count, format)
    {
        const struct mr_slice text = mr_json_text(format);
        if (joda_check(text) != MR_OK)
            return delivery_refuse(message,
                                   "HiveJsonSerDe.TimestampFormats: '%.*s' is not a pattern of "
                                   "DateTimeFormat that millrace reads.",
                                   MR_ARG(mr_slice_sub(text, 0, 100)));
    }
    return MR_OK;
}

static enum mr_status check_output(yyjson_val *in, char message[static 512])
{
    yyjson_val *serializer = path(in, "OutputFormatConfiguration", "Serializer");
    yyjson_val *parquet = mr_json_get(serializer, "ParquetSerDe");
    yyjson_val *orc = mr_json_get(serializer, "OrcSerDe");
    if (parquet == NULL && orc == NULL)
        return delivery_refuse(message, "Serializer must not be null");
    if (parquet != NULL && orc != NULL)
        return delivery_refuse(message,
                               "More than one serializer specified. Only one may be chosen.");
    if (orc != NULL)
        return delivery_refuse(message, "OrcSerDe is not supported by millrace: use ParquetSerDe.");
    if (mr_json_get_bool(parquet, "EnableDictionaryCompression", false))
        return delivery_refuse(
            message, "ParquetSerDe.EnableDictionaryCompression is not supported by millrace.");
    if (mr_json_get_i64(parquet, "MaxPaddingBytes", 0) > 0)
        return delivery_refuse(message,
                               "ParquetSerDe.MaxPaddingBytes is not supported by millrace.");
    if (mr_slice_equal(mr_json_get_text(parquet, "WriterVersion"), MR_S("V2")))
        return delivery_refuse(message,
                               "ParquetSerDe.WriterVersion V2 is not supported by millrace.");
    return MR_OK;
}

static enum mr_status check_schema(yyjson_val *schema, char message[static 512])
{
    static const char *const needed[] = {"RoleARN", "DatabaseName", "TableName"};
    const struct mr_slice version = mr_json_get_text(schema, "VersionId");
    for (size_t i = 0; i < MR_COUNT(needed); i++)
        if (mr_json_get_text(schema, needed[i]).len == 0)
            return delivery_refuse(message, "SchemaConfiguration.%s must not be null", needed[i]);
    uint64_t number;
    if (version.len > 0 && !mr_slice_equal(version, MR_S("LATEST")) &&
        mr_slice_to_u64(version, &number) != MR_OK)
        return delivery_refuse(message,
                               "SchemaConfiguration.VersionId %.*s is neither LATEST nor the "
                               "number of a version.",
                               MR_ARG(version));
    return MR_OK;
}

enum mr_status conversion_check(yyjson_val *description, char message[static 512])
{
    static const char *const needed[] = {"SchemaConfiguration", "InputFormatConfiguration",
                                         "OutputFormatConfiguration"};
    yyjson_val *in = conversion_of(description);
    if (!mr_json_get_bool(in, "Enabled", false))
        return MR_OK;
    for (size_t i = 0; i < MR_COUNT(needed); i++)
        if (mr_json_get(in, needed[i]) == NULL)
            return delivery_refuse(message, "%s must not be null", needed[i]);
    enum mr_status status = check_input(in, message);
    if (status == MR_OK)
        status = check_output(in, message);
    if (status == MR_OK)
        status = check_schema(mr_json_get(in, "SchemaConfiguration"), message);
    if (status == MR_OK &&
        !mr_slice_equal(mr_json_get_text(description, "CompressionFormat"), MR_S("UNCOMPRESSED")))
        return delivery_refuse(message, "The S3 destination's compression format must be set to "
                                        "UNCOMPRESSED when data format conversion is enabled");
    return status;
}

void conversion_read(yyjson_val *description, struct conversion *ret_conversion)
{
    yyjson_val *in = conversion_of(description), *schema = mr_json_get(in, "SchemaConfiguration");
    yyjson_val *open =
        mr_json_get(path(in, "InputFormatConfiguration", "Deserializer"), "OpenXJsonSerDe");
    yyjson_val *parquet =
        mr_json_get(path(in, "OutputFormatConfiguration", "Serializer"), "ParquetSerDe");
    yyjson_val *formats = mr_json_get(
        mr_json_get(path(in, "InputFormatConfiguration", "Deserializer"), "HiveJsonSerDe"),
        "TimestampFormats");
    const struct mr_slice version = mr_json_get_text(schema, "VersionId");
    const struct mr_slice codec = mr_json_get_text(parquet, "Compression");
    *ret_conversion = (struct conversion){
        .enabled = mr_json_get_bool(in, "Enabled", false),
        .catalog = mr_json_get_text(schema, "CatalogId"),
        .database = mr_json_get_text(schema, "DatabaseName"),
        .table = mr_json_get_text(schema, "TableName"),
        .region = mr_json_get_text(schema, "Region"),
        .version = mr_slice_equal(version, MR_S("LATEST")) ? MR_S("") : version,
        .formats = yyjson_arr_size(formats) > 0 ? formats : NULL,
        .exact_case = !mr_json_get_bool(open, "CaseInsensitive", true),
        .dots = mr_json_get_bool(open, "ConvertDotsInJsonKeysToUnderscores", false),
        .mappings = mr_json_get(open, "ColumnToJsonKeyMappings"),
        .parquet =
            {
                .codec = mr_slice_equal(codec, MR_S("UNCOMPRESSED")) ? PARQUET_UNCOMPRESSED
                         : mr_slice_equal(codec, MR_S("GZIP"))       ? PARQUET_GZIP
                                                                     : PARQUET_SNAPPY,
                .group_bytes = (uint64_t)mr_json_get_i64(parquet, "BlockSizeBytes", GROUP_BYTES),
                .page_bytes = (uint64_t)mr_json_get_i64(parquet, "PageSizeBytes", PAGE_BYTES),
            },
    };
}

/* ---- members ---- */

static char plain(const struct conversion *conversion, char c)
{
    if (conversion->dots && c == '.')
        return '_';
    return !conversion->exact_case && c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_named(const struct conversion *conversion, struct mr_slice key, struct mr_slice name)
{
    if (key.len != name.len)
        return false;
    for (size_t i = 0; i < key.len; i++)
        if (plain(conversion, key.ptr[i]) != plain(conversion, name.ptr[i]))
            return false;
    return true;
}

static yyjson_val *member_of(void *ctx, yyjson_val *object, const struct hive_type *type, bool top)
{
    const struct conversion *conversion = ctx;
    const struct mr_slice mapped =
        top ? mr_json_text(mr_json_getn(conversion->mappings, type->name)) : MR_S("");
    if (mapped.len > 0)
        return mr_json_getn(object, mapped);
    yyjson_val *found = mr_json_getn(object, type->name), *key;
    yyjson_obj_iter members;
    yyjson_obj_iter_init(object, &members);
    while (found == NULL && (key = yyjson_obj_iter_next(&members)) != NULL)
        if (is_named(conversion, mr_json_text(key), type->name))
            found = yyjson_obj_iter_get_val(key);
    return found;
}

/* ---- records ---- */

struct converting {
    struct parquet_writer *writer;
    struct mr_arena arena; /* of a record */
    struct conversion_output *output;
};

static void fail(struct converting *converting, const struct buffer_record *record,
                 struct mr_slice data, const char *code, struct mr_slice message)
{
    const struct conversion_failure failure = {record, data, code, message};
    converting->output->failed(converting->output->ctx, &failure);
}

static void convert(struct converting *converting, const struct buffer_record *record,
                    struct mr_slice data)
{
    char why[512] = "";
    struct mr_arena *arena = &converting->arena;
    yyjson_val *row = mr_json_parse(arena, data, RECORD_DEPTH_MAX);
    if (mr_slice_trim(data).len == 0)
        fail(converting, record, data, "DataFormatConversion.MalformedData",
             MR_S("The record was empty or contained only whitespace."));
    else if (row == NULL)
        fail(converting, record, data, "DataFormatConversion.ParseError",
             MR_S("Encountered malformed JSON."));
    else if (!yyjson_is_obj(row))
        fail(converting, record, data, "DataFormatConversion.MalformedData",
             MR_S("The input JSON contained a primitive at the top level. The top level must be an "
                  "object or array."));
    else if (parquet_add(converting->writer, arena, row, why) != MR_OK)
        fail(converting, record, data, "DataFormatConversion.MalformedData",
             mr_arena_printf(arena, "Data does not match the schema. %s", why));
    mr_arena_reset(arena);
}

static void set_formats(struct hive_type *type, const struct joda_formats *formats)
{
    if (type->kind == HIVE_TIMESTAMP)
        type->formats = formats;
    for (size_t i = 0; i < type->child_count; i++)
        set_formats(&type->children[i], formats);
}

/* NULL: Hive's own. */
static const struct joda_formats *formats_of(struct mr_arena *arena, yyjson_val *list)
{
    if (list == NULL)
        return NULL;
    struct joda_formats *formats = MR_NEW(arena, struct joda_formats);
    struct mr_slice *all = MR_NEW_ARRAY(arena, struct mr_slice, yyjson_arr_size(list));
    size_t i, count;
    yyjson_val *format;
    yyjson_arr_foreach(list, i, count, format)
    {
        all[i] = mr_json_text(format);
    }
    *formats = (struct joda_formats){all, yyjson_arr_size(list)};
    return formats;
}

/* The table's columns as types. MR_AGAIN: there are none that can be written. */
static enum mr_status read_schema(const struct conversion *conversion, struct glue *glue,
                                  struct mr_arena *arena, struct hive_type **ret_columns,
                                  size_t *ret_count, char message[static 512])
{
    struct glue_table table;
    enum mr_status status = glue_table_version_get(glue, arena, conversion->database,
                                                   conversion->table, conversion->version, &table);
    if (status == MR_NOT_FOUND || (status == MR_OK && table.column_count == 0)) {
        (void)snprintf(message, 512,
                       "%s%.*s%stable %.*s.%.*s of SchemaConfiguration does not exist, or has no "
                       "columns: create it in Glue",
                       conversion->version.len > 0 ? "version " : "", MR_ARG(conversion->version),
                       conversion->version.len > 0 ? " of " : "", MR_ARG(conversion->database),
                       MR_ARG(conversion->table));
        return MR_AGAIN;
    }
    if (status != MR_OK)
        return status;
    const struct joda_formats *formats = formats_of(arena, conversion->formats);
    *ret_columns = MR_NEW_ARRAY(arena, struct hive_type, table.column_count);
    *ret_count = table.column_count;
    for (size_t i = 0; i < table.column_count; i++) {
        char why[512];
        if (hive_type_parse(arena, table.columns[i].type, &(*ret_columns)[i], why) != MR_OK) {
            (void)snprintf(message, 512, "column %.*s cannot be written as Parquet: %.300s",
                           MR_ARG(table.columns[i].name), why);
            return MR_AGAIN;
        }
        (*ret_columns)[i].name = table.columns[i].name;
        set_formats(&(*ret_columns)[i], formats);
    }
    return MR_OK;
}

enum mr_status conversion_schema_check(const struct conversion *conversion, struct glue *glue,
                                       char message[static 512])
{
    struct mr_arena arena;
    struct hive_type *columns;
    size_t count;
    mr_arena_init(&arena);
    const enum mr_status status = read_schema(conversion, glue, &arena, &columns, &count, message);
    mr_arena_fini(&arena);
    return status;
}

enum mr_status conversion_run(const struct conversion *conversion, struct glue *glue,
                              const struct buffer *buffer, struct conversion_output *output,
                              char message[static 512])
{
    struct mr_arena schema;
    struct hive_type *columns;
    size_t count;
    mr_arena_init(&schema);
    const enum mr_status status = read_schema(conversion, glue, &schema, &columns, &count, message);
    if (status == MR_OK) {
        struct converting converting = {.output = output};
        mr_arena_init(&converting.arena);
        converting.writer = parquet_open(columns, count, &conversion->parquet, member_of,
                                         (void *)(uintptr_t)conversion);
        const struct mr_slice bytes = mr_buf_slice(&buffer->bytes);
        for (size_t i = 0; i < buffer->list_count; i++) {
            const uint64_t start = i == 0 ? 0 : buffer->list[i - 1].end;
            convert(&converting, &buffer->list[i],
                    mr_slice_sub(bytes, start, buffer->list[i].end - start));
        }
        output->converted = parquet_rows(converting.writer);
        struct mr_buf nothing = {0};
        parquet_close(converting.writer, output->converted > 0 ? output->file : &nothing);
        mr_buf_fini(&nothing);
        mr_arena_fini(&converting.arena);
    }
    mr_arena_fini(&schema);
    return status;
}
