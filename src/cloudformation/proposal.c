/* From a request to what a stack shall be. */
#include "cloudformation/proposal.h"
#include "base/codec.h"
#include "cloudformation/extend.h"
#include "cloudformation/members.h"
#include "cloudformation/parameters.h"
#include "cloudformation/rules.h"

static enum mr_status invalid(struct protocol_call *call, struct mr_slice text)
{
    return protocol_fail_slice(call, &cloudformation_validation_error, text);
}

yyjson_val *proposal_list(struct mr_arena *arena, yyjson_val *value)
{
    return value != NULL ? value : mr_json_parse(arena, MR_S("[]"), 2);
}

/* ---- the template ---- */

/* "https://s3.region.host/bucket/key", "https://bucket.s3.host/key",
 * "http://127.0.0.1:4566/bucket/key" and "s3://bucket/key". */
static bool split_url(struct mr_slice url, struct mr_slice *ret_bucket, struct mr_slice *ret_key)
{
    const size_t scheme = mr_slice_search(url, MR_S("://"));
    if (scheme == SIZE_MAX)
        return false;
    const bool is_s3 = mr_slice_equal(mr_slice_sub(url, 0, scheme), MR_S("s3"));
    struct mr_slice rest = mr_slice_sub(url, scheme + 3, SIZE_MAX), host, part;
    const size_t query = mr_slice_find(rest, '?');
    rest = mr_slice_sub(rest, 0, query);
    if (!mr_slice_split(&rest, '/', &host) || rest.ptr == NULL)
        return false;
    const size_t dot = mr_slice_search(host, MR_S(".s3"));
    if (is_s3 || dot != SIZE_MAX) {
        *ret_bucket = is_s3 ? host : mr_slice_sub(host, 0, dot);
        *ret_key = rest;
        return ret_key->len > 0;
    }
    if (!mr_slice_split(&rest, '/', &part) || rest.ptr == NULL)
        return false;
    *ret_bucket = part;
    *ret_key = rest;
    return ret_bucket->len > 0 && ret_key->len > 0;
}

static enum mr_status fetch(struct protocol_call *call, struct mr_slice url,
                            struct mr_slice *ret_body)
{
    struct cloudformation *cloudformation = call->service;
    struct mr_slice bucket, key;
    struct protocol_result result;
    if (!split_url(url, &bucket, &key))
        return invalid(call, MR_S("TemplateURL must be a supported URL."));
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "Bucket", bucket);
    mr_json_key_string(&json, "Key", mr_percent_decode(call->arena, key, false));
    mr_json_object_end(&json);
    const enum mr_status status =
        protocol_invoke(cloudformation->options.protocol, call->arena, "s3", "GetObject",
                        mr_arena_copy(call->arena, mr_buf_slice(&buf)), MR_S(""), &result);
    mr_buf_fini(&buf);
    if (status < 0) {
        protocol_fail_internal(call, status);
        return MR_FAULT;
    }
    if (result.status != 200)
        return protocol_fail(call, &cloudformation_validation_error, "S3 error: %.*s",
                             MR_ARG(result.message));
    if (result.payload.len > TEMPLATE_STORED_BYTES_MAX)
        return protocol_fail(call, &cloudformation_validation_error,
                             "Template may not exceed %d bytes in size.",
                             TEMPLATE_STORED_BYTES_MAX);
    *ret_body = result.payload;
    return MR_OK;
}

enum mr_status proposal_body(struct protocol_call *call, struct mr_slice *ret_body)
{
    const struct mr_slice body = mr_json_get_text(call->in, "TemplateBody");
    const struct mr_slice url = mr_json_get_text(call->in, "TemplateURL");
    if (body.len > 0 && url.len > 0)
        return invalid(call, MR_S("You cannot specify both Template URL and Template Body."));
    if (url.len > 0)
        return fetch(call, url, ret_body);
    if (body.len == 0)
        return invalid(call, MR_S("Either Template URL or Template Body must be specified."));
    if (body.len > TEMPLATE_BODY_BYTES_MAX)
        return protocol_fail(call, &cloudformation_validation_error,
                             "1 validation error detected: Value '%.*s' at 'templateBody' failed "
                             "to satisfy constraint: Member must have length less than or equal to "
                             "%d",
                             MR_ARG(body), TEMPLATE_BODY_BYTES_MAX);
    *ret_body = body;
    return MR_OK;
}

enum mr_status proposal_template(struct protocol_call *call, struct mr_slice body,
                                 struct template *ret_template)
{
    struct mr_slice error = {0};
    if (template_parse(call->arena, body, ret_template, &error) != MR_OK)
        return invalid(call, error);
    return MR_OK;
}

