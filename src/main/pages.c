/* Pages of millrace's own, under /_millrace/: health, status, and (with --testing) reset. */
#include "main/faults.h"
#include "main/internal.h"
#include "main/verify.h"
#include "version.h"
#include "base/inject.h"
#include "base/log.h"

static void begin_json(struct http_exchange *exchange)
{
    exchange->status = 200;
    http_reply_header(exchange, MR_S("content-type"), MR_S("application/json"));
}

static void health(void *ctx, struct http_exchange *exchange)
{
    (void)ctx;
    begin_json(exchange);
    mr_buf_append(&exchange->reply_body,
                  MR_S("{\"status\":\"ok\",\"version\":\"" MR_VERSION "\"}\n"));
}

/* ---- status ---- */

static void write_journal(struct mr_json *json, struct serve *serve)
{
    struct journal *journal = store_journal(serve->store);
    struct journal_stats stats;
    journal_stats_get(journal, &stats);
    mr_json_key(json, "journal");
    mr_json_object(json);
    mr_json_key_int(json, "tail", journal_tail(journal));
    mr_json_key_int(json, "durable", journal_durable(journal));
    mr_json_key_int(json, "first", journal_first(journal));
    mr_json_key_int(json, "entries", (int64_t)stats.entries);
    mr_json_key_int(json, "bytes", (int64_t)stats.bytes);
    mr_json_key_int(json, "syncs", (int64_t)stats.syncs);
    mr_json_key_int(json, "segments", (int64_t)stats.segments);
    const char *holder;
    const int64_t floor = store_floor_lowest(serve->store, &holder);
    mr_json_key_cstr(json, "held_by", holder); /* who needs the oldest position, and which */
    mr_json_key_int(json, "floor", floor == INT64_MAX ? journal_tail(journal) : floor);
    mr_json_object_end(json);
}

static void write_stream(void *ctx, struct kinesis_stream *stream)
{
    struct mr_json *json = ctx;
    struct kinesis_stats stats;
    kinesis_stats_get(stream, &stats);
    mr_json_object(json);
    mr_json_key_string(json, "name", kinesis_stream_name(stream));
    mr_json_key_int(json, "shards", (int64_t)kinesis_shard_count(stream));
    mr_json_key_int(json, "records", (int64_t)stats.records_in);
    mr_json_key_int(json, "bytes", (int64_t)stats.bytes_in);
    mr_json_object_end(json);
}

static void write_requests(struct mr_json *json, struct serve *serve)
{
    struct protocol_stats stats;
    protocol_stats_get(serve->protocol, &stats);
    mr_json_key(json, "requests");
    mr_json_object(json);
    mr_json_key_int(json, "all", (int64_t)stats.requests);
    mr_json_key_int(json, "faults", (int64_t)stats.faults);
    mr_json_key_int(json, "errors", (int64_t)stats.errors);
    mr_json_key_int(json, "connections", http_server_connections(serve->http));
    mr_json_object_end(json);
}

/* False, with the answer made: the server stops. To be followed by leave. */
static bool enter(struct serve *serve, struct http_exchange *exchange)
{
    pthread_rwlock_rdlock(&serve->services_lock);
    if (serve->services.chain != NULL)
        return true;
    pthread_rwlock_unlock(&serve->services_lock);
    exchange->status = 503;
    return false;
}

static void leave(struct serve *serve)
{
    pthread_rwlock_unlock(&serve->services_lock);
}

void serve_write_stages(struct serve *serve, struct mr_json *json)
{
    const struct serve_services *s = &serve->services;
    mr_json_key(json, "tables");
    mr_json_array(json);
    dynamodb_status(s->dynamodb, json);
    mr_json_array_end(json);
    mr_json_key(json, "destinations");
    mr_json_array(json);
    dynamodb_destinations_status(s->dynamodb, json);
    mr_json_array_end(json);
    mr_json_key(json, "pipes");
    mr_json_array(json);
    pipes_status(s->pipes, json);
    mr_json_array_end(json);
    mr_json_key(json, "streams");
    mr_json_array(json);
    kinesis_each(s->kinesis, write_stream, json);
    mr_json_array_end(json);
    mr_json_key(json, "deliveries");
    mr_json_array(json);
    firehose_status(s->firehose, json);
    mr_json_array_end(json);
    mr_json_key(json, "functions");
    mr_json_array(json);
    lambda_status(s->lambda, json);
    mr_json_array_end(json);
}

static void status(void *ctx, struct http_exchange *exchange)
{
    struct serve *serve = ctx;
    const struct serve_services *s = &serve->services;
    if (!enter(serve, exchange))
        return;
    struct s3_stats s3;
    s3_stats_get(s->s3, &s3);
    begin_json(exchange);
    struct mr_json json = mr_json_make(&exchange->reply_body);
    mr_json_object(&json);
    mr_json_key_cstr(&json, "version", MR_VERSION);
    mr_json_key_int(&json, "now_ms", store_now(serve->store));
    mr_json_key_int(&json, "started_ms", serve->started_ms);
    write_requests(&json, serve);
    write_journal(&json, serve);
    serve_write_stages(serve, &json);
    mr_json_key(&json, "objects");
    mr_json_object(&json);
    mr_json_key_int(&json, "puts", (int64_t)s3.puts);
    mr_json_key_int(&json, "gets", (int64_t)s3.gets);
    mr_json_key_int(&json, "deletes", (int64_t)s3.deletes);
    mr_json_key_int(&json, "bytes_in", (int64_t)s3.bytes_in);
    mr_json_key_int(&json, "bytes_out", (int64_t)s3.bytes_out);
    mr_json_object_end(&json);
    mr_json_key(&json, "watermark");
    mr_json_object(&json);
    chain_status(s->chain, &json);
    mr_json_object_end(&json);
    mr_json_object_end(&json);
    leave(serve);
    mr_buf_byte(&exchange->reply_body, '\n');
}

