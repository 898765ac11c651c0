/* Stored format of a segment file, all integers little-endian.
 *
 * A position is the segment's first position + the offset in its file, so the header's bytes are
 * positions too (no entry ever has them). The segment's end is the next segment's first position.
 *
 *   file    0  8  "MRJRNL1\n"
 *           8  8  first position
 *          16 44  zeros
 *          60  4  CRC-32C of bytes 0 to 59
 *          64     entries, one behind the other; then zeros up to the preallocated size
 *
 *   entry   0  4  magic
 *           4  4  length: header, ops, padding; a multiple of 8
 *           8  8  position of this entry: old bytes are never taken for new ones
 *          16  8  time, epoch milliseconds
 *          24  4  number of ops, at least 1
 *          28  4  unsynced: position - durable position at the time of the append
 *          32  4  CRC-32C of the body (bytes 40 to length)
 *          36  4  CRC-32C of bytes 0 to 35
 *          40     ops
 *
 *   op      0  1  kind          1  1  space
 *           2  1  flags: 1 = has an old value
 *           3  1  zero          4  4  window
 *           8  4  key length   12  4  value length
 *          16  4  old length   20  4  meta length
 *          24     key, value, old, meta; zeros up to a multiple of 8
 *
 * The header has a CRC of its own so that a walk over entries can trust lengths without reading
 * bodies, and so that recovery can recognise the header of a later entry whose body is torn. */
#include "journal/entry.h"
#include "base/codec.h"
#include <assert.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the stored format is copied as it is");

enum { ENTRY_MAGIC = 0x5245564d, OP_HAS_OLD = 1 };

struct entry_wire {
    uint32_t magic, length;
    int64_t position, time_ms;
    uint32_t count, unsynced, body_crc, header_crc;
};
_Static_assert(sizeof(struct entry_wire) == JOURNAL_ENTRY_HEADER_BYTES, "no padding inside");

struct op_wire {
    uint8_t kind, space, flags, zero;
    uint32_t window, key_len, value_len, old_len, meta_len;
};
_Static_assert(sizeof(struct op_wire) == JOURNAL_OP_HEADER_BYTES, "no padding inside");

struct file_wire {
    char magic[8];
    int64_t first;
    char zeros[44];
    uint32_t crc;
};
_Static_assert(sizeof(struct file_wire) == JOURNAL_FILE_HEADER_BYTES, "no padding inside");
static const char file_magic[8] = "MRJRNL1\n";
static const char zeros8[8];

static size_t pad8(size_t size)
{
    return (size + 7) & ~(size_t)7;
}

static size_t payload_size(const struct journal_op *op)
{
    return op->key.len + op->value.len + (op->has_old ? op->old.len : 0) + op->meta.len;
}

size_t journal_entry_size(const struct journal_op *ops, size_t count)
{
    size_t size = JOURNAL_ENTRY_HEADER_BYTES;
    for (size_t i = 0; i < count; i++) {
        const struct journal_op *op = &ops[i];
        /* Each alone first, so that the sum cannot wrap. */
        if (op->key.len > JOURNAL_ENTRY_BYTES_MAX || op->value.len > JOURNAL_ENTRY_BYTES_MAX ||
            op->old.len > JOURNAL_ENTRY_BYTES_MAX || op->meta.len > JOURNAL_ENTRY_BYTES_MAX)
            return 0;
        size += JOURNAL_OP_HEADER_BYTES + pad8(payload_size(op));
        if (size > JOURNAL_ENTRY_BYTES_MAX)
            return 0;
    }
    return size;
}

static struct op_wire op_wire_of(const struct journal_op *op)
{
    return (struct op_wire){
        .kind = (uint8_t)op->kind,
        .space = op->space,
        .flags = op->has_old ? OP_HAS_OLD : 0,
        .window = op->window,
        .key_len = (uint32_t)op->key.len,
        .value_len = (uint32_t)op->value.len,
        .old_len = op->has_old ? (uint32_t)op->old.len : 0,
        .meta_len = (uint32_t)op->meta.len,
    };
}

static uint32_t crc_more(uint32_t crc, struct mr_slice bytes)
{
    return bytes.len == 0 ? crc : mr_crc32c(crc, bytes);
}

uint32_t journal_entry_body_crc(const struct journal_op *ops, size_t count)
{
    uint32_t crc = 0;
    for (size_t i = 0; i < count; i++) {
        const struct journal_op *op = &ops[i];
        struct op_wire wire = op_wire_of(op);
        size_t len = payload_size(op);
        crc = mr_crc32c(crc, mr_slice_make(&wire, sizeof(wire)));
        crc = crc_more(crc, op->key);
        crc = crc_more(crc, op->value);
        if (op->has_old)
            crc = crc_more(crc, op->old);
        crc = crc_more(crc, op->meta);
        crc = crc_more(crc, mr_slice_make(zeros8, pad8(len) - len));
    }
    return crc;
}

