/* Bytes growing in an arena, and items made of fields. */
#include "item/item.h"
#include <assert.h>
#include <stdlib.h>

struct item_writer item_writer_make(struct mr_arena *arena, size_t room)
{
    if (room < 32)
        room = 32;
    return (struct item_writer){.arena = arena, .data = mr_arena_alloc(arena, room), .cap = room};
}

char *item_writer_reserve(struct item_writer *writer, size_t more)
{
    if (writer->cap - writer->len < more) {
        size_t cap = writer->cap * 2;
        while (cap - writer->len < more)
            cap *= 2;
        char *data = mr_arena_alloc(writer->arena, cap);
        if (writer->len > 0)
            memcpy(data, writer->data, writer->len);
        writer->data = data;
        writer->cap = cap;
    }
    return writer->data + writer->len;
}

void item_write_byte(struct item_writer *writer, uint8_t byte)
{
    *item_writer_reserve(writer, 1) = (char)byte;
    writer->len++;
}

void item_write_varint(struct item_writer *writer, uint64_t value)
{
    char *out = item_writer_reserve(writer, 10);
    while (value >= 0x80) {
        *out++ = (char)(value | 0x80);
        value >>= 7;
    }
    *out++ = (char)value;
    writer->len = (size_t)(out - writer->data);
}

void item_write_raw(struct item_writer *writer, struct mr_slice bytes)
{
    char *out = item_writer_reserve(writer, bytes.len);
    if (bytes.len > 0)
        memcpy(out, bytes.ptr, bytes.len);
    writer->len += bytes.len;
}

void item_write_bytes(struct item_writer *writer, struct mr_slice bytes)
{
    item_write_varint(writer, bytes.len);
    item_write_raw(writer, bytes);
}

struct item_value item_value_scalar(struct mr_arena *arena, enum item_type type,
                                    struct mr_slice bytes)
{
    struct item_writer writer = item_writer_make(arena, bytes.len + 11);
    item_write_byte(&writer, (uint8_t)type);
    item_write_bytes(&writer, bytes);
    return item_value_read(item_writer_slice(&writer));
}

static int field_order(const void *a, const void *b)
{
    const struct item_field *left = a, *right = b;
    return mr_slice_compare(left->name, right->name);
}

void item_fields_sort(struct item_field *fields, size_t count)
{
    if (count > 1)
        qsort(fields, count, sizeof(fields[0]), field_order);
}

struct mr_slice item_make(struct mr_arena *arena, struct item_field *fields, size_t count)
{
    item_fields_sort(fields, count);
    size_t room = 16;
    uint64_t size = 0;
    for (size_t i = 0; i < count; i++) {
        room += fields[i].name.len + fields[i].value.raw.len + 3;
        size += fields[i].name.len + item_value_size(&fields[i].value);
    }
    assert(size <= UINT32_MAX);
    struct item_writer writer = item_writer_make(arena, room);
    item_write_byte(&writer, 1);
    uint32_t size32 = (uint32_t)size;
    item_write_raw(&writer, mr_slice_make(&size32, sizeof(size32)));
    item_write_varint(&writer, count);
    for (size_t i = 0; i < count; i++) {
        item_write_bytes(&writer, fields[i].name);
        item_write_raw(&writer, fields[i].value.raw);
    }
    return item_writer_slice(&writer);
}

static int member_order(const void *a, const void *b)
{
    return mr_slice_compare(*(const struct mr_slice *)a, *(const struct mr_slice *)b);
}

struct item_value item_set_make(struct mr_arena *arena, enum item_type type,
                                struct mr_slice *members, size_t count)
{
    assert(item_type_is_set(type));
    if (count > 1)
        qsort(members, count, sizeof(members[0]), member_order);
    size_t room = 16;
    for (size_t i = 0; i < count; i++)
        room += members[i].len + 10;
    struct item_writer writer = item_writer_make(arena, room);
    item_write_byte(&writer, (uint8_t)type);
    item_write_raw(&writer, MR_S("\0\0\0\0"));
    item_write_varint(&writer, count);
    for (size_t i = 0; i < count; i++)
        item_write_bytes(&writer, members[i]);
    uint32_t behind = (uint32_t)(writer.len - 5);
    memcpy(writer.data + 1, &behind, sizeof(behind));
    return item_value_read(item_writer_slice(&writer));
}

static void key_escape(struct item_writer *writer, struct mr_slice bytes)
{
    char *out = item_writer_reserve(writer, bytes.len * 2 + 2);
    for (size_t i = 0; i < bytes.len; i++) {
        *out++ = bytes.ptr[i];
        if (bytes.ptr[i] == 0)
            *out++ = (char)0xFF;
    }
    writer->len = (size_t)(out - writer->data);
}

void item_key_write_prefix(struct item_writer *writer, const struct item_value *value)
{
    assert(value->type == ITEM_S || value->type == ITEM_B);
    key_escape(writer, value->body);
}

void item_key_write(struct item_writer *writer, const struct item_value *value)
{
    if (value->type == ITEM_N) {
        item_write_raw(writer, value->body);
        return;
    }
    item_key_write_prefix(writer, value);
    item_write_raw(writer, MR_S("\0\1"));
}
