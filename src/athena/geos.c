#include "athena/geos.h"
#include "athena/geos_kept.h"
#include "athena/scalars_geometry.h"
#include <assert.h>
#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

struct athena_geos athena_geos;

/* ---- the library ---- */

static pthread_once_t load_once = PTHREAD_ONCE_INIT;
static char load_error[200]; /* empty: it is there */

static void load(void)
{
    static const struct {
        const char *name;
        size_t offset;
    } functions[] = {
#define ATHENA_GEOS_ROW(name, function) {#function, offsetof(struct athena_geos, name)},
        ATHENA_GEOS_FUNCTIONS(ATHENA_GEOS_ROW)
#undef ATHENA_GEOS_ROW
    };
    void *library = dlopen("libgeos_c.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        const char *why = dlerror();
        snprintf(load_error, sizeof load_error, "%s", why == NULL ? "cannot be loaded" : why);
        return;
    }
    for (size_t i = 0; i < MR_COUNT(functions); i++) {
        void *function = dlsym(library, functions[i].name);
        if (function == NULL) {
            snprintf(load_error, sizeof load_error, "it has no %s", functions[i].name);
            return;
        }
        memcpy((char *)&athena_geos + functions[i].offset, &function, sizeof function);
    }
}

/* ---- calls ---- */

static int64_t thread_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static void keep_error(const char *message, void *ctx)
{
    struct athena_geos_call *call = ctx;
    snprintf(call->why, sizeof call->why, "%s", message);
}

void athena_geos_drop_all(struct athena_geos_call *call)
{
    while (call->held_count > 0)
        athena_geos.destroy(call->handle, call->held[--call->held_count]);
    call->path_count = 0;
}

static bool is_loaded(struct athena_row *row)
{
    pthread_once(&load_once, load);
    return load_error[0] == '\0' ||
           athena_row_fail(row, "NOT_SUPPORTED: computing with geometries needs GEOS: %s",
                           load_error);
}

static bool run_call(struct athena_geos_call *call, bool (*run)(struct athena_geos_call *call))
{
    athena_geos.on_error(call->handle, keep_error, call);
    const bool fine = run(call);
    athena_geos_drop_all(call);
    return fine;
}

bool athena_geos_run(struct athena_row *row, bool (*run)(struct athena_geos_call *call))
{
    struct mr_arena arena;
    struct athena_geos_call call = {.row = row, .arena = &arena};
    if (!is_loaded(row))
        return false;
    mr_arena_init(&arena);
    call.handle = athena_geos.init();
    assert(call.handle != NULL);
    call.until_us = thread_us() + ATHENA_GEOS_SECONDS_MAX * 1000000;
    const bool fine = run_call(&call, run);
    athena_geos.finish(call.handle);
    mr_arena_fini(&arena);
    return fine;
}

bool athena_geos_run_kept(struct athena_row *row, bool (*run)(struct athena_geos_call *call))
{
    struct athena_geos_call call = {.row = row, .until_us = INT64_MAX};
    if (!is_loaded(row))
        return false;
    call.kept = athena_kept_of(row);
    athena_kept_open(call.kept, &call);
    return run_call(&call, run);
}

GEOSGeometry *athena_geos_hold(struct athena_geos_call *call, GEOSGeometry *geometry)
{
    assert(call->held_count < ATHENA_GEOS_HELD_MAX);
    if (geometry == NULL)
        (void)athena_geos_fail(call);
    else
        call->held[call->held_count++] = geometry;
    return geometry;
}

void athena_geos_drop(struct athena_geos_call *call, GEOSGeometry *last)
{
    assert(call->held_count > 0 && call->held[call->held_count - 1] == last);
    call->held_count--;
    athena_geos.destroy(call->handle, last);
}

bool athena_geos_is_late(struct athena_geos_call *call)
{
    call->late = call->late || thread_us() > call->until_us;
    return call->late;
}

bool athena_geos_is_over(const struct athena_geos_call *call)
{
    return call->costly || call->late;
}

