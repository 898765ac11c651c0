/* MATCH_RECOGNIZE: the conditions of DEFINE.
 *
 * What looks at one row alone - the one in hand and those beside it, or one that was matched
 * before - is computed by DuckDB for every row: a field. mr_match puts the fields together, by the
 * operators of match_value.c, when it knows which rows are meant. Anything else that looks at
 * several rows is refused. */
#include "athena/translate_match.h"

/* A condition on its way into the plan: what is wanted, and where it is written. */
struct writer {
    struct match_context *context;
    struct mr_json *plan;
    struct mr_buf slots; /* JSON: of conditions */
    size_t slot_count;
    size_t depth;
};

static const struct athena_sqltype *put(struct writer *writer, const struct athena_node *node,
                                        const struct athena_sqltype *wanted);

/* ---- the plan ---- */

/* An expression's array, up to its operands: see match_value.c. */
struct term {
    char op, kind;
    int64_t number; /* column, or which comparisons are true */
    bool comparison;
    int64_t missing, slot, physical, bits, unit;
    struct mr_slice text;
};

static void put_term(struct writer *writer, const struct term *term)
{
    const char op[] = {term->op, term->kind, '\0'};
    struct mr_json *plan = writer->plan;
    mr_json_array(plan);
    mr_json_string(plan, mr_slice_make(op, term->kind == '\0' ? 1 : 2));
    mr_json_int(plan, term->comparison ? 0 : term->number);
    mr_json_int(plan, term->comparison ? term->number : 0);
    mr_json_int(plan, term->missing);
    mr_json_int(plan, term->slot);
    mr_json_int(plan, term->physical);
    mr_json_int(plan, term->bits);
    mr_json_int(plan, term->unit);
    mr_json_string(plan, term->text);
}

static size_t add_slot(struct writer *writer, enum match_slot_kind kind, int64_t offset,
                       int64_t column, bool label, struct mr_slice set)
{
    struct mr_json json = mr_json_make(&writer->slots);
    if (writer->slot_count > 0)
        mr_buf_byte(&writer->slots, ',');
    mr_json_array(&json);
    mr_json_int(&json, kind);
    mr_json_int(&json, offset);
    mr_json_int(&json, 0);
    mr_json_int(&json, column);
    mr_json_int(&json, 0);
    mr_json_int(&json, label);
    athena_match_put_set(writer->context, set, &json);
    mr_json_array_end(&json);
    return writer->slot_count++;
}

static size_t slot_of(struct writer *writer, const struct athena_node *node,
                      const struct match_place *place, bool label)
{
    if (place->offset > MATCH_OFFSET_MAX)
        athena_translate_fail(writer->context->translation, node, "NOT_SUPPORTED",
                              "FIRST and LAST with such an offset are not supported");
    return add_slot(writer, place->first ? MATCH_SLOT_FIRST : MATCH_SLOT_LAST, place->offset,
                    MATCH_NOWHERE, label, place->label);
}

/* Whether it is NULL as soon as its column is. */
static bool is_strict(struct match_context *context, const struct athena_node *node)
{
    const struct athena_node *argument;
    struct match_place place;
    if (node->kind == AST_CALL && athena_match_call(node) <= MATCH_CALL_NEXT &&
        athena_match_call(node) != MATCH_CALL_OTHER)
        return athena_match_place(context, node, &place, &argument);
    return node->kind == AST_NAME || athena_match_qualifier(context, node).len > 0;
}

