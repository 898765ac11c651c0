/* journal/scan.h: reads the segment files of a journal as they lie on the disk, whatever state they
 * are in: for audits. Nothing is written, nothing is trusted: every header and body is checked, and
 * what is damaged is told and passed over, where journal_next and journal_open would refuse.
 *
 * The folder may belong to a journal that is open, as long as `until` is durable there and nobody
 * drops the segments. Any thread. */
#pragma once
#include "journal/journal.h"

struct journal_damage {
    const char *file; /* its name in the folder; borrowed for the call */
    uint64_t offset;  /* in the file */
    int64_t position; /* where the damage begins */
    uint64_t bytes;   /* until the next entry that is whole; 0: unknown, the rest of the file */
    const char *what;
};
struct journal_scan {
    const char *folder;
    int64_t from, until; /* entries that start at or after `from` and end at or before `until` */
    /* Ops borrowed for the call; MR_END stops quietly, others are returned. */
    enum mr_status (*on_entry)(void *ctx, const struct journal_op *ops, size_t count);
    void (*on_damage)(void *ctx, const struct journal_damage *damage); /* NULL: passed over */
    void *ctx;
    int64_t first; /* result: position of the first entry that could be there */
};
/* `until` INT64_MAX: to the end, which is where the newest segment has no entry any more and no
 * later one proves that there was one. MR_FAIL_IO: a file cannot be read. */
MR_MUST_USE enum mr_status journal_scan_run(struct journal_scan *scan);
