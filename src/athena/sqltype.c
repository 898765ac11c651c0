#include "athena/sqltype.h"
#include <stdio.h>

static const struct kind {
    const char *name, *shown, *duck;
    int digits; /* of an integer, as a decimal */
} kinds[] = {
    [SQL_UNKNOWN] = {"unknown", "unknown", "\"NULL\"", 0},
    [SQL_BOOLEAN] = {"boolean", "boolean", "BOOLEAN", 0},
    [SQL_TINYINT] = {"tinyint", "tinyint", "TINYINT", 3},
    [SQL_SMALLINT] = {"smallint", "smallint", "SMALLINT", 5},
    [SQL_INTEGER] = {"integer", "integer", "INTEGER", 10},
    [SQL_BIGINT] = {"bigint", "bigint", "BIGINT", 19},
    [SQL_DECIMAL] = {"decimal", "decimal", "DECIMAL", 0},
    [SQL_REAL] = {"real", "float", "FLOAT", 0},
    [SQL_DOUBLE] = {"double", "double", "DOUBLE", 0},
    [SQL_CHAR] = {"char", "char", "VARCHAR", 0},
    [SQL_VARCHAR] = {"varchar", "varchar", "VARCHAR", 0},
    [SQL_VARBINARY] = {"varbinary", "varbinary", "BLOB", 0},
    [SQL_DATE] = {"date", "date", "DATE", 0},
    [SQL_TIME] = {"time", "time", "TIME", 0},
    [SQL_TIME_TZ] = {"time", "time with time zone", "TIME", 0},
    [SQL_TIMESTAMP] = {"timestamp", "timestamp", "TIMESTAMP", 0},
    [SQL_TIMESTAMP_TZ] = {"timestamp", "timestamp with time zone", "TIMESTAMPTZ", 0},
    [SQL_INTERVAL_DAY] = {"interval day to second", "interval day to second", "INTERVAL", 0},
    [SQL_INTERVAL_YEAR] = {"interval year to month", "interval year to month", "INTERVAL", 0},
    [SQL_JSON] = {"json", "json", "JSON", 0},
    [SQL_UUID] = {"uuid", "uuid", "UUID", 0},
    [SQL_IPADDRESS] = {"ipaddress", "ipaddress", "UHUGEINT", 0},
    [SQL_GEOMETRY] = {"Geometry", "geometry", "VARCHAR", 0},
    [SQL_GEOGRAPHY] = {"SphericalGeography", "sphericalgeography", "VARCHAR", 0},
    [SQL_BINGTILE] = {"BingTile", "bingtile", "VARCHAR", 0},
    [SQL_HYPERLOGLOG] = {"HyperLogLog", "hyperloglog", "BLOB", 0},
    [SQL_QDIGEST] = {"qdigest", "qdigest", "", 0},
    [SQL_TDIGEST] = {"tdigest", "tdigest", "DOUBLE[]", 0},
    [SQL_SETDIGEST] = {"SetDigest", "setdigest", "BIGINT[]", 0},
    [SQL_ARRAY] = {"array", "array", "", 0},
    [SQL_MAP] = {"map", "map", "MAP", 0},
    [SQL_ROW] = {"row", "row", "STRUCT", 0},
};

/* ---- making ---- */

