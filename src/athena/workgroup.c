/* Workgroups and prepared statements, as stored:
 *   "athena/workgroup/<name>"              the wire's WorkGroup
 *   "athena/prepared/<workgroup>|<name>"   the wire's PreparedStatement (0x1f between the parts) */
#include "athena/internal.h"

static const char primary[] =
    "{\"Name\":\"primary\",\"State\":\"ENABLED\",\"Configuration\":{"
    "\"ResultConfiguration\":{},\"EnforceWorkGroupConfiguration\":false,"
    "\"PublishCloudWatchMetricsEnabled\":false,\"RequesterPaysEnabled\":false,"
    "\"EngineVersion\":{\"SelectedEngineVersion\":\"AUTO\","
    "\"EffectiveEngineVersion\":\"Athena engine version 3\"}},"
    "\"Description\":\"\",\"CreationTime\":1700000000}";

static enum mr_status get(struct athena *athena, struct mr_arena *arena, const char *kind,
                          struct mr_slice name, yyjson_val **ret_value)
{
    struct mr_slice json;
    enum mr_status status =
        store_doc_get(athena->options.store, arena, "athena", kind, name, &json);
    if (status != MR_OK)
        return status;
    *ret_value = mr_json_parse(arena, json, MR_JSON_DEPTH_MAX);
    if (*ret_value == NULL)
        return MR_RAISE(MR_FAIL_DATA, "the %s '%.*s' is no JSON", kind, MR_ARG(name));
    return MR_OK;
}

enum mr_status athena_workgroup_get(struct athena *athena, struct mr_arena *arena,
                                    struct mr_slice name, yyjson_val **ret_workgroup)
{
    enum mr_status status = get(athena, arena, "workgroup", name, ret_workgroup);
    if (status == MR_NOT_FOUND && mr_slice_equal(name, MR_S("primary"))) {
        *ret_workgroup = mr_json_parse(arena, mr_slice_cstr(primary), MR_JSON_DEPTH_MAX);
        return MR_OK;
    }
    return status;
}

enum mr_status athena_prepared_get(struct athena *athena, struct mr_arena *arena,
                                   struct mr_slice workgroup, struct mr_slice name,
                                   yyjson_val **ret_statement)
{
    return get(athena, arena, "prepared",
               mr_arena_printf(arena, "%.*s\x1f%.*s", MR_ARG(workgroup), MR_ARG(name)),
               ret_statement);
}
