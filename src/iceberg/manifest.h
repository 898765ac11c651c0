/* iceberg/manifest.h: manifest lists and manifests: which files a snapshot has. Avro, as Iceberg's
 * specification lays them down for format version 2. Pure. */
#pragma once
#include "iceberg/avro.h"
#include "iceberg/metadata.h"

enum { ICEBERG_FILES_MAX = 4000000, ICEBERG_MANIFESTS_MAX = 100000 };

enum iceberg_content { ICEBERG_DATA, ICEBERG_POSITION_DELETES, ICEBERG_EQUALITY_DELETES };
enum iceberg_entry_status { ICEBERG_EXISTING, ICEBERG_ADDED, ICEBERG_DELETED };

struct iceberg_stats { /* of one column of a file */
    int field_id;
    int64_t bytes, values, nulls, nans; /* -1: not told */
    struct mr_slice lower, upper;       /* ptr NULL: not told */
};
struct iceberg_file {
    enum iceberg_content content;
    struct mr_slice path, format; /* "PARQUET" */
    int spec_id;
    struct mr_slice *partition; /* as many as the spec has fields; ptr NULL: null */
    int64_t records, bytes;
    struct iceberg_stats *stats;
    size_t stats_count;
    int *equality_ids;
    size_t equality_count;
    int sort_order; /* -1: not told */
    /* of the entry */
    enum iceberg_entry_status status;
    int64_t snapshot_id, sequence, file_sequence; /* -1: inherited, when it is to be written */
};
struct iceberg_manifest { /* a line of a manifest list */
    struct mr_slice path;
    int64_t bytes;
    int spec_id;
    bool deletes; /* content */
    int64_t sequence, min_sequence, snapshot_id;
    int64_t files[3], rows[3];      /* by enum iceberg_entry_status */
    struct iceberg_summary *fields; /* of the partition's values; NULL: not told */
    size_t field_count;
};
struct iceberg_summary {
    bool has_null, has_nan;
    struct mr_slice lower, upper;
};

/* The type of a partition's value; a column that no schema has any more gives a string. */
struct iceberg_type iceberg_partition_type(const struct iceberg_metadata *metadata,
                                           const struct iceberg_partition_field *field);

/* Lines of a manifest list. MR_INVALID: damaged. */
MR_MUST_USE enum mr_status iceberg_manifests_read(struct mr_arena *arena, struct mr_slice bytes,
                                                  struct iceberg_manifest **ret_list,
                                                  size_t *ret_count);
struct iceberg_list_head {
    int64_t snapshot_id, parent, sequence;
    const char *sync; /* 16 bytes */
};
void iceberg_manifests_write(struct mr_buf *buf, const struct iceberg_list_head *head,
                             const struct iceberg_manifest *list, size_t count);

/* The files of a manifest, in order; sequence numbers and snapshot are inherited from its line. */
MR_MUST_USE enum mr_status iceberg_manifest_read(struct mr_arena *arena, struct mr_slice bytes,
                                                 const struct iceberg_manifest *line,
                                                 const struct iceberg_metadata *metadata,
                                                 struct iceberg_file **ret_files,
                                                 size_t *ret_count);
struct iceberg_manifest_head {
    const struct iceberg_metadata *metadata;
    const struct iceberg_spec *spec;
    bool deletes;
    int64_t snapshot_id, sequence; /* of the snapshot that is being made */
    const char *sync;              /* 16 bytes */
};
/* Appends the manifest and fills in its line, but for path and bytes. */
void iceberg_manifest_write(struct mr_arena *arena, struct mr_buf *buf,
                            const struct iceberg_manifest_head *head,
                            const struct iceberg_file *files, size_t count,
                            struct iceberg_manifest *ret_line);
