#include "athena/chunks.h"
#include "base/compact.h"
#include "athena/element.h"
#include "athena/prune_range.h"
#include "athena/tail.h"

enum {
    FOOTER_BYTES_MAX = 64 << 20,
    LEVELS_MAX = 64,
    NO_COLUMN = -1,
};
struct leaf {
    int column; /* of the scan */
    bool flat;
    int64_t physical, converted;
};
struct counting {
    const struct athena_scan *scan;
    struct mr_arena *arena;
    struct leaf *leaves;
    size_t leaf_count;
    struct iceberg_type *types; /* of the clause's keys, as far as bounds of them are read */
    struct athena_range *ranges;
    struct athena_misfit *misfit;
    uint64_t bytes;
};
struct chunk {
    int64_t bytes, values, nulls;
    struct mr_slice lower, upper;
};

/* ---- the schema ---- */

/* `place`: the how manieth it is at the top. */
static int column_of(const struct athena_scan *scan, const struct athena_element *element,
                     size_t place)
{
    if (scan->by_place)
        return place < scan->column_count && scan->columns[place].key == ATHENA_COLUMN_DATA
                   ? (int)place
                   : NO_COLUMN;
    for (size_t i = 0; i < scan->column_count; i++) {
        const struct athena_column *column = &scan->columns[i];
        if (column->key == ATHENA_COLUMN_DATA &&
            (column->field_id > 0 ? column->field_id == element->id
                                  : mr_slice_equal_nocase(column->source, element->name)))
            return (int)i;
    }
    return NO_COLUMN;
}

/* Iceberg's columns are what their ids say. */
static int check_column(struct counting *c, const struct athena_element *element, int index)
{
    const struct athena_column *column = index == NO_COLUMN ? NULL : &c->scan->columns[index];
    if (column != NULL && column->used && column->field_id == 0 &&
        !athena_element_fits(element, &column->type))
        *c->misfit = (struct athena_misfit){.column = column, .word = athena_element_word(element)};
    return index;
}

/* The leaves below each element at the top, in their order, which is that of a row group's chunks.
 */
static bool read_schema(struct counting *c, struct mr_slice *bytes)
{
    struct athena_element element;
    int64_t left[LEVELS_MAX]; /* children that are still to come */
    uint64_t count;
    size_t depth = 0, place = 0;
    int type, column = NO_COLUMN;
    if (!mr_compact_list(bytes, &type, &count) || type != MR_COMPACT_STRUCT ||
        count > ATHENA_ELEMENTS_MAX || count == 0 || count > bytes->len ||
        !athena_element_read(bytes, &element))
        return false;
    c->leaves = MR_NEW_ARRAY(c->arena, struct leaf, count);
    c->leaf_count = 0;
    left[0] = element.children;
    for (uint64_t i = 1; i < count; i++) {
        while (depth > 0 && left[depth] <= 0)
            depth--;
        if (!athena_element_read(bytes, &element))
            return false;
        if (depth == 0)
            column = check_column(c, &element, column_of(c->scan, &element, place++));
        if (left[depth] > 0)
            left[depth]--;
        if (element.children <= 0)
            c->leaves[c->leaf_count++] = (struct leaf){.column = column,
                                                       .flat = depth == 0,
                                                       .physical = element.physical,
                                                       .converted = element.converted};
        else if (depth + 1 == LEVELS_MAX)
            return false;
        else
            left[++depth] = element.children;
    }
    return true;
}

/* ---- row groups ---- */

static bool read_statistics(struct mr_slice *bytes, struct chunk *chunk)
{
    uint64_t field = 0;
    int type;
    while (mr_compact_field(bytes, &field, &type)) {
        if (type == 0)
            return true;
        const bool fine =
            field == 3 && type == MR_COMPACT_I64      ? mr_compact_number(bytes, &chunk->nulls)
            : field == 5 && type == MR_COMPACT_BINARY ? mr_compact_text(bytes, &chunk->upper)
            : field == 6 && type == MR_COMPACT_BINARY ? mr_compact_text(bytes, &chunk->lower)
                                                      : mr_compact_skip(bytes, type);
        if (!fine)
            return false;
    }
    return false;
}

