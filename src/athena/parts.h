/* athena/parts.h: the partitions that a query writes, numbered as they come, and mr_part(id, [key,
 * ...]), which gives DuckDB the number of a row's partition and fails at one too many. Any thread.
 */
#pragma once
#include "athena/scan.h"
#include "base/map.h"

enum { ATHENA_PARTS_MAX = 100 };

struct athena_part {
    struct mr_slice *values; /* one a key, as the catalog has them */
    struct mr_slice path;    /* "key=value/...", escaped as Hive does, with "/" at its end */
};
struct athena_parts {
    uint64_t id;
    struct athena_parts *next; /* in the registry */
    struct mr_slice *keys;     /* names; borrowed */
    size_t key_count;
    size_t path_keys; /* of them, those in paths; the last one may be a bucket's number */
    bool lake;        /* of an Iceberg table */
    pthread_mutex_t lock;
    struct {
        struct mr_arena arena;
        struct athena_part list[ATHENA_PARTS_MAX];
        size_t count;
        struct mr_map by_path; /* -> struct athena_part */
    } locked;                  /* by lock */
};
/* Appends a value as it stands in a folder's name: "a%2Fb". */
void athena_parts_escape(struct mr_buf *buf, struct mr_slice text);
/* Puts it into the registry. */
void athena_parts_init(struct athena_parts *parts, struct athena_scans *scans,
                       struct mr_slice *keys, size_t key_count);
void athena_parts_fini(struct athena_parts *parts, struct athena_scans *scans);
/* A value whose ptr is NULL is NULL. False: there would be more than ATHENA_PARTS_MAX. */
bool athena_parts_number(struct athena_parts *parts, const struct mr_slice *values,
                         size_t *ret_number);
MR_MUST_USE enum mr_status athena_parts_register(duckdb_connection connection,
                                                 struct athena_scans *scans);
