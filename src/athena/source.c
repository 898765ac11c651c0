#include "athena/source.h"
#include "athena/cache.h"
#include "athena/count.h"
#include "athena/layouts.h"
#include "athena/parquet.h"
#include "athena/parse.h"
#include "athena/project.h"
#include "athena/prune.h"
#include "athena/source_catalog.h"
#include "athena/source_iceberg.h"
#include "athena/source_lines.h"
#include "iceberg/iceberg.h"
#include "base/codec.h"
#include "base/json.h"
#include <stdlib.h>

/* ---- formats ---- */

static struct mr_slice parameter(const struct glue_table *table, const char *name)
{
    struct mr_slice value = mr_json_get_text(table->serde_parameters, name);
    return value.len > 0 ? value : mr_json_get_text(table->parameters, name);
}

static char first_char(struct mr_slice text, char fallback)
{
    if (text.len == 0)
        return fallback;
    if (text.ptr[0] == '\\' && text.len > 1)
        return text.ptr[1] == 't' ? '\t' : text.ptr[1] == '\\' ? '\\' : fallback;
    return text.ptr[0];
}

/* Separators of nested values are control characters, but for those that the table names. */
static void set_lazy(struct athena_lazy *lazy, const struct glue_table *table)
{
    for (int i = 0; i < ATHENA_LAZY_LEVELS; i++)
        lazy->separators[i] = (char)(i + 1);
    lazy->separators[0] = first_char(parameter(table, "field.delim"), '\x01');
    lazy->separators[1] = first_char(parameter(table, "collection.delim"), '\x02');
    lazy->separators[1] = first_char(parameter(table, "colelction.delim"), lazy->separators[1]);
    lazy->separators[2] = first_char(parameter(table, "mapkey.delim"), '\x03');
    lazy->escape = first_char(parameter(table, "escape.delim"), '\0');
    lazy->null_text = parameter(table, "serialization.null.format");
    if (lazy->null_text.len == 0)
        lazy->null_text = MR_S("\\N");
}

/* What cuts objects into records: lines, unless the table says otherwise. */
static bool set_records(struct athena_scan *scan, const struct glue_table *table)
{
    const struct mr_slice format = table->input_format;
    scan->records = mr_slice_search(format, MR_S("CloudTrailInputFormat")) != SIZE_MAX ||
                    mr_slice_search(table->serde, MR_S("CloudTrailSerde")) != SIZE_MAX;
    return format.len == 0 || scan->records || scan->format == ATHENA_FORMAT_PARQUET ||
           scan->format == ATHENA_FORMAT_AVRO ||
           mr_slice_equal(format, MR_S("org.apache.hadoop.mapred.TextInputFormat"));
}

/* Properties that would change what is read, and are not known here. */
static bool check_text(struct athena_translation *translation, const struct athena_node *node,
                       const struct athena_scan *scan, const struct glue_table *table)
{
    const struct mr_slice encoding = parameter(table, "serialization.encoding");
    const struct mr_slice footer = parameter(table, "skip.footer.line.count");
    if (scan->format == ATHENA_FORMAT_PARQUET)
        return true;
    if (encoding.len > 0 && !mr_slice_equal_nocase(encoding, MR_S("UTF-8")) &&
        !mr_slice_equal_nocase(encoding, MR_S("UTF8")))
        athena_translate_fail(translation, node, "NOT_SUPPORTED",
                              "Tables with serialization.encoding '%.*s' are not supported",
                              MR_ARG(encoding));
    if (footer.len > 0 && !mr_slice_equal(footer, MR_S("0")))
        athena_translate_fail(translation, node, "NOT_SUPPORTED",
                              "Tables with skip.footer.line.count are not supported");
    return !athena_translate_failed(translation);
}

