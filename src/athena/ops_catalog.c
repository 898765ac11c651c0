/* The wire: the data catalog as Athena shows it. There is one: AwsDataCatalog. */
#include "athena/internal.h"

static bool is_catalog(struct protocol_call *call, const char *member)
{
    struct mr_slice name = mr_json_get_text(call->in, member);
    if (mr_slice_equal_nocase(name, MR_S("AwsDataCatalog")))
        return true;
    protocol_fail(call, &athena_metadata, "Catalog %.*s does not exist", MR_ARG(name));
    return false;
}

static void get_data_catalog(struct protocol_call *call)
{
    struct mr_slice name = mr_json_get_text(call->in, "Name");
    if (!mr_slice_equal_nocase(name, MR_S("AwsDataCatalog"))) {
        athena_call_fail(call, "INVALID_INPUT", "Data catalog %.*s was not found", MR_ARG(name));
        return;
    }
    mr_json_key(&call->out, "DataCatalog");
    mr_json_object(&call->out);
    mr_json_key_cstr(&call->out, "Name", "AwsDataCatalog");
    mr_json_key_cstr(&call->out, "Type", "GLUE");
    mr_json_key(&call->out, "Parameters");
    mr_json_object(&call->out);
    mr_json_key_string(&call->out, "catalog-id", call->account);
    mr_json_object_end(&call->out);
    mr_json_object_end(&call->out);
}

static void list_data_catalogs(struct protocol_call *call)
{
    mr_json_key_raw(&call->out, "DataCatalogsSummary",
                    MR_S("[{\"CatalogName\":\"AwsDataCatalog\",\"Type\":\"GLUE\"}]"));
}

static void write_database(struct protocol_call *call, struct mr_slice json)
{
    yyjson_val *database = mr_json_parse(call->arena, json, MR_JSON_DEPTH_MAX);
    mr_json_object(&call->out);
    mr_json_key_value(&call->out, "Name", mr_json_get(database, "Name"));
    mr_json_key_value(&call->out, "Description", mr_json_get(database, "Description"));
    mr_json_key_value(&call->out, "Parameters", mr_json_get(database, "Parameters"));
    mr_json_object_end(&call->out);
}

struct listing {
    struct protocol_call *call;
    struct athena_pager pager;
    struct mr_slice expression;
};

static enum mr_status list_database(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct listing *listing = ctx;
    (void)name;
    if (athena_pager_next(&listing->pager))
        write_database(listing->call, json);
    return MR_OK;
}

static void list_databases(struct protocol_call *call)
{
    struct athena *athena = call->service;
    struct listing listing = {.call = call};
    if (!is_catalog(call, "CatalogName") || !athena_pager_init(&listing.pager, call, 50))
        return;
    mr_json_key(&call->out, "DatabaseList");
    mr_json_array(&call->out);
    enum mr_status status = glue_database_each(athena->options.glue, list_database, &listing);
    mr_json_array_end(&call->out);
    athena_pager_end(&listing.pager, call);
    protocol_fail_internal(call, status);
}

static bool has_database(struct protocol_call *call, struct mr_slice *ret_json)
{
    struct athena *athena = call->service;
    struct mr_slice name = mr_json_get_text(call->in, "DatabaseName");
    enum mr_status status = glue_database_get(athena->options.glue, call->arena, name, ret_json);
    if (status == MR_NOT_FOUND)
        protocol_fail(call, &athena_metadata, "Database %.*s not found", MR_ARG(name));
    protocol_fail_internal(call, status);
    return status == MR_OK;
}

static void get_database(struct protocol_call *call)
{
    struct mr_slice json;
    if (!is_catalog(call, "CatalogName") || !has_database(call, &json))
        return;
    mr_json_key(&call->out, "Database");
    write_database(call, json);
}

