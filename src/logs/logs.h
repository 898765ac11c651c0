/* logs/logs.h: CloudWatch Logs: groups, streams, events. Functions' output and delivery errors come
 * here.
 *
 * An event is a record in VIEW_META; a stream keeps its newest LOGS_STREAM_EVENTS_MAX events, older
 * ones go as new ones come. Threads: any. Durable: an appended event a moment later (nobody waits
 * for it); groups and streams made through the wire when the reply is sent. */
#pragma once
#include "base/rng.h"
#include "protocol/protocol.h"
#include "runtime/runtime.h"
#include "view/store.h"

enum { LOGS_STREAM_EVENTS_MAX = 10000, LOGS_EVENT_BYTES_MAX = 256 << 10 };

struct logs;
struct logs_options {
    struct store *store;
    struct runtime *runtime;
    struct mr_rng *rng;
};
MR_MUST_USE enum mr_status logs_open(struct logs **ret_logs, const struct logs_options *options);
void logs_register(struct logs *logs, struct protocol *protocol);
void logs_close(struct logs *logs); /* accepts NULL */
/* Adds a line; group and stream are made when absent (as Lambda does). Longer text is cut. */
void logs_append(struct logs *logs, struct mr_slice group, struct mr_slice stream, int64_t time_ms,
                 struct mr_slice text);
