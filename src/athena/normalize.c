/* normalize(text, NFD): letters taken apart, marks in order. */
#include "athena/rows.h"
#include "athena/unicode.h"
#include "athena/unicode_forms.h"
#include <stdlib.h>

enum { HANGUL = 0xac00, HANGUL_COUNT = 11172, PARTS_MAX = 32 };

static int by_code(const void *key, const void *row)
{
    const uint32_t code = *(const uint32_t *)key, other = ((const struct parts *)row)->code;
    return code < other ? -1 : code > other;
}

static int by_mark(const void *key, const void *row)
{
    const uint32_t code = *(const uint32_t *)key;
    const struct marks *mark = row;
    return code < mark->first ? -1 : code > mark->last;
}

static uint32_t class_of(uint32_t code)
{
    const struct marks *mark = bsearch(&code, marks, MR_COUNT(marks), sizeof *marks, by_mark);
    return mark == NULL ? 0 : mark->class;
}

/* Appends what `code` is put together of; first parts may be put together themselves. */
static size_t take_apart(uint32_t code, uint32_t *out)
{
    uint32_t behind[PARTS_MAX];
    size_t count = 0, len = 0;
    if (code >= HANGUL && code < HANGUL + HANGUL_COUNT) {
        const uint32_t index = code - HANGUL;
        out[len++] = 0x1100 + index / 588;
        out[len++] = 0x1161 + index % 588 / 28;
        if (index % 28 != 0)
            out[len++] = 0x11a7 + index % 28;
        return len;
    }
    const struct parts *found;
    while (count < PARTS_MAX - 1 &&
           (found = bsearch(&code, parts, MR_COUNT(parts), sizeof *parts, by_code)) != NULL) {
        code = found->first;
        if (found->second != 0)
            behind[count++] = found->second;
    }
    out[len++] = code;
    while (count > 0)
        out[len++] = behind[--count];
    return len;
}

/* Appends the marks in the order of their classes; those of one class stay as they are. */
static void put_marks(struct mr_buf *text, uint32_t *codes, size_t count)
{
    char bytes[4];
    for (size_t i = 1; i < count; i++) {
        const uint32_t code = codes[i];
        size_t at = i;
        for (; at > 0 && class_of(codes[at - 1]) > class_of(code); at--)
            codes[at] = codes[at - 1];
        codes[at] = code;
    }
    for (size_t i = 0; i < count; i++)
        mr_buf_append(text, mr_slice_make(bytes, athena_unicode_put(bytes, codes[i])));
}

static bool nfd(struct athena_row *row)
{
    enum { MARKS_MAX = 1024 }; /* in a row; more are put in order piece by piece */
    struct mr_slice text = athena_row_slice(row, 0);
    uint32_t waiting[MARKS_MAX + PARTS_MAX];
    size_t count = 0, len;
    for (size_t at = 0; at < text.len; at += len) {
        uint32_t pieces[PARTS_MAX];
        const uint32_t code = athena_unicode_at(text, at, &len);
        const size_t made = take_apart(code, pieces);
        for (size_t i = 0; i < made; i++) {
            if (class_of(pieces[i]) == 0 || count >= MARKS_MAX) {
                put_marks(&row->text, waiting, count);
                count = 0;
            }
            waiting[count++] = pieces[i];
        }
    }
    put_marks(&row->text, waiting, count);
    athena_row_put_text(row, mr_buf_slice(&row->text));
    return true;
}

enum mr_status athena_normalize_register(duckdb_connection connection)
{
    static const struct athena_row_function functions[] = {
        {"mr_nfd", {DUCKDB_TYPE_VARCHAR}, DUCKDB_TYPE_VARCHAR, nfd},
    };
    return athena_rows_register(connection, functions, MR_COUNT(functions));
}
