/* Paths into items, and the names and values that a request binds to placeholders. */
#include "item/check.h"
#include "item/parser.h"

struct item_value item_path_get(const struct item_path *path, struct mr_slice item)
{
    struct item_value value = {.type = ITEM_NONE};
    if (item.len == 0)
        return value;
    value = item_get(item, path->steps[0].name);
    for (size_t i = 1; i < path->count && value.type != ITEM_NONE; i++) {
        const struct item_step *step = &path->steps[i];
        if (step->name.ptr != NULL && value.type == ITEM_M)
            value = item_value_get(&value, step->name);
        else if (step->name.ptr == NULL && value.type == ITEM_L)
            value = item_value_at(&value, step->index);
        else
            value = (struct item_value){.type = ITEM_NONE};
    }
    return value;
}

bool item_node_reaches(const struct item_node *node, struct mr_slice name)
{
    if (node->kind == ITEM_NODE_PATH)
        return node->path.count > 1 &&
               (name.ptr == NULL || mr_slice_equal(node->path.steps[0].name, name));
    for (size_t i = 0; i < node->count; i++) {
        if (item_node_reaches(node->args[i], name))
            return true;
    }
    return false;
}

struct mr_slice item_path_text(struct mr_arena *arena, const struct item_path *path)
{
    struct item_writer text = item_writer_make(arena, 64);
    item_write_byte(&text, '[');
    for (size_t i = 0; i < path->count; i++) {
        if (i > 0)
            item_write_raw(&text, MR_S(", "));
        if (path->steps[i].name.ptr != NULL)
            item_write_raw(&text, path->steps[i].name);
        else
            item_write_raw(&text, mr_arena_printf(arena, "[%zu]", path->steps[i].index));
    }
    item_write_byte(&text, ']');
    return item_writer_slice(&text);
}

static bool step_equal(const struct item_step *a, const struct item_step *b)
{
    if (a->name.ptr == NULL || b->name.ptr == NULL)
        return a->name.ptr == b->name.ptr && a->index == b->index;
    return mr_slice_equal(a->name, b->name);
}

bool item_path_equal(const struct item_path *a, const struct item_path *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!step_equal(&a->steps[i], &b->steps[i]))
            return false;
    }
    return true;
}

static struct mr_slice paths_error(struct mr_arena *arena, const char *what,
                                   const struct item_path *a, const struct item_path *b)
{
    struct mr_slice one = item_path_text(arena, a), two = item_path_text(arena, b);
    return mr_arena_printf(arena,
                           "Two document paths %s with each other; must remove or rewrite one of "
                           "these paths; path one: %.*s, path two: %.*s",
                           what, MR_ARG(one), MR_ARG(two));
}

struct mr_slice item_check_paths(struct mr_arena *arena, const struct item_path *a,
                                 const struct item_path *b, bool *ret_conflict)
{
    *ret_conflict = false;
    for (size_t i = 0; i < a->count && i < b->count; i++) {
        const struct item_step *left = &a->steps[i], *right = &b->steps[i];
        if ((left->name.ptr == NULL) != (right->name.ptr == NULL)) {
            *ret_conflict = true;
            return paths_error(arena, "conflict", a, b);
        }
        if (!step_equal(left, right))
            return (struct mr_slice){0};
    }
    return paths_error(arena, "overlap", a, b);
}

void item_parser_overlap(struct item_parser *parser, const struct item_path *a,
                         const struct item_path *b)
{
    bool conflict;
    struct mr_slice text = item_check_paths(parser->arena, a, b, &conflict);
    item_parser_note(parser, conflict ? ERROR_CONFLICT : ERROR_OVERLAP, text);
}

static bool is_placeholder(struct mr_slice key, char first)
{
    if (key.len < 2 || key.ptr[0] != first)
        return false;
    for (size_t i = 1; i < key.len; i++) {
        char c = key.ptr[i];
        bool part =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        if (!part)
            return false;
    }
    return true;
}

static enum mr_status check_key(struct mr_arena *arena, const char *parameter, char first,
                                struct mr_slice key, struct mr_slice *ret_error)
{
    if (key.len > ITEM_PLACEHOLDER_MAX)
        *ret_error = mr_arena_printf(arena,
                                     "%s contains invalid key: The expression attribute map "
                                     "contains a key that is too long; size of key: %zu",
                                     parameter, key.len);
    else if (!is_placeholder(key, first))
        *ret_error = mr_arena_printf(arena, "%s contains invalid key: Syntax error; key: \"%.*s\"",
                                     parameter, MR_ARG(key));
    else
        return MR_OK;
    return MR_INVALID;
}

static enum mr_status check_bytes(uint64_t bytes, struct mr_slice error, struct mr_slice *ret_error)
{
    if (bytes <= ITEM_PLACEHOLDERS_MAX)
        return MR_OK;
    *ret_error = error;
    return MR_INVALID;
}

