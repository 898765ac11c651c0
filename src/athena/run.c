/* One query, on its worker: parse, resolve and translate, run, store the result. */
#include "athena/count.h"
#include "athena/errors.h"
#include "athena/explain.h"
#include "athena/footers.h"
#include "athena/geos_kept.h"
#include "athena/internal.h"
#include "athena/maintain.h"
#include "athena/parquet.h"
#include "athena/write.h"
#include "base/log.h"

enum {
    SMALL_BYTES = 4 << 20, /* of objects: planning takes longer than reading them */
    SMALL_ROWS = 20000,    /* of objects, or of a result by its LIMIT */
};

struct run {
    struct athena_query *query;
    struct mr_arena *arena;
    struct athena_error error;
    struct athena_outcome outcome;
    struct athena_output output;
    struct athena_node **parameters;
    size_t parameter_count;
    struct athena_fields fields; /* of a SELECT */
    struct mr_slice plan;        /* of an EXPLAIN, a text of lines */
    bool bounded;                /* of a SELECT: its result is */
    struct athena_source source; /* of a SELECT; open until its result is there for all to see */
};

static enum mr_status fail(struct run *run, const char *code, const char *format,
                           struct mr_slice detail)
{
    athena_error_set(&run->error, run->arena, code, 0, 0, format, MR_ARG(detail));
    return MR_INVALID;
}

/* ---- parameters ---- */

static struct athena_node *parse_parameter(struct run *run, struct mr_slice text)
{
    struct athena_tokens tokens;
    if (athena_lex(run->arena, text, &tokens, &run->error) != MR_OK)
        return NULL;
    struct athena_parser parser = athena_parser_make(run->arena, &tokens, &run->error);
    struct athena_node *node = athena_parse_expression(&parser);
    if (node != NULL && parser.next->kind != ATHENA_TOKEN_END)
        return athena_mismatch(&parser, "<EOF>");
    if (node != NULL && parser.parameters > 0)
        return athena_unsupported(&parser, "a parameter cannot be a parameter");
    return node;
}

/* Those of EXECUTE ... USING, else those of the call. */
static bool set_parameters(struct run *run, struct athena_node *list)
{
    const struct athena_query *query = run->query;
    const size_t count = athena_node_count(list);
    const size_t room = count > query->parameter_count ? count : query->parameter_count;
    run->parameters = MR_NEW_ARRAY(run->arena, struct athena_node *, room + 1);
    for (struct athena_node *node = list; node != NULL;) {
        struct athena_node *next = node->next;
        node->next = NULL; /* each stands alone where it is put in */
        run->parameters[run->parameter_count++] = node;
        node = next;
    }
    if (run->parameter_count > 0)
        return true;
    for (size_t i = 0; i < query->parameter_count; i++) {
        run->parameters[i] = parse_parameter(run, query->parameters[i]);
        if (run->parameters[i] == NULL)
            return false;
        run->parameter_count++;
    }
    return true;
}

/* ---- SELECT ---- */

/* As lines. */
static void explain(struct run *run, struct athena_translation *translation,
                    const struct athena_source *source, const struct athena_statement *statement)
{
    struct athena_plan plan;
    struct mr_buf out = {0};
    if (mr_slice_equal(statement->text, MR_S("IO"))) {
        athena_plan_inputs(source, &out);
    } else {
        athena_explain(translation, statement->query, &plan);
        athena_plan_write(&plan, statement->plan_format,
                          !mr_slice_equal(statement->text, MR_S("LOGICAL")), &out);
    }
    run->plan = mr_arena_copy(run->arena, mr_buf_slice(&out));
    mr_buf_fini(&out);
}

static enum mr_status translate(struct run *run, struct athena_source *source,
                                const struct athena_statement *statement, const char **ret_sql)
{
    struct mr_buf sql = {0};
    size_t divisions = 0;
    const struct athena_resolver resolver = athena_source_resolver(source);
    struct athena_translation translation = {.arena = run->arena,
                                             .error = &run->error,
                                             .resolver = &resolver,
                                             .parameters = run->parameters,
                                             .parameter_count = run->parameter_count,
                                             .divisions = &divisions,
                                             .out = &sql};
    enum mr_status status = MR_OK;
    if (statement->parameters != run->parameter_count) {
        athena_error_set(&run->error, run->arena, "INVALID_PARAMETER_USAGE", 0, 0,
                         "Incorrect number of parameters: expected %zu but found %zu",
                         statement->parameters, run->parameter_count);
        status = MR_INVALID;
    } else {
        /* What is written keeps its moments; what is shown becomes text in some zones. */
        const bool fine = statement->kind == STATEMENT_QUERY || statement->kind == STATEMENT_EXPLAIN
                              ? athena_translate_result(&translation, statement->query)
                              : athena_translate_query(&translation, statement->query);
        status = fine ? MR_OK : MR_INVALID;
    }
    *ret_sql = mr_arena_cstr(run->arena, mr_buf_slice(&sql));
    if (status == MR_OK && statement->kind == STATEMENT_EXPLAIN)
        explain(run, &translation, source, statement);
    run->fields = translation.fields;
    mr_buf_fini(&sql);
    return status;
}