static bool read_metadata(struct mr_slice *bytes, struct chunk *chunk)
{
    uint64_t field = 0;
    int type;
    while (mr_compact_field(bytes, &field, &type)) {
        if (type == 0)
            return true;
        const bool fine =
            field == 5 && type == MR_COMPACT_I64       ? mr_compact_number(bytes, &chunk->values)
            : field == 7 && type == MR_COMPACT_I64     ? mr_compact_number(bytes, &chunk->bytes)
            : field == 12 && type == MR_COMPACT_STRUCT ? read_statistics(bytes, chunk)
                                                       : mr_compact_skip(bytes, type);
        if (!fine)
            return false;
    }
    return false;
}

static bool read_chunk(struct mr_slice *bytes, struct chunk *chunk)
{
    uint64_t field = 0;
    int type;
    *chunk = (struct chunk){.nulls = -1};
    while (mr_compact_field(bytes, &field, &type)) {
        if (type == 0)
            return true;
        if (!(field == 3 && type == MR_COMPACT_STRUCT ? read_metadata(bytes, chunk)
                                                      : mr_compact_skip(bytes, type)))
            return false;
    }
    return false;
}

/* Bounds are spelled as Iceberg's are where these types are one. */
static bool is_bound(const struct athena_type *type, const struct leaf *leaf)
{
    switch (type->kind) {
    case ATHENA_TINYINT:
    case ATHENA_SMALLINT:
    case ATHENA_INT:
    case ATHENA_DATE: return leaf->physical == PARQUET_INT32;
    case ATHENA_BIGINT: return leaf->physical == PARQUET_INT64 || leaf->physical == PARQUET_INT32;
    case ATHENA_TIMESTAMP:
        return leaf->physical == PARQUET_INT64 && leaf->converted == PARQUET_TIMESTAMP_MICROS;
    case ATHENA_STRING: return leaf->physical == PARQUET_BYTES;
    default: return false;
    }
}

static void set_range(struct counting *c, const struct leaf *leaf, const struct chunk *chunk)
{
    const size_t column = (size_t)leaf->column;
    if (!leaf->flat || c->scan->prune == NULL || column >= c->scan->prune->key_count)
        return;
    struct athena_range *range = &c->ranges[column];
    range->no_nulls = chunk->nulls == 0;
    range->only_nulls = chunk->values > 0 && chunk->nulls == chunk->values;
    if (is_bound(&c->scan->columns[column].type, leaf)) {
        range->lower = chunk->lower;
        range->upper = chunk->upper;
    }
    athena_range_check(range);
}

static void forget_ranges(struct counting *c)
{
    for (size_t i = 0; c->scan->prune != NULL && i < c->scan->prune->key_count; i++)
        c->ranges[i] = (struct athena_range){.type = &c->types[i]};
}

static bool read_chunks(struct counting *c, struct mr_slice *bytes)
{
    struct chunk chunk;
    uint64_t count, sum = 0;
    int type;
    if (!mr_compact_list(bytes, &type, &count) || type != MR_COMPACT_STRUCT ||
        count > c->leaf_count)
        return false;
    forget_ranges(c);
    for (uint64_t i = 0; i < count; i++) {
        const struct leaf *leaf = &c->leaves[i];
        if (!read_chunk(bytes, &chunk))
            return false;
        if (leaf->column == NO_COLUMN)
            continue;
        set_range(c, leaf, &chunk);
        if (c->scan->columns[leaf->column].used && chunk.bytes > 0)
            sum += (uint64_t)chunk.bytes;
    }
    if (c->scan->prune == NULL || athena_prune_range(c->scan->prune, c->arena, c->ranges))
        c->bytes += sum;
    return true;
}