/* An expression over one row. */
static const struct athena_sqltype *put_field(struct writer *writer, const struct athena_node *node,
                                              const struct match_target *target,
                                              const struct athena_sqltype *wanted)
{
    struct match_context *context = writer->context;
    struct athena_translation *translation = context->translation;
    struct athena_node *copy = athena_match_field(context, node);
    const struct athena_sqltype *type = copy == NULL ? NULL : athena_infer(translation, copy);
    if (athena_translate_failed(translation))
        return NULL;
    type = wanted != NULL ? wanted : type;
    if (type == NULL || athena_match_kind(type) == '\0') {
        athena_match_refuse(context, node);
        return NULL;
    }
    struct term term = {.op = 'c', .missing = MATCH_NOWHERE};
    term.number = (int64_t)athena_match_add_field(context, copy, type);
    if (target->row == MATCH_ROW_PLACE) {
        term.op = '@';
        term.slot = (int64_t)slot_of(writer, node, &target->place, false);
        term.physical = target->place.physical;
        if (!is_strict(context, node)) {
            context->missing = true;
            copy = athena_match_field(context, node);
            context->missing = false;
            if (copy == NULL || athena_infer(translation, copy) == NULL)
                return NULL;
            term.missing = (int64_t)athena_match_add_field(context, copy, type);
        }
    }
    put_term(writer, &term);
    mr_json_array_end(writer->plan);
    return athena_translate_failed(translation) ? NULL : type;
}

/* The type that an expression will have; NULL: the error is set. */
static const struct athena_sqltype *type_of(struct match_context *context,
                                            const struct athena_node *node)
{
    struct athena_node *copy = athena_match_field(context, node);
    const struct athena_sqltype *type =
        copy == NULL ? NULL : athena_infer(context->translation, copy);
    if (type == NULL && !athena_translate_failed(context->translation))
        athena_match_refuse(context, node);
    return type;
}

/* count, sum, avg, min and max; the rows of a variable, or all. */
static const struct athena_sqltype *put_aggregate(struct writer *writer,
                                                  const struct athena_node *node)
{
    static const struct {
        const char *name;
        enum match_slot_kind kind;
    } rows[] = {{"count", MATCH_SLOT_COUNT},
                {"sum", MATCH_SLOT_SUM},
                {"avg", MATCH_SLOT_AVG},
                {"min", MATCH_SLOT_MIN},
                {"max", MATCH_SLOT_MAX}};
    struct match_context *context = writer->context;
    const struct athena_sqltype *type = type_of(context, node);
    const struct athena_node *item = node->items;
    struct mr_slice label;
    struct term term = {.op = 'a', .missing = MATCH_NOWHERE};
    int64_t column = MATCH_NOWHERE;
    size_t kind = 0;
    while (kind < MR_COUNT(rows) && !mr_slice_equal(node->text, mr_slice_cstr(rows[kind].name)))
        kind++;
    if (type == NULL || !athena_match_check_aggregate(context, node, &label))
        return NULL;
    if (kind == MR_COUNT(rows) || (item != NULL && item->next != NULL)) {
        athena_match_refuse(context, node);
        return NULL;
    }
    if (item != NULL && item->kind != AST_STAR) {
        struct athena_node *copy = athena_match_field(context, item);
        const struct athena_sqltype *of =
            copy == NULL ? NULL : athena_infer(context->translation, copy);
        const char value = of == NULL ? '\0' : athena_match_kind(of);
        const bool count = rows[kind].kind == MATCH_SLOT_COUNT;
        const bool sums = athena_sqltype_is_integer(of == NULL ? type : of) ||
                          (of != NULL && of->kind == SQL_DOUBLE);
        const bool best = rows[kind].kind >= MATCH_SLOT_MIN && (value == 'i' || value == 'f');
        if (athena_translate_failed(context->translation) || value == '\0' ||
            (!count && !best && !sums)) {
            athena_match_refuse(context, node);
            return NULL;
        }
        column = (int64_t)athena_match_add_field(context, copy, of);
    }
    term.slot = (int64_t)add_slot(writer, rows[kind].kind, 0, column, false, label);
    put_term(writer, &term);
    mr_json_array_end(writer->plan);
    return type;
}

static const struct athena_sqltype *put_classifier(struct writer *writer,
                                                   const struct athena_node *node,
                                                   struct match_place place)
{
    struct match_context *context = writer->context;
    bool fine;
    struct term term = {.op = 'l', .missing = MATCH_NOWHERE};
    place.label = athena_match_classifier(context, node, &fine);
    if (!fine)
        return NULL;
    if (place.physical != 0) { /* such a row may have no variable */
        athena_match_refuse(context, node);
        return NULL;
    }
    if (athena_match_target_of(context, place).row == MATCH_ROW_CURRENT) {
        term.op = 's';
        term.text = context->label->name;
    } else {
        term.slot = (int64_t)slot_of(writer, node, &place, true);
    }
    put_term(writer, &term);
    mr_json_array_end(writer->plan);
    return athena_sqltype_simple(SQL_VARCHAR);
}

