/* Lets the journal's oldest segments go; see view/store.h for who holds them. */
#include "main/internal.h"

enum { EVERY_MS = 60000 };

static enum runtime_pump_next step(void *ctx, int64_t *ret_wake_ms)
{
    struct serve *serve = ctx;
    if (store_retain(serve->store) < 0) /* the store said why; it takes a restart */
        return RUNTIME_PUMP_DONE;
    *ret_wake_ms = store_now(serve->store) + EVERY_MS;
    return RUNTIME_PUMP_WAIT;
}

void serve_start_maintenance(struct serve *serve)
{
    serve->maintenance = runtime_pump_start(serve->runtime, "maintenance", step, serve);
}
