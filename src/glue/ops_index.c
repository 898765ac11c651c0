/* The wire: partition indexes. What they would speed up is a walk in order here, so an index is
 * ready as soon as it is described. Stored: "glue/index/<database>|<table>|<index>", the wire's
 * PartitionIndexDescriptor. */
#include "glue/internal.h"

enum { GLUE_INDEXES_MAX = 3 };

struct indexes {
    struct mr_arena *arena;
    yyjson_val *list[GLUE_INDEXES_MAX + 1];
    size_t count;
};

static enum mr_status collect_index(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct indexes *indexes = ctx;
    (void)name;
    indexes->list[indexes->count++] =
        glue_parse(indexes->arena, mr_arena_copy(indexes->arena, json));
    return indexes->count < MR_COUNT(indexes->list) ? MR_OK : MR_END;
}

static enum mr_status read_indexes(struct glue *glue, struct mr_arena *arena,
                                   struct mr_slice database, struct mr_slice table,
                                   struct indexes *indexes)
{
    const struct mr_slice parts[] = {database, table};
    *indexes = (struct indexes){.arena = arena};
    return store_doc_each(glue->store, "glue", "index", glue_below(arena, parts, 2), collect_index,
                          indexes);
}

static yyjson_val *key_of(yyjson_val *partition_keys, struct mr_slice name)
{
    size_t index, max;
    yyjson_val *key;
    yyjson_arr_foreach(partition_keys, index, max, key)
    {
        if (mr_slice_equal_nocase(mr_json_get_text(key, "Name"), name))
            return key;
    }
    return NULL;
}

/* The descriptor; an empty slice: the fault is set. */
static struct mr_slice index_json(struct protocol_call *call, yyjson_val *partition_keys,
                                  yyjson_val *input)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    size_t index, max;
    yyjson_val *name, *key = NULL;
    yyjson_val *names = mr_json_get(input, "Keys");
    mr_json_object(&json);
    mr_json_key_string(&json, "IndexName", mr_json_get_text(input, "IndexName"));
    mr_json_key(&json, "Keys");
    mr_json_array(&json);
    yyjson_arr_foreach(names, index, max, name)
    {
        key = key_of(partition_keys, mr_json_text(name));
        if (key == NULL) {
            protocol_fail(call, &glue_fault_invalid_input,
                          "IndexKeys not a part of PartitionColumns. Verify the indexKeys : "
                          "[%.*s]",
                          MR_ARG(mr_json_text(name)));
            break;
        }
        mr_json_object(&json);
        mr_json_key_string(&json, "Name", glue_lower(call->arena, mr_json_get_text(key, "Name")));
        mr_json_key_string(&json, "Type", mr_json_get_text(key, "Type"));
        mr_json_object_end(&json);
    }
    mr_json_array_end(&json);
    mr_json_key_cstr(&json, "IndexStatus", "ACTIVE");
    mr_json_object_end(&json);
    struct mr_slice text = key == NULL ? MR_S("") : mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static bool same_keys(yyjson_val *a, yyjson_val *b)
{
    yyjson_val *left = mr_json_get(a, "Keys"), *right = mr_json_get(b, "Keys");
    if (yyjson_arr_size(left) != yyjson_arr_size(right))
        return false;
    for (size_t i = 0; i < yyjson_arr_size(left); i++) {
        if (!mr_slice_equal(mr_json_get_text(yyjson_arr_get(left, i), "Name"),
                            mr_json_get_text(yyjson_arr_get(right, i), "Name")))
            return false;
    }
    return true;
}

/* AWS: the limit is looked at before names and keys. */
static bool may_add(struct protocol_call *call, const struct indexes *indexes, yyjson_val *added)
{
    struct mr_slice name = mr_json_get_text(added, "IndexName");
    if (indexes->count >= GLUE_INDEXES_MAX) {
        protocol_fail(call, &glue_fault_limit, "Partition index limit exceeded. Maximum: %d",
                      (int)GLUE_INDEXES_MAX);
        return false;
    }
    for (size_t i = 0; i < indexes->count; i++) {
        struct mr_slice other = mr_json_get_text(indexes->list[i], "IndexName");
        const bool same_name = mr_slice_equal_nocase(other, name);
        if (same_name || same_keys(indexes->list[i], added)) {
            protocol_fail(call, &glue_fault_exists,
                          "Partition Index %.*s already exists with the same %s.", MR_ARG(other),
                          same_name ? "name" : "keys");
            return false;
        }
    }
    return true;
}

static struct mr_slice index_name(struct mr_arena *arena, struct mr_slice database,
                                  struct mr_slice table, struct mr_slice name)
{
    const struct mr_slice parts[] = {database, table, glue_lower(arena, name)};
    return glue_name(arena, parts, 3);
}

