/* CREATE EXTERNAL TABLE and CREATE VIEW. */
#include "athena/internal.h"
#include "base/codec.h"

#define LAZY_SERDE "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
#define TEXT_INPUT "org.apache.hadoop.mapred.TextInputFormat"
#define TEXT_OUTPUT "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"

static const struct {
    const char *word, *serde, *input, *output;
} stored_as[] = {
    {"textfile", LAZY_SERDE, TEXT_INPUT, TEXT_OUTPUT},
    {"sequencefile", LAZY_SERDE, "org.apache.hadoop.mapred.SequenceFileInputFormat",
     "org.apache.hadoop.hive.ql.io.HiveSequenceFileOutputFormat"},
    {"rcfile", "org.apache.hadoop.hive.serde2.columnar.LazyBinaryColumnarSerDe",
     "org.apache.hadoop.hive.ql.io.RCFileInputFormat",
     "org.apache.hadoop.hive.ql.io.RCFileOutputFormat"},
    {"ion", "com.amazon.ionhiveserde.IonHiveSerDe",
     "com.amazon.ionhiveserde.formats.IonInputFormat",
     "com.amazon.ionhiveserde.formats.IonOutputFormat"},
    {"parquet", "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
     "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
     "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"},
    {"orc", "org.apache.hadoop.hive.ql.io.orc.OrcSerde",
     "org.apache.hadoop.hive.ql.io.orc.OrcInputFormat",
     "org.apache.hadoop.hive.ql.io.orc.OrcOutputFormat"},
    {"avro", "org.apache.hadoop.hive.serde2.avro.AvroSerDe",
     "org.apache.hadoop.hive.ql.io.avro.AvroContainerInputFormat",
     "org.apache.hadoop.hive.ql.io.avro.AvroContainerOutputFormat"},
};

