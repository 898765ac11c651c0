/* Keys: where an item lies, and what a request must say to name it. The layouts head the
 * declarations in internal.h. */
#include "dynamodb/internal.h"
#include <assert.h>

#define INVALID "One or more parameter values were invalid: "
#define NOT_VALID "One or more parameter values are not valid. "

/* FNV-1a over the bytes, then a finisher that carries every bit to the top. Stored in keys: must
 * never change. */
uint16_t dynamodb_hash(struct mr_slice hash_key)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < hash_key.len; i++)
        hash = (hash ^ (uint8_t)hash_key.ptr[i]) * 0x100000001b3u;
    hash ^= hash >> 33;
    hash *= 0xff51afd7ed558ccdu;
    hash ^= hash >> 33;
    hash *= 0xc4ceb9fe1a85ec53u;
    return (uint16_t)(hash >> (64 - DYNAMODB_HASH_BITS));
}

size_t dynamodb_partition_of(const struct dynamodb_table *table, uint16_t hash)
{
    return ((size_t)hash * table->partitions) >> DYNAMODB_HASH_BITS;
}

struct dynamodb_schema dynamodb_schema_make(const struct dynamodb_key *keys, size_t hash_count,
                                            size_t key_count)
{
    assert(hash_count > 0 && hash_count <= key_count && key_count <= DYNAMODB_KEYS_MAX);
    struct dynamodb_schema schema = {.hash = keys[0],
                                     .has_range = key_count > hash_count,
                                     .hash_count = hash_count,
                                     .key_count = key_count};
    memcpy(schema.keys, keys, key_count * sizeof(keys[0]));
    if (schema.has_range)
        schema.range = keys[hash_count];
    return schema;
}

void dynamodb_prefix_write(struct item_writer *writer, const struct dynamodb_table *table,
                           const struct dynamodb_index *index, const struct item_value *hashes,
                           size_t count)
{
    uint32_t number = table->number;
    const char head[4] = {(char)(number >> 24), (char)(number >> 16), (char)(number >> 8),
                          (char)number};
    item_write_raw(writer, mr_slice_make(head, sizeof(head)));
    if (index != NULL)
        item_write_byte(writer, index->number);
    size_t at = writer->len;
    item_write_raw(writer, MR_S("\0\0"));
    for (size_t i = 0; i < count; i++)
        item_key_write(writer, &hashes[i]);
    struct mr_slice key = {.ptr = writer->data + at + 2, .len = writer->len - at - 2};
    uint16_t bits = dynamodb_hash(key);
    writer->data[at] = (char)(bits >> 8);
    writer->data[at + 1] = (char)bits;
}

static size_t partition_of_key(const struct dynamodb_table *table, struct mr_slice key)
{
    assert(key.len >= 6);
    uint16_t bits = (uint16_t)((uint8_t)key.ptr[4] << 8 | (uint8_t)key.ptr[5]);
    return dynamodb_partition_of(table, bits);
}

struct dynamodb_lane *dynamodb_lane_of(const struct dynamodb_table *table, struct mr_slice key)
{
    return &table->lanes[partition_of_key(table, key)];
}

struct dynamodb_address dynamodb_address_of(struct mr_arena *arena, struct dynamodb_table *table,
                                            struct mr_slice item)
{
    struct item_writer writer = item_writer_make(arena, 96);
    struct item_value hash = item_get(item, table->schema.hash.name);
    assert(hash.type == table->schema.hash.type);
    dynamodb_prefix_write(&writer, table, NULL, &hash, 1);
    if (table->schema.has_range) {
        struct item_value range = item_get(item, table->schema.range.name);
        assert(range.type == table->schema.range.type);
        item_key_write(&writer, &range);
    }
    size_t partition = partition_of_key(table, item_writer_slice(&writer));
    return (struct dynamodb_address){.key = item_writer_slice(&writer),
                                     .lane = &table->lanes[partition],
                                     .partition = partition};
}

/* What was there before its index may be no key. */
static bool fits_key(const struct item_value *value, bool range)
{
    const size_t most = range ? ITEM_RANGE_KEY_MAX : ITEM_HASH_KEY_MAX;
    return value->type == ITEM_N || (value->body.len > 0 && value->body.len <= most);
}

