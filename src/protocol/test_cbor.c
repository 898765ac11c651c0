#include "protocol/cbor.h"
#include "base/codec.h"
#include "protocol/test_support.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* Bytes of hexadecimal digits. */
static struct mr_slice bytes_of(struct mr_arena *arena, const char *hex)
{
    const struct mr_slice digits = mr_slice_cstr(hex);
    char *bytes = mr_arena_alloc(arena, digits.len / 2 + 1);
    assert_int_equal(mr_unhex(digits, bytes, digits.len / 2), MR_OK);
    return mr_slice_make(bytes, digits.len / 2);
}

static void assert_hex(struct mr_slice actual, const char *hex)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    char *digits = mr_arena_alloc(&arena, actual.len * 2 + 1);
    mr_hex(actual.ptr, actual.len, digits);
    assert_string_equal(digits, hex);
    mr_arena_fini(&arena);
}

struct pair {
    const char *hex, *json;
};

static void items_read_as_json(void **state)
{
    (void)state;
    /* Most are examples of RFC 8949, appendix A. */
    static const struct pair pairs[] = {
        {"00", "0"},
        {"17", "23"},
        {"1818", "24"},
        {"1903e8", "1000"},
        {"1a000f4240", "1000000"},
        {"1bffffffffffffffff", "18446744073709551615"},
        {"20", "-1"},
        {"3903e7", "-1000"},
        {"3bffffffffffffffff", "-18446744073709551616"},
        {"f90000", "0.0"},
        {"f93c00", "1.0"},
        {"f93e00", "1.5"},
        {"f97bff", "65504.0"},
        {"f90001", "5.960464477539063e-8"},
        {"f90400", "0.00006103515625"},
        {"f9c400", "-4.0"},
        {"f97c00", "\"Infinity\""},
        {"f97e00", "\"NaN\""},
        {"fa47c35000", "100000.0"},
        {"fb3ff199999999999a", "1.1"},
        {"f4", "false"},
        {"f5", "true"},
        {"f6", "null"},
        {"f7", "null"},
        {"40", "\"\""},
        {"4401020304", "\"AQIDBA==\""},
        {"60", "\"\""},
        {"6449455446", "\"IETF\""},
        {"62225c", "\"\\\"\\\\\""},
        {"62c3bc", "\"\xc3\xbc\""},
        {"80", "[]"},
        {"8301820203820405", "[1,[2,3],[4,5]]"},
        {"a0", "{}"},
        {"a26161016162820203", "{\"a\":1,\"b\":[2,3]}"},
        {"5f42010243030405ff", "\"AQIDBAU=\""},
        {"7f657374726561646d696e67ff", "\"streaming\""},
        {"5fff", "\"\""},
        {"9fff", "[]"},
        {"9f018202039f0405ffff", "[1,[2,3],[4,5]]"},
        {"bf61610161629f0203ffff", "{\"a\":1,\"b\":[2,3]}"},
        {"bf7f6146627573ff01ff", "{\"Fus\":1}"},
        {"c11a514b67b0", "1363896240.0"},
        {"c1fb41d452d9ec200000", "1363896240.5"},
        {"c11b000001900000000a", "1717986918.41"}, /* milliseconds, as the SDKs write */
        {"d74401020304", "\"AQIDBA==\""},          /* another tag means nothing */
    };
    struct mr_arena arena;
    mr_arena_init(&arena);
    for (size_t i = 0; i < MR_COUNT(pairs); i++) {
        struct mr_buf json = {0};
        if (cbor_to_json(&json, bytes_of(&arena, pairs[i].hex)) != MR_OK)
            fail_msg("%s is refused", pairs[i].hex);
        assert_slice(mr_buf_slice(&json), pairs[i].json);
        mr_buf_fini(&json);
    }
    mr_arena_fini(&arena);
}

static void what_is_no_item_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "18",
        "1900",
        "1c",
        "1f",
        "3f",
        "41",
        "6261",
        "5f",
        "5f6161ff",
        "7f41",
        "7f7f6161",
        "5f5f4101ffff",
        "8101ff",
        "82",
        "8201",
        "9f01",
        "a1",
        "a16161",
        "a10102",
        "a1410102",
        "bf6161",
        "bf01ff",
        "bf6161ff",
        "c1",
        "c16161",
        "df",
        "e0",
        "f0",
        "f8ff",
        "f9",
        "fb00",
        "ff",
        "0000",
        "9bffffffffffffffff",
        "dfff",
        "fc",
        "5bffffffffffffffff",
    };
    struct mr_arena arena;
    mr_arena_init(&arena);
    for (size_t i = 0; i < MR_COUNT(wrong); i++) {
        struct mr_buf json = {0};
        if (cbor_to_json(&json, bytes_of(&arena, wrong[i])) != MR_INVALID)
            fail_msg("%s is taken", wrong[i]);
        mr_buf_fini(&json);
    }
    mr_arena_fini(&arena);
}

