/* The watermark: everything written up to then has landed.
 *
 * Nothing that flows carries a time of its origin through all hops, so the watermark is found by
 * probes: every second one notes where the journal ends and follows that through the chain
 * (probe.c); the newest that is through gives the watermark. It is never too late; it may lag
 * behind the truth by the probe's spacing, and nothing is known right after a start until the first
 * one is through. When a chain takes longer than there are probes, every second one is dropped. */
#include "chain/internal.h"
#include <stdlib.h>

enum { EVERY_MS = 1000 };

struct hop_list chain_hops(struct chain *chain, struct mr_arena *arena)
{
    /* In the order of the data: who puts first, so that what it has put is not missed. */
    struct hop_list list = {.arena = arena};
    dynamodb_hops(chain->options.dynamodb, &list);
    pipes_hops(chain->options.pipes, &list);
    firehose_hops(chain->options.firehose, &list);
    return list;
}

/* ---- marks: the watermark of each delivery stream ---- */

static struct chain_mark *mark_of(struct chain *chain, struct mr_slice name, bool make)
{
    struct chain_mark **at = &chain->marks;
    while (*at != NULL && !mr_slice_equal(mr_slice_cstr((*at)->name), name))
        at = &(*at)->next;
    if (*at == NULL && make) {
        *at = mr_calloc(1, sizeof **at);
        (*at)->name = mr_strdup_slice(name);
    }
    return *at;
}

static void drop_marks(struct chain *chain, const struct hop_list *list)
{
    struct chain_mark **at = &chain->marks;
    while (*at != NULL) {
        struct chain_mark *mark = *at;
        const struct probe_hop wanted = {.kind = "delivery", .name = mark->name};
        if (list != NULL && probe_find(list, &wanted) != NULL) {
            at = &mark->next;
            continue;
        }
        *at = mark->next;
        free(mark->name);
        free(mark);
    }
}

static void note_marks(struct chain *chain, const struct probe *probe)
{
    for (size_t i = 0; i < probe->count; i++) {
        const struct probe_hop *hop = &probe->hops[i];
        if (!hop->done || strcmp(hop->kind, "delivery") != 0)
            continue;
        struct chain_mark *mark = mark_of(chain, mr_slice_cstr(hop->name), true);
        mark->time_ms = probe->time_ms > mark->time_ms ? probe->time_ms : mark->time_ms;
    }
}

/* ---- probes ---- */

static void drop_probe(struct chain *chain, size_t at)
{
    probe_fini(&chain->probes[at]);
    memmove(&chain->probes[at], &chain->probes[at + 1],
            (chain->probe_count - at - 1) * sizeof chain->probes[0]);
    chain->probe_count--;
}

/* Takes every probe as far as it goes. Returns with the hops as they were last seen. */
static struct hop_list follow(struct chain *chain, struct mr_arena *arena)
{
    struct hop_list list;
    bool fresh = true;
    while (fresh) {
        list = chain_hops(chain, arena);
        fresh = false;
        for (size_t i = 0; i < chain->probe_count; i++)
            fresh =
                probe_step(&chain->probes[i], chain->options.store, &list, &chain->seen) || fresh;
    }
    for (size_t i = chain->probe_count; i-- > 0;) {
        const struct probe *probe = &chain->probes[i];
        note_marks(chain, probe);
        if (!probe_is_done(probe))
            continue;
        if (probe->time_ms > chain->watermark_ms)
            chain->watermark_ms = probe->time_ms;
        drop_probe(chain, i);
    }
    drop_marks(chain, &list);
    return list;
}

static void begin_probe(struct chain *chain, struct mr_arena *arena)
{
    static const struct probe_choice all = {0};
    struct store *store = chain->options.store;
    if (chain->probe_count == CHAIN_PROBES_MAX)
        for (size_t i = CHAIN_PROBES_MAX; i-- > 0;)
            if (i % 2 == 1)
                drop_probe(chain, i);
    /* The time first: whatever was written by then lies in front of the position. */
    const int64_t now_ms = store_now(store);
    const int64_t position = journal_tail(store_journal(store));
    const struct hop_list list = chain_hops(chain, arena);
    probe_init(&chain->probes[chain->probe_count++], &list, &all, now_ms, position);
}

/* At most one probe a second, however often somebody asks. */
static struct hop_list look(struct chain *chain, struct mr_arena *arena)
{
    const int64_t now_ms = store_now(chain->options.store);
    const struct probe *newest =
        chain->probe_count == 0 ? NULL : &chain->probes[chain->probe_count - 1];
    if (newest == NULL || now_ms - newest->time_ms >= EVERY_MS)
        begin_probe(chain, arena);
    return follow(chain, arena);
}

static enum runtime_pump_next step(void *ctx, int64_t *ret_wake_ms)
{
    struct chain *chain = ctx;
    struct mr_arena arena;
    mr_arena_init(&arena);
    pthread_mutex_lock(&chain->lock);
    (void)look(chain, &arena);
    pthread_mutex_unlock(&chain->lock);
    mr_arena_fini(&arena);
    *ret_wake_ms = store_now(chain->options.store) + EVERY_MS;
    return RUNTIME_PUMP_WAIT;
}