bool dynamodb_index_key(struct mr_arena *arena, const struct dynamodb_table *table,
                        const struct dynamodb_index *index, struct mr_slice item,
                        struct mr_slice *ret_key)
{
    const struct dynamodb_schema *schema = &index->schema;
    struct item_value values[DYNAMODB_KEYS_MAX];
    for (size_t i = 0; i < schema->key_count; i++) {
        values[i] = item_get(item, schema->keys[i].name);
        if (values[i].type != schema->keys[i].type ||
            !fits_key(&values[i], i >= schema->hash_count))
            return false;
    }
    struct item_writer writer = item_writer_make(arena, 128);
    dynamodb_prefix_write(&writer, table, index, values, schema->hash_count);
    for (size_t i = schema->hash_count; i < schema->key_count; i++)
        item_key_write(&writer, &values[i]);
    struct item_value key = item_get(item, table->schema.hash.name);
    item_key_write(&writer, &key);
    if (table->schema.has_range) {
        key = item_get(item, table->schema.range.name);
        item_key_write(&writer, &key);
    }
    *ret_key = item_writer_slice(&writer);
    return true;
}

bool dynamodb_is_key(const struct dynamodb_schema *schema, struct mr_slice name)
{
    for (size_t i = 0; i < schema->key_count; i++) {
        if (mr_slice_equal(schema->keys[i].name, name))
            return true;
    }
    return false;
}

bool dynamodb_is_projected(const struct dynamodb_table *table, const struct dynamodb_index *index,
                           struct mr_slice name)
{
    if (dynamodb_is_key(&table->schema, name) || dynamodb_is_key(&index->schema, name))
        return true;
    for (size_t i = 0; i < index->included_count; i++) {
        if (mr_slice_equal(index->included[i], name))
            return true;
    }
    return false;
}

struct mr_slice dynamodb_index_value(struct mr_arena *arena, const struct dynamodb_table *table,
                                     const struct dynamodb_index *index, struct mr_slice item)
{
    if (index->projection == DYNAMODB_ALL)
        return item;
    struct item_iter iter = item_iter_item(item);
    struct item_field *fields = mr_arena_alloc(arena, (iter.left + 1) * sizeof(fields[0]));
    struct item_field field;
    size_t count = 0;
    while (item_iter_field(&iter, &field.name, &field.value)) {
        if (dynamodb_is_projected(table, index, field.name))
            fields[count++] = field;
    }
    return item_make(arena, fields, count);
}

struct mr_slice dynamodb_keys_of(struct mr_arena *arena, const struct dynamodb_schema *schema,
                                 struct mr_slice item)
{
    struct item_field fields[2] = {
        {.name = schema->hash.name, .value = item_get(item, schema->hash.name)}};
    size_t count = 1;
    if (schema->has_range)
        fields[count++] = (struct item_field){.name = schema->range.name,
                                              .value = item_get(item, schema->range.name)};
    return item_make(arena, fields, count);
}

/* ---- checks ---- */

enum mr_status dynamodb_key_read(struct protocol_call *call, yyjson_val *json,
                                 struct mr_slice *ret_keys)
{
    struct mr_slice error;
    enum mr_status status = item_encode(call->arena, json, ret_keys, &error);
    return status == MR_OK ? MR_OK : dynamodb_refuse(call, status, error);
}

static enum mr_status check_key_size(struct protocol_call *call, const struct item_value *value,
                                     bool range, const char *where)
{
    if (!range && value->body.len > ITEM_HASH_KEY_MAX)
        return protocol_fail(call, &protocol_validation,
                             "%s" INVALID "Size of hashkey has exceeded the maximum size limit "
                             "of2048 bytes",
                             where);
    if (range && value->body.len > ITEM_RANGE_KEY_MAX)
        return protocol_fail(call, &protocol_validation,
                             "%s" INVALID "Aggregated size of all range keys has exceeded the size "
                             "limit of 1024 bytes",
                             where);
    return MR_OK;
}

static enum mr_status check_key_value(struct protocol_call *call, const struct dynamodb_key *key,
                                      const struct item_value *value, bool range, const char *where,
                                      const char *lead)
{
    if (value->type != ITEM_N && value->body.len == 0)
        return protocol_fail(call, &protocol_validation,
                             "%s%sThe AttributeValue for a key attribute cannot contain an empty "
                             "%s value. Key: %.*s",
                             where, lead, value->type == ITEM_S ? "string" : "binary",
                             MR_ARG(key->name));
    return check_key_size(call, value, range, where);
}

