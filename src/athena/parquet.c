#include "athena/parquet.h"
#include "athena/cache.h"
#include "athena/chunks.h"
#include "athena/footers.h"
#include "athena/layouts.h"
#include "athena/sqltype.h"
#include "base/log.h"
#include <stdio.h>
#include <unistd.h>

/* ---- SQL ---- */

void athena_sql_quoted(struct mr_buf *out, struct mr_slice text, char quote)
{
    mr_buf_byte(out, quote);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == quote)
            mr_buf_byte(out, quote);
        mr_buf_byte(out, text.ptr[i]);
    }
    mr_buf_byte(out, quote);
}

void athena_type_sql(struct mr_buf *out, const struct athena_type *type)
{
    static const char *const words[] = {
        [ATHENA_BOOLEAN] = "BOOLEAN",     [ATHENA_TINYINT] = "TINYINT",
        [ATHENA_SMALLINT] = "SMALLINT",   [ATHENA_INT] = "INTEGER",
        [ATHENA_BIGINT] = "BIGINT",       [ATHENA_FLOAT] = "FLOAT",
        [ATHENA_DOUBLE] = "DOUBLE",       [ATHENA_STRING] = "VARCHAR",
        [ATHENA_DATE] = "DATE",           [ATHENA_BINARY] = "BLOB",
        [ATHENA_TIMESTAMP] = "TIMESTAMP", [ATHENA_STRUCT] = NULL};
    switch (type->kind) {
    case ATHENA_DECIMAL: mr_buf_printf(out, "DECIMAL(%d,%d)", type->precision, type->scale); return;
    case ATHENA_ARRAY:
        athena_type_sql(out, type->element);
        mr_buf_append(out, MR_S("[]"));
        return;
    case ATHENA_MAP:
        mr_buf_append(out, MR_S("MAP("));
        athena_type_sql(out, type->key);
        mr_buf_byte(out, ',');
        athena_type_sql(out, type->element);
        mr_buf_byte(out, ')');
        return;
    case ATHENA_STRUCT:
        mr_buf_append(out, MR_S("STRUCT("));
        for (size_t i = 0; i < type->field_count; i++) {
            if (i > 0)
                mr_buf_byte(out, ',');
            athena_sql_quoted(out, type->names[i], '"');
            mr_buf_byte(out, ' ');
            athena_type_sql(out, &type->fields[i]);
        }
        mr_buf_byte(out, ')');
        return;
    default: mr_buf_append(out, mr_slice_cstr(words[type->kind])); return;
    }
}

/* Some objects of a scan, or all. */
struct part {
    const struct athena_scan *scan;
    struct athena_work_folder *folder;
    const struct athena_layout *layout; /* NULL: columns are found by name */
    size_t first, pieces;
    bool plain;  /* read without a schema */
    bool binary; /* of the columns, some are */
    bool row;    /* rows tell their numbers */
    bool cached; /* one object, read from its table in the cache */
};

static void put_files(const struct part *part, struct mr_buf *out)
{
    mr_buf_byte(out, '[');
    for (size_t i = 0; i < part->pieces; i++)
        mr_buf_printf(out, "%s'%s%llu-%zu'", i > 0 ? "," : "", part->folder->path,
                      (unsigned long long)part->scan->id, part->first + i);
    mr_buf_byte(out, ']');
}

static bool is_in(const struct part *part, size_t index)
{
    return part->scan->columns[index].key == ATHENA_COLUMN_DATA &&
           (part->layout == NULL || index < part->layout->count);
}

static bool is_zoned(const struct part *part, size_t index)
{
    const struct athena_scan *scan = part->scan;
    return scan->footer != NULL && scan->columns[index].key == ATHENA_COLUMN_DATA &&
           athena_footer_zoned(scan->footer, &scan->columns[index]);
}

