/* Measures of shapes, and how two of them lie to each other, edge by edge. */
#include "athena/geometry.h"
#include <math.h>
#include <stdlib.h>

#define CLOSE 1e-12 /* of the numbers involved: what rounding does not tell apart */

struct edge {
    struct athena_point a, b;
};

/* A point is an edge without length. */
static size_t edges_of(const struct athena_path *path)
{
    return path->count > 1 ? path->count - 1 : 1;
}

static struct edge edge_at(const struct athena_path *path, size_t index)
{
    return (struct edge){path->points[index],
                         path->points[index + 1 < path->count ? index + 1 : 0]};
}

static double cross(struct athena_point o, struct athena_point a, struct athena_point b)
{
    return (a.x - o.x) * (b.y - o.y) - (a.y - o.y) * (b.x - o.x);
}

static double length_of(struct edge edge)
{
    return hypot(edge.b.x - edge.a.x, edge.b.y - edge.a.y);
}

static double size_of(struct athena_point p)
{
    return fabs(p.x) + fabs(p.y);
}

/* Where on the edge, from 0 to 1, the point next to `p` is. */
static double nearest(struct edge edge, struct athena_point p)
{
    const double dx = edge.b.x - edge.a.x, dy = edge.b.y - edge.a.y;
    const double square = dx * dx + dy * dy;
    const double at = square == 0 ? 0 : ((p.x - edge.a.x) * dx + (p.y - edge.a.y) * dy) / square;
    return at < 0 ? 0 : at > 1 ? 1 : at;
}

static struct athena_point along(struct edge edge, double at)
{
    return (struct athena_point){edge.a.x + (edge.b.x - edge.a.x) * at,
                                 edge.a.y + (edge.b.y - edge.a.y) * at};
}

static double distance_to(struct edge edge, struct athena_point p)
{
    const struct athena_point q = along(edge, nearest(edge, p));
    return hypot(q.x - p.x, q.y - p.y);
}

static bool is_on(struct edge edge, struct athena_point p)
{
    return distance_to(edge, p) <= CLOSE * (size_of(p) + size_of(edge.a) + size_of(edge.b));
}

static bool edges_meet(struct edge e, struct edge f)
{
    if (is_on(e, f.a) || is_on(e, f.b) || is_on(f, e.a) || is_on(f, e.b))
        return true;
    return (cross(e.a, e.b, f.a) > 0) != (cross(e.a, e.b, f.b) > 0) &&
           (cross(f.a, f.b, e.a) > 0) != (cross(f.a, f.b, e.b) > 0);
}

/* ---- measures ---- */

static double ring_area(const struct athena_path *ring)
{
    const struct athena_point o = ring->points[0];
    double twice = 0;
    for (size_t i = 0; i + 1 < ring->count; i++)
        twice += cross(o, ring->points[i], ring->points[i + 1]);
    return twice / 2;
}

double athena_shape_area(const struct athena_shape *shape)
{
    double area = 0;
    if (athena_shape_dimension(shape->kind) < 2)
        return 0;
    for (size_t i = 0; i < shape->count; i++)
        area += (shape->paths[i].hole ? -1 : 1) * fabs(ring_area(&shape->paths[i]));
    return area;
}

double athena_shape_length(const struct athena_shape *shape)
{
    double length = 0;
    for (size_t i = 0; i < shape->count; i++) {
        for (size_t j = 0; j < edges_of(&shape->paths[i]); j++)
            length += length_of(edge_at(&shape->paths[i], j));
    }
    return length;
}

bool athena_shape_box(const struct athena_shape *shape, struct athena_box *ret_box)
{
    if (shape->count == 0)
        return false;
    *ret_box = (struct athena_box){shape->paths[0].points[0], shape->paths[0].points[0]};
    for (size_t i = 0; i < shape->count; i++) {
        for (size_t j = 0; j < shape->paths[i].count; j++) {
            const struct athena_point p = shape->paths[i].points[j];
            ret_box->from.x = fmin(ret_box->from.x, p.x);
            ret_box->from.y = fmin(ret_box->from.y, p.y);
            ret_box->to.x = fmax(ret_box->to.x, p.x);
            ret_box->to.y = fmax(ret_box->to.y, p.y);
        }
    }
    return true;
}

