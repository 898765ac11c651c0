/* Metadata tables of Iceberg tables, "t$snapshots" and the others, with Trino's columns. */
#include "athena/parquet.h"
#include "athena/source_metadata.h"
#include "base/clock.h"
#include <assert.h>

/* ---- columns ---- */

void metadata_column_typed(struct metadata_rows *rows, const char *name, struct athena_type type)
{
    assert(rows->column_count < METADATA_COLUMNS_MAX);
    rows->columns[rows->column_count++] = (struct metadata_column){.name = name, .type = type};
}

void metadata_column(struct metadata_rows *rows, const char *name, const char *type)
{
    struct athena_type parsed;
    const enum mr_status status = athena_type_parse(rows->arena, mr_slice_cstr(type), &parsed);
    assert(status == MR_OK);
    metadata_column_typed(rows, name, parsed);
}

static void moment_column(struct metadata_rows *rows, const char *name)
{
    metadata_column(rows, name, "timestamp");
    rows->columns[rows->column_count - 1].zoned = true;
}

struct athena_type metadata_type(struct mr_arena *arena, const struct iceberg_type *type)
{
    struct athena_type made = {.kind = ATHENA_STRING};
    struct mr_buf text = {0};
    iceberg_type_write_hive(&text, type);
    if (athena_type_parse(arena, mr_arena_copy(arena, mr_buf_slice(&text)), &made) != MR_OK)
        made = (struct athena_type){.kind = ATHENA_STRING};
    mr_buf_fini(&text);
    return made;
}

struct athena_type metadata_struct(struct mr_arena *arena, size_t room)
{
    return (struct athena_type){.kind = ATHENA_STRUCT,
                                .names = MR_NEW_ARRAY(arena, struct mr_slice, room + 1),
                                .fields = MR_NEW_ARRAY(arena, struct athena_type, room + 1)};
}

void metadata_struct_add(struct athena_type *type, struct mr_slice name, struct athena_type member)
{
    type->names[type->field_count] = name;
    type->fields[type->field_count++] = member;
}

/* ---- rows ---- */

enum mr_status metadata_row(struct metadata_rows *rows)
{
    assert(rows->cells % rows->column_count == 0);
    if (rows->rows++ > 0)
        mr_buf_append(&rows->out, MR_S("),"));
    mr_buf_byte(&rows->out, '(');
    if (atomic_load(rows->cancelled))
        return MR_END;
    return rows->out.len > ATHENA_SQL_BYTES_MAX / 2 ? MR_FULL : MR_OK;
}

void metadata_put_sql(struct metadata_rows *rows)
{
    if (rows->cells++ % rows->column_count > 0)
        mr_buf_byte(&rows->out, ',');
}

void metadata_put_null(struct metadata_rows *rows)
{
    metadata_put_sql(rows);
    mr_buf_append(&rows->out, MR_S("NULL"));
}

void metadata_put_number(struct metadata_rows *rows, int64_t number)
{
    metadata_put_sql(rows);
    mr_buf_printf(&rows->out, "%lld", (long long)number);
}

void metadata_put_bool(struct metadata_rows *rows, bool value)
{
    metadata_put_sql(rows);
    mr_buf_append(&rows->out, value ? MR_S("true") : MR_S("false"));
}

void metadata_put_text(struct metadata_rows *rows, struct mr_slice text)
{
    metadata_put_sql(rows);
    metadata_literal(&rows->out, text);
}

void metadata_put_moment(struct metadata_rows *rows, int64_t ms)
{
    char text[32];
    metadata_put_text(rows, mr_date_iso8601(ms, text));
}

void metadata_literal(struct mr_buf *out, struct mr_slice text)
{
    mr_buf_byte(out, '\'');
    while (text.len > 0) {
        const size_t step = mr_slice_utf8_next(text);
        if (text.ptr[0] == '\'')
            mr_buf_append(out, MR_S("''"));
        else if (step == 0 || text.ptr[0] == '\0')
            mr_buf_byte(out, '?');
        else
            mr_buf_append(out, mr_slice_sub(text, 0, step));
        text = mr_slice_sub(text, step == 0 ? 1 : step, SIZE_MAX);
    }
    mr_buf_byte(out, '\'');
}

