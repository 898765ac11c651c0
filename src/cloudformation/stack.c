/* Stacks as documents. */
#include "cloudformation/internal.h"
#include "cloudformation/members.h"

static const char service[] = "cloudformation";

bool stack_has_status(const struct stack *stack, const char *status)
{
    return mr_slice_equal(stack->status, mr_slice_cstr(status));
}

bool stack_is_busy(const struct stack *stack)
{
    return mr_slice_ends_with(stack->status, MR_S("_IN_PROGRESS")) &&
           !stack_has_status(stack, "REVIEW_IN_PROGRESS");
}

/* ---- JSON ---- */

void stack_version_write(struct mr_json *json, const struct stack_version *version)
{
    mr_json_object(json);
    mr_json_key_int(json, "template", version->template);
    mr_json_key_string(json, "description", version->description);
    mr_json_key_value(json, "parameters", version->parameters);
    mr_json_key_value(json, "resolved", version->resolved);
    mr_json_key_value(json, "secrets", version->secrets);
    mr_json_key_value(json, "tags", version->tags);
    mr_json_key_value(json, "capabilities", version->capabilities);
    mr_json_key_value(json, "notifications", version->notifications);
    mr_json_key_value(json, "imports", version->imports);
    mr_json_object_end(json);
}

yyjson_val *stack_version_parameter(const struct stack_version *version, struct mr_slice name)
{
    yyjson_val *value = mr_json_getn(version->resolved, name);
    return value != NULL ? value : mr_json_getn(version->parameters, name);
}

static bool is_secret(const struct stack_version *version, struct mr_slice name)
{
    for (size_t i = 0; i < yyjson_arr_size(version->secrets); i++)
        if (mr_slice_equal(mr_json_text(yyjson_arr_get(version->secrets, i)), name))
            return true;
    return false;
}

