/* The file: "PAR1"; the pages of each column of a row group, column by column; the metadata; its
 * length (4 bytes, little-endian); "PAR1". A page: header (Thrift), then, packed together:
 * repetition levels and definition levels, each with 4 bytes of length, and the values.
 *
 * Definition levels: a nullable node counts one when it is there, the repeated group inside a list
 * or map one more. So for a node whose value is null `def` is that of its parent, and a leaf's
 * greatest level says that all of its path is there. */
#include "firehose/parquet.h"
#include "base/codec.h"
#include "base/compress.h"
#include "firehose/pack.h"
#include "firehose/thrift.h"
#include <stdio.h>
#include <stdlib.h>

enum {
    PATH_MAX_PARTS = 2 * HIVE_DEPTH_MAX + 2,
    DECIMAL_BYTES = 16,
    JULIAN_EPOCH = 2440588,
    ENCODING_PLAIN = 0,
    ENCODING_RLE = 3,
    REQUIRED = 0,
    OPTIONAL = 1,
    REPEATED = 2,
    CONVERTED_MAP = 1,
    CONVERTED_LIST = 3,
};
/* Parquet's physical type, and its converted type or -1, of each kind. */
static const struct {
    int8_t physical, converted;
} forms[] = {
    [HIVE_BOOLEAN] = {0, -1},   [HIVE_INT] = {1, -1},    [HIVE_BIGINT] = {2, -1},
    [HIVE_FLOAT] = {4, -1},     [HIVE_DOUBLE] = {5, -1}, [HIVE_DECIMAL] = {7, 5},
    [HIVE_STRING] = {6, 0},     [HIVE_BINARY] = {6, -1}, [HIVE_DATE] = {1, 6},
    [HIVE_TIMESTAMP] = {3, -1},
};

struct column {
    const struct hive_type *type;
    struct mr_slice path[PATH_MAX_PARTS];
    size_t path_count;
    int max_def, max_rep;
    struct mr_buf values, defs, reps; /* of the page in the making; a level is a byte */
    int bits;                         /* of the last byte of booleans in use */
    struct mr_buf chunk;              /* the pages before it, packed */
    int64_t chunk_values, chunk_plain;
    struct parquet_stats stats;
    struct mr_buf least, most; /* bytes of text bounds */
};
struct chunk {
    int64_t offset, values, plain, packed;
};
struct group {
    struct chunk *chunks; /* owned, one a column */
    int64_t rows, bytes;
};
struct parquet_writer {
    const struct hive_type *types;
    size_t type_count;
    struct parquet_options options;
    parquet_member member;
    void *ctx;
    struct column *columns; /* owned: the leaves, depth first */
    size_t column_count;
    struct mr_buf file;
    struct group *groups; /* owned */
    size_t group_count;
    int64_t group_rows, rows;
};

/* ---- columns ---- */

static void add_columns(struct parquet_writer *w, const struct hive_type *type,
                        struct column column, int def, bool required)
{
    static const struct mr_slice list = MR_S_INIT("list"), element = MR_S_INIT("element"),
                                 pair = MR_S_INIT("key_value"), key = MR_S_INIT("key"),
                                 value = MR_S_INIT("value");
    column.type = type;
    switch (type->kind) {
    case HIVE_STRUCT:
        for (size_t i = 0; i < type->child_count; i++) {
            struct column child = column;
            child.path[child.path_count++] = type->children[i].name;
            add_columns(w, &type->children[i], child, def + 1, false);
        }
        return;
    case HIVE_LIST:
        column.path[column.path_count++] = list;
        column.path[column.path_count++] = element;
        column.max_rep++;
        add_columns(w, &type->children[0], column, def + 2, false);
        return;
    case HIVE_MAP:
        column.path[column.path_count++] = pair;
        column.max_rep++;
        for (size_t i = 0; i < 2; i++) {
            struct column child = column;
            child.path[child.path_count++] = i == 0 ? key : value;
            add_columns(w, &type->children[i], child, def + 2, i == 0);
        }
        return;
    default:
        column.max_def = def + !required;
        w->columns = mr_realloc(w->columns, (w->column_count + 1) * sizeof column);
        w->columns[w->column_count++] = column;
    }
}

