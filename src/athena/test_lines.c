#include "athena/lines.h"
#include "base/codec.h"
#include "base/compress.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <sys/mman.h>
#include <unistd.h>

static int file_of(struct mr_slice bytes)
{
    const int fd = memfd_create("lines", 0);
    assert_true(fd > 0);
    assert_int_equal(write(fd, bytes.ptr, bytes.len), bytes.len);
    return fd;
}

/* All lines of a range, each with a bar behind it. */
static void read_range(struct mr_slice bytes, enum athena_packing packing, uint64_t from,
                       uint64_t to, struct mr_buf *text)
{
    struct athena_lines lines = {0};
    struct mr_slice line;
    assert_int_equal(athena_lines_open(&lines, file_of(bytes), MR_S(""), packing, from, to), MR_OK);
    while (athena_lines_next(&lines, &line) == MR_OK) {
        mr_buf_append(text, line);
        mr_buf_byte(text, '|');
    }
    athena_lines_fini(&lines);
}

static void expect(const char *bytes, const char *wanted)
{
    struct mr_buf text = {0};
    read_range(mr_slice_cstr(bytes), ATHENA_PLAIN, 0, UINT64_MAX, &text);
    mr_buf_byte(&text, '\0');
    assert_string_equal(text.data, wanted);
    mr_buf_fini(&text);
}

static void lines_end_with_or_without_carriage_return_and_at_the_end(void **state)
{
    (void)state;
    expect("", "");
    expect("a", "a|");
    expect("a\n", "a|");
    expect("a\r\n\nb", "a||b|");
    expect("\n\n", "||");
}

/* Goal: however an object is cut, each line is read once. */
static void ranges_together_give_every_line_once(void **state)
{
    (void)state;
    struct mr_buf bytes = {0}, whole = {0};
    for (int i = 0; i < 300; i++)
        mr_buf_printf(&bytes, "%0*d\n", i % 17, i);
    read_range(mr_buf_slice(&bytes), ATHENA_PLAIN, 0, UINT64_MAX, &whole);
    for (uint64_t step = 1; step < 200; step += 7) {
        struct mr_buf parts = {0};
        for (uint64_t from = 0; from < bytes.len; from += step) {
            const bool last = from + step >= bytes.len;
            read_range(mr_buf_slice(&bytes), ATHENA_PLAIN, from, last ? UINT64_MAX : from + step,
                       &parts);
        }
        assert_int_equal(parts.len, whole.len);
        assert_memory_equal(parts.data, whole.data, whole.len);
        mr_buf_fini(&parts);
    }
    mr_buf_fini(&bytes);
    mr_buf_fini(&whole);
}

static void gzip_members_are_one_text_and_damage_is_told(void **state)
{
    (void)state;
    struct mr_buf packed = {0}, text = {0};
    mr_gzip(&packed, MR_S("a\nb"));
    mr_gzip(&packed, MR_S("c\nd"));
    read_range(mr_buf_slice(&packed), ATHENA_GZIP, 0, UINT64_MAX, &text);
    assert_int_equal(text.len, 7);
    assert_memory_equal(text.data, "a|bc|d|", 7);
    struct athena_lines lines = {0};
    struct mr_slice line;
    assert_int_equal(
        athena_lines_open(&lines, file_of(MR_S("no gzip")), MR_S(""), ATHENA_GZIP, 0, UINT64_MAX),
        MR_OK);
    assert_int_equal(athena_lines_next(&lines, &line), MR_INVALID);
    athena_lines_fini(&lines);
    mr_buf_fini(&packed);
    mr_buf_fini(&text);
}

/* Where what is unpacked fills the last piece to its end, nothing is missing behind it. */
static void packed_texts_of_whole_pieces_are_whole(void **state)
{
    (void)state;
    enum { LINE = 64 };
    static const enum athena_packing packings[] = {ATHENA_GZIP, ATHENA_ZSTD};
    struct mr_buf text = {0}, packed = {0};
    struct mr_slice line;
    while (text.len < (size_t)2 * ATHENA_PIECE_BYTES)
        mr_buf_printf(&text, "%0*zu\n", LINE - 1, text.len);
    for (size_t i = 0; i < MR_COUNT(packings); i++) {
        struct athena_lines lines = {0};
        enum mr_status status;
        size_t count = 0;
        mr_buf_reset(&packed);
        if (packings[i] == ATHENA_ZSTD)
            mr_zstd(&packed, mr_buf_slice(&text), 0);
        else
            mr_gzip(&packed, mr_buf_slice(&text));
        assert_int_equal(athena_lines_open(&lines, file_of(mr_buf_slice(&packed)), MR_S(""),
                                           packings[i], 0, UINT64_MAX),
                         MR_OK);
        while ((status = athena_lines_next(&lines, &line)) == MR_OK)
            count++;
        if (status != MR_END)
            fail_msg("packing %zu: %s", i, lines.message);
        assert_int_equal(count, text.len / LINE);
        athena_lines_fini(&lines);
    }
    mr_buf_fini(&packed);
    mr_buf_fini(&text);
}

static void a_line_longer_than_a_piece_is_whole(void **state)
{
    (void)state;
    struct mr_buf bytes = {0}, text = {0};
    for (int i = 0; i < 3 * ATHENA_PIECE_BYTES; i++)
        mr_buf_byte(&bytes, 'x');
    mr_buf_append(&bytes, MR_S("\ny"));
    read_range(mr_buf_slice(&bytes), ATHENA_PLAIN, 0, UINT64_MAX, &text);
    assert_int_equal(text.len, bytes.len + 1);
    mr_buf_fini(&bytes);
    mr_buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_end_with_or_without_carriage_return_and_at_the_end),
        cmocka_unit_test(ranges_together_give_every_line_once),
        cmocka_unit_test(gzip_members_are_one_text_and_damage_is_told),
        cmocka_unit_test(packed_texts_of_whole_pieces_are_whole),
        cmocka_unit_test(a_line_longer_than_a_piece_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