static bool read_group(struct counting *c, struct mr_slice *bytes)
{
    uint64_t field = 0;
    int type;
    while (mr_compact_field(bytes, &field, &type)) {
        if (type == 0)
            return true;
        if (!(field == 1 && type == MR_COMPACT_LIST ? read_chunks(c, bytes)
                                                    : mr_compact_skip(bytes, type)))
            return false;
    }
    return false;
}

static bool read_groups(struct counting *c, struct mr_slice *bytes)
{
    uint64_t count;
    int type;
    if (!mr_compact_list(bytes, &type, &count) || (count > 0 && type != MR_COMPACT_STRUCT))
        return false;
    for (uint64_t i = 0; i < count; i++)
        if (!read_group(c, bytes))
            return false;
    return true;
}

/* ---- the whole ---- */

static enum iceberg_kind kind_of(const struct athena_type *type)
{
    switch (type->kind) {
    case ATHENA_TINYINT:
    case ATHENA_SMALLINT:
    case ATHENA_INT: return ICEBERG_INT;
    case ATHENA_BIGINT: return ICEBERG_LONG;
    case ATHENA_DATE: return ICEBERG_DATE;
    case ATHENA_TIMESTAMP: return ICEBERG_TIMESTAMP;
    case ATHENA_STRING: return ICEBERG_STRING;
    default: return ICEBERG_BINARY; /* of which no bounds are taken */
    }
}

static void make_ranges(struct counting *c)
{
    const struct athena_prune *prune = c->scan->prune;
    if (prune == NULL)
        return;
    c->types = MR_NEW_ARRAY(c->arena, struct iceberg_type, prune->key_count + 1);
    c->ranges = MR_NEW_ARRAY(c->arena, struct athena_range, prune->key_count + 1);
    for (size_t i = 0; i < prune->key_count; i++)
        c->types[i].kind = kind_of(&c->scan->columns[i].type);
}

enum mr_status athena_chunks_count(const struct athena_scan *scan, struct mr_arena *arena,
                                   struct mr_slice footer, uint64_t *ret_bytes,
                                   struct athena_misfit *ret_misfit)
{
    struct counting c = {.scan = scan, .arena = arena, .misfit = ret_misfit};
    uint64_t field = 0;
    int type;
    make_ranges(&c);
    while (mr_compact_field(&footer, &field, &type)) {
        if (type == 0) {
            *ret_bytes = c.bytes;
            return MR_OK;
        }
        const bool fine = field == 2 && type == MR_COMPACT_LIST   ? read_schema(&c, &footer)
                          : field == 4 && type == MR_COMPACT_LIST ? read_groups(&c, &footer)
                                                                  : mr_compact_skip(&footer, type);
        if (!fine)
            return MR_INVALID;
    }
    return MR_INVALID;
}

uint64_t athena_chunks_read(const struct athena_scan *scan, struct athena_misfit *ret_misfit)
{
    struct s3_snapshot_reader *reader = s3_snapshot_reader_new(scan->snapshot);
    struct mr_buf room = {0};
    struct mr_arena arena;
    uint64_t sum = 0;
    mr_arena_init(&arena);
    for (size_t i = 0; i < scan->piece_count && !atomic_load(scan->cancelled); i++) {
        struct athena_misfit misfit = {0};
        struct mr_slice footer;
        size_t whole;
        uint64_t bytes;
        mr_arena_reset(&arena);
        if (athena_tail_read(reader, &scan->pieces[i].object, FOOTER_BYTES_MAX, &room, &footer,
                             &whole) == MR_OK &&
            whole == footer.len &&
            athena_chunks_count(scan, &arena, footer, &bytes, &misfit) == MR_OK)
            sum += bytes;
        if (misfit.column != NULL && ret_misfit->piece == NULL) {
            misfit.piece = &scan->pieces[i];
            *ret_misfit = misfit;
        }
    }
    mr_arena_fini(&arena);
    mr_buf_fini(&room);
    s3_snapshot_reader_free(reader);
    return sum;
}
