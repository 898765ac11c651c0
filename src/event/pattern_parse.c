/* Compiling a pattern, and saying what is wrong with it as EventBridge does. */
#include "event/internal.h"
#include <arpa/inet.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

struct compiler {
    struct mr_arena *arena;
    char *message; /* EVENT_MESSAGE_MAX */
};

static enum mr_status fail(struct compiler *c, const char *format, ...) MR_PRINTF(2, 3);
static enum mr_status fail(struct compiler *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(c->message, EVENT_MESSAGE_MAX, format, args);
    va_end(args);
    return MR_INVALID;
}

bool event_ip_parse(struct mr_slice text, uint8_t ret[static 16], bool *ret_ipv6)
{
    char copy[INET6_ADDRSTRLEN];
    if (text.len == 0 || text.len >= sizeof copy)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *ret_ipv6 = mr_slice_find(text, ':') != SIZE_MAX;
    return inet_pton(*ret_ipv6 ? AF_INET6 : AF_INET, copy, ret) == 1;
}

static enum mr_status parse_cidr(struct compiler *c, struct mr_slice text, struct event_test *test)
{
    const size_t slash = mr_slice_find(text, '/');
    uint64_t bits = 0;
    if (slash == SIZE_MAX)
        return fail(c, "Malformed CIDR, one '/' required");
    if (!event_ip_parse(mr_slice_sub(text, 0, slash), test->network, &test->ipv6))
        return fail(c, "Malformed CIDR: '%.*s' is no IP address", (int)slash, text.ptr);
    if (mr_slice_to_u64(mr_slice_sub(text, slash + 1, SIZE_MAX), &bits) != MR_OK)
        return fail(c, "Malformed CIDR, mask bits must be an integer");
    if (bits > (test->ipv6 ? 128 : 32))
        return fail(c, "Malformed CIDR, mask bits must be at most %d", test->ipv6 ? 128 : 32);
    test->network_bits = (uint8_t)bits;
    return MR_OK;
}

/* "a*b\*" -> parts "a", "b*". */
static enum mr_status parse_wildcard(struct compiler *c, struct mr_slice text,
                                     struct event_test *test)
{
    char *out = mr_arena_alloc(c->arena, text.len + 1);
    test->parts = MR_NEW_ARRAY(c->arena, struct mr_slice, text.len + 1);
    size_t begin = 0, len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        if (byte == '*') {
            if (i > 0 && text.ptr[i - 1] == '*' && len == begin && test->count > 0)
                return fail(c, "Consecutive wildcard characters at pos %zu", i - 1);
            test->parts[test->count++] = mr_slice_make(out + begin, len - begin);
            begin = len;
            continue;
        }
        if (byte == '\\') {
            i++;
            if (i == text.len || (text.ptr[i] != '*' && text.ptr[i] != '\\'))
                return fail(c, "Invalid escape character at pos %zu", i - 1);
            byte = text.ptr[i];
        }
        out[len++] = byte;
    }
    test->parts[test->count++] = mr_slice_make(out + begin, len - begin);
    return MR_OK;
}

/* ---- numeric ---- */

static bool read_number(yyjson_val *value, double *ret)
{
    if (!mr_json_is_number(value))
        return false;
    *ret = mr_json_double(value, 0);
    return isfinite(*ret);
}

