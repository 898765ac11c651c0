/* Stored form of a value in VIEW_OBJECT (integers as base/buf.h writes them):
 *
 *   u8      1; 2 when a tail comes last; 3 when a seal comes behind that; 4 when a state of
 *           replication comes behind both
 *   u8      flags: 1 a body in a file, 2 the sum is composite, 4 has headers or anything behind,
 *           8 a body in the view, 16 has a place among versions, 32 a delete marker, 64 is
 *           retained or held, 128 another encryption than AES256
 *   bytes   16: the body's id
 *   varint  size
 *   varint  time of the last change, epoch milliseconds
 *   bytes   16: MD5
 *   varint  number of parts
 *   u8      algorithm of the sum (0: none), then its bytes
 *   with flag 16: varint order; u8 1, and 16 bytes that belong to its id, or 0: it is "null"
 *   with flag 64: u8 retention, plus 16 times the legal hold; varint until when
 *   with flag 128: u8 encryption, plus 128 for a bucket key; the key's ARN with its length before
 *   with flag 4: each header, the user's metadata, the tags, the parts; each with its length before
 *   forms 2 to 4: the list of grants with its length before; varint until when it is restored
 *   forms 3, 4: the seal (s3/seal.h) with its length before
 *   form 4: u8 where its replication stands
 *
 * Listings need no more than the fixed beginning.
 *
 * Keys: an object is "<bucket>" NUL "<key>". A bucket's name begins with a letter or digit, so
 * further kinds fit below: 0x01 "<bucket>" NUL "<key>" NUL "<upload id>" is an upload in progress,
 * 0x02 "<upload id>" and two bytes big-endian one of its parts, 0x03 "<id>" the bytes of
 * a body, 0x04 a version that is not current, or a delete marker (s3/version.h). */
#include "s3/meta.h"
#include <assert.h>
#include <stdio.h>

enum {
    FORM_PLAIN = 1,
    FORM_TAIL = 2,
    FORM_SEALED = 3,
    FORM_REPLICATED = 4,
    FLAG_FILE = 1,
    FLAG_COMPOSITE = 2,
    FLAG_MORE = 4,
    FLAG_VIEW = 8,
    FLAG_VERSION = 16,
    FLAG_MARKER = 32,
    FLAG_LOCK = 64,
    FLAG_SSE = 128,
    ALSO = 128, /* beside a small number in one byte */
};

static bool has_tail(const struct s3_meta *meta)
{
    return meta->acl.len > 0 || meta->restored_until_ms > 0 || meta->seal.len > 0 ||
           meta->replication != S3_NOT_REPLICATED;
}

static uint8_t form_of(const struct s3_meta *meta)
{
    if (meta->replication != S3_NOT_REPLICATED)
        return FORM_REPLICATED;
    return meta->seal.len > 0 ? FORM_SEALED : has_tail(meta) ? FORM_TAIL : FORM_PLAIN;
}

static bool has_more(const struct s3_meta *meta)
{
    for (int i = 0; i < S3_HEADERS; i++)
        if (meta->headers[i].len > 0)
            return true;
    return meta->user.len > 0 || meta->tags.len > 0 || meta->parts.len > 0 || has_tail(meta);
}

static bool has_version(const struct s3_meta *meta)
{
    return meta->version.own || meta->version.order > 0;
}

static bool has_lock(const struct s3_meta *meta)
{
    return meta->retention != S3_NOT_RETAINED || meta->hold != S3_NEVER_HELD;
}

static uint8_t flags_of(const struct s3_meta *meta)
{
    return (uint8_t)((meta->place == S3_IN_FILE ? FLAG_FILE : 0) |
                     (meta->place == S3_IN_VIEW ? FLAG_VIEW : 0) |
                     (meta->composite ? FLAG_COMPOSITE : 0) | (has_more(meta) ? FLAG_MORE : 0) |
                     (has_version(meta) ? FLAG_VERSION : 0) | (meta->marker ? FLAG_MARKER : 0) |
                     (has_lock(meta) ? FLAG_LOCK : 0) |
                     (meta->sse != S3_SSE_AES256 ? FLAG_SSE : 0));
}

static void write_version(struct mr_buf *buf, const struct s3_version *version)
{
    mr_buf_varint(buf, version->order);
    mr_buf_byte(buf, version->own ? 1 : 0);
    if (version->own)
        mr_buf_append(buf, mr_slice_make(version->random, S3_VERSION_RANDOM));
}

