#include "athena/engine.h"
#include "athena/cache.h"
#include "athena/decimals.h"
#include "athena/footers.h"
#include "athena/parquet.h"
#include "athena/parts.h"
#include "athena/render.h"
#include "athena/scalars.h"
#include "athena/translate.h"
#include "base/log.h"
#include <assert.h>
#include <stdio.h>

enum { DIVISIONS_MAX = 100 }; /* of decimals in one query */

void athena_engine_init(struct athena_engine *engine, const struct athena_engine_options *options)
{
    *engine = (struct athena_engine){.options = *options};
    pthread_mutex_init(&engine->lock, NULL);
    athena_scans_init(&engine->scans);
    engine->work.fd = -1;
    engine->scans.work = &engine->work;
    engine->footers = engine->scans.footers = athena_footers_new(engine);
    engine->cache = engine->scans.cache = athena_cache_new(engine, options->cache_bytes);
}

void athena_engine_fini(struct athena_engine *engine)
{
    while (engine->spare_count > 0)
        athena_duck.disconnect(&engine->spare[--engine->spare_count]);
    if (engine->database != NULL)
        athena_duck.close(&engine->database);
    athena_footers_free(engine->footers);
    athena_cache_free(engine->cache);
    mr_map_fini(&engine->decimals);
    athena_scans_fini(&engine->scans);
    athena_work_close(&engine->work);
    pthread_mutex_destroy(&engine->lock);
}

void athena_handle_init(struct athena_handle *handle)
{
    *handle = (struct athena_handle){0};
    pthread_mutex_init(&handle->lock, NULL);
}

void athena_handle_fini(struct athena_handle *handle)
{
    assert(handle->connection == NULL);
    pthread_mutex_destroy(&handle->lock);
}

void athena_handle_cancel(struct athena_handle *handle)
{
    pthread_mutex_lock(&handle->lock);
    atomic_store(&handle->cancelled, true);
    if (handle->connection != NULL)
        athena_duck.interrupt(handle->connection);
    pthread_mutex_unlock(&handle->lock);
}

/* ---- opening ---- */

static bool statement(duckdb_connection connection, const char *sql, struct mr_arena *arena,
                      struct mr_slice *ret_error)
{
    duckdb_result result;
    const bool fine = athena_duck.query(connection, sql, &result) == DuckDBSuccess;
    if (!fine)
        *ret_error = mr_arena_printf(arena, "%s: %s", sql, athena_duck.result_error(&result));
    athena_duck.destroy_result(&result);
    return fine;
}

/* DuckDB takes an unknown column of such a name for one of its functions, which would tell of the
 * engine. */
static bool hide_names(duckdb_connection connection, struct mr_arena *arena,
                       struct mr_slice *ret_error)
{
    static const char *const names[] = {"current_user", "session_user",    "user",
                                        "current_role", "current_catalog", "current_schema"};
    char sql[200];
    for (size_t i = 0; i < MR_COUNT(names); i++) {
        snprintf(
            sql, sizeof sql,
            "CREATE OR REPLACE MACRO \"%s\"() AS error('COLUMN_NOT_FOUND: Column ''%s'' cannot "
            "be resolved')",
            names[i], names[i]);
        if (!statement(connection, sql, arena, ret_error))
            return false;
    }
    return true;
}

/* The only folder that stays in reach when access is off. */
static bool allow_folder(struct athena_engine *engine, duckdb_connection connection,
                         struct mr_arena *arena, struct mr_slice *ret_error)
{
    char sql[100];
    if (engine->options.folder == NULL)
        return true;
    if (athena_work_open(&engine->work, engine->options.folder) != MR_OK) {
        *ret_error = MR_S("its folder cannot be opened");
        return false;
    }
    snprintf(sql, sizeof sql, "SET allowed_directories = ['/proc/self/fd/%d/']", engine->work.fd);
    return statement(connection, sql, arena, ret_error);
}

struct maker {
    duckdb_connection connection;
    struct mr_arena *arena;
    struct mr_slice *error;
};

static bool make_macro(void *ctx, const char *sql)
{
    const struct maker *maker = ctx;
    return statement(maker->connection, sql, maker->arena, maker->error);
}

