/* The wire: settings of which every function here has the same: no code signing, and the runtime
 * that the machine has. What asks for another is refused by name. */
#include "lambda/internal.h"

static void get_code_signing(struct protocol_call *call)
{
    struct lambda_function *function = lambda_ops_find(call);
    if (function != NULL) {
        mr_json_key_cstr(&call->out, "CodeSigningConfigArn", "");
        mr_json_key_cstr(&call->out, "FunctionName", function->name);
    }
    lambda_function_unref(function);
}

static void write_runtime(struct protocol_call *call, const struct lambda_function *function)
{
    const struct mr_slice qualifier = lambda_ops_qualifier(call);
    mr_json_key_cstr(&call->out, "UpdateRuntimeOn", "Auto");
    mr_json_key_string(&call->out, "FunctionArn",
                       mr_arena_printf(call->arena, "%s%s%.*s", function->arn,
                                       qualifier.len > 0 ? ":" : "", MR_ARG(qualifier)));
}

static void get_runtime(struct protocol_call *call)
{
    struct lambda_function *function = lambda_ops_find(call);
    if (function != NULL)
        write_runtime(call, function);
    lambda_function_unref(function);
}

static void put_runtime(struct protocol_call *call)
{
    struct lambda_function *function = lambda_ops_find(call);
    const struct mr_slice mode = mr_json_get_text(call->in, "UpdateRuntimeOn");
    if (function != NULL && !mr_slice_equal(mode, MR_S("Auto")))
        protocol_fail(call, &lambda_invalid_parameter,
                      "millrace runs functions with the runtimes of its machine, so "
                      "UpdateRuntimeOn can be Auto only");
    else if (function != NULL)
        write_runtime(call, function);
    lambda_function_unref(function);
}

const struct protocol_handler lambda_settings_handlers[] = {
    {.operation = "GetFunctionCodeSigningConfig", .run = get_code_signing},
    {.operation = "GetRuntimeManagementConfig", .run = get_runtime},
    {.operation = "PutRuntimeManagementConfig", .run = put_runtime},
};
const size_t lambda_settings_handler_count = MR_COUNT(lambda_settings_handlers);
