/* glue/glue.h: the data catalog (databases, tables, partitions) and the crawlers that fill it from
 * S3.
 *
 * What is stored is JSON, as the wire shows it; glue_table_parse gives the part of it that a reader
 * of the data needs. Names of databases, tables and columns are lower case; the functions below
 * lower them.
 *
 * Ownership: slices returned live in the arena that was passed in. Threads: any; writers of the
 * catalog are ordered by one lock inside. Durable: when `ret_ticket` is. */
#pragma once
#include "base/rng.h"
#include "protocol/protocol.h"
#include "runtime/runtime.h"
#include "s3/s3.h"
#include "view/store.h"

struct glue;
struct logs;
/* Grok, as whoever reads tables of it has it. One thread at a time uses an opened pattern. */
struct glue_grok;
struct glue_grok_column {
    struct mr_slice name, type; /* in lower case; Grok's word, or empty: a string */
};
struct glue_grok_engine {
    /* The columns are the arena's. NULL: the patterns are wrong, `ret_why` says how. */
    struct glue_grok *(*open)(struct mr_arena *arena, struct mr_slice pattern,
                              struct mr_slice custom, struct glue_grok_column **ret_columns,
                              size_t *ret_count, struct mr_slice *ret_why);
    bool (*matches)(struct glue_grok *grok, struct mr_slice line);
    void (*close)(struct glue_grok *grok); /* accepts NULL */
};
/* Iceberg, as whoever reads and writes such tables has it. */
struct glue_iceberg_facts {
    struct mr_slice name, metadata_location, previous; /* previous metadata, or empty */
    yyjson_val *kept; /* NULL, or Owner and Parameters that the table keeps */
};
struct glue_iceberg_engine {
    /* The TableInput of a table by its metadata. MR_NOT_FOUND, MR_INVALID: `message` says why. */
    enum mr_status (*describe)(struct s3 *s3, struct mr_arena *arena,
                               const struct glue_iceberg_facts *facts, yyjson_val **ret_input,
                               char message[static 512]);
};
struct glue_options {
    struct store *store;
    struct runtime *runtime;
    struct mr_rng *rng;
    struct s3 *s3;
    struct logs *logs;                         /* where crawls log; may be NULL */
    const struct glue_grok_engine *grok;       /* NULL: Grok classifies nothing */
    const struct glue_iceberg_engine *iceberg; /* NULL: no crawl knows Iceberg */
};
/* Crawls that a crash cut short are started again. */
MR_MUST_USE enum mr_status glue_open(struct glue **ret_glue, const struct glue_options *options);
void glue_register(struct glue *glue, struct protocol *protocol);
void glue_close(struct glue *glue);

/* ---- databases ---- */
/* `input` is a DatabaseInput. MR_EXISTS. */
MR_MUST_USE enum mr_status glue_database_create(struct glue *glue, struct mr_arena *arena,
                                                struct mr_slice account, yyjson_val *input,
                                                int64_t *ret_ticket);
/* MR_NOT_FOUND. MR_INVALID: `input` has another name. */
MR_MUST_USE enum mr_status glue_database_update(struct glue *glue, struct mr_arena *arena,
                                                struct mr_slice name, yyjson_val *input,
                                                int64_t *ret_ticket);
/* With all its tables and partitions. MR_NOT_FOUND. */
MR_MUST_USE enum mr_status glue_database_delete(struct glue *glue, struct mr_arena *arena,
                                                struct mr_slice name, int64_t *ret_ticket);
/* The JSON of the wire's Database. MR_NOT_FOUND. */
MR_MUST_USE enum mr_status glue_database_get(struct glue *glue, struct mr_arena *arena,
                                             struct mr_slice name, struct mr_slice *ret_json);
MR_MUST_USE enum mr_status glue_database_each(struct glue *glue,
                                              enum mr_status (*fn)(void *ctx, struct mr_slice name,
                                                                   struct mr_slice json),
                                              void *ctx);

/* ---- tables ---- */
struct glue_column {
    struct mr_slice name, type, comment; /* type: Hive's words, "array<int>" */
};
struct glue_table {
    struct mr_slice database, name, table_type, location, input_format, serde;
    struct mr_slice view_text;          /* ViewOriginalText of a view */
    struct glue_column *columns, *keys; /* keys: of its partitions */
    size_t column_count, key_count;
    yyjson_val *serde_parameters, *parameters; /* objects or NULL */
    yyjson_val *json;                          /* the wire's Table */
};
/* NULL-safe views of the stored JSON, valid as long as the arena. False: it is no such JSON. */
bool glue_table_parse(struct mr_arena *arena, struct mr_slice json, struct glue_table *ret_table);
struct glue_table_put {
    struct mr_slice database, account, created_by; /* created_by: an ARN */
    yyjson_val *input;                             /* TableInput */
    bool replace;                                  /* false: it must be absent; true: present */
    bool skip_archive;                             /* of the replaced version */
    bool same_version;              /* VersionId stays: no change that a reader sees */
    struct mr_slice if_version;     /* to replace: the VersionId that it must have; empty: any */
    const struct store_entry *with; /* what is committed together with it, or NULL */
};
/* MR_NOT_FOUND: no such database (or, to replace, table); MR_EXISTS; MR_AGAIN: it has another
 * version than `if_version`; MR_INVALID: a link to a table, by way of a link to its database. */
