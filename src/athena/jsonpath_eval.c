/* Evaluating a path. In the lax mode arrays are unnested, other items wrapped into arrays, and what
 * is not there is left out; in the strict mode each of these is an error. */
#include "athena/jsonpath.h"
#include "athena/render.h"
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

enum truth { NO, YES, UNKNOWN };

struct evaluation {
    struct mr_arena *arena;
    bool lax;
    yyjson_val *root, *variables;
    const struct athena_item *current; /* @ */
    int64_t last;
    bool in_array;   /* `last` means something */
    int64_t objects; /* that keyvalue() has seen */
    uint64_t work;   /* items made and compared */
    struct mr_slice why;
};

static bool evaluate(struct evaluation *evaluation, const struct athena_path_node *node,
                     struct athena_items *ret);

static bool fail(struct evaluation *evaluation, const char *format, ...) MR_PRINTF(2, 3);
static bool fail(struct evaluation *evaluation, const char *format, ...)
{
    struct mr_buf text = {0};
    va_list args;
    va_start(args, format);
    mr_buf_vprintf(&text, format, args);
    va_end(args);
    evaluation->why = mr_arena_copy(evaluation->arena, mr_buf_slice(&text));
    mr_buf_fini(&text);
    return false;
}

/* ---- items ---- */

static struct athena_item item_of(yyjson_val *value)
{
    struct athena_item item = {.value = value};
    if (yyjson_is_bool(value))
        item = (struct athena_item){.kind = ITEM_BOOLEAN, .flag = yyjson_get_bool(value)};
    else if (mr_json_is_number(value))
        item = (struct athena_item){.kind = ITEM_NUMBER, .text = mr_json_text(value)};
    else if (yyjson_is_str(value))
        item = (struct athena_item){.kind = ITEM_STRING, .text = mr_json_text(value)};
    else
        item.kind = yyjson_is_arr(value)   ? ITEM_ARRAY
                    : yyjson_is_obj(value) ? ITEM_OBJECT
                                           : ITEM_NULL;
    return item;
}

static bool add(struct evaluation *evaluation, struct athena_items *items, struct athena_item item)
{
    if (++evaluation->work > ATHENA_PATH_ITEMS_MAX)
        return fail(evaluation, "more than %d items", ATHENA_PATH_ITEMS_MAX);
    if (items->count == items->capacity) {
        const size_t capacity = items->capacity == 0 ? 8 : items->capacity * 2;
        struct athena_item *list = MR_NEW_ARRAY(evaluation->arena, struct athena_item, capacity);
        if (items->count > 0)
            memcpy(list, items->list, items->count * sizeof *list);
        items->list = list;
        items->capacity = capacity;
    }
    items->list[items->count++] = item;
    return true;
}

static bool add_elements(struct evaluation *evaluation, struct athena_items *items,
                         yyjson_val *array)
{
    size_t index, count;
    yyjson_val *value;
    yyjson_arr_foreach(array, index, count, value)
    {
        if (!add(evaluation, items, item_of(value)))
            return false;
    }
    return true;
}

static struct athena_item number(struct evaluation *evaluation, double value)
{
    struct mr_buf text = {0};
    athena_render_double(&text, value, false);
    struct athena_item item = {.kind = ITEM_NUMBER,
                               .text = mr_arena_copy(evaluation->arena, mr_buf_slice(&text))};
    mr_buf_fini(&text);
    return item;
}

static struct athena_item whole(struct evaluation *evaluation, int64_t value)
{
    return (struct athena_item){
        .kind = ITEM_NUMBER, .text = mr_arena_printf(evaluation->arena, "%lld", (long long)value)};
}

bool athena_item_integer(const struct athena_item *item, int64_t *ret)
{
    return mr_slice_to_i64(item->text, ret) == MR_OK;
}

double athena_item_double(const struct athena_item *item)
{
    char text[400];
    const size_t len = item->text.len < sizeof text ? item->text.len : sizeof text - 1;
    memcpy(text, item->text.ptr, len);
    text[len] = '\0';
    return strtod(text, NULL);
}

static const char *type_name(const struct athena_item *item)
{
    static const char *const names[] = {"null", "boolean", "number", "string", "array", "object"};
    return names[item->kind];
}