void s3_meta_encode(struct mr_buf *buf, const struct s3_meta *meta)
{
    mr_buf_byte(buf, (char)form_of(meta));
    mr_buf_byte(buf, (char)flags_of(meta));
    mr_buf_append(buf, mr_slice_make(meta->body.bytes, S3_ID_BYTES));
    mr_buf_varint(buf, meta->size);
    mr_buf_varint(buf, (uint64_t)meta->modified_ms);
    mr_buf_append(buf, mr_slice_make(meta->md5, S3_MD5_BYTES));
    mr_buf_varint(buf, meta->part_count);
    mr_buf_byte(buf, (char)meta->sum.algorithm);
    mr_buf_append(buf, s3_sum_slice(&meta->sum));
    if (has_version(meta))
        write_version(buf, &meta->version);
    if (has_lock(meta)) {
        mr_buf_byte(buf, (char)((unsigned)meta->retention | (unsigned)meta->hold << 4));
        mr_buf_varint(buf, (uint64_t)meta->retain_until_ms);
    }
    if (meta->sse != S3_SSE_AES256) {
        mr_buf_byte(buf, (char)((unsigned)meta->sse | (meta->bucket_key ? ALSO : 0u)));
        mr_buf_bytes(buf, meta->kms_key);
    }
    if (!has_more(meta))
        return;
    for (int i = 0; i < S3_HEADERS; i++)
        mr_buf_bytes(buf, meta->headers[i]);
    mr_buf_bytes(buf, meta->user);
    mr_buf_bytes(buf, meta->tags);
    mr_buf_bytes(buf, meta->parts);
    if (!has_tail(meta))
        return;
    mr_buf_bytes(buf, meta->acl);
    mr_buf_varint(buf, (uint64_t)meta->restored_until_ms);
    if (form_of(meta) >= FORM_SEALED)
        mr_buf_bytes(buf, meta->seal);
    if (form_of(meta) == FORM_REPLICATED)
        mr_buf_byte(buf, (char)meta->replication);
}

static void read_sum(struct mr_reader *reader, struct s3_sum *ret_sum)
{
    const uint8_t algorithm = mr_read_u8(reader);
    *ret_sum = (struct s3_sum){.algorithm = S3_NO_SUM};
    if (algorithm >= S3_ALGORITHMS) {
        reader->failed = true;
        return;
    }
    ret_sum->algorithm = (enum s3_algorithm)algorithm;
    const struct mr_slice bytes = mr_read_raw(reader, s3_algorithm_bytes(ret_sum->algorithm));
    if (bytes.len > 0)
        memcpy(ret_sum->bytes, bytes.ptr, bytes.len);
}

static void read_into(struct mr_reader *reader, void *ret, size_t len)
{
    const struct mr_slice bytes = mr_read_raw(reader, len);
    if (bytes.len == len)
        memcpy(ret, bytes.ptr, len);
}

static void read_version(struct mr_reader *reader, struct s3_version *ret_version)
{
    ret_version->order = mr_read_varint(reader);
    ret_version->own = mr_read_u8(reader) == 1;
    if (ret_version->own)
        read_into(reader, ret_version->random, S3_VERSION_RANDOM);
}

static void read_lock(struct mr_reader *reader, struct s3_meta *meta)
{
    const uint8_t byte = mr_read_u8(reader);
    const unsigned mode = byte & 15u, hold = byte >> 4;
    if (mode > S3_COMPLIANCE || hold > S3_HELD) {
        reader->failed = true;
        return;
    }
    meta->retention = (enum s3_retention)mode;
    meta->hold = (enum s3_hold)hold;
    meta->retain_until_ms = (int64_t)mr_read_varint(reader);
}

static void read_sse(struct mr_reader *reader, struct s3_meta *meta)
{
    const uint8_t byte = mr_read_u8(reader);
    const uint8_t kind = byte & (ALSO - 1);
    meta->bucket_key = (byte & ALSO) != 0;
    meta->sse = kind <= S3_SSE_DSSE ? (enum s3_sse)kind : S3_SSE_AES256;
    meta->kms_key = mr_read_bytes(reader);
    reader->failed = reader->failed || kind > S3_SSE_DSSE;
}

