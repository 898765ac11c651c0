/* Geometries in other forms, their members, and the sphere. A list of
 * geometries is one text with ';' between them: macros.c cuts it. */
#include "athena/geometry_forms.h"
#include "athena/scalars_geometry.h"
#include <math.h>

/* ---- other forms ---- */

static bool to_wkb(struct athena_row *row, struct mr_arena *arena)
{
    struct athena_shape shape;
    if (!athena_geometry_at(row, 0, arena, &shape))
        return false;
    athena_shape_to_wkb(&row->text, &shape);
    athena_row_put_text(row, mr_buf_slice(&row->text));
    return true;
}

static bool run_to_wkb(struct athena_row *row)
{
    return athena_geometry_run(row, to_wkb);
}

/* What was read, or why it was not. */
static bool put_read(struct athena_row *row, enum mr_status status,
                     const struct athena_shape *shape, const char *what)
{
    if (status == MR_FULL)
        return athena_geometry_full(row);
    if (status != MR_OK)
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: Invalid %s", what);
    athena_geometry_put(row, shape);
    return true;
}

static bool from_wkb(struct athena_row *row, struct mr_arena *arena)
{
    struct athena_shape shape;
    const enum mr_status status = athena_shape_from_wkb(arena, athena_row_slice(row, 0), &shape);
    return put_read(row, status, &shape, "WKB");
}

static bool run_from_wkb(struct athena_row *row)
{
    return athena_geometry_run(row, from_wkb);
}

/* mr_geometry_text(geometry, form) */
static bool to_text(struct athena_row *row, struct mr_arena *arena)
{
    struct athena_shape shape;
    if (!athena_geometry_at(row, 0, arena, &shape))
        return false;
    if (athena_geometry_is(row, 1, "GeoJSON"))
        athena_shape_to_geojson(&row->text, &shape);
    else if (shape.kind != SHAPE_LINE && shape.kind != SHAPE_POINTS)
        return athena_geometry_only(row, "encode_polyline", "LINE_STRING or MULTI_POINT",
                                    shape.kind);
    else
        athena_shape_to_polyline(&row->text, &shape);
    athena_row_put_text(row, mr_buf_slice(&row->text));
    return true;
}

static bool run_to_text(struct athena_row *row)
{
    return athena_geometry_run(row, to_text);
}

/* mr_geometry_read(text, form) */
static bool from_text(struct athena_row *row, struct mr_arena *arena)
{
    struct athena_shape shape;
    struct mr_slice text = athena_row_slice(row, 0);
    if (athena_geometry_is(row, 1, "GeoJSON"))
        return put_read(row, athena_shape_from_geojson(arena, text, &shape), &shape, "GeoJSON");
    return put_read(row, athena_shape_from_polyline(arena, text, &shape), &shape, "polyline");
}

static bool run_from_text(struct athena_row *row)
{
    return athena_geometry_run(row, from_text);
}

/* ---- members ---- */

/* Of a kind of several: the single one. */
static enum athena_shape_kind single(enum athena_shape_kind kind)
{
    return (enum athena_shape_kind)athena_shape_dimension(kind);
}

/* The member at `index`. False: there are not so many. */
static bool member_at(const struct athena_shape *shape, int64_t index, struct athena_shape *ret)
{
    size_t from = 0;
    if (shape->kind == SHAPE_COLLECTION) {
        if (index < 0 || (uint64_t)index >= shape->count)
            return false;
        *ret = shape->members[index];
        return true;
    }
    for (int64_t at = 0; from < shape->count; at++) {
        const size_t end = athena_shape_member_end(shape, from);
        *ret = (struct athena_shape){
            .kind = single(shape->kind), .paths = shape->paths + from, .count = end - from};
        if (at == index)
            return true;
        from = end;
    }
    return false;
}

static bool ring_at(const struct athena_shape *shape, int64_t index, struct athena_shape *ret)
{
    if (index < 0 || (uint64_t)index + 1 >= shape->count)
        return false;
    *ret = (struct athena_shape){.kind = SHAPE_LINE, .paths = shape->paths + index + 1, .count = 1};
    return true;
}

/* mr_geometry_nth(geometry, n, what) */
static bool nth(struct athena_row *row, struct mr_arena *arena)
{
    struct athena_shape shape, found;
    const int64_t index = athena_row_integer(row, 1) - 1;
    if (!athena_geometry_at(row, 0, arena, &shape))
        return false;
    if (athena_geometry_is(row, 2, "ST_PointN")) {
        if (shape.kind != SHAPE_LINE)
            return athena_geometry_only(row, "ST_PointN", "LINE_STRING", shape.kind);
        if (shape.count > 0 && index >= 0 && (uint64_t)index < shape.paths[0].count)
            athena_geometry_put_point(row, shape.paths[0].points[index]);
        return true;
    }
    const bool ring = athena_geometry_is(row, 2, "ST_InteriorRingN");
    if (ring && shape.kind != SHAPE_POLYGON)
        return athena_geometry_only(row, "ST_InteriorRingN", "POLYGON", shape.kind);
    if (ring ? ring_at(&shape, index, &found) : member_at(&shape, index, &found))
        athena_geometry_put(row, &found);
    return true;
}

