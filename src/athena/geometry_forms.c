#include "athena/geometry_forms.h"
#include "base/json.h"
#include <math.h>
#include <stdio.h>

/* ---- paths that grow ---- */

struct maker {
    struct mr_arena *arena;
    struct athena_shape *shape;
    size_t path_capacity, point_capacity, total;
};

static void begin_path(struct maker *maker, bool hole)
{
    struct athena_shape *shape = maker->shape;
    shape->paths = athena_shape_grown(maker->arena, shape->paths, sizeof *shape->paths,
                                      shape->count, &maker->path_capacity);
    shape->paths[shape->count++] = (struct athena_path){.hole = hole};
    maker->point_capacity = 0;
}

static enum mr_status add_point(struct maker *maker, struct athena_point point)
{
    struct athena_path *path = &maker->shape->paths[maker->shape->count - 1];
    if (!isfinite(point.x) || !isfinite(point.y))
        return MR_INVALID;
    if (++maker->total > ATHENA_SHAPE_POINTS_MAX)
        return MR_FULL;
    path->points = athena_shape_grown(maker->arena, path->points, sizeof *path->points, path->count,
                                      &maker->point_capacity);
    path->points[path->count++] = point;
    return MR_OK;
}

/* A point is one, a line two at least, and a ring closed. */
static enum mr_status end_path(const struct maker *maker)
{
    const struct athena_path *path = &maker->shape->paths[maker->shape->count - 1];
    const int dimension = athena_shape_dimension(maker->shape->kind);
    if (path->count == 0)
        return MR_INVALID;
    const struct athena_point *first = path->points, *last = path->points + path->count - 1;
    const bool fine = dimension == 0 ? path->count == 1
                      : dimension == 1
                          ? path->count >= 2
                          : path->count >= 4 && first->x == last->x && first->y == last->y;
    return fine ? MR_OK : MR_INVALID;
}

/* ---- well-known binary ---- */

enum { WKB_LITTLE = 1 };

static void put_u32(struct mr_buf *out, size_t value)
{
    for (int i = 0; i < 4; i++)
        mr_buf_byte(out, (char)(value >> (8 * i) & 0xff));
}

static void put_double(struct mr_buf *out, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    for (int i = 0; i < 8; i++)
        mr_buf_byte(out, (char)(bits >> (8 * i) & 0xff));
}

static void put_points(struct mr_buf *out, const struct athena_path *path, bool counted)
{
    if (counted)
        put_u32(out, path->count);
    for (size_t i = 0; i < path->count; i++) {
        put_double(out, path->points[i].x);
        put_double(out, path->points[i].y);
    }
}

static void put_header(struct mr_buf *out, enum athena_shape_kind kind)
{
    mr_buf_byte(out, WKB_LITTLE);
    put_u32(out, (size_t)kind + 1);
}

/* A point, a line, or a polygon: the paths from `from` to `to`. */
static void put_single(struct mr_buf *out, const struct athena_shape *shape, size_t from, size_t to)
{
    const int dimension = athena_shape_dimension(shape->kind);
    put_header(out, (enum athena_shape_kind)dimension);
    if (dimension == 2)
        put_u32(out, to - from);
    for (size_t i = from; i < to; i++)
        put_points(out, &shape->paths[i], dimension > 0);
    if (from == to && dimension == 0) { /* an empty point */
        put_double(out, NAN);
        put_double(out, NAN);
    } else if (from == to && dimension == 1) {
        put_u32(out, 0);
    }
}

void athena_shape_to_wkb(struct mr_buf *out, const struct athena_shape *shape)
{
    size_t members = 0;
    if (shape->kind == SHAPE_COLLECTION) {
        put_header(out, shape->kind);
        put_u32(out, shape->count);
        for (size_t i = 0; i < shape->count; i++)
            athena_shape_to_wkb(out, &shape->members[i]);
        return;
    }
    if (shape->kind < SHAPE_POINTS) {
        put_single(out, shape, 0, shape->count);
        return;
    }
    for (size_t i = 0; i < shape->count; i = athena_shape_member_end(shape, i))
        members++;
    put_header(out, shape->kind);
    put_u32(out, members);
    for (size_t i = 0; i < shape->count; i = athena_shape_member_end(shape, i))
        put_single(out, shape, i, athena_shape_member_end(shape, i));
}

