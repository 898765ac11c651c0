/* Any text as an expression; the first byte says which kind. It ends, in bounds, with a reason when
 * it is refused; and what is accepted is evaluated: an item that an update made is whole. */
#include "item/expression.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static const char names_json[] = "{\"#a\":\"a\",\"#b\":\"b\",\"#size\":\"size\",\"#d\":\"a.b\"}";
static const char values_json[] =
    "{\":s\":{\"S\":\"abc\"},\":n\":{\"N\":\"5\"},\":m\":{\"N\":\"9.9e125\"},\":l\":{\"L\":[{\"N\":"
    "\"1\"}]},\":z\":{\"SS\":[\"x\",\"\"]},\":t\":{\"S\":\"SS\"},\":k\":{\"M\":{\"k\":{\"S\":\"v\"}"
    "}},\":y\":{\"BOOL\":true},\":u\":{\"NULL\":true},\":e\":{\"B\":\"\"}}";
static const char item_text[] =
    "{\"id\":{\"S\":\"k\"},\"a\":{\"S\":\"abcd\"},\"b\":{\"N\":\"5\"},\"c\":{\"L\":[{\"N\":\"1\"},{"
    "\"S\":\"two\"},{\"M\":{\"d\":{\"N\":\"3\"}}}]},\"e\":{\"M\":{\"f\":{\"S\":\"abc\"}}},\"ss\":{"
    "\"SS\":[\"x\",\"y\"]},\"n\":{\"NULL\":true},\"bin\":{\"B\":\"AAEC\"}}";

static yyjson_val *json_of(struct mr_arena *arena, const char *text)
{
    return mr_json_parse(arena, mr_slice_cstr(text), 16);
}

static void update(struct mr_arena *arena, struct item_placeholders *placeholders,
                   struct mr_slice text, struct mr_slice item, struct mr_slice *error)
{
    struct item_update parsed;
    struct mr_slice made;
    struct mr_buf json_text = {0};
    if (item_update_parse(arena, placeholders, text, &parsed, error) != MR_OK) {
        require(error->len > 0);
    } else if (item_update_apply(arena, &parsed, item, item, &made, error) == MR_OK) {
        struct mr_json json = mr_json_make(&json_text);
        struct mr_slice again;
        item_json(&json, made);
        yyjson_val *tree = mr_json_parse(arena, mr_buf_slice(&json_text), MR_JSON_DEPTH_MAX);
        require(tree != NULL);
        if (item_encode(arena, tree, &again, error) == MR_OK) /* nested too deeply is none */
            require(mr_slice_equal(made, again));
    } else {
        require(error->len > 0);
    }
    mr_buf_fini(&json_text);
}

static void condition(struct mr_arena *arena, struct item_placeholders *placeholders,
                      struct mr_slice text, struct mr_slice item, struct mr_slice *error)
{
    struct item_condition parsed;
    if (item_condition_parse(arena, placeholders, text, "ConditionExpression", &parsed, error) !=
        MR_OK) {
        require(error->len > 0);
        return;
    }
    bool once = item_condition_holds(arena, &parsed, item);
    require(once == item_condition_holds(arena, &parsed, item));
    item_condition_holds(arena, &parsed, (struct mr_slice){0});
}

static void projection(struct mr_arena *arena, struct item_placeholders *placeholders,
                       struct mr_slice text, struct mr_slice item, struct mr_slice *error)
{
    struct item_projection *parsed;
    struct mr_buf json_text = {0};
    if (item_projection_parse(arena, placeholders, text, &parsed, error) != MR_OK) {
        require(error->len > 0);
        return;
    }
    struct mr_json json = mr_json_make(&json_text);
    item_projection_json(&json, parsed, item);
    yyjson_val *tree = mr_json_parse(arena, mr_buf_slice(&json_text), MR_JSON_DEPTH_MAX);
    require(yyjson_is_obj(tree));
    require(item_projection_matches(parsed, item) == (yyjson_obj_size(tree) > 0));
    mr_buf_fini(&json_text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mr_arena arena;
    struct item_placeholders placeholders;
    struct item_key_condition key;
    struct mr_slice item, error = {0};
    if (size == 0)
        return 0;
    struct mr_slice text = mr_slice_make(data + 1, size - 1);
    mr_arena_init(&arena);
    require(item_encode(&arena, json_of(&arena, item_text), &item, &error) == MR_OK);
    require(item_placeholders_make(&arena, json_of(&arena, names_json),
                                   json_of(&arena, values_json), &placeholders, &error) == MR_OK);
    switch (data[0] % 4) {
    case 0: update(&arena, &placeholders, text, item, &error); break;
    case 1: condition(&arena, &placeholders, text, item, &error); break;
    case 2: projection(&arena, &placeholders, text, item, &error); break;
    default:
        if (item_key_condition_parse(&arena, &placeholders, text, &key, &error) != MR_OK)
            require(error.len > 0);
        else
            require(key.count > 0 && key.count <= 2);
    }
    mr_arena_fini(&arena);
    return 0;
}
