/* Tables as stored documents: "dynamodb/table/<name>". */
#include "dynamodb/internal.h"

static const char *const projection_names[] = {"ALL", "KEYS_ONLY", "INCLUDE"};

static void key_json(struct mr_json *json, const struct dynamodb_key *key)
{
    mr_json_object(json);
    mr_json_key_string(json, "name", key->name);
    mr_json_key_cstr(json, "type", item_type_name(key->type));
    mr_json_object_end(json);
}

static void keys_json(struct mr_json *json, const char *name, const struct dynamodb_key *keys,
                      size_t count)
{
    mr_json_key(json, name);
    mr_json_array(json);
    for (size_t i = 0; i < count; i++)
        key_json(json, &keys[i]);
    mr_json_array_end(json);
}

/* The first of each, and where there are more of one, those too. */
static void schema_json(struct mr_json *json, const struct dynamodb_schema *schema)
{
    size_t hashes = schema->hash_count, ranges = schema->key_count - hashes;
    mr_json_key(json, "hash");
    key_json(json, &schema->hash);
    if (hashes > 1)
        keys_json(json, "more_hash", &schema->keys[1], hashes - 1);
    if (ranges > 0) {
        mr_json_key(json, "range");
        key_json(json, &schema->range);
    }
    if (ranges > 1)
        keys_json(json, "more_range", &schema->keys[hashes + 1], ranges - 1);
}

static void index_json(struct mr_json *json, const struct dynamodb_index *index)
{
    mr_json_object(json);
    mr_json_key_string(json, "name", index->name);
    mr_json_key_int(json, "number", index->number);
    mr_json_key_bool(json, "local", index->local);
    schema_json(json, &index->schema);
    mr_json_key_cstr(json, "projection", projection_names[index->projection]);
    mr_json_key(json, "included");
    mr_json_array(json);
    for (size_t i = 0; i < index->included_count; i++)
        mr_json_string(json, index->included[i]);
    mr_json_array_end(json);
    mr_json_key_int(json, "read_units", index->read_units);
    mr_json_key_int(json, "write_units", index->write_units);
    dynamodb_tuning_put(json, &index->tuning);
    mr_json_key_int(json, "state", index->state);
    mr_json_object_end(json);
}