/* AWS: the schema is in avro.schema.literal; avro.schema.url is not read. */
static bool check_avro(struct athena_translation *translation, const struct athena_node *node,
                       struct athena_scan *scan, const struct glue_table *table)
{
    const struct mr_slice literal = parameter(table, "avro.schema.literal");
    if (scan->format != ATHENA_FORMAT_AVRO)
        return true;
    if (literal.len > 0) {
        yyjson_val *schema = mr_json_parse(scan->arena, literal, MR_JSON_DEPTH_MAX);
        scan->avro_fields = mr_json_get(schema, "fields");
        if (!yyjson_is_arr(scan->avro_fields))
            athena_translate_fail(translation, node, "HIVE_INVALID_METADATA",
                                  "avro.schema.literal is no schema of a record");
    } else if (parameter(table, "avro.schema.url").len > 0) {
        athena_translate_fail(translation, node, "NOT_SUPPORTED",
                              "avro.schema.url is not supported, avro.schema.literal is");
    }
    return !athena_translate_failed(translation);
}

/* False: a format that is not read here. */
static bool set_format(struct athena_scan *scan, const struct glue_table *table)
{
    struct mr_slice serde = table->serde;
    struct mr_slice header = mr_json_get_text(table->parameters, "skip.header.line.count");
    if (mr_slice_search(serde, MR_S("JsonSerDe")) != SIZE_MAX ||
        mr_slice_search(serde, MR_S("CloudTrailSerde")) != SIZE_MAX) {
        scan->format = ATHENA_FORMAT_JSON;
        scan->moment_formats = parameter(table, "timestamp.formats");
        scan->ignore_malformed =
            mr_slice_equal_nocase(parameter(table, "ignore.malformed.json"), MR_S("true"));
        scan->dots = mr_slice_equal_nocase(parameter(table, "dots.in.keys"), MR_S("true"));
        scan->exact = mr_slice_equal_nocase(parameter(table, "case.insensitive"), MR_S("false"));
    } else if (mr_slice_search(serde, MR_S("AvroSerDe")) != SIZE_MAX) {
        scan->format = ATHENA_FORMAT_AVRO;
        return true;
    } else if (mr_slice_search(serde, MR_S("RegexSerDe")) != SIZE_MAX) {
        scan->format = ATHENA_FORMAT_LINES;
        scan->regex = parameter(table, "input.regex");
        scan->ignore_case =
            mr_slice_equal_nocase(parameter(table, "input.regex.case.insensitive"), MR_S("true"));
    } else if (mr_slice_search(serde, MR_S("GrokSerDe")) != SIZE_MAX) {
        scan->format = ATHENA_FORMAT_LINES;
        scan->grok = true;
        scan->regex = parameter(table, "input.format");
        scan->grok_custom = parameter(table, "input.grokCustomPatterns");
    } else if (mr_slice_search(serde, MR_S("OpenCSVSerde")) != SIZE_MAX) {
        scan->format = ATHENA_FORMAT_CSV;
        scan->delimiter = first_char(parameter(table, "separatorChar"), ',');
        scan->quote = first_char(parameter(table, "quoteChar"), '"');
        scan->escape = first_char(parameter(table, "escapeChar"), '"');
    } else if (mr_slice_search(serde, MR_S("LazySimpleSerDe")) != SIZE_MAX) {
        scan->format = ATHENA_FORMAT_DELIMITED;
        scan->moment_formats = parameter(table, "timestamp.formats");
        set_lazy(&scan->lazy, table);
    } else if (mr_slice_search(serde, MR_S("ParquetHiveSerDe")) != SIZE_MAX) {
        scan->format = ATHENA_FORMAT_PARQUET;
        scan->by_place =
            mr_slice_equal_nocase(parameter(table, "parquet.column.index.access"), MR_S("true"));
        return true;
    } else {
        return false;
    }
    if (mr_slice_to_u64(header, &scan->header_lines) != MR_OK)
        scan->header_lines = 0;
    return true;
}

/* ---- columns ---- */

static const struct {
    const char *name;
    int key;
    enum athena_type_kind kind;
    bool iceberg; /* have its tables it, too? */
} hidden_columns[] = {{"$path", ATHENA_COLUMN_PATH, ATHENA_STRING, true},
                      {"$file_size", ATHENA_COLUMN_SIZE, ATHENA_BIGINT, false},
                      {"$file_modified_time", ATHENA_COLUMN_MODIFIED, ATHENA_TIMESTAMP, true},
                      {"$partition", ATHENA_COLUMN_PARTITION, ATHENA_STRING, false}};

