#include "chain/internal.h"
#include "base/arena.h"
#include <stdlib.h>

/* ---- which hops ---- */

struct graph {
    const struct hop_list *list;
    bool *behind, *ahead; /* reached from the sources; leading to the deliveries */
    size_t *order;        /* of the hops: later is larger */
};

static bool carries_into(const struct hop *from, const struct hop *to)
{
    return mr_slice_equal(from->sink, to->source);
}

static void mark_behind(struct graph *graph, size_t at)
{
    graph->behind[at] = true;
    for (size_t i = 0; i < graph->list->count; i++)
        if (!graph->behind[i] && carries_into(&graph->list->hops[at], &graph->list->hops[i]))
            mark_behind(graph, i);
}

static void mark_ahead(struct graph *graph, size_t at)
{
    graph->ahead[at] = true;
    for (size_t i = 0; i < graph->list->count; i++)
        if (!graph->ahead[i] && carries_into(&graph->list->hops[i], &graph->list->hops[at]))
            mark_ahead(graph, i);
}

static bool is_named(const struct mr_slice *names, size_t count, struct mr_slice name)
{
    bool found = false;
    for (size_t i = 0; i < count && !found; i++)
        found = mr_slice_equal(names[i], name);
    return found;
}

static void choose(struct graph *graph, const struct probe_choice *choice)
{
    for (size_t i = 0; i < graph->list->count; i++) {
        const struct hop *hop = &graph->list->hops[i];
        const bool starts = choice->source_count == 0 ||
                            is_named(choice->sources, choice->source_count, hop->source);
        const bool ends = choice->delivery_count == 0 ||
                          (strcmp(hop->kind, "delivery") == 0 &&
                           is_named(choice->deliveries, choice->delivery_count, hop->name));
        if (starts && !graph->behind[i])
            mark_behind(graph, i);
        if (ends && !graph->ahead[i])
            mark_ahead(graph, i);
    }
}

/* Those that carry into others come first, unless they lie in a circle. */
static void visit(struct graph *graph, size_t at, size_t *next)
{
    graph->order[at] = SIZE_MAX - 1; /* being visited */
    for (size_t i = 0; i < graph->list->count; i++)
        if (graph->order[i] == SIZE_MAX &&
            carries_into(&graph->list->hops[at], &graph->list->hops[i]))
            visit(graph, i, next);
    graph->order[at] = (*next)--;
}

/* ---- making ---- */

static void add_before(const struct graph *graph, struct probe *probe, const size_t *index,
                       size_t at)
{
    const size_t count = graph->list->count;
    struct probe_hop *hop = &probe->hops[index[at]];
    hop->before = mr_calloc(count + 1, sizeof *hop->before);
    for (size_t i = 0; i < count; i++)
        if (index[i] != SIZE_MAX && graph->order[i] < graph->order[at] &&
            carries_into(&graph->list->hops[i], &graph->list->hops[at]))
            hop->before[hop->before_count++] = index[i];
}

void probe_init(struct probe *probe, const struct hop_list *list, const struct probe_choice *choice,
                int64_t time_ms, int64_t position)
{
    *probe = (struct probe){.time_ms = time_ms, .position = position};
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct graph graph = {.list = list};
    graph.behind = MR_NEW_ARRAY(&arena, bool, list->count + 1);
    graph.ahead = MR_NEW_ARRAY(&arena, bool, list->count + 1);
    graph.order = MR_NEW_ARRAY(&arena, size_t, list->count + 1);
    size_t *index = MR_NEW_ARRAY(&arena, size_t, list->count + 1);
    choose(&graph, choice);
    size_t next = list->count;
    for (size_t i = 0; i < list->count; i++)
        graph.order[i] = index[i] = SIZE_MAX;
    for (size_t i = 0; i < list->count; i++)
        if (graph.order[i] == SIZE_MAX)
            visit(&graph, i, &next);
    probe->hops = mr_calloc(list->count + 1, sizeof *probe->hops);
    for (size_t i = 0; i < list->count; i++) {
        if (!graph.behind[i] || !graph.ahead[i])
            continue;
        index[i] = probe->count;
        probe->hops[probe->count++] = (struct probe_hop){
            .kind = list->hops[i].kind, .name = mr_strdup_slice(list->hops[i].name)};
    }
    for (size_t i = 0; i < list->count; i++)
        if (index[i] != SIZE_MAX)
            add_before(&graph, probe, index, i);
    mr_arena_fini(&arena);
}

void probe_fini(struct probe *probe)
{
    for (size_t i = 0; i < probe->count; i++) {
        free(probe->hops[i].name);
        free(probe->hops[i].before);
    }
    free(probe->hops);
    *probe = (struct probe){0};
}

/* ---- following ---- */

const struct hop *probe_find(const struct hop_list *list, const struct probe_hop *wanted)
{
    const struct mr_slice name = mr_slice_cstr(wanted->name);
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->hops[i].kind, wanted->kind) == 0 &&
            mr_slice_equal(list->hops[i].name, name))
            return &list->hops[i];
    return NULL;
}

static bool may_be_asked(const struct probe *probe, const struct probe_hop *hop)
{
    bool ready = true;
    for (size_t i = 0; i < hop->before_count && ready; i++)
        ready = probe->hops[hop->before[i]].done;
    return ready;
}

bool probe_step(struct probe *probe, struct store *store, const struct hop_list *list,
                struct hop_seen *seen)
{
    const int64_t tail = journal_tail(store_journal(store));
    bool fresh = false;
    for (size_t i = 0; i < probe->count; i++) {
        struct probe_hop *hop = &probe->hops[i];
        if (hop->done)
            continue;
        const struct hop *now = probe_find(list, hop);
        if (now == NULL) {
            hop->done = fresh = true;
        } else if (hop->target == 0 && may_be_asked(probe, hop)) {
            /* A hop at the beginning can be asked at once; others by a list that was made after
             * those before it were done: their records may lie in shards that this one lacks. */
            hop->target = hop->before_count == 0 ? probe->position : tail;
            hop->done = hop->before_count == 0 && hop_has_passed(store, now, hop->target, seen);
            fresh = true;
        } else if (hop->target != 0 && hop_has_passed(store, now, hop->target, seen)) {
            hop->done = fresh = true;
        }
    }
    return fresh;
}

bool probe_is_done(const struct probe *probe)
{
    bool done = true;
    for (size_t i = 0; i < probe->count && done; i++)
        done = probe->hops[i].done;
    return done;
}
