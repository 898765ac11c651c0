/* The texts that AWS makes around an invocation: error objects, log lines; and functions' names. */
#include "lambda/internal.h"
#include "base/codec.h"
#include <signal.h>
#include <sys/wait.h>

/* ---- the tail of the log ---- */

static void tail_bytes(struct lambda_tail *tail, struct mr_slice bytes)
{
    if (bytes.len > LAMBDA_TAIL_BYTES) {
        tail->total += bytes.len - LAMBDA_TAIL_BYTES;
        bytes = mr_slice_sub(bytes, bytes.len - LAMBDA_TAIL_BYTES, LAMBDA_TAIL_BYTES);
    }
    while (bytes.len > 0) {
        const size_t at = (size_t)(tail->total % LAMBDA_TAIL_BYTES);
        const size_t room = LAMBDA_TAIL_BYTES - at;
        const size_t len = bytes.len < room ? bytes.len : room;
        memcpy(tail->bytes + at, bytes.ptr, len);
        tail->total += len;
        bytes = mr_slice_sub(bytes, len, SIZE_MAX);
    }
}

void lambda_tail_line(struct lambda_tail *tail, struct mr_slice line)
{
    tail_bytes(tail, line);
    tail_bytes(tail, MR_S("\n"));
}

struct mr_slice lambda_tail_text(struct mr_arena *arena, const struct lambda_tail *tail)
{
    if (tail->total <= LAMBDA_TAIL_BYTES)
        return mr_arena_copy(arena, mr_slice_make(tail->bytes, (size_t)tail->total));
    const size_t at = (size_t)(tail->total % LAMBDA_TAIL_BYTES);
    char *text = mr_arena_alloc(arena, LAMBDA_TAIL_BYTES);
    memcpy(text, tail->bytes + at, LAMBDA_TAIL_BYTES - at);
    memcpy(text + LAMBDA_TAIL_BYTES - at, tail->bytes, at);
    return mr_slice_make(text, LAMBDA_TAIL_BYTES);
}

/* ---- errors ---- */

void lambda_error_json(struct mr_buf *buf, struct mr_slice type, struct mr_slice message)
{
    struct mr_json json = mr_json_make(buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "errorType", type);
    mr_json_key_string(&json, "errorMessage", message);
    mr_json_object_end(&json);
}

struct mr_slice lambda_exit_text(struct mr_arena *arena, int status)
{
    static const struct {
        int number;
        const char *name;
    } signals[] = {
        {SIGKILL, "killed"},      {SIGSEGV, "segmentation fault"},
        {SIGABRT, "aborted"},     {SIGTERM, "terminated"},
        {SIGBUS, "bus error"},    {SIGFPE, "floating point exception"},
        {SIGINT, "interrupt"},    {SIGILL, "illegal instruction"},
        {SIGPIPE, "broken pipe"}, {SIGHUP, "hangup"},
        {SIGALRM, "alarm clock"}, {SIGQUIT, "quit"},
    };
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        return mr_arena_printf(arena, "Runtime exited with error: exit status %d",
                               WEXITSTATUS(status));
    if (!WIFSIGNALED(status))
        return MR_S("Runtime exited without providing a reason");
    for (size_t i = 0; i < MR_COUNT(signals); i++)
        if (signals[i].number == WTERMSIG(status))
            return mr_arena_printf(arena, "Runtime exited with error: signal: %s", signals[i].name);
    return mr_arena_printf(arena, "Runtime exited with error: signal: signal %d", WTERMSIG(status));
}

/* ---- log lines ---- */

struct mr_slice lambda_report_line(struct mr_arena *arena, const struct lambda_report *report)
{
    struct mr_slice init = MR_S("");
    if (report->init_us > 0)
        init = mr_arena_printf(arena, "Init Duration: %.2f ms\t", (double)report->init_us / 1000);
    struct mr_slice trace = MR_S("");
    if (report->trace != NULL)
        trace = mr_arena_printf(arena, "\nXRAY TraceId: %s\tSegmentId: %s\tSampled: true\t",
                                report->trace->id, report->trace->segment);
    return mr_arena_printf(
        arena,
        "REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %lld ms\tMemory Size: %lld "
        "MB\tMax Memory Used: %lld MB\t%.*s%s%.*s",
        report->request_id, (double)report->duration_us / 1000,
        (long long)((report->duration_us + 999) / 1000), (long long)report->memory_mb,
        (long long)report->used_mb, MR_ARG(init), report->timed_out ? "Status: timeout" : "",
        MR_ARG(trace));
}

struct mr_slice lambda_runtime_version_arn(struct mr_arena *arena, struct mr_slice region,
                                           struct mr_slice runtime)
{
    uint8_t digest[32];
    char hex[65];
    mr_sha256(runtime, digest);
    mr_hex(digest, sizeof digest, hex);
    return mr_arena_printf(arena, "arn:aws:lambda:%.*s::runtime:%s", MR_ARG(region), hex);
}

/* ---- names ---- */

void lambda_name_split(struct mr_slice text, struct mr_slice *ret_name,
                       struct mr_slice *ret_qualifier)
{
    struct mr_slice rest = text, part;
    const size_t function = mr_slice_search(text, MR_S("function:"));
    const bool is_arn = function != SIZE_MAX && (function == 0 || text.ptr[function - 1] == ':');
    if (is_arn)
        rest = mr_slice_sub(text, function + 9, SIZE_MAX);
    *ret_name = (struct mr_slice){0};
    *ret_qualifier = (struct mr_slice){0};
    if (mr_slice_split(&rest, ':', &part))
        *ret_name = part;
    if (rest.ptr != NULL)
        *ret_qualifier = rest;
}

struct mr_slice lambda_bucket_of(struct mr_slice arn)
{
    const struct mr_slice prefix = MR_S("arn:aws:s3:::");
    return mr_slice_starts_with(arn, prefix) ? mr_slice_sub(arn, prefix.len, SIZE_MAX) : MR_S("");
}
