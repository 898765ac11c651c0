/* Values that do not fit their type: DuckDB's messages in Trino's words. */
#include "athena/errors.h"
#include "athena/render.h"
#include "athena/sqltype.h"
#include <stdlib.h>

struct cast_error {
    struct mr_arena *arena;
    struct mr_slice message; /* DuckDB's */
    const struct athena_node *query;
    struct athena_error *error;
};

static bool tell(struct cast_error *cast, const char *code, struct mr_slice text)
{
    athena_error_set(cast->error, cast->arena, code, 0, 0, "%.*s", MR_ARG(text));
    return true;
}

/* ---- decimals ---- */

struct decimal_cast {
    struct mr_slice precision, scale;
    bool decimal, floating; /* what it is cast from, as the message shows it */
};

static struct mr_slice digits_of(const struct athena_node *type, size_t index)
{
    const struct athena_node *item = type->items;
    if (item != NULL && index == 1)
        item = item->next;
    return item != NULL ? item->text : index == 0 ? MR_S("38") : MR_S("0");
}

static bool is_decimal_cast(const struct athena_node *node, const void *ctx)
{
    const struct decimal_cast *wanted = ctx;
    if (node->kind != AST_CAST || !mr_slice_equal(node->items->text, MR_S("decimal")) ||
        !mr_slice_equal(digits_of(node->items, 0), wanted->precision) ||
        !mr_slice_equal(digits_of(node->items, 1), wanted->scale) || node->left->type == NULL)
        return false;
    const struct athena_sqltype *from = node->left->type;
    if (wanted->decimal || wanted->floating)
        return wanted->decimal ? from->kind == SQL_DECIMAL
                               : from->kind == SQL_DOUBLE || from->kind == SQL_REAL;
    return athena_sqltype_is_integer(from);
}

static bool is_number(struct mr_arena *arena, struct mr_slice text)
{
    char *copy = mr_arena_cstr(arena, mr_slice_trim(text)), *end;
    (void)strtod(copy, &end);
    return copy[0] != '\0' && *end == '\0' && strpbrk(copy, "xXnN") == NULL;
}

static void put_source(struct cast_error *cast, struct mr_buf *out, const struct athena_node *found,
                       struct mr_slice value)
{
    const struct athena_sqltype *from = found == NULL ? NULL : found->left->type;
    if (from == NULL) {
        mr_buf_printf(out, "%s '%.*s'",
                      mr_slice_find(value, '.') == SIZE_MAX ? "INTEGER" : "DECIMAL", MR_ARG(value));
    } else if (from->kind == SQL_DECIMAL) {
        mr_buf_printf(out, "DECIMAL(%d, %d) '%.*s'", from->precision, from->scale, MR_ARG(value));
    } else if (from->kind == SQL_DOUBLE || from->kind == SQL_REAL) {
        const bool real = from->kind == SQL_REAL;
        mr_buf_printf(out, "%s '", real ? "REAL" : "DOUBLE");
        athena_render_double(out, strtod(mr_arena_cstr(cast->arena, value), NULL), real);
        mr_buf_byte(out, '\'');
    } else {
        struct mr_slice name = athena_sqltype_text(cast->arena, from);
        for (size_t i = 0; i < name.len; i++)
            mr_buf_byte(out, (char)(name.ptr[i] - 32));
        mr_buf_printf(out, " '%.*s'", MR_ARG(value));
    }
}

/* "Could not convert string "abc" to DECIMAL(10,2)", "Could not cast value 1 to DECIMAL(3,0)",
 * "Casting value "123.4" to type DECIMAL(3,1) failed" */
