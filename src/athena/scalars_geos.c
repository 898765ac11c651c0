/* What GEOS tells of geometries: measures, how they lie to each other, whether they are
 * well-formed, places along lines. */
#include "athena/geos_kept.h"
#include "athena/scalars_geometry.h"
#include <math.h>

typedef char predicate(GEOSContextHandle_t handle, const GEOSGeometry *geometry);
typedef char relation(GEOSContextHandle_t handle, const GEOSGeometry *a, const GEOSGeometry *b);

enum {
    GEOS_FAILED = 2,      /* what predicates give, beside 0 and 1 */
    STEPS_MAX = 20000000, /* places along a line, times its points */
};

static bool put_answer(struct athena_geos_call *call, char answer)
{
    if (answer == GEOS_FAILED)
        return athena_geos_fail(call);
    athena_row_put_boolean(call->row, answer == 1);
    return true;
}

/* ---- measures ---- */

/* mr_geometry_measure(geometry, what) */
static bool measure(struct athena_geos_call *call)
{
    struct athena_shape shape;
    double measured;
    const bool area = athena_geometry_is(call->row, 1, "ST_Area");
    GEOSGeometry *geometry = athena_geos_at(call, 0, &shape);
    if (geometry == NULL)
        return false;
    if (!area && athena_shape_dimension(shape.kind) != 1)
        return athena_geometry_only(call->row, "ST_Length", "LINE_STRING or MULTI_LINE_STRING",
                                    shape.kind);
    if ((area ? athena_geos.area : athena_geos.length)(call->handle, geometry, &measured) == 0)
        return athena_geos_fail(call);
    athena_row_put_double(call->row, measured);
    return true;
}

static bool run_measure(struct athena_row *row)
{
    return athena_geos_run(row, measure);
}

/* Of empty ones NULL. */
static bool distance(struct athena_geos_call *call)
{
    struct athena_shape shapes[2];
    double measured;
    const GEOSGeometry *a = athena_geos_at(call, 0, &shapes[0]),
                       *b = a == NULL ? NULL : athena_geos_at(call, 1, &shapes[1]);
    if (b == NULL)
        return false;
    if (athena_shape_is_empty(&shapes[0]) || athena_shape_is_empty(&shapes[1]))
        return true;
    if (!athena_geos_near(call, &shapes[0], &shapes[1]))
        return false;
    const int fine = athena_geos.distance(call->handle, a, b, &measured);
    if (fine == 0)
        return athena_geos_fail(call);
    athena_row_put_double(call->row, measured);
    return true;
}

static bool run_distance(struct athena_row *row)
{
    return athena_geos_run(row, distance);
}

static bool nearest_points(struct athena_geos_call *call, const GEOSGeometry *a,
                           const GEOSGeometry *b, struct athena_point *ret)
{
    GEOSCoordSequence *points = athena_geos.nearest(call->handle, a, b);
    const bool fine =
        points != NULL && athena_geos.seq_to(call->handle, points, &ret->x, 0, 0) != 0;
    if (points != NULL)
        athena_geos.seq_destroy(call->handle, points);
    return fine || athena_geos_fail(call);
}

/* mr_geometry_nearest(a, b, which): the point of a, or that of b. */
static bool nearest(struct athena_geos_call *call)
{
    struct athena_shape shapes[2];
    struct athena_point points[2];
    const GEOSGeometry *a = athena_geos_at(call, 0, &shapes[0]),
                       *b = a == NULL ? NULL : athena_geos_at(call, 1, &shapes[1]);
    if (b == NULL)
        return false;
    if (athena_shape_is_empty(&shapes[0]) || athena_shape_is_empty(&shapes[1]))
        return true;
    if (!athena_geos_near(call, &shapes[0], &shapes[1]) || !nearest_points(call, a, b, points))
        return false;
    athena_geometry_put_point(call->row, points[athena_row_integer(call->row, 2) == 0 ? 0 : 1]);
    return true;
}

static bool run_nearest(struct athena_row *row)
{
    return athena_geos_run(row, nearest);
}

/* ---- relations ---- */

