/* A change of a table: files are staged, then manifests, a manifest list and a metadata file; all
 * of them become visible with the Glue table that names the last. */
#include "iceberg/internal.h"
#include <stdio.h>
#include <stdlib.h>

struct iceberg_change iceberg_change_make(const struct iceberg *ice, struct mr_arena *arena,
                                          struct iceberg_table *table)
{
    return (struct iceberg_change){
        .ice = ice, .arena = arena, .table = table, .next = table->metadata};
}

static struct mr_slice uuid_of(struct iceberg_change *change)
{
    char uuid[37];
    mr_rng_uuid(change->ice->rng, uuid);
    return mr_arena_copy(change->arena, mr_slice_cstr(uuid));
}

static struct mr_slice location_of(const struct iceberg_change *change)
{
    return iceberg_without_slash(change->table->metadata.location);
}

struct mr_slice iceberg_change_path(struct iceberg_change *change, struct mr_slice folder,
                                    const char *suffix)
{
    return mr_arena_printf(change->arena, "%.*s/data/%.*s%.*s%s", MR_ARG(location_of(change)),
                           MR_ARG(folder), MR_ARG(uuid_of(change)), suffix);
}

void iceberg_change_remove(struct iceberg_change *change, struct mr_slice path)
{
    if (mr_map_put(&change->removed, path, change) == NULL)
        change->left++;
}

void iceberg_change_onto(struct iceberg_change *change, struct iceberg_table *table)
{
    change->table = table;
    change->next = table->metadata;
}

/* ---- objects ---- */

static enum mr_status stage(struct iceberg_change *change, struct mr_slice path,
                            struct mr_slice body)
{
    struct s3_put_options options = {.content_type = MR_S_INIT("application/octet-stream")};
    if (glue_location_parse(path, &options.bucket, &options.key) != MR_OK)
        return MR_INVALID;
    if (change->staged_count == change->staged_capacity) {
        const size_t room = change->staged_capacity == 0 ? 8 : change->staged_capacity * 2;
        change->staged = mr_arena_realloc(change->arena, change->staged,
                                          change->staged_capacity * sizeof(struct s3_staged *),
                                          room * sizeof(struct s3_staged *));
        change->staged_capacity = room;
    }
    const enum mr_status status =
        s3_stage(change->ice->s3, &options, body, &change->staged[change->staged_count]);
    change->staged_count += status == MR_OK;
    return status;
}

enum mr_status iceberg_change_add(struct iceberg_change *change, const struct iceberg_file *file,
                                  struct mr_slice folder, struct mr_slice body)
{
    struct iceberg_file added = *file;
    added.path = iceberg_change_path(change, folder, ".parquet");
    added.format = MR_S("PARQUET");
    added.bytes = (int64_t)body.len;
    added.status = ICEBERG_ADDED;
    added.snapshot_id = added.sequence = added.file_sequence = -1;
    if (change->added_count == change->added_capacity) {
        const size_t room = change->added_capacity == 0 ? 8 : change->added_capacity * 2;
        change->added =
            mr_arena_realloc(change->arena, change->added, change->added_capacity * sizeof added,
                             room * sizeof added);
        change->added_capacity = room;
    }
    const enum mr_status status = stage(change, added.path, body);
    if (status == MR_OK)
        change->added[change->added_count++] = added;
    return status;
}

/* ---- manifests ---- */

struct preparing {
    struct iceberg_change *change;
    int64_t snapshot_id, sequence;
    struct mr_slice uuid;
    char sync[16];
    struct iceberg_manifest *lines; /* of the new list */
    size_t line_count;
    size_t manifests; /* written */
    const struct iceberg_snapshot *parent;
    char *message;
};

