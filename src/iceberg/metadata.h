/* iceberg/metadata.h: a table's metadata, format version 2, as its JSON file has it.
 *
 * What we do not look into (sort orders, statistics) is kept as it was read and written back.
 * Slices live in the arena given. Pure. */
#pragma once
#include "iceberg/types.h"

enum { ICEBERG_METADATA_BYTES_MAX = 256 << 20 };

struct iceberg_pair {
    struct mr_slice name, value;
};
struct iceberg_pairs {
    struct iceberg_pair *list;
    size_t count;
};
struct iceberg_snapshot {
    int64_t id, parent; /* parent -1: none */
    int64_t sequence, timestamp_ms;
    struct mr_slice manifest_list; /* its location */
    struct iceberg_pairs summary;  /* with "operation" */
    int schema_id;                 /* -1: not told */
};
struct iceberg_log { /* of snapshots (number), of metadata files (file) */
    int64_t timestamp_ms, number;
    struct mr_slice file;
};
struct iceberg_ref {
    struct mr_slice name, type; /* "branch", "tag" */
    int64_t snapshot;
    yyjson_val *json; /* as it was read; NULL: made here */
};
struct iceberg_metadata {
    struct mr_slice uuid, location;
    int64_t last_sequence, last_updated_ms;
    int last_column_id, last_partition_id;
    struct iceberg_schema *schemas;
    struct iceberg_spec *specs;
    struct iceberg_snapshot *snapshots;
    struct iceberg_log *snapshot_log, *metadata_log;
    struct iceberg_ref *refs;
    size_t schema_count, spec_count, snapshot_count, snapshot_log_count, metadata_log_count;
    size_t ref_count;
    int current_schema, default_spec; /* ids */
    struct iceberg_pairs properties;
    int64_t current_snapshot; /* -1: none */
    yyjson_val *sort_orders;  /* NULL: unsorted alone */
    int64_t default_sort_order;
    yyjson_val *statistics, *partition_statistics;
};
/* MR_INVALID: `message` says what is wrong. */
MR_MUST_USE enum mr_status iceberg_metadata_read(struct mr_arena *arena, struct mr_slice text,
                                                 struct iceberg_metadata *ret_metadata,
                                                 char message[static 512]);
void iceberg_metadata_write(struct mr_arena *arena, struct mr_buf *buf,
                            const struct iceberg_metadata *metadata);

const struct iceberg_schema *iceberg_schema_of(const struct iceberg_metadata *metadata, int id);
/* The current one. */
const struct iceberg_schema *iceberg_schema_now(const struct iceberg_metadata *metadata);
const struct iceberg_spec *iceberg_spec_of(const struct iceberg_metadata *metadata, int id);
/* NULL: no such snapshot, or none at all. */
const struct iceberg_snapshot *iceberg_snapshot_of(const struct iceberg_metadata *metadata,
                                                   int64_t id);
/* Empty: there is none. */
#define ICEBERG_CODEC_KEY "write.parquet.compression-codec"
/* How a table's properties want Parquet files to be packed: "zstd" (the default), "snappy", "gzip"
 * or "uncompressed". */
const char *iceberg_codec(const struct iceberg_pairs *properties);
#define ICEBERG_LEVEL_KEY "write.parquet.compression-level"
enum { ICEBERG_LEVEL_DEFAULT = 3, ICEBERG_LEVEL_MAX = 22 }; /* of zstd, from 1 */
/* How tightly files are packed by zstd; 0 of other codecs. */
int iceberg_level(const struct iceberg_pairs *properties);
struct mr_slice iceberg_pair_get(const struct iceberg_pairs *pairs, const char *name);
int64_t iceberg_pair_number(const struct iceberg_pairs *pairs, const char *name, int64_t fallback);
/* Replaces, or adds; a value without ptr takes it away. The list is copied. */
void iceberg_pair_set(struct mr_arena *arena, struct iceberg_pairs *pairs, struct mr_slice name,
                      struct mr_slice value);

/* ---- changes; they copy what they change ---- */
/* Makes a schema (its id is set) the current one; one that is there already is taken. */
void iceberg_metadata_set_schema(struct mr_arena *arena, struct iceberg_metadata *metadata,
                                 const struct iceberg_schema *schema);
/* The id of the spec without fields, which is added if there is none. */
int iceberg_metadata_unpartitioned(struct mr_arena *arena, struct iceberg_metadata *metadata);
/* The new snapshot becomes the one of branch main. */
void iceberg_metadata_add_snapshot(struct mr_arena *arena, struct iceberg_metadata *metadata,
                                   const struct iceberg_snapshot *snapshot);
/* Drops all snapshots but those that `keep` names. */
void iceberg_metadata_keep_snapshots(struct mr_arena *arena, struct iceberg_metadata *metadata,
                                     const bool *keep);
