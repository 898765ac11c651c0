#include "base/map.h"
#include "base/arena.h"
#include <assert.h>
#include <stdlib.h>

/* Open addressing, linear probing, at most three quarters full; a removal shifts the entries behind
 * it back, so that there are no tombstones. */

void mr_map_fini(struct mr_map *map)
{
    for (size_t i = 0; i < map->capacity; i++)
        free(map->entries[i].key);
    free(map->entries);
    *map = (struct mr_map){0};
}

/* The entry with that key, or the free slot where it belongs. */
static struct mr_map_entry *map_slot(const struct mr_map *map, struct mr_slice key, uint64_t hash)
{
    size_t mask = map->capacity - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct mr_map_entry *entry = &map->entries[i];
        if (entry->key == NULL)
            return entry;
        if (entry->hash == hash && mr_slice_equal(mr_slice_make(entry->key, entry->key_len), key))
            return entry;
    }
}

void *mr_map_get(const struct mr_map *map, struct mr_slice key)
{
    if (map->count == 0)
        return NULL;
    return map_slot(map, key, mr_slice_hash(key))->value;
}

static void map_grow(struct mr_map *map)
{
    struct mr_map old = *map;
    map->capacity = old.capacity == 0 ? 16 : old.capacity * 2;
    map->entries = mr_calloc(map->capacity, sizeof(*map->entries));
    for (size_t i = 0; i < old.capacity; i++) {
        struct mr_map_entry *entry = &old.entries[i];
        if (entry->key != NULL)
            *map_slot(map, mr_slice_make(entry->key, entry->key_len), entry->hash) = *entry;
    }
    free(old.entries);
}

void *mr_map_put(struct mr_map *map, struct mr_slice key, void *value)
{
    assert(value != NULL);
    if (map->count >= map->capacity / 4 * 3)
        map_grow(map);
    uint64_t hash = mr_slice_hash(key);
    struct mr_map_entry *entry = map_slot(map, key, hash);
    void *replaced = entry->value;
    if (entry->key == NULL) {
        entry->key = mr_strdup_slice(key);
        entry->key_len = key.len;
        entry->hash = hash;
        map->count++;
    }
    entry->value = value;
    return replaced;
}

void *mr_map_remove(struct mr_map *map, struct mr_slice key)
{
    if (map->count == 0)
        return NULL;
    struct mr_map_entry *entry = map_slot(map, key, mr_slice_hash(key));
    if (entry->key == NULL)
        return NULL;
    void *removed = entry->value;
    free(entry->key);
    size_t mask = map->capacity - 1;
    size_t hole = (size_t)(entry - map->entries);
    for (size_t i = (hole + 1) & mask; map->entries[i].key != NULL; i = (i + 1) & mask) {
        /* An entry may move into the hole when its home is not between the hole and itself. */
        if (((i - map->entries[i].hash) & mask) >= ((i - hole) & mask)) {
            map->entries[hole] = map->entries[i];
            hole = i;
        }
    }
    map->entries[hole] = (struct mr_map_entry){0};
    map->count--;
    return removed;
}

bool mr_map_next(const struct mr_map *map, size_t *cursor, struct mr_slice *ret_key,
                 void **ret_value)
{
    for (; *cursor < map->capacity; ++*cursor) {
        struct mr_map_entry *entry = &map->entries[*cursor];
        if (entry->key == NULL)
            continue;
        *ret_key = mr_slice_make(entry->key, entry->key_len);
        *ret_value = entry->value;
        ++*cursor;
        return true;
    }
    return false;
}