static void depth_and_size_have_limits(void **state)
{
    (void)state;
    char deep[CBOR_DEPTH_MAX + 2];
    struct mr_buf json = {0};
    memset(deep, (char)0x81, sizeof deep); /* arrays of one */
    deep[CBOR_DEPTH_MAX] = 0;
    assert_int_equal(cbor_to_json(&json, mr_slice_make(deep, CBOR_DEPTH_MAX + 1)), MR_OK);
    deep[CBOR_DEPTH_MAX] = (char)0x81;
    deep[CBOR_DEPTH_MAX + 1] = 0;
    assert_int_equal(cbor_to_json(&json, mr_slice_make(deep, sizeof deep)), MR_INVALID);
    mr_buf_reset(&json);
    /* A byte of text that JSON escapes grows sixfold. */
    const size_t len = CBOR_JSON_BYTES_MAX / 5;
    struct mr_buf cbor = {0};
    mr_buf_append(&cbor, MR_S("\x82\x7a"));
    for (unsigned shift = 32; shift > 0; shift -= 8)
        mr_buf_byte(&cbor, (char)(len >> (shift - 8) & 255U));
    memset(mr_buf_reserve(&cbor, len + 1), 1, len + 1); /* the text, and the item behind it: 1 */
    cbor.len += len + 1;
    assert_int_equal(cbor_to_json(&json, mr_buf_slice(&cbor)), MR_FULL);
    mr_buf_fini(&cbor);
    mr_buf_fini(&json);
}

static void values_are_written_as_short_as_can_be(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"17", "23"},
        {"1818", "24"},
        {"18ff", "255"},
        {"190100", "256"},
        {"1a00010000", "65536"},
        {"1b0000000100000000", "4294967296"},
        {"1bffffffffffffffff", "18446744073709551615"},
        {"20", "-1"},
        {"3b7fffffffffffffff", "-9223372036854775808"},
        {"fb3ff8000000000000", "1.5"},
        {"6161", "\"a\""},
        {"83f4f5f6", "[false,true,null]"},
        {"a16161a0", "{\"a\":{}}"},
    };
    struct mr_arena arena;
    mr_arena_init(&arena);
    for (size_t i = 0; i < MR_COUNT(pairs); i++) {
        struct mr_buf cbor = {0};
        yyjson_val *value = mr_json_parse(&arena, mr_slice_cstr(pairs[i].json), 8);
        cbor_from_json(&cbor, false, NULL, NULL, value);
        assert_hex(mr_buf_slice(&cbor), pairs[i].hex);
        mr_buf_fini(&cbor);
    }
    mr_arena_fini(&arena);
}

/* ---- whole requests ---- */

static const struct protocol_fault not_found = {"ResourceNotFoundException", 400, false};

static void put_record(struct protocol_call *call)
{
    mr_json_key_string(&call->out, "ShardId", mr_json_get_text(call->in, "Data"));
    mr_json_key_cstr(&call->out, "SequenceNumber", "49");
}

static void get_records(struct protocol_call *call)
{
    mr_json_key(&call->out, "Records");
    mr_json_array(&call->out);
    mr_json_object(&call->out);
    mr_json_key_timestamp(&call->out, "ApproximateArrivalTimestamp", 1718000000123);
    mr_json_key_cstr(&call->out, "Data", "aGk=");
    mr_json_object_end(&call->out);
    mr_json_array_end(&call->out);
    mr_json_key_int(&call->out, "MillisBehindLatest", 5);
}

static void nothing(struct protocol_call *call)
{
    (void)call;
}

static void no_stream(struct protocol_call *call)
{
    protocol_fail(call, &not_found, "no such stream");
}

static struct protocol_events *open_events;

static void started(void *ctx, struct protocol_events *events)
{
    (void)ctx;
    open_events = events;
}

static void subscribe(struct protocol_call *call)
{
    assert_int_equal(protocol_reply_events(call, started, NULL), MR_OK);
}

static const struct protocol_handler kinesis[] = {
    {.operation = "PutRecord", .run = put_record},
    {.operation = "GetRecords", .run = get_records},
    {.operation = "DeleteStream", .run = nothing},
    {.operation = "DescribeStream", .run = no_stream},
    {.operation = "SubscribeToShard", .run = subscribe},
};

static int setup(void **state)
{
    struct protocol *protocol = test_protocol_new();
    protocol_register(protocol, "kinesis", kinesis, MR_COUNT(kinesis), NULL);
    *state = protocol;
    return 0;
}

static int teardown(void **state)
{
    test_protocol_free(*state);
    return 0;
}

