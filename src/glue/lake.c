#include "glue/classifier.h"
#include "glue/lake.h"
#include <assert.h>
#include <stdlib.h>

struct lake_use { /* objects of one schema that lie directly in a folder */
    size_t schema;
    struct lake_counts counts;
};
struct lake_loose { /* one such object */
    struct mr_slice name;
    size_t schema;
    struct lake_counts counts;
};
struct lake_folder {
    struct lake_folder *parent, *next, *children, *last;
    struct mr_slice name; /* without '/' */
    struct lake_use *uses;
    size_t use_count, use_capacity;
    struct lake_loose *loose;
    size_t loose_count;
    size_t depth; /* of the root: 0 */
};

void glue_lake_init(struct lake *lake, struct mr_arena *arena, struct mr_slice bucket,
                    struct mr_slice prefix, int table_level)
{
    assert(prefix.len == 0 || prefix.ptr[prefix.len - 1] == '/');
    *lake = (struct lake){
        .arena = arena, .bucket = bucket, .prefix = prefix, .table_level = table_level};
    lake->root = MR_NEW(arena, struct lake_folder);
    lake->schemas = mr_calloc(LAKE_SCHEMAS_MAX, sizeof *lake->schemas);
}

void glue_lake_fini(struct lake *lake)
{
    mr_map_fini(&lake->schema_ids);
    free(lake->schemas);
    *lake = (struct lake){0};
}

static void counts_add(struct lake_counts *counts, const struct lake_counts *more)
{
    counts->objects += more->objects;
    counts->bytes += more->bytes;
    counts->records += more->records;
}

static size_t schema_id(struct lake *lake, const struct lake_shape *shape)
{
    struct mr_buf text = {0};
    mr_buf_printf(&text, "%d%d%c%c%d%d", (int)shape->format, (int)shape->packing, shape->delimiter,
                  shape->quote, shape->header, shape->quoted);
    mr_buf_append(&text, shape->json_path);
    if (shape->grok != NULL)
        mr_buf_printf(&text, "%.*s %.*s %.*s", MR_ARG(shape->grok->classification),
                      MR_ARG(shape->grok->pattern), MR_ARG(shape->grok->custom));
    mr_buf_byte(&text, ' ');
    glue_type_print(&text, &shape->type);
    const uintptr_t known = (uintptr_t)mr_map_get(&lake->schema_ids, mr_buf_slice(&text));
    size_t id = known > 0 ? known - 1 : lake->schema_count;
    if (known == 0 && lake->schema_count == LAKE_SCHEMAS_MAX) {
        id = LAKE_SCHEMAS_MAX - 1; /* the last one gathers the rest */
        glue_type_merge(lake->arena, &lake->schemas[id].type, &shape->type);
    } else if (known == 0) {
        lake->schemas[id] = *shape;
        lake->schemas[id].json_path = mr_arena_copy(lake->arena, shape->json_path);
        lake->schemas[id].avro_schema = mr_arena_copy(lake->arena, shape->avro_schema);
        lake->schemas[id].type = (struct glue_type){0};
        glue_type_merge(lake->arena, &lake->schemas[id].type, &shape->type);
        lake->schema_count++;
        mr_map_put(&lake->schema_ids, mr_buf_slice(&text), (void *)(uintptr_t)(id + 1)); // NOLINT
    }
    mr_buf_fini(&text);
    return id;
}

static struct lake_folder *child_of(struct lake *lake, struct lake_folder *folder,
                                    struct mr_slice name)
{
    if (folder->last != NULL && mr_slice_equal(folder->last->name, name))
        return folder->last;
    struct lake_folder *child = MR_NEW(lake->arena, struct lake_folder);
    child->parent = folder;
    child->depth = folder->depth + 1;
    child->name = mr_arena_copy(lake->arena, name);
    if (folder->last == NULL)
        folder->children = child;
    else
        folder->last->next = child;
    folder->last = child;
    return child;
}

static void folder_use(struct lake *lake, struct lake_folder *folder, size_t schema,
                       const struct lake_counts *counts)
{
    for (size_t i = 0; i < folder->use_count; i++) {
        if (folder->uses[i].schema == schema) {
            counts_add(&folder->uses[i].counts, counts);
            return;
        }
    }
    if (folder->use_count == folder->use_capacity) {
        const size_t capacity = folder->use_capacity == 0 ? 1 : folder->use_capacity * 4;
        struct lake_use *uses = MR_NEW_ARRAY(lake->arena, struct lake_use, capacity);
        if (folder->use_count > 0)
            memcpy(uses, folder->uses, sizeof *uses * folder->use_count);
        folder->uses = uses;
        folder->use_capacity = capacity;
    }
    folder->uses[folder->use_count++] = (struct lake_use){.schema = schema, .counts = *counts};
}

