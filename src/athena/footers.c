#include "athena/footers.h"
#include "athena/engine.h"
#include "athena/parquet.h"
#include <stdlib.h>

enum {
    KEPT = 2048,           /* footers */
    COLUMNS_MAX = 256,     /* of one that is kept */
    SMALL_BYTES = 1 << 16, /* objects below it: reading them twice would cost more than it saves */
    ASKED_MAX = 64,        /* in one query; the next one asks for more */
};

/* One place for a body, by its id, which is random: the newer one takes the place. */
struct kept {
    unsigned char id[16];
    struct mr_arena arena;
    struct athena_footer footer; /* in it */
};
struct athena_footers {
    struct athena_engine *engine;
    pthread_mutex_t lock;
    struct kept *kept[KEPT]; /* owned, by lock */
};

struct athena_footers *athena_footers_new(struct athena_engine *engine)
{
    struct athena_footers *footers = mr_calloc(1, sizeof *footers);
    footers->engine = engine;
    pthread_mutex_init(&footers->lock, NULL);
    return footers;
}

static void kept_free(struct kept *kept)
{
    if (kept == NULL)
        return;
    mr_arena_fini(&kept->arena);
    free(kept);
}

void athena_footers_free(struct athena_footers *footers)
{
    if (footers == NULL)
        return;
    for (size_t i = 0; i < KEPT; i++)
        kept_free(footers->kept[i]);
    pthread_mutex_destroy(&footers->lock);
    free(footers);
}

/* ---- asking ---- */

static struct mr_slice text_at(duckdb_data_chunk chunk, idx_t column, idx_t row)
{
    const duckdb_string_t *string =
        athena_duck.vector_get_data(athena_duck.data_chunk_get_vector(chunk, column));
    const uint32_t len = string[row].value.inlined.length;
    return mr_slice_make(
        len <= 12 ? string[row].value.inlined.inlined : string[row].value.pointer.ptr, len);
}

static bool take_columns(void *ctx, const struct athena_shown *shown, const struct mr_slice *names,
                         size_t count)
{
    struct kept *kept = ctx;
    (void)shown, (void)names, (void)count;
    kept->footer.columns = MR_NEW_ARRAY(&kept->arena, struct athena_footer_column, COLUMNS_MAX);
    return true;
}

static bool take_rows(void *ctx, duckdb_data_chunk chunk)
{
    struct kept *kept = ctx;
    for (idx_t row = 0; row < athena_duck.data_chunk_get_size(chunk); row++) {
        if (kept->footer.count == COLUMNS_MAX)
            return false;
        kept->footer.columns[kept->footer.count++] = (struct athena_footer_column){
            .name = mr_arena_copy(&kept->arena, text_at(chunk, 0, row)),
            .type = mr_arena_copy(&kept->arena, text_at(chunk, 1, row)),
        };
    }
    return true;
}

/* What DuckDB makes of an object that it is told nothing about; NULL: it cannot be read, or has too
 * many columns. */
static struct kept *ask(struct athena_footers *footers, const struct athena_scan *scan,
                        const struct athena_work_folder *folder, size_t index)
{
    struct kept *kept = mr_calloc(1, sizeof *kept);
    struct athena_sink sink = {.columns = take_columns, .chunk = take_rows, .ctx = kept};
    struct athena_handle handle;
    struct mr_arena arena;
    mr_arena_init(&kept->arena);
    mr_arena_init(&arena);
    athena_handle_init(&handle);
    struct mr_slice file =
        mr_arena_printf(&arena, "'%s%llu-%zu'", folder->path, (unsigned long long)scan->id, index);
    struct mr_slice sql =
        mr_arena_printf(&arena,
                        "SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM read_parquet("
                        "%.*s" ATHENA_PARQUET_PLAIN ")) ORDER BY column_name",
                        MR_ARG(file));
    struct athena_execution execution = {
        .arena = &arena, .sql = mr_arena_cstr(&arena, sql), .handle = &handle, .sink = &sink};
    const enum mr_status status = athena_engine_run(footers->engine, &execution);
    athena_handle_fini(&handle);
    mr_arena_fini(&arena);
    if (status == MR_OK)
        return kept;
    kept_free(kept);
    return NULL;
}

/* ---- keeping ---- */

static struct kept **place_of(struct athena_footers *footers, const unsigned char *id)
{
    uint64_t number;
    memcpy(&number, id, sizeof number);
    return &footers->kept[number % KEPT];
}

