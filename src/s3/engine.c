/* Objects: found, put, deleted; the functions other services call. */
#include "s3/internal.h"
#include "base/point.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- locks and commits ---- */

static struct s3_stripe *stripe_of(struct s3 *s3, struct mr_slice stored_key)
{
    return &s3->stripes[mr_slice_hash(stored_key) % S3_STRIPES];
}

struct s3_stripe *s3_lock(struct s3 *s3, struct mr_slice stored_key)
{
    struct s3_stripe *stripe = stripe_of(s3, stored_key);
    pthread_mutex_lock(&stripe->lock);
    return stripe;
}

void s3_unlock(struct s3_stripe *stripe)
{
    pthread_mutex_unlock(&stripe->lock);
}

enum mr_status s3_commit_locked(struct s3 *s3, struct s3_stripe *stripe, struct store_entry *entry,
                                int64_t *ret_ticket)
{
    atomic_store(&stripe->ticket, S3_COMMITTING);
    mr_point(MR_POINT_S3_COMMIT);
    const enum mr_status status = store_commit(s3->options.store, entry, ret_ticket);
    atomic_store(&stripe->ticket, journal_tail(store_journal(s3->options.store)));
    mr_point(MR_POINT_S3_COMMITTED);
    return status;
}

/* What a reply must wait for that tells what it just read under this stripe. */
static int64_t read_ticket(struct s3 *s3, struct s3_stripe *stripe)
{
    const int64_t ticket = atomic_load(&stripe->ticket);
    return ticket == S3_COMMITTING ? journal_tail(store_journal(s3->options.store)) : ticket;
}

/* ---- reading ---- */

enum mr_status s3_record(struct s3 *s3, struct mr_arena *arena, struct mr_slice stored_key,
                         struct s3_meta *ret_meta)
{
    struct mr_buf buf = {0};
    enum mr_status status = view_get(store_view(s3->options.store), VIEW_OBJECT, stored_key, &buf);
    if (status == MR_OK)
        status = s3_meta_decode(mr_arena_copy(arena, mr_buf_slice(&buf)), ret_meta);
    mr_buf_fini(&buf);
    return status;
}

/* The record of one version, under the lock: it may be moving between its two places. */
static enum mr_status version_record(struct s3 *s3, struct mr_arena *arena, struct mr_slice stored,
                                     const struct s3_which *which, struct s3_meta *ret_meta)
{
    struct s3_stripe *stripe = s3_lock(s3, stored);
    enum mr_status status = s3_record(s3, arena, stored, ret_meta);
    if (status == MR_NOT_FOUND ||
        (status == MR_OK && !s3_version_same(&ret_meta->version, which->version)))
        status = s3_record(
            s3, arena, s3_version_key(arena, which->bucket, which->key, which->version), ret_meta);
    s3_unlock(stripe);
    return status;
}

enum mr_status s3_find(struct s3 *s3, struct mr_arena *arena, const struct s3_which *which,
                       struct s3_meta *ret_meta, int64_t *ret_ticket)
{
    const struct mr_slice stored = s3_object_key(arena, which->bucket, which->key);
    const enum mr_status status = which->version == NULL
                                      ? s3_record(s3, arena, stored, ret_meta)
                                      : version_record(s3, arena, stored, which, ret_meta);
    *ret_ticket = read_ticket(s3, stripe_of(s3, stored));
    return status;
}

enum mr_status s3_find_open(struct s3 *s3, struct mr_arena *arena, const struct s3_which *which,
                            struct s3_meta *ret_meta, struct s3_source *ret_source,
                            int64_t *ret_ticket)
{
    struct s3_id last = {0};
    for (bool again = false;; again = true) {
        enum mr_status status = s3_find(s3, arena, which, ret_meta, ret_ticket);
        if (status != MR_OK)
            return status;
        /* It may be replaced, and its body removed, between the two steps. */
        if (again && memcmp(&last, &ret_meta->body, sizeof last) == 0)
            return MR_RAISE(MR_FAIL_DATA, "the body of '%.*s/%.*s' is missing",
                            MR_ARG(which->bucket), MR_ARG(which->key));
        last = ret_meta->body;
        status = s3_source_open(s3->bodies, arena, ret_meta, ret_source);
        if (status != MR_NOT_FOUND)
            return status;
    }
}