/* A serde property "mapping.<column>" names the member of another name. */
static struct mr_slice source_name(const struct glue_table *table, struct mr_arena *arena,
                                   struct mr_slice column)
{
    struct mr_slice property = mr_arena_printf(arena, "mapping.%.*s", MR_ARG(column));
    struct mr_slice mapped = mr_json_text(mr_json_getn(table->serde_parameters, property));
    return mapped.len > 0 ? mapped : column;
}

static bool add_column(struct athena_translation *translation, const struct athena_node *node,
                       struct athena_scan *scan, const struct glue_column *column, int key)
{
    struct athena_column *made = &scan->columns[scan->column_count];
    made->name = glue_lower(scan->arena, column->name);
    made->key = key;
    if (athena_type_parse(scan->arena, column->type, &made->type) != MR_OK) {
        athena_translate_fail(translation, node, "HIVE_INVALID_METADATA",
                              "Column '%.*s' has the type '%.*s', which is not supported",
                              MR_ARG(column->name), MR_ARG(column->type));
        return false;
    }
    for (size_t i = 0; i < scan->column_count; i++) {
        if (mr_slice_equal(scan->columns[i].name, made->name)) {
            athena_translate_fail(translation, node, "HIVE_INVALID_METADATA",
                                  "Hive metadata for table is invalid: Table descriptor contains "
                                  "duplicate columns");
            return false;
        }
    }
    if (key >= 0)
        made->type.length = 0; /* partitions are found by their texts as they are */
    scan->column_count++;
    return true;
}

static bool add_columns(struct athena_translation *translation, const struct athena_node *node,
                        struct athena_scan *scan, const struct glue_table *table)
{
    const size_t count = table->column_count + table->key_count;
    scan->columns =
        MR_NEW_ARRAY(scan->arena, struct athena_column, count + MR_COUNT(hidden_columns) + 1);
    for (size_t i = 0; i < table->column_count; i++) {
        if (!add_column(translation, node, scan, &table->columns[i], ATHENA_COLUMN_DATA))
            return false;
        scan->columns[i].source = source_name(table, scan->arena, scan->columns[i].name);
    }
    for (size_t i = 0; i < table->key_count; i++) {
        if (!add_column(translation, node, scan, &table->keys[i], (int)i))
            return false;
    }
    if (count == 0)
        athena_translate_fail(translation, node, "HIVE_INVALID_METADATA", "Table has no columns");
    return count > 0;
}

void athena_source_hidden(const struct athena_source *source, struct athena_scan *scan,
                          bool iceberg)
{
    for (size_t i = 0; i < MR_COUNT(hidden_columns); i++) {
        struct mr_slice name = mr_slice_cstr(hidden_columns[i].name);
        if (mr_slice_search(source->text, name) == SIZE_MAX ||
            (iceberg && !hidden_columns[i].iceberg))
            continue;
        scan->columns[scan->column_count++] = (struct athena_column){
            .name = name, .key = hidden_columns[i].key, .type = {.kind = hidden_columns[i].kind}};
    }
}

static bool names_hidden(struct mr_slice text)
{
    for (size_t i = 0; i < MR_COUNT(hidden_columns); i++) {
        if (mr_slice_search(text, mr_slice_cstr(hidden_columns[i].name)) != SIZE_MAX)
            return true;
    }
    return false;
}

void athena_source_fields(struct athena_translation *translation, const struct athena_scan *scan,
                          struct athena_fields *fields)
{
    if (fields == NULL)
        return;
    *fields = athena_fields_make(translation, scan->column_count);
    for (size_t i = 0; i < scan->column_count; i++)
        fields->list[i] = (struct athena_field){
            .name = scan->columns[i].name,
            .type = scan->columns[i].key == ATHENA_COLUMN_MODIFIED
                        ? athena_sqltype_simple(SQL_TIMESTAMP_TZ)
                        : athena_sqltype_from_hive(translation->arena, &scan->columns[i].type)};
}

/* ---- objects ---- */

struct listing {
    struct athena_source *source;
    struct athena_scan *scan;
    struct mr_slice bucket, prefix;
    const struct mr_slice *values; /* of the partition */
    struct athena_prune prune;
    enum mr_status status;
    struct mr_slice sealed; /* the key of an object that a client's key encrypts */
};

