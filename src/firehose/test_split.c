/* Records that hold others, taken apart. */
#include "base/codec.h"
#include "firehose/split.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

struct pieces {
    struct mr_arena arena;
    struct mr_buf text; /* "key=data|" of each */
    size_t count, failed;
};

static void take(void *ctx, const struct split_piece *piece)
{
    struct pieces *pieces = ctx;
    mr_buf_append(&pieces->text, piece->key);
    mr_buf_byte(&pieces->text, '=');
    mr_buf_append(&pieces->text, piece->data);
    mr_buf_byte(&pieces->text, '|');
    pieces->count++;
    pieces->failed += piece->failed;
}

static void expect(const struct split_options *options, struct mr_slice data, const char *text)
{
    struct pieces pieces = {0};
    mr_arena_init(&pieces.arena);
    split_record(&pieces.arena, options, data, MR_S("k"), take, &pieces);
    mr_buf_byte(&pieces.text, '\0');
    assert_string_equal(pieces.text.data, text);
    mr_buf_fini(&pieces.text);
    mr_arena_fini(&pieces.arena);
}

static void json_values_are_told_apart_with_or_without_blanks(void **state)
{
    (void)state;
    const struct split_options json = {.kind = SPLIT_JSON};
    expect(&json, MR_S("{\"a\":1}{\"b\":\"}{\"}\n\n {\"c\":[]}\n"),
           "k={\"a\":1}|k={\"b\":\"}{\"}|k={\"c\":[]}|");
    expect(&json, MR_S("{\"a\":1}"), "k={\"a\":1}|");
    expect(&json, MR_S("{\"a\":1} nonsense {\"b\":2}"), "k={\"a\":1}|k=nonsense {\"b\":2}|");
    expect(&json, MR_S(""), "k=|");
    expect(&json, MR_S("  "), "k=  |");
}

static void delimited_parts_come_without_the_delimiter(void **state)
{
    (void)state;
    const struct split_options by = {.kind = SPLIT_DELIMITED, .delimiter = MR_S_INIT("##")};
    expect(&by, MR_S("a##b#c##"), "k=a|k=b#c|");
    expect(&by, MR_S("####"), "");
    const struct split_options none = {0};
    expect(&none, MR_S("a##b"), "k=a##b|");
}

/* A protocol buffer of two keys and three records, as the KPL writes it. */
static struct mr_buf aggregate(void)
{
    struct mr_buf body = {0}, whole = {0};
    const char *const keys[] = {"one", "two"};
    const struct {
        uint64_t key;
        struct mr_slice data;
    } records[] = {{0, MR_S_INIT("A")}, {1, MR_S_INIT("")}, {1, MR_S_INIT("C|C")}};
    for (size_t i = 0; i < 2; i++) {
        mr_buf_byte(&body, 1 << 3 | 2);
        mr_buf_bytes(&body, mr_slice_cstr(keys[i]));
    }
    for (size_t i = 0; i < 3; i++) {
        struct mr_buf record = {0};
        mr_buf_byte(&record, 1 << 3);
        mr_buf_varint(&record, records[i].key);
        mr_buf_byte(&record, 3 << 3 | 2);
        mr_buf_bytes(&record, records[i].data);
        mr_buf_byte(&body, 3 << 3 | 2);
        mr_buf_bytes(&body, mr_buf_slice(&record));
        mr_buf_fini(&record);
    }
    uint8_t digest[16];
    mr_md5(mr_buf_slice(&body), digest);
    mr_buf_append(&whole, MR_S("\xf3\x89\x9a\xc2"));
    mr_buf_append(&whole, mr_buf_slice(&body));
    mr_buf_append(&whole, mr_slice_make(digest, sizeof digest));
    mr_buf_fini(&body);
    return whole;
}

static void an_aggregate_of_the_kpl_gives_its_user_records(void **state)
{
    (void)state;
    const struct split_options aggregated = {.aggregated = true}, plain = {0};
    struct mr_buf whole = aggregate();
    expect(&aggregated, mr_buf_slice(&whole), "one=A|two=|two=C|C|");
    struct pieces pieces = {0};
    split_record(&pieces.arena, &plain, mr_buf_slice(&whole), MR_S("k"), take, &pieces);
    assert_int_equal(pieces.count, 1);
    mr_buf_reset(&pieces.text);
    whole.data[whole.len - 1] ^= 1; /* its digest is wrong: it is a record like any other */
    split_record(&pieces.arena, &aggregated, mr_buf_slice(&whole), MR_S("k"), take, &pieces);
    assert_int_equal(pieces.count, 2);
    mr_arena_fini(&pieces.arena);
    mr_buf_fini(&pieces.text);
    mr_buf_fini(&whole);
}

static void a_packed_log_record_gives_its_messages(void **state)
{
    (void)state;
    const struct mr_slice text =
        MR_S("{\"messageType\":\"DATA_MESSAGE\",\"owner\":\"1\",\"logEvents\":["
             "{\"id\":\"a\",\"message\":\"m1\"},{\"message\":\"m2\"}]}");
    const struct split_options unpack = {.decompress = true},
                               extract = {.decompress = true, .extract = true};
    struct mr_buf packed = {0}, control = {0};
    mr_gzip(&packed, text);
    expect(&extract, mr_buf_slice(&packed), "k=m1\nm2\n|");
    mr_gzip(&control,
            MR_S("{\"messageType\":\"CONTROL_MESSAGE\",\"logEvents\":[{\"message\":\"m\"}]}"));
    expect(&extract, mr_buf_slice(&control), "k=|");
    struct pieces pieces = {0};
    split_record(&pieces.arena, &unpack, mr_buf_slice(&packed), MR_S(""), take, &pieces);
    assert_int_equal(pieces.text.len, text.len + 2);
    split_record(&pieces.arena, &unpack, MR_S("not gzip"), MR_S(""), take, &pieces);
    assert_int_equal(pieces.failed, 1);
    mr_arena_fini(&pieces.arena);
    mr_buf_fini(&pieces.text);
    mr_buf_fini(&packed);
    mr_buf_fini(&control);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_values_are_told_apart_with_or_without_blanks),
        cmocka_unit_test(delimited_parts_come_without_the_delimiter),
        cmocka_unit_test(an_aggregate_of_the_kpl_gives_its_user_records),
        cmocka_unit_test(a_packed_log_record_gives_its_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
