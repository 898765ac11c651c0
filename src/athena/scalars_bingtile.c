/* Tiles of Bing Maps: functions over what stands for them inside DuckDB, their text. */
#include "athena/bingtile.h"
#include "athena/geos.h"
#include "athena/scalars_geometry.h"
#include <assert.h>
#include <math.h>

enum { TILES_MAX = 10000 }; /* of one geometry */

static void put_tile(struct athena_row *row, const struct athena_tile *tile)
{
    mr_buf_reset(&row->text);
    athena_tile_print(&row->text, tile);
    athena_row_put_text(row, mr_buf_slice(&row->text));
}

static struct athena_tile tile_at(const struct athena_row *row, size_t input)
{
    struct athena_tile tile = {0};
    const bool fine = athena_tile_parse(athena_row_slice(row, input), &tile);
    assert(fine);
    return tile;
}

/* False: there is no such zoom; the error is set. */
static bool zoom_at(struct athena_row *row, size_t input, bool whole, uint32_t *ret)
{
    const int64_t zoom = athena_row_integer(row, input);
    if (zoom < 0 || (zoom == 0 && !whole))
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: Zoom level must be > 0");
    if (zoom > ATHENA_TILE_ZOOM_MAX)
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: Zoom level must be <= %d",
                               ATHENA_TILE_ZOOM_MAX);
    *ret = (uint32_t)zoom;
    return true;
}

/* mr_tile(x, y, zoom) */
static bool by_place(struct athena_row *row)
{
    const int64_t x = athena_row_integer(row, 0), y = athena_row_integer(row, 1);
    uint32_t zoom;
    if (!zoom_at(row, 2, true, &zoom))
        return false;
    const int64_t cells = INT64_C(1) << zoom;
    if (x < 0 || y < 0 || x >= cells || y >= cells)
        return athena_row_fail(row,
                               "INVALID_FUNCTION_ARGUMENT: XY coordinates for a Bing tile at zoom "
                               "level %u must be within [0, %lld) range",
                               zoom, (long long)cells);
    put_tile(row, &(struct athena_tile){(uint32_t)x, (uint32_t)y, zoom});
    return true;
}

static bool by_quadkey(struct athena_row *row)
{
    struct mr_slice text = athena_row_slice(row, 0);
    struct athena_tile tile;
    if (text.len == 0)
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: QuadKey must not be empty string");
    if (!athena_tile_from_quadkey(text, &tile))
        return athena_row_fail(row,
                               text.len > ATHENA_TILE_ZOOM_MAX
                                   ? "INVALID_FUNCTION_ARGUMENT: QuadKey must be 23 characters or "
                                     "less"
                                   : "INVALID_FUNCTION_ARGUMENT: Invalid QuadKey digit sequence: "
                                     "%.*s",
                               MR_ARG(text));
    put_tile(row, &tile);
    return true;
}

static bool place_at(struct athena_row *row, struct athena_point *ret)
{
    *ret = (struct athena_point){athena_row_double(row, 1), athena_row_double(row, 0)};
    if (!(fabs(ret->y) <= ATHENA_TILE_LATITUDE_MAX))
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: Latitude must be between "
                                    "-85.05112878 and 85.05112878");
    if (!(fabs(ret->x) <= 180))
        return athena_row_fail(
            row, "INVALID_FUNCTION_ARGUMENT: Longitude must be between -180.0 and 180.0");
    return true;
}

/* mr_tile_at(latitude, longitude, zoom) */
static bool by_degrees(struct athena_row *row)
{
    struct athena_point point;
    uint32_t zoom;
    if (!place_at(row, &point) || !zoom_at(row, 2, false, &zoom))
        return false;
    const struct athena_tile tile = athena_tile_at(point, zoom);
    put_tile(row, &tile);
    return true;
}

static void list_add(struct athena_row *row, const struct athena_tile *tile)
{
    mr_buf_append(&row->text, row->text.len > 0 ? MR_S(";") : MR_S(""));
    athena_tile_print(&row->text, tile);
}

/* mr_tiles_around(latitude, longitude, zoom): it and its neighbours. */
static bool around(struct athena_row *row)
{
    struct athena_point point;
    uint32_t zoom;
    if (!place_at(row, &point) || !zoom_at(row, 2, false, &zoom))
        return false;
    const struct athena_tile tile = athena_tile_at(point, zoom);
    const int64_t cells = INT64_C(1) << zoom;
    for (int64_t x = (int64_t)tile.x - 1; x <= (int64_t)tile.x + 1; x++) {
        for (int64_t y = (int64_t)tile.y - 1; y <= (int64_t)tile.y + 1; y++) {
            const struct athena_tile one = {(uint32_t)x, (uint32_t)y, zoom};
            if (x >= 0 && y >= 0 && x < cells && y < cells)
                list_add(row, &one);
        }
    }
    athena_row_put_text(row, mr_buf_slice(&row->text));
    return true;
}

static bool quadkey(struct athena_row *row)
{
    const struct athena_tile tile = tile_at(row, 0);
    athena_tile_quadkey(&row->text, &tile);
    athena_row_put_text(row, mr_buf_slice(&row->text));
    return true;
}

/* mr_tile_number(tile, what) */
static bool number(struct athena_row *row)
{
    const struct athena_tile tile = tile_at(row, 0);
    athena_row_put_integer(row, athena_geometry_is(row, 1, "x")   ? tile.x
                                : athena_geometry_is(row, 1, "y") ? tile.y
                                                                  : tile.zoom);
    return true;
}

