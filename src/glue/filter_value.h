/* glue/filter_value.h: values of partition keys by the key's type, for GetPartitions expressions.
 *
 * AWS: keys of an expression are of string, date, timestamp, int, bigint, long, tinyint, smallint
 * or decimal. Every value is a text that is read by its key's type; one that cannot be is an error
 * with these words, of the expression (InvalidInputException) or of the partition
 * (InvalidStateException). */
#pragma once
#include "base/arena.h"
#include "base/slice.h"

enum filter_type {
    FILTER_TEXT,
    FILTER_INTEGER,
    FILTER_DECIMAL,
    FILTER_DATE,
    FILTER_TIMESTAMP,
    FILTER_NO_TYPE
};
struct filter_value {
    struct mr_slice text;
    int64_t whole; /* of an integer; a date or timestamp: milliseconds since 1970 */
    int64_t nanos; /* of a timestamp, within its millisecond */
    double real;   /* of a decimal */
};
/* FILTER_NO_TYPE: no key of an expression may have it. */
enum filter_type glue_filter_type(struct mr_slice type);
/* MR_INVALID: `*ret_error` says so in AWS's words. */
MR_MUST_USE enum mr_status glue_filter_value_read(struct mr_arena *arena, enum filter_type type,
                                                  struct mr_slice text,
                                                  struct filter_value *ret_value,
                                                  struct mr_slice *ret_error);
int glue_filter_value_compare(enum filter_type type, const struct filter_value *a,
                              const struct filter_value *b);