static bool take_decimal(struct cast_error *cast)
{
    struct mr_slice type = athena_error_between(cast->message, "DECIMAL(", ")"), precision;
    struct mr_slice text =
        athena_error_between(cast->message, "convert string \"", "\" to DECIMAL(");
    struct mr_slice value = athena_error_between(cast->message, "cast value ", " to DECIMAL(");
    struct mr_slice decimal =
        athena_error_between(cast->message, "Casting value \"", "\" to type DECIMAL(");
    struct mr_buf out = {0};
    if (type.ptr == NULL || !mr_slice_split(&type, ',', &precision) || type.ptr == NULL ||
        (text.ptr == NULL && value.ptr == NULL && decimal.ptr == NULL))
        return false;
    const struct decimal_cast wanted = {.precision = precision,
                                        .scale = type,
                                        .decimal = decimal.ptr != NULL,
                                        .floating = mr_slice_find(value, '.') != SIZE_MAX ||
                                                    mr_slice_search(value, MR_S("n")) != SIZE_MAX};
    mr_buf_append(&out, MR_S("Cannot cast "));
    if (text.ptr != NULL)
        mr_buf_printf(&out, "VARCHAR '%.*s'", MR_ARG(text));
    else
        put_source(cast, &out, athena_error_find(cast->query, is_decimal_cast, &wanted),
                   decimal.ptr != NULL ? decimal : value);
    mr_buf_printf(&out, " to DECIMAL(%.*s, %.*s)", MR_ARG(precision), MR_ARG(type));
    if (text.ptr != NULL)
        mr_buf_append(&out, is_number(cast->arena, text) ? MR_S(". Value too large.")
                                                         : MR_S(". Value is not a number."));
    tell(cast, "INVALID_CAST_ARGUMENT", mr_arena_copy(cast->arena, mr_buf_slice(&out)));
    mr_buf_fini(&out);
    return true;
}

/* ---- whole numbers ---- */

static const struct {
    const char *duck, *type, *reader; /* reader: as Trino calls it when it reads a text */
    const char *least;
} integers[] = {{"INT8", "tinyint", "TINYINT", "-128"},
                {"INT16", "smallint", "SMALLINT", "-32768"},
                {"INT32", "integer", "INT", "-2147483648"},
                {"INT64", "bigint", "BIGINT", "-9223372036854775808"},
                {"INT128", "uuid", "UUID", ""}};

static bool take_integer(struct cast_error *cast)
{
    struct mr_slice line = mr_slice_sub(cast->message, 0, mr_slice_find(cast->message, '\n'));
    struct mr_slice whole = mr_arena_printf(cast->arena, "%.*s\n", MR_ARG(line));
    struct mr_slice value = athena_error_between(whole, "cast decimal value ", " to type ");
    struct mr_slice text = athena_error_between(whole, "convert string '", "' to INT");
    struct mr_slice abs = athena_error_between(whole, "Overflow on abs(", ")");
    struct mr_slice wide = athena_error_between(whole, " with value ", " can't be cast because");
    for (size_t i = 0; i < MR_COUNT(integers); i++) {
        struct mr_slice type = mr_slice_cstr(integers[i].duck);
        const bool named = mr_slice_ends_with(line, type);
        const bool uuid = i + 1 == MR_COUNT(integers);
        if (value.ptr != NULL && named)
            return tell(cast, "INVALID_CAST_ARGUMENT",
                        mr_arena_printf(cast->arena, "Cannot cast '%.*s' to %s", MR_ARG(value),
                                        i == 2 ? "INTEGER" : integers[i].reader));
        if (text.ptr != NULL && named)
            return tell(
                cast, "INVALID_CAST_ARGUMENT",
                uuid ? mr_arena_printf(cast->arena, "Cannot cast value to UUID: %.*s", MR_ARG(text))
                     : mr_arena_printf(cast->arena, "Cannot cast '%.*s' to %s", MR_ARG(text),
                                       integers[i].reader));
        if (wide.ptr != NULL && named)
            return tell(cast, "NUMERIC_VALUE_OUT_OF_RANGE",
                        mr_arena_printf(cast->arena, "Out of range for %s: %.*s", integers[i].type,
                                        MR_ARG(wide)));
        if (abs.ptr != NULL && mr_slice_equal(abs, mr_slice_cstr(integers[i].least)))
            return tell(cast, "NUMERIC_VALUE_OUT_OF_RANGE",
                        mr_arena_printf(cast->arena, "Value %.*s is out of range for abs(%s)",
                                        MR_ARG(abs), integers[i].type));
    }
    return false;
}