static void write_columns(struct mr_json *json, const struct athena_pair *columns)
{
    mr_json_array(json);
    for (; columns != NULL; columns = columns->next) {
        mr_json_object(json);
        mr_json_key_string(json, "Name", columns->name);
        mr_json_key_string(json, "Type", columns->value);
        if (columns->comment.len > 0)
            mr_json_key_string(json, "Comment", columns->comment);
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
}

static void write_pairs(struct mr_json *json, const struct athena_pair *pairs)
{
    for (; pairs != NULL; pairs = pairs->next) {
        mr_json_name(json, pairs->name);
        mr_json_string(json, pairs->value);
    }
}

static bool names(const struct athena_pair *pairs, struct mr_slice name)
{
    while (pairs != NULL && !mr_slice_equal(pairs->name, name))
        pairs = pairs->next;
    return pairs != NULL;
}

static void write_buckets(struct mr_json *json, const struct athena_statement *statement)
{
    mr_json_key_int(json, "NumberOfBuckets",
                    statement->bucket_columns == NULL ? -1 : statement->bucket_count);
    mr_json_key(json, "BucketColumns");
    mr_json_array(json);
    for (const struct athena_pair *pair = statement->bucket_columns; pair != NULL;
         pair = pair->next)
        mr_json_string(json, pair->name);
    mr_json_array_end(json);
    mr_json_key(json, "SortColumns");
    mr_json_array(json);
    for (const struct athena_pair *pair = statement->sort_columns; pair != NULL;
         pair = pair->next) {
        mr_json_object(json);
        mr_json_key_string(json, "Column", pair->name);
        mr_json_key_int(json, "SortOrder", pair->op[0] == 'A');
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
}

static void write_serde(struct mr_json *json, const struct athena_statement *statement,
                        size_t format)
{
    mr_json_object(json);
    if (statement->serde.len > 0)
        mr_json_key_string(json, "SerializationLibrary", statement->serde);
    else
        mr_json_key_cstr(json, "SerializationLibrary", stored_as[format].serde);
    mr_json_key(json, "Parameters");
    mr_json_object(json);
    const struct {
        const char *name;
        struct mr_slice value;
    } delimiters[] = {{"field.delim", statement->field_delimiter},
                      {"escape.delim", statement->escape},
                      {"colelction.delim", statement->collection_delimiter}, /* Hive's spelling */
                      {"mapkey.delim", statement->map_delimiter},
                      {"line.delim", statement->line_delimiter},
                      {"serialization.null.format", statement->null_text}};
    if (!names(statement->serde_properties, MR_S("serialization.format")))
        mr_json_key_string(json, "serialization.format",
                           statement->field_delimiter.len > 0 ? statement->field_delimiter
                                                              : MR_S("1"));
    for (size_t i = 0; i < MR_COUNT(delimiters); i++) {
        if (delimiters[i].value.ptr != NULL)
            mr_json_key_string(json, delimiters[i].name, delimiters[i].value);
    }
    write_pairs(json, statement->serde_properties);
    mr_json_object_end(json);
    mr_json_object_end(json);
}

static void write_storage(struct mr_json *json, const struct athena_statement *statement,
                          size_t format)
{
    const bool own = statement->input_format.len > 0;
    mr_json_object(json);
    mr_json_key(json, "Columns");
    write_columns(json, statement->columns);
    mr_json_key_string(json, "Location", statement->location);
    mr_json_key_string(json, "InputFormat",
                       own ? statement->input_format : mr_slice_cstr(stored_as[format].input));
    mr_json_key_string(json, "OutputFormat",
                       own ? statement->output_format : mr_slice_cstr(stored_as[format].output));
    mr_json_key_bool(json, "Compressed", false);
    write_buckets(json, statement);
    mr_json_key(json, "SerdeInfo");
    write_serde(json, statement, format);
    mr_json_key_bool(json, "StoredAsSubDirectories", false);
    mr_json_object_end(json);
}

static yyjson_val *table_input(struct athena_ddl *ddl, size_t format)
{
    const struct athena_statement *statement = ddl->statement;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "Name", statement->name);
    if (statement->comment.len > 0)
        mr_json_key_string(&json, "Description", statement->comment);
    mr_json_key_cstr(&json, "Owner", "hadoop");
    mr_json_key(&json, "StorageDescriptor");
    write_storage(&json, statement, format);
    mr_json_key(&json, "PartitionKeys");
    write_columns(&json, statement->keys);
    mr_json_key_cstr(&json, "TableType", "EXTERNAL_TABLE");
    mr_json_key(&json, "Parameters");
    mr_json_object(&json);
    mr_json_key_cstr(&json, "EXTERNAL", "TRUE");
    if (statement->comment.len > 0 && !names(statement->properties, MR_S("comment")))
        mr_json_key_string(&json, "comment", statement->comment);
    const int64_t now_s = store_now(ddl->athena->options.store) / 1000;
    mr_json_key_string(&json, "transient_lastDdlTime",
                       mr_arena_printf(ddl->arena, "%lld", (long long)now_s));
    write_pairs(&json, statement->properties);
    mr_json_object_end(&json);
    mr_json_object_end(&json);
    yyjson_val *input = mr_json_parse(ddl->arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX);
    mr_buf_fini(&buf);
    return input;
}

static bool check_columns(struct athena_ddl *ddl, const struct athena_pair *columns)
{
    struct athena_type type;
    for (; columns != NULL; columns = columns->next) {
        if (names(columns->next, columns->name))
            return athena_ddl_fail(ddl,
                                   "SemanticException [Error 10036]: Duplicate column name: "
                                   "%.*s",
                                   MR_ARG(columns->name));
        if (athena_type_parse(ddl->arena, columns->value, &type) != MR_OK)
            return athena_ddl_fail(ddl, "ParseException: the type '%.*s' of column %.*s is unknown",
                                   MR_ARG(columns->value), MR_ARG(columns->name));
    }
    return true;
}

static bool put_table(struct athena_ddl *ddl, yyjson_val *input, bool replace)
{
    struct mr_slice json;
    struct glue *glue = ddl->athena->options.glue;
    struct glue_table_put put = {.database = athena_ddl_database(ddl),
                                 .account = ddl->account,
                                 .input = input,
                                 .replace = replace};
    put.created_by = mr_arena_printf(ddl->arena, "arn:aws:iam::%.*s:root", MR_ARG(ddl->account));
    enum mr_status status = glue_table_put(glue, ddl->arena, &put, &ddl->ticket);
    if (status == MR_EXISTS && ddl->statement->if_not_exists)
        return true;
    if (status == MR_EXISTS)
        return athena_ddl_fail(ddl,
                               "Execution Error, return code 1 from "
                               "org.apache.hadoop.hive.ql.exec.DDLTask. "
                               "AlreadyExistsException(message:Table %.*s already exists)",
                               MR_ARG(ddl->statement->name));
    if (status == MR_NOT_FOUND &&
        glue_database_get(glue, ddl->arena, put.database, &json) == MR_NOT_FOUND)
        return athena_ddl_fail(ddl,
                               "SemanticException [Error 10072]: Database does not exist: %.*s",
                               MR_ARG(put.database));
    return status == MR_OK || athena_ddl_fail(ddl, "internal error");
}

bool athena_ddl_create_table(struct athena_ddl *ddl)
{
    const struct athena_statement *statement = ddl->statement;
    struct mr_slice bucket, prefix;
    size_t format = 0;
    for (const struct athena_pair *pair = statement->properties; pair != NULL; pair = pair->next) {
        if (mr_slice_equal_nocase(pair->name, MR_S("table_type")) &&
            mr_slice_equal_nocase(pair->value, MR_S("ICEBERG")))
            return athena_ddl_fail(ddl, "External keyword not supported for table type ICEBERG");
    }
    if (statement->stored_as.len > 0) {
        while (format < MR_COUNT(stored_as) &&
               !mr_slice_equal(statement->stored_as, mr_slice_cstr(stored_as[format].word)))
            format++;
        if (format == MR_COUNT(stored_as))
            return athena_ddl_fail(ddl,
                                   "SemanticException Unrecognized file format in STORED AS "
                                   "clause: '%.*s'",
                                   MR_ARG(statement->stored_as));
    }
    if (statement->location.len == 0)
        return athena_ddl_fail(ddl, "SemanticException No location is given: LOCATION is required");
    if (glue_location_parse(statement->location, &bucket, &prefix) != MR_OK)
        return athena_ddl_fail(ddl, "SemanticException '%.*s' is no S3 location",
                               MR_ARG(statement->location));
    for (const struct athena_pair *key = statement->keys; key != NULL; key = key->next) {
        if (names(statement->columns, key->name))
            return athena_ddl_fail(ddl, "SemanticException [Error 10035]: Column repeated in "
                                        "partitioning columns");
    }
    for (const struct athena_pair *pair = statement->bucket_columns; pair != NULL;
         pair = pair->next) {
        if (!names(statement->columns, pair->name))
            return athena_ddl_fail(ddl,
                                   "SemanticException [Error 10002]: Invalid column reference "
                                   "%.*s",
                                   MR_ARG(pair->name));
    }
    return check_columns(ddl, statement->columns) && check_columns(ddl, statement->keys) &&
           put_table(ddl, table_input(ddl, format), false);
}

/* ---- views ---- */

/* What Athena calls a type, in Hive's words. */
static const char *hive_type(const char *type)
{
    static const char *const pairs[][2] = {{"varchar", "string"},
                                           {"integer", "int"},
                                           {"varbinary", "binary"},
                                           {"json", "string"},
                                           {"timestamp with time zone", "timestamp"}};
    for (size_t i = 0; i < MR_COUNT(pairs); i++) {
        if (strcmp(type, pairs[i][0]) == 0)
            return pairs[i][1];
    }
    return type;
}

static void put_hive_type(struct mr_buf *out, const struct athena_sqltype *type)
{
    if (type->kind == SQL_DECIMAL) {
        mr_buf_printf(out, "decimal(%d,%d)", type->precision, type->scale);
        return;
    }
    if (type->kind < SQL_ARRAY) {
        mr_buf_append(out, mr_slice_cstr(hive_type(athena_sqltype_name(type))));
        return;
    }
    mr_buf_printf(out, "%s<",
                  type->kind == SQL_ARRAY ? "array"
                  : type->kind == SQL_MAP ? "map"
                                          : "struct");
    for (size_t i = 0; i < type->count; i++) {
        mr_buf_append(out, i > 0 ? MR_S(",") : MR_S(""));
        if (type->kind == SQL_ROW && type->names != NULL && type->names[i].len > 0)
            mr_buf_printf(out, "%.*s:", MR_ARG(type->names[i]));
        else if (type->kind == SQL_ROW)
            mr_buf_printf(out, "field%zu:", i);
        put_hive_type(out, type->items[i]);
    }
    mr_buf_byte(out, '>');
}

/* A column of the view; the type as the query's result has it, unless more is known. */
struct view_column {
    struct mr_slice name, trino, hive;
};

static struct view_column view_column(struct athena_ddl *ddl, const struct athena_output *output,
                                      const struct athena_fields *fields, size_t i)
{
    const struct athena_result_column *shown = &output->columns[i];
    struct view_column column = {shown->name, mr_slice_cstr(shown->type),
                                 mr_slice_cstr(hive_type(shown->type))};
    if (fields->open || fields->count != output->column_count ||
        !athena_sqltype_known(fields->list[i].type))
        return column;
    struct mr_buf hive = {0};
    put_hive_type(&hive, fields->list[i].type);
    column.hive = mr_arena_copy(ddl->arena, mr_buf_slice(&hive));
    column.trino = athena_sqltype_text(ddl->arena, fields->list[i].type);
    mr_buf_fini(&hive);
    return column;
}

static bool fail_as_query(struct athena_ddl *ddl, const char *code, struct mr_slice message)
{
    athena_error_set(ddl->error, ddl->arena, code, 1, 1, "%.*s", MR_ARG(message));
    return false;
}

/* Each has a name of its own, and a type. */
static bool check_view_columns(struct athena_ddl *ddl, const struct athena_fields *fields)
{
    for (size_t i = 0; !fields->open && i < fields->count; i++) {
        const struct athena_field *field = &fields->list[i];
        if (field->name.len == 0)
            return fail_as_query(
                ddl, "MISSING_COLUMN_NAME",
                mr_arena_printf(ddl->arena, "Column name not specified at position %zu", i + 1));
        if (field->type != NULL && field->type->kind == SQL_UNKNOWN)
            return fail_as_query(
                ddl, "COLUMN_TYPE_UNKNOWN",
                mr_arena_printf(ddl->arena, "Column type is unknown at position %zu", i + 1));
        for (size_t j = 0; j < i; j++)
            if (mr_slice_equal_nocase(fields->list[j].name, field->name))
                return fail_as_query(ddl, "DUPLICATE_COLUMN_NAME",
                                     mr_arena_printf(ddl->arena,
                                                     "Column name '%.*s' specified more than once",
                                                     MR_ARG(glue_lower(ddl->arena, field->name))));
    }
    return true;
}

/* The view's query is run for no row: it must hold, and its columns get their types. */
static bool view_columns(struct athena_ddl *ddl, struct athena_output *output,
                         struct athena_fields *ret_fields)
{
    struct athena *athena = ddl->athena;
    struct athena_source source = {.arena = ddl->arena,
                                   .glue = athena->options.glue,
                                   .s3 = athena->options.s3,
                                   .registry = &athena->engine.scans,
                                   .database = athena_ddl_database(ddl),
                                   .account = ddl->account,
                                   .cancelled = &ddl->handle->cancelled,
                                   .unread = true};
    const struct athena_resolver resolver = athena_source_resolver(&source);
    struct mr_buf sql = {0};
    size_t divisions = 0;
    struct athena_translation translation = {.arena = ddl->arena,
                                             .error = ddl->error,
                                             .resolver = &resolver,
                                             .divisions = &divisions,
                                             .out = &sql};
    struct athena_execution execution = {
        .arena = ddl->arena, .handle = ddl->handle, .output = output};
    enum mr_status status = athena_engine_open(&athena->engine, ddl->arena, &execution.error);
    mr_buf_append(&sql, MR_S("SELECT * FROM ("));
    if (status == MR_OK && !athena_translate_query(&translation, ddl->statement->query))
        status = MR_FAULT;
    mr_buf_append(&sql, MR_S(") AS \"_mr_view\" LIMIT 0"));
    if (status == MR_OK) {
        execution.sql = mr_arena_cstr(ddl->arena, mr_buf_slice(&sql));
        status = athena_engine_run(&athena->engine, &execution);
    }
    athena_source_fini(&source);
    mr_buf_fini(&sql);
    if (status == MR_INVALID || status == MR_NOT_FOUND)
        athena_ddl_fail(ddl, "%.*s", MR_ARG(execution.error));
    *ret_fields = translation.fields;
    return status == MR_OK && check_view_columns(ddl, ret_fields);
}

static struct mr_slice view_text(struct athena_ddl *ddl, const struct athena_output *output,
                                 const struct athena_fields *fields)
{
    struct mr_buf buf = {0}, text = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "originalSql", ddl->statement->query_text);
    mr_json_key_cstr(&json, "catalog", "awsdatacatalog");
    mr_json_key_string(&json, "schema", athena_ddl_database(ddl));
    mr_json_key(&json, "columns");
    mr_json_array(&json);
    for (size_t i = 0; i < output->column_count; i++) {
        const struct view_column column = view_column(ddl, output, fields, i);
        mr_json_object(&json);
        mr_json_key_string(&json, "name", column.name);
        mr_json_key_string(&json, "type", column.trino);
        mr_json_object_end(&json);
    }
    mr_json_array_end(&json);
    mr_json_object_end(&json);
    mr_buf_append(&text, MR_S("/* Presto View: "));
    mr_base64_append(&text, mr_buf_slice(&buf));
    mr_buf_append(&text, MR_S(" */"));
    struct mr_slice copy = mr_arena_copy(ddl->arena, mr_buf_slice(&text));
    mr_buf_fini(&text);
    mr_buf_fini(&buf);
    return copy;
}