/* Functions of ours first: once access is off nothing can be changed any more. */
static bool set_up(struct athena_engine *engine, duckdb_connection connection,
                   struct mr_arena *arena, struct mr_slice *ret_error)
{
    static const char *const statements[] = {"SET TimeZone = 'UTC'",
                                             "SET default_null_order = 'nulls_last'",
                                             "SET autoinstall_known_extensions = false",
                                             "SET autoload_known_extensions = false",
                                             "SET allow_community_extensions = false",
                                             "SET temp_directory = ''",
                                             "SET enable_external_file_cache = false",
                                             "SET enable_external_access = false",
                                             "SET lock_configuration = true"};
    if (athena_scan_register(connection, &engine->scans) != MR_OK ||
        athena_parquet_register(connection, &engine->scans) != MR_OK ||
        athena_parts_register(connection, &engine->scans) != MR_OK ||
        athena_scalars_register(connection) != MR_OK) {
        *ret_error = MR_S("functions cannot be registered");
        return false;
    }
    struct maker maker = {connection, arena, ret_error};
    if (!hide_names(connection, arena, ret_error) || !athena_macros_make(make_macro, &maker) ||
        !allow_folder(engine, connection, arena, ret_error))
        return false;
    for (size_t i = 0; i < MR_COUNT(statements); i++) {
        if (!statement(connection, statements[i], arena, ret_error))
            return false;
    }
    return true;
}

static bool open_database(struct athena_engine *engine, struct mr_arena *arena,
                          struct mr_slice *ret_error)
{
    char memory[32];
    snprintf(memory, sizeof memory, "%lluMB",
             engine->options.memory_mb + (unsigned long long)(engine->options.cache_bytes >> 19));
    const char *const settings[][2] = {{"threads", engine->options.threads},
                                       {"memory_limit", memory},
                                       {"max_temp_directory_size", "0KB"},
                                       {"allow_unsigned_extensions", "false"}};
    duckdb_config config;
    duckdb_connection connection;
    char *why = NULL;
    if (athena_duck.create_config(&config) != DuckDBSuccess)
        return false;
    for (size_t i = 0; i < MR_COUNT(settings); i++)
        athena_duck.set_config(config, settings[i][0], settings[i][1]);
    const duckdb_state state = athena_duck.open_ext(NULL, &engine->database, config, &why);
    athena_duck.destroy_config(&config);
    if (state != DuckDBSuccess) {
        *ret_error = mr_arena_printf(arena, "%s", why == NULL ? "it cannot be opened" : why);
        athena_duck.free(why);
        engine->database = NULL;
        return false;
    }
    bool fine = athena_duck.connect(engine->database, &connection) == DuckDBSuccess;
    if (fine) {
        fine = set_up(engine, connection, arena, ret_error);
        athena_duck.disconnect(&connection);
    }
    if (!fine)
        athena_duck.close(&engine->database);
    return fine;
}

enum mr_status athena_engine_open(struct athena_engine *engine, struct mr_arena *arena,
                                  struct mr_slice *ret_error)
{
    char why[300];
    struct mr_slice error = MR_S("it cannot be opened");
    enum mr_status status = MR_OK;
    pthread_mutex_lock(&engine->lock);
    if (engine->database == NULL) {
        status = athena_duck_load(engine->options.library, why, sizeof why);
        if (status != MR_OK)
            error = mr_arena_copy(arena, mr_slice_cstr(why));
        else if (!open_database(engine, arena, &error))
            status = MR_NOT_FOUND;
        if (status != MR_OK) {
            *ret_error = error;
            mr_log(MR_LOG_ERROR, "athena", "DuckDB: %.*s", MR_ARG(error));
        }
    }
    pthread_mutex_unlock(&engine->lock);
    return status;
}

/* ---- running ---- */

static struct mr_slice lower_name(struct mr_arena *arena, const char *name, size_t index)
{
    if (strncmp(name, ATHENA_UNNAMED, sizeof ATHENA_UNNAMED - 1) == 0)
        return mr_arena_printf(arena, "_col%zu", index);
    char *copy = mr_arena_cstr(arena, mr_slice_cstr(name));
    for (char *at = copy; *at != '\0'; at++)
        *at = *at >= 'A' && *at <= 'Z' ? (char)(*at + 32) : *at;
    return mr_slice_cstr(copy);
}

/* Milliseconds at least, as Athena shows them. */
static void set_fraction(struct athena_shown *shown, const struct athena_sqltype *type)
{
    const bool moment = type != NULL && (type->kind == SQL_TIME || type->kind == SQL_TIMESTAMP ||
                                         type->kind == SQL_TIMESTAMP_TZ);
    if (moment && type->precision > 3)
        shown->fraction = type->precision;
    for (size_t i = 0; type != NULL && i < type->count && i < shown->child_count; i++)
        set_fraction(&shown->children[i], type->items[i]);
}

