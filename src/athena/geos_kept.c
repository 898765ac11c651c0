#include "athena/geos_kept.h"
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

enum {
    SLOTS = 1 << 14,
    SETS_MAX = 8,              /* that wait */
    GEOMETRY_POINT_BYTES = 64, /* of GEOS, roughly */
    PREPARED_POINT_BYTES = 400,
    PREPARED_USES = 3,
};

struct athena_kept_set {
    struct athena_kept_set *next;
    size_t bytes;
    GEOSContextHandle_t handle; /* NULL: no geometry was made */
    struct mr_arena arena;      /* of the call */
    struct {
        uint64_t hash; /* of the text seen last; 0: none */
        struct athena_kept *kept;
    } slots[SLOTS];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct athena_kept_set *waiting; /* guarded by the lock, as is: */
static size_t waiting_count;

static void drop(struct athena_kept_set *set, struct athena_kept *kept)
{
    if (kept == NULL)
        return;
    if (kept->prepared != NULL)
        athena_geos.prepared_destroy(set->handle, kept->prepared);
    if (kept->geometry != NULL)
        athena_geos.destroy(set->handle, kept->geometry);
    mr_arena_fini(&kept->arena);
    free(kept);
}

static size_t weight(const struct athena_kept *kept)
{
    return sizeof *kept + kept->arena.bytes +
           (kept->geometry == NULL ? 0 : kept->points * GEOMETRY_POINT_BYTES) +
           (kept->prepared == NULL ? 0 : kept->points * PREPARED_POINT_BYTES);
}

static void empty(struct athena_kept_set *set)
{
    for (size_t i = 0; i < SLOTS; i++) {
        drop(set, set->slots[i].kept);
        set->slots[i].kept = NULL;
    }
    set->bytes = 0;
}

static void set_free(struct athena_kept_set *set)
{
    empty(set);
    if (set->handle != NULL)
        athena_geos.finish(set->handle);
    mr_arena_fini(&set->arena);
    free(set);
}

static struct athena_kept_set *take(void)
{
    pthread_mutex_lock(&lock);
    struct athena_kept_set *set = waiting;
    if (set != NULL) {
        waiting = set->next;
        waiting_count--;
    }
    pthread_mutex_unlock(&lock);
    if (set == NULL) {
        set = mr_calloc(1, sizeof *set);
        mr_arena_init(&set->arena);
    }
    if (set->bytes > ATHENA_KEPT_BYTES_MAX)
        empty(set);
    return set;
}

struct athena_kept_set *athena_kept_of(struct athena_row *row)
{
    if (row->kept == NULL)
        row->kept = take();
    return row->kept;
}

void athena_kept_give(struct athena_kept_set *set)
{
    pthread_mutex_lock(&lock);
    const bool room = waiting_count < SETS_MAX;
    if (room) {
        set->next = waiting;
        waiting = set;
        waiting_count++;
    }
    pthread_mutex_unlock(&lock);
    if (!room)
        set_free(set);
}

void athena_kept_forget(void)
{
    pthread_mutex_lock(&lock);
    struct athena_kept_set *set = waiting;
    waiting = NULL;
    waiting_count = 0;
    pthread_mutex_unlock(&lock);
    while (set != NULL) {
        struct athena_kept_set *next = set->next;
        set_free(set);
        set = next;
    }
}

void athena_kept_open(struct athena_kept_set *set, struct athena_geos_call *call)
{
    if (set->handle == NULL)
        set->handle = athena_geos.init();
    assert(set->handle != NULL);
    mr_arena_reset(&set->arena);
    call->handle = set->handle;
    call->arena = &set->arena;
}

/* NULL: it is none of those that are kept. */
static struct athena_kept *make(struct mr_slice text)
{
    struct athena_kept *kept = mr_calloc(1, sizeof *kept);
    struct mr_buf normal = {0};
    mr_arena_init(&kept->arena);
    bool fits = athena_shape_parse(&kept->arena, text, &kept->shape) == MR_OK &&
                kept->shape.kind != SHAPE_COLLECTION && athena_shape_box(&kept->shape, &kept->box);
    kept->points = fits ? athena_shape_points(&kept->shape) : 0;
    fits = fits && kept->points <= ATHENA_KEPT_POINTS_MAX;
    if (fits) {
        athena_shape_print(&normal, &kept->shape);
        kept->text = mr_arena_copy(&kept->arena, text);
        kept->normal = mr_arena_copy(&kept->arena, mr_buf_slice(&normal));
    }
    mr_buf_fini(&normal);
    if (fits)
        return kept;
    drop(NULL, kept);
    return NULL;
}

/* Of three places in it: texts are long, and compared as a whole afterwards. */
static uint64_t hash_of(struct mr_slice text)
{
    uint64_t hash = text.len;
    for (size_t i = 0; i < 3; i++) {
        const size_t from = (text.len - ATHENA_KEPT_TEXT_MIN) / 2 * i;
        hash = hash * UINT64_C(0x9e3779b97f4a7c15) +
               mr_slice_hash(mr_slice_sub(text, from, ATHENA_KEPT_TEXT_MIN));
    }
    return hash;
}

struct athena_kept *athena_kept_at(struct athena_kept_set *set, struct mr_slice text)
{
    if (text.len < ATHENA_KEPT_TEXT_MIN)
        return NULL;
    const uint64_t hash = hash_of(text);
    struct athena_kept **slot = &set->slots[hash % SLOTS].kept;
    if (*slot != NULL && mr_slice_equal((*slot)->text, text)) {
        (*slot)->uses++;
        return *slot;
    }
    /* The first one of a slot stays: it may be in use. */
    const bool again = set->slots[hash % SLOTS].hash == hash;
    set->slots[hash % SLOTS].hash = hash;
    if (!again || *slot != NULL || set->bytes > ATHENA_KEPT_BYTES_MAX)
        return NULL;
    *slot = make(text);
    if (*slot != NULL)
        set->bytes += weight(*slot);
    return *slot;
}

const GEOSGeometry *athena_kept_geometry(struct athena_geos_call *call, struct athena_kept *kept)
{
    if (kept->geometry != NULL)
        return kept->geometry;
    const size_t before = call->path_count;
    call->kept->bytes -= weight(kept);
    kept->geometry = athena_geos_build(call, &kept->shape);
    call->path_count = before;
    call->kept->bytes += weight(kept);
    if (kept->geometry == NULL)
        (void)athena_geos_fail(call);
    return kept->geometry;
}

const GEOSPreparedGeometry *athena_kept_prepared(struct athena_geos_call *call,
                                                 struct athena_kept *kept)
{
    if (kept->prepared != NULL || kept->unfit || kept->uses < PREPARED_USES)
        return kept->prepared;
    if (athena_kept_geometry(call, kept) == NULL)
        return NULL;
    if (athena_geos.is_valid(call->handle, kept->geometry) == 1) {
        call->kept->bytes -= weight(kept);
        kept->prepared = athena_geos.prepare(call->handle, kept->geometry);
        call->kept->bytes += weight(kept);
    }
    kept->unfit = kept->prepared == NULL;
    return kept->prepared;
}

bool athena_kept_affordable(struct athena_geos_call *call, struct athena_kept *kept)
{
    if (!kept->judged) {
        struct athena_geos_call alone = {.row = call->row, .arena = call->arena};
        athena_geos_add_paths(&alone, &kept->shape);
        kept->affordable = athena_geos_affordable(&alone, 0);
        kept->judged = true;
    }
    call->costly = !kept->affordable;
    return kept->affordable;
}
