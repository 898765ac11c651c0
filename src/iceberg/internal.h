/* iceberg/internal.h: what the files of this folder share. */
#pragma once
#include "iceberg/iceberg.h"

enum {
    ICEBERG_MERGE_MIN = 100, /* manifests of a kind: then they become one */
    ICEBERG_LOG_MAX = 100,   /* metadata files remembered */
};
/* ---- table.c ---- */
struct iceberg_glue_facts {
    struct mr_slice name, comment, location, previous;
    const struct iceberg_metadata *metadata;
    yyjson_val *before; /* the wire's Table, or NULL */
};
yyjson_val *iceberg_glue_input(struct mr_arena *arena, const struct iceberg_glue_facts *facts);
/* Lines of a snapshot's manifest list; none when there is no snapshot. MR_INVALID with `message`.
 */
MR_MUST_USE enum mr_status iceberg_manifests_of(const struct iceberg *ice, struct mr_arena *arena,
                                                const struct iceberg_snapshot *snapshot,
                                                struct iceberg_manifest **ret_list,
                                                size_t *ret_count, char message[static 512]);
MR_MUST_USE enum mr_status iceberg_manifest_files(const struct iceberg *ice, struct mr_arena *arena,
                                                  const struct iceberg_metadata *metadata,
                                                  const struct iceberg_manifest *line,
                                                  struct iceberg_file **ret_files,
                                                  size_t *ret_count, char message[static 512]);
