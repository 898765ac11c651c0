/* What GEOS would have to keep in memory, told before it begins: it makes a node of each place
 * where lines meet, some hundred bytes, and leaks them when it is stopped. */
#include "athena/geos.h"
#include <math.h>
#include <stdlib.h>

enum {
    PAIRS_MAX = 50000000,       /* looked at to count them: about half a second */
    POINT_PAIRS_MAX = 200000000 /* a second or two of distances */
};

struct segment {
    struct athena_point a, b;
    double from, to, low, high; /* its envelope, grown by the reach; `from` along the longer axis */
};

/* A point is one of no length, of which only what lies around it meets others. */
static size_t segments_of(const struct athena_path *path, double reach)
{
    return path->count > 1 ? path->count - 1 : reach > 0 ? path->count : 0;
}

static size_t count_segments(const struct athena_geos_call *call, double reach)
{
    size_t count = 0;
    for (size_t i = 0; i < call->path_count; i++)
        count += segments_of(&call->paths[i], reach);
    return count;
}

static bool is_taller(const struct athena_geos_call *call)
{
    struct athena_point least = {INFINITY, INFINITY}, most = {-INFINITY, -INFINITY};
    for (size_t i = 0; i < call->path_count; i++) {
        for (size_t j = 0; j < call->paths[i].count; j++) {
            const struct athena_point p = call->paths[i].points[j];
            least = (struct athena_point){fmin(least.x, p.x), fmin(least.y, p.y)};
            most = (struct athena_point){fmax(most.x, p.x), fmax(most.y, p.y)};
        }
    }
    return most.y - least.y > most.x - least.x;
}

static struct segment segment_between(struct athena_point a, struct athena_point b, bool turned,
                                      double reach)
{
    if (turned) {
        a = (struct athena_point){a.y, a.x};
        b = (struct athena_point){b.y, b.x};
    }
    return (struct segment){.a = a,
                            .b = b,
                            .from = fmin(a.x, b.x) - reach,
                            .to = fmax(a.x, b.x) + reach,
                            .low = fmin(a.y, b.y) - reach,
                            .high = fmax(a.y, b.y) + reach};
}

static struct segment *list_segments(struct athena_geos_call *call, size_t count, double reach)
{
    struct segment *list = MR_NEW_ARRAY(call->arena, struct segment, count), *at = list;
    const bool turned = is_taller(call);
    for (size_t i = 0; i < call->path_count; i++) {
        const struct athena_path *path = &call->paths[i];
        for (size_t j = 0; j < segments_of(path, reach); j++)
            *at++ = segment_between(path->points[j], path->points[path->count > 1 ? j + 1 : j],
                                    turned, reach);
    }
    return list;
}

static int compare(const void *a, const void *b)
{
    const struct segment *left = a, *right = b;
    return (left->from > right->from) - (left->from < right->from);
}

/* Above 0: p lies to the left of the segment. */
static double side(const struct segment *of, struct athena_point p)
{
    return (of->b.x - of->a.x) * (p.y - of->a.y) - (of->b.y - of->a.y) * (p.x - of->a.x);
}

static bool divides(const struct segment *one, const struct segment *other)
{
    const double a = side(one, other->a), b = side(one, other->b);
    return !((a > 0 && b > 0) || (a < 0 && b < 0));
}

static bool meet(const struct segment *one, const struct segment *other, double reach)
{
    if (one->low > other->high || other->low > one->high)
        return false;
    return reach > 0 || (divides(one, other) && divides(other, one));
}

bool athena_geos_meet_seldom(struct athena_geos_call *call, double reach, size_t most)
{
    const size_t count = count_segments(call, reach);
    /* Each meets its neighbours. */
    const size_t meetings_max = most + 2 * count;
    size_t meetings = 0, pairs = 0;
    if (count * count / 2 <= most)
        return true;
    struct segment *list = list_segments(call, count, reach);
    qsort(list, count, sizeof *list, compare);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count && list[j].from <= list[i].to; j++) {
            meetings += meet(&list[i], &list[j], reach);
            if (++pairs > PAIRS_MAX || meetings > meetings_max)
                return false;
        }
    }
    return true;
}

bool athena_geos_affordable(struct athena_geos_call *call, double reach)
{
    call->costly = !athena_geos_meet_seldom(call, reach, ATHENA_GEOS_MEETINGS_MAX);
    return !call->costly;
}

bool athena_geos_near(struct athena_geos_call *call, const struct athena_shape *a,
                      const struct athena_shape *b)
{
    const size_t left = athena_shape_points(a), right = athena_shape_points(b);
    if (left == 0 || right <= POINT_PAIRS_MAX / left)
        return true;
    return athena_row_fail(call->row,
                           "NOT_SUPPORTED: distances between geometries of %zu and %zu points",
                           left, right);
}