struct bytes {
    struct mr_slice rest;
    bool little;
    struct maker maker;
};

static bool take_bits(struct bytes *bytes, size_t size, uint64_t *ret)
{
    *ret = 0;
    if (bytes->rest.len < size)
        return false;
    for (size_t i = 0; i < size; i++) {
        const size_t at = bytes->little ? size - 1 - i : i;
        *ret = *ret << 8 | (unsigned char)bytes->rest.ptr[at];
    }
    bytes->rest = mr_slice_sub(bytes->rest, size, SIZE_MAX);
    return true;
}

static bool take_header(struct bytes *bytes, enum athena_shape_kind *ret)
{
    uint64_t order, kind;
    if (!take_bits(bytes, 1, &order) || order > WKB_LITTLE)
        return false;
    bytes->little = order == WKB_LITTLE;
    if (!take_bits(bytes, 4, &kind) || kind == 0 || kind > SHAPE_KINDS)
        return false;
    *ret = (enum athena_shape_kind)(kind - 1);
    return true;
}

static enum mr_status take_path(struct bytes *bytes, uint64_t count, bool hole)
{
    enum mr_status status = MR_OK;
    begin_path(&bytes->maker, hole);
    for (uint64_t i = 0; i < count && status == MR_OK; i++) {
        uint64_t x, y;
        struct athena_point point;
        if (!take_bits(bytes, 8, &x) || !take_bits(bytes, 8, &y))
            return MR_INVALID;
        memcpy(&point.x, &x, sizeof x);
        memcpy(&point.y, &y, sizeof y);
        if (isnan(point.x) && isnan(point.y) && count == 1) { /* an empty point */
            bytes->maker.shape->count--;
            return MR_OK;
        }
        status = add_point(&bytes->maker, point);
    }
    return status == MR_OK ? end_path(&bytes->maker) : status;
}

static enum mr_status take_single(struct bytes *bytes, int dimension)
{
    uint64_t rings, points;
    enum mr_status status = MR_OK;
    if (dimension == 0)
        return take_path(bytes, 1, false);
    if (dimension == 1) {
        if (!take_bits(bytes, 4, &points))
            return MR_INVALID;
        return points == 0 ? MR_OK : take_path(bytes, points, false);
    }
    if (!take_bits(bytes, 4, &rings))
        return MR_INVALID;
    for (uint64_t i = 0; i < rings && status == MR_OK; i++)
        status = take_bits(bytes, 4, &points) ? take_path(bytes, points, i > 0) : MR_INVALID;
    return status;
}

static enum mr_status take_shape(struct bytes *bytes, struct athena_shape *ret, int depth);

/* Of a collection. */
static enum mr_status take_shapes(struct bytes *bytes, struct athena_shape *ret, uint64_t members,
                                  int depth)
{
    enum mr_status status = MR_OK;
    size_t capacity = 0;
    if (depth == ATHENA_SHAPE_DEPTH_MAX)
        return MR_FULL;
    for (uint64_t i = 0; i < members && status == MR_OK; i++) {
        struct athena_shape member;
        if (++bytes->maker.total > ATHENA_SHAPE_POINTS_MAX)
            return MR_FULL;
        status = take_shape(bytes, &member, depth + 1);
        ret->members = athena_shape_grown(bytes->maker.arena, ret->members, sizeof member,
                                          ret->count, &capacity);
        ret->members[ret->count++] = member;
    }
    return status;
}

