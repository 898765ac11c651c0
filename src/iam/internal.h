/* iam/internal.h: what the files of this folder share.
 *
 * Stored in VIEW_META: "iam/role/<name>" and "iam/policy/<arn>" (documents with the wire's
 * members), "iam/inline/<role>\0<policy>"
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

/* The document, or NULL (no fault set). */
yyjson_val *iam_doc(struct protocol_call *call, const char *kind, struct mr_slice name);
/* "<a>\0<b>" */
struct mr_slice iam_pair(struct protocol_call *call, struct mr_slice a, struct mr_slice b);
void iam_put(struct protocol_call *call, const char *kind, struct mr_slice name,
             struct mr_slice json);
void iam_drop(struct protocol_call *call, const char *kind, struct mr_slice name);
/* An id of 21 upper-case characters that begins with `prefix`. */
struct mr_slice iam_new_id(struct protocol_call *call, const char *prefix);
/* That a member of the request is a JSON object, as policies are; else sets the fault. What stands
 * in it is not looked at. */
bool iam_document_check(struct protocol_call *call, const char *member);
/* AWS shows policy documents percent-encoded. */
void iam_write_document(struct mr_json *json, const char *name, struct mr_arena *arena,
                        struct mr_slice document);
/* Names below "<owner>\0", each given to fn with its document, in order. */
void iam_each_of(struct protocol_call *call, const char *kind, struct mr_slice owner,
                 void (*fn)(struct protocol_call *call, struct mr_slice name, yyjson_val *doc));

extern const struct protocol_handler iam_role_handlers[], iam_policy_handlers[];
extern const size_t iam_role_handler_count, iam_policy_handler_count;
