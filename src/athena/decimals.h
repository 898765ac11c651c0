/* athena/decimals.h: division of decimals with Trino's precision and scale.
 *
 * The type of a division depends on its operands, which only DuckDB knows, and a function of its C
 * API cannot choose its result by them. So mr_div refuses decimals when it is bound, with a note of
 * their types; the note becomes a function made for just these types, whose name takes the place of
 * this mr_div in the text, and the query is prepared again. */
#pragma once
#include "athena/duck.h"
#include "base/arena.h"

/* A division in the text is "mr_div/ *<number>* /(left, right, <number>)", mr_mod alike (without
 * the blanks). It may stand there several times. */
struct athena_decimals {
    int number, remainder;
    int left_precision, left_scale, right_precision, right_scale;
};
/* The note in DuckDB's message. False: there is none. */
bool athena_decimals_read(struct mr_slice message, struct athena_decimals *ret_note);
/* Called from the bind of mr_div and mr_mod: refuses decimals, unless one side is a floating-point
 * number. */
void athena_decimals_refuse(duckdb_bind_info info, bool remainder);
/* Registers the function of these types. Its name is like "mr_div_3_1_10_0". */
MR_MUST_USE enum mr_status athena_decimals_register(duckdb_connection connection,
                                                    const struct athena_decimals *note);
struct mr_slice athena_decimals_name(struct mr_arena *arena, const struct athena_decimals *note);
/* The text with this one division renamed, wherever it stands. */
char *athena_decimals_patch(struct mr_arena *arena, const char *sql,
                            const struct athena_decimals *note);
