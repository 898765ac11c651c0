/* athena/internal.h: what the files of this folder share. */
#pragma once
#include "athena/athena.h"
#include "athena/engine.h"
#include "athena/source.h"
#include "athena/statement.h"
#include "base/map.h"
#include "iceberg/metadata.h"

enum {
    ATHENA_RUNNING_MAX = 4,     /* queries at once */
    ATHENA_QUEUE_MAX = 1000,    /* waiting */
    ATHENA_HISTORY_MAX = 10000, /* remembered */
    ATHENA_TIMEOUT_MS = 30 * 60 * 1000,
    ATHENA_CANCEL_AGAIN_MS = 50,
};

enum athena_state {
    ATHENA_QUEUED,
    ATHENA_RUNNING,
    ATHENA_SUCCEEDED,
    ATHENA_FAILED,
    ATHENA_CANCELLED,
    ATHENA_STATES
};
struct athena_outcome { /* what came of a query; in its arena */
    int64_t planning_ms;
    uint64_t scanned_bytes;
    struct athena_error error; /* of a failed one */
    bool wrote;                /* it has an update_count and no rows */
    uint64_t update_count;     /* rows written */
    struct mr_slice manifest;  /* S3 path of the list of objects written; empty: none */
    struct mr_slice columns;   /* JSON: [{name,type,precision,scale}] */
    struct mr_slice reused;    /* location of the earlier result that is shown; empty: none */
    bool over_limit;           /* cancelled: it scanned more than its workgroup allows */
};
struct athena_end { /* what has become of a query */
    enum athena_state state;
    int64_t completed_ms; /* 0: it has not ended */
    struct athena_outcome outcome;
};
struct athena_query { /* one that is not finished */
    struct athena *athena;
    struct athena_query *next; /* in the queue */
    struct mr_arena arena;
    char id[37];
    struct athena_end end;             /* by athena->lock */
    const struct athena_end *recorded; /* its worker's: the end that is stored; NULL: none is */
    struct athena_handle handle;
    atomic_bool timed_out;
    /* what was asked; fixed */
    struct mr_slice text, database, catalog, workgroup, token, account;
    struct mr_slice location;    /* of the result object */
    struct mr_slice *parameters; /* literals for ? */
    size_t parameter_count;
    const char *type, *substatement;
    uint64_t scan_bytes_max; /* of its workgroup; 0: no limit */
    int64_t reuse_minutes;   /* how old an earlier result may be; -1: none is wanted */
    int64_t submitted_ms;
    int64_t started_ms; /* by athena->lock; 0: not yet */
};
struct athena_entry { /* one of the history */
    char id[37];
    char *workgroup, *token; /* owned */
    int64_t submitted_ms;
};
struct athena {
    struct athena_options options;
    struct athena_engine engine;
    pthread_mutex_t lock;
    pthread_cond_t idle; /* a query ended, or start_waits did */
    struct {
        struct mr_map active;              /* id -> struct athena_query */
        struct athena_query *first, *last; /* the queue */
        size_t queued, running;
        struct athena_entry *history; /* owned; oldest first */
        size_t history_count, history_capacity;
        struct mr_map tokens; /* client token -> id (heap) */
        bool closing;
        int64_t deadlines_ms;     /* when the deadlines are looked at next; INT64_MAX: never */
        int64_t started;          /* the newest ticket of a start */
        bool start_waits;         /* a job sees to that it becomes durable */
    } locked;                     /* by lock */
    pthread_mutex_t catalog_lock; /* of workgroups, named and prepared queries */
    struct runtime_pump *deadlines;
};

/* ---- query.c ---- */
struct athena_start {
    struct mr_slice text, database, catalog, workgroup, token, account;
    struct mr_slice folder; /* of the result: "s3://bucket/folder/" */
    yyjson_val *parameters;
    const struct athena_statement *statement;
    uint64_t scan_bytes_max;
    int64_t reuse_minutes;
    bool takes; /* the calling worker is free for the query when its handler returns */
};
/* MR_FULL: too many wait. MR_EXISTS: the token is that of another query. The id is in the arena. */
MR_MUST_USE enum mr_status athena_query_start(struct athena *athena, struct mr_arena *arena,
                                              const struct athena_start *start,
                                              struct mr_slice *ret_id, int64_t *ret_ticket);
