/* Packed bytes, read back by those who wrote the forms. */
#include "base/codec.h"
#include "firehose/pack.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <snappy-c.h>
#include <zip.h>

enum { BYTES = 700000 };

static struct mr_slice some_bytes(void)
{
    static char bytes[BYTES];
    uint32_t draw = 20251122;
    for (size_t i = 0; i < BYTES; i++) {
        draw = draw * 1664525u + 1013904223u;
        bytes[i] = i % 3000 < 2000 ? (char)('a' + i % 7) : (char)(draw >> 24);
    }
    return mr_slice_make(bytes, BYTES);
}

static size_t big32(const char *at)
{
    size_t value = 0;
    for (int i = 0; i < 4; i++)
        value = value << 8 | (uint8_t)at[i];
    return value;
}

static void unpack_block(struct mr_buf *out, const char *packed, size_t len)
{
    size_t plain;
    assert_int_equal(snappy_uncompressed_length(packed, len, &plain), SNAPPY_OK);
    char *at = mr_buf_reserve(out, plain);
    assert_int_equal(snappy_uncompress(packed, len, at, &plain), SNAPPY_OK);
    out->len += plain;
}

static void snappy_java_s_stream_has_its_head_and_blocks_of_32_kib(void **state)
{
    (void)state;
    const struct mr_slice bytes = some_bytes();
    struct mr_buf packed = {0}, plain = {0};
    compression_pack(&packed, COMPRESSION_SNAPPY, bytes, MR_S("x"), 0);
    assert_memory_equal(packed.data, "\x82SNAPPY\0\0\0\0\1\0\0\0\1", 16);
    for (size_t at = 16; at < packed.len;) {
        const size_t len = big32(packed.data + at), before = plain.len;
        unpack_block(&plain, packed.data + at + 4, len);
        assert_true(plain.len - before <= 32 << 10);
        at += 4 + len;
    }
    assert_int_equal(plain.len, BYTES);
    assert_memory_equal(plain.data, bytes.ptr, BYTES);
    mr_buf_fini(&packed);
    mr_buf_fini(&plain);
}

static void hadoop_s_stream_tells_the_plain_length_of_each_block(void **state)
{
    (void)state;
    const struct mr_slice bytes = some_bytes();
    struct mr_buf packed = {0}, plain = {0};
    compression_pack(&packed, COMPRESSION_HADOOP_SNAPPY, bytes, MR_S("x"), 0);
    for (size_t at = 0; at < packed.len;) {
        const size_t whole = big32(packed.data + at), len = big32(packed.data + at + 4);
        const size_t before = plain.len;
        unpack_block(&plain, packed.data + at + 8, len);
        assert_int_equal(plain.len - before, whole);
        at += 8 + len;
    }
    assert_int_equal(plain.len, BYTES);
    assert_memory_equal(plain.data, bytes.ptr, BYTES);
    mr_buf_fini(&packed);
    mr_buf_fini(&plain);
}

static void a_zip_holds_one_entry_of_the_name_given(void **state)
{
    (void)state;
    const struct mr_slice bytes = some_bytes();
    struct mr_buf packed = {0};
    compression_pack(&packed, COMPRESSION_ZIP, bytes, MR_S("the-name"), 1718000000000);
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(packed.data, packed.len, 0, &error);
    zip_t *zip = zip_open_from_source(source, ZIP_RDONLY, &error);
    assert_non_null(zip);
    assert_int_equal(zip_get_num_entries(zip, 0), 1);
    assert_string_equal(zip_get_name(zip, 0, 0), "the-name");
    zip_file_t *file = zip_fopen_index(zip, 0, 0);
    char *plain = malloc(BYTES + 1);
    assert_int_equal(zip_fread(file, plain, BYTES + 1), BYTES);
    assert_memory_equal(plain, bytes.ptr, BYTES);
    free(plain);
    zip_fclose(file);
    zip_discard(zip);
    mr_buf_fini(&packed);
}

static void each_form_is_known_by_aws_s_name(void **state)
{
    (void)state;
    assert_int_equal(compression_named(MR_S("UNCOMPRESSED")), COMPRESSION_NONE);
    assert_int_equal(compression_named(MR_S("Snappy")), COMPRESSION_SNAPPY);
    assert_int_equal(compression_named(MR_S("SNAPPY")), COMPRESSIONS);
    assert_true(mr_slice_equal(compression_extension(COMPRESSION_HADOOP_SNAPPY), MR_S(".snappy")));
    assert_true(
        mr_slice_equal(compression_encoding(COMPRESSION_HADOOP_SNAPPY), MR_S("hadoop-snappy")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snappy_java_s_stream_has_its_head_and_blocks_of_32_kib),
        cmocka_unit_test(hadoop_s_stream_tells_the_plain_length_of_each_block),
        cmocka_unit_test(a_zip_holds_one_entry_of_the_name_given),
        cmocka_unit_test(each_form_is_known_by_aws_s_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
