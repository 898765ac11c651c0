/* athena/maintain.h: OPTIMIZE and VACUUM of Iceberg tables.
 *
 * OPTIMIZE. Data files of a partition that are too small, too large, or that many delete files
 * concern are read with their deletes applied and written anew (bins of about the target size). The
 * commit takes place on what the table is by then: what others committed meanwhile stays. New files
 * carry the sequence number of the snapshot that was read, so that equality deletes committed later
 * still reach their rows, and those applied do not a second time. Position deletes committed
 * meanwhile, or a rewritten file that is gone, start it over. One journal entry holds objects and
 * catalog.
 *
 * VACUUM. Snapshots expire by one commit; then files that no snapshot that is left names are
 * deleted, and those below data/ and metadata/ that none ever named and that are old. A crash in
 * between leaves files that the next VACUUM finds. */
#pragma once
#include "athena/internal.h"
#include "athena/source_iceberg.h"

struct athena_maintenance {
    struct athena *athena;
    struct mr_arena *arena;
    struct athena_handle *handle;
    struct athena_error *error;
    const struct athena_statement *statement;
    struct mr_slice database;
    struct athena_source *source;
    struct iceberg ice;
    struct athena_node *const *parameters; /* for ? */
    size_t parameter_count;
    int64_t ticket; /* of the commit; 0: none */
};
/* MR_INVALID: the error is set. MR_END: cancelled. */
MR_MUST_USE enum mr_status athena_optimize(struct athena_maintenance *job);
MR_MUST_USE enum mr_status athena_vacuum(struct athena_maintenance *job);

/* ---- maintain.c ---- */
MR_MUST_USE enum mr_status athena_maintain_fail(struct athena_maintenance *job, const char *code,
                                                const char *format, ...) MR_PRINTF(3, 4);
/* The statement's table as it is now, which is the moment of job->ice and job->source from here on.
 * MR_INVALID: the error is set. */
MR_MUST_USE enum mr_status athena_maintain_load(struct athena_maintenance *job,
                                                struct iceberg_table *ret_table);
/* A number among the table's properties, "optimize_rewrite_...", at least `least`. */
int64_t athena_maintain_number(const struct iceberg_table *table, const char *name,
                               int64_t fallback, int64_t least);
