/* verify/verify.h: audits what a data folder holds: whether each acknowledged change that is still
 * in the journal landed exactly once, in order and undamaged.
 *
 * It reads with its own eyes: segment files byte by byte (journal/scan.h), the stored documents,
 * cursors and records as of one moment, and every byte of the objects. It trusts no counter, and of
 * cursors only that they say how far a stage claims to be. Nothing is written.
 *
 * Memory is bounded (VERIFY_EVENTS_MAX); what is older than that is not audited, and the report
 * says so. Threads: one audit is one thread; the server goes on beside it. */
#pragma once
#include "base/json.h"
#include "streams/streams.h"
#include "view/store.h"

enum {
    VERIFY_EVENTS_MAX = 4 << 20, /* changes and records in memory: the newest */
    VERIFY_FINDINGS_MAX = 1000,  /* named; the rest is counted */
    VERIFY_KEYS_MAX = 2 << 20,   /* of the view, compared in one pass over the journal */
};
struct verify_options {
    struct store *store;
    struct streams *streams;
    bool serving; /* others write meanwhile */
};
/* Appends the report, a JSON object: "clean", "findings" (each with "kind" and "what", and what
 * applies of "item", "sequence", "object", "line", "offset", "file", "position", "pipe",
 * "delivery"), "counts" by kind, "stages", "remarks". *ret_found: how many findings. < 0: it could
 * not be run to its end. */
MR_MUST_USE enum mr_status verify_run(const struct verify_options *options, struct mr_buf *report,
                                      uint64_t *ret_found);
/* The journal's files alone, for a folder that cannot be opened: `folder` is the data folder. */
MR_MUST_USE enum mr_status verify_journal(const char *folder, struct mr_buf *report,
                                          uint64_t *ret_found);