static enum mr_status names_make(struct mr_arena *arena, yyjson_val *names,
                                 struct item_placeholders *placeholders, struct mr_slice *ret_error)
{
    size_t count = yyjson_obj_size(names);
    if (count == 0) {
        *ret_error = MR_S("ExpressionAttributeNames must not be empty");
        return MR_INVALID;
    }
    placeholders->names = MR_NEW_ARRAY(arena, struct item_name, count);
    yyjson_obj_iter iter = yyjson_obj_iter_with(names);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        struct mr_slice text = mr_json_text(key);
        if (check_key(arena, "ExpressionAttributeNames", '#', text, ret_error) != MR_OK)
            return MR_INVALID;
        struct mr_slice name = mr_json_text(yyjson_obj_iter_get_val(key));
        if (name.len == 0) {
            *ret_error = mr_arena_printf(
                arena,
                "ExpressionAttributeNames contains invalid value: Empty attribute name "
                "for key %.*s",
                MR_ARG(text));
            return MR_INVALID;
        }
        placeholders->names[placeholders->name_count++] =
            (struct item_name){.key = text, .name = name};
        placeholders->bytes += text.len + name.len;
    }
    return check_bytes(placeholders->bytes, MR_S("ExpressionAttributeNames exceeds max size"),
                       ret_error);
}

static enum mr_status values_make(struct mr_arena *arena, yyjson_val *values,
                                  struct item_placeholders *placeholders,
                                  struct mr_slice *ret_error)
{
    size_t count = yyjson_obj_size(values);
    if (count == 0) {
        *ret_error = MR_S("ExpressionAttributeValues must not be empty");
        return MR_INVALID;
    }
    const uint64_t before = placeholders->bytes;
    placeholders->values = MR_NEW_ARRAY(arena, struct item_bound, count);
    yyjson_obj_iter iter = yyjson_obj_iter_with(values);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        struct mr_slice text = mr_json_text(key);
        if (check_key(arena, "ExpressionAttributeValues", ':', text, ret_error) != MR_OK)
            return MR_INVALID;
    }
    iter = yyjson_obj_iter_with(values);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        struct item_bound *bound = &placeholders->values[placeholders->value_count++];
        struct mr_slice text;
        bound->key = mr_json_text(key);
        enum mr_status status =
            item_value_encode(arena, yyjson_obj_iter_get_val(key), &bound->value, &text);
        if (status == MR_FAULT)
            *ret_error = text;
        if (status == MR_INVALID)
            *ret_error = mr_arena_printf(
                arena, "ExpressionAttributeValues contains invalid value: %.*s for key %.*s",
                MR_ARG(text), MR_ARG(bound->key));
        if (status != MR_OK)
            return status;
        placeholders->bytes += bound->key.len + item_value_size(&bound->value);
    }
    return check_bytes(placeholders->bytes - before,
                       MR_S("ExpressionAttributeValues exceeds max size"), ret_error);
}

enum mr_status item_placeholders_make(struct mr_arena *arena, yyjson_val *names, yyjson_val *values,
                                      struct item_placeholders *ret_placeholders,
                                      struct mr_slice *ret_error)
{
    enum mr_status status = MR_OK;
    *ret_placeholders = (struct item_placeholders){0};
    if (names != NULL)
        status = names_make(arena, names, ret_placeholders, ret_error);
    if (status == MR_OK && values != NULL)
        status = values_make(arena, values, ret_placeholders, ret_error);
    if (status != MR_OK)
        return status;
    return check_bytes(ret_placeholders->bytes,
                       MR_S("Combined size of ExpressionAttributeNames and "
                            "ExpressionAttributeValues exceeds max size"),
                       ret_error);
}

static void list_unused(struct item_writer *text, struct mr_slice key)
{
    if (text->len > 0)
        item_write_raw(text, MR_S(", "));
    item_write_raw(text, key);
}

static enum mr_status refuse_unused(struct mr_arena *arena, const char *parameter,
                                    const struct item_writer *keys, struct mr_slice *ret_error)
{
    if (keys->len == 0)
        return MR_OK;
    *ret_error = mr_arena_printf(arena, "Value provided in %s unused in expressions: keys: {%.*s}",
                                 parameter, MR_ARG(item_writer_slice(keys)));
    return MR_INVALID;
}

enum mr_status item_placeholders_finish(struct mr_arena *arena,
                                        const struct item_placeholders *placeholders,
                                        struct mr_slice *ret_error)
{
    bool all_used = true;
    for (size_t i = 0; i < placeholders->name_count; i++)
        all_used = all_used && placeholders->names[i].used;
    for (size_t i = 0; i < placeholders->value_count; i++)
        all_used = all_used && placeholders->values[i].used;
    if (all_used)
        return MR_OK;
    struct item_writer keys = item_writer_make(arena, 64);
    for (size_t i = 0; i < placeholders->name_count; i++) {
        if (!placeholders->names[i].used)
            list_unused(&keys, placeholders->names[i].key);
    }
    enum mr_status status = refuse_unused(arena, "ExpressionAttributeNames", &keys, ret_error);
    if (status != MR_OK)
        return status;
    for (size_t i = 0; i < placeholders->value_count; i++) {
        if (!placeholders->values[i].used)
            list_unused(&keys, placeholders->values[i].key);
    }
    return refuse_unused(arena, "ExpressionAttributeValues", &keys, ret_error);
}