/* What a path adds to a sum of points, each with its weight. */
static void add_weighted(const struct athena_path *path, int dimension, struct athena_point *sum,
                         double *weights)
{
    const struct athena_point o = path->points[0];
    const double sign = path->hole == (ring_area(path) < 0) ? 1 : -1;
    for (size_t i = 0; i < edges_of(path); i++) {
        const struct edge edge = edge_at(path, i);
        struct athena_point middle = along(edge, 0.5);
        double weight = dimension == 0 ? 1 : length_of(edge);
        if (dimension == 2) { /* a triangle with the first point; holes are taken off */
            weight = sign * cross(o, edge.a, edge.b);
            middle = (struct athena_point){(o.x + edge.a.x + edge.b.x) / 3,
                                           (o.y + edge.a.y + edge.b.y) / 3};
        }
        sum->x += middle.x * weight;
        sum->y += middle.y * weight;
        *weights += weight;
    }
}

struct athena_point athena_shape_centroid(const struct athena_shape *shape)
{
    struct athena_point sum = {0, 0};
    double weights = 0;
    for (size_t i = 0; i < shape->count; i++)
        add_weighted(&shape->paths[i], athena_shape_dimension(shape->kind), &sum, &weights);
    if (weights == 0) /* all points are one */
        return shape->paths[0].points[0];
    return (struct athena_point){sum.x / weights, sum.y / weights};
}

/* ---- inside and outside ---- */

enum side { OUTSIDE, EDGE, INSIDE };

/* By the number of edges to the right of the point. */
static enum side side_of(const struct athena_shape *area, struct athena_point p)
{
    bool odd = false;
    for (size_t i = 0; i < area->count; i++) {
        for (size_t j = 0; j < edges_of(&area->paths[i]); j++) {
            const struct edge edge = edge_at(&area->paths[i], j);
            if (is_on(edge, p))
                return EDGE;
            if ((edge.a.y > p.y) != (edge.b.y > p.y) &&
                (cross(edge.a, edge.b, p) > 0) == (edge.b.y > edge.a.y))
                odd = !odd;
        }
    }
    return odd ? INSIDE : OUTSIDE;
}

/* One point of each path of b in the area of a. */
static bool any_inside(const struct athena_shape *a, const struct athena_shape *b)
{
    for (size_t i = 0; athena_shape_dimension(a->kind) == 2 && i < b->count; i++) {
        if (side_of(a, b->paths[i].points[0]) != OUTSIDE)
            return true;
    }
    return false;
}

bool athena_shape_intersects(const struct athena_shape *a, const struct athena_shape *b)
{
    for (size_t i = 0; i < a->count; i++) {
        for (size_t j = 0; j < edges_of(&a->paths[i]); j++) {
            const struct edge edge = edge_at(&a->paths[i], j);
            for (size_t k = 0; k < b->count; k++) {
                for (size_t l = 0; l < edges_of(&b->paths[k]); l++) {
                    if (edges_meet(edge, edge_at(&b->paths[k], l)))
                        return true;
                }
            }
        }
    }
    return any_inside(a, b) || any_inside(b, a);
}

static double edge_distance(struct edge e, struct edge f)
{
    return fmin(fmin(distance_to(e, f.a), distance_to(e, f.b)),
                fmin(distance_to(f, e.a), distance_to(f, e.b)));
}

double athena_shape_distance(const struct athena_shape *a, const struct athena_shape *b)
{
    double least = INFINITY;
    if (athena_shape_intersects(a, b))
        return 0;
    for (size_t i = 0; i < a->count; i++) {
        for (size_t j = 0; j < edges_of(&a->paths[i]); j++) {
            const struct edge edge = edge_at(&a->paths[i], j);
            for (size_t k = 0; k < b->count; k++) {
                for (size_t l = 0; l < edges_of(&b->paths[k]); l++)
                    least = fmin(least, edge_distance(edge, edge_at(&b->paths[k], l)));
            }
        }
    }
    return least;
}

