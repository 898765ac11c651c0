/* athena/geometry.h: points, lines and polygons of the plane: well-known text, measures, relations.
 *
 * A shape lives in an arena and never changes. Points that are closer to a line than rounding can
 * tell count as on it. Any thread. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum { ATHENA_SHAPE_POINTS_MAX = 20000 }; /* of one that is read */

enum athena_shape_kind {
    SHAPE_POINT,
    SHAPE_LINE,
    SHAPE_POLYGON,
    SHAPE_POINTS, /* those of several members, in the order of the single ones */
    SHAPE_LINES,
    SHAPE_POLYGONS,
    SHAPE_KINDS,
};
struct athena_point {
    double x, y;
};
struct athena_path { /* a point, a line, or a ring, which ends where it begins */
    struct athena_point *points;
    size_t count; /* not 0 */
    bool hole;    /* in the last ring before it that is none */
};
struct athena_shape {
    enum athena_shape_kind kind;
    struct athena_path *paths;
    size_t count; /* 0: it is empty */
};
struct athena_box {
    struct athena_point from, to;
};
/* MR_INVALID: no well-known text, or of a kind that is not read. MR_FULL: too many points. */
MR_MUST_USE enum mr_status athena_shape_parse(struct mr_arena *arena, struct mr_slice text,
                                              struct athena_shape *ret_shape);
void athena_shape_print(struct mr_buf *out, const struct athena_shape *shape);
const char *athena_shape_name(enum athena_shape_kind kind); /* "MultiPoint" */
const char *athena_shape_word(enum athena_shape_kind kind); /* "MULTI_POINT" */
int athena_shape_dimension(enum athena_shape_kind kind);
/* An array of `count` members of `size` bytes with room for one more; capacity 0: none yet. */
void *athena_shape_grown(struct mr_arena *arena, void *before, size_t size, size_t count,
                         size_t *capacity);
double athena_shape_area(const struct athena_shape *shape);
double athena_shape_length(const struct athena_shape *shape);
/* False: the shape is empty. */
bool athena_shape_box(const struct athena_shape *shape, struct athena_box *ret_box);
struct athena_point athena_shape_centroid(const struct athena_shape *shape); /* not of empty ones */
/* Of empty shapes neither. */
bool athena_shape_intersects(const struct athena_shape *a, const struct athena_shape *b);
double athena_shape_distance(const struct athena_shape *a, const struct athena_shape *b);
/* Whether b lies in a, not only on its edge. MR_INVALID: a is a line and b more than points. */
MR_MUST_USE enum mr_status athena_shape_contains(struct mr_arena *arena,
                                                 const struct athena_shape *a,
                                                 const struct athena_shape *b, bool *ret_contains);
/* The points of a and b that are nearest to each other; not of empty ones. */
void athena_shape_nearest(const struct athena_shape *a, const struct athena_shape *b,
                          struct athena_point *ret_a, struct athena_point *ret_b);
/* The point of a line that lies this far along it, as a share of its length; and back: how far the
 * point of the line next to `point` lies. */
struct athena_point athena_path_point(const struct athena_path *path, double share);
double athena_path_share(const struct athena_path *path, struct athena_point point);
