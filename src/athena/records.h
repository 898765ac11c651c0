/* athena/records.h: CloudTrail's log files: one JSON object a line, whose member "Records" is the
 * list of what a table has as rows. Pure; nothing is parsed but where records begin and end. */
#pragma once
#include "base/slice.h"

/* What follows the bracket of "Records". False: the line has no such list (as digests have not). */
bool athena_records_open(struct mr_slice line, struct mr_slice *ret_rest);
/* Takes the next record off the front, as it stands there. False: there is none. */
bool athena_records_next(struct mr_slice *rest, struct mr_slice *ret_record);