static bool wrong_item(struct evaluation *evaluation, const char *expected,
                       const struct athena_item *item)
{
    return fail(evaluation, "invalid item type. Expected: %s, actual: %s", expected,
                type_name(item));
}

void athena_item_put(struct mr_json *json, const struct athena_item *item)
{
    switch (item->kind) {
    case ITEM_NULL: mr_json_null(json); break;
    case ITEM_BOOLEAN: mr_json_bool(json, item->flag); break;
    case ITEM_NUMBER: mr_json_raw(json, item->text); break;
    case ITEM_STRING: mr_json_string(json, item->text); break;
    default:
        if (item->pair == NULL) {
            mr_json_value(json, item->value);
            break;
        }
        mr_json_object(json);
        mr_json_key_string(json, "name", item->pair->name);
        mr_json_key(json, "value");
        athena_item_put(json, item->pair->value);
        mr_json_key_int(json, "id", item->pair->id);
        mr_json_object_end(json);
        break;
    }
}

/* The operand's items; in the lax mode those of arrays among them. */
static bool operand(struct evaluation *evaluation, const struct athena_path_node *node,
                    struct athena_items *ret)
{
    struct athena_items items = {0};
    if (!evaluate(evaluation, node, &items))
        return false;
    for (size_t i = 0; i < items.count; i++) {
        const bool unnested = evaluation->lax && items.list[i].kind == ITEM_ARRAY;
        if (unnested ? !add_elements(evaluation, ret, items.list[i].value)
                     : !add(evaluation, ret, items.list[i]))
            return false;
    }
    return true;
}

/* ---- arithmetic ---- */

/* JSON has no infinity, which numbers with large exponents become. */
static bool add_number(struct evaluation *evaluation, struct athena_items *ret, double value)
{
    return isfinite(value) ? add(evaluation, ret, number(evaluation, value))
                           : fail(evaluation, "the result is no finite number");
}

static bool integers(struct evaluation *evaluation, char sign, int64_t a, int64_t b,
                     struct athena_items *ret)
{
    int64_t value = 0;
    bool overflow = false;
    switch (sign) {
    case '+': overflow = __builtin_add_overflow(a, b, &value); break;
    case '-': overflow = __builtin_sub_overflow(a, b, &value); break;
    case '*': overflow = __builtin_mul_overflow(a, b, &value); break;
    default:
        if (b == 0)
            return fail(evaluation, "Division by zero");
        overflow = b == -1 && a == INT64_MIN;
        if (!overflow)
            value = sign == '/' ? a / b : a % b;
        break;
    }
    return overflow
               ? fail(evaluation, "bigint overflow: %lld %c %lld", (long long)a, sign, (long long)b)
               : add(evaluation, ret, whole(evaluation, value));
}

static bool binary(struct evaluation *evaluation, const struct athena_path_node *node,
                   struct athena_items *ret)
{
    const char sign = node->text.ptr[0];
    struct athena_items sides[2] = {{0}, {0}};
    int64_t a, b;
    for (size_t i = 0; i < 2; i++) {
        if (!operand(evaluation, i == 0 ? node->left : node->right, &sides[i]))
            return false;
        if (sides[i].count != 1)
            return fail(evaluation, "operand must be a singleton numeric item");
        if (sides[i].list[0].kind != ITEM_NUMBER)
            return wrong_item(evaluation, "NUMBER", &sides[i].list[0]);
    }
    if (athena_item_integer(sides[0].list, &a) && athena_item_integer(sides[1].list, &b))
        return integers(evaluation, sign, a, b, ret);
    const double x = athena_item_double(sides[0].list), y = athena_item_double(sides[1].list);
    const double value = sign == '+'   ? x + y
                         : sign == '-' ? x - y
                         : sign == '*' ? x * y
                         : sign == '/' ? x / y
                                       : fmod(x, y);
    return add_number(evaluation, ret, value);
}

static bool negate(struct evaluation *evaluation, const struct athena_item *item,
                   struct athena_items *ret)
{
    int64_t value;
    if (athena_item_integer(item, &value))
        return integers(evaluation, '-', 0, value, ret);
    return add_number(evaluation, ret, -athena_item_double(item));
}