static enum mr_status parse_numeric(struct compiler *c, yyjson_val *list, struct event_test *test)
{
    if (!yyjson_is_arr(list))
        return fail(c, "Value of numeric must be an array.");
    *test = (struct event_test){.kind = EVENT_NUMERIC, .low = -INFINITY, .high = INFINITY};
    const size_t size = yyjson_arr_size(list);
    if (size == 0)
        return fail(c, "Invalid member in numeric match: ]");
    for (size_t i = 0; i < size; i += 2) {
        const struct mr_slice op = mr_json_text(yyjson_arr_get(list, i));
        double number;
        if (!yyjson_is_str(yyjson_arr_get(list, i)))
            return fail(c, "Invalid member in numeric match: %.*s", MR_ARG(op));
        const bool low = mr_slice_starts_with(op, MR_S(">"));
        const bool open = op.len == 1;
        const bool equal = mr_slice_equal(op, MR_S("="));
        if (!equal && !mr_slice_equal(op, MR_S("<")) && !mr_slice_equal(op, MR_S("<=")) &&
            !mr_slice_equal(op, MR_S(">")) && !mr_slice_equal(op, MR_S(">=")))
            return fail(c, "Unrecognized numeric range operator: %.*s", MR_ARG(op));
        if (!read_number(yyjson_arr_get(list, i + 1), &number))
            return fail(
                c, equal ? "Value of equals must be numeric." : "Value of %.*s must be numeric",
                MR_ARG(op));
        if (i > 0 && (low || equal))
            return fail(c, "Bad numeric range operator: %.*s", MR_ARG(op));
        if (low || equal) {
            test->low = number;
            test->low_open = low && open;
        }
        if (!low) {
            test->high = number;
            test->high_open = !equal && open;
        }
        const size_t terms = low ? 4 : i + 2; /* behind ">" and ">=" "<" or "<=" may follow */
        if (size > terms)
            return fail(c, "Too many terms in numeric range expression");
    }
    if (size == 4 && test->low >= test->high)
        return fail(c, "Bottom must be less than top");
    return MR_OK;
}

/* ---- texts ---- */

static const struct text_operator {
    const char *name;
    enum event_test_kind kind;
} text_operators[] = {
    {"prefix", EVENT_PREFIX},     {"suffix", EVENT_SUFFIX}, {"equals-ignore-case", EVENT_NOCASE},
    {"wildcard", EVENT_WILDCARD}, {"cidr", EVENT_CIDR},     {"exactly", EVENT_STRING}};

static const struct text_operator *find_text_operator(struct mr_slice name)
{
    for (size_t i = 0; i < MR_COUNT(text_operators); i++)
        if (mr_slice_equal(name, mr_slice_cstr(text_operators[i].name)))
            return &text_operators[i];
    return NULL;
}

/* The only member of `value`, which the caller knows to be an object. */
static enum mr_status only_member(struct compiler *c, yyjson_val *value, struct mr_slice *ret_name,
                                  yyjson_val **ret_value)
{
    if (yyjson_obj_size(value) == 0)
        return fail(c, "Match expression name not found");
    if (yyjson_obj_size(value) > 1)
        return fail(c, "Only one key allowed in match expression");
    yyjson_obj_iter iter = yyjson_obj_iter_with(value);
    yyjson_val *key = yyjson_obj_iter_next(&iter);
    *ret_name = mr_json_text(key);
    *ret_value = yyjson_obj_iter_get_val(key);
    return MR_OK;
}

static enum mr_status parse_text(struct compiler *c, const struct text_operator *op,
                                 yyjson_val *value, struct event_test *test)
{
    *test = (struct event_test){.kind = op->kind};
    if (yyjson_is_obj(value) && (op->kind == EVENT_PREFIX || op->kind == EVENT_SUFFIX)) {
        struct mr_slice name;
        const enum mr_status status = only_member(c, value, &name, &value);
        if (status != MR_OK)
            return status;
        if (!mr_slice_equal(name, MR_S("equals-ignore-case")))
            return fail(c, "Unsupported %s pattern: %.*s", op->name, MR_ARG(name));
        test->kind = op->kind == EVENT_PREFIX ? EVENT_PREFIX_NOCASE : EVENT_SUFFIX_NOCASE;
    }
    if (!yyjson_is_str(value))
        return fail(c, "%s match pattern must be a string", op->name);
    test->text = mr_json_text(value);
    if (op->kind == EVENT_CIDR)
        return parse_cidr(c, test->text, test);
    if (op->kind == EVENT_WILDCARD)
        return parse_wildcard(c, test->text, test);
    return MR_OK;
}

/* ---- anything-but ---- */

