#include "base/codec.h"

/* Text forms of bytes: hex, base64, percent-encoding. */

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

void mr_hex(const void *bytes, size_t len, char *ret)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *in = bytes;
    for (size_t i = 0; i < len; i++) {
        ret[2 * i] = digits[in[i] >> 4];
        ret[2 * i + 1] = digits[in[i] & 15];
    }
    ret[2 * len] = '\0';
}

enum mr_status mr_unhex(struct mr_slice text, void *ret, size_t len)
{
    if (text.len % 2 != 0 || text.len / 2 != len)
        return MR_INVALID;
    for (size_t i = 0; i < text.len; i++) {
        if (hex_value(text.ptr[i]) < 0)
            return MR_INVALID;
    }
    uint8_t *out = ret;
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(hex_value(text.ptr[2 * i]) << 4 | hex_value(text.ptr[2 * i + 1]));
    return MR_OK;
}

static const char base64_letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static size_t base64_encode(struct mr_slice bytes, char *out)
{
    const uint8_t *in = (const uint8_t *)bytes.ptr;
    char *at = out;
    size_t i = 0;
    for (; bytes.len - i >= 3; i += 3, at += 4) {
        uint32_t group = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 | in[i + 2];
        at[0] = base64_letters[group >> 18];
        at[1] = base64_letters[group >> 12 & 63];
        at[2] = base64_letters[group >> 6 & 63];
        at[3] = base64_letters[group & 63];
    }
    size_t left = bytes.len - i;
    if (left > 0) {
        uint32_t group = (uint32_t)in[i] << 16 | (left == 2 ? (uint32_t)in[i + 1] << 8 : 0);
        at[0] = base64_letters[group >> 18];
        at[1] = base64_letters[group >> 12 & 63];
        at[2] = left == 2 ? base64_letters[group >> 6 & 63] : '=';
        at[3] = '=';
        at += 4;
    }
    return (size_t)(at - out);
}

static size_t base64_size(size_t len)
{
    return (len + 2) / 3 * 4;
}

void mr_base64_append(struct mr_buf *buf, struct mr_slice bytes)
{
    buf->len += base64_encode(bytes, mr_buf_reserve(buf, base64_size(bytes.len)));
}

struct mr_slice mr_base64(struct mr_arena *arena, struct mr_slice bytes)
{
    char *out = mr_arena_alloc(arena, base64_size(bytes.len));
    return mr_slice_make(out, base64_encode(bytes, out));
}

/* By code: 0..63 for a letter, 64 for the rest. */
/* clang-format off */
static const uint8_t base64_values[256] = {
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 62, 64, 64, 64, 63,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 64, 64, 64, 64, 64, 64,
    64,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 64, 64, 64, 64, 64,
    64, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
};
/* clang-format on */

static uint32_t base64_value(char letter)
{
    return base64_values[(uint8_t)letter];
}

size_t mr_base64_letters(struct mr_slice text)
{
    enum { STRIDE = 8 };
    size_t at = 0;
    for (; at + STRIDE <= text.len; at += STRIDE) {
        uint32_t all = 0;
        for (size_t i = 0; i < STRIDE; i++)
            all |= base64_value(text.ptr[at + i]);
        if ((all & 64) != 0)
            break;
    }
    while (at < text.len && base64_value(text.ptr[at]) < 64)
        at++;
    return at;
}

size_t mr_base64_decoded_size(struct mr_slice text)
{
    size_t size = text.len / 4 * 3;
    if (text.len >= 4 && text.ptr[text.len - 1] == '=')
        size -= text.ptr[text.len - 2] == '=' ? 2 : 1;
    return size;
}

/* Two or three letters that stand for one or two bytes. */
static bool base64_decode_tail(const char *in, size_t letters, uint8_t *out)
{
    uint32_t a = base64_value(in[0]), b = base64_value(in[1]);
    uint32_t c = letters == 3 ? base64_value(in[2]) : 0;
    if (((a | b | c) & 64) != 0)
        return false;
    out[0] = (uint8_t)(a << 2 | b >> 4);
    if (letters == 3)
        out[1] = (uint8_t)((b & 15) << 4 | c >> 2);
    return true;
}

enum mr_status mr_base64_decode(struct mr_arena *arena, struct mr_slice text,
                                struct mr_slice *ret_bytes)
{
    if (text.len % 4 != 0)
        return MR_INVALID;
    size_t size = mr_base64_decoded_size(text);
    uint8_t *out = mr_arena_alloc(arena, size);
    size_t tail = size % 3;
    size_t whole = tail == 0 ? text.len : text.len - 4;
    size_t at = 0;
    for (size_t i = 0; i < whole; i += 4, at += 3) {
        uint32_t a = base64_value(text.ptr[i]), b = base64_value(text.ptr[i + 1]);
        uint32_t c = base64_value(text.ptr[i + 2]), d = base64_value(text.ptr[i + 3]);
        if (((a | b | c | d) & 64) != 0)
            return MR_INVALID;
        uint32_t group = a << 18 | b << 12 | c << 6 | d;
        out[at] = (uint8_t)(group >> 16);
        out[at + 1] = (uint8_t)(group >> 8);
        out[at + 2] = (uint8_t)group;
    }
    if (tail > 0 && !base64_decode_tail(text.ptr + whole, tail + 1, out + at))
        return MR_INVALID;
    *ret_bytes = mr_slice_make(out, size);
    return MR_OK;
}

static bool is_unreserved(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

void mr_percent_encode(struct mr_buf *buf, struct mr_slice text, bool keep_slash)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = mr_buf_reserve(buf, text.len * 3);
    char *at = out;
    for (size_t i = 0; i < text.len; i++) {
        if (is_unreserved(text.ptr[i]) || (keep_slash && text.ptr[i] == '/')) {
            *at++ = text.ptr[i];
            continue;
        }
        uint8_t byte = (uint8_t)text.ptr[i];
        *at++ = '%';
        *at++ = digits[byte >> 4];
        *at++ = digits[byte & 15];
    }
    buf->len += (size_t)(at - out);
}

struct mr_slice mr_percent_decode(struct mr_arena *arena, struct mr_slice text, bool plus_is_space)
{
    char *out = mr_arena_alloc(arena, text.len);
    size_t at = 0;
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        if (byte == '%' && text.len - i > 2) {
            int high = hex_value(text.ptr[i + 1]), low = hex_value(text.ptr[i + 2]);
            if (high >= 0 && low >= 0) {
                out[at++] = (char)(high << 4 | low);
                i += 2;
                continue;
            }
        }
        out[at++] = byte == '+' && plus_is_space ? ' ' : byte;
    }
    return mr_slice_make(out, at);
}
