/* Geometries: functions over well-known text, which stands for them inside DuckDB. */
#include "athena/scalars_geometry.h"

/* ---- arguments and results ---- */

bool athena_geometry_at(struct athena_row *row, size_t input, struct mr_arena *arena,
                        struct athena_shape *ret_shape)
{
    struct mr_slice text = athena_row_slice(row, input);
    const enum mr_status status = athena_shape_parse(arena, text, ret_shape);
    if (status == MR_FULL)
        return athena_row_fail(row, "NOT_SUPPORTED: geometries of more than %d points",
                               ATHENA_SHAPE_POINTS_MAX);
    return status == MR_OK ||
           athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: Invalid WKT: %.*s", MR_ARG(text));
}

void athena_geometry_put(struct athena_row *row, const struct athena_shape *shape)
{
    mr_buf_reset(&row->text);
    athena_shape_print(&row->text, shape);
    athena_row_put_text(row, mr_buf_slice(&row->text));
}

void athena_geometry_put_point(struct athena_row *row, struct athena_point point)
{
    struct athena_path path = {.points = &point, .count = 1};
    const struct athena_shape shape = {.kind = SHAPE_POINT, .paths = &path, .count = 1};
    athena_geometry_put(row, &shape);
}

bool athena_geometry_is(const struct athena_row *row, size_t input, const char *what)
{
    return mr_slice_equal(athena_row_slice(row, input), mr_slice_cstr(what));
}

bool athena_geometry_only(struct athena_row *row, const char *function, const char *kinds,
                          enum athena_shape_kind kind)
{
    return athena_row_fail(row,
                           "INVALID_FUNCTION_ARGUMENT: %s only applies to %s. Input type is: %s",
                           function, kinds, athena_shape_word(kind));
}

bool athena_geometry_run(struct athena_row *row,
                         bool (*run)(struct athena_row *row, struct mr_arena *arena))
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    const bool fine = run(row, &arena);
    mr_arena_fini(&arena);
    return fine;
}

/* ---- making ---- */

/* mr_geometry(text, kind): of any kind when it is empty. */
static bool geometry(struct athena_row *row, struct mr_arena *arena)
{
    struct athena_shape shape;
    struct mr_slice kind = athena_row_slice(row, 1);
    if (!athena_geometry_at(row, 0, arena, &shape))
        return false;
    if (kind.len > 0 && !mr_slice_equal(kind, mr_slice_cstr(athena_shape_word(shape.kind))))
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: Input type is: %s, expected: %.*s",
                               athena_shape_word(shape.kind), MR_ARG(kind));
    athena_geometry_put(row, &shape);
    return true;
}

static bool run_geometry(struct athena_row *row)
{
    return athena_geometry_run(row, geometry);
}

static bool run_point(struct athena_row *row)
{
    athena_geometry_put_point(
        row, (struct athena_point){athena_row_double(row, 0), athena_row_double(row, 1)});
    return true;
}

/* ---- looking into one ---- */

/* mr_geometry_number(geometry, what) */
static bool number(struct athena_row *row, struct mr_arena *arena)
{
    struct athena_shape shape;
    struct athena_box box;
    if (!athena_geometry_at(row, 0, arena, &shape))
        return false;
    const bool x = athena_geometry_is(row, 1, "ST_X"), y = athena_geometry_is(row, 1, "ST_Y");
    if ((x || y) && shape.kind != SHAPE_POINT)
        return athena_geometry_only(row, x ? "ST_X" : "ST_Y", "POINT", shape.kind);
    if (athena_geometry_is(row, 1, "ST_Length") && athena_shape_dimension(shape.kind) != 1)
        return athena_geometry_only(row, "ST_Length", "LINE_STRING or MULTI_LINE_STRING",
                                    shape.kind);
    if (athena_geometry_is(row, 1, "ST_Area"))
        athena_row_put_double(row, athena_shape_area(&shape));
    else if (athena_geometry_is(row, 1, "ST_Length"))
        athena_row_put_double(row, athena_shape_length(&shape));
    else if (athena_shape_box(&shape, &box)) /* else it is empty: NULL */
        athena_row_put_double(row, x || athena_geometry_is(row, 1, "ST_XMin")   ? box.from.x
                                   : y || athena_geometry_is(row, 1, "ST_YMin") ? box.from.y
                                   : athena_geometry_is(row, 1, "ST_XMax")      ? box.to.x
                                                                                : box.to.y);
    return true;
}

