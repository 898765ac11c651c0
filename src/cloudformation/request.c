/* Requests of resources to the services. */
#include "cloudformation/internal.h"
#include "base/point.h"
#include "cloudformation/members.h"
#include "cloudformation/resource.h"
#include <assert.h>
#include <yyjson.h>

void request_open(struct request *request, struct resource_call *call, const char *service,
                  const char *operation)
{
    const struct model_service *model = model_service_find(mr_slice_cstr(service));
    assert(model != NULL);
    const struct model_operation *found = model_operation_find(model, mr_slice_cstr(operation));
    assert(found != NULL);
    *request = (struct request){
        .call = call,
        .service = service,
        .operation = operation,
        .model = model,
        .input = model_shape_at(model, found->input),
        .coercion = {.arena = call->arena, .model = model},
    };
    request->json = mr_json_make(&request->buf);
    mr_json_object(&request->json);
}

void request_text(struct request *request, const char *member, struct mr_slice value)
{
    mr_json_key_string(&request->json, member, value);
}

void request_value(struct request *request, const char *member, yyjson_val *value)
{
    if (value == NULL)
        return;
    const struct mr_slice name = mr_slice_cstr(member);
    const struct model_member *found = coerce_member(request->model, request->input, name);
    assert(found != NULL);
    mr_json_name(&request->json, model_text(request->model, found->name));
    coerce_value(&request->coercion, &request->json, &request->model->shapes[found->shape], value,
                 name);
}

bool request_reset(struct request *request, const char *member, const char *json)
{
    if (resource_property(request->call, member) != NULL ||
        mr_json_get(request->call->before, member) == NULL)
        return false;
    mr_json_key_raw(&request->json, member, mr_slice_cstr(json));
    return true;
}

void request_properties(struct request *request, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        request_value(request, names[i], resource_property(request->call, names[i]));
}

struct mr_slice resource_document(struct mr_arena *arena, yyjson_val *value)
{
    if (!yyjson_is_ctn(value))
        return mr_json_text(value);
    return mr_json_print(arena, value);
}

void request_document(struct request *request, const char *member, yyjson_val *value)
{
    if (value != NULL)
        request_text(request, member, resource_document(request->call->arena, value));
}

yyjson_val *resource_with(struct mr_arena *arena, yyjson_val *object, const char *member,
                          struct mr_slice value)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    yyjson_val *key, *item;
    size_t i, count;
    mr_json_object(&json);
    yyjson_obj_foreach(members_of(object), i, count, key, item)
    {
        if (!mr_slice_equal(mr_json_text(key), mr_slice_cstr(member))) {
            mr_json_name(&json, mr_json_text(key));
            mr_json_value(&json, item);
        }
    }
    mr_json_key_string(&json, member, value);
    mr_json_object_end(&json);
    yyjson_val *copy = mr_json_parse(arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX);
    mr_buf_fini(&buf);
    return copy;
}

/* ---- tags ---- */

static struct mr_slice tag_text(yyjson_val *tag, const char *name)
{
    yyjson_val *value = mr_json_get(tag, name);
    if (yyjson_is_bool(value))
        return yyjson_is_true(value) ? MR_S("true") : MR_S("false");
    return mr_json_text(value);
}

/* Names and values from both forms, the stack's own behind those of the resource. */
static yyjson_mut_val *collect_tags(struct request *request, yyjson_mut_doc *doc, yyjson_val *tags)
{
    yyjson_mut_val *all = yyjson_mut_obj(doc);
    yyjson_val *key, *item;
    size_t i, count;
    yyjson_obj_foreach(members_of(tags), i, count, key, item)
    {
        const struct mr_slice name = mr_json_text(key);
        yyjson_mut_obj_add(all, yyjson_mut_strncpy(doc, name.ptr, name.len),
                           yyjson_val_mut_copy(doc, item));
    }
    for (int from = 0; from < 2; from++) {
        yyjson_val *list = from == 0 ? tags : request->call->stack_tags;
        for (i = 0; i < yyjson_arr_size(list); i++) {
            const struct mr_slice name = tag_text(yyjson_arr_get(list, i), "Key");
            const struct mr_slice value = tag_text(yyjson_arr_get(list, i), "Value");
            if (yyjson_mut_obj_getn(all, name.ptr, name.len) == NULL)
                yyjson_mut_obj_add(
                    all, yyjson_mut_strncpy(doc, name.ptr, name.len),
                    yyjson_mut_strncpy(doc, value.len > 0 ? value.ptr : "", value.len));
        }
    }
    return all;
}

static void put_tags(struct request *request, const char *member, yyjson_val *tags, bool as_list)
{
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *all = collect_tags(request, doc, tags), *key, *value;
    struct mr_json *json = &request->json;
    size_t i, count;
    if (yyjson_mut_obj_size(all) > 0) {
        mr_json_key(json, member);
        (as_list ? mr_json_array : mr_json_object)(json);
        yyjson_mut_obj_foreach(all, i, count, key, value)
        {
            const struct mr_slice name =
                mr_slice_make(yyjson_mut_get_str(key), yyjson_mut_get_len(key));
            const struct mr_slice text =
                yyjson_mut_is_str(value)
                    ? mr_slice_make(yyjson_mut_get_str(value), yyjson_mut_get_len(value))
                : yyjson_mut_is_raw(value)
                    ? mr_slice_make(yyjson_mut_get_raw(value), yyjson_mut_get_len(value))
                    : MR_S("");
            if (as_list) {
                mr_json_object(json);
                mr_json_key_string(json, "Key", name);
                mr_json_key_string(json, "Value", text);
                mr_json_object_end(json);
            } else {
                mr_json_name(json, name);
                mr_json_string(json, text);
            }
        }
        (as_list ? mr_json_array_end : mr_json_object_end)(json);
    }
    yyjson_mut_doc_free(doc);
}

