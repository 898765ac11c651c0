/* Shard iterators: opaque to clients, complete in themselves, so the server keeps nothing for them.
 *
 * Text: base64 of { u8 1, u64 created ms, u64 position, u64 not before ms, u32 window, u32 shard,
 * u64 nonce, bytes stream name, u32 CRC-32C of all before }. The nonce makes each one differ from
 * all earlier ones, as AWS's do. */
#include "kinesis/internal.h"
#include "base/codec.h"

enum { VERSION = 1, TEXT_MAX = 512 };

struct mr_slice kinesis_iterator_print(struct kinesis *kinesis, struct mr_arena *arena,
                                       const struct kinesis_iterator *iterator)
{
    struct mr_buf raw = {0};
    mr_buf_byte(&raw, VERSION);
    mr_buf_u64(&raw, (uint64_t)iterator->created_ms);
    mr_buf_u64(&raw, (uint64_t)iterator->position);
    mr_buf_u64(&raw, (uint64_t)iterator->not_before_ms);
    mr_buf_u32(&raw, iterator->window);
    mr_buf_u32(&raw, iterator->shard);
    mr_buf_u64(&raw, mr_rng_u64(kinesis->options.rng));
    mr_buf_bytes(&raw, iterator->stream);
    mr_buf_u32(&raw, mr_crc32c(0, mr_buf_slice(&raw)));
    const struct mr_slice text = mr_base64(arena, mr_buf_slice(&raw));
    mr_buf_fini(&raw);
    return text;
}

enum mr_status kinesis_iterator_parse(struct mr_arena *arena, struct mr_slice text,
                                      struct kinesis_iterator *ret)
{
    /* AWS: an iterator wrapped in double quotes is taken as well. */
    if (text.len >= 2 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"')
        text = mr_slice_sub(text, 1, text.len - 2);
    struct mr_slice raw;
    if (text.len == 0 || text.len > TEXT_MAX || mr_base64_decode(arena, text, &raw) != MR_OK ||
        raw.len < 5)
        return MR_INVALID;
    const struct mr_slice body = mr_slice_sub(raw, 0, raw.len - 4);
    struct mr_reader tail = mr_reader_make(mr_slice_sub(raw, body.len, 4));
    if (mr_read_u32(&tail) != mr_crc32c(0, body))
        return MR_INVALID;
    struct mr_reader reader = mr_reader_make(body);
    const uint8_t version = mr_read_u8(&reader);
    ret->created_ms = (int64_t)mr_read_u64(&reader);
    ret->position = (int64_t)mr_read_u64(&reader);
    ret->not_before_ms = (int64_t)mr_read_u64(&reader);
    ret->window = mr_read_u32(&reader);
    ret->shard = mr_read_u32(&reader);
    (void)mr_read_u64(&reader);
    ret->stream = mr_read_bytes(&reader);
    return reader.failed || version != VERSION ? MR_INVALID : MR_OK;
}
