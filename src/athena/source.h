/* athena/source.h: the tables of one query: names looked up in the catalog, objects listed and
 * pruned, views opened. */
#pragma once
#include "athena/scan.h"
#include "athena/translate.h"
#include "athena/work.h"
#include "glue/glue.h"

enum { ATHENA_VIEW_DEPTH_MAX = 16, ATHENA_TABLES_MAX = 200 };

struct athena_source_table {
    struct mr_slice database, name;
    struct glue_table *table;
    struct athena_source_table *next;
};
struct athena_source_moment {
    struct s3_snapshot *snapshot;
    struct athena_source_moment *before;
};
struct iceberg_file;
struct athena_source_target { /* the Iceberg table that a statement changes */
    const struct athena_node
        *node; /* in the query: its rows tell where they are; NULL: there is none */
    const struct iceberg_file *files; /* that it had when it was read, and its snapshot; -1: none */
    size_t count;
    int64_t snapshot;
};
struct athena_source_count { /* of the rows of a table, when that is all that the query asks */
    const struct athena_node *table; /* in the query; NULL: it asks for more */
    bool unsure;                     /* the WHERE clause must be asked for each row */
    bool known;
    uint64_t rows; /* when they are known */
};
struct athena_source {
    struct mr_arena *arena; /* of the query */
    struct glue *glue;
    struct s3 *s3;
    struct athena_scans *registry;
    struct mr_slice database; /* where names without one are looked for */
    struct mr_slice catalog;  /* likewise; empty: Glue's */
    struct mr_slice account;  /* whose query it is */
    atomic_bool *cancelled;
    const struct athena_node *root; /* the query, to see which columns it names; NULL: all count */
    struct mr_slice text;           /* of it, to see whether it asks for hidden columns */
    bool unread; /* EXPLAIN, CREATE VIEW: what is in the objects does not matter */
    bool keeps;  /* nobody waits for its end: columns may be put into the cache then */
    struct athena_source_target target;
    struct athena_source_count count;
    /* made while tables are resolved */
    struct athena_source_moment *moment; /* see athena_source_moment */
    struct athena_work_folder folder;
    struct athena_scan *scans;
    struct athena_source_table *tables;
    size_t table_count, view_depth;
    size_t partitions_seen, partitions_kept; /* of all tables */
};
/* Whether it is the one catalog there is; an empty name is. */
bool athena_source_is_glue(struct mr_slice catalog);
/* Catalog and lake as they were when this was first called: one moment for all that is read. */
struct s3_snapshot *athena_source_moment(struct athena_source *source);
/* From here on it is a later one; scans stay with theirs. */
struct s3_snapshot *athena_source_renew(struct athena_source *source);
/* The resolver over it. */
struct athena_resolver athena_source_resolver(struct athena_source *source);
/* Takes the scans out of the registry, and ends the moments. */
void athena_source_fini(struct athena_source *source);
/* Which columns of a table the query reads, and its WHERE clause over the first `count` of them. */
void athena_source_mark(const struct athena_source *source,
                        const struct athena_translation *translation,
                        const struct athena_table_use *use, struct athena_scan *scan, size_t count);
/* Takes the scan, complete but for its id, and appends the relation that stands for it. */
MR_MUST_USE enum mr_status athena_source_relation(struct athena_source *source,
                                                  struct athena_scan *scan, struct mr_buf *out);
/* Adds the hidden columns that the query's text names, so that `*` need not leave out others. */
void athena_source_hidden(const struct athena_source *source, struct athena_scan *scan,
                          bool iceberg);
/* The scan's columns with their types in Trino's words. */
/* source_texts.c: a relation that `out` has from `start` on gives texts of varchar(n) and char(n)
 * their length. */
void athena_source_size(struct athena_translation *translation, const struct athena_scan *scan,
                        size_t start, struct mr_buf *out);
void athena_source_fields(struct athena_translation *translation, const struct athena_scan *scan,
                          struct athena_fields *fields);
uint64_t athena_source_bytes(const struct athena_source *source); /* read by all scans */
/* The SQL and default database of a view's ViewOriginalText. MR_INVALID: not one that Athena wrote.
 */
MR_MUST_USE enum mr_status athena_view_decode(struct mr_arena *arena, struct mr_slice text,
                                              struct mr_slice *ret_sql,
                                              struct mr_slice *ret_database);
