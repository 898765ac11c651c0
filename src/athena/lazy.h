/* athena/lazy.h: fields of LazySimpleSerDe: text, nested by separators; what does not fit its type
 * is NULL. */
#pragma once
#include "athena/value.h"

enum { ATHENA_LAZY_LEVELS = 8 };
struct athena_lazy {
    char separators[ATHENA_LAZY_LEVELS]; /* [0] between fields */
    char escape;                         /* 0: none */
    struct mr_slice null_text;
};
/* Cuts the text before the next separator of this level off `rest`. False: it was the last part;
 * `ret_part` is set all the same. */
bool athena_lazy_cut(const struct athena_lazy *lazy, int level, struct mr_slice *rest,
                     struct mr_slice *ret_part);
/* A field, cut but still with its escapes. */
void athena_lazy_put(const struct athena_lazy *lazy, struct athena_writer *writer,
                     duckdb_vector vector, idx_t row, const struct athena_type *type,
                     struct mr_slice text, int level);
