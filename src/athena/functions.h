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
    ATHENA_GIVES_MAP = 8, /* gives a map */
};
/* Types are written as Trino's manual writes them, several with ';' between: "bigint(varchar)".
 *   T       a type variable: any capital letter
 *   =1      as the first argument            @x   by a rule of signature.c
 *   fn(T,R) a lambda from T to R           row(x:T) a row's field with its name
 *   number, integral, moment (day, time or both), any: one of several
 *   ...     behind the last argument: any number of such
 * NULL: not told; such a row is for arguments whose types are not known. */
struct athena_function {
    const char *name;
    int arguments_min, arguments_max; /* max -1: any number */
    const char *text;
    unsigned flags;
    const char *types;
};
/* The next row of this name behind `before` (NULL: the first one); NULL: no more. */
const struct athena_function *athena_function_next(struct mr_slice name,
                                                   const struct athena_function *before);
/* Of those rows that functions_geometry.c has; `before` is one of them. */
const struct athena_function *athena_function_next_of_geometry(
    struct mr_slice name, const struct athena_function *before);
bool athena_function_takes(const struct athena_function *function, size_t arguments);
/* The first row for this name and number of arguments. NULL: there is none; *ret_known: but the
 * name is known. */
const struct athena_function *athena_function_find(struct mr_slice name, size_t arguments,
                                                   bool *ret_known);