static struct mr_slice etag_bare(struct mr_slice etag)
{
    etag = mr_slice_trim(etag);
    if (mr_slice_starts_with(etag, MR_S("W/")))
        etag = mr_slice_sub(etag, 2, SIZE_MAX);
    if (etag.len >= 2 && etag.ptr[0] == '"' && etag.ptr[etag.len - 1] == '"')
        etag = mr_slice_sub(etag, 1, etag.len - 2);
    return etag;
}

bool s3_etag_fits(struct mr_slice wanted, const struct s3_meta *meta)
{
    char text[S3_ETAG_TEXT];
    const struct mr_slice etag = s3_meta_etag(meta, text);
    struct mr_slice one;
    while (mr_slice_split(&wanted, ',', &one)) {
        one = etag_bare(one);
        if (mr_slice_equal(one, MR_S("*")) || mr_slice_equal(one, etag))
            return true;
    }
    return false;
}

bool s3_bucket_exists(struct s3 *s3, struct mr_slice bucket)
{
    struct mr_arena arena;
    struct mr_slice json;
    mr_arena_init(&arena);
    const bool exists =
        store_doc_get(s3->options.store, &arena, "s3", "bucket", bucket, &json) == MR_OK;
    mr_arena_fini(&arena);
    return exists;
}

/* ---- staged objects ---- */

struct s3_staged {
    struct mr_arena arena;  /* everything below */
    struct mr_slice stored; /* the key in VIEW_OBJECT */
    struct s3_meta meta;
    struct s3_body body;
    struct s3_change change;
    struct s3_stripe *stripe; /* held between commit and done; else NULL */
};

static enum mr_status body_write(struct s3 *s3, struct mr_arena *arena, struct mr_slice bytes,
                                 struct s3_body *ret_body)
{
    struct s3_writer writer;
    if (bytes.len <= S3_SMALL_BYTES_MAX) {
        *ret_body = s3_body_small(s3->bodies, mr_arena_copy(arena, bytes));
        return MR_OK;
    }
    s3_writer_open(s3->bodies, arena, &writer);
    const enum mr_status status = s3_writer_append(&writer, bytes);
    if (status == MR_OK)
        return s3_writer_finish(&writer, ret_body);
    s3_writer_abandon(&writer);
    return status;
}

static void meta_digest(struct s3_meta *meta, struct mr_slice bytes)
{
    struct s3_sums sums;
    s3_digest_bytes(bytes, 1u << S3_CRC64NVME, &sums);
    memcpy(meta->md5, sums.md5, sizeof meta->md5);
    meta->sum = sums.of[S3_CRC64NVME];
}

enum mr_status s3_stage(struct s3 *s3, const struct s3_put_options *options, struct mr_slice body,
                        struct s3_staged **ret_staged)
{
    struct s3_staged *staged = mr_calloc(1, sizeof *staged);
    struct mr_arena *arena = &staged->arena;
    mr_arena_init(arena);
    struct s3_bucket_state state;
    enum mr_status status = s3_bucket_state(s3, arena, options->bucket, &state);
    if (status == MR_OK)
        status = body_write(s3, arena, body, &staged->body);
    if (status != MR_OK) {
        mr_arena_fini(arena);
        free(staged);
        return status;
    }
    staged->change = (struct s3_change){
        .bucket = mr_arena_copy(arena, options->bucket),
        .key = mr_arena_copy(arena, options->key),
        .meta = &staged->meta,
        .body = &staged->body,
    };
    staged->stored = s3_object_key(arena, options->bucket, options->key);
    staged->meta.sse = options->kms_key.len > 0 ? S3_SSE_KMS : state.sse;
    staged->meta.kms_key =
        options->kms_key.len > 0 ? mr_arena_copy(arena, options->kms_key) : state.kms_key;
    staged->meta.bucket_key = state.bucket_key;
    staged->meta.modified_ms = store_now(s3->options.store);
    staged->meta.headers[S3_CONTENT_TYPE] = mr_arena_copy(arena, options->content_type);
    staged->meta.headers[S3_CONTENT_ENCODING] = mr_arena_copy(arena, options->content_encoding);
    staged->meta.acl = mr_arena_copy(arena, options->acl);
    meta_digest(&staged->meta, body);
    s3_sse_etag(s3, staged->meta.sse, &staged->meta);
    s3_meta_set_body(&staged->meta, &staged->body);
    *ret_staged = staged;
    mr_point(MR_POINT_S3_STAGED);
    return MR_OK;
}

