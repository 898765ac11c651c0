/* The pump that carries out lifecycle rules. Everything is due at a midnight UTC, so it rests until
 * the next one; a changed configuration wakes it earlier.
 *
 * A round walks the versions of every bucket that has rules, page by page, without a lock; what
 * looks due is looked at again under its stripe and ended through the one path of changes, so that
 * an object which was replaced meanwhile stays. A crash in between costs nothing: the next round
 * finds the rest. */
#include "base/log.h"
#include "s3/internal.h"
#include "s3/lifecycle.h"
#include <stdlib.h>

enum { PAGE_VERSIONS = 1000, PAGE_UPLOADS = 1000 };

/* Something that is due. */
struct task {
    struct task *next;
    enum s3_fate fate;
    struct mr_slice key, class;
    struct s3_meta meta;
    bool latest;
};

struct s3_expiry {
    struct s3 *s3;
    struct runtime_pump *pump;
    struct mr_buf bucket; /* in hand; empty: between rounds */
    struct mr_buf after_key;
    struct s3_version after_version;
    bool resumed; /* the last two are set */
    /* Of the version seen last. */
    struct mr_buf last_key;
    int64_t last_modified_ms;
    uint32_t past; /* versions of that key that were not the latest */
    bool marker;   /* it is a delete marker and the latest: is it alone? */
    struct s3_meta marker_meta;
    size_t done;
    _Atomic bool asked; /* for another round */
};

struct page {
    struct s3_expiry *expiry;
    struct mr_arena *arena;
    yyjson_val *rules;
    bool archives_small;
    int64_t now_ms;
    struct task *tasks, **end;
};

static void task_add(struct page *page, const struct s3_subject *subject, enum s3_fate fate,
                     struct mr_slice class)
{
    struct task *task = MR_NEW(page->arena, struct task);
    task->fate = fate;
    task->key = mr_arena_copy(page->arena, subject->key);
    task->class = class;
    task->meta = *subject->meta;
    task->latest = subject->latest;
    *page->end = task;
    page->end = &task->next;
}

/* A delete marker, and then a version of another key or the end: it hides nothing. */
static void marker_judge(struct page *page)
{
    struct s3_expiry *expiry = page->expiry;
    struct mr_slice class;
    if (!expiry->marker)
        return;
    const struct s3_subject subject = {
        .key = mr_buf_slice(&expiry->last_key),
        .meta = &expiry->marker_meta,
        .latest = true,
        .alone = true,
    };
    if (s3_lifecycle_judge(page->rules, &subject, page->now_ms, &class) == S3_FATE_EXPIRES)
        task_add(page, &subject, S3_FATE_EXPIRES, MR_S(""));
    expiry->marker = false;
}

static void remember(struct s3_expiry *expiry, struct mr_slice key, const struct s3_meta *meta,
                     bool same)
{
    expiry->last_modified_ms = meta->modified_ms;
    if (same)
        return;
    mr_buf_reset(&expiry->last_key);
    mr_buf_append(&expiry->last_key, key);
    expiry->past = 0;
}

static enum mr_status on_version(void *ctx, struct mr_slice key, const struct s3_meta *meta,
                                 bool latest)
{
    struct page *page = ctx;
    struct s3_expiry *expiry = page->expiry;
    const bool same = !latest && mr_slice_equal(key, mr_buf_slice(&expiry->last_key));
    struct s3_subject subject = {
        .key = key,
        .meta = meta,
        .latest = latest,
        .past_since_ms = expiry->last_modified_ms,
        .newer_past = expiry->past,
        .archives_small = page->archives_small,
    };
    struct mr_slice class = {0};
    if (same)
        expiry->marker = false;
    marker_judge(page);
    remember(expiry, key, meta, same);
    expiry->marker = latest && meta->marker;
    if (expiry->marker) {
        expiry->marker_meta = *meta;
        return MR_OK;
    }
    const enum s3_fate fate = s3_lifecycle_judge(page->rules, &subject, page->now_ms, &class);
    if (fate != S3_FATE_STAYS)
        task_add(page, &subject, fate, class);
    if (!latest)
        expiry->past++;
    return MR_OK;
}

/* ---- carrying out ---- */

struct same_ctx {
    struct s3 *s3;
    struct mr_slice stored; /* the object's key, */
    struct mr_slice key;    /* and the version's, in VIEW_OBJECT */
    const struct s3_meta *meta;
};

/* Under the lock: is the current version still the one that was judged? */
static enum mr_status still_the_same(void *ctx, struct store_entry *entry)
{
    const struct same_ctx *same = ctx;
    struct s3_meta now;
    const enum mr_status status = s3_record(same->s3, entry->arena, same->stored, &now);
    if (status != MR_OK)
        return status == MR_NOT_FOUND ? MR_AGAIN : status;
    return memcmp(&now.body, &same->meta->body, sizeof now.body) == 0 ? MR_OK : MR_AGAIN;
}

