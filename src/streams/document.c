/* Streams as stored documents: "streams/stream/<table>/<label>". */
#include "streams/internal.h"
#include <assert.h>

static struct mr_slice document_name(struct mr_arena *arena, const struct streams_stream *stream)
{
    return mr_arena_printf(arena, "%s/%s", stream->table, stream->label);
}

static void shards_json(struct mr_json *json, const struct streams_shard_list *list)
{
    mr_json_key(json, "shards");
    mr_json_array(json);
    for (size_t i = 0; i < list->count; i++) {
        const struct streams_shard *shard = &list->shards[i];
        mr_json_object(json);
        mr_json_key_cstr(json, "id", shard->id);
        mr_json_key_int(json, "window", shard->window);
        mr_json_key_int(json, "partition", shard->partition);
        mr_json_key_int(json, "hash_from", shard->hash_from);
        mr_json_key_int(json, "hash_to", shard->hash_to);
        mr_json_key_int(json, "start", shard->start);
        mr_json_key_int(json, "created_ms", shard->created_ms);
        if (shard->end != INT64_MAX) {
            mr_json_key_int(json, "end", shard->end);
            mr_json_key_int(json, "closed_ms", shard->closed_ms);
        }
        if (shard->parent != NULL)
            mr_json_key_cstr(json, "parent", shard->parent);
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
}

static void keys_json(struct mr_json *json, const struct streams_stream *stream)
{
    mr_json_key(json, "keys");
    mr_json_array(json);
    for (size_t i = 0; i < stream->key_count; i++) {
        mr_json_object(json);
        mr_json_key_string(json, "name", stream->keys[i].name);
        mr_json_key_bool(json, "range", stream->keys[i].range);
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
}

void streams_document_put(const struct streams_stream *stream,
                          const struct streams_shard_list *list, int64_t disabled_ms,
                          struct store_entry *entry)
{
    struct mr_buf text = {0};
    struct mr_json json = mr_json_make(&text);
    mr_json_object(&json);
    mr_json_key_cstr(&json, "table", stream->table);
    mr_json_key_cstr(&json, "label", stream->label);
    mr_json_key_cstr(&json, "arn", stream->arn);
    mr_json_key_cstr(&json, "region", stream->region);
    mr_json_key_cstr(&json, "account", stream->account);
    mr_json_key_cstr(&json, "view", streams_view_name(stream->view));
    mr_json_key_int(&json, "created_ms", stream->created_ms);
    mr_json_key_bool(&json, "enabled", disabled_ms == 0);
    mr_json_key_int(&json, "disabled_ms", disabled_ms);
    keys_json(&json, stream);
    shards_json(&json, list);
    mr_json_object_end(&json);
    store_doc_put(entry, "streams", "stream", document_name(entry->arena, stream),
                  mr_arena_copy(entry->arena, mr_buf_slice(&text)));
    mr_buf_fini(&text);
}

void streams_document_delete(const struct streams_stream *stream, struct store_entry *entry)
{
    store_doc_delete(entry, "streams", "stream", document_name(entry->arena, stream));
}

static const char *text_of(struct streams_stream *stream, yyjson_val *doc, const char *name)
{
    return mr_arena_cstr(&stream->arena, mr_json_get_text(doc, name));
}

static void read_keys(struct streams_stream *stream, yyjson_val *keys)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(keys);
    for (yyjson_val *key; (key = yyjson_arr_iter_next(&iter)) != NULL;) {
        if (stream->key_count == MR_COUNT(stream->keys))
            break;
        stream->keys[stream->key_count++] = (struct streams_key_attribute){
            .name = mr_arena_copy(&stream->arena, mr_json_get_text(key, "name")),
            .range = mr_json_get_bool(key, "range", false),
        };
    }
}

static void read_shards(struct streams_stream *stream, yyjson_val *shards)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(shards);
    for (yyjson_val *shard; (shard = yyjson_arr_iter_next(&iter)) != NULL;) {
        const struct streams_shard it = {
            .id = text_of(stream, shard, "id"),
            .parent =
                mr_json_get(shard, "parent") == NULL ? NULL : text_of(stream, shard, "parent"),
            .window = (uint32_t)mr_json_get_i64(shard, "window", 0),
            .partition =
                (uint32_t)mr_json_get_i64(shard, "partition", (int64_t)stream->locked.shards.count),
            .hash_from = (uint16_t)mr_json_get_i64(shard, "hash_from", 0),
            .hash_to = (uint16_t)mr_json_get_i64(shard, "hash_to", 0),
            .start = mr_json_get_i64(shard, "start", 0),
            .end = mr_json_get_i64(shard, "end", INT64_MAX),
            .created_ms = mr_json_get_i64(shard, "created_ms", stream->created_ms),
            .closed_ms = mr_json_get_i64(shard, "closed_ms", stream->locked.disabled_ms),
        };
        streams_shard_add(&stream->locked.shards, &it);
        if (it.partition >= stream->partitions)
            stream->partitions = it.partition + 1;
    }
    for (size_t i = 0; i < stream->locked.shards.count; i++) {
        struct streams_shard *shard = &stream->locked.shards.shards[i];
        if (shard->hash_to == 0) /* stored when shards were not split yet */
            streams_shard_widen(stream, shard);
    }
}

struct streams_stream *streams_document_read(struct streams *streams, struct mr_slice json)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    yyjson_val *doc = mr_json_parse(&arena, json, 16);
    struct streams_stream *stream = NULL;
    if (doc != NULL) {
        stream = streams_alloc(streams);
        stream->table = text_of(stream, doc, "table");
        stream->label = text_of(stream, doc, "label");
        stream->arn = text_of(stream, doc, "arn");
        stream->region = text_of(stream, doc, "region");
        stream->account = text_of(stream, doc, "account");
        stream->view = streams_view_parse(mr_json_get_text(doc, "view"));
        stream->created_ms = mr_json_get_i64(doc, "created_ms", 0);
        stream->locked.enabled = mr_json_get_bool(doc, "enabled", false);
        stream->locked.disabled_ms = mr_json_get_i64(doc, "disabled_ms", 0);
        read_keys(stream, mr_json_get(doc, "keys"));
        read_shards(stream, mr_json_get(doc, "shards"));
        streams_seed_ids(stream);
    }
    mr_arena_fini(&arena);
    return stream;
}