bool athena_geos_fail(struct athena_geos_call *call)
{
    if (call->costly)
        return athena_row_fail(call->row,
                               "NOT_SUPPORTED: geometries whose lines meet more than %d times",
                               ATHENA_GEOS_MEETINGS_MAX);
    if (call->late)
        return athena_row_fail(call->row,
                               "NOT_SUPPORTED: geometries that take more than %d seconds",
                               ATHENA_GEOS_SECONDS_MAX);
    return athena_row_fail(call->row, "INVALID_FUNCTION_ARGUMENT: %s",
                           call->why[0] == '\0' ? "these geometries cannot be computed with"
                                                : call->why);
}

/* ---- from shapes ---- */

/* Beyond these GEOS may not come to an end: what it squares and divides leaves the doubles. */
static bool is_tiny(double value)
{
    return value != 0 && fabs(value) < 1 / ATHENA_GEOS_MAX;
}

static bool is_fit(struct athena_geos_call *call, const struct athena_path *path, bool *tiny)
{
    for (size_t i = 0; i < path->count; i++) {
        const struct athena_point p = path->points[i];
        if (fabs(p.x) > ATHENA_GEOS_MAX || fabs(p.y) > ATHENA_GEOS_MAX) {
            snprintf(call->why, sizeof call->why, "coordinates beyond %g", ATHENA_GEOS_MAX);
            return false;
        }
        *tiny = *tiny || is_tiny(p.x) || is_tiny(p.y);
    }
    return true;
}

static GEOSCoordSequence *sequence(struct athena_geos_call *call, const struct athena_path *path)
{
    struct athena_point *points = path->points;
    bool tiny = false;
    if (!is_fit(call, path, &tiny))
        return NULL;
    if (tiny) {
        points = MR_NEW_ARRAY(call->arena, struct athena_point, path->count);
        for (size_t i = 0; i < path->count; i++) {
            const struct athena_point p = path->points[i];
            points[i] = (struct athena_point){is_tiny(p.x) ? 0 : p.x, is_tiny(p.y) ? 0 : p.y};
        }
    }
    return athena_geos.seq_from(call->handle, &points[0].x, (unsigned)path->count, 0, 0);
}

static void add_path(struct athena_geos_call *call, const struct athena_path *path)
{
    call->paths = athena_shape_grown(call->arena, call->paths, sizeof *path, call->path_count,
                                     &call->path_capacity);
    call->paths[call->path_count++] = *path;
}

void athena_geos_add_paths(struct athena_geos_call *call, const struct athena_shape *shape)
{
    for (size_t i = 0; i < shape->count; i++)
        add_path(call, &shape->paths[i]);
}

static GEOSGeometry *make_path(struct athena_geos_call *call, const struct athena_path *path,
                               int dimension)
{
    GEOSCoordSequence *points = sequence(call, path);
    if (points == NULL)
        return NULL;
    add_path(call, path);
    return dimension == 0   ? athena_geos.make_point(call->handle, points)
           : dimension == 1 ? athena_geos.make_line(call->handle, points)
                            : athena_geos.make_ring(call->handle, points);
}

static void destroy_all(struct athena_geos_call *call, GEOSGeometry **list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        athena_geos.destroy(call->handle, list[i]);
}

/* A point, a line, or a polygon with its holes: the paths from `from` to `to`. */
static GEOSGeometry *make_single(struct athena_geos_call *call, const struct athena_shape *shape,
                                 size_t from, size_t to)
{
    const int dimension = athena_shape_dimension(shape->kind);
    GEOSGeometry **rings = MR_NEW_ARRAY(call->arena, GEOSGeometry *, to - from);
    for (size_t i = from; i < to; i++) {
        rings[i - from] = make_path(call, &shape->paths[i], dimension);
        if (rings[i - from] == NULL) {
            destroy_all(call, rings, i - from);
            return NULL;
        }
    }
    if (dimension < 2)
        return rings[0];
    return athena_geos.make_polygon(call->handle, rings[0], rings + 1, (unsigned)(to - from - 1));
}

