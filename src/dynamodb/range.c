/* Ranges of keys. */
#include "dynamodb/page.h"

struct mr_slice dynamodb_successor(struct mr_arena *arena, struct mr_slice prefix)
{
    size_t len = prefix.len;
    while (len > 0 && (uint8_t)prefix.ptr[len - 1] == 0xFF)
        len--;
    if (len == 0)
        return (struct mr_slice){0};
    char *bytes = mr_arena_alloc(arena, len);
    memcpy(bytes, prefix.ptr, len);
    bytes[len - 1] = (char)((uint8_t)bytes[len - 1] + 1);
    return mr_slice_make(bytes, len);
}

/* prefix, then the key of a value of the sort key (without its end: for begins_with). */
static struct mr_slice joined(struct mr_arena *arena, struct mr_slice prefix,
                              const struct item_value *value, bool open)
{
    struct item_writer writer = item_writer_make(arena, prefix.len + value->body.len * 2 + 8);
    item_write_raw(&writer, prefix);
    if (open)
        item_key_write_prefix(&writer, value);
    else
        item_key_write(&writer, value);
    return item_writer_slice(&writer);
}

static void narrow(struct mr_arena *arena, struct dynamodb_range *range,
                   const struct item_key_term *term)
{
    bool open = term->kind == ITEM_NODE_BEGINS_WITH;
    struct mr_slice low = joined(arena, range->prefix, &term->low, open);
    switch (term->kind) {
    case ITEM_NODE_LT: range->upper = low; break;
    case ITEM_NODE_LE: range->upper = dynamodb_successor(arena, low); break;
    case ITEM_NODE_GT: range->lower = dynamodb_successor(arena, low); break;
    case ITEM_NODE_GE: range->lower = low; break;
    case ITEM_NODE_BETWEEN: {
        struct mr_slice high = joined(arena, range->prefix, &term->high, false);
        range->lower = low;
        range->upper = dynamodb_successor(arena, high);
        break;
    }
    default: range->lower = low; range->upper = dynamodb_successor(arena, low);
    }
}

struct dynamodb_range dynamodb_range_of_query(struct mr_arena *arena,
                                              const struct dynamodb_table *table,
                                              const struct dynamodb_index *index,
                                              const struct item_value *hashes, size_t hash_count,
                                              const struct item_key_term *const *terms,
                                              size_t term_count)
{
    struct item_writer writer = item_writer_make(arena, 96);
    dynamodb_prefix_write(&writer, table, index, hashes, hash_count);
    for (size_t i = 0; i + 1 < term_count; i++)
        item_key_write(&writer, &terms[i]->low);
    struct dynamodb_range range = {.space = index == NULL ? VIEW_ITEM : VIEW_INDEX,
                                   .prefix = item_writer_slice(&writer)};
    range.lower = range.prefix;
    range.upper = dynamodb_successor(arena, range.prefix);
    if (term_count > 0)
        narrow(arena, &range, terms[term_count - 1]);
    return range;
}

static struct mr_slice at_hash(struct mr_arena *arena, struct mr_slice prefix, int64_t hash)
{
    struct item_writer writer = item_writer_make(arena, prefix.len + 2);
    item_write_raw(&writer, prefix);
    item_write_byte(&writer, (uint8_t)(hash >> 8));
    item_write_byte(&writer, (uint8_t)hash);
    return item_writer_slice(&writer);
}

/* Segment s of n holds the hashes from s * 65536 / n on, rounded up: some of more than 65,536
 * segments are empty. */
struct dynamodb_range dynamodb_range_of_scan(struct mr_arena *arena,
                                             const struct dynamodb_table *table,
                                             const struct dynamodb_index *index, int64_t segment,
                                             int64_t segments)
{
    const int64_t hashes = 1 << DYNAMODB_HASH_BITS;
    int64_t from = (segment * hashes + segments - 1) / segments;
    int64_t to = ((segment + 1) * hashes + segments - 1) / segments;
    uint32_t number = table->number;
    struct item_writer writer = item_writer_make(arena, 8);
    for (int shift = 24; shift >= 0; shift -= 8)
        item_write_byte(&writer, (uint8_t)(number >> shift));
    if (index != NULL)
        item_write_byte(&writer, index->number);
    struct dynamodb_range range = {.space = index == NULL ? VIEW_ITEM : VIEW_INDEX,
                                   .prefix = item_writer_slice(&writer)};
    range.upper =
        to < hashes ? at_hash(arena, range.prefix, to) : dynamodb_successor(arena, range.prefix);
    range.lower = from < hashes ? at_hash(arena, range.prefix, from) : range.upper;
    return range;
}

bool dynamodb_range_holds(const struct dynamodb_range *range, struct mr_slice key)
{
    return mr_slice_compare(key, range->lower) >= 0 &&
           (range->upper.len == 0 || mr_slice_compare(key, range->upper) < 0);
}