static void copy_footer(struct mr_arena *arena, const struct athena_footer *from,
                        struct athena_footer *to)
{
    to->columns = MR_NEW_ARRAY(arena, struct athena_footer_column, from->count + 1);
    to->count = from->count;
    for (size_t i = 0; i < from->count; i++)
        to->columns[i] =
            (struct athena_footer_column){.name = mr_arena_copy(arena, from->columns[i].name),
                                          .type = mr_arena_copy(arena, from->columns[i].type)};
}

/* True: `footer` is the same; an empty one becomes it. */
static bool join_footer(struct mr_arena *arena, struct athena_footer *footer,
                        const struct athena_footer *other)
{
    if (footer->columns == NULL) {
        copy_footer(arena, other, footer);
        return true;
    }
    if (footer->count != other->count)
        return false;
    for (size_t i = 0; i < footer->count; i++) {
        if (!mr_slice_equal(footer->columns[i].name, other->columns[i].name) ||
            !mr_slice_equal(footer->columns[i].type, other->columns[i].type))
            return false;
    }
    return true;
}

enum known { KNOWN, UNKNOWN, DIFFERENT };

static enum known join_kept(struct athena_footers *footers, const struct athena_scan *scan,
                            const unsigned char *id, struct athena_footer *footer)
{
    enum known known = UNKNOWN;
    pthread_mutex_lock(&footers->lock);
    const struct kept *kept = *place_of(footers, id);
    if (kept != NULL && memcmp(kept->id, id, sizeof kept->id) == 0)
        known = join_footer(scan->arena, footer, &kept->footer) ? KNOWN : DIFFERENT;
    pthread_mutex_unlock(&footers->lock);
    return known;
}

static void keep(struct athena_footers *footers, struct kept *kept, const unsigned char *id)
{
    memcpy(kept->id, id, sizeof kept->id);
    pthread_mutex_lock(&footers->lock);
    struct kept **place = place_of(footers, id);
    struct kept *old = *place;
    *place = kept;
    pthread_mutex_unlock(&footers->lock);
    kept_free(old);
}

const struct athena_footer *athena_footers_common(struct athena_footers *footers,
                                                  const struct athena_scan *scan,
                                                  const struct athena_work_folder *folder)
{
    struct athena_footer *footer = MR_NEW(scan->arena, struct athena_footer);
    size_t asked = 0;
    for (size_t i = 0; i < scan->piece_count; i++) {
        const struct s3_object *object = &scan->pieces[i].object;
        if (object->body.small || object->size < SMALL_BYTES)
            return NULL;
        enum known known = join_kept(footers, scan, object->body.id, footer);
        if (known == UNKNOWN && asked++ < ASKED_MAX && !atomic_load(scan->cancelled)) {
            struct kept *kept = ask(footers, scan, folder, i);
            if (kept == NULL)
                return NULL;
            known = join_footer(scan->arena, footer, &kept->footer) ? KNOWN : DIFFERENT;
            keep(footers, kept, object->body.id);
        }
        if (known != KNOWN)
            return NULL;
    }
    return footer->columns == NULL ? NULL : footer;
}

/* ---- what follows ---- */

static const struct athena_footer_column *find(const struct athena_footer *footer,
                                               struct mr_slice name)
{
    for (size_t i = 0; i < footer->count; i++) {
        if (mr_slice_equal_nocase(footer->columns[i].name, name))
            return &footer->columns[i];
    }
    return NULL;
}

/* Names that DuckDB would not tell apart, or that are its own. */
static bool names_are_clear(const struct athena_footer *footer)
{
    static const char *const own[] = {"filename", "file_index", "file_row_number"};
    for (size_t i = 0; i < footer->count; i++) {
        const struct mr_slice name = footer->columns[i].name;
        for (size_t j = 0; j < MR_COUNT(own); j++) {
            if (mr_slice_equal_nocase(name, mr_slice_cstr(own[j])))
                return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (mr_slice_equal_nocase(name, footer->columns[j].name))
                return false;
        }
    }
    return true;
}

bool athena_footer_fits(const struct athena_footer *footer, const struct athena_scan *scan)
{
    struct mr_buf type = {0};
    bool fits = names_are_clear(footer);
    for (size_t i = 0; fits && i < scan->column_count; i++) {
        const struct athena_column *column = &scan->columns[i];
        if (column->key != ATHENA_COLUMN_DATA)
            continue;
        const struct athena_footer_column *found =
            column->field_id > 0 ? NULL : find(footer, column->source);
        mr_buf_reset(&type);
        athena_type_sql(&type, &column->type);
        fits = found != NULL && mr_slice_equal(found->name, column->source) &&
               mr_slice_equal(found->type, mr_buf_slice(&type));
    }
    mr_buf_fini(&type);
    return fits;
}
