/* athena/grok.h: patterns of Grok (GrokSerDe), expanded to one regular expression.
 *
 * "%{NAME}" stands for the pattern of that name, "%{NAME:column}" is also the column's value, and
 * "%{NAME:column:type}" says what a crawler would make the column; a table's own type holds. AWS: a
 * reference without a column has the pattern's name for one. Columns are found in any case. Of
 * several references for a column, that which took part in the match, those with a column's name
 * before the others, outer ones before inner ones. A match may lie anywhere in the line.
 *
 * Custom patterns are lines "NAME regex", may use others and go before built-in ones of their name;
 * of two with one name the last holds. Pure. */
#pragma once
#include "base/arena.h"

enum {
    ATHENA_GROK_DEPTH_MAX = 32,       /* of patterns within patterns */
    ATHENA_GROK_BYTES_MAX = 64 << 10, /* of the expansion */
    ATHENA_GROK_CUSTOM_MAX = 1000,
    ATHENA_GROK_COLUMNS_MAX = 100, /* as many groups as a regular expression has */
};

struct athena_grok_capture {
    struct mr_slice group; /* its name in the regular expression */
    unsigned rank;         /* the lowest first */
    struct athena_grok_capture *next;
};
struct athena_grok {
    struct mr_slice regex;                 /* of a whole line */
    struct athena_grok_capture **captures; /* of each column; NULL: none */
};
struct athena_grok_column {
    struct mr_slice name, type; /* in lower case; as the reference says, or empty */
};
/* The columns that references name, in their order, also those within patterns; one that occurs
 * again is the same. */
MR_MUST_USE enum mr_status athena_grok_columns(struct mr_arena *arena, struct mr_slice format,
                                               struct mr_slice custom,
                                               struct athena_grok_column **ret_columns,
                                               size_t *ret_count, struct mr_slice *ret_why);
/* Everything returned is the arena's. MR_INVALID: `ret_why` says what is wrong. */
MR_MUST_USE enum mr_status athena_grok_expand(struct mr_arena *arena, struct mr_slice format,
                                              struct mr_slice custom,
                                              const struct mr_slice *columns, size_t column_count,
                                              struct athena_grok *ret_grok,
                                              struct mr_slice *ret_why);
/* The built-in pattern of that name; empty: there is none. */
struct mr_slice athena_grok_builtin(struct mr_slice name);
