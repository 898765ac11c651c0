#include "base/meters.h"
#include "base/json.h"
#include "base/map.h"
#include <pthread.h>
#include <stdlib.h>

struct meters {
    pthread_mutex_t lock;
    struct mr_map map; /* "<space>\0<name>\0<dimensions>" -> struct meters_item */
    _Atomic(struct meters_item *) first;
};

struct meters *meters_new(void)
{
    struct meters *meters = mr_calloc(1, sizeof *meters);
    pthread_mutex_init(&meters->lock, NULL);
    return meters;
}

void meters_free(struct meters *meters)
{
    if (meters == NULL)
        return;
    struct meters_item *item = atomic_load(&meters->first);
    while (item != NULL) {
        struct meters_item *next = item->next;
        meter_free(item->meter);
        free(item->dimensions);
        free(item);
        item = next;
    }
    mr_map_fini(&meters->map);
    pthread_mutex_destroy(&meters->lock);
    free(meters);
}

static void write_dimensions(struct mr_buf *buf, const struct meter_dimension *dimensions,
                             size_t count)
{
    struct mr_json json = mr_json_make(buf);
    mr_json_array(&json);
    for (size_t i = 0; i < count; i++) {
        mr_json_object(&json);
        mr_json_key_cstr(&json, "Name", dimensions[i].name);
        mr_json_key_string(&json, "Value", dimensions[i].value);
        mr_json_object_end(&json);
    }
    mr_json_array_end(&json);
}

static struct meters_item *get_locked(struct meters *meters, struct mr_slice key, bool spread,
                                      struct mr_slice dimensions)
{
    struct meters_item *item = mr_map_get(&meters->map, key);
    if (item != NULL || meters->map.count >= METERS_MAX)
        return item;
    item = mr_calloc(1, sizeof *item);
    item->dimensions = mr_strdup_slice(dimensions);
    item->meter = meter_new(spread);
    (void)mr_map_put(&meters->map, key, item);
    return item;
}

struct meter *meters_get(struct meters *meters, const char *space, const struct meter_kind *kind,
                         const struct meter_dimension *dimensions, size_t count)
{
    if (meters == NULL)
        return NULL;
    struct mr_buf key = {0}, text = {0};
    write_dimensions(&text, dimensions, count);
    mr_buf_append(&key, mr_slice_make(space, strlen(space) + 1));
    mr_buf_append(&key, mr_slice_make(kind->name, strlen(kind->name) + 1));
    mr_buf_append(&key, mr_buf_slice(&text));
    pthread_mutex_lock(&meters->lock);
    const bool spread = strcmp(kind->unit, "Milliseconds") == 0;
    struct meters_item *item = get_locked(meters, mr_buf_slice(&key), spread, mr_buf_slice(&text));
    if (item != NULL && item->space == NULL) {
        item->space = space;
        item->kind = kind;
        item->next = atomic_load(&meters->first);
        atomic_store(&meters->first, item);
    }
    pthread_mutex_unlock(&meters->lock);
    mr_buf_fini(&key);
    mr_buf_fini(&text);
    return item == NULL ? NULL : item->meter;
}

struct meters_item *meters_first(struct meters *meters)
{
    return meters == NULL ? NULL : atomic_load(&meters->first);
}

/* ---- sets ---- */

void meter_set_init(struct meter_set *set, struct meters *meters, const char *space,
                    const struct meter_kind *kinds, size_t count)
{
    *set = (struct meter_set){.meters = meters, .space = space, .kinds = kinds, .count = count};
    set->of = mr_calloc(count, sizeof *set->of);
}

void meter_set_dimension(struct meter_set *set, const char *name, struct mr_slice value)
{
    set->dimensions[set->dimension_count++] = (struct meter_dimension){
        .name = name, .value = mr_slice_make(mr_strdup_slice(value), value.len)};
}

void meter_set_fini(struct meter_set *set)
{
    for (size_t i = 0; i < set->dimension_count; i++)
        free((char *)(uintptr_t)set->dimensions[i].value.ptr);
    free(set->of);
    *set = (struct meter_set){0};
}

struct meter *meter_set_get(struct meter_set *set, size_t kind)
{
    if (set->meters == NULL)
        return NULL;
    struct meter *meter = atomic_load_explicit(&set->of[kind], memory_order_acquire);
    if (meter == NULL) {
        meter = meters_get(set->meters, set->space, &set->kinds[kind], set->dimensions,
                           set->dimension_count);
        atomic_store_explicit(&set->of[kind], meter, memory_order_release);
    }
    return meter;
}