static enum mr_status take_shape(struct bytes *bytes, struct athena_shape *ret, int depth)
{
    enum athena_shape_kind kind;
    enum mr_status status = MR_OK;
    uint64_t members;
    *ret = (struct athena_shape){0};
    bytes->maker.shape = ret;
    bytes->maker.path_capacity = 0;
    if (!take_header(bytes, &ret->kind))
        return MR_INVALID;
    const int dimension = athena_shape_dimension(ret->kind);
    if (ret->kind < SHAPE_POINTS)
        return take_single(bytes, dimension);
    if (!take_bits(bytes, 4, &members))
        return MR_INVALID;
    if (ret->kind == SHAPE_COLLECTION)
        return take_shapes(bytes, ret, members, depth);
    for (uint64_t i = 0; i < members && status == MR_OK; i++)
        status = take_header(bytes, &kind) && (int)kind == dimension ? take_single(bytes, dimension)
                                                                     : MR_INVALID;
    return status;
}

enum mr_status athena_shape_from_wkb(struct mr_arena *arena, struct mr_slice wkb,
                                     struct athena_shape *ret_shape)
{
    struct bytes bytes = {.rest = wkb, .maker = {.arena = arena}};
    const enum mr_status status = take_shape(&bytes, ret_shape, 0);
    return status == MR_OK && bytes.rest.len > 0 ? MR_INVALID : status;
}

/* ---- GeoJSON ---- */

/* Eight digits behind the point at most. */
static void put_ordinate(struct mr_buf *out, double value)
{
    char text[400];
    int len = snprintf(text, sizeof text, "%.8f", value);
    while (len > 0 && text[len - 1] == '0')
        len--;
    if (len > 0 && text[len - 1] == '.')
        len--;
    struct mr_slice digits = mr_slice_make(text, (size_t)len);
    mr_buf_append(out, mr_slice_equal(digits, MR_S("-0")) ? MR_S("0") : digits);
}

static void put_positions(struct mr_buf *out, const struct athena_path *path, bool list)
{
    mr_buf_append(out, list ? MR_S("[") : MR_S(""));
    for (size_t i = 0; i < path->count; i++) {
        mr_buf_append(out, i > 0 ? MR_S(",[") : MR_S("["));
        put_ordinate(out, path->points[i].x);
        mr_buf_byte(out, ',');
        put_ordinate(out, path->points[i].y);
        mr_buf_byte(out, ']');
    }
    mr_buf_append(out, list ? MR_S("]") : MR_S(""));
}

static void put_json(struct mr_buf *out, const struct athena_shape *shape);

static void put_members(struct mr_buf *out, const struct athena_shape *collection)
{
    mr_buf_append(out, MR_S("\"geometries\":["));
    for (size_t i = 0; i < collection->count; i++) {
        mr_buf_append(out, i > 0 ? MR_S(",{") : MR_S("{"));
        put_json(out, &collection->members[i]);
        mr_buf_byte(out, '}');
    }
    mr_buf_byte(out, ']');
}

/* The members of its object. */
static void put_json(struct mr_buf *out, const struct athena_shape *shape)
{
    const bool several = shape->kind >= SHAPE_POINTS;
    const int dimension = athena_shape_dimension(shape->kind);
    mr_buf_printf(out, "\"type\":\"%s\",", athena_shape_name(shape->kind));
    if (shape->kind == SHAPE_COLLECTION) {
        put_members(out, shape);
        return;
    }
    mr_buf_append(out, MR_S("\"coordinates\":"));
    mr_buf_append(out, several || shape->count == 0 ? MR_S("[") : MR_S(""));
    for (size_t i = 0; i < shape->count; i = athena_shape_member_end(shape, i)) {
        const size_t end = athena_shape_member_end(shape, i);
        mr_buf_append(out, i > 0 ? MR_S(",") : MR_S(""));
        mr_buf_append(out, dimension == 2 ? MR_S("[") : MR_S(""));
        for (size_t j = i; j < end; j++) {
            mr_buf_append(out, j > i ? MR_S(",") : MR_S(""));
            put_positions(out, &shape->paths[j], dimension > 0);
        }
        mr_buf_append(out, dimension == 2 ? MR_S("]") : MR_S(""));
    }
    mr_buf_append(out, several || shape->count == 0 ? MR_S("]") : MR_S(""));
}

