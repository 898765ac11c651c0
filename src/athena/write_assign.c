/* Values that become a column's, as INSERT, UPDATE and MERGE put them there: numbers of any type
 * become numbers when they fit, texts become varchar(n) and char(n) when nothing but blanks is cut;
 * what does not fit fails when it is met. */
#include "athena/parquet.h"
#include "athena/write.h"

static bool is_whole(enum athena_type_kind kind)
{
    return kind >= ATHENA_TINYINT && kind <= ATHENA_BIGINT;
}

static bool is_floating(enum athena_type_kind kind)
{
    return kind == ATHENA_FLOAT || kind == ATHENA_DOUBLE;
}

static bool is_number(enum athena_type_kind kind)
{
    return kind >= ATHENA_TINYINT && kind <= ATHENA_DECIMAL;
}

static bool takes(const struct athena_type *column, const struct athena_type *value, bool inside)
{
    if (column->kind != value->kind) {
        if (is_number(column->kind) && is_number(value->kind)) /* inside, DuckDB rounds */
            return !inside || !is_floating(value->kind) || column->kind == ATHENA_DOUBLE;
        return column->kind == ATHENA_TIMESTAMP && value->kind == ATHENA_DATE;
    }
    if (column->field_count != value->field_count)
        return false;
    for (size_t i = 0; i < column->field_count; i++) {
        if (!takes(&column->fields[i], &value->fields[i], true))
            return false;
    }
    return (column->key == NULL || takes(column->key, value->key, true)) &&
           (column->element == NULL || takes(column->element, value->element, true));
}

/* The query's column in Trino's words; NULL: not known. */
static const struct athena_sqltype *type_of(const struct athena_write *write, size_t at)
{
    const struct athena_fields *fields = write->fields;
    return fields->open || fields->count != write->shown_count ? NULL : fields->list[at].type;
}

struct mr_slice athena_assign_type(struct athena_write *write, size_t at)
{
    const struct athena_sqltype *type = type_of(write, at);
    struct mr_buf word = {0};
    if (type != NULL && athena_sqltype_known(type))
        athena_sqltype_print(&word, type);
    else
        athena_render_type(&word, &write->shown[at]);
    const struct mr_slice text = mr_arena_copy(write->arena, mr_buf_slice(&word));
    mr_buf_fini(&word);
    return text;
}

bool athena_assign_fits(struct athena_write *write, const struct athena_type *column, size_t at)
{
    struct athena_type value;
    return athena_write_is_null(write, at) ||
           (athena_type_of_shown(write->arena, &write->shown[at], &value) &&
            takes(column, &value, false));
}

/* ---- SQL ---- */

static void put_text(struct athena_write *write, const struct athena_type *column, size_t at,
                     struct mr_buf *sql)
{
    const struct athena_sqltype *type = type_of(write, at);
    const struct mr_slice from = athena_assign_type(write, at);
    if (type != NULL && type->precision != SQL_UNBOUNDED && type->precision <= column->length) {
        mr_buf_printf(sql, "CAST(c%zu AS VARCHAR)", at);
        return;
    }
    mr_buf_printf(sql,
                  "CASE WHEN length(rtrim(c%zu, ' ')) > %d THEN error('INVALID_CAST_ARGUMENT: "
                  "Cannot truncate non-space characters when casting from %.*s to %s(%d) on "
                  "INSERT') ELSE left(c%zu, %d) END",
                  at, column->length, MR_ARG(from), column->padded ? "char" : "varchar",
                  column->length, at, column->length);
}

static void put_whole(enum athena_type_kind column, enum athena_type_kind value, size_t at,
                      struct mr_buf *sql)
{
    mr_buf_printf(sql,
                  is_floating(value) ? "mr_double_to_integer(CAST(c%zu AS DOUBLE), %d, false)"
                                     : "mr_narrow(CAST(c%zu AS BIGINT), %d, false)",
                  at, 8 << (column - ATHENA_TINYINT));
}

void athena_assign_value(struct athena_write *write, const struct athena_type *column, size_t at,
                         struct mr_buf *sql)
{
    struct athena_type value = {0};
    const bool known = at != SIZE_MAX && !athena_write_is_null(write, at) &&
                       athena_type_of_shown(write->arena, &write->shown[at], &value);
    mr_buf_append(sql, MR_S("CAST("));
    if (at == SIZE_MAX)
        mr_buf_append(sql, MR_S("NULL"));
    else if (known && column->kind == ATHENA_STRING && column->length > 0)
        put_text(write, column, at, sql);
    else if (known && is_whole(column->kind) &&
             (is_floating(value.kind) || (is_whole(value.kind) && value.kind > column->kind)))
        put_whole(column->kind, value.kind, at, sql);
    else if (known && column->kind == ATHENA_FLOAT && value.kind == ATHENA_DOUBLE)
        mr_buf_printf(sql, "mr_double_to_real(c%zu)", at);
    else
        mr_buf_printf(sql, "c%zu", at);
    mr_buf_append(sql, MR_S(" AS "));
    athena_type_sql(sql, column);
    mr_buf_byte(sql, ')');
}