static void lists_json(struct mr_json *json, const struct dynamodb_table *table)
{
    mr_json_key(json, "definitions");
    mr_json_array(json);
    for (size_t i = 0; i < table->definition_count; i++) {
        mr_json_object(json);
        mr_json_key_string(json, "name", table->definitions[i].name);
        mr_json_key_cstr(json, "type", item_type_name(table->definitions[i].type));
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
    mr_json_key(json, "indexes");
    mr_json_array(json);
    for (size_t i = 0; i < table->index_count; i++) {
        if (dynamodb_index_at(table, i) != NULL)
            index_json(json, dynamodb_index_at(table, i));
    }
    mr_json_array_end(json);
    mr_json_key(json, "windows");
    mr_json_array(json);
    for (size_t i = 0; table->windows != NULL && table->windows[0] != 0 && i < table->partitions;
         i++)
        mr_json_int(json, table->windows[i]);
    mr_json_array_end(json);
}

void dynamodb_document_json(struct mr_json *json, const struct dynamodb_table *table)
{
    mr_json_object(json);
    mr_json_key_int(json, "number", table->number);
    mr_json_key_string(json, "name", table->name);
    mr_json_key_string(json, "arn", table->arn);
    mr_json_key_string(json, "region", table->region);
    mr_json_key_string(json, "account", table->account);
    mr_json_key_string(json, "uuid", table->uuid);
    mr_json_key_int(json, "created_ms", table->created_ms);
    mr_json_key_int(json, "partitions", (int64_t)table->partitions);
    schema_json(json, &table->schema);
    lists_json(json, table);
    mr_json_key_bool(json, "on_demand", table->locked.on_demand);
    mr_json_key_int(json, "on_demand_since_ms", table->locked.on_demand_since_ms);
    mr_json_key_int(json, "read_units", table->locked.read_units);
    mr_json_key_int(json, "write_units", table->locked.write_units);
    dynamodb_tuning_put(json, &table->locked.tuning);
    mr_json_key_bool(json, "protection", table->locked.protection);
    mr_json_key_bool(json, "infrequent", table->locked.infrequent);
    mr_json_key_bool(json, "class_given", table->locked.class_given);
    mr_json_key_int(json, "class_changed_ms", table->locked.class_changed_ms);
    if (table->locked.stream != NULL)
        mr_json_key_cstr(json, "stream", streams_arn(table->locked.stream));
    mr_json_key_bool(json, "stream_enabled", table->locked.stream_enabled);
    mr_json_key_bool(json, "encrypted", table->locked.encrypted);
    mr_json_key_string(json, "kms_key", mr_buf_slice(&table->locked.kms_key));
    if (table->locked.ttl.len > 0)
        mr_json_key_string(json, "ttl", mr_buf_slice(&table->locked.ttl));
    mr_json_key_int(json, "ttl_changed_ms", table->locked.ttl_changed_ms);
    mr_json_key_raw(json, "tags", mr_buf_slice(&table->locked.tags));
    if (table->locked.history.number != 0) {
        mr_json_key(json, "history");
        mr_json_object(json);
        mr_json_key_int(json, "number", table->locked.history.number);
        mr_json_key_int(json, "since_ms", table->locked.history.since_ms);
        mr_json_key_int(json, "days", table->locked.history.days);
        mr_json_object_end(json);
    }
    mr_json_key_raw(json, "origin", table->origin);
    if (table->fills)
        mr_json_key_bool(json, "fills", true);
    mr_json_object_end(json);
}

void dynamodb_document_put(struct dynamodb_table *table, struct store_entry *entry)
{
    struct mr_buf text = {0};
    struct mr_json json = mr_json_make(&text);
    dynamodb_document_json(&json, table);
    store_doc_put(entry, "dynamodb", "table", table->name,
                  mr_arena_copy(entry->arena, mr_buf_slice(&text)));
    mr_buf_fini(&text);
}

void dynamodb_document_delete(const struct dynamodb_table *table, struct store_entry *entry)
{
    store_doc_delete(entry, "dynamodb", "table", table->name);
}

/* ---- reading ---- */

static struct mr_slice text_of(struct dynamodb_table *table, yyjson_val *doc, const char *name)
{
    return mr_arena_copy(&table->arena, mr_json_get_text(doc, name));
}

static struct dynamodb_key read_key(struct dynamodb_table *table, yyjson_val *doc)
{
    return (struct dynamodb_key){.name = text_of(table, doc, "name"),
                                 .type = item_type_parse(mr_json_get_text(doc, "type"))};
}

static void read_keys(struct dynamodb_table *table, yyjson_val *doc, const char *first,
                      const char *more, struct dynamodb_key *keys, size_t *count)
{
    size_t last = *count + DYNAMODB_HASH_KEYS_MAX;
    if (mr_json_get(doc, first) == NULL)
        return;
    keys[(*count)++] = read_key(table, mr_json_get(doc, first));
    yyjson_arr_iter iter = yyjson_arr_iter_with(mr_json_get(doc, more));
    for (yyjson_val *key; *count < last && (key = yyjson_arr_iter_next(&iter)) != NULL;)
        keys[(*count)++] = read_key(table, key);
}

static struct dynamodb_schema read_schema(struct dynamodb_table *table, yyjson_val *doc)
{
    struct dynamodb_key keys[DYNAMODB_KEYS_MAX] = {{.name = {0}}};
    size_t hashes = 0;
    read_keys(table, doc, "hash", "more_hash", keys, &hashes);
    size_t count = hashes;
    read_keys(table, doc, "range", "more_range", keys, &count);
    return dynamodb_schema_make(keys, hashes, count);
}

static enum dynamodb_projection read_projection(yyjson_val *doc)
{
    struct mr_slice text = mr_json_get_text(doc, "projection");
    for (size_t i = 0; i < MR_COUNT(projection_names); i++) {
        if (mr_slice_equal(text, mr_slice_cstr(projection_names[i])))
            return (enum dynamodb_projection)i;
    }
    return DYNAMODB_ALL;
}

static void read_index(struct dynamodb_table *table, yyjson_val *doc)
{
    if (table->index_count == DYNAMODB_INDEXES_MAX)
        return;
    struct dynamodb_index *index = MR_NEW(&table->arena, struct dynamodb_index);
    index->slot = table->index_count++;
    atomic_store(&table->slots[index->slot], index);
    index->name = text_of(table, doc, "name");
    index->number = (uint8_t)mr_json_get_i64(doc, "number", 0);
    if (index->number > table->last_index_number)
        table->last_index_number = index->number;
    index->state = (int)mr_json_get_i64(doc, "state", DYNAMODB_INDEX_ACTIVE);
    index->local = mr_json_get_bool(doc, "local", false);
    index->schema = read_schema(table, doc);
    index->projection = read_projection(doc);
    index->read_units = mr_json_get_i64(doc, "read_units", 0);
    index->write_units = mr_json_get_i64(doc, "write_units", 0);
    index->tuning = dynamodb_tuning_take(doc);
    yyjson_val *included = mr_json_get(doc, "included");
    index->included = MR_NEW_ARRAY(&table->arena, struct mr_slice, yyjson_arr_size(included) + 1);
    yyjson_arr_iter iter = yyjson_arr_iter_with(included);
    for (yyjson_val *name; (name = yyjson_arr_iter_next(&iter)) != NULL;)
        index->included[index->included_count++] = mr_arena_copy(&table->arena, mr_json_text(name));
}

static void read_lists(struct dynamodb_table *table, yyjson_val *doc)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(mr_json_get(doc, "definitions"));
    for (yyjson_val *key; (key = yyjson_arr_iter_next(&iter)) != NULL;) {
        if (table->definition_count < DYNAMODB_DEFINITIONS_MAX)
            table->definitions[table->definition_count++] = read_key(table, key);
    }
    iter = yyjson_arr_iter_with(mr_json_get(doc, "indexes"));
    for (yyjson_val *index; (index = yyjson_arr_iter_next(&iter)) != NULL;)
        read_index(table, index);
}

