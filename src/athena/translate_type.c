/* Types and casts. */
#include "athena/translate.h"

static const struct {
    const char *trino, *duckdb;
} types[] = {
    {"boolean", "BOOLEAN"},     {"tinyint", "TINYINT"},
    {"smallint", "SMALLINT"},   {"integer", "INTEGER"},
    {"int", "INTEGER"},         {"bigint", "BIGINT"},
    {"real", "FLOAT"},          {"double", "DOUBLE"},
    {"varchar", "VARCHAR"},     {"varbinary", "BLOB"},
    {"date", "DATE"},           {"time", "TIME"},
    {"timestamp", "TIMESTAMP"}, {"timestamp with time zone", "TIMESTAMPTZ"},
    {"json", "JSON"},           {"uuid", "UUID"},
    {"char", "VARCHAR"},        {"hyperloglog", "BLOB"},
    {"ipaddress", "UHUGEINT"},  {"time with time zone", "TIME"},
};

static bool is_type(const struct athena_node *type, const char *name)
{
    return mr_slice_equal(type->text, mr_slice_cstr(name));
}

static void fail_type(struct athena_translation *translation, const struct athena_node *type)
{
    athena_translate_fail(translation, type, "TYPE_NOT_FOUND", "Unknown type: %.*s",
                          MR_ARG(type->text));
}

static void emit_decimal(struct athena_translation *translation, const struct athena_node *type)
{
    struct mr_slice precision = MR_S("38"), scale = MR_S("0");
    if (type->items != NULL) {
        precision = type->items->text;
        if (type->items->next != NULL)
            scale = type->items->next->text;
    }
    uint64_t p, s;
    if (mr_slice_to_u64(precision, &p) != MR_OK || mr_slice_to_u64(scale, &s) != MR_OK || p < 1 ||
        p > 38 || s > p) {
        athena_translate_fail(translation, type, "SYNTAX_ERROR", "Invalid DECIMAL precision");
        return;
    }
    mr_buf_printf(translation->out, "DECIMAL(%d,%d)", (int)p, (int)s);
}

static void emit_row(struct athena_translation *translation, const struct athena_node *type)
{
    size_t index = 0;
    athena_emit_text(translation, "STRUCT(");
    for (const struct athena_node *field = type->items; field != NULL; field = field->next) {
        if (field != type->items)
            athena_emit_text(translation, ", ");
        struct mr_slice name = field->name;
        if (name.len == 0)
            name = mr_arena_printf(translation->arena, "field%zu", index);
        athena_emit_name(translation, name);
        athena_emit_text(translation, " ");
        athena_emit_type(translation, field);
        index++;
    }
    athena_emit_text(translation, ")");
}

void athena_emit_type(struct athena_translation *translation, const struct athena_node *type)
{
    const size_t parameters = athena_node_count(type->items);
    if (type->kind != AST_TYPE) {
        athena_translate_fail(translation, type, "SYNTAX_ERROR", "a type is expected here");
    } else if (is_type(type, "decimal")) {
        emit_decimal(translation, type);
    } else if (is_type(type, "array") && parameters == 1) {
        athena_emit_type(translation, type->items);
        athena_emit_text(translation, "[]");
    } else if (is_type(type, "map") && parameters == 2) {
        athena_emit_text(translation, "MAP(");
        athena_emit_type(translation, type->items);
        athena_emit_text(translation, ", ");
        athena_emit_type(translation, type->items->next);
        athena_emit_text(translation, ")");
    } else if (is_type(type, "row") && parameters > 0) {
        emit_row(translation, type);
    } else {
        for (size_t i = 0; i < MR_COUNT(types); i++) {
            if (is_type(type, types[i].trino)) {
                athena_emit_text(translation, types[i].duckdb);
                return;
            }
        }
        fail_type(translation, type);
    }
}

/* ---- casts ---- */

