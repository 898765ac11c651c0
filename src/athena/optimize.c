#include "athena/iceberg_files.h"
#include "athena/lake.h"
#include "athena/maintain.h"
#include "athena/parquet.h"
#include <stdio.h>

enum {
    STARTS_MAX = 5,   /* of the whole, when what was rewritten has changed meanwhile */
    COMMITS_MAX = 50, /* of one result, when others commit all the time */
    BIN_FILES_MAX = 1000,
};
static const int64_t target_bytes = 512LL << 20; /* AWS: write_target_data_file_size_bytes */

struct part { /* a partition's data files that are to be rewritten */
    struct mr_slice key;
    struct iceberg_file *files;
    size_t count, capacity;
    size_t misfits; /* of them: too small or too large */
    bool heavy;     /* one of them has many delete files */
    struct part *next;
};
struct bin { /* files that become new ones */
    const struct iceberg_file *files;
    size_t count;
    struct iceberg_file *made;
    struct mr_slice *names; /* of the new files, in the query's folder */
    size_t made_count;
    struct bin *next;
};
struct optimizing {
    struct athena_maintenance *job;
    const struct iceberg *ice;
    struct iceberg_table table; /* as it is read */
    const struct iceberg_snapshot *snapshot;
    struct iceberg_file *files;
    size_t count;
    int64_t bytes_min, bytes_max, data_threshold, delete_threshold;
    struct mr_map parts;
    struct part *first_part, **last_part;
    struct bin *first_bin, **last_bin;
    size_t bin_count;
};

static struct mr_slice key_of(const struct optimizing *o, const struct iceberg_metadata *metadata,
                              const struct iceberg_file *file)
{
    return athena_source_iceberg_partition(o->job->arena, metadata, file);
}

static bool is_global(const struct iceberg_metadata *metadata, const struct iceberg_file *file)
{
    const struct iceberg_spec *spec = iceberg_spec_of(metadata, file->spec_id);
    return spec == NULL || spec->count == 0;
}

/* ---- the choice ---- */

/* May the deletes concern rows of data of this partition and sequence number? */
static bool concerns(const struct optimizing *o, const struct iceberg_file *deletes,
                     struct mr_slice key, int64_t sequence)
{
    const bool equality = deletes->content == ICEBERG_EQUALITY_DELETES;
    if (equality ? deletes->sequence <= sequence : deletes->sequence < sequence)
        return false;
    return is_global(&o->table.metadata, deletes) ||
           mr_slice_equal(key_of(o, &o->table.metadata, deletes), key);
}

static int64_t count_deletes(const struct optimizing *o, struct mr_slice key, int64_t sequence)
{
    int64_t count = 0;
    for (size_t i = 0; i < o->count && count < o->delete_threshold; i++)
        count += o->files[i].content != ICEBERG_DATA && concerns(o, &o->files[i], key, sequence);
    return count;
}

static struct part *part_of(struct optimizing *o, struct mr_slice key)
{
    struct part *part = mr_map_get(&o->parts, key);
    if (part != NULL)
        return part;
    part = MR_NEW(o->job->arena, struct part);
    part->key = key;
    (void)mr_map_put(&o->parts, key, part);
    *o->last_part = part;
    o->last_part = &part->next;
    return part;
}

static void choose(struct optimizing *o, const struct iceberg_file *file)
{
    struct part *part = part_of(o, key_of(o, &o->table.metadata, file));
    const bool misfit = file->bytes < o->bytes_min || file->bytes > o->bytes_max;
    const bool heavy = count_deletes(o, part->key, file->sequence) >= o->delete_threshold;
    if (!misfit && !heavy)
        return;
    if (part->count == part->capacity) {
        const size_t room = part->capacity == 0 ? 8 : part->capacity * 2;
        part->files =
            mr_arena_realloc(o->job->arena, part->files, part->capacity * sizeof *part->files,
                             room * sizeof *part->files);
        part->capacity = room;
    }
    part->files[part->count++] = *file;
    part->misfits += misfit;
    part->heavy = part->heavy || heavy;
}

