/* What a crawl does with tables and partitions whose objects are gone, as its policy says. */
#include "glue/internal.h"
#include <stdlib.h>

/* ---- partitions ---- */

struct gone {
    const struct mr_map *found;
    struct mr_arena *arena;
    struct glue_partition *partitions;
    size_t count, capacity;
};

static enum mr_status collect_gone(void *ctx, const struct glue_partition *partition)
{
    struct gone *gone = ctx;
    if (mr_map_get(gone->found, partition->location) != NULL)
        return MR_OK;
    if (gone->count == gone->capacity) {
        gone->capacity = gone->capacity == 0 ? 64 : gone->capacity * 2;
        gone->partitions = mr_realloc(gone->partitions, sizeof *gone->partitions * gone->capacity);
    }
    struct glue_partition *copy = &gone->partitions[gone->count++];
    *copy = (struct glue_partition){.value_count = partition->value_count};
    copy->values = MR_NEW_ARRAY(gone->arena, struct mr_slice, partition->value_count + 1);
    for (size_t i = 0; i < partition->value_count; i++)
        copy->values[i] = mr_arena_copy(gone->arena, partition->values[i]);
    return MR_OK;
}

enum mr_status glue_crawl_drop_partitions(struct glue_crawl *crawl, const struct glue_table *table,
                                          const struct mr_map *found)
{
    struct gone gone = {.found = found, .arena = crawl->arena};
    enum mr_status status =
        glue_partition_each(crawl->glue, table->database, table->name, collect_gone, &gone);
    for (size_t i = 0; status == MR_OK && i < gone.count; i++) {
        int64_t ticket;
        status = glue_partition_delete(crawl->glue, crawl->arena, table->database, table->name,
                                       gone.partitions[i].values, gone.partitions[i].value_count,
                                       &ticket);
        crawl->totals.partitions_deleted += status == MR_OK;
        if (status == MR_NOT_FOUND)
            status = MR_OK;
    }
    free(gone.partitions);
    return status;
}

/* ---- tables ---- */

struct stale {
    struct glue_crawl *crawl;
    const struct mr_map *found;
    struct glue_table tables[1000];
    size_t count;
};

static enum mr_status collect_stale(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct stale *stale = ctx;
    struct glue_table table;
    (void)name;
    struct mr_slice kept = mr_arena_copy(stale->crawl->arena, json);
    if (!glue_table_parse(stale->crawl->arena, kept, &table))
        return MR_OK;
    struct mr_slice by = mr_json_get_text(table.parameters, "UPDATED_BY_CRAWLER");
    const bool known = mr_json_get(table.parameters, "DEPRECATED_BY_CRAWLER") != NULL;
    if (mr_slice_equal(by, stale->crawl->crawler) && !known &&
        mr_map_get(stale->found, table.location) == NULL)
        stale->tables[stale->count++] = table;
    return stale->count < MR_COUNT(stale->tables) ? MR_OK : MR_END;
}

static enum mr_status deprecate(struct glue_crawl *crawl, const struct glue_table *table)
{
    static const char *const skip[] = {
        "DatabaseName", "CreateTime", "UpdateTime", "CreatedBy", "IsRegisteredWithLakeFormation",
        "CatalogId",    "VersionId",  "Parameters", NULL};
    static const char *const none[] = {NULL};
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    glue_copy_members(&json, table->json, skip);
    mr_json_key(&json, "Parameters");
    mr_json_object(&json);
    glue_copy_members(&json, table->parameters, none);
    mr_json_key_string(&json, "DEPRECATED_BY_CRAWLER",
                       mr_arena_printf(crawl->arena, "%lld", (long long)crawl->now_ms));
    mr_json_object_end(&json);
    mr_json_object_end(&json);
    struct glue_table_put put = {.database = table->database, .replace = true};
    put.input = glue_parse(crawl->arena, mr_arena_copy(crawl->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
    int64_t ticket;
    return glue_table_put(crawl->glue, crawl->arena, &put, &ticket);
}

/* Tables of this crawler whose objects are gone. */
enum mr_status glue_crawl_drop_tables(struct glue_crawl *crawl, const struct mr_map *found)
{
    if (crawl->settings.delete_log)
        return MR_OK;
    struct stale *stale = mr_calloc(1, sizeof *stale);
    stale->crawl = crawl;
    stale->found = found;
    enum mr_status status = glue_table_each(
        crawl->glue, mr_json_get_text(crawl->config, "DatabaseName"), collect_stale, stale);
    for (size_t i = 0; status == MR_OK && i < stale->count; i++) {
        int64_t ticket;
        const struct glue_table *table = &stale->tables[i];
        status = crawl->settings.delete_drop
                     ? glue_table_delete(crawl->glue, crawl->arena, table->database, table->name,
                                         &ticket)
                     : deprecate(crawl, table);
        crawl->totals.tables_deleted += status == MR_OK;
        glue_crawl_log(crawl, "INFO", "The objects of table %.*s in database %.*s are gone",
                       MR_ARG(table->name), MR_ARG(table->database));
    }
    free(stale);
    return status;
}