bool athena_has_zone(const struct athena_sqltype *type)
{
    return type != NULL && type->kind == SQL_TIMESTAMP_TZ && type->zone.len > 0 &&
           !mr_slice_equal(type->zone, MR_S("UTC"));
}

int athena_fraction(struct athena_translation *translation, const struct athena_node *digits)
{
    int64_t count;
    if (digits->kind == AST_INTEGER && mr_slice_to_i64(digits->text, &count) == MR_OK &&
        count <= SQL_FRACTION_MAX)
        return (int)count;
    athena_translate_fail(translation, digits, "NOT_SUPPORTED",
                          "seconds with more than %d decimal digits are not supported",
                          SQL_FRACTION_MAX);
    return 0;
}

void athena_emit_local(struct athena_translation *translation, const struct athena_node *node)
{
    struct mr_slice zone = node->type->zone;
    if (mr_slice_equal(zone, MR_S(ATHENA_ZONES_DIFFER))) {
        athena_translate_fail(translation, node, "NOT_SUPPORTED",
                              "values of different time zones in one column are not supported");
        return;
    }
    if (athena_zone_beside(node->type)) {
        athena_emit_text(translation, "mr_zone_local(");
        athena_emit_zone(translation, node);
        athena_emit_text(translation, ", ");
        athena_emit(translation, node);
        athena_emit_text(translation, ")");
        return;
    }
    if (zone.ptr[0] == '+' || zone.ptr[0] == '-') {
        int64_t hours = 0, minutes = 0;
        if (mr_slice_to_i64(mr_slice_sub(zone, 1, 2), &hours) != MR_OK ||
            (zone.len > 3 &&
             mr_slice_to_i64(mr_slice_sub(zone, zone.len - 2, 2), &minutes) != MR_OK))
            athena_translate_fail(translation, node, "INVALID_LITERAL", "no time zone: %.*s",
                                  MR_ARG(zone));
        athena_emit_text(translation, "(timezone('UTC', ");
        athena_emit(translation, node);
        mr_buf_printf(translation->out, ") %c INTERVAL (%d) MINUTE)", zone.ptr[0],
                      (int)(hours * 60 + minutes));
        return;
    }
    athena_emit_text(translation, "timezone(");
    athena_emit_string(translation, zone);
    athena_emit_text(translation, ", ");
    athena_emit(translation, node);
    athena_emit_text(translation, ")");
}

bool athena_pads(const struct athena_sqltype *from, const struct athena_sqltype *to)
{
    return from != NULL && to != NULL && to->kind == SQL_CHAR && athena_sqltype_is_text(from) &&
           (from->kind != SQL_CHAR || from->precision != to->precision);
}

void athena_emit_padded(struct athena_translation *translation, const struct athena_node *node,
                        const struct athena_sqltype *type)
{
    const bool pads = athena_pads(node->type, type);
    athena_emit_text(translation, pads ? "rpad(" : "");
    athena_emit(translation, node);
    if (pads)
        mr_buf_printf(translation->out, ", %d, ' ')", type->precision);
}

void athena_emit_coerced(struct athena_translation *translation, const struct athena_node *node,
                         const struct athena_sqltype *type)
{
    if (athena_pads(node->type, type)) {
        athena_emit_padded(translation, node, type);
        return;
    }
    const bool local = athena_has_zone(node->type) && type->kind != SQL_TIMESTAMP_TZ;
    athena_emit_text(translation, "CAST(");
    if (athena_time_zoned(node->type) && athena_sqltype_is_text(type))
        athena_emit_time_text(translation, node, node->type->precision);
    else if (athena_time_zoned(node->type) && !athena_time_zoned(type))
        athena_emit_time_local(translation, node);
    else if (local)
        athena_emit_local(translation, node);
    else
        athena_emit(translation, node);
    athena_emit_text(translation, " AS ");
    athena_sqltype_duck(translation->out, type);
    athena_emit_text(translation, ")");
}

