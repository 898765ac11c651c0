/* What a crawl knows before it looks: classifiers, and, where only new folders are crawled, the
 * shape of those that earlier crawls put into the catalog. */
#include "glue/internal.h"

static enum mr_packing packing_of(struct mr_slice word)
{
    return mr_slice_equal(word, MR_S("gzip"))   ? MR_PACKING_GZIP
           : mr_slice_equal(word, MR_S("zstd")) ? MR_PACKING_ZSTD
                                                : MR_PACKING_NONE;
}

/* Of Grok: what the SerDe's parameters say. */
static void know_grok(struct mr_arena *arena, yyjson_val *storage, struct mr_slice classification,
                      struct lake_shape *shape)
{
    yyjson_val *serde = mr_json_get(storage, "SerdeInfo");
    yyjson_val *parameters = mr_json_get(serde, "Parameters");
    if (!mr_slice_equal(mr_json_get_text(serde, "SerializationLibrary"), MR_S(GROK_SERDE)))
        return;
    struct glue_grok_rules *rules = MR_NEW(arena, struct glue_grok_rules);
    rules->classification = classification;
    rules->pattern = mr_json_get_text(parameters, GROK_PATTERN);
    rules->custom = mr_json_get_text(parameters, GROK_CUSTOM);
    shape->format = LAKE_GROK;
    shape->grok = rules;
}

/* The shape that a crawler's table or partition says it has. Its `records` is a record's size. */
static struct lake_shape *shape_of(struct mr_arena *arena, yyjson_val *row)
{
    yyjson_val *parameters = mr_json_get(row, "Parameters"), *column;
    yyjson_val *storage = mr_json_get(row, "StorageDescriptor");
    yyjson_val *columns = mr_json_get(storage, "Columns");
    struct mr_slice format = mr_json_get_text(parameters, "classification");
    struct mr_slice delimiter = mr_json_get_text(parameters, "delimiter");
    struct lake_shape *shape = MR_NEW(arena, struct lake_shape);
    shape->format = mr_slice_equal(format, MR_S("csv"))       ? LAKE_CSV
                    : mr_slice_equal(format, MR_S("parquet")) ? LAKE_PARQUET
                    : mr_slice_equal(format, MR_S("avro"))    ? LAKE_AVRO
                                                              : LAKE_JSON;
    know_grok(arena, storage, format, shape);
    shape->packing = packing_of(mr_json_get_text(parameters, "compressionType"));
    shape->json_path = mr_json_get_text(parameters, "jsonPath");
    shape->avro_schema = mr_json_get_text(parameters, AVRO_SCHEMA_KEY);
    shape->delimiter = delimiter.len > 0 ? delimiter.ptr[0] : '\0';
    shape->quote = shape->format == LAKE_CSV ? '"' : '\0';
    shape->header = mr_json_get(parameters, "skip.header.line.count") != NULL;
    shape->quoted = mr_slice_equal(mr_json_get_text(parameters, "areColumnsQuoted"), MR_S("true"));
    uint64_t size = 0;
    if (mr_slice_to_u64(mr_json_get_text(parameters, "averageRecordSize"), &size) == MR_OK)
        shape->records = size;
    shape->type.kind = GLUE_STRUCT;
    shape->type.fields = MR_NEW_ARRAY(arena, struct glue_field, yyjson_arr_size(columns) + 1);
    shape->type.field_capacity = yyjson_arr_size(columns);
    size_t index, max;
    yyjson_arr_foreach(columns, index, max, column)
    {
        struct glue_field *field = &shape->type.fields[shape->type.field_count++];
        field->name = mr_json_get_text(column, "Name");
        glue_type_parse(arena, mr_json_get_text(column, "Type"), &field->type);
        shape->typed = shape->typed || (shape->quoted && field->type.kind != GLUE_STRING);
    }
    return shape;
}

static struct mr_slice location_of(yyjson_val *row)
{
    return mr_json_get_text(mr_json_get(row, "StorageDescriptor"), "Location");
}

/* Partitions of one table mostly have one schema: they share the shape of the newest one. */
struct knowing {
    struct glue_crawl *crawl;
    struct lake_shape *last;
    struct mr_slice last_columns;
};

