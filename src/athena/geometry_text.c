/* Shapes from well-known text and back: "POLYGON ((0 0, 0 1, 1 1, 0 0))". */
#include "athena/geometry.h"
#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *text, *name, *word;
    int depth; /* of parentheses around a list of points */
} kinds[SHAPE_KINDS] = {
    [SHAPE_POINT] = {"POINT", "Point", "POINT", 1},
    [SHAPE_LINE] = {"LINESTRING", "LineString", "LINE_STRING", 1},
    [SHAPE_POLYGON] = {"POLYGON", "Polygon", "POLYGON", 2},
    [SHAPE_POINTS] = {"MULTIPOINT", "MultiPoint", "MULTI_POINT", 2},
    [SHAPE_LINES] = {"MULTILINESTRING", "MultiLineString", "MULTI_LINE_STRING", 2},
    [SHAPE_POLYGONS] = {"MULTIPOLYGON", "MultiPolygon", "MULTI_POLYGON", 3},
    [SHAPE_COLLECTION] = {"GEOMETRYCOLLECTION", "GeometryCollection", "GEOMETRY_COLLECTION", 0},
};

const char *athena_shape_name(enum athena_shape_kind kind)
{
    return kinds[kind].name;
}

const char *athena_shape_word(enum athena_shape_kind kind)
{
    return kinds[kind].word;
}

int athena_shape_dimension(enum athena_shape_kind kind)
{
    return kind == SHAPE_COLLECTION ? -1 : (int)kind % 3;
}

/* ---- reading ---- */

struct reader {
    struct mr_arena *arena;
    const char *at; /* of a text that ends with '\0' */
    struct athena_shape *shape;
    struct athena_point *points; /* of the path that is read */
    size_t count, capacity, path_capacity;
    size_t total;
};

static void skip_blanks(struct reader *reader)
{
    while (isspace((unsigned char)*reader->at))
        reader->at++;
}

static bool take(struct reader *reader, char byte)
{
    skip_blanks(reader);
    if (*reader->at != byte)
        return false;
    reader->at++;
    return true;
}

static bool take_word(struct reader *reader, const char *word)
{
    const size_t len = strlen(word);
    skip_blanks(reader);
    if (!mr_slice_equal_nocase(mr_slice_make(reader->at, strnlen(reader->at, len)),
                               mr_slice_cstr(word)) ||
        isalnum((unsigned char)reader->at[len]))
        return false;
    reader->at += len;
    return true;
}

static bool take_number(struct reader *reader, double *ret)
{
    char *end;
    skip_blanks(reader);
    if (!mr_byte_in(*reader->at, "+-.0123456789"))
        return false;
    *ret = strtod(reader->at, &end);
    const bool fine = end != reader->at && isfinite(*ret) && !isalpha((unsigned char)*end);
    reader->at = end;
    return fine;
}

void *athena_shape_grown(struct mr_arena *arena, void *before, size_t size, size_t count,
                         size_t *capacity)
{
    if (count < *capacity)
        return before;
    *capacity = *capacity == 0 ? 4 : *capacity * 2;
    void *after = mr_arena_alloc(arena, size * *capacity);
    if (count > 0)
        memcpy(after, before, size * count);
    return after;
}

static enum mr_status take_point(struct reader *reader)
{
    struct athena_point point;
    if (!take_number(reader, &point.x) || !take_number(reader, &point.y))
        return MR_INVALID;
    if (++reader->total > ATHENA_SHAPE_POINTS_MAX)
        return MR_FULL;
    reader->points = athena_shape_grown(reader->arena, reader->points, sizeof *reader->points,
                                        reader->count, &reader->capacity);
    reader->points[reader->count++] = point;
    return MR_OK;
}

/* A ring is closed for whoever did not. */
static enum mr_status add_path(struct reader *reader, bool hole)
{
    struct athena_shape *shape = reader->shape;
    const int dimension = athena_shape_dimension(shape->kind);
    const struct athena_point first = reader->points[0], last = reader->points[reader->count - 1];
    if (dimension == 2 && (first.x != last.x || first.y != last.y)) {
        reader->points = athena_shape_grown(reader->arena, reader->points, sizeof *reader->points,
                                            reader->count, &reader->capacity);
        reader->points[reader->count++] = first;
    }
    const size_t count = reader->count;
    if ((dimension == 0 && count != 1) || (dimension == 1 && count < 2) ||
        (dimension == 2 && count < 4))
        return MR_INVALID;
    shape->paths = athena_shape_grown(reader->arena, shape->paths, sizeof *shape->paths,
                                      shape->count, &reader->path_capacity);
    shape->paths[shape->count++] =
        (struct athena_path){.points = reader->points, .count = count, .hole = hole};
    reader->points = NULL;
    reader->count = reader->capacity = 0;
    return MR_OK;
}

/* "(1 2, 3 4)", around it as many parentheses as the kind has. */
static enum mr_status take_level(struct reader *reader, int depth, bool hole)
{
    enum mr_status status = MR_OK;
    bool first = true;
    if (!take(reader, '('))
        return MR_INVALID;
    do {
        skip_blanks(reader);
        const bool bare = reader->shape->kind == SHAPE_POINTS && depth == 2 && *reader->at != '(';
        const bool rings = athena_shape_dimension(reader->shape->kind) == 2 && depth == 2;
        if (depth > 1 && !bare)
            status = take_level(reader, depth - 1, rings && !first);
        else
            status = take_point(reader);
        if (status == MR_OK && bare)
            status = add_path(reader, /* hole= */ false);
        first = false;
    } while (status == MR_OK && take(reader, ','));
    if (status == MR_OK && !take(reader, ')'))
        status = MR_INVALID;
    return status == MR_OK && depth == 1 ? add_path(reader, hole) : status;
}

