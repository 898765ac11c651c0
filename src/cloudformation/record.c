/* The resources of a stack as documents. */
#include "cloudformation/graph.h"
#include "cloudformation/internal.h"

static const char service[] = "cloudformation";

static struct mr_slice record_name(struct mr_arena *arena, const struct stack *stack,
                                   struct mr_slice logical)
{
    return mr_arena_printf(arena, "%.*s/%.*s", MR_ARG(stack->uuid), MR_ARG(logical));
}

void record_put(struct store_entry *entry, const struct stack *stack,
                const struct stack_resource *record)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "logical", record->logical);
    mr_json_key_string(&json, "type", record->type);
    mr_json_key_string(&json, "physical", record->physical);
    mr_json_key_string(&json, "status", record->status);
    mr_json_key_string(&json, "reason", record->reason);
    mr_json_key_string(&json, "intended", record->intended);
    mr_json_key_string(&json, "token", record->token);
    mr_json_key_int(&json, "changed_ms", record->changed_ms);
    mr_json_key_int(&json, "operation", record->operation);
    mr_json_key_value(&json, "properties", record->properties);
    mr_json_key_value(&json, "attributes", record->attributes);
    mr_json_key_value(&json, "depends", record->depends);
    mr_json_key_bool(&json, "retain", record->retain);
    mr_json_key_bool(&json, "retain_replaced", record->retain_replaced);
    mr_json_key_bool(&json, "found", record->found);
    mr_json_key_bool(&json, "fresh", record->fresh);
    mr_json_key_bool(&json, "replaced", record->replaced);
    mr_json_key_value(&json, "previous", record->previous);
    mr_json_key_value(&json, "doomed", record->doomed);
    mr_json_object_end(&json);
    store_doc_put(entry, service, "resource", record_name(entry->arena, stack, record->logical),
                  mr_arena_copy(entry->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
}

void record_delete(struct store_entry *entry, const struct stack *stack, struct mr_slice logical)
{
    store_doc_delete(entry, service, "resource", record_name(entry->arena, stack, logical));
}

static struct stack_resource read_record(yyjson_val *doc)
{
    return (struct stack_resource){
        .logical = mr_json_get_text(doc, "logical"),
        .type = mr_json_get_text(doc, "type"),
        .physical = mr_json_get_text(doc, "physical"),
        .status = mr_json_get_text(doc, "status"),
        .reason = mr_json_get_text(doc, "reason"),
        .intended = mr_json_get_text(doc, "intended"),
        .token = mr_json_get_text(doc, "token"),
        .changed_ms = mr_json_get_i64(doc, "changed_ms", 0),
        .operation = mr_json_get_i64(doc, "operation", 0),
        .properties = mr_json_get(doc, "properties"),
        .attributes = mr_json_get(doc, "attributes"),
        .depends = mr_json_get(doc, "depends"),
        .retain = mr_json_get_bool(doc, "retain", false),
        .retain_replaced = mr_json_get_bool(doc, "retain_replaced", false),
        .found = mr_json_get_bool(doc, "found", false),
        .fresh = mr_json_get_bool(doc, "fresh", false),
        .replaced = mr_json_get_bool(doc, "replaced", false),
        .previous = mr_json_get(doc, "previous"),
        .doomed = mr_json_get(doc, "doomed"),
    };
}

struct load {
    struct mr_arena *arena;
    struct record_list *list;
};

static enum mr_status load_one(void *ctx, struct mr_slice name, struct mr_slice json)
{
    const struct load *load = ctx;
    (void)name;
    yyjson_val *doc = mr_json_parse(load->arena, json, MR_JSON_DEPTH_MAX);
    if (doc == NULL)
        return MR_RAISE(MR_FAIL_DATA, "a stored stack resource is no JSON");
    struct stack_resource *record = MR_NEW(load->arena, struct stack_resource);
    *record = read_record(doc);
    record_add(load->arena, load->list, record);
    return MR_OK;
}

enum mr_status record_load(struct cloudformation *cloudformation, struct mr_arena *arena,
                           const struct stack *stack, struct record_list *ret_list)
{
    *ret_list = (struct record_list){0};
    struct load load = {.arena = arena, .list = ret_list};
    return store_doc_each(cloudformation->options.store, service, "resource",
                          record_name(arena, stack, MR_S("")), load_one, &load);
}

struct stack_resource *record_find(const struct record_list *list, struct mr_slice logical)
{
    for (size_t i = 0; i < list->count; i++)
        if (mr_slice_equal(list->items[i]->logical, logical))
            return list->items[i];
    return NULL;
}

void record_add(struct mr_arena *arena, struct record_list *list, struct stack_resource *record)
{
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity == 0 ? 32 : 2 * list->capacity;
        list->items = mr_arena_realloc(arena, list->items, list->capacity * sizeof *list->items,
                                       capacity * sizeof *list->items);
        list->capacity = capacity;
    }
    list->items[list->count++] = record;
}

void record_remove(struct record_list *list, const struct stack_resource *record)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i] != record)
            continue;
        memmove(&list->items[i], &list->items[i + 1], (list->count - i - 1) * sizeof *list->items);
        list->count--;
        return;
    }
}

struct stack_resource **record_order(struct mr_arena *arena, const struct record_list *list,
                                     bool reverse)
{
    struct graph graph;
    struct mr_slice *circle;
    size_t circle_count;
    size_t *order = MR_NEW_ARRAY(arena, size_t, list->count + 1);
    struct stack_resource **sorted = MR_NEW_ARRAY(arena, struct stack_resource *, list->count + 1);
    graph_init(arena, &graph, list->count);
    for (size_t i = 0; i < list->count; i++)
        graph_add(&graph, list->items[i]->logical, list->items[i]->type);
    for (size_t i = 0; i < list->count; i++)
        for (size_t j = 0; j < yyjson_arr_size(list->items[i]->depends); j++)
            graph_need(arena, &graph, i, mr_json_text(yyjson_arr_get(list->items[i]->depends, j)));
    /* Old and new dependencies may stand side by side after a failed update, and form a circle. */
    const bool is_sorted = graph_sort(arena, &graph, order, &circle, &circle_count) == MR_OK;
    for (size_t i = 0; i < list->count; i++)
        sorted[reverse ? list->count - 1 - i : i] = list->items[is_sorted ? order[i] : i];
    return sorted;
}

enum mr_status record_value(const struct stack_resource *record, struct mr_slice attribute,
                            struct mr_slice *ret_value)
{
    yyjson_val *value = mr_json_getn(record->attributes, attribute);
    if (attribute.len > 0 && value == NULL)
        return MR_NOT_FOUND;
    *ret_value = attribute.len > 0 ? mr_json_text(value) : record->physical;
    return MR_OK;
}
