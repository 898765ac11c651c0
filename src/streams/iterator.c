/* Shard iterators: "<stream ARN>|1|<base64>". Opaque to clients; stateless here, so that one may be
 * used again.
 *
 * The base64 holds the shard's window (u32), first hash (u32) and start (u64), position (u64),
 * issue time (u64, ms), CRC-32C of those 32 bytes (u32), little-endian. The checksum tells a
 * damaged iterator from an old one; it is no protection against forgery, which would gain nothing.
 */
#include "base/codec.h"
#include "streams/internal.h"

enum { BODY = 32 };

struct mr_slice streams_iterator_text(struct mr_arena *arena, const struct streams_stream *stream,
                                      const struct streams_iterator *iterator)
{
    struct mr_buf bytes = {0};
    mr_buf_u32(&bytes, iterator->window);
    mr_buf_u32(&bytes, iterator->hash_from);
    mr_buf_u64(&bytes, (uint64_t)iterator->start);
    mr_buf_u64(&bytes, (uint64_t)iterator->position);
    mr_buf_u64(&bytes, (uint64_t)iterator->issued_ms);
    mr_buf_u32(&bytes, mr_crc32c(0, mr_buf_slice(&bytes)));
    struct mr_slice text = mr_base64(arena, mr_buf_slice(&bytes));
    mr_buf_fini(&bytes);
    return mr_arena_printf(arena, "%s|1|%.*s", stream->arn, MR_ARG(text));
}

enum mr_status streams_iterator_read(struct mr_arena *arena, struct mr_slice text,
                                     struct mr_slice *ret_arn,
                                     struct streams_iterator *ret_iterator)
{
    struct mr_slice rest = text, arn, version, bytes;
    if (!mr_slice_split(&rest, '|', &arn) || !mr_slice_split(&rest, '|', &version) ||
        rest.ptr == NULL || !mr_slice_equal(version, MR_S("1")))
        return MR_INVALID;
    if (mr_base64_decode(arena, rest, &bytes) != MR_OK || bytes.len != BODY + 4)
        return MR_INVALID;
    struct mr_reader reader = mr_reader_make(bytes);
    struct streams_iterator iterator = {.window = mr_read_u32(&reader)};
    iterator.hash_from = (uint16_t)mr_read_u32(&reader);
    iterator.start = (int64_t)mr_read_u64(&reader);
    iterator.position = (int64_t)mr_read_u64(&reader);
    iterator.issued_ms = (int64_t)mr_read_u64(&reader);
    uint32_t crc = mr_read_u32(&reader);
    if (reader.failed || crc != mr_crc32c(0, mr_slice_sub(bytes, 0, BODY)))
        return MR_INVALID;
    *ret_arn = arn;
    *ret_iterator = iterator;
    return MR_OK;
}
