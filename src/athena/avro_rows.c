#include "athena/avro_rows.h"
#include "base/log.h"
#include "iceberg/types.h"
#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DECIMAL_BYTES_MAX = 16, DECIMAL_DIGITS_MAX = 38 };

/* ---- values ---- */

/* What a number or bytes stand for; false: for themselves. */
static bool read_meaning(const struct avro_value *value, struct iceberg_type *ret_type,
                         int64_t *ret_times)
{
    static const struct {
        const char *name;
        enum iceberg_kind kind;
        int64_t times; /* how many of the type's units one is */
    } rows[] = {{"date", ICEBERG_DATE, 1},
                {"timestamp-millis", ICEBERG_TIMESTAMP, 1000},
                {"timestamp-micros", ICEBERG_TIMESTAMP, 1},
                {"local-timestamp-millis", ICEBERG_TIMESTAMP, 1000},
                {"local-timestamp-micros", ICEBERG_TIMESTAMP, 1}};
    const struct mr_slice name = mr_json_get_text(value->type->json, "logicalType");
    for (size_t i = 0; i < MR_COUNT(rows); i++) {
        if (!mr_slice_equal(name, mr_slice_cstr(rows[i].name)))
            continue;
        *ret_type = (struct iceberg_type){.kind = rows[i].kind};
        *ret_times = rows[i].times;
        return value->kind == (rows[i].kind == ICEBERG_DATE ? AVRO_INT : AVRO_LONG);
    }
    const int64_t scale = mr_json_get_i64(value->type->json, "scale", 0);
    *ret_times = 1;
    *ret_type = (struct iceberg_type){
        .kind = ICEBERG_DECIMAL, .precision = DECIMAL_DIGITS_MAX, .scale = (int)scale};
    return mr_slice_equal(name, MR_S("decimal")) &&
           (value->kind == AVRO_BYTES || value->kind == AVRO_FIXED) && value->bytes.len > 0 &&
           value->bytes.len <= DECIMAL_BYTES_MAX && scale >= 0 && scale <= DECIMAL_DIGITS_MAX;
}

/* False: it is written as what it is. */
static bool put_meaning(struct mr_json *json, struct mr_arena *arena,
                        const struct avro_value *value)
{
    struct iceberg_type type;
    struct mr_slice single;
    int64_t times, number;
    if (value->type->json == NULL || !read_meaning(value, &type, &times))
        return false;
    if (type.kind == ICEBERG_DECIMAL)
        single = iceberg_value_decimal(arena, iceberg_value_wide(value->bytes));
    else if (__builtin_mul_overflow(value->number, times, &number))
        return false;
    else
        single = iceberg_value_number(arena, &type, number);
    mr_json_string(json, iceberg_value_text(arena, &type, single));
    return true;
}

static void put_value(struct mr_json *json, struct mr_arena *arena, const struct avro_value *value);

static void put_members(struct mr_json *json, struct mr_arena *arena,
                        const struct avro_value *value)
{
    for (size_t i = 0; i < value->count; i++) {
        mr_json_name(json, value->type->names[i]);
        put_value(json, arena, &value->items[i]);
    }
}

static void put_record(struct mr_json *json, struct mr_arena *arena, const struct avro_value *value)
{
    mr_json_object(json);
    put_members(json, arena, value);
    mr_json_object_end(json);
}

static void put_items(struct mr_json *json, struct mr_arena *arena, const struct avro_value *value)
{
    const bool map = value->kind == AVRO_MAP;
    if (map)
        mr_json_object(json);
    else
        mr_json_array(json);
    for (size_t i = 0; i < value->count; i++) {
        if (map && i % 2 == 0)
            mr_json_name(json, value->items[i].bytes);
        else
            put_value(json, arena, &value->items[i]);
    }
    if (map)
        mr_json_object_end(json);
    else
        mr_json_array_end(json);
}

static void put_symbol(struct mr_json *json, const struct avro_value *value)
{
    yyjson_val *symbols = mr_json_get(value->type->json, "symbols");
    yyjson_val *symbol = value->number < 0 ? NULL : yyjson_arr_get(symbols, (size_t)value->number);
    if (yyjson_is_str(symbol))
        mr_json_string(json, mr_json_text(symbol));
    else
        mr_json_null(json);
}

/* No deeper than the schema, AVRO_DEPTH_MAX. */
static void put_value(struct mr_json *json, struct mr_arena *arena, const struct avro_value *value)
{
    switch (value->kind) {
    case AVRO_NULL: mr_json_null(json); return;
    case AVRO_BOOLEAN: mr_json_bool(json, value->number != 0); return;
    case AVRO_INT:
    case AVRO_LONG:
        if (!put_meaning(json, arena, value))
            mr_json_int(json, value->number);
        return;
    case AVRO_FLOAT:
    case AVRO_DOUBLE: mr_json_number(json, value->real); return;
    case AVRO_STRING: mr_json_string(json, value->bytes); return;
    case AVRO_ENUM: put_symbol(json, value); return;
    case AVRO_RECORD: put_record(json, arena, value); return;
    case AVRO_ARRAY:
    case AVRO_MAP: put_items(json, arena, value); return;
    default:
        if (!put_meaning(json, arena, value))
            mr_json_base64(json, value->bytes);
        return;
    }
}

