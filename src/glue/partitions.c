/* Partitions of tables. A name is its values in the order of the keys, so that a listing is ordered
 * by values. */
#include "glue/internal.h"
#include <assert.h>

struct mr_slice *glue_values(struct mr_arena *arena, yyjson_val *array, size_t *ret_count)
{
    const size_t count = yyjson_is_arr(array) ? yyjson_arr_size(array) : 0;
    struct mr_slice *values = MR_NEW_ARRAY(arena, struct mr_slice, count + 1);
    size_t index, max;
    yyjson_val *value;
    yyjson_arr_foreach(array, index, max, value)
    {
        values[index] = mr_json_text(value);
    }
    *ret_count = count;
    return values;
}

static struct mr_slice partition_name(struct mr_arena *arena, struct mr_slice database,
                                      struct mr_slice table, const struct mr_slice *values,
                                      size_t count)
{
    struct mr_slice *parts = MR_NEW_ARRAY(arena, struct mr_slice, count + 2);
    parts[0] = glue_lower(arena, database);
    parts[1] = glue_lower(arena, table);
    for (size_t i = 0; i < count; i++)
        parts[i + 2] = values[i];
    return glue_name(arena, parts, count + 2);
}

enum mr_status glue_partition_get(struct glue *glue, struct mr_arena *arena,
                                  struct mr_slice database, struct mr_slice table,
                                  const struct mr_slice *values, size_t count,
                                  struct mr_slice *ret_json)
{
    return store_doc_get(glue->store, arena, "glue", "partition",
                         partition_name(arena, database, table, values, count), ret_json);
}

struct each {
    struct mr_arena arena; /* of one partition */
    enum mr_status (*fn)(void *ctx, const struct glue_partition *partition);
    void *ctx;
};

static enum mr_status each_one(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct each *each = ctx;
    mr_arena_reset(&each->arena);
    yyjson_val *value = mr_json_parse(&each->arena, json, MR_JSON_DEPTH_MAX);
    if (value == NULL)
        return MR_RAISE(MR_FAIL_DATA, "the partition '%.*s' is no JSON", MR_ARG(name));
    struct glue_partition partition = {
        .json = value,
        .location = mr_json_get_text(mr_json_get(value, "StorageDescriptor"), "Location")};
    partition.values =
        glue_values(&each->arena, mr_json_get(value, "Values"), &partition.value_count);
    return each->fn(each->ctx, &partition);
}

enum mr_status glue_partition_each(
    struct glue *glue, struct mr_slice database, struct mr_slice table,
    enum mr_status (*fn)(void *ctx, const struct glue_partition *partition), void *ctx)
{
    struct each each = {.fn = fn, .ctx = ctx};
    struct mr_arena arena;
    mr_arena_init(&arena);
    mr_arena_init(&each.arena);
    const struct mr_slice parts[] = {glue_lower(&arena, database), glue_lower(&arena, table)};
    enum mr_status status = store_doc_each(glue->store, "glue", "partition",
                                           glue_below(&arena, parts, 2), each_one, &each);
    mr_arena_fini(&each.arena);
    mr_arena_fini(&arena);
    return status;
}