/* ---- accessors ---- */

static bool pair_member(struct evaluation *evaluation, const struct athena_item *item,
                        struct mr_slice name, struct athena_item *ret)
{
    if (mr_slice_equal(name, MR_S("name")))
        *ret = (struct athena_item){.kind = ITEM_STRING, .text = item->pair->name};
    else if (mr_slice_equal(name, MR_S("value")))
        *ret = *item->pair->value;
    else if (mr_slice_equal(name, MR_S("id")))
        *ret = whole(evaluation, item->pair->id);
    else
        return false;
    return true;
}

static bool member_of(struct evaluation *evaluation, const struct athena_item *item,
                      struct mr_slice name, struct athena_items *ret)
{
    struct athena_item found = {0};
    if (item->kind != ITEM_OBJECT)
        return evaluation->lax || wrong_item(evaluation, "OBJECT", item);
    yyjson_val *value =
        item->pair == NULL ? yyjson_obj_getn(item->value, name.ptr, name.len) : NULL;
    if (value != NULL)
        return add(evaluation, ret, item_of(value));
    if (item->pair != NULL && pair_member(evaluation, item, name, &found))
        return add(evaluation, ret, found);
    return evaluation->lax ||
           fail(evaluation, "missing member '%.*s' in JSON object", MR_ARG(name));
}

static bool all_members(struct evaluation *evaluation, const struct athena_item *item,
                        struct athena_items *ret)
{
    static const char *const names[] = {"name", "value", "id"};
    size_t index, count;
    yyjson_val *key, *value;
    if (item->kind != ITEM_OBJECT)
        return evaluation->lax || wrong_item(evaluation, "OBJECT", item);
    for (size_t i = 0; item->pair != NULL && i < MR_COUNT(names); i++) {
        if (!member_of(evaluation, item, mr_slice_cstr(names[i]), ret))
            return false;
    }
    if (item->pair != NULL)
        return true;
    yyjson_obj_foreach(item->value, index, count, key, value)
    {
        if (!add(evaluation, ret, item_of(value)))
            return false;
    }
    return true;
}

/* The object before what is inside it. JSON's depth is bounded, and so is this. */
static bool descend(struct evaluation *evaluation, yyjson_val *value, struct mr_slice name,
                    struct athena_items *ret)
{
    size_t index, count;
    yyjson_val *key, *inner;
    if (yyjson_is_obj(value)) {
        yyjson_val *found = yyjson_obj_getn(value, name.ptr, name.len);
        if (found != NULL && !add(evaluation, ret, item_of(found)))
            return false;
        yyjson_obj_foreach(value, index, count, key, inner)
        {
            if (!descend(evaluation, inner, name, ret))
                return false;
        }
    } else if (yyjson_is_arr(value)) {
        yyjson_arr_foreach(value, index, count, inner)
        {
            if (!descend(evaluation, inner, name, ret))
                return false;
        }
    }
    return true;
}

static bool subscript(struct evaluation *evaluation, const struct athena_path_node *node,
                      int64_t *ret)
{
    struct athena_items items = {0};
    if (!evaluate(evaluation, node, &items))
        return false;
    if (items.count != 1 || items.list[0].kind != ITEM_NUMBER)
        return fail(evaluation, "array subscript must be a singleton numeric item");
    if (athena_item_integer(items.list, ret))
        return true;
    const double value = athena_item_double(items.list);
    if (!(fabs(value) < (double)INT32_MAX)) /* more than any array has */
        return fail(evaluation, "array subscript %.*s is out of range", MR_ARG(items.list[0].text));
    *ret = (int64_t)value;
    return true;
}

/* Those of an array between two subscripts; an item that is no array counts as one of itself. */
static bool range_of(struct evaluation *evaluation, const struct athena_item *item, int64_t count,
                     const struct athena_path_node *range, struct athena_items *ret)
{
    int64_t from = 0, to = 0;
    if (!subscript(evaluation, range->left, &from))
        return false;
    to = from;
    if (range->right != NULL && !subscript(evaluation, range->right, &to))
        return false;
    if (!evaluation->lax && (from < 0 || to >= count || from > to))
        return fail(evaluation, "invalid array subscript: [%lld, %lld] for array of size %lld",
                    (long long)from, (long long)to, (long long)count);
    from = from < 0 ? 0 : from;
    to = to >= count ? count - 1 : to;
    for (int64_t i = from; i <= to; i++) {
        if (!add(evaluation, ret,
                 item->kind == ITEM_ARRAY ? item_of(yyjson_arr_get(item->value, (size_t)i))
                                          : *item))
            return false;
    }
    return true;
}

