#include "athena/maintain.h"

enum { COMMITS_MAX = 50, AGE_S_DEFAULT = 432000, METADATA_FILES_DEFAULT = 100 };

struct vacuuming {
    struct athena_maintenance *job;
    const struct iceberg *ice;
    struct iceberg_table table;
    int64_t cutoff_ms; /* what is older may go */
    char message[512];
};
struct paths { /* "bucket/key" of objects */
    struct vacuuming *v;
    struct mr_map known;
};

/* ---- snapshots ---- */

static void keep_snapshot(const struct iceberg_metadata *metadata, int64_t id, bool *keep)
{
    for (size_t i = 0; i < metadata->snapshot_count; i++)
        keep[i] = keep[i] || metadata->snapshots[i].id == id;
}

/* Those that are young, the last ones of the main branch, and what branches and tags name. */
static size_t choose(struct vacuuming *v, bool *keep)
{
    const struct iceberg_metadata *metadata = &v->table.metadata;
    const int64_t least = athena_maintain_number(&v->table, "vacuum_min_snapshots_to_keep", 1, 1);
    int64_t at = metadata->current_snapshot;
    size_t expired = 0;
    for (int64_t i = 0; i < least && at != -1 && i < (int64_t)metadata->snapshot_count; i++) {
        const struct iceberg_snapshot *snapshot = iceberg_snapshot_of(metadata, at);
        keep_snapshot(metadata, at, keep);
        at = snapshot == NULL ? -1 : snapshot->parent;
    }
    for (size_t i = 0; i < metadata->ref_count; i++)
        keep_snapshot(metadata, metadata->refs[i].snapshot, keep);
    for (size_t i = 0; i < metadata->snapshot_count; i++) {
        keep[i] = keep[i] || metadata->snapshots[i].timestamp_ms >= v->cutoff_ms;
        expired += !keep[i];
    }
    return expired;
}

/* The log, so short that with the metadata of now there are as many as shall be kept. */
static bool shorten_log(struct vacuuming *v, struct iceberg_metadata *next)
{
    const int64_t most = athena_maintain_number(&v->table, "vacuum_max_metadata_files_to_keep",
                                                METADATA_FILES_DEFAULT, 1);
    if ((int64_t)next->metadata_log_count <= most)
        return false;
    const size_t gone = next->metadata_log_count - (size_t)(most - 1);
    next->metadata_log += gone;
    next->metadata_log_count -= gone;
    return true;
}

static enum mr_status expire_once(struct vacuuming *v)
{
    const struct iceberg_metadata *metadata = &v->table.metadata;
    struct iceberg_change change = iceberg_change_make(v->ice, v->job->arena, &v->table);
    bool *keep = MR_NEW_ARRAY(v->job->arena, bool, metadata->snapshot_count + 1);
    const size_t expired = choose(v, keep);
    if (expired > 0)
        iceberg_metadata_keep_snapshots(v->job->arena, &change.next, keep);
    if (!shorten_log(v, &change.next) && expired == 0) {
        iceberg_change_end(&change, false);
        return MR_OK;
    }
    const enum mr_status status = iceberg_change_prepare(&change, NULL, v->message);
    if (status == MR_OK)
        return iceberg_change_commit(&change, &v->job->ticket);
    iceberg_change_end(&change, false);
    return status;
}

/* ---- files ---- */

static bool name_of(struct vacuuming *v, struct mr_slice path, struct mr_slice *ret_name)
{
    struct mr_slice bucket, key;
    if (path.len == 0 || glue_location_parse(path, &bucket, &key) != MR_OK)
        return false;
    *ret_name = mr_arena_printf(v->job->arena, "%.*s/%.*s", MR_ARG(bucket), MR_ARG(key));
    return true;
}

/* False: it was there already. */
static bool note(struct paths *paths, struct mr_slice path)
{
    struct mr_slice name;
    return name_of(paths->v, path, &name) && mr_map_put(&paths->known, name, paths) == NULL;
}

static void note_statistics(struct paths *paths, yyjson_val *list)
{
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(list, index, max, item)
    {
        (void)note(paths, mr_json_get_text(item, "statistics-path"));
    }
}

static enum mr_status note_snapshot(struct paths *paths, const struct iceberg_table *table,
                                    const struct iceberg_snapshot *snapshot)
{
    struct vacuuming *v = paths->v;
    struct iceberg_manifest *lines;
    size_t line_count;
    if (!note(paths, snapshot->manifest_list))
        return MR_OK;
    enum mr_status status =
        iceberg_manifests(v->ice, v->job->arena, snapshot, &lines, &line_count, v->message);
    for (size_t i = 0; i < line_count && status == MR_OK; i++) {
        struct iceberg_file *files;
        size_t count = 0;
        if (!note(paths, lines[i].path))
            continue; /* another snapshot has it, too */
        if (atomic_load(&v->job->handle->cancelled))
            return MR_END;
        status = iceberg_manifest_files(v->ice, v->job->arena, &table->metadata, &lines[i], &files,
                                        &count, v->message);
        for (size_t j = 0; j < count && status == MR_OK; j++)
            if (files[j].status != ICEBERG_DELETED)
                (void)note(paths, files[j].path);
    }
    return status;
}

