/* Two pairs of key values: what joined keys say of their order is what the values say, none is the
 * beginning of another, and numbers come back from their bytes. The first byte chooses the types,
 * and the second the length of the first values. */
#include "item/item.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static int sign(int order)
{
    return (order > 0) - (order < 0);
}

/* What the text names as a number is the same number when it is written and read again. */
static bool number_of(struct mr_slice text, struct item_number *number)
{
    char plain[ITEM_NUMBER_TEXT_MAX];
    struct item_number again;
    if (item_number_parse(text, number) != ITEM_NUMBER_OK)
        return false;
    size_t len = item_number_text(item_number_slice(number), plain);
    require(item_number_parse(mr_slice_make(plain, len), &again) == ITEM_NUMBER_OK);
    require(mr_slice_equal(item_number_slice(number), item_number_slice(&again)));
    return true;
}

static bool value_of(struct mr_arena *arena, enum item_type type, struct mr_slice bytes,
                     struct item_value *value)
{
    struct item_number number;
    if (type == ITEM_N && !number_of(bytes, &number))
        return false;
    *value = item_value_scalar(arena, type, type == ITEM_N ? item_number_slice(&number) : bytes);
    return true;
}

static struct mr_slice key_of(struct mr_arena *arena, const struct item_value *first,
                              const struct item_value *second)
{
    struct item_writer writer = item_writer_make(arena, 64);
    item_key_write(&writer, first);
    item_key_write(&writer, second);
    return item_writer_slice(&writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum item_type types[] = {ITEM_S, ITEM_N, ITEM_B};
    struct mr_arena arena;
    struct item_value values[4];
    if (size < 4)
        return 0;
    mr_arena_init(&arena);
    enum item_type first = types[data[0] % 3], second = types[data[0] / 3 % 3];
    struct mr_slice rest = mr_slice_make(data + 3, size - 3);
    struct mr_slice left = mr_slice_sub(rest, 0, data[1] % (rest.len + 1));
    struct mr_slice right = mr_slice_sub(rest, left.len, SIZE_MAX);
    size_t left_cut = data[2] % (left.len + 1), right_cut = data[2] % (right.len + 1);
    if (value_of(&arena, first, mr_slice_sub(left, 0, left_cut), &values[0]) &&
        value_of(&arena, second, mr_slice_sub(left, left_cut, SIZE_MAX), &values[1]) &&
        value_of(&arena, first, mr_slice_sub(right, 0, right_cut), &values[2]) &&
        value_of(&arena, second, mr_slice_sub(right, right_cut, SIZE_MAX), &values[3])) {
        struct mr_slice a = key_of(&arena, &values[0], &values[1]);
        struct mr_slice b = key_of(&arena, &values[2], &values[3]);
        int want = item_value_compare(&values[0], &values[2]);
        if (want == 0)
            want = item_value_compare(&values[1], &values[3]);
        require(sign(mr_slice_compare(a, b)) == sign(want));
        require(want == 0 || (!mr_slice_starts_with(a, b) && !mr_slice_starts_with(b, a)));
    }
    mr_arena_fini(&arena);
    return 0;
}