static bool run_nth(struct athena_row *row)
{
    return athena_geometry_run(row, nth);
}

static void list_points(struct athena_row *row, const struct athena_shape *shape)
{
    for (size_t i = 0; i < shape->count; i++) {
        if (shape->kind == SHAPE_COLLECTION) {
            list_points(row, &shape->members[i]);
            continue;
        }
        for (size_t j = 0; j < shape->paths[i].count; j++)
            athena_geometry_list_point(row, &shape->paths[i].points[j], row->text.len == 0);
    }
}

/* mr_geometry_list(geometry, what); of empty ones NULL. */
static bool list(struct athena_row *row, struct mr_arena *arena)
{
    struct athena_shape shape, found;
    struct athena_box box;
    if (!athena_geometry_at(row, 0, arena, &shape))
        return false;
    const bool rings = athena_geometry_is(row, 1, "ST_InteriorRings");
    if (rings && shape.kind != SHAPE_POLYGON)
        return athena_geometry_only(row, "ST_InteriorRings", "POLYGON", shape.kind);
    if (!athena_shape_box(&shape, &box))
        return true;
    if (athena_geometry_is(row, 1, "ST_Points"))
        list_points(row, &shape);
    for (int64_t i = 0; rings && ring_at(&shape, i, &found); i++)
        athena_geometry_list(row, &found, i == 0);
    for (int64_t i = 0; athena_geometry_is(row, 1, "ST_Geometries") && member_at(&shape, i, &found);
         i++)
        athena_geometry_list(row, &found, i == 0);
    if (athena_geometry_is(row, 1, "ST_EnvelopeAsPts")) {
        athena_geometry_list_point(row, &box.from, true);
        athena_geometry_list_point(row, &box.to, false);
    }
    athena_row_put_text(row, mr_buf_slice(&row->text));
    return true;
}

static bool run_list(struct athena_row *row)
{
    return athena_geometry_run(row, list);
}

/* ---- making lines and sets of points ---- */

static bool point_of(struct athena_row *row, struct mr_arena *arena, struct mr_slice text,
                     const char *function, size_t index, struct athena_point *ret)
{
    struct athena_shape shape;
    if (text.len == 0)
        return athena_row_fail(
            row, "INVALID_FUNCTION_ARGUMENT: Invalid input to %s: null point at index %zu",
            function, index);
    if (athena_shape_parse(arena, text, &shape) != MR_OK || shape.kind != SHAPE_POINT)
        return athena_row_fail(
            row, "INVALID_FUNCTION_ARGUMENT: %s takes only an array of valid points", function);
    if (shape.count == 0)
        return athena_row_fail(
            row, "INVALID_FUNCTION_ARGUMENT: Invalid input to %s: empty point at index %zu",
            function, index);
    *ret = shape.paths[0].points[0];
    return true;
}

/* mr_geometry_join(list, how many, what): NULLs in the list are empty. */
static bool join(struct athena_row *row, struct mr_arena *arena)
{
    struct mr_slice rest = athena_row_slice(row, 0), text;
    const size_t count = (size_t)athena_row_integer(row, 1);
    const bool line = athena_geometry_is(row, 2, "ST_LineString");
    const char *function = line ? "ST_LineString" : "ST_MultiPoint";
    if (count > ATHENA_SHAPE_POINTS_MAX)
        return put_read(row, MR_FULL, NULL, "");
    struct athena_point *points = MR_NEW_ARRAY(arena, struct athena_point, count + 1);
    struct athena_path *paths = MR_NEW_ARRAY(arena, struct athena_path, count + 1);
    for (size_t i = 0; i < count; i++) {
        (void)mr_slice_split(&rest, ';', &text);
        if (!point_of(row, arena, text, function, i + 1, &points[i]))
            return false;
        if (line && i > 0 && points[i].x == points[i - 1].x && points[i].y == points[i - 1].y)
            return athena_row_fail(row,
                                   "INVALID_FUNCTION_ARGUMENT: Invalid input to ST_LineString: "
                                   "consecutive duplicate points at index %zu",
                                   i + 1);
        paths[i] = (struct athena_path){.points = &points[i], .count = 1};
    }
    paths[0] = line ? (struct athena_path){.points = points, .count = count} : paths[0];
    const struct athena_shape shape = {.kind = line ? SHAPE_LINE : SHAPE_POINTS,
                                       .paths = paths,
                                       .count = !line ? count : count > 1};
    if (line || count > 0)
        athena_geometry_put(row, &shape);
    return true;
}

static bool run_join(struct athena_row *row)
{
    return athena_geometry_run(row, join);
}

/* ---- the sphere ---- */

#define EARTH_METERS 6371010.0

static double radians(double degrees)
{
    return degrees * M_PI / 180;
}

static double great_circle(struct athena_point a, struct athena_point b)
{
    const double away = radians(a.x - b.x), from = radians(a.y), to = radians(b.y);
    const double across =
        hypot(cos(to) * sin(away), cos(from) * sin(to) - sin(from) * cos(to) * cos(away));
    return atan2(across, sin(from) * sin(to) + cos(from) * cos(to) * cos(away)) * EARTH_METERS;
}