/* All that the table's metadata reaches, itself and its forerunners, too. */
static enum mr_status note_table(struct paths *paths, const struct iceberg_table *table)
{
    const struct iceberg_metadata *metadata = &table->metadata;
    enum mr_status status = MR_OK;
    (void)note(paths, table->metadata_location);
    for (size_t i = 0; i < metadata->metadata_log_count; i++)
        (void)note(paths, metadata->metadata_log[i].file);
    note_statistics(paths, metadata->statistics);
    note_statistics(paths, metadata->partition_statistics);
    for (size_t i = 0; i < metadata->snapshot_count && status == MR_OK; i++)
        status = note_snapshot(paths, table, &metadata->snapshots[i]);
    return status;
}

struct listing {
    struct vacuuming *v;
    const struct paths *before; /* what the table reached before snapshots expired */
    struct mr_slice *keys;
    size_t count, capacity;
};

static struct mr_slice object_name(const struct listing *listing, struct mr_slice key)
{
    return mr_arena_printf(listing->v->job->arena, "%.*s/%.*s", MR_ARG(listing->v->table.bucket),
                           MR_ARG(key));
}

/* What may go: it was the table's, or has been lying there for long. */
static enum mr_status on_object(void *ctx, const struct s3_object *object)
{
    struct listing *listing = ctx;
    if (object->modified_ms >= listing->v->cutoff_ms &&
        mr_map_get(&listing->before->known, object_name(listing, object->key)) == NULL)
        return MR_OK;
    if (listing->count == listing->capacity) {
        const size_t room = listing->capacity == 0 ? 64 : listing->capacity * 2;
        listing->keys = mr_arena_realloc(listing->v->job->arena, listing->keys,
                                         listing->capacity * sizeof *listing->keys,
                                         room * sizeof *listing->keys);
        listing->capacity = room;
    }
    listing->keys[listing->count++] = mr_arena_copy(listing->v->job->arena, object->key);
    return MR_OK;
}

static enum mr_status list(struct listing *listing)
{
    static const char *const folders[] = {"data/", "metadata/"};
    struct vacuuming *v = listing->v;
    enum mr_status status = MR_OK;
    for (size_t i = 0; i < MR_COUNT(folders) && status == MR_OK; i++)
        status =
            s3_list(v->job->athena->options.s3, v->table.bucket,
                    mr_arena_printf(v->job->arena, "%.*s%s", MR_ARG(v->table.prefix), folders[i]),
                    on_object, listing);
    return status;
}

/* Objects are listed before the metadata is read that tells which are in use: an object and the
 * metadata that names it become visible together, so that no file of a commit in between can be in
 * the list and not in use. */
static enum mr_status sweep(struct vacuuming *v, const struct paths *before)
{
    struct listing listing = {.v = v, .before = before};
    struct paths now = {.v = v};
    struct iceberg_table table;
    enum mr_status status = list(&listing);
    if (status == MR_OK)
        status = athena_maintain_load(v->job, &table);
    if (status == MR_OK && !mr_slice_equal(table.metadata.uuid, v->table.metadata.uuid))
        status = MR_END; /* another table has taken its name */
    if (status == MR_OK)
        status = note_table(&now, &table);
    for (size_t i = 0; i < listing.count && status == MR_OK; i++)
        if (mr_map_get(&now.known, object_name(&listing, listing.keys[i])) == NULL)
            status = s3_delete(v->job->athena->options.s3, v->table.bucket, listing.keys[i]);
    mr_map_fini(&now.known);
    return status;
}

/* ---- the statement ---- */

static enum mr_status vacuum(struct vacuuming *v, struct paths *before)
{
    enum mr_status status = MR_AGAIN;
    for (int i = 0; i < COMMITS_MAX && status == MR_AGAIN; i++) {
        status = athena_maintain_load(v->job, &v->table);
        if (status != MR_OK)
            return status;
        if (v->table.prefix.len == 0)
            return athena_maintain_fail(v->job, "GENERIC_INTERNAL_ERROR",
                                        "Path missing in file system location: s3://%.*s",
                                        MR_ARG(v->table.bucket));
        v->cutoff_ms = store_now(v->job->athena->options.store) -
                       1000 * athena_maintain_number(&v->table, "vacuum_max_snapshot_age_seconds",
                                                     AGE_S_DEFAULT, 0);
        status = note_table(before, &v->table);
        if (status == MR_OK)
            status = expire_once(v);
    }
    if (status == MR_AGAIN)
        return athena_maintain_fail(v->job, "ICEBERG_COMMIT_ERROR",
                                    "Failed to commit Iceberg update to table: %.*s.%.*s",
                                    MR_ARG(v->job->database), MR_ARG(v->job->statement->name));
    if (status == MR_OK && v->job->ticket > 0) /* nothing is deleted that a crash brings back */
        status = store_wait(v->job->athena->options.store, v->job->ticket);
    return status == MR_OK ? sweep(v, before) : status;
}

enum mr_status athena_vacuum(struct athena_maintenance *job)
{
    struct vacuuming v = {
        .job = job, .ice = &job->ice, .message = "the table's metadata cannot be read"};
    struct paths before = {.v = &v};
    const enum mr_status status = vacuum(&v, &before);
    mr_map_fini(&before.known);
    if (status == MR_INVALID && job->error->code == NULL)
        return athena_maintain_fail(job, "ICEBERG_INVALID_METADATA", "%s", v.message);
    return status;
}