static void write_columns(struct mr_json *json, const struct glue_column *columns, size_t count)
{
    mr_json_array(json);
    for (size_t i = 0; i < count; i++) {
        mr_json_object(json);
        mr_json_key_string(json, "Name", columns[i].name);
        mr_json_key_string(json, "Type", columns[i].type);
        if (columns[i].comment.len > 0)
            mr_json_key_string(json, "Comment", columns[i].comment);
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
}

/* The table's parameters with what the storage descriptor says among them, as Athena has it. */
static void write_parameters(struct mr_json *json, const struct glue_table *table)
{
    yyjson_val *storage = mr_json_get(table->json, "StorageDescriptor");
    size_t index, max;
    yyjson_val *key, *value;
    mr_json_object(json);
    yyjson_obj_foreach(table->parameters, index, max, key, value)
    {
        mr_json_name(json, mr_json_text(key));
        mr_json_value(json, value);
    }
    mr_json_key_string(json, "location", table->location);
    mr_json_key_string(json, "inputformat", table->input_format);
    mr_json_key_string(json, "outputformat", mr_json_get_text(storage, "OutputFormat"));
    mr_json_key_string(json, "serde.serialization.lib", table->serde);
    mr_json_object_end(json);
}

static void write_table(struct mr_json *json, const struct glue_table *table)
{
    mr_json_object(json);
    mr_json_key_string(json, "Name", table->name);
    mr_json_key_value(json, "CreateTime", mr_json_get(table->json, "CreateTime"));
    mr_json_key_int(json, "LastAccessTime", 0);
    mr_json_key_string(json, "TableType", table->table_type);
    mr_json_key(json, "Columns");
    write_columns(json, table->columns, table->column_count);
    mr_json_key(json, "PartitionKeys");
    write_columns(json, table->keys, table->key_count);
    mr_json_key(json, "Parameters");
    write_parameters(json, table);
    mr_json_object_end(json);
}

static void get_table_metadata(struct protocol_call *call)
{
    struct athena *athena = call->service;
    struct glue_table table;
    struct mr_slice json, name = mr_json_get_text(call->in, "TableName");
    if (!is_catalog(call, "CatalogName") || !has_database(call, &json))
        return;
    enum mr_status status =
        glue_table_get(athena->options.glue, call->arena,
                       mr_json_get_text(call->in, "DatabaseName"), name, &table);
    if (status == MR_NOT_FOUND)
        protocol_fail(call, &athena_metadata, "Table %.*s not found", MR_ARG(name));
    protocol_fail_internal(call, status);
    if (status != MR_OK)
        return;
    mr_json_key(&call->out, "TableMetadata");
    write_table(&call->out, &table);
}

static enum mr_status list_table(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct listing *listing = ctx;
    struct glue_table table;
    (void)name;
    struct mr_slice copy = mr_arena_copy(listing->call->arena, json);
    if (!glue_table_parse(listing->call->arena, copy, &table))
        return MR_OK;
    if (listing->expression.len > 0 && mr_slice_search(table.name, listing->expression) == SIZE_MAX)
        return MR_OK;
    if (athena_pager_next(&listing->pager))
        write_table(&listing->call->out, &table);
    return listing->pager.more ? MR_END : MR_OK;
}

static void list_table_metadata(struct protocol_call *call)
{
    struct athena *athena = call->service;
    struct listing listing = {.call = call};
    struct mr_slice json;
    listing.expression = mr_json_get_text(call->in, "Expression");
    if (!is_catalog(call, "CatalogName") || !has_database(call, &json) ||
        !athena_pager_init(&listing.pager, call, 50))
        return;
    mr_json_key(&call->out, "TableMetadataList");
    mr_json_array(&call->out);
    enum mr_status status = glue_table_each(
        athena->options.glue, mr_json_get_text(call->in, "DatabaseName"), list_table, &listing);
    mr_json_array_end(&call->out);
    athena_pager_end(&listing.pager, call);
    protocol_fail_internal(call, status);
}

const struct protocol_handler athena_catalog_handlers[] = {
    {.operation = "GetDataCatalog", .run = get_data_catalog},
    {.operation = "ListDataCatalogs", .run = list_data_catalogs},
    {.operation = "ListDatabases", .run = list_databases},
    {.operation = "GetDatabase", .run = get_database},
    {.operation = "GetTableMetadata", .run = get_table_metadata},
    {.operation = "ListTableMetadata", .run = list_table_metadata},
};
const size_t athena_catalog_handler_count = MR_COUNT(athena_catalog_handlers);
