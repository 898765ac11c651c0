/* athena/write.h: CTAS, INSERT INTO and UNLOAD: rows of a query as objects in S3, and tables and
 * partitions over them.
 *
 * Order of what becomes visible. Rows are written to files in the query's folder; then all objects
 * become visible by one journal entry. CTAS: objects, then the table, then its partitions; the
 * entry of the objects also holds an intent, "athena/writing/<query id>", by which a crash in
 * between is undone at the next start. INSERT: new partitions (still empty), then the objects. A
 * query that fails before leaves nothing. Iceberg tables: the objects, the table's new metadata and
 * the catalog's table are one entry. */
#pragma once
#include "athena/hive.h"
#include "athena/internal.h"
#include "athena/parts.h"
#include "iceberg/iceberg.h"

enum {
    ATHENA_WRITE_FILES_MAX = 10000,
};
enum athena_write_format { ATHENA_WRITE_PARQUET, ATHENA_WRITE_JSON, ATHENA_WRITE_TEXT };
struct athena_write_column {
    struct mr_slice name;
    struct athena_type type;
    size_t from; /* column of the query; SIZE_MAX: NULL */
};
struct athena_write_lake { /* the Iceberg table that rows go to */
    struct iceberg ice;
    struct iceberg_table table;          /* as it was when the query began */
    const struct iceberg_create *create; /* of CTAS; NULL: the table is there */
    const struct iceberg_schema *schema;
    const struct iceberg_spec *spec;
    struct mr_slice *names, *keys; /* of the files' columns; of the partition's fields */
};
struct athena_write_deletes { /* of DELETE, UPDATE, MERGE: rows of one file */
    struct mr_slice path;     /* of that file */
    struct mr_slice name;     /* of the position delete file in the query's folder */
    struct iceberg_file file;
};
struct athena_write {
    struct athena *athena;
    struct mr_arena *arena;
    struct athena_handle *handle;
    struct athena_error *error;
    const struct athena_statement *statement;
    struct mr_slice database, account, query_id;
    struct mr_slice folder; /* of results: "s3://bucket/some/" */
    struct athena_node
        *query;      /* the statement's, or what stands for it; set while it is prepared */
    const char *sql; /* the query in DuckDB's words */
    const struct athena_fields *fields; /* its columns' types in Trino's words */
    struct athena_source *source;
    /* what it comes to */
    bool skipped; /* CREATE TABLE IF NOT EXISTS, and it does */
    uint64_t rows;
    struct mr_slice manifest; /* S3 path */
    int64_t ticket;
    /* private */
    enum athena_write_format format;
    struct mr_slice compression; /* "GZIP", "SNAPPY", "ZSTD", "NONE"; upper case */
    int level;                   /* of the compression; 0: the usual one */
    struct athena_row_format row_format;
    struct mr_slice location, bucket, prefix; /* where objects go; location ends with "/" */
    const struct athena_pair *keys;           /* names of partition columns, of CTAS and UNLOAD */
    size_t key_count;
    const struct athena_pair *buckets; /* names of the columns that rows are spread by */
    size_t bucket_count;               /* 0: they are not */
    struct glue_table *table;          /* of INSERT */
    struct athena_write_lake *lake;    /* NULL: no Iceberg table */
    struct athena_shown *shown;        /* of the query */
    struct mr_slice *names;
    size_t shown_count;
    struct athena_write_column *columns; /* data first, then keys */
    size_t column_count;
    struct mr_slice *key_names;
    struct athena_parts parts;
    struct athena_write_deletes *deletes;
    size_t delete_count;
    uint64_t changed; /* rows of DELETE, UPDATE, MERGE */
    bool adds;        /* there are rows to be written */
};
/* Before the query is translated: what can be refused at once is. False: the error is set. */
bool athena_write_prepare(struct athena_write *write);
/* Runs the query and lands its rows. MR_OK, MR_INVALID: the error is set, MR_END: cancelled. */
MR_MUST_USE enum mr_status athena_write_run(struct athena_write *write);
/* Once it has failed: behind the error's message, what AWS says about files that may be left. */
void athena_write_advise(struct athena_write *write);
/* Undoes what a crash cut short. */
MR_MUST_USE enum mr_status athena_writes_open(struct athena *athena);

/* ---- between the files write*.c ---- */
bool athena_write_fail(struct athena_write *write, const char *code, const char *format, ...)
    MR_PRINTF(3, 4);
/* Runs one statement of the query's; the error is set when it fails. */
MR_MUST_USE enum mr_status athena_write_execute(struct athena_write *write,
                                                struct athena_execution *execution);
/* The statement's table into write->table. False: the error is set. */
bool athena_write_look_up(struct athena_write *write);
/* A column of NULLs alone, which fits everything? */
bool athena_write_is_null(const struct athena_write *write, size_t column);
/* write_settings.c: the statement's WITH (...). One of them, or NULL; whether all are such as the
 * statement may have; those of other tables than Iceberg's. */
const struct athena_pair *athena_write_setting(const struct athena_write *write, const char *name);
bool athena_write_check_settings(struct athena_write *write);
bool athena_write_settings(struct athena_write *write);
/* write_plan.c: columns, and the SELECT that gives them. */
bool athena_write_columns(struct athena_write *write);
void athena_write_select(struct athena_write *write, struct mr_buf *sql);
/* write_assign.c: values that become a column's. Whether the query's column may, what its type is
 * called, and the SQL of it; at SIZE_MAX: NULL. */
bool athena_assign_fits(struct athena_write *write, const struct athena_type *column, size_t at);
struct mr_slice athena_assign_type(struct athena_write *write, size_t at);
void athena_assign_value(struct athena_write *write, const struct athena_type *column, size_t at,
                         struct mr_buf *sql);
/* write_buckets.c: whether a table has buckets, which nothing is inserted into; settings; then,
 * once the columns are known, whether they can be spread by. */
bool athena_write_is_bucketed(const struct glue_table *table);
bool athena_write_bucket_settings(struct athena_write *write, const struct athena_pair *columns,
                                  const struct athena_pair *count);
bool athena_write_bucket_columns(struct athena_write *write);
/* Appends the number of a row's bucket, Hive's. */
void athena_write_bucket(const struct athena_write *write, struct mr_buf *sql);
/* Of the files of a part, behind the stem of their names; empty: they are in none. */
struct mr_slice athena_write_bucket_name(struct athena_write *write, size_t part);
void athena_write_bucket_json(const struct athena_write *write, struct mr_json *json);
/* write_files.c: rows into files of the query's folder, "<part>" or below "out". */
MR_MUST_USE enum mr_status athena_write_files(struct athena_write *write);
/* write_land.c: those files into S3, the table and its partitions. */
MR_MUST_USE enum mr_status athena_write_land(struct athena_write *write);
/* write_lake.c: Iceberg tables. */
/* Of INSERT: loads write->table's metadata. False: the error is set. */
bool athena_lake_open(struct athena_write *write);
/* Once the columns are known. False: the error is set. */
bool athena_lake_plan(struct athena_write *write);
/* Files with a snapshot, or a table, over them. */
MR_MUST_USE enum mr_status athena_lake_land(struct athena_write *write);
/* write_lake_ctas.c: settings of CREATE TABLE AS with table_type ICEBERG; then its schema. */
bool athena_lake_settings(struct athena_write *write);
bool athena_lake_create(struct athena_write *write);
