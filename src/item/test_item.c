#include "base/rng.h"
#include "item/item.h"
#include "base/test_scratch.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static yyjson_val *json_of(const char *text)
{
    yyjson_val *value = mr_json_parse(&arena, mr_slice_cstr(text), 200);
    if (value == NULL)
        fail_msg("no JSON: %s", text);
    return value;
}

static struct mr_slice item_of(const char *text)
{
    struct mr_slice item, error;
    if (item_encode(&arena, json_of(text), &item, &error) != MR_OK)
        fail_msg("%s: %.*s", text, MR_ARG(error));
    return item;
}

static void assert_json(struct mr_slice item, const char *want)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    item_json(&json, item);
    mr_buf_byte(&buf, 0);
    assert_string_equal(buf.data, want);
    mr_buf_fini(&buf);
}

static const char *const all_types =
    "{\"a\":{\"S\":\"x\\\"y\"},\"b\":{\"N\":\"-12.5\"},\"c\":{\"B\":\"AAEC\"},\"d\":{\"BOOL\":"
    "false},"
    "\"e\":{\"NULL\":true},\"f\":{\"SS\":[\"p\",\"q\"]},\"g\":{\"NS\":[\"-1\",\"2\",\"10\"]},"
    "\"h\":{\"BS\":[\"AA==\",\"AQ==\"]},\"i\":{\"L\":[{\"S\":\"\"},{\"L\":[]}]},"
    "\"j\":{\"M\":{\"k\":{\"N\":\"1\"},\"m\":{\"M\":{}}}}}";

static void every_type_reads_back_as_it_was_written(void **state)
{
    (void)state;
    assert_json(item_of(all_types), all_types);
    assert_json(item_of("{}"), "{}");
}

static void equal_values_have_equal_bytes(void **state)
{
    (void)state;
    struct mr_slice a =
        item_of("{\"a\":{\"SS\":[\"q\",\"p\"]},\"b\":{\"NS\":[\"1.0\",\"20\"]},\"m\":{\"M\":{"
                "\"x\":{\"S\":\"1\"},\"y\":{\"N\":\"100\"}}}}");
    struct mr_slice b =
        item_of("{\"m\":{\"M\":{\"y\":{\"N\":\"1e2\"},\"x\":{\"S\":\"1\"}}},\"b\":{\"NS\":["
                "\"2e1\",\"1\"]},\"a\":{\"SS\":[\"p\",\"q\"]}}");
    assert_true(mr_slice_equal(a, b));
}

static void of_a_name_given_twice_the_last_one_counts(void **state)
{
    (void)state;
    assert_json(item_of("{\"a\":{\"S\":\"1\"},\"b\":{\"S\":\"2\"},\"a\":{\"S\":\"3\"}}"),
                "{\"a\":{\"S\":\"3\"},\"b\":{\"S\":\"2\"}}");
}

static void sizes_are_those_that_aws_counts(void **state)
{
    (void)state;
    assert_int_equal(
        item_size(item_of("{\"id\":{\"S\":\"my-item-id\"},\"attr1\":{\"S\":\"value1\"},"
                          "\"attr2\":{\"S\":\"value2\"}}")),
        34);
    assert_int_equal(item_size(item_of("{\"l\":{\"L\":[{\"S\":\"ab\"},{\"BOOL\":true}]}}")),
                     1 + 3 + 3 + 2);
    assert_int_equal(item_size(item_of("{\"m\":{\"M\":{\"k\":{\"NULL\":true}}}}")),
                     1 + 3 + 1 + 1 + 1);
    assert_int_equal(item_size(item_of("{\"b\":{\"B\":\"AAECAwQF\"}}")), 7);
    struct mr_slice item = item_of(all_types);
    struct item_iter iter = item_iter_item(item);
    struct mr_slice name;
    struct item_value value;
    uint64_t size = 0;
    while (item_iter_field(&iter, &name, &value))
        size += name.len + item_value_size(&value);
    assert_int_equal(size, item_size(item));
}

static void bad_values_are_refused_in_the_words_of_aws(void **state)
{
    (void)state;
    const struct {
        const char *value, *want;
    } cases[] = {
        {"{}",
         "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"},
        {"{\"S\":\"a\",\"N\":\"1\"}",
         "Supplied AttributeValue has more than one datatypes set, must "
         "contain exactly one of the supported datatypes"},
        {"{\"NULL\":false}",
         "One or more parameter values were invalid: Null attribute value types "
         "must have the value of true"},
        {"{\"SS\":[]}",
         "One or more parameter values were invalid: An string set  may not be empty"},
        {"{\"NS\":[]}",
         "One or more parameter values were invalid: An number set  may not be empty"},
        {"{\"BS\":[]}",
         "One or more parameter values were invalid: Binary sets should not be empty"},
        {"{\"SS\":[\"a\",\"b\",\"a\"]}",
         "One or more parameter values were invalid: Input collection "
         "[a, b, a] contains duplicates."},
        {"{\"NS\":[\"1\",\"1.0\"]}", "Input collection contains duplicates"},
        {"{\"N\":\"abc\"}", "The parameter cannot be converted to a numeric value: abc"},
        {"{\"N\":\"\"}", "The parameter cannot be converted to a numeric value"},
        {"{\"N\":\"1e126\"}", "Number overflow. Attempting to store a number with magnitude larger "
                              "than supported range"},
        {"{\"N\":\"1e-131\"}",
         "Number underflow. Attempting to store a number with magnitude smaller "
         "than supported range"},
        {"{\"N\":\"123456789012345678901234567890123456789\"}",
         "Attempting to store more than 38 significant digits in a Number"},
        {"{\"M\":{\"\":{\"S\":\"a\"}}}",
         "One or more parameter values were invalid: Empty attribute name"},
    };
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        struct item_value value;
        struct mr_slice error = {0};
        assert_int_equal(item_value_encode(&arena, json_of(cases[i].value), &value, &error),
                         MR_INVALID);
        assert_string_equal(mr_arena_cstr(&arena, error), cases[i].want);
    }
}