void glue_lake_add(struct lake *lake, struct mr_slice key, uint64_t bytes,
                   const struct lake_shape *shape)
{
    struct lake_folder *folder = lake->root;
    struct mr_slice rest = mr_slice_sub(key, lake->prefix.len, SIZE_MAX);
    for (size_t slash; (slash = mr_slice_find(rest, '/')) != SIZE_MAX;) {
        if (folder->depth == LAKE_DEPTH_MAX)
            return;
        folder = child_of(lake, folder, mr_slice_sub(rest, 0, slash));
        rest = mr_slice_sub(rest, slash + 1, SIZE_MAX);
    }
    const struct lake_counts counts = {.objects = 1, .bytes = bytes, .records = shape->records};
    const size_t schema = schema_id(lake, shape);
    folder_use(lake, folder, schema, &counts);
    if (folder->loose_count < LAKE_LOOSE_MAX) {
        if (folder->loose == NULL)
            folder->loose = MR_NEW_ARRAY(lake->arena, struct lake_loose, LAKE_LOOSE_MAX);
        folder->loose[folder->loose_count++] = (struct lake_loose){
            .name = mr_arena_copy(lake->arena, rest), .schema = schema, .counts = counts};
    }
}

/* ---- grouping ---- */

struct survey { /* of everything below one folder */
    struct lake_counts *of_schema;
    size_t depth_min, depth_max; /* of folders that hold objects */
    struct lake_counts total;
};

static void survey_folder(const struct lake_folder *folder, struct survey *survey)
{
    for (size_t i = 0; i < folder->use_count; i++) {
        counts_add(&survey->of_schema[folder->uses[i].schema], &folder->uses[i].counts);
        counts_add(&survey->total, &folder->uses[i].counts);
    }
    if (folder->use_count > 0 && folder->depth < survey->depth_min)
        survey->depth_min = folder->depth;
    if (folder->use_count > 0 && folder->depth > survey->depth_max)
        survey->depth_max = folder->depth;
    for (const struct lake_folder *child = folder->children; child != NULL; child = child->next)
        survey_folder(child, survey);
}

/* Are 70 % of the smaller one's columns in the other, too? A record of few members (a deletion) so
 * joins the table of the full ones, records about other things do not. */
static bool is_alike(const struct glue_type *a, const struct glue_type *b)
{
    const struct glue_type *small = a->field_count < b->field_count ? a : b;
    const struct glue_type *big = small == a ? b : a;
    size_t common = 0;
    for (size_t i = 0; i < small->field_count; i++)
        common += glue_type_field(big, small->fields[i].name) != NULL;
    return common * 10 >= small->field_count * 7;
}

static bool same_grok(const struct glue_grok_rules *a, const struct glue_grok_rules *b)
{
    return mr_slice_equal(a->classification, b->classification) &&
           mr_slice_equal(a->pattern, b->pattern) && mr_slice_equal(a->custom, b->custom);
}

static bool same_format(const struct lake_shape *a, const struct lake_shape *b)
{
    if (a->format != b->format || a->packing != b->packing)
        return false;
    if (a->format == LAKE_GROK)
        return same_grok(a->grok, b->grok);
    if (a->format == LAKE_JSON)
        return mr_slice_equal(a->json_path, b->json_path);
    return a->format == LAKE_PARQUET || a->format == LAKE_AVRO ||
           (a->delimiter == b->delimiter && a->header == b->header);
}

/* Merges the schemas in the order they were found; false: they are not alike. */
static bool merge_schemas(struct lake *lake, const struct survey *survey, bool force,
                          struct lake_shape *ret_shape)
{
    bool first = true;
    struct lake_shape shape = {0};
    for (size_t i = 0; i < lake->schema_count; i++) {
        const struct lake_shape *next = &lake->schemas[i];
        if (survey->of_schema[i].objects == 0)
            continue;
        if (first) {
            shape = *next;
            shape.type = (struct glue_type){0};
            first = false;
        } else if (!same_format(&shape, next)) {
            return false;
        } else if (!force && !is_alike(&shape.type, &next->type)) {
            return false;
        }
        shape.quoted = shape.quoted || next->quoted;
        glue_type_merge(lake->arena, &shape.type, &next->type);
    }
    *ret_shape = shape;
    return !first;
}

