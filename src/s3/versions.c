/* Versions of objects, found and listed. Both places that versions have (change.c) are read through
 * one iterator, so that a page shows one moment: a version that just moves is seen once. */
#include "s3/internal.h"

/* The record under a version's key that `iterator` is at; false: of another key. */
static bool at_version_of(const struct view_iterator *iterator, struct mr_slice first)
{
    if (!view_iterator_valid(iterator))
        return false;
    const size_t prefix_len = first.len - S3_VERSION_TAIL;
    const struct mr_slice at = view_iterator_key(iterator);
    return at.len == first.len && mr_slice_starts_with(at, mr_slice_sub(first, 0, prefix_len));
}

enum mr_status s3_newest_version(struct s3 *s3, struct mr_arena *arena, struct mr_slice bucket,
                                 struct mr_slice key, const struct s3_version *except,
                                 struct s3_meta *ret_meta)
{
    static const struct s3_version null = {0};
    const struct mr_slice first = s3_version_key(arena, bucket, key, &null);
    struct view_iterator *iterator =
        view_iterate(store_view(s3->options.store), VIEW_OBJECT,
                     mr_slice_sub(first, 0, first.len - S3_VERSION_TAIL));
    enum mr_status status = MR_OK;
    bool found = false;
    /* "null", if any, and the newest of the others; one more when one of them is left out. */
    for (view_iterator_first(iterator); status == MR_OK && at_version_of(iterator, first);
         view_iterator_next(iterator)) {
        struct s3_meta meta;
        status = s3_meta_decode(mr_arena_copy(arena, view_iterator_value(iterator)), &meta);
        if (status != MR_OK || (except != NULL && s3_version_same(&meta.version, except)))
            continue;
        if (!found || meta.version.order > ret_meta->version.order)
            *ret_meta = meta;
        found = true;
        if (meta.version.own)
            break;
    }
    if (status == MR_OK)
        status = view_iterator_status(iterator);
    view_iterator_free(iterator);
    return status != MR_OK || found ? status : MR_NOT_FOUND;
}

/* ---- a page ---- */

struct walk {
    struct view_iterator *iterator;
    struct mr_arena *arena;
    struct s3_version_page *page;
    struct mr_slice objects, versions; /* prefixes of the two places */
    struct mr_slice from;              /* keys from here on, */
    bool behind;                       /* or behind it */
};

/* The first key not before the walk's in one of the places; ptr NULL: none. */
static struct mr_slice key_in(struct walk *walk, struct mr_slice place, bool versions)
{
    struct mr_buf text = {0};
    mr_buf_append(&text, place);
    mr_buf_append(&text, walk->from);
    if (walk->behind) /* a key's versions come behind the key and a NUL */
        mr_buf_byte(&text, versions ? 1 : 0);
    view_iterator_seek(walk->iterator, mr_buf_slice(&text));
    mr_buf_fini(&text);
    if (!view_iterator_valid(walk->iterator))
        return (struct mr_slice){0};
    const struct mr_slice stored = view_iterator_key(walk->iterator);
    if (!mr_slice_starts_with(stored, place))
        return (struct mr_slice){0};
    const struct mr_slice key = versions ? s3_version_key_name(stored, place.len)
                                         : mr_slice_sub(stored, place.len, SIZE_MAX);
    return mr_slice_starts_with(key, walk->page->prefix) ? mr_arena_copy(walk->arena, key)
                                                         : (struct mr_slice){0};
}

static enum mr_status show(struct walk *walk, struct mr_slice key, const struct s3_meta *meta,
                           bool latest)
{
    struct s3_version_page *page = walk->page;
    if (page->count == page->limit) {
        page->truncated = true;
        return MR_END;
    }
    page->count++;
    page->last_key = key;
    page->last_version = meta->version;
    page->last_is_prefix = false;
    return page->on_version(page->ctx, key, meta, latest);
}

static enum mr_status record_at(struct walk *walk, struct s3_meta *ret_meta)
{
    return s3_meta_decode(mr_arena_copy(walk->arena, view_iterator_value(walk->iterator)),
                          ret_meta);
}

/* A version that is stored under its own key, with "null" in its place among them. */
struct others {
    struct s3_meta null;
    bool has_null, latest_shown;
    uint64_t below; /* only orders below it */
};

static enum mr_status show_null(struct walk *walk, struct mr_slice key, struct others *others,
                                uint64_t above)
{
    if (!others->has_null || others->null.version.order < above)
        return MR_OK;
    others->has_null = false;
    const bool latest = !others->latest_shown;
    others->latest_shown = true;
    return show(walk, key, &others->null, latest);
}

static enum mr_status show_others(struct walk *walk, struct mr_slice key, struct others *others)
{
    static const struct s3_version null = {0};
    const struct mr_slice bucket = walk->page->bucket;
    const struct mr_slice first = s3_version_key(walk->arena, bucket, key, &null);
    enum mr_status status = MR_OK;
    view_iterator_seek(walk->iterator, first);
    if (at_version_of(walk->iterator, first) &&
        mr_slice_equal(view_iterator_key(walk->iterator), first)) {
        status = record_at(walk, &others->null);
        others->has_null = status == MR_OK && others->null.version.order < others->below;
    }
    view_iterator_seek(walk->iterator,
                       s3_version_key_below(walk->arena, bucket, key, others->below));
    while (status == MR_OK && at_version_of(walk->iterator, first)) {
        struct s3_meta meta;
        status = record_at(walk, &meta);
        if (status == MR_OK)
            status = show_null(walk, key, others, meta.version.order);
        if (status == MR_OK)
            status = show(walk, key, &meta, !others->latest_shown);
        others->latest_shown = true;
        if (status == MR_OK)
            view_iterator_next(walk->iterator);
    }
    return status == MR_OK ? show_null(walk, key, others, 0) : status;
}

