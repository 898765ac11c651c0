/* iam/internal.h: what the files of this folder share.
 *
 * Stored in VIEW_META: "iam/role/<name>" and "iam/policy/<arn>" (documents with the wire's
 * members, a policy's with its versions once it has several), "iam/inline/<role>\0<policy>"
 * ({"document"}), "iam/attached/<role>\0<policy ARN>" ({}). */
#pragma once
#include "iam/iam.h"
#include <pthread.h>

enum { IAM_DOCUMENT_DEPTH_MAX = 32 };

struct iam {
    struct iam_options options;
    pthread_mutex_t lock; /* orders changes */
};

extern const struct protocol_fault iam_no_such_entity, iam_exists, iam_delete_conflict;

/* fn between the lock's two ends: it reads, decides and writes. */
void iam_locked(struct protocol_call *call, void (*fn)(struct protocol_call *call));
/* The role or policy that the request names; NULL: the fault is set. */
yyjson_val *iam_role_find(struct protocol_call *call);
yyjson_val *iam_policy_find(struct protocol_call *call);
struct mr_slice iam_policy_default(yyjson_val *policy); /* "v1" */
/* The document, or NULL (no fault set). */
yyjson_val *iam_doc(struct protocol_call *call, const char *kind, struct mr_slice name);
/* "<a>\0<b>" */
struct mr_slice iam_pair(struct protocol_call *call, struct mr_slice a, struct mr_slice b);
void iam_put(struct protocol_call *call, const char *kind, struct mr_slice name,
             struct mr_slice json);
void iam_drop(struct protocol_call *call, const char *kind, struct mr_slice name);
/* An id of 21 upper-case characters that begins with `prefix`. */
struct mr_slice iam_new_id(struct protocol_call *call, const char *prefix);
/* That a member of the request is a policy: of a role's trust (who may take it on), or of what an
 * identity may do. Else sets the fault, in AWS's words. */
bool iam_document_check(struct protocol_call *call, const char *member);
bool iam_trust_check(struct protocol_call *call, const char *member);
/* AWS shows policy documents percent-encoded. */
void iam_write_document(struct mr_json *json, const char *name, struct mr_arena *arena,
                        struct mr_slice document);
/* Names below "<owner>\0", each given to fn with its document, in order. */
void iam_each_of(struct protocol_call *call, const char *kind, struct mr_slice owner,
                 void (*fn)(struct protocol_call *call, struct mr_slice name, yyjson_val *doc));

extern const struct protocol_handler iam_role_handlers[], iam_policy_handlers[],
    iam_version_handlers[], iam_tag_handlers[];
extern const size_t iam_role_handler_count, iam_policy_handler_count, iam_version_handler_count,
    iam_tag_handler_count;
