/* athena/output.h: the result of a query as it is stored in S3: <id>.csv (or .txt) and
 * <id>.csv.metadata.
 *
 * CSV: every value in double quotes, quotes inside doubled, NULL nothing at all, the header first.
 * Text: values with tabs between them, no header. Rows beyond ATHENA_OUTPUT_MEMORY go through an
 * unlinked file, so memory stays bounded. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum { ATHENA_OUTPUT_MEMORY = 4 << 20 };

struct athena_result_column {
    struct mr_slice name;
    const char *type; /* Athena's word */
    int precision, scale;
};
struct athena_output {
    struct athena_result_column *columns; /* in the query's arena */
    size_t column_count;
    bool csv;
    uint64_t rows; /* without the header */
    /* private */
    struct mr_buf buf;
    const char *folder; /* for the unlinked file */
    int fd;             /* -1: none yet */
    uint64_t file_bytes;
    size_t at; /* column of the next value */
    bool failed;
};
/* `folder` must outlive it. */
void athena_output_init(struct athena_output *output, const char *folder, bool csv);
void athena_output_fini(struct athena_output *output);
void athena_output_header(struct athena_output *output); /* CSV only; columns must be set */
/* The next value of the row; the row ends by itself with its last one. */
void athena_output_value(struct athena_output *output, struct mr_slice text);
void athena_output_null(struct athena_output *output);
/* All bytes; valid until fini. MR_FAIL_IO. */
MR_MUST_USE enum mr_status athena_output_bytes(struct athena_output *output,
                                               struct mr_slice *ret_bytes);
/* The protobuf beside the result. */
void athena_output_metadata(const struct athena_output *output, struct mr_slice query_id,
                            struct mr_buf *buf);
