/* athena/functions.h: Trino's functions, and what stands for each in DuckDB's SQL. A call of any
 * other name is refused: the list is also what keeps users' SQL away from functions that read
 * files, settings or the environment.
 *
 * A template is DuckDB's text with
 *   $1 .. $9   the arguments          $*   all of them, separated by commas
 *   $D         DISTINCT, if written   $)   IGNORE NULLS, ORDER BY, the closing parenthesis, FILTER
 * and OVER NULL stands for: the same name and all arguments. */
#pragma once
#include "base/slice.h"

enum athena_function_flags {
    ATHENA_AGGREGATE = 1, /* takes DISTINCT, ORDER BY, FILTER, OVER */
    ATHENA_WINDOW = 2,    /* needs OVER */
    ATHENA_SPECIAL = 4,   /* translate_call.c writes it */
    ATHENA_MAP = 8,       /* gives a map */
};
struct athena_function {
    const char *name;
    int arguments_min, arguments_max; /* max -1: any number */
    const char *text;
    unsigned flags;
};
/* The row for this name and number of arguments. NULL: there is none; *ret_known: but the name is
 * known. */
const struct athena_function *athena_function_find(struct mr_slice name, size_t arguments,
                                                   bool *ret_known);
