#include "logs/page.h"
#include "base/buf.h"
#include <assert.h>
#include <stdlib.h>

static int compare(const struct logs_row *a, const struct logs_row *b)
{
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    const int names = mr_slice_compare(a->name, b->name);
    if (names != 0)
        return names;
    return a->number < b->number ? -1 : a->number > b->number;
}

static int ascending(const void *a, const void *b)
{
    return compare(a, b);
}

static int descending(const void *a, const void *b)
{
    return compare(b, a);
}

/* Sorts, and keeps no more than one row beyond the limit: it tells that there are more. */
static void cut(struct logs_page *page)
{
    qsort(page->rows, page->count, sizeof *page->rows, page->descending ? descending : ascending);
    if (page->count > page->limit + 1)
        page->count = page->limit + 1;
}

/* "<rank>/<number>/<name>" */
static bool read_token(struct mr_arena *arena, struct mr_slice token, struct logs_row *ret_row)
{
    struct mr_slice rest = token, rank, number;
    if (!mr_slice_split(&rest, '/', &rank) || !mr_slice_split(&rest, '/', &number))
        return false;
    ret_row->name = mr_arena_copy(arena, rest);
    return mr_slice_to_i64(rank, &ret_row->rank) == MR_OK &&
           mr_slice_to_u64(number, &ret_row->number) == MR_OK;
}

bool logs_page_init(struct logs_page *page, struct mr_arena *arena, size_t limit, bool down,
                    struct mr_slice token)
{
    assert(limit > 0);
    *page = (struct logs_page){
        .arena = arena,
        .limit = limit,
        .descending = down,
        .has_after = token.len > 0,
        .rows = mr_arena_alloc(arena, 2 * (limit + 1) * sizeof(struct logs_row)),
    };
    return token.len == 0 || read_token(arena, token, &page->after);
}

void logs_page_offer(struct logs_page *page, struct logs_row row)
{
    if (page->has_after) {
        const int order = compare(&row, &page->after);
        if (page->descending ? order >= 0 : order <= 0)
            return;
    }
    if (page->count == 2 * (page->limit + 1))
        cut(page);
    page->rows[page->count++] = row;
}

void logs_page_close(struct logs_page *page)
{
    cut(page);
    page->more = page->count > page->limit;
    if (page->more)
        page->count = page->limit;
}

struct mr_slice logs_page_token(const struct logs_page *page)
{
    assert(page->more);
    const struct logs_row *last = &page->rows[page->count - 1];
    return mr_arena_printf(page->arena, "%lld/%llu/%.*s", (long long)last->rank,
                           (unsigned long long)last->number, MR_ARG(last->name));
}