static enum mr_status parse_but_one(struct compiler *c, const struct text_operator *op,
                                    yyjson_val *value, struct event_test *test)
{
    if (op != NULL) {
        if (yyjson_is_str(value) && mr_json_text(value).len == 0 && op->kind != EVENT_NOCASE)
            return fail(c, "Null prefix/suffix not allowed");
        return yyjson_is_str(value)
                   ? parse_text(c, op, value, test)
                   : fail(c, "Inside anything-but/%s list, only strings are allowed", op->name);
    }
    if (!yyjson_is_str(value) && !mr_json_is_number(value))
        return fail(c, "Inside anything but list, start|null|boolean is not supported.");
    *test = (struct event_test){.kind = yyjson_is_str(value) ? EVENT_STRING : EVENT_NUMBER,
                                .text = mr_json_text(value)};
    return MR_OK;
}

static enum mr_status parse_anything_but(struct compiler *c, yyjson_val *value,
                                         struct event_test *test)
{
    const struct text_operator *op = NULL;
    if (yyjson_is_obj(value)) {
        struct mr_slice name;
        const enum mr_status status = only_member(c, value, &name, &value);
        if (status != MR_OK)
            return status;
        op = find_text_operator(name);
        if (op == NULL || op->kind == EVENT_CIDR || op->kind == EVENT_STRING)
            return fail(c, "Unsupported anything-but pattern: %.*s", MR_ARG(name));
    }
    *test = (struct event_test){.kind = EVENT_NONE_OF};
    if (!yyjson_is_arr(value)) {
        if (!yyjson_is_str(value) && (op != NULL || !mr_json_is_number(value)))
            return fail(c, "Value of anything-but must be an array or single string/number value.");
        test->tests = MR_NEW_ARRAY(c->arena, struct event_test, 1);
        test->count = 1;
        return parse_but_one(c, op, value, &test->tests[0]);
    }
    const size_t size = yyjson_arr_size(value);
    if (size == 0)
        return fail(c, "Empty arrays are not allowed");
    test->tests = MR_NEW_ARRAY(c->arena, struct event_test, size);
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(value, index, max, item)
    {
        const enum mr_status status = parse_but_one(c, op, item, &test->tests[test->count++]);
        if (status != MR_OK)
            return status;
        if (test->tests[index].kind != test->tests[0].kind)
            return fail(c, "Inside anything but list, either all values are number or string, "
                           "mixed type is not supported");
    }
    return MR_OK;
}

/* ---- a leaf ---- */

static enum mr_status parse_expression(struct compiler *c, yyjson_val *value,
                                       struct event_test *test)
{
    struct mr_slice name;
    yyjson_val *inner;
    const enum mr_status status = only_member(c, value, &name, &inner);
    if (status != MR_OK)
        return status;
    const struct text_operator *op = find_text_operator(name);
    if (op != NULL)
        return parse_text(c, op, inner, test);
    if (mr_slice_equal(name, MR_S("numeric")))
        return parse_numeric(c, inner, test);
    if (mr_slice_equal(name, MR_S("anything-but")))
        return parse_anything_but(c, inner, test);
    if (!mr_slice_equal(name, MR_S("exists")))
        return fail(c, "Unrecognized match type %.*s", MR_ARG(name));
    if (!yyjson_is_bool(inner))
        return fail(c, "exists match pattern must be either true or false.");
    *test = (struct event_test){.kind = yyjson_is_true(inner) ? EVENT_EXISTS : EVENT_ABSENT};
    return MR_OK;
}

static enum mr_status parse_test(struct compiler *c, yyjson_val *value, struct event_test *test)
{
    *test = (struct event_test){.text = mr_json_text(value)};
    if (yyjson_is_obj(value))
        return parse_expression(c, value, test);
    if (yyjson_is_arr(value))
        return fail(c, "Match value must be String, number, true, false, or null");
    test->kind = yyjson_is_str(value)     ? EVENT_STRING
                 : yyjson_is_true(value)  ? EVENT_TRUE
                 : yyjson_is_false(value) ? EVENT_FALSE
                 : yyjson_is_null(value)  ? EVENT_NULL
                                          : EVENT_NUMBER;
    return MR_OK;
}

