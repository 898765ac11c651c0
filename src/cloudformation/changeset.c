/* Change sets as documents. */
#include "base/log.h"
#include "cloudformation/internal.h"

static const char service[] = "cloudformation";

static struct mr_slice set_key(struct mr_arena *arena, const struct stack *stack,
                               struct mr_slice uuid)
{
    return mr_arena_printf(arena, "%.*s/%.*s", MR_ARG(stack->uuid), MR_ARG(uuid));
}

void change_set_put(struct store_entry *entry, const struct stack *stack,
                    const struct change_set *set)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "uuid", set->uuid);
    mr_json_key_string(&json, "id", set->id);
    mr_json_key_string(&json, "name", set->name);
    mr_json_key_string(&json, "description", set->description);
    mr_json_key_string(&json, "type", set->type);
    mr_json_key_string(&json, "status", set->status);
    mr_json_key_string(&json, "execution", set->execution);
    mr_json_key_string(&json, "reason", set->reason);
    mr_json_key_string(&json, "on_failure", set->on_failure);
    mr_json_key_string(&json, "stack", stack->uuid);
    mr_json_key_int(&json, "created_ms", set->created_ms);
    mr_json_key(&json, "version");
    stack_version_write(&json, &set->version);
    mr_json_key_value(&json, "changes", set->changes);
    mr_json_object_end(&json);
    store_doc_put(entry, service, "changeset", set_key(entry->arena, stack, set->uuid),
                  mr_arena_copy(entry->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
}

static struct change_set read_set(yyjson_val *doc)
{
    return (struct change_set){
        .uuid = mr_json_get_text(doc, "uuid"),
        .id = mr_json_get_text(doc, "id"),
        .name = mr_json_get_text(doc, "name"),
        .description = mr_json_get_text(doc, "description"),
        .type = mr_json_get_text(doc, "type"),
        .status = mr_json_get_text(doc, "status"),
        .execution = mr_json_get_text(doc, "execution"),
        .reason = mr_json_get_text(doc, "reason"),
        .on_failure = mr_json_get_text(doc, "on_failure"),
        .created_ms = mr_json_get_i64(doc, "created_ms", 0),
        .version = stack_version_read(mr_json_get(doc, "version")),
        .changes = mr_json_get(doc, "changes"),
    };
}

struct each {
    struct mr_arena *arena;
    void (*fn)(void *ctx, const struct change_set *set, struct mr_slice stack_uuid);
    void *ctx;
};

static enum mr_status each_one(void *ctx, struct mr_slice name, struct mr_slice json)
{
    const struct each *each = ctx;
    (void)name;
    yyjson_val *doc = mr_json_parse(each->arena, json, MR_JSON_DEPTH_MAX);
    if (doc == NULL)
        return MR_RAISE(MR_FAIL_DATA, "a stored change set is no JSON");
    const struct change_set set = read_set(doc);
    each->fn(each->ctx, &set, mr_json_get_text(doc, "stack"));
    return MR_OK;
}

enum mr_status change_set_each(
    struct cloudformation *cloudformation, struct mr_arena *arena, const struct stack *stack,
    void (*fn)(void *ctx, const struct change_set *set, struct mr_slice stack_uuid), void *ctx)
{
    struct each each = {.arena = arena, .fn = fn, .ctx = ctx};
    const struct mr_slice prefix =
        stack->uuid.len == 0 ? MR_S("") : set_key(arena, stack, MR_S(""));
    return store_doc_each(cloudformation->options.store, service, "changeset", prefix, each_one,
                          &each);
}

struct search {
    struct mr_slice name_or_id;
    bool is_id, found;
    struct change_set set;
    struct mr_slice stack_uuid;
};

static void search_one(void *ctx, const struct change_set *set, struct mr_slice stack_uuid)
{
    struct search *search = ctx;
    if (!mr_slice_equal(search->is_id ? set->id : set->name, search->name_or_id) ||
        (search->found && set->created_ms < search->set.created_ms))
        return;
    search->found = true;
    search->set = *set;
    search->stack_uuid = stack_uuid;
}

static enum mr_status search_for(struct cloudformation *cloudformation, struct mr_arena *arena,
                                 const struct stack *stack, struct search *search)
{
    search->is_id = mr_slice_starts_with(search->name_or_id, MR_S("arn:"));
    const enum mr_status status = change_set_each(cloudformation, arena, stack, search_one, search);
    return status != MR_OK ? status : search->found ? MR_OK : MR_NOT_FOUND;
}

enum mr_status change_set_find(struct cloudformation *cloudformation, struct mr_arena *arena,
                               const struct stack *stack, struct mr_slice name_or_id,
                               struct change_set *ret_set)
{
    struct search search = {.name_or_id = name_or_id};
    const enum mr_status status = search_for(cloudformation, arena, stack, &search);
    if (status == MR_OK)
        *ret_set = search.set;
    return status;
}

enum mr_status change_set_stack(struct cloudformation *cloudformation, struct mr_arena *arena,
                                struct mr_slice id, struct stack *ret_stack)
{
    const struct stack any = {0};
    struct search search = {.name_or_id = id};
    const enum mr_status status = search_for(cloudformation, arena, &any, &search);
    return status == MR_OK ? stack_get(cloudformation, arena, search.stack_uuid, ret_stack)
                           : status;
}

void change_set_delete(struct store_entry *entry, const struct stack *stack,
                       const struct change_set *set)
{
    store_doc_delete(entry, service, "changeset", set_key(entry->arena, stack, set->uuid));
    if (set->version.template != stack->now.template &&
        set->version.template != stack->target.template)
        stack_template_delete(entry, stack, set->version.template);
}

struct finish {
    struct store_entry *entry;
    const struct stack *stack;
    bool good;
};

static void finish_one(void *ctx, const struct change_set *set, struct mr_slice stack_uuid)
{
    const struct finish *finish = ctx;
    struct change_set changed = *set;
    (void)stack_uuid;
    if (mr_slice_equal(set->execution, MR_S("EXECUTE_IN_PROGRESS")))
        changed.execution = finish->good ? MR_S("EXECUTE_COMPLETE") : MR_S("EXECUTE_FAILED");
    else if (mr_slice_equal(set->execution, MR_S("AVAILABLE")))
        changed.execution = MR_S("OBSOLETE");
    else
        return;
    change_set_put(finish->entry, finish->stack, &changed);
}

void change_set_finish(struct cloudformation *cloudformation, struct mr_arena *arena,
                       struct store_entry *entry, const struct stack *stack, bool good)
{
    struct finish finish = {.entry = entry, .stack = stack, .good = good};
    if (change_set_each(cloudformation, arena, stack, finish_one, &finish) != MR_OK)
        mr_log(MR_LOG_ERROR, "cloudformation", "cannot read the change sets of stack '%.*s'",
               MR_ARG(stack->name));
}