enum mr_status s3_commit_staged(struct s3 *s3, struct s3_staged *staged, struct store_entry *entry)
{
    pthread_mutex_lock(&s3->many);
    struct s3_stripe *stripe = s3_lock(s3, staged->stored);
    const enum mr_status status = s3_change_plan(s3, entry, staged->stored, &staged->change);
    if (status != MR_OK) {
        s3_unlock(stripe);
        pthread_mutex_unlock(&s3->many);
        return status;
    }
    staged->stripe = stripe;
    atomic_store(&stripe->ticket, S3_COMMITTING);
    return MR_OK;
}

void s3_staged_done(struct s3 *s3, struct s3_staged *staged, bool committed)
{
    const int64_t tail = journal_tail(store_journal(s3->options.store));
    if (staged->stripe != NULL) {
        atomic_store(&staged->stripe->ticket, tail);
        s3_unlock(staged->stripe);
        pthread_mutex_unlock(&s3->many);
    }
    if (committed) {
        s3_change_done(s3, &staged->change, tail);
        atomic_fetch_add(&s3->bytes_in, staged->body.size);
    } else {
        s3_body_discard(s3->bodies, &staged->body);
    }
    mr_arena_fini(&staged->arena);
    free(staged);
}

/* ---- whole objects ---- */

enum mr_status s3_put(struct s3 *s3, struct mr_slice bucket, struct mr_slice key,
                      struct mr_slice content_type, struct mr_slice body)
{
    const struct s3_put_options options = {
        .bucket = bucket, .key = key, .content_type = content_type};
    return s3_put_as(s3, &options, body, NULL);
}

enum mr_status s3_put_as(struct s3 *s3, const struct s3_put_options *options, struct mr_slice body,
                         char *ret_etag)
{
    struct s3_staged *staged;
    enum mr_status status = s3_stage(s3, options, body, &staged);
    if (status != MR_OK)
        return status;
    char etag[S3_ETAG_TEXT];
    if (ret_etag != NULL)
        memcpy(ret_etag, s3_meta_etag(&staged->meta, etag).ptr, S3_PUT_ETAG);
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    int64_t ticket = 0;
    status = s3_commit_staged(s3, staged, &entry);
    if (status == MR_OK)
        status = store_commit(s3->options.store, &entry, &ticket);
    s3_staged_done(s3, staged, status == MR_OK);
    if (status == MR_OK)
        status = store_wait(s3->options.store, ticket);
    mr_arena_fini(&arena);
    return status;
}

enum mr_status s3_delete(struct s3 *s3, struct mr_slice bucket, struct mr_slice key)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct s3_change change = {.bucket = bucket, .key = key};
    int64_t ticket = 0;
    enum mr_status status = s3_change_apply(s3, &arena, &change, &ticket);
    if (status == MR_OK)
        status = store_wait(s3->options.store, ticket);
    mr_arena_fini(&arena);
    return status == MR_NOT_FOUND ? MR_OK : status;
}

/* Bytes from the view, as a file. */
static enum mr_status bytes_as_file(struct mr_slice bytes, int *ret_fd)
{
    const int fd = memfd_create("object", MFD_CLOEXEC);
    if (fd < 0)
        return MR_RAISE(MR_FAIL_IO, "cannot make a file in memory: %s", strerror(errno));
    if (pwrite(fd, bytes.ptr, bytes.len, 0) != (ssize_t)bytes.len) {
        close(fd);
        return MR_RAISE(MR_FAIL_IO, "cannot write a file in memory: %s", strerror(errno));
    }
    *ret_fd = fd;
    return MR_OK;
}

enum mr_status s3_open_object(struct s3 *s3, struct mr_slice bucket, struct mr_slice key,
                              int *ret_fd, uint64_t *ret_size)
{
    struct mr_arena arena;
    struct s3_meta meta;
    struct s3_source source = {.fd = -1};
    int64_t ticket;
    mr_arena_init(&arena);
    const struct s3_which which = {.bucket = bucket, .key = key};
    enum mr_status status = s3_find_open(s3, &arena, &which, &meta, &source, &ticket);
    if (status == MR_OK && !s3_meta_is_readable(&meta, store_now(s3->options.store))) {
        s3_source_close(&source);
        status = MR_NOT_FOUND;
    }
    if (status == MR_OK && meta.seal.len > 0) {
        s3_source_close(&source);
        status = MR_INVALID;
    }
    if (status == MR_OK && source.fd < 0)
        status = bytes_as_file(source.bytes, &source.fd);
    if (status == MR_OK) {
        *ret_fd = source.fd;
        *ret_size = meta.size;
        atomic_fetch_add(&s3->gets, 1);
        atomic_fetch_add(&s3->bytes_out, meta.size);
    }
    mr_arena_fini(&arena);
    return status;
}