/* Columns are called c0, c1, ... inside, so that none hides file_index. */
static void put_schema(const struct part *part, struct mr_buf *out)
{
    const struct athena_scan *scan = part->scan;
    struct mr_buf type = {0};
    bool first = true;
    for (size_t i = 0; i < scan->column_count; i++) {
        const struct athena_column *column = &scan->columns[i];
        if (!is_in(part, i))
            continue;
        mr_buf_append(out, first ? MR_S(",schema=MAP{") : MR_S(","));
        first = false;
        if (column->field_id > 0)
            mr_buf_printf(out, "%d", column->field_id);
        else
            athena_sql_quoted(out, part->layout == NULL ? column->source : part->layout->names[i],
                              '\'');
        mr_buf_printf(out, ":{name:'c%zu',type:", i);
        mr_buf_reset(&type);
        athena_type_sql(&type, &column->type);
        if (is_zoned(part, i))
            mr_buf_append(&type, MR_S(" WITH TIME ZONE"));
        athena_sql_quoted(out, mr_buf_slice(&type), '\'');
        mr_buf_append(out, MR_S(",default_value:NULL}"));
    }
    if (!first)
        mr_buf_byte(out, '}');
    mr_buf_fini(&type);
}

static bool has_binary(const struct athena_type *type)
{
    switch (type->kind) {
    case ATHENA_BINARY: return true;
    case ATHENA_MAP: return has_binary(type->key) || has_binary(type->element);
    case ATHENA_ARRAY: return has_binary(type->element);
    case ATHENA_STRUCT:
        for (size_t i = 0; i < type->field_count; i++) {
            if (has_binary(&type->fields[i]))
                return true;
        }
        return false;
    default: return false;
    }
}

static void put_widened(struct mr_slice name, const struct athena_type *type, struct mr_buf *out)
{
    mr_buf_append(out, MR_S("CAST("));
    athena_sql_quoted(out, name, '"');
    mr_buf_append(out, MR_S(" AS "));
    athena_type_sql(out, type);
    mr_buf_byte(out, ')');
}

/* The query does not name it: DuckDB leaves it out, and would fail rather than answer wrongly. */
static void put_unread(const struct athena_type *type, bool zoned, struct mr_buf *out)
{
    mr_buf_append(out, MR_S("CAST(error('a column is read that is not kept') AS "));
    athena_type_sql(out, type);
    mr_buf_append(out, zoned ? MR_S(" WITH TIME ZONE)") : MR_S(")"));
}

static void put_column(const struct part *part, size_t index, struct mr_buf *out)
{
    const struct athena_scan *scan = part->scan;
    const struct athena_column *column = &scan->columns[index];
    bool same = false;
    const struct athena_footer_column *found =
        part->plain ? athena_footer_column(scan->footer, column, &same) : NULL;
    const bool zoned = is_zoned(part, index);
    if (zoned)
        mr_buf_append(out, MR_S("make_timestamp(epoch_us("));
    if (part->cached && found != NULL && !athena_cache_reads(scan, found)) {
        put_unread(&column->type, zoned, out);
    } else if (column->key == ATHENA_COLUMN_DATA && found != NULL && !same && !zoned) {
        put_widened(found->name, &column->type, out);
    } else if (column->key == ATHENA_COLUMN_DATA && found != NULL) {
        athena_sql_quoted(out, found->name, '"');
    } else if (column->key == ATHENA_COLUMN_DATA && !part->plain && is_in(part, index)) {
        mr_buf_printf(out, "c%zu", index);
    } else if (column->key == ATHENA_COLUMN_DATA) {
        mr_buf_append(out, MR_S("CAST(NULL AS "));
        athena_type_sql(out, &column->type);
        mr_buf_byte(out, ')');
    } else if (column->key == ATHENA_COLUMN_ROW) {
        mr_buf_append(out, MR_S("file_row_number"));
    } else {
        mr_buf_printf(out, "CAST(mr_key(%llu,%zu,CAST(%s%zu AS UBIGINT)) AS ",
                      (unsigned long long)scan->id, index, part->cached ? "" : "file_index+",
                      part->first);
        athena_type_sql(out, &column->type);
        if (column->key == ATHENA_COLUMN_MODIFIED)
            mr_buf_append(out, MR_S(" WITH TIME ZONE"));
        mr_buf_byte(out, ')');
    }
    mr_buf_append(out, zoned ? MR_S(")) AS ") : MR_S(" AS "));
    athena_sql_quoted(out, column->name, '"');
}