/* DuckDB's types are fewer than Trino's. */
static void set_type(struct athena_result_column *column, struct athena_shown *shown,
                     const struct athena_sqltype *type)
{
    if (type == NULL)
        return;
    column->type = athena_sqltype_name(type);
    if (type->kind == SQL_DECIMAL || type->kind == SQL_CHAR ||
        (type->kind == SQL_VARCHAR && type->precision >= 0)) {
        column->precision = type->precision;
        column->scale = type->scale;
    } else if (type->kind == SQL_TIMESTAMP_TZ) {
        column->precision = 3;
    }
    set_fraction(shown, type);
    shown->years = type->kind == SQL_INTERVAL_YEAR;
}

static struct athena_shown *set_columns(struct athena_execution *execution, duckdb_result *result)
{
    struct athena_output *output = execution->output;
    struct mr_arena *arena = execution->arena;
    const size_t count = athena_duck.column_count(result);
    struct athena_shown *shown = MR_NEW_ARRAY(arena, struct athena_shown, count + 1);
    output->columns = MR_NEW_ARRAY(arena, struct athena_result_column, count + 1);
    output->column_count = count;
    for (size_t i = 0; i < count; i++) {
        duckdb_logical_type type = athena_duck.column_logical_type(result, i);
        athena_shown_init(arena, type, &shown[i]);
        athena_duck.destroy_logical_type(&type);
        output->columns[i] = (struct athena_result_column){
            .name = lower_name(arena, athena_duck.column_name(result, i), i),
            .type = shown[i].name,
            .precision = shown[i].precision,
            .scale = shown[i].scale};
        if (execution->fields != NULL && i < execution->fields->count)
            set_type(&output->columns[i], &shown[i], execution->fields->list[i].type);
    }
    return shown;
}

static void put_chunk(struct athena_output *output, const struct athena_shown *shown,
                      duckdb_data_chunk chunk, struct mr_buf *text)
{
    const idx_t rows = athena_duck.data_chunk_get_size(chunk);
    for (idx_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < output->column_count; i++) {
            mr_buf_reset(text);
            if (athena_render(text, &shown[i], athena_duck.data_chunk_get_vector(chunk, i), row))
                athena_output_value(output, mr_buf_slice(text));
            else
                athena_output_null(output);
        }
    }
}

static void keep_error(struct athena_execution *execution, const char *message)
{
    if (message != NULL && execution->error.len == 0)
        execution->error = mr_arena_copy(execution->arena, mr_slice_cstr(message));
}

/* The sink's columns; names are DuckDB's. */
static bool tell_columns(struct athena_execution *execution, duckdb_result *result)
{
    struct mr_arena *arena = execution->arena;
    const size_t count = athena_duck.column_count(result);
    struct athena_shown *shown = MR_NEW_ARRAY(arena, struct athena_shown, count + 1);
    struct mr_slice *names = MR_NEW_ARRAY(arena, struct mr_slice, count + 1);
    for (size_t i = 0; i < count; i++) {
        duckdb_logical_type type = athena_duck.column_logical_type(result, i);
        athena_shown_init(arena, type, &shown[i]);
        athena_duck.destroy_logical_type(&type);
        names[i] = mr_arena_copy(arena, mr_slice_cstr(athena_duck.column_name(result, i)));
    }
    return execution->sink->columns(execution->sink->ctx, shown, names, count);
}

static enum mr_status sink_all(struct athena_execution *execution, duckdb_result *result)
{
    bool fine = execution->sink->columns == NULL || tell_columns(execution, result);
    while (fine && !atomic_load(&execution->handle->cancelled)) {
        duckdb_data_chunk chunk = athena_duck.fetch_chunk(*result);
        if (chunk == NULL)
            break;
        fine = execution->sink->chunk(execution->sink->ctx, chunk);
        athena_duck.destroy_data_chunk(&chunk);
    }
    keep_error(execution, athena_duck.result_error(result));
    return fine && execution->error.len == 0 ? MR_OK : MR_INVALID;
}