struct parquet_writer *parquet_open(const struct hive_type *columns, size_t count,
                                    const struct parquet_options *options, parquet_member member,
                                    void *ctx)
{
    struct parquet_writer *w = mr_calloc(1, sizeof *w);
    w->types = columns;
    w->type_count = count;
    w->options = *options;
    w->member = member;
    w->ctx = ctx;
    mr_buf_append(&w->file, MR_S("PAR1"));
    for (size_t i = 0; i < count; i++) {
        const struct column column = {.path = {columns[i].name}, .path_count = 1};
        add_columns(w, &columns[i], column, 0, false);
    }
    return w;
}

uint64_t parquet_rows(const struct parquet_writer *writer)
{
    return (uint64_t)writer->rows;
}

/* ---- pages ---- */

static int bit_width(int most)
{
    int bits = 0;
    while (most >> bits != 0)
        bits++;
    return bits;
}

/* Runs of equal levels: a varint of twice the count, the level in whole bytes. */
static void write_levels(struct mr_buf *buf, const struct mr_buf *levels, int most)
{
    if (most == 0)
        return;
    struct mr_buf runs = {0};
    for (size_t i = 0; i < levels->len;) {
        size_t count = 1;
        while (i + count < levels->len && levels->data[i + count] == levels->data[i])
            count++;
        mr_buf_varint(&runs, (uint64_t)count << 1);
        for (int byte = 0; byte < (bit_width(most) + 7) / 8; byte++)
            mr_buf_byte(&runs, byte == 0 ? levels->data[i] : 0);
        i += count;
    }
    mr_buf_u32(buf, (uint32_t)runs.len);
    mr_buf_append(buf, mr_buf_slice(&runs));
    mr_buf_fini(&runs);
}

static void write_page_header(struct mr_buf *buf, size_t plain, size_t packed, size_t values)
{
    struct thrift t = thrift_make(buf);
    thrift_i32(&t, 1, 0); /* a data page */
    thrift_i32(&t, 2, (int32_t)plain);
    thrift_i32(&t, 3, (int32_t)packed);
    thrift_struct(&t, 5);
    thrift_i32(&t, 1, (int32_t)values);
    thrift_i32(&t, 2, ENCODING_PLAIN);
    thrift_i32(&t, 3, ENCODING_RLE);
    thrift_i32(&t, 4, ENCODING_RLE);
    thrift_end(&t);
    thrift_end(&t);
}

static void close_page(const struct parquet_writer *w, struct column *column)
{
    struct mr_buf plain = {0}, packed = {0}, head = {0};
    if (column->defs.len == 0)
        return;
    write_levels(&plain, &column->reps, column->max_rep);
    write_levels(&plain, &column->defs, column->max_def);
    mr_buf_append(&plain, mr_buf_slice(&column->values));
    struct mr_slice body = mr_buf_slice(&plain);
    if (w->options.codec == PARQUET_SNAPPY)
        compression_snappy(&packed, body);
    else if (w->options.codec == PARQUET_GZIP)
        mr_gzip(&packed, body);
    else if (w->options.codec == PARQUET_ZSTD)
        mr_zstd(&packed, body, w->options.level);
    if (w->options.codec != PARQUET_UNCOMPRESSED)
        body = mr_buf_slice(&packed);
    write_page_header(&head, plain.len, body.len, column->defs.len);
    mr_buf_append(&column->chunk, mr_buf_slice(&head));
    mr_buf_append(&column->chunk, body);
    column->chunk_values += (int64_t)column->defs.len;
    column->chunk_plain += (int64_t)(head.len + plain.len);
    mr_buf_reset(&column->values);
    mr_buf_reset(&column->defs);
    mr_buf_reset(&column->reps);
    column->bits = 0;
    mr_buf_fini(&plain);
    mr_buf_fini(&packed);
    mr_buf_fini(&head);
}

static void close_group(struct parquet_writer *w)
{
    if (w->group_rows == 0)
        return;
    w->groups = mr_realloc(w->groups, (w->group_count + 1) * sizeof *w->groups);
    struct group *group = &w->groups[w->group_count++];
    *group = (struct group){.rows = w->group_rows,
                            .chunks = mr_calloc(w->column_count, sizeof(struct chunk))};
    for (size_t i = 0; i < w->column_count; i++) {
        struct column *column = &w->columns[i];
        close_page(w, column);
        group->chunks[i] = (struct chunk){(int64_t)w->file.len, column->chunk_values,
                                          column->chunk_plain, (int64_t)column->chunk.len};
        group->bytes += column->chunk_plain;
        mr_buf_append(&w->file, mr_buf_slice(&column->chunk));
        mr_buf_reset(&column->chunk);
        column->chunk_values = column->chunk_plain = 0;
    }
    w->group_rows = 0;
}