static bool elements_of(struct evaluation *evaluation, const struct athena_item *item,
                        const struct athena_path_node *node, struct athena_items *ret)
{
    const bool array = item->kind == ITEM_ARRAY, in_array = evaluation->in_array;
    const int64_t count = array ? (int64_t)yyjson_arr_size(item->value) : 1;
    const int64_t last = evaluation->last;
    bool fine = true;
    if (!array && !evaluation->lax)
        return wrong_item(evaluation, "ARRAY", item);
    if (node->kind == PATH_ALL_ELEMENTS)
        return array ? add_elements(evaluation, ret, item->value) : add(evaluation, ret, *item);
    evaluation->last = count - 1;
    evaluation->in_array = true;
    for (const struct athena_path_node *range = node->items; range != NULL && fine;
         range = range->next)
        fine = range_of(evaluation, item, count, range, ret);
    evaluation->last = last;
    evaluation->in_array = in_array;
    return fine;
}

/* ---- methods ---- */

static bool round_item(struct evaluation *evaluation, const struct athena_item *item, char method,
                       struct athena_items *ret)
{
    int64_t value;
    if (item->kind != ITEM_NUMBER)
        return wrong_item(evaluation, "NUMBER", item);
    if (athena_item_integer(item, &value))
        return method == 'a' && value < 0 ? negate(evaluation, item, ret)
                                          : add(evaluation, ret, *item);
    const double number_of = athena_item_double(item);
    return add_number(evaluation, ret,
                      method == 'c'   ? ceil(number_of)
                      : method == 'f' ? floor(number_of)
                                      : fabs(number_of));
}

static bool double_of(struct evaluation *evaluation, const struct athena_item *item,
                      struct athena_items *ret)
{
    char text[400], *end = text;
    if (item->kind != ITEM_NUMBER && item->kind != ITEM_STRING)
        return wrong_item(evaluation, "NUMBER or TEXT", item);
    if (item->text.len > 0 && item->text.len < sizeof text) {
        memcpy(text, item->text.ptr, item->text.len);
        text[item->text.len] = '\0';
        const double value = strtod(text, &end);
        if (*end == '\0' && isfinite(value))
            return add(evaluation, ret, number(evaluation, value));
    }
    return fail(evaluation, "cannot cast '%.*s' to DOUBLE", MR_ARG(item->text));
}

static bool pairs_of(struct evaluation *evaluation, const struct athena_item *item,
                     struct athena_items *ret)
{
    size_t index, count;
    yyjson_val *key, *value;
    if (item->kind != ITEM_OBJECT || item->pair != NULL)
        return wrong_item(evaluation, "OBJECT", item);
    const int64_t id = evaluation->objects++;
    yyjson_obj_foreach(item->value, index, count, key, value)
    {
        struct athena_item *kept = MR_NEW(evaluation->arena, struct athena_item);
        struct athena_pair_item *pair = MR_NEW(evaluation->arena, struct athena_pair_item);
        *kept = item_of(value);
        *pair = (struct athena_pair_item){.name = mr_json_text(key), .value = kept, .id = id};
        if (!add(evaluation, ret, (struct athena_item){.kind = ITEM_OBJECT, .pair = pair}))
            return false;
    }
    return true;
}

static bool size_of(struct evaluation *evaluation, const struct athena_item *item,
                    struct athena_items *ret)
{
    if (item->kind != ITEM_ARRAY && !evaluation->lax)
        return wrong_item(evaluation, "ARRAY", item);
    return add(
        evaluation, ret,
        whole(evaluation, item->kind == ITEM_ARRAY ? (int64_t)yyjson_arr_size(item->value) : 1));
}

