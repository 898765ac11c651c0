#include "athena/bingtile.h"
#include <math.h>

void athena_tile_print(struct mr_buf *out, const struct athena_tile *tile)
{
    mr_buf_printf(out, "BingTile{x=%u, y=%u, zoom_level=%u}", tile->x, tile->y, tile->zoom);
}

static bool take_number(struct mr_slice *text, const char *before, char behind, uint32_t *ret)
{
    const size_t from = mr_slice_search(*text, mr_slice_cstr(before));
    const size_t end = mr_slice_find(*text, behind);
    uint64_t value;
    if (from != 0 || end == SIZE_MAX)
        return false;
    const size_t skip = strlen(before);
    if (mr_slice_to_u64(mr_slice_sub(*text, skip, end - skip), &value) != MR_OK ||
        value >= 1u << ATHENA_TILE_ZOOM_MAX)
        return false;
    *ret = (uint32_t)value;
    *text = mr_slice_sub(*text, end + 1, SIZE_MAX);
    return true;
}

bool athena_tile_parse(struct mr_slice text, struct athena_tile *ret_tile)
{
    return take_number(&text, "BingTile{x=", ',', &ret_tile->x) &&
           take_number(&text, " y=", ',', &ret_tile->y) &&
           take_number(&text, " zoom_level=", '}', &ret_tile->zoom) && text.len == 0;
}

void athena_tile_quadkey(struct mr_buf *out, const struct athena_tile *tile)
{
    for (uint32_t level = tile->zoom; level-- > 0;)
        mr_buf_byte(out, (char)('0' + (tile->x >> level & 1) + 2 * (tile->y >> level & 1)));
}

bool athena_tile_from_quadkey(struct mr_slice text, struct athena_tile *ret_tile)
{
    *ret_tile = (struct athena_tile){.zoom = (uint32_t)text.len};
    if (text.len > ATHENA_TILE_ZOOM_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        const int digit = text.ptr[i] - '0';
        if (digit < 0 || digit > 3)
            return false;
        ret_tile->x = ret_tile->x << 1 | (digit & 1);
        ret_tile->y = ret_tile->y << 1 | (digit >> 1 & 1);
    }
    return true;
}

static uint32_t cell(double share, uint32_t zoom)
{
    const double cells = (double)(UINT32_C(1) << zoom), at = floor(share * cells);
    return (uint32_t)fmax(0, fmin(at, cells - 1));
}

/* Web Mercator: a share of the square from its upper left corner. */
struct athena_tile athena_tile_at(struct athena_point degrees, uint32_t zoom)
{
    const double sine = sin(degrees.y * M_PI / 180);
    return (struct athena_tile){
        .x = cell((degrees.x + 180) / 360, zoom),
        .y = cell(0.5 - log((1 + sine) / (1 - sine)) / (4 * M_PI), zoom),
        .zoom = zoom,
    };
}

static struct athena_point corner(double x, double y, uint32_t zoom)
{
    const double cells = (double)(UINT32_C(1) << zoom);
    const double up = 0.5 - fmin(y, cells) / cells;
    return (struct athena_point){fmin(x, cells) / cells * 360 - 180,
                                 90 - 360 * atan(exp(-up * 2 * M_PI)) / M_PI};
}

struct athena_box athena_tile_box(const struct athena_tile *tile)
{
    const struct athena_point upper_left = corner(tile->x, tile->y, tile->zoom);
    const struct athena_point lower_right = corner(tile->x + 1, tile->y + 1, tile->zoom);
    return (struct athena_box){{upper_left.x, lower_right.y}, {lower_right.x, upper_left.y}};
}