/* All versions of a key whose order is below `below`. `resumed`: its latest was shown before. */
static enum mr_status show_key(struct walk *walk, struct mr_slice key, uint64_t below, bool resumed)
{
    struct others others = {.below = below, .latest_shown = resumed};
    const struct mr_slice stored = s3_object_key(walk->arena, walk->page->bucket, key);
    view_iterator_seek(walk->iterator, stored);
    if (view_iterator_valid(walk->iterator) &&
        mr_slice_equal(view_iterator_key(walk->iterator), stored)) {
        struct s3_meta meta;
        enum mr_status status = record_at(walk, &meta);
        if (status == MR_OK && meta.version.order < below) {
            status = show(walk, key, &meta, true);
            others.latest_shown = true;
        }
        if (status != MR_OK)
            return status;
    }
    return show_others(walk, key, &others);
}

/* Which order the version that the last page ended with has. */
static enum mr_status order_of(struct walk *walk, uint64_t *ret_order)
{
    const struct s3_version_page *page = walk->page;
    const struct mr_slice stored[] = {
        s3_object_key(walk->arena, page->bucket, page->after_key),
        s3_version_key(walk->arena, page->bucket, page->after_key, page->after_version),
    };
    *ret_order = page->after_version->order;
    for (size_t i = 0; i < MR_COUNT(stored) && !page->after_version->own; i++) {
        struct s3_meta meta;
        view_iterator_seek(walk->iterator, stored[i]);
        if (!view_iterator_valid(walk->iterator) ||
            !mr_slice_equal(view_iterator_key(walk->iterator), stored[i]))
            continue;
        const enum mr_status status = record_at(walk, &meta);
        if (status != MR_OK)
            return status;
        if (!meta.version.own)
            *ret_order = meta.version.order;
    }
    return MR_OK;
}

static enum mr_status show_prefix(struct walk *walk, struct mr_slice common)
{
    struct s3_version_page *page = walk->page;
    if (page->count == page->limit) {
        page->truncated = true;
        return MR_END;
    }
    page->count++;
    page->last_key = common;
    page->last_is_prefix = true;
    return page->on_prefix(page->ctx, common);
}

/* Goes on behind everything that begins with `text`. MR_END: nothing can. */
static enum mr_status leave(struct walk *walk, struct mr_slice text)
{
    char *end = mr_arena_cstr(walk->arena, text);
    size_t len = text.len;
    while (len > 0 && (uint8_t)end[len - 1] == 0xff)
        len--;
    if (len == 0)
        return MR_END;
    end[len - 1]++;
    walk->from = mr_slice_make(end, len);
    walk->behind = false;
    return MR_OK;
}

static enum mr_status begin(struct walk *walk)
{
    struct s3_version_page *page = walk->page;
    walk->from = page->prefix;
    if (page->after_key.len == 0 || mr_slice_compare(page->after_key, page->prefix) < 0)
        return MR_OK;
    walk->from = page->after_key;
    walk->behind = true;
    const struct mr_slice common =
        mr_slice_starts_with(page->after_key, page->prefix)
            ? s3_common_prefix(page->after_key, page->prefix, page->delimiter)
            : (struct mr_slice){0};
    if (common.ptr != NULL && common.len == page->after_key.len)
        return leave(walk, common);
    if (page->after_version == NULL)
        return MR_OK;
    uint64_t order;
    const enum mr_status status = order_of(walk, &order);
    return status == MR_OK ? show_key(walk, page->after_key, order, true) : status;
}

static enum mr_status step(struct walk *walk)
{
    const struct s3_version_page *page = walk->page;
    const struct mr_slice object = key_in(walk, walk->objects, false);
    const struct mr_slice version = key_in(walk, walk->versions, true);
    if (object.ptr == NULL && version.ptr == NULL)
        return MR_END;
    const struct mr_slice key =
        object.ptr == NULL || (version.ptr != NULL && mr_slice_compare(version, object) < 0)
            ? version
            : object;
    const struct mr_slice common = s3_common_prefix(key, page->prefix, page->delimiter);
    if (common.ptr != NULL) {
        const enum mr_status status = show_prefix(walk, common);
        return status == MR_OK ? leave(walk, common) : status;
    }
    walk->from = key;
    walk->behind = true;
    return show_key(walk, key, UINT64_MAX, false);
}

enum mr_status s3_versions_walk(struct view *view, struct mr_arena *arena,
                                struct s3_version_page *page)
{
    page->truncated = false;
    page->count = 0;
    page->last_key = (struct mr_slice){0};
    if (page->limit == 0)
        return MR_OK;
    struct walk walk = {
        .iterator = view_iterate(view, VIEW_OBJECT, (struct mr_slice){0}),
        .arena = arena,
        .page = page,
        .objects = s3_bucket_prefix(arena, page->bucket),
        .versions = s3_versions_prefix(arena, page->bucket),
    };
    enum mr_status status = begin(&walk);
    while (status == MR_OK)
        status = step(&walk);
    if (status == MR_END)
        status = view_iterator_status(walk.iterator);
    view_iterator_free(walk.iterator);
    return status;
}