static char *put(char *out, struct mr_slice bytes)
{
    if (bytes.len > 0)
        memcpy(out, bytes.ptr, bytes.len);
    return out + bytes.len;
}

void journal_entry_encode(const struct journal_entry *entry, struct journal_op *ops, char *out)
{
    struct entry_wire wire = {
        .magic = ENTRY_MAGIC,
        .length = entry->length,
        .position = entry->position,
        .time_ms = entry->time_ms,
        .count = entry->count,
        .unsynced = entry->unsynced,
        .body_crc = entry->body_crc,
    };
    wire.header_crc = mr_crc32c(0, mr_slice_make(&wire, sizeof(wire) - sizeof(wire.header_crc)));
    memcpy(out, &wire, sizeof(wire));
    char *next = out + sizeof(wire);
    for (uint32_t i = 0; i < entry->count; i++) {
        struct journal_op *op = &ops[i];
        op->position = entry->position + (next - out);
        op->time_ms = entry->time_ms;
        struct op_wire op_wire = op_wire_of(op);
        size_t len = payload_size(op);
        next = put(next, mr_slice_make(&op_wire, sizeof(op_wire)));
        next = put(next, op->key);
        next = put(next, op->value);
        if (op->has_old)
            next = put(next, op->old);
        next = put(next, op->meta);
        next = put(next, mr_slice_make(zeros8, pad8(len) - len));
    }
    assert(next == out + entry->length);
}

bool journal_entry_decode(const char *data, size_t room, int64_t position,
                          struct journal_entry *ret_entry)
{
    struct entry_wire wire;
    if (room < sizeof(wire))
        return false;
    memcpy(&wire, data, sizeof(wire));
    if (wire.magic != ENTRY_MAGIC || wire.position != position)
        return false;
    if (wire.length > room || wire.length > JOURNAL_ENTRY_BYTES_MAX || wire.length % 8 != 0 ||
        wire.length < JOURNAL_ENTRY_HEADER_BYTES + JOURNAL_OP_HEADER_BYTES)
        return false;
    if (wire.count == 0 || wire.count > wire.length / JOURNAL_OP_HEADER_BYTES)
        return false;
    if (mr_crc32c(0, mr_slice_make(&wire, sizeof(wire) - sizeof(wire.header_crc))) !=
        wire.header_crc)
        return false;
    *ret_entry = (struct journal_entry){
        .position = wire.position,
        .time_ms = wire.time_ms,
        .length = wire.length,
        .count = wire.count,
        .unsynced = wire.unsynced,
        .body_crc = wire.body_crc,
    };
    return true;
}

bool journal_entry_body_is_good(const char *data, const struct journal_entry *entry)
{
    struct mr_slice body = {data + JOURNAL_ENTRY_HEADER_BYTES,
                            entry->length - JOURNAL_ENTRY_HEADER_BYTES};
    return mr_crc32c(0, body) == entry->body_crc;
}

size_t journal_op_decode(const char *data, size_t room, struct journal_op *ret_op)
{
    struct op_wire wire;
    if (room < sizeof(wire))
        return 0;
    memcpy(&wire, data, sizeof(wire));
    size_t len = (size_t)wire.key_len + wire.value_len + wire.old_len + wire.meta_len;
    if (len > room || sizeof(wire) + pad8(len) > room)
        return 0;
    const char *key = data + sizeof(wire);
    const char *value = key + wire.key_len;
    const char *old = value + wire.value_len;
    *ret_op = (struct journal_op){
        .kind = (enum journal_op_kind)wire.kind,
        .space = wire.space,
        .window = wire.window,
        .has_old = (wire.flags & OP_HAS_OLD) != 0,
        .key = {key, wire.key_len},
        .value = {value, wire.value_len},
        .old = {old, wire.old_len},
        .meta = {old + wire.old_len, wire.meta_len},
    };
    return sizeof(wire) + pad8(len);
}

void journal_file_header_encode(int64_t first, char out[static JOURNAL_FILE_HEADER_BYTES])
{
    struct file_wire wire = {.first = first};
    memcpy(wire.magic, file_magic, sizeof(file_magic));
    wire.crc = mr_crc32c(0, mr_slice_make(&wire, offsetof(struct file_wire, crc)));
    memcpy(out, &wire, sizeof(wire));
}

bool journal_file_header_decode(const char *data, size_t len, int64_t *ret_first)
{
    struct file_wire wire;
    if (len < sizeof(wire))
        return false;
    memcpy(&wire, data, sizeof(wire));
    if (memcmp(wire.magic, file_magic, sizeof(file_magic)) != 0 ||
        wire.crc != mr_crc32c(0, mr_slice_make(&wire, offsetof(struct file_wire, crc))))
        return false;
    *ret_first = wire.first;
    return true;
}