/* ---- the file ---- */

static enum mr_status map_file(struct athena_avro *avro, int fd, struct mr_slice *ret_bytes)
{
    struct stat stat;
    *ret_bytes = MR_S("");
    if (fstat(fd, &stat) != 0)
        return MR_RAISE(MR_FAIL_IO, "cannot read an object: %s", strerror(errno));
    if (stat.st_size == 0)
        return MR_OK;
    avro->map_len = (size_t)stat.st_size;
    avro->map = mmap(NULL, avro->map_len, PROT_READ, MAP_PRIVATE, fd, 0);
    if (avro->map == MAP_FAILED) {
        avro->map = NULL;
        return MR_RAISE(MR_FAIL_IO, "cannot map an object: %s", strerror(errno));
    }
    *ret_bytes = mr_slice_make(avro->map, avro->map_len);
    return MR_OK;
}

static struct mr_slice *name_in(struct avro_type *record, struct mr_slice name)
{
    for (size_t i = 0; i < record->count; i++)
        if (mr_slice_equal_nocase(record->names[i], name))
            return &record->names[i];
    return NULL;
}

/* A field that was renamed since the file was written gets its name of now. */
static bool take_alias(struct avro_type *record, yyjson_val *field)
{
    yyjson_val *aliases = mr_json_get(field, "aliases"), *alias;
    size_t index, max;
    yyjson_arr_foreach(aliases, index, max, alias)
    {
        struct mr_slice *name = name_in(record, mr_json_text(alias));
        if (name != NULL)
            *name = mr_json_get_text(field, "name");
        if (name != NULL)
            return true;
    }
    return false;
}

static void resolve(struct athena_avro *avro, yyjson_val *fields)
{
    struct avro_type *record = &avro->reader.schema;
    size_t index, max;
    yyjson_val *field;
    avro->absent = MR_NEW_ARRAY(&avro->head, yyjson_val *, yyjson_arr_size(fields) + 1);
    yyjson_arr_foreach(fields, index, max, field)
    {
        yyjson_val *stand_in = mr_json_get(field, "default");
        if (name_in(record, mr_json_get_text(field, "name")) == NULL &&
            !take_alias(record, field) && stand_in != NULL && !yyjson_is_null(stand_in))
            avro->absent[avro->absent_count++] = field;
    }
}

enum mr_status athena_avro_open(struct athena_avro *avro, int fd, struct mr_slice bytes,
                                yyjson_val *fields)
{
    athena_avro_close(avro);
    mr_arena_init(&avro->head);
    mr_arena_init(&avro->block);
    mr_arena_init(&avro->record);
    avro->open = true;
    enum mr_status status = MR_OK;
    if (fd < 0) {
        bytes = mr_arena_copy(&avro->head, bytes);
    } else {
        status = map_file(avro, fd, &bytes);
        close(fd);
    }
    avro->ended = bytes.len == 0;
    if (status != MR_OK || avro->ended)
        return status;
    status = avro_open(&avro->reader, &avro->head, bytes);
    avro->reader.blocks = &avro->block;
    if (status == MR_OK)
        resolve(avro, fields);
    return status;
}

enum mr_status athena_avro_next(struct athena_avro *avro, struct mr_slice *ret_line)
{
    struct avro_value record;
    if (avro->ended)
        return MR_END;
    mr_arena_reset(&avro->record);
    const enum mr_status status = avro_next(&avro->reader, &avro->record, &record);
    if (status != MR_OK)
        return status;
    mr_buf_reset(&avro->line);
    struct mr_json json = mr_json_make(&avro->line);
    mr_json_object(&json);
    put_members(&json, &avro->record, &record);
    for (size_t i = 0; i < avro->absent_count; i++) {
        mr_json_name(&json, mr_json_get_text(avro->absent[i], "name"));
        mr_json_value(&json, mr_json_get(avro->absent[i], "default"));
    }
    mr_json_object_end(&json);
    *ret_line = mr_buf_slice(&avro->line);
    return MR_OK;
}

void athena_avro_close(struct athena_avro *avro)
{
    if (!avro->open)
        return;
    mr_arena_fini(&avro->head);
    mr_arena_fini(&avro->block);
    mr_arena_fini(&avro->record);
    mr_buf_fini(&avro->line);
    if (avro->map != NULL)
        munmap(avro->map, avro->map_len);
    *avro = (struct athena_avro){0};
}
