/* The lines that the platform itself writes around a function's own, as text or, with LogFormat
 * JSON, as AWS's platform events. With JSON, SystemLogLevel WARN keeps only what went wrong.
 *
 * AWS: initStart, start and a successful report are INFO, other reports WARN. */
#include "lambda/internal.h"

static struct mr_json event_open(struct mr_buf *buf, const struct lambda *lambda, const char *type)
{
    char now[32];
    struct mr_json json = mr_json_make(buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "time", mr_date_iso8601(store_now(lambda->options.store), now));
    mr_json_key_cstr(&json, "type", type);
    mr_json_key(&json, "record");
    mr_json_object(&json);
    return json;
}

static struct mr_slice event_close(struct mr_arena *arena, struct mr_buf *buf, struct mr_json *json)
{
    mr_json_object_end(json);
    mr_json_object_end(json);
    const struct mr_slice line = mr_arena_copy(arena, mr_buf_slice(buf));
    mr_buf_fini(buf);
    return line;
}

static bool is_quiet(const struct lambda_config *config)
{
    return mr_slice_equal(config->system_level, MR_S("WARN"));
}

struct mr_slice lambda_platform_init(struct mr_arena *arena, const struct lambda *lambda,
                                     const struct lambda_config *config)
{
    const struct mr_slice arn = lambda_runtime_version_arn(arena, config->region, config->runtime);
    if (!config->logs_json)
        return mr_arena_printf(arena, "INIT_START Runtime Version: %.*s\tRuntime Version ARN: %.*s",
                               MR_ARG(config->runtime), MR_ARG(arn));
    if (is_quiet(config))
        return MR_S("");
    struct mr_buf buf = {0};
    struct mr_json json = event_open(&buf, lambda, "platform.initStart");
    mr_json_key_cstr(&json, "initializationType", "on-demand");
    mr_json_key_cstr(&json, "phase", "init");
    mr_json_key_string(&json, "runtimeVersion", config->runtime);
    mr_json_key_string(&json, "runtimeVersionArn", arn);
    return event_close(arena, &buf, &json);
}

struct mr_slice lambda_platform_start(struct mr_arena *arena, const struct lambda *lambda,
                                      const struct lambda_config *config, const char *request_id)
{
    if (!config->logs_json)
        return mr_arena_printf(arena, "START RequestId: %s Version: %.*s", request_id,
                               MR_ARG(config->version));
    if (is_quiet(config))
        return MR_S("");
    struct mr_buf buf = {0};
    struct mr_json json = event_open(&buf, lambda, "platform.start");
    mr_json_key_cstr(&json, "requestId", request_id);
    mr_json_key_string(&json, "version", config->version);
    return event_close(arena, &buf, &json);
}

static void put_ms(struct mr_json *json, const char *name, int64_t us)
{
    char text[32];
    snprintf(text, sizeof(text), "%.3f", (double)us / 1000);
    mr_json_key_raw(json, name, mr_slice_cstr(text));
}

static struct mr_slice report_event(struct mr_arena *arena, const struct lambda *lambda,
                                    const struct lambda_report *report)
{
    struct mr_buf buf = {0};
    struct mr_json json = event_open(&buf, lambda, "platform.report");
    mr_json_key_cstr(&json, "requestId", report->request_id);
    mr_json_key(&json, "metrics");
    mr_json_object(&json);
    put_ms(&json, "durationMs", report->duration_us);
    mr_json_key_int(&json, "billedDurationMs", (report->duration_us + 999) / 1000);
    mr_json_key_int(&json, "memorySizeMB", report->memory_mb);
    mr_json_key_int(&json, "maxMemoryUsedMB", report->used_mb);
    if (report->init_us > 0)
        put_ms(&json, "initDurationMs", report->init_us);
    mr_json_object_end(&json);
    mr_json_key_cstr(&json, "status",
                     report->timed_out ? "timeout"
                     : report->failed  ? "error"
                                       : "success");
    if (report->trace != NULL) {
        mr_json_key(&json, "tracing");
        mr_json_object(&json);
        mr_json_key_cstr(&json, "spanId", report->trace->segment);
        mr_json_key_cstr(&json, "type", "X-Amzn-Trace-Id");
        mr_json_key_string(&json, "value",
                           mr_arena_printf(arena, "Root=%s;Parent=%s;Sampled=1", report->trace->id,
                                           report->trace->segment));
        mr_json_object_end(&json);
    }
    return event_close(arena, &buf, &json);
}

struct mr_slice lambda_platform_end(struct mr_arena *arena, const struct lambda *lambda,
                                    const struct lambda_config *config,
                                    const struct lambda_report *report)
{
    if (config->logs_json)
        return is_quiet(config) && !report->timed_out && !report->failed
                   ? MR_S("")
                   : report_event(arena, lambda, report);
    struct mr_slice timed_out = MR_S("");
    if (report->timed_out) {
        char now[32];
        const struct mr_slice time = mr_date_iso8601(store_now(lambda->options.store), now);
        timed_out =
            mr_arena_printf(arena, "%.*s %s Task timed out after %.2f seconds\n", MR_ARG(time),
                            report->request_id, (double)report->duration_us / 1000000);
    }
    return mr_arena_printf(arena, "%.*sEND RequestId: %s\n%.*s", MR_ARG(timed_out),
                           report->request_id, MR_ARG(lambda_report_line(arena, report)));
}