static void read_config(struct dynamodb_table *table, yyjson_val *doc)
{
    table->locked.on_demand = mr_json_get_bool(doc, "on_demand", false);
    table->locked.on_demand_since_ms = mr_json_get_i64(doc, "on_demand_since_ms", 0);
    table->locked.read_units = mr_json_get_i64(doc, "read_units", 0);
    table->locked.write_units = mr_json_get_i64(doc, "write_units", 0);
    table->locked.tuning = dynamodb_tuning_take(doc);
    table->locked.protection = mr_json_get_bool(doc, "protection", false);
    table->locked.infrequent = mr_json_get_bool(doc, "infrequent", false);
    table->locked.class_given = mr_json_get_bool(doc, "class_given", table->locked.infrequent);
    table->locked.class_changed_ms = mr_json_get_i64(doc, "class_changed_ms", 0);
    table->locked.encrypted = mr_json_get_bool(doc, "encrypted", false);
    mr_buf_append(&table->locked.kms_key, mr_json_get_text(doc, "kms_key"));
    mr_buf_append(&table->locked.ttl, mr_json_get_text(doc, "ttl"));
    table->locked.ttl_changed_ms = mr_json_get_i64(doc, "ttl_changed_ms", 0);
    yyjson_val *tags = mr_json_get(doc, "tags");
    if (tags != NULL) {
        struct mr_json json = mr_json_make(&table->locked.tags);
        mr_json_value(&json, tags);
    }
    yyjson_val *history = mr_json_get(doc, "history");
    table->locked.history = (struct dynamodb_history_state){
        .number = (uint32_t)mr_json_get_i64(history, "number", 0),
        .since_ms = mr_json_get_i64(history, "since_ms", 0),
        .days = mr_json_get_i64(history, "days", 0),
    };
    struct mr_slice stream = mr_json_get_text(doc, "stream");
    if (stream.len > 0)
        table->locked.stream = streams_find(table->dynamodb->streams, stream);
    table->locked.stream_enabled =
        table->locked.stream != NULL && mr_json_get_bool(doc, "stream_enabled", false);
}

