/* athena/geos.h: GEOS, the library that computes with geometries: its C library, loaded when the
 * first query needs it. Only this folder names it.
 *
 * Its functions are called through athena_geos, a table filled by dlsym, as DuckDB's are. A call of
 * one of our SQL functions is one `struct athena_geos_call`: it owns all geometries that are held
 * in it. Lines of n points may cross n * n times: what would take too much memory or time is
 * refused before it begins (athena_geos_affordable). Nothing is interrupted: GEOS leaks what it
 * then has. Any thread. */
#pragma once
#include "athena/geometry.h"
#include "athena/rows.h"
#define GEOS_USE_ONLY_R_API
#include <geos_c.h>

#define ATHENA_GEOS_MAX 1e100 /* what coordinates and distances may be; less than 1e-100 is 0 */
enum {
    ATHENA_GEOS_SECONDS_MAX = 3,
    ATHENA_GEOS_HELD_MAX = 8,
    ATHENA_GEOS_MEETINGS_MAX = 50000, /* of lines, beside those of neighbours */
};

#define ATHENA_GEOS_FUNCTIONS(X)                      \
    X(init, GEOS_init_r)                              \
    X(finish, GEOS_finish_r)                          \
    X(on_error, GEOSContext_setErrorMessageHandler_r) \
    X(free, GEOSFree_r)                               \
    X(destroy, GEOSGeom_destroy_r)                    \
    X(seq_from, GEOSCoordSeq_copyFromBuffer_r)        \
    X(seq_to, GEOSCoordSeq_copyToBuffer_r)            \
    X(seq_size, GEOSCoordSeq_getSize_r)               \
    X(seq_destroy, GEOSCoordSeq_destroy_r)            \
    X(seq_of, GEOSGeom_getCoordSeq_r)                 \
    X(make_point, GEOSGeom_createPoint_r)             \
    X(make_line, GEOSGeom_createLineString_r)         \
    X(make_ring, GEOSGeom_createLinearRing_r)         \
    X(make_polygon, GEOSGeom_createPolygon_r)         \
    X(make_several, GEOSGeom_createCollection_r)      \
    X(make_empty, GEOSGeom_createEmptyCollection_r)   \
    X(type_of, GEOSGeomTypeId_r)                      \
    X(is_empty, GEOSisEmpty_r)                        \
    X(count, GEOSGetNumGeometries_r)                  \
    X(member, GEOSGetGeometryN_r)                     \
    X(shell, GEOSGetExteriorRing_r)                   \
    X(holes, GEOSGetNumInteriorRings_r)               \
    X(hole, GEOSGetInteriorRingN_r)                   \
    X(normalize, GEOSNormalize_r)                     \
    X(make_valid, GEOSMakeValid_r)                    \
    X(area, GEOSArea_r)                               \
    X(length, GEOSLength_r)                           \
    X(distance, GEOSDistance_r)                       \
    X(nearest, GEOSNearestPoints_r)                   \
    X(centroid, GEOSGetCentroid_r)                    \
    X(share, GEOSProjectNormalized_r)                 \
    X(along, GEOSInterpolateNormalized_r)             \
    X(contains, GEOSContains_r)                       \
    X(crosses, GEOSCrosses_r)                         \
    X(disjoint, GEOSDisjoint_r)                       \
    X(equals, GEOSEquals_r)                           \
    X(intersects, GEOSIntersects_r)                   \
    X(overlaps, GEOSOverlaps_r)                       \
    X(touches, GEOSTouches_r)                         \
    X(within, GEOSWithin_r)                           \
    X(relates, GEOSRelatePattern_r)                   \
    X(prepare, GEOSPrepare_r)                         \
    X(prepared_destroy, GEOSPreparedGeom_destroy_r)   \
    X(prepared_meets, GEOSPreparedIntersects_r)       \
    X(prepared_contains, GEOSPreparedContains_r)      \
    X(is_valid, GEOSisValid_r)                        \
    X(is_valid_detail, GEOSisValidDetail_r)           \
    X(is_simple, GEOSisSimple_r)                      \
    X(is_ring, GEOSisRing_r)                          \
    X(buffer, GEOSBuffer_r)                           \
    X(boundary, GEOSBoundary_r)                       \
    X(hull, GEOSConvexHull_r)                         \
    X(simplify, GEOSTopologyPreserveSimplify_r)       \
    X(difference, GEOSDifference_r)                   \
    X(intersection, GEOSIntersection_r)               \
    X(symmetric, GEOSSymDifference_r)                 \
    X(unite, GEOSUnaryUnion_r)

