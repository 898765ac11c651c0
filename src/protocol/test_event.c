#include "protocol/test_support.h"
#include "base/codec.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct protocol_fault in_use = {"ResourceInUseException", 400, false};
static struct protocol_events *open_events;
static bool refuse;

static void started(void *ctx, struct protocol_events *events)
{
    assert_ptr_equal(ctx, &open_events);
    open_events = events;
}

static void subscribe(struct protocol_call *call)
{
    if (refuse)
        protocol_fail(call, &in_use, "somebody reads already");
    else
        assert_int_equal(protocol_reply_events(call, started, &open_events),
                         call->exchange == NULL ? MR_INVALID : MR_OK);
}

static const struct protocol_handler kinesis[] = {
    {.operation = "SubscribeToShard", .run = subscribe},
};

static int setup(void **state)
{
    struct protocol *protocol = test_protocol_new();
    protocol_register(protocol, "kinesis", kinesis, MR_COUNT(kinesis), NULL);
    open_events = NULL;
    refuse = false;
    test_write_answer = MR_OK;
    *state = protocol;
    return 0;
}

static int teardown(void **state)
{
    test_protocol_free(*state);
    return 0;
}

static const char input[] =
    "{\"ConsumerARN\":\"arn:aws:kinesis:us-east-1:000000000000:stream/s/consumer/c:1\","
    "\"ShardId\":\"shardId-000000000000\",\"StartingPosition\":{\"Type\":\"LATEST\"}}";

static const struct test_reply *send(struct protocol *protocol)
{
    const char *const headers[] = {"x-amz-target", "Kinesis_20131202.SubscribeToShard",
                                   "content-type", "application/x-amz-json-1.1", NULL};
    return test_send(protocol, &(struct test_request){.method = "POST",
                                                      .target = "/",
                                                      .headers = headers,
                                                      .body = mr_slice_cstr(input)});
}

static size_t u32_at(struct mr_slice bytes, size_t at)
{
    size_t value = 0;
    assert_true(at + 4 <= bytes.len);
    for (size_t i = at; i < at + 4; i++)
        value = value << 8 | (unsigned char)bytes.ptr[i];
    return value;
}

struct message {
    struct mr_slice headers[6]; /* name, text, ... */
    struct mr_slice payload;
};

/* Takes the first message off; every check that a client makes holds. */
static struct message take(struct mr_slice *rest)
{
    const size_t total = u32_at(*rest, 0), header_bytes = u32_at(*rest, 4);
    assert_true(total <= rest->len && header_bytes + 16 <= total);
    assert_int_equal(u32_at(*rest, 8), mr_crc32(0, mr_slice_sub(*rest, 0, 8)));
    assert_int_equal(u32_at(*rest, total - 4), mr_crc32(0, mr_slice_sub(*rest, 0, total - 4)));
    struct message message = {
        .payload = mr_slice_sub(*rest, 12 + header_bytes, total - header_bytes - 16)};
    size_t at = 12;
    for (size_t i = 0; i < 6; i += 2) {
        const size_t name_len = (unsigned char)rest->ptr[at];
        message.headers[i] = mr_slice_sub(*rest, at + 1, name_len);
        at += 1 + name_len;
        assert_int_equal(rest->ptr[at], 7);
        const size_t len =
            (size_t)(unsigned char)rest->ptr[at + 1] << 8 | (unsigned char)rest->ptr[at + 2];
        message.headers[i + 1] = mr_slice_sub(*rest, at + 3, len);
        at += 3 + len;
    }
    assert_int_equal(at, 12 + header_bytes);
    *rest = mr_slice_sub(*rest, total, SIZE_MAX);
    return message;
}