/* Names that begin with '_' or '.' are not data. */
static bool is_hidden(struct mr_slice path)
{
    struct mr_slice part;
    while (mr_slice_split(&path, '/', &part)) {
        const bool pair = mr_slice_find(part, '=') != SIZE_MAX;
        if (part.len > 0 && (part.ptr[0] == '.' || (part.ptr[0] == '_' && !pair)))
            return true;
    }
    return false;
}

static enum mr_status on_object(void *ctx, const struct s3_object *object)
{
    struct listing *listing = ctx;
    struct mr_slice path = mr_slice_sub(object->key, listing->prefix.len, SIZE_MAX);
    if (atomic_load(listing->source->cancelled))
        return MR_END;
    /* A location without '/' at its end is one object, or a folder. */
    const bool folder = listing->prefix.len == 0 ||
                        listing->prefix.ptr[listing->prefix.len - 1] == '/' || path.len == 0 ||
                        path.ptr[0] == '/';
    if (!folder || object->size == 0 || is_hidden(path))
        return MR_OK;
    if (object->body.sealed) {
        listing->sealed = mr_arena_copy(listing->scan->arena, object->key);
        return MR_FAULT;
    }
    return athena_scan_add(listing->scan, listing->bucket, object, listing->values);
}

static enum mr_status list_location(struct listing *listing, struct mr_slice location)
{
    struct mr_slice copy = mr_arena_copy(listing->scan->arena, location);
    enum mr_status status = glue_location_parse(copy, &listing->bucket, &listing->prefix);
    if (status != MR_OK)
        return status;
    return s3_snapshot_list(listing->source->moment->snapshot, listing->bucket, listing->prefix,
                            on_object, listing);
}

/* The rows of a partition that the WHERE clause lets through as a whole need not be asked. */
static void note_certainty(const struct listing *listing, const struct mr_slice *values)
{
    struct athena_source_count *count = &listing->source->count;
    if (count->table != NULL && !athena_prune_passes(&listing->prune, values))
        count->unsure = true;
}

static enum mr_status on_partition(void *ctx, const struct glue_partition *partition)
{
    struct listing *listing = ctx;
    struct athena_source *source = listing->source;
    source->partitions_seen++;
    if (atomic_load(source->cancelled))
        return MR_END;
    if (partition->value_count != listing->prune.key_count ||
        !athena_prune_keeps(&listing->prune, partition->values))
        return MR_OK;
    source->partitions_kept++;
    note_certainty(listing, partition->values);
    struct mr_slice *values =
        MR_NEW_ARRAY(source->arena, struct mr_slice, partition->value_count + 1);
    for (size_t i = 0; i < partition->value_count; i++)
        values[i] = mr_arena_copy(source->arena, partition->values[i]);
    listing->values = values;
    return list_location(listing, partition->location);
}

static enum mr_status on_projected(void *ctx, const struct mr_slice *values,
                                   struct mr_slice location)
{
    struct listing *listing = ctx;
    listing->source->partitions_seen++;
    listing->source->partitions_kept++;
    note_certainty(listing, values);
    if (atomic_load(listing->source->cancelled))
        return MR_END;
    listing->values = values;
    return list_location(listing, location);
}

static void prune_init(struct listing *listing, const struct athena_translation *translation,
                       const struct athena_table_use *use, const struct glue_table *table)
{
    struct athena_scan *scan = listing->scan;
    struct mr_slice *keys = MR_NEW_ARRAY(scan->arena, struct mr_slice, table->key_count + 1);
    struct athena_type *types = MR_NEW_ARRAY(scan->arena, struct athena_type, table->key_count + 1);
    const struct athena_column *columns = scan->cut != NULL ? scan->cut : scan->columns;
    for (size_t i = 0; i < table->key_count; i++) {
        keys[i] = columns[table->column_count + i].name;
        types[i] = columns[table->column_count + i].type;
    }
    listing->prune = (struct athena_prune){.where = use->where,
                                           .alias = use->alias,
                                           .only = use->only,
                                           .keys = keys,
                                           .types = types,
                                           .key_count = table->key_count,
                                           .parameters = translation->parameters,
                                           .parameter_count = translation->parameter_count};
}