static bool run_number(struct athena_row *row)
{
    return athena_geometry_run(row, number);
}

/* mr_geometry_count(geometry, what) */
static bool count(struct athena_row *row, struct mr_arena *arena)
{
    struct athena_shape shape;
    int64_t points = 0, members = 0;
    if (!athena_geometry_at(row, 0, arena, &shape))
        return false;
    for (size_t i = 0; i < shape.count; i++) {
        points += (int64_t)shape.paths[i].count;
        members += !shape.paths[i].hole;
    }
    if (athena_geometry_is(row, 1, "ST_NumInteriorRing") && shape.kind != SHAPE_POLYGON)
        return athena_geometry_only(row, "ST_NumInteriorRing", "POLYGON", shape.kind);
    athena_row_put_integer(
        row, athena_geometry_is(row, 1, "ST_NumPoints")       ? points
             : athena_geometry_is(row, 1, "ST_Dimension")     ? athena_shape_dimension(shape.kind)
             : athena_geometry_is(row, 1, "ST_NumGeometries") ? members
                                                              : (int64_t)shape.count - members);
    return true;
}

static bool run_count(struct athena_row *row)
{
    return athena_geometry_run(row, count);
}

static bool kind_of(struct athena_row *row, struct mr_arena *arena)
{
    struct athena_shape shape;
    if (!athena_geometry_at(row, 0, arena, &shape))
        return false;
    mr_buf_printf(&row->text, "ST_%s", athena_shape_name(shape.kind));
    athena_row_put_text(row, mr_buf_slice(&row->text));
    return true;
}

static bool run_kind(struct athena_row *row)
{
    return athena_geometry_run(row, kind_of);
}

static bool same_point(struct athena_point a, struct athena_point b)
{
    return a.x == b.x && a.y == b.y;
}

/* mr_geometry_is(geometry, what) */
static bool flag(struct athena_row *row, struct mr_arena *arena)
{
    struct athena_shape shape;
    bool closed = true;
    if (!athena_geometry_at(row, 0, arena, &shape))
        return false;
    if (athena_geometry_is(row, 1, "ST_IsEmpty")) {
        athena_row_put_boolean(row, shape.count == 0);
        return true;
    }
    if (athena_shape_dimension(shape.kind) != 1)
        return athena_geometry_only(row, "ST_IsClosed", "LINE_STRING or MULTI_LINE_STRING",
                                    shape.kind);
    for (size_t i = 0; i < shape.count; i++) {
        const struct athena_path *path = &shape.paths[i];
        closed = closed && same_point(path->points[0], path->points[path->count - 1]);
    }
    athena_row_put_boolean(row, closed);
    return true;
}

static bool run_flag(struct athena_row *row)
{
    return athena_geometry_run(row, flag);
}

static void put_box(struct athena_row *row, const struct athena_box *box)
{
    struct athena_point corners[] = {
        box->from, {box->from.x, box->to.y}, box->to, {box->to.x, box->from.y}, box->from};
    struct athena_path path = {.points = corners, .count = MR_COUNT(corners)};
    struct athena_shape shape = {.kind = SHAPE_POLYGON, .paths = &path, .count = 1};
    if (same_point(box->from, box->to)) {
        athena_geometry_put_point(row, box->from);
        return;
    }
    if (box->from.x == box->to.x || box->from.y == box->to.y) {
        shape.kind = SHAPE_LINE;
        corners[1] = box->to;
        path.count = 2;
    }
    athena_geometry_put(row, &shape);
}