static void the_first_message_is_that_of_other_implementations(void **state)
{
    /* Made by Python's struct and zlib from the description of the format. */
    static const unsigned char expected[] = {
        0x00, 0x00, 0x00, 0x72, 0x00, 0x00, 0x00, 0x60, 0xab, 0x82, 0x0d, 0x9e, 0x0d, 0x3a, 0x6d,
        0x65, 0x73, 0x73, 0x61, 0x67, 0x65, 0x2d, 0x74, 0x79, 0x70, 0x65, 0x07, 0x00, 0x05, 0x65,
        0x76, 0x65, 0x6e, 0x74, 0x0b, 0x3a, 0x65, 0x76, 0x65, 0x6e, 0x74, 0x2d, 0x74, 0x79, 0x70,
        0x65, 0x07, 0x00, 0x10, 0x69, 0x6e, 0x69, 0x74, 0x69, 0x61, 0x6c, 0x2d, 0x72, 0x65, 0x73,
        0x70, 0x6f, 0x6e, 0x73, 0x65, 0x0d, 0x3a, 0x63, 0x6f, 0x6e, 0x74, 0x65, 0x6e, 0x74, 0x2d,
        0x74, 0x79, 0x70, 0x65, 0x07, 0x00, 0x1a, 0x61, 0x70, 0x70, 0x6c, 0x69, 0x63, 0x61, 0x74,
        0x69, 0x6f, 0x6e, 0x2f, 0x78, 0x2d, 0x61, 0x6d, 0x7a, 0x2d, 0x6a, 0x73, 0x6f, 0x6e, 0x2d,
        0x31, 0x2e, 0x31, 0x7b, 0x7d, 0xe1, 0x6e, 0x66, 0xe4,
    };
    const struct test_reply *reply = send(*state);
    assert_int_equal(reply->status, 200);
    assert_slice(test_reply_header("content-type"), "application/vnd.amazon.eventstream");
    assert_int_equal(test_reply_header("x-amzn-requestid").len, 36);
    assert_non_null(open_events);
    assert_false(reply->sent);
    protocol_events_end(open_events);
    assert_true(reply->sent);
    assert_int_equal(reply->body.len, sizeof expected);
    assert_memory_equal(reply->body.ptr, expected, sizeof expected);
}

static void events_follow_until_the_end(void **state)
{
    const struct test_reply *reply = send(*state);
    const char *event = "{\"Records\":[],\"MillisBehindLatest\":0}";
    assert_int_equal(
        protocol_events_send(open_events, "SubscribeToShardEvent", mr_slice_cstr(event)), MR_OK);
    protocol_events_fail(open_events, &in_use, MR_S("taken \"over\""));
    assert_true(reply->sent);
    struct mr_slice rest = reply->body;
    assert_slice(take(&rest).payload, "{}");
    struct message message = take(&rest);
    assert_slice(message.headers[0], ":message-type");
    assert_slice(message.headers[1], "event");
    assert_slice(message.headers[2], ":event-type");
    assert_slice(message.headers[3], "SubscribeToShardEvent");
    assert_slice(message.headers[4], ":content-type");
    assert_slice(message.headers[5], "application/x-amz-json-1.1");
    assert_slice(message.payload, event);
    message = take(&rest);
    assert_slice(message.headers[1], "exception");
    assert_slice(message.headers[2], ":exception-type");
    assert_slice(message.headers[3], "ResourceInUseException");
    assert_slice(message.payload, "{\"message\":\"taken \\\"over\\\"\"}");
    assert_int_equal(rest.len, 0);
}

static void a_slow_or_absent_client_is_told_to_the_owner(void **state)
{
    (void)send(*state);
    test_write_answer = MR_FULL;
    assert_int_equal(protocol_events_send(open_events, "SubscribeToShardEvent", MR_S("{}")),
                     MR_FULL);
    test_write_answer = MR_END;
    assert_int_equal(protocol_events_send(open_events, "SubscribeToShardEvent", MR_S("{}")),
                     MR_END);
    protocol_events_end(open_events);
}

static void a_refusal_is_an_ordinary_reply(void **state)
{
    refuse = true;
    const struct test_reply *reply = send(*state);
    assert_int_equal(reply->status, 400);
    assert_true(reply->sent && !reply->begun);
    assert_body(reply, "{\"__type\":\"ResourceInUseException\","
                       "\"message\":\"somebody reads already\"}");
}

static void calls_from_inside_get_no_stream(void **state)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct protocol_result result;
    assert_int_equal(protocol_invoke(*state, &arena, "kinesis", "SubscribeToShard",
                                     mr_slice_cstr(input), (struct mr_slice){0}, &result),
                     MR_OK);
    assert_int_equal(result.status, 501);
    assert_null(open_events);
    mr_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_message_is_that_of_other_implementations, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(events_follow_until_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(a_slow_or_absent_client_is_told_to_the_owner, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_refusal_is_an_ordinary_reply, setup, teardown),
        cmocka_unit_test_setup_teardown(calls_from_inside_get_no_stream, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