static bool list_objects(struct athena_source *source, struct athena_translation *translation,
                         const struct athena_table_use *use, struct athena_scan *scan,
                         const struct glue_table *table)
{
    struct listing listing = {.source = source, .scan = scan};
    struct athena_projection_error error = {0};
    enum mr_status status;
    prune_init(&listing, translation, use, table);
    if (table->key_count == 0)
        note_certainty(&listing, NULL);
    if (table->key_count > 0 && athena_projection_enabled(table))
        status = athena_projection_each(source->arena, table, &listing.prune,
                                        store_now(source->registry->store), on_projected, &listing,
                                        &error);
    else if (table->key_count == 0)
        status = list_location(&listing, table->location);
    else
        status =
            glue_partition_each(source->glue, table->database, table->name, on_partition, &listing);
    const struct athena_node *node = use->table;
    if (error.code != NULL)
        athena_translate_fail(translation, node, error.code, "%.*s", MR_ARG(error.message));
    else if (status == MR_NOT_FOUND)
        athena_translate_fail(translation, node, "HIVE_UNKNOWN_ERROR",
                              "The specified bucket does not exist: %.*s", MR_ARG(listing.bucket));
    else if (status == MR_INVALID)
        athena_translate_fail(translation, node, "HIVE_INVALID_METADATA",
                              "Table location is no S3 path");
    else if (status == MR_FULL)
        athena_translate_fail(translation, node, "HIVE_EXCEEDED_PARTITION_LIMIT",
                              "Query over more than %d objects", ATHENA_OBJECTS_MAX);
    else if (status == MR_FAULT)
        athena_translate_fail(translation, node, "HIVE_CANNOT_OPEN_SPLIT",
                              "Error opening Hive split s3://%.*s/%.*s: %s", MR_ARG(listing.bucket),
                              MR_ARG(listing.sealed), S3_SEALED_TEXT);
    else if (status != MR_OK)
        athena_translate_fail(translation, node, "INTERNAL_ERROR", "The objects cannot be listed");
    return status == MR_OK;
}

/* ---- views ---- */

enum mr_status athena_view_decode(struct mr_arena *arena, struct mr_slice text,
                                  struct mr_slice *ret_sql, struct mr_slice *ret_database)
{
    struct mr_slice begin = MR_S("/* Presto View: "), end = MR_S(" */"), json;
    text = mr_slice_trim(text);
    if (!mr_slice_starts_with(text, begin) || !mr_slice_ends_with(text, end))
        return MR_INVALID;
    text = mr_slice_sub(text, begin.len, text.len - begin.len - end.len);
    if (mr_base64_decode(arena, text, &json) != MR_OK)
        return MR_INVALID;
    yyjson_val *view = mr_json_parse(arena, json, MR_JSON_DEPTH_MAX);
    *ret_sql = mr_json_get_text(view, "originalSql");
    *ret_database = mr_json_get_text(view, "schema");
    return ret_sql->len > 0 ? MR_OK : MR_INVALID;
}

/* The view's own query takes its place, in its own database and with nothing of the outer query in
 * sight. */
static bool open_view(struct athena_source *source, struct athena_translation *translation,
                      const struct athena_node *node, const struct glue_table *table,
                      struct athena_fields *fields, struct mr_buf *out)
{
    struct mr_slice sql, database;
    struct athena_tokens tokens;
    struct athena_error error = {0};
    if (source->view_depth >= ATHENA_VIEW_DEPTH_MAX ||
        athena_view_decode(source->arena, table->view_text, &sql, &database) != MR_OK) {
        athena_translate_fail(translation, node, "INVALID_VIEW", "View '%.*s' cannot be opened",
                              MR_ARG(table->name));
        return false;
    }
    struct athena_node *query = NULL;
    if (athena_lex(source->arena, sql, &tokens, &error) == MR_OK) {
        struct athena_parser parser = athena_parser_make(source->arena, &tokens, &error);
        query = athena_parse_query(&parser);
    }
    const struct mr_slice outer = source->database, outer_text = source->text;
    const struct athena_node *outer_root = source->root;
    struct athena_translation inner = {.arena = source->arena,
                                       .error = &error,
                                       .resolver = translation->resolver,
                                       .divisions = translation->divisions,
                                       .out = out};
    source->database = database;
    source->text = sql;
    source->root = query;
    source->view_depth++;
    mr_buf_byte(out, '(');
    if (query != NULL)
        athena_emit_query(&inner, query);
    const bool fine = query != NULL && !athena_translate_failed(&inner);
    mr_buf_byte(out, ')');
    if (fields != NULL)
        *fields = inner.fields;
    source->view_depth--;
    source->database = outer;
    source->text = outer_text;
    source->root = outer_root;
    if (!fine)
        athena_translate_fail(translation, node, "INVALID_VIEW", "View '%.*s' is invalid: %.*s",
                              MR_ARG(table->name), MR_ARG(error.message));
    return fine;
}

