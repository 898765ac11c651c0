#include "s3/access_log.h"
#include "base/log.h"
#include "base/map.h"
#include "s3/ops.h"
#include <stdio.h>
#include <stdlib.h>

enum {
    BATCH_BYTES = 1 << 20, /* a batch is written when it has so many, */
    BATCH_MS = 5000,       /* or is so old */
    DAY_MS = 86400000,
    NAME_RANDOM = 8,
};

enum naming { NAMED_SIMPLY, NAMED_BY_EVENT, NAMED_BY_DELIVERY };

/* Lines of one bucket and one day, and where they go. */
struct batch {
    struct batch *next;
    char *source, *target, *prefix, *grants; /* owned; the last is the JSON of the list, or empty */
    char *account, *region;                  /* owned */
    enum naming naming;
    int64_t first_ms;
    struct mr_buf text;
};

struct source {                     /* a bucket that is logged */
    char *target, *prefix, *grants; /* owned */
    enum naming naming;
    struct batch *filling; /* owned; NULL: nothing waits */
};

struct s3_access_log {
    struct s3 *s3;
    struct runtime_pump *pump;
    atomic_size_t configured; /* of the map; 0: no look is needed */
    pthread_mutex_t lock;     /* guards what follows */
    struct {
        struct mr_map sources;     /* name -> struct source */
        struct batch *full, **end; /* to be written, oldest first */
        size_t bytes;              /* that wait */
        uint64_t lost;             /* lines since the last warning */
    } locked;
};

struct s3_access_log *s3_access_log_new(struct s3 *s3)
{
    struct s3_access_log *log = mr_calloc(1, sizeof *log);
    log->s3 = s3;
    log->locked.end = &log->locked.full;
    pthread_mutex_init(&log->lock, NULL);
    return log;
}

static void batch_free(struct batch *batch)
{
    if (batch == NULL)
        return;
    free(batch->source);
    free(batch->target);
    free(batch->prefix);
    free(batch->grants);
    free(batch->account);
    free(batch->region);
    mr_buf_fini(&batch->text);
    free(batch);
}

static void source_free(struct source *source)
{
    if (source == NULL)
        return;
    free(source->target);
    free(source->prefix);
    free(source->grants);
    batch_free(source->filling);
    free(source);
}

/* ---- configurations ---- */

static enum naming naming_of(yyjson_val *enabled)
{
    yyjson_val *by =
        mr_json_get(mr_json_get(enabled, "TargetObjectKeyFormat"), "PartitionedPrefix");
    if (by == NULL)
        return NAMED_SIMPLY;
    return mr_slice_equal(mr_json_get_text(by, "PartitionDateSource"), MR_S("EventTime"))
               ? NAMED_BY_EVENT
               : NAMED_BY_DELIVERY;
}

static struct source *source_new(yyjson_val *enabled)
{
    struct source *source = mr_calloc(1, sizeof *source);
    struct mr_buf grants = {0};
    struct mr_json json = mr_json_make(&grants);
    if (yyjson_arr_size(mr_json_get(enabled, "TargetGrants")) > 0)
        mr_json_value(&json, mr_json_get(enabled, "TargetGrants"));
    source->target = mr_strdup_slice(mr_json_get_text(enabled, "TargetBucket"));
    source->prefix = mr_strdup_slice(mr_json_get_text(enabled, "TargetPrefix"));
    source->grants = mr_strdup_slice(mr_buf_slice(&grants));
    source->naming = naming_of(enabled);
    mr_buf_fini(&grants);
    return source;
}

static void fill_end_locked(struct s3_access_log *log, struct source *source)
{
    if (source->filling == NULL)
        return;
    *log->locked.end = source->filling;
    log->locked.end = &source->filling->next;
    source->filling = NULL;
}

void s3_access_log_set(struct s3_access_log *log, struct mr_slice bucket, yyjson_val *enabled)
{
    struct source *made = enabled == NULL ? NULL : source_new(enabled);
    pthread_mutex_lock(&log->lock);
    struct source *old = mr_map_remove(&log->locked.sources, bucket);
    if (old != NULL)
        fill_end_locked(log, old);
    if (made != NULL)
        (void)mr_map_put(&log->locked.sources, bucket, made);
    atomic_store(&log->configured, log->locked.sources.count);
    pthread_mutex_unlock(&log->lock);
    source_free(old);
}