void stack_version_write_parameters(struct mr_json *json, const struct stack_version *version)
{
    const struct mr_slice hidden = MR_S("****");
    yyjson_val *key, *value;
    size_t i, count;
    if (yyjson_obj_size(version->parameters) == 0)
        return;
    mr_json_key(json, "Parameters");
    mr_json_array(json);
    yyjson_obj_foreach(members_of(version->parameters), i, count, key, value)
    {
        const struct mr_slice name = mr_json_text(key);
        const bool secret = is_secret(version, name);
        yyjson_val *resolved = mr_json_getn(version->resolved, name);
        mr_json_object(json);
        mr_json_key_string(json, "ParameterKey", name);
        mr_json_key_string(json, "ParameterValue", secret ? hidden : mr_json_text(value));
        if (resolved != NULL)
            mr_json_key_string(json, "ResolvedValue", secret ? hidden : mr_json_text(resolved));
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
}

struct stack_version stack_version_read(yyjson_val *object)
{
    return (struct stack_version){
        .template = mr_json_get_i64(object, "template", 0),
        .description = mr_json_get_text(object, "description"),
        .parameters = mr_json_get(object, "parameters"),
        .resolved = mr_json_get(object, "resolved"),
        .secrets = mr_json_get(object, "secrets"),
        .tags = mr_json_get(object, "tags"),
        .capabilities = mr_json_get(object, "capabilities"),
        .notifications = mr_json_get(object, "notifications"),
        .imports = mr_json_get(object, "imports"),
    };
}

static void write_texts(struct mr_json *json, const struct stack *stack)
{
    mr_json_key_string(json, "uuid", stack->uuid);
    mr_json_key_string(json, "id", stack->id);
    mr_json_key_string(json, "name", stack->name);
    mr_json_key_string(json, "region", stack->region);
    mr_json_key_string(json, "account", stack->account);
    mr_json_key_string(json, "status", stack->status);
    mr_json_key_string(json, "reason", stack->reason);
    mr_json_key_string(json, "change_set", stack->change_set);
    mr_json_key_string(json, "token", stack->token);
    mr_json_key_string(json, "on_failure", stack->on_failure);
    mr_json_key_string(json, "role", stack->role);
    mr_json_key_string(json, "parent", stack->parent);
    mr_json_key_string(json, "root", stack->root);
    mr_json_key_string(json, "policy", stack->policy);
    mr_json_key_string(json, "policy_now", stack->policy_now);
}

void stack_put(struct store_entry *entry, const struct stack *stack)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    write_texts(&json, stack);
    mr_json_key_int(&json, "created_ms", stack->created_ms);
    mr_json_key_int(&json, "updated_ms", stack->updated_ms);
    mr_json_key_int(&json, "deleted_ms", stack->deleted_ms);
    mr_json_key_int(&json, "operation", stack->operation);
    mr_json_key_int(&json, "template_last", stack->template_last);
    mr_json_key_int(&json, "timeout_minutes", stack->timeout_minutes);
    mr_json_key_bool(&json, "protection", stack->protection);
    mr_json_key_bool(&json, "disable_rollback", stack->disable_rollback);
    mr_json_key_value(&json, "outputs", stack->outputs);
    mr_json_key_value(&json, "retain", stack->retain);
    mr_json_key(&json, "now");
    stack_version_write(&json, &stack->now);
    if (stack->target.template != 0) {
        mr_json_key(&json, "target");
        stack_version_write(&json, &stack->target);
    }
    mr_json_object_end(&json);
    store_doc_put(entry, service, "stack", stack->uuid,
                  mr_arena_copy(entry->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
}

static struct stack read_stack(yyjson_val *doc)
{
    return (struct stack){
        .uuid = mr_json_get_text(doc, "uuid"),
        .id = mr_json_get_text(doc, "id"),
        .name = mr_json_get_text(doc, "name"),
        .region = mr_json_get_text(doc, "region"),
        .account = mr_json_get_text(doc, "account"),
        .status = mr_json_get_text(doc, "status"),
        .reason = mr_json_get_text(doc, "reason"),
        .change_set = mr_json_get_text(doc, "change_set"),
        .token = mr_json_get_text(doc, "token"),
        .on_failure = mr_json_get_text(doc, "on_failure"),
        .role = mr_json_get_text(doc, "role"),
        .parent = mr_json_get_text(doc, "parent"),
        .root = mr_json_get_text(doc, "root"),
        .policy = mr_json_get_text(doc, "policy"),
        .policy_now = mr_json_get_text(doc, "policy_now"),
        .created_ms = mr_json_get_i64(doc, "created_ms", 0),
        .updated_ms = mr_json_get_i64(doc, "updated_ms", 0),
        .deleted_ms = mr_json_get_i64(doc, "deleted_ms", 0),
        .operation = mr_json_get_i64(doc, "operation", 0),
        .template_last = mr_json_get_i64(doc, "template_last", 0),
        .timeout_minutes = mr_json_get_i64(doc, "timeout_minutes", 0),
        .protection = mr_json_get_bool(doc, "protection", false),
        .disable_rollback = mr_json_get_bool(doc, "disable_rollback", false),
        .outputs = mr_json_get(doc, "outputs"),
        .retain = mr_json_get(doc, "retain"),
        .now = stack_version_read(mr_json_get(doc, "now")),
        .target = stack_version_read(mr_json_get(doc, "target")),
    };
}

/* ---- finding ---- */

static enum mr_status parse_stack(struct mr_arena *arena, struct mr_slice text,
                                  struct stack *ret_stack)
{
    yyjson_val *doc = mr_json_parse(arena, text, MR_JSON_DEPTH_MAX);
    if (doc == NULL)
        return MR_RAISE(MR_FAIL_DATA, "a stored stack is no JSON");
    *ret_stack = read_stack(doc);
    return MR_OK;
}

enum mr_status stack_get(struct cloudformation *cloudformation, struct mr_arena *arena,
                         struct mr_slice uuid, struct stack *ret_stack)
{
    struct mr_slice text;
    const enum mr_status status =
        store_doc_get(cloudformation->options.store, arena, service, "stack", uuid, &text);
    return status == MR_OK ? parse_stack(arena, text, ret_stack) : status;
}

enum mr_status stack_find(struct cloudformation *cloudformation, struct mr_arena *arena,
                          struct mr_slice name_or_id, struct stack *ret_stack)
{
    struct mr_slice text;
    if (mr_slice_starts_with(name_or_id, MR_S("arn:"))) {
        size_t slash = name_or_id.len;
        while (slash > 0 && name_or_id.ptr[slash - 1] != '/')
            slash--;
        const enum mr_status status =
            stack_get(cloudformation, arena, mr_slice_sub(name_or_id, slash, SIZE_MAX), ret_stack);
        if (status != MR_OK)
            return status;
        return mr_slice_equal(ret_stack->id, name_or_id) ? MR_OK : MR_NOT_FOUND;
    }
    const enum mr_status status =
        store_doc_get(cloudformation->options.store, arena, service, "name", name_or_id, &text);
    if (status != MR_OK)
        return status;
    return stack_get(cloudformation, arena, mr_json_get_text(mr_json_parse(arena, text, 4), "uuid"),
                     ret_stack);
}

void stack_name_put(struct store_entry *entry, const struct stack *stack)
{
    store_doc_put(entry, service, "name", stack->name,
                  mr_arena_printf(entry->arena, "{\"uuid\":\"%.*s\"}", MR_ARG(stack->uuid)));
}

void stack_name_delete(struct store_entry *entry, const struct stack *stack)
{
    store_doc_delete(entry, service, "name", stack->name);
}

struct each {
    struct mr_arena *arena;
    enum mr_status (*fn)(void *ctx, const struct stack *stack);
    void *ctx;
};

static enum mr_status each_one(void *ctx, struct mr_slice name, struct mr_slice json)
{
    const struct each *each = ctx;
    struct stack stack;
    (void)name;
    const enum mr_status status = parse_stack(each->arena, json, &stack);
    return status == MR_OK ? each->fn(each->ctx, &stack) : status;
}

enum mr_status stack_each(struct cloudformation *cloudformation, struct mr_arena *arena,
                          enum mr_status (*fn)(void *ctx, const struct stack *stack), void *ctx)
{
    struct each each = {.arena = arena, .fn = fn, .ctx = ctx};
    return store_doc_each(cloudformation->options.store, service, "stack", MR_S(""), each_one,
                          &each);
}

/* ---- templates ---- */

static struct mr_slice template_name(struct mr_arena *arena, const struct stack *stack,
                                     int64_t number)
{
    return mr_arena_printf(arena, "%.*s/%lld", MR_ARG(stack->uuid), (long long)number);
}

void stack_template_put(struct store_entry *entry, const struct stack *stack, int64_t number,
                        const struct template *template)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "body", template->body);
    mr_json_key_string(&json, "processed", template->processed);
    mr_json_object_end(&json);
    store_doc_put(entry, service, "template", template_name(entry->arena, stack, number),
                  mr_arena_copy(entry->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
}

void stack_template_delete(struct store_entry *entry, const struct stack *stack, int64_t number)
{
    store_doc_delete(entry, service, "template", template_name(entry->arena, stack, number));
}

static enum mr_status get_text(struct cloudformation *cloudformation, struct mr_arena *arena,
                               const struct stack *stack, int64_t number, yyjson_val **ret_doc)
{
    struct mr_slice text;
    const enum mr_status status =
        store_doc_get(cloudformation->options.store, arena, service, "template",
                      template_name(arena, stack, number), &text);
    if (status == MR_OK)
        *ret_doc = mr_json_parse(arena, text, 4);
    return status;
}

enum mr_status stack_template_get(struct cloudformation *cloudformation, struct mr_arena *arena,
                                  const struct stack *stack, int64_t number,
                                  struct mr_slice *ret_body)
{
    yyjson_val *doc = NULL;
    const enum mr_status status = get_text(cloudformation, arena, stack, number, &doc);
    if (status == MR_OK)
        *ret_body = mr_json_get_text(doc, "body");
    return status;
}

enum mr_status stack_template_processed(struct cloudformation *cloudformation,
                                        struct mr_arena *arena, const struct stack *stack,
                                        int64_t number, struct mr_slice *ret_text,
                                        bool *ret_is_processed)
{
    yyjson_val *doc = NULL;
    const enum mr_status status = get_text(cloudformation, arena, stack, number, &doc);
    if (status != MR_OK)
        return status;
    const struct mr_slice processed = mr_json_get_text(doc, "processed");
    *ret_is_processed = processed.len > 0;
    *ret_text = processed.len > 0 ? processed : mr_json_get_text(doc, "body");
    return MR_OK;
}

/* ---- removal ---- */

struct purge {
    struct store_entry *entry;
    const char *kind;
};

static enum mr_status purge_one(void *ctx, struct mr_slice name, struct mr_slice json)
{
    const struct purge *purge = ctx;
    (void)json;
    store_doc_delete(purge->entry, service, purge->kind, mr_arena_copy(purge->entry->arena, name));
    return MR_OK;
}

enum mr_status stack_purge(struct cloudformation *cloudformation, struct mr_arena *arena,
                           struct store_entry *entry, const struct stack *stack)
{
    static const char *const kinds[] = {"template", "resource", "event", "changeset", "signal"};
    const struct mr_slice prefix = mr_arena_printf(arena, "%.*s/", MR_ARG(stack->uuid));
    for (size_t i = 0; i < MR_COUNT(kinds); i++) {
        struct purge purge = {.entry = entry, .kind = kinds[i]};
        const enum mr_status status = store_doc_each(cloudformation->options.store, service,
                                                     kinds[i], prefix, purge_one, &purge);
        if (status != MR_OK)
            return status;
    }
    store_doc_delete(entry, service, "stack", stack->uuid);
    return MR_OK;
}

/* ---- exports ---- */

struct import {
    struct mr_slice name, value, stack_id;
};

static enum mr_status import_from(void *ctx, const struct stack *stack)
{
    struct import *import = ctx;
    for (size_t i = 0; stack->deleted_ms == 0 && i < yyjson_arr_size(stack->outputs); i++) {
        yyjson_val *output = yyjson_arr_get(stack->outputs, i);
        if (mr_slice_equal(mr_json_get_text(output, "ExportName"), import->name)) {
            import->value = mr_json_get_text(output, "OutputValue");
            import->stack_id = stack->id;
            return MR_END;
        }
    }
    return MR_OK;
}

enum mr_status stack_import(struct cloudformation *cloudformation, struct mr_arena *arena,
                            struct mr_slice name, struct mr_slice *ret_value,
                            struct mr_slice *ret_stack_id)
{
    struct import import = {.name = name};
    const enum mr_status status = stack_each(cloudformation, arena, import_from, &import);
    if (status < 0)
        return status;
    if (import.stack_id.len == 0)
        return MR_NOT_FOUND;
    *ret_value = import.value;
    *ret_stack_id = import.stack_id;
    return MR_OK;
}
