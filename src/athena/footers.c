#include "athena/footers.h"
#include "base/compact.h"
#include "athena/element.h"
#include "athena/engine.h"
#include "athena/parquet.h"
#include "athena/tail.h"
#include <stdlib.h>

enum {
    KEPT = 2048,           /* footers */
    COLUMNS_MAX = 256,     /* of one that is kept */
    SMALL_BYTES = 1 << 16, /* objects below it: asking would cost more than it saves */
    ASKED_MAX = 64,        /* in one query; the next one asks for more */
    READ_MAX = 1024,
    FOOTER_BYTES = 1 << 16, /* of one are looked at: the schema stands before the row groups */
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

/* Rows of DuckDB's: name and type, in the order of names, as the columns are. */
struct asking {
    struct kept *kept;
    size_t at;
};

static bool take_rows(void *ctx, duckdb_data_chunk chunk)
{
    struct asking *asking = ctx;
    struct athena_footer *footer = &asking->kept->footer;
    for (idx_t row = 0; row < athena_duck.data_chunk_get_size(chunk); row++, asking->at++) {
        if (asking->at == footer->count ||
            !mr_slice_equal(footer->columns[asking->at].name, text_at(chunk, 0, row)))
            return false;
        footer->columns[asking->at].type =
            mr_arena_copy(&asking->kept->arena, text_at(chunk, 1, row));
    }
    return true;
}

/* What DuckDB makes of an object that it is told nothing about. False: it cannot be read, or has
 * other columns. */
static bool ask(struct athena_footers *footers, const struct athena_scan *scan,
                const struct athena_work_folder *folder, size_t index, struct kept *kept)
{
    struct asking asking = {.kept = kept};
    struct athena_sink sink = {.chunk = take_rows, .ctx = &asking};
    struct athena_handle handle;
    struct mr_arena arena;
    mr_arena_init(&arena);
    athena_handle_init(&handle);
    struct mr_slice sql =
        mr_arena_printf(&arena,
                        "SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM read_parquet("
                        "'%s%llu-%zu'" ATHENA_PARQUET_PLAIN ")) ORDER BY column_name",
                        folder->path, (unsigned long long)scan->id, index);
    struct athena_execution execution = {
        .arena = &arena, .sql = mr_arena_cstr(&arena, sql), .handle = &handle, .sink = &sink};
    const enum mr_status status = athena_engine_run(footers->engine, &execution);
    athena_handle_fini(&handle);
    mr_arena_fini(&arena);
    return status == MR_OK && asking.at == kept->footer.count;
}

/* ---- reading ---- */

static int by_name(const void *a, const void *b)
{
    return mr_slice_compare(((const struct athena_footer_column *)a)->name,
                            ((const struct athena_footer_column *)b)->name);
}

static bool read_columns(struct mr_arena *arena, struct mr_slice *bytes,
                         struct athena_footer *footer)
{
    struct athena_element element;
    struct mr_buf type = {0};
    uint64_t count;
    int kind;
    if (footer->columns != NULL || !mr_compact_list(bytes, &kind, &count) ||
        kind != MR_COMPACT_STRUCT || !athena_element_read(bytes, &element) ||
        element.children < 1 || element.children > COLUMNS_MAX)
        return false;
    const size_t columns = (size_t)element.children;
    footer->columns = MR_NEW_ARRAY(arena, struct athena_footer_column, columns);
    bool fine = true;
    while (fine && footer->count < columns) {
        struct athena_footer_column *column = &footer->columns[footer->count];
        fine = athena_element_read(bytes, &element) && athena_element_pass(bytes, element.children);
        if (!fine)
            break;
        mr_buf_reset(&type);
        column->name = mr_arena_copy(arena, element.name);
        column->id = element.id;
        column->place = footer->count;
        if (athena_element_sql(&element, &type))
            column->type = mr_arena_copy(arena, mr_buf_slice(&type));
        footer->count++;
    }
    mr_buf_fini(&type);
    if (fine)
        qsort(footer->columns, footer->count, sizeof *footer->columns, by_name);
    return fine;
}

bool athena_footer_read(struct mr_arena *arena, struct mr_slice bytes,
                        struct athena_footer *ret_footer)
{
    uint64_t field = 0;
    int type;
    *ret_footer = (struct athena_footer){0};
    while (mr_compact_field(&bytes, &field, &type) && type != 0) {
        int64_t rows = -1;
        const bool fine = field == 2
                              ? type == MR_COMPACT_LIST && read_columns(arena, &bytes, ret_footer)
                          : field == 3 ? type == MR_COMPACT_I64 && mr_compact_number(&bytes, &rows)
                                       : mr_compact_skip(&bytes, type);
        if (!fine || field == 3) {
            ret_footer->rows = rows > 0 ? (uint64_t)rows : 0;
            return fine && ret_footer->columns != NULL && rows >= 0;
        }
    }
    return false;
}

static bool all_known(const struct athena_footer *footer)
{
    for (size_t i = 0; i < footer->count; i++)
        if (footer->columns[i].type.len == 0)
            return false;
    return true;
}

struct looking {
    struct athena_footers *footers;
    const struct athena_scan *scan;
    const struct athena_work_folder *folder;
    struct s3_snapshot_reader *reader; /* NULL until one is needed */
    struct mr_buf room;
    size_t read, asked;
};

/* NULL: it cannot be read, has too many columns, or not all are known. */
static struct kept *look(struct looking *looking, size_t index)
{
    const struct s3_object *object = &looking->scan->pieces[index].object;
    struct mr_slice footer;
    size_t whole;
    if (looking->read++ == READ_MAX)
        return NULL;
    if (looking->reader == NULL)
        looking->reader = s3_snapshot_reader_new(looking->scan->snapshot);
    if (athena_tail_read(looking->reader, object, FOOTER_BYTES, &looking->room, &footer, &whole) !=
        MR_OK)
        return NULL;
    struct kept *kept = mr_calloc(1, sizeof *kept);
    mr_arena_init(&kept->arena);
    if (athena_footer_read(&kept->arena, footer, &kept->footer) &&
        (all_known(&kept->footer) ||
         (object->size >= SMALL_BYTES && looking->asked++ < ASKED_MAX &&
          ask(looking->footers, looking->scan, looking->folder, index, kept))))
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
                                          .type = mr_arena_copy(arena, from->columns[i].type),
                                          .id = from->columns[i].id,
                                          .place = from->columns[i].place};
}