static GEOSGeometry *make(struct athena_geos_call *call, const struct athena_shape *shape)
{
    static const int types[SHAPE_KINDS] = {[SHAPE_POINT] = GEOS_POINT,
                                           [SHAPE_LINE] = GEOS_LINESTRING,
                                           [SHAPE_POLYGON] = GEOS_POLYGON,
                                           [SHAPE_POINTS] = GEOS_MULTIPOINT,
                                           [SHAPE_LINES] = GEOS_MULTILINESTRING,
                                           [SHAPE_POLYGONS] = GEOS_MULTIPOLYGON,
                                           [SHAPE_COLLECTION] = GEOS_GEOMETRYCOLLECTION};
    const bool collection = shape->kind == SHAPE_COLLECTION;
    size_t count = 0;
    if (shape->count == 0) /* of those of several members: there is no other that all have */
        return athena_geos.make_empty(
            call->handle,
            types[shape->kind < SHAPE_POINTS ? shape->kind + SHAPE_POINTS : shape->kind]);
    if (shape->kind < SHAPE_POINTS)
        return make_single(call, shape, 0, shape->count);
    GEOSGeometry **members = MR_NEW_ARRAY(call->arena, GEOSGeometry *, shape->count);
    for (size_t i = 0; i < shape->count;) {
        const size_t end = collection ? i + 1 : athena_shape_member_end(shape, i);
        members[count] =
            collection ? make(call, &shape->members[i]) : make_single(call, shape, i, end);
        if (members[count] == NULL) {
            destroy_all(call, members, count);
            return NULL;
        }
        count++;
        i = end;
    }
    return athena_geos.make_several(call->handle, types[shape->kind], members, (unsigned)count);
}

GEOSGeometry *athena_geos_build(struct athena_geos_call *call, const struct athena_shape *shape)
{
    return make(call, shape);
}

GEOSGeometry *athena_geos_make(struct athena_geos_call *call, const struct athena_shape *shape)
{
    return athena_geos_hold(call, make(call, shape));
}

GEOSGeometry *athena_geos_at(struct athena_geos_call *call, size_t input,
                             struct athena_shape *ret_shape)
{
    if (!athena_geometry_at(call->row, input, call->arena, ret_shape))
        return NULL;
    return athena_geos_make(call, ret_shape);
}

GEOSGeometry *athena_geos_united(struct athena_geos_call *call, const GEOSGeometry *geometry)
{
    if (!athena_geos_affordable(call, 0))
        return NULL;
    return athena_geos.unite(call->handle, geometry);
}

GEOSGeometry *athena_geos_side(struct athena_geos_call *call, size_t input, const char *function)
{
    struct athena_shape shape;
    GEOSGeometry *geometry = athena_geos_at(call, input, &shape);
    if (geometry == NULL || shape.kind != SHAPE_COLLECTION)
        return geometry;
    geometry = athena_geos_hold(call, athena_geos_united(call, geometry));
    if (geometry != NULL &&
        athena_geos.type_of(call->handle, geometry) == GEOS_GEOMETRYCOLLECTION &&
        athena_geos.is_empty(call->handle, geometry) != 1) {
        (void)athena_row_fail(
            call->row, "NOT_SUPPORTED: %s of a GEOMETRY_COLLECTION of several kinds", function);
        return NULL;
    }
    return geometry;
}

/* ---- to shapes ---- */

struct taker {
    struct athena_geos_call *call;
    bool backwards; /* GEOS's own order of members is from the greatest to the least */
    size_t points;
};

static size_t nth(const struct taker *taker, size_t index, size_t count)
{
    return taker->backwards ? count - 1 - index : index;
}

static bool take_path(struct taker *taker, const GEOSGeometry *geometry, bool hole,
                      struct athena_path *ret)
{
    struct athena_geos_call *call = taker->call;
    const GEOSCoordSequence *points = athena_geos.seq_of(call->handle, geometry);
    unsigned count;
    if (points == NULL || athena_geos.seq_size(call->handle, points, &count) == 0)
        return athena_geos_fail(call);
    taker->points += count;
    if (taker->points > ATHENA_SHAPE_POINTS_MAX)
        return athena_geometry_full(call->row);
    *ret = (struct athena_path){.points = MR_NEW_ARRAY(call->arena, struct athena_point, count),
                                .count = count,
                                .hole = hole};
    if (athena_geos.seq_to(call->handle, points, &ret->points[0].x, 0, 0) == 0)
        return athena_geos_fail(call);
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(ret->points[i].x) || !isfinite(ret->points[i].y))
            return athena_row_fail(call->row, "INVALID_FUNCTION_ARGUMENT: the result is beyond "
                                              "what a double holds");
    }
    return true;
}

