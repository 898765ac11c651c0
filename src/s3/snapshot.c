/* What stood in all buckets at one moment. Bodies in files are held from being unlinked by a pin
 * that comes before the moment, so whatever the snapshot names is there; small ones are read from
 * the snapshot itself. */
#include "base/log.h"
#include "s3/internal.h"
#include <stdlib.h>

struct s3_snapshot {
    struct s3 *s3;
    struct view_snapshot *view;
};
struct s3_snapshot_reader {
    struct s3_snapshot *snapshot;
    struct view_iterator *iterator; /* NULL until a small body is read */
    struct mr_arena arena;          /* of one key */
};

_Static_assert(sizeof((struct s3_body_name){0}.id) == S3_ID_BYTES, "a body's name is its id");

struct s3_snapshot *s3_snapshot_open(struct s3 *s3)
{
    struct s3_snapshot *snapshot = mr_calloc(1, sizeof *snapshot);
    snapshot->s3 = s3;
    s3_bodies_pin(s3->bodies);
    snapshot->view = view_snapshot_new(store_view(s3->options.store));
    return snapshot;
}

void s3_snapshot_close(struct s3_snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    view_snapshot_free(snapshot->view);
    s3_bodies_unpin(snapshot->s3->bodies);
    free(snapshot);
}

struct view_snapshot *s3_snapshot_view(struct s3_snapshot *snapshot)
{
    return snapshot->view;
}

struct listing {
    enum mr_status (*fn)(void *ctx, const struct s3_object *object);
    void *ctx;
    int64_t now_ms;
};

static enum mr_status list_object(void *ctx, struct mr_slice key, const struct s3_meta *meta)
{
    const struct listing *listing = ctx;
    if (!s3_meta_is_readable(meta, listing->now_ms))
        return MR_OK;
    char etag[S3_ETAG_TEXT];
    struct s3_object object = {.key = key,
                               .size = meta->size,
                               .modified_ms = meta->modified_ms,
                               .etag = s3_meta_etag(meta, etag)};
    memcpy(object.body.id, meta->body.bytes, S3_ID_BYTES);
    object.body.small = meta->place != S3_IN_FILE;
    object.body.sealed = meta->seal.len > 0;
    return listing->fn(listing->ctx, &object);
}

enum mr_status s3_snapshot_list(struct s3_snapshot *snapshot, struct mr_slice bucket,
                                struct mr_slice prefix,
                                enum mr_status (*fn)(void *ctx, const struct s3_object *object),
                                void *ctx)
{
    if (!s3_bucket_exists(snapshot->s3, bucket))
        return MR_NOT_FOUND;
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct listing listing = {fn, ctx, store_now(snapshot->s3->options.store)};
    struct s3_page page = {.bucket = bucket,
                           .prefix = prefix,
                           .limit = SIZE_MAX,
                           .on_object = list_object,
                           .ctx = &listing,
                           .snapshot = snapshot->view};
    const enum mr_status status =
        s3_page_walk(store_view(snapshot->s3->options.store), &arena, &page);
    mr_arena_fini(&arena);
    return status;
}

struct s3_snapshot_reader *s3_snapshot_reader_new(struct s3_snapshot *snapshot)
{
    struct s3_snapshot_reader *reader = mr_calloc(1, sizeof *reader);
    reader->snapshot = snapshot;
    mr_arena_init(&reader->arena);
    return reader;
}

void s3_snapshot_reader_free(struct s3_snapshot_reader *reader)
{
    if (reader == NULL)
        return;
    view_iterator_free(reader->iterator);
    mr_arena_fini(&reader->arena);
    free(reader);
}

static enum mr_status read_small(struct s3_snapshot_reader *reader, const struct s3_id *id,
                                 struct mr_slice *ret_bytes)
{
    mr_arena_reset(&reader->arena);
    const struct mr_slice key = s3_body_key(&reader->arena, id);
    if (reader->iterator == NULL)
        reader->iterator = view_snapshot_iterate(reader->snapshot->view, VIEW_OBJECT, MR_S(""));
    view_iterator_seek(reader->iterator, key);
    if (view_iterator_valid(reader->iterator) &&
        mr_slice_equal(view_iterator_key(reader->iterator), key)) {
        *ret_bytes = view_iterator_value(reader->iterator);
        return MR_OK;
    }
    const enum mr_status status = view_iterator_status(reader->iterator);
    return status != MR_OK ? status : MR_RAISE(MR_FAIL_DATA, "a small body is not there");
}

enum mr_status s3_snapshot_read(struct s3_snapshot_reader *reader, const struct s3_object *object,
                                int *ret_fd, struct mr_slice *ret_bytes)
{
    struct s3 *s3 = reader->snapshot->s3;
    struct s3_meta meta = {.place = S3_IN_FILE};
    struct s3_source source = {.fd = -1};
    enum mr_status status;
    memcpy(meta.body.bytes, object->body.id, S3_ID_BYTES);
    *ret_fd = -1;
    *ret_bytes = MR_S("");
    if (object->body.sealed)
        return MR_INVALID;
    if (object->size == 0)
        return MR_OK;
    if (object->body.small) {
        status = read_small(reader, &meta.body, ret_bytes);
    } else {
        status = s3_source_open(s3->bodies, &reader->arena, &meta, &source);
        *ret_fd = source.fd;
    }
    if (status == MR_OK) {
        atomic_fetch_add(&s3->gets, 1);
        atomic_fetch_add(&s3->bytes_out, object->size);
    }
    return status;
}