void metadata_value(struct metadata_rows *rows, const struct iceberg_type *type,
                    struct mr_slice value)
{
    const bool binary = type->kind == ICEBERG_BINARY || type->kind == ICEBERG_FIXED;
    const bool zoned = type->kind == ICEBERG_TIMESTAMPTZ; /* shown without its zone, as in rows */
    const struct athena_type column = metadata_type(rows->arena, type);
    if (value.ptr == NULL) {
        mr_buf_append(&rows->out, MR_S("NULL"));
        return;
    }
    /* A bound of another length than its type's is nobody's value. */
    mr_buf_append(&rows->out, binary ? MR_S("from_base64(") : MR_S("TRY_CAST("));
    metadata_literal(&rows->out, mr_slice_sub(iceberg_value_text(rows->arena, type, value), 0,
                                              zoned ? 26 : SIZE_MAX));
    if (!binary) {
        mr_buf_append(&rows->out, MR_S(" AS "));
        athena_type_sql(&rows->out, &column);
    }
    mr_buf_byte(&rows->out, ')');
}

struct mr_slice metadata_human(struct mr_arena *arena, const struct iceberg_type *type,
                               struct mr_slice value)
{
    struct mr_slice text = iceberg_value_text(arena, type, value);
    if ((type->kind != ICEBERG_TIMESTAMP && type->kind != ICEBERG_TIMESTAMPTZ) || text.len < 19)
        return text;
    /* Java leaves out zeros: "2026-07-03T10:11", "...:12", "...:12.500". */
    char *copy = mr_arena_cstr(arena, text);
    const bool zone = type->kind == ICEBERG_TIMESTAMPTZ;
    size_t len = text.len < 26 ? 19 : 26;
    copy[10] = 'T';
    while (len > 20 && memcmp(copy + len - 3, "000", 3) == 0)
        len -= 3;
    len = len == 20 ? 19 : len;
    if (len == 19 && memcmp(copy + 16, ":00", 3) == 0)
        len = 16;
    return mr_arena_printf(arena, "%.*s%s", (int)len, copy, zone ? "+00:00" : "");
}

/* ---- $snapshots, $history, $refs ---- */

static void put_map(struct metadata_rows *rows, const struct iceberg_pairs *pairs, const char *but)
{
    size_t count = 0;
    metadata_put_sql(rows);
    for (int half = 0; half < 2; half++) {
        mr_buf_append(&rows->out, half == 0 ? MR_S("MAP([") : MR_S("],["));
        count = 0;
        for (size_t i = 0; i < pairs->count; i++) {
            if (mr_slice_equal(pairs->list[i].name, mr_slice_cstr(but)))
                continue;
            if (count++ > 0)
                mr_buf_byte(&rows->out, ',');
            metadata_literal(&rows->out, half == 0 ? pairs->list[i].name : pairs->list[i].value);
        }
    }
    mr_buf_append(&rows->out, MR_S("])"));
}

static void put_parent(struct metadata_rows *rows, const struct iceberg_snapshot *snapshot)
{
    if (snapshot == NULL || snapshot->parent == -1)
        metadata_put_null(rows);
    else
        metadata_put_number(rows, snapshot->parent);
}

