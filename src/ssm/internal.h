/* ssm/internal.h: what the files of this folder share.
 *
 * Stored in VIEW_META: "ssm/parameter/<name>", a document with the wire's members and modified_ms.
 */
#pragma once
#include "ssm/ssm.h"
#include <pthread.h>

enum { SSM_DOCUMENT_DEPTH_MAX = 8 };

struct ssm {
    struct ssm_options options;
    pthread_mutex_t lock; /* orders changes */
};

extern const struct protocol_fault ssm_not_found;

/* The document, or NULL (no fault set unless the store cannot be read). */
yyjson_val *ssm_doc(struct protocol_call *call, struct mr_slice name);
void ssm_put(struct protocol_call *call, struct mr_slice name, struct mr_slice json);
void ssm_drop(struct protocol_call *call, struct mr_slice name);
/* "arn:...:parameter/a/b" -> "/a/b", "arn:...:parameter/a" -> "a"; any other text is a name. */
struct mr_slice ssm_name(struct protocol_call *call, struct mr_slice name_or_arn);

extern const struct protocol_handler ssm_write_handlers[], ssm_read_handlers[];
extern const size_t ssm_write_handler_count, ssm_read_handler_count;
