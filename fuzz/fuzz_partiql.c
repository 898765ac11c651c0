/* Any text as a PartiQL statement: refused with a reason, or evaluated over an item. */
#include "item/partiql.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static const char item_text[] =
    "{\"id\":{\"S\":\"x\"},\"a\":{\"N\":\"1\"},\"l\":{\"L\":[{\"N\":\"1\"}]},\"s\":{\"SS\":[\"x\","
    "\"y\"]},\"c\":{\"M\":{\"d\":{\"S\":\"z\"}}}}";

static void evaluate(struct mr_arena *arena, const struct item_statement *statement,
                     struct mr_slice item)
{
    struct mr_slice made, error = {0};
    if (statement->where != NULL) {
        struct item_condition condition = {.root = statement->where};
        item_condition_holds(arena, &condition, item);
        item_condition_holds(arena, &condition, (struct mr_slice){0});
        item_partiql_term(statement->where, MR_S("id"), true);
        struct item_value *values;
        size_t count;
        if (item_partiql_values(arena, statement->where, MR_S("id"), &values, &count))
            require(count == 0 || values[count - 1].type != ITEM_NONE);
    }
    if (statement->kind == ITEM_STATEMENT_INSERT)
        require(item_size(statement->item) < SIZE_MAX);
    if (statement->kind == ITEM_STATEMENT_UPDATE)
        require(item_update_apply(arena, &statement->update, item, item, &made, &error) == MR_OK ||
                error.len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mr_arena arena;
    struct item_statement statement;
    struct mr_slice item, error = {0};
    struct mr_slice text = mr_slice_make(data, size);
    mr_arena_init(&arena);
    yyjson_val *tree = mr_json_parse(&arena, mr_slice_cstr(item_text), 8);
    require(item_encode(&arena, tree, &item, &error) == MR_OK);
    yyjson_val *parameters = mr_json_parse(&arena, MR_S("[{\"S\":\"p\"},{\"N\":\"1\"}]"), 8);
    for (int round = 0; round < 2; round++) {
        if (item_partiql_parse(&arena, text, round == 0 ? NULL : parameters, &statement, &error) ==
            MR_OK)
            evaluate(&arena, &statement, item);
        else
            require(error.len > 0);
    }
    mr_arena_fini(&arena);
    return 0;
}