static void add_bin(struct optimizing *o, const struct part *part, size_t from, size_t to)
{
    const struct iceberg_file *one = &part->files[from];
    /* One that fits and has no deletes would become itself. */
    if (to - from == 1 && one->bytes <= o->bytes_max &&
        count_deletes(o, part->key, one->sequence) == 0)
        return;
    struct bin *bin = MR_NEW(o->job->arena, struct bin);
    *bin = (struct bin){.files = one, .count = to - from};
    *o->last_bin = bin;
    o->last_bin = &bin->next;
    o->bin_count++;
}

static void pack(struct optimizing *o, const struct part *part)
{
    size_t from = 0;
    int64_t bytes = 0;
    if (!part->heavy && (int64_t)part->count < o->data_threshold)
        return;
    for (size_t i = 0; i < part->count; i++) {
        if (i > from &&
            (bytes + part->files[i].bytes > target_bytes || i - from == BIN_FILES_MAX)) {
            add_bin(o, part, from, i);
            from = i;
            bytes = 0;
        }
        bytes += part->files[i].bytes;
    }
    if (from < part->count)
        add_bin(o, part, from, part->count);
}

/* ---- WHERE ---- */

static bool is_partition_column(const struct optimizing *o, struct mr_slice name)
{
    const struct iceberg_metadata *metadata = &o->table.metadata;
    const struct iceberg_spec *spec = iceberg_spec_of(metadata, metadata->default_spec);
    const struct iceberg_field *field = iceberg_schema_find(iceberg_schema_now(metadata), name);
    for (size_t i = 0; field != NULL && spec != NULL && i < spec->count; i++)
        if (spec->fields[i].source_id == field->id)
            return true;
    return false;
}

static enum mr_status check_where(struct optimizing *o, const struct athena_node *node)
{
    enum mr_status status = MR_OK;
    for (; node != NULL && status == MR_OK; node = node->next) {
        if (node->kind == AST_SUBQUERY || node->kind == AST_EXISTS || node->kind == AST_QUERY)
            return athena_maintain_fail(o->job, "NOT_SUPPORTED",
                                        "line %u:%u: Subqueries in the WHERE clause of OPTIMIZE "
                                        "are not supported",
                                        node->line, node->column);
        if ((node->kind == AST_NAME || node->kind == AST_DOT) &&
            !is_partition_column(o, node->text))
            return athena_maintain_fail(o->job, "NOT_SUPPORTED",
                                        "line %u:%u: Only partition columns are allowed in the "
                                        "WHERE clause of OPTIMIZE: %.*s is none",
                                        node->line, node->column, MR_ARG(node->text));
        if (node->kind == AST_NAME || node->kind == AST_DOT || node->kind == AST_TYPED)
            continue;
        const struct athena_node *inner[] = {node->left, node->right, node->third, node->items};
        for (size_t i = 0; i < MR_COUNT(inner) && status == MR_OK; i++)
            status = check_where(o, inner[i]);
    }
    return status;
}

static bool passes(struct optimizing *o, const struct athena_prune *prune,
                   const struct iceberg_file *file)
{
    const struct athena_iceberg_rows rows = {.table = &o->table,
                                             .schema = iceberg_schema_now(&o->table.metadata)};
    return prune->where == NULL || athena_source_iceberg_keeps(prune, o->job->arena, &rows, file);
}

static struct athena_prune prune_of(struct optimizing *o)
{
    const struct iceberg_schema *schema = iceberg_schema_now(&o->table.metadata);
    struct mr_slice *keys = MR_NEW_ARRAY(o->job->arena, struct mr_slice, schema->count + 1);
    for (size_t i = 0; i < schema->count; i++)
        keys[i] = glue_lower(o->job->arena, schema->fields[i].name);
    return (struct athena_prune){.where = o->job->statement->query,
                                 .alias = o->job->statement->name,
                                 .only = true,
                                 .keys = keys,
                                 .key_count = schema->count,
                                 .parameters = o->job->parameters,
                                 .parameter_count = o->job->parameter_count};
}