/* Pattern functions that are no fields. */
static const struct athena_sqltype *put_call(struct writer *writer, const struct athena_node *node)
{
    struct match_context *context = writer->context;
    const enum match_call kind = athena_match_call(node);
    const struct athena_node *argument = NULL;
    struct match_place place = {0};
    if (kind == MATCH_CALL_NUMBER) {
        const struct term term = {.op = 'n', .missing = MATCH_NOWHERE};
        put_term(writer, &term);
        mr_json_array_end(writer->plan);
        return athena_sqltype_simple(SQL_BIGINT);
    }
    if (kind == MATCH_CALL_AGGREGATE)
        return put_aggregate(writer, node);
    if (kind == MATCH_CALL_CLASSIFIER)
        return put_classifier(writer, node, place);
    if (kind == MATCH_CALL_OTHER || !athena_match_place(context, node, &place, &argument) ||
        athena_match_call(argument) != MATCH_CALL_CLASSIFIER) {
        if (!athena_translate_failed(context->translation))
            athena_match_refuse(context, node);
        return NULL;
    }
    return put_classifier(writer, argument, place);
}

/* Of a value of one type as another one. False: mr_match cannot. */
static bool put_conversion(struct writer *writer, const struct athena_sqltype *from,
                           const struct athena_sqltype *to, bool *ret_opened)
{
    const char kind = athena_match_kind(from), wanted = athena_match_kind(to);
    struct term term = {.missing = MATCH_NOWHERE};
    *ret_opened = false;
    if (athena_sqltype_equal(from, to))
        return true;
    if (kind == 'i' && wanted == 'i')
        return athena_sqltype_is_integer(from) == athena_sqltype_is_integer(to) &&
               (athena_sqltype_is_integer(from) || from->kind == to->kind);
    if (kind == 't' && wanted == 't')
        return true;
    if (kind == 'f' && wanted == 'f')
        return from->kind == SQL_REAL || from->kind == to->kind;
    if (kind == 'w' && wanted == 'w' && from->scale == to->scale)
        return true;
    if (kind != 'i' || !athena_sqltype_is_integer(from) || (wanted != 'f' && wanted != 'w'))
        return false;
    term.op = wanted;
    term.unit = 1;
    for (int i = 0; wanted == 'w' && i < to->scale; i++) {
        if (__builtin_mul_overflow(term.unit, INT64_C(10), &term.unit))
            return false;
    }
    put_term(writer, &term);
    *ret_opened = true;
    return true;
}

static const struct athena_sqltype *put_converted(struct writer *writer,
                                                  const struct athena_node *node,
                                                  const struct athena_sqltype *wanted)
{
    struct match_target target = {0};
    bool opened;
    if (!athena_match_target(writer->context, node, &target))
        return NULL;
    if (target.row != MATCH_ROW_SEVERAL)
        return put_field(writer, node, &target, wanted);
    const struct athena_sqltype *own = type_of(writer->context, node);
    if (own == NULL)
        return NULL;
    if (!put_conversion(writer, own, wanted, &opened)) {
        athena_match_refuse(writer->context, node);
        return NULL;
    }
    if (put(writer, node, NULL) == NULL)
        return NULL;
    if (opened)
        mr_json_array_end(writer->plan);
    return wanted;
}

static void open_term(struct writer *writer, char op, char kind)
{
    const struct term term = {.op = op, .kind = kind, .missing = MATCH_NOWHERE};
    put_term(writer, &term);
}

