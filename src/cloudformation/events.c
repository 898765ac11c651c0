/* What happened to a stack, event by event. */
#include "cloudformation/internal.h"

static const char service[] = "cloudformation";

/* Rises with time, also within a millisecond; the lock is held. */
static int64_t next_number(struct cloudformation *cloudformation)
{
    const int64_t now = store_now(cloudformation->options.store) << 16;
    int64_t *last = &cloudformation->locked.event_last;
    *last = now > *last ? now : *last + 1;
    return *last;
}

static struct mr_slice event_id(struct cloudformation *cloudformation, struct mr_arena *arena,
                                const struct stack_resource *record, const char *status,
                                int64_t now_ms)
{
    char text[40];
    if (record == NULL) {
        mr_rng_uuid(cloudformation->options.rng, text);
        return mr_arena_copy(arena, mr_slice_make(text, 36));
    }
    const struct mr_slice time = mr_date_iso8601(now_ms, text);
    return mr_arena_printf(arena, "%.*s-%s-%.*s", MR_ARG(record->logical), status, MR_ARG(time));
}

void event_add(struct cloudformation *cloudformation, struct store_entry *entry,
               const struct stack *stack, const struct stack_resource *record, const char *status,
               struct mr_slice physical, struct mr_slice reason)
{
    struct mr_arena *arena = entry->arena;
    const int64_t number = next_number(cloudformation);
    const int64_t now_ms = store_now(cloudformation->options.store);
    struct mr_buf buf = {0}, properties = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "StackId", stack->id);
    mr_json_key_string(&json, "EventId", event_id(cloudformation, arena, record, status, now_ms));
    mr_json_key_string(&json, "StackName", stack->name);
    mr_json_key_string(&json, "LogicalResourceId", record == NULL ? stack->name : record->logical);
    mr_json_key_string(&json, "PhysicalResourceId", record == NULL ? stack->id : physical);
    mr_json_key_string(&json, "ResourceType",
                       record == NULL ? MR_S("AWS::CloudFormation::Stack") : record->type);
    mr_json_key_timestamp(&json, "Timestamp", now_ms);
    mr_json_key_cstr(&json, "ResourceStatus", status);
    if (reason.len > 0)
        mr_json_key_string(&json, "ResourceStatusReason", reason);
    if (record != NULL && record->properties != NULL) {
        struct mr_json inner = mr_json_make(&properties);
        mr_json_value(&inner, record->properties);
        mr_json_key_string(&json, "ResourceProperties", mr_buf_slice(&properties));
    }
    if (stack->token.len > 0)
        mr_json_key_string(&json, "ClientRequestToken", stack->token);
    mr_json_object_end(&json);
    store_doc_put(
        entry, service, "event",
        mr_arena_printf(arena, "%.*s/%016llx", MR_ARG(stack->uuid), (unsigned long long)number),
        mr_arena_copy(arena, mr_buf_slice(&buf)));
    mr_buf_fini(&properties);
    mr_buf_fini(&buf);
}

struct trim {
    struct store_entry *entry;
    size_t seen, drop; /* drop: how many of the oldest go */
};

static enum mr_status count_one(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct trim *trim = ctx;
    (void)name;
    (void)json;
    trim->seen++;
    return MR_OK;
}

static enum mr_status drop_one(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct trim *trim = ctx;
    (void)json;
    if (trim->drop == 0)
        return MR_END;
    trim->drop--;
    store_doc_delete(trim->entry, service, "event", mr_arena_copy(trim->entry->arena, name));
    return MR_OK;
}

enum mr_status event_trim(struct cloudformation *cloudformation, struct mr_arena *arena,
                          struct store_entry *entry, const struct stack *stack)
{
    struct store *store = cloudformation->options.store;
    const struct mr_slice prefix = mr_arena_printf(arena, "%.*s/", MR_ARG(stack->uuid));
    struct trim trim = {.entry = entry};
    const enum mr_status status = store_doc_each(store, service, "event", prefix, count_one, &trim);
    if (status != MR_OK || trim.seen <= CLOUDFORMATION_EVENTS_MAX)
        return status;
    trim.drop = trim.seen - CLOUDFORMATION_EVENTS_MAX;
    return store_doc_each(store, service, "event", prefix, drop_one, &trim);
}
