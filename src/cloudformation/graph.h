/* cloudformation/graph.h: who must be there before whom.
 *
 * A node is a resource; an edge says that one needs another: by Ref, GetAtt, Sub or DependsOn.
 * Nothing else is implied. */
#pragma once
#include "cloudformation/template.h"

struct graph_node {
    struct mr_slice name;
    int rank;      /* of its type, as graph_add got it */
    size_t *needs; /* indices of nodes */
    size_t count, capacity;
};
struct graph {
    struct graph_node *nodes;
    size_t count;
};

void graph_init(struct mr_arena *arena, struct graph *graph, size_t capacity);
/* Its type says how long it waits for others' code: what does, goes behind what does not. The
 * capacity must allow it. */
size_t graph_add(struct graph *graph, struct mr_slice name, struct mr_slice type);
/* `node` needs the one named so, if there is one. */
void graph_need(struct mr_arena *arena, struct graph *graph, size_t node, struct mr_slice name);
/* The resources of a template in its order, conditions not looked at. */
void graph_of_template(struct mr_arena *arena, const struct template *template,
                       struct graph *ret_graph);
/* MR_OK: ret_order (may be NULL; room for count indices) has everyone behind those it needs, and
 * those that wait behind those that do not, else as the nodes stand. MR_INVALID: a circle; its
 * names are in *ret_circle. */
MR_MUST_USE enum mr_status graph_sort(struct mr_arena *arena, const struct graph *graph,
                                      size_t *ret_order, struct mr_slice **ret_circle,
                                      size_t *ret_circle_count);
