#include "base/codec.h"
#include "glue/sample.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <unistd.h>

static struct mr_slice shape_text(struct mr_arena *arena, const char *head, bool whole,
                                  struct lake_shape *ret_shape)
{
    struct mr_slice text = mr_slice_cstr(head);
    if (!glue_sample_shape(arena, text, whole, text.len, NULL, ret_shape))
        return MR_S("none");
    struct mr_buf buf = {0};
    glue_type_print(&buf, &ret_shape->type);
    struct mr_slice copy = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return copy;
}

static void expect(const char *head, bool whole, const char *type, uint64_t records)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct lake_shape shape = {0};
    struct mr_slice text = shape_text(&arena, head, whole, &shape);
    assert_string_equal(mr_arena_cstr(&arena, text), type);
    if (shape.type.kind == GLUE_STRUCT)
        assert_int_equal(shape.records, records);
    mr_arena_fini(&arena);
}

static void json_records_are_seen_on_lines_and_back_to_back(void **state)
{
    (void)state;
    expect("{\"a\":1}\n{\"b\":\"x\"}\n", true, "struct<a:int,b:string>", 2);
    expect("{\"a\":1}{\"a\":2.5}{\"a\":\"}{\"}", true, "struct<a:string>", 3);
    expect("\xef\xbb\xbf  {\n \"a\": {\"b\": [1]}\n}\n", true, "struct<a:struct<b:array<int>>>", 1);
    expect("{\"a\":1}\n{\"a\":2}\n{\"b\":", false, "struct<a:int>", 2);
    expect("{\"a\":1}\n{nonsense\n{\"a\":2}\n", true, "struct<a:int>", 2);
    expect("{\"a\"", true, "none", 0);
    expect("[{\"a\":1},{\"b\":2}]\n", true, "struct<array:array<struct<a:int,b:int>>>", 1);
    expect("", true, "none", 0);
}

static void delimited_text_is_told_by_its_lines(void **state)
{
    (void)state;
    expect("id,name,price\n1,tea,2.5\n2,coffee,3\n", true,
           "struct<id:bigint,name:string,price:double>", 2);
    expect("1|tea\n2|coffee\n", true, "struct<col0:bigint,col1:string>", 2);
    expect("just some words\nand more\n", true, "none", 0);
    expect("a,b\n1\n", true, "none", 0);
}

static void gzip_heads_are_inflated_member_by_member(void **state)
{
    (void)state;
    struct mr_buf packed = {0}, head = {0};
    mr_gzip(&packed, MR_S("{\"a\":1}\n"));
    mr_gzip(&packed, MR_S("{\"a\":2}\n"));
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], packed.data, packed.len), packed.len);
    close(ends[1]);
    bool whole = false;
    assert_int_equal(glue_sample_read(ends[0], MR_PACKING_GZIP, &head, &whole), MR_OK);
    assert_true(whole);
    assert_int_equal(head.len, 16);
    assert_memory_equal(head.data, "{\"a\":1}\n{\"a\":2}\n", 16);
    close(ends[0]);
    mr_buf_fini(&packed);
    mr_buf_fini(&head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_records_are_seen_on_lines_and_back_to_back),
        cmocka_unit_test(delimited_text_is_told_by_its_lines),
        cmocka_unit_test(gzip_heads_are_inflated_member_by_member),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
