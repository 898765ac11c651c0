/* What a crawl says about a table's or a partition's objects: its StorageDescriptor, its
 * Parameters. */
#include "glue/internal.h"
#include <stdlib.h>

static const char *const formats[] = {[LAKE_JSON] = "json",
                                      [LAKE_CSV] = "csv",
                                      [LAKE_PARQUET] = "parquet",
                                      [LAKE_AVRO] = "avro",
                                      [LAKE_GROK] = ""};
static const char *const files[][2] = {
    /* read by, written by */
    [LAKE_JSON] = {"org.apache.hadoop.mapred.TextInputFormat",
                   "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"},
    [LAKE_CSV] = {"org.apache.hadoop.mapred.TextInputFormat",
                  "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"},
    [LAKE_PARQUET] = {"org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
                      "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"},
    [LAKE_AVRO] = {"org.apache.hadoop.hive.ql.io.avro.AvroContainerInputFormat",
                   "org.apache.hadoop.hive.ql.io.avro.AvroContainerOutputFormat"},
    [LAKE_GROK] = {"org.apache.hadoop.mapred.TextInputFormat",
                   "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"}};
static const char *const packings[] = {
    [MR_PACKING_NONE] = "none", [MR_PACKING_GZIP] = "gzip", [MR_PACKING_ZSTD] = "zstd"};

void glue_crawl_parameters(struct mr_json *json, const struct glue_crawl *crawl,
                           const struct lake_shape *shape, const struct lake_counts *counts)
{
    char text[32];
    const uint64_t average = counts->records == 0 ? 0 : counts->bytes / counts->records;
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {{"averageRecordSize", average},
                   {"objectCount", counts->objects},
                   {"recordCount", counts->records},
                   {"sizeKey", counts->bytes}};
    mr_json_object(json);
    mr_json_key_cstr(json, "CrawlerSchemaDeserializerVersion", "1.0");
    mr_json_key_cstr(json, "CrawlerSchemaSerializerVersion", "1.0");
    mr_json_key_string(json, "UPDATED_BY_CRAWLER", crawl->crawler);
    mr_json_key_string(json, "classification",
                       shape->format == LAKE_GROK ? shape->grok->classification
                                                  : mr_slice_cstr(formats[shape->format]));
    mr_json_key_cstr(json, "compressionType", packings[shape->packing]);
    if (shape->json_path.len > 0)
        mr_json_key_string(json, "jsonPath", shape->json_path);
    if (shape->avro_schema.len > 0)
        mr_json_key_string(json, AVRO_SCHEMA_KEY, shape->avro_schema);
    for (size_t i = 0; i < MR_COUNT(numbers); i++) {
        snprintf(text, sizeof text, "%llu", (unsigned long long)numbers[i].value);
        mr_json_key_cstr(json, numbers[i].name, text);
    }
    if (shape->format == LAKE_CSV) {
        mr_json_key_string(json, "delimiter", mr_slice_make(&shape->delimiter, 1));
        mr_json_key_cstr(json, "areColumnsQuoted", shape->quoted ? "true" : "false");
        mr_json_key_cstr(json, "columnsOrdered", "true");
        if (shape->header)
            mr_json_key_cstr(json, "skip.header.line.count", "1");
    }
    mr_json_key_cstr(json, "typeOfData", "file");
    mr_json_object_end(json);
}

static int compare_names(const void *a, const void *b)
{
    const struct glue_field *const *left = a, *const *right = b;
    return mr_slice_compare((*left)->name, (*right)->name);
}

static void write_json_paths(struct mr_json *json, const struct glue_type *columns)
{
    const struct glue_field **sorted = mr_malloc(sizeof(void *) * (columns->field_count + 1));
    for (size_t i = 0; i < columns->field_count; i++)
        sorted[i] = &columns->fields[i];
    qsort(sorted, columns->field_count, sizeof *sorted, compare_names);
    struct mr_buf paths = {0};
    for (size_t i = 0; i < columns->field_count; i++)
        mr_buf_printf(&paths, "%s%.*s", i > 0 ? "," : "", MR_ARG(sorted[i]->name));
    mr_json_object(json);
    mr_json_key_string(json, "paths", mr_buf_slice(&paths));
    mr_json_object_end(json);
    mr_buf_fini(&paths);
    free(sorted);
}

