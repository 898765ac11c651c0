/* firehose/pattern.h: java.time.format.DateTimeFormatter's patterns, as they write a time in the
 * locale en_US: what !{timestamp:...} takes. Pure. */
#pragma once
#include "base/buf.h"
#include "firehose/zone.h"

/* Appends the time. MR_INVALID: the pattern is none, as Java has it. MR_NOT_FOUND: one of its
 * fields, the name of a time zone in words, is known here for UTC only. */
MR_MUST_USE enum mr_status pattern_write(struct mr_buf *buf, struct mr_slice pattern,
                                         const struct zone_time *time);
