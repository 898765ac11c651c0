/* base/map.h: a hash map from bytes to a pointer. Keys are copied; values belong to the caller. No
 * lock inside. */
#pragma once
#include "base/slice.h"

struct mr_map_entry {
    char *key; /* owned; NULL: free slot */
    size_t key_len;
    uint64_t hash;
    void *value;
};
struct mr_map {
    struct mr_map_entry *entries; /* owned */
    size_t count, capacity;       /* capacity is 0 or a power of two */
};
/* A zeroed struct is an empty map. */
void mr_map_fini(struct mr_map *map);
void *mr_map_get(const struct mr_map *map, struct mr_slice key); /* NULL: absent */
/* `value` is not NULL. Returns the replaced value or NULL. */
void *mr_map_put(struct mr_map *map, struct mr_slice key, void *value);
void *mr_map_remove(struct mr_map *map, struct mr_slice key); /* returns what was there or NULL */
/* Walks all entries in no order: start with *cursor = 0; false at the end. The map must not change
 * meanwhile, not even by removing the entry just returned: collect first. */
bool mr_map_next(const struct mr_map *map, size_t *cursor, struct mr_slice *ret_key,
                 void **ret_value);