void athena_emit_zoned(struct athena_translation *translation, const struct athena_node *node)
{
    const int fraction = node->type->precision;
    if (athena_time_zoned(node->type)) {
        athena_emit_time_text(translation, node, fraction > 3 ? fraction : 3);
        return;
    }
    athena_emit_text(translation, "(mr_moment_text(");
    athena_emit_local(translation, node);
    mr_buf_printf(translation->out, ", %d) || ' ' || ", fraction > 3 ? fraction : 3);
    athena_emit_zone(translation, node);
    athena_emit_text(translation, ")");
}

static void emit_as_text(struct athena_translation *translation, const struct athena_node *node)
{
    const struct athena_sqltype *from = node->type;
    if (from != NULL && from->kind == SQL_JSON) {
        athena_emit_text(translation, "json_extract_string(");
        athena_emit(translation, node);
        athena_emit_text(translation, ", '$')");
        return;
    }
    if (athena_time_zoned(from)) {
        athena_emit_time_text(translation, node, from->precision);
        return;
    }
    if (from != NULL && from->kind >= SQL_TIME && from->kind <= SQL_TIMESTAMP_TZ) {
        athena_emit_text(translation, "(mr_moment_text(");
        if (athena_has_zone(from))
            athena_emit_local(translation, node);
        else
            athena_emit(translation, node);
        mr_buf_printf(translation->out, ", %d)", from->precision);
        if (from->kind == SQL_TIMESTAMP_TZ) {
            athena_emit_text(translation, " || ' ' || ");
            athena_emit_zone(translation, node);
        }
        athena_emit_text(translation, ")");
        return;
    }
    athena_emit_text(translation, "mr_text(");
    athena_emit(translation, node);
    athena_emit_text(translation, ")");
}

/* What reads a text as this type in Trino's way. */
static const char *reader_of(enum athena_sql_kind kind)
{
    switch (kind) {
    case SQL_BOOLEAN: return "mr_to_boolean(";
    case SQL_TINYINT: return "mr_to_tinyint(";
    case SQL_SMALLINT: return "mr_to_smallint(";
    case SQL_INTEGER: return "mr_to_integer(";
    case SQL_BIGINT: return "mr_to_bigint(";
    case SQL_REAL: return "mr_to_real(";
    case SQL_DOUBLE: return "mr_to_double(";
    case SQL_DATE: return "mr_to_date(";
    case SQL_TIME: return "mr_to_time(";
    case SQL_TIMESTAMP: return "mr_to_timestamp(";
    case SQL_IPADDRESS: return "mr_to_ipaddress(";
    default: return NULL;
    }
}

static int bits_of(enum athena_sql_kind kind)
{
    return kind == SQL_TINYINT ? 8 : kind == SQL_SMALLINT ? 16 : kind == SQL_INTEGER ? 32 : 64;
}

/* Casts whose failures DuckDB would tell, or round, in another way. False: it does as Trino. */
static bool emit_checked(struct athena_translation *translation, const struct athena_node *node,
                         const struct athena_sqltype *to)
{
    const struct athena_sqltype *from = node->left->type;
    const char *tries = node->flags & AST_TRY ? "true" : "false";
    if (from == NULL || to == NULL)
        return false;
    const bool integer = athena_sqltype_is_integer(to);
    if (from->kind == SQL_DOUBLE && to->kind == SQL_REAL) {
        athena_emit_text(translation, "CAST(mr_double_to_real(");
        athena_emit(translation, node->left);
        athena_emit_text(translation, ") AS FLOAT)");
        return true;
    }
    const bool read =
        from->kind == SQL_VARCHAR || (from->kind == SQL_VARBINARY && to->kind == SQL_IPADDRESS);
    const char *reader = read ? reader_of(to->kind) : NULL;
    const bool floating = from->kind == SQL_DOUBLE || from->kind == SQL_REAL;
    if (reader != NULL)
        mr_buf_printf(translation->out, "CAST(%s", reader);
    else if (integer && floating)
        athena_emit_text(translation, "CAST(mr_double_to_integer(CAST(");
    else if (integer && athena_sqltype_is_integer(from) && from->kind > to->kind)
        athena_emit_text(translation, "CAST(mr_narrow(CAST(");
    else
        return false;
    athena_emit(translation, node->left);
    if (reader == NULL)
        mr_buf_printf(translation->out, " AS %s), %d", floating ? "DOUBLE" : "BIGINT",
                      bits_of(to->kind));
    mr_buf_printf(translation->out, ", %s) AS ", tries);
    athena_sqltype_duck(translation->out, to);
    athena_emit_text(translation, ")");
    return true;
}