/* ---- values ---- */

static void put_decimal(struct mr_buf *buf, hive_wide value)
{
    for (int i = DECIMAL_BYTES - 1; i >= 0; i--)
        mr_buf_byte(buf, (char)(value >> (8 * i)));
}

static void put_boolean(struct column *column, int64_t value)
{
    if (column->bits == 0)
        mr_buf_byte(&column->values, 0);
    if (value != 0)
        column->values.data[column->values.len - 1] |= (char)(1 << column->bits);
    column->bits = (column->bits + 1) % 8;
}

static int compare(const struct hive_type *type, const struct hive_value *a,
                   const struct hive_value *b)
{
    switch (type->kind) {
    case HIVE_FLOAT:
    case HIVE_DOUBLE: return a->real < b->real ? -1 : a->real > b->real;
    case HIVE_DECIMAL: return a->decimal < b->decimal ? -1 : a->decimal > b->decimal;
    case HIVE_STRING:
    case HIVE_BINARY: return mr_slice_compare(a->text, b->text);
    default:
        if (type->kind == HIVE_TIMESTAMP && a->day != b->day)
            return a->day < b->day ? -1 : 1;
        return a->number < b->number ? -1 : a->number > b->number;
    }
}

static void keep_bound(struct mr_buf *room, struct hive_value *bound,
                       const struct hive_value *value)
{
    *bound = *value;
    mr_buf_reset(room);
    mr_buf_append(room, value->text);
    bound->text = mr_buf_slice(room);
}

static void note_value(struct column *column, const struct hive_value *value)
{
    struct parquet_stats *stats = &column->stats;
    const enum hive_kind kind = column->type->kind;
    if ((kind == HIVE_FLOAT || kind == HIVE_DOUBLE) && value->real != value->real) {
        stats->nans++;
        return;
    }
    if (!stats->known || compare(column->type, value, &stats->least) < 0)
        keep_bound(&column->least, &stats->least, value);
    if (!stats->known || compare(column->type, value, &stats->most) > 0)
        keep_bound(&column->most, &stats->most, value);
    stats->known = true;
}

static void put_timestamp(struct column *column, const struct hive_value *value)
{
    if (column->type->micros) {
        mr_buf_u64(&column->values, (uint64_t)hive_micros(value));
        return;
    }
    mr_buf_u64(&column->values, (uint64_t)value->number);
    mr_buf_u32(&column->values, (uint32_t)(value->day + JULIAN_EPOCH));
}

static void put_scalar(struct column *column, const struct hive_value *value)
{
    if (column->max_rep == 0)
        note_value(column, value);
    struct mr_buf *buf = &column->values;
    const float single = (float)value->real;
    switch (column->type->kind) {
    case HIVE_BOOLEAN: put_boolean(column, value->number); return;
    case HIVE_INT:
    case HIVE_DATE: mr_buf_u32(buf, (uint32_t)value->number); return;
    case HIVE_BIGINT: mr_buf_u64(buf, (uint64_t)value->number); return;
    case HIVE_FLOAT: mr_buf_append(buf, mr_slice_make(&single, sizeof single)); return;
    case HIVE_DOUBLE: mr_buf_append(buf, mr_slice_make(&value->real, sizeof value->real)); return;
    case HIVE_DECIMAL: put_decimal(buf, value->decimal); return;
    case HIVE_TIMESTAMP: put_timestamp(column, value); return;
    default: mr_buf_u32(buf, (uint32_t)value->text.len); mr_buf_append(buf, value->text);
    }
}

static void put_levels(struct column *column, int def, int rep)
{
    column->stats.values++;
    column->stats.nulls += def < column->max_def;
    mr_buf_byte(&column->defs, (char)def);
    mr_buf_byte(&column->reps, (char)rep);
}

static bool is_null(yyjson_val *value)
{
    return value == NULL || yyjson_is_null(value);
}

/* Every leaf below the type: not there. */
static void put_nothing(struct parquet_writer *w, const struct hive_type *type, int def, int rep,
                        size_t *at)
{
    if (type->kind < HIVE_STRUCT) {
        put_levels(&w->columns[(*at)++], def, rep);
        return;
    }
    for (size_t i = 0; i < type->child_count; i++)
        put_nothing(w, &type->children[i], def, rep, at);
}