static enum mr_status parse_leaf(struct compiler *c, yyjson_val *list, struct event_field *field,
                                 bool *only_absent)
{
    const size_t size = yyjson_arr_size(list);
    if (size == 0)
        return fail(c, "Empty arrays are not allowed");
    field->tests = MR_NEW_ARRAY(c->arena, struct event_test, size);
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(list, index, max, item)
    {
        const enum mr_status status = parse_test(c, item, &field->tests[field->count++]);
        if (status != MR_OK)
            return status;
        if (field->tests[index].kind != EVENT_ABSENT)
            *only_absent = false;
    }
    return MR_OK;
}

/* ---- the tree; its depth is bounded by the parser's ---- */

static bool is_operator(struct mr_slice name)
{
    return find_text_operator(name) != NULL || mr_slice_equal(name, MR_S("numeric")) ||
           mr_slice_equal(name, MR_S("anything-but")) || mr_slice_equal(name, MR_S("exists"));
}

/* "$or" is a relation only over two objects or more that look like patterns; else it is a member's
 * name. */
static bool is_or(struct mr_slice name, yyjson_val *value)
{
    if (!mr_slice_equal(name, MR_S("$or")) || !yyjson_is_arr(value) || yyjson_arr_size(value) < 2)
        return false;
    size_t index, max, i, n;
    yyjson_val *item, *key, *inner;
    yyjson_arr_foreach(value, index, max, item)
    {
        if (!yyjson_is_obj(item))
            return false;
        yyjson_obj_foreach(item, i, n, key, inner)
        {
            if (is_operator(mr_json_text(key)))
                return false;
        }
    }
    return true;
}

static enum mr_status parse_node(struct compiler *c, yyjson_val *object, struct event_node *node);

static enum mr_status parse_or(struct compiler *c, yyjson_val *list, struct event_or *either)
{
    either->nodes = MR_NEW_ARRAY(c->arena, struct event_node, yyjson_arr_size(list));
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(list, index, max, item)
    {
        const enum mr_status status = parse_node(c, item, &either->nodes[either->count++]);
        if (status != MR_OK)
            return status;
    }
    return MR_OK;
}

static enum mr_status parse_field(struct compiler *c, struct mr_slice name, yyjson_val *value,
                                  struct event_node *node)
{
    struct event_field *field = &node->fields[node->field_count++];
    field->name = name;
    if (yyjson_is_arr(value))
        return parse_leaf(c, value, field, &node->only_absent);
    if (!yyjson_is_obj(value))
        return fail(c, "\"%.*s\" must be an object or an array", MR_ARG(name));
    field->node = MR_NEW(c->arena, struct event_node);
    const enum mr_status status = parse_node(c, value, field->node);
    node->only_absent = node->only_absent && field->node->only_absent;
    return status;
}

static enum mr_status parse_node(struct compiler *c, yyjson_val *object, struct event_node *node)
{
    const size_t size = yyjson_obj_size(object);
    if (size == 0)
        return fail(c, "Empty objects are not allowed");
    node->fields = MR_NEW_ARRAY(c->arena, struct event_field, size);
    node->ors = MR_NEW_ARRAY(c->arena, struct event_or, size);
    node->only_absent = true;
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(object, index, max, key, value)
    {
        enum mr_status status;
        if (is_or(mr_json_text(key), value)) {
            node->only_absent = false;
            status = parse_or(c, value, &node->ors[node->or_count++]);
        } else {
            status = parse_field(c, mr_json_text(key), value, node);
        }
        if (status != MR_OK)
            return status;
    }
    return MR_OK;
}

enum mr_status event_pattern_parse(struct mr_arena *arena, struct mr_slice text,
                                   struct event_node *ret_node,
                                   char message[static EVENT_MESSAGE_MAX])
{
    struct compiler c = {.arena = arena, .message = message};
    yyjson_val *root = mr_json_parse(arena, text, EVENT_PATTERN_DEPTH_MAX);
    if (root == NULL)
        return fail(&c, "The pattern is not valid JSON");
    if (!yyjson_is_obj(root))
        return fail(&c, "Filter is not an object");
    return parse_node(&c, root, ret_node);
}