static const struct {
    const char *name;
    relation *const *holds;
    bool any_kind; /* of collections of several kinds, too */
} relations[] = {
    {"ST_Contains", &athena_geos.contains, false},    {"ST_Crosses", &athena_geos.crosses, false},
    {"ST_Disjoint", &athena_geos.disjoint, true},     {"ST_Equals", &athena_geos.equals, false},
    {"ST_Intersects", &athena_geos.intersects, true}, {"ST_Overlaps", &athena_geos.overlaps, false},
    {"ST_Touches", &athena_geos.touches, false},      {"ST_Within", &athena_geos.within, false},
};

/* One of two geometries that are compared. */
struct side {
    struct athena_kept *kept; /* NULL: it was read for this row */
    struct athena_shape shape;
    struct athena_box box;
    const GEOSGeometry *geometry;
};

/* False: it is to be read as a whole; it is a collection, or empty, or none. */
static bool side_at(struct athena_geos_call *call, size_t input, struct side *ret)
{
    struct mr_slice text = athena_row_slice(call->row, input);
    *ret = (struct side){.kept = athena_kept_at(call->kept, text)};
    if (ret->kept != NULL) {
        ret->shape = ret->kept->shape;
        ret->box = ret->kept->box;
        return true;
    }
    return athena_shape_parse(call->arena, text, &ret->shape) == MR_OK &&
           ret->shape.kind != SHAPE_COLLECTION && athena_shape_box(&ret->shape, &ret->box);
}

static bool lie_apart(const struct athena_box *a, const struct athena_box *b)
{
    return a->to.x < b->from.x || b->to.x < a->from.x || a->to.y < b->from.y || b->to.y < a->from.y;
}

static bool make_side(struct athena_geos_call *call, struct side *side)
{
    side->geometry = side->kept != NULL ? athena_kept_geometry(call, side->kept)
                                        : athena_geos_make(call, &side->shape);
    return side->geometry != NULL;
}

/* Points meet no line more than once: the other side is judged by itself, once. */
static bool sides_affordable(struct athena_geos_call *call, struct side *a, struct side *b)
{
    const struct side *sides[] = {a, b};
    for (size_t i = 0; i < 2; i++) {
        struct side *other = i == 0 ? b : a;
        if (athena_shape_dimension(sides[i]->shape.kind) == 0 && other->kept != NULL)
            return athena_kept_affordable(call, other->kept);
    }
    for (size_t i = 0; i < 2; i++) {
        if (sides[i]->kept != NULL)
            athena_geos_add_paths(call, &sides[i]->shape);
    }
    return athena_geos_affordable(call, 0);
}

/* By one side that is prepared. False: neither is, or it does not help. */
static bool ask_prepared(struct athena_geos_call *call, struct side *a, struct side *b,
                         relation *holds, char *ret_answer)
{
    const bool meets = holds == athena_geos.intersects || holds == athena_geos.disjoint;
    const bool contains = holds == athena_geos.contains, within = holds == athena_geos.within;
    const GEOSPreparedGeometry *prepared = NULL;
    const struct side *other = b;
    if (a->kept != NULL && (meets || contains))
        prepared = athena_kept_prepared(call, a->kept);
    if (prepared == NULL && b->kept != NULL && (meets || within)) {
        prepared = athena_kept_prepared(call, b->kept);
        other = a;
    }
    if (prepared == NULL)
        return false;
    *ret_answer = meets ? athena_geos.prepared_meets(call->handle, prepared, other->geometry)
                        : athena_geos.prepared_contains(call->handle, prepared, other->geometry);
    if (holds == athena_geos.disjoint && *ret_answer != GEOS_FAILED)
        *ret_answer = *ret_answer == 0;
    return true;
}

/* Of geometries that one may know from other rows. */
static bool relate_sides(struct athena_geos_call *call, struct side *a, struct side *b,
                         relation *holds)
{
    char answer;
    if (lie_apart(&a->box, &b->box))
        return put_answer(call, holds == athena_geos.disjoint);
    if (!make_side(call, a) || !make_side(call, b))
        return false;
    if (!sides_affordable(call, a, b))
        return athena_geos_fail(call);
    if (!ask_prepared(call, a, b, holds, &answer))
        answer = holds(call->handle, a->geometry, b->geometry);
    return put_answer(call, answer);
}

