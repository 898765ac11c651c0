/* protocol/document.h: the stored documents of a call ("<service>/<kind>/<name>", view/store.h),
 * for services that have no other state. A failure of ours becomes the call's fault. Who reads,
 * decides and writes holds a lock of the service across all of it. */
#pragma once
#include "protocol/protocol.h"
#include "view/store.h"

enum { PROTOCOL_DOCUMENT_DEPTH_MAX = 8 }; /* as deep as those that are written here */

/* In the call's arena; NULL: there is none, or the fault is set. */
yyjson_val *protocol_document(struct protocol_call *call, struct store *store, const char *service,
                              const char *kind, struct mr_slice name);
/* The reply waits for the entry. */
void protocol_commit(struct protocol_call *call, struct store *store, struct store_entry *entry);
/* An entry that puts or deletes one document. */
void protocol_document_put(struct protocol_call *call, struct store *store, const char *service,
                           const char *kind, struct mr_slice name, struct mr_slice json);
void protocol_document_drop(struct protocol_call *call, struct store *store, const char *service,
                            const char *kind, struct mr_slice name);
/* A document with one member set to JSON text (empty: taken away). */
struct mr_slice protocol_document_with(struct mr_arena *arena, yyjson_val *doc, const char *member,
                                       struct mr_slice json_text);
