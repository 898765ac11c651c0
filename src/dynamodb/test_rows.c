#include "dynamodb/recovery.h"
#include "base/rng.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* Goals: an item written as Ion reads back the same; a row of any bytes is refused, or is JSON.
 * Method: seeded random items, and their rows with random damage. */
enum { ITEMS = 2000, DAMAGES = 20 };

static struct mr_slice random_text(struct mr_arena *arena, struct mr_rng *rng)
{
    static const char *const pieces[] = {"a",    "Z", "_", "$", "1", "'", "\"", "\\", "\n",  "\x7f",
                                         "\x01", "ü", "€", "😀", " ", ",", "{",  "}",  "null"};
    struct mr_buf text MR_CLEANUP(mr_buf_fini) = {0};
    for (size_t i = mr_rng_below(rng, 6); i > 0; i--)
        mr_buf_append(&text, mr_slice_cstr(pieces[mr_rng_below(rng, MR_COUNT(pieces))]));
    mr_buf_byte(&text, (char)('a' + mr_rng_below(rng, 26)));
    return mr_arena_copy(arena, mr_buf_slice(&text));
}

static void random_number(struct mr_json *json, struct mr_arena *arena, struct mr_rng *rng)
{
    int64_t digits = (int64_t)mr_rng_below(rng, 2000000) - 1000000;
    int exponent = (int)mr_rng_below(rng, 60) - 30;
    mr_json_string(json, mr_arena_printf(arena, "%lldE%d", (long long)digits, exponent));
}

static void random_value(struct mr_json *json, struct mr_arena *arena, struct mr_rng *rng,
                         int depth)
{
    uint64_t kind = mr_rng_below(rng, depth > 3 ? 5 : 9);
    mr_json_object(json);
    switch (kind) {
    case 0: mr_json_key_string(json, "S", random_text(arena, rng)); break;
    case 1:
        mr_json_key(json, "N");
        random_number(json, arena, rng);
        break;
    case 2:
        mr_json_key(json, "B");
        mr_json_base64(json, random_text(arena, rng));
        break;
    case 3: mr_json_key_bool(json, "BOOL", mr_rng_below(rng, 2) == 0); break;
    case 4: mr_json_key_bool(json, "NULL", true); break;
    case 5:
        mr_json_key(json, "SS");
        mr_json_array(json);
        mr_json_string(json, random_text(arena, rng));
        mr_json_string(json, MR_S("another"));
        mr_json_array_end(json);
        break;
    case 6:
        mr_json_key(json, "NS");
        mr_json_array(json);
        random_number(json, arena, rng);
        mr_json_array_end(json);
        break;
    case 7:
        mr_json_key(json, "L");
        mr_json_array(json);
        for (size_t i = mr_rng_below(rng, 4); i > 0; i--)
            random_value(json, arena, rng, depth + 1);
        mr_json_array_end(json);
        break;
    default:
        mr_json_key(json, "M");
        mr_json_object(json);
        for (size_t i = mr_rng_below(rng, 3); i > 0; i--) {
            mr_json_name(json,
                         mr_arena_printf(arena, "%zu%.*s", i, MR_ARG(random_text(arena, rng))));
            random_value(json, arena, rng, depth + 1);
        }
        mr_json_object_end(json);
    }
    mr_json_object_end(json);
}

static struct mr_slice random_item(struct mr_arena *arena, struct mr_rng *rng)
{
    struct mr_buf text MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(&text);
    struct mr_slice item, error;
    mr_json_object(&json);
    for (size_t i = 0; i < 4; i++) {
        mr_json_name(&json, mr_arena_printf(arena, "%.*s%zu", MR_ARG(random_text(arena, rng)), i));
        random_value(&json, arena, rng, 1);
    }
    mr_json_object_end(&json);
    yyjson_val *tree = mr_json_parse(arena, mr_buf_slice(&text), 100);
    assert_non_null(tree);
    assert_int_equal(item_encode(arena, tree, &item, &error), MR_OK);
    return item;
}

