#include "athena/iceberg_files.h"
#include "athena/parquet.h"
#include "base/codec.h"
#include "glue/glue.h"
#include <stdlib.h>

enum { BOUND_BYTES_MAX = 64 };

static bool writes_type(const struct iceberg_type *type)
{
    if (type->kind == ICEBERG_TIME || type->kind == ICEBERG_UUID || type->kind == ICEBERG_FIXED)
        return false;
    for (size_t i = 0; i < type->count; i++)
        if (!writes_type(&type->fields[i].type))
            return false;
    return true;
}

bool athena_iceberg_writes(const struct iceberg_schema *schema)
{
    for (size_t i = 0; i < schema->count; i++)
        if (!writes_type(&schema->fields[i].type))
            return false;
    return true;
}

/* ---- COPY ---- */

static void put_type(struct mr_buf *sql, const struct iceberg_type *type)
{
    static const char *const words[] = {
        [ICEBERG_BOOLEAN] = "BOOLEAN", [ICEBERG_INT] = "INTEGER",
        [ICEBERG_LONG] = "BIGINT",     [ICEBERG_FLOAT] = "FLOAT",
        [ICEBERG_DOUBLE] = "DOUBLE",   [ICEBERG_DATE] = "DATE",
        [ICEBERG_TIME] = "TIME",       [ICEBERG_TIMESTAMP] = "TIMESTAMP",
        [ICEBERG_STRING] = "VARCHAR",  [ICEBERG_TIMESTAMPTZ] = "TIMESTAMP WITH TIME ZONE",
        [ICEBERG_UUID] = "UUID",       [ICEBERG_FIXED] = "BLOB",
        [ICEBERG_BINARY] = "BLOB"};
    switch (type->kind) {
    case ICEBERG_DECIMAL:
        mr_buf_printf(sql, "DECIMAL(%d,%d)", type->precision, type->scale);
        return;
    case ICEBERG_LIST:
        put_type(sql, &type->fields[0].type);
        mr_buf_append(sql, MR_S("[]"));
        return;
    case ICEBERG_MAP:
    case ICEBERG_STRUCT:
        mr_buf_append(sql, type->kind == ICEBERG_MAP ? MR_S("MAP(") : MR_S("STRUCT("));
        for (size_t i = 0; i < type->count; i++) {
            mr_buf_append(sql, i > 0 ? MR_S(",") : MR_S(""));
            if (type->kind == ICEBERG_STRUCT)
                athena_sql_quoted(sql, type->fields[i].name, '"');
            mr_buf_byte(sql, ' ');
            put_type(sql, &type->fields[i].type);
        }
        mr_buf_byte(sql, ')');
        return;
    default: mr_buf_append(sql, mr_slice_cstr(words[type->kind]));
    }
}

/* {'a': 1, 's': {__duckdb_field_id: 2, 'b': 3}} */
static void put_ids(struct mr_buf *sql, const struct iceberg_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct iceberg_field *field = &fields[i];
        mr_buf_append(sql, i > 0 ? MR_S(",") : MR_S(""));
        athena_sql_quoted(sql, field->name, '\'');
        if (field->type.count == 0) {
            mr_buf_printf(sql, ":%d", field->id);
            continue;
        }
        mr_buf_printf(sql, ":{__duckdb_field_id:%d,", field->id);
        put_ids(sql, field->type.fields, field->type.count);
        mr_buf_byte(sql, '}');
    }
}

