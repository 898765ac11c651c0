/* Conditions and sizes against a second opinion: an evaluator over the JSON itself, written as
 * plainly as can be, for random items and random expressions. Numbers of the domain are exact in a
 * double, and the order of its base64 texts is that of their bytes. */
#include "base/rng.h"
#include "item/expression.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static struct mr_arena arena;
static struct mr_rng rng;

/* ---- the domain ---- */

static const char *const texts[] = {"", "a", "ab", "b", "\xC3\xA9", "\xF0\x9F\x98\x80"};
static const uint64_t text_units[] = {0, 1, 2, 1, 1, 2};
static const char *const numbers[] = {"0", "1", "1.0", "-2", "10", "2.5"};
static const uint64_t number_sizes[] = {1, 2, 2, 3, 2, 3};
static const char *const blobs[] = {"", "YQ==", "YWI=", "Yg=="};
static const uint64_t blob_sizes[] = {0, 1, 2, 1};
static const char *const paths[] = {"a",   "b",   "c",    "d",    "e",
                                    "c.x", "c.y", "d[0]", "d[1]", "d[0].x"};
static const char *const type_names[] = {"S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M"};

static size_t draw(size_t bound)
{
    return (size_t)mr_rng_below(&rng, bound);
}

static void write_set(struct mr_json *json, const char *type, const char *const *members,
                      size_t count)
{
    bool any = false;
    mr_json_key(json, type);
    mr_json_array(json);
    for (size_t i = 0; i < count; i++) {
        bool repeats = members == numbers && i == 2; /* 1.0 is 1 */
        if (repeats || (draw(2) == 0 && (any || i + 1 < count)))
            continue;
        mr_json_string(json, mr_slice_cstr(members[i]));
        any = true;
    }
    mr_json_array_end(json);
}

static void write_value(struct mr_json *json, unsigned depth)
{
    mr_json_object(json);
    switch (draw(depth > 0 ? 12 : 8)) {
    case 0: mr_json_key_string(json, "S", mr_slice_cstr(texts[draw(MR_COUNT(texts))])); break;
    case 1:
    case 2: mr_json_key_string(json, "N", mr_slice_cstr(numbers[draw(MR_COUNT(numbers))])); break;
    case 3: mr_json_key_string(json, "B", mr_slice_cstr(blobs[draw(MR_COUNT(blobs))])); break;
    case 4: mr_json_key_bool(json, "BOOL", draw(2) == 0); break;
    case 5: mr_json_key_bool(json, "NULL", true); break;
    case 6: write_set(json, "SS", texts, MR_COUNT(texts)); break;
    case 7: write_set(json, "NS", numbers, MR_COUNT(numbers)); break;
    case 8:
    case 9:
        mr_json_key(json, "L");
        mr_json_array(json);
        for (size_t i = draw(3); i > 0; i--)
            write_value(json, depth - 1);
        mr_json_array_end(json);
        break;
    default:
        mr_json_key(json, "M");
        mr_json_object(json);
        for (size_t i = 0; i < 2; i++) {
            if (draw(3) == 0)
                continue;
            mr_json_key(json, i == 0 ? "x" : "y");
            write_value(json, depth - 1);
        }
        mr_json_object_end(json);
    }
    mr_json_object_end(json);
}

/* An object of values; an item leaves some out. */
static yyjson_val *random_values(const char *const *names, size_t count, bool all)
{
    struct mr_buf text = {0};
    struct mr_json json = mr_json_make(&text);
    mr_json_object(&json);
    for (size_t i = 0; i < count; i++) {
        if (!all && draw(5) == 0)
            continue;
        mr_json_key(&json, names[i]);
        write_value(&json, 2);
    }
    mr_json_object_end(&json);
    yyjson_val *values = mr_json_parse(&arena, mr_buf_slice(&text), 32);
    mr_buf_fini(&text);
    assert_non_null(values);
    return values;
}

/* ---- the second opinion ---- */

