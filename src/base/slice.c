#include "base/slice.h"

static unsigned char lower(char byte)
{
    unsigned char b = (unsigned char)byte;
    return b >= 'A' && b <= 'Z' ? (unsigned char)(b + 32) : b;
}

int mr_slice_compare(struct mr_slice a, struct mr_slice b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common == 0 ? 0 : memcmp(a.ptr, b.ptr, common);
    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

bool mr_slice_equal_nocase(struct mr_slice a, struct mr_slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.ptr[i]) != lower(b.ptr[i]))
            return false;
    }
    return true;
}

void mr_lower(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        text[i] = (char)lower(text[i]);
}

/* Does the pattern at `*p` fit one byte? Moves behind it. */
static bool like_byte(struct mr_slice pattern, size_t *p, char byte, unsigned flags)
{
    if (*p >= pattern.len)
        return false;
    const bool quoted = (flags & MR_LIKE_QUOTE) && pattern.ptr[*p] == 0 && *p + 1 < pattern.len;
    const char c = pattern.ptr[*p + quoted];
    *p += 1u + quoted;
    return c == byte || (c == '?' && !quoted && (flags & MR_LIKE_ONE)) ||
           ((flags & MR_LIKE_NOCASE) && lower(c) == lower(byte));
}

/* Greedy, with the last star as the only place to go back to. */
bool mr_slice_like(struct mr_slice text, struct mr_slice pattern, unsigned flags)
{
    size_t p = 0, t = 0, star = SIZE_MAX, mark = 0;
    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = ++p;
            mark = t;
        } else if (like_byte(pattern, &p, text.ptr[t], flags)) {
            t++;
        } else if (star != SIZE_MAX) {
            p = star;
            t = ++mark;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}

bool mr_slice_starts_with(struct mr_slice s, struct mr_slice prefix)
{
    return s.len >= prefix.len && mr_slice_equal(mr_slice_sub(s, 0, prefix.len), prefix);
}

bool mr_slice_ends_with(struct mr_slice s, struct mr_slice suffix)
{
    return s.len >= suffix.len &&
           mr_slice_equal(mr_slice_sub(s, s.len - suffix.len, suffix.len), suffix);
}

size_t mr_slice_find(struct mr_slice s, char byte)
{
    const char *hit = s.len == 0 ? NULL : memchr(s.ptr, byte, s.len);
    return hit == NULL ? SIZE_MAX : (size_t)(hit - s.ptr);
}

size_t mr_slice_search(struct mr_slice s, struct mr_slice needle)
{
    if (needle.len == 0)
        return 0;
    if (s.len < needle.len)
        return SIZE_MAX;
    const char *hit = memmem(s.ptr, s.len, needle.ptr, needle.len);
    return hit == NULL ? SIZE_MAX : (size_t)(hit - s.ptr);
}

struct mr_slice mr_slice_sub(struct mr_slice s, size_t from, size_t len)
{
    if (from > s.len)
        from = s.len;
    if (len > s.len - from)
        len = s.len - from;
    return (struct mr_slice){.ptr = s.ptr == NULL ? NULL : s.ptr + from, .len = len};
}

static bool is_blank(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

struct mr_slice mr_slice_trim(struct mr_slice s)
{
    while (s.len > 0 && is_blank(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool mr_slice_split(struct mr_slice *rest, char separator, struct mr_slice *ret_part)
{
    if (rest->ptr == NULL)
        return false;
    size_t at = mr_slice_find(*rest, separator);
    if (at == SIZE_MAX) {
        *ret_part = *rest;
        *rest = (struct mr_slice){0};
        return true;
    }
    *ret_part = mr_slice_sub(*rest, 0, at);
    *rest = mr_slice_sub(*rest, at + 1, SIZE_MAX);
    return true;
}

enum mr_status mr_slice_to_u64(struct mr_slice s, uint64_t *ret_value)
{
    if (s.len == 0)
        return MR_INVALID;
    uint64_t value = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return MR_INVALID;
        uint64_t digit = (uint64_t)(s.ptr[i] - '0');
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return MR_INVALID;
    }
    *ret_value = value;
    return MR_OK;
}

enum mr_status mr_slice_to_i64(struct mr_slice s, int64_t *ret_value)
{
    bool negative = s.len > 0 && s.ptr[0] == '-';
    uint64_t magnitude;
    enum mr_status status = mr_slice_to_u64(negative ? mr_slice_sub(s, 1, s.len) : s, &magnitude);
    if (status != MR_OK)
        return status;
    if (magnitude > (uint64_t)INT64_MAX + negative)
        return MR_INVALID;
    *ret_value = (int64_t)(negative ? 0 - magnitude : magnitude);
    return MR_OK;
}

static bool is_tail(const char *ptr, size_t at)
{
    return ((unsigned char)ptr[at] & 0xc0) == 0x80;
}

size_t mr_slice_utf8_next(struct mr_slice s)
{
    if (s.len == 0)
        return 0;
    unsigned char lead = (unsigned char)s.ptr[0];
    if (lead < 0x80)
        return 1;
    if (lead < 0xc2 || lead > 0xf4) /* a tail, an overlong form, or beyond U+10FFFF */
        return 0;
    if (lead < 0xe0)
        return s.len >= 2 && is_tail(s.ptr, 1) ? 2 : 0;
    if (s.len < 3 || !is_tail(s.ptr, 1) || !is_tail(s.ptr, 2))
        return 0;
    unsigned char second = (unsigned char)s.ptr[1];
    if (lead < 0xf0) {
        bool overlong = lead == 0xe0 && second < 0xa0;
        bool surrogate = lead == 0xed && second >= 0xa0;
        return overlong || surrogate ? 0 : 3;
    }
    bool overlong = lead == 0xf0 && second < 0x90;
    bool beyond = lead == 0xf4 && second >= 0x90;
    return s.len >= 4 && is_tail(s.ptr, 3) && !overlong && !beyond ? 4 : 0;
}

bool mr_slice_is_utf8(struct mr_slice s)
{
    size_t at = 0;
    while (at < s.len) {
        uint64_t word;
        if (s.len - at >= sizeof(word)) {
            memcpy(&word, s.ptr + at, sizeof(word));
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                at += sizeof(word);
                continue;
            }
        }
        size_t step = mr_slice_utf8_next(mr_slice_make(s.ptr + at, s.len - at));
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}

size_t mr_slice_utf8_length(struct mr_slice s)
{
    size_t count = 0;
    for (size_t i = 0; i < s.len; i++)
        count += !is_tail(s.ptr, i);
    return count;
}

__extension__ typedef unsigned __int128 wide;

static uint64_t mix(uint64_t a, uint64_t b)
{
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t load(const char *ptr, size_t len)
{
    uint64_t word = 0;
    memcpy(&word, ptr, len);
    return word;
}

/* The seed is fixed, so that a simulated run walks its maps in the same order every time. */
uint64_t mr_slice_hash(struct mr_slice s)
{
    const uint64_t k1 = UINT64_C(0x9e3779b97f4a7c15), k2 = UINT64_C(0xd1342543de82ef95);
    uint64_t hash = mix(s.len ^ k1, k2);
    size_t at = 0;
    for (; s.len - at > 8; at += 8)
        hash = mix(hash ^ load(s.ptr + at, 8), k1);
    if (s.len > at)
        hash = mix(hash ^ load(s.ptr + at, s.len - at), k2);
    return mix(hash, k1 ^ k2);
}