/* ---- the resolver ---- */

bool athena_source_is_glue(struct mr_slice catalog)
{
    return catalog.len == 0 || mr_slice_equal_nocase(catalog, MR_S("awsdatacatalog"));
}

static bool name_parts(struct athena_source *source, struct athena_translation *translation,
                       const struct athena_node *node, struct mr_slice *ret_database,
                       struct mr_slice *ret_name)
{
    const struct athena_node *part = node->items;
    /* Views are Glue's, and so are the names in them. */
    struct mr_slice catalog = source->view_depth > 0 ? MR_S("") : source->catalog;
    *ret_database = source->database;
    if (part->next != NULL && part->next->next != NULL) {
        catalog = part->text;
        part = part->next;
    }
    if (!athena_source_is_glue(catalog)) {
        athena_translate_fail(translation, node, "CATALOG_NOT_FOUND",
                              "Catalog '%.*s' does not exist", MR_ARG(catalog));
        return false;
    }
    if (part->next != NULL) {
        *ret_database = glue_lower(source->arena, part->text);
        part = part->next;
    }
    *ret_name = glue_lower(source->arena, part->text);
    return true;
}

/* Tables with partitions have "t$partitions", those of Iceberg the others, too. */
static bool has_suffix(const struct glue_table *table, struct mr_slice suffix)
{
    return suffix.len == 0 || iceberg_is_table(table) ||
           (mr_slice_equal(suffix, MR_S("$partitions")) && table->key_count > 0);
}

struct s3_snapshot *athena_source_renew(struct athena_source *source)
{
    struct athena_source_moment *moment = MR_NEW(source->arena, struct athena_source_moment);
    moment->snapshot = s3_snapshot_open(source->s3);
    moment->before = source->moment;
    source->moment = moment;
    return moment->snapshot;
}

struct s3_snapshot *athena_source_moment(struct athena_source *source)
{
    return source->moment != NULL ? source->moment->snapshot : athena_source_renew(source);
}

static bool look_up(struct athena_source *source, struct athena_translation *translation,
                    const struct athena_node *node, struct glue_table *table,
                    struct mr_slice *ret_suffix)
{
    struct mr_slice database, name, json;
    if (!name_parts(source, translation, node, &database, &name))
        return false;
    if (mr_slice_equal(database, MR_S(ATHENA_INFORMATION_SCHEMA))) {
        *table = (struct glue_table){.database = database, .name = name};
        return true;
    }
    *ret_suffix = athena_source_suffix(&name);
    enum mr_status status = glue_database_get(source->glue, source->arena, database, &json);
    if (status == MR_NOT_FOUND) {
        athena_translate_fail(translation, node, "SCHEMA_NOT_FOUND", "Schema '%.*s' does not exist",
                              MR_ARG(database));
        return false;
    }
    if (status == MR_OK)
        status = glue_table_get_at(s3_snapshot_view(athena_source_moment(source)), source->arena,
                                   database, name, table);
    if (status == MR_OK && !has_suffix(table, *ret_suffix))
        status = MR_NOT_FOUND;
    if (status == MR_NOT_FOUND)
        athena_translate_fail(translation, node, "TABLE_NOT_FOUND",
                              "Table 'awsdatacatalog.%.*s.%.*s%.*s' does not exist",
                              MR_ARG(database), MR_ARG(name), MR_ARG(*ret_suffix));
    else if (status != MR_OK)
        athena_translate_fail(translation, node, "INTERNAL_ERROR", "The catalog cannot be read");
    return status == MR_OK;
}