static enum mr_status know_partition(void *ctx, const struct glue_partition *partition)
{
    struct knowing *knowing = ctx;
    struct glue_crawl *crawl = knowing->crawl;
    struct mr_buf text = {0};
    struct mr_json json = mr_json_make(&text);
    mr_json_object(&json);
    mr_json_key_value(&json, "Columns",
                      mr_json_get(mr_json_get(partition->json, "StorageDescriptor"), "Columns"));
    mr_json_object_end(&json);
    if (knowing->last == NULL || !mr_slice_equal(mr_buf_slice(&text), knowing->last_columns)) {
        struct mr_buf copy = {0};
        struct mr_json whole = mr_json_make(&copy);
        mr_json_value(&whole, partition->json);
        knowing->last =
            shape_of(crawl->arena,
                     glue_parse(crawl->arena, mr_arena_copy(crawl->arena, mr_buf_slice(&copy))));
        knowing->last_columns = mr_arena_copy(crawl->arena, mr_buf_slice(&text));
        mr_buf_fini(&copy);
    }
    mr_buf_fini(&text);
    mr_map_put(&crawl->known, partition->location, knowing->last);
    return MR_OK;
}

static enum mr_status know_table(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct glue_crawl *crawl = ctx;
    struct knowing knowing = {.crawl = crawl};
    struct mr_slice database = mr_json_get_text(crawl->config, "DatabaseName");
    yyjson_val *table = glue_parse(crawl->arena, mr_arena_copy(crawl->arena, json));
    struct mr_slice by = mr_json_get_text(mr_json_get(table, "Parameters"), "UPDATED_BY_CRAWLER");
    (void)name;
    if (!mr_slice_equal(by, crawl->crawler))
        return MR_OK;
    if (yyjson_arr_size(mr_json_get(table, "PartitionKeys")) == 0) {
        mr_map_put(&crawl->known, location_of(table), shape_of(crawl->arena, table));
        return MR_OK;
    }
    return glue_partition_each(crawl->glue, database, mr_json_get_text(table, "Name"),
                               know_partition, &knowing);
}

const struct lake_shape *glue_known_shape(const struct glue_crawl *crawl, struct mr_slice bucket,
                                          struct mr_slice folder)
{
    if (crawl->known.count == 0)
        return NULL;
    struct mr_buf text = {0};
    mr_buf_printf(&text, "s3://%.*s/%.*s", MR_ARG(bucket), MR_ARG(folder));
    const struct lake_shape *shape = mr_map_get(&crawl->known, mr_buf_slice(&text));
    mr_buf_fini(&text);
    return shape;
}

static enum mr_status read_classifiers(struct glue_crawl *crawl)
{
    yyjson_val *names = mr_json_get(crawl->config, "Classifiers"), *name, *json;
    struct glue_classifiers *all = &crawl->classifiers;
    size_t index, max;
    all->list = MR_NEW_ARRAY(crawl->arena, struct glue_classifier,
                             yyjson_arr_size(names) + GLUE_BUILTIN_GROK);
    yyjson_arr_foreach(names, index, max, name)
    {
        enum mr_status status =
            glue_doc(crawl->glue, crawl->arena, "classifier", mr_json_text(name), &json);
        if (status < 0)
            return status;
        struct mr_slice why = MR_S("it does not exist");
        if (status == MR_OK && glue_classifier_read(crawl->arena, json, crawl->glue->grok,
                                                    &all->list[all->count], &why))
            all->count++;
        else
            glue_crawl_log(crawl, "WARN", "Classifier %.*s classifies nothing: %.*s",
                           MR_ARG(mr_json_text(name)), MR_ARG(why));
    }
    glue_classifier_builtins(crawl->arena, crawl->glue->grok, all);
    return MR_OK;
}

enum mr_status glue_crawl_prepare(struct glue_crawl *crawl)
{
    enum mr_status status = read_classifiers(crawl);
    if (status != MR_OK || !crawl->settings.new_folders_only)
        return status;
    return glue_table_each(crawl->glue, mr_json_get_text(crawl->config, "DatabaseName"), know_table,
                           crawl);
}

void glue_crawl_forget(struct glue_crawl *crawl)
{
    for (size_t i = 0; i < crawl->classifiers.count; i++)
        glue_classifier_close(&crawl->classifiers.list[i]);
    mr_map_fini(&crawl->known);
}