static enum mr_status put_snapshots(struct metadata_rows *rows)
{
    const struct iceberg_metadata *metadata = &rows->table.metadata;
    moment_column(rows, "committed_at");
    metadata_column(rows, "snapshot_id", "bigint");
    metadata_column(rows, "parent_id", "bigint");
    metadata_column(rows, "operation", "string");
    metadata_column(rows, "manifest_list", "string");
    metadata_column(rows, "summary", "map<string,string>");
    for (size_t i = 0; i < metadata->snapshot_count; i++) {
        const struct iceberg_snapshot *snapshot = &metadata->snapshots[i];
        const struct mr_slice operation = iceberg_pair_get(&snapshot->summary, "operation");
        const enum mr_status status = metadata_row(rows);
        if (status != MR_OK)
            return status;
        metadata_put_moment(rows, snapshot->timestamp_ms);
        metadata_put_number(rows, snapshot->id);
        put_parent(rows, snapshot);
        if (operation.len > 0)
            metadata_put_text(rows, operation);
        else
            metadata_put_null(rows);
        metadata_put_text(rows, snapshot->manifest_list);
        put_map(rows, &snapshot->summary, "operation");
    }
    return MR_OK;
}

/* Its parents are walked no further than there are snapshots: metadata may go in circles. */
static bool is_ancestor(const struct iceberg_metadata *metadata, int64_t id)
{
    int64_t at = metadata->current_snapshot;
    for (size_t i = 0; i <= metadata->snapshot_count && at != -1; i++) {
        const struct iceberg_snapshot *snapshot = iceberg_snapshot_of(metadata, at);
        if (at == id)
            return true;
        at = snapshot == NULL ? -1 : snapshot->parent;
    }
    return false;
}

static enum mr_status put_history(struct metadata_rows *rows)
{
    const struct iceberg_metadata *metadata = &rows->table.metadata;
    moment_column(rows, "made_current_at");
    metadata_column(rows, "snapshot_id", "bigint");
    metadata_column(rows, "parent_id", "bigint");
    metadata_column(rows, "is_current_ancestor", "boolean");
    for (size_t i = 0; i < metadata->snapshot_log_count; i++) {
        const struct iceberg_log *entry = &metadata->snapshot_log[i];
        const enum mr_status status = metadata_row(rows);
        if (status != MR_OK)
            return status;
        metadata_put_moment(rows, entry->timestamp_ms);
        metadata_put_number(rows, entry->number);
        put_parent(rows, iceberg_snapshot_of(metadata, entry->number));
        metadata_put_bool(rows, is_ancestor(metadata, entry->number));
    }
    return MR_OK;
}

static enum mr_status put_refs(struct metadata_rows *rows)
{
    static const char *const ages[] = {"max-ref-age-ms", "min-snapshots-to-keep",
                                       "max-snapshot-age-ms"};
    const struct iceberg_metadata *metadata = &rows->table.metadata;
    metadata_column(rows, "name", "string");
    metadata_column(rows, "type", "string");
    metadata_column(rows, "snapshot_id", "bigint");
    metadata_column(rows, "max_reference_age_in_ms", "bigint");
    metadata_column(rows, "min_snapshots_to_keep", "int");
    metadata_column(rows, "max_snapshot_age_in_ms", "bigint");
    for (size_t i = 0; i < metadata->ref_count; i++) {
        const struct iceberg_ref *ref = &metadata->refs[i];
        const enum mr_status status = metadata_row(rows);
        if (status != MR_OK)
            return status;
        metadata_put_text(rows, ref->name);
        metadata_put_text(rows, mr_slice_equal_nocase(ref->type, MR_S("tag")) ? MR_S("TAG")
                                                                              : MR_S("BRANCH"));
        metadata_put_number(rows, ref->snapshot);
        for (size_t j = 0; j < MR_COUNT(ages); j++) {
            yyjson_val *value = mr_json_get(ref->json, ages[j]);
            if (value == NULL)
                metadata_put_null(rows);
            else
                metadata_put_number(rows, mr_json_get_i64(ref->json, ages[j], 0));
        }
    }
    return MR_OK;
}

/* ---- $manifests ---- */

