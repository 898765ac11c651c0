/* athena/render.h: values of DuckDB's vectors as Athena's texts: doubles in Java's way, timestamps
 * with milliseconds or what their type has more, [1, 2], {a=1, b=x}. */
#pragma once
#include "athena/duck.h"
#include "base/arena.h"
#include "base/buf.h"

struct athena_shown { /* a type, as it is shown */
    duckdb_type id;
    const char *name; /* Athena's: "varchar", "decimal", ... */
    int precision, scale;
    duckdb_type internal;          /* of decimals */
    struct athena_shown *children; /* element; key and value; fields */
    struct mr_slice *names;
    size_t child_count;
    size_t array_size; /* of fixed-size arrays */
    bool years;        /* an interval of years and months, even if it is none of them */
    int fraction;      /* digits of a moment's seconds */
};
/* "2026-07-03 10:11:12.123", or (time) the part of it behind the blank. */
void athena_render_moment(struct mr_buf *buf, int64_t micros, int fraction);
void athena_render_time(struct mr_buf *buf, int64_t micros, int fraction);
void athena_shown_init(struct mr_arena *arena, duckdb_logical_type type,
                       struct athena_shown *ret_shown);
/* Appends the text. False: it is NULL, nothing is appended. */
bool athena_render(struct mr_buf *buf, const struct athena_shown *shown, duckdb_vector vector,
                   idx_t row);
void athena_render_double(struct mr_buf *buf, double value, bool is_float);
/* "1.25E2"; finite values. */
void athena_render_exponential(struct mr_buf *buf, double value, bool is_float);
/* The type in Trino's words: "array(integer)". */
void athena_render_type(struct mr_buf *buf, const struct athena_shown *shown);