/* ---- rewriting ---- */

static enum mr_status run_copy(struct optimizing *o, struct mr_buf *sql)
{
    struct athena_maintenance *job = o->job;
    struct athena_output output;
    athena_output_init(&output, "", false);
    struct athena_execution execution = {.arena = job->arena,
                                         .sql = mr_arena_cstr(job->arena, mr_buf_slice(sql)),
                                         .handle = job->handle,
                                         .output = &output,
                                         .copy = true};
    const enum mr_status status = athena_engine_run(&job->athena->engine, &execution);
    athena_output_fini(&output);
    if (status == MR_INVALID || status == MR_NOT_FOUND)
        return athena_maintain_fail(
            job, "GENERIC_INTERNAL_ERROR", "%.*s",
            MR_ARG(athena_parquet_error(job->source->scans, job->arena, execution.error)));
    return status;
}

/* The bin's files, and the deletes that concern one of them at least. */
static struct athena_iceberg_rows rows_of(struct optimizing *o, const struct bin *bin,
                                          const struct athena_table_use *use)
{
    struct iceberg_file *files =
        MR_NEW_ARRAY(o->job->arena, struct iceberg_file, bin->count + o->count + 1);
    const struct mr_slice key = key_of(o, &o->table.metadata, &bin->files[0]);
    int64_t oldest = INT64_MAX;
    size_t count = 0;
    for (size_t i = 0; i < bin->count; i++) {
        files[count++] = bin->files[i];
        oldest = bin->files[i].sequence < oldest ? bin->files[i].sequence : oldest;
    }
    for (size_t i = 0; i < o->count; i++)
        if (o->files[i].content != ICEBERG_DATA && concerns(o, &o->files[i], key, oldest))
            files[count++] = o->files[i];
    return (struct athena_iceberg_rows){.table = &o->table,
                                        .schema = iceberg_schema_now(&o->table.metadata),
                                        .files = files,
                                        .count = count,
                                        .use = use};
}

static enum mr_status ask_stats(struct optimizing *o, struct mr_slice name,
                                struct iceberg_file *file)
{
    struct athena_maintenance *job = o->job;
    const struct iceberg_schema *schema = iceberg_schema_now(&o->table.metadata);
    struct mr_slice *names = MR_NEW_ARRAY(job->arena, struct mr_slice, schema->count + 1);
    for (size_t i = 0; i < schema->count; i++)
        names[i] = schema->fields[i].name;
    struct athena_lake_stats stats = {
        .arena = job->arena,
        .schema = schema,
        .names = names,
        .path = mr_arena_printf(job->arena, "%s%.*s", job->source->folder.path, MR_ARG(name))};
    struct athena_execution execution = athena_lake_stats_begin(&stats);
    execution.handle = job->handle;
    const enum mr_status status = athena_engine_run(&job->athena->engine, &execution);
    if (status == MR_OK)
        athena_lake_stats_end(&stats, file);
    return status > 0 && status != MR_END
               ? MR_RAISE(MR_FAIL, "a file that was written cannot be read")
               : status;
}

struct finding {
    struct optimizing *o;
    struct bin *bin;
    size_t capacity;
};