static void write_serde(struct mr_json *json, const struct lake_shape *shape,
                        const struct glue_type *columns)
{
    mr_json_object(json);
    if (shape->format == LAKE_JSON) {
        mr_json_key_cstr(json, "SerializationLibrary", "org.openx.data.jsonserde.JsonSerDe");
        mr_json_key(json, "Parameters");
        write_json_paths(json, columns);
    } else if (shape->format == LAKE_PARQUET) {
        mr_json_key_cstr(json, "SerializationLibrary",
                         "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe");
        mr_json_key_raw(json, "Parameters", MR_S("{\"serialization.format\":\"1\"}"));
    } else if (shape->format == LAKE_GROK) {
        mr_json_key_cstr(json, "SerializationLibrary", GROK_SERDE);
        mr_json_key(json, "Parameters");
        mr_json_object(json);
        mr_json_key_string(json, GROK_PATTERN, shape->grok->pattern);
        if (shape->grok->custom.len > 0)
            mr_json_key_string(json, GROK_CUSTOM, shape->grok->custom);
        mr_json_object_end(json);
    } else if (shape->format == LAKE_AVRO) {
        mr_json_key_cstr(json, "SerializationLibrary",
                         "org.apache.hadoop.hive.serde2.avro.AvroSerDe");
        mr_json_key(json, "Parameters");
        mr_json_object(json);
        mr_json_key_string(json, AVRO_SCHEMA_KEY, shape->avro_schema);
        mr_json_key_cstr(json, "serialization.format", "1");
        mr_json_object_end(json);
    } else {
        mr_json_key_cstr(json, "SerializationLibrary",
                         shape->quoted ? "org.apache.hadoop.hive.serde2.OpenCSVSerde"
                                       : "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe");
        mr_json_key(json, "Parameters");
        mr_json_object(json);
        mr_json_key_string(json, shape->quoted ? "separatorChar" : "field.delim",
                           mr_slice_make(&shape->delimiter, 1));
        if (shape->quoted)
            mr_json_key_string(json, "quoteChar", mr_slice_make(&shape->quote, 1));
        mr_json_object_end(json);
    }
    mr_json_object_end(json);
}

static void write_columns(struct mr_json *json, const struct lake_shape *shape,
                          const struct glue_type *columns)
{
    struct mr_buf type = {0};
    mr_json_array(json);
    for (size_t i = 0; i < columns->field_count; i++) {
        mr_buf_reset(&type);
        glue_type_print(&type, &columns->fields[i].type);
        mr_json_object(json);
        mr_json_key_string(json, "Name", columns->fields[i].name);
        /* OpenCSVSerde reads strings, unless somebody says what they stand for. */
        const bool text = shape->format == LAKE_CSV && shape->quoted && !shape->typed;
        mr_json_key_string(json, "Type", text ? MR_S("string") : mr_buf_slice(&type));
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
    mr_buf_fini(&type);
}

void glue_crawl_storage(struct mr_json *json, const struct glue_crawl *crawl,
                        const struct lake_shape *shape, const struct glue_type *columns,
                        struct mr_slice location, const struct lake_counts *counts)
{
    mr_json_object(json);
    mr_json_key(json, "Columns");
    write_columns(json, shape, columns);
    mr_json_key_string(json, "Location", location);
    mr_json_key_cstr(json, "InputFormat", files[shape->format][0]);
    mr_json_key_cstr(json, "OutputFormat", files[shape->format][1]);
    mr_json_key_bool(json, "Compressed", shape->packing != MR_PACKING_NONE);
    mr_json_key_int(json, "NumberOfBuckets", -1);
    mr_json_key(json, "SerdeInfo");
    write_serde(json, shape, columns);
    mr_json_key(json, "BucketColumns");
    mr_json_array(json);
    mr_json_array_end(json);
    mr_json_key(json, "SortColumns");
    mr_json_array(json);
    mr_json_array_end(json);
    mr_json_key(json, "Parameters");
    glue_crawl_parameters(json, crawl, shape, counts);
    mr_json_key_bool(json, "StoredAsSubDirectories", false);
    mr_json_object_end(json);
}
