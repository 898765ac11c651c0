/* Geometries: functions over well-known text, which stands for them inside DuckDB. */
#include "athena/geos_kept.h"
#include "athena/scalars_geometry.h"
#include <math.h>

enum { TEXT_SHOWN_MAX = 1000 }; /* of one that cannot be read */

/* ---- arguments and results ---- */

bool athena_geometry_of(struct athena_row *row, struct mr_slice text, struct mr_arena *arena,
                        struct athena_shape *ret_shape)
{
    const enum mr_status status = athena_shape_parse(arena, text, ret_shape);
    if (status == MR_FULL)
        return athena_geometry_full(row);
    return status == MR_OK || athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: Invalid WKT: %.*s",
                                              MR_ARG(mr_slice_sub(text, 0, TEXT_SHOWN_MAX)));
}

bool athena_geometry_at(struct athena_row *row, size_t input, struct mr_arena *arena,
                        struct athena_shape *ret_shape)
{
    return athena_geometry_of(row, athena_row_slice(row, input), arena, ret_shape);
}

bool athena_geometry_full(struct athena_row *row)
{
    return athena_row_fail(row,
                           "NOT_SUPPORTED: geometries of more than %d points, or collections %d "
                           "deep",
                           ATHENA_SHAPE_POINTS_MAX, ATHENA_SHAPE_DEPTH_MAX);
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

void athena_geometry_list(struct athena_row *row, const struct athena_shape *shape, bool first)
{
    mr_buf_append(&row->text, first ? MR_S("") : MR_S(";"));
    athena_shape_print(&row->text, shape);
}

void athena_geometry_list_point(struct athena_row *row, struct athena_point *point, bool first)
{
    struct athena_path path = {.points = point, .count = 1};
    const struct athena_shape shape = {.kind = SHAPE_POINT, .paths = &path, .count = 1};
    athena_geometry_list(row, &shape, first);
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
    struct mr_slice text = athena_row_slice(row, 0), kind = athena_row_slice(row, 1);
    const struct athena_kept *kept = athena_kept_at(athena_kept_of(row), text);
    const bool known =
        kept != NULL &&
        (kind.len == 0 || mr_slice_equal(kind, mr_slice_cstr(athena_shape_word(kept->shape.kind))));
    if (known) {
        athena_row_put_text(row, kept->normal);
        return true;
    }
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
    const struct athena_point point = {athena_row_double(row, 0), athena_row_double(row, 1)};
    if (!isfinite(point.x) || !isfinite(point.y))
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: ST_Point takes finite coordinates");
    athena_geometry_put_point(row, point);
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
    if (athena_shape_box(&shape, &box)) /* else it is empty: NULL */
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
    int64_t members = 0;
    if (!athena_geometry_at(row, 0, arena, &shape))
        return false;
    for (size_t i = 0; i < shape.count; i++)
        members += shape.kind == SHAPE_COLLECTION || !shape.paths[i].hole;
    if (athena_geometry_is(row, 1, "ST_NumInteriorRing") && shape.kind != SHAPE_POLYGON)
        return athena_geometry_only(row, "ST_NumInteriorRing", "POLYGON", shape.kind);
    athena_row_put_integer(
        row, athena_geometry_is(row, 1, "ST_NumPoints")       ? (int64_t)athena_shape_points(&shape)
             : athena_geometry_is(row, 1, "ST_Dimension")     ? athena_shape_greatest(&shape)
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
        athena_row_put_boolean(row, athena_shape_is_empty(&shape));
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
    if (!start && !end && !ring) { /* ST_Envelope */
        const struct athena_shape none = {.kind = SHAPE_POLYGON};
        if (athena_shape_box(&shape, &box))
            put_box(row, &box);
        else
            athena_geometry_put(row, &none);
    } else if (shape.count > 0 && ring) {
        const struct athena_shape line = {.kind = SHAPE_LINE, .paths = shape.paths, .count = 1};
        athena_geometry_put(row, &line);
    } else if (shape.count > 0) {
        athena_geometry_put_point(row, shape.paths[0].points[start ? 0 : shape.paths[0].count - 1]);
    }
    return true;
}

static bool run_part(struct athena_row *row)
{
    return athena_geometry_run(row, part);
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
    };
#undef V
#undef D
#undef L
    return athena_rows_register(connection, functions, MR_COUNT(functions));
}
