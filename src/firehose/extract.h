/* firehose/extract.h: partition keys by a query of JQ 1.6.
 *
 * A query is a program of the user's: it may loop, eat memory, or trip over a fault of the library.
 * So it runs in a process of its own, `millrace jq QUERY`, with limits of time and memory, and its
 * end is the failure of one record. That process reads records from its standard input (4 bytes of
 * length, little-endian, then the bytes) and writes a line for each: the first value that the query
 * gives, as JSON, or "!" and why there is none. Its first line, "ok" or "!" and why, is about the
 * query itself.
 *
 * Threads: an extractor is used by one thread at a time; it blocks. */
#pragma once
#include "base/arena.h"
#include "runtime/runtime.h"

enum {
    EXTRACT_MEMORY_BYTES = 512 << 20, /* of the process */
    EXTRACT_START_MS = 20000,
    EXTRACT_RECORD_MS = 5000, /* for one record */
};
struct extractor;
/* MR_INVALID: the query is none; `message` says why. MR_AGAIN: the process cannot be started now.
 */
MR_MUST_USE enum mr_status extractor_open(struct runtime *runtime, struct mr_slice query,
                                          struct extractor **ret_extractor,
                                          char message[static 512]);
void extractor_close(struct extractor *extractor); /* accepts NULL */
/* One line a record, in the arena. MR_AGAIN: the process cannot be started again now. */
MR_MUST_USE enum mr_status extractor_run(struct extractor *extractor, struct mr_arena *arena,
                                         const struct mr_slice *records, size_t count,
                                         struct mr_slice *ret_lines);

/* ---- jq.c ---- */
/* The process: runs until its input ends. Returns the exit status. */
int jq_main(int argc, char **argv);

/* ---- query.c ---- */
/* Calls fn for each key of a query that builds an object, "{a: .x, "b": .y}", until it returns
 * false; returns what it did. A query of another form has none that can be told. */
bool query_each_key(struct mr_slice query, bool (*fn)(void *ctx, struct mr_slice key), void *ctx);
