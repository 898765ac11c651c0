/* cli/athena.h: runs one statement through Athena and reads its result. */
#pragma once
#include "cli/client.h"

struct athena_job {
    const char *sql, *database, *workgroup; /* the latter two may be NULL */
    const char *output;                     /* s3:// location, or NULL: the workgroup's */
};
struct athena_table {
    size_t columns, rows;
    struct mr_slice *names; /* columns */
    struct mr_slice *types; /* columns: "varchar", "bigint" */
    struct mr_slice *cells; /* rows * columns; ptr NULL: null */
};
/* Memory from `arena`. At most `rows_max` rows are fetched. MR_FAULT: it failed (told on stderr).
 */
MR_MUST_USE enum mr_status athena_run(struct client *client, struct mr_arena *arena,
                                      const struct athena_job *job, size_t rows_max,
                                      struct athena_table *ret_table);
/* Aligned columns with a header; at most `rows_max` rows, then how many more there are. */
void athena_print(const struct athena_table *table, size_t rows_max);