struct list_ctx {
    enum mr_status (*fn)(void *ctx, const struct s3_object *object);
    void *ctx;
};

static enum mr_status list_object(void *ctx, struct mr_slice key, const struct s3_meta *meta)
{
    struct list_ctx *list = ctx;
    char etag[S3_ETAG_TEXT];
    const struct s3_object object = {
        .key = key,
        .size = meta->size,
        .modified_ms = meta->modified_ms,
        .etag = s3_meta_etag(meta, etag),
        .body.sealed = meta->seal.len > 0,
    };
    return list->fn(list->ctx, &object);
}

enum mr_status s3_list(struct s3 *s3, struct mr_slice bucket, struct mr_slice prefix,
                       enum mr_status (*fn)(void *ctx, const struct s3_object *object), void *ctx)
{
    if (!s3_bucket_exists(s3, bucket))
        return MR_NOT_FOUND;
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct list_ctx list = {fn, ctx};
    struct s3_page page = {
        .bucket = bucket,
        .prefix = prefix,
        .limit = SIZE_MAX,
        .on_object = list_object,
        .ctx = &list,
    };
    const enum mr_status status = s3_page_walk(store_view(s3->options.store), &arena, &page);
    mr_arena_fini(&arena);
    return status;
}

/* ---- life ---- */

static void recursive_init(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

enum mr_status s3_open(struct s3 **ret_s3, const struct s3_options *options)
{
    struct s3 *s3 = mr_calloc(1, sizeof *s3);
    s3->options = *options;
    s3->metrics = s3_metrics_new(options->meters);
    s3->log = s3_access_log_new(s3);
    policy_guarded_init(&s3->guarded);
    enum mr_status status = s3_metrics_load(s3);
    if (status == MR_OK)
        status = s3_logging_load(s3);
    if (status == MR_OK)
        status = s3_guarded_load(s3);
    if (status == MR_OK)
        status = s3_bodies_open(&s3->bodies, options->store, options->rng);
    if (status != MR_OK) {
        s3_access_log_close(s3->log);
        s3_metrics_free(s3->metrics);
        policy_guarded_fini(&s3->guarded);
        free(s3);
        return status;
    }
    recursive_init(&s3->many);
    pthread_mutex_init(&s3->buckets, NULL);
    for (size_t i = 0; i < S3_STRIPES; i++)
        recursive_init(&s3->stripes[i].lock);
    struct view_iterator *uploads =
        view_iterate(store_view(options->store), VIEW_OBJECT, MR_S("\x01"));
    view_iterator_first(uploads);
    atomic_store(&s3->has_uploads, view_iterator_valid(uploads));
    view_iterator_free(uploads);
    s3_pumps_start(s3);
    s3_access_log_start(s3->log);
    *ret_s3 = s3;
    return MR_OK;
}

void s3_close(struct s3 *s3)
{
    if (s3 == NULL)
        return;
    s3_access_log_close(s3->log);
    s3_notify_stop(s3);
    s3_pumps_stop(s3);
    for (size_t i = 0; i < S3_STRIPES; i++)
        pthread_mutex_destroy(&s3->stripes[i].lock);
    pthread_mutex_destroy(&s3->many);
    pthread_mutex_destroy(&s3->buckets);
    s3_bodies_close(s3->bodies);
    s3_metrics_free(s3->metrics);
    policy_guarded_fini(&s3->guarded);
    free(s3);
}

void s3_stats_get(struct s3 *s3, struct s3_stats *ret_stats)
{
    *ret_stats = (struct s3_stats){
        .puts = atomic_load(&s3->puts),
        .gets = atomic_load(&s3->gets),
        .deletes = atomic_load(&s3->deletes),
        .bytes_in = atomic_load(&s3->bytes_in),
        .bytes_out = atomic_load(&s3->bytes_out),
    };
}