/* By its spherical excess; what goes around a pole lacks a whole turn. */
static double sphere_area(const struct athena_path *ring)
{
    double excess = 0, turn = 0;
    for (size_t i = 0; i + 1 < ring->count; i++) {
        const struct athena_point a = ring->points[i], b = ring->points[i + 1];
        const double way = remainder(radians(b.x - a.x), 2 * M_PI);
        const double from = tan(radians(a.y) / 2), to = tan(radians(b.y) / 2);
        excess += 2 * atan2(tan(way / 2) * (from + to), 1 + from * to);
        turn += way;
    }
    excess = fabs(excess);
    return (fabs(turn) > M_PI ? fabs(2 * M_PI - excess) : excess) * EARTH_METERS * EARTH_METERS;
}

static bool geography(struct athena_row *row, struct mr_arena *arena)
{
    struct athena_shape shape;
    struct athena_box box;
    if (!athena_geometry_at(row, 0, arena, &shape))
        return false;
    if (athena_shape_box(&shape, &box)) {
        if (box.from.y < -90 || box.to.y > 90)
            return athena_row_fail(
                row, "INVALID_FUNCTION_ARGUMENT: Latitude must be between -90 and 90");
        if (box.from.x < -180 || box.to.x > 180)
            return athena_row_fail(
                row, "INVALID_FUNCTION_ARGUMENT: Longitude must be between -180 and 180");
    }
    athena_geometry_put(row, &shape);
    return true;
}

static bool run_geography(struct athena_row *row)
{
    return athena_geometry_run(row, geography);
}

static bool sphere_only(struct athena_row *row, const char *function, const char *kinds,
                        enum athena_shape_kind kind)
{
    return athena_row_fail(row,
                           "INVALID_FUNCTION_ARGUMENT: When applied to SphericalGeography inputs, "
                           "%s only supports %s. Input type is: %s",
                           function, kinds, athena_shape_word(kind));
}

/* mr_geography_number(geography, what) */
static bool measure(struct athena_row *row, struct mr_arena *arena)
{
    struct athena_shape shape;
    double sum = 0;
    if (!athena_geometry_at(row, 0, arena, &shape))
        return false;
    const bool area = athena_geometry_is(row, 1, "ST_Area");
    const int dimension = athena_shape_dimension(shape.kind);
    if (area && dimension != 2)
        return sphere_only(row, "ST_Area", "POLYGON or MULTI_POLYGON", shape.kind);
    if (!area && dimension != 1)
        return sphere_only(row, "ST_Length", "LINE_STRING or MULTI_LINE_STRING", shape.kind);
    if (shape.count == 0)
        return true;
    for (size_t i = 0; i < shape.count; i++) {
        const struct athena_path *path = &shape.paths[i];
        if (area)
            sum += (path->hole ? -1 : 1) * sphere_area(path);
        for (size_t j = 0; !area && j + 1 < path->count; j++)
            sum += great_circle(path->points[j], path->points[j + 1]);
    }
    athena_row_put_double(row, sum);
    return true;
}

static bool run_measure(struct athena_row *row)
{
    return athena_geometry_run(row, measure);
}

static bool distance(struct athena_row *row, struct mr_arena *arena)
{
    struct athena_shape a, b;
    if (!athena_geometry_at(row, 0, arena, &a) || !athena_geometry_at(row, 1, arena, &b))
        return false;
    if (a.kind != SHAPE_POINT || b.kind != SHAPE_POINT)
        return sphere_only(row, "ST_Distance", "POINT", a.kind != SHAPE_POINT ? a.kind : b.kind);
    if (a.count > 0 && b.count > 0)
        athena_row_put_double(row, great_circle(a.paths[0].points[0], b.paths[0].points[0]));
    return true;
}

static bool run_distance(struct athena_row *row)
{
    return athena_geometry_run(row, distance);
}

enum mr_status athena_geoforms_register(duckdb_connection connection)
{
#define V DUCKDB_TYPE_VARCHAR
#define D DUCKDB_TYPE_DOUBLE
#define N DUCKDB_TYPE_BIGINT
#define X DUCKDB_TYPE_BLOB
    static const struct athena_row_function functions[] = {
        {"mr_geometry_wkb", {V}, X, run_to_wkb},
        {"mr_geometry_from_wkb", {X}, V, run_from_wkb},
        {"mr_geometry_text", {V, V}, V, run_to_text},
        {"mr_geometry_read", {V, V}, V, run_from_text},
        {"mr_geometry_nth", {V, N, V}, V, run_nth},
        {"mr_geometry_list", {V, V}, V, run_list},
        {"mr_geometry_join", {V, N, V}, V, run_join},
        {"mr_geography", {V}, V, run_geography},
        {"mr_geography_number", {V, V}, D, run_measure},
        {"mr_geography_distance", {V, V}, D, run_distance},
    };
#undef V
#undef D
#undef N
#undef X
    return athena_rows_register(connection, functions, MR_COUNT(functions));
}
