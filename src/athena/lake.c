#include "athena/lake.h"
#include "athena/parquet.h"
#include "athena/rows.h"
#include "base/codec.h"
#include <stdlib.h>

enum { CODE_KINDS = 100 }; /* mr_transform's code: transform * CODE_KINDS + kind */
_Static_assert((int)ICEBERG_MAP < (int)CODE_KINDS, "each pair has a code of its own");

bool athena_lake_writes(const struct iceberg_type *type, bool zoned)
{
    switch (type->kind) {
    case ICEBERG_TIMESTAMPTZ: return zoned;
    case ICEBERG_TIME:
    case ICEBERG_UUID:
    case ICEBERG_FIXED: return false;
    default: break;
    }
    for (size_t i = 0; i < type->count; i++)
        if (!athena_lake_writes(&type->fields[i].type, zoned))
            return false;
    return true;
}

/* ---- field ids ---- */

static void put_field(struct mr_buf *sql, const struct iceberg_field *field)
{
    const struct iceberg_type *type = &field->type;
    static const char *const map[] = {"key", "value"};
    if (type->kind < ICEBERG_STRUCT) {
        mr_buf_printf(sql, "%d", field->id);
        return;
    }
    mr_buf_printf(sql, "{__duckdb_field_id:%d", field->id);
    for (size_t i = 0; i < type->count; i++) {
        mr_buf_byte(sql, ',');
        if (type->kind == ICEBERG_STRUCT)
            athena_sql_quoted(sql, type->fields[i].name, '"');
        else
            mr_buf_append(sql, mr_slice_cstr(type->kind == ICEBERG_LIST ? "element" : map[i > 0]));
        mr_buf_byte(sql, ':');
        put_field(sql, &type->fields[i]);
    }
    mr_buf_byte(sql, '}');
}

void athena_lake_field_ids(struct mr_buf *sql, const struct iceberg_schema *schema,
                           const struct mr_slice *names)
{
    mr_buf_byte(sql, '{');
    for (size_t i = 0; i < schema->count; i++) {
        if (i > 0)
            mr_buf_byte(sql, ',');
        athena_sql_quoted(sql, names[i], '"');
        mr_buf_byte(sql, ':');
        put_field(sql, &schema->fields[i]);
    }
    mr_buf_byte(sql, '}');
}

/* ---- texts ---- */

void athena_lake_text(struct mr_buf *sql, const struct iceberg_type *type,
                      struct mr_slice expression)
{
    const char *before = "CAST(", *behind = " AS VARCHAR)";
    switch (type->kind) {
    case ICEBERG_STRING: before = behind = ""; break;
    case ICEBERG_BINARY:
        before = "hex(";
        behind = ")";
        break;
    case ICEBERG_BOOLEAN:
        before = "CAST(CAST(";
        behind = " AS BIGINT) AS VARCHAR)";
        break;
    case ICEBERG_FLOAT:
        before = "CAST(CAST(";
        behind = " AS DOUBLE) AS VARCHAR)";
        break;
    case ICEBERG_DATE: behind = " - DATE '1970-01-01' AS VARCHAR)"; break;
    case ICEBERG_TIMESTAMP:
    case ICEBERG_TIMESTAMPTZ:
        before = "CAST(epoch_us(";
        behind = ") AS VARCHAR)";
        break;
    case ICEBERG_DECIMAL:
        before = "replace(CAST(";
        behind = " AS VARCHAR), '.', '')";
        break;
    default: break;
    }
    mr_buf_append(sql, mr_slice_cstr(before));
    mr_buf_append(sql, expression);
    mr_buf_append(sql, mr_slice_cstr(behind));
}

static iceberg_wide read_wide(struct mr_slice text)
{
    iceberg_wide number = 0;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] >= '0' && text.ptr[i] <= '9')
            number = number * 10 + (text.ptr[i] - '0');
    return text.len > 0 && text.ptr[0] == '-' ? -number : number;
}

static struct mr_slice read_hex(struct mr_arena *arena, struct mr_slice text)
{
    char *bytes = mr_arena_alloc(arena, text.len / 2 + 1);
    if (mr_unhex(text, bytes, text.len / 2) != MR_OK)
        return (struct mr_slice){0};
    return mr_slice_make(bytes, text.len / 2);
}

struct mr_slice athena_lake_value(struct mr_arena *arena, const struct iceberg_type *type,
                                  struct mr_slice text)
{
    int64_t number;
    switch (type->kind) {
    case ICEBERG_STRING: return mr_arena_copy(arena, text);
    case ICEBERG_BINARY: return read_hex(arena, text);
    case ICEBERG_DECIMAL: return iceberg_value_decimal(arena, read_wide(text));
    case ICEBERG_FLOAT:
    case ICEBERG_DOUBLE:
        return iceberg_value_real(arena, type, strtod(mr_arena_cstr(arena, text), NULL));
    case ICEBERG_BOOLEAN:
    case ICEBERG_INT:
    case ICEBERG_LONG:
    case ICEBERG_DATE:
    case ICEBERG_TIMESTAMP:
    case ICEBERG_TIMESTAMPTZ:
        return mr_slice_to_i64(text, &number) == MR_OK ? iceberg_value_number(arena, type, number)
                                                       : (struct mr_slice){0};
    default: return (struct mr_slice){0};
    }
}

/* ---- partitions ---- */

void athena_lake_partition(struct mr_buf *sql, const struct iceberg_partition_field *field,
                           const struct iceberg_type *type, struct mr_slice expression)
{
    mr_buf_printf(sql, "mr_transform(%d, %lld, ",
                  (int)field->transform * CODE_KINDS + (int)type->kind,
                  (long long)field->parameter);
    athena_lake_text(sql, type, expression);
    mr_buf_byte(sql, ')');
}

struct mr_slice athena_lake_partition_value(struct mr_arena *arena, struct mr_slice text)
{
    if (text.len == 0 || text.ptr[0] != 'x')
        return (struct mr_slice){0};
    return read_hex(arena, mr_slice_sub(text, 1, SIZE_MAX));
}

static bool transform(struct athena_row *row)
{
    const int64_t code = athena_row_integer(row, 0);
    const struct iceberg_type type = {.kind = (enum iceberg_kind)(code % CODE_KINDS)};
    const struct iceberg_partition_field field = {.transform =
                                                      (enum iceberg_transform)(code / CODE_KINDS),
                                                  .parameter = athena_row_integer(row, 1)};
    struct mr_arena arena;
    mr_arena_init(&arena);
    const struct mr_slice value = iceberg_transform_apply(
        &arena, &field, &type, athena_lake_value(&arena, &type, athena_row_slice(row, 2)));
    if (value.ptr != NULL) {
        mr_buf_byte(&row->text, 'x');
        char *hex = mr_arena_alloc(&arena, value.len * 2 + 1);
        mr_hex(value.ptr, value.len, hex);
        mr_buf_append(&row->text, mr_slice_make(hex, value.len * 2));
        athena_row_put_text(row, mr_buf_slice(&row->text));
    }
    mr_arena_fini(&arena);
    return true;
}

enum mr_status athena_lake_register(duckdb_connection connection)
{
    static const struct athena_row_function functions[] = {
        {"mr_transform",
         {DUCKDB_TYPE_BIGINT, DUCKDB_TYPE_BIGINT, DUCKDB_TYPE_VARCHAR},
         DUCKDB_TYPE_VARCHAR,
         transform}};
    return athena_rows_register(connection, functions, MR_COUNT(functions));
}