static void put_value(struct parquet_writer *w, struct mr_arena *arena,
                      const struct hive_type *type, yyjson_val *value, int def, int rep, int depth,
                      size_t *at);

/* Lists and maps: `depth` is how many of them are around. */
static void put_repeated(struct parquet_writer *w, struct mr_arena *arena,
                         const struct hive_type *type, yyjson_val *value, int def, int rep,
                         int depth, size_t *at)
{
    const size_t first = *at;
    const bool is_map = type->kind == HIVE_MAP;
    const struct hive_type *inner = &type->children[is_map ? 1 : 0];
    if ((is_map ? yyjson_obj_size(value) : yyjson_arr_size(value)) == 0) {
        for (size_t i = 0; i < type->child_count; i++)
            put_nothing(w, &type->children[i], def + 1, rep, at);
        return;
    }
    yyjson_arr_iter items;
    yyjson_obj_iter pairs;
    yyjson_val *item;
    yyjson_arr_iter_init(value, &items);
    yyjson_obj_iter_init(value, &pairs);
    while ((item = is_map ? yyjson_obj_iter_next(&pairs) : yyjson_arr_iter_next(&items)) != NULL) {
        *at = first;
        if (is_map) {
            struct hive_value key;
            char message[512];
            struct column *column = &w->columns[(*at)++];
            (void)!hive_value_read(arena, column->type, item, &key, message); /* was checked */
            put_levels(column, def + 2, rep);
            put_scalar(column, &key);
            item = yyjson_obj_iter_get_val(item);
        }
        put_value(w, arena, inner, item, def + 2, rep, depth + 1, at);
        rep = depth + 1;
    }
}

static void put_value(struct parquet_writer *w, struct mr_arena *arena,
                      const struct hive_type *type, yyjson_val *value, int def, int rep, int depth,
                      size_t *at)
{
    if (is_null(value)) {
        put_nothing(w, type, def, rep, at);
    } else if (type->kind == HIVE_STRUCT) {
        for (size_t i = 0; i < type->child_count; i++)
            put_value(w, arena, &type->children[i],
                      w->member(w->ctx, value, &type->children[i], false), def + 1, rep, depth, at);
    } else if (type->kind > HIVE_STRUCT) {
        put_repeated(w, arena, type, value, def, rep, depth, at);
    } else {
        struct hive_value scalar;
        char message[512];
        struct column *column = &w->columns[(*at)++];
        (void)!hive_value_read(arena, type, value, &scalar, message); /* it was checked */
        put_levels(column, def + 1, rep);
        put_scalar(column, &scalar);
    }
}

/* ---- checking ---- */

static enum mr_status check_value(struct parquet_writer *w, struct mr_arena *arena,
                                  const struct hive_type *type, yyjson_val *value,
                                  char message[static 512]);

static enum mr_status check_children(struct parquet_writer *w, struct mr_arena *arena,
                                     const struct hive_type *type, yyjson_val *value,
                                     char message[static 512])
{
    enum mr_status status = MR_OK;
    yyjson_val *item;
    yyjson_arr_iter items;
    yyjson_obj_iter pairs;
    for (size_t i = 0; i < type->child_count && type->kind == HIVE_STRUCT && status == MR_OK; i++)
        status = check_value(w, arena, &type->children[i],
                             w->member(w->ctx, value, &type->children[i], false), message);
    yyjson_arr_iter_init(value, &items);
    while (type->kind == HIVE_LIST && status == MR_OK &&
           (item = yyjson_arr_iter_next(&items)) != NULL)
        status = check_value(w, arena, &type->children[0], item, message);
    yyjson_obj_iter_init(value, &pairs);
    while (type->kind == HIVE_MAP && status == MR_OK &&
           (item = yyjson_obj_iter_next(&pairs)) != NULL) {
        status = check_value(w, arena, &type->children[0], item, message);
        if (status == MR_OK)
            status =
                check_value(w, arena, &type->children[1], yyjson_obj_iter_get_val(item), message);
    }
    return status;
}

static enum mr_status check_value(struct parquet_writer *w, struct mr_arena *arena,
                                  const struct hive_type *type, yyjson_val *value,
                                  char message[static 512])
{
    struct hive_value scalar;
    if (is_null(value) && type->required) {
        (void)snprintf(message, 512, "Column %.*s is required", MR_ARG(type->name));
        return MR_INVALID;
    }
    if (is_null(value))
        return MR_OK;
    if (type->kind < HIVE_STRUCT)
        return hive_value_read(arena, type, value, &scalar, message);
    if (type->kind == HIVE_LIST ? !yyjson_is_arr(value) : !yyjson_is_obj(value)) {
        (void)snprintf(message, 512, "Data is not %s",
                       type->kind == HIVE_LIST ? "JSONArray" : "JSONObject");
        return MR_INVALID;
    }
    return check_children(w, arena, type, value, message);
}