/* mr_geometry_relation(a, b, what) */
static bool related(struct athena_geos_call *call)
{
    struct athena_shape shape;
    struct side sides[2];
    size_t which = 0;
    char answer;
    while (!athena_geometry_is(call->row, 2, relations[which].name))
        which++;
    if (side_at(call, 0, &sides[0]) && side_at(call, 1, &sides[1]))
        return relate_sides(call, &sides[0], &sides[1], *relations[which].holds);
    const bool any_kind = relations[which].any_kind;
    const char *name = relations[which].name;
    const GEOSGeometry *a =
        any_kind ? athena_geos_at(call, 0, &shape) : athena_geos_side(call, 0, name);
    if (a == NULL)
        return false;
    const GEOSGeometry *b =
        any_kind ? athena_geos_at(call, 1, &shape) : athena_geos_side(call, 1, name);
    if (b == NULL)
        return false;
    if (!athena_geos_affordable(call, 0))
        return athena_geos_fail(call);
    answer = (*relations[which].holds)(call->handle, a, b);
    return put_answer(call, answer);
}

static bool run_related(struct athena_row *row)
{
    return athena_geos_run_kept(row, related);
}

/* Nine places, each a dimension, true, false or any. */
static bool is_matrix(struct mr_slice pattern)
{
    for (size_t i = 0; i < pattern.len; i++) {
        if (!mr_byte_in(pattern.ptr[i], "012TF*tf"))
            return false;
    }
    return pattern.len == 9;
}

/* mr_geometry_relate(a, b, matrix) */
static bool relate(struct athena_geos_call *call)
{
    struct mr_slice pattern = athena_row_slice(call->row, 2);
    char answer;
    if (!is_matrix(pattern))
        return athena_row_fail(call->row,
                               "INVALID_FUNCTION_ARGUMENT: relation '%.*s' must be nine of "
                               "0, 1, 2, T, F and *",
                               MR_ARG(pattern));
    const GEOSGeometry *a = athena_geos_side(call, 0, "ST_Relate"),
                       *b = a == NULL ? NULL : athena_geos_side(call, 1, "ST_Relate");
    if (b == NULL)
        return false;
    if (!athena_geos_affordable(call, 0))
        return athena_geos_fail(call);
    answer = athena_geos.relates(call->handle, a, b, mr_arena_cstr(call->arena, pattern));
    return put_answer(call, answer);
}

static bool run_relate(struct athena_row *row)
{
    return athena_geos_run(row, relate);
}

/* ---- forms ---- */

/* mr_geometry_form(geometry, what) */
static bool form(struct athena_geos_call *call)
{
    struct athena_shape shape;
    char answer;
    const bool ring = athena_geometry_is(call->row, 1, "ST_IsRing");
    const GEOSGeometry *geometry = athena_geos_at(call, 0, &shape);
    if (geometry == NULL)
        return false;
    if (ring && shape.kind != SHAPE_LINE)
        return athena_geometry_only(call->row, "ST_IsRing", "LINE_STRING", shape.kind);
    predicate *holds = ring                                              ? athena_geos.is_ring
                       : athena_geometry_is(call->row, 1, "ST_IsSimple") ? athena_geos.is_simple
                                                                         : athena_geos.is_valid;
    if (ring && shape.count == 0) {
        athena_row_put_boolean(call->row, false);
        return true;
    }
    answer = holds(call->handle, geometry);
    return put_answer(call, answer);
}

static bool run_form(struct athena_row *row)
{
    return athena_geos_run(row, form);
}

/* Of what is well-formed NULL. */
static bool reason(struct athena_geos_call *call)
{
    struct athena_shape shape;
    char answer, *why = NULL;
    const GEOSGeometry *geometry = athena_geos_at(call, 0, &shape);
    if (geometry == NULL)
        return false;
    answer = athena_geos.is_valid_detail(call->handle, geometry, 0, &why, NULL);
    if (answer == GEOS_FAILED)
        return athena_geos_fail(call);
    if (why != NULL) {
        athena_row_put_text(call->row, mr_slice_cstr(why));
        athena_geos.free(call->handle, why);
    }
    return true;
}

static bool run_reason(struct athena_row *row)
{
    return athena_geos_run(row, reason);
}

/* ---- along lines ---- */