struct athena_geos {
#define ATHENA_GEOS_FIELD(name, function) __typeof__(&(function)) name;
    ATHENA_GEOS_FUNCTIONS(ATHENA_GEOS_FIELD)
#undef ATHENA_GEOS_FIELD
};
extern struct athena_geos athena_geos; /* valid in a call */

struct athena_kept_set;
struct athena_geos_call {
    struct athena_row *row;
    struct athena_kept_set *kept; /* NULL: the function keeps none; see geos_kept.h */
    struct mr_arena *arena;
    GEOSContextHandle_t handle;
    GEOSGeometry *held[ATHENA_GEOS_HELD_MAX];
    size_t held_count;
    struct athena_path *paths; /* what the geometries that were made consist of; in the arena */
    size_t path_count, path_capacity;
    bool costly;      /* athena_geos_affordable has refused */
    bool late;        /* athena_geos_is_late */
    int64_t until_us; /* by the time of this thread */
    char why[200];    /* the last error */
};

/* Runs a function with a call and an arena of its own. False: the row's error is set, as that is
 * when there is no library. */
bool athena_geos_run(struct athena_row *row, bool (*run)(struct athena_geos_call *call));
/* The same for a function that keeps geometries from row to row, and is never late. */
bool athena_geos_run_kept(struct athena_row *row, bool (*run)(struct athena_geos_call *call));
/* The call owns it from now on. NULL: it is that of a function that failed; the error is set. */
GEOSGeometry *athena_geos_hold(struct athena_geos_call *call, GEOSGeometry *geometry);
void athena_geos_drop(struct athena_geos_call *call, GEOSGeometry *last); /* the one held last */
void athena_geos_drop_all(struct athena_geos_call *call);
/* Between one step and the next: whether this thread has computed too long for this row. */
bool athena_geos_is_late(struct athena_geos_call *call);
bool athena_geos_is_over(const struct athena_geos_call *call); /* too long, or too costly */
bool athena_geos_fail(struct athena_geos_call *call); /* the last error becomes the row's */
/* Not held. NULL: to be told by athena_geos_fail. */
GEOSGeometry *athena_geos_build(struct athena_geos_call *call, const struct athena_shape *shape);
/* As if the geometry, no collection, had been made: for athena_geos_affordable. */
void athena_geos_add_paths(struct athena_geos_call *call, const struct athena_shape *shape);
/* Held. NULL: the error is set. */
GEOSGeometry *athena_geos_make(struct athena_geos_call *call, const struct athena_shape *shape);
/* The geometry of an input of the row, with its shape. */
GEOSGeometry *athena_geos_at(struct athena_geos_call *call, size_t input,
                             struct athena_shape *ret_shape);
/* Whether the lines of all that was made cross, or come closer than twice `reach`, seldom enough to
 * compute with: to be asked before whatever finds the places where lines cross. False: to be
 * told by athena_geos_fail. */
bool athena_geos_affordable(struct athena_geos_call *call, double reach);
/* The same for another number of times; false: nothing is to be told. */
bool athena_geos_meet_seldom(struct athena_geos_call *call, double reach, size_t most);
/* Likewise whether each point of one can be held against each of the other. */
bool athena_geos_near(struct athena_geos_call *call, const struct athena_shape *a,
                      const struct athena_shape *b);
/* What its members cover together; not held, NULL: it failed, or would cost too much. */
GEOSGeometry *athena_geos_united(struct athena_geos_call *call, const GEOSGeometry *geometry);
/* An input for what GEOS knows of no collections: one is united, and that of several kinds refused
 * with the function's name. */
GEOSGeometry *athena_geos_side(struct athena_geos_call *call, size_t input, const char *function);
/* Its shape; `computed`: its members begin at their least point, and are in that order. */
bool athena_geos_shape(struct athena_geos_call *call, GEOSGeometry *geometry, bool computed,
                       struct athena_shape *ret_shape);
/* The shape becomes the row's result. */
bool athena_geos_put(struct athena_geos_call *call, GEOSGeometry *geometry, bool computed);