/* ---- telling ---- */

void chain_report_get(struct chain *chain, struct mr_arena *arena, struct chain_report *ret_report)
{
    pthread_mutex_lock(&chain->lock);
    const struct hop_list list = look(chain, arena);
    ret_report->watermark_ms = chain->watermark_ms;
    pthread_mutex_unlock(&chain->lock);
    ret_report->now_ms = store_now(chain->options.store);
    ret_report->count = list.count;
    ret_report->hops = MR_NEW_ARRAY(arena, struct chain_hop, list.count + 1);
    for (size_t i = 0; i < list.count; i++) {
        ret_report->hops[i].hop = &list.hops[i];
        hop_measure(chain->options.store, &list.hops[i], CHAIN_COUNTED_MAX,
                    &ret_report->hops[i].lag);
    }
}

static void write_hop(struct mr_json *json, const struct hop *hop, const struct hop_lag *lag,
                      int64_t now_ms)
{
    const int64_t behind_ms = lag->oldest_ms == 0 ? 0 : now_ms - lag->oldest_ms;
    mr_json_object(json);
    mr_json_key_cstr(json, "kind", hop->kind);
    mr_json_key_string(json, "name", hop->name);
    mr_json_key_string(json, "from", hop->source);
    mr_json_key_string(json, "to", hop->sink);
    mr_json_key_cstr(json, "state", hop->state);
    mr_json_key_int(json, "records_behind", (int64_t)lag->records);
    mr_json_key_int(json, "bytes_behind", (int64_t)lag->bytes);
    mr_json_key_int(json, "ms_behind", behind_ms < 0 ? 0 : behind_ms);
    mr_json_key_bool(json, "more", lag->more);
    mr_json_key_string(json, "reason", hop->reason);
    mr_json_object_end(json);
}

void chain_write_hop(struct chain *chain, struct mr_json *json, const struct hop *hop)
{
    struct hop_lag lag;
    hop_measure(chain->options.store, hop, CHAIN_COUNTED_MAX, &lag);
    write_hop(json, hop, &lag, store_now(chain->options.store));
}

static void write_mark(struct mr_json *json, int64_t now_ms, int64_t time_ms)
{
    mr_json_key(json, "watermark_ms");
    if (time_ms == 0)
        mr_json_null(json);
    else
        mr_json_int(json, time_ms);
    mr_json_key(json, "behind_ms");
    if (time_ms == 0)
        mr_json_null(json);
    else
        mr_json_int(json, now_ms > time_ms ? now_ms - time_ms : 0);
}

static void write_deliveries(struct chain *chain, struct mr_json *json,
                             const struct chain_report *report)
{
    mr_json_key(json, "deliveries");
    mr_json_array(json);
    pthread_mutex_lock(&chain->lock);
    for (size_t i = 0; i < report->count; i++) {
        const struct hop *hop = report->hops[i].hop;
        if (strcmp(hop->kind, "delivery") != 0)
            continue;
        const struct chain_mark *mark = mark_of(chain, hop->name, false);
        mr_json_object(json);
        mr_json_key_string(json, "name", hop->name);
        write_mark(json, report->now_ms, mark == NULL ? 0 : mark->time_ms);
        mr_json_object_end(json);
    }
    pthread_mutex_unlock(&chain->lock);
    mr_json_array_end(json);
}

void chain_status(struct chain *chain, struct mr_json *json)
{
    struct mr_arena arena;
    struct chain_report report;
    mr_arena_init(&arena);
    chain_report_get(chain, &arena, &report);
    mr_json_key_int(json, "now_ms", report.now_ms);
    write_mark(json, report.now_ms, report.watermark_ms);
    write_deliveries(chain, json, &report);
    mr_json_key(json, "hops");
    mr_json_array(json);
    for (size_t i = 0; i < report.count; i++)
        write_hop(json, report.hops[i].hop, &report.hops[i].lag, report.now_ms);
    mr_json_array_end(json);
    mr_arena_fini(&arena);
}

/* ---- life ---- */

enum mr_status chain_open(struct chain **ret_chain, const struct chain_options *options)
{
    struct chain *chain = mr_calloc(1, sizeof *chain);
    chain->options = *options;
    pthread_mutex_init(&chain->lock, NULL);
    chain_waiting_init(chain);
    chain->pump = runtime_pump_start(options->runtime, "watermark", step, chain);
    *ret_chain = chain;
    return MR_OK;
}

void chain_close(struct chain *chain)
{
    if (chain == NULL)
        return;
    chain_waiting_stop(chain);
    runtime_pump_stop(chain->pump);
    while (chain->probe_count > 0)
        drop_probe(chain, chain->probe_count - 1);
    drop_marks(chain, NULL);
    pthread_mutex_destroy(&chain->lock);
    free(chain);
}