static void try_pair(struct athena_point p, struct athena_point q, double *least,
                     struct athena_point *ret_p, struct athena_point *ret_q)
{
    const double distance = hypot(p.x - q.x, p.y - q.y);
    if (distance < *least) {
        *least = distance;
        *ret_p = p;
        *ret_q = q;
    }
}

/* Where the edges cross, or an end of one and what is next to it on the other. */
static void nearest_of(struct edge e, struct edge f, double *least, struct athena_point *ret_e,
                       struct athena_point *ret_f)
{
    try_pair(e.a, along(f, nearest(f, e.a)), least, ret_e, ret_f);
    try_pair(e.b, along(f, nearest(f, e.b)), least, ret_e, ret_f);
    try_pair(along(e, nearest(e, f.a)), f.a, least, ret_e, ret_f);
    try_pair(along(e, nearest(e, f.b)), f.b, least, ret_e, ret_f);
    if (*least > 0 && edges_meet(e, f)) {
        const double from = cross(f.a, f.b, e.a), to = cross(f.a, f.b, e.b);
        const struct athena_point at = along(e, from == to ? 0 : from / (from - to));
        try_pair(at, at, least, ret_e, ret_f);
    }
}

void athena_shape_nearest(const struct athena_shape *a, const struct athena_shape *b,
                          struct athena_point *ret_a, struct athena_point *ret_b)
{
    double least = INFINITY;
    const struct athena_point of_a = a->paths[0].points[0], of_b = b->paths[0].points[0];
    for (size_t i = 0; i < a->count; i++) {
        for (size_t j = 0; j < edges_of(&a->paths[i]); j++) {
            for (size_t k = 0; k < b->count; k++) {
                for (size_t l = 0; l < edges_of(&b->paths[k]); l++)
                    nearest_of(edge_at(&a->paths[i], j), edge_at(&b->paths[k], l), &least, ret_a,
                               ret_b);
            }
        }
    }
    if (any_inside(a, b)) /* one holds the other */
        *ret_a = *ret_b = of_b;
    else if (any_inside(b, a))
        *ret_a = *ret_b = of_a;
}

struct athena_point athena_path_point(const struct athena_path *path, double share)
{
    double length = 0;
    for (size_t i = 0; i < edges_of(path); i++)
        length += length_of(edge_at(path, i));
    double left = length * share;
    for (size_t i = 0; i < edges_of(path); i++) {
        const struct edge edge = edge_at(path, i);
        if (left <= length_of(edge))
            return length_of(edge) == 0 ? edge.a : along(edge, left / length_of(edge));
        left -= length_of(edge);
    }
    return path->points[path->count - 1];
}

double athena_path_share(const struct athena_path *path, struct athena_point point)
{
    double before = 0, found = 0, least = INFINITY;
    for (size_t i = 0; i < edges_of(path); i++) {
        const struct edge edge = edge_at(path, i);
        if (distance_to(edge, point) < least) {
            least = distance_to(edge, point);
            found = before + nearest(edge, point) * length_of(edge);
        }
        before += length_of(edge);
    }
    return before == 0 ? 0 : found / before;
}

/* ---- containment ---- */

