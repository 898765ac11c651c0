/* event/pattern.h: event patterns as EventBridge knows them: what a filter of a pipe or of an event
 * source mapping takes.
 *
 * A pattern is an object like the event, with arrays of alternatives at its leaves: a string,
 * number, true, false, null; or {"prefix": s}, {"suffix": s} (s may be {"equals-ignore-case": t}),
 * {"equals-ignore-case": s}, {"wildcard": s}, {"cidr": s}, {"numeric": [op, n, op, n]}, {"exists":
 * b}, {"anything-but": s, n, [..] or one of {"prefix", "suffix", "equals-ignore-case", "wildcard":
 * s or [..]}}. "$or" holds objects of which one must match beside the other members.
 *
 * How they match:
 *  - all members of a pattern must match; of a leaf's alternatives one must;
 *  - numbers are equal by value (1, 1.0 and 1e0), never to a string; ranges compare as doubles;
 *  - where the event has an array, one of its elements must match, and members below the same array
 *    must match the same element;
 *  - "exists" asks for a leaf: an object, or an empty array, is none.
 *
 * Compiled once; matching allocates nothing, and its cost is bounded by the product of the sizes of
 * pattern and event. Depth: a pattern is at most EVENT_PATTERN_DEPTH_MAX deep, an event is parsed
 * with EVENT_DEPTH_MAX. Threads: any number may match with one filter at a time. */
#pragma once
#include "base/arena.h"
#include "base/json.h"

enum {
    EVENT_FILTERS_MAX = 5,
    EVENT_PATTERN_CHARACTERS_MAX = 4096,
    EVENT_PATTERN_DEPTH_MAX = 100,
    EVENT_DEPTH_MAX = 128,
    EVENT_MESSAGE_MAX = 256,
};

/* A set of patterns: it takes what any of them matches. */
struct event_filter;
/* `criteria` is {"Filters": [{"Pattern": text}, ...]}. MR_OK: *ret_filter is NULL when it has no
 * filter, else to be freed. MR_INVALID: `message` says why in EventBridge's words, without a
 * leading phrase: "Empty objects are not allowed". */
MR_MUST_USE enum mr_status event_filter_new(yyjson_val *criteria, struct event_filter **ret_filter,
                                            char message[static EVENT_MESSAGE_MAX]);
void event_filter_free(struct event_filter *filter); /* accepts NULL */
/* NULL takes everything. `event` may be NULL (what was no JSON): nothing matches but absence. */
bool event_filter_takes(const struct event_filter *filter, yyjson_val *event);
