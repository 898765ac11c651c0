/* iceberg/iceberg.h: Apache Iceberg tables (format version 2) in S3, with their current metadata
 * named by a table of the Glue catalog.
 *
 * A commit writes new files only: manifests, a manifest list, a metadata file. It counts when the
 * Glue table's `metadata_location` names the new one, and that happens in ONE journal entry with
 * all objects and whatever else the caller puts there (cursors). Two writers: the Glue table's
 * version tells the second that somebody was faster (MR_AGAIN); it loads the table again.
 *
 * Slices live in the arena given. Threads: any; an object of ours belongs to one thread. */
#pragma once
#include "base/map.h"
#include "glue/glue.h"
#include "iceberg/manifest.h"

struct iceberg { /* what it stands on; borrowed */
    struct store *store;
    struct s3 *s3;
    struct glue *glue;
    struct mr_rng *rng;
    /* Catalog and metadata are read as they were then, and so all that the metadata names is there,
     * whatever is removed meanwhile. NULL: as they are now. */
    struct s3_snapshot *moment;
};
struct iceberg_table {
    struct glue_table glue;
    struct mr_slice metadata_location, bucket, prefix; /* prefix: of its location, "/" at the end */
    struct iceberg_metadata metadata;
};
/* For glue_options: Glue stands below, and its crawlers know Iceberg by what writes it. */
extern const struct glue_iceberg_engine iceberg_crawl_engine;
bool iceberg_is_table(const struct glue_table *table);
/* A table of the catalog, of whatever kind. MR_NOT_FOUND. */
MR_MUST_USE enum mr_status iceberg_glue_table(const struct iceberg *ice, struct mr_arena *arena,
                                              struct mr_slice database, struct mr_slice name,
                                              struct glue_table *ret_table);
/* MR_INVALID: its metadata cannot be read; `message` says why. */
MR_MUST_USE enum mr_status iceberg_table_load(const struct iceberg *ice, struct mr_arena *arena,
                                              const struct glue_table *glue,
                                              struct iceberg_table *ret_table,
                                              char message[static 512]);
/* An object named by "s3://...", whole. MR_NOT_FOUND; MR_INVALID: no such name, or too large. */
MR_MUST_USE enum mr_status iceberg_object_read(const struct iceberg *ice, struct mr_arena *arena,
                                               struct mr_slice path, struct mr_slice *ret_bytes);
/* Lines of a snapshot's manifest list; none when there is no snapshot (NULL). MR_INVALID with
 * `message`. */
MR_MUST_USE enum mr_status iceberg_manifests(const struct iceberg *ice, struct mr_arena *arena,
                                             const struct iceberg_snapshot *snapshot,
                                             struct iceberg_manifest **ret_list, size_t *ret_count,
                                             char message[static 512]);
/* The files of one of them, also those that it tells are deleted. MR_INVALID with `message`. */
MR_MUST_USE enum mr_status iceberg_manifest_files(const struct iceberg *ice, struct mr_arena *arena,
                                                  const struct iceberg_metadata *metadata,
                                                  const struct iceberg_manifest *line,
                                                  struct iceberg_file **ret_files,
                                                  size_t *ret_count, char message[static 512]);
/* The live files of a snapshot: data and deletes. MR_INVALID with `message`. */
MR_MUST_USE enum mr_status iceberg_files(const struct iceberg *ice, struct mr_arena *arena,
                                         const struct iceberg_table *table,
                                         const struct iceberg_snapshot *snapshot,
                                         struct iceberg_file **ret_files, size_t *ret_count,
                                         char message[static 512]);

struct iceberg_create {
    struct mr_slice database, name, account, created_by, location, comment;
    const struct iceberg_schema *schema; /* ids from 1 on */
    const struct iceberg_spec *spec;     /* fields with ids from 1000 on */
    int last_column_id;
    struct iceberg_pairs properties;
};
/* A table that is not there yet, for a change with `create`. MR_INVALID: with `message`. */
MR_MUST_USE enum mr_status iceberg_table_plan(const struct iceberg *ice, struct mr_arena *arena,
                                              const struct iceberg_create *create,
                                              struct iceberg_table *ret_table,
                                              char message[static 512]);
/* Writes the first metadata file and the Glue table, in one entry. MR_EXISTS; MR_NOT_FOUND: no such
 * database, or bucket (`message` names it). */
MR_MUST_USE enum mr_status iceberg_table_create(const struct iceberg *ice, struct mr_arena *arena,
                                                const struct iceberg_create *create,
                                                int64_t *ret_ticket, char message[static 512]);

/* ---- changes ---- */
struct iceberg_change {
    const struct iceberg *ice;
    struct mr_arena *arena;
    struct iceberg_table *table;  /* as it was loaded */
    struct iceberg_metadata next; /* as it will be; may be changed before iceberg_change_prepare */
    struct s3_staged **staged;
    size_t staged_count, staged_capacity;
    struct iceberg_file *added;
    size_t added_count, added_capacity;
    const struct iceberg_create *create; /* the table is made by this change; NULL: it is there */
    /* Rewrites: the sequence number that the added data is of, so that deletes committed meanwhile
     * reach it; 0: the new snapshot's. */
    int64_t data_sequence;
    struct mr_map removed; /* paths of files that the snapshot has no more */
    int64_t left;          /* of those, still to be found while manifests are written */
    struct iceberg_totals {
        int64_t files, records, bytes;
    } gone[3];                 /* what was found, by enum iceberg_content */
    struct glue_table_put put; /* of the Glue table; set by iceberg_change_prepare */
};
struct iceberg_change iceberg_change_make(const struct iceberg *ice, struct mr_arena *arena,
                                          struct iceberg_table *table);
/* A fresh place for a file of data or deletes: "s3://bucket/table/data/<folder><uuid><suffix>". */
struct mr_slice iceberg_change_path(struct iceberg_change *change, struct mr_slice folder,
                                    const char *suffix);
/* Writes the body and puts it down as a file that the snapshot adds; path, format, size and entry
 * are filled in. MR_NOT_FOUND: no such bucket. */
MR_MUST_USE enum mr_status iceberg_change_add(struct iceberg_change *change,
                                              const struct iceberg_file *file,
                                              struct mr_slice folder, struct mr_slice body);
/* A file that the new snapshot shall not have, of data or deletes. */
void iceberg_change_remove(struct iceberg_change *change, struct mr_slice path);
/* The change goes on from what the table is now; files that were staged stay so. Before
 * iceberg_change_prepare. */
void iceberg_change_onto(struct iceberg_change *change, struct iceberg_table *table);
/* Manifests, list and metadata. MR_AGAIN: a file that is to be removed is not there any more.
 * `operation` ("append", "overwrite", ...) NULL: no new snapshot,
 * only `next` as it was changed. MR_INVALID with `message`. */
MR_MUST_USE enum mr_status iceberg_change_prepare(struct iceberg_change *change,
                                                  const char *operation, char message[static 512]);
/* The objects join the entry, which the caller then commits by glue_tables_put with change->put.
 * iceberg_change_end has to be called whatever comes of it. */
MR_MUST_USE enum mr_status iceberg_change_join(struct iceberg_change *change,
                                               struct store_entry *entry);
void iceberg_change_end(struct iceberg_change *change, bool committed);
/* All three at once. MR_AGAIN: somebody was faster; MR_EXISTS, MR_NOT_FOUND as of glue_tables_put.
 */
MR_MUST_USE enum mr_status iceberg_change_commit(struct iceberg_change *change,
                                                 int64_t *ret_ticket);