void athena_iceberg_copy_sql(struct mr_arena *arena, const struct iceberg_schema *schema,
                             struct mr_slice relation, struct mr_slice path, int64_t file_bytes,
                             struct mr_buf *sql)
{
    mr_buf_append(sql, MR_S("COPY (SELECT "));
    for (size_t i = 0; i < schema->count; i++) {
        mr_buf_append(sql, i > 0 ? MR_S(",CAST(") : MR_S("CAST("));
        athena_sql_quoted(sql, glue_lower(arena, schema->fields[i].name), '"');
        mr_buf_append(sql, MR_S(" AS "));
        put_type(sql, &schema->fields[i].type);
        mr_buf_append(sql, MR_S(") AS "));
        athena_sql_quoted(sql, schema->fields[i].name, '"');
    }
    mr_buf_append(sql, MR_S(" FROM "));
    mr_buf_append(sql, relation);
    mr_buf_append(sql, MR_S(" AS r) TO "));
    athena_sql_quoted(sql, path, '\'');
    mr_buf_printf(sql, " (FORMAT parquet, COMPRESSION snappy, FILE_SIZE_BYTES %lld, FIELD_IDS {",
                  (long long)file_bytes);
    put_ids(sql, schema->fields, schema->count);
    mr_buf_append(sql, MR_S("})"));
}

/* ---- statistics ---- */

/* The least or greatest value as text that read_bound takes, in hexadecimal; "-": none. */
static void put_bound(struct mr_buf *sql, const struct iceberg_field *field, const char *which)
{
    struct mr_buf value = {0};
    mr_buf_printf(&value, "%s(", which);
    athena_sql_quoted(&value, field->name, '"');
    mr_buf_byte(&value, ')');
    if (field->type.kind == ICEBERG_FLOAT || field->type.kind == ICEBERG_DOUBLE) {
        mr_buf_append(&value, MR_S(" FILTER (WHERE NOT isnan("));
        athena_sql_quoted(&value, field->name, '"');
        mr_buf_append(&value, MR_S("))"));
    }
    const struct mr_slice v = mr_buf_slice(&value);
    switch (field->type.kind) {
    case ICEBERG_BOOLEAN:
    case ICEBERG_INT:
    case ICEBERG_LONG:
        mr_buf_printf(sql, ",coalesce(hex(encode(CAST(CAST(%.*s AS BIGINT) AS VARCHAR))),'-')",
                      MR_ARG(v));
        break;
    case ICEBERG_DATE:
        mr_buf_printf(sql,
                      ",coalesce(hex(encode(CAST(datediff('day',DATE '1970-01-01',%.*s) AS "
                      "VARCHAR))),'-')",
                      MR_ARG(v));
        break;
    case ICEBERG_TIMESTAMP:
    case ICEBERG_TIMESTAMPTZ:
        mr_buf_printf(sql, ",coalesce(hex(encode(CAST(epoch_us(%.*s) AS VARCHAR))),'-')",
                      MR_ARG(v));
        break;
    case ICEBERG_FLOAT:
    case ICEBERG_DOUBLE:
    case ICEBERG_DECIMAL:
        mr_buf_printf(sql, ",coalesce(hex(encode(CAST(%.*s AS VARCHAR))),'-')", MR_ARG(v));
        break;
    case ICEBERG_STRING:
        mr_buf_printf(
            sql, ",CASE WHEN octet_length(encode(%.*s))<=%d THEN hex(encode(%.*s)) ELSE '-' END",
            MR_ARG(v), BOUND_BYTES_MAX, MR_ARG(v));
        break;
    case ICEBERG_BINARY:
        mr_buf_printf(sql, ",CASE WHEN octet_length(%.*s)<=%d THEN hex(%.*s) ELSE '-' END",
                      MR_ARG(v), BOUND_BYTES_MAX, MR_ARG(v));
        break;
    default: mr_buf_append(sql, MR_S(",'-'")); break;
    }
    mr_buf_fini(&value);
}

/* Of each column: values that are not null, those that are NaN, both bounds. */
static void put_question(struct mr_buf *sql, const struct iceberg_schema *schema,
                         struct mr_slice path)
{
    mr_buf_append(sql, MR_S("SELECT concat_ws(',',count(*)"));
    for (size_t i = 0; i < schema->count; i++) {
        const struct iceberg_field *field = &schema->fields[i];
        const bool real = field->type.kind == ICEBERG_FLOAT || field->type.kind == ICEBERG_DOUBLE;
        mr_buf_append(sql, MR_S(",count("));
        athena_sql_quoted(sql, field->name, '"');
        mr_buf_append(sql, real ? MR_S("),count(*) FILTER (WHERE isnan(") : MR_S("),0"));
        if (real) {
            athena_sql_quoted(sql, field->name, '"');
            mr_buf_append(sql, MR_S("))"));
        }
        put_bound(sql, field, "min");
        put_bound(sql, field, "max");
    }
    mr_buf_append(sql, MR_S(") FROM read_parquet("));
    athena_sql_quoted(sql, path, '\'');
    mr_buf_byte(sql, ')');
}