static enum mr_status find_body(struct protocol_call *call, const struct stack *stack,
                                struct mr_slice *ret_body)
{
    if (!mr_json_get_bool(call->in, "UsePreviousTemplate", false))
        return proposal_body(call, ret_body);
    if (stack == NULL || stack->now.template == 0)
        return invalid(call, MR_S("There is no previous template to use."));
    const enum mr_status status =
        stack_template_get(call->service, call->arena, stack, stack->now.template, ret_body);
    protocol_fail_internal(call, status);
    return status == MR_OK ? MR_OK : MR_FAULT;
}

/* ---- capabilities ---- */

static bool is_given(yyjson_val *capabilities, const char *name)
{
    for (size_t i = 0; i < yyjson_arr_size(capabilities); i++)
        if (mr_slice_equal(mr_json_text(yyjson_arr_get(capabilities, i)), mr_slice_cstr(name)))
            return true;
    return false;
}

static enum mr_status check_capabilities(struct protocol_call *call,
                                         const struct template *template)
{
    yyjson_val *given = mr_json_get(call->in, "Capabilities");
    const bool has_named = is_given(given, "CAPABILITY_NAMED_IAM");
    const struct mr_slice needed = template_capability(call->arena, template, NULL, NULL);
    const bool is_set = mr_json_get(call->in, "ChangeSetName") != NULL;
    /* AWS: whoever reviews a change set sees what was made of the template. */
    if (template->transform != NULL && !is_set && !is_given(given, "CAPABILITY_AUTO_EXPAND"))
        return protocol_fail(call, &cloudformation_insufficient_capabilities,
                             "Requires capabilities : [CAPABILITY_AUTO_EXPAND]");
    const struct mr_slice name = mr_json_text(template->transform);
    if (name.len > 0 && !mr_slice_starts_with(name, MR_S("AWS::")))
        return protocol_fail(call, &cloudformation_validation_error,
                             "No transform named %.*s found.", MR_ARG(name));
    if (template->transform != NULL && template->processed.len == 0)
        return invalid(call, MR_S("millrace does not run transforms and macros of templates but "
                                  "AWS::LanguageExtensions"));
    if (needed.len == 0 || has_named ||
        (mr_slice_equal(needed, MR_S("CAPABILITY_IAM")) && is_given(given, "CAPABILITY_IAM")))
        return MR_OK;
    return protocol_fail(call, &cloudformation_insufficient_capabilities,
                         "Requires capabilities : [%.*s]", MR_ARG(needed));
}

static struct evaluation evaluation_of(struct protocol_call *call, const struct template *template,
                                       const struct stack_version *version)
{
    return (struct evaluation){
        .arena = call->arena,
        .template = template,
        .parameters = version->parameters,
        .resolved = version->resolved,
        .region = call->region,
        .account = call->account,
        .stack_name = mr_json_get_text(call->in, "StackName"),
    };
}

static enum mr_status check_rules(struct protocol_call *call, const struct template *template,
                                  const struct stack_version *version)
{
    struct mr_slice error = {0};
    struct evaluation evaluation = evaluation_of(call, template, version);
    return rules_check(&evaluation, &error) == MR_OK ? MR_OK : invalid(call, error);
}

/* The template becomes what its transform makes of it. */
static enum mr_status process(struct protocol_call *call, struct template *template,
                              const struct stack_version *version)
{
    struct evaluation evaluation = evaluation_of(call, template, version);
    struct mr_slice text = {0}, error = {0};
    struct template processed;
    if (!extend_is_wanted(template->transform))
        return MR_OK;
    if (extend(&evaluation, &text, &error) != MR_OK ||
        template_parse_processed(call->arena, text, &processed, &error) != MR_OK)
        return invalid(call, error);
    processed.body = template->body;
    processed.processed = text;
    processed.transform = template->transform;
    *template = processed;
    return MR_OK;
}

static yyjson_val *secrets_of(struct mr_arena *arena, const struct template *template)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    yyjson_val *key, *parameter;
    size_t i, count;
    mr_json_array(&json);
    yyjson_obj_foreach(members_of(template->parameters), i, count, key, parameter)
    {
        if (parameter_is_secret(template, mr_json_text(key)))
            mr_json_string(&json, mr_json_text(key));
    }
    mr_json_array_end(&json);
    yyjson_val *secrets = mr_json_parse(arena, mr_buf_slice(&buf), 4);
    mr_buf_fini(&buf);
    return secrets;
}