static enum mr_status take_shape(struct reader *reader, struct athena_shape *ret, int depth);

static enum mr_status take_members(struct reader *reader, struct athena_shape *collection,
                                   int depth)
{
    enum mr_status status = MR_OK;
    size_t capacity = 0;
    if (depth == ATHENA_SHAPE_DEPTH_MAX)
        return MR_FULL;
    if (!take(reader, '('))
        return MR_INVALID;
    do {
        struct athena_shape member;
        if (++reader->total > ATHENA_SHAPE_POINTS_MAX) /* those without points, too */
            return MR_FULL;
        status = take_shape(reader, &member, depth + 1);
        if (status == MR_OK) {
            collection->members = athena_shape_grown(reader->arena, collection->members,
                                                     sizeof member, collection->count, &capacity);
            collection->members[collection->count++] = member;
        }
    } while (status == MR_OK && take(reader, ','));
    return status == MR_OK && !take(reader, ')') ? MR_INVALID : status;
}

static enum mr_status take_shape(struct reader *reader, struct athena_shape *ret, int depth)
{
    *ret = (struct athena_shape){0};
    reader->shape = ret;
    reader->path_capacity = 0;
    for (int kind = 0; kind < SHAPE_KINDS; kind++) {
        if (!take_word(reader, kinds[kind].text))
            continue;
        ret->kind = (enum athena_shape_kind)kind;
        if (take_word(reader, "EMPTY"))
            return MR_OK;
        return ret->kind == SHAPE_COLLECTION ? take_members(reader, ret, depth)
                                             : take_level(reader, kinds[kind].depth, false);
    }
    return MR_INVALID;
}

enum mr_status athena_shape_parse(struct mr_arena *arena, struct mr_slice text,
                                  struct athena_shape *ret_shape)
{
    struct reader reader = {.arena = arena, .at = mr_arena_cstr(arena, text)};
    const enum mr_status status = take_shape(&reader, ret_shape, 0);
    skip_blanks(&reader);
    return status == MR_OK && *reader.at != '\0' ? MR_INVALID : status;
}

/* ---- writing ---- */

/* As few digits as tell the number, without an exponent. Fifteen always tell one that was written
 * with no more, and then only zeros follow its own. */
static void print_number(struct mr_buf *out, double value)
{
    char text[400];
    int digits = 15;
    assert(isfinite(value));
    if (value == 0) {
        mr_buf_byte(out, '0');
        return;
    }
    do {
        snprintf(text, sizeof text, "%.*e", digits - 1, value);
    } while (strtod(text, NULL) != value && ++digits <= 17);
    const char *e = strchr(text, 'e');
    int behind = digits - 1 - (int)strtol(e + 1, NULL, 10);
    for (const char *last = e - 1; *last == '0'; last--)
        behind--;
    snprintf(text, sizeof text, "%.*f", behind > 0 ? behind : 0, value);
    mr_buf_append(out, mr_slice_cstr(text));
}

static void print_path(struct mr_buf *out, const struct athena_path *path)
{
    mr_buf_byte(out, '(');
    for (size_t i = 0; i < path->count; i++) {
        mr_buf_append(out, i > 0 ? MR_S(", ") : MR_S(""));
        print_number(out, path->points[i].x);
        mr_buf_byte(out, ' ');
        print_number(out, path->points[i].y);
    }
    mr_buf_byte(out, ')');
}

static void print_members(struct mr_buf *out, const struct athena_shape *collection)
{
    mr_buf_append(out, MR_S(" ("));
    for (size_t i = 0; i < collection->count; i++) {
        mr_buf_append(out, i > 0 ? MR_S(", ") : MR_S(""));
        athena_shape_print(out, &collection->members[i]);
    }
    mr_buf_byte(out, ')');
}

void athena_shape_print(struct mr_buf *out, const struct athena_shape *shape)
{
    const bool several = shape->kind == SHAPE_POLYGONS;
    mr_buf_append(out, mr_slice_cstr(kinds[shape->kind].text));
    if (shape->count == 0) {
        mr_buf_append(out, MR_S(" EMPTY"));
        return;
    }
    if (shape->kind == SHAPE_COLLECTION) {
        print_members(out, shape);
        return;
    }
    mr_buf_append(out, kinds[shape->kind].depth > 1 ? MR_S(" (") : MR_S(" "));
    for (size_t i = 0; i < shape->count; i++) {
        const struct athena_path *path = &shape->paths[i];
        mr_buf_append(out, i > 0 && several && !path->hole ? MR_S("), ")
                           : i > 0                         ? MR_S(", ")
                                                           : MR_S(""));
        mr_buf_append(out, several && !path->hole ? MR_S("(") : MR_S(""));
        print_path(out, path);
    }
    mr_buf_append(out, several ? MR_S(")") : MR_S(""));
    mr_buf_append(out, kinds[shape->kind].depth > 1 ? MR_S(")") : MR_S(""));
}