/* The same of a version: "null" may be another one by now. */
static enum mr_status still_that_version(void *ctx, struct store_entry *entry)
{
    const struct same_ctx *same = ctx;
    const struct mr_slice places[] = {same->stored, same->key};
    for (size_t i = 0; i < MR_COUNT(places); i++) {
        struct s3_meta now;
        const enum mr_status status = s3_record(same->s3, entry->arena, places[i], &now);
        if (status < 0)
            return status;
        if (status == MR_OK && s3_version_same(&now.version, &same->meta->version))
            return now.version.order == same->meta->version.order ? MR_OK : MR_AGAIN;
    }
    return MR_AGAIN;
}

static enum mr_status move_to(void *ctx, struct s3_meta *meta)
{
    const struct task *task = ctx;
    if (memcmp(&meta->body, &task->meta.body, sizeof meta->body) != 0)
        return MR_AGAIN;
    meta->headers[S3_STORAGE_CLASS] = task->class;
    return MR_OK;
}

static enum mr_status carry_out(struct page *page, struct mr_slice bucket, struct task *task)
{
    struct s3 *s3 = page->expiry->s3;
    int64_t ticket;
    if (task->fate == S3_FATE_MOVES) {
        const struct s3_which which = {bucket, task->key, &task->meta.version};
        const struct s3_event event = {.name = "LifecycleTransition"};
        return s3_amend(s3, page->arena, &which, move_to, task, &event, &ticket);
    }
    struct same_ctx same = {
        .s3 = s3,
        .stored = s3_object_key(page->arena, bucket, task->key),
        .key = s3_version_key(page->arena, bucket, task->key, &task->meta.version),
        .meta = &task->meta,
    };
    const bool current = task->latest && !task->meta.marker;
    struct s3_change change = {
        .bucket = bucket,
        .key = task->key,
        .expired = true,
        .version = current ? NULL : &task->meta.version,
        .guard = current ? still_the_same : still_that_version,
        .ctx = &same,
    };
    return s3_change_apply(s3, page->arena, &change, &ticket);
}

/* ---- uploads ---- */

static enum mr_status give_up_uploads(struct page *page, struct mr_slice bucket)
{
    struct s3 *s3 = page->expiry->s3;
    const struct mr_slice prefix = s3_uploads_prefix(page->arena, bucket);
    struct view_iterator *iterator =
        view_iterate(store_view(s3->options.store), VIEW_OBJECT, prefix);
    enum mr_status status = MR_OK;
    for (view_iterator_first(iterator); status == MR_OK && view_iterator_valid(iterator);
         view_iterator_next(iterator)) {
        struct s3_upload upload = {.bucket = bucket};
        int64_t ticket;
        status = s3_meta_decode(view_iterator_value(iterator), &upload.meta);
        if (status != MR_OK)
            break;
        s3_upload_key_split(view_iterator_key(iterator), prefix, &upload.key, &upload.id);
        if (!s3_lifecycle_gives_up(page->rules, upload.key, upload.meta.modified_ms, page->now_ms))
            continue;
        upload.key = mr_arena_copy(page->arena, upload.key);
        upload.id = mr_arena_copy(page->arena, upload.id);
        status = s3_upload_abort(s3, page->arena, &upload, &ticket);
        page->expiry->done += status == MR_OK;
        if (status == MR_NOT_FOUND)
            status = MR_OK;
    }
    if (status == MR_OK)
        status = view_iterator_status(iterator);
    view_iterator_free(iterator);
    return status;
}

/* ---- rounds ---- */

/* One page of the bucket in hand; *ret_more tells whether there are further ones. */
static enum mr_status page_run(struct s3_expiry *expiry, struct mr_arena *arena,
                               yyjson_val *lifecycle, bool *ret_more)
{
    struct s3 *s3 = expiry->s3;
    struct page page = {
        .expiry = expiry,
        .arena = arena,
        .rules = mr_json_get(lifecycle, "Rules"),
        .archives_small =
            mr_slice_equal(mr_json_get_text(lifecycle, "Minimum"), MR_S("varies_by_storage_class")),
        .now_ms = store_now(s3->options.store),
    };
    struct s3_version_page walk = {
        .bucket = mr_buf_slice(&expiry->bucket),
        .after_key = mr_buf_slice(&expiry->after_key),
        .after_version = expiry->resumed ? &expiry->after_version : NULL,
        .limit = PAGE_VERSIONS,
        .on_version = on_version,
        .ctx = &page,
    };
    page.end = &page.tasks;
    enum mr_status status = MR_OK;
    if (!expiry->resumed)
        status = give_up_uploads(&page, walk.bucket);
    if (status == MR_OK)
        status = s3_versions_walk(store_view(s3->options.store), arena, &walk);
    if (status != MR_OK)
        return status;
    if (!walk.truncated)
        marker_judge(&page);
    for (struct task *task = page.tasks; task != NULL && status >= 0; task = task->next) {
        status = carry_out(&page, walk.bucket, task);
        expiry->done += status == MR_OK;
    }
    *ret_more = walk.truncated;
    mr_buf_reset(&expiry->after_key);
    mr_buf_append(&expiry->after_key, walk.last_key);
    expiry->after_version = walk.last_version;
    expiry->resumed = walk.truncated;
    return status < 0 ? status : MR_OK;
}

