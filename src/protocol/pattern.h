/* protocol/pattern.h: the regular expressions of the models: ECMA's syntax less backreferences and
 * look-behind.
 *
 * The whole text must match. A backtracking matcher with a budget: what is too hard to decide, and
 * what cannot be compiled, counts as a match, so that a strange pattern never refuses a request.
 * Compiled patterns are immutable: any thread may match. */
#pragma once
#include "base/slice.h"
#include <stdatomic.h>

struct pattern;
struct pattern *pattern_new(struct mr_slice source); /* never NULL */
void pattern_free(struct pattern *pattern);          /* accepts NULL */
bool pattern_matches(const struct pattern *pattern, struct mr_slice text);
/* The same for who must know: MR_OK, MR_NOT_FOUND, MR_FULL: too hard to decide, MR_INVALID: not
 * compiled. */
MR_MUST_USE enum mr_status pattern_try(const struct pattern *pattern, struct mr_slice text);
/* The same with a cache slot that is filled by who comes first. */
bool pattern_cached_matches(_Atomic(struct pattern *) *slot, struct mr_slice source,
                            struct mr_slice text);
