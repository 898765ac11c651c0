/* What functions measure of themselves: the metrics of AWS/Lambda, of each function and, without
 * dimensions, of all. */
#include "lambda/internal.h"

static const struct meter_kind kinds[LAMBDA_METERS] = {
    [LAMBDA_INVOCATIONS] = {"Invocations", "Count", 1},
    [LAMBDA_ERRORS] = {"Errors", "Count", 1},
    [LAMBDA_THROTTLES] = {"Throttles", "Count", 1},
    [LAMBDA_DURATION] = {"Duration", "Milliseconds", 1000},
    [LAMBDA_CONCURRENT] = {"ConcurrentExecutions", "Count", 1},
    [LAMBDA_ITERATOR_AGE] = {"IteratorAge", "Milliseconds", 1},
    [LAMBDA_ASYNC_RECEIVED] = {"AsyncEventsReceived", "Count", 1},
    [LAMBDA_ASYNC_AGE] = {"AsyncEventAge", "Milliseconds", 1},
    [LAMBDA_ASYNC_DROPPED] = {"AsyncEventsDropped", "Count", 1},
    [LAMBDA_DESTINATION_FAILURES] = {"DestinationDeliveryFailures", "Count", 1},
};

void lambda_meters_init(struct lambda *lambda, struct lambda_function *function)
{
    struct meter_set *set = function == NULL ? &lambda->meters : &function->meters;
    meter_set_init(set, lambda->options.meters, "AWS/Lambda", kinds, LAMBDA_METERS);
    if (function != NULL)
        meter_set_dimension(set, "FunctionName", mr_slice_cstr(function->name));
}

void lambda_meter(struct lambda_function *function, enum lambda_meter kind, uint64_t value)
{
    meter_set_add(&function->meters, kind, value);
    meter_set_add(&function->lambda->meters, kind, value);
}

void lambda_meter_begin(struct lambda_function *function)
{
    const int own = atomic_fetch_add(&function->running, 1) + 1;
    const int all = atomic_fetch_add(&function->lambda->running, 1) + 1;
    meter_set_add(&function->meters, LAMBDA_CONCURRENT, (uint64_t)own);
    meter_set_add(&function->lambda->meters, LAMBDA_CONCURRENT, (uint64_t)all);
}

/* AWS: a throttled call is no invocation. */
void lambda_meter_end(struct lambda_function *function, enum lambda_outcome outcome)
{
    (void)atomic_fetch_sub(&function->running, 1);
    (void)atomic_fetch_sub(&function->lambda->running, 1);
    if (outcome == LAMBDA_THROTTLED)
        lambda_meter(function, LAMBDA_THROTTLES, 1);
    if (outcome != LAMBDA_OK && outcome != LAMBDA_FUNCTION_ERROR)
        return;
    lambda_meter(function, LAMBDA_INVOCATIONS, 1);
    lambda_meter(function, LAMBDA_ERRORS, outcome == LAMBDA_FUNCTION_ERROR);
    lambda_meter(function, LAMBDA_THROTTLES, 0);
}

void lambda_meter_age(struct lambda *lambda, struct mr_slice function_arn, int64_t age_ms)
{
    struct mr_slice name, qualifier;
    lambda_name_split(function_arn, &name, &qualifier);
    const struct meter_dimension dimension = {"FunctionName", name};
    meter_add(meters_get(lambda->options.meters, "AWS/Lambda", &kinds[LAMBDA_ITERATOR_AGE],
                         &dimension, 1),
              age_ms > 0 ? (uint64_t)age_ms : 0);
}
