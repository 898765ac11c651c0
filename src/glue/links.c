/* Resource links: databases and tables of the catalog that stand for others of it.
 *
 * AWS: whoever names a link is led to its target, one step; a link to a link stays what it is. A
 * link's database has no tables of its own, so it is looked for only where a table is not found. A
 * target that is not there leaves the link as it is. Deleting a link leaves its target. */
#include "glue/internal.h"

static enum mr_status read_doc(const struct glue_reader *reader, struct mr_arena *arena,
                               const char *kind, struct mr_slice name, yyjson_val **ret_value)
{
    struct mr_slice json;
    enum mr_status status =
        reader->snapshot != NULL
            ? store_doc_get_at(reader->snapshot, arena, "glue", kind, name, &json)
            : store_doc_get(reader->glue->store, arena, "glue", kind, name, &json);
    if (status != MR_OK)
        return status;
    *ret_value = mr_json_parse(arena, json, MR_JSON_DEPTH_MAX);
    if (!yyjson_is_obj(*ret_value))
        return MR_RAISE(MR_FAIL_DATA, "%s '%.*s' is no JSON", kind, MR_ARG(name));
    return MR_OK;
}

enum mr_status glue_link_database(const struct glue_reader *reader, struct mr_arena *arena,
                                  struct mr_slice name, struct mr_slice *ret_name)
{
    yyjson_val *database;
    struct mr_slice lower = glue_lower(arena, name);
    enum mr_status status = read_doc(reader, arena, "database", lower, &database);
    if (status != MR_OK)
        return status;
    yyjson_val *target = mr_json_get(database, "TargetDatabase");
    struct mr_slice named = mr_json_get_text(target, "DatabaseName");
    *ret_name = named.len > 0 ? glue_lower(arena, named) : lower;
    return MR_OK;
}

/* The target under the link's name. */
static yyjson_val *join(struct mr_arena *arena, yyjson_val *link, yyjson_val *target,
                        const char *const *kept)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    for (size_t i = 0; kept[i] != NULL; i++)
        mr_json_key_value(&json, kept[i], mr_json_get(link, kept[i]));
    glue_copy_members(&json, target, kept);
    mr_json_object_end(&json);
    yyjson_val *both = glue_parse(arena, mr_arena_copy(arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
    return both;
}

enum mr_status glue_link_show_database(const struct glue_reader *reader, struct mr_arena *arena,
                                       yyjson_val *link, yyjson_val **ret_shown)
{
    static const char *const kept[] = {"Name", "CreateTime", "TargetDatabase", "CatalogId", NULL};
    yyjson_val *target = mr_json_get(link, "TargetDatabase");
    *ret_shown = link;
    if (target == NULL)
        return MR_OK;
    enum mr_status status =
        read_doc(reader, arena, "database",
                 glue_lower(arena, mr_json_get_text(target, "DatabaseName")), &target);
    if (status == MR_OK)
        *ret_shown = join(arena, link, target, kept);
    return status < 0 ? status : MR_OK;
}

static enum mr_status read_table(const struct glue_reader *reader, struct mr_arena *arena,
                                 struct mr_slice database, struct mr_slice name,
                                 yyjson_val **ret_table)
{
    return read_doc(reader, arena, "table", glue_name2(arena, database, glue_lower(arena, name)),
                    ret_table);
}

enum mr_status glue_link_table(const struct glue_reader *reader, struct mr_arena *arena,
                               struct glue_table *table)
{
    static const char *const kept[] = {"Name", "DatabaseName", "TargetTable", "CatalogId", NULL};
    yyjson_val *to = mr_json_get(table->json, "TargetTable"), *target;
    if (to == NULL)
        return MR_OK;
    struct mr_slice database = glue_lower(arena, mr_json_get_text(to, "DatabaseName"));
    enum mr_status status =
        read_table(reader, arena, database, mr_json_get_text(to, "Name"), &target);
    if (status != MR_OK)
        return status < 0 ? status : MR_OK;
    yyjson_val *shown = join(arena, table->json, target, kept);
    glue_table_view(arena, shown, table);
    /* Partitions, versions and what else belongs to it are the target's. */
    table->database = mr_json_get_text(target, "DatabaseName");
    table->name = mr_json_get_text(target, "Name");
    return MR_OK;
}

enum mr_status glue_link_find_table(const struct glue_reader *reader, struct mr_arena *arena,
                                    struct mr_slice database, struct mr_slice name,
                                    struct glue_table *ret_table)
{
    yyjson_val *json;
    struct mr_slice target, lower = glue_lower(arena, database);
    enum mr_status status = read_table(reader, arena, lower, name, &json);
    if (status == MR_NOT_FOUND) {
        status = glue_link_database(reader, arena, database, &target);
        if (status == MR_OK)
            status = mr_slice_equal(target, lower) ? MR_NOT_FOUND
                                                   : read_table(reader, arena, target, name, &json);
    }
    if (status != MR_OK)
        return status;
    glue_table_view(arena, json, ret_table);
    return glue_link_table(reader, arena, ret_table);
}