void athena_shape_to_geojson(struct mr_buf *out, const struct athena_shape *shape)
{
    mr_buf_byte(out, '{');
    put_json(out, shape);
    mr_buf_append(out, MR_S(",\"crs\":{\"type\":\"name\",\"properties\":{\"name\":\"EPSG:0\"}}}"));
}

static enum mr_status take_position(struct maker *maker, yyjson_val *pair)
{
    yyjson_val *x = yyjson_arr_get(pair, 0), *y = yyjson_arr_get(pair, 1);
    if (!mr_json_is_number(x) || !mr_json_is_number(y))
        return MR_INVALID;
    return add_point(maker, (struct athena_point){mr_json_double(x, NAN), mr_json_double(y, NAN)});
}

/* A list of positions, or a single one: a path. */
static enum mr_status take_positions(struct maker *maker, yyjson_val *list, bool single, bool hole)
{
    enum mr_status status = MR_OK;
    yyjson_val *item;
    yyjson_arr_iter iter = yyjson_arr_iter_with(list);
    if (!yyjson_is_arr(list))
        return MR_INVALID;
    begin_path(maker, hole);
    if (single)
        status = take_position(maker, list);
    while (!single && status == MR_OK && (item = yyjson_arr_iter_next(&iter)) != NULL)
        status = take_position(maker, item);
    return status == MR_OK ? end_path(maker) : status;
}

static enum mr_status take_member(struct maker *maker, yyjson_val *member)
{
    enum mr_status status = MR_OK;
    const int dimension = athena_shape_dimension(maker->shape->kind);
    yyjson_val *ring;
    yyjson_arr_iter iter = yyjson_arr_iter_with(member);
    if (dimension < 2)
        return take_positions(maker, member, dimension == 0, false);
    if (!yyjson_is_arr(member))
        return MR_INVALID;
    for (bool hole = false; status == MR_OK && (ring = yyjson_arr_iter_next(&iter)) != NULL;
         hole = true)
        status = take_positions(maker, ring, false, hole);
    return status;
}

static enum mr_status take_json(struct maker *maker, yyjson_val *json, struct athena_shape *ret,
                                int depth);

/* Of a collection. */
static enum mr_status take_geometries(struct maker *maker, yyjson_val *list,
                                      struct athena_shape *ret, int depth)
{
    enum mr_status status = MR_OK;
    size_t capacity = 0;
    yyjson_val *item;
    yyjson_arr_iter iter = yyjson_arr_iter_with(list);
    if (depth == ATHENA_SHAPE_DEPTH_MAX)
        return MR_FULL;
    if (!yyjson_is_arr(list))
        return MR_INVALID;
    while (status == MR_OK && (item = yyjson_arr_iter_next(&iter)) != NULL) {
        struct athena_shape member;
        if (++maker->total > ATHENA_SHAPE_POINTS_MAX)
            return MR_FULL;
        status = take_json(maker, item, &member, depth + 1);
        ret->members =
            athena_shape_grown(maker->arena, ret->members, sizeof member, ret->count, &capacity);
        ret->members[ret->count++] = member;
    }
    return status;
}