/* A SELECT from one table of few bytes of Parquet: not more rows come of it than it has, but for
 * what functions make of them. */
static bool is_small(const struct athena_node *query, const struct athena_source *source)
{
    const struct athena_scan *scan = source->scans;
    if (query == NULL || query->kind != AST_QUERY || query->items != NULL ||
        query->left->kind != AST_SELECT || query->left->left == NULL || source->table_count != 1 ||
        scan == NULL || scan->next != NULL || scan->format != ATHENA_FORMAT_PARQUET)
        return false;
    const struct athena_node *from = query->left->left;
    if (from->kind == AST_ALIAS)
        from = from->left;
    return from->kind == AST_TABLE && scan->bytes <= SMALL_BYTES && scan->footer != NULL &&
           scan->footer->rows <= SMALL_ROWS;
}

static bool is_small_limit(const struct athena_node *limit)
{
    uint64_t rows;
    return limit != NULL && limit->kind == AST_INTEGER &&
           mr_slice_to_u64(limit->text, &rows) == MR_OK && rows <= SMALL_ROWS;
}

/* Groups are in DuckDB's memory before the first of them is shown: shown at once they are there
 * twice at most. */
static bool is_grouped(const struct athena_node *select)
{
    if (select->kind == AST_SET)
        return is_grouped(select->left) && is_grouped(select->right);
    if (select->kind == AST_QUERY)
        return select->items == NULL && is_grouped(select->left);
    return select->kind == AST_SELECT &&
           ((select->flags & AST_DISTINCT) != 0 || athena_select_aggregates(select));
}

/* Whether the result need not be taken piece by piece to keep memory bounded. Before the query is
 * translated, which makes one node stand in several places. */
static bool is_bounded(const struct athena_node *query)
{
    return query != NULL && query->kind == AST_QUERY &&
           (((query->flags & AST_WITH_TIES) == 0 && is_small_limit(query->right)) ||
            is_grouped(query->left));
}

static enum mr_status execute(struct run *run, const struct athena_statement *statement,
                              const struct athena_source *source, const char *sql)
{
    struct athena_execution execution = {.arena = run->arena,
                                         .sql = sql,
                                         .handle = &run->query->handle,
                                         .output = &run->output,
                                         .fields = run->fields.open ? NULL : &run->fields,
                                         .bounded =
                                             run->bounded || is_small(statement->query, source)};
    enum mr_status status = athena_engine_run(&run->query->athena->engine, &execution);
    mr_log(MR_LOG_DEBUG, "athena", "query %s: %s", run->query->id, sql);
    if (status == MR_NOT_FOUND)
        return fail(run, "GENERIC_INTERNAL_ERROR",
                    "the query engine (DuckDB's library, libduckdb.so) cannot be loaded: %.*s",
                    execution.error);
    if (status == MR_INVALID)
        athena_error_from_duck(run->arena,
                               athena_parquet_error(source->scans, run->arena, execution.error),
                               statement->query, &run->error);
    return status;
}

static uint64_t parquet_bytes(const struct athena_source *source)
{
    uint64_t bytes = 0;
    for (const struct athena_scan *scan = source->scans; scan != NULL; scan = scan->next)
        if (scan->format == ATHENA_FORMAT_PARQUET)
            bytes += scan->chunk_bytes;
    return bytes;
}

/* What a query has read beyond its workgroup's limit is not shown. */
static enum mr_status limit_scanned(struct run *run, enum mr_status status)
{
    const uint64_t most = run->query->scan_bytes_max;
    run->outcome.over_limit = most > 0 && run->outcome.scanned_bytes > most;
    return run->outcome.over_limit ? MR_END : status;
}

