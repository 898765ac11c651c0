#include "base/buf.h"
#include "base/rng.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void what_is_appended_stands_in_order(void **state)
{
    (void)state;
    struct mr_buf buf = {0};
    mr_buf_append(&buf, (struct mr_slice){0});
    mr_buf_append(&buf, MR_S("ab"));
    mr_buf_byte(&buf, 'c');
    mr_buf_printf(&buf, "%d%s", 12, "");
    mr_buf_printf(&buf, "%500d", 7);
    assert_int_equal(buf.len, 505);
    assert_memory_equal(buf.data, "abc12", 5);
    mr_buf_consume(&buf, 3);
    assert_memory_equal(buf.data, "12 ", 3);
    mr_buf_consume(&buf, buf.len);
    assert_int_equal(buf.len, 0);
    mr_buf_fini(&buf);
    mr_buf_fini(&buf);
    assert_int_equal(mr_buf_slice(&buf).len, 0);
}

static void a_reset_keeps_the_memory(void **state)
{
    (void)state;
    struct mr_buf buf = {0};
    mr_buf_append(&buf, MR_S("abc"));
    char *data = buf.data;
    mr_buf_reset(&buf);
    mr_buf_append(&buf, MR_S("xyz"));
    assert_ptr_equal(buf.data, data);
    assert_true(mr_slice_equal(mr_buf_slice(&buf), MR_S("xyz")));
    mr_buf_fini(&buf);
}

static void fixed_numbers_are_little_endian(void **state)
{
    (void)state;
    struct mr_buf buf = {0};
    mr_buf_u32(&buf, 0x01020304);
    mr_buf_u64(&buf, UINT64_C(0xfffefdfcfbfaf9f8));
    mr_buf_varint(&buf, 300);
    assert_memory_equal(buf.data, "\4\3\2\1\xf8\xf9\xfa\xfb\xfc\xfd\xfe\xff\xac\2", 14);
    assert_int_equal(buf.len, 14);
    mr_buf_fini(&buf);
}

static void what_was_written_reads_back_the_same(void **state)
{
    (void)state;
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 3);
    struct mr_buf buf = {0};
    uint64_t values[1000];
    for (size_t i = 0; i < MR_COUNT(values); i++) {
        values[i] = mr_rng_u64(&rng) >> mr_rng_below(&rng, 64);
        mr_buf_varint(&buf, values[i]);
        mr_buf_u64(&buf, values[i]);
        mr_buf_u32(&buf, (uint32_t)values[i]);
        mr_buf_byte(&buf, (char)values[i]);
        mr_buf_bytes(&buf, mr_slice_make(values, values[i] % 300));
    }
    mr_buf_varint(&buf, UINT64_MAX);
    struct mr_reader reader = mr_reader_make(mr_buf_slice(&buf));
    for (size_t i = 0; i < MR_COUNT(values); i++) {
        assert_true(mr_read_varint(&reader) == values[i]);
        assert_true(mr_read_u64(&reader) == values[i]);
        assert_true(mr_read_u32(&reader) == (uint32_t)values[i]);
        assert_true(mr_read_u8(&reader) == (uint8_t)values[i]);
        assert_true(mr_read_bytes(&reader).len == values[i] % 300);
    }
    assert_true(mr_read_varint(&reader) == UINT64_MAX);
    assert_false(reader.failed);
    assert_ptr_equal(reader.next, reader.end);
    mr_buf_fini(&buf);
}

static void reading_past_the_end_fails_and_stays_failed(void **state)
{
    (void)state;
    struct mr_reader reader = mr_reader_make(MR_S("\1\2\3\4\5"));
    assert_int_equal(mr_read_u64(&reader), 0);
    assert_true(reader.failed);
    assert_int_equal(mr_read_u8(&reader), 0);
    assert_int_equal(mr_read_bytes(&reader).len, 0);
    reader = mr_reader_make((struct mr_slice){0});
    assert_int_equal(mr_read_raw(&reader, 0).len, 0);
    assert_false(reader.failed);
    assert_int_equal(mr_read_u8(&reader), 0);
    assert_true(reader.failed);
}

static void damaged_lengths_fail(void **state)
{
    (void)state;
    struct mr_reader reader = mr_reader_make(MR_S("\5abc")); /* longer than what is there */
    assert_int_equal(mr_read_bytes(&reader).len, 0);
    assert_true(reader.failed);
    reader = mr_reader_make(MR_S("\xff\xff\xff\xff\xff\xff\xff\xff\xff\2")); /* over 64 bits */
    assert_int_equal(mr_read_varint(&reader), 0);
    assert_true(reader.failed);
    reader = mr_reader_make(MR_S("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\1"));
    assert_int_equal(mr_read_varint(&reader), 0);
    assert_true(reader.failed);
    reader = mr_reader_make(MR_S("\xff\xff\xff\xff\xff\xff\xff\xff\xff\1")); /* SIZE_MAX bytes */
    assert_int_equal(mr_read_bytes(&reader).len, 0);
    assert_true(reader.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_appended_stands_in_order),
        cmocka_unit_test(a_reset_keeps_the_memory),
        cmocka_unit_test(fixed_numbers_are_little_endian),
        cmocka_unit_test(what_was_written_reads_back_the_same),
        cmocka_unit_test(reading_past_the_end_fails_and_stays_failed),
        cmocka_unit_test(damaged_lengths_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