enum mr_status parquet_check(struct parquet_writer *w, struct mr_arena *arena, yyjson_val *row,
                             char message[static 512])
{
    for (size_t i = 0; i < w->type_count; i++) {
        const enum mr_status status = check_value(
            w, arena, &w->types[i], w->member(w->ctx, row, &w->types[i], true), message);
        if (status != MR_OK)
            return status;
    }
    return MR_OK;
}

bool parquet_stats(const struct parquet_writer *w, size_t number, struct parquet_stats *ret_stats)
{
    for (size_t i = 0; i < w->column_count; i++) {
        if (w->columns[i].max_rep > 0 || number-- > 0)
            continue;
        *ret_stats = w->columns[i].stats;
        ret_stats->type = w->columns[i].type;
        return true;
    }
    return false;
}

enum mr_status parquet_add(struct parquet_writer *w, struct mr_arena *arena, yyjson_val *row,
                           char message[static 512])
{
    const enum mr_status fits = parquet_check(w, arena, row, message);
    if (fits != MR_OK)
        return fits;
    size_t at = 0;
    for (size_t i = 0; i < w->type_count; i++)
        put_value(w, arena, &w->types[i], w->member(w->ctx, row, &w->types[i], true), 0, 0, 0, &at);
    w->rows++;
    w->group_rows++;
    uint64_t bytes = 0;
    for (size_t i = 0; i < w->column_count; i++) {
        struct column *column = &w->columns[i];
        if (column->values.len >= w->options.page_bytes)
            close_page(w, column);
        bytes += column->values.len + column->defs.len + (uint64_t)column->chunk_plain;
    }
    if (bytes >= w->options.group_bytes)
        close_group(w);
    return MR_OK;
}

/* ---- metadata ---- */

static size_t count_nodes(const struct hive_type *type)
{
    size_t count = type->kind == HIVE_LIST || type->kind == HIVE_MAP ? 2 : 1;
    for (size_t i = 0; i < type->child_count; i++)
        count += count_nodes(&type->children[i]);
    return count;
}

static void write_group_node(struct thrift *t, struct mr_slice name, int repetition,
                             size_t children, int converted, int id)
{
    thrift_item(t);
    if (repetition >= 0)
        thrift_i32(t, 3, repetition);
    thrift_text(t, 4, name);
    thrift_i32(t, 5, (int32_t)children);
    if (converted >= 0)
        thrift_i32(t, 6, converted);
    if (id > 0)
        thrift_i32(t, 9, id);
    thrift_end(t);
}

/* The logical type of a timestamp in microseconds: converted types know moments in UTC alone. */
static void write_moment(struct thrift *t, bool zoned)
{
    thrift_struct(t, 10);
    thrift_struct(t, 8);
    thrift_bool(t, 1, zoned);
    thrift_struct(t, 2);
    thrift_struct(t, 2); /* microseconds */
    thrift_end(t);
    thrift_end(t);
    thrift_end(t);
    thrift_end(t);
}

static int32_t physical_of(const struct hive_type *type)
{
    return type->micros ? 2 : forms[type->kind].physical;
}

static void write_leaf(struct thrift *t, const struct hive_type *type, struct mr_slice name,
                       int repetition)
{
    const int converted = type->kind == HIVE_INT && type->bits < 32 ? type->bits == 8 ? 15 : 16
                                                                    : forms[type->kind].converted;
    thrift_item(t);
    thrift_i32(t, 1, physical_of(type));
    if (type->kind == HIVE_DECIMAL)
        thrift_i32(t, 2, DECIMAL_BYTES);
    thrift_i32(t, 3, repetition);
    thrift_text(t, 4, name);
    if (converted >= 0)
        thrift_i32(t, 6, converted);
    if (type->kind == HIVE_DECIMAL) {
        thrift_i32(t, 7, type->scale);
        thrift_i32(t, 8, type->precision);
    }
    if (type->id > 0)
        thrift_i32(t, 9, type->id);
    if (type->micros)
        write_moment(t, type->zoned);
    thrift_end(t);
}