bool glue_index_add_all(struct protocol_call *call, struct store_entry *entry,
                        struct mr_slice database, struct mr_slice table, yyjson_val *partition_keys,
                        yyjson_val *inputs)
{
    struct indexes indexes = {.arena = call->arena};
    size_t index, max;
    yyjson_val *input;
    yyjson_arr_foreach(inputs, index, max, input)
    {
        struct mr_slice json = index_json(call, partition_keys, input);
        yyjson_val *added = json.len == 0 ? NULL : glue_parse(call->arena, json);
        if (added == NULL || !may_add(call, &indexes, added))
            return false;
        indexes.list[indexes.count++] = added;
        store_doc_put(
            entry, "glue", "index",
            index_name(call->arena, database, table, mr_json_get_text(input, "IndexName")), json);
    }
    return true;
}

enum mr_status glue_index_ensure(struct glue *glue, struct mr_arena *arena,
                                 const struct glue_table *table)
{
    struct indexes indexes;
    struct mr_slice name = MR_S("crawler_partition_index");
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    int64_t ticket;
    mr_json_object(&json);
    mr_json_key_string(&json, "IndexName", name);
    mr_json_key(&json, "Keys");
    mr_json_array(&json);
    for (size_t i = 0; i < table->key_count; i++) {
        mr_json_object(&json);
        mr_json_key_string(&json, "Name", table->keys[i].name);
        mr_json_key_string(&json, "Type", table->keys[i].type);
        mr_json_object_end(&json);
    }
    mr_json_array_end(&json);
    mr_json_key_cstr(&json, "IndexStatus", "ACTIVE");
    mr_json_object_end(&json);
    struct store_entry entry = store_entry_make(arena);
    store_doc_put(&entry, "glue", "index", index_name(arena, table->database, table->name, name),
                  mr_buf_slice(&buf));
    pthread_mutex_lock(&glue->lock);
    enum mr_status status = read_indexes(glue, arena, table->database, table->name, &indexes);
    if (status == MR_OK && indexes.count == 0)
        status = store_commit(glue->store, &entry, &ticket);
    pthread_mutex_unlock(&glue->lock);
    mr_buf_fini(&buf);
    return status;
}

static void create_partition_index(struct protocol_call *call)
{
    struct glue *glue = call->service;
    struct glue_table table;
    struct indexes indexes;
    yyjson_val *input = mr_json_get(call->in, "PartitionIndex");
    if (!glue_call_table(call, &table))
        return;
    struct mr_slice json = index_json(call, mr_json_get(table.json, "PartitionKeys"), input);
    if (json.len == 0)
        return;
    struct store_entry entry = store_entry_make(call->arena);
    pthread_mutex_lock(&glue->lock);
    enum mr_status status = read_indexes(glue, call->arena, table.database, table.name, &indexes);
    if (status == MR_OK && may_add(call, &indexes, glue_parse(call->arena, json))) {
        store_doc_put(&entry, "glue", "index",
                      index_name(call->arena, table.database, table.name,
                                 mr_json_get_text(input, "IndexName")),
                      json);
        status = store_commit(glue->store, &entry, &call->ticket);
    }
    pthread_mutex_unlock(&glue->lock);
    protocol_fail_internal(call, status);
}

static void get_partition_indexes(struct protocol_call *call)
{
    struct glue_table table;
    struct indexes indexes;
    if (!glue_call_table(call, &table))
        return;
    enum mr_status status =
        read_indexes(call->service, call->arena, table.database, table.name, &indexes);
    mr_json_key(&call->out, "PartitionIndexDescriptorList");
    mr_json_array(&call->out);
    for (size_t i = 0; i < indexes.count; i++)
        mr_json_value(&call->out, indexes.list[i]);
    mr_json_array_end(&call->out);
    protocol_fail_internal(call, status);
}

static void delete_partition_index(struct protocol_call *call)
{
    struct glue_table table;
    struct mr_slice wanted = mr_json_get_text(call->in, "IndexName");
    if (!glue_call_table(call, &table))
        return;
    enum mr_status status =
        glue_doc_remove(call, "index", index_name(call->arena, table.database, table.name, wanted));
    if (status == MR_NOT_FOUND)
        protocol_fail(call, &glue_fault_not_found,
                      "Index with the given indexName : %.*s does not exist.", MR_ARG(wanted));
}

const struct protocol_handler glue_index_handlers[] = {
    {.operation = "CreatePartitionIndex", .run = create_partition_index},
    {.operation = "GetPartitionIndexes", .run = get_partition_indexes},
    {.operation = "DeletePartitionIndex", .run = delete_partition_index},
};
const size_t glue_index_handler_count = MR_COUNT(glue_index_handlers);