static bool is_negation(const struct athena_node *node, const void *ctx)
{
    (void)ctx;
    return node->kind == AST_MINUS && node->type != NULL && athena_sqltype_is_integer(node->type);
}

static bool take_negation(struct cast_error *cast)
{
    const struct athena_node *node =
        mr_slice_search(cast->message, MR_S("Overflow in negation of integer")) == SIZE_MAX
            ? NULL
            : athena_error_find(cast->query, is_negation, NULL);
    struct mr_slice type = node == NULL ? MR_S("") : athena_sqltype_text(cast->arena, node->type);
    for (size_t i = 0; i < MR_COUNT(integers); i++) {
        if (node != NULL && mr_slice_equal(type, mr_slice_cstr(integers[i].type)))
            return tell(cast, "NUMERIC_VALUE_OUT_OF_RANGE",
                        mr_arena_printf(cast->arena, "%.*s negation overflow: %s", MR_ARG(type),
                                        integers[i].least));
    }
    return false;
}

/* ---- JSON ---- */

static bool is_json_cast(const struct athena_node *node, const void *ctx)
{
    (void)ctx;
    return node->kind == AST_CAST && node->left->type != NULL &&
           node->left->type->kind == SQL_JSON && node->items->items == NULL;
}

/* "Failed to cast value to numerical: "x"" */
static bool take_json(struct cast_error *cast)
{
    struct mr_slice whole = mr_arena_printf(cast->arena, "%.*s\n", MR_ARG(cast->message));
    struct mr_slice value = athena_error_between(whole, "cast value to numerical: ", "\n");
    const struct athena_node *node =
        value.ptr == NULL ? NULL : athena_error_find(cast->query, is_json_cast, NULL);
    if (node == NULL)
        return false;
    struct mr_slice type = node->items->text;
    const bool text = value.len > 1 && value.ptr[0] == '"';
    for (size_t i = 0; text && i < MR_COUNT(integers); i++) {
        if (mr_slice_equal(type, mr_slice_cstr(integers[i].type)))
            type = mr_slice_cstr(integers[i].reader);
    }
    if (text)
        value = mr_slice_sub(value, 1, value.len - 2);
    if (text && mr_slice_equal(type, MR_S("double")))
        type = MR_S("DOUBLE");
    return tell(
        cast, "INVALID_CAST_ARGUMENT",
        mr_arena_printf(cast->arena, "Cannot cast '%.*s' to %.*s", MR_ARG(value), MR_ARG(type)));
}

/* ---- literals ---- */

static bool is_literal(const struct athena_node *node, const void *ctx)
{
    const struct mr_slice *text = ctx;
    return node->kind == AST_TYPED && mr_slice_equal(node->text, *text);
}

/* Texts that are cast are read by functions of ours, so these are the user's literals. */
static bool take_literal(struct cast_error *cast)
{
    struct mr_slice text =
        athena_error_between(cast->message, "field value out of range: \"", "\"");
    if (text.ptr == NULL)
        text = athena_error_between(cast->message, "field format: \"", "\"");
    const struct athena_node *node =
        text.ptr == NULL ? NULL : athena_error_find(cast->query, is_literal, &text);
    if (node == NULL)
        return false;
    char *type = mr_arena_cstr(cast->arena, node->items->text);
    for (char *at = type; *at != '\0'; at++)
        *at = *at >= 'a' && *at <= 'z' ? (char)(*at - 32) : *at;
    athena_error_set(cast->error, cast->arena, "INVALID_LITERAL", node->line, node->column,
                     "'%.*s' is not a valid %s literal", MR_ARG(text), type);
    return true;
}

bool athena_error_from_cast(struct mr_arena *arena, struct mr_slice message,
                            const struct athena_node *query, struct athena_error *error)
{
    struct cast_error cast = {.arena = arena, .message = message, .query = query, .error = error};
    return take_decimal(&cast) || take_integer(&cast) || take_negation(&cast) || take_json(&cast) ||
           take_literal(&cast);
}