const struct athena_sqltype *athena_sqltype_simple(enum athena_sql_kind kind)
{
    static const struct athena_sqltype simple[] = {
#define SIMPLE(name, precision_) [name] = {.kind = name, .precision = (precision_)}
        SIMPLE(SQL_UNKNOWN, 0),
        SIMPLE(SQL_BOOLEAN, 0),
        SIMPLE(SQL_TINYINT, 0),
        SIMPLE(SQL_SMALLINT, 0),
        SIMPLE(SQL_INTEGER, 0),
        SIMPLE(SQL_BIGINT, 0),
        SIMPLE(SQL_DECIMAL, 38),
        SIMPLE(SQL_REAL, 0),
        SIMPLE(SQL_DOUBLE, 0),
        SIMPLE(SQL_CHAR, 1),
        SIMPLE(SQL_VARCHAR, SQL_UNBOUNDED),
        SIMPLE(SQL_VARBINARY, 0),
        SIMPLE(SQL_DATE, 0),
        SIMPLE(SQL_TIME, 3),
        SIMPLE(SQL_TIME_TZ, 3),
        SIMPLE(SQL_TIMESTAMP, 3),
        SIMPLE(SQL_TIMESTAMP_TZ, 3),
        SIMPLE(SQL_INTERVAL_DAY, 0),
        SIMPLE(SQL_INTERVAL_YEAR, 0),
        SIMPLE(SQL_JSON, 0),
        SIMPLE(SQL_UUID, 0),
        SIMPLE(SQL_IPADDRESS, 0),
        SIMPLE(SQL_GEOMETRY, 0),
        SIMPLE(SQL_GEOGRAPHY, 0),
        SIMPLE(SQL_BINGTILE, 0),
        SIMPLE(SQL_HYPERLOGLOG, 0),
        SIMPLE(SQL_TDIGEST, 0),
        SIMPLE(SQL_SETDIGEST, 0),
        SIMPLE(SQL_QDIGEST, 0),
#undef SIMPLE
    };
    return &simple[kind];
}

static struct athena_sqltype *make(struct mr_arena *arena, enum athena_sql_kind kind, size_t count)
{
    struct athena_sqltype *type = MR_NEW(arena, struct athena_sqltype);
    type->kind = kind;
    type->count = count;
    type->items = MR_NEW_ARRAY(arena, const struct athena_sqltype *, count + 1);
    return type;
}

const struct athena_sqltype *athena_sqltype_sized(struct mr_arena *arena, enum athena_sql_kind kind,
                                                  int precision, int scale)
{
    struct athena_sqltype *type = make(arena, kind, 0);
    type->precision = precision;
    type->scale = scale;
    return type;
}

const struct athena_sqltype *athena_sqltype_array(struct mr_arena *arena,
                                                  const struct athena_sqltype *element)
{
    struct athena_sqltype *type = make(arena, SQL_ARRAY, 1);
    type->items[0] = element;
    return type;
}

const struct athena_sqltype *athena_sqltype_map(struct mr_arena *arena,
                                                const struct athena_sqltype *key,
                                                const struct athena_sqltype *value)
{
    struct athena_sqltype *type = make(arena, SQL_MAP, 2);
    type->items[0] = key;
    type->items[1] = value;
    return type;
}

struct athena_sqltype *athena_sqltype_row(struct mr_arena *arena, size_t count)
{
    struct athena_sqltype *type = make(arena, SQL_ROW, count);
    type->names = MR_NEW_ARRAY(arena, struct mr_slice, count + 1);
    return type;
}

static int number_of(const struct athena_node *node, int otherwise)
{
    uint64_t value;
    if (node == NULL || node->kind != AST_INTEGER || mr_slice_to_u64(node->text, &value) != MR_OK)
        return otherwise;
    return value > INT32_MAX ? INT32_MAX : (int)value;
}

static const struct athena_sqltype *row_from_ast(struct mr_arena *arena,
                                                 const struct athena_node *type)
{
    struct athena_sqltype *row = athena_sqltype_row(arena, athena_node_count(type->items));
    size_t i = 0;
    for (const struct athena_node *item = type->items; item != NULL; item = item->next, i++) {
        row->items[i] = athena_sqltype_from_ast(arena, item);
        row->names[i] = item->name;
        if (row->items[i] == NULL)
            return NULL;
    }
    return row;
}