static yyjson_val *view_input(struct athena_ddl *ddl, const struct athena_output *output,
                              const struct athena_fields *fields)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "Name", ddl->statement->name);
    mr_json_key(&json, "StorageDescriptor");
    mr_json_object(&json);
    mr_json_key(&json, "Columns");
    mr_json_array(&json);
    for (size_t i = 0; i < output->column_count; i++) {
        const struct view_column column = view_column(ddl, output, fields, i);
        mr_json_object(&json);
        mr_json_key_string(&json, "Name", column.name);
        mr_json_key_string(&json, "Type", column.hive);
        mr_json_object_end(&json);
    }
    mr_json_array_end(&json);
    mr_json_key_cstr(&json, "Location", "");
    mr_json_key_raw(&json, "SerdeInfo", MR_S("{}"));
    mr_json_object_end(&json);
    mr_json_key_cstr(&json, "TableType", "VIRTUAL_VIEW");
    mr_json_key_string(&json, "ViewOriginalText", view_text(ddl, output, fields));
    mr_json_key_cstr(&json, "ViewExpandedText", "/* Presto View */");
    mr_json_key_raw(&json, "Parameters",
                    MR_S("{\"presto_view\":\"true\",\"comment\":\"Presto View\"}"));
    mr_json_object_end(&json);
    yyjson_val *input = mr_json_parse(ddl->arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX);
    mr_buf_fini(&buf);
    return input;
}

bool athena_ddl_create_view(struct athena_ddl *ddl)
{
    struct glue_table old;
    struct athena_output output;
    enum mr_status status = glue_table_get(ddl->athena->options.glue, ddl->arena,
                                           athena_ddl_database(ddl), ddl->statement->name, &old);
    if (status < 0)
        return athena_ddl_fail(ddl, "internal error");
    const bool is_view = status == MR_OK && mr_slice_equal(old.table_type, MR_S("VIRTUAL_VIEW"));
    if (status == MR_OK && (!is_view || !ddl->statement->replace))
        return athena_ddl_fail(ddl, "View already exists: '%.*s.%.*s'",
                               MR_ARG(athena_ddl_database(ddl)), MR_ARG(ddl->statement->name));
    athena_output_init(&output, store_folder(ddl->athena->options.store), true);
    struct athena_fields fields;
    const bool fine = view_columns(ddl, &output, &fields) &&
                      put_table(ddl, view_input(ddl, &output, &fields), status == MR_OK);
    athena_output_fini(&output);
    return fine;
}
