/* IcebergDestinationConfiguration: completed with AWS's defaults, checked, described. */
#include "firehose/config.h"

bool delivery_is_iceberg(yyjson_val *description)
{
    return mr_json_get(description, "CatalogConfiguration") != NULL;
}

static yyjson_val *pick(yyjson_val *in, yyjson_val *before, const char *name)
{
    yyjson_val *value = mr_json_get(in, name);
    return value != NULL ? value : mr_json_get(before, name);
}

enum mr_status iceberg_destination_check(yyjson_val *in, yyjson_val *before,
                                         char message[static 512])
{
    static const char *const preview[] = {"SchemaEvolutionConfiguration",
                                          "TableCreationConfiguration"};
    const struct mr_slice catalog =
        mr_json_get_text(pick(in, before, "CatalogConfiguration"), "CatalogARN");
    size_t index, max;
    yyjson_val *table;
    if (catalog.len == 0)
        return delivery_refuse(message, "CatalogConfiguration.CatalogARN must not be null");
    for (size_t i = 0; i < MR_COUNT(preview); i++)
        if (mr_json_get_bool(mr_json_get(in, preview[i]), "Enabled", false))
            return delivery_refuse(message, "%s is not supported by millrace.", preview[i]);
    yyjson_arr_foreach(mr_json_get(in, "DestinationTableConfigurationList"), index, max, table)
    {
        if (mr_json_get(table, "PartitionSpec") != NULL)
            return delivery_refuse(message, "PartitionSpec is not supported by millrace: it is for "
                                            "tables that are made automatically.");
    }
    return MR_OK;
}

void iceberg_destination_write(struct mr_json *json, yyjson_val *in, yyjson_val *before)
{
    static const char *const kept[] = {"RoleARN",
                                       "CatalogConfiguration",
                                       "DestinationTableConfigurationList",
                                       "SchemaEvolutionConfiguration",
                                       "TableCreationConfiguration",
                                       "ProcessingConfiguration",
                                       "AppendOnly"};
    for (size_t i = 0; i < MR_COUNT(kept); i++)
        mr_json_key_value(json, kept[i], pick(in, before, kept[i]));
    yyjson_val *mode = pick(in, before, "S3BackupMode");
    mr_json_key_string(json, "S3BackupMode",
                       mode != NULL ? mr_json_text(mode) : MR_S("FailedDataOnly"));
    yyjson_val *retry = pick(in, before, "RetryOptions");
    mr_json_key(json, "RetryOptions");
    mr_json_object(json);
    mr_json_key_int(json, "DurationInSeconds", mr_json_get_i64(retry, "DurationInSeconds", 300));
    mr_json_object_end(json);
}
