/* athena/geometry_forms.h: shapes as well-known binary, as GeoJSON and as encoded polylines. */
#pragma once
#include "athena/geometry.h"

void athena_shape_to_wkb(struct mr_buf *out, const struct athena_shape *shape);
/* MR_INVALID: no well-known binary, or of a kind that is not read. MR_FULL: too many points. */
MR_MUST_USE enum mr_status athena_shape_from_wkb(struct mr_arena *arena, struct mr_slice bytes,
                                                 struct athena_shape *ret_shape);
void athena_shape_to_geojson(struct mr_buf *out, const struct athena_shape *shape);
/* Likewise. */
MR_MUST_USE enum mr_status athena_shape_from_geojson(struct mr_arena *arena, struct mr_slice text,
                                                     struct athena_shape *ret_shape);
/* The points of all its paths, latitude before longitude; none of collections. */
void athena_shape_to_polyline(struct mr_buf *out, const struct athena_shape *shape);
MR_MUST_USE enum mr_status athena_shape_from_polyline(struct mr_arena *arena, struct mr_slice text,
                                                      struct athena_shape *ret_shape);
