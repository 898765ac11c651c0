/* Targets that are tables of the catalog. AWS: a crawl of them writes no other tables, and leaves
 * formats as they are: only columns, counts and partitions follow the objects. */
#include "glue/internal.h"

/* Locations are the same with and without '/' at their end. */
static struct mr_slice bare(struct mr_slice location)
{
    while (location.len > 0 && location.ptr[location.len - 1] == '/')
        location.len--;
    return location;
}

/* A folder "year=2026" has to be of the key "year"; a plain one may be of any. */
static bool keys_fit(const struct glue_table *catalog, const struct lake_table *table)
{
    if (table->key_count != catalog->key_count)
        return false;
    for (size_t i = 0; i < table->key_count; i++) {
        char plain[32];
        snprintf(plain, sizeof plain, "partition_%zu", i);
        if (!mr_slice_equal(table->keys[i], catalog->keys[i].name) &&
            !mr_slice_equal(table->keys[i], mr_slice_cstr(plain)))
            return false;
    }
    return true;
}

bool glue_crawl_is_catalog(struct glue_crawl *crawl, struct lake_table *table)
{
    const struct glue_table *catalog = crawl->catalog;
    if (!mr_slice_equal(bare(table->location), bare(catalog->location))) {
        glue_crawl_log(crawl, "INFO", "Not of one table with %.*s: %.*s", MR_ARG(catalog->location),
                       MR_ARG(table->location));
        return false;
    }
    if (!keys_fit(catalog, table)) {
        glue_crawl_log(crawl, "INFO",
                       "The folders of table %.*s in database %.*s are not its partition keys",
                       MR_ARG(catalog->name), MR_ARG(catalog->database));
        return false;
    }
    for (size_t i = 0; i < table->key_count; i++)
        table->keys[i] = catalog->keys[i].name;
    return true;
}

/* A column that is as it was keeps what else is said of it. */
static void write_columns(struct mr_json *json, const struct glue_table *catalog,
                          const struct glue_type *columns)
{
    yyjson_val *old = mr_json_get(mr_json_get(catalog->json, "StorageDescriptor"), "Columns");
    struct mr_buf type = {0};
    mr_json_array(json);
    for (size_t i = 0; i < columns->field_count; i++) {
        const struct glue_field *field = &columns->fields[i];
        yyjson_val *column, *same = NULL;
        size_t index, max;
        mr_buf_reset(&type);
        glue_type_print(&type, &field->type);
        yyjson_arr_foreach(old, index, max, column)
        {
            if (mr_slice_equal(mr_json_get_text(column, "Name"), field->name) &&
                mr_slice_equal_nocase(mr_json_get_text(column, "Type"), mr_buf_slice(&type)))
                same = column;
        }
        if (same != NULL) {
            mr_json_value(json, same);
            continue;
        }
        mr_json_object(json);
        mr_json_key_string(json, "Name", field->name);
        mr_json_key_string(json, "Type", mr_buf_slice(&type));
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
    mr_buf_fini(&type);
}

void glue_crawl_catalog_storage(struct mr_json *json, const struct glue_crawl *crawl,
                                const struct glue_type *columns, struct mr_slice location)
{
    static const char *const skip[] = {"Columns", "Location", NULL};
    mr_json_object(json);
    mr_json_key(json, "Columns");
    write_columns(json, crawl->catalog, columns);
    mr_json_key_string(json, "Location", location);
    glue_copy_members(json, mr_json_get(crawl->catalog->json, "StorageDescriptor"), skip);
    mr_json_object_end(json);
}

/* What the objects say of themselves, among what a user said of the table. */
static void write_parameters(struct mr_json *json, const struct glue_crawl *crawl,
                             const struct lake_table *table)
{
    static const char *const counted[] = {"UPDATED_BY_CRAWLER", "averageRecordSize", "objectCount",
                                          "recordCount",        "sizeKey",           NULL};
    struct mr_buf buf = {0};
    struct mr_json own = mr_json_make(&buf);
    glue_crawl_parameters(&own, crawl, &table->shape, &table->counts);
    yyjson_val *seen = glue_parse(crawl->arena, mr_arena_copy(crawl->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
    mr_json_object(json);
    glue_copy_members(json, crawl->catalog->parameters, counted);
    for (size_t i = 0; counted[i] != NULL; i++)
        mr_json_key_value(json, counted[i], mr_json_get(seen, counted[i]));
    if (mr_json_get(crawl->catalog->parameters, "classification") == NULL)
        mr_json_key_value(json, "classification", mr_json_get(seen, "classification"));
    mr_json_object_end(json);
}

yyjson_val *glue_crawl_catalog_input(struct glue_crawl *crawl, const struct lake_table *table,
                                     const struct glue_type *columns)
{
    static const char *const skip[] = {"DatabaseName",
                                       "CreateTime",
                                       "UpdateTime",
                                       "CreatedBy",
                                       "IsRegisteredWithLakeFormation",
                                       "CatalogId",
                                       "VersionId",
                                       "StorageDescriptor",
                                       "Parameters",
                                       NULL};
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    glue_copy_members(&json, crawl->catalog->json, skip);
    mr_json_key(&json, "StorageDescriptor");
    glue_crawl_catalog_storage(&json, crawl, columns, crawl->catalog->location);
    mr_json_key(&json, "Parameters");
    write_parameters(&json, crawl, table);
    mr_json_object_end(&json);
    yyjson_val *input = glue_parse(crawl->arena, mr_arena_copy(crawl->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
    return input;
}
