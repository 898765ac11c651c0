/* Drops journal segments that no window and no checkpoint needs: a table's stream is kept for 24
 * hours, a Kinesis stream for its retention period, and what the view has not flushed is needed for
 * recovery. */
#include "main/internal.h"
#include <stdlib.h>

enum { EVERY_MS = 60000, STREAM_KEPT_MS = 86400000 };

static void longest(void *ctx, struct kinesis_stream *stream)
{
    int64_t *kept_ms = ctx;
    const int64_t own = kinesis_retention_ms(stream);
    *kept_ms = own > *kept_ms ? own : *kept_ms;
}

static enum runtime_pump_next step(void *ctx, int64_t *ret_wake_ms)
{
    struct serve *serve = ctx;
    const int64_t now_ms = store_now(serve->store);
    int64_t kept_ms = STREAM_KEPT_MS;
    kinesis_each(serve->services.kinesis, longest, &kept_ms);
    journal_drop(store_journal(serve->store), view_flushed(store_view(serve->store)),
                 now_ms - kept_ms);
    *ret_wake_ms = now_ms + EVERY_MS;
    return RUNTIME_PUMP_WAIT;
}

void serve_start_maintenance(struct serve *serve)
{
    serve->maintenance = runtime_pump_start(serve->runtime, "maintenance", step, serve);
}