static enum mr_status link_object(struct athena_scan *scan, struct s3_snapshot_reader *reader,
                                  struct athena_work_folder *folder, size_t index)
{
    char name[48];
    int fd;
    struct mr_slice bytes;
    const struct athena_piece *piece = &scan->pieces[index];
    snprintf(name, sizeof name, "%llu-%zu", (unsigned long long)scan->id, index);
    enum mr_status status = s3_snapshot_read(reader, &piece->object, &fd, &bytes);
    if (status != MR_OK)
        return status;
    if (fd < 0)
        return athena_work_write(folder, name, bytes.ptr, bytes.len);
    status = athena_work_link(folder, fd, name);
    close(fd);
    return status;
}

static enum mr_status link_objects(struct athena_scan *scan, struct athena_work_folder *folder)
{
    struct s3_snapshot_reader *reader = s3_snapshot_reader_new(scan->snapshot);
    enum mr_status status = MR_OK;
    for (size_t i = 0; status == MR_OK && i < scan->piece_count; i++)
        status = atomic_load(scan->cancelled) ? MR_END : link_object(scan, reader, folder, i);
    s3_snapshot_reader_free(reader);
    return status;
}

static void put_read(const struct part *part, struct mr_buf *out)
{
    if (part->cached) {
        mr_buf_printf(out, ATHENA_CACHE_TABLE, athena_cache_table(part->scan, part->first));
        return;
    }
    mr_buf_append(out, MR_S("read_parquet("));
    put_files(part, out);
    if (part->plain) {
        mr_buf_append(out, MR_S(ATHENA_PARQUET_PLAIN ")"));
        return;
    }
    put_schema(part, out);
    if (part->row)
        mr_buf_append(out, MR_S(",file_row_number=true"));
    /* Text that its writer did not mark as such; not beside columns that are binary indeed. */
    mr_buf_append(out, part->binary ? MR_S(")") : MR_S(",binary_as_string=true)"));
}

static void put_part(const struct part *part, struct mr_buf *out)
{
    mr_buf_append(out, MR_S("SELECT "));
    for (size_t i = 0; i < part->scan->column_count; i++) {
        if (i > 0)
            mr_buf_byte(out, ',');
        put_column(part, i, out);
    }
    mr_buf_append(out, MR_S(" FROM "));
    put_read(part, out);
}

static struct part whole(const struct athena_scan *scan, struct athena_work_folder *folder)
{
    struct part part = {.scan = scan, .folder = folder, .pieces = scan->piece_count};
    for (size_t i = 0; i < scan->column_count; i++) {
        const struct athena_column *column = &scan->columns[i];
        part.row = part.row || column->key == ATHENA_COLUMN_ROW;
        part.binary =
            part.binary || (column->key == ATHENA_COLUMN_DATA && has_binary(&column->type));
    }
    return part;
}

/* The objects of each layout by themselves. */
static void put_layouts(struct part part, const struct athena_layout *layouts, size_t count,
                        struct mr_buf *out)
{
    for (size_t i = 0; i < count; i++) {
        part.layout = &layouts[i];
        part.first = layouts[i].first;
        part.pieces = layouts[i].pieces;
        if (i > 0)
            mr_buf_append(out, MR_S(" UNION ALL "));
        put_part(&part, out);
    }
}

/* Each object from its table. */
static void put_cached(struct part part, struct mr_buf *out)
{
    part.cached = true;
    part.pieces = 1;
    for (part.first = 0; part.first < part.scan->piece_count; part.first++) {
        if (part.first > 0)
            mr_buf_append(out, MR_S(" UNION ALL "));
        put_part(&part, out);
    }
}

