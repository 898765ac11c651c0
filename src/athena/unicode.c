#include "athena/unicode.h"
#include "athena/unicode_table.h"

uint32_t athena_unicode_at(struct mr_slice text, size_t at, size_t *ret_len)
{
    const unsigned char *bytes = (const unsigned char *)text.ptr + at;
    const uint32_t first = bytes[0];
    if (first < 0x80) {
        *ret_len = 1;
        return first;
    }
    const size_t len = mr_slice_utf8_next(mr_slice_sub(text, at, 4));
    *ret_len = len == 0 ? 1 : len;
    switch (len) {
    case 2: return (first & 0x1f) << 6 | (bytes[1] & 0x3fu);
    case 3: return (first & 0x0f) << 12 | (bytes[1] & 0x3fu) << 6 | (bytes[2] & 0x3fu);
    case 4:
        return (first & 0x07) << 18 | (bytes[1] & 0x3fu) << 12 | (bytes[2] & 0x3fu) << 6 |
               (bytes[3] & 0x3fu);
    default: return 0x110000 + first;
    }
}

size_t athena_unicode_put(char *bytes, uint32_t code)
{
    if (code < 0x80) {
        bytes[0] = (char)code;
        return 1;
    }
    const size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char heads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = len - 1; i > 0; i--, code >>= 6)
        bytes[i] = (char)(0x80 | (code & 0x3f));
    bytes[0] = (char)(heads[len] | code);
    return len;
}

static uint32_t changed(const struct cases *cases, size_t count, uint32_t code)
{
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (cases[middle].last < code)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == count || code < cases[low].first || (code - cases[low].first) % cases[low].step != 0)
        return code;
    return (uint32_t)((int32_t)code + cases[low].difference);
}

uint32_t athena_unicode_upper(uint32_t code)
{
    return changed(upper, MR_COUNT(upper), code);
}

uint32_t athena_unicode_lower(uint32_t code)
{
    return changed(lower, MR_COUNT(lower), code);
}

static enum athena_category category(uint32_t code)
{
    size_t low = 0, high = MR_COUNT(categories);
    if (code > 0x10ffff)
        return UNICODE_CN;
    while (high - low > 1) {
        const size_t middle = (low + high) / 2;
        if (categories[middle] >> 8 <= code)
            low = middle;
        else
            high = middle;
    }
    return (enum athena_category)(categories[low] & 0xff);
}

/* ---- properties ---- */

#define BIT(name) (UINT32_C(1) << UNICODE_##name)
#define LETTERS (BIT(LU) | BIT(LL) | BIT(LT) | BIT(LM) | BIT(LO))
#define MARKS (BIT(MN) | BIT(MC) | BIT(ME))
#define PUNCTUATION (BIT(PC) | BIT(PD) | BIT(PS) | BIT(PE) | BIT(PI) | BIT(PF) | BIT(PO))
#define SYMBOLS (BIT(SM) | BIT(SC) | BIT(SK) | BIT(SO))
#define OTHERS (BIT(CC) | BIT(CF) | BIT(CO) | BIT(CS) | BIT(CN))
#define BLANKS (BIT(ZS) | BIT(ZL) | BIT(ZP))

