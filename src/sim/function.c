/* sim/function.c: what stands in for Lambda's processes and for the HTTP server.
 *
 * The transform answers at once or late, and as functions do: wrongly, twice, not at all. What it
 * gives back is what it got and a line's end. */
#include "sim/sim.h"
#include "base/codec.h"
#include "base/json.h"
#include "http/http.h"
#include "lambda/lambda.h"
#include <stdio.h>
#include <stdlib.h>

enum { EVENT_DEPTH = 16, WRONG_ONE_IN = 25 };

enum wrong {
    WRONG_NOTHING,
    WRONG_ERROR,     /* the handler raises */
    WRONG_NOT_READY, /* no process could be started */
    WRONG_FAILED,    /* a record's result is ProcessingFailed */
    WRONG_ID,        /* a record comes back under another id */
    WRONG_TWICE,     /* a record comes back twice */
    WRONG_MISSING,   /* a record does not come back */
    WRONG_ORDER,     /* they come back the other way round, which is no mistake */
    WRONG_TEXT,      /* no JSON */
    WRONGS
};

static void record_write(struct mr_json *json, struct mr_arena *arena, yyjson_val *record,
                         enum wrong wrong)
{
    struct mr_slice data;
    if (mr_base64_decode(arena, mr_json_get_text(record, "data"), &data) != MR_OK)
        sim_finding("a function was given data that is not base64");
    struct mr_buf line = {0};
    mr_buf_append(&line, data);
    mr_buf_byte(&line, '\n');
    mr_json_object(json);
    mr_json_key_string(json, "recordId",
                       wrong == WRONG_ID ? MR_S("unknown") : mr_json_get_text(record, "recordId"));
    mr_json_key_cstr(json, "result", wrong == WRONG_FAILED ? "ProcessingFailed" : "Ok");
    mr_json_key(json, "data");
    mr_json_base64(json, mr_buf_slice(&line));
    mr_json_object_end(json);
    mr_buf_fini(&line);
}

static void answer(struct mr_slice event, enum wrong wrong, struct mr_buf *reply)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    yyjson_val *records = mr_json_get(mr_json_parse(&arena, event, EVENT_DEPTH), "records");
    const size_t count = yyjson_arr_size(records);
    const size_t chosen = count == 0 ? 0 : (size_t)sim_below(count);
    struct mr_json json = mr_json_make(reply);
    mr_json_object(&json);
    mr_json_key(&json, "records");
    mr_json_array(&json);
    for (size_t i = 0; i < count; i++) {
        yyjson_val *record = yyjson_arr_get(records, wrong == WRONG_ORDER ? count - 1 - i : i);
        if (wrong == WRONG_MISSING && i == chosen)
            continue;
        record_write(&json, &arena, record, i == chosen ? wrong : WRONG_NOTHING);
        if (wrong == WRONG_TWICE && i == chosen)
            record_write(&json, &arena, record, wrong);
    }
    mr_json_array_end(&json);
    mr_json_object_end(&json);
    mr_arena_fini(&arena);
}

enum mr_status __wrap_lambda_invoke(struct lambda *lambda, struct mr_slice name,
                                    struct mr_slice event, struct lambda_result *ret_result);
enum mr_status __wrap_lambda_invoke(struct lambda *lambda, struct mr_slice name,
                                    struct mr_slice event, struct lambda_result *ret_result)
{
    (void)lambda;
    (void)name;
    *ret_result = (struct lambda_result){.outcome = LAMBDA_OK};
    const bool fails = sim->plan.functions_fail && !sim->calm && sim_chance(WRONG_ONE_IN);
    const enum wrong wrong = fails ? (enum wrong)(1 + sim_below(WRONGS - 1)) : WRONG_NOTHING;
    sim_sleep(sim_chance(20) ? (int64_t)sim_below(INT64_C(3000000000)) : 1000);
    sim_trace("the function is called with %zu bytes; wrong: %d", event.len, wrong);
    if (wrong == WRONG_ERROR) {
        ret_result->outcome = LAMBDA_FUNCTION_ERROR;
        ret_result->timed_out = sim_chance(2);
        (void)snprintf(ret_result->message, sizeof ret_result->message, "simulated");
    } else if (wrong == WRONG_NOT_READY) {
        ret_result->outcome = LAMBDA_NOT_READY;
        (void)snprintf(ret_result->message, sizeof ret_result->message, "simulated");
    } else if (wrong == WRONG_TEXT) {
        mr_buf_append(&ret_result->reply, MR_S("no JSON"));
    } else {
        answer(event, wrong, &ret_result->reply);
    }
    return MR_OK;
}

/* ---- no sockets ---- */

static char nothing;

enum mr_status __wrap_http_server_new(struct http_server **ret_server, int loops,
                                      const struct http_limits *limits);
enum mr_status __wrap_http_server_new(struct http_server **ret_server, int loops,
                                      const struct http_limits *limits)
{
    (void)loops;
    (void)limits;
    *ret_server = (struct http_server *)(void *)&nothing;
    return MR_OK;
}

enum mr_status __wrap_http_server_listen(struct http_server *server, const char *address, int port,
                                         const struct http_handler *handler, void *listener_ctx,
                                         struct http_listener **ret_listener, int *ret_port);
enum mr_status __wrap_http_server_listen(struct http_server *server, const char *address, int port,
                                         const struct http_handler *handler, void *listener_ctx,
                                         struct http_listener **ret_listener, int *ret_port)
{
    (void)server;
    (void)address;
    (void)handler;
    (void)listener_ctx;
    *ret_listener = (struct http_listener *)(void *)&nothing;
    *ret_port = port;
    return MR_OK;
}

void __wrap_http_server_release(struct http_server *server, int64_t position);
void __wrap_http_server_release(struct http_server *server, int64_t position)
{
    (void)server;
    sim_mix((uint64_t)position);
    sim_point();
}

void __wrap_http_server_stop(struct http_server *server, int grace_ms);
void __wrap_http_server_stop(struct http_server *server, int grace_ms)
{
    (void)server;
    (void)grace_ms;
}

void __wrap_http_server_free(struct http_server *server);
void __wrap_http_server_free(struct http_server *server)
{
    (void)server;
}