/* The AttributeValue's type, and what it holds. */
static const char *open_value(yyjson_val *value, yyjson_val **ret_held)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(value);
    yyjson_val *key = yyjson_obj_iter_next(&iter);
    *ret_held = yyjson_obj_iter_get_val(key);
    return yyjson_get_str(key);
}

static bool same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static bool is_set(const char *type)
{
    return type[1] == 'S' && type[2] == 0;
}

static bool equal(yyjson_val *a, yyjson_val *b);

static bool equal_scalars(const char *type, yyjson_val *a, yyjson_val *b)
{
    if (type[0] == 'N')
        return strtod(yyjson_get_str(a), NULL) == strtod(yyjson_get_str(b), NULL);
    return same(yyjson_get_str(a), yyjson_get_str(b));
}

static bool has_member(const char *type, yyjson_val *set, yyjson_val *wanted)
{
    for (size_t i = 0; i < yyjson_arr_size(set); i++) {
        if (equal_scalars(type, yyjson_arr_get(set, i), wanted))
            return true;
    }
    return false;
}

static bool equal_lists(const char *type, yyjson_val *a, yyjson_val *b)
{
    if (yyjson_arr_size(a) != yyjson_arr_size(b))
        return false;
    for (size_t i = 0; i < yyjson_arr_size(a); i++) {
        yyjson_val *each = yyjson_arr_get(a, i);
        if (same(type, "L") ? !equal(each, yyjson_arr_get(b, i)) : !has_member(type, b, each))
            return false;
    }
    return true;
}

static bool equal_maps(yyjson_val *a, yyjson_val *b)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(a);
    if (yyjson_obj_size(a) != yyjson_obj_size(b))
        return false;
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        yyjson_val *other = yyjson_obj_get(b, yyjson_get_str(key));
        if (other == NULL || !equal(yyjson_obj_iter_get_val(key), other))
            return false;
    }
    return true;
}

static bool equal(yyjson_val *a, yyjson_val *b)
{
    yyjson_val *left, *right;
    const char *type = open_value(a, &left);
    if (!same(type, open_value(b, &right)))
        return false;
    if (same(type, "M"))
        return equal_maps(left, right);
    if (same(type, "L") || is_set(type))
        return equal_lists(type, left, right);
    if (same(type, "NULL"))
        return true;
    if (same(type, "BOOL"))
        return yyjson_get_bool(left) == yyjson_get_bool(right);
    return equal_scalars(type, left, right);
}

/* Whether the two have an order; *ret_order as strcmp. */
static bool ordered(yyjson_val *a, yyjson_val *b, int *ret_order)
{
    yyjson_val *left, *right;
    if (a == NULL || b == NULL)
        return false;
    const char *type = open_value(a, &left);
    if (!same(type, open_value(b, &right)) || type[1] != 0 || strchr("SNB", type[0]) == NULL)
        return false;
    if (type[0] == 'N') {
        double x = strtod(yyjson_get_str(left), NULL), y = strtod(yyjson_get_str(right), NULL);
        *ret_order = x < y ? -1 : x > y;
    } else {
        *ret_order = strcmp(yyjson_get_str(left), yyjson_get_str(right));
    }
    return true;
}

static uint64_t looked_up(const char *text, const char *const *domain, const uint64_t *found)
{
    size_t i = 0;
    while (!same(domain[i], text))
        i++;
    return found[i];
}

/* What size() says; false: nothing. */
static bool size_of(yyjson_val *value, double *ret_size)
{
    yyjson_val *held;
    if (value == NULL)
        return false;
    const char *type = open_value(value, &held);
    if (same(type, "S"))
        *ret_size = (double)looked_up(yyjson_get_str(held), texts, text_units);
    else if (same(type, "B"))
        *ret_size = (double)looked_up(yyjson_get_str(held), blobs, blob_sizes);
    else if (same(type, "L") || is_set(type))
        *ret_size = (double)yyjson_arr_size(held);
    else if (same(type, "M"))
        *ret_size = (double)yyjson_obj_size(held);
    else
        return false;
    return true;
}

