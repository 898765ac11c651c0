/* What a put or a delete does to the records of one key.
 *
 * The current version, unless it is a delete marker, has its record under the object's own key, so
 * that listings of what is there, and everybody who reads it, never meet the past. Older versions,
 * and delete markers even when they are the latest, have theirs under their version's key. Hence:
 * there is a record under the object's key exactly when the latest version is not a marker. */
#include "s3/internal.h"

void s3_entry_meta(struct store_entry *entry, struct mr_slice stored, const struct s3_meta *meta)
{
    struct mr_buf buf = {0};
    s3_meta_encode(&buf, meta);
    store_entry_put(entry, VIEW_OBJECT, stored, mr_arena_copy(entry->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
}

struct plan {
    struct s3 *s3;
    struct store_entry *entry;
    struct mr_slice stored; /* the object's key in VIEW_OBJECT */
    struct s3_change *change;
    struct s3_bucket_state state;
    bool present;       /* there is a record under the object's key: */
    struct s3_meta old; /* this one */
};

static enum mr_status condition_check(const struct plan *plan)
{
    const struct s3_change *change = plan->change;
    if (change->if_absent && plan->present)
        return MR_EXISTS;
    if (change->if_match.ptr == NULL)
        return MR_OK;
    if (!plan->present)
        return MR_END;
    return s3_etag_fits(change->if_match, &plan->old) ? MR_OK : MR_INVALID;
}

static struct mr_slice version_key(const struct plan *plan, const struct s3_version *version)
{
    return s3_version_key(plan->entry->arena, plan->change->bucket, plan->change->key, version);
}

static void drop(struct plan *plan, const struct s3_meta *meta)
{
    struct s3_change *change = plan->change;
    s3_entry_drop(plan->entry, meta);
    change->dropped[change->dropped_count++] = *meta;
}

/* A place behind all versions that the key has: its last change left the journal shorter. */
static struct s3_version version_next(const struct plan *plan)
{
    struct s3_version version = {
        .own = plan->state.versioning == S3_VERSIONS_ENABLED,
        .order = (uint64_t)journal_tail(store_journal(plan->s3->options.store)),
    };
    if (version.own)
        mr_rng_fill(plan->s3->options.rng, version.random, sizeof version.random);
    return version;
}

/* What was the latest makes room for a new version or marker. A version with an id of its own
 * stays; "null" is replaced by the next "null", wherever it is. */
static enum mr_status old_leaves(struct plan *plan)
{
    static const struct s3_version null = {0};
    struct s3_meta meta;
    if (plan->state.versioning == S3_VERSIONS_NEVER) {
        if (plan->present)
            drop(plan, &plan->old);
        return MR_OK;
    }
    const bool stays = plan->state.versioning == S3_VERSIONS_ENABLED || plan->old.version.own;
    if (plan->present && stays)
        s3_entry_meta(plan->entry, version_key(plan, &plan->old.version), &plan->old);
    if (plan->present && !stays) {
        drop(plan, &plan->old);
        return MR_OK;
    }
    if (plan->state.versioning == S3_VERSIONS_ENABLED)
        return MR_OK;
    const struct mr_slice key = version_key(plan, &null);
    const enum mr_status status = s3_record(plan->s3, plan->entry->arena, key, &meta);
    if (status == MR_OK) {
        drop(plan, &meta);
        store_entry_delete(plan->entry, VIEW_OBJECT, key);
    }
    return status == MR_NOT_FOUND ? MR_OK : status;
}

/* What a new object is retained by itself. */
static void retain(const struct plan *plan, struct s3_meta *made)
{
    if (made->retention != S3_NOT_RETAINED || plan->state.retention == S3_NOT_RETAINED)
        return;
    made->retention = plan->state.retention;
    made->retain_until_ms = made->modified_ms + plan->state.retain_ms;
}

static bool replicates(struct plan *plan, const struct s3_meta *made)
{
    struct s3_change *change = plan->change;
    const struct s3_replicated what = {change->bucket, change->key, made, false};
    change->replicates = s3_replicate_plan(plan->s3, plan->entry, plan->state.document, &what);
    return change->replicates;
}

/* ---- replicas ---- */

/* The order of the newest version of the key; MR_NOT_FOUND: there is none. */
static enum mr_status newest_order(struct plan *plan, uint64_t *ret_order)
{
    struct s3_meta newest = plan->old;
    enum mr_status status = MR_OK;
    if (!plan->present)
        status = s3_newest_version(plan->s3, plan->entry->arena, plan->change->bucket,
                                   plan->change->key, NULL, &newest);
    *ret_order = newest.version.order;
    return status;
}

/* What may change about a version: the rest of the replica that is there stays. */
static void replica_change(struct plan *plan, struct mr_slice stored, struct s3_meta *there)
{
    const struct s3_meta *wanted = plan->change->meta;
    plan->change->there = true;
    if (there->marker)
        return;
    there->tags = wanted->tags;
    there->acl = wanted->acl;
    if (plan->state.locks) {
        there->retention = wanted->retention;
        there->retain_until_ms = wanted->retain_until_ms;
        there->hold = wanted->hold;
    }
    s3_entry_meta(plan->entry, stored, there);
}

/* Its place among the versions is its source's, which may not be the first. */
static enum mr_status replica_make(struct plan *plan)
{
    const struct s3_meta *wanted = plan->change->meta;
    struct s3_meta made = *wanted;
    uint64_t newest = 0;
    enum mr_status status = newest_order(plan, &newest);
    if (status != MR_OK && status != MR_NOT_FOUND)
        return status;
    const bool latest = status == MR_NOT_FOUND || wanted->version.order > newest;
    if (!plan->state.locks) {
        made.retention = S3_NOT_RETAINED;
        made.retain_until_ms = 0;
        made.hold = S3_NEVER_HELD;
    } else if (!made.marker) {
        retain(plan, &made);
    }
    status = latest ? old_leaves(plan) : MR_OK;
    if (status != MR_OK)
        return status;
    if (latest && made.marker && plan->present)
        store_entry_delete(plan->entry, VIEW_OBJECT, plan->stored);
    s3_entry_meta(plan->entry,
                  latest && !made.marker ? plan->stored : version_key(plan, &made.version), &made);
    if (plan->change->body != NULL)
        s3_entry_body(plan->entry, plan->change->body);
    return MR_OK;
}

static enum mr_status plan_replica(struct plan *plan)
{
    struct s3_change *change = plan->change;
    const struct s3_version *version = &change->meta->version;
    struct mr_slice stored = plan->stored;
    struct s3_meta there = plan->old;
    enum mr_status status = MR_OK;
    change->made = *version;
    if (plan->state.versioning != S3_VERSIONS_ENABLED)
        return MR_INVALID;
    if (!plan->present || !s3_version_same(&plan->old.version, version)) {
        stored = version_key(plan, version);
        status = s3_record(plan->s3, plan->entry->arena, stored, &there);
    }
    if (status == MR_OK) {
        replica_change(plan, stored, &there);
        return MR_OK;
    }
    change->there = change->replica == S3_REPLICA_CHANGED;
    return status != MR_NOT_FOUND || change->there ? (status == MR_NOT_FOUND ? MR_OK : status)
                                                   : replica_make(plan);
}

/* ---- puts and deletes ---- */

static enum mr_status plan_put(struct plan *plan)
{
    struct s3_change *change = plan->change;
    struct s3_meta made = *change->meta;
    const enum mr_status status = old_leaves(plan);
    if (status != MR_OK)
        return status;
    made.version = (struct s3_version){0};
    made.replication = S3_NOT_REPLICATED;
    if (plan->state.versioning != S3_VERSIONS_NEVER)
        made.version = version_next(plan);
    retain(plan, &made);
    change->made = made.version;
    if (replicates(plan, &made))
        made.replication = S3_REPLICATION_PENDING;
    s3_entry_meta(plan->entry, plan->stored, &made);
    if (change->body != NULL)
        s3_entry_body(plan->entry, change->body);
    return MR_OK;
}

/* AWS: whoever finishes an upload on the condition that there is no object is told of one that was
 * deleted since the upload began. So a delete marks the uploads of its key. */
static enum mr_status mark_uploads(struct plan *plan)
{
    struct mr_arena *arena = plan->entry->arena;
    if (!plan->present || !atomic_load(&plan->s3->has_uploads))
        return MR_OK;
    const struct mr_slice prefix =
        s3_upload_key(arena, plan->change->bucket, plan->change->key, MR_S(""));
    struct view_iterator *iterator =
        view_iterate(store_view(plan->s3->options.store), VIEW_OBJECT, prefix);
    enum mr_status status = MR_OK;
    for (view_iterator_first(iterator); status == MR_OK && view_iterator_valid(iterator);
         view_iterator_next(iterator)) {
        struct s3_meta meta;
        status = s3_meta_decode(view_iterator_value(iterator), &meta);
        if (status != MR_OK || meta.marker)
            continue;
        meta.marker = true;
        s3_entry_meta(plan->entry, mr_arena_copy(arena, view_iterator_key(iterator)), &meta);
    }
    view_iterator_free(iterator);
    return status;
}

/* A delete that names no version hides the object. */
static enum mr_status plan_delete(struct plan *plan)
{
    struct s3_change *change = plan->change;
    enum mr_status status = old_leaves(plan);
    if (status == MR_OK)
        status = mark_uploads(plan);
    if (status != MR_OK)
        return status;
    if (plan->present)
        store_entry_delete(plan->entry, VIEW_OBJECT, plan->stored);
    if (plan->state.versioning == S3_VERSIONS_NEVER)
        return MR_OK;
    const struct s3_meta marker = {
        .marker = true,
        .modified_ms = store_now(plan->s3->options.store),
        .version = version_next(plan),
    };
    s3_entry_meta(plan->entry, version_key(plan, &marker.version), &marker);
    if (!change->expired) /* AWS: what a lifecycle rule does stays in its bucket */
        (void)replicates(plan, &marker);
    change->marker = true;
    change->made = marker.version;
    return MR_OK;
}

/* The latest version goes: the one before becomes current, unless it is a marker. */
static enum mr_status promote(struct plan *plan, const struct s3_version *gone)
{
    struct s3_meta newest;
    const enum mr_status status = s3_newest_version(
        plan->s3, plan->entry->arena, plan->change->bucket, plan->change->key, gone, &newest);
    if (status != MR_OK || newest.marker)
        return status == MR_NOT_FOUND ? MR_OK : status;
    store_entry_delete(plan->entry, VIEW_OBJECT, version_key(plan, &newest.version));
    s3_entry_meta(plan->entry, plan->stored, &newest);
    return MR_OK;
}

static bool is_protected(const struct plan *plan, const struct s3_meta *meta)
{
    if (meta->hold == S3_HELD)
        return true;
    if (meta->retention == S3_NOT_RETAINED ||
        meta->retain_until_ms <= store_now(plan->s3->options.store))
        return false;
    return meta->retention == S3_COMPLIANCE || !plan->change->bypass;
}

static enum mr_status plan_delete_version(struct plan *plan)
{
    struct s3_change *change = plan->change;
    const bool current = plan->present && s3_version_same(&plan->old.version, change->version);
    const struct mr_slice key = current ? plan->stored : version_key(plan, change->version);
    struct s3_meta gone = plan->old;
    change->made = *change->version;
    if (!current) {
        const enum mr_status status = s3_record(plan->s3, plan->entry->arena, key, &gone);
        if (status != MR_OK) /* AWS: gone already is as good */
            return status == MR_NOT_FOUND ? MR_OK : status;
    }
    if (is_protected(plan, &gone))
        return MR_FULL;
    change->marker = gone.marker;
    store_entry_delete(plan->entry, VIEW_OBJECT, key);
    drop(plan, &gone);
    const enum mr_status status = current ? mark_uploads(plan) : MR_OK;
    if (status != MR_OK)
        return status;
    return current || !plan->present ? promote(plan, &gone.version) : MR_OK;
}

static enum mr_status plan_records(struct plan *plan)
{
    if (plan->change->replica != S3_REPLICA_NOT)
        return plan_replica(plan);
    if (plan->change->meta != NULL)
        return plan_put(plan);
    return plan->change->version != NULL ? plan_delete_version(plan) : plan_delete(plan);
}

static const char *event_name(const struct s3_change *change)
{
    if (change->meta != NULL)
        return change->event != NULL ? change->event : "ObjectCreated:Put";
    const bool hidden = change->version == NULL && change->marker;
    if (change->expired)
        return hidden ? "LifecycleExpiration:DeleteMarkerCreated" : "LifecycleExpiration:Delete";
    return hidden ? "ObjectRemoved:DeleteMarkerCreated" : "ObjectRemoved:Delete";
}

/* The event goes with the change. AWS: a delete of what is not there is none. */
static void plan_event(struct plan *plan)
{
    struct s3_change *change = plan->change;
    static const struct s3_meta marker = {.marker = true};
    if (change->there || (change->meta == NULL && change->dropped_count == 0 && !change->marker))
        return;
    const struct s3_event event = {
        .name = event_name(change),
        .bucket = change->bucket,
        .key = change->key,
        .meta = change->meta != NULL                        ? change->meta
                : change->version == NULL && change->marker ? &marker
                                                            : NULL,
        .version = change->versioned ? &change->made : NULL,
        .request_id = change->request_id,
        .access_key = change->access_key,
    };
    change->told = s3_notify_plan(plan->s3, plan->entry, plan->state.document, &event);
}

enum mr_status s3_change_plan(struct s3 *s3, struct store_entry *entry, struct mr_slice stored,
                              struct s3_change *change)
{
    struct plan plan = {.s3 = s3, .entry = entry, .stored = stored, .change = change};
    enum mr_status status = s3_bucket_state(s3, entry->arena, change->bucket, &plan.state);
    if (status != MR_OK)
        return status;
    change->versioned = plan.state.versioning != S3_VERSIONS_NEVER;
    change->dropped_count = 0;
    status = s3_record(s3, entry->arena, stored, &plan.old);
    if (status != MR_OK && status != MR_NOT_FOUND)
        return status;
    plan.present = status == MR_OK;
    status = condition_check(&plan);
    if (status == MR_OK && change->guard != NULL)
        status = change->guard(change->ctx, entry);
    if (status == MR_OK)
        status = plan_records(&plan);
    if (status == MR_OK)
        plan_event(&plan);
    return status;
}

void s3_change_done(struct s3 *s3, struct s3_change *change, int64_t ticket)
{
    if (change->told)
        s3_notify_wake(s3);
    if (change->replicates)
        s3_replicate_wake(s3);
    for (size_t i = 0; i < change->dropped_count; i++)
        s3_body_drop(s3->bodies, &change->dropped[i], ticket);
    atomic_fetch_add(change->meta != NULL ? &s3->puts : &s3->deletes, 1);
}

enum mr_status s3_change_apply(struct s3 *s3, struct mr_arena *arena, struct s3_change *change,
                               int64_t *ret_ticket)
{
    const struct mr_slice stored = s3_object_key(arena, change->bucket, change->key);
    struct store_entry entry = store_entry_make(arena);
    struct s3_stripe *stripe = s3_lock(s3, stored);
    enum mr_status status = s3_change_plan(s3, &entry, stored, change);
    if (status == MR_OK)
        status = s3_commit_locked(s3, stripe, &entry, ret_ticket);
    s3_unlock(stripe);
    if (status == MR_OK)
        s3_change_done(s3, change, *ret_ticket);
    return status;
}

static bool amend_event(struct s3 *s3, struct store_entry *entry, const struct s3_which *which,
                        const struct s3_meta *meta, const struct s3_event *event)
{
    struct s3_bucket_state state;
    struct s3_event told = *event;
    if (s3_bucket_state(s3, entry->arena, which->bucket, &state) != MR_OK)
        return false;
    told.bucket = which->bucket;
    told.key = which->key;
    told.meta = meta;
    if (state.versioning != S3_VERSIONS_NEVER)
        told.version = &meta->version;
    return s3_notify_plan(s3, entry, state.document, &told);
}

static bool same_retention(const struct s3_meta *a, const struct s3_meta *b)
{
    return a->retention == b->retention && a->retain_until_ms == b->retain_until_ms &&
           a->hold == b->hold;
}

/* AWS: a version that was replicated is followed by its replicas. */
static bool amend_replicas(struct s3 *s3, struct store_entry *entry, const struct s3_which *which,
                           const struct s3_meta *before, struct s3_meta *meta)
{
    struct s3_bucket_state state;
    const struct s3_replicated what = {which->bucket, which->key, meta, true};
    if (meta->replication == S3_NOT_REPLICATED || meta->replication == S3_REPLICA ||
        (mr_slice_equal(before->tags, meta->tags) && mr_slice_equal(before->acl, meta->acl) &&
         same_retention(before, meta)))
        return false;
    if (s3_bucket_state(s3, entry->arena, which->bucket, &state) != MR_OK ||
        !s3_replicate_plan(s3, entry, state.document, &what))
        return false;
    meta->replication = S3_REPLICATION_PENDING;
    return true;
}

enum mr_status s3_amend(struct s3 *s3, struct mr_arena *arena, const struct s3_which *which,
                        enum mr_status (*fn)(void *ctx, struct s3_meta *meta), void *ctx,
                        const struct s3_event *event, int64_t *ret_ticket)
{
    struct mr_slice stored = s3_object_key(arena, which->bucket, which->key);
    struct store_entry entry = store_entry_make(arena);
    struct s3_meta meta = {0};
    bool told = false, replicates = false;
    struct s3_stripe *stripe = s3_lock(s3, stored);
    enum mr_status status = s3_record(s3, arena, stored, &meta);
    if (which->version != NULL &&
        (status == MR_NOT_FOUND ||
         (status == MR_OK && !s3_version_same(&meta.version, which->version)))) {
        stored = s3_version_key(arena, which->bucket, which->key, which->version);
        status = s3_record(s3, arena, stored, &meta);
    }
    const struct s3_meta before = meta;
    if (status == MR_OK)
        status = fn(ctx, &meta);
    if (status == MR_OK) {
        replicates = amend_replicas(s3, &entry, which, &before, &meta);
        s3_entry_meta(&entry, stored, &meta);
        told = event != NULL && amend_event(s3, &entry, which, &meta, event);
        status = s3_commit_locked(s3, stripe, &entry, ret_ticket);
    }
    s3_unlock(stripe);
    if (told && status == MR_OK)
        s3_notify_wake(s3);
    if (replicates && status == MR_OK)
        s3_replicate_wake(s3);
    return status;
}
