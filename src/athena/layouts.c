#include "athena/layouts.h"
#include "athena/element.h"
#include "athena/tail.h"
#include "base/compact.h"
#include "base/map.h"

enum { FOOTER_BYTES = 1 << 20 }; /* of one are looked at: the schema stands before the row groups */

struct reading {
    struct athena_scan *scan;
    struct s3_snapshot_reader *reader;
    struct mr_buf room, key;
    struct mr_map known; /* names, one after the other -> number of the layout, from 1 on */
    struct athena_layout *layouts;
    size_t count, columns;
};

static size_t data_columns(const struct athena_scan *scan)
{
    size_t count = 0;
    while (count < scan->column_count && scan->columns[count].key == ATHENA_COLUMN_DATA)
        count++;
    return count;
}

/* Takes the names of the elements at the top; false: that is no schema. */
static bool read_names(const struct reading *reading, struct mr_slice *bytes,
                       struct athena_layout *layout)
{
    struct athena_element element;
    uint64_t count;
    int kind;
    if (!mr_compact_list(bytes, &kind, &count) || kind != MR_COMPACT_STRUCT ||
        !athena_element_read(bytes, &element))
        return false;
    for (int64_t left = element.children; left > 0 && layout->count < reading->columns; left--) {
        if (!athena_element_read(bytes, &element))
            return false;
        layout->names[layout->count++] = element.name;
        if (!athena_element_pass(bytes, element.children))
            return false;
    }
    return true;
}

/* An object that is no Parquet has no names: DuckDB will say what is wrong with it. */
static void read_layout(struct reading *reading, const struct s3_object *object,
                        struct athena_layout *layout)
{
    struct mr_slice footer;
    size_t whole;
    uint64_t field = 0;
    int type;
    layout->count = 0;
    if (athena_tail_read(reading->reader, object, FOOTER_BYTES, &reading->room, &footer, &whole) !=
        MR_OK)
        return;
    while (mr_compact_field(&footer, &field, &type) && type != 0) {
        if (field == 2 && type == MR_COMPACT_LIST && read_names(reading, &footer, layout))
            return;
        if (field >= 2 || !mr_compact_skip(&footer, type))
            break;
    }
    layout->count = 0;
}

/* The number of the layout, which is added when it is new. 0: there are too many. */
static size_t number_of(struct reading *reading, const struct athena_layout *layout)
{
    struct mr_arena *arena = reading->scan->arena;
    mr_buf_reset(&reading->key);
    mr_buf_byte(&reading->key, 'n');
    for (size_t i = 0; i < layout->count; i++)
        mr_buf_bytes(&reading->key, layout->names[i]);
    const uintptr_t known = (uintptr_t)mr_map_get(&reading->known, mr_buf_slice(&reading->key));
    if (known > 0 || reading->count == ATHENA_LAYOUTS_MAX)
        return known;
    struct athena_layout *made = &reading->layouts[reading->count++];
    *made = (struct athena_layout){.names = MR_NEW_ARRAY(arena, struct mr_slice, layout->count + 1),
                                   .count = layout->count};
    for (size_t i = 0; i < layout->count; i++)
        made->names[i] = mr_arena_copy(arena, layout->names[i]);
    (void)mr_map_put(&reading->known, mr_buf_slice(&reading->key), (void *)reading->count);
    return reading->count;
}

static enum mr_status read_all(struct reading *reading, size_t *numbers)
{
    struct athena_scan *scan = reading->scan;
    struct athena_layout layout = {
        .names = MR_NEW_ARRAY(scan->arena, struct mr_slice, reading->columns + 1)};
    for (size_t i = 0; i < scan->piece_count; i++) {
        if (atomic_load(scan->cancelled))
            return MR_END;
        read_layout(reading, &scan->pieces[i].object, &layout);
        numbers[i] = number_of(reading, &layout);
        if (numbers[i] == 0)
            return MR_FULL;
        reading->layouts[numbers[i] - 1].pieces++;
    }
    return MR_OK;
}

static void sort(struct reading *reading, const size_t *numbers)
{
    struct athena_scan *scan = reading->scan;
    struct athena_piece *sorted = MR_NEW_ARRAY(scan->arena, struct athena_piece, scan->piece_count);
    size_t *next = MR_NEW_ARRAY(scan->arena, size_t, reading->count);
    size_t first = 0;
    for (size_t i = 0; i < reading->count; i++) {
        next[i] = reading->layouts[i].first = first;
        first += reading->layouts[i].pieces;
    }
    for (size_t i = 0; i < scan->piece_count; i++)
        sorted[next[numbers[i] - 1]++] = scan->pieces[i];
    memcpy(scan->pieces, sorted, sizeof *sorted * scan->piece_count);
}

enum mr_status athena_layouts_read(struct athena_scan *scan, struct athena_layout **ret_layouts,
                                   size_t *ret_count)
{
    struct reading reading = {.scan = scan,
                              .reader = s3_snapshot_reader_new(scan->snapshot),
                              .columns = data_columns(scan)};
    size_t *numbers = MR_NEW_ARRAY(scan->arena, size_t, scan->piece_count + 1);
    reading.layouts = MR_NEW_ARRAY(scan->arena, struct athena_layout, ATHENA_LAYOUTS_MAX);
    const enum mr_status status = read_all(&reading, numbers);
    if (status == MR_OK && reading.count > 0)
        sort(&reading, numbers);
    *ret_layouts = reading.layouts;
    *ret_count = reading.count;
    mr_map_fini(&reading.known);
    mr_buf_fini(&reading.key);
    mr_buf_fini(&reading.room);
    s3_snapshot_reader_free(reading.reader);
    return status;
}

bool athena_layout_is_named(const struct athena_layout *layout, const struct athena_scan *scan)
{
    if (layout->count != data_columns(scan))
        return false;
    for (size_t i = 0; i < layout->count; i++)
        if (!mr_slice_equal_nocase(layout->names[i], scan->columns[i].source))
            return false;
    return true;
}