static struct mr_slice partition_json(struct mr_arena *arena, const struct glue_table *table,
                                      yyjson_val *input, double created)
{
    static const char *const skip[] = {"StorageDescriptor", NULL};
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    glue_copy_members(&json, input, skip);
    if (mr_json_get(input, "StorageDescriptor") != NULL) {
        mr_json_key(&json, "StorageDescriptor");
        glue_write_storage(&json, arena, mr_json_get(input, "StorageDescriptor"));
    }
    mr_json_key_string(&json, "DatabaseName", table->database);
    mr_json_key_string(&json, "TableName", table->name);
    mr_json_key_number(&json, "CreationTime", created);
    mr_json_key_string(&json, "CatalogId", mr_json_get_text(table->json, "CatalogId"));
    mr_json_object_end(&json);
    struct mr_slice text = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static double creation_time(struct mr_arena *arena, struct mr_slice json, double fallback)
{
    return mr_json_get_double(glue_parse(arena, json), "CreationTime", fallback);
}

/* One entry of up to GLUE_ENTRY_OPS partitions. */
static enum mr_status put_some(struct glue *glue, struct mr_arena *arena,
                               const struct glue_table *table, yyjson_val **inputs, size_t count,
                               bool replace, size_t *ret_added, size_t *ret_updated,
                               int64_t *ret_ticket)
{
    struct store_entry entry = store_entry_make(arena);
    const double now = (double)store_now(glue->store) / 1000;
    size_t added = 0;
    for (size_t i = 0; i < count; i++) {
        size_t value_count;
        struct mr_slice *values =
            glue_values(arena, mr_json_get(inputs[i], "Values"), &value_count);
        if (value_count != table->key_count)
            return MR_INVALID;
        struct mr_slice name =
            partition_name(arena, table->database, table->name, values, value_count);
        struct mr_slice old;
        enum mr_status status = store_doc_get(glue->store, arena, "glue", "partition", name, &old);
        if (status < 0)
            return status;
        if (status == MR_OK && !replace)
            continue;
        added += status == MR_NOT_FOUND;
        const double created = status == MR_OK ? creation_time(arena, old, now) : now;
        struct mr_slice json = partition_json(arena, table, inputs[i], created);
        if (status == MR_OK && mr_slice_equal(json, old))
            continue;
        *ret_updated += status == MR_OK;
        store_doc_put(&entry, "glue", "partition", name, json);
    }
    *ret_added += added;
    return store_commit(glue->store, &entry, ret_ticket);
}

enum mr_status glue_partition_merge(struct glue *glue, struct mr_arena *arena,
                                    const struct glue_table *table, yyjson_val **inputs,
                                    size_t count, bool replace, size_t *ret_added,
                                    size_t *ret_updated, int64_t *ret_ticket)
{
    size_t added = 0, updated = 0;
    struct glue_table present;
    pthread_mutex_lock(&glue->lock);
    enum mr_status status = glue_table_get(glue, arena, table->database, table->name, &present);
    for (size_t from = 0; status == MR_OK && from < count; from += GLUE_ENTRY_OPS) {
        const size_t some = count - from < GLUE_ENTRY_OPS ? count - from : GLUE_ENTRY_OPS;
        status = put_some(glue, arena, &present, inputs + from, some, replace, &added, &updated,
                          ret_ticket);
    }
    pthread_mutex_unlock(&glue->lock);
    *ret_added = added;
    *ret_updated = updated;
    return status;
}

enum mr_status glue_partition_put(struct glue *glue, struct mr_arena *arena,
                                  const struct glue_table *table, yyjson_val **inputs, size_t count,
                                  bool replace, size_t *ret_added, int64_t *ret_ticket)
{
    size_t updated;
    return glue_partition_merge(glue, arena, table, inputs, count, replace, ret_added, &updated,
                                ret_ticket);
}

static enum mr_status update_locked(struct glue *glue, struct mr_arena *arena,
                                    const struct glue_table *table, struct mr_slice old_name,
                                    yyjson_val *input, int64_t *ret_ticket)
{
    struct mr_slice json, other;
    size_t count;
    struct mr_slice *values = glue_values(arena, mr_json_get(input, "Values"), &count);
    enum mr_status status = store_doc_get(glue->store, arena, "glue", "partition", old_name, &json);
    if (status != MR_OK)
        return status;
    if (count != table->key_count)
        return MR_INVALID;
    struct mr_slice name = partition_name(arena, table->database, table->name, values, count);
    struct store_entry entry = store_entry_make(arena);
    if (!mr_slice_equal(name, old_name)) {
        status = store_doc_get(glue->store, arena, "glue", "partition", name, &other);
        if (status == MR_OK)
            return MR_EXISTS;
        store_doc_delete(&entry, "glue", "partition", old_name);
        status = status < 0 ? status
                            : glue_delete_below(glue, &entry, "partition-stats",
                                                glue_below(arena, &old_name, 1));
        if (status < 0)
            return status;
    }
    store_doc_put(&entry, "glue", "partition", name,
                  partition_json(arena, table, input, creation_time(arena, json, 0)));
    return store_commit(glue->store, &entry, ret_ticket);
}

enum mr_status glue_partition_update(struct glue *glue, struct mr_arena *arena,
                                     const struct glue_table *table, const struct mr_slice *values,
                                     size_t count, yyjson_val *input, int64_t *ret_ticket)
{
    struct mr_slice name = partition_name(arena, table->database, table->name, values, count);
    pthread_mutex_lock(&glue->lock);
    enum mr_status status = update_locked(glue, arena, table, name, input, ret_ticket);
    pthread_mutex_unlock(&glue->lock);
    return status;
}

enum mr_status glue_partition_delete(struct glue *glue, struct mr_arena *arena,
                                     struct mr_slice database, struct mr_slice table,
                                     const struct mr_slice *values, size_t count,
                                     int64_t *ret_ticket)
{
    struct mr_slice name = partition_name(arena, database, table, values, count), old;
    pthread_mutex_lock(&glue->lock);
    enum mr_status status = store_doc_get(glue->store, arena, "glue", "partition", name, &old);
    if (status == MR_OK) {
        struct store_entry entry = store_entry_make(arena);
        store_doc_delete(&entry, "glue", "partition", name);
        status = glue_delete_below(glue, &entry, "partition-stats", glue_below(arena, &name, 1));
        if (status == MR_OK)
            status = store_commit(glue->store, &entry, ret_ticket);
    }
    pthread_mutex_unlock(&glue->lock);
    return status;
}
