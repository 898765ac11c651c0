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
