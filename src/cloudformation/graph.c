/* Dependencies, their order, and circles in them. */
#include "cloudformation/graph.h"
#include "cloudformation/function.h"
#include "cloudformation/members.h"
#include <assert.h>
#include <string.h>

void graph_init(struct mr_arena *arena, struct graph *graph, size_t capacity)
{
    *graph = (struct graph){.nodes = MR_NEW_ARRAY(arena, struct graph_node, capacity + 1)};
}

/* AWS makes resources side by side, so that what takes a moment is there before a function has been
 * called for a custom resource (its log group, say), and while a condition waits for a signal.
 * Here they are made one after the other: such come last, in this order. */
enum { RANK_PROMPT, RANK_CALLS, RANK_WAITS, RANKS };

static int rank_of(struct mr_slice type)
{
    if (mr_slice_equal(type, MR_S("AWS::CloudFormation::WaitCondition")))
        return RANK_WAITS;
    return template_type_is_custom(type) ? RANK_CALLS : RANK_PROMPT;
}

size_t graph_add(struct graph *graph, struct mr_slice name, struct mr_slice type)
{
    graph->nodes[graph->count].name = name;
    graph->nodes[graph->count].rank = rank_of(type);
    return graph->count++;
}

void graph_need(struct mr_arena *arena, struct graph *graph, size_t node, struct mr_slice name)
{
    assert(node < graph->count);
    struct graph_node *from = &graph->nodes[node];
    size_t to = 0;
    while (to < graph->count && !mr_slice_equal(graph->nodes[to].name, name))
        to++;
    if (to == graph->count)
        return;
    for (size_t i = 0; i < from->count; i++)
        if (from->needs[i] == to)
            return;
    if (from->count == from->capacity) {
        const size_t capacity = from->capacity == 0 ? 8 : 2 * from->capacity;
        from->needs = mr_arena_realloc(arena, from->needs, from->capacity * sizeof *from->needs,
                                       capacity * sizeof *from->needs);
        from->capacity = capacity;
    }
    from->needs[from->count++] = to;
}

struct build {
    struct mr_arena *arena;
    struct graph *graph;
    const struct template *template;
    size_t node;
};

static void add_reference(void *ctx, const struct reference *reference)
{
    const struct build *build = ctx;
    const bool is_parameter = reference->kind == REFERENCE_REF &&
                              yyjson_obj_getn(build->template->parameters, reference->name.ptr,
                                              reference->name.len) != NULL;
    if (reference->kind != REFERENCE_CONDITION && !is_parameter)
        graph_need(build->arena, build->graph, build->node, reference->name);
}

void graph_of_template(struct mr_arena *arena, const struct template *template,
                       struct graph *ret_graph)
{
    yyjson_val *key, *resource;
    size_t i, count;
    graph_init(arena, ret_graph, yyjson_obj_size(template->resources));
    yyjson_obj_foreach(members_of(template->resources), i, count, key, resource)
        graph_add(ret_graph, mr_json_text(key), mr_json_get_text(resource, "Type"));
    yyjson_obj_foreach(members_of(template->resources), i, count, key, resource)
    {
        struct build build = {.arena = arena, .graph = ret_graph, .template = template, .node = i};
        function_each_reference(yyjson_obj_get(resource, "Properties"), add_reference, &build);
        yyjson_val *depends = yyjson_obj_get(resource, "DependsOn");
        if (yyjson_is_str(depends))
            graph_need(arena, ret_graph, i, mr_json_text(depends));
        for (size_t j = 0; j < yyjson_arr_size(depends); j++)
            graph_need(arena, ret_graph, i, mr_json_text(yyjson_arr_get(depends, j)));
    }
}

struct sort {
    const struct graph *graph;
    enum { UNSEEN, ON_PATH, DONE } * marks;
    size_t *path, path_len; /* whom the walk came through */
    size_t *order, order_len;
    size_t circle_from; /* index in path, once a circle was found */
};

/* Depth first; depth is bounded by the number of resources. */
static bool visit(struct sort *sort, size_t node)
{
    if (sort->marks[node] == DONE)
        return true;
    if (sort->marks[node] == ON_PATH) {
        sort->circle_from = 0;
        while (sort->path[sort->circle_from] != node)
            sort->circle_from++;
        return false;
    }
    sort->marks[node] = ON_PATH;
    sort->path[sort->path_len++] = node;
    for (size_t i = 0; i < sort->graph->nodes[node].count; i++)
        if (!visit(sort, sort->graph->nodes[node].needs[i]))
            return false;
    sort->path_len--;
    sort->marks[node] = DONE;
    sort->order[sort->order_len++] = node;
    return true;
}

/* Whoever needs one that waits, waits with it: nobody comes before whom it needs. */
static void put_by_rank(struct mr_arena *arena, struct sort *sort)
{
    const struct graph *graph = sort->graph;
    size_t *order = MR_NEW_ARRAY(arena, size_t, graph->count + 1), count = 0;
    int *ranks = MR_NEW_ARRAY(arena, int, graph->count + 1);
    for (size_t i = 0; i < graph->count; i++) {
        const struct graph_node *node = &graph->nodes[sort->order[i]];
        int rank = node->rank;
        for (size_t j = 0; j < node->count; j++)
            if (ranks[node->needs[j]] > rank)
                rank = ranks[node->needs[j]];
        ranks[sort->order[i]] = rank;
    }
    for (int rank = 0; rank < RANKS; rank++)
        for (size_t i = 0; i < graph->count; i++)
            if (ranks[sort->order[i]] == rank)
                order[count++] = sort->order[i];
    memcpy(sort->order, order, count * sizeof *order);
}

enum mr_status graph_sort(struct mr_arena *arena, const struct graph *graph, size_t *ret_order,
                          struct mr_slice **ret_circle, size_t *ret_circle_count)
{
    struct sort sort = {
        .graph = graph,
        .marks = mr_arena_zalloc(arena, (graph->count + 1) * sizeof *sort.marks),
        .path = MR_NEW_ARRAY(arena, size_t, graph->count + 1),
        .order = ret_order != NULL ? ret_order : MR_NEW_ARRAY(arena, size_t, graph->count + 1),
    };
    for (size_t i = 0; i < graph->count; i++) {
        if (visit(&sort, i))
            continue;
        const size_t count = sort.path_len - sort.circle_from;
        *ret_circle = MR_NEW_ARRAY(arena, struct mr_slice, count + 1);
        *ret_circle_count = count;
        for (size_t j = 0; j < count; j++)
            (*ret_circle)[j] = graph->nodes[sort.path[sort.circle_from + j]].name;
        return MR_INVALID;
    }
    put_by_rank(arena, &sort);
    return MR_OK;
}