/* a <sign> b, after both became what they meet in. */
static const struct athena_sqltype *put_comparison(struct writer *writer,
                                                   const struct athena_node *left,
                                                   const struct athena_node *right, char op,
                                                   struct mr_slice sign)
{
    static const struct {
        const char *sign;
        int64_t holds; /* less 1, equal 2, greater 4 */
    } rows[] = {{"<", 1}, {"<=", 3}, {"=", 2}, {">=", 6}, {">", 4}, {"<>", 5}, {"!=", 5}};
    struct match_context *context = writer->context;
    struct mr_arena *arena = context->translation->arena;
    const struct athena_sqltype *a = type_of(context, left), *b = type_of(context, right);
    const struct athena_sqltype *type =
        a == NULL || b == NULL ? NULL : athena_sqltype_common(arena, a, b);
    if (a == NULL || b == NULL)
        return NULL;
    if (type == NULL) {
        athena_translate_fail(context->translation, left, "TYPE_MISMATCH",
                              "Cannot apply operator: %.*s %.*s %.*s",
                              MR_ARG(athena_sqltype_text(arena, a)), MR_ARG(sign),
                              MR_ARG(athena_sqltype_text(arena, b)));
        return NULL;
    }
    if (athena_match_kind(type) == '\0') {
        athena_match_refuse(context, left);
        return NULL;
    }
    struct term term = {
        .op = op, .kind = athena_match_kind(type), .comparison = true, .missing = MATCH_NOWHERE};
    for (size_t i = 0; i < MR_COUNT(rows); i++) {
        if (mr_slice_equal(sign, mr_slice_cstr(rows[i].sign)))
            term.number = rows[i].holds;
    }
    put_term(writer, &term);
    if (put_converted(writer, left, type) == NULL || put_converted(writer, right, type) == NULL)
        return NULL;
    mr_json_array_end(writer->plan);
    return athena_sqltype_simple(SQL_BOOLEAN);
}

static bool is_moment(const struct athena_sqltype *type)
{
    return type->kind == SQL_DATE || type->kind == SQL_TIMESTAMP || type->kind == SQL_TIMESTAMP_TZ;
}

/* What both operands become; NULL: mr_match cannot do it. */
static const struct athena_sqltype *operand_type(struct match_context *context, char sign,
                                                 const struct athena_sqltype *a,
                                                 const struct athena_sqltype *b,
                                                 const struct athena_sqltype *result)
{
    struct mr_arena *arena = context->translation->arena;
    if (athena_sqltype_is_integer(result) || result->kind == SQL_DOUBLE)
        return result;
    if (result->kind == SQL_DECIMAL && result->precision < 38 && (sign == '+' || sign == '-'))
        return athena_sqltype_sized(arena, SQL_DECIMAL, 38, result->scale);
    const bool apart = sign == '-' && result->kind == SQL_INTERVAL_DAY && is_moment(a) &&
                       a->kind == b->kind && a->precision <= 3 && b->precision <= 3;
    return apart ? a : NULL;
}

static int64_t bits_of(const struct athena_sqltype *type)
{
    return type->kind == SQL_TINYINT    ? 8
           : type->kind == SQL_SMALLINT ? 16
           : type->kind == SQL_INTEGER  ? 32
                                        : 64;
}

static const struct athena_sqltype *put_arithmetic(struct writer *writer,
                                                   const struct athena_node *node)
{
    struct match_context *context = writer->context;
    const struct athena_sqltype *result = type_of(context, node);
    const struct athena_sqltype *a = type_of(context, node->left);
    const struct athena_sqltype *b = type_of(context, node->right);
    const char sign = node->text.ptr[0];
    if (result == NULL || a == NULL || b == NULL)
        return NULL;
    const struct athena_sqltype *operand =
        sign == '|' ? NULL : operand_type(context, sign, a, b, result);
    if (operand == NULL) {
        athena_match_refuse(context, node);
        return NULL;
    }
    const struct term term = {.op = sign,
                              .kind = athena_match_kind(operand),
                              .bits = bits_of(result),
                              .missing = MATCH_NOWHERE};
    put_term(writer, &term);
    if (put_converted(writer, node->left, operand) == NULL ||
        put_converted(writer, node->right, operand) == NULL)
        return NULL;
    mr_json_array_end(writer->plan);
    return result;
}

