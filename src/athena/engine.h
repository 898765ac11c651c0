/* athena/engine.h: one DuckDB instance for all queries, opened with the first, shut off from files,
 * network and settings.
 *
 * A query has a connection for itself while it runs. Any number of threads may run queries;
 * DuckDB's own threads are shared. */
#pragma once
#include "athena/output.h"
#include "athena/render.h"
#include "athena/scan.h"
#include "athena/translate.h"
#include "athena/work.h"
#include "base/map.h"

struct athena_engine_options {
    const char *library;  /* of DuckDB; NULL: looked for */
    unsigned memory_mb;   /* of queries */
    uint64_t cache_bytes; /* of columns that are kept for them (cache.h), beside that */
    const char *threads;  /* "2" */
    const char *folder;   /* of the data, for files DuckDB reads and writes; NULL: none */
};
enum { ATHENA_SPARE_CONNECTIONS = 4 };
struct athena_engine {
    struct athena_engine_options options;
    pthread_mutex_t lock;                              /* of opening */
    duckdb_database database;                          /* by lock; NULL until the first query */
    duckdb_connection spare[ATHENA_SPARE_CONNECTIONS]; /* by lock; of queries that have ended */
    size_t spare_count;
    struct mr_map decimals; /* by lock; names of functions made for divisions of decimals */
    struct athena_scans scans;
    struct athena_work work; /* open from the first query on */
    struct athena_footers *footers;
    struct athena_cache *cache;
};
void athena_engine_init(struct athena_engine *engine, const struct athena_engine_options *options);
void athena_engine_fini(struct athena_engine *engine); /* no query runs */

/* A query that runs: what others need to stop it. */
struct athena_handle {
    pthread_mutex_t lock;
    duckdb_connection connection; /* by lock; NULL while none is open */
    atomic_bool cancelled;
};
void athena_handle_init(struct athena_handle *handle);
void athena_handle_fini(struct athena_handle *handle);
void athena_handle_cancel(struct athena_handle *handle); /* any thread */

/* Takes rows as they come instead of an output; `columns` may be NULL. False: the query ends with
 * MR_INVALID. */
struct athena_sink {
    bool (*columns)(void *ctx, const struct athena_shown *shown, const struct mr_slice *names,
                    size_t count);
    bool (*chunk)(void *ctx, duckdb_data_chunk chunk);
    void *ctx;
};
struct athena_execution {
    struct mr_arena *arena;
    const char *sql; /* one SELECT in DuckDB's words */
    struct athena_handle *handle;
    struct athena_output *output; /* initialised; gets columns, header and rows; or: */
    struct athena_sink *sink;
    const struct athena_fields *fields; /* the columns' types in Trino's words; NULL: DuckDB's */
    bool copy;                          /* it may be a COPY into the query's folder */
    bool bounded;          /* its result is small, or no larger than what DuckDB holds to make it */
    struct mr_slice error; /* DuckDB's message, when it failed */
};
/* MR_NOT_FOUND: DuckDB cannot be loaded or opened; error says why. MR_INVALID: the query failed;
 * see error. MR_END: it was cancelled. */
MR_MUST_USE enum mr_status athena_engine_open(struct athena_engine *engine, struct mr_arena *arena,
                                              struct mr_slice *ret_error);
MR_MUST_USE enum mr_status athena_engine_run(struct athena_engine *engine,
                                             struct athena_execution *execution);
/* A statement of ours that gives no rows. `handle` may be NULL. MR_INVALID: it failed, as the error
 * in the arena says. MR_END: it was cancelled. */
MR_MUST_USE enum mr_status athena_engine_command(struct athena_engine *engine,
                                                 struct athena_handle *handle,
                                                 struct mr_arena *arena, const char *sql,
                                                 struct mr_slice *ret_error);
