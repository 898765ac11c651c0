#include "s3/list.h"

struct mr_slice s3_common_prefix(struct mr_slice key, struct mr_slice prefix,
                                 struct mr_slice delimiter)
{
    if (delimiter.len == 0)
        return (struct mr_slice){0};
    const struct mr_slice rest = mr_slice_sub(key, prefix.len, SIZE_MAX);
    const size_t at = mr_slice_search(rest, delimiter);
    if (at == SIZE_MAX)
        return (struct mr_slice){0};
    return mr_slice_sub(key, 0, prefix.len + at + delimiter.len);
}

/* The first possible key behind all that begin with `text`; it ends in a byte of UTF-8, never 0xff,
 * unless somebody listed with a prefix that is no UTF-8: then there may be none (MR_END). */
static enum mr_status seek_behind(struct view_iterator *iterator, struct mr_arena *arena,
                                  struct mr_slice bucket, struct mr_slice text)
{
    const struct mr_slice stored = s3_object_key(arena, bucket, text);
    char *end = mr_arena_cstr(arena, stored);
    size_t len = stored.len;
    while (len > bucket.len + 1 && (uint8_t)end[len - 1] == 0xff)
        len--;
    if (len == bucket.len + 1)
        return MR_END;
    end[len - 1]++;
    view_iterator_seek(iterator, mr_slice_make(end, len));
    return MR_OK;
}

static enum mr_status seek_start(struct view_iterator *iterator, struct mr_arena *arena,
                                 const struct s3_page *page)
{
    if (page->after.len == 0 || mr_slice_compare(page->after, page->prefix) < 0) {
        view_iterator_first(iterator);
        return MR_OK;
    }
    if (mr_slice_starts_with(page->after, page->prefix)) {
        const struct mr_slice common = s3_common_prefix(page->after, page->prefix, page->delimiter);
        if (common.ptr != NULL && common.len == page->after.len)
            return seek_behind(iterator, arena, page->bucket, common);
    }
    const struct mr_slice stored = s3_object_key(arena, page->bucket, page->after);
    view_iterator_seek(iterator, stored);
    if (view_iterator_valid(iterator) && mr_slice_equal(view_iterator_key(iterator), stored))
        view_iterator_next(iterator);
    return MR_OK;
}

static enum mr_status show_prefix(struct view_iterator *iterator, struct mr_arena *arena,
                                  struct s3_page *page, struct mr_slice common)
{
    page->last = mr_arena_copy(arena, common);
    page->count++;
    const enum mr_status status = page->on_prefix(page->ctx, page->last);
    return status != MR_OK ? status : seek_behind(iterator, arena, page->bucket, page->last);
}

static enum mr_status show_object(struct view_iterator *iterator, struct s3_page *page,
                                  struct mr_slice key)
{
    struct s3_meta meta;
    enum mr_status status = s3_meta_decode(view_iterator_value(iterator), &meta);
    if (status != MR_OK)
        return status;
    page->count++;
    status = page->on_object(page->ctx, key, &meta);
    return status;
}

static enum mr_status walk(struct view_iterator *iterator, struct mr_arena *arena,
                           struct s3_page *page)
{
    enum mr_status status = seek_start(iterator, arena, page);
    while (status == MR_OK && view_iterator_valid(iterator)) {
        if (page->count == page->limit) {
            page->truncated = true;
            break;
        }
        const struct mr_slice stored = view_iterator_key(iterator);
        const struct mr_slice key = mr_slice_sub(stored, page->bucket.len + 1, SIZE_MAX);
        const struct mr_slice common = s3_common_prefix(key, page->prefix, page->delimiter);
        if (common.ptr != NULL) {
            status = show_prefix(iterator, arena, page, common);
            continue;
        }
        if (page->count + 1 == page->limit) /* only the last one of a page is ever asked for */
            page->last = mr_arena_copy(arena, key);
        status = show_object(iterator, page, key);
        if (status == MR_OK)
            view_iterator_next(iterator);
    }
    return status == MR_END ? MR_OK : status;
}

enum mr_status s3_page_walk(struct view *view, struct mr_arena *arena, struct s3_page *page)
{
    page->truncated = false;
    page->count = 0;
    page->last = (struct mr_slice){0};
    if (page->limit == 0)
        return MR_OK; /* AWS: empty and not cut off */
    const struct mr_slice from = s3_object_key(arena, page->bucket, page->prefix);
    struct view_iterator *iterator = page->snapshot == NULL
                                         ? view_iterate(view, VIEW_OBJECT, from)
                                         : view_snapshot_iterate(page->snapshot, VIEW_OBJECT, from);
    const enum mr_status status = walk(iterator, arena, page);
    view_iterator_free(iterator);
    return status;
}
