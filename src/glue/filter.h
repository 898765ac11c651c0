/* glue/filter.h: the Expression of GetPartitions: comparisons of partition keys with literals,
 * joined by AND, OR, NOT.
 *
 *   year = '2026' AND (month > '06' OR month IN ('01', '02')) AND day BETWEEN 1 AND 9 AND hour LIKE
 * '1%'
 *
 * A key is compared by its type (filter_value.h): numbers, dates and times as such, texts in byte
 * order. The value __HIVE_DEFAULT_PARTITION__ is null. */
#pragma once
#include "glue/glue.h"

struct filter;
/* MR_INVALID: `*ret_error` says why, in AWS's words. All in the arena. */
MR_MUST_USE enum mr_status glue_filter_parse(struct mr_arena *arena, struct mr_slice text,
                                             const struct glue_column *keys, size_t key_count,
                                             const struct filter **ret_filter,
                                             struct mr_slice *ret_error);
/* MR_INVALID: a value that decides is none of its key's type; `*ret_error` says which, in AWS's
 * words. */
MR_MUST_USE enum mr_status glue_filter_match(const struct filter *filter, struct mr_arena *arena,
                                             const struct mr_slice *values, bool *ret_fits,
                                             struct mr_slice *ret_error);
/* SQL's LIKE: % any text, _ one character, `escape` (0: none) before either. */
bool glue_filter_like(struct mr_slice text, struct mr_slice pattern, char escape);
