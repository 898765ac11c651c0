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
/* The location below which files lie, however its writer ended it. */
struct mr_slice iceberg_without_slash(struct mr_slice location);