/* date_diff(unit, a, b) of units that are always as long. */
static const struct athena_sqltype *put_difference(struct writer *writer,
                                                   const struct athena_node *node)
{
    static const struct {
        const char *unit;
        int64_t micros;
    } rows[] = {{"millisecond", 1000},         {"second", 1000000},
                {"minute", 60000000},          {"hour", INT64_C(3600000000)},
                {"day", INT64_C(86400000000)}, {"week", INT64_C(604800000000)}};
    struct match_context *context = writer->context;
    const struct athena_node *unit = node->items, *a = unit->next, *b = a->next;
    const struct athena_sqltype *from = type_of(context, a), *to = type_of(context, b);
    struct term term = {.op = 't', .kind = 'i', .missing = MATCH_NOWHERE};
    for (size_t i = 0; i < MR_COUNT(rows) && unit->kind == AST_STRING; i++) {
        if (mr_slice_equal_nocase(unit->text, mr_slice_cstr(rows[i].unit)))
            term.unit = rows[i].micros;
    }
    if (from == NULL || to == NULL)
        return NULL;
    if (term.unit == 0 || from->kind != to->kind ||
        (from->kind != SQL_DATE && from->kind != SQL_TIMESTAMP)) {
        athena_match_refuse(context, node);
        return NULL;
    }
    put_term(writer, &term);
    if (put_converted(writer, a, from) == NULL || put_converted(writer, b, to) == NULL)
        return NULL;
    mr_json_array_end(writer->plan);
    return athena_sqltype_simple(SQL_BIGINT);
}

static const struct athena_sqltype *put_minus(struct writer *writer, const struct athena_node *node)
{
    const struct athena_sqltype *type = type_of(writer->context, node);
    if (type == NULL)
        return NULL;
    if (type->kind != SQL_BIGINT && type->kind != SQL_DOUBLE) {
        athena_match_refuse(writer->context, node);
        return NULL;
    }
    open_term(writer, 'm', athena_match_kind(type));
    if (put_converted(writer, node->left, type) == NULL)
        return NULL;
    mr_json_array_end(writer->plan);
    return type;
}

/* Two conditions, or one. */
static const struct athena_sqltype *put_logic(struct writer *writer, char op,
                                              const struct athena_node *left,
                                              const struct athena_node *right)
{
    const struct athena_sqltype *boolean = athena_sqltype_simple(SQL_BOOLEAN);
    open_term(writer, op, '\0');
    if (put_converted(writer, left, boolean) == NULL ||
        (right != NULL && put_converted(writer, right, boolean) == NULL))
        return NULL;
    mr_json_array_end(writer->plan);
    return boolean;
}

static const struct athena_sqltype *put_is_null(struct writer *writer,
                                                const struct athena_node *node)
{
    const bool negated = (node->flags & AST_NEGATED) != 0;
    if (negated)
        open_term(writer, '!', '\0');
    open_term(writer, '0', '\0');
    if (put(writer, node->left, NULL) == NULL)
        return NULL;
    mr_json_array_end(writer->plan);
    if (negated)
        mr_json_array_end(writer->plan);
    return athena_sqltype_simple(SQL_BOOLEAN);
}

/* a BETWEEN b AND c, a IN (b, c, ...): comparisons. */
static const struct athena_sqltype *put_several(struct writer *writer,
                                                const struct athena_node *node)
{
    const struct athena_sqltype *boolean = athena_sqltype_simple(SQL_BOOLEAN);
    const bool negated = (node->flags & AST_NEGATED) != 0;
    bool fine = true;
    size_t open = 0;
    if (negated)
        open_term(writer, '!', '\0');
    if (node->kind == AST_BETWEEN) {
        open_term(writer, '&', '\0');
        fine = put_comparison(writer, node->left, node->right, '<', MR_S(">=")) != NULL &&
               put_comparison(writer, node->left, node->third, '<', MR_S("<=")) != NULL;
        open = 1;
    }
    for (const struct athena_node *item = node->kind == AST_IN ? node->items : NULL;
         fine && item != NULL; item = item->next) {
        if (item->next != NULL) {
            open_term(writer, '|', '\0');
            open++;
        }
        fine = open + writer->depth <= MATCH_CONDITION_DEPTH_MAX &&
               put_comparison(writer, node->left, item, '<', MR_S("=")) != NULL;
    }
    if (!fine) {
        if (!athena_translate_failed(writer->context->translation))
            athena_match_refuse(writer->context, node);
        return NULL;
    }
    for (open += negated; open > 0; open--)
        mr_json_array_end(writer->plan);
    return boolean;
}