static enum mr_status fetch_all(struct athena_execution *execution, duckdb_result *result)
{
    struct mr_buf text = {0};
    if (execution->sink != NULL)
        return sink_all(execution, result);
    const struct athena_shown *shown = set_columns(execution, result);
    if (execution->output->csv)
        athena_output_header(execution->output);
    for (;;) {
        if (atomic_load(&execution->handle->cancelled))
            break;
        duckdb_data_chunk chunk = athena_duck.fetch_chunk(*result);
        if (chunk == NULL)
            break;
        put_chunk(execution->output, shown, chunk, &text);
        athena_duck.destroy_data_chunk(&chunk);
    }
    keep_error(execution, athena_duck.result_error(result));
    mr_buf_fini(&text);
    return execution->error.len > 0 ? MR_INVALID : MR_OK;
}

static enum mr_status run_prepared(struct athena_execution *execution,
                                   duckdb_prepared_statement prepared)
{
    duckdb_pending_result pending = NULL;
    duckdb_result result;
    enum mr_status status = MR_INVALID;
    const duckdb_statement_type type = athena_duck.prepared_statement_type(prepared);
    if (type != DUCKDB_STATEMENT_TYPE_SELECT &&
        !(execution->copy && type == DUCKDB_STATEMENT_TYPE_COPY)) {
        keep_error(execution, "NOT_SUPPORTED: Queries of this type are not supported");
        return MR_INVALID;
    }
    if (athena_duck.pending_prepared_streaming(prepared, &pending) != DuckDBSuccess) {
        keep_error(execution, athena_duck.pending_error(pending));
    } else if (athena_duck.execute_pending(pending, &result) != DuckDBSuccess) {
        keep_error(execution, athena_duck.result_error(&result));
        athena_duck.destroy_result(&result);
    } else {
        status = fetch_all(execution, &result);
        athena_duck.destroy_result(&result);
    }
    athena_duck.destroy_pending(&pending);
    return status;
}

/* Exactly one statement: the translator makes no other, and this would say so. */
static duckdb_prepared_statement prepare(struct athena_execution *execution,
                                         duckdb_connection connection)
{
    duckdb_extracted_statements statements = NULL;
    duckdb_prepared_statement prepared = NULL;
    const idx_t count = athena_duck.extract_statements(connection, execution->sql, &statements);
    if (count != 1) {
        keep_error(execution, count == 0 ? athena_duck.extract_statements_error(statements)
                                         : "Only one sql statement is allowed");
    } else if (athena_duck.prepare_extracted_statement(connection, statements, 0, &prepared) !=
               DuckDBSuccess) {
        keep_error(execution, athena_duck.prepare_error(prepared));
        athena_duck.destroy_prepare(&prepared);
        prepared = NULL;
    }
    athena_duck.destroy_extracted(&statements);
    return prepared;
}

/* Makes the function that a division of decimals needs and puts its name into the text. False: that
 * is not what is wrong. */
static bool mend_division(struct athena_engine *engine, struct athena_execution *execution,
                          duckdb_connection connection)
{
    struct athena_decimals note;
    enum mr_status status = MR_OK;
    if (!athena_decimals_read(execution->error, &note))
        return false;
    struct mr_slice name = athena_decimals_name(execution->arena, &note);
    char *sql = athena_decimals_patch(execution->arena, execution->sql, &note);
    pthread_mutex_lock(&engine->lock);
    if (mr_map_get(&engine->decimals, name) == NULL) {
        status = athena_decimals_register(connection, &note);
        if (status == MR_OK)
            mr_map_put(&engine->decimals, name, engine);
    }
    pthread_mutex_unlock(&engine->lock);
    if (status != MR_OK || sql == NULL)
        return false;
    execution->sql = sql;
    execution->error = MR_S("");
    return true;
}

static enum mr_status run_connected(struct athena_engine *engine,
                                    struct athena_execution *execution,
                                    duckdb_connection connection)
{
    duckdb_prepared_statement prepared = prepare(execution, connection);
    for (int tries = 0; prepared == NULL && tries < DIVISIONS_MAX; tries++) {
        if (!mend_division(engine, execution, connection))
            break;
        prepared = prepare(execution, connection);
    }
    if (prepared == NULL)
        return MR_INVALID;
    enum mr_status status = run_prepared(execution, prepared);
    athena_duck.destroy_prepare(&prepared);
    return status;
}

/* No semicolon outside quotes: parsing the text only to count statements takes as long as planning
 * a small query. */
static bool is_one_statement(const char *sql)
{
    char quote = '\0';
    for (; *sql != '\0'; sql++) {
        if (*sql == ';' && quote == '\0')
            return false;
        if ((*sql == '\'' || *sql == '"') && (quote == '\0' || quote == *sql))
            quote = quote == '\0' ? *sql : '\0';
    }
    return quote == '\0';
}