/* The headers and what comes behind, as far as the form has it. */
static void read_more(struct mr_reader *reader, uint8_t form, struct s3_meta *meta)
{
    for (int i = 0; i < S3_HEADERS; i++)
        meta->headers[i] = mr_read_bytes(reader);
    meta->user = mr_read_bytes(reader);
    meta->tags = mr_read_bytes(reader);
    meta->parts = mr_read_bytes(reader);
    if (form >= FORM_TAIL) {
        meta->acl = mr_read_bytes(reader);
        meta->restored_until_ms = (int64_t)mr_read_varint(reader);
    }
    if (form >= FORM_SEALED)
        meta->seal = mr_read_bytes(reader);
    if (form < FORM_REPLICATED)
        return;
    const uint8_t replication = mr_read_u8(reader);
    if (replication > S3_REPLICA)
        reader->failed = true;
    else
        meta->replication = (enum s3_replication)replication;
}

enum mr_status s3_meta_decode(struct mr_slice value, struct s3_meta *ret_meta)
{
    struct mr_reader reader = mr_reader_make(value);
    const uint8_t form = mr_read_u8(&reader);
    const uint8_t flags = mr_read_u8(&reader);
    *ret_meta = (struct s3_meta){
        .place = (flags & FLAG_FILE) != 0   ? S3_IN_FILE
                 : (flags & FLAG_VIEW) != 0 ? S3_IN_VIEW
                                            : S3_NO_BODY,
        .composite = (flags & FLAG_COMPOSITE) != 0,
        .marker = (flags & FLAG_MARKER) != 0,
    };
    read_into(&reader, ret_meta->body.bytes, S3_ID_BYTES);
    ret_meta->size = mr_read_varint(&reader);
    ret_meta->modified_ms = (int64_t)mr_read_varint(&reader);
    read_into(&reader, ret_meta->md5, S3_MD5_BYTES);
    ret_meta->part_count = (uint32_t)mr_read_varint(&reader);
    read_sum(&reader, &ret_meta->sum);
    if ((flags & FLAG_VERSION) != 0)
        read_version(&reader, &ret_meta->version);
    if ((flags & FLAG_LOCK) != 0)
        read_lock(&reader, ret_meta);
    if ((flags & FLAG_SSE) != 0)
        read_sse(&reader, ret_meta);
    if ((flags & FLAG_MORE) != 0)
        read_more(&reader, form, ret_meta);
    if (reader.failed || form != form_of(ret_meta) || reader.next != reader.end)
        return MR_RAISE(MR_FAIL_DATA, "an object's record is damaged (%zu bytes)", value.len);
    return MR_OK;
}

struct mr_slice s3_meta_etag(const struct s3_meta *meta, char ret[static S3_ETAG_TEXT])
{
    mr_hex(meta->md5, S3_MD5_BYTES, ret);
    size_t len = 2 * S3_MD5_BYTES;
    if (meta->part_count > 0)
        len += (size_t)snprintf(ret + len, S3_ETAG_TEXT - len, "-%u", meta->part_count);
    return mr_slice_make(ret, len);
}

bool s3_meta_is_archive(const struct s3_meta *meta)
{
    const struct mr_slice class = meta->headers[S3_STORAGE_CLASS];
    return mr_slice_equal(class, MR_S("GLACIER")) || mr_slice_equal(class, MR_S("DEEP_ARCHIVE"));
}

bool s3_meta_is_readable(const struct s3_meta *meta, int64_t now_ms)
{
    return meta->restored_until_ms > now_ms || !s3_meta_is_archive(meta);
}

/* ---- lists ---- */

void s3_pairs_add(struct mr_buf *pairs, struct mr_slice name, struct mr_slice value)
{
    mr_buf_bytes(pairs, name);
    mr_buf_bytes(pairs, value);
}

bool s3_pairs_next(struct mr_slice *rest, struct mr_slice *ret_name, struct mr_slice *ret_value)
{
    if (rest->len == 0)
        return false;
    struct mr_reader reader = mr_reader_make(*rest);
    *ret_name = mr_read_bytes(&reader);
    *ret_value = mr_read_bytes(&reader);
    *rest = mr_slice_make(reader.next, (size_t)(reader.end - reader.next));
    return !reader.failed;
}

