/* Exports that others import: they stay as they are. */
#include "cloudformation/internal.h"

struct importers {
    struct mr_json json;
    struct mr_slice name;
    const struct stack *except;
};

static bool has(yyjson_val *list, struct mr_slice name)
{
    for (size_t i = 0; i < yyjson_arr_size(list); i++)
        if (mr_slice_equal(mr_json_text(yyjson_arr_get(list, i)), name))
            return true;
    return false;
}

static enum mr_status note_importer(void *ctx, const struct stack *stack)
{
    struct importers *importers = ctx;
    const bool is_other =
        importers->except == NULL || !mr_slice_equal(importers->except->uuid, stack->uuid);
    const bool is_alive = stack->deleted_ms == 0 && !stack_has_status(stack, "ROLLBACK_COMPLETE");
    if (is_alive && is_other &&
        (has(stack->now.imports, importers->name) || has(stack->target.imports, importers->name)))
        mr_json_string(&importers->json, stack->name);
    return MR_OK;
}

enum mr_status exports_importers(struct cloudformation *cloudformation, struct mr_arena *arena,
                                 struct mr_slice name, const struct stack *except,
                                 yyjson_val **ret_names)
{
    struct mr_buf buf = {0};
    struct importers importers = {.json = mr_json_make(&buf), .name = name, .except = except};
    mr_json_array(&importers.json);
    const enum mr_status status = stack_each(cloudformation, arena, note_importer, &importers);
    mr_json_array_end(&importers.json);
    *ret_names = mr_json_parse(arena, mr_buf_slice(&buf), 4);
    mr_buf_fini(&buf);
    return status;
}

/* "a", "a and b", "a, b and c" */
static struct mr_slice enumerate(struct mr_arena *arena, yyjson_val *names)
{
    const size_t count = yyjson_arr_size(names);
    struct mr_slice text = MR_S("");
    for (size_t i = 0; i < count; i++)
        text = mr_arena_printf(arena, "%.*s%s%.*s", MR_ARG(text),
                               i == 0          ? ""
                               : i + 1 < count ? ", "
                                               : " and ",
                               MR_ARG(mr_json_text(yyjson_arr_get(names, i))));
    return text;
}

static yyjson_val *find_export(yyjson_val *outputs, struct mr_slice name)
{
    for (size_t i = 0; i < yyjson_arr_size(outputs); i++)
        if (mr_slice_equal(mr_json_get_text(yyjson_arr_get(outputs, i), "ExportName"), name))
            return yyjson_arr_get(outputs, i);
    return NULL;
}

enum mr_status exports_conflict(struct cloudformation *cloudformation, struct mr_arena *arena,
                                const struct stack *stack, yyjson_val *outputs,
                                struct mr_slice *ret_why)
{
    *ret_why = MR_S("");
    for (size_t i = 0; i < yyjson_arr_size(stack->outputs); i++) {
        yyjson_val *before = yyjson_arr_get(stack->outputs, i), *names;
        const struct mr_slice name = mr_json_get_text(before, "ExportName");
        yyjson_val *now = find_export(outputs, name);
        if (name.len == 0 ||
            (now != NULL && mr_slice_equal(mr_json_get_text(now, "OutputValue"),
                                           mr_json_get_text(before, "OutputValue"))))
            continue;
        const enum mr_status status = exports_importers(cloudformation, arena, name, stack, &names);
        if (status != MR_OK)
            return status;
        if (yyjson_arr_size(names) == 0)
            continue;
        *ret_why =
            mr_arena_printf(arena, "%s canceled. Cannot %s export %.*s as it is in use by %.*s.",
                            now == NULL ? "Delete" : "Update", now == NULL ? "delete" : "update",
                            MR_ARG(name), MR_ARG(enumerate(arena, names)));
        return MR_OK;
    }
    return MR_OK;
}