bool s3_access_log_works(const struct s3_access_log *log)
{
    return atomic_load_explicit(&log->configured, memory_order_relaxed) > 0;
}

bool s3_access_log_wants(struct s3_access_log *log, struct mr_slice bucket)
{
    if (!s3_access_log_works(log) || bucket.len == 0)
        return false;
    pthread_mutex_lock(&log->lock);
    const bool wants = mr_map_get(&log->locked.sources, bucket) != NULL;
    pthread_mutex_unlock(&log->lock);
    return wants;
}

/* ---- gathering ---- */

static struct batch *batch_new(const struct source *source, const struct s3_log_line *line)
{
    struct batch *batch = mr_calloc(1, sizeof *batch);
    batch->source = mr_strdup_slice(line->bucket);
    batch->target = mr_strdup_slice(mr_slice_cstr(source->target));
    batch->prefix = mr_strdup_slice(mr_slice_cstr(source->prefix));
    batch->grants = mr_strdup_slice(mr_slice_cstr(source->grants));
    batch->account = mr_strdup_slice(line->account);
    batch->region = mr_strdup_slice(line->region);
    batch->naming = source->naming;
    batch->first_ms = line->now_ms;
    return batch;
}

/* True: the pump has something new to wait for. */
static bool add_locked(struct s3_access_log *log, struct source *source,
                       const struct s3_log_line *line)
{
    if (log->locked.bytes + line->text.len > S3_LOG_BYTES_MAX) {
        log->locked.lost++;
        return false;
    }
    if (source->filling != NULL && source->filling->first_ms / DAY_MS != line->now_ms / DAY_MS)
        fill_end_locked(log, source);
    const bool first = source->filling == NULL;
    if (first)
        source->filling = batch_new(source, line);
    mr_buf_append(&source->filling->text, line->text);
    mr_buf_byte(&source->filling->text, '\n');
    log->locked.bytes += line->text.len + 1;
    if (source->filling->text.len < BATCH_BYTES)
        return first;
    fill_end_locked(log, source);
    return true;
}

void s3_access_log_add(struct s3_access_log *log, const struct s3_log_line *line)
{
    pthread_mutex_lock(&log->lock);
    struct source *source = mr_map_get(&log->locked.sources, line->bucket);
    const bool wake = source != NULL && add_locked(log, source, line);
    pthread_mutex_unlock(&log->lock);
    if (wake && log->pump != NULL)
        runtime_pump_wake(log->pump);
}

/* ---- writing ---- */

static struct mr_slice name_of(struct s3 *s3, struct mr_arena *arena, const struct batch *batch)
{
    uint8_t random[NAME_RANDOM];
    char unique[2 * NAME_RANDOM + 1];
    const int64_t delivered_ms = store_now(s3->options.store);
    const struct mr_date at = mr_date_from_ms(
        batch->naming == NAMED_BY_EVENT ? batch->first_ms / DAY_MS * DAY_MS : delivered_ms);
    mr_rng_fill(s3->options.rng, random, sizeof random);
    mr_hex(random, sizeof random, unique);
    for (size_t i = 0; i < sizeof unique - 1; i++)
        if (unique[i] >= 'a')
            unique[i] = (char)(unique[i] - 'a' + 'A');
    struct mr_slice folder = MR_S("");
    if (batch->naming != NAMED_SIMPLY)
        folder = mr_arena_printf(arena, "%s/%s/%s/%04d/%02d/%02d/", batch->account, batch->region,
                                 batch->source, at.year, at.month, at.day);
    return mr_arena_printf(arena, "%s%.*s%04d-%02d-%02d-%02d-%02d-%02d-%s", batch->prefix,
                           MR_ARG(folder), at.year, at.month, at.day, at.hour, at.minute, at.second,
                           unique);
}

