#include "glue/settings.h"

struct reading {
    struct mr_arena *arena;
    struct glue_settings *settings;
    struct mr_slice error;
};

static bool is_text(yyjson_val *object, const char *member, const char *wanted)
{
    return mr_slice_equal(mr_json_get_text(object, member), mr_slice_cstr(wanted));
}

/* Every member of an object has to be one of these (NULL-terminated). */
static bool known_members(struct reading *reading, yyjson_val *object, const char *const *names)
{
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(object, index, max, key, value)
    {
        bool known = false;
        for (size_t i = 0; names[i] != NULL; i++)
            known = known || mr_slice_equal(mr_json_text(key), mr_slice_cstr(names[i]));
        if (!known) {
            reading->error =
                mr_arena_printf(reading->arena, "Unknown member of the crawler configuration: %.*s",
                                MR_ARG(mr_json_text(key)));
            return false;
        }
    }
    return true;
}

/* Absent, or this word. */
static bool word_or_none(struct reading *reading, yyjson_val *object, const char *member,
                         const char *word, bool *ret_is)
{
    *ret_is = is_text(object, member, word);
    if (*ret_is || mr_json_get(object, member) == NULL)
        return true;
    reading->error =
        mr_arena_printf(reading->arena, "Invalid %s of the crawler configuration: %.*s", member,
                        MR_ARG(mr_json_get_text(object, member)));
    return false;
}

static bool read_output(struct reading *reading, yyjson_val *output)
{
    static const char *const parts[] = {"Partitions", "Tables", NULL};
    static const char *const of_partitions[] = {"AddOrUpdateBehavior", NULL};
    static const char *const of_tables[] = {"AddOrUpdateBehavior", "TableThreshold", NULL};
    struct glue_settings *settings = reading->settings;
    yyjson_val *partitions = mr_json_get(output, "Partitions");
    yyjson_val *tables = mr_json_get(output, "Tables");
    settings->table_threshold = mr_json_get_i64(tables, "TableThreshold", 0);
    return known_members(reading, output, parts) &&
           known_members(reading, partitions, of_partitions) &&
           known_members(reading, tables, of_tables) &&
           word_or_none(reading, partitions, "AddOrUpdateBehavior", "InheritFromTable",
                        &settings->inherit) &&
           word_or_none(reading, tables, "AddOrUpdateBehavior", "MergeNewColumns",
                        &settings->only_add_columns);
}

static bool read_configuration(struct reading *reading, struct mr_slice text)
{
    static const char *const all[] = {"Version", "Grouping", "CrawlerOutput",
                                      "CreatePartitionIndex", NULL};
    static const char *const of_grouping[] = {"TableGroupingPolicy", "TableLevelConfiguration",
                                              NULL};
    struct glue_settings *settings = reading->settings;
    yyjson_val *config = mr_json_parse(reading->arena, text, 16);
    yyjson_val *grouping = mr_json_get(config, "Grouping");
    if (!yyjson_is_obj(config) || mr_json_get_double(config, "Version", 0) != 1) {
        reading->error = MR_S("The crawler configuration has to be JSON of Version 1.0");
        return false;
    }
    settings->create_index = mr_json_get_bool(config, "CreatePartitionIndex", false);
    settings->table_level = (int)mr_json_get_i64(grouping, "TableLevelConfiguration", 0);
    if (settings->table_level < 0 ||
        (mr_json_get(grouping, "TableLevelConfiguration") != NULL && settings->table_level == 0)) {
        reading->error = MR_S("TableLevelConfiguration has to be a positive number");
        return false;
    }
    return known_members(reading, config, all) && known_members(reading, grouping, of_grouping) &&
           word_or_none(reading, grouping, "TableGroupingPolicy", "CombineCompatibleSchemas",
                        &settings->combine) &&
           read_output(reading, mr_json_get(config, "CrawlerOutput"));
}

enum mr_status glue_settings_read(struct mr_arena *arena, yyjson_val *crawler,
                                  struct glue_settings *ret_settings, struct mr_slice *ret_error)
{
    struct reading reading = {.arena = arena, .settings = ret_settings};
    yyjson_val *policy = mr_json_get(crawler, "SchemaChangePolicy");
    yyjson_val *recrawl = mr_json_get(crawler, "RecrawlPolicy");
    struct mr_slice text = mr_json_get_text(crawler, "Configuration");
    *ret_settings = (struct glue_settings){
        .update_log = is_text(policy, "UpdateBehavior", "LOG"),
        .delete_log = is_text(policy, "DeleteBehavior", "LOG"),
        .delete_drop = is_text(policy, "DeleteBehavior", "DELETE_FROM_DATABASE"),
        .new_folders_only = is_text(recrawl, "RecrawlBehavior", "CRAWL_NEW_FOLDERS_ONLY"),
    };
    if (is_text(recrawl, "RecrawlBehavior", "CRAWL_EVENT_MODE")) {
        *ret_error = MR_S("Event queue ARN is required when event crawler is selected.");
        return MR_INVALID;
    }
    if (ret_settings->new_folders_only && !(ret_settings->update_log && ret_settings->delete_log)) {
        *ret_error = MR_S("The SchemaChangePolicy for \"Crawl new folders only\" Amazon S3 target "
                          "can have only LOG DeleteBehavior value and LOG UpdateBehavior value.");
        return MR_INVALID;
    }
    yyjson_val *targets = mr_json_get(crawler, "Targets");
    const bool iceberg = yyjson_arr_size(mr_json_get(targets, "IcebergTargets")) > 0;
    const bool catalog = yyjson_arr_size(mr_json_get(targets, "CatalogTargets")) > 0;
    if ((catalog || iceberg) && ret_settings->new_folders_only) {
        *ret_error = MR_S("CRAWL_NEW_FOLDERS_ONLY is for Amazon S3 targets only.");
        return MR_INVALID;
    }
    if (catalog && !ret_settings->delete_log) {
        *ret_error = MR_S("The SchemaChangePolicy for Catalog target can have only LOG "
                          "DeleteBehavior value.");
        return MR_INVALID;
    }
    if (text.len > 0 && !read_configuration(&reading, text)) {
        *ret_error = reading.error;
        return MR_INVALID;
    }
    return MR_OK;
}