const struct athena_sqltype *athena_sqltype_from_ast(struct mr_arena *arena,
                                                     const struct athena_node *type)
{
    const struct athena_node *first = type->items;
    if (type->kind != AST_TYPE)
        return NULL;
    if (mr_slice_equal(type->text, MR_S("row")))
        return row_from_ast(arena, type);
    if (mr_slice_equal(type->text, MR_S("array")) && first != NULL) {
        const struct athena_sqltype *element = athena_sqltype_from_ast(arena, first);
        return element == NULL ? NULL : athena_sqltype_array(arena, element);
    }
    if (mr_slice_equal(type->text, MR_S("map")) && athena_node_count(first) == 2) {
        const struct athena_sqltype *key = athena_sqltype_from_ast(arena, first);
        const struct athena_sqltype *value = athena_sqltype_from_ast(arena, first->next);
        return key == NULL || value == NULL ? NULL : athena_sqltype_map(arena, key, value);
    }
    if (mr_slice_equal(type->text, MR_S("decimal")) || mr_slice_equal(type->text, MR_S("dec")))
        return athena_sqltype_sized(arena, SQL_DECIMAL, number_of(first, 38),
                                    first == NULL ? 0 : number_of(first->next, 0));
    if (mr_slice_equal(type->text, MR_S("timestamp with time zone")))
        return athena_sqltype_sized(arena, SQL_TIMESTAMP_TZ, number_of(first, 3), 0);
    if (mr_slice_equal(type->text, MR_S("time with time zone")))
        return athena_sqltype_sized(arena, SQL_TIME_TZ, number_of(first, 3), 0);
    if (mr_slice_equal(type->text, MR_S("int")))
        return athena_sqltype_simple(SQL_INTEGER);
    if (mr_slice_equal(type->text, MR_S("hyperloglog")))
        return athena_sqltype_simple(SQL_HYPERLOGLOG);
    if (mr_slice_equal(type->text, MR_S("setdigest")))
        return athena_sqltype_simple(SQL_SETDIGEST);
    for (size_t i = SQL_BOOLEAN; i < SQL_ARRAY; i++) {
        const struct athena_sqltype *simple = athena_sqltype_simple((enum athena_sql_kind)i);
        if (i == SQL_TIMESTAMP_TZ || i == SQL_TIME_TZ ||
            !mr_slice_equal(type->text, mr_slice_cstr(kinds[i].name)))
            continue;
        return first == NULL ? simple
                             : athena_sqltype_sized(arena, simple->kind,
                                                    number_of(first, simple->precision), 0);
    }
    return NULL;
}

static const struct athena_sqltype *from_hive(struct mr_arena *arena,
                                              const struct athena_type *type);

static const struct athena_sqltype *struct_from_hive(struct mr_arena *arena,
                                                     const struct athena_type *type)
{
    struct athena_sqltype *row = athena_sqltype_row(arena, type->field_count);
    for (size_t i = 0; i < type->field_count; i++) {
        row->items[i] = from_hive(arena, &type->fields[i]);
        row->names[i] = type->names[i];
    }
    return row;
}

static const struct athena_sqltype *from_hive(struct mr_arena *arena,
                                              const struct athena_type *type)
{
    switch (type->kind) {
    case ATHENA_BOOLEAN: return athena_sqltype_simple(SQL_BOOLEAN);
    case ATHENA_TINYINT: return athena_sqltype_simple(SQL_TINYINT);
    case ATHENA_SMALLINT: return athena_sqltype_simple(SQL_SMALLINT);
    case ATHENA_INT: return athena_sqltype_simple(SQL_INTEGER);
    case ATHENA_BIGINT: return athena_sqltype_simple(SQL_BIGINT);
    case ATHENA_FLOAT: return athena_sqltype_simple(SQL_REAL);
    case ATHENA_DOUBLE: return athena_sqltype_simple(SQL_DOUBLE);
    case ATHENA_DECIMAL:
        return athena_sqltype_sized(arena, SQL_DECIMAL, type->precision, type->scale);
    case ATHENA_STRING: return athena_sqltype_simple(SQL_VARCHAR);
    case ATHENA_DATE: return athena_sqltype_simple(SQL_DATE);
    case ATHENA_TIMESTAMP: return athena_sqltype_simple(SQL_TIMESTAMP);
    case ATHENA_BINARY: return athena_sqltype_simple(SQL_VARBINARY);
    case ATHENA_ARRAY: return athena_sqltype_array(arena, from_hive(arena, type->element));
    case ATHENA_MAP:
        return athena_sqltype_map(arena, from_hive(arena, type->key),
                                  from_hive(arena, type->element));
    case ATHENA_STRUCT: return struct_from_hive(arena, type);
    }
    return NULL;
}

