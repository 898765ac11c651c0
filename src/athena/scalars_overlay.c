/* Geometries that GEOS makes of others: unions and what else lies on two of them, hulls, buffers.
 * Results begin at their least point and go on clockwise, whatever GEOS's version. */
#include "athena/geos.h"
#include "athena/scalars_geometry.h"
#include <math.h>

/* A full circle has 96 points, as the buffers of Esri's library have, which Athena's engine uses.
 */
enum {
    QUADRANT_POINTS = 24,
    PART_POINTS = 300, /* of what is buffered in pieces */
    MENDED_MEETINGS_MAX = 2000,
};

/* ---- two geometries ---- */

typedef GEOSGeometry *overlay(GEOSContextHandle_t handle, const GEOSGeometry *a,
                              const GEOSGeometry *b);

/* Mending takes long where lines meet often. */
static bool may_mend(struct athena_geos_call *call)
{
    return !athena_geos_is_over(call) && athena_geos_meet_seldom(call, 0, MENDED_MEETINGS_MAX);
}

/* Trino, too, mends what is not well-formed once the plain way has failed. */
static GEOSGeometry *mended(struct athena_geos_call *call, const GEOSGeometry *geometry)
{
    return athena_geos_hold(call, athena_geos.make_valid(call->handle, geometry));
}

/* mr_geometry_overlay(a, b, what) */
static bool over(struct athena_geos_call *call)
{
    static const struct {
        const char *name;
        overlay *const *function;
    } overlays[] = {
        {"ST_Difference", &athena_geos.difference},
        {"ST_Intersection", &athena_geos.intersection},
        {"ST_SymDifference", &athena_geos.symmetric},
    };
    size_t which = 0;
    while (!athena_geometry_is(call->row, 2, overlays[which].name))
        which++;
    const GEOSGeometry *a = athena_geos_side(call, 0, overlays[which].name);
    const GEOSGeometry *b = a == NULL ? NULL : athena_geos_side(call, 1, overlays[which].name);
    if (b == NULL)
        return false;
    if (!athena_geos_affordable(call, 0))
        return athena_geos_fail(call);
    GEOSGeometry *result = (*overlays[which].function)(call->handle, a, b);
    if (result == NULL && may_mend(call)) {
        a = mended(call, a);
        b = a == NULL ? NULL : mended(call, b);
        if (b == NULL)
            return false;
        result = (*overlays[which].function)(call->handle, a, b);
    }
    return athena_geos_hold(call, result) != NULL &&
           athena_geos_put(call, result, /* computed= */ true);
}

static bool run_over(struct athena_row *row)
{
    return athena_geos_run(row, over);
}

/* ---- several geometries ---- */

/* The union of a collection's members. NULL: the error is set. Held. */
static GEOSGeometry *all_united(struct athena_geos_call *call,
                                const struct athena_shape *collection)
{
    const GEOSGeometry *geometry = athena_geos_make(call, collection);
    if (geometry == NULL)
        return NULL;
    GEOSGeometry *result = athena_geos_united(call, geometry);
    if (result == NULL && may_mend(call)) {
        geometry = mended(call, geometry);
        if (geometry == NULL)
            return NULL;
        result = athena_geos_united(call, geometry);
    }
    return athena_geos_hold(call, result);
}

/* Likewise the least convex geometry around them. */
static GEOSGeometry *hull_of(struct athena_geos_call *call, const struct athena_shape *shape)
{
    const GEOSGeometry *geometry = athena_geos_make(call, shape);
    return geometry == NULL ? NULL
                            : athena_geos_hold(call, athena_geos.hull(call->handle, geometry));
}

static bool put_united(struct athena_geos_call *call, const struct athena_shape *collection)
{
    if (athena_shape_is_empty(collection)) {
        const struct athena_shape none = {
            .kind = (enum athena_shape_kind)athena_shape_greatest(collection)};
        athena_geometry_put(call->row, &none);
        return true;
    }
    GEOSGeometry *result = all_united(call, collection);
    return result != NULL && athena_geos_put(call, result, /* computed= */ true);
}

/* mr_geometry_both(a, b): their union, whatever kinds they are of. */
static bool both(struct athena_geos_call *call)
{
    struct athena_shape two[2];
    const struct athena_shape collection = {
        .kind = SHAPE_COLLECTION, .members = two, .count = MR_COUNT(two)};
    return athena_geometry_at(call->row, 0, call->arena, &two[0]) &&
           athena_geometry_at(call->row, 1, call->arena, &two[1]) && put_united(call, &collection);
}

static bool run_both(struct athena_row *row)
{
    return athena_geos_run(row, both);
}

struct gathering {
    struct athena_shape collection;
    size_t capacity, points;
    bool hull;
};

/* What was gathered becomes one member, so that groups of any size fit. */
static bool reduce(struct athena_geos_call *call, struct gathering *all)
{
    struct athena_shape one;
    GEOSGeometry *result =
        all->hull ? hull_of(call, &all->collection) : all_united(call, &all->collection);
    if (result == NULL || !athena_geos_shape(call, result, /* computed= */ false, &one))
        return false;
    athena_geos_drop_all(call);
    all->collection.members[0] = one;
    all->collection.count = 1;
    all->points = athena_shape_points(&one);
    return true;
}

