/* LogConfiguration: a line of JSON a step of an execution, in AWS's schema, to the log group; the
 * log stream bears the pipe's name. */
#include "pipes/internal.h"

enum { DATA_BYTES_MAX = 200 << 10 }; /* AWS: execution data are cut to fit an event */

static void write_data(struct mr_json *json, const struct pipe_batch *batch)
{
    struct mr_buf data = {0};
    struct mr_json array = mr_json_make(&data);
    mr_json_array(&array);
    for (size_t i = 0; i < batch->count && data.len < DATA_BYTES_MAX; i++)
        mr_json_raw(&array, batch->events[i].text);
    mr_json_array_end(&array);
    const bool cut = data.len > DATA_BYTES_MAX;
    mr_json_key_string(json, "payload", mr_slice_sub(mr_buf_slice(&data), 0, DATA_BYTES_MAX));
    if (cut) {
        mr_json_key(json, "truncatedFields");
        mr_json_array(json);
        mr_json_string(json, MR_S("payload"));
        mr_json_array_end(json);
    }
    mr_buf_fini(&data);
}

void pipe_log(struct pipe_lane *lane, const struct pipe_batch *batch, enum pipe_log_level level,
              const char *step, const char *error)
{
    static const char *const names[] = {"OFF", "ERROR", "INFO", "TRACE"};
    const struct pipe *pipe = lane->pipe;
    if (pipe->config.level < level || level == PIPE_LOG_OFF)
        return;
    const int64_t now_ms = store_now(pipe->pipes->options.store);
    struct mr_buf line = {0};
    struct mr_json json = mr_json_make(&line);
    mr_json_object(&json);
    mr_json_key_cstr(&json, "resourceArn", pipe->arn);
    mr_json_key_int(&json, "timestamp", now_ms);
    mr_json_key_cstr(&json, "executionId", batch->execution);
    mr_json_key_cstr(&json, "messageType", step);
    mr_json_key_cstr(&json, "logLevel", names[level]);
    if (pipe->config.log_data)
        write_data(&json, batch);
    if (error != NULL) {
        mr_json_key(&json, "error");
        mr_json_object(&json);
        mr_json_key_cstr(&json, "message", error);
        mr_json_object_end(&json);
    }
    mr_json_object_end(&json);
    logs_append(pipe->pipes->options.logs, pipe->config.level_group, mr_slice_cstr(pipe->name),
                now_ms, mr_buf_slice(&line));
    mr_buf_fini(&line);
}
