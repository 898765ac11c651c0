/* The table of types, and what all of them need. */
#include "cloudformation/resource.h"
#include "cloudformation/internal.h"
#include "cloudformation/members.h"
#include "cloudformation/resource_types.h"
#include <time.h>

static const struct resource_type *const types[] = {
    &resource_table,
    &resource_global_table,
    &resource_stream,
    &resource_delivery_stream,
    &resource_pipe,
    &resource_function,
    &resource_permission,
    &resource_bucket,
    &resource_bucket_policy,
    &resource_database,
    &resource_glue_table,
    &resource_crawler,
    &resource_partition,
    &resource_classifier,
    &resource_work_group,
    &resource_named_query,
    &resource_role,
    &resource_policy,
    &resource_managed_policy,
    &resource_log_group,
    &resource_log_stream,
    &resource_version,
    &resource_alias,
    &resource_layer_version,
    &resource_mapping,
    &resource_url,
    &resource_parameter,
    &resource_cdk_metadata,
    &resource_repository,
    &resource_nested_stack,
    &resource_wait_handle,
    &resource_wait_condition,
    &resource_custom,
    &resource_alarm,
    &resource_prepared_statement,
    &resource_stream_consumer,
    &resource_stream_policy,
    &resource_event_invoke,
};

const struct resource_type *resource_type_find(struct mr_slice name)
{
    for (size_t i = 0; i < MR_COUNT(types); i++)
        if (mr_slice_equal(name, mr_slice_cstr(types[i]->name)))
            return types[i];
    return mr_slice_starts_with(name, MR_S("Custom::")) ? &resource_custom : NULL;
}

bool resource_type_has_attribute(const struct resource_type *type, struct mr_slice attribute)
{
    if (type->open_attributes != NULL &&
        mr_slice_starts_with(attribute, mr_slice_cstr(type->open_attributes)))
        return true;
    for (const char *const *name = type->attributes; *name != NULL; name++)
        if (mr_slice_equal(attribute, mr_slice_cstr(*name)))
            return true;
    return false;
}

static const struct resource_property *find_property(const struct resource_type *type,
                                                     struct mr_slice name)
{
    for (size_t i = 0; i < type->property_count; i++)
        if (mr_slice_equal(name, mr_slice_cstr(type->properties[i].name)))
            return &type->properties[i];
    return NULL;
}

bool resource_type_replaces(const struct resource_type *type, struct mr_slice property)
{
    const struct resource_property *found = find_property(type, property);
    return type->update == NULL || (found != NULL && (found->flags & RESOURCE_REPLACES) != 0);
}

struct mr_slice resource_check(struct mr_arena *arena, const struct resource_type *type,
                               yyjson_val *properties)
{
    yyjson_val *key, *value;
    size_t i, count;
    yyjson_obj_foreach(members_of(properties), i, count, key, value)
    {
        if (!type->open_properties && find_property(type, mr_json_text(key)) == NULL)
            return mr_arena_printf(arena,
                                   "Encountered unsupported property %.*s (millrace does not carry "
                                   "it out for %s)",
                                   MR_ARG(mr_json_text(key)), type->name);
    }
    struct mr_slice missing = MR_S("");
    for (i = 0; i < type->property_count; i++)
        if ((type->properties[i].flags & RESOURCE_REQUIRED) != 0 &&
            mr_json_get(properties, type->properties[i].name) == NULL)
            missing =
                mr_arena_printf(arena, "%.*s%sThe property {/%s} is required", MR_ARG(missing),
                                missing.len > 0 ? ", " : "", type->properties[i].name);
    if (missing.len == 0)
        return missing;
    return mr_arena_printf(arena, "Property validation failure: [%.*s]", MR_ARG(missing));
}