const struct athena_sqltype *athena_sqltype_from_hive(struct mr_arena *arena,
                                                      const struct athena_type *type)
{
    if (type->kind == ATHENA_STRING && type->length > 0)
        return athena_sqltype_sized(arena, type->padded ? SQL_CHAR : SQL_VARCHAR, type->length, 0);
    return from_hive(arena, type);
}

/* ---- asking ---- */

bool athena_sqltype_known(const struct athena_sqltype *type)
{
    if (type == NULL)
        return false;
    for (size_t i = 0; i < type->count; i++) {
        if (!athena_sqltype_known(type->items[i]))
            return false;
    }
    return true;
}

bool athena_sqltype_is_integer(const struct athena_sqltype *type)
{
    return type->kind >= SQL_TINYINT && type->kind <= SQL_BIGINT;
}

bool athena_sqltype_is_number(const struct athena_sqltype *type)
{
    return type->kind >= SQL_TINYINT && type->kind <= SQL_DOUBLE;
}

bool athena_sqltype_is_text(const struct athena_sqltype *type)
{
    return type->kind == SQL_VARCHAR || type->kind == SQL_CHAR;
}

static struct mr_slice zone_of(const struct athena_sqltype *type)
{
    return type->zone.len == 0 ? MR_S("UTC") : type->zone;
}

static bool has_zone(enum athena_sql_kind kind)
{
    return kind == SQL_TIMESTAMP_TZ || kind == SQL_TIME_TZ;
}

static bool is_time(const struct athena_sqltype *type)
{
    return type->kind == SQL_TIME || type->kind == SQL_TIME_TZ;
}

static bool is_sized(enum athena_sql_kind kind)
{
    return kind == SQL_DECIMAL || kind == SQL_VARCHAR || kind == SQL_CHAR ||
           (kind >= SQL_TIME && kind <= SQL_TIMESTAMP_TZ);
}

bool athena_sqltype_equal(const struct athena_sqltype *a, const struct athena_sqltype *b)
{
    if (a == b)
        return true;
    if (a == NULL || b == NULL || a->kind != b->kind || a->count != b->count)
        return false;
    if (is_sized(a->kind) && (a->precision != b->precision || a->scale != b->scale))
        return false;
    if (has_zone(a->kind) && !mr_slice_equal(zone_of(a), zone_of(b)))
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!athena_sqltype_equal(a->items[i], b->items[i]))
            return false;
        if (a->names != NULL && b->names != NULL && !mr_slice_equal(a->names[i], b->names[i]))
            return false;
    }
    return true;
}

static const struct athena_sqltype *common_decimal(struct mr_arena *arena,
                                                   const struct athena_sqltype *a,
                                                   const struct athena_sqltype *b)
{
    const int ap = a->kind == SQL_DECIMAL ? a->precision : kinds[a->kind].digits;
    const int bp = b->kind == SQL_DECIMAL ? b->precision : kinds[b->kind].digits;
    const int as = a->kind == SQL_DECIMAL ? a->scale : 0;
    const int bs = b->kind == SQL_DECIMAL ? b->scale : 0;
    const int scale = as > bs ? as : bs;
    const int whole = ap - as > bp - bs ? ap - as : bp - bs;
    return athena_sqltype_sized(arena, SQL_DECIMAL, whole + scale > 38 ? 38 : whole + scale, scale);
}