/* The document of a query, running or not. MR_NOT_FOUND. */
MR_MUST_USE enum mr_status athena_query_get(struct athena *athena, struct mr_arena *arena,
                                            struct mr_slice id, yyjson_val **ret_doc);
/* Adds the record of a query that succeeds to the entry that stores its result. On its worker, last
 * of all; when the entry cannot be committed, nothing must be shown of the query but a failure. */
void athena_query_record(struct athena_query *query, const struct athena_outcome *outcome,
                         struct store_entry *entry);
MR_MUST_USE enum mr_status athena_query_stop(struct athena *athena, struct mr_slice id);
/* Ids of a workgroup, newest first. */
struct mr_slice *athena_query_ids(struct athena *athena, struct mr_arena *arena,
                                  struct mr_slice workgroup, size_t *ret_count);
MR_MUST_USE enum mr_status athena_queries_open(struct athena *athena);
void athena_queries_close(struct athena *athena);

/* The end that was recorded is durable: clients see it, before what its worker has left to do. */
void athena_query_show(struct athena_query *query);

/* ---- reuse.c ---- */
/* Looks for an earlier result of the same question that is young enough and still there; fills
 * columns and reused. */
bool athena_reuse_find(struct athena_query *query, struct athena_outcome *outcome);

/* ---- run.c ---- */
/* Runs the query on this thread and stores its result object. MR_OK, MR_INVALID: failed, MR_END:
 * cancelled. */
MR_MUST_USE enum mr_status athena_query_run(struct athena_query *query,
                                            struct athena_outcome *ret_outcome);

/* ---- ddl*.c ---- */
struct athena_ddl {
    struct athena *athena;
    struct mr_arena *arena;
    struct mr_slice database, account, workgroup;
    struct athena_output *output; /* of text */
    struct athena_handle *handle;
    struct athena_error *error;
    const struct athena_statement *statement;
    int64_t ticket; /* of the last change */
    struct s3_snapshot
        *moment; /* at which athena_ddl_table last looked; it ends with the statement */
};
/* False: the error is set. */
bool athena_ddl_run(struct athena_ddl *ddl);
bool athena_ddl_show(struct athena_ddl *ddl);
bool athena_ddl_change(struct athena_ddl *ddl);
bool athena_ddl_alter(struct athena_ddl *ddl, const struct glue_table *table);
bool athena_ddl_alter_database(struct athena_ddl *ddl);
bool athena_ddl_prepare(struct athena_ddl *ddl);
bool athena_ddl_describe(struct athena_ddl *ddl);
/* A PartitionInput: the table's own storage at another location. */
yyjson_val *athena_partition_input(struct mr_arena *arena, const struct glue_table *table,
                                   const struct mr_slice *values, struct mr_slice location);
/* A partition's values in the order of the keys; NULL: the error is set. */
struct mr_slice *athena_ddl_spec_values(struct athena_ddl *ddl, const struct glue_table *table,
                                        const struct athena_partition_spec *spec);
/* The wire's Partition, and its values; NULL: the error is set. */
yyjson_val *athena_ddl_partition(struct athena_ddl *ddl, const struct glue_table *table,
                                 const struct athena_partition_spec *spec,
                                 struct mr_slice **ret_values);
bool athena_ddl_create_table(struct athena_ddl *ddl);
bool athena_ddl_create_view(struct athena_ddl *ddl);
/* ---- ddl_iceberg.c ---- */
bool athena_ddl_create_iceberg(struct athena_ddl *ddl);
/* Adds a field (name: the column, value: Iceberg's transform). MR_NOT_FOUND: no such column;
 * MR_INVALID: no such transform of it; MR_EXISTS: it is there, under the name left in the list. */
MR_MUST_USE enum mr_status athena_iceberg_spec_add(struct mr_arena *arena,
                                                   const struct iceberg_schema *schema,
                                                   const struct athena_pair *key,
                                                   struct iceberg_spec *spec);
