/* Walking encoded bytes: everything here reads in place. */
#include "item/item.h"
#include <assert.h>

static const char *const type_names[] = {"",   "S",  "N",  "B", "BOOL", "NULL",
                                         "SS", "NS", "BS", "L", "M"};

const char *item_type_name(enum item_type type)
{
    return type_names[type];
}

enum item_type item_type_parse(struct mr_slice type_name)
{
    for (int type = ITEM_S; type <= ITEM_M; type++) {
        if (mr_slice_equal(type_name, mr_slice_cstr(type_names[type])))
            return (enum item_type)type;
    }
    return ITEM_NONE;
}

static inline uint64_t take_varint(const char **next, const char *end)
{
    const char *at = *next;
    assert(at < end);
    uint8_t byte = (uint8_t)*at++;
    uint64_t value = byte & 0x7F;
    for (unsigned shift = 7; byte >= 0x80; shift += 7) {
        assert(at < end && shift < 64);
        byte = (uint8_t)*at++;
        value |= (uint64_t)(byte & 0x7F) << shift;
    }
    *next = at;
    return value;
}

static inline struct mr_slice take_raw(const char **next, const char *end, size_t len)
{
    assert(len <= (size_t)(end - *next));
    struct mr_slice bytes = {.ptr = *next, .len = len};
    *next += len;
    return bytes;
}

static inline struct mr_slice take_bytes(const char **next, const char *end)
{
    uint64_t len = take_varint(next, end);
    return take_raw(next, end, (size_t)len);
}

static struct item_value take_value(const char **next, const char *end)
{
    const char *start = *next;
    assert(start < end);
    struct item_value value = {.type = (enum item_type)(uint8_t)*start};
    *next = start + 1;
    switch (value.type) {
    case ITEM_S:
    case ITEM_N:
    case ITEM_B: value.body = take_bytes(next, end); break;
    case ITEM_BOOL: value.body = take_raw(next, end, 1); break;
    case ITEM_NULL: value.body = take_raw(next, end, 0); break;
    case ITEM_SS:
    case ITEM_NS:
    case ITEM_BS:
    case ITEM_L:
    case ITEM_M: {
        struct mr_slice len_bytes = take_raw(next, end, 4);
        uint32_t len;
        memcpy(&len, len_bytes.ptr, sizeof(len));
        value.body = take_raw(next, end, len);
        break;
    }
    default: assert(false && "a stored value has no known type");
    }
    value.raw = mr_slice_make(start, (size_t)(*next - start));
    return value;
}

struct item_value item_value_read(struct mr_slice raw)
{
    const char *next = raw.ptr;
    return take_value(&next, raw.ptr + raw.len);
}

static struct item_iter iter_make(struct mr_slice body)
{
    struct item_iter iter = {.next = body.ptr, .end = body.ptr + body.len};
    iter.left = (size_t)take_varint(&iter.next, iter.end);
    return iter;
}

struct item_value item_as_map(struct mr_slice item)
{
    assert(item.len >= 6);
    assert(item.ptr[0] == 1);
    return (struct item_value){.type = ITEM_M, .body = mr_slice_make(item.ptr + 5, item.len - 5)};
}

struct item_iter item_iter_item(struct mr_slice item)
{
    return iter_make(item_as_map(item).body);
}

struct item_iter item_iter_value(const struct item_value *value)
{
    assert(value->type >= ITEM_SS);
    return iter_make(value->body);
}

bool item_iter_field(struct item_iter *iter, struct mr_slice *ret_name,
                     struct item_value *ret_value)
{
    if (iter->left == 0)
        return false;
    iter->left--;
    *ret_name = take_bytes(&iter->next, iter->end);
    *ret_value = take_value(&iter->next, iter->end);
    return true;
}

bool item_iter_element(struct item_iter *iter, struct item_value *ret_value)
{
    if (iter->left == 0)
        return false;
    iter->left--;
    *ret_value = take_value(&iter->next, iter->end);
    return true;
}

bool item_iter_member(struct item_iter *iter, struct mr_slice *ret_body)
{
    if (iter->left == 0)
        return false;
    iter->left--;
    *ret_body = take_bytes(&iter->next, iter->end);
    return true;
}

struct item_value item_value_get(const struct item_value *map, struct mr_slice name)
{
    assert(map->type == ITEM_M);
    struct item_iter iter = item_iter_value(map);
    struct mr_slice field;
    struct item_value value;
    while (item_iter_field(&iter, &field, &value)) {
        if (mr_slice_equal(field, name))
            return value;
    }
    return (struct item_value){.type = ITEM_NONE};
}

struct item_value item_get(struct mr_slice item, struct mr_slice name)
{
    struct item_value map = item_as_map(item);
    return item_value_get(&map, name);
}

struct item_value item_value_at(const struct item_value *list, size_t index)
{
    assert(list->type == ITEM_L);
    struct item_iter iter = item_iter_value(list);
    struct item_value value;
    while (item_iter_element(&iter, &value)) {
        if (index-- == 0)
            return value;
    }
    return (struct item_value){.type = ITEM_NONE};
}

size_t item_value_count(const struct item_value *value)
{
    if (value->type == ITEM_S || value->type == ITEM_B)
        return value->body.len;
    return item_iter_value(value).left;
}

bool item_set_has(const struct item_value *set, struct mr_slice member)
{
    struct item_iter iter = item_iter_value(set);
    struct mr_slice body;
    while (item_iter_member(&iter, &body)) {
        if (mr_slice_equal(body, member))
            return true;
    }
    return false;
}

uint64_t item_size(struct mr_slice item)
{
    assert(item.len >= 6);
    uint32_t size;
    memcpy(&size, item.ptr + 1, sizeof(size));
    return size;
}

static uint64_t set_size(const struct item_value *set)
{
    struct item_iter iter = item_iter_value(set);
    struct mr_slice body;
    uint64_t size = 0;
    while (item_iter_member(&iter, &body))
        size += set->type == ITEM_NS ? item_number_size(body) : body.len;
    return size;
}

uint64_t item_value_size(const struct item_value *value)
{
    struct item_value child;
    struct mr_slice name;
    uint64_t size = 3;
    switch (value->type) {
    case ITEM_S:
    case ITEM_B: return value->body.len;
    case ITEM_N: return item_number_size(value->body);
    case ITEM_SS:
    case ITEM_NS:
    case ITEM_BS: return set_size(value);
    case ITEM_L:
        for (struct item_iter iter = item_iter_value(value); item_iter_element(&iter, &child);)
            size += 1 + item_value_size(&child);
        return size;
    case ITEM_M:
        for (struct item_iter iter = item_iter_value(value); item_iter_field(&iter, &name, &child);)
            size += 1 + name.len + item_value_size(&child);
        return size;
    default: return 1;
    }
}

unsigned item_value_depth(const struct item_value *value)
{
    struct item_value child;
    struct mr_slice name;
    unsigned deepest = 0, depth;
    if (value->type != ITEM_L && value->type != ITEM_M)
        return 1;
    struct item_iter iter = item_iter_value(value);
    while (value->type == ITEM_L ? item_iter_element(&iter, &child)
                                 : item_iter_field(&iter, &name, &child)) {
        depth = item_value_depth(&child);
        if (depth > deepest)
            deepest = depth;
    }
    return deepest + 1;
}