static struct mr_slice folder_location(struct lake *lake, const struct lake_folder *folder,
                                       struct mr_slice name)
{
    const struct lake_folder *path[LAKE_DEPTH_MAX + 1];
    size_t depth = 0;
    for (; folder->parent != NULL; folder = folder->parent)
        path[depth++] = folder;
    struct mr_buf buf = {0};
    mr_buf_printf(&buf, "s3://%.*s/%.*s", MR_ARG(lake->bucket), MR_ARG(lake->prefix));
    while (depth > 0) {
        mr_buf_append(&buf, path[--depth]->name);
        mr_buf_byte(&buf, '/');
    }
    mr_buf_append(&buf, name);
    struct mr_slice location = mr_arena_copy(lake->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return location;
}

static struct mr_slice last_part(struct lake *lake, struct mr_slice location)
{
    (void)lake;
    struct mr_slice path = location;
    if (path.len > 0 && path.ptr[path.len - 1] == '/')
        path.len--;
    size_t start = path.len;
    while (start > 0 && path.ptr[start - 1] != '/')
        start--;
    return mr_slice_sub(path, start, SIZE_MAX);
}

/* The key of "key=value", when every folder of the level has it. */
static void level_keys(const struct lake_folder *folder, size_t level, struct mr_slice *keys,
                       bool *named)
{
    for (const struct lake_folder *child = folder->children; child != NULL; child = child->next) {
        const size_t equal = mr_slice_find(child->name, '=');
        struct mr_slice key = mr_slice_sub(child->name, 0, equal == SIZE_MAX ? 0 : equal);
        if (key.len == 0)
            named[level] = false;
        if (keys[level].len == 0)
            keys[level] = key;
        else if (!mr_slice_equal_nocase(keys[level], key))
            named[level] = false;
        level_keys(child, level + 1, keys, named);
    }
}

static struct mr_slice key_name(struct lake *lake, struct mr_slice text)
{
    char *name = mr_arena_alloc(lake->arena, text.len + 1);
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        if (byte >= 'A' && byte <= 'Z')
            byte = (char)(byte + 32);
        const bool fine = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
        name[i] = fine ? byte : '_';
    }
    return mr_slice_make(name, text.len);
}

static void table_keys(struct lake *lake, struct lake_table *table, size_t count)
{
    struct mr_slice keys[LAKE_DEPTH_MAX + 1] = {{0}};
    bool named[LAKE_DEPTH_MAX + 1];
    memset(named, true, sizeof named);
    level_keys(table->folder, 0, keys, named);
    table->key_count = count;
    table->keys = MR_NEW_ARRAY(lake->arena, struct mr_slice, count + 1);
    for (size_t i = 0; i < count; i++) {
        table->keys[i] = named[i] && keys[i].len > 0
                             ? key_name(lake, keys[i])
                             : mr_arena_printf(lake->arena, "partition_%zu", i);
    }
}

struct grouping {
    enum mr_status (*fn)(void *ctx, struct lake_table *table);
    void *ctx;
};

/* Objects that lie beside each other and are not alike: a table each. */
static enum mr_status loose_tables(struct lake *lake, const struct lake_folder *folder,
                                   const struct grouping *grouping)
{
    for (size_t i = 0; i < folder->loose_count; i++) {
        const struct lake_loose *loose = &folder->loose[i];
        struct lake_table table = {.lake = lake, .folder = folder, .counts = loose->counts};
        table.location = folder_location(lake, folder, loose->name);
        table.name = last_part(lake, table.location);
        table.shape = lake->schemas[loose->schema];
        enum mr_status status = grouping->fn(grouping->ctx, &table);
        if (status != MR_OK)
            return status;
    }
    return MR_OK;
}

static int folder_level(const struct lake *lake, const struct lake_folder *folder)
{
    int level = 1 + (int)folder->depth;
    for (size_t i = 0; i < lake->prefix.len; i++)
        level += lake->prefix.ptr[i] == '/';
    return level;
}

