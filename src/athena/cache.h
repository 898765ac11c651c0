/* athena/cache.h: columns of Parquet objects that queries ask for again, decoded and in memory.
 *
 * The second query within ATHENA_CACHE_AGAIN_MS that reads columns of an object has them put into a
 * table of DuckDB's, in a database in memory that is packed (dictionaries, ALP, bit packing); its
 * worker does so once the client can see the result. Later queries read that table. A body never
 * changes, so what is kept is never stale, and a query finds its objects by name as before: this
 * only replaces decoding them. What Athena counts as scanned stays the same.
 *
 * Objects are worth it when a scan has ATHENA_CACHE_ROWS_MIN rows and not more than
 * ATHENA_CACHE_PIECES objects. Memory is bounded: `bytes` of packed columns, of which those go
 * first that were used least lately, and as much again while one object is read.
 *
 * Any thread. */
#pragma once
#include "athena/athena.h"
#include "athena/scan.h"
#include "athena/work.h"

enum {
    ATHENA_CACHE_AGAIN_MS = 10 * 60 * 1000,
    ATHENA_CACHE_ROWS_MIN = 50000,
    ATHENA_CACHE_PIECES = 64,
    ATHENA_CACHE_OBJECTS = 2048,   /* that it has something to say about */
    ATHENA_CACHE_VALUE_BYTES = 16, /* of a value that is not packed yet, to judge what fits */
};
/* A table's name for SQL. */
#define ATHENA_CACHE_TABLE "mr_cache.t%llu"

struct athena_engine;
struct athena_footer_column;
struct athena_cache;

/* `bytes` 0: it keeps nothing. */
struct athena_cache *athena_cache_new(struct athena_engine *engine, uint64_t bytes);
void athena_cache_free(struct athena_cache *cache); /* no query runs; accepts NULL */
void athena_cache_stats(struct athena_cache *cache, struct athena_cache_stats *ret_stats);
/* Interrupts what is being loaded and loads no more; an interrupt may come too early, so it is to
 * be repeated until no query runs. */
void athena_cache_stop(struct athena_cache *cache);

/* Whether all objects of the scan have a table, of whichever columns. */
bool athena_cache_has(struct athena_cache *cache, const struct athena_scan *scan);
/* Notes that a query reads the scan, whose footer is known and fits. True: all that it reads is
 * kept, in a table for each object that stays until athena_cache_close. */
bool athena_cache_open(struct athena_cache *cache, struct athena_scan *scan);
/* While it is: the table of an object, and whether it has a column, which is the scan's footer's.
 */
unsigned long long athena_cache_table(const struct athena_scan *scan, size_t piece);
bool athena_cache_reads(const struct athena_scan *scan, const struct athena_footer_column *column);
/* Loads what athena_cache_open found that is to be: the folder has the objects, and chunk_bytes is
 * known. */
void athena_cache_load(struct athena_cache *cache, struct athena_scan *scan,
                       const struct athena_work_folder *folder);
void athena_cache_close(struct athena_cache *cache, struct athena_scan *scan);
