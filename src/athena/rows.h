/* athena/rows.h: scalar functions inside DuckDB that see one row at a time.
 *
 * No row with a NULL among the arguments reaches a function: its result is NULL. A function gives
 * its result through one of the put calls, NULL when it calls none, or fails: then it returns false
 * and `message` begins with the name that Athena gives the error. */
#pragma once
#include "athena/duck.h"
#include "base/buf.h"

enum { ATHENA_ROW_INPUTS = 4 };

struct athena_row {
    const void *data[ATHENA_ROW_INPUTS];
    void *result;
    duckdb_vector output;
    idx_t at;
    bool done; /* a result was put */
    struct athena_kept_set
        *kept;          /* NULL until a function takes one; given back behind the last row */
    struct mr_buf text; /* to build a text in; empty for each row */
    struct mr_buf message;
};
struct athena_row_function {
    const char *name;
    duckdb_type arguments[ATHENA_ROW_INPUTS]; /* up to DUCKDB_TYPE_INVALID */
    duckdb_type result;
    bool (*run)(struct athena_row *row);
};
struct mr_slice athena_row_slice(const struct athena_row *row, size_t input);
int64_t athena_row_integer(const struct athena_row *row, size_t input); /* of BIGINT */
double athena_row_double(const struct athena_row *row, size_t input);
bool athena_row_boolean(const struct athena_row *row, size_t input);
void athena_row_put_text(struct athena_row *row, struct mr_slice text); /* VARCHAR, BLOB */
void athena_row_put_integer(struct athena_row *row, int64_t value);     /* 64 bits wide */
void athena_row_put_narrow(struct athena_row *row, int32_t value);      /* DATE, INTEGER */
void athena_row_put_double(struct athena_row *row, double value);
/* A zone by its distance from UTC: "UTC", "+05:30". */
void athena_row_put_offset(struct athena_row *row, int64_t minutes);
void athena_row_put_boolean(struct athena_row *row, bool value);
/* In a message: a line's end, which DuckDB would take for that of the message. */
#define ATHENA_LINE_END "\x1f"
bool athena_row_fail(struct athena_row *row, const char *format, ...) MR_PRINTF(2, 3);

/* A text by a pattern of Joda-Time's, in UTC unless it says otherwise: microseconds since 1970.
 * False: it is none, or the pattern is none. Of scalars_joda.c. */
bool athena_joda_moment(struct mr_slice text, struct mr_slice pattern, int64_t *ret_micros);
/* A text that Trino reads as a double; of scalars_numbers.c. */
bool athena_text_double(struct mr_slice text, double *ret);

/* A table of functions; those of one name stand together: they are the overloads of one. */
struct athena_overloads {
    const void *table;
    size_t count;
    const char *(*name)(const void *table, size_t index);
    duckdb_scalar_function (*make)(const void *table, size_t index);
};
MR_MUST_USE enum mr_status athena_overloads_register(duckdb_connection connection,
                                                     const struct athena_overloads *all);
/* Name and parameters, up to DUCKDB_TYPE_INVALID and at most `most`. */
void athena_overload_begin(duckdb_scalar_function function, const char *name,
                           const duckdb_type *arguments, size_t most);
/* Rows of one name stand together: they are the overloads of one function. */
MR_MUST_USE enum mr_status athena_rows_register(duckdb_connection connection,
                                                const struct athena_row_function *functions,
                                                size_t count);
/* Those of the files scalars_*.c. */
MR_MUST_USE enum mr_status athena_texts_register(duckdb_connection connection);
MR_MUST_USE enum mr_status athena_bytes_register(duckdb_connection connection);
MR_MUST_USE enum mr_status athena_numbers_register(duckdb_connection connection);
MR_MUST_USE enum mr_status athena_format_register(duckdb_connection connection);
MR_MUST_USE enum mr_status athena_json_register(duckdb_connection connection);
MR_MUST_USE enum mr_status athena_jsonget_register(duckdb_connection connection);
MR_MUST_USE enum mr_status athena_jsoncast_register(duckdb_connection connection);
MR_MUST_USE enum mr_status athena_lists_register(duckdb_connection connection);
MR_MUST_USE enum mr_status athena_moments_register(duckdb_connection connection);
MR_MUST_USE enum mr_status athena_normalize_register(duckdb_connection connection);
MR_MUST_USE enum mr_status athena_weighted_register(duckdb_connection connection);
MR_MUST_USE enum mr_status athena_joda_register(duckdb_connection connection);
MR_MUST_USE enum mr_status athena_regex_register(duckdb_connection connection);
MR_MUST_USE enum mr_status athena_geometry_register(duckdb_connection connection);
MR_MUST_USE enum mr_status athena_geoforms_register(duckdb_connection connection);
MR_MUST_USE enum mr_status athena_geos_register(duckdb_connection connection);
MR_MUST_USE enum mr_status athena_overlay_register(duckdb_connection connection);
MR_MUST_USE enum mr_status athena_bingtile_register(duckdb_connection connection);
MR_MUST_USE enum mr_status athena_ipaddress_register(duckdb_connection connection);
MR_MUST_USE enum mr_status athena_stem_register(duckdb_connection connection);
MR_MUST_USE enum mr_status athena_match_register(duckdb_connection connection);