/* c.x, d[0].x */
static yyjson_val *follow(yyjson_val *item, const char *path)
{
    yyjson_val *held, *at = yyjson_obj_getn(item, path, 1);
    for (path++; at != NULL && *path != 0; path += *path == '[' ? 3 : 2) {
        const char *type = open_value(at, &held);
        if (*path == '[')
            at = same(type, "L") ? yyjson_arr_get(held, (size_t)(path[1] - '0')) : NULL;
        else
            at = same(type, "M") ? yyjson_obj_getn(held, path + 1, 1) : NULL;
    }
    return at;
}

/* The bytes of a text or blob. */
static const char *bytes_of(const char *type, yyjson_val *held)
{
    static const char *const plain[] = {"", "a", "ab", "b"};
    size_t i = 0;
    if (same(type, "S"))
        return yyjson_get_str(held);
    while (!same(blobs[i], yyjson_get_str(held)))
        i++;
    return plain[i];
}

static bool contains(yyjson_val *whole, yyjson_val *part)
{
    yyjson_val *held, *wanted;
    if (whole == NULL || part == NULL)
        return false;
    const char *type = open_value(whole, &held), *part_type = open_value(part, &wanted);
    if (same(type, "S") || same(type, "B"))
        return same(part_type, type) &&
               strstr(bytes_of(type, held), bytes_of(type, wanted)) != NULL;
    if (is_set(type))
        return type[0] == part_type[0] && part_type[1] == 0 && has_member(type, held, wanted);
    for (size_t i = 0; same(type, "L") && i < yyjson_arr_size(held); i++) {
        if (equal(yyjson_arr_get(held, i), part))
            return true;
    }
    return false;
}

static bool begins_with(yyjson_val *whole, yyjson_val *part)
{
    yyjson_val *held, *wanted;
    if (whole == NULL || part == NULL)
        return false;
    const char *type = open_value(whole, &held);
    if (!same(open_value(part, &wanted), type) || (!same(type, "S") && !same(type, "B")))
        return false;
    const char *prefix = bytes_of(type, wanted);
    return strncmp(bytes_of(type, held), prefix, strlen(prefix)) == 0;
}

/* ---- random conditions, written and evaluated at once ---- */

struct operand {
    char text[8];
    yyjson_val *value; /* NULL: nothing is there */
};

struct game {
    yyjson_val *item, *values;
    struct mr_buf text;
};

static const char *const value_names[] = {":p", ":q", ":r", ":s", ":t", ":u", ":v", ":w"};

static struct operand draw_path(struct game *game)
{
    struct operand operand;
    const char *path = paths[draw(MR_COUNT(paths))];
    snprintf(operand.text, sizeof(operand.text), "%s", path);
    operand.value = follow(game->item, path);
    return operand;
}

static struct operand draw_operand(struct game *game)
{
    struct operand operand;
    if (draw(3) == 0)
        return draw_path(game);
    const char *name = value_names[draw(MR_COUNT(value_names))];
    snprintf(operand.text, sizeof(operand.text), "%s", name);
    operand.value = yyjson_obj_get(game->values, name);
    return operand;
}

static bool play_comparison(struct game *game)
{
    static const char *const signs[] = {"=", "<>", "<", "<=", ">", ">="};
    size_t sign = draw(MR_COUNT(signs));
    struct operand a = draw_path(game), b = draw_operand(game);
    bool both = a.value != NULL && b.value != NULL;
    int order = 0;
    mr_buf_printf(&game->text, "%s %s %s", a.text, signs[sign], b.text);
    if (sign < 2)
        return (both && equal(a.value, b.value)) == (sign == 0);
    if (!ordered(a.value, b.value, &order))
        return false;
    return sign == 2 ? order < 0 : sign == 3 ? order <= 0 : sign == 4 ? order > 0 : order >= 0;
}

