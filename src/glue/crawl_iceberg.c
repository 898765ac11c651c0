/* Iceberg targets: tables whose metadata lies below a path. AWS: the catalog's table names the
 * newest metadata file; its data is not looked at.
 *
 * Files of metadata are "<folder>/metadata/00012-<uuid>.metadata.json", or "v12.metadata.json". A
 * table of the catalog that names one as new is left alone, so that a commit made meanwhile is not
 * undone. */
#include "glue/glob.h"
#include "glue/internal.h"

enum { DEPTH_DEFAULT = 10 };

struct metadata_file {      /* the newest one of a table */
    struct mr_slice folder; /* with '/' at its end */
    struct mr_slice key;
    uint64_t version;
    int64_t modified_ms;
    struct metadata_file *next;
};
struct walk {
    struct glue_crawl *crawl;
    struct mr_slice bucket, prefix;
    struct mr_slice *exclusions;
    size_t exclusion_count;
    int64_t depth_max;
    struct metadata_file *first, *last;
    size_t count;
};

static size_t behind_slash(struct mr_slice text)
{
    size_t at = text.len;
    while (at > 0 && text.ptr[at - 1] != '/')
        at--;
    return at;
}

/* Of a file's name; 0: it has none. */
static uint64_t version_of(struct mr_slice key)
{
    struct mr_slice name = mr_slice_sub(key, behind_slash(key), SIZE_MAX);
    uint64_t version = 0;
    size_t end = 0;
    if (name.len > 0 && name.ptr[0] == 'v')
        name = mr_slice_sub(name, 1, SIZE_MAX);
    while (end < name.len && name.ptr[end] >= '0' && name.ptr[end] <= '9')
        end++;
    return mr_slice_to_u64(mr_slice_sub(name, 0, end), &version) == MR_OK ? version : 0;
}

/* False: the key is of no metadata, or is not looked at. */
static bool folder_of(const struct walk *walk, struct mr_slice key, struct mr_slice *ret_folder)
{
    struct mr_slice path = mr_slice_sub(key, walk->prefix.len, SIZE_MAX);
    struct mr_slice folder = mr_slice_sub(key, 0, behind_slash(key));
    int64_t depth = 0;
    if (!mr_slice_ends_with(key, MR_S(".metadata.json")) ||
        !mr_slice_ends_with(folder, MR_S("/metadata/")))
        return false;
    folder.len -= sizeof "metadata/" - 1;
    if (folder.len < walk->prefix.len)
        return false;
    for (size_t i = walk->prefix.len; i < folder.len; i++)
        depth += folder.ptr[i] == '/';
    for (size_t i = 0; i < walk->exclusion_count; i++) {
        if (glue_glob_match(walk->exclusions[i], path))
            return false;
    }
    *ret_folder = folder;
    return depth <= walk->depth_max;
}

static enum mr_status on_object(void *ctx, const struct s3_object *object)
{
    struct walk *walk = ctx;
    struct mr_arena *arena = walk->crawl->arena;
    struct mr_slice folder;
    if (atomic_load(walk->crawl->stop))
        return MR_END;
    if (object->body.sealed || !folder_of(walk, object->key, &folder))
        return MR_OK;
    const uint64_t version = version_of(object->key);
    struct metadata_file *file = walk->last;
    if (file == NULL || !mr_slice_equal(file->folder, folder)) {
        file = MR_NEW(arena, struct metadata_file);
        file->folder = mr_arena_copy(arena, folder);
        if (walk->last == NULL)
            walk->first = file;
        else
            walk->last->next = file;
        walk->last = file;
        walk->count++;
    } else if (version < file->version ||
               (version == file->version && object->modified_ms < file->modified_ms)) {
        return MR_OK;
    }
    file->key = mr_arena_copy(arena, object->key);
    file->version = version;
    file->modified_ms = object->modified_ms;
    return MR_OK;
}