static void remember(struct athena_source *source, struct glue_table *table)
{
    struct athena_source_table *entry = MR_NEW(source->arena, struct athena_source_table);
    *entry = (struct athena_source_table){
        .database = table->database, .name = table->name, .table = table, .next = source->tables};
    source->tables = entry;
}

/* Whether that is the counted table and its rows are known by their footers: then no relation is
 * needed, and the query need not be run. */
static bool count_rows(struct athena_source *source, const struct athena_node *table,
                       struct athena_scan *scan)
{
    struct athena_source_count *count = &source->count;
    if (count->table != table || count->unsure)
        return false;
    count->known = athena_count_rows(scan, &count->rows);
    return count->known;
}

static bool open_relation(struct athena_source *source, struct athena_translation *translation,
                          const struct athena_node *table, struct athena_scan *scan,
                          struct mr_buf *out)
{
    scan->unread = source->unread;
    scan->within_view = source->view_depth > 0;
    const size_t start = out->len;
    const enum mr_status status = athena_source_relation(source, scan, out);
    if (status == MR_OK)
        athena_source_size(translation, scan, start, out);
    if (status == MR_FULL)
        athena_translate_fail(translation, table, "NOT_SUPPORTED",
                              "Columns by their index in Parquet files of more than %d schemas",
                              ATHENA_LAYOUTS_MAX);
    else if (status == MR_INVALID)
        athena_error_set(translation->error, translation->arena, "HIVE_BAD_DATA", 0, 0, "%.*s",
                         MR_ARG(scan->misfit));
    else if (status != MR_OK)
        athena_translate_fail(translation, table, "INTERNAL_ERROR", "The objects cannot be opened");
    return status == MR_OK;
}

static bool resolve_table(void *ctx, struct athena_translation *translation,
                          const struct athena_table_use *use, struct mr_buf *out)
{
    struct athena_source *source = ctx;
    struct glue_table *table = MR_NEW(source->arena, struct glue_table);
    if (++source->table_count > ATHENA_TABLES_MAX) {
        athena_translate_fail(translation, use->table, "NOT_SUPPORTED",
                              "Query over more than %d tables", ATHENA_TABLES_MAX);
        return false;
    }
    struct mr_slice suffix = MR_S("");
    if (!look_up(source, translation, use->table, table, &suffix))
        return false;
    if (mr_slice_equal(table->database, MR_S(ATHENA_INFORMATION_SCHEMA))) {
        remember(source, table);
        return athena_source_information(source, translation, use, table->name, out);
    }
    if (use->table->left != NULL && (suffix.len > 0 || !iceberg_is_table(table))) {
        athena_translate_fail(translation, use->table, "NOT_SUPPORTED",
                              "This connector does not support versioned tables");
        return false;
    }
    if (suffix.len > 0)
        return iceberg_is_table(table)
                   ? athena_source_metadata(source, translation, use, table, suffix, out)
                   : athena_source_partitions(source, translation, use, table, out);
    remember(source, table);
    if (mr_slice_equal(table->table_type, MR_S("VIRTUAL_VIEW")))
        return open_view(source, translation, use->table, table, use->fields, out);
    if (iceberg_is_table(table))
        return athena_source_iceberg(source, translation, use, table, out);
    struct athena_scan *scan = MR_NEW(source->arena, struct athena_scan);
    scan->arena = source->arena;
    scan->snapshot = athena_source_moment(source);
    scan->cancelled = source->cancelled;
    const bool known = set_format(scan, table);
    if (!known || !set_records(scan, table)) {
        athena_translate_fail(translation, use->table, "NOT_SUPPORTED",
                              "Tables of the format '%.*s' are not supported",
                              MR_ARG(known ? table->input_format : table->serde));
        return false;
    }
    if (!check_text(translation, use->table, scan, table) ||
        !check_avro(translation, use->table, scan, table) ||
        !add_columns(translation, use->table, scan, table))
        return false;
    athena_source_hidden(source, scan, /* iceberg= */ false);
    athena_source_fields(translation, scan, use->fields);
    if (scan->format == ATHENA_FORMAT_LINES &&
        !athena_source_lines(translation, use->table, scan, table))
        return false;
    athena_source_mark(source, translation, use, scan, scan->column_count);
    if (!list_objects(source, translation, use, scan, table))
        return false;
    return count_rows(source, use->table, scan) ||
           open_relation(source, translation, use->table, scan, out);
}