/* The type as scalars_jsoncast.c reads it. */
static void put_shape(struct mr_buf *shape, const struct athena_sqltype *type)
{
    static const char letters[] = {
        [SQL_BOOLEAN] = 'z', [SQL_TINYINT] = 'b', [SQL_SMALLINT] = 's', [SQL_INTEGER] = 'i',
        [SQL_BIGINT] = 'l',  [SQL_DECIMAL] = 'n', [SQL_REAL] = 'r',     [SQL_DOUBLE] = 'd',
        [SQL_VARCHAR] = 'v', [SQL_JSON] = 'j',    [SQL_ARRAY] = '[',    [SQL_MAP] = '{',
        [SQL_ROW] = '('};
    mr_buf_byte(shape, letters[type->kind]);
    for (size_t i = 0; i < type->count; i++) {
        for (size_t at = 0; type->kind == SQL_ROW && at < type->names[i].len; at++) {
            const char byte = type->names[i].ptr[at];
            if (mr_byte_in(byte, "\\,()"))
                mr_buf_byte(shape, '\\');
            mr_buf_byte(shape, byte);
        }
        mr_buf_append(shape, type->kind == SQL_ROW ? MR_S(",") : MR_S(""));
        put_shape(shape, type->items[i]);
    }
    mr_buf_append(shape, type->kind == SQL_ROW ? MR_S(")") : MR_S(""));
}

/* JSON as DuckDB's cast to a type must find it. */
static void emit_json_shaped(struct athena_translation *translation, const struct athena_node *node,
                             const struct athena_sqltype *to)
{
    struct mr_buf shape = {0};
    put_shape(&shape, to);
    athena_emit_text(translation, "CAST(mr_json_cast(CAST(");
    athena_emit(translation, node->left);
    athena_emit_text(translation, " AS VARCHAR), ");
    athena_emit_string(translation, mr_buf_slice(&shape));
    athena_emit_text(translation, ", ");
    athena_emit_string(translation, athena_sqltype_text(translation->arena, to));
    athena_emit_text(translation, node->flags & AST_TRY ? ", true) AS JSON)" : ", false) AS JSON)");
    mr_buf_fini(&shape);
}

/* To text by our own rendering, which is Trino's; to JSON as a value, not by parsing. */
static bool emit_text_cast(struct athena_translation *translation, const struct athena_node *node)
{
    const struct athena_node *type = node->items;
    const bool padded = is_type(type, "char");
    if (!padded && !is_type(type, "varchar"))
        return false;
    struct mr_slice length = type->items != NULL ? type->items->text : MR_S("1");
    const bool cut = padded || type->items != NULL;
    const struct athena_sqltype *from = node->left->type;
    if (from != NULL && from->kind == SQL_JSON) {
        static const struct athena_sqltype text = {.kind = SQL_VARCHAR, .precision = SQL_UNBOUNDED};
        athena_emit_text(translation, padded ? "rpad(left(" : cut ? "left(" : "");
        athena_emit_text(translation, "json_extract_string(");
        emit_json_shaped(translation, node, &text);
        athena_emit_text(translation, ", '$')");
        if (cut)
            mr_buf_printf(translation->out, ", %.*s)", MR_ARG(length));
        if (padded)
            mr_buf_printf(translation->out, ", %.*s, ' ')", MR_ARG(length));
        return true;
    }
    if (cut && !padded && from != NULL && from->kind != SQL_JSON && !athena_sqltype_is_text(from) &&
        from->kind != SQL_UNKNOWN) {
        const bool floating = from->kind == SQL_DOUBLE || from->kind == SQL_REAL;
        athena_emit_text(translation, "mr_fit(");
        emit_as_text(translation, node->left);
        mr_buf_printf(translation->out, ", %.*s, %s, %s)", MR_ARG(length),
                      node->flags & AST_TRY ? "true" : "false", floating ? "true" : "false");
        return true;
    }
    athena_emit_text(translation, padded ? "rpad(left(" : cut ? "left(" : "");
    emit_as_text(translation, node->left);
    if (cut)
        mr_buf_printf(translation->out, ", %.*s)", MR_ARG(length));
    if (padded)
        mr_buf_printf(translation->out, ", %.*s, ' ')", MR_ARG(length));
    return true;
}