/* What stays of the catalog's table, if there is one: its owner and its parameters. */
static yyjson_val *kept_json(struct glue_crawl *crawl, const struct glue_table *old)
{
    static const char *const by[] = {"UPDATED_BY_CRAWLER", "DEPRECATED_BY_CRAWLER", NULL};
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_value(&json, "Owner", mr_json_get(old->json, "Owner"));
    mr_json_key(&json, "Parameters");
    mr_json_object(&json);
    glue_copy_members(&json, old->parameters, by);
    mr_json_key_string(&json, "UPDATED_BY_CRAWLER", crawl->crawler);
    mr_json_object_end(&json);
    mr_json_object_end(&json);
    yyjson_val *kept = glue_parse(crawl->arena, mr_arena_copy(crawl->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
    return kept;
}

static bool is_newer(const struct metadata_file *file, const struct glue_table *old)
{
    struct mr_slice named = mr_json_get_text(old->parameters, "metadata_location");
    return named.len == 0 || mr_json_get(old->parameters, "DEPRECATED_BY_CRAWLER") != NULL ||
           file->version > version_of(named);
}

static enum mr_status write_table(struct glue_crawl *crawl, const struct metadata_file *file,
                                  struct glue_iceberg_facts *facts, struct lake_table *found)
{
    struct mr_slice database = mr_json_get_text(crawl->config, "DatabaseName");
    struct glue_table old = {0};
    char message[512];
    int64_t ticket;
    enum mr_status status = glue_crawl_find_table(crawl, found, &facts->name, &old);
    const bool exists = status == MR_OK;
    if (status < 0 || (exists && (crawl->settings.update_log || !is_newer(file, &old))))
        return status < 0 ? status : MR_OK;
    facts->previous = mr_json_get_text(old.parameters, "metadata_location");
    facts->kept = kept_json(crawl, &old);
    struct glue_table_put put = {.database = database,
                                 .account = crawl->account,
                                 .created_by = glue_crawl_created_by(crawl),
                                 .replace = exists,
                                 .if_version = mr_json_get_text(old.json, "VersionId")};
    status =
        crawl->glue->iceberg->describe(crawl->glue->s3, crawl->arena, facts, &put.input, message);
    if (status == MR_OK)
        status = glue_table_put(crawl->glue, crawl->arena, &put, &ticket);
    if (status == MR_OK) {
        crawl->totals.tables_created += !exists;
        crawl->totals.tables_updated += exists;
        glue_crawl_log(crawl, "INFO", "%s table %.*s in database %.*s",
                       exists ? "Updated" : "Created", MR_ARG(facts->name), MR_ARG(database));
    }
    return status < 0 ? status : MR_OK; /* whoever was faster knows better */
}

static enum mr_status on_table(struct walk *walk, const struct metadata_file *file,
                               struct mr_map *found)
{
    struct glue_crawl *crawl = walk->crawl;
    struct mr_slice bare = mr_slice_sub(file->folder, 0, file->folder.len - 1);
    char message[512];
    yyjson_val *input;
    struct glue_iceberg_facts facts = {
        .metadata_location = mr_arena_printf(crawl->arena, "s3://%.*s/%.*s", MR_ARG(walk->bucket),
                                             MR_ARG(file->key)),
        .name = glue_crawl_table_name(crawl, mr_slice_sub(bare, behind_slash(bare), SIZE_MAX)),
    };
    enum mr_status status =
        crawl->glue->iceberg->describe(crawl->glue->s3, crawl->arena, &facts, &input, message);
    if (status == MR_NOT_FOUND || status == MR_INVALID) {
        glue_crawl_log(crawl, "ERROR", "No table of Iceberg: %.*s: %s",
                       MR_ARG(facts.metadata_location), message);
        return MR_OK;
    }
    if (status != MR_OK)
        return status;
    struct lake_table table = {
        .location = mr_json_get_text(mr_json_get(input, "StorageDescriptor"), "Location")};
    mr_map_put(found, table.location, found);
    crawl->totals.objects++;
    return write_table(crawl, file, &facts, &table);
}

static enum mr_status crawl_path(struct glue_crawl *crawl, struct mr_slice path, yyjson_val *config,
                                 struct mr_map *found)
{
    struct walk walk = {.crawl = crawl,
                        .depth_max =
                            mr_json_get_i64(config, "MaximumTraversalDepth", DEPTH_DEFAULT)};
    if (glue_location_parse(path, &walk.bucket, &walk.prefix) != MR_OK) {
        crawl->error = mr_arena_printf(crawl->arena, "no S3 path: %.*s", MR_ARG(path));
        return MR_INVALID;
    }
    if (walk.prefix.len > 0 && walk.prefix.ptr[walk.prefix.len - 1] != '/')
        walk.prefix = mr_arena_printf(crawl->arena, "%.*s/", MR_ARG(walk.prefix));
    walk.exclusions =
        glue_values(crawl->arena, mr_json_get(config, "Exclusions"), &walk.exclusion_count);
    enum mr_status status = s3_list(crawl->glue->s3, walk.bucket, walk.prefix, on_object, &walk);
    if (status == MR_NOT_FOUND) {
        crawl->error =
            mr_arena_printf(crawl->arena, "The bucket %.*s does not exist", MR_ARG(walk.bucket));
        return MR_INVALID;
    }
    crawl->tables += walk.count;
    if (status == MR_OK)
        status = atomic_load(crawl->stop) ? MR_END : glue_crawl_check_threshold(crawl);
    for (struct metadata_file *file = walk.first; status == MR_OK && file != NULL;
         file = file->next)
        status = on_table(&walk, file, found);
    return status;
}

enum mr_status glue_crawl_iceberg(struct glue_crawl *crawl, yyjson_val *target,
                                  struct mr_map *found)
{
    size_t index, max;
    yyjson_val *path;
    enum mr_status status = MR_OK;
    yyjson_arr_foreach(mr_json_get(target, "Paths"), index, max, path)
    {
        if (status == MR_OK)
            status = crawl_path(crawl, mr_json_text(path), target, found);
    }
    return status;
}
