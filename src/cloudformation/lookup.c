/* Parameters of type AWS::SSM::Parameter::Value<...>: the value that was given is the name of a
 * parameter in the Parameter Store, and what stands there is the value for the template. */
#include "cloudformation/dynamic.h"
#include "cloudformation/members.h"
#include "cloudformation/parameters.h"
#include "cloudformation/proposal.h"

enum mr_status dynamic_parameter(struct cloudformation *cloudformation, struct mr_arena *arena,
                                 struct mr_slice region, struct mr_slice name, bool decrypts,
                                 struct mr_slice *ret_value)
{
    struct protocol_result result;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "Name", name);
    mr_json_key_bool(&json, "WithDecryption", decrypts);
    mr_json_object_end(&json);
    const struct mr_slice input = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    const enum mr_status status =
        protocol_invoke_in(cloudformation->options.protocol, arena, region, "ssm", "GetParameter",
                           input, MR_S(""), &result);
    if (status < 0)
        return status;
    if (result.status != 200)
        return MR_NOT_FOUND;
    yyjson_val *output = mr_json_parse(arena, result.output, MR_JSON_DEPTH_MAX);
    *ret_value = mr_json_get_text(mr_json_get(output, "Parameter"), "Value");
    return MR_OK;
}

enum mr_status proposal_look_up(struct protocol_call *call, const struct template *template,
                                yyjson_val *values, yyjson_val **ret_resolved)
{
    struct mr_slice missing = MR_S(""), value;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    yyjson_val *key, *parameter;
    size_t i, count;
    enum mr_status status = MR_OK;
    mr_json_object(&json);
    yyjson_obj_foreach(members_of(template->parameters), i, count, key, parameter)
    {
        const struct mr_slice name = mr_json_text(key);
        const struct mr_slice wanted = mr_json_text(mr_json_getn(values, name));
        if (!parameter_is_looked_up(parameter) || status < 0)
            continue;
        status = dynamic_parameter(call->service, call->arena, call->region, wanted, false, &value);
        if (status == MR_NOT_FOUND)
            missing = mr_arena_printf(call->arena, "%.*s%s%.*s", MR_ARG(missing),
                                      missing.len > 0 ? ", " : "", MR_ARG(wanted));
        if (status != MR_OK)
            continue;
        mr_json_name(&json, name);
        mr_json_string(&json, value);
    }
    mr_json_object_end(&json);
    *ret_resolved = mr_json_parse(call->arena, mr_buf_slice(&buf), 4);
    mr_buf_fini(&buf);
    if (status < 0) {
        protocol_fail_internal(call, status);
        return MR_FAULT;
    }
    if (missing.len > 0)
        return protocol_fail(call, &cloudformation_validation_error,
                             "Unable to fetch parameters [%.*s] from parameter store for this "
                             "account.",
                             MR_ARG(missing));
    return MR_OK;
}