/* A cast to fewer digits of seconds rounds. False: all the digits there are fit. */
static bool rounds(struct athena_translation *translation, const struct athena_node *node,
                   const struct athena_sqltype *to)
{
    const struct athena_sqltype *from = node->left->type;
    if (to->kind < SQL_TIME || to->kind > SQL_TIMESTAMP_TZ)
        return false;
    if (node->items->items != NULL)
        (void)athena_fraction(translation, node->items->items);
    const bool moment = from != NULL && from->kind >= SQL_TIME && from->kind <= SQL_TIMESTAMP_TZ;
    const bool day = from != NULL && from->kind == SQL_DATE;
    return to->precision < SQL_FRACTION_MAX && !day &&
           !(moment && from->precision <= to->precision);
}

static void emit_unrounded(struct athena_translation *translation, const struct athena_node *node,
                           const struct athena_sqltype *to);

/* A text's distance from UTC may stand behind a blank, or behind minutes. DuckDB reads one without
 * a zone in the zone of the row before it. */
static void emit_instant(struct athena_translation *translation, const struct athena_node *node)
{
    const bool tries = (node->flags & AST_TRY) != 0;
    athena_emit_text(translation, "CASE WHEN mr_has_zone(");
    athena_emit(translation, node->left);
    athena_emit_text(translation, tries ? ") THEN TRY_CAST(" : ") THEN CAST(");
    athena_emit_text(translation, "regexp_replace(regexp_replace(mr_zone_padded(");
    athena_emit(translation, node->left);
    athena_emit_text(
        translation,
        "), ' +([+-][0-9:]+)$', '\\1'), "
        "'^([^:]*[0-9]:[0-9]+)( *[A-Za-z].*|[+-][0-9:]+)$', '\\1:00\\2') AS TIMESTAMPTZ) ELSE "
        "timezone('UTC', mr_to_timestamp(");
    athena_emit(translation, node->left);
    athena_emit_text(translation, tries ? ", true)) END" : ", false)) END");
}

void athena_emit_cast(struct athena_translation *translation, const struct athena_node *node)
{
    const struct athena_node *type = node->items;
    const struct athena_sqltype *to = athena_sqltype_from_ast(translation->arena, type);
    if (to == NULL) {
        athena_translate_fail(translation, node, "TYPE_NOT_FOUND", "Unknown type: %.*s",
                              MR_ARG(type->text));
        return;
    }
    const bool rounded = rounds(translation, node, to);
    const bool instant = to->kind == SQL_TIMESTAMP_TZ && node->left->type != NULL &&
                         node->left->type->kind == SQL_VARCHAR;
    athena_emit_text(translation, rounded ? "mr_round_fraction(" : "");
    if (athena_time_zoned(to))
        athena_emit_time_cast(translation, node);
    else if (instant)
        emit_instant(translation, node);
    else
        emit_unrounded(translation, node, to);
    if (rounded)
        mr_buf_printf(translation->out, ", %d)", to->precision);
}