/* What the engine would have counted. */
static void tell_count(struct run *run, uint64_t rows)
{
    const struct mr_slice alias = run->fields.list[0].name;
    run->output.columns = MR_NEW(run->arena, struct athena_result_column);
    *run->output.columns = (struct athena_result_column){
        .name = alias.len > 0 ? glue_lower(run->arena, alias) : MR_S("_col0"),
        .type = "bigint",
        .precision = 19};
    run->output.column_count = 1;
    athena_output_header(&run->output);
    athena_output_value(&run->output,
                        mr_arena_printf(run->arena, "%llu", (unsigned long long)rows));
}

static enum mr_status run_select(struct run *run, const struct athena_statement *statement)
{
    struct athena_query *query = run->query;
    struct athena *athena = query->athena;
    struct athena_source *source = &run->source;
    *source = (struct athena_source){.arena = run->arena,
                                     .glue = athena->options.glue,
                                     .s3 = athena->options.s3,
                                     .registry = &athena->engine.scans,
                                     .database = query->database,
                                     .catalog = query->catalog,
                                     .account = query->account,
                                     .cancelled = &query->handle.cancelled,
                                     .root = statement->query,
                                     .text = query->text};
    const bool only_plan =
        statement->kind == STATEMENT_EXPLAIN && !mr_slice_equal(statement->text, MR_S("ANALYZE"));
    source->unread = only_plan;
    if (statement->kind == STATEMENT_QUERY)
        source->count.table = athena_count_table(statement->query);
    const int64_t begin_ms = mr_monotonic_ms();
    const char *sql;
    /* The library first: without it every query says so, whatever its tables. */
    struct mr_slice why;
    enum mr_status status = athena_engine_open(&athena->engine, run->arena, &why);
    if (status == MR_NOT_FOUND)
        return fail(run, "GENERIC_INTERNAL_ERROR",
                    "the query engine (DuckDB's library, libduckdb.so) cannot be loaded: %.*s",
                    why);
    if (source->database.len == 0)
        source->database = MR_S("default");
    run->bounded = is_bounded(statement->query);
    status = translate(run, source, statement, &sql);
    run->outcome.planning_ms = mr_monotonic_ms() - begin_ms;
    if (status == MR_OK && atomic_load(&query->handle.cancelled))
        status = MR_END;
    source->keeps = status == MR_OK && !only_plan;
    if (status == MR_OK && source->count.known)
        tell_count(run, source->count.rows);
    else if (status == MR_OK && !only_plan)
        status = execute(run, statement, source, sql);
    run->outcome.scanned_bytes = athena_source_bytes(source);
    if (status == MR_OK && !only_plan)
        run->outcome.scanned_bytes += parquet_bytes(source);
    return limit_scanned(run, status);
}

/* The result that tells how many rows were written. */
static void tell_rows(struct run *run, uint64_t rows)
{
    athena_output_init(&run->output, store_folder(run->query->athena->options.store), false);
    run->output.columns = MR_NEW(run->arena, struct athena_result_column);
    *run->output.columns =
        (struct athena_result_column){.name = MR_S("rows"), .type = "bigint", .precision = 19};
    run->output.column_count = 1;
    run->outcome.update_count = rows;
}

static enum mr_status run_write(struct run *run, const struct athena_statement *statement)
{
    struct athena_query *query = run->query;
    struct athena *athena = query->athena;
    struct mr_slice why, database = query->database.len > 0 ? query->database : MR_S("default");
    struct athena_source source = {.arena = run->arena,
                                   .glue = athena->options.glue,
                                   .s3 = athena->options.s3,
                                   .registry = &athena->engine.scans,
                                   .database = database,
                                   .catalog = query->catalog,
                                   .account = query->account,
                                   .cancelled = &query->handle.cancelled,
                                   .root = statement->query,
                                   .text = query->text};
    struct athena_write write = {.athena = athena,
                                 .arena = run->arena,
                                 .handle = &query->handle,
                                 .error = &run->error,
                                 .statement = statement,
                                 .database =
                                     statement->database.len > 0 ? statement->database : database,
                                 .account = query->account,
                                 .query_id = mr_slice_cstr(query->id),
                                 .source = &source};
    write.folder = mr_slice_sub(query->location, 0,
                                mr_slice_search(query->location, mr_slice_cstr(query->id)));
    const int64_t begin_ms = mr_monotonic_ms();
    if (athena_engine_open(&athena->engine, run->arena, &why) == MR_NOT_FOUND)
        return fail(run, "GENERIC_INTERNAL_ERROR",
                    "the query engine (DuckDB's library, libduckdb.so) cannot be loaded: %.*s",
                    why);
    enum mr_status status = athena_write_prepare(&write) ? MR_OK : MR_INVALID;
    struct athena_statement planned = *statement;
    planned.query = write.query;
    if (status == MR_OK && !write.skipped)
        status = translate(run, &source, &planned, &write.sql);
    write.fields = &run->fields;
    run->outcome.planning_ms = mr_monotonic_ms() - begin_ms;
    if (status == MR_OK && !write.skipped)
        status = athena_write_run(&write);
    run->outcome.scanned_bytes = athena_source_bytes(&source);
    if (status == MR_OK)
        run->outcome.scanned_bytes += parquet_bytes(&source);
    run->outcome.manifest = write.manifest;
    run->outcome.wrote = write.manifest.len > 0 || write.lake != NULL;
    athena_source_fini(&source);
    if (status == MR_OK)
        tell_rows(run, write.rows);
    if (status == MR_INVALID)
        athena_write_advise(&write);
    return status;
}

