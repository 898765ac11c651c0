/* s3/list.h: one page of a listing: keys in byte order, rolled up at a delimiter.
 *
 * A common prefix is found once and then left by a seek behind it, so a page costs what it shows,
 * however many keys lie below its prefixes. */
#pragma once
#include "s3/meta.h"
#include "view/view.h"

struct s3_page {
    struct mr_slice bucket, prefix, delimiter; /* the last two may be empty */
    /* Only what comes behind it; empty: from the start. When it is itself a common prefix all keys
     * below it are behind us. */
    struct mr_slice after;
    size_t limit;
    struct view_snapshot *snapshot; /* NULL: what is there now */
    /* MR_OK goes on; another status ends the walk and is returned. Slices live until the call
     * returns. */
    enum mr_status (*on_object)(void *ctx, struct mr_slice key, const struct s3_meta *meta);
    enum mr_status (*on_prefix)(void *ctx, struct mr_slice prefix);
    void *ctx;
    /* results */
    bool truncated;
    size_t count;
    struct mr_slice last; /* the last key or prefix shown; in the arena */
};
MR_MUST_USE enum mr_status s3_page_walk(struct view *view, struct mr_arena *arena,
                                        struct s3_page *page);
/* The common prefix of a key, or an empty slice (ptr NULL) when it has none. */
struct mr_slice s3_common_prefix(struct mr_slice key, struct mr_slice prefix,
                                 struct mr_slice delimiter);