/* The request has the CBOR of this JSON, with `Data` as a byte string. */
static const struct test_reply *ask(struct protocol *protocol, const char *operation,
                                    const char *json)
{
    static char target[64];
    struct mr_arena arena;
    struct mr_buf cbor = {0};
    mr_arena_init(&arena);
    const struct model_service *service = model_service_find(MR_S("kinesis"));
    const struct model_operation *found = model_operation_find(service, mr_slice_cstr(operation));
    const struct model_shape *shape = found == NULL ? NULL : model_shape_at(service, found->input);
    cbor_from_json(&cbor, false, service, shape, mr_json_parse(&arena, mr_slice_cstr(json), 8));
    (void)snprintf(target, sizeof target, "Kinesis_20131202.%s", operation);
    const char *const headers[] = {"x-amz-target", target, "content-type",
                                   "application/x-amz-cbor-1.1", NULL};
    const struct test_reply *reply = test_send(
        protocol,
        &(struct test_request){
            .method = "POST", .target = "/", .headers = headers, .body = mr_buf_slice(&cbor)});
    mr_buf_fini(&cbor);
    mr_arena_fini(&arena);
    return reply;
}

static void requests_and_replies_are_cbor(void **state)
{
    const struct test_reply *reply =
        ask(*state, "PutRecord", "{\"StreamName\":\"s\",\"Data\":\"aGk=\",\"PartitionKey\":\"k\"}");
    assert_int_equal(reply->status, 200);
    assert_slice(test_reply_header("content-type"), "application/x-amz-cbor-1.1");
    /* {"ShardId": "aGk=", "SequenceNumber": "49"} */
    assert_hex(reply->body, "a2675368617264496464"
                            "61476b3d"
                            "6e53657175656e63654e756d626572"
                            "623439");
    reply = ask(*state, "GetRecords", "{\"ShardIterator\":\"i\"}");
    /* {"Records": [{"ApproximateArrivalTimestamp": 1(1718000000123), "Data": h'6869'}],
     * "MillisBehindLatest": 5} */
    assert_hex(reply->body, "a2675265636f72647381a2781b"
                            "417070726f78696d6174654172726976616c54696d657374616d70"
                            "c11b0000019000c79c7b"
                            "6444617461"
                            "426869"
                            "724d696c6c6973426568696e644c6174657374"
                            "05");
    reply = ask(*state, "DeleteStream", "{\"StreamName\":\"s\"}");
    assert_int_equal(reply->status, 200);
    assert_int_equal(reply->body.len, 0);
}

static void errors_are_cbor_too(void **state)
{
    const struct test_reply *reply = ask(*state, "DescribeStream", "{\"StreamName\":\"s\"}");
    assert_int_equal(reply->status, 400);
    assert_slice(test_reply_header("content-type"), "application/x-amz-cbor-1.1");
    /* {"__type": "ResourceNotFoundException", "message": "no such stream"} */
    assert_hex(reply->body, "a2665f5f747970657819"
                            "5265736f757263654e6f74466f756e64457863657074696f6e"
                            "676d6573736167656e"
                            "6e6f20737563682073747265616d");
    reply = ask(*state, "PutRecord", "{\"StreamName\":\"s\"}");
    assert_int_equal(reply->status, 400);
    reply = ask(*state, "PutRecord", "[1]");
    assert_int_equal(reply->status, 400);
    reply = ask(*state, "Nonsense", "{}");
    assert_int_equal(reply->status, 400);
    assert_slice(test_reply_header("content-type"), "application/x-amz-cbor-1.1");
}

static void events_are_cbor_in_their_frames(void **state)
{
    const struct test_reply *reply =
        ask(*state, "SubscribeToShard",
            "{\"ConsumerARN\":\"arn:aws:kinesis:us-east-1:000000000000:stream/s/consumer/c:1\","
            "\"ShardId\":\"shardId-000000000000\",\"StartingPosition\":{\"Type\":\"LATEST\"}}");
    assert_int_equal(reply->status, 200);
    assert_int_equal(
        protocol_events_send(open_events, "SubscribeToShardEvent",
                             MR_S("{\"Records\":[{\"Data\":\"aGk=\"}],\"MillisBehindLatest\":5}")),
        MR_OK);
    protocol_events_end(open_events);
    const char payload[] = "\xa2gRecords\x81\xa1"
                           "dData\x42hirMillisBehindLatest\x05";
    assert_true(mr_slice_search(reply->body, MR_S("application/x-amz-cbor-1.1\xa0")) != SIZE_MAX);
    assert_true(mr_slice_search(reply->body, mr_slice_make(payload, sizeof payload - 1)) !=
                SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_read_as_json),
        cmocka_unit_test(what_is_no_item_is_refused),
        cmocka_unit_test(depth_and_size_have_limits),
        cmocka_unit_test(values_are_written_as_short_as_can_be),
        cmocka_unit_test_setup_teardown(requests_and_replies_are_cbor, setup, teardown),
        cmocka_unit_test_setup_teardown(errors_are_cbor_too, setup, teardown),
        cmocka_unit_test_setup_teardown(events_are_cbor_in_their_frames, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
