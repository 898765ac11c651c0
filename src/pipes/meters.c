/* What pipes measure of themselves: the metrics of AWS/EventBridge/Pipes. */
#include "pipes/internal.h"

#define SPACE "AWS/EventBridge/Pipes"
static const struct meter_kind kinds[PIPE_METERS] = {
    [PIPE_INVOCATIONS] = {"Invocations", "None", 1},
    [PIPE_EVENT_COUNT] = {"EventCount", "None", 1},
    [PIPE_EVENT_SIZE] = {"EventSize", "Bytes", 1},
    [PIPE_DURATION] = {"Duration", "Milliseconds", 1000},
    [PIPE_THROTTLED] = {"ExecutionThrottled", "None", 1},
    [PIPE_EXECUTION_FAILED] = {"ExecutionFailed", "None", 1},
    [PIPE_EXECUTION_PARTLY] = {"ExecutionPartiallyFailed", "None", 1},
    [PIPE_ENRICHMENT_DURATION] = {"EnrichmentStageDuration", "Milliseconds", 1000},
    [PIPE_ENRICHMENT_FAILED] = {"EnrichmentStageFailed", "None", 1},
    [PIPE_TARGET_DURATION] = {"TargetStageDuration", "Milliseconds", 1000},
    [PIPE_TARGET_FAILED] = {"TargetStageFailed", "None", 1},
    [PIPE_TARGET_PARTLY] = {"TargetStagePartiallyFailed", "None", 1},
    [PIPE_TARGET_SKIPPED] = {"TargetStageSkipped", "None", 1},
    [PIPE_CONCURRENCY] = {"Concurrency", "None", 1},
};

void pipe_meters_init(struct pipe *pipe)
{
    struct mr_slice rest = mr_slice_cstr(pipe->arn), account = {0};
    for (int i = 0; i < 5; i++)
        (void)mr_slice_split(&rest, ':', &account);
    meter_set_init(&pipe->meters, pipe->pipes->options.meters, SPACE, kinds, PIPE_METERS);
    meter_set_dimension(&pipe->meters, "PipeName", mr_slice_cstr(pipe->name));
    meter_set_init(&pipe->account_meters, pipe->pipes->options.meters, SPACE, kinds, PIPE_METERS);
    meter_set_dimension(&pipe->account_meters, "AwsAccountId", account);
}

void pipe_meters_fini(struct pipe *pipe)
{
    meter_set_fini(&pipe->meters);
    meter_set_fini(&pipe->account_meters);
}

void pipe_meter(struct pipe *pipe, enum pipe_meter kind, int64_t value)
{
    meter_set_add(&pipe->meters, kind, value > 0 ? (uint64_t)value : 0);
}

void pipe_meter_begin(struct pipe *pipe)
{
    const int others = atomic_fetch_add(&pipe->pipes->executions, 1);
    meter_set_add(&pipe->account_meters, PIPE_CONCURRENCY, (uint64_t)others + 1);
}

void pipe_meter_execution(struct pipe *pipe, const struct pipe_batch *batch,
                          enum pipe_outcome outcome, int64_t us)
{
    const bool failed = outcome == PIPE_FAILED;
    atomic_fetch_sub(&pipe->pipes->executions, 1);
    if (outcome == PIPE_ENDING || outcome == PIPE_BROKEN)
        return;
    for (size_t i = 0; i < batch->count; i++)
        pipe_meter(pipe, PIPE_EVENT_SIZE, (int64_t)batch->events[i].text.len);
    pipe_meter(pipe, PIPE_INVOCATIONS, 1);
    pipe_meter(pipe, PIPE_EVENT_COUNT, (int64_t)batch->count);
    pipe_meter(pipe, PIPE_DURATION, us);
    pipe_meter(pipe, PIPE_THROTTLED, outcome == PIPE_REFUSED);
    pipe_meter(pipe, PIPE_EXECUTION_FAILED, failed && batch->succeeded == 0);
    pipe_meter(pipe, PIPE_EXECUTION_PARTLY, failed && batch->succeeded > 0);
    meter_set_add(&pipe->account_meters, PIPE_INVOCATIONS, 1);
    meter_set_add(&pipe->account_meters, PIPE_THROTTLED, outcome == PIPE_REFUSED);
}