/* AWS: the grants of the configuration, where the target's objects may have lists. */
static struct mr_slice list_of(struct s3 *s3, struct mr_arena *arena, const struct batch *batch)
{
    yyjson_val *document, *grant;
    size_t at, count;
    struct mr_buf list = {0};
    if (batch->grants[0] == 0 ||
        s3_bucket_get(s3, arena, mr_slice_cstr(batch->target), &document) != MR_OK ||
        s3_acl_disabled(document))
        return MR_S("");
    char owner[S3_OWNER_ID_TEXT];
    s3_owner_id(mr_slice_cstr(batch->account), owner);
    yyjson_val *grants = mr_json_parse(arena, mr_slice_cstr(batch->grants), MR_JSON_DEPTH_MAX);
    mr_buf_printf(&list,
                  "[{\"Grantee\":{\"Type\":\"CanonicalUser\",\"ID\":\"%s\"},\"Permission\":"
                  "\"FULL_CONTROL\"}",
                  owner);
    struct mr_json json = mr_json_make(&list);
    yyjson_arr_foreach(grants, at, count, grant)
    {
        mr_buf_byte(&list, ',');
        json = mr_json_make(&list);
        mr_json_value(&json, grant);
    }
    mr_buf_byte(&list, ']');
    const struct mr_slice text = mr_arena_copy(arena, mr_buf_slice(&list));
    mr_buf_fini(&list);
    return text;
}

static enum mr_status write_batch(struct s3 *s3, const struct batch *batch)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    const struct s3_put_options options = {
        .bucket = mr_slice_cstr(batch->target),
        .key = name_of(s3, &arena, batch),
        .content_type = MR_S("text/plain"),
        .acl = list_of(s3, &arena, batch),
    };
    const enum mr_status status = s3_put_as(s3, &options, mr_buf_slice(&batch->text), NULL);
    if (status != MR_OK)
        mr_log(MR_LOG_WARN, "s3", "an access log of bucket '%s' is lost: '%s' %s", batch->source,
               batch->target, status == MR_NOT_FOUND ? "has gone" : "cannot be written");
    mr_arena_fini(&arena);
    return status;
}

/* Batches that are due become full ones. Returns when the next is, or 0. */
static int64_t ripen_locked(struct s3_access_log *log, int64_t now_ms)
{
    size_t cursor = 0;
    struct mr_slice name;
    void *value;
    int64_t next_ms = 0;
    while (mr_map_next(&log->locked.sources, &cursor, &name, &value)) {
        struct source *source = value;
        if (source->filling == NULL)
            continue;
        const int64_t due_ms = source->filling->first_ms + BATCH_MS;
        if (due_ms <= now_ms)
            fill_end_locked(log, source);
        else if (next_ms == 0 || due_ms < next_ms)
            next_ms = due_ms;
    }
    return next_ms;
}

static struct batch *take_locked(struct s3_access_log *log)
{
    struct batch *batch = log->locked.full;
    if (batch == NULL)
        return NULL;
    log->locked.full = batch->next;
    if (log->locked.full == NULL)
        log->locked.end = &log->locked.full;
    log->locked.bytes -= batch->text.len;
    return batch;
}

/* True: a batch was written, or lost. */
static bool write_next(struct s3_access_log *log, int64_t now_ms, int64_t *ret_next_ms)
{
    pthread_mutex_lock(&log->lock);
    *ret_next_ms = ripen_locked(log, now_ms);
    struct batch *batch = take_locked(log);
    const uint64_t lost = batch == NULL ? 0 : log->locked.lost;
    if (batch != NULL)
        log->locked.lost = 0;
    pthread_mutex_unlock(&log->lock);
    if (lost > 0)
        mr_log(MR_LOG_WARN, "s3", "%llu lines of access logs are lost: too many wait",
               (unsigned long long)lost);
    if (batch == NULL)
        return false;
    (void)write_batch(log->s3, batch);
    batch_free(batch);
    return true;
}

static enum runtime_pump_next log_step(void *ctx, int64_t *ret_wake_ms)
{
    struct s3_access_log *log = ctx;
    int64_t next_ms;
    if (write_next(log, store_now(log->s3->options.store), &next_ms))
        return RUNTIME_PUMP_AGAIN;
    if (next_ms > 0)
        *ret_wake_ms = next_ms;
    return RUNTIME_PUMP_WAIT;
}

void s3_access_log_start(struct s3_access_log *log)
{
    log->pump = runtime_pump_start(log->s3->options.runtime, "s3-access-log", log_step, log);
}

void s3_access_log_close(struct s3_access_log *log)
{
    if (log == NULL)
        return;
    int64_t next_ms;
    if (log->pump != NULL) {
        runtime_pump_stop(log->pump);
        while (write_next(log, INT64_MAX, &next_ms))
            continue;
    }
    size_t cursor = 0;
    struct mr_slice name;
    void *value;
    while (mr_map_next(&log->locked.sources, &cursor, &name, &value))
        source_free(value);
    mr_map_fini(&log->locked.sources);
    pthread_mutex_destroy(&log->lock);
    free(log);
}
