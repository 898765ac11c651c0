/* athena/source_metadata.h: what the two files share that write the metadata tables of Iceberg
 * tables ("t$snapshots") as relations: columns with their types, then rows of SQL literals. */
#pragma once
#include "athena/source_iceberg.h"

enum { METADATA_COLUMNS_MAX = 16 };

struct metadata_column {
    const char *name;
    struct athena_type type;
    bool zoned; /* a timestamp with time zone */
};
struct metadata_rows {
    struct mr_arena *arena;
    atomic_bool *cancelled;
    const struct iceberg *ice;
    struct iceberg_table table;
    char *message; /* 512 bytes */
    struct metadata_column columns[METADATA_COLUMNS_MAX];
    size_t column_count;
    struct mr_buf out; /* VALUES */
    size_t rows, cells;
};
/* A column with a type in Hive's words, or ready made. */
void metadata_column(struct metadata_rows *rows, const char *name, const char *type);
void metadata_column_typed(struct metadata_rows *rows, const char *name, struct athena_type type);
/* Begins a row; then a put for each column. MR_FULL: too many; MR_END: cancelled. */
MR_MUST_USE enum mr_status metadata_row(struct metadata_rows *rows);
void metadata_put_null(struct metadata_rows *rows);
void metadata_put_number(struct metadata_rows *rows, int64_t number);
void metadata_put_bool(struct metadata_rows *rows, bool value);
void metadata_put_text(struct metadata_rows *rows, struct mr_slice text);
void metadata_put_moment(struct metadata_rows *rows, int64_t ms);
/* An expression that the caller appends to rows->out stands for the next column. */
void metadata_put_sql(struct metadata_rows *rows);
/* A text of any bytes as a literal: what is no UTF-8, and NUL, becomes '?'. */
void metadata_literal(struct mr_buf *out, struct mr_slice text);
/* A single value, cast to its type's column; NULL without ptr. */
void metadata_value(struct metadata_rows *rows, const struct iceberg_type *type,
                    struct mr_slice value);
/* As Iceberg's libraries show a bound or a partition's value. */
struct mr_slice metadata_human(struct mr_arena *arena, const struct iceberg_type *type,
                               struct mr_slice value);
/* Hive's type for one of Iceberg's. */
struct athena_type metadata_type(struct mr_arena *arena, const struct iceberg_type *type);
struct athena_type metadata_struct(struct mr_arena *arena, size_t room);
void metadata_struct_add(struct athena_type *type, struct mr_slice name, struct athena_type member);

/* ---- source_metadata_files.c ---- */
MR_MUST_USE enum mr_status metadata_files(struct metadata_rows *rows);
MR_MUST_USE enum mr_status metadata_partitions(struct metadata_rows *rows);