/* Whether a query that failed so may do better when it is prepared and its rows are taken as they
 * come. */
static bool is_for_preparing(struct mr_slice message)
{
    struct athena_decimals note;
    return athena_decimals_read(message, &note) ||
           mr_slice_starts_with(message, MR_S("Out of Memory Error"));
}

/* As run_connected, but without preparing: DuckDB plans a query over files a second time when it is
 * run as prepared, for they may be others by then. The result is in memory before it is taken.
 * MR_FULL: it has to be prepared; nothing was taken. */
static enum mr_status run_at_once(struct athena_execution *execution, duckdb_connection connection)
{
    duckdb_result result;
    enum mr_status status = MR_INVALID;
    if (!is_one_statement(execution->sql))
        return MR_FULL;
    if (athena_duck.query(connection, execution->sql, &result) == DuckDBSuccess) {
        status = fetch_all(execution, &result);
    } else {
        const char *message = athena_duck.result_error(&result);
        if (message == NULL || is_for_preparing(mr_slice_cstr(message)))
            status = MR_FULL;
        else
            keep_error(execution, message);
    }
    athena_duck.destroy_result(&result);
    return status;
}

static bool take_connection(struct athena_engine *engine, duckdb_connection *ret_connection)
{
    pthread_mutex_lock(&engine->lock);
    const bool spare = engine->spare_count > 0;
    if (spare)
        *ret_connection = engine->spare[--engine->spare_count];
    pthread_mutex_unlock(&engine->lock);
    return spare || athena_duck.connect(engine->database, ret_connection) == DuckDBSuccess;
}

/* Only one whose query ended well is used again. */
static void give_connection(struct athena_engine *engine, duckdb_connection connection, bool well)
{
    pthread_mutex_lock(&engine->lock);
    const bool keep = well && engine->spare_count < ATHENA_SPARE_CONNECTIONS;
    if (keep)
        engine->spare[engine->spare_count++] = connection;
    pthread_mutex_unlock(&engine->lock);
    if (!keep)
        athena_duck.disconnect(&connection);
}

/* So that it can be interrupted. */
static void hold(struct athena_handle *handle, duckdb_connection connection)
{
    if (handle == NULL)
        return;
    pthread_mutex_lock(&handle->lock);
    handle->connection = connection;
    pthread_mutex_unlock(&handle->lock);
}

enum mr_status athena_engine_run(struct athena_engine *engine, struct athena_execution *execution)
{
    struct athena_handle *handle = execution->handle;
    duckdb_connection connection;
    enum mr_status status = athena_engine_open(engine, execution->arena, &execution->error);
    if (status != MR_OK)
        return status;
    if (!take_connection(engine, &connection)) {
        keep_error(execution, "no connection to DuckDB");
        return MR_INVALID;
    }
    hold(handle, connection);
    status = atomic_load(&handle->cancelled) ? MR_END : MR_FULL;
    if (status == MR_FULL && execution->bounded)
        status = run_at_once(execution, connection);
    if (status == MR_FULL)
        status =
            atomic_load(&handle->cancelled) ? MR_END : run_connected(engine, execution, connection);
    hold(handle, NULL);
    const bool cancelled = atomic_load(&handle->cancelled);
    give_connection(engine, connection, status == MR_OK && !cancelled);
    if (cancelled)
        return MR_END;
    if (status == MR_INVALID && execution->error.len == 0)
        execution->error = MR_S("INTERNAL Error: the query failed without a message");
    return status;
}

enum mr_status athena_engine_command(struct athena_engine *engine, struct athena_handle *handle,
                                     struct mr_arena *arena, const char *sql,
                                     struct mr_slice *ret_error)
{
    duckdb_connection connection;
    if (!take_connection(engine, &connection)) {
        *ret_error = MR_S("no connection to DuckDB");
        return MR_INVALID;
    }
    hold(handle, connection);
    bool cancelled = handle != NULL && atomic_load(&handle->cancelled);
    const bool well = !cancelled && statement(connection, sql, arena, ret_error);
    hold(handle, NULL);
    cancelled = handle != NULL && atomic_load(&handle->cancelled);
    give_connection(engine, connection, well && !cancelled);
    return cancelled ? MR_END : well ? MR_OK : MR_INVALID;
}
