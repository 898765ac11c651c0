/* What is in a shape. */
#include "athena/geometry.h"
#include <math.h>

bool athena_shape_is_empty(const struct athena_shape *shape)
{
    if (shape->kind != SHAPE_COLLECTION)
        return shape->count == 0;
    for (size_t i = 0; i < shape->count; i++) {
        if (!athena_shape_is_empty(&shape->members[i]))
            return false;
    }
    return true;
}

int athena_shape_greatest(const struct athena_shape *shape)
{
    int greatest = 0;
    if (shape->kind != SHAPE_COLLECTION)
        return athena_shape_dimension(shape->kind);
    for (size_t i = 0; i < shape->count; i++) {
        const int dimension = athena_shape_greatest(&shape->members[i]);
        greatest = dimension > greatest ? dimension : greatest;
    }
    return greatest;
}

size_t athena_shape_points(const struct athena_shape *shape)
{
    size_t points = 0;
    for (size_t i = 0; i < shape->count; i++)
        points += shape->kind == SHAPE_COLLECTION ? athena_shape_points(&shape->members[i])
                                                  : shape->paths[i].count;
    return points;
}

size_t athena_shape_member_end(const struct athena_shape *shape, size_t from)
{
    size_t end = from + 1;
    while (end < shape->count && shape->paths[end].hole)
        end++;
    return end;
}

static void box_add(struct athena_box *box, const struct athena_path *path)
{
    for (size_t i = 0; i < path->count; i++) {
        const struct athena_point p = path->points[i];
        box->from.x = fmin(box->from.x, p.x);
        box->from.y = fmin(box->from.y, p.y);
        box->to.x = fmax(box->to.x, p.x);
        box->to.y = fmax(box->to.y, p.y);
    }
}

static void box_grow(struct athena_box *box, const struct athena_shape *shape)
{
    for (size_t i = 0; i < shape->count; i++) {
        if (shape->kind == SHAPE_COLLECTION)
            box_grow(box, &shape->members[i]);
        else
            box_add(box, &shape->paths[i]);
    }
}

bool athena_shape_box(const struct athena_shape *shape, struct athena_box *ret_box)
{
    if (athena_shape_is_empty(shape))
        return false;
    *ret_box = (struct athena_box){{INFINITY, INFINITY}, {-INFINITY, -INFINITY}};
    box_grow(ret_box, shape);
    return true;
}