static enum mr_status run_statement(struct run *run, const struct athena_statement *statement);

static enum mr_status run_prepared(struct run *run, const struct athena_statement *statement)
{
    struct athena_query *query = run->query;
    struct athena_statement prepared;
    yyjson_val *doc;
    enum mr_status status =
        athena_prepared_get(query->athena, run->arena, query->workgroup, statement->name, &doc);
    if (status == MR_NOT_FOUND)
        return fail(run, "NOT_FOUND", "Prepared statement not found: %.*s", statement->name);
    if (status != MR_OK)
        return status;
    if (athena_statement_parse(run->arena, mr_json_get_text(doc, "QueryStatement"), &prepared,
                               &run->error) != MR_OK)
        return MR_INVALID;
    if (prepared.kind != STATEMENT_QUERY && !athena_statement_writes(&prepared))
        return fail(run, "NOT_SUPPORTED", "only queries can be executed: %.*s", statement->name);
    if (!set_parameters(run, statement->query))
        return MR_INVALID;
    return run_statement(run, &prepared);
}

static enum mr_status run_ddl(struct run *run, const struct athena_statement *statement)
{
    struct athena_query *query = run->query;
    struct athena_ddl ddl = {.athena = query->athena,
                             .arena = run->arena,
                             .database = query->database,
                             .account = query->account,
                             .workgroup = query->workgroup,
                             .output = &run->output,
                             .handle = &query->handle,
                             .error = &run->error,
                             .statement = statement};
    const bool fine = athena_ddl_run(&ddl);
    s3_snapshot_close(ddl.moment);
    if (!fine)
        return atomic_load(&query->handle.cancelled) ? MR_END : MR_INVALID;
    /* What it changed is on disk before the query says SUCCEEDED. */
    return ddl.ticket > 0 ? store_wait(query->athena->options.store, ddl.ticket) : MR_OK;
}

/* OPTIMIZE, VACUUM: no rows come of them. */
static enum mr_status run_maintenance(struct run *run, const struct athena_statement *statement)
{
    struct athena_query *query = run->query;
    struct athena *athena = query->athena;
    const struct mr_slice database = query->database.len > 0 ? query->database : MR_S("default");
    struct mr_slice why;
    struct athena_source source = {.arena = run->arena,
                                   .glue = athena->options.glue,
                                   .s3 = athena->options.s3,
                                   .registry = &athena->engine.scans,
                                   .database = database,
                                   .account = query->account,
                                   .cancelled = &query->handle.cancelled};
    struct athena_maintenance job = {.athena = athena,
                                     .arena = run->arena,
                                     .handle = &query->handle,
                                     .error = &run->error,
                                     .statement = statement,
                                     .database = statement->database.len > 0 ? statement->database
                                                                             : database,
                                     .source = &source,
                                     .parameters = run->parameters,
                                     .parameter_count = run->parameter_count};
    athena_output_init(&run->output, store_folder(athena->options.store), false);
    if (statement->parameters != run->parameter_count) {
        athena_error_set(&run->error, run->arena, "INVALID_PARAMETER_USAGE", 0, 0,
                         "Incorrect number of parameters: expected %zu but found %zu",
                         statement->parameters, run->parameter_count);
        return MR_INVALID;
    }
    if (athena_engine_open(&athena->engine, run->arena, &why) == MR_NOT_FOUND)
        return fail(run, "GENERIC_INTERNAL_ERROR",
                    "the query engine (DuckDB's library, libduckdb.so) cannot be loaded: %.*s",
                    why);
    enum mr_status status =
        statement->kind == STATEMENT_VACUUM ? athena_vacuum(&job) : athena_optimize(&job);
    run->outcome.scanned_bytes = athena_source_bytes(&source);
    if (status == MR_OK)
        run->outcome.scanned_bytes += parquet_bytes(&source);
    athena_source_fini(&source);
    if (status == MR_OK && job.ticket > 0)
        status = store_wait(athena->options.store, job.ticket);
    return status;
}

