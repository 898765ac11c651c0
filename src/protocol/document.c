#include "protocol/document.h"

yyjson_val *protocol_document(struct protocol_call *call, struct store *store, const char *service,
                              const char *kind, struct mr_slice name)
{
    struct mr_slice json;
    const enum mr_status status = store_doc_get(store, call->arena, service, kind, name, &json);
    protocol_fail_internal(call, status);
    return status == MR_OK ? mr_json_parse(call->arena, json, PROTOCOL_DOCUMENT_DEPTH_MAX) : NULL;
}

void protocol_commit(struct protocol_call *call, struct store *store, struct store_entry *entry)
{
    protocol_fail_internal(call, store_commit(store, entry, &call->ticket));
}

void protocol_document_put(struct protocol_call *call, struct store *store, const char *service,
                           const char *kind, struct mr_slice name, struct mr_slice json)
{
    struct store_entry entry = store_entry_make(call->arena);
    store_doc_put(&entry, service, kind, name, json);
    protocol_commit(call, store, &entry);
}

void protocol_document_drop(struct protocol_call *call, struct store *store, const char *service,
                            const char *kind, struct mr_slice name)
{
    struct store_entry entry = store_entry_make(call->arena);
    store_doc_delete(&entry, service, kind, name);
    protocol_commit(call, store, &entry);
}

struct mr_slice protocol_document_with(struct mr_arena *arena, yyjson_val *doc, const char *member,
                                       struct mr_slice json_text)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    yyjson_obj_iter iter = yyjson_obj_iter_with(doc);
    yyjson_val *key;
    mr_json_object(&json);
    while ((key = yyjson_obj_iter_next(&iter)) != NULL) {
        if (mr_slice_equal(mr_json_text(key), mr_slice_cstr(member)))
            continue;
        mr_json_name(&json, mr_json_text(key));
        mr_json_value(&json, yyjson_obj_iter_get_val(key));
    }
    mr_json_key_raw(&json, member, json_text);
    mr_json_object_end(&json);
    const struct mr_slice text = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}
