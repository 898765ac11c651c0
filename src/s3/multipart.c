/* Uploads in parts. A part is a body of its own, with a record under the upload's id; finishing
 * copies the chosen bodies, in the kernel, to one new body and makes that the object in the entry
 * that also ends the upload. So an object is always one file: a range is one sendfile, and whoever
 * opens an object gets one descriptor. The copy costs a second write of the data; an upload of a
 * single part is taken over as it is. */
#include "s3/internal.h"
#include <assert.h>
#include <unistd.h>

static bool upload_id_ok(struct mr_slice id)
{
    uint8_t bytes[S3_UPLOAD_ID_TEXT / 2];
    return mr_unhex(id, bytes, sizeof bytes) == MR_OK;
}

/* An id is the journal's tail when the upload was begun, so that those of a key come in that order;
 * then what tells which object it is of; then random bytes. */
enum { ID_ORDER = 8, ID_KEY = 4 };

static void id_of_key(struct mr_arena *arena, struct mr_slice bucket, struct mr_slice key,
                      uint8_t ret[static ID_KEY])
{
    uint8_t digest[32];
    mr_sha256(s3_object_key(arena, bucket, key), digest);
    memcpy(ret, digest, ID_KEY);
}

static void upload_id_make(struct s3 *s3, struct mr_arena *arena, const struct s3_upload *upload,
                           char *ret)
{
    uint8_t bytes[S3_UPLOAD_ID_TEXT / 2];
    const uint64_t order = (uint64_t)journal_tail(store_journal(s3->options.store));
    mr_rng_fill(s3->options.rng, bytes, sizeof bytes);
    for (int i = 0; i < ID_ORDER; i++)
        bytes[i] = (uint8_t)(order >> (8 * (ID_ORDER - 1 - i)));
    id_of_key(arena, upload->bucket, upload->key, bytes + ID_ORDER);
    mr_hex(bytes, sizeof bytes, ret);
}

bool s3_upload_id_of(struct mr_arena *arena, struct mr_slice id, struct mr_slice bucket,
                     struct mr_slice key)
{
    uint8_t bytes[S3_UPLOAD_ID_TEXT / 2], wanted[ID_KEY];
    id_of_key(arena, bucket, key, wanted);
    return mr_unhex(id, bytes, sizeof bytes) == MR_OK &&
           memcmp(bytes + ID_ORDER, wanted, ID_KEY) == 0;
}

static struct s3_stripe *upload_lock(struct s3 *s3, struct mr_arena *arena,
                                     const struct s3_upload *upload)
{
    return s3_lock(s3, s3_object_key(arena, upload->bucket, upload->key));
}

enum mr_status s3_upload_begin(struct s3 *s3, struct mr_arena *arena, struct s3_upload *upload,
                               int64_t *ret_ticket)
{
    char *text = mr_arena_alloc(arena, S3_UPLOAD_ID_TEXT + 1);
    struct store_entry entry = store_entry_make(arena);
    atomic_store(&s3->has_uploads, true);
    enum mr_status status = MR_NOT_FOUND;
    struct s3_stripe *stripe = upload_lock(s3, arena, upload);
    upload_id_make(s3, arena, upload, text);
    upload->id = mr_slice_make(text, S3_UPLOAD_ID_TEXT);
    s3_entry_meta(&entry, s3_upload_key(arena, upload->bucket, upload->key, upload->id),
                  &upload->meta);
    if (s3_bucket_exists(s3, upload->bucket))
        status = s3_commit_locked(s3, stripe, &entry, ret_ticket);
    s3_unlock(stripe);
    return status;
}

enum mr_status s3_upload_find(struct s3 *s3, struct mr_arena *arena, struct mr_slice bucket,
                              struct mr_slice key, struct mr_slice id, struct s3_upload *ret_upload)
{
    if (!upload_id_ok(id))
        return MR_NOT_FOUND;
    *ret_upload = (struct s3_upload){.bucket = bucket, .key = key, .id = id};
    return s3_record(s3, arena, s3_upload_key(arena, bucket, key, id), &ret_upload->meta);
}

