#include "athena/modify.h"
#include "athena/parquet.h"
#include "athena/source_iceberg.h"

enum { OWN_COLUMNS = 3 }; /* file, number, change; then the table's */

bool athena_modify_prepare(struct athena_write *write)
{
    if (!athena_write_look_up(write))
        return false;
    if (!iceberg_is_table(write->table))
        return athena_write_fail(write, "NOT_SUPPORTED",
                                 "Modifying Hive table rows is only supported for transactional "
                                 "tables");
    if (!athena_lake_open(write))
        return false;
    write->query = athena_modify_query(write);
    write->source->root = write->query;
    write->source->target.node = write->statement->target;
    return write->query != NULL;
}

static void tell_types(struct athena_write *write, size_t at, struct mr_buf *table,
                       struct mr_buf *values)
{
    mr_buf_append(table, table->len > 0 ? MR_S(", ") : MR_S(""));
    mr_buf_append(values, values->len > 0 ? MR_S(", ") : MR_S(""));
    athena_type_trino(table, &write->columns[at].type);
    mr_buf_append(values, athena_assign_type(write, write->columns[at].from));
}

/* UPDATE tells all that it sets, in its order. */
static bool mismatch(struct athena_write *write, size_t at)
{
    const struct athena_pair *set = write->statement->changes->columns;
    struct mr_buf table = {0}, values = {0};
    for (; write->statement->kind == STATEMENT_UPDATE && set != NULL; set = set->next)
        for (size_t i = 0; i < write->column_count; i++)
            if (mr_slice_equal_nocase(set->name, write->columns[i].name))
                tell_types(write, i, &table, &values);
    if (write->statement->kind != STATEMENT_UPDATE)
        tell_types(write, at, &table, &values);
    athena_write_fail(write, "TYPE_MISMATCH",
                      "%s table column types don't match SET expressions: Table: [%.*s], "
                      "Expressions: [%.*s]",
                      write->statement->substatement, MR_ARG(mr_buf_slice(&table)),
                      MR_ARG(mr_buf_slice(&values)));
    mr_buf_fini(&table);
    mr_buf_fini(&values);
    return false;
}

bool athena_modify_columns(struct athena_write *write)
{
    const struct glue_table *table = write->table;
    const bool values = write->shown_count > OWN_COLUMNS; /* DELETE has none */
    write->columns =
        MR_NEW_ARRAY(write->arena, struct athena_write_column, table->column_count + 1);
    write->column_count = table->column_count;
    for (size_t i = 0; i < table->column_count; i++) {
        struct athena_write_column *column = &write->columns[i];
        column->name = glue_lower(write->arena, table->columns[i].name);
        column->from = values ? OWN_COLUMNS + i : SIZE_MAX;
        if (athena_type_parse(write->arena, table->columns[i].type, &column->type) != MR_OK)
            return athena_write_fail(write, "NOT_SUPPORTED", "Column '%.*s' has the type '%.*s'",
                                     MR_ARG(column->name), MR_ARG(table->columns[i].type));
    }
    for (size_t i = 0; values && i < table->column_count; i++)
        if (!athena_assign_fits(write, &write->columns[i].type, write->columns[i].from))
            return mismatch(write, i);
    return true;
}

/* ---- statements of ours ---- */

static bool take_columns(void *ctx, const struct athena_shown *shown, const struct mr_slice *names,
                         size_t count)
{
    (void)ctx;
    (void)shown;
    (void)names;
    return count > 0;
}

static bool pass_chunk(void *ctx, duckdb_data_chunk chunk)
{
    (void)ctx;
    (void)chunk;
    return true;
}

static enum mr_status run(struct athena_write *write, struct mr_buf *sql, struct athena_sink *sink,
                          bool copy)
{
    struct athena_sink passing = {.columns = take_columns, .chunk = pass_chunk, .ctx = write};
    struct athena_execution execution = {.arena = write->arena,
                                         .sql = mr_arena_cstr(write->arena, mr_buf_slice(sql)),
                                         .handle = write->handle,
                                         .sink = sink != NULL ? sink : &passing,
                                         .copy = copy};
    mr_buf_reset(sql);
    return athena_write_execute(write, &execution);
}