/* A column whose type in an object does not become the catalog's. */
static struct mr_slice misfit_text(struct mr_arena *arena, const struct athena_piece *piece,
                                   const struct athena_column *column, const char *word)
{
    struct mr_slice path =
        mr_arena_printf(arena, "s3://%.*s/%.*s", MR_ARG(piece->bucket), MR_ARG(piece->object.key));
    const struct athena_sqltype *type = athena_sqltype_from_hive(arena, &column->type);
    return mr_arena_printf(arena,
                           "Malformed Parquet file. Field %.*s's type %s in parquet file %.*s is "
                           "incompatible with type %.*s defined in table schema [%.*s]",
                           MR_ARG(column->name), word, MR_ARG(path),
                           MR_ARG(athena_sqltype_text(arena, type)), MR_ARG(path));
}

/* Before anything of the objects is shown, or written somewhere else. */
static enum mr_status look_at_chunks(struct athena_scan *scan)
{
    struct athena_misfit misfit = {0};
    if (scan->unread)
        return MR_OK;
    scan->chunk_bytes = athena_chunks_read(scan, &misfit);
    if (misfit.piece == NULL || scan->within_view)
        return MR_OK; /* AWS: columns that are not read may be of any type */
    scan->misfit = misfit_text(scan->arena, misfit.piece, misfit.column, misfit.word);
    return MR_INVALID;
}

static void look_at_footers(struct athena_scan *scan, struct athena_cache *cache,
                            struct athena_footers *footers, struct part *part)
{
    scan->footer = athena_footers_common(footers, scan, part->folder);
    part->plain = scan->footer != NULL && athena_footer_fits(scan->footer, scan);
    part->cached = part->plain && athena_cache_open(cache, scan);
}

/* Links the objects, unless the cache has all that is read of them. */
static enum mr_status prepare(struct athena_scan *scan, struct athena_cache *cache,
                              struct athena_footers *footers, struct part *part)
{
    if (athena_cache_has(cache, scan)) {
        look_at_footers(scan, cache, footers, part);
        if (part->cached)
            return MR_OK;
    }
    enum mr_status status = link_objects(scan, part->folder);
    if (status == MR_OK && !part->plain) /* what DuckDB is asked needs the links */
        look_at_footers(scan, cache, footers, part);
    return status;
}

enum mr_status athena_parquet_relation(struct athena_scan *scan, struct athena_cache *cache,
                                       struct athena_footers *footers,
                                       struct athena_work_folder *folder, struct mr_buf *out)
{
    struct athena_layout *layouts = NULL;
    size_t count = 0;
    struct part part = whole(scan, folder);
    enum mr_status status = scan->by_place ? athena_layouts_read(scan, &layouts, &count) : MR_OK;
    const bool placed = count > 1 || (count == 1 && !athena_layout_is_named(layouts, scan));
    if (status == MR_OK && !part.binary && !part.row && !placed && footers != NULL)
        status = prepare(scan, cache, footers, &part);
    else if (status == MR_OK)
        status = link_objects(scan, folder);
    if (status != MR_OK)
        return status;
    if (part.plain && !part.cached && scan->only_columns && athena_footer_is(scan->footer, scan)) {
        put_read(&part, out);
        return look_at_chunks(scan);
    }
    mr_buf_byte(out, '(');
    if (placed)
        put_layouts(part, layouts, count, out);
    else if (part.cached)
        put_cached(part, out);
    else
        put_part(&part, out);
    mr_buf_byte(out, ')');
    return look_at_chunks(scan);
}

/* ---- messages ---- */

static struct mr_slice between(struct mr_slice text, struct mr_slice before, struct mr_slice behind)
{
    const size_t at = mr_slice_search(text, before);
    if (at == SIZE_MAX)
        return MR_S("");
    text = mr_slice_sub(text, at + before.len, SIZE_MAX);
    const size_t end = mr_slice_search(text, behind);
    return end == SIZE_MAX ? MR_S("") : mr_slice_sub(text, 0, end);
}

