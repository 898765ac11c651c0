/* firehose/convert.h: DataFormatConversionConfiguration: records of JSON into one Parquet file by
 * the schema of a Glue table, when a buffer lands. */
#pragma once
#include "firehose/buffers.h"
#include "firehose/parquet.h"
#include "glue/glue.h"

struct conversion {
    bool enabled;
    struct mr_slice catalog, database, table, region;
    struct mr_slice version; /* of the table; empty: its latest */
    bool exact_case;         /* CaseInsensitive false */
    bool dots;               /* ConvertDotsInJsonKeysToUnderscores */
    yyjson_val *mappings;    /* ColumnToJsonKeyMappings: column -> key; or NULL */
    yyjson_val *formats;     /* TimestampFormats: a list that is not empty; or NULL */
    struct parquet_options parquet;
};
/* What AWS refuses of a description, and what is not supported. MR_INVALID with `message`. */
MR_MUST_USE enum mr_status conversion_check(yyjson_val *description, char message[static 512]);
void conversion_read(yyjson_val *description, struct conversion *ret_conversion);

/* Whether the table is there and its columns can be written: MR_OK, or MR_AGAIN with `message`. */
MR_MUST_USE enum mr_status conversion_schema_check(const struct conversion *conversion,
                                                   struct glue *glue, char message[static 512]);

/* Why a record was not converted. */
struct conversion_failure {
    const struct buffer_record *record;
    struct mr_slice data;
    const char *code;
    struct mr_slice message;
};
struct conversion_output {
    struct mr_buf *file; /* appended to when a record was converted */
    uint64_t converted;
    void (*failed)(void *ctx, const struct conversion_failure *failure);
    void *ctx;
};
/* MR_AGAIN: there is no such table, or it has columns that cannot be written; `message` says so. */
MR_MUST_USE enum mr_status conversion_run(const struct conversion *conversion, struct glue *glue,
                                          const struct buffer *buffer,
                                          struct conversion_output *output,
                                          char message[static 512]);