/* True: `footer` is the same but for the rows, which are added; an empty one becomes it. */
static bool join_footer(struct mr_arena *arena, struct athena_footer *footer,
                        const struct athena_footer *other)
{
    footer->rows += other->rows;
    if (footer->columns == NULL) {
        copy_footer(arena, other, footer);
        return true;
    }
    if (footer->count != other->count)
        return false;
    for (size_t i = 0; i < footer->count; i++) {
        if (!mr_slice_equal(footer->columns[i].name, other->columns[i].name) ||
            !mr_slice_equal(footer->columns[i].type, other->columns[i].type) ||
            footer->columns[i].id != other->columns[i].id)
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

static bool join_all(struct looking *looking, struct athena_footer *footer)
{
    const struct athena_scan *scan = looking->scan;
    for (size_t i = 0; i < scan->piece_count; i++) {
        const unsigned char *id = scan->pieces[i].object.body.id;
        if (atomic_load(scan->cancelled))
            return false;
        enum known known = join_kept(looking->footers, scan, id, footer);
        if (known == UNKNOWN) {
            struct kept *kept = look(looking, i);
            if (kept == NULL)
                return false;
            known = join_footer(scan->arena, footer, &kept->footer) ? KNOWN : DIFFERENT;
            keep(looking->footers, kept, id);
        }
        if (known != KNOWN)
            return false;
    }
    return footer->columns != NULL;
}

const struct athena_footer *athena_footers_common(struct athena_footers *footers,
                                                  const struct athena_scan *scan,
                                                  const struct athena_work_folder *folder)
{
    struct looking looking = {.footers = footers, .scan = scan, .folder = folder};
    struct athena_footer *footer = MR_NEW(scan->arena, struct athena_footer);
    const bool fine = join_all(&looking, footer);
    mr_buf_fini(&looking.room);
    s3_snapshot_reader_free(looking.reader);
    return fine ? footer : NULL;
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

/* As DuckDB tells a type, but for names that it would quote, which then differ. */
static void put_described(struct mr_buf *out, const struct athena_type *type)
{
    switch (type->kind) {
    case ATHENA_ARRAY:
        put_described(out, type->element);
        mr_buf_append(out, MR_S("[]"));
        return;
    case ATHENA_MAP:
        mr_buf_append(out, MR_S("MAP("));
        put_described(out, type->key);
        mr_buf_append(out, MR_S(", "));
        put_described(out, type->element);
        mr_buf_byte(out, ')');
        return;
    case ATHENA_STRUCT:
        for (size_t i = 0; i < type->field_count; i++) {
            mr_buf_printf(out, "%s%.*s ", i == 0 ? "STRUCT(" : ", ", MR_ARG(type->names[i]));
            put_described(out, &type->fields[i]);
        }
        mr_buf_byte(out, ')');
        return;
    default: athena_type_sql(out, type); return;
    }
}

const struct athena_footer_column *athena_footer_column(const struct athena_footer *footer,
                                                        const struct athena_column *column,
                                                        bool *ret_same)
{
    const struct athena_footer_column *found = find(footer, column->source);
    struct mr_buf type = {0};
    put_described(&type, &column->type);
    *ret_same = found != NULL && mr_slice_equal(found->type, mr_buf_slice(&type));
    mr_buf_fini(&type);
    return found;
}

bool athena_footer_zoned(const struct athena_footer *footer, const struct athena_column *column)
{
    const struct athena_footer_column *found = find(footer, column->source);
    return column->type.kind == ATHENA_TIMESTAMP && found != NULL &&
           found->id == (column->field_id > 0 ? column->field_id : found->id) &&
           mr_slice_equal(found->type, MR_S("TIMESTAMP WITH TIME ZONE"));
}

static bool becomes(struct mr_slice from, enum athena_type_kind to)
{
    static const struct {
        const char *word;
        enum athena_type_kind least;
    } integers[] = {{"TINYINT", ATHENA_TINYINT},   {"SMALLINT", ATHENA_SMALLINT},
                    {"UTINYINT", ATHENA_SMALLINT}, {"INTEGER", ATHENA_INT},
                    {"USMALLINT", ATHENA_INT},     {"UINTEGER", ATHENA_BIGINT}};
    _Static_assert(ATHENA_TINYINT < ATHENA_SMALLINT && ATHENA_SMALLINT < ATHENA_INT &&
                       ATHENA_INT < ATHENA_BIGINT,
                   "integers are in the order of their widths");
    for (size_t i = 0; i < MR_COUNT(integers); i++)
        if (mr_slice_equal(from, mr_slice_cstr(integers[i].word)))
            return to >= integers[i].least && to <= ATHENA_BIGINT;
    return to == ATHENA_DOUBLE && mr_slice_equal(from, MR_S("FLOAT"));
}

/* Beneath a cast DuckDB rules out no row groups, which it does with a schema. */
static bool is_widened(const struct athena_scan *scan, const struct athena_column *column,
                       const struct athena_footer_column *found)
{
    return scan->prune == NULL && becomes(found->type, column->type.kind);
}

/* A column of Iceberg's that is not there by its name may be there by another. */
static bool column_fits(const struct athena_footer *footer, const struct athena_scan *scan,
                        const struct athena_column *column)
{
    bool same;
    const struct athena_footer_column *found = athena_footer_column(footer, column, &same);
    if (found == NULL)
        return column->field_id == 0;
    return (same || athena_footer_zoned(footer, column) || is_widened(scan, column, found)) &&
           (column->field_id == 0 ||
            (found->id == column->field_id && mr_slice_equal(found->name, column->source)));
}

bool athena_footer_fits(const struct athena_footer *footer, const struct athena_scan *scan)
{
    if (!names_are_clear(footer))
        return false;
    for (size_t i = 0; i < scan->column_count; i++)
        if (scan->columns[i].key == ATHENA_COLUMN_DATA &&
            !column_fits(footer, scan, &scan->columns[i]))
            return false;
    return true;
}

bool athena_footer_is(const struct athena_footer *footer, const struct athena_scan *scan)
{
    if (footer->count != scan->column_count)
        return false;
    for (size_t i = 0; i < scan->column_count; i++) {
        const struct athena_column *column = &scan->columns[i];
        bool same = false;
        const struct athena_footer_column *found =
            column->key == ATHENA_COLUMN_DATA ? athena_footer_column(footer, column, &same) : NULL;
        if (!same || found->place != i || !mr_slice_equal(found->name, column->name))
            return false;
    }
    return true;
}