static void damage(struct mr_buf *text, struct mr_rng *rng)
{
    for (size_t i = 1 + mr_rng_below(rng, 3); i > 0 && text->len > 0; i--) {
        size_t at = mr_rng_below(rng, text->len);
        if (mr_rng_below(rng, 4) == 0)
            text->len = at;
        else
            text->data[at] = (char)mr_rng_below(rng, 256);
    }
}

static void assert_json_or_refused(struct mr_arena *arena, enum mr_status status,
                                   const struct mr_buf *row)
{
    assert_true(status == MR_OK || status == MR_INVALID);
    if (status == MR_OK)
        assert_non_null(mr_json_parse(arena, mr_buf_slice(row), 200));
}

static void an_item_written_as_ion_reads_back_the_same(void **state)
{
    (void)state;
    struct mr_rng rng;
    struct mr_arena arena;
    struct mr_buf line = {0}, row = {0};
    mr_rng_init_seed(&rng, 20251129);
    mr_arena_init(&arena);
    for (int i = 0; i < ITEMS; i++) {
        struct mr_slice item = random_item(&arena, &rng), back, error;
        mr_buf_reset(&line);
        mr_buf_reset(&row);
        mr_buf_append(&line, MR_S("$ion_1_0 {Item:"));
        dynamodb_ion_write(&line, item);
        mr_buf_byte(&line, '}');
        assert_int_equal(dynamodb_ion_row(&row, mr_buf_slice(&line)), MR_OK);
        yyjson_val *tree = mr_json_parse(&arena, mr_buf_slice(&row), 200);
        assert_non_null(tree);
        assert_int_equal(item_encode(&arena, tree, &back, &error), MR_OK);
        assert_true(mr_slice_equal(back, item));
        for (int j = 0; j < DAMAGES; j++) {
            mr_buf_reset(&row);
            damage(&line, &rng);
            enum mr_status status = dynamodb_ion_row(&row, mr_buf_slice(&line));
            assert_json_or_refused(&arena, status, &row);
        }
        mr_arena_reset(&arena);
    }
    mr_buf_fini(&line);
    mr_buf_fini(&row);
    mr_arena_fini(&arena);
}

static void a_csv_row_of_any_bytes_is_refused_or_json(void **state)
{
    (void)state;
    struct mr_rng rng;
    struct mr_arena arena;
    struct mr_buf row = {0};
    struct mr_slice *columns;
    size_t count;
    mr_rng_init_seed(&rng, 7);
    mr_arena_init(&arena);
    static struct dynamodb_table table;
    table.definitions[table.definition_count++] =
        (struct dynamodb_key){.name = MR_S("b"), .type = ITEM_N};
    assert_int_equal(dynamodb_csv_columns(&arena, MR_S("a;\"b\";c"), ';', &columns, &count), MR_OK);
    assert_int_equal(count, 3);
    assert_true(mr_slice_equal(columns[1], MR_S("b")));
    assert_int_equal(dynamodb_csv_columns(&arena, MR_S("a;;c"), ';', &columns, &count), MR_INVALID);
    assert_int_equal(dynamodb_csv_columns(&arena, MR_S("a;b;c"), ';', &columns, &count), MR_OK);
    assert_int_equal(dynamodb_csv_row(&row, &table, columns, count, ';', MR_S("x;\"1\"\"\";")),
                     MR_OK);
    assert_true(mr_slice_equal(mr_buf_slice(&row), MR_S("{\"a\":{\"S\":\"x\"},\"b\":{\"N\":"
                                                        "\"1\\\"\"},\"c\":{\"S\":\"\"}}")));
    for (int i = 0; i < ITEMS * DAMAGES; i++) {
        struct mr_buf line MR_CLEANUP(mr_buf_fini) = {0};
        mr_buf_append(&line, MR_S("\"one, two\";2;\"3\"\"3\""));
        mr_buf_reset(&row);
        damage(&line, &rng);
        enum mr_status status =
            dynamodb_csv_row(&row, &table, columns, count, ';', mr_buf_slice(&line));
        assert_json_or_refused(&arena, status, &row);
    }
    mr_buf_fini(&row);
    mr_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_item_written_as_ion_reads_back_the_same),
        cmocka_unit_test(a_csv_row_of_any_bytes_is_refused_or_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