static bool gather(struct athena_geos_call *call, struct gathering *all,
                   const struct athena_shape *member)
{
    struct athena_shape *collection = &all->collection;
    collection->members = athena_shape_grown(call->arena, collection->members, sizeof *member,
                                             collection->count, &all->capacity);
    collection->members[collection->count++] = *member;
    all->points += 1 + athena_shape_points(member);
    return all->points <= ATHENA_SHAPE_POINTS_MAX || reduce(call, all);
}

static bool gather_text(struct athena_geos_call *call, struct gathering *all, struct mr_slice text)
{
    struct athena_shape member;
    return athena_geometry_of(call->row, text, call->arena, &member) && gather(call, all, &member);
}

/* mr_geometry_all(list, what): those of an array or of a group, with ';' between them; NULLs are
 * empty. Of none NULL. */
static bool all(struct athena_geos_call *call)
{
    struct mr_slice rest = athena_row_slice(call->row, 0), text;
    struct gathering all = {.collection = {.kind = SHAPE_COLLECTION},
                            .hull = athena_geometry_is(call->row, 1, "hull")};
    while (mr_slice_split(&rest, ';', &text)) {
        if (text.len > 0 && !gather_text(call, &all, text))
            return false;
    }
    if (all.collection.count == 0)
        return true;
    if (!all.hull)
        return put_united(call, &all.collection);
    GEOSGeometry *hull = hull_of(call, &all.collection);
    return hull != NULL && athena_geos_put(call, hull, /* computed= */ true);
}

static bool run_all(struct athena_row *row)
{
    return athena_geos_run(row, all);
}

/* ---- one geometry ---- */

/* Of an area its rings, of lines the ends that an odd number of them have: several always. */
static bool boundary(struct athena_geos_call *call)
{
    struct athena_shape shape;
    if (!athena_geometry_at(call->row, 0, call->arena, &shape))
        return false;
    if (shape.kind == SHAPE_COLLECTION)
        return athena_row_fail(call->row, "NOT_SUPPORTED: ST_Boundary of a GEOMETRY_COLLECTION");
    if (athena_shape_dimension(shape.kind) == 1 && shape.count > 0) {
        const GEOSGeometry *lines = athena_geos_make(call, &shape);
        GEOSGeometry *ends =
            lines == NULL ? NULL
                          : athena_geos_hold(call, athena_geos.boundary(call->handle, lines));
        return ends != NULL && athena_geos_put(call, ends, /* computed= */ false);
    }
    if (athena_shape_dimension(shape.kind) < 2)
        shape = (struct athena_shape){.kind = SHAPE_POINTS};
    else
        shape.kind = SHAPE_LINES;
    for (size_t i = 0; i < shape.count; i++)
        shape.paths[i].hole = false;
    athena_geometry_put(call->row, &shape);
    return true;
}

static bool run_boundary(struct athena_row *row)
{
    return athena_geos_run(row, boundary);
}

/* mr_geometry_of(geometry, what) */
static bool of_one(struct athena_geos_call *call)
{
    struct athena_shape shape;
    GEOSGeometry *result;
    const bool hull = athena_geometry_is(call->row, 1, "ST_ConvexHull");
    if (!athena_geometry_at(call->row, 0, call->arena, &shape))
        return false;
    if (hull && athena_shape_is_empty(&shape)) {
        athena_geometry_put(call->row, &shape);
        return true;
    }
    if (hull) {
        result = hull_of(call, &shape);
    } else {
        const GEOSGeometry *geometry = athena_geos_make(call, &shape);
        result = geometry == NULL
                     ? NULL
                     : athena_geos_hold(call, athena_geos.centroid(call->handle, geometry));
    }
    return result != NULL && athena_geos_put(call, result, /* computed= */ hull);
}

static bool run_of_one(struct athena_row *row)
{
    return athena_geos_run(row, of_one);
}

/* A distance that is a number, and not below 0. */
static bool distance_at(struct athena_geos_call *call, const char *name, double *ret)
{
    *ret = athena_row_double(call->row, 1);
    if (isnan(*ret))
        return athena_row_fail(call->row, "INVALID_FUNCTION_ARGUMENT: %s is NaN", name);
    if (*ret < 0)
        return athena_row_fail(call->row, "INVALID_FUNCTION_ARGUMENT: %s is negative", name);
    if (*ret > ATHENA_GEOS_MAX)
        return athena_row_fail(call->row, "INVALID_FUNCTION_ARGUMENT: %s is beyond %g", name,
                               ATHENA_GEOS_MAX);
    return true;
}

static GEOSGeometry *buffered(struct athena_geos_call *call, const GEOSGeometry *geometry,
                              double distance)
{
    return athena_geos_hold(call,
                            athena_geos.buffer(call->handle, geometry, distance, QUADRANT_POINTS));
}

