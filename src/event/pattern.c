/* Matching compiled patterns. */
#include "event/internal.h"
#include <stdlib.h>

/* ---- one scalar against one test ---- */

/* A number's digits without leading and trailing zeros, and the power of ten of the last one. */
struct decimal {
    bool negative;
    struct mr_slice digits; /* with a point somewhere inside, maybe; empty: zero */
    int64_t exponent;
};

static struct decimal decimal_of(struct mr_slice text)
{
    struct decimal out = {.negative = text.len > 0 && text.ptr[0] == '-'};
    size_t end = out.negative ? 1 : 0;
    const size_t begin = end;
    size_t point = SIZE_MAX;
    for (; end < text.len && text.ptr[end] != 'e' && text.ptr[end] != 'E'; end++)
        if (text.ptr[end] == '.')
            point = end;
    int64_t exponent = 0;
    if (end < text.len) {
        const size_t sign = end + 1 < text.len && text.ptr[end + 1] == '+' ? 2 : 1;
        if (mr_slice_to_i64(mr_slice_sub(text, end + sign, SIZE_MAX), &exponent) != MR_OK ||
            exponent > INT32_MAX)
            exponent = INT32_MAX;
        if (exponent < -INT32_MAX)
            exponent = -INT32_MAX;
    }
    size_t first = begin, last = end; /* [first, last) */
    while (first < last && (text.ptr[first] == '0' || text.ptr[first] == '.'))
        first++;
    while (last > first && (text.ptr[last - 1] == '0' || text.ptr[last - 1] == '.'))
        last--;
    out.digits = mr_slice_sub(text, first, last - first);
    /* The last digit's place: in front of the point, or behind it. */
    const size_t units = point == SIZE_MAX ? end : point;
    const int64_t place = last <= units ? (int64_t)(units - last) : -(int64_t)(last - units - 1);
    out.exponent = out.digits.len == 0 ? 0 : exponent + place;
    if (out.digits.len == 0)
        out.negative = false;
    return out;
}

/* Equal by value, to the last digit. */
static bool number_equal(struct mr_slice a, struct mr_slice b)
{
    struct decimal x = decimal_of(a), y = decimal_of(b);
    if (x.negative != y.negative || x.exponent != y.exponent)
        return false;
    size_t i = 0, j = 0;
    for (;; i++, j++) {
        if (i < x.digits.len && x.digits.ptr[i] == '.')
            i++;
        if (j < y.digits.len && y.digits.ptr[j] == '.')
            j++;
        if (i >= x.digits.len || j >= y.digits.len)
            return i >= x.digits.len && j >= y.digits.len;
        if (x.digits.ptr[i] != y.digits.ptr[j])
            return false;
    }
}

static bool in_range(const struct event_test *test, double value)
{
    const bool above = test->low_open ? value > test->low : value >= test->low;
    const bool below = test->high_open ? value < test->high : value <= test->high;
    return above && below;
}

static bool in_network(const struct event_test *test, struct mr_slice text)
{
    uint8_t address[16];
    bool ipv6;
    if (!event_ip_parse(text, address, &ipv6) || ipv6 != test->ipv6)
        return false;
    const size_t whole = test->network_bits / 8, rest = test->network_bits % 8;
    if (memcmp(address, test->network, whole) != 0)
        return false;
    const uint8_t mask = (uint8_t)(0xFF00 >> rest);
    return rest == 0 || ((address[whole] ^ test->network[whole]) & mask) == 0;
}

/* The first part begins the text, the last ends it, the others follow each other in between: where
 * each is found first leaves the most room for those behind it. */
static bool wildcard_matches(const struct event_test *test, struct mr_slice text)
{
    const struct mr_slice first = test->parts[0], last = test->parts[test->count - 1];
    if (test->count == 1)
        return mr_slice_equal(text, first);
    if (!mr_slice_starts_with(text, first))
        return false;
    text = mr_slice_sub(text, first.len, SIZE_MAX);
    for (size_t i = 1; i + 1 < test->count; i++) {
        const size_t at = mr_slice_search(text, test->parts[i]);
        if (at == SIZE_MAX)
            return false;
        text = mr_slice_sub(text, at + test->parts[i].len, SIZE_MAX);
    }
    return mr_slice_ends_with(text, last);
}

static bool string_matches(const struct event_test *test, struct mr_slice text)
{
    switch (test->kind) {
    case EVENT_STRING: return mr_slice_equal(text, test->text);
    case EVENT_PREFIX: return mr_slice_starts_with(text, test->text);
    case EVENT_SUFFIX: return mr_slice_ends_with(text, test->text);
    case EVENT_NOCASE: return event_nocase_equal(text, test->text);
    case EVENT_PREFIX_NOCASE: return event_nocase_starts_with(text, test->text);
    case EVENT_SUFFIX_NOCASE: return event_nocase_ends_with(text, test->text);
    case EVENT_WILDCARD: return wildcard_matches(test, text);
    case EVENT_CIDR: return in_network(test, text);
    default: return false;
    }
}