enum mr_status proposal_make(struct protocol_call *call, const struct stack *stack,
                             struct proposal *ret_proposal)
{
    struct proposal *proposal = ret_proposal;
    struct mr_slice body = {0}, error = {0};
    *proposal = (struct proposal){0};
    if (find_body(call, stack, &body) != MR_OK ||
        proposal_template(call, body, &proposal->template) != MR_OK)
        return MR_FAULT;
    struct stack_version *version = &proposal->version;
    if (parameters_resolve(call->arena, &proposal->template, mr_json_get(call->in, "Parameters"),
                           stack == NULL ? NULL : stack->now.parameters, &version->parameters,
                           &error) != MR_OK)
        return invalid(call, error);
    if (proposal_look_up(call, &proposal->template, version->parameters, &version->resolved) !=
            MR_OK ||
        check_rules(call, &proposal->template, version) != MR_OK ||
        process(call, &proposal->template, version) != MR_OK ||
        check_capabilities(call, &proposal->template) != MR_OK)
        return MR_FAULT;
    yyjson_val *tags = mr_json_get(call->in, "Tags");
    yyjson_val *notifications = mr_json_get(call->in, "NotificationARNs");
    version->description = proposal->template.description;
    version->secrets = secrets_of(call->arena, &proposal->template);
    version->capabilities = proposal_list(call->arena, mr_json_get(call->in, "Capabilities"));
    version->tags = tags == NULL && stack != NULL ? stack->now.tags : tags;
    version->notifications =
        notifications == NULL && stack != NULL ? stack->now.notifications : notifications;
    return MR_OK;
}

/* ---- stacks ---- */

static bool is_name(struct mr_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.ptr[i];
        const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_letter && (i == 0 || (c != '-' && (c < '0' || c > '9'))))
            return false;
    }
    return name.len > 0 && name.len <= 128;
}

static enum mr_status count_living(void *ctx, const struct stack *stack)
{
    size_t *count = ctx;
    *count += stack->deleted_ms == 0;
    return MR_OK;
}

enum mr_status proposal_stack(struct protocol_call *call, struct mr_slice name,
                              struct stack *ret_stack)
{
    struct cloudformation *cloudformation = call->service;
    size_t living = 0;
    if (!is_name(name))
        return protocol_fail(call, &cloudformation_validation_error,
                             "1 validation error detected: Value '%.*s' at 'stackName' failed to "
                             "satisfy constraint: Member must satisfy regular expression pattern: "
                             "[a-zA-Z][-a-zA-Z0-9]*",
                             MR_ARG(name));
    const enum mr_status status = stack_each(cloudformation, call->arena, count_living, &living);
    if (status != MR_OK) {
        protocol_fail_internal(call, status);
        return MR_FAULT;
    }
    if (living >= CLOUDFORMATION_STACKS_MAX)
        return protocol_fail(call, &cloudformation_limit_exceeded,
                             "Limit for stacks has been exceeded.");
    char uuid[37];
    mr_rng_uuid(cloudformation->options.rng, uuid);
    const struct mr_slice on_failure = mr_json_get_text(call->in, "OnFailure");
    *ret_stack = (struct stack){
        .uuid = mr_arena_copy(call->arena, mr_slice_make(uuid, 36)),
        .name = name,
        .region = call->region,
        .account = call->account,
        .created_ms = call->now_ms,
        .token = mr_json_get_text(call->in, "ClientRequestToken"),
        .role = mr_json_get_text(call->in, "RoleARN"),
        .on_failure = on_failure.len > 0 ? on_failure : MR_S("ROLLBACK"),
        .disable_rollback = mr_json_get_bool(call->in, "DisableRollback", false),
        .protection = mr_json_get_bool(call->in, "EnableTerminationProtection", false),
        .timeout_minutes = mr_json_get_i64(call->in, "TimeoutInMinutes", 0),
    };
    ret_stack->id =
        mr_arena_printf(call->arena, "arn:aws:cloudformation:%.*s:%.*s:stack/%.*s/%s",
                        MR_ARG(call->region), MR_ARG(call->account), MR_ARG(name), uuid);
    return MR_OK;
}

bool proposal_may_update(struct protocol_call *call, const struct stack *stack)
{
    static const char *const good[] = {"CREATE_COMPLETE", "UPDATE_COMPLETE",
                                       "UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED",
                                       "CREATE_FAILED"};
    for (size_t i = 0; i < MR_COUNT(good); i++)
        if (stack_has_status(stack, good[i]))
            return true;
    protocol_fail(call, &cloudformation_validation_error,
                  "Stack:%.*s is in %.*s state and can not be updated.", MR_ARG(stack->id),
                  MR_ARG(stack->status));
    return false;
}