static const struct athena_sqltype *common_number(struct mr_arena *arena,
                                                  const struct athena_sqltype *a,
                                                  const struct athena_sqltype *b)
{
    if (a->kind == SQL_DOUBLE || b->kind == SQL_DOUBLE)
        return athena_sqltype_simple(SQL_DOUBLE);
    if (a->kind == SQL_REAL || b->kind == SQL_REAL)
        return athena_sqltype_simple(SQL_REAL);
    if (a->kind == SQL_DECIMAL || b->kind == SQL_DECIMAL)
        return common_decimal(arena, a, b);
    return athena_sqltype_simple(a->kind > b->kind ? a->kind : b->kind);
}

static const struct athena_sqltype *common_text(struct mr_arena *arena,
                                                const struct athena_sqltype *a,
                                                const struct athena_sqltype *b)
{
    const enum athena_sql_kind kind =
        a->kind == SQL_CHAR || b->kind == SQL_CHAR ? SQL_CHAR : SQL_VARCHAR;
    if (a->precision == SQL_UNBOUNDED || b->precision == SQL_UNBOUNDED)
        return athena_sqltype_simple(SQL_VARCHAR);
    return athena_sqltype_sized(arena, kind,
                                a->precision > b->precision ? a->precision : b->precision, 0);
}

static const struct athena_sqltype *common_nested(struct mr_arena *arena,
                                                  const struct athena_sqltype *a,
                                                  const struct athena_sqltype *b)
{
    if (a->count != b->count)
        return NULL;
    struct athena_sqltype *type = make(arena, a->kind, a->count);
    if (a->kind == SQL_ROW)
        type->names = MR_NEW_ARRAY(arena, struct mr_slice, a->count + 1);
    for (size_t i = 0; i < a->count; i++) {
        if (a->items[i] == NULL || b->items[i] == NULL)
            continue;
        type->items[i] = athena_sqltype_common(arena, a->items[i], b->items[i]);
        if (type->items[i] == NULL)
            return NULL;
        if (type->names != NULL && mr_slice_equal_nocase(a->names[i], b->names[i]))
            type->names[i] = a->names[i];
    }
    return type;
}

static bool is_day_or_moment(const struct athena_sqltype *type)
{
    return type->kind == SQL_DATE || type->kind == SQL_TIMESTAMP || type->kind == SQL_TIMESTAMP_TZ;
}

static struct mr_slice common_zone(const struct athena_sqltype *a, const struct athena_sqltype *b)
{
    const struct mr_slice one = zone_of(a), other = zone_of(b), beside = MR_S(ATHENA_ZONE_BESIDE);
    if (mr_slice_equal(one, other))
        return a->zone;
    return (mr_slice_equal(one, beside) && mr_slice_equal(other, MR_S("UTC"))) ||
                   (mr_slice_equal(other, beside) && mr_slice_equal(one, MR_S("UTC")))
               ? beside
               : MR_S(ATHENA_ZONES_DIFFER);
}

static const struct athena_sqltype *common_moment(struct mr_arena *arena,
                                                  const struct athena_sqltype *a,
                                                  const struct athena_sqltype *b)
{
    const enum athena_sql_kind kind = a->kind >= b->kind ? a->kind : b->kind;
    struct athena_sqltype *type = make(arena, kind, 0);
    type->precision = a->precision > b->precision ? a->precision : b->precision;
    if (has_zone(kind))
        type->zone = common_zone(a, b);
    return type;
}

const struct athena_sqltype *athena_sqltype_common(struct mr_arena *arena,
                                                   const struct athena_sqltype *a,
                                                   const struct athena_sqltype *b)
{
    if (a->kind == SQL_UNKNOWN)
        return b;
    if (b->kind == SQL_UNKNOWN || athena_sqltype_equal(a, b))
        return a;
    if (athena_sqltype_is_number(a) && athena_sqltype_is_number(b))
        return common_number(arena, a, b);
    if (athena_sqltype_is_text(a) && athena_sqltype_is_text(b))
        return common_text(arena, a, b);
    if ((is_day_or_moment(a) && is_day_or_moment(b)) || (is_time(a) && is_time(b)))
        return common_moment(arena, a, b);
    if (a->kind != b->kind)
        return NULL;
    return a->count > 0 ? common_nested(arena, a, b) : a;
}

