/* glue/lake.h: what a crawl sees below one include path: folders, the schemas of the objects in
 * them, and how they group into tables.
 *
 * Objects are added in byte order of keys (as S3 lists them), so the content of a folder comes in
 * one run. A folder becomes one table when all objects below it have the same format and
 * compression, schemas alike (70 %), and lie equally deep; otherwise its folders are looked at one
 * by one. Levels between a table and its objects are its partition keys.
 *
 * Memory: one node a folder, one type for each distinct schema, nothing for each object (but
 * GLUE_LOOSE_MAX names of a folder). */
#pragma once
#include "base/compress.h"
#include "base/map.h"
#include "glue/infer.h"

enum { LAKE_SCHEMAS_MAX = 4096, LAKE_LOOSE_MAX = 100, LAKE_DEPTH_MAX = 64 };

enum lake_format { LAKE_JSON, LAKE_CSV, LAKE_PARQUET, LAKE_AVRO, LAKE_GROK };
struct glue_grok_rules;
#define AVRO_SCHEMA_KEY "avro.schema.literal"
struct lake_shape { /* of one object */
    enum lake_format format;
    enum mr_packing packing;
    struct glue_type type;              /* a GLUE_STRUCT */
    struct mr_slice json_path;          /* of a classifier for JSON; empty: none */
    struct mr_slice avro_schema;        /* of Avro, as the first of its objects has it */
    const struct glue_grok_rules *grok; /* of lines that a classifier describes, for the crawl */
    char delimiter, quote;              /* of CSV */
    bool header;                        /* of CSV */
    bool quoted;                        /* of CSV: OpenCSVSerde has to read it */
    bool typed;                         /* of CSV: a classifier says what types its columns have */
    uint64_t records;                   /* estimated when the object was not read to its end */
};
struct lake_counts {
    uint64_t objects, bytes, records;
};
struct lake_folder;
struct lake {
    struct mr_arena *arena;
    struct mr_slice bucket, prefix; /* prefix: with '/' at its end, or empty */
    struct lake_folder *root;
    struct lake_shape *schemas; /* distinct ones, in the order they were found */
    size_t schema_count;
    struct mr_map schema_ids; /* printed schema -> index + 1 */
    bool combine;             /* schemas need not be alike, only formats */
    bool single;              /* each object is a table */
    int table_level; /* 0: by the rule above; else tables are the folders at this level, the bucket
                        being 1 */
};
struct lake_table {
    struct lake *lake;
    const struct lake_folder *folder;
    struct mr_slice location; /* "s3://bucket/folder/", or of one object */
    struct mr_slice name;     /* last part of it, as it stands there */
    struct lake_shape shape;
    struct lake_counts counts;
    struct mr_slice *keys;
    size_t key_count;
};

void glue_lake_init(struct lake *lake, struct mr_arena *arena, struct mr_slice bucket,
                    struct mr_slice prefix, int table_level);
void glue_lake_fini(struct lake *lake);
/* `key` begins with the prefix. The shape's type is copied. */
void glue_lake_add(struct lake *lake, struct mr_slice key, uint64_t bytes,
                   const struct lake_shape *shape);
/* Calls fn for each table. */
MR_MUST_USE enum mr_status glue_lake_tables(
    struct lake *lake, enum mr_status (*fn)(void *ctx, struct lake_table *table), void *ctx);
/* Calls fn for each partition of a table with keys: values, the location below the table's, and the
 * shape of its own objects, valid until fn returns. */
struct lake_partition {
    const struct mr_slice *values;
    struct mr_slice location;
    const struct lake_counts *counts;
    const struct lake_shape *shape;
};
MR_MUST_USE enum mr_status glue_lake_partitions(
    const struct lake_table *table,
    enum mr_status (*fn)(void *ctx, const struct lake_partition *partition), void *ctx);
