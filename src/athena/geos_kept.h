/* athena/geos_kept.h: geometries that are met again and again, as in a join of points and polygons,
 * where each is asked for with each: read once, and prepared by GEOS at their third use.
 *
 * A set of them belongs to a chunk of rows, and waits in between for whoever asks
 * next. What is kept has at least ATHENA_KEPT_TEXT_MIN bytes of text, at most
 * ATHENA_KEPT_POINTS_MAX points, and is no collection; a text is kept when it is seen for the
 * second time. A set that weighs more than ATHENA_KEPT_BYTES_MAX takes no more, and is emptied for
 * the next chunk. */
#pragma once
#include "athena/geos.h"

enum {
    ATHENA_KEPT_TEXT_MIN = 48,
    ATHENA_KEPT_POINTS_MAX = 50000,
    ATHENA_KEPT_BYTES_MAX = 64 << 20,
};

struct athena_kept {
    struct mr_slice text, normal; /* as it was written, and as we write it */
    struct athena_shape shape;
    struct athena_box box;
    GEOSGeometry *geometry; /* NULL: not yet asked for */
    const GEOSPreparedGeometry *prepared;
    size_t points, uses;
    bool judged, affordable; /* by itself */
    bool unfit;              /* not valid: not to be prepared */
    struct mr_arena arena;
};
struct athena_kept_set;

struct athena_kept_set *athena_kept_of(struct athena_row *row); /* taken for all rows of a chunk */
void athena_kept_give(struct athena_kept_set *set);
/* Gives the call a context and an arena, which is empty for each. */
void athena_kept_open(struct athena_kept_set *set, struct athena_geos_call *call);
/* Frees what nobody uses at the moment: a query has ended. */
void athena_kept_forget(void);
/* Valid until the set is given back. NULL: it is not kept; the caller reads it. */
struct athena_kept *athena_kept_at(struct athena_kept_set *set, struct mr_slice text);
/* NULL: the error is set. */
const GEOSGeometry *athena_kept_geometry(struct athena_geos_call *call, struct athena_kept *kept);
/* NULL: it was not used often enough, or is not valid. */
const GEOSPreparedGeometry *athena_kept_prepared(struct athena_geos_call *call,
                                                 struct athena_kept *kept);
/* Whether its lines meet each other seldom enough (athena_geos_affordable). */
bool athena_kept_affordable(struct athena_geos_call *call, struct athena_kept *kept);
