/* athena/scalars_geometry.h: what the functions over geometries share. Each function that takes an
 * arena is run with one of its own. */
#pragma once
#include "athena/geometry.h"
#include "athena/rows.h"

/* False: the error is set. */
bool athena_geometry_at(struct athena_row *row, size_t input, struct mr_arena *arena,
                        struct athena_shape *ret_shape);
bool athena_geometry_of(struct athena_row *row, struct mr_slice text, struct mr_arena *arena,
                        struct athena_shape *ret_shape);
bool athena_geometry_full(struct athena_row *row); /* fails: it has too many points */
void athena_geometry_put(struct athena_row *row, const struct athena_shape *shape);
void athena_geometry_put_point(struct athena_row *row, struct athena_point point);
/* Adds one to the row's text, a list of them. */
void athena_geometry_list(struct athena_row *row, const struct athena_shape *shape, bool first);
void athena_geometry_list_point(struct athena_row *row, struct athena_point *point, bool first);
bool athena_geometry_is(const struct athena_row *row, size_t input, const char *what);
/* Fails: the function applies to these kinds alone. */
bool athena_geometry_only(struct athena_row *row, const char *function, const char *kinds,
                          enum athena_shape_kind kind);
bool athena_geometry_run(struct athena_row *row,
                         bool (*run)(struct athena_row *row, struct mr_arena *arena));