/* A file that the copy wrote: its name and what a manifest tells of it. */
static enum mr_status add_made(void *ctx, struct mr_slice folder, struct mr_slice entry)
{
    struct finding *finding = ctx;
    struct mr_arena *arena = finding->o->job->arena;
    struct bin *bin = finding->bin;
    if (bin->made_count == finding->capacity) {
        const size_t room = finding->capacity == 0 ? 4 : finding->capacity * 2;
        bin->made = mr_arena_realloc(arena, bin->made, finding->capacity * sizeof *bin->made,
                                     room * sizeof *bin->made);
        bin->names = mr_arena_realloc(arena, bin->names, finding->capacity * sizeof *bin->names,
                                      room * sizeof *bin->names);
        finding->capacity = room;
    }
    struct iceberg_file *file = &bin->made[bin->made_count];
    *file = (struct iceberg_file){
        .spec_id = bin->files[0].spec_id, .partition = bin->files[0].partition, .sort_order = -1};
    bin->names[bin->made_count] =
        mr_arena_printf(arena, "%.*s/%.*s", MR_ARG(folder), MR_ARG(entry));
    const enum mr_status status = ask_stats(finding->o, bin->names[bin->made_count], file);
    bin->made_count += status == MR_OK && file->records > 0;
    return status;
}

static enum mr_status rewrite(struct optimizing *o, struct bin *bin, size_t number)
{
    struct athena_maintenance *job = o->job;
    char name[24];
    struct mr_buf relation = {0}, sql = {0};
    const struct athena_node node = {.kind = AST_TABLE, .line = 1, .column = 1};
    const struct athena_table_use use = {.table = &node};
    struct athena_translation translation = {.arena = job->arena, .error = job->error};
    const struct athena_iceberg_rows rows = rows_of(o, bin, &use);
    (void)snprintf(name, sizeof name, "o%zu", number);
    enum mr_status status = MR_OK;
    if (!athena_source_iceberg_rows(job->source, &translation, &rows, &relation))
        status = MR_INVALID;
    if (status == MR_OK) {
        const struct athena_iceberg_copy to = {
            .path = mr_arena_printf(job->arena, "%s%s", job->source->folder.path, name),
            .codec = iceberg_codec(&o->table.metadata.properties),
            .level = iceberg_level(&o->table.metadata.properties),
            .file_bytes = target_bytes};
        athena_iceberg_copy_sql(job->arena, rows.schema, mr_buf_slice(&relation), &to, &sql);
        status = run_copy(o, &sql);
    }
    mr_buf_fini(&relation);
    mr_buf_fini(&sql);
    struct finding finding = {.o = o, .bin = bin};
    if (status == MR_OK)
        status = athena_iceberg_walk(job->arena, job->source->folder.fd, mr_slice_cstr(name),
                                     add_made, &finding);
    return status == MR_NOT_FOUND ? MR_OK : status; /* all rows were deleted */
}

/* ---- the commit ---- */

struct survivors { /* what is live after the commit */
    struct optimizing *o;
    const struct iceberg_table *now;
    struct mr_map oldest; /* by partition: an int64_t, the least sequence number of its data */
    int64_t oldest_of_all;
};

static void note_data(struct survivors *s, const struct iceberg_file *file, int64_t sequence)
{
    const struct mr_slice key = key_of(s->o, &s->now->metadata, file);
    int64_t *oldest = mr_map_get(&s->oldest, key);
    if (oldest == NULL) {
        oldest = MR_NEW(s->o->job->arena, int64_t);
        *oldest = INT64_MAX;
        (void)mr_map_put(&s->oldest, key, oldest);
    }
    *oldest = sequence < *oldest ? sequence : *oldest;
    s->oldest_of_all = sequence < s->oldest_of_all ? sequence : s->oldest_of_all;
}

/* Deletes of a kind that concern no data any more go with the data that they were applied to. */
static void remove_deletes(struct survivors *s, struct iceberg_change *change,
                           const struct iceberg_file *files, size_t count,
                           enum iceberg_content kind)
{
    for (size_t i = 0; i < count; i++) {
        const struct iceberg_file *file = &files[i];
        const int64_t *oldest = mr_map_get(&s->oldest, key_of(s->o, &s->now->metadata, file));
        int64_t least = oldest == NULL ? INT64_MAX : *oldest;
        if (file->content != kind)
            continue;
        if (is_global(&s->now->metadata, file))
            least = s->oldest_of_all;
        if (kind == ICEBERG_EQUALITY_DELETES ? file->sequence <= least : file->sequence < least)
            iceberg_change_remove(change, file->path);
    }
}