/* ---- EXPLAIN ---- */

static void put_lines(struct run *run, struct mr_slice text)
{
    struct mr_slice line;
    while (text.len > 0 && mr_slice_split(&text, '\n', &line))
        athena_output_value(&run->output, line);
}

/* ANALYZE runs the query and keeps nothing of its rows but their number. */
static enum mr_status run_explain(struct run *run, const struct athena_statement *statement)
{
    const char *folder = store_folder(run->query->athena->options.store);
    const bool analyze = mr_slice_equal(statement->text, MR_S("ANALYZE"));
    const bool validate = mr_slice_equal(statement->text, MR_S("VALIDATE"));
    const int64_t begin_ms = mr_monotonic_ms();
    athena_output_init(&run->output, folder, true);
    enum mr_status status = run_select(run, statement);
    const uint64_t rows = run->output.rows;
    athena_output_fini(&run->output);
    athena_output_init(&run->output, folder, false);
    run->output.columns = MR_NEW_ARRAY(run->arena, struct athena_result_column, 1);
    run->output.columns[0] =
        (struct athena_result_column){.name = validate ? MR_S("Valid") : MR_S("Query Plan"),
                                      .type = validate ? "boolean" : "varchar",
                                      .precision = validate ? 0 : INT32_MAX};
    run->output.column_count = 1;
    if (status != MR_OK)
        return status;
    if (analyze && statement->plan_format == ATHENA_PLAN_TEXT)
        put_lines(run, mr_arena_printf(run->arena,
                                       "Execution: %lldms, Input: %lluB, Output: %llu rows\n",
                                       (long long)(mr_monotonic_ms() - begin_ms),
                                       (unsigned long long)run->outcome.scanned_bytes,
                                       (unsigned long long)rows));
    put_lines(run, validate ? MR_S("true") : run->plan);
    return MR_OK;
}

/* DDL, and what writes into a table, is about one catalog, the query's unless the statement names
 * it; the names inside queries find theirs one by one. */
static struct mr_slice target_catalog(const struct run *run,
                                      const struct athena_statement *statement)
{
    switch (statement->kind) {
    case STATEMENT_QUERY:
    case STATEMENT_EXECUTE:
    case STATEMENT_EXPLAIN:
    case STATEMENT_UNLOAD:
    case STATEMENT_PREPARE:
    case STATEMENT_DEALLOCATE:
    case STATEMENT_UNSUPPORTED: return MR_S("");
    default: return statement->catalog.len > 0 ? statement->catalog : run->query->catalog;
    }
}

static enum mr_status run_statement(struct run *run, const struct athena_statement *statement)
{
    const char *folder = store_folder(run->query->athena->options.store);
    const bool rows = statement->kind == STATEMENT_QUERY;
    const struct mr_slice catalog = target_catalog(run, statement);
    if (!athena_source_is_glue(catalog))
        return fail(run, "CATALOG_NOT_FOUND", "Catalog '%.*s' does not exist", catalog);
    switch (statement->kind) {
    case STATEMENT_EXECUTE: return run_prepared(run, statement);
    case STATEMENT_EXPLAIN: return run_explain(run, statement);
    case STATEMENT_CTAS:
    case STATEMENT_INSERT:
    case STATEMENT_DELETE:
    case STATEMENT_UPDATE:
    case STATEMENT_MERGE:
    case STATEMENT_UNLOAD: return run_write(run, statement);
    case STATEMENT_OPTIMIZE:
    case STATEMENT_VACUUM: return run_maintenance(run, statement);
    case STATEMENT_UNSUPPORTED: return fail(run, "NOT_SUPPORTED", "%.*s", statement->text);
    default:
        athena_output_init(&run->output, folder, rows);
        return rows ? run_select(run, statement) : run_ddl(run, statement);
    }
}

/* ---- the result ---- */