static enum mr_status write_manifest(struct preparing *p, int spec_id, bool deletes,
                                     const struct iceberg_file *files, size_t count)
{
    struct mr_arena *arena = p->change->arena;
    const struct iceberg_manifest_head head = {
        .metadata = &p->change->next,
        .spec = iceberg_spec_of(&p->change->next, spec_id),
        .deletes = deletes,
        .snapshot_id = p->snapshot_id,
        .sequence = p->sequence,
        .sync = p->sync,
    };
    struct mr_buf buf = {0};
    struct iceberg_manifest line;
    iceberg_manifest_write(arena, &buf, &head, files, count, &line);
    line.path = mr_arena_printf(arena, "%.*s/metadata/%.*s-m%zu.avro",
                                MR_ARG(location_of(p->change)), MR_ARG(p->uuid), p->manifests++);
    line.bytes = (int64_t)buf.len;
    const enum mr_status status = stage(p->change, line.path, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    if (status == MR_OK)
        p->lines[p->line_count++] = line;
    return status;
}

/* What the change adds, a manifest for each spec and kind. */
static enum mr_status write_added(struct preparing *p, bool deletes)
{
    struct iceberg_change *change = p->change;
    struct iceberg_file *files =
        MR_NEW_ARRAY(change->arena, struct iceberg_file, change->added_count + 1);
    enum mr_status status = MR_OK;
    for (size_t s = 0; s < change->next.spec_count && status == MR_OK; s++) {
        size_t count = 0;
        for (size_t i = 0; i < change->added_count; i++) {
            struct iceberg_file file = change->added[i];
            if (file.spec_id != change->next.specs[s].id ||
                (file.content != ICEBERG_DATA) != deletes)
                continue;
            file.snapshot_id = p->snapshot_id;
            if (file.content == ICEBERG_DATA && change->data_sequence > 0)
                file.sequence = change->data_sequence;
            files[count++] = file;
        }
        if (count > 0)
            status = write_manifest(p, change->next.specs[s].id, deletes, files, count);
    }
    return status;
}

/* Entries of a manifest that go on: those deleted before do not, those removed now say so. */
static size_t take_entries(struct preparing *p, struct iceberg_file *files, size_t count,
                           bool *ret_changed)
{
    struct iceberg_change *change = p->change;
    size_t taken = 0;
    for (size_t i = 0; i < count; i++) {
        struct iceberg_file file = files[i];
        if (file.status == ICEBERG_DELETED)
            continue;
        file.status = ICEBERG_EXISTING;
        if (change->removed.count > 0 && mr_map_get(&change->removed, file.path) != NULL) {
            file.status = ICEBERG_DELETED;
            file.snapshot_id = p->snapshot_id;
            change->gone[file.content].files++;
            change->gone[file.content].records += file.records;
            change->gone[file.content].bytes += file.bytes;
            change->left--;
            *ret_changed = true;
        }
        files[taken++] = file;
    }
    return taken;
}

/* A manifest as it is, unless files of it are removed. */
static enum mr_status take_manifest(struct preparing *p, const struct iceberg_manifest *line)
{
    struct iceberg_file *files = NULL;
    size_t count = 0;
    bool changed = false;
    enum mr_status status = MR_OK;
    if (p->change->left > 0)
        status = iceberg_manifest_files(p->change->ice, p->change->arena, &p->change->next, line,
                                        &files, &count, p->message);
    if (status != MR_OK)
        return status;
    count = take_entries(p, files, count, &changed);
    if (changed)
        return write_manifest(p, line->spec_id, line->deletes, files, count);
    p->lines[p->line_count++] = *line;
    return MR_OK;
}

/* The manifests of one kind and spec become one. */
static enum mr_status merge(struct preparing *p, struct iceberg_manifest *lines, size_t count,
                            int spec_id, bool deletes)
{
    struct iceberg_file *all = NULL;
    size_t total = 0;
    bool changed = false;
    for (size_t i = 0; i < count; i++) {
        struct iceberg_file *files = NULL;
        size_t found = 0;
        if (lines[i].spec_id != spec_id || lines[i].deletes != deletes)
            continue;
        const enum mr_status status =
            iceberg_manifest_files(p->change->ice, p->change->arena, &p->change->next, &lines[i],
                                   &files, &found, p->message);
        if (status != MR_OK)
            return status;
        all = mr_arena_realloc(p->change->arena, all, total * sizeof *all,
                               (total + found + 1) * sizeof *all);
        found = take_entries(p, files, found, &changed);
        if (found > 0)
            memcpy(all + total, files, found * sizeof *all);
        total += found;
    }
    return total > 0 ? write_manifest(p, spec_id, deletes, all, total) : MR_OK;
}

/* The parent's manifests are taken over as they are, or merged where they are many. */
static enum mr_status take_over(struct preparing *p)
{
    struct iceberg_manifest *lines;
    size_t count;
    enum mr_status status =
        iceberg_manifests(p->change->ice, p->change->arena, p->parent, &lines, &count, p->message);
    if (status != MR_OK)
        return status;
    p->lines = MR_NEW_ARRAY(p->change->arena, struct iceberg_manifest,
                            count + 4 * p->change->next.spec_count + 1);
    for (size_t i = 0; i < count && status == MR_OK; i++) {
        size_t alike = 0;
        bool first = true;
        for (size_t j = 0; j < count; j++) {
            if (lines[j].spec_id != lines[i].spec_id || lines[j].deletes != lines[i].deletes)
                continue;
            alike++;
            first = first && j >= i;
        }
        if (alike < ICEBERG_MERGE_MIN)
            status = take_manifest(p, &lines[i]);
        else if (first)
            status = merge(p, lines, count, lines[i].spec_id, lines[i].deletes);
    }
    return status;
}

/* ---- the snapshot ---- */

static void set_number(struct preparing *p, struct iceberg_pairs *summary, const char *name,
                       int64_t number)
{
    iceberg_pair_set(p->change->arena, summary, mr_slice_cstr(name),
                     mr_arena_printf(p->change->arena, "%lld", (long long)number));
}

/* What a change adds or removes: files and rows of each kind. */
static void tell_change(struct preparing *p, struct iceberg_pairs *summary,
                        const struct iceberg_totals t[static 3], bool added)
{
    static const char *const names[2][2][3] = {
        {{"deleted-data-files", "removed-position-delete-files", "removed-equality-delete-files"},
         {"deleted-records", "removed-position-deletes", "removed-equality-deletes"}},
        {{"added-data-files", "added-position-delete-files", "added-equality-delete-files"},
         {"added-records", "added-position-deletes", "added-equality-deletes"}}};
    const int64_t deletes = t[1].files + t[2].files, bytes = t[0].bytes + t[1].bytes + t[2].bytes;
    for (size_t i = 0; i < 3; i++) {
        if (t[i].files > 0)
            set_number(p, summary, names[added][0][i], t[i].files);
        if (t[i].files > 0)
            set_number(p, summary, names[added][1][i], t[i].records);
    }
    if (deletes > 0)
        set_number(p, summary, added ? "added-delete-files" : "removed-delete-files", deletes);
    if (added || bytes > 0)
        set_number(p, summary, added ? "added-files-size" : "removed-files-size", bytes);
}

static struct iceberg_pairs summarize(struct preparing *p, const char *operation)
{
    static const char *const totals[] = {"total-records", "total-position-deletes",
                                         "total-equality-deletes"};
    static const struct iceberg_pairs none = {0};
    const struct iceberg_pairs *before = p->parent == NULL ? &none : &p->parent->summary;
    const struct iceberg_totals *gone = p->change->gone;
    struct iceberg_pairs summary = {0};
    struct iceberg_totals t[3] = {{0}};
    for (size_t i = 0; i < p->change->added_count; i++) {
        const struct iceberg_file *file = &p->change->added[i];
        t[file->content].files++;
        t[file->content].records += file->records;
        t[file->content].bytes += file->bytes;
    }
    iceberg_pair_set(p->change->arena, &summary, MR_S("operation"), mr_slice_cstr(operation));
    tell_change(p, &summary, t, true);
    tell_change(p, &summary, gone, false);
    int64_t bytes = 0;
    for (size_t i = 0; i < 3; i++) {
        set_number(p, &summary, totals[i],
                   iceberg_pair_number(before, totals[i], 0) + t[i].records - gone[i].records);
        bytes += t[i].bytes - gone[i].bytes;
    }
    set_number(p, &summary, "total-data-files",
               iceberg_pair_number(before, "total-data-files", 0) + t[0].files - gone[0].files);
    set_number(p, &summary, "total-delete-files",
               iceberg_pair_number(before, "total-delete-files", 0) + t[1].files + t[2].files -
                   gone[1].files - gone[2].files);
    set_number(p, &summary, "total-files-size",
               iceberg_pair_number(before, "total-files-size", 0) + bytes);
    return summary;
}

static enum mr_status write_snapshot(struct preparing *p, const char *operation)
{
    struct iceberg_change *change = p->change;
    memset(change->gone, 0, sizeof change->gone);
    change->left = (int64_t)change->removed.count;
    enum mr_status status = take_over(p);
    if (status == MR_OK && change->left > 0)
        status = MR_AGAIN;
    if (status == MR_OK)
        status = write_added(p, false);
    if (status == MR_OK)
        status = write_added(p, true);
    if (status != MR_OK)
        return status;
    const struct iceberg_snapshot snapshot = {
        .id = p->snapshot_id,
        .parent = p->parent == NULL ? -1 : p->parent->id,
        .sequence = p->sequence,
        .timestamp_ms = change->next.last_updated_ms,
        .summary = summarize(p, operation),
        .schema_id = change->next.current_schema,
        .manifest_list = mr_arena_printf(change->arena, "%.*s/metadata/snap-%lld-1-%.*s.avro",
                                         MR_ARG(location_of(change)), (long long)p->snapshot_id,
                                         MR_ARG(p->uuid)),
    };
    const struct iceberg_list_head head = {.snapshot_id = snapshot.id,
                                           .parent = snapshot.parent,
                                           .sequence = snapshot.sequence,
                                           .sync = p->sync};
    struct mr_buf buf = {0};
    iceberg_manifests_write(&buf, &head, p->lines, p->line_count);
    status = stage(change, snapshot.manifest_list, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    iceberg_metadata_add_snapshot(change->arena, &change->next, &snapshot);
    return status;
}

/* ---- the metadata ---- */

/* "s3://b/t/metadata/00003-<uuid>.metadata.json": its number; -1: another kind of name. */
static int64_t number_of(struct mr_slice location)
{
    size_t at = location.len;
    int64_t number;
    while (at > 0 && location.ptr[at - 1] != '/')
        at--;
    const struct mr_slice name = mr_slice_sub(location, at, SIZE_MAX);
    return mr_slice_to_i64(mr_slice_sub(name, 0, mr_slice_find(name, '-')), &number) == MR_OK
               ? number
               : -1;
}

static void log_metadata(struct iceberg_change *change)
{
    struct iceberg_metadata *next = &change->next;
    const int64_t most = iceberg_pair_number(
        &next->properties, "write.metadata.previous-versions-max", ICEBERG_LOG_MAX);
    const size_t had = next->metadata_log_count;
    const size_t keep = most < 1 ? 1 : (size_t)most;
    const size_t from = had + 1 > keep ? had + 1 - keep : 0;
    struct iceberg_log *log = MR_NEW_ARRAY(change->arena, struct iceberg_log, had + 1);
    next->metadata_log_count = 0;
    for (size_t i = from; i < had; i++)
        log[next->metadata_log_count++] = next->metadata_log[i];
    log[next->metadata_log_count++] =
        (struct iceberg_log){.timestamp_ms = change->table->metadata.last_updated_ms,
                             .file = change->table->metadata_location};
    next->metadata_log = log;
}

static enum mr_status write_metadata(struct preparing *p)
{
    struct iceberg_change *change = p->change;
    const struct mr_slice before = change->table->metadata_location;
    struct mr_buf buf = {0};
    if (before.len > 0)
        log_metadata(change);
    const struct mr_slice location = mr_arena_printf(
        change->arena, "%.*s/metadata/%05lld-%.*s.metadata.json", MR_ARG(location_of(change)),
        (long long)(before.len > 0 ? number_of(before) + 1 : 0), MR_ARG(uuid_of(change)));
    iceberg_metadata_write(change->arena, &buf, &change->next);
    const enum mr_status status = stage(change, location, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    yyjson_val *table = change->table->glue.json;
    const struct iceberg_glue_facts facts = {
        .name = change->table->glue.name,
        .comment = change->create != NULL ? change->create->comment
                                          : mr_json_get_text(table, "Description"),
        .location = location,
        .previous = before,
        .metadata = &change->next,
        .before = table,
    };
    change->put = (struct glue_table_put){
        .database = change->table->glue.database,
        .input = iceberg_glue_input(change->arena, &facts),
        .replace = true,
        .skip_archive = true,
        .if_version = mr_json_get_text(table, "VersionId"),
    };
    if (change->create != NULL) {
        change->put.replace = false;
        change->put.if_version = MR_S("");
        change->put.account = change->create->account;
        change->put.created_by = change->create->created_by;
    }
    return status;
}

enum mr_status iceberg_change_prepare(struct iceberg_change *change, const char *operation,
                                      char message[static 512])
{
    const struct iceberg *ice = change->ice;
    struct preparing p = {
        .change = change,
        .uuid = uuid_of(change),
        .sequence = change->next.last_sequence + 1,
        .snapshot_id = (int64_t)(mr_rng_u64(ice->rng) >> 1),
        .parent = iceberg_snapshot_of(&change->next, change->next.current_snapshot),
        .message = message,
    };
    /* Later than any before, so that histories have an order. */
    const int64_t now_ms = store_now(ice->store);
    if (now_ms > change->next.last_updated_ms)
        change->next.last_updated_ms = now_ms;
    else
        change->next.last_updated_ms += change->table->metadata_location.len > 0;
    mr_rng_fill(ice->rng, p.sync, sizeof p.sync);
    enum mr_status status = operation != NULL ? write_snapshot(&p, operation) : MR_OK;
    return status == MR_OK ? write_metadata(&p) : status;
}

/* ---- the commit ---- */

enum mr_status iceberg_change_join(struct iceberg_change *change, struct store_entry *entry)
{
    enum mr_status status = MR_OK;
    for (size_t i = 0; i < change->staged_count && status == MR_OK; i++)
        status = s3_commit_staged(change->ice->s3, change->staged[i], entry);
    return status;
}

void iceberg_change_end(struct iceberg_change *change, bool committed)
{
    for (size_t i = 0; i < change->staged_count; i++)
        s3_staged_done(change->ice->s3, change->staged[i], committed);
    change->staged_count = 0;
    mr_map_fini(&change->removed);
}

enum mr_status iceberg_change_commit(struct iceberg_change *change, int64_t *ret_ticket)
{
    struct store_entry entry = store_entry_make(change->arena);
    enum mr_status status = iceberg_change_join(change, &entry);
    if (status == MR_OK)
        status =
            glue_tables_put(change->ice->glue, change->arena, &change->put, 1, &entry, ret_ticket);
    iceberg_change_end(change, status == MR_OK);
    return status;
}