/* Under the lock: is it still going on? */
static enum mr_status upload_check(struct s3 *s3, struct mr_arena *arena,
                                   const struct s3_upload *upload)
{
    struct s3_upload found;
    return s3_upload_find(s3, arena, upload->bucket, upload->key, upload->id, &found);
}

enum mr_status s3_upload_add(struct s3 *s3, struct mr_arena *arena, const struct s3_upload *upload,
                             uint32_t number, const struct s3_meta *part,
                             const struct s3_body *body, int64_t *ret_ticket)
{
    const struct mr_slice stored = s3_part_key(arena, upload->id, number);
    struct store_entry entry = store_entry_make(arena);
    struct s3_meta old = {0};
    s3_entry_meta(&entry, stored, part);
    struct s3_stripe *stripe = upload_lock(s3, arena, upload);
    enum mr_status status = upload_check(s3, arena, upload);
    if (status == MR_OK) {
        status = s3_record(s3, arena, stored, &old);
        s3_entry_body(&entry, body);
        s3_entry_drop(&entry, &old);
        if (status == MR_OK || status == MR_NOT_FOUND)
            status = s3_commit_locked(s3, stripe, &entry, ret_ticket);
    }
    s3_unlock(stripe);
    if (status == MR_OK)
        s3_body_drop(s3->bodies, &old, *ret_ticket);
    return status;
}

enum mr_status s3_upload_parts(struct s3 *s3, struct mr_arena *arena, struct mr_slice upload_id,
                               struct s3_stored_part **ret_parts, size_t *ret_count)
{
    struct view_iterator *iterator =
        view_iterate(store_view(s3->options.store), VIEW_OBJECT, s3_parts_prefix(arena, upload_id));
    struct s3_stored_part *parts = NULL;
    size_t count = 0, capacity = 0;
    enum mr_status status = MR_OK;
    for (view_iterator_first(iterator); status == MR_OK && view_iterator_valid(iterator);
         view_iterator_next(iterator)) {
        if (count == capacity) {
            const size_t grown = capacity == 0 ? 64 : capacity * 2;
            parts = mr_arena_realloc(arena, parts, capacity * sizeof *parts, grown * sizeof *parts);
            capacity = grown;
        }
        parts[count].number = s3_part_key_number(view_iterator_key(iterator));
        status =
            s3_meta_decode(mr_arena_copy(arena, view_iterator_value(iterator)), &parts[count].meta);
        count++;
    }
    view_iterator_free(iterator);
    *ret_parts = parts;
    *ret_count = count;
    return status;
}

/* ---- the end of an upload ---- */

static bool is_kept(const struct s3_stored_part *part, const struct s3_id *kept)
{
    return kept != NULL && memcmp(kept, &part->meta.body, sizeof *kept) == 0;
}

/* Adds the ops that take the upload and its parts away, but for the body `kept`. */
static void entry_end_upload(struct store_entry *entry, const struct s3_upload *upload,
                             const struct s3_stored_part *parts, size_t count,
                             const struct s3_id *kept)
{
    store_entry_delete(entry, VIEW_OBJECT,
                       s3_upload_key(entry->arena, upload->bucket, upload->key, upload->id));
    for (size_t i = 0; i < count; i++) {
        store_entry_delete(entry, VIEW_OBJECT,
                           s3_part_key(entry->arena, upload->id, parts[i].number));
        if (!is_kept(&parts[i], kept))
            s3_entry_drop(entry, &parts[i].meta);
    }
}

static void drop_parts(struct s3 *s3, const struct s3_stored_part *parts, size_t count,
                       const struct s3_id *kept, int64_t ticket)
{
    for (size_t i = 0; i < count; i++)
        if (!is_kept(&parts[i], kept))
            s3_body_drop(s3->bodies, &parts[i].meta, ticket);
}