static bool play_between(struct game *game)
{
    struct operand a = draw_path(game), low = draw_operand(game), high = draw_operand(game);
    int from, to;
    mr_buf_printf(&game->text, "%s BETWEEN %s AND %s", a.text, low.text, high.text);
    return ordered(a.value, low.value, &from) && ordered(a.value, high.value, &to) && from >= 0 &&
           to <= 0;
}

static bool play_in(struct game *game)
{
    struct operand a = draw_path(game);
    bool found = false;
    size_t count = 1 + draw(3);
    mr_buf_printf(&game->text, "%s IN (", a.text);
    for (size_t i = 0; i < count; i++) {
        struct operand b = draw_operand(game);
        mr_buf_printf(&game->text, "%s%s", i == 0 ? "" : ", ", b.text);
        found = found || (a.value != NULL && b.value != NULL && equal(a.value, b.value));
    }
    mr_buf_printf(&game->text, ")");
    return found;
}

static bool play_size(struct game *game)
{
    struct operand a = draw_path(game), b = draw_operand(game);
    yyjson_val *held;
    double size;
    mr_buf_printf(&game->text, "size(%s) > %s", a.text, b.text);
    return size_of(a.value, &size) && b.value != NULL && same(open_value(b.value, &held), "N") &&
           size > strtod(yyjson_get_str(held), NULL);
}

static bool play_type(struct game *game)
{
    struct operand a = draw_path(game);
    yyjson_val *held;
    const char *name = type_names[draw(MR_COUNT(type_names))];
    mr_buf_printf(&game->text, "attribute_type(%s, :%s)", a.text, name);
    return a.value != NULL && same(open_value(a.value, &held), name);
}

static bool play_function(struct game *game)
{
    struct operand a = draw_path(game), b = draw_operand(game);
    switch (draw(4)) {
    case 0:
        mr_buf_printf(&game->text, "contains(%s, %s)", a.text, b.text);
        return contains(a.value, b.value);
    case 1:
        mr_buf_printf(&game->text, "begins_with(%s, %s)", a.text, b.text);
        return begins_with(a.value, b.value);
    case 2: mr_buf_printf(&game->text, "attribute_exists(%s)", a.text); return a.value != NULL;
    default: mr_buf_printf(&game->text, "attribute_not_exists(%s)", a.text); return a.value == NULL;
    }
}

static bool play(struct game *game, unsigned depth)
{
    size_t kind = draw(depth == 0 ? 7 : 12);
    if (kind >= 10) {
        mr_buf_printf(&game->text, "NOT (");
        bool held = play(game, depth - 1);
        mr_buf_printf(&game->text, ")");
        return !held;
    }
    if (kind >= 7) {
        bool conjunction = draw(2) == 0;
        mr_buf_printf(&game->text, "(");
        bool left = play(game, depth - 1);
        mr_buf_printf(&game->text, conjunction ? ") AND (" : ") OR (");
        bool right = play(game, depth - 1);
        mr_buf_printf(&game->text, ")");
        return conjunction ? left && right : left || right;
    }
    switch (kind) {
    case 0: return play_between(game);
    case 1: return play_in(game);
    case 2: return play_size(game);
    case 3: return play_type(game);
    case 4:
    case 5: return play_function(game);
    default: return play_comparison(game);
    }
}

/* Goal: what holds is what the second opinion says. Method: some of the conditions drawn are
 * refused before they are evaluated (operands of no order, an operand twice); most are not. */