static void put_bound(struct metadata_rows *rows, const struct iceberg_partition_field *field,
                      struct mr_slice value)
{
    const struct iceberg_type type = iceberg_partition_type(&rows->table.metadata, field);
    if (value.ptr == NULL) {
        mr_buf_append(&rows->out, MR_S("NULL"));
        return;
    }
    const bool parts = field->transform >= ICEBERG_YEAR && field->transform <= ICEBERG_HOUR;
    metadata_literal(&rows->out, parts ? iceberg_transform_show(rows->arena, field, &type, value)
                                       : metadata_human(rows->arena, &type, value));
}

static void put_summaries(struct metadata_rows *rows, const struct iceberg_manifest *line)
{
    const struct iceberg_spec *spec = iceberg_spec_of(&rows->table.metadata, line->spec_id);
    const size_t fields = spec == NULL ? 0 : spec->count;
    metadata_put_sql(rows);
    mr_buf_byte(&rows->out, '[');
    for (size_t i = 0; i < line->field_count && i < fields; i++) {
        const struct iceberg_summary *summary = &line->fields[i];
        mr_buf_printf(&rows->out,
                      "%s{'contains_null':%s,'contains_nan':%s,'lower_bound':", i > 0 ? "," : "",
                      summary->has_null ? "true" : "false", summary->has_nan ? "true" : "false");
        put_bound(rows, &spec->fields[i], summary->lower);
        mr_buf_append(&rows->out, MR_S(",'upper_bound':"));
        put_bound(rows, &spec->fields[i], summary->upper);
        mr_buf_byte(&rows->out, '}');
    }
    mr_buf_byte(&rows->out, ']');
}

static enum mr_status put_manifests(struct metadata_rows *rows)
{
    static const struct {
        const char *files, *rows;
        enum iceberg_entry_status status;
    } counts[] = {{"added_data_files_count", "added_rows_count", ICEBERG_ADDED},
                  {"existing_data_files_count", "existing_rows_count", ICEBERG_EXISTING},
                  {"deleted_data_files_count", "deleted_rows_count", ICEBERG_DELETED}};
    const struct iceberg_metadata *metadata = &rows->table.metadata;
    struct iceberg_manifest *lines;
    size_t count;
    metadata_column(rows, "path", "string");
    metadata_column(rows, "length", "bigint");
    metadata_column(rows, "partition_spec_id", "int");
    metadata_column(rows, "added_snapshot_id", "bigint");
    for (size_t i = 0; i < MR_COUNT(counts); i++) {
        metadata_column(rows, counts[i].files, "int");
        metadata_column(rows, counts[i].rows, "bigint");
    }
    metadata_column(rows, "partition_summaries",
                    "array<struct<contains_null:boolean,contains_nan:boolean,"
                    "lower_bound:string,upper_bound:string>>");
    enum mr_status status = iceberg_manifests(
        rows->ice, rows->arena, iceberg_snapshot_of(metadata, metadata->current_snapshot), &lines,
        &count, rows->message);
    for (size_t i = 0; i < count && status == MR_OK; i++) {
        status = metadata_row(rows);
        if (status != MR_OK)
            break;
        metadata_put_text(rows, lines[i].path);
        metadata_put_number(rows, lines[i].bytes);
        metadata_put_number(rows, lines[i].spec_id);
        metadata_put_number(rows, lines[i].snapshot_id);
        for (size_t j = 0; j < MR_COUNT(counts); j++) {
            metadata_put_number(rows, lines[i].files[counts[j].status]);
            metadata_put_number(rows, lines[i].rows[counts[j].status]);
        }
        put_summaries(rows, &lines[i]);
    }
    return status;
}

/* ---- the relation ---- */

static const struct {
    const char *suffix;
    enum mr_status (*put)(struct metadata_rows *rows);
} tables[] = {{"$snapshots", put_snapshots}, {"$history", put_history},
              {"$refs", put_refs},           {"$manifests", put_manifests},
              {"$files", metadata_files},    {"$partitions", metadata_partitions}};