struct bucket_search {
    struct s3_expiry *expiry;
    struct mr_arena *arena;
    yyjson_val *lifecycle; /* of the first bucket behind the one in hand that has one */
};

static enum mr_status on_bucket(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct bucket_search *search = ctx;
    struct mr_buf *bucket = &search->expiry->bucket;
    if (mr_slice_compare(name, mr_buf_slice(bucket)) <= 0)
        return MR_OK;
    yyjson_val *document = mr_json_parse(search->arena, json, MR_JSON_DEPTH_MAX);
    search->lifecycle = mr_json_get(document, "lifecycle");
    if (search->lifecycle == NULL)
        return MR_OK;
    mr_buf_reset(bucket);
    mr_buf_append(bucket, name);
    return MR_END;
}

static void round_end(struct s3_expiry *expiry, enum mr_status status)
{
    if (status < 0)
        mr_log(MR_LOG_WARN, "s3", "lifecycle rules wait for the next round: status %d",
               (int)status);
    if (expiry->done > 0)
        mr_log(MR_LOG_INFO, "s3", "lifecycle rules ended or moved %zu versions and uploads",
               expiry->done);
    expiry->done = 0;
    expiry->resumed = false;
    mr_buf_reset(&expiry->bucket);
    mr_buf_reset(&expiry->after_key);
    mr_buf_reset(&expiry->last_key);
}

static enum mr_status bucket_next(struct s3_expiry *expiry, struct mr_arena *arena,
                                  yyjson_val **ret_lifecycle)
{
    struct bucket_search search = {.expiry = expiry, .arena = arena};
    if (expiry->resumed) { /* the same again, by its present rules */
        yyjson_val *document;
        const enum mr_status status =
            s3_bucket_get(expiry->s3, arena, mr_buf_slice(&expiry->bucket), &document);
        if (status == MR_OK)
            *ret_lifecycle = mr_json_get(document, "lifecycle");
        if (status != MR_NOT_FOUND)
            return status;
        expiry->resumed = false;
    }
    expiry->marker = false;
    mr_buf_reset(&expiry->after_key);
    mr_buf_reset(&expiry->last_key);
    const enum mr_status status =
        store_doc_each(expiry->s3->options.store, "s3", "bucket", MR_S(""), on_bucket, &search);
    *ret_lifecycle = search.lifecycle;
    return status;
}

static enum runtime_pump_next expire_step(void *ctx, int64_t *ret_wake_ms)
{
    struct s3_expiry *expiry = ctx;
    struct mr_arena arena;
    yyjson_val *lifecycle = NULL;
    bool more = false;
    mr_arena_init(&arena);
    if (expiry->bucket.len == 0)
        atomic_store(&expiry->asked, false);
    enum mr_status status = bucket_next(expiry, &arena, &lifecycle);
    const bool found = status == MR_OK && lifecycle != NULL;
    if (found)
        status = page_run(expiry, &arena, lifecycle, &more);
    mr_arena_fini(&arena);
    if (found && status == MR_OK)
        return RUNTIME_PUMP_AGAIN;
    round_end(expiry, status);
    if (atomic_load(&expiry->asked))
        return RUNTIME_PUMP_AGAIN;
    *ret_wake_ms = s3_lifecycle_next_ms(store_now(expiry->s3->options.store));
    return RUNTIME_PUMP_WAIT;
}

void s3_expiry_start(struct s3 *s3)
{
    s3->expiry = mr_calloc(1, sizeof *s3->expiry);
    s3->expiry->s3 = s3;
    s3->expiry->pump =
        runtime_pump_start(s3->options.runtime, "s3-lifecycle", expire_step, s3->expiry);
}

void s3_expiry_wake(struct s3 *s3)
{
    atomic_store(&s3->expiry->asked, true);
    runtime_pump_wake(s3->expiry->pump);
}

void s3_expiry_stop(struct s3 *s3)
{
    struct s3_expiry *expiry = s3->expiry;
    runtime_pump_stop(expiry->pump);
    mr_buf_fini(&expiry->bucket);
    mr_buf_fini(&expiry->after_key);
    mr_buf_fini(&expiry->last_key);
    free(expiry);
}