/* ---- the chain ---- */

static void watermark(void *ctx, struct http_exchange *exchange)
{
    struct serve *serve = ctx;
    if (!enter(serve, exchange))
        return;
    begin_json(exchange);
    struct mr_json json = mr_json_make(&exchange->reply_body);
    mr_json_object(&json);
    chain_status(serve->services.chain, &json);
    mr_json_object_end(&json);
    mr_buf_byte(&exchange->reply_body, '\n');
    leave(serve);
}

static void wait_for_landing(void *ctx, struct http_exchange *exchange)
{
    struct serve *serve = ctx;
    if (!mr_slice_equal(exchange->method, MR_S("POST")))
        exchange->status = 405;
    else if (http_header_get(exchange, "origin").ptr != NULL) /* a page in somebody's browser */
        exchange->status = 403;
    else if (enter(serve, exchange)) {
        chain_wait(serve->services.chain, exchange); /* which answers */
        leave(serve);
        return;
    }
    http_reply_send(exchange);
}

/* ---- Prometheus ---- */

static void metrics(void *ctx, struct http_exchange *exchange)
{
    struct serve *serve = ctx;
    if (!enter(serve, exchange))
        return;
    http_reply_header(exchange, MR_S("content-type"),
                      MR_S("text/plain; version=0.0.4; charset=utf-8"));
    serve_write_metrics(serve, &exchange->reply_body);
    leave(serve);
}

/* ---- wishes (testing) ---- */

bool serve_take_wish(struct http_exchange *exchange,
                     const char *(*obey)(void *ctx, yyjson_val *body), void *ctx)
{
    const char *wrong = NULL;
    if (mr_slice_equal(exchange->method, MR_S("POST"))) {
        if (http_header_get(exchange, "origin").ptr != NULL) { /* a page in somebody's browser */
            exchange->status = 403;
            return false;
        }
        wrong = obey(ctx, mr_json_parse(&exchange->arena, exchange->body, 4));
    } else if (!mr_slice_equal(exchange->method, MR_S("GET"))) {
        exchange->status = 405;
        return false;
    }
    exchange->status = wrong == NULL ? 200 : 400;
    http_reply_header(exchange, MR_S("content-type"), MR_S("application/json"));
    if (wrong == NULL)
        return true;
    struct mr_json json = mr_json_make(&exchange->reply_body);
    mr_json_object(&json);
    mr_json_key_cstr(&json, "error", wrong);
    mr_json_object_end(&json);
    mr_buf_byte(&exchange->reply_body, '\n');
    return false;
}

/* ---- reset (testing) ---- */

/* Closes every service, empties the store, opens them again: the same path as a restart on an empty
 * folder. Calls that arrive meanwhile wait. */
static void reset(void *ctx, struct http_exchange *exchange)
{
    struct serve *serve = ctx;
    if (!mr_slice_equal(exchange->method, MR_S("POST"))) {
        exchange->status = 405;
        return;
    }
    if (http_header_get(exchange, "origin").ptr != NULL) { /* a page in somebody's browser */
        exchange->status = 403;
        return;
    }
    (void)mr_inject_remove(0);
    protocol_pause(serve->protocol);
    pthread_rwlock_wrlock(&serve->services_lock);
    runtime_pump_stop(serve->maintenance);
    serve_close_services(serve);
    enum mr_status done = store_reset(serve->store);
    if (done == MR_OK)
        done = serve_open_services(serve);
    if (done == MR_OK) {
        serve_register_services(serve);
        serve_start_notifications(serve);
        serve_start_maintenance(serve);
    }
    pthread_rwlock_unlock(&serve->services_lock);
    protocol_resume(serve->protocol);
    mr_log(MR_LOG_INFO, "main", "reset: the server is empty");
    begin_json(exchange);
    if (done != MR_OK)
        exchange->status = 500;
    mr_buf_append(&exchange->reply_body,
                  done == MR_OK ? MR_S("{}\n") : MR_S("{\"error\":\"reset\"}\n"));
}

void serve_register_pages(struct serve *serve)
{
    protocol_register_internal(serve->protocol, "/_millrace/health", health, serve);
    protocol_register_internal(serve->protocol, "/_millrace/status", status, serve);
    protocol_register_internal(serve->protocol, "/_millrace/watermark", watermark, serve);
    protocol_register_internal(serve->protocol, "/_millrace/metrics", metrics, serve);
    protocol_register_internal(serve->protocol, PROTOCOL_SCRAPE_PATH, metrics, serve);
    protocol_register_internal_later(serve->protocol, "/_millrace/wait", wait_for_landing, serve);
    serve_register_verify(serve);
    if (!serve->options.testing)
        return;
    protocol_register_internal(serve->protocol, "/_millrace/reset", reset, serve);
    serve_register_clock(serve);
    serve_register_points(serve);
    serve_register_faults(serve);
}