static bool gather_buffer(struct athena_geos_call *call, struct gathering *all,
                          const struct athena_shape *part, double distance)
{
    struct athena_shape around;
    const GEOSGeometry *geometry = athena_geos_make(call, part);
    GEOSGeometry *result = geometry == NULL ? NULL : buffered(call, geometry, distance);
    if (result == NULL || !athena_geos_shape(call, result, /* computed= */ false, &around))
        return false;
    athena_geos_drop_all(call);
    return gather(call, all, &around);
}

/* A piece of the paths that begin at `*from`, at `*at` of the first, and where the next one begins:
 * points, or some of a line's segments, of which the next has the last one, too. */
static struct athena_shape next_part(struct athena_geos_call *call, const struct athena_path *paths,
                                     size_t count, size_t *from, size_t *at)
{
    const struct athena_path *path = &paths[*from];
    struct athena_shape part = {.kind = SHAPE_LINE, .count = 1};
    if (path->count > 1) {
        part.paths = MR_NEW(call->arena, struct athena_path);
        *part.paths =
            (struct athena_path){.points = path->points + *at, .count = path->count - *at};
        if (part.paths->count > PART_POINTS) {
            part.paths->count = PART_POINTS;
            *at += PART_POINTS - 2;
        } else {
            (*from)++;
            *at = 0;
        }
        return part;
    }
    while (part.count < PART_POINTS && *from + part.count < count && path[part.count].count == 1)
        part.count++;
    part.kind = SHAPE_POINTS;
    part.paths = MR_NEW_ARRAY(call->arena, struct athena_path, part.count);
    memcpy(part.paths, path, part.count * sizeof *path);
    *from += part.count;
    return part;
}

/* The union of the buffers of its pieces, and of its areas: what lies around each piece is small,
 * and how often those outlines meet can be counted. */
static bool put_buffer_of_parts(struct athena_geos_call *call, const struct athena_shape *shape,
                                double distance)
{
    const struct athena_path *paths = call->paths;
    const size_t count = call->path_count;
    struct gathering all = {.collection = {.kind = SHAPE_COLLECTION}};
    size_t from = 0, at = 0;
    call->costly = false;
    call->paths = NULL;
    call->path_capacity = 0;
    athena_geos_drop_all(call);
    if (athena_shape_greatest(shape) == 2 && !gather(call, &all, shape))
        return false;
    while (from < count) {
        const struct athena_shape part = next_part(call, paths, count, &from, &at);
        if (athena_geos_is_late(call))
            return athena_geos_fail(call);
        if (!gather_buffer(call, &all, &part, distance))
            return false;
    }
    return put_united(call, &all.collection);
}

/* mr_geometry_buffer(geometry, distance): of empty ones NULL. */
static bool buffer(struct athena_geos_call *call)
{
    struct athena_shape shape;
    double distance;
    if (!distance_at(call, "distance", &distance))
        return false;
    const GEOSGeometry *geometry = athena_geos_at(call, 0, &shape);
    if (geometry == NULL)
        return false;
    if (distance == 0)
        athena_geometry_put(call->row, &shape);
    if (distance == 0 || athena_shape_is_empty(&shape))
        return true;
    if (!athena_geos_affordable(call, distance))
        return put_buffer_of_parts(call, &shape, distance);
    GEOSGeometry *result = buffered(call, geometry, distance);
    return result != NULL && athena_geos_put(call, result, /* computed= */ true);
}

static bool run_buffer(struct athena_row *row)
{
    return athena_geos_run(row, buffer);
}

/* mr_geometry_simple(geometry, tolerance) */
static bool simple(struct athena_geos_call *call)
{
    struct athena_shape shape;
    double tolerance;
    GEOSGeometry *result;
    if (!distance_at(call, "distanceTolerance", &tolerance))
        return false;
    const GEOSGeometry *geometry = athena_geos_at(call, 0, &shape);
    if (geometry == NULL)
        return false;
    if (tolerance == 0) {
        athena_geometry_put(call->row, &shape);
        return true;
    }
    if (!athena_geos_affordable(call, 0))
        return athena_geos_fail(call);
    result = athena_geos.simplify(call->handle, geometry, tolerance);
    return athena_geos_hold(call, result) != NULL &&
           athena_geos_put(call, result, /* computed= */ false);
}

static bool run_simple(struct athena_row *row)
{
    return athena_geos_run(row, simple);
}

enum mr_status athena_overlay_register(duckdb_connection connection)
{
#define V DUCKDB_TYPE_VARCHAR
#define D DUCKDB_TYPE_DOUBLE
    static const struct athena_row_function functions[] = {
        {"mr_geometry_overlay", {V, V, V}, V, run_over},
        {"mr_geometry_both", {V, V}, V, run_both},
        {"mr_geometry_all", {V, V}, V, run_all},
        {"mr_geometry_of", {V, V}, V, run_of_one},
        {"mr_geometry_boundary", {V}, V, run_boundary},
        {"mr_geometry_buffer", {V, D}, V, run_buffer},
        {"mr_geometry_simple", {V, D}, V, run_simple},
    };
#undef V
#undef D
    return athena_rows_register(connection, functions, MR_COUNT(functions));
}
