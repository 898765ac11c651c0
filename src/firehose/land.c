/* From the buffers into S3: the bodies are written and fsynced first; then ONE entry holds all
 * objects and the cursors. Until that entry nothing is visible; after it nothing is redone. */
#include "firehose/internal.h"
#include "base/codec.h"
#include <stdlib.h>

/* An object in the making. */
struct making {
    const struct buffer *buffer;
    const struct delivery_target *target;
    int64_t version;
};

/* "<prefix><stream>-<version>-yyyy-MM-dd-HH-mm-ss-<uuid>[ext]" */
static struct mr_slice object_key(struct mr_arena *arena, struct delivery *delivery,
                                  const struct making *making, const char *uuid)
{
    const struct buffer *buffer = making->buffer;
    const struct delivery_target *target = making->target;
    const bool failed = buffer->kind == BUFFER_FAILED;
    const struct prefix_values values = {
        .time_ms = buffer->oldest_ms,
        .zone = target->zone,
        .error_type = failed ? buffer->name : MR_S(""),
        .keys = failed ? MR_S("") : buffer->name,
        .rng = delivery->firehose->options.rng,
    };
    struct mr_buf buf = {0};
    if (failed)
        prefix_write_error(&buf, target->error_prefix, target->prefix, &values);
    else
        prefix_write(&buf, target->prefix, &values);
    const struct mr_date date = zone_time_at(target->zone, buffer->oldest_ms).date;
    mr_buf_printf(&buf, "%s-%lld-%04d-%02d-%02d-%02d-%02d-%02d-%s", delivery->name,
                  (long long)making->version, date.year, date.month, date.day, date.hour,
                  date.minute, date.second, uuid);
    if (!failed && target->extension.len > 0)
        mr_buf_append(&buf, target->extension);
    else
        mr_buf_append(&buf, compression_extension(target->compression));
    const struct mr_slice key = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return key;
}

static enum mr_status stage(struct mr_arena *arena, struct delivery *delivery,
                            const struct making *making, struct s3_staged **ret_staged)
{
    const struct delivery_target *target = making->target;
    struct mr_slice body = mr_buf_slice(&making->buffer->bytes);
    struct mr_buf packed = {0};
    char uuid[37], entry[37];
    mr_rng_uuid(delivery->firehose->options.rng, uuid);
    if (target->compression != COMPRESSION_NONE) {
        mr_rng_uuid(delivery->firehose->options.rng, entry);
        compression_pack(&packed, target->compression, body, mr_slice_cstr(entry),
                         making->buffer->oldest_ms);
        body = mr_buf_slice(&packed);
    }
    const struct s3_put_options options = {
        .bucket = target->bucket,
        .key = object_key(arena, delivery, making, uuid),
        .content_type = MR_S_INIT("application/octet-stream"),
        .content_encoding = compression_encoding(target->compression),
    };
    const enum mr_status status =
        s3_stage(delivery->firehose->options.s3, &options, body, ret_staged);
    mr_buf_fini(&packed);
    return status;
}

static const struct delivery_target *target_of(const struct delivery_config *config,
                                               const struct buffer *buffer)
{
    return buffer->kind == BUFFER_BACKUP ? &config->backup : &config->data;
}

static enum mr_status stage_all(struct mr_arena *arena, struct delivery *delivery,
                                struct buffer *const *chosen, size_t count, int64_t version,
                                struct s3_staged **staged, size_t *ret_staged)
{
    enum mr_status status = MR_OK;
    for (size_t i = 0; i < count && status == MR_OK; i++) {
        if (chosen[i]->bytes.len == 0)
            continue; /* AWS: nothing is written when there is nothing to write */
        const struct making making = {
            .buffer = chosen[i],
            .target = target_of(&delivery->p.config, chosen[i]),
            .version = version,
        };
        status = stage(arena, delivery, &making, &staged[*ret_staged]);
        *ret_staged += status == MR_OK;
    }
    return status;
}

/* ---- the entry ---- */

static void note_landed(struct delivery *delivery, struct buffer **chosen, size_t count,
                        size_t objects)
{
    struct delivery_pump *p = &delivery->p;
    uint64_t failed = 0;
    delivery_sources_committed(delivery);
    for (size_t i = 0; i < count; i++) {
        const struct buffer *buffer = chosen[i];
        if (buffer->kind == BUFFER_DATA) {
            atomic_fetch_add(&delivery->records_out, buffer->records);
            atomic_fetch_add(&delivery->bytes_out, buffer->bytes.len);
        } else if (buffer->kind == BUFFER_FAILED) {
            failed += buffer->records;
        }
        if (buffer->kind != BUFFER_BACKUP)
            atomic_store(&delivery->landed_ms, buffer->oldest_ms);
        buffer_set_close(&p->buffers, chosen[i]);
    }
    atomic_fetch_add(&delivery->failed, failed);
    atomic_fetch_add(&delivery->dropped, p->dropped);
    atomic_fetch_add(&delivery->objects, objects);
    p->dropped = 0;
    if (failed == 0) /* what failed stays told until something lands without */
        delivery_note(delivery, "%s", "");
}

/* What lands and what stays of data and failures. */
static struct landing landing_of(struct mr_arena *arena, const struct buffer_set *set,
                                 struct buffer **chosen, size_t count)
{
    struct landing landing = {.landed = MR_NEW_ARRAY(arena, struct buffer *, count + 1)};
    landing.kept.all = MR_NEW_ARRAY(arena, struct buffer *, set->count + 1);
    landing.data = count == 0; /* nothing but cursors: what was read was dropped */
    landing.backup = true;
    for (size_t i = 0; i < count; i++) {
        if (chosen[i]->kind == BUFFER_BACKUP)
            continue;
        landing.landed[landing.count++] = chosen[i];
        landing.data = true;
    }
    for (size_t i = 0; i < set->count; i++) {
        bool stays = true;
        for (size_t j = 0; j < count && stays; j++)
            stays = chosen[j] != set->all[i];
        if (stays && set->all[i]->kind == BUFFER_BACKUP)
            landing.backup = false;
        else if (stays)
            landing.kept.all[landing.kept.count++] = set->all[i];
    }
    return landing;
}

enum mr_status delivery_land(struct delivery *delivery, struct buffer **chosen, size_t count,
                             int64_t version)
{
    struct delivery_pump *p = &delivery->p;
    struct s3 *s3 = delivery->firehose->options.s3;
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    struct s3_staged **staged = MR_NEW_ARRAY(&arena, struct s3_staged *, count + 1);
    size_t objects = 0, committed = 0;
    enum mr_status status = stage_all(&arena, delivery, chosen, count, version, staged, &objects);
    for (; status == MR_OK && committed < objects; committed++)
        status = s3_commit_staged(s3, staged[committed], &entry);
    if (status == MR_OK) {
        const struct landing landing = landing_of(&arena, &p->buffers, chosen, count);
        delivery_sources_put(delivery, &entry, &landing);
        int64_t ticket;
        status = store_commit(delivery->firehose->options.store, &entry, &ticket);
    }
    for (size_t i = 0; i < objects; i++)
        s3_staged_done(s3, staged[i], status == MR_OK);
    p->stuck = status != MR_OK;
    if (status == MR_OK)
        note_landed(delivery, chosen, count, objects);
    else if (status == MR_NOT_FOUND) /* all of `chosen` go to one bucket */
        delivery_note(delivery, "bucket %.*s does not exist",
                      MR_ARG(target_of(&p->config, chosen[0])->bucket));
    mr_arena_fini(&arena);
    return status;
}
