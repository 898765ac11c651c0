/* logs/pattern.h: filter patterns of CloudWatch Logs.
 *
 * Terms: `ERROR "two words"` (all must occur), `?a ?b` (one must; ignored beside terms without ?),
 * `-c` (must not). JSON: `{ $.a.b[0] = "x*" && ($.n > 5 || $.c IS NULL) }` with = != < <= > >=, IS
 * NULL, IS TRUE, IS FALSE, NOT EXISTS, `*` in texts; an event that is no JSON object does not
 * match. Comparisons are exact in case. Patterns of columns ([a, b]) and regular expressions (%x%)
 * are not implemented. Compiled once; matching allocates from the arena given. */
#pragma once
#include "base/arena.h"
#include "base/json.h"

enum { LOGS_PATTERN_BYTES_MAX = 1024, LOGS_PATTERN_NODES_MAX = 64, LOGS_PATTERN_DEPTH_MAX = 16 };

struct logs_pattern;
/* An empty text matches everything. MR_INVALID: it is no pattern, or one that is not implemented
 * (`message`). */
MR_MUST_USE enum mr_status logs_pattern_parse(struct mr_arena *arena, struct mr_slice text,
                                              struct logs_pattern **ret_pattern,
                                              const char **ret_message);
bool logs_pattern_matches(const struct logs_pattern *pattern, struct mr_slice event);