MR_MUST_USE enum mr_status glue_table_put(struct glue *glue, struct mr_arena *arena,
                                          const struct glue_table_put *put, int64_t *ret_ticket);
/* Several tables, each another one, and the ops of `with` (or NULL), in one entry. */
MR_MUST_USE enum mr_status glue_tables_put(struct glue *glue, struct mr_arena *arena,
                                           const struct glue_table_put *puts, size_t count,
                                           const struct store_entry *with, int64_t *ret_ticket);
/* The table, as it was read, under the name and in the database of `to`, which does not replace; in
 * one entry; its versions and partitions are not kept. MR_NOT_FOUND: no such database; MR_EXISTS;
 * MR_AGAIN: it is another one now, or gone. */
MR_MUST_USE enum mr_status glue_table_rename(struct glue *glue, struct mr_arena *arena,
                                             const struct glue_table *table,
                                             const struct glue_table_put *to, int64_t *ret_ticket);
/* With its partitions and versions. MR_NOT_FOUND. */
MR_MUST_USE enum mr_status glue_table_delete(struct glue *glue, struct mr_arena *arena,
                                             struct mr_slice database, struct mr_slice name,
                                             int64_t *ret_ticket);
MR_MUST_USE enum mr_status glue_table_get(struct glue *glue, struct mr_arena *arena,
                                          struct mr_slice database, struct mr_slice name,
                                          struct glue_table *ret_table);
/* As it was at the moment of a view's snapshot. */
MR_MUST_USE enum mr_status glue_table_get_at(struct view_snapshot *snapshot, struct mr_arena *arena,
                                             struct mr_slice database, struct mr_slice name,
                                             struct glue_table *ret_table);
/* As it was at a VersionId; empty: as it is. MR_NOT_FOUND also of the version. */
MR_MUST_USE enum mr_status glue_table_version_get(struct glue *glue, struct mr_arena *arena,
                                                  struct mr_slice database, struct mr_slice name,
                                                  struct mr_slice version,
                                                  struct glue_table *ret_table);
/* In order of names. fn: MR_OK goes on, MR_END stops. */
MR_MUST_USE enum mr_status glue_table_each(struct glue *glue, struct mr_slice database,
                                           enum mr_status (*fn)(void *ctx, struct mr_slice name,
                                                                struct mr_slice json),
                                           void *ctx);

/* ---- partitions ---- */
struct glue_partition {
    struct mr_slice *values; /* as many as the table has keys */
    size_t value_count;
    struct mr_slice location;
    yyjson_val *json; /* the wire's Partition */
};
/* In byte order of values. What fn gets lives until it returns. MR_OK also when there is none. */
MR_MUST_USE enum mr_status glue_partition_each(
    struct glue *glue, struct mr_slice database, struct mr_slice table,
    enum mr_status (*fn)(void *ctx, const struct glue_partition *partition), void *ctx);
/* Adds partitions in one or more entries. `inputs` are PartitionInputs with as many Values as the
 * table has keys. Those that exist are left alone (or replaced when `replace`), `ret_added` counts
 * the new ones. MR_NOT_FOUND: no table; MR_INVALID: a wrong number of values. */
MR_MUST_USE enum mr_status glue_partition_put(struct glue *glue, struct mr_arena *arena,
                                              const struct glue_table *table, yyjson_val **inputs,
                                              size_t count, bool replace, size_t *ret_added,
                                              int64_t *ret_ticket);
/* MR_NOT_FOUND. */
MR_MUST_USE enum mr_status glue_partition_delete(struct glue *glue, struct mr_arena *arena,
                                                 struct mr_slice database, struct mr_slice table,
                                                 const struct mr_slice *values, size_t count,
                                                 int64_t *ret_ticket);

/* "s3://bucket/some/prefix" into its parts; s3a and s3n too. MR_INVALID: something else. */
MR_MUST_USE enum mr_status glue_location_parse(struct mr_slice location,
                                               struct mr_slice *ret_bucket,
                                               struct mr_slice *ret_prefix);
/* As the catalog keeps names. */
static inline struct mr_slice glue_lower(struct mr_arena *arena, struct mr_slice text)
{
    return mr_arena_lower(arena, text);
}
