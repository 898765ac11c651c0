/* cloudwatch/alarm_state.h: what state an alarm is in, by the datapoints of its metric.
 *
 * AWS looks at more periods than EvaluationPeriods, so that the most recent datapoints count where
 * some are late; what is still missing is treated as TreatMissingData says. */
#pragma once
#include "cloudwatch/internal.h"

struct alarm_state {
    struct mr_slice value;  /* "OK", "ALARM" or "INSUFFICIENT_DATA" */
    struct mr_slice reason; /* AWS's words */
    struct mr_slice data;   /* JSON; empty: none */
};
/* False: it stays in the state it is in (missing data are to be ignored), or the fault is set. */
bool alarm_evaluate(struct protocol_call *call, yyjson_val *alarm, struct alarm_state *ret_state);