/* All columns of the query, those of the table under the types that it has. */
static enum mr_status keep_changed(struct athena_write *write)
{
    struct mr_buf sql = {0};
    mr_buf_append(&sql, MR_S("COPY (SELECT CAST(c0 AS VARCHAR) AS c0, CAST(c1 AS BIGINT) AS c1, "
                             "CAST(c2 AS BIGINT) AS c2"));
    for (size_t i = OWN_COLUMNS; i < write->shown_count; i++) {
        mr_buf_append(&sql, MR_S(", "));
        athena_assign_value(write, &write->columns[i - OWN_COLUMNS].type, i, &sql);
        mr_buf_printf(&sql, " AS c%zu", i);
    }
    mr_buf_printf(&sql, " FROM (%s) AS \"_mr_q\"(", write->sql);
    for (size_t i = 0; i < write->shown_count; i++)
        mr_buf_printf(&sql, "%sc%zu", i > 0 ? "," : "", i);
    mr_buf_printf(&sql, ")) TO '%schanged' (FORMAT parquet)", write->source->folder.path);
    const enum mr_status status = run(write, &sql, NULL, true);
    mr_buf_fini(&sql);
    return status;
}

/* ---- counts, and the files that rows leave ---- */

struct counting {
    struct athena_write *write;
    int64_t changed, added, doubled;
};

static bool take_counts(void *ctx, duckdb_data_chunk chunk)
{
    struct counting *counting = ctx;
    int64_t *const into[] = {&counting->changed, &counting->added, &counting->doubled};
    if (athena_duck.data_chunk_get_size(chunk) == 0)
        return true;
    for (size_t i = 0; i < MR_COUNT(into); i++)
        *into[i] = *(const int64_t *)athena_duck.vector_get_data(
            athena_duck.data_chunk_get_vector(chunk, i));
    return true;
}

static enum mr_status count(struct athena_write *write, struct counting *counting)
{
    struct athena_sink sink = {.columns = take_columns, .chunk = take_counts, .ctx = counting};
    struct mr_buf sql = {0};
    mr_buf_printf(&sql,
                  "SELECT CAST(count(*) FILTER (WHERE c2 > 0) AS BIGINT), CAST(count(*) FILTER "
                  "(WHERE c2 > %d) AS BIGINT), CAST(count(c1) - count(DISTINCT CASE WHEN c1 IS NOT "
                  "NULL THEN (c0, c1) END) AS BIGINT) FROM read_parquet('%schanged')",
                  ATHENA_CHANGE_DELETE, write->source->folder.path);
    enum mr_status status = run(write, &sql, &sink, false);
    mr_buf_fini(&sql);
    if (status == MR_OK && counting->doubled > 0) {
        athena_write_fail(write, "MERGE_TARGET_ROW_MULTIPLE_MATCHES",
                          "One MERGE target table row matched more than one source row");
        status = MR_INVALID;
    }
    return status;
}

static const struct iceberg_file *file_named(const struct athena_write *write, struct mr_slice path)
{
    const struct athena_source_target *target = &write->source->target;
    for (size_t i = 0; i < target->count; i++)
        if (target->files[i].content == ICEBERG_DATA && mr_slice_equal(target->files[i].path, path))
            return &target->files[i];
    return NULL;
}

/* Bounds of the path, whole, tell readers which file is meant. */
static void describe(struct athena_write *write, const struct iceberg_file *of, int64_t rows,
                     struct athena_write_deletes *deletes)
{
    struct iceberg_stats *stats = MR_NEW_ARRAY(write->arena, struct iceberg_stats, 1);
    *stats = (struct iceberg_stats){.field_id = ICEBERG_DELETE_PATH_ID,
                                    .bytes = -1,
                                    .values = rows,
                                    .nulls = 0,
                                    .nans = -1,
                                    .lower = of->path,
                                    .upper = of->path};
    deletes->file = (struct iceberg_file){.content = ICEBERG_POSITION_DELETES,
                                          .spec_id = of->spec_id,
                                          .partition = of->partition,
                                          .records = rows,
                                          .stats = stats,
                                          .stats_count = 1,
                                          .sort_order = -1};
}