static enum mr_status group(struct lake *lake, const struct lake_folder *folder,
                            const struct grouping *grouping)
{
    struct survey survey = {.depth_min = SIZE_MAX};
    survey.of_schema = mr_calloc(lake->schema_count + 1, sizeof *survey.of_schema);
    survey_folder(folder, &survey);
    const int level = folder_level(lake, folder);
    const bool force = lake->table_level > 0 && level >= lake->table_level;
    struct lake_table table = {.lake = lake, .folder = folder, .counts = survey.total};
    bool whole = survey.total.objects > 0 && !lake->single &&
                 survey.depth_min == survey.depth_max && (lake->table_level == 0 || force) &&
                 merge_schemas(lake, &survey, force || lake->combine, &table.shape);
    free(survey.of_schema);
    if (whole) {
        table.location = folder_location(lake, folder, MR_S(""));
        table.name = last_part(lake, table.location);
        table_keys(lake, &table, survey.depth_max - folder->depth);
        return grouping->fn(grouping->ctx, &table);
    }
    enum mr_status status = loose_tables(lake, folder, grouping);
    for (const struct lake_folder *child = folder->children; child != NULL && status == MR_OK;
         child = child->next)
        status = group(lake, child, grouping);
    return status;
}

enum mr_status glue_lake_tables(struct lake *lake,
                                enum mr_status (*fn)(void *ctx, struct lake_table *table),
                                void *ctx)
{
    const struct grouping grouping = {.fn = fn, .ctx = ctx};
    return group(lake, lake->root, &grouping);
}

struct partition_walk {
    const struct lake_table *table;
    enum mr_status (*fn)(void *ctx, const struct lake_partition *partition);
    void *ctx;
    struct mr_slice values[LAKE_DEPTH_MAX];
    struct mr_buf location;
    struct mr_arena scratch; /* of one partition */
};

/* What the objects of one folder have in common. */
static enum mr_status walk_partition(struct partition_walk *all, const struct lake_folder *folder)
{
    const struct lake *lake = all->table->lake;
    struct lake_counts counts = {0};
    struct lake_shape shape = lake->schemas[folder->uses[0].schema];
    if (folder->use_count > 1)
        shape.type = (struct glue_type){0};
    for (size_t i = 0; i < folder->use_count; i++) {
        const struct lake_shape *one = &lake->schemas[folder->uses[i].schema];
        counts_add(&counts, &folder->uses[i].counts);
        shape.quoted = shape.quoted || one->quoted;
        if (folder->use_count > 1)
            glue_type_merge(&all->scratch, &shape.type, &one->type);
    }
    const struct lake_partition partition = {.values = all->values,
                                             .location = mr_buf_slice(&all->location),
                                             .counts = &counts,
                                             .shape = &shape};
    enum mr_status status = all->fn(all->ctx, &partition);
    mr_arena_reset(&all->scratch);
    return status;
}

static bool is_named_key(const struct lake_table *table, size_t level, struct mr_slice folder_name)
{
    const size_t equal = mr_slice_find(folder_name, '=');
    if (equal == SIZE_MAX || equal == 0)
        return false;
    return mr_slice_equal(key_name(table->lake, mr_slice_sub(folder_name, 0, equal)),
                          table->keys[level]);
}

static enum mr_status walk(struct partition_walk *all, const struct lake_folder *folder,
                           size_t level)
{
    enum mr_status status = MR_OK;
    if (folder->use_count > 0)
        status = walk_partition(all, folder);
    for (const struct lake_folder *child = folder->children; child != NULL && status == MR_OK;
         child = child->next) {
        const size_t len = all->location.len;
        mr_buf_append(&all->location, child->name);
        mr_buf_byte(&all->location, '/');
        all->values[level] = child->name;
        if (is_named_key(all->table, level, child->name))
            all->values[level] =
                mr_slice_sub(child->name, mr_slice_find(child->name, '=') + 1, SIZE_MAX);
        status = walk(all, child, level + 1);
        all->location.len = len;
    }
    return status;
}

enum mr_status glue_lake_partitions(const struct lake_table *table,
                                    enum mr_status (*fn)(void *ctx,
                                                         const struct lake_partition *partition),
                                    void *ctx)
{
    struct partition_walk all = {.table = table, .fn = fn, .ctx = ctx};
    mr_arena_init(&all.scratch);
    mr_buf_append(&all.location, table->location);
    enum mr_status status = walk(&all, table->folder, 0);
    mr_buf_fini(&all.location);
    mr_arena_fini(&all.scratch);
    return status;
}