static void conditions_hold_as_a_plain_evaluator_says(void **state)
{
    (void)state;
    static const char *const attributes[] = {"a", "b", "c", "d", "e"};
    size_t evaluated = 0, held = 0;
    mr_rng_init_seed(&rng, 20261129);
    for (int round = 0; round < 40000; round++) {
        struct game game = {.item = random_values(attributes, MR_COUNT(attributes), false)};
        struct item_placeholders placeholders;
        struct item_condition condition;
        struct mr_slice item, error;
        struct mr_buf text = {0};
        struct mr_json json = mr_json_make(&text);
        yyjson_val *drawn = random_values(value_names, MR_COUNT(value_names), true);
        mr_json_object(&json);
        for (size_t i = 0; i < MR_COUNT(value_names); i++) {
            mr_json_key(&json, value_names[i]);
            mr_json_value(&json, yyjson_obj_get(drawn, value_names[i]));
        }
        for (size_t i = 0; i < MR_COUNT(type_names); i++) {
            mr_buf_printf(&game.text, ":%s", type_names[i]);
            mr_buf_byte(&game.text, 0);
            mr_json_key(&json, game.text.data);
            mr_json_object(&json);
            mr_json_key_string(&json, "S", mr_slice_cstr(type_names[i]));
            mr_json_object_end(&json);
            mr_buf_reset(&game.text);
        }
        mr_json_object_end(&json);
        game.values = mr_json_parse(&arena, mr_buf_slice(&text), 32);
        assert_int_equal(item_encode(&arena, game.item, &item, &error), MR_OK);
        assert_int_equal(item_placeholders_make(&arena, NULL, game.values, &placeholders, &error),
                         MR_OK);
        bool want = play(&game, 3);
        if (item_condition_parse(&arena, &placeholders, mr_buf_slice(&game.text),
                                 "ConditionExpression", &condition, &error) == MR_OK) {
            bool got = item_condition_holds(&arena, &condition, item);
            if (got != want) {
                mr_buf_reset(&text);
                json = mr_json_make(&text);
                mr_json_value(&json, game.item);
                fail_msg("%.*s is %d\n%.*s", MR_ARG(mr_buf_slice(&game.text)), got,
                         MR_ARG(mr_buf_slice(&text)));
            }
            evaluated++;
            held += got;
        }
        mr_buf_fini(&game.text);
        mr_buf_fini(&text);
        mr_arena_reset(&arena);
    }
    assert_true(evaluated > 15000 && held > 4000);
}

/* ---- sizes ---- */

static uint64_t plain_size(yyjson_val *value)
{
    yyjson_val *held;
    const char *type = open_value(value, &held);
    uint64_t size = 0;
    if (same(type, "S"))
        return yyjson_get_len(held);
    if (same(type, "N"))
        return looked_up(yyjson_get_str(held), numbers, number_sizes);
    if (same(type, "B"))
        return looked_up(yyjson_get_str(held), blobs, blob_sizes);
    if (same(type, "BOOL") || same(type, "NULL"))
        return 1;
    for (size_t i = 0; is_set(type) && i < yyjson_arr_size(held); i++) {
        const char *member = yyjson_get_str(yyjson_arr_get(held, i));
        size += type[0] == 'S' ? strlen(member) : looked_up(member, numbers, number_sizes);
    }
    if (is_set(type))
        return size;
    size = 3;
    for (size_t i = 0; same(type, "L") && i < yyjson_arr_size(held); i++)
        size += 1 + plain_size(yyjson_arr_get(held, i));
    if (same(type, "M")) {
        yyjson_obj_iter iter = yyjson_obj_iter_with(held);
        for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter)) != NULL;)
            size += 1 + yyjson_get_len(key) + plain_size(yyjson_obj_iter_get_val(key));
    }
    return size;
}

static void sizes_are_the_sums_that_aws_documents(void **state)
{
    (void)state;
    static const char *const attributes[] = {"a", "longer", "c"};
    mr_rng_init_seed(&rng, 7);
    for (int round = 0; round < 20000; round++) {
        struct mr_slice item, error;
        uint64_t want = 0;
        yyjson_val *json = random_values(attributes, MR_COUNT(attributes), true);
        for (size_t i = 0; i < MR_COUNT(attributes); i++)
            want += strlen(attributes[i]) + plain_size(yyjson_obj_get(json, attributes[i]));
        assert_int_equal(item_encode(&arena, json, &item, &error), MR_OK);
        assert_int_equal(item_size(item), want);
        mr_arena_reset(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_hold_as_a_plain_evaluator_says),
        cmocka_unit_test(sizes_are_the_sums_that_aws_documents),
    };
    mr_arena_init(&arena);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    mr_arena_fini(&arena);
    return failed;
}