/* JSON of a string is compared with nothing but JSON; a text becomes no number by itself. */
bool athena_sqltype_coerces(struct mr_arena *arena, const struct athena_sqltype *from,
                            const struct athena_sqltype *to)
{
    const struct athena_sqltype *common = athena_sqltype_common(arena, from, to);
    if (common == NULL || common->kind != to->kind || common->count != to->count)
        return false;
    for (size_t i = 0; i < to->count; i++) {
        if (from->kind != to->kind)
            return true; /* NULL */
        if (from->items[i] != NULL && to->items[i] != NULL &&
            !athena_sqltype_coerces(arena, from->items[i], to->items[i]))
            return false;
    }
    return true;
}

static bool casts_nested(const struct athena_sqltype *from, const struct athena_sqltype *to)
{
    if (from->count != to->count)
        return false;
    for (size_t i = 0; i < to->count; i++) {
        if (!athena_sqltype_casts(from->items[i], to->items[i]))
            return false;
    }
    return true;
}

static bool is_primitive(const struct athena_sqltype *type)
{
    return athena_sqltype_is_number(type) || type->kind == SQL_BOOLEAN;
}

/* Keys of maps are what JSON can write as a name. */
static bool casts_from_json(const struct athena_sqltype *to)
{
    if (to->count == 0)
        return is_primitive(to) || to->kind == SQL_VARCHAR || to->kind == SQL_JSON;
    if (to->kind == SQL_MAP && !is_primitive(to->items[0]) && to->items[0]->kind != SQL_VARCHAR)
        return false;
    for (size_t i = 0; i < to->count; i++) {
        if (!casts_from_json(to->items[i]))
            return false;
    }
    return true;
}

static bool casts_to_json(const struct athena_sqltype *from)
{
    for (size_t i = 0; i < from->count; i++) {
        if (!athena_sqltype_casts(from->items[i], athena_sqltype_simple(SQL_JSON)))
            return false;
    }
    return from->count > 0 || is_primitive(from) || from->kind == SQL_DATE ||
           from->kind == SQL_TIMESTAMP;
}

/* What nothing else becomes. */
static bool is_opaque(enum athena_sql_kind kind)
{
    return kind >= SQL_GEOMETRY && kind <= SQL_QDIGEST && kind != SQL_HYPERLOGLOG;
}

bool athena_sqltype_casts(const struct athena_sqltype *from, const struct athena_sqltype *to)
{
    if (from == NULL || to == NULL || from->kind == SQL_UNKNOWN || to->kind == SQL_UNKNOWN)
        return true;
    if (from->kind == to->kind)
        return from->count == 0 || casts_nested(from, to);
    if (from->kind == SQL_HYPERLOGLOG || to->kind == SQL_HYPERLOGLOG)
        return from->kind == SQL_VARBINARY || to->kind == SQL_VARBINARY || from->kind == to->kind;
    if (is_opaque(from->kind) || is_opaque(to->kind))
        return false;
    if (to->kind == SQL_IPADDRESS)
        return from->kind == SQL_VARCHAR || from->kind == SQL_VARBINARY;
    if (from->kind == SQL_IPADDRESS)
        return to->kind == SQL_VARBINARY ||
               (to->kind == SQL_VARCHAR && to->precision == SQL_UNBOUNDED);
    if (is_primitive(from) && is_primitive(to))
        return true;
    if (athena_sqltype_is_text(from))
        return to->count == 0 && to->kind != SQL_INTERVAL_DAY && to->kind != SQL_INTERVAL_YEAR &&
               (from->kind == SQL_VARCHAR || to->kind == SQL_VARCHAR || to->kind == SQL_CHAR);
    if (athena_sqltype_is_text(to))
        return from->count == 0 && from->kind != SQL_VARBINARY && to->kind == SQL_VARCHAR;
    if (from->kind == SQL_JSON)
        return casts_from_json(to);
    if (to->kind == SQL_JSON)
        return casts_to_json(from);
    if (is_day_or_moment(from) && is_day_or_moment(to))
        return true;
    if (from->kind == SQL_TIMESTAMP || from->kind == SQL_TIMESTAMP_TZ || is_time(from))
        return is_time(to) || (is_time(from) && is_day_or_moment(to) && to->kind != SQL_DATE &&
                               (from->kind == SQL_TIME_TZ || to->kind == SQL_TIMESTAMP));
    return (from->kind == SQL_UUID && to->kind == SQL_VARBINARY) ||
           (from->kind == SQL_VARBINARY && to->kind == SQL_UUID);
}

