#include "item/partiql.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const char *const seeds[] = {
    "SELECT a, b.c[0].\"d\" FROM \"t\".\"i\" WHERE id = 'x' AND (n BETWEEN -2.5e3 AND 1 OR NOT "
    "begins_with(s, 'a')) ORDER BY n DESC",
    "INSERT INTO t VALUE {'id': ?, 'l': [1, {'k': <<'a', 'b'>>}, null, true], 'n': <<1, -2>>}",
    "UPDATE t SET a = b + 1 SET l = list_append(l, [?]), s = set_add(s, <<'x'>>) REMOVE c.d "
    "WHERE id = 'x' RETURNING MODIFIED NEW *",
    "DELETE FROM t WHERE id = 'x' AND a IN (1, 2, b) AND c IS NOT MISSING RETURNING ALL OLD *",
    "EXISTS(SELECT * FROM t WHERE id = 'x' AND size(l) > 1 AND attribute_type(s, 'SS'))",
    "UPDATE t SET a = if_not_exists(a, list_append(b, c)) - d WHERE id = 'x'",
};

static struct mr_slice make_item(struct mr_arena *arena)
{
    static const char text[] = "{\"id\":{\"S\":\"x\"},\"a\":{\"N\":\"1\"},\"b\":{\"N\":\"2\"},"
                               "\"l\":{\"L\":[{\"N\":\"1\"}]},\"s\":{\"SS\":[\"x\",\"y\"]},"
                               "\"c\":{\"M\":{\"d\":{\"S\":\"z\"}}}}";
    struct mr_slice item, error;
    yyjson_val *json = mr_json_parse(arena, mr_slice_cstr(text), 16);
    assert_int_equal(item_encode(arena, json, &item, &error), MR_OK);
    return item;
}

/* Parses and, when that works, evaluates: neither may fail an assertion. */
static enum mr_status run(struct mr_arena *arena, struct mr_slice text, struct mr_slice item)
{
    struct item_statement statement;
    struct mr_slice error = {0}, updated;
    yyjson_val *parameters = mr_json_parse(arena, MR_S("[{\"S\":\"p\"}]"), 8);
    bool asks = mr_slice_search(text, MR_S("?")) != SIZE_MAX;
    enum mr_status status =
        item_partiql_parse(arena, text, asks ? parameters : NULL, &statement, &error);
    if (status != MR_OK) {
        assert_true(error.len > 0);
        return status;
    }
    if (statement.where != NULL) {
        struct item_condition condition = {.root = statement.where};
        item_condition_holds(arena, &condition, item);
        item_condition_holds(arena, &condition, (struct mr_slice){0});
        item_partiql_term(statement.where, MR_S("id"), true);
        item_partiql_contradicts(statement.where, MR_S("id"));
        struct item_value *values;
        size_t count;
        if (item_partiql_values(arena, statement.where, MR_S("id"), &values, &count))
            assert_true(count == 0 || values[count - 1].type != ITEM_NONE);
    }
    if (statement.kind == ITEM_STATEMENT_UPDATE &&
        item_update_apply(arena, &statement.update, item, item, &updated, &error) == MR_OK)
        assert_true(item_size(updated) > 0);
    return MR_OK;
}

static void statements_of_each_kind_are_read(void **state)
{
    (void)state;
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct mr_slice item = make_item(&arena);
    for (size_t i = 0; i < MR_COUNT(seeds); i++)
        assert_int_equal(run(&arena, mr_slice_cstr(seeds[i]), item), MR_OK);
    mr_arena_fini(&arena);
}

/* Goal: no text ends in anything but an outcome. Method: seeded changes of good statements: bytes
 * replaced, pieces of other statements put in, ends cut off. */
static void any_text_ends_in_an_outcome(void **state)
{
    (void)state;
    static const char bytes[] = "'\"?<>[]{}().,=+-*: 019eaNOT";
    uint32_t draw = 20251122;
    size_t good = 0;
    for (int round = 0; round < 20000; round++) {
        struct mr_arena arena;
        char text[512];
        struct mr_slice seed = mr_slice_cstr(seeds[(size_t)round % MR_COUNT(seeds)]);
        size_t len = seed.len;
        mr_arena_init(&arena);
        memcpy(text, seed.ptr, len);
        draw = draw * 1664525u + 1013904223u;
        for (uint32_t changes = 1 + (draw >> 28) % 4; changes > 0; changes--) {
            draw = draw * 1664525u + 1013904223u;
            size_t at = (draw >> 8) % len;
            struct mr_slice other = mr_slice_cstr(seeds[(draw >> 4) % MR_COUNT(seeds)]);
            if (draw >> 30 == 0)
                len = at + 1;
            else if (draw >> 30 == 1 && at + 8 <= len)
                memcpy(text + at, other.ptr + at % (other.len - 8), 8);
            else
                text[at] = bytes[(draw >> 20) % (sizeof(bytes) - 1)];
        }
        good += run(&arena, mr_slice_make(text, len), make_item(&arena)) == MR_OK;
        mr_arena_fini(&arena);
    }
    assert_true(good > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_of_each_kind_are_read),
        cmocka_unit_test(any_text_ends_in_an_outcome),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