static void write_node(struct thrift *t, const struct hive_type *type, struct mr_slice name,
                       int repetition)
{
    switch (type->kind) {
    case HIVE_STRUCT:
        write_group_node(t, name, repetition, type->child_count, -1, type->id);
        for (size_t i = 0; i < type->child_count; i++)
            write_node(t, &type->children[i], type->children[i].name, OPTIONAL);
        return;
    case HIVE_LIST:
        write_group_node(t, name, repetition, 1, CONVERTED_LIST, type->id);
        write_group_node(t, MR_S("list"), REPEATED, 1, -1, 0);
        write_node(t, &type->children[0], MR_S("element"), OPTIONAL);
        return;
    case HIVE_MAP:
        write_group_node(t, name, repetition, 1, CONVERTED_MAP, type->id);
        write_group_node(t, MR_S("key_value"), REPEATED, 2, -1, 0);
        write_node(t, &type->children[0], MR_S("key"), REQUIRED);
        write_node(t, &type->children[1], MR_S("value"), OPTIONAL);
        return;
    default: write_leaf(t, type, name, repetition);
    }
}

static void write_chunk(struct thrift *t, const struct parquet_writer *w,
                        const struct column *column, const struct chunk *chunk)
{
    thrift_item(t);
    thrift_i64(t, 2, chunk->offset);
    thrift_struct(t, 3);
    thrift_i32(t, 1, physical_of(column->type));
    thrift_list(t, 2, THRIFT_I32, 2);
    thrift_item_i32(t, ENCODING_PLAIN);
    thrift_item_i32(t, ENCODING_RLE);
    thrift_list(t, 3, THRIFT_BINARY, column->path_count);
    for (size_t i = 0; i < column->path_count; i++)
        thrift_item_text(t, column->path[i]);
    thrift_i32(t, 4, (int32_t)w->options.codec);
    thrift_i64(t, 5, chunk->values);
    thrift_i64(t, 6, chunk->plain);
    thrift_i64(t, 7, chunk->packed);
    thrift_i64(t, 9, chunk->offset);
    thrift_end(t);
    thrift_end(t);
}

static void write_metadata(const struct parquet_writer *w, struct mr_buf *buf)
{
    struct thrift t = thrift_make(buf);
    size_t nodes = 1;
    for (size_t i = 0; i < w->type_count; i++)
        nodes += count_nodes(&w->types[i]);
    thrift_i32(&t, 1, 1);
    thrift_list(&t, 2, THRIFT_STRUCT, nodes);
    write_group_node(&t, MR_S("hive_schema"), -1, w->type_count, -1, 0);
    for (size_t i = 0; i < w->type_count; i++)
        write_node(&t, &w->types[i], w->types[i].name, OPTIONAL);
    thrift_i64(&t, 3, w->rows);
    thrift_list(&t, 4, THRIFT_STRUCT, w->group_count);
    for (size_t g = 0; g < w->group_count; g++) {
        thrift_item(&t);
        thrift_list(&t, 1, THRIFT_STRUCT, w->column_count);
        for (size_t i = 0; i < w->column_count; i++)
            write_chunk(&t, w, &w->columns[i], &w->groups[g].chunks[i]);
        thrift_i64(&t, 2, w->groups[g].bytes);
        thrift_i64(&t, 3, w->groups[g].rows);
        thrift_end(&t);
    }
    thrift_text(&t, 6, MR_S("millrace"));
    thrift_end(&t);
}

void parquet_close(struct parquet_writer *w, struct mr_buf *file)
{
    close_group(w);
    const size_t start = w->file.len;
    write_metadata(w, &w->file);
    mr_buf_u32(&w->file, (uint32_t)(w->file.len - start));
    mr_buf_append(&w->file, MR_S("PAR1"));
    mr_buf_append(file, mr_buf_slice(&w->file));
    for (size_t i = 0; i < w->column_count; i++) {
        mr_buf_fini(&w->columns[i].values);
        mr_buf_fini(&w->columns[i].defs);
        mr_buf_fini(&w->columns[i].reps);
        mr_buf_fini(&w->columns[i].chunk);
        mr_buf_fini(&w->columns[i].least);
        mr_buf_fini(&w->columns[i].most);
    }
    for (size_t i = 0; i < w->group_count; i++)
        free(w->groups[i].chunks);
    free(w->groups);
    free(w->columns);
    mr_buf_fini(&w->file);
    free(w);
}