enum mr_status dynamodb_key_value_check(struct protocol_call *call, const struct dynamodb_key *key,
                                        const struct item_value *value, bool range,
                                        const char *where)
{
    if (value->type != key->type)
        return protocol_fail(call, &protocol_validation,
                             "%sThe provided key element does not match the schema", where);
    return check_key_value(call, key, value, range, where, INVALID);
}

enum mr_status dynamodb_key_check(struct protocol_call *call, const struct dynamodb_table *table,
                                  struct mr_slice keys)
{
    const struct dynamodb_schema *schema = &table->schema;
    if (item_iter_item(keys).left != (schema->has_range ? 2 : 1))
        return protocol_fail(call, &protocol_validation,
                             "The provided key element does not match the schema");
    struct item_value value = item_get(keys, schema->hash.name);
    enum mr_status status = dynamodb_key_value_check(call, &schema->hash, &value, false, "");
    if (status != MR_OK || !schema->has_range)
        return status;
    value = item_get(keys, schema->range.name);
    return dynamodb_key_value_check(call, &schema->range, &value, true, "");
}

static enum mr_status check_item_key(struct protocol_call *call, const struct dynamodb_key *key,
                                     struct mr_slice item, bool range)
{
    struct item_value value = item_get(item, key->name);
    if (value.type == ITEM_NONE)
        return protocol_fail(call, &protocol_validation, INVALID "Missing the key %.*s in the item",
                             MR_ARG(key->name));
    if (value.type != key->type)
        return protocol_fail(call, &protocol_validation,
                             INVALID "Type mismatch for key %.*s expected: %s actual: %s",
                             MR_ARG(key->name), item_type_name(key->type),
                             item_type_name(value.type));
    return check_key_value(call, key, &value, range, "", NOT_VALID);
}

static enum mr_status refuse_index_type(struct protocol_call *call,
                                        const struct dynamodb_index *index,
                                        const struct dynamodb_key *key, enum item_type type)
{
    return protocol_fail(call, &protocol_validation,
                         INVALID "Type mismatch for Index Key %.*s Expected: %s Actual: %s "
                                 "IndexName: %.*s",
                         MR_ARG(key->name), item_type_name(key->type), item_type_name(type),
                         MR_ARG(index->name));
}

enum mr_status dynamodb_index_check_empty(struct protocol_call *call,
                                          const struct dynamodb_index *index,
                                          const struct dynamodb_key *key,
                                          const struct item_value *value)
{
    if (value->type != key->type || value->type == ITEM_N || value->body.len > 0)
        return MR_OK;
    return protocol_fail(call, &protocol_validation,
                         NOT_VALID "A value specified for a secondary index key is not "
                                   "supported. The AttributeValue for a key attribute cannot "
                                   "contain an empty %s value. IndexName: %.*s, IndexKey: %.*s",
                         value->type == ITEM_S ? "string" : "binary", MR_ARG(index->name),
                         MR_ARG(key->name));
}

static enum mr_status check_index_key(struct protocol_call *call,
                                      const struct dynamodb_index *index,
                                      const struct dynamodb_key *key, struct mr_slice item)
{
    struct item_value value = item_get(item, key->name);
    if (value.type == ITEM_NONE)
        return MR_OK;
    if (value.type != key->type)
        return refuse_index_type(call, index, key, value.type);
    return dynamodb_index_check_empty(call, index, key, &value);
}

/* AWS: the limits hold for all partition keys, and for all sort keys, together. */
static enum mr_status check_index_sizes(struct protocol_call *call,
                                        const struct dynamodb_schema *schema, struct mr_slice item)
{
    size_t sizes[2] = {0, 0};
    for (size_t i = 0; i < schema->key_count; i++) {
        struct item_value value = item_get(item, schema->keys[i].name);
        sizes[i >= schema->hash_count] += value.type == ITEM_NONE ? 0 : value.body.len;
    }
    struct item_value hash = {.body = {.ptr = "", .len = sizes[0]}};
    struct item_value range = {.body = {.ptr = "", .len = sizes[1]}};
    enum mr_status status = check_key_size(call, &hash, false, "");
    return status == MR_OK ? check_key_size(call, &range, true, "") : status;
}