static const struct athena_piece *piece_named(const struct athena_scan *scans,
                                              struct mr_slice message)
{
    const size_t at = mr_slice_search(message, MR_S("/proc/self/fd/"));
    if (at == SIZE_MAX)
        return NULL;
    char text[80];
    unsigned long long id;
    size_t index;
    struct mr_slice path = mr_slice_sub(message, at, sizeof text - 1);
    memcpy(text, path.ptr, path.len);
    text[path.len] = '\0';
    if (sscanf(text, "/proc/self/fd/%*u/%*u/%llu-%zu", &id, &index) != 2)
        return NULL;
    for (; scans != NULL; scans = scans->next) {
        if (scans->id == id && index < scans->piece_count)
            return &scans->pieces[index];
    }
    return NULL;
}

static const char *parquet_word(struct mr_slice type)
{
    static const char *const pairs[][2] = {
        {"VARCHAR", "BINARY"}, {"BLOB", "BINARY"},     {"BIGINT", "INT64"},   {"UBIGINT", "INT64"},
        {"INTEGER", "INT32"},  {"UINTEGER", "INT32"},  {"SMALLINT", "INT32"}, {"TINYINT", "INT32"},
        {"DATE", "INT32"},     {"TIMESTAMP", "INT64"}, {"DOUBLE", "DOUBLE"},  {"FLOAT", "FLOAT"},
        {"BOOLEAN", "BOOLEAN"}};
    for (size_t i = 0; i < MR_COUNT(pairs); i++) {
        if (mr_slice_equal(type, mr_slice_cstr(pairs[i][0])))
            return pairs[i][1];
    }
    return mr_slice_starts_with(type, MR_S("DECIMAL")) ? "FIXED_LEN_BYTE_ARRAY" : "GROUP";
}

static const struct athena_column *column_named(const struct athena_scan *scans,
                                                const struct athena_piece *piece,
                                                struct mr_slice name)
{
    for (; scans != NULL; scans = scans->next) {
        if (piece < scans->pieces || piece >= scans->pieces + scans->piece_count)
            continue;
        for (size_t i = 0; i < scans->column_count; i++)
            if (mr_slice_equal_nocase(scans->columns[i].source, name))
                return &scans->columns[i];
    }
    return NULL;
}

/* What is good Parquet, and more than DuckDB reads. Empty: it is something else. */
static struct mr_slice lacking(struct mr_slice message)
{
    static const char *const rows[][2] = {
        {"Unsupported compression codec \"LZ4\"",
         "Parquet files packed with LZ4 in Hadoop's frames"},
        {"Unsupported compression codec \"LZO\"", "Parquet files packed with LZO"},
        {"BYTE_STREAM_SPLIT encoding is only supported",
         "Parquet columns of integers in the encoding BYTE_STREAM_SPLIT"},
        {"Unsupported converted type (20)", "Parquet files with a column of BSON"},
        {"MAP_KEY_VALUE requires", "Parquet files with maps that are marked MAP_KEY_VALUE alone"},
    };
    for (size_t i = 0; i < MR_COUNT(rows); i++)
        if (mr_slice_search(message, mr_slice_cstr(rows[i][0])) != SIZE_MAX)
            return mr_slice_cstr(rows[i][1]);
    return MR_S("");
}