static struct athena_shape box_shape(const struct athena_box *box, struct athena_point *corners,
                                     struct athena_path *path)
{
    const struct athena_point from = box->from, to = box->to;
    corners[0] = corners[4] = from;
    corners[1] = (struct athena_point){from.x, to.y};
    corners[2] = to;
    corners[3] = (struct athena_point){to.x, from.y};
    *path = (struct athena_path){.points = corners, .count = 5};
    return (struct athena_shape){.kind = SHAPE_POLYGON, .paths = path, .count = 1};
}

static bool polygon(struct athena_row *row)
{
    const struct athena_tile tile = tile_at(row, 0);
    const struct athena_box box = athena_tile_box(&tile);
    struct athena_point corners[5];
    struct athena_path path;
    const struct athena_shape shape = box_shape(&box, corners, &path);
    athena_geometry_put(row, &shape);
    return true;
}

/* The tile of a box's lower right corner; one that the box only touches is none of its. */
static struct athena_tile last_tile(const struct athena_box *box, uint32_t zoom,
                                    const struct athena_tile *first)
{
    struct athena_tile tile = athena_tile_at((struct athena_point){box->to.x, box->from.y}, zoom);
    const struct athena_box own = athena_tile_box(&tile);
    if (own.from.x == box->to.x && tile.x > first->x)
        tile.x--;
    if (own.to.y == box->from.y && tile.y > first->y)
        tile.y--;
    return tile;
}

/* Those of the tiles from `first` to `last` that meet the geometry. */
static bool list_meeting(struct athena_geos_call *call, const GEOSPreparedGeometry *geometry,
                         const struct athena_tile *first, const struct athena_tile *last)
{
    for (uint32_t x = first->x; x <= last->x; x++) {
        for (uint32_t y = first->y; y <= last->y; y++) {
            const struct athena_tile tile = {x, y, first->zoom};
            const struct athena_box box = athena_tile_box(&tile);
            struct athena_point corners[5];
            struct athena_path path;
            const struct athena_shape shape = box_shape(&box, corners, &path);
            GEOSGeometry *square = athena_geos_make(call, &shape);
            if (square == NULL)
                return false;
            char meets;
            meets = athena_geos.prepared_meets(call->handle, geometry, square);
            athena_geos_drop(call, square);
            if (meets == 2)
                return athena_geos_fail(call);
            if (meets == 1)
                list_add(call->row, &tile);
        }
    }
    return true;
}

/* mr_geometry_tiles(geometry, zoom): those that it meets. */
static bool tiles(struct athena_geos_call *call)
{
    struct athena_row *row = call->row;
    struct athena_shape shape;
    struct athena_box box;
    uint32_t zoom;
    const GEOSGeometry *geometry = athena_geos_at(call, 0, &shape);
    if (geometry == NULL || !zoom_at(row, 1, true, &zoom))
        return false;
    if (!athena_shape_box(&shape, &box)) {
        athena_row_put_text(row, MR_S(""));
        return true;
    }
    if (box.from.y < -ATHENA_TILE_LATITUDE_MAX || box.to.y > ATHENA_TILE_LATITUDE_MAX)
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: Latitude span for the geometry "
                                    "must be in [-85.05, 85.05] range");
    if (box.from.x < -180 || box.to.x > 180)
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: Longitude span for the geometry "
                                    "must be in [-180.00, 180.00] range");
    const struct athena_tile first =
        athena_tile_at((struct athena_point){box.from.x, box.to.y}, zoom);
    const struct athena_tile last = last_tile(&box, zoom, &first);
    if ((uint64_t)(last.x - first.x + 1) * (last.y - first.y + 1) > TILES_MAX)
        return athena_row_fail(row, "NOT_SUPPORTED: a geometry over more than %d tiles", TILES_MAX);
    bool fine = true;
    if (shape.kind == SHAPE_POINT) {
        list_add(row, &first);
    } else {
        const GEOSPreparedGeometry *prepared = athena_geos.prepare(call->handle, geometry);
        if (prepared == NULL)
            return athena_geos_fail(call);
        fine = list_meeting(call, prepared, &first, &last);
        athena_geos.prepared_destroy(call->handle, prepared);
    }
    if (fine)
        athena_row_put_text(row, mr_buf_slice(&row->text));
    return fine;
}

static bool run_tiles(struct athena_row *row)
{
    return athena_geos_run(row, tiles);
}

enum mr_status athena_bingtile_register(duckdb_connection connection)
{
#define V DUCKDB_TYPE_VARCHAR
#define D DUCKDB_TYPE_DOUBLE
#define N DUCKDB_TYPE_BIGINT
    static const struct athena_row_function functions[] = {
        {"mr_tile", {N, N, N}, V, by_place},      {"mr_tile_of", {V}, V, by_quadkey},
        {"mr_tile_at", {D, D, N}, V, by_degrees}, {"mr_tiles_around", {D, D, N}, V, around},
        {"mr_tile_quadkey", {V}, V, quadkey},     {"mr_tile_number", {V, V}, N, number},
        {"mr_tile_polygon", {V}, V, polygon},     {"mr_geometry_tiles", {V, N}, V, run_tiles},
    };
#undef V
#undef D
#undef N
    return athena_rows_register(connection, functions, MR_COUNT(functions));
}