struct mr_slice athena_source_suffix(struct mr_slice *name)
{
    for (size_t i = 0; i < MR_COUNT(tables); i++) {
        const struct mr_slice suffix = mr_slice_cstr(tables[i].suffix);
        if (name->len > suffix.len && mr_slice_ends_with(*name, suffix)) {
            *name = mr_slice_sub(*name, 0, name->len - suffix.len);
            return suffix;
        }
    }
    return MR_S("");
}

static void tell_fields(struct athena_translation *translation, const struct metadata_rows *rows,
                        struct athena_fields *fields)
{
    if (fields == NULL)
        return;
    *fields = athena_fields_make(translation, rows->column_count);
    for (size_t i = 0; i < rows->column_count; i++)
        fields->list[i] = (struct athena_field){
            .name = mr_slice_cstr(rows->columns[i].name),
            .type = rows->columns[i].zoned
                        ? athena_sqltype_simple(SQL_TIMESTAMP_TZ)
                        : athena_sqltype_from_hive(translation->arena, &rows->columns[i].type)};
}

/* (SELECT CAST(c0 AS ...) AS "path", ... FROM (VALUES (...)) AS m(c0, ...)) */
static void put_relation(struct metadata_rows *rows, struct mr_buf *out)
{
    mr_buf_append(out, MR_S("(SELECT "));
    for (size_t i = 0; i < rows->column_count; i++) {
        mr_buf_printf(out, "%sCAST(c%zu AS ", i > 0 ? "," : "", i);
        athena_type_sql(out, &rows->columns[i].type);
        mr_buf_append(out, rows->columns[i].zoned ? MR_S(" WITH TIME ZONE) AS ") : MR_S(") AS "));
        athena_sql_quoted(out, mr_slice_cstr(rows->columns[i].name), '"');
    }
    mr_buf_append(out, MR_S(" FROM (VALUES "));
    if (rows->rows == 0) {
        mr_buf_byte(out, '(');
        for (size_t i = 0; i < rows->column_count; i++)
            mr_buf_append(out, i > 0 ? MR_S(",NULL") : MR_S("NULL"));
    }
    mr_buf_append(out, mr_buf_slice(&rows->out));
    mr_buf_append(out, MR_S(")) AS m("));
    for (size_t i = 0; i < rows->column_count; i++)
        mr_buf_printf(out, "%sc%zu", i > 0 ? "," : "", i);
    mr_buf_append(out, rows->rows == 0 ? MR_S(") WHERE false)") : MR_S("))"));
}

static void tell_failure(struct athena_translation *translation, const struct athena_node *node,
                         enum mr_status status, const char *message)
{
    if (status == MR_FULL)
        athena_translate_fail(translation, node, "NOT_SUPPORTED",
                              "The metadata table has more rows than are read at once");
    else if (status == MR_INVALID)
        athena_translate_fail(translation, node, "ICEBERG_INVALID_METADATA", "%s", message);
    else
        athena_translate_fail(translation, node, "INTERNAL_ERROR",
                              "The table's metadata cannot be read");
}

bool athena_source_metadata(struct athena_source *source, struct athena_translation *translation,
                            const struct athena_table_use *use, const struct glue_table *table,
                            struct mr_slice suffix, struct mr_buf *out)
{
    const struct iceberg ice = {
        .s3 = source->s3, .glue = source->glue, .moment = athena_source_moment(source)};
    char message[512] = "The table's metadata cannot be read";
    struct metadata_rows rows = {
        .arena = source->arena, .cancelled = source->cancelled, .ice = &ice, .message = message};
    size_t at = 0;
    while (!mr_slice_equal(suffix, mr_slice_cstr(tables[at].suffix)))
        at++;
    enum mr_status status = iceberg_table_load(&ice, source->arena, table, &rows.table, message);
    if (status == MR_OK)
        status = tables[at].put(&rows);
    if (status == MR_OK) {
        put_relation(&rows, out);
        tell_fields(translation, &rows, use->fields);
    } else {
        tell_failure(translation, use->table, status, message);
    }
    mr_buf_fini(&rows.out);
    return status == MR_OK;
}
