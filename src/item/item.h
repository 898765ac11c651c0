/* item/item.h: DynamoDB's data model as bytes: encode from JSON, read, size, compare, render, make
 * keys.
 *
 * The encoding is canonical: two values are equal as DynamoDB sees it (map and set order do not
 * matter, 1.0 is 1) exactly if their bytes are equal. It is self-delimiting and read in place.
 *
 *   item     01, size (u32), fields             size: DynamoDB's item size in bytes
 *   fields   count (varint), then for each, sorted by name: name length (varint), name, value
 *   value    type (u8), then
 *            S N B     length (varint), bytes   N: the normal form of number.h
 *            BOOL      00 or 01
 *            NULL      nothing
 *            SS NS BS  bytes behind it (u32), count (varint), for each, sorted: length (varint),
 * bytes L         bytes behind it (u32), count (varint), values M         bytes behind it (u32),
 * fields integers are little-endian, varints LEB128.
 *
 * Encoded bytes are ours: readers assert that they are whole. Errors are AWS's texts, in
 * `ret_error`; whose memory is the arena's. Functions without an arena allocate nothing. No locks:
 * everything is a pure function of its arguments. */
#pragma once
#include "base/arena.h"
#include "base/json.h"
#include "item/number.h"

enum item_type {
    ITEM_NONE = 0, /* no value: an attribute that is not there */
    ITEM_S,
    ITEM_N,
    ITEM_B,
    ITEM_BOOL,
    ITEM_NULL,
    ITEM_SS,
    ITEM_NS,
    ITEM_BS,
    ITEM_L,
    ITEM_M,
};
enum {
    ITEM_DEPTH_MAX = 32,      /* levels of nesting, the item's own included */
    ITEM_SIZE_MAX = 409600,   /* of a stored item */
    ITEM_HASH_KEY_MAX = 2048, /* bytes of a partition key */
    ITEM_RANGE_KEY_MAX = 1024,
    ITEM_NAME_MAX = 65535,
};

/* A value within encoded bytes; borrowed. */
struct item_value {
    enum item_type type;
    struct mr_slice raw;  /* all of it, type included */
    struct mr_slice body; /* S N B: the bytes; BOOL: one byte; containers: count and elements */
};

const char *item_type_name(enum item_type type);           /* "S", "NULL"; "" for ITEM_NONE */
enum item_type item_type_parse(struct mr_slice type_name); /* ITEM_NONE: no such type */
static inline bool item_type_is_set(enum item_type type)
{
    return type == ITEM_SS || type == ITEM_NS || type == ITEM_BS;
}
/* The type of a set's members. */
static inline enum item_type item_set_member_type(enum item_type type)
{
    return (enum item_type)(type - ITEM_SS + ITEM_S);
}

/* ---- writing ---- */

/* Bytes growing in an arena. */
struct item_writer {
    struct mr_arena *arena;
    char *data;
    size_t len, cap;
};
struct item_writer item_writer_make(struct mr_arena *arena, size_t room);
char *item_writer_reserve(struct item_writer *writer, size_t more);
void item_write_byte(struct item_writer *writer, uint8_t byte);
void item_write_varint(struct item_writer *writer, uint64_t value);
void item_write_raw(struct item_writer *writer, struct mr_slice bytes);
void item_write_bytes(struct item_writer *writer, struct mr_slice bytes); /* length, then bytes */
static inline struct mr_slice item_writer_slice(const struct item_writer *writer)
{
    return mr_slice_make(writer->data, writer->len);
}

/* A map of attribute names to AttributeValues as an item. MR_INVALID: *ret_error says why, as AWS
 * does. MR_FAULT: the JSON is not of the wire's types; *ret_error is the text of a
 * SerializationException. */
MR_MUST_USE enum mr_status item_encode(struct mr_arena *arena, yyjson_val *attributes,
                                       struct mr_slice *ret_item, struct mr_slice *ret_error);
/* One AttributeValue; the same outcomes. */
MR_MUST_USE enum mr_status item_value_encode(struct mr_arena *arena, yyjson_val *attribute_value,
                                             struct item_value *ret_value,
                                             struct mr_slice *ret_error);
struct item_value item_value_scalar(struct mr_arena *arena, enum item_type type,
                                    struct mr_slice bytes); /* S, N, B */

struct item_field {
    struct mr_slice name;
    struct item_value value;
};
/* An item of these fields, which get sorted in place; names must differ. */
struct mr_slice item_make(struct mr_arena *arena, struct item_field *fields, size_t count);
/* The same bytes as the raw form of an M value. */
void item_fields_sort(struct item_field *fields, size_t count);
/* A set value of members (bodies), which get sorted in place; they must differ. */
struct item_value item_set_make(struct mr_arena *arena, enum item_type type,
                                struct mr_slice *members, size_t count);

/* ---- reading ---- */

/* Walks fields, elements or members. */
struct item_iter {
    const char *next, *end;
    size_t left;
};
struct item_iter item_iter_item(struct mr_slice item);
struct item_iter item_iter_value(const struct item_value *value); /* L, M, SS, NS, BS */
bool item_iter_field(struct item_iter *iter, struct mr_slice *ret_name,
                     struct item_value *ret_value);                           /* items and M */
bool item_iter_element(struct item_iter *iter, struct item_value *ret_value); /* L */
bool item_iter_member(struct item_iter *iter, struct mr_slice *ret_body);     /* sets */
/* Reads the value that `raw` begins with. */
struct item_value item_value_read(struct mr_slice raw);
/* An attribute of an item, or of an M; type ITEM_NONE when it has none of that name. */
struct item_value item_get(struct mr_slice item, struct mr_slice name);
struct item_value item_value_get(const struct item_value *map, struct mr_slice name);
struct item_value item_value_at(const struct item_value *list, size_t index);
/* Number of elements, members or fields; bytes of S and B. */
size_t item_value_count(const struct item_value *value);
bool item_set_has(const struct item_value *set, struct mr_slice member);
/* The item as a value of type M; its raw is not set. */
struct item_value item_as_map(struct mr_slice item);

static inline bool item_value_equal(const struct item_value *a, const struct item_value *b)
{
    return a->type == b->type && mr_slice_equal(a->body, b->body);
}
/* Order of two values of one type among S, N and B. */
static inline int item_value_compare(const struct item_value *a, const struct item_value *b)
{
    return mr_slice_compare(a->body, b->body);
}

/* ---- size and depth ---- */
uint64_t item_size(struct mr_slice item);                  /* stored in it */
uint64_t item_value_size(const struct item_value *value);  /* without a name */
unsigned item_value_depth(const struct item_value *value); /* 1 for scalars and sets */

/* ---- rendering ---- */
void item_json(struct mr_json *json, struct mr_slice item); /* {"id":{"S":"o1"},...} */
void item_value_json(struct mr_json *json, const struct item_value *value);
/* A number's or string's text as error messages show it ("{S:b}" less the braces). */
struct mr_slice item_value_text(struct mr_arena *arena, const struct item_value *value);

/* ---- keys ----
 * The key of an S, N or B value: bytes whose order is the values' order and of which none is the
 * beginning of another, so that keys can be joined. S and B: 00 becomes 00 FF, and 00 01 ends it.
 * N: the normal form. */
void item_key_write(struct item_writer *writer, const struct item_value *value);
/* The same without the end: the beginning of the keys of all values that begin with this one (S,
 * B). */
void item_key_write_prefix(struct item_writer *writer, const struct item_value *value);