static enum mr_status take_json(struct maker *maker, yyjson_val *json, struct athena_shape *ret,
                                int depth)
{
    yyjson_val *all = mr_json_get(json, "coordinates"), *member;
    const struct mr_slice type = mr_json_get_text(json, "type");
    enum mr_status status = MR_OK;
    int kind = 0;
    *ret = (struct athena_shape){0};
    maker->shape = ret;
    maker->path_capacity = 0;
    while (kind < SHAPE_KINDS &&
           !mr_slice_equal(type, mr_slice_cstr(athena_shape_name((enum athena_shape_kind)kind))))
        kind++;
    if (kind == SHAPE_KINDS)
        return MR_INVALID;
    ret->kind = (enum athena_shape_kind)kind;
    if (ret->kind == SHAPE_COLLECTION)
        return take_geometries(maker, mr_json_get(json, "geometries"), ret, depth);
    if (!yyjson_is_arr(all))
        return MR_INVALID;
    if (yyjson_arr_size(all) == 0)
        return MR_OK;
    if (ret->kind < SHAPE_POINTS)
        return take_member(maker, all);
    yyjson_arr_iter iter = yyjson_arr_iter_with(all);
    while (status == MR_OK && (member = yyjson_arr_iter_next(&iter)) != NULL)
        status = take_member(maker, member);
    return status;
}

enum mr_status athena_shape_from_geojson(struct mr_arena *arena, struct mr_slice text,
                                         struct athena_shape *ret_shape)
{
    struct maker maker = {.arena = arena};
    return take_json(&maker, mr_json_parse(arena, text, 2 * ATHENA_SHAPE_DEPTH_MAX + 8), ret_shape,
                     0);
}

/* ---- encoded polylines: differences in units of 1e-5 degrees, five bits a letter ---- */

static void put_difference(struct mr_buf *out, int64_t value)
{
    uint64_t bits = value < 0 ? ~((uint64_t)value << 1) : (uint64_t)value << 1;
    for (; bits >= 0x20; bits >>= 5)
        mr_buf_byte(out, (char)((0x20 | (bits & 0x1f)) + 63));
    mr_buf_byte(out, (char)(bits + 63));
}

void athena_shape_to_polyline(struct mr_buf *out, const struct athena_shape *shape)
{
    int64_t last_x = 0, last_y = 0;
    for (size_t i = 0; shape->kind != SHAPE_COLLECTION && i < shape->count; i++) {
        for (size_t j = 0; j < shape->paths[i].count; j++) {
            const struct athena_point p = shape->paths[i].points[j];
            const int64_t x = llround(fmax(-1e9, fmin(p.x, 1e9)) * 1e5);
            const int64_t y = llround(fmax(-1e9, fmin(p.y, 1e9)) * 1e5);
            put_difference(out, y - last_y);
            put_difference(out, x - last_x);
            last_x = x;
            last_y = y;
        }
    }
}

static bool take_difference(struct mr_slice text, size_t *at, int64_t *sum)
{
    uint64_t bits = 0;
    for (int shift = 0; shift < 50; shift += 5) {
        if (*at == text.len)
            return false;
        const int letter = (unsigned char)text.ptr[(*at)++] - 63;
        if (letter < 0 || letter > 0x3f)
            return false;
        bits |= (uint64_t)(letter & 0x1f) << shift;
        if (letter < 0x20) {
            *sum += (bits & 1) != 0 ? -(int64_t)(bits >> 1) - 1 : (int64_t)(bits >> 1);
            return true;
        }
    }
    return false;
}

enum mr_status athena_shape_from_polyline(struct mr_arena *arena, struct mr_slice text,
                                          struct athena_shape *ret_shape)
{
    struct maker maker = {.arena = arena, .shape = ret_shape};
    enum mr_status status = MR_OK;
    int64_t x = 0, y = 0;
    *ret_shape = (struct athena_shape){.kind = SHAPE_LINE};
    if (text.len == 0)
        return MR_OK;
    begin_path(&maker, false);
    for (size_t at = 0; at < text.len && status == MR_OK;) {
        if (!take_difference(text, &at, &y) || !take_difference(text, &at, &x))
            return MR_INVALID;
        status = add_point(&maker, (struct athena_point){(double)x / 1e5, (double)y / 1e5});
    }
    return status == MR_OK ? end_path(&maker) : status;
}