static void emit_from_json(struct athena_translation *translation, const struct athena_node *node,
                           const struct athena_sqltype *to)
{
    athena_emit_text(translation, node->flags & AST_TRY ? "TRY_CAST(" : "CAST(");
    emit_json_shaped(translation, node, to);
    athena_emit_text(translation, " AS ");
    athena_sqltype_duck(translation->out, to);
    athena_emit_text(translation, ")");
}

/* Bytes of an address, which is a number to DuckDB. */
static bool emit_address_bytes(struct athena_translation *translation,
                               const struct athena_node *node, const struct athena_sqltype *to)
{
    const struct athena_sqltype *from = node->left->type;
    if (from == NULL || from->kind != SQL_IPADDRESS || to->kind != SQL_VARBINARY)
        return false;
    athena_emit_text(translation, "mr_ipaddress_bytes(");
    athena_emit(translation, node->left);
    athena_emit_text(translation, ")");
    return true;
}

/* What mr_to_json must know of a type beside DuckDB's. */
static void put_notes(struct mr_buf *notes, const struct athena_sqltype *type)
{
    if (type->kind == SQL_TIMESTAMP)
        mr_buf_byte(notes, (char)('0' + type->precision));
    for (size_t i = 0; i < type->count; i++) {
        if (type->kind == SQL_ROW)
            mr_buf_byte(notes, type->names != NULL && type->names[i].len > 0 ? '+' : '-');
        put_notes(notes, type->items[i]);
    }
}

static void emit_to_json(struct athena_translation *translation, const struct athena_node *value)
{
    const struct athena_sqltype *from = value->type;
    const bool moment = from != NULL && from->kind >= SQL_TIME && from->kind <= SQL_TIMESTAMP_TZ;
    struct mr_buf notes = {0};
    if (from != NULL && from->count > 0 && athena_sqltype_known(from))
        put_notes(&notes, from);
    athena_emit_text(translation, "CAST(mr_to_json(");
    if (moment)
        emit_as_text(translation, value);
    else
        athena_emit(translation, value);
    athena_emit_text(translation, ", ");
    athena_emit_string(translation, mr_buf_slice(&notes));
    athena_emit_text(translation, ") AS JSON)");
    mr_buf_fini(&notes);
}

static void emit_unrounded(struct athena_translation *translation, const struct athena_node *node,
                           const struct athena_sqltype *to)
{
    const struct athena_node *type = node->items;
    if (emit_address_bytes(translation, node, to))
        return;
    if (emit_text_cast(translation, node) || emit_checked(translation, node, to))
        return;
    if (is_type(type, "json")) {
        emit_to_json(translation, node->left);
        return;
    }
    const struct athena_sqltype *of = node->left->type;
    if (of != NULL && of->kind == SQL_JSON && to->kind != SQL_JSON) {
        emit_from_json(translation, node, to);
        return;
    }
    /* What fails inside of it fails as a whole. */
    const bool tries = (node->flags & AST_TRY) != 0, nested = athena_cast_is_nested(of, to);
    if (nested || (tries && to->count > 0)) {
        athena_emit_text(translation, tries ? "TRY(CAST(" : "CAST(");
        if (nested)
            athena_emit_nested_cast(translation, node);
        else
            athena_emit(translation, node->left);
        athena_emit_text(translation, " AS ");
        athena_emit_type(translation, type);
        athena_emit_text(translation, tries ? "))" : ")");
        return;
    }
    athena_emit_text(translation, tries ? "TRY_CAST(" : "CAST(");
    if (athena_time_zoned(of))
        athena_emit_time_local(translation, node->left);
    else if (athena_has_zone(node->left->type) && to->kind != SQL_TIMESTAMP_TZ)
        athena_emit_local(translation, node->left);
    else
        athena_emit(translation, node->left);
    athena_emit_text(translation, " AS ");
    athena_emit_type(translation, type);
    athena_emit_text(translation, ")");
}