// NOLINTNEXTLINE(misc-no-recursion)
bool athena_sqltype_orders(const struct athena_sqltype *type)
{
    if (type == NULL)
        return true;
    if (type->kind == SQL_JSON || type->kind == SQL_MAP ||
        (is_opaque(type->kind) && type->kind != SQL_BINGTILE) || type->kind == SQL_HYPERLOGLOG)
        return false;
    bool orders = true;
    for (size_t i = 0; i < type->count; i++)
        orders = orders && athena_sqltype_orders(type->items[i]);
    return orders;
}

struct mr_slice athena_literal_zone(struct mr_slice text)
{
    const struct mr_slice trimmed = mr_slice_trim(text);
    const size_t blank = mr_slice_find(trimmed, ' '); /* behind a day, or a time alone */
    const size_t from =
        blank != SIZE_MAX ? (size_t)(trimmed.ptr - text.ptr) + blank : mr_slice_find(text, ':');
    for (size_t i = from == SIZE_MAX ? text.len : from; i < text.len; i++) {
        const char byte = text.ptr[i];
        if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '+' ||
            byte == '-')
            return mr_slice_trim(mr_slice_sub(text, i, SIZE_MAX));
    }
    return MR_S("");
}

static bool begins(struct mr_slice text, const char *with)
{
    const struct mr_slice word = mr_slice_cstr(with);
    return mr_slice_equal_nocase(mr_slice_sub(text, 0, word.len), word);
}

static int digit(struct mr_slice text, size_t at)
{
    return at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9' ? text.ptr[at] - '0' : 100;
}

/* "+5", "-05", "+05:30"; `flips`: POSIX has it the other way round. Empty: it is none. */
static struct mr_slice distance(struct mr_slice text, bool flips)
{
    static const char east[] = "+01:00+02:00+03:00+04:00+05:00+06:00+07:00"
                               "+08:00+09:00+10:00+11:00+12:00+13:00+14:00",
                      west[] = "-01:00-02:00-03:00-04:00-05:00-06:00-07:00"
                               "-08:00-09:00-10:00-11:00-12:00-13:00-14:00";
    const bool whole = text.len == 6 && text.ptr[3] == ':', minus = text.ptr[0] == '-';
    const int hours = text.len == 2 ? digit(text, 1) : digit(text, 1) * 10 + digit(text, 2);
    const int minutes = whole ? digit(text, 4) * 10 + digit(text, 5) : 0;
    if ((!whole && text.len != 2 && text.len != 3) || hours > 14 || minutes > 59 ||
        (hours == 14 && minutes > 0))
        return MR_S("");
    if (hours == 0 && minutes == 0)
        return MR_S("UTC");
    if (whole)
        return text;
    return mr_slice_make((minus != flips ? west : east) + 6 * (hours - 1), 6);
}