static bool take_file(void *ctx, duckdb_data_chunk chunk)
{
    struct athena_write *write = ctx;
    const duckdb_string_t *paths =
        athena_duck.vector_get_data(athena_duck.data_chunk_get_vector(chunk, 0));
    const int64_t *rows = athena_duck.vector_get_data(athena_duck.data_chunk_get_vector(chunk, 1));
    for (idx_t i = 0; i < athena_duck.data_chunk_get_size(chunk); i++) {
        const uint32_t len = paths[i].value.inlined.length;
        const struct mr_slice path = mr_slice_make(
            len <= 12 ? paths[i].value.inlined.inlined : paths[i].value.pointer.ptr, len);
        const struct iceberg_file *of = file_named(write, path);
        if (of == NULL || write->delete_count == ATHENA_WRITE_FILES_MAX)
            return athena_write_fail(write, "GENERIC_INTERNAL_ERROR",
                                     "rows of too many files change");
        struct athena_write_deletes *deletes = &write->deletes[write->delete_count++];
        describe(write, of, rows[i], deletes);
        deletes->path = of->path;
        deletes->name = mr_arena_printf(write->arena, "deletes%zu", write->delete_count);
    }
    return true;
}

static enum mr_status find_files(struct athena_write *write)
{
    struct athena_sink sink = {.columns = take_columns, .chunk = take_file, .ctx = write};
    struct mr_buf sql = {0};
    write->deletes =
        MR_NEW_ARRAY(write->arena, struct athena_write_deletes, write->source->target.count + 1);
    mr_buf_printf(&sql,
                  "SELECT c0, CAST(count(*) AS BIGINT) FROM read_parquet('%schanged') WHERE c2 IN "
                  "(%d, %d) GROUP BY c0 ORDER BY c0",
                  write->source->folder.path, ATHENA_CHANGE_DELETE, ATHENA_CHANGE_UPDATE);
    const enum mr_status status = run(write, &sql, &sink, false);
    mr_buf_fini(&sql);
    return status;
}

static enum mr_status write_deletes(struct athena_write *write,
                                    const struct athena_write_deletes *deletes)
{
    struct mr_buf sql = {0};
    mr_buf_printf(&sql,
                  "COPY (SELECT c0 AS file_path, c1 AS pos FROM read_parquet('%schanged') WHERE c2 "
                  "IN (%d, %d) AND c0 = ",
                  write->source->folder.path, ATHENA_CHANGE_DELETE, ATHENA_CHANGE_UPDATE);
    athena_sql_quoted(&sql, deletes->path, '\'');
    mr_buf_printf(&sql,
                  " ORDER BY c1) TO '%s%.*s' (FORMAT parquet, COMPRESSION %.*s, FIELD_IDS "
                  "{file_path:%d,pos:%d})",
                  write->source->folder.path, MR_ARG(deletes->name), MR_ARG(write->compression),
                  ICEBERG_DELETE_PATH_ID, ICEBERG_DELETE_ROW_ID);
    const enum mr_status status = run(write, &sql, NULL, true);
    mr_buf_fini(&sql);
    return status;
}

enum mr_status athena_modify_gather(struct athena_write *write)
{
    struct counting counting = {.write = write};
    enum mr_status status = keep_changed(write);
    if (status == MR_OK)
        status = count(write, &counting);
    if (status == MR_OK)
        status = find_files(write);
    for (size_t i = 0; i < write->delete_count && status == MR_OK; i++)
        status = write_deletes(write, &write->deletes[i]);
    write->changed = (uint64_t)counting.changed;
    write->adds = counting.added > 0;
    write->sql = mr_arena_cstr(
        write->arena,
        mr_arena_printf(write->arena, "SELECT * FROM read_parquet('%schanged') WHERE c2 > %d",
                        write->source->folder.path, ATHENA_CHANGE_DELETE));
    return status;
}