struct mr_slice resource_name(struct resource_call *call, struct mr_rng *rng)
{
    enum { RANDOM_LEN = 12 };
    const struct resource_type *type = call->type;
    if (type->name_property == NULL)
        return MR_S("");
    yyjson_val *owner =
        type->name_parent == NULL ? call->properties : resource_property(call, type->name_parent);
    const struct mr_slice custom = mr_json_get_text(owner, type->name_property);
    if (custom.len > 0)
        return custom;
    char random[RANDOM_LEN + 1];
    mr_rng_text(rng, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", RANDOM_LEN, random);
    /* Both parts keep what room there is; the logical name gives way first, down to 12 bytes. */
    const size_t room = type->name_max - RANDOM_LEN - 2;
    size_t logical = call->logical.len, stack = call->stack_name.len;
    if (stack + logical > room) {
        const size_t least = logical < 12 ? logical : 12;
        logical = stack + least <= room ? room - stack : least;
        stack = stack + logical <= room ? stack : room - logical;
    }
    const struct mr_slice name =
        mr_arena_printf(call->arena, "%.*s-%.*s-%s", (int)stack, call->stack_name.ptr, (int)logical,
                        call->logical.ptr, random);
    char *bytes = (char *)(uintptr_t)name.ptr; /* the arena's, and ours alone so far */
    if (type->name_lower)
        mr_lower(bytes, name.len);
    return name;
}

/* ---- properties ---- */

struct mr_slice resource_property_text(const struct resource_call *call, const char *name)
{
    yyjson_val *value = resource_property(call, name);
    if (yyjson_is_bool(value))
        return yyjson_is_true(value) ? MR_S("true") : MR_S("false");
    return mr_json_text(value);
}

static struct mr_slice scalar_text(yyjson_val *value)
{
    if (yyjson_is_bool(value))
        return yyjson_is_true(value) ? MR_S("true") : MR_S("false");
    return mr_json_text(value);
}

bool resource_json_equal(yyjson_val *a, yyjson_val *b)
{
    yyjson_val *key, *item;
    size_t i, count;
    if (a == NULL || b == NULL)
        return a == b;
    if (!yyjson_is_ctn(a) || !yyjson_is_ctn(b))
        return !yyjson_is_ctn(a) && !yyjson_is_ctn(b) &&
               mr_slice_equal(scalar_text(a), scalar_text(b));
    if (yyjson_is_arr(a) != yyjson_is_arr(b))
        return false;
    if (yyjson_is_arr(a)) {
        if (yyjson_arr_size(a) != yyjson_arr_size(b))
            return false;
        yyjson_arr_foreach(a, i, count, item)
        {
            if (!resource_json_equal(item, yyjson_arr_get(b, i)))
                return false;
        }
        return true;
    }
    if (yyjson_obj_size(a) != yyjson_obj_size(b))
        return false;
    yyjson_obj_foreach(members_of(a), i, count, key, item)
    {
        if (!resource_json_equal(item, mr_json_getn(b, mr_json_text(key))))
            return false;
    }
    return true;
}

bool resource_changed(const struct resource_call *call, const char *name)
{
    return !resource_json_equal(mr_json_get(call->properties, name),
                                mr_json_get(call->before, name));
}

struct mr_slice resource_attribute_value(const struct resource_call *call, const char *name)
{
    for (size_t i = 0; i < call->attribute_count; i++)
        if (strcmp(call->attributes[i].name, name) == 0)
            return call->attributes[i].value;
    return MR_S("");
}

void resource_attribute(struct resource_call *call, const char *name, struct mr_slice value)
{
    if (value.len == 0)
        return;
    for (size_t i = 0; i < call->attribute_count; i++)
        if (strcmp(call->attributes[i].name, name) == 0) {
            call->attributes[i].value = value;
            return;
        }
    if (call->attribute_count == RESOURCE_ATTRIBUTES_MAX)
        return;
    call->attributes[call->attribute_count].name = name;
    call->attributes[call->attribute_count++].value = value;
}

/* ---- failures ---- */

void resource_fail(struct resource_call *call, const char *format, ...)
{
    struct mr_buf text = {0};
    va_list args;
    va_start(args, format);
    mr_buf_vprintf(&text, format, args);
    va_end(args);
    if (call->reason.len == 0)
        call->reason = mr_arena_copy(call->arena, mr_buf_slice(&text));
    mr_buf_fini(&text);
}

bool resource_fault_is(const struct resource_call *call, const char *code)
{
    return call->fault.status != 0 && mr_slice_equal(call->fault.code, mr_slice_cstr(code));
}

static bool code_has(const struct resource_call *call, const char *word)
{
    return mr_slice_search(call->fault.code, mr_slice_cstr(word)) != SIZE_MAX;
}

bool resource_fault_is_gone(const struct resource_call *call)
{
    return call->fault.status == 404 || code_has(call, "NotFound") || code_has(call, "NoSuch");
}

static bool fault_is_exists(const struct resource_call *call)
{
    return code_has(call, "Exists") || code_has(call, "AlreadyOwned") ||
           resource_fault_is(call, "ResourceInUseException") ||
           resource_fault_is(call, "ResourceConflictException") ||
           resource_fault_is(call, "ConflictException");
}

bool resource_fault_is_ours(const struct resource_call *call)
{
    return call->resumed && fault_is_exists(call);
}

static const char *handler_code(const struct resource_call *call)
{
    if (fault_is_exists(call))
        return "AlreadyExists";
    if (resource_fault_is_gone(call))
        return "NotFound";
    if (code_has(call, "AccessDenied"))
        return "AccessDenied";
    if (code_has(call, "Limit") || code_has(call, "Throttl"))
        return "ServiceLimitExceeded";
    return call->fault.status == 400 ? "InvalidRequest" : "GeneralServiceException";
}

void resource_fail_fault(struct resource_call *call)
{
    if (mr_slice_equal(call->fault.code, MR_S("Property"))) { /* found before anything was sent */
        resource_fail(call, "%.*s", MR_ARG(call->fault.message));
        return;
    }
    char request_id[37], token[37];
    struct mr_rng *rng = call->cloudformation->options.rng;
    mr_rng_uuid(rng, request_id);
    mr_rng_uuid(rng, token);
    resource_fail(call,
                  "Resource handler returned message: \"%.*s (Service: %s, Status Code: %d, "
                  "Request ID: %s)\" (RequestToken: %s, HandlerErrorCode: %s)",
                  MR_ARG(call->fault.message), call->type->service, call->fault.status, request_id,
                  token, handler_code(call));
}

/* ---- waiting ---- */

enum resource_ready resource_is_gone(struct resource_call *call, yyjson_val *found)
{
    if (found != NULL)
        return RESOURCE_NOT_YET;
    if (resource_fault_is_gone(call))
        return RESOURCE_READY;
    resource_fail_fault(call);
    return RESOURCE_BROKEN;
}

bool resource_wait(struct resource_call *call, enum resource_ready (*probe)(struct resource_call *))
{
    const int64_t deadline_ms = mr_monotonic_ms() + RESOURCE_READY_MS_MAX;
    for (int wait_ms = 1;; wait_ms = wait_ms < 50 ? 2 * wait_ms : 50) {
        const enum resource_ready ready = probe(call);
        if (ready == RESOURCE_READY)
            return true;
        if (ready == RESOURCE_BROKEN)
            return false;
        if (mr_monotonic_ms() > deadline_ms) {
            resource_fail(call, "%s did not stabilize.", call->type->name);
            return false;
        }
        if (!cloudformation_pause(call->cloudformation, wait_ms)) {
            call->interrupted = true;
            return false;
        }
    }
}

bool resource_wait_signal(struct resource_call *call, struct mr_slice name, size_t known)
{
    switch (signal_wait(call->cloudformation, call->stack_uuid, call->stack_status, name, known)) {
    case SIGNAL_LOOK: return true;
    case SIGNAL_CLOSING: call->interrupted = true; return false;
    case SIGNAL_CALLED_OFF: break;
    }
    resource_fail(call, "Resource %s cancelled", call->before != NULL ? "update" : "creation");
    return false;
}

struct mr_slice resource_signal_name(const struct resource_call *call)
{
    return mr_arena_printf(call->arena, "%.*s/%.*s", MR_ARG(call->stack_uuid),
                           MR_ARG(call->logical));
}

bool resource_open_signal(struct resource_call *call, struct mr_slice *ret_url)
{
    const struct mr_slice name = resource_signal_name(call);
    enum mr_status status;
    while ((status = signal_open(call->cloudformation, call->arena, name, ret_url)) == MR_AGAIN)
        if (!resource_wait_signal(call, name, 0))
            return false;
    if (status != MR_OK)
        resource_fail(call, "The wait for signals could not be stored");
    return status == MR_OK;
}
