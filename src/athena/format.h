/* athena/format.h: what scalars_format.c has from scalars_format_time.c. Private to these. */
#pragma once
#include "base/buf.h"

/* Appends what Java's %t followed by `conversion` shows of a date, time or timestamp, which is
 * given as the text that Athena shows; what its toString() gives when `conversion` is 0. False: the
 * text is none, or has not what is wanted of it; what was appended means nothing then. */
bool athena_format_moment(struct mr_buf *out, char conversion, struct mr_slice value);