static void read_windows(struct dynamodb_table *table, yyjson_val *doc)
{
    yyjson_val *windows = mr_json_get(doc, "windows");
    for (size_t i = 0; i < table->partitions; i++) {
        if (i < yyjson_arr_size(windows))
            table->windows[i] = (uint32_t)mr_json_i64(yyjson_arr_get(windows, i), 0);
        else if (table->locked.stream_enabled) /* from before tables had windows */
            table->windows[i] = streams_window(table->locked.stream, i);
    }
}

static bool has_unfinished_index(const struct dynamodb_table *table)
{
    for (size_t i = 0; i < table->index_count; i++) {
        if (dynamodb_index_at(table, i)->state != DYNAMODB_INDEX_ACTIVE)
            return true;
    }
    return false;
}

static void read_origin(struct dynamodb_table *table, yyjson_val *doc)
{
    struct mr_buf text MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(&text);
    yyjson_val *origin = mr_json_get(doc, "origin");
    if (origin == NULL)
        return;
    mr_json_value(&json, origin);
    table->origin = mr_arena_copy(&table->arena, mr_buf_slice(&text));
    table->fills = mr_json_get_bool(doc, "fills", false);
    atomic_store(&table->hidden, table->fills);
}

struct dynamodb_table *dynamodb_document_read(struct dynamodb *dynamodb, yyjson_val *doc)
{
    struct dynamodb_table *table = dynamodb_table_alloc(dynamodb);
    table->number = (uint32_t)mr_json_get_i64(doc, "number", 0);
    table->name = text_of(table, doc, "name");
    table->arn = text_of(table, doc, "arn");
    table->region = text_of(table, doc, "region");
    table->account = text_of(table, doc, "account");
    table->uuid = text_of(table, doc, "uuid");
    table->created_ms = mr_json_get_i64(doc, "created_ms", 0);
    table->partitions = (size_t)mr_json_get_i64(doc, "partitions", 0);
    if (table->number == 0 || table->partitions == 0 ||
        table->partitions > STREAMS_PARTITIONS_MAX) {
        dynamodb_table_unref(table);
        return NULL;
    }
    table->schema = read_schema(table, doc);
    read_lists(table, doc);
    read_config(table, doc);
    read_origin(table, doc);
    return table;
}

static enum mr_status load_table(struct dynamodb *dynamodb, yyjson_val *doc)
{
    struct dynamodb_table *table = dynamodb_document_read(dynamodb, doc);
    if (table == NULL)
        return MR_RAISE(MR_FAIL_DATA, "the document of a table cannot be read");
    dynamodb_table_ready(table);
    read_windows(table, doc);
    dynamodb_table_set_changes(table);
    dynamodb_table_set_history(table);
    dynamodb_table_set_state(table, table->fills ? DYNAMODB_CREATING : DYNAMODB_ACTIVE);
    if (has_unfinished_index(table))
        dynamodb_table_set_state(table, DYNAMODB_UPDATING);
    dynamodb_table_publish(table);
    dynamodb_table_unref(table);
    return MR_OK;
}

static enum mr_status load_one(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    yyjson_val *doc = mr_json_parse(&arena, json, 64);
    enum mr_status status =
        doc == NULL
            ? MR_RAISE(MR_FAIL_DATA, "the document of table '%.*s' is no JSON", MR_ARG(name))
            : load_table(ctx, doc);
    mr_arena_fini(&arena);
    return status;
}

enum mr_status dynamodb_document_load(struct dynamodb *dynamodb)
{
    return store_doc_each(dynamodb->store, "dynamodb", "table", (struct mr_slice){0}, load_one,
                          dynamodb);
}
