/* athena/bingtile.h: the tiles of Bing Maps, which cut the world's square into four, and each of
 * them again, up to 23 times. Any thread. */
#pragma once
#include "athena/geometry.h"

#define ATHENA_TILE_LATITUDE_MAX 85.05112878
enum { ATHENA_TILE_ZOOM_MAX = 23 };

struct athena_tile {
    uint32_t x, y, zoom; /* x and y are less than 1 << zoom */
};
void athena_tile_print(struct mr_buf *out, const struct athena_tile *tile);
/* What was printed. */
bool athena_tile_parse(struct mr_slice text, struct athena_tile *ret_tile);
void athena_tile_quadkey(struct mr_buf *out, const struct athena_tile *tile);
/* False: digits other than 0 to 3, or too many. */
bool athena_tile_from_quadkey(struct mr_slice text, struct athena_tile *ret_tile);
/* The tile that holds a point, which lies within the latitudes that have tiles. */
struct athena_tile athena_tile_at(struct athena_point degrees, uint32_t zoom);
struct athena_box athena_tile_box(const struct athena_tile *tile);