static struct mr_slice columns_json(struct run *run)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_array(&json);
    for (size_t i = 0; i < run->output.column_count; i++) {
        const struct athena_result_column *column = &run->output.columns[i];
        mr_json_object(&json);
        mr_json_key_string(&json, "name", column->name);
        mr_json_key_cstr(&json, "type", column->type);
        mr_json_key_int(&json, "precision", column->precision);
        mr_json_key_int(&json, "scale", column->scale);
        mr_json_object_end(&json);
    }
    mr_json_array_end(&json);
    struct mr_slice text = mr_arena_copy(run->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

/* Result, metadata and the query's record become visible together, by one entry and one wait for
 * the disk. */
static enum mr_status put_objects(struct run *run, struct mr_slice bucket, struct mr_slice key,
                                  struct mr_slice metadata, const struct mr_slice *body)
{
    struct s3 *s3 = run->query->athena->options.s3;
    struct store *store = run->query->athena->options.store;
    const struct mr_slice keys[] = {mr_arena_printf(run->arena, "%.*s.metadata", MR_ARG(key)), key};
    const struct mr_slice bodies[] = {metadata, body == NULL ? MR_S("") : *body};
    const size_t count = body == NULL ? 1 : 2;
    struct s3_staged *staged[2] = {NULL, NULL};
    struct store_entry entry = store_entry_make(run->arena);
    entry.waits = true;
    enum mr_status status = MR_OK;
    int64_t ticket = 0;
    size_t made = 0;
    while (made < count && status == MR_OK) {
        const struct s3_put_options options = {
            .bucket = bucket, .key = keys[made], .content_type = MR_S("application/octet-stream")};
        status = s3_stage(s3, &options, bodies[made], &staged[made]);
        made += status == MR_OK;
    }
    for (size_t i = 0; i < made && status == MR_OK; i++)
        status = s3_commit_staged(s3, staged[i], &entry);
    if (status == MR_OK) {
        athena_query_record(run->query, &run->outcome, &entry);
        status = store_commit(store, &entry, &ticket);
    }
    for (size_t i = made; i > 0; i--)
        s3_staged_done(s3, staged[i - 1], status == MR_OK);
    if (status == MR_OK)
        status = store_wait(store, ticket);
    if (status == MR_OK)
        athena_query_show(run->query);
    return status;
}

static enum mr_status store_result(struct run *run)
{
    struct athena_query *query = run->query;
    struct mr_slice bucket, key, body;
    struct mr_buf metadata = {0};
    enum mr_status status = glue_location_parse(query->location, &bucket, &key);
    if (status == MR_OK)
        status = athena_output_bytes(&run->output, &body);
    if (status == MR_OK) {
        run->outcome.columns = columns_json(run);
        athena_output_metadata(&run->output, mr_slice_cstr(query->id), &metadata);
        status = put_objects(run, bucket, key, mr_buf_slice(&metadata),
                             run->outcome.manifest.len > 0 ? NULL : &body);
    }
    mr_buf_fini(&metadata);
    if (status == MR_NOT_FOUND)
        return fail(run, "INVALID_OUTPUT_LOCATION", "Unable to verify/create output bucket %.*s",
                    bucket);
    return status;
}

enum mr_status athena_query_run(struct athena_query *query, struct athena_outcome *ret_outcome)
{
    struct athena_statement statement;
    struct run run = {.query = query, .arena = &query->arena, .output = {.fd = -1}};
    enum mr_status status = athena_statement_parse(run.arena, query->text, &statement, &run.error);
    if (status == MR_OK &&
        (statement.kind == STATEMENT_QUERY || statement.kind == STATEMENT_EXPLAIN ||
         statement.kind == STATEMENT_OPTIMIZE || athena_statement_writes(&statement)) &&
        !set_parameters(&run, NULL))
        status = MR_INVALID;
    const bool reused = status == MR_OK && athena_reuse_find(query, &run.outcome);
    if (status == MR_OK && !reused)
        status = run_statement(&run, &statement);
    if (status == MR_OK && !reused)
        status = store_result(&run);
    athena_source_fini(&run.source);
    athena_output_fini(&run.output);
    athena_kept_forget();
    if (status != MR_OK && status != MR_END && run.error.code == NULL)
        (void)fail(&run, "GENERIC_INTERNAL_ERROR", "%.*s", MR_S("internal error"));
    run.outcome.error = run.error;
    *ret_outcome = run.outcome;
    return status < 0 ? MR_INVALID : status;
}