enum mr_status s3_upload_abort(struct s3 *s3, struct mr_arena *arena,
                               const struct s3_upload *upload, int64_t *ret_ticket)
{
    struct store_entry entry = store_entry_make(arena);
    struct s3_stored_part *parts = NULL;
    size_t count = 0;
    struct s3_stripe *stripe = upload_lock(s3, arena, upload);
    enum mr_status status = upload_check(s3, arena, upload);
    if (status == MR_OK)
        status = s3_upload_parts(s3, arena, upload->id, &parts, &count);
    if (status == MR_OK) {
        entry_end_upload(&entry, upload, parts, count, NULL);
        status = s3_commit_locked(s3, stripe, &entry, ret_ticket);
    }
    s3_unlock(stripe);
    if (status == MR_OK)
        drop_parts(s3, parts, count, NULL, *ret_ticket);
    return status;
}

static enum mr_status join(struct s3 *s3, struct mr_arena *arena,
                           const struct s3_stored_part *chosen, size_t count,
                           struct s3_body *ret_body)
{
    struct s3_writer writer;
    enum mr_status status = MR_OK;
    s3_writer_open(s3->bodies, arena, &writer);
    for (size_t i = 0; i < count && status == MR_OK; i++) {
        struct s3_source source;
        status = s3_source_open(s3->bodies, arena, &chosen[i].meta, &source);
        if (status != MR_OK)
            break;
        status = s3_source_copy(&source, 0, chosen[i].meta.size, &writer, NULL);
        s3_source_close(&source);
    }
    if (status == MR_OK)
        return s3_writer_finish(&writer, ret_body);
    s3_writer_abandon(&writer);
    return status == MR_NOT_FOUND ? MR_AGAIN : status;
}

struct finish {
    struct s3 *s3;
    const struct s3_upload *upload;
    const struct s3_stored_part *chosen;
    size_t count;
    const struct s3_id *kept;
    struct s3_change *change;
    struct s3_stored_part *all; /* results */
    size_t all_count;
};

/* Under the object's lock: is everything as it was when the copy began? */
static enum mr_status finish_guard(void *ctx, struct store_entry *entry)
{
    struct finish *finish = ctx;
    struct s3_upload found;
    enum mr_status status = s3_upload_find(finish->s3, entry->arena, finish->upload->bucket,
                                           finish->upload->key, finish->upload->id, &found);
    if (status == MR_NOT_FOUND)
        return MR_AGAIN;
    finish->change->conflict = status == MR_OK && found.meta.marker && finish->change->if_absent;
    if (finish->change->conflict)
        return MR_FAULT;
    if (status == MR_OK)
        status = s3_upload_parts(finish->s3, entry->arena, finish->upload->id, &finish->all,
                                 &finish->all_count);
    if (status != MR_OK)
        return status;
    size_t at = 0;
    for (size_t i = 0; i < finish->count; i++) {
        while (at < finish->all_count && finish->all[at].number < finish->chosen[i].number)
            at++;
        if (at == finish->all_count ||
            memcmp(&finish->all[at].meta.body, &finish->chosen[i].meta.body,
                   sizeof(struct s3_id)) != 0)
            return MR_AGAIN;
    }
    entry_end_upload(entry, finish->upload, finish->all, finish->all_count, finish->kept);
    return MR_OK;
}

enum mr_status s3_upload_finish(struct s3 *s3, struct mr_arena *arena,
                                const struct s3_upload *upload, const struct s3_stored_part *chosen,
                                size_t count, struct s3_meta *object, struct s3_change *change,
                                int64_t *ret_ticket)
{
    assert(count > 0);
    const bool joined = count > 1;
    struct finish finish = {
        .s3 = s3, .upload = upload, .chosen = chosen, .count = count, .change = change};
    struct s3_body body;
    if (joined) {
        const enum mr_status status = join(s3, arena, chosen, count, &body);
        if (status != MR_OK)
            return status;
        s3_meta_set_body(object, &body);
        change->body = &body;
    } else {
        object->place = chosen[0].meta.place;
        object->body = chosen[0].meta.body;
        finish.kept = &chosen[0].meta.body;
    }
    change->meta = object;
    change->guard = finish_guard;
    change->ctx = &finish;
    const enum mr_status status = s3_change_apply(s3, arena, change, ret_ticket);
    if (status == MR_OK)
        drop_parts(s3, finish.all, finish.all_count, finish.kept, *ret_ticket);
    else if (joined)
        s3_body_discard(s3->bodies, &body);
    change->body = NULL;
    return status;
}
