/* athena/geometry.h: points, lines and polygons of the plane, and collections of them, as
 * well-known text and in memory. What is computed of them is GEOS's business (geos.h).
 *
 * A shape lives in an arena and never changes. Any thread. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum {
    ATHENA_SHAPE_POINTS_MAX = 200000, /* of one that is read or made */
    ATHENA_SHAPE_DEPTH_MAX = 16,      /* of collections in collections */
};

enum athena_shape_kind {
    SHAPE_POINT,
    SHAPE_LINE,
    SHAPE_POLYGON,
    SHAPE_POINTS, /* those of several members, in the order of the single ones */
    SHAPE_LINES,
    SHAPE_POLYGONS,
    SHAPE_COLLECTION,
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
    struct athena_path *paths;    /* but of a collection: */
    struct athena_shape *members; /* any of them may be empty */
    size_t count;                 /* 0: it is empty */
};
struct athena_box {
    struct athena_point from, to;
};
/* MR_INVALID: no well-known text, or of a kind that is not read. MR_FULL: too many points, or too
 * deep. */
MR_MUST_USE enum mr_status athena_shape_parse(struct mr_arena *arena, struct mr_slice text,
                                              struct athena_shape *ret_shape);
void athena_shape_print(struct mr_buf *out, const struct athena_shape *shape);
const char *athena_shape_name(enum athena_shape_kind kind); /* "MultiPoint" */
const char *athena_shape_word(enum athena_shape_kind kind); /* "MULTI_POINT" */
int athena_shape_dimension(enum athena_shape_kind kind);    /* -1: a collection */
/* An array of `count` members of `size` bytes with room for one more; capacity 0: none yet. */
void *athena_shape_grown(struct mr_arena *arena, void *before, size_t size, size_t count,
                         size_t *capacity);
bool athena_shape_is_empty(const struct athena_shape *shape);
int athena_shape_greatest(const struct athena_shape *shape); /* dimension of what is in it */
size_t athena_shape_points(const struct athena_shape *shape);
/* Of a polygon, or other member, where the paths of the one that begins at `from` end. */
size_t athena_shape_member_end(const struct athena_shape *shape, size_t from);
/* False: the shape is empty. */
bool athena_shape_box(const struct athena_shape *shape, struct athena_box *ret_box);
