/* athena/hive.h: between DuckDB's types of a result and Hive's of a table, and rows in the texts
 * that Hive's SerDes write. */
#pragma once
#include "athena/render.h"
#include "athena/types.h"

/* The Hive type that a column of a result is stored as. False: it cannot be stored. */
bool athena_type_of_shown(struct mr_arena *arena, const struct athena_shown *shown,
                          struct athena_type *ret_type);
/* "array<struct<a:int>>" */
void athena_type_hive(struct mr_buf *buf, const struct athena_type *type);
/* "array(row(a integer))" */
void athena_type_trino(struct mr_buf *buf, const struct athena_type *type);

struct athena_row_format {
    bool json;
    char delimiter, collection, map, escape; /* of text; escape 0: none */
    struct mr_slice null_text;
};
/* Appends one value; `name` is of JSON. */
void athena_row_json(struct mr_buf *buf, const struct athena_shown *shown, duckdb_vector vector,
                     idx_t row);
void athena_row_text(struct mr_buf *buf, const struct athena_row_format *format,
                     const struct athena_shown *shown, duckdb_vector vector, idx_t row, int level);
