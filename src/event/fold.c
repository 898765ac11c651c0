/* Texts without regard to case: simple folding, one character to one, of the alphabets that have
 * cases in the first two bytes of UTF-8 (Latin, Greek, Cyrillic). */
#include "event/internal.h"

static uint32_t fold(uint32_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c + 32;
    if (c < 0xC0)
        return c;
    if (c <= 0xDE)
        return c == 0xD7 ? c : c + 32;
    if ((c >= 0x100 && c <= 0x12F) || (c >= 0x132 && c <= 0x137) || (c >= 0x14A && c <= 0x177))
        return c | 1;
    if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E))
        return c % 2 == 1 ? c + 1 : c;
    if (c == 0x178)
        return 0xFF;
    if (c >= 0x391 && c <= 0x3A9 && c != 0x3A2)
        return c + 32;
    if (c >= 0x410 && c <= 0x42F)
        return c + 32;
    if (c >= 0x400 && c <= 0x40F)
        return c + 80;
    return c;
}

/* Takes one character off `rest` and folds it; a byte that begins none counts for itself. */
static uint32_t next_folded(struct mr_slice *rest)
{
    const uint8_t *p = (const uint8_t *)rest->ptr;
    size_t len = mr_slice_utf8_next(*rest);
    uint32_t c = p[0];
    if (len == 2)
        c = (uint32_t)(p[0] & 0x1F) << 6 | (p[1] & 0x3F);
    else if (len == 3)
        c = (uint32_t)(p[0] & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3F);
    else if (len == 4)
        c = (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3F) << 12 |
            (uint32_t)(p[2] & 0x3F) << 6 | (p[3] & 0x3F);
    *rest = mr_slice_sub(*rest, len == 0 ? 1 : len, SIZE_MAX);
    return fold(c);
}

bool event_nocase_starts_with(struct mr_slice text, struct mr_slice prefix)
{
    while (prefix.len > 0) {
        if (text.len == 0 || next_folded(&text) != next_folded(&prefix))
            return false;
    }
    return true;
}

bool event_nocase_equal(struct mr_slice a, struct mr_slice b)
{
    while (a.len > 0 && b.len > 0)
        if (next_folded(&a) != next_folded(&b))
            return false;
    return a.len == b.len;
}

bool event_nocase_ends_with(struct mr_slice text, struct mr_slice suffix)
{
    size_t want = mr_slice_utf8_length(suffix), from = text.len;
    for (; want > 0 && from > 0; want--)
        for (from--; from > 0 && ((uint8_t)text.ptr[from] & 0xC0) == 0x80;)
            from--;
    return want == 0 && event_nocase_equal(mr_slice_sub(text, from, SIZE_MAX), suffix);
}