/* By categories; or, where there are none, by ranges of the scripts below. */
static const struct {
    const char *name;
    uint32_t categories;
} properties[] = {
    {"l", LETTERS},
    {"m", MARKS},
    {"n", BIT(ND) | BIT(NL) | BIT(NO)},
    {"p", PUNCTUATION},
    {"s", SYMBOLS},
    {"z", BLANKS},
    {"c", OTHERS},
    {"lu", BIT(LU)},
    {"ll", BIT(LL)},
    {"lt", BIT(LT)},
    {"lm", BIT(LM)},
    {"lo", BIT(LO)},
    {"mn", BIT(MN)},
    {"mc", BIT(MC)},
    {"me", BIT(ME)},
    {"nd", BIT(ND)},
    {"nl", BIT(NL)},
    {"no", BIT(NO)},
    {"pc", BIT(PC)},
    {"pd", BIT(PD)},
    {"ps", BIT(PS)},
    {"pe", BIT(PE)},
    {"pi", BIT(PI)},
    {"pf", BIT(PF)},
    {"po", BIT(PO)},
    {"sm", BIT(SM)},
    {"sc", BIT(SC)},
    {"sk", BIT(SK)},
    {"so", BIT(SO)},
    {"zs", BIT(ZS)},
    {"zl", BIT(ZL)},
    {"zp", BIT(ZP)},
    {"cc", BIT(CC)},
    {"cf", BIT(CF)},
    {"co", BIT(CO)},
    {"cs", BIT(CS)},
    {"cn", BIT(CN)},
    {"letter", LETTERS},
    {"mark", MARKS},
    {"alpha", LETTERS | BIT(NL)},
    {"alphabetic", LETTERS | BIT(NL)},
    {"alnum", LETTERS | BIT(NL) | BIT(ND)},
    {"upper", BIT(LU)},
    {"uppercase", BIT(LU)},
    {"lower", BIT(LL)},
    {"lowercase", BIT(LL)},
    {"punct", PUNCTUATION},
    {"cntrl", BIT(CC)},
    {"graph", ~(OTHERS | BLANKS)},
    {"print", ~(OTHERS | BIT(ZL) | BIT(ZP))},
    {"any", ~UINT32_C(0)},
    {"digit", BIT(ND)},
};
static const struct {
    const char *name;
    uint32_t ranges[10]; /* pairs */
} scripts[] = {
    {"ascii", {0, 0x7f}},
    {"xdigit", {'0', '9', 'A', 'F', 'a', 'f'}},
    {"blank", {'\t', '\t', ' ', ' ', 0xa0, 0xa0, 0x2000, 0x200a, 0x3000, 0x3000}},
    {"latin", {'A', 'Z', 'a', 'z', 0xc0, 0x24f, 0x1e00, 0x1eff, 0xff21, 0xff5a}},
    {"greek", {0x370, 0x3ff, 0x1f00, 0x1fff}},
    {"cyrillic", {0x400, 0x52f, 0x1c80, 0x1c88, 0x2de0, 0x2dff, 0xa640, 0xa69f}},
    {"armenian", {0x531, 0x58f}},
    {"hebrew", {0x591, 0x5f4, 0xfb1d, 0xfb4f}},
    {"arabic", {0x600, 0x6ff, 0x750, 0x77f, 0x8a0, 0x8ff, 0xfb50, 0xfdff, 0xfe70, 0xfefc}},
    {"devanagari", {0x900, 0x97f, 0xa8e0, 0xa8ff}},
    {"thai", {0xe01, 0xe3a, 0xe40, 0xe5b}},
    {"hiragana", {0x3041, 0x3096, 0x309d, 0x309f}},
    {"katakana", {0x30a1, 0x30fa, 0x30fd, 0x30ff, 0x31f0, 0x31ff, 0xff66, 0xff9d}},
    {"hangul", {0x1100, 0x11ff, 0x3131, 0x318e, 0xac00, 0xd7fb}},
    {"han", {0x2e80, 0x2fd5, 0x3005, 0x3007, 0x3021, 0x303b, 0x3400, 0x9fff, 0x20000, 0x323af}},
};

static bool named(struct mr_slice property, const char *name)
{
    return mr_slice_equal_nocase(property, mr_slice_cstr(name));
}

bool athena_unicode_known(struct mr_slice property, int *ret_property)
{
    if (named(property, "space") || named(property, "whitespace") || named(property, "word")) {
        *ret_property = named(property, "word") ? UNICODE_WORD : UNICODE_SPACE;
        return true;
    }
    for (size_t i = 0; i < MR_COUNT(properties); i++) {
        if (named(property, properties[i].name)) {
            *ret_property = (int)i;
            return true;
        }
    }
    for (size_t i = 0; i < MR_COUNT(scripts); i++) {
        if (named(property, scripts[i].name)) {
            *ret_property = (int)(MR_COUNT(properties) + i);
            return true;
        }
    }
    return false;
}

bool athena_unicode_has(uint32_t code, int property)
{
    const uint32_t bit = UINT32_C(1) << category(code);
    if (property == UNICODE_WORD)
        return (bit & (LETTERS | MARKS | BIT(ND) | BIT(PC))) != 0;
    if (property == UNICODE_DIGIT)
        return (bit & BIT(ND)) != 0;
    if (property == UNICODE_SPACE)
        return (code >= '\t' && code <= '\r') || code == 0x85 || (bit & BLANKS) != 0;
    if ((size_t)property < MR_COUNT(properties))
        return code <= 0x10ffff && (bit & properties[property].categories) != 0;
    const size_t script = (size_t)property - MR_COUNT(properties);
    const uint32_t *ranges = scripts[script].ranges;
    if (script > 2 && (bit & (LETTERS | MARKS | BIT(NL) | BIT(ND) | BIT(NO))) == 0)
        return false; /* the ranges have signs of all scripts in them */
    for (size_t i = 0; i < MR_COUNT(scripts[0].ranges) && (i == 0 || ranges[i + 1] != 0); i += 2) {
        if (code >= ranges[i] && code <= ranges[i + 1])
            return true;
    }
    return false;
}