/* mr_geometry_share(line, point) */
static bool share(struct athena_geos_call *call)
{
    struct athena_shape line, point;
    const GEOSGeometry *a = athena_geos_at(call, 0, &line),
                       *b = a == NULL ? NULL : athena_geos_at(call, 1, &point);
    double length = 0, found = 0;
    if (b == NULL)
        return false;
    if (line.kind != SHAPE_LINE)
        return athena_row_fail(call->row,
                               "INVALID_FUNCTION_ARGUMENT: First argument to line_locate_point "
                               "must be a LineString. Got: %s",
                               athena_shape_name(line.kind));
    if (point.kind != SHAPE_POINT)
        return athena_row_fail(call->row,
                               "INVALID_FUNCTION_ARGUMENT: Second argument to line_locate_point "
                               "must be a Point. Got: %s",
                               athena_shape_name(point.kind));
    if (line.count == 0 || point.count == 0)
        return true;
    if (athena_geos.length(call->handle, a, &length) == 0)
        return athena_geos_fail(call);
    if (length > 0)
        found = athena_geos.share(call->handle, a, b);
    if (found < 0)
        return athena_geos_fail(call);
    athena_row_put_double(call->row, found);
    return true;
}

static bool run_share(struct athena_row *row)
{
    return athena_geos_run(row, share);
}

static bool point_along(struct athena_geos_call *call, const GEOSGeometry *line, double fraction,
                        struct athena_point *ret)
{
    GEOSGeometry *point = athena_geos.along(call->handle, line, fraction);
    const bool fine =
        point != NULL && athena_geos.seq_to(call->handle, athena_geos.seq_of(call->handle, point),
                                            &ret->x, 0, 0) != 0;
    if (point != NULL)
        athena_geos.destroy(call->handle, point);
    return fine || athena_geos_fail(call);
}

/* mr_geometry_along(line, share, again): a list of one point, or of those at all multiples. */
static bool along(struct athena_geos_call *call)
{
    struct athena_shape line;
    const double fraction = athena_row_double(call->row, 1);
    const GEOSGeometry *geometry = athena_geos_at(call, 0, &line);
    if (geometry == NULL)
        return false;
    if (line.kind != SHAPE_LINE)
        return athena_row_fail(call->row,
                               "INVALID_FUNCTION_ARGUMENT: First argument to "
                               "line_interpolate_point must be a LineString. Got: %s",
                               athena_shape_name(line.kind));
    if (!(fraction >= 0 && fraction <= 1))
        return athena_row_fail(call->row,
                               "INVALID_FUNCTION_ARGUMENT: fraction must be between 0 and 1");
    const double most = athena_row_boolean(call->row, 2) && fraction > 0 ? floor(1 / fraction) : 1;
    if (line.count == 0)
        return true;
    if (most > ATHENA_SHAPE_POINTS_MAX || most * (double)line.paths[0].count > STEPS_MAX)
        return athena_geometry_full(call->row);
    for (int i = 1; i <= (int)most; i++) {
        struct athena_point point;
        if (!point_along(call, geometry, fraction * i, &point))
            return false;
        athena_geometry_list_point(call->row, &point, i == 1);
    }
    athena_row_put_text(call->row, mr_buf_slice(&call->row->text));
    return true;
}

static bool run_along(struct athena_row *row)
{
    return athena_geos_run(row, along);
}

enum mr_status athena_geos_register(duckdb_connection connection)
{
#define V DUCKDB_TYPE_VARCHAR
#define D DUCKDB_TYPE_DOUBLE
#define L DUCKDB_TYPE_BOOLEAN
    static const struct athena_row_function functions[] = {
        {"mr_geometry_measure", {V, V}, D, run_measure},
        {"mr_geometry_distance", {V, V}, D, run_distance},
        {"mr_geometry_nearest", {V, V, DUCKDB_TYPE_BIGINT}, V, run_nearest},
        {"mr_geometry_relation", {V, V, V}, L, run_related},
        {"mr_geometry_relate", {V, V, V}, L, run_relate},
        {"mr_geometry_form", {V, V}, L, run_form},
        {"mr_geometry_reason", {V}, V, run_reason},
        {"mr_geometry_share", {V, V}, D, run_share},
        {"mr_geometry_along", {V, D, L}, V, run_along},
    };
#undef V
#undef D
#undef L
    return athena_rows_register(connection, functions, MR_COUNT(functions));
}