/* MR_AGAIN: position deletes came that may name rows of what was rewritten. */
static enum mr_status compare(struct optimizing *o, const struct iceberg_file *files, size_t count)
{
    struct mr_map known = {0};
    enum mr_status status = MR_OK;
    for (size_t i = 0; i < o->count; i++)
        (void)mr_map_put(&known, o->files[i].path, o);
    for (size_t i = 0; i < count && status == MR_OK; i++)
        if (files[i].content == ICEBERG_POSITION_DELETES &&
            mr_map_get(&known, files[i].path) == NULL)
            status = MR_AGAIN;
    mr_map_fini(&known);
    return status;
}

/* The change onto the table as it is now. */
static enum mr_status prepare(struct optimizing *o, struct iceberg_change *change,
                              struct iceberg_table *now)
{
    struct iceberg_file *files;
    size_t count;
    char message[512] = "the table's metadata cannot be read";
    struct survivors s = {.o = o, .now = now, .oldest_of_all = INT64_MAX};
    enum mr_status status =
        iceberg_files(o->ice, o->job->arena, now,
                      iceberg_snapshot_of(&now->metadata, now->metadata.current_snapshot), &files,
                      &count, message);
    if (status == MR_OK)
        status = compare(o, files, count);
    if (status == MR_OK) {
        iceberg_change_onto(change, now);
        change->data_sequence = o->snapshot->sequence;
        for (const struct bin *bin = o->first_bin; bin != NULL; bin = bin->next)
            for (size_t i = 0; i < bin->count; i++)
                iceberg_change_remove(change, bin->files[i].path);
        for (size_t i = 0; i < count; i++)
            if (files[i].content == ICEBERG_DATA &&
                mr_map_get(&change->removed, files[i].path) == NULL)
                note_data(&s, &files[i], files[i].sequence);
        /* No position delete can name a new file. */
        remove_deletes(&s, change, files, count, ICEBERG_POSITION_DELETES);
        for (size_t i = 0; i < change->added_count; i++)
            note_data(&s, &change->added[i], o->snapshot->sequence);
        remove_deletes(&s, change, files, count, ICEBERG_EQUALITY_DELETES);
        status = iceberg_change_prepare(change, "replace", message);
    }
    mr_map_fini(&s.oldest);
    return status == MR_INVALID
               ? athena_maintain_fail(o->job, "ICEBERG_INVALID_METADATA", "%s", message)
               : status;
}

static enum mr_status stage_made(struct optimizing *o, struct iceberg_change *change,
                                 const struct bin *bin, size_t index)
{
    const struct iceberg_metadata *metadata = &o->table.metadata;
    const struct iceberg_file *file = &bin->made[index];
    const struct mr_slice folder =
        athena_iceberg_folder(o->job->arena, iceberg_schema_now(metadata),
                              iceberg_spec_of(metadata, file->spec_id), file->partition);
    return athena_iceberg_stage(change, o->job->source->folder.fd, bin->names[index], folder, file);
}

/* MR_FULL: somebody was faster, and nothing of ours was touched by it. */
static enum mr_status commit_once(struct optimizing *o)
{
    struct iceberg_table now;
    struct iceberg_change change = iceberg_change_make(o->ice, o->job->arena, &o->table);
    enum mr_status status = MR_OK;
    for (const struct bin *bin = o->first_bin; bin != NULL; bin = bin->next)
        for (size_t i = 0; i < bin->made_count && status == MR_OK; i++)
            status = stage_made(o, &change, bin, i);
    if (status == MR_OK)
        status = athena_maintain_load(o->job, &now);
    if (status == MR_OK && !mr_slice_equal(now.metadata.uuid, o->table.metadata.uuid))
        status = MR_AGAIN;
    if (status == MR_OK)
        status = prepare(o, &change, &now);
    if (status != MR_OK) {
        iceberg_change_end(&change, false);
        return status;
    }
    status = iceberg_change_commit(&change, &o->job->ticket);
    return status == MR_AGAIN ? MR_FULL : status;
}

