/* athena/value.h: one value, from JSON or text, into a row of a DuckDB vector, converted as
 * Athena's SerDes do. */
#pragma once
#include "athena/duck.h"
#include "athena/types.h"
#include <yyjson.h>

__extension__ typedef __int128 athena_i128;

enum athena_value_outcome {
    ATHENA_VALUE_OK,
    ATHENA_VALUE_BAD, /* see the writer's message */
    ATHENA_VALUE_RAW, /* numbers must keep their text: read the record again with
                         YYJSON_READ_NUMBER_AS_RAW */
};
/* A zeroed one is ready. */
struct athena_writer {
    /* Borrowed: patterns of Joda-Time's and "millis", with commas between, by which timestamps are
     * read before they are read as usual (the property timestamp.formats). */
    struct mr_slice moment_formats;
    char message[200];
    struct mr_buf scratch;
};
void athena_writer_fini(struct athena_writer *writer);

/* `value` may be NULL: the member is missing. */
MR_MUST_USE enum athena_value_outcome athena_value_json(struct athena_writer *writer,
                                                        duckdb_vector vector, idx_t row,
                                                        const struct athena_type *type,
                                                        yyjson_val *value);
/* A field of delimited text, or a partition's value. Nested types are refused. */
MR_MUST_USE enum athena_value_outcome athena_value_text(struct athena_writer *writer,
                                                        duckdb_vector vector, idx_t row,
                                                        const struct athena_type *type,
                                                        struct mr_slice text);
void athena_value_null(duckdb_vector vector, idx_t row, const struct athena_type *type);
/* Room for `more` elements at the end of the child of a list, which are the row's; returns where
 * they begin. */
idx_t athena_list_grow(duckdb_vector vector, idx_t row, idx_t more);
/* DuckDB's type of a Hive type; destroy it. */
duckdb_logical_type athena_logical_type(const struct athena_type *type);
/* "2026-07-03", with or without " 10:11:12.123", 'T', 'Z': microseconds since 1970. False: it is
 * none. */
bool athena_parse_moment(struct mr_slice text, int64_t *ret_micros);
/* Scaled integer of decimal text, rounded half up. False: no number, or it does not fit. */
bool athena_parse_decimal(struct mr_slice text, int precision, int scale, athena_i128 *ret_value);