static enum mr_status encode_nested(int levels)
{
    struct mr_buf text = {0};
    mr_buf_printf(&text, "{\"a\":");
    for (int i = 0; i < levels; i++)
        mr_buf_printf(&text, "{\"L\":[");
    mr_buf_printf(&text, "{\"S\":\"x\"}");
    for (int i = 0; i < levels; i++)
        mr_buf_printf(&text, "]}");
    mr_buf_printf(&text, "}");
    mr_buf_byte(&text, 0);
    struct mr_slice item, error;
    enum mr_status status = item_encode(&arena, json_of(text.data), &item, &error);
    mr_buf_fini(&text);
    return status;
}

static void nesting_ends_at_32_levels(void **state)
{
    (void)state;
    assert_int_equal(encode_nested(31), MR_OK);
    assert_int_equal(encode_nested(32), MR_INVALID);
}

static struct item_value random_scalar(struct mr_rng *rng)
{
    char bytes[6];
    size_t len = mr_rng_below(rng, sizeof(bytes));
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)(mr_rng_below(rng, 2) ? mr_rng_below(rng, 3) : 254 + mr_rng_below(rng, 2));
    return item_value_scalar(&arena, ITEM_B, mr_slice_make(bytes, len));
}

/* Goal: joined keys order as the pairs of values do, and none is the beginning of another. */
static void keys_order_as_pairs_of_values_do(void **state)
{
    (void)state;
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 3);
    for (int i = 0; i < 50000; i++) {
        struct item_value a1 = random_scalar(&rng), a2 = random_scalar(&rng);
        struct item_value b1 = random_scalar(&rng), b2 = random_scalar(&rng);
        struct item_writer a = item_writer_make(&arena, 32), b = item_writer_make(&arena, 32);
        item_key_write(&a, &a1);
        item_key_write(&a, &a2);
        item_key_write(&b, &b1);
        item_key_write(&b, &b2);
        int want = item_value_compare(&a1, &b1);
        if (want == 0)
            want = item_value_compare(&a2, &b2);
        int got = mr_slice_compare(item_writer_slice(&a), item_writer_slice(&b));
        assert_int_equal((got > 0) - (got < 0), (want > 0) - (want < 0));
        if (want != 0)
            assert_false(mr_slice_starts_with(item_writer_slice(&b), item_writer_slice(&a)));
        if (i % 1000 == 0)
            mr_arena_reset(&arena);
    }
}

/* Goal: any JSON gets an answer, and what is accepted reads back as the same bytes. */
static void what_is_accepted_reads_back_the_same(void **state)
{
    (void)state;
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 12);
    static const char *const bits[] = {"N",    "S",    "B", "SS",   "NS",   "BS", "L", "M",
                                       "BOOL", "NULL", "{", "}",    "[",    "]",  "1", "-",
                                       "e9",   "\"",   ",", "true", "null", "a",  "="};
    struct mr_buf text = {0};
    int accepted = 0;
    for (int i = 0; i < 30000; i++) {
        if (i % 100 == 0)
            mr_arena_reset(&arena);
        mr_buf_reset(&text);
        size_t cut = mr_rng_below(&rng, strlen(all_types)), len = mr_rng_below(&rng, 3);
        mr_buf_append(&text, mr_slice_make(all_types, cut));
        mr_buf_printf(&text, "%s", bits[mr_rng_below(&rng, MR_COUNT(bits))]);
        mr_buf_append(&text, mr_slice_sub(mr_slice_cstr(all_types), cut + len, SIZE_MAX));
        yyjson_val *tree = mr_json_parse(&arena, mr_buf_slice(&text), 200);
        struct mr_slice item, again, error;
        if (tree == NULL || !yyjson_is_obj(tree) ||
            item_encode(&arena, tree, &item, &error) != MR_OK)
            continue;
        accepted++;
        mr_buf_reset(&text);
        struct mr_json json = mr_json_make(&text);
        item_json(&json, item);
        tree = mr_json_parse(&arena, mr_buf_slice(&text), 200);
        assert_int_equal(item_encode(&arena, tree, &again, &error), MR_OK);
        assert_true(mr_slice_equal(item, again));
    }
    assert_true(accepted > 1000);
    mr_buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_reads_back_as_it_was_written),
        cmocka_unit_test(equal_values_have_equal_bytes),
        cmocka_unit_test(of_a_name_given_twice_the_last_one_counts),
        cmocka_unit_test(sizes_are_those_that_aws_counts),
        cmocka_unit_test(bad_values_are_refused_in_the_words_of_aws),
        cmocka_unit_test(nesting_ends_at_32_levels),
        cmocka_unit_test(keys_order_as_pairs_of_values_do),
        cmocka_unit_test(what_is_accepted_reads_back_the_same),
    };
    return cmocka_run_group_tests(tests, test_scratch_begin, test_scratch_end);
}