enum mr_status athena_source_relation(struct athena_source *source, struct athena_scan *scan,
                                      struct mr_buf *out)
{
    const unsigned long long id = athena_scans_add(source->registry, scan);
    bool modified = false;
    scan->next = source->scans;
    source->scans = scan;
    if (scan->format == ATHENA_FORMAT_PARQUET && scan->piece_count > 0) {
        enum mr_status status = athena_work_folder_open(source->registry->work, &source->folder);
        return status == MR_OK
                   ? athena_parquet_relation(scan, source->registry->cache,
                                             source->registry->footers, &source->folder, out)
                   : status;
    }
    if (scan->cut != NULL) {
        athena_source_cut(scan, id, out);
        return MR_OK;
    }
    for (size_t i = 0; i < scan->column_count; i++)
        modified = modified || scan->columns[i].key == ATHENA_COLUMN_MODIFIED;
    if (modified)
        mr_buf_printf(out,
                      "(SELECT * REPLACE (CAST(\"$file_modified_time\" AS TIMESTAMP WITH TIME "
                      "ZONE) AS \"$file_modified_time\") FROM mr_scan(%llu))",
                      id);
    else
        mr_buf_printf(out, "mr_scan(%llu)", id);
    return MR_OK;
}

static struct mr_slice column_type(void *ctx, struct mr_slice name)
{
    const struct athena_source *source = ctx;
    for (const struct athena_source_table *entry = source->tables; entry != NULL;
         entry = entry->next) {
        for (size_t i = 0; i < entry->table->column_count; i++) {
            if (mr_slice_equal_nocase(entry->table->columns[i].name, name))
                return entry->table->columns[i].type;
        }
    }
    return MR_S("");
}

static bool is_table(void *ctx, struct mr_slice database, struct mr_slice table)
{
    const struct athena_source *source = ctx;
    for (const struct athena_source_table *entry = source->tables; entry != NULL;
         entry = entry->next) {
        if (mr_slice_equal_nocase(entry->database, database) &&
            mr_slice_equal_nocase(entry->name, table))
            return true;
    }
    return false;
}

static bool hides(void *ctx)
{
    return names_hidden(((const struct athena_source *)ctx)->text);
}

/* The one who may do everything, which is whoever calls. */
static struct mr_slice session(void *ctx, struct mr_slice name)
{
    const struct athena_source *source = ctx;
    if (mr_slice_equal(name, MR_S("current_catalog")))
        return MR_S("awsdatacatalog");
    if (mr_slice_equal(name, MR_S("current_schema")))
        return source->database.len > 0 ? source->database : MR_S("default");
    return mr_arena_printf(source->arena, "arn:aws:iam::%.*s:root", MR_ARG(source->account));
}

struct athena_resolver athena_source_resolver(struct athena_source *source)
{
    return (struct athena_resolver){.table = resolve_table,
                                    .column_type = column_type,
                                    .is_table = is_table,
                                    .hides = hides,
                                    .session = session,
                                    .ctx = source};
}

void athena_source_fini(struct athena_source *source)
{
    for (struct athena_scan *scan = source->scans; scan != NULL; scan = scan->next) {
        if (source->keeps && !atomic_load(source->cancelled))
            athena_cache_load(source->registry->cache, scan, &source->folder);
        athena_cache_close(source->registry->cache, scan);
        athena_scans_remove(source->registry, scan);
    }
    source->scans = NULL;
    athena_work_folder_close(&source->folder);
    for (; source->moment != NULL; source->moment = source->moment->before)
        s3_snapshot_close(source->moment->snapshot);
}

uint64_t athena_source_bytes(const struct athena_source *source)
{
    uint64_t bytes = 0;
    for (const struct athena_scan *scan = source->scans; scan != NULL; scan = scan->next)
        bytes += atomic_load(&((struct athena_scan *)(uintptr_t)scan)->bytes_read);
    return bytes;
}
