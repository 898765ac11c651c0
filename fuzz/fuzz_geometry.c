/* Athena: any bytes as well-known binary, GeoJSON, an encoded polyline, well-known text or a tile,
 * as the first byte says. What is read is the same when it is written as binary and read again. */
#include "athena/bingtile.h"
#include "athena/geometry_forms.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void tile(struct mr_slice text)
{
    struct athena_tile tile, again;
    struct mr_buf buf = {0};
    if (athena_tile_from_quadkey(text, &tile)) {
        athena_tile_quadkey(&buf, &tile);
        assert(mr_slice_equal(mr_buf_slice(&buf), text));
        mr_buf_reset(&buf);
        athena_tile_print(&buf, &tile);
        assert(athena_tile_parse(mr_buf_slice(&buf), &again));
        assert(again.x == tile.x && again.y == tile.y && again.zoom == tile.zoom);
    }
    (void)athena_tile_parse(text, &tile);
    mr_buf_fini(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static enum mr_status (*const readers[])(struct mr_arena * arena, struct mr_slice text,
                                             struct athena_shape * ret_shape) = {
        athena_shape_from_wkb, athena_shape_from_geojson, athena_shape_from_polyline,
        athena_shape_parse};
    struct athena_shape shape, again;
    struct mr_buf wkb = {0}, text = {0}, other = {0};
    struct mr_arena arena;
    if (size == 0)
        return 0;
    struct mr_slice rest = {(const char *)data + 1, size - 1};
    if (data[0] % 5 == MR_COUNT(readers)) {
        tile(rest);
        return 0;
    }
    mr_arena_init(&arena);
    if (readers[data[0] % 5](&arena, rest, &shape) == MR_OK) {
        athena_shape_to_wkb(&wkb, &shape);
        athena_shape_print(&text, &shape);
        const enum mr_status status = athena_shape_from_wkb(&arena, mr_buf_slice(&wkb), &again);
        assert(status == MR_OK);
        athena_shape_print(&other, &again);
        assert(mr_slice_equal(mr_buf_slice(&text), mr_buf_slice(&other)));
        athena_shape_to_geojson(&other, &shape);
        athena_shape_to_polyline(&other, &shape);
    }
    mr_arena_fini(&arena);
    mr_buf_fini(&wkb);
    mr_buf_fini(&text);
    mr_buf_fini(&other);
    return 0;
}