/* mr_geometry_part(geometry, what) */
static bool part(struct athena_row *row, struct mr_arena *arena)
{
    struct athena_shape shape;
    struct athena_point point;
    struct athena_box box;
    if (!athena_geometry_at(row, 0, arena, &shape))
        return false;
    const bool start = athena_geometry_is(row, 1, "ST_StartPoint"),
               end = athena_geometry_is(row, 1, "ST_EndPoint");
    const bool ring = athena_geometry_is(row, 1, "ST_ExteriorRing");
    if ((start || end) && shape.kind != SHAPE_LINE)
        return athena_geometry_only(row, start ? "ST_StartPoint" : "ST_EndPoint", "LINE_STRING",
                                    shape.kind);
    if (ring && shape.kind != SHAPE_POLYGON)
        return athena_geometry_only(row, "ST_ExteriorRing", "POLYGON", shape.kind);
    if (shape.count == 0)
        return true;
    const struct athena_path *first = &shape.paths[0];
    if (start || end) {
        athena_geometry_put_point(row, first->points[start ? 0 : first->count - 1]);
    } else if (ring) {
        const struct athena_shape line = {.kind = SHAPE_LINE, .paths = shape.paths, .count = 1};
        athena_geometry_put(row, &line);
    } else if (athena_geometry_is(row, 1, "ST_Envelope")) {
        (void)athena_shape_box(&shape, &box);
        put_box(row, &box);
    } else {
        point = athena_shape_centroid(&shape);
        athena_geometry_put_point(row, point);
    }
    return true;
}

static bool run_part(struct athena_row *row)
{
    return athena_geometry_run(row, part);
}

/* ---- two of them ---- */

/* mr_geometry_relation(a, b, what) */
static bool relation(struct athena_row *row, struct mr_arena *arena)
{
    struct athena_shape a, b;
    bool holds;
    if (!athena_geometry_at(row, 0, arena, &a) || !athena_geometry_at(row, 1, arena, &b))
        return false;
    if (athena_geometry_is(row, 2, "ST_Intersects") || athena_geometry_is(row, 2, "ST_Disjoint")) {
        holds = athena_shape_intersects(&a, &b);
        athena_row_put_boolean(row, athena_geometry_is(row, 2, "ST_Intersects") ? holds : !holds);
        return true;
    }
    const bool within = athena_geometry_is(row, 2, "ST_Within");
    const enum mr_status status =
        athena_shape_contains(arena, within ? &b : &a, within ? &a : &b, &holds);
    if (status != MR_OK)
        return athena_row_fail(row, "NOT_SUPPORTED: %s of %s and %s is not supported",
                               within ? "ST_Within" : "ST_Contains", athena_shape_word(a.kind),
                               athena_shape_word(b.kind));
    athena_row_put_boolean(row, holds);
    return true;
}

static bool run_relation(struct athena_row *row)
{
    return athena_geometry_run(row, relation);
}

static bool distance(struct athena_row *row, struct mr_arena *arena)
{
    struct athena_shape a, b;
    if (!athena_geometry_at(row, 0, arena, &a) || !athena_geometry_at(row, 1, arena, &b))
        return false;
    if (a.count > 0 && b.count > 0) /* else NULL */
        athena_row_put_double(row, athena_shape_distance(&a, &b));
    return true;
}

static bool run_distance(struct athena_row *row)
{
    return athena_geometry_run(row, distance);
}

enum mr_status athena_geometry_register(duckdb_connection connection)
{
#define V DUCKDB_TYPE_VARCHAR
#define D DUCKDB_TYPE_DOUBLE
#define L DUCKDB_TYPE_BOOLEAN
    static const struct athena_row_function functions[] = {
        {"mr_geometry", {V, V}, V, run_geometry},
        {"mr_geometry_point", {D, D}, V, run_point},
        {"mr_geometry_number", {V, V}, D, run_number},
        {"mr_geometry_count", {V, V}, DUCKDB_TYPE_BIGINT, run_count},
        {"mr_geometry_kind", {V}, V, run_kind},
        {"mr_geometry_is", {V, V}, L, run_flag},
        {"mr_geometry_part", {V, V}, V, run_part},
        {"mr_geometry_relation", {V, V, V}, L, run_relation},
        {"mr_geometry_distance", {V, V}, D, run_distance},
    };
#undef V
#undef D
#undef L
    return athena_rows_register(connection, functions, MR_COUNT(functions));
}
