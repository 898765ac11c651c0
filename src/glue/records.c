/* Documents of the catalog, VIEW_META, parts of names joined by 0x1f:
 *   glue/database/<database>                          the wire's Database
 *   glue/table/<database>|<table>                     the wire's Table
 *   glue/version/<database>|<table>|<8 digits>        archived versions of it
 *   glue/partition/<database>|<table>|<value>|...     the wire's Partition
 *   glue/crawler/<name>                               {"config":{...},"state","last":{...}}
 *   glue/crawl/<crawler>|<16 hex digits, newest first>  the wire's CrawlerHistory
 *   glue/tags/<ARN>                                   {"key":"value"} */
#include "glue/internal.h"
#include <assert.h>

static struct mr_slice join(struct mr_arena *arena, const struct mr_slice *parts, size_t count,
                            bool end)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += parts[i].len + 1;
    char *text = mr_arena_alloc(arena, len + 1);
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0)
            memcpy(text + at, parts[i].ptr, parts[i].len);
        at += parts[i].len;
        if (end || i + 1 < count)
            text[at++] = GLUE_SEPARATOR;
    }
    return mr_slice_make(text, at);
}

struct mr_slice glue_name(struct mr_arena *arena, const struct mr_slice *parts, size_t count)
{
    return join(arena, parts, count, false);
}

struct mr_slice glue_name2(struct mr_arena *arena, struct mr_slice a, struct mr_slice b)
{
    const struct mr_slice parts[] = {a, b};
    return join(arena, parts, 2, false);
}

struct mr_slice glue_below(struct mr_arena *arena, const struct mr_slice *parts, size_t count)
{
    return join(arena, parts, count, true);
}

struct delete_below {
    struct store_entry *entry;
    const char *kind;
};

static enum mr_status delete_one(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct delete_below *all = ctx;
    (void)json;
    store_doc_delete(all->entry, "glue", all->kind, mr_arena_copy(all->entry->arena, name));
    return MR_OK;
}

enum mr_status glue_delete_below(struct glue *glue, struct store_entry *entry, const char *kind,
                                 struct mr_slice prefix)
{
    struct delete_below all = {.entry = entry, .kind = kind};
    return store_doc_each(glue->store, "glue", kind, prefix, delete_one, &all);
}

yyjson_val *glue_parse(struct mr_arena *arena, struct mr_slice json)
{
    yyjson_val *value = mr_json_parse(arena, json, MR_JSON_DEPTH_MAX);
    assert(value != NULL);
    return value;
}

enum mr_status glue_doc(struct glue *glue, struct mr_arena *arena, const char *kind,
                        struct mr_slice name, yyjson_val **ret_value)
{
    struct mr_slice json;
    enum mr_status status = store_doc_get(glue->store, arena, "glue", kind, name, &json);
    if (status != MR_OK)
        return status;
    yyjson_val *value = mr_json_parse(arena, json, MR_JSON_DEPTH_MAX);
    if (value == NULL)
        return MR_RAISE(MR_FAIL_DATA, "the %s document '%.*s' is no JSON", kind, MR_ARG(name));
    *ret_value = value;
    return MR_OK;
}

static bool is_listed(const char *const *names, struct mr_slice name)
{
    for (; *names != NULL; names++) {
        if (mr_slice_equal(mr_slice_cstr(*names), name))
            return true;
    }
    return false;
}

void glue_copy_members(struct mr_json *json, yyjson_val *object, const char *const *skip)
{
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(object, index, max, key, value)
    {
        struct mr_slice name = mr_json_text(key);
        if (yyjson_is_null(value) || is_listed(skip, name))
            continue;
        mr_json_name(json, name);
        mr_json_value(json, value);
    }
}

enum mr_status glue_location_parse(struct mr_slice location, struct mr_slice *ret_bucket,
                                   struct mr_slice *ret_prefix)
{
    static const struct mr_slice schemes[] = {MR_S_INIT("s3://"), MR_S_INIT("s3a://"),
                                              MR_S_INIT("s3n://")};
    for (size_t i = 0; i < MR_COUNT(schemes); i++) {
        if (!mr_slice_starts_with(location, schemes[i]))
            continue;
        struct mr_slice rest = mr_slice_sub(location, schemes[i].len, SIZE_MAX);
        size_t slash = mr_slice_find(rest, '/');
        struct mr_slice bucket = slash == SIZE_MAX ? rest : mr_slice_sub(rest, 0, slash);
        if (bucket.len == 0)
            return MR_INVALID;
        *ret_bucket = bucket;
        *ret_prefix = slash == SIZE_MAX ? MR_S("") : mr_slice_sub(rest, slash + 1, SIZE_MAX);
        return MR_OK;
    }
    return MR_INVALID;
}
