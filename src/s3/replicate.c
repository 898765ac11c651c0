/* Replication to other buckets. What a rule is about is a document, committed by the very entry
 * that makes the version: VIEW_META "s3/replicate/<order, 16 hex digits><8 random>":
 *   {"bucket", "key", "version", "update": bool, "failed": bool,
 *    "to": [{"bucket", "class", "kms"}, ...]}
 * The pump takes the documents up, oldest first, one destination at a time. One entry makes the
 * replica, takes the destination out of the document and, with the last one, tells the source how
 * it went: so a version is replicated once, whenever a crash comes, and a replica that somebody
 * deleted does not come back.
 *
 * A body is copied before that, without a lock. What can change about a version afterwards (tags,
 * access, retention) is read under the locks of both keys, so the last of several updates is what
 * the replica has. "update": such a change alone, which makes no replica. */
#include "base/log.h"
#include "s3/internal.h"
#include "s3/lifecycle.h"
#include <stdio.h>
#include <stdlib.h>

enum { JOBS_A_STEP = 32, RETRY_MS = 1000 };

struct s3_replicator {
    struct s3 *s3;
    struct runtime_pump *pump;
};

/* ---- what rules say ---- */

static bool is_enabled(yyjson_val *object, const char *member)
{
    return mr_slice_equal(mr_json_get_text(mr_json_get(object, member), "Status"), MR_S("Enabled"));
}

/* AWS: a rule of the first form, without a filter, takes delete markers along. */
static bool takes_markers(yyjson_val *rule)
{
    return mr_json_get(rule, "Filter") == NULL || is_enabled(rule, "DeleteMarkerReplication");
}

static bool rule_takes(yyjson_val *rule, struct mr_slice key, const struct s3_meta *meta)
{
    if (meta->marker)
        return takes_markers(rule) && s3_rule_fits(rule, key, NULL);
    if (meta->sse != S3_SSE_AES256 &&
        !is_enabled(mr_json_get(rule, "SourceSelectionCriteria"), "SseKmsEncryptedObjects"))
        return false;
    return s3_rule_fits(rule, key, meta);
}

static yyjson_val *destination_of(yyjson_val *rule)
{
    return mr_json_get(rule, "Destination");
}

struct mr_slice s3_replication_bucket(yyjson_val *rule)
{
    static const struct mr_slice arn = {"arn:aws:s3:::", 13};
    const struct mr_slice name = mr_json_get_text(destination_of(rule), "Bucket");
    return mr_slice_starts_with(name, arn) ? mr_slice_sub(name, arn.len, SIZE_MAX)
                                           : (struct mr_slice){0};
}

struct chosen {
    yyjson_val **rules;
    size_t count;
};

/* AWS: of rules with the same destination, the one of the highest priority. */
static void choose(struct chosen *chosen, yyjson_val *rule)
{
    const struct mr_slice bucket = s3_replication_bucket(rule);
    const int64_t priority = mr_json_get_i64(rule, "Priority", 0);
    for (size_t i = 0; i < chosen->count; i++) {
        if (!mr_slice_equal(s3_replication_bucket(chosen->rules[i]), bucket))
            continue;
        if (priority > mr_json_get_i64(chosen->rules[i], "Priority", 0))
            chosen->rules[i] = rule;
        return;
    }
    chosen->rules[chosen->count++] = rule;
}

static struct chosen choose_all(struct mr_arena *arena, yyjson_val *rules, struct mr_slice key,
                                const struct s3_meta *meta)
{
    struct chosen chosen = {
        .rules = mr_arena_alloc(arena, (yyjson_arr_size(rules) + 1) * sizeof(yyjson_val *)),
    };
    size_t at, count;
    yyjson_val *rule;
    yyjson_arr_foreach(rules, at, count, rule)
    {
        if (rule_takes(rule, key, meta))
            choose(&chosen, rule);
    }
    return chosen;
}

/* ---- the document ---- */

static void write_target(struct mr_json *json, yyjson_val *rule)
{
    yyjson_val *destination = destination_of(rule);
    mr_json_object(json);
    mr_json_key_string(json, "bucket", s3_replication_bucket(rule));
    mr_json_key_string(json, "class", mr_json_get_text(destination, "StorageClass"));
    mr_json_key_string(
        json, "kms",
        mr_json_get_text(mr_json_get(destination, "EncryptionConfiguration"), "ReplicaKmsKeyID"));
    mr_json_object_end(json);
}