#define ATHENA_LEVEL_OF_ZSTD "compression_level is supported for ZSTD compression only"
/* False: the statement asks for a level of what is not packed by ZSTD. */
bool athena_iceberg_level_fits(const struct athena_statement *statement,
                               const struct iceberg_pairs *properties);
/* Sets a property that a statement gives to an Iceberg table. What is wrong with it; empty: it is
 * set. */
struct mr_slice athena_iceberg_property(struct mr_arena *arena, const struct athena_pair *pair,
                                        struct iceberg_pairs *properties);
/* Removes its objects, once the catalog has it no more. */
bool athena_ddl_drop_iceberg(struct athena_ddl *ddl, const struct glue_table *table);
/* ---- alter_iceberg.c ---- */
bool athena_ddl_alter_iceberg(struct athena_ddl *ddl, const struct glue_table *table);
bool athena_ddl_rename_iceberg(struct athena_ddl *ddl);
/* DESCRIBE, SHOW CREATE TABLE, SHOW TBLPROPERTIES; the output has its columns. */
bool athena_ddl_describe_iceberg(struct athena_ddl *ddl, const struct glue_table *table);
bool athena_ddl_show_iceberg(struct athena_ddl *ddl, const struct glue_table *table);
bool athena_ddl_iceberg_properties(struct athena_ddl *ddl, const struct glue_table *table);
bool athena_ddl_fail(struct athena_ddl *ddl, const char *format, ...) MR_PRINTF(2, 3);
/* The statement's table; false: the error is set, or (IF EXISTS) `ret_absent` is. */
bool athena_ddl_table(struct athena_ddl *ddl, struct glue_table *ret_table, bool *ret_absent);
struct mr_slice athena_ddl_database(const struct athena_ddl *ddl);
void athena_ddl_columns(struct athena_ddl *ddl, const char *const *names, size_t count);
void athena_ddl_row(struct athena_ddl *ddl, const char *format, ...) MR_PRINTF(2, 3);

/* ---- workgroup.c ---- */
/* The wire's WorkGroup. MR_NOT_FOUND. `primary` is always there. */
MR_MUST_USE enum mr_status athena_workgroup_get(struct athena *athena, struct mr_arena *arena,
                                                struct mr_slice name, yyjson_val **ret_workgroup);
MR_MUST_USE enum mr_status athena_prepared_get(struct athena *athena, struct mr_arena *arena,
                                               struct mr_slice workgroup, struct mr_slice name,
                                               yyjson_val **ret_statement);

/* ---- results.c ---- */
/* A page of rows, as the wire's Rows, from byte `from` of the result object on. MR_NOT_FOUND: no
 * such object. */
MR_MUST_USE enum mr_status athena_results_page(struct athena *athena, struct mr_slice location,
                                               size_t columns, uint64_t from, size_t rows_max,
                                               struct mr_json *json, uint64_t *ret_next);

/* ---- ops_*.c ---- */
extern const struct protocol_handler athena_query_handlers[], athena_workgroup_handlers[],
    athena_catalog_handlers[], athena_tag_handlers[];
extern const size_t athena_query_handler_count, athena_workgroup_handler_count,
    athena_catalog_handler_count, athena_tag_handler_count;
extern const struct protocol_fault athena_invalid_request, athena_too_many, athena_not_found,
    athena_metadata;
enum mr_status athena_call_fail(struct protocol_call *call, const char *error_code,
                                const char *format, ...) MR_PRINTF(3, 4);
/* Stores the Tags of a CreateWorkGroup that succeeded. */
void athena_tag_created(struct protocol_call *call, struct mr_slice workgroup);
struct athena_pager {
    size_t from, max, seen, taken;
    bool more;
};
bool athena_pager_init(struct athena_pager *pager, struct protocol_call *call, size_t max_default);
bool athena_pager_next(struct athena_pager *pager); /* take this one? */
void athena_pager_end(const struct athena_pager *pager, struct protocol_call *call);