static bool method_of(struct evaluation *evaluation, const struct athena_item *item,
                      struct mr_slice name, struct athena_items *ret)
{
    if (mr_slice_equal(name, MR_S("type")))
        return add(
            evaluation, ret,
            (struct athena_item){.kind = ITEM_STRING, .text = mr_slice_cstr(type_name(item))});
    if (mr_slice_equal(name, MR_S("size")))
        return size_of(evaluation, item, ret);
    if (mr_slice_equal(name, MR_S("keyvalue")))
        return pairs_of(evaluation, item, ret);
    if (mr_slice_equal(name, MR_S("double")))
        return double_of(evaluation, item, ret);
    return round_item(evaluation, item, name.ptr[0], ret);
}

/* ---- predicates ---- */

static enum truth not_of(enum truth truth)
{
    return truth == UNKNOWN ? UNKNOWN : truth == YES ? NO : YES;
}

static enum truth by_sign(struct mr_slice sign, int order)
{
    const char first = sign.ptr[0];
    const bool equal = sign.len == 2 && sign.ptr[1] == '=' && first != '!';
    if (first == '=')
        return order == 0;
    if (first == '!' || mr_slice_equal(sign, MR_S("<>")))
        return order != 0;
    if (order == 0)
        return equal;
    return first == '<' ? order < 0 : order > 0;
}

static enum truth compare(const struct athena_item *a, const struct athena_item *b,
                          struct mr_slice sign)
{
    int64_t i, j;
    if (a->kind == ITEM_NULL || b->kind == ITEM_NULL)
        return a->kind == b->kind && mr_slice_equal(sign, MR_S("=="));
    if (a->kind != b->kind || a->kind >= ITEM_ARRAY)
        return UNKNOWN;
    if (a->kind == ITEM_BOOLEAN)
        return by_sign(sign, (int)a->flag - (int)b->flag);
    if (a->kind == ITEM_STRING)
        return by_sign(sign, mr_slice_compare(a->text, b->text));
    if (athena_item_integer(a, &i) && athena_item_integer(b, &j))
        return by_sign(sign, (i > j) - (i < j));
    const double x = athena_item_double(a), y = athena_item_double(b);
    return by_sign(sign, (x > y) - (x < y));
}

/* Of each left item with each right one: true if it is of any. An error ends it, and in the lax
 * mode a match does, too. */
static enum truth any_pair(struct evaluation *evaluation, const struct athena_path_node *node,
                           const struct athena_items *left, const struct athena_items *right)
{
    enum truth found = NO;
    for (size_t i = 0; i < left->count; i++) {
        for (size_t j = 0; j < right->count; j++) {
            const struct athena_item *a = &left->list[i], *b = &right->list[j];
            enum truth truth = UNKNOWN;
            if (node->kind == PATH_COMPARE)
                truth = compare(a, b, node->text);
            else if (a->kind == ITEM_STRING && b->kind == ITEM_STRING)
                truth = mr_slice_starts_with(a->text, b->text) ? YES : NO;
            if (++evaluation->work > ATHENA_PATH_ITEMS_MAX || truth == UNKNOWN)
                return UNKNOWN;
            if (truth == YES && evaluation->lax)
                return truth;
            found = truth == YES ? YES : found;
        }
    }
    return found;
}

static enum truth predicate(struct evaluation *evaluation, const struct athena_path_node *node)
{
    struct athena_items left = {0}, right = {0};
    switch (node->kind) {
    case PATH_AND:
    case PATH_OR: {
        const enum truth decides = node->kind == PATH_AND ? NO : YES;
        const enum truth a = predicate(evaluation, node->left);
        const enum truth b = a == decides ? a : predicate(evaluation, node->right);
        if (a == decides || b == decides)
            return decides;
        return a == UNKNOWN || b == UNKNOWN ? UNKNOWN : not_of(decides);
    }
    case PATH_NOT: return not_of(predicate(evaluation, node->left));
    case PATH_UNKNOWN: return predicate(evaluation, node->left) == UNKNOWN;
    case PATH_EXISTS:
        return !evaluate(evaluation, node->left, &left) ? UNKNOWN : left.count > 0 ? YES : NO;
    default:
        if (!operand(evaluation, node->left, &left) || !operand(evaluation, node->right, &right))
            return UNKNOWN;
        return any_pair(evaluation, node, &left, &right);
    }
}

