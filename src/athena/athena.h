/* athena/athena.h: SQL over the tables of the Glue catalog: queries, their results in S3,
 * workgroups, named queries.
 *
 * A query runs on a worker of the runtime; some run side by side, others wait in a bounded queue.
 * Its record is a document in the store: state, statistics and columns survive a restart, and what
 * ran when the process died is FAILED afterwards. DuckDB's library is loaded with the first query.
 */
#pragma once
#include "base/rng.h"
#include "glue/glue.h"
#include "protocol/protocol.h"
#include "runtime/runtime.h"
#include "s3/s3.h"
#include "view/store.h"

struct athena;
struct athena_options {
    struct store *store;
    struct runtime *runtime;
    struct mr_rng *rng;
    struct s3 *s3;
    struct glue *glue;
    const char *duckdb_library; /* path of libduckdb.so; NULL: looked for (README.md) */
    uint64_t cache_bytes; /* of Parquet columns that queries ask for again; 0: none are kept */
};
/* For glue_options: Glue stands below, and its crawlers know Grok by what reads it. */
extern const struct glue_grok_engine athena_grok_engine;
MR_MUST_USE enum mr_status athena_open(struct athena **ret_athena,
                                       const struct athena_options *options);
void athena_register(struct athena *athena, struct protocol *protocol);
struct athena_cache_stats { /* of what is kept for queries (cache.h) */
    uint64_t bytes, tables; /* now */
    uint64_t hits, loads, evictions;
};
void athena_cache_stats_get(struct athena *athena, struct athena_cache_stats *ret_stats);
void athena_close(struct athena *athena); /* cancels what runs, waits for it; accepts NULL */