/* The paths of one member. */
static bool take_single(struct taker *taker, const GEOSGeometry *geometry,
                        struct athena_shape *shape, size_t *capacity)
{
    const GEOSContextHandle_t handle = taker->call->handle;
    const bool polygon = athena_geos.type_of(handle, geometry) == GEOS_POLYGON;
    const int holes = polygon ? athena_geos.holes(handle, geometry) : 0;
    if (athena_geos.is_empty(handle, geometry) != 0)
        return true;
    for (int i = -1; i < holes; i++) {
        const GEOSGeometry *ring = geometry;
        if (polygon)
            ring = i < 0 ? athena_geos.shell(handle, geometry)
                         : athena_geos.hole(handle, geometry,
                                            (int)nth(taker, (size_t)i, (size_t)holes));
        shape->paths = athena_shape_grown(taker->call->arena, shape->paths, sizeof *shape->paths,
                                          shape->count, capacity);
        if (ring == NULL || !take_path(taker, ring, i >= 0, &shape->paths[shape->count]))
            return false;
        shape->count++;
    }
    return true;
}

static bool take(struct taker *taker, const GEOSGeometry *geometry, struct athena_shape *ret)
{
    static const enum athena_shape_kind kinds[] = {
        [GEOS_POINT] = SHAPE_POINT,           [GEOS_LINESTRING] = SHAPE_LINE,
        [GEOS_LINEARRING] = SHAPE_LINE,       [GEOS_POLYGON] = SHAPE_POLYGON,
        [GEOS_MULTIPOINT] = SHAPE_POINTS,     [GEOS_MULTILINESTRING] = SHAPE_LINES,
        [GEOS_MULTIPOLYGON] = SHAPE_POLYGONS, [GEOS_GEOMETRYCOLLECTION] = SHAPE_COLLECTION};
    const GEOSContextHandle_t handle = taker->call->handle;
    const int type = athena_geos.type_of(handle, geometry);
    const int count = athena_geos.count(handle, geometry);
    size_t capacity = 0;
    bool fine = type >= 0 && type < (int)MR_COUNT(kinds) && count >= 0;
    if (!fine)
        return athena_geos_fail(taker->call);
    *ret = (struct athena_shape){.kind = kinds[type]};
    if (ret->kind < SHAPE_POINTS)
        return take_single(taker, geometry, ret, &capacity);
    if (ret->kind == SHAPE_COLLECTION)
        ret->members = MR_NEW_ARRAY(taker->call->arena, struct athena_shape, (size_t)count);
    for (int i = 0; i < count && fine; i++) {
        const GEOSGeometry *member =
            athena_geos.member(handle, geometry, (int)nth(taker, (size_t)i, (size_t)count));
        if (ret->kind == SHAPE_COLLECTION)
            fine = take(taker, member, &ret->members[ret->count++]);
        else
            fine = take_single(taker, member, ret, &capacity);
    }
    return fine;
}

bool athena_geos_shape(struct athena_geos_call *call, GEOSGeometry *geometry, bool computed,
                       struct athena_shape *ret_shape)
{
    struct taker taker = {.call = call, .backwards = computed};
    if (computed && athena_geos.normalize(call->handle, geometry) < 0)
        return athena_geos_fail(call);
    return take(&taker, geometry, ret_shape);
}

bool athena_geos_put(struct athena_geos_call *call, GEOSGeometry *geometry, bool computed)
{
    struct athena_shape shape;
    if (!athena_geos_shape(call, geometry, computed, &shape))
        return false;
    athena_geometry_put(call->row, &shape);
    return true;
}