void s3_parts_add(struct mr_buf *parts, const struct s3_part *part)
{
    mr_buf_varint(parts, part->number);
    mr_buf_varint(parts, part->size);
    mr_buf_byte(parts, (char)part->sum.algorithm);
    mr_buf_append(parts, s3_sum_slice(&part->sum));
}

bool s3_parts_next(struct mr_slice *rest, struct s3_part *ret_part)
{
    if (rest->len == 0)
        return false;
    struct mr_reader reader = mr_reader_make(*rest);
    ret_part->number = (uint32_t)mr_read_varint(&reader);
    ret_part->size = mr_read_varint(&reader);
    read_sum(&reader, &ret_part->sum);
    *rest = mr_slice_make(reader.next, (size_t)(reader.end - reader.next));
    return !reader.failed;
}

/* ---- keys ---- */

struct mr_slice s3_object_key(struct mr_arena *arena, struct mr_slice bucket, struct mr_slice key)
{
    char *text = mr_arena_alloc(arena, bucket.len + 1 + key.len);
    memcpy(text, bucket.ptr, bucket.len);
    text[bucket.len] = 0;
    if (key.len > 0)
        memcpy(text + bucket.len + 1, key.ptr, key.len);
    return mr_slice_make(text, bucket.len + 1 + key.len);
}

struct mr_slice s3_bucket_prefix(struct mr_arena *arena, struct mr_slice bucket)
{
    return s3_object_key(arena, bucket, (struct mr_slice){0});
}

struct mr_slice s3_uploads_prefix(struct mr_arena *arena, struct mr_slice bucket)
{
    return mr_arena_printf(arena, "\x01%.*s%c", MR_ARG(bucket), 0);
}

struct mr_slice s3_upload_key(struct mr_arena *arena, struct mr_slice bucket, struct mr_slice key,
                              struct mr_slice upload_id)
{
    const struct mr_slice prefix = s3_uploads_prefix(arena, bucket);
    const size_t len = prefix.len + key.len + 1 + upload_id.len;
    char *text = mr_arena_alloc(arena, len);
    memcpy(text, prefix.ptr, prefix.len);
    memcpy(text + prefix.len, key.ptr, key.len);
    text[prefix.len + key.len] = 0;
    memcpy(text + prefix.len + key.len + 1, upload_id.ptr, upload_id.len);
    return mr_slice_make(text, len);
}

void s3_upload_key_split(struct mr_slice stored, struct mr_slice prefix, struct mr_slice *ret_key,
                         struct mr_slice *ret_upload_id)
{
    assert(stored.len > prefix.len + S3_UPLOAD_ID_TEXT);
    const size_t key_len = stored.len - prefix.len - 1 - S3_UPLOAD_ID_TEXT;
    *ret_key = mr_slice_sub(stored, prefix.len, key_len);
    *ret_upload_id = mr_slice_sub(stored, prefix.len + key_len + 1, S3_UPLOAD_ID_TEXT);
}

struct mr_slice s3_parts_prefix(struct mr_arena *arena, struct mr_slice upload_id)
{
    return mr_arena_printf(arena, "\x02%.*s", MR_ARG(upload_id));
}

struct mr_slice s3_part_key(struct mr_arena *arena, struct mr_slice upload_id, uint32_t number)
{
    char *text = mr_arena_alloc(arena, upload_id.len + 3);
    text[0] = 2;
    memcpy(text + 1, upload_id.ptr, upload_id.len);
    text[upload_id.len + 1] = (char)(number >> 8);
    text[upload_id.len + 2] = (char)number;
    return mr_slice_make(text, upload_id.len + 3);
}

struct mr_slice s3_body_key(struct mr_arena *arena, const struct s3_id *id)
{
    char *text = mr_arena_alloc(arena, 1 + S3_ID_BYTES);
    text[0] = 3;
    memcpy(text + 1, id->bytes, S3_ID_BYTES);
    return mr_slice_make(text, 1 + S3_ID_BYTES);
}

bool s3_is_body_key(struct mr_slice stored)
{
    return stored.len > 0 && stored.ptr[0] == 3;
}

uint32_t s3_part_key_number(struct mr_slice stored)
{
    assert(stored.len > 2);
    const uint8_t high = (uint8_t)stored.ptr[stored.len - 2];
    return (uint32_t)high << 8 | (uint8_t)stored.ptr[stored.len - 1];
}