struct mr_slice athena_zone_name(struct mr_slice zone)
{
    static const char *const utc[] = {"utc",  "z",         "ut",        "uct", "gmt",
                                      "gmt0", "greenwich", "universal", "zulu"};
    const bool etc = begins(zone, "etc/");
    struct mr_slice rest = etc ? mr_slice_sub(zone, 4, SIZE_MAX) : zone;
    for (size_t i = 0; i < MR_COUNT(utc); i++)
        if (mr_slice_equal_nocase(rest, mr_slice_cstr(utc[i])))
            return MR_S("UTC");
    const bool gmt = begins(rest, "gmt"), three = gmt || begins(rest, "utc");
    if (three || begins(rest, "ut"))
        rest = mr_slice_sub(rest, three ? 3 : 2, SIZE_MAX);
    if (rest.len == 0 || (rest.ptr[0] != '+' && rest.ptr[0] != '-'))
        return zone;
    return distance(rest, etc && gmt);
}

struct mr_slice athena_zone_of_text(struct mr_slice text)
{
    const struct mr_slice written = athena_literal_zone(text), name = athena_zone_name(written);
    return name.len > 0 ? name : written;
}

/* ---- telling ---- */

void athena_sqltype_print(struct mr_buf *buf, const struct athena_sqltype *type)
{
    if (type == NULL) {
        mr_buf_append(buf, MR_S("unknown"));
        return;
    }
    mr_buf_append(buf, mr_slice_cstr(kinds[type->kind].name));
    if (type->kind == SQL_DECIMAL)
        mr_buf_printf(buf, "(%d,%d)", type->precision, type->scale);
    else if (type->kind == SQL_CHAR || (type->kind == SQL_VARCHAR && type->precision >= 0))
        mr_buf_printf(buf, "(%d)", type->precision);
    else if (type->kind == SQL_TIMESTAMP || type->kind == SQL_TIME)
        mr_buf_printf(buf, "(%d)", type->precision);
    else if (has_zone(type->kind))
        mr_buf_printf(buf, "(%d) with time zone", type->precision);
    for (size_t i = 0; i < type->count; i++) {
        mr_buf_append(buf, i == 0 ? MR_S("(") : MR_S(", "));
        if (type->names != NULL && type->names[i].len > 0)
            mr_buf_printf(buf, "%.*s ", MR_ARG(type->names[i]));
        athena_sqltype_print(buf, type->items[i]);
    }
    if (type->count > 0)
        mr_buf_byte(buf, ')');
}

struct mr_slice athena_sqltype_text(struct mr_arena *arena, const struct athena_sqltype *type)
{
    struct mr_buf buf = {0};
    athena_sqltype_print(&buf, type);
    struct mr_slice text = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

const char *athena_sqltype_name(const struct athena_sqltype *type)
{
    return kinds[type->kind].shown;
}

static void quoted(struct mr_buf *buf, struct mr_slice name)
{
    mr_buf_byte(buf, '"');
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '"')
            mr_buf_byte(buf, '"');
        mr_buf_byte(buf, name.ptr[i]);
    }
    mr_buf_byte(buf, '"');
}

void athena_sqltype_duck(struct mr_buf *buf, const struct athena_sqltype *type)
{
    if (type->kind == SQL_ARRAY || type->kind == SQL_QDIGEST) {
        athena_sqltype_duck(buf, type->items[0]);
        mr_buf_append(buf, MR_S("[]"));
        return;
    }
    mr_buf_append(buf, mr_slice_cstr(kinds[type->kind].duck));
    if (type->kind == SQL_DECIMAL)
        mr_buf_printf(buf, "(%d,%d)", type->precision, type->scale);
    for (size_t i = 0; i < type->count; i++) {
        mr_buf_append(buf, i == 0 ? MR_S("(") : MR_S(", "));
        if (type->kind == SQL_ROW) {
            char unnamed[32];
            snprintf(unnamed, sizeof unnamed, "field%zu", i);
            quoted(buf, type->names[i].len > 0 ? type->names[i] : mr_slice_cstr(unnamed));
            mr_buf_byte(buf, ' ');
        }
        athena_sqltype_duck(buf, type->items[i]);
    }
    if (type->count > 0)
        mr_buf_byte(buf, ')');
}