static void queue(struct s3 *s3, struct store_entry *entry, const struct s3_replicated *what,
                  const struct chosen *chosen)
{
    char version[S3_VERSION_TEXT + 1];
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "bucket", what->bucket);
    mr_json_key_string(&json, "key", what->key);
    mr_json_key_string(&json, "version", s3_version_text(&what->meta->version, version));
    mr_json_key_bool(&json, "update", what->update);
    mr_json_key(&json, "to");
    mr_json_array(&json);
    for (size_t i = 0; i < chosen->count; i++)
        write_target(&json, chosen->rules[i]);
    mr_json_array_end(&json);
    mr_json_object_end(&json);
    const struct mr_slice name =
        mr_arena_printf(entry->arena, "%016llx%08x",
                        (unsigned long long)journal_tail(store_journal(s3->options.store)),
                        (unsigned)mr_rng_u64(s3->options.rng));
    store_doc_put(entry, "s3", "replicate", name, mr_arena_copy(entry->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
}

bool s3_replicate_plan(struct s3 *s3, struct store_entry *entry, yyjson_val *document,
                       const struct s3_replicated *what)
{
    yyjson_val *rules = mr_json_get(mr_json_get(document, "replication"), "Rules");
    /* AWS: what nobody can read, since it is archived, is not replicated. */
    if (rules == NULL || !what->meta->version.own ||
        (!what->update && s3_meta_is_archive(what->meta)))
        return false;
    const struct chosen chosen = choose_all(entry->arena, rules, what->key, what->meta);
    if (chosen.count == 0)
        return false;
    queue(s3, entry, what, &chosen);
    return true;
}

/* ---- a job ---- */

struct job {
    struct job *next;
    struct mr_slice name; /* of its document */
    yyjson_val *document;
    struct mr_slice bucket, key;
    struct s3_version version;
    bool update, failed;
    /* Of the destination in hand. */
    yyjson_val *target;
    struct mr_slice target_bucket;
    struct s3_body body;
    bool copied; /* the body is there, and no record names it */
};

static struct s3_which which_of(const struct job *job, struct mr_slice bucket)
{
    return (struct s3_which){bucket, job->key, &job->version};
}

/* The document without the destination in hand. */
static struct mr_slice rest_of(struct mr_arena *arena, const struct job *job)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    size_t at, count;
    yyjson_val *name, *value, *target;
    mr_json_object(&json);
    yyjson_obj_foreach(job->document, at, count, name, value)
    {
        const struct mr_slice text = mr_json_text(name);
        if (mr_slice_equal(text, MR_S("to")) || mr_slice_equal(text, MR_S("failed")))
            continue;
        mr_json_name(&json, text);
        mr_json_value(&json, value);
    }
    mr_json_key_bool(&json, "failed", job->failed);
    mr_json_key(&json, "to");
    mr_json_array(&json);
    yyjson_arr_foreach(mr_json_get(job->document, "to"), at, count, target)
    {
        if (target != job->target)
            mr_json_value(&json, target);
    }
    mr_json_array_end(&json);
    mr_json_object_end(&json);
    const struct mr_slice text = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

/* The source's record, and where it is, under its lock. */
static enum mr_status source_record(struct s3 *s3, struct mr_arena *arena, const struct job *job,
                                    struct mr_slice *ret_stored, struct s3_meta *ret_meta)
{
    *ret_stored = s3_object_key(arena, job->bucket, job->key);
    enum mr_status status = s3_record(s3, arena, *ret_stored, ret_meta);
    if (status == MR_OK && s3_version_same(&ret_meta->version, &job->version))
        return MR_OK;
    if (status != MR_OK && status != MR_NOT_FOUND)
        return status;
    *ret_stored = s3_version_key(arena, job->bucket, job->key, &job->version);
    return s3_record(s3, arena, *ret_stored, ret_meta);
}

/* How the replica is, apart from its body. */
static struct s3_meta replica_of(const struct job *job, const struct s3_meta *source)
{
    struct s3_meta meta = *source;
    const struct mr_slice class = mr_json_get_text(job->target, "class");
    const struct mr_slice kms = mr_json_get_text(job->target, "kms");
    meta.replication = meta.marker ? S3_NOT_REPLICATED : S3_REPLICA;
    meta.restored_until_ms = 0;
    if (class.len > 0 && !meta.marker)
        meta.headers[S3_STORAGE_CLASS] =
            mr_slice_equal(class, MR_S("STANDARD")) ? (struct mr_slice){0} : class;
    if (meta.sse != S3_SSE_AES256 && kms.len > 0)
        meta.kms_key = kms;
    if (job->copied)
        s3_meta_set_body(&meta, &job->body);
    return meta;
}

/* The destination in hand is done with: the document says so, or ends. */
static void plan_progress(struct mr_arena *arena, struct store_entry *entry, const struct job *job,
                          struct mr_slice stored, const struct s3_meta *source)
{
    struct s3_meta meta = *source;
    if (yyjson_arr_size(mr_json_get(job->document, "to")) > 1) {
        store_doc_put(entry, "s3", "replicate", job->name, rest_of(arena, job));
        return;
    }
    store_doc_delete(entry, "s3", "replicate", job->name);
    if (meta.marker || meta.replication == S3_REPLICA)
        return;
    meta.replication = job->failed ? S3_REPLICATION_FAILED : S3_REPLICATION_COMPLETED;
    s3_entry_meta(entry, stored, &meta);
}

/* Under both locks: what the entry holds. MR_END: the source has gone, and the document goes. */
static enum mr_status plan_job(struct s3 *s3, struct store_entry *entry, struct job *job,
                               struct s3_change *change, struct s3_meta *replica)
{
    struct mr_arena *arena = entry->arena;
    struct mr_slice stored;
    struct s3_meta source;
    enum mr_status status = source_record(s3, arena, job, &stored, &source);
    if (status == MR_NOT_FOUND) {
        store_doc_delete(entry, "s3", "replicate", job->name);
        return MR_END;
    }
    if (status != MR_OK)
        return status;
    *replica = replica_of(job, &source);
    *change = (struct s3_change){
        .bucket = job->target_bucket,
        .key = job->key,
        .meta = replica,
        .body = job->copied ? &job->body : NULL,
        .replica = job->copied || source.marker ? S3_REPLICA_NEW : S3_REPLICA_CHANGED,
        .event = source.marker ? "ObjectRemoved:DeleteMarkerCreated" : NULL,
    };
    status = s3_change_plan(s3, entry, s3_object_key(arena, job->target_bucket, job->key), change);
    if (status == MR_NOT_FOUND || status == MR_INVALID) {
        job->failed = true;
        change->meta = NULL;
    } else if (status != MR_OK) {
        return status;
    }
    plan_progress(arena, entry, job, stored, &source);
    return status == MR_OK ? MR_OK : MR_NOT_FOUND;
}

static enum mr_status job_commit(struct s3 *s3, struct mr_arena *arena, struct job *job)
{
    struct store_entry entry = store_entry_make(arena);
    struct s3_change change = {0};
    struct s3_meta replica;
    int64_t ticket;
    pthread_mutex_lock(&s3->many);
    struct s3_stripe *source = s3_lock(s3, s3_object_key(arena, job->bucket, job->key));
    struct s3_stripe *target = s3_lock(s3, s3_object_key(arena, job->target_bucket, job->key));
    const enum mr_status planned = plan_job(s3, &entry, job, &change, &replica);
    enum mr_status status = planned < 0 ? planned : MR_OK;
    if (status == MR_OK) {
        atomic_store(&source->ticket, S3_COMMITTING);
        status = s3_commit_locked(s3, target, &entry, &ticket);
        atomic_store(&source->ticket, journal_tail(store_journal(s3->options.store)));
    }
    s3_unlock(target);
    s3_unlock(source);
    pthread_mutex_unlock(&s3->many);
    const bool made = status == MR_OK && planned == MR_OK && !change.there;
    if (made)
        s3_change_done(s3, &change, ticket);
    if (job->copied && !made)
        s3_body_discard(s3->bodies, &job->body);
    return status;
}

static enum mr_status copy_body(struct s3 *s3, struct mr_arena *arena, struct job *job,
                                const struct s3_meta *meta, const struct s3_source *source)
{
    struct s3_writer writer;
    s3_writer_open(s3->bodies, arena, &writer);
    enum mr_status status = s3_source_copy(source, 0, meta->size, &writer, NULL);
    if (status == MR_OK)
        status = s3_writer_finish(&writer, &job->body);
    if (status == MR_OK)
        job->copied = true;
    else
        s3_writer_abandon(&writer);
    return status;
}

/* The body, unless the destination has the version already, or takes none. */
static enum mr_status body_of(struct s3 *s3, struct mr_arena *arena, struct job *job)
{
    struct s3_bucket_state state;
    struct s3_source source;
    struct s3_meta meta;
    int64_t ticket;
    const struct s3_which from = which_of(job, job->bucket);
    const struct s3_which to = which_of(job, job->target_bucket);
    enum mr_status status = s3_bucket_state(s3, arena, job->target_bucket, &state);
    if (status != MR_OK || state.versioning != S3_VERSIONS_ENABLED || job->update)
        return status < 0 ? status : MR_OK;
    status = s3_find(s3, arena, &to, &meta, &ticket);
    if (status != MR_NOT_FOUND)
        return status;
    status = s3_find(s3, arena, &from, &meta, &ticket);
    if (status != MR_OK || meta.marker)
        return status == MR_NOT_FOUND ? MR_OK : status;
    status = s3_find_open(s3, arena, &from, &meta, &source, &ticket);
    if (status != MR_OK)
        return status == MR_NOT_FOUND ? MR_OK : status;
    status = copy_body(s3, arena, job, &meta, &source);
    s3_source_close(&source);
    return status;
}

/* Its first destination; whatever else there is stays in the document. */
static enum mr_status job_run(struct s3 *s3, struct mr_arena *arena, struct job *job)
{
    job->target = yyjson_arr_get_first(mr_json_get(job->document, "to"));
    job->target_bucket = mr_json_get_text(job->target, "bucket");
    enum mr_status status = body_of(s3, arena, job);
    if (status == MR_FAIL_DATA) { /* it will not get better, and others wait */
        job->failed = true;
        status = MR_OK;
    }
    return status == MR_OK ? job_commit(s3, arena, job) : status;
}

/* ---- the pump ---- */

struct gathering {
    struct mr_arena *arena;
    struct job *first, **end;
    size_t count;
};

static enum mr_status gather(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct gathering *gathering = ctx;
    struct mr_arena *arena = gathering->arena;
    struct job *job = MR_NEW(arena, struct job);
    job->name = mr_arena_copy(arena, name);
    job->document = mr_json_parse(arena, mr_arena_copy(arena, json), MR_JSON_DEPTH_MAX);
    job->bucket = mr_json_get_text(job->document, "bucket");
    job->key = mr_json_get_text(job->document, "key");
    job->update = mr_json_get_bool(job->document, "update", false);
    job->failed = mr_json_get_bool(job->document, "failed", false);
    if (s3_version_parse(mr_json_get_text(job->document, "version"), &job->version) != MR_OK)
        return MR_RAISE(MR_FAIL_DATA, "what is to be replicated is damaged");
    *gathering->end = job;
    gathering->end = &job->next;
    return ++gathering->count == JOBS_A_STEP ? MR_END : MR_OK;
}

static enum runtime_pump_next replicate_step(void *ctx, int64_t *ret_wake_ms)
{
    struct s3 *s3 = ((struct s3_replicator *)ctx)->s3;
    struct store *store = s3->options.store;
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct gathering gathering = {.arena = &arena};
    gathering.end = &gathering.first;
    enum mr_status status = store_doc_each(store, "s3", "replicate", MR_S(""), gather, &gathering);
    for (struct job *job = gathering.first; job != NULL && status == MR_OK; job = job->next) {
        struct mr_arena own; /* one body at a time */
        mr_arena_init(&own);
        status = job_run(s3, &own, job);
        mr_arena_fini(&own);
    }
    mr_arena_fini(&arena);
    if (status == MR_OK && gathering.count > 0)
        return RUNTIME_PUMP_AGAIN;
    if (status != MR_OK) {
        mr_log(MR_LOG_WARN, "s3", "replication waits: status %d", (int)status);
        *ret_wake_ms = store_now(store) + RETRY_MS;
    }
    return RUNTIME_PUMP_WAIT;
}

void s3_replicate_start(struct s3 *s3)
{
    s3->replicator = mr_calloc(1, sizeof *s3->replicator);
    s3->replicator->s3 = s3;
    s3->replicator->pump =
        runtime_pump_start(s3->options.runtime, "s3-replicate", replicate_step, s3->replicator);
}

void s3_replicate_wake(struct s3 *s3)
{
    runtime_pump_wake(s3->replicator->pump);
}

void s3_replicate_stop(struct s3 *s3)
{
    runtime_pump_stop(s3->replicator->pump);
    free(s3->replicator);
}