static bool read_hex(struct mr_arena *arena, struct mr_slice text, struct mr_slice *ret_bytes)
{
    char *bytes = mr_arena_alloc(arena, text.len / 2 + 1);
    if (text.len % 2 != 0)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0)
            return false;
        bytes[i / 2] = (char)(i % 2 == 0 ? digit << 4 : bytes[i / 2] | digit);
    }
    *ret_bytes = mr_slice_make(bytes, text.len / 2);
    return true;
}

static struct mr_slice decimal_of(struct mr_arena *arena, struct mr_slice text)
{
    iceberg_wide number = 0;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] >= '0' && text.ptr[i] <= '9')
            number = number * 10 + (text.ptr[i] - '0');
    return iceberg_value_decimal(arena, text.len > 0 && text.ptr[0] == '-' ? -number : number);
}

static struct mr_slice read_bound(struct mr_arena *arena, const struct iceberg_type *type,
                                  struct mr_slice hex)
{
    static const struct mr_slice none = {0};
    struct mr_slice text;
    int64_t number;
    if (mr_slice_equal(hex, MR_S("-")) || !read_hex(arena, hex, &text))
        return none;
    switch (type->kind) {
    case ICEBERG_STRING:
    case ICEBERG_BINARY: return text;
    case ICEBERG_DECIMAL: return decimal_of(arena, text);
    case ICEBERG_FLOAT:
    case ICEBERG_DOUBLE:
        return iceberg_value_real(arena, type, strtod(mr_arena_cstr(arena, text), NULL));
    default:
        if (mr_slice_to_i64(text, &number) != MR_OK)
            return none;
        return iceberg_value_number(arena, type, number);
    }
}

bool athena_iceberg_describe(struct athena_engine *engine, struct mr_arena *arena,
                             const struct iceberg_schema *schema, struct mr_slice path,
                             struct iceberg_file *file)
{
    struct mr_slice answer, part[4];
    struct mr_buf sql = {0};
    put_question(&sql, schema, path);
    bool fine =
        athena_engine_text(engine, arena, mr_arena_cstr(arena, mr_buf_slice(&sql)), &answer);
    mr_buf_fini(&sql);
    fine = fine && mr_slice_split(&answer, ',', &part[0]) &&
           mr_slice_to_i64(part[0], &file->records) == MR_OK;
    file->stats = MR_NEW_ARRAY(arena, struct iceberg_stats, schema->count + 1);
    for (size_t i = 0; i < schema->count && fine; i++) {
        const struct iceberg_type *type = &schema->fields[i].type;
        const bool real = type->kind == ICEBERG_FLOAT || type->kind == ICEBERG_DOUBLE;
        int64_t present = 0, nans = 0;
        for (size_t j = 0; j < 4 && fine; j++)
            fine = mr_slice_split(&answer, ',', &part[j]);
        fine = fine && mr_slice_to_i64(part[0], &present) == MR_OK &&
               mr_slice_to_i64(part[1], &nans) == MR_OK;
        if (!fine || type->kind >= ICEBERG_STRUCT)
            continue;
        file->stats[file->stats_count++] =
            (struct iceberg_stats){.field_id = schema->fields[i].id,
                                   .bytes = -1,
                                   .values = file->records,
                                   .nulls = file->records - present,
                                   .nans = real ? nans : -1,
                                   .lower = read_bound(arena, type, part[2]),
                                   .upper = read_bound(arena, type, part[3])};
    }
    return fine;
}
