/* ssm/internal.h: what the files of this folder share.
 *
 * Stored in VIEW_META: "ssm/parameter/<name>", a document with the wire's members and modified_ms;
 * "ssm/history/<name>:<version in 10 digits>", the same of each version, with its labels. */
#pragma once
#include "ssm/ssm.h"
#include "view/store.h"
#include <pthread.h>

enum { SSM_DOCUMENT_DEPTH_MAX = 8, SSM_VERSIONS_MAX = 100 /* AWS: kept of a parameter */ };

struct ssm {
    struct ssm_options options;
    pthread_mutex_t lock; /* orders changes */
};

extern const struct protocol_fault ssm_not_found;

/* The document, or NULL (no fault set unless the store cannot be read). */
yyjson_val *ssm_doc(struct protocol_call *call, struct mr_slice name);
void ssm_put(struct protocol_call *call, struct mr_slice name, struct mr_slice json);
/* With all that was of it. */
void ssm_drop(struct protocol_call *call, struct mr_slice name);
/* "arn:...:parameter/a/b" -> "/a/b", "arn:...:parameter/a" -> "a"; any other text is a name. */
struct mr_slice ssm_name(struct protocol_call *call, struct mr_slice name_or_arn);

/* ---- history.c ---- */
/* NULL: there is no such version (or label) any more. */
yyjson_val *ssm_version(struct protocol_call *call, struct mr_slice name, int64_t version);
yyjson_val *ssm_labelled(struct protocol_call *call, struct mr_slice name, struct mr_slice label);
/* A new version joins the entry, and the oldest goes where there are too many; `before` is the
 * version until now. False, with the fault set: the oldest has a label. */
bool ssm_history_add(struct protocol_call *call, struct store_entry *entry, struct mr_slice name,
                     int64_t version, struct mr_slice json, yyjson_val *before);
void ssm_history_drop(struct protocol_call *call, struct store_entry *entry, struct mr_slice name);

/* The members that a parameter and a version of it are described by, `own` the one of the two. */
void ssm_write_described(struct protocol_call *call, yyjson_val *doc, const char *own);
extern const struct protocol_handler ssm_history_handlers[];
extern const size_t ssm_history_handler_count;
extern const struct protocol_handler ssm_write_handlers[], ssm_read_handlers[];
extern const size_t ssm_write_handler_count, ssm_read_handler_count;
