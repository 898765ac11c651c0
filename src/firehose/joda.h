/* firehose/joda.h: Joda-Time's DateTimeFormat patterns, as they read a time: what
 * HiveJsonSerDe.TimestampFormats holds. Pure. */
#pragma once
#include "base/slice.h"
#include <stdint.h>

struct joda_formats {
    const struct mr_slice *all; /* patterns that joda_check took, or "millis" */
    size_t count;
};

/* MR_INVALID: it is no pattern, or has a field that is not read here: two-digit years, eras,
 * weeks, days of the year, zones by name. */
MR_MUST_USE enum mr_status joda_check(struct mr_slice pattern);
/* Milliseconds since the epoch, to the end of the year 9999, by the first of the patterns that fits
 * the whole text; a time without an offset is UTC. MR_INVALID: none does. */
MR_MUST_USE enum mr_status joda_read(const struct joda_formats *formats, struct mr_slice text,
                                     int64_t *ret_ms);