static enum mr_status commit(struct optimizing *o)
{
    enum mr_status status = MR_FULL;
    for (int i = 0; i < COMMITS_MAX && status == MR_FULL; i++)
        status = atomic_load(&o->job->handle->cancelled) ? MR_END : commit_once(o);
    return status == MR_FULL ? MR_AGAIN : status;
}

/* ---- the statement ---- */

static void read_settings(struct optimizing *o)
{
    const struct iceberg_table *table = &o->table;
    o->bytes_min = athena_maintain_number(table, "optimize_rewrite_min_data_file_size_bytes",
                                          target_bytes / 4 * 3, 0);
    o->bytes_max = athena_maintain_number(table, "optimize_rewrite_max_data_file_size_bytes",
                                          target_bytes / 5 * 9, 1);
    o->data_threshold = athena_maintain_number(table, "optimize_rewrite_data_file_threshold", 5, 1);
    o->delete_threshold =
        athena_maintain_number(table, "optimize_rewrite_delete_file_threshold", 2, 1);
}

static bool writes_all(const struct iceberg_schema *schema)
{
    for (size_t i = 0; i < schema->count; i++)
        if (!athena_lake_writes(&schema->fields[i].type, /* zoned= */ true))
            return false;
    return true;
}

static enum mr_status read_table(struct optimizing *o)
{
    char message[512] = "the table's metadata cannot be read";
    enum mr_status status = athena_maintain_load(o->job, &o->table);
    if (status != MR_OK)
        return status;
    o->snapshot = iceberg_snapshot_of(&o->table.metadata, o->table.metadata.current_snapshot);
    if (!writes_all(iceberg_schema_now(&o->table.metadata)))
        return athena_maintain_fail(o->job, "NOT_SUPPORTED",
                                    "The table has columns of a type that is not written");
    read_settings(o);
    status = check_where(o, o->job->statement->query);
    if (status != MR_OK)
        return status;
    status =
        iceberg_files(o->ice, o->job->arena, &o->table, o->snapshot, &o->files, &o->count, message);
    return status == MR_INVALID
               ? athena_maintain_fail(o->job, "ICEBERG_INVALID_METADATA", "%s", message)
               : status;
}

/* MR_AGAIN: what was rewritten is not what the table has any more. */
static enum mr_status optimize_once(struct optimizing *o, size_t *number)
{
    enum mr_status status = read_table(o);
    if (status != MR_OK)
        return status;
    const struct athena_prune prune = prune_of(o);
    for (size_t i = 0; i < o->count; i++)
        if (o->files[i].content == ICEBERG_DATA && passes(o, &prune, &o->files[i]))
            choose(o, &o->files[i]);
    for (const struct part *part = o->first_part; part != NULL; part = part->next)
        pack(o, part);
    for (struct bin *bin = o->first_bin; bin != NULL && status == MR_OK; bin = bin->next)
        status = rewrite(o, bin, (*number)++);
    return status == MR_OK && o->bin_count > 0 ? commit(o) : status;
}

enum mr_status athena_optimize(struct athena_maintenance *job)
{
    enum mr_status status = MR_AGAIN;
    size_t number = 0;
    for (int i = 0; i < STARTS_MAX && status == MR_AGAIN; i++) {
        struct optimizing o = {.job = job, .ice = &job->ice};
        o.last_part = &o.first_part;
        o.last_bin = &o.first_bin;
        status = optimize_once(&o, &number);
        mr_map_fini(&o.parts);
    }
    if (status == MR_AGAIN)
        return athena_maintain_fail(job, "ICEBERG_COMMIT_ERROR",
                                    "Failed to commit Iceberg update to table: %.*s.%.*s",
                                    MR_ARG(job->database), MR_ARG(job->statement->name));
    return status;
}