void request_tag_map(struct request *request, const char *member, yyjson_val *tags)
{
    put_tags(request, member, tags, false);
}

void request_tag_list(struct request *request, const char *member, yyjson_val *tags)
{
    put_tags(request, member, tags, true);
}

static bool has_tag(yyjson_val *tags, struct mr_slice name)
{
    for (size_t i = 0; i < yyjson_arr_size(tags); i++)
        if (mr_slice_equal(tag_text(yyjson_arr_get(tags, i), "Key"), name))
            return true;
    return yyjson_is_obj(tags) && mr_json_getn(tags, name) != NULL;
}

/* Writes the names that `before` has and `now` has not; how many. */
static size_t put_gone_tags(struct mr_json *json, yyjson_val *before, yyjson_val *now)
{
    yyjson_val *key, *value;
    size_t i, count, gone = 0;
    for (i = 0; i < yyjson_arr_size(before); i++) {
        const struct mr_slice name = tag_text(yyjson_arr_get(before, i), "Key");
        if (has_tag(now, name))
            continue;
        mr_json_string(json, name);
        gone++;
    }
    yyjson_obj_foreach(members_of(before), i, count, key, value)
    {
        if (has_tag(now, mr_json_text(key)))
            continue;
        mr_json_string(json, mr_json_text(key));
        gone++;
    }
    return gone;
}

static void open_tagging(struct request *request, struct resource_call *call,
                         const struct resource_tagging *tagging, const char *operation,
                         struct mr_slice id)
{
    request_open(request, call, tagging->service, operation);
    request_text(request, tagging->id_member, id);
    if (tagging->kind != NULL)
        mr_json_key_cstr(&request->json, tagging->kind_member, tagging->kind);
}

bool resource_retag(struct resource_call *call, const struct resource_tagging *tagging,
                    struct mr_slice id)
{
    struct request request;
    yyjson_val *now = resource_property(call, "Tags");
    if (!resource_changed(call, "Tags"))
        return true;
    open_tagging(&request, call, tagging, tagging->untag, id);
    mr_json_key(&request.json, tagging->untagged_member);
    mr_json_array(&request.json);
    const size_t gone = put_gone_tags(&request.json, mr_json_get(call->before, "Tags"), now);
    mr_json_array_end(&request.json);
    if (gone == 0)
        mr_buf_fini(&request.buf);
    else if (!request_done(&request))
        return false;
    if (yyjson_arr_size(now) + yyjson_obj_size(now) == 0)
        return true;
    open_tagging(&request, call, tagging, tagging->tag, id);
    put_tags(&request, tagging->tags_member, now, tagging->as_list);
    return request_done(&request);
}

/* ---- sending ---- */

yyjson_val *request_send(struct request *request)
{
    struct resource_call *call = request->call;
    mr_json_object_end(&request->json);
    const struct mr_slice input = mr_arena_copy(call->arena, mr_buf_slice(&request->buf));
    mr_buf_fini(&request->buf);
    call->fault.status = 0;
    if (request->coercion.error.len > 0) {
        call->fault.status = 400;
        call->fault.code = MR_S("Property");
        call->fault.message = request->coercion.error;
        return NULL;
    }
    struct protocol_result result;
    mr_point(MR_POINT_CLOUDFORMATION_STEP);
    const enum mr_status status =
        protocol_invoke_in(call->cloudformation->options.protocol, call->arena, call->region,
                           request->service, request->operation, input, request->payload, &result);
    mr_point(MR_POINT_CLOUDFORMATION_STEPPED);
    if (status != MR_OK) {
        call->fault.status = 500;
        call->fault.code = MR_S("InternalFailure");
        call->fault.message = MR_S("The request could not be carried out");
        return NULL;
    }
    if (result.code.len > 0 || result.status >= 300) {
        call->fault.status = result.status;
        call->fault.code = result.code;
        call->fault.message = result.message;
        return NULL;
    }
    yyjson_val *output = mr_json_parse(call->arena, result.output, MR_JSON_DEPTH_MAX);
    return output != NULL ? output : mr_json_parse(call->arena, MR_S("{}"), 2);
}

bool request_done(struct request *request)
{
    if (request_send(request) != NULL)
        return true;
    resource_fail_fault(request->call);
    return false;
}

bool request_create(struct request *request)
{
    struct resource_call *call = request->call;
    if (request_send(request) != NULL || resource_fault_is_ours(call))
        return true;
    resource_fail_fault(call);
    call->physical = MR_S("");
    return false;
}

void request_drop(struct request *request,
                  enum resource_ready (*is_gone)(struct resource_call *call))
{
    struct resource_call *call = request->call;
    if (request_send(request) == NULL) {
        if (!resource_fault_is_gone(call))
            resource_fail_fault(call);
    } else if (is_gone != NULL) {
        (void)resource_wait(call, is_gone);
    }
}