static const struct athena_sqltype *put_inside(struct writer *writer,
                                               const struct athena_node *node)
{
    struct match_context *context = writer->context;
    switch (node->kind) {
    case AST_AND: return put_logic(writer, '&', node->left, node->right);
    case AST_OR: return put_logic(writer, '|', node->left, node->right);
    case AST_NOT: return put_logic(writer, '!', node->left, NULL);
    case AST_IS_NULL: return put_is_null(writer, node);
    case AST_BETWEEN: return put_several(writer, node);
    case AST_CALL:
        if (mr_slice_equal(node->text, MR_S("date_diff")) && athena_node_count(node->items) == 3)
            return put_difference(writer, node);
        return put_call(writer, node);
    case AST_IN:
        if (node->right == NULL)
            return put_several(writer, node);
        break;
    case AST_IS_DISTINCT:
        if ((node->flags & AST_NEGATED) == 0)
            return put_comparison(writer, node->left, node->right, 'd', MR_S("IS DISTINCT FROM"));
        open_term(writer, '!', '\0');
        if (put_comparison(writer, node->left, node->right, 'd', MR_S("IS DISTINCT FROM")) == NULL)
            return NULL;
        mr_json_array_end(writer->plan);
        return athena_sqltype_simple(SQL_BOOLEAN);
    case AST_OPERATOR:
        if (mr_byte_in(node->text.ptr[0], "=<>!"))
            return put_comparison(writer, node->left, node->right, '<', node->text);
        return put_arithmetic(writer, node);
    case AST_MINUS: return put_minus(writer, node);
    default: break;
    }
    athena_match_refuse(context, node);
    return NULL;
}

static const struct athena_sqltype *put(struct writer *writer, const struct athena_node *node,
                                        const struct athena_sqltype *wanted)
{
    struct match_target target = {0};
    if (athena_translate_failed(writer->context->translation) ||
        !athena_match_target(writer->context, node, &target))
        return NULL;
    if (target.row != MATCH_ROW_SEVERAL)
        return put_field(writer, node, &target, wanted);
    if (++writer->depth > MATCH_CONDITION_DEPTH_MAX) {
        athena_match_refuse(writer->context, node);
        return NULL;
    }
    const struct athena_sqltype *type = put_inside(writer, node);
    writer->depth--;
    return type;
}

static bool put_condition(struct writer *writer, const struct athena_node *item)
{
    struct match_context *context = writer->context;
    context->label = item;
    const struct athena_sqltype *type = type_of(context, item->left);
    if (type != NULL && type->kind != SQL_BOOLEAN)
        athena_translate_fail(context->translation, item->left, "TYPE_MISMATCH",
                              "Expression defining a label must be boolean (actual type: %.*s)",
                              MR_ARG(athena_sqltype_text(context->translation->arena, type)));
    if (type != NULL)
        (void)put(writer, item->left, NULL);
    context->label = NULL;
    return !athena_translate_failed(context->translation);
}

bool athena_match_define(struct match_context *context, struct mr_json *plan)
{
    struct writer writer = {.context = context, .plan = plan};
    bool fine = true;
    mr_json_key(plan, "if");
    mr_json_array(plan);
    for (size_t i = 0; i < context->label_count && fine; i++) {
        const struct athena_node *item = context->node->windows;
        while (item != NULL && !mr_slice_equal(item->name, context->labels[i]))
            item = item->next;
        if (item == NULL)
            mr_json_null(plan);
        else
            fine = put_condition(&writer, item);
    }
    if (fine) {
        mr_json_array_end(plan);
        struct mr_slice slots = mr_arena_printf(context->translation->arena, "[%.*s]",
                                                MR_ARG(mr_buf_slice(&writer.slots)));
        mr_json_key_raw(plan, "slots", slots);
    }
    mr_buf_fini(&writer.slots);
    return fine;
}