static bool any_test(const struct event_test *tests, size_t count, yyjson_val *scalar);

static bool test_matches(const struct event_test *test, yyjson_val *scalar)
{
    switch (test->kind) {
    case EVENT_EXISTS: return true;
    case EVENT_ABSENT: return false;
    case EVENT_NULL: return yyjson_is_null(scalar);
    case EVENT_TRUE: return yyjson_is_true(scalar);
    case EVENT_FALSE: return yyjson_is_false(scalar);
    case EVENT_NUMBER:
        return mr_json_is_number(scalar) && number_equal(test->text, mr_json_text(scalar));
    case EVENT_NUMERIC:
        return mr_json_is_number(scalar) && in_range(test, mr_json_double(scalar, 0));
    case EVENT_NONE_OF: return !any_test(test->tests, test->count, scalar);
    default: return yyjson_is_str(scalar) && string_matches(test, mr_json_text(scalar));
    }
}

static bool any_test(const struct event_test *tests, size_t count, yyjson_val *scalar)
{
    for (size_t i = 0; i < count; i++)
        if (test_matches(&tests[i], scalar))
            return true;
    return false;
}

/* ---- the tree ---- */

/* One of the scalars of `value` (itself, or within arrays of arrays) passes; *ret_some: there was a
 * scalar. */
static bool some_scalar(const struct event_field *field, yyjson_val *value, bool *ret_some)
{
    if (value == NULL || yyjson_is_obj(value))
        return false;
    if (!yyjson_is_arr(value)) {
        *ret_some = true;
        return any_test(field->tests, field->count, value);
    }
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(value, index, max, item)
    {
        if (some_scalar(field, item, ret_some))
            return true;
    }
    return false;
}

static bool leaf_matches(const struct event_field *field, yyjson_val *value)
{
    bool present = false;
    if (some_scalar(field, value, &present))
        return true;
    for (size_t i = 0; !present && i < field->count; i++)
        if (field->tests[i].kind == EVENT_ABSENT)
            return true;
    return false;
}

static bool node_matches(const struct event_node *node, yyjson_val *value);

static bool members_match(const struct event_node *node, yyjson_val *object)
{
    for (size_t i = 0; i < node->field_count; i++) {
        const struct event_field *field = &node->fields[i];
        yyjson_val *value = yyjson_obj_getn(object, field->name.ptr, field->name.len);
        if (field->node != NULL ? !node_matches(field->node, value) : !leaf_matches(field, value))
            return false;
    }
    for (size_t i = 0; i < node->or_count; i++) {
        bool any = false;
        for (size_t k = 0; k < node->ors[i].count && !any; k++)
            any = members_match(&node->ors[i].nodes[k], object);
        if (!any)
            return false;
    }
    return true;
}

static bool node_matches(const struct event_node *node, yyjson_val *value)
{
    if (!yyjson_is_arr(value) || yyjson_arr_size(value) == 0)
        return members_match(node, yyjson_is_obj(value) ? value : NULL);
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(value, index, max, item)
    {
        if (node_matches(node, item) != node->only_absent)
            return !node->only_absent;
    }
    return node->only_absent; /* absent is what no element has */
}

/* ---- filters ---- */

enum mr_status event_filter_new(yyjson_val *criteria, struct event_filter **ret_filter,
                                char message[static EVENT_MESSAGE_MAX])
{
    yyjson_val *list = mr_json_get(criteria, "Filters"), *item;
    const size_t count = yyjson_arr_size(list);
    if (count == 0) {
        *ret_filter = NULL;
        return MR_OK;
    }
    struct event_filter *filter = mr_calloc(1, sizeof *filter);
    mr_arena_init(&filter->arena);
    filter->roots = MR_NEW_ARRAY(&filter->arena, struct event_node, count);
    size_t index, max;
    enum mr_status status = MR_OK;
    yyjson_arr_foreach(list, index, max, item)
    {
        if (status == MR_OK)
            status = event_pattern_parse(&filter->arena, mr_json_get_text(item, "Pattern"),
                                         &filter->roots[filter->count++], message);
    }
    if (status != MR_OK) {
        event_filter_free(filter);
        return status;
    }
    *ret_filter = filter;
    return MR_OK;
}

void event_filter_free(struct event_filter *filter)
{
    if (filter == NULL)
        return;
    mr_arena_fini(&filter->arena);
    free(filter);
}

bool event_filter_takes(const struct event_filter *filter, yyjson_val *event)
{
    if (filter == NULL)
        return true;
    for (size_t i = 0; i < filter->count; i++)
        if (node_matches(&filter->roots[i], event))
            return true;
    return false;
}