static int compare_doubles(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

struct cuts {
    double *at; /* on an edge, from 0 to 1 */
    size_t count;
};

/* Where the edges of an area cut an edge, or touch it. */
static void cut(struct cuts *cuts, struct edge edge, struct edge by)
{
    const double from = cross(by.a, by.b, edge.a), to = cross(by.a, by.b, edge.b);
    if (is_on(edge, by.a))
        cuts->at[cuts->count++] = nearest(edge, by.a);
    if (is_on(edge, by.b))
        cuts->at[cuts->count++] = nearest(edge, by.b);
    if ((from > 0) != (to > 0) && edges_meet(edge, by))
        cuts->at[cuts->count++] = from / (from - to);
}

/* Looks at the middle of each piece of the edge. False: one is outside. */
static bool edge_is_within(const struct athena_shape *area, struct edge edge, struct cuts *cuts,
                           bool *inside)
{
    cuts->count = 0;
    cuts->at[cuts->count++] = 0;
    cuts->at[cuts->count++] = 1;
    for (size_t i = 0; i < area->count; i++) {
        for (size_t j = 0; j < edges_of(&area->paths[i]); j++)
            cut(cuts, edge, edge_at(&area->paths[i], j));
    }
    qsort(cuts->at, cuts->count, sizeof *cuts->at, compare_doubles);
    for (size_t i = 0; i + 1 < cuts->count; i++) {
        if (cuts->at[i + 1] - cuts->at[i] <= CLOSE)
            continue;
        const enum side side = side_of(area, along(edge, (cuts->at[i] + cuts->at[i + 1]) / 2));
        if (side == OUTSIDE)
            return false;
        *inside = *inside || side == INSIDE;
    }
    return side_of(area, edge.a) != OUTSIDE && side_of(area, edge.b) != OUTSIDE;
}

/* Rings of the area that are holes lie nowhere inside b. */
static bool holes_are_apart(const struct athena_shape *area, const struct athena_shape *b)
{
    for (size_t i = 0; i < area->count; i++) {
        for (size_t j = 0; area->paths[i].hole && j < edges_of(&area->paths[i]); j++) {
            const struct edge edge = edge_at(&area->paths[i], j);
            if (side_of(b, edge.a) == INSIDE || side_of(b, along(edge, 0.5)) == INSIDE)
                return false;
        }
    }
    return true;
}

/* What touches only the edge from inside is not contained; an area that lies within is. */
static bool area_contains(struct mr_arena *arena, const struct athena_shape *area,
                          const struct athena_shape *b)
{
    size_t edges = 0;
    bool inside = athena_shape_dimension(b->kind) == 2;
    for (size_t i = 0; i < area->count; i++)
        edges += edges_of(&area->paths[i]);
    struct cuts cuts = {.at = MR_NEW_ARRAY(arena, double, 3 * edges + 2)};
    for (size_t i = 0; i < b->count; i++) {
        const struct athena_path *path = &b->paths[i];
        if (path->count == 1) {
            const enum side side = side_of(area, path->points[0]);
            if (side == OUTSIDE)
                return false;
            inside = inside || side == INSIDE;
        }
        for (size_t j = 0; path->count > 1 && j < edges_of(path); j++) {
            if (!edge_is_within(area, edge_at(path, j), &cuts, &inside))
                return false;
        }
    }
    return inside && (athena_shape_dimension(b->kind) < 2 || holes_are_apart(area, b));
}

/* On a line, but for its ends; or one of a set of points. */
static bool path_holds(const struct athena_path *path, struct athena_point p, bool *inside)
{
    const struct athena_point first = path->points[0], last = path->points[path->count - 1];
    const bool closed = first.x == last.x && first.y == last.y;
    for (size_t i = 0; i < edges_of(path); i++) {
        if (!is_on(edge_at(path, i), p))
            continue;
        *inside = *inside || closed ||
                  ((first.x != p.x || first.y != p.y) && (last.x != p.x || last.y != p.y));
        return true;
    }
    return false;
}

static bool paths_contain(const struct athena_shape *a, const struct athena_shape *points)
{
    bool inside = false;
    for (size_t i = 0; i < points->count; i++) {
        bool held = false;
        for (size_t j = 0; j < a->count; j++)
            held = path_holds(&a->paths[j], points->paths[i].points[0], &inside) || held;
        if (!held)
            return false;
    }
    return inside;
}

enum mr_status athena_shape_contains(struct mr_arena *arena, const struct athena_shape *a,
                                     const struct athena_shape *b, bool *ret_contains)
{
    const int ours = athena_shape_dimension(a->kind), theirs = athena_shape_dimension(b->kind);
    if (a->count == 0 || b->count == 0 || ours < theirs)
        *ret_contains = false;
    else if (ours == 2)
        *ret_contains = area_contains(arena, a, b);
    else if (theirs == 0)
        *ret_contains = paths_contain(a, b);
    else
        return MR_INVALID;
    return MR_OK;
}