enum mr_status dynamodb_item_check_indexes(struct protocol_call *call,
                                           const struct dynamodb_table *table, struct mr_slice item)
{
    enum mr_status status = MR_OK;
    for (size_t i = 0; status == MR_OK && i < table->index_count; i++) {
        const struct dynamodb_index *index = dynamodb_index_at(table, i);
        if (index == NULL || index->state == DYNAMODB_INDEX_DELETING)
            continue;
        for (size_t j = 0; status == MR_OK && j < index->schema.key_count; j++)
            status = check_index_key(call, index, &index->schema.keys[j], item);
        if (status == MR_OK)
            status = check_index_sizes(call, &index->schema, item);
    }
    return status;
}

static uint64_t local_entries_size(struct mr_arena *arena, const struct dynamodb_table *table,
                                   struct mr_slice item)
{
    uint64_t size = 0;
    struct mr_slice key;
    for (size_t i = 0; i < table->index_count; i++) {
        const struct dynamodb_index *index = dynamodb_index_at(table, i);
        if (index != NULL && index->local && dynamodb_index_key(arena, table, index, item, &key))
            size += item_size(dynamodb_index_value(arena, table, index, item));
    }
    return size;
}

enum mr_status dynamodb_item_check_locals(struct protocol_call *call,
                                          const struct dynamodb_table *table, struct mr_slice item,
                                          bool updated)
{
    const uint64_t size = item_size(item);
    if (size * (1 + table->index_count) <= ITEM_SIZE_MAX ||
        size + local_entries_size(call->arena, table, item) <= ITEM_SIZE_MAX)
        return MR_OK;
    return protocol_fail(call, &protocol_validation,
                         "Item size %shas exceeded the maximum allowed size",
                         updated ? "to update " : "");
}

/* An item to put, whose keys are right. */
static enum mr_status check_entries(struct protocol_call *call, const struct dynamodb_table *table,
                                    struct mr_slice item)
{
    enum mr_status status = dynamodb_item_check_indexes(call, table, item);
    return status == MR_OK ? dynamodb_item_check_locals(call, table, item, false) : status;
}

enum mr_status dynamodb_item_check(struct protocol_call *call, const struct dynamodb_table *table,
                                   struct mr_slice item)
{
    enum mr_status status = check_item_key(call, &table->schema.hash, item, false);
    if (status == MR_OK && table->schema.has_range)
        status = check_item_key(call, &table->schema.range, item, true);
    return status != MR_OK ? status : check_entries(call, table, item);
}

static enum mr_status check_empty(struct protocol_call *call, const struct dynamodb_schema *schema,
                                  const struct dynamodb_index *index, struct mr_slice item)
{
    for (size_t i = 0; i < schema->key_count; i++) {
        const struct dynamodb_key *key = &schema->keys[i];
        struct item_value value = item_get(item, key->name);
        enum mr_status status = MR_OK;
        if (index != NULL)
            status = dynamodb_index_check_empty(call, index, key, &value);
        else if (value.type == key->type && value.type != ITEM_N && value.body.len == 0)
            status = check_key_value(call, key, &value, i == 1, "", NOT_VALID);
        if (status != MR_OK)
            return status;
    }
    return MR_OK;
}

enum mr_status dynamodb_item_check_empty(struct protocol_call *call,
                                         const struct dynamodb_table *table, struct mr_slice item,
                                         bool indexed)
{
    enum mr_status status = check_empty(call, &table->schema, NULL, item);
    for (size_t i = 0; indexed && status == MR_OK && i < table->index_count; i++) {
        const struct dynamodb_index *index = dynamodb_index_at(table, i);
        if (index != NULL && index->state != DYNAMODB_INDEX_DELETING)
            status = check_empty(call, &index->schema, index, item);
    }
    return status;
}

static enum mr_status check_batch_key(struct protocol_call *call, const struct dynamodb_key *key,
                                      struct mr_slice item, bool range)
{
    struct item_value value = item_get(item, key->name);
    if (value.type != key->type)
        return protocol_fail(call, &protocol_validation,
                             "The provided key element does not match the schema");
    return check_key_value(call, key, &value, range, "", NOT_VALID);
}

enum mr_status dynamodb_item_check_batch(struct protocol_call *call,
                                         const struct dynamodb_table *table, struct mr_slice item)
{
    enum mr_status status = check_batch_key(call, &table->schema.hash, item, false);
    if (status == MR_OK && table->schema.has_range)
        status = check_batch_key(call, &table->schema.range, item, true);
    return status == MR_OK ? check_entries(call, table, item) : status;
}

