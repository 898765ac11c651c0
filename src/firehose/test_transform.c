/* The event a function gets, and how its answer is sorted. */
#include "firehose/internal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

struct fixture {
    struct mr_arena arena;
    struct delivery delivery;
    struct delivery_config config;
    struct delivery_record records[3];
    struct transform_input input;
    struct mr_buf good, bad;
    struct {
        uint64_t good_records, bad_records, dropped;
    } output;
    struct mr_slice ids[3];
};

static struct fixture *set_up(void)
{
    static char arn[] = "arn:aws:firehose:us-east-1:000000000000:deliverystream/D";
    struct fixture *f = calloc(1, sizeof *f);
    mr_arena_init(&f->arena);
    f->delivery.arn = arn;
    f->config.function = MR_S("arn:f");
    const char *const data[] = {"one", "two", "three"};
    for (size_t i = 0; i < 3; i++)
        f->records[i] = (struct delivery_record){.data = mr_slice_cstr(data[i]),
                                                 .original = mr_slice_cstr(data[i]),
                                                 .position = (int64_t)i + 10,
                                                 .arrival_ms = 1000};
    f->input = (struct transform_input){
        .delivery = &f->delivery, .config = &f->config, .records = f->records, .count = 3};
    yyjson_val *event =
        mr_json_parse(&f->arena, transform_event(&f->arena, &f->input, MR_S("i")), 8);
    for (size_t i = 0; i < 3; i++)
        f->ids[i] = mr_json_get_text(yyjson_arr_get(mr_json_get(event, "records"), i), "recordId");
    return f;
}

static void tear_down(struct fixture *f)
{
    mr_buf_fini(&f->good);
    mr_buf_fini(&f->bad);
    mr_arena_fini(&f->arena);
    free(f);
}

static void answer(struct fixture *f, const char *format, ...) MR_PRINTF(2, 3);
static void answer(struct fixture *f, const char *format, ...)
{
    struct mr_buf text = {0};
    va_list args;
    va_start(args, format);
    mr_buf_vprintf(&text, format, args);
    va_end(args);
    struct record_result results[3];
    transform_sort(&f->arena, &f->input, mr_buf_slice(&text), 5000, results);
    mr_buf_fini(&text);
    for (size_t i = 0; i < f->input.count; i++) {
        if (results[i].fate == RECORD_GOOD) {
            mr_buf_append(&f->good, results[i].data);
            mr_buf_append(&f->good, f->config.delimiter);
            f->output.good_records++;
        } else if (results[i].fate == RECORD_BAD) {
            transform_failure_write(&f->bad, &f->records[i], &results[i], f->config.function);
            f->output.bad_records++;
        } else {
            f->output.dropped++;
        }
    }
}

static bool bad_has(const struct fixture *f, const char *text)
{
    return mr_slice_search(mr_buf_slice(&f->bad), mr_slice_cstr(text)) != SIZE_MAX;
}

static void the_event_has_no_kinesis_members_for_direct_put(void **state)
{
    (void)state;
    struct fixture *f = set_up();
    const struct mr_slice event = transform_event(&f->arena, &f->input, MR_S("id-1"));
    yyjson_val *doc = mr_json_parse(&f->arena, event, 8);
    assert_true(mr_slice_equal(mr_json_get_text(doc, "invocationId"), MR_S("id-1")));
    assert_true(mr_slice_equal(mr_json_get_text(doc, "region"), MR_S("us-east-1")));
    assert_null(mr_json_get(doc, "sourceKinesisStreamArn"));
    yyjson_val *first = yyjson_arr_get(mr_json_get(doc, "records"), 0);
    assert_true(mr_slice_equal(mr_json_get_text(first, "data"), MR_S("b25l")));
    assert_null(mr_json_get(first, "kinesisRecordMetadata"));
    assert_false(mr_slice_equal(f->ids[0], f->ids[1]));
    tear_down(f);
}

static void ok_dropped_and_failed_go_three_ways_in_the_order_sent(void **state)
{
    (void)state;
    struct fixture *f = set_up();
    f->config.delimiter = MR_S("\n");
    answer(f,
           "{\"records\":[{\"recordId\":\"%.*s\",\"result\":\"Ok\",\"data\":\"VEhSRUU=\"},"
           "{\"recordId\":\"%.*s\",\"result\":\"Ok\",\"data\":\"T05F\"},"
           "{\"recordId\":\"%.*s\",\"result\":\"ProcessingFailed\",\"data\":\"eA==\"}]}",
           MR_ARG(f->ids[2]), MR_ARG(f->ids[0]), MR_ARG(f->ids[1]));
    assert_true(mr_slice_equal(mr_buf_slice(&f->good), MR_S("ONE\nTHREE\n")));
    assert_int_equal(f->output.good_records, 2);
    assert_int_equal(f->output.bad_records, 1);
    assert_true(
        bad_has(f, "{\"rawData\":\"dHdv\",\"errorCode\":\"Lambda.ProcessingFailedStatus\""));
    assert_true(bad_has(f, "\"attemptsMade\":1,\"arrivalTimestamp\":1000,"
                           "\"attemptEndingTimestamp\":5000,\"lambdaARN\":\"arn:f\"}\n"));
    tear_down(f);
}

static void a_missing_a_doubled_and_a_null_record_fail_alone(void **state)
{
    (void)state;
    struct fixture *f = set_up();
    answer(f,
           "{\"records\":[{\"recordId\":\"%.*s\",\"result\":\"Ok\",\"data\":null},"
           "{\"recordId\":\"%.*s\",\"result\":\"Ok\",\"data\":\"eA==\"},"
           "{\"recordId\":\"%.*s\",\"result\":\"Ok\",\"data\":\"eA==\"},"
           "{\"recordId\":\"unknown\",\"result\":\"Ok\",\"data\":\"eA==\"}]}",
           MR_ARG(f->ids[0]), MR_ARG(f->ids[1]), MR_ARG(f->ids[1]));
    assert_int_equal(f->output.good_records, 0);
    assert_int_equal(f->output.bad_records, 3);
    assert_true(bad_has(f, "Lambda.InvalidReturnFormat"));
    assert_true(bad_has(f, "Lambda.DuplicatedRecordId"));
    assert_true(bad_has(f, "Lambda.MissingRecordId"));
    tear_down(f);
}

static void an_answer_without_records_fails_every_record_as_missing(void **state)
{
    (void)state;
    struct fixture *f = set_up();
    answer(f, "{}");
    assert_int_equal(f->output.bad_records, 3);
    assert_true(bad_has(f, "Lambda.MissingRecordId"));
    tear_down(f);
}

static void dropped_records_leave_no_trace(void **state)
{
    (void)state;
    struct fixture *f = set_up();
    f->input.count = 1;
    answer(f, "{\"records\":[{\"recordId\":\"%.*s\",\"result\":\"Dropped\"}]}", MR_ARG(f->ids[0]));
    assert_int_equal(f->output.dropped, 1);
    assert_int_equal(f->good.len + f->bad.len, 0);
    tear_down(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_event_has_no_kinesis_members_for_direct_put),
        cmocka_unit_test(ok_dropped_and_failed_go_three_ways_in_the_order_sent),
        cmocka_unit_test(a_missing_a_doubled_and_a_null_record_fail_alone),
        cmocka_unit_test(an_answer_without_records_fails_every_record_as_missing),
        cmocka_unit_test(dropped_records_leave_no_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