struct mr_slice athena_parquet_error(const struct athena_scan *scans, struct mr_arena *arena,
                                     struct mr_slice message)
{
    struct mr_slice lack = scans == NULL ? MR_S("") : lacking(message);
    if (lack.len > 0)
        return mr_arena_printf(arena, "NOT_SUPPORTED: %.*s are not supported", MR_ARG(lack));
    const struct athena_piece *piece = piece_named(scans, message);
    if (piece == NULL)
        return message;
    struct mr_slice path =
        mr_arena_printf(arena, "s3://%.*s/%.*s", MR_ARG(piece->bucket), MR_ARG(piece->object.key));
    const struct athena_column *column =
        column_named(scans, piece, between(message, MR_S("cast column \""), MR_S("\"")));
    if (column != NULL) {
        struct mr_slice types = between(message, MR_S("\" from type "), MR_S(": "));
        const size_t to = mr_slice_search(types, MR_S(" to "));
        struct mr_slice text =
            misfit_text(arena, piece, column, parquet_word(mr_slice_sub(types, 0, to)));
        return mr_arena_printf(arena, "HIVE_BAD_DATA: %.*s", MR_ARG(text));
    }
    if (mr_slice_search(message, MR_S("o magic bytes")) != SIZE_MAX ||
        mr_slice_search(message, MR_S("too small to be a Parquet")) != SIZE_MAX)
        return mr_arena_printf(arena,
                               "HIVE_BAD_DATA: Not valid Parquet file: %.*s expected magic "
                               "number: PAR1",
                               MR_ARG(path));
    return mr_arena_printf(arena, "HIVE_BAD_DATA: Malformed Parquet file: %.*s", MR_ARG(path));
}

/* ---- mr_key ---- */

static void key_run(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output)
{
    struct athena_scans *scans = athena_duck.scalar_function_get_extra_info(info);
    const idx_t count = athena_duck.data_chunk_get_size(chunk);
    const int64_t *ids = athena_duck.vector_get_data(athena_duck.data_chunk_get_vector(chunk, 0));
    const int64_t *columns =
        athena_duck.vector_get_data(athena_duck.data_chunk_get_vector(chunk, 1));
    const uint64_t *files =
        athena_duck.vector_get_data(athena_duck.data_chunk_get_vector(chunk, 2));
    char room[ATHENA_KEY_TEXT];
    const struct athena_scan *scan = count == 0 ? NULL : athena_scans_find(scans, (uint64_t)ids[0]);
    for (idx_t i = 0; i < count; i++) {
        struct mr_slice text;
        if (scan == NULL || files[i] >= scan->piece_count ||
            (uint64_t)columns[i] >= scan->column_count) {
            athena_duck.scalar_function_set_error(info, "no such object");
            return;
        }
        if (athena_scan_key(scan, &scan->pieces[files[i]], &scan->columns[columns[i]], room,
                            &text)) {
            athena_duck.vector_assign_string_element_len(output, i, text.ptr, text.len);
        } else {
            athena_duck.vector_ensure_validity_writable(output);
            athena_duck.validity_set_row_invalid(athena_duck.vector_get_validity(output), i);
        }
    }
}

enum mr_status athena_parquet_register(duckdb_connection connection, struct athena_scans *scans)
{
    static const duckdb_type types[] = {DUCKDB_TYPE_BIGINT, DUCKDB_TYPE_BIGINT,
                                        DUCKDB_TYPE_UBIGINT};
    duckdb_scalar_function function = athena_duck.create_scalar_function();
    athena_duck.scalar_function_set_name(function, "mr_key");
    for (size_t i = 0; i < MR_COUNT(types); i++) {
        duckdb_logical_type type = athena_duck.create_logical_type(types[i]);
        athena_duck.scalar_function_add_parameter(function, type);
        athena_duck.destroy_logical_type(&type);
    }
    duckdb_logical_type text = athena_duck.create_logical_type(DUCKDB_TYPE_VARCHAR);
    athena_duck.scalar_function_set_return_type(function, text);
    athena_duck.destroy_logical_type(&text);
    athena_duck.scalar_function_set_extra_info(function, scans, NULL);
    athena_duck.scalar_function_set_function(function, key_run);
    const duckdb_state state = athena_duck.register_scalar_function(connection, function);
    athena_duck.destroy_scalar_function(&function);
    return state == DuckDBSuccess ? MR_OK : MR_RAISE(MR_FAIL, "mr_key cannot be registered");
}