/* ---- paths into keys ---- */

static bool reaches(const struct dynamodb_paths *paths, struct mr_slice name)
{
    for (size_t i = 0; paths->update != NULL && i < paths->update->count; i++) {
        const struct item_action *action = &paths->update->actions[i];
        if (action->path.count > 1 &&
            (name.ptr == NULL || mr_slice_equal(action->path.steps[0].name, name)))
            return true;
        if (action->value != NULL && item_node_reaches(action->value, name))
            return true;
    }
    return (paths->filter != NULL && item_node_reaches(paths->filter, name)) ||
           (paths->projection != NULL && item_projection_reaches(paths->projection, name));
}

static enum mr_status check_schema_paths(struct protocol_call *call, const char *kind,
                                         const struct dynamodb_schema *schema,
                                         const struct dynamodb_paths *paths)
{
    const struct dynamodb_key *keys[] = {&schema->hash, schema->has_range ? &schema->range : NULL};
    for (size_t i = 0; i < MR_COUNT(keys) && keys[i] != NULL; i++) {
        if (reaches(paths, keys[i]->name))
            return protocol_fail(call, &protocol_validation,
                                 "Key attributes must be scalars; list random access '[]' and map "
                                 "lookup '.' are not allowed: %s: %.*s",
                                 kind, MR_ARG(keys[i]->name));
    }
    return MR_OK;
}

enum mr_status dynamodb_paths_check(struct protocol_call *call, const struct dynamodb_table *table,
                                    const struct dynamodb_paths *paths)
{
    struct mr_slice any = {.ptr = NULL};
    if (!reaches(paths, any))
        return MR_OK;
    enum mr_status status = check_schema_paths(call, "Key", &table->schema, paths);
    for (size_t i = 0; status == MR_OK && i < table->index_count; i++) {
        const struct dynamodb_index *index = dynamodb_index_at(table, i);
        if (index != NULL)
            status = check_schema_paths(call, "IndexKey", &index->schema, paths);
    }
    return status;
}

/* The type that the action gives its attribute, as far as the expression tells; else ITEM_NONE. */
static enum item_type type_set(const struct item_action *action)
{
    if (action->value == NULL || action->path.count > 1)
        return ITEM_NONE;
    switch (action->value->kind) {
    case ITEM_NODE_VALUE: return action->value->value.type;
    case ITEM_NODE_ADD:
    case ITEM_NODE_SUBTRACT: return ITEM_N;
    case ITEM_NODE_LIST_APPEND: return ITEM_L;
    default: return ITEM_NONE;
    }
}

static enum mr_status check_index_update(struct protocol_call *call,
                                         const struct dynamodb_index *index,
                                         const struct dynamodb_key *key,
                                         const struct item_update *update)
{
    for (size_t i = 0; i < update->count; i++) {
        enum item_type type = type_set(&update->actions[i]);
        if (type != ITEM_NONE && type != key->type &&
            mr_slice_equal(update->paths[i].steps[0].name, key->name))
            return refuse_index_type(call, index, key, type);
    }
    return MR_OK;
}

enum mr_status dynamodb_update_check(struct protocol_call *call, const struct dynamodb_table *table,
                                     const struct item_update *update)
{
    for (size_t i = 0; i < update->count; i++) {
        struct mr_slice name = update->paths[i].steps[0].name;
        if (dynamodb_is_key(&table->schema, name))
            return protocol_fail(call, &protocol_validation,
                                 "One or more parameter values were invalid: Cannot update "
                                 "attribute %.*s. This attribute is part of the key",
                                 MR_ARG(name));
    }
    enum mr_status status = MR_OK;
    for (size_t i = 0; status == MR_OK && update->count > 0 && i < table->index_count; i++) {
        const struct dynamodb_index *index = dynamodb_index_at(table, i);
        if (index == NULL || index->state == DYNAMODB_INDEX_DELETING)
            continue;
        for (size_t j = 0; status == MR_OK && j < index->schema.key_count; j++)
            status = check_index_update(call, index, &index->schema.keys[j], update);
    }
    const struct dynamodb_paths paths = {.update = update};
    return status == MR_OK ? dynamodb_paths_check(call, table, &paths) : status;
}