static bool filter(struct evaluation *evaluation, const struct athena_item *item,
                   const struct athena_path_node *node, struct athena_items *ret)
{
    const struct athena_item *outer = evaluation->current;
    evaluation->current = item;
    const enum truth truth = predicate(evaluation, node->right);
    evaluation->current = outer;
    return truth != YES || add(evaluation, ret, *item);
}

/* ---- all together ---- */

static bool each(struct evaluation *evaluation, const struct athena_path_node *node,
                 const struct athena_item *item, struct athena_items *ret)
{
    switch (node->kind) {
    case PATH_MEMBER: return member_of(evaluation, item, node->text, ret);
    case PATH_MEMBERS: return all_members(evaluation, item, ret);
    case PATH_DESCENDANT:
        return item->value == NULL || descend(evaluation, item->value, node->text, ret);
    case PATH_ELEMENTS:
    case PATH_ALL_ELEMENTS: return elements_of(evaluation, item, node, ret);
    case PATH_FILTER: return filter(evaluation, item, node, ret);
    case PATH_METHOD: return method_of(evaluation, item, node->text, ret);
    default:
        if (item->kind != ITEM_NUMBER)
            return wrong_item(evaluation, "NUMBER", item);
        return node->text.ptr[0] == '-' ? negate(evaluation, item, ret)
                                        : add(evaluation, ret, *item);
    }
}

static bool unnests(const struct athena_path_node *node)
{
    if (node->kind == PATH_METHOD)
        return !mr_slice_equal(node->text, MR_S("type")) &&
               !mr_slice_equal(node->text, MR_S("size"));
    return node->kind != PATH_DESCENDANT && node->kind != PATH_ELEMENTS &&
           node->kind != PATH_ALL_ELEMENTS;
}

static bool leaf(struct evaluation *evaluation, const struct athena_path_node *node,
                 struct athena_items *ret)
{
    yyjson_val *value = evaluation->root;
    struct athena_item item = {.text = node->text};
    switch (node->kind) {
    case PATH_VARIABLE:
        value = yyjson_obj_getn(evaluation->variables, node->text.ptr, node->text.len);
        if (value == NULL)
            return fail(evaluation, "no value passed for parameter %.*s", MR_ARG(node->text));
        break;
    case PATH_CONTEXT: break;
    case PATH_CURRENT:
        if (evaluation->current == NULL)
            return fail(evaluation, "@ outside of a filter");
        return add(evaluation, ret, *evaluation->current);
    case PATH_LAST:
        return evaluation->in_array ? add(evaluation, ret, whole(evaluation, evaluation->last))
                                    : fail(evaluation, "last outside of a subscript");
    default:
        item.kind = node->kind == PATH_NUMBER   ? ITEM_NUMBER
                    : node->kind == PATH_STRING ? ITEM_STRING
                    : node->kind == PATH_NULL   ? ITEM_NULL
                                                : ITEM_BOOLEAN;
        item.flag = node->kind == PATH_TRUE;
        return add(evaluation, ret, item);
    }
    return add(evaluation, ret, item_of(value));
}

static bool evaluate(struct evaluation *evaluation, const struct athena_path_node *node,
                     struct athena_items *ret)
{
    struct athena_items items = {0};
    if (node->kind == PATH_BINARY)
        return binary(evaluation, node, ret);
    if (node->left == NULL)
        return leaf(evaluation, node, ret);
    if (unnests(node) ? !operand(evaluation, node->left, &items)
                      : !evaluate(evaluation, node->left, &items))
        return false;
    for (size_t i = 0; i < items.count; i++) {
        if (!each(evaluation, node, &items.list[i], ret))
            return false;
    }
    return true;
}

bool athena_path_evaluate(struct mr_arena *arena, const struct athena_path *path, yyjson_val *root,
                          yyjson_val *variables, struct athena_items *ret_items,
                          struct mr_slice *ret_why)
{
    struct evaluation evaluation = {
        .arena = arena, .lax = path->lax, .root = root, .variables = variables};
    struct athena_items items = {0};
    const bool fine = evaluate(&evaluation, path->root, &items);
    *ret_items = items;
    *ret_why = evaluation.why;
    return fine;
}
