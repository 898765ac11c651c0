/* glue/filter.h: the Expression of GetPartitions: comparisons of partition keys with literals,
 * joined by AND, OR, NOT.
 *
 *   year = '2026' AND (month > '06' OR month IN ('01', '02')) AND day BETWEEN 1 AND 9 AND hour LIKE
 * '1%'
 *
 * A key of a number type is compared as a number, others as text, in byte order. */
#pragma once
#include "glue/glue.h"

struct filter;
/* MR_INVALID: `*ret_error` says why. All in the arena. */
MR_MUST_USE enum mr_status glue_filter_parse(struct mr_arena *arena, struct mr_slice text,
                                             const struct glue_column *keys, size_t key_count,
                                             const struct filter **ret_filter,
                                             struct mr_slice *ret_error);
bool glue_filter_match(const struct filter *filter, const struct mr_slice *values);
/* SQL's LIKE: % any text, _ one character, `escape` (0: none) before either. */
bool glue_filter_like(struct mr_slice text, struct mr_slice pattern, char escape);
